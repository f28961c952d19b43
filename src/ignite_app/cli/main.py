"""The `ignite` command: one function per command, each composed through the container.

Exit codes are those of `output`; a configuration error names file and key and exits 2.
"""

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from ignite_app.cli.output import GOOD, UNFINISHED, USAGE, say
from ignite_domain.errors import BadInput, IgniteError

Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON value on standard output.")]
Config = Annotated[Path | None, Parameter(name="--config", help="A YAML file; IGNITE_<SECTION>__<KEY> overrides it.")]

app = cyclopts.App(
    name="ignite",
    help="E-mail platform for senders who run their own PowerMTA; it governs the MTA by itself.",
    help_format="plaintext",  # in markup <SECTION> would be a tag and vanish
    version_flags=["--version"],
    result_action="return_value",
)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    from ignite_app.cli import accounting, commands, governance, people, rules  # noqa: F401  # they register their commands on `app`

    try:
        code = app(list(arguments), exit_on_error=False, print_error=True)
    except cyclopts.CycloptsError:
        return USAGE
    except BadInput as wrong:
        say(f"ignite: {wrong}")
        return USAGE
    except IgniteError as failure:
        say(f"ignite: {failure}")
        return UNFINISHED
    except ExceptionGroup as several:  # of workers that run side by side
        ours, others = several.split(IgniteError)
        if ours is None or others is not None:
            raise
        told = list(_leaves(ours))
        for one in told:
            say(f"ignite: {one}")
        return USAGE if all(isinstance(one, BadInput) for one in told) else UNFINISHED
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else GOOD


def _leaves(group: ExceptionGroup[IgniteError]) -> Iterator[IgniteError]:
    for one in group.exceptions:
        if isinstance(one, ExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


def until_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; call inside a running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))

"""Starts and watches the child processes of a run.

Every child dies with its parent (PR_SET_PDEATHSIG), writes to a log file of its own, and is named
with its last lines when it fails.
"""

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from ignite_domain.errors import IgniteError

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
GRACE_REAL_SECONDS: Final = 8.0
HASTY_REAL_SECONDS: Final = 2.0
"""Where nothing that a child could still write is kept."""


class ChildFailed(IgniteError):
    """A child ended by itself; the message holds its last lines."""


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@attrs.define
class Child:
    """One process: `arguments` are those of the ignite command."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    def last_lines(self, count: int = 12) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join("    " + line for line in text.splitlines()[-count:])

    def require_alive(self) -> None:
        """Raise `ChildFailed` if the process is gone."""
        code = self.process.returncode
        if code is not None:
            raise ChildFailed(f"{self.name} ended with {code}; its last lines:\n{self.last_lines()}")


async def start(name: str, arguments: Sequence[str], logs: Path, environ: Mapping[str, str]) -> Child:
    """Start `ignite <arguments>` as a child of this process, from the main thread."""
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ignite_app.entry",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=_die_with_parent,  # one thread here; the child must not outlive us
            process_group=0,  # a Ctrl-C at the terminal is ours alone to pass on, in the right order
        )
    return Child(name, process, log)


async def stop(children: Sequence[Child], grace: float = GRACE_REAL_SECONDS) -> None:
    """Ask all politely, and at once; insist where one does not go within the `grace` they share, in real seconds."""
    for child in reversed(children):
        if child.process.returncode is None:
            child.process.terminate()
    waits = [asyncio.create_task(child.process.wait()) for child in children]
    if waits:
        await asyncio.wait(waits, timeout=grace)
    for child in children:
        if child.process.returncode is None:
            child.process.kill()
    await asyncio.gather(*waits)

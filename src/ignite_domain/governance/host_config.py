"""What a PMTA host's configuration lacks for governance, and the lines that add it.

Decides from what can be seen: `show settings` of a queue, the records in the log, the traces of our headers in
them. Directives and defaults: PowerMTA 5.0 user's guide, 2.6 and 11.2.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from ignite_domain.governance import include_file
from ignite_domain.governance.accounting import AccountingRecord

ACCT_FILES: Final = (
    ("all", ("d", "b", "f", "rb", "rs")),
    ("transient", ("t", "tq")),
    ("receipt", ("r",)),
)
"""Which types go into which file: a lot of one kind does not hold up the others."""
OUR_ENVELOPE: Final = re.compile(r"ig[1-9][0-9]{0,17}", re.ASCII)
OUR_JOB: Final = re.compile(r"c[1-9][0-9]{0,18}", re.ASCII)
_LINE: Final = re.compile(r"^\s*(backoff-[a-z-]+|bounce-after|max-msg-rate)\s+(\S.*?)\s*$", re.M)
_PART: Final = re.compile(r"(\d+)([dhms]?)", re.ASCII)
_SPAN: Final = re.compile(r"(?:\d+[dhms])+|\d+", re.ASCII)
_UNITS: Final = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_NOT_SET: Final = re.compile(r"unlimited|never|none|0|", re.I)


def acct_lines(absent: Collection[str]) -> str:
    """The `<acct-file>` blocks that write the record types of `absent`."""
    blocks = []
    for label, types in ACCT_FILES:
        if any(one in absent for one in types):
            body = f"    records {','.join(types)}\n    world-readable yes"
            blocks.append(f"<acct-file /var/log/pmta/acct-{label}.csv>\n{body}\n</acct-file>")
    return "\n".join(blocks)


def settings_of(answer: str) -> dict[str, str]:
    """The directives in the answer to `show settings`, whether JSON (at any depth) or the text table."""
    try:
        document = json.loads(answer)
    except ValueError:
        return dict(_LINE.findall(answer))
    found: dict[str, str] = {}

    def walk(place: Any) -> None:
        if isinstance(place, Mapping):
            name, value = place.get("name"), place.get("value")
            if isinstance(name, str) and isinstance(value, str | int | float):
                found.setdefault(_directive(name), str(value))
            for key, inner in place.items():
                if isinstance(inner, str | int | float):
                    found.setdefault(_directive(str(key)), str(inner))
                else:
                    walk(inner)
        elif isinstance(place, Sequence) and not isinstance(place, str):
            for inner in place:
                walk(inner)

    walk(document)
    return found


def _directive(name: str) -> str:
    """`backoffMaxMsgRate`, `backoff_max_msg_rate` and `backoff-max-msg-rate` are one."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).replace("_", "-").lower()


def backoff_lacks(settings: Mapping[str, str]) -> list[str]:
    """What makes backoff mode do nothing, or never end, for one queue; empty if it works."""
    lacks = []
    rate = settings.get("backoff-max-msg-rate", "")
    if _NOT_SET.fullmatch(rate.partition("/")[0]) or rate == settings.get("max-msg-rate"):
        lacks.append("backoff-max-msg-rate (backoff changes nothing)")
    if _NOT_SET.fullmatch(settings.get("backoff-to-normal-after", "").partition("/")[0]):
        lacks.append("backoff-to-normal-after (backoff never ends by itself)")
    return lacks


def kept_otherwise(settings: Mapping[str, str], hours: float) -> str:
    """What is wrong with `hours` as the time that PMTA keeps mail; "" if nothing, or if it is not shown."""
    shown = settings.get("bounce-after", "")
    if not _SPAN.fullmatch(shown):
        return ""
    seconds = sum(int(number) * _UNITS[unit or "s"] for number, unit in _PART.findall(shown))
    if abs(seconds - hours * 3600) < 60:
        return ""
    return f"bounce-after is {shown}: set pmta.bounce_after_hours to {seconds / 3600:g}, it is {hours:g}"


def backoff_lines(vmtas: Sequence[str], base: int) -> str:
    """The include line, and what the generated file says while nothing is restricted."""
    text = include_file.render(vmtas, base, {}).text
    body = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(["include /etc/pmta/ignite.conf", "# until that file is written by mode act:", *body])


def header_lacks(records: Iterable[AccountingRecord], vmtas: Collection[str]) -> tuple[int, list[str]]:
    """(records of our mail, the directives whose trace is missing in all of them)."""
    ours = [one for one in records if OUR_ENVELOPE.fullmatch(one.envid) and one.type in ("d", "b", "t", "r")]
    if not ours:
        return 0, []
    lacks = []
    if not any(OUR_JOB.fullmatch(one.job) for one in ours):
        lacks.append("process-x-job")
    if vmtas and not any(one.vmta in vmtas for one in ours):
        lacks.append("process-x-virtual-mta")
    return len(ours), lacks


def source_lines(lacks: Collection[str]) -> str:
    """The `<source>` block with the directives of `lacks`."""
    return "\n".join(["<source ADDRESS-OF-IGNITE>", *(f"    {one} yes" for one in sorted(lacks)), "</source>"])

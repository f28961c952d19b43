"""Reads PMTA's accounting lines into records. Decides what a line says, never what follows from it.

Header-driven and case-insensitive, never positional: a file with several types holds the union of their
columns, administrators choose fields, and public headers even repeat names (the first one counts). A line
that cannot be read is `Rejected` with a reason; nothing raises. Source: PowerMTA 5.0 user's guide, 11.2.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import attrs

TYPES: Final[dict[str, str]] = {name: name for name in ("d", "b", "t", "tq", "r", "f", "rb", "rs")} | {
    "delivery": "d",
    "bounce": "b",
    "transient": "t",
    "transient-queue": "tq",
    "receipt": "r",
    "feedback-loop": "f",
    "remote-bounce": "rb",
    "remote-status": "rs",
}
"""Record types by every name they go under."""

_FIELDS: Final = (
    "timequeued orig rcpt dsnaction dsnstatus dsndiag dsnmta bouncecat dlvsourceip vmta jobid envid queue feedbacktype"
).split()
_DATE_FORMS: Final = ("%Y-%m-%d %H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%z", "%m/%d/%Y %H:%M:%S%z", "%Y-%m-%d %H:%M:%S")


@attrs.frozen(slots=True)
class AccountingRecord:
    """One line, the `line`-th of its file. Texts are "" where it has none; `logged` and `queued` are UTC.

    `status` is the bare code ("5.1.1"), `diagnostic` the reply without its "smtp;", `mta` the host's name.
    """

    type: str
    logged: datetime
    queued: datetime | None = None
    orig: str = attrs.field(default="", repr=False)
    rcpt: str = attrs.field(default="", repr=False)
    action: str = ""
    status: str = ""
    diagnostic: str = attrs.field(default="", repr=False)
    mta: str = ""
    category: str = ""
    source_ip: str = ""
    vmta: str = ""
    job: str = ""
    envid: str = ""
    queue: str = ""
    feedback_type: str = ""
    line: int = attrs.field(default=0, eq=False)


@attrs.frozen(slots=True)
class Rejected:
    """A line that says nothing we can use. `line` counts from 1 in its file, headers included."""

    line: int
    reason: str


@lru_cache(maxsize=4096)
def parse_time(text: str) -> datetime | None:
    """Read any of PMTA's three time forms (ISO with offset, US dates, Unix seconds) as UTC; None otherwise."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text), UTC) if 9 <= len(text) <= 11 else None
    for form in _DATE_FORMS:
        try:
            at = datetime.strptime(text, form)
        except ValueError:
            continue
        if not 1970 <= at.year < 9999:
            return None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return None


def split_line(text: str) -> list[str] | None:
    """The cells of one CSV line, or None if a quote is left open (a truncated line)."""
    text = text.rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


class LineReader:
    """Reads one file's lines in order. `header` and `line` are all it needs to go on after a restart."""

    def __init__(self, header: str = "", line: int = 0) -> None:
        self.header = header
        self.line = line
        self._columns: list[int] = []
        self._width = 0
        self._time = -1
        if header:
            self._learn(split_line(header) or [], header)

    def _learn(self, cells: Sequence[str], text: str) -> None:
        where: dict[str, int] = {}
        for index, name in enumerate(cells):
            where.setdefault(name.strip().lower(), index)
        self._columns = [where.get(name, -1) for name in _FIELDS]
        self._time = where.get("timelogged", -1)
        self._width = len(cells)
        self.header = text.rstrip("\r\n")

    def read(self, text: str) -> AccountingRecord | Rejected | None:
        """Read the next line; None for a header or a blank line."""
        self.line += 1
        if not text.strip():
            return None
        if "\0" in text:
            return Rejected(self.line, "binary data")
        if self.line == 1:
            text = text.removeprefix("\ufeff")
        cells = split_line(text)
        if cells is None:
            return Rejected(self.line, "a quote is left open: the line is cut off")
        first = cells[0].strip().lower()
        if first == "type":
            self._learn(cells, text)
            return None
        if not self._width:
            return Rejected(self.line, "no header line before it")
        kind = TYPES.get(first)
        if kind is None:
            return Rejected(self.line, "unknown record type")
        if len(cells) != self._width:
            return Rejected(self.line, f"{len(cells)} fields where the header names {self._width}")
        logged = parse_time(cells[self._time]) if self._time >= 0 else None
        if logged is None:
            return Rejected(self.line, "timeLogged is missing or not a time")
        value = [cells[index] if index >= 0 else "" for index in self._columns]
        queued, orig, rcpt, action, status, diagnostic, mta, category, ip, vmta, job, envid, queue, feedback = value
        return AccountingRecord(
            kind,
            logged,
            parse_time(queued) if queued else None,
            orig,
            rcpt,
            action,
            status.partition(" ")[0],
            diagnostic.removeprefix("smtp;"),
            mta.partition(" ")[0],
            category,
            ip,
            vmta,
            job,
            envid,
            queue,
            feedback,
            self.line,
        )


def read(lines: Iterable[str]) -> Iterator[AccountingRecord | Rejected]:
    """Read the lines of one file, header included, in order."""
    reader = LineReader()
    for text in lines:
        found = reader.read(text)
        if found is not None:
            yield found

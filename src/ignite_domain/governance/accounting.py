"""Reads PMTA's accounting lines into records. Decides what a line says, never what follows from it.

Header-driven and case-insensitive, never positional: a file with several types holds the union of their
columns, administrators choose fields, and public headers even repeat names (the first one counts). A quoted
field may hold line breaks, so a record is one physical line or several; its number is that of the first.
What cannot be read is `Rejected` with a reason; nothing raises. Source: PowerMTA 5.0 user's guide, 11.2.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any, Final

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
"""Record types by every name they go under. Another name is passed through as it stands, for others to count."""

LONGEST: Final = 1 << 16
"""Bytes of a record. A quote that stays open for longer is a line that was cut off, not a text."""
CUT_OFF: Final = "a quote is left open: the line is cut off"
NOT_CSV: Final = "not CSV: a quote or a line break stands where none may be"
TOO_LONG: Final = f"longer than {LONGEST} bytes"
UNFINISHED: Final = "the file ends within this line"

_FIELDS: Final = (
    "timequeued orig rcpt dsnaction dsnstatus dsndiag dsnmta bouncecat dlvsourceip vmta jobid envid queue feedbacktype"
).split()
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[+-]\d\d:?\d\d|Z)?", re.ASCII)
_US: Final = ("%m/%d/%Y %H:%M:%S%z", "%m/%d/%Y %H:%M:%S")
_TYPE_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_AT_ONCE: Final = 1024


@attrs.frozen(slots=True)
class AccountingRecord:
    """One record, beginning in the `line`-th line of its file. Texts are "" where it has none; times are UTC.

    `type` is one of the short names of `TYPES`, or what the file says where PMTA has a type that we do not know.
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
    """A line that says nothing we can use. `line` counts physical lines from 1 in its file, headers included."""

    line: int
    reason: str


Entry = AccountingRecord | Rejected


@lru_cache(maxsize=4096)
def parse_time(text: str) -> datetime | None:
    """Read any of PMTA's three time forms (ISO with offset, US dates, Unix seconds) as UTC; None otherwise."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text), UTC) if 9 <= len(text) <= 11 else None
    at = _iso(text) if _ISO.fullmatch(text) else _us(text)
    if at is None or not 1970 <= at.year < 9999:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _us(text: str) -> datetime | None:
    for form in _US:
        try:
            return datetime.strptime(text, form)  # a form without offset is UTC, see parse_time
        except ValueError:
            continue
    return None


def split_line(text: str) -> list[str] | None:
    """The cells of one record, or None if it is no CSV: a quote is left open, or stands where none may be."""
    rows = csv.reader(io.StringIO(text.rstrip("\r\n"), newline="\n"), strict=True)
    try:
        return [cell for row in rows for cell in row]
    except csv.Error:
        return None


def column_of(cells: Sequence[str]) -> dict[str, int]:
    """Where each heading stands, in lower case; of two that are the same the first counts."""
    where: dict[str, int] = {}
    for index, name in enumerate(cells):
        where.setdefault(name.strip().lower(), index)
    return where


class LineReader:
    """Reads one file in order. `header`, `line` and `inside` are all it needs to go on after a restart.

    `line` counts the physical lines that are done with; `inside`: the bytes that come next belong to a line
    that has been refused already, up to its end.
    """

    def __init__(self, header: str = "", line: int = 0, *, inside: bool = False) -> None:
        self.header = header
        self.line = line
        self.inside = inside
        self._pick: Any = None
        self._width = 0
        self._time = -1
        if header:
            self._learn(split_line(header) or [], header)

    def take(self, data: bytes, *, final: bool = False, limit: int = 1 << 62) -> tuple[list[Entry], int]:
        """Read what `data` holds of the file from here on: at most `limit` entries, and the bytes they took.

        A record whose end is not there yet takes nothing, so the caller hands its bytes in again, with more.
        `final`: nobody will write to the file any more, so what has no end was cut off and is refused.
        """
        start = 0
        if self.inside:
            start = data.find(b"\n") + 1
            if not start:
                return [], len(data)
            self.inside = False
        raw = data[start:].split(b"\n") if start else data.split(b"\n")
        tail = raw.pop()
        text = data[start : len(data) - len(tail)].decode("utf-8", "replace")
        sizes = [len(one) for one in raw]
        entries, used = self.scan(list(io.StringIO(text, newline="\n")), sizes, final=final and not tail, limit=limit)
        done = start + sum(sizes[:used]) + used
        if not tail or len(entries) >= limit or not (final or len(tail) > LONGEST):
            return entries, done
        if used < len(raw):  # a quote was opened before the tail, and nothing will close it
            rest, more = self.scan(
                list(io.StringIO(data[done : len(data) - len(tail)].decode("utf-8", "replace"), newline="\n")),
                sizes[used:],
                final=True,
                limit=limit - len(entries),
            )
            entries += rest
            done += sum(sizes[used : used + more]) + more
            if used + more < len(raw):
                return entries, done
        self.line += 1
        self.inside = True
        why = UNFINISHED if len(tail) <= LONGEST else TOO_LONG
        return [*entries, Rejected(self.line, why)], len(data)

    def scan(
        self, lines: Sequence[str], sizes: Sequence[int], *, final: bool, limit: int = 1 << 62
    ) -> tuple[list[Entry], int]:
        """Read whole physical lines (`sizes`: their bytes without the break) and say how many were taken."""
        entries: list[Entry] = []
        at, count = 0, len(lines)
        careful = any("\0" in line for line in lines) or (count > 0 and max(sizes) > LONGEST)
        if self.line == 0 and count and lines[0].startswith("\ufeff"):
            lines = [lines[0][1:], *lines[1:]]
        while at < count and len(entries) < limit:
            base, ran_out = at, False

            def feed(start: int) -> Iterator[str]:
                nonlocal ran_out
                yield from islice(lines, start, None)
                ran_out = True

            rows = csv.reader(feed(at), strict=True)
            try:
                for cells in rows:
                    end = base + rows.line_num
                    if end - at > 1 and sum(sizes[at:end]) > LONGEST:
                        raise csv.Error
                    if careful and (why := _unfit(lines[at:end], sizes[at:end])):
                        entries.append(Rejected(self.line + 1, why))
                    else:
                        found = self._entry(cells, lines, at, end)
                        if found is not None:
                            entries.append(found)
                    self.line += end - at
                    at = end
                    if len(entries) >= limit:
                        break
            except csv.Error:
                if ran_out and not final and sum(sizes[at:]) <= LONGEST:
                    break  # its end may still come
                self.line += 1
                why = TOO_LONG if sizes[at] > LONGEST else _fault(lines[at])
                entries.append(Rejected(self.line, why))
                at += 1
        return entries, at

    def read(self, text: str) -> Entry | None:
        """Read one whole record; None for a header or a blank line."""
        lines = list(io.StringIO(text, newline="\n")) or [""]
        entries, _ = self.scan(lines, [len(line) for line in lines], final=True, limit=1)
        return entries[0] if entries else None

    def _learn(self, cells: Sequence[str], text: str) -> None:
        where = column_of(cells)
        self._width = len(cells)
        # a column that the file has not is the empty cell that is put behind the last one
        self._pick = itemgetter(*(where.get(name, self._width) for name in _FIELDS))
        self._time = where.get("timelogged", -1)
        self.header = text.rstrip("\r\n")

    def _entry(self, cells: list[str], lines: Sequence[str], at: int, end: int) -> Entry | None:
        if not cells or (len(cells) == 1 and not cells[0].strip()):
            return None
        line = self.line + 1
        first = cells[0].strip().lower()
        kind = TYPES.get(first)
        if kind is None:
            if first == "type":
                self._learn(cells, "".join(lines[at:end]))
                return None
            if not self._width:
                return Rejected(line, "no header line before it")
            if not _TYPE_NAME.fullmatch(first) or len(cells) != self._width or self._logged(cells) is None:
                return Rejected(line, "unknown record type")
            kind = first
        if not self._width:
            return Rejected(line, "no header line before it")
        if len(cells) != self._width:
            return Rejected(line, f"{len(cells)} fields where the header names {self._width}")
        logged = self._logged(cells)
        if logged is None:
            return Rejected(line, "timeLogged is missing or not a time")
        cells.append("")
        queued, orig, rcpt, action, status, diagnostic, mta, category, ip, vmta, job, envid, queue, feedback = (
            self._pick(cells)
        )
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
            line,
        )

    def _logged(self, cells: Sequence[str]) -> datetime | None:
        return parse_time(cells[self._time]) if self._time >= 0 else None


def _unfit(lines: Sequence[str], sizes: Sequence[int]) -> str:
    """Why a record is not looked into, or ""."""
    if sum(sizes) > LONGEST:
        return TOO_LONG
    return "binary data" if any("\0" in line for line in lines) else ""


def _fault(line: str) -> str:
    """What is wrong with a line that is no CSV, by itself alone: the same wherever a reader began."""
    ended = False

    def feed() -> Iterator[str]:
        nonlocal ended
        yield line
        ended = True

    try:
        list(csv.reader(feed(), strict=True))
    except csv.Error:
        return CUT_OFF if ended else NOT_CSV
    return NOT_CSV


def read(lines: Iterable[str]) -> Iterator[AccountingRecord | Rejected]:
    """Read the physical lines of one file, header included, in order; memory stays flat."""
    reader = LineReader()
    waiting: list[str] = []
    for text in lines:
        waiting.append(text)
        if len(waiting) >= _AT_ONCE:
            entries, used = reader.scan(waiting, [len(one) for one in waiting], final=False)
            yield from entries
            del waiting[:used]
    yield from reader.scan(waiting, [len(one) for one in waiting], final=True)[0]

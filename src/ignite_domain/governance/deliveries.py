"""`Deliveries`: records of type d in columns, and `BulkReader`, which puts them there.

Nearly every record says that a message was taken. Such lines are split and read a column at a time, many at once; what
is anything else, or looks unusual, goes record by record through `accounting.LineReader`, which says the same of each.
Decides nothing about what a delivery means.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import compress
from operator import itemgetter
from typing import Any, Final

import attrs

from ignite_domain.governance.accounting import (
    LONGEST,
    AccountingRecord,
    Entry,
    LineReader,
    column_of,
    parse_time,
)

AT_ONCE: Final = 500
"""Lines in a block: few enough that their cells are still in the processor's cache when columns are made of them."""
FEW: Final = 16
"""A block of fewer lines is not worth the columns."""
_FIELDS: Final = "timelogged timequeued rcpt dlvsourceip vmta jobid envid queue".split()
_KNOWN: Final = frozenset({"d", "b", "t", "tq", "r", "f", "rb", "rs"})
"""Types as PMTA writes them. A block with another name in it goes record by record."""


@attrs.define
class Deliveries:
    """One record at each index of every column; columns are as `AccountingRecord` has them. `lines` count from 1."""

    lines: list[int] = attrs.field(factory=list)
    logged: list[datetime] = attrs.field(factory=list)
    queued: list[datetime | None] = attrs.field(factory=list)
    rcpt: list[str] = attrs.field(factory=list, repr=False)
    source_ip: list[str] = attrs.field(factory=list)
    vmta: list[str] = attrs.field(factory=list)
    job: list[str] = attrs.field(factory=list)
    envid: list[str] = attrs.field(factory=list)
    queue: list[str] = attrs.field(factory=list)

    def __len__(self) -> int:
        return len(self.logged)

    @property
    def columns(self) -> tuple[list[Any], ...]:
        return (
            *(self.lines, self.logged, self.queued, self.rcpt, self.source_ip),
            *(self.vmta, self.job, self.envid, self.queue),
        )

    def records(self) -> Iterator[AccountingRecord]:
        """Each as a record of its own: without `orig`, action, status and reply, which say nothing in a delivery."""
        for line, logged, queued, rcpt, ip, vmta, job, envid, queue in zip(*self.columns, strict=True):
            yield AccountingRecord(
                "d", logged, queued, rcpt=rcpt, source_ip=ip, vmta=vmta, job=job, envid=envid, queue=queue, line=line
            )

    def where(self, wanted: Sequence[Any]) -> "Deliveries":
        """Those at whose index `wanted` is true."""
        return Deliveries(*(list(compress(column, wanted)) for column in self.columns))

    @classmethod
    def joined(cls, many: Sequence["Deliveries"]) -> "Deliveries":
        """All of them in order of time; those of one second as they came."""
        whole = many[0] if len(many) == 1 else cls(*map(_chained, zip(*(one.columns for one in many), strict=True)))
        ordered = sorted(whole.logged)
        if ordered == whole.logged:
            return whole
        order = sorted(range(len(whole)), key=whole.logged.__getitem__)
        return cls(*(list(map(column.__getitem__, order)) for column in whole.columns))


def _chained(columns: tuple[list[Any], ...]) -> list[Any]:
    return [one for column in columns for one in column]


class BulkReader(LineReader):
    """A `LineReader` whose `deliveries` are put aside in columns: they are not among the entries it returns, but
    count towards its limit."""

    def __init__(self, header: str = "", line: int = 0, *, inside: bool = False) -> None:
        self.deliveries = Deliveries()
        self._cells: Callable[[list[str]], Any] | None = None
        super().__init__(header, line, inside=inside)

    def scan(
        self, lines: Sequence[str], sizes: Sequence[int], *, final: bool, limit: int = 1 << 62
    ) -> tuple[list[Entry], int]:
        entries: list[Entry] = []
        before, at, size = len(self.deliveries), 0, AT_ONCE
        while at < len(lines) and (room := limit - len(entries) - len(self.deliveries) + before) > 0:
            stop = min(at + size, at + room, len(lines))
            if stop - at >= FEW and self._block(lines[at:stop], sizes[at:stop], entries):
                at, size = stop, min(AT_ONCE, 4 * size)
                continue
            if stop - at > 4 * FEW:  # look for the unusual line in a smaller block
                size = (stop - at) // 4
                continue
            some = slice(at, at + 2 * AT_ONCE)
            found, used = super().scan(
                lines[some], sizes[some], final=final and some.stop >= len(lines), limit=stop - at
            )
            if not used:  # a record of more lines than that, or one whose end is not there
                found, used = super().scan(lines[at:], sizes[at:], final=final, limit=stop - at)
            entries += found
            at += used
            if not used:
                break
        return entries, at

    def _learn(self, cells: Sequence[str], text: str) -> None:
        super()._learn(cells, text)
        where = column_of(cells)
        # a column that the file has not is the empty cell that is put behind the last one
        picked = [where.get(name, len(cells)) for name in _FIELDS]
        self._cells = itemgetter(*picked) if "timelogged" in where else None
        self._short = len(cells) in picked

    def _block(self, lines: Sequence[str], sizes: Sequence[int], entries: list[Entry]) -> bool:
        """Take whole lines; False, and nothing taken, if one of them is more or less than a record of a known type."""
        if self._cells is None or max(sizes) > LONGEST:
            return False
        rows = _rows(lines)
        if rows is None or set(map(len, rows)) != {self._width}:
            return False
        kinds = [row[0] for row in rows]
        if not _KNOWN.issuperset(kinds):
            return False
        base, of = self.line + 1, kinds.count("d")
        delivered = rows if of == len(rows) else [row for row in rows if row[0] == "d"]
        numbers = range(base, base + len(rows))
        if of and not self._columns(delivered, [n for n, kind in zip(numbers, kinds, strict=True) if kind == "d"]):
            return False
        if of < len(rows):
            for at, row in enumerate(rows):
                if row[0] != "d":
                    self.line = base + at - 1
                    found = self._entry(row, lines, at, at + 1)
                    if found is not None:
                        entries.append(found)
        self.line = base + len(rows) - 1
        return True

    def _columns(self, rows: list[list[str]], numbers: list[int]) -> bool:
        assert self._cells is not None
        if self._short:
            for row in rows:
                row.append("")
        logged, queued, *texts = zip(*map(self._cells, rows), strict=True)
        times = list(map(parse_time, logged))
        if None in times:
            return False
        into = self.deliveries
        found: tuple[Iterable[Any], ...] = (numbers, times, map(parse_time, queued), *texts)
        for column, values in zip(into.columns, found, strict=True):
            column.extend(values)
        return True


def _rows(lines: Sequence[str]) -> list[list[str]] | None:
    """The cells of lines that are a record each; None if some are not, or hold what must be looked at closely."""
    text = "".join(lines)
    if "\0" in text:
        return None
    if '"' not in text and "\r" not in text.replace("\r\n", "\n"):
        return [line.rstrip("\r\n").split(",") for line in lines]
    try:
        rows = list(csv.reader(lines, strict=True))
    except csv.Error:
        return None
    return rows if len(rows) == len(lines) else None

"""`Deliveries`: records of type d in columns, and `BulkReader`, which puts them there.

Nearly every record says that a message was taken. Such lines are split and read a column at a time, many at once; what
is anything else, or looks unusual, goes record by record through `accounting.LineReader`, which says the same of each.
Decides nothing about what a delivery means.
"""

import csv
from collections.abc import Iterator, Sequence
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
    """A `LineReader` whose `deliveries` are put aside in columns: they are not among the entries that `take` returns,
    but count towards its limit."""

    def __init__(self, header: str = "", line: int = 0, *, inside: bool = False) -> None:
        self.deliveries = Deliveries()
        self._where: list[int] = []  # the columns of `_FIELDS`; −1 for one that the file has not
        super().__init__(header, line, inside=inside)

    def take(self, data: bytes, *, final: bool = False, limit: int = 1 << 62) -> tuple[list[Entry], int]:
        raw = data.split(b"\n")
        tail = raw.pop()
        entries: list[Entry] = []
        before, at, done, size = len(self.deliveries), 0, 0, AT_ONCE
        while (room := limit - len(entries) - len(self.deliveries) + before) > 0:
            stop = min(at + size, at + room, len(raw))
            if stop - at >= FEW and self._block(raw[at:stop], entries):
                done += sum(map(len, raw[at:stop])) + stop - at
                at, size = stop, min(AT_ONCE, 4 * size)
                continue
            if stop - at > 4 * FEW:  # look for the unusual line in a smaller block
                size = (stop - at) // 4
                continue
            if at == len(raw) and not (final or len(tail) > LONGEST):
                break
            # a few lines the careful way; all there is if their record is longer, or at the end of it
            line, ahead = self.line, raw[at : at + AT_ONCE]
            some = data[done : done + sum(map(len, ahead)) + len(ahead)] if at + AT_ONCE < len(raw) else data[done:]
            found, used = super().take(some, final=final and len(some) == len(data) - done, limit=max(1, stop - at))
            if not used and len(some) < len(data) - done:
                found, used = super().take(data[done:], final=final, limit=max(1, stop - at))
            entries += found
            done += used
            at += self.line - line
            if not used or at > len(raw):
                break
        return entries, done

    def _learn(self, cells: Sequence[str], text: str) -> None:
        super()._learn(cells, text)
        where = column_of(cells)
        self._where = [where.get(name, -1) for name in _FIELDS]

    def _block(self, raw: Sequence[bytes], entries: list[Entry]) -> bool:
        """Take whole lines; False, and nothing taken, if one of them is more or less than a record of a known type."""
        if not self._where or self._where[0] < 0 or self.inside or max(map(len, raw)) > LONGEST:
            return False
        table = _Table.of(raw, self._width)
        if table is None:
            return False
        kinds = table.column(0)
        if not _KNOWN.issuperset(kinds):
            return False
        base, of = self.line + 1, kinds.count("d")
        if of and not self._columns(table, base, None if of == len(kinds) else [kind == "d" for kind in kinds]):
            return False
        if of < len(kinds):
            for at, kind in enumerate(kinds):
                if kind != "d":
                    self.line = base + at - 1
                    found = self._entry(table.row(at), (), 0, 0)
                    if found is not None:
                        entries.append(found)
        self.line = base + len(kinds) - 1
        return True

    def _columns(self, table: "_Table", base: int, wanted: list[bool] | None) -> bool:
        """Put deliveries (those `wanted`) aside; False if one has no time."""
        found: list[Sequence[Any]] = [range(base, base + len(table))]
        found += [table.column(at) if at >= 0 else [""] * len(table) for at in self._where]
        if wanted is not None:
            found = [list(compress(column, wanted)) for column in found]
        times = list(map(parse_time, found[1]))
        if None in times:
            return False
        found[1], found[2] = times, list(map(parse_time, found[2]))
        for column, values in zip(self.deliveries.columns, found, strict=True):
            column.extend(values)
        return True


@attrs.frozen
class _Table:
    """Cells of lines that are a record each, and have `width` of them."""

    cells: Sequence[str]  # all of them, one behind each line that is its end
    rows: Sequence[list[str]]  # or by line
    width: int

    @classmethod
    def of(cls, raw: Sequence[bytes], width: int) -> "_Table | None":
        """None if one of the lines is no such record, or must be looked at closely."""
        try:
            text = b",\n,".join(raw).decode()
        except UnicodeDecodeError:
            return None
        if "\0" in text:
            return None
        if '"' in text:
            return cls._quoted(raw, width)
        if "\r" in text:
            text = text.removesuffix("\r").replace("\r,\n,", ",\n,")
            if "\r" in text:
                return None
        cells = f"{text},\n".split(",")
        ends = cells[width :: width + 1]
        fit = len(cells) == len(raw) * (width + 1) and ends.count("\n") == len(raw)
        return cls(cells, (), width) if fit else None

    @classmethod
    def _quoted(cls, raw: Sequence[bytes], width: int) -> "_Table | None":
        try:
            rows = list(csv.reader([f"{line.decode()}\n" for line in raw], strict=True))
        except csv.Error:
            return None
        return cls((), rows, width) if len(rows) == len(raw) and {*map(len, rows)} == {width} else None

    def __len__(self) -> int:
        return len(self.rows) or len(self.cells) // (self.width + 1)

    def column(self, at: int) -> list[str]:
        return list(map(itemgetter(at), self.rows)) if self.rows else list(self.cells[at :: self.width + 1])

    def row(self, at: int) -> list[str]:
        if self.rows:
            return self.rows[at]
        start = at * (self.width + 1)
        return list(self.cells[start : start + self.width])

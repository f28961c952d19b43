"""Reads accounting files into what `replay` takes, in order of time, with flat memory. Decides the order only.

Files are each roughly in order. Every file has a buffer of `BUFFER` records that is sorted before its first half is
handed on, so records may lie up to that far from their place and still come out in order; one that comes later still
is counted, but rules have looked at its second by then. Within a second records are sorted by what they say, so no
result depends on which file or line they came from.

Clean stretches take a short way (`cells_of`, then whole columns); whatever is unusual (quotes over several lines,
cut-off lines, odd types and times) is read by `accounting.LineReader`.
"""

import csv
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final

import attrs

from ignite_app.backtest.cells import QUOTED, cells_of, read_cells
from ignite_app.backtest.meaning import Memo
from ignite_app.backtest.sources import LONGEST, STDIN, Source
from ignite_domain.governance.accounting import AccountingRecord, LineReader, Rejected
from ignite_domain.governance.logged import DELIVERED, ORDER, Stretch
from ignite_domain.governance.outcomes import KINDS, hash_of

BUFFER: Final = 10_000
REJECTS_KEPT: Final = 10_000
AT_ONCE: Final = 16
"""Files that are read side by side; of more, each is opened an hour before its first record is due."""
EARLY_S: Final = 3600
_ORDER_OF: Final = {name: ORDER.index(kind) for name, kind in KINDS.items()}
_KNOWN: Final = frozenset({"d", "b", "t", "tq", "r", "f", "rb", "rs"})
"""Types as PMTA writes them. Other names take the careful way."""
ODD_LINES: Final = 32
GONE_BY: Final = ("rcpt", "dsnStatus", "dsnDiag", "dlvSourceIp", "jobId", "queue")
"""Columns that rules go by: whose mail, what was said, and where it is counted."""
_REPLY: Final = "dsnstatus dsndiag dsnmta rcpt dlvsourceip".split()

Batch = tuple[int, Stretch]
"""Whole seconds of one minute: the first of them and what they hold, sorted; see `Replay.minute`."""


@attrs.define
class Counted:
    """What has been read so far. `first`, `last`: seconds of the earliest and latest record; `skipped` lay outside the
    period that was asked for. `lacks`: by file the columns that rules would go by and that it has not. `damaged`: gzip
    files whose rest could not be read."""

    records: int = 0
    rejected: int = 0
    skipped: int = 0
    first: int = -1
    last: int = -1
    rejects: dict[str, list[Rejected]] = attrs.field(factory=dict)
    lacks: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    damaged: list[str] = attrs.field(factory=list)

    def reject(self, name: str, found: Rejected) -> None:
        self.rejected += 1
        kept = self.rejects.setdefault(name, [])
        if len(kept) < REJECTS_KEPT:
            kept.append(found)

    def listed(self) -> list[tuple[str, Rejected]]:
        """At most `REJECTS_KEPT` refused lines, by file and line."""
        every = [(name, one) for name in sorted(self.rejects) for one in self.rejects[name]]
        return every[:REJECTS_KEPT]


@attrs.frozen
class Period:
    """Seconds from `since` up to, not including, `until`."""

    since: int = -(1 << 60)
    until: int = 1 << 60


def _message(job: str, orig: str, rcpt: str, queued: int) -> str:
    """What tells a message without envelope id from others: its job, its two addresses, when it was queued."""
    return f"{job}\0{orig}\0{rcpt}\0{queued}"


class FileReader:
    """One file's outcomes, sorted within the buffer."""

    def __init__(self, name: str, counted: Counted, memo: Memo, period: Period, buffer: int = BUFFER) -> None:
        self.name = name
        self._counted = counted
        self._memo = memo
        self._period = period
        self._buffer = buffer
        self._reader = LineReader()
        self._header = ""
        self._width = 0
        self._where: dict[str, int] = {}  # heading in lower case -> column
        self._reply_of: Callable[[list[str]], tuple[str, ...]] = itemgetter(*range(len(_REPLY)))

    @property
    def line(self) -> int:
        """The line read last; lines count from 1."""
        return self._reader.line

    def stretches(self, blocks: Iterable[str]) -> Iterator[Stretch]:
        """Whole seconds of outcomes, in order of time as far as the buffer reaches."""
        waiting = Stretch()
        for found in self.outcomes(blocks):
            waiting.add(found)
            if len(waiting) >= 2 * self._buffer:
                waiting.sort()
                taken = waiting.cut(waiting.nth(self._buffer))
                if taken:
                    yield taken
        waiting.sort()
        if waiting:
            yield waiting

    def outcomes(self, blocks: Iterable[str]) -> Iterator[Stretch]:
        """The outcomes of each block of lines, in the order of the file."""
        rest = ""
        for block in blocks:
            text, rest = rest + block if rest else block, ""
            if self._reader.line == 0:  # the header makes the short way possible
                end = text.find("\n") + 1 or len(text)
                found, rest = self._careful(text[:end], final=False)
                yield found
                text, rest = rest + text[end:], ""
                if not text:
                    continue
            found, rest = self._read(text)
            yield found
        if rest:
            yield self._careful(rest, final=True)[0]

    def _read(self, text: str) -> tuple[Stretch, str]:
        """What a block says, and what is left of it because its end is still to come."""
        if self._reader.line == 0:
            return self._careful(text, final=False)
        if self._reader.header != self._header:
            self._learn()
        found = self._short(text)
        if found is not None:
            return found, ""
        lines = _physical(text)
        if len(lines) <= ODD_LINES:
            return self._careful(text, final=False)
        half = len(lines) // 2  # halved until the careful way has little to do
        found, rest = self._read("".join(lines[:half]))
        more, rest = self._read(rest + "".join(lines[half:]))
        found.add(more)
        return found, rest

    def _short(self, text: str) -> Stretch | None:
        """The short way, by columns; None, and nothing read, where it cannot be taken."""
        if not text.endswith("\n"):
            text += "\n"
        lines = text.split("\n")
        lines.pop()
        if len(text) > LONGEST and max(map(len, lines)) > LONGEST // 4:
            return None
        cells = cells_of(text, self._width)
        if cells is not None:
            found = self._columns(cells, lines)
            if found is not None:
                return found
        cells = read_cells(lines, self._width)
        return None if cells is None else self._columns(cells, lines, whole=True)

    def _columns(self, cells: list[str], lines: list[str], *, whole: bool = False) -> Stretch | None:
        """Outcomes of records that all have a known type and a time; None if some have not. `whole`: quoted cells have
        not been left out, and a quote is a part of its cell's text."""
        step = self._width + 1
        count = len(lines)

        def column(name: str) -> list[str]:
            at = self._where.get(name)
            return [""] * count if at is None else cells[at::step]

        kinds = cells[::step]
        if not _KNOWN.issuperset(kinds):
            return None
        memo, period = self._memo, self._period
        seconds = memo.seconds(column("timelogged"))
        first, last = min(seconds), max(seconds)
        if first < 0:
            return None
        since = memo.seconds(column("timequeued"))
        rcpts, ips, jobs, queues = (column(name) for name in ("rcpt", "dlvsourceip", "jobid", "queue"))
        messages = column("envid")
        if not whole and QUOTED in "".join(messages):
            return None
        domains = _domains(rcpts)
        if "" in domains:
            domains = [domain or queue.partition("/")[0] for domain, queue in zip(domains, queues, strict=True)]
        if whole:
            wheres = list(map(memo.place, domains, ips, jobs, queues))
        elif (found_places := memo.all_places(domains, ips, jobs, queues)) is None:
            return None
        else:
            wheres = found_places
        if "" in messages:
            origs = column("orig")
            if not whole and QUOTED in "".join([*origs, *rcpts]):
                return None
            messages = [
                one or _message(job, orig, rcpt, at)
                for one, job, orig, rcpt, at in zip(messages, jobs, origs, rcpts, since, strict=True)
            ]
        inside = seconds
        if first < period.since or last >= period.until:
            inside = [one for one in seconds if period.since <= one < period.until]
        found = Stretch(seconds, wheres, messages, since)
        if kinds.count("d") != count:
            odd = [at for at, kind in enumerate(kinds) if kind != "d"]
            told = self._lines([lines[at] for at in odd])
            for at, (status, diagnostic, mta, rcpt, ip) in zip(odd, told, strict=True):
                if (kind := kinds[at]) not in KINDS:
                    continue
                said = memo.meaning(kind, status, diagnostic, mta, rcpt, ip)
                who = hash_of(rcpt) if kind != "tq" else ""
                found.lines.append(
                    (seconds[at], _ORDER_OF[kind], wheres[at], messages[at], since[at], who, said, kind in "tb")
                )
            found.drop(odd)
        self._reader.line += count
        if first < period.since or last >= period.until:
            found.keep(lambda second: period.since <= second < period.until)
            self._counted.skipped += count - len(inside)
            if inside:
                self._note(len(inside), min(inside), max(inside))
        else:
            self._note(count, first, last)
        return found

    def _lines(self, lines: list[str]) -> Iterator[tuple[str, ...]]:
        """Status, reply, its sender, recipient and sending address in lines that are a record each."""
        rows = list(csv.reader(lines, strict=True))
        for row in rows:
            row.append("")
        return map(self._reply_of, rows)

    def _note(self, records: int, first: int, last: int) -> None:
        counted = self._counted
        counted.records += records
        counted.first = first if counted.first < 0 else min(first, counted.first)
        counted.last = max(last, counted.last)

    def _learn(self) -> None:
        self._where.clear()
        names = next(csv.reader([self._reader.header]), [])
        for index, name in enumerate(names):
            self._where.setdefault(name.strip().lower(), index)
        self._width = len(names)
        if lacking := tuple(name for name in GONE_BY if name.lower() not in self._where):
            self._counted.lacks[self.name] = lacking
        # a column that the file has not is the empty cell that is put behind the last one
        self._reply_of = itemgetter(*(self._where.get(name, self._width) for name in _REPLY))
        self._header = self._reader.header

    def _careful(self, text: str, *, final: bool) -> tuple[Stretch, str]:
        lines = _physical(text)
        entries, used = self._reader.scan(lines, [len(line) for line in lines], final=final)
        found = Stretch()
        for entry in entries:
            self._take(entry, found)
        return found, "".join(lines[used:])

    def _take(self, entry: AccountingRecord | Rejected, into: Stretch) -> None:
        if isinstance(entry, Rejected):
            self._counted.reject(self.name, entry)
            return
        second = int(entry.logged.timestamp())
        if not self._period.since <= second < self._period.until:
            self._counted.skipped += 1
            return
        self._note(1, second, second)
        order = _ORDER_OF.get(entry.type)
        if order is None:
            return
        domain = entry.rcpt.rpartition("@")[2] if entry.rcpt else entry.queue.partition("/")[0]
        where = self._memo.place(domain, entry.source_ip, entry.job, entry.queue)
        queued = int(entry.queued.timestamp()) if entry.queued else -1
        message = entry.envid or _message(entry.job, entry.orig, entry.rcpt, queued)
        if order == DELIVERED:
            into.add(Stretch([second], [where], [message], [queued]))
            return
        recipient = hash_of(entry.rcpt) if entry.type != "tq" else ""
        said = self._memo.meaning(entry.type, entry.status, entry.diagnostic, entry.mta, entry.rcpt, entry.source_ip)
        into.lines.append((second, order, where, message, queued, recipient, said, entry.type in ("t", "b")))


def _domains(addresses: Sequence[str]) -> list[str]:
    """What stands behind the last @ of each; the whole where there is none."""
    parts = "@\n@".join(addresses).split("@")
    if len(parts) == 3 * len(addresses) - 1 and parts[2::3].count("\n") == len(addresses) - 1:
        return parts[1::3]  # one @ each
    return [address[address.rfind("@") + 1 :] for address in addresses]


def _physical(text: str) -> list[str]:
    """Its lines with their ends; one that is far too long in pieces."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    if not lines[-1]:
        lines.pop()
    if max(map(len, lines), default=0) <= 2 * LONGEST:
        return lines
    return [line[at : at + 2 * LONGEST] for line in lines for at in range(0, len(line), 2 * LONGEST)]


@attrs.define
class _Open:
    """A file that is being read: the stretch that is next, and those behind it."""

    next: Stretch
    others: Iterator[Stretch]

    def take(self, edge: int) -> Stretch:
        """What lies up to second `edge`."""
        return self.next.cut(edge + 1)


def merged(sources: Sequence[Source], counted: Counted, period: Period) -> Iterator[Batch]:
    """All files' outcomes in order of time, a minute at a time; what comes too late stands before the next second."""
    last = -1
    late = Stretch()
    for log in _whole_seconds(sources, counted, period):
        if late:
            log.add(late)
            log.sort()
            late = Stretch()
        if log.last <= last:
            late = log
            continue
        edge, last = last, log.last
        yield from _minutes(log, edge)
    if late:
        yield max(last, 0), late


def _minutes(log: Stretch, edge: int) -> Iterator[Batch]:
    """A sorted stretch, minute by minute; what lies up to second `edge` belongs to the first."""
    seconds, lines = log.seconds, log.lines
    at = done = 0
    fresh = bisect_left(seconds, edge + 1)
    again = bisect_left(lines, (edge + 1,))
    while at < len(seconds) or done < len(lines):
        ahead = [*seconds[max(at, fresh) :][:1], *(line[0] for line in lines[max(done, again) :][:1])]
        second = min(ahead)
        end = second // 60 * 60 + 60
        stop, until = bisect_left(seconds, end, at), bisect_left(lines, (end,), done)
        yield second, log.part(at, stop, done, until)
        at, done = stop, until


def _whole_seconds(sources: Sequence[Source], counted: Counted, period: Period) -> Iterator[Stretch]:
    """Sorted stretches, each from all files up to the second in which one file's stretch ends."""
    memo = Memo()
    few = len(sources) <= AT_ONCE
    buffer = BUFFER if few else BUFFER // 5
    waiting = sorted((0 if few else _starts(source, period), source.name, source) for source in sources)
    waiting.reverse()  # the next one is last
    reading: list[_Open] = []
    while reading or waiting:
        edge = min((one.next.last for one in reading), default=-1)
        while waiting and (few or not reading or waiting[-1][0] - EARLY_S <= edge):
            *_, source = waiting.pop()
            stretches = _stretches(source, counted, memo, period, buffer)
            if first := next(stretches, None):
                reading.append(_Open(first, stretches))
                edge = min(one.next.last for one in reading)
        found = [log for one in reading if (log := one.take(edge))]
        if found:
            for more in found[1:]:
                found[0].add(more)
            if len(found) > 1:
                found[0].sort()
            yield found[0]
        for one in reading:
            one.next = one.next or next(one.others, Stretch())
        reading = [one for one in reading if one.next]


def _stretches(source: Source, counted: Counted, memo: Memo, period: Period, buffer: int) -> Iterator[Stretch]:
    reader = FileReader(source.name, counted, memo, period, buffer)
    yield from reader.stretches(source.blocks())
    if source.damaged:
        counted.damaged.append(source.name)
        counted.reject(source.name, Rejected(reader.line + 1, "the gzip file is damaged from here on"))


def _starts(source: Source, period: Period) -> int:
    """The earliest second among a file's first lines; 0 if that cannot be told."""
    if source.name == STDIN:
        return 0
    reader = FileReader(source.name, Counted(), Memo(), period)
    blocks = source.blocks()
    first = next(blocks, "")
    blocks.close()
    seconds = [
        second for found in reader.outcomes([first]) for second in (*found.seconds, *(one[0] for one in found.lines))
    ]
    return min(seconds, default=0)

"""Reads accounting files into outcomes, in order of time, with flat memory. Decides the order and nothing else.

Files are each roughly in order. Every file has a buffer of `BUFFER` records that is sorted before its first half is
handed on, so records may lie up to that far from their place and still come out in order; one that comes later still
is counted, but rules have looked at its second by then. Within a second records are sorted by what they say, so no
result depends on which file or line they came from.

Clean stretches take a short way (one pass of the C reader over many lines, then whole columns); whatever is unusual
(quotes over several lines, cut-off lines, odd types and times) is read by `accounting.LineReader`.
"""

import csv
import gzip
import io
import re
import sys
import zlib
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, islice, repeat
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import attrs

from ignite_domain.errors import BadInput
from ignite_domain.governance.accounting import AccountingRecord, LineReader, Rejected, parse_time
from ignite_domain.governance.outcomes import (
    ADDRESS_KINDS,
    EXPIRY,
    KINDS,
    US_KINDS,
    brand_of,
    hash_of,
    is_expiry,
    kind_for_rules,
)
from ignite_domain.governance.replay import DELIVERED, NOTHING_SAID, ORDER, Line, Said
from ignite_domain.governance.replies import classify, provider_of
from ignite_domain.governance.signals import OutcomeKind, Where

STDIN: Final = "-"
LINES_AT_ONCE: Final = 250
"""Few enough that their cells are still in the processor's cache when the columns are made of them."""
BUFFER: Final = 10_000
REJECTS_KEPT: Final = 10_000
AT_ONCE: Final = 16
"""Files that are read side by side; of more, each is opened an hour before its first record is due."""
EARLY_S: Final = 3600
LONGEST: Final = 1 << 16
MEMO: Final = 50_000
_ORDER_OF: Final = {name: ORDER.index(kind) for name, kind in KINDS.items()}
_ORDERS: Final = {name: _ORDER_OF.get(name, -1) for name in ("d", "b", "t", "tq", "r", "f", "rb", "rs")}
"""Types as PMTA writes them; −1 for those that are no outcome. Other names take the careful way."""
ODD_LINES: Final = 32
_REPLY: Final = "dsnstatus dsndiag dsnmta rcpt dlvsourceip".split()
_SOMEBODY: Final = "somebody@somewhere.example"
_SOME_IP: Final = "192.0.2.1"
_SERIAL: Final = re.compile(r"\b(?=[A-Fa-f]*\d)[0-9A-Fa-f]{7,}\b")

Batch = tuple[int, list[Line]]
"""Whole seconds of one minute: the first of them and its lines, sorted; see `Replay.seconds`."""


@attrs.define
class Counted:
    """What has been read so far. `first`, `last`: seconds of the earliest and latest record; `skipped` lay outside the
    period that was asked for."""

    records: int = 0
    rejected: int = 0
    skipped: int = 0
    first: int = -1
    last: int = -1
    rejects: dict[str, list[Rejected]] = attrs.field(factory=dict)

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


def _seconds_of(text: str) -> int:
    """As `parse_time`, with a short way for the form that PMTA writes by itself."""
    if len(text) == 24 and text[4:20:3] in ("-- ::+", "-- ::-"):
        try:
            return int(datetime.fromisoformat(text).timestamp())
        except ValueError:
            return -1
    at = parse_time(text)
    return int(at.timestamp()) if at else -1


class Memo:
    """Answers that come again: times, places, what replies mean. Forgotten as a whole when there are too many."""

    def __init__(self) -> None:
        self.times: dict[str, int] = {}
        self.places: dict[Where, Where] = {}
        self.places_of: dict[Where, Where] = {}  # domain, address, job, queue -> place
        self.providers: dict[str, str] = {}  # receiving host -> the suffix that its codes go by
        self.said: dict[tuple[str, str, str, str], Said] = {}

    def seconds(self, texts: Sequence[str]) -> list[int]:
        """Seconds since 1970 of times as PMTA writes them; −1 for what is none."""
        times = self.times
        found = list(map(times.get, texts))
        if None in found:
            if len(times) > MEMO:
                times.clear()
            times.update((text, _seconds_of(text)) for text in set(texts).difference(times))
            return [times[text] for text in texts]
        return found  # type: ignore[return-value]  # there is no None

    def all_places(
        self, domains: Sequence[str], ips: Sequence[str], jobs: Sequence[str], queues: Sequence[str]
    ) -> list[Where]:
        """`place` of each."""
        keys = list(zip(domains, ips, jobs, queues, strict=True))
        found = list(map(self.places_of.get, keys))
        if None in found:
            found = [place or self.place(*key) for place, key in zip(found, keys, strict=True)]
        return found  # type: ignore[return-value]  # no None is left

    def place(self, domain: str, ip: str, job: str, queue: str) -> Where:
        if len(self.places_of) > MEMO:
            self.places_of.clear()
        found = self.places_of[(domain, ip, job, queue)] = self._place(domain, ip, job, queue)
        return found

    def _place(self, domain: str, ip: str, job: str, queue: str) -> Where:
        isp = brand_of(domain)
        key = (isp.value, ip, job, queue) if isp else ("", ip, job, "")
        found = self.places.get(key)
        if found is None:
            if len(self.places) > MEMO:
                self.places.clear()
            found = self.places[key] = key
        return found

    def meaning(self, kind: str, status: str, diagnostic: str, mta: str, rcpt: str, ip: str) -> Said:
        """What a reply says. Recipient, sending address and serial numbers, which `classify` masks as well, give way
        to fixed ones first: a storm of one reply is classified once."""
        if rcpt:
            diagnostic = diagnostic.replace(rcpt, _SOMEBODY)
        if ip:
            diagnostic = diagnostic.replace(ip, _SOME_IP)
        key = (kind, status, _SERIAL.sub("0000000", diagnostic), self._provider(mta))
        found = self.said.get(key)
        if found is None:
            if len(self.said) > MEMO:
                self.said.clear()
            found = self.said[key] = said_of(*key)
        return found

    def _provider(self, mta: str) -> str:
        found = self.providers.get(mta)
        if found is None:
            if len(self.providers) > MEMO:
                self.providers.clear()
            found = self.providers[mta] = provider_of(mta)
        return found


def said_of(kind: str, status: str, diagnostic: str, mta: str) -> Said:
    """What the reply in a record of type `kind` says."""
    outcome = KINDS[kind]
    if outcome in (OutcomeKind.DELIVERED, OutcomeKind.COMPLAINED):
        return NOTHING_SAID
    code = status.partition(" ")[0]
    quoted = diagnostic.removeprefix("smtp;")
    reply = EXPIRY if is_expiry(kind, code) else classify(code, quoted, mta.partition(" ")[0])
    return Said(
        reply.rule,
        kind_for_rules(reply, outcome),
        reply.kind in ADDRESS_KINDS,
        outcome is OutcomeKind.BOUNCED and reply.kind in US_KINDS,
        reply.hard,
    )


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

    def blocks(self, lines: Iterator[list[str]]) -> Iterator[list[Line]]:
        """Whole seconds of outcomes, in order of time as far as the buffer reaches."""
        waiting: list[Line] = []
        for found in self.outcomes(lines):
            waiting += found
            if len(waiting) >= 2 * self._buffer:
                waiting.sort()
                cut = bisect_left(waiting, waiting[self._buffer][:1])
                if cut:
                    yield waiting[:cut]
                    del waiting[:cut]
        waiting.sort()
        if waiting:
            yield waiting

    def outcomes(self, chunks: Iterator[list[str]]) -> Iterator[list[Line]]:
        """The outcomes of each list of physical lines, in the order of the file."""
        rest: list[str] = []
        for chunk in chunks:
            lines = rest + chunk if rest else chunk
            rest = []
            if self._reader.line == 0:  # the header makes the short way possible
                found, rest = self._careful(lines[:1], final=False)
                yield found
                lines, rest = rest + lines[1:], []
                if not lines:
                    continue
            rows = _rows(lines)
            if rows is None or self._reader.line == 0:
                found, rest = self._careful(lines, final=False)
                yield found
            else:
                yield self._short(lines, rows)
        if rest:
            yield self._careful(rest, final=True)[0]

    def _short(self, lines: list[str], rows: list[list[str]]) -> list[Line]:
        """The short way, by columns; what it cannot take is halved until the careful way has little to do."""
        if self._reader.header != self._header:
            self._learn()
        found = self._columns(rows) if rows else []
        if found is not None:
            self._reader.line += len(rows)
            return found
        if len(rows) <= ODD_LINES:
            return self._careful(lines, final=True)[0]
        half = len(rows) // 2
        return self._short(lines[:half], rows[:half]) + self._short(lines[half:], rows[half:])

    def _columns(self, rows: list[list[str]]) -> list[Line] | None:
        """Outcomes of rows that all have the header's width, a known type and a time; None if some have not."""
        if set(map(len, rows)) != {self._width}:
            return None
        kinds = [row[0] for row in rows]
        orders = list(map(_ORDERS.get, kinds))
        if None in orders:
            return None
        memo, period = self._memo, self._period
        seconds = memo.seconds(self._column("timelogged", rows))
        first, last = min(seconds), max(seconds)
        if first < 0:
            return None
        since = memo.seconds(self._column("timequeued", rows))
        found: list[Line] = list(
            zip(
                *(seconds, orders, self._places(rows), self._messages(rows, since), since),
                *(repeat(""), repeat(NOTHING_SAID), repeat(True)),
                strict=False,
            )
        )
        if kinds.count("d") != len(kinds):
            for at, kind in enumerate(kinds):
                if kind != "d" and kind in KINDS:
                    status, diagnostic, mta, rcpt, ip = self._reply_of([*rows[at], ""])
                    said = memo.meaning(kind, status, diagnostic, mta, rcpt, ip)
                    found[at] = (*found[at][:5], hash_of(rcpt) if kind != "tq" else "", said, kind in "tb")
        if first < period.since or last >= period.until:
            found = [line for line in found if period.since <= line[0] < period.until]
            self._counted.skipped += len(rows) - len(found)
            first, last = min(found, default=(0,))[0], max(found, default=(0,))[0]
        if found:
            self._note(len(found), first, last)
        if "r" in kinds or "rs" in kinds:
            found = [line for line in found if line[1] >= 0]
        return found

    def _column(self, name: str, rows: list[list[str]]) -> list[str]:
        """The cells under a heading; "" where the file has not got it."""
        at = self._where.get(name)
        return [""] * len(rows) if at is None else list(map(itemgetter(at), rows))

    def _places(self, rows: list[list[str]]) -> list[Where]:
        domains = [rcpt[rcpt.rfind("@") + 1 :] for rcpt in self._column("rcpt", rows)]
        queues = self._column("queue", rows)
        if "" in domains:
            domains = [domain or queue.partition("/")[0] for domain, queue in zip(domains, queues, strict=True)]
        return self._memo.all_places(domains, self._column("dlvsourceip", rows), self._column("jobid", rows), queues)

    def _messages(self, rows: list[list[str]], since: Sequence[int]) -> list[str]:
        envids = self._column("envid", rows)
        if "" not in envids:
            return envids
        jobs, origs, rcpts = (self._column(name, rows) for name in ("jobid", "orig", "rcpt"))
        return [
            envid or _message(job, orig, rcpt, at)
            for envid, job, orig, rcpt, at in zip(envids, jobs, origs, rcpts, since, strict=True)
        ]

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
        # a column that the file has not is the empty cell that is put behind the last one
        self._reply_of = itemgetter(*(self._where.get(name, self._width) for name in _REPLY))
        self._header = self._reader.header

    def _careful(self, lines: list[str], *, final: bool) -> tuple[list[Line], list[str]]:
        entries, used = self._reader.scan(lines, [len(line) for line in lines], final=final)
        return [line for entry in entries for line in self._take(entry)], lines[used:]

    def _take(self, entry: AccountingRecord | Rejected) -> list[Line]:
        if isinstance(entry, Rejected):
            self._counted.reject(self.name, entry)
            return []
        second = int(entry.logged.timestamp())
        if not self._period.since <= second < self._period.until:
            self._counted.skipped += 1
            return []
        self._note(1, second, second)
        order = _ORDER_OF.get(entry.type)
        if order is None:
            return []
        domain = entry.rcpt.rpartition("@")[2] if entry.rcpt else entry.queue.partition("/")[0]
        place = self._memo.place(domain, entry.source_ip, entry.job, entry.queue)
        queued = int(entry.queued.timestamp()) if entry.queued else -1
        message = entry.envid or _message(entry.job, entry.orig, entry.rcpt, queued)
        recipient = hash_of(entry.rcpt) if order != DELIVERED and entry.type != "tq" else ""
        said = self._memo.meaning(entry.type, entry.status, entry.diagnostic, entry.mta, entry.rcpt, entry.source_ip)
        return [(second, order, place, message, queued, recipient, said, entry.type in ("d", "t", "b"))]


def _rows(lines: list[str]) -> list[list[str]] | None:
    """The cells of lines that are a record each; None if some are not, or hold what must be looked at closely."""
    if max(map(len, lines), default=0) > LONGEST // 4 or "\0" in "".join(lines):
        return None
    try:
        rows = list(csv.reader(lines, strict=True))
    except csv.Error:
        return None
    return rows if len(rows) == len(lines) else None


class Source:
    """A file, plain or gzipped, or standard input: its lines in lists, and how far it has been read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.size = 0 if name == STDIN else Path(name).stat().st_size
        self.damaged = False
        self._raw: BinaryIO | None = None

    @property
    def position(self) -> int:
        """Bytes read so far, as they lie on disk."""
        if self._raw is None or not self.size:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def chunks(self) -> Generator[list[str], None, None]:
        """Lists of physical lines with their ends. A damaged gzip ends early; `damaged` says so."""
        self._raw = sys.stdin.buffer if self.name == STDIN else Path(self.name).open("rb")  # noqa: SIM115  # closed below
        buffered = io.BufferedReader(_Unseekable(self._raw), 1 << 18)
        zipped = buffered.peek(2)[:2] == b"\x1f\x8b"
        data = gzip.GzipFile(fileobj=buffered) if zipped else buffered
        text: TextIO = io.TextIOWrapper(data, encoding="utf-8", errors="replace", newline="\n")
        whole_lines = iter(partial(text.readline, 2 * LONGEST), "")
        try:
            while True:
                lines: list[str] = []
                try:
                    lines.extend(islice(whole_lines, LINES_AT_ONCE))
                except (EOFError, zlib.error, gzip.BadGzipFile):
                    self.damaged = True
                if lines:
                    yield lines
                if self.damaged or not lines:
                    return
        finally:
            if self.name != STDIN:
                self._raw.close()


class _Unseekable(io.RawIOBase):
    """A binary stream as raw input, so that one buffer serves files and standard input alike."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        data = (
            self._stream.read1(len(into))
            if isinstance(self._stream, io.BufferedReader)
            else self._stream.read(len(into))
        )
        into[: len(data)] = data
        return len(data)


def sources_of(names: Sequence[str]) -> list[Source]:
    """The files, by name, each once. Raises `BadInput` for one that is not there."""
    for name in names:
        if name != STDIN and not Path(name).is_file():
            raise BadInput(f"{name}: no such file")
    return [Source(name) for name in sorted(set(names))]


@attrs.define
class _Open:
    """A file that is being read: the block that is next, and those behind it."""

    lines: list[Line]
    blocks: Iterator[list[Line]]

    def take(self, edge: int) -> list[Line]:
        """The lines up to second `edge`."""
        stop = bisect_left(self.lines, (edge + 1,))
        taken, self.lines = self.lines[:stop], self.lines[stop:]
        return taken


def merged(sources: Sequence[Source], counted: Counted, period: Period) -> Iterator[Batch]:
    """All files' outcomes in order of time, a minute at a time; what comes too late stands before the next second."""
    last = -1
    late: list[Line] = []
    for lines in _whole_seconds(sources, counted, period):
        lines = sorted(late + lines) if late else lines
        late = []
        start, fresh = 0, bisect_left(lines, (last + 1,))
        if fresh == len(lines):
            late = lines
            continue
        while start < len(lines):
            second = lines[max(start, fresh)][0]
            stop = bisect_left(lines, (second // 60 * 60 + 60,), start)
            yield second, lines[start:stop]
            start = stop
        last = lines[-1][0]
    if late:
        yield max(last, 0), late


def _whole_seconds(sources: Sequence[Source], counted: Counted, period: Period) -> Iterator[list[Line]]:
    """Sorted lists of lines, each from all files up to the second in which one file's block ends."""
    memo = Memo()
    few = len(sources) <= AT_ONCE
    buffer = BUFFER if few else BUFFER // 5
    waiting = sorted((0 if few else _starts(source, period), source.name, source) for source in sources)
    waiting.reverse()  # the next one is last
    reading: list[_Open] = []
    while reading or waiting:
        edge = min((one.lines[-1][0] for one in reading), default=-1)
        while waiting and (few or not reading or waiting[-1][0] - EARLY_S <= edge):
            *_, source = waiting.pop()
            blocks = _blocks(source, counted, memo, period, buffer)
            if first := next(blocks, None):
                reading.append(_Open(first, blocks))
                edge = min(one.lines[-1][0] for one in reading)
        found = [lines for one in reading if (lines := one.take(edge))]
        if found:
            yield found[0] if len(found) == 1 else sorted(chain.from_iterable(found))
        for one in reading:
            one.lines = one.lines or next(one.blocks, [])
        reading = [one for one in reading if one.lines]


def _blocks(source: Source, counted: Counted, memo: Memo, period: Period, buffer: int) -> Iterator[list[Line]]:
    reader = FileReader(source.name, counted, memo, period, buffer)
    yield from reader.blocks(source.chunks())
    if source.damaged:
        counted.reject(source.name, Rejected(reader.line + 1, "the gzip file is damaged from here on"))


def _starts(source: Source, period: Period) -> int:
    """The earliest second among a file's first lines; 0 if that cannot be told."""
    if source.name == STDIN:
        return 0
    reader = FileReader(source.name, Counted(), Memo(), period)
    chunks = source.chunks()
    first = next(chunks, [])
    chunks.close()
    seconds = [line[0] for found in reader.outcomes(iter([first])) for line in found]
    return min(seconds, default=0)

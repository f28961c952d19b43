"""`FolderFeed`: what feeds over a folder of accounting files have in common, wherever the folder is.

Decides which file is read when, and which need not be opened; how bytes are got is the subclass's, what a file is and
where it is read on is decided in `files`.
"""

import gzip
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import BinaryIO, Final

import attrs

from ignite_adapters.pmta import files
from ignite_adapters.pmta.files import BLOCK, Cursor, head_identity
from ignite_domain.governance.ports import FeedBatch, Position

UNREADABLE: Final = (EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError)
"""A gzip that is still being written, or is damaged, or a file that was moved away while it was read."""
Stamp = tuple[int, ...]
"""Size, time and whatever else tells that a file has changed."""
Begin = Callable[[bytes], Cursor | None]
"""Given a file's first bytes: where to read on in it; None if there is nothing to read."""


@attrs.frozen
class _Seen:
    """A file as it was when it had been read to its end: unless that changes, it is not opened again."""

    stamp: Stamp
    source: str
    offset: int
    final: bool


class FolderFeed(ABC):
    """`host` goes before each identity: on two hosts two files may begin with the same line. "" is the host that
    `pmta.accounting_dir` belongs to."""

    failures: Mapping[str, str] = MappingProxyType({})
    spread: bool = False
    """Every file gets the same part of a reading's lines: a look at all of them, not a reading in order."""

    def __init__(self, host: str) -> None:
        self.hosts: Sequence[str] = (host,)
        self._seen: dict[str, _Seen] = {}

    @abstractmethod
    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        """As `AccountingFeed` has it: `_read`, with the faults of its way to the files told as PortFailure."""

    @abstractmethod
    async def _list(self) -> dict[str, Stamp]:
        """The accounting files that are there."""

    @abstractmethod
    async def _take(self, name: str, stamp: Stamp, begin: Begin, *, final: bool) -> Cursor | None:
        """Read on in one file. `final`: nobody writes to it any more, so an unfinished line is a cut-off one."""

    async def forget(self, positions: Mapping[str, Position]) -> None:
        """The files are PMTA's."""
        return

    async def close(self) -> None:
        """Nothing is held open."""
        return

    async def _read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        listed = await self._list()
        closed = files.closed_names(listed)
        self._seen = {name: seen for name, seen in self._seen.items() if name in listed}
        batches: list[FeedBatch] = []
        taken: set[str] = set()
        part = max(1, limit // max(1, len(listed))) if self.spread else limit
        for name in files.in_order(listed):
            final = name in closed or files.packed(name)
            most = min(limit, part)
            with suppress(*UNREADABLE):
                batch = await self._one(name, listed[name], positions, most, taken, final=final)
                if batch is not None:
                    batches.append(batch)
                    limit -= len(batch)
            if limit <= 0:
                break
        return batches

    async def _one(
        self, name: str, stamp: Stamp, positions: Mapping[str, Position], limit: int, taken: set[str], *, final: bool
    ) -> FeedBatch | None:
        """Read on in one file, unless it is as it was at its end, or the same as one of `taken`."""
        seen = self._seen.get(name)
        if seen is not None and (seen.stamp, seen.final) == (stamp, final):
            at = positions.get(seen.source)
            if at is not None and at.byte_offset == seen.offset:
                taken.add(seen.source)
                return None

        def begin(head: bytes) -> Cursor | None:
            source = self._source(head)
            if source is None or source in taken:
                return None
            return Cursor(files.position_of(source, name, self._with_host(name), head, positions), limit)

        cursor = await self._take(name, stamp, begin, final=final)
        if cursor is None:
            return None
        taken.add(cursor.position.source)
        if cursor.lines < limit:
            self._seen[name] = _Seen(stamp, cursor.position.source, cursor.offset, final)
        return cursor.batch()

    def _source(self, head: bytes) -> str | None:
        """What the position of a file that begins so is stored under; None while its first record is not whole."""
        identity = head_identity(head)
        return self._with_host(identity) if identity else None

    def _with_host(self, name: str) -> str:
        host = self.hosts[0]
        return f"{host}/{name}" if host else name


def read_on(file: "BinaryIO | gzip.GzipFile", cursor: Cursor, *, final: bool) -> None:
    """Let `cursor` take what `file` holds, up to its limit or the file's end."""
    going = True
    while going:
        file.seek(cursor.start)
        data = file.read(BLOCK)
        going = cursor.take(data, at_end=len(data) < BLOCK, final=final)

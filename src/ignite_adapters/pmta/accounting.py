"""`AccountingFeed` over a directory of PMTA's accounting files, plain or gzipped.

Decides which file is read when; what a file is and where it is read on is decided in `files`.
"""

import asyncio
import gzip
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from ignite_adapters.pmta import files
from ignite_adapters.pmta.files import BLOCK, HEAD, Cursor, head_identity
from ignite_domain.errors import PortFailure
from ignite_domain.governance.ports import FeedBatch, Position

UNREADABLE: Final = (EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError)
"""A gzip that is still being written, or is damaged, or a file that was moved away while it was read."""


@attrs.frozen
class _Seen:
    """A file as it was when it had been read to its end: unless that changes, it is not opened again."""

    stamp: tuple[int, ...]
    source: str
    offset: int
    final: bool


class DirectoryFeed:
    """Every accounting file directly in `directory`, oldest first. `host` goes before each identity: on two
    hosts two files may begin with the same line. "" is the host that `pmta.accounting_dir` belongs to."""

    def __init__(self, directory: Path, host: str = "") -> None:
        self._directory = directory
        self._host = host
        self._seen: dict[str, _Seen] = {}

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        try:
            return await asyncio.to_thread(self._read, positions, limit)
        except OSError as failure:
            raise PortFailure("accounting files", f"{failure.strerror or 'cannot be read'}") from failure

    def _read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        names = files.in_order(path.name for path in self._directory.iterdir() if files.wanted(path.name))
        closed = files.closed_names(names)
        self._seen = {name: seen for name, seen in self._seen.items() if name in set(names)}
        batches: list[FeedBatch] = []
        taken: set[str] = set()
        for name in names:
            with suppress(*UNREADABLE):
                batch = self._one(name, positions, limit, taken, final=name in closed or files.packed(name))
                if batch is not None:
                    batches.append(batch)
                    limit -= len(batch.entries)
            if limit <= 0:
                break
        return batches

    def _one(
        self, name: str, positions: Mapping[str, Position], limit: int, taken: set[str], *, final: bool
    ) -> FeedBatch | None:
        """Read on in one file. `final`: nobody writes to it any more, so an unfinished line is a cut-off one."""
        path = self._directory / name
        status = path.stat()
        stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        seen = self._seen.get(name)
        if seen is not None and (seen.stamp, seen.final) == (stamp, final):
            at = positions.get(seen.source)
            if at is not None and at.byte_offset == seen.offset:
                taken.add(seen.source)
                return None
        with _open(path) as file:
            head = file.read(HEAD)
            source = self._source(head)
            if source is None or source in taken:
                return None
            cursor = Cursor(files.position_of(source, name, self._label(name), head, positions), limit)
            read_on(file, cursor, final=final)
        taken.add(source)
        if len(cursor.entries) < limit:
            self._seen[name] = _Seen(stamp, source, cursor.offset, final)
        return cursor.batch()

    def source(self, path: Path) -> str | None:
        """What the position of the file at `path` is stored under; None while its first record is not whole."""
        with _open(path) as file:
            return self._source(file.read(HEAD))

    def _source(self, head: bytes) -> str | None:
        identity = head_identity(head)
        return f"{self._host}/{identity}" if self._host and identity else identity

    def _label(self, name: str) -> str:
        return f"{self._host}/{name}" if self._host else name


def read_on(file: "BinaryIO | gzip.GzipFile", cursor: Cursor, *, final: bool) -> None:
    """Let `cursor` take what `file` holds, up to its limit or the file's end."""
    going = True
    while going:
        file.seek(cursor.start)
        data = file.read(BLOCK)
        going = cursor.take(data, at_end=len(data) < BLOCK, final=final)


def _open(path: Path) -> "BinaryIO | gzip.GzipFile":
    return gzip.open(path, "rb") if files.packed(path.name) else path.open("rb")

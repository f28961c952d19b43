"""`AccountingFeed` over a directory of PMTA's accounting files, plain or gzipped.

Decides which bytes are read next and nothing about what they say. A file is known by its name and its
first record, so a rename on rotation, a copy or a later gzip is the same file, and a number used again
with other content is another one.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from ignite_domain.errors import PortFailure
from ignite_domain.governance.accounting import AccountingRecord, LineReader, Rejected
from ignite_domain.governance.ports import FeedBatch, Position

LONGEST_LINE: Final = 1 << 16
"""A line without an end is waited for up to this many bytes; a longer one is taken as it is."""
_SUFFIXES: Final = (".csv", ".csv.gz")


class DirectoryFeed:
    """Every `*.csv` and `*.csv.gz` directly in `directory`, in order of name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[tuple[str, int, int], str] = {}  # (name, device, inode) -> source
        self._done: dict[str, int] = {}  # gzipped source -> byte_offset at its end

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        try:
            return await asyncio.to_thread(self._read, positions, limit)
        except OSError as failure:
            raise PortFailure("accounting files", f"{failure.strerror or 'cannot be read'}") from failure

    def _files(self) -> Iterator[Path]:
        for path in sorted(self._directory.iterdir(), key=lambda one: one.name):
            if path.name.endswith(_SUFFIXES) and path.is_file():
                yield path

    def _read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        batches: list[FeedBatch] = []
        taken: set[str] = set()
        for path in self._files():
            with suppress(FileNotFoundError):  # rotated away between the listing and the reading
                batch = self._one(path, positions, limit, taken)
                if batch is not None:
                    batches.append(batch)
                    limit -= len(batch.entries)
            if limit <= 0:
                break
        return batches

    def _one(self, path: Path, positions: Mapping[str, Position], limit: int, taken: set[str]) -> FeedBatch | None:
        packed = path.name.endswith(".gz")
        source = self._source(path, packed)
        if source is None or source in taken:
            return None
        taken.add(source)
        old = positions.get(source) or Position(source, path.name)
        if packed and self._done.get(source) == old.byte_offset:
            return None
        if not packed and path.stat().st_size <= old.byte_offset:
            return None
        reader = LineReader(old.header, old.line)
        entries: list[AccountingRecord | Rejected] = []
        offset = old.byte_offset
        with _open(path, packed) as file:
            file.seek(offset)
            while len(entries) < limit:
                raw = file.readline(LONGEST_LINE)
                if not raw:
                    if packed:
                        self._done[source] = offset
                    break
                if not raw.endswith(b"\n") and len(raw) < LONGEST_LINE and not packed:
                    break  # the writer is not done with this line
                offset += len(raw)
                found = reader.read(raw.decode("utf-8", errors="replace"))
                if found is not None:
                    entries.append(found)
        if offset == old.byte_offset:
            return None
        return FeedBatch(Position(source, path.name, offset, reader.line, reader.header), entries)

    def _source(self, path: Path, packed: bool) -> str | None:
        """The file's identity, or None while it has no whole record yet."""
        status = path.stat()
        key = (path.name, status.st_dev, status.st_ino)
        if key not in self._known:
            with _open(path, packed) as file:
                head = file.readline(LONGEST_LINE) + file.readline(LONGEST_LINE)
            if head.count(b"\n") < 2 and not packed:
                return None
            name = path.name.removesuffix(".gz")
            self._known[key] = f"{name}:{hashlib.sha256(head).hexdigest()[:16]}"
        return self._known[key]


def _open(path: Path, packed: bool) -> "BinaryIO | gzip.GzipFile":
    return gzip.open(path, "rb") if packed else path.open("rb")

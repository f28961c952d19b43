"""`AccountingFeed` over a directory of PMTA's accounting files, plain or gzipped.

Decides which bytes are read next and nothing about what they say. A file is known by its header and first
record, not by its name: after a rename, a copy or a later gzip it is the same file, and a number that is
used again for other content is another one.
"""

import asyncio
import gzip
import hashlib
import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from ignite_domain.errors import PortFailure
from ignite_domain.governance.accounting import AccountingRecord, LineReader, Rejected
from ignite_domain.governance.ports import FeedBatch, Position

LONGEST_LINE: Final = 1 << 16
"""A line without an end is waited for up to this many bytes; a longer one is taken as it is."""
_SUFFIXES: Final = (".csv", ".csv.gz")
_SERIES: Final = re.compile(r"(.*)-\d{4}-\d\d-\d\d-\d{4,}\.csv(?:\.gz)?$")
_UNREADABLE: Final = (EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError)
"""A gzip that is still being written, or is damaged, or a file that was moved away while it was read."""


def head_identity(head: bytes) -> str | None:
    """The identity of a file that begins with `head`; None while its first record is not whole."""
    lines = head.split(b"\n", 2)
    return hashlib.sha256(b"\n".join(lines[:2])).hexdigest()[:32] if len(lines) == 3 else None


def closed_names(names: list[str]) -> set[str]:
    """The names that PMTA has done with: a later one of the same series is there (PMTA's guide, 3.3.11)."""
    newest: dict[str, str] = {}
    for name in sorted(names):
        if found := _SERIES.match(name):
            newest[found[1]] = name.removesuffix(".gz")
    return {name for name in names if (found := _SERIES.match(name)) and newest[found[1]] != name.removesuffix(".gz")}


class DirectoryFeed:
    """Every `*.csv` and `*.csv.gz` directly in `directory`, in order of name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._done: dict[str, int] = {}  # gzipped source -> byte_offset at its end

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        try:
            return await asyncio.to_thread(self._read, positions, limit)
        except OSError as failure:
            raise PortFailure("accounting files", f"{failure.strerror or 'cannot be read'}") from failure

    def _read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        names = sorted(path.name for path in self._directory.iterdir() if path.name.endswith(_SUFFIXES))
        closed = closed_names(names)
        batches: list[FeedBatch] = []
        taken: set[str] = set()
        for name in names:
            with suppress(*_UNREADABLE):
                batch = self._one(self._directory / name, positions, limit, taken, final=name in closed)
                if batch is not None:
                    batches.append(batch)
                    limit -= len(batch.entries)
            if limit <= 0:
                break
        return batches

    def _one(
        self, path: Path, positions: Mapping[str, Position], limit: int, taken: set[str], *, final: bool
    ) -> FeedBatch | None:
        """Read on in one file. `final`: nobody writes to it any more, so an unfinished line is a cut-off one."""
        packed = path.name.endswith(".gz")
        with _open(path, packed) as file:
            source = head_identity(file.readline(LONGEST_LINE) + file.readline(LONGEST_LINE))
            if source is None or source in taken:
                return None
            old = positions.get(source) or Position(source, path.name)
            if packed and self._done.get(source) == old.byte_offset:
                return None
            file.seek(old.byte_offset)
            reader = LineReader(old.header, old.line)
            entries: list[AccountingRecord | Rejected] = []
            offset = old.byte_offset
            while len(entries) < limit:
                raw = file.readline(LONGEST_LINE)
                if not raw:
                    if packed:
                        self._done[source] = offset
                    break
                if not (raw.endswith(b"\n") or len(raw) == LONGEST_LINE or packed or final):
                    break  # the writer is not done with this line
                offset += len(raw)
                found = reader.read(raw.decode("utf-8", errors="replace"))
                if found is not None:
                    entries.append(found)
        taken.add(source)
        if offset == old.byte_offset:
            return None
        return FeedBatch(Position(source, path.name, offset, reader.line, reader.header), entries)


def _open(path: Path, packed: bool) -> "BinaryIO | gzip.GzipFile":
    return gzip.open(path, "rb") if packed else path.open("rb")

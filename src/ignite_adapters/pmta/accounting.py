"""`AccountingFeed` over a directory of PMTA's accounting files, plain or gzipped, on this machine."""

import asyncio
import gzip
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ignite_adapters.pmta import files
from ignite_adapters.pmta.files import HEAD, Cursor
from ignite_adapters.pmta.folder import Begin, FolderFeed, Stamp, read_on
from ignite_domain.errors import PortFailure
from ignite_domain.governance.ports import FeedBatch, Position


class DirectoryFeed(FolderFeed):
    """Every accounting file directly in `directory`, oldest first."""

    def __init__(self, directory: Path, host: str = "") -> None:
        super().__init__(host)
        self._directory = directory

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        try:
            return await self._read(positions, limit)
        except OSError as failure:
            raise PortFailure("accounting files", f"{failure.strerror or 'cannot be read'}") from failure

    def source(self, path: Path) -> str | None:
        """What the position of the file at `path` is stored under; None while its first record is not whole."""
        with _opened(path) as file:
            return self._source(file.read(HEAD))

    async def _list(self) -> dict[str, Stamp]:
        return await asyncio.to_thread(self._stamps)

    def _stamps(self) -> dict[str, Stamp]:
        found: dict[str, Stamp] = {}
        for path in self._directory.iterdir():
            if files.wanted(path.name):
                with suppress(FileNotFoundError):  # moved away meanwhile
                    found[path.name] = stamp_of(path)
        return found

    async def _take(self, name: str, stamp: Stamp, begin: Begin, *, final: bool) -> Cursor | None:
        def take() -> Cursor | None:
            with _opened(self._directory / name) as file:
                cursor = begin(file.read(HEAD))
                if cursor is not None:
                    read_on(file, cursor, final=final)
            return cursor

        return await asyncio.to_thread(take)


def stamp_of(path: Path) -> Stamp:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _opened(path: Path) -> "BinaryIO | gzip.GzipFile":
    return gzip.open(path, "rb") if files.packed(path.name) else path.open("rb")

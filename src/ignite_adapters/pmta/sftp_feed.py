"""`AccountingFeed` over SFTP: a remote directory of accounting files, read where it lies and never written to.

Decides which bytes are fetched. Only what lies beyond the position is fetched of a plain file; a gzipped one is
fetched whole, once for all the steps it takes.
"""

import asyncio
import gzip
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, Final

import asyncssh

from ignite_adapters.pmta import files
from ignite_adapters.pmta.files import BLOCK, HEAD, Cursor
from ignite_adapters.pmta.folder import Begin, FolderFeed, Stamp, read_on
from ignite_adapters.pmta.ssh_link import SshHost
from ignite_domain.errors import PortFailure
from ignite_domain.governance.ports import FeedBatch, Position

PORT: Final = "accounting files over SSH"
IN_MEMORY: Final = 8 << 20
"""Bytes of a gzipped file up to which its copy stays in memory."""


class SftpFeed(FolderFeed):
    """Every accounting file directly in `directory` of `host`, oldest first; `name` goes before each identity.

    One connection is kept. Not for use by several tasks at once.
    """

    def __init__(self, host: SshHost, directory: str, name: str) -> None:
        super().__init__(name)
        self._host = host
        self._directory = directory.rstrip("/") or "/"
        self._connection: Any = None
        self._sftp: Any = None
        self._copy: tuple[str, Stamp, IO[bytes]] | None = None

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        try:
            return await self._read(positions, limit)
        except (asyncssh.Error, OSError, TimeoutError) as fault:
            await self.close()
            said = getattr(fault, "reason", "") if isinstance(fault, asyncssh.SFTPError) else ""
            raise PortFailure(PORT, f"{self.hosts[0]}: {said or type(fault).__name__}") from fault

    async def close(self) -> None:
        connection, self._connection, self._sftp = self._connection, None, None
        if self._copy is not None:
            self._copy[2].close()
            self._copy = None
        if connection is not None:
            connection.close()
            with suppress(asyncssh.Error, OSError, TimeoutError):
                await asyncio.wait_for(connection.wait_closed(), self._host.timeout)

    async def _opened(self) -> Any:
        if self._sftp is None or self._connection.is_closed():
            self._connection = await self._host.connect(PORT)
            self._sftp = await self._soon(self._connection.start_sftp_client())
        return self._sftp

    async def _soon(self, answer: Any) -> Any:
        return await asyncio.wait_for(answer, self._host.timeout)

    async def _list(self) -> dict[str, Stamp]:
        """SFTP tells whole seconds; what is added within one shows in the size."""
        sftp = await self._opened()
        return {
            str(one.filename): (int(one.attrs.size or 0), int(one.attrs.mtime or 0))
            for one in await self._soon(sftp.readdir(self._directory))
            if files.wanted(str(one.filename))
        }

    async def _take(self, name: str, stamp: Stamp, begin: Begin, *, final: bool) -> Cursor | None:
        with suppress(asyncssh.SFTPNoSuchFile):
            async with self._sftp.open(f"{self._directory}/{name}", "rb") as remote:
                if files.packed(name):
                    copy = await self._fetched(remote, name, stamp)
                    return await asyncio.to_thread(_unpacked, copy, begin)
                return await self._plain(remote, begin, size=stamp[0] if final else None)
        return None

    async def _plain(self, remote: Any, begin: Begin, *, size: int | None) -> Cursor | None:
        """`size`: of a file that nobody writes to any more."""
        cursor = begin(await self._soon(remote.read(HEAD, 0)))
        going = cursor is not None
        while cursor is not None and going:
            data = await self._soon(remote.read(BLOCK, cursor.start))
            at_end = size is not None and cursor.start + len(data) >= size
            going = cursor.take(data, at_end=at_end, final=at_end)
        return cursor

    async def _fetched(self, remote: Any, name: str, stamp: Stamp) -> IO[bytes]:
        """The whole of a gzipped file, kept until another one is wanted."""
        if self._copy is not None:
            if self._copy[:2] == (name, stamp):
                return self._copy[2]
            self._copy[2].close()
            self._copy = None
        copy = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed when another is fetched
        at = 0
        while data := await self._soon(remote.read(BLOCK, at)):
            copy.write(data)
            at += len(data)
        self._copy = (name, stamp, copy)
        return copy


def _unpacked(copy: IO[bytes], begin: Begin) -> Cursor | None:
    copy.seek(0)
    with gzip.GzipFile(fileobj=copy, mode="rb") as file:
        cursor = begin(file.read(HEAD))
        if cursor is not None:
            read_on(file, cursor, final=True)
    return cursor

"""`AccountingFeed` over SFTP: a remote directory of accounting files, read where it lies and never written to.

Decides which bytes are fetched; what a file is and where it is read on is decided in `files`. Only what lies
beyond the position is fetched of a plain file; a gzipped one is fetched whole, once for all the steps it takes.
"""

import asyncio
import gzip
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, Final

import asyncssh
import attrs

from ignite_adapters.pmta import files
from ignite_adapters.pmta.accounting import UNREADABLE, read_on
from ignite_adapters.pmta.files import BLOCK, HEAD, Cursor, head_identity
from ignite_adapters.pmta.ssh_link import SshHost
from ignite_domain.errors import PortFailure
from ignite_domain.governance.ports import FeedBatch, Position

PORT: Final = "accounting files over SSH"
IN_MEMORY: Final = 8 << 20
"""Bytes of a gzipped file up to which its copy stays in memory."""


@attrs.frozen
class _Seen:
    """A file that had been read to its end when it had this size and time: unless they change, it is let be."""

    stamp: tuple[int, int]
    source: str
    offset: int
    final: bool


class SftpFeed:
    """Every accounting file directly in `directory` of `host`, oldest first; `name` goes before each identity.

    One connection is kept. Not for use by several tasks at once.
    """

    def __init__(self, host: SshHost, directory: str, name: str) -> None:
        self._host = host
        self._directory = directory.rstrip("/") or "/"
        self._name = name
        self._connection: Any = None
        self._sftp: Any = None
        self._seen: dict[str, _Seen] = {}
        self._copy: tuple[str, tuple[int, int], IO[bytes]] | None = None

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        try:
            sftp = await self._opened()
            return await self._read(sftp, positions, limit)
        except (asyncssh.Error, OSError, TimeoutError) as fault:
            await self.close()
            said = getattr(fault, "reason", "") if isinstance(fault, asyncssh.SFTPError) else ""
            raise PortFailure(PORT, f"{self._name}: {said or type(fault).__name__}") from fault

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

    async def _read(self, sftp: Any, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        listed = {
            str(one.filename): (int(one.attrs.size or 0), int(one.attrs.mtime or 0))
            for one in await self._soon(sftp.readdir(self._directory))
            if files.wanted(str(one.filename))
        }
        closed = files.closed_names(listed)
        self._seen = {name: seen for name, seen in self._seen.items() if name in listed}
        batches: list[FeedBatch] = []
        taken: set[str] = set()
        for name in files.in_order(listed):
            final = name in closed or files.packed(name)
            with suppress(*UNREADABLE, asyncssh.SFTPNoSuchFile):
                batch = await self._one(sftp, name, listed[name], positions, limit, taken, final=final)
                if batch is not None:
                    batches.append(batch)
                    limit -= len(batch.entries)
            if limit <= 0:
                break
        return batches

    async def _one(
        self,
        sftp: Any,
        name: str,
        stamp: tuple[int, int],
        positions: Mapping[str, Position],
        limit: int,
        taken: set[str],
        *,
        final: bool,
    ) -> FeedBatch | None:
        seen = self._seen.get(name)
        if seen is not None and (seen.stamp, seen.final) == (stamp, final):
            at = positions.get(seen.source)
            if at is not None and at.byte_offset == seen.offset:
                taken.add(seen.source)
                return None
        async with sftp.open(f"{self._directory}/{name}", "rb") as remote:
            if files.packed(name):
                copy = await self._fetched(remote, name, stamp)
                cursor = await asyncio.to_thread(self._unpacked, copy, name, positions, limit, taken)
            else:
                cursor = await self._plain(remote, name, positions, limit, taken, size=stamp[0] if final else None)
        if cursor is None:
            return None
        taken.add(cursor.position.source)
        if len(cursor.entries) < limit:
            # SFTP tells whole seconds; what is added within one shows in the size
            self._seen[name] = _Seen(stamp, cursor.position.source, cursor.offset, final)
        return cursor.batch()

    def _cursor(
        self, head: bytes, name: str, positions: Mapping[str, Position], limit: int, taken: set[str]
    ) -> Cursor | None:
        identity = head_identity(head)
        source = f"{self._name}/{identity}"
        if identity is None or source in taken:
            return None
        return Cursor(files.position_of(source, name, f"{self._name}/{name}", head, positions), limit)

    async def _plain(
        self,
        remote: Any,
        name: str,
        positions: Mapping[str, Position],
        limit: int,
        taken: set[str],
        *,
        size: int | None,
    ) -> Cursor | None:
        """`size`: of a file that nobody writes to any more."""
        cursor = self._cursor(await self._soon(remote.read(HEAD, 0)), name, positions, limit, taken)
        going = cursor is not None
        while cursor is not None and going:
            data = await self._soon(remote.read(BLOCK, cursor.start))
            at_end = size is not None and cursor.start + len(data) >= size
            going = cursor.take(data, at_end=at_end, final=at_end)
        return cursor

    async def _fetched(self, remote: Any, name: str, stamp: tuple[int, int]) -> IO[bytes]:
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

    def _unpacked(
        self, copy: IO[bytes], name: str, positions: Mapping[str, Position], limit: int, taken: set[str]
    ) -> Cursor | None:
        copy.seek(0)
        with gzip.GzipFile(fileobj=copy, mode="rb") as file:
            cursor = self._cursor(file.read(HEAD), name, positions, limit, taken)
            if cursor is not None:
                read_on(file, cursor, final=True)
        return cursor

"""Accounting files that hosts push: stored as they come, read by the ingest worker as one more feed.

Decides whether a push fits to what is there. A file is known by its host and the identity its sender gives it;
bytes are kept until the position of their file is behind them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import attrs

from ignite_adapters.pmta import files
from ignite_adapters.pmta.files import BLOCK, Cursor
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.errors import Conflict
from ignite_domain.governance.ports import FeedBatch, Position

_OPEN_FILE: Final = """
insert into mailing_engine_pushed_files (host, identity, file, received, closed, updated_at)
values (%(host)s, %(identity)s, %(file)s, 0, false, %(now)s) on conflict do nothing
"""
_LOCK: Final = """
select received, closed from mailing_engine_pushed_files
 where host = %(host)s and identity = %(identity)s for update
"""
_CHUNK: Final = """
insert into mailing_engine_pushed_chunks (host, identity, byte_offset, data)
values (%(host)s, %(identity)s, %(offset)s, %(data)s)
"""
_RECEIVED: Final = """
update mailing_engine_pushed_files
   set received = %(received)s, closed = %(closed)s, file = %(file)s, updated_at = %(now)s
 where host = %(host)s and identity = %(identity)s
"""
_FILES: Final = """
select f.host, f.identity, f.file, f.received, f.closed from mailing_engine_pushed_files f
 where f.host = any(%s) and exists (
       select 1 from mailing_engine_pushed_chunks c where c.host = f.host and c.identity = f.identity)
 order by f.file, f.identity
"""
_NAMES: Final = "select host, file from mailing_engine_pushed_files where host = any(%s)"
_DATA: Final = """
select byte_offset, data from mailing_engine_pushed_chunks
 where host = %(host)s and identity = %(identity)s and byte_offset + length(data) > %(start)s
 order by byte_offset limit %(many)s
"""
# the byte before a position tells whether it lies within a line, so it is kept
_DROP_CHUNKS: Final = """
delete from mailing_engine_pushed_chunks c
 using unnest(%s::text[], %s::text[], %s::bigint[]) as done (host, identity, upto)
 where c.host = done.host and c.identity = done.identity and c.byte_offset + length(c.data) < done.upto
"""
_DROP_READ: Final = """
delete from mailing_engine_pushed_chunks c
 using unnest(%s::text[], %s::text[], %s::bigint[]) as done (host, identity, upto), mailing_engine_pushed_files f
 where f.host = done.host and f.identity = done.identity and f.closed and f.received <= done.upto
   and c.host = f.host and c.identity = f.identity
"""
CHUNKS: Final = 16
"""Pushes that are looked at together."""


@attrs.frozen
class OffsetConflict(Conflict):
    """A push that does not begin where the one before it ended. `expected` is where the next one must begin."""

    expected: int

    def __str__(self) -> str:
        return f"the next push of this file must begin at offset {self.expected}"


def source_of(host: str, identity: str) -> str:
    """What a pushed file's position is stored under."""
    return f"{host}/push:{identity}"


class PushedFiles:
    """What the HTTP door writes to."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def append(
        self, host: str, identity: str, file: str, offset: int, data: bytes, now: datetime, *, closed: bool
    ) -> int:
        """Take `data` as the file's bytes from `offset` on; returns how many bytes of the file are here now.

        What is here already is not taken twice, so a push may be repeated. Raises `OffsetConflict` if bytes
        would be missing or laid over others, or if the file was closed before.
        """
        key: dict[str, Any] = {"host": host, "identity": identity, "file": file, "now": now}
        async with transaction(self._pool) as conn:
            await conn.execute(_OPEN_FILE, key)
            row = await (await conn.execute(_LOCK, key)).fetchone()
            assert row is not None
            received, was_closed = int(row[0]), bool(row[1])
            end = offset + len(data)
            if end > received and (offset != received or was_closed):
                raise OffsetConflict(received)
            if end > received:
                await conn.execute(_CHUNK, {**key, "offset": offset, "data": data})
            if end > received or (closed and end == received and not was_closed):
                values = {**key, "received": end, "closed": closed or was_closed}
                await conn.execute(_RECEIVED, values)
        return max(received, end)


class PushedFeed:
    """`AccountingFeed` over what `hosts` have pushed."""

    failures: Mapping[str, str] = MappingProxyType({})

    def __init__(self, pool: Pool, hosts: Sequence[str]) -> None:
        self._pool = pool
        self.hosts: Sequence[str] = tuple(hosts)

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_FILES, (list(self.hosts),))).fetchall()
            names = await (await conn.execute(_NAMES, (list(self.hosts),))).fetchall()
        ended = {
            (host, name)
            for host in self.hosts
            for name in files.closed_names([file for of, file in names if of == host])
        }
        batches: list[FeedBatch] = []
        for host, identity, file, received, closed in rows:
            if limit <= 0:
                break
            source = source_of(host, identity)
            at = positions.get(source)
            if at is not None and at.byte_offset >= received:
                continue
            cursor: Cursor | None = None
            going = True
            while going:
                start = cursor.start if cursor else max(0, at.byte_offset - 1) if at else 0
                data = await self._data(host, identity, start)
                if cursor is None:
                    cursor = Cursor(files.position_of(source, file, f"{host}/{file}", data, positions), limit)
                final = closed or (host, file) in ended
                going = cursor.take(data, at_end=start + len(data) >= received, final=final)
            batch = cursor.batch() if cursor else None
            if batch is not None:
                batches.append(batch)
                limit -= len(batch)
        return batches

    async def _data(self, host: str, identity: str, start: int) -> bytes:
        """A file's bytes from `start` on, at least a block of them if they are there."""
        found = b""
        async with transaction(self._pool) as conn:
            while len(found) < BLOCK:
                values = {"host": host, "identity": identity, "start": start + len(found), "many": CHUNKS}
                rows = await (await conn.execute(_DATA, values)).fetchall()
                for offset, data in rows:
                    found += bytes(data)[max(0, start + len(found) - offset) :]
                if len(rows) < CHUNKS:
                    break
        return found

    async def close(self) -> None:
        """Nothing is held open."""

    async def forget(self, positions: Mapping[str, Position]) -> None:
        """Delete the bytes that `positions` are past, and files that have been closed and read."""
        done = [
            (host, rest.removeprefix("push:"), one.byte_offset)
            for source, one in positions.items()
            for host, _, rest in [source.partition("/")]
            if rest.startswith("push:") and host in self.hosts
        ]
        if done:
            columns = [list(column) for column in zip(*done, strict=True)]
            async with transaction(self._pool) as conn:
                await conn.execute(_DROP_CHUNKS, columns)
                await conn.execute(_DROP_READ, columns)

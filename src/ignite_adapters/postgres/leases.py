"""Leases: one worker of a name at a time, by a session-level advisory lock.

The lock lives as long as its connection: kill -9 frees it, and a lost connection is a lost lease. Where
the network falls silent, keepalives tell both sides within half a minute.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import psycopg
from psycopg import AsyncConnection

from ignite_adapters.postgres.pool import Pool, transaction, translate

_NAMESPACE: Final = 0x1612
_NOTICE: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
}
"""How a dead peer is noticed: the first five by us, `options` by the server, whose lock it is."""


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big", signed=True)


_HELD: Final = """
select exists (select from pg_locks
                where locktype = 'advisory' and granted and classid::bigint = %s and objid::bigint = %s and objsubid = 2
                  and database = (select oid from pg_database where datname = current_database()))
"""


async def is_held(pool: Pool, name: str) -> bool:
    """Whether some process holds the lease `name` now."""
    async with transaction(pool) as conn:
        row = await (await conn.execute(_HELD, (_NAMESPACE, _key(name) % 2**32))).fetchone()
    return bool(row and row[0])


@attrs.define
class Lease:
    """A held lease. `alive` asks the server; False means somebody else may hold it by now."""

    name: str
    connection: AsyncConnection[Any]

    async def alive(self) -> bool:
        try:
            await self.connection.execute("select 1")
        except psycopg.Error:
            return False
        return True


@asynccontextmanager
async def lease(dsn: str, name: str) -> AsyncIterator[Lease | None]:
    """Try to take the lease `name`; yields None if another process holds it. Freed at the end."""
    with translate():
        connection = await AsyncConnection.connect(dsn, autocommit=True, **_NOTICE)
        try:
            row = await (
                await connection.execute("select pg_try_advisory_lock(%s, %s)", (_NAMESPACE, _key(name)))
            ).fetchone()
            yield Lease(name, connection) if row and row[0] else None
        finally:
            await connection.close()

"""Reads the live feed across processes: LISTEN for the knock, then rows by id.

The notification carries nothing: rows are read by id, so a knock that is lost or doubled changes nothing.
Ids become visible in the order in which they grow (see `events.append`).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, sql

from ignite_adapters.postgres.events import LIVE_CHANNEL
from ignite_adapters.postgres.pool import Pool, transaction

BATCH: Final = 500
LOOK_ANYWAY_REAL_SECONDS: Final = 5.0
RECONNECT_REAL_SECONDS: Final = 1.0
Message = dict[str, Any]


class LiveFeed:
    """The feed of one database. `dsn` for the listening connection, `pool` for reading rows."""

    def __init__(self, dsn: str, pool: Pool) -> None:
        self._dsn = dsn
        self._pool = pool

    async def last_id(self) -> int:
        """The newest visible id, 0 if there is none."""
        async with transaction(self._pool) as conn:
            row = await (await conn.execute("select coalesce(max(id), 0) from live_feed")).fetchone()
        return int(row[0]) if row else 0

    async def since(self, after: int, limit: int = BATCH) -> list[Message]:
        """Up to `limit` messages beyond `after`, in order of id."""
        async with transaction(self._pool) as conn:
            rows = await (
                await conn.execute(
                    "select id, type, at, isp, data from live_feed where id > %s order by id limit %s", (after, limit)
                )
            ).fetchall()
        return [{"id": r[0], "type": r[1], "at": r[2], "isp": r[3], "data": r[4]} for r in rows]

    async def knocks(self) -> AsyncIterator[None]:
        """Yields when something may be new: after a notification, after a reconnect, and now and then anyway."""
        while True:
            try:
                async with await AsyncConnection.connect(self._dsn, autocommit=True) as conn:
                    await conn.execute(sql.SQL("listen {}").format(sql.Identifier(LIVE_CHANNEL)))
                    yield None
                    while True:
                        async for _ in conn.notifies(timeout=LOOK_ANYWAY_REAL_SECONDS, stop_after=1):
                            pass
                        yield None
            except psycopg.OperationalError:
                await asyncio.sleep(RECONNECT_REAL_SECONDS)

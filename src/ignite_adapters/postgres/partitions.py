"""Monthly partitions of `subscriber_events`: made ahead of time, dropped after retention.

Decides names and bounds; how far ahead and how long to keep are the caller's settings.
"""

from datetime import UTC, datetime
from typing import Any, Final

from psycopg import AsyncConnection, sql

from ignite_adapters.postgres.pool import Pool, transaction

PARENT: Final = "subscriber_events"
LOCK: Final = 0x1612_0003


def month_start(at: datetime, months: int = 0) -> datetime:
    """The first instant (UTC) of the month of `at`, moved by `months`."""
    index = at.astimezone(UTC).year * 12 + at.astimezone(UTC).month - 1 + months
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


async def ensure_partitions(pool: Pool, now: datetime, *, ahead: int, behind: int = 1) -> int:
    """Make the partitions from `behind` months before `now` to `ahead` months after; return how many are new."""
    made = 0
    async with transaction(pool) as conn:
        await conn.execute("set local lock_timeout = '5s'")
        await conn.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        for offset in range(-behind, ahead + 1):
            made += await _make(conn, month_start(now, offset), month_start(now, offset + 1), now)
    return made


async def _make(conn: AsyncConnection[Any], start: datetime, end: datetime, now: datetime) -> int:
    name = f"{PARENT}_{start:%Y_%m}"
    there = await (await conn.execute("select to_regclass(%s)", (name,))).fetchone()
    if there and there[0]:
        return 0
    await conn.execute(
        sql.SQL("create table {} partition of {} for values from ({}) to ({})").format(
            sql.Identifier(name), sql.Identifier(PARENT), sql.Literal(start), sql.Literal(end)
        )
    )
    await conn.execute(
        "insert into partition_log (partition, from_at, to_at, created_at) values (%s, %s, %s, %s) "
        "on conflict (partition) do update set created_at = excluded.created_at, dropped_at = null",
        (name, start, end, now),
    )
    return 1


async def drop_expired(pool: Pool, now: datetime, *, keep_months: int) -> int:
    """Drop partitions whose last instant lies more than `keep_months` months before this month; return how many."""
    oldest = month_start(now, -keep_months)
    async with transaction(pool) as conn:
        await conn.execute("set local lock_timeout = '5s'")
        await conn.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        rows = await (
            await conn.execute(
                "select partition from partition_log where to_at <= %s and dropped_at is null order by 1", (oldest,)
            )
        ).fetchall()
        for (name,) in rows:
            await conn.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(name)))
            await conn.execute("update partition_log set dropped_at = %s where partition = %s", (now, name))
    return len(rows)

"""Monthly partitions of `subscriber_events`: made ahead of time, dropped after retention.

Decides names and bounds; how far ahead and how long to keep are the caller's settings. A partition is
built aside and attached, so that reading and writing of other months goes on meanwhile.
"""

from datetime import UTC, datetime
from typing import Any, Final

from psycopg import AsyncConnection, sql

from ignite_adapters.postgres.pool import Pool, transaction

PARENT: Final = "subscriber_events"
OTHER: Final = "subscriber_events_other"
"""The default partition: rows of months that are not made."""
LOCK: Final = 0x1612_0003
_LOCK_TIMEOUT: Final = "set local lock_timeout = '5s'"

_THERE: Final = "select to_regclass(%s)"
_BUILD: Final = "create table {name} (like {parent} including defaults including indexes)"
_MOVE: Final = """
with moved as (delete from {other} where event_at >= {start} and event_at < {end} returning *)
insert into {name} select * from moved
"""
_ATTACH: Final = "alter table {parent} attach partition {name} for values from ({start}) to ({end})"
_NOTE: Final = """
insert into partition_log (partition, from_at, to_at, created_at) values (%s, %s, %s, %s)
on conflict (partition) do update set created_at = excluded.created_at, dropped_at = null
"""
_EXPIRED: Final = "select partition from partition_log where to_at <= %s and dropped_at is null order by from_at"
_DROPPED: Final = "update partition_log set dropped_at = %s where partition = %s"
_FORGET: Final = "delete from subscriber_events_other where event_at < %s"


def month_start(at: datetime, months: int = 0) -> datetime:
    """The first instant (UTC) of the month of `at`, moved by `months`."""
    index = at.astimezone(UTC).year * 12 + at.astimezone(UTC).month - 1 + months
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


async def ensure_partitions(pool: Pool, now: datetime, *, ahead: int, behind: int = 1) -> int:
    """Make the partitions from `behind` months before `now` to `ahead` months after; return how many are new.

    One transaction a month. Raises a retryable `PortFailure` if a lock is not to be had within 5 s.
    """
    made = 0
    for offset in range(-behind, ahead + 1):
        async with transaction(pool) as conn:
            await conn.execute(_LOCK_TIMEOUT)
            await conn.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            made += await _make(conn, month_start(now, offset), month_start(now, offset + 1), now)
    return made


async def _make(conn: AsyncConnection[Any], start: datetime, end: datetime, now: datetime) -> int:
    name = f"{PARENT}_{start:%Y_%m}"
    there = await (await conn.execute(_THERE, (name,))).fetchone()
    if there and there[0]:
        return 0
    words = {
        "name": sql.Identifier(name),
        "parent": sql.Identifier(PARENT),
        "other": sql.Identifier(OTHER),
        "start": sql.Literal(start),
        "end": sql.Literal(end),
    }
    for statement in (_BUILD, _MOVE, _ATTACH):
        await conn.execute(sql.SQL(statement).format(**words))
    await conn.execute(_NOTE, (name, start, end, now))
    return 1


async def drop_expired(pool: Pool, now: datetime, *, keep_months: int) -> int:
    """Drop the months that ended at least `keep_months` months before this one began; return how many.

    Rows of that age in no month of their own go too.
    """
    oldest = month_start(now, -keep_months)
    async with transaction(pool) as conn:
        await conn.execute(_LOCK_TIMEOUT)
        await conn.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        rows = await (await conn.execute(_EXPIRED, (oldest,))).fetchall()
        for (name,) in rows:
            await conn.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(name)))
            await conn.execute(_DROPPED, (now, name))
        await conn.execute(_FORGET, (oldest,))
    return len(rows)

"""Monthly partitions of `subscriber_events` and `mailing_engine_signals`: made ahead, dropped whole after retention.

Decides names and bounds; how far ahead to make months and how long to keep what are the caller's settings. A
partition is built aside and attached, so that reading and writing of other months goes on meanwhile.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
from psycopg import AsyncConnection, sql

from ignite_adapters.postgres.pool import Pool, transaction


@attrs.frozen
class Monthly:
    """A table of months by its column `at`. The default partition, named after it, has the rows of months that are not
    made. `room`: per cent of a page that new rows fill; the rest is for rows that are counted up in place."""

    name: str
    at: str
    room: int

    @property
    def other(self) -> str:
        return f"{self.name}_other"


EVENTS: Final = Monthly("subscriber_events", "event_at", 100)
SIGNALS: Final = Monthly("mailing_engine_signals", "at", 80)
LOCK: Final = 0x1612_0003
_LOCK_TIMEOUT: Final = "set local lock_timeout = '5s'"

_THERE: Final = "select to_regclass(%s)"
_BUILD: Final = "create table {name} (like {parent} including defaults including indexes) with (fillfactor = {room})"
_MOVE: Final = """
with moved as (delete from {other} where {at} >= {start} and {at} < {end} returning *)
insert into {name} select * from moved
"""
_ATTACH: Final = "alter table {parent} attach partition {name} for values from ({start}) to ({end})"
_NOTE: Final = """
insert into partition_log (partition, from_at, to_at, created_at) values (%s, %s, %s, %s)
on conflict (partition) do update set created_at = excluded.created_at, dropped_at = null
"""
_EXPIRED: Final = """
select partition from partition_log
 where to_at <= %s and dropped_at is null and starts_with(partition, %s) order by from_at
"""
_DROPPED: Final = "update partition_log set dropped_at = %s where partition = %s"
_FORGET: Final = "delete from {other} where {at} < {oldest}"


def month_start(at: datetime, months: int = 0) -> datetime:
    """The first instant (UTC) of the month of `at`, moved by `months`."""
    index = at.astimezone(UTC).year * 12 + at.astimezone(UTC).month - 1 + months
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


async def ensure_partitions(pool: Pool, now: datetime, *, ahead: int, behind: int = 1) -> int:
    """Make both tables' partitions from `behind` months before `now` to `ahead` months after; return how many are new.

    One transaction a month. Raises a retryable `PortFailure` if a lock is not to be had within 5 s.
    """
    made = 0
    for offset in range(-behind, ahead + 1):
        for table in (EVENTS, SIGNALS):
            async with transaction(pool) as conn:
                await conn.execute(_LOCK_TIMEOUT)
                await conn.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
                made += await _make(conn, table, month_start(now, offset), month_start(now, offset + 1), now)
    return made


async def _make(conn: AsyncConnection[Any], table: Monthly, start: datetime, end: datetime, now: datetime) -> int:
    name = f"{table.name}_{start:%Y_%m}"
    there = await (await conn.execute(_THERE, (name,))).fetchone()
    if there and there[0]:
        return 0
    words = {
        "name": sql.Identifier(name),
        "parent": sql.Identifier(table.name),
        "other": sql.Identifier(table.other),
        "at": sql.Identifier(table.at),
        "room": sql.Literal(table.room),
        "start": sql.Literal(start),
        "end": sql.Literal(end),
    }
    for statement in (_BUILD, _MOVE, _ATTACH):
        await conn.execute(sql.SQL(statement).format(**words))
    await conn.execute(_NOTE, (name, start, end, now))
    return 1


async def drop_expired(pool: Pool, now: datetime, *, keep_months: int, keep_signal_days: int = 90) -> int:
    """Drop the months of events that ended at least so many months before this one began, and those of signals whose
    last day is older than so many days; return how many.

    Rows of that age in no month of their own go too.
    """
    dropped = 0
    for table, oldest in (
        (EVENTS, month_start(now, -keep_months)),
        (SIGNALS, now - timedelta(days=keep_signal_days)),
    ):
        async with transaction(pool) as conn:
            await conn.execute(_LOCK_TIMEOUT)
            await conn.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            dropped += await _drop(conn, table, oldest, now)
    return dropped


async def _drop(conn: AsyncConnection[Any], table: Monthly, oldest: datetime, now: datetime) -> int:
    rows = await (await conn.execute(_EXPIRED, (oldest, f"{table.name}_"))).fetchall()
    for (name,) in rows:
        await conn.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(name)))
        await conn.execute(_DROPPED, (now, name))
    words = {
        "other": sql.Identifier(table.other),
        "at": sql.Identifier(table.at),
        "oldest": sql.Literal(oldest),
    }
    await conn.execute(sql.SQL(_FORGET).format(**words))
    return len(rows)

"""What is known about the accounting logs themselves: how each host's log stands, its types, unknown replies.

Written with the step that read the records, read by the checks and by people.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from ignite_adapters.postgres.migrate import CONNECT_REAL_SECONDS
from ignite_adapters.postgres.pool import Pool, transaction, translate
from ignite_domain.governance.health import HostLog
from ignite_domain.governance.tally import Tally

MOST_UNKNOWN: Final = 500
"""Rows of unknown replies; the least seen are dropped beyond."""
_HOST: Final = """
insert into mailing_engine_hosts as h (host, read_at, failure, record_at, logged_at, ahead_s)
select host, read_at, failure, case when logged_at is null then null else read_at end, logged_at, ahead_s
  from unnest(%s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::float8[])
    as t (host, read_at, failure, logged_at, ahead_s)
on conflict (host) do update set read_at = excluded.read_at, failure = excluded.failure,
       record_at = coalesce(excluded.record_at, h.record_at), logged_at = greatest(excluded.logged_at, h.logged_at),
       ahead_s = case when excluded.record_at is null then h.ahead_s else excluded.ahead_s end
"""
_TYPE: Final = """
insert into mailing_engine_record_types as r (host, type, records, first_at, last_at)
select * from unnest(%s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
on conflict (host, type) do update set records = r.records + excluded.records,
       first_at = least(r.first_at, excluded.first_at), last_at = greatest(r.last_at, excluded.last_at)
"""
_MINUTE: Final = """
insert into mailing_engine_record_minutes as m (host, at, type, records)
select * from unnest(%s::text[], %s::timestamptz[], %s::text[], %s::bigint[])
on conflict (host, at, type) do update set records = m.records + excluded.records
"""
_UNKNOWN: Final = """
insert into mailing_engine_unknown_replies as u (isp, status, text, count, first_at, last_at)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
on conflict (isp, status, text) do update set count = u.count + excluded.count,
       first_at = least(u.first_at, excluded.first_at), last_at = greatest(u.last_at, excluded.last_at)
"""
_BOUND: Final = """
delete from mailing_engine_unknown_replies where (isp, status, text) in (
    select isp, status, text from mailing_engine_unknown_replies
     order by count desc, last_at desc, isp, status, text offset %s)
"""
_PRUNE: Final = (
    "delete from mailing_engine_record_minutes where at < %(before)s",
    "delete from mailing_engine_pushed_files where closed and updated_at < %(old)s",
)
_LOGS: Final = """
select h.host, h.read_at, h.failure, h.record_at, h.logged_at, h.ahead_s,
       coalesce((select jsonb_object_agg(r.type, r.records) from mailing_engine_record_types r
                  where r.host = h.host), '{}')
  from mailing_engine_hosts h order by h.host
"""
_BETWEEN: Final = """
select coalesce(sum(records), 0) from mailing_engine_record_minutes
 where host = %s and at >= %s and at < %s and type = any(%s)
"""
_READ_UNTIL: Final = "select read_until from mailing_engine_progress where read_until > '-infinity'"
_TYPES: Final = "select host, type, records, first_at, last_at from mailing_engine_record_types order by host, type"
_REPLIES: Final = """
select isp, status, text, count, first_at, last_at from mailing_engine_unknown_replies
 order by count desc, last_at desc, isp, status, text limit %s
"""
_UNKNOWN_COUNT: Final = "select count(*), coalesce(sum(count), 0) from mailing_engine_unknown_replies"

_HEARD: Final = """
select count(*), count(*) filter (where attempts > 0) from mailing_sends where state = 'injected' and injected_at < %s
"""


def heard_of(dsn: str, before: datetime) -> tuple[int, int]:
    """(messages handed over before that instant, those of them that the log has named). Raises PortFailure."""
    with translate(), psycopg.connect(dsn, connect_timeout=CONNECT_REAL_SECONDS) as conn:
        row = conn.execute(_HEARD, (before,)).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


async def write(conn: AsyncConnection[Any], told: Tally) -> None:
    """Add a tally to what is stored, within the caller's transaction."""
    await _rows(conn, _HOST, [(h.host, h.read_at, h.failure, h.logged, h.ahead_s) for h in told.hosts])
    await _rows(conn, _TYPE, [(*key, one.count, one.first, one.last) for key, one in sorted(told.types.items())])
    await _rows(conn, _MINUTE, [(*key, count) for key, count in sorted(told.minutes.items())])
    unknown = [(*key, one.count, one.first, one.last) for key, one in sorted(told.unknown.items())]
    if unknown:
        await _rows(conn, _UNKNOWN, unknown)
        await conn.execute(_BOUND, (MOST_UNKNOWN,))


async def _rows(conn: AsyncConnection[Any], query: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        await conn.execute(query, [list(column) for column in zip(*rows, strict=True)])


class LogBook:
    """Reads what `write` wrote."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def logs(self) -> list[HostLog]:
        """How each host's log stands, with all of its records by type."""
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_LOGS)).fetchall()
        return [HostLog(*row) for row in rows]

    async def between(self, host: str, first: datetime, last: datetime, types: Sequence[str]) -> int:
        """How many records of `types` were logged from `first` up to `last`; both are whole minutes."""
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_BETWEEN, (host, first, last, list(types)))).fetchone()
        return int(row[0]) if row else 0

    async def read_until(self) -> datetime | None:
        """Every record that was logged before this instant has been ingested; None before the first time."""
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_READ_UNTIL)).fetchone()
        return row[0] if row else None

    async def types(self) -> list[dict[str, Any]]:
        """Record types by host, of all time."""
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_TYPES)).fetchall()
        return [dict(zip(("host", "type", "records", "first_at", "last_at"), row, strict=True)) for row in rows]

    async def unknown(self, limit: int) -> list[dict[str, Any]]:
        """Replies that no rule knows, the most frequent first."""
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_REPLIES, (limit,))).fetchall()
        return [dict(zip(("isp", "status", "text", "count", "first_at", "last_at"), row, strict=True)) for row in rows]

    async def unknown_count(self) -> tuple[int, int]:
        """Different unknown replies that are kept, and records with them."""
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_UNKNOWN_COUNT)).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    async def prune(self, now: datetime) -> int:
        """Forget minutes older than a day and closed pushed files older than 90 days; returns rows."""
        values = {"before": now - timedelta(days=1), "old": now - timedelta(days=90)}
        async with transaction(self._pool) as conn:
            return sum([(await conn.execute(query, values)).rowcount for query in _PRUNE])

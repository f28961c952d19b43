"""The suppression lists, and the gate as SQL.

`GATE_JOINS` and `GATE_REASON` are `ignite_domain.subscribers.may_mail` for sets of people; a property test
says that the two agree. Whoever builds an audience or claims sends uses them as they stand:

    select s.id, {GATE_REASON} as reason from mailing_subscribers s {GATE_JOINS} where ...

Parameters: `now` (timestamptz), `frequency` (interval, or null for mail without a cap),
`gate_campaign` (bigint: its own sends do not count as earlier mail; null: all count).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection

from ignite_adapters.postgres import events
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.isps import Isp
from ignite_domain.subscribers import FREQUENCY, Reason, Suppression, SuppressionReason, Verdict

GATE_JOINS: Final[LiteralString] = """
left join mailing_global_suppressions gate_g
       on gate_g.email_md5 = s.email_md5
      and (gate_g.expires is null or gate_g.expires > %(now)s::timestamptz)
left join mailing_engine_suppressions gate_e
       on gate_e.email_md5 = s.email_md5 and gate_e.isp = coalesce(s.isp, 'elsewhere')
      and (gate_e.expires is null or gate_e.expires > %(now)s::timestamptz)
left join lateral (
       select max(coalesce(m.injected_at, m.claimed_at)) as at
         from mailing_sends m
         join mailing_campaigns c on c.id = m.campaign_id and c.kind = 'campaign'
        where m.subscriber_id = s.id
          and m.state in ('claimed', 'in_doubt', 'injected')
          and m.campaign_id is distinct from %(gate_campaign)s::bigint
     ) gate_last on %(frequency)s::interval is not null
"""
"""Joins that bring the gate's facts to a query whose people are called `s`. They never multiply rows."""

GATE_REASON: Final[LiteralString] = """
case when gate_g.email_md5 is not null then 'suppressed_global'
     when s.status = 'suppressed' then 'suppressed_status'
     when gate_e.email_md5 is not null then 'suppressed_isp'
     when s.status = 'unmailable' then 'unmailable'
     when gate_last.at > %(now)s::timestamptz - %(frequency)s::interval then 'frequency'
end
"""
"""A `Reason` of the gate, or null: may be mailed."""

_VERDICTS: Final[LiteralString] = (
    "select s.id, "  # noqa: S608 -- constants of this module only
    + GATE_REASON
    + " from mailing_subscribers s "
    + GATE_JOINS
    + " where s.id = any(%(ids)s)"
)

_LIST: Final = """
with given as (select distinct md5 from unnest(%(md5s)s::text[]) as t (md5) order by md5)
insert into mailing_global_suppressions as g (email_md5, reason, source, since, expires)
select md5, %(reason)s, %(source)s, %(now)s, null from given
on conflict (email_md5) do update
   set reason = excluded.reason, source = excluded.source, since = excluded.since, expires = null
 where g.expires is not null
    -- what a reply said can be undone with its decision; what a person, or a complaint, says outlasts that
    or (g.source = 'accounting' and g.reason = 'hard_bounced' and excluded.reason <> 'hard_bounced')
returning g.email_md5, (xmax = 0) as fresh
"""
_SUPPRESS_PEOPLE: Final = """
with hit as (
    select id from mailing_subscribers
     where email_md5 = any(%(md5s)s::text[]) and status <> 'suppressed' order by id for update
)
update mailing_subscribers s
   set status = 'suppressed', status_reason = %(reason)s, updated_at = %(now)s
  from hit where s.id = hit.id
returning s.id, s.isp
"""
_UNLIST: Final = "delete from mailing_global_suppressions where email_md5 = %(md5)s returning email_md5"
_WHO: Final = "select id, isp from mailing_subscribers where email_md5 = %(md5)s"
_UNLIST_AT: Final = "delete from mailing_engine_suppressions where email_md5 = %(md5)s returning email_md5"
_RELEASE: Final = """
update mailing_subscribers
   set status = 'active', status_reason = null, verify_state = 'new', verify_after = null, updated_at = %(now)s
 where email_md5 = %(md5)s and status = 'suppressed'
returning id, isp
"""
_STANDING: Final = """
select reason, source, since, expires from mailing_global_suppressions
 where email_md5 = %(md5)s and (expires is null or expires > %(now)s)
"""


def _isp(value: str | None) -> Isp | None:
    return Isp(value) if value else None


async def suppress_within(
    conn: AsyncConnection[Any],
    md5s: Sequence[str],
    reason: SuppressionReason,
    source: str,
    now: datetime,
) -> tuple[dict[str, bool], list[SubscriberEvent]]:
    """List hashes and mark their people inside the caller's transaction.

    Returns {hash: True if its entry is new, False if it replaced one that would have expired, or a bounce's}; hashes
    that were listed for good are absent. The events (one `suppressed` per person) are the caller's to append.
    """
    values = {"md5s": list(md5s), "reason": reason.value, "source": source, "now": now}
    listed = await conn.execute(_LIST, values)
    entries: dict[str, bool] = dict(await listed.fetchall())
    people = await conn.execute(_SUPPRESS_PEOPLE, values)
    happened = [
        SubscriberEvent(
            EventType.SUPPRESSED, now, person, _isp(isp), metadata={"reason": reason.value, "source": source}
        )
        for person, isp in await people.fetchall()
    ]
    return entries, happened


class PostgresSuppressionStore:
    """`SuppressionStore` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def suppress(
        self, md5s: Sequence[str], reason: SuppressionReason, source: str, now: datetime
    ) -> tuple[int, int]:
        async with transaction(self._pool) as conn:
            entries, happened = await suppress_within(conn, md5s, reason, source, now)
            await events.append(conn, happened)
        return len(entries), len(happened)

    async def release(self, md5: str, by: str, now: datetime) -> bool:
        async with transaction(self._pool) as conn:
            unlisted = await (await conn.execute(_UNLIST, {"md5": md5})).fetchone()
            person = await (await conn.execute(_RELEASE, {"md5": md5, "now": now})).fetchone()
            at_providers = await (await conn.execute(_UNLIST_AT, {"md5": md5})).fetchone()
            if person is None and at_providers is not None:  # active all the while, and not mailed at one provider
                person = await (await conn.execute(_WHO, {"md5": md5})).fetchone()
            if person is not None:
                event = SubscriberEvent(EventType.UNSUPPRESSED, now, person[0], _isp(person[1]), metadata={"by": by})
                await events.append(conn, [event])
        return unlisted is not None or person is not None or at_providers is not None

    async def standing(self, md5: str, now: datetime) -> Suppression | None:
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_STANDING, {"md5": md5, "now": now})).fetchone()
        return Suppression(*row) if row else None

    async def verdicts(
        self,
        subscriber_ids: Sequence[int],
        now: datetime,
        *,
        frequency: timedelta | None = FREQUENCY,
        campaign_id: int | None = None,
    ) -> Mapping[int, Verdict]:
        values = {
            "ids": list(subscriber_ids),
            "now": now,
            "frequency": frequency,
            "gate_campaign": campaign_id,
        }
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_VERDICTS, values)).fetchall()
        return {person: Verdict(Reason(reason) if reason else None) for person, reason in rows}

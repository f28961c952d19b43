"""`TrackingStore` on PostgreSQL.

Locks: hits lock the people they lift in ascending id; an unsubscribe is a transaction of its own (list
entry first, then the person, as everywhere else), so that the two orders never meet.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection

from ignite_adapters.postgres import events
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.suppressions import suppress_within
from ignite_domain.events import EventType, SubscriberEvent, Verdict
from ignite_domain.isps import Isp
from ignite_domain.quality import RUNG, Evidence
from ignite_domain.subscribers import SuppressionReason
from ignite_domain.tracking.ports import TrackedSend, Unsubscribe
from ignite_domain.tracking.rewriting import prepare
from ignite_domain.tracking.verdict import Earlier

_SENDS: Final = """
select id, subscriber_id, campaign_id, variant_id, isp, claimed_at from mailing_sends where id = any(%s)
"""
_VARIANTS: Final = "select id, html from mailing_ab_variants where id = any(%s)"
_EARLIER: Final = """
select (metadata->>'send')::bigint, event_at, (metadata->>'link')::int, coalesce(metadata->>'client', ''),
       coalesce(metadata->>'reason', '')
  from subscriber_events
 where subscriber_id = any(%s) and event_at >= %s and event_type = 'clicked'
   and (metadata->>'send')::bigint = any(%s)
 order by event_at, id
"""
_LIFT: Final = """
with wanted as (
    select * from unnest(%(people)s::bigint[], %(rungs)s::numeric[], %(at)s::timestamptz[]) as t (id, rung, at)
), hit as (
    select s.id, s.data_quality_score as old, w.rung, w.at
      from mailing_subscribers s join wanted w on w.id = s.id
     where s.data_quality_score < w.rung
       and (s.status = 'active' or s.status_reason in ('unsubscribed', 'listed') and not exists (
             select 1 from subscriber_events e
              where e.subscriber_id = s.id and e.event_type in ('hard_bounced', 'complained')))
     order by s.id for update of s
)
update mailing_subscribers s
   set data_quality_score = hit.rung, updated_at = hit.at
  from hit where s.id = hit.id
returning s.id, s.isp, hit.old, s.data_quality_score, hit.at
"""
_PERSON: Final = "select email_md5 from mailing_subscribers where id = %s"
_LOCK: Final = "select id from mailing_subscribers where id = %s for update"
_LAST_WISH: Final = """
select event_type from subscriber_events
 where subscriber_id = %s and event_type in ('unsubscribed', 'unsuppressed')
 order by event_at desc, id desc limit 1
"""
_VARIANTS_KEPT: Final = 1024


class PostgresTrackingStore:
    """Remembers the compiled targets of up to 1024 variants: their HTML is frozen once mail goes out."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._targets: dict[int, tuple[str, ...]] = {}

    async def sends(self, ids: Collection[int]) -> Mapping[int, TrackedSend]:
        if not ids:
            return {}
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_SENDS, (list(ids),))).fetchall()
            unknown = {row[3] for row in rows if row[3] is not None} - self._targets.keys()
            if unknown:
                if len(self._targets) + len(unknown) > _VARIANTS_KEPT:
                    self._targets.clear()
                    unknown = {row[3] for row in rows if row[3] is not None}
                for variant, html in await (await conn.execute(_VARIANTS, (list(unknown),))).fetchall():
                    self._targets[variant] = prepare(html).targets
        return {
            row[0]: TrackedSend(
                send_id=row[0],
                subscriber_id=row[1],
                campaign_id=row[2],
                variant_id=row[3],
                isp=Isp(row[4]) if row[4] else None,
                left_at=row[5],
                targets=self._targets.get(row[3], ()),
            )
            for row in rows
        }

    async def earlier(self, sends: Collection[TrackedSend], since: datetime) -> Mapping[int, Sequence[Earlier]]:
        found: dict[int, list[Earlier]] = defaultdict(list)
        people, ids = [send.subscriber_id for send in sends], [send.send_id for send in sends]
        async with transaction(self._pool) as conn:
            cursor = await conn.execute(_EARLIER, (people, since, ids))
            for send_id, at, link, client, reason in await cursor.fetchall():
                found[send_id].append(Earlier(at, link, client, reason))
        return found

    async def save(
        self,
        happened: Sequence[SubscriberEvent],
        engaged: Mapping[int, tuple[datetime, Evidence]],
        unsubscribes: Sequence[Unsubscribe],
    ) -> None:
        for wish in unsubscribes:
            async with transaction(self._pool) as conn:
                await self._unsubscribe(conn, wish)
        if happened:
            async with transaction(self._pool) as conn:
                changes = await self._lift(conn, engaged)
                await events.append(conn, [*happened, *changes])

    async def _lift(
        self, conn: AsyncConnection[Any], engaged: Mapping[int, tuple[datetime, Evidence]]
    ) -> list[SubscriberEvent]:
        if not engaged:
            return []
        people = list(engaged)
        cursor = await conn.execute(
            _LIFT,
            {
                "people": people,
                "rungs": [RUNG[engaged[person][1]] for person in people],
                "at": [engaged[person][0] for person in people],
            },
        )
        return [
            SubscriberEvent(
                EventType.QUALITY_CHANGED,
                at,
                person,
                Isp(isp) if isp else None,
                metadata={"from": float(old), "to": float(new), "evidence": engaged[person][1].value},
            )
            for person, isp, old, new, at in await cursor.fetchall()
        ]

    async def _unsubscribe(self, conn: AsyncConnection[Any], wish: Unsubscribe) -> None:
        send = wish.send
        person = await (await conn.execute(_PERSON, (send.subscriber_id,))).fetchone()
        if person is None:
            return
        _, suppressed = await suppress_within(conn, [person[0]], SuppressionReason.UNSUBSCRIBED, "link", wish.at)
        await conn.execute(_LOCK, (send.subscriber_id,))
        last = await (await conn.execute(_LAST_WISH, (send.subscriber_id,))).fetchone()
        if last is not None and last[0] == EventType.UNSUBSCRIBED:
            return
        wished = SubscriberEvent(
            EventType.UNSUBSCRIBED,
            wish.at,
            send.subscriber_id,
            send.isp,
            send.campaign_id,
            send.variant_id,
            Verdict.HUMAN,
            metadata={"send": send.send_id, "how": wish.how},
        )
        await events.append(conn, [wished, *suppressed])

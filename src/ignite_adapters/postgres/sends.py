"""The send ledger as the sender sees it: claim, settle, doubt, resolve.

Decides nothing about people: the gate is `suppressions`, the routes come in. `sent` events are written by
whoever turns a row into `injected`, in the same transaction, and a row is turned once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import AsyncConnection

from ignite_adapters.postgres.events import append
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.suppressions import GATE_JOINS, GATE_REASON
from ignite_domain.campaigns.pacing import Routes
from ignite_domain.campaigns.ports import ClaimedSend, SendableCampaign, Settled, VariantContent
from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.isps import Isp
from ignite_domain.subscribers import ELSEWHERE, FREQUENCY, OUTCOMES, Reason

_SENDABLE: Final = """
select c.id, c.kind, c.from_name, c.from_address, c.batch_per_min, v.id, v.name, v.subject, v.preheader, v.html
  from mailing_campaigns c
  join mailing_ab_tests t on t.campaign_id = c.id
  join mailing_ab_variants v on v.test_id = t.id
 where c.status = 'sending' and (c.deadline_at is null or c.deadline_at > %s)
   and exists (select from mailing_sends m where m.campaign_id = c.id and m.state = 'waiting')
 order by c.id, v.id
"""
_MAY_GO: Final = """m.campaign_id = %(gate_campaign)s and m.state = 'waiting'
       and (coalesce(m.isp, 'elsewhere') <> all(%(stuck)s::text[])
            or coalesce(m.isp, 'elsewhere') || '/' || m.vmta = any(%(cold_open)s::text[]))"""
_ON_PROBE: Final = """(coalesce(m.isp, 'elsewhere') || '/' || m.vmta = any(%(probed)s::text[])
            or '*/' || m.vmta = any(%(probed)s::text[]))"""
_PICKED: Final = f"""
with picked as (
    select m.id, null::numeric as tier from mailing_sends m
     where {_MAY_GO}
     order by m.id limit %(limit)s for update skip locked
)"""  # noqa: S608 -- constants only
# While something is on probe: of its people the few best, and of all others whoever is next.
_PICKED_TO_PROBE: Final = f"""
with best as (
    select m.id, s.data_quality_score as tier from mailing_sends m join mailing_subscribers s on s.id = m.subscriber_id
     where {_MAY_GO} and {_ON_PROBE}
     order by s.data_quality_score desc, m.id limit least(%(few)s, %(limit)s) for update of m skip locked
), others as (
    select m.id from mailing_sends m
     where {_MAY_GO} and {_ON_PROBE} is not true
     order by m.id limit %(limit)s - (select count(*) from best) for update skip locked
), picked as (
    select id, tier from best union all select id, null from others
)"""  # noqa: S608 -- constants only
_CLAIM: Final = (
    """
select m.id, m.subscriber_id, m.variant_id, m.isp, m.vmta, s.email, s.first_name, s.last_name, """
    + GATE_REASON
    + """
  from picked join mailing_sends m on m.id = picked.id
  join mailing_subscribers s on s.id = m.subscriber_id"""
    + GATE_JOINS
    + " order by picked.tier desc nulls last, m.id"
)
_SET_CLAIMED: Final = """
update mailing_sends m set state = 'claimed', claimed_at = %s, vmta = t.vmta, variant_id = t.variant
  from unnest(%s::bigint[], %s::text[], %s::bigint[]) as t (id, vmta, variant) where m.id = t.id
"""
_SET_REFUSED: Final = """
update mailing_sends m set state = t.state, reason = t.reason
  from unnest(%s::bigint[], %s::text[], %s::text[]) as t (id, state, reason) where m.id = t.id
"""
_INJECTED: Final = """
with mine as (select id from mailing_sends where id = any(%s) and state in ('claimed', 'in_doubt')
               order by id for update)
update mailing_sends m set state = 'injected', injected_at = %s from mine where m.id = mine.id
returning m.id, m.subscriber_id, m.variant_id, m.isp, m.vmta
"""
_DOUBT: Final = "update mailing_sends set state = 'in_doubt' where id = any(%s) and state = 'claimed'"
_REFUSE: Final = (
    "update mailing_sends set state = 'held', reason = 'unmailable' where id = any(%s) and state = 'claimed'"
)
_BACK: Final = """
update mailing_sends m
   set state = case when c.status in ('finished', 'cancelled') then 'held' else 'waiting' end,
       reason = case when c.status in ('finished', 'cancelled') then 'stopped' end,
       claimed_at = null, doubted_at = null
  from mailing_campaigns c
 where c.id = m.campaign_id
"""
_AGAIN: Final = _BACK + " and m.id = any(%s) and m.state = 'claimed'"
_DOUBT_ALL: Final = "update mailing_sends set state = 'in_doubt' where state = 'claimed'"
_STAMP_DOUBT: Final = "update mailing_sends set doubted_at = %s where state = 'in_doubt' and doubted_at is null"
_RESOLVE: Final = _BACK + " and m.state = 'in_doubt' and m.doubted_at < %s"


class PostgresSendLedger:
    """`SendLedger` on PostgreSQL. `frequency`: the cap between campaign mails, as the gate applies it."""

    def __init__(self, pool: Pool, *, frequency: timedelta = FREQUENCY) -> None:
        self._pool = pool
        self._frequency = frequency

    async def sendable(self, now: datetime) -> list[SendableCampaign]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_SENDABLE, (now,))).fetchall()
        found: dict[int, SendableCampaign] = {}
        variants: dict[int, list[VariantContent]] = {}
        for id_, kind, name, address, pace, *variant in rows:
            variants.setdefault(id_, []).append(VariantContent(*variant))
            found[id_] = SendableCampaign(id_, kind, name, address, pace, tuple(variants[id_]))
        return list(found.values())

    async def claim(self, campaign: SendableCampaign, limit: int, routes: Routes, now: datetime) -> list[ClaimedSend]:
        stuck = routes.stuck([None, *Isp])
        values = {
            "gate_campaign": campaign.id,
            "limit": limit,
            "now": now,
            "frequency": self._frequency if campaign.kind == "campaign" else None,
            "stuck": [_named(isp) for isp in stuck],
            "probed": [f"{_named(isp)}/{vmta}" for isp, vmta in routes.probed],
            "few": routes.few,
            "cold_open": [
                f"{_named(isp)}/{vmta}" for isp in stuck for vmta in routes.cold if routes.is_open(isp, vmta)
            ],
        }
        claimed: list[ClaimedSend] = []
        refused: list[tuple[int, str, str]] = []
        async with transaction(self._pool) as conn:
            for id_, person, variant, isp, vmta, email, first, last, reason in await (
                await conn.execute(((_PICKED_TO_PROBE if routes.probed else _PICKED) + _CLAIM).encode(), values)
            ).fetchall():
                if reason is not None:
                    refused.append((id_, OUTCOMES[Reason(reason)].value, reason))
                    continue
                route = routes.reroute(isp, vmta, person)
                if route is not None:
                    arm = variant or campaign.variants[0].id  # a flow's rows come without one
                    claimed.append(ClaimedSend(id_, person, arm, isp, route, email, first, last))
            if claimed:
                taken = [(row.send_id, row.vmta, row.variant_id) for row in claimed]
                await conn.execute(_SET_CLAIMED, (now, *(list(column) for column in zip(*taken, strict=True))))
            if refused:
                await conn.execute(_SET_REFUSED, [list(column) for column in zip(*refused, strict=True)])
        return claimed

    async def settle(self, campaign_id: int, settled: Settled, now: datetime) -> None:
        async with transaction(self._pool) as conn:
            for statement, ids in ((_DOUBT, settled.in_doubt), (_AGAIN, settled.again), (_REFUSE, settled.refused)):
                if ids:
                    await conn.execute(statement.encode(), (list(ids),))
            if settled.injected:
                await mark_injected(conn, settled.injected, campaign_id, now)

    async def doubt_claimed(self) -> int:
        return await self._count(_DOUBT_ALL, ())

    async def resolve_doubts(self, read_until: datetime | None, now: datetime) -> int:
        # Stamped here, not where the doubt arises: only the next look at the clock is surely later than the
        # last byte that went out, and too late a stamp merely waits longer.
        await self._count(_STAMP_DOUBT, (now,))
        return 0 if read_until is None else await self._count(_RESOLVE, (read_until,))

    async def _count(self, statement: str, values: tuple[Any, ...]) -> int:
        async with transaction(self._pool) as conn:
            return (await conn.execute(statement.encode(), values)).rowcount


async def mark_injected(conn: AsyncConnection[Any], send_ids: Sequence[int], campaign_id: int, now: datetime) -> None:
    """Turn claimed and doubtful rows into injected ones and write their `sent` events; the rest stays as it is."""
    rows = await (await conn.execute(_INJECTED, (list(send_ids), now))).fetchall()
    await append(
        conn,
        [
            SubscriberEvent(
                EventType.SENT,
                now,
                person,
                Isp(isp) if isp else None,
                campaign_id,
                variant,
                metadata={"send": id_, "vmta": vmta},
            )
            for id_, person, variant, isp, vmta in rows
        ],
    )


def _named(isp: str | None) -> str:
    return ELSEWHERE if isp is None else str(isp)

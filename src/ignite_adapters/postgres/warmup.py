"""`WarmupStore` on PostgreSQL: the day's rows, the standing decisions, the selection of people.

The ladder and the mix are the domain's; here is where they are saved, and where people are ordered within
a tier (`order by` below is `warmup.order_key`, a test says that they agree).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from ignite_adapters.postgres.events import append
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.governance.words import STANDING, Action
from ignite_domain.isps import Isp
from ignite_domain.warmup.ladder import Plan, WarmupDay
from ignite_domain.warmup.mix import TIERS, WAIVED_UNTIL
from ignite_domain.warmup.scheduler import Candidates, ColdPair, WarmupScheduler

_HISTORY: Final = """
select vmta, isp, day, budget, on_hand, selected, accepted, deferred, bounced, complained, slow_start
  from mailing_warmup_days where day >= %s order by day
"""
_STANDING: Final = """
select isp, target, action from mailing_engine_decisions
 where action = any(%s) and status = any(%s) and until > %s
"""
_SAVE: Final = """
insert into mailing_warmup_days as w (vmta, ip, isp, day, budget, slow_start, note)
values (%(vmta)s, %(ip)s, %(isp)s, %(day)s, %(budget)s, %(slow_start)s, %(note)s)
on conflict (vmta, isp, day) do update
   set budget = greatest(excluded.budget, w.selected), slow_start = excluded.slow_start, note = excluded.note
 where greatest(excluded.budget, w.selected) < w.budget
returning true
"""
_LOCK: Final = """
select budget, selected from mailing_warmup_days where vmta = %s and isp = %s and day = %s for update
"""
_COLD: Final = "select distinct vmta from mailing_warmup_days"
_AVAILABLE: Final = """
select s.data_quality_score, count(*)
  from mailing_sends m join mailing_subscribers s on s.id = m.subscriber_id
 where m.campaign_id = %(campaign)s and m.state = 'waiting' and coalesce(m.isp, 'elsewhere') = %(isp)s
   and coalesce(m.vmta, '') <> all(%(cold)s::text[]) and s.status = 'active'
 group by 1
"""
_DELIVERED: Final = """
select count(*) from (select from mailing_subscribers
  where coalesce(isp, 'elsewhere') = %s and data_quality_score >= 0.75 and status = 'active' limit %s) as known
"""
_SELECT: Final = """
with chosen as (
    select m.id, s.data_quality_score as tier
      from mailing_sends m join mailing_subscribers s on s.id = m.subscriber_id
     where m.campaign_id = %(campaign)s and m.state = 'waiting' and coalesce(m.isp, 'elsewhere') = %(isp)s
       and coalesce(m.vmta, '') <> all(%(cold)s::text[]) and s.status = 'active'
       and s.data_quality_score = %(tier)s::numeric
     order by (%(files_first)s and s.from_warmup_file) desc,
              encode(sha256(convert_to('warmup' || chr(31) || %(day)s::text || chr(31) || %(vmta)s::text
                                       || chr(31) || s.id::text, 'UTF8')), 'hex')
     limit %(take)s for update of m
)
update mailing_sends m set vmta = %(vmta)s from chosen where m.id = chosen.id
returning m.id, m.subscriber_id, m.variant_id, m.isp, chosen.tier
"""
_COUNT: Final = """
update mailing_warmup_days set selected = selected + %(count)s, on_hand = greatest(on_hand, selected + %(count)s)
 where vmta = %(vmta)s and isp = %(isp)s and day = %(day)s
"""


class PostgresWarmupStore:
    """`WarmupStore` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def history(self, since: date) -> Mapping[tuple[str, str], Sequence[WarmupDay]]:
        days: dict[tuple[str, str], list[WarmupDay]] = defaultdict(list)
        async with transaction(self._pool) as conn:
            for vmta, isp, *row in await (await conn.execute(_HISTORY, (since,))).fetchall():
                days[vmta, isp].append(WarmupDay(*row))
        return days

    async def standing(self, now: datetime) -> Mapping[tuple[str | None, str], frozenset[Action]]:
        wanted = [Action.HOLD_WARMUP.value, Action.STEP_DOWN_WARMUP.value]
        statuses = [status.value for status in STANDING]
        found: dict[tuple[str | None, str], frozenset[Action]] = {}
        async with transaction(self._pool) as conn:
            for isp, target, action in await (await conn.execute(_STANDING, (wanted, statuses, now))).fetchall():
                found[isp, target] = found.get((isp, target), frozenset()) | {Action(action)}
        return found

    async def save(self, pair: ColdPair, day: date, planned: Plan) -> bool:
        values = {
            "vmta": pair.vmta,
            "ip": pair.ip,
            "isp": pair.isp,
            "day": day,
            "budget": planned.budget,
            "slow_start": planned.slow_start,
            "note": planned.note,
        }
        async with transaction(self._pool) as conn:
            return await (await conn.execute(_SAVE, values)).fetchone() is not None

    async def select(
        self, campaign_id: int, pair: ColdPair, day: date, scheduler: WarmupScheduler, now: datetime
    ) -> int:
        key = {"vmta": pair.vmta, "isp": pair.isp, "day": day}
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_LOCK, (pair.vmta, pair.isp, day))).fetchone()
            if row is None or row[0] <= row[1]:
                return 0
            budget, selected = row
            cold = [name for (name,) in await (await conn.execute(_COLD)).fetchall()]
            values = {**key, "campaign": campaign_id, "cold": cold, "files_first": scheduler.files_first(budget)}
            counts = {float(tier): n for tier, n in await (await conn.execute(_AVAILABLE, values)).fetchall()}
            known = await (await conn.execute(_DELIVERED, (pair.isp, WAIVED_UNTIL))).fetchone()
            candidates = Candidates(tuple(counts.get(tier, 0) for tier in TIERS), known[0] if known else 0)
            happened: list[SubscriberEvent] = []
            for tier, take in zip(TIERS, scheduler.pick(candidates, budget, selected), strict=True):
                if not take:
                    continue
                chosen = await conn.execute(_SELECT, {**values, "tier": tier, "take": take})
                for send, person, variant, isp, score in await chosen.fetchall():
                    about = {"send": send, "vmta": pair.vmta, "tier": f"{score:.2f}", "day": day.isoformat()}
                    brand = Isp(isp) if isp else None
                    happened.append(
                        SubscriberEvent(EventType.SELECTED, now, person, brand, campaign_id, variant, metadata=about)
                    )
            if happened:
                await conn.execute(_COUNT, {**key, "count": len(happened)})
                await append(conn, happened)
        return len(happened)

"""Tests and learnings on PostgreSQL. Counts people with a human click, never clicks."""

from datetime import datetime
from typing import Any, Final

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.experiments import AbVerdict, ArmResult, RunningTest

_RUNNING: Final = """
select t.id, t.campaign_id, t.element, sent.last, v.id, v.name, v.weight, sent.delivered, sent.clicks
  from mailing_ab_tests t
  join mailing_campaigns c on c.id = t.campaign_id
  join mailing_ab_variants v on v.test_id = t.id
  cross join lateral (
        select count(*) filter (where m.outcome = 'delivered') as delivered,
               count(*) filter (where m.outcome = 'delivered' and exists (
                     select from subscriber_events e
                      where e.campaign_id = m.campaign_id and e.event_type = 'clicked' and e.verdict = 'human'
                        and e.subscriber_id = m.subscriber_id)) as clicks,
               max(m.injected_at) as last
          from mailing_sends m
         where m.campaign_id = t.campaign_id and m.variant_id = v.id and m.state = 'injected'
       ) sent
 where t.status = 'running' and c.kind = 'campaign' and c.status in ('finished', 'cancelled')
 order by t.id, v.id
"""
_FINISHED: Final = "select finished_at from mailing_campaigns where id = %s"
_DECIDE: Final = """
update mailing_ab_tests set status = %s, winner_id = %s, decided_at = %s where id = %s and status = 'running'
"""
_LEARN: Final = """
insert into content_learnings (test_id, element, winner, loser, n, clicks, lift, probability, at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (test_id) do nothing
"""


class PostgresExperimentStore:
    """`ExperimentStore` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def running(self) -> list[RunningTest]:
        tests: dict[int, tuple[int, str, list[datetime], list[ArmResult]]] = {}
        async with transaction(self._pool) as conn:
            for test, campaign, element, last, *arm in await (await conn.execute(_RUNNING)).fetchall():
                entry = tests.setdefault(test, (campaign, element, [], []))
                entry[2].extend([last] if last else [])
                entry[3].append(ArmResult(*arm))
            for campaign, _, sent, _ in tests.values():
                if not sent:  # nobody was sent to: the age counts from the end
                    row = await (await conn.execute(_FINISHED, (campaign,))).fetchone()
                    sent.extend(row or ())
        return [
            RunningTest(test, campaign, element, max(sent), tuple(arms))
            for test, (campaign, element, sent, arms) in tests.items()
        ]

    async def save(self, test: RunningTest, verdict: AbVerdict, now: datetime) -> bool:
        values: tuple[Any, ...] = (verdict.status.value, verdict.winner_id, now, test.test_id)
        async with transaction(self._pool) as conn:
            if (await conn.execute(_DECIDE, values)).rowcount == 0:
                return False
            learned = verdict.learning
            if learned is not None:
                row = (learned.winner, learned.loser, learned.n, learned.clicks, learned.lift, learned.probability)
                await conn.execute(_LEARN, (test.test_id, test.element, *row, now))
        return True

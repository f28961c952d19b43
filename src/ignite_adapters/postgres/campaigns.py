"""Campaigns on PostgreSQL: their rows, the life of one, and the audience written into the ledger.

Preparing goes in chunks of people in ascending id, each chunk one transaction: a kill loses nothing,
because the next start goes on behind the highest person already in the ledger. A verb is one UPDATE that
names the statuses it may come from, so two callers cannot both have their way.
"""

from datetime import datetime, timedelta
from typing import Any, Final, cast

import attrs
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.suppressions import GATE_JOINS, GATE_REASON
from ignite_domain.campaigns.audience import parse
from ignite_domain.campaigns.campaign import CampaignDraft
from ignite_domain.campaigns.pacing import Routes
from ignite_domain.campaigns.states import CampaignStatus, Verb, after, sources
from ignite_domain.errors import NotFound
from ignite_domain.experiments import VariantSelector
from ignite_domain.subscribers import FREQUENCY, OUTCOMES, Reason

CHUNK: Final = 10_000

_INSERT: Final = """
insert into mailing_campaigns (name, kind, from_name, from_address, landing_url, audience, batch_per_min,
                               created_at, created_by)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning id
"""
_INSERT_TEST: Final = """
insert into mailing_ab_tests (campaign_id, element, salt, status) values (%s, %s, %s, %s) returning id
"""
_INSERT_VARIANT: Final = """
insert into mailing_ab_variants (test_id, name, weight, subject, preheader, html) values (%s, %s, %s, %s, %s, %s)
"""
_STATUS: Final = "select status from mailing_campaigns where id = %s and kind = 'campaign'"
_MOVE: Final = """
update mailing_campaigns set status = %(to)s, status_reason = %(reason)s,
       scheduled_at = coalesce(%(scheduled_at)s, scheduled_at),
       started_at = coalesce(started_at, %(started_at)s),
       deadline_at = coalesce(deadline_at, %(deadline_at)s),
       finished_at = coalesce(%(finished_at)s, finished_at)
 where id = %(id)s and kind = 'campaign' and status = any(%(from)s)
returning id
"""
_STOP: Final = """
with rest as (select id from mailing_sends where campaign_id = %s and state = 'waiting'
               order by id limit %s for update skip locked)
update mailing_sends m set state = 'held', reason = 'stopped' from rest where m.id = rest.id
"""
_WORK: Final = """
select id, status, deadline_at from mailing_campaigns
 where kind = 'campaign' and (status in ('preparing', 'sending', 'paused', 'cancelled') and (
           status = 'preparing' or exists (select from mailing_sends m where m.campaign_id = mailing_campaigns.id
                                             and m.state in ('waiting', 'claimed', 'in_doubt'))
           or status = 'sending')
       or status = 'scheduled' and scheduled_at <= %s)
 order by id
"""
_PREPARING: Final = """
select c.audience, t.salt from mailing_campaigns c join mailing_ab_tests t on t.campaign_id = c.id
 where c.id = %s and c.status = 'preparing' for update of c
"""
_DONE: Final = "select coalesce(max(subscriber_id), 0) from mailing_sends where campaign_id = %s"
_ARMS: Final = """
select v.id, v.name, v.weight from mailing_ab_variants v join mailing_ab_tests t on t.id = v.test_id
 where t.campaign_id = %s order by v.id
"""
_MEANT: Final = (
    "select s.id, s.isp, s.domain, "  # noqa: S608 -- constants; the segment holds placeholders only
    + GATE_REASON
    + " from mailing_subscribers s "
    + GATE_JOINS
    + " where s.id > %(after)s and {segment} order by s.id limit %(chunk)s"
)
_COPY: Final = """
copy mailing_sends (campaign_id, subscriber_id, variant_id, isp, domain, state, reason, vmta) from stdin
"""
_QUOTA: Final = """
with today as (
    select coalesce(isp, 'elsewhere') as isp, count(*) as n from mailing_sends
     where injected_at >= %(day)s and state = 'injected' group by 1
), ranked as (
    select m.id, row_number() over (partition by coalesce(m.isp, 'elsewhere') order by m.id) as place,
           coalesce(m.isp, 'elsewhere') as isp
      from mailing_sends m where m.campaign_id = %(id)s and m.state = 'waiting'
)
update mailing_sends m set state = 'held', reason = 'quota'
  from ranked left join today using (isp)
 where m.id = ranked.id and ranked.place > %(quota)s - coalesce(today.n, 0)
"""
_NO_WARM: Final = """
update mailing_sends set state = 'held', reason = 'warmup_limit'
 where campaign_id = %s and state = 'waiting' and vmta is null
"""
_OPEN: Final = """
select count(*) from mailing_sends where campaign_id = %s and state in ('waiting', 'claimed', 'in_doubt')
"""


@attrs.frozen
class CampaignWork:
    """A campaign that the driver has something to do for."""

    id: int
    status: CampaignStatus
    deadline_at: datetime | None


class PostgresCampaignStore:
    """Writes campaigns. `frequency` as the gate applies it; `quota` messages a day and ISP, 0: none."""

    def __init__(self, pool: Pool, *, frequency: timedelta = FREQUENCY, quota: int = 0) -> None:
        self._pool = pool
        self._frequency = frequency
        self._quota = quota

    async def refresh_statistics(self) -> None:
        """Let the planner know how many people and rows there are now.

        A bulk import or a new audience comes faster than autovacuum looks; planned on yesterday's sizes, the
        joins of preparation take a hundred times as long.
        """
        async with transaction(self._pool) as conn:
            await conn.execute(
                "analyze mailing_subscribers, mailing_sends, mailing_global_suppressions, mailing_engine_suppressions"
            )

    async def create(self, draft: CampaignDraft, by: str, now: datetime) -> int:
        """Store a checked draft with its test and variants. A flow's campaign starts out `sending`."""
        async with transaction(self._pool) as conn:
            return await create_within(conn, draft, by, now)

    async def move(
        self,
        campaign_id: int,
        verb: Verb,
        now: datetime,
        *,
        reason: str | None = None,
        scheduled_at: datetime | None = None,
        deadline_at: datetime | None = None,
    ) -> CampaignStatus:
        """Take one step of the state table. Raises `NotFound`, or `Conflict` naming what is possible."""
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_STATUS + " for update", (campaign_id,))).fetchone()
            if row is None:
                raise NotFound(f"campaign {campaign_id}")
            status = after(CampaignStatus(row[0]), verb)
            ended = status in (CampaignStatus.FINISHED, CampaignStatus.CANCELLED)
            values = {
                "id": campaign_id,
                "to": status.value,
                "from": [source.value for source in sources(verb)],
                "reason": reason,
                "scheduled_at": scheduled_at,
                "started_at": now if verb is Verb.PREPARE else None,
                "deadline_at": deadline_at,
                "finished_at": now if ended else None,
            }
            await conn.execute(_MOVE, values)
        return status

    async def work(self, now: datetime) -> list[CampaignWork]:
        """Campaigns that are due, being prepared, being sent, or have people left over."""
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_WORK, (now,))).fetchall()
        return [CampaignWork(id_, CampaignStatus(status), deadline) for id_, status, deadline in rows]

    async def prepare_chunk(self, campaign_id: int, routes: Routes, now: datetime) -> int:
        """Write the next people of the audience into the ledger; returns how many, 0: all are in."""
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_PREPARING, (campaign_id,))).fetchone()
            if row is None:
                return 0  # paused or cancelled meanwhile
            tree, salt = row
            # Asked only now that the campaign is locked: an older snapshot would not see the last chunk.
            done = await (await conn.execute(_DONE, (campaign_id,))).fetchone()
            arms = await (await conn.execute(_ARMS, (campaign_id,))).fetchall()
            ids = {name: id_ for id_, name, _ in arms}
            selector = VariantSelector(salt, {name: weight for _, name, weight in arms})
            values: dict[str, Any] = {}
            segment = parse(tree).to_sql(values)
            values |= {
                "now": now,
                "frequency": self._frequency,
                "gate_campaign": campaign_id,
                "after": done[0] if done else 0,
                "chunk": CHUNK,
            }
            people = await (await conn.execute(_MEANT.format(segment=segment).encode(), values)).fetchall()
            async with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
                for person, isp, domain, reason in people:
                    state = "waiting" if reason is None else OUTCOMES[Reason(reason)].value
                    variant = ids[selector.select(person)]
                    await copy.write_row(
                        (campaign_id, person, variant, isp, domain, state, reason, routes.first(person))
                    )
        return len(people)

    async def limit(self, campaign_id: int, now: datetime) -> int:
        """Hold whom the ISP quota of the day leaves out, and whom no VMTA may carry; returns how many."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        async with transaction(self._pool) as conn:
            held = (await conn.execute(_NO_WARM, (campaign_id,))).rowcount
            if self._quota:
                values = {"id": campaign_id, "quota": self._quota, "day": day}
                held += (await conn.execute(_QUOTA, values)).rowcount
        return held

    async def stop_waiting(self, campaign_id: int) -> int:
        """Hold the next chunk of people who still wait, reason stopped; returns how many."""
        async with transaction(self._pool) as conn:
            return (await conn.execute(_STOP, (campaign_id, CHUNK))).rowcount

    async def open_rows(self, campaign_id: int) -> int:
        """People whose mail is not settled: waiting, claimed or in doubt."""
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_OPEN, (campaign_id,))).fetchone()
        return cast(int, row[0]) if row else 0


async def create_within(conn: AsyncConnection[Any], draft: CampaignDraft, by: str, now: datetime) -> int:
    """Insert campaign, test and variants inside the caller's transaction; returns the campaign's id."""
    checked = draft.checked()
    values = (
        checked.name,
        checked.kind,
        checked.from_name,
        checked.from_address,
        checked.landing_url,
        Jsonb(dict(checked.audience)),
        checked.batch_per_min,
        now,
        by,
    )
    campaign_id = await _one(conn, _INSERT, values)
    status = "running" if len(checked.variants) > 1 else "undecided"
    test = await _one(conn, _INSERT_TEST, (campaign_id, checked.element, f"c{campaign_id}", status))
    async with conn.cursor() as cursor:
        await cursor.executemany(
            _INSERT_VARIANT,
            [(test, v.name, v.weight, v.subject, v.preheader, v.html) for v in checked.variants],
        )
    if checked.kind == "flow":
        await conn.execute(
            "update mailing_campaigns set status = 'sending', started_at = %s where id = %s", (now, campaign_id)
        )
    return campaign_id


async def _one(conn: AsyncConnection[Any], statement: str, values: tuple[Any, ...]) -> int:
    row = await (await conn.execute(statement.encode(), values)).fetchone()
    assert row is not None
    return int(row[0])

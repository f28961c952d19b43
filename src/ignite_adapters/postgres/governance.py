"""`GovernanceStore` on PostgreSQL: what the ingestor reads, and one transaction that saves a step.

Decides nothing but the order of locks: list entries first, then people in ascending id, then ledger rows,
then decisions, and last the events and the live feed.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from ignite_adapters.postgres import decisions, events, tallies
from ignite_adapters.postgres.commands import DECISION_COLUMNS, decision_of
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.suppressions import suppress_within
from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.governance.ports import (
    Fall,
    Lift,
    Position,
    SendFacts,
    Step,
    StoredSignal,
    WarmupCount,
)
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.words import STANDING, Decision, DecisionStatus
from ignite_domain.isps import Isp
from ignite_domain.quality import RUNG, Evidence
from ignite_domain.subscribers import SuppressionReason

_OPEN: Final = [status.value for status in (*STANDING, DecisionStatus.PROPOSED)]
_POSITIONS: Final = "select source, path, byte_offset, line, header from mailing_engine_feeds"
_SENDS: Final = """
select m.id, m.campaign_id, m.subscriber_id, m.variant_id, m.isp, m.vmta, m.attempts, s.email_md5
  from mailing_sends m join mailing_subscribers s on s.id = m.subscriber_id where m.id = any(%s)
"""
_LAST_SENDS: Final = """
select distinct on (s.id) m.id, m.campaign_id, m.subscriber_id, m.variant_id, m.isp, m.vmta, m.attempts, s.email_md5
  from mailing_subscribers s join mailing_sends m on m.subscriber_id = s.id and m.state = 'injected'
 where s.email_md5 = any(%s) order by s.id, m.id desc
"""
_PRUNE: Final = (
    "delete from mailing_engine_signal_history where at < %(now)s - interval '90 days'",
    "delete from mailing_engine_signals where updated_at < %(now)s - interval '7 days'",
    "delete from mailing_engine_rate_steps where at < %(now)s - interval '13 months'",
    "delete from mailing_engine_feed_rejects r using mailing_engine_feeds f "
    "where f.source = r.source and f.updated_at < %(now)s - interval '90 days'",
)
_STRIKES: Final = "select email_md5, rule, strikes from mailing_engine_strikes where email_md5 = any(%s)"
_SIGNALS: Final = (
    "select isp, scope_type, scope, signal, window_s, n, x, s, state from mailing_engine_signals "
    "where signal = 'state' or signal like 'reply:%'"
)
_REPORTED: Final = (
    "select distinct on (isp) isp, domain, day, rate from mailing_engine_reported_complaints "
    "where day >= %s order by isp, day desc, rate desc"
)
_PLANNED: Final = (
    "select coalesce(isp, 'elsewhere'), count(*) from mailing_sends where state in ('waiting', 'claimed') group by 1"
)
_STANDING: Final = (
    f"select {DECISION_COLUMNS} from mailing_engine_decisions "  # noqa: S608  # constants of ours
    "where status = any(%s) and ended_at is null order by id"
)
_RELEASED: Final = (
    f"select {DECISION_COLUMNS} from mailing_engine_decisions "  # noqa: S608  # constants of ours
    "where status = 'released' and ended_at >= %s order by id"
)
_FEED: Final = """
insert into mailing_engine_feeds as f (source, path, byte_offset, line, header, ingested, rejected, updated_at)
values (%s, %s, %s, %s, %s, %s, %s, %s)
on conflict (source) do update set path = excluded.path, byte_offset = excluded.byte_offset, line = excluded.line,
       header = excluded.header, ingested = f.ingested + excluded.ingested, rejected = f.rejected + excluded.rejected,
       updated_at = excluded.updated_at
"""
_FEED_REJECT: Final = "insert into mailing_engine_feed_rejects (source, line, reason) values (%s, %s, %s)"
_MARK: Final = """
with seen as (
    select * from unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(attempts)s::int[], %(at)s::timestamptz[])
        as t (id, outcome, attempts, at)
), locked as (
    select m.id, m.state as was, seen.outcome, seen.attempts, seen.at
      from mailing_sends m join seen on seen.id = m.id order by m.id for update of m
)
update mailing_sends m
   set outcome = case when locked.outcome like 'remote%%' and m.outcome is not null then m.outcome
                      else coalesce(locked.outcome, m.outcome) end,
       attempts = m.attempts + locked.attempts,
       state = case when locked.was in ('claimed', 'in_doubt', 'waiting') then 'injected' else m.state end,
       injected_at = coalesce(m.injected_at, locked.at)
  from locked where m.id = locked.id
returning m.id, locked.was, m.campaign_id, m.subscriber_id, m.variant_id, m.isp, m.injected_at
"""
_LIFT: Final = """
with hit as (
    select s.id, s.data_quality_score as old, w.at
      from mailing_subscribers s
      join unnest(%(people)s::bigint[], %(at)s::timestamptz[]) as w (id, at) on w.id = s.id
     where s.data_quality_score < %(rung)s
       -- a person who unsubscribed before the log was read has still been reached; a dead address has not
       and (s.status = 'active' or s.status_reason in ('unsubscribed', 'listed') and not exists (
             select 1 from subscriber_events e
              where e.subscriber_id = s.id and e.event_type in ('hard_bounced', 'complained')))
     order by s.id for update of s
)
update mailing_subscribers s set data_quality_score = %(rung)s, updated_at = hit.at
  from hit where s.id = hit.id returning s.id, s.isp, hit.old, hit.at
"""
_FALL: Final = """
with hit as (
    select s.id, s.data_quality_score as old, w.reason, w.at
      from mailing_subscribers s
      join unnest(%(people)s::bigint[], %(reasons)s::text[], %(at)s::timestamptz[]) as w (id, reason, at)
        on w.id = s.id
     order by s.id for update of s
)
update mailing_subscribers s
   set data_quality_score = 0, status = 'suppressed', status_reason = hit.reason, updated_at = hit.at
  from hit where s.id = hit.id returning s.id, s.isp, hit.old, hit.at, hit.reason
"""
_SUPPRESS: Final = """
insert into mailing_engine_suppressions as e (isp, email_md5, reason, rule, decision_id, since, expires)
values (%s, %s, %s, %s, %s, %s, %s)
on conflict (isp, email_md5) do update set reason = excluded.reason, rule = excluded.rule,
       decision_id = excluded.decision_id, since = excluded.since, expires = excluded.expires
 where e.expires is not null and (excluded.expires is null or excluded.expires > e.expires)
"""
_STRIKE: Final = """
insert into mailing_engine_strikes as k (email_md5, rule, strikes, last_at) values (%s, %s, 1, %s)
on conflict (email_md5, rule) do update set strikes = k.strikes + 1, last_at = excluded.last_at
"""
_SIGNAL: Final = """
insert into mailing_engine_signals (isp, scope_type, scope, signal, window_s, n, x, s, state, updated_at)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::bigint[], %s::bigint[],
                     %s::bigint[], %s::jsonb[], %s::timestamptz[])
on conflict (isp, scope_type, scope, signal, window_s) do update
   set n = excluded.n, x = excluded.x, s = excluded.s, state = excluded.state, updated_at = excluded.updated_at
"""
_HISTORY: Final = """
insert into mailing_engine_signal_history (at, isp, signal, n, x) values (%s, %s, %s, %s, %s)
on conflict (isp, signal, at) do update set n = excluded.n, x = excluded.x
"""
_AGENT: Final = """
insert into mailing_engine_agents as a (isp, agent, mode, state, reason, evaluations, evaluated_at)
values (%s, %s, %s, %s, %s, 1, %s)
on conflict (isp, agent) do update set mode = excluded.mode, state = excluded.state, reason = excluded.reason,
       evaluations = a.evaluations + 1, evaluated_at = excluded.evaluated_at
"""
_WARMUP: Final = """
update mailing_warmup_days set accepted = accepted + %s, deferred = deferred + %s, bounced = bounced + %s,
       complained = complained + %s
 where vmta = %s and isp = %s and day = %s
"""


_PROGRESS: Final = """
insert into mailing_engine_progress (read_until) values (%s)
on conflict (sole) do update set read_until = greatest(mailing_engine_progress.read_until, excluded.read_until)
"""
_RECEIPTS: Final = """
insert into mailing_engine_progress (read_until, receipts) values ('-infinity', true)
on conflict (sole) do update set receipts = true where not mailing_engine_progress.receipts
"""
_READ_UNTIL: Final = """
select read_until from mailing_engine_progress where receipts and read_until > '-infinity'
"""


class PostgresGovernanceStore:
    """`GovernanceStore` on PostgreSQL; for the one process that ingests."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def positions(self) -> dict[str, Position]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_POSITIONS)).fetchall()
        return {row[0]: Position(*row) for row in rows}

    async def sends(self, ids: Sequence[int]) -> dict[int, SendFacts]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_SENDS, (list(ids),))).fetchall()
        return {row[0]: _facts(row) for row in rows}

    async def last_sends(self, md5s: Sequence[str]) -> dict[str, SendFacts]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_LAST_SENDS, (list(md5s),))).fetchall()
        return {row[-1]: _facts(row) for row in rows}

    async def strikes(self, md5s: Sequence[str]) -> dict[tuple[str, str], int]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_STRIKES, (list(md5s),))).fetchall()
        return {(md5, rule): count for md5, rule, count in rows}

    async def signals(self) -> list[StoredSignal]:
        async with transaction(self._pool) as conn:
            return [StoredSignal(*row) for row in await (await conn.execute(_SIGNALS)).fetchall()]

    async def reported(self, since: date) -> dict[str, ReportedRate]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_REPORTED, (since,))).fetchall()
        return {isp: ReportedRate(Isp(isp), domain, day, float(rate)) for isp, domain, day, rate in rows}

    async def planned(self) -> dict[str, int]:
        async with transaction(self._pool) as conn:
            return dict(await (await conn.execute(_PLANNED)).fetchall())

    async def standing(self) -> list[Decision]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_STANDING, (_OPEN,))).fetchall()
        return [decision_of(row) for row in rows]

    async def released(self, since: datetime) -> list[Decision]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_RELEASED, (since,))).fetchall()
        return [decision_of(row) for row in rows]

    async def prune(self, now: datetime) -> int:
        async with transaction(self._pool) as conn:
            return sum([(await conn.execute(query, {"now": now})).rowcount for query in _PRUNE])

    async def read_until(self) -> datetime | None:
        """Every record logged before this instant has been ingested; None before the first time.

        None too while no `r` record was ever seen: a log without them says nothing about what the MTA took.
        """
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_READ_UNTIL)).fetchone()
        return row[0] if row else None

    async def save(self, step: Step) -> None:
        async with transaction(self._pool) as conn:
            if step.read_until is not None:
                await conn.execute(_PROGRESS, (step.read_until,))
            if step.receipts:
                await conn.execute(_RECEIPTS)
            await _feeds(conn, step)
            if step.tally is not None:
                await tallies.write(conn, step.tally)
            suppressing, live = await decisions.write(conn, step)
            happened = list(step.events)
            happened += await _fall(conn, step.falls, step.now)
            happened += await _lift(conn, step.lifts)
            happened += await _marks(conn, step)
            await _suppressions(conn, step, suppressing)
            await _signals(conn, step)
            await _warmup(conn, step.warmup)
            await events.append(conn, happened, decisions=live)


def _facts(row: Sequence[Any]) -> SendFacts:
    number, campaign, person, variant, isp, vmta, attempts, md5 = row
    return SendFacts(number, campaign, person, variant, Isp(isp) if isp else None, vmta, attempts, md5)


async def _many(conn: AsyncConnection[Any], query: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        async with conn.cursor() as cursor:
            await cursor.executemany(query, rows)


async def _feeds(conn: AsyncConnection[Any], step: Step) -> None:
    await _many(
        conn,
        _FEED,
        [
            (p.source, p.path, p.byte_offset, p.line, p.header, ingested, len(rejected), step.now)
            for p, ingested, rejected in step.positions
        ],
    )
    await _many(
        conn, _FEED_REJECT, [(p.source, r.line, r.reason) for p, _, rejected in step.positions for r in rejected]
    )


async def _fall(conn: AsyncConnection[Any], falls: Sequence[Fall], now: datetime) -> list[SubscriberEvent]:
    if not falls:
        return []
    by_reason: dict[str, list[str]] = defaultdict(list)
    for one in falls:
        by_reason[one.reason].append(one.email_md5)
    happened: list[SubscriberEvent] = []
    for reason in sorted(by_reason):
        _, suppressed = await suppress_within(
            conn, sorted(by_reason[reason]), SuppressionReason(reason), "accounting", now
        )
        happened += suppressed
    values = {
        "people": [one.subscriber_id for one in falls],
        "reasons": [one.reason for one in falls],
        "at": [one.at for one in falls],
    }
    rows = await (await conn.execute(_FALL, values)).fetchall()
    return happened + [_changed(person, isp, old, 0.0, at, reason) for person, isp, old, at, reason in rows if old > 0]


async def _lift(conn: AsyncConnection[Any], lifts: Sequence[Lift]) -> list[SubscriberEvent]:
    first: dict[int, datetime] = {}
    for one in lifts:
        first.setdefault(one.subscriber_id, one.at)
    if not first:
        return []
    rung = RUNG[Evidence.DELIVERED]
    values = {"people": list(first), "at": list(first.values()), "rung": rung}
    rows = await (await conn.execute(_LIFT, values)).fetchall()
    return [_changed(person, isp, old, rung, at, Evidence.DELIVERED.value) for person, isp, old, at in rows]


def _changed(person: int, isp: str | None, old: Any, new: float, at: datetime, evidence: str) -> SubscriberEvent:
    return SubscriberEvent(
        EventType.QUALITY_CHANGED,
        at,
        person,
        Isp(isp) if isp else None,
        metadata={"from": float(old), "to": new, "evidence": evidence},
    )


async def _marks(conn: AsyncConnection[Any], step: Step) -> list[SubscriberEvent]:
    """Mark ledger rows; a row that nobody had marked injected yet gets its `sent` event here."""
    if not step.marks:
        return []
    values = {
        "ids": [one.send_id for one in step.marks],
        "outcomes": [one.outcome for one in step.marks],
        "attempts": [one.attempts for one in step.marks],
        "at": [one.seen_at for one in step.marks],
    }
    rows = await (await conn.execute(_MARK, values)).fetchall()
    return [
        SubscriberEvent(
            EventType.SENT, at, person, Isp(isp) if isp else None, campaign, variant, None, {"send": number}
        )
        for number, was, campaign, person, variant, isp, at in rows
        if was in ("claimed", "in_doubt", "waiting")
    ]


async def _suppressions(conn: AsyncConnection[Any], step: Step, decisions: Sequence[int]) -> None:
    rows = sorted(
        (
            one.isp.value if one.isp else "elsewhere",
            one.email_md5,
            one.reason,
            one.rule,
            decisions[one.decision],
            one.at,
            one.expires,
        )
        for one in step.suppressions
    )
    await _many(conn, _SUPPRESS, rows)
    await _many(conn, _STRIKE, sorted((one.email_md5, one.rule, one.at) for one in step.strikes))


async def _signals(conn: AsyncConnection[Any], step: Step) -> None:
    if step.signals:
        columns = list(
            zip(
                *(
                    (s.isp, s.scope_type, s.scope, s.signal, s.window_s, s.n, s.x, s.s, Jsonb(dict(s.state)), step.now)
                    for s in step.signals
                ),
                strict=True,
            )
        )
        await conn.execute(_SIGNAL, [list(column) for column in columns])
    await _many(conn, _HISTORY, [(p.at, p.isp, p.signal, p.n, p.x) for p in step.history])
    await _many(conn, _AGENT, [(a.isp.value, a.agent, a.mode.value, a.state, a.reason, step.now) for a in step.agents])


async def _warmup(conn: AsyncConnection[Any], counts: Sequence[WarmupCount]) -> None:
    total: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for one in counts:
        cell = total[(one.vmta, one.isp, one.at.date())]
        for index, value in enumerate((one.accepted, one.deferred, one.bounced, one.complained)):
            cell[index] += value
    await _many(conn, _WARMUP, [(*cell, *key) for key, cell in sorted(total.items())])

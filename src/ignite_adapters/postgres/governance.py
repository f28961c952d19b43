"""`GovernanceStore` on PostgreSQL: what the ingestor reads, and one transaction that saves a step.

Decides nothing but the order of locks: list entries first, then people in ascending id, then ledger rows,
then decisions, and last the live feed. New events lock nothing and come first.
"""

import asyncio
import json
from collections.abc import Awaitable, Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

from psycopg import AsyncConnection

from ignite_adapters.postgres import decisions, events, mail_effects, tallies
from ignite_adapters.postgres.bulk import instants, many, numbers
from ignite_adapters.postgres.commands import DECISION_COLUMNS, decision_of
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.retention import prune_decisions
from ignite_domain.governance.ports import (
    MailEvent,
    Position,
    SendFacts,
    SendGroup,
    Step,
    StoredSignal,
    Taken,
)
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.words import STANDING, Decision, DecisionStatus
from ignite_domain.isps import Isp

_ISPS: Final = {isp.value: isp for isp in Isp}
_OPEN: Final = [status.value for status in (*STANDING, DecisionStatus.PROPOSED)]
_POSITIONS: Final = "select source, path, byte_offset, line, header from mailing_engine_feeds"
_SENDS: Final = """
select id, campaign_id, subscriber_id, variant_id, isp, vmta, attempts, state = 'injected'
  from mailing_sends where id = any(%s::bigint[])
"""
_GROUPS: Final = """
select campaign_id, variant_id, isp, vmta, attempts = 0, state = 'injected', string_agg(id::text, ','),
       string_agg(subscriber_id::text, ',')
  from mailing_sends where id = any(%s::bigint[]) group by 1, 2, 3, 4, 5, 6
"""
_HASHES: Final = """
select m.id, s.email_md5 from mailing_sends m join mailing_subscribers s on s.id = m.subscriber_id
 where m.id = any(%s::bigint[])
"""
_LAST_SENDS: Final = """
select distinct on (s.id) m.id, m.campaign_id, m.subscriber_id, m.variant_id, m.isp, m.vmta, m.attempts, true,
       s.email_md5
  from mailing_subscribers s join mailing_sends m on m.subscriber_id = s.id and m.state = 'injected'
 where s.email_md5 = any(%s) order by s.id, m.id desc
"""
_PRUNE: Final = (
    "delete from mailing_engine_signal_state where updated_at < %(now)s - interval '7 days'",
    "delete from mailing_engine_feed_rejects r using mailing_engine_feeds f "
    "where f.source = r.source and f.updated_at < %(now)s - interval '90 days'",
)
_STRIKES: Final = "select email_md5, rule, strikes from mailing_engine_strikes where email_md5 = any(%s)"
_SIGNALS: Final = (
    "select isp, scope_type, scope, signal, window_s, n, x, s, state from mailing_engine_signal_state "
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
# Many rows with texts come as one JSON array.
_SIGNAL: Final = """
insert into mailing_engine_signal_state (isp, scope_type, scope, signal, window_s, n, x, s, state, updated_at)
select t.*, %(now)s from jsonb_to_recordset(%(rows)s::jsonb) as t
       (isp text, scope_type text, scope text, signal text, window_s int, n bigint, x bigint, s bigint, state jsonb)
on conflict (isp, scope_type, scope, signal, window_s) do update
   set n = excluded.n, x = excluded.x, s = excluded.s, state = excluded.state, updated_at = excluded.updated_at
"""
# Only what came on top arrives, with the position of the log that it came from: no crash loses it or counts it twice.
_CHANGES: Final = """
insert into mailing_engine_signals as known (at, isp, scope_type, scope, signal, n, x, s, h)
select * from unnest(%s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
                     %s::bigint[], %s::bigint[])
on conflict (isp, scope_type, scope, signal, at) do update
   set n = known.n + excluded.n, x = known.x + excluded.x, s = greatest(known.s, excluded.s),
       h = coalesce(excluded.h, known.h)
"""
_AGENT: Final = """
insert into mailing_engine_agents as a (isp, agent, mode, state, reason, evaluations, evaluated_at)
select t.*, 1, %(now)s from jsonb_to_recordset(%(rows)s::jsonb) as t
       (isp text, agent text, mode text, state text, reason text)
on conflict (isp, agent) do update set mode = excluded.mode, state = excluded.state, reason = excluded.reason,
       evaluations = a.evaluations + 1, evaluated_at = excluded.evaluated_at
"""


# A backlog lies in its files: a step that a crash of the server loses, with its position, is read again. Whatever is
# committed afterwards by anybody makes it durable too.
_LAZILY: Final = "set local synchronous_commit = off"
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
    """`GovernanceStore` on PostgreSQL; for the one process that ingests. `decision_months`: decisions that are over are
    kept so long, with their commands and rates."""

    def __init__(self, pool: Pool, *, decision_months: int = 13) -> None:
        self._pool = pool
        self._decision_months = decision_months

    async def positions(self) -> dict[str, Position]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_POSITIONS)).fetchall()
        return {row[0]: Position(*row) for row in rows}

    async def sends(self, ids: Collection[int], named: Collection[int]) -> dict[int, SendFacts]:
        hashes: dict[int, str] = {}
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_SENDS, (numbers(sorted(ids)),))).fetchall()
            if named:
                hashes = dict(await (await conn.execute(_HASHES, (numbers(sorted(named)),))).fetchall())
        return {row[0]: _facts((*row, hashes.get(row[0], ""))) for row in rows}

    async def groups(self, ids: Collection[int]) -> list[SendGroup]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_GROUPS, (numbers(sorted(ids)),))).fetchall()
        return [
            SendGroup(campaign, variant, isp and _ISPS[isp], vmta, fresh, injected, _ids(sends), _ids(people))
            for campaign, variant, isp, vmta, fresh, injected, sends, people in rows
        ]

    async def settle(self) -> int:
        async with transaction(self._pool) as conn:
            return await mail_effects.settle(conn)

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
            pruned = sum([(await conn.execute(query, {"now": now})).rowcount for query in _PRUNE])
        return pruned + await prune_decisions(self._pool, now, months=self._decision_months)

    async def read_until(self) -> datetime | None:
        """Every record logged before this instant has been ingested; None before the first time.

        None too while no `r` record was ever seen: a log without them says nothing about what the MTA took.
        """
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_READ_UNTIL)).fetchone()
        return row[0] if row else None

    async def save(self, step: Step) -> None:
        async with transaction(self._pool) as conn:
            await events.copy_mail(conn, step.events, step.taken)
            await _write(conn, step)

    async def save_while(self, mail: Sequence[MailEvent], taken: Taken, deciding: Awaitable[Step]) -> Step:
        async with transaction(self._pool) as conn:
            copying = asyncio.create_task(events.copy_mail(conn, mail, taken))
            try:
                step = await deciding
            except BaseException:
                copying.cancel()
                await asyncio.wait([copying])
                raise
            await copying
            await _write(conn, step)
        return step


async def _write(conn: AsyncConnection[Any], step: Step) -> None:
    """A step, but for the events of its mail."""
    if step.read_until is not None:
        await conn.execute(_PROGRESS, (step.read_until,))
    elif step.taken:
        await conn.execute(_LAZILY)
    if step.receipts:
        await conn.execute(_RECEIPTS)
    await _feeds(conn, step)
    if step.tally is not None:
        await tallies.write(conn, step.tally)
    suppressing, live = await decisions.write(conn, step)
    happened = await mail_effects.fall(conn, step.falls, step.now)
    await mail_effects.lift(conn, step.lifts)
    happened += await mail_effects.mark(conn, step.marks)
    await mail_effects.put_off(conn, step.taken)
    await mail_effects.suppress(conn, step, suppressing)
    await _signals(conn, step)
    await mail_effects.count_warmup(conn, step.warmup)
    await events.append(conn, happened, mail=step.events, decisions=live)


def _ids(listed: str) -> list[int]:
    return list(map(int, listed.split(",")))


def _facts(row: Sequence[Any]) -> SendFacts:
    number, campaign, person, variant, isp, vmta, attempts, injected, md5 = row
    return SendFacts(number, campaign, person, variant, isp and _ISPS[isp], vmta, attempts, injected, md5)


async def _feeds(conn: AsyncConnection[Any], step: Step) -> None:
    await many(
        conn,
        _FEED,
        [
            (p.source, p.path, p.byte_offset, p.line, p.header, ingested, len(rejected), step.now)
            for p, ingested, rejected in step.positions
        ],
    )
    await many(
        conn, _FEED_REJECT, [(p.source, r.line, r.reason) for p, _, rejected in step.positions for r in rejected]
    )


async def _signals(conn: AsyncConnection[Any], step: Step) -> None:
    rows = [
        {
            **{"isp": one.isp, "scope_type": one.scope_type, "scope": one.scope, "signal": one.signal},
            **{"window_s": one.window_s, "n": one.n, "x": one.x, "s": one.s, "state": one.state},
        }
        for one in step.signals
    ]
    await _as_json(conn, _SIGNAL, rows, step.now)
    if points := step.history:
        texts = ([p.isp for p in points], [p.scope_type for p in points], [p.scope for p in points])
        counts = (numbers(p.n for p in points), numbers(p.x for p in points))
        alarms = (_numbers(p.s for p in points), _numbers(p.h for p in points))
        await conn.execute(
            _CHANGES, (instants(p.at for p in points), *texts, [p.signal for p in points], *counts, *alarms)
        )
    agents = [
        {"isp": a.isp.value, "agent": a.agent, "mode": a.mode.value, "state": a.state, "reason": a.reason}
        for a in step.agents
    ]
    await _as_json(conn, _AGENT, agents, step.now)


def _numbers(values: Iterable[int | None]) -> str:
    """An array of whole numbers with gaps."""
    return f"{{{','.join(['null' if one is None else str(one) for one in values])}}}"


async def _as_json(conn: AsyncConnection[Any], query: str, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    if rows:
        await conn.execute(query, {"rows": json.dumps(rows), "now": now})

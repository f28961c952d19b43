"""`FlowStore` on PostgreSQL.

Enrolment goes by a watermark over event ids. Ids are given out before they are committed, so the newest id
seen is only a *horizon*: it becomes the watermark once every transaction that was running when it was read
has ended. A little of what lies behind the watermark is read again each time; entering twice is impossible.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

import attrs
from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from ignite_adapters.postgres.campaigns import create_within
from ignite_adapters.postgres.events import append
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.suppressions import GATE_JOINS, GATE_REASON
from ignite_domain.automation import Due, ExecutionState, FlowDraft, FlowStatus, FlowView, Move, Step
from ignite_domain.automation.flow import CONDITIONS
from ignite_domain.campaigns.campaign import CampaignDraft
from ignite_domain.errors import BadInput, Conflict, NotFound
from ignite_domain.events import NEEDS_HUMAN, EventType, SubscriberEvent
from ignite_domain.isps import Isp
from ignite_domain.subscribers import Reason

RANGE: Final = 30_000
"""Events looked at in one transaction."""
OVERLAP: Final = 1_000
"""Events behind the watermark that are looked at again: an id can be drawn an instant before its
transaction gets the number by which the horizon knows it."""

_INSERT: Final = """
insert into automation_flows (name, trigger, steps, min_score, share, campaign_id, seen_id, created_at)
select %s, %s, %s, %s, %s, %s, coalesce(max(id), 0), %s from subscriber_events returning id
"""
_FLOWS: Final = """
select f.id, f.name, f.trigger, f.steps, f.min_score, f.share, f.status, f.campaign_id, f.created_at,
       (select coalesce(jsonb_object_agg(state, n), '{}') from (select state, count(*) as n
          from automation_executions e where e.flow_id = f.id group by 1) as states),
       (select coalesce(jsonb_object_agg(reason, n), '{}') from (select reason, count(*) as n
          from automation_executions e where e.flow_id = f.id and e.state = 'exited' group by 1) as exits)
  from automation_flows f order by f.id
"""
_STATUS: Final = "update automation_flows set status = %s where id = %s returning campaign_id"
_MAIL: Final = "update mailing_campaigns set status = %s, status_reason = %s where id = %s and kind = 'flow'"

_TURN: Final = """
select id, trigger, min_score, share, campaign_id, seen_id, horizon_id, created_at,
       horizon_id is not null and pg_snapshot_xmin(pg_current_snapshot()) >= horizon_xid
  from automation_flows where status = 'active' order by id for update skip locked
"""
_ENTER: Final = """
insert into automation_executions (flow_id, subscriber_id, state, wake_at, entered_at)
select distinct on (s.id) %(flow)s, s.id, 'waiting', %(now)s::timestamptz, %(now)s::timestamptz
  from subscriber_events v
  join mailing_subscribers s on s.id = v.subscriber_id
 where v.id > %(after)s and v.id <= %(upto)s and v.event_at >= %(since)s and v.event_type = %(trigger)s
   and s.status = 'active' and s.data_quality_score >= %(min_score)s
   and ('x' || substr(md5('flow:' || %(flow)s::bigint || ':' || s.id), 1, 8))::bit(32)::bigint %% 10000
       < %(share)s::int * 100
 order by s.id
on conflict (flow_id, subscriber_id) do nothing
returning subscriber_id
"""
_SEEN: Final = """
update automation_flows set seen_id = %(upto)s,
       horizon_id = nullif(horizon_id, %(upto)s), horizon_xid = case when horizon_id > %(upto)s then horizon_xid end
 where id = %(flow)s
returning horizon_id
"""
_HORIZON: Final = """
update automation_flows f set horizon_id = newest.id, horizon_xid = newest.xid
  from (select max(id) as id, pg_snapshot_xmax(pg_current_snapshot()) as xid from subscriber_events) as newest
 where f.id = %s and newest.id > f.seen_id
"""
_ISPS: Final = "select id, isp from mailing_subscribers where id = any(%s)"

_DUE: Final[LiteralString] = (
    "select e.id, e.flow_id, e.subscriber_id, s.isp, f.steps, e.step, "  # noqa: S608 -- constants only
    + GATE_REASON
    + """, (select array_agg(distinct v.event_type) from subscriber_events v
     where v.subscriber_id = e.subscriber_id and v.campaign_id = f.campaign_id and v.event_at >= e.entered_at
       and v.event_type = any(%(conditions)s)
       and (v.verdict = 'human' or v.event_type <> all(%(needs_human)s)))
  from automation_executions e
  join automation_flows f on f.id = e.flow_id and f.status = 'active'
  join mailing_subscribers s on s.id = e.subscriber_id
"""
    + GATE_JOINS
    + " where e.state = 'waiting' and e.wake_at <= %(now)s order by e.wake_at, e.id limit %(limit)s"
)
_SAVE: Final = """
update automation_executions e
   set step = m.step, state = m.state, wake_at = m.wake_at, reason = m.reason,
       ended_at = case when m.state = 'waiting' then null else %s::timestamptz end
  from unnest(%s::bigint[], %s::int[], %s::int[], %s::text[], %s::timestamptz[], %s::text[])
       as m (id, old, step, state, wake_at, reason),
       automation_flows f
 where e.id = m.id and e.state = 'waiting' and e.step = m.old and f.id = e.flow_id
returning e.id, f.id, f.campaign_id
"""
_LEDGER: Final = """
insert into mailing_sends (campaign_id, subscriber_id, isp, domain, state)
select t.campaign, s.id, s.isp, s.domain, 'waiting'
  from unnest(%s::bigint[], %s::bigint[]) as t (campaign, person) join mailing_subscribers s on s.id = t.person
 order by s.id
on conflict (campaign_id, subscriber_id) do nothing
"""


class PostgresFlowStore:
    """Definitions, people on their way, and the ledger their mail goes into."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, draft: FlowDraft, mail: CampaignDraft, by: str, now: datetime) -> int:
        checked = draft.checked()
        if len(mail.variants) != 1:
            raise BadInput("mail.variants: a flow's mail has exactly one")
        try:
            async with transaction(self._pool) as conn:
                campaign = await create_within(conn, attrs.evolve(mail, kind="flow"), by, now)
                values = (
                    checked.name,
                    checked.trigger.value,
                    Jsonb([step.as_json() for step in checked.steps]),
                    checked.min_score,
                    checked.share,
                    campaign,
                    now,
                )
                row = await (await conn.execute(_INSERT, values)).fetchone()
        except UniqueViolation:
            raise Conflict("a flow of this name exists") from None
        assert row is not None
        return int(row[0])

    async def flows(self) -> list[FlowView]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_FLOWS)).fetchall()
        return [
            FlowView(
                id_,
                FlowDraft(name, _steps(steps), EventType(trigger), float(score), share),
                FlowStatus(status),
                campaign,
                created,
                people,
                exits,
            )
            for id_, name, trigger, steps, score, share, status, campaign, created, people, exits in rows
        ]

    async def set_status(self, flow_id: int, status: FlowStatus) -> None:
        paused = status is FlowStatus.PAUSED
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_STATUS, (status.value, flow_id))).fetchone()
            if row is None:
                raise NotFound(f"flow {flow_id}")
            reason = "its flow is paused" if paused else None
            await conn.execute(_MAIL, ("paused" if paused else "sending", reason, row[0]))

    async def enrol(self, now: datetime) -> int:
        entered = 0
        async with transaction(self._pool) as conn:
            happened: list[SubscriberEvent] = []
            for row in await (await conn.execute(_TURN)).fetchall():
                found = await self._enter(conn, row, now)
                entered += len(found)
                happened += found
            await append(conn, happened)
        return entered

    async def _enter(self, conn: AsyncConnection[Any], row: Sequence[Any], now: datetime) -> list[SubscriberEvent]:
        flow, trigger, score, share, campaign, seen, horizon, created, safe = row
        found: list[SubscriberEvent] = []
        if safe:
            upto = min(horizon, seen + RANGE)
            values = {
                "flow": flow, "now": now, "after": max(0, seen - OVERLAP), "upto": upto, "since": created,
                "trigger": trigger, "min_score": score, "share": share,
            }  # fmt: skip
            people = [person for (person,) in await (await conn.execute(_ENTER, values)).fetchall()]
            isps = dict(await (await conn.execute(_ISPS, (people,))).fetchall()) if people else {}
            found = [
                SubscriberEvent(
                    EventType.FLOW_ENTERED, now, person, _isp(isps[person]), campaign, metadata={"flow": flow}
                )
                for person in people
            ]
            left = await (await conn.execute(_SEEN, {"flow": flow, "upto": upto})).fetchone()
            horizon = left[0] if left else None
        if horizon is None:
            await conn.execute(_HORIZON, (flow,))
        return found

    async def due(self, now: datetime, limit: int) -> list[Due]:
        values = {
            "now": now,
            "limit": limit,
            "frequency": None,
            "gate_campaign": None,
            "conditions": [event.value for event in CONDITIONS],
            "needs_human": [event.value for event in NEEDS_HUMAN],
        }
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_DUE, values)).fetchall()
        return [
            Due(
                id_,
                flow,
                person,
                _isp(isp),
                _steps(steps),
                step,
                frozenset(EventType(name) for name in happened or ()),
                Reason(refused) if refused else None,
            )
            for id_, flow, person, isp, steps, step, refused, happened in rows
        ]

    async def save(self, moves: Sequence[Move], now: datetime) -> int:
        ordered = sorted(moves, key=lambda move: move.due.execution_id)
        columns: tuple[list[Any], ...] = (
            [move.due.execution_id for move in ordered],
            [move.due.step for move in ordered],
            [move.step for move in ordered],
            [move.state.value for move in ordered],
            [move.wake_at for move in ordered],
            [move.reason for move in ordered],
        )
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_SAVE, (now, *columns))).fetchall()
            campaigns = {id_: campaign for id_, _, campaign in rows}
            held = [move for move in ordered if move.due.execution_id in campaigns]
            sends = [(campaigns[m.due.execution_id], m.due.subscriber_id) for m in held if m.send]
            if sends:
                await conn.execute(_LEDGER, [list(column) for column in zip(*sends, strict=True)])
            happened = [event for move in held for event in _events(move, campaigns[move.due.execution_id], now)]
            await append(conn, happened)
        return len(held)


def _events(move: Move, campaign: int, now: datetime) -> list[SubscriberEvent]:
    def event(kind: EventType, **about: Any) -> SubscriberEvent:
        about = {"flow": move.due.flow_id, **about}
        return SubscriberEvent(kind, now, move.due.subscriber_id, move.due.isp, campaign, metadata=about)

    found = [event(EventType.FLOW_STEP, step=index, did=move.due.steps[index].kind.value) for index in move.passed]
    if move.state is not ExecutionState.WAITING:
        found.append(event(EventType.FLOW_EXITED, reason=move.reason or move.state.value))
    return found


def _steps(data: Sequence[Any]) -> tuple[Step, ...]:
    return tuple(Step.from_json(one) for one in data)


def _isp(value: str | None) -> Isp | None:
    return Isp(value) if value else None

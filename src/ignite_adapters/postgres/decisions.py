"""Writes decisions and their changes inside a transaction, and says what goes to the live feed.

Decides nothing: what becomes a decision is the orchestrator's business, or a person's, when it is applied the
executor's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from ignite_domain.governance.ports import StatusChange, Step
from ignite_domain.governance.words import Decision, DecisionStatus, Mode

Live = tuple[Any, str | None, dict[str, Any]]
"""(at, isp, data) of one message of the live feed."""

LIVE_COLUMNS: Final = (
    "id, isp, agent, action, target_type, target, status, reason, rule, mode, until, deadline, on_deadline, author, "
    "author_reason, ended_at, status_note"
)
GOES_ON: Final = (DecisionStatus.PROPOSED, DecisionStatus.APPROVED, DecisionStatus.APPLIED)
"""Statuses that a change gives to what has not ended."""
_DECISION: Final = f"""
insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, rule, mode, status,
       status_note, evidence, parameters, undoes, ended_at, deadline, on_deadline, author, author_reason)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
returning {LIVE_COLUMNS}
"""  # noqa: S608  # constants of ours
_CHANGE: Final = f"""
update mailing_engine_decisions
   set status = coalesce(%(status)s, status), status_note = %(note)s, until = coalesce(%(until)s, until),
       parameters = parameters || %(new)s,
       ended_at = case when %(ends)s then %(now)s else ended_at end
 where id = %(id)s and ended_at is null
   and (not %(waiting)s or (status = 'proposed' and deadline is not null))
returning {LIVE_COLUMNS}
"""  # noqa: S608  # constants of ours


_STEP: Final = f"""
update mailing_engine_decisions set parameters = parameters || %(new)s, status_note = %(reason)s
 where id = %(id)s and ended_at is null
returning {LIVE_COLUMNS}
"""  # noqa: S608  # constants of ours
_RATE: Final = """
insert into mailing_engine_rate_steps (decision_id, at, rung, rate_per_min, reason) values (%s, %s, %s, %s, %s)
"""
_FIRST_RATE: Final = """
insert into mailing_engine_rate_steps (decision_id, at, rung, rate_per_min, reason)
select id, %(now)s, (parameters ->> 'rung')::int, (parameters ->> 'rate_per_min')::float8, parameters ->> 'rate_reason'
  from mailing_engine_decisions d
 where id = %(id)s and parameters ? 'rate_reason'
   and not exists (select from mailing_engine_rate_steps s where s.decision_id = d.id)
"""


def live_of(row: Sequence[Any], at: datetime) -> Live:
    """What goes live of a row of `LIVE_COLUMNS`."""
    number, isp, agent, action, target_type, target, status, reason, rule, mode, until = row[:11]
    deadline, on_deadline, author, author_reason, ended_at, note = row[11:]
    awaits = status == DecisionStatus.PROPOSED and deadline is not None and ended_at is None
    data = {
        "id": number, "agent": agent, "action": action, "target_type": target_type, "target": target,
        "status": status, "reason": reason, "rule": rule, "mode": mode, "until": until.isoformat(),
        "awaits": awaits, "deadline": deadline.isoformat() if deadline else None, "on_deadline": on_deadline,
        "by": author, "person_reason": author_reason, "note": note,
    }  # fmt: skip
    return at, isp, data


async def insert(
    conn: AsyncConnection[Any], decision: Decision, mode: str, note: str, ended: datetime | None
) -> tuple[int, Live]:
    """Write one decision; returns its id, and what goes live."""
    row = await (
        await conn.execute(
            _DECISION,
            (
                *(decision.at, decision.until, decision.isp.value if decision.isp else None, decision.agent.value),
                *(decision.action.value, decision.target_type.value, decision.target, decision.reason, decision.rule),
                *(mode, decision.status.value, note or None, Jsonb(dict(decision.evidence))),
                Jsonb({k: v for k, v in decision.parameters.items() if k != "of"}),
                *(decision.parameters.get("of"), ended, decision.deadline, decision.on_deadline),
                *(decision.by, decision.person_reason),
            ),
        )
    ).fetchone()
    assert row is not None
    if decision.status is DecisionStatus.APPROVED:
        await conn.execute(_FIRST_RATE, {"id": row[0], "now": decision.at})
    return row[0], live_of(row, decision.at)


async def change(conn: AsyncConnection[Any], one: StatusChange, now: datetime) -> Live | None:
    """Write one change; returns what goes live, or None if nothing was changed or nothing people need to hear."""
    values = {
        "id": one.decision_id,
        "status": one.status.value if one.status else None,
        "note": one.note,
        "until": one.until,
        "ends": one.status is not None and one.status not in GOES_ON,
        "waiting": one.waiting,
        "new": Jsonb(dict(one.parameters)),
        "now": now,
    }
    row = await (await conn.execute(_CHANGE, values)).fetchone()
    if row is None or (one.status is None and not one.parameters):
        return None
    if one.status is DecisionStatus.APPROVED:
        await conn.execute(_FIRST_RATE, values)
    return live_of(row, now)


async def _rate_steps(conn: AsyncConnection[Any], step: Step) -> list[Live]:
    """Write what steering answered; a rung that is another one becomes a row and goes live, a memory does not."""
    live = []
    for one in step.rate_steps:
        values = {"id": one.decision_id, "new": Jsonb(dict(one.parameters)), "reason": one.reason}
        row = await (await conn.execute(_STEP, values)).fetchone()
        if row is None or not one.changed:
            continue
        await conn.execute(_RATE, (one.decision_id, step.now, one.rung, one.rate_per_min, one.reason))
        at, isp, data = live_of(row, step.now)
        live.append((at, isp, data | {"reason": one.reason}))
    return live


async def write(conn: AsyncConnection[Any], step: Step) -> tuple[list[int], list[Live]]:
    """Insert and change decisions; returns the ids of the suppress decisions, and what goes live."""
    live = await _rate_steps(conn, step)
    for one in step.changes:
        message = await change(conn, one, step.now)
        if message is not None:
            live.append(message)
    for decision, mode, note in step.decisions:
        ended = step.now if decision.status is DecisionStatus.REJECTED else None
        _, message = await insert(conn, decision, mode.value, note, ended)
        live.append(message)
    suppressing = []
    for decision in step.suppress_decisions:
        number, message = await insert(conn, decision, Mode.ACT.value, "", step.now)
        suppressing.append(number)
        live.append(message)
    return suppressing, live

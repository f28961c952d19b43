"""Writes decisions and their changes inside a step's transaction, and says what goes to the live feed.

Decides nothing: what becomes a decision is the orchestrator's business, when it is applied the executor's.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from ignite_domain.governance.ports import Step
from ignite_domain.governance.words import Decision, DecisionStatus, Mode

_DECISION: Final = """
insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, rule, mode, status,
       status_note, evidence, parameters, undoes, ended_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id
"""
_CHANGE: Final = """
update mailing_engine_decisions
   set status = coalesce(%(status)s, status), status_note = %(note)s, until = coalesce(%(until)s, until),
       ended_at = case when %(status)s::text is null then ended_at else %(now)s end
 where id = %(id)s and ended_at is null
returning at, isp, agent, action, target_type, target, status, reason, rule, mode, until
"""


_STEP: Final = """
update mailing_engine_decisions set parameters = parameters || %(new)s, status_note = %(reason)s
 where id = %(id)s and ended_at is null
returning isp, agent, action, target_type, target, status, rule, mode, until
"""
_RATE: Final = """
insert into mailing_engine_rate_steps (decision_id, at, rung, rate_per_min, reason) values (%s, %s, %s, %s, %s)
"""


def _live(number: int, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": number, **values}


async def _insert(
    conn: AsyncConnection[Any], decision: Decision, mode: str, note: str, ended: datetime | None
) -> tuple[int, tuple[Any, str | None, dict[str, Any]]]:
    isp = decision.isp.value if decision.isp else None
    row = await (
        await conn.execute(
            _DECISION,
            (
                *(decision.at, decision.until, isp, decision.agent.value, decision.action.value),
                *(decision.target_type.value, decision.target, decision.reason, decision.rule, mode),
                *(decision.status.value, note or None, Jsonb(dict(decision.evidence))),
                *(
                    Jsonb({k: v for k, v in decision.parameters.items() if k != "of"}),
                    decision.parameters.get("of"),
                    ended,
                ),
            ),
        )
    ).fetchone()
    assert row is not None
    data = {
        "agent": decision.agent.value,
        "action": decision.action.value,
        "target_type": decision.target_type.value,
        "target": decision.target,
        "status": decision.status.value,
        "reason": decision.reason,
        "rule": decision.rule,
        "mode": mode,
        "until": decision.until.isoformat(),
    }
    return row[0], (decision.at, isp, _live(row[0], data))


async def _rate_steps(conn: AsyncConnection[Any], step: Step) -> list[tuple[Any, str | None, dict[str, Any]]]:
    """Write what steering answered; a rung that is another one becomes a row and goes live, a memory does not."""
    live = []
    for one in step.rate_steps:
        values = {"id": one.decision_id, "new": Jsonb(dict(one.parameters)), "reason": one.reason}
        row = await (await conn.execute(_STEP, values)).fetchone()
        if row is None or not one.changed:
            continue
        await conn.execute(_RATE, (one.decision_id, step.now, one.rung, one.rate_per_min, one.reason))
        names = "agent action target_type target status rule mode until".split()
        data = dict(zip(names, (*row[1:8], row[8].isoformat()), strict=True)) | {"reason": one.reason}
        live.append((step.now, row[0], _live(one.decision_id, data)))
    return live


async def write(
    conn: AsyncConnection[Any], step: Step
) -> tuple[list[int], list[tuple[Any, str | None, dict[str, Any]]]]:
    """Insert and change decisions; returns the ids of the suppress decisions, and what goes live."""
    live = await _rate_steps(conn, step)
    for change in step.changes:
        values = {
            "id": change.decision_id,
            "status": change.status.value if change.status else None,
            "note": change.note,
            "until": change.until,
            "now": step.now,
        }
        row = await (await conn.execute(_CHANGE, values)).fetchone()
        if row is not None and change.status is not None:
            names = "agent action target_type target status reason rule mode until".split()
            data = dict(zip(names, (*row[2:10], row[10].isoformat()), strict=True))
            live.append((step.now, row[1], _live(change.decision_id, data)))
    for decision, mode, note in step.decisions:
        ended = step.now if decision.status is DecisionStatus.REJECTED else None
        number, message = await _insert(conn, decision, mode.value, note, ended)
        live.append(message)
        if decision.status is DecisionStatus.APPROVED and "rate_reason" in decision.parameters:
            given = decision.parameters
            row = (number, decision.at, given["rung"], given["rate_per_min"], given["rate_reason"])
            await conn.execute(_RATE, row)
    suppressing = []
    for decision in step.suppress_decisions:
        number, message = await _insert(conn, decision, Mode.ACT.value, "", step.now)
        suppressing.append(number)
        live.append(message)
    return suppressing, live

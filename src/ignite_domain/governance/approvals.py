"""Approvals: what waits for a person, and what becomes of it when the person, or nobody, answers.

Decides the safe side of a deadline and what an answer changes. Who has to be asked is decided in `orchestrator`.

    proposed, with a deadline ── approved by a person, or the deadline and `apply` ──▶ approved (inside: applied)
                              └─ rejected by a person, the deadline and `reject`, or silenced ──▶ rejected

Source: governance page, "Safety": an approval open for 15 minutes falls to the safe side (restrict yes, release no).
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.governance.ports import StatusChange
from ignite_domain.governance.rules import MAX_LIFETIME
from ignite_domain.governance.words import (
    PMTA_LEVER,
    Action,
    Decision,
    DecisionStatus,
    OnDeadline,
    awaits,
)

APPROVED_AT: Final = "approved_at"
"""Parameter of what waited for a person: since when it may be carried out."""
LIFTS: Final = frozenset({Action.PROBE, Action.RELEASE})
"""What loosens a restriction: never without a person where one has to be asked."""


def ask(wish: Decision, now: datetime, within: timedelta, on_deadline: OnDeadline | None = None) -> Decision:
    """The wish as a proposal that waits until `now + within`; unless told otherwise it falls to the safe side."""
    safe = OnDeadline.REJECT if wish.action in LIFTS else OnDeadline.APPLY
    return attrs.evolve(wish, status=DecisionStatus.PROPOSED, deadline=now + within, on_deadline=on_deadline or safe)


def accept(decision: Decision, now: datetime, note: str) -> StatusChange:
    """It becomes part of what is wanted; its life begins now and lasts as long as it was to last."""
    assert decision.id is not None
    status = DecisionStatus.APPROVED if decision.action in PMTA_LEVER else DecisionStatus.APPLIED
    until = now + (decision.until - decision.at)
    return StatusChange(decision.id, status, note, until=until, waiting=True, parameters={APPROVED_AT: now.isoformat()})


def refuse(decision: Decision, standing: Sequence[Decision], now: datetime, note: str) -> list[StatusChange]:
    """It is rejected. What a refused probe or release would have loosened is held as long again as it was to stand,
    at most a day, and a probe of it that is out ends."""
    assert decision.id is not None
    changes = [StatusChange(decision.id, DecisionStatus.REJECTED, note, waiting=True)]
    if decision.action not in LIFTS:
        return changes
    of = decision.parameters.get("of")
    for one in standing:
        if one.id is None or one.id == decision.id or one.status is DecisionStatus.PROPOSED:
            continue
        if one.id == of:
            longer = min(one.until - one.at, MAX_LIFETIME)
            changes.append(StatusChange(one.id, None, f"held: {note}", until=now + longer))
        elif one.action is Action.PROBE and one.parameters.get("of") == of:
            changes.append(StatusChange(one.id, DecisionStatus.EXPIRED, note))
    return changes


@attrs.frozen
class Answered:
    """What deadlines changed, and the decisions that stand after that."""

    changes: tuple[StatusChange, ...]
    standing: tuple[Decision, ...]
    rejected: tuple[Decision, ...]


def overdue(standing: Sequence[Decision], now: datetime, silenced: Callable[[Decision], str]) -> Answered:
    """Settle what waits and has passed its deadline, or may not be carried out any more whoever answers.

    `silenced`: why nothing may be done for a decision (a stop, a mode that only looks on), or "".
    """
    changes: list[StatusChange] = []
    rejected: list[Decision] = []
    for one in standing:
        if not awaits(one) or one.deadline is None:
            continue
        if why := silenced(one):
            changes += refuse(one, standing, now, why)
            rejected.append(one)
        elif now >= one.deadline:
            if one.on_deadline is OnDeadline.APPLY:
                changes.append(accept(one, now, f"{_nobody(one)}; the safe side is to restrict"))
            else:
                changes += refuse(one, standing, now, f"{_nobody(one)}; {_held(one)}")
                rejected.append(one)
    return Answered(tuple(changes), tuple(after(standing, changes)), tuple(rejected))


def after(standing: Sequence[Decision], changes: Sequence[StatusChange]) -> list[Decision]:
    """The decisions that stand once the changes have been made."""
    found = {one.id: one for one in standing}
    for change in changes:
        old = found.get(change.decision_id)
        if old is None:
            continue
        if change.status in (DecisionStatus.REJECTED, DecisionStatus.EXPIRED, DecisionStatus.SUPERSEDED):
            del found[change.decision_id]
        else:
            found[change.decision_id] = attrs.evolve(
                old, status=change.status or old.status, until=change.until or old.until
            )
    return list(found.values())


def _nobody(decision: Decision) -> str:
    assert decision.deadline is not None
    minutes = (decision.deadline - decision.at) / timedelta(minutes=1)
    return f"nobody answered within {minutes:.0f} minutes"


def _held(decision: Decision) -> str:
    if decision.action in LIFTS:
        return "the safe side is to hold"
    return "so much mail is not stopped without a person"

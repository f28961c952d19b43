"""What people may decide themselves: which action on which target, and the way back before its time.

Decides whether a person's wish can be a decision. Its effect is the executor's, like that of any other; what follows
its lifetime is a probe.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from ignite_domain.errors import BadInput, Conflict
from ignite_domain.governance.desired import Topology, brand_of, desired
from ignite_domain.governance.recovery import LEVERS
from ignite_domain.governance.rules import PROBE_LIFETIME
from ignite_domain.governance.signals import HOST
from ignite_domain.governance.steering import MIN_FACTOR
from ignite_domain.governance.words import (
    OWNER,
    PERSON_RULE,
    STANDING,
    Action,
    Decision,
    DecisionStatus,
    TargetType,
    awaits,
)
from ignite_domain.isps import Isp

MAY: Final[Mapping[Action, tuple[TargetType, ...]]] = {
    Action.THROTTLE: (TargetType.ISP, TargetType.QUEUE),
    Action.BACKOFF: (TargetType.ISP, TargetType.QUEUE),
    Action.PAUSE_JOB: (TargetType.JOB,),
    Action.PAUSE_QUEUE: (TargetType.ISP, TargetType.QUEUE),
    Action.QUARANTINE_IP: (TargetType.IP,),
    Action.DISABLE_SOURCE: (TargetType.IP, TargetType.VMTA),
    Action.EMERGENCY_HALT: (TargetType.ISP, TargetType.HOST),
}
"""What a person may do to what."""
INSIDE: Final = frozenset({Action.WARN, Action.HOLD_WARMUP, Action.STEP_DOWN_WARMUP})
"""Takes effect inside IGNITE alone: a person's release ends it at once."""
MAX_MINUTES: Final = 24 * 60
MAX_REASON: Final = 500


def reason_in(text: str) -> str:
    """A reason without blanks around it. Raises BadInput."""
    reason = text.strip()
    if not 1 <= len(reason) <= MAX_REASON:
        raise BadInput(f"reason: must have 1 to {MAX_REASON} characters")
    if any(ord(sign) < 32 and sign not in "\n\t" for sign in reason):
        raise BadInput("reason: control characters do not belong there")
    return reason


@attrs.frozen
class Wanted:
    """What a person asks for. `minutes`: how long it is to live, 1 to 1440."""

    isp: Isp | None
    action: Action
    target_type: TargetType
    target: str
    minutes: int
    parameters: Mapping[str, Any]
    reason: str


def decide(wanted: Wanted, by: str, now: datetime, topology: Topology) -> Decision:
    """The decision of a person who is called `by`. Raises BadInput naming the field.

    A job's existence is for the caller to look up: the host lists only jobs that are paused.
    """
    reason = reason_in(wanted.reason)
    if not 1 <= wanted.minutes <= MAX_MINUTES:
        raise BadInput(f"minutes: must be between 1 and {MAX_MINUTES}")
    _check_target(wanted)
    _check_parameters(wanted)
    made = Decision(
        at=now,
        until=now + timedelta(minutes=wanted.minutes),
        isp=wanted.isp,
        agent=OWNER[wanted.action],
        action=wanted.action,
        target_type=wanted.target_type,
        target=wanted.target,
        reason=reason,
        rule=PERSON_RULE,
        evidence={"by": by, "reason": reason},
        parameters=dict(wanted.parameters),
        status=DecisionStatus.APPROVED,
        by=by,
        person_reason=reason,
    )
    refused = desired([attrs.evolve(made, id=1)], topology, base_rate=1).refused
    if refused:
        raise BadInput(f"target: {refused[1]}")
    return made


def _check_target(wanted: Wanted) -> None:
    may = MAY.get(wanted.action)
    if may is None:
        raise BadInput(f"action: must be one of {', '.join(MAY)}")
    if wanted.target_type not in may:
        raise BadInput(f"target_type: of {wanted.action} must be one of {', '.join(may)}")
    match wanted.target_type:
        case TargetType.HOST:
            if wanted.isp is not None or wanted.target != HOST:
                raise BadInput(f"target: what is about the host has no isp and the target {HOST}")
        case TargetType.QUEUE:
            brand = brand_of(wanted.target.partition("/")[0])
            if wanted.isp is not brand:
                raise BadInput(f"isp: that queue carries the mail of {brand.value if brand else 'no provider (null)'}")
        case _:
            if wanted.isp is None:
                raise BadInput(f"isp: a target of type {wanted.target_type} needs a provider")
            if wanted.target_type is TargetType.ISP and wanted.target != wanted.isp.value:
                raise BadInput("target: must be the provider named as isp")


def _check_parameters(wanted: Wanted) -> None:
    names = {"factor"} if wanted.action is Action.THROTTLE else set[str]()
    if extra := sorted(set(wanted.parameters) - names):
        raise BadInput(f"parameters.{extra[0]}: no such parameter of {wanted.action}")
    if not names:
        return
    factor = wanted.parameters.get("factor")
    number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if not number or not MIN_FACTOR <= float(str(factor)) < 1:
        raise BadInput(f"parameters.factor: a number from {MIN_FACTOR} to below 1 is expected")


def release(undone: Decision, by: str, reason: str, now: datetime) -> Decision:
    """A person's release of what stands, whoever still wants it. Raises Conflict saying what is possible instead."""
    assert undone.id is not None
    if undone.status not in STANDING or undone.action not in LEVERS | INSIDE:
        raise Conflict(f"decision {undone.id} {possible(undone)}")
    inside = undone.action in INSIDE
    return _release(undone, by, reason, now, now + PROBE_LIFETIME, inside=inside)


def lift(undone: Decision, by: str, reason: str, now: datetime, lifted: Mapping[str, int]) -> Decision:
    """A person's release of a suppression; it is over as soon as it is made. `lifted`: how many entries of which list,
    kept as its evidence. Raises Conflict if there is nothing left that it could lift."""
    if not any(lifted.values()):
        raise Conflict(f"decision {undone.id} has no entry left that it made: nothing to lift")
    made = _release(undone, by, reason, now, now, inside=True)
    return attrs.evolve(made, evidence={**made.evidence, **lifted})


def _release(undone: Decision, by: str, reason: str, now: datetime, until: datetime, *, inside: bool) -> Decision:
    return Decision(
        at=now,
        until=until,
        isp=undone.isp,
        agent=undone.agent,
        action=Action.RELEASE,
        target_type=undone.target_type,
        target=undone.target,
        reason=reason,
        rule=PERSON_RULE,
        evidence={"by": by, "reason": reason},
        parameters={"of": undone.id},
        status=DecisionStatus.RELEASED if inside else DecisionStatus.APPROVED,
        by=by,
        person_reason=reason,
    )


def possible(decision: Decision) -> str:
    """What a person may do about a decision that has not ended, in words."""
    if awaits(decision):
        return "waits for a person: approve or reject it"
    if decision.status is DecisionStatus.PROPOSED:
        return "is a proposal that waits for nobody: decide it yourself (POST decisions)"
    if decision.action is Action.SUPPRESS:
        return f"is {decision.status} already: releasing it lifts every entry that it made"
    if decision.action in LEVERS | INSIDE:
        return f"is {decision.status} already: it can be released"
    return f"is {decision.status} already: it ends by itself"

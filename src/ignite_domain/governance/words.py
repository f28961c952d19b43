"""The vocabulary of governance, and the `Decision` that agents emit.

Decides nothing: rules are in `rules`, conflicts in `orchestrator`, PMTA's wording in `commands`.
Names are fixed by the contracts page.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import attrs

from ignite_domain.isps import Isp


class AgentKind(StrEnum):
    REPUTATION = "reputation"
    THROTTLE = "throttle"
    POOL = "pool"
    WARMUP = "warmup"
    EMERGENCY = "emergency"
    SUPPRESSION = "suppression"


class Action(StrEnum):
    WARN = "warn"
    THROTTLE = "throttle"
    BACKOFF = "backoff"
    PAUSE_JOB = "pause_job"
    PAUSE_QUEUE = "pause_queue"
    QUARANTINE_IP = "quarantine_ip"
    DISABLE_SOURCE = "disable_source"
    EMERGENCY_HALT = "emergency_halt"
    SUPPRESS = "suppress"
    HOLD_WARMUP = "hold_warmup"
    STEP_DOWN_WARMUP = "step_down_warmup"
    PROBE = "probe"
    RELEASE = "release"
    STOP = "stop"  # the next three are made by people alone, and over as soon as they are made
    RESUME = "resume"
    SET_MODE = "set_mode"

    @property
    def family(self) -> str:
        """The seed's word for this action ("throttle, pause, quarantine, emergency halt"), else its own."""
        return _FAMILY.get(self, self.value)


_FAMILY: Final[dict[Action, str]] = {
    Action.THROTTLE: "throttle",
    Action.BACKOFF: "throttle",
    Action.PAUSE_JOB: "pause",
    Action.PAUSE_QUEUE: "pause",
    Action.DISABLE_SOURCE: "pause",
    Action.QUARANTINE_IP: "quarantine",
    Action.EMERGENCY_HALT: "emergency_halt",
}

RESTRICTIVENESS: Final[tuple[Action, ...]] = (
    Action.EMERGENCY_HALT,
    Action.PAUSE_QUEUE,
    Action.DISABLE_SOURCE,
    Action.QUARANTINE_IP,
    Action.PAUSE_JOB,
    Action.BACKOFF,
    Action.THROTTLE,
    Action.WARN,
)
"""Which of two wishes wins: the earlier one. Agent precedence only breaks ties."""

PRECEDENCE: Final[tuple[AgentKind, ...]] = (
    AgentKind.EMERGENCY,
    AgentKind.SUPPRESSION,
    AgentKind.POOL,
    AgentKind.WARMUP,
    AgentKind.THROTTLE,
    AgentKind.REPUTATION,
)

OWNER: Final[dict[Action, AgentKind]] = {
    Action.THROTTLE: AgentKind.THROTTLE,
    Action.BACKOFF: AgentKind.THROTTLE,
    Action.WARN: AgentKind.REPUTATION,
    Action.DISABLE_SOURCE: AgentKind.REPUTATION,
    Action.QUARANTINE_IP: AgentKind.POOL,
    Action.HOLD_WARMUP: AgentKind.WARMUP,
    Action.STEP_DOWN_WARMUP: AgentKind.WARMUP,
    Action.PAUSE_JOB: AgentKind.EMERGENCY,
    Action.PAUSE_QUEUE: AgentKind.EMERGENCY,
    Action.EMERGENCY_HALT: AgentKind.EMERGENCY,
    Action.SUPPRESS: AgentKind.SUPPRESSION,
}
"""Knobs have owners. A wish from anyone else becomes a proposal to the owner."""

PMTA_LEVER: Final[frozenset[Action]] = frozenset(
    {
        Action.THROTTLE,
        Action.BACKOFF,
        Action.PAUSE_JOB,
        Action.PAUSE_QUEUE,
        Action.QUARANTINE_IP,
        Action.DISABLE_SOURCE,
        Action.EMERGENCY_HALT,
        Action.PROBE,
        Action.RELEASE,
    }
)
"""Actions that need a command on the MTA; the rest take effect inside IGNITE."""


class Signal(StrEnum):
    """What is counted at a provider, address, job or queue: n exposures, and x events among them."""

    DEFERRAL = "deferral"  # t records among first attempts
    BOUNCE = "bounce"  # dead or unknown addresses among first attempts
    REFUSAL = "refusal"  # 5xx about us (reputation, policy, authentication) among first attempts
    COMPLAINT = "complaint"  # f records among delivered
    ATTEMPT = "attempt"  # every attempt, retries included; x: not accepted for a reason of ours
    CONNECTION = "connection"  # tq records
    LATENCY = "latency"  # x: seconds from queue to delivery, added up over n deliveries; no rule looks at it


class TargetType(StrEnum):
    ADDRESS = "address"
    JOB = "job"
    QUEUE = "queue"  # "domain/vmta"; "domain/*" means every VMTA of that domain
    VMTA = "vmta"
    IP = "ip"
    POOL = "pool"
    ISP = "isp"
    HOST = "host"


class Mode(StrEnum):
    OBSERVE = "observe"  # decides and records, never acts
    SHADOW = "shadow"  # as observe, and the command that would be sent is recorded too
    APPROVE = "approve"  # waits for a person, until a deadline
    ACT = "act"


class DecisionStatus(StrEnum):
    PROPOSED = "proposed"  # not the owner, or the mode does not act; with a deadline: it waits for a person
    APPROVED = "approved"  # settled; the reconciler may act on it
    REJECTED = "rejected"
    APPLIED = "applied"  # command sent, exit status 0
    VERIFIED = "verified"  # read back from the MTA and found in force
    FAILED = "failed"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    RELEASED = "released"


STANDING: Final[frozenset[DecisionStatus]] = frozenset(
    {DecisionStatus.APPROVED, DecisionStatus.APPLIED, DecisionStatus.VERIFIED, DecisionStatus.FAILED}
)
"""Statuses in which a decision is part of the desired state (a failed one is still wanted)."""


class OnDeadline(StrEnum):
    """What becomes of a proposal that nobody has answered by its deadline."""

    APPLY = "apply"
    REJECT = "reject"


PERSON_RULE: Final = "person@1"
"""The rule of every decision that a person has made."""


@attrs.frozen
class Decision:
    """What an agent wants done, with why, on what evidence, for how long, and how to undo it.

    `isp` is None for the host-wide emergency rule. `rule` is "name@version" of the rule table.
    `evidence` is JSON-able: n, x, window_s, p0, p1, S, H, arl0, or reply_rule and recipients.
    `parameters` is the action's argument (throttle: {"factor"} and {"rate_per_hour"}, or,
    for a whole provider, {"rate_per_min", "rung", "shares"} and what else `steering` keeps there; probe:
    {"messages"} or {"factor"}; probe and release: {"of": id of the decision being undone}).
    `until` is the end of its life in business time; what follows is a probe, never a silent release.
    `deadline`: it waits for a person until then, if it is proposed (`awaits`); `by`: who made or settled it.
    """

    at: datetime
    until: datetime
    isp: Isp | None
    agent: AgentKind
    action: Action
    target_type: TargetType
    target: str
    reason: str
    rule: str
    evidence: Mapping[str, Any]
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    status: DecisionStatus = DecisionStatus.PROPOSED
    id: int | None = None
    deadline: datetime | None = None
    on_deadline: OnDeadline | None = None
    by: str | None = None
    person_reason: str | None = None


def place_of(decision: Decision) -> str:
    """Where it acts, for people: the provider, or the host."""
    return decision.isp.shown if decision.isp else decision.target_type.value


def title_of(decision: Decision) -> str:
    """What is done to what, for people."""
    whole = decision.isp is not None and decision.target == decision.isp.value
    return f"{decision.action.value.replace('_', ' ')} {place_of(decision) if whole else decision.target}"


def is_persons(decision: Decision) -> bool:
    """Whether a person made it; what an agent proposed and a person approved is the agent's."""
    return decision.rule == PERSON_RULE


def awaits(decision: Decision) -> bool:
    """Whether a decision that has not ended waits for a person."""
    return decision.status is DecisionStatus.PROPOSED and decision.deadline is not None

"""What a flow is: a trigger, who may enter, and steps; and how one person moves through the steps.

Pure. Whether a person may be mailed is the gate's word (`subscribers.may_mail`), handed in as a fact; when
mail leaves is the sender's business: a flow only puts a row in the ledger.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import attrs

from ignite_domain.errors import BadInput
from ignite_domain.events import EventType
from ignite_domain.isps import Isp
from ignite_domain.quality import LADDER
from ignite_domain.subscribers import Reason

MAX_STEPS: Final = 20
MAX_WAIT: Final = timedelta(days=365)


class StepKind(StrEnum):
    WAIT = "wait"
    SEND = "send"  # the flow's mail, once per person
    CONDITION = "condition"  # leaves the flow if the event has happened since the flow's mail
    EXIT = "exit"


class ExecutionState(StrEnum):
    WAITING = "waiting"
    DONE = "done"  # ran through all steps
    EXITED = "exited"  # left before the end; the reason says why


class FlowStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # nobody enters, nobody moves, and its mail is not handed over


CONDITIONS: Final = frozenset({EventType.CLICKED, EventType.OPENED, EventType.DELIVERED, EventType.PAGE_VIEW})
"""Events of the flow's own mail that a condition can ask for; clicks and page views count if human."""


@attrs.frozen
class Step:
    """`minutes`: of WAIT, business time, at least 1. `event`: of CONDITION."""

    kind: StepKind
    minutes: int = 0
    event: EventType | None = None

    def as_json(self) -> dict[str, Any]:
        """The form in which a step is stored and shown: only what its kind uses."""
        shown: dict[str, Any] = {"kind": self.kind.value}
        if self.kind is StepKind.WAIT:
            shown["minutes"] = self.minutes
        if self.event is not None:
            shown["event"] = self.event.value
        return shown

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Step":
        """Read `as_json` back. Raises BadInput for what is no step."""
        try:
            event = data.get("event")
            minutes = data.get("minutes", 0)
            if isinstance(minutes, bool) or not isinstance(minutes, int) or set(data) - {"kind", "minutes", "event"}:
                raise ValueError
            return cls(StepKind(data["kind"]), minutes, EventType(event) if event is not None else None)
        except (KeyError, ValueError):
            raise BadInput("a step is a kind (wait, send, condition, exit) with minutes or event") from None


def checked_steps(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return `steps` if they make a flow. Raises BadInput naming the step that is wrong, from 0."""
    if not 1 <= len(steps) <= MAX_STEPS:
        raise BadInput(f"steps: 1 to {MAX_STEPS}")
    sent = False
    for index, step in enumerate(steps):
        if step.kind is StepKind.WAIT and not 1 <= step.minutes <= MAX_WAIT / timedelta(minutes=1):
            raise BadInput(f"steps[{index}]: a wait of at least a minute and at most a year")
        if step.kind is StepKind.SEND and sent:
            raise BadInput(f"steps[{index}]: a flow sends its one mail once")
        if step.kind is StepKind.CONDITION and (step.event not in CONDITIONS or not sent):
            raise BadInput(
                f"steps[{index}]: a condition asks, after the mail, for one of {', '.join(sorted(CONDITIONS))}"
            )
        if step.kind is StepKind.EXIT and index < len(steps) - 1:
            raise BadInput(f"steps[{index}]: nothing can follow an exit")
        sent = sent or step.kind is StepKind.SEND
    return tuple(steps)


WELCOME: Final = (
    Step(StepKind.WAIT, minutes=15),
    Step(StepKind.SEND),
    Step(StepKind.WAIT, minutes=120),
    Step(StepKind.CONDITION, event=EventType.CLICKED),
)
"""The steps of a welcome: a greeting soon after verification, then a look whether it was read."""


@attrs.frozen
class FlowDraft:
    """A flow as somebody asks for it. `share`: percent of those who qualify that enter, chosen by hash."""

    name: str
    steps: tuple[Step, ...] = WELCOME
    trigger: EventType = EventType.VERIFIED
    min_score: float = 0.50
    share: int = 100

    def checked(self) -> "FlowDraft":
        """Itself, if it can run. Raises BadInput naming the field that is wrong."""
        if not 1 <= len(self.name) <= 100:
            raise BadInput("name: 1 to 100 characters")
        if self.min_score not in LADDER:
            raise BadInput(f"min_score: one of {', '.join(f'{rung:.2f}' for rung in LADDER)}")
        if not 1 <= self.share <= 100:
            raise BadInput("share: a percentage from 1 to 100")
        checked_steps(self.steps)
        return self


def in_share(flow_id: int, subscriber_id: int, share: int) -> bool:
    """Whether a person is among the `share` percent of a flow: the same answer for ever."""
    digest = hashlib.md5(f"flow:{flow_id}:{subscriber_id}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % 10_000 < share * 100


@attrs.frozen
class Due:
    """Somebody whose time has come. `happened`: events of CONDITIONS since the flow's mail; `refused`: the
    gate's reason against mailing them now, None: may be mailed."""

    execution_id: int
    flow_id: int
    subscriber_id: int
    isp: Isp | None
    steps: tuple[Step, ...]
    step: int
    happened: frozenset[EventType] = frozenset()
    refused: Reason | None = None


@attrs.frozen
class Move:
    """Where somebody goes. `passed`: indexes of the steps taken, in order; `send`: put them in the ledger."""

    due: Due
    step: int
    state: ExecutionState
    wake_at: datetime
    passed: tuple[int, ...]
    send: bool = False
    reason: str | None = None


@attrs.frozen
class _At:
    """Somebody in the middle of `advance`."""

    due: Due
    now: datetime


# What a step does: (state, reason, when to wake, whether to send). Waking later ends the walk.
_Outcome = tuple[ExecutionState, str | None, datetime, bool]


def _wait(at: _At, step: Step) -> _Outcome:
    return ExecutionState.WAITING, None, at.now + timedelta(minutes=step.minutes), False


def _send(at: _At, step: Step) -> _Outcome:
    if at.due.refused is not None:
        return ExecutionState.EXITED, at.due.refused.value, at.now, False
    return ExecutionState.WAITING, None, at.now, True


def _condition(at: _At, step: Step) -> _Outcome:
    if step.event is not None and step.event in at.due.happened:
        return ExecutionState.EXITED, step.event.value, at.now, False
    return ExecutionState.WAITING, None, at.now, False


def _exit(at: _At, step: Step) -> _Outcome:
    return ExecutionState.EXITED, "end", at.now, False


STEPS: Final[Mapping[StepKind, Callable[[_At, Step], _Outcome]]] = {
    StepKind.WAIT: _wait,
    StepKind.SEND: _send,
    StepKind.CONDITION: _condition,
    StepKind.EXIT: _exit,
}
"""The step machine. After the last step somebody is done."""


def advance(due: Due, now: datetime) -> Move:
    """Take every step that can be taken now, up to a wait that lies ahead, an exit, or the end."""
    passed: list[int] = []
    send = False
    for index in range(due.step, len(due.steps)):
        state, reason, wake_at, sends = STEPS[due.steps[index].kind](_At(due, now), due.steps[index])
        passed.append(index)
        send = send or sends
        if state is not ExecutionState.WAITING:
            return Move(due, index + 1, state, now, tuple(passed), send, reason)
        if wake_at > now:
            return Move(due, index + 1, state, wake_at, tuple(passed), send)
    return Move(due, len(due.steps), ExecutionState.DONE, now, tuple(passed), send)

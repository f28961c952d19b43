"""The step machine of a flow, and what makes a flow."""

from datetime import UTC, datetime, timedelta

import pytest

from ignite_domain.automation import Due, ExecutionState, FlowDraft, Move, Step, StepKind, advance, in_share
from ignite_domain.automation.flow import WELCOME
from ignite_domain.errors import BadInput
from ignite_domain.events import EventType
from ignite_domain.subscribers import Reason

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
WAIT, SEND, EXIT = Step(StepKind.WAIT, minutes=30), Step(StepKind.SEND), Step(StepKind.EXIT)
IF_CLICKED = Step(StepKind.CONDITION, event=EventType.CLICKED)
FLOW = (WAIT, SEND, WAIT, IF_CLICKED, EXIT)
LATER = NOW + timedelta(minutes=30)
S = ExecutionState


def due(step: int, *happened: EventType, refused: Reason | None = None, steps: tuple[Step, ...] = FLOW) -> Due:
    return Due(1, 1, 1, None, steps, step, frozenset(happened), refused)


# where, what is known -> (next step, state, wakes at, steps passed, mail, reason)
MOVES = [
    (due(0), (1, S.WAITING, LATER, (0,), False, None)),
    (due(1), (3, S.WAITING, LATER, (1, 2), True, None)),
    (due(3), (5, S.EXITED, NOW, (3, 4), False, "end")),
    (due(3, EventType.CLICKED), (4, S.EXITED, NOW, (3,), False, "clicked")),
    (due(3, EventType.OPENED), (5, S.EXITED, NOW, (3, 4), False, "end")),
    (due(1, refused=Reason.SUPPRESSED_GLOBAL), (2, S.EXITED, NOW, (1,), False, "suppressed_global")),
    (due(0, refused=Reason.SUPPRESSED_GLOBAL), (1, S.WAITING, LATER, (0,), False, None)),  # asked when it sends
    (due(0, steps=(SEND,)), (1, S.DONE, NOW, (0,), True, None)),
    (due(1, steps=(SEND,)), (1, S.DONE, NOW, (), False, None)),
]


@pytest.mark.parametrize(("where", "move"), MOVES)
def test_somebody_moves_like_this(where: Due, move: tuple[int, S, datetime, tuple[int, ...], bool, str | None]) -> None:
    step, state, wake_at, passed, send, reason = move
    assert advance(where, NOW) == Move(where, step, state, wake_at, passed, send, reason)


WRONG = [
    ((), "steps: 1 to 20"),
    ((Step(StepKind.WAIT),), r"steps\[0\]: a wait"),
    ((Step(StepKind.WAIT, minutes=600_000),), r"steps\[0\]: a wait"),
    ((SEND, WAIT, SEND), r"steps\[2\]: a flow sends its one mail once"),
    ((IF_CLICKED, SEND), r"steps\[0\]: a condition asks, after the mail"),
    ((SEND, Step(StepKind.CONDITION, event=EventType.IMPORTED)), r"steps\[1\]: a condition"),
    ((SEND, EXIT, WAIT), r"steps\[1\]: nothing can follow an exit"),
    ((WAIT,) * 21, "steps: 1 to 20"),
]


@pytest.mark.parametrize(("steps", "why"), WRONG)
def test_what_is_no_flow_is_refused_naming_the_step(steps: tuple[Step, ...], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        FlowDraft("x", steps).checked()


@pytest.mark.parametrize(
    ("draft", "why"),
    [
        (FlowDraft("", WELCOME), "name"),
        (FlowDraft("x", min_score=0.6), "min_score"),
        (FlowDraft("x", share=0), "share"),
        (FlowDraft("x", share=101), "share"),
    ],
)
def test_a_draft_names_the_field_that_is_wrong(draft: FlowDraft, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        draft.checked()


@pytest.mark.parametrize("step", [*FLOW, *WELCOME])
def test_a_step_survives_its_json(step: Step) -> None:
    assert Step.from_json(step.as_json()) == step


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "jump"},
        {"kind": "wait", "minutes": "5"},
        {"kind": "send", "to": 1},
        {"kind": "wait", "minutes": True},
    ],
)
def test_json_that_is_no_step_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="a step is"):
        Step.from_json(data)


def test_a_share_is_about_its_percentage_of_people_nested_and_of_its_own_for_each_flow() -> None:
    five = {person for person in range(20_000) if in_share(1, person, 5)}
    ten = {person for person in range(20_000) if in_share(1, person, 10)}
    assert 850 < len(five) < 1150  # 1,000 expected, five standard deviations are 154
    assert five < ten
    assert len(five & {person for person in range(20_000) if in_share(2, person, 5)}) < 100
    assert all(in_share(1, person, 100) for person in range(100))

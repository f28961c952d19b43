"""What nobody carries out is one alert: which decisions are missed, since when, and which must not be."""

from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from governance_streams import START
from ignite_domain.governance.approvals import accept, ask
from ignite_domain.governance.attention import Executing, unsent
from ignite_domain.governance.modes import Modes, Stop
from ignite_domain.governance.words import (
    PERSON_RULE,
    Action,
    AgentKind,
    Decision,
    DecisionStatus,
    Mode,
    TargetType,
)
from ignite_domain.isps import Isp

MINUTE = timedelta(minutes=1)
PAUSE = Decision(
    at=START,
    until=START + 30 * MINUTE,
    isp=Isp.ATT,
    agent=AgentKind.EMERGENCY,
    action=Action.PAUSE_QUEUE,
    target_type=TargetType.ISP,
    target="att",
    reason="because",
    rule="test@1",
    evidence={"n": 1},
    status=DecisionStatus.APPROVED,
    id=7,
)
DONE = attrs.evolve(PAUSE, status=DecisionStatus.VERIFIED)
PROBE = attrs.evolve(PAUSE, action=Action.PROBE, parameters={"of": 7, "messages": 30}, id=8)
LATER = attrs.evolve(PROBE, id=9, at=START + MINUTE)
STOPPED = Modes(Mode.ACT, stops=(Stop(Isp.ATT, "ann", START, "no"),))
SILENT = "nothing is loosened while the log tells nothing (dead_man)"


def throttle(rung: int, applied: int, changed: datetime, status: DecisionStatus = DecisionStatus.VERIFIED) -> Decision:
    minute = int(changed.timestamp()) // 60
    parameters = {"factor": 0.5, "rung": rung, "applied_rung": applied, "changed_at": minute}
    return attrs.evolve(PAUSE, action=Action.THROTTLE, parameters=parameters, status=status)


def told(decisions: list[Decision], minutes: float, modes: Modes | None = None, **more: Any) -> str:
    executing = Executing(START + minutes * MINUTE, **{"running": False, **more})
    found = unsent(decisions, modes or Modes(Mode.ACT), executing)
    assert [(one.kind, one.subject) for one in found] in ([], [("not_sent", "")])
    return found[0].text if found else ""


@pytest.mark.parametrize(
    ("decisions", "minutes", "missed"),
    [
        ([PAUSE], 4.9, False),
        ([PAUSE], 5, True),
        ([DONE], 500, False),
        ([attrs.evolve(PAUSE, status=DecisionStatus.FAILED)], 500, False),  # an alert of its own
        ([attrs.evolve(PAUSE, status=DecisionStatus.PROPOSED)], 500, False),
        ([attrs.evolve(PAUSE, action=Action.HOLD_WARMUP)], 500, False),  # acts inside
        ([DONE, PROBE], 5, True),
        ([DONE, attrs.evolve(PROBE, at=START + 2 * MINUTE)], 6, False),
        ([PAUSE, attrs.evolve(PROBE, at=START + 2 * MINUTE)], 6, True),  # the pause was not carried out either
        ([PAUSE, attrs.evolve(PROBE, status=DecisionStatus.VERIFIED)], 500, False),  # it is being undone
        ([DONE, PROBE, attrs.evolve(LATER, status=DecisionStatus.VERIFIED)], 500, False),  # overtaken
        ([throttle(9, 9, START)], 500, False),
        ([throttle(8, 9, START)], 4, False),
        ([throttle(8, 9, START)], 5, True),  # a cut that was never loaded
        ([throttle(9, 8, START)], 5, True),
    ],
)
def test_a_decision_that_is_not_carried_out_in_five_minutes_is_missed(
    decisions: list[Decision], minutes: float, missed: bool
) -> None:
    assert bool(told(decisions, minutes)) is missed


def test_what_must_not_be_sent_now_is_not_missed() -> None:
    assert told([PAUSE], 500, STOPPED) == ""
    assert told([PAUSE], 500, Modes(Mode.OBSERVE)) == ""
    assert told([attrs.evolve(PAUSE, rule=PERSON_RULE)], 500, STOPPED) != ""  # people are not stopped
    assert told([DONE, PROBE], 500, frozen=SILENT) == ""
    assert told([throttle(9, 8, START)], 500, frozen=SILENT) == ""
    assert told([throttle(8, 9, START)], 500, frozen=SILENT) != ""  # a cut waits for no log


def test_a_wait_for_a_person_is_not_counted() -> None:
    waiting = attrs.evolve(ask(PAUSE, START, 15 * MINUTE), id=7)
    change = accept(waiting, START + 14 * MINUTE, "approved by ann")
    approved = attrs.evolve(waiting, status=change.status, parameters=change.parameters)
    assert told([approved], 18) == ""
    assert "(decision 7) since 02 Nov 09:14 UTC" in told([approved], 19)


def test_one_text_says_what_is_missing_since_when_and_what_to_do() -> None:
    first = attrs.evolve(PAUSE, id=12, at=START - 3 * MINUTE)
    assert told([PAUSE, first], 6) == (
        "decided, and not carried out by anybody: AT&T: pause queue AT&T (decision 12) since 02 Nov 08:57 UTC, AT&T: "
        "pause queue AT&T (decision 7) since 02 Nov 09:00 UTC; the worker `execute` does not run. What to do: start it "
        "(`ignite work execute`)"
    )
    assert "the worker `execute` runs, but does not get it done" in told([PAUSE], 6, running=True)
    many = [attrs.evolve(PAUSE, id=number) for number in range(1, 9)]
    assert "(decision 5) since 02 Nov 09:00 UTC and 3 more; " in told(many, 6)

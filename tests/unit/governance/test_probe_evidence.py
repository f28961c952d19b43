"""How much a probe's outcomes have to say before a stop is held again: the same for every stop, in whoever's queue."""

from datetime import timedelta

import attrs
import pytest

from governance_streams import START, outcome
from ignite_domain.governance.observed import OutcomeKind
from ignite_domain.governance.recovery import sprt, way_back
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.steering import Steering
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, Signal, TargetType
from ignite_domain.isps import Isp

MINUTE = timedelta(minutes=1)
NOW = START + 10 * MINUTE
HALT = Decision(
    at=START - 60 * MINUTE,
    until=START,
    isp=Isp.COX,
    agent=AgentKind.EMERGENCY,
    action=Action.EMERGENCY_HALT,
    target_type=TargetType.ISP,
    target="cox",
    reason="dead addresses",
    rule="bounce-flood@1",
    evidence={"n": 1},
    status=DecisionStatus.VERIFIED,
    id=1,
)
PROBE = attrs.evolve(
    HALT,
    at=START,
    until=START + 20 * MINUTE,
    action=Action.PROBE,
    rule="lifetime@1",
    parameters={"of": 1, "messages": 30},
    id=2,
)


def held_again(wrong: float, looks: int) -> float:
    """The probability that outcomes, each wrong with that probability, have closed a stop again by so many of them, if
    every single one is looked at: exact, by the number wrong among those so far."""
    going, closed = {0: 1.0}, 0.0
    for n in range(1, looks + 1):
        next_one: dict[int, float] = {}
        for x, weight in going.items():
            for more, chance in ((1, wrong), (0, 1 - wrong)):
                if sprt(Seen(n, x + more)) == "bad":
                    closed += weight * chance
                elif sprt(Seen(n, x + more)) is None:
                    next_one[x + more] = next_one.get(x + more, 0.0) + weight * chance
        going = next_one
    return closed


def test_a_good_list_closes_its_stop_again_no_oftener_than_wald_allows_and_hardly_ever_by_ten_outcomes() -> None:
    # Wald (1945): the error rates of the test with bounds ln(0.95/0.05) are at most 0.05 / 0.95
    assert held_again(0.05, 400) <= 0.05 / 0.95
    assert 1 - held_again(0.30, 400) <= 0.05 / 0.95
    assert held_again(0.02, 10) <= 0.005
    # by hand: it takes two wrong of the first four (6 × 0.02²) or three of the first ten (120 × 0.02³): at most 0.0034


@pytest.mark.parametrize(("wrong", "of"), [(0, 10), (1, 10), (2, 4), (2, 10), (3, 10), (5, 10)])
def test_a_halt_of_a_brand_in_anothers_queues_is_judged_by_the_same_outcomes_as_any_other(wrong: int, of: int) -> None:
    said = []
    for queue in ("cox.com/mta", "yahoo.com/mta"):
        signals = SignalProcessor()
        kinds = [(OutcomeKind.BOUNCED, True)] * wrong + [(OutcomeKind.DELIVERED, False)] * (of - wrong)
        mail = [
            attrs.evolve(outcome(n, START + n * timedelta(seconds=5) + MINUTE, kind, isp=Isp.COX), queue=queue)
            if not dead
            else attrs.evolve(
                outcome(n, START + n * timedelta(seconds=5) + MINUTE, kind, isp=Isp.COX, address_fault=True),
                queue=queue,
            )
            for n, (kind, dead) in enumerate(kinds)
        ]
        yahoo = [outcome(100 + n, START + n * timedelta(seconds=5), isp=Isp.YAHOO) for n in range(60)]
        signals.observe(sorted([*mail, *yahoo], key=lambda one: one.at))
        assert (signals.steered_by(Isp.COX, NOW) is Isp.YAHOO) is (queue == "yahoo.com/mta")
        back = way_back([HALT, PROBE], signals, NOW, Steering(), NOW, 10 * MINUTE)
        said.append([(one.decision_id, one.status, one.note) for one in back.changes])
        bad = any(one.decision_id == 1 and "held twice as long" in one.note for one in back.changes)
        assert bad is (sprt(Seen(of, wrong)) == "bad")
    assert said[0] == said[1]


def test_a_released_job_begins_afresh_at_every_provider_since_it_stood_still_everywhere() -> None:
    """Yahoo's agent paused it; what Microsoft's alarm had seen by then would pause it again at once."""
    pause = attrs.evolve(HALT, isp=Isp.YAHOO, action=Action.PAUSE_JOB, target_type=TargetType.JOB, target="c1")
    probe = attrs.evolve(PROBE, isp=Isp.YAHOO, target_type=TargetType.JOB, target="c1")
    signals = SignalProcessor()
    before = [
        outcome(n, START - 61 * MINUTE, OutcomeKind.BOUNCED, isp=isp, address_fault=True, reply_kind="invalid")
        for n, isp in enumerate([Isp.YAHOO, Isp.MICROSOFT] * 11)
    ]
    signals.observe(before)
    alarms = [(isp, "job", "c1", Signal.BOUNCE) for isp in ("yahoo", "microsoft")]
    assert [signals.statistic(*one) for one in alarms] == [209, 209]  # 11 × 19, above 206
    signals.observe([outcome(100 + n, START + (1 + n) * MINUTE, isp=Isp.YAHOO) for n in range(10)])
    back = way_back([pause, probe], signals, NOW + 2 * MINUTE, Steering(), NOW, 10 * MINUTE)
    assert [(one.action, note) for one, note in back.decisions] == [(Action.RELEASE, "")]
    assert [signals.statistic(*one) for one in alarms] == [0, 0]

"""Conflicts, modes, bounds, and the way back: lifetime, probe, release or hold."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from governance_streams import IPS, START, outcome, steady
from ignite_domain.governance.observed import OutcomeKind
from ignite_domain.governance.orchestrator import Orchestrator, Settled
from ignite_domain.governance.recovery import WAITS, sprt
from ignite_domain.governance.signals import Seen, Signal, SignalProcessor
from ignite_domain.governance.words import (
    Action,
    AgentKind,
    Decision,
    DecisionStatus,
    Mode,
    TargetType,
)
from ignite_domain.isps import Isp

ACT = Orchestrator(lambda kind, isp: Mode.ACT)


def wish(
    action: Action = Action.THROTTLE,
    agent: AgentKind = AgentKind.THROTTLE,
    target: str = "gmail",
    target_type: TargetType = TargetType.ISP,
    at: datetime = START,
    minutes: float = 30,
    parameters: Mapping[str, Any] | None = None,
    isp: Isp | None = Isp.GMAIL,
) -> Decision:
    given = {"factor": 0.5} if action is Action.THROTTLE and parameters is None else dict(parameters or {})
    return Decision(
        at=at,
        until=at + timedelta(minutes=minutes),
        isp=isp,
        agent=agent,
        action=action,
        target_type=target_type,
        target=target,
        reason="because",
        rule="test@1",
        evidence={"n": 1},
        parameters=given,
    )


def standing(decision: Decision, number: int = 1, status: DecisionStatus = DecisionStatus.VERIFIED) -> Decision:
    return attrs.evolve(decision, id=number, status=status)


def settle(
    wishes: Sequence[Decision],
    stands: Sequence[Decision] = (),
    now: datetime = START,
    signals: SignalProcessor | None = None,
    by: Orchestrator = ACT,
) -> Settled:
    return by.settle(wishes, stands, signals or SignalProcessor(), now)


def test_a_wish_in_mode_act_is_approved_and_in_observe_only_proposed() -> None:
    assert [d.status for d, _, _ in settle([wish()]).decisions] == [DecisionStatus.APPROVED]
    observed = settle([wish()], by=Orchestrator(lambda kind, isp: Mode.OBSERVE)).decisions
    assert [(d.status, mode) for d, mode, _ in observed] == [(DecisionStatus.PROPOSED, Mode.OBSERVE)]


def test_the_same_wish_again_changes_nothing() -> None:
    assert settle([wish()], [standing(wish())]) == Settled()
    observing = Orchestrator(lambda kind, isp: Mode.OBSERVE)
    assert settle([wish()], [standing(wish(), status=DecisionStatus.PROPOSED)], by=observing) == Settled()


def test_a_wish_for_somebody_elses_knob_is_a_proposal_to_its_owner() -> None:
    (made,) = settle([wish(agent=AgentKind.POOL)]).decisions
    assert made[0].status is DecisionStatus.PROPOSED
    assert "throttle agent" in made[2]


def test_the_more_restrictive_wish_wins_and_covers_the_rest() -> None:
    halt = wish(Action.EMERGENCY_HALT, AgentKind.EMERGENCY)
    made = settle([wish(), halt]).decisions
    assert [d.action for d, _, _ in made] == [Action.EMERGENCY_HALT]


def test_a_standing_halt_covers_later_weaker_wishes() -> None:
    assert settle([wish()], [standing(wish(Action.EMERGENCY_HALT, AgentKind.EMERGENCY))]) == Settled()


def test_one_agent_may_not_stop_more_than_a_quarter_of_the_host_without_a_person() -> None:
    signals = SignalProcessor()
    signals.observe(list(steady(90, 600)))  # three addresses, a third each, all at one provider
    quarantine = wish(Action.QUARANTINE_IP, AgentKind.POOL, IPS[0], TargetType.IP)
    now = START + timedelta(minutes=10)
    (made,) = settle(
        [attrs.evolve(quarantine, at=now, until=now + timedelta(hours=1))], now=now, signals=signals
    ).decisions
    assert made[0].status is DecisionStatus.PROPOSED
    assert "33 %" in made[2]
    halt = wish(Action.EMERGENCY_HALT, AgentKind.EMERGENCY, at=now)
    assert settle([halt], now=now, signals=signals).decisions[0][0].status is DecisionStatus.APPROVED


def eight_addresses() -> SignalProcessor:
    """Eight addresses, an eighth of the host's mail each: 80 attempts in nine minutes, all at Gmail."""
    signals = SignalProcessor()
    signals.observe([outcome(n, START + timedelta(seconds=7 * n), ip=f"192.0.2.{20 + n % 8}") for n in range(80)])
    return signals


def quarantines(*lasts: int, at: datetime) -> list[Decision]:
    return [
        wish(Action.QUARANTINE_IP, AgentKind.POOL, f"192.0.2.{last}", TargetType.IP, at, minutes=60) for last in lasts
    ]


def test_the_quarter_is_that_of_all_stops_of_an_agent_those_that_stand_and_those_of_the_step() -> None:
    """An eighth each, by hand: two are a quarter and no more, the third would be 38 %."""
    now, signals = START + timedelta(minutes=10), eight_addresses()
    made = settle(quarantines(20, 21, 22, at=now), now=now, signals=signals).decisions
    assert [d.status for d, _, _ in made] == [DecisionStatus.APPROVED] * 2 + [DecisionStatus.PROPOSED]
    assert "38 %" in made[2][2]
    stand = [standing(d, n) for n, (d, _, _) in enumerate(made[:2], 1)]
    # two hours later what was stopped has attempted nothing for long, and still counts
    later = START + timedelta(hours=2)
    signals.observe([outcome(n, later - timedelta(minutes=5), ip=f"192.0.2.{22 + n % 6}") for n in range(60)])
    stand = [attrs.evolve(one, until=later + timedelta(hours=1)) for one in stand]
    (third,) = settle(quarantines(22, at=later), stand, later, signals).decisions
    assert third[0].status is DecisionStatus.PROPOSED
    assert "17 %" in third[2]
    assert "42 %" in third[2]


@pytest.mark.parametrize("whose", ["another agent's", "a person's", "approved by a person"])
def test_stops_of_others_and_of_people_do_not_count_against_an_agents_quarter(whose: str) -> None:
    now, signals = START + timedelta(minutes=10), eight_addresses()
    stand = [standing(one, n) for n, one in enumerate(quarantines(20, 21, at=now), 1)]
    change: dict[str, Any] = {
        "another agent's": {"agent": AgentKind.REPUTATION, "action": Action.DISABLE_SOURCE},
        "a person's": {"rule": "person@1", "by": "ann"},
        "approved by a person": {"by": "ann"},
    }[whose]
    stand = [attrs.evolve(one, evidence={"stops": 0.125}, **change) for one in stand]
    (made,) = settle(quarantines(22, at=now), stand, now, signals).decisions
    assert made[0].status is DecisionStatus.APPROVED


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (wish(minutes=-1), "lifetime"),
        (wish(minutes=60 * 25), "lifetime"),
        (wish(parameters={"factor": 0.01}), "factor"),
        (wish(parameters={"factor": 1.0}), "factor"),
        (attrs.evolve(wish(), evidence={}), "evidence"),
        (wish(isp=None), "host"),
    ],
)
def test_a_wish_out_of_bounds_is_rejected_with_the_reason(bad: Decision, why: str) -> None:
    (made,) = settle([bad]).decisions
    assert made[0].status is DecisionStatus.REJECTED
    assert why in made[2]


@pytest.mark.parametrize(
    ("target", "target_type", "status"),
    [
        (IPS[0], TargetType.IP, DecisionStatus.APPROVED),
        ("mta1", TargetType.VMTA, DecisionStatus.APPROVED),
        (IPS[1], TargetType.IP, DecisionStatus.PROPOSED),
        ("mta9", TargetType.VMTA, DecisionStatus.PROPOSED),
    ],
)
def test_what_lies_outside_the_governed_host_is_a_proposal_and_said_once(
    target: str, target_type: TargetType, status: DecisionStatus
) -> None:
    """Signals hold the mail of all hosts whose logs are read; levers are turned at one."""
    by = attrs.evolve(ACT, vmtas={"mta1": IPS[0]})
    action, agent = Action.QUARANTINE_IP, AgentKind.POOL
    if target_type is TargetType.VMTA:
        action, agent = Action.DISABLE_SOURCE, AgentKind.REPUTATION
    quarantine = wish(action, agent, target, target_type)
    ((made, _, note),) = settle([quarantine], by=by).decisions
    assert made.status is status
    assert ("not an address of the governed host" in note) is (status is DecisionStatus.PROPOSED)
    assert settle([quarantine], [attrs.evolve(made, id=1)], by=by) == Settled()


def test_a_standing_throttle_whose_alarm_comes_again_is_left_to_its_steering() -> None:
    late = START + timedelta(minutes=10)
    again = attempts(20, 20, START + timedelta(minutes=5))
    assert settle([wish(at=late)], [standing(wish())], late, again) == Settled()


def test_a_lifetime_that_ends_becomes_a_probe_never_a_release() -> None:
    over = START + timedelta(minutes=30)
    settled = settle([], [standing(wish())], over)
    assert [(d.action, d.parameters["of"], d.status) for d, _, _ in settled.decisions] == [
        (Action.PROBE, 1, DecisionStatus.APPROVED)
    ]
    assert settled.changes == ()


def test_a_proposal_or_warning_whose_lifetime_ends_just_expires() -> None:
    over = START + timedelta(minutes=30)
    settled = settle([], [standing(wish(), 1, DecisionStatus.PROPOSED)], over)
    assert settled.decisions == ()
    assert [c.status for c in settled.changes] == [DecisionStatus.EXPIRED]


def test_the_step_that_begins_a_probe_cuts_nothing_deeper() -> None:
    over = START + timedelta(minutes=30)
    settled = settle([wish(at=over)], [standing(wish())], over, attempts(0, 40, START + timedelta(minutes=20)))
    assert [d.action for d, _, _ in settled.decisions] == [Action.PROBE]


@pytest.mark.parametrize(("returns", "minutes"), [(0, 30), (1, 60), (2, 120), (9, 1440)])
def test_a_restriction_that_comes_back_lives_twice_as_long_each_time(returns: int, minutes: int) -> None:
    settled = ACT.settle([wish()], [], SignalProcessor(), START, [standing(wish())] * returns)
    ((made, _, _),) = settled.decisions
    assert made.until - made.at == timedelta(minutes=minutes)


def test_a_probe_whose_restriction_is_gone_ends() -> None:
    settled = settle([], probing()[1:], START + timedelta(minutes=33))
    assert [(c.decision_id, c.status) for c in settled.changes] == [(2, DecisionStatus.EXPIRED)]


def probing(number: int = 2, minutes: float = 20) -> list[Decision]:
    probe = wish(
        Action.PROBE,
        AgentKind.THROTTLE,
        at=START + timedelta(minutes=30),
        minutes=minutes,
        parameters={"of": 1, "messages": 30},
    )
    return [standing(wish()), standing(probe, number)]


def attempts(good: int, bad: int, at: datetime) -> SignalProcessor:
    signals = SignalProcessor()
    signals.observe(
        [outcome(n, at, OutcomeKind.DEFERRED if n < bad else OutcomeKind.DELIVERED) for n in range(good + bad)]
    )
    return signals


def test_an_accepted_probe_releases() -> None:
    at = START + timedelta(minutes=33)
    settled = settle([], probing(), at, attempts(30, 0, at))
    assert [(d.action, d.parameters["of"]) for d, _, _ in settled.decisions] == [(Action.RELEASE, 1)]


@pytest.mark.parametrize(
    ("target_type", "target", "released"), [(TargetType.JOB, "c1", True), (TargetType.ISP, "gmail", False)]
)
def test_a_provider_that_defers_holds_its_own_restriction_but_no_job(
    target_type: TargetType, target: str, released: bool
) -> None:
    """A job stands still for its list: deferrals say nothing about that. 20 of 40 deferred, none dead."""
    action = Action.PAUSE_JOB if target_type is TargetType.JOB else Action.BACKOFF
    agent = AgentKind.EMERGENCY if target_type is TargetType.JOB else AgentKind.THROTTLE
    paused = standing(wish(action, agent, target, target_type, START - timedelta(hours=2), 60), 1)
    probe = attrs.evolve(
        paused, id=2, action=Action.PROBE, at=START, until=START + timedelta(minutes=60), parameters={"of": 1}
    )
    signals = SignalProcessor()
    kinds = (OutcomeKind.DELIVERED, OutcomeKind.DEFERRED)
    at = START + timedelta(minutes=2)
    signals.observe([outcome(number, at, kinds[number % 2], reply_kind="load") for number in range(40)])
    settled = settle([], [paused, probe], START + timedelta(minutes=5), signals)
    assert [one.action is Action.RELEASE for one, _, _ in settled.decisions] == [True] * released


def test_a_probe_is_judged_once_even_while_its_release_is_on_its_way() -> None:
    at = START + timedelta(minutes=33)
    release = standing(wish(Action.RELEASE, AgentKind.THROTTLE, at=at, parameters={"of": 1}), 3)
    assert settle([], [*probing(), release], at, attempts(30, 0, at)) == Settled()


@pytest.mark.parametrize(
    ("minutes", "until"),
    [(33, 66), (33 + 60, 2 * (33 + 60)), (20 * 60, 40 * 60), (30 * 60, 54 * 60)],
    ids=["the first", "the second: twice again, not thrice", "a long one", "no more than a day"],
)
def test_a_refused_probe_holds_twice_as_long(minutes: int, until: int) -> None:
    """All in all, from its beginning at START: it ends the later the longer what it keeps out lasts."""
    at = START + timedelta(minutes=minutes)
    held = standing(wish())
    probe = attrs.evolve(probing()[1], at=at - timedelta(minutes=3), until=at + timedelta(minutes=20))
    settled = settle([], [held, probe], at, attempts(4, 6, at))
    assert settled.decisions == ()
    ended, longer = settled.changes
    assert (ended.decision_id, ended.status) == (2, DecisionStatus.EXPIRED)
    assert (longer.decision_id, longer.status, longer.until) == (1, None, START + timedelta(minutes=until))


def host_halt(at: datetime) -> list[Decision]:
    halt = wish(Action.EMERGENCY_HALT, AgentKind.EMERGENCY, "host", TargetType.HOST)
    halt = attrs.evolve(standing(halt), isp=None)
    return [
        halt,
        attrs.evolve(halt, id=2, action=Action.PROBE, at=at, until=at + timedelta(hours=1), parameters={"of": 1}),
    ]


@pytest.mark.parametrize(("refusing", "accepted"), [((), True), ((Isp.YAHOO,), True), ((Isp.YAHOO, Isp.GMAIL), False)])
def test_one_providers_own_trouble_does_not_hold_the_whole_host(refusing: Sequence[Isp], accepted: bool) -> None:
    """Ten messages each to three providers: what one of them defers is that one's; two refuse for what is ours."""
    at = START + timedelta(minutes=31)
    signals = SignalProcessor()
    signals.observe(
        [
            outcome(n, at, OutcomeKind.DEFERRED if isp in refusing else OutcomeKind.DELIVERED, isp=isp)
            for isp in (Isp.GMAIL, Isp.YAHOO, Isp.MICROSOFT)
            for n in range(10)
        ]
    )
    settled = settle([], host_halt(at - timedelta(minutes=1)), at + timedelta(minutes=1), signals)
    assert [one.action for one, _, _ in settled.decisions] == [Action.PROBE] * accepted  # the first of two steps
    assert [one.until is not None for one in settled.changes if one.decision_id == 1] == [True] * (not accepted)


def test_where_there_is_one_provider_the_host_is_judged_by_it() -> None:
    at = START + timedelta(minutes=31)
    settled = settle([], host_halt(at - timedelta(minutes=1)), at + timedelta(minutes=1), attempts(4, 6, at))
    assert settled.decisions == ()
    assert [change.decision_id for change in settled.changes] == [2, 1]


@pytest.mark.parametrize("good", [1, 4])
def test_a_probe_with_hardly_any_mail_goes_on(good: int) -> None:
    at = START + timedelta(minutes=51)
    (change,) = settle([], probing(), at, attempts(good, 0, START + timedelta(minutes=40))).changes
    assert (change.decision_id, change.status) == (2, None)
    assert change.until is not None
    assert change.until > at


@pytest.mark.parametrize("good", [4, 30])
def test_a_probe_that_waited_for_mail_has_its_time_again_when_some_comes(good: int) -> None:
    at = START + timedelta(days=9)
    held, probe = probing()
    waiting = attrs.evolve(probe, parameters={**probe.parameters, WAITS: START.isoformat()})
    settled = settle([], [held, waiting], at, attempts(good, 0, at))
    if good == 30:
        assert [d.action for d, _, _ in settled.decisions] == [Action.RELEASE]
        return
    (change,) = settled.changes
    assert (change.decision_id, change.note) == (2, "mail came: 4 outcomes so far")
    assert change.until == at + timedelta(minutes=20)
    assert not change.parameters[WAITS]


def test_when_its_time_is_over_five_accepted_messages_are_enough() -> None:
    at = START + timedelta(minutes=51)
    settled = settle([], probing(), at, attempts(5, 0, START + timedelta(minutes=40)))
    assert [d.action for d, _, _ in settled.decisions] == [Action.RELEASE]


def test_a_halt_for_dead_addresses_is_not_released_while_they_are_dead() -> None:
    at = START + timedelta(minutes=33)
    halt = standing(wish(Action.EMERGENCY_HALT, AgentKind.EMERGENCY))
    signals = SignalProcessor()
    signals.observe(
        [
            outcome(n, at, OutcomeKind.BOUNCED, address_fault=True, reply_kind="invalid", reply_rule="unknown")
            for n in range(4)
        ]
    )
    ended, held = settle([], [halt, probing()[1]], at, signals).changes
    assert (ended.status, held.decision_id) == (DecisionStatus.EXPIRED, 1)


def test_a_release_makes_every_alarm_at_the_provider_begin_afresh() -> None:
    at = START + timedelta(minutes=33)
    signals = attempts(0, 20, START)
    signals.observe([outcome(n, at) for n in range(12)])
    assert signals.statistic("gmail", "job", "c1", Signal.DEFERRAL) > 0
    settle([], probing(), at, signals)
    assert signals.statistic("gmail", "job", "c1", Signal.DEFERRAL) == 0
    assert signals.statistic("gmail", "isp", "gmail", Signal.DEFERRAL) == 0


def test_a_probe_that_is_not_on_the_host_yet_is_not_judged() -> None:
    at = START + timedelta(minutes=33)
    stands = [probing()[0], attrs.evolve(probing()[1], status=DecisionStatus.APPROVED)]
    assert settle([], stands, at, attempts(30, 0, at)) == Settled()


@pytest.mark.parametrize(
    ("n", "x", "verdict"),
    [
        (9, 0, None),  # 9 ln(.70/.95) = -2.75, above the bound of -2.944
        (10, 0, "good"),  # -3.05
        (1, 1, None),  # ln 6 = 1.79
        (2, 2, "bad"),  # 3.58
        (20, 2, None),  # 2 ln 6 - 18 x 0.3054 = -1.91
    ],
)
def test_the_probe_is_judged_by_walds_test_worked_by_hand(n: int, x: int, verdict: str | None) -> None:
    assert sprt(Seen(n, x)) == verdict


def dead_at(count: int, at: datetime, job: str = "c1") -> list[Any]:
    return [
        outcome(n, at, OutcomeKind.BOUNCED, job=job, address_fault=True, reply_kind="invalid", reply_rule="unknown")
        for n in range(count)
    ]


@pytest.mark.parametrize(("since", "decided"), [(0, 0), (4, 0), (5, 1)])
def test_the_providers_alarm_needs_new_events_after_one_job_was_stopped(since: int, decided: int) -> None:
    """A job was paused for 16 dead addresses; the provider's own alarm still holds them."""
    job = standing(wish(Action.PAUSE_JOB, AgentKind.EMERGENCY, "c1", TargetType.JOB, minutes=60))
    signals = SignalProcessor()
    signals.observe(dead_at(16, START - timedelta(minutes=5)))
    signals.observe(dead_at(since, START + timedelta(minutes=20), job="c2"))
    now = START + timedelta(minutes=25)
    pause = attrs.evolve(wish(Action.PAUSE_QUEUE, AgentKind.EMERGENCY, at=now), rule="bounce-rise@1")
    assert len(settle([pause], [job], now, signals).decisions) == decided


def at_a_tenth(minutes: float = 20) -> list[Decision]:
    halt = standing(wish(Action.PAUSE_QUEUE, AgentKind.EMERGENCY))
    tenth = wish(
        Action.PROBE,
        AgentKind.EMERGENCY,
        at=START + timedelta(minutes=30),
        minutes=minutes,
        parameters={"of": 1, "factor": 0.1},
    )
    return [halt, standing(tenth, 2)]


def outcomes(good: int, dead: int) -> SignalProcessor:
    at = START + timedelta(minutes=33)
    signals = SignalProcessor()
    signals.observe([*dead_at(dead, at), *(outcome(100 + n, at) for n in range(good))])
    return signals


def test_an_accepted_probe_of_a_halt_lets_out_a_tenth_of_the_rate() -> None:
    halt = standing(wish(Action.PAUSE_QUEUE, AgentKind.EMERGENCY))
    at = START + timedelta(minutes=33)
    settled = settle([], [halt, probing()[1]], at, attempts(30, 0, at))
    ((made, _, note),) = settled.decisions
    assert (made.action, dict(made.parameters)) == (Action.PROBE, {"of": 1, "factor": 0.1})
    assert note == "the first of two steps"
    assert [(c.decision_id, c.status) for c in settled.changes] == [(2, DecisionStatus.SUPERSEDED)]


@pytest.mark.parametrize(
    ("good", "dead", "released"),
    [
        (199, 0, False),  # one outcome too few
        (200, 0, True),  # 1 - 0.05 ** (1 / 200) = 1.49 %
        (196, 4, True),  # the exact one-sided bound of 4 in 200 is 4.52 %
        (195, 5, False),  # of 5 in 200 it is 5.18 %
    ],
)
def test_a_halt_is_lifted_whole_after_200_outcomes_of_which_less_than_a_twentieth_may_be_bad(
    good: int, dead: int, released: bool
) -> None:
    settled = settle([], at_a_tenth(), START + timedelta(minutes=34), outcomes(good, dead))
    assert [d.action for d, _, _ in settled.decisions] == ([Action.RELEASE] if released else [])


def test_too_few_people_for_the_whole_keep_the_tenth_and_it_says_so() -> None:
    over = START + timedelta(minutes=51)
    (change,) = settle([], at_a_tenth(), over, outcomes(60, 0)).changes
    assert (change.decision_id, change.status) == (2, None)
    assert "60 of 200 outcomes" in change.note
    assert change.until is not None
    assert change.until > over


def test_a_tenth_that_meets_dead_addresses_is_a_halt_again_for_twice_as_long() -> None:
    at = START + timedelta(minutes=34)
    ended, held = settle([], at_a_tenth(), at, outcomes(4, 6)).changes
    assert (ended.decision_id, ended.status) == (2, DecisionStatus.EXPIRED)
    assert (held.decision_id, held.until) == (1, START + 2 * timedelta(minutes=34))

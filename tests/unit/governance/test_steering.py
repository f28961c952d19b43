"""A throttle's rate: its first cut, its steps minute by minute, and its way out. Expected values are worked by hand."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_streams import START, outcome
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.orchestrator import Orchestrator, Settled
from ignite_domain.governance.ports import RateStep, StoredSignal
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.steering import LADDER, Steering, minute_of
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, Mode, TargetType
from ignite_domain.isps import Isp

STEERING = Steering(queue_rate_per_hour=20_000)
ACT = Orchestrator(lambda kind, isp: Mode.ACT, steering=STEERING)
BEGIN = START + timedelta(minutes=60)
"""The minute from which on a throttle is in force in these tests; minutes count from here."""


def minute(number: int, good: int, bad: int = 0, told: int = 0, queue: str = "") -> list[Outcome]:
    """Outcomes of one minute: `good` accepted, `bad` deferred, `told` deferred with the words of a rate limit."""
    at = BEGIN + timedelta(minutes=number)
    found = [outcome(n, at) for n in range(good)]
    found += [outcome(n, at, OutcomeKind.DEFERRED, reply_kind="load", reply_rule="busy") for n in range(bad)]
    limit = {"reply_kind": "rate_limit", "reply_rule": "gmail-rate"}
    found += [outcome(1000 * number + n, at, OutcomeKind.DEFERRED, **limit) for n in range(told)]
    return [attrs.evolve(one, queue=queue) for one in found] if queue else found


def seen(*minutes: Sequence[Outcome]) -> SignalProcessor:
    signals = SignalProcessor()
    signals.observe([one for many in minutes for one in many])
    return signals


def wish(**parameters: Any) -> Decision:
    return Decision(
        at=BEGIN - timedelta(minutes=2),
        until=BEGIN + timedelta(minutes=28),
        isp=Isp.GMAIL,
        agent=AgentKind.THROTTLE,
        action=Action.THROTTLE,
        target_type=TargetType.ISP,
        target="gmail",
        reason="because",
        rule="test@1",
        evidence={"n": 1},
        parameters={"factor": 0.5, **parameters},
    )


def throttle(rung: int, applied: int | None = None, accepted: float = 10.0) -> Decision:
    """A verified throttle on a rung; in force since the minute before BEGIN."""
    given = {
        "rung": rung,
        "rate_per_min": round(LADDER.rate_of(rung), 3),
        "accepted_per_min": accepted,
        "shares": {"gmail.com/mta": 1.0},
        "shares_at": minute_of(BEGIN) - 1,
        "applied_rung": rung if applied is None else applied,
        "applied_at": int((BEGIN - timedelta(minutes=1)).timestamp()),
    }
    return attrs.evolve(wish(**given), id=1, status=DecisionStatus.VERIFIED)


def at(number: float) -> datetime:
    """Late enough in the minute after number `number` for it to be looked at."""
    return BEGIN + timedelta(minutes=number + 1, seconds=15)


def after(decision: Decision, steps: Sequence[RateStep], confirm: bool = True, now: datetime | None = None) -> Decision:
    """The decision as it stands once the steps are stored (through JSON), and the host has confirmed the rung."""
    for step in steps:
        new = {**decision.parameters, **json.loads(json.dumps(dict(step.parameters)))}
        if confirm and step.changed:
            assert now is not None
            new |= {"applied_rung": step.rung, "applied_at": int(now.timestamp())}
        decision = attrs.evolve(decision, parameters=new)
    return decision


FIRST = [
    # (good, deferred, told a minute) for the minute before and this one's first half: attempts 40 a minute
    # accepted × 1.04 = 20.8: rung 16 (1.2^16 = 18.49 <= 20.8 < 22.19)
    (20, 20, 0, 16, "accepted rate of 20.0 of 40.0"),
    # two were told of a limit, and half of 40 is 20, below 30 × 1.04
    (30, 8, 2, 16, "2 recipients"),
    # accepted × 1.04 is less than half: 5.2, rung 9 (5.16)
    (5, 33, 2, 9, "accepted rate of 5.0 of 40.0"),
    # no cut goes deeper than a tenth: 1 × 1.04 < 4, rung 7 (3.58)
    (1, 39, 0, 7, "accepted rate of 1.0 of 40.0"),
    (0, 40, 0, 7, "nothing is accepted"),
    # what is accepted is all but what was tried: a rung below that of 40 (rung 20) all the same
    (39, 1, 0, 19, "accepted rate of 39.0 of 40.0"),
]


@pytest.mark.parametrize(("good", "bad", "told", "rung", "why"), FIRST)
def test_the_first_rate_comes_from_what_was_accepted_lately(
    good: int, bad: int, told: int, rung: int, why: str
) -> None:
    signals = seen(minute(-2, good, bad, told))
    edge = BEGIN - timedelta(minutes=1)  # the end of that minute: of two minutes one is full, one has just begun
    first = STEERING.first(wish(), signals, edge)
    assert first.parameters["rung"] == rung
    assert first.parameters["rate_per_min"] == pytest.approx(1.2**rung, abs=0.001)
    assert first.parameters["factor"] == pytest.approx(min(0.95, 1.2**rung / 40), abs=0.001)
    assert why in first.parameters["rate_reason"]


def test_hardly_any_mail_is_never_cut_below_the_floor_and_the_factor_stays_in_its_bounds() -> None:
    first = STEERING.first(wish(), seen(minute(-5, 0, 3)), BEGIN)
    assert (first.parameters["rung"], first.parameters["rate_per_min"]) == (0, 1.0)
    assert 0.05 <= first.parameters["factor"] < 1


def test_where_nothing_was_attempted_the_wish_keeps_its_factor_and_is_never_steered() -> None:
    assert STEERING.first(wish(), SignalProcessor(), BEGIN) == wish()
    (made,) = ACT.settle([wish()], [], SignalProcessor(), wish().at).decisions
    assert dict(made[0].parameters) == {"factor": 0.5}


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.SHADOW])
def test_without_leave_to_act_the_throttle_is_a_proposal_with_its_first_rate_and_is_not_steered(mode: Mode) -> None:
    signals = seen(minute(-2, 20, 20))
    by = Orchestrator(lambda kind, isp: mode, steering=STEERING)
    edge = BEGIN - timedelta(minutes=1)
    ((made, _, _),) = by.settle([attrs.evolve(wish(), at=edge)], [], signals, edge).decisions
    assert (made.status, made.parameters["rung"]) == (DecisionStatus.PROPOSED, 16)
    for status in (DecisionStatus.PROPOSED, DecisionStatus.VERIFIED):  # the latter: from before the mode was changed
        stands = attrs.evolve(throttle(16), status=status)
        assert by.settle([], [stands], seen(minute(0, 20)), at(0)).rate_steps == ()


UNSTEERED = {
    "approved": {"status": DecisionStatus.APPROVED},
    "applied": {"status": DecisionStatus.APPLIED},
    "failed": {"status": DecisionStatus.FAILED},
    "another target": {"target_type": TargetType.QUEUE, "target": "gmail.com/mta"},
    "without a rate": {"parameters": {"factor": 0.5}},
}


@pytest.mark.parametrize("change", UNSTEERED.values(), ids=UNSTEERED.keys())
def test_only_what_the_host_has_in_force_is_steered(change: dict[str, Any]) -> None:
    assert STEERING.steer([attrs.evolve(throttle(10), **change)], seen(minute(0, 6)), at(0)) == []


@pytest.mark.parametrize(
    "other", [{"action": Action.EMERGENCY_HALT}, {"action": Action.PROBE, "parameters": {"of": 1, "messages": 30}}]
)
def test_behind_a_stop_or_a_probe_no_minute_is_looked_at(other: dict[str, Any]) -> None:
    halt = attrs.evolve(throttle(10), id=2, **other)
    assert STEERING.steer([throttle(10), halt], seen(minute(0, 6)), at(0)) == []


def test_what_goes_out_while_a_stop_is_probed_is_no_evidence_about_the_throttles_rate() -> None:
    """The probe's six of ten refused; the throttle begins again with the first minute after the release."""
    stop = attrs.evolve(throttle(10), id=2, action=Action.EMERGENCY_HALT)
    probe = attrs.evolve(stop, id=3, action=Action.PROBE, parameters={"of": 2, "factor": 0.1})
    signals = seen(minute(0, 4, 6), minute(1, 6))
    (passed,) = STEERING.steer([throttle(10), stop, probe], signals, at(0))
    assert (passed.changed, passed.rung) == (False, 10)
    (step,) = STEERING.steer([after(throttle(10), [passed])], signals, at(1))
    assert step.rung == 10
    assert step.parameters["memory"]["seen"] == [[6, 0]]


@pytest.mark.parametrize(("kind", "rung"), [("auth", 17), ("load", 12)])
def test_a_rate_is_not_cut_for_our_own_fault(kind: str, rung: int) -> None:
    """10 of 20 refused, as in the cut below: by what the replies say it is the provider's limit, or is none."""
    signals = SignalProcessor()
    signals.observe([outcome(n, BEGIN) for n in range(10)])
    told = {"reply_kind": kind, "reply_rule": "said", "about_us": True}
    signals.observe([outcome(100 + n, BEGIN, OutcomeKind.BOUNCED, **told) for n in range(10)])
    (step,) = STEERING.steer([throttle(17)], signals, at(0))
    assert step.rung == rung


def test_a_minute_is_answered_once_it_is_over_and_never_twice() -> None:
    decision, signals = throttle(10), seen(minute(0, 6))
    (begun,) = STEERING.steer([decision], signals, BEGIN + timedelta(minutes=1, seconds=9))
    assert "memory" in begun.parameters
    assert begun.parameters["memory"]["last_at"] == minute_of(BEGIN) - 1  # the minute is not over for good
    (step,) = STEERING.steer([after(decision, [begun])], signals, at(0))
    assert step.parameters["memory"]["last_at"] == minute_of(BEGIN)
    assert not step.changed
    assert STEERING.steer([after(decision, [begun, step])], signals, at(0)) == []


def test_a_memory_of_another_version_begins_afresh_instead_of_stopping_everything() -> None:
    decision = throttle(10)
    strange = attrs.evolve(decision, parameters={**decision.parameters, "memory": {"of": "old"}, "was": 10})
    (step,) = STEERING.steer([strange], seen(minute(0, 6)), at(0))
    assert step.parameters["memory"]["seen"] == [[6, 0]]


def test_it_climbs_a_rung_on_three_clean_full_minutes_and_waits_for_the_host() -> None:
    # 6.19 a minute, more than half of 0.9 × 7.5: next is 7.43 (11), above 6.75; the cut was twenty minutes ago
    decision = throttle(10, accepted=7.5)
    decision = attrs.evolve(decision, at=BEGIN - timedelta(minutes=20))
    signals = SignalProcessor()
    rungs = []
    for number in range(4):
        signals.observe(minute(number, 6))
        steps = STEERING.steer([decision], signals, at(number))
        decision = after(decision, steps, confirm=False)
        rungs.append((steps[0].rung, steps[0].changed, steps[0].reason) if steps else None)
    assert rungs[1] == (10, False, "waiting: too few minutes on this rung")
    assert rungs[2] == (11, True, "one rung up: 0 of 18 refused")
    assert rungs[3] == (11, False, "waiting: a change is under way")
    signals.observe(minute(4, 6))
    assert STEERING.steer([decision], signals, at(4)) == []  # not confirmed: such minutes say nothing more
    confirmed = attrs.evolve(
        decision, parameters={**decision.parameters, "applied_rung": 11, "applied_at": int(at(4).timestamp())}
    )
    signals.observe(minute(6, 7))
    (step,) = STEERING.steer([confirmed], signals, at(6))
    assert step.parameters["memory"]["seen"] == [[7, 0]]  # its own minutes from the one after the confirmation


def test_while_the_log_is_silent_no_rung_is_climbed_and_a_cut_is_still_made() -> None:
    """The same three clean minutes; and 17 refused of 20: cut to 3 × 1.04 a minute, which is rung 6 (2.99)."""
    decision = attrs.evolve(throttle(10, accepted=7.5), at=BEGIN - timedelta(minutes=20))
    frozen = attrs.evolve(ACT, frozen="the log is silent")
    for minutes, rungs in (([minute(n, 6) for n in range(3)], (11, None)), ([minute(0, 3, 17)], (6, 6))):
        steps = [by.settle([], [decision], seen(*minutes), at(len(minutes) - 1)).rate_steps for by in (ACT, frozen)]
        assert tuple(many[-1].rung if many else None for many in steps) == rungs


def test_a_throttle_of_a_closed_door_remembers_what_was_accepted_in_the_hour_before() -> None:
    """40 minutes of 30 accepted, then 30 refused: 1,200 an hour are 20 a minute. Nothing of it is in `accepted`."""
    signals = seen(*(minute(at, 30) for at in range(-40, 0)), minute(0, 0, 30))
    wish = attrs.evolve(throttle(5), parameters={"factor": 0.1}, status=DecisionStatus.PROPOSED)
    first = STEERING.first(wish, signals, at(0))
    assert first.parameters["accepted_per_min"] == 0
    assert first.parameters["good_per_min"] == 20


def test_refusals_cut_it_to_what_is_accepted() -> None:
    """10 of 20 refused in the first minute: CUSUM 22 × 10 − 10 = 210, above 100; accepted 10 × 1.04: rung 12 (8.92)."""
    (step,) = STEERING.steer([throttle(17)], seen(minute(0, 10, 10)), at(0))
    assert (step.rung, step.changed) == (12, True)
    assert step.rate_per_min == pytest.approx(8.916, abs=0.001)
    assert "accepted rate of 10" in step.reason


def test_the_accepted_rate_is_that_of_all_who_share_the_queues() -> None:
    """The same 10 of 20, of which 4 of 8 are another brand's: cut to its own 6, the rate would be too low for both."""
    guests = [attrs.evolve(one, isp=Isp.YAHOO) for one in minute(0, 4, 4)]
    (step,) = STEERING.steer([throttle(17)], seen(minute(0, 6, 6), guests), at(0))
    assert (step.rung, step.changed) == (12, True)


def test_what_was_told_before_the_cut_is_no_second_reason_for_ten_minutes() -> None:
    signals = seen(minute(-3, 0, 0, 20), minute(0, 10))
    (step,) = STEERING.steer([throttle(14)], signals, at(0))
    assert step.rung == 14


def over(decision: Decision, now: datetime) -> Decision:
    return attrs.evolve(decision, until=now - timedelta(seconds=1))


def settle(decision: Decision, signals: SignalProcessor, now: datetime) -> Settled:
    return ACT.settle([], [over(decision, now)], signals, now)


def begun(decision: Decision) -> Decision:
    """Taken on, and held on its rung: these tests are about what the rung that is in force shows."""
    taken = after(decision, STEERING.steer([decision], SignalProcessor(), BEGIN))
    held = {**taken.parameters["memory"], "held_until": minute_of(BEGIN) + 1000}
    return attrs.evolve(taken, parameters={**taken.parameters, "memory": held})


def test_while_the_rate_binds_its_life_is_extended_and_nothing_is_probed() -> None:
    # rung 10: 6.19 a minute, 62 in ten; 50 of them used: 81 %
    signals = seen(*(minute(number, 5) for number in range(10)))
    settled = settle(begun(throttle(10)), signals, at(9))
    assert settled.decisions == ()
    (change,) = settled.changes
    assert (change.decision_id, change.status, change.until) == (1, None, at(9) + timedelta(minutes=10))
    assert change.note == "still binding: 50 of 62 attempts used in 10 minutes"


def test_a_rate_that_binds_no_more_is_released_on_what_was_accepted() -> None:
    # 40 of 62: 65 %
    signals = seen(*(minute(number, 4) for number in range(10)))
    ((release, mode, _),) = settle(begun(throttle(10)), signals, at(9)).decisions
    assert (release.action, release.parameters["of"], release.status) == (Action.RELEASE, 1, DecisionStatus.APPROVED)
    assert mode is Mode.ACT
    assert release.reason == "it binds no more: 40 of 62 attempts used in 10 minutes, 40 of them accepted"
    assert dict(release.evidence) == {"n": 40, "x": 0}


STAYS = {
    "before its lifetime is over": (4, 0, 9),
    "nine minutes in force": (4, 0, 8),
    "a fifth refused": (4, 1, 9),
    "silence": (0, 0, 9),
}


@pytest.mark.parametrize("name", STAYS)
def test_it_stays(name: str) -> None:
    good, bad, last = STAYS[name]
    signals = seen(*(minute(number, good, bad) for number in range(last + 1)))
    decision = begun(throttle(20))
    now = at(last)
    stands = decision if name == "before its lifetime is over" else over(decision, now)
    assert ACT.settle([], [stands], signals, now).decisions == ()


def test_four_outcomes_are_too_few_and_five_within_the_hour_enough() -> None:
    few = seen(*(minute(5 * number, 1) for number in range(4)))
    assert "nothing is released on silence" in settle(begun(throttle(10)), few, at(19)).changes[0].note
    enough = seen(*(minute(4 * number, 1) for number in range(5)))
    assert [one.action for one, _, _ in settle(begun(throttle(10)), enough, at(19)).decisions] == [Action.RELEASE]


@pytest.mark.parametrize(("per_hour", "released"), [(371, 1), (372, 0)])
def test_a_rate_that_is_used_up_is_released_only_at_the_unrestricted_one(per_hour: int, released: int) -> None:
    """Rung 10 is 371.5 an hour, and there is one queue."""
    signals = seen(*(minute(number, 6) for number in range(10)))  # 60 of 62: it binds
    by = attrs.evolve(ACT, steering=Steering(per_hour))
    settled = by.settle([], [over(begun(throttle(10)), at(9))], signals, at(9))
    assert len(settled.decisions) == released


@pytest.mark.parametrize(("read", "released"), [(10, True), (3, False)])
def test_minutes_of_which_nothing_was_read_say_nothing_of_a_rates_use(read: int, released: bool) -> None:
    """Rung 10, 6.19 a minute: 18 of 62 in ten minutes are few, 18 of 18.6 in the three that were read are not.
    Elsewhere on the host there was mail all the while, as far as anybody has read."""
    elsewhere = [attrs.evolve(one, isp=Isp.YAHOO, queue="yahoo.com/mta") for n in range(read) for one in minute(n, 9)]
    signals = seen(minute(0, 6), minute(1, 6), minute(2, 6), elsewhere)
    settled = settle(begun(throttle(10)), signals, at(9))
    assert [one.action is Action.RELEASE for one, _, _ in settled.decisions] == [True] * released


def test_one_queue_that_uses_up_its_part_keeps_the_throttle() -> None:
    """Rung 17 is 22.2 a minute, 1331 an hour: 998 for mta1, of PMTA's rungs 901.5; what is left and 333 come to 430 for
    mta2: 361.7. Ten minutes of that are 60, nine tenths 54. mta1 leaves most of its own."""
    decision = throttle(17)
    decision = attrs.evolve(
        decision, parameters={**decision.parameters, "shares": {"gmail.com/mta1": 0.75, "gmail.com/mta2": 0.25}}
    )
    lopsided = [minute(n, 2, queue="gmail.com/mta1") + minute(n, 6, queue="gmail.com/mta2") for n in range(10)]
    assert settle(begun(decision), seen(*lopsided), at(9)).decisions == ()
    even = [minute(n, 5, queue="gmail.com/mta1") + minute(n, 2, queue="gmail.com/mta2") for n in range(10)]
    assert len(settle(begun(decision), seen(*even), at(9)).decisions) == 1


@pytest.mark.parametrize("guest", [Isp.YAHOO, None])
@pytest.mark.parametrize(
    ("own", "other", "released", "used"),
    [
        (4, 0, True, "40 of 62"),
        # cox.net on Yahoo's MX is a case: a fifth of a full queue was another brand's, and 3,000 messages burst out
        (4, 2, False, "60 of 62"),
        # in a queue that is another's above all, this one's rate is not in force
        (2, 4, True, "20 of 62"),
    ],
)
def test_who_shares_a_brands_queue_uses_its_rate_too(
    own: int, other: int, released: bool, used: str, guest: Isp | None
) -> None:
    """Rung 10 is 6.19 a minute."""
    minutes = []
    for number in range(10):
        guests = [attrs.evolve(one, isp=guest) for one in minute(number, other)]
        minutes.append(minute(number, own) + guests)
    out = STEERING.way_out(begun(throttle(10)), seen(*minutes), at(9))
    assert (out.free, used in out.text) == (released, True), out.text


def test_shares_follow_the_mail_where_one_queue_is_held_back_and_the_rate_is_not_used() -> None:
    decision = begun(throttle(17))
    planned = {"gmail.com/mta1": 0.75, "gmail.com/mta2": 0.25}
    decision = attrs.evolve(decision, parameters={**decision.parameters, "shares": planned})
    held_back = [minute(n, m, queue=f"gmail.com/mta{q}") for n in range(22) for q, m in ((1, 6), (2, 6))]
    signals = seen(*held_back)
    (early,) = STEERING.steer([decision], signals, at(8))  # nine minutes on these shares
    assert "shares" not in early.parameters
    (step,) = STEERING.steer([decision], signals, at(9))
    # parts 901.5 and 361.7 an hour, 360 used of each: mta1 leaves room and gets 1.25 × 360 = 450, mta2 twice its part
    assert (step.parameters["shares"], step.changed) == ({"gmail.com/mta1": 0.383, "gmail.com/mta2": 0.617}, False)
    # whether it binds is seen on the new shares alone: ten minutes more
    even = after(decision, [step])
    assert settle(even, signals, at(19)).decisions == ()  # they were set in minute 10
    assert [one.action for one, _, _ in settle(even, signals, at(20)).decisions] == [Action.RELEASE]


@pytest.mark.parametrize(("changes", "divided"), [(11, True), (12, False)])
def test_a_rate_is_divided_anew_no_oftener_than_it_may_change(changes: int, divided: bool) -> None:
    """The same queues as above, after so many changes of the rate in this clock hour."""
    decision = begun(throttle(17))
    memory = {**decision.parameters["memory"], "in_hour": changes, "changed_at": minute_of(BEGIN)}
    planned = {"gmail.com/mta1": 0.75, "gmail.com/mta2": 0.25}
    decision = attrs.evolve(decision, parameters={**decision.parameters, "shares": planned, "memory": memory})
    signals = seen(*(minute(n, 6, queue=f"gmail.com/mta{q}") for n in range(10) for q in (1, 2)))
    (step,) = STEERING.steer([decision], signals, at(9))
    assert ("shares" in step.parameters) is divided
    assert step.parameters["memory"]["in_hour"] == changes + divided


def test_a_rung_that_the_host_has_not_confirmed_is_not_released() -> None:
    signals = seen(*(minute(number, 4) for number in range(10)))
    decision = begun(throttle(10))
    for applied, says in ((9, "an increase is under way"), (11, "a cut is under way")):
        waiting = attrs.evolve(decision, parameters={**decision.parameters, "applied_rung": applied})
        settled = settle(waiting, signals, at(9))
        assert (settled.decisions, settled.changes[0].note) == ((), says)


DAYS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(0, 4)), min_size=1, max_size=55)


@settings(max_examples=60, deadline=None)
@given(DAYS, st.integers(0, 30), st.integers(0, 3))
def test_whatever_comes_the_rate_stays_on_the_ladder_climbs_slowly_and_survives_restarts(
    day: list[tuple[int, int, int]], rung: int, delay: int
) -> None:
    """The twin is restarted between steps: new signals from what is stored, parameters through JSON."""
    one = two = throttle(rung)
    signals, again = SignalProcessor(), SignalProcessor()
    kept: dict[tuple[str, str, str, str, int], StoredSignal] = {}
    raised: list[int] = []
    confirmations: list[tuple[int, int]] = []
    for number, (good, bad, told) in enumerate(day):
        for counted in (signals, again):
            counted.observe(minute(number, good, bad, told))
        rows, _ = again.take_changes(at(number))
        kept |= {(r.isp, r.scope_type, r.scope, r.signal, r.window_s): r for r in rows}
        again = SignalProcessor(attrs.evolve(r, state=json.loads(json.dumps(dict(r.state)))) for r in kept.values())
        for due, confirmed in list(confirmations):
            if due <= number:
                new = {"applied_rung": confirmed, "applied_at": int((BEGIN + timedelta(minutes=number)).timestamp())}
                one, two = (attrs.evolve(x, parameters={**x.parameters, **new}) for x in (one, two))
                confirmations.remove((due, confirmed))
        steps, others = STEERING.steer([one], signals, at(number)), STEERING.steer([two], again, at(number))
        assert steps == others
        for step in steps:
            assert 0 <= step.rung <= LADDER.top
            assert step.rate_per_min == pytest.approx(LADDER.rate_of(step.rung), abs=0.001)
            before = int(one.parameters["rung"])
            assert step.rung <= before + 1
            if step.rung > before:
                assert not raised or number - raised[-1] >= 5
                raised.append(number)
            if step.changed:
                confirmations.append((number + 1 + delay, step.rung))
        one, two = after(one, steps, confirm=False), after(two, others, confirm=False)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=10, max_size=50), st.integers(0, 16))
def test_nothing_is_released_while_the_last_ten_minutes_used_the_rate(day: list[int], rung: int) -> None:
    signals = seen(*(minute(number, good) for number, good in enumerate(day)))
    decision = begun(throttle(rung))
    settled = settle(decision, signals, at(len(day) - 1))
    if sum(day[-10:]) >= 8 * LADDER.rate_of(rung):
        assert settled.decisions == ()

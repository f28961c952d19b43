"""The rate controller: its ladder, its cuts and increases worked out by hand, and what must always hold."""

import itertools
import json
import math
import random
from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ignite_domain.errors import BadInput
from ignite_domain.governance.rates import Answer, Ladder, MinuteFacts, RateControl, RateMemory, RateRules
from ignite_domain.inference import clopper_pearson, lattice_cusum_limit

CONTROL = RateControl()
LADDER = Ladder()


def minute(at: int, rung: int, accepted: int, refused: int, **more: int) -> MinuteFacts:
    return MinuteFacts(at, rung, more.pop("next_rung", rung), accepted, refused, **more)


def walk(control: RateControl, memory: RateMemory, facts: list[MinuteFacts]) -> list[Answer]:
    answers = []
    for one in facts:
        answers.append(control.step(memory, one))
        memory = answers[-1].memory
    return answers


@pytest.mark.parametrize(
    ("rate", "rung"),
    [(0.0, 0), (1.0, 0), (1.19, 0), (1.2, 1), (1.44, 2), (1.439, 1), (95.0, 24), (95.4, 25), (1e9, 36)],
)
def test_the_rung_below_a_rate_is_the_highest_that_does_not_exceed_it(rate: float, rung: int) -> None:
    assert LADDER.rung_below(rate) == rung


def test_every_rung_is_the_rung_below_its_own_rate() -> None:
    assert [LADDER.rung_below(LADDER.rate_of(rung)) for rung in range(37)] == list(range(37))


@pytest.mark.parametrize("rung", [-1, 37])
def test_a_rung_that_the_ladder_does_not_have_is_refused(rung: int) -> None:
    with pytest.raises(BadInput, match="0 to 36"):
        LADDER.rate_of(rung)


# Rungs by hand: 1.2^12 = 8.9, ^16 = 18.5, ^18 = 26.6, ^21 = 46.0, ^25 = 95.4, ^29 = 197.8
CUTS: dict[str, tuple[MinuteFacts, int, str]] = {
    # S = 22 × 65 - 30 = 1400; 30 × 1.04 = 31.2, between 26.6 (18) and 31.9 (19)
    "to what was accepted": (minute(0, 25, 30, 65), 18, "cut to the accepted rate of 30 a minute"),
    # S = 22 × 6 - 3 = 129; 3.12 lies between 2.99 (6) and 3.58 (7)
    "at a low volume too, if most is refused": (minute(0, 12, 3, 6), 6, "cut to the accepted rate of 3"),
    # 95.4 × 0.1 = 9.54, between 8.9 (12) and 10.7 (13)
    "to a tenth if nothing is accepted": (minute(0, 25, 0, 95), 12, "cut × 0.1: nothing is accepted"),
    # one accepted, but no deeper than to a tenth
    "no deeper than to a tenth": (minute(0, 25, 1, 94), 12, "cut to the accepted rate of 1"),
    # 95.4 × 0.5 = 47.7, between 46.0 (21) and 55.2 (22)
    "to the half on a named rate limit": (minute(0, 25, 95, 0, named=2), 21, "cut × 0.5: 2 recipients"),
    "to what was accepted if that is less than the half": (minute(0, 25, 30, 65, named=9), 18, "cut to the accepted"),
    # the cut to 18.5 a minute is under way, but the old rate shows that only 10 pass: 10.4 is above 8.9 (12)
    "again while the first cut is under way": (minute(0, 29, 10, 188, next_rung=16), 12, "cut again"),
    # S = 22 × 4 = 88 < 100
    "not for four refusals among ninety-five": (minute(0, 25, 91, 4), 25, "waiting"),
    "not for a single refusal at a low volume": (minute(0, 3, 0, 1), 3, "waiting"),
    "not again for an echo that fits the cut": (
        minute(0, 29, 19, 179, next_rung=16),
        16,
        "waiting: a cut is under way",
    ),
    "not again for a closed door that was just answered": (minute(0, 29, 0, 198, next_rung=16), 16, "waiting: a cut"),
    "not below the floor": (minute(0, 0, 0, 9), 0, "cut × 0.1"),
}


@pytest.mark.parametrize("case", CUTS)
def test_a_rate_is_cut(case: str) -> None:
    facts, rung, reason = CUTS[case]
    answer = CONTROL.step(RateMemory(), facts)
    assert (answer.rung, answer.reason[: len(reason)]) == (rung, reason)


def test_after_a_cut_its_echo_counts_for_nothing_and_growth_waits() -> None:
    facts = [
        minute(0, 25, 30, 65),
        minute(1, 25, 29, 66, next_rung=18),
        minute(2, 18, 26, 1),
        *(minute(at, 18, 26, 0) for at in range(3, 13)),
    ]
    rungs = [answer.rung for answer in walk(CONTROL, RateMemory(), facts)]
    assert rungs == [18] * 12 + [19]  # twelve minutes: 31.9 is next to the last good rate of 30


def test_the_first_minute_after_a_closed_door_is_judged_by_itself() -> None:
    facts = [minute(0, 25, 0, 95), *(minute(at, 12, 0, 9) for at in range(1, 4)), minute(4, 12, 9, 0)]
    answers = walk(CONTROL, RateMemory(), facts)
    assert answers[-1].rung == 12
    assert answers[-1].reason.startswith("waiting: too soon")


def test_at_a_low_volume_the_accepted_rate_is_that_of_several_minutes() -> None:
    # 9, 9 and 3 of 9: 7 a minute; 7.28 lies between 6.2 (10) and 7.4 (11)
    answers = walk(CONTROL, RateMemory(), [minute(0, 12, 9, 0), minute(1, 12, 9, 0), minute(2, 12, 3, 6)])
    assert answers[-1].rung == 10


def test_minutes_on_one_rung_do_not_speak_for_a_higher_one_that_is_under_way() -> None:
    facts = [minute(0, 20, 38, 0), minute(1, 20, 38, 0), minute(2, 20, 38, 0, next_rung=21)]
    assert [answer.rung for answer in walk(CONTROL, RateMemory(), facts)] == [20, 20, 21]


def test_small_excess_adds_up_to_a_cut_of_at_least_one_rung() -> None:
    # +132 - 93 = 39 a minute: 39, 78, 117 >= 100. 93 × 1.04 = 96.7 would round to the same rung.
    answers = walk(CONTROL, RateMemory(), [minute(at, 25, 93, 6) for at in range(3)])
    assert [answer.rung for answer in answers] == [25, 25, 24]


def test_without_the_cut_to_the_accepted_rate_it_is_seven_tenths() -> None:
    plain = RateControl(RateRules(cut_to_accepted=False))
    assert plain.step(RateMemory(), minute(0, 25, 30, 65)).rung == 23  # 66.8, between 66.2 and 79.5


def test_a_higher_floor_stops_a_cut_and_raises_nothing() -> None:
    control = RateControl(RateRules(floor=20.0))
    assert control.step(RateMemory(), minute(0, 25, 0, 95)).rung == 16  # 18.5 is the rung below 20
    assert control.step(RateMemory(), minute(0, 10, 0, 6)).rung == 10


def test_a_closed_door_is_cut_for_once_in_ten_minutes() -> None:
    facts = [minute(0, 25, 0, 95), *(minute(at, 12, 0, 9) for at in range(1, 12))]
    rungs = [answer.rung for answer in walk(CONTROL, RateMemory(), facts)]
    assert rungs[:10] == [12] * 10
    assert rungs[10] == 0  # 8.9 × 0.1 is below the floor of 1


def test_the_same_named_limit_cuts_once_in_ten_minutes() -> None:
    # ten minutes from the one in which the cut acts
    facts = [minute(0, 25, 95, 0, named=2), *(minute(at, 21, 46, 0, named=3) for at in range(1, 12))]
    rungs = [answer.rung for answer in walk(CONTROL, RateMemory(), facts)]
    assert rungs == [21] * 11 + [17]  # 23.0, between 22.2 (17) and 26.6


def test_whoever_was_told_of_a_limit_before_a_cut_is_no_reason_for_a_second_one() -> None:
    # 60 of 95 accepted: cut to 62.4 (22); the 35 who were told are counted for ten minutes
    facts = [minute(0, 25, 60, 35, named=1), *(minute(at, 22, 55, 0, named=35) for at in range(1, 11))]
    assert [answer.rung for answer in walk(CONTROL, RateMemory(), facts)] == [22] * 11


def test_one_recipient_told_of_a_rate_limit_holds_the_rate_but_does_not_cut_it() -> None:
    facts = [minute(at, 20, 38, 0, named=int(at == 2)) for at in range(8)]
    assert [answer.rung for answer in walk(CONTROL, RateMemory(), facts)] == [20] * 7 + [21]


def test_a_stated_wait_holds_the_rate() -> None:
    facts = [minute(at, 20, 38, 0, retry_after=30 * int(at == 0)) for at in range(31)]
    assert [answer.rung for answer in walk(CONTROL, RateMemory(), facts)] == [20] * 30 + [21]


@pytest.mark.parametrize(
    ("good", "wait"),
    [
        (0.0, 5),  # nothing remembered
        (120.0, 5),  # the next rung, 95.4, is below 0.9 × 120
        (100.0, 12),  # … is above 0.9 × 100
        (80.0, 12),  # … and this one, 79.5, is not yet across
        (79.0, 5),  # beyond it: what failed then holds now
    ],
)
def test_growth_is_fast_below_the_last_good_rate_slow_across_it_and_fast_beyond(good: float, wait: int) -> None:
    memory = RateMemory(good=good, cut_at=100, last_at=100)
    answers = walk(CONTROL, memory, [minute(100 + at, 24, 79, 0) for at in range(1, 13)])
    assert next(at for at, answer in enumerate(answers, 1) if answer.rung == 25) == wait


def test_a_door_that_opens_again_is_gone_through_fast_up_to_nine_tenths_of_the_last_good_rate() -> None:
    """From the floor × 2 each five minutes, rounded down to a rung; 79.5 is the last below 90."""
    rates, rung, at = [], 0, 0
    memory = RateMemory(good=100.0, cut_at=0, last_at=0)
    while at < 45:
        at += 1
        memory, coming, _ = CONTROL.step(memory, minute(at, rung, math.ceil(CONTROL.ladder.rate_of(rung)), 0))
        if coming != rung:
            rates.append((at, coming))
            rung = coming
    assert rates == [(5 * n, top) for n, top in enumerate((3, 6, 9, 12, 15, 18, 21, 24), 1)]


def test_without_a_good_rate_to_come_back_to_it_is_one_rung_at_a_time() -> None:
    facts = [minute(at, 0, 1, 0) for at in range(1, 6)]
    assert walk(CONTROL, RateMemory(cut_at=0, last_at=0), facts)[-1].rung == 1


def test_steady_refusals_below_what_is_tolerated_delay_an_increase_by_half_an_hour_and_the_next_ones_no_more() -> None:
    # one in two minutes: 2 or 3 of 190 in five, upper bounds 2.2 and 2.9 %, above 1 % and below 4 %
    facts = [minute(at, 20, 38 - at % 2, at % 2) for at in range(31)]
    answers = walk(CONTROL, RateMemory(), facts)
    assert [answer.rung for answer in answers] == [20] * 30 + [21]
    facts = [minute(31, 20, 38, 0, next_rung=21), *(minute(at, 21, 46 - at % 2, at % 2) for at in range(32, 36))]
    answers = walk(CONTROL, answers[-1].memory, facts)
    assert [answer.rung for answer in answers] == [21] * 4 + [22]
    assert not CONTROL.step(answers[-1].memory, minute(36, 22, 10, 45)).memory.patient  # a cut ends it


def test_a_minute_that_comes_twice_counts_once() -> None:
    once = CONTROL.step(RateMemory(), minute(7, 25, 91, 4))
    again = CONTROL.step(once.memory, minute(7, 25, 91, 4))
    assert (again.memory, again.rung) == (once.memory, 25)


def test_minutes_before_a_long_gap_are_no_evidence() -> None:
    answers = walk(CONTROL, RateMemory(), [minute(at, 20, 38, 0) for at in (0, 1, 60, 61, 62)])
    assert [answer.rung for answer in answers] == [20, 20, 20, 20, 21]


def test_a_rung_that_is_not_on_the_ladder_is_refused() -> None:
    with pytest.raises(BadInput, match="0 to 36"):
        CONTROL.step(RateMemory(), minute(0, 37, 1, 0))


def test_what_was_accepted_when_the_rate_was_cut_is_the_last_good_rate() -> None:
    assert CONTROL.step(RateMemory(good=200.0), minute(0, 25, 30, 65)).memory.good == 30.0
    assert CONTROL.step(RateMemory(good=200.0), minute(0, 25, 0, 95)).memory.good == 200.0  # silence says nothing


def test_a_rate_that_is_not_used_is_not_raised() -> None:
    answers = walk(CONTROL, RateMemory(), [minute(at, 25, 70, 0) for at in range(60)])  # 70 < 0.8 × 95.4
    assert {answer.rung for answer in answers} == {25}


def test_nothing_is_raised_above_the_ladder() -> None:
    control = RateControl(ladder=Ladder(top=25))
    assert {answer.rung for answer in walk(control, RateMemory(), [minute(at, 25, 95, 0) for at in range(60)])} == {25}


@given(st.integers(1, 3_000), st.integers(1, 40), st.sampled_from([0.01, 0.04]))
def test_room_is_proven_where_the_exact_upper_bound_is_below_the_limit(tried: int, refused: int, limit: float) -> None:
    refused = min(refused, tried)
    upper = clopper_pearson(refused, tried, 0.8, sides=1)[1]
    if abs(upper - limit) > 1e-9:
        assert CONTROL.proves_room(tried, refused, limit) == (upper < limit)


def test_the_alarm_is_the_lattice_of_the_design_page_within_its_budget_of_false_alarms() -> None:
    rules = RateRules()
    assert rules.up == round(math.log(0.08 / 0.02) / math.log(0.98 / 0.92))
    budget = 30 * 1_440 * LADDER.rate_of(LADDER.top) / 0.02
    assert rules.alarm == lattice_cusum_limit(rules.up, 0.003, budget)


def test_unrelated_refusals_never_cut_a_rate_in_ten_days() -> None:
    dice = random.Random(5)
    control, memory = RateControl(ladder=Ladder(top=25)), RateMemory()
    for at in range(10 * 1_440):
        refused = sum(dice.random() < 0.003 for _ in range(95))
        memory, rung, _ = control.step(memory, minute(at, 25, 95 - refused, refused))
        assert rung == 25


def test_at_a_steady_capacity_the_rate_stays_on_two_neighbouring_rungs() -> None:
    # 60 a minute pass: rung 22 (55.2) fits, rung 23 (66.2) does not
    memory, current, coming, rungs, accepted = RateMemory(), 12, 12, [], 0
    for at in range(1_440):
        tried = round(LADDER.rate_of(current))
        took = min(60, tried)
        memory, answer, _ = CONTROL.step(memory, minute(at, current, took, tried - took, next_rung=coming))
        rungs.append(current)
        accepted += took if at >= 180 else 0
        current, coming = coming, answer
    assert set(rungs[180:]) == {22, 23}
    changes = sum(a != b for a, b in itertools.pairwise(rungs[180:]))
    assert changes <= 21 * 10  # a look every 12 minutes or so is two changes
    assert accepted >= 0.9 * 60 * 1_260


def test_after_twelve_changes_in_a_clock_hour_a_rate_may_be_cut_and_not_raised_until_the_next_hour() -> None:
    """Every third minute something is refused, and nothing in between: a pace of one minute would go up and down."""
    hasty = RateControl(RateRules(pace=1, cross=1, evidence_least=1, evidence_minutes=1, patience=1_000))
    memory, current, coming = RateMemory(), 20, 20
    ups, downs = Counter[int](), Counter[int]()
    for at in range(180):
        tried = round(LADDER.rate_of(current))
        refused = round(0.3 * tried) if at % 3 == 0 else 0
        memory, rung, _ = hasty.step(memory, minute(at, current, tried - refused, refused, next_rung=coming))
        if ups[at // 60] + downs[at // 60] >= 12:
            assert rung <= coming
        ups[at // 60] += rung > coming
        downs[at // 60] += rung < coming
        current, coming = coming, rung
    assert all(ups[hour] + downs[hour] >= 12 for hour in range(3)), "the budget was never used up"
    assert all(ups[hour] <= 12 for hour in range(3))
    later = attrs.evolve(memory, in_day=230, in_hour=0)
    quiet = [minute(at, current, 30, 0, next_rung=current) for at in range(240, 300)]
    assert {answer.rung for answer in walk(hasty, later, quiet)} == {current}
    assert walk(hasty, later, quiet)[-1].reason == "waiting: 0 changes in this hour, 230 today"


MINUTES = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 1, 2, 30]),  # minutes gone by
        st.sampled_from([1.0, 1.0, 1.0, 0.97, 0.7, 0.2, 0.0]),  # share accepted
        st.sampled_from([1.0, 1.0, 0.5, 0.0]),  # share of the rate that was used
        st.sampled_from([0, 0, 0, 0, 1, 2]),
        st.sampled_from([0, 0, 0, 0, 20]),
    ),
    max_size=150,
)


@settings(deadline=None)
@given(MINUTES, st.integers(0, 36), st.sampled_from([RateRules(), RateRules(memory=False), RateRules(floor=5.0)]))
def test_whatever_comes_rungs_exist_increases_are_small_and_rare_and_cuts_never_raise(
    minutes: list[tuple[int, float, float, int, int]], start: int, rules: RateRules
) -> None:
    control, memory = RateControl(rules), RateMemory()
    current = coming = start
    at, raised, changes = 0, -1_000, Counter[int]()
    for gap, share, used, named, wait in minutes:
        at += gap
        tried = round(LADDER.rate_of(current) * used)
        took = round(tried * share)
        facts = MinuteFacts(at, current, coming, took, tried - took, named, wait)
        stored = RateMemory.from_state(json.loads(json.dumps(memory.to_state())))
        assert stored == memory
        memory, rung, reason = control.step(stored, facts)
        assert 0 <= rung <= LADDER.top
        if rung > coming:
            assert at - raised >= 5
            assert reason.startswith("one rung up" if rung == coming + 1 else "fast up")
            if rung > coming + 1:
                assert LADDER.rate_of(rung) <= min(2 * LADDER.rate_of(coming), 0.9 * stored.good)
            assert changes[at // 60] < 12
            raised = at
        changes[at // 60] += rung != coming
        if reason.startswith("cut"):
            assert rung <= coming
        if rung < coming:
            assert reason.startswith("cut")
            assert LADDER.rate_of(rung) > 0.1 * LADDER.rate_of(coming) / 1.2 * 0.999
        current, coming = coming, rung


@pytest.mark.parametrize(
    "broken",
    [
        {"score": None},
        {"score": "many"},
        {"score": -1},
        {"good": float("nan")},
        {"good": "80"},
        {"seen": 3},
        {"seen": [[1]]},
        {"cut_at": 1.5},
        {"colour": "blue"},
    ],
)
def test_a_stored_memory_that_is_not_one_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="rate memory"):
        RateMemory.from_state({**RateMemory().to_state(), **broken})


def test_a_stored_memory_that_lacks_something_is_refused_by_name() -> None:
    state = RateMemory().to_state()
    del state["good"]
    with pytest.raises(BadInput, match="good"):
        RateMemory.from_state(state)


def test_rules_refuse_what_is_no_share() -> None:
    with pytest.raises(ValueError, match="factor_cut"):
        attrs.evolve(RateRules(), factor_cut=1.0)

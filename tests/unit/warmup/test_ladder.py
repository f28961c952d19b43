"""The ladder against calculations by hand from the design page on warm-up, "Volume"."""

from datetime import date, timedelta

import attrs
import pytest

from ignite_domain.governance.words import Action
from ignite_domain.warmup import WarmupDay, plan
from ignite_domain.warmup.ladder import hard_signal, is_congested

D0 = date(2026, 11, 2)


def day(budget: int, went: int | None = None, **counts: int | bool) -> WarmupDay:
    """A day on which `went` (default: all) people were selected and accepted, unless `counts` say otherwise."""
    sent = budget if went is None else went
    return attrs.evolve(WarmupDay(D0, budget, budget, sent, sent), **counts)  # type: ignore[arg-type]


TOMORROW = [
    # what happened, budget tomorrow, slow start goes on
    ("no history", None, 50, True),
    ("all used: × 1.5", day(50), 75, True),
    ("75 → 112, a half person stays at home", day(75), 112, True),
    ("90 % used is used", day(100, 90), 150, True),
    ("89 % is not", day(100, 89), 100, True),
    ("after the first congestion × 1.25", day(100, slow_start=False), 125, False),
    ("used is measured by people on hand; at most twice what went", day(100, 60, on_hand=60), 120, True),
    ("few on hand grow nothing", day(100, 40, on_hand=40), 100, True),
    ("nothing selected", day(100, 0, accepted=0), 50, True),  # never active: still the first day
    # 20 of 100 deferred: Wilson 90 % lower bound 15.4 % > 10 %; max(50, 0.9 · 80)
    ("congestion", day(100, accepted=80, deferred=20), 72, False),
    ("congestion near the floor", day(50, accepted=40, deferred=10), 50, False),
    # 12 of 100: lower bound 8.4 %: not congested, and 100 of 100 used
    ("a few deferrals are not congestion", day(100, accepted=88, deferred=12), 150, True),
]


@pytest.mark.parametrize(("name", "past", "budget", "slow"), TOMORROW, ids=[row[0] for row in TOMORROW])
def test_tomorrow(name: str, past: WarmupDay | None, budget: int, slow: bool) -> None:
    planned = plan([past] if past else [], D0 + timedelta(days=1))
    assert (planned.budget, planned.slow_start) == (budget, slow)
    assert planned.note


HARD = [
    ("deferral", day(200, accepted=120, deferred=80), 60),  # 80 of 200: lower bound 35.7 %; 0.5 · 120
    ("bounce", day(200, accepted=189, bounced=11), 94),  # 5.5 %; 0.5 · 189 = 94.5
    ("complaints", day(1000, complained=3), 500),  # 0.3 %, three of them
]


@pytest.mark.parametrize(("name", "past", "goes_on_at"), HARD, ids=[row[0] for row in HARD])
def test_a_hard_signal_holds_one_day_and_goes_on_at_half(name: str, past: WarmupDay, goes_on_at: int) -> None:
    held = plan([past], D0 + timedelta(days=1))
    assert (held.budget, held.slow_start) == (0, False)
    assert name in held.note
    rows = [past, WarmupDay(D0 + timedelta(days=1), 0, slow_start=False)]
    assert plan(rows, D0 + timedelta(days=2)).budget == goes_on_at


SOFT = [
    day(40, accepted=38, bounced=2),  # 5 % and only two
    day(1000, complained=2),
    day(1500, complained=3),  # 0.2 % is the limit, not beyond it
]


@pytest.mark.parametrize("past", SOFT)
def test_fewer_than_three_or_at_the_limit_is_no_hard_signal(past: WarmupDay) -> None:
    assert hard_signal(past) is None
    assert not is_congested(past)


IDLE = [(2, 1000), (4, 1000), (5, 700), (6, 490), (30, 50)]  # day of today, budget: × 0.7 a day beyond three


@pytest.mark.parametrize(("today", "budget"), IDLE)
def test_idle_days_cost_from_the_fourth_on(today: int, budget: int) -> None:
    past = day(1000, 700)  # not used up: goes on at 1000
    assert plan([past], D0 + timedelta(days=today)).budget == budget


def test_a_planned_day_without_mail_changes_nothing() -> None:
    rows = [day(50), WarmupDay(D0 + timedelta(days=1), 75, on_hand=75, selected=75)]
    assert plan(rows, D0 + timedelta(days=2)).budget == 75


def test_two_weeks_of_full_use_are_slow_start() -> None:
    """50 · 1.5 a day, rounded down each day: worked by hand to day 8."""
    rows: list[WarmupDay] = []
    for n in range(8):
        budget = plan(rows, D0 + timedelta(days=n)).budget
        rows.append(attrs.evolve(day(budget), day=D0 + timedelta(days=n)))
    assert [row.budget for row in rows] == [50, 75, 112, 168, 252, 378, 567, 850]


def test_standing_decisions_speak_last() -> None:
    tomorrow = D0 + timedelta(days=1)
    assert plan([day(400)], tomorrow, {Action.HOLD_WARMUP}).budget == 0
    stepped = plan([day(400)], tomorrow, {Action.STEP_DOWN_WARMUP})
    assert (stepped.budget, stepped.slow_start) == (300, False)  # half of 600
    assert plan([day(50)], tomorrow, {Action.STEP_DOWN_WARMUP}).budget == 50
    assert plan([day(400)], tomorrow, {Action.STEP_DOWN_WARMUP, Action.HOLD_WARMUP}).budget == 0


def test_today_and_later_rows_are_not_history() -> None:
    assert plan([day(50)], D0).budget == 50

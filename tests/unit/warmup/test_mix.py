"""The day's people against calculations by hand from the design page on warm-up, "People"."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.governance.words import Action
from ignite_domain.warmup import TIERS, ColdPair, actions_for, order_key, tier_mix
from ignite_domain.warmup.mix import BOUNCE_BOUNDS, BOUNCE_BUDGET, COMPLAINT_BOUNDS, COMPLAINT_BUDGET

MIXES = [
    # available per tier, volume, delivered so far, taken per tier
    ("the best tier alone", (9999, 0, 0, 0, 0), 1000, 9999, (1000, 0, 0, 0, 0)),
    ("two per cent explore the next tier", (9999, 9999, 0, 0, 0), 1000, 9999, (980, 20, 0, 0, 0)),
    ("a tier that runs out is filled up from the next", (300, 9999, 0, 0, 0), 1000, 9999, (300, 700, 0, 0, 0)),
    # complaints: 0.8 allowed; 0.10 % each: 800 people, though 1000 would be within the bounce budget
    ("volume that the budget forbids stays unsent", (0, 0, 9999, 0, 0), 1000, 9999, (0, 0, 800, 0, 0)),
    # nobody delivered: bounce 2.5 % · 50 / 2 % = 62 → all 50, complaints waived
    ("a new list starts from its best tier", (0, 0, 9999, 9999, 9999), 50, 0, (0, 0, 50, 0, 0)),
    ("only from the best", (0, 0, 20, 9999, 0), 50, 0, (0, 0, 20, 0, 0)),
    # bounce 1.25 / 0.05 = 25
    ("whose bounce budget stands", (0, 0, 0, 9999, 0), 50, 0, (0, 0, 0, 25, 0)),
    ("tier 0.00 not before half the target", (0, 0, 0, 0, 9999), 50, 0, (0, 0, 0, 0, 0)),
    # at 12,500: bounce 312.5 / 12 % = 2604; complaints 10 / 0.3 % = 3333
    ("tier 0.00 from half the target on", (0, 0, 0, 0, 99999), 12500, 9999, (0, 0, 0, 0, 2604)),
    ("no volume", (9, 9, 9, 9, 9), 0, 0, (0, 0, 0, 0, 0)),
]


@pytest.mark.parametrize(("name", "available", "volume", "delivered", "taken"), MIXES, ids=[row[0] for row in MIXES])
def test_mix(name: str, available: tuple[int, ...], volume: int, delivered: int, taken: tuple[int, ...]) -> None:
    assert tier_mix(available, volume, delivered=delivered) == taken


@given(
    st.tuples(*[st.integers(0, 40_000)] * 5),
    st.integers(0, 30_000),
    st.integers(0, 1000),
)
def test_no_mix_breaks_a_budget_or_invents_people(available: tuple[int, ...], volume: int, delivered: int) -> None:
    taken = tier_mix(available, volume, delivered=delivered)
    assert all(0 <= take <= people for take, people in zip(taken, available, strict=True))
    assert sum(taken) <= volume
    assert sum(t * b for t, b in zip(taken, BOUNCE_BOUNDS, strict=True)) <= BOUNCE_BUDGET * volume + 1e-6
    if delivered >= 500 or available[0] or available[1]:
        assert sum(t * c for t, c in zip(taken, COMPLAINT_BOUNDS, strict=True)) <= COMPLAINT_BUDGET * volume + 1e-6
    if volume < 12_500:
        assert taken[TIERS.index(0.0)] == 0


def test_the_order_within_a_tier_is_another_one_each_day() -> None:
    people = range(1, 200)
    orders = [sorted(people, key=lambda p: order_key(date(2026, 11, d), "mta4", p)) for d in (2, 3)]
    assert orders[0] != orders[1] != list(people)
    # sha256("warmup␟2026-11-02␟mta4␟1"), by coreutils' sha256sum
    assert order_key(date(2026, 11, 2), "mta4", 1).startswith("24f2031406ceba5d")


def test_decisions_mean_the_pair_they_name() -> None:
    pair = ColdPair("mta4", "192.0.2.14", "gmail")
    hold = frozenset({Action.HOLD_WARMUP})
    for key in [("gmail", "mta4"), (None, "192.0.2.14"), ("gmail", "gmail"), ("gmail", "192.0.2.14")]:
        assert actions_for(pair, {key: hold}) == hold
    for key in [("yahoo", "mta4"), ("gmail", "mta3")]:
        assert actions_for(pair, {key: hold}) == frozenset()

"""How a rate is divided among queues: by what they use, with a floor. Expected values are worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.governance.shares import fair_shares, shares_of, split


def test_a_rate_is_split_by_shares_with_a_floor_and_equally_where_nothing_is_known() -> None:
    assert shares_of({"a/1": 30, "b/1": 10, "c/1": 0}) == {"a/1": 0.75, "b/1": 0.25}
    assert shares_of({f"q{n}/1": 100 - n for n in range(30)}).keys() == {f"q{n}/1" for n in range(20)}
    # 10 a minute are 600 an hour; an equal share of three is 200, the floor 20
    assert split(10, {"a/1": 0.75, "b/1": 0.25}, ["a/1", "b/1", "c/1"]) == {"a/1": 450, "b/1": 150, "c/1": 20}
    assert split(10, {}, ["a/1", "b/1"]) == {"a/1": 300, "b/1": 300}
    assert split(10, {"gone/1": 1.0}, ["a/1", "b/1"]) == {"a/1": 300, "b/1": 300}
    assert split(0.02, {"a/1": 1.0}, ["a/1", "b/1"]) == {"a/1": 1.2, "b/1": 1.0}


def test_full_queues_come_to_equal_parts_and_one_that_leaves_room_keeps_it() -> None:
    """An address back from quarantine has a tenth of the others' parts, and mail for more; a cold one wants 50."""
    shares = {"g/1": 0.45, "g/2": 0.45, "g/3": 0.05, "g/4": 0.05}
    wants = {"g/1": 9999.0, "g/2": 9999.0, "g/3": 9999.0, "g/4": 50.0}
    history = []
    for _ in range(6):
        parts = split(20, shares, shares)  # 1200 an hour
        history.append(round(parts["g/3"]))
        shares = fair_shares(parts, {queue: min(part, wants[queue]) for queue, part in parts.items()})
    parts = split(20, shares, shares)
    assert history == sorted(history)
    assert parts["g/1"] == parts["g/2"] == pytest.approx(parts["g/3"], rel=0.01)
    assert 1.05 * wants["g/4"] < parts["g/4"] < 1.4 * wants["g/4"]


def test_a_queue_that_is_refused_gets_what_is_accepted_of_it_and_holds_no_other_down() -> None:
    """900 an hour over three, of one of which 100 of 300 are accepted: the other two share 800."""
    parts = dict.fromkeys(("g/1", "g/2", "g/3"), 300.0)
    shares = fair_shares(parts, parts, {"g/3": 100.0}, ["g/3"])
    assert shares == {"g/1": 0.444, "g/2": 0.444, "g/3": 0.111}
    # a clean minute later it may have a fifth more, not an equal part at once: 120 of 800 + 120
    parts = {"g/1": 400.0, "g/2": 400.0, "g/3": 100.0}
    again = fair_shares(parts, parts, {}, ["g/3"])
    assert again["g/3"] == pytest.approx(120 / (120 + 2 * 300), abs=0.001)
    # all are refused: each what is accepted of it
    assert fair_shares(parts, parts, {"g/1": 30.0, "g/2": 60.0, "g/3": 10.0}) == {"g/1": 0.3, "g/2": 0.6, "g/3": 0.1}


@given(
    st.lists(st.tuples(st.floats(1, 1000), st.floats(0, 1)), min_size=1, max_size=8),
)
def test_fair_shares_are_shares_and_take_nothing_from_who_leaves_room(queues: list[tuple[float, float]]) -> None:
    parts = {f"g/{number}": part for number, (part, _) in enumerate(queues)}
    used = {f"g/{number}": part * share for number, (part, share) in enumerate(queues)}
    shares = fair_shares(parts, used)
    if not any(used.values()):
        assert shares == {}
        return
    assert sum(shares.values()) == pytest.approx(1, abs=0.005)
    whole = sum(parts.values())
    for queue, share in shares.items():
        if used[queue] < 0.9 * parts[queue]:
            assert share * whole >= used[queue] * 0.99 - 0.002 * whole

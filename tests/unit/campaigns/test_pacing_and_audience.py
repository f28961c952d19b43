"""Pace, routes and the reading of segments. That segments agree with SQL is tests/integration/test_sending.py."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ignite_domain.campaigns import Pace, Person, Routes, parse
from ignite_domain.errors import BadInput

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

PACES = [
    # per minute, seconds since start, wanted at most, allowed
    (6000, 0.0, 500, 0),
    (6000, 1.0, 500, 100),
    (6000, 5.0, 500, 500),
    (6000, 3600.0, 9000, 6000),  # a minute's worth is the most that is saved up
    (6, 9.0, 500, 0),
    (6, 10.0, 500, 1),
    (6, 600.0, 500, 6),
]


@pytest.mark.parametrize(("per_minute", "seconds", "most", "allowed"), PACES)
def test_pace_allows_what_time_has_earned(per_minute: int, seconds: float, most: int, allowed: int) -> None:
    assert Pace.starting(T0).refilled(T0 + timedelta(seconds=seconds), per_minute).allows(most) == allowed


def test_over_an_hour_no_more_goes_than_the_pace_says() -> None:
    pace, sent = Pace.starting(T0), 0
    for second in range(0, 3600, 7):
        pace = pace.refilled(T0 + timedelta(seconds=second), 60)
        sent += (now := pace.allows(500))
        pace = pace.taken(now)
    assert 3500 <= sent <= 3600


ROUTES = Routes(("m1", "m2", "m3"), ("cold",), frozenset({("gmail", "m1"), ("*", "m3"), ("cox", "m2"), ("cox", "m1")}))


def test_closed_routes_are_never_chosen() -> None:
    assert ROUTES.open_for("gmail") == ("m2",)
    assert ROUTES.open_for(None) == ("m1", "m2")
    assert {ROUTES.reroute("gmail", "m1", person) for person in range(50)} == {"m2"}
    assert ROUTES.reroute(None, "m1", 1) == "m1"  # stays while open
    assert ROUTES.reroute("gmail", "cold", 1) == "cold"
    assert ROUTES.reroute("cox", "m1", 1) is None
    assert ROUTES.stuck(["gmail", "cox", None]) == {"cox"}


def test_people_spread_over_the_warm_vmtas() -> None:
    counts = [sum(ROUTES.first(person) == vmta for person in range(3000)) for vmta in ROUTES.warm]
    assert all(900 < count < 1100 for count in counts)  # 1000 ± 4 standard deviations (26)
    assert Routes(()).first(1) is None


ANN = Person("gmail", "gmail.com", 0.75, True, {"state": "NY"})
BEN = Person(None, "acme.example", 0.25, False, {})
SEGMENTS: list[tuple[dict[str, Any], bool, bool]] = [
    ({}, True, True),
    ({"isp": ["gmail"]}, True, False),
    ({"isp": "elsewhere"}, False, True),
    ({"min_score": 0.5}, True, False),
    ({"max_score": 0.5, "domain": ["ACME.example"]}, False, True),
    ({"not": {"from_warmup_file": True}}, False, True),
    ({"any": [{"isp": ["cox"]}, {"attribute": "state", "is": "NY"}]}, True, False),
    ({"any": []}, False, False),
    ({"all": [{"min_score": 0.5}, {"isp": ["cox"]}]}, False, False),
]


@pytest.mark.parametrize(("tree", "ann", "ben"), SEGMENTS)
def test_a_segment_means_the_people_it_says(tree: dict[str, Any], ann: bool, ben: bool) -> None:
    assert (parse(tree).matches(ANN), parse(tree).matches(BEN)) == (ann, ben)


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        ([], "object"),
        ({"ips": ["gmail"]}, "ips"),
        ({"isp": ["gmial"]}, "gmial"),
        ({"min_score": "high"}, "min_score"),
        ({"min_score": 2}, "min_score"),
        ({"any": "x"}, "any"),
        ({"attribute": "state"}, "attribute"),
        ({"domain": []}, "domain"),
    ],
)
def test_a_wrong_segment_is_refused_by_name(tree: Any, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        parse(tree)


def test_values_never_stand_in_the_sql() -> None:
    values: dict[str, Any] = {}
    text = parse({"domain": ["x'; drop table t; --"], "attribute": "a'b", "is": "c'd"}).to_sql(values)
    assert "'; drop" not in text
    assert "c'd" in values.values()

"""Constants in place of others: one at a time, handed on and not patched, and measured on the same hosts."""

import math
from typing import Any

import attrs
import pytest

from ignite_app.scoreboard import ablations
from ignite_app.scoreboard.ablations import _trial, mean, on_fixed_alarms, summary
from ignite_app.scoreboard.constants import (
    FACTORS,
    OF_TESTS,
    SHIPPED,
    Constants,
    Variant,
    alarm_variants,
    blame_variants,
    derived,
    recovery_variants,
    rule_variants,
    scaled,
)
from ignite_app.scoreboard.incidents import INCIDENTS, draw, matches, watch
from ignite_app.scoreboard.twin.product import ABLATIONS
from ignite_app.scoreboard.worlds import DEFAULT
from ignite_domain.governance.alarms import TUNINGS, Tuning, level_of, tuned
from ignite_domain.governance.recovery import sprt
from ignite_domain.governance.rules import BLAME, BY_AGENT, PROBE_TEST, RULES, Rule, faults
from ignite_domain.governance.rules import Test as Kind
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import Signal

EVERY = (*rule_variants(), *blame_variants(), *alarm_variants(), *recovery_variants())


@pytest.mark.parametrize("tuning", {one for pair in TUNINGS.values() for one in pair})
def test_step_and_levels_are_derived_as_those_of_the_published_table(tuning: Tuning) -> None:
    assert derived(tuning.p0, tuning.p1, tuning.unit) == tuning


@pytest.mark.parametrize(
    ("value", "factor", "other"),
    [(2, 0.5, 1), (1, 0.5, 1), (5, 1.5, 8), (3, 1.5, 5), (0.3, 1.5, 0.45), (600, 0.5, 300)],
)
def test_whole_numbers_stay_whole_and_at_least_one(value: Any, factor: float, other: Any) -> None:
    assert scaled(value, factor) == pytest.approx(other)
    assert isinstance(scaled(value, factor), type(value))


def test_every_constant_is_tried_at_half_and_at_one_and_a_half() -> None:
    names = {one.name for one in EVERY}
    assert {(one.name, one.factor) for one in EVERY} == {(name, factor) for name in names for factor in FACTORS}
    assert len(EVERY) == len(names) * len(FACTORS)
    assert {f"{field} of {test} rules" for field, tests in OF_TESTS.items() for test in tests} <= names
    assert {f"{what} of the {signal} alarm" for what in ("H", "p0", "p1") for signal in TUNINGS} <= names
    assert {"stands_out", "wide_share", "company_share", "comparable", "p_good", "p_bad", "accept", "dwell"} <= names
    assert {one.label for one in recovery_variants()} <= set(ABLATIONS)


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.label)
def test_a_variant_changes_one_kind_of_constant_and_something_of_it(one: Variant) -> None:
    changed = [
        field.name
        for field in attrs.fields(Constants)
        if field.name != "rules" and getattr(one.constants, field.name) != getattr(SHIPPED.constants, field.name)
    ]
    rules = [rule for rules in one.constants.rules.values() for rule in rules]
    shipped = [rule for rules in BY_AGENT.values() for rule in rules]
    other = [(new, old) for new, old in zip(rules, shipped, strict=True) if new != old]
    assert len(changed) + bool(other) == 1
    assert not faults(rules)
    assert all(new.test is one.test for new, _ in other)
    assert all(sum(a != b for a, b in zip(fields(new), fields(old), strict=True)) == 1 for new, old in other)


def fields(rule: Rule) -> list[Any]:
    return [getattr(rule, field.name) for field in attrs.fields(Rule)]


def test_other_levels_hold_inside_and_the_shipped_ones_again_outside() -> None:
    shipped = level_of(Signal.BOUNCE, 0)
    half = next(one for one in alarm_variants() if one.label == "H of the bounce alarm × 0.5")
    with tuned(half.constants.tunings):
        assert level_of(Signal.BOUNCE, 0).alarm == 103  # half of 206
        assert level_of(Signal.DEFERRAL, 0).alarm == 40
    assert level_of(Signal.BOUNCE, 0) == shipped
    assert shipped.alarm == 206


def test_a_probe_is_judged_by_the_test_that_it_is_given() -> None:
    few = Seen(5, 0)
    assert sprt(few) is None
    assert sprt(few, attrs.evolve(PROBE_TEST, least=5, accept=1.0)) == "good"
    assert sprt(Seen(5, 3)) == "bad"
    assert sprt(Seen(5, 3), attrs.evolve(PROBE_TEST, accept=10.0)) is None


def test_who_is_to_blame_follows_from_the_constants_of_attribution() -> None:
    """A job that had to be a million times as bad as the others is never the one to blame."""
    never = Variant("stands_out", 1e6, Constants(blame=attrs.evolve(BLAME, stands_out=1e6)))
    shipped, other = _trial(INCIDENTS[0], 101, [SHIPPED, never])
    assert (shipped["variant"], shipped["right_scope"]) == ("as shipped", 1.0)
    assert (other["seen"], other["right_scope"]) == (1.0, 0.0)


@pytest.mark.parametrize("number", [0, 1, 4])
def test_hosts_that_are_counted_once_for_many_tell_what_each_alone_would_see(number: int) -> None:
    incident = INCIDENTS[number]
    variants = [SHIPPED, *(one for one in rule_variants() if one.test is Kind.REPLY)]
    rows = {row["variant"]: row for row in _trial(incident, 103, variants)}
    story = watch(incident, draw(incident, 103))
    assert story.first is not None
    assert rows["as shipped"]["delay"] == story.minutes
    assert rows["as shipped"]["right_scope"] == matches(story.first, incident.right(draw(incident, 103)))
    for one in variants[1:3]:
        (alone,) = _trial(incident, 103, [one])
        assert alone == rows[one.label]


def test_differences_are_those_of_the_same_hosts() -> None:
    def row(label: str, seed: int, right: float, delay: int | None) -> dict[str, Any]:
        seen = float(delay is not None)
        return {"variant": label, "incident": "i", "seed": seed, "seen": seen, "right_scope": right, "delay": delay}

    label = next(iter(rule_variants())).label
    hosts = [
        row("as shipped", 1, 1.0, 4),
        row("as shipped", 2, 1.0, 8),
        row(label, 1, 0.0, 7),
        row(label, 2, 0.0, None),
    ]
    ordinary = [{"variant": label, "restrictions": 2, "agent_months": 0.4}] * 2
    shipped, other = summary(hosts, ordinary)
    assert (shipped["seen"], shipped["delay"], shipped["restrictions"]) == (1.0, 6.0, None)
    assert other["seen_more"]["mean"] == -0.5
    assert other["seen_more"]["half"] == pytest.approx(1.96 * math.sqrt(0.5) / math.sqrt(2))  # of 0 and −1
    assert other["right_scope_more"] == {"mean": -1.0, "half": 0.0}
    assert other["delay_more"] == {"mean": 3.0, "half": 0.0}  # the second host's was never seen
    assert (other["restrictions"], other["agent_months"]) == (4, pytest.approx(0.8))
    assert [line.count("|") for line in ablations.lines([shipped, other])] == [7] * 4
    assert math.isnan(mean([])["mean"])


def test_half_the_level_of_the_bounce_alarm_finds_a_shift_sooner_in_the_fixed_world() -> None:
    rows = {row["variant"]: row for row in on_fixed_alarms(DEFAULT, 0.01, 1) if row["per_hour"] == 450}
    shipped, half = rows["as shipped"]["delays"], rows["H of the bounce alarm × 0.5"]["delays"]
    assert len(rows) == 7
    assert all(half[number] < delay for number, delay in shipped.items())
    assert [line.count("|") for line in ablations.alarm_lines(list(rows.values()))] == [8] * 9


def test_no_rule_of_the_table_is_left_out_but_for_what_no_world_has() -> None:
    tests = {test for tests in OF_TESTS.values() for test in tests}
    assert {rule.test for rule in RULES} - tests == {Kind.REPORTED}

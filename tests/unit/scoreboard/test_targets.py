"""Targets: each can be met, each can be missed, and what was measured too little is left open."""

import copy
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from ignite_app.scoreboard import alarms, rate_control, targets
from ignite_app.scoreboard.twin.drive import OURS
from ignite_app.scoreboard.twin.scene import Incident, Kind, draw
from ignite_app.scoreboard.twin.stops import Stop, Stops, Switched, of_levers
from ignite_app.scoreboard.twin.world import Levers, World
from ignite_domain.isps import Isp


def rows(value: float) -> list[Mapping[str, Any]]:
    """Every figure of a volume's cells is `value`."""
    quiet = {"false_per_month": value, "agent_months": 1000}
    shifted = {"delay_mean": value, "missed": value}
    return [
        {"policy": alarms.OURS, "per_hour": volume, "weather": weather, **quiet, **shifted}
        for volume in alarms.VOLUMES
        for weather in (*alarms.QUIET, *alarms.SHIFTED)
    ]


def found(good: bool) -> dict[str, Any]:
    """What a run of everything finds that reaches everything, or nothing at all."""
    share = {"mean": 0.97 if good else 0.5, "half": 0.01}
    ours = {
        "policy": OURS,
        "share": share,
        "agent_months": 100.0,
        "false_per_month": 0.0 if good else 1.0,
        "stops_a_calm_day": 2 if good else 3,
        "stops_a_change": 2.0 if good else 2.5,
        "most_steps_an_hour": 14 if good else 15,
        "most_steps_a_day": 240 if good else 241,
        "suppressed_per_day": 0.0 if good else 0.1,
    }
    rates = [
        {
            **attrs.asdict(one),
            "value": one.limit + (0.0 if good else -0.1 if one.at_least else 0.1),
            "holds": good,
        }
        for one in rate_control.TARGETS
    ]
    incident = {"incident": "one bad job", "marked": True, "wrongly_suppressed": 0 if good else 1}
    return {
        "alarms": rows(0.0 if good else 2000.0),
        "rate_control": {"targets": rates},
        "incidents": [incident | dict.fromkeys(("seen", "right_scope"), 1.0 if good else 0.5)],
        "ordinary_days": {"restrictions": 0 if good else 20, "agent_months": 30.0},
        "one_bad_record": {"restrictions": 0 if good else 1},
        "twin": {
            "policies": [ours, {"policy": "A", "share": {"mean": 0.6, "half": None}}],
            "incidents": [
                {"policy": OURS, "kind": Kind.BAD_LIST.value, "incidents": 20, "covered": 0, "missed": 1 - good}
                | ({} if good else {"missed": 2}),
                {"policy": OURS, "kind": Kind.BUSY.value, "incidents": 20, "covered": 0, "missed": 20},
            ],
            "drives": [{"same": good, "reloads_a_minute": 1 if good else 2}],
        },
    }


@pytest.mark.parametrize("good", [True, False])
def test_every_target_can_be_met_and_can_be_missed(good: bool) -> None:
    marks = list(targets.of(found(good)))
    assert [mark["what"] for mark in marks if mark["holds"] is not good] == []
    assert len({mark["what"] for mark in marks}) == len(marks)


@pytest.mark.parametrize(
    "words",
    [
        *(f"alarms, {volume}/h, steady 2 %: false_per_month" for volume in (45, 450, 4500)),
        *(f"alarms, {volume}/h, to {share} %: {what}" for volume in (45, 450, 4500) for share in (8, 25) for what in
          ("delay_mean", "missed")),
        "one bad record",
        *(f"one bad job: {what}" for what in ("seen", "right_scope")),
        "rate control, moving: share",
        "rate control, moving: times_best_fixed",
        "rate control, moving: most_changes_in_an_hour",
        "rate control, moving: most_changes_in_a_day",
        "calm days: most often that one stop was entered or left",
        "entered or left for a change of the world",
        "rate steps of a provider in a clock hour",
        "rate steps of a provider in a day",
        "reloads of a host in a minute",
    ],
)  # fmt: skip
def test_what_has_to_be_reached_is_a_target(words: str) -> None:
    assert [mark["what"] for mark in targets.of(found(True)) if words in mark["what"]]


@pytest.mark.parametrize(
    ("months", "share", "holds"),
    [
        (1000, 0.05, True),
        (1000, 0.052, None),  # 52 for an expected 50
        (1000, 0.07, False),  # 70: more than three standard deviations
        (2, 0.5, None),  # one in two months: chance 0.095 where 0.1 are expected
        (2, 1.0, False),  # two: chance 0.005
    ],
)
def test_too_few_months_leave_a_rare_event_open(months: int, share: float, holds: bool | None) -> None:
    seen = copy.deepcopy(found(True))
    for cell in seen["alarms"]:
        cell |= {"false_per_month": share, "agent_months": months}
    (mark,) = [one for one in targets.of(seen) if one["what"] == "alarms, 45/h, steady 2 %: false_per_month"]
    assert mark["holds"] is holds


def test_a_shift_that_is_never_found_misses_its_delay() -> None:
    seen = copy.deepcopy(found(True))
    for cell in seen["alarms"]:
        cell |= {"delay_mean": None}
    (mark,) = [one for one in targets.of(seen) if one["what"] == "alarms, 45/h, to 8 %: delay_mean"]
    assert mark["holds"] is False


def test_a_stop_is_counted_when_it_comes_and_when_it_goes_and_its_reasons_are_what_happens_there() -> None:
    scene = attrs.evolve(
        draw(1, 600),
        moves_at=300,
        incidents=(
            Incident(Kind.CLOSED, 100, 150, 0.0, limiter=Isp.GMAIL),
            Incident(Kind.AUTH, 400, 700, 1.0),  # it ends after the day
            Incident(Kind.BAD_LIST, 200, 260, 0.3, job=1),
        ),
    )
    stops = Stops(World(scene))
    halted, paused, moved = Stop("emergency_halt", Isp.GMAIL), Stop("pause_job", None, job=1), Stop("backoff", Isp.COX)
    for holding in ([], [halted], [halted, paused], [paused], [halted, paused], [], [moved]):
        stops.look(holding)
    # gmail: its own incident, the list (both twice) and the authentication; cox: the latter two, and the move
    assert sorted(stops.found()) == [Switched(1, 4), Switched(2, 2), Switched(4, 5)]


def test_what_stands_still_is_a_stop_of_a_policy_that_decides_nothing() -> None:
    levers = Levers(rates={(Isp.COX, 0): 1.0}, paused={(Isp.GMAIL, 2)}, jobs={1})
    assert of_levers(levers) == {Stop("pause", Isp.GMAIL, ip=2), Stop("pause", None, job=1)}

"""The rate controller in its fixed world: the targets hold on a few days, and the table is whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from ignite_app.scoreboard import rate_control
from ignite_app.scoreboard.rate_control import CLIFF, COLUMNS, MOVING, NOISY, OURS, TARGETS, VARIED, ablated, run
from ignite_domain.errors import BadInput
from ignite_domain.governance.rates import RateRules

WORLDS = Path(__file__).parents[2] / "fixtures" / "generators"


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return run(WORLDS, days=6)


def cell(table: dict[str, Any], world: str, policy: str = OURS) -> dict[str, Any]:
    return next(row for row in table["rows"] if (row["world"], row["policy"]) == (world, policy))


def test_every_target_holds_on_six_days(table: dict[str, Any]) -> None:
    assert [mark for mark in table["targets"] if not mark["holds"]] == []
    assert len(table["targets"]) == len(TARGETS)


@pytest.mark.parametrize(("world", "share"), [("moving", 0.83), ("reputation-cliff", 0.83), ("token-bucket", 0.93)])
def test_the_share_holds_with_room_for_the_noise_of_six_days(table: dict[str, Any], world: str, share: float) -> None:
    assert cell(table, world)["share"]["mean"] >= share


def test_the_comparators_come_out_as_the_worlds_own_page_says(table: dict[str, Any]) -> None:
    """The published means of 60 days, with three times the page's half-widths: √10 for 6 days."""
    assert cell(table, "moving", "oracle on rungs")["share"]["mean"] == pytest.approx(0.919, abs=0.003)
    assert cell(table, "moving", "fixed 28/min")["share"]["mean"] == pytest.approx(0.31, abs=0.06)
    assert cell(table, "token-bucket", "backoff until a delivery")["share"]["mean"] == pytest.approx(0.97, abs=0.06)


def test_the_table_is_json_and_has_every_world_and_policy(table: dict[str, Any]) -> None:
    assert json.loads(json.dumps(table)) == table
    policies = {row["policy"] for row in table["rows"]}
    assert {(row["world"], row["policy"]) for row in table["rows"]} == {
        (column.name, policy) for column in COLUMNS for policy in policies
    }
    assert len(policies) == 8  # oracle, six comparators, ours
    assert table["ablations"] == []


def test_other_seeds_are_other_days() -> None:
    one, two = (run(WORLDS, days=1, first_seed=seed, columns=[MOVING]) for seed in (1, 2))
    assert cell(one, "moving")["share"] != cell(two, "moving")["share"]


def test_what_memory_and_patience_are_good_for(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: rules for name, rules in ablated().items() if name in ("no memory", "no patience")}
    monkeypatch.setattr(rate_control, "ablated", lambda: few)
    rows = run(WORLDS, days=2, ablations=True, columns=[])["ablations"]
    found = {(row["world"], row["policy"]): row for row in rows}
    for column in (MOVING, CLIFF):
        ours, without = found[column.name, OURS], found[column.name, "no memory"]
        assert without["changes"]["mean"] > 1.2 * ours["changes"]["mean"]
        assert without["refused_per_accepted"]["mean"] > 1.1 * ours["refused_per_accepted"]["mean"]
    ours, without = found[NOISY.name, OURS], found[NOISY.name, "no patience"]
    assert ours["share"]["mean"] > 1.5 * without["share"]["mean"]


def test_each_varied_constant_is_changed_both_ways_and_nothing_else_is() -> None:
    variants, ours = ablated(), RateRules()
    assert len(variants) == 3 + 2 * len(VARIED)
    for name in VARIED:
        values = [getattr(rules, name) for label, rules in variants.items() if label.startswith(f"{name} ")]
        assert min(values) < getattr(ours, name) < max(values)


def test_no_days_are_refused() -> None:
    with pytest.raises(BadInput, match="days"):
        run(WORLDS, days=0)


def test_a_folder_without_the_world_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"rate_control\.py"):
        run(tmp_path, days=1)

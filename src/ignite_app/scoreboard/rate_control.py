"""The rate controller in the fixed world of rate control, beside the rules that others use.

Decides nothing: it plays days and adds up. A policy sees only what the world shows; the comparators are those of
the world's own check script.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import attrs

from ignite_app.scoreboard.worlds import load
from ignite_domain.errors import BadInput
from ignite_domain.governance.rates import MinuteFacts, RateControl, RateMemory, RateRules

OURS: Final = "IGNITE: AIMD with memory"
NO_MEMORY: Final = "no memory"


class Column(NamedTuple):
    """One world of the table: a scenario, and the share refused for reasons of nobody's."""

    name: str
    scenario: str
    unrelated: float = 0.003


MOVING: Final = Column("moving", "moving-capacity")
QUIET: Final = Column("moving, no unrelated refusals", "moving-capacity", 0.0)
NOISY: Final = Column("moving, 2 % unrelated refusals", "moving-capacity", 0.02)
LOUD: Final = Column("moving, 5 % unrelated refusals", "moving-capacity", 0.05)
BUCKET: Final = Column("token-bucket", "token-bucket")
CLIFF: Final = Column("reputation-cliff", "reputation-cliff")
COLUMNS: Final = (
    *(MOVING, QUIET, BUCKET, Column("daily-quota", "daily-quota"), CLIFF, Column("adversarial", "adversarial")),
    *(NOISY, LOUD),
)
ABLATED_IN: Final = (MOVING, BUCKET, CLIFF, NOISY)

VARIED: Final = (
    *("up", "alarm", "factor_nothing", "slack", "estimate_attempts", "estimate_minutes", "dwell", "pace"),
    *("refusal_limit", "doubt", "evidence_minutes", "evidence_least", "patience", "tolerated"),
    *("used_share", "near", "fast", "cross"),
)
"""Constants that the fixed world can move: it names no rate limit, states no wait, and its ladder ends at the floor."""


class Policy:
    """The controller as the world wants its policies: an object with `rung`. One for each day."""

    def __init__(self, rules: RateRules) -> None:
        self._control, self._memory = RateControl(rules), RateMemory()

    def rung(self, seen: Any) -> int:
        """The rung for the minute after next. `seen` is the world's Observation."""
        facts = MinuteFacts(seen.minute, seen.rung, seen.next_rung, seen.accepted, seen.refused)
        self._memory, rung, _ = self._control.step(self._memory, facts)
        return rung


def mean(values: Sequence[float]) -> dict[str, float]:
    """Mean and half-width of its 95 % interval (normal); half-width 0 for a single value."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "half": 1.96 * spread / math.sqrt(len(values))}


def _play(world: ModuleType, make: Callable[[], Any], column: Column, seeds: Sequence[int]) -> dict[str, Any]:
    receiver = world.Receiver(unrelated_refusals=column.unrelated)
    days = [world.run(make(), seed=seed, scenario=column.scenario, receiver=receiver) for seed in seeds]
    measures = ("share", "lever_share", "refused_per_accepted", "blocks", "changes")
    return {
        **{name: mean([day[name] for day in days]) for name in measures},
        "most_changes_in_an_hour": max(day["max_changes_per_hour"] for day in days),
        "most_changes_in_a_day": max(day["changes"] for day in days),
    }


def _rows(world: ModuleType, columns: Sequence[Column], policies: Mapping[str, Any], seeds: Sequence[int]) -> list[Any]:
    rows: list[Any] = []
    for column in columns:
        for name, make in policies.items():
            row = _play(world, make, column, seeds)
            if not rows or rows[-1]["world"] != column.name:
                rows.append({"world": column.name, "policy": "oracle on rungs", "share": row["lever_share"]})
            del row["lever_share"]
            rows.append({"world": column.name, "policy": name, **row})
    return rows


def _ours(rules: RateRules) -> Callable[[], Policy]:
    return lambda: Policy(rules)


def ablated() -> dict[str, RateRules]:
    """The rules without memory, with the plain cut, without patience, and with each constant × 0.5 and × 1.5.

    Whole numbers are rounded, at least 1; shares stay at most 1.
    """
    rules = RateRules()
    found = {
        NO_MEMORY: attrs.evolve(rules, memory=False),
        "cut × 0.7": attrs.evolve(rules, cut_to_accepted=False),
        "no patience": attrs.evolve(rules, patience=10**9),
    }
    for name in VARIED:
        for factor in (0.5, 1.5):
            value = getattr(rules, name)
            other = max(1, math.floor(value * factor + 0.5)) if isinstance(value, int) else value * factor
            changed: dict[str, Any] = {name: min(1.0, other) if name == "used_share" else other}
            found[f"{name} {value:g} → {changed[name]:g}"] = attrs.evolve(rules, **changed)
    return found


@attrs.frozen
class Target:
    """A figure to reach, in one world: `measure` at least or at most `limit`."""

    world: str
    measure: str
    limit: float
    at_least: bool = False


TARGETS: Final = (
    Target(MOVING.name, "share", 0.80, at_least=True),
    Target(MOVING.name, "refused_per_accepted", 0.03),
    Target(MOVING.name, "blocks", 0.5),
    Target(CLIFF.name, "share", 0.80, at_least=True),
    Target(CLIFF.name, "blocks", 0),
    Target(BUCKET.name, "share", 0.90, at_least=True),
    Target(MOVING.name, "times_best_fixed", 1.6, at_least=True),
    Target(QUIET.name, "times_best_fixed", 1.6, at_least=True),
    *(Target(column.name, "most_changes_in_an_hour", 14) for column in COLUMNS),
    *(Target(column.name, "most_changes_in_a_day", 240) for column in COLUMNS),
)
"""The targets of the worlds' own page, for at least 60 days; changes of the rate in every world."""


def _marks(rows: Sequence[Mapping[str, Any]], fixed: Sequence[str]) -> list[dict[str, Any]]:
    cells = {(row["world"], row["policy"]): row for row in rows}
    marks = []
    for target in TARGETS:
        if (ours := cells.get((target.world, OURS))) is None:
            continue
        if target.measure == "times_best_fixed":
            value = ours["share"]["mean"] / max(cells[target.world, name]["share"]["mean"] for name in fixed)
        else:
            figure = ours[target.measure]
            value = figure["mean"] if isinstance(figure, dict) else figure
        holds = value >= target.limit if target.at_least else value <= target.limit
        marks.append({**attrs.asdict(target), "value": value, "holds": holds})
    return marks


def run(
    worlds: Path,
    days: int,
    first_seed: int = 1,
    *,
    ablations: bool = False,
    columns: Sequence[Column] = COLUMNS,
) -> dict[str, Any]:
    """Play `days` days a world and policy (seeds first_seed, first_seed + 1, …) and return the table, JSON-able.

    `rows`: world, policy, and {mean, half} of share (accepted / what an all-knowing sender gets),
    refused_per_accepted, blocks and changes a day, and the most changes in a clock hour and a day. The same
    seeds for every policy. `targets`: each with its value and whether it holds; meant for at least 60 days.
    `ablations`: rows of the same shape in four worlds, one for each changed constant (else empty). `columns` leaves
    worlds out, and their targets. 60 days take about a minute on one idle core, the ablations five more.
    BadInput: no days, no worlds, no numpy.
    """
    if days < 1:
        raise BadInput(f"days: at least 1, not {days}")
    world, comparators = load(worlds, "rate_control"), load(worlds, "check_rate_control").COMPARATORS
    seeds = range(first_seed, first_seed + days)
    rows = _rows(world, columns, {**comparators, OURS: _ours(RateRules())}, seeds)
    changed: list[Any] = []
    if ablations:
        policies = {OURS: _ours(RateRules())} | {name: _ours(rules) for name, rules in ablated().items()}
        changed = _rows(world, ABLATED_IN, policies, seeds)
    return {
        "days": days,
        "first_seed": first_seed,
        "rows": rows,
        "targets": _marks(rows, list(comparators)),
        "ablations": changed,
    }

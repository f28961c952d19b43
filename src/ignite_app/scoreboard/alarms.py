"""The alarms of the emergency agent in the fixed world of rate alarms, beside the rules in use elsewhere.

Decides what is measured: false halts in 30 days (with the one-sided 95 % bound) while nothing is wrong, and the
delay in messages after the share of dead addresses has risen. The walk is the product's own (`streams.Walk` on
`alarms.level_of`); the comparators are the world's.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_app.scoreboard.worlds import load
from ignite_domain.governance.alarms import Cusum, level_of
from ignite_domain.governance.walks import Walk
from ignite_domain.governance.words import Signal

VOLUMES: Final = (45, 450, 4_500)
"""Messages an hour: 10 % under the size of a row of the table."""
MONTHS: Final = {45: 800, 450: 200, 4_500: 60}
SHIFTS: Final = 400
HOURS_AFTER: Final = {45: 150, 450: 15, 4_500: 3}
"""A shift found later than this is a miss."""
QUIET: Final[dict[str, dict[str, float]]] = {
    "steady 2 %": {"base": 0.02},
    "over-dispersed 2 %": {"base": 0.02, "overdispersion": 0.004},
    "steady 3 %": {"base": 0.03},
}
SHIFTED: Final = {"to 8 %": 0.08, "to 25 %": 0.25}
DELAY_SEEDS: Final = 5_000
OURS: Final = "ours: lattice CUSUM"


@attrs.define
class BounceAlarm:
    """The product's walk as a detector of the world, in both of its forms; on the level that `per_hour` picks, or
    another one."""

    per_hour: int
    level: Cusum = attrs.field(
        default=attrs.Factory(lambda self: level_of(Signal.BOUNCE, self.per_hour * 720), takes_self=True)
    )
    _walk: Walk = attrs.field(init=False)
    _quiet: int = attrs.field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._walk = Walk(self.level)
        self._quiet = 0

    def update(self, time_h: float, is_event: bool) -> bool:
        """One message."""
        if is_event:
            return self._walk.up(self._quiet)
        self._quiet += 1
        return False

    def positions(self, sample: Any) -> list[int]:
        """All alarms of a sample, from event to event."""
        raised: list[int] = []
        walk, first = self._walk, 0  # first: the message after the last alarm
        events = 0
        for position in sample.events.tolist():
            reached = walk.up(position - first - events)
            events += 1
            if reached:
                raised.append(position)
                first, events = position + 1, 0
                walk.reset(0)
        return raised


def cells(
    worlds: Path, scale: float, first_seed: int = 1, volumes: Sequence[int] = VOLUMES
) -> Iterator[dict[str, Any]]:
    """Measure, one cell (volume, policy, weather) at a time. `scale` multiplies months and shifts."""
    world, maths = load(worlds, "alarms"), load(worlds, "montecarlo")
    for per_hour in volumes:
        makers: dict[str, Callable[[], Any]] = {
            OURS: lambda per_hour=per_hour: BounceAlarm(per_hour),  # type: ignore[misc]
            "raw > 5 %, min 0": lambda: world.RawRatio(0),
            "raw > 5 %, min 100": lambda: world.RawRatio(100),
            "Wilson z = 3.09 > 5 %": world.WilsonBound,
            "≥ 5 events in 1 h": world.CountInWindow,
        }
        months = max(2, round(MONTHS[per_hour] * scale))
        for weather, base in QUIET.items():
            yield from _false(world, maths, makers, per_hour, weather, base, months, first_seed)
        for weather, rate in SHIFTED.items():
            yield from _delays(
                world, maths, makers, per_hour, weather, rate, max(10, round(SHIFTS * scale)), first_seed
            )


def _false(
    world: Any,
    maths: Any,
    makers: dict[str, Callable[[], Any]],
    per_hour: int,
    weather: str,
    base: dict[str, float],
    months: int,
    first_seed: int,
) -> Iterator[dict[str, Any]]:
    found = dict.fromkeys(makers, 0)
    for seed in range(first_seed, first_seed + months):
        drawn = world.sample(seed, per_hour=per_hour, hours=world.HOURS_PER_MONTH, **base)
        for name, make in makers.items():
            found[name] += world.score(world.alarms(make(), drawn), drawn)["false_alarms"]
    for name, total in found.items():
        yield {
            "per_hour": per_hour,
            "policy": name,
            "weather": weather,
            "false_per_month": total / months,
            "upper95": maths.count_upper95(total, months) if total <= 200 else None,
            "agent_months": months,
        }


def shifted(world: Any, per_hour: int, rate: float, first_seed: int, number: int) -> Any:
    """The sample of one shift: its share of dead addresses rises to `rate` after three to eleven hours."""
    hour = 3 + number % 9
    return world.sample(
        first_seed + DELAY_SEEDS + number,
        per_hour=per_hour,
        hours=hour + 1 + HOURS_AFTER[per_hour],
        shift_to=rate,
        shift_at=hour + 1 / 3,
    )


def _delays(
    world: Any,
    maths: Any,
    makers: dict[str, Callable[[], Any]],
    per_hour: int,
    weather: str,
    rate: float,
    shifts: int,
    first_seed: int,
) -> Iterator[dict[str, Any]]:
    found: dict[str, list[int]] = {name: [] for name in makers}
    for number in range(shifts):
        drawn = shifted(world, per_hour, rate, first_seed, number)
        for name, make in makers.items():
            delay = world.score(world.alarms(make(), drawn), drawn)["delay"]
            if delay is not None:
                found[name].append(delay)
    for name, delays in found.items():
        mean, half = maths.mean_ci(delays) if len(delays) > 1 else (None, None)
        yield {
            "per_hour": per_hour,
            "policy": name,
            "weather": weather,
            "delay_mean": mean,
            "delay_pm": half,
            "delay_p90": sorted(delays)[int(0.9 * (len(delays) - 1))] if delays else None,
            "missed": 1 - len(delays) / shifts,
            "shifts": shifts,
        }


def table(measured: Sequence[dict[str, Any]]) -> list[str]:
    """The cells as a Markdown table a volume."""
    lines: list[str] = []
    heads = [*QUIET, *SHIFTED]
    for per_hour in sorted({cell["per_hour"] for cell in measured}):
        here = [cell for cell in measured if cell["per_hour"] == per_hour]
        lines += [
            "",
            f"{per_hour:,} messages an hour",
            "",
            f"| rule | {' | '.join(heads)} |",
            "|---" * (len(heads) + 1) + "|",
        ]
        for policy in dict.fromkeys(cell["policy"] for cell in here):
            row = {cell["weather"]: _cell(cell) for cell in here if cell["policy"] == policy}
            lines.append(f"| {policy} | {' | '.join(row.get(head, '') for head in heads)} |")
    return lines


def _cell(cell: dict[str, Any]) -> str:
    if "false_per_month" in cell:
        bound = f" (≤ {cell['upper95']:.3f})" if cell["upper95"] is not None else ""
        return f"{cell['false_per_month']:.3f}{bound}"
    missed = f", missed {100 * cell['missed']:.0f} %" if cell["missed"] else ""
    if cell["delay_mean"] is None:
        return f"–{missed}"
    return f"{cell['delay_mean']:.0f} ± {cell['delay_pm']:.0f} (p90 {cell['delay_p90']}){missed}"

"""After a closed door: how long a policy needs until a provider is sent what it was sent before.

Decides one experiment: a provider of steady demand and ample capacity that forgets at once takes nothing for a while,
then everything again. Beside the shipped controller stand what-ifs of it that do not ship.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ignite_app.scoreboard.twin.drive import OURS, POLICIES, Maker
from ignite_app.scoreboard.twin.limiters import Busy
from ignite_app.scoreboard.twin.policies import Policy
from ignite_app.scoreboard.twin.product import Ablation, Product
from ignite_app.scoreboard.twin.scene import BRANDS, IPS, JOBS, Incident, Kind, Scene, draw
from ignite_app.scoreboard.twin.world import BASE, Levers, World
from ignite_domain.governance.rates import RateRules
from ignite_domain.isps import Isp

AT: Final = 120
MINUTES: Final = 720
VOLUMES: Final = (6, 24, 60)
"""Messages a minute."""
CLOSED_FOR: Final = (15, 60)
WHAT_IFS: Final[Mapping[str, Maker]] = {
    "what if: a rung at a time": lambda world: _with(RateRules(fast=1.0)),
    "what if: every 3 minutes": lambda world: _with(RateRules(pace=3)),
}


def _with(rules: RateRules) -> Policy:
    return Product(Ablation(control=rules))


def scene_of(seed: int, per_minute: int, closed_for: int) -> Scene:
    """One provider's steady day; the others have no mail."""
    scene = draw(seed, MINUTES)
    even = [[_even(per_minute, minute, job) for minute in range(MINUTES)] for job in range(len(JOBS))]
    none = [[0] * MINUTES for _ in JOBS]
    return attrs.evolve(
        scene,
        demand={brand: even if brand is Isp.GMAIL else none for brand in BRANDS},
        incidents=(Incident(Kind.CLOSED, AT, AT + closed_for, 0.0, limiter=Isp.GMAIL),),
        noisy=(Isp.COX, 0, 0, 0.0),
        moves_at=None,
        stalls=(0, 0),
    )


def _even(per_minute: int, minute: int, job: int) -> int:
    parts = len(JOBS)
    return (minute * parts + job + 1) * per_minute // parts - (minute * parts + job) * per_minute // parts


def measure(seed: int, per_minute: int, closed_for: int) -> list[dict[str, Any]]:
    """One row a policy: minutes from the reopening until nine tenths may be sent and until nothing waits any more, and
    message-hours of waiting in all."""
    scene = scene_of(seed, per_minute, closed_for)
    rows = []
    for name, make in {**POLICIES, **WHAT_IFS}.items():
        world = World(scene)
        world.limiters[Isp.GMAIL] = Busy([per_minute * 10.0] * MINUTES)
        policy = make(world)
        levers, opened = Levers(), AT + closed_for
        allowed: int | None = None
        cleared: int | None = None
        for minute in range(MINUTES):
            found = world.step(minute, levers)
            levers = policy.look(minute, found)
            if minute < opened:
                continue
            need = 0.9 * min(per_minute, BASE * len(IPS))
            if levers.permitted(Isp.GMAIL) < need:
                allowed = None
            elif allowed is None:
                allowed = minute - opened
            if cleared is None and minute > opened and world.waiting() <= 2 * per_minute:
                cleared = minute - opened
        rows.append(
            {
                "seed": seed,
                "policy": name,
                "per_minute": per_minute,
                "closed_for": closed_for,
                "allowed": allowed,
                "cleared": cleared,
                "waited_h": world.sums.waited / 60,
                "refused": world.sums.refused,
            }
        )
    return rows


def run(seeds: Sequence[int]) -> list[dict[str, Any]]:
    return [row for seed in seeds for volume in VOLUMES for lasts in CLOSED_FOR for row in measure(seed, volume, lasts)]


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Means over seeds: minutes until 0.9 may be sent / until nothing waits, and message-hours waited."""
    heads = list(dict.fromkeys((row["per_minute"], row["closed_for"]) for row in rows))
    lines = [
        "| policy | " + " | ".join(f"{volume}/min, {lasts} min" for volume, lasts in heads) + " |",
        "|---" * (len(heads) + 1) + "|",
    ]
    for name in dict.fromkeys(row["policy"] for row in rows):
        cells = []
        for head in heads:
            here = [row for row in rows if row["policy"] == name and (row["per_minute"], row["closed_for"]) == head]
            times = [_mean([row[what] for row in here]) for what in ("allowed", "cleared")]
            waited = sum(row["waited_h"] for row in here) / len(here)
            cells.append(
                f"{times[0]} / {times[1]}, {waited:,.0f} h, {sum(row['refused'] for row in here) // len(here)}"
            )
        lines.append(f"| {'**' + name + '**' if name == OURS else name} | {' | '.join(cells)} |")
    return lines


def _mean(values: Sequence[int | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.0f}" if len(known) == len(values) else "never"

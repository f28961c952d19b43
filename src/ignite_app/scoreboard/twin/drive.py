"""One policy's day, and many policies' days on the same seeds.

Decides the order within a minute: the world plays it under the levers in force, the policy hears what the feed had,
its answer is in force from the next minute on. A stalled feed keeps rows back; they come together, late.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from ignite_app.scoreboard.twin.judge import Judge
from ignite_app.scoreboard.twin.policies import RIVALS, Oracle, Policy
from ignite_app.scoreboard.twin.product import ABLATIONS, STRUCTURAL, Decided, Product
from ignite_app.scoreboard.twin.scene import BRANDS, DAY, Scene, calm, draw
from ignite_app.scoreboard.twin.stops import Stops, of_decisions, of_levers
from ignite_app.scoreboard.twin.world import Levers, Row, World

OURS: Final = "E ours"
NOTHING: Final = "nothing"
ORACLE: Final = "O oracle"
Maker = Callable[[World], Policy]
POLICIES: Final[Mapping[str, Maker]] = {
    **{name: make for name, make in RIVALS.items() if name != ORACLE},
    OURS: lambda world: Product(),
    ORACLE: Oracle,
}


@runtime_checkable
class Deciding(Protocol):
    """A policy whose stops are decisions; those of others are read from their levers."""

    @property
    def decided(self) -> Decided:
        """What was decided."""


def play(
    scene: Scene, make: Maker, watch: Callable[[int, Sequence[Row], Levers], None] | None = None
) -> dict[str, Any]:
    """One policy's day; returns JSON-able sums. `watch` hears each minute's rows and the levers that follow."""
    world = World(scene)
    policy, judge, stops = make(world), Judge(scene, world), Stops(world)
    levers, unread, suppressed = Levers(), list[Row](), 0
    if isinstance(policy, Oracle):
        levers = policy.look(-1, ())
    for minute in range(scene.minutes):
        rows = world.step(minute, levers)
        suppressed += sum(policy.wrongly_suppresses(row) for row in rows if row.why is not None)
        unread += rows
        late = scene.stalls[0] <= minute < scene.stalls[1]
        new = policy.look(minute, [] if late else unread)
        if not late:
            unread = []
        judge.look(minute, rows, levers, new)
        stops.look(of_decisions(policy.decided.standing.values()) if isinstance(policy, Deciding) else of_levers(new))
        if watch:
            watch(minute, rows, new)
        levers = new
    sums, verdict = world.sums, judge.verdict
    return {
        "good": {brand.value: count for brand, count in sums.good.items()},
        "accepted": sums.accepted,
        "refused": sums.refused,
        "lost": sums.lost,
        "waited": sums.waited,
        "bad_sent": sums.bad_sent,
        "left": world.waiting(),
        "blocks": sum(world.limiters[brand].blocks for brand in BRANDS),
        "suppressed": suppressed,
        "minutes": scene.minutes,
        **{name: getattr(verdict, name) for name in ("actions", "false", "steps", "reloads", "flaps")},
        **{name: getattr(verdict, name) for name in ("steps_an_hour", "steps_a_day")},
        "stops": stops.found(),
        "incidents": [
            {
                "kind": one.kind,
                "delay": one.delay,
                "bad": one.bad,
                "recovery": one.recovery if one.restricted else None,
                "covered": one.covered,
            }
            for one in verdict.found
        ],
    }


def days(seeds: Sequence[int], minutes: int = DAY) -> list[dict[str, Any]]:
    """Every policy's day of every seed: {"seed", "policy", …}."""
    return _played(POLICIES, [(seed, draw(seed, minutes)) for seed in seeds])


def calm_days(seeds: Sequence[int], minutes: int = DAY) -> list[dict[str, Any]]:
    """The same on days on which nothing is wrong: whatever is restricted there is a false action."""
    makers = {name: make for name, make in POLICIES.items() if name not in (NOTHING, ORACLE)}
    return _played(makers, [(seed, calm(seed, minutes)) for seed in seeds])


def ablated_days(seeds: Sequence[int], minutes: int = DAY) -> list[dict[str, Any]]:
    """Ours with one thing taken away or changed at a time, beside ours and the oracle."""
    makers = {OURS: POLICIES[OURS], **{name: _ablated(name) for name in ABLATIONS}, ORACLE: POLICIES[ORACLE]}
    return _played(makers, [(seed, draw(seed, minutes)) for seed in seeds])


def calm_ablated_days(seeds: Sequence[int], minutes: int = DAY) -> list[dict[str, Any]]:
    """Those that take something away, on days on which nothing is wrong: what finds nothing there needs no way back."""
    makers = {OURS: POLICIES[OURS], **{name: _ablated(name) for name in STRUCTURAL}}
    return _played(makers, [(seed, calm(seed, minutes)) for seed in seeds])


def _played(makers: Mapping[str, Maker], scenes: Sequence[tuple[int, Scene]]) -> list[dict[str, Any]]:
    return [
        {"seed": seed, "policy": name, **play(scene, make)} for seed, scene in scenes for name, make in makers.items()
    ]


def _ablated(name: str) -> Maker:
    return lambda world: Product(ABLATIONS[name])

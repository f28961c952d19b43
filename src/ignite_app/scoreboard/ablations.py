"""What each constant of deciding does: it × 0.5 and × 1.5, on the same hosts as the shipped ones.

Decides where a constant is measured: those of the rule table, of attribution and of the alarms on the hosts of
`incidents` and on their ordinary days, those of the bounce alarm in the fixed world as well; probes and dwell have days
of the twin (`twin.drive`). Differences are by pairs: the same host or shift under both; ± is 1.96 standard errors of
their mean, and it knows nothing of hosts that were not drawn. On hosts of an incident nobody looks before it begins:
what is found without reason is counted on the ordinary days.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_app.scoreboard import alarms
from ignite_app.scoreboard.constants import (
    SHIPPED,
    Variant,
    alarm_variants,
    blame_variants,
    rule_variants,
)
from ignite_app.scoreboard.incidents import (
    INCIDENT_MINUTES,
    INCIDENTS,
    RESTRICTING,
    START,
    Incident,
    Looking,
    counting,
    draw,
    matches,
    minutes,
)
from ignite_app.scoreboard.worlds import load
from ignite_domain.governance.alarms import level_of, tuned
from ignite_domain.governance.rules import Test
from ignite_domain.governance.words import Signal

LONGEST: Final = 60
LONGEST_OF_COMPLAINTS: Final = 300
"""Minutes after which an incident that nobody noticed is missed."""
NOTICED_BY: Final[Mapping[Signal, Sequence[str]]] = {
    Signal.BOUNCE: ("one bad job", "one bad job at a steered brand"),
    Signal.DEFERRAL: ("a provider defers", "a stated rate limit"),
    Signal.REFUSAL: ("one bad address", "a provider blocks all addresses"),
    Signal.COMPLAINT: ("complaints about a job",),
}
"""The incidents that an alarm can be the first to notice."""
WEATHERS: Final = ("steady 2 %", "over-dispersed 2 %")
VOLUMES: Final[Mapping[int, float]] = {450: 0.2, 4_500: 0.2}
"""Messages an hour, and the part of `alarms`' months and shifts that are played for a full run."""


def marked() -> list[int]:
    """The incidents that have targets."""
    return [number for number, one in enumerate(INCIDENTS) if one.marked]


def on_hosts(number: int, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """What became of an incident on each host under each variant that can make a difference to it."""
    incident = INCIDENTS[number]
    late = incident.annoys is not None
    together = [SHIPPED, *(one for one in (*rule_variants(), *blame_variants()) if not late or _hears_complaints(one))]
    alone = [one for one in alarm_variants() if one.signal and incident.name in NOTICED_BY[one.signal]]
    rows = []
    for seed in seeds:
        rows += _trial(incident, seed, together)
        for one in alone:
            with tuned(one.constants.tunings):
                rows += _trial(incident, seed, [one])
    return rows


def _hears_complaints(one: Variant) -> bool:
    return one.test is Test.CUSUM or one.name in ("stands_out", "comparable")


def _trial(incident: Incident, seed: int, variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """One host's mail, counted once, looked at by every variant until it has restricted something."""
    scene, signals = draw(incident, seed), counting()
    open_ = {one.label: Looking(signals, one.constants) for one in variants}
    rows = []
    last = LONGEST if incident.annoys is None else LONGEST_OF_COMPLAINTS
    for minute, outcomes in enumerate(minutes(incident, scene)):
        signals.observe(outcomes)
        passed = minute + 1 - scene.begins
        if passed <= 0:
            continue
        if passed > last or not open_:
            break
        for label, looking in list(open_.items()):
            new = looking.look(START + timedelta(minutes=minute + 1))
            first = next((one for one in new if one.action in RESTRICTING), None)
            if first is not None:
                del open_[label]
                right = matches(first, incident.right(scene))
                rows.append(_row(label, incident, seed, seen=True, right=right, delay=passed))
    return rows + [_row(label, incident, seed, seen=False, right=False, delay=None) for label in open_]


def _row(label: str, incident: Incident, seed: int, *, seen: bool, right: bool, delay: int | None) -> dict[str, Any]:
    return {
        "variant": label,
        "incident": incident.name,
        "seed": seed,
        "seen": float(seen),
        "right_scope": float(right),
        "delay": delay,
    }


def on_ordinary_days(seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Restrictions where nothing is wrong, under each variant that could find something there."""
    rows = []
    for seed in seeds:
        rows += _ordinary(seed, [one for one in rule_variants() if any(one.changed.values())])
        for one in alarm_variants():
            with tuned(one.constants.tunings):
                rows += _ordinary(seed, [one])
    return rows


def _ordinary(seed: int, variants: Sequence[Variant]) -> list[dict[str, Any]]:
    scene, signals = draw(INCIDENTS[0], seed), counting()
    looking = {one.label: Looking(signals, attrs.evolve(one.constants, rules=one.changed)) for one in variants}
    found = dict.fromkeys(looking, 0)
    for minute, outcomes in enumerate(minutes(None, scene)):
        signals.observe(outcomes)
        for label, one in looking.items():
            found[label] += sum(new.action in RESTRICTING for new in one.look(START + timedelta(minutes=minute + 1)))
    months = 48 * (scene.begins + INCIDENT_MINUTES) / (30 * 1440)
    return [{"variant": label, "restrictions": many, "agent_months": months} for label, many in found.items()]


def on_fixed_alarms(worlds: Path, scale: float, first_seed: int) -> list[dict[str, Any]]:
    """The bounce alarm's constants in the fixed world of alarms, by the same samples: false halts and delay."""
    world = load(worlds, "alarms")
    variants = [SHIPPED, *(one for one in alarm_variants() if one.signal is Signal.BOUNCE)]
    rows = []
    for per_hour, part in VOLUMES.items():
        makers = {one.label: _maker(one, per_hour) for one in variants}
        months = max(2, round(alarms.MONTHS[per_hour] * part * scale))
        halts = {(label, weather): 0 for label in makers for weather in WEATHERS}
        delays: dict[str, dict[int, int]] = {label: {} for label in makers}
        for seed in range(first_seed, first_seed + months):
            for weather in WEATHERS:
                drawn = world.sample(seed, per_hour=per_hour, hours=world.HOURS_PER_MONTH, **alarms.QUIET[weather])
                for label, make in makers.items():
                    halts[label, weather] += world.score(world.alarms(make(), drawn), drawn)["false_alarms"]
        shifts = max(10, round(alarms.SHIFTS * part * scale))
        for number in range(shifts):
            drawn = alarms.shifted(world, per_hour, alarms.SHIFTED["to 8 %"], first_seed, number)
            for label, make in makers.items():
                delay = world.score(world.alarms(make(), drawn), drawn)["delay"]
                if delay is not None:
                    delays[label][number] = delay
        rows += [
            {
                "variant": label,
                "per_hour": per_hour,
                "months": months,
                **{weather: halts[label, weather] / months for weather in WEATHERS},
                "shifts": shifts,
                "delays": delays[label],
            }
            for label in makers
        ]
    return rows


def _maker(one: Variant, per_hour: int) -> Callable[[], Any]:
    with tuned(one.constants.tunings):
        level = level_of(Signal.BOUNCE, per_hour * 720)
    return lambda: alarms.BounceAlarm(per_hour, level)


# -- tables


def summary(hosts: Sequence[Mapping[str, Any]], ordinary: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a variant: shares and delay on the hosts that it was tried on, each with the difference that it makes to
    the shipped one there ({mean, half}), and restrictions per agent-month on ordinary days."""
    base = {(row["incident"], row["seed"]): row for row in hosts if row["variant"] == SHIPPED.label}
    rows = []
    labels = [SHIPPED.label, *(one.label for one in (*rule_variants(), *blame_variants(), *alarm_variants()))]
    for label in labels:
        own = [row for row in hosts if row["variant"] == label]
        if not own:
            continue
        pairs = [(row, base[row["incident"], row["seed"]]) for row in own]
        days = [row for row in ordinary if row["variant"] == label]
        both = [(one["delay"], other["delay"]) for one, other in pairs if None not in (one["delay"], other["delay"])]
        rows.append(
            {
                "variant": label,
                "hosts": len(own),
                "seen": statistics.fmean(row["seen"] for row in own),
                "right_scope": statistics.fmean(row["right_scope"] for row in own),
                "delay": statistics.fmean(row["delay"] for row in own if row["delay"] is not None),
                **{
                    f"{name}_more": mean([one[name] - other[name] for one, other in pairs])
                    for name in ("seen", "right_scope")
                },
                "delay_more": mean([one - other for one, other in both]),
                "restrictions": sum(row["restrictions"] for row in days) if days else None,
                "agent_months": sum(row["agent_months"] for row in days),
            }
        )
    return rows


def mean(values: Sequence[float]) -> dict[str, float]:
    """Mean, and 1.96 of its standard errors."""
    if not values:
        return {"mean": math.nan, "half": math.nan}
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "half": 1.96 * spread / math.sqrt(len(values))}


def lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The summary as a Markdown table: the shipped one's own figures, then differences."""
    yield (
        "| constant | hosts | seen, points more | right scope, points more | first action, minutes later "
        "| restrictions on ordinary days (agent-months) |"
    )
    yield "|---" * 6 + "|"
    for row in rows:
        if row["variant"] == SHIPPED.label:
            seen, right, delay = (
                f"{100 * row['seen']:.1f} %",
                f"{100 * row['right_scope']:.1f} %",
                f"{row['delay']:.1f}",
            )
        else:
            seen, right = (_points(row[f"{name}_more"], 100) for name in ("seen", "right_scope"))
            delay = _points(row["delay_more"], 1)
        false = "" if row["restrictions"] is None else f"{row['restrictions']} ({row['agent_months']:.1f})"
        yield f"| {row['variant']} | {row['hosts']} | {seen} | {right} | {delay} | {false} |"


def _points(found: Mapping[str, float], times: float) -> str:
    if math.isnan(found["mean"]):
        return "–"
    if not found["mean"] and not found["half"]:
        return "0"
    return f"{times * found['mean']:+.1f} ± {times * found['half']:.1f}"


def alarm_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The bounce alarm's constants in the fixed world."""
    yield (
        "| constant | messages an hour | false halts a month, steady 2 % | over-dispersed 2 % | delay to 8 %, messages "
        "| later, of the same shifts | missed |"
    )
    yield "|---" * 7 + "|"
    base = {row["per_hour"]: row["delays"] for row in rows if row["variant"] == SHIPPED.label}
    for row in rows:
        delays, shipped = row["delays"], base[row["per_hour"]]
        later = mean([delay - shipped[number] for number, delay in delays.items() if number in shipped])
        middle = f"{statistics.fmean(delays.values()):.0f}" if delays else "–"
        yield (
            f"| {row['variant']} | {row['per_hour']:,} "
            + "".join(f"| {row[weather]:.3f} ± {_noise(row, weather):.3f} " for weather in WEATHERS)
            + f"| {middle} | {_points(later, 1)} "
            f"| {row['shifts'] - len(delays)} of {row['shifts']} |"
        )


def _noise(row: Mapping[str, Any], name: str) -> float:
    """1.96 standard errors of a mean of counts; of none, the largest mean that 5 % would see none of."""
    return 1.96 * math.sqrt(row[name] / row["months"]) if row[name] else 3.0 / row["months"]

"""`ignite simulate governance`: every world of the scoreboard, side by side on the machine's cores.

Decides what is run at which resolution and which targets hold; the worlds and what they measure are in their own
modules. A target is judged by the mean; the bound or the ± stands beside it. A rare event counted in too few months
to say that a target is missed leaves it open (`holds` None): a quick run proves little.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_app.scoreboard import alarms, incidents, rate_control
from ignite_app.scoreboard.twin import drive, reopening, simulated
from ignite_app.scoreboard.twin import table as twin_table
from ignite_app.scoreboard.worlds import load


@attrs.frozen
class Resolution:
    """`alarms` scales months and shifts (1: 800, 200, 60 agent-months and 400 shifts), `days` of rate control,
    `hosts` drawn for each incident; of the twin `twin_days` of `twin_minutes` each, as many `calm_days`, days of each
    ablation, and seeds of the reopening; `drives` seeds of `drive_minutes` go through the simulator as well."""

    alarms: float
    days: int
    hosts: int
    twin_days: int
    twin_minutes: int
    calm_days: int
    ablated_days: int
    reopenings: int
    drives: int
    drive_minutes: int


QUICK: Final = Resolution(0.05, 6, 3, 1, 600, 1, 1, 0, 1, 120)
FULL: Final = Resolution(1.0, 60, 100, 20, 1440, 40, 6, 2, 3, 400)
"""Seeds 1 to 60 are those the rate controller was tuned on; `--first-seed 1001` shows others."""

ALARM_TARGETS: Final[Sequence[tuple[int, str, str, float]]] = (
    *((volume, "steady 2 %", "false_per_month", 0.05) for volume in alarms.VOLUMES),
    *((volume, "steady 3 %", "false_per_month", 0.05) for volume in (45, 450)),
    (450, "over-dispersed 2 %", "false_per_month", 0.6),
    (4_500, "over-dispersed 2 %", "false_per_month", 1.0),
    *((volume, "to 8 %", "delay_mean", mark) for volume, mark in zip(alarms.VOLUMES, (350, 450, 1_100), strict=True)),
    *((volume, "to 25 %", "delay_mean", mark) for volume, mark in zip(alarms.VOLUMES, (90, 100, 120), strict=True)),
)
SEEN: Final = 0.95
RIGHT_SCOPE: Final = 0.80


def governance(
    worlds: Path, resolution: Resolution, *, first_seed: int, ablations: bool, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Run everything; returns one JSON-able value with `targets` and `ok`. `tell` hears of each part that is done.

    Raises `BadInput` if the worlds or numpy are missing.
    """
    load(worlds, "rate_control")  # what is missing is told before anything is started
    seeds = range(first_seed, first_seed + resolution.hosts)
    twin = _twin_parts(resolution, first_seed, ablations)
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        started: dict[str, Future[Any]] = {
            "rate control": pool.submit(rate_control.run, worlds, resolution.days, first_seed, ablations=ablations),
            **{
                f"alarms at {volume}/h": pool.submit(_alarms, worlds, resolution.alarms, first_seed, volume)
                for volume in reversed(alarms.VOLUMES)
            },
            **{
                f"incident: {one.name}": pool.submit(incidents.measure_one, index, seeds)
                for index, one in enumerate(incidents.INCIDENTS)
            },
            "ordinary days": pool.submit(incidents.ordinary, seeds),
            **{name: pool.submit(part, *arguments) for (name, (part, *arguments)) in twin.items()},
        }
        done: dict[str, Any] = {}
        for name, future in started.items():
            done[name] = future.result()
            tell(f"{len(done)} of {len(started)}: {name}")
    measured = [cell for volume in alarms.VOLUMES for cell in done[f"alarms at {volume}/h"]]
    happened = [done[f"incident: {one.name}"] for one in incidents.INCIDENTS]
    rates = done["rate control"]
    played = _twin(done)
    targets = [
        *_alarm_targets(measured),
        *({"what": f"rate control, {mark['world']}: {mark['measure']}", **_of(mark)} for mark in rates["targets"]),
        *_incident_targets(happened),
        *_twin_targets(played),
    ]
    return {
        "first_seed": first_seed,
        "resolution": attrs.asdict(resolution),
        "alarms": measured,
        "rate_control": rates,
        "incidents": happened,
        "ordinary_days": done["ordinary days"],
        "twin": played,
        "targets": targets,
        "ok": all(target["holds"] is not False for target in targets),
    }


_TWIN: Final = ("days", "calm", "ablated", "calm, ablated", "reopening", "drives")


def _twin_parts(resolution: Resolution, first_seed: int, ablations: bool) -> dict[str, tuple[Any, ...]]:
    """What is to be run of the twin, a seed at a time: name -> (function, arguments)."""
    parts: dict[str, tuple[Any, ...]] = {}

    def add(name: str, function: Callable[..., Any], count: int, *more: Any) -> None:
        for seed in range(first_seed, first_seed + count):
            parts[f"twin, {name}: {seed}"] = (function, (seed,), *more)

    add("days", drive.days, resolution.twin_days, resolution.twin_minutes)
    add("calm", drive.calm_days, resolution.calm_days, resolution.twin_minutes)
    add("reopening", reopening.run, resolution.reopenings)
    for seed in range(first_seed, first_seed + resolution.drives):
        parts[f"twin, drives: {seed}"] = (simulated.run, seed, resolution.drive_minutes)
    if ablations:
        add("ablated", drive.ablated_days, resolution.ablated_days, resolution.twin_minutes)
        add("calm, ablated", drive.calm_ablated_days, resolution.ablated_days, resolution.twin_minutes)
    return parts


def _twin(done: Mapping[str, Any]) -> dict[str, Any]:
    rows = {
        kind: [row for name, found in done.items() if name.startswith(f"twin, {kind}:") for row in found]
        for kind in _TWIN
    }
    return {
        "policies": twin_table.summary(rows["days"], rows["calm"]),
        "incidents": twin_table.incidents(rows["days"]),
        "ablations": twin_table.summary(rows["ablated"], rows["calm, ablated"]) if rows["ablated"] else [],
        "reopening": rows["reopening"],
        "drives": rows["drives"],
    }


def _twin_targets(played: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Ours beats every rival in what is delivered, suppresses nobody wrongly, and decides the same by both drives."""
    rows = {row["policy"]: row for row in played["policies"]}
    ours = rows[drive.OURS]
    rival = max(row["share"]["mean"] for name, row in rows.items() if name not in (drive.OURS, drive.ORACLE))
    lead, wrong = ours["share"]["mean"] - rival, ours["suppressed_per_day"]
    yield {
        "what": "twin: delivered / oracle, ours above the best rival's",
        "value": lead,
        "limit": 0.0,
        "at_least": True,
        "holds": lead > 0,
    }
    yield {
        "what": "twin: people wrongly suppressed a day",
        "value": wrong,
        "limit": 0.0,
        "at_least": False,
        "holds": wrong == 0,
    }
    drives = played["drives"]
    same = sum(row["same"] for row in drives) / len(drives)
    what = f"twin: {len(drives)} seeds through the simulator on which counts decide the same"
    yield {"what": what, "value": same, "limit": 1.0, "at_least": True, "holds": same == 1}


def _alarms(worlds: Path, scale: float, first_seed: int, volume: int) -> list[dict[str, Any]]:
    return list(alarms.cells(worlds, scale, first_seed, (volume,)))


def _of(mark: Mapping[str, Any]) -> dict[str, Any]:
    return {name: mark[name] for name in ("value", "limit", "at_least", "holds")}


def _alarm_targets(measured: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    cells = {(cell["per_hour"], cell["weather"]): cell for cell in measured if cell["policy"] == alarms.OURS}
    for volume, weather, measure, limit in ALARM_TARGETS:
        cell = cells[(volume, weather)]
        value = cell[measure]
        holds: bool | None = value is not None and value <= limit
        if not holds and measure == "false_per_month" and _chance(cell, limit) > 0.05:
            holds = None
        what = f"alarms, {volume}/h, {weather}: {measure}"
        yield {"what": what, "value": value, "limit": limit, "at_least": False, "holds": holds}


def _chance(cell: Mapping[str, Any], limit: float) -> float:
    """The probability of seeing so many false alarms or more if the target were just met (Poisson)."""
    expected = limit * cell["agent_months"]
    seen = round(cell["false_per_month"] * cell["agent_months"])
    below = sum(math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(seen))
    return 1 - below


def _incident_targets(happened: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in happened:
        if row["marked"]:
            for measure, limit in (("seen", SEEN), ("right_scope", RIGHT_SCOPE)):
                value = row[measure]
                what = f"incident, {row['incident']}: {measure}"
                yield {"what": what, "value": value, "limit": limit, "at_least": True, "holds": value >= limit}


def lines(found: Mapping[str, Any]) -> list[str]:
    """The scoreboard for people."""
    days = found["ordinary_days"]
    return [
        *("Alarms: false halts in 30 days (one-sided 95 % bound); delay in messages", *alarms.table(found["alarms"])),
        *("", f"Rate control, {found['rate_control']['days']} days: share of what an all-knowing sender gets, %"),
        *("", *_rates(found["rate_control"]["rows"])),
        *("", "Incidents at a host of eight providers", "", *incidents.table(found["incidents"])),
        "",
        f"Ordinary days: {days['restrictions']} restrictions in {days['days']} hosts' days",
        "",
        *_twin_lines(found["twin"]),
        "",
        *(_mark(target) for target in found["targets"]),
        "",
        f"{sum(target['holds'] is True for target in found['targets'])} of {len(found['targets'])} targets hold",
    ]


def _twin_lines(played: Mapping[str, Any]) -> Iterator[str]:
    yield f"The twin, {played['policies'][0]['days']} days of {played['policies'][0]['minutes']} minutes"
    yield ""
    yield from twin_table.lines(played["policies"])
    yield ""
    yield "Its incidents: delay in minutes (bad messages until then), medians"
    yield ""
    yield from twin_table.incident_lines(played["incidents"])
    yield ""
    yield from simulated.lines(played["drives"])
    if played["ablations"]:
        yield ""
        yield from twin_table.lines(played["ablations"])
    if played["reopening"]:
        yield ""
        yield "After a closed door: minutes until 0.9 may be sent / nothing waits, message-hours waited, refused"
        yield ""
        yield from reopening.table(played["reopening"])


def _mark(target: Mapping[str, Any]) -> str:
    sign = "≥" if target["at_least"] else "≤"
    value = "–" if target["value"] is None else f"{target['value']:.3g}"
    word = {True: "ok", False: "MISSES", None: "open"}[target["holds"]]
    return f"{word:6} {target['what']}: {value} ({sign} {target['limit']:g})"


def _rates(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    heads = list(dict.fromkeys(row["world"] for row in rows))
    cells = {(row["world"], row["policy"]): row for row in rows}
    out = [f"| policy | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for policy in dict.fromkeys(row["policy"] for row in rows):
        texts = []
        for head in heads:
            row = cells.get((head, policy))
            if row is None:
                texts.append("")
                continue
            share = f"{100 * row['share']['mean']:.1f} ± {100 * row['share']['half']:.1f}"
            more = ""
            if "blocks" in row:
                more = f" ({row['refused_per_accepted']['mean']:.2f}, {row['blocks']['mean']:.1f})"
            texts.append(share + more)
        out.append(f"| {policy} | {' | '.join(texts)} |")
    return out

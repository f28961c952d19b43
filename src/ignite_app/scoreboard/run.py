"""`ignite simulate governance`: every world of the scoreboard, side by side on the machine's cores.

Decides what is run at which resolution; the worlds and what they measure are in their own
modules, what has to be reached in `targets`.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_app.scoreboard import ablations as ablations_of
from ignite_app.scoreboard import alarms, incidents, one_record, people, rate_control, targets
from ignite_app.scoreboard.twin import drive, reopening, simulated
from ignite_app.scoreboard.twin import table as twin_table
from ignite_app.scoreboard.worlds import load


@attrs.frozen
class Resolution:
    """`alarms` scales months and shifts (1: 800, 200, 60 agent-months and 400 shifts), `days` of rate control,
    `hosts` drawn for each incident; of the twin `twin_days` of `twin_minutes` each, as many `calm_days`, days of each
    ablation, and seeds of the reopening; `drives` seeds of `drive_minutes` go through the simulator as well.
    `ablated_hosts`: drawn for each incident, under each constant × 0.5 and × 1.5; half as many on ordinary days."""

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
    ablated_hosts: int


QUICK: Final = Resolution(0.05, 6, 3, 1, 600, 1, 1, 0, 1, 120, 2)
FULL: Final = Resolution(1.0, 60, 100, 20, 1440, 40, 4, 2, 3, 400, 20)
"""Seeds 1 to 60 are those the rate controller was tuned on; `--first-seed 1001` shows others."""
PEOPLE_OF: Final = 4
"""Everybody is looked at on one of so many hosts of an incident."""


def governance(
    worlds: Path, resolution: Resolution, *, first_seed: int, ablations: bool, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Run everything; returns one JSON-able value with `targets` and `ok`. `tell` hears of each part that is done.

    Raises `BadInput` if the worlds or numpy are missing.
    """
    load(worlds, "rate_control")  # what is missing is told before anything is started
    seeds = range(first_seed, first_seed + resolution.hosts)
    twin = _twin_parts(resolution, first_seed, ablations)
    changed = _ablated_parts(worlds, resolution, first_seed) if ablations else {}
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
            **{
                f"people: {one.name}": pool.submit(people.measure, index, seeds[: -(-len(seeds) // PEOPLE_OF)])
                for index, one in enumerate(incidents.INCIDENTS)
            },
            "ordinary days": pool.submit(incidents.ordinary, seeds),
            "one bad record": pool.submit(one_record.measure, seeds),
            **{name: pool.submit(part, *arguments) for (name, (part, *arguments)) in (twin | changed).items()},
        }
        done: dict[str, Any] = {}
        for name, future in started.items():
            done[name] = future.result()
            tell(f"{len(done)} of {len(started)}: {name}")
    measured = [cell for volume in alarms.VOLUMES for cell in done[f"alarms at {volume}/h"]]
    happened = [done[f"incident: {one.name}"] | done[f"people: {one.name}"] for one in incidents.INCIDENTS]
    rates = done["rate control"]
    played = _twin(done)
    found = {
        "first_seed": first_seed,
        "resolution": attrs.asdict(resolution),
        "alarms": measured,
        "rate_control": rates,
        "incidents": happened,
        "ordinary_days": done["ordinary days"],
        "one_bad_record": done["one bad record"],
        "twin": played,
        "ablations": _ablated(done) if ablations else {},
    }
    marks = list(targets.of(found))
    return found | {"targets": marks, "ok": all(mark["holds"] is not False for mark in marks)}


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


def _ablated_parts(worlds: Path, resolution: Resolution, first_seed: int) -> dict[str, tuple[Any, ...]]:
    """What is to be run of the constants of deciding, a few hosts at a time: name -> (function, arguments)."""
    seeds = range(first_seed, first_seed + resolution.ablated_hosts)
    parts: dict[str, tuple[Any, ...]] = {}
    for at in range(0, len(seeds), 4):
        for number in ablations_of.marked():
            parts[f"ablated, hosts: {incidents.INCIDENTS[number].name} {at}"] = (
                ablations_of.on_hosts,
                number,
                seeds[at : at + 4],
            )
    for seed in seeds[: -(-len(seeds) // 2)]:
        parts[f"ablated, ordinary: {seed}"] = (ablations_of.on_ordinary_days, (seed,))
    parts["ablated, alarms:"] = (ablations_of.on_fixed_alarms, worlds, resolution.alarms, first_seed)
    return parts


def _ablated(done: Mapping[str, Any]) -> dict[str, Any]:
    hosts, ordinary, fixed = (
        [row for name, found in done.items() if name.startswith(f"ablated, {kind}:") for row in found]
        for kind in ("hosts", "ordinary", "alarms")
    )
    return {"hosts": ablations_of.summary(hosts, ordinary), "alarms": fixed}


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


def _alarms(worlds: Path, scale: float, first_seed: int, volume: int) -> list[dict[str, Any]]:
    return list(alarms.cells(worlds, scale, first_seed, (volume,)))


def lines(found: Mapping[str, Any]) -> list[str]:
    """The scoreboard for people."""
    days, alone = found["ordinary_days"], found["one_bad_record"]
    return [
        *("Alarms: false halts in 30 days (one-sided 95 % bound); delay in messages", *alarms.table(found["alarms"])),
        *("", f"Rate control, {found['rate_control']['days']} days: share of what an all-knowing sender gets, %"),
        *("", *_rates(found["rate_control"]["rows"])),
        *("", "Incidents at a host of eight providers", "", *incidents.table(found["incidents"])),
        "",
        f"Ordinary days: {days['restrictions']} restrictions in {days['days']} hosts' days",
        f"One bad record: {alone['restrictions']} restrictions after {alone['records']} of them",
        "",
        *_twin_lines(found["twin"]),
        "",
        *_ablated_lines(found["ablations"], found["rate_control"]["ablations"]),
        *targets.table(found["targets"]),
        "",
        targets.summed_up(found["targets"]),
    ]


def _ablated_lines(changed: Mapping[str, Any], rates: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if rates:
        yield "Constants of the rate controller"
        yield ""
        yield from _rates(rates)
        yield ""
    if changed:
        yield "Constants of rules, attribution and alarms: differences on the same hosts, ± 95 %"
        yield ""
        yield from ablations_of.lines(changed["hosts"])
        yield ""
        yield from ablations_of.alarm_lines(changed["alarms"])
        yield ""


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

"""What the scoreboard has to reach, and whether it does.

Decides each target's limit and its verdict. A target is judged by the figure itself, a mean or a count; how sure that
is stands in the tables. A rare event counted in too few months to say that a target is missed leaves it open (`holds`
None), and so does a figure that was not measured at all: a quick run proves little.
Source of the limits: the page on governance and the worlds' own page; those of the twin are the same, where it can be
asked for them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ignite_app.scoreboard import alarms
from ignite_app.scoreboard.twin import drive
from ignite_app.scoreboard.twin import table as twin_table

ALARMS: Final[Sequence[tuple[int, str, str, float]]] = (
    *((volume, "steady 2 %", "false_per_month", 0.05) for volume in alarms.VOLUMES),
    *((volume, "steady 3 %", "false_per_month", 0.05) for volume in (45, 450)),
    (450, "over-dispersed 2 %", "false_per_month", 0.6),
    (4_500, "over-dispersed 2 %", "false_per_month", 1.0),
    *((volume, "to 8 %", "delay_mean", mark) for volume, mark in zip(alarms.VOLUMES, (350, 450, 1_100), strict=True)),
    *((volume, "to 25 %", "delay_mean", mark) for volume, mark in zip(alarms.VOLUMES, (90, 100, 120), strict=True)),
    *((volume, weather, "missed", 0.05) for volume in alarms.VOLUMES for weather in alarms.SHIFTED),
)
"""`missed`: shifts that are not found in time do not enter the mean delay; at most so many may be left out of it."""
FALSE_HALTS: Final = 0.05
"""False actions of an agent in 30 days in which nothing is wrong."""
SEEN: Final = 0.95
RIGHT_SCOPE: Final = 0.80
SHARE: Final = 0.80
"""Of what the oracle delivers."""
STEPS_AN_HOUR: Final = 14
STEPS_A_DAY: Final = 240
SWITCHES: Final = 2
"""How often one stop may be entered or left in a steady day, and for each real change of the world."""

Mark = dict[str, Any]
"""what, value (None: not measured), limit, at_least (else at most), holds (None: open)."""


def of(found: Mapping[str, Any]) -> Iterator[Mark]:
    """Every target with its verdict. `found` is what `run.governance` has measured."""
    yield from _alarms(found["alarms"])
    for mark in found["rate_control"]["targets"]:
        known = {name: mark[name] for name in ("value", "limit", "at_least", "holds")}
        yield {"what": f"rate control, {mark['world']}: {mark['measure']}", **known}
    yield from _incidents(found)
    yield from _twin(found["twin"])


def _mark(what: str, value: float | None, limit: float, *, at_least: bool = False) -> Mark:
    holds = None if value is None else value >= limit if at_least else value <= limit
    return {"what": what, "value": value, "limit": limit, "at_least": at_least, "holds": holds}


def _rare(what: str, count: int, months: float, limit: float) -> Mark:
    """So many events in so many agent-months; open while chance alone could have made as many."""
    mark = _mark(what, count / months if months else None, limit)
    if mark["holds"] is False and _chance(count, limit * months) > 0.05:
        mark["holds"] = None
    return mark


def _chance(count: int, expected: float) -> float:
    """The probability of `count` events or more where `expected` are expected (Poisson)."""
    return 1 - sum(math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(count))


def _alarms(measured: Sequence[Mapping[str, Any]]) -> Iterator[Mark]:
    cells = {(cell["per_hour"], cell["weather"]): cell for cell in measured if cell["policy"] == alarms.OURS}
    for volume, weather, measure, limit in ALARMS:
        cell, what = cells[(volume, weather)], f"alarms, {volume}/h, {weather}: {measure}"
        if measure == "false_per_month":
            months = cell["agent_months"]
            yield _rare(what, round(cell[measure] * months), months, limit)
        else:
            mark = _mark(what, cell[measure], limit)
            yield mark | {"holds": mark["holds"] or False}  # no delay: not one shift was found


def _incidents(found: Mapping[str, Any]) -> Iterator[Mark]:
    for row in found["incidents"]:
        if row["marked"]:
            for measure, limit in (("seen", SEEN), ("right_scope", RIGHT_SCOPE)):
                yield _mark(f"incident, {row['incident']}: {measure}", row[measure], limit, at_least=True)
        yield _mark(f"incident, {row['incident']}: people wrongly suppressed", row["wrongly_suppressed"], 0)
    days = found["ordinary_days"]
    what = "ordinary hosts' days: restrictions per agent-month"
    yield _rare(what, days["restrictions"], days["agent_months"], FALSE_HALTS)
    yield _mark("restrictions that one bad record led to", found["one_bad_record"]["restrictions"], 0)


def _twin(played: Mapping[str, Any]) -> Iterator[Mark]:
    """Ours beats every rival in what is delivered, keeps the limits of its levers, suppresses nobody wrongly, and
    decides the same by both drives."""
    rows = {row["policy"]: row for row in played["policies"]}
    ours = rows[drive.OURS]
    rival = max(row["share"]["mean"] for name, row in rows.items() if name not in (drive.OURS, drive.ORACLE))
    share, months = ours["share"]["mean"], ours["agent_months"]
    lead = _mark("twin: delivered / oracle, ours above the best rival's", share - rival, 0.0, at_least=True)
    yield lead | {"holds": share > rival}
    yield _mark("twin: delivered / oracle", share, SHARE, at_least=True)
    false = round((ours["false_per_month"] or 0.0) * months)
    yield _rare("twin, calm days: false actions per agent-month", false, months, FALSE_HALTS)
    yield _mark("twin: incidents seen", _seen(played["incidents"]), SEEN, at_least=True)
    yield _mark("twin, calm days: most often that one stop was entered or left", ours["stops_a_calm_day"], SWITCHES)
    what = "twin: most often that one stop was entered or left for a change of the world"
    yield _mark(what, ours["stops_a_change"], SWITCHES)
    yield _mark("twin: most rate steps of a provider in a clock hour", ours["most_steps_an_hour"], STEPS_AN_HOUR)
    yield _mark("twin: most rate steps of a provider in a day", ours["most_steps_a_day"], STEPS_A_DAY)
    yield _mark("twin: people wrongly suppressed a day", ours["suppressed_per_day"], 0.0)
    drives = played["drives"]
    same = sum(row["same"] for row in drives) / len(drives)
    what = f"twin: {len(drives)} seeds through the simulator on which counts decide the same"
    yield _mark(what, same, 1.0, at_least=True)
    most = max(row["reloads_a_minute"] for row in drives) or None  # none at all says nothing
    yield _mark("twin, through the simulator: most reloads of a host in a minute", most, 1)


def _seen(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The share of the incidents that ours noticed, of those that ask for it and met no restriction already."""
    own = [row for row in rows if row["policy"] == drive.OURS and row["kind"] not in twin_table.UNSCORED]
    fresh = sum(row["incidents"] - row["covered"] for row in own)
    return 1 - sum(row["missed"] for row in own) / fresh if fresh else None


def table(marks: Sequence[Mark]) -> list[str]:
    """A line for each target."""
    words = {True: "ok", False: "MISSES", None: "open"}
    lines = []
    for mark in marks:
        sign = "≥" if mark["at_least"] else "≤"
        value = "–" if mark["value"] is None else f"{mark['value']:.3g}"
        lines.append(f"{words[mark['holds']]:6} {mark['what']}: {value} ({sign} {mark['limit']:g})")
    return lines


def summed_up(marks: Sequence[Mark]) -> str:
    met, opened = (sum(mark["holds"] is verdict for mark in marks) for verdict in (True, None))
    return f"{met} of {len(marks)} targets met, {len(marks) - met - opened} missed, {opened} open"

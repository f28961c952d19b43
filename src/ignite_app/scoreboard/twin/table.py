"""The twin's days as tables. Decides columns and how sure each figure is; what they mean stands in `judge`."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ignite_app.scoreboard.twin.drive import NOTHING, ORACLE, OURS
from ignite_app.scoreboard.twin.judge import AGENTS
from ignite_app.scoreboard.twin.scene import DAY, MODEL, Kind

Days = Sequence[Mapping[str, Any]]
MODELS: Final = tuple(dict.fromkeys(MODEL.values()))
UNSCORED: Final = frozenset({Kind.BUSY.value})
"""Nothing is gained by reacting to these."""


def upper95(events: int, units: float) -> float:
    """One-sided 95 % upper bound of a Poisson mean a unit, after `events` in `units`."""
    low, high = float(events), events + 6.0 + 4.0 * math.sqrt(events + 1)
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(math.exp(k * math.log(middle) - middle - math.lgamma(k + 1)) for k in range(events + 1))
        low, high = (middle, high) if below > 0.05 else (low, middle)
    return high / units


def shares(days: Days, policy: str, model: str | None = None) -> list[float]:
    """What a policy delivered of what the oracle did, a share a seed; of the providers of one model if it is given."""
    brands = [brand.value for brand in MODEL if model in (None, MODEL[brand])]
    good = {(day["seed"], day["policy"]): sum(day["good"][brand] for brand in brands) for day in days}
    return [good[seed, policy] / max(1, good[seed, ORACLE]) for seed in dict.fromkeys(day["seed"] for day in days)]


def summary(days: Days, calm: Days) -> list[dict[str, Any]]:
    """One row a policy; `calm`: days on which nothing was wrong, of the same policies as far as they were run."""
    rows = []
    for policy in dict.fromkeys(day["policy"] for day in days):
        own = [day for day in days if day["policy"] == policy]
        still = [day for day in calm if day["policy"] == policy]
        span = sum(day["minutes"] for day in own) / DAY
        months = AGENTS / 30 * sum(day["minutes"] for day in still) / DAY
        false = sum(day["actions"] for day in still)
        good = sum(sum(day["good"].values()) for day in own)
        rows.append(
            {
                "policy": policy,
                "days": len(own),
                "minutes": own[0]["minutes"],
                "share": _mean(shares(days, policy)),
                **{model: _mean(shares(days, policy, model)) for model in MODELS},
                "waited_minutes": sum(day["waited"] for day in own) / max(1, good),
                "refused_per_accepted": sum(day["refused"] for day in own) / max(1, sum(d["accepted"] for d in own)),
                "lost_per_day": sum(day["lost"] for day in own) / span,
                "agent_months": months,
                "false_per_month": false / months if still else None,
                "upper95": upper95(false, months) if still else None,
                "stops_a_calm_day": max((one.switches for day in still for one in day["stops"]), default=0),
                "stops_a_change": max(
                    (one.switches / max(1, one.changes) for day in own for one in day["stops"]), default=0.0
                ),
                **{f"most_{name}": max(day[name] for day in own) for name in ("steps_an_hour", "steps_a_day")},
                **{
                    f"{name}_per_day": sum(day[name] for day in own) / span
                    for name in ("actions", "false", "blocks", "flaps", "steps", "reloads", "suppressed")
                },
            }
        )
    return rows


def _mean(values: Sequence[float]) -> dict[str, float | None]:
    half = 1.96 * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "half": half}


def incidents(days: Days) -> list[dict[str, Any]]:
    """One row an incident's kind and policy: how many, missed, medians of delay, bad messages and recovery.

    Those that a restriction covered when they began say nothing about detecting: they are left out of delay and misses.
    """
    rows = []
    for kind in (one.value for one in Kind):
        for policy in dict.fromkeys(day["policy"] for day in days):
            found = [one for day in days if day["policy"] == policy for one in day["incidents"] if one["kind"] == kind]
            fresh = [one for one in found if not one["covered"]]
            seen = [one for one in fresh if one["delay"] is not None]
            back = [one["recovery"] for one in found if one["recovery"] is not None]
            rows.append(
                {
                    "kind": kind,
                    "policy": policy,
                    "incidents": len(found),
                    "covered": len(found) - len(fresh),
                    "missed": len(fresh) - len(seen),
                    "delay": statistics.median(one["delay"] for one in seen) if seen else None,
                    "bad": statistics.median(one["bad"] for one in fresh) if fresh else None,
                    "recovery": statistics.median(back) if back else None,
                }
            )
    return rows


def lines(summed: Sequence[Mapping[str, Any]]) -> list[str]:
    """The summary as two Markdown tables: what came of it, and what it took."""
    out = [
        "| policy | delivered / oracle % | " + " | ".join(MODELS) + " | wait, min | refused / accepted | lost a day "
        "| blocks a day | wrongly suppressed a day |",
        "|---" * (len(MODELS) + 7) + "|",
    ]
    for row in summed:
        cells = [_share(row["share"]), *(_share(row[model]) for model in MODELS)]
        out.append(
            f"| {_name(row)} | {' | '.join(cells)} | {row['waited_minutes']:,.0f} | {row['refused_per_accepted']:.3f} "
            f"| {row['lost_per_day']:.0f} | {row['blocks_per_day']:.1f} | {row['suppressed_per_day']:.0f} |"
        )
    out += [
        "",
        "| policy | false actions per agent-month, calm days | actions a day | of them false | flaps | rate steps "
        "| most of one provider, an hour / a day | reloads | one stop in or out, most a calm day / a change |",
        "|---" * 9 + "|",
    ]
    for row in summed:
        if row["policy"] in (NOTHING, ORACLE):
            continue
        false = "" if row["upper95"] is None else f"{row['false_per_month']:.2f} (≤ {row['upper95']:.2f})"
        out.append(
            f"| {_name(row)} | {false} | "
            + " | ".join(f"{row[f'{name}_per_day']:.1f}" for name in ("actions", "false", "flaps", "steps"))
            + f" | {row['most_steps_an_hour']} / {row['most_steps_a_day']} | {row['reloads_per_day']:.1f}"
            + f" | {row['stops_a_calm_day']} / {row['stops_a_change']:.1f} |"
        )
    return out


def incident_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """For each kind: delay in minutes, bad messages until then, missed of how many; then recovery in minutes."""
    policies = [name for name in dict.fromkeys(row["policy"] for row in rows) if name not in (NOTHING, ORACLE)]
    out = [f"| incident | {' | '.join(policies)} |", "|---" * (len(policies) + 1) + "|"]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        cells = []
        for policy in policies:
            row = next(one for one in rows if (one["kind"], one["policy"]) == (kind, policy))
            fresh = row["incidents"] - row["covered"]
            if not row["incidents"]:
                cells.append("")
                continue
            if not fresh:
                cells.append(f"restricted before it began, {row['covered']} times")
                continue
            what = "–" if row["delay"] is None else f"{row['delay']:.0f}"
            bad = "–" if row["bad"] is None else f"{row['bad']:.0f}"
            back = "" if row["recovery"] is None else f"; back in {row['recovery']:.0f}"
            back += f"; {row['covered']} begun under a restriction" if row["covered"] else ""
            cells.append(f"{what} ({bad}), missed {row['missed']} of {fresh}{back}")
        note = " (nothing is gained by acting)" if kind in UNSCORED else ""
        out.append(f"| {kind}{note} | {' | '.join(cells)} |")
    return out


def _share(found: Mapping[str, float | None]) -> str:
    mean, half = found["mean"] or 0.0, found["half"]
    return f"{100 * mean:.1f}" + ("" if half is None else f" ± {100 * half:.1f}")


def _name(row: Mapping[str, Any]) -> str:
    return f"**{row['policy']}**" if row["policy"] == OURS else str(row["policy"])

"""The demo report in lines for people. What agrees is decided by `reconcile`."""

from collections.abc import Mapping
from typing import Any


def verdict_of(report: Mapping[str, Any]) -> list[str]:
    """The report for people: a line for each reconciliation, what differs below it, and the verdict last."""
    lines = []
    for one in report["reconciliations"]:
        sides = f"{one['left_source']} = {one['right_source']}: {one['left']:,} = {one['right']:,}"
        if one["ok"]:
            lines.append(f"ok     {one['name']}: {sides}")
            continue
        parts = {key: pair for key, pair in one["by"].items() if pair[0] != pair[1]}
        nothing = "; there was nothing to compare" if one["left"] == one["right"] == 0 else ""
        differing = f"; differing parts: {parts}" if parts else nothing
        lines.append(
            f"FAILS  {one['name']}: {sides.replace(' = ', ' ≠ ') if one['left'] != one['right'] else sides}{differing}"
        )
    wrong = [one["name"] for one in report["reconciliations"] if not one["ok"]]
    count, seconds = len(report["reconciliations"]), f"{report['wall_seconds']:.0f} s"
    lines.append(
        f"{len(wrong)} of {count} books do not agree: {', '.join(wrong)}; {seconds}"
        if wrong
        else f"all {count} books agree, {seconds}"
    )
    return lines

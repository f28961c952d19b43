"""What commands print for people, where it is more than a line. Reads no database, decides nothing."""

from collections.abc import Mapping
from typing import Any

import yaml

from ignite_app.settings import Settings
from ignite_app.steps import STEP_NAMES
from ignite_app.workers.ingest import mode_of


def mode_in_force(settings: Settings) -> dict[str, str]:
    """How far the agents may go with these settings, and why: `governance.mode`, `because`."""
    governance, pmta = settings.governance, settings.pmta
    if governance.mode is not None:
        why = "it is set"
    elif not pmta.ssh_host_key:
        why = "no mode is set, and no host key is pinned"
    elif governance.generated_host_key == pmta.ssh_host_key:
        why = "no mode is set, and the host key was made by this very run"
    else:
        why = "no mode is set, and the pinned host key was not made by this run"
    return {"governance.mode": mode_of(governance, pmta).value, "because": why}


def config_lines(shown: Mapping[str, Any], effective: Mapping[str, str]) -> list[str]:
    """The settings as YAML, which can be read again; what is in force beside a mode that is not set is a comment."""
    lines = yaml.safe_dump(dict(shown), sort_keys=False).rstrip().splitlines()
    place = lines.index("governance:")
    place = next(number for number in range(place, len(lines)) if lines[number].startswith("  mode:"))
    lines[place] += f"  # in force: {effective['governance.mode']} ({effective['because']})"
    return lines


def status_lines(steps: Mapping[str, int], still_open: Mapping[str, int]) -> list[str]:
    """The counts of the 21 steps with their names, then what is open."""
    told = [f"{name:13} {count:>11,}  {STEP_NAMES[name]}" for name, count in steps.items()]
    return [*told, *(f"{'':13} {count:>11,}  {name.replace('_', ' ')}" for name, count in still_open.items())]

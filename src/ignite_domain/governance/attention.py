"""What a person has to know of governance at once: halts, what waits for an answer, and stops by people.

Decides which of these are alerts, and what makes two of them the same. Telling is the watch worker's.
"""

from collections.abc import Sequence
from typing import Final

from ignite_domain.governance.health import Finding
from ignite_domain.governance.modes import Modes
from ignite_domain.governance.recovery import HALTS
from ignite_domain.governance.words import STANDING, Decision, OnDeadline, awaits

HALT, WAITING, STOPPED = "halt", "approval_waiting", "stopped"
ATTENTION_KINDS: Final = (HALT, WAITING, STOPPED)
EVERYWHERE: Final = "everywhere"


def attention(decisions: Sequence[Decision], modes: Modes) -> list[Finding]:
    """Alerts of decisions that have not ended, and of stops. A wish that comes again is the same alert, whatever its
    number; without addresses of people."""
    found: dict[tuple[str, str], Finding] = {}
    for one in decisions:
        place = one.isp.value if one.isp else one.target_type.value
        what = one.action.value.replace("_", " ")
        who = one.by if one.by and one.status in STANDING else f"the {one.agent} agent"
        if awaits(one) and one.deadline is not None:
            safe = "carried out" if one.on_deadline is OnDeadline.APPLY else "rejected"
            text = (
                f"{place}: decision {one.id} ({what}) waits for a person until {one.deadline:%H:%M} UTC, "
                f"then it is {safe}: {one.reason}"
            )
            subject = f"{place} {one.action} {one.target}"
            found[WAITING, subject] = Finding(WAITING, subject, text)
        elif one.status in STANDING and one.action in HALTS:
            text = f"{place}: {what} since {one.at:%H:%M} UTC by {who} (decision {one.id}): {one.reason}"
            subject = f"{place} {one.action} {one.target}"
            found[HALT, subject] = Finding(HALT, subject, text)
    for stop in modes.stops:
        subject = stop.isp.value if stop.isp else EVERYWHERE
        text = f"the agents are stopped {stop.where} since {stop.at:%H:%M} UTC by {stop.by}: {stop.reason}"
        found[STOPPED, subject] = Finding(STOPPED, subject, text)
    return sorted(found.values())

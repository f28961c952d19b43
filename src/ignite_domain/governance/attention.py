"""What a person has to know of governance at once: halts, what waits for an answer, stops by people, what only a person
can mend, and what could not be carried out.

Decides which of these are alerts, what each asks for, and what makes two of them the same. Telling is the watch
worker's.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ignite_domain.governance.health import Finding
from ignite_domain.governance.modes import Modes
from ignite_domain.governance.recovery import HALTS
from ignite_domain.governance.words import STANDING, Action, Decision, OnDeadline, awaits

HALT, WAITING, STOPPED = "halt", "approval_waiting", "stopped"
AUTHENTICATION, UNREACHED, COMPLAINTS = "authentication_refused", "provider_unreachable", "complaints_reported"
CARRIED_REFUSED = "carried_refused"
NOT_CARRIED_OUT, NOT_GOVERNED = "not_carried_out", "host_not_governed"
ATTENTION_KINDS: Final = (
    HALT,
    WAITING,
    STOPPED,
    AUTHENTICATION,
    UNREACHED,
    CARRIED_REFUSED,
    COMPLAINTS,
    NOT_CARRIED_OUT,
    NOT_GOVERNED,
)
EVERYWHERE: Final = "everywhere"
TOLD: Final = frozenset({*HALTS, Action.WARN})
"""Actions whose standing decisions have to be looked at here."""
FOR_A_PERSON: Final[Mapping[str, tuple[str, str]]] = {
    "authentication-refused": (
        AUTHENTICATION,
        "check SPF, DKIM, DMARC, reverse DNS and TLS of what we send from; slowing down would not help",
    ),
    "unreachable": (
        UNREACHED,
        "check this host's DNS and network, and whether the provider has announced an outage",
    ),
    "carried-refused": (
        CARRIED_REFUSED,
        "find out why the domain, signature or link is refused; a job that alone carries it is paused meanwhile",
    ),
    "reported-complaints": (
        COMPLAINTS,
        "find the campaigns that people complain about and mend their lists; the provider acts on this figure",
    ),
}
"""Rule -> the kind of alert that its standing warning is, and what to do (governance page, "Deterministic lane":
authentication and configuration replies page a person)."""
CAUSE_LENGTH: Final = 300


def attention(decisions: Sequence[Decision], modes: Modes, failed: Mapping[int, str] | None = None) -> list[Finding]:
    """Alerts of decisions that have not ended, of stops, and of a host that cannot be governed. A wish that comes again
    is the same alert, whatever its number; without addresses of people.

    `failed`: what the host said to those of the `decisions` that it did not carry out, by id.
    """
    failed = failed or {}
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
        elif one.status in STANDING and (told := FOR_A_PERSON.get(one.rule.partition("@")[0])) is not None:
            kind, todo = told
            text = f"{place}: since {one.at:%H:%M} UTC (decision {one.id}): {one.reason}. What to do: {todo}"
            found[kind, place] = Finding(kind, place, text)
        if one.id is not None and (said := failed.get(one.id)) is not None:
            subject = f"{place} {one.action} {one.target}"
            cause = " ".join(said.split())[:CAUSE_LENGTH] or "it said nothing"
            text = (
                f"{place}: {what} {one.target} of {one.at:%H:%M} UTC by {who} (decision {one.id}) is not in force: "
                f"{cause}. It is tried again. What to do: read its commands on its page, then `ignite check`"
            )
            found[NOT_CARRIED_OUT, subject] = Finding(NOT_CARRIED_OUT, subject, text)
    if modes.unread and (modes.act_somewhere or modes.shadow_somewhere):
        text = (
            f"the main host is sent nothing, whatever the modes say: its answers cannot be read ({modes.unread}). "
            "What to do: `ignite check` says which of them; PowerMTA 5.0 or later is needed"
        )
        found[NOT_GOVERNED, ""] = Finding(NOT_GOVERNED, "", text)
    for stop in modes.stops:
        subject = stop.isp.value if stop.isp else EVERYWHERE
        text = f"the agents are stopped {stop.where} since {stop.at:%H:%M} UTC by {stop.by}: {stop.reason}"
        found[STOPPED, subject] = Finding(STOPPED, subject, text)
    return sorted(found.values())

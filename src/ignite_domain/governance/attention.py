"""What a person has to know of governance at once: halts, what waits for an answer, stops by people, what only a person
can mend, what could not be carried out, and what nobody carries out.

Decides which of these are alerts, what each asks for, and what makes two of them the same. Telling is the watch
worker's.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from ignite_domain.governance.approvals import APPROVED_AT, LIFTS
from ignite_domain.governance.health import Finding
from ignite_domain.governance.modes import IN_FORCE, Modes, Say, says
from ignite_domain.governance.recovery import HALTS
from ignite_domain.governance.words import (
    PMTA_LEVER,
    STANDING,
    Action,
    Decision,
    DecisionStatus,
    OnDeadline,
    awaits,
    place_of,
    title_of,
)

HALT, WAITING, STOPPED = "halt", "approval_waiting", "stopped"
AUTHENTICATION, UNREACHED, COMPLAINTS = "authentication_refused", "provider_unreachable", "complaints_reported"
CARRIED_REFUSED = "carried_refused"
NOT_CARRIED_OUT, NOT_GOVERNED, NOT_SENT = "not_carried_out", "host_not_governed", "not_sent"
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
    NOT_SENT,
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
UNSENT: Final = timedelta(minutes=5)
"""The executor looks every 15 seconds and loads rates once a minute; what it has not touched after this is missed."""
NAMED: Final = 5
"""Decisions that are named; the others are counted."""


@attrs.frozen
class Executing:
    """What is known of the executor at `now`. `running`: some process governs the host. `frozen`: why it may loosen
    nothing now (`health.frozen_by`). `patience`: how long a decision may go without it."""

    now: datetime
    running: bool
    frozen: str = ""
    patience: timedelta = UNSENT


def unsent(decisions: Sequence[Decision], modes: Modes, executing: Executing) -> list[Finding]:
    """One alert about all that ought to be in force by now and that nobody has carried out: decisions that were never
    taken up, and rates of throttles that were never loaded. `decisions`: all that stand and have a lever at the MTA.

    What must not be sent is not missed, nor what waits for the log; nor what is being undone, or what another probe or
    release has taken the place of.
    """
    standing = [one for one in decisions if one.id is not None and one.status in STANDING and one.action in PMTA_LEVER]
    said = says([(one, one.status in IN_FORCE) for one in standing], modes, executing.frozen)
    since_of = {one.id: _due_since(one, executing.frozen) for one in standing}
    lifted: dict[int, int] = {}
    for one in standing:
        of = one.parameters.get("of")
        if one.action in LIFTS and isinstance(of, int):
            lifted[of] = max(one.id or 0, lifted.get(of, 0))
    late = []
    for one in standing:
        assert one.id is not None
        of = one.parameters.get("of", 0)
        since = since_of[one.id]
        if since is not None and (before := since_of.get(of)) is not None:
            since = min(since, before)  # what it undoes has not been carried out either
        overtaken = one.id in lifted or lifted.get(of, one.id) != one.id
        if since is None or said[one.id] is not Say.CARRY or overtaken or executing.now - since < executing.patience:
            continue
        late.append((since, one))
    if not late:
        return []
    late.sort(key=lambda pair: (pair[0], pair[1].id))
    named = [
        f"{place_of(one)}: {title_of(one)} (decision {one.id}) since {since:%d %b %H:%M} UTC" for since, one in late
    ]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    why = (
        "the worker `execute` runs, but does not get it done. What to do: read its log, then `ignite check`"
        if executing.running
        else "the worker `execute` does not run. What to do: start it (`ignite work execute`)"
    )
    text = f"decided, and not carried out by anybody: {', '.join(named[:NAMED])}{more}; {why}"
    return [Finding(NOT_SENT, "", text)]


def _due_since(one: Decision, frozen: str) -> datetime | None:
    """Since when the host ought to have been told something of a decision; None if it has been."""
    if one.status is DecisionStatus.APPROVED:
        approved = one.parameters.get(APPROVED_AT)
        return max(one.at, datetime.fromisoformat(approved)) if approved else one.at
    coming, applied, changed = (one.parameters.get(name) for name in ("rung", "applied_rung", "changed_at"))
    if not (isinstance(coming, int) and isinstance(applied, int) and isinstance(changed, int)) or coming == applied:
        return None
    return None if frozen and coming > applied else datetime.fromtimestamp(changed * 60, UTC)


def attention(decisions: Sequence[Decision], modes: Modes, failed: Mapping[int, str] | None = None) -> list[Finding]:
    """Alerts of decisions that have not ended, of stops, and of a host that cannot be governed. A wish that comes again
    is the same alert, whatever its number; without addresses of people.

    `failed`: what the host said to those of the `decisions` that it did not carry out, by id.
    """
    failed = failed or {}
    found: dict[tuple[str, str], Finding] = {}
    for one in decisions:
        place = one.isp.value if one.isp else one.target_type.value
        shown = place_of(one)
        what = one.action.value.replace("_", " ")
        who = one.by if one.by and one.status in STANDING else f"the {one.agent} agent"
        if awaits(one) and one.deadline is not None:
            safe = "carried out" if one.on_deadline is OnDeadline.APPLY else "rejected"
            text = (
                f"{shown}: decision {one.id} ({what}) waits for a person until {one.deadline:%H:%M} UTC, "
                f"then it is {safe}: {one.reason}"
            )
            subject = f"{place} {one.action} {one.target}"
            found[WAITING, subject] = Finding(WAITING, subject, text)
        elif one.status in STANDING and one.action in HALTS:
            text = f"{shown}: {what} since {one.at:%H:%M} UTC by {who} (decision {one.id}): {one.reason}"
            subject = f"{place} {one.action} {one.target}"
            found[HALT, subject] = Finding(HALT, subject, text)
        elif one.status in STANDING and (told := FOR_A_PERSON.get(one.rule.partition("@")[0])) is not None:
            kind, todo = told
            text = f"{shown}: since {one.at:%H:%M} UTC (decision {one.id}): {one.reason}. What to do: {todo}"
            found[kind, place] = Finding(kind, place, text)
        if one.id is not None and (said := failed.get(one.id)) is not None:
            subject = f"{place} {one.action} {one.target}"
            cause = " ".join(said.split())[:CAUSE_LENGTH] or "it said nothing"
            text = (
                f"{shown}: {title_of(one)} of {one.at:%H:%M} UTC by {who} (decision {one.id}) is not in force: "
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

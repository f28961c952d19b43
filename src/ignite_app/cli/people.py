"""`ignite governance`: what persons say to the agents from a terminal; the same services as the API and the dashboard.

Every change needs --reason and goes into the audit under the name of --by.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from ignite_app.cli.compose import configure, opened
from ignite_app.cli.main import Config, Json, app
from ignite_app.cli.output import GOOD, emit
from ignite_app.people import Asked, People
from ignite_domain.errors import BadInput
from ignite_domain.governance.persons import MAY
from ignite_domain.governance.words import Action, Mode, TargetType
from ignite_domain.isps import Isp

Reason = Annotated[str, Parameter(name="--reason", help="Why, in a few words; kept with the decision.")]
By = Annotated[str, Parameter(name="--by", help="Who says so, for the audit.")]
NO_MODE: Final = "default"
"""The word that takes an entry of the table of modes back."""
_LAST: Final = (1 << 63) - 1
governance = App(
    name="governance",
    help="Modes, stops, approvals, alerts and people's own decisions, over the database of --config.",
)
app.command(governance)


def _run(config: Any, what: Callable[[People], Awaitable[Any]]) -> Any:
    settings = configure(config)

    async def run() -> Any:
        async with opened(settings) as parts:
            return await what(parts.container.people())

    return asyncio.run(run())


def _shown(isp: str | None, otherwise: str) -> str:
    return Isp(isp).shown if isp else otherwise


def _state_lines(state: Mapping[str, Any]) -> list[str]:
    lines = [f"mode {state['default_mode']} where no line says otherwise; {state['pending']} wait for a person"]
    if state["host_unread"]:
        lines.append(f"ONLY OBSERVED, whatever follows: the host's answers cannot be read ({state['host_unread']})")
    for one in state["modes"]:
        who = f"{one['agent'] or 'every agent'} at {_shown(one['isp'], 'every provider')}"
        lines.append(f"  {one['mode']:8} {who:28} by {one['by']} {one['at']:%Y-%m-%d %H:%M}: {one['reason']}")
    return lines + [
        f"STOPPED {_shown(one['isp'], 'everywhere'):12} by {one['by']} {one['at']:%Y-%m-%d %H:%M}: {one['reason']}"
        for one in state["stops"]
    ]


def _decision_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for row in rows:
        place = _shown(row["isp"], "whole host")
        what = f"{row['action'].replace('_', ' ')} {place if row['target'] == row['isp'] else row['target']}"
        lines.append(f"{row['id']:>6} {place:10} {what}: {row['status']}; {row['reason']}")
        if row["status_note"]:
            lines.append(f"       {row['status_note']}")
        if row["awaits"]:
            silence = "applied" if row["on_deadline"] == "apply" else "rejected"
            lines.append(f"       waits until {row['deadline']:%Y-%m-%d %H:%M} UTC; if nobody answers it is {silence}")
    return lines


@governance.default
@governance.command(name="modes")
def modes(*, config: Config = None, json: Json = False) -> int:
    """The table of modes, the stops, and how many decisions wait for a person."""
    state = _run(config, lambda people: people.state())
    emit(state, as_json=json, lines=_state_lines(state))
    return GOOD


@governance.command
def mode(
    mode: str,
    *,
    reason: Reason,
    agent: str | None = None,
    isp: str | None = None,
    by: By = "cli",
    config: Config = None,
    json: Json = False,
) -> int:
    """Set MODE (observe, shadow, approve, act) for an agent, a provider, both or all; `default` takes the line back.

    Without --agent it is for every agent, without --isp for every provider; the most specific line holds.
    """
    if mode not in (*Mode, NO_MODE):
        raise BadInput(f"mode: must be one of {', '.join(Mode)}, or {NO_MODE}")
    wanted = None if mode == NO_MODE else mode
    state = _run(config, lambda people: people.set_mode(agent, isp, wanted, by, reason))
    emit(state, as_json=json, lines=_state_lines(state))
    return GOOD


@governance.command
def stop(isp: str | None = None, *, reason: Reason, by: By = "cli", config: Config = None, json: Json = False) -> int:
    """Stop the agents at provider ISP, or everywhere. What stands stays; mail goes on."""
    state = _run(config, lambda people: people.stop(isp, by, reason))
    emit(state, as_json=json, lines=_state_lines(state))
    return GOOD


@governance.command(name=["resume", "go"])
def resume(isp: str | None = None, *, reason: Reason, by: By = "cli", config: Config = None, json: Json = False) -> int:
    """Take back the stop of provider ISP, or the one of everywhere."""
    state = _run(config, lambda people: people.resume(isp, by, reason))
    emit(state, as_json=json, lines=_state_lines(state))
    return GOOD


@governance.command
def approvals(*, config: Config = None, json: Json = False) -> int:
    """What waits for a person, each with its deadline and what silence means."""
    rows = _run(config, lambda people: people.waiting())
    emit(rows, as_json=json, lines=_decision_lines(rows) or ["nothing waits"])
    return GOOD


@governance.command
def standing(*, config: Config = None, json: Json = False) -> int:
    """The decisions in force, each with the number by which it is released; suppressions are not among them."""
    rows = _run(config, lambda people: people.standing())
    emit(rows, as_json=json, lines=_decision_lines(rows) or ["nothing stands"])
    return GOOD


@governance.command
def approve(decision: int, *, reason: Reason, by: By = "cli", config: Config = None, json: Json = False) -> int:
    """Let the DECISION that waits be carried out; its life begins now."""
    return _told(_run(config, lambda people: people.answer(decision, by, reason, yes=True)), json)


@governance.command(name=["reject", "refuse"])
def reject(decision: int, *, reason: Reason, by: By = "cli", config: Config = None, json: Json = False) -> int:
    """Refuse the DECISION that waits."""
    return _told(_run(config, lambda people: people.answer(decision, by, reason, yes=False)), json)


@governance.command
def release(decision: int, *, reason: Reason, by: By = "cli", config: Config = None, json: Json = False) -> int:
    """Undo the DECISION that stands, at once and whoever still wants it; of a suppression every entry that it made."""
    return _told(_run(config, lambda people: people.release(decision, by, reason)), json)


@governance.command
def decide(
    action: str,
    target: str | None = None,
    *,
    reason: Reason,
    isp: str | None = None,
    minutes: int = 30,
    factor: float | None = None,
    by: By = "cli",
    config: Config = None,
    json: Json = False,
) -> int:
    """A decision of your own: ACTION on TARGET, for --minutes (1 to 1440); it ends by a probe, or when it is released.

    ACTION throttle (with --factor), backoff, pause_queue, pause_job, quarantine_ip, disable_source, emergency_halt.
    TARGET an address, a job, or a queue as domain/vmta; without one, the provider of --isp, or the whole host.
    """
    if action not in MAY:
        raise BadInput(f"action: must be one of {', '.join(MAY)}")
    kind, what = _target(Action(action), target, isp)
    parameters = {} if factor is None else {"factor": factor}
    asked = Asked(isp, action, kind, what, minutes, reason, parameters)
    return _told(_run(config, lambda people: people.decide(asked, by)), json)


def _target(action: Action, target: str | None, isp: str | None) -> tuple[TargetType, str]:
    """What a bare word on the command line is about, by what the action may be done to."""
    kinds = MAY[action]
    if target is None:
        if isp is not None and TargetType.ISP in kinds:
            return TargetType.ISP, isp
        if isp is None and TargetType.HOST in kinds:
            return TargetType.HOST, "host"
        raise BadInput(f"name the TARGET of {action}: {', '.join(kinds)}; a provider is named by --isp")
    if TargetType.IP in kinds and (TargetType.VMTA not in kinds or target[:1].isdigit() or ":" in target):
        return TargetType.IP, target
    for kind in (TargetType.JOB, TargetType.VMTA):
        if kind in kinds:
            return kind, target
    if target in set(Isp) and TargetType.ISP in kinds:
        return TargetType.ISP, target
    if TargetType.QUEUE in kinds:
        return TargetType.QUEUE, target
    raise BadInput(f"target: of {action} must be one of {', '.join(kinds)}")


@governance.command
def alerts(*, all: bool = False, config: Config = None, json: Json = False) -> int:
    """Operator alerts that last; --all also shows those that are over, of 90 days."""
    settings = configure(config)

    async def run() -> list[dict[str, Any]]:
        async with opened(settings) as parts:
            return await parts.container.alerts().listed(_LAST, 1000, open_only=not all)

    rows = asyncio.run(run())
    lines = []
    for one in rows:
        until = f" until {one['ended_at']:%Y-%m-%d %H:%M}" if one["ended_at"] else ""
        lines.append(f"{'over ' if until else 'ALERT'} {one['kind']} since {one['first_seen']:%Y-%m-%d %H:%M}{until}")
        lines.append(f"      {one['text']}")
    emit(rows, as_json=json, lines=lines or ["no alert lasts"])
    return GOOD


def _told(row: Mapping[str, Any], json: bool) -> int:
    emit(row, as_json=json, lines=_decision_lines([row]))
    return GOOD

"""Desired state against what a host reports: which commands are due, and what may be said of a decision.

Pure. Nothing here talks to a host. Three sources meet: what ought to be in force (`desired`), what the
host shows (`host_state`), and what our outbox says we did (`Turned`). Only knobs that we turned are ever
undone: a queue that an operator paused by hand stays paused.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

import attrs

from ignite_domain.governance import commands
from ignite_domain.governance.commands import PmtaCommand, Verb
from ignite_domain.governance.desired import INCLUDE, RELOAD, Desired, Knob, KnobKind
from ignite_domain.governance.host_state import HostState
from ignite_domain.governance.words import Action, Decision, DecisionStatus

RELOAD_EVERY: Final = timedelta(minutes=1)
"""One reload a minute at most, all changes coalesced (design page, "Control")."""
RETRY_AFTER: Final = timedelta(minutes=1)
"""A command that failed is tried again after this."""
REFUSED_AGAIN: Final = timedelta(minutes=10)
"""The same include file is not offered again before this: PMTA's mind about a text does not change soon."""

_ON: Final = frozenset({Verb.PAUSE_QUEUE, Verb.PAUSE_JOB, Verb.DISABLE_SOURCE})


@attrs.frozen
class Turned:
    """What the outbox last knows of one knob.

    `on`: turned by us (for the include file: written). `at`: when the last success ended; None: never.
    `decision` and `generation` are of that success. `failed_at` and `failure`: of the last attempt, if that
    failed; `failed_sha256`: of the text it failed with.
    """

    on: bool = False
    at: datetime | None = None
    decision: int | None = None
    generation: int | None = None
    sha256: str | None = None
    failed_at: datetime | None = None
    failure: str = ""
    failed_sha256: str | None = None


NEVER: Final = Turned()


@attrs.frozen
class Planned:
    """A command that is due. `decision` is who asks for it (None: reconcile); `decisions` are all it serves."""

    knob: str
    command: PmtaCommand
    decision: int | None
    decisions: tuple[int, ...]


@attrs.frozen
class Stamp:
    """What may be said of a decision now. `generation` None: leave it as it is. `ended`: it has had its day.

    `rung`, `rung_at`: of a throttle's rate, the rung that the host has and since when. `word` False: only that is new.
    """

    decision: int
    status: DecisionStatus
    note: str = ""
    generation: int | None = None
    ended: bool = False
    rung: int | None = None
    rung_at: datetime | None = None
    word: bool = True


def turns_on(command_argv: Sequence[str]) -> bool:
    """Whether a command of the outbox puts a restriction (or the include file) in force."""
    text = " ".join(command_argv)
    return (
        any(f" {verb} " in f" {text} " for verb in _ON)
        or "--mode=backoff" in command_argv
        or Verb.PUT_INCLUDE.value in command_argv
        or Verb.RELOAD.value in command_argv
    )


def in_force(knob: Knob, host: HostState) -> bool | None:
    """Whether the host shows the knob turned; None if it shows nothing that the knob is about."""
    match knob.kind:
        case KnobKind.JOB:
            return True if knob.target in host.jobs else False if knob.target in host.running else None
        case KnobKind.SOURCE:
            return (knob.ip, knob.target) in host.disabled
        case KnobKind.QUEUE | KnobKind.MODE:
            shown = {name for name in host.queues if covers(knob.target, name)}
            if not shown:
                return None
            return shown <= (host.paused if knob.kind is KnobKind.QUEUE else host.backoff)


def covers(pattern: str, queue: str) -> bool:
    """Whether PMTA's `domain/vmta` form, either part of which may be `*`, names this queue."""
    domain, _, vmta = pattern.partition("/")
    name, _, of = queue.partition("/")
    return fnmatchcase(name, domain) and fnmatchcase(of, vmta)


def waiting_behind(decision: Decision, wanted: Desired, host: HostState) -> dict[str, int]:
    """Recipients that wait in what a decision has closed, by queue (or job); nothing where the host does not say."""
    found: dict[str, int] = {}
    for name in wanted.knobs_of.get(decision.id or 0, ()):
        if name in (INCLUDE, RELOAD):
            continue
        knob = Knob.parse(name)
        if knob.kind is KnobKind.JOB:
            found |= {job: count for job, count in host.waiting.items() if job == knob.target and count}
        else:
            found |= {
                queue: n for queue, n in host.waiting.items() if n and "/" in queue and covers(knob.target, queue)
            }
    return found


def plan(
    wanted: Desired, host: HostState, turned: Mapping[str, Turned], now: datetime, *, install: bool = False
) -> list[Planned]:
    """Return the commands that are due: restrictions, the include file, what is lifted, what that opened too wide.

    `install`: write the include file although the outbox says that the host has it (first step after a
    start). What a probe lifts waits until the probe's rate is in force. Deterministic.
    """
    due = _restrictions(wanted, host, turned, now)
    include, settled = _include(wanted, turned, now, install)
    lifted = _liftings(wanted, host, turned, now, rates_in_force=settled or bool(include))
    return due + include + lifted + _held_on(wanted, lifted)


def _restrictions(wanted: Desired, host: HostState, turned: Mapping[str, Turned], now: datetime) -> list[Planned]:
    due: list[Planned] = []
    for name, want in sorted(wanted.wants.items()):
        last = turned.get(name, NEVER)
        shown = in_force(want.knob, host)
        standing = shown is True or (shown is None and last.on)
        expiring = (
            want.knob.kind is KnobKind.SOURCE and last.on and last.at is not None and now >= last.at + want.renewal
        )
        foreign = standing and not last.on  # somebody else did it: ours still needs its own command and undo
        if (not standing or expiring or foreign) and not _too_soon(last, now):
            due.append(Planned(name, want.knob.turn(want.reenable_after), want.decisions[0], want.decisions))
    return due


def _include(wanted: Desired, turned: Mapping[str, Turned], now: datetime, install: bool) -> tuple[list[Planned], bool]:
    """The commands for the include file, and whether the host has the wanted one already."""
    put, loaded = turned.get(INCLUDE, NEVER), turned.get(RELOAD, NEVER)
    sha = wanted.include.sha256
    same = put.on and put.sha256 == sha
    in_use = same and loaded.at is not None and put.at is not None and loaded.at >= put.at
    if in_use and not install:
        return [], True
    last = max((at for at in (loaded.at, loaded.failed_at) if at is not None), default=None)
    if last is not None and now < last + RELOAD_EVERY:
        return [], False
    if put.failed_at is not None and put.failed_sha256 == sha and now < put.failed_at + REFUSED_AGAIN:
        return [], False
    owners = _asking(wanted)
    first = owners[0] if owners and not same else None
    return [
        Planned(INCLUDE, commands.put_include(wanted.include.text), first, owners),
        Planned(RELOAD, commands.reload(), first, owners),
    ], False


def _asking(wanted: Desired) -> tuple[int, ...]:
    """Whoever shapes the file, and whoever undoes a decision (which may have shaped it before), latest first."""
    return tuple(sorted({*wanted.include.decisions, *wanted.lifting.values()}, reverse=True))


def _is_turned(name: str, last: Turned, host: HostState) -> bool:
    """Whether a knob that we turned may still be in force: the backstop gives a source back without a word."""
    if not last.on:
        return False
    knob = Knob.parse(name)
    return knob.kind is not KnobKind.SOURCE or in_force(knob, host) is not False


def _liftings(
    wanted: Desired, host: HostState, turned: Mapping[str, Turned], now: datetime, *, rates_in_force: bool
) -> list[Planned]:
    due: list[Planned] = []
    for name, last in sorted(turned.items()):
        if name in (INCLUDE, RELOAD) or not _is_turned(name, last, host) or name in wanted.wants:
            continue
        if last.failed_at is not None and now < last.failed_at + RETRY_AFTER:
            continue
        by = wanted.lifting.get(last.decision) if last.decision is not None else None
        if last.decision in wanted.probing and not rates_in_force:
            continue
        asks = by if by is not None else last.decision
        due.append(Planned(name, Knob.parse(name).undo(), asks, () if asks is None else (asks,)))
    return due


def _held_on(wanted: Desired, lifted: Sequence[Planned]) -> list[Planned]:
    """What must be said again at once: to resume one queue opens it for the halt of its provider too, which stands."""
    gone = [Knob.parse(one.knob) for one in lifted]
    return [
        Planned(name, want.knob.turn(want.reenable_after), want.decisions[0], want.decisions)
        for name, want in sorted(wanted.wants.items())
        if any(_overlap(want.knob, knob) for knob in gone)
    ]


def _overlap(one: Knob, other: Knob) -> bool:
    """Whether there may be a queue that both are about."""
    if one.kind is not other.kind or one.ip != other.ip:
        return False
    parts = zip(one.target.split("/"), other.target.split("/"), strict=False)
    return all(fnmatchcase(a, b) or fnmatchcase(b, a) for a, b in parts)


def _too_soon(last: Turned, now: datetime) -> bool:
    """Whether the last attempt, good or bad, is too young for another: the host may not show it yet."""
    tries = [at for at in (last.failed_at, last.at if last.on else None) if at is not None]
    return bool(tries) and now < max(tries) + RETRY_AFTER


def describe(knob: Knob, host: HostState) -> str:
    """The read-back of a command, in words for the outbox."""
    shown = in_force(knob, host)
    if shown is None:
        return "the host shows nothing that it is about"
    return "shown in force" if shown else "not shown in force"


def stamps(
    standing: Iterable[tuple[Decision, int | None]],
    wanted: Desired,
    host: HostState,
    turned: Mapping[str, Turned],
) -> list[Stamp]:
    """Return what is to be written on decisions; those whose word would not change are left out.

    `standing` pairs a decision with the generation that it carries already. verified: every knob of it is
    shown in force. applied: every knob was turned with exit status 0, not (all) shown. failed: a knob could
    not be turned; the note says what the host said. A release, or the lifting half of a probe, is verified
    once nothing that it lifts is turned any more.
    """
    found: list[Stamp] = []
    for decision, generation in standing:
        assert decision.id is not None
        stamp = _stamp(decision, generation, wanted, host, turned)
        if stamp is None:
            continue
        word = (
            stamp.status is not decision.status
            or stamp.ended
            or (stamp.generation is not None and stamp.generation != generation)
        )
        if word or (stamp.rung is not None and stamp.rung != decision.parameters.get("applied_rung")):
            found.append(attrs.evolve(stamp, word=word))
    return found


def _stamp(
    decision: Decision,
    generation: int | None,
    wanted: Desired,
    host: HostState,
    turned: Mapping[str, Turned],
) -> Stamp | None:
    assert decision.id is not None
    number = decision.id
    if number in wanted.refused:
        return Stamp(number, DecisionStatus.FAILED, wanted.refused[number])
    if decision.action is Action.RELEASE:
        return _release(decision, generation, wanted, host, turned)
    names = wanted.knobs_of.get(number)
    if not names:
        return None
    if decision.action is Action.PROBE and _still_turned(decision, wanted, host, turned):
        return _failed(number, [turned[name] for name in _still_turned(decision, wanted, host, turned)])
    results = {name: _standing(name, wanted, host, turned) for name in names}
    if any(result is None for result in results.values()):
        return _failed(number, [_last(name, turned) for name, result in results.items() if result is None])
    latest = max((turned[name].generation or 0 for name in names), default=0)
    status = DecisionStatus.VERIFIED if all(results.values()) else DecisionStatus.APPLIED
    if status is DecisionStatus.APPLIED and decision.status is DecisionStatus.VERIFIED:
        return None  # it was seen in force; that its queue is empty now takes nothing back
    rung = wanted.rungs.get(number) if status is DecisionStatus.VERIFIED else None
    return Stamp(number, status, "", latest or None, rung=rung, rung_at=turned.get(RELOAD, NEVER).at)


def _standing(name: str, wanted: Desired, host: HostState, turned: Mapping[str, Turned]) -> bool | None:
    """True: shown in force. False: turned, and the host shows nothing to see it by. None: not in force."""
    last = turned.get(name, NEVER)
    if name == INCLUDE:
        loaded = turned.get(RELOAD, NEVER)
        ours = last.on and last.sha256 == wanted.include.sha256
        good = ours and loaded.at is not None and last.at is not None and loaded.at >= last.at
        return True if good else None
    shown = in_force(wanted.wants[name].knob, host)
    if not last.on or shown is False:
        return None
    return shown is True


def _last(name: str, turned: Mapping[str, Turned]) -> Turned:
    put, loaded = turned.get(name, NEVER), turned.get(RELOAD, NEVER)
    return loaded if name == INCLUDE and put.failed_at is None else put


def _failed(number: int, lasts: Sequence[Turned]) -> Stamp | None:
    """A failure if an attempt failed; else nothing yet: the command is still to come."""
    for last in lasts:
        if last.failed_at is not None:
            return Stamp(number, DecisionStatus.FAILED, last.failure)
    return None


def _still_turned(decision: Decision, wanted: Desired, host: HostState, turned: Mapping[str, Turned]) -> list[str]:
    of = decision.parameters.get("of")
    return [
        name
        for name, last in sorted(turned.items())
        if last.decision == of
        and name not in (INCLUDE, RELOAD)
        and name not in wanted.wants
        and _is_turned(name, last, host)
    ]


def _release(
    decision: Decision,
    generation: int | None,
    wanted: Desired,
    host: HostState,
    turned: Mapping[str, Turned],
) -> Stamp | None:
    assert decision.id is not None
    still = _still_turned(decision, wanted, host, turned)
    if still:
        return _failed(decision.id, [turned[name] for name in still])
    put, loaded = turned.get(INCLUDE, NEVER), turned.get(RELOAD, NEVER)
    if put.sha256 != wanted.include.sha256 or loaded.at is None or put.at is None or loaded.at < put.at:
        return _failed(decision.id, [_last(INCLUDE, turned)])
    if any(
        in_force(Knob.parse(name), host)
        for name, last in turned.items()
        if last.decision == decision.id and not last.on
    ):
        return Stamp(decision.id, DecisionStatus.FAILED, "undone, and the host still shows it in force")
    if generation is None:
        return Stamp(decision.id, DecisionStatus.RELEASED, "nothing of it stood at the MTA", ended=True)
    return Stamp(decision.id, DecisionStatus.VERIFIED, "", ended=True)

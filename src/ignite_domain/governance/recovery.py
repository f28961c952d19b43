"""The way back: what happens when a lifetime ends, and what a probe's outcomes say.

Decides probes, releases and holds; a lifetime that ends becomes a probe, never a release. A throttle whose rate is
steered is its own probe: it goes when the rate binds no more (`steering.Steering.way_out`), until then it stays. A
stop of dead addresses or refusals (`HALTS`) comes back in two steps: to a tenth of the rate after the probe, whole
after enough good outcomes.
Source: governance page, "Hysteresis and recovery".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from ignite_domain.governance.held import ADDRESSED, held_of
from ignite_domain.governance.ports import StatusChange
from ignite_domain.governance.rules import (
    MAX_LIFETIME,
    PROBE_LIFETIME,
    PROBE_MESSAGES,
    PROBE_TEST,
    ProbeTest,
)
from ignite_domain.governance.signals import ELSEWHERE, HOST, SignalProcessor
from ignite_domain.governance.steering import Steering, is_steered
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import (
    PMTA_LEVER,
    Action,
    AgentKind,
    Decision,
    DecisionStatus,
    Signal,
    TargetType,
    awaits,
    is_persons,
)
from ignite_domain.inference import clopper_pearson, is_surely_below
from ignite_domain.isps import Isp

LEVERS: Final = PMTA_LEVER - {Action.PROBE, Action.RELEASE}
WAITS: Final = "waits_for_mail_since"
"""Parameter of a probe that nothing has come for: since when it says so; empty once mail has come."""
EARLY: Final = "probed_early"
"""Parameter of what has been probed before its time, for the mail that it held."""
HALTS: Final = frozenset({Action.EMERGENCY_HALT, Action.PAUSE_QUEUE})
"""What is released in two steps."""
FIRST_STEP: Final = 0.1
"""Share of the unrestricted rate that the first step lets out."""
WHOLE_OUTCOMES: Final = 200
WHOLE_BOUND: Final = 0.05
"""A halt is lifted whole when so many outcomes have a one-sided 95 % Clopper-Pearson bound below this."""


Wanted = Callable[[Decision], str]
"""Which other agent still wants a restriction, in words; "" if none does."""
Silenced = Callable[[Decision], str]
"""Why nothing may be done at the MTA about a decision, in words; "" if it may."""


@attrs.define
class WayBack:
    """What the end of lifetimes asks for. `ended`: ids of decisions that are over."""

    decisions: list[tuple[Decision, str]] = attrs.field(factory=list)  # with a note
    changes: list[StatusChange] = attrs.field(factory=list)
    ended: set[int] = attrs.field(factory=set)
    wanted: "Wanted" = attrs.field(default=lambda decision: "")

    def end(self, decision: Decision, status: DecisionStatus, note: str) -> None:
        assert decision.id is not None
        self.ended.add(decision.id)
        self.changes.append(StatusChange(decision.id, status, note))

    def say(self, decision: Decision, note: str, parameters: Mapping[str, Any], until: datetime | None) -> None:
        """Something that people hear of, without another status."""
        assert decision.id is not None
        self.changes.append(StatusChange(decision.id, None, note, until=until, parameters=parameters))


def way_back(
    standing: Sequence[Decision],
    signals: SignalProcessor,
    now: datetime,
    steering: Steering,
    edge: datetime,
    dwell: timedelta,
    silenced: Silenced = lambda decision: "",
    wanted: Wanted = lambda decision: "",
) -> WayBack:
    """Let lifetimes end, and judge the probes that are out. A steered throttle that has to stay stays for `dwell`.

    `edge`: how far the log has been read. What is `silenced` is held, neither probed nor judged nor released; a
    release that is not everybody's wish (`wanted`) waits. While a probe or release of something waits for a person,
    nothing else is decided about that.
    """
    found = WayBack(wanted=wanted)
    by_id = {one.id: one for one in standing}
    lifting = {one.parameters.get("of") for one in standing if one.action in (Action.PROBE, Action.RELEASE)}
    answered = {one.parameters.get("of") for one in standing if one.action is Action.RELEASE or _asks_to_loosen(one)}
    for one in standing:
        if one.action is Action.RELEASE:
            continue  # the executor ends it together with what it undoes
        if one.action is Action.PROBE:
            if one.parameters.get("of") in answered:
                continue  # its verdict has been given
            if silenced(one):
                continue
            undone = by_id.get(one.parameters.get("of"))
            if undone is None:
                found.end(one, DecisionStatus.EXPIRED, "what it would undo has ended already")
            elif one.status is not DecisionStatus.APPROVED:  # else it is not on the host yet: nothing to judge
                _judge(one, undone, signals, now, steering.probe, found)
        elif one.id in lifting or awaits(one):
            continue
        elif now < one.until:
            if _expires_first(one, now, dwell) and not silenced(one) and not _asked_until(one, signals, now):
                note = "probed before its time: the mail that it holds would expire"
                found.say(one, note, {EARLY: now.isoformat()}, None)
                found.decisions.append((_probe(one, now), note))
        elif one.action not in LEVERS or one.status is DecisionStatus.PROPOSED:
            found.end(one, DecisionStatus.EXPIRED, "its lifetime has ended")
        elif why := silenced(one):
            _stay(one, f"held, neither probed nor released: {why}", now + dwell, found)
        elif asked := _asked_until(one, signals, now):
            if asked > one.until:  # else it has been said, and its mail has to wait for that
                _stay(one, f"held: replies ask to wait until {asked:%d %b %H:%M} UTC", asked, found)
        elif is_steered(one):
            _steered(one, signals, now, steering, edge, dwell, found)
        else:
            found.decisions.append((_probe(one, now), "its lifetime has ended"))
    return found


def _asks_to_loosen(one: Decision) -> bool:
    return one.action is Action.PROBE and awaits(one)


def _expires_first(one: Decision, now: datetime, dwell: timedelta) -> bool:
    """Whether the mail that waits for an address would expire before its lifetime ends. Asked once, after its dwell:
    what such a probe finds refused is held like anything else. A person has said for how long."""
    waiting = held_of(one)
    if one.action not in ADDRESSED or one.status is DecisionStatus.PROPOSED or waiting is None or is_persons(one):
        return False
    return EARLY not in one.parameters and max(waiting.alert, one.at + dwell) <= now


def _asked_until(one: Decision, signals: SignalProcessor, now: datetime) -> datetime | None:
    """Until when replies at an agent's target ask to wait, if they still do: stated waiting times are minimums. Not
    asked of the whole host, nor of what a person has decided, who has said for how long."""
    if is_persons(one) or one.target_type is TargetType.HOST:
        return None
    asked = signals.asked_until(*scope_of(one))
    return asked if asked > now else None


def _stay(one: Decision, note: str, until: datetime, found: WayBack) -> None:
    assert one.id is not None
    found.changes.append(StatusChange(one.id, None, note, until=until))


def _steered(
    one: Decision,
    signals: SignalProcessor,
    now: datetime,
    steering: Steering,
    edge: datetime,
    dwell: timedelta,
    found: WayBack,
) -> None:
    free, text, seen = steering.way_out(one, signals, edge)
    if free and (who := found.wanted(one)):
        _stay(one, f"{text}; {who}", now + dwell, found)
    elif free:
        found.decisions.append((_release(None, one, seen, text, now), ""))
        _begin_afresh(one, signals)
    else:
        _stay(one, text, now + dwell, found)


def _judge(
    probe: Decision, undone: Decision, signals: SignalProcessor, now: datetime, test: ProbeTest, found: WayBack
) -> None:
    seen = outcomes_of(undone, signals, probe.at)
    verdict = sprt(seen, test)
    waits = bool(probe.parameters.get(WAITS))
    over = now >= probe.until and not waits
    second = "factor" in probe.parameters
    decided = over and seen.n >= test.few and not second
    if verdict == "bad" or (decided and seen.share > test.p_good * 2):
        _hold(probe, undone, seen, now, found)
    elif not seen.n:
        if over:  # told once: what it waits for may not come for weeks
            _wait_for_mail(probe, now, found)
    elif waits and verdict is None:
        note = f"mail came: {seen.n} outcome{'s' * (seen.n > 1)} so far"
        found.say(probe, note, {WAITS: ""}, now + PROBE_LIFETIME)
    elif second:
        _judge_tenth(probe, undone, seen, now, signals, found)
    elif verdict == "good" or decided:
        text = f"the probe was accepted: {seen.n - seen.x} of {seen.n}"
        if undone.action in HALTS:
            found.end(probe, DecisionStatus.SUPERSEDED, text)
            found.decisions.append((_tenth(undone, seen, text, now), "the first of two steps"))
        else:
            _let_go(probe, undone, seen, text, now, signals, found)
    elif over:
        note = f"only {seen.n} outcomes to judge by so far"
        _stay(probe, note, now + PROBE_LIFETIME, found)


def _wait_for_mail(probe: Decision, now: datetime, found: WayBack) -> None:
    rate = "a tenth of the rate" if "factor" in probe.parameters else f"{PROBE_MESSAGES} messages in 15 minutes"
    note = (
        f"waits for mail: none since {probe.at:%d %b %H:%M} UTC. It is open at {rate}; the first outcomes of the next "
        "mail decide: accepted, it is released, refused, it is held again"
    )
    found.say(probe, note, {WAITS: now.isoformat()}, None)


def _judge_tenth(
    probe: Decision, undone: Decision, seen: Seen, now: datetime, signals: SignalProcessor, found: WayBack
) -> None:
    """The second judgement of a halt: enough outcomes at a tenth of the rate, and hardly any of them bad."""
    if seen.n >= WHOLE_OUTCOMES and is_surely_below(seen.x, seen.n, WHOLE_BOUND):
        upper = clopper_pearson(seen.x, seen.n, sides=1)[1]
        text = f"a tenth of the rate was accepted: {seen.n - seen.x} of {seen.n}, at most {100 * upper:.1f} % go wrong"
        _let_go(probe, undone, seen, text, now, signals, found)
    elif now >= probe.until:
        if seen.n < WHOLE_OUTCOMES:
            note = f"stays at a tenth of the rate: {seen.n} of {WHOLE_OUTCOMES} outcomes so far"
        else:
            upper = clopper_pearson(seen.x, seen.n, sides=1)[1]
            note = f"stays at a tenth of the rate: of {seen.n} outcomes up to {100 * upper:.1f} % go wrong"
        _stay(probe, note, now + PROBE_LIFETIME, found)


def _hold(probe: Decision, undone: Decision, seen: Seen, now: datetime, found: WayBack) -> None:
    text = f"the probe was refused: {seen.x} of {seen.n} not accepted"
    found.end(probe, DecisionStatus.EXPIRED, text)
    # all in all, from its beginning: twice what it has lived on top of that would be 1, 3, 9 lifetimes, and a block of
    # four hours would be noticed to be over after ten
    again = min(now - undone.at, MAX_LIFETIME)
    assert undone.id is not None
    found.changes.append(StatusChange(undone.id, None, f"{text}; held twice as long", until=now + again))


def _let_go(
    probe: Decision, undone: Decision, seen: Seen, text: str, now: datetime, signals: SignalProcessor, found: WayBack
) -> None:
    if who := found.wanted(undone):
        _stay(probe, f"{text}; {who}", max(probe.until, now + PROBE_LIFETIME), found)
        return
    found.decisions.append((_release(probe, undone, seen, text, now), ""))
    _begin_afresh(undone, signals)


def sprt(seen: Seen, test: ProbeTest = PROBE_TEST) -> str | None:
    """Wald's test on a probe's outcomes: "good", "bad", or None while it must go on."""
    weight = seen.x * math.log(test.p_bad / test.p_good) + (seen.n - seen.x) * math.log(
        (1 - test.p_bad) / (1 - test.p_good)
    )
    if weight >= test.accept:
        return "bad"
    if weight <= -test.accept and seen.n >= test.least:
        return "good"
    return None


def scope_of(decision: Decision) -> tuple[str, str, str]:
    """Where a decision's target is counted: (provider, scope type, scope)."""
    label = decision.isp.value if decision.isp else ELSEWHERE
    match decision.target_type:
        case TargetType.HOST:
            return HOST, "host", HOST
        case TargetType.QUEUE if "*" in decision.target:
            return label, "isp", label  # several queues: counted are single ones
        case TargetType.IP | TargetType.JOB | TargetType.QUEUE:
            return label, decision.target_type.value, decision.target
        case _:
            return label, "isp", label


def outcomes_of(decision: Decision, signals: SignalProcessor, since: datetime) -> Seen:
    """Attempts (all, retries included) and those that went wrong at a decision's target since an instant.

    Wrong is what is not accepted for a reason of ours; for a decision about dead addresses they count too. A job
    stands still for its list: what a provider defers says nothing about that, and must not hold it everywhere else.
    The host stands still for what many providers find wrong: without the one that takes least, or that one's own
    trouble would hold all others.
    """
    scope = scope_of(decision)
    seen = _but_the_worst(signals, since) if scope[0] == HOST else signals.since(*scope, Signal.ATTEMPT, since)
    if decision.target_type is TargetType.JOB:
        seen = Seen(seen.n, signals.since(*scope, Signal.REFUSAL, since).x)
    dead = signals.since(*scope, Signal.BOUNCE, since).x if decision.agent is AgentKind.EMERGENCY else 0
    return Seen(seen.n, seen.x + dead)


def _but_the_worst(signals: SignalProcessor, since: datetime) -> Seen:
    """All attempts of the host, of what went wrong only what did so at other providers than the worst one."""
    whole = signals.since(HOST, "host", HOST, Signal.ATTEMPT, since)
    labels = (*(isp.value for isp in Isp), ELSEWHERE)
    worst = max((signals.since(label, "isp", label, Signal.ATTEMPT, since) for label in labels), key=lambda one: one.x)
    if worst.n >= whole.n:
        return whole  # there is no other
    return Seen(whole.n - worst.x, whole.x - worst.x)


def _begin_afresh(undone: Decision, signals: SignalProcessor) -> None:
    """Reset the alarms at what is released, at the provider, and, if that is released, at all that is in it. A job
    stood still everywhere: what another provider's alarm knows of it is from before."""
    scope = scope_of(undone)
    label = scope[0]
    signals.reset(*scope)
    if label == HOST:
        return
    if undone.target_type is TargetType.JOB:
        for other in (*(isp.value for isp in Isp), ELSEWHERE):
            signals.reset(other, "job", undone.target)
    signals.reset(label, "isp", label)
    if scope[1] == "isp":
        for kind in ("ip", "job"):
            for name in signals.scopes(label, kind):
                signals.reset(label, kind, name)


CALLED: Final[Mapping[Action, str]] = {
    Action.PAUSE_JOB: "job's pause",
    Action.PAUSE_QUEUE: "queues' pause",
    Action.DISABLE_SOURCE: "address's suspension",
    Action.QUARANTINE_IP: "quarantine",
    Action.EMERGENCY_HALT: "halt",
}
"""What people call what stands, where the action's word is none for it."""


def _probe(undone: Decision, now: datetime) -> Decision:
    return Decision(
        at=now,
        until=now + PROBE_LIFETIME,
        isp=undone.isp,
        agent=undone.agent,
        action=Action.PROBE,
        target_type=undone.target_type,
        target=undone.target,
        reason=f"the time of the {CALLED.get(undone.action, undone.action.value)} is over; "
        f"{PROBE_MESSAGES} messages will tell whether to release it",
        rule="lifetime@1",
        evidence={"of": undone.id, "since": undone.at.isoformat()},
        parameters=_probe_parameters(undone),
        status=DecisionStatus.APPROVED,
    )


def _probe_parameters(undone: Decision) -> Mapping[str, float | int | None]:
    return {"of": undone.id, "messages": PROBE_MESSAGES}


def _tenth(undone: Decision, seen: Seen, text: str, now: datetime) -> Decision:
    return attrs.evolve(
        _probe(undone, now),
        reason=f"{text}; let out at a tenth of the rate until {WHOLE_OUTCOMES} outcomes are in",
        rule="probe@1",
        evidence={"n": seen.n, "x": seen.x, "of": undone.id},
        parameters={"of": undone.id, "factor": FIRST_STEP},
    )


def _release(probe: Decision | None, undone: Decision, seen: Seen, text: str, now: datetime) -> Decision:
    return Decision(
        at=now,
        until=now + PROBE_LIFETIME,
        isp=undone.isp,
        agent=undone.agent,
        action=Action.RELEASE,
        target_type=undone.target_type,
        target=undone.target,
        reason=text,
        rule="probe@1" if probe else "steered@1",
        evidence={"n": seen.n, "x": seen.x} | ({"probe": probe.id} if probe else {}),
        parameters={"of": undone.id},
        status=DecisionStatus.APPROVED,
    )

"""What would happen next at a provider: how far each rule is from acting, and what the end of each lifetime will ask.

Decides nothing and wishes nothing: it reads the same counts as the agents and says how much is missing. Who would be
blamed (an address, a job, the provider) is settled only when a rule acts, so of several places the nearest is told.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from ignite_domain.governance.recovery import FIRST_STEP, HALTS, LEVERS, WAITS, WHOLE_OUTCOMES, outcomes_of, sprt
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.rules import PROBE_MESSAGES, PROBE_TEST, ProbeTest, Rule, Scope, Test
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.steering import Steering, is_steered
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import Action, Decision, DecisionStatus, OnDeadline, Signal, awaits
from ignite_domain.inference import wilson_lower
from ignite_domain.isps import Isp

_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


@attrs.frozen
class Measure:
    """One condition of a rule: it holds when `have` reaches `need`. Shares are shares, counts are counts."""

    what: str
    have: float
    need: float

    @property
    def way(self) -> float:
        """0 at nothing, 1 when it holds."""
        return min(1.0, max(0.0, self.have / self.need)) if self.need else 1.0


@attrs.frozen
class Prospect:
    """How far `rule` is from acting at the place that is nearest to it. `scope` is empty where nothing is counted.

    `seen`: n and x in the rule's own window. `note`: what else it waits for, in words.
    """

    rule: Rule
    scope: str
    seen: Seen
    measures: tuple[Measure, ...]
    note: str = ""
    places: int = 1

    @property
    def way(self) -> float:
        """How much of the way to acting is gone: the condition that lacks most decides."""
        return min((one.way for one in self.measures), default=0.0)


@attrs.frozen
class Ahead:
    """What the end of a decision's lifetime will ask, and what its probe says so far.

    `verdict`: good, bad, or None while more outcomes are needed; `weight` runs from −`accept` (good) to `accept` (bad).
    """

    decision: Decision
    then: str
    probe: Decision | None = None
    seen: Seen | None = None
    weight: float = 0.0
    accept: float = PROBE_TEST.accept
    verdict: str | None = None


def prospects(
    isp: Isp,
    rules: Sequence[Rule],
    signals: SignalProcessor,
    cold: Mapping[str, str],
    reported: Mapping[str, ReportedRate],
    now: datetime,
) -> list[Prospect]:
    """One for each rule that may speak about `isp`, in the order of `rules`. `cold`: addresses under the ladder."""
    found = []
    for rule in rules:
        if rule.scope is Scope.HOST:
            continue
        kind = "ip" if rule.scope is Scope.COLD else rule.scope.value
        names = [isp.value] if rule.scope is Scope.ISP else signals.scopes(isp.value, kind)
        if rule.scope is Scope.COLD:
            names = [name for name in names if name in cold]
        at = [_prospect(rule, isp.value, kind, name, signals, reported, now) for name in names]
        if at:
            nearest = max(at, key=lambda one: one.way)
            found.append(attrs.evolve(nearest, places=len(at)))
        else:
            what = "address under the warm-up ladder" if rule.scope is Scope.COLD else f"mail of any {kind}"
            found.append(Prospect(rule, "", Seen(), (), f"no {what} is counted here", 0))
    return found


def _prospect(
    rule: Rule,
    label: str,
    kind: str,
    name: str,
    signals: SignalProcessor,
    reported: Mapping[str, ReportedRate],
    now: datetime,
) -> Prospect:
    def seen_of(signal: Signal, seconds: int) -> Seen:
        return signals.seen(label, kind, name, signal, seconds, now)

    match rule.test:
        case Test.CUSUM:
            level = signals.level(label, kind, name, rule.signal)
            s = signals.statistic(label, kind, name, rule.signal)
            seen = seen_of(rule.signal, _DAY_S if rule.signal is Signal.COMPLAINT else _HOUR_S)
            more = math.ceil(max(0, level.alarm - s) / level.up)
            note = f"{more} more in a row would reach it" if more else "reached: acts on fresh evidence"
            return Prospect(rule, name, seen, (Measure("S", s, level.alarm),), note)
        case Test.SHARE:
            seen = seen_of(rule.signal, rule.window_s)
            lower = wilson_lower(seen.x, seen.n, rule.z)
            return Prospect(rule, name, seen, (Measure("events", seen.x, rule.at_least), _bound(lower, rule)))
        case Test.REPLY:
            said = signals.replies(label, kind, name, now)
            told = max((count for reply, count in said.values() if reply in rule.replies), default=0)
            seen = seen_of(Signal.ATTEMPT, rule.window_s)
            lower = wilson_lower(seen.x, seen.n, rule.z)
            return Prospect(rule, name, seen, (Measure("recipients told", told, rule.at_least), _bound(lower, rule)))
        case Test.SILENCE:
            seen, tried = seen_of(rule.signal, rule.window_s), seen_of(Signal.ATTEMPT, rule.window_s)
            accepted = tried.n - tried.x
            note = f"{accepted} accepted in the same time: it acts only when nothing is" if accepted > 0 else ""
            have = 0 if accepted > 0 else seen.x
            return Prospect(rule, name, seen, (Measure("events, none accepted", have, rule.at_least),), note)
        case Test.REPORTED:
            rate = reported.get(label)
            note = f"reported for {rate.domain} on {rate.day}" if rate else "no rate was imported for the last week"
            return Prospect(
                rule, name, Seen(), (Measure("reported rate", rate.rate if rate else 0.0, rule.limit),), note
            )
        case Test.TOGETHER:  # only of the host, which is no provider
            return Prospect(rule, name, Seen(), ())


def _bound(lower: float, rule: Rule) -> Measure:
    return Measure("lower bound of the share", lower, rule.limit)


def ahead(
    isp: Isp, standing: Sequence[Decision], signals: SignalProcessor, steering: Steering, now: datetime
) -> list[Ahead]:
    """What is to come of every decision in force or proposed at `isp`, probes and releases under what they undo."""
    probes = {one.parameters.get("of"): one for one in standing if one.action is Action.PROBE}
    releasing = {one.parameters.get("of") for one in standing if one.action is Action.RELEASE}
    found = []
    for one in standing:
        if one.isp is not isp or one.action in (Action.PROBE, Action.RELEASE, Action.SUPPRESS):
            continue
        if one.id in releasing:
            found.append(Ahead(one, "its release is on the way to the MTA"))
        elif (probe := probes.get(one.id)) and probe.status is not DecisionStatus.PROPOSED:
            found.append(_probed(one, probe, signals, steering.probe))
        elif probe and awaits(probe):
            found.append(Ahead(one, f"its probe (decision {probe.id}) waits for a person; meanwhile it stays"))
        else:
            found.append(Ahead(one, _end_of(one, signals, steering, now)))
    return found


def _probed(one: Decision, probe: Decision, signals: SignalProcessor, test: ProbeTest) -> Ahead:
    seen = outcomes_of(one, signals, probe.at)
    good = math.log((1 - test.p_bad) / (1 - test.p_good))
    weight = seen.x * math.log(test.p_bad / test.p_good) + (seen.n - seen.x) * good
    if "factor" in probe.parameters:
        then = f"at a tenth of the rate until {WHOLE_OUTCOMES} outcomes are in and hardly any is bad; then released"
    elif one.action in HALTS:
        then = f"accepted: let out at {FIRST_STEP:.0%} of the rate first; refused: held twice as long"
    else:
        then = "accepted: released; refused: held twice as long"
    if probe.parameters.get(WAITS) and not seen.n:
        then = f"waits for mail; when some comes: {then}"
    return Ahead(one, then, probe, seen, weight, test.accept, sprt(seen, test))


def _end_of(one: Decision, signals: SignalProcessor, steering: Steering, now: datetime) -> str:
    if awaits(one):
        safe = "carried out" if one.on_deadline is OnDeadline.APPLY else "rejected"
        return f"it waits for a person; at its deadline it is {safe}"
    if one.status is DecisionStatus.PROPOSED or one.action not in LEVERS:
        return "it ends; nothing is turned at the MTA"
    if is_steered(one):
        free, text, _ = steering.way_out(one, signals, now)
        return f"it would be released: {text}" if free else f"it stays for another dwell: {text}"
    return f"a probe: {PROBE_MESSAGES} messages will tell whether to release it"

"""E: the product's own code as a policy of the twin, and its ablations.

Decides nothing that production decides: `SignalProcessor`, the agents and the host watch, `Orchestrator`, `Steering`,
`way_back` and `desired` are the shipped ones. What is played here is the rest: the store (what stands, what was
released lately) and the executor, which confirms within the minute what `desired` says. `live` is the same with
accounting text and commands in between.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from ignite_app.scoreboard.constants import Constants, recovery_variants
from ignite_app.scoreboard.twin.policies import text_of
from ignite_app.scoreboard.twin.scene import BRANDS, IPS, JOBS, VMTAS
from ignite_app.scoreboard.twin.world import BASE, Levers, Queue, Row
from ignite_domain.governance.agents import HOST_WATCH, View, all_agents
from ignite_domain.governance.desired import Desired, KnobKind, Topology, desired
from ignite_domain.governance.include_file import BACKOFF_SHARE
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.orchestrator import REENTRY, Orchestrator, Settled
from ignite_domain.governance.outcomes import ADDRESS_KINDS, KINDS, NOTHING_MEANT, US_KINDS, meant_by
from ignite_domain.governance.ports import RateStep, StatusChange
from ignite_domain.governance.rates import RateControl, RateRules
from ignite_domain.governance.reconcile import covers
from ignite_domain.governance.recovery import LEVERS
from ignite_domain.governance.replies import suppresses
from ignite_domain.governance.rules import BY_AGENT, Rule, Scope, Test
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.steering import LADDER, Steering, WayOut
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import Action, Decision, DecisionStatus, Mode, Signal

START: Final = datetime(2026, 11, 3, tzinfo=UTC)
PER_HOUR: Final = int(60 * BASE)
MEDIAN: Final = timedelta(hours=2)
"""What the operator has set as his complaints' median delay."""
LOOK_AFTER: Final = timedelta(seconds=10)
DOMAINS: Final = {limiter: f"{limiter.value}.rollup" for limiter in BRANDS}
TOPOLOGY: Final = Topology(VMTAS, frozenset(DOMAINS.values()))
NAMES: Final = tuple(VMTAS)


@attrs.frozen
class Ablation:
    """What is taken away. `at_once`: lifetimes end in a release, without a probe."""

    constants: Constants = attrs.field(factory=Constants)
    control: RateRules = attrs.field(factory=RateRules)
    at_once: bool = False


def queue_name(queue: Queue) -> str:
    return f"{DOMAINS[queue[0]]}/{NAMES[queue[1]]}"


def moment(second: int) -> datetime:
    return START + timedelta(seconds=second)


def outcome(row: Row) -> Outcome:
    """What a row says, without a detour by text: see `governance.outcomes.outcome_of`."""
    kind, text = KINDS[row.kind], text_of(row)
    reply = text.reply if text and kind is not OutcomeKind.COMPLAINED else None
    meant = meant_by(reply, kind) if reply else NOTHING_MEANT
    return Outcome(
        moment(row.second),
        row.brand,
        kind,
        IPS[row.ip],
        JOBS[row.job],
        queue_name((row.limiter, row.ip)),
        f"r{row.number}",
        row.attempt == 1,
        reply is not None and reply.kind in ADDRESS_KINDS,
        reply is not None and kind is OutcomeKind.BOUNCED and reply.kind in US_KINDS,
        meant.kind,
        meant.rule,
        names=meant.names,
        asks_s=meant.asks_s,
    )


@attrs.define
class Decided:
    """All decisions so far, those that stand, and those that were released lately: a store in memory."""

    every: list[Decision] = attrs.field(factory=list)
    standing: dict[int, Decision] = attrs.field(factory=dict)
    released: list[tuple[datetime, Decision]] = attrs.field(factory=list)

    def lately(self, now: datetime) -> list[Decision]:
        return [one for at, one in self.released if at >= now - REENTRY]

    def take(
        self,
        new: Iterable[tuple[Decision, Mode, str]],
        changes: Iterable[StatusChange],
        steps: Iterable[RateStep],
        now: datetime,
    ) -> None:
        for step in steps:
            one = self.standing[step.decision_id]
            self.standing[step.decision_id] = attrs.evolve(one, parameters={**one.parameters, **step.parameters})
        for change in changes:
            changed = self.standing.get(change.decision_id)
            if changed is None:
                continue
            self.standing[change.decision_id] = attrs.evolve(
                changed,
                until=change.until or changed.until,
                parameters={**changed.parameters, **change.parameters},
            )
            if change.status is not None:
                self.end(change.decision_id, change.status, now)
        for decision, _, _ in new:
            if decision.status is DecisionStatus.REJECTED:
                continue
            number = len(self.every) + 1
            decision = attrs.evolve(decision, id=number)
            self.every.append(decision)
            self.standing[number] = decision

    def end(self, number: int, status: DecisionStatus, now: datetime) -> None:
        one = self.standing.pop(number)
        if status is DecisionStatus.RELEASED and one.action in LEVERS:
            self.released.append((now, attrs.evolve(one, status=status)))

    def released_by(self, release: Decision, now: datetime) -> None:
        """End what a release undoes, its probes, and the release itself."""
        undone = release.parameters.get("of")
        assert release.id is not None
        for number, one in list(self.standing.items()):
            probes = one.action is Action.PROBE and one.parameters.get("of") == undone
            if number == undone or probes:
                self.end(number, DecisionStatus.RELEASED, now)
        self.end(release.id, DecisionStatus.RELEASED, now)

    def confirm(self, rungs: Mapping[int, int], now: datetime) -> None:
        """Stamp what is in force as the executor does, with the rung that the host has."""
        for number, one in list(self.standing.items()):
            if one.status is DecisionStatus.APPROVED:
                one = attrs.evolve(one, status=DecisionStatus.VERIFIED)
            rung = rungs.get(number)
            if rung is not None and rung != one.parameters.get("applied_rung"):
                new = {"applied_rung": rung, "applied_at": int(now.timestamp())}
                one = attrs.evolve(one, parameters={**one.parameters, **new})
            self.standing[number] = one


class Product:
    """`look` counts, lets the agents look, settles, and confirms. `decided` holds what was decided."""

    def __init__(self, ablation: Ablation | None = None) -> None:
        self._ablation = ablation or Ablation()
        control = RateControl(self._ablation.control, LADDER)
        constants = self._ablation.constants
        kind = _AtOnce if self._ablation.at_once else Steering
        steering = kind(PER_HOUR, control, constants.probe)
        self.signals = SignalProcessor(complaint_median=MEDIAN)
        self.orchestrator = Orchestrator(lambda kind, isp: Mode.ACT, dwell=constants.dwell, steering=steering)
        self.decided = Decided()
        self._agents = [agent for agent in all_agents() if agent.isp in BRANDS]
        self._levers: tuple[Any, Levers] = (None, Levers())

    def look(self, minute: int, rows: Sequence[Row]) -> Levers:
        self.signals.observe([outcome(row) for row in rows])
        now = moment(60 * (minute + 1)) + LOOK_AFTER
        constants = self._ablation.constants
        view = View(self.signals, {}, now, rules=constants.rules, blame=constants.blame)
        wishes = [wish for agent in (*self._agents, HOST_WATCH) for wish in agent.evaluate(view)]
        standing = list(self.decided.standing.values())
        if not wishes and not standing:
            return self._levers_of(None)
        settled = self.orchestrator.settle(wishes, standing, self.signals, now, self.decided.lately(now), view.edge)
        settled = _without_probes(settled) if self._ablation.at_once else settled
        self.decided.take(settled.decisions, settled.changes, settled.rate_steps, now)
        for one in list(self.decided.standing.values()):
            if one.action is Action.RELEASE:
                self.decided.released_by(one, now)
        if minute % 360 == 0:
            self.signals.take_changes(now)  # nobody stores them; they must not pile up
        wanted = desired(self.decided.standing.values(), TOPOLOGY, base_rate=PER_HOUR)
        self.decided.confirm(wanted.rungs, now)
        return self._levers_of(wanted)

    def _levers_of(self, wanted: Desired | None) -> Levers:
        if wanted is None:
            return Levers()
        key = (wanted.include.text, tuple(sorted(wanted.wants)))
        if self._levers[0] != key:
            knobs = [want.knob for want in wanted.wants.values()]
            self._levers = (
                key,
                levers_of(
                    wanted.include.text,
                    paused=[knob.target for knob in knobs if knob.kind in (KnobKind.QUEUE, KnobKind.SOURCE)],
                    backoff=[knob.target for knob in knobs if knob.kind is KnobKind.MODE],
                    jobs=[knob.target for knob in knobs if knob.kind is KnobKind.JOB],
                ),
            )
        return self._levers[1].copy()

    def wrongly_suppresses(self, row: Row) -> bool:
        text = text_of(row)
        return text is not None and row.kind == "b" and every_live(row) and suppresses(text.reply) is not None


def every_live(row: Row) -> bool:
    return row.why is not None and row.why.value != "dead"


_LINE: Final = re.compile(r"<(virtual-mta|domain) ([^>]+)>|max-msg-rate (\d+)/h")


def levers_of(include: str, *, paused: Iterable[str], backoff: Iterable[str], jobs: Iterable[str]) -> Levers:
    """The twin's levers, of what a PMTA host has in force: its include file, and what is paused or in backoff."""
    rates: dict[tuple[str, str], int] = {}
    vmta = domain = ""
    for place, name, rate in _LINE.findall(include.replace("backoff-max-msg-rate", "backoff")):
        if place == "virtual-mta":
            vmta = name
        elif place == "domain":
            domain = name
        else:
            rates[domain, vmta] = int(rate)
    levers = Levers(jobs={JOBS.index(job) for job in jobs if job in JOBS})
    stopped, slowed = list(paused), list(backoff)
    for limiter in BRANDS:
        for ip in range(len(IPS)):
            queue = (limiter, ip)
            name = queue_name(queue)
            rate = rates.get((DOMAINS[limiter], NAMES[ip]), rates.get(("*", NAMES[ip]), PER_HOUR)) / 60
            if any(covers(pattern, name) for pattern in slowed):
                rate *= BACKOFF_SHARE
            if rate < BASE:
                levers.rates[queue] = rate
            if any(covers(pattern, name) for pattern in stopped):
                levers.paused.add(queue)
    return levers


# -- ablations


class _AtOnce(Steering):
    """A steered throttle goes when its lifetime is over."""

    def way_out(self, decision: Decision, signals: SignalProcessor, edge: datetime) -> WayOut:
        return WayOut(True, "its lifetime has ended", Seen())


def _without_probes(settled: Settled) -> Settled:
    decisions = tuple(
        (attrs.evolve(one, action=Action.RELEASE) if one.action is Action.PROBE else one, mode, note)
        for one, mode, note in settled.decisions
    )
    return attrs.evolve(settled, decisions=decisions)


def _by(change: Callable[[Rule], Rule]) -> Constants:
    return Constants(rules={kind: tuple(change(rule) for rule in rules) for kind, rules in BY_AGENT.items()})


def _counted(rule: Rule) -> Rule:
    """Five in an hour (or what the rule asks for in its own window), of however many."""
    if rule.test not in (Test.CUSUM, Test.SHARE) or rule.scope is Scope.COLD:
        return rule
    window = rule.window_s if rule.test is Test.SHARE else 3600
    return attrs.evolve(rule, test=Test.SHARE, limit=1e-9, at_least=max(5, rule.at_least), z=1e-9, window_s=window)


_LIMITS: Final = {Signal.BOUNCE: 0.05, Signal.DEFERRAL: 0.20, Signal.COMPLAINT: 0.0015, Signal.REFUSAL: 0.05}


def _by_window(rule: Rule) -> Rule:
    """The Wilson bound of an hour (complaints: a day) above the middle of what is tolerated and harmful."""
    if rule.test is not Test.CUSUM:
        return rule
    window = 86_400 if rule.signal is Signal.COMPLAINT else 3600
    return attrs.evolve(rule, test=Test.SHARE, limit=_LIMITS[rule.signal], at_least=5, window_s=window)


def _blames_provider(rule: Rule) -> Rule:
    """Whatever is found is the provider's."""
    if rule.scope not in (Scope.IP, Scope.JOB):
        return rule
    return attrs.evolve(rule, scope=Scope.ISP, action=_WIDE.get(rule.action, rule.action))


_WIDE: Final = {
    Action.PAUSE_JOB: Action.PAUSE_QUEUE,
    Action.QUARANTINE_IP: Action.PAUSE_QUEUE,
    Action.DISABLE_SOURCE: Action.PAUSE_QUEUE,
}


def _lives(share: float) -> Any:
    return lambda rule: attrs.evolve(rule, lifetime=min(rule.lifetime * share, timedelta(hours=24)))


def _limited(share: float) -> Any:
    return lambda rule: attrs.evolve(rule, limit=rule.limit * share) if rule.limit else rule


ABLATIONS: Final[Mapping[str, Ablation]] = {
    "no denominator": Ablation(_by(_counted)),
    "no CUSUM": Ablation(_by(_by_window)),
    "no memory": Ablation(control=RateRules(memory=False)),
    "no fast return": Ablation(control=RateRules(fast=1.0)),
    "no attribution": Ablation(_by(_blames_provider)),
    "no probing": Ablation(at_once=True),
    "lifetimes × 0.5": Ablation(_by(_lives(0.5))),
    "lifetimes × 1.5": Ablation(_by(_lives(1.5))),
    "limits of shares × 0.5": Ablation(_by(_limited(0.5))),
    "limits of shares × 1.5": Ablation(_by(_limited(1.5))),
    **{one.label: Ablation(one.constants) for one in recovery_variants()},
}
"""The rate controller's own constants, each × 0.5 and × 1.5, stand on its own page; those that decide what is found and
who is to blame are varied in `ablations`."""
STRUCTURAL: Final = tuple(list(ABLATIONS)[:6])
"""Those that take something away; the others change a constant."""

"""`Orchestrator`: validates what agents wish, settles conflicts, and turns it into changes of state.

Decides which wishes become decisions, and with which status; what happens when a lifetime ends is decided in
`recovery`. It writes nothing; the ingestor saves what it returns together with the records that caused it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.governance.ports import RateStep, StatusChange
from ignite_domain.governance.recovery import LEVERS, scope_of, way_back
from ignite_domain.governance.rules import MAX_LIFETIME, SIGNAL_OF
from ignite_domain.governance.signals import ELSEWHERE, HOST, SignalProcessor
from ignite_domain.governance.steering import MIN_FACTOR, Steering
from ignite_domain.governance.words import (
    OWNER,
    PMTA_LEVER,
    PRECEDENCE,
    RESTRICTIVENESS,
    Action,
    AgentKind,
    Decision,
    DecisionStatus,
    Mode,
    Signal,
    TargetType,
)
from ignite_domain.isps import Isp

STOPS: Final = frozenset({Action.PAUSE_QUEUE, Action.DISABLE_SOURCE, Action.QUARANTINE_IP, Action.EMERGENCY_HALT})
"""Actions that stop mail; one agent may stop only so much of a host without a person."""
COVERS_ALL: Final = frozenset({Action.EMERGENCY_HALT, Action.PAUSE_QUEUE})
DWELL: Final = timedelta(minutes=10)
MIN_EVENTS: Final = 5
REENTRY: Final = timedelta(hours=6)

ModeOf = Callable[[AgentKind, Isp | None], Mode]


@attrs.frozen
class Settled:
    """New decisions (each with its mode and a note), changes of old ones, and steps of throttles' rates."""

    decisions: tuple[tuple[Decision, Mode, str], ...] = ()
    changes: tuple[StatusChange, ...] = ()
    rate_steps: tuple[RateStep, ...] = ()


def _rank(decision: Decision) -> tuple[int, int]:
    """Smaller wins: restrictiveness first, agent precedence breaks ties."""
    order = RESTRICTIVENESS.index(decision.action) if decision.action in RESTRICTIVENESS else len(RESTRICTIVENESS)
    return order, PRECEDENCE.index(decision.agent)


def _key(decision: Decision) -> tuple[str, str, str, str]:
    isp = decision.isp.value if decision.isp else ""
    return isp, decision.action.value, decision.target_type.value, decision.target


def fault_of(decision: Decision) -> str | None:
    """Why a wish cannot be a decision at all, or None."""
    if not decision.at < decision.until <= decision.at + MAX_LIFETIME:
        return "its lifetime must be positive and at most a day"
    factor = decision.parameters.get("factor")
    if decision.action is Action.THROTTLE and not (isinstance(factor, int | float) and MIN_FACTOR <= factor < 1):
        return f"a throttle needs a factor from {MIN_FACTOR} to below 1"
    if not decision.reason or "@" not in decision.rule or not decision.evidence:
        return "it lacks reason, rule or evidence"
    if decision.isp is None and decision.target_type is not TargetType.HOST:
        return "a decision without a provider must be about the host"
    return None


@attrs.frozen
class Orchestrator:
    """`mode_of` says how far an agent may go; `max_stop_share` is the share of a host's attempts per hour that
    one agent may stop without a person (emergency excepted); `steering` sets the rates of throttles."""

    mode_of: ModeOf
    max_stop_share: float = 0.25
    dwell: timedelta = DWELL
    steering: Steering = attrs.field(factory=Steering)

    def settle(
        self,
        wishes: Sequence[Decision],
        standing: Sequence[Decision],
        signals: SignalProcessor,
        now: datetime,
        lately: Sequence[Decision] = (),
        edge: datetime | None = None,
    ) -> Settled:
        """Settle this step's wishes against the decisions that stand, steer the rates of throttles, and let lifetimes
        end.

        `lately`: what was released within `REENTRY`; the same restriction again lives twice as long each time.
        `edge`: how far the log has been read, if that is not to now.
        """
        edge = edge or now
        acting = {one.id for one in standing if self.mode_of(one.agent, one.isp) not in (Mode.OBSERVE, Mode.SHADOW)}
        steps = [step for step in self.steering.steer(standing, signals, edge) if step.decision_id in acting]
        standing = _with_rates(standing, steps)
        back = way_back(standing, signals, now, self.steering, edge, self.dwell)
        new = [(one, self.mode_of(one.agent, one.isp), note) for one, note in back.decisions]
        alive = [one for one in standing if one.id not in back.ended]
        for wish in sorted(wishes, key=_rank):
            self._settle_one(wish, alive, [one for one, _, _ in new], signals, now, edge, lately, new)
        return Settled(tuple(new), tuple(back.changes), tuple(steps))

    def _settle_one(
        self,
        wish: Decision,
        standing: Sequence[Decision],
        fresh: Sequence[Decision],
        signals: SignalProcessor,
        now: datetime,
        edge: datetime,
        lately: Sequence[Decision],
        new: list[tuple[Decision, Mode, str]],
    ) -> None:
        if fault_of(wish) is not None:
            new.append(
                (
                    attrs.evolve(wish, status=DecisionStatus.REJECTED),
                    self.mode_of(wish.agent, wish.isp),
                    str(fault_of(wish)),
                )
            )
            return
        if any(_key(one) == _key(wish) for one in fresh):
            return
        if any(_key(one) == _key(wish) for one in standing):
            return  # it stands already: nothing changes; a throttle's rate is steered
        if any(_covers(one, wish) for one in (*standing, *fresh)):
            return  # something more restrictive holds there already
        if any(_explains(one, wish, signals) for one in standing):
            return  # what it saw is what that decision is about
        wish = self._lengthen(self.steering.first(wish, signals, edge), lately)
        mode = self.mode_of(wish.agent, wish.isp)
        status, note = self._status(wish, mode, signals, now)
        new.append((attrs.evolve(wish, status=status), mode, note))

    def _lengthen(self, wish: Decision, lately: Sequence[Decision]) -> Decision:
        """Hysteresis: a restriction lives at least its dwell, and twice as long each time it comes back."""
        if wish.action not in LEVERS:
            return wish
        returns = sum(1 for one in lately if _key(one) == _key(wish))
        life = max(wish.until - wish.at, self.dwell) * 2 ** min(returns, 10)
        return attrs.evolve(wish, until=wish.at + min(life, MAX_LIFETIME))

    def _status(
        self, wish: Decision, mode: Mode, signals: SignalProcessor, now: datetime
    ) -> tuple[DecisionStatus, str]:
        owner = OWNER[wish.action]
        if owner is not wish.agent:
            return DecisionStatus.PROPOSED, f"a proposal to the {owner} agent, which owns this"
        if wish.isp is not None and wish.action in PMTA_LEVER and (by := signals.steered_by(wish.isp, now)):
            return DecisionStatus.PROPOSED, f"steered by {by}: its queues carry this provider's mail"
        if wish.action in STOPS and wish.agent is not AgentKind.EMERGENCY:
            share = _stop_share(wish, signals, now)
            if share > self.max_stop_share:
                return (
                    DecisionStatus.PROPOSED,
                    f"would stop {100 * share:.0f} % of the host's mail; a person must agree",
                )
        if wish.action is Action.WARN or (wish.action not in PMTA_LEVER and mode is Mode.ACT):
            return DecisionStatus.APPLIED, "takes effect inside"
        if mode is Mode.ACT:
            return DecisionStatus.APPROVED, ""
        if mode is Mode.SHADOW:
            return DecisionStatus.PROPOSED, ""  # the executor writes here what it would have sent
        return DecisionStatus.PROPOSED, f"mode {mode}: decided and recorded, not acted on"


def _with_rates(standing: Sequence[Decision], steps: Sequence[RateStep]) -> list[Decision]:
    new = {step.decision_id: step.parameters for step in steps}
    return [
        attrs.evolve(one, parameters={**one.parameters, **new[one.id]}) if one.id in new else one for one in standing
    ]


def _stop_share(wish: Decision, signals: SignalProcessor, now: datetime) -> float:
    label = wish.isp.value if wish.isp else ELSEWHERE
    scope = ("ip", wish.target) if wish.target_type is TargetType.IP else ("isp", label)
    part = signals.seen(label, *scope, Signal.ATTEMPT, 3600, now).n
    whole = signals.seen(HOST, "host", HOST, Signal.ATTEMPT, 3600, now).n
    return part / whole if whole else 0.0


def _covers(standing: Decision, wish: Decision) -> bool:
    """Whether a standing decision of the same provider (or the host) already does more than the wish."""
    if standing.status is DecisionStatus.PROPOSED or standing.action not in COVERS_ALL or wish.action not in LEVERS:
        return False
    same = standing.isp is wish.isp or standing.target_type is TargetType.HOST
    return same and _rank(standing)[0] < _rank(wish)[0]


def _explains(standing: Decision, wish: Decision, signals: SignalProcessor) -> bool:
    """Whether a wish about the whole provider rests on records that a narrower decision was taken on.

    After a job, an address or a VMTA has been stopped, the provider's alarm still holds their events. It needs new
    ones: `MIN_EVENTS` since that decision.
    """
    narrow = standing.target_type in (TargetType.JOB, TargetType.IP, TargetType.VMTA)
    if not narrow or wish.target_type is not TargetType.ISP or wish.action not in LEVERS:
        return False
    if standing.agent is not wish.agent or standing.isp is not wish.isp:
        return False
    signal = SIGNAL_OF.get(wish.rule.partition("@")[0], Signal.ATTEMPT)
    return signals.since(*scope_of(wish), signal, standing.at).x < MIN_EVENTS

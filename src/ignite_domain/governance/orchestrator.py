"""`Orchestrator`: validates what agents wish, settles conflicts, and turns it into changes of state.

Decides which wishes become decisions, and with which status; what happens when a lifetime ends is decided in
`recovery`. It writes nothing; the ingestor saves what it returns together with the records that caused it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.governance.ports import StatusChange
from ignite_domain.governance.recovery import LEVERS, outcomes_of, scope_of, way_back
from ignite_domain.governance.rules import MAX_LIFETIME, PROBE_TEST, SIGNAL_OF
from ignite_domain.governance.signals import ELSEWHERE, HOST, SignalProcessor
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
MIN_FACTOR: Final = 0.05
"""A rate is never cut below this share of the unrestricted one: a probe floor."""
DWELL: Final = timedelta(minutes=10)
DEEPER: Final = 0.7
"""A standing throttle whose alarm comes again after its dwell is cut by this factor."""
MIN_EVENTS: Final = 5
REENTRY: Final = timedelta(hours=6)

ModeOf = Callable[[AgentKind, Isp | None], Mode]


@attrs.frozen
class Settled:
    """New decisions (each with its mode and a note) and changes of old ones."""

    decisions: tuple[tuple[Decision, Mode, str], ...] = ()
    changes: tuple[StatusChange, ...] = ()


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
    one agent may stop without a person (emergency excepted)."""

    mode_of: ModeOf
    max_stop_share: float = 0.25
    dwell: timedelta = DWELL

    def settle(
        self,
        wishes: Sequence[Decision],
        standing: Sequence[Decision],
        signals: SignalProcessor,
        now: datetime,
        lately: Sequence[Decision] = (),
    ) -> Settled:
        """Settle this step's wishes against the decisions that stand, and let lifetimes end.

        `lately`: what was released within `REENTRY`; the same restriction again lives twice as long each time.
        """
        back = way_back(standing, signals, now)
        new = [(one, self.mode_of(one.agent, one.isp), note) for one, note in back.decisions]
        changes = back.changes
        alive = [one for one in standing if one.id not in back.ended]
        for wish in sorted(wishes, key=_rank):
            self._settle_one(wish, alive, [one for one, _, _ in new], signals, now, lately, new, changes)
        return Settled(tuple(new), tuple(changes))

    def _settle_one(
        self,
        wish: Decision,
        standing: Sequence[Decision],
        fresh: Sequence[Decision],
        signals: SignalProcessor,
        now: datetime,
        lately: Sequence[Decision],
        new: list[tuple[Decision, Mode, str]],
        changes: list[StatusChange],
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
        twin = next((one for one in standing if _key(one) == _key(wish)), None)
        if twin is not None and not self._deepens(twin, (*standing, *fresh), signals, now):
            return  # it stands already: nothing changes
        if any(_covers(one, wish) for one in (*standing, *fresh)):
            return  # something more restrictive holds there already
        if twin is None and any(_explains(one, wish, signals) for one in standing):
            return  # what it saw is what that decision is about
        if twin is not None:
            factor = max(MIN_FACTOR, round(float(twin.parameters.get("factor", 1.0)) * DEEPER, 3))
            wish = attrs.evolve(wish, parameters={**wish.parameters, "factor": factor})
            assert twin.id is not None
            changes.append(
                StatusChange(twin.id, DecisionStatus.SUPERSEDED, "the alarm came again: a deeper cut takes its place")
            )
        wish = self._lengthen(wish, lately)
        mode = self.mode_of(wish.agent, wish.isp)
        status, note = self._status(wish, mode, signals, now)
        new.append((attrs.evolve(wish, status=status), mode, note))

    def _deepens(self, twin: Decision, standing: Sequence[Decision], signals: SignalProcessor, now: datetime) -> bool:
        """Whether a throttle may be cut deeper: after its dwell, on what came since, not while it is probed."""
        if twin.action is not Action.THROTTLE or twin.status is DecisionStatus.PROPOSED:
            return False
        probed = any(one.parameters.get("of") == twin.id for one in standing)
        deep = float(twin.parameters.get("factor", 1.0)) <= MIN_FACTOR
        if probed or deep or now < twin.at + self.dwell:
            return False
        since = outcomes_of(twin, signals, twin.at)
        return since.x >= MIN_EVENTS and since.share > PROBE_TEST.p_good * 2

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

"""`Orchestrator`: validates what agents wish, settles conflicts, and turns it into changes of state.

Decides which wishes become decisions, with which status, and who has to be asked; what happens when a lifetime ends is
decided in `recovery`, what an answer or a deadline changes in `approvals`, which mode holds where in `modes`. It writes
nothing; the ingestor saves what it returns together with the records that caused it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.governance.approvals import ask, overdue
from ignite_domain.governance.modes import ACTS, Key, ModeOf, StopOf, key_of, silenced
from ignite_domain.governance.owners import put_to_owner
from ignite_domain.governance.ports import RateStep, StatusChange
from ignite_domain.governance.recovery import LEVERS, WayBack, scope_of, way_back
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
    OnDeadline,
    Signal,
    TargetType,
    awaits,
    is_persons,
)

STOPS: Final = frozenset({Action.PAUSE_QUEUE, Action.DISABLE_SOURCE, Action.QUARANTINE_IP, Action.EMERGENCY_HALT})
"""Actions that stop mail; one agent may stop only so much of a host without a person."""
STOPPED: Final = "stops"
"""In the evidence of such a decision: the share of the host's attempts of an hour that it stops."""
ROUNDING: Final = 0.0005
COVERS_ALL: Final = frozenset({Action.EMERGENCY_HALT, Action.PAUSE_QUEUE})
DWELL: Final = timedelta(minutes=10)
MIN_EVENTS: Final = 5
REENTRY: Final = timedelta(hours=6)


New = tuple[Decision, Mode, str]
"""A decision with the mode it was made in, and a note."""


@attrs.frozen
class Settled:
    """New decisions (each with its mode and a note), changes of old ones, and steps of throttles' rates."""

    decisions: tuple[New, ...] = ()
    changes: tuple[StatusChange, ...] = ()
    rate_steps: tuple[RateStep, ...] = ()


def _rank(decision: Decision) -> tuple[int, int]:
    """Smaller wins: restrictiveness first, agent precedence breaks ties."""
    order = RESTRICTIVENESS.index(decision.action) if decision.action in RESTRICTIVENESS else len(RESTRICTIVENESS)
    return order, PRECEDENCE.index(decision.agent)


def _order(wish: Decision) -> tuple[int, bool, int]:
    """Smaller is heard first: of two that are as restrictive the knob's owner, who may have its own reason."""
    restrictive, precedence = _rank(wish)
    return restrictive, wish.agent is not OWNER[wish.action], precedence


def _same_thing(one: Decision, other: Decision) -> bool:
    """Whether two decisions do the same to the same target, whoever wishes it."""
    return key_of(one)[1:] == key_of(other)[1:]


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


@attrs.define
class _Found:
    """What a step adds up to. `refused`: what agents may not wish again yet."""

    refused: frozenset[Key]
    new: list[New] = attrs.field(factory=list)
    changes: list[StatusChange] = attrs.field(factory=list)


@attrs.frozen
class Orchestrator:
    """`mode_of` says how far an agent may go, `stop_of` who stopped them; `max_stop_share` is the share of a host's
    attempts per hour that all stops of one agent may come to without a person (emergency excepted); `steering` sets
    the rates of throttles. `approval`: how long a person has to answer; None: nobody can be asked (a backtest), and
    what would wait stays a plain proposal. `refused`: what agents may not wish again yet. `frozen`: why nothing may
    be loosened now, "" if it may (`health.frozen_by`): lifetimes, probes and rates that would climb are held.
    `vmtas`: the governed host's, with their addresses, if they are known: other addresses are out of reach."""

    mode_of: ModeOf
    max_stop_share: float = 0.25
    dwell: timedelta = DWELL
    steering: Steering = attrs.field(factory=Steering)
    stop_of: StopOf = lambda isp: ""
    approval: timedelta | None = None
    refused: frozenset[Key] = frozenset()
    frozen: str = ""
    vmtas: Mapping[str, str] = attrs.field(factory=dict)

    def settle(
        self,
        wishes: Sequence[Decision],
        standing: Sequence[Decision],
        signals: SignalProcessor,
        now: datetime,
        lately: Sequence[Decision] = (),
        edge: datetime | None = None,
    ) -> Settled:
        """Settle this step's wishes against the decisions that stand, and what waits for a person against the clock;
        steer the rates of throttles, and let lifetimes end.

        `lately`: what was released within `REENTRY`; the same restriction again lives twice as long each time.
        `edge`: how far the log has been read, if that is not to now.
        """
        edge = edge or now
        by_id = {one.id: one for one in standing}

        def silent(decision: Decision) -> str:
            return silenced(decision, by_id.get(decision.parameters.get("of")), self.mode_of, self.stop_of)

        answered = overdue(standing, now, silent)
        standing = answered.standing
        found = _Found(self.refused | {key_of(one) for one in answered.rejected}, changes=list(answered.changes))
        acting = {one.id: one for one in standing if not silent(one)}
        steerable = [one for one in standing if not awaits(one)]
        steps = [
            step
            for step in self.steering.steer(steerable, signals, edge)
            if step.decision_id in acting and not (self.frozen and _climbs(step, acting[step.decision_id]))
        ]
        standing = _with_rates(standing, steps)
        back = way_back(
            standing,
            signals,
            now,
            self.steering,
            edge,
            self.dwell,
            lambda one: silent(one) or self.frozen,
            lambda one: _still_wanted(one, wishes),
        )
        self._loosen(back, by_id, now, found)
        alive = [one for one in standing if one.id not in back.ended]
        for wish in sorted(wishes, key=_order):
            self._settle_one(wish, alive, signals, now, edge, lately, found)
        return Settled(tuple(found.new), tuple(found.changes), tuple(steps))

    def _loosen(self, back: WayBack, by_id: dict[int | None, Decision], now: datetime, found: _Found) -> None:
        """Take over what the end of lifetimes asks for; in mode approve each step of the way back waits for a person,
        and meanwhile the probe before it stays out."""
        asked: set[object] = set()
        for one, note in back.decisions:
            mode = self.mode_of(one.agent, one.isp)
            of = one.parameters.get("of")
            if mode is Mode.APPROVE and self.approval is not None and not is_persons(by_id[of]):
                asked.add(of)
                found.new.append((ask(one, now, self.approval), mode, note))
            else:
                found.new.append((one, mode, note))
        for change in back.changes:
            old = by_id.get(change.decision_id)
            if change.status is DecisionStatus.SUPERSEDED and old is not None and old.parameters.get("of") in asked:
                back.ended.discard(change.decision_id)
            else:
                found.changes.append(change)

    def _settle_one(
        self,
        wish: Decision,
        standing: Sequence[Decision],
        signals: SignalProcessor,
        now: datetime,
        edge: datetime,
        lately: Sequence[Decision],
        found: _Found,
    ) -> None:
        if (fault := fault_of(wish)) is not None:
            mode = self.mode_of(wish.agent, wish.isp)
            found.new.append((attrs.evolve(wish, status=DecisionStatus.REJECTED), mode, fault))
            return
        said, (wish, unowned) = wish, put_to_owner(wish, signals, now, edge)
        mode = self.mode_of(wish.agent, wish.isp)
        here = [*standing, *(one for one, _, _ in found.new)]
        # somebody else's proposal is no obstacle: it turns nothing
        same = [one for one in here if _same_thing(one, wish) and (one.agent is wish.agent or not _is_proposal(one))]
        if any(not _is_proposal(one) or awaits(one) or one.id is None for one in same):
            return  # it stands, or waits, already: nothing changes; a throttle's rate is steered
        if key_of(wish) in found.refused:
            return  # a person said no, or a deadline did
        if any(_covers(one, wish) for one in here):
            return  # something more restrictive holds there already
        if any(_explains(one, wish, signals) for one in standing):
            return  # what it saw is what that decision is about
        if _is_capped(wish):
            wish = attrs.evolve(wish, evidence={**wish.evidence, STOPPED: _stop_share(wish, signals, now)})
        status, note, safe = self._status(wish, mode, signals, here, now)
        if why := unowned or self._outside(wish):
            status, note, safe = DecisionStatus.PROPOSED, why, None
        if same and status is DecisionStatus.PROPOSED and safe is None:
            return  # its proposal stands already
        for one in same:
            assert one.id is not None
            found.changes.append(StatusChange(one.id, DecisionStatus.SUPERSEDED, "what stood in its way is gone"))
        if status is not DecisionStatus.PROPOSED:
            found.changes += _answered(standing, (said, wish), found.changes)
        wish = self._lengthen(self.steering.first(wish, signals, edge), lately)
        if safe is not None and self.approval is not None:
            found.new.append((ask(wish, now, self.approval, safe), mode, note))
        else:
            found.new.append((attrs.evolve(wish, status=status), mode, note))

    def _outside(self, wish: Decision) -> str:
        """Why nothing can be done about a target from here; "" if it can. Such a wish stays a proposal: what is
        rejected would be wished, and written down, at every step anew."""
        if wish.target_type not in (TargetType.IP, TargetType.VMTA) or not self.vmtas:
            return ""
        if wish.target in self.vmtas or wish.target in self.vmtas.values():
            return ""
        return "not an address of the governed host: nothing can be done about it from here"

    def _lengthen(self, wish: Decision, lately: Sequence[Decision]) -> Decision:
        """Hysteresis: a restriction lives at least its dwell, and twice as long each time it comes back."""
        if wish.action not in LEVERS:
            return wish
        returns = sum(1 for one in lately if _same_thing(one, wish))
        life = max(wish.until - wish.at, self.dwell) * 2 ** min(returns, 10)
        return attrs.evolve(wish, until=wish.at + min(life, MAX_LIFETIME))

    def _status(
        self, wish: Decision, mode: Mode, signals: SignalProcessor, here: Sequence[Decision], now: datetime
    ) -> tuple[DecisionStatus, str, OnDeadline | None]:
        """The status of a new decision, a note, and, if a person has to be asked, what silence means."""
        proposed = DecisionStatus.PROPOSED
        lever = wish.action in PMTA_LEVER
        if lever and (why := self.stop_of(wish.isp)):
            return proposed, f"{why}: decided and recorded, not acted on", None
        asking = mode in ACTS and self.approval is not None
        if _is_capped(wish):
            own, already = wish.evidence[STOPPED], _stopped_by(wish, here, signals, now)
            if own + already > self.max_stop_share + ROUNDING:
                more = f", {100 * (own + already):.0f} % with what this agent stops already" if already else ""
                note = f"would stop {100 * own:.0f} % of the host's mail{more}; a person must agree"
                return proposed, note, OnDeadline.REJECT if asking else None
        if wish.action is Action.WARN or (not lever and mode is Mode.ACT):
            return DecisionStatus.APPLIED, "takes effect inside", None
        if mode is Mode.ACT:
            return DecisionStatus.APPROVED, "", None
        if mode is Mode.APPROVE and asking:
            return proposed, "waits for a person", OnDeadline.APPLY
        if mode is Mode.SHADOW:
            return proposed, "", None  # the executor writes here what it would have sent
        return proposed, f"mode {mode}: decided and recorded, not acted on", None


def _answered(
    standing: Sequence[Decision], decided: Sequence[Decision], before: Sequence[StatusChange]
) -> list[StatusChange]:
    """What becomes of others' proposals of what the owner of the knob has now decided."""
    ended = {change.decision_id for change in before}
    owner = decided[-1].agent
    return [
        StatusChange(one.id, DecisionStatus.SUPERSEDED, f"the {owner} agent, which owns this, has decided it")
        for one in standing
        if _is_proposal(one) and not awaits(one) and one.id is not None and one.id not in ended
        if any(_same_thing(one, new) for new in decided)
    ]


def _is_proposal(decision: Decision) -> bool:
    return decision.status is DecisionStatus.PROPOSED


def _still_wanted(restriction: Decision, wishes: Sequence[Decision]) -> str:
    """Which other agent wishes now what is about to be released; its own agent has looked at the outcomes."""
    for wish in sorted(wishes, key=_rank):
        if wish.agent is not restriction.agent and _same_thing(wish, restriction):
            return f"the {wish.agent} agent still wants it: {wish.reason}"
    return ""


def _climbs(step: RateStep, throttle: Decision) -> bool:
    return step.rung > int(throttle.parameters["rung"])


def _with_rates(standing: Sequence[Decision], steps: Sequence[RateStep]) -> list[Decision]:
    new = {step.decision_id: step.parameters for step in steps}
    return [
        attrs.evolve(one, parameters={**one.parameters, **new[one.id]}) if one.id in new else one for one in standing
    ]


def _is_capped(decision: Decision) -> bool:
    """Whether it counts against the share of the host's mail that its agent may stop without a person."""
    return decision.action in STOPS and decision.agent is not AgentKind.EMERGENCY


def _stopped_by(wish: Decision, here: Sequence[Decision], signals: SignalProcessor, now: datetime) -> float:
    """The share of the host's attempts that the wish's agent stops already, or will if nobody answers: each stop with
    what it was when it was decided, because what is stopped attempts nothing. What people decided is theirs."""
    stops = [one for one in here if _is_capped(one) and (one.agent, one.isp) == (wish.agent, wish.isp)]
    counted = [
        one
        for one in stops
        if one.by is None and (not _is_proposal(one) or (awaits(one) and one.on_deadline is OnDeadline.APPLY))
    ]
    return sum(
        float(one.evidence[STOPPED]) if STOPPED in one.evidence else _stop_share(one, signals, now) for one in counted
    )


def _stop_share(wish: Decision, signals: SignalProcessor, now: datetime) -> float:
    label = wish.isp.value if wish.isp else ELSEWHERE
    scope = ("ip", wish.target) if wish.target_type is TargetType.IP else ("isp", label)
    part = signals.seen(label, *scope, Signal.ATTEMPT, 3600, now).n
    whole = signals.seen(HOST, "host", HOST, Signal.ATTEMPT, 3600, now).n
    return round(part / whole, 4) if whole else 0.0


def _covers(standing: Decision, wish: Decision) -> bool:
    """Whether a standing decision of the same provider (or the host) already does more than the wish."""
    if standing.status is DecisionStatus.PROPOSED or standing.action not in COVERS_ALL or wish.action not in LEVERS:
        return False
    whole = standing.target_type in (TargetType.ISP, TargetType.HOST)  # a person may pause a single queue
    if not whole and (standing.target_type, standing.target) != (wish.target_type, wish.target):
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

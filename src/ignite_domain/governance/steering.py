"""`Steering`: the rate of a standing throttle, from its first cut to the day that it binds no more.

Decides the rung in force for a provider, minute by minute, by `rates.RateControl` from the provider's own counts, and
whether a steered throttle may go. Whether a provider is throttled at all is decided by agents and orchestrator; how a
rate reaches the MTA by `desired` and the executor, which confirms the rung that the host has (`applied_rung`).

Two kinds of minutes say nothing: those without a record of anybody (the log is behind, or was not read), and those in
which most refusals find fault with our authentication.

All state lies in the decision's parameters, JSON: `rate_per_min` and `rung` are wanted now, `was` is the rung before,
`changed_at` the minute that was answered by the change, `memory` the controller's. A minute with another rate than the
one confirmed says nothing about it: between a change and its confirmation one minute is looked at and no more.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import attrs

from ignite_domain.errors import BadInput
from ignite_domain.governance.ports import RateStep
from ignite_domain.governance.rates import Ladder, MinuteFacts, RateControl, RateMemory
from ignite_domain.governance.reply_rules import ReplyClass
from ignite_domain.governance.rules import PROBE_TEST, ProbeTest
from ignite_domain.governance.shares import fair_shares, is_full, is_refused, parts_of, shares_of
from ignite_domain.governance.signals import HOST, SignalProcessor
from ignite_domain.governance.streams import KEPT_MINUTES, Seen
from ignite_domain.governance.words import Action, Decision, DecisionStatus, Signal, TargetType

MIN_FACTOR: Final = 0.05
"""Below this share of the attempts no throttle is written down: a probe floor."""
MAX_FACTOR: Final = 0.95
SETTLED_S: Final = 10
"""A minute is looked at so long after its end: its last records must have come."""
LADDER: Final = Ladder(top=60)
"""To 56,000 a minute: above what a provider takes, so that rung numbers never have to change."""
REPLY_MINUTES: Final = 10
"""What was said is remembered so long (`SignalProcessor.replies`)."""
NAMED: Final = 2
"""Recipients told of a rate limit before it cuts (governance page, "Deterministic lane")."""
ENOUGH: Final = 20
"""Attempts that make a rate; fewer are looked for in a longer time."""
UNUSED: Final = 0.8
"""A rate of which less than this share was used did not bind."""
UNBOUND_MINUTES: Final = (10, 20, 40, 59)
"""Spans over which a rate must not have bound; the longer ones are for providers with hardly any mail."""
QUEUE_COUNTS: Final = 5
"""A queue that fills its part with so many attempts may hold mail back although others do not."""
UNEQUAL: Final = 0.5
"""Of two queues that fill their parts one must not have less than this of the other's."""
SHARES_SEEN: Final = 3
"""Minutes on the shares in force before they may be other ones."""
LATELY_REFUSED: Final = 30
"""Minutes for which a queue that was refused grows cautiously."""
OWN_FAULTS: Final = frozenset({ReplyClass.AUTH.value})
"""Replies that find fault with us wherever we send; they say nothing about how much a provider takes."""


class Lately(NamedTuple):
    """Messages a minute in the newest time that holds enough of them."""

    accepted: float
    attempts: float


class WayOut(NamedTuple):
    """Whether a steered throttle may be released, why (not), and the outcomes that say so."""

    free: bool
    text: str
    seen: Seen


def minute_of(at: datetime) -> int:
    """Minutes since 1970."""
    return int(at.timestamp()) // 60


def is_steered(decision: Decision) -> bool:
    """Whether steering has taken a throttle on; others live and are probed like any restriction."""
    return decision.action is Action.THROTTLE and "memory" in decision.parameters


@attrs.frozen
class Steering:
    """`queue_rate_per_hour` is the unrestricted rate of one queue; `probe`: by what outcomes a restriction goes."""

    queue_rate_per_hour: int = 20_000
    control: RateControl = attrs.field(factory=lambda: RateControl(ladder=LADDER))
    probe: ProbeTest = PROBE_TEST

    # -- the first cut

    def first(self, wish: Decision, signals: SignalProcessor, edge: datetime) -> Decision:
        """Give a throttle of a provider its first rate, from what was accepted lately; the wish itself if nothing was
        even attempted (it is then a factor of the unrestricted rate, as it says).

        `edge`: the end of what has been read.
        """
        if wish.action is not Action.THROTTLE or wish.target_type is not TargetType.ISP or wish.isp is None:
            return wish
        lately = self._lately(signals, wish.isp.value, edge)
        if lately is None:
            return wish
        rung, reason = self._first_rung(lately, named(signals, wish.isp.value, edge))
        rate = self.control.ladder.rate_of(rung)
        return attrs.evolve(
            wish,
            parameters={
                **wish.parameters,
                "factor": round(min(MAX_FACTOR, max(MIN_FACTOR, rate / lately.attempts)), 3),
                "rung": rung,
                "rate_per_min": round(rate, 3),
                "rate_reason": reason,
                "accepted_per_min": round(lately.accepted, 3),
                "good_per_min": round(self._good(lately, signals, wish.isp.value, edge), 3),
                "shares": _shares(signals, wish.isp.value, edge),
                "shares_at": minute_of(edge),  # they hold from the next minute on
            },
        )

    def _first_rung(self, lately: Lately, told: int) -> tuple[int, str]:
        rules, ladder = self.control.rules, self.control.ladder
        deepest = max(rules.floor, rules.factor_nothing * lately.attempts)
        if lately.accepted > 0:
            rate = lately.accepted * (1 + rules.slack)
            reason = f"cut to the accepted rate of {lately.accepted:.1f} of {lately.attempts:.1f} a minute"
        else:
            rate, reason = deepest, f"cut × {rules.factor_nothing}: nothing is accepted"
        if told >= NAMED and rules.factor_named * lately.attempts < rate:
            rate = rules.factor_named * lately.attempts
            reason = f"cut × {rules.factor_named}: {told} recipients were told of a rate limit"
        # by a rung at least, also where what was accepted lies just below what was attempted
        highest = max(0, ladder.rung_below(lately.attempts) - 1)
        return min(highest, ladder.rung_below(max(rate, deepest))), reason

    def _good(self, lately: Lately, signals: SignalProcessor, label: str, edge: datetime) -> float:
        """The rate to come back to: what is accepted now, or, at a closed door, what was in the last hour."""
        if lately.accepted >= self.control.rules.factor_nothing * lately.attempts:
            return lately.accepted
        return signals.seen(label, "isp", label, Signal.COMPLAINT, 3600, edge).n / 60

    def _lately(self, signals: SignalProcessor, label: str, edge: datetime) -> Lately | None:
        into = edge.timestamp() % 60
        for minutes in (1, 2, 3, 10):
            seconds = (minutes - 1) * 60 + into
            if seconds < 30:
                continue
            seen = signals.seen(label, "isp", label, Signal.ATTEMPT, minutes * 60, edge)
            took = signals.seen(label, "isp", label, Signal.COMPLAINT, minutes * 60, edge).n  # its n: delivered
            if seen.n >= ENOUGH or (minutes == 10 and seen.n):
                return Lately(60 * took / seconds, 60 * seen.n / seconds)
        return None

    # -- every minute

    def steer(self, standing: Sequence[Decision], signals: SignalProcessor, edge: datetime) -> list[RateStep]:
        """One controller step for every minute that is over since the last one, for each throttle that is in force.

        Throttles under a probe or release, behind a stop, or not confirmed by the host are left alone. While a stop
        is probed, or lets out a tenth, what goes out does so at the probe's rate: such minutes are passed over.
        """
        probed = {one.parameters.get("of") for one in standing if one.action is Action.PROBE}
        released = {one.parameters.get("of") for one in standing if one.action is Action.RELEASE}
        stops = [
            one
            for one in standing
            if one.action in (Action.EMERGENCY_HALT, Action.PAUSE_QUEUE)
            and one.target_type in (TargetType.ISP, TargetType.HOST)
            and one.status is not DecisionStatus.PROPOSED
            and one.id not in released
        ]
        found = []
        for one in standing:
            if one.id in probed | released or not _can_be_steered(one):
                continue
            behind = [stop for stop in stops if stop.isp is one.isp or stop.target_type is TargetType.HOST]
            if not behind:
                step = self._steer_one(one, signals, edge)
            elif any(stop.id in probed for stop in behind):
                step = self._pass_over(one, edge)
            else:
                step = None
            if step is not None:
                found.append(step)
        return found

    def _pass_over(self, decision: Decision, edge: datetime) -> RateStep | None:
        """Remember that the minutes up to now are not this throttle's."""
        memory = _begun(decision)
        if memory is None or memory.last_at >= last_whole(edge):
            return None
        assert decision.id is not None
        rung, rate = int(decision.parameters["rung"]), float(decision.parameters["rate_per_min"])
        new = {"memory": attrs.evolve(memory, last_at=last_whole(edge), score=0).to_state()}
        return RateStep(decision.id, rung, rate, "behind a stop that is being probed", False, new)

    def _steer_one(self, decision: Decision, signals: SignalProcessor, edge: datetime) -> RateStep | None:
        state: dict[str, Any] = dict(decision.parameters)
        assert decision.id is not None
        assert decision.isp is not None
        label, applied = decision.isp.value, int(state["applied_rung"])
        since = minute_of(datetime.fromtimestamp(state["applied_at"], UTC))
        coming = int(state["rung"])
        memory = _begun(decision)
        if memory is None:
            return None
        state = {"was": coming, "changed_at": minute_of(decision.at)} | state
        newest, before, reason, changed = last_whole(edge), coming, "", False
        for minute in range(max(memory.last_at, newest - KEPT_MINUTES + 1) + 1, newest + 1):
            in_force = applied == coming and minute > since
            if not in_force and minute != state["changed_at"] + 1:
                continue
            if _is_our_fault(signals, label, minute):
                memory = attrs.evolve(memory, last_at=minute)
                reason = reason or "waiting: what is refused is our own fault"
                continue
            seen = _in_its_queues(signals, label, range(minute, minute + 1))
            took = _in_its_queues(signals, label, range(minute, minute + 1), Signal.COMPLAINT).n
            facts = MinuteFacts(
                minute=minute,
                rung=coming if in_force else int(state["was"]),
                next_rung=coming,
                accepted=took,
                refused=seen.x,
                named=named(signals, label, datetime.fromtimestamp(minute * 60 + 60, UTC)),
                retry_after=_asked(signals, label, minute),
            )
            memory, rung, why = self.control.step(memory, facts)
            if rung == coming:
                reason = reason if changed else why
                continue
            if in_force:
                state |= {"was": coming, "changed_at": minute}
            coming, reason, changed = rung, why, True
        if not reason and "memory" in decision.parameters:
            return None
        if coming != before:
            shares = self._fairer(state, signals, label, newest)
            state |= {"shares": shares or state["shares"], "shares_at": minute_of(edge)}
        elif self._is_lopsided(state, signals, label, newest):
            counted = self.control.divide_anew(memory, newest)
            if counted is not None and (shares := self._fairer(state, signals, label, newest)):
                memory = counted
                state |= {"shares": shares, "shares_at": minute_of(edge)}
        rate = self.control.ladder.rate_of(coming)
        state |= {"rung": coming, "rate_per_min": round(rate, 3), "memory": memory.to_state()}
        new = {name: value for name, value in state.items() if decision.parameters.get(name) != value}
        note = reason or "in force: from now on its own minutes steer it"
        return RateStep(decision.id, coming, round(rate, 3), note, coming != before, new)

    # -- the way out

    def way_out(self, decision: Decision, signals: SignalProcessor, edge: datetime) -> WayOut:
        """Whether a steered throttle whose lifetime is over may go: its rate does not bind, and what goes out is
        accepted; or it has climbed to the unrestricted rate. Never on silence."""
        state = decision.parameters
        assert decision.isp is not None
        label, rung, applied = decision.isp.value, int(state["rung"]), int(state["applied_rung"])
        if decision.status is not DecisionStatus.VERIFIED:
            return WayOut(False, f"what the host has in force is not known: {decision.status}", Seen())
        if applied > rung:
            return WayOut(False, "a cut is under way", Seen())
        if left := _asked(signals, label, last_whole(edge)):
            return WayOut(False, f"replies ask to wait {left} minutes more", Seen())
        rate = self.control.ladder.rate_of(applied)
        since = max(minute_of(datetime.fromtimestamp(state["applied_at"], UTC)), int(state["shares_at"]))
        newest = last_whole(edge)
        queues = signals.scopes(label, "queue")
        # no lower bound will do: 375 messages of a backlog went out in a minute when twice what had been attempted
        # before the cut was taken for enough
        bound = self.queue_rate_per_hour / 60 * max(1, len(queues))
        seen = signals.in_minutes(label, "isp", label, Signal.ATTEMPT, _ending(newest, UNBOUND_MINUTES[0]))
        if rate >= bound and _fine(seen, self.probe):
            return WayOut(True, f"it has climbed to {rate:.1f} a minute, the unrestricted rate", seen)
        if applied != rung:
            return WayOut(False, "an increase is under way", seen)
        if newest - since < UNBOUND_MINUTES[0]:
            return WayOut(False, f"its rate of {rate:.1f} a minute is in force for too short a time", seen)
        text = ""
        for minutes in UNBOUND_MINUTES:
            if minutes > newest - since:
                break
            span = _ending(newest, minutes)
            told = _told(signals, span)
            seen = _in_its_queues(signals, label, span)
            used = f"{seen.n} of {rate * told:.0f} attempts used in {told} minutes"
            if seen.n >= UNUSED * rate * told or self._a_queue_binds(state, signals, label, span):
                text = text or f"still binding: {used}"
                break
            if _fine(seen, self.probe):
                return WayOut(True, f"it binds no more: {used}, {seen.n - seen.x} of them accepted", seen)
            if seen.n >= self.probe.few:
                text = text or f"{seen.x} of {seen.n} attempts refused in {minutes} minutes"
        return WayOut(False, text or f"only {seen.n} outcomes: nothing is released on silence", seen)

    def _is_lopsided(self, state: Mapping[str, Any], signals: SignalProcessor, label: str, newest: int) -> bool:
        """Whether, for ten minutes on these shares, one queue was held back while the rate as a whole did not bind
        (then it neither climbs nor goes), or with much less than others that are held back too: shares must follow."""
        if newest - int(state["shares_at"]) < UNBOUND_MINUTES[0]:
            return False
        span = _ending(newest, UNBOUND_MINUTES[0])
        used = _in_its_queues(signals, label, span).n
        unbound = used < UNUSED * float(state["rate_per_min"]) * _told(signals, span)
        full = self._full(state, signals, label, span)
        return bool(full) and (unbound or min(full.values()) < UNEQUAL * max(full.values()))

    def _a_queue_binds(self, state: Mapping[str, Any], signals: SignalProcessor, label: str, span: range) -> bool:
        """Whether one queue uses up its part while others leave theirs: its mail would burst out."""
        return bool(self._full(state, signals, label, span))

    def _full(self, state: Mapping[str, Any], signals: SignalProcessor, label: str, span: range) -> dict[str, float]:
        """The queues that fill their parts, with these (per hour)."""
        parts = self._parts(state, signals, label)
        used = _used(parts, signals, label, span)
        least = QUEUE_COUNTS * 60 / max(1, _told(signals, span))
        return {queue: part for queue, part in parts.items() if used[queue] >= least and is_full(used[queue], part)}

    def _parts(self, state: Mapping[str, Any], signals: SignalProcessor, label: str) -> dict[str, int]:
        rate, queues = float(state["rate_per_min"]), signals.scopes(label, "queue")
        return parts_of(rate, state["shares"], self.queue_rate_per_hour, queues)

    def _fairer(
        self, state: Mapping[str, Any], signals: SignalProcessor, label: str, newest: int
    ) -> dict[str, float] | None:
        """Shares for the rate that comes now; None while those in force have hardly been seen."""
        span = _ending(newest, min(UNBOUND_MINUTES[0], newest - int(state["shares_at"])))
        told = _told(signals, span)
        if told < SHARES_SEEN:
            return None
        parts = self._parts(state, signals, label)
        seen = {queue: _in_queue(signals, label, queue, span) for queue in parts}
        accepted = {
            queue: 60 / told * _in_queue(signals, label, queue, span, Signal.COMPLAINT).n
            for queue, one in seen.items()
            if is_refused(one.n, one.x)
        }
        before = {queue: _in_queue(signals, label, queue, _ending(newest, LATELY_REFUSED)) for queue in parts}
        lately = {queue for queue, one in before.items() if is_refused(one.n, one.x)}
        return fair_shares(parts, _used(parts, signals, label, span), accepted, lately)


def _fine(seen: Seen, test: ProbeTest) -> bool:
    """What releases a probe whose time is over releases a throttle: enough outcomes, hardly any of them bad."""
    return seen.n >= test.few and seen.share <= 2 * test.p_good


def _told(signals: SignalProcessor, span: range) -> int:
    """How many of these minutes have records of anybody on the host. The others may not have been read yet: a rate
    that nobody used and a log that nobody read look the same."""
    return sum(
        signals.in_minutes(HOST, "host", HOST, Signal.ATTEMPT, range(minute, minute + 1)).n > 0 for minute in span
    )


def _is_our_fault(signals: SignalProcessor, label: str, minute: int) -> bool:
    """Whether most of what a provider refused in the ten minutes to the end of this one is our own fault."""
    said = signals.replies(label, "isp", label, datetime.fromtimestamp(minute * 60 + 60, UTC)).values()
    ours = sum(count for kind, count in said if kind in OWN_FAULTS)
    span = _ending(minute, REPLY_MINUTES)
    return ours >= NAMED and 2 * ours > signals.in_minutes(label, "isp", label, Signal.ATTEMPT, span).x


def _ending(newest: int, minutes: int) -> range:
    return range(newest - minutes + 1, newest + 1)


def last_whole(edge: datetime) -> int:
    """The newest minute that is over for good."""
    return minute_of(edge - timedelta(seconds=SETTLED_S)) - 1


def named(signals: SignalProcessor, label: str, at: datetime) -> int:
    """Distinct recipients told of a rate limit in the ten minutes before `at`; of several replies, the most."""
    said = signals.replies(label, "isp", label, at).values()
    return max((count for kind, count in said if kind == ReplyClass.RATE_LIMIT.value), default=0)


def _memory(state: Mapping[str, Any]) -> RateMemory | None:
    """What the controller remembers; None at the beginning, and of another version's memory."""
    try:
        return RateMemory.from_state(state["memory"]) if "memory" in state else None
    except BadInput:
        return None


def _begun(decision: Decision) -> RateMemory | None:
    """What the controller remembers of a throttle; at the beginning what its first cut says, once that is in force."""
    state = decision.parameters
    memory = _memory(state)
    if memory is not None:
        return memory
    if state["applied_rung"] != state["rung"]:
        return None
    since = minute_of(datetime.fromtimestamp(state["applied_at"], UTC))
    good = float(state.get("good_per_min", state["accepted_per_min"]))
    # whoever was told of the limit before the cut is told ten minutes more: that is no second reason
    return RateMemory(good=good, last_at=since, cut_at=minute_of(decision.at), named_at=since)


def _can_be_steered(decision: Decision) -> bool:
    return (
        decision.action is Action.THROTTLE
        and decision.status is DecisionStatus.VERIFIED
        and decision.target_type is TargetType.ISP
        and decision.isp is not None
        and {"rung", "applied_rung", "applied_at"} <= set(decision.parameters)
    )


def _used(queues: Iterable[str], signals: SignalProcessor, label: str, span: range) -> dict[str, float]:
    """Attempts per hour of each queue in these minutes, as far as they tell anything."""
    per = 60 / max(1, _told(signals, span))
    return {queue: per * _in_queue(signals, label, queue, span).n for queue in queues}


def _sharing(signals: SignalProcessor, label: str, queue: str, until: int) -> list[str]:
    """Who else's mail goes out by a queue that carried this brand's above all in the hour to minute `until`; nobody's
    where it carried more of another's.

    They go out under the same rate, and the limit that they meet is the same.
    """
    others = [one for one in signals.carried(queue) if one != label]
    if not others:
        return others
    hour = range(until - KEPT_MINUTES, until)
    attempts = {name: signals.in_minutes(name, "queue", queue, Signal.ATTEMPT, hour).n for name in (label, *others)}
    return [] if any(attempts[name] >= attempts[label] for name in others) else others


def _in_queue(signals: SignalProcessor, label: str, queue: str, span: range, signal: Signal = Signal.ATTEMPT) -> Seen:
    """A signal of a queue in these minutes, of all who share it."""
    names = (label, *_sharing(signals, label, queue, span.stop))
    found = [signals.in_minutes(name, "queue", queue, signal, span) for name in names]
    return Seen(sum(one.n for one in found), sum(one.x for one in found))


def _asked(signals: SignalProcessor, label: str, minute: int) -> int:
    """Minutes more, at the end of `minute`, that replies to a brand's mail, and to who shares its queues, ask to
    wait."""
    waits = [signals.asked(label, "isp", label, minute)]
    for queue in signals.scopes(label, "queue"):
        waits += (signals.asked(one, "queue", queue, minute) for one in _sharing(signals, label, queue, minute + 1))
    return max(waits)


def _in_its_queues(signals: SignalProcessor, label: str, span: range, signal: Signal = Signal.ATTEMPT) -> Seen:
    """A brand's attempts in these minutes, with those of others in queues that carry it above all."""
    seen = signals.in_minutes(label, "isp", label, signal, span)
    for queue in signals.scopes(label, "queue"):
        own = signals.in_minutes(label, "queue", queue, signal, span)
        every = _in_queue(signals, label, queue, span, signal)
        seen = Seen(seen.n + every.n - own.n, seen.x + every.x - own.x)
    return seen


def _shares(signals: SignalProcessor, label: str, edge: datetime) -> dict[str, float]:
    """The queues' shares of what was accepted in the last hour; of the attempts where nothing was."""
    queues = signals.scopes(label, "queue")
    for signal in (Signal.COMPLAINT, Signal.ATTEMPT):
        shares = shares_of({queue: signals.seen(label, "queue", queue, signal, 3600, edge).n for queue in queues})
        if shares:
            break
    return shares

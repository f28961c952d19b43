"""How many attempts a minute a queue may make: AIMD with a memory, one minute of facts at a time.

Decides the rung of the rate ladder and says why. Does not decide whose fault refusals are (agents and
orchestrator do), whether a queue runs at all, or how a rate reaches the MTA (the include file). Source: the
design page on governance, "Control: AIMD with memory". Every constant stands in `RateRules`; what halves and
doubles of each cost is in docs/scoreboard-rate.md.

A refusal does not say why it came, and single ones are ordinary. So no bare count decides: cuts follow a CUSUM
of refusals against acceptances, increases an exact binomial bound.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

import attrs
from attrs.validators import ge, gt, instance_of, le, lt

from ignite_domain.errors import BadInput

_NEVER: Final = -(10**9)
"""A minute before all minutes: it has not happened yet."""


@attrs.frozen
class Ladder:
    """The rates that may be written: `lowest` attempts a minute on rung 0, × `step` on each one up to rung `top`."""

    lowest: float = attrs.field(default=1.0, validator=gt(0))
    step: float = attrs.field(default=1.2, validator=gt(1))
    top: int = attrs.field(default=36, validator=ge(0))

    def rate_of(self, rung: int) -> float:
        """Attempts a minute on a rung, 0 <= rung <= top; BadInput beyond."""
        if not 0 <= rung <= self.top:
            raise BadInput(f"rung: 0 to {self.top}, not {rung}")
        return float(self.lowest * self.step**rung)

    def rung_below(self, rate: float) -> int:
        """The highest rung whose rate is at most `rate`; rung 0 for anything lower than the lowest."""
        if rate <= self.lowest:
            return 0
        return min(self.top, math.floor(math.log(rate / self.lowest) / math.log(self.step) + 1e-9))


@attrs.frozen
class RateRules:
    """Every constant of the controller; times in minutes. Those without another source: seeds 1 to 60."""

    up: int = attrs.field(default=22, validator=gt(0))
    """A refusal lifts the CUSUM by this, an acceptance lowers it by 1: tolerated 2 %, harmful 8 % (the lattice of
    the design page). What saturates less than 1 / (up + 1) = 4.3 % of the attempts is borne, not cut."""
    alarm: int = attrs.field(default=100, validator=gt(0))
    """The smallest H whose mean time to a false alarm, at 0.3 % unrelated refusals, is 30 days of the top rate
    / 0.02 messages (`lattice_cusum_limit`): the design page's budget of false alarms."""
    cut_to_accepted: bool = True
    """Cut to what was accepted (design page: better still); False cuts by `factor_cut`."""
    factor_cut: float = attrs.field(default=0.7, validator=[gt(0), lt(1)])
    """Design page."""
    factor_named: float = attrs.field(default=0.5, validator=[gt(0), lt(1)])
    """Design page: when a reply names a rate limit."""
    factor_nothing: float = attrs.field(default=0.1, validator=[gt(0), lt(1)])
    """Design page: when nothing is accepted; and no single cut goes deeper than this."""
    floor: float = attrs.field(default=1.0, validator=ge(0))
    """Attempts a minute below which no cut goes: somebody must notice that the door is open again."""
    slack: float = attrs.field(default=0.04, validator=ge(0))
    """A minute's capacity wavers, and the minute that raised the alarm was a low one: cut to accepted × (1 + slack)."""
    estimate_attempts: int = attrs.field(default=20, validator=gt(0))
    """The accepted rate is that of the newest minutes which hold so many attempts …"""
    estimate_minutes: int = attrs.field(default=3, validator=gt(0))
    """… at most so many minutes: older ones saw another capacity."""
    dwell: int = attrs.field(default=10, validator=ge(0))
    """Between two cuts for the same closed door or the same named limit: each must have time to be answered
    (design page: dwell >= 10 minutes)."""
    pace: int = attrs.field(default=5, validator=gt(0))
    """Design page: one rung at most every so many minutes."""
    refusal_limit: float = attrs.field(default=0.01, validator=[gt(0), lt(1)])
    """Design page: an increase needs the upper bound of refusal below this."""
    doubt: float = attrs.field(default=0.2, validator=[gt(0), lt(1)])
    """One minus the confidence of that bound (Clopper-Pearson, one-sided). A wrong increase costs two minutes of at
    most a sixth refused, so 80 % will do; 95 % would wait for 300 attempts without any refusal."""
    evidence_minutes: int = attrs.field(default=5, validator=gt(0))
    """Exposure of the bound: at most so many newest minutes, all on the rung in force."""
    evidence_least: int = attrs.field(default=3, validator=gt(0))
    """A rung that has been in force for less has shown nothing."""
    patience: int = attrs.field(default=30, validator=gt(0))
    """After so long on one rung without an alarm, an increase needs the bound below `tolerated` only, and so do those
    after it until the next cut: a queue of which 2 % are refused whatever its rate would never grow otherwise."""
    tolerated: float = attrs.field(default=0.04, validator=[gt(0), lt(1)])
    """What the CUSUM bears, 1 / (up + 1) = 4.3 %, rounded down."""
    used_share: float = attrs.field(default=0.8, validator=[ge(0), le(1)])
    """A rate of which less was used has not been tried: no increase for want of mail."""
    memory: bool = True
    """False forgets the last good rate: every rung at `pace`."""
    near: float = attrs.field(default=0.9, validator=ge(0))
    """Design page: fast up to this share of the last good rate, slow from there across it."""
    fast: float = attrs.field(default=2.0, validator=ge(1))
    """Up to `near` of the last good rate an increase multiplies by this: the door that was closed is open again, and
    what lay behind it is known. From the floor rung by rung to 80 a minute would take two hours."""
    cross: int = attrs.field(default=12, validator=gt(0))
    """The slow pace. 10 gains half a point and has refusals cost a tenth more; 15 the other way."""
    hourly: int = attrs.field(default=12, validator=gt(0))
    daily: int = attrs.field(default=230, validator=gt(0))
    """No increase after so many changes of the rate in a clock hour, in a day: at most 14 and 240 are borne, and a cut
    must always be possible."""


@attrs.frozen
class MinuteFacts:
    """What the accounting shows for one minute of a queue; first attempts and retries alike.

    `minute` counts on without end (minutes since any fixed instant); gaps are allowed, what comes twice counts once.
    `rung` was in force during it, `next_rung` will be in the coming one: a change takes a full minute to act.
    `named` is how many distinct recipients were told of a rate limit (ReplyClass.RATE_LIMIT) in the last ten
    minutes; `retry_after` is how many minutes more the replies of this minute and of those before ask to wait.
    A queue that others have stopped gives no facts.
    """

    minute: int
    rung: int = attrs.field(validator=ge(0))
    next_rung: int = attrs.field(validator=ge(0))
    accepted: int = attrs.field(validator=ge(0))
    refused: int = attrs.field(validator=ge(0))
    named: int = attrs.field(default=0, validator=ge(0))
    retry_after: int = attrs.field(default=0, validator=ge(0))


@attrs.frozen
class RateMemory:
    """All that the controller remembers of a queue. `RateMemory()` has seen nothing.

    `score` is the CUSUM; `seen` holds (accepted, refused) of the newest minutes on `seen_rung`; `good` is the last
    good rate, what was accepted when the rate was last cut (0: never); `patient` says that `RateRules.patience` has
    run out since; `in_hour` and `in_day` count the changes in the hour and day of `changed_at`. The rest are
    minutes.
    """

    score: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])
    seen_rung: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])
    seen: tuple[tuple[int, int], ...] = ()
    patient: bool = attrs.field(default=False, validator=instance_of(bool))
    good: float = attrs.field(default=0.0, validator=[instance_of((int, float)), ge(0), lt(math.inf)])
    in_hour: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])
    in_day: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])
    changed_at: int = attrs.field(default=_NEVER, validator=instance_of(int))
    last_at: int = attrs.field(default=_NEVER, validator=instance_of(int))
    still_since: int = attrs.field(default=_NEVER, validator=instance_of(int))
    raised_at: int = attrs.field(default=_NEVER, validator=instance_of(int))
    cut_at: int = attrs.field(default=_NEVER, validator=instance_of(int))
    named_at: int = attrs.field(default=_NEVER, validator=instance_of(int))
    closed_at: int = attrs.field(default=_NEVER, validator=instance_of(int))
    held_until: int = attrs.field(default=_NEVER, validator=instance_of(int))

    def to_state(self) -> dict[str, Any]:
        """A JSON object; `from_state` gives the same memory back."""
        return {**attrs.asdict(self, recurse=False), "seen": [list(pair) for pair in self.seen]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote. BadInput names what is missing, unknown or of the wrong kind."""
        names = {field.name for field in attrs.fields(cls)}
        if wrong := sorted(names ^ set(state)):
            raise BadInput(f"rate memory: missing or unknown {', '.join(wrong)}")
        try:
            seen = tuple((int(accepted), int(refused)) for accepted, refused in state["seen"])
            return cls(**{**state, "seen": seen})
        except (TypeError, ValueError) as error:
            raise BadInput("rate memory: a value of the wrong kind") from error


class Answer(NamedTuple):
    """What to remember, the rung to set now, and why."""

    memory: RateMemory
    rung: int
    reason: str


class _Wish(NamedTuple):
    rate: float
    reason: str


@attrs.frozen
class RateControl:
    """The controller: rules, a ladder, and one pure step a minute."""

    rules: RateRules = attrs.field(factory=RateRules)
    ladder: Ladder = attrs.field(factory=Ladder)

    def step(self, memory: RateMemory, facts: MinuteFacts) -> Answer:
        """Answer one minute. The rung differs from `facts.next_rung` only if something is to be changed.

        A cut may go any number of rungs down. An increase comes at most every `pace` minutes; it is one rung, or
        × `fast` where that stays below `near` of the last good rate.
        A minute that is not newer than the last one changes nothing. Raises BadInput for a rung that the ladder does
        not have.
        """
        self.ladder.rate_of(max(facts.rung, facts.next_rung))
        if facts.minute <= memory.last_at:
            return Answer(memory, facts.next_rung, "this minute has been answered")
        memory = self._observe(memory, facts)
        if facts.rung > facts.next_rung:
            answer = self._cut_under_way(memory, facts)
        else:
            answer = self._cut(memory, facts) or self._raise(memory, facts)
        if answer.rung == facts.next_rung:
            return answer
        return Answer(_counted(answer.memory, facts.minute), answer.rung, answer.reason)

    def divide_anew(self, memory: RateMemory, minute: int) -> RateMemory | None:
        """Count a change of what a rate's queues get of it, which the host has to be told like any other; None if the
        hour or the day has had its changes."""
        return None if self._has_changed_enough(memory, minute) else _counted(memory, minute)

    def _has_changed_enough(self, memory: RateMemory, minute: int) -> bool:
        in_hour, in_day = _changes(memory, minute)
        return in_hour >= self.rules.hourly or in_day >= self.rules.daily

    def proves_room(self, tried: int, refused: int, limit: float) -> bool:
        """Whether the upper bound of the share refused, of `tried` attempts, is below `limit` (0 < limit < 1).

        The one-sided Clopper-Pearson bound at confidence 1 - doubt is below p exactly if P(X <= refused) < doubt for
        X ~ Binomial(tried, p). With fewer than ln(doubt) / ln(1 - p) attempts (161 at 1 %) not even a clean record
        proves it; there a clean record must do, or a small queue would never grow: at that volume a wrong increase
        costs a handful of messages.
        """
        if refused == 0:
            return True
        term = total = (1 - limit) ** tried
        for k in range(1, refused + 1):
            term *= (tried - k + 1) / k * limit / (1 - limit)
            total += term
        return total < self.rules.doubt

    def _observe(self, memory: RateMemory, facts: MinuteFacts) -> RateMemory:
        rules = self.rules
        keep = max(rules.evidence_minutes, rules.estimate_minutes)
        fresh = memory.seen_rung != facts.rung or facts.minute - memory.last_at > keep  # what is older is no evidence
        earlier = () if fresh else memory.seen
        score = memory.score
        if facts.rung <= facts.next_rung:  # else it is the echo of a rate that has been cut already
            score = min(2 * rules.alarm, max(0, score + rules.up * facts.refused - facts.accepted))
        held = memory.held_until
        if facts.retry_after:  # stated waiting times are minimums
            held = max(held, facts.minute + facts.retry_after)
        if facts.named:  # one recipient's reply holds a rate, it takes two to cut it
            held = max(held, facts.minute + rules.pace)
        return attrs.evolve(
            memory,
            last_at=facts.minute,
            score=score,
            seen_rung=facts.rung,
            still_since=facts.minute if fresh else memory.still_since,
            seen=(*earlier, (facts.accepted, facts.refused))[-keep:],
            held_until=held,
        )

    def _accepted_rate(self, memory: RateMemory) -> float:
        """Messages a minute that were taken lately on the rung in force."""
        accepted = attempts = minutes = 0
        for took, refused in reversed(memory.seen[-self.rules.estimate_minutes :]):
            accepted, attempts, minutes = accepted + took, attempts + took + refused, minutes + 1
            if attempts >= self.rules.estimate_attempts:
                break
        return accepted / minutes if minutes else 0.0

    def _down_to(self, rate: float, coming: int) -> int:
        """The rung of a cut: not above `coming`, no deeper than one cut may go, not under the floor."""
        deepest = max(self.rules.floor, self.rules.factor_nothing * self.ladder.rate_of(coming))
        return min(coming, self.ladder.rung_below(max(rate, deepest)))

    def _cut_under_way(self, memory: RateMemory, facts: MinuteFacts) -> Answer:
        """A minute on the old, higher rung. It can only show that the cut was not deep enough."""
        rules, coming = self.rules, facts.next_rung
        proven = rules.up * facts.refused >= rules.alarm and facts.accepted > 0
        target = self._down_to(facts.accepted * (1 + rules.slack), coming) if proven else coming
        if target == coming:
            return Answer(memory, coming, "waiting: a cut is under way")
        memory = attrs.evolve(
            memory, cut_at=facts.minute, named_at=facts.minute + 1, good=float(facts.accepted), patient=False
        )
        return Answer(memory, target, f"cut again: no more than {facts.accepted} a minute are accepted")

    def _cut(self, memory: RateMemory, facts: MinuteFacts) -> Answer | None:
        rules, coming = self.rules, facts.next_rung
        now = self.ladder.rate_of(coming)
        accepted = self._accepted_rate(memory)
        wishes: list[_Wish] = []
        if facts.named >= 2 and facts.minute - memory.named_at >= rules.dwell:
            reason = f"cut × {rules.factor_named}: {facts.named} recipients were told of a rate limit"
            wishes.append(_Wish(rules.factor_named * now, reason))
        if memory.score >= rules.alarm:
            evidence = f"CUSUM {memory.score}, alarm at {rules.alarm}"
            if accepted > 0 and rules.cut_to_accepted:
                reason = f"cut to the accepted rate of {accepted:.0f} a minute: {evidence}"
                wishes.append(_Wish(accepted * (1 + rules.slack), reason))
            elif accepted > 0:
                wishes.append(_Wish(rules.factor_cut * now, f"cut × {rules.factor_cut}: {evidence}"))
            elif facts.minute - memory.closed_at >= rules.dwell:
                memory = attrs.evolve(memory, closed_at=facts.minute)
                wishes.append(_Wish(rules.factor_nothing * now, f"cut × {rules.factor_nothing}: nothing is accepted"))
            elif not wishes:
                # what was refused at a closed door is no evidence against the first minute that it is open
                return Answer(attrs.evolve(memory, score=0), coming, "waiting: nothing is accepted")
        if not wishes:
            return None
        wish = min(wishes)
        # an alarm lowers the rate by a rung at least, also where what was accepted rounds up to the same one
        target = min(self._down_to(wish.rate, coming), self._down_to(self.ladder.rate_of(max(0, coming - 1)), coming))
        # whoever was told of a limit until the cut acts is counted for ten minutes more: that is no second reason
        memory = attrs.evolve(
            memory,
            score=0,
            good=accepted or memory.good,
            cut_at=facts.minute,
            named_at=facts.minute + 1,
            patient=False,
        )
        return Answer(memory, target, wish.reason)

    def _raise(self, memory: RateMemory, facts: MinuteFacts) -> Answer:
        stay = facts.next_rung
        if facts.minute - memory.still_since >= self.rules.patience:
            memory = attrs.evolve(memory, patient=True)
        why_not = self._why_not(memory, facts)
        if why_not:
            return Answer(memory, stay, why_not)
        newest = memory.seen[-self.rules.evidence_minutes :]
        tried, refused = sum(map(sum, newest)), sum(pair[1] for pair in newest)
        rung, reason = self._next_up(memory, stay), f"{refused} of {tried} refused"
        reason = f"{'one rung' if rung == stay + 1 else 'fast'} up: {reason}"
        return Answer(attrs.evolve(memory, raised_at=facts.minute), rung, reason)

    def _next_up(self, memory: RateMemory, stay: int) -> int:
        """One rung more; several while the rate is well below the last good one."""
        rules, known = self.rules, self.rules.near * memory.good if self.rules.memory else 0.0
        return max(stay + 1, self.ladder.rung_below(min(known, rules.fast * self.ladder.rate_of(stay))))

    def _why_not(self, memory: RateMemory, facts: MinuteFacts) -> str:
        """What speaks against one rung more; nothing is the empty text."""
        rules, stay = self.rules, facts.next_rung
        if stay >= self.ladder.top:
            return "at the top of the ladder"
        if facts.rung != stay:
            return "waiting: a change is under way"
        if facts.minute < memory.held_until:
            return "held: a reply asked to wait"
        if self._has_changed_enough(memory, facts.minute):
            in_hour, in_day = _changes(memory, facts.minute)
            return f"waiting: {in_hour} changes in this hour, {in_day} today"
        rate, more = self.ladder.rate_of(stay), self.ladder.rate_of(stay + 1)
        crossing = rules.memory and rate <= memory.good and more > rules.near * memory.good
        pace = max(rules.pace, rules.cross) if crossing else rules.pace
        if facts.minute - max(memory.raised_at, memory.cut_at) < pace:
            return f"waiting: next to the last good rate of {memory.good:.0f}" if crossing else "waiting: too soon"
        newest = memory.seen[-rules.evidence_minutes :]
        tried, refused = sum(map(sum, newest)), sum(pair[1] for pair in newest)
        if len(newest) < rules.evidence_least:
            return "waiting: too few minutes on this rung"
        if tried < rules.used_share * rate * len(newest) - 1:  # a minute's attempts are whole messages
            return f"no increase: only {tried} attempts in {len(newest)} minutes"
        if not self.proves_room(tried, refused, rules.tolerated if memory.patient else rules.refusal_limit):
            return f"no increase: {refused} of {tried} refused"
        return ""


def _counted(memory: RateMemory, minute: int) -> RateMemory:
    in_hour, in_day = _changes(memory, minute)
    return attrs.evolve(memory, in_hour=in_hour + 1, in_day=in_day + 1, changed_at=minute)


def _changes(memory: RateMemory, minute: int) -> tuple[int, int]:
    """Changes of the rate so far in the clock hour and in the day of `minute`."""
    same_hour, same_day = (memory.changed_at // span == minute // span for span in (60, 1440))
    return memory.in_hour if same_hour else 0, memory.in_day if same_day else 0

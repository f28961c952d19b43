"""`GovernanceStore` in memory: a step's effects on people, lists, decisions and signals, without a database.

Keeps what the port promises and no more: no live feed, no warm-up counts, no tally.
"""

from collections.abc import Awaitable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

import attrs

from ignite_domain.events import EventType
from ignite_domain.governance.ports import (
    HistoryPoint,
    Lift,
    MailEvent,
    Position,
    SendFacts,
    SendGroup,
    StatusChange,
    Step,
    StoredSignal,
    Suppressing,
    Taken,
)
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.words import STANDING, Decision, DecisionStatus
from ignite_domain.quality import RUNG, Evidence
from ignite_domain.subscribers import Status

_OPEN = frozenset({*STANDING, DecisionStatus.PROPOSED})
_GOES_ON = frozenset({DecisionStatus.PROPOSED, DecisionStatus.APPROVED, DecisionStatus.APPLIED})
_KEPT = timedelta(days=7)


@attrs.define
class Person:
    """What a step may change about somebody."""

    score: float = 0.0
    status: Status = Status.ACTIVE
    reason: str | None = None


@attrs.define
class _Kept:
    decision: Decision
    ended_at: datetime | None = None


@attrs.define
class MemoryGovernanceStore:
    """`ledger` and `people` are filled by who uses it; everything else by `save`."""

    ledger: dict[int, SendFacts] = attrs.field(factory=dict)
    people: dict[int, Person] = attrs.field(factory=dict)
    waiting: dict[str, int] = attrs.field(factory=dict)  # by provider
    rates: dict[str, ReportedRate] = attrs.field(factory=dict)
    events: list[MailEvent] = attrs.field(factory=list)
    outcomes: dict[int, str] = attrs.field(factory=dict)  # of ledger rows
    suppressed: dict[tuple[str, str], Suppressing] = attrs.field(factory=dict)
    read_to: datetime | None = None
    _positions: dict[str, Position] = attrs.field(factory=dict)
    _strikes: dict[tuple[str, str], int] = attrs.field(factory=dict)
    _signals: dict[tuple[str, str, str, str, int], tuple[StoredSignal, datetime]] = attrs.field(factory=dict)
    slices: dict[tuple[str, str, str, str, datetime], HistoryPoint] = attrs.field(factory=dict)
    _decisions: dict[int, _Kept] = attrs.field(factory=dict)
    _unsettled: list[Taken] = attrs.field(factory=list)

    async def positions(self) -> Mapping[str, Position]:
        return dict(self._positions)

    async def sends(self, ids: Collection[int], named: Collection[int]) -> Mapping[int, SendFacts]:
        there = {number: self.ledger[number] for number in ids if number in self.ledger}
        return {number: facts if number in named else facts._replace(email_md5="") for number, facts in there.items()}

    async def groups(self, ids: Collection[int]) -> Sequence[SendGroup]:
        found = [self.ledger[number] for number in sorted(ids) if number in self.ledger]
        return [
            SendGroup(
                *(one.campaign_id, one.variant_id, one.isp, one.vmta, not one.attempts, one.injected),
                *([one.send_id], [one.subscriber_id]),
            )
            for one in found
        ]

    async def settle(self) -> int:
        """One step's deliveries."""
        if not self._unsettled:
            return 0
        taken = self._unsettled.pop(0)
        for number, person, at in zip(taken.sends, taken.people, taken.at, strict=True):
            facts = self.ledger[number]
            self.ledger[number] = facts._replace(attempts=facts.attempts + 1)
            if self.outcomes.get(number, "deferred") == "deferred":
                self.outcomes[number] = "delivered"
            self._lift(Lift(person, at))
        return len(taken)

    async def last_sends(self, md5s: Sequence[str]) -> Mapping[str, SendFacts]:
        wanted = set(md5s)
        return {one.email_md5: one for _, one in sorted(self.ledger.items()) if one.email_md5 in wanted}

    async def strikes(self, md5s: Sequence[str]) -> Mapping[tuple[str, str], int]:
        wanted = set(md5s)
        return {key: count for key, count in self._strikes.items() if key[0] in wanted}

    async def signals(self) -> Sequence[StoredSignal]:
        return [row for row, _ in self._signals.values() if row.signal == "state" or row.signal.startswith("reply:")]

    async def reported(self, since: date) -> Mapping[str, ReportedRate]:
        return {isp: rate for isp, rate in self.rates.items() if rate.day >= since}

    async def planned(self) -> Mapping[str, int]:
        return dict(self.waiting)

    async def standing(self) -> Sequence[Decision]:
        return [
            one.decision for one in self._decisions.values() if one.ended_at is None and one.decision.status in _OPEN
        ]

    async def released(self, since: datetime) -> Sequence[Decision]:
        return [
            one.decision
            for one in self._decisions.values()
            if one.decision.status is DecisionStatus.RELEASED and one.ended_at is not None and one.ended_at >= since
        ]

    async def prune(self, now: datetime) -> int:
        gone = [key for key, (_, at) in self._signals.items() if at < now - _KEPT]
        for key in gone:
            del self._signals[key]
        return len(gone)

    async def save(self, step: Step) -> None:
        if step.read_until is not None:
            self.read_to = max(self.read_to or step.read_until, step.read_until)
        for position, _, _ in step.positions:
            self._positions[position.source] = position
        for rate in step.rate_steps:
            kept = self._decisions[rate.decision_id]
            if kept.ended_at is None:
                new = {**kept.decision.parameters, **rate.parameters}
                kept.decision = attrs.evolve(kept.decision, parameters=new)
        for change in step.changes:
            self._change(change, step.now)
        for decision, _, _ in step.decisions:
            self.add(decision, step.now if decision.status is DecisionStatus.REJECTED else None)
        for decision in step.suppress_decisions:
            self.add(decision, step.now)
        self.events += step.events
        self.events += [
            MailEvent(EventType.DELIVERED, at, person, of.isp, of.campaign_id, of.variant_id, send)
            for send, person, at, of in zip(
                step.taken.sends, step.taken.people, step.taken.at, step.taken.of, strict=True
            )
        ]
        if step.taken:
            self._unsettled.append(step.taken)
        for mark in step.marks:
            facts = self.ledger[mark.send_id]
            self.ledger[mark.send_id] = facts._replace(attempts=facts.attempts + mark.attempts, injected=True)
            if mark.outcome is not None:
                self.outcomes[mark.send_id] = mark.outcome
        self._scores(step)
        for one in step.suppressions:
            self._suppress(one)
        for strike in step.strikes:
            key = (strike.email_md5, strike.rule)
            self._strikes[key] = self._strikes.get(key, 0) + 1
        for row in step.signals:
            self._signals[row.isp, row.scope_type, row.scope, row.signal, row.window_s] = (row, step.now)

        for point in step.history:
            self._count(point)

    def _count(self, new: HistoryPoint) -> None:
        key = (new.isp, new.scope_type, new.scope, new.signal, new.at)
        old = self.slices.get(key)
        if old is not None:
            s = max((one for one in (old.s, new.s) if one is not None), default=None)
            h = old.h if new.h is None else new.h
            new = attrs.evolve(new, n=old.n + new.n, x=old.x + new.x, s=s, h=h)
        self.slices[key] = new

    async def save_while(self, mail: Sequence[MailEvent], taken: Taken, deciding: Awaitable[Step]) -> Step:
        step = await deciding
        await self.save(step)
        return step

    def add(self, decision: Decision, ended: datetime | None = None) -> int:
        """Keep a decision; returns its id."""
        number = len(self._decisions) + 1
        self._decisions[number] = _Kept(attrs.evolve(decision, id=number), ended)
        return number

    def _change(self, change: StatusChange, now: datetime) -> None:
        kept = self._decisions.get(change.decision_id)
        if kept is None or kept.ended_at is not None:
            return
        one = kept.decision
        if change.waiting and not (one.status is DecisionStatus.PROPOSED and one.deadline is not None):
            return  # somebody has answered meanwhile
        parameters = {**one.parameters, **change.parameters}
        kept.decision = attrs.evolve(
            one, status=change.status or one.status, until=change.until or one.until, parameters=parameters
        )
        if change.status is not None and change.status not in _GOES_ON:
            kept.ended_at = now

    def _scores(self, step: Step) -> None:
        for fall in step.falls:
            self.people[fall.subscriber_id] = Person(0.0, Status.SUPPRESSED, fall.reason)
        for lift in step.lifts:
            self._lift(lift)

    def _lift(self, lift: Lift) -> None:
        person = self.people[lift.subscriber_id]
        dead = person.reason in ("hard_bounced", "complained")
        if person.status is Status.ACTIVE or (person.reason in ("unsubscribed", "listed") and not dead):
            person.score = max(person.score, RUNG[Evidence.DELIVERED])

    def _suppress(self, new: Suppressing) -> None:
        """A list entry gives way only to one that lasts longer."""
        key = (new.isp.value if new.isp else "elsewhere", new.email_md5)
        old = self.suppressed.get(key)
        if old is None or (old.expires is not None and (new.expires is None or new.expires > old.expires)):
            self.suppressed[key] = new

"""`Book`: every decision of a replay, which of them stand, and what became of their targets' mail while they lived.

Decides nothing: it writes down what was settled, and does at once what the executor would do and read back.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import attrs

from ignite_domain.governance.logged import BOUNCED, COMPLAINED, DEFERRED, DELIVERED
from ignite_domain.governance.observed import Where
from ignite_domain.governance.orchestrator import REENTRY, Settled
from ignite_domain.governance.recovery import LEVERS, scope_of
from ignite_domain.governance.signals import ELSEWHERE, HOST
from ignite_domain.governance.words import Action, Decision, DecisionStatus, TargetType

Place = tuple[str, str, str]
"""Provider, "ip", "job", "queue" or "" for all of it, and which one."""


@attrs.define
class Tally:
    """What became of mail to a decision's target while the decision lived."""

    delivered: int = 0
    deferred: int = 0
    bounced: int = 0
    complained: int = 0

    def add(self, order: int, many: int) -> None:
        """Count outcomes of one kind, by its index in `logged.ORDER`."""
        if order == DELIVERED:
            self.delivered += many
        elif order == DEFERRED:
            self.deferred += many
        elif order == BOUNCED:
            self.bounced += many
        elif order == COMPLAINED:
            self.complained += many


@attrs.define
class Entry:
    """A decision, its note, what became of its target's mail, and how it ended (None: it did not, in this log).
    `proposed`: it was a proposal only, whatever became of it."""

    decision: Decision
    note: str
    tally: Tally
    proposed: bool = False
    ended: datetime | None = None
    how: str = ""


@attrs.define
class Totals:
    """What the log held in all, by provider ("" elsewhere) and by reply that says an address is dead for good."""

    outcomes: dict[str, Tally] = attrs.field(factory=dict)
    dead: dict[tuple[str, str], int] = attrs.field(factory=dict)

    def of(self, label: str) -> Tally:
        found = self.outcomes.get(label)
        if found is None:
            found = self.outcomes[label] = Tally()
        return found


class Book:
    """Ids count from 1. `probing`: a probe is under way, whose outcomes are judged as they come. `end`: when the next
    lifetime ends about which something may be said, or None; restrictions under a probe wait for its verdict."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.watched: dict[Place, list[Tally]] = {}
        self.probing = False
        self.end: datetime | None = None
        self._open: dict[int, Entry] = {}
        self._released: list[tuple[datetime, Decision]] = []
        self._probed: frozenset[Place] = frozenset()
        self._looked = datetime.min.replace(tzinfo=UTC)
        self._stirred = False  # there are outcomes at a probed place that nobody has looked at

    @property
    def standing(self) -> list[Decision]:
        return [entry.decision for entry in self._open.values()]

    def lately(self, now: datetime) -> list[Decision]:
        """Restrictions released within the time in which coming back counts double."""
        self._released = [pair for pair in self._released if pair[0] >= now - REENTRY]
        return [decision for _, decision in self._released]

    def is_due(self, now: datetime) -> bool:
        """Whether a lifetime ends by then, or outcomes have come by which a probe is judged."""
        return self._stirred or (self.end is not None and self.end <= now)

    def watch(self, counts: Mapping[Where, int], order: int) -> None:
        """Add outcomes to the tallies of the decisions about their places."""
        watched = self.watched
        if not watched:
            return
        for (label, ip, job, queue), many in counts.items():
            whole = ((HOST, "", ""), (label, "", ""))
            for key in (*whole, (label, "ip", ip), (label, "job", job), (label, "queue", queue)):
                for tally in watched.get(key, ()):
                    tally.add(order, many)
                if key in self._probed:
                    self._stirred = True

    def take(self, settled: Settled, now: datetime) -> None:
        """Write down what was settled, and do at once what the executor would do and read back."""
        if settled.changes or settled.decisions:
            self._write(settled, now)
            self._find_end(self._looked)

    def looked(self, now: datetime) -> None:
        """All that stands has been looked at: what was left as it is stays so until outcomes come, or a lifetime ends
        later."""
        self._stirred = False
        self._looked = now
        if self.end is not None and self.end <= now:
            self._find_end(now)

    def _find_end(self, after: datetime) -> None:
        probes = [one.decision for one in self._open.values() if _is_probe(one.decision)]
        probed = {one.parameters.get("of") for one in probes}
        self.probing = bool(probed)
        self._probed = frozenset(_place(self._open[number].decision) for number in probed if number in self._open)
        ends = [one.decision.until for number, one in self._open.items() if number not in probed]
        self.end = min((end for end in ends if end > after), default=None)

    def _write(self, settled: Settled, now: datetime) -> None:
        for change in settled.changes:
            entry = self._open.get(change.decision_id)
            if entry is None:
                continue
            if change.until is not None or change.parameters:
                told = {**entry.decision.parameters, **change.parameters}
                until = change.until or entry.decision.until
                entry.decision = attrs.evolve(entry.decision, until=until, parameters=told)
            if change.status is not None:
                self._end(change.decision_id, change.status, now, change.note)
        for decision, _, note in settled.decisions:
            if decision.status is not DecisionStatus.REJECTED:
                self._add(decision, note, now)

    def _add(self, decision: Decision, note: str, now: datetime) -> None:
        number = len(self.entries) + 1
        if decision.status is DecisionStatus.APPROVED:
            decision = attrs.evolve(decision, status=DecisionStatus.VERIFIED)
        entry = Entry(attrs.evolve(decision, id=number), note, Tally(), decision.status is DecisionStatus.PROPOSED)
        self.entries.append(entry)
        self._open[number] = entry
        self.watched.setdefault(_watch_key(decision), []).append(entry.tally)
        if decision.action is Action.RELEASE:
            undone = decision.parameters.get("of")
            for other in list(self._open):
                one = self._open[other].decision
                if other == undone or (_is_probe(one) and one.parameters.get("of") == undone):
                    self._end(other, DecisionStatus.RELEASED, now, decision.reason)
            self._end(number, DecisionStatus.RELEASED, now, "")

    def _end(self, number: int, status: DecisionStatus, now: datetime, note: str) -> None:
        entry = self._open.pop(number)
        entry.decision = attrs.evolve(entry.decision, status=status)
        entry.ended, entry.how = now, note
        key = _watch_key(entry.decision)
        self.watched[key] = [one for one in self.watched[key] if one is not entry.tally]
        if not self.watched[key]:
            del self.watched[key]
        if status is DecisionStatus.RELEASED and entry.decision.action in LEVERS:
            self._released.append((now, entry.decision))


def _is_probe(decision: Decision) -> bool:
    return decision.action is Action.PROBE


def _place(decision: Decision) -> Place:
    """Where the outcomes of a decision's probe are counted, as `Book.watch` names places."""
    label, kind, name = scope_of(decision)
    label = "" if label == ELSEWHERE else label
    return (label, "", "") if kind in ("isp", "host") else (label, kind, name)


def _watch_key(decision: Decision) -> Place:
    label = decision.isp.value if decision.isp else ""
    match decision.target_type:
        case TargetType.HOST:
            return HOST, "", ""
        case TargetType.IP | TargetType.JOB | TargetType.QUEUE:
            return label, decision.target_type.value, decision.target
        case _:
            return label, "", ""

"""`Replay`: what governance would have decided about a log that is long written, second by second.

Decides when rules look, what is a first attempt, and what became of every decision's target while it lived. Nothing
that is decided changes what happened: a lifetime ends as the orchestrator ends it, a probe is judged on the outcomes
that were recorded. It reads no files and keeps nothing: no store, no ledger, no clock.

All records of one second are counted before any rule looks. An agent looks at the end of each second in which
something happened at its provider that one of its rules looks for; a second of nothing but deliveries gives none a
reason. Deliveries, which most records are, are therefore counted in bulk, up to the next second that needs a look.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

import attrs

from ignite_domain.governance.agents import HOST_WATCH, Agent, View, all_agents
from ignite_domain.governance.orchestrator import REENTRY, Orchestrator, Settled
from ignite_domain.governance.outcomes import FIRST_ATTEMPT
from ignite_domain.governance.recovery import LEVERS
from ignite_domain.governance.rules import BY_AGENT, Rule, Scope
from ignite_domain.governance.signals import HOST, Outcome, OutcomeKind, SignalProcessor, Where
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, Mode, Signal, TargetType
from ignite_domain.isps import Isp

ORDER: Final = (
    OutcomeKind.DEFERRED,
    OutcomeKind.CONNECTION,
    OutcomeKind.DELIVERED,
    OutcomeKind.BOUNCED,
    OutcomeKind.COMPLAINED,
)
"""The order of records within one second: a message is deferred before it is delivered."""
DEFERRED, CONNECTION, DELIVERED, BOUNCED, COMPLAINED = range(len(ORDER))

OPEN_MESSAGES: Final = 200_000
"""Messages under way (deferred, not yet delivered or bounced) that are remembered; the oldest go first."""
MESSAGE_LIFE_S: Final = 5 * 86_400
"""No MTA tries longer than this; what was deferred before is forgotten."""
PRUNE_EVERY_S: Final = 6 * 3600
QUIET_STEPS: Final = 200
"""In a gap of the log nothing can be judged: after so many ends of lifetimes the rest of the gap is skipped."""


class Said(NamedTuple):
    """What a reply says, as far as signals and people ask: see `Outcome`. `hard`: the address is dead for good."""

    rule: str = ""
    kind: str = ""
    address_fault: bool = False
    about_us: bool = False
    hard: bool = False


Line = tuple[int, int, Where, str, int, str, Said, bool]
"""One outcome: (second, index in ORDER, where, message, second it was queued or −1, recipient's hash or "", said,
an attempt of ours: False for remote bounces). Tuples sort by time, then by content."""

NOTHING_SAID: Final = Said()
_WHERE: Final = itemgetter(2)


@attrs.define
class Happened:
    """What went wrong at one provider in a second: names of signals that rose and of reply classes, and where."""

    what: set[str] = attrs.field(factory=set)
    ips: set[str] = attrs.field(factory=set)
    jobs: set[str] = attrs.field(factory=set)

    def at(self, scope: Scope, label: str) -> Collection[str]:
        """The addresses, jobs or the provider where it happened."""
        if scope is Scope.IP:
            return self.ips
        return self.jobs if scope is Scope.JOB else (label,)


Wrong = Mapping[Isp | None, Happened]
"""By provider; None is elsewhere."""


class Judge(Protocol):
    """A policy: sees every outcome, and says at the end of a second what changes."""

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes, in order of time."""

    def accepted(self, minute: int, counts: Mapping[Where, int], *, first: bool) -> None:
        """Count deliveries of one minute (since 1970) by where they were, `first` attempts or retries."""

    def look(self, now: datetime, wrong: "Wrong", book: "Book") -> Settled:
        """What is decided at `now`, when `wrong` has just happened."""

    def turn(self, minute: datetime, book: "Book") -> Settled:
        """What is decided because a minute with records is over; `minute` is its end."""


@attrs.define
class Tally:
    """What became of mail to a decision's target while the decision lived."""

    delivered: int = 0
    deferred: int = 0
    bounced: int = 0
    complained: int = 0


@attrs.define
class Entry:
    """A decision, its note, what became of its target's mail, and how it ended (None: it did not, in this log)."""

    decision: Decision
    note: str
    tally: Tally
    ended: datetime | None = None
    how: str = ""


class Book:
    """Every decision of a replay, which of them stand, and which were released lately. Ids count from 1."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.watched: dict[tuple[str, str, str], list[Tally]] = {}
        self._open: dict[int, Entry] = {}
        self._released: list[tuple[datetime, Decision]] = []

    @property
    def standing(self) -> list[Decision]:
        return [entry.decision for entry in self._open.values()]

    def lately(self, now: datetime) -> list[Decision]:
        """Restrictions released within the time in which coming back counts double."""
        self._released = [pair for pair in self._released if pair[0] >= now - REENTRY]
        return [decision for _, decision in self._released]

    def next_end(self) -> datetime | None:
        """When the next lifetime ends that has an end to come; restrictions under a probe wait for its verdict."""
        probed = {entry.decision.parameters.get("of") for entry in self._open.values() if _is_probe(entry.decision)}
        ends = [entry.decision.until for number, entry in self._open.items() if number not in probed]
        return min(ends, default=None)

    def probed(self) -> set[Isp | None]:
        """Providers with a probe under way; its outcomes are judged as they come. None is the host."""
        return {entry.decision.isp for entry in self._open.values() if _is_probe(entry.decision)}

    def take(self, settled: Settled, now: datetime) -> None:
        """Write down what was settled, and do at once what the executor would do and read back."""
        for change in settled.changes:
            entry = self._open.get(change.decision_id)
            if entry is None:
                continue
            if change.until is not None:
                entry.decision = attrs.evolve(entry.decision, until=change.until)
            if change.status is not None:
                self._end(change.decision_id, change.status, now, change.note)
        for decision, _, note in settled.decisions:
            if decision.status is not DecisionStatus.REJECTED:
                self._add(decision, note, now)

    def _add(self, decision: Decision, note: str, now: datetime) -> None:
        number = len(self.entries) + 1
        if decision.status is DecisionStatus.APPROVED:
            decision = attrs.evolve(decision, status=DecisionStatus.VERIFIED)
        entry = Entry(attrs.evolve(decision, id=number), note, Tally())
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


def _watch_key(decision: Decision) -> tuple[str, str, str]:
    label = decision.isp.value if decision.isp else ""
    match decision.target_type:
        case TargetType.HOST:
            return HOST, "", ""
        case TargetType.IP | TargetType.JOB | TargetType.QUEUE:
            return label, decision.target_type.value, decision.target
        case _:
            return label, "", ""


class Governance:
    """The judge that ships: the 48 agents and the host watch, by a rule table, settled by the orchestrator."""

    def __init__(self, rules: Mapping[AgentKind, Sequence[Rule]] = BY_AGENT) -> None:
        self.signals = SignalProcessor()
        self._rules = rules
        self._orchestrator = Orchestrator(lambda kind, isp: Mode.ACT)
        self._agents = (*all_agents(), HOST_WATCH)
        self._awake: dict[tuple[Isp | None, frozenset[str]], list[tuple[Agent, list[Rule]]]] = {}

    def count(self, outcomes: Sequence[Outcome]) -> None:
        self.signals.observe(outcomes)

    def accepted(self, minute: int, counts: Mapping[Where, int], *, first: bool) -> None:
        self.signals.accepted(minute, counts, first=first)

    def look(self, now: datetime, wrong: Wrong, book: Book) -> Settled:
        view = View(self.signals, {}, now, None, self._rules)
        wishes: list[Decision] = []
        anywhere = Happened()
        for isp in sorted(wrong, key=str):
            anywhere.what |= wrong[isp].what
            if isp:
                wishes += self._wishes(isp, wrong[isp], view)
        wishes += self._wishes(None, anywhere, view)
        lately = book.lately(now) if wishes else ()
        standing = book.standing
        if not wishes and not standing:
            return Settled()
        return self._orchestrator.settle(wishes, standing, self.signals, now, lately)

    def _wishes(self, isp: Isp | None, happened: Happened, view: View) -> list[Decision]:
        """What a provider's agents (None: the host watch) wish of whose rules what happened makes one speak, where it
        happened: a rule has no new reason elsewhere. Only then is all of an agent's evidence weighed."""
        key = (isp, frozenset(happened.what))
        awake = self._awake.get(key)
        if awake is None:
            awake = self._awake[key] = [(agent, rules) for agent in self._agents if (rules := self._woken(agent, *key))]
        wishes: list[Decision] = []
        for agent, rules in awake:
            if any(agent.finds(rule, at, view) for rule in rules for at in happened.at(rule.scope, agent.label)):
                wishes += agent.evaluate(view)
        return wishes

    def _woken(self, agent: Agent, isp: Isp | None, what: frozenset[str]) -> list[Rule]:
        """The agent's rules that look for what happened."""
        if agent.isp is not isp:
            return []
        rules = [rule for rule in self._rules.get(agent.kind, ()) if (rule.scope is Scope.HOST) is (isp is None)]
        return [rule for rule in rules if not _wakes(rule).isdisjoint(what)]

    def turn(self, minute: datetime, book: Book) -> Settled:
        if int(minute.timestamp()) % PRUNE_EVERY_S == 0:
            self.signals.forget_changes(minute)
        return Settled()


def _wakes(rule: Rule) -> frozenset[str]:
    """What has to happen for a rule to find something that it did not find before. No log says which addresses are
    warming up, so rules about those never wake."""
    return frozenset() if rule.scope is Scope.COLD else rule.replies or frozenset({rule.signal.value})


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


class Replay:
    """Feed it `seconds` in order of time, then `close`. `book` and `totals` hold what came of it."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.book = Book()
        self.totals = Totals()
        self._now = -1
        self._old = 0  # what was queued before may have been tried before the log began
        self._waiting: dict[str, int] = {}  # message under way -> second of its last deferral

    def seconds(self, second: int, lines: Sequence[Line]) -> None:
        """Take in whole seconds of one minute, sorted, and look wherever there is a reason. `second`: the first.

        Lines of earlier seconds, which stand before the others, come late: they are counted in their own windows,
        together with `second`.
        """
        if self._now < 0:
            self._old = second - int(FIRST_ATTEMPT.total_seconds())
        elif second // 60 != self._now // 60:
            self._turn()
        for label, many in Counter([line[2][0] for line in lines if line[1] == DELIVERED]).items():
            self.totals.of(label).delivered += many
        wrong_at = [at for at, line in enumerate(lines) if line[1] != DELIVERED]
        start = done = 0
        while start < len(lines):
            self._end_lifetimes(second)
            next_wrong = lines[wrong_at[done]][0] if done < len(wrong_at) else lines[-1][0]
            stop = bisect_left(lines, (self._next_look(second, next_wrong) + 1,), start)
            until = bisect_left(wrong_at, stop, done)
            wrong = self._count(lines, start, stop, wrong_at[done:until], second // 60)
            self._now = max(second, lines[stop - 1][0])
            start, done = stop, until
            if wrong or self._to_judge(self._now):
                self._look(self._now, wrong)
            second = lines[stop][0] if stop < len(lines) else second

    def _next_look(self, second: int, wrong: int) -> int:
        """The first second from `second` on whose end may need a look; `wrong`: the next in which something does."""
        if not self.book.watched:
            return max(second, wrong)
        end = self.book.next_end()
        if self.book.probed() or end is None:
            return second if self.book.probed() else max(second, wrong)
        return max(second, min(wrong, int(end.timestamp())))

    def close(self) -> None:
        """The log is over: its last minute ends."""
        if self._now >= 0:
            self._turn()

    def _turn(self) -> None:
        end = datetime.fromtimestamp((self._now // 60 + 1) * 60, UTC)
        self.book.take(self.judge.turn(end, self.book), end)
        old = self._now - MESSAGE_LIFE_S
        while self._waiting and next(iter(self._waiting.values())) < old:
            del self._waiting[next(iter(self._waiting))]

    def _look(self, second: int, wrong: Wrong) -> None:
        now = datetime.fromtimestamp(second, UTC)
        self.book.take(self.judge.look(now, wrong, self.book), now)

    def _to_judge(self, second: int) -> bool:
        """Whether a lifetime ends now, or a probe is under way whose outcomes may have come."""
        if not self.book.watched:
            return False
        end = self.book.next_end()
        return bool(self.book.probed()) or (end is not None and end.timestamp() <= second)

    def _end_lifetimes(self, second: int) -> None:
        """End the lifetimes that run out before `second`, each in its own time."""
        if not self.book.watched:
            return
        for _ in range(QUIET_STEPS):
            end = self.book.next_end()
            if end is None or end.timestamp() >= second:
                return
            before = end
            self.book.take(self.judge.look(end, {}, self.book), end)
            if self.book.next_end() == before:
                return  # nothing more to be said about it now

    def _count(
        self, lines: Sequence[Line], start: int, stop: int, wrong_at: Sequence[int], minute: int
    ) -> dict[Isp | None, Happened]:
        """Count the lines from `start` to `stop`, deliveries but for those at `wrong_at`; returns what went wrong."""
        wrong: dict[Isp | None, Happened] = {}
        firsts: list[Where] = []
        again: list[Where] = []
        outcomes = []
        for at in wrong_at:
            if start < at:
                self._deliver(lines[start:at], minute, firsts, again)
            outcomes.append(self._gone_wrong(lines[at], self._is_first(lines[at]), wrong))
            start = at + 1
        if start < stop:
            self._deliver(lines[start:stop], minute, firsts, again)
        for first, places in ((True, firsts), (False, again)):
            if places:
                counts = Counter(places)
                self.judge.accepted(minute, counts, first=first)
                self._watch(counts, DELIVERED)
        if outcomes:  # after the quiet ones of their second, as signals count them
            self.judge.count(outcomes)
        return wrong

    def _deliver(self, lines: Sequence[Line], minute: int, firsts: list[Where], again: list[Where]) -> None:
        """Note where deliveries were, by whether they were first attempts. Late ones are counted at once."""
        waiting, old = self._waiting, self._old
        if lines[0][0] // 60 == minute and not [1 for line in lines if line[3] in waiting or -1 < line[4] < old]:
            firsts += map(_WHERE, lines)
            return
        for second, _, where, message, queued, *_ in lines:
            first = waiting.pop(message, None) is None and not -1 < queued < old
            if second // 60 == minute:
                (firsts if first else again).append(where)
            else:
                self.judge.accepted(second // 60, {where: 1}, first=first)
                self._watch({where: 1}, DELIVERED)

    def _is_first(self, line: Line) -> bool:
        """Whether what is no delivery is a message's first attempt; remembers what is under way."""
        second, order, _, message, queued, _, _, ours = line
        if not ours or order >= COMPLAINED:
            return False
        first = self._waiting.pop(message, None) is None and not -1 < queued < self._old
        if order == DEFERRED:
            self._waiting[message] = second
            if len(self._waiting) > OPEN_MESSAGES:
                del self._waiting[next(iter(self._waiting))]
        return first

    def _watch(self, counts: Mapping[Where, int], order: int) -> None:
        """Add outcomes to the tallies of the decisions about their places."""
        watched = self.book.watched
        if not watched:
            return
        for (label, ip, job, queue), many in counts.items():
            whole = ((HOST, "", ""), (label, "", ""))
            for key in (*whole, (label, "ip", ip), (label, "job", job), (label, "queue", queue)):
                for tally in watched.get(key, ()):
                    _add(tally, order, many)

    def _gone_wrong(self, line: Line, first: bool, wrong: dict[Isp | None, Happened]) -> Outcome:
        second, order, where, _, _, recipient, said, _ = line
        label, ip, job, queue = where
        isp = _ISPS[label]
        happened = wrong.get(isp)
        if happened is None:
            happened = wrong[isp] = Happened()
        happened.what.add(_rose(order, said))
        if said.kind:
            happened.what.add(said.kind)
        happened.ips.add(ip)
        happened.jobs.add(job)
        if said.hard and order == BOUNCED:
            key = (label, said.rule)
            self.totals.dead[key] = self.totals.dead.get(key, 0) + 1
        _add(self.totals.of(label), order, 1)
        self._watch({where: 1}, order)
        return Outcome(
            _EPOCH + timedelta(seconds=second),
            isp,
            ORDER[order],
            ip,
            job,
            queue,
            recipient,
            first,
            said.address_fault,
            said.about_us,
            said.kind,
            said.rule,
        )


def _rose(order: int, said: Said) -> str:
    """The signal that an outcome raises."""
    if order == BOUNCED:
        return _BOUNCE if said.address_fault else _REFUSAL if said.about_us else _ATTEMPT
    return _RAISED[order]


_BOUNCE: Final = Signal.BOUNCE.value
_REFUSAL: Final = Signal.REFUSAL.value
_ATTEMPT: Final = Signal.ATTEMPT.value
_RAISED: Final = {
    DEFERRED: Signal.DEFERRAL.value,
    CONNECTION: Signal.CONNECTION.value,
    COMPLAINED: Signal.COMPLAINT.value,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISPS: Final[Mapping[str, Isp | None]] = {isp.value: isp for isp in Isp} | {"": None}


def _add(tally: Tally, order: int, many: int) -> None:
    if order == DELIVERED:
        tally.delivered += many
    elif order == DEFERRED:
        tally.deferred += many
    elif order == BOUNCED:
        tally.bounced += many
    elif order == COMPLAINED:
        tally.complained += many

"""`Governance`: the judge that ships, asked about a log second by second. `Judge` is what any policy has to answer.

Decides which agents have a reason to look at what has just happened. What they find is decided in `agents`, what
follows from it in `orchestrator`; when to ask at all is the replay's business.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import attrs

from ignite_domain.governance.agents import HOST_WATCH, Agent, Finding, View, all_agents
from ignite_domain.governance.book import Book
from ignite_domain.governance.observed import Event, Note, Where
from ignite_domain.governance.orchestrator import Orchestrator, Settled
from ignite_domain.governance.rules import BY_AGENT, Rule, Scope
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import AgentKind, Decision, Mode
from ignite_domain.isps import Isp

PRUNE_EVERY_S: Final = 6 * 3600
NOTHING: Final = Settled()
_ISPS: Final[Mapping[str, Isp | None]] = {isp.value: isp for isp in Isp} | {"": None}

Look = Callable[[str, View], Finding | None]


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


Wrong = Mapping[str, Happened]
"""By provider; "" is elsewhere."""


class Judge(Protocol):
    """A policy: sees every outcome, and says at the end of a second what changes."""

    def accept(self, minute: int, wheres: Sequence[Where], *, first: bool) -> None:
        """Count deliveries of one minute (since 1970), `first` attempts or retries."""

    def take(self, events: Sequence[Event]) -> None:
        """Count what was no delivery, in order of time."""

    def note(self, notes: Sequence[Note]) -> None:
        """Remember what replies, which have been counted, say besides their class."""

    def look(self, now: datetime, wrong: Wrong, book: Book) -> Settled:
        """What is decided at `now`, when `wrong` has just happened."""

    def turn(self, minute: datetime, book: Book) -> Settled:
        """What is decided because a minute with records is over; `minute` is its end."""


class Governance:
    """The judge that ships: the 48 agents and the host watch, by a rule table, settled by the orchestrator."""

    def __init__(self, rules: Mapping[AgentKind, Sequence[Rule]] = BY_AGENT) -> None:
        self.signals = SignalProcessor(charted=False)
        self.accept = self.signals.accept
        self.take = self.signals.take
        self.note = self.signals.note
        self._rules = rules
        self._orchestrator = Orchestrator(lambda kind, isp: Mode.ACT)
        self._agents = (*all_agents(), HOST_WATCH)
        self._awake: dict[tuple[str | None, frozenset[str]], list[tuple[Agent, list[tuple[Scope, Look]]]]] = {}

    def look(self, now: datetime, wrong: Wrong, book: Book) -> Settled:
        view = View(self.signals, {}, now, None, self._rules)
        wishes: list[Decision] = []
        anywhere = Happened()
        for label in sorted(wrong):
            anywhere.what |= wrong[label].what
            if label:
                wishes += self._wishes(label, wrong[label], view)
        wishes += self._wishes(None, anywhere, view)
        if not wishes and not book.is_due(now):
            return NOTHING  # what stands goes on standing, and no rate is steered: no MTA confirms one here
        lately = book.lately(now) if wishes else ()
        return self._orchestrator.settle(wishes, book.standing, self.signals, now, lately)

    def _wishes(self, label: str | None, happened: Happened, view: View) -> list[Decision]:
        """What a provider's agents (None: the host watch) wish of whose rules what happened makes one speak, where it
        happened: a rule has no new reason elsewhere. Only then is all of an agent's evidence weighed."""
        key = (label, frozenset(happened.what))
        awake = self._awake.get(key)
        if awake is None:
            awake = self._awake[key] = [(agent, rules) for agent in self._agents if (rules := self._woken(agent, *key))]
        wishes: list[Decision] = []
        for agent, rules in awake:
            if any(look(at, view) for scope, look in rules for at in happened.at(scope, agent.label)):
                wishes += agent.evaluate(view)
        return wishes

    def _woken(self, agent: Agent, label: str | None, what: frozenset[str]) -> list[tuple[Scope, Look]]:
        """The agent's rules that look for what happened: where, and how."""
        isp = _ISPS[label] if label else None
        if agent.isp is not isp:
            return []
        rules = [rule for rule in self._rules.get(agent.kind, ()) if (rule.scope is Scope.HOST) is (isp is None)]
        return [(rule.scope, agent.test_of(rule)) for rule in rules if not _wakes(rule).isdisjoint(what)]

    def turn(self, minute: datetime, book: Book) -> Settled:
        if int(minute.timestamp()) % PRUNE_EVERY_S == 0:
            self.signals.forget_changes(minute)
        return NOTHING


def _wakes(rule: Rule) -> frozenset[str]:
    """What has to happen for a rule to find something that it did not find before. No log says which addresses are
    warming up, so rules about those never wake."""
    return frozenset() if rule.scope is Scope.COLD else rule.replies or frozenset({rule.signal.value})

"""`Ingestor`: one step from accounting records to everything that follows from them, saved as a whole.

Lets `gathering` say what the records mean, feeds the signals, lets the 48 agents look, and hands what they wish to
the orchestrator. It reads and saves through `GovernanceStore`; nothing of a step is kept unless all of it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.governance.accounting import Rejected
from ignite_domain.governance.agents import HOST_WATCH, Agent, View, all_agents
from ignite_domain.governance.gatherer import Gathered, Gatherer
from ignite_domain.governance.orchestrator import REENTRY, Orchestrator, Settled
from ignite_domain.governance.ports import AgentState, FeedBatch, GovernanceStore, Position, Step
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.rules import BY_AGENT, Rule
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.tally import Tally
from ignite_domain.governance.words import STANDING, Action, AgentKind, Decision, DecisionStatus
from ignite_domain.isps import Isp

STALE: Final = timedelta(hours=1)
"""While the last record read is older than this, agents wait: what they would see is history."""
SHOWN_EVERY: Final = timedelta(seconds=10)
"""While records come, the rows that only people look at are written this often: they are many for each that changed."""
_STATES: Final[Mapping[Action, str]] = {Action.PROBE: "probing", Action.RELEASE: "probing"}


@attrs.define
class Ingestor:
    """`gatherer` says what records mean. `signals` is state: on a failed save the caller makes a new ingestor from
    what is stored. `cold` maps addresses under the warm-up ladder to their VMTAs."""

    gatherer: Gatherer
    orchestrator: Orchestrator
    signals: SignalProcessor
    cold: Mapping[str, str]
    reported: Mapping[str, ReportedRate] = attrs.field(factory=dict)
    rules: Mapping[AgentKind, Sequence[Rule]] = BY_AGENT
    _shown: datetime | None = attrs.field(default=None, init=False)
    _observed: Gathered | None = attrs.field(default=None, init=False)

    @property
    def store(self) -> GovernanceStore:
        return self.gatherer.store

    async def __call__(
        self, batches: Sequence[FeedBatch], now: datetime, *, caught_up: bool, tally: Tally | None = None
    ) -> Step:
        """Take in what the feed had, evaluate, settle, save. Returns the step that was saved.

        `now` must be read before the feed is; `caught_up`: the feed had no more than this. `tally`, what the logs
        tell about themselves, is saved with the step.
        """
        gathered = await self.gatherer.gather(batches, now)
        step = await self.decide(gathered, now, caught_up=caught_up, tally=tally)
        await self.store.save(step)
        return step

    def observe(self, gathered: Gathered) -> None:
        """Count what was gathered, once: it may be done ahead, while the step before is being saved."""
        if self._observed is not gathered:
            self.signals.observe(gathered.told.outcomes, gathered.told.accepted)
            self._observed = gathered

    async def decide(self, gathered: Gathered, now: datetime, *, caught_up: bool, tally: Tally | None = None) -> Step:
        """The step that follows from what was gathered; all before it has been saved, and it is to be saved next."""
        heard, told = gathered.heard, gathered.told
        standing = await self.store.standing()
        self.observe(gathered)
        read_to = None if caught_up else heard.last
        view = View(self.signals, self.cold, now, read_to, self.rules, self.reported)
        looking = (*all_agents(), HOST_WATCH) if now - view.edge <= STALE else ()
        wishes = {agent: agent.evaluate(view) for agent in looking}
        wished = [one for many in wishes.values() for one in many]
        lately = await self.store.released(now - REENTRY) if wished else ()
        settled = self.orchestrator.settle(wished, standing, self.signals, now, lately, view.edge)
        due = self._shown is None or now - self._shown >= SHOWN_EVERY
        shown = caught_up and (due or heard.last is None)
        self._shown = now if shown else self._shown
        signals, history = self.signals.take_changes(now, shown=shown)
        return Step(
            now=now,
            read_until=now if caught_up else None,
            receipts=any(record.type == "r" for record in heard.records),
            positions=[_counted(batch) for batch in gathered.batches],
            events=told.events,
            taken=told.taken,
            marks=list(told.marks.values()),
            lifts=list(told.lifts.values()),
            falls=list(told.falls.values()),
            suppressions=told.suppressions,
            strikes=told.strikes,
            signals=signals,
            history=history,
            agents=self._states(wishes, settled, standing, view),
            decisions=settled.decisions,
            suppress_decisions=told.suppress_decisions(now),
            changes=settled.changes,
            rate_steps=settled.rate_steps,
            warmup=told.warmup,
            tally=tally,
        )

    def _states(
        self, wishes: Mapping[Agent, Sequence[Decision]], settled: Settled, standing: Sequence[Decision], view: View
    ) -> list[AgentState]:
        """How each of the 48 stands: by its decision in force, else by what it wishes, else quiet."""
        ended = {change.decision_id for change in settled.changes if change.status is not None}
        in_force: dict[tuple[AgentKind, Isp | None], Decision] = {}
        for decision in [*(one for one in standing if one.id not in ended), *(one for one, _, _ in settled.decisions)]:
            # what only asks to loosen something leaves its restriction in force
            wished = decision.status is DecisionStatus.PROPOSED and decision.action not in _STATES
            if decision.status in STANDING or wished:
                in_force[(decision.agent, decision.isp)] = decision
        states = []
        for agent in wishes:
            if agent.isp is None:
                continue
            held = in_force.get((agent.kind, agent.isp))
            if held is None:
                owner = self.signals.steered_by(agent.isp, view.now)
                state, reason = ("steered", f"steered by {owner}") if owner else agent.quiet_state(view)
            elif held.status is DecisionStatus.PROPOSED:
                state, reason = "alarmed", held.reason
            else:
                state, reason = _STATES.get(held.action, "holding"), held.reason
            states.append(
                AgentState(agent.isp, agent.kind.value, self.orchestrator.mode_of(agent.kind, agent.isp), state, reason)
            )
        return states


def _counted(batch: FeedBatch) -> tuple[Position, int, list[Rejected]]:
    rejected = [entry for entry in batch.entries if isinstance(entry, Rejected)]
    return batch.position, len(batch) - len(rejected), rejected

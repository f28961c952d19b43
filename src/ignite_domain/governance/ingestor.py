"""`Ingestor`: one step from accounting records to everything that follows from them, saved as a whole.

Decides what a record means for its person (event, score, suppression), feeds the signals, lets the 48
agents look, and hands what they wish to the orchestrator. It reads and saves through `GovernanceStore`;
nothing of a step is kept unless all of it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.governance.accounting import AccountingRecord, Rejected
from ignite_domain.governance.agents import HOST_WATCH, Agent, View, all_agents
from ignite_domain.governance.orchestrator import REENTRY, Orchestrator, Settled
from ignite_domain.governance.outcomes import brand_of_record, hash_of, outcome_of, reply_of, soon_after_queued
from ignite_domain.governance.ports import (
    AgentState,
    Fall,
    FeedBatch,
    GovernanceStore,
    Lift,
    Position,
    SendFacts,
    SendMark,
    Step,
    Strike,
    Suppressing,
    WarmupCount,
)
from ignite_domain.governance.replies import Reply, suppresses
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.rules import BY_AGENT, SUPPRESS_RULE, Rule
from ignite_domain.governance.signals import Outcome, OutcomeKind, SignalProcessor
from ignite_domain.governance.tally import Tally
from ignite_domain.governance.words import (
    STANDING,
    Action,
    AgentKind,
    Decision,
    DecisionStatus,
    TargetType,
)
from ignite_domain.isps import Isp

OLDEST: Final = timedelta(days=28)
AHEAD: Final = timedelta(hours=1)
"""A record logged outside this span around now is refused: its events would lie where none are kept."""
STALE: Final = timedelta(hours=1)
"""While the last record read is older than this, agents wait: what they would see is history."""
_PREFIX: Final = "ig"
_STATES: Final[Mapping[Action, str]] = {Action.PROBE: "probing", Action.RELEASE: "probing"}


def send_id_of(envid: str) -> int | None:
    """The ledger row that an envelope id names, or None for mail that is not ours."""
    number = envid.removeprefix(_PREFIX)
    ours = envid.startswith(_PREFIX) and number.isascii() and number.isdigit() and len(number) < 19
    return int(number) if ours and number[0] != "0" else None


@attrs.define
class _Gathered:
    """What the records of one step add up to, before it becomes a `Step`."""

    events: list[SubscriberEvent] = attrs.field(factory=list)
    outcomes: list[Outcome] = attrs.field(factory=list)
    marks: dict[int, SendMark] = attrs.field(factory=dict)
    lifts: list[Lift] = attrs.field(factory=list)
    falls: dict[int, Fall] = attrs.field(factory=dict)
    suppressions: list[Suppressing] = attrs.field(factory=list)
    strikes: list[Strike] = attrs.field(factory=list)
    warmup: list[WarmupCount] = attrs.field(factory=list)
    asked: dict[tuple[Isp | None, str], int] = attrs.field(factory=dict)  # (isp, reply rule) -> decision index
    recipients: list[set[str]] = attrs.field(factory=list)
    earlier: dict[tuple[str, str], int] = attrs.field(factory=dict)


@attrs.define
class Ingestor:
    """`cold` maps addresses under the warm-up ladder to their VMTAs. `signals` is state: on a failed save the
    caller makes a new ingestor from what is stored."""

    store: GovernanceStore
    orchestrator: Orchestrator
    signals: SignalProcessor
    cold: Mapping[str, str]
    reported: Mapping[str, ReportedRate] = attrs.field(factory=dict)
    rules: Mapping[AgentKind, Sequence[Rule]] = BY_AGENT

    async def __call__(
        self, batches: Sequence[FeedBatch], now: datetime, *, caught_up: bool, tally: Tally | None = None
    ) -> Step:
        """Take in what the feed had, evaluate, settle, save. Returns the step that was saved.

        `now` must be read before the feed is; `caught_up`: the feed had no more than this. `tally`, what the logs
        tell about themselves, is saved with the step.
        """
        batches = [_plausible(batch, now) for batch in batches]
        records = [entry for batch in batches for entry in batch.entries if isinstance(entry, AccountingRecord)]
        records.sort(key=lambda record: record.logged)
        ids = {number for record in records if (number := send_id_of(record.envid)) is not None}
        sends = await self.store.sends(sorted(ids)) if ids else {}
        gathered = _Gathered()
        replies = [reply_of(record) for record in records]
        doubtful = sorted({hash_of(r.rcpt) for r, reply in zip(records, replies, strict=True) if reply and r.rcpt})
        if doubtful:
            gathered.earlier.update(await self.store.strikes(doubtful))
        nameless = sorted({hash_of(r.rcpt) for r in records if r.type == "f" and not r.envid and r.rcpt})
        known = await self.store.last_sends(nameless) if nameless else {}
        for record, reply in zip(records, replies, strict=True):
            send = sends.get(send_id_of(record.envid) or 0)
            if record.type == "f" and not record.envid:
                send = known.get(hash_of(record.rcpt))  # a complaint that names only the person
            self._take(record, reply, send, gathered)
        standing = await self.store.standing()
        self.signals.observe(gathered.outcomes)
        read_to = None if caught_up or not records else records[-1].logged
        view = View(self.signals, self.cold, now, read_to, self.rules, self.reported)
        looking = (*all_agents(), HOST_WATCH) if now - view.edge <= STALE else ()
        wishes = {agent: agent.evaluate(view) for agent in looking}
        wished = [one for many in wishes.values() for one in many]
        lately = await self.store.released(now - REENTRY) if wished else ()
        settled = self.orchestrator.settle(wished, standing, self.signals, now, lately, view.edge)
        signals, history = self.signals.take_changes(now, shown=caught_up)
        step = Step(
            now=now,
            read_until=now if caught_up else None,
            receipts=any(record.type == "r" for record in records),
            positions=[_counted(batch) for batch in batches],
            events=gathered.events,
            marks=list(gathered.marks.values()),
            lifts=gathered.lifts,
            falls=list(gathered.falls.values()),
            suppressions=gathered.suppressions,
            strikes=gathered.strikes,
            signals=signals,
            history=history,
            agents=self._states(wishes, settled, standing, view),
            decisions=settled.decisions,
            suppress_decisions=_suppress_decisions(gathered, now),
            changes=settled.changes,
            rate_steps=settled.rate_steps,
            warmup=gathered.warmup,
            tally=tally,
        )
        await self.store.save(step)
        return step

    def _take(self, record: AccountingRecord, reply: Reply | None, send: SendFacts | None, to: _Gathered) -> None:
        """Add one record to what the step gathers."""
        isp = send.isp if send else brand_of_record(record)
        if record.type in ("r", "rs"):
            if send:
                _mark(to, send, "remote_" + record.action if record.type == "rs" and record.action else None, record, 0)
            return
        recipient = send.email_md5 if send else hash_of(record.rcpt)
        seen = to.marks[send.send_id].attempts if send and send.send_id in to.marks else 0
        first = send.attempts + seen == 0 if send else soon_after_queued(record)
        outcome = outcome_of(record, first, reply, isp, recipient)
        if outcome is None:
            return
        if send and not outcome.job:  # a feedback report names no job: the ledger knows
            outcome.job = f"c{send.campaign_id}"
        to.outcomes.append(outcome)
        if send is None or outcome.kind is OutcomeKind.CONNECTION:
            return
        if outcome.kind is OutcomeKind.COMPLAINED:
            self._complained(record, send, isp, to)
            return
        self._event(record, outcome.kind, reply, send, isp, to)

    def _complained(self, record: AccountingRecord, send: SendFacts, isp: Isp | None, to: _Gathered) -> None:
        to.events.append(_person_event(EventType.COMPLAINED, record, send, isp, {}))
        to.falls[send.subscriber_id] = Fall(send.subscriber_id, send.email_md5, "complained", record.logged)
        _mark(to, send, "complained", record, 0)
        self._count_cold(record, send, isp, to, complained=1)

    def _event(
        self,
        record: AccountingRecord,
        kind: OutcomeKind,
        reply: Reply | None,
        send: SendFacts,
        isp: Isp | None,
        to: _Gathered,
    ) -> None:
        if kind is OutcomeKind.DELIVERED:
            to.events.append(_person_event(EventType.DELIVERED, record, send, isp, {}))
            to.lifts.append(Lift(send.subscriber_id, record.logged))
            _mark(to, send, "delivered", record, 1)
            self._count_cold(record, send, isp, to, accepted=1)
            return
        assert reply is not None
        what = {"rule": reply.rule, "status": record.status}
        if kind is OutcomeKind.DEFERRED:
            to.events.append(_person_event(EventType.DEFERRED, record, send, isp, what))
            _mark(to, send, "deferred", record, 1)
            self._count_cold(record, send, isp, to, deferred=1)
            return
        event = EventType.HARD_BOUNCED if reply.hard else EventType.SOFT_BOUNCED
        to.events.append(_person_event(event, record, send, isp, what))
        _mark(to, send, event.value, record, 0 if record.type == "rb" else 1)
        self._count_cold(record, send, isp, to, bounced=1)
        self._suppress(record, reply, send, isp, to)

    def _suppress(
        self, record: AccountingRecord, reply: Reply, send: SendFacts, isp: Isp | None, to: _Gathered
    ) -> None:
        key = (send.email_md5, reply.rule)
        earlier = to.earlier.get(key, 0)
        asked = suppresses(reply, earlier)
        if reply.hard:
            to.falls.setdefault(
                send.subscriber_id, Fall(send.subscriber_id, send.email_md5, "hard_bounced", record.logged)
            )
        if asked is None:
            if suppresses(reply, earlier + 1) is not None:
                to.earlier[key] = earlier + 1
                to.strikes.append(Strike(send.email_md5, reply.rule, record.logged))
            return
        index = to.asked.setdefault((isp, reply.rule), len(to.asked))
        if index == len(to.recipients):
            to.recipients.append(set())
        to.recipients[index].add(send.email_md5)
        expires = record.logged + asked.expires if asked.expires else None
        to.suppressions.append(
            Suppressing(isp, send.email_md5, asked.reason, reply.rule, record.logged, expires, index)
        )

    def _count_cold(
        self, record: AccountingRecord, send: SendFacts, isp: Isp | None, to: _Gathered, **counts: int
    ) -> None:
        vmta = send.vmta or record.vmta
        if vmta in self.cold.values():
            to.warmup.append(WarmupCount(vmta, isp.value if isp else "elsewhere", record.logged, **counts))

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


def _person_event(
    kind: EventType, record: AccountingRecord, send: SendFacts, isp: Isp | None, more: Mapping[str, str]
) -> SubscriberEvent:
    return SubscriberEvent(
        kind,
        record.logged,
        send.subscriber_id,
        isp,
        send.campaign_id,
        send.variant_id,
        None,
        {"send": send.send_id, **more},
    )


def _mark(to: _Gathered, send: SendFacts, outcome: str | None, record: AccountingRecord, attempts: int) -> None:
    old = to.marks.get(send.send_id)
    to.marks[send.send_id] = SendMark(
        send.send_id,
        outcome or (old.outcome if old else None),
        attempts + (old.attempts if old else 0),
        old.seen_at if old else record.logged,
    )


def _plausible(batch: FeedBatch, now: datetime) -> FeedBatch:
    """The batch with records from impossible times refused."""
    why = "timeLogged lies in the future or more than 28 days back"
    entries = [
        Rejected(one.line, why)
        if isinstance(one, AccountingRecord) and not now - OLDEST <= one.logged <= now + AHEAD
        else one
        for one in batch.entries
    ]
    return attrs.evolve(batch, entries=entries)


def _counted(batch: FeedBatch) -> tuple[Position, int, list[Rejected]]:
    rejected = [entry for entry in batch.entries if isinstance(entry, Rejected)]
    return batch.position, len(batch.entries) - len(rejected), rejected


def _suppress_decisions(gathered: _Gathered, now: datetime) -> list[Decision]:
    """One decision for each provider and reply rule of this step, in the order that suppressions refer to."""
    return [
        Decision(
            at=now,
            until=now + timedelta(days=365),
            isp=isp,
            agent=AgentKind.SUPPRESSION,
            action=Action.SUPPRESS,
            target_type=TargetType.ADDRESS,
            target=_addresses(len(gathered.recipients[index])),
            reason=f"the reply {rule} says that mail there is pointless",
            rule=SUPPRESS_RULE,
            evidence={"reply_rule": rule, "recipients": len(gathered.recipients[index])},
            status=DecisionStatus.APPLIED,
        )
        for (isp, rule), index in gathered.asked.items()
    ]


def _addresses(count: int) -> str:
    return "1 address" if count == 1 else f"{count} addresses"

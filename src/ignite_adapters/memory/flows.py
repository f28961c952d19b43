"""`FlowStore` in memory, with the people it needs: whoever uses it tells what happens to them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs

from ignite_domain.automation import (
    Due,
    ExecutionState,
    FlowDraft,
    FlowStatus,
    FlowView,
    Move,
    in_share,
)
from ignite_domain.automation.flow import CONDITIONS
from ignite_domain.campaigns.campaign import CampaignDraft
from ignite_domain.errors import BadInput, Conflict, NotFound
from ignite_domain.events import NEEDS_HUMAN, EventType, SubscriberEvent, Verdict
from ignite_domain.isps import Isp
from ignite_domain.subscribers import Reason


@attrs.define
class MemoryPerson:
    """`refused`: what the gate says against mailing them; a suppressed person does not enter either."""

    id: int
    score: float
    isp: Isp | None = None
    refused: Reason | None = None


@attrs.define
class _Execution:
    id: int
    flow_id: int
    person: int
    step: int
    state: ExecutionState
    wake_at: datetime
    entered_at: datetime
    reason: str | None = None


@attrs.define
class _Flow:
    id: int
    draft: FlowDraft
    status: FlowStatus
    created_at: datetime
    seen: int


class MemoryFlowStore:
    """`people`, `happened` (all events, in order) and `ledger` (campaign, person) may be read and set by tests.

    The campaign of flow n has the id n.
    """

    def __init__(self) -> None:
        self.people: dict[int, MemoryPerson] = {}
        self.happened: list[SubscriberEvent] = []
        self.ledger: list[tuple[int, int]] = []
        self._flows: dict[int, _Flow] = {}
        self._executions: list[_Execution] = []

    async def create(self, draft: FlowDraft, mail: CampaignDraft, by: str, now: datetime) -> int:
        draft.checked(), mail.checked()
        if len(mail.variants) != 1:
            raise BadInput("mail.variants: a flow's mail has exactly one")
        if any(flow.draft.name == draft.name for flow in self._flows.values()):
            raise Conflict("a flow of this name exists")
        number = len(self._flows) + 1
        self._flows[number] = _Flow(number, draft, FlowStatus.ACTIVE, now, len(self.happened))
        return number

    async def flows(self) -> list[FlowView]:
        views = []
        for flow in self._flows.values():
            mine = [one for one in self._executions if one.flow_id == flow.id]
            people = Counter(one.state.value for one in mine)
            exits = Counter(str(one.reason) for one in mine if one.state is ExecutionState.EXITED)
            views.append(FlowView(flow.id, flow.draft, flow.status, flow.id, flow.created_at, people, exits))
        return views

    async def set_status(self, flow_id: int, status: FlowStatus) -> None:
        if flow_id not in self._flows:
            raise NotFound(f"flow {flow_id}")
        self._flows[flow_id].status = status

    async def enrol(self, now: datetime) -> int:
        entered = 0
        for flow in self._flows.values():
            if flow.status is FlowStatus.PAUSED:
                continue
            news, flow.seen = self.happened[flow.seen :], len(self.happened)
            for event in news:
                entered += self._enter(flow, event, now)
        return entered

    def _enter(self, flow: _Flow, event: SubscriberEvent, now: datetime) -> bool:
        person = self.people.get(event.subscriber_id or 0)
        if event.type is not flow.draft.trigger or event.at < flow.created_at or person is None:
            return False
        inside = any(one.flow_id == flow.id and one.person == person.id for one in self._executions)
        qualifies = person.refused is None and person.score >= flow.draft.min_score
        if inside or not qualifies or not in_share(flow.id, person.id, flow.draft.share):
            return False
        number = len(self._executions) + 1
        self._executions.append(_Execution(number, flow.id, person.id, 0, ExecutionState.WAITING, now, now))
        about = {"flow": flow.id}
        self.happened.append(
            SubscriberEvent(EventType.FLOW_ENTERED, now, person.id, person.isp, flow.id, metadata=about)
        )
        return True

    async def due(self, now: datetime, limit: int) -> list[Due]:
        ready = [
            one
            for one in self._executions
            if one.state is ExecutionState.WAITING
            and one.wake_at <= now
            and self._flows[one.flow_id].status is FlowStatus.ACTIVE
        ]
        ready.sort(key=lambda one: (one.wake_at, one.id))
        return [
            Due(
                one.id,
                one.flow_id,
                one.person,
                self.people[one.person].isp,
                self._flows[one.flow_id].draft.steps,
                one.step,
                self._since(one),
                self.people[one.person].refused,
            )
            for one in ready[:limit]
        ]

    def _since(self, one: _Execution) -> frozenset[EventType]:
        return frozenset(
            event.type
            for event in self.happened
            if event.subscriber_id == one.person
            and event.campaign_id == one.flow_id
            and event.at >= one.entered_at
            and event.type in CONDITIONS
            and (event.type not in NEEDS_HUMAN or event.verdict is Verdict.HUMAN)
        )

    async def save(self, moves: Sequence[Move], now: datetime) -> int:
        held = 0
        for move in moves:
            due = move.due
            one = self._executions[due.execution_id - 1]
            if one.state is not ExecutionState.WAITING or one.step != due.step:
                continue
            held += 1
            one.step, one.state, one.wake_at, one.reason = move.step, move.state, move.wake_at, move.reason
            if move.send and (due.flow_id, due.subscriber_id) not in self.ledger:
                self.ledger.append((due.flow_id, due.subscriber_id))
            for index in move.passed:
                about: dict[str, Any] = {"flow": due.flow_id, "step": index, "did": due.steps[index].kind.value}
                self._tell(EventType.FLOW_STEP, due, now, about)
            if move.state is not ExecutionState.WAITING:
                self._tell(
                    EventType.FLOW_EXITED, due, now, {"flow": due.flow_id, "reason": move.reason or move.state.value}
                )
        return held

    def _tell(self, kind: EventType, due: Due, now: datetime, about: dict[str, Any]) -> None:
        self.happened.append(SubscriberEvent(kind, now, due.subscriber_id, due.isp, due.flow_id, metadata=about))

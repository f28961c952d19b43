"""`TrackingStore` in memory: people, sends and events are plain attributes, for tests to fill and read."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import attrs

from ignite_domain.events import EventType, SubscriberEvent, Verdict
from ignite_domain.quality import Evidence, advance
from ignite_domain.tracking.ports import TrackedSend, Unsubscribe
from ignite_domain.tracking.verdict import Earlier

_SPOILED = frozenset({EventType.HARD_BOUNCED, EventType.COMPLAINED})
_WISHES = frozenset({EventType.UNSUBSCRIBED, EventType.UNSUPPRESSED})


@attrs.define
class MemoryPerson:
    score: float = 0.75
    status: str = "active"
    status_reason: str | None = None


@attrs.define
class MemoryTrackingStore:
    """`ledger` by send id, `people` by subscriber id."""

    ledger: dict[int, TrackedSend] = attrs.field(factory=dict)
    people: dict[int, MemoryPerson] = attrs.field(factory=dict)
    events: list[SubscriberEvent] = attrs.field(factory=list)

    async def sends(self, ids: Collection[int]) -> Mapping[int, TrackedSend]:
        return {send_id: self.ledger[send_id] for send_id in ids if send_id in self.ledger}

    async def earlier(self, sends: Collection[TrackedSend], since: datetime) -> Mapping[int, Sequence[Earlier]]:
        wanted = {send.send_id for send in sends}
        found: dict[int, list[Earlier]] = defaultdict(list)
        for event in self.events:
            said = event.metadata
            send = said.get("send")
            if event.type is EventType.CLICKED and event.at >= since and send in wanted:
                found[send].append(Earlier(event.at, said["link"], said["client"], said.get("reason", "")))
        return found

    async def save(
        self,
        happened: Sequence[SubscriberEvent],
        engaged: Mapping[int, tuple[datetime, Evidence]],
        unsubscribes: Sequence[Unsubscribe],
    ) -> None:
        for wish in unsubscribes:
            self._unsubscribe(wish)
        self.events += happened
        for person_id, (at, evidence) in engaged.items():
            person = self.people.get(person_id)
            if person is None or person.status == "unmailable":
                continue
            if person.status == "suppressed" and self._types(person_id) & _SPOILED:
                continue
            score = advance(person.score, evidence)
            if score != person.score:
                change = {"from": person.score, "to": score, "evidence": evidence.value}
                self.events.append(SubscriberEvent(EventType.QUALITY_CHANGED, at, person_id, metadata=change))
                person.score = score

    def _types(self, person_id: int) -> set[EventType]:
        return {event.type for event in self.events if event.subscriber_id == person_id}

    def _unsubscribe(self, wish: Unsubscribe) -> None:
        person_id = wish.send.subscriber_id
        person = self.people[person_id]
        wishes = [e.type for e in self.events if e.subscriber_id == person_id and e.type in _WISHES]
        if wishes and wishes[-1] is EventType.UNSUBSCRIBED:
            return
        send = wish.send
        self.events.append(
            SubscriberEvent(
                EventType.UNSUBSCRIBED,
                wish.at,
                person_id,
                send.isp,
                send.campaign_id,
                send.variant_id,
                Verdict.HUMAN,
                metadata={"send": send.send_id, "how": wish.how},
            )
        )
        if person.status != "suppressed":
            person.status, person.status_reason = "suppressed", "unsubscribed"
            why = {"reason": "unsubscribed", "source": "link"}
            self.events.append(SubscriberEvent(EventType.SUPPRESSED, wish.at, person_id, send.isp, metadata=why))

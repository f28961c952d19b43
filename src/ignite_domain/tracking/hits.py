"""Takes hits on links, pixels and beacons: load, decide, save, for many hits in one go.

Decides which event each hit becomes, with which verdict, and whose score it moves. The answer to each
hit is known only when all of them are stored: nothing that was answered is lost.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import attrs

from ignite_domain.events import EventType, SubscriberEvent, Verdict
from ignite_domain.quality import Evidence
from ignite_domain.tracking.codec import Token, TokenKind
from ignite_domain.tracking.ports import TrackedSend, TrackingStore, Unsubscribe
from ignite_domain.tracking.service import TrackingService
from ignite_domain.tracking.site import SiteReport
from ignite_domain.tracking.verdict import WINDOW, Earlier, Signals, client_of, verdict

_SCORING: Final = frozenset({EventType.CLICKED, EventType.PAGE_VIEW})


@attrs.frozen
class Hit:
    """One request, already authentic: `token` was decoded. `sid` is a fresh session id for a click.

    A site report comes with its `report`; its `token` is None if the eid was worthless.
    """

    at: datetime
    token: Token | None
    method: str = "GET"
    user_agent: str = ""
    sid: str = ""
    report: SiteReport | None = None


@attrs.frozen
class Answer:
    """`known` False: nothing is behind the token (any more): 404. `location`: where a click leads."""

    known: bool
    location: str | None = None


@attrs.define
class _Batch:
    events: list[SubscriberEvent] = attrs.field(factory=list)
    engaged: dict[int, tuple[datetime, Evidence]] = attrs.field(factory=dict)
    unsubscribes: list[Unsubscribe] = attrs.field(factory=list)
    earlier: dict[int, list[Earlier]] = attrs.field(factory=lambda: defaultdict(list))


@attrs.frozen
class RecordHits:
    """The one way in for hits. Order within the batch is the order of arrival and matters."""

    store: TrackingStore
    service: TrackingService

    async def __call__(self, hits: Sequence[Hit]) -> list[Answer]:
        """Answers in the order of `hits`. Raises PortFailure if they could not be stored: none was."""
        sends = await self.store.sends({hit.token.send_id for hit in hits if hit.token})
        batch = _Batch()
        clicked = {
            hit.token.send_id: sends[hit.token.send_id]
            for hit in hits
            if hit.token and hit.token.kind in (TokenKind.OPEN, TokenKind.CLICK) and hit.token.send_id in sends
        }
        if clicked:
            since = min(hit.at for hit in hits) - WINDOW
            for send_id, known in (await self.store.earlier(list(clicked.values()), since)).items():
                batch.earlier[send_id] += known
        answers = [self._take(hit, sends.get(hit.token.send_id) if hit.token else None, batch) for hit in hits]
        if batch.events or batch.unsubscribes:
            await self.store.save(batch.events, batch.engaged, batch.unsubscribes)
        return answers

    def _take(self, hit: Hit, send: TrackedSend | None, batch: _Batch) -> Answer:
        if hit.report is not None:
            return self._visit(hit, hit.report, send, batch)
        if hit.token is None or send is None:
            return Answer(known=False)
        if hit.token.kind is TokenKind.UNSUBSCRIBE:
            how = "one_click" if hit.method == "ONE-CLICK" else "page"
            batch.unsubscribes.append(Unsubscribe(hit.at, send, how))
            return Answer(known=True)
        return self._link(hit, hit.token, send, batch)

    def _link(self, hit: Hit, token: Token, send: TrackedSend, batch: _Batch) -> Answer:
        """An open, a click, or the honeypot, which leads where the first link leads."""
        if token.kind is TokenKind.OPEN:
            target = None
        elif token.link < len(send.targets):
            target = send.targets[token.link]
        elif token.kind is TokenKind.HONEYPOT:
            target = None
        else:
            return Answer(known=False)
        if token.older_than(self.service.valid, hit.at):
            return Answer(known=True, location=target)
        who, reason = verdict(
            Signals(
                kind=token.kind,
                at=hit.at,
                link=token.link,
                method=hit.method,
                user_agent=hit.user_agent,
                left_at=send.left_at,
                earlier=tuple(batch.earlier[send.send_id]),
            )
        )
        client = client_of(hit.user_agent)
        metadata: dict[str, object] = {"send": send.send_id, "client": client}
        if token.kind is not TokenKind.OPEN:
            link = None if token.kind is TokenKind.HONEYPOT else token.link
            metadata["link"] = link
            batch.earlier[send.send_id].append(Earlier(hit.at, link, client, reason))
        if reason:
            metadata["reason"] = reason
        kind = EventType.OPENED if token.kind is TokenKind.OPEN else EventType.CLICKED
        self._event(kind, hit.at, send, who, metadata, batch, Evidence.HUMAN_CLICK)
        if target is None:
            return Answer(known=True)
        eid = self.service.visit_token(token, who, hit.at)
        return Answer(True, self.service.destination(target, eid=eid, cid=send.campaign_id, sid=hit.sid))

    def _visit(self, hit: Hit, report: SiteReport, send: TrackedSend | None, batch: _Batch) -> Answer:
        token = hit.token
        metadata: dict[str, object] = {"sid": report.sid, "url": report.url, "referrer": report.referrer}
        if report.type is EventType.SESSION_END:
            metadata |= {"duration_ms": report.duration_ms, "scroll_pct": report.scroll_pct}
        if token is None or send is None or token.older_than(self.service.valid, hit.at):
            batch.events.append(SubscriberEvent(report.type, hit.at, None, metadata=metadata))
            return Answer(known=True)
        metadata |= {"send": send.send_id, "link": token.link}
        who = Verdict.HUMAN if token.kind is TokenKind.VISIT_HUMAN else Verdict.MACHINE
        self._event(report.type, hit.at, send, who, metadata, batch, Evidence.SITE_ENGAGED)
        return Answer(known=True)

    def _event(
        self,
        kind: EventType,
        at: datetime,
        send: TrackedSend,
        who: Verdict,
        metadata: dict[str, object],
        batch: _Batch,
        evidence: Evidence,
    ) -> None:
        batch.events.append(
            SubscriberEvent(
                kind, at, send.subscriber_id, send.isp, send.campaign_id, send.variant_id, who, metadata=metadata
            )
        )
        if who is Verdict.HUMAN and kind in _SCORING:
            batch.engaged.setdefault(send.subscriber_id, (at, evidence))

"""`Gathering`: what a batch of accounting records adds up to, before anything is evaluated or saved.

Decides what a record means for its person: event, score, suppression. Mail that the ledger does not know counts in
signals and for nobody; whether its refusals suppress an address is a setting. Asks nobody: the ledger's rows come in.
There is one pass over the records and one plain tuple for each thing they say, since a backlog has millions of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.events import EventType
from ignite_domain.governance.accounting import AccountingRecord, Rejected
from ignite_domain.governance.outcomes import KINDS, brand_of_record, hash_of, outcome_of, reply_of, soon_after_queued
from ignite_domain.governance.ports import (
    Fall,
    FeedBatch,
    Lift,
    MailEvent,
    SendFacts,
    SendMark,
    Strike,
    Suppressing,
    WarmupCount,
)
from ignite_domain.governance.replies import Reply, suppresses
from ignite_domain.governance.rules import SUPPRESS_RULE
from ignite_domain.governance.signals import Outcome, OutcomeKind
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, TargetType
from ignite_domain.isps import Isp

OLDEST: Final = timedelta(days=28)
AHEAD: Final = timedelta(hours=1)
"""A record of the live log outside this span around now is refused: a host's clock is wrong, or the file is old."""
_PREFIX: Final = "ig"


def send_id_of(envid: str) -> int | None:
    """The ledger row that an envelope id names, or None for mail that is not ours."""
    number = envid.removeprefix(_PREFIX)
    ours = envid.startswith(_PREFIX) and number.isascii() and number.isdigit() and len(number) < 19
    return int(number) if ours and number[0] != "0" else None


def plausible(batch: FeedBatch, now: datetime, back: timedelta = OLDEST) -> FeedBatch:
    """The batch with records from impossible times refused: the future, or more than `back` ago."""
    oldest, newest = now - back, now + AHEAD
    if all(isinstance(one, Rejected) or oldest <= one.logged <= newest for one in batch.entries):
        return batch
    why = f"timeLogged lies in the future or more than {back.days} days back"
    entries = [
        one if isinstance(one, Rejected) or oldest <= one.logged <= newest else Rejected(one.line, why)
        for one in batch.entries
    ]
    return attrs.evolve(batch, entries=entries)


@attrs.frozen
class Heard:
    """The records of one step in order of time. `sends`: the ledger row that each names, 0 for mail that is not ours;
    `replies`: what the refusals among them mean, by place."""

    records: Sequence[AccountingRecord]
    sends: Sequence[int]
    replies: Mapping[int, Reply]

    @classmethod
    def of(cls, batches: Sequence[FeedBatch]) -> "Heard":
        records = [one for batch in batches for one in batch.entries if not isinstance(one, Rejected)]
        records.sort(key=lambda record: record.logged)
        replies = ((place, reply_of(record)) for place, record in enumerate(records) if record.type != "d")
        return cls(
            records,
            [send_id_of(record.envid) or 0 for record in records],
            {place: reply for place, reply in replies if reply is not None},
        )

    @property
    def named(self) -> set[int]:
        """Ledger rows whose person may have to be suppressed."""
        return {send for send, record in zip(self.sends, self.records, strict=True) if record.type != "d" and send}

    @property
    def refused(self) -> set[str]:
        """Hashes of the recipients whose mail was refused."""
        return {hash_of(self.records[place].rcpt) for place in self.replies if self.records[place].rcpt}

    @property
    def nameless(self) -> set[str]:
        """Hashes of people who complained in a report that names no message."""
        return {hash_of(one.rcpt) for one in self.records if one.type == "f" and not one.envid and one.rcpt}


@attrs.define
class Gathering:
    """What the records add up to. `cold`: VMTAs under the warm-up ladder; `earlier`: replies of the kind that
    suppresses only when it comes again, by (hash, reply rule). `foreign`: what others' mail meets suppresses too."""

    cold: frozenset[str]
    earlier: dict[tuple[str, str], int]
    foreign: bool = False
    events: list[MailEvent] = attrs.field(factory=list)
    outcomes: list[Outcome] = attrs.field(factory=list)
    marks: dict[int, SendMark] = attrs.field(factory=dict)
    lifts: dict[int, Lift] = attrs.field(factory=dict)
    falls: dict[int, Fall] = attrs.field(factory=dict)
    suppressions: list[Suppressing] = attrs.field(factory=list)
    strikes: list[Strike] = attrs.field(factory=list)
    warmup: list[WarmupCount] = attrs.field(factory=list)
    _asked: dict[tuple[Isp | None, str], int] = attrs.field(factory=dict)  # (isp, reply rule) -> decision index
    _recipients: list[set[str]] = attrs.field(factory=list)

    def take(self, heard: Heard, sends: Mapping[int, SendFacts], people: Mapping[str, SendFacts]) -> None:
        """Add what was heard. `sends`: the ledger's rows by id; `people`: the latest row of those who complained
        without naming a message, by hash."""
        for place, (record, number) in enumerate(zip(heard.records, heard.sends, strict=True)):
            send = sends.get(number)
            if record.type == "d" and send is not None:
                self._delivered(record, send)
                continue
            if record.type == "f" and not record.envid:
                send = people.get(hash_of(record.rcpt))
            self._other(record, heard.replies.get(place), send)

    def suppress_decisions(self, now: datetime) -> list[Decision]:
        """One decision for each provider and reply rule, in the order that suppressions refer to."""
        return [
            Decision(
                at=now,
                until=now + timedelta(days=365),
                isp=isp,
                agent=AgentKind.SUPPRESSION,
                action=Action.SUPPRESS,
                target_type=TargetType.ADDRESS,
                target=_addresses(len(self._recipients[index])),
                reason=f"the reply {rule} says that mail there is pointless",
                rule=SUPPRESS_RULE,
                evidence={"reply_rule": rule, "recipients": len(self._recipients[index])},
                status=DecisionStatus.APPLIED,
            )
            for (isp, rule), index in self._asked.items()
        ]

    def _delivered(self, record: AccountingRecord, send: SendFacts) -> None:
        """The way of nearly every record: a message of ours that was taken."""
        number, at, isp = send.send_id, record.logged, send.isp
        old = self.marks.get(number)
        first = send.attempts == 0 and (old is None or old.attempts == 0)
        job = record.job or f"c{send.campaign_id}"
        self.outcomes.append(Outcome(at, isp, OutcomeKind.DELIVERED, record.source_ip, job, record.queue, "", first))
        self.events.append(
            MailEvent(EventType.DELIVERED, at, send.subscriber_id, isp, send.campaign_id, send.variant_id, number)
        )
        self.lifts.setdefault(send.subscriber_id, Lift(send.subscriber_id, at))
        if old is None:
            self.marks[number] = SendMark(number, "delivered", 1, at, send.injected)
        else:
            self._mark(send, "delivered", record, 1)
        if self.cold:
            self._count_cold(record, send, isp, accepted=1)

    def _other(self, record: AccountingRecord, reply: Reply | None, send: SendFacts | None) -> None:
        """Everything else: refusals, complaints, receipts, mail that is not ours."""
        isp = send.isp if send else brand_of_record(record)
        if record.type in ("r", "rs"):
            if send:
                self._mark(send, f"remote_{record.action}" if record.type == "rs" and record.action else None, record)
            return
        if record.type not in KINDS:
            return
        recipient = send.email_md5 if send else hash_of(record.rcpt)
        seen = self.marks[send.send_id].attempts if send and send.send_id in self.marks else 0
        first = send.attempts + seen == 0 if send else soon_after_queued(record)
        outcome = outcome_of(record, first, reply, isp, recipient)
        assert outcome is not None
        if send and not outcome.job:  # a feedback report names no job: the ledger knows
            outcome.job = f"c{send.campaign_id}"
        self.outcomes.append(outcome)
        if outcome.kind is OutcomeKind.CONNECTION:
            return
        if send is None:
            if self.foreign and reply is not None and outcome.kind is OutcomeKind.BOUNCED and record.rcpt:
                self._suppress(record, reply, recipient, isp)
        elif outcome.kind is OutcomeKind.COMPLAINED:
            self._event(EventType.COMPLAINED, record, send)
            self.falls[send.subscriber_id] = Fall(send.subscriber_id, send.email_md5, "complained", record.logged)
            self._mark(send, "complained", record)
            self._count_cold(record, send, isp, complained=1)
        elif reply is not None and outcome.kind is OutcomeKind.DEFERRED:
            self._event(EventType.DEFERRED, record, send, reply)
            self._mark(send, "deferred", record, 1)
            self._count_cold(record, send, isp, deferred=1)
        elif reply is not None:
            event = EventType.HARD_BOUNCED if reply.hard else EventType.SOFT_BOUNCED
            self._event(event, record, send, reply)
            self._mark(send, event.value, record, 0 if record.type == "rb" else 1)
            self._count_cold(record, send, isp, bounced=1)
            if reply.hard:
                fall = Fall(send.subscriber_id, send.email_md5, "hard_bounced", record.logged)
                self.falls.setdefault(send.subscriber_id, fall)
            self._suppress(record, reply, recipient, isp)

    def _event(self, kind: EventType, record: AccountingRecord, send: SendFacts, reply: Reply | None = None) -> None:
        rule, status = (reply.rule, record.status) if reply else ("", "")
        person, campaign, variant = send.subscriber_id, send.campaign_id, send.variant_id
        self.events.append(
            MailEvent(kind, record.logged, person, send.isp, campaign, variant, send.send_id, rule, status)
        )

    def _suppress(self, record: AccountingRecord, reply: Reply, recipient: str, isp: Isp | None) -> None:
        key = (recipient, reply.rule)
        earlier = self.earlier.get(key, 0)
        asked = suppresses(reply, earlier)
        if asked is None:
            if suppresses(reply, earlier + 1) is not None:
                self.earlier[key] = earlier + 1
                self.strikes.append(Strike(recipient, reply.rule, record.logged))
            return
        index = self._asked.setdefault((isp, reply.rule), len(self._asked))
        if index == len(self._recipients):
            self._recipients.append(set())
        self._recipients[index].add(recipient)
        expires = record.logged + asked.expires if asked.expires else None
        self.suppressions.append(Suppressing(isp, recipient, asked.reason, reply.rule, record.logged, expires, index))

    def _mark(self, send: SendFacts, outcome: str | None, record: AccountingRecord, attempts: int = 0) -> None:
        old = self.marks.get(send.send_id)
        if old is None:
            mark = SendMark(send.send_id, outcome, attempts, record.logged, send.injected)
        else:
            mark = SendMark(send.send_id, outcome or old.outcome, attempts + old.attempts, old.seen_at, send.injected)
        self.marks[send.send_id] = mark

    def _count_cold(self, record: AccountingRecord, send: SendFacts, isp: Isp | None, **counts: int) -> None:
        vmta = send.vmta or record.vmta
        if vmta in self.cold:
            self.warmup.append(WarmupCount(vmta, isp.value if isp else "elsewhere", record.logged, **counts))


def _addresses(count: int) -> str:
    return "1 address" if count == 1 else f"{count} addresses"

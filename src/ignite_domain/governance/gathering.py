"""`Gathering`: what a batch of accounting records adds up to, before anything is evaluated or saved.

Decides what a record means for its person: event, score, suppression. Mail that the ledger does not know counts in
signals and for nobody; whether its refusals suppress an address is a setting. Asks nobody: the ledger's rows come in.
Plain deliveries, which nearly all records are, are taken in columns; whatever else is known of their message sends
them the way of all others, one by one and in order of time. Both ways say the same of a delivery.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import Final

import attrs

from ignite_domain.events import EventType
from ignite_domain.governance.accounting import AccountingRecord
from ignite_domain.governance.deliveries import Deliveries
from ignite_domain.governance.heard import Heard
from ignite_domain.governance.observed import Accepted, Outcome, OutcomeKind, Where
from ignite_domain.governance.outcomes import (
    EXPIRY,
    FIRST_ATTEMPT,
    KINDS,
    brand_of,
    brand_of_record,
    hash_of,
    is_expiry,
    outcome_of,
    soon_after_queued,
    waited_s,
)
from ignite_domain.governance.ports import (
    Fall,
    Lift,
    MailEvent,
    SendFacts,
    SendGroup,
    SendMark,
    Strike,
    Suppressing,
    Taken,
    WarmupCount,
)
from ignite_domain.governance.replies import Reply, suppresses
from ignite_domain.governance.rules import SUPPRESS_RULE
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, TargetType
from ignite_domain.isps import Isp

FIRST_ATTEMPT_S: Final = int(FIRST_ATTEMPT.total_seconds())


@attrs.frozen
class Known:
    """What the store knows of what was heard. `sends`: the ledger's rows of `Heard.single`, by id; `groups`: those
    that are delivered and no more; `people`: the latest row of those who complained without naming a message, by hash;
    `earlier`: replies of the kind that suppresses only when it comes again, by (hash, reply rule)."""

    sends: Mapping[int, SendFacts] = attrs.field(factory=dict)
    groups: Sequence[SendGroup] = ()
    people: Mapping[str, SendFacts] = attrs.field(factory=dict)
    earlier: Mapping[tuple[str, str], int] = attrs.field(factory=dict)

    def after(self, before: "Gathering") -> "Known":
        """The same, once a step that was not saved when the store was asked is: what it marked and counted is known.

        Its plain deliveries are not looked at: mail is delivered once.
        """
        sends = {
            number: one._replace(attempts=one.attempts + mark.attempts, injected=True)
            if (mark := before.marks.get(number))
            else one
            for number, one in self.sends.items()
        }
        moved = {number for group in self.groups for number in group.sends if number in before.marks}
        groups: list[SendGroup] = []
        for group in self.groups:
            if moved.isdisjoint(group.sends):
                groups.append(group)
                continue
            pairs = list(zip(group.sends, group.people, strict=True))
            rest = [pair for pair in pairs if pair[0] not in moved]
            groups.append(attrs.evolve(group, sends=[one for one, _ in rest], people=[one for _, one in rest]))
            for number, person in pairs:
                if number in moved:
                    fresh = group.fresh and not before.marks[number].attempts
                    one = attrs.evolve(group, fresh=fresh, injected=True, sends=[number], people=[person])
                    groups.append(one)
        people = {
            md5: one._replace(attempts=one.attempts + mark.attempts) if (mark := before.marks.get(one.send_id)) else one
            for md5, one in self.people.items()
        }
        earlier = dict(self.earlier) | {key: before.earlier[key] for key in before.told}
        return Known(sends, groups, people, earlier)


@attrs.define
class Gathering:
    """What the records add up to. `cold`: VMTAs under the warm-up ladder; `earlier`: see `Known`. `foreign`: what
    others' mail meets suppresses too."""

    cold: frozenset[str]
    earlier: dict[tuple[str, str], int]
    foreign: bool = False
    events: list[MailEvent] = attrs.field(factory=list)
    outcomes: list[Outcome] = attrs.field(factory=list)
    accepted: Accepted = attrs.field(factory=Accepted)
    taken: Taken = attrs.field(factory=Taken)
    marks: dict[int, SendMark] = attrs.field(factory=dict)
    lifts: dict[int, Lift] = attrs.field(factory=dict)
    falls: dict[int, Fall] = attrs.field(factory=dict)
    suppressions: list[Suppressing] = attrs.field(factory=list)
    strikes: list[Strike] = attrs.field(factory=list)
    warmup: list[WarmupCount] = attrs.field(factory=list)
    _asked: dict[tuple[Isp | None, str], int] = attrs.field(factory=dict)  # (isp, reply rule) -> decision index
    _recipients: list[set[str]] = attrs.field(factory=list)

    @property
    def told(self) -> set[tuple[str, str]]:
        """The replies among `earlier` that this step has heard once more."""
        return {(one.email_md5, one.rule) for one in self.strikes}

    def take(self, heard: Heard, known: Known) -> None:
        """Add what was heard."""
        sends = dict(known.sends)
        group_of: dict[int, SendGroup] = {}
        person_of: dict[int, int] = {}
        for group in known.groups:
            if group.injected:
                group_of.update(dict.fromkeys(group.sends, group))
                person_of.update(zip(group.sends, group.people, strict=True))
            else:  # its row moves on, which is more than a delivery does
                sends.update((one.send_id, one) for one in group.facts())
        alone = [
            (record, number, heard.replies.get(place))
            for place, (record, number) in enumerate(zip(heard.records, heard.sends, strict=True))
        ]
        rows, numbers = heard.deliveries, heard.delivered
        if not sends.keys().isdisjoint(numbers):
            single = [number in sends for number in numbers]
            records = rows.where(single).records()
            alone += [(record, number, None) for record, number in zip(records, compress(numbers, single), strict=True)]
            rows = rows.where([not one for one in single])
            numbers = [number for number in numbers if number not in sends]
        if rows:
            self._columns(rows, numbers, list(map(group_of.get, numbers)), person_of)
        alone.sort(key=lambda one: one[0].logged)
        for record, number, reply in alone:
            send = sends.get(number)
            if record.type == "d" and send is not None:
                self._delivered(record, send)
                continue
            if record.type == "f" and not record.envid:
                send = known.people.get(hash_of(record.rcpt))
            self._other(record, reply, send)

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

    def _columns(
        self, rows: Deliveries, numbers: Sequence[int], of: list[SendGroup | None], person_of: Mapping[int, int]
    ) -> None:
        """Plain deliveries of our mail, where `of` says what is known of it, and deliveries of others' mail."""
        label_of = {group: group.isp.value if group.isp else "" for group in {*of} if group is not None}
        again_of = {group: not group.fresh for group in label_of}
        second_of = {at: int(at.timestamp()) if at else 0 for at in {*rows.logged, *rows.queued}}
        seconds = list(map(second_of.__getitem__, rows.logged))
        since = list(map(second_of.__getitem__, rows.queued))
        jobs = rows.job
        if "" in jobs:
            jobs = [job or (f"c{group.campaign_id}" if group else "") for job, group in zip(jobs, of, strict=True)]
        ours = [group for group in of if group is not None]
        again: Sequence[bool] = ()
        if len(ours) < len(of):
            labels = [
                label_of[group] if group else _label(rcpt, queue)
                for group, rcpt, queue in zip(of, rows.rcpt, rows.queue, strict=True)
            ]
            again = [
                again_of[group] if group else bool(queued) and second - queued > FIRST_ATTEMPT_S
                for group, second, queued in zip(of, seconds, since, strict=True)
            ]
        else:
            labels = list(map(label_of.__getitem__, ours))
            if any(again_of.values()):
                again = list(map(again_of.__getitem__, ours))
        wheres = list(zip(labels, rows.source_ip, jobs, rows.queue, strict=True))
        self.accepted = Accepted(seconds, wheres, again, _waited(seconds, since, wheres))
        if len(ours) < len(of):
            known = [group is not None for group in of]
            rows, numbers = rows.where(known), list(compress(numbers, known))
        self.taken = Taken(list(numbers), list(map(person_of.__getitem__, numbers)), rows.logged, ours)
        if self.cold:
            counts = Counter(
                (vmta, group.isp, at.date())
                for at, group, said in zip(rows.logged, ours, rows.vmta, strict=True)
                if (vmta := group.vmta or said) in self.cold
            )
            for (vmta, isp, day), many in counts.items():
                at = datetime(day.year, day.month, day.day, tzinfo=UTC)
                self.warmup.append(WarmupCount(vmta, isp.value if isp else "elsewhere", at, accepted=many))

    def _delivered(self, record: AccountingRecord, send: SendFacts) -> None:
        """A message of ours that was taken, and of which the log tells more, or may have."""
        number, at, isp = send.send_id, record.logged, send.isp
        old = self.marks.get(number)
        first = send.attempts == 0 and (old is None or old.attempts == 0)
        job = record.job or f"c{send.campaign_id}"
        outcome = Outcome(at, isp, OutcomeKind.DELIVERED, record.source_ip, job, record.queue, "", first)
        outcome.waited_s = waited_s(record)
        self.outcomes.append(outcome)
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
            said = EXPIRY.rule if is_expiry(record.type, record.status) else event.value
            self._mark(send, said, record, 0 if record.type == "rb" else 1)
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


def _label(rcpt: str, queue: str) -> str:
    isp = brand_of(rcpt.rpartition("@")[2] if rcpt else queue.partition("/")[0])
    return isp.value if isp else ""


def _waited(seconds: Sequence[int], since: Sequence[int], wheres: Sequence[Where]) -> dict[int, dict[Where, int]]:
    """How long delivered mail was in its queue, by minute and place; 0 in `since`: not told."""
    found: dict[int, dict[Where, int]] = {}
    minute, sums = -1, dict[Where, int]()
    for second, queued, where in zip(seconds, since, wheres, strict=True):
        if 0 < queued < second:
            if second // 60 != minute:
                minute = second // 60
                sums = found.setdefault(minute, {})
            sums[where] = sums.get(where, 0) + second - queued
    return found


def _addresses(count: int) -> str:
    return "1 address" if count == 1 else f"{count} addresses"

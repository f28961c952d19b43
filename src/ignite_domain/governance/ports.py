"""What governance needs from outside: the accounting log, and one store that saves a step as a whole."""

from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

import attrs

from ignite_domain.events import EventType
from ignite_domain.governance.accounting import AccountingRecord, Rejected
from ignite_domain.governance.deliveries import Deliveries
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.tally import Tally
from ignite_domain.governance.words import Decision, DecisionStatus, Mode
from ignite_domain.isps import Isp


@attrs.frozen
class Position:
    """How far one accounting file has been read. `header` is the line in force there."""

    source: str
    path: str
    byte_offset: int = 0
    line: int = 0
    header: str = ""

    @property
    def host(self) -> str:
        """The host that the file is on; "" for the one that `pmta.accounting_dir` belongs to."""
        host, slash, _ = self.source.partition("/")
        return host if slash else ""


@attrs.frozen
class FeedBatch:
    """What one file had to say beyond a position, and the position after it. Plain deliveries may stand in columns."""

    position: Position
    entries: Sequence[AccountingRecord | Rejected]
    deliveries: Deliveries = attrs.field(factory=Deliveries)

    def __len__(self) -> int:
        return len(self.entries) + len(self.deliveries)

    def records(self) -> Iterator[AccountingRecord]:
        """All records, one by one; deliveries in columns come last."""
        yield from (one for one in self.entries if isinstance(one, AccountingRecord))
        yield from self.deliveries.records()


class AccountingFeed(Protocol):
    """The MTA's accounting files, of one host or of several."""

    @property
    def hosts(self) -> Sequence[str]:
        """The hosts whose files these are; "" is the one that `pmta.accounting_dir` belongs to."""

    @property
    def failures(self) -> Mapping[str, str]:
        """The hosts whose files are not known to have been read to their end at the last reading, and why."""

    async def forget(self, positions: Mapping[str, Position]) -> None:
        """Everything before `positions` has been saved for good: what was only kept for that may go."""

    async def close(self) -> None:
        """Let go of what reading holds open; another reading opens it again."""

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        """Up to about `limit` lines beyond `positions`, oldest file first; an empty list means: caught up.

        Keeps a line without its end for later. Reading changes nothing: the caller's position decides.
        Raises PortFailure if the directory cannot be read.
        """


class SendFacts(NamedTuple):
    """The ledger row that an envelope id names, and its person. `injected`: we know that the MTA has it, which does
    not change any more. `email_md5` is "" where it was not asked for. A plain tuple: there is one for every record."""

    send_id: int
    campaign_id: int
    subscriber_id: int
    variant_id: int | None
    isp: Isp | None
    vmta: str | None
    attempts: int
    injected: bool
    email_md5: str = ""


@attrs.frozen(slots=True, eq=False)
class SendGroup:
    """Ledger rows, with their people, that have everything else in common. `fresh`: no attempt of any has been seen."""

    campaign_id: int
    variant_id: int | None
    isp: Isp | None
    vmta: str | None
    fresh: bool
    injected: bool
    sends: Sequence[int]
    people: Sequence[int]

    def facts(self) -> Iterator[SendFacts]:
        """Each row by itself."""
        for send, person in zip(self.sends, self.people, strict=True):
            attempts = 0 if self.fresh else 1
            yield SendFacts(
                send, self.campaign_id, person, self.variant_id, self.isp, self.vmta, attempts, self.injected
            )


@attrs.define
class Taken:
    """Mail of ours that was delivered, in columns: ledger row, person, when, and what it shares with others. A row
    stands here once at most, and was known to be the MTA's."""

    sends: list[int] = attrs.field(factory=list)
    people: list[int] = attrs.field(factory=list)
    at: list[datetime] = attrs.field(factory=list)
    of: list[SendGroup] = attrs.field(factory=list)

    def __len__(self) -> int:
        return len(self.sends)


class MailEvent(NamedTuple):
    """What a record says of a person: a row of `subscriber_events`. `rule` and `status` are a refusal's, else "".

    A plain tuple: there is one for nearly every record.
    """

    type: EventType
    at: datetime
    subscriber_id: int
    isp: Isp | None
    campaign_id: int
    variant_id: int | None
    send_id: int
    rule: str = ""
    status: str = ""


class SendMark(NamedTuple):
    """What a batch says about one ledger row: last outcome, attempts seen, and when the MTA had it. `injected`: the
    row said so before."""

    send_id: int
    outcome: str | None
    attempts: int
    seen_at: datetime
    injected: bool


class Lift(NamedTuple):
    """A delivery: the person's score rises to 0.75 if it is lower and the person is active."""

    subscriber_id: int
    at: datetime


@attrs.frozen(slots=True)
class Fall:
    """A dead address or a complaint: score 0.00, suppressed everywhere. `reason`: hard_bounced or complained."""

    subscriber_id: int
    email_md5: str
    reason: str
    at: datetime


@attrs.frozen(slots=True)
class Suppressing:
    """An address suppressed at one provider because of a reply. `decision` indexes the step's suppress decisions."""

    isp: Isp | None
    email_md5: str
    reason: str
    rule: str
    at: datetime
    expires: datetime | None
    decision: int


@attrs.frozen(slots=True)
class Strike:
    """A reply of the kind that suppresses only when it comes again."""

    email_md5: str
    rule: str
    at: datetime


@attrs.frozen(slots=True)
class StoredSignal:
    """One row of `mailing_engine_signal_state`."""

    isp: str
    scope_type: str
    scope: str
    signal: str
    window_s: int
    n: int
    x: int
    s: int
    state: Mapping[str, Any]


@attrs.frozen(slots=True)
class HistoryPoint:
    """A change of `mailing_engine_signals`: what came on top at one place in the slice of record time that begins at
    `at`. `s`: the highest S of its alarm in the slice, `h` the limit in force; None where no alarm runs, or where a
    late record says nothing of where S stood."""

    at: datetime
    isp: str
    scope_type: str
    scope: str
    signal: str
    n: int
    x: int
    s: int | None = None
    h: int | None = None


@attrs.frozen(slots=True)
class AgentState:
    """How one of the 48 stands after an evaluation."""

    isp: Isp
    agent: str
    mode: Mode
    state: str
    reason: str


@attrs.frozen(slots=True)
class StatusChange:
    """A decision that changes: superseded, expired, or (status None) only its end.

    `waiting`: it holds only if the decision still waits for a person; somebody may have answered meanwhile.
    `parameters`: what is new among the decision's.
    """

    decision_id: int
    status: DecisionStatus | None
    note: str
    until: datetime | None = None
    waiting: bool = False
    parameters: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(slots=True)
class RateStep:
    """One answer of the controller for a standing throttle. `changed`: the rung is another one than before.

    `parameters` are those of the decision that are new, the controller's memory among them.
    """

    decision_id: int
    rung: int
    rate_per_min: float
    reason: str
    changed: bool
    parameters: Mapping[str, Any]


@attrs.frozen(slots=True)
class WarmupCount:
    """Outcomes of a cold address at one provider on one business day."""

    vmta: str
    isp: str
    at: datetime
    accepted: int = 0
    deferred: int = 0
    bounced: int = 0
    complained: int = 0


@attrs.frozen
class Step:
    """Everything one step produced; it is saved in one transaction or not at all."""

    now: datetime
    read_until: datetime | None = None  # set if the log was read to its end: nothing logged before is unread
    receipts: bool = False  # `r` records were among what was read
    positions: Sequence[tuple[Position, int, Sequence[Rejected]]] = ()  # position, records ingested, rejected
    events: Sequence[MailEvent] = ()
    taken: Taken = attrs.field(factory=Taken)  # besides `events`, `marks` and `lifts`: a delivery is all three
    marks: Sequence[SendMark] = ()
    lifts: Sequence[Lift] = ()
    falls: Sequence[Fall] = ()
    suppressions: Sequence[Suppressing] = ()
    strikes: Sequence[Strike] = ()
    signals: Sequence[StoredSignal] = ()
    history: Sequence[HistoryPoint] = ()
    agents: Sequence[AgentState] = ()
    decisions: Sequence[tuple[Decision, Mode, str]] = ()  # decision, mode, note
    suppress_decisions: Sequence[Decision] = ()
    changes: Sequence[StatusChange] = ()
    rate_steps: Sequence[RateStep] = ()
    warmup: Sequence[WarmupCount] = ()
    tally: Tally | None = None  # what the feed itself tells: counts by host and type, replies nobody knows


class DecisionStore(Protocol):
    """Decisions that still matter."""

    async def standing(self) -> Sequence[Decision]:
        """Decisions without an end: proposed, approved, applied, verified or failed, in order of id."""

    async def released(self, since: datetime) -> Sequence[Decision]:
        """Restrictions that were released at or after `since`."""


@attrs.frozen
class PolicyVersion:
    """One version of the changes to the rule table, as a person or a file put it in force. Versions count from 1."""

    version: int
    at: datetime
    author: str
    reason: str
    document: str


class PolicyStore(Protocol):
    """All policies that were ever in force; the newest is in force now. Without any the table is as shipped."""

    async def newest(self, beyond: int = 0) -> PolicyVersion | None:
        """The newest version if it is above `beyond`, else None."""

    async def versions(self, before: int, limit: int) -> Sequence[PolicyVersion]:
        """Up to `limit` versions below `before`, newest first."""

    async def add(self, policy: PolicyVersion) -> None:
        """Put a policy in force. Raises `Conflict` unless its version is the one after the newest."""


class GovernanceStore(DecisionStore, Protocol):
    """What the ingestor reads, and the one call that saves a step."""

    async def positions(self) -> Mapping[str, Position]:
        """Every file's position, by source."""

    async def sends(self, ids: Collection[int], named: Collection[int]) -> Mapping[int, SendFacts]:
        """Ledger rows by id; ids that are not in the ledger are absent. Those of `named` come with their person's
        hash."""

    async def groups(self, ids: Collection[int]) -> Sequence[SendGroup]:
        """Ledger rows of `ids`, put together; each id stands in one group at most."""

    async def last_sends(self, md5s: Sequence[str]) -> Mapping[str, SendFacts]:
        """The latest injected ledger row of each person, by email_md5; strangers are absent."""

    async def strikes(self, md5s: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """(email_md5, reply rule) -> how often that reply has come before."""

    async def signals(self) -> Sequence[StoredSignal]:
        """The stored state of all signals."""

    async def reported(self, since: date) -> Mapping[str, ReportedRate]:
        """The newest complaint rate that each provider reported for a day not before `since`; the worst domain's."""

    async def planned(self) -> Mapping[str, int]:
        """Messages that wait in the ledger, by provider (`elsewhere` for the rest)."""

    async def save(self, step: Step) -> None:
        """Save a step in one transaction; raises PortFailure and saves nothing.

        What its `taken` means for the ledger and for scores may be put off until `settle`.
        """

    async def save_while(self, mail: Sequence[MailEvent], taken: Taken, deciding: Awaitable[Step]) -> Step:
        """As `save`, for a step with many events that is still being decided: its `events` (`mail`) and `taken` wait
        for no decision, so storing them may begin. Raises what `deciding` raises, and saves nothing then."""

    async def settle(self) -> int:
        """Let the ledger and the scores follow what the oldest step said that they have not followed yet; one
        transaction. Returns the number of deliveries in it, 0 if there is nothing left."""

    async def prune(self, now: datetime) -> int:
        """Forget the state of signals that nothing has fed for a week, and what else is too old; returns rows."""

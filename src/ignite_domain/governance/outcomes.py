"""`outcome_of`: what one accounting record says, as signals see it. Shared by the ingestor and the backtest.

Decides brand, class of the reply, and whose fault it tells of. Whether an attempt was a message's first is the
caller's to know: the ingestor asks the ledger, a backtest remembers (`replay`).
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from hashlib import md5
from typing import Final, NamedTuple

import attrs

from ignite_domain.governance.accounting import AccountingRecord
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.replies import EXPIRED, Reply, classify
from ignite_domain.governance.reply_rules import ReplyClass
from ignite_domain.isps import Isp, isp_of

ADDRESS_KINDS: Final = frozenset({ReplyClass.INVALID, ReplyClass.INACTIVE, ReplyClass.FULL})
US_KINDS: Final = frozenset({ReplyClass.REPUTATION, ReplyClass.POLICY, ReplyClass.AUTH, ReplyClass.CONTENT})
FIRST_ATTEMPT: Final = timedelta(minutes=5)
"""Where nobody knows better, a record logged this soon after its mail was queued is a first attempt's."""

KINDS: Final[Mapping[str, OutcomeKind]] = {
    "d": OutcomeKind.DELIVERED,
    "t": OutcomeKind.DEFERRED,
    "b": OutcomeKind.BOUNCED,
    "rb": OutcomeKind.BOUNCED,
    "f": OutcomeKind.COMPLAINED,
    "tq": OutcomeKind.CONNECTION,
}
"""What a record of each type tells of; receipts (r) and remote status (rs) are no outcomes."""

RECIPIENT_LIMIT: Final = "recipient_limit"
CARRIED: Final = "carried"
"""Class, as rules know it, of what is refused for something that the mail carries: a domain, a signature, a link."""
CARRIES: Final = frozenset({"domain", "dkim", "url"})
"""Kinds of identity that belong to a job's mail, whichever address it is sent from."""
NETBLOCK: Final = "netblock"
_NAME_LENGTH: Final = 100
EXPIRY: Final = Reply(ReplyClass.NETWORK, False, None, None, "expired")
"""What the MTA itself says of mail that it gave up for want of time."""

ASKS: Final = frozenset(
    {"rate_limit", "connection_limit", "reputation", "deferred_reputation", "policy", "load", "unknown"}
)
"""Classes, as rules know them, whose stated waits are about how much we send. Others ask one mailbox's mail to wait (a
greylist, a full mailbox), or speak of the way there."""

_REFUSALS: Final = frozenset({"t", "b", "rb", "tq"})
_ATTEMPTS: Final = frozenset({"d", "t", "b"})


def hash_of(address: str) -> str:
    """The MD5 of an address, trimmed and in lower case: what people are known by outside their own table."""
    return md5(address.strip().lower().encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=8192)
def brand_of(domain: str) -> Isp | None:
    """The brand of a queue or recipient domain; PMTA's rollup queues carry a group's name."""
    if domain.endswith((".rollup", ".queue")):
        label = domain.rpartition(".")[0]
        return next((isp for isp in Isp if isp == label), None) or isp_of(f"{label}.com")
    return isp_of(domain)


def brand_of_record(record: AccountingRecord) -> Isp | None:
    """The brand a record is about: by its recipient, or, where it has none (tq), by its queue."""
    return brand_of(record.rcpt.rpartition("@")[2] if record.rcpt else record.queue.partition("/")[0])


def reply_of(record: AccountingRecord) -> Reply | None:
    """What the reply in a record means; None for types that carry no refusal."""
    if record.type not in _REFUSALS:
        return None
    return EXPIRY if is_expiry(record.type, record.status) else classify(record.status, record.diagnostic, record.mta)


def is_expiry(kind: str, status: str) -> bool:
    """Whether a record says that the MTA gave a message up for want of time: nobody has refused it now. The reply that
    it quotes was the queue's last one, and each attempt that was refused has been counted when it was."""
    return kind == "b" and status.partition(" ")[0] in EXPIRED


def soon_after_queued(record: AccountingRecord) -> bool:
    """Whether a record's times alone say that it is a first attempt's."""
    return record.queued is None or record.logged - record.queued <= FIRST_ATTEMPT


def outcome_of(
    record: AccountingRecord, first: bool, reply: Reply | None, isp: Isp | None, recipient: str
) -> Outcome | None:
    """What a record says; None if it is no outcome (r, rs). `reply` is `reply_of(record)`, `recipient` a hash."""
    kind = KINDS.get(record.type)
    if kind is None:
        return None
    meant = meant_by(reply, kind, record.rcpt.rpartition("@")[2]) if reply else NOTHING_MEANT
    return Outcome(
        at=record.logged,
        isp=isp,
        kind=kind,
        ip=record.source_ip,
        job=record.job,
        queue=record.queue,
        recipient="" if kind is OutcomeKind.CONNECTION else recipient,
        first=first and record.type in _ATTEMPTS,
        address_fault=reply is not None and reply.kind in ADDRESS_KINDS,
        about_us=reply is not None and kind is OutcomeKind.BOUNCED and reply.kind in US_KINDS,
        reply_kind=meant.kind,
        reply_rule=meant.rule,
        waited_s=waited_s(record) if kind is OutcomeKind.DELIVERED else 0,
        names=meant.names,
        asks_s=meant.asks_s,
    )


class Meant(NamedTuple):
    """What a reply means for signals: its class for rules, under which name it is remembered, whom it names, and for
    how many seconds it asks us to wait. See `Outcome`."""

    kind: str = ""
    rule: str = ""
    names: str = ""
    asks_s: int = 0


NOTHING_MEANT: Final = Meant()


def meant_by(reply: Reply, kind: OutcomeKind, theirs: str = "") -> Meant:
    """`theirs`: the recipient's domain. A reply that names that blames nobody of ours.

    Replies of one rule that blame something else than the address are remembered apart: other things follow.
    """
    if reply.names is not None and theirs and reply.names.value == theirs.lower():
        reply = attrs.evolve(reply, names=None)
    said, rule, names = kind_for_rules(reply, kind), reply.rule, ""
    if reply.names is not None and reply.names.kind != "recipient":
        names = f"{reply.names.kind} {(reply.names.value or '')[:_NAME_LENGTH]}"
        if said == CARRIED or reply.names.kind == NETBLOCK:
            rule = f"{rule}:{reply.names.kind}"
    wait = reply.retry_after if said in ASKS else None
    return Meant(said, rule, names, int(wait.total_seconds()) if wait else 0)


def waited_s(record: AccountingRecord) -> int:
    """Seconds from queue to delivery; 0 where that is not told, or told wrongly."""
    return max(0, int((record.logged - record.queued).total_seconds())) if record.queued else 0


def kind_for_rules(reply: Reply, kind: OutcomeKind) -> str:
    """The class that rules look for: a deferral for reputation asks for less mail, a refusal for none.

    A limit on how fast one mailbox is written to says nothing about our rate, however many mailboxes say so; what
    expired in our own queue says nothing about the way to a provider.
    """
    if reply.rule == EXPIRY.rule:
        return EXPIRY.rule
    if reply.kind is ReplyClass.RATE_LIMIT and reply.names is not None and reply.names.kind == "recipient":
        return RECIPIENT_LIMIT
    deferred = kind is OutcomeKind.DEFERRED and reply.kind is ReplyClass.REPUTATION
    carried = reply.names is not None and reply.names.kind in CARRIES
    if carried and (reply.kind is ReplyClass.CONTENT or (reply.kind is ReplyClass.REPUTATION and not deferred)):
        return CARRIED
    return f"deferred_{reply.kind.value}" if deferred else reply.kind.value

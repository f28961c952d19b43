"""People, their addresses, what stands against mailing them, and the one gate that says so."""

from ignite_domain.subscribers.address import (
    AddressFault,
    BadAddress,
    EmailAddress,
    canonical,
    hash_of,
    md5_in,
)
from ignite_domain.subscribers.gate import FREQUENCY, MAY, OUTCOMES, Outcome, Reason, Verdict, may_mail
from ignite_domain.subscribers.ports import SubscriberStore, SuppressionStore
from ignite_domain.subscribers.subscriber import Status, Subscriber, VerifyState
from ignite_domain.subscribers.suppression import ELSEWHERE, Suppression, SuppressionReason

__all__ = [
    "ELSEWHERE",
    "FREQUENCY",
    "MAY",
    "OUTCOMES",
    "AddressFault",
    "BadAddress",
    "EmailAddress",
    "Outcome",
    "Reason",
    "Status",
    "Subscriber",
    "SubscriberStore",
    "Suppression",
    "SuppressionReason",
    "SuppressionStore",
    "Verdict",
    "VerifyState",
    "canonical",
    "hash_of",
    "may_mail",
    "md5_in",
]

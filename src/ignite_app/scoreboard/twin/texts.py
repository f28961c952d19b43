"""What the twin's providers answer: real reply texts, and what happens behind each of them.

Decides texts only. What a text means is `governance.replies`' business; that it came, the hidden models'.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final

import attrs

from ignite_domain.governance.replies import Reply, classify
from ignite_domain.isps import Isp


class Why(StrEnum):
    """Why a message was not accepted, as only the provider knows it."""

    PRESSURE = "pressure"  # more than it takes
    CLOSED = "closed"  # it takes nothing from this address for now
    BLOCKED = "blocked"  # refused for good, by the address's reputation
    BUSY = "busy"  # nobody's fault
    AUTH = "auth"  # our authentication is broken
    DEAD = "dead"  # there is no such mailbox
    POLICY = "policy"  # unrelated refusal
    UNRELATED = "unrelated"  # unrelated deferral


FOR_GOOD: Final = frozenset({Why.BLOCKED, Why.AUTH, Why.DEAD, Why.POLICY})
"""5xx: PMTA does not try again."""


@attrs.frozen
class Text:
    """One reply as it stands in the accounting. `category`: PMTA's bounceCat, by its shipped patterns."""

    status: str
    diagnostic: str
    mta: str
    category: str = "other"

    @property
    def reply(self) -> Reply:
        return _read(self)

    def told(self, ip: str) -> "Text":
        """The same to this address of ours: some replies name it."""
        return _told(self, ip)


@lru_cache(maxsize=256)
def _read(text: Text) -> Reply:
    return classify(text.status, text.diagnostic, text.mta)


@lru_cache(maxsize=256)
def _told(text: Text, ip: str) -> Text:
    return attrs.evolve(text, diagnostic=text.diagnostic.replace(NAMED, ip))


NAMED: Final = "192.0.2.11"
"""The address that stands in the texts below, in place of whichever is talked to."""
_GMAIL: Final = "gmail-smtp-in.l.google.com"
_YAHOO: Final = "mta5.am0.yahoodns.net"
_MICROSOFT: Final = "outlook-com.olc.protection.outlook.com"
_COMCAST: Final = "mx1.comcast.net"
_COX: Final = "cxr.mx.a.cloudfilter.net"
_SEE: Final = "see https://postmaster.yahooinc.com/error-codes"

TEXTS: Final[Mapping[Isp, Mapping[Why, Text]]] = {
    Isp.GMAIL: {
        Why.PRESSURE: Text(
            "4.7.28",
            "smtp;421-4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP "
            "address. To protect our users from spam, mail sent from your IP address has been temporarily rate limited",
            _GMAIL,
            "policy-related",
        ),
        Why.CLOSED: Text(
            "4.7.0",
            "smtp;421-4.7.0 Our system has detected that this message is suspicious due to the very low reputation "
            "of the sending IP address",
            _GMAIL,
            "policy-related",
        ),
        Why.BLOCKED: Text(
            "5.7.1",
            "smtp;550-5.7.1 Our system has detected that this message is likely suspicious due to the very low "
            "reputation of the sending IP address",
            _GMAIL,
            "policy-related",
        ),
        Why.BUSY: Text("4.7.0", "smtp;421-4.7.0 Try again later, closing connection.", _GMAIL),
        Why.DEAD: Text(
            "5.1.1", "smtp;550-5.1.1 The email account that you tried to reach does not exist.", _GMAIL, "bad-mailbox"
        ),
        Why.POLICY: Text(
            "5.7.1",
            "smtp;550-5.7.1 Our system has detected that this message is likely unsolicited mail.",
            _GMAIL,
            "spam-related",
        ),
        Why.UNRELATED: Text(
            "4.2.1",
            "smtp;450-4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional "
            "messages from being delivered.",
            _GMAIL,
            "quota-issues",
        ),
        Why.AUTH: Text(
            "5.7.26",
            "smtp;550-5.7.26 This mail has been blocked because the sender is unauthenticated.",
            _GMAIL,
            "policy-related",
        ),
    },
    Isp.YAHOO: {
        Why.PRESSURE: Text(
            "4.7.0",
            "smtp;421 4.7.0 [TSS04] Messages from 192.0.2.11 temporarily deferred due to unexpected volume or user "
            f"complaints - 4.16.55.1; {_SEE}",
            _YAHOO,
            "policy-related",
        ),
        Why.CLOSED: Text(
            "4.7.0",
            "smtp;421 4.7.0 [TSS05] Messages from 192.0.2.11 temporarily deferred due to user complaints - 4.16.55.4; "
            f"{_SEE}",
            _YAHOO,
            "policy-related",
        ),
        Why.BLOCKED: Text(
            "5.7.1", f"smtp;553 5.7.1 [BL21] Connections will not be accepted; {_SEE}", _YAHOO, "policy-related"
        ),
        Why.BUSY: Text("4.3.2", "smtp;451 4.3.2 Internal error reading data, try again later", _YAHOO),
        Why.DEAD: Text(
            "5.0.0", "smtp;554 delivery error: dd This user doesn't have a yahoo.com account [0]", _YAHOO, "bad-mailbox"
        ),
        Why.POLICY: Text(
            "5.7.9", f"smtp;554 5.7.9 Message not accepted for policy reasons. {_SEE}", _YAHOO, "policy-related"
        ),
        Why.UNRELATED: Text("4.3.0", "smtp;451 4.3.0 Mail server temporarily unavailable", _YAHOO),
        Why.AUTH: Text(
            "5.7.9",
            "smtp;550 5.7.9 This mail has been blocked because the sender is unauthenticated.",
            _YAHOO,
            "policy-related",
        ),
    },
    Isp.MICROSOFT: {
        Why.PRESSURE: Text(
            "4.7.650",
            "smtp;451 4.7.650 The mail server [192.0.2.11] has been temporarily rate limited due to IP reputation. For "
            "e-mail delivery information see https://aka.ms/postmaster (S775)",
            _MICROSOFT,
            "policy-related",
        ),
        Why.CLOSED: Text(
            "4.7.651",
            "smtp;451 4.7.651 The mail server [192.0.2.11] has been temporarily rate limited due to IP reputation. For "
            "e-mail delivery information see https://aka.ms/postmaster (S3114)",
            _MICROSOFT,
            "policy-related",
        ),
        Why.BLOCKED: Text(
            "5.7.1",
            "smtp;550 5.7.1 Unfortunately, messages from [192.0.2.11] weren't sent. Please contact your Internet "
            "service provider since part of their network is on our block list (S3150).",
            _MICROSOFT,
            "policy-related",
        ),
        Why.BUSY: Text(
            "4.7.500",
            "smtp;451 4.7.500 Server busy. Please try again later from [192.0.2.11]. (AS761)",
            _MICROSOFT,
            "policy-related",
        ),
        Why.DEAD: Text(
            "5.5.0",
            "smtp;550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).",
            _MICROSOFT,
            "bad-mailbox",
        ),
        Why.POLICY: Text(
            "5.7.1",
            "smtp;550 5.7.1 Message rejected due to content restrictions",
            _MICROSOFT,
            "content-related",
        ),
        Why.UNRELATED: Text("4.3.2", "smtp;451 4.3.2 Temporary server error. Please try again later", _MICROSOFT),
        Why.AUTH: Text(
            "5.7.515",
            "smtp;550 5.7.515 Access denied, sending domain does not meet the required authentication level.",
            _MICROSOFT,
            "policy-related",
        ),
    },
    Isp.COMCAST: {
        Why.PRESSURE: Text("4.2.0", "smtp;421 RL000001 Throttled - too many messages from 192.0.2.11", _COMCAST),
        Why.CLOSED: Text("4.2.0", "smtp;421 RL000002 Throttled - messages from 192.0.2.11 are not accepted", _COMCAST),
        Why.BLOCKED: Text(
            "5.7.1",
            "smtp;554 BL000001 192.0.2.11 blocked for spam. See https://postmaster.comcast.net",
            _COMCAST,
            "policy-related",
        ),
        Why.BUSY: Text("4.3.2", "smtp;421 4.3.2 Too busy, try again later", _COMCAST),
        Why.DEAD: Text("5.1.1", "smtp;550 5.1.1 Not our Customer", _COMCAST, "bad-mailbox"),
        Why.POLICY: Text("5.7.1", "smtp;550 5.7.1 Message refused by policy", _COMCAST, "policy-related"),
        Why.UNRELATED: Text("4.2.2", "smtp;452 4.2.2 Mailbox full", _COMCAST, "quota-issues"),
        Why.AUTH: Text(
            "5.7.1", "smtp;550 5.7.1 DM000001 DMARC authentication of the sender failed", _COMCAST, "policy-related"
        ),
    },
    Isp.COX: {
        Why.PRESSURE: Text("4.7.0", "smtp;421 4.7.0 AUP#CXMXRT too many messages from 192.0.2.11", _COX),
        Why.CLOSED: Text("4.7.0", "smtp;421 4.7.0 AUP#CXMXRT no messages from 192.0.2.11 for now", _COX),
        Why.BLOCKED: Text("5.7.1", "smtp;554 cox too many bad commands from 192.0.2.11 AUP#CXBL", _COX),
        Why.BUSY: Text("4.3.2", "smtp;421 4.3.2 System not accepting network messages, try later", _COX),
        Why.DEAD: Text("5.1.1", "smtp;550 5.1.1 recipient rejected: no such user here", _COX, "bad-mailbox"),
        Why.POLICY: Text("5.7.1", "smtp;552 5.7.1 Message refused by policy", _COX, "policy-related"),
        Why.UNRELATED: Text("4.2.2", "smtp;452 4.2.2 Mailbox full", _COX, "quota-issues"),
        Why.AUTH: Text("5.7.1", "smtp;550 5.7.1 AUP#CXSNDR sender authentication failed", _COX, "policy-related"),
    },
}
"""By whoever runs the MX that answers, and why. Wording after providers' documentation and public collections."""

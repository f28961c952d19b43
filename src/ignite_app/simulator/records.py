"""Accounting rows and ledger lines for what happens to a message. Decides their wording, not their cause."""

from collections.abc import Mapping
from hashlib import md5
from types import MappingProxyType
from typing import Final

import attrs

from ignite_app.simulator.accounting import AccountingWriter, stamp
from ignite_app.simulator.ledger import Ledger
from ignite_app.simulator.messages import QueuedMessage

HOST: Final = "mta.ignite.example"
STATUS_WORDS: Final = MappingProxyType(
    {
        "2.0.0": "success",
        "4.0.0": "undefined status",
        "4.1.0": "other address status",
        "4.2.2": "mailbox full",
        "4.3.0": "other or undefined mail system status",
        "4.3.2": "system not accepting network messages",
        "4.4.1": "no answer from host",
        "4.4.3": "directory server failure",
        "4.7.0": "other or undefined security status",
        "4.7.1": "delivery not authorized, message refused",
        "5.0.0": "undefined status",
        "5.1.1": "bad destination mailbox address",
        "5.1.2": "bad destination system address",
        "5.2.1": "mailbox disabled, not accepting messages",
        "5.2.2": "mailbox full",
        "5.4.4": "unable to route",
        "5.4.7": "delivery time expired",
        "5.5.0": "other or undefined protocol status",
        "5.7.1": "delivery not authorized, message refused",
    }
)
"""The words PMTA puts in brackets behind an enhanced code (RFC 3463's); a code it does not know stands bare."""

_ESMTP: Final = "PIPELINING,8BITMIME,SIZE,STARTTLS,ENHANCEDSTATUSCODES"
_RESULT: Final = {"d": "delivered", "b": "bounced", "t": "deferred"}
_ACTION: Final = {"d": "relayed", "b": "failed", "t": "delayed"}


def with_words(status: str) -> str:
    """`5.1.1` as PMTA logs it: with its meaning in brackets where it knows one."""
    meaning = STATUS_WORDS.get(status)
    return f"{status} ({meaning})" if meaning else status


def address_of(host: str) -> str:
    """The address of a receiving host: a fixed one in 203.0.113.0/24 for each name."""
    return f"203.0.113.{1 + md5(host.encode(), usedforsecurity=False).digest()[0] % 250}"


@attrs.frozen
class Outcome:
    """What came of one attempt. `kind` d, b or t; `host` "" if none was reached."""

    kind: str
    status: str
    text: str
    host: str
    category: str
    hard: bool = False
    code: int = 0


@attrs.frozen(eq=False)
class Records:
    """Writes both books, so that they agree."""

    accounting: AccountingWriter
    ledger: Ledger

    def received(self, message: QueuedMessage, host_ip: str, at: float) -> None:
        self.accounting.write(
            {
                "type": "r",
                "orig": message.orig,
                "rcpt": message.rcpt,
                "srcType": "smtp",
                "srcMta": message.source,
                "vmta": message.pool or message.vmta,
                "jobId": message.job,
                "envId": message.envid,
                "rcvSourceIp": message.source.rpartition("(")[2].rstrip(")"),
                "rcvDestinationIp": host_ip,
            },
            at,
        )
        self.ledger.add(at, "message", **self._who(message))

    def outcome(self, message: QueuedMessage, queue: str, ip: str, outcome: Outcome, at: float) -> None:
        """One d, b or t record and its line of truth."""
        kind, host = outcome.kind, outcome.host
        remote = address_of(host) if host else ""
        self.accounting.write(
            {
                "type": kind,
                "timeQueued": stamp(message.queued_at),
                "orig": message.orig,
                "rcpt": message.rcpt,
                "dsnAction": _ACTION[kind],
                "dsnStatus": with_words(outcome.status),
                "dsnDiag": f"smtp;{outcome.text}" if outcome.text else "",
                "dsnMta": f"{host} ({remote})" if host else "",
                "bounceCat": outcome.category,
                "srcType": "smtp",
                "srcMta": message.source,
                "dlvType": "smtp",
                "dlvSourceIp": ip if host else "",
                "dlvDestinationIp": remote,
                "dlvEsmtpAvailable": _ESMTP if host else "",
                "dlvSize": str(message.size) if kind == "d" else "",
                "vmta": message.vmta,
                "jobId": message.job,
                "envId": message.envid,
                "queue": queue,
                "vmtaPool": message.pool,
                "timeFirstAttempt": stamp(message.first_attempt) if message.first_attempt is not None else "",
                "totalSecondsQueued": str(int(at - message.queued_at)),
            },
            at,
        )
        self.ledger.add(
            at,
            "reply",
            **self._who(message),
            result=_RESULT[kind],
            status=outcome.status,
            code=outcome.code,
            text=outcome.text,
            hard=outcome.hard,
        )

    def queue_trouble(self, queue: str, vmta: str, status: str, text: str, host: str, at: float) -> None:
        """A tq record: nobody was reached, no recipient in particular is concerned."""
        row = {
            "type": "tq",
            "dsnStatus": with_words(status),
            "dsnDiag": f"smtp;{text}",
            "dsnMta": f"{host} ({address_of(host)})" if host else "",
            "dlvType": "smtp",
            "vmta": vmta,
            "queue": queue,
        }
        self.accounting.write(row, at)

    def remote(self, message: QueuedMessage, kind: str, outcome: Outcome, at: float) -> None:
        """A bounce (rb) or status (rs) mail that came back later. An rb is a reply in the ledger, an rs is not."""
        self.accounting.write(
            {
                "type": kind,
                "orig": "",
                "rcpt": message.rcpt,
                "dsnAction": "delayed" if kind == "rs" else "",
                "dsnStatus": with_words(outcome.status),
                "dsnDiag": f"smtp;{outcome.text}",
                "dsnMta": f"{outcome.host} ({address_of(outcome.host)})",
                "bounceCat": outcome.category,
                "srcType": "smtp",
                "srcMta": f"{outcome.host} ({address_of(outcome.host)})",
                "envId": message.envid,
                "dsnReportingMta": outcome.host,
                "format": "dsn",
            },
            at,
        )
        if kind == "rb":
            self.ledger.add(
                at,
                "reply",
                **self._who(message),
                result="bounced",
                status=outcome.status,
                code=outcome.code,
                text=outcome.text,
                hard=outcome.hard,
                remote=True,
            )

    def complaint(self, message: QueuedMessage, ip: str, seen: bool, at: float) -> None:
        """Somebody pressed "spam". Only a provider with a feedback loop tells (`seen`)."""
        if not seen:
            self.ledger.add(at, "spam_button", **self._who(message))
            return
        self.accounting.write(
            {
                "type": "f",
                "orig": message.orig,
                "rcpt": message.rcpt,
                "dlvSourceIp": ip,
                "envId": message.envid,
                "format": "arf",
                "repSourceIp": ip,
                "feedbackType": "abuse",
                "userAgent": "Feedback-Agent/1.0",
                "reportingMTA": message.destination.mx[0] if message.destination.mx else "",
                "reportedDomain": message.orig.rpartition("@")[2],
            },
            at,
        )
        self.ledger.add(at, "complaint", **self._who(message))

    def action(self, message: QueuedMessage, kind: str, at: float, fields: Mapping[str, object]) -> None:
        """What a person or a machine did with the mail and our servers answered."""
        self.ledger.add(at, kind, **self._who(message), **fields)

    def _who(self, message: QueuedMessage) -> dict[str, str]:
        return {
            "envid": message.envid,
            "job": message.job,
            "rcpt_md5": message.rcpt_md5,
            "isp": message.isp,
            "vmta": message.vmta,
        }

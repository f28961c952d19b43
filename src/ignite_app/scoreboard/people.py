"""Who is suppressed in the course of an incident, and whose address was fine.

Decides what text each refusal of an incident has, and that what was deferred is tried again and refused alike three
times. Whether that suppresses anybody is the product's own deciding: lines of accounting, `LineReader`, `Gatherer`,
and with it `replies.suppresses` and the suppression agents' decisions. Nobody acts on what is seen meanwhile, so the
list is mailed on: more is refused than an incident that is stopped would refuse.
"""

import asyncio
import csv
import io
import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from ignite_app.scoreboard.incidents import INCIDENTS, IPS, START, Incident, Scene, draw, minutes
from ignite_app.scoreboard.twin.live import HEADER, MemoryStore
from ignite_app.scoreboard.twin.texts import TEXTS, Text, Why
from ignite_domain.governance.accounting import LineReader
from ignite_domain.governance.gatherer import Gatherer
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.outcomes import hash_of
from ignite_domain.governance.ports import FeedBatch, Position, SendFacts
from ignite_domain.isps import Isp

MINUTES: Final = 30
"""So long after its beginning an incident is looked at."""
RETRIES: Final = (10, 20, 30)
DOMAINS: Final[Mapping[Isp, str]] = {
    Isp.GMAIL: "gmail.com",
    Isp.YAHOO: "yahoo.com",
    Isp.MICROSOFT: "outlook.com",
    Isp.APPLE: "icloud.com",
    Isp.COMCAST: "comcast.net",
    Isp.COX: "cox.net",
    Isp.CHARTER: "charter.net",
    Isp.ATT: "att.net",
}
NAMES: Final = ("anna", "s775", "user.unknown", "mailbox-full", "no.such.user", "disabled", "550-5.1.1", "bl21")
"""What people are called says nothing about their mailbox, also where a reply quotes it."""
REASONS: Final[Mapping[str, Why]] = {
    "unknown-user": Why.DEAD,
    "ip-reputation": Why.BLOCKED,
    "policy": Why.POLICY,
    "unauthenticated": Why.AUTH,
    "busy": Why.BUSY,
    "stated-rate-limit": Why.PRESSURE,
}
"""The incidents' reply rules, as the twin's texts tell them."""
_APPLE: Final = "mx01.mail.icloud.com"
_CHARTER: Final = "mx0.charter.net"
_MORE: Final[Mapping[Isp, Mapping[Why, Text]]] = {
    Isp.APPLE: {
        Why.DEAD: Text("5.1.1", "smtp;550 5.1.1 unknown or illegal alias", _APPLE, "bad-mailbox"),
        Why.BLOCKED: Text(
            "5.7.1", "smtp;550 5.7.1 Mail from IP 192.0.2.11 was rejected due to listing in Spamhaus SBL", _APPLE
        ),
        Why.POLICY: Text("5.7.1", "smtp;550 5.7.1 [CS01] Message rejected due to local policy", _APPLE),
        Why.AUTH: Text("5.7.1", "smtp;554 5.7.1 [HME1] This message was blocked for failing authentication", _APPLE),
        Why.BUSY: Text("4.7.1", "smtp;451 4.7.1 Service unavailable - try again later", _APPLE),
        Why.PRESSURE: Text("4.7.1", "smtp;421 4.7.1 Messages from 192.0.2.11 deferred due to excessive volume", _APPLE),
    },
    Isp.CHARTER: {
        Why.DEAD: Text("5.1.1", "smtp;550 5.1.1 recipient rejected, user unknown", _CHARTER, "bad-mailbox"),
        Why.BLOCKED: Text("5.7.1", "smtp;554 5.7.1 AUP#In-1000 192.0.2.11 blocked", _CHARTER),
        Why.POLICY: Text("5.7.1", "smtp;550 5.7.1 Message refused by policy", _CHARTER),
        Why.AUTH: Text("5.7.1", "smtp;550 5.7.1 Email rejected per DMARC policy of the sender", _CHARTER),
        Why.BUSY: Text("4.3.2", "smtp;421 AUP#In-1090 system busy, try again later", _CHARTER),
        Why.PRESSURE: Text("4.7.0", "smtp;452 AUP#In-1390 too many messages from 192.0.2.11", _CHARTER),
    },
    Isp.ATT: TEXTS[Isp.YAHOO],  # its MX
}
BY_ISP: Final[Mapping[Isp, Mapping[Why, Text]]] = {**TEXTS, **_MORE}
NO_ANSWER: Final = Text("4.4.3", "smtp;451 4.4.3 unable to route: dns lookup failure", "")
"""The MTA's own words."""
FULL: Final = Text("4.2.2", "smtp;452 4.2.2 Mailbox full", "", "quota-issues")
FULL_OF: Final = 5
"""Of so many recipients whom a provider defers one has no room just now."""
_TYPE: Final = {OutcomeKind.DEFERRED: "t", OutcomeKind.BOUNCED: "b"}


def text_of(one: Outcome) -> Text:
    """What a refusal of an incident says in the accounting."""
    if one.reply_rule not in REASONS or one.isp is None:
        return NO_ANSWER
    if one.kind is OutcomeKind.DEFERRED and number_of(one) % FULL_OF == 0:
        return FULL
    return BY_ISP[one.isp][REASONS[one.reply_rule]].told(one.ip)


def number_of(one: Outcome) -> int:
    return int(one.recipient.removeprefix("r"))


class _Store(MemoryStore):
    """What the suppression asks of a store: whose mail it was, and what was said of them before."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: dict[tuple[str, str], int] = {}

    async def strikes(self, md5s: Collection[str]) -> Mapping[tuple[str, str], int]:
        return {key: count for key, count in self.heard.items() if key[0] in md5s}


class People:
    """`hear` what was refused, minute by minute. `fine`, `dead`: who was refused, by the truth; `suppressed`: of both.
    `decided`: the reply rules that the suppression agents' decisions name."""

    def __init__(self, seed: str) -> None:
        self.fine: set[str] = set()
        self.dead: set[str] = set()
        self.suppressed: set[str] = set()
        self.decided: set[str] = set()
        self._dice = random.Random(seed)
        self._store = _Store()
        self._gatherer = Gatherer(self._store, frozenset())
        self._reader = LineReader()
        self._reader.take(HEADER.encode() + b"\n")
        self._again: dict[int, list[tuple[Outcome, str, Text]]] = {}

    def hear(self, minute: int, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Outcomes of one minute, and what of earlier ones is tried again in it."""
        due = self._again.pop(minute, [])
        for one in outcomes:
            if one.kind not in _TYPE:
                continue
            said, address = text_of(one), f"{self._dice.choice(NAMES)}.{one.recipient}@{DOMAINS[one.isp or Isp.GMAIL]}"
            due.append((one, address, said))
            (self.dead if one.address_fault else self.fine).add(hash_of(address))
            if one.kind is OutcomeKind.DEFERRED:
                for later in RETRIES:
                    self._again.setdefault(minute + later, []).append((one, address, said))
        if due:
            self._take([self._line(one, address, said, now) for one, address, said in due], due, now)

    def _line(self, one: Outcome, address: str, said: Text, now: datetime) -> tuple[str, ...]:
        quoted = f"{said.diagnostic} <{address}>" if self._dice.random() < 0.3 else said.diagnostic
        at = f"{now - timedelta(seconds=30):%Y-%m-%d %H:%M:%S}+0000"
        kind = _TYPE[one.kind]
        action = "failed" if kind == "b" else "delayed"
        vmta = f"mta{IPS.index(one.ip) + 1}"
        where = (one.ip, vmta, one.job, f"ig{number_of(one)}", one.queue, "")
        return (kind, at, at, "news@example.org", address, action, said.status, quoted, said.mta, said.category, *where)

    def _take(self, lines: Sequence[tuple[str, ...]], due: Sequence[tuple[Outcome, str, Text]], now: datetime) -> None:
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows(lines)
        entries, _ = self._reader.take(written.getvalue().encode())
        for one, address, _ in due:
            number = number_of(one)
            send = SendFacts(number, 1, number, None, one.isp, "", 0, True, hash_of(address))
            self._store.ledger[number] = send
        batch = FeedBatch(Position("accounting", "acct.csv", line=self._reader.line), entries)
        told = asyncio.run(self._gatherer.gather([batch], now)).told
        for strike in told.strikes:
            key = (strike.email_md5, strike.rule)
            self._store.heard[key] = self._store.heard.get(key, 0) + 1
        self.suppressed |= {one.email_md5 for one in told.suppressions}
        self.decided |= {str(one.evidence["reply_rule"]) for one in told.suppress_decisions(now)}


def of_incident(incident: Incident, scene: Scene, seed: int) -> People:
    """Everybody who was refused in the first half hour of an incident, and, of what was deferred, in one more."""
    people = People(f"people {incident.name} {seed}")
    for minute, outcomes in enumerate(minutes(incident, scene)):
        passed = minute - scene.begins
        if passed < 0:
            continue
        now = START + timedelta(minutes=minute + 1)
        people.hear(passed, outcomes if passed < MINUTES else (), now)
        if passed >= MINUTES + max(RETRIES):
            break
    return people


def measure(number: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Of `INCIDENTS[number]`: `refused`: people with a good address who were refused, `wrongly_suppressed` of them;
    `dead`: people without a mailbox who were mailed, `suppressed` of them."""
    incident = INCIDENTS[number]
    met = [of_incident(incident, draw(incident, seed), seed) for seed in seeds]
    return {
        "refused": sum(len(one.fine) for one in met),
        "wrongly_suppressed": sum(len(one.fine & one.suppressed) for one in met),
        "dead": sum(len(one.dead) for one in met),
        "suppressed": sum(len(one.dead & one.suppressed) for one in met),
    }

"""`Memo`: what times, places and replies in an accounting file mean, each said once.

Decides nothing that `outcomes` and `replies` do not decide for everybody.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from ignite_app.backtest.cells import QUOTED
from ignite_domain.governance.accounting import parse_time
from ignite_domain.governance.logged import NOTHING_SAID, Said
from ignite_domain.governance.observed import OutcomeKind, Where
from ignite_domain.governance.outcomes import (
    ADDRESS_KINDS,
    EXPIRY,
    KINDS,
    US_KINDS,
    brand_of,
    is_expiry,
    meant_by,
)
from ignite_domain.governance.replies import classify, provider_of

MEMO: Final = 50_000
TIMES_KEPT: Final = 20_000
_SIXTY: Final = tuple(f"{second:02}" for second in range(60))
_SOMEBODY: Final = "somebody@somewhere.example"
_SOME_IP: Final = "240.0.0.1"
"""Of a range that nothing is sent from: no reply names it by itself."""
_SERIAL: Final = re.compile(r"\b(?=[A-Fa-f]*\d)[0-9A-Fa-f]{7,}\b")


def _seconds_of(text: str) -> int:
    """As `parse_time`, with a short way for the form that PMTA writes by itself."""
    if len(text) == 24 and text[4:20:3] in ("-- ::+", "-- ::-"):
        try:
            return int(datetime.fromisoformat(text).timestamp())
        except ValueError:
            return -1
    at = parse_time(text)
    return int(at.timestamp()) if at else -1


class _Times(dict[str, int]):
    """Seconds of times that have been met; another one is read. Where two seconds of a minute are asked for, all others
    will be, as logs are in order: they are put down at once."""

    def __init__(self) -> None:
        super().__init__()
        self._begun: set[str] = set()  # minutes of which one second has been read, as "2026-03-01 12:34:+0000"

    def __missing__(self, text: str) -> int:
        if len(self) > TIMES_KEPT:
            self.clear()
            self._begun.clear()
        found = self[text] = _seconds_of(text)
        second = text[17:19]
        if len(text) == 24 and found >= 0 and second in _SIXTY:
            before, behind = text[:17], text[19:]
            minute = before + behind
            if minute in self._begun:
                begin = found - int(second)
                self.update(zip([before + one + behind for one in _SIXTY], range(begin, begin + 60), strict=True))
            self._begun.add(minute)
        return found


class _Unquoted(Exception):
    """A cell that was left out, since it was quoted, is asked for."""


class _Places(dict[Where, Where]):
    """Domain, address, job, queue -> where that is counted. Only whole cells get in."""

    def __missing__(self, key: Where) -> Where:
        if QUOTED in "".join(key):
            raise _Unquoted
        return self.find(key)

    def find(self, key: Where) -> Where:
        if len(self) > MEMO:
            self.clear()
        domain, ip, job, queue = key
        isp = brand_of(domain)
        found = self[key] = (isp.value, ip, job, queue) if isp else ("", ip, job, "")
        return found


class Memo:
    """Answers that come again: times, places, what replies mean. Forgotten as a whole when there are too many."""

    def __init__(self) -> None:
        self.times = _Times()
        self.places = _Places()
        self.providers: dict[str, str] = {}  # receiving host -> the suffix that its codes go by
        self.said: dict[tuple[str, str, str, str], Said] = {}

    def seconds(self, texts: Sequence[str]) -> list[int]:
        """Seconds since 1970 of times as PMTA writes them; −1 for what is none."""
        return list(map(self.times.__getitem__, texts))

    def all_places(
        self, domains: Sequence[str], ips: Sequence[str], jobs: Sequence[str], queues: Sequence[str]
    ) -> list[Where] | None:
        """`place` of each; None if there is a quote in one: what it holds may have been left out."""
        try:
            return list(map(self.places.__getitem__, zip(domains, ips, jobs, queues, strict=True)))
        except _Unquoted:
            return None

    def place(self, domain: str, ip: str, job: str, queue: str) -> Where:
        """Where mail to a domain, from an address, in a job, by a queue is counted."""
        key = (domain, ip, job, queue)
        return self.places.find(key) if QUOTED in "".join(key) else self.places[key]

    def meaning(self, kind: str, status: str, diagnostic: str, mta: str, rcpt: str, ip: str) -> Said:
        """What a reply says. Recipient, sending address and serial numbers, which `classify` masks as well, give way
        to fixed ones first: a storm of one reply is classified once."""
        if rcpt:
            diagnostic = diagnostic.replace(rcpt, _SOMEBODY)
        if ip and ip in diagnostic:
            diagnostic = _alone(ip).sub(_SOME_IP, diagnostic)
        key = (kind, status, _SERIAL.sub("0000000", diagnostic), self._provider(mta))
        found = self.said.get(key)
        if found is None:
            if len(self.said) > MEMO:
                self.said.clear()
            found = self.said[key] = said_of(*key)
        return found

    def _provider(self, mta: str) -> str:
        found = self.providers.get(mta)
        if found is None:
            if len(self.providers) > MEMO:
                self.providers.clear()
            found = self.providers[mta] = provider_of(mta)
        return found


@lru_cache(maxsize=4096)
def _alone(ip: str) -> re.Pattern[str]:
    """An address where it is one of its own, and not the beginning or end of another."""
    return re.compile(rf"(?<![0-9A-Fa-f:.]){re.escape(ip)}(?![0-9A-Fa-f:]|\.[0-9])")


def said_of(kind: str, status: str, diagnostic: str, mta: str) -> Said:
    """What the reply in a record of type `kind` says."""
    outcome = KINDS[kind]
    if outcome in (OutcomeKind.DELIVERED, OutcomeKind.COMPLAINED):
        return NOTHING_SAID
    code = status.partition(" ")[0]
    quoted = diagnostic.removeprefix("smtp;")
    reply = EXPIRY if is_expiry(kind, code) else classify(code, quoted, mta.partition(" ")[0])
    meant = meant_by(reply, outcome, _SOMEBODY.partition("@")[2])
    kind_named, _, named = meant.names.partition(" ")
    return Said(
        meant.rule,
        meant.kind,
        reply.kind in ADDRESS_KINDS,
        outcome is OutcomeKind.BOUNCED and reply.kind in US_KINDS,
        reply.hard,
        kind_named if named == _SOME_IP else meant.names,  # the address that it was sent from is known without
        meant.asks_s,
    )

"""`Memo`: what times, places and replies in an accounting file mean, each said once.

Decides nothing that `outcomes` and `replies` do not decide for everybody.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ignite_app.backtest.cells import QUOTED
from ignite_domain.governance.accounting import parse_time
from ignite_domain.governance.logged import NOTHING_SAID, Said
from ignite_domain.governance.outcomes import (
    ADDRESS_KINDS,
    EXPIRY,
    KINDS,
    US_KINDS,
    brand_of,
    is_expiry,
    kind_for_rules,
)
from ignite_domain.governance.replies import classify, provider_of
from ignite_domain.governance.signals import OutcomeKind, Where

MEMO: Final = 50_000
_SOMEBODY: Final = "somebody@somewhere.example"
_SOME_IP: Final = "192.0.2.1"
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


class Memo:
    """Answers that come again: times, places, what replies mean. Forgotten as a whole when there are too many."""

    def __init__(self) -> None:
        self.times: dict[str, int] = {}
        self.places: dict[Where, Where] = {}
        self.places_of: dict[Where, Where] = {}  # domain, address, job, queue -> place
        self.providers: dict[str, str] = {}  # receiving host -> the suffix that its codes go by
        self.said: dict[tuple[str, str, str, str], Said] = {}

    def seconds(self, texts: Sequence[str]) -> list[int]:
        """Seconds since 1970 of times as PMTA writes them; −1 for what is none."""
        times = self.times
        found = list(map(times.get, texts))
        if None in found:
            if len(times) > MEMO:
                times.clear()
            times.update((text, _seconds_of(text)) for text in set(texts).difference(times))
            return [times[text] for text in texts]
        return found  # type: ignore[return-value]  # there is no None

    def all_places(
        self,
        domains: Sequence[str],
        ips: Sequence[str],
        jobs: Sequence[str],
        queues: Sequence[str],
        *,
        whole: bool = True,
    ) -> list[Where] | None:
        """`place` of each. Unless cells are `whole`, None if one of them was quoted."""
        found = list(map(self.places_of.get, zip(domains, ips, jobs, queues, strict=True)))
        if None in found:
            keys = list(zip(domains, ips, jobs, queues, strict=True))
            unknown = {key for place, key in zip(found, keys, strict=True) if place is None}
            if not whole and any(QUOTED in cell for key in unknown for cell in key):
                return None
            found = [place or self.place(*key) for place, key in zip(found, keys, strict=True)]
        return found  # type: ignore[return-value]  # no None is left

    def place(self, domain: str, ip: str, job: str, queue: str) -> Where:
        if len(self.places_of) > MEMO:
            self.places_of.clear()
        found = self.places_of[(domain, ip, job, queue)] = self._place(domain, ip, job, queue)
        return found

    def _place(self, domain: str, ip: str, job: str, queue: str) -> Where:
        isp = brand_of(domain)
        key = (isp.value, ip, job, queue) if isp else ("", ip, job, "")
        found = self.places.get(key)
        if found is None:
            if len(self.places) > MEMO:
                self.places.clear()
            found = self.places[key] = key
        return found

    def meaning(self, kind: str, status: str, diagnostic: str, mta: str, rcpt: str, ip: str) -> Said:
        """What a reply says. Recipient, sending address and serial numbers, which `classify` masks as well, give way
        to fixed ones first: a storm of one reply is classified once."""
        if rcpt:
            diagnostic = diagnostic.replace(rcpt, _SOMEBODY)
        if ip:
            diagnostic = diagnostic.replace(ip, _SOME_IP)
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


def said_of(kind: str, status: str, diagnostic: str, mta: str) -> Said:
    """What the reply in a record of type `kind` says."""
    outcome = KINDS[kind]
    if outcome in (OutcomeKind.DELIVERED, OutcomeKind.COMPLAINED):
        return NOTHING_SAID
    code = status.partition(" ")[0]
    quoted = diagnostic.removeprefix("smtp;")
    reply = EXPIRY if is_expiry(kind, code) else classify(code, quoted, mta.partition(" ")[0])
    return Said(
        reply.rule,
        kind_for_rules(reply, outcome),
        reply.kind in ADDRESS_KINDS,
        outcome is OutcomeKind.BOUNCED and reply.kind in US_KINDS,
        reply.hard,
    )

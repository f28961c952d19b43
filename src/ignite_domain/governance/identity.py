"""Whom replies name, and what of ours that is: an address, or the job that carries a domain, a signature, a link.

Decides which address or job it is, never what follows. Source: governance page, "Act on the identity the reply names".
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ignite_domain.governance.outcomes import NETBLOCK
from ignite_domain.governance.rules import BLAME, Blame, Rule
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import Signal
from ignite_domain.isps import Isp

_WORDS: Final[Mapping[str, str]] = {
    "ip": "the address",
    NETBLOCK: "the netblock of",
    "domain": "the domain",
    "dkim": "the DKIM domain",
    "url": "a link to",
}


def named_in(kind: str, value: str) -> tuple[dict[str, str], str]:
    """Evidence and words of whom a reply named; both empty if it named nobody. A value is what strangers wrote."""
    if not kind:
        return {}, ""
    if not value:
        return {"names": kind}, ""
    return {"names": kind, "named": value}, f"; it names {_WORDS[kind]} {value}"


def address_of(evidence: Mapping[str, Any], sent_from: str, ours: list[str]) -> str:
    """The address to act on: the one that the reply names, if mail goes out from it, else where it was sent from."""
    named = str(evidence.get("named", ""))
    return named if evidence.get("names") == "ip" and named in ours else sent_from


def names_netblock(evidence: Mapping[str, Any]) -> bool:
    return evidence.get("names") == NETBLOCK


def carries(signals: SignalProcessor, label: str, job: str, rule: Rule, edge: datetime, blame: Blame = BLAME) -> bool:
    """Whether it is this job that carries what the provider refuses: what it sends is refused there `stands_out` times
    as often as other jobs' mail. With nothing to compare it with it is this one, unless others take its mail."""

    def tried(isp: str, name: str) -> Seen:
        return signals.seen(isp, "job", name, Signal.ATTEMPT, rule.window_s, edge)

    own = tried(label, job)
    here = _total([tried(label, name) for name in signals.scopes(label, "job") if name != job])
    if here.n >= blame.comparable:
        return here.share * blame.stands_out <= own.share
    elsewhere = _total([tried(isp.value, job) for isp in Isp if isp.value != label])
    return elsewhere.n < blame.comparable or elsewhere.share >= rule.limit


def _total(seen: list[Seen]) -> Seen:
    return Seen(sum(one.n for one in seen), sum(one.x for one in seen))

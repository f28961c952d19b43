"""`classify`: what an SMTP reply means; `suppresses`: what follows for the address. The one bounce taxonomy.

Decides class, hardness, the identity that is blamed, and stated waiting times. It never looks at PMTA's
bounceCat (administrators can redefine it) and never suppresses for what a sender did.
"""

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

import attrs

from ignite_domain.governance.reply_rules import CODES, TAGS, WORDS, ReplyClass, ReplyRule


@attrs.frozen
class Identity:
    """Whom a reply blames or limits. `kind`: ip, netblock, domain, dkim, url, recipient; `value` None if not named."""

    kind: str
    value: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Reply:
    """`hard`: the address itself is dead for good. `rule` names the row of the table that decided."""

    kind: ReplyClass
    hard: bool
    names: Identity | None
    retry_after: timedelta | None
    rule: str


@attrs.frozen
class Suppression:
    """`expires` is a duration from the reply on; None means for good."""

    reason: str
    expires: timedelta | None


_ENHANCED: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b(?!\.\d)")
_REPLY_CODE: Final = re.compile(r"^\s*(?:smtp;\s*)?([2345]\d\d)\b", re.IGNORECASE)
_IP: Final = re.compile(
    r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?![\d.])|\b((?:[0-9a-f]{1,4}:){2,7}[0-9a-f:]*[0-9a-f])\b", re.I
)
_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@([\w-]+(?:\.[\w-]+)+)")
_DOMAIN: Final = re.compile(r"\b((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24})\b", re.I)
_URL: Final = re.compile(r"https?://\S+|\S+\.(?:html?|php|aspx)\S*", re.I)
_WAIT: Final = (
    (re.compile(r"\b(\d\d):(\d\d):(\d\d)\b"), None),
    (re.compile(r"\b(\d{1,5}) ?(?:seconds?|secs?)\b"), 1),
    (re.compile(r"\b(\d{1,4}) ?(?:minutes?|mins?)\b"), 60),
    (re.compile(r"\b(\d{1,3}) ?(?:hours?|hrs?)\b"), 3600),
)
_WAITING_WORDS: Final = re.compile(r"retry|try again|come back|wait|gr[ea]y-?listed|blocked for|again in|defer", re.I)

SUPPRESS: Final[dict[ReplyClass, tuple[timedelta | None, int]]] = {
    # class of a reply that is not hard -> (for how long, how many earlier ones it takes)
    ReplyClass.FULL: (timedelta(days=14), 2),
    ReplyClass.INVALID: (timedelta(days=30), 1),
    ReplyClass.INACTIVE: (timedelta(days=30), 1),
}
"""Blocks, limits, content, authentication, network and unknown replies never suppress an address."""


def classify(status: str, diagnostic: str, remote_mta: str = "") -> Reply:
    """Say what a reply means. Any text is an answer: what cannot be told is `unknown`, which never suppresses.

    `status` is the enhanced code as PMTA logs it (words in brackets allowed, may be empty), `diagnostic` the
    reply with or without "smtp;", `remote_mta` the receiving host.
    """
    return _classify(status.strip().lower()[:80], diagnostic[:2000], remote_mta.strip().lower()[:255])


@lru_cache(maxsize=8192)
def _classify(status: str, diagnostic: str, remote_mta: str) -> Reply:
    text = " ".join(diagnostic.removeprefix("smtp;").removeprefix("SMTP;").split()).lower()
    # continuation lines repeat the code; without them words stand next to each other again
    text = re.sub(r"(?<=\s)[2345]\d\d[- ](?:[245]\.\d{1,3}\.\d{1,3} )?(?=\S)", "", text)
    permanent = _permanent(status, text)
    rule = _match(text)
    if rule is not None:
        hard = rule.hard and permanent
        return Reply(rule.kind, hard, _identity(rule, text), _wait(text), rule.name)
    for found in (status, *(match.group(0) for match in _ENHANCED.finditer(text))):
        code = found.partition(" ")[0]
        for pattern, name, kind, hard in CODES:
            if pattern.fullmatch(code) and not (text and kind is ReplyClass.INVALID and code.endswith(".0")):
                return Reply(kind, hard and permanent, None, _wait(text), name)
    return Reply(ReplyClass.UNKNOWN, False, None, _wait(text), "unknown")


def _permanent(status: str, text: str) -> bool:
    """Whether the sender should stop trying: the reply code decides, then the enhanced code."""
    code = _REPLY_CODE.match(text)
    if code:
        return code.group(1)[0] == "5"
    return status.startswith("5")


def _match(text: str) -> ReplyRule | None:
    for rule in TAGS:
        if rule.words.search(text):
            return rule
    plain = _URL.sub(" ", text)
    for rule in WORDS:
        if rule.words.search(plain):
            return rule
    return None


def _wait(text: str) -> timedelta | None:
    if not _WAITING_WORDS.search(text):
        return None
    for pattern, unit in _WAIT:
        match = pattern.search(text)
        if match and unit is None:
            hours, minutes, seconds = (int(part) for part in match.groups())
            return timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if match and unit is not None:
            return timedelta(seconds=int(match.group(1)) * unit)
    return None


_ABOUT_US: Final = frozenset(
    {ReplyClass.REPUTATION, ReplyClass.RATE_LIMIT, ReplyClass.CONNECTION_LIMIT, ReplyClass.AUTH, ReplyClass.CONTENT}
)


def _identity(rule: ReplyRule, text: str) -> Identity | None:
    """Whom the reply names: the words first, then what such a reply usually blames."""
    if rule.kind not in _ABOUT_US:
        return None
    plain = _URL.sub(" ", text)
    kind = rule.names
    if re.search(r"\burl\b|link", plain):
        kind = "url"
    elif re.search(r"dkim[^.]{0,20}domain", plain) and rule.kind is ReplyClass.RATE_LIMIT:
        kind = "dkim"
    elif re.search(r"netblock|network range", plain):
        kind = "netblock"
    elif re.search(
        r"(?:spf|sending|sender'?s?|your|news|domain)\W+domain|domain throttled|domain frequency|domain:", plain
    ):
        kind = "domain"
    elif not kind and _IP.search(plain) and rule.kind is not ReplyClass.CONTENT:
        kind = "ip"
    if not kind:
        return None
    return Identity(kind, _value(kind, plain))


def _value(kind: str, plain: str) -> str | None:
    if kind in ("ip", "netblock"):
        match = _IP.search(plain)
        return match.group(0) if match else None
    if kind == "recipient":
        match = _ADDRESS.search(plain)
        return match.group(0) if match else None
    if kind in ("domain", "dkim", "url"):
        bracketed = re.search(r"\[([a-z0-9.-]+\.[a-z]{2,24})\b", plain)
        if bracketed:
            return bracketed.group(1)
        address = _ADDRESS.search(plain)
        if address and kind == "domain":
            return address.group(1)
        match = _DOMAIN.search(plain)
        return match.group(1) if match else None
    return None


def suppresses(reply: Reply, earlier: int = 0) -> Suppression | None:
    """What a reply means for mailing the address again, given how many `earlier` ones of its kind there were.

    Hard replies suppress for good. A full or doubtful mailbox suppresses for a while, and only when it says
    so again. Nothing that is about the sender suppresses anybody.
    """
    if reply.hard:
        return Suppression("hard_bounced", None)
    if reply.kind not in SUPPRESS:
        return None
    expires, needed = SUPPRESS[reply.kind]
    return Suppression(reply.kind.value, expires) if earlier >= needed else None


__all__ = ["Identity", "Reply", "ReplyClass", "Suppression", "classify", "suppresses"]

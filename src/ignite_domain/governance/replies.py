"""`classify`: what an SMTP reply means; `suppresses`: what follows for the address. The one bounce taxonomy.

Decides class, hardness, the identity that is blamed, and stated waiting times. It never looks at PMTA's
bounceCat (administrators can redefine it) and never suppresses for what a sender did.

The order of decision: a provider's documented tag, the words, what a code means at that provider, what it
means in general. Hard needs a permanent reply (5xx), a row that says so, and nothing about the sender.
"""

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

import attrs

from ignite_domain.governance.reply_names import ADDRESS, IP, URL, Identity, identity_of, wait_of
from ignite_domain.governance.reply_rules import BLOCK_LISTS, CODES, HOST_CODES, TAGS, ReplyClass, ReplyRule
from ignite_domain.governance.reply_words import WORDS


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
    """`expires` is a duration from the reply on, for the caller's clock; None means for good."""

    reason: str
    expires: timedelta | None


SUPPRESS: Final[dict[ReplyClass, tuple[timedelta | None, int]]] = {
    # class of a reply that is not hard -> (for how long, how many earlier ones it takes)
    ReplyClass.FULL: (timedelta(days=14), 2),
    ReplyClass.INVALID: (timedelta(days=30), 1),
    ReplyClass.INACTIVE: (timedelta(days=30), 1),
}
"""Blocks, limits, content, authentication, network and unknown replies never suppress an address."""

_LONGEST: Final = 2000
"""Characters of a reply that are read; SMTP lines are far shorter."""

_FIELD: Final = re.compile(r"^[a-z][a-z0-9-]{0,20};\s*")
_ENHANCED: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY_CODE: Final = re.compile(r"^\s*([245]\d\d)(?=[\s-]|$)")
_QUOTED_CODE: Final = re.compile(
    r"(?:said|says|reply|response(?: was)?|talk to me|after [^:]{1,80}|<<<|\]): '?([245]\d\d)[ -]"
)
_COMMAND: Final = re.compile(r"\(in reply to [a-z ]{1,30}\)|\(delivery attempts: \d+\)")
_LABEL: Final = re.compile(r"(?<![\w.-])(?:[a-z0-9-]{1,63}\.){2,12}[a-z]{2,24}\b")
_ANGLES: Final = re.compile(r"<[^<>]{1,200}>")
EXPIRED: Final = frozenset({"4.4.7", "5.4.7"})
"""Delivery time expired (RFC 3463): nobody has refused the address."""
_TELLING: Final = 3
"""A local part shorter than this stands in ordinary words, and tells nothing."""
_SERIAL: Final = re.compile(r"\b(?:(?=[a-z_-]*\d)[a-z0-9_-]{12,}|(?=[a-f]*\d)[0-9a-f]{7,})\b")


@lru_cache(maxsize=8192)  # incidents repeat their words; masking costs more than deciding
def classify(status: str, diagnostic: str, remote_mta: str = "") -> Reply:
    """Say what a reply means. Any text is an answer: what cannot be told is `unknown`, which never suppresses.

    `status` is the enhanced code as PMTA logs it (words in brackets allowed, may be empty), `diagnostic` the
    reply with or without "smtp;", `remote_mta` the receiving host.
    """
    text = _FIELD.sub("", " ".join(diagnostic[:_LONGEST].split()).lower())
    first = _REPLY_CODE.match(text)
    if first:
        # continuation lines repeat the code; without it words stand next to each other again
        text = re.sub(rf"(?<=\s){first.group(1)}[- ](?:[245]\.\d{{1,3}}\.\d{{1,3}} )?(?=\S)", "", text)
    code = status.strip().lower().partition(" ")[0][:12]
    # what differs from message to message is masked, so that a storm of one reply is decided once
    kind, hard, name, rule = _decide(code, _masked(text), provider_of(remote_mta))
    if code in EXPIRED and kind in (ReplyClass.INVALID, ReplyClass.INACTIVE):
        # our own MTA gave up waiting; the reply it quotes was the queue's last one, perhaps to somebody else
        kind, hard, name, rule = ReplyClass.NETWORK, False, "expired", None
    return Reply(kind, hard, identity_of(kind, rule, text), wait_of(text), name)


def provider_of(remote_mta: str) -> str:
    """The suffix of a receiving host by which `classify` tells providers with codes of their own, else ""."""
    host = remote_mta.strip().lower().partition(" ")[0].rstrip(".")
    return next((suffix for suffix, *_ in HOST_CODES if host.endswith(suffix)), "")


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


def sample(diagnostic: str, recipient: str = "") -> str:
    """A reply to show to people: in lower case, cut to 300 characters, without what names one message or person.

    Addresses, links, IPs, host names and serial numbers are masked, and so are the recipient's own words where
    a reply quotes them without their @.
    """
    text = _FIELD.sub("", " ".join(diagnostic[:_LONGEST].split()).lower())
    text = _ANGLES.sub("<>", _masked(text))
    local, _, domain = recipient.strip().lower().partition("@")
    for word in (local, domain):
        if len(word) >= _TELLING:
            text = text.replace(word, "@")
    return " ".join(_LABEL.sub("hostname", text).split())[:300]


def _masked(text: str) -> str:
    """The text without what names one message, person or host; links to block lists keep their meaning."""
    text = URL.sub(lambda link: " listed-by-link " if BLOCK_LISTS.search(link.group(0)) else " ", text)
    text = IP.sub("ipaddr", ADDRESS.sub("@", text))
    return _SERIAL.sub("#", text)


@lru_cache(maxsize=8192)
def _decide(status: str, text: str, provider: str) -> tuple[ReplyClass, bool, str, ReplyRule | None]:
    said = _reply_digit(text)
    permanent = (said or status[:1]) == "5"

    def outcome(rule: ReplyRule) -> tuple[ReplyClass, bool, str, ReplyRule | None]:
        return rule.kind, rule.hard and (permanent or (rule.certain and not said)), rule.name, rule

    for rule in TAGS:
        if rule.words.search(text):
            return outcome(rule)
    words = " ".join(_COMMAND.sub(" ", _LABEL.sub(_host, text)).split())
    for rule in WORDS:
        if rule.words.search(words):
            return outcome(rule)
    codes = [status, *(match.group(0) for match in _ENHANCED.finditer(text))]
    for code in codes:
        for suffix, pattern, name, kind in HOST_CODES:
            if suffix == provider and pattern.fullmatch(code):
                return kind, False, name, None
    for code in codes:
        for pattern, name, kind, hard in CODES:
            if pattern.fullmatch(code) and not (text and kind is ReplyClass.INVALID and code.endswith(".0")):
                return kind, hard and permanent, name, None
    return ReplyClass.UNKNOWN, False, "unknown", None


def _host(label: re.Match[str]) -> str:
    name = label.group(0)
    return name if BLOCK_LISTS.search(name) else "hostname"


def _reply_digit(text: str) -> str:
    """First digit of the reply code that a server gave, at the start or quoted further on; "" if none did."""
    code = _REPLY_CODE.match(text) or _QUOTED_CODE.search(text)
    return code.group(1)[0] if code else ""


__all__ = ["Identity", "Reply", "ReplyClass", "Suppression", "classify", "provider_of", "sample", "suppresses"]

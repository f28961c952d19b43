"""What a reply says besides its class: whom it names, and how long it asks to wait. Reads text, decides nothing.

Values come from text that strangers write: they are labels to compare with our own IPs and domains, never
part of a command.
"""

import re
from datetime import timedelta
from typing import Final

import attrs

from ignite_domain.governance.reply_rules import ReplyClass, ReplyRule


@attrs.frozen
class Identity:
    """Whom a reply blames or limits. `kind`: ip, netblock, domain, dkim, url, recipient; `value` None if not named."""

    kind: str
    value: str | None = attrs.field(default=None, repr=False)


IP: Final = re.compile(
    r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)"
    r"|(?<![\w:])(?:[0-9a-f]{1,4}:){2,7}[0-9a-f:]*[0-9a-f](?![\w:])"
)
ADDRESS: Final = re.compile(
    r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,12})"
)
URL: Final = re.compile(r"https?://\S+|\bwww\.\S+|(?<!\S)\S+\.(?:html?|php|aspx|cgi)\b\S*")

_DOMAIN: Final = r"((?:[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\.){1,12}[a-z]{2,24})"
_ANY_DOMAIN: Final = re.compile(rf"(?<![\w@.-]){_DOMAIN}\b")
_LINKED_IP: Final = re.compile(
    r"[?&](?:ip|v|query|i)=((?:\d{1,3}\.){3}\d{1,3})\b|/query/ip/((?:\d{1,3}\.){3}\d{1,3})\b"
)
_OUR_DOMAIN: Final = re.compile(
    rf"(?:sending domain|sender domain|email from|authentication results: spf|domain|exceeded for|failed for)"
    rf"\W{{0,3}}{_DOMAIN}\b|\[{_DOMAIN}(?: +\d+)?\]|mx for {_DOMAIN}\b|: {_DOMAIN} has no\b"
)
_RECEIVERS: Final = re.compile(
    r"(?:outlook\.com|yahoodns\.net|yahoo\.com|google\.com|icloud\.com|protection\.outlook\.com)$"
)

_BY_WORDS: Final = (
    # the first that the text matches names the kind
    ("url", re.compile(r"\burls?\b|blacklisted link")),
    ("dkim", re.compile(r"dkim[^.]{0,20}domain")),
    ("netblock", re.compile(r"netblock|network range|network block")),
    (
        "domain",
        re.compile(
            r"(?:spf|sending|sender'?s?|your|news)\W+domain|domain throttled|domain frequency|domain:"
            r"|spf .* didn't pass"
            r"|unauthenticated email from|exceeded for \S+\.|domain \S+ has exceeded|checks failed for"
        ),
    ),
)
_ABOUT_US: Final = frozenset(
    {ReplyClass.REPUTATION, ReplyClass.RATE_LIMIT, ReplyClass.CONNECTION_LIMIT, ReplyClass.AUTH, ReplyClass.CONTENT}
)
_ABOUT_THEM: Final = frozenset(
    {ReplyClass.INVALID, ReplyClass.INACTIVE, ReplyClass.FULL, ReplyClass.GREYLIST, ReplyClass.ROUTING, ReplyClass.LOAD}
)
_WAIT: Final = (
    (re.compile(r"\b(\d{1,6}) ?(?:seconds?|secs?)\b"), 1),
    (re.compile(r"\b(\d{1,4}) ?(?:minutes?|mins?)\b"), 60),
    (re.compile(r"\b(\d{1,3}) ?(?:hours?|hrs?)\b"), 3600),
    (re.compile(r"\b(\d{1,2}) ?days?\b"), 86400),
)
_WAIT_CLOCK: Final = re.compile(r"\b(\d\d):(\d\d):(\d\d)\b")
_WAIT_WORDS: Final = re.compile(
    r"\bretry|try again|come back|\bwait|gr[ea]y-?listed|blocked for|again in|\bdefer|later\b|resume"
)
_UNITS: Final = ("sec", "min", "hour", "hr", "day", ":")


def wait_of(text: str) -> timedelta | None:
    """The waiting time that the (lower case) text states, where it speaks of waiting at all."""
    if not any(unit in text for unit in _UNITS) or not _WAIT_WORDS.search(text):
        return None
    clock = _WAIT_CLOCK.search(text)
    if clock:
        hours, minutes, seconds = (int(part) for part in clock.groups())
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    for pattern, unit in _WAIT:
        match = pattern.search(text)
        if match:
            return timedelta(seconds=int(match.group(1)) * unit)
    return None


def identity_of(kind: ReplyClass, rule: ReplyRule | None, text: str) -> Identity | None:
    """Whom the (lower case) text names: the words first, then what such a reply usually blames."""
    plain = URL.sub(" ", text)
    if kind in _ABOUT_THEM:
        address = ADDRESS.search(plain)
        return Identity("recipient", address.group(0)) if address else None
    if kind not in _ABOUT_US:
        return None
    usual = rule.names if rule else ""
    named = next((name for name, words in _BY_WORDS if words.search(plain)), "") or usual
    address_of_ours = _first_ip(text, plain)
    if usual == "ip" and named == "domain" and address_of_ours and "throttled" not in plain and kind is ReplyClass.AUTH:
        named = "ip"
    if not named and address_of_ours:
        named = "ip"
    if not named:
        return None
    found = _identity(named, plain, address_of_ours)
    return found if found.value or named == "recipient" else None


def _first_ip(text: str, plain: str) -> str | None:
    match = IP.search(plain)
    if match:
        return match.group(0)
    linked = _LINKED_IP.search(text)
    return next((group for group in linked.groups() if group), None) if linked else None


def _identity(kind: str, plain: str, ip: str | None) -> Identity:
    if kind in ("ip", "netblock"):
        return Identity(kind, ip)
    if kind == "recipient":
        address = ADDRESS.search(plain)
        return Identity(kind, address.group(0) if address else None)
    if kind == "domain":
        address = ADDRESS.search(plain)
        if address:
            return Identity(kind, address.group(1))
    for match in _OUR_DOMAIN.finditer(plain):
        value = next(group for group in match.groups() if group)
        if not _RECEIVERS.search(value):
            return Identity(kind, value)
    bare = [value for value in _ANY_DOMAIN.findall(plain) if not _RECEIVERS.search(value)]
    return Identity(kind, bare[0] if bare else None)

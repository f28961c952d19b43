"""Cuts a variant's HTML at its links once, so that each person's mail is a cheap join.

Decides which links are tracked and where pixel, honeypot and unsubscribe link go. The list of targets
it finds is also where a click leads later: both come from this one function of the HTML, so a click
needs no table of links. The HTML of a variant must therefore not change once mail has gone out.

Not tracked, left byte for byte: anything that is not http(s), fragments, links whose address holds a
merge field (`{{ … }}`, `{% … %}`: the target would not be compiled data), links inside comments
(conditional ones too), `<style>`, `<script>`, `<title>` and `<textarea>`.
"""

import html
import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import attrs

from ignite_domain.tracking.codec import MAX_LINK

UNSUBSCRIBE_FIELD: Final = "unsubscribe_url"
"""`{{ unsubscribe_url }}` in the HTML becomes the person's unsubscribe page."""


class Slot:
    """Where something per person goes between two pieces of fixed text."""

    OPEN: Final = -1
    UNSUBSCRIBE: Final = -2
    HONEYPOT: Final = -3


@attrs.frozen
class Prepared:
    """Fixed `pieces` with one slot between each two: slots[i] stands between pieces[i] and pieces[i+1].

    A slot ≥ 0 is the number of a tracked link; `targets[n]` is where link n leads. The pieces may still
    hold merge fields: filling adds only URLs of [A-Za-z0-9_:/.-], so rendering may come after it.
    """

    pieces: tuple[str, ...]
    slots: tuple[int, ...]
    targets: tuple[str, ...]


_SCAN: Final = re.compile(
    r"(?P<skip><!--.*?(?:-->|\Z)|<(?P<raw>style|script|title|textarea)\b.*?(?:</(?P=raw)\s*>|\Z))"
    r"|(?P<link><(?:a|area)(?=[\s/>])(?P<attributes>(?:[^\"'>]|\"[^\"]*\"|'[^']*')*)>)"
    r"|(?P<unsubscribe>\{\{\s*unsubscribe_url\s*\}\})",
    re.IGNORECASE | re.DOTALL,
)
_FIELD: Final = re.compile(r"\{\{\s*unsubscribe_url\s*\}\}")
_ATTRIBUTE: Final = re.compile(
    r"(?P<name>[^\s\"'<>/=]+)(?:\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'=<>`]+)))?"
)
_BODY_TAG: Final = re.compile(r"<body\b(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_BODY_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)
_HEAD_END: Final = re.compile(r"</head\s*>", re.IGNORECASE)
_PREAMBLE: Final = re.compile(r"\s*(?:<!doctype[^>]*>\s*)?(?:<html\b[^>]*>)?", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_HONEYPOT_OPEN: Final = '<a href="'
_HONEYPOT_CLOSE: Final = (
    '" style="display:none;mso-hide:all;visibility:hidden" aria-hidden="true" tabindex="-1" rel="nofollow"></a>'
)
_PIXEL_OPEN: Final = '<img src="'
_PIXEL_CLOSE: Final = '" width="1" height="1" alt="" style="display:block;border:0">'
_FOOTER_OPEN: Final = '<p style="font-size:12px;color:#666"><a href="'
_FOOTER_CLOSE: Final = '">Unsubscribe</a></p>'


def trackable(url: str) -> bool:
    """True if `url` (entities decoded) can stand as a compiled redirect target."""
    if "{{" in url or "{%" in url or _CONTROL.search(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 host
        return False


def _href(attributes: str) -> tuple[int, int, str] | None:
    """(start, end, value as written) of the first href: browsers ignore later ones."""
    for match in _ATTRIBUTE.finditer(attributes):
        if match["name"].lower() == "href":
            for group in ("double", "single", "bare"):
                if match[group] is not None:
                    return match.start(group), match.end(group), match[group]
            return None
    return None


def _outside_comments(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    dark = [match.span() for match in _SCAN.finditer(text) if match["skip"]]
    for match in pattern.finditer(text):
        if not any(start <= match.start() < end for start, end in dark):
            return match
    return None


def _honeypot_place(text: str) -> int:
    body = _outside_comments(_BODY_TAG, text) or _outside_comments(_HEAD_END, text)
    if body:
        return body.end()
    preamble = _PREAMBLE.match(text)
    return preamble.end() if preamble else 0


@lru_cache(maxsize=512)
def prepare(text: str) -> Prepared:
    """Cut `text` at every tracked link and add honeypot, pixel and, if it has none, an unsubscribe line."""
    cuts: list[tuple[int, int, int]] = []  # start, end, slot: text[start:end] is replaced
    targets: list[str] = []
    asks_unsubscribe = False
    for match in _SCAN.finditer(text):
        if match["unsubscribe"]:
            cuts.append((*match.span(), Slot.UNSUBSCRIBE))
            asks_unsubscribe = True
        elif match["link"]:
            found = _href(match["attributes"])
            offset = match.start("attributes")
            url = html.unescape(found[2]).strip() if found else ""
            if found and trackable(url) and len(targets) <= MAX_LINK:
                cuts.append((offset + found[0], offset + found[1], len(targets)))
                targets.append(url)
            else:
                fields = [field.span() for field in _FIELD.finditer(match["attributes"])]
                cuts += [(offset + start, offset + end, Slot.UNSUBSCRIBE) for start, end in fields]
                asks_unsubscribe = asks_unsubscribe or bool(fields)
    honeypot = _honeypot_place(text)
    ending = _outside_comments(_BODY_END, text)
    tail = ending.start() if ending and ending.start() >= honeypot else len(text)

    pieces: list[str] = []
    slots: list[int] = []
    held = ""  # fixed text since the last slot
    place = 0

    def emit(upto: int, extra: str = "") -> None:
        nonlocal held, place
        held += text[place:upto] + extra
        place = upto

    def slot(number: int, after: str = "") -> None:
        nonlocal held
        pieces.append(held)
        slots.append(number)
        held = after

    for start, end, number in sorted([*cuts, (honeypot, honeypot, Slot.HONEYPOT), (tail, tail, Slot.OPEN)], key=_order):
        if number == Slot.HONEYPOT:
            emit(start, _HONEYPOT_OPEN)
            slot(number, _HONEYPOT_CLOSE)
        elif number == Slot.OPEN:
            if not asks_unsubscribe:
                emit(start, _FOOTER_OPEN)
                slot(Slot.UNSUBSCRIBE, _FOOTER_CLOSE)
            emit(start, _PIXEL_OPEN)
            slot(number, _PIXEL_CLOSE)
        else:
            emit(start)
            slot(number)
            place = end
    emit(len(text))
    pieces.append(held)
    return Prepared(tuple(pieces), tuple(slots), tuple(targets))


def _order(cut: tuple[int, int, int]) -> tuple[int, int]:
    """By place; the honeypot before anything at its place, the pixel after."""
    start, _, number = cut
    return start, {Slot.HONEYPOT: 0, Slot.OPEN: 2}.get(number, 1)

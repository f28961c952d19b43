"""What the tracker on an owned site reports, and whether a report is well-formed.

Decides the shape only. Whose visit it was comes from the signed `eid` (see `hits`).
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import attrs

from ignite_domain.errors import BadInput
from ignite_domain.events import EventType

MAX_BODY: Final = 8192
"""Bytes of one report; longer ones are refused unread."""
MAX_URL: Final = 2048
MAX_DURATION_MS: Final = 86_400_000
FIELDS: Final = ("type", "eid", "cid", "sid", "url", "referrer", "duration_ms", "scroll_pct")
"""The report's members in the order in which `EmailTracker.tsx` writes them."""
_SID: Final = re.compile(r"[A-Za-z0-9_-]{0,64}")
_TYPES: Final = {"page_view": EventType.PAGE_VIEW, "session_end": EventType.SESSION_END}


@attrs.frozen
class SiteReport:
    """One beacon. `url` and `referrer` are without query and fragment: those may carry anything.

    `eid` may be empty or worthless. `duration_ms` 0..86,400,000, `scroll_pct` 0..100.
    """

    type: EventType
    eid: str
    sid: str
    url: str
    referrer: str
    duration_ms: int
    scroll_pct: int


def _text(body: Mapping[str, Any], name: str, limit: int) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > limit or any(c < " " or "\ud800" <= c <= "\udfff" for c in value):
        raise BadInput(f"{name}: text of at most {limit} characters expected")
    return value


def _number(body: Mapping[str, Any], name: str, limit: int) -> int:
    value = body.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= limit:
        raise BadInput(f"{name}: a number from 0 to {limit} expected")
    return int(value)


def _bare(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return ""


def read_report(body: object) -> SiteReport:
    """Check a decoded JSON body. Unknown members are ignored; a wrong one raises BadInput naming it."""
    if not isinstance(body, dict):
        raise BadInput("body: a JSON object expected")
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise BadInput("type: page_view or session_end expected")
    sid = _text(body, "sid", 64)
    if not _SID.fullmatch(sid):
        raise BadInput("sid: letters, digits, - and _ expected")
    return SiteReport(
        type=_TYPES[kind],
        eid=_text(body, "eid", 256),
        sid=sid,
        url=_bare(_text(body, "url", MAX_URL)),
        referrer=_bare(_text(body, "referrer", MAX_URL)),
        duration_ms=_number(body, "duration_ms", MAX_DURATION_MS),
        scroll_pct=_number(body, "scroll_pct", 100),
    )

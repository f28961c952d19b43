"""Person or software? One table of rules over what is known about a hit; the first that holds speaks.

Decides the verdict and says why. Every hit is stored with it, none is dropped; what a verdict moves is
`hits`. Sources: what scanners and image proxies are known to send (docs/tracking.md). Timing counts in
business time from when the mail left us, because a hit may come before the accounting log says "delivered".
"""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.events import Verdict
from ignite_domain.tracking.codec import TokenKind

TOO_SOON: Final = timedelta(seconds=5)
"""Nobody receives, opens and reads a mail faster than this after it left us."""
BURST: Final = timedelta(seconds=1)
BURST_LINKS: Final = 3
WINDOW: Final = timedelta(minutes=10)
"""How long a visit to the honeypot colours later hits of the same client on the same mail."""
ANY_CLIENT: Final = timedelta(seconds=2)
"""How long it colours hits of every client: scanners that change their name between two links."""

AFTER_HONEYPOT: Final = "after_honeypot"

_SCANNER: Final = re.compile(
    r"bot\b|bot/|crawler|spider|scanner|slurp|preview|headless|phantomjs|monitor"
    r"|barracuda|proofpoint|mimecast|safelinks|symantec|messagelabs|ironport|fireeye|trendmicro|trend micro"
    r"|sophos|zscaler|forcepoint|urlscan|virustotal|bitdefender|kaspersky|cloudmark|vade|existence/"
    r"|python|curl/|wget/|go-http-client|java/|okhttp|libwww|axios|node-fetch|httpclient|aiohttp|ruby|perl|php/",
    re.IGNORECASE,
)
_IMAGE_PROXY: Final = re.compile(r"googleimageproxy|ggpht\.com|yahoomailproxy|duckduckgo", re.IGNORECASE)
_BARE_MOZILLA: Final = re.compile(r"\s*mozilla/5\.0\s*", re.IGNORECASE)
"""What Apple's Mail Privacy Protection sends when it loads pictures, whether or not anyone reads."""


@attrs.frozen
class Earlier:
    """An earlier click on the same mail. `link` is None for the honeypot; `reason` is its rule, "" for a person."""

    at: datetime
    link: int | None
    client: str
    reason: str = ""


@attrs.frozen
class Signals:
    """What is known about one hit on one send. `left_at`: it left us no sooner."""

    kind: TokenKind
    at: datetime
    link: int
    method: str
    user_agent: str
    left_at: datetime | None = None
    earlier: tuple[Earlier, ...] = ()


def client_of(user_agent: str) -> str:
    """A short fingerprint by which hits of one client are compared; not reversible, safe to store."""
    return hashlib.sha256(user_agent.encode("utf-8", "replace")).hexdigest()[:8]


def _click(signals: Signals) -> bool:
    return signals.kind in (TokenKind.CLICK, TokenKind.HONEYPOT)


def _fell_for_honeypot(signals: Signals) -> bool:
    """After the honeypot, or after a hit that was itself recognised so: a slow scanner stays recognised."""
    client = client_of(signals.user_agent)
    for earlier in signals.earlier:
        age = signals.at - earlier.at
        if earlier.link is None and age <= ANY_CLIENT:
            return True
        trapped = earlier.link is None or earlier.reason == AFTER_HONEYPOT
        if trapped and earlier.client == client and age <= WINDOW:
            return True
    return False


def _burst(signals: Signals) -> bool:
    links = {e.link for e in signals.earlier if e.link is not None and signals.at - e.at <= BURST}
    return _click(signals) and len(links | {signals.link}) >= BURST_LINKS


RULES: Final[tuple[tuple[str, Callable[[Signals], bool]], ...]] = (
    ("honeypot", lambda s: s.kind is TokenKind.HONEYPOT),
    ("head_request", lambda s: s.method.upper() == "HEAD"),
    ("no_user_agent", lambda s: not s.user_agent.strip()),
    ("scanner_user_agent", lambda s: _SCANNER.search(s.user_agent) is not None),
    ("privacy_proxy", lambda s: _BARE_MOZILLA.fullmatch(s.user_agent) is not None),
    ("image_proxy_click", lambda s: _click(s) and _IMAGE_PROXY.search(s.user_agent) is not None),
    (AFTER_HONEYPOT, _fell_for_honeypot),
    ("too_soon", lambda s: s.left_at is not None and s.at - s.left_at < TOO_SOON),
    ("burst", _burst),
)
"""Name (stored as `reason`) and condition. An image proxy that *opens* later than `TOO_SOON` fetched the
picture because somebody looked: Gmail and Yahoo hide their readers behind it."""


def verdict(signals: Signals) -> tuple[Verdict, str]:
    """Who made this hit, and the name of the rule that says so ("" for a person: nothing speaks against)."""
    for name, holds in RULES:
        if holds(signals):
            return Verdict.MACHINE, name
    return Verdict.HUMAN, ""

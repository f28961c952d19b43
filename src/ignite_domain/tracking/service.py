"""`TrackingService`: everything about a mail's links that is computed and not stored.

Decides what a person's links look like and where a signed click leads. Storing hits is `hits`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import attrs

from ignite_domain.events import Verdict
from ignite_domain.tracking.codec import LinkCodec, Token, TokenKind, day_of
from ignite_domain.tracking.rewriting import Prepared, Slot, prepare

_FIXED: Final = {
    Slot.OPEN: ("/t/o/", TokenKind.OPEN),
    Slot.HONEYPOT: ("/t/c/", TokenKind.HONEYPOT),
    Slot.UNSUBSCRIBE: ("/u/", TokenKind.UNSUBSCRIBE),
}
VISITS: Final = {Verdict.HUMAN: TokenKind.VISIT_HUMAN, Verdict.MACHINE: TokenKind.VISIT_MACHINE}


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _plain_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.lower().rstrip(".") for name in names)


@attrs.frozen
class TrackingService:
    """`base_url` is where `/t/…` and `/u/…` are served, without a slash at its end.

    `owned_domains` are the sites whose visits we may follow; their subdomains count as owned.
    `valid` is how long a click still counts: later it only redirects.
    """

    codec: LinkCodec
    base_url: str = attrs.field(converter=_without_slash)
    owned_domains: tuple[str, ...] = attrs.field(converter=_plain_names)
    valid: timedelta = timedelta(days=90)

    def prepare(self, html: str) -> Prepared:
        """Cut a variant's HTML at its links: once per variant (memoised), see `rewriting`."""
        return prepare(html)

    def fill(self, prepared: Prepared, send_id: int, now: datetime) -> str:
        """One person's HTML: the first link of the body is the honeypot, the pixel stands last."""
        day = day_of(now)
        out = [prepared.pieces[0]]
        for slot, piece in zip(prepared.slots, prepared.pieces[1:], strict=True):
            path, kind = _FIXED.get(slot, ("/t/c/", TokenKind.CLICK))
            token = self.codec.encode(Token(kind, send_id, max(slot, 0), day))
            out += (self.base_url, path, token, piece)
        return "".join(out)

    def unsubscribe_url(self, send_id: int, now: datetime) -> str:
        """For the text part and for List-Unsubscribe (with `List-Unsubscribe-Post`, RFC 8058)."""
        return f"{self.base_url}/u/{self.codec.encode(Token(TokenKind.UNSUBSCRIBE, send_id, 0, day_of(now)))}"

    def owns(self, url: str) -> bool:
        """True for an http(s) URL, or an Origin, on an owned domain or below one; any port."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").rstrip(".")
            _ = parts.port
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or parts.username is not None:
            return False
        return any(host == name or host.endswith("." + name) for name in self.owned_domains)

    def visit_token(self, click: Token, verdict: Verdict, now: datetime) -> str:
        """The `eid` of a visit: signed, names the click and whether a person made it."""
        return self.codec.encode(Token(VISITS[verdict], click.send_id, click.link, day_of(now)))

    def destination(self, target: str, *, eid: str, cid: int, sid: str) -> str:
        """`target`, enriched with eid, cid and sid if it is on an owned domain; else `target` itself.

        Parameters of those names in the target are kept; ours come last, before the fragment.
        """
        if not self.owns(target):
            return target
        parts = urlsplit(target)
        ours = f"eid={eid}&cid={cid}&sid={quote(sid, safe='')}"
        return urlunsplit(parts._replace(query=f"{parts.query}&{ours}" if parts.query else ours))

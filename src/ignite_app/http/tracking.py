"""Pixel, click and unsubscribe: `/t/o/{token}`, `/t/c/{token}`, `/u/{token}`.

Decides HTTP only. A token that is not ours, or whose mail is gone, is 404: nothing else is ever said
about it, and no part of a request names where a click leads.
"""

import base64
import secrets
from collections.abc import Sequence
from typing import Any, Final

import attrs
from litestar import Request, Response, post, route
from litestar.enums import HttpMethod, MediaType
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from ignite_app.clock import Clock
from ignite_app.http.group_commit import GroupCommit
from ignite_domain.errors import PortFailure
from ignite_domain.tracking import Answer, Hit, Token, TokenKind, TrackingService

_PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_QUIET: Final = {
    "Cache-Control": "no-store, private",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
}
_PAGE_HEADERS: Final = _QUIET | {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>body{{font:1.05rem/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto 0;padding:0 1.25rem}}
h1{{font-size:1.5rem;line-height:1.25}}button{{font:inherit;padding:.6rem 1.4rem;border-radius:.4rem;border:1px solid
currentColor;background:#1a4fd6;color:#fff;cursor:pointer}}button:focus-visible{{outline:3px solid #f5a623;
outline-offset:2px}}</style></head><body><main>{body}</main></body></html>
"""
_ASK: Final = (
    "Unsubscribe",
    "<h1>Stop these e-mails?</h1><p>You will get no more mail from us.</p>"
    '<form method="post"><input type="hidden" name="confirm" value="yes">'
    '<button type="submit">Unsubscribe</button></form>',
)
_DONE: Final = (
    "Unsubscribed",
    '<h1 role="status">You are unsubscribed</h1><p>You will get no more mail from us. You can close this page.</p>',
)
_LATER: Final = (
    "Please try again",
    "<h1>One moment, please</h1><p>We could not do this just now. Please try again in a few seconds.</p>",
)
LOOKING: Final = [HttpMethod.GET, HttpMethod.HEAD]


@attrs.frozen
class TrackingDeps:
    """What the tracking and site-event routes need. `record` is shared by both, one per process."""

    service: TrackingService
    record: GroupCommit
    clock: Clock


def _page(texts: tuple[str, str], status: int = 200, extra: dict[str, str] | None = None) -> Response[str]:
    return Response(
        _PAGE.format(title=texts[0], body=texts[1]),
        status_code=status,
        media_type=MediaType.HTML,
        headers=_PAGE_HEADERS | (extra or {}),
    )


def _later() -> Response[str]:
    return _page(_LATER, 503, {"Retry-After": "5"})


def routes(deps: TrackingDeps) -> list[HTTPRouteHandler]:
    """The handlers, for the app factory. They need no API key."""

    def known(text: str, kinds: Sequence[TokenKind]) -> Token:
        token = deps.service.codec.decode(text)
        if token is None or token.kind not in kinds:
            raise NotFoundException("no such link")
        return token

    async def take(request: Request[Any, Any, Any], token: Token, method: str = "") -> Answer:
        answer = await deps.record(
            Hit(
                at=deps.clock.now(),
                token=token,
                method=method or request.method,
                user_agent=request.headers.get("user-agent", "")[:512],
                sid=secrets.token_urlsafe(9),
            )
        )
        if not answer.known:
            raise NotFoundException("no such link")
        return answer

    @route("/t/o/{token:str}", http_method=LOOKING, media_type="image/gif", include_in_schema=False)
    async def opened(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
        genuine = known(token, (TokenKind.OPEN,))
        try:
            await take(request, genuine)
        except PortFailure:
            return _later()
        return Response(_PIXEL, media_type="image/gif", headers=_QUIET)

    @route("/t/c/{token:str}", http_method=LOOKING, include_in_schema=False)
    async def clicked(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
        genuine = known(token, (TokenKind.CLICK, TokenKind.HONEYPOT))
        try:
            answer = await take(request, genuine)
        except PortFailure:
            return _later()
        if answer.location is None:  # a honeypot in a mail without links
            return Response(None, status_code=204, headers=_QUIET)
        return Response(None, status_code=302, headers=_QUIET | {"Location": answer.location})

    @route("/u/{token:str}", http_method=LOOKING, include_in_schema=False)
    async def ask(token: FromPath[str]) -> Response[str]:
        """Looking is not asking: scanners follow this link too."""
        known(token, (TokenKind.UNSUBSCRIBE,))
        return _page(_ASK)

    @post("/u/{token:str}", status_code=200, include_in_schema=False, request_max_body_size=8192)
    async def unsubscribe(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
        """One-click (RFC 8058) and the page's button."""
        genuine = known(token, (TokenKind.UNSUBSCRIBE,))
        one_click = b"List-Unsubscribe=One-Click" in await request.body()
        try:
            await take(request, genuine, "ONE-CLICK" if one_click else "")
        except PortFailure:
            return _later()
        return _page(_DONE)

    return [opened, clicked, ask, unsubscribe]

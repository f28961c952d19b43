"""The owned domain's landing page, served to requests whose Host is an owned domain.

Decides by Host before any route is looked at: the console never answers under the site's name, and the
site never under the console's. Tracking links and the API stay reachable under both.
"""

import mimetypes
from pathlib import Path
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from ignite_domain.tracking import TrackingService

_OURS: Final = ("/api/", "/t/", "/u/", "/health/")
_PAGE_HEADERS: Final[list[tuple[bytes, bytes]]] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
]
_UNBUILT: Final = (
    b"<!doctype html><title>not built</title><p>The site is not built: run <code>make dashboard</code>.</p>"
)


class OwnedSite:
    """Wraps the ASGI app. `folder` holds what the dashboard build wrote: site.html and assets/.

    The files are read once, at start: what a request names is looked up, never opened.
    """

    def __init__(self, app: ASGIApp, service: TrackingService, folder: Path) -> None:
        self._app = app
        self._service = service
        page = folder / "site.html"
        self._page = page.read_bytes() if page.is_file() else None
        assets = folder / "assets"
        self._assets = {file.name: file.read_bytes() for file in assets.glob("*")} if assets.is_dir() else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and self._wants_site(scope):
            await self._answer(scope, send)
        else:
            await self._app(scope, receive, send)

    def _wants_site(self, scope: HTTPScope) -> bool:
        if scope["method"] not in ("GET", "HEAD") or scope["path"].startswith(_OURS):
            return False
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        return self._service.owns("http://" + host.decode("latin-1"))

    async def _answer(self, scope: HTTPScope, send: Send) -> None:
        # Built pages name their assets relative to themselves, so below /a/b they are asked for at /a/assets.
        folder, _, name = scope["path"].rpartition("/")
        status, headers, body = 200, _PAGE_HEADERS, self._page
        if folder.endswith("/assets"):
            body = self._assets.get(name)
            kind = (mimetypes.guess_type(name)[0] or "application/octet-stream").encode()
            headers = [(b"content-type", kind), (b"cache-control", b"public, max-age=31536000, immutable")]
            if body is None:
                status, headers, body = 404, [(b"content-type", b"text/plain")], b"not found"
        elif body is None:
            status, body = 503, _UNBUILT
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
        sent = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": sent, "more_body": False})

"""Who may call: named API keys, and a console cookie that a one-time link or a key sets (`sign_in`).

Guards everything below /api/v1 except the beacon; decides nothing about what a caller may do. The key's
name is the author in the audit.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import orjson
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from ignite_app.http.problems import PROBLEM
from ignite_app.settings import Secret

COOKIE: Final = "ignite_console"
CONSOLE_AUTHOR: Final = "console"
OPEN: Final = ("/api/v1/site-events",)
SIGNED: Final = "/api/v1/accounting/"
"""Below it a host's signature stands for a key (`http.accounting`)."""
PREFIX: Final = "/api/v1"
WS_DENIED: Final = 4401


def _bearer(header: str) -> str:
    """The key of an Authorization header; the scheme's name may be written in any case (RFC 9110)."""
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _cookie(header: str, wanted: str) -> str | None:
    """One cookie of the header. What other programs of this host put there may be malformed."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            return value.strip('"')
    return None


@attrs.define
class Gatekeeper:
    """`keys`: name -> key. `console_token`: of the one-time link; empty switches the console off.

    The link works once in the life of a process; after a restart the cookie goes on working, and so does the link.
    """

    keys: Mapping[str, Secret]
    console_token: Secret = Secret("")
    link_used: bool = False

    def cookie_name(self) -> str:
        """Of its own for every server's secrets: consoles on other ports of 127.0.0.1 share the jar."""
        secrets = "\0".join([self.console_token, *sorted(self.keys.values())])
        return f"{COOKIE}_{hashlib.sha256(secrets.encode()).hexdigest()[:8]}"

    def cookie_value(self, name: str | None = None) -> str:
        """What the console's cookie must hold, of the link or of the key called `name`; it dies with that secret."""
        secret = self.console_token if name is None else self.keys[name]
        return hmac.new(secret.encode(), b"ignite console", hashlib.sha256).hexdigest()

    def take_link(self, token: str) -> bool:
        """Whether `token` opens the one-time link now; it never does again."""
        fits = bool(self.console_token) and hmac.compare_digest(token.encode(), self.console_token.encode())
        if not fits or self.link_used:
            return False
        self.link_used = True
        return True

    def name_of(self, given: str) -> str | None:
        """Whose key this is, or None."""
        found = None
        for name, key in self.keys.items():  # all of them, so that timing tells nothing
            if key and hmac.compare_digest(given.encode(), key.encode()):
                found = name
        return found

    def author(self, headers: Mapping[str, str], *, same_origin: bool) -> str | None:
        """The name of the caller, or None. A cookie counts only for requests from our own pages."""
        given = headers.get("x-api-key") or _bearer(headers.get("authorization", ""))
        if given:
            return self.name_of(given)
        shown = _cookie(headers.get("cookie", ""), self.cookie_name())
        if shown is None or not same_origin:
            return None
        found = None
        if self.console_token and hmac.compare_digest(shown.encode(), self.cookie_value().encode()):
            found = CONSOLE_AUTHOR
        for name, key in self.keys.items():
            if key and hmac.compare_digest(shown.encode(), self.cookie_value(name).encode()):
                found = name
        return found

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """ASGI middleware: 401, or a closed WebSocket, before anything else runs."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope.get("path", "")
            if (
                scope["type"] not in (ScopeType.HTTP, ScopeType.WEBSOCKET)
                or not path.startswith(PREFIX)
                or path in OPEN
                or (path.startswith(SIGNED) and scope.get("method") == "POST")
            ):
                await app(scope, receive, send)
                return
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            origin = headers.get("origin")
            same_origin = origin is None or urlsplit(origin).netloc == headers.get("host", "")
            author = self.author(headers, same_origin=same_origin)
            if author is not None:
                scope["state"]["author"] = author
                await app(scope, receive, send)
            elif scope["type"] == ScopeType.WEBSOCKET:
                await send({"type": "websocket.close", "code": WS_DENIED, "reason": "not signed in"})
            else:
                body = orjson.dumps(
                    {
                        "type": "about:blank",
                        "title": "Unauthorized",
                        "status": 401,
                        "detail": "an API key or a signed-in console is needed",
                    }
                )
                start: Any = {
                    "type": "http.response.start",
                    "status": 401,
                    "headers": [(b"content-type", PROBLEM.encode()), (b"www-authenticate", b"Bearer")],
                }
                await send(start)
                await send({"type": "http.response.body", "body": body, "more_body": False})

        return guarded

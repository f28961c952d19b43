"""How a browser signs in to the console: by the demo's one-time link, or with an API key in a small form.

Decides what sets the cookie and how often one may try; what the cookie is worth is decided by `auth`.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from ignite_app.clock import real_seconds
from ignite_app.http.auth import Gatekeeper
from ignite_app.http.pages import page

MAX_FORM: Final = 4096  # bytes
FAILURES: Final = 5
"""So many wrong keys from one address in `PERIOD_S`; then it waits. Keys have at least 16 characters."""
PERIOD_S: Final = 60.0
CLIENTS_KEPT: Final = 1000
FORM: Final = """<form method="post" action="/console"><p><label for="key">API key</label><br>
<input id="key" name="key" type="password" autocomplete="current-password" required>
<button>Sign in</button></p></form>
<p>Keys stand in the server's configuration, each with the name of who uses it:</p>
<p><code>api: {keys: {alice: "at least sixteen characters"}}</code></p>"""


@attrs.define
class Attempts:
    """Wrong keys by address, in real seconds. A full table forgets the address that failed longest ago."""

    seconds: Callable[[], float] = real_seconds
    _failed: dict[str, deque[float]] = attrs.field(factory=dict)

    def wait(self, client: str) -> float:
        """Seconds until `client` may try again; 0 if it may now."""
        failed = self._failed.get(client)
        if failed is None or len(failed) < FAILURES:
            return 0.0
        return max(0.0, failed[0] + PERIOD_S - self.seconds())

    def fail(self, client: str) -> None:
        failed = self._failed.pop(client, None) or deque(maxlen=FAILURES)
        failed.append(self.seconds())
        self._failed[client] = failed
        if len(self._failed) > CLIENTS_KEPT:
            del self._failed[next(iter(self._failed))]


def _refused(status: int, why: str) -> Response[str]:
    return page("IGNITE: sign in", f'<h1>Sign in to the console</h1><p class="w" role="alert">{why}</p>{FORM}', status)


def routes(keeper: Gatekeeper, attempts: Attempts | None = None) -> list[HTTPRouteHandler]:
    """The handlers, for the app factory."""
    tries = attempts or Attempts()

    def signed(value: str, request: Request[Any, Any, Any]) -> Redirect:
        cookie = Cookie(key=keeper.cookie_name(), value=value, httponly=True, samesite="strict", path="/")
        cookie.secure = request.url.scheme == "https"  # the demo speaks plain HTTP on 127.0.0.1
        return Redirect("/", status_code=303, cookies=[cookie])

    @get("/console/{token:str}", include_in_schema=False)
    async def link(token: FromPath[str], request: Request[Any, Any, Any]) -> Response[Any]:
        """The one-time link: sets the console's cookie and goes to the live page; a signed-in browser just goes."""
        if keeper.take_link(token):
            return signed(keeper.cookie_value(), request)
        if keeper.author(request.headers, same_origin=True) is not None:
            return Redirect("/", status_code=303)
        why = "This link is not valid, or was used already."
        if "text/html" not in request.headers.get("accept", ""):
            raise NotFoundException(why)
        return _refused(404, f"{why} The demo prints a new one at each start; an API key works always.")

    @get("/console", include_in_schema=False)
    async def form() -> Response[str]:
        """The form alone, for a browser without scripts."""
        return page("IGNITE: sign in", f"<h1>Sign in to the console</h1>{FORM}")

    @post("/console", include_in_schema=False, request_max_body_size=MAX_FORM)
    async def sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
        """`key=…`, from our own page only: an API key becomes the console's cookie; its name is the author."""
        if urlsplit(request.headers.get("origin", "")).netloc != request.headers.get("host", ""):
            return _refused(403, "The form was sent from another page. Use the one below.")
        client = request.client.host if request.client else ""
        if wait := tries.wait(client):
            refused = _refused(429, f"Too many wrong keys. Try again in {wait:.0f} seconds.")
            refused.headers["Retry-After"] = f"{wait:.0f}"
            return refused
        fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=5)
        name = keeper.name_of(fields.get("key", [""])[0].strip())
        if name is None:
            tries.fail(client)
            return _refused(401, "This is not one of the server's API keys.")
        return signed(keeper.cookie_value(name), request)

    return [link, form, sign_in]

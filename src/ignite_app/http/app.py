"""Puts the HTTP rooms together into one Litestar application. Decides headers, limits and order only.

Open without a key are `/health/*`, `/t/*`, `/u/*`, the site's beacon, the console's empty page with its
sign-in, and `/schema`.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import attrs
from litestar import Litestar, Response, get
from litestar.datastructures import MutableScopeHeaders
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.types import Message, Scope

from ignite_app.http import problems, sign_in
from ignite_app.http.auth import Gatekeeper
from ignite_app.http.pages import SHELL_CSP
from ignite_app.http.reference import ReferencePage

MAX_BODY: Final = 1 << 20  # bytes; nothing that is posted here is larger
SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": SHELL_CSP,
}
Probe = Callable[[], Awaitable[dict[str, str]]]


@attrs.frozen
class HttpDeps:
    """`routes`: the handlers of every room. `ready`: names of things that are not ready, with why."""

    gatekeeper: Gatekeeper
    routes: Sequence[Any]
    ready: Probe
    lifespan: Sequence[Callable[[Litestar], AbstractAsyncContextManager[None]]] = ()


async def _harden(message: Message, _: Scope) -> None:
    """Security headers on every answer, refusals and unknown paths included; a route's own choice wins."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in SECURITY.items():
            headers.setdefault(name, value)


def create_app(deps: HttpDeps) -> Litestar:
    """The application. Nothing is opened before its lifespan starts."""

    @get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @get("/health/ready", tags=["health"])
    async def ready() -> Response[dict[str, Any]]:
        """Everything a request needs answers too; otherwise 503 and what is missing."""
        missing = await deps.ready()
        if missing:
            return Response({"status": "not ready", "missing": missing}, status_code=503)
        return Response({"status": "ok"})

    return Litestar(
        route_handlers=[live, ready, *sign_in.routes(deps.gatekeeper), *deps.routes],
        middleware=[deps.gatekeeper.middleware],
        exception_handlers=problems.HANDLERS,
        request_max_body_size=MAX_BODY,
        before_send=[_harden],
        lifespan=list(deps.lifespan),
        openapi_config=OpenAPIConfig(
            title="IGNITE",
            version="1",
            path="/schema",
            use_handler_docstrings=True,
            render_plugins=[ReferencePage(), JsonRenderPlugin(), YamlRenderPlugin()],
        ),
        logging_config=None,
        debug=False,
    )

"""The console: the built dashboard at `/`, and a clear page where it was not built.

Decides nothing about who may look: the page is public and empty, what fills it is behind the gatekeeper.
"""

import mimetypes
from pathlib import Path
from typing import Any, Final

from litestar import Response, get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from ignite_app.http.pages import page

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_UNBUILT: Final = """<h1>The dashboard is not built</h1><p>The API works. This installation runs from sources; build
the pages once with <code>make dashboard</code> and start the server again.</p>"""
FOREVER_SECONDS: Final = 31_536_000
PAGES: Final = (
    *("/", "/agents", "/approvals", "/policy", "/alerts"),
    *("/isp/{isp:str}", "/decision/{decision:int}", "/ip", "/ip/{ip:str}"),
)
"""Paths of the one document: which page they are is the script's to say, so that a deep link can be reloaded."""


def routes(folder: Path) -> list[HTTPRouteHandler]:
    """The handlers, for the app factory. `folder` holds index.html and assets/; both are read once, here."""
    built = folder / "index.html"
    # the build names its files relative to the document, which here has addresses of several depths
    index = built.read_text(encoding="utf-8").replace('"./assets/', '"/assets/') if built.is_file() else None
    files = {file.name: file.read_bytes() for file in (folder / "assets").glob("*")} if index else {}

    @get(list(PAGES), include_in_schema=False)
    async def console() -> Response[str]:
        if index is None:
            return page("IGNITE: dashboard not built", _UNBUILT, 503)
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": _CSP, "Referrer-Policy": "same-origin"}
        return Response(index, media_type=MediaType.HTML, headers=headers)

    @get("/assets/{name:str}", include_in_schema=False)
    async def asset(name: FromPath[str]) -> Response[Any]:
        if name not in files:
            raise NotFoundException("no such file")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(
            files[name],
            media_type=kind,
            headers={"Cache-Control": f"public, max-age={FOREVER_SECONDS}, immutable"},
        )

    return [console, asset]

"""The shell of the small pages that the API itself serves: one style, no script, nothing from another host.

Decides nothing; what may be said in it is decided by the rooms that use it.
"""

from typing import Final

from litestar import Response
from litestar.enums import MediaType

SHELL_CSP: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": SHELL_CSP,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with "no-referrer" a form's Origin would be "null"
}
_SHELL: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><link rel="icon" href="data:,">
<style>body{{font:15px/1.55 system-ui,sans-serif;margin:0;padding:8vh 16px 40px;background:Canvas;color:CanvasText}}
main{{max-width:{width};margin:0 auto}}h1{{font-size:20px}}h2{{font-size:15px;margin:24px 0 6px}}
code,.m{{font-family:ui-monospace,monospace;font-size:13px}}input,button{{font:inherit;padding:6px 10px}}
input{{min-width:22rem;max-width:100%;box-sizing:border-box}}table{{border-collapse:collapse;width:100%}}
td{{border-top:1px solid color-mix(in srgb,CanvasText 18%,transparent);padding:4px 12px 4px 0;vertical-align:top}}
td:first-child{{width:4.5rem}}td:nth-child(2){{width:26rem;overflow-wrap:anywhere}}
.w{{border-left:4px solid #b34700;padding-left:10px}}</style></head><body><main>{body}</main></body></html>
"""


def document(title: str, body: str, *, width: str = "42rem") -> str:
    """A whole HTML document. `title` and `body` are HTML already: escape what comes from outside."""
    return _SHELL.format(title=title, body=body, width=width)


def page(title: str, body: str, status: int = 200) -> Response[str]:
    """`document` as an answer with the strictest policy that shows it."""
    return Response(document(title, body), status_code=status, media_type=MediaType.HTML, headers=dict(HEADERS))

"""`/schema`: the operations of the OpenAPI document as one plain page of our own.

The readers that frameworks bundle load scripts and fonts from other hosts, on the console's origin; this one
needs none. Decides nothing about the document.
"""

import re
from html import escape
from typing import Any, Final

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from ignite_app.http.pages import document

_CODE: Final = re.compile(r"`([^`]+)`")
_METHODS: Final = ("get", "post", "put", "patch", "delete")


class ReferencePage(OpenAPIRenderPlugin):
    """Lists every operation, by its first tag: method, path with its query, and what it says of itself."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        groups: dict[str, list[str]] = {}
        for path, operations in sorted(openapi_schema.get("paths", {}).items()):
            for method in _METHODS:
                if operation := operations.get(method):
                    tag = (operation.get("tags") or ["other"])[0]
                    groups.setdefault(tag, []).append(_row(method, path, operation))
        tables = "".join(
            f"<h2>{escape(tag)}</h2><table>{''.join(rows)}</table>" for tag, rows in sorted(groups.items())
        )
        head = (
            "<h1>IGNITE: the HTTP API</h1><p>The document itself: "
            '<a href="/schema/openapi.json">openapi.json</a>, <a href="/schema/openapi.yaml">openapi.yaml</a>. '
            "Everything below <code>/api/v1</code> needs a key: <code>X-API-Key</code> or "
            "<code>Authorization: Bearer</code>.</p>"
        )
        return document("IGNITE: the HTTP API", head + tables, width="72rem").encode()


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    query = ", ".join(one["name"] for one in operation.get("parameters", []) if one.get("in") == "query")
    says = _CODE.sub(r"<code>\1</code>", escape(operation.get("description") or operation.get("summary") or ""))
    asked = f"<br><small>?{escape(query)}</small>" if query else ""
    return f'<tr><td class="m">{method.upper()}</td><td class="m">{escape(path)}{asked}</td><td>{says}</td></tr>'

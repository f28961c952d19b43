"""Every error as `application/problem+json`, with no address and no secret in it."""

import re
from http import HTTPStatus
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from ignite_app.http.pages import page
from ignite_app.logs import redact
from ignite_domain.errors import BadInput, Conflict, IgniteError, NotFound, PortFailure

log = structlog.get_logger("ignite.http")
PROBLEM = "application/problem+json"
API: Final = "/api/"


def problem(status: int, detail: str, **more: Any) -> Response[dict[str, Any]]:
    """A problem document: `title` is the status phrase, `detail` what is wrong and where."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": redact(detail),
        **more,
    }
    headers = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(body, status_code=status, media_type=PROBLEM, headers=headers)


STATUS: dict[type[IgniteError], int] = {BadInput: 400, NotFound: 404, Conflict: 409}
"""The one map from the domain's errors to HTTP; the first matching class counts."""


def on_domain_error(_: Request[Any, Any, Any], error: IgniteError) -> Response[dict[str, Any]]:
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            return problem(status, str(error) or HTTPStatus(status).phrase)
    if isinstance(error, PortFailure) and error.retryable:
        return problem(503, str(error))
    log.error("http.failed", detail=str(error))
    return problem(500, "the server could not do this; its log says why")


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if isinstance(error, ValidationException):
        return _invalid(error)
    if error.status_code == HTTPStatus.NOT_FOUND and _by_browser(request):
        return page("IGNITE: no such page", _NO_PAGE, 404)
    return problem(error.status_code, str(error.detail))


_NO_PAGE: Final = """<h1>There is no such page</h1><p>The console begins at <a href="/">its live page</a>; from there
all pages are reached. What programs may ask for is listed under <a href="/schema">/schema</a>.</p>"""


def _by_browser(request: Request[Any, Any, Any]) -> bool:
    """Whether a person looks at the answer: a browser asks for a document, and not below the API."""
    wants = "text/html" in request.headers.get("accept", "")
    return wants and request.method == "GET" and not request.url.path.startswith(API)


EXPECTED: Final = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
_EXPECTED: Final = re.compile(r"Expected `(\w+)")


def _invalid(error: ValidationException) -> Response[dict[str, Any]]:
    """Parameters that could not be read. The framework's own words quote the address asked for, values included."""
    wrong = []
    for one in error.extra if isinstance(error.extra, list) else []:
        if isinstance(one, dict) and (field := str(one.get("key") or "")):
            found = _EXPECTED.match(str(one.get("message", "")))
            kind = EXPECTED.get(found[1]) if found else None
            wrong.append({"field": redact(field), "message": f"expected {kind}" if kind else "cannot be read"})
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in wrong)
    return problem(error.status_code, detail or "the request cannot be read", **({"errors": wrong} if wrong else {}))


def on_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    log.error("http.crashed", path=request.url.path, exc_info=error)
    return problem(500, "the server could not do this; its log says why")


HANDLERS: dict[Any, Any] = {HTTPException: on_http_error, IgniteError: on_domain_error, Exception: on_any_error}

"""Every error as `application/problem+json`, with no address and no secret in it."""

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from ignite_app.logs import redact
from ignite_domain.errors import BadInput, Conflict, IgniteError, NotFound, PortFailure

log = structlog.get_logger("ignite.http")
PROBLEM = "application/problem+json"


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


def on_http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    more: dict[str, Any] = {}
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        more["errors"] = [
            {"field": str(one.get("key", "")), "message": redact(str(one.get("message", "")))}
            for one in error.extra
            if isinstance(one, dict)
        ]
    return problem(error.status_code, str(error.detail), **more)


def on_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    log.error("http.crashed", path=request.url.path, exc_info=error)
    return problem(500, "the server could not do this; its log says why")


HANDLERS: dict[Any, Any] = {HTTPException: on_http_error, IgniteError: on_domain_error, Exception: on_any_error}

"""`POST /api/v1/site-events`: the beacons of `EmailTracker.tsx`.

Decides HTTP only: the Origin must be an owned domain (any port), the body small and well-formed. A wrong
or missing `eid` is not an error: the visit is stored with nobody's name on it.
"""

import json
from typing import Any, Final

from litestar import Request, Response, post, route
from litestar.enums import HttpMethod
from litestar.exceptions import ClientException, PermissionDeniedException, ServiceUnavailableException
from litestar.handlers import HTTPRouteHandler

from ignite_app.http.tracking import TrackingDeps
from ignite_domain.errors import BadInput, PortFailure
from ignite_domain.tracking import Hit, TokenKind, read_report
from ignite_domain.tracking.site import MAX_BODY

PATH: Final = "/api/v1/site-events"
_VISITS: Final = (TokenKind.VISIT_HUMAN, TokenKind.VISIT_MACHINE)


def routes(deps: TrackingDeps) -> list[HTTPRouteHandler]:
    """The handlers, for the app factory. They need no API key."""

    def cors(request: Request[Any, Any, Any]) -> dict[str, str]:
        origin = request.headers.get("origin", "")
        if not deps.service.owns(origin):
            raise PermissionDeniedException("this site may not report here")
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Cache-Control": "no-store"}

    @route(PATH, http_method=[HttpMethod.OPTIONS], include_in_schema=False)
    async def preflight(request: Request[Any, Any, Any]) -> Response[None]:
        headers = cors(request) | {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "content-type",
            "Access-Control-Max-Age": "86400",
        }
        return Response(None, status_code=204, headers=headers)

    @post(PATH, status_code=202, request_max_body_size=MAX_BODY, tags=["site-events"])
    async def report(request: Request[Any, Any, Any]) -> Response[None]:
        """A page view or the end of a session on an owned site."""
        headers = cors(request)
        try:
            body = read_report(json.loads(await request.body()))
        except BadInput as error:
            raise ClientException(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise ClientException("body: not JSON") from error
        token = deps.service.codec.decode(body.eid)
        if token is not None and token.kind not in _VISITS:
            token = None
        agent = request.headers.get("user-agent", "")[:512]
        hit = Hit(at=deps.clock.now(), token=token, method="POST", user_agent=agent, report=body)
        try:
            await deps.record(hit)
        except PortFailure as failure:
            raise ServiceUnavailableException("not stored, please send it again") from failure
        return Response(None, status_code=202, headers=headers)

    return [preflight, report]

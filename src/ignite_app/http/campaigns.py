"""`/api/v1/campaigns`: create, schedule, pause, resume, cancel, list. Decode, call, return.

Errors are problem documents: 400 names the field, 404, 409 names what the campaign can do instead.
"""

from datetime import datetime
from typing import Any, Final

import attrs
from litestar import Request, get, post
from litestar.params import FromPath, FromQuery

from ignite_adapters.postgres.campaign_reading import CampaignReader
from ignite_adapters.postgres.campaigns import PostgresCampaignStore
from ignite_app.clock import Clock
from ignite_app.http.bodies import decode
from ignite_domain.campaigns.campaign import CampaignDraft
from ignite_domain.campaigns.states import Verb
from ignite_domain.errors import BadInput

MAX_LIMIT: Final = 200
MAX_BODY: Final = 5_000_000  # bytes: eight arms of HTML
_LAST: Final = (1 << 63) - 1


@attrs.frozen
class CampaignDeps:
    store: PostgresCampaignStore
    reader: CampaignReader
    clock: Clock


@attrs.frozen
class ScheduleIn:
    """`at`: business time, RFC 3339; missing means now."""

    at: datetime | None = None


@attrs.frozen
class ReasonIn:
    """Why a person pauses, resumes or cancels."""

    reason: str = attrs.field(default="", validator=attrs.validators.max_len(500))


def routes(deps: CampaignDeps) -> list[Any]:
    """The handlers, for the app factory."""

    async def take(campaign: int, verb: Verb, request: Request[Any, Any, Any]) -> dict[str, Any]:
        said = await decode(request, ReasonIn)
        reason = f"{verb.value} by {request.state.author}" + (f": {said.reason}" if said.reason else "")
        await deps.store.move(campaign, verb, deps.clock.now(), reason=reason)
        return await deps.reader.one(campaign)

    @get("/api/v1/campaigns", tags=["campaigns"])
    async def campaigns(before: FromQuery[int] = _LAST, limit: FromQuery[int] = 50) -> dict[str, Any]:
        """Campaigns and flows, newest first, with people by state, reason and arm."""
        if not 1 <= limit <= MAX_LIMIT:
            raise BadInput(f"limit: must be between 1 and {MAX_LIMIT}")
        items = await deps.reader.page(before, limit)
        return {"items": items, "next": items[-1]["id"] if len(items) == limit else None}

    @get("/api/v1/campaigns/{campaign:int}", tags=["campaigns"])
    async def campaign(campaign: FromPath[int]) -> dict[str, Any]:
        """One campaign."""
        return await deps.reader.one(campaign)

    @post("/api/v1/campaigns", tags=["campaigns"], status_code=201, request_max_body_size=MAX_BODY)
    async def create(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """A draft with its variants: name, from_name, from_address, landing_url, variants, element, audience, …"""
        draft = await decode(request, CampaignDraft)
        if draft.kind != "campaign":
            raise BadInput("kind: flows make their own campaigns")
        made = await deps.store.create(draft, request.state.author, deps.clock.now())
        return await deps.reader.one(made)

    @post("/api/v1/campaigns/{campaign:int}/schedule", tags=["campaigns"], status_code=200)
    async def schedule(campaign: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Send at an instant of business time, or now."""
        now = deps.clock.now()
        at = (await decode(request, ScheduleIn)).at or now
        reason = f"schedule by {request.state.author}"
        await deps.store.move(campaign, Verb.SCHEDULE, now, scheduled_at=at, reason=reason)
        return await deps.reader.one(campaign)

    @post("/api/v1/campaigns/{campaign:int}/pause", tags=["campaigns"], status_code=200)
    async def pause(campaign: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Hand over nothing more until it is resumed."""
        return await take(campaign, Verb.PAUSE, request)

    @post("/api/v1/campaigns/{campaign:int}/resume", tags=["campaigns"], status_code=200)
    async def resume(campaign: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Go on where it was paused."""
        return await take(campaign, Verb.RESUME, request)

    @post("/api/v1/campaigns/{campaign:int}/cancel", tags=["campaigns"], status_code=200)
    async def cancel(campaign: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """End it: whoever waits is held, reason stopped."""
        return await take(campaign, Verb.CANCEL, request)

    return [campaigns, campaign, create, schedule, pause, resume, cancel]

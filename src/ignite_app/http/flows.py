"""`/api/v1/flows`: create, list with counts, pause, resume. Decode, call, return."""

from typing import Any

import attrs
from litestar import Request, get, post
from litestar.params import FromPath

from ignite_app.clock import Clock
from ignite_app.http.bodies import decode
from ignite_app.http.campaigns import MAX_BODY
from ignite_domain.automation import FlowDraft, FlowStatus, FlowStore, FlowView, Step
from ignite_domain.automation.flow import WELCOME
from ignite_domain.campaigns.campaign import CampaignDraft
from ignite_domain.errors import BadInput, NotFound
from ignite_domain.events import EventType


@attrs.frozen
class FlowDeps:
    store: FlowStore
    clock: Clock


@attrs.frozen
class FlowIn:
    """`mail`: a campaign's fields with one variant. No steps: those of a welcome. `share` is a percentage."""

    name: str
    mail: CampaignDraft
    steps: tuple[dict[str, Any], ...] = ()
    trigger: str = EventType.VERIFIED.value
    min_score: float = 0.50
    share: int = 100

    def draft(self) -> FlowDraft:
        """Raises BadInput naming the field, and for steps the place."""
        if self.trigger not in set(EventType):
            raise BadInput("trigger: not an event type")
        steps = []
        for index, one in enumerate(self.steps):
            try:
                steps.append(Step.from_json(one))
            except BadInput as fault:
                raise BadInput(f"steps[{index}]: {fault}") from None
        trigger = EventType(self.trigger)
        return FlowDraft(self.name, tuple(steps) or WELCOME, trigger, self.min_score, self.share)


def _shown(flow: FlowView) -> dict[str, Any]:
    return {
        "id": flow.id,
        "name": flow.draft.name,
        "status": flow.status.value,
        "trigger": flow.draft.trigger.value,
        "min_score": flow.draft.min_score,
        "share": flow.draft.share,
        "steps": [step.as_json() for step in flow.draft.steps],
        "campaign_id": flow.campaign_id,
        "created_at": flow.created_at.isoformat(),
        "people": dict(flow.people),
        "exits": dict(flow.exits),
    }


def routes(deps: FlowDeps) -> list[Any]:
    """The handlers, for the app factory."""

    async def one(number: int) -> dict[str, Any]:
        for flow in await deps.store.flows():
            if flow.id == number:
                return _shown(flow)
        raise NotFound(f"flow {number}")

    @get("/api/v1/flows", tags=["flows"])
    async def flows() -> dict[str, Any]:
        """All flows with people by state (waiting, done, exited) and exits by reason."""
        return {"items": [_shown(flow) for flow in await deps.store.flows()]}

    @post("/api/v1/flows", tags=["flows"], status_code=201, request_max_body_size=MAX_BODY)
    async def create(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """A flow and its mail; whoever the trigger happens to from now on enters, as far as `share` goes."""
        said = await decode(request, FlowIn)
        made = await deps.store.create(said.draft(), said.mail, request.state.author, deps.clock.now())
        return await one(made)

    @post("/api/v1/flows/{flow:int}/pause", tags=["flows"], status_code=200)
    async def pause(flow: FromPath[int]) -> dict[str, Any]:
        """Nobody enters or moves, and the flow's mail is not handed over, until it is resumed."""
        await deps.store.set_status(flow, FlowStatus.PAUSED)
        return await one(flow)

    @post("/api/v1/flows/{flow:int}/resume", tags=["flows"], status_code=200)
    async def resume(flow: FromPath[int]) -> dict[str, Any]:
        """Go on; whoever qualified meanwhile enters now."""
        await deps.store.set_status(flow, FlowStatus.ACTIVE)
        return await one(flow)

    return [flows, create, pause, resume]

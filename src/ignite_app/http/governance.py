"""What people do to governance: modes, stops, answers, and decisions of their own. Decode, call, return.

Every change needs a reason; its author is the name of the caller's key. Both stand on a decision.
"""

from typing import Any

import attrs
from litestar import Request, get, post, put
from litestar.params import FromPath

from ignite_app.http.bodies import decode
from ignite_app.people import Asked, People

GovernanceDeps = People


@attrs.frozen
class ModeIn:
    """null stands for every agent, every provider; mode null removes the entry."""

    agent: str | None
    isp: str | None
    mode: str | None
    reason: str


@attrs.frozen
class StopIn:
    """isp null: everywhere."""

    reason: str
    isp: str | None = None


@attrs.frozen
class ReasonIn:
    reason: str


def routes(deps: GovernanceDeps) -> list[Any]:
    """The handlers, for the app factory."""

    @get("/api/v1/governance", tags=["governance"])
    async def governance() -> dict[str, Any]:
        """Modes, stops, and how many decisions wait for a person.

        The most specific entry wins: agent and provider, then agent, then provider, then `default_mode`. Where the
        host's answers cannot be read (`host_unread` says what is missing), its agents only observe, whatever they say.
        """
        return await deps.state()

    @put("/api/v1/governance/modes", tags=["governance"])
    async def set_mode(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Set how far an agent, or all (null), may go at a provider, or all (null); mode null removes the entry."""
        said = await decode(request, ModeIn)
        return await deps.set_mode(said.agent, said.isp, said.mode, request.state.author, said.reason)

    @post("/api/v1/governance/stop", tags=["governance"], status_code=200)
    async def stop(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """No agent takes a new action at the MTA for a provider, or (null) anywhere, until it is resumed.

        What stands stays, and is held when its lifetime ends. People's own decisions go on.
        """
        said = await decode(request, StopIn)
        return await deps.stop(said.isp, request.state.author, said.reason)

    @post("/api/v1/governance/resume", tags=["governance"], status_code=200)
    async def resume(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Take a stop back: exactly the one of this provider, or (null) the one of everywhere."""
        said = await decode(request, StopIn)
        return await deps.resume(said.isp, request.state.author, said.reason)

    @get("/api/v1/decisions/{decision:int}", tags=["decisions"])
    async def decision(decision: FromPath[int]) -> dict[str, Any]:
        """One decision."""
        return await deps.one(decision)

    @post("/api/v1/decisions/{decision:int}/approve", tags=["decisions"], status_code=200)
    async def approve(decision: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Let what waits be carried out; its life begins now."""
        said = await decode(request, ReasonIn)
        return await deps.answer(decision, request.state.author, said.reason, yes=True)

    @post("/api/v1/decisions/{decision:int}/reject", tags=["decisions"], status_code=200)
    async def reject(decision: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Refuse what waits. Its agent does not ask again before the lifetime it asked for is over."""
        said = await decode(request, ReasonIn)
        return await deps.answer(decision, request.state.author, said.reason, yes=False)

    @post("/api/v1/decisions/{decision:int}/release", tags=["decisions"], status_code=200)
    async def release(decision: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Undo what stands, at once and whoever still wants it; answers with the decision that does so."""
        said = await decode(request, ReasonIn)
        return await deps.release(decision, request.state.author, said.reason)

    @post("/api/v1/decisions", tags=["decisions"], status_code=201)
    async def decide(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """A decision of your own, carried out in every mode and under every stop; a probe follows its lifetime."""
        return await deps.decide(await decode(request, Asked), request.state.author)

    return [governance, set_mode, stop, resume, decision, approve, reject, release, decide]

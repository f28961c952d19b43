"""What people do to governance: modes, stops, answers, and decisions of their own. Decode, call, return.

Every change needs a reason; its author is the name of the caller's key. Both stand on a decision.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

import attrs
from litestar import Request, get, post, put
from litestar.params import FromPath

from ignite_adapters.postgres.persons import PostgresPersons
from ignite_adapters.postgres.reading import ReadingRoom
from ignite_app.clock import Clock
from ignite_app.http.bodies import decode
from ignite_domain.errors import BadInput, NotFound
from ignite_domain.governance import persons
from ignite_domain.governance.desired import Topology
from ignite_domain.governance.modes import ACTS, Modes, ModesStore
from ignite_domain.governance.words import Action, AgentKind, Decision, Mode, TargetType
from ignite_domain.isps import Isp

W = TypeVar("W", bound=StrEnum)
_LAST: Final = (1 << 63) - 1


@attrs.frozen
class GovernanceDeps:
    """`vmtas` maps the names of our VMTAs to their addresses."""

    modes: ModesStore
    persons: PostgresPersons
    room: ReadingRoom
    clock: Clock
    vmtas: Mapping[str, str]


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


@attrs.frozen
class DecisionIn:
    """`minutes`: how long it is to live, 1 to 1440. `parameters`: of a throttle {"factor"}, else none."""

    isp: str | None
    action: str
    target_type: str
    target: str
    minutes: int
    reason: str
    parameters: dict[str, Any] = attrs.field(factory=dict)


def _word(field: str, text: str, words: type[W]) -> W:
    try:
        return words(text)
    except ValueError:
        raise BadInput(f"{field}: must be one of {', '.join(words)}") from None


def _word_or_none(field: str, text: str | None, words: type[W]) -> W | None:
    return None if text is None else _word(field, text, words)


def _shown(modes: Modes) -> dict[str, Any]:
    return {
        "default_mode": modes.default,
        "modes": [attrs.asdict(one) for one in modes.entries],
        "stops": [attrs.asdict(one) for one in modes.stops],
    }


def routes(deps: GovernanceDeps) -> list[Any]:
    """The handlers, for the app factory."""

    async def state() -> dict[str, Any]:
        shown = _shown(await deps.modes.load())
        return {"at": deps.clock.now(), **shown, "pending": await deps.persons.pending()}

    async def one(number: int) -> dict[str, Any]:
        row = await deps.room.decision(number) if 0 <= number <= _LAST else None
        if row is None:
            raise NotFound("there is no such decision")
        return row

    async def answer(number: int, request: Request[Any, Any, Any], *, yes: bool) -> dict[str, Any]:
        reason = persons.reason_in((await decode(request, ReasonIn)).reason)
        await one(number)
        modes = await deps.modes.load()

        def silenced(decision: Decision) -> str:
            mode = modes.of(decision.agent, decision.isp)
            return modes.stop_of(decision.isp) or ("" if mode in ACTS else f"mode {mode}")

        await deps.persons.answer(number, yes, request.state.author, reason, deps.clock.now(), silenced)
        return await one(number)

    @get("/api/v1/governance", tags=["governance"])
    async def governance() -> dict[str, Any]:
        """Modes, stops, and how many decisions wait for a person.

        The most specific entry wins: agent and provider, then agent, then provider, then `default_mode`.
        """
        return await state()

    @put("/api/v1/governance/modes", tags=["governance"])
    async def set_mode(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Set how far an agent, or all (null), may go at a provider, or all (null); mode null removes the entry."""
        said = await decode(request, ModeIn)
        place = (_word_or_none("agent", said.agent, AgentKind), _word_or_none("isp", said.isp, Isp))
        mode = _word_or_none("mode", said.mode, Mode)
        reason = persons.reason_in(said.reason)
        await deps.modes.set_mode(*place, mode, request.state.author, reason, deps.clock.now())
        return await state()

    @post("/api/v1/governance/stop", tags=["governance"], status_code=200)
    async def stop(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """No agent takes a new action at the MTA for a provider, or (null) anywhere, until it is resumed.

        What stands stays, and is held when its lifetime ends. People's own decisions go on.
        """
        said = await decode(request, StopIn)
        isp, reason = _word_or_none("isp", said.isp, Isp), persons.reason_in(said.reason)
        await deps.modes.stop(isp, request.state.author, reason, deps.clock.now())
        return await state()

    @post("/api/v1/governance/resume", tags=["governance"], status_code=200)
    async def resume(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Take a stop back: exactly the one of this provider, or (null) the one of everywhere."""
        said = await decode(request, StopIn)
        isp, reason = _word_or_none("isp", said.isp, Isp), persons.reason_in(said.reason)
        await deps.modes.resume(isp, request.state.author, reason, deps.clock.now())
        return await state()

    @get("/api/v1/decisions/{decision:int}", tags=["decisions"])
    async def decision(decision: FromPath[int]) -> dict[str, Any]:
        """One decision."""
        return await one(decision)

    @post("/api/v1/decisions/{decision:int}/approve", tags=["decisions"], status_code=200)
    async def approve(decision: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Let what waits be carried out; its life begins now."""
        return await answer(decision, request, yes=True)

    @post("/api/v1/decisions/{decision:int}/reject", tags=["decisions"], status_code=200)
    async def reject(decision: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Refuse what waits. Its agent does not ask again before the lifetime it asked for is over."""
        return await answer(decision, request, yes=False)

    @post("/api/v1/decisions/{decision:int}/release", tags=["decisions"], status_code=200)
    async def release(decision: FromPath[int], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Undo what stands, at once and whoever still wants it; answers with the decision that does so."""
        reason = persons.reason_in((await decode(request, ReasonIn)).reason)
        await one(decision)
        return await one(await deps.persons.release(decision, request.state.author, reason, deps.clock.now()))

    @post("/api/v1/decisions", tags=["decisions"], status_code=201)
    async def decide(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """A decision of your own, carried out in every mode and under every stop; a probe follows its lifetime."""
        said = await decode(request, DecisionIn)
        wanted = persons.Wanted(
            _word_or_none("isp", said.isp, Isp),
            _word("action", said.action, Action),
            _word("target_type", said.target_type, TargetType),
            said.target,
            said.minutes,
            said.parameters,
            said.reason,
        )
        topology = Topology(deps.vmtas, await deps.persons.domains())
        made = persons.decide(wanted, request.state.author, deps.clock.now(), topology)
        if made.target_type is TargetType.JOB and not await deps.persons.has_job(made.target):
            raise BadInput("target: no such job is known")
        return await one(await deps.persons.decide(made))

    return [governance, set_mode, stop, resume, decision, approve, reject, release, decide]

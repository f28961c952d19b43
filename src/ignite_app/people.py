"""`People`: what persons say to governance, for every door through which they say it (HTTP, command line).

Words are checked here and turned into calls of the domain and the stores; each answer is plain data for a door to
show. How a person proves who she is, is the door's business; `by` is the name that goes into the audit.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

import attrs

from ignite_adapters.postgres.persons import PostgresPersons
from ignite_adapters.postgres.reading import ReadingRoom
from ignite_app.clock import Clock
from ignite_domain.errors import BadInput, NotFound
from ignite_domain.governance import persons
from ignite_domain.governance.desired import Topology
from ignite_domain.governance.modes import Modes, ModesStore, silenced
from ignite_domain.governance.words import Action, AgentKind, Decision, Mode, TargetType
from ignite_domain.isps import Isp

W = TypeVar("W", bound=StrEnum)
_LAST = (1 << 63) - 1


@attrs.frozen
class Asked:
    """A decision that a person asks for, in her own words; `minutes`: how long it is to live, 1 to 1440."""

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
        "host_unread": modes.unread or None,
        "modes": [attrs.asdict(one) for one in modes.entries],
        "stops": [attrs.asdict(one) for one in modes.stops],
    }


@attrs.frozen
class People:
    """Modes, stops, answers, and people's own decisions. Raises BadInput, NotFound and Conflict in words for people.

    `vmtas` maps the names of our VMTAs to their addresses.
    """

    modes: ModesStore
    persons: PostgresPersons
    room: ReadingRoom
    clock: Clock
    vmtas: Mapping[str, str]

    async def state(self) -> dict[str, Any]:
        """`at default_mode host_unread modes stops pending`: pending decisions wait for a person; where the host's
        answers lack what `host_unread` names, its agents only observe, whatever the modes say."""
        shown = _shown(await self.modes.load())
        return {"at": self.clock.now(), **shown, "pending": await self.persons.pending()}

    async def set_mode(
        self, agent: str | None, isp: str | None, mode: str | None, by: str, reason: str
    ) -> dict[str, Any]:
        """None stands for every agent, every provider; a mode of None removes the entry. Answers with `state`."""
        place = (_word_or_none("agent", agent, AgentKind), _word_or_none("isp", isp, Isp))
        wanted = _word_or_none("mode", mode, Mode)
        await self.modes.set_mode(*place, wanted, by, persons.reason_in(reason), self.clock.now())
        return await self.state()

    async def stop(self, isp: str | None, by: str, reason: str) -> dict[str, Any]:
        """Stop the agents at a provider, or (None) everywhere. Answers with `state`."""
        where = _word_or_none("isp", isp, Isp)
        await self.modes.stop(where, by, persons.reason_in(reason), self.clock.now())
        return await self.state()

    async def resume(self, isp: str | None, by: str, reason: str) -> dict[str, Any]:
        """Take back exactly one stop. Answers with `state`."""
        where = _word_or_none("isp", isp, Isp)
        await self.modes.resume(where, by, persons.reason_in(reason), self.clock.now())
        return await self.state()

    async def one(self, number: int) -> dict[str, Any]:
        """One decision."""
        row = await self.room.decision(number) if 0 <= number <= _LAST else None
        if row is None:
            raise NotFound("there is no such decision")
        return row

    async def waiting(self, limit: int = 100) -> list[dict[str, Any]]:
        """What waits for a person, newest first."""
        return await self.room.decisions(_LAST, limit, awaiting=True)

    async def standing(self, limit: int = 1000) -> list[dict[str, Any]]:
        """What is in force, newest first; suppressions, that last a year, are not among it."""
        return await self.room.decisions(_LAST, limit, standing=True)

    async def answer(self, number: int, by: str, reason: str, *, yes: bool) -> dict[str, Any]:
        """Approve or reject what waits. Answers with the decision."""
        reason = persons.reason_in(reason)
        await self.one(number)
        modes = await self.modes.load()

        def why_not(decision: Decision, of: Decision | None) -> str:
            return silenced(decision, of, modes.of, modes.stop_of)

        await self.persons.answer(number, yes, by, reason, self.clock.now(), why_not)
        return await self.one(number)

    async def release(self, number: int, by: str, reason: str) -> dict[str, Any]:
        """Undo what stands. Answers with the decision that does so."""
        reason = persons.reason_in(reason)
        await self.one(number)
        return await self.one(await self.persons.release(number, by, reason, self.clock.now()))

    async def decide(self, asked: Asked, by: str) -> dict[str, Any]:
        """A decision of a person's own. Answers with it."""
        wanted = persons.Wanted(
            _word_or_none("isp", asked.isp, Isp),
            _word("action", asked.action, Action),
            _word("target_type", asked.target_type, TargetType),
            asked.target,
            asked.minutes,
            asked.parameters,
            asked.reason,
        )
        topology = Topology(self.vmtas, await self.persons.domains())
        made = persons.decide(wanted, by, self.clock.now(), topology)
        if made.target_type is TargetType.JOB and not await self.persons.has_job(made.target):
            raise BadInput("target: no such job is known")
        return await self.one(await self.persons.decide(made))

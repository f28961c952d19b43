"""The read routes under /api/v1, and suppressions by hand. Decode, call, return."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import attrs
from litestar import Request, delete, get, post
from litestar.params import FromPath, FromQuery

from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.reading import ReadingRoom, Row, loop_counts
from ignite_app.clock import Clock
from ignite_app.http.bodies import decode
from ignite_domain.errors import BadInput, NotFound
from ignite_domain.governance.signals import ELSEWHERE
from ignite_domain.governance.words import Action, AgentKind
from ignite_domain.isps import Isp
from ignite_domain.subscribers import EmailAddress, SuppressionReason, SuppressionStore
from ignite_domain.subscribers.address import hash_of, md5_in

MAX_LIMIT: Final = 1000
MAX_HOURS: Final = 24 * 90  # the history is kept so long
_LAST: Final = (1 << 63) - 1


@attrs.frozen
class ReadingDeps:
    pool: Pool
    suppressions: SuppressionStore
    clock: Clock


@attrs.frozen
class SuppressionIn:
    """An address, or the md5 of its canonical form."""

    address: str


def _page(rows: list[Row], limit: int) -> dict[str, Any]:
    items = [{key: float(v) if isinstance(v, Decimal) else v for key, v in row.items()} for row in rows]
    return {"items": items, "next": items[-1]["id"] if items and len(items) == limit else None}


def _limit(limit: int) -> int:
    if not 1 <= limit <= MAX_LIMIT:
        raise BadInput(f"limit: must be between 1 and {MAX_LIMIT}")
    return limit


def _key(number: int) -> int:
    """An id to read on from; every number outside the ids' range stands for its end."""
    return min(max(number, 0), _LAST)


def _one_of(field: str, text: str | None, words: Iterable[str]) -> str | None:
    if text is not None and text not in (known := [str(word) for word in words]):
        raise BadInput(f"{field}: must be one of {', '.join(known)}")
    return text


def _hash(text: str) -> str:
    if text and md5_in(text) != text:
        raise BadInput("after: must be the last hash of the page before")
    return text


def _md5(text: str) -> str:
    return md5_in(text) or hash_of(EmailAddress.parse(text).text)


def routes(deps: ReadingDeps) -> list[Any]:
    """The handlers, for the app factory."""
    room = ReadingRoom(deps.pool)

    @get("/api/v1/loop", tags=["loop"])
    async def loop() -> dict[str, Any]:
        """How much each of the 21 steps has handled, and the business time."""
        return {"at": deps.clock.now(), "steps": await loop_counts(deps.pool)}

    @get("/api/v1/subscribers", tags=["subscribers"])
    async def subscribers(
        after: FromQuery[int] = 0, limit: FromQuery[int] = 100, email: FromQuery[str | None] = None
    ) -> dict[str, Any]:
        """People in order of id; `email` finds one by address."""
        wanted = EmailAddress.parse(email).text if email else None
        return _page(await room.subscribers(_key(after), _limit(limit), wanted), limit)

    @get("/api/v1/suppressions", tags=["suppressions"])
    async def suppressions(after: FromQuery[str] = "", limit: FromQuery[int] = 100) -> dict[str, Any]:
        """The global list, by hash; it holds no addresses."""
        return _page(await room.suppressions(_hash(after), _limit(limit)), limit)

    @post("/api/v1/suppressions", tags=["suppressions"], status_code=201)
    async def suppress(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Put one address on the list by hand: `{"address"}`; the caller's name is kept as the source."""
        md5 = _md5((await decode(request, SuppressionIn)).address)
        source = f"api:{request.state.author}"
        new, people = await deps.suppressions.suppress([md5], SuppressionReason.LISTED, source, deps.clock.now())
        return {"email_md5": md5, "new": bool(new), "people": people}

    @delete("/api/v1/suppressions/{address:str}", tags=["suppressions"], status_code=200)
    async def release(address: FromPath[str], request: Request[Any, Any, Any]) -> dict[str, Any]:
        """A person reverses a suppression; verification of that person starts afresh."""
        md5 = _md5(address)
        if not await deps.suppressions.release(md5, f"api:{request.state.author}", deps.clock.now()):
            raise NotFound("nothing is suppressed under this address")
        return {"email_md5": md5}

    @get("/api/v1/imports", tags=["imports"])
    async def imports(before: FromQuery[int] = _LAST, limit: FromQuery[int] = 100) -> dict[str, Any]:
        """The import log, newest first."""
        return _page(await room.imports(_key(before), _limit(limit)), limit)

    @get("/api/v1/decisions", tags=["decisions"])
    async def decisions(
        before: FromQuery[int] = _LAST,
        limit: FromQuery[int] = 100,
        isp: FromQuery[str | None] = None,
        agent: FromQuery[str | None] = None,
        action: FromQuery[str | None] = None,
        standing: FromQuery[bool] = False,
        awaiting: FromQuery[bool] = False,
    ) -> dict[str, Any]:
        """What agents and people decided, newest first, with reason, rule and evidence.

        `isp`: a provider, or `elsewhere` for decisions of none; `action`: one or several, by commas; `standing`:
        only what is in force now, suppressions left out; `awaiting`: only what waits for a person.
        """
        rows = await room.decisions(
            _key(before),
            _limit(limit),
            _one_of("isp", isp, [*Isp, ELSEWHERE]),
            _one_of("agent", agent, AgentKind),
            None if action is None else [_one_of("action", one, Action) or "" for one in action.split(",")],
            standing=standing,
            awaiting=awaiting,
        )
        return _page(rows, limit)

    @get("/api/v1/decisions/suppressing", tags=["decisions"])
    async def suppressing() -> dict[str, Any]:
        """How many addresses suppression agents took out, by provider."""
        return {"items": await room.suppressing(), "next": None}

    @get("/api/v1/decisions/{decision:int}/commands", tags=["decisions"])
    async def commands(decision: FromPath[int]) -> dict[str, Any]:
        """The commands that carried a decision to the MTA, with exit status and what was read back."""
        items = await room.commands(_key(decision))
        if items is None:
            raise NotFound("there is no such decision")
        return {"items": items, "next": None}

    @get("/api/v1/decisions/{decision:int}/rates", tags=["decisions"])
    async def rates(decision: FromPath[int]) -> dict[str, Any]:
        """The rates a throttle has had, from its first cut on, each with its reason."""
        items = await room.rates(_key(decision))
        if items is None:
            raise NotFound("there is no such decision")
        return {"items": items, "next": None}

    @get("/api/v1/agents", tags=["agents"])
    async def agents() -> dict[str, Any]:
        """All 48 agents."""
        return {"items": await room.agents(), "next": None}

    @get("/api/v1/signals", tags=["signals"])
    async def signals(hours: FromQuery[float] = 6.0) -> dict[str, Any]:
        """Exposure and events per provider over the last hours of business time."""
        if not 0 < hours <= MAX_HOURS:  # also refuses what is not a number
            raise BadInput(f"hours: must be above 0 and at most {MAX_HOURS}")
        now: datetime = deps.clock.now()
        return {"items": await room.signals(now, hours), "next": None}

    @get("/api/v1/feeds", tags=["feeds"])
    async def feeds(after: FromQuery[str] = "", limit: FromQuery[int] = 100) -> dict[str, Any]:
        """The accounting files that were read, with the lines that could not be and why."""
        if "\0" in after:
            raise BadInput("after: must be the last id of the page before")
        return _page(await room.feeds(after, _limit(limit)), limit)

    @get("/api/v1/events", tags=["events"])
    async def events(
        before: FromQuery[int] = _LAST, limit: FromQuery[int] = 100, subscriber: FromQuery[int | None] = None
    ) -> dict[str, Any]:
        """Events, newest first; of one person with `subscriber`."""
        return _page(
            await room.events(_key(before), _limit(limit), None if subscriber is None else _key(subscriber)), limit
        )

    lists = [
        loop,
        subscribers,
        suppressions,
        imports,
        decisions,
        suppressing,
        commands,
        rates,
        agents,
        signals,
        feeds,
    ]
    return [*lists, events, suppress, release]

"""`ReadAhead`: reads a log's next lines, and gathers what they say, while those before them are being saved.

Decides only when: after a full batch. What was read ahead is used if, when its turn comes, the stored positions are
those that it was read from; otherwise (the step before was not saved, or somebody else moved them) it is read again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from ignite_app.clock import Clock
from ignite_app.uncollected import beside_the_loop
from ignite_domain.errors import PortFailure
from ignite_domain.governance.gatherer import Gathered, Gatherer
from ignite_domain.governance.gathering import Gathering
from ignite_domain.governance.ports import AccountingFeed, FeedBatch, Position

MANY: Final = 1000
"""Lines worth a thread: the database is spoken to meanwhile."""


@attrs.frozen
class Reading:
    """What was found beyond some positions, and what it adds up to. `at`: before the feed was read, so what is logged
    later is not in it."""

    at: datetime
    gathered: Gathered
    failures: Mapping[str, str]
    full: bool
    """As many lines as were asked for: there may be more."""

    @property
    def batches(self) -> Sequence[FeedBatch]:
        return self.gathered.batches

    @property
    def lines(self) -> int:
        return sum(map(len, self.batches))


class ReadAhead:
    """One `feed`, `limit` lines at a time, and twice as many after each full reading, up to `most`: what a step costs
    besides its lines is then spent less often, and the first of a backlog is not waited for."""

    def __init__(self, feed: AccountingFeed, gatherer: Gatherer, clock: Clock, limit: int, most: int = 0) -> None:
        self._least, self._most, self._limit = limit, max(limit, most), limit
        self._feed = feed
        self._gatherer = gatherer
        self._clock = clock
        self._from: Mapping[str, Position] = {}
        self._ahead: asyncio.Task[Reading] | None = None

    async def read(self, positions: Mapping[str, Position]) -> Reading:
        """What lies beyond the stored `positions`. Raises PortFailure as the feed and the store do."""
        ahead = await self._taken()
        if ahead is None or self._from != positions:
            await self._feed.forget(positions)
            ahead = await self._read(positions, None)
        self._limit = min(self._most, 2 * self._limit) if ahead.full else self._least
        if ahead.full:
            self._from = {**positions, **{one.position.source: one.position for one in ahead.batches}}
            self._ahead = asyncio.create_task(self._read(self._from, ahead.gathered.told))
        return ahead

    async def ready(self) -> Reading | None:
        """What is being read ahead, once it has been; None if nothing is, or it failed. It stays to be read."""
        if self._ahead is None:
            return None
        await asyncio.wait([self._ahead])
        return None if self._ahead.cancelled() or self._ahead.exception() else self._ahead.result()

    async def close(self) -> None:
        """Wait for what is being read, and let go of it and of the feed."""
        await self._taken()
        await self._feed.close()

    async def _read(self, positions: Mapping[str, Position], before: Gathering | None) -> Reading:
        """`before`: what is being saved, as the store may not have it when it is asked."""
        now, gatherer = self._clock.now(), self._gatherer
        limit = self._limit
        batches: Sequence[FeedBatch] = await self._feed.read(positions, limit)
        failures, lines = dict(self._feed.failures), sum(map(len, batches))
        if lines < MANY:
            return Reading(now, await gatherer.gather(batches, now, before), failures, lines >= limit)
        with beside_the_loop():
            batches, heard = await asyncio.to_thread(gatherer.hear, batches, now)
            known = await gatherer.ask(heard)
            told = await asyncio.to_thread(gatherer.add_up, heard, known, before)
        return Reading(now, Gathered(batches, heard, told), failures, lines >= limit)

    async def _taken(self) -> Reading | None:
        """What was read ahead; None if nothing was, or the feed failed and has to be asked again."""
        ahead, self._ahead = self._ahead, None
        try:
            return await ahead if ahead is not None else None
        except PortFailure:
            return None

"""Lets many waiting requests share one transaction.

While one batch is being stored the next one gathers; nobody waits for a timer, and nobody is answered
before what they did is stored. There is no thread and no life cycle: the draining task starts with the
first hit and ends when none waits.
"""

import asyncio
from collections import deque
from typing import Final

import structlog

from ignite_domain.errors import PortFailure
from ignite_domain.tracking import Answer, Hit, RecordHits

log = structlog.get_logger("ignite.tracking")
BATCH: Final = 500


class GroupCommit:
    """One per process: hits of one process are then judged in the order in which they came."""

    def __init__(self, record: RecordHits, batch: int = BATCH) -> None:
        self._record = record
        self._batch = batch
        self._waiting: deque[tuple[Hit, asyncio.Future[Answer]]] = deque()
        self._draining: asyncio.Task[None] | None = None

    async def __call__(self, hit: Hit) -> Answer:
        """Store `hit` and return its answer. Raises PortFailure if it could not be stored."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((hit, future))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            try:
                await self._settle(batch)
            except asyncio.CancelledError:  # the process goes down: what was not stored is not answered
                for _, future in [*batch, *self._waiting]:
                    future.cancel()
                raise

    async def _settle(self, batch: list[tuple[Hit, "asyncio.Future[Answer]"]]) -> None:
        try:
            answers = await self._record([hit for hit, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, PortFailure):
                log.warning("tracking.batch_split", hits=len(batch), error=type(error).__name__)
                for entry in batch:  # one hit the database refuses must not take the others with it
                    await self._settle([entry])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

"""Runs workers: one loop each, a pause when idle, back-off when the outside world fails.

A worker decides what a step is; this file decides only when the next one starts.
"""

import asyncio
from typing import Protocol

import structlog

from ignite_app.clock import Clock
from ignite_domain.errors import PortFailure

log = structlog.get_logger("ignite.worker")
RETRY_REAL_SECONDS = (0.5, 1, 2, 5, 10)


class Worker(Protocol):
    """One background job. `idle` is how long to wait after a step that did nothing, in business seconds.

    `step` is safe to repeat and safe to kill: whatever it did not commit, the next start does again.
    """

    @property
    def name(self) -> str: ...
    @property
    def idle(self) -> float: ...
    async def step(self) -> int:
        """Do a bounded piece of work; return how many things were handled (0: nothing to do)."""


async def run(worker: Worker, clock: Clock, stop: asyncio.Event) -> None:
    """Step until `stop` is set. A retryable `PortFailure` waits and goes on; anything else is raised."""
    failures = 0
    while not stop.is_set():
        try:
            done = await worker.step()
            pause = 0.0 if done else max(0.02, clock.real(worker.idle))
            if failures:
                log.info("worker.recovered", worker=worker.name, after=failures)
            failures = 0
        except PortFailure as failure:
            if not failure.retryable:
                raise
            pause = RETRY_REAL_SECONDS[min(failures, len(RETRY_REAL_SECONDS) - 1)]
            failures += 1
            log.warning("worker.retry", worker=worker.name, port=failure.port, detail=failure.detail, wait_s=pause)
        if pause:
            try:
                await asyncio.wait_for(stop.wait(), timeout=pause)
            except TimeoutError:
                continue
        else:
            await asyncio.sleep(0)

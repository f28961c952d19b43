"""Runs workers: one loop each, a pause when idle, back-off when the outside world fails.

A worker decides what a step is; this file decides only when the next one starts.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

import structlog

from ignite_app.clock import Clock, real_seconds
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


class HeldLease(Protocol):
    async def alive(self) -> bool:
        """False: somebody else may hold it by now."""


TakeLease = Callable[[], AbstractAsyncContextManager[HeldLease | None]]
LEASE_RETRY_REAL_SECONDS = 2.0
LEASE_LOOK_REAL_SECONDS = 5.0


async def run(worker: Worker, clock: Clock, stop: asyncio.Event, take_lease: TakeLease) -> None:
    """Step until `stop` is set, alone under the lease. A retryable `PortFailure` waits and goes on.

    Anything else is raised: a fault of ours should be seen, not repeated.
    """
    failures = 0  # in a row; over a lost lease too, so that an outage ends with a word
    try:
        while not stop.is_set():
            try:
                async with take_lease() as held:
                    if held is not None:
                        failures = await _steps(worker, clock, stop, held, failures)
            except PortFailure as failure:
                if not failure.retryable:
                    raise
                log.warning("worker.lease", worker=worker.name, detail=failure.detail)
            await _pause(stop, LEASE_RETRY_REAL_SECONDS)
    finally:
        close = getattr(worker, "close", None)
        if close is not None:
            await close()


async def _steps(worker: Worker, clock: Clock, stop: asyncio.Event, held: HeldLease, failures: int) -> int:
    """Step until `stop` is set or the lease is lost; returns how many steps in a row have failed by then."""
    looked = real_seconds()
    while not stop.is_set():
        if real_seconds() - looked > LEASE_LOOK_REAL_SECONDS:
            if not await held.alive():
                return failures
            looked = real_seconds()
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
        await _pause(stop, pause)
    return failures


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    if not seconds:
        await asyncio.sleep(0)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), timeout=seconds)

"""One timer for everything that happens later in business time: a heap and a single task.

Decides when a callback runs, not what it does. Callbacks are plain functions and must be quick; a
failing one is reported to `on_error` and does not stop the others.
"""

import asyncio
import heapq
from collections.abc import Callable
from typing import Final

import attrs

from ignite_app.clock import Clock, real_seconds

Callback = Callable[[], None]
SLICE_REAL_SECONDS: Final = 0.02
"""How long due callbacks may run before sockets get their turn again."""


@attrs.define(eq=False)
class Scheduler:
    """`now` is business time in seconds since the Unix epoch."""

    clock: Clock
    on_error: Callable[[BaseException], None]
    _heap: list[tuple[float, int, Callback]] = attrs.field(factory=list)
    _count: int = 0
    _wake: asyncio.Event = attrs.field(factory=asyncio.Event)

    def now(self) -> float:
        return self.clock.now().timestamp()

    def at(self, when: float, callback: Callback) -> None:
        """Run `callback` at business instant `when` or as soon after it as possible."""
        self._count += 1
        entry = (when, self._count, callback)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._wake.set()

    def after(self, seconds: float, callback: Callback) -> None:
        self.at(self.now() + seconds, callback)

    @property
    def pending(self) -> int:
        return len(self._heap)

    @property
    def next_at(self) -> float | None:
        """When the next callback is due; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def run_due(self) -> None:
        """Run what is due, for at most one slice."""
        started = real_seconds()
        while self._heap and self._heap[0][0] <= self.now():
            _, _, callback = heapq.heappop(self._heap)
            try:
                callback()
            except Exception as failure:
                self.on_error(failure)
            if real_seconds() - started > SLICE_REAL_SECONDS:
                return

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self.run_due()
            if not self._heap:
                self._wake.clear()
                await self._wake.wait()
                continue
            wait = self.clock.real(self._heap[0][0] - self.now())
            if wait <= 0:
                await asyncio.sleep(0)
                continue
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue

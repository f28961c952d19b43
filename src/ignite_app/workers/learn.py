"""Ends A/B tests: verdict, winner, learning. The statistics are `ignite_domain.experiments`."""

from ignite_app.clock import Clock
from ignite_domain.experiments import DecideTests


class LearnWorker:
    """Worker `learn`: looks at the tests of ended campaigns until each has its verdict."""

    name = "learn"

    def __init__(self, decide: DecideTests, clock: Clock, *, idle: float = 600.0) -> None:
        self.idle = idle
        self._decide = decide
        self._clock = clock

    async def step(self) -> int:
        return await self._decide(self._clock.now())

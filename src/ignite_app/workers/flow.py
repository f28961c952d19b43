"""`FlowWorker`: steps the `FlowEngine`. Several at once do no harm, and no good either."""

import structlog

from ignite_app.clock import Clock
from ignite_domain.automation import FlowEngine, FlowStore

log = structlog.get_logger("ignite.flow")


class FlowWorker:
    """Worker `flow`. `idle` is business seconds between looks."""

    name = "flow"

    def __init__(self, flows: FlowStore, clock: Clock, *, idle: float = 30.0) -> None:
        self.idle = idle
        self._engine = FlowEngine(flows)
        self._clock = clock

    async def step(self) -> int:
        people = await self._engine(self._clock.now())
        if people:
            log.info("flow.moved", people=people)
        return people

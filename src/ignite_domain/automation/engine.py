"""`FlowEngine`: lets people enter flows and moves those whose time has come."""

from datetime import datetime
from typing import Final

import attrs

from ignite_domain.automation.flow import advance
from ignite_domain.automation.ports import FlowStore

BATCH: Final = 1000


@attrs.frozen
class FlowEngine:
    """One call does a bounded piece of work; killed anywhere, the next call does the rest."""

    flows: FlowStore
    batch: int = BATCH

    async def __call__(self, now: datetime) -> int:
        """Enrol, then advance up to `batch` people; returns how many people were touched."""
        entered = await self.flows.enrol(now)
        due = await self.flows.due(now, self.batch)
        if not due:
            return entered
        return entered + await self.flows.save([advance(one, now) for one in due], now)

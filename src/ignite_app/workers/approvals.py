"""Settles what waits for a person and has passed its deadline, whether or not accounting records are read.

Decides only when to look; what silence means is decided in `governance.approvals`. The ingest worker looks too, with
every step that it takes: whoever comes first settles, the other finds nothing to do.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog

from ignite_app.clock import Clock
from ignite_domain.governance.modes import ModesStore, silenced
from ignite_domain.governance.words import Decision

log = structlog.get_logger("ignite.approvals")


class Desk(Protocol):
    """Where decisions wait for people."""

    async def settle(self, now: datetime, silenced: "Silenced") -> Sequence[Decision]:
        """Settle what is due; returns it as it waited."""


class Silenced(Protocol):
    def __call__(self, decision: Decision, of: Decision | None, /) -> str: ...


class ApprovalsWorker:
    """Worker `approvals`; alone, under a lease."""

    name = "approvals"

    def __init__(self, desk: Desk, modes: ModesStore, clock: Clock, *, poll_seconds: float) -> None:
        self.idle = poll_seconds
        self._desk = desk
        self._modes = modes
        self._clock = clock

    async def step(self) -> int:
        """Settle what is due; always 0, so that the loop waits."""
        modes = await self._modes.load()
        settled = await self._desk.settle(self._clock.now(), lambda one, of: silenced(one, of, modes.of, modes.stop_of))
        for one in settled:
            log.info("approvals.settled", decision=one.id, agent=one.agent.value, isp=one.isp, action=one.action.value)
        return 0

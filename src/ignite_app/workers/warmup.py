"""Plans the day of every young IP, and lowers today's plan when a decision or late bad news says so."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from ignite_app.clock import Clock
from ignite_app.settings import VmtaSettings
from ignite_domain.governance.health import FREEZES
from ignite_domain.isps import Isp
from ignite_domain.warmup import ColdPair, WarmupScheduler


def cold_pairs(vmtas: Iterable[VmtaSettings]) -> tuple[ColdPair, ...]:
    """Every cold VMTA at each of the eight brands and elsewhere."""
    return tuple(
        ColdPair(vmta.name, vmta.ip, isp)
        for vmta in vmtas
        if vmta.cold
        for isp in (*(i.value for i in Isp), "elsewhere")
    )


class StandingAlerts(Protocol):
    """What is wrong with the logs right now."""

    async def standing(self, kinds: Collection[str]) -> set[tuple[str, str]]:
        """(kind, subject) of the open alerts of these kinds."""


class WarmupPlanner:
    """Worker `warmup`: writes `mailing_warmup_days`. Business days are UTC days of the shared clock.

    While an alert says that the accounting log is silent or unreadable, no volume grows.
    """

    name = "warmup"

    def __init__(
        self,
        scheduler: WarmupScheduler,
        alerts: StandingAlerts,
        clock: Clock,
        pairs: Sequence[ColdPair],
        *,
        idle: float = 300.0,
    ) -> None:
        self.idle = idle
        self._scheduler = scheduler
        self._alerts = alerts
        self._clock = clock
        self._pairs = tuple(pairs)

    async def step(self) -> int:
        now = self._clock.now()
        frozen = bool(await self._alerts.standing(FREEZES))
        await self._scheduler.plan_day(self._pairs, now.date(), now, frozen=frozen)
        return 0  # the plan of a day is one step: wait, whatever it wrote

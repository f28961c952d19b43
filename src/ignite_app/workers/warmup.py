"""Plans the day of every young IP, and lowers today's plan when a decision or late bad news says so."""

from collections.abc import Iterable, Sequence

from ignite_app.clock import Clock
from ignite_app.settings import VmtaSettings
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


class WarmupPlanner:
    """Worker `warmup`: writes `mailing_warmup_days`. Business days are UTC days of the shared clock."""

    name = "warmup"

    def __init__(
        self, scheduler: WarmupScheduler, clock: Clock, pairs: Sequence[ColdPair], *, idle: float = 300.0
    ) -> None:
        self.idle = idle
        self._scheduler = scheduler
        self._clock = clock
        self._pairs = tuple(pairs)

    async def step(self) -> int:
        now = self._clock.now()
        await self._scheduler.plan_day(self._pairs, now.date(), now)
        return 0  # the plan of a day is one step: wait, whatever it wrote

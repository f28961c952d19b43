"""Watches where the brands' own domains take their mail. Decides when to ask; what a move is: `governance.limiters`."""

import asyncio
from typing import Final

import structlog

from ignite_adapters.postgres.alerts import AlertStore
from ignite_adapters.postgres.limiters import PostgresLimiters
from ignite_app.clock import Clock
from ignite_domain.errors import PortFailure
from ignite_domain.governance.limiters import MX_MOVED, looked, moves
from ignite_domain.isps import BRAND_DOMAINS
from ignite_domain.verification import MxAnswer, MxKind, MxLookup

log = structlog.get_logger("ignite.limiters")
LOOK_REAL_SECONDS: Final = 60.0
"""It asks no oftener than this in real time, however fast business time runs."""


class LimiterWatch:
    """Worker `limiters`; alone, under a lease. Asks about each brand domain every so many `hours`."""

    name = "limiters"

    def __init__(
        self,
        mx: MxLookup,
        limiters: PostgresLimiters,
        alerts: AlertStore,
        clock: Clock,
        *,
        hours: float,
        concurrency: int,
    ) -> None:
        self.idle = max(hours * 3600, LOOK_REAL_SECONDS * clock.rate)
        self._mx = mx
        self._limiters = limiters
        self._alerts = alerts
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency)

    async def step(self) -> int:
        """Ask, keep, hold the alerts. Always 0, so that the loop waits; PortFailure if DNS is away."""
        domains = list(BRAND_DOMAINS)
        answers = dict(zip(domains, await asyncio.gather(*map(self._ask, domains)), strict=True))
        if all(answer.kind is MxKind.UNKNOWN for answer in answers.values()):
            raise PortFailure("DNS", f"no answer about any of {len(domains)} domains")
        hosts = {domain: answer.hosts for domain, answer in answers.items() if answer.kind is MxKind.MX}
        now = self._clock.now()
        known = await self._limiters.known()
        changed = looked(known, BRAND_DOMAINS, hosts, now)
        if changed:
            people = await self._limiters.keep(changed, now)
            moved = sum(one.moved_at == now for one in changed)
            log.info("limiters.looked", changed=len(changed), moved=moved, people=people)
        after = {**known, **{one.domain: one for one in changed}}
        await self._alerts.hold(moves(after.values(), now), (MX_MOVED,), now)
        return 0

    async def _ask(self, domain: str) -> MxAnswer:
        async with self._slots:
            return await self._mx(domain)

"""Drives campaigns through their states: due, prepared, sending, ended.

Decides when a step is taken; which steps exist is `campaigns.states`. Several drivers may run: a chunk and
a verb lock the campaign, a warm-up selection locks its day.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import structlog

from ignite_adapters.postgres.campaigns import CampaignWork, PostgresCampaignStore
from ignite_app.clock import Clock
from ignite_domain.campaigns.pacing import Routes
from ignite_domain.campaigns.ports import InjectionControls
from ignite_domain.campaigns.states import CampaignStatus, Verb
from ignite_domain.errors import Conflict
from ignite_domain.warmup import ColdPair, WarmupScheduler

log = structlog.get_logger("ignite.campaign")


class CampaignDriver:
    """Worker `campaign`. `deadline`: how long a campaign may send before the rest is held."""

    name = "campaign"

    def __init__(
        self,
        store: PostgresCampaignStore,
        scheduler: WarmupScheduler,
        controls: InjectionControls,
        clock: Clock,
        *,
        warm: Sequence[str],
        pairs: Sequence[ColdPair],
        deadline: timedelta = timedelta(hours=24),
        idle: float = 15.0,
    ) -> None:
        self.idle = idle
        self._store = store
        self._scheduler = scheduler
        self._controls = controls
        self._clock = clock
        self._warm = tuple(warm)
        self._pairs = tuple(pairs)
        self._deadline = deadline
        self._selected: set[tuple[int, date]] = set()

    async def step(self) -> int:
        now = self._clock.now()
        done = 0
        for work in await self._store.work(now):
            try:
                done += await self._drive(work, now)
            except Conflict as moved:  # a person paused or cancelled it between our reading and our step
                log.info("campaign.moved", campaign=work.id, detail=str(moved))
        return done

    async def _drive(self, work: CampaignWork, now: datetime) -> int:
        late = work.deadline_at is not None and now >= work.deadline_at
        match work.status:
            case CampaignStatus.SCHEDULED:
                await self._store.move(work.id, Verb.PREPARE, now, deadline_at=now + self._deadline)
                await self._store.refresh_statistics()
                log.info("campaign.preparing", campaign=work.id)
                return 1
            case CampaignStatus.PREPARING:
                return await self._prepare(work.id, now)
            case CampaignStatus.CANCELLED:
                return await self._store.stop_waiting(work.id)
            case CampaignStatus.SENDING | CampaignStatus.PAUSED:
                if late and (stopped := await self._store.stop_waiting(work.id)):
                    return stopped
                if (late or work.status is CampaignStatus.SENDING) and not await self._store.open_rows(work.id):
                    reason = "deadline" if late else "everyone settled"
                    await self._store.move(work.id, Verb.FINISH, now, reason=reason)
                    log.info("campaign.finished", campaign=work.id, reason=reason)
                    return 1
                return await self._warm_up(work.id, now) if work.status is CampaignStatus.SENDING else 0
        return 0

    async def _prepare(self, campaign_id: int, now: datetime) -> int:
        routes = Routes(self._warm, tuple({pair.vmta for pair in self._pairs}))
        written = await self._store.prepare_chunk(campaign_id, routes, now)
        if written:
            return written
        await self._store.refresh_statistics()
        await self._warm_up(campaign_id, now)
        held = await self._store.limit(campaign_id, now)
        await self._store.move(campaign_id, Verb.SEND, now)
        log.info("campaign.sending", campaign=campaign_id, held=held)
        return 1

    async def _warm_up(self, campaign_id: int, now: datetime) -> int:
        """Give the young IPs their people of the day, once a day and campaign."""
        today = now.date()
        if (campaign_id, today) in self._selected:
            return 0
        closed = await self._controls.closed(now)
        routes = Routes(self._warm, tuple({pair.vmta for pair in self._pairs}), closed)
        await self._scheduler.plan_day(self._pairs, today, now)
        chosen = 0
        for pair in self._pairs:
            if routes.is_open(None if pair.isp == "elsewhere" else pair.isp, pair.vmta):
                chosen += await self._scheduler.store.select(campaign_id, pair, today, self._scheduler, now)
        self._selected.add((campaign_id, today))
        if chosen:
            log.info("warmup.selected", campaign=campaign_id, people=chosen)
        return chosen

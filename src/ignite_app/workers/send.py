"""`BatchSendWorker`: sends batches of every sendable campaign, alone, at each campaign's pace.

Alone means: one process holds the lease. Whoever takes it knows that every row in `claimed` belongs to a
process that is gone (or that has lost its database connection and will find its rows in doubt), so it puts
them in doubt before anything else. The promise itself is kept by `campaigns.send_batch` and the ledger.
"""

from contextlib import AsyncExitStack

import structlog

from ignite_app.clock import Clock
from ignite_app.workers.loop import HeldLease, TakeLease
from ignite_domain.campaigns import Pace, ResolveDoubts, SendBatch

log = structlog.get_logger("ignite.send")


class BatchSendWorker:
    """Worker `send`. `take_lease` tries once and yields None if another process sends.

    `batch`: messages per claim; a campaign's own pace may make it smaller.
    """

    name = "send"

    def __init__(
        self,
        send: SendBatch,
        resolve: ResolveDoubts,
        take_lease: TakeLease,
        clock: Clock,
        *,
        batch: int = 500,
        idle: float = 5.0,
    ) -> None:
        self.idle = idle
        self._send = send
        self._resolve = resolve
        self._take_lease = take_lease
        self._clock = clock
        self._batch = batch
        self._paces: dict[int, Pace] = {}
        self._stack = AsyncExitStack()
        self._lease: HeldLease | None = None

    async def step(self) -> int:
        if not await self._alone():
            return 0
        now = self._clock.now()
        back = await self._resolve(now)
        if back:
            log.info("send.resolved", rows=back)
        done = back
        sendable = await self._send.ledger.sendable(now)
        self._paces = {c.id: self._paces.get(c.id) or Pace.starting(now) for c in sendable}
        for campaign in sendable:
            now = self._clock.now()
            pace = self._paces[campaign.id].refilled(now, campaign.batch_per_min)
            limit = pace.allows(self._batch)
            self._paces[campaign.id] = pace.taken(limit)
            if limit:
                sent = await self._send(campaign, limit, now)
                self._paces[campaign.id] = pace.taken(sent)
                done += sent
        return done

    async def close(self) -> None:
        """Give the lease and the connections back; a killed process does so by dying."""
        self._lease = None
        await self._stack.aclose()
        await self._send.injector.close()

    async def _alone(self) -> bool:
        if self._lease is not None and await self._lease.alive():
            return True
        await self._stack.aclose()
        self._lease = await self._stack.enter_async_context(self._take_lease())
        if self._lease is None:
            await self._stack.aclose()
            return False
        doubtful = await self._send.ledger.doubt_claimed()
        log.info("send.lease", in_doubt=doubtful)
        return True

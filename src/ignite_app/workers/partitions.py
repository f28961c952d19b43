"""Keeps the monthly partitions of events and signals: made ahead, dropped by retention."""

from ignite_adapters.postgres.partitions import drop_expired, ensure_partitions
from ignite_adapters.postgres.pool import Pool
from ignite_app.clock import Clock


class PartitionKeeper:
    """`ahead`, `keep_months` and `keep_signal_days` are settings; looks every six hours of business time."""

    name = "partitions"
    idle = 6 * 3600.0

    def __init__(self, pool: Pool, clock: Clock, *, ahead: int, keep_months: int, keep_signal_days: int = 90) -> None:
        self._pool = pool
        self._clock = clock
        self._ahead = ahead
        self._keep = keep_months
        self._keep_signals = keep_signal_days

    async def step(self) -> int:
        """Make what is missing and drop what is too old; always 0 so that the loop waits."""
        now = self._clock.now()
        await ensure_partitions(self._pool, now, ahead=self._ahead)
        await drop_expired(self._pool, now, keep_months=self._keep, keep_signal_days=self._keep_signals)
        return 0

"""The one business clock, and the only file that reads the time.

Business time (event_at, windows, lifetimes, dwell, waits, polls, warm-up days, partitions) may run
faster than real time: `business = anchor_business + (real - anchor_real) * rate`. The rate is 1 in
production; the demo hands the same anchors to every process, the simulator included, so that all of
them share one time. Leases, socket time-outs and retries use `real_seconds`, which never speeds up.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import attrs


@attrs.frozen
class Clock:
    """`anchor_real` is epoch seconds, `anchor_business` an aware instant, `rate` > 0."""

    rate: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    anchor_real: float = 0.0
    anchor_business: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The business instant, UTC."""
        return self.anchor_business + timedelta(seconds=(time.time() - self.anchor_real) * self.rate)

    async def sleep(self, seconds: float) -> None:
        """Sleep `seconds` of business time."""
        await asyncio.sleep(max(0.0, seconds) / self.rate)

    def real(self, seconds: float) -> float:
        """How many real seconds `seconds` of business time take."""
        return seconds / self.rate

    @classmethod
    def starting(cls, at: datetime, rate: float) -> "Clock":
        """A clock that reads `at` now and runs `rate` times as fast as real time."""
        return cls(rate=rate, anchor_real=time.time(), anchor_business=at)


def real_seconds() -> float:
    """Monotonic real seconds, for measuring and for time-outs."""
    return time.monotonic()

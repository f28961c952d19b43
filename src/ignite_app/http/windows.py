"""The rolling windows by any dimension, computed from the stored state at the moment they are asked for."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs
from litestar import get
from litestar.params import FromQuery

from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.pool import Pool
from ignite_app.clock import Clock
from ignite_domain.errors import BadInput
from ignite_domain.governance.dimensions import By, Windowed, windows
from ignite_domain.governance.signals import ELSEWHERE, SignalProcessor
from ignite_domain.isps import Isp

MOST = 1000


@attrs.frozen
class WindowDeps:
    """`pools`: VMTA -> pool, as the settings name them."""

    pool: Pool
    clock: Clock
    pools: Mapping[str, str]
    complaint_median: timedelta


def _item(one: Windowed) -> dict[str, Any]:
    return {
        "isp": one.isp,
        "name": one.name,
        "windows": {
            signal.value: {str(window): {"n": seen.n, "x": seen.x} for window, seen in by_window.items()}
            for signal, by_window in one.seen.items()
        },
    }


def routes(deps: WindowDeps) -> list[Any]:
    """The handlers, for the app factory."""
    store = PostgresGovernanceStore(deps.pool)

    @get("/api/v1/signals/windows", tags=["signals"])
    async def rolling(
        by: FromQuery[str] = By.PROVIDER.value, isp: FromQuery[str | None] = None, limit: FromQuery[int] = 100
    ) -> dict[str, Any]:
        """Attempts, deferrals, bounces, refusals, complaints in 1 m, 5 m, 1 h, 24 h (`windows.<signal>.<seconds>`: x
        of n) by provider, limiter, ip, vmta, pool, domain, queue or job; most attempts first. Of the queues beyond the
        brands (`elsewhere`) the first 500 are counted."""
        if by not in set(By):
            raise BadInput(f"by: must be one of {', '.join(By)}")
        if isp is not None and isp not in {*Isp, ELSEWHERE}:
            raise BadInput(f"isp: must be one of {', '.join(Isp)}, {ELSEWHERE}")
        if not 1 <= limit <= MOST:
            raise BadInput(f"limit: must be between 1 and {MOST}")
        now = deps.clock.now()
        stored = await store.signals()

        def told() -> list[Windowed]:
            return windows(SignalProcessor(stored, deps.complaint_median), By(by), now, isp, deps.pools)

        found = await asyncio.to_thread(told)  # some hundred places: not on the event loop
        return {"at": now, "by": by, "items": [_item(one) for one in found[:limit]], "next": None}

    return [rolling]

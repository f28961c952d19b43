"""What operators are told: alerts, replies that nobody knows, and complaint rates reported from outside. Read only."""

from typing import Any, Final

import attrs
from litestar import get
from litestar.params import FromQuery

from ignite_adapters.postgres.alerts import AlertStore
from ignite_adapters.postgres.reported import ReportedRates
from ignite_adapters.postgres.tallies import LogBook
from ignite_app.clock import Clock
from ignite_domain.errors import BadInput

MAX_LIMIT: Final = 1000
MAX_DAYS: Final = 400
_LAST: Final = (1 << 63) - 1


@attrs.frozen
class AlertDeps:
    alerts: AlertStore
    book: LogBook
    reported: ReportedRates
    clock: Clock


def _within(name: str, value: int, most: int) -> int:
    if not 1 <= value <= most:
        raise BadInput(f"{name}: must be between 1 and {most}")
    return value


def routes(deps: AlertDeps) -> list[Any]:
    """The handlers, for the app factory."""

    @get("/api/v1/alerts", tags=["alerts"])
    async def alerts(
        before: FromQuery[int] = _LAST, limit: FromQuery[int] = 100, open_only: FromQuery[bool] = False
    ) -> dict[str, Any]:
        """Operator alerts, newest first; `ended_at` is null while one lasts."""
        limit = _within("limit", limit, MAX_LIMIT)
        rows = await deps.alerts.listed(min(max(before, 0), _LAST), limit, open_only=open_only)
        return {"items": rows, "next": rows[-1]["id"] if len(rows) == limit else None}

    @get("/api/v1/replies/unknown", tags=["replies"])
    async def unknown(limit: FromQuery[int] = 100) -> dict[str, Any]:
        """Masked texts of replies that no rule knows, the most frequent first."""
        kinds, records = await deps.book.unknown_count()
        rows = await deps.book.unknown(_within("limit", limit, MAX_LIMIT))
        return {"items": rows, "next": None, "kinds": kinds, "records": records}

    @get("/api/v1/records", tags=["feeds"])
    async def records() -> dict[str, Any]:
        """Record types by host, unknown ones included, with first and last timeLogged."""
        return {"items": await deps.book.types(), "next": None}

    @get("/api/v1/signals/reported", tags=["signals"])
    async def reported(days: FromQuery[int] = 30) -> dict[str, Any]:
        """Complaint rates that were imported (`ignite signals import`), newest first."""
        return {"items": await deps.reported.since(deps.clock.now(), _within("days", days, MAX_DAYS)), "next": None}

    return [alerts, unknown, records, reported]

"""Complaint rates that an ISP reports by other ways than a feedback loop, such as Gmail's Postmaster Tools.

Decides only what a row is: one rate for an ISP, a sending domain and a day; a later import of the same replaces it.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.governance.reported import ReportedRate

_COLUMNS: Final = "isp, domain, day, rate, complaints, delivered, source, imported_at"
_KEEP: Final = """
insert into mailing_engine_reported_complaints as r (isp, domain, day, rate, complaints, delivered, source, imported_at)
select t.*, %s from unnest(%s::text[], %s::text[], %s::date[], %s::float8[], %s::bigint[], %s::bigint[], %s::text[]) t
on conflict (isp, domain, day) do update set rate = excluded.rate, complaints = excluded.complaints,
       delivered = excluded.delivered, source = excluded.source, imported_at = excluded.imported_at
 where (r.rate, r.complaints, r.delivered, r.source)
       is distinct from (excluded.rate, excluded.complaints, excluded.delivered, excluded.source)
returning 1
"""
_LIST: Final = (
    f"select {_COLUMNS} from mailing_engine_reported_complaints where day >= %s "  # noqa: S608  # constants of ours
    "order by day desc, isp, domain"
)


class ReportedRates:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, rates: Sequence[ReportedRate], source: str, now: datetime) -> int:
        """Store `rates`; returns how many rows are new or differ."""
        if not rates:
            return 0
        latest = {(one.isp, one.domain, one.day): one for one in rates}  # the last of several for one day counts
        rows = [
            (one.isp.value, one.domain, one.day, one.rate, one.complaints, one.delivered, source)
            for one in latest.values()
        ]
        async with transaction(self._pool) as conn:
            columns = [list(column) for column in zip(*rows, strict=True)]
            return len(await (await conn.execute(_KEEP, (now, *columns))).fetchall())

    async def since(self, now: datetime, days: int) -> list[dict[str, Any]]:
        """Rates of the last `days`, newest first."""
        first: date = (now - timedelta(days=days)).date()
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_LIST, (first,))).fetchall()
        return [dict(zip(_COLUMNS.split(", "), row, strict=True)) for row in rows]

"""What is known of the brands' limiters. A domain that moved takes its people along, in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.governance.limiters import Limiter
from ignite_domain.isps import Isp

_KNOWN: Final = "select domain, isp, limiter_group, hosts, former, moved_at from mailing_limiters"
_KEEP: Final = """
insert into mailing_limiters (domain, isp, limiter_group, hosts, former, moved_at) values (%s, %s, %s, %s, %s, %s)
on conflict (domain) do update set limiter_group = excluded.limiter_group, hosts = excluded.hosts,
       former = excluded.former, moved_at = excluded.moved_at
"""
_MOVE: Final = """
update mailing_subscribers s set limiter_group = t.limiter_group, updated_at = %(now)s
  from unnest(%(domains)s::text[], %(groups)s::text[]) as t (domain, limiter_group)
 where s.domain = t.domain and s.limiter_group <> t.limiter_group
"""


class PostgresLimiters:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def known(self) -> dict[str, Limiter]:
        """By domain."""
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_KNOWN)).fetchall()
        return {row[0]: Limiter(row[0], Isp(row[1]), row[2], tuple(row[3]), row[4], row[5]) for row in rows}

    async def keep(self, changed: Sequence[Limiter], now: datetime) -> int:
        """Store what changed; returns how many people belong to another limiter now."""
        moved = [one for one in changed if one.moved_at == now]
        async with transaction(self._pool) as conn, conn.cursor() as cursor:
            await cursor.executemany(
                _KEEP,
                [(one.domain, one.isp.value, one.group, list(one.hosts), one.former, one.moved_at) for one in changed],
            )
            if not moved:
                return 0
            values = {"now": now, "domains": [one.domain for one in moved], "groups": [one.group for one in moved]}
            return (await cursor.execute(_MOVE, values)).rowcount

"""`PolicyStore` on PostgreSQL: one row a version, none ever changed, each told on the live feed.

Decides only which version comes next.
"""

from collections.abc import Sequence
from typing import Final

import attrs

from ignite_adapters.postgres.events import append
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.errors import Conflict
from ignite_domain.governance.ports import PolicyVersion

_NEWEST: Final = """
select version, at, author, reason, document from mailing_engine_policies
 where version > %s order by version desc limit 1
"""
_VERSIONS: Final = """
select version, at, author, reason, document from mailing_engine_policies
 where version < %s order by version desc limit %s
"""
# of two that come at once the second waits for the first, then meets its key
_ADD: Final = """
insert into mailing_engine_policies (version, at, author, reason, document)
select %(version)s, %(at)s, %(author)s, %(reason)s, %(document)s
 where %(version)s = 1 + coalesce((select max(version) from mailing_engine_policies), 0)
on conflict (version) do nothing
returning version
"""


class PostgresPolicyStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def newest(self, beyond: int = 0) -> PolicyVersion | None:
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_NEWEST, (beyond,))).fetchone()
        return PolicyVersion(*row) if row else None

    async def versions(self, before: int, limit: int) -> Sequence[PolicyVersion]:
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_VERSIONS, (before, limit))).fetchall()
        return [PolicyVersion(*row) for row in rows]

    async def add(self, policy: PolicyVersion) -> None:
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_ADD, attrs.asdict(policy))).fetchone()
            if row is None:
                raise Conflict("the policy has been changed meanwhile: read it again")
            told = {"version": policy.version, "by": policy.author, "reason": policy.reason}
            await append(conn, (), policies=[(policy.at, told)])

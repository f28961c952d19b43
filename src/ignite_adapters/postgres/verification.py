"""`VerificationStore` on PostgreSQL. The domain decides on locked rows; one set-based update writes them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from ignite_adapters.postgres import events
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.events import SubscriberEvent
from ignite_domain.isps import Isp
from ignite_domain.subscribers import Status, VerifyState
from ignite_domain.verification import Candidate, Finding
from ignite_domain.verification.apply import Person, apply

_WAITING: Final = """
select id, email, domain from mailing_subscribers
 where verify_state = %(state)s and status = 'active' and verify_state <> 'done'
   and (verify_after is null or verify_after <= %(now)s)
 order by from_warmup_file desc, id limit %(limit)s
"""
_LOCK: Final = """
select id, data_quality_score::float8, status, verify_state, isp, limiter_group, status_reason
  from mailing_subscribers where id = any(%(ids)s) order by id for update
"""
_SAVE: Final = """
update mailing_subscribers s
   set data_quality_score = t.score, status = t.status, status_reason = t.reason, verify_state = t.state,
       isp = t.isp, limiter_group = t.limiter_group, verify_after = t.verify_after, updated_at = %(now)s
  from unnest(%(ids)s::bigint[], %(scores)s::numeric[], %(statuses)s::text[], %(reasons)s::text[],
              %(states)s::text[], %(isps)s::text[], %(groups)s::text[], %(after)s::timestamptz[])
       as t (id, score, status, reason, state, isp, limiter_group, verify_after)
 where s.id = t.id
"""


class PostgresVerificationStore:
    """People by how far their verification is."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def waiting(self, state: VerifyState, limit: int, now: datetime) -> Sequence[Candidate]:
        values = {"state": state.value, "limit": limit, "now": now}
        async with transaction(self._pool) as conn:
            return [Candidate(*row) for row in await (await conn.execute(_WAITING, values)).fetchall()]

    async def save(self, findings: Sequence[Finding], now: datetime) -> int:
        by_id = {finding.subscriber_id: finding for finding in findings}
        written: list[tuple[Any, ...]] = []
        happened: list[SubscriberEvent] = []
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_LOCK, {"ids": sorted(by_id)})).fetchall()
            for number, score, status, state, isp, group, reason in rows:
                finding = by_id[number]
                person = Person(
                    number, score, Status(status), VerifyState(state), Isp(isp) if isp else None, group, reason
                )
                result = apply(person, finding, now)
                if result is None:
                    continue
                after, told = result
                later = now + finding.retry_after if finding.retry_after else None
                written.append(
                    (number, after.score, after.status.value, after.status_reason, after.state.value,
                     after.isp.value if after.isp else None, after.limiter_group, later)
                )  # fmt: skip
                happened += told
            if written:
                names = ("ids", "scores", "statuses", "reasons", "states", "isps", "groups", "after")
                columns = dict(zip(names, map(list, zip(*written, strict=True)), strict=True))
                await conn.execute(_SAVE, {**columns, "now": now})
                await events.append(conn, happened)
        return len(written)

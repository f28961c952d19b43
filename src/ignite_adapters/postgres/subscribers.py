"""`SubscriberStore` on PostgreSQL: one person at a time. Bulk paths are `imports`, `verification`."""

from datetime import datetime
from typing import Any, Final

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.suppressions import suppress_within
from ignite_domain.isps import Isp
from ignite_domain.subscribers import EmailAddress, Status, Subscriber, SuppressionReason, VerifyState

_BY_ADDRESS: Final = """
select id, email, isp, limiter_group, data_quality_score::float8, status, status_reason, verify_state,
       from_warmup_file, first_name, last_name, attributes, imported_at
  from mailing_subscribers where email = %s
"""
_EXPORT: Final = """
with person as (select * from mailing_subscribers where email_md5 = %(md5)s)
select (select to_jsonb(p) from person p),
       (select coalesce(jsonb_agg(to_jsonb(g)), '[]') from mailing_global_suppressions g where email_md5 = %(md5)s),
       (select coalesce(jsonb_agg(to_jsonb(e)), '[]') from mailing_engine_suppressions e where email_md5 = %(md5)s),
       (select coalesce(jsonb_agg(to_jsonb(m) order by m.id), '[]')
          from mailing_sends m where subscriber_id = (select id from person)),
       (select coalesce(jsonb_agg(to_jsonb(v) order by v.event_at, v.id), '[]')
          from subscriber_events v where subscriber_id = (select id from person)),
       (select coalesce(jsonb_agg(to_jsonb(x) order by x.id), '[]')
          from automation_executions x where subscriber_id = (select id from person))
"""
_KEYS: Final = ("subscriber", "suppressions", "isp_suppressions", "sends", "events", "flows")
_FIND: Final = "select id from mailing_subscribers where email_md5 = %s for update"
_LOOSEN: Final = "update subscriber_events set subscriber_id = null where subscriber_id = %s"
_FORGET: Final = "delete from mailing_engine_strikes where email_md5 = %s"
_ERASE: Final = "delete from mailing_subscribers where id = %s"


class PostgresSubscriberStore:
    """People by address."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def by_address(self, email: EmailAddress) -> Subscriber | None:
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_BY_ADDRESS, (str(email),))).fetchone()
        if row is None:
            return None
        number, address, isp, group, score, status, reason, state, warmup, first, last, attributes, at = row
        return Subscriber(
            id=number,
            email=EmailAddress(address),
            isp=Isp(isp) if isp else None,
            limiter_group=group,
            score=score,
            status=Status(status),
            status_reason=reason,
            verify_state=VerifyState(state),
            from_warmup_file=warmup,
            first_name=first,
            last_name=last,
            attributes=attributes,
            imported_at=at,
        )

    async def export(self, email: EmailAddress) -> dict[str, Any] | None:
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_EXPORT, {"md5": email.md5})).fetchone()
        return dict(zip(_KEYS, row, strict=True)) if row and any(row) else None

    async def erase(self, email: EmailAddress, by: str, now: datetime) -> bool:
        async with transaction(self._pool) as conn:
            found = await (await conn.execute(_FIND, (email.md5,))).fetchone()
            if found is None:
                return False
            await suppress_within(conn, [email.md5], SuppressionReason.UNSUBSCRIBED, f"erasure:{by}", now)
            await conn.execute(_LOOSEN, found)
            await conn.execute(_FORGET, (email.md5,))
            await conn.execute(_ERASE, found)
        return True

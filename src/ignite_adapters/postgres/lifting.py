"""Undoes a decision that suppressed addresses: every entry that it made and that is still its own is lifted.

Decides which entries are its own, nothing else: what has been replaced by another decision's bears that one's id. The
order of locks is that of `governance`: the global list, people in ascending id, the providers' lists.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import attrs
from psycopg import AsyncConnection

from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.isps import Isp

# A reply that kills an address for good lists it everywhere too, as `accounting`; whatever a person or a complaint said
# since has replaced that entry, and stays.
_UNLIST: Final = """
with hit as (
    select g.email_md5 from mailing_global_suppressions g
      join mailing_engine_suppressions e on e.email_md5 = g.email_md5
     where e.decision_id = %(decision)s and e.expires is null and g.reason = 'hard_bounced' and g.source = 'accounting'
       and not exists (
           select from mailing_subscribers s
            where s.email_md5 = g.email_md5 and s.status = 'suppressed' and s.status_reason <> 'hard_bounced')
     order by g.email_md5 for update of g
)
delete from mailing_global_suppressions g using hit where g.email_md5 = hit.email_md5 returning g.email_md5
"""
_RESTORE: Final = """
with hit as (
    select id from mailing_subscribers
     where email_md5 = any(%(md5s)s::text[]) and status = 'suppressed' and status_reason = 'hard_bounced'
     order by id for update
)
update mailing_subscribers s
   set status = 'active', status_reason = null, verify_state = 'new', verify_after = null, updated_at = %(now)s
  from hit where s.id = hit.id
"""
_LIFT: Final = """
with hit as (
    select isp, email_md5 from mailing_engine_suppressions where decision_id = %(decision)s
     order by isp, email_md5 for update
), gone as (
    delete from mailing_engine_suppressions e using hit where e.isp = hit.isp and e.email_md5 = hit.email_md5
    returning e.isp, e.email_md5, e.reason, e.rule
), forgotten as (
    delete from mailing_engine_strikes k using gone where k.email_md5 = gone.email_md5 and k.rule = gone.rule
)
select gone.email_md5, gone.isp, gone.reason, gone.rule, s.id, s.isp
  from gone left join mailing_subscribers s on s.email_md5 = gone.email_md5 order by s.id, gone.email_md5
"""


@attrs.frozen
class Lifted:
    """`entries` of providers' lists and `everywhere` of the global one are gone; `events`: one for each person."""

    entries: int
    everywhere: int
    events: Sequence[SubscriberEvent]


async def lift_entries(conn: AsyncConnection[Any], decision: int, by: str, reason: str, now: datetime) -> Lifted:
    """Lift what the decision suppressed, within the caller's transaction; the events are the caller's to append.

    Whoever was dead everywhere because of it is active again and verified afresh; its replies count anew.
    """
    values = {"decision": decision, "now": now}
    unlisted = [row[0] for row in await (await conn.execute(_UNLIST, values)).fetchall()]
    if unlisted:
        await conn.execute(_RESTORE, {"md5s": unlisted, "now": now})
    rows = await (await conn.execute(_LIFT, values)).fetchall()
    everywhere = set(unlisted)
    happened = [
        SubscriberEvent(
            EventType.UNSUPPRESSED,
            now,
            person,
            Isp(isp) if isp else None,
            metadata={
                "by": by,
                "reason": reason,
                "decision": decision,
                "at": "everywhere" if md5 in everywhere else place,
                "was": was,
                "rule": rule,
            },
        )
        for md5, place, was, rule, person, isp in rows
        if person is not None
    ]
    return Lifted(len(rows), len(unlisted), happened)

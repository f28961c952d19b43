"""What a step does to people and to the send ledger: scores, suppressions, marks. Within the caller's transaction.

Decides the order of locks among them (list entries first, then people in ascending id, then ledger rows) and which
rows need no lock. What a record means for a person was decided before.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection

from ignite_adapters.postgres.bulk import instants, many, numbers
from ignite_adapters.postgres.suppressions import suppress_within
from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.governance.ports import Fall, Lift, SendMark, Step, Taken, WarmupCount
from ignite_domain.isps import Isp
from ignite_domain.quality import RUNG, Evidence
from ignite_domain.subscribers import SuppressionReason

# A row that the MTA has is changed by nobody but the one process that ingests, and only in what no index holds.
MARK: Final = "update mailing_sends set outcome = %s, attempts = attempts + %s where id = any(%s::bigint[])"
PUT_OFF: Final = """
insert into mailing_engine_unsettled (sends, seconds) values (%(sends)s::bigint[], %(seconds)s::bigint[])
"""
_OLDEST: Final = """
select id, cardinality(sends) from mailing_engine_unsettled order by id limit 1 for update skip locked
"""
# What the log said of a message after its delivery (a complaint, a bounce from afar) has been marked at once. By id, as
# `MARK` does: a step that marks some of these rows may be saved at the same time.
SETTLE: Final = """
update mailing_sends m set attempts = m.attempts + 1,
       outcome = case when m.outcome is null or m.outcome = 'deferred' then 'delivered' else m.outcome end
  from (select unnest(sends) as id from mailing_engine_unsettled where id = %(step)s order by 1) as seen
 where m.id = seen.id
"""
_SETTLED: Final = "delete from mailing_engine_unsettled where id = %(step)s"
_MARK_SLOWLY: Final = """
with seen as (
    select * from unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(attempts)s::int[], %(at)s::timestamptz[])
        as t (id, outcome, attempts, at)
), locked as (
    select m.id, m.state as was, seen.outcome, seen.attempts, seen.at
      from mailing_sends m join seen on seen.id = m.id order by m.id for update of m
)
update mailing_sends m
   set outcome = case when locked.outcome like 'remote%%' and m.outcome is not null then m.outcome
                      else coalesce(locked.outcome, m.outcome) end,
       attempts = m.attempts + locked.attempts,
       state = case when locked.was in ('claimed', 'in_doubt', 'waiting') then 'injected' else m.state end,
       injected_at = coalesce(m.injected_at, locked.at)
  from locked where m.id = locked.id
returning m.id, locked.was, m.campaign_id, m.subscriber_id, m.variant_id, m.isp, m.injected_at
"""
_LIFT: Final = """
with hit as (
    select s.id, s.data_quality_score as old, w.at
      from mailing_subscribers s
      join {lifted} on w.id = s.id
     where s.data_quality_score < %(rung)s
       -- a person who unsubscribed before the log was read has still been reached; a dead address has not
       and (s.status = 'active' or s.status_reason in ('unsubscribed', 'listed') and not exists (
             select 1 from subscriber_events e
              where e.subscriber_id = s.id and e.event_type in ('hard_bounced', 'complained')))
     order by s.id for update of s
), risen as (
    update mailing_subscribers s set data_quality_score = %(rung)s, updated_at = hit.at
      from hit where s.id = hit.id returning s.id, s.isp, hit.old, hit.at
)
insert into subscriber_events (event_type, event_at, subscriber_id, isp, metadata)
select %(event)s, at, id, isp,
       jsonb_build_object('from', old::float8, 'to', %(rung)s::float8, 'evidence', %(evidence)s::text)
  from risen order by id
"""
LIFT: Final = _LIFT.format(lifted="unnest(%(people)s::bigint[], %(at)s::timestamptz[]) as w (id, at)")
LIFT_SETTLED: Final = _LIFT.format(
    lifted="""(select m.subscriber_id as id, to_timestamp(min(x.second)) as at
              from mailing_engine_unsettled u, unnest(u.sends, u.seconds) as x (send, second), mailing_sends m
             where u.id = %(step)s and m.id = x.send group by 1) as w"""
)
_FALL: Final = """
with hit as (
    select s.id, s.data_quality_score as old, w.reason, w.at
      from mailing_subscribers s
      join unnest(%(people)s::bigint[], %(reasons)s::text[], %(at)s::timestamptz[]) as w (id, reason, at)
        on w.id = s.id
     order by s.id for update of s
)
update mailing_subscribers s
   set data_quality_score = 0, status = 'suppressed', status_reason = hit.reason, updated_at = hit.at
  from hit where s.id = hit.id returning s.id, s.isp, hit.old, hit.at, hit.reason
"""
_SUPPRESS: Final = """
insert into mailing_engine_suppressions as e (isp, email_md5, reason, rule, decision_id, since, expires)
values (%s, %s, %s, %s, %s, %s, %s)
on conflict (isp, email_md5) do update set reason = excluded.reason, rule = excluded.rule,
       decision_id = excluded.decision_id, since = excluded.since, expires = excluded.expires
 where e.expires is not null and (excluded.expires is null or excluded.expires > e.expires)
"""
_STRIKE: Final = """
insert into mailing_engine_strikes as k (email_md5, rule, strikes, last_at) values (%s, %s, 1, %s)
on conflict (email_md5, rule) do update set strikes = k.strikes + 1, last_at = excluded.last_at
"""
_WARMUP: Final = """
update mailing_warmup_days set accepted = accepted + %s, deferred = deferred + %s, bounced = bounced + %s,
       complained = complained + %s
 where vmta = %s and isp = %s and day = %s
"""


async def fall(conn: AsyncConnection[Any], falls: Sequence[Fall], now: datetime) -> list[SubscriberEvent]:
    """Drop scores and suppress everywhere; returns the events of it."""
    if not falls:
        return []
    by_reason: dict[str, list[str]] = defaultdict(list)
    for one in falls:
        by_reason[one.reason].append(one.email_md5)
    happened: list[SubscriberEvent] = []
    for reason in sorted(by_reason):
        _, suppressed = await suppress_within(
            conn, sorted(by_reason[reason]), SuppressionReason(reason), "accounting", now
        )
        happened += suppressed
    values = {
        "people": [one.subscriber_id for one in falls],
        "reasons": [one.reason for one in falls],
        "at": [one.at for one in falls],
    }
    rows = await (await conn.execute(_FALL, values)).fetchall()
    return happened + [_changed(person, isp, old, 0.0, at, reason) for person, isp, old, at, reason in rows if old > 0]


async def lift(conn: AsyncConnection[Any], lifts: Sequence[Lift]) -> None:
    """Raise scores, with an event for each that rose. Nobody outside the database needs to hear of each."""
    if lifts:
        await conn.execute(LIFT, lift_values(lifts))


async def put_off(conn: AsyncConnection[Any], taken: Taken) -> None:
    """Note deliveries whose marks and scores are still to follow: see `settle`."""
    if taken.sends:
        await conn.execute(PUT_OFF, put_off_values(taken))


def put_off_values(taken: Taken) -> dict[str, Any]:
    """What `PUT_OFF` needs."""
    second_of = {at: int(at.timestamp()) for at in set(taken.at)}
    return {"sends": numbers(taken.sends), "seconds": numbers(map(second_of.__getitem__, taken.at))}


async def settle(conn: AsyncConnection[Any]) -> int:
    """Mark the deliveries of the oldest step that has some left, and raise scores for them; returns how many."""
    row = await (await conn.execute(_OLDEST)).fetchone()
    if row is None:
        return 0
    values = {"step": row[0], **_lifted()}
    for query in (LIFT_SETTLED, SETTLE, _SETTLED):
        await conn.execute(query, values)
    return int(row[1])


def _lifted() -> dict[str, Any]:
    return {
        "rung": RUNG[Evidence.DELIVERED],
        "event": EventType.QUALITY_CHANGED.value,
        "evidence": Evidence.DELIVERED.value,
    }


def lift_values(lifts: Sequence[Lift]) -> dict[str, Any]:
    """What `LIFT` needs."""
    return {
        "people": numbers([person for person, _ in lifts]),
        "at": instants([at for _, at in lifts]),
        **_lifted(),
    }


def _changed(person: int, isp: str | None, old: Any, new: float, at: datetime, evidence: str) -> SubscriberEvent:
    return SubscriberEvent(
        EventType.QUALITY_CHANGED,
        at,
        person,
        Isp(isp) if isp else None,
        metadata={"from": float(old), "to": new, "evidence": evidence},
    )


async def mark(conn: AsyncConnection[Any], marks: Sequence[SendMark]) -> list[SubscriberEvent]:
    """Mark ledger rows; a row that nobody had marked injected yet gets its `sent` event here."""
    plain, others = mark_values(marks)
    for values in plain:
        await conn.execute(MARK, values)
    if not others:
        return []
    values_of_others = {
        "ids": numbers([one.send_id for one in others]),
        "outcomes": [one.outcome for one in others],
        "attempts": numbers([one.attempts for one in others]),
        "at": instants([one.seen_at for one in others]),
    }
    rows = await (await conn.execute(_MARK_SLOWLY, values_of_others)).fetchall()
    return [
        SubscriberEvent(
            EventType.SENT, at, person, Isp(isp) if isp else None, campaign, variant, None, {"send": number}
        )
        for number, was, campaign, person, variant, isp, at in rows
        if was in ("claimed", "in_doubt", "waiting")
    ]


def mark_values(marks: Sequence[SendMark]) -> tuple[list[tuple[str, int, str]], list[SendMark]]:
    """What `MARK` needs, once for each outcome and number of attempts; and the marks that take more than that."""
    plain: dict[tuple[str, int], list[int]] = {}
    others: list[SendMark] = []
    for mark in marks:
        number, outcome, attempts, _, injected = mark
        if not injected or outcome is None or outcome.startswith("remote"):
            others.append(mark)
        elif (group := plain.get((outcome, attempts))) is not None:
            group.append(number)
        else:
            plain[outcome, attempts] = [number]
    return [(*key, numbers(sorted(group))) for key, group in sorted(plain.items())], others


async def suppress(conn: AsyncConnection[Any], step: Step, decisions: Sequence[int | None]) -> None:
    """Suppress at one provider, and note the replies that will when they come again. `decisions`: their ids."""
    rows = sorted(
        (
            one.isp.value if one.isp else "elsewhere",
            one.email_md5,
            one.reason,
            one.rule,
            decisions[one.decision],
            one.at,
            one.expires,
        )
        for one in step.suppressions
    )
    await many(conn, _SUPPRESS, rows)
    await many(conn, _STRIKE, sorted((one.email_md5, one.rule, one.at) for one in step.strikes))


async def count_warmup(conn: AsyncConnection[Any], counts: Sequence[WarmupCount]) -> None:
    """Add outcomes to the cold addresses' days."""
    total: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for one in counts:
        cell = total[(one.vmta, one.isp, one.at.date())]
        for index, value in enumerate((one.accepted, one.deferred, one.bounced, one.complained)):
            cell[index] += value
    await many(conn, _WARMUP, [(*cell, *key) for key, cell in sorted(total.items())])

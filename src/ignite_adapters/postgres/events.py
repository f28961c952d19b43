"""Writes events: the fact table and the live feed in one go, inside the caller's transaction.

Every store that produces events calls `append` as the last statements of its transaction; there is no
second way into `subscriber_events`.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from ignite_domain.events import HIGH_VALUE, EventType, SubscriberEvent
from ignite_domain.governance.ports import MailEvent, Taken

LIVE_LOCK: Final = 0x1612_0001
"""Advisory lock held from the first live row to the commit: ids grow in commit order."""
LIVE_CHANNEL: Final = "ignite_live"

COPY: Final = (
    "copy subscriber_events (event_type, event_at, subscriber_id, campaign_id, variant_id, isp, verdict, metadata) "
    "from stdin"
)
_LIVE: Final = "insert into live_feed (type, at, isp, data) values (%s, %s, %s, %s)"


_BLOCK: Final = 2000
"""Events a write: a block is one string, so that a batch costs no call for each of its values."""
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


_NULL: Final = "\\N"
_COMPACT: Final = (",", ":")


def _line(event: SubscriberEvent) -> str:
    """One event as a line of COPY's text format."""
    return (
        f"{event.type.value}\t{event.at.isoformat()}\t{_or_null(event.subscriber_id)}\t{_or_null(event.campaign_id)}\t"
        f"{_or_null(event.variant_id)}\t{event.isp.value if event.isp else _NULL}\t"
        f"{event.verdict.value if event.verdict else _NULL}\t"
        f"{json.dumps(event.metadata, separators=_COMPACT).translate(_ESCAPES) if event.metadata else '{}'}\n"
    )


def mail_lines(events: Iterable[MailEvent]) -> list[str]:
    """What accounting records say, as lines of COPY's text format; instants and words are written once each."""
    written: dict[datetime, str] = {}
    words = {(rule, status): "" for _, _, _, _, _, _, _, rule, status in events if rule or status}
    for rule, status in words:
        said = json.dumps({"rule": rule, "status": status}, separators=_COMPACT)
        words[rule, status] = f",{said[1:]}".translate(_ESCAPES)
    lines = []
    for kind, at, person, isp, campaign, variant, send, rule, status in events:
        lines.append(
            f"{kind.value}\t{written.get(at) or written.setdefault(at, at.isoformat())}\t{person}\t{campaign}\t"
            f"{_NULL if variant is None else variant}\t{_NULL if isp is None else isp.value}\t{_NULL}\t"
            f'{{"send":{send}{words[rule, status] if rule or status else "}"}\n'
        )
    return lines


def taken_lines(taken: Taken, start: int, stop: int) -> list[str]:
    """A part of the deliveries as lines of COPY's text format. What they share is written once."""
    part = slice(start, stop)
    at = {one: f"{EventType.DELIVERED.value}\t{one.isoformat()}\t" for one in set(taken.at[part])}
    shared = {
        group: f"\t{group.campaign_id}\t{_or_null(group.variant_id)}\t{group.isp.value if group.isp else _NULL}\t"
        f'{_NULL}\t{{"send":'
        for group in set(taken.of[part])
    }
    return [
        f"{at[when]}{person}{shared[group]}{send}}}\n"
        for when, person, group, send in zip(
            taken.at[part], taken.people[part], taken.of[part], taken.sends[part], strict=True
        )
    ]


def _or_null(number: int | None) -> str:
    return _NULL if number is None else str(number)


async def copy_mail(conn: AsyncConnection[Any], mail: Sequence[MailEvent], taken: Taken) -> None:
    """Store what accounting records say; `append` puts the high-value ones on the live feed."""
    if not mail and not taken:
        return
    async with conn.cursor() as cursor, cursor.copy(COPY) as copy:
        for first in range(0, len(taken), _BLOCK):
            await copy.write("".join(taken_lines(taken, first, first + _BLOCK)))
        for first in range(0, len(mail), _BLOCK):
            await copy.write("".join(mail_lines(mail[first : first + _BLOCK])))


async def append(
    conn: AsyncConnection[Any],
    events: Sequence[SubscriberEvent],
    *,
    mail: Sequence[MailEvent] = (),
    decisions: Sequence[tuple[Any, str | None, dict[str, Any]]] = (),
    policies: Sequence[tuple[Any, dict[str, Any]]] = (),
) -> None:
    """Store `events`, and put the high-value ones, those of `mail`, which has been stored, `decisions` as
    (at, isp, data) and `policies` as (at, data) on the live feed.

    Takes an advisory lock if anything is pushed: call it last in the transaction.
    """
    if events:
        async with conn.cursor() as cursor, cursor.copy(COPY) as copy:
            for first in range(0, len(events), _BLOCK):
                await copy.write("".join(map(_line, events[first : first + _BLOCK])))
    events = [*(_as_event(one) for one in mail if one.type in HIGH_VALUE), *events]
    live: list[tuple[Any, ...]] = [
        (
            event.type.value,
            event.at,
            event.isp.value if event.isp else None,
            Jsonb(
                {
                    "subscriber_id": event.subscriber_id,
                    "campaign_id": event.campaign_id,
                    "variant_id": event.variant_id,
                    **event.metadata,
                }
            ),
        )
        for event in events
        if event.is_high_value
    ]
    live += [("decision", at, isp, Jsonb(data)) for at, isp, data in decisions]
    live += [("policy", at, None, Jsonb(data)) for at, data in policies]
    if not live:
        return
    await conn.execute("select pg_advisory_xact_lock(%s)", (LIVE_LOCK,))
    async with conn.cursor() as cursor:
        await cursor.executemany(_LIVE, live)
    await conn.execute("select pg_notify(%s, '')", (LIVE_CHANNEL,))


def _as_event(mail: MailEvent) -> SubscriberEvent:
    said = {"rule": mail.rule, "status": mail.status} if mail.rule or mail.status else {}
    about = {"send": mail.send_id, **said}
    return SubscriberEvent(
        mail.type, mail.at, mail.subscriber_id, mail.isp, mail.campaign_id, mail.variant_id, None, about
    )

"""Writes events: the fact table and the live feed in one go, inside the caller's transaction.

Every store that produces events calls `append` as the last statements of its transaction; there is no
second way into `subscriber_events`.
"""

from collections.abc import Sequence
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from ignite_domain.events import SubscriberEvent

LIVE_LOCK: Final = 0x1612_0001
"""Advisory lock held from the first live row to the commit: ids grow in commit order."""
LIVE_CHANNEL: Final = "ignite_live"

_COPY: Final = (
    "copy subscriber_events (event_type, event_at, subscriber_id, campaign_id, variant_id, isp, verdict, metadata) "
    "from stdin"
)
_LIVE: Final = "insert into live_feed (type, at, isp, data) values (%s, %s, %s, %s)"


async def append(
    conn: AsyncConnection[Any],
    events: Sequence[SubscriberEvent],
    *,
    decisions: Sequence[tuple[Any, str | None, dict[str, Any]]] = (),
) -> None:
    """Store `events` and put the high-value ones, and `decisions` as (at, isp, data), on the live feed.

    Takes an advisory lock if anything is pushed: call it last in the transaction.
    """
    if events:
        async with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
            for event in events:
                await copy.write_row(
                    (
                        event.type.value,
                        event.at,
                        event.subscriber_id,
                        event.campaign_id,
                        event.variant_id,
                        event.isp.value if event.isp else None,
                        event.verdict.value if event.verdict else None,
                        Jsonb(event.metadata),
                    )
                )
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
    if not live:
        return
    await conn.execute("select pg_advisory_xact_lock(%s)", (LIVE_LOCK,))
    async with conn.cursor() as cursor:
        await cursor.executemany(_LIVE, live)
    await conn.execute("select pg_notify(%s, '')", (LIVE_CHANNEL,))

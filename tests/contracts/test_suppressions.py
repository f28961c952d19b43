"""The suppression lists on PostgreSQL, and that the gate's SQL says what `may_mail` says."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.suppressions import PostgresSuppressionStore
from ignite_domain.subscribers import (
    ELSEWHERE,
    FREQUENCY,
    Status,
    Suppression,
    SuppressionReason,
    hash_of,
    may_mail,
)

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def person(conn: Any, email: str, isp: str | None = None, status: str = "active") -> int:
    row = await (
        await conn.execute(
            "insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, status, imported_at, "
            "updated_at) values (%s, %s, 'x.example', %s, 'x', %s, %s, %s) returning id",
            (email, hash_of(email), isp, status, NOW, NOW),
        )
    ).fetchone()
    return int(row[0])


async def campaign(conn: Any, kind: str) -> int:
    row = await (
        await conn.execute(
            "insert into mailing_campaigns (name, kind, from_name, from_address, landing_url, created_at, created_by) "
            "values ('c', %s, 'n', 'a@b.example', 'https://discountblog.com/', %s, 'test') returning id",
            (kind, NOW),
        )
    ).fetchone()
    return int(row[0])


LISTS: list[Suppression | None] = [
    None,
    Suppression("listed", "test", NOW - HOUR),
    Suppression("full", "test", NOW - HOUR, NOW + HOUR),
    Suppression("full", "test", NOW - 2 * HOUR, NOW),
]
MAILED = [None, NOW - 72 * HOUR, NOW - 72 * HOUR + timedelta(seconds=1)]
SEND_STATES = ["injected", "claimed", "in_doubt", "waiting", "held"]
WORLD = list(itertools.product(Status, LISTS, LISTS, MAILED))


@pytest.mark.parametrize("frequency", [FREQUENCY, None])
async def test_the_gate_in_sql_agrees_with_the_gate_in_python_on_every_combination(
    pool: Pool, frequency: timedelta | None
) -> None:
    expected = {}
    async with pool.connection() as conn:
        ordinary, flow, current = await campaign(conn, "campaign"), await campaign(conn, "flow"), 0
        current = await campaign(conn, "campaign")
        for number, (status, everywhere, at_isp, mailed) in enumerate(WORLD):
            email = f"p{number}@x.example"
            isp = "gmail" if number % 2 else None
            who = await person(conn, email, isp, status.value)
            if everywhere:
                await conn.execute(
                    "insert into mailing_global_suppressions values (%s, %s, %s, %s, %s)",
                    (hash_of(email), everywhere.reason, "test", everywhere.since, everywhere.expires),
                )
            if at_isp:
                for where in (isp or ELSEWHERE, "cox"):
                    await conn.execute(
                        "insert into mailing_engine_suppressions (isp, email_md5, reason, rule, since, expires) "
                        "values (%s, %s, 'full', 'r', %s, %s)",
                        (where, hash_of(email), at_isp.since, at_isp.expires),
                    )
            state = SEND_STATES[number % len(SEND_STATES)]
            for at, where in ((mailed, ordinary), (NOW, flow), (NOW, current)):
                if at is not None:
                    await conn.execute(
                        "insert into mailing_sends (campaign_id, subscriber_id, domain, state, claimed_at, "
                        "injected_at) values (%s, %s, 'x.example', %s, %s, %s)",
                        (where, who, state, at, at if state == "injected" else None),
                    )
            counts = mailed if state in ("injected", "claimed", "in_doubt") else None
            expected[who] = may_mail(
                status=status,
                everywhere=everywhere,
                at_isp=at_isp,
                last_mailed=counts,
                now=NOW,
                frequency=frequency,
            )
    store = PostgresSuppressionStore(pool)
    assert await store.verdicts(list(expected), NOW, frequency=frequency, campaign_id=current) == expected


async def test_suppressing_marks_people_tells_it_once_and_keeps_older_entries(pool: Pool) -> None:
    store = PostgresSuppressionStore(pool)
    async with pool.connection() as conn:
        who = await person(conn, "a@x.example", "gmail")
    stranger = hash_of("stranger@x.example")
    given = [hash_of("a@x.example"), stranger, stranger]
    assert await store.suppress(given, SuppressionReason.LISTED, "api:ann", NOW) == (2, 1)
    assert await store.suppress(given, SuppressionReason.COMPLAINED, "x", NOW) == (0, 0)
    standing = await store.standing(stranger, NOW)
    assert standing == Suppression("listed", "api:ann", NOW)
    async with pool.connection() as conn:
        row = await (
            await conn.execute("select status, status_reason from mailing_subscribers where id = %s", (who,))
        ).fetchone()
        events = await (await conn.execute("select event_type, subscriber_id from subscriber_events")).fetchall()
    assert row == ("suppressed", "listed")
    assert events == [("suppressed", who)]


async def test_a_person_reverses_a_suppression_once(pool: Pool) -> None:
    store = PostgresSuppressionStore(pool)
    async with pool.connection() as conn:
        who = await person(conn, "a@x.example")
    md5 = hash_of("a@x.example")
    await store.suppress([md5], SuppressionReason.UNSUBSCRIBED, "link", NOW)
    assert await store.release(md5, "ann", NOW)
    assert not await store.release(md5, "ann", NOW)
    assert await store.standing(md5, NOW) is None
    assert (await store.verdicts([who], NOW))[who].allowed

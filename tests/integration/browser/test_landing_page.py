"""A real browser comes from a clicked e-mail link, looks at the landing page, and leaves."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from litestar import Litestar
from playwright.async_api import Browser

from ignite_adapters.postgres.tracking import PostgresTrackingStore
from ignite_app.clock import Clock
from ignite_app.http import site_events, tracking
from ignite_app.http.group_commit import GroupCommit
from ignite_app.http.site import OwnedSite
from ignite_app.http.tracking import TrackingDeps
from ignite_app.settings import PACKAGE
from ignite_domain.tracking import LinkCodec, RecordHits, TrackingService
from integration.browser.driving import PERSON, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (PACKAGE / "dashboard" / "site.html").is_file(), reason="not built: make dashboard"),
]
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


async def mailed(pool: Any, html: str) -> int:
    """One person who got one mail an hour ago; returns the send."""
    async with pool.connection() as conn:
        cursor = await conn.execute(
            """
            with c as (
                insert into mailing_campaigns (name, from_name, from_address, landing_url, created_at, created_by)
                values ('c', 'n', 'a@mail.discountblog.com', 'https://discountblog.com/', %(now)s, 'test') returning id
            ), t as (
                insert into mailing_ab_tests (campaign_id, element, salt) select id, 'subject', 's' from c returning id
            ), v as (
                insert into mailing_ab_variants (test_id, name, weight, subject, html)
                select id, 'A', 1, 's', %(html)s from t returning id
            ), p as (
                insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, data_quality_score,
                                                 imported_at, updated_at)
                values ('ann@gmail.com', md5('ann@gmail.com'), 'gmail.com', 'gmail', 'gmail', 0.75, %(now)s, %(now)s)
                returning id
            )
            insert into mailing_sends (campaign_id, subscriber_id, variant_id, isp, domain, state, claimed_at)
            select c.id, p.id, v.id, 'gmail', 'gmail.com', 'injected', %(now)s - interval '1 hour' from c, v, p
            returning id
            """,
            {"now": NOW, "html": html},
        )
        return int((await cursor.fetchone())[0])


async def test_a_click_in_a_mail_leads_to_the_page_which_reports_the_visit_and_its_end(
    pool: Any, browser: Browser, serve: Callable[[Any, int], Awaitable[Any]], free_port: int
) -> None:
    service = TrackingService(
        LinkCodec.of(["the secret of these tests"]), f"http://127.0.0.1:{free_port}", ("discountblog.com",)
    )
    deps = TrackingDeps(
        service, GroupCommit(RecordHits(PostgresTrackingStore(pool), service)), Clock.starting(NOW, 1.0)
    )
    app = Litestar([*tracking.routes(deps), *site_events.routes(deps)])
    await serve(OwnedSite(app, service, PACKAGE / "dashboard"), free_port)

    html = f'<body><a href="http://discountblog.com:{free_port}/deals/today?x=1">Deals</a></body>'
    send = await mailed(pool, html)
    mail = service.fill(service.prepare(html), send, NOW)
    context = await browser.new_context(user_agent=PERSON)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    beacons: list[str] = []
    page.on("request", lambda r: beacons.append(r.post_data or "") if r.url.endswith("/site-events") else None)

    await page.set_content(mail)
    assert await page.get_by_role("link").count() == 2  # the link and the unsubscribe line: the honeypot is not there
    async with page.expect_response(lambda response: response.url.endswith("/api/v1/site-events")) as seen:
        await page.get_by_role("link", name="Deals").click()
    assert (await seen.value).status == 202
    await page.get_by_role("heading", name="Good things, for less").wait_for()
    assert urlsplit(page.url).path == "/deals/today"
    assert parse_qs(urlsplit(page.url).query) == {"x": ["1"]}  # the person's token left the address bar

    await page.mouse.wheel(0, 10_000)
    await page.wait_for_function("scrollY + innerHeight >= document.documentElement.scrollHeight - 1")
    await page.goto("about:blank")

    async def stored() -> list[tuple[Any, ...]]:
        async with pool.connection() as conn:
            return list(
                await (
                    await conn.execute(
                        "select event_type, verdict, subscriber_id is not null, metadata from subscriber_events "
                        "where event_type in ('clicked', 'page_view', 'session_end') order by id"
                    )
                ).fetchall()
            )

    events = await until(stored, lambda rows: len(rows) >= 3)
    assert [row[:3] for row in events] == [
        ("clicked", "human", True),
        ("page_view", "human", True),
        ("session_end", "human", True),
    ]
    assert events[1][3]["url"] == f"http://discountblog.com:{free_port}/deals/today"
    assert events[1][3]["sid"] == events[2][3]["sid"] != ""
    assert events[2][3]["scroll_pct"] == 100
    assert not errors
    eid = beacons[0].split('"eid":"')[1][:32]
    assert beacons[0].startswith(f'{{"type":"page_view","eid":"{eid}","cid":"')
    assert beacons[0].endswith(',"referrer":"","duration_ms":0,"scroll_pct":0}')
    await context.close()

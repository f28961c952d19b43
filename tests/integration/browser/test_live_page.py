"""A real browser watches the live page while the database changes underneath."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from playwright.async_api import Browser, Page, expect
from psycopg.types.json import Jsonb

from ignite_adapters.postgres import events
from ignite_adapters.postgres.campaign_reading import CampaignReader
from ignite_adapters.postgres.campaigns import PostgresCampaignStore
from ignite_adapters.postgres.live import LiveFeed
from ignite_adapters.postgres.suppressions import PostgresSuppressionStore
from ignite_app.clock import Clock
from ignite_app.http import campaigns, console, reading
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.live.hub import Hub
from ignite_app.settings import PACKAGE, Secret
from ignite_domain.events import EventType, SubscriberEvent, Verdict
from ignite_domain.isps import Isp

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (PACKAGE / "dashboard" / "index.html").is_file(), reason="not built: make dashboard"),
]
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
Serve = Callable[[Any, int], Awaitable[Callable[[], Awaitable[None]]]]
TOKEN = "a console token for the tests"


@attrs.frozen
class Live:
    page: Page
    pool: Any
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]

    async def agent(self, state: str, reason: str) -> None:
        async with self.pool.connection() as conn:
            await conn.execute(
                "insert into mailing_engine_agents (isp, agent, mode, state, reason, evaluations, evaluated_at) "
                "values ('yahoo', 'throttle', 'act', %(state)s, %(reason)s, 3, %(at)s) "
                "on conflict (isp, agent) do update set state = excluded.state, reason = excluded.reason",
                {"state": state, "reason": reason, "at": NOW},
            )

    async def decide(self, reason: str) -> None:
        async with self.pool.connection() as conn:
            cursor = await conn.execute(
                "insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, "
                "rule, mode, status, evidence) values (%s, %s, 'yahoo', 'throttle', 'throttle', 'queue', "
                "'yahoo.com/*', %s, 'deferral@1', 'act', 'verified', %s) returning id",
                (NOW, NOW + timedelta(hours=1), reason, Jsonb({"n": 412, "x": 140})),
            )
            number = (await cursor.fetchone())[0]
            data = {
                "id": number,
                "agent": "throttle",
                "action": "throttle",
                "target": "yahoo.com/*",
                "status": "approved",
            }
            await events.append(conn, [], decisions=[(NOW, "yahoo", data)])

    async def click(self, person: int) -> None:
        async with self.pool.connection() as conn:
            await events.append(
                conn, [SubscriberEvent(EventType.CLICKED, NOW, person, Isp.GMAIL, verdict=Verdict.HUMAN)]
            )


@pytest.fixture
async def live(pool: Any, pg_dsn: str, browser: Browser, serve: Serve, free_port: int) -> AsyncIterator[Live]:
    async def ready() -> dict[str, str]:
        return {}

    def app() -> Any:
        hub = Hub(LiveFeed(pg_dsn, pool))
        clock = Clock.starting(NOW, 1.0)
        sending = campaigns.CampaignDeps(PostgresCampaignStore(pool), CampaignReader(pool), clock)
        routes = [
            *reading.routes(reading.ReadingDeps(pool, PostgresSuppressionStore(pool), clock)),
            *campaigns.routes(sending),
            hub.handler(),
            *console.routes(PACKAGE / "dashboard"),
        ]
        return create_app(HttpDeps(Gatekeeper({}, Secret(TOKEN)), routes, ready, [hub.lifespan]))

    async def start() -> None:
        running.append(await serve(app(), free_port))

    async def stop() -> None:
        await running.pop()()

    running: list[Callable[[], Awaitable[None]]] = []
    await start()
    context = await browser.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"http://127.0.0.1:{free_port}/")
    await page.get_by_text("needs a signed-in console").wait_for()
    await page.goto(f"http://127.0.0.1:{free_port}/console/{TOKEN}")
    yield Live(page, pool, start, stop)
    assert not errors
    await context.close()


async def test_an_agent_is_seen_to_change_its_state_and_to_say_why(live: Live) -> None:
    cell = live.page.locator('[data-agent="throttle:yahoo"]')
    await expect(cell).to_have_attribute("data-state", "idle")
    assert await live.page.locator("[data-agent]").count() == 48
    await live.agent("watching", "nothing unusual")
    await expect(cell).to_have_attribute("data-state", "watching")
    await live.agent("holding", "deferrals rose to 34 % of 412 attempts")
    await expect(cell).to_have_attribute("data-state", "holding")
    await expect(cell).to_contain_text("holding")
    await expect(live.page.get_by_text("1 agent restricts or probes")).to_be_visible()
    await cell.get_by_role("button").hover()
    await expect(live.page.get_by_role("tooltip")).to_contain_text("deferrals rose to 34 % of 412 attempts")


async def test_a_decision_falls_and_its_reason_is_reached_by_keyboard(live: Live) -> None:
    await expect(live.page.get_by_text("No decision yet")).to_be_visible()
    await live.decide("34 % of 412 attempts deferred, 10 % tolerated")
    row = live.page.locator("[data-decision]")
    await expect(row).to_contain_text("throttle")
    await live.page.get_by_role("region", name="Decisions, newest first").focus()
    await live.page.keyboard.press("Tab")
    tip = live.page.get_by_role("tooltip")
    await expect(tip).to_contain_text("34 % of 412 attempts deferred, 10 % tolerated")
    await expect(tip).to_be_in_viewport(ratio=1)
    await live.page.keyboard.press("Escape")
    await expect(tip).to_have_count(0)


async def test_events_come_as_they_happen_once_each_also_over_a_restart_of_the_server(live: Live) -> None:
    feed = live.page.get_by_role("list", name="Events as they come, newest first")
    status = live.page.get_by_role("status").first
    await expect(status).to_contain_text("live")
    await live.click(7)
    await expect(feed.get_by_role("listitem")).to_have_count(1)
    await live.stop()
    await expect(status).to_contain_text("reconnecting")
    await expect(live.page.get_by_role("alert")).to_contain_text("keeps trying")
    await live.click(8)
    await live.start()
    await live.click(9)
    await expect(feed.get_by_role("listitem")).to_have_count(3, timeout=20_000)
    said = [text.splitlines()[-1] for text in await feed.get_by_role("listitem").all_inner_texts()]
    assert said == [f"person {person} clicked a link" for person in (9, 8, 7)]
    await expect(live.page.get_by_role("alert")).to_have_count(0)
    await live.page.reload()  # and a fresh page begins with what came last
    await expect(feed.get_by_role("listitem")).to_have_count(3)


async def test_the_whole_page_is_worked_by_keyboard_and_names_what_it_shows(live: Live) -> None:
    await live.agent("watching", "nothing unusual")
    await expect(live.page.locator('[data-agent="throttle:yahoo"]')).to_have_attribute("data-state", "watching")
    reached: set[str] = set()
    for _ in range(60):
        await live.page.keyboard.press("Tab")
        name = await live.page.evaluate(
            "document.activeElement.getAttribute('aria-label') ?? document.activeElement.tagName"
        )
        reached.add(str(name))
    assert "throttle agent, Yahoo: watching" in reached
    assert sum("agent," in name for name in reached) == 48

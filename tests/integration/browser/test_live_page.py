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
from ignite_adapters.postgres.policies import PostgresPolicyStore
from ignite_adapters.postgres.suppressions import PostgresSuppressionStore
from ignite_app.clock import Clock
from ignite_app.http import campaigns, console, policy, reading
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.http.policy import PolicyDeps
from ignite_app.live.hub import Hub
from ignite_app.policies.trial import Logs, PolicyTrials
from ignite_app.settings import PACKAGE, Secret
from ignite_domain.events import EventType, SubscriberEvent, Verdict
from ignite_domain.isps import Isp
from integration.browser.driving import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (PACKAGE / "dashboard" / "index.html").is_file(), reason="not built: make dashboard"),
]
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
Serve = Callable[[Any, int], Awaitable[Callable[[], Awaitable[None]]]]
TOKEN = "a console token for the tests"
KEY = "the api key of ann in these tests"


@attrs.frozen
class Live:
    page: Page
    url: str
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

    async def rows(self, statement: str, *rows: tuple[Any, ...]) -> None:
        async with self.pool.connection() as conn, conn.cursor() as cursor:
            await cursor.executemany(statement, rows)

    async def points(self, *points: tuple[str, str, timedelta, int, int]) -> None:
        """Chart points: provider, signal, how long before now, exposure, events."""
        await self.rows(
            "insert into mailing_engine_signals (isp, scope_type, scope, signal, at, n, x) "
            "values (%s, 'isp', %s, %s, %s, %s, %s)",
            *((isp, isp, signal, NOW - ago, n, x) for isp, signal, ago, n, x in points),
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
            *policy.routes(PolicyDeps(PostgresPolicyStore(pool), PolicyTrials(Logs({}), clock), clock)),
            hub.handler(),
            *console.routes(PACKAGE / "dashboard"),
        ]
        return create_app(HttpDeps(Gatekeeper({"ann": Secret(KEY)}, Secret(TOKEN)), routes, ready, [hub.lifespan]))

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
    strangers: list[str] = []
    url = f"http://127.0.0.1:{free_port}"
    ours = (f"{url}/", f"ws://127.0.0.1:{free_port}/", "data:", "about:")
    context.on("request", lambda request: None if request.url.startswith(ours) else strangers.append(request.url))
    await page.goto(f"{url}/")
    await page.get_by_text("needs a signed-in console").wait_for()
    await page.goto(f"{url}/console/{TOKEN}")
    yield Live(page, url, pool, start, stop)
    assert not errors
    assert not strangers
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


async def test_the_grid_of_agents_is_one_tab_stop_and_an_agent_opens_with_its_rules_and_decisions(live: Live) -> None:
    page = live.page
    await live.agent("holding", "deferrals rose to 34 % of 412 attempts")
    await live.decide("34 % of 412 attempts deferred, 10 % tolerated")
    cell = page.locator('[data-agent="throttle:yahoo"]')
    await expect(cell).to_have_attribute("data-state", "holding")
    await expect(page.locator("[data-decision]")).to_have_count(1)

    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to agents")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.locator('[data-agent="reputation:gmail"] button')).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("columnheader", name="Gmail").get_by_role("link")).to_be_focused()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        await page.keyboard.press(key)
    await expect(cell.get_by_role("button")).to_be_focused()
    await page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="throttle agent, Yahoo")
    await expect(panel).to_contain_text("deferrals rose to 34 % of 412 attempts")
    await expect(panel).to_contain_text("rate-limit-reply@")
    await expect(panel).to_contain_text("34 % of 412 attempts deferred, 10 % tolerated")
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    await expect(cell.get_by_role("button")).to_be_focused()  # the grid remembers where one was
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Tab")
    await expect(cell.get_by_role("button")).to_be_focused()
    await page.keyboard.press("Tab")  # and one more Tab leaves it
    assert await page.evaluate("!document.activeElement.closest('.agents')")


async def test_a_restriction_stays_on_top_however_many_suppressions_follow_and_shows_its_commands(live: Live) -> None:
    page = live.page
    await live.rows(
        "insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, rule, mode, "
        "status, ended_at, evidence) values (%s, %s, 'gmail', %s, %s, 'ip', %s, 'r', 'x@1', 'act', %s, %s, %s)",
        (NOW, NOW, "pool", "quarantine_ip", "192.0.2.1", "verified", None, Jsonb({"n": 15, "x": 4})),
        *((NOW, NOW, "pool", "probe", f"192.0.2.{n}", "released", NOW, Jsonb({})) for n in range(2, 62)),
        *((NOW, NOW, "suppression", "suppress", "1 address", "applied", None, Jsonb({"recipients": 1})),) * 150,
    )
    await live.rows(
        "insert into mailing_engine_commands (host, knob, generation, decision_id, argv, state, exit_status, "
        "read_back, created_at) select 'mta', 'include', 1, min(id), %s, 'done', 0, %s, %s "
        "from mailing_engine_decisions",
        (Jsonb(["disable", "source", "192.0.2.1"]), "disabled: 192.0.2.1", NOW),
    )
    rows = page.locator("[data-decision]")
    await expect(rows).to_have_count(51)  # what is in force, and a page of the others
    await expect(rows.first).to_contain_text("quarantine ip")
    await expect(page.locator(".group").first).to_contain_text("in force now: 1")
    await expect(page.get_by_text("addresses suppressed: Gmail 150")).to_be_visible()

    await rows.first.get_by_role("button").click()
    detail = page.locator(".decision-detail")
    await expect(detail).to_contain_text("disable source 192.0.2.1")
    await expect(detail).to_contain_text("exit 0")
    await expect(detail).to_contain_text("read back: disabled: 192.0.2.1")
    await expect(detail).to_contain_text("n 15 · x 4")

    await page.get_by_role("button", name="older").click()
    await expect(rows).to_have_count(11)  # 61 in all
    await expect(rows.last).to_contain_text("quarantine ip")
    await expect(page.get_by_role("button", name="older")).to_have_count(0)
    await page.get_by_role("button", name="newest").click()
    await expect(rows).to_have_count(51)

    await page.get_by_role("combobox", name="action").select_option("suppress")
    await expect(rows).to_have_count(50)
    await expect(rows.first).to_contain_text("1 address")
    await page.get_by_role("combobox", name="provider").select_option("yahoo")
    await expect(page.get_by_text("No decision like this")).to_be_visible()
    await page.get_by_role("button", name="show all").click()
    await expect(rows).to_have_count(51)


async def test_charts_share_one_axis_up_to_now_and_say_of_when_their_figures_are(live: Live) -> None:
    minutes = [timedelta(minutes=five) for five in range(10, 40, 5)]
    await live.points(
        *(("gmail", "deferral", ago, 100, 5) for ago in minutes),
        *(("gmail", "refusal", ago, 100, 20) for ago in minutes),
        *(("yahoo", "deferral", timedelta(hours=3, minutes=five), 50, 10) for five in (0, 5)),
    )
    charts = live.page.locator("[data-chart]")
    await expect(charts).to_have_count(9)
    assert {await chart.get_attribute("data-begin") for chart in await charts.all()} == {"05:55:00"}
    gmail, yahoo, cox = (live.page.locator(f'[data-chart="{isp}"]') for isp in ("gmail", "yahoo", "cox"))
    await expect(gmail).to_contain_text("600 tried in the last hour")
    await expect(gmail).to_contain_text("deferred 5.0 % · refused 20.0 %")
    await expect(yahoo).to_contain_text("no mail since 06:05")  # the last bucket began at 06:00
    await expect(cox).to_contain_text("no mail")


DRAWN = """chart => {
  const canvas = chart.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const found = new Set();
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] === 255) found.add(`rgb(${data.slice(i, i + 3).join(", ")})`);
  return [...found];
}"""


async def test_charts_take_the_colours_of_the_theme_that_is_chosen(live: Live) -> None:
    await live.points(*(("gmail", "refusal", timedelta(minutes=five), 100, 20) for five in range(10, 40, 5)))
    chart = live.page.locator('[data-chart="gmail"]')
    line = live.page.locator(".legend line").nth(1)  # "refused"

    async def drawn_and_meant() -> tuple[set[str], str]:
        meant = await line.evaluate("line => getComputedStyle(line).stroke")
        return set(await chart.evaluate(DRAWN)), str(meant)

    meanings = []
    for theme in ("dark", "light", "dark"):
        await live.page.get_by_role("combobox", name="theme").select_option(theme)
        _, meant = await until(drawn_and_meant, lambda seen: seen[1] in seen[0])
        meanings.append(meant)
    assert meanings[0] == meanings[2] != meanings[1]


async def test_an_api_key_signs_a_browser_in_and_refusals_are_pages_for_people(live: Live, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{live.url}/console/{TOKEN}")
    await expect(page.get_by_role("alert")).to_contain_text("was used already")
    await page.goto(f"{live.url}/")
    await page.get_by_label("API key").fill("not the key")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("not one of the server's API keys")
    await page.get_by_label("API key").fill(KEY)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    await context.close()
    await live.page.goto(f"{live.url}/console/{TOKEN}")  # who is signed in just goes on
    await expect(live.page.get_by_role("heading", name="Agents")).to_be_visible()
    await live.page.goto(f"{live.url}/schema")
    await expect(live.page.get_by_text("/api/v1/decisions/{decision}/commands")).to_be_visible()


async def test_what_has_ended_is_not_called_running_and_a_flow_is_not_called_sending(live: Live) -> None:
    await live.rows(
        "with c as (insert into mailing_campaigns (name, kind, status, from_name, from_address, landing_url, "
        "created_at, created_by) values (%s, %s, %s, 'n', 'a@mail.discountblog.com', 'https://discountblog.com/', %s, "
        "'t') returning id), t as (insert into mailing_ab_tests (campaign_id, element, salt, status) "
        "select id, 'subject', 's', 'running' from c returning id) "
        "insert into mailing_ab_variants (test_id, name, weight, subject, html) "
        "select t.id, v, 1, 's', 'h' from t, unnest(%s::text[]) as v",
        ("Sale", "campaign", "finished", NOW, ["A", "B"]),
        ("Welcome", "flow", "sending", NOW, ["A"]),
    )
    sale, welcome = (live.page.get_by_role("article").filter(has_text=name) for name in ("Sale", "Welcome"))
    await expect(sale).to_contain_text("test undecided")
    await expect(sale).not_to_contain_text("running")
    await expect(welcome).to_contain_text("running")
    await expect(welcome).not_to_contain_text("sending")

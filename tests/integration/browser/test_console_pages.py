"""A person goes through the console's pages: each is reached by link and by address, each control does its work."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from playwright.async_api import Browser, Page, expect
from psycopg.types.json import Jsonb

from ignite_adapters.postgres.policies import PostgresPolicyStore
from ignite_app.settings import PACKAGE
from ignite_domain.governance.ports import PolicyVersion
from ignite_domain.governance.rules import RULES, Scope
from ignite_domain.governance.words import PMTA_LEVER, DecisionStatus, Mode, OnDeadline
from integration.browser.consoles import KEY, NOW, PAUSE, QUARANTINE, THROTTLE, Console, Serve, opened
from integration.test_ingest import HEADER, line

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (PACKAGE / "dashboard" / "index.html").is_file(), reason="not built: make dashboard"),
]


@pytest.fixture
async def console(
    pool: Any, pg_dsn: str, browser: Browser, serve: Serve, free_port: int, tmp_path: Path
) -> AsyncIterator[Console]:
    async with opened(pool, pg_dsn, browser, serve, free_port, tmp_path) as ready:
        yield ready


def title(page: Page, text: str) -> Any:
    return page.locator("h2.page-title", has_text=text)


async def test_every_page_is_reached_from_the_live_page_and_is_there_again_after_a_reload(console: Console) -> None:
    page = console.page
    nav = page.get_by_role("navigation", name="Pages")
    pages = {
        "Providers": ("/isp/gmail", "Gmail"),
        "Addresses": ("/ip", "Sending addresses"),
        "Agents": ("/agents", "Agents"),
        "Approvals": ("/approvals", "Approvals"),
        "Policy": ("/policy", "Policy"),
        "Alerts": ("/alerts", "Alerts"),
    }
    for name, (path, head) in pages.items():
        await nav.get_by_role("link", name=name).click()
        await expect(page).to_have_url(console.url + path)
        await expect(title(page, head)).to_be_visible()
        await page.reload()  # the address alone is enough, and the session goes on
        await expect(title(page, head)).to_be_visible()
        await expect(nav.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
    await page.go_back()
    await expect(title(page, "Policy")).to_be_visible()
    await nav.get_by_role("link", name="Live").click()
    await page.get_by_role("columnheader", name="Yahoo").get_by_role("link").click()
    await expect(title(page, "Yahoo")).to_be_visible()
    await page.get_by_role("navigation", name="Providers").get_by_role("link", name="Cox").click()
    await expect(page).to_have_url(f"{console.url}/isp/cox")
    await console.open("/isp/nobody")
    await expect(page.get_by_text("no such provider")).to_be_visible()


async def test_who_signs_in_on_a_deep_link_comes_to_that_page(console: Console, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{console.url}/isp/charter")
    await page.get_by_label("API key").fill(KEY)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{console.url}/isp/charter")
    await expect(title(page, "Charter")).to_be_visible()
    await context.close()


async def test_a_provider_shows_its_signals_its_open_decisions_and_which_rule_is_nearest(console: Console) -> None:
    page = await console.open("/isp/gmail")
    await expect(page.get_by_text("No mail to Gmail in the last 24 hours")).to_be_visible()
    await page.get_by_role("button", name="look back 7 days").click()
    await expect(page.get_by_label("span")).to_have_value("168")
    await page.get_by_label("span").select_option("6")
    await console.mail()
    await console.keep((QUARANTINE, Mode.ACT))
    await expect(page.get_by_role("figure", name="deferred: 5 of 60 in this span")).to_be_visible()
    # five deferrals in a row make S = 5 × 4 of H = 40
    await expect(page.get_by_role("meter", name="alarm of deferred")).to_have_attribute(
        "aria-valuetext", "alarm at 20 of 40 points"
    )
    over_time = page.get_by_role("figure", name="Alarm of deferred: at most 20 of 40 points in this span, never at its")
    await expect(over_time).to_be_visible()
    await page.get_by_label("of which mail").select_option("address 192.0.2.12")
    await expect(page.get_by_text("One point for 15 minutes")).to_be_visible()
    await expect(over_time).to_be_visible()
    await page.get_by_label("of which mail").select_option("all its mail")
    await expect(page.get_by_text("Gmail reports no single complaint")).to_be_visible()

    near = page.locator("[data-prospect]")
    await expect(near).to_have_count(6)
    await expect(page.locator('[data-prospect="deferral-rise@1"]')).to_contain_text("5 more in a row would reach it")
    mine = sum(rule.scope is not Scope.HOST for rule in RULES)
    await page.get_by_role("button", name=f"all {mine} rules").click()
    await expect(near).to_have_count(mine)
    await page.get_by_role("button", name="the nearest only").click()
    await expect(near).to_have_count(6)
    ahead = page.get_by_role("region", name="Open decisions")
    await expect(ahead).to_contain_text("a probe: 30 messages will tell")
    await expect(page.locator("[data-six]")).to_have_count(6)

    lane = page.get_by_role("link", name="quarantine ip 192.0.2.12, approved")
    await lane.focus()
    await page.keyboard.press("Enter")
    await expect(title(page, "quarantine ip 192.0.2.12")).to_be_visible()
    await title(page, "quarantine").get_by_role("link", name="192.0.2.12").click()
    await expect(title(page, "192.0.2.12")).to_be_visible()
    await expect(page.get_by_role("region", name="Decisions that named it")).to_contain_text("refuses this address")


async def test_a_decision_tells_its_story_and_is_undone_with_a_reason(console: Console) -> None:
    await console.mail()
    await console.keep((QUARANTINE, Mode.ACT))
    number = await console.value("select id from mailing_engine_decisions")
    await console.rows(
        "insert into mailing_engine_commands (host, knob, generation, decision_id, argv, state, exit_status, "
        "read_back, created_at, finished_at) values ('mta', 'source', 1, %s, %s, 'done', 0, %s, %s, %s)",
        (number, Jsonb(["pmta", "disable", "source", "192.0.2.12"]), "shown in force", NOW, NOW),
    )
    page = await console.open("/")
    await page.locator(f'[data-decision="{number}"]').get_by_role("button").click()
    await page.get_by_role("link", name=f"the whole story of decision {number}").click()
    await expect(page.get_by_role("img", name="8 of 31, 25.8 %")).to_be_visible()
    await expect(page.get_by_text("8 recipients were told so")).to_be_visible()
    await expect(page.get_by_role("figure", name="refused: hour before")).to_be_visible()
    sent = page.get_by_role("region", name="Command sent")
    await expect(sent).to_contain_text("pmta disable source 192.0.2.12")
    await expect(sent).to_contain_text("exit 0")
    await expect(sent).to_contain_text("read back: shown in force")

    undo = page.get_by_role("button", name="Undo: release it")
    await expect(undo).to_be_disabled()
    await page.get_by_label("reason").fill("it was ours")
    await undo.click()
    await expect(page.get_by_text("Released: the executor lifts it")).to_be_visible()
    made = await console.value(
        "select action, undoes, author, author_reason from mailing_engine_decisions order by id desc limit 1"
    )
    assert made == ("release", number, "ann", "it was ours")
    await expect(page.get_by_role("region", name="Before and after")).to_contain_text("release 192.0.2.12")
    await console.open("/decision/999")
    await expect(page.get_by_text("there is no such decision")).to_be_visible()


async def test_the_rates_of_a_throttle_are_a_chart_with_reasons(console: Console) -> None:
    await console.keep((THROTTLE, Mode.ACT))
    number = await console.value("select id from mailing_engine_decisions")
    await console.rows(
        "insert into mailing_engine_rate_steps (decision_id, at, rung, rate_per_min, reason) "
        "values (%s, %s, 13, 10.7, %s)",
        (number, NOW - timedelta(minutes=5), "proven for five minutes"),
    )
    page = await console.open(f"/decision/{number}")
    await expect(page.get_by_role("figure", name="rate in messages a minute: 2 steps, last 10.7")).to_be_visible()
    rungs = page.get_by_role("region", name="Rungs, newest first").get_by_role("row")
    await expect(rungs.nth(1)).to_contain_text("proven for five minutes")
    await expect(rungs.nth(2)).to_contain_text("cut to the accepted rate")


async def test_what_waits_is_approved_or_rejected_by_keyboard_alone(console: Console) -> None:
    await console.keep((PAUSE, Mode.APPROVE), (attrs.evolve(PAUSE, isp=None, target="host"), Mode.APPROVE))
    first, second = [
        await console.value(f"select id from mailing_engine_decisions order by id offset {n} limit 1") for n in (0, 1)
    ]
    page = console.page
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Approvals")
    await expect(link).to_contain_text("2")
    await link.focus()
    await page.keyboard.press("Enter")
    await expect(title(page, "Approvals")).to_be_focused()
    waiting = page.locator(f'[data-waiting="{first}"]')
    await expect(waiting).to_contain_text("If nobody does, it is applied")
    await expect(waiting.get_by_role("meter", name="alarm level")).to_have_attribute(
        "aria-valuetext", "210 of 206 points"
    )
    for number, steps, status in ((first, 1, "approved"), (second, 2, "rejected")):
        box = page.locator(f'[data-waiting="{number}"]')
        await box.get_by_label("reason").focus()
        await page.keyboard.type(f"seen: {status}")
        for _ in range(steps):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(box).to_have_count(0)
        told = await console.value(
            f"select status, author, author_reason from mailing_engine_decisions where id = {number}"
        )
        assert told == (status, "ann", f"seen: {status}")
    await expect(page.get_by_text("Nothing waits.")).to_be_visible()
    await expect(page.get_by_role("region", name="Decided by people lately")).to_contain_text("seen: approved")
    await expect(link).not_to_contain_text("2")


async def test_a_person_decides_and_is_told_what_is_wrong(console: Console) -> None:
    page = await console.open("/approvals")
    form = page.get_by_role("region", name="Decide something yourself")
    await form.get_by_role("combobox", name="what").select_option("pause_job")
    await form.get_by_label("job", exact=True).fill("c999")
    await form.get_by_label("reason").fill("looks wrong")
    await form.get_by_role("button", name="Decide").click()
    await expect(form).to_contain_text("no such job is known")
    await form.get_by_role("combobox", name="what").select_option("throttle")
    await form.get_by_role("combobox", name="provider").select_option("yahoo")
    await form.get_by_role("spinbutton").fill("0.25")
    await form.get_by_role("combobox", name="for", exact=True).select_option("60")
    await form.get_by_role("button", name="Decide").click()
    await expect(form).to_contain_text("Made:")
    made = await console.value(
        "select action, target, parameters->>'factor', until - at, author, author_reason from mailing_engine_decisions"
    )
    assert made == ("throttle", "yahoo", "0.25", timedelta(hours=1), "ann", "looks wrong")
    await form.get_by_role("link", name="decision").click()
    await expect(page.get_by_text("A person decided this: ann")).to_be_visible()


async def test_modes_are_set_and_taken_back_and_agents_stopped_and_resumed(console: Console) -> None:
    page = await console.open("/isp/cox")
    await page.get_by_role("link", name="change modes, stop or resume").click()
    modes = page.get_by_role("region", name="How far agents may go")
    await expect(modes.get_by_label("provider")).to_have_value("cox")
    await modes.get_by_label("agent").select_option("pool")
    await modes.get_by_label("mode").select_option("approve")
    await modes.get_by_label("reason").fill("new pool")
    await modes.get_by_role("button", name="Set mode").click()
    await expect(modes.get_by_role("row").nth(1)).to_contain_text(
        "pool Cox approve ann".replace(" ", ""), use_inner_text=False
    )
    assert await console.value("select agent, isp, mode, author from mailing_engine_modes") == (
        "pool",
        "cox",
        "approve",
        "ann",
    )
    await modes.get_by_role("button", name="take back").click()
    await expect(modes.get_by_text("Taken back.")).to_be_visible()
    assert await console.value("select count(*) from mailing_engine_modes") == 0

    stops = page.get_by_role("region", name="Stop the agents")
    await stops.get_by_label("where").select_option("")
    await stops.get_by_label("reason").fill("maintenance")
    await stops.get_by_role("button", name="Stop", exact=True).click()
    await expect(page.locator(".bar")).to_contain_text("stopped everywhere")
    await stops.get_by_role("button", name="Resume everywhere").click()
    await expect(stops.get_by_text("Nothing is stopped.")).to_be_visible()
    assert await console.value("select count(*) from mailing_engine_stops") == 0


async def test_a_policy_with_a_fault_says_its_line_and_a_sound_one_is_saved_and_can_be_taken_back(
    console: Console,
) -> None:
    page = await console.open("/policy")
    code = page.get_by_role("textbox", name="Policy document")
    status, save = page.locator("#policy-check"), page.get_by_role("button", name="Save as a new version")
    await code.fill("# quieter\nbounce-flood:\n  at_least: many\n")
    await expect(status).to_contain_text("line 3: bounce-flood.at_least")
    await expect(code).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("reason").fill("fewer alarms")
    await expect(save).to_be_disabled()
    await page.get_by_role("button", name="Discard").click()
    await expect(code).to_have_value("")

    rule = page.locator('[data-rule="bounce-flood"]')
    await rule.get_by_text("what may be changed").click()
    await page.get_by_role("button", name="put bounce-flood into the draft").click()
    await code.fill((await code.input_value()).replace("at_least: 5", "at_least: 8"))
    change = page.get_by_role("table", name="what would change").get_by_role("row").nth(1)
    await expect(change).to_contain_text("bounce-flood")
    await save.click()
    await expect(page.get_by_text("Saved as version 1.")).to_be_visible()
    assert (await console.value("select author, reason, document from mailing_engine_policies"))[:2] == (
        "ann",
        "fewer alarms",
    )
    await expect(rule).to_contain_text("changed")

    await code.fill("")
    await page.get_by_label("reason").fill("as it was")
    await save.click()
    await expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    await page.get_by_role("button", name="take as draft").click()
    await expect(code).to_have_value(
        await console.value("select document from mailing_engine_policies where version = 1")
    )


async def test_a_draft_is_tried_on_the_last_days_and_the_difference_is_shown(console: Console) -> None:
    dead = ("5.1.1 (bad)", "smtp;550 5.1.1 <x>: user does not exist")
    lines = [line("b", n, n / 60 - 120, *dead) for n in range(1, 13)]
    (console.log / "acct-1.csv").write_text(HEADER + "\r\n" + "".join(lines), newline="")
    page = await console.open("/policy")
    code = page.get_by_role("textbox", name="Policy document")
    await code.fill("bounce-flood: {enabled: false}\nhost-bounce-flood: {enabled: false}\n")
    await page.get_by_role("button", name="Try it on the last 7 days").click()
    await expect(page.get_by_role("progressbar", name="backtest")).to_be_visible()
    done = page.locator("[data-backtest=done]")
    await expect(done).to_contain_text("12 records in 1 file", timeout=30_000)
    await expect(done.get_by_role("row", name="emergency halt")).to_contain_text("−1")
    gone = done.get_by_role("list", name="only under the rules in force")
    await expect(gone).to_contain_text("emergency halt")
    await code.fill("# another\n")
    await expect(done).to_contain_text("The draft has been changed since.")
    await expect(page.get_by_role("button", name="Try it again")).to_be_enabled()


async def test_a_trial_can_be_cancelled_and_another_one_begun(console: Console) -> None:
    endless = console.log / "acct-endless.csv"
    endless.write_text(HEADER + "\r\nd,x\r\n", newline="")
    os.truncate(endless, 1 << 36)  # takes minutes to read, and no room on the disk
    page = await console.open("/policy")
    begin = page.get_by_role("button", name="Try it on the last 7 days")
    await begin.click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("its work has ended")).to_be_visible()
    await expect(page.get_by_role("progressbar", name="backtest")).to_have_count(0)
    await page.get_by_role("button", name="Try it again").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("its work has ended")).to_be_visible()


async def test_a_policy_that_somebody_else_saves_is_on_open_pages_at_once(console: Console) -> None:
    page = await console.open("/policy")
    await expect(page.get_by_text("the rules as shipped").first).to_be_visible()
    store = PostgresPolicyStore(console.pool)
    await store.add(PolicyVersion(1, NOW, "bob", "fewer alarms", "bounce-flood: {at_least: 9}\n"))
    await expect(page.locator(".page-head")).to_contain_text("version 1 by bob", timeout=8000)  # polled every ten
    await expect(page.locator('[data-rule="bounce-flood"]')).to_contain_text("bounce-flood@1.0001")
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Live").click()
    feed = page.get_by_role("list", name="Events as they come")
    await expect(feed).to_contain_text("policy version 1 by bob: fewer alarms")
    await store.add(PolicyVersion(2, NOW, "bob", "of another release", "no-such-rule: {at_least: 9}\n"))
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Policy").click()
    await expect(page.get_by_role("alert")).to_contain_text("Version 2 is not in force")
    await expect(page.get_by_role("alert")).to_contain_text("no-such-rule")


async def test_what_people_decide_is_shown_as_theirs_and_answers_are_in_the_feed(console: Console) -> None:
    mine = attrs.evolve(QUARANTINE, rule="person@1", by="bob", person_reason="by eye", evidence={"by": "bob"})
    await console.keep((mine, Mode.ACT), (PAUSE, Mode.APPROVE))
    first, second = [
        await console.value(f"select id from mailing_engine_decisions order by id offset {n} limit 1") for n in (0, 1)
    ]
    page = await console.open("/")
    await expect(page.locator(f'[data-decision="{first}"]')).to_contain_text("bob person")
    await expect(page.locator(f'[data-decision="{second}"]')).to_contain_text("emergency")
    feed = page.get_by_role("list", name="Events as they come")
    await expect(feed).to_contain_text("bob: quarantine ip 192.0.2.12 (approved)")
    await expect(feed).to_contain_text("emergency agent: pause queue Gmail waits for a person")
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Approvals").click()
    box = page.locator(f'[data-waiting="{second}"]')
    await box.get_by_label("reason").fill("not that much")
    await box.get_by_role("button", name="Reject").click()
    await expect(box).to_have_count(0)
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Live").click()
    await expect(feed).to_contain_text("emergency agent: pause queue Gmail: rejected by ann: not that much")


async def test_an_address_is_quarantined_without_being_typed(console: Console) -> None:
    page = await console.open("/approvals")
    form = page.get_by_role("region", name="Decide something yourself")
    await form.get_by_role("combobox", name="what").select_option("quarantine_ip")
    await form.get_by_role("combobox", name="address").select_option("192.0.2.14")
    await form.get_by_label("reason").fill("by eye")
    await form.get_by_role("button", name="Decide").click()
    await expect(form).to_contain_text("Made:")
    assert await console.value("select action, target from mailing_engine_decisions") == ("quarantine_ip", "192.0.2.14")
    await form.get_by_role("combobox", name="address").select_option("another…")
    await form.get_by_label("which address").fill("203.0.113.9")
    await form.get_by_label("reason").fill("by eye")
    await form.get_by_role("button", name="Decide").click()
    await expect(form.get_by_role("status")).to_contain_text("target:")


async def test_where_another_provider_steers_no_rule_is_shown_that_turns_something_there(console: Console) -> None:
    await console.rows(
        "insert into mailing_engine_agents (isp, agent, mode, state, reason, evaluations, evaluated_at) "
        "values ('cox', %s, 'act', 'steered', 'steered by yahoo', 1, %s)",
        ("throttle", NOW),
        ("pool", NOW),
    )
    page = await console.open("/isp/cox")
    ahead = page.get_by_role("region", name="What would happen next")
    await expect(ahead.get_by_role("link", name="Yahoo's agents")).to_be_visible()
    inside = [rule for rule in RULES if rule.scope is not Scope.HOST and rule.action not in PMTA_LEVER]
    await ahead.get_by_role("button", name=f"all {len(inside)} rules").click()
    assert {(await one.text_content() or "").split()[1] for one in await ahead.locator(".far-head").all()} == {
        *("warn", "hold", "step"),
    }


async def test_no_page_is_wider_than_a_phone(console: Console) -> None:
    await console.mail()
    await console.keep((PAUSE, Mode.APPROVE), (THROTTLE, Mode.ACT))
    await console.rows(
        "insert into mailing_engine_alerts (kind, subject, text, first_seen, last_seen) values (%s, %s, %s, %s, %s)",
        ("approval_waiting", "att quarantine_ip 192.0.2.12", "AT&T: decision 5 (quarantine ip) waits", NOW, NOW),
    )
    page = console.page
    await page.set_viewport_size({"width": 390, "height": 800})
    first = await console.value("select min(id) from mailing_engine_decisions")
    paths = ["/", "/isp/gmail", "/ip", "/ip/192.0.2.12", "/agents", "/approvals", "/policy", "/alerts"]
    for path in [*paths, f"/decision/{first}", f"/decision/{first + 1}"]:
        await console.open(path)
        await expect(page.locator(".skeleton")).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    await console.open("/alerts")
    about = page.locator("[data-alert] td.about")
    await expect(about).to_have_text("AT&T quarantine ip 192.0.2.12")
    assert await about.evaluate("cell => cell.getBoundingClientRect().height") < 30  # on one line, no word is broken


async def test_what_waits_is_decided_on_the_same_picture_as_its_page_shows(console: Console) -> None:
    waiting = attrs.evolve(
        QUARANTINE, status=DecisionStatus.PROPOSED, deadline=NOW + timedelta(minutes=15), on_deadline=OnDeadline.APPLY
    )
    await console.keep((waiting, Mode.APPROVE))
    number = await console.value("select id from mailing_engine_decisions")
    page = await console.open("/approvals")
    box = page.locator(f"[data-waiting='{number}']")
    await expect(box.locator(".share svg")).to_contain_text("limit 10 %")
    drawn = await box.locator(".share svg").text_content()
    await console.open(f"/decision/{number}")
    await expect(page.locator(".evidence .share svg")).to_contain_text("limit 10 %")
    assert await page.locator(".evidence .share svg").text_content() == drawn


async def test_alerts_are_on_the_live_page_and_on_a_page_of_their_own(console: Console) -> None:
    page = await console.open("/alerts")
    await expect(page.get_by_text("Nothing is wrong that IGNITE can see")).to_be_visible()
    await console.rows(
        "insert into mailing_engine_alerts (kind, subject, text, first_seen, last_seen, ended_at) "
        "values (%s, 'mta', %s, %s, %s, %s)",
        ("feed_stalled", "no records for 12 minutes", NOW, NOW, None),
        ("skew", "the clock is 90 s ahead", NOW - timedelta(hours=3), NOW, NOW - timedelta(hours=1)),
    )
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Live").click()
    strip = page.get_by_role("region", name="Open alerts")
    await expect(strip).to_contain_text("feed stalled no records for 12 minutes")
    await strip.get_by_role("link", name="alerts").click()
    await expect(page.get_by_role("region", name="Lasting now").get_by_role("row").nth(1)).to_contain_text(
        "feed stalled"
    )
    await expect(page.get_by_role("region", name="Over", exact=True)).to_contain_text("2 h")


async def test_an_address_shows_its_hours_days_and_warm_up(console: Console) -> None:
    await console.mail("192.0.2.14")
    await console.rows(
        "insert into mailing_warmup_days (vmta, ip, isp, day, budget, accepted, deferred, note) "
        "values ('mta4', '192.0.2.14', %s, %s, 50, %s, 1, %s)",
        ("gmail", NOW.date() - timedelta(days=1), 45, "first day"),
        ("yahoo", NOW.date(), 30, "held"),
    )
    page = await console.open("/ip")
    await expect(page.get_by_role("row", name="192.0.2.14")).to_contain_text("warming up")
    await page.get_by_role("link", name="192.0.2.14").click()
    await expect(page.get_by_role("img", name="Outcomes by hour: 55 delivered")).to_be_visible()
    await expect(page.get_by_role("img", name="Outcomes by day: 55 delivered")).to_be_visible()
    await expect(page.get_by_role("row", name="Gmail")).to_contain_text("deferral at 20 of 40 points")
    warm = page.get_by_role("region", name="Warm-up days")
    await warm.get_by_label("provider").select_option("yahoo")
    await expect(warm).to_contain_text("last day: Yahoo held")
    await expect(page.get_by_text("None: no agent has had to act on it.")).to_be_visible()
    await page.get_by_role("link", name="all addresses").click()
    await expect(title(page, "Sending addresses")).to_be_visible()
    await console.open("/ip/203.0.113.9")
    await expect(page.get_by_text("Nothing is stored about 203.0.113.9")).to_be_visible()
    await page.get_by_role("link", name="those that are known").click()
    await expect(title(page, "Sending addresses")).to_be_visible()


async def test_pages_draw_in_the_theme_that_is_chosen(console: Console) -> None:
    await console.mail()
    page = await console.open("/isp/gmail")
    line = page.locator(".series").first
    drawn = set()
    for theme in ("dark", "light"):
        await page.get_by_role("combobox", name="theme").select_option(theme)
        await expect(page.locator("html")).to_have_attribute("data-theme", theme)
        drawn.add(await line.evaluate("line => getComputedStyle(line).stroke"))
    assert len(drawn) == 2

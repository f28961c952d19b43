"""On the console: a suppression of several addresses is undone after a second question, and an unread host is told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from ignite_app.settings import PACKAGE
from integration.browser.consoles import NOW, Console, Serve, opened

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


async def test_a_suppression_is_lifted_only_after_the_number_has_been_confirmed(console: Console) -> None:
    await console.rows(
        "insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, rule, mode, "
        "status, evidence, ended_at) values (%s, %s, 'gmail', 'suppression', 'suppress', 'address', '3 addresses', "
        "'nobody has this address', 'reply-suppresses@1', 'act', 'applied', '{\"recipients\": 3}', %s)",
        (NOW, NOW, NOW),
    )
    number = await console.value("select id from mailing_engine_decisions")
    await console.rows(
        "insert into mailing_engine_suppressions (isp, email_md5, reason, rule, decision_id, since) "
        "values ('gmail', md5(%s), 'invalid', 'gone', %s, %s)",
        *((str(n), number, NOW) for n in range(3)),
    )
    page = await console.open(f"/decision/{number}")
    undo = page.get_by_role("button", name="Undo: lift it for 3 addresses")
    await expect(undo).to_be_disabled()
    await page.get_by_label("reason").fill("their server was broken")
    await undo.click()
    question = page.get_by_role("alertdialog")
    await expect(question).to_contain_text("This takes 3 addresses off the list of Gmail")
    await question.get_by_role("button", name="No").click()
    assert await console.value("select count(*) from mailing_engine_suppressions") == 3
    await undo.click()
    await question.get_by_role("button", name="Yes, lift it for 3 addresses").click()
    await expect(page.get_by_text("Lifted for 3 addresses.")).to_be_visible()
    assert await console.value("select count(*) from mailing_engine_suppressions") == 0
    await expect(page.get_by_text("released by ann: lifted for 3 addresses")).to_be_visible()


async def test_the_agents_page_says_that_an_unread_host_is_only_observed(console: Console) -> None:
    page = await console.open("/agents")
    await expect(page.get_by_text("How far agents may go")).to_be_visible()
    await expect(page.locator("[data-host-unread]")).to_have_count(0)
    await console.rows(
        "insert into mailing_engine_unread_hosts (host, why, since) values ('mta', %s, %s)",
        ("status.out.recipients: none of them is there", NOW),
    )
    await page.reload()
    await expect(page.locator("[data-host-unread]")).to_contain_text("status.out.recipients")

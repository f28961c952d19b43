"""The whole application behind a browser, and rows that its own stores have written."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from playwright.async_api import Browser, Page

from governance_streams import outcome
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_app.asgi import application
from ignite_app.clock import Clock
from ignite_app.container import Container
from ignite_app.settings import (
    ApiSettings,
    GovernanceSettings,
    PmtaSettings,
    Secret,
    Settings,
    TrackingSettings,
    VmtaSettings,
)
from ignite_domain.governance.observed import OutcomeKind
from ignite_domain.governance.ports import Step
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, Mode, OnDeadline, TargetType
from ignite_domain.isps import Isp

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
KEY = "the api key of ann in these tests"
Serve = Callable[[Any, int], Awaitable[Callable[[], Awaitable[None]]]]

QUARANTINE = Decision(
    at=NOW - timedelta(minutes=20),
    until=NOW + timedelta(minutes=40),
    isp=Isp.GMAIL,
    agent=AgentKind.POOL,
    action=Action.QUARANTINE_IP,
    target_type=TargetType.IP,
    target="192.0.2.12",
    reason="the provider refuses this address: 8 of 31 not accepted",
    rule="address-refused@2",
    evidence={"n": 31, "x": 8, "window_s": 600, "reply_rule": "gmail-block", "recipients": 8},
    status=DecisionStatus.APPROVED,
)
PAUSE = attrs.evolve(
    QUARANTINE,
    agent=AgentKind.EMERGENCY,
    action=Action.PAUSE_QUEUE,
    target_type=TargetType.ISP,
    target="gmail",
    reason="dead addresses have risen: 30 of 400 (7.5 %) in the last hour",
    rule="bounce-rise@1",
    evidence={"n": 400, "x": 30, "window_s": 3600, "p0": 0.03, "p1": 0.08, "S": 210, "H": 206, "arl0": 1_810_000},
    status=DecisionStatus.PROPOSED,
    deadline=NOW + timedelta(minutes=15),
    on_deadline=OnDeadline.APPLY,
)
THROTTLE = attrs.evolve(
    QUARANTINE,
    isp=Isp.YAHOO,
    agent=AgentKind.THROTTLE,
    action=Action.THROTTLE,
    target_type=TargetType.ISP,
    target="yahoo",
    reason="deferrals have risen from at most 10 % towards 30 %",
    rule="deferral-rise@1",
    evidence={},
    parameters={"factor": 0.5, "rung": 12, "rate_per_min": 8.9, "rate_reason": "cut to the accepted rate"},
)


@attrs.frozen
class Console:
    """A signed-in page of a console. `said`: what the browser complained of, strangers it asked included."""

    page: Page
    url: str
    pool: Any
    log: Path
    said: list[str]

    async def keep(self, *decisions: tuple[Decision, Mode], **more: Any) -> None:
        """Save through the store that the ingest worker saves through."""
        made = [(decision, mode, "") for decision, mode in decisions]
        await PostgresGovernanceStore(self.pool).save(Step(now=NOW, decisions=made, **more))

    async def mail(self, ip: str = "192.0.2.12") -> None:
        """An hour of mail to Gmail: 60 messages, five of the last six deferred."""
        signals = SignalProcessor()
        kinds = [OutcomeKind.DELIVERED] * 54 + [OutcomeKind.DELIVERED] + [OutcomeKind.DEFERRED] * 5
        signals.observe(
            [outcome(n, NOW - timedelta(minutes=60 - n), kind, ip=ip) for n, kind in enumerate(kinds)]
        )  # fmt: skip
        rows, points = signals.take_changes(NOW)
        await self.keep(signals=rows, history=points)

    async def rows(self, statement: str, *rows: tuple[Any, ...]) -> None:
        async with self.pool.connection() as conn, conn.cursor() as cursor:
            await cursor.executemany(statement, rows)

    async def value(self, query: str) -> Any:
        async with self.pool.connection() as conn:
            row = await (await conn.execute(query)).fetchone()
        return row[0] if row and len(row) == 1 else row

    async def open(self, path: str) -> Page:
        await self.page.goto(f"{self.url}{path}")
        return self.page


@asynccontextmanager
async def opened(
    pool: Any, dsn: str, browser: Browser, serve: Serve, port: int, folder: Path
) -> AsyncIterator[Console]:
    """Served with the real composition; closes with a look at what the browser had to complain of."""
    log = folder / "acct"
    log.mkdir()
    settings = Settings(
        api=ApiSettings(keys={"ann": Secret(KEY)}),
        tracking=TrackingSettings(secret=Secret("the secret of these tests")),
        governance=GovernanceSettings(mode=Mode.ACT),
        pmta=PmtaSettings(
            accounting_dir=str(log),
            vmtas=(VmtaSettings("mta2", "192.0.2.12"), VmtaSettings("mta4", "192.0.2.14", cold=True)),
        ),
    )
    container = Container(settings=settings, clock=Clock.starting(NOW, 1.0), dsn=dsn, pool=pool)
    await serve(application(container), port)
    context = await browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    page = await context.new_page()
    page.set_default_timeout(10_000)
    url = f"http://127.0.0.1:{port}"
    said: list[str] = []
    ours = (f"{url}/", f"ws://127.0.0.1:{port}/", "data:", "about:")
    context.on("request", lambda asked: None if asked.url.startswith(ours) else said.append(asked.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda one: said.append(one.text) if "Content Security Policy" in one.text else None)
    await page.goto(f"{url}/")
    await page.get_by_label("API key").fill(KEY)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Agents").wait_for()
    yield Console(page, url, pool, log, said)
    await context.close()
    assert said == []

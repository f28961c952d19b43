"""Rolling windows over HTTP, from what the ingest worker has stored."""

from datetime import datetime, timedelta

from litestar import Litestar
from litestar.testing import AsyncTestClient

from governance_streams import START, outcome
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.pool import Pool
from ignite_app.clock import Clock
from ignite_app.http import windows
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.settings import Secret
from ignite_domain.governance.observed import OutcomeKind
from ignite_domain.governance.ports import Step
from ignite_domain.governance.signals import SignalProcessor

KEY = "key-of-ann-" + "k" * 20


class Then(Clock):
    def now(self) -> datetime:
        return START + timedelta(minutes=20)


async def ready() -> dict[str, str]:
    return {}


async def test_what_was_counted_is_told_by_vmta_pool_and_limiter_and_a_wrong_word_by_its_field(pool: Pool) -> None:
    signals = SignalProcessor()
    signals.observe(
        [outcome(n, START + timedelta(seconds=n)) for n in range(9)]
        + [outcome(9, START + timedelta(seconds=9), OutcomeKind.BOUNCED, about_us=True)]
    )
    stored, history = signals.take_changes(START)
    await PostgresGovernanceStore(pool).save(Step(START, signals=stored, history=history))
    deps = windows.WindowDeps(pool, Then(), {"mta": "warm"}, timedelta(hours=6))
    app: Litestar = create_app(HttpDeps(Gatekeeper({"ann": Secret(KEY)}), windows.routes(deps), ready))
    async with AsyncTestClient(app) as client:
        client.headers["X-API-Key"] = KEY
        for by, name in (("vmta", "mta"), ("pool", "warm"), ("limiter", "gmail.com"), ("provider", "gmail")):
            (item,) = (await client.get(f"/api/v1/signals/windows?by={by}")).json()["items"]
            assert item["name"] == name
            hour = {"3600": {"n": 10, "x": 1}, "86400": {"n": 10, "x": 1}}
            assert item["windows"]["attempt"] == item["windows"]["refusal"] == hour
        assert (await client.get("/api/v1/signals/windows?by=pool&isp=yahoo")).json()["items"] == []
        wrong = await client.get("/api/v1/signals/windows?by=colour")
        assert (wrong.status_code, wrong.json()["detail"][:3]) == (400, "by:")

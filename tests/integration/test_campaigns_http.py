"""The campaign routes on a real database: the whole life over HTTP, and what is refused with which words."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from ignite_adapters.postgres.campaign_reading import CampaignReader
from ignite_adapters.postgres.pool import Pool
from ignite_app.demo import content
from ignite_app.http import campaigns
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.settings import Secret
from integration.sending import World, add_people

BODY = content.campaign(batch_per_min=100_000)


@pytest.fixture
def world(pool: Pool, pg_dsn: str) -> World:
    return World(pool, pg_dsn)


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncTestClient[Litestar]]:
    deps = campaigns.CampaignDeps(world.store, CampaignReader(world.pool), world.clock)  # type: ignore[arg-type]  # hand-turned

    async def ready() -> dict[str, str]:
        return {}

    app = create_app(HttpDeps(Gatekeeper({"ann": Secret("k" * 20)}), campaigns.routes(deps), ready))
    async with AsyncTestClient(app) as opened:
        opened.headers["X-API-Key"] = "k" * 20
        yield opened


async def test_a_campaign_lives_over_http(client: AsyncTestClient[Litestar], world: World) -> None:
    people = await add_people(world.pool, 30)
    made = await client.post("/api/v1/campaigns", json=BODY)
    assert made.status_code == 201
    campaign = made.json()
    assert (campaign["status"], campaign["created_by"], campaign["kind"]) == ("draft", "ann", "campaign")
    path = f"/api/v1/campaigns/{campaign['id']}"
    assert (await client.post(f"{path}/schedule")).json()["status"] == "scheduled"
    for _ in range(3):
        await world.driver.step()
    paused = (await client.post(f"{path}/pause", json={"reason": "typo"})).json()
    assert (paused["status"], paused["status_reason"]) == ("paused", "pause by ann: typo")
    assert (await client.post(f"{path}/resume")).json()["status"] == "preparing"
    await world.driver.step()
    worker = world.worker()
    await world.send_all(worker)
    await world.driver.step()
    await worker.close()
    async with world.pool.connection() as conn:
        await conn.execute(
            "insert into subscriber_events (event_type, event_at, subscriber_id, campaign_id, variant_id, verdict) "
            "select 'clicked', %s, subscriber_id, campaign_id, variant_id, 'human' from mailing_sends "
            "where subscriber_id = any(%s) union all "
            "select 'clicked', %s, subscriber_id, campaign_id, variant_id, 'machine' from mailing_sends",
            (world.clock.now(), people[:2], world.clock.now()),
        )
    listed = (await client.get("/api/v1/campaigns")).json()["items"][0]
    assert (listed["status"], listed["sent"], listed["total"], listed["counts"]) == (
        "finished",
        30,
        30,
        {"injected": 30},
    )
    assert sum(arm["sent"] for arm in listed["variants"]) == 30
    assert sum(arm["clicks"] for arm in listed["variants"]) == 2
    assert [arm["name"] for arm in listed["variants"]] == ["A", "B"]


async def test_cancelling_holds_whoever_waits(client: AsyncTestClient[Litestar], world: World) -> None:
    await add_people(world.pool, 5)
    campaign = await world.prepared()
    assert (await client.post(f"/api/v1/campaigns/{campaign}/cancel")).json()["status"] == "cancelled"
    await world.driver.step()
    shown = (await client.get(f"/api/v1/campaigns/{campaign}")).json()
    assert (shown["held"], shown["reasons"]) == (5, {"stopped": 5})


WRONG: list[tuple[str, Any, str]] = [
    ("a misspelt field", BODY | {"form_name": "x"}, "form_name"),
    ("no variants", BODY | {"variants": []}, "variants"),
    ("a number as text", BODY | {"batch_per_min": "fast"}, "batch_per_min"),
    ("an unknown placeholder", BODY | {"variants": [BODY["variants"][0] | {"html": "{{secret}}"}]}, "secret"),
    ("an unknown isp", BODY | {"audience": {"isp": ["aol"]}}, "aol"),
    ("a flow", BODY | {"kind": "flow"}, "kind"),
    ("a list", [], "object"),
]


@pytest.mark.parametrize(("name", "body", "named"), WRONG, ids=[row[0] for row in WRONG])
async def test_a_wrong_body_is_refused_by_name(
    client: AsyncTestClient[Litestar], name: str, body: Any, named: str
) -> None:
    answer = await client.post("/api/v1/campaigns", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert named in answer.json()["detail"]


async def test_what_cannot_happen_next_is_a_conflict_and_the_unknown_is_not_found(
    client: AsyncTestClient[Litestar],
) -> None:
    made = (await client.post("/api/v1/campaigns", json=BODY)).json()["id"]
    answer = await client.post(f"/api/v1/campaigns/{made}/resume")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "a draft campaign cannot resume; it can: schedule, cancel",
    )
    assert (await client.post("/api/v1/campaigns/999/pause")).status_code == 404
    assert (await client.get("/api/v1/campaigns/999")).status_code == 404
    assert (await client.post(f"/api/v1/campaigns/{made}/schedule", json={"at": "tomorrow"})).status_code == 400

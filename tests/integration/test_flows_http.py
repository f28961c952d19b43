"""The flow routes on a real database, and the welcome flow up to the message at the MTA's door."""

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from ignite_adapters.postgres.events import append
from ignite_adapters.postgres.flows import PostgresFlowStore
from ignite_adapters.postgres.pool import Pool
from ignite_app.demo import content
from ignite_app.http import flows
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.settings import Secret
from ignite_app.workers.flow import FlowWorker
from ignite_domain.events import EventType, SubscriberEvent
from integration.sending import World, add_people

BODY = {
    "name": "welcome",
    "mail": content.welcome(),
    "steps": [{"kind": "wait", "minutes": 1}, {"kind": "send"}],
}


@pytest.fixture
def world(pool: Pool, pg_dsn: str) -> World:
    return World(pool, pg_dsn)


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncTestClient[Litestar]]:
    deps = flows.FlowDeps(PostgresFlowStore(world.pool), world.clock)  # type: ignore[arg-type]  # hand-turned

    async def ready() -> dict[str, str]:
        return {}

    app = create_app(HttpDeps(Gatekeeper({"ann": Secret("k" * 20)}), flows.routes(deps), ready))
    async with AsyncTestClient(app) as opened:
        opened.headers["X-API-Key"] = "k" * 20
        yield opened


async def test_a_flow_is_made_over_http_and_its_mail_is_handed_to_the_mta_once(
    client: AsyncTestClient[Litestar], world: World
) -> None:
    made = await client.post("/api/v1/flows", json=BODY)
    assert made.status_code == 201
    flow = made.json()
    assert (flow["status"], flow["trigger"], flow["share"], flow["people"]) == ("active", "verified", 100, {})
    people = await add_people(world.pool, 3)
    async with world.pool.connection() as conn:
        await append(conn, [SubscriberEvent(EventType.VERIFIED, world.clock.now(), person) for person in people])
    worker = FlowWorker(PostgresFlowStore(world.pool), world.clock)  # type: ignore[arg-type]  # hand-turned
    for _ in range(5):
        await worker.step()
        world.clock.advance(seconds=30)
    sender = world.worker()
    await world.send_all(sender)
    await sender.close()
    async with world.pool.connection() as conn:
        rows = await (
            await conn.execute(
                "select subscriber_id, state from mailing_sends where campaign_id = %s order by 1",
                (flow["campaign_id"],),
            )
        ).fetchall()
    assert rows == [(person, "injected") for person in people]
    (listed,) = (await client.get("/api/v1/flows")).json()["items"]
    assert listed["people"] == {"done": 3}


async def test_a_flow_is_paused_and_resumed_and_an_unknown_one_is_a_404(client: AsyncTestClient[Litestar]) -> None:
    flow = (await client.post("/api/v1/flows", json=BODY)).json()
    path = f"/api/v1/flows/{flow['id']}"
    assert (await client.post(f"{path}/pause")).json()["status"] == "paused"
    assert (await client.post(f"{path}/resume")).json()["status"] == "active"
    assert (await client.post("/api/v1/flows/999/pause")).status_code == 404
    assert (await client.post("/api/v1/flows", json=BODY)).status_code == 409


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"steps": [{"kind": "fly"}]}, "steps"),
        ({"steps": [{"kind": "wait", "minutes": 0}]}, "steps[0]"),
        ({"share": 0}, "share"),
        ({"trigger": "nonsense"}, "trigger"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_wrong_field_is_named(client: AsyncTestClient[Litestar], change: dict[str, object], field: str) -> None:
    answer = await client.post("/api/v1/flows", json={**BODY, **change})
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert field in answer.json()["detail"]

"""The live hub over real sockets and a real database: nothing lost, nothing twice, nobody held up."""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import uvicorn
import websockets
from websockets.asyncio.client import ClientConnection

from ignite_adapters.postgres import events, live
from ignite_adapters.postgres.live import LiveFeed
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.live.hub import TOO_SLOW, Hub
from ignite_app.settings import Secret
from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.isps import Isp

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
KEY = "key-of-ann-" + "k" * 20
HEADERS = {"X-API-Key": KEY}
KEEPER = Gatekeeper({"ann": Secret(KEY)}, Secret("token-of-the-console"))


async def all_there() -> dict[str, str]:
    return {}


@asynccontextmanager
async def served(hub: Hub) -> AsyncIterator[str]:
    """The hub behind the gatekeeper on a real port; yields its WebSocket URL."""
    app = create_app(HttpDeps(KEEPER, [hub.handler()], all_there, [hub.lifespan]))
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2))
        running = asyncio.create_task(server.serve(sockets=[door]))
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"ws://127.0.0.1:{door.getsockname()[1]}/api/v1/live"
        server.should_exit = True
        await running


@pytest.fixture
async def url(pool: Pool, pg_dsn: str) -> AsyncIterator[str]:
    async with served(Hub(LiveFeed(pg_dsn, pool))) as address:
        yield address


def bounce(person: int, weight: int = 0) -> SubscriberEvent:
    return SubscriberEvent(
        EventType.HARD_BOUNCED,
        NOW,
        person,
        Isp.GMAIL,
        metadata={"note": random.Random(person).randbytes(weight // 2).hex()},
    )


async def store(pool: Pool, *people: int, weight: int = 0) -> None:
    async with transaction(pool) as conn:
        await events.append(conn, [bounce(person, weight) for person in people])


async def hear(client: ClientConnection, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        return [json.loads(await client.recv()) for _ in range(count)]


async def until_closed(client: ClientConnection) -> tuple[int | None, list[dict[str, Any]]]:
    """The server's close code, if one arrived, and what came before it."""
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        try:
            while True:
                heard.append(json.loads(await client.recv()))
        except websockets.ConnectionClosed as closed:
            return (closed.rcvd.code if closed.rcvd else None), heard


def people(messages: list[dict[str, Any]]) -> list[int]:
    return [message["data"]["subscriber_id"] for message in messages]


async def test_a_message_has_the_five_fields_and_ids_grow(url: str, pool: Pool) -> None:
    async with websockets.connect(url, additional_headers=HEADERS) as client:
        await client.ping()
        await store(pool, 1, 2)
        async with transaction(pool) as conn:
            await events.append(conn, [], decisions=[(NOW, None, {"action": "emergency_halt"})])
        first, second, third = await hear(client, 3)
    assert first == {
        "id": first["id"],
        "type": "hard_bounced",
        "at": "2026-11-02T09:00:00+00:00",
        "isp": "gmail",
        "data": {"subscriber_id": 1, "campaign_id": None, "variant_id": None, "note": ""},
    }
    assert (third["type"], third["isp"], third["data"]) == ("decision", None, {"action": "emergency_halt"})
    assert first["id"] < second["id"] < third["id"]


async def test_only_high_value_events_are_pushed(url: str, pool: Pool) -> None:
    async with websockets.connect(f"{url}?after=0", additional_headers=HEADERS) as client:
        async with transaction(pool) as conn:
            quiet = [SubscriberEvent(kind, NOW, 1, Isp.GMAIL) for kind in (EventType.SENT, EventType.DELIVERED)]
            await events.append(conn, [*quiet, bounce(2)])
        assert people(await hear(client, 1)) == [2]


async def test_after_replays_what_was_missed_then_goes_on_without_a_seam(url: str, pool: Pool) -> None:
    await store(pool, *range(1, 1201))  # more than one batch of the replay
    async with websockets.connect(f"{url}?after=0", additional_headers=HEADERS) as client:
        feeding = asyncio.create_task(trickle(pool, range(1201, 1241)))
        messages = await hear(client, 1240)
        await feeding
    assert people(messages) == list(range(1, 1241))
    middle = messages[499]["id"]
    async with websockets.connect(f"{url}?after={middle}", additional_headers=HEADERS) as client:
        again = await hear(client, 740)
    assert again == messages[500:]


async def trickle(pool: Pool, numbers: range) -> None:
    for number in numbers:
        await store(pool, number)


async def test_a_negative_after_asks_for_about_the_last_so_many(url: str, pool: Pool) -> None:
    async with websockets.connect(url, additional_headers=HEADERS) as first:
        await first.ping()
        await store(pool, *range(1, 31))
        await hear(first, 30)
        async with websockets.connect(f"{url}?after=-5", additional_headers=HEADERS) as second:
            assert people(await hear(second, 5)) == [26, 27, 28, 29, 30]
        async with websockets.connect(f"{url}?after=-500", additional_headers=HEADERS) as third:
            assert len(await hear(third, 30)) == 30


async def test_a_transaction_held_open_loses_and_reorders_nothing(url: str, pool: Pool) -> None:
    async with websockets.connect(f"{url}?after=0", additional_headers=HEADERS) as client:
        async with pool.connection() as slow:
            await events.append(slow, [bounce(1), bounce(2)])  # has its ids, is not committed
            late = asyncio.create_task(store(pool, 3))  # must not become visible before it
            async with transaction(pool) as conn:  # events that are not pushed do not wait for anybody
                await events.append(conn, [SubscriberEvent(EventType.SENT, NOW, 9, Isp.GMAIL)])
            async with websockets.connect(f"{url}?after=0", additional_headers=HEADERS) as other:
                await other.ping()
                assert not late.done()
                await slow.commit()
                await late
                assert people(await hear(other, 3)) == [1, 2, 3]
        messages = await hear(client, 3)
    assert people(messages) == [1, 2, 3]
    assert [m["id"] for m in messages] == sorted(m["id"] for m in messages)


async def test_a_rollback_leaves_a_gap_in_the_ids_and_no_wait(url: str, pool: Pool) -> None:
    async with websockets.connect(f"{url}?after=0", additional_headers=HEADERS) as client:
        async with pool.connection() as conn:
            await events.append(conn, [bounce(1)])
            await conn.rollback()
        await store(pool, 2)
        [message] = await hear(client, 1)
    assert (message["id"], people([message])) == (2, [2])


async def test_many_writers_at_once_reach_every_client_in_the_same_order(url: str, pool: Pool) -> None:
    async with (
        websockets.connect(f"{url}?after=0", additional_headers=HEADERS) as one,
        websockets.connect(f"{url}?after=0", additional_headers=HEADERS) as two,
    ):
        await asyncio.gather(*(trickle(pool, range(start, start + 20)) for start in (100, 200, 300, 400)))
        heard = await hear(one, 80)
        assert heard == await hear(two, 80)
    ids = [message["id"] for message in heard]
    assert ids == sorted(set(ids))
    assert sorted(people(heard)) == [n for start in (100, 200, 300, 400) for n in range(start, start + 20)]


async def test_the_feed_comes_back_after_every_connection_was_cut(
    url: str, pool: Pool, pg_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RECONNECT_REAL_SECONDS", 0.05)
    async with websockets.connect(f"{url}?after=0", additional_headers=HEADERS) as client:
        await store(pool, 1)
        await hear(client, 1)
        with psycopg.connect(pg_dsn, autocommit=True) as killer:
            killer.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        await store(pool, 2)
        assert people(await hear(client, 1)) == [2]


async def test_a_client_that_stops_reading_is_closed_and_holds_nobody_up(pool: Pool, pg_dsn: str) -> None:
    hub = Hub(LiveFeed(pg_dsn, pool), queue=20, patience=0.5)
    async with served(hub) as url:
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(stuck, ("127.0.0.1", port))
        lazy = await websockets.connect(url + "?after=0", additional_headers=HEADERS, sock=stuck, max_queue=1)
        async with websockets.connect(f"{url}?after=0", additional_headers=HEADERS, max_size=1 << 22) as keen:
            for person in range(1, 101):
                await store(pool, person, weight=100_000)
                assert people(await hear(keen, 1)) == [person]
            assert len(hub._clients) == 1  # the one that reads
        told, heard = await until_closed(lazy)
        assert told in (None, TOO_SLOW)  # the code may be stuck behind what was not read
        assert people(heard) == list(range(1, len(heard) + 1))


async def test_a_client_that_lags_behind_is_closed_with_a_code_and_comes_back_for_the_rest(
    pool: Pool, pg_dsn: str
) -> None:
    async with served(Hub(LiveFeed(pg_dsn, pool), queue=10)) as url:
        async with websockets.connect(url, additional_headers=HEADERS) as client:
            await client.ping()
            await store(pool, *range(1, 101))  # one commit: ten times what may wait
            code, heard = await until_closed(client)
            assert code == TOO_SLOW
        last = heard[-1]["id"] if heard else 0
        async with websockets.connect(f"{url}?after={last}", additional_headers=HEADERS) as client:
            heard += await hear(client, 100 - len(heard))
        assert people(heard) == list(range(1, 101))


REFUSED = [
    {},
    {"X-API-Key": "wrong"},
    {"Cookie": f"{KEEPER.cookie_name()}={KEEPER.cookie_value()}", "Origin": "https://evil.example"},
]


@pytest.mark.parametrize("headers", REFUSED)
async def test_nobody_listens_without_a_key_or_from_a_strangers_page(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(url, additional_headers=headers)
    assert refused.value.response.status_code == 403


async def test_the_consoles_cookie_listens_from_its_own_page(url: str, pool: Pool) -> None:
    headers = {
        "Cookie": f"{KEEPER.cookie_name()}={KEEPER.cookie_value()}",
        "Origin": url.replace("ws://", "http://").removesuffix("/api/v1/live"),
    }
    async with websockets.connect(f"{url}?after=0", additional_headers=headers) as client:
        await store(pool, 7)
        assert people(await hear(client, 1)) == [7]

"""The worker `watch` against the simulator's console: alerts begin, are told, end, and are told at most so often."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import attrs
import pytest
from litestar.testing import AsyncTestClient

from conftest import NOW
from contracts.smtp_server import TinySmtp
from ignite_adapters.alerts import EmailChannel, WebhookChannel
from ignite_adapters.pmta.ssh import SshConsole
from ignite_adapters.postgres import tallies
from ignite_adapters.postgres.alerts import AlertStore
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.reported import ReportedRates
from ignite_adapters.postgres.tallies import LogBook
from ignite_app.clock import Clock
from ignite_app.http import alerts
from ignite_app.http.alerts import AlertDeps
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.settings import Secret
from ignite_app.simulator.options import SimulatorOptions
from ignite_app.simulator.simulator import Simulator
from ignite_app.workers.watch import Channel, Watch
from ignite_domain.governance.health import FEED_KINDS, FREEZES, Finding
from ignite_domain.governance.tally import HostSeen, Seen, Tally
from integration.sending import HandClock

DAY_OF = {"d": 900, "b": 200, "t": 5, "tq": 1}


class Hook:
    """An HTTP server that notes what it is sent and answers with `status`."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200

    async def __aenter__(self) -> "Hook":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split()[0])
        body = json.loads(await reader.readexactly(length))
        if self.status == 200:
            self.got.append(body)
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def told(self) -> list[tuple[str, str]]:
        return [(one["state"], one["kind"]) for one in self.got]


@attrs.define
class Room:
    """A worker, the host it asks, and a log book that the test writes."""

    pool: Pool
    simulator: Simulator
    console: SshConsole
    clock: HandClock
    hook: Hook
    mails: TinySmtp
    channels: list[Channel] = attrs.field(factory=list)
    worker: Watch = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.worker = Watch(
            LogBook(self.pool),
            AlertStore(self.pool),
            self.channels,
            self.console,
            self.clock,  # type: ignore[arg-type]  # the part of a Clock that workers use
            poll_seconds=30,
            stalled=timedelta(minutes=10),
            skew=timedelta(seconds=60),
            quiet=timedelta(minutes=15),
        )

    async def log(
        self, records: int = 1, *, at: datetime | None = None, failure: str = "", ahead: float = -1.0
    ) -> None:
        """The ingest worker looked: `records` deliveries in this minute; 0: nothing new."""
        now = self.clock.now()
        at = at or now
        told = Tally(
            [HostSeen("", now, failure, at if records else None, ahead)],
            {("", kind): Seen(count, at, at) for kind, count in DAY_OF.items()},
            {("", at.replace(second=0, microsecond=0), "d"): records} if records else {},
        )
        async with self.pool.connection() as conn:
            await tallies.write(conn, told)
            await conn.execute(
                "insert into mailing_engine_progress (read_until) values (%s) "
                "on conflict (sole) do update set read_until = excluded.read_until",
                (now,),
            )

    def send(self, count: int) -> None:
        """The MTA delivers to so many."""
        for _ in range(count):
            self.simulator.mta.traffic.outgoing.add(self.clock.now().timestamp(), 1000)

    async def minutes(self, count: int, *, sent: int = 0, logged: int = 0) -> None:
        """Time goes by, a step a minute."""
        for _ in range(count):
            self.clock.advance(minutes=1)
            self.send(sent)
            await self.log(logged)
            await self.worker.step()

    async def standing(self) -> list[str]:
        return [row["kind"] for row in await AlertStore(self.pool).listed(1 << 62, 100, open_only=True)]


@pytest.fixture
async def room(pool: Pool, tmp_path: Path) -> AsyncIterator[Room]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "client"))
    key.write_public_key(str(tmp_path / "client.pub"))
    simulator = Simulator.build(
        SimulatorOptions(
            str(tmp_path / "home"), str(tmp_path / "spool"), ssh_authorised_key=str(tmp_path / "client.pub")
        )
    )
    await simulator.start()
    console = SshConsole("127.0.0.1", simulator.ssh.port, "ignite", str(tmp_path / "client"), simulator.ssh.host_key)
    async with Hook() as hook, TinySmtp() as mails:
        channels: list[Channel] = [
            WebhookChannel(hook.url),
            EmailChannel("127.0.0.1", mails.port, "ignite@mail.example", "ops@mail.example"),
        ]
        made = Room(pool, simulator, console, HandClock(NOW), hook, mails, channels)
        yield made
        await made.worker.close()
    await simulator.stop()


async def test_no_records_while_the_mta_sends_is_the_dead_mans_alert_until_records_come(room: Room) -> None:
    await room.minutes(5, sent=50, logged=50)
    await room.minutes(9, sent=50)
    assert await room.standing() == []
    await room.minutes(3, sent=50)
    assert await room.standing() == ["dead_man"]
    assert room.hook.told() == [("begun", "dead_man")]
    assert "nothing is loosened" in room.hook.got[0]["text"]
    await room.minutes(2, sent=50)
    assert room.hook.told() == [("begun", "dead_man")]  # told once
    for late in range(14):
        await room.log(50, at=room.clock.now() - timedelta(minutes=late))
    await room.minutes(1)
    assert await room.standing() == []
    assert room.hook.told() == [("begun", "dead_man"), ("ended", "dead_man")]


async def test_a_mta_that_sends_nothing_is_not_missed(room: Room) -> None:
    await room.minutes(3, sent=10, logged=10)
    await room.minutes(30)
    assert await room.standing() == []


async def test_records_that_are_fewer_than_the_mta_counts_are_an_alert(room: Room) -> None:
    await room.minutes(25, sent=100, logged=100)
    assert await room.standing() == []
    await room.minutes(25, sent=100, logged=70)
    assert await room.standing() == ["totals_differ"]


async def test_a_host_that_does_not_answer_is_unknown_and_not_well(room: Room) -> None:
    await room.minutes(2, sent=10, logged=10)
    await room.simulator.ssh.shut()
    await room.minutes(9, logged=10)
    assert await room.standing() == []
    await room.minutes(3, logged=10)
    assert await room.standing() == ["host_unreachable"]
    await room.simulator.ssh.listen()
    await room.minutes(1, logged=10)
    assert await room.standing() == []


async def test_a_clock_that_is_ahead_and_a_log_that_cannot_be_read_are_alerts_of_their_own(room: Room) -> None:
    await room.log(ahead=90.0)
    await room.worker.step()
    assert await room.standing() == ["clock_skew"]
    await room.log(failure="No such file or directory")
    await room.worker.step()
    assert sorted(await room.standing()) == ["feed_unreadable"]


async def test_a_webhook_that_fails_is_tried_again_and_one_alert_comes_once_in_a_quarter_of_an_hour(room: Room) -> None:
    room.hook.status = 503
    await room.log(ahead=90.0)
    await room.worker.step()
    assert room.hook.got == []
    room.hook.status = 200
    await room.worker.step()
    assert room.hook.told() == [("begun", "clock_skew")]
    for _ in range(5):  # it comes and goes
        await room.minutes(1, logged=1)
        await room.log(ahead=90.0)
        await room.worker.step()
    assert room.hook.told() == [("begun", "clock_skew"), ("ended", "clock_skew")]
    room.clock.advance(minutes=11)
    await room.log(ahead=90.0)
    await room.worker.step()
    assert room.hook.told()[2:] == [("begun", "clock_skew")]
    assert len(room.mails.messages) == 2  # begun; after 15 minutes, that it is on again
    text = b"".join(body for _, body in room.mails.messages)
    assert b"IGNITE: clock skew on the main host" in text
    assert {to for to, _ in room.mails.messages} == {"ops@mail.example"}


async def test_alerts_record_types_and_unknown_replies_are_read_over_the_api(pool: Pool) -> None:
    store, clock = AlertStore(pool), Clock.starting(NOW, 1.0)
    skew, stalled = Finding("clock_skew", "mta2", "ahead"), Finding("feed_stalled", "", "silent")
    assert await store.hold([skew, stalled], FEED_KINDS, NOW) == (2, 0)
    assert await store.hold([stalled], {"clock_skew"}, NOW + timedelta(minutes=1)) == (0, 1)  # others' kinds are theirs
    assert await store.standing(FREEZES) == {("feed_stalled", "")}
    unknown = {("gmail", "5.9.9", f"odd {n}"): Seen(1 + n % 7, NOW, NOW) for n in range(520)}
    async with pool.connection() as conn:
        await tallies.write(conn, Tally([], {("mta2", "zz"): Seen(3, NOW, NOW)}, {}, unknown))
    rooms = alerts.routes(AlertDeps(store, LogBook(pool), ReportedRates(pool), clock))
    key = "a-key-of-enough-length"
    app = create_app(HttpDeps(Gatekeeper({"ann": Secret(key)}), rooms, nothing))
    async with AsyncTestClient(app) as client:

        async def got(path: str) -> Any:
            return (await client.get(f"/api/v1/{path}", headers={"X-API-Key": key})).json()

        assert [one["kind"] for one in (await got("alerts"))["items"]] == ["feed_stalled", "clock_skew"]
        assert [one["kind"] for one in (await got("alerts?open_only=true"))["items"]] == ["feed_stalled"]
        assert [one["type"] for one in (await got("records"))["items"]] == ["zz"]
        replies = await got("replies/unknown?limit=1000")
        assert (replies["kinds"], len(replies["items"])) == (500, 500)  # the least seen of 520 are dropped
        assert min(one["count"] for one in replies["items"]) == 1
        assert sum(1 for one in replies["items"] if one["count"] == 7) == 74  # of the most seen none is
        assert (await got("signals/reported"))["items"] == []
        assert (await client.get("/api/v1/alerts")).status_code == 401


async def nothing() -> dict[str, str]:
    return {}

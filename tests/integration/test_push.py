"""Accounting files pushed over HTTP: who may, what fits, and that nothing is counted twice whatever is repeated."""

import asyncio
import gzip
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import attrs
import httpx
import pytest
import uvicorn
from litestar import Litestar
from litestar.testing import AsyncTestClient

from conftest import NOW
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.pushed import PushedFeed, PushedFiles
from ignite_app.clock import Clock
from ignite_app.http import accounting
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.workers.ingest import IngestWorker
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.words import Mode
from integration.sending import HandClock

SCRIPT = Path(__file__).parents[2] / "deploy" / "ignite-acct-push"
SECRET = "the-secret-of-mta2"
HEADER = "type,timeLogged,rcpt,dsnStatus,dsnDiag,queue,envId\r\n"
FILE = "acct-2026-11-02-0001.csv"
NONE: Mapping[str, str] = {}
FINAL: Mapping[str, str] = {"final": "true"}


def rows(*numbers: int) -> bytes:
    return "".join(
        f'd,2026-11-02 08:{n:02d}:00+0000,p{n}@gmail.com,2.0.0,"smtp;250 2.0.0\r\n OK",gmail.com/mta1,x{n}\r\n'
        for n in numbers
    ).encode()


@attrs.define
class Host:
    """A sender with its secret and its clock."""

    client: AsyncTestClient[Litestar]
    secret: str = SECRET
    late: float = 0.0

    async def push(
        self,
        body: bytes,
        offset: int,
        *,
        host: str = "mta2",
        packed: bool = False,
        encoding: str = "",
        swap: str = "",
        more: Mapping[str, str] = NONE,
    ) -> httpx.Response:
        """`swap`: send it to another target than was signed."""
        query = urlencode({"file": FILE, "identity": "2049-77", "offset": offset, **more})
        target = f"/api/v1/accounting/{host}?{query}"
        sent = gzip.compress(body) if packed else body
        encoding = "gzip" if packed else encoding
        stamp = str(int((NOW - timedelta(seconds=self.late)).timestamp()))
        headers = {
            "X-Ignite-Timestamp": stamp,
            "X-Ignite-Signature": "sha256=" + accounting.signature(self.secret, stamp, target, sent),
            **({"Content-Encoding": encoding} if encoding else {}),
        }
        return await self.client.post(swap or target, content=sent, headers=headers)


async def nothing() -> dict[str, str]:
    return {}


@pytest.fixture
async def host(pool: Pool) -> AsyncIterator[Host]:
    deps = accounting.PushDeps(PushedFiles(pool), {"mta2": SECRET, "mta3": SECRET}, Clock.starting(NOW, 1.0))
    app = create_app(HttpDeps(Gatekeeper({}), accounting.routes(deps), nothing))
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        yield Host(client)


def worker(pool: Pool, batch: int = 3000) -> IngestWorker:
    """A new one each time stands for a restart."""
    return IngestWorker(
        PushedFeed(pool, ["mta2", "mta3"]),
        PostgresGovernanceStore(pool),
        Orchestrator(lambda kind, isp: Mode.OBSERVE),
        {},
        HandClock(NOW + timedelta(minutes=1)),  # type: ignore[arg-type]  # the part of a Clock that workers use
        poll_seconds=10,
        batch=batch,
    )


async def counted(pool: Pool) -> list[tuple[str, int, int, int]]:
    async with pool.connection() as conn:
        found = await conn.execute("select path, ingested, rejected, line from mailing_engine_feeds order by source")
        return list(await found.fetchall())


async def test_pushes_one_after_another_are_one_file(host: Host, pool: Pool) -> None:
    first, second = HEADER.encode() + rows(1, 2)[:-30], rows(1, 2)[-30:] + rows(3)
    assert (await host.push(first, 0)).json() == {"received": len(first)}
    assert await worker(pool).step() == 1  # the second record is not whole yet
    answer = await host.push(second, len(first), packed=True, more=FINAL)
    assert (answer.status_code, answer.json()) == (200, {"received": len(first) + len(second)})
    assert await worker(pool).step() == 2
    assert await worker(pool).step() == 0
    assert await counted(pool) == [(f"mta2/{FILE}", 3, 0, 7)]
    async with pool.connection() as conn:  # what is committed need not be kept
        assert await (await conn.execute("select count(*) from mailing_engine_pushed_chunks")).fetchone() == (0,)


async def test_a_push_that_is_repeated_changes_nothing(host: Host, pool: Pool) -> None:
    body = HEADER.encode() + rows(1, 2)
    for _ in range(3):
        assert (await host.push(body, 0)).json() == {"received": len(body)}
    assert await worker(pool).step() == 2
    assert (await host.push(body, 0)).json() == {"received": len(body)}  # also after it was read
    assert (await host.push(rows(2), len(body) - len(rows(2)))).json() == {"received": len(body)}
    assert await worker(pool).step() == 0


async def test_a_push_that_leaves_a_gap_or_lies_over_another_is_told_where_to_begin(host: Host, pool: Pool) -> None:
    body = HEADER.encode() + rows(1)
    await host.push(body, 0)
    for offset in (len(body) + 1, len(body) - 1, 10**9):
        answer = await host.push(rows(2), offset)
        assert (answer.status_code, answer.json()["expected"]) == (409, len(body))
    await host.push(b"", len(body), more=FINAL)
    assert (await host.push(rows(2), len(body))).status_code == 409  # it was said to be whole
    assert (await host.push(body, 0)).status_code == 200
    assert await worker(pool).step() == 1


@pytest.mark.parametrize(("secret", "late"), [("another-secret-altogether", 0.0), (SECRET, 301.0), (SECRET, -301.0)])
async def test_a_wrong_or_old_signature_is_refused(host: Host, pool: Pool, secret: str, late: float) -> None:
    answer = await attrs.evolve(host, secret=secret, late=late).push(HEADER.encode() + rows(1), 0)
    assert answer.status_code == 401
    assert await worker(pool).step() == 0


async def test_an_overheard_push_cannot_be_laid_into_another_file_host_or_place(host: Host, pool: Pool) -> None:
    good = f"file={FILE}&identity=2049-77&offset=0"
    for swap in (
        f"/api/v1/accounting/mta3?{good}",
        f"/api/v1/accounting/mta2?{good.replace('77', '78')}",
        f"/api/v1/accounting/mta2?{good.replace('offset=0', 'offset=5')}",
        f"/api/v1/accounting/mta2?{good}&final=true",
        f"/api/v1/accounting/unknown?{good}",
    ):
        assert (await host.push(HEADER.encode() + rows(1), 0, swap=swap)).status_code == 401, swap
    assert (await host.client.post(f"/api/v1/accounting/mta2?{good}", content=b"x")).status_code == 401
    assert await worker(pool).step() == 0


async def test_what_is_no_push_is_named(host: Host) -> None:
    for name, wrong in [("file", "../etc/passwd"), ("file", "notes.txt"), ("identity", "a b")]:
        answer = await host.push(rows(1), 0, more={name: wrong})
        assert answer.status_code == 400, wrong
        assert answer.json()["detail"].startswith(name)
    assert (await host.push(rows(1), -1)).json()["detail"].startswith("offset")
    assert "gzip" in (await host.push(rows(1), 0, encoding="gzip")).json()["detail"]
    assert "gzip" in (await host.push(rows(1), 0, encoding="br")).json()["detail"]
    bomb = await host.push(b"0" * (65 << 20), 0, packed=True, more={"identity": "bomb"})
    assert (bomb.status_code, "MiB" in bomb.json()["detail"]) == (400, True)


async def test_equal_files_of_two_hosts_are_two_and_a_restart_in_the_middle_counts_no_line_twice(
    host: Host, pool: Pool
) -> None:
    body = HEADER.encode() + rows(*range(1, 8))
    await host.push(body, 0)
    await host.push(body, 0, host="mta3")
    steps = []
    while done := await worker(pool, batch=3).step():
        steps.append(done)
    assert sum(steps) == 14
    assert [row[1] for row in await counted(pool)] == [7, 7]


async def test_the_script_for_the_host_sends_what_is_new_whatever_the_files_are_called_by_now(
    pool: Pool, tmp_path: Path
) -> None:
    clock = Clock()  # the script signs with real time
    deps = accounting.PushDeps(PushedFiles(pool), {"mta2": SECRET}, clock)
    app = create_app(HttpDeps(Gatekeeper({}), accounting.routes(deps), nothing))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    (tmp_path / "secret").write_text(SECRET + "\n")
    folder = tmp_path / "log"
    folder.mkdir()

    async def run(secret: str = "secret") -> tuple[int, str]:
        script = await asyncio.create_subprocess_exec(
            *(sys.executable, str(SCRIPT), base, "mta2", str(tmp_path / secret), str(folder)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, told = await script.communicate()
        return script.returncode or 0, told.decode()

    try:
        first, second = folder / FILE, folder / FILE.replace("0001", "0002")
        first.write_bytes(HEADER.encode() + rows(1, 2)[:-10])
        assert await run() == (0, "")
        assert await worker(pool).step() == 1
        first.write_bytes(HEADER.encode() + rows(1, 2, 3)[:-10])
        second.write_bytes(HEADER.encode() + rows(4, 5))
        assert await run() == await run() == (0, "")
        assert await worker(pool).step() == 5  # two whole ones, the one that was cut off, two of the next file
        (folder / f"{FILE}.gz").write_bytes(gzip.compress(first.read_bytes()))
        first.unlink()
        second.rename(folder / "moved.csv")
        assert await run() == (0, "")
        assert await worker(pool).step() == 0
        (tmp_path / "wrong").write_text("another-secret-altogether")
        status, told = await run("wrong")
        assert (status, "401" in told, "secret" in told) == (1, True, False)
    finally:
        server.should_exit = True
        await serving

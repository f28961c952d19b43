"""A disk that is really full: the import says so, waits, and goes on where it was when there is room again.

The database lies on a small file system of its own (tmpfs), which a ballast file fills while rows are being
merged. PostgreSQL then refuses statements, or ends itself where its log does not fit; both are survived.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import yaml

from ignite_adapters.postgres import embedded
from ignite_adapters.postgres.migrate import migrate
from ignite_app.demo import children

ROWS = 60_000
BAD = 1_000
SPARE = 6_000_000  # octets left beside the ballast: less than the rows need
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m,mode=0777", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system of its own needs the right to mount (root)")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - SPARE)
    return ballast


async def _worker(config: Path, log: Path) -> asyncio.subprocess.Process:
    with log.open("ab") as out:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ignite_app.entry", "work", "normalizer", "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=out,
        )


def _retries(log: Path) -> list[str]:
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return [line["detail"] for line in lines if line["event"] == "worker.retry" and line["port"] == "database"]


async def _kept_up(cluster: Path, server: embedded.EmbeddedServer) -> embedded.EmbeddedServer:
    """The server, started again where it ended: as a service manager does. Returns when it is gone no more.

    A server whose log did not fit may end well after its last statement failed, so one look does not do.
    """
    while True:
        if not server.alive():
            server = embedded.start(cluster, embedded.DURABLE)
        try:
            await (await psycopg.AsyncConnection.connect(server.dsn())).close()
            return server
        except psycopg.OperationalError:
            await asyncio.sleep(0.2)


async def _result(dsn: str) -> tuple[str, int, int] | None:
    """The import's line once it is done. None: not yet, or the server is recovering."""
    try:
        async with await psycopg.AsyncConnection.connect(dsn) as conn:
            row = await (await conn.execute("select status, inserted, rejected from data_import_log")).fetchone()
    except psycopg.OperationalError:
        return None
    return row if row is not None and row[0] == "done" else None


@pytest.mark.timeout(180)
async def test_an_import_onto_a_full_disk_is_named_waited_for_and_finished_when_there_is_room(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = children.free_port()
    monkeypatch.setattr(embedded, "_free_port", lambda: port)  # the same one, should the server have to start again
    cluster = small_disk / "postgres"
    cluster.mkdir()
    server = embedded.start(cluster, embedded.DURABLE | {"max_wal_size": "64MB", "shared_buffers": "16MB"})
    migrate(server.dsn(), NOW)
    bucket = tmp_path / "bucket" / "jvc-email-data"
    bucket.mkdir(parents=True)
    with (bucket / "list.csv").open("w", encoding="utf-8") as file:
        file.write("email,first_name\n")
        file.writelines(f"person{number}@gmail.com,Ann\n" for number in range(ROWS - BAD))
        file.writelines(f"no address {number},Bob\n" for number in range(BAD))
    config, log = tmp_path / "config.yaml", tmp_path / "worker.log"
    config.write_text(
        yaml.safe_dump(
            {"database": {"dsn": server.dsn()}, "bucket": {"directory": str(bucket.parent), "poll_seconds": 1}}
        ),
        encoding="utf-8",
    )

    ballast = _fill(small_disk)
    worker = await _worker(config, log)
    try:
        async with asyncio.timeout(90):
            while not any("No space left" in said for said in _retries(log)):  # another process
                if not server.alive():  # its own log did not fit: it is started again, as a service manager does
                    break
                await asyncio.sleep(0.1)
        ballast.unlink()
        assert worker.returncode is None
        async with asyncio.timeout(60):
            server = await _kept_up(cluster, server)
            while (row := await _result(server.dsn())) is None:
                await asyncio.sleep(0.2)
                server = await _kept_up(cluster, server)
        async with await psycopg.AsyncConnection.connect(server.dsn()) as conn:
            people = await (await conn.execute("select count(*) from mailing_subscribers")).fetchone()
    finally:
        worker.kill()
        await worker.wait()
        server.stop()
    assert row == ("done", ROWS - BAD, BAD)
    assert people == (ROWS - BAD,)
    rejects = bucket / "processed" / "001-JVC-Mailable.rejects.csv"
    assert len(rejects.read_text(encoding="utf-8").splitlines()) == 1 + BAD
    assert _retries(log), "the disk was never full"

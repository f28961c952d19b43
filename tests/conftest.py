"""Real PostgreSQL for the tests: one server a session, one database a test, cloned from a migrated template.

The server is IGNITE_TEST_DSN if set, a container with IGNITE_TEST_CONTAINERS=1, else the embedded one.
What was skipped, and why, is listed at the end of a run; IGNITE_NO_SKIPS="marker,marker" makes such skips fail.

With `-n 2` (what `make test` says) two processes share the tests, file by file, each with a server of its own. Tests
marked `alone` are whole runs in real time: they come last, and while one of them runs, the other process rests.
Without `-n` the same tests run in the same order, one after the other.
"""

import asyncio
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ignite_adapters.postgres import embedded
from ignite_adapters.postgres.migrate import migrate
from ignite_adapters.postgres.partitions import ensure_partitions
from ignite_adapters.postgres.pool import Pool, open_pool

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
FOREIGN = Path(os.environ.get("IGNITE_SHARED_FIXTURES", Path(__file__).parents[2] / "shared" / "fixtures"))

MEMORY = Path("/dev/shm")
ROOM = 2_000_000_000  # octets; a run takes a tenth of it for each process, mostly PostgreSQL's log

_SERVERS: list[str] = []


def _tell(place: str, dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        _SERVERS.append(f"PostgreSQL {conn.info.parameter_status('server_version')} ({place})")


def on_given_server() -> bool:
    """Whether the tests run on a server that is not the embedded one."""
    return bool(os.environ.get("IGNITE_TEST_DSN")) or os.environ.get("IGNITE_TEST_CONTAINERS") == "1"


@contextmanager
def _in_memory() -> Iterator[Path | None]:
    """A folder that is no disk, or None where none has room: each test's database is 700 files made and removed.

    What a killed run left there goes with the next run: nobody holds its lock. Ours is held before it has its name.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        yield None
        return
    for old in MEMORY.glob("ignite-tests-*"):
        with suppress(OSError), (old / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix="ignite-new-", dir=MEMORY))
    with (made / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = made.rename(made.with_name(made.name.replace("new", "tests", 1)))
        yield folder
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A DSN whose user may create databases."""
    if given := os.environ.get("IGNITE_TEST_DSN"):
        _tell("IGNITE_TEST_DSN", given)
        yield given
    elif os.environ.get("IGNITE_TEST_CONTAINERS") == "1":
        from testcontainers.community.postgres import PostgresContainer

        with PostgresContainer("postgres:16", driver=None) as container:
            dsn = container.get_connection_url(driver=None)
            _tell(f"container {container.get_wrapped_container().short_id}", dsn)
            yield dsn
    else:
        with _in_memory() as memory:
            server = embedded.start(memory or tmp_path_factory.mktemp("postgres"), embedded.THROWAWAY)
            _tell(f"embedded{', in memory' if memory else ''}", server.dsn())
            yield server.dsn()
            server.stop()


def _database(dsn: str, name: str) -> str:
    return psycopg.conninfo.make_conninfo(dsn, dbname=name)


@pytest.fixture(scope="session")
def template(server_dsn: str) -> str:
    """The name of a database with the newest schema and partitions around NOW."""
    name = f"ignite_template_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    dsn = _database(server_dsn, name)
    migrate(dsn, NOW)

    async def partitions() -> None:
        pool = await open_pool(dsn, 2)
        await ensure_partitions(pool, NOW, ahead=2)
        await pool.close()

    asyncio.run(partitions())
    return name


@pytest.fixture(scope="session")
def bare_database(server_dsn: str) -> str:
    """A database with nothing in it, for the session."""
    name = f"ignite_bare_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return _database(server_dsn, name)


@pytest.fixture
def pg_dsn(server_dsn: str, template: str) -> Iterator[str]:
    """A fresh database with the schema in it."""
    name = f"ignite_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template)))
    yield _database(server_dsn, name)
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
async def pool(pg_dsn: str) -> AsyncIterator[Pool]:
    """A pool on a fresh database."""
    opened = await open_pool(pg_dsn, 6)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def foreign_fixtures() -> Path:
    """The folder of data that others wrote; it is read where it lies and never committed."""
    if not FOREIGN.is_dir():
        pytest.skip("no shared fixtures here: set IGNITE_SHARED_FIXTURES to the folder that holds bounce_replies.json")
    return FOREIGN


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    report = yield
    forbidden = {name for name in os.environ.get("IGNITE_NO_SKIPS", "").split(",") if name}
    marks = forbidden & {mark.name for mark in item.iter_markers()}
    if report.skipped and marks and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped, which is not allowed here ({', '.join(marks)}): {report.longrepr}"
        )
    return report


@cache
def _stream(file: Path) -> tuple[int, str]:
    """When a file's turn comes, and with which others it has to run in one process.

    The long ones first, so that both processes end at about the same time; whoever looks at the kept run (dear, one a
    process) together; and last of all what wants the machine for itself.
    """
    text = file.read_text(encoding="utf-8")
    if "pytest.mark.alone" in text:
        return (9, "alone")
    if "kept_run" in text:
        return (0, "kept run")
    turn = next((turn for turn, part in enumerate(("integration", "contracts", "unit"), 1) if part in file.parts), 4)
    return (turn, str(file))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _stream(item.path))  # stable: within a file as they are written


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal streams out in the order of the tests, one by one, to the process that has hardly anything left."""
    from xdist.scheduler import LoadScopeScheduling

    class Streams(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _stream(config.rootpath / nodeid.partition("::")[0])[1]

    config.option.loadscopereorder = False
    return Streams(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """The machine is shared by ordinary tests and held by one that is `alone`; waiting is not part of a test's time."""
    if not hasattr(item.config, "workerinput"):  # the only process
        return (yield)
    alone = item.get_closest_marker("alone") is not None
    with (Path(item.config.option.basetemp).parent / "machine.lock").open("w") as machine:
        fcntl.flock(machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["servers"] = _SERVERS


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _SERVERS.extend(getattr(node, "workeroutput", {}).get("servers", []))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the database server the tests ran on and every skip with its reason, whatever the verbosity."""
    for line in dict.fromkeys(_SERVERS):
        terminalreporter.write_line(line)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"SKIPPED {report.nodeid}: {reason}")

"""Real PostgreSQL for the tests: one server a session, one database a test, cloned from a migrated template.

The server is IGNITE_TEST_DSN if set, a container with IGNITE_TEST_CONTAINERS=1, else the embedded one.
What was skipped, and why, is listed at the end of a run; IGNITE_NO_SKIPS="marker,marker" makes such skips fail.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
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


_SERVERS: list[str] = []


def _tell(place: str, dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        _SERVERS.append(f"PostgreSQL {conn.info.parameter_status('server_version')} ({place})")


def on_given_server() -> bool:
    """Whether the tests run on a server that is not the embedded one."""
    return bool(os.environ.get("IGNITE_TEST_DSN")) or os.environ.get("IGNITE_TEST_CONTAINERS") == "1"


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
        server = embedded.start(tmp_path_factory.mktemp("postgres"), embedded.THROWAWAY)
        _tell("embedded", server.dsn())
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


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the database server the tests ran on and every skip with its reason, whatever the verbosity."""
    for line in _SERVERS:
        terminalreporter.write_line(line)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"SKIPPED {report.nodeid}: {reason}")

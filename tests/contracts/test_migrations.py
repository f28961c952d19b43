"""Migrations: once each, in order, alone; what was changed after it ran is refused by name."""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from ignite_adapters.postgres import migrate as migrations
from ignite_adapters.postgres.migrate import LOCK, Migration, migrate, pending, shipped
from ignite_domain.errors import BadInput, PortFailure

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ONE = Migration("0001_one.sql", "create table one (id int); create index on one (id);")
TWO = Migration("0002_two.sql", "alter table one add column name text")

SEED_TABLES = """
subscriber_events mailing_subscribers mailing_campaigns mailing_ab_tests mailing_ab_variants content_learnings
automation_flows automation_executions data_import_log mailing_global_suppressions mailing_engine_suppressions
mailing_engine_decisions mailing_engine_signals
""".split()


@pytest.fixture
def empty_dsn(server_dsn: str) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"empty_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield psycopg.conninfo.make_conninfo(server_dsn, dbname=name)
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_the_shipped_schema_applies_to_an_empty_database_and_holds_the_seeds_13_tables(empty_dsn: str) -> None:
    names = [one.name for one in shipped()]
    assert pending(empty_dsn) == names
    assert migrate(empty_dsn, NOW) == names
    assert pending(empty_dsn) == []
    assert migrate(empty_dsn, NOW) == []
    with psycopg.connect(empty_dsn) as conn:
        there = {row[0] for row in conn.execute("select tablename from pg_tables where schemaname = 'public'")}
        assert len(SEED_TABLES) == 13
        assert set(SEED_TABLES) <= there
        how = conn.execute(
            "select pg_get_partkeydef('subscriber_events'::regclass), count(*) from schema_migrations"
        ).fetchone()
        assert how == ("RANGE (event_at)", len(names))


def test_stored_signals_of_the_released_shape_are_carried_over(empty_dsn: str) -> None:
    released = [one for one in shipped() if one.name < "0009"]
    later = [one.name for one in shipped() if one.name > "0009"]
    migrate(empty_dsn, NOW, released)
    with psycopg.connect(empty_dsn) as conn:
        conn.execute(
            "insert into mailing_engine_signals "
            "values ('gmail', 'ip', '192.0.2.1', 'state', 0, 7, 2, 3, '{\"minute\": 5}', %s)",
            (NOW,),
        )
        for signal, n, x in (("bounce", 10, 1), ("complaint", 0, 1), ("refusal", 0, 0)):
            conn.execute(
                "insert into mailing_engine_signal_history values (%s, 'yahoo', %s, %s, %s)", (NOW, signal, n, x)
            )
    assert migrate(empty_dsn, NOW) == later
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select * from mailing_engine_signal_state").fetchall() == [
            ("gmail", "ip", "192.0.2.1", "state", 0, 7, 2, 3, {"minute": 5}, NOW)
        ]
        assert conn.execute("select * from mailing_engine_signals order by signal").fetchall() == [
            (NOW, "yahoo", "isp", "yahoo", "bounce", 10, 1, None, None),
            (NOW, "yahoo", "isp", "yahoo", "complaint", 0, 1, None, None),  # where nothing was counted there is no row
        ]
        gone, how = conn.execute(
            "select to_regclass('mailing_engine_signal_history'), pg_get_partkeydef('mailing_engine_signals'::regclass)"
        ).fetchone() or (1, 1)
        assert (gone, how) == (None, "RANGE (at)")


def test_only_what_is_missing_is_applied(empty_dsn: str) -> None:
    assert migrate(empty_dsn, NOW, [ONE]) == ["0001_one.sql"]
    assert migrate(empty_dsn, NOW, [ONE, TWO]) == ["0002_two.sql"]


def test_a_migration_changed_after_it_ran_is_refused_by_name(empty_dsn: str) -> None:
    migrate(empty_dsn, NOW, [ONE])
    with pytest.raises(BadInput, match=r"0001_one\.sql was changed"):
        migrate(empty_dsn, NOW, [Migration(ONE.name, ONE.sql + " "), TWO])
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select count(*) from schema_migrations").fetchone() == (1,)


def test_an_older_program_refuses_a_newer_database_by_name(empty_dsn: str) -> None:
    migrate(empty_dsn, NOW, [ONE, TWO])
    with pytest.raises(BadInput, match=r"0002_two\.sql"):
        migrate(empty_dsn, NOW, [ONE])


def test_a_migration_that_fails_leaves_nothing_of_itself(empty_dsn: str) -> None:
    broken = Migration("0002_broken.sql", "create table half (id int); select 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty_dsn, NOW, [ONE, broken])
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select to_regclass('half'), to_regclass('one') is not null").fetchone() == (None, True)
    assert migrate(empty_dsn, NOW, [ONE, Migration(broken.name, "create table half (id int)")]) == [broken.name]


async def test_processes_that_migrate_at_once_apply_each_file_once(empty_dsn: str) -> None:
    done = await asyncio.gather(*(asyncio.to_thread(migrate, empty_dsn, NOW, [ONE, TWO]) for _ in range(4)))
    assert sorted(name for names in done for name in names) == ["0001_one.sql", "0002_two.sql"]


def test_whoever_waits_too_long_for_the_lock_is_told_to_try_again(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "50ms")
    with psycopg.connect(empty_dsn, autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", (LOCK,))
        with pytest.raises(PortFailure, match="lock timeout") as told:
            migrate(empty_dsn, NOW, [ONE])
    assert told.value.retryable


def test_a_database_that_is_not_there_is_a_port_failure_without_the_password() -> None:
    with pytest.raises(PortFailure) as told:
        pending("postgresql://ignite:hunter2@127.0.0.1:1/none")
    assert (told.value.port, told.value.retryable) == ("database", True)
    assert "hunter2" not in str(told.value)

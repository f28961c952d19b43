"""Leases by advisory lock, and driver errors translated at the door."""

import psycopg
import pytest

from ignite_adapters.postgres.leases import is_held, lease
from ignite_adapters.postgres.migrate import pending
from ignite_adapters.postgres.pool import Pool, open_pool, transaction
from ignite_domain.errors import PortFailure


async def test_a_name_has_one_holder_and_other_names_are_free(pg_dsn: str) -> None:
    async with lease(pg_dsn, "send") as mine:
        assert mine is not None
        assert await mine.alive()
        async with lease(pg_dsn, "send") as second, lease(pg_dsn, "execute") as other:
            assert second is None
            assert other is not None
    async with lease(pg_dsn, "send") as after:
        assert after is not None


async def test_others_see_whether_a_lease_is_held(pool: Pool, pg_dsn: str) -> None:
    names = [f"worker {number}" for number in range(8)]  # keys of either sign
    for name in names:
        assert not await is_held(pool, name)
        async with lease(pg_dsn, name):
            assert [one for one in names if await is_held(pool, one)] == [name]
    assert not await is_held(pool, names[-1])


async def test_a_lost_connection_is_a_lost_lease(pg_dsn: str) -> None:
    async with lease(pg_dsn, "send") as mine:
        assert mine is not None
        pid = mine.connection.info.backend_pid
        with psycopg.connect(pg_dsn, autocommit=True) as conn:
            conn.execute("select pg_terminate_backend(%s, 5000)", (pid,))
        async with lease(pg_dsn, "send") as next_one:
            assert next_one is not None
            assert not await mine.alive()


async def test_a_silent_network_frees_the_lease_on_both_sides(pg_dsn: str) -> None:
    async with lease(pg_dsn, "send") as mine:
        assert mine is not None
        shown = await mine.connection.execute("show tcp_keepalives_idle")
        assert await shown.fetchone() == ("10",)
        assert "keepalives_idle=5" in mine.connection.info.dsn


REFUSED = [
    ("select pg_terminate_backend(pg_backend_pid())", PortFailure),
    ("set statement_timeout = 1; select pg_sleep(5)", PortFailure),
    ("select * from no_such_table", psycopg.errors.UndefinedTable),
    ("select 1 / 0", psycopg.errors.DivisionByZero),
]


@pytest.mark.parametrize(("statement", "kind"), REFUSED)
async def test_the_world_is_a_port_failure_and_our_own_mistake_is_not(
    pool: Pool, statement: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        async with transaction(pool) as conn:
            await conn.execute(statement)


async def test_a_pool_goes_on_after_all_its_connections_were_cut(pool: Pool, pg_dsn: str) -> None:
    async with transaction(pool) as conn:
        await conn.execute("select 1")
    with psycopg.connect(pg_dsn, autocommit=True) as killer:
        killer.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    async with transaction(pool) as conn:
        row = await (await conn.execute("select 1")).fetchone()
    assert row == (1,)


async def test_a_server_that_is_not_there_is_a_port_failure_without_the_password() -> None:
    with pytest.raises(PortFailure) as told:
        await open_pool("postgresql://ignite:hunter2@127.0.0.1:1/none?connect_timeout=1", 2, wait_seconds=1)
    assert told.value.retryable
    assert "hunter2" not in str(told.value)


WRONG_DSN: list[tuple[str, dict[str, str], str]] = [
    ("another password", {"password": "hunter2"}, ": authentication failed"),
    ("another user", {"user": "nobody-we-know", "password": "hunter2"}, ": authentication failed"),
    ("another database", {"dbname": "not_there"}, "database not_there: there is no such database"),
    ("nobody listens", {"port": "1"}, ":1, database"),
    (
        "no such host",
        {"host": "nosuch.invalid", "password": "hunter2"},
        "to nosuch.invalid: the host name is not known",
    ),
    ("a port that is none", {"port": "hunter2"}, "database: database.dsn has a wrong value"),
]


@pytest.mark.parametrize(("name", "change", "said"), WRONG_DSN, ids=[row[0] for row in WRONG_DSN])
def test_a_connection_that_cannot_be_made_is_told_with_place_and_cause(
    pg_dsn: str, name: str, change: dict[str, str], said: str
) -> None:
    with pytest.raises(PortFailure) as told:
        pending(psycopg.conninfo.make_conninfo(pg_dsn, **change))
    assert said in str(told.value)
    secret = psycopg.conninfo.conninfo_to_dict(pg_dsn).get("password", "hunter2")
    assert "hunter2" not in str(told.value)
    assert str(secret) not in str(told.value)


@pytest.mark.parametrize(
    "dsn", ["hunter2", "postgresql://ignite:hunter2@db:5@x/y", "postgresql://i:x/hunter2@db.invalid/y"]
)
def test_a_dsn_that_is_read_wrongly_shows_no_piece_of_its_password(dsn: str) -> None:
    with pytest.raises(PortFailure) as told:
        pending(dsn)
    assert "hunter2" not in str(told.value)

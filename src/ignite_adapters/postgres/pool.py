"""Opens connection pools, and turns driver errors into `PortFailure` at the door."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ignite_domain.errors import PortFailure

Pool = AsyncConnectionPool[Any]


async def open_pool(dsn: str, size: int, wait_seconds: float = 20.0) -> Pool:
    """Open a pool of up to `size` connections. Raises `PortFailure` if the first one cannot be made in time.

    A connection is tried before it is lent out: one that a restart of the server cut is replaced, unseen.
    """
    pool: Pool = AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=size,
        open=False,
        timeout=15,
        check=AsyncConnectionPool.check_connection,
        kwargs={"autocommit": False},
    )
    try:
        with translate():
            await pool.open(wait=True, timeout=wait_seconds)
    except PortFailure:
        await pool.close()
        raise
    return pool


@contextmanager
def translate() -> Iterator[None]:
    """Raise `PortFailure("database", ...)` for what the driver raises.

    Lost connections, shutdowns, full disks, lock time-outs, deadlocks and serialization failures are
    retryable; a statement the server refuses as wrong is a fault of ours and passes through unchanged. A
    connection that cannot be made is told with host, port, database and cause.
    """
    try:
        yield
    except PoolTimeout:
        raise PortFailure("database", "no connection within the time allowed") from None
    except psycopg.OperationalError as failure:
        raise PortFailure("database", _plain(failure)) from failure
    except psycopg.InterfaceError as failure:
        raise PortFailure("database", _plain(failure)) from failure
    except psycopg.ProgrammingError as failure:
        if failure.diag.sqlstate is None and "connection" in str(failure):  # from nobody but the DSN's reader
            raise PortFailure("database", "database.dsn is not a connection string", retryable=False) from None
        raise


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """One transaction on a pooled connection, committed at the end, with errors translated."""
    with translate():
        async with pool.connection() as conn:
            yield conn


def _plain(failure: psycopg.Error) -> str:
    """The server's primary message, or how connecting failed, or the kind of error.

    Never a message's detail, which may quote values.
    """
    if failure.diag.message_primary:
        return failure.diag.message_primary
    return _unconnected(failure) or type(failure).__name__


_CAUSES: Final = (
    ("password authentication failed", "authentication failed"),
    ("no password supplied", "authentication failed: no password is given"),
    ("no pg_hba.conf entry", "the server does not let this machine or user in (pg_hba.conf)"),
    ("role ", "authentication failed: there is no such user"),
    ("does not exist", "there is no such database"),
    ("Connection refused", "connection refused"),
    ("could not translate host name", "the host name is not known"),
    ("failed to resolve host", "the host name is not known"),
    ("timeout expired", "no answer in time"),
    ("No route to host", "no route to the host"),
    ("Network is unreachable", "the network is unreachable"),
    ("No such file or directory", "no server has this socket"),
    ("too many clients", "too many connections"),
    ("starting up", "the server is starting up"),
    ("shutting down", "the server is shutting down"),
    ("SSL", "the server and database.dsn do not agree about SSL"),
    ("invalid ", "database.dsn has a wrong value"),
)
"""What libpq and psycopg say of a connection that cannot be made, and our words for it; the first that fits."""


def _unconnected(failure: psycopg.Error) -> str:
    """Why a connection could not be made, and to what; empty if `failure` is of another kind. No user, no password."""
    said = str(failure)
    cause = next((ours for theirs, ours in _CAUSES if theirs in said), "")
    if not cause:
        return ""
    host, port, database = (_known(failure.pgconn, name) for name in ("host", "port", "db"))
    if not host and (named := re.search(r"resolve host '([^']*)'", said)):
        host = named[1]
    if not _HOST.fullmatch(host) or not re.fullmatch(r"\d{0,5}", port) or not _NAME.fullmatch(database):
        return cause  # a DSN that was read wrongly: these may be pieces of its password
    where = host + (f":{port}" if port else "") + (f", database {database}" if database else "")
    return f"no connection to {where}: {cause}"


_HOST: Final = re.compile(r"[\w.:,-]+|/[\w./-]*")
_NAME: Final = re.compile(r"[\w.-]*")


def _known(conn: Any, name: str) -> str:
    try:
        value = getattr(conn, name)
    except (psycopg.Error, AttributeError):  # a connection that never came so far
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""

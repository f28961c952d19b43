"""Opens connection pools, and turns driver errors into `PortFailure` at the door."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

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
    retryable; a statement the server refuses as wrong is a fault of ours and passes through unchanged.
    """
    try:
        yield
    except PoolTimeout:
        raise PortFailure("database", "no connection within the time allowed") from None
    except psycopg.OperationalError as failure:
        raise PortFailure("database", _plain(failure)) from failure
    except psycopg.InterfaceError as failure:
        raise PortFailure("database", _plain(failure)) from failure


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """One transaction on a pooled connection, committed at the end, with errors translated."""
    with translate():
        async with pool.connection() as conn:
            yield conn


def _plain(failure: psycopg.Error) -> str:
    """The server's primary message or the kind of error: never its detail, which may quote values."""
    return failure.diag.message_primary or type(failure).__name__

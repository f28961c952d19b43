"""The API on a real database, for the tests of who gets in and of what lists say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from litestar import Litestar, get
from litestar.params import FromPath
from litestar.testing import AsyncTestClient

from ignite_adapters.postgres.policies import PostgresPolicyStore
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.suppressions import PostgresSuppressionStore
from ignite_app.clock import Clock
from ignite_app.http import console, policy, reading
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.policies.trial import Logs, PolicyTrials
from ignite_app.settings import Secret
from ignite_domain.errors import Conflict, PortFailure

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
KEY = "key-of-ann-" + "k" * 20
TOKEN = "token-of-the-console-link"
ANN = {"X-API-Key": KEY}
ADDRESS = "mary.smith@example.com"
Client = AsyncTestClient[Litestar]


@get("/api/v1/broken/{how:str}")
async def broken(how: FromPath[str]) -> None:
    """Fails as a room may fail."""
    raise {
        "conflict": Conflict(f"{ADDRESS} changed meanwhile"),
        "busy": PortFailure("database", "lock time-out"),
        "refused": PortFailure("PMTA over SSH", "host key differs", retryable=False),
        "bug": RuntimeError(f"no idea about {ADDRESS}"),
    }[how]


async def all_there() -> dict[str, str]:
    return {}


@asynccontextmanager
async def served(pool: Pool, folder: Path) -> AsyncIterator[Client]:
    """The API with two keys, on this database; its console would lie in `folder`."""
    rooms = reading.ReadingDeps(pool, PostgresSuppressionStore(pool), Clock.starting(NOW, 1.0))
    keys = {"ann": Secret(KEY), "bob": Secret("key-of-bob-" + "k" * 20), "empty": Secret("")}
    policies = policy.PolicyDeps(PostgresPolicyStore(pool), PolicyTrials(Logs({}), rooms.clock), rooms.clock)
    routes = [*reading.routes(rooms), *policy.routes(policies), *console.routes(folder), broken]
    app = create_app(HttpDeps(Gatekeeper(keys, Secret(TOKEN)), routes, all_there))
    async with AsyncTestClient(app, raise_server_exceptions=False) as opened:
        yield opened


async def people(pool: Pool, count: int) -> list[int]:
    async with transaction(pool) as conn:
        rows = await conn.execute(
            "insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, imported_at, updated_at) "
            "select 'p' || n || '@gmail.com', md5('p' || n || '@gmail.com'), 'gmail.com', 'gmail', 'gmail', %s, %s "
            "from generate_series(1, %s) as n order by n returning id",
            (NOW, NOW, count),
        )
        return [row[0] for row in await rows.fetchall()]

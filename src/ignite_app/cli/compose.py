"""Opens what a command needs: settings, logs, clock, database, container. Closes it again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from ignite_adapters.postgres import embedded
from ignite_adapters.postgres.migrate import pending
from ignite_adapters.postgres.pool import Pool, open_pool
from ignite_app import logs
from ignite_app.clock import Clock
from ignite_app.container import Container
from ignite_app.settings import Settings
from ignite_app.settings_loader import load
from ignite_domain.errors import BadInput


def clock_of(settings: Settings) -> Clock:
    """The business clock that the settings describe; real time where they describe none."""
    chosen = settings.clock
    if chosen.anchor_business is None:
        return Clock()
    return Clock(chosen.rate, chosen.anchor_real, chosen.anchor_business)


def configure(config: Path | None) -> Settings:
    """Load settings and start logging as they say."""
    settings = load(config)
    stream = open(settings.log.file, "a", encoding="utf-8") if settings.log.file else None  # noqa: SIM115  # open for life
    logs.configure(settings.log.level, stream)
    return settings


@attrs.frozen
class Opened:
    settings: Settings
    clock: Clock
    dsn: str
    pool: Pool
    container: Container


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The DSN of the settings, or of an embedded server that lives as long as this block."""
    if settings.database.dsn:
        yield str(settings.database.dsn)
        return
    server = embedded.start(Path(settings.database.data_dir))
    try:
        yield server.dsn()
    finally:
        server.stop()


@asynccontextmanager
async def opened(settings: Settings, *, migrated: bool = True) -> AsyncIterator[Opened]:
    """Open the database and compose the application on it. Raises `BadInput` where the schema is not there yet."""
    clock = clock_of(settings)
    async with database(settings) as dsn:
        if migrated and (missing := pending(dsn)):
            raise BadInput(f"the database lacks {', '.join(missing)}: run `ignite migrate` first")
        pool = await open_pool(dsn, settings.database.pool_size)
        try:
            yield Opened(settings, clock, dsn, pool, Container(settings=settings, clock=clock, dsn=dsn, pool=pool))
        finally:
            await pool.close()

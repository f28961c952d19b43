"""The commands. Each opens what it needs, calls one part, prints; see `output` for exit codes."""

import asyncio
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cattrs
import uvicorn

from ignite_adapters.postgres.leases import lease
from ignite_adapters.postgres.migrate import migrate as apply_migrations
from ignite_adapters.postgres.partitions import ensure_partitions
from ignite_adapters.postgres.pool import open_pool
from ignite_adapters.postgres.reading import loop_counts
from ignite_app.checks import check as run_checks
from ignite_app.cli.compose import clock_of, configure, database, opened
from ignite_app.cli.files import import_lines, refused_lines, require_files
from ignite_app.cli.main import Config, Json, app, until_signal
from ignite_app.cli.output import CHECK_FAILS, GOOD, USAGE, emit, instant, say
from ignite_app.cli.shown import config_lines, mode_in_force, status_lines
from ignite_app.settings_loader import flatten, load, mask, placed, read_yaml
from ignite_domain.errors import BadInput, Conflict, PortFailure
from ignite_domain.imports import BadFile, ImportLog


@app.command
def demo(
    *,
    once: bool = False,
    json: Json = False,
    subscribers: int = 20_000,
    seed: int = 1,
    keep: Path | None = None,
    incident: str = "auto",
    port: int = 0,
    database: str = "",
) -> int:
    """The whole loop on this machine, with a simulated PowerMTA, providers and people.

    --once runs headless to a fixed end and prints a report; it exits 1 if the books do not agree.
    --incident none, auto, rate_limit, ip_block or bounce_wave.
    --database takes the DSN of an empty database instead of a server of the demo's own.
    """
    from ignite_app.demo.plan import DemoOptions
    from ignite_app.demo.run import demo as run_demo
    from ignite_app.simulator.incidents import IncidentKind

    allowed = ["none", "auto", *(kind.value for kind in IncidentKind)]
    if incident not in allowed:
        raise BadInput(f"--incident {incident}: must be one of {', '.join(allowed)}")
    if not 200 <= subscribers <= 2_000_000:
        raise BadInput("--subscribers: must be between 200 and 2,000,000")
    if json and not once:
        raise BadInput("--json needs --once: the live demo has no end to report")
    return asyncio.run(run_demo(DemoOptions(subscribers, seed, once, json, keep, incident, port, database)))


@app.command
def serve(*, config: Config = None) -> int:
    """The HTTP API, the live feed, tracking links and the dashboard."""
    from ignite_app.asgi import application

    settings = configure(config)

    async def run() -> None:
        async with opened(settings) as parts:
            server = uvicorn.Server(
                uvicorn.Config(
                    application(parts.container),
                    host=settings.api.host,
                    port=settings.api.port,
                    log_config=None,
                    access_log=False,
                    timeout_graceful_shutdown=3,
                    ws_ping_interval=20,
                )
            )
            if settings.api.console_token and sys.stderr.isatty():  # a log must not hold it
                say(f"console: http://{settings.api.host}:{settings.api.port}/console/{settings.api.console_token}")
            await server.serve()

    asyncio.run(run())
    return GOOD


@app.command
def work(*names: str, config: Config = None) -> int:
    """Background workers: all of them, or those that are named."""
    from ignite_app.container import WORKERS
    from ignite_app.workers.loop import run as run_worker

    unknown = sorted(set(names) - set(WORKERS))
    if unknown:
        raise BadInput(f"no worker is called {', '.join(unknown)}; there are {', '.join(WORKERS)}")
    settings = configure(config)

    async def run() -> None:
        stop = until_signal()
        async with opened(settings) as parts, asyncio.TaskGroup() as group:
            for name in names or WORKERS:
                worker: Any = getattr(parts.container, WORKERS[name])()
                group.create_task(run_worker(worker, parts.clock, stop, partial(lease, parts.dsn, f"worker:{name}")))

    asyncio.run(run())
    return GOOD


@app.command
def migrate(*, config: Config = None, json: Json = False) -> int:
    """Bring the database to this version's schema, and make this month's partitions."""
    settings = configure(config)
    clock = clock_of(settings)

    async def run() -> list[str]:
        async with database(settings) as dsn:
            applied = await asyncio.to_thread(apply_migrations, dsn, clock.now())
            pool = await open_pool(dsn, 2)
            await ensure_partitions(pool, clock.now(), ahead=settings.database.partitions_ahead)
            await pool.close()
            return applied

    applied = asyncio.run(run())
    emit({"applied": applied}, as_json=json, lines=[f"applied {one}" for one in applied] or ["nothing to do"])
    return GOOD


@app.command(name="import")
def import_(*files: Path, config: Config = None, json: Json = False, dry_run: bool = False) -> int:
    """Import local subscriber or suppression files; they stay where they are. --dry-run writes nothing."""
    from ignite_app.workers.normalize import import_file

    if not files:
        raise BadInput("name at least one FILE")
    require_files(files)
    settings = configure(config)
    clock = clock_of(settings)
    lines: list[str] = []

    async def take(path: Path, log: ImportLog | None) -> dict[str, Any]:
        try:
            done = await import_file(path, log, clock, dry=log is None)
        except BadFile as bad:
            raise BadInput(f"{path}: {bad}") from None
        first = await refused_lines(path) if done["rejected"] and not json else {}
        lines.extend(import_lines(path, done, first))
        return done

    async def run() -> list[dict[str, Any]]:
        if dry_run:
            return [await take(path, None) for path in files]
        async with opened(settings) as parts:
            return [await take(path, parts.container.import_log()) for path in files]

    results = asyncio.run(run())
    emit(results[0] if len(results) == 1 else results, as_json=json, lines=lines)
    return GOOD


@app.command
def ingest(
    *files: Path, config: Config = None, json: Json = False, dry_run: bool = False, since: str = "", host: str = ""
) -> int:
    """Take in accounting files by hand: ledger, events, scores, suppressions, signals; nothing is decided on them.

    What was taken in before, here or from the accounting folder, is not taken in again. --since passes over
    records logged earlier (ISO 8601; UTC where no offset is given). --host names the one of accounting.hosts that
    the files are from. --dry-run says what is in them, every refused line included, and writes nothing.
    """
    from ignite_app.workers.backfill import backfill
    from ignite_app.workers.ingest import examine

    if not files:
        raise BadInput("name at least one FILE")
    for path in files:
        if not path.is_file():
            raise BadInput(f"{path}: no such file")
    first = instant("--since", since) if since else None

    async def run() -> list[dict[str, Any]]:
        settings = configure(config)
        if host and host not in {one.name for one in settings.accounting.hosts}:
            raise BadInput(f"--host {host}: no such name in accounting.hosts")
        async with opened(settings) as parts, lease(parts.dsn, "worker:ingest") as held:
            if held is None:
                raise Conflict("the worker ingest runs on this database: stop it while files are taken in by hand")
            container = parts.container
            return await backfill(
                files,
                container.governance(),
                container.cold_by_ip(),
                parts.clock,
                complaint_median=timedelta(hours=settings.governance.complaint_median_hours),
                suppress_foreign=settings.governance.suppress_foreign_mail,
                since=first,
                host=host,
                oldest=timedelta(days=30 * settings.database.event_retention_months),
            )

    results = [examine(path, first) for path in files] if dry_run else asyncio.run(run())
    lines = [
        f"{one['file']}: {one['records']} records, {one['rejected']} rejected"
        + (", some or all of it known before" if one.get("known") else "")
        for one in results
    ]
    lines += [f"  {one['file']}:{bad['line']}: {bad['reason']}" for one in results for bad in one["rejects"][:20]]
    emit(results[0] if len(results) == 1 else results, as_json=json, lines=lines)
    return GOOD if any(one["records"] or one.get("known") or one.get("skipped") for one in results) else USAGE


@app.command
def simulator(*, config: Path) -> int:
    """The simulated PowerMTA, providers and people alone. --config names a YAML file of its options."""
    from ignite_app import logs
    from ignite_app.simulator.options import load_options
    from ignite_app.simulator.run import main as run_simulator

    logs.configure("info")
    document, places = read_yaml(config)
    try:
        options = load_options(document)
    except (cattrs.BaseValidationError, ValueError, TypeError) as wrong:
        told = [f"{placed(config, places, path)}: {'.'.join(path)}: {problem}" for path, problem in flatten(wrong)]
        raise BadInput("wrong options:\n" + "\n".join(f"  {line}" for line in told)) from None
    for name in ("ssh_authorised_key", "ssh_host_key"):
        if (key := getattr(options, name)) and not Path(key).is_file():
            raise BadInput(f"{placed(config, places, (name,))}: {name}: {key}: no such file")
    try:
        asyncio.run(run_simulator(options))
    except OSError as failure:  # a port that is taken, a folder that cannot be made
        raise PortFailure("simulator", failure.strerror or type(failure).__name__, retryable=False) from None
    return GOOD


@app.command
def config(*, config: Config = None, json: Json = False) -> int:
    """The effective settings, secrets masked, and how far the agents may go with them."""
    settings = load(config)
    shown, effective = mask(settings), mode_in_force(settings)
    emit(shown | {"effective": effective}, as_json=json, lines=config_lines(shown, effective))
    return GOOD


@app.command
def check(*, config: Config = None, json: Json = False) -> int:
    """Try every connection and say what to fix."""
    settings = configure(config)
    results = asyncio.run(run_checks(settings, clock_of(settings)))
    rows = [
        {"name": one.name, "ok": one.ok, "detail": one.detail, "fix": one.fix, "paste": one.paste} for one in results
    ]
    lines = []
    for one in results:
        lines.append(f"{'ok  ' if one.ok else 'FAIL'} {one.name}: {one.detail}")
        lines += [f"     fix: {one.fix}"] if one.fix else []
        lines += [f"     | {line}" for line in one.paste.splitlines()]
    emit({"ok": all(one.ok for one in results), "checks": rows}, as_json=json, lines=lines)
    return GOOD if all(one.ok for one in results) else CHECK_FAILS


@app.command
def status(*, config: Config = None, json: Json = False) -> int:
    """How much each of the 21 steps has handled so far, and what is still open."""
    settings = configure(config)

    async def run() -> dict[str, Any]:
        async with opened(settings) as parts:
            kinds, records = await parts.container.log_book().unknown_count()
            return {
                "steps": await loop_counts(parts.pool),
                "open": await parts.container.report().progress(),
                "unknown_replies": {"texts": kinds, "records": records},
                "alerts": await parts.container.alerts().listed((1 << 63) - 1, 50, open_only=True),
            }

    shown = asyncio.run(run())
    unknown = {f"unknown replies: {name}": count for name, count in shown["unknown_replies"].items()}
    lines = status_lines(shown["steps"], shown["open"] | unknown)
    lines += [f"ALERT {one['kind']} since {one['first_seen']:%Y-%m-%d %H:%M}: {one['text']}" for one in shown["alerts"]]
    emit(shown, as_json=json, lines=lines)
    return GOOD


@app.command
def person(
    what: Literal["export", "erase"], address: str, *, config: Config = None, json: Json = False, by: str = "cli"
) -> int:
    """Everything we hold about one address, or its erasure; exit code 1 if it is not known.

    --by names who asked, for the audit.
    """
    from ignite_domain.subscribers import EmailAddress

    settings = configure(config)
    wanted = EmailAddress.parse(address)

    async def run() -> Any:
        async with opened(settings) as parts:
            store = parts.container.subscribers()
            return await (store.export(wanted) if what == "export" else store.erase(wanted, by, parts.clock.now()))

    shown = asyncio.run(run())
    if not shown:  # nothing was found: None, or False of an erasure
        say("not known: nothing is held about this address")
        emit(shown, as_json=json)
        return CHECK_FAILS
    emit(shown, as_json=True if what == "export" else json, lines=["erased; the address stays on the suppression list"])
    return GOOD

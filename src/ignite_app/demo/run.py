"""One run of the demo: starts everything, lets the loop run by itself, tells the story, checks the books.

Decides the order of start and what counts as the end of a headless run. It creates the campaign through
the public API like any user; everything else happens because files lie in the bucket.
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import asyncssh
import attrs
import yaml

from ignite_adapters.postgres import embedded
from ignite_adapters.postgres.migrate import migrate, shipped
from ignite_adapters.postgres.partitions import ensure_partitions
from ignite_adapters.postgres.pool import Pool, open_pool
from ignite_adapters.postgres.reading import loop_counts
from ignite_adapters.postgres.report import ReportReader
from ignite_app.cli.output import CHECK_FAILS, GOOD, UNFINISHED, emit, say, to_json
from ignite_app.clock import Clock, real_seconds
from ignite_app.demo import children, content
from ignite_app.demo.children import Child, ChildFailed
from ignite_app.demo.client import Http, listen
from ignite_app.demo.ending import aside, ended_by_signal, left, stop_server
from ignite_app.demo.plan import (
    DEMO_START,
    LIVE_RATE,
    ONCE_RATE,
    SITE_HERE,
    DemoOptions,
    RunPlaces,
    Secrets,
    settings_of,
    world_of,
)
from ignite_app.demo.reconcile import Places, Reconciliation, reconcile
from ignite_app.demo.story import Story
from ignite_app.demo.verdict import verdict_of
from ignite_app.simulator.people_files import seed_bucket
from ignite_app.steps import STEP_NAMES
from ignite_domain.errors import BadInput, IgniteError

ONCE_LIMIT_REAL_SECONDS: Final = 900.0
"""A headless run that has not come to its end by then is broken; it says what it was waiting for."""
SETTLED_POLLS: Final = 3
"""The end counts when it has been seen this often in a row."""


@attrs.define
class Run:
    """A started run: its children, its eyes and its books."""

    options: DemoOptions
    places: RunPlaces
    clock: Clock
    server: embedded.EmbeddedServer | None  # None: the database is somebody else's
    pool: Pool
    reader: ReportReader
    api: Http
    simulator: Http
    console: str
    story: Story
    children: list[Child] = attrs.field(factory=list)
    started: float = attrs.field(factory=real_seconds)
    stop: asyncio.Event = attrs.field(factory=asyncio.Event)

    def require_alive(self) -> None:
        """Raise `ChildFailed` if a part is gone, and end here if the run is to stop (a cancellation may get lost)."""
        if self.stop.is_set():
            raise asyncio.CancelledError
        for child in self.children:
            child.require_alive()
        if self.server is not None and not self.server.alive():
            raise ChildFailed("the embedded database ended; see postgres/server.log")


async def demo(options: DemoOptions) -> int:
    """Run the demo and return the exit code.

    0 good, 1 a reconciliation fails, 3 could not finish, 130 a signal ended it before its end. The live demo has no
    other end, so there a signal is 0 once everything runs.
    """
    with ended_by_signal() as stop:
        root, temporary = _folder(options)
        started = real_seconds()
        work = asyncio.create_task(_run(options, root, started, stop))
        waits = [work, asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            code = await left(work) if stop.is_set() else await work
        except IgniteError as failure:
            say(f"demo: {failure}")
            code = UNFINISHED
        finally:
            waits[1].cancel()
            await asyncio.get_running_loop().shutdown_default_executor()  # a thread may still write to the folder
            if temporary:
                shutil.rmtree(root, ignore_errors=True)
        return code


async def _run(options: DemoOptions, root: Path, started: float, stop: asyncio.Event) -> int:
    async with running(options, RunPlaces(root), started, stop=stop) as run:
        return _print(run, await to_the_end(run)) if options.once else await _watch(run)


def _folder(options: DemoOptions) -> tuple[Path, bool]:
    """The folder of this run, and whether it goes when the run ends. Leftovers of killed runs go now."""
    if options.keep:
        if options.keep.exists() and any(options.keep.iterdir()):
            raise SystemExit(_usage(f"--keep {options.keep}: the folder is not empty"))
        options.keep.mkdir(parents=True, exist_ok=True)
        return options.keep.resolve(), False
    home = Path(".ignite").resolve() / "demo"
    home.mkdir(parents=True, exist_ok=True)
    for old in home.iterdir():
        if old.name.isdigit() and not Path(f"/proc/{old.name}").exists():
            shutil.rmtree(old, ignore_errors=True)
    root = home / str(os.getpid())
    root.mkdir()
    return root, True


def _usage(message: str) -> int:
    say(f"ignite: {message}")
    return 2


@asynccontextmanager
async def running(
    options: DemoOptions,
    places: RunPlaces,
    started: float,
    *,
    workers: bool = True,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[Run]:
    """A run whose parts all answer; everything is stopped at the end, also of a start that failed half way.

    `workers` False: the caller runs the workers, with the configuration that lies at `places.config`.
    `stop` ends the run where it stands.
    """
    async with AsyncExitStack() as stack:
        yield await _start(options, places, started, stack, stop or asyncio.Event(), workers=workers)


async def _start(
    options: DemoOptions,
    places: RunPlaces,
    started: float,
    stack: AsyncExitStack,
    stop: asyncio.Event,
    *,
    workers: bool,
) -> Run:
    clock = Clock.starting(DEMO_START, ONCE_RATE if options.once else LIVE_RATE)
    story = Story(started, marks=not options.once)
    say("starting: database, simulated PowerMTA and ISPs, API, workers")
    ports = {name: children.free_port() for name in ("smtp", "ssh", "dns", "verifier", "status")}
    api_port = options.port or children.free_port()
    secret = Secrets()
    host_key = _keys(places.root / "ssh")
    for folder in (places.bucket, places.accounting, places.logs):
        folder.mkdir(parents=True, exist_ok=True)
    world = world_of(options, places, clock, secret, ports, api_port)
    (places.root / "simulator.yaml").write_text(yaml.safe_dump(world), encoding="utf-8")
    server, dsn = None, options.database
    if not dsn:
        server = embedded.start(places.postgres, embedded.DURABLE)
        stack.push_async_callback(stop_server, server, options.keep is not None)
        dsn = server.dsn()
    settings = settings_of(
        options, places, clock, secret, dsn=dsn, api_port=api_port, simulator=ports, host_key=host_key
    )
    places.config.touch(mode=0o600)
    places.config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    if len(await asyncio.to_thread(migrate, dsn, clock.now())) < len(shipped()):
        raise BadInput("--database: IGNITE has been in this database before; the demo's books need an empty one")
    pool = await open_pool(dsn, 4)
    stack.push_async_callback(pool.close)
    await ensure_partitions(pool, clock.now(), ahead=2)
    run = Run(
        options=options,
        places=places,
        clock=clock,
        server=server,
        pool=pool,
        reader=ReportReader(pool),
        api=Http(f"http://127.0.0.1:{api_port}", secret.api_key),
        simulator=Http(f"http://127.0.0.1:{ports['status']}"),
        console=f"http://127.0.0.1:{api_port}/console/{secret.console}",
        story=story,
        started=started,
        stop=stop,
    )
    grace = children.GRACE_REAL_SECONDS if options.keep else children.HASTY_REAL_SECONDS
    stack.push_async_callback(children.stop, run.children, grace)
    config = ["--config", str(places.config)]
    commands = {
        "simulator": ["simulator", "--config", str(places.root / "simulator.yaml")],
        "api": ["serve", *config],
    }
    if workers:
        commands["workers"] = ["work", *config]
    for name, arguments in commands.items():
        run.children.append(await children.start(name, arguments, places.logs, {}))
    await _until(run, "the simulator answers", lambda: run.simulator.answers("/status"))
    await _until(run, "the API answers", lambda: run.api.answers("/health/ready"))
    if options.once:
        story.tell("everything answers")
    else:
        story.mark("dashboard", f"dashboard: {run.console}")
        story.tell(f"landing page of the mails' links: http://{SITE_HERE}:{api_port}/deals")
        story.tell(f"look inside: {_program()} status --config {_short(places.config)}")
    story.opening(clock)
    await run.api.post("/api/v1/flows", content.welcome_flow(short=options.once))
    seeded = await asyncio.to_thread(seed_bucket, places.bucket, options.subscribers, options.seed)
    run.story.tell(f"{seeded} rows put into the bucket: subscribers, a warm-up file, a suppression list")
    return run


def _program() -> str:
    """How a person at this terminal calls the command."""
    return "ignite" if shutil.which("ignite") else _short(Path(sys.executable).with_name("ignite"))


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _keys(folder: Path) -> str:
    """Make the host's and the client's key pairs; returns the host's public key as one line."""
    folder.mkdir(mode=0o700)
    for name in ("host", "client"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        (folder / name).touch(mode=0o600)
        key.write_private_key(str(folder / name))
        key.write_public_key(str(folder / f"{name}.pub"))
    return (folder / "host.pub").read_text(encoding="ascii").strip()


async def _until(run: Run, what: str, reached: Any, limit: float = 60.0) -> None:
    """Poll until `reached()` is true, watching the children; raises `ChildFailed` or says what did not come."""
    deadline = real_seconds() + limit
    while not await reached():
        run.require_alive()
        if real_seconds() > deadline:
            lines = "\n".join(f"  {child.name}:\n{child.last_lines(6)}" for child in run.children)
            raise ChildFailed(f"gave up after {limit:.0f} s waiting until {what}; last lines:\n{lines}")
        await asyncio.sleep(0.15)


async def _campaign(run: Run) -> int:
    """Wait until the import is verified, then create and schedule the A/B campaign through the API."""

    async def verified() -> bool:
        progress = await run.reader.progress()
        return progress["files_done"] >= 3 and progress["subscribers"] > 0 and progress["to_verify"] == 0

    await _until(run, "every imported address is verified", verified, 300)
    progress = await run.reader.progress()
    run.story.tell(f"{progress['subscribers']:,} people imported, verified and scored")
    body = content.campaign(batch_per_min=_pace(run.options))
    made = await run.api.post("/api/v1/campaigns", body)
    await run.api.post(f"/api/v1/campaigns/{made['id']}/schedule", {})
    run.story.campaign = int(made["id"])
    run.story.tell(f"campaign {made['id']} scheduled: two subjects, everyone who may be mailed")
    return int(made["id"])


def _pace(options: DemoOptions) -> int:
    """Messages per business minute: the live run is spread out so that there is something to watch."""
    return max(20, options.subscribers // (45 if options.once else 300))


async def to_the_end(run: Run) -> dict[str, Any]:
    """The headless run: a campaign like any user's, a live client that hears everything; returns the report."""
    connected = asyncio.Event()
    after = (await run.reader.progress())["last_live"]
    socket = run.api.base.replace("http", "ws", 1) + "/api/v1/live"
    async with aside(listen(socket, run.api.key, after, run.places.websocket, connected)):
        await asyncio.wait_for(connected.wait(), 20)
        async with _told(run):
            campaign = await _campaign(run)
            await _until_the_end(run)
        return await _report(run, campaign, after)


def _told(run: Run) -> AbstractAsyncContextManager["asyncio.Task[None]"]:
    return aside(run.story.follow(run.reader, run.simulator, run.clock))


async def _until_the_end(run: Run) -> None:
    """The fixed end: nobody waiting, the MTA's queues empty, people done, the log read, nothing left to apply."""
    seen = 0
    waiting = ""
    before: dict[str, int] = {}

    async def ended() -> bool:
        nonlocal seen, waiting, before
        progress = await run.reader.progress()
        outside = await run.simulator.get("/status")
        open_ends = {name: progress[name] for name in ("campaigns_open", "sends_open", "flows_waiting")}
        open_ends |= {name: progress[name] for name in ("commands_open", "decisions_unapplied")}
        open_ends["mail in the MTA and people under way"] = 0 if outside["drained"] else 1
        open_ends["accounting lines unread"] = abs(outside["lines"] - progress["accounting_lines"])
        open_ends["live messages unheard"] = progress["last_live"] - _last_heard(run.places.websocket)
        waiting = ", ".join(f"{name} {count}" for name, count in open_ends.items() if count > 0)
        quiet = not waiting and progress == before
        before = progress
        seen = seen + 1 if quiet else 0
        return seen >= SETTLED_POLLS

    try:
        await _until(run, "the run comes to its end", ended, ONCE_LIMIT_REAL_SECONDS)
    except ChildFailed as failure:
        raise ChildFailed(f"{failure}\nstill open: {waiting or 'nothing, but the books kept moving'}") from None


def _last_heard(log: Path) -> int:
    """The id of the last whole line of the WebSocket log, or a large number where nothing was pushed yet."""
    if not log.is_file() or log.stat().st_size == 0:
        return 0
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = [line for line in file.read().split(b"\n") if line]
    with suppress(ValueError):
        return int(json.loads(lines[-1])["id"])
    return int(json.loads(lines[-2])["id"]) if len(lines) > 1 else 0


async def _report(run: Run, campaign: int, connected_at: int) -> dict[str, Any]:
    places = Places(
        run.places.bucket, run.places.accounting, run.places.simulator, run.places.ssh, run.places.websocket
    )
    results: list[Reconciliation] = await reconcile(places, run.reader, campaign, connected_at)
    steps = await loop_counts(run.pool)
    report = {
        "schema": 1,
        "seed": run.options.seed,
        "subscribers": run.options.subscribers,
        "ok": all(result.ok for result in results),
        "wall_seconds": round(real_seconds() - run.started, 1),
        "steps": {name: {"name": STEP_NAMES[name], "count": steps[name]} for name in STEP_NAMES},
        "reconciliations": [result.as_dict() for result in results],
    }
    if run.options.keep:
        await run.reader.export(run.places.root / "tables")
        for name in ("bucket",):
            flat = run.places.root / name / "jvc-email-data"
            if flat.is_dir():
                for entry in flat.iterdir():
                    entry.rename(run.places.root / name / entry.name)
                flat.rmdir()
        (run.places.root / "report.json").write_text(to_json(report), encoding="utf-8")
    return report


def _print(run: Run, report: dict[str, Any]) -> int:
    lines = verdict_of(report)
    if run.options.as_json:
        for line in lines:
            say(line)
    emit(report, as_json=run.options.as_json, lines=lines)
    return GOOD if report["ok"] else CHECK_FAILS


async def _watch(run: Run) -> int:
    """The live demo: runs until it is cancelled."""
    async with _told(run) as teller:
        await _campaign(run)
        say("      the loop runs by itself now; Ctrl-C ends it")
        try:
            while not teller.done():
                run.require_alive()
                await asyncio.sleep(0.5)
            await teller  # it does not end by itself: this raises why it did
        except asyncio.CancelledError:
            say(f"      {run.story.closing()}")
            return GOOD
    return UNFINISHED

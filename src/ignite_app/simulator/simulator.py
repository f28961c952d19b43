"""The whole twin in one process: wires the parts, opens the doors, says when nothing is left to happen.

Decides nothing about mail. `start` opens SMTP, SSH, DNS, verifier and status page on 127.0.0.1; `stop`
closes them and writes out what is pending.
"""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_app.simulator.accounting import AccountingWriter
from ignite_app.simulator.browser import Browser
from ignite_app.simulator.commands import Console
from ignite_app.simulator.config import parse
from ignite_app.simulator.dice import Dice
from ignite_app.simulator.dns import DnsDoor, NameServer
from ignite_app.simulator.habits import Habits
from ignite_app.simulator.host import base_configuration
from ignite_app.simulator.http_door import HttpDoor, Reply, Request
from ignite_app.simulator.include import IncludeFile
from ignite_app.simulator.intake import Intake, Journal
from ignite_app.simulator.ledger import Ledger
from ignite_app.simulator.messages import QueuedMessage
from ignite_app.simulator.options import SimulatorOptions
from ignite_app.simulator.people import People
from ignite_app.simulator.queues import BURST_REAL_SECONDS, Mta
from ignite_app.simulator.records import Records
from ignite_app.simulator.returns import Returns
from ignite_app.simulator.scheduler import Scheduler
from ignite_app.simulator.show import Show
from ignite_app.simulator.smtp import Door, SmtpSession
from ignite_app.simulator.ssh import SshDoor
from ignite_app.simulator.verifier import Verifier
from ignite_app.simulator.world import World

FLUSH_REAL_SECONDS: Final = 0.2


@attrs.define(eq=False)
class Simulator:
    """Make it with `build`. `door` is the switch that makes SMTP refuse; `ssh` can be shut and opened again."""

    options: SimulatorOptions
    scheduler: Scheduler
    world: World
    accounting: AccountingWriter
    ledger: Ledger
    commands_log: Ledger
    mta: Mta
    people: People
    returns: Returns
    intake: Intake
    console: Console
    verifier: Verifier
    door: Door
    ssh: SshDoor
    dns: DnsDoor
    smtp_port: int = 0
    status_port: int = 0
    verifier_port: int = 0
    failures: list[str] = attrs.field(factory=list)
    _tasks: list[asyncio.Task[None]] = attrs.field(factory=list)
    _smtp: asyncio.Server | None = None
    _http: list[HttpDoor] = attrs.field(factory=list)

    @classmethod
    def build(cls, options: SimulatorOptions) -> "Simulator":
        """Wire everything; opens nothing. Raises ConfigError if the include file there is bad."""
        home = Path(options.directory)
        home.mkdir(parents=True, exist_ok=True)
        dice = Dice(options.seed)
        failures: list[str] = []

        def failed(failure: BaseException) -> None:
            failures.append(f"{type(failure).__name__}: {failure}")
            sys.stderr.write(f"simulator: {failures[-1]}\n")

        scheduler = Scheduler(options.clock, failed)
        cold = frozenset(vmta.ip for vmta in options.vmtas if vmta.cold)
        world = World(dice, options.subscribers, options.incident, cold, max(1, len(options.vmtas) - len(cold)))
        accounting = AccountingWriter(Path(options.accounting_dir), options.accounting)
        ledger = Ledger(home / "simulator.jsonl")
        records = Records(accounting, ledger)
        include = IncludeFile(base_configuration(options), options.include_file or str(home / "pmta" / "ignite.conf"))
        journal = Journal(home / "spool.jsonl" if options.journal else None)
        habits = Habits(dice, options.haste, tuple((one.words, one.opens, one.clicks) for one in options.appeals))
        returns = Returns(scheduler, world, records, dice)
        browser = Browser(options.owned_domains, options.site_port)

        def delivered(message: QueuedMessage, now: float) -> None:
            returns.receive(message, now)
            people.receive(message, now)

        mta = Mta(
            scheduler,
            world,
            records,
            parse(include.files()),
            max(1.0, BURST_REAL_SECONDS * options.clock.rate),
            delivered,
            lambda message: journal.left(message.id),
        )
        people = People(scheduler, habits, records, browser, mta.source_of, options.browsers, options.people)
        commands_log = Ledger(home / "ssh.jsonl")
        console = Console(mta, accounting, include, Show(mta, scheduler.now()))
        return cls(
            options=options,
            scheduler=scheduler,
            world=world,
            accounting=accounting,
            ledger=ledger,
            commands_log=commands_log,
            mta=mta,
            people=people,
            returns=returns,
            intake=Intake(mta, world, people, journal, dice, options.foreign_share),
            console=console,
            verifier=Verifier(world, dice, options.verifier_key, options.verifier_refusal),
            door=Door(),
            ssh=SshDoor(
                console,
                commands_log,
                scheduler,
                options.ssh_user,
                options.ssh_authorised_key,
                options.ssh_host_key,
                options.ssh_port,
            ),
            dns=DnsDoor(NameServer(world), options.dns_port),
            failures=failures,
        )

    async def start(self) -> None:
        """Open every door and take up what an earlier process left in the journal."""
        loop = asyncio.get_running_loop()
        self.intake.restore()
        self.mta.start()
        self._smtp = await loop.create_server(
            lambda: SmtpSession(self.intake.accept, self.door), "127.0.0.1", self.options.smtp_port, backlog=256
        )
        self.smtp_port = self._smtp.sockets[0].getsockname()[1]
        await self.ssh.listen()
        await self.dns.listen()
        verifier = HttpDoor(self.verifier, self.options.verifier_port)
        status = HttpDoor(self._status, self.options.status_port)
        self._http = [verifier, status]
        for door in self._http:
            await door.listen()
        self.verifier_port, self.status_port = verifier.port, status.port
        self._tasks = [
            asyncio.create_task(self.scheduler.run()),
            asyncio.create_task(self.people.run()),
            asyncio.create_task(self._flush_often()),
        ]

    async def stop(self) -> None:
        """Close every door; what is queued stays in the journal."""
        if self._smtp is not None:
            self._smtp.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.ssh.shut()
        await self.dns.shut()
        for door in self._http:
            await door.shut()
        self.people.browser.close()
        self.flush()

    def flush(self) -> None:
        """Put everything written so far where others can read it."""
        self.accounting.flush()
        self.ledger.flush()
        self.commands_log.flush()
        self.intake.journal.flush()

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_REAL_SECONDS)
            self.flush()

    async def wait(self) -> None:
        """Run until a part of the simulator fails; raises its error."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    # -- queries

    @property
    def drained(self) -> bool:
        """Nothing is queued, nobody is about to act, nothing is on its way back."""
        return self.mta.depth == 0 and self.people.pending == 0 and self.returns.pending == 0

    async def until_drained(self, real_seconds: float) -> bool:
        """Wait for `drained`; False if it did not come in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(real_seconds):
                while not self.drained:  # noqa: ASYNC110  # three counters, no event: a poll is simpler and enough
                    await asyncio.sleep(0.05)
        self.flush()
        return self.drained

    def set_people_enabled(self, enabled: bool) -> None:
        """False: mail delivered from now on is left unread."""
        self.people.enabled = enabled

    def stats(self) -> dict[str, Any]:
        """Counts for the supervisor. `incident` tells what governance must find out by itself."""
        now = self.scheduler.now()
        return {
            "accepted": self.intake.accepted,
            "foreign": self.intake.foreign,
            "queued": self.mta.depth,
            "people_pending": self.people.pending,
            "returns_pending": self.returns.pending,
            "drained": self.drained,
            "lines": sum(self.accounting.written.values()),
            "records": dict(self.accounting.written),
            "ledger": dict(self.ledger.counts),
            "commands": self.commands_log.counts.get("command", 0),
            "verified": self.verifier.verified,
            "incident": self.world.trouble(now),
            "failures": self.failures[-5:],
        }

    async def _status(self, request: Request) -> Reply:
        if request.path == "/flush":
            self.flush()
        elif request.path != "/status":
            return Reply(404, {"error": "/status or /flush"})
        return Reply(200, self.stats())

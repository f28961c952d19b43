"""Reads the accounting log and lets governance follow it: one step, one transaction.

Also steps when nothing new was logged, because lifetimes and deadlines end by the clock. Decides the mode that holds
where no person has set one: an agent acts only where settings say so, or on the very host whose key the supervisor
made in this run.
"""

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import structlog

from ignite_app.clock import Clock
from ignite_app.settings import GovernanceSettings, PmtaSettings
from ignite_app.workers.read_ahead import MANY, ReadAhead, Reading
from ignite_app.workers.warmup import StandingAlerts
from ignite_domain.errors import BadInput
from ignite_domain.governance.accounting import Rejected, read
from ignite_domain.governance.gatherer import Gatherer
from ignite_domain.governance.health import FREEZES, frozen_by
from ignite_domain.governance.ingestor import Ingestor
from ignite_domain.governance.modes import ModesStore
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.ports import AccountingFeed, GovernanceStore, Step
from ignite_domain.governance.rules import Rule
from ignite_domain.governance.signals import COMPLAINT_MEDIAN, SignalProcessor
from ignite_domain.governance.tally import Tally
from ignite_domain.governance.tallying import tally
from ignite_domain.governance.words import AgentKind, Mode

log = structlog.get_logger("ignite.ingest")
BATCH: Final = 10_000
"""Lines a step."""
GROWN: Final = 4
"""While a backlog lasts a step grows to so many times that: memory is bounded by it, and so is what a kill repeats."""
PUT_OFF: Final = 25
"""Steps of a backlog that are governed before the ledger and the scores begin to follow them: a million lines."""
PLAN_EVERY: Final = timedelta(hours=1)
"""How often alarm levels look at the mail that waits: a level serves 30 days of it."""
MAIN: Final = ""
"""The host that `pmta.*` is about."""
LOOKED_EVERY: Final = timedelta(minutes=1)
"""How often it is written down that a log was looked at: an idle log costs a row's update a minute."""
REPORTED_FOR: Final = timedelta(days=7)
"""How long a complaint rate that a provider reported says something."""
PRUNE_EVERY: Final = timedelta(days=1)
RulesInForce = Callable[[datetime], Awaitable[Mapping[AgentKind, Sequence[Rule]]]]
"""The rule table that holds at an instant of business time, by kind."""


def mode_of(governance: GovernanceSettings, pmta: PmtaSettings) -> Mode:
    """How far agents may go on this host where no person has said otherwise."""
    if governance.mode is not None:
        return governance.mode
    ours = bool(governance.generated_host_key) and governance.generated_host_key == pmta.ssh_host_key
    return Mode.ACT if ours else Mode.OBSERVE


class IngestWorker:
    """Worker `ingest`; alone, under a lease. `cold` maps cold addresses to their VMTAs. `modes`: what people have
    said of modes and stops, looked up at every step; None: the orchestrator's own. While one of the `alerts` about
    the log stands that say so, nothing is loosened."""

    name = "ingest"

    def __init__(
        self,
        feed: AccountingFeed,
        store: GovernanceStore,
        orchestrator: Orchestrator,
        cold: Mapping[str, str],
        clock: Clock,
        *,
        poll_seconds: float,
        complaint_median: timedelta = COMPLAINT_MEDIAN,
        batch: int = BATCH,
        suppress_foreign: bool = False,
        modes: ModesStore | None = None,
        alerts: StandingAlerts | None = None,
        policy: RulesInForce | None = None,
    ) -> None:
        self.idle = poll_seconds
        self._policy = policy
        self._complaint_median = complaint_median
        self._feed = feed
        self._gatherer = Gatherer(store, frozenset(cold.values()), suppress_foreign)
        self._ahead = ReadAhead(feed, self._gatherer, clock, batch, GROWN * batch)
        self._settling: asyncio.Task[None] | None = None
        self._unsettled = 0  # steps of the backlog that is being read
        self._store = store
        self._orchestrator = orchestrator
        self._modes = modes
        self._alerts = alerts
        self._cold = cold
        self._clock = clock
        self._ingestor: Ingestor | None = None
        self._pruned: datetime | None = None
        self._looked: dict[str, tuple[str, datetime]] = {}
        self._planned: datetime | None = None

    async def step(self) -> int:
        """Take in the next lines, or just look; returns the number of lines."""
        now = self._clock.now()
        if self._pruned is None or now - self._pruned >= PRUNE_EVERY:
            await self._store.prune(now)
            self._pruned, self._ingestor = now, None
        if self._ingestor is None:
            signals = SignalProcessor(await self._store.signals(), self._complaint_median)
            self._planned = None
            self._ingestor = Ingestor(self._gatherer, self._orchestrator, signals, self._cold)
        reading = await self._ahead.read(await self._store.positions())
        now = reading.at
        if self._planned is None or now - self._planned >= PLAN_EVERY:
            self._ingestor.signals.plan(await self._store.planned())
            self._ingestor.reported = await self._store.reported((now - REPORTED_FOR).date())
            self._planned = now
        if self._policy is not None:
            self._ingestor.rules = await self._policy(now)
        self._ingestor.orchestrator = await self._governed(now)
        ingestor, self._ingestor = self._ingestor, None  # its signals are lost unless the step is saved
        told = self._tell(reading)
        # a log that could not be read may hold anything: nothing is claimed about what was logged until now. Our
        # mail goes to the main host, so only its log counts, where it has a place of its own.
        unread = MAIN in reading.failures if MAIN in self._feed.hosts else bool(reading.failures)
        caught_up = not reading.full and not unread
        deciding = ingestor.decide(reading.gathered, now, caught_up=caught_up, tally=told)
        if reading.lines < MANY:
            step = await deciding
            await self._store.save(step)
        else:
            step = await self._save_many(reading, asyncio.create_task(deciding), ingestor)
        self._ingestor = ingestor
        await self._settle(caught_up=caught_up)
        for position, _, rejected in step.positions:
            if rejected:
                first = rejected[0]
                log.warning(
                    "ingest.rejected",
                    file=position.path,
                    lines=len(rejected),
                    first_line=first.line,
                    reason=first.reason,
                )
        for decision, mode, _ in step.decisions:
            log.info(
                "governance.decision",
                agent=decision.agent.value,
                isp=decision.isp,
                action=decision.action.value,
                target=decision.target,
                status=decision.status.value,
                mode=mode.value,
                rule=decision.rule,
            )
        return reading.lines

    async def _save_many(self, reading: Reading, deciding: "asyncio.Task[Step]", ingestor: Ingestor) -> Step:
        """Save a big step: its events are stored while it is being decided, and what was read ahead is counted once
        it has been."""
        told = reading.gathered.told
        saving = asyncio.create_task(self._store.save_while(told.events, told.taken, deciding))
        try:
            await asyncio.wait([deciding])
            ahead = await self._ahead.ready()
            if ahead is not None and ahead.lines >= MANY and not deciding.exception():
                await asyncio.to_thread(ingestor.observe, ahead.gathered)
        except BaseException:
            deciding.cancel()
            saving.cancel()
            raise
        return await saving

    async def _settle(self, *, caught_up: bool) -> None:
        """Let the ledger and the scores follow: at once while the log is quiet, behind it while it is not."""
        self._unsettled = 0 if caught_up else self._unsettled + 1
        if self._settling is not None and (caught_up or self._settling.done()):
            settling, self._settling = self._settling, None
            await settling
        if caught_up:
            await self._settle_all()
        elif self._settling is None and self._unsettled >= PUT_OFF:
            self._settling = asyncio.create_task(self._settle_all())

    async def _settle_all(self) -> None:
        while await self._store.settle():
            pass

    async def _governed(self, now: datetime) -> Orchestrator:
        """The orchestrator with what people say now, and with what the alerts about the log forbid."""
        governed = self._orchestrator
        if self._alerts is not None:
            frozen = frozen_by(await self._alerts.standing(FREEZES), self._feed.hosts)
            governed = attrs.evolve(governed, frozen=frozen)
        if self._modes is None:
            return governed
        modes = await self._modes.load()
        refused = await self._modes.refused(now, self._orchestrator.dwell)
        return attrs.evolve(governed, mode_of=modes.of, stop_of=modes.stop_of, refused=refused)

    def _tell(self, reading: Reading) -> Tally:
        """What was read says about the logs themselves. A host of which nothing is new is told once a minute."""
        failures, now = reading.failures, reading.at
        heard = {batch.position.host for batch in reading.batches}
        told = []
        for host in self._feed.hosts:
            failure = failures.get(host, "")
            before = self._looked.get(host)
            if host in heard or before is None or before[0] != failure or now - before[1] >= LOOKED_EVERY:
                told.append(host)
                self._looked[host] = (failure, now)
                if failure and (before is None or before[0] != failure):
                    log.warning("ingest.unread", host=host or "main", reason=failure)
        return tally(reading.batches, told, failures, now)

    async def close(self) -> None:
        try:
            if self._settling is not None:
                await self._settling
        finally:
            await self._ahead.close()


def examine(path: Path, since: datetime | None = None) -> dict[str, Any]:
    """What one accounting file holds, plain or gzipped, for `--dry-run`: counts by type, and every refused line.

    Records logged before `since` are passed over. Raises `BadInput` if the file cannot be read.
    """
    types: dict[str, int] = {}
    rejects: list[dict[str, Any]] = []
    skipped = 0
    opener: Any = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace", newline="\n") as file:
            for entry in read(file):
                if isinstance(entry, Rejected):
                    rejects.append({"file": path.name, "line": entry.line, "reason": entry.reason})
                elif since is not None and entry.logged < since:
                    skipped += 1
                else:
                    types[entry.type] = types.get(entry.type, 0) + 1
    except (OSError, EOFError, zlib.error) as failure:
        raise BadInput(f"{path.name}: cannot be read ({type(failure).__name__})") from None
    return {
        "file": path.name,
        "records": sum(types.values()),
        "by_type": types,
        "rejected": len(rejects),
        "rejects": rejects,
        "skipped": skipped,
    }

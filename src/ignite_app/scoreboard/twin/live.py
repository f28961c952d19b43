"""E once more, with everything in between: accounting text, its reader, the ingestor, and commands at a PMTA host.

Decides only how a minute's rows are written down, and what a host in memory is told. Between are the shipped
`LineReader`, `Ingestor`, `desired`, `reconcile.plan` and `stamps`. A day of it must decide what `product.Product`
decides from counts: that is what makes the statistics of the fast drive those of the product.
"""

import asyncio
import csv
import io
from collections.abc import Awaitable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import attrs

from ignite_adapters.memory.pmta import MemoryPmta
from ignite_app.scoreboard.twin.policies import text_of
from ignite_app.scoreboard.twin.product import (
    LOOK_AFTER,
    MEDIAN,
    NAMES,
    PER_HOUR,
    TOPOLOGY,
    Decided,
    levers_of,
    moment,
    queue_name,
)
from ignite_app.scoreboard.twin.scene import BRANDS, IPS, JOBS
from ignite_app.scoreboard.twin.world import Levers, Row
from ignite_domain.governance.accounting import LineReader
from ignite_domain.governance.commands import PmtaCommand, Verb
from ignite_domain.governance.desired import INCLUDE, RELOAD, desired
from ignite_domain.governance.gatherer import Gatherer
from ignite_domain.governance.host_state import HostState
from ignite_domain.governance.ingestor import Ingestor
from ignite_domain.governance.orchestrator import REENTRY, Orchestrator
from ignite_domain.governance.ports import (
    FeedBatch,
    HistoryPoint,
    MailEvent,
    Position,
    SendFacts,
    SendGroup,
    Step,
    StoredSignal,
    Taken,
)
from ignite_domain.governance.reconcile import NEVER, Planned, Stamp, Turned, plan, stamps, turns_on
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.steering import Steering
from ignite_domain.governance.words import Decision, Mode
from ignite_domain.isps import Isp

HEADER: Final = (
    "type,timeLogged,timeQueued,orig,rcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,dlvSourceIp,vmta,jobId,envId,"
    "queue,feedbackType"
)
_DOMAIN: Final[Mapping[Isp, str]] = {
    Isp.GMAIL: "gmail.com",
    Isp.YAHOO: "yahoo.com",
    Isp.MICROSOFT: "outlook.com",
    Isp.COMCAST: "comcast.net",
    Isp.COX: "cox.net",
}
_ACTION: Final = {"d": "relayed", "t": "delayed", "b": "failed", "f": ""}


def written(rows: Sequence[Row]) -> str:
    """Rows as PMTA's CSV, one line each, without the header."""
    to = io.StringIO()
    writer = csv.writer(to, lineterminator="\n")
    for row in rows:
        text = text_of(row)
        logged = moment(row.second)
        writer.writerow(
            (
                row.kind,
                logged.strftime("%Y-%m-%d %H:%M:%S+0000"),
                (logged - timedelta(minutes=10 * max(0, row.attempt - 1))).strftime("%Y-%m-%d %H:%M:%S+0000"),
                "news@example.org",
                f"u{row.number}@{_DOMAIN[row.brand]}",
                _ACTION[row.kind],
                text.status if text else "2.0.0" if row.kind == "d" else "",
                text.diagnostic if text else "",
                text.mta if text else "",
                text.category if text else "",
                IPS[row.ip],
                NAMES[row.ip],
                JOBS[row.job],
                f"ig{row.number}",
                queue_name((row.limiter, row.ip)),
                "abuse" if row.kind == "f" else "",
            )
        )
    return to.getvalue()


class MemoryStore:
    """`GovernanceStore` of one host in memory, as far as an ingest step needs it. `ledger` knows every send."""

    def __init__(self) -> None:
        self.decided = Decided()
        self.ledger: dict[int, SendFacts] = {}
        self.rejected = 0
        self.suppressed = 0

    async def positions(self) -> Mapping[str, Position]:
        return {}

    async def sends(self, ids: Collection[int], named: Collection[int]) -> Mapping[int, SendFacts]:
        return {number: self.ledger[number] for number in ids if number in self.ledger}

    async def groups(self, ids: Collection[int]) -> Sequence[SendGroup]:
        """Nothing comes in columns here."""
        return ()

    async def save_while(self, mail: Sequence[MailEvent], taken: Taken, deciding: Awaitable[Step]) -> Step:
        step = await deciding
        await self.save(step)
        return step

    async def settle(self) -> int:
        return 0

    async def last_sends(self, md5s: Sequence[str]) -> Mapping[str, SendFacts]:
        return {}

    async def strikes(self, md5s: Sequence[str]) -> Mapping[tuple[str, str], int]:
        return {}

    async def signals(self) -> Sequence[StoredSignal]:
        return ()

    async def reported(self, since: date) -> Mapping[str, ReportedRate]:
        return {}

    async def planned(self) -> Mapping[str, int]:
        return {}

    async def standing(self) -> Sequence[Decision]:
        return list(self.decided.standing.values())

    async def released(self, since: datetime) -> Sequence[Decision]:
        return self.decided.lately(since + REENTRY)

    async def save(self, step: Step) -> None:
        self.decided.take(step.decisions, step.changes, step.rate_steps, step.now)
        self.rejected += sum(len(refused) for _, _, refused in step.positions)
        self.suppressed += len(step.suppressions)
        self.ledger.clear()

    async def prune(self, now: datetime) -> int:
        return 0


class _Unshown(SignalProcessor):
    """Signals of which nothing is written down: nobody reads them here, and writing would take most of the time."""

    def take_changes(self, now: datetime, *, shown: bool = True) -> tuple[list[StoredSignal], list[HistoryPoint]]:
        return [], []


class Live:
    """`look` writes a minute's accounting, ingests it, and makes the host look as what stands says."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.pmta = MemoryPmta(*(queue_name((limiter, ip)) for limiter in BRANDS for ip in range(len(IPS))))
        steering = Steering(PER_HOUR)
        orchestrator = Orchestrator(lambda kind, isp: Mode.ACT, steering=steering)
        self.ingestor = Ingestor(Gatherer(self.store, frozenset()), orchestrator, _Unshown(complaint_median=MEDIAN), {})
        self._reader = LineReader()
        self._turned: dict[str, Turned] = {}
        self._generation: dict[int, int] = {}

    @property
    def decided(self) -> Decided:
        return self.store.decided

    def look(self, minute: int, rows: Sequence[Row]) -> Levers:
        return asyncio.run(self._look(minute, rows))

    def wrongly_suppresses(self, row: Row) -> bool:
        return False

    async def _look(self, minute: int, rows: Sequence[Row]) -> Levers:
        text = written(rows) if self._reader.header else HEADER + "\n" + written(rows)
        entries, _ = self._reader.take(text.encode())
        for row in rows:
            self.store.ledger[row.number] = _send(row)
        now = moment(60 * (minute + 1)) + LOOK_AFTER
        batch = FeedBatch(Position("accounting", "acct.csv", line=self._reader.line), entries)
        await self.ingestor([batch], now, caught_up=True)
        await self._govern(now)
        include = self.pmta.loaded
        stopped = [*self.pmta.paused, *(queue for _, queue in self.pmta.disabled)]
        return levers_of(include, paused=stopped, backoff=self.pmta.backoff, jobs=self.pmta.jobs)

    async def _govern(self, now: datetime) -> None:
        """One step of the executor."""
        standing = self.decided.standing
        if not standing and not self._turned:
            return
        held = {name: one.decision for name, one in self._turned.items() if one.on and one.decision is not None}
        wanted = desired(standing.values(), TOPOLOGY, base_rate=PER_HOUR, held=held)
        for planned in plan(wanted, await self._state(), self._turned, now):
            await self._run(planned.command)
            self._note(planned, now)
        pairs = [(one, self._generation.get(number)) for number, one in standing.items()]
        for stamp in stamps(pairs, wanted, await self._state(), self._turned):
            self._stamp(stamp, now)

    async def _run(self, command: PmtaCommand) -> None:
        reply = await self.pmta.run(command)
        assert reply.exit_status == 0

    async def _state(self) -> HostState:
        pmta = self.pmta
        return HostState(
            queues=frozenset(pmta.queues),
            paused=frozenset(pmta.paused),
            backoff=frozenset(pmta.backoff),
            jobs=frozenset(pmta.jobs),
            disabled=frozenset(pmta.disabled),
        )

    def _note(self, planned: Planned, now: datetime) -> None:
        last = self._turned.get(planned.knob, NEVER)
        generation = (last.generation or 0) + 1
        on = planned.knob in (INCLUDE, RELOAD) or turns_on(planned.command.argv)
        sha = planned.command.stdin_sha256 if planned.command.verb is Verb.PUT_INCLUDE else None
        self._turned[planned.knob] = Turned(on, now, planned.decision, generation, sha)

    def _stamp(self, stamp: Stamp, now: datetime) -> None:
        decided = self.decided
        one = decided.standing[stamp.decision]
        if stamp.ended:
            decided.released_by(one, now)
            return
        if stamp.generation is not None:
            self._generation[stamp.decision] = stamp.generation
        if stamp.word:
            one = attrs.evolve(one, status=stamp.status)
        if stamp.rung is not None and stamp.rung_at is not None and stamp.rung != one.parameters.get("applied_rung"):
            new = {"applied_rung": stamp.rung, "applied_at": int(stamp.rung_at.timestamp())}
            one = attrs.evolve(one, parameters={**one.parameters, **new})
        decided.standing[stamp.decision] = one


def _send(row: Row) -> SendFacts:
    """What the ledger knows of the message of a row; every row is a message of its own."""
    earlier = max(0, row.attempt - 1)
    return SendFacts(
        row.number, row.job + 1, row.number, None, row.brand, NAMES[row.ip], earlier, True, f"r{row.number}"
    )


def story(decided: Decided) -> list[tuple[str, ...]]:
    """Every decision as text, in order, for comparing two drives."""
    return [
        (
            one.at.isoformat(),
            one.action.value,
            one.target_type.value,
            one.target,
            one.rule,
            one.status.value,
            one.reason,
            str(one.parameters.get("rate_per_min", "")),
        )
        for one in decided.every
    ]

"""Watches the accounting logs: holds what was read against time and against what the MTA says of itself.

Decides when to look and what has been told; what deserves an alert is decided in `governance.health`, and of
decisions, stops and modes in `governance.attention`. It only reads: the console is asked for `show status` and nothing
else, and a host that does not answer is unknown.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from ignite_adapters.postgres.alerts import Alert, AlertStore
from ignite_adapters.postgres.tallies import LogBook
from ignite_app.clock import Clock
from ignite_app.policies.in_force import POLICY_KINDS, findings_of
from ignite_domain.errors import PortFailure
from ignite_domain.governance.attention import ATTENTION_KINDS, TOLD, UNSENT, Executing, attention, unsent
from ignite_domain.governance.console_port import PmtaConsole
from ignite_domain.governance.health import (
    FEED_KINDS,
    SPAN,
    UNREACHABLE,
    Compared,
    Finding,
    Total,
    findings,
    frozen_by,
)
from ignite_domain.governance.held import EXPIRES, HOLDS, expiring
from ignite_domain.governance.host_state import QUESTIONS, MissingPath, Reading, total
from ignite_domain.governance.modes import ModesStore
from ignite_domain.governance.ports import PolicyStore
from ignite_domain.governance.words import PMTA_LEVER, Action, Decision

log = structlog.get_logger("ignite.watch")
MAIN: Final = ""
"""The host that `pmta.*` is about, the only one whose console can be asked."""
KEEP: Final = timedelta(minutes=65)
"""The MTA's totals are remembered for so long; an hour is compared where that much is known."""
SETTLED: Final = timedelta(minutes=1)
"""The MTA may write a record so long after it counted it."""
OWN_REAL_SECONDS: Final = 20.0
"""Our own processes may take so long, in real time: where business time runs faster, waits are stretched."""
LOOK_REAL_SECONDS: Final = 2.0
"""It looks no oftener than this in real time, however fast business time runs."""
PRUNE_EVERY: Final = timedelta(hours=1)


class Channel(Protocol):
    """A way to tell somebody. `each`: the end of an alert keeps the same distance as its beginning."""

    name: str
    each: bool

    async def tell(self, alert: Alert, what: str) -> None:
        """Tell that an alert has `begun` or `ended`; raises PortFailure, and is then asked again."""


class Desk(Protocol):
    """Decisions that people have to know of."""

    async def open(self, actions: frozenset[Action]) -> list[Decision]:
        """What waits for a person, what the host did not carry out, and what stands of these actions."""

    async def failed(self) -> Mapping[int, str]:
        """What the host said to decisions that it did not carry out, by id."""


class Watch:
    """Worker `watch`; alone, under a lease. `console` is None where the host is only observed. With `desk` and
    `modes`, what `governance.attention` finds is alerts too; with `policies`, a stored policy that cannot be read.
    `executing` says whether some process governs the host."""

    name = "watch"

    def __init__(
        self,
        book: LogBook,
        alerts: AlertStore,
        channels: Sequence[Channel],
        console: PmtaConsole | None,
        clock: Clock,
        *,
        poll_seconds: float,
        stalled: timedelta,
        skew: timedelta,
        quiet: timedelta,
        desk: Desk | None = None,
        modes: ModesStore | None = None,
        policies: PolicyStore | None = None,
        executing: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.idle = max(poll_seconds, LOOK_REAL_SECONDS * clock.rate)
        own = timedelta(seconds=OWN_REAL_SECONDS * clock.rate)
        self._stalled = max(stalled, own)
        self._skew = max(skew, own)
        self._span = max(SPAN, 3 * own)
        self._quiet = quiet
        self._desk = desk
        self._modes = modes
        self._policies = policies
        self._executing = executing
        self._patience = max(UNSENT, own)
        self._book = book
        self._alerts = alerts
        self._channels = channels
        self._console = console
        self._clock = clock
        self._totals: deque[Total] = deque()
        self._unreachable: tuple[datetime, str] | None = None
        self._pruned: datetime | None = None

    async def step(self) -> int:
        """Look, hold, tell. Always 0, so that the loop waits."""
        await self._ask()
        now = self._clock.now()
        logs = await self._book.logs()
        newest = next((one.logged_at for one in logs if one.host == MAIN), None)
        pair = await self._compare(newest, await self._book.read_until())
        found = findings(
            logs,
            now,
            stalled=self._stalled,
            skew=self._skew,
            totals={MAIN: list(self._totals)} if self._totals else {},
            compared={MAIN: pair} if pair else {},
        )
        if self._unreachable is not None and now - self._unreachable[0] >= self._stalled:
            found.append(Finding(UNREACHABLE, MAIN, f"the state of the main host is unknown: {self._unreachable[1]}"))
        kinds: tuple[str, ...] = FEED_KINDS
        if self._desk is not None and self._modes is not None:
            failed = await self._desk.failed()  # first: who is not among the open any more is left out
            standing = await self._desk.open(TOLD | HOLDS | PMTA_LEVER)
            modes = await self._modes.load()
            found += [*attention(standing, modes, failed), *expiring(standing, now)]
            if self._executing is not None:
                frozen = frozen_by({(one.kind, one.subject) for one in found}, [one.host for one in logs])
                found += unsent(standing, modes, Executing(now, await self._executing(), frozen, self._patience))
            kinds += (*ATTENTION_KINDS, EXPIRES)
        if self._policies is not None:
            found += findings_of(await self._policies.newest())
            kinds += POLICY_KINDS
        begun, ended = await self._alerts.hold(found, kinds, now)
        if begun or ended:
            log.warning("watch.alerts", begun=begun, ended=ended, standing=sorted({one.kind for one in found}))
        for channel in self._channels:
            await self._tell(channel, now)
        if self._pruned is None or now - self._pruned >= PRUNE_EVERY:
            await self._book.prune(now)
            self._pruned = now
        return 0

    async def close(self) -> None:
        for one in (self._console, *self._channels):
            close = getattr(one, "close", None)
            if close is not None:
                await close()

    async def _ask(self) -> None:
        """Note the MTA's totals; an MTA that was started anew counts from zero, and so do we."""
        if self._console is None:
            return
        before = self._clock.now()
        try:
            reply = await self._console.run(QUESTIONS[Reading.STATUS])
            if reply.exit_status != 0:
                raise PortFailure("PMTA over SSH", f"'show status' ends with exit status {reply.exit_status}")
            out, waiting = total(reply.output)
        except (PortFailure, MissingPath) as failure:
            self._totals.clear()
            if self._unreachable is None:
                self._unreachable = (before, str(failure))
            return
        self._unreachable = None
        after = self._clock.now()
        if self._totals and out < self._totals[-1].out:
            self._totals.clear()
        self._totals.append(Total(before + (after - before) / 2, out, waiting))
        while self._totals[0].at < after - KEEP:
            self._totals.popleft()

    async def _compare(self, newest: datetime | None, read_until: datetime | None) -> Compared | None:
        """Totals and records of the longest span of which all records are known; None if it is too short.

        Beyond the `newest` record nothing is compared: a log that comes in bursts is late, not short.
        """
        if newest is None or read_until is None:
            return None
        known = [one for one in self._totals if one.at <= min(newest, read_until - SETTLED)]
        if len(known) < 2 or known[-1].at - known[0].at < self._span:
            return None
        first, last = known[0], known[-1]
        minute = timedelta(minutes=1)
        outer = first.at.replace(second=0, microsecond=0), last.at.replace(second=0, microsecond=0) + minute
        inner = outer[0] + minute, outer[1] - minute
        return Compared(
            last.out - first.out,
            await self._book.between(MAIN, *inner, ("d",)),
            await self._book.between(MAIN, *outer, ("d", "b")),
            last.at - first.at,
        )

    async def _tell(self, channel: Channel, now: datetime) -> None:
        for alert, what in await self._alerts.due(channel.name, now, self._quiet, each=channel.each):
            try:
                await channel.tell(alert, what)
            except PortFailure as failure:
                log.warning("watch.untold", channel=channel.name, kind=alert.kind, detail=str(failure))
                return  # the next step tries again
            await self._alerts.told(alert, channel.name, what, now)

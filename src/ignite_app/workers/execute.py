"""`Executor`: makes a PMTA host look the way the standing decisions say, and says what came of it.

It decides when; what is wanted, due and true is decided by `governance.desired` and `governance.reconcile`.
One step reads the host, settles commands whose fate a crash left open, writes the commands that are due
into the outbox, sends them one after another, reads the host again and stamps commands and decisions.

A crash at any point costs nothing: a row that was never sent is dropped and planned anew; a row that was
sent and has no answer is settled by what the host shows; every command is idempotent at the MTA.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Final

import attrs
import structlog

from ignite_adapters.postgres.commands import ROLLBACK, Frozen, OpenCommand, PostgresCommandStore
from ignite_app.clock import Clock
from ignite_app.workers.loop import HeldLease, TakeLease
from ignite_domain.errors import PortFailure
from ignite_domain.governance import commands, include_file
from ignite_domain.governance.commands import PmtaCommand, Verb
from ignite_domain.governance.console_port import PmtaConsole
from ignite_domain.governance.desired import INCLUDE, RELOAD, Desired, Knob, Topology, desired
from ignite_domain.governance.held import HOLDS, Held, held, held_of
from ignite_domain.governance.host_state import QUESTIONS, HostState, MissingPath, read
from ignite_domain.governance.modes import IN_FORCE, Modes, ModesStore, Say, says
from ignite_domain.governance.reconcile import (
    Planned,
    Stamp,
    describe,
    in_force,
    plan,
    stamps,
    turns_on,
    waiting_behind,
)
from ignite_domain.governance.steering import LADDER
from ignite_domain.governance.words import Decision, DecisionStatus, TargetType

log = structlog.get_logger("ignite.execute")

_Pair = tuple[Decision, int | None]
"""A decision that stands, and the generation of commands that carried it."""
HELD_EVERY: Final = timedelta(minutes=10)
"""What waits behind a decision is said anew after this."""
BOUNCE_AFTER: Final = timedelta(hours=108)
"""PMTA's own default (guide 3.3.10: 4d12h)."""
OPENS: Final = frozenset({Say.CARRY, Say.KEEP})
"""What a command may be sent for."""
SENT_NOTHING: Final = frozenset({Say.WITHHOLD, Say.WAIT})
"""What is no part of what the host ought to look like."""


class Executor:
    """Worker `execute`, one per PMTA host.

    `take_lease` tries once and yields None if another process governs the host. `modes` are looked up at every step,
    and again right before anything is sent: what they say may be sent for a decision is decided there. Where nothing
    may, the host is not even asked; in shadow it is read, and each proposal told what would have been sent. `vmtas`
    maps the names of our VMTAs to their addresses. `base_rate`: messages per hour of an unrestricted queue.
    `stand_ins`: VMTA -> those that carry its mail while its address is quarantined. `bounce_after`: how long PMTA keeps
    mail. `frozen`: why nothing may be loosened now; probes, releases and rates that would climb then wait for the log,
    also those that were decided before it fell silent.
    """

    name = "execute"

    def __init__(
        self,
        store: PostgresCommandStore,
        console: PmtaConsole,
        take_lease: TakeLease,
        clock: Clock,
        *,
        modes: ModesStore,
        vmtas: Mapping[str, str],
        base_rate: int,
        idle: float = 15.0,
        stand_ins: Mapping[str, tuple[str, ...]] | None = None,
        bounce_after: timedelta = BOUNCE_AFTER,
        frozen: Frozen | None = None,
    ) -> None:
        self.idle = idle
        self._store = store
        self._console = console
        self._take_lease = take_lease
        self._clock = clock
        self._modes = modes
        self._vmtas = dict(vmtas)
        self._base_rate = base_rate
        self._stand_ins = dict(stand_ins or {})
        self._bounce_after = bounce_after
        self._frozen = frozen
        self._waiting: frozenset[int] = frozenset()  # what has been told that it waits for the log
        self._looked: dict[int, datetime] = {}  # decision -> when it was last said how much waits behind it
        self._stack = AsyncExitStack()
        self._lease: HeldLease | None = None
        self._domains: set[str] = set()
        self._installed = False
        self._good_include = include_file.render(sorted(self._vmtas), base_rate, {}).text
        self._complaint = ""
        self._known_readable = False  # what is stored may be of another host, which settings named before

    async def step(self) -> int:
        modes = await self._modes.load()
        pairs = await self._store.standing()
        said = _says(pairs, modes)
        await self._withdraw(pairs, said, modes)
        acting = modes.act_somewhere or bool(OPENS & set(said.values()))
        if not (acting or modes.shadow_somewhere) or not await self._alone():
            return 0
        try:
            host = await self._read()
        except MissingPath as absent:
            self._complain("execute.not_governed", f"{absent}; the host is only observed, see ignite check")
            await self._look_on(str(absent))
            return 0
        except PortFailure as failure:
            if failure.retryable:
                raise
            self._complain("execute.not_connected", failure.detail)
            return 0
        self._complaint = ""
        if modes.unread or not self._known_readable:
            await self._store.readable("", self._clock.now())
            self._known_readable = True
            modes = await self._modes.load()
        told = await self._tell(host) if modes.shadow_somewhere else 0
        return told + (await self._act(host) if acting else 0)

    async def close(self) -> None:
        """Give the lease back and close the connection."""
        self._lease = None
        await self._stack.aclose()
        await self._console.close()

    async def _act(self, host: HostState) -> int:
        await self._resolve(host)
        modes = await self._modes.load()
        frozen = await self._frozen() if self._frozen is not None else ""
        pairs = await self._store.standing()
        said = _says(pairs, modes, frozen)
        await self._say_that_it_waits([one for one, _ in pairs if said.get(one.id or 0) is Say.WAIT], frozen)
        decisions = [_kept(one, said, frozen) for one, _ in pairs if said.get(one.id or 0) not in SENT_NOTHING]
        turned = await self._store.turned()
        held = {name: last.decision for name, last in turned.items() if last.on and last.decision is not None}
        wanted = self._desired(decisions, host, held)
        install = not self._installed and modes.act_somewhere and not modes.stopped_everywhere
        due = allowed(plan(wanted, host, turned, self._clock.now(), install=install), said, modes)
        if due:
            await self._apply(due)
            host = await self._read()
            turned = await self._store.turned()
        # only decisions that were planned for: what came since, or is withheld, has no knob, and no word
        known = {decision.id for decision in decisions}
        standing = [pair for pair in await self._store.standing() if pair[0].id in known]
        read_backs = {row.id: _read_back(row, host) for row in await self._store.unread()}
        words = stamps(standing, wanted, host, turned)
        if read_backs or words:
            await self._store.settle(read_backs, words, self._clock.now())
        await self._hold([decision for decision, _ in standing], wanted, host)
        for word in words:
            log.info("execute.decision", decision=word.decision, status=word.status.value, note=word.note)
        return len(due)

    async def _hold(self, standing: Sequence[Decision], wanted: Desired, host: HostState) -> None:
        """Say on decisions how much mail waits behind them, every `HELD_EVERY`, and at once when it begins or ends."""
        now = self._clock.now()
        said: dict[int, Held | None] = {}
        for one in standing:
            assert one.id is not None
            if one.action not in HOLDS or one.status not in IN_FORCE:
                continue
            waiting = {} if one.id in wanted.lifting else waiting_behind(one, wanted, host)
            same = bool(waiting) is (held_of(one) is not None)
            looked = self._looked.get(one.id)
            if same and (not waiting or (looked is not None and now < looked + HELD_EVERY)):
                continue
            self._looked[one.id] = now
            if not waiting:
                said[one.id] = None
                continue
            vmtas = {name.partition("/")[2] for name in waiting if "/" in name}
            campaign = int(one.target[1:]) if one.target_type is TargetType.JOB else None
            isp = None if campaign else one.isp  # a job is paused at every provider
            oldest = await self._store.oldest(isp, sorted(vmtas) or None, campaign, now - self._bounce_after)
            said[one.id] = held(waiting, min(oldest or one.at, one.at), self._bounce_after)
        if said:
            await self._store.hold(said, now)

    async def _withdraw(self, pairs: Sequence[_Pair], said: Mapping[int, Say], modes: Modes) -> None:
        """What was approved and never sent when a stop or another mode came is a proposal again."""
        notes = {}
        for one, _ in pairs:
            if one.id is not None and said[one.id] is Say.WITHHOLD:
                why = modes.stop_of(one.isp) or f"mode {modes.of(one.agent, one.isp)}"
                notes[one.id] = f"{why}, before it was sent: recorded, not acted on"
        if notes:
            await self._store.withdraw(notes, self._clock.now())

    async def _say_that_it_waits(self, waiting: Sequence[Decision], frozen: str) -> None:
        """Say on what must wait for the log why it does, once."""
        words = [
            Stamp(one.id, one.status, f"waits: {frozen}")
            for one in waiting
            if one.id is not None and one.id not in self._waiting
        ]
        if words:
            await self._store.settle({}, words, self._clock.now())
        self._waiting = frozenset(one.id for one in waiting if one.id is not None)

    async def _look_on(self, why: str) -> None:
        """The host's answers cannot be read: its agents observe from now on, and what was decided says why."""
        now = self._clock.now()
        await self._store.readable(why, now)
        modes = attrs.evolve(await self._modes.load(), unread=why)
        pairs = await self._store.standing()
        said = _says(pairs, modes)
        await self._withdraw(pairs, said, modes)
        words = [
            Stamp(one.id, DecisionStatus.FAILED, modes.looks_on or why)
            for one, _ in pairs
            if one.id is not None and said[one.id] is Say.CARRY and one.status is DecisionStatus.APPROVED
        ]
        if words:  # a person's, whom no mode holds back: still wanted, and carried out once the host can be read
            await self._store.settle({}, words, now)

    async def _tell(self, host: HostState) -> int:
        """Shadow: write on each proposal the lines it would have sent, alone and on a host without others."""
        notes: dict[int, str] = {}
        for decision in await self._store.shadowed():
            assert decision.id is not None
            wanted = self._desired([attrs.evolve(decision, status=DecisionStatus.APPROVED)], host, {})
            lines = [" ".join(one.command.argv) for one in plan(wanted, host, {}, self._clock.now())]
            why = wanted.refused.get(decision.id)
            notes[decision.id] = f"could not be sent: {why}" if why else "would send: " + "; ".join(lines)
        if notes:
            await self._store.note(notes)
        return len(notes)

    def _desired(self, decisions: Sequence[Decision], host: HostState, held: Mapping[str, int]) -> Desired:
        # Domains seen once stay known: a queue that runs empty must not change the include file.
        self._domains |= {queue.partition("/")[0] for queue in host.queues}
        topology = Topology(self._vmtas, frozenset(self._domains), self._stand_ins)
        return desired(decisions, topology, base_rate=self._base_rate, held=held)

    async def _read(self) -> HostState:
        answers = {}
        for reading, question in QUESTIONS.items():
            answers[reading] = (await self._console.run(question)).output
        return read(answers)

    async def _resolve(self, host: HostState) -> None:
        """Find out what became of commands whose answer was lost."""
        for row in await self._store.unresolved():
            shown = None if row.knob in (INCLUDE, RELOAD, ROLLBACK) else in_force(Knob.parse(row.knob), host)
            done = shown is not None and shown is turns_on(row.argv)
            text = "answer lost; " + _read_back(row, host)
            log.warning("execute.resolved", command=row.id, done=done)
            await self._store.finish(
                row.id,
                done=done,
                exit_status=0 if done else None,
                output="",
                now=self._clock.now(),
                read_back=text,
            )

    async def _apply(self, due: Sequence[Planned]) -> None:
        ids = await self._store.record(due, self._clock.now())
        for number, planned in zip(ids, due, strict=True):
            why = await self._send(number, planned.command)
            if planned.command.verb is Verb.PUT_INCLUDE and why is None:
                self._good_include = planned.command.stdin or ""
            if planned.command.verb is Verb.RELOAD and why is None:
                self._installed = True
            if planned.command.verb in (Verb.PUT_INCLUDE, Verb.RELOAD) and why is not None:
                return  # what comes after relies on the new rates

    async def _send(self, number: int, command: PmtaCommand) -> str | None:
        """Send one recorded command and write its result; returns why it failed."""
        await self._store.sending(number)
        reply = await self._console.run(command)
        why = commands.failure(command, reply.exit_status, reply.output)
        rejected = None
        if command.verb is Verb.PUT_INCLUDE and why is None:
            question = commands.check_config()
            answer = await self._console.run(question)
            rejected = commands.failure(question, answer.exit_status, answer.output)
            why = f"test config: {rejected}" if rejected else None
        await self._store.finish(
            number,
            done=why is None,
            exit_status=reply.exit_status,
            output=why or reply.output.strip(),
            now=self._clock.now(),
        )
        if why is not None:
            log.warning("execute.refused", command=number, verb=command.verb.value, why=why)
        if rejected is not None:
            await self._put_back()
        return why

    async def _put_back(self) -> None:
        """A file that PMTA rejects must not lie where its next start would read it."""
        command = commands.put_include(self._good_include)
        (number,) = await self._store.record([Planned(ROLLBACK, command, None, ())], self._clock.now())
        await self._store.sending(number)
        reply = await self._console.run(command)
        why = commands.failure(command, reply.exit_status, reply.output)
        await self._store.finish(
            number,
            done=why is None,
            exit_status=reply.exit_status,
            output=why or reply.output.strip(),
            now=self._clock.now(),
        )

    def _complain(self, event: str, detail: str) -> None:
        if detail != self._complaint:  # once, not at every poll
            log.error(event, detail=detail)
            self._complaint = detail

    async def _alone(self) -> bool:
        if self._lease is not None and await self._lease.alive():
            return True
        await self._stack.aclose()
        self._lease = await self._stack.enter_async_context(self._take_lease())
        if self._lease is None:
            await self._stack.aclose()
        return self._lease is not None


def _says(pairs: Sequence[_Pair], modes: Modes, frozen: str = "") -> dict[int, Say]:
    return says([(decision, generation is not None) for decision, generation in pairs], modes, frozen)


def allowed(due: Sequence[Planned], said: Mapping[int, Say], modes: Modes) -> list[Planned]:
    """The commands that may be sent: those that serve somebody who may be carried out or kept in force.

    The include file, which holds everybody's rates, is written for its own sake too where agents act, unless they
    are stopped everywhere: then only if a decision asks for it that may be carried out (a person's).
    """
    found = []
    for one in due:
        asks = {said[number] for number in {*one.decisions, one.decision or 0} if number in said}
        if one.knob in (INCLUDE, RELOAD):
            free = modes.act_somewhere and not modes.stopped_everywhere
            good = free or Say.CARRY in asks
        else:
            good = bool(OPENS & asks) or (not asks and modes.act_somewhere)
        if good:
            found.append(one)
    return found


def _kept(decision: Decision, said: Mapping[int, Say], frozen: str) -> Decision:
    """A throttle that is only kept in force keeps the rung that the host has, whatever had been wanted next; and so
    does one that would climb while nothing may be loosened."""
    applied, coming = decision.parameters.get("applied_rung"), decision.parameters.get("rung")
    if not isinstance(applied, int):
        return decision
    climbs = isinstance(coming, int) and coming > applied
    if said.get(decision.id or 0) is Say.CARRY and not (frozen and climbs):
        return decision
    rate = round(LADDER.rate_of(applied), 3)
    return attrs.evolve(decision, parameters={**decision.parameters, "rung": applied, "rate_per_min": rate})


def _read_back(row: OpenCommand, host: HostState) -> str:
    if row.knob in (INCLUDE, RELOAD, ROLLBACK):
        return row.output or "no answer"
    return describe(Knob.parse(row.knob), host)

"""The outbox of PMTA commands, and what governance forbids the sender right now.

Decides nothing: what is due is `governance.reconcile`, what a decision closes is `governance.desired`.
A command row exists before its command is sent (`pending`, then `sent`), so no command is without one;
a row in state `sent` without a result is one whose fate a restart has to find out at the host.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs
from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg.types.json import Jsonb

from ignite_adapters.postgres.decisions import LIVE_COLUMNS, live_of
from ignite_adapters.postgres.events import append
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.governance.approvals import LIFTS
from ignite_domain.governance.desired import closed_jobs, closed_vmtas, probed_vmtas
from ignite_domain.governance.held import HELD, Held, note_of
from ignite_domain.governance.modes import waits_for_log
from ignite_domain.governance.reconcile import Planned, Stamp, Turned, turns_on
from ignite_domain.governance.words import (
    PMTA_LEVER,
    STANDING,
    Action,
    AgentKind,
    Decision,
    DecisionStatus,
    Mode,
    OnDeadline,
    TargetType,
)
from ignite_domain.isps import Isp

Frozen = Callable[[], Awaitable[str]]
"""Why nothing may be loosened now; "" if it may."""
ROLLBACK: Final = "rollback"
"""The knob of a row that puts an earlier include file back: it is not what is wanted, only what is safe."""

DECISION_COLUMNS: Final = (
    "id, at, until, isp, agent, action, target_type, target, reason, rule, evidence, "
    "parameters || case when undoes is null then '{}'::jsonb else jsonb_build_object('of', undoes) end, "
    "status, deadline, on_deadline, author, author_reason, generation"
)
_STANDING: Final = (
    f"select {DECISION_COLUMNS} from mailing_engine_decisions "  # noqa: S608  # constants of ours
    "where status = any(%s) and ended_at is null and action = any(%s) order by id"
)
_SHADOWED: Final = (
    f"select {DECISION_COLUMNS} from mailing_engine_decisions "  # noqa: S608  # constants of ours
    "where status = 'proposed' and mode = %s and ended_at is null and status_note is null "
    "and action = any(%s) order by id limit 100"
)
_TURNED: Final = """
with done as (
    select distinct on (knob) knob, id, argv, finished_at, decision_id, generation, stdin_sha256
      from mailing_engine_commands where host = %(host)s and state = 'done' and knob <> 'rollback'
     order by knob, id desc
), failed as (
    select distinct on (knob) knob, id, finished_at, stdin_sha256, output
      from mailing_engine_commands
     where host = %(host)s and state = 'failed' and exit_status is not null and knob <> 'rollback'
     order by knob, id desc
)
select coalesce(d.knob, f.knob), d.argv, d.finished_at, d.decision_id, d.generation, d.stdin_sha256,
       f.finished_at, f.output, f.stdin_sha256
  from done d full join failed f on f.knob = d.knob and f.id > d.id
 where d.knob is not null
    or not exists (select from done x where x.knob = f.knob and x.id > f.id)
"""
_GENERATION: Final = "select coalesce(max(generation), 0) + 1 from mailing_engine_commands where host = %s"
_RECORD: Final = """
insert into mailing_engine_commands
       (host, knob, generation, decision_id, argv, stdin_sha256, state, created_at)
values (%s, %s, %s, %s, %s, %s, 'pending', %s) returning id
"""
_STAMP: Final = f"""
update mailing_engine_decisions d
   set status = %(status)s, status_note = %(note)s, generation = coalesce(%(generation)s, d.generation),
       ended_at = case when %(ended)s then %(now)s else d.ended_at end
 where d.id = %(id)s and d.status = any(%(standing)s) and d.ended_at is null
returning {LIVE_COLUMNS}, undoes
"""  # noqa: S608  # constants of ours
# A decision that was never sent and must not be: what restricts is a proposal again, what loosens is rejected.
_WITHDRAW: Final = f"""
update mailing_engine_decisions
   set status = case when action = any(%(lifts)s) then 'rejected' else 'proposed' end, status_note = %(note)s,
       ended_at = case when action = any(%(lifts)s) then %(now)s end, deadline = null, on_deadline = null
 where id = %(id)s and status = 'approved' and generation is null and ended_at is null
returning {LIVE_COLUMNS}
"""  # noqa: S608  # constants of ours

# One executor governs one host: what was known of another, that settings named before, is over.
_UNREAD: Final = """
insert into mailing_engine_unread_hosts as h (host, why, since) values (%(host)s, %(why)s, %(now)s)
on conflict (host) do update set why = excluded.why, since = excluded.since where h.why <> excluded.why
"""
_READ: Final = "delete from mailing_engine_unread_hosts where host <> %(host)s or %(readable)s"
_NOTE: Final = "select status_note from mailing_engine_decisions where id = %s for update"
_HELD: Final = f"""
update mailing_engine_decisions set parameters = parameters || %(new)s,
       status_note = case when status = any(%(noted)s) then nullif(%(note)s, '') else status_note end
 where id = %(id)s and ended_at is null
returning {LIVE_COLUMNS}
"""  # noqa: S608  # constants of ours
# Only mail of campaigns that may still be under way. No index holds `outcome`, on purpose: every delivery changes it,
# in place (HOT) only while that is so. See docs/governance.md, "Held mail", for the figures.
_OLDEST: Final = """
select min(injected_at) from mailing_sends
 where campaign_id in (select id from mailing_campaigns where (%(campaign)s::bigint is null or id = %(campaign)s)
                       and (finished_at is null or finished_at >= %(since)s))
   and state = 'injected' and (outcome is null or outcome = 'deferred') and injected_at >= %(since)s
   and (%(isp)s::text is null or isp = %(isp)s) and (%(vmtas)s::text[] is null or vmta = any(%(vmtas)s))
"""
_RUNG: Final = """
update mailing_engine_decisions
   set parameters = parameters || jsonb_build_object('applied_rung', %(rung)s::int, 'applied_at', %(at)s::bigint)
 where id = %(id)s and (parameters ->> 'applied_rung') is distinct from (%(rung)s::int)::text
"""
_ENDED: Final = """
update mailing_engine_decisions
   set status = case when status = any(%(standing)s) then 'released' else status end,
       ended_at = coalesce(ended_at, %(now)s)
 where ended_at is null and (id = %(undone)s or (undoes = %(undone)s and action = 'probe'))
"""


@attrs.frozen
class OpenCommand:
    """A row that needs the host's word: state `sent` without a result, or `done` without a read-back."""

    id: int
    knob: str
    argv: tuple[str, ...]
    output: str


class PostgresCommandStore:
    """Outbox and decisions of one host, for the one reconciler that holds its lease.

    Every method is one transaction. Raises PortFailure if the database cannot be reached.
    """

    def __init__(self, pool: Pool, host: str) -> None:
        self._pool = pool
        self._host = host

    async def standing(self) -> list[tuple[Decision, int | None]]:
        """Standing decisions with an MTA lever and the generation that carried them, by id."""
        async with transaction(self._pool) as conn:
            return await _standing(conn, PMTA_LEVER)

    async def shadowed(self) -> list[Decision]:
        """Up to 100 proposals of mode shadow that do not say yet what would have been sent."""
        async with transaction(self._pool) as conn:
            rows = await conn.execute(_SHADOWED, (Mode.SHADOW, [action.value for action in PMTA_LEVER]))
            return [decision_of(row) for row in await rows.fetchall()]

    async def note(self, notes: Mapping[int, str]) -> None:
        """Write what would have been sent on proposals."""
        async with transaction(self._pool) as conn, conn.cursor() as cursor:
            await cursor.executemany(
                "update mailing_engine_decisions set status_note = %s where id = %s and status = 'proposed'",
                [(note, number) for number, note in notes.items()],
            )

    async def withdraw(self, notes: Mapping[int, str], now: datetime) -> None:
        """Take back decisions that nothing was sent for yet, each with why."""
        async with transaction(self._pool) as conn:
            live = []
            for number, note in sorted(notes.items()):
                values = {"id": number, "note": note, "lifts": [one.value for one in LIFTS], "now": now}
                row = await (await conn.execute(_WITHDRAW, values)).fetchone()
                if row is not None:
                    live.append(live_of(row, now))
            await append(conn, (), decisions=live)

    async def readable(self, why_not: str, now: datetime) -> None:
        """Keep whether the host's answers can be read (""), or why not: where they cannot, agents only observe."""
        values = {"host": self._host, "why": why_not, "now": now, "readable": not why_not}
        async with transaction(self._pool) as conn:
            await conn.execute(_READ, values)
            if why_not:
                await conn.execute(_UNREAD, values)

    async def oldest(
        self, isp: Isp | None, vmtas: Sequence[str] | None, campaign: int | None, since: datetime
    ) -> datetime | None:
        """When the oldest mail of ours that the MTA may still have was handed over, not before `since`: of a provider
        and of VMTAs (None: of any), or of one campaign. None: we know of none, or could not look through it in time."""
        values: dict[str, Any] = {"isp": isp.value if isp else None, "campaign": campaign, "since": since}
        values["vmtas"] = list(vmtas) if vmtas is not None else None
        async with transaction(self._pool) as conn:
            await conn.execute("set local statement_timeout = '5s'")
            try:
                row = await (await conn.execute(_OLDEST, values)).fetchone()
            except QueryCanceled:
                await conn.rollback()
                return None
        return row[0] if row else None

    async def hold(self, waits: Mapping[int, Held | None], now: datetime) -> None:
        """Write on decisions what mail waits behind them; it goes to the live feed."""
        async with transaction(self._pool) as conn:
            live = []
            for number, waiting in sorted(waits.items()):
                said = await (await conn.execute(_NOTE, (number,))).fetchone()
                values = {
                    "id": number,
                    "new": Jsonb({HELD: waiting.values() if waiting else None}),
                    "note": note_of((said[0] if said else "") or "", waiting),
                    "noted": [DecisionStatus.APPLIED.value, DecisionStatus.VERIFIED.value],
                }
                row = await (await conn.execute(_HELD, values)).fetchone()
                if row is not None:
                    live.append(live_of(row, now))
            await append(conn, (), decisions=live)

    async def turned(self) -> dict[str, Turned]:
        """What the outbox last knows of every knob of this host."""
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_TURNED, {"host": self._host})).fetchall()
        return {
            knob: Turned(
                on=argv is not None and turns_on(argv),
                at=at,
                decision=decision,
                generation=generation,
                sha256=sha,
                failed_at=failed_at,
                failure=output or "",
                failed_sha256=failed_sha,
            )
            for knob, argv, at, decision, generation, sha, failed_at, output, failed_sha in rows
        }

    async def unresolved(self) -> list[OpenCommand]:
        """Rows that were sent and have no result."""
        return await self._open("state = 'sent'")

    async def unread(self) -> list[OpenCommand]:
        """Rows that are done and have no read-back."""
        return await self._open("state = 'done' and read_back is null")

    async def record(self, planned: Sequence[Planned], now: datetime) -> list[int]:
        """Write one pending row per command, all of one new generation, and stamp it on the decisions served.

        Rows of an earlier plan that were never sent are dropped. Returns the ids in order.
        """
        async with transaction(self._pool) as conn:
            await self._drop_pending(conn)
            row = await (await conn.execute(_GENERATION, (self._host,))).fetchone()
            assert row is not None
            generation = int(row[0])
            ids: list[int] = []
            for one in planned:
                command = one.command
                arguments = (
                    self._host, one.knob, generation, one.decision, Jsonb(list(command.argv)),
                    command.stdin_sha256, now,
                )  # fmt: skip
                made = await (await conn.execute(_RECORD, arguments)).fetchone()
                assert made is not None
                ids.append(int(made[0]))
            served = sorted({number for one in planned for number in one.decisions})
            await conn.execute(
                "update mailing_engine_decisions set generation = %s where id = any(%s)", (generation, served)
            )
        return ids

    async def sending(self, command_id: int) -> None:
        """The command goes out now."""
        async with transaction(self._pool) as conn:
            await conn.execute("update mailing_engine_commands set state = 'sent' where id = %s", (command_id,))

    async def finish(
        self,
        command_id: int,
        *,
        done: bool,
        exit_status: int | None,
        output: str,
        now: datetime,
        read_back: str | None = None,
    ) -> None:
        """Write a result. `exit_status` None: the answer was lost, and the host does not show the effect."""
        async with transaction(self._pool) as conn:
            await conn.execute(
                "update mailing_engine_commands set state = %s, exit_status = %s, output = %s, read_back = %s, "
                "finished_at = %s where id = %s",
                ("done" if done else "failed", exit_status, output[:4000], read_back, now, command_id),
            )

    async def settle(self, read_backs: Mapping[int, str], stamps: Iterable[Stamp], now: datetime) -> None:
        """Write read-backs and what may be said of decisions; each change of word goes to the live feed.

        A decision that governance has ended meanwhile keeps governance's word. A release that has done its
        work ends itself, what it undid, and the probes that earned it.
        """
        async with transaction(self._pool) as conn:
            await self._drop_pending(conn)
            async with conn.cursor() as cursor:
                await cursor.executemany(
                    "update mailing_engine_commands set read_back = %s where id = %s",
                    [(text, number) for number, text in sorted(read_backs.items())],
                )
            live: list[tuple[Any, str | None, dict[str, Any]]] = []
            for stamp in sorted(stamps, key=lambda one: one.decision):
                if stamp.rung is not None and stamp.rung_at is not None:
                    values = {"id": stamp.decision, "rung": stamp.rung, "at": int(stamp.rung_at.timestamp())}
                    await conn.execute(_RUNG, values)
                changed = await self._stamp(conn, stamp, now) if stamp.word else None
                if changed is not None:
                    live.append((now, changed["isp"], changed))
            await append(conn, (), decisions=live)

    async def _stamp(self, conn: AsyncConnection[Any], stamp: Stamp, now: datetime) -> dict[str, Any] | None:
        values = {
            "id": stamp.decision,
            "status": stamp.status.value,
            "note": stamp.note or None,
            "generation": stamp.generation,
            "ended": stamp.ended,
            "now": now,
            "standing": [status.value for status in STANDING],
        }
        row = await (await conn.execute(_STAMP, values)).fetchone()
        if row is None:
            return None
        if stamp.ended and row[-1] is not None:
            await conn.execute(_ENDED, {**values, "undone": row[-1]})
        _, isp, data = live_of(row[:-1], now)
        return {"isp": isp, **data}

    async def _drop_pending(self, conn: AsyncConnection[Any]) -> None:
        await conn.execute("delete from mailing_engine_commands where host = %s and state = 'pending'", (self._host,))

    async def _open(self, condition: str) -> list[OpenCommand]:
        query = "select id, knob, argv, coalesce(output, '') from mailing_engine_commands where host = %s and "
        async with transaction(self._pool) as conn:
            cursor = conn.cursor()
            # two constants of this module
            await cursor.execute((query + condition + " order by id").encode(), (self._host,))
            return [OpenCommand(i, knob, tuple(argv), out) for i, knob, argv, out in await cursor.fetchall()]


class PostgresInjectionControls:
    """`InjectionControls` for the sender: what standing decisions close, before PMTA has heard of them.

    `vmtas` maps the names of our VMTAs to their addresses. A decision whose lifetime has run out still
    closes: what follows it is a probe. A probe or release that waits for the log (`frozen`) opens nothing yet.
    """

    def __init__(self, pool: Pool, vmtas: Mapping[str, str], frozen: Frozen | None = None) -> None:
        self._pool = pool
        self._vmtas = dict(vmtas)
        self._frozen = frozen

    async def closed(self, now: datetime) -> frozenset[tuple[str | None, str]]:
        """(brand, VMTA) pairs that must not be chosen; the brand `*` means everyone."""
        return closed_vmtas(await self._decisions(), self._vmtas)

    async def probed(self, now: datetime) -> frozenset[tuple[str | None, str]]:
        """(brand, VMTA) pairs that a probe tries out; the brand `*` means everyone's."""
        return probed_vmtas(await self._decisions(), self._vmtas)

    async def paused_jobs(self, now: datetime) -> frozenset[str]:
        """Job ids (`c<campaign id>`) whose mail must not be handed over."""
        return closed_jobs(await self._decisions())

    async def _decisions(self) -> list[Decision]:
        async with transaction(self._pool) as conn:
            found = [decision for decision, _ in await _standing(conn, PMTA_LEVER)]
        if self._frozen is None or not any(waits_for_log(one, "perhaps") for one in found):
            return found
        frozen = await self._frozen()
        return [one for one in found if not waits_for_log(one, frozen)]


async def _standing(conn: AsyncConnection[Any], actions: Iterable[Action]) -> list[tuple[Decision, int | None]]:
    arguments = ([status.value for status in STANDING], [action.value for action in actions])
    rows = await (await conn.execute(_STANDING, arguments)).fetchall()
    return [(decision_of(row), row[-1]) for row in rows]


def decision_of(row: Sequence[Any]) -> Decision:
    """A row of `DECISION_COLUMNS`; its last column, the generation, is not the decision's."""
    number, at, until, isp, agent, action, target_type, target, reason, rule, evidence, parameters = row[:12]
    status, deadline, on_deadline, author, author_reason, _ = row[12:]
    return Decision(
        at=at,
        until=until,
        isp=Isp(isp) if isp else None,
        agent=AgentKind(agent),
        action=Action(action),
        target_type=TargetType(target_type),
        target=target,
        reason=reason,
        rule=rule,
        evidence=evidence,
        parameters=parameters,
        status=DecisionStatus(status),
        id=number,
        deadline=deadline,
        on_deadline=OnDeadline(on_deadline) if on_deadline else None,
        by=author,
        person_reason=author_reason,
    )

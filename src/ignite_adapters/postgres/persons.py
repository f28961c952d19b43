"""People's answers and decisions: each is one transaction that holds the row it is about.

Decides nothing but what may have happened meanwhile; what an answer changes is `governance.approvals`, what people may
decide `governance.persons`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection

from ignite_adapters.postgres import decisions
from ignite_adapters.postgres.commands import DECISION_COLUMNS, decision_of
from ignite_adapters.postgres.events import append
from ignite_adapters.postgres.lifting import lift_entries
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.errors import Conflict, NotFound
from ignite_domain.governance import persons
from ignite_domain.governance.approvals import LIFTS, accept, overdue, refuse
from ignite_domain.governance.ports import StatusChange
from ignite_domain.governance.words import STANDING, Action, Decision, DecisionStatus, Mode, awaits

Silenced = Callable[[Decision, Decision | None], str]
"""Why a decision, and what it undoes, could not be carried out now, approved or not; "" if it could."""
_ONE: Final = (
    f"select {DECISION_COLUMNS}, ended_at from mailing_engine_decisions "  # noqa: S608  # constants of ours
    "where id = %s for update"
)
_RELATED: Final = (
    f"select {DECISION_COLUMNS} from mailing_engine_decisions "  # noqa: S608  # constants of ours
    "where (id = %(of)s or undoes = %(of)s) and ended_at is null order by id for update"
)
_ANSWERED: Final = """
update mailing_engine_decisions
   set author = %(by)s, author_reason = %(reason)s, at = case when action = 'probe' and %(yes)s then %(now)s else at end
 where id = %(id)s
"""
_WAITING: Final = (
    f"select {DECISION_COLUMNS} from mailing_engine_decisions "  # noqa: S608  # constants of ours
    "where ended_at is null and status = 'proposed' and deadline is not null order by id for update"
)
_SAME: Final = """
select id from mailing_engine_decisions
 where ended_at is null and status = any(%s) and isp is not distinct from %s and action = %s and target_type = %s
   and target = %s
"""
_DECIDING: Final = "select pg_advisory_xact_lock(%s)"
DECIDE_LOCK: Final = 0x1612_0005
"""Advisory lock of people's own decisions: two who decide the same at once make one."""
_QUEUES: Final = "select distinct split_part(scope, '/', 1) from mailing_engine_signal_state where scope_type = 'queue'"
_JOB: Final = """
select exists (select from mailing_campaigns where 'c' || id = %(job)s)
    or exists (select from mailing_engine_signal_state where scope_type = 'job' and scope = %(job)s)
"""
_LIFTED: Final = f"""
update mailing_engine_decisions set status = 'released', status_note = %(note)s, ended_at = %(now)s
 where id = %(id)s returning {decisions.LIVE_COLUMNS}
"""  # noqa: S608  # constants of ours
_PENDING: Final = """
select count(*) from mailing_engine_decisions
 where status = 'proposed' and ended_at is null and deadline is not null
"""
_OPEN: Final = (
    f"select {DECISION_COLUMNS} from mailing_engine_decisions "  # noqa: S608  # constants of ours
    "where ended_at is null and (action = any(%s) and status = any(%s) or status = 'proposed' and deadline is not null"
    " or status = 'failed') order by id"
)
_FAILED: Final = """
select id, coalesce(status_note, '') from mailing_engine_decisions where ended_at is null and status = 'failed'
"""


class PostgresPersons:
    """What the API's people do to decisions. Raises NotFound and Conflict with what is possible."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def pending(self) -> int:
        """How many decisions wait for a person."""
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_PENDING)).fetchone()
        return int(row[0]) if row else 0

    async def open(self, actions: frozenset[Action]) -> list[Decision]:
        """What waits for a person, what the host did not carry out, and what stands of these actions."""
        values = ([one.value for one in actions], [one.value for one in STANDING])
        async with transaction(self._pool) as conn:
            return [decision_of(row) for row in await (await conn.execute(_OPEN, values)).fetchall()]

    async def failed(self) -> dict[int, str]:
        """What the host said to decisions that it did not carry out, by id."""
        async with transaction(self._pool) as conn:
            return dict(await (await conn.execute(_FAILED)).fetchall())

    async def domains(self) -> frozenset[str]:
        """The domains of queues that accounting records have named lately."""
        async with transaction(self._pool) as conn:
            return frozenset(row[0] for row in await (await conn.execute(_QUEUES)).fetchall())

    async def has_job(self, job: str) -> bool:
        """Whether a job is a campaign of ours, or has been seen in accounting records lately."""
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_JOB, {"job": job})).fetchone()
        return bool(row and row[0])

    async def answer(self, number: int, yes: bool, by: str, reason: str, now: datetime, silenced: Silenced) -> None:
        """Approve or reject what waits."""
        async with transaction(self._pool) as conn:
            decision = await _found(conn, number)
            if not awaits(decision):
                raise Conflict(f"decision {number} {persons.possible(decision)}")
            related = await _related(conn, decision.parameters.get("of"))
            undone = next((one for one in related if one.id == decision.parameters.get("of")), None)
            if yes and (why := silenced(decision, undone)):
                raise Conflict(f"{why}: it would not be carried out; reject it, or lift that first")
            changes = [accept(decision, now, f"approved by {by}")]
            if not yes:
                changes = refuse(decision, related, now, f"rejected by {by}")
            values = {"by": by, "reason": reason, "yes": yes, "now": now, "id": number}
            await conn.execute(_ANSWERED, values)
            await _write(conn, changes, now)

    async def settle(self, now: datetime, silenced: Silenced) -> list[Decision]:
        """Settle what waits and has passed its deadline, or may not be carried out any more; returns what was
        settled. What a person or another process answers at the same moment is left to whoever came first."""
        async with transaction(self._pool) as conn:
            waiting = [decision_of(row) for row in await (await conn.execute(_WAITING)).fetchall()]
            standing = {one.id: one for one in waiting}
            for one in waiting:
                standing |= {other.id: other for other in await _related(conn, one.parameters.get("of"))}
            found = overdue(
                list(standing.values()), now, lambda one: silenced(one, standing.get(one.parameters.get("of")))
            )
            await _write(conn, list(found.changes), now)
        settled = {change.decision_id for change in found.changes if change.waiting}
        return [one for one in waiting if one.id in settled]

    async def decide(self, decision: Decision) -> int:
        """Write a person's own decision; returns its id."""
        async with transaction(self._pool) as conn:
            await conn.execute(_DECIDING, (DECIDE_LOCK,))
            isp = decision.isp.value if decision.isp else None
            place = (isp, decision.action.value, decision.target_type.value, decision.target)
            row = await (await conn.execute(_SAME, ([one.value for one in STANDING], *place))).fetchone()
            if row is not None:
                raise Conflict(f"decision {row[0]} does that already: it can be released")
            number, live = await decisions.insert(conn, decision, Mode.ACT.value, "", None)
            await append(conn, (), decisions=[live])
        return number

    async def release(self, number: int, by: str, reason: str, now: datetime) -> int:
        """Undo what stands; returns the id of the release. A probe or release of it that waits is superseded; of a
        suppression every entry is lifted that it made and that is still its own."""
        async with transaction(self._pool) as conn:
            undone = await _found(conn, number)
            if undone.action is Action.SUPPRESS:
                return await _lift(conn, undone, by, reason, now)
            made = persons.release(undone, by, reason, now)
            live = []
            for one in await _related(conn, number):
                assert one.id is not None
                if one.action is Action.RELEASE and one.status in STANDING:
                    raise Conflict(f"decision {number} is being released already, by decision {one.id}")
                if one.action in LIFTS and awaits(one):
                    over = StatusChange(one.id, DecisionStatus.SUPERSEDED, f"released by {by}")
                    live.append(await decisions.change(conn, over, now))
            inside = undone.action in persons.INSIDE
            new, message = await decisions.insert(conn, made, Mode.ACT.value, "", now if inside else None)
            live.append(message)
            if inside:
                over = StatusChange(number, DecisionStatus.RELEASED, f"released by {by}")
                live.append(await decisions.change(conn, over, now))
            await append(conn, (), decisions=[one for one in live if one is not None])
        return new


async def _found(conn: AsyncConnection[Any], number: int) -> Decision:
    row = await (await conn.execute(_ONE, (number,))).fetchone()
    if row is None:
        raise NotFound("there is no such decision")
    listed = row[5] == Action.SUPPRESS and row[12] != DecisionStatus.RELEASED  # is over at once; its entries last
    if row[-1] is not None and not listed:
        raise Conflict(f"decision {number} is over ({row[12]}): nothing can be done about it")
    return decision_of(row[:-1])


async def _lift(conn: AsyncConnection[Any], undone: Decision, by: str, reason: str, now: datetime) -> int:
    assert undone.id is not None
    lifted = await lift_entries(conn, undone.id, by, reason, now)
    counts = {"entries": lifted.entries, "everywhere": lifted.everywhere, "people": len(lifted.events)}
    made = persons.lift(undone, by, reason, now, counts)
    note = f"released by {by}: " + _addresses(lifted.entries)
    new, message = await decisions.insert(conn, made, Mode.ACT.value, _addresses(lifted.entries), now)
    over = await (await conn.execute(_LIFTED, {"id": undone.id, "note": note, "now": now})).fetchone()
    assert over is not None
    await append(conn, lifted.events, decisions=[message, decisions.live_of(over, now)])
    return new


def _addresses(count: int) -> str:
    return "lifted for 1 address" if count == 1 else f"lifted for {count} addresses"


async def _related(conn: AsyncConnection[Any], of: object) -> list[Decision]:
    if of is None:
        return []
    return [decision_of(row) for row in await (await conn.execute(_RELATED, {"of": of})).fetchall()]


async def _write(conn: AsyncConnection[Any], changes: list[StatusChange], now: datetime) -> None:
    live = [await decisions.change(conn, one, now) for one in changes]
    await append(conn, (), decisions=[one for one in live if one is not None])

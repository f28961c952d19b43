"""`ModesStore` on PostgreSQL. Every change is one row of the table and one decision, in one transaction.

Decides nothing: which entry holds where is `governance.modes`.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import AsyncConnection

from ignite_adapters.postgres import decisions
from ignite_adapters.postgres.events import append
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.errors import Conflict, NotFound
from ignite_domain.governance.modes import Key, ModeEntry, Modes, Stop
from ignite_domain.governance.signals import HOST
from ignite_domain.governance.words import (
    PERSON_RULE,
    Action,
    AgentKind,
    Decision,
    DecisionStatus,
    Mode,
    TargetType,
)
from ignite_domain.isps import Isp

_MODES: Final = "select agent, isp, mode, author, at, reason from mailing_engine_modes order by agent, isp"
_STOPS: Final = "select isp, author, at, reason from mailing_engine_stops order by isp"
_UNREAD: Final = "select why from mailing_engine_unread_hosts order by since limit 1"
_SET: Final = """
insert into mailing_engine_modes (agent, isp, mode, author, at, reason) values (%s, %s, %s, %s, %s, %s)
on conflict (agent, isp) do update set mode = excluded.mode, author = excluded.author, at = excluded.at,
       reason = excluded.reason
"""
_UNSET: Final = "delete from mailing_engine_modes where agent = %s and isp = %s"
_STOP: Final = """
insert into mailing_engine_stops (isp, author, at, reason) values (%s, %s, %s, %s)
on conflict (isp) do update set author = excluded.author, at = excluded.at, reason = excluded.reason
"""
_RESUME: Final = "delete from mailing_engine_stops where isp = %s"
# What was rejected because of a stop or a mode was nobody's answer.
_REFUSED: Final = """
select agent, coalesce(isp, ''), action, target_type, target
  from mailing_engine_decisions
 where status = 'rejected' and until > %(now)s and deadline is not null and (author is not null or ended_at >= deadline)
union
select d.agent, coalesce(d.isp, ''), d.action, d.target_type, d.target
  from mailing_engine_decisions d join mailing_engine_decisions r on r.undoes = d.id
 where d.status = 'released' and d.ended_at > %(since)s and r.action = 'release' and r.rule = %(person)s
"""


class PostgresModesStore:
    """`setting`: the mode that holds where no entry does."""

    def __init__(self, pool: Pool, setting: Mode) -> None:
        self._pool = pool
        self._setting = setting

    async def load(self) -> Modes:
        async with transaction(self._pool) as conn:
            return await self._load(conn)

    async def refused(self, now: datetime, dwell: timedelta) -> frozenset[Key]:
        values = {"now": now, "since": now - dwell, "person": PERSON_RULE}
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_REFUSED, values)).fetchall()
        return frozenset((AgentKind(agent), *rest) for agent, *rest in rows)

    async def set_mode(
        self, agent: AgentKind | None, isp: Isp | None, mode: Mode | None, by: str, reason: str, now: datetime
    ) -> None:
        place = (agent or "", isp or "")
        async with transaction(self._pool) as conn:
            if mode is not None:
                await conn.execute(_SET, (*place, mode, by, now, reason))
            elif not (await conn.execute(_UNSET, place)).rowcount:
                raise NotFound("there is no such entry to remove")
            parameters = {"agent": agent, "isp": isp, "mode": mode}
            await _keep(conn, Action.SET_MODE, agent, isp, parameters, by, reason, now)

    async def stop(self, isp: Isp | None, by: str, reason: str, now: datetime) -> None:
        async with transaction(self._pool) as conn:
            await conn.execute(_STOP, (isp or "", by, now, reason))
            await _keep(conn, Action.STOP, None, isp, {}, by, reason, now)

    async def resume(self, isp: Isp | None, by: str, reason: str, now: datetime) -> None:
        async with transaction(self._pool) as conn:
            if not (await conn.execute(_RESUME, (isp or "",))).rowcount:
                raise Conflict(no_such_stop(await self._load(conn)))
            await _keep(conn, Action.RESUME, None, isp, {}, by, reason, now)

    async def _load(self, conn: AsyncConnection[Any]) -> Modes:
        modes = await (await conn.execute(_MODES)).fetchall()
        stops = await (await conn.execute(_STOPS)).fetchall()
        unread = await (await conn.execute(_UNREAD)).fetchone()
        return Modes(
            self._setting,
            tuple(
                ModeEntry(AgentKind(agent) if agent else None, Isp(isp) if isp else None, Mode(mode), by, at, reason)
                for agent, isp, mode, by, at, reason in modes
            ),
            tuple(Stop(Isp(isp) if isp else None, by, at, reason) for isp, by, at, reason in stops),
            unread[0] if unread else "",
        )


def no_such_stop(modes: Modes) -> str:
    standing = ", ".join(stop.where for stop in modes.stops)
    return f"no such stop stands; what can be resumed: {standing or 'nothing'}"


async def _keep(
    conn: AsyncConnection[Any],
    action: Action,
    agent: AgentKind | None,
    isp: Isp | None,
    parameters: dict[str, Any],
    by: str,
    reason: str,
    now: datetime,
) -> None:
    """The decision that a person's word is: made, in force and over at once. What is about every agent stands under
    emergency, like all that concerns the whole host."""
    decision = Decision(
        at=now,
        until=now,
        isp=isp,
        agent=agent or AgentKind.EMERGENCY,
        action=action,
        target_type=TargetType.ISP if isp else TargetType.HOST,
        target=isp.value if isp else HOST,
        reason=reason,
        rule=PERSON_RULE,
        evidence={"by": by, "reason": reason},
        parameters=parameters,
        status=DecisionStatus.APPLIED,
        by=by,
        person_reason=reason,
    )
    _, live = await decisions.insert(conn, decision, Mode.ACT.value, "", now)
    await append(conn, (), decisions=[live])

"""What the API and the dashboard show: lists by keyset, and the counts of the 21 steps. Read only."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
from psycopg.rows import dict_row

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.governance.words import STANDING, Action, AgentKind, Signal
from ignite_domain.isps import Isp

Row = dict[str, Any]

_SUBSCRIBERS: Final = """
select id, email, isp, data_quality_score, status, status_reason, verify_state, from_warmup_file, imported_at,
       updated_at
  from mailing_subscribers
 where id > %(after)s order by id limit %(limit)s
"""
_BY_EMAIL: Final = _SUBSCRIBERS.replace("where id >", "where email = %(email)s and id >")
_SUPPRESSIONS: Final = """
select email_md5 as id, reason, source, since, expires from mailing_global_suppressions
 where email_md5 > %(after)s order by email_md5 limit %(limit)s
"""
_IMPORTS: Final = """
select id, original_key, processed_key, case when status = 'done' and rejected > 0 then rejects_key end as rejects_key,
       classification, reasons, status, error, row_count, inserted,
       updated, unchanged, rejected, rejected_by_reason, started_at, finished_at
  from data_import_log where id < %(before)s order by id desc limit %(limit)s
"""
_DECISION_LIST: Final = """
select id, at, until, isp, agent, action, target_type, target, reason, rule, mode, status, status_note, evidence,
       parameters, undoes, ended_at, status = 'proposed' and ended_at is null and deadline is not null as awaits,
       deadline, on_deadline, author as "by", author_reason as person_reason
  from mailing_engine_decisions
"""
_DECISION: Final = _DECISION_LIST + " where id = %(decision)s"
_DECISIONS: Final = (
    _DECISION_LIST
    + """
 where id < %(before)s
   and (not %(awaiting)s::boolean or (status = 'proposed' and ended_at is null and deadline is not null))
   and (%(isp)s::text is null or coalesce(isp, 'elsewhere') = %(isp)s)
   and (%(agent)s::text is null or agent = %(agent)s)
   and (%(actions)s::text[] is null or action = any(%(actions)s))
   and (not %(standing)s::boolean or (status = any(%(in_force)s) and ended_at is null and action <> %(suppress)s))
 order by id desc limit %(limit)s
"""
)
_SUPPRESSING: Final = """
select coalesce(isp, 'elsewhere') as isp, count(*) as decisions, max(at) as last,
       coalesce(sum((evidence->>'recipients')::bigint), 0)::bigint as addresses
  from mailing_engine_decisions where action = %(suppress)s and status <> 'released'
 group by 1 order by addresses desc, isp
"""
_EVENTS: Final = """
select id, event_type, event_at, subscriber_id, campaign_id, variant_id, isp, verdict, metadata
  from subscriber_events
 where id < %(before)s and (%(subscriber)s::bigint is null or subscriber_id = %(subscriber)s)
 order by id desc limit %(limit)s
"""
_AGENTS: Final = "select isp, agent, mode, state, reason, evaluations, evaluated_at from mailing_engine_agents"
_SIGNALS: Final = """
select at, isp, signal, n, x, s, h from mailing_engine_signals
 where scope_type = 'isp' and at >= %(since)s and signal = any(%(signals)s) order by at
"""
_COMMANDS: Final = """
select id, host, knob, generation, decision_id, argv, state, exit_status, output, read_back, created_at, finished_at
  from mailing_engine_commands where decision_id = %(decision)s order by id
"""
_RATES: Final = """
select at, rung, rate_per_min, reason from mailing_engine_rate_steps where decision_id = %(decision)s order by id
"""
_ENTRIES: Final = "select count(*) as entries from mailing_engine_suppressions where decision_id = %(decision)s"
_DECIDED: Final = "select id from mailing_engine_decisions where id = %(decision)s"

_FEEDS: Final = """
select source as id, path, byte_offset, line, ingested, rejected, updated_at,
       coalesce((select jsonb_agg(jsonb_build_object('line', first.line, 'reason', first.reason) order by first.line)
                   from (select line, reason from mailing_engine_feed_rejects r
                          where r.source = f.source order by line limit %(shown)s) as first), '[]') as rejects
  from mailing_engine_feeds f where source > %(after)s order by source limit %(limit)s
"""
SHOWN_REJECTS: Final = 20
CHARTED: Final = (Signal.DEFERRAL, Signal.REFUSAL, Signal.BOUNCE, Signal.COMPLAINT)

OF_TABLES: Final[dict[str, str]] = {
    "import.1": "select count(*) from data_import_log",
    "import.2": "select count(*) from data_import_log where classification is not null",
    "import.3": "select count(*) from data_import_log where processed_key is not null",
    "import.4": "select coalesce(sum(inserted + updated + unchanged), 0) from data_import_log",
    "import.7": "select coalesce(sum(selected), 0) from mailing_warmup_days",
    "import.8": "select count(*) from mailing_sends where state = 'injected'",
    "import.12": "select count(*) from live_feed",
    "accounting.1": "select coalesce(sum(ingested + rejected), 0) from mailing_engine_feeds",
    "accounting.2": "select coalesce(sum(ingested), 0) from mailing_engine_feeds",
    "accounting.3": "select count(*) from mailing_engine_signals",
    "accounting.4": "select coalesce(sum(evaluations), 0) from mailing_engine_agents",
    "accounting.5": "select count(*) from mailing_engine_decisions",
    "accounting.6": "select count(*) from mailing_engine_decisions "
    "where status <> 'proposed' or status_note is not null",
    "accounting.7": "select count(*) from mailing_engine_commands where state = 'done'",
}
OF_EVENTS: Final[dict[str, str]] = {
    "import.5": "count(distinct subscriber_id) filter (where event_type = 'verified')",
    "import.6": "count(*) filter (where event_type = 'quality_changed')",
    "import.9": "count(*) filter (where event_type in ('opened', 'clicked'))",
    "import.10": "count(*) filter (where event_type in ('page_view', 'session_end'))",
    "import.11": "count(*)",
    "accounting.8": "count(*) filter (where event_type in "
    "('delivered', 'deferred', 'soft_bounced', 'hard_bounced', 'complained'))",
    "accounting.9": "count(*) filter (where (event_type = 'quality_changed' and "
    "metadata->>'evidence' in ('delivered', 'hard_bounced', 'complained')) or event_type = 'suppressed')",
}
"""What each numbered step of the seed's two flows has handled so far, in the unit of the contracts page.

The fact table is read once for all of its counts.
"""
_ORDER: Final = [*(f"import.{n}" for n in range(1, 13)), *(f"accounting.{n}" for n in range(1, 10))]
_LOOP: Final = "select {tables}, events.* from (select {events} from subscriber_events) as events".format(  # noqa: S608  # constants of this file
    tables=", ".join(f"({query})" for query in OF_TABLES.values()), events=", ".join(OF_EVENTS.values())
)


async def loop_counts(pool: Pool) -> dict[str, int]:
    """The counts of all 21 steps in their order, from one snapshot."""
    async with transaction(pool) as conn:
        row = await (await conn.execute(_LOOP.encode())).fetchone()
    counted = dict(zip([*OF_TABLES, *OF_EVENTS], row or (), strict=True))
    return {step: int(counted[step]) for step in _ORDER}


@attrs.frozen
class ReadingRoom:
    """Lists for people. Newest first where a list has a time; `after` and `before` are keys of the last item seen."""

    pool: Pool

    async def _rows(self, query: str, **values: Any) -> list[Row]:
        async with transaction(self.pool) as conn, conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchall()

    async def subscribers(self, after: int, limit: int, email: str | None = None) -> list[Row]:
        if email is not None:
            return await self._rows(_BY_EMAIL, after=after, limit=limit, email=email)
        return await self._rows(_SUBSCRIBERS, after=after, limit=limit)

    async def suppressions(self, after: str, limit: int) -> list[Row]:
        return await self._rows(_SUPPRESSIONS, after=after, limit=limit)

    async def imports(self, before: int, limit: int) -> list[Row]:
        return await self._rows(_IMPORTS, before=before, limit=limit)

    async def decisions(
        self,
        before: int,
        limit: int,
        isp: str | None = None,
        agent: str | None = None,
        actions: Sequence[str] | None = None,
        *,
        standing: bool = False,
        awaiting: bool = False,
    ) -> list[Row]:
        """Newest first. `isp` "elsewhere" finds those of no provider of ours; `standing` those in force, in which
        suppressions, that last a year, are not counted; `awaiting` those that wait for a person."""
        return await self._rows(
            _DECISIONS,
            before=before,
            limit=limit,
            isp=isp,
            agent=agent,
            actions=None if actions is None else list(actions),
            standing=standing,
            awaiting=awaiting,
            in_force=[status.value for status in STANDING],
            suppress=Action.SUPPRESS.value,
        )

    async def decision(self, number: int) -> Row | None:
        """One of them; None if there is no such decision. A suppression comes with `entries`: how many of those that it
        made are still its own, and would be lifted with it."""
        rows = await self._rows(_DECISION, decision=number)
        if rows and rows[0]["action"] == Action.SUPPRESS:
            rows[0] |= (await self._rows(_ENTRIES, decision=number))[0]
        return rows[0] if rows else None

    async def suppressing(self) -> list[Row]:
        """How many addresses suppression agents took out, by provider: `isp decisions addresses last`."""
        return await self._rows(_SUPPRESSING, suppress=Action.SUPPRESS.value)

    async def commands(self, decision: int) -> list[Row] | None:
        """What carried a decision to the MTA; None if there is no such decision."""
        rows = await self._rows(_COMMANDS, decision=decision)
        return rows if rows or await self._rows(_DECIDED, decision=decision) else None

    async def rates(self, decision: int) -> list[Row] | None:
        """The rungs a throttle's rate has stood on, the first cut included; None if there is no such decision."""
        rows = await self._rows(_RATES, decision=decision)
        return rows if rows or await self._rows(_DECIDED, decision=decision) else None

    async def feeds(self, after: str, limit: int) -> list[Row]:
        """Accounting files, how far they are read, and the first `SHOWN_REJECTS` lines that could not be."""
        return await self._rows(_FEEDS, after=after, limit=limit, shown=SHOWN_REJECTS)

    async def events(self, before: int, limit: int, subscriber: int | None = None) -> list[Row]:
        return await self._rows(_EVENTS, before=before, limit=limit, subscriber=subscriber)

    async def signals(self, now: datetime, hours: float) -> list[Row]:
        """What was counted by provider and slice in the last `hours` of business time, oldest first."""
        return await self._rows(_SIGNALS, since=now - timedelta(hours=hours), signals=[one.value for one in CHARTED])

    async def agents(self) -> list[Row]:
        """All 48, those that have not evaluated yet as `idle`."""
        stored = {(row["isp"], row["agent"]): row for row in await self._rows(_AGENTS)}
        return [
            stored.get((isp.value, kind.value))
            or {
                "isp": isp.value,
                "agent": kind.value,
                "mode": "observe",
                "state": "idle",
                "reason": "no accounting record has been read yet",
                "evaluations": 0,
                "evaluated_at": None,
            }
            for kind in AgentKind
            for isp in Isp
        ]

"""Reads what the demo report compares with the outside world. Read only; decides nothing.

Every function answers one reconciliation's right side; the names follow the contracts page.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Final

import attrs
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

EXPORTED: Final = (
    "mailing_subscribers",
    "data_import_log",
    "mailing_global_suppressions",
    "mailing_engine_suppressions",
    "mailing_engine_decisions",
    "mailing_engine_commands",
    "mailing_engine_signals",
    "mailing_engine_signal_state",
    "mailing_engine_agents",
    "mailing_engine_feeds",
    "mailing_engine_feed_rejects",
    "mailing_campaigns",
    "mailing_ab_tests",
    "mailing_ab_variants",
    "content_learnings",
    "mailing_sends",
    "mailing_warmup_days",
    "automation_flows",
    "automation_executions",
    "subscriber_events",
    "live_feed",
)
"""Tables that `--keep` leaves as CSV, so that a stranger can recompute every number."""

Counts = dict[str, int]


@attrs.frozen
class Fate:
    """What has become of a decision, and who answered for it, if a person did."""

    status: str
    note: str = ""
    author: str | None = None
    reason: str | None = None


@attrs.frozen
class ReportReader:
    pool: AsyncConnectionPool[Any]

    async def _pairs(self, query: str, *args: Any) -> Counts:
        async with self.pool.connection() as conn:
            rows = await (await conn.execute(query, args)).fetchall()
        return {str(key): int(count) for key, count in rows}

    async def _number(self, query: str, *args: Any) -> int:
        async with self.pool.connection() as conn:
            row = await (await conn.execute(query, args)).fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    async def imported_rows(self) -> Counts:
        """Rows accounted for by the import log, by file type."""
        return await self._pairs(
            "select classification, sum(inserted + updated + unchanged + rejected) from data_import_log "
            "where status = 'done' group by 1"
        )

    async def audience(self, campaign: int) -> Counts:
        """People of a campaign: sent, suppressed:<reason>, held:<reason>; anything unfinished is open:<state>."""
        return await self._pairs(
            "select case state when 'injected' then 'sent' when 'suppressed' then 'suppressed:' || reason "
            "when 'held' then 'held:' || reason else 'open:' || state end, count(*) "
            "from mailing_sends where campaign_id = %s group by 1",
            campaign,
        )

    async def injected(self) -> Counts:
        """Ledger rows marked injected, by brand."""
        return await self._pairs(
            "select coalesce(isp, 'elsewhere'), count(*) from mailing_sends where state = 'injected' group by 1"
        )

    async def injected_pairs(self) -> int:
        """Distinct (campaign, person) among ledger rows marked injected."""
        return await self._number(
            "select count(*) from (select distinct campaign_id, subscriber_id from mailing_sends "
            "where state = 'injected') as pairs"
        )

    async def accounting(self) -> Counts:
        """Accounting lines by what became of them."""
        return await self._pairs(
            "select 'ingested', coalesce(sum(ingested), 0) from mailing_engine_feeds "
            "union all select 'rejected', coalesce(sum(rejected), 0) from mailing_engine_feeds"
        )

    async def delivery_events(self) -> Counts:
        """Events that the accounting log produced, as `<isp>:<event type>`."""
        return await self._pairs(
            "select coalesce(isp, 'elsewhere') || ':' || event_type, count(*) from subscriber_events "
            "where event_type in ('delivered', 'soft_bounced', 'hard_bounced', 'deferred', 'complained') group by 1"
        )

    async def engagement_events(self) -> Counts:
        """What people and scanners did, as `<event type>:<verdict>`."""
        return await self._pairs(
            "select event_type || ':' || coalesce(verdict, 'human'), count(*) from subscriber_events where event_type "
            "in ('opened', 'clicked', 'page_view', 'session_end', 'unsubscribed') group by 1"
        )

    async def people(self) -> dict[str, tuple[float, str]]:
        """email_md5 -> (score, status) of everyone."""
        async with self.pool.connection() as conn:
            rows = await (
                await conn.execute("select email_md5, data_quality_score, status from mailing_subscribers")
            ).fetchall()
        return {md5: (float(score), status) for md5, score, status in rows}

    async def suppressed(self) -> set[str]:
        """email_md5 of everyone on the global list."""
        async with self.pool.connection() as conn:
            rows = await (await conn.execute("select email_md5 from mailing_global_suppressions")).fetchall()
        return {row[0] for row in rows}

    async def commands(self) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
        """Commands (as typed, SHA-256 of stdin) that were answered, and those sent whose answer never came."""
        answered: Counter[tuple[str, str]] = Counter()
        unanswered: Counter[tuple[str, str]] = Counter()
        query = (
            "select argv, coalesce(stdin_sha256, ''), exit_status is not null, count(*) "
            "from mailing_engine_commands where state <> 'pending' group by 1, 2, 3"
        )
        async with self.pool.connection() as conn:
            for argv, sha, known, count in await (await conn.execute(query)).fetchall():
                (answered if known else unanswered)[(" ".join(argv), sha)] += count
        return answered, unanswered

    async def applied_without_command(self, actions: Iterable[str]) -> int:
        """Decisions with an MTA lever that claim to be applied and have no command with exit status and read-back."""
        return await self._number(
            "select count(*) from mailing_engine_decisions d where d.action = any(%s) "
            "and d.status in ('applied', 'verified') and not exists (select 1 from mailing_engine_commands c "
            "where (c.decision_id = d.id or c.generation = d.generation) and c.exit_status = 0 "
            "and c.read_back is not null)",
            list(actions),
        )

    async def live_ids(self, after: int) -> list[int]:
        """Ids of the live feed beyond `after`."""
        async with self.pool.connection() as conn:
            rows = await (await conn.execute("select id from live_feed where id > %s order by id", (after,))).fetchall()
        return [row[0] for row in rows]

    async def decisions(self, after: int = 0) -> list[dict[str, Any]]:
        """Decisions beyond `after` in order of id, as plain values."""
        names = "id at until isp agent action target_type target reason rule mode status author deadline".split()
        async with self.pool.connection() as conn:
            cursor = await conn.execute(
                sql.SQL("select {} from mailing_engine_decisions where id > %s order by id").format(
                    sql.SQL(", ").join(map(sql.Identifier, names))
                ),
                (after,),
            )
            return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]

    async def fates(self, ids: list[int]) -> dict[int, Fate]:
        """What has become of these decisions, by id."""
        if not ids:
            return {}
        query = (
            "select id, status, coalesce(status_note, ''), author, author_reason from mailing_engine_decisions "
            "where id = any(%s)"
        )
        async with self.pool.connection() as conn:
            rows = await (await conn.execute(query, (ids,))).fetchall()
        return {number: Fate(*rest) for number, *rest in rows}

    async def pulse(self) -> Counts:
        """How things stand, for people: mail by what became of it, and restrictions that are in force."""
        return await self._pairs(
            "select 'sent', count(*) from mailing_sends where state = 'injected' "
            "union all select 'delivered', count(*) from mailing_sends where outcome = 'delivered' "
            "union all select 'deferrals', count(*) from subscriber_events where event_type = 'deferred' "
            "union all select 'decisions standing', count(*) from mailing_engine_decisions "
            "  where status in ('approved', 'applied', 'verified') and ended_at is null "
            "  and action not in ('suppress', 'warn', 'release')"
        )

    async def progress(self) -> Counts:
        """Counts that tell how far the loop is: what the demo waits for and tells about."""
        return await self._pairs(
            "select 'subscribers', count(*) from mailing_subscribers "
            "union all select 'to_verify', count(*) from mailing_subscribers "
            "  where verify_state <> 'done' and status = 'active' and verify_after is null "
            "union all select 'files_done', count(*) from data_import_log "
            "  where status in ('done', 'held', 'failed') "
            "union all select 'sends_open', count(*) from mailing_sends "
            "  where state in ('waiting', 'claimed', 'in_doubt') "
            "union all select 'injected', count(*) from mailing_sends where state = 'injected' "
            "union all select 'campaigns_open', count(*) from mailing_campaigns "
            "  where kind = 'campaign' and status not in ('finished', 'cancelled') "
            "union all select 'flows_waiting', count(*) from automation_executions where state = 'waiting' "
            "union all select 'commands_open', count(*) from mailing_engine_commands "
            "  where state in ('pending', 'sent') "
            "union all select 'decisions_unapplied', count(*) from mailing_engine_decisions "
            "  where status = 'approved' "
            "union all select 'accounting_lines', coalesce(sum(ingested + rejected), 0)::bigint "
            "  from mailing_engine_feeds "
            "union all select 'delivered', count(*) from mailing_sends where outcome = 'delivered' "
            "union all select 'last_live', coalesce(max(id), 0) from live_feed"
        )

    async def export(self, directory: Path) -> None:
        """Write every table of `EXPORTED` as CSV with a header into `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        async with self.pool.connection() as conn:
            for table in EXPORTED:
                query = sql.SQL("copy (select * from {}) to stdout with (format csv, header)").format(
                    sql.Identifier(table)
                )
                async with conn.cursor() as cursor, cursor.copy(query) as copy:
                    with (directory / f"{table}.csv").open("wb") as out:
                        async for block in _blocks(copy):
                            out.write(block)


async def _blocks(copy: Any) -> AsyncIterator[bytes]:
    async for block in copy:
        yield bytes(block)

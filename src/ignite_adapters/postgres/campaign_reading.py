"""Campaigns as lists show them: people by state and reason, arm by arm; `clicks` are people who clicked. Read only."""

from typing import Any, Final

from psycopg.rows import dict_row

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.errors import NotFound

_LIST: Final = """
select c.id, c.name, c.kind, c.status, c.status_reason, c.from_name, c.from_address, c.landing_url, c.audience,
       c.batch_per_min, c.created_at, c.created_by, c.scheduled_at, c.started_at, c.deadline_at, c.finished_at,
       t.element, t.status as test_status, w.name as winner
  from mailing_campaigns c
  left join mailing_ab_tests t on t.campaign_id = c.id
  left join mailing_ab_variants w on w.id = t.winner_id
 where c.id < %(before)s and (%(id)s::bigint is null or c.id = %(id)s)
 order by c.id desc limit %(limit)s
"""
_VARIANTS: Final = """
select t.campaign_id, v.id, v.name, v.weight, v.subject, v.preheader
  from mailing_ab_variants v join mailing_ab_tests t on t.id = v.test_id
 where t.campaign_id = any(%s) order by v.id
"""
_COUNTS: Final = """
select campaign_id, variant_id, state, reason, outcome, count(*) from mailing_sends where campaign_id = any(%s)
 group by 1, 2, 3, 4, 5
"""
_LEARNING: Final = """
select t.campaign_id, l.element, l.winner, l.loser, l.n, l.clicks, l.lift, l.probability, l.at
  from content_learnings l join mailing_ab_tests t on t.id = l.test_id where t.campaign_id = any(%s)
"""
_CLICKS: Final = """
select variant_id, count(distinct subscriber_id) from subscriber_events
 where campaign_id = any(%s) and event_type = 'clicked' and verdict = 'human' group by 1
"""
OPEN: Final = ("waiting", "claimed", "in_doubt")


class CampaignReader:
    """Lists campaigns, newest first."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(self, before: int, limit: int) -> list[dict[str, Any]]:
        """Campaigns with id below `before`, at most `limit`. Shapes: see `_counted`."""
        return await self._read(before, limit, None)

    async def one(self, campaign_id: int) -> dict[str, Any]:
        """One campaign; raises `NotFound`."""
        found = await self._read((1 << 63) - 1, 1, campaign_id)
        if not found:
            raise NotFound(f"campaign {campaign_id}")
        return found[0]

    async def _read(self, before: int, limit: int, campaign_id: int | None) -> list[dict[str, Any]]:
        async with transaction(self._pool) as conn, conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_LIST, {"before": before, "limit": limit, "id": campaign_id})
            campaigns = await cursor.fetchall()
            ids = [row["id"] for row in campaigns]
            variants = await (await conn.execute(_VARIANTS, (ids,))).fetchall()
            counts = await (await conn.execute(_COUNTS, (ids,))).fetchall()
            clicks = dict(await (await conn.execute(_CLICKS, (ids,))).fetchall())
            await cursor.execute(_LEARNING, (ids,))
            learned = {row.pop("campaign_id"): row for row in await cursor.fetchall()}
        for row in campaigns:
            row |= _counted([c[2:] for c in counts if c[0] == row["id"]])
            row["learning"] = learned.get(row["id"])
            row["variants"] = [
                dict(zip(("id", "name", "weight", "subject", "preheader"), variant[1:], strict=True))
                | _counted([c[2:] for c in counts if c[1] == variant[1]])
                | {"clicks": clicks.get(variant[1], 0), "winner": variant[2] == row["winner"]}
                for variant in variants
                if variant[0] == row["id"]
            ]
        return campaigns


def _counted(rows: list[tuple[str, str | None, str | None, int]]) -> dict[str, Any]:
    """People by state, as an audience (sent + suppressed + held + open), and by reason and outcome."""
    states: dict[str, int] = {}
    reasons: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    for state, reason, outcome, count in rows:
        states[state] = states.get(state, 0) + count
        if reason is not None:
            reasons[reason] = reasons.get(reason, 0) + count
        if outcome is not None:
            outcomes[outcome] = outcomes.get(outcome, 0) + count
    return {
        "counts": states,
        "sent": states.get("injected", 0),
        "suppressed": states.get("suppressed", 0),
        "held": states.get("held", 0),
        "open": sum(states.get(state, 0) for state in OPEN),
        "total": sum(states.values()),
        "reasons": reasons,
        "outcomes": outcomes,
    }

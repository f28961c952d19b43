"""Prunes decisions that are long over, with their commands and rates.

Decides what is kept all the same: a decision that stands, or whose entries stand on a provider's list; all that belongs
to the same restriction (its probes and releases), because their pages tell of each other; and the last word on every
knob that is turned, by which the executor knows what it may undo.
"""

from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.governance.reconcile import turns_on

BATCH: Final = 1000
"""Decisions in one transaction: the ingest worker waits for it."""
MOST_BATCHES: Final = 20
"""In one go; what is left is for the next."""

_LAST_WORDS: Final = """
select distinct on (host, knob) id, argv, decision_id from mailing_engine_commands
 where state = 'done' and knob <> 'rollback' order by host, knob, id desc
"""
# The latest first: what undoes a decision is younger than it, so that no batch holds a decision without what undid it.
_OVER: Final = """
select d.id from mailing_engine_decisions d
 where d.at < %(before)s and d.ended_at < %(before)s
   and not exists (
       select from mailing_engine_decisions k
        where (k.id = coalesce(d.undoes, d.id) or k.undoes = coalesce(d.undoes, d.id))
          and (k.ended_at is null or k.ended_at >= %(before)s or k.id = any(%(kept)s::bigint[])
               or exists (select from mailing_engine_suppressions e where e.decision_id = k.id)))
 order by d.id desc limit %(batch)s
   for update skip locked
"""
_OF_DECISIONS: Final = (
    "delete from mailing_engine_rate_steps where decision_id = any(%(ids)s::bigint[])",
    "delete from mailing_engine_commands where decision_id = any(%(ids)s::bigint[])",
    "delete from mailing_engine_decisions where id = any(%(ids)s::bigint[])",
)
# Those of the reconciler, which are nobody's.
_COMMANDS: Final = """
delete from mailing_engine_commands
 where id in (select id from mailing_engine_commands
               where decision_id is null and created_at < %(before)s and state in ('done', 'failed')
                 and id <> all(%(last)s::bigint[]) order by id limit %(batch)s)
"""
_BEFORE: Final = "select %s::timestamptz - make_interval(months => %s)"


async def prune_decisions(pool: Pool, now: datetime, *, months: int) -> int:
    """Delete what has been over for `months` months; returns how many decisions and commands of nobody's.

    One transaction a batch, so that it may be broken off anywhere.
    """
    total = 0
    for _ in range(MOST_BATCHES):
        async with transaction(pool) as conn:
            row = await (await conn.execute(_BEFORE, (now, months))).fetchone()
            assert row is not None
            done = await _batch(conn, row[0])
        total += done
        if done < BATCH:
            break
    return total


async def _batch(conn: AsyncConnection[Any], before: datetime) -> int:
    words = [row for row in await (await conn.execute(_LAST_WORDS)).fetchall() if turns_on(row[1])]
    values = {
        "before": before,
        "batch": BATCH,
        "last": [number for number, _, _ in words],
        "kept": [decision for _, _, decision in words if decision is not None],
    }
    ids = [row[0] for row in await (await conn.execute(_OVER, values)).fetchall()]
    for query in _OF_DECISIONS if ids else ():
        await conn.execute(query, {"ids": ids})
    return len(ids) + (await conn.execute(_COMMANDS, values)).rowcount

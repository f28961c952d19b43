"""What the store prunes of decisions: what is over for so long, whole families of it, and nothing that still counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from ignite_adapters.postgres import retention
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_app.container import Container
from ignite_app.settings import DatabaseSettings, Settings

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
OLD = datetime(2025, 10, 15, 11, tzinfo=UTC)
"""13 months and an hour before."""
YOUNG = OLD + timedelta(hours=2)
PAUSE, RESUME = ["pmta", "--json", "pause", "queue", "gmail.com/mta1"], ["pmta", "--json", "resume", "queue", "x/mta1"]


async def decide(
    pool: Pool, action: str, ended: datetime | None, *, at: datetime = OLD, of: int | None = None, status: str = "x"
) -> int:
    async with transaction(pool) as conn:
        row = await (
            await conn.execute(
                "insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, "
                "rule, mode, status, evidence, undoes, ended_at) values (%s, %s, 'gmail', 'throttle', %s, 'isp', "
                "'gmail', 'r', 'x@1', 'act', %s, '{}', %s, %s) returning id",
                (at - timedelta(hours=1), at, action, status, of, ended),
            )
        ).fetchone()
        assert row is not None
        await conn.execute(
            "insert into mailing_engine_rate_steps (decision_id, at, rung, rate_per_min, reason) "
            "values (%s, %s, 1, 1.0, 'r')",
            (row[0], at),
        )
    return int(row[0])


async def command(pool: Pool, decision: int | None, argv: list[str], knob: str, at: datetime = OLD) -> int:
    async with transaction(pool) as conn:
        row = await (
            await conn.execute(
                "insert into mailing_engine_commands (host, knob, generation, decision_id, argv, state, exit_status, "
                "created_at, finished_at) values ('h', %s, 1, %s, %s, 'done', 0, %s, %s) returning id",
                (knob, decision, Jsonb(argv), at, at),
            )
        ).fetchone()
    assert row is not None
    return int(row[0])


async def left(pool: Pool, table: str = "mailing_engine_decisions", column: str = "id") -> set[Any]:
    async with transaction(pool) as conn:
        return {row[0] for row in await (await conn.execute(f"select {column} from {table}".encode())).fetchall()}


async def prune(pool: Pool, **settings: Any) -> int:
    return await PostgresGovernanceStore(pool, **settings).prune(NOW)


async def test_what_has_been_over_for_13_months_goes_with_its_commands_and_rates(pool: Pool) -> None:
    gone, young = await decide(pool, "throttle", OLD), await decide(pool, "throttle", YOUNG)
    await command(pool, gone, PAUSE, "queue:a/b")
    off = await command(pool, gone, RESUME, "queue:a/b")  # its last word: nothing is turned
    kept = await command(pool, young, RESUME, "queue:c/d")
    await prune(pool)
    assert await left(pool) == {young}
    assert await left(pool, "mailing_engine_rate_steps", "decision_id") == {young}
    assert await left(pool, "mailing_engine_commands") == {kept}
    assert off not in await left(pool, "mailing_engine_commands")


async def test_what_stands_stays_however_old_with_all_that_its_page_shows(pool: Pool) -> None:
    stands = await decide(pool, "pause_queue", None, status="verified")
    probe = await decide(pool, "probe", OLD, of=stands)
    sent = await command(pool, stands, PAUSE, "queue:a/b")
    listed = await decide(pool, "suppress", OLD, status="applied")
    async with transaction(pool) as conn:
        await conn.execute(
            "insert into mailing_engine_suppressions (isp, email_md5, reason, rule, decision_id, since) "
            "values ('gmail', repeat('a', 32), 'invalid', 'r', %s, %s)",
            (listed, OLD),
        )
    await prune(pool)
    assert await left(pool) == {stands, probe, listed}
    assert await left(pool, "mailing_engine_rate_steps", "decision_id") == {stands, probe, listed}
    assert await left(pool, "mailing_engine_commands") == {sent}


async def test_a_restriction_its_probes_and_its_release_go_together(pool: Pool) -> None:
    first = await decide(pool, "throttle", OLD)
    probe = await decide(pool, "probe", OLD, of=first)
    release = await decide(pool, "release", YOUNG, of=first)  # it was over later
    other = await decide(pool, "throttle", OLD)
    await decide(pool, "release", OLD, of=other)
    await prune(pool)
    assert await left(pool) == {first, probe, release}


async def test_the_last_word_on_what_is_turned_stays_or_nobody_would_undo_it(pool: Pool) -> None:
    left_as_it_is = await decide(pool, "pause_queue", OLD)  # its agent had to look on only: nothing was said any more
    sent = await command(pool, left_as_it_is, PAUSE, "queue:a/b")
    earlier = await command(pool, None, ["ignite-put-include"], "include")
    latest = await command(pool, None, ["ignite-put-include"], "include")
    await prune(pool)
    assert await left(pool) == {left_as_it_is}
    assert await left(pool, "mailing_engine_commands") == {sent, latest}
    assert earlier not in {sent, latest}


async def test_batches_take_all_of_it_and_no_family_is_torn(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    for _ in range(8):
        one = await decide(pool, "throttle", OLD)
        await decide(pool, "probe", OLD, of=one)
    stays = await decide(pool, "throttle", None)
    assert await prune(pool) == 16
    assert await left(pool) == {stays}


async def test_how_long_decisions_are_kept_is_a_setting(pool: Pool) -> None:
    week = await decide(pool, "throttle", NOW - timedelta(days=40), at=NOW - timedelta(days=40))
    assert await prune(pool) == 0
    settings = Settings(database=DatabaseSettings(decision_retention_months=1))
    container = Container(settings=settings, pool=pool)
    await container.governance().prune(NOW)
    assert week not in await left(pool)

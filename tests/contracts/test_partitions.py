"""Months of events and of signals: made ahead, dropped by retention, and no date a writer can fail on."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ignite_adapters.postgres import events
from ignite_adapters.postgres.partitions import drop_expired, ensure_partitions, month_start
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_app.clock import Clock
from ignite_app.workers.partitions import PartitionKeeper
from ignite_domain.events import EventType, SubscriberEvent

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

MONTHS = [
    (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), 0, datetime(2026, 11, 1, tzinfo=UTC)),
    (datetime(2026, 11, 2, tzinfo=UTC), 2, datetime(2027, 1, 1, tzinfo=UTC)),
    (datetime(2026, 1, 15, tzinfo=UTC), -1, datetime(2025, 12, 1, tzinfo=UTC)),
    (datetime(2026, 1, 15, tzinfo=UTC), -25, datetime(2023, 12, 1, tzinfo=UTC)),
    # 01:00 in Berlin on the first is still the month before in UTC
    (datetime.fromisoformat("2026-11-01T00:30+01:00"), 0, datetime(2026, 10, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(("at", "months", "start"), MONTHS)
def test_a_month_starts_in_utc(at: datetime, months: int, start: datetime) -> None:
    assert month_start(at, months) == start


async def store(pool: Pool, *at: datetime) -> None:
    async with transaction(pool) as conn:
        await events.append(conn, [SubscriberEvent(EventType.SENT, one, 1, None) for one in at])


async def where(pool: Pool) -> list[tuple[str, str]]:
    """(partition, day) of every event."""
    async with transaction(pool) as conn:
        rows = await conn.execute(
            "select tableoid::regclass::text, to_char(event_at at time zone 'utc', 'YYYY-MM-DD') "
            "from subscriber_events order by event_at"
        )
        return [(row[0], row[1]) for row in await rows.fetchall()]


async def log(pool: Pool, table: str = "subscriber_events") -> dict[str, bool]:
    """partition of a table -> whether it was dropped."""
    async with transaction(pool) as conn:
        rows = await conn.execute(
            "select partition, dropped_at is not null from partition_log where partition like %s order by partition",
            (f"{table}%",),
        )
        return dict(await rows.fetchall())


async def test_an_event_lands_in_its_month_and_one_without_a_month_is_kept_too(pool: Pool) -> None:
    await store(pool, NOW, NOW - timedelta(days=400), NOW + timedelta(days=400))
    assert await where(pool) == [
        ("subscriber_events_other", "2025-09-28"),
        ("subscriber_events_2026_11", "2026-11-02"),
        ("subscriber_events_other", "2027-12-07"),
    ]


async def test_making_a_month_brings_home_the_rows_that_waited_for_it(pool: Pool) -> None:
    later = datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC)
    await store(pool, later, later + timedelta(seconds=1))
    assert await ensure_partitions(pool, datetime(2027, 3, 1, tzinfo=UTC), ahead=0, behind=0) == 2
    assert await where(pool) == [
        ("subscriber_events_2027_03", "2027-03-31"),
        ("subscriber_events_other", "2027-04-01"),
    ]
    await store(pool, later)  # ids go on growing in the new month
    async with transaction(pool) as conn:
        row = await (await conn.execute("select count(*), count(distinct id) from subscriber_events")).fetchone()
    assert row == (3, 3)


async def test_retention_drops_whole_months_and_nothing_younger(pool: Pool) -> None:
    start = datetime(2026, 5, 20, tzinfo=UTC)
    await ensure_partitions(pool, start, ahead=6)
    days = [datetime(2026, month, 15, tzinfo=UTC) for month in (3, 4, 5, 8, 9, 11)]
    await store(pool, *days)
    # of events April to August, of signals April to July
    assert await drop_expired(pool, NOW, keep_months=2) == 5 + 4
    assert [day for _, day in await where(pool)] == ["2026-09-15", "2026-11-15"]
    assert [name[-7:] for name, dropped in (await log(pool)).items() if dropped] == [
        *("2026_04", "2026_05", "2026_06", "2026_07", "2026_08")
    ]
    assert await drop_expired(pool, NOW, keep_months=2) == 0


async def test_signals_of_whole_months_go_after_three_and_those_without_a_month_by_the_row(pool: Pool) -> None:
    await ensure_partitions(pool, datetime(2026, 8, 20, tzinfo=UTC), ahead=3, behind=1)
    days = [datetime(2026, month, 31, 23, 55, tzinfo=UTC) for month in (5, 7, 8, 10)]
    async with transaction(pool) as conn, conn.cursor() as cursor:
        await cursor.executemany(
            "insert into mailing_engine_signals (at, isp, scope_type, scope, signal, n, x) "
            "values (%s, 'gmail', 'isp', 'gmail', 'bounce', 9, 1)",
            [(day,) for day in days],
        )
    await drop_expired(pool, NOW, keep_months=12)
    async with transaction(pool) as conn:
        rows = await conn.execute("select tableoid::regclass::text, at from mailing_engine_signals order by at")
        assert await rows.fetchall() == [
            ("mailing_engine_signals_2026_08", days[2]),
            ("mailing_engine_signals_2026_10", days[3]),
        ]
    assert [name for name, dropped in (await log(pool, "mailing_engine_signals")).items() if dropped] == [
        "mailing_engine_signals_2026_07"
    ]
    await PartitionKeeper(pool, Clock.starting(NOW, 1.0), ahead=3, keep_months=12, keep_signal_days=30).step()
    async with transaction(pool) as conn:
        rows = await conn.execute("select at from mailing_engine_signals order by at")
        assert await rows.fetchall() == [(days[3],)]


async def test_a_month_can_come_back_after_it_was_dropped(pool: Pool) -> None:
    await drop_expired(pool, datetime(2027, 6, 1, tzinfo=UTC), keep_months=1)
    assert set((await log(pool)).values()) == {True}
    assert await ensure_partitions(pool, NOW, ahead=0, behind=0) == 2
    assert (await log(pool))["subscriber_events_2026_11"] is False


async def test_the_keeper_works_by_business_time_and_settings(pool: Pool) -> None:
    at = datetime(2027, 2, 10, tzinfo=UTC)
    keeper = PartitionKeeper(pool, Clock.starting(at, 1.0), ahead=3, keep_months=1)
    assert await keeper.step() == 0
    standing = [name for name, dropped in (await log(pool)).items() if not dropped]
    assert [name[-7:] for name in standing] == ["2027_01", "2027_02", "2027_03", "2027_04", "2027_05"]


async def test_two_keepers_at_once_make_each_month_once(pool: Pool) -> None:
    at = datetime(2028, 1, 1, tzinfo=UTC)
    made = await asyncio.gather(*(ensure_partitions(pool, at, ahead=2) for _ in range(3)))
    assert sum(made) == 2 * 4


async def test_a_month_is_made_while_a_writer_holds_its_transaction_open(pool: Pool) -> None:
    async with pool.connection() as writing:
        await events.append(writing, [SubscriberEvent(EventType.SENT, NOW, 1, None)])
        assert await ensure_partitions(pool, datetime(2029, 1, 1, tzinfo=UTC), ahead=0, behind=0) == 2
    assert await where(pool) == [("subscriber_events_2026_11", "2026-11-02")]

"""One contract for the import log: memory and PostgreSQL; then what only the database can show."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ignite_adapters.memory.imports import MemoryImportLog
from ignite_adapters.postgres.imports import PostgresImportLog
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.suppressions import PostgresSuppressionStore
from ignite_domain.errors import Conflict
from ignite_domain.imports import Classification, FileType, ImportLog, ImportStatus, PersonRow, Tally
from ignite_domain.subscribers import SuppressionReason, hash_of

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
MAILABLE = Classification(FileType.MAILABLE, ("name: no hint",))
SUPPRESSION = Classification(FileType.SUPPRESSION, ("name: unsubs",))


@pytest.fixture(params=["memory", "postgres"])
def log(request: pytest.FixtureRequest) -> ImportLog:
    if request.param == "memory":
        return MemoryImportLog()
    return PostgresImportLog(request.getfixturevalue("pool"))


def row(email: str, first: str = "", **attributes: str) -> PersonRow:
    return PersonRow(email, first, "", attributes)


async def begun(log: ImportLog, classification: Classification = MAILABLE, key: str = "a.csv") -> int:
    entry = await log.open(key, "v1", NOW)
    return (await log.begin(entry.id, classification, in_bucket=True)).id


async def test_one_object_version_has_one_open_entry_and_may_come_again_later(log: ImportLog) -> None:
    first = await log.open("a.csv", "v1", NOW)
    assert first.status is ImportStatus.LISTED
    assert (await log.open("a.csv", "v1", NOW)).id == first.id
    assert (await log.open("a.csv", "v2", NOW)).id != first.id
    await log.close(first.id, ImportStatus.DONE, NOW)
    assert (await log.open("a.csv", "v1", NOW)).id != first.id
    assert first.id not in [entry.id for entry in await log.unfinished()]


async def test_beginning_takes_a_number_and_writes_the_new_names_down(log: ImportLog) -> None:
    entries = [await log.open(key, "v", NOW) for key in ("a.csv", "b.csv.gz")]
    one = await log.begin(entries[0].id, MAILABLE, in_bucket=True)
    two = await log.begin(entries[1].id, SUPPRESSION, in_bucket=True)
    assert (one.processed_key, one.rejects_key) == (
        "processed/001-JVC-Mailable.csv",
        "processed/001-JVC-Mailable.rejects.csv",
    )
    assert two.processed_key == "processed/002-JVC-Suppression.csv.gz"
    assert (one.status, one.classification, one.reasons) == (
        ImportStatus.IMPORTING,
        FileType.MAILABLE,
        ("name: no hint",),
    )
    local = await log.begin((await log.open("file:c.csv", "v", NOW)).id, MAILABLE, in_bucket=False)
    assert local.processed_key is None


@pytest.mark.parametrize("rejected", [0, 2])
async def test_only_a_file_with_rejected_rows_ends_with_a_rejects_file(log: ImportLog, rejected: int) -> None:
    entry = await log.begin((await log.open("a.csv", "v", NOW)).id, MAILABLE, in_bucket=True)
    faults = {"syntax": rejected} if rejected else {}
    await log.merge_people(entry.id, [row("a@x.example")], warmup=False, rejected=faults, lines_done=4, now=NOW)
    merged = await log.close(entry.id, ImportStatus.MERGED, NOW)
    assert merged.rejects_key == "processed/001-JVC-Mailable.rejects.csv"  # a restart still has to write it
    done = await log.close(entry.id, ImportStatus.DONE, NOW)
    assert done.rejects_key == (merged.rejects_key if rejected else None)
    assert done.processed_key == "processed/001-JVC-Mailable.csv"


async def test_parking_is_written_down_before_it_is_done(log: ImportLog) -> None:
    entry = await log.open("a.csv", "v1", NOW)
    parked = await log.park(entry.id, "failed/a.csv", None, "binary")
    assert (parked.status, parked.processed_key, parked.error) == (ImportStatus.LISTED, "failed/a.csv", "binary")
    assert await log.unfinished() == [parked]
    closed = await log.close(entry.id, ImportStatus.FAILED, NOW)
    assert (closed.status, closed.error) == (ImportStatus.FAILED, "binary")


async def test_batches_add_up_and_every_row_gets_one_word(log: ImportLog) -> None:
    number = await begun(log)
    await log.merge_people(
        number,
        [row("a@x.example"), row("b@x.example", "Bo", city="York"), row("a@x.example", "Ann")],
        warmup=False, rejected={"syntax": 2}, lines_done=6, now=NOW,
    )  # fmt: skip
    entry = await log.merge_people(
        number,
        [row("a@x.example", "Ann"), row("b@x.example", "", city="Rome"), row("c@x.example")],
        warmup=False, rejected={"syntax": 1, "columns": 1}, lines_done=11, now=NOW,
    )  # fmt: skip
    assert entry.tally == Tally(inserted=3, updated=2, unchanged=1)
    assert entry.rejected == {"syntax": 3, "columns": 1}
    assert (entry.rows, entry.lines_done) == (10, 11)


async def test_a_batch_without_good_rows_still_moves_the_position(log: ImportLog) -> None:
    number = await begun(log)
    entry = await log.merge_people(number, [], warmup=False, rejected={"syntax": 1}, lines_done=2, now=NOW)
    assert (entry.rows, entry.lines_done) == (1, 2)


async def test_suppression_rows_get_the_same_words(log: ImportLog) -> None:
    number = await begun(log, SUPPRESSION)
    md5s = [hash_of(f"{name}@x.example") for name in "aba"]
    entry = await log.merge_suppressions(number, md5s, rejected={}, lines_done=4, now=NOW)
    assert entry.tally == Tally(inserted=2, updated=0, unchanged=1)
    entry = await log.merge_suppressions(number, md5s, rejected={"syntax": 1}, lines_done=8, now=NOW)
    assert (entry.tally, entry.rows) == (Tally(2, 0, 4), 7)


async def fetch(pool: Pool, query: str, *values: Any) -> Sequence[Any]:
    async with pool.connection() as conn:
        return await (await conn.execute(query, values)).fetchall()


async def test_a_batch_that_was_committed_already_changes_nothing(pool: Pool) -> None:
    log = PostgresImportLog(pool)
    number = await begun(log)
    await log.merge_people(number, [row("a@x.example")], warmup=False, rejected={}, lines_done=2, now=NOW)
    with pytest.raises(Conflict):
        await log.merge_people(number, [row("b@x.example")], warmup=False, rejected={}, lines_done=2, now=NOW)
    assert await fetch(pool, "select email from mailing_subscribers") == [("a@x.example",)]


async def test_new_people_are_stored_whole_with_one_event_each(pool: Pool) -> None:
    log = PostgresImportLog(pool)
    number = await begun(log)
    people = [row("jo@gmail.com", "Jo", city="York"), row("ed@x.example")]
    await log.merge_people(number, people, warmup=True, rejected={}, lines_done=3, now=NOW)
    stored = await fetch(
        pool,
        "select email, email_md5, domain, isp, limiter_group, first_name, attributes, from_warmup_file, status, "
        "data_quality_score::float, verify_state from mailing_subscribers order by email desc",
    )
    assert stored == [
        ("jo@gmail.com", hash_of("jo@gmail.com"), "gmail.com", "gmail", "gmail", "Jo", {"city": "York"}, True,
         "active", 0.0, "new"),
        ("ed@x.example", hash_of("ed@x.example"), "x.example", None, "x.example", "", {}, True, "active", 0.0,
         "new"),
    ]  # fmt: skip
    told = "select event_type, isp, metadata, event_at from subscriber_events order by isp nulls last"
    about = ({"import_id": number}, NOW)
    assert await fetch(pool, told) == [("imported", "gmail", *about), ("imported", None, *about)]


async def test_a_listed_person_arrives_suppressed_and_a_listed_file_suppresses_people(pool: Pool) -> None:
    log = PostgresImportLog(pool)
    lists = PostgresSuppressionStore(pool)
    await lists.suppress([hash_of("early@x.example")], SuppressionReason.UNSUBSCRIBED, "link", NOW)
    number = await begun(log)
    people = [row("early@x.example"), row("late@x.example"), row("free@x.example")]
    await log.merge_people(number, people, warmup=False, rejected={}, lines_done=4, now=NOW)
    other = await begun(log, SUPPRESSION, "unsubs.csv")
    md5s = [hash_of("late@x.example"), hash_of("nobody@x.example")]
    entry = await log.merge_suppressions(other, md5s, rejected={}, lines_done=3, now=NOW)
    assert entry.tally == Tally(2, 0, 0)
    assert await fetch(pool, "select email, status, status_reason from mailing_subscribers order by id") == [
        ("early@x.example", "suppressed", "unsubscribed"),
        ("free@x.example", "active", None),
        ("late@x.example", "suppressed", "listed"),
    ]
    told = await fetch(pool, "select metadata->>'reason' from subscriber_events where event_type = 'suppressed'")
    assert sorted(told) == [("listed",), ("unsubscribed",)]


async def test_an_entry_that_would_have_expired_is_made_permanent_and_counts_as_updated(pool: Pool) -> None:
    log = PostgresImportLog(pool)
    md5 = hash_of("a@x.example")
    async with pool.connection() as conn:
        await conn.execute(
            "insert into mailing_global_suppressions values (%s, 'full', 'x', %s, %s)",
            (md5, NOW, NOW + timedelta(days=1)),
        )
    number = await begun(log, SUPPRESSION)
    entry = await log.merge_suppressions(number, [md5, md5], rejected={}, lines_done=3, now=NOW)
    assert entry.tally == Tally(0, 1, 1)
    assert await fetch(pool, "select reason, expires from mailing_global_suppressions") == [("listed", None)]


async def test_unchanged_people_are_not_written(pool: Pool) -> None:
    log = PostgresImportLog(pool)
    number = await begun(log)
    await log.merge_people(number, [row("a@x.example", "Ann")], warmup=False, rejected={}, lines_done=2, now=NOW)
    before = await fetch(pool, "select ctid, updated_at from mailing_subscribers")
    later = NOW + timedelta(days=1)
    await log.merge_people(number, [row("a@x.example", "Ann")], warmup=False, rejected={}, lines_done=3, now=later)
    assert await fetch(pool, "select ctid, updated_at from mailing_subscribers") == before


async def test_two_imports_of_the_same_people_at_once_count_each_person_as_new_once(pool: Pool) -> None:
    log = PostgresImportLog(pool)
    numbers = [await begun(log, key=key) for key in ("a.csv", "b.csv", "c.csv")]
    people = [row(f"p{n}@x.example") for n in range(300)]

    async def imported(number: int, rows: list[PersonRow]) -> Tally:
        entry = await log.merge_people(number, rows, warmup=False, rejected={}, lines_done=301, now=NOW)
        return entry.tally

    orders = (people, people[::-1], people[150:] + people[:150])
    tallies = await asyncio.gather(*map(imported, numbers, orders))
    assert sum(tally.inserted for tally in tallies) == 300
    assert sum(tally.unchanged for tally in tallies) == 600
    assert await fetch(pool, "select count(*) from subscriber_events where event_type = 'imported'") == [(300,)]

"""One person at a time, on PostgreSQL."""

import json
from datetime import UTC, datetime

from ignite_adapters.postgres.imports import PostgresImportLog
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.subscribers import PostgresSubscriberStore
from ignite_domain.imports import Classification, FileType, PersonRow
from ignite_domain.isps import Isp
from ignite_domain.subscribers import EmailAddress, Status, VerifyState

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
JO = EmailAddress.parse("jo@gmail.com")


async def with_jo(pool: Pool) -> PostgresSubscriberStore:
    log = PostgresImportLog(pool)
    entry = await log.open("a.csv", "v", NOW)
    await log.begin(entry.id, Classification(FileType.MAILABLE, ()), in_bucket=True)
    row = PersonRow(str(JO), "Jo", "", {"city": "York"})
    await log.merge_people(entry.id, [row], warmup=False, rejected={}, lines_done=2, now=NOW)
    return PostgresSubscriberStore(pool)


async def test_a_person_is_found_by_address(pool: Pool) -> None:
    store = await with_jo(pool)
    jo = await store.by_address(JO)
    assert jo is not None
    assert (jo.email, jo.isp, jo.score, jo.status, jo.verify_state) == (
        JO,
        Isp.GMAIL,
        0.0,
        Status.ACTIVE,
        VerifyState.NEW,
    )
    assert (jo.first_name, jo.attributes, jo.imported_at) == ("Jo", {"city": "York"}, NOW)
    assert await store.by_address(EmailAddress.parse("no@gmail.com")) is None


async def test_an_export_holds_everything_and_an_erasure_leaves_only_the_hash(pool: Pool) -> None:
    store = await with_jo(pool)
    export = await store.export(JO)
    assert export is not None
    assert export["subscriber"]["attributes"] == {"city": "York"}
    assert [event["event_type"] for event in export["events"]] == ["imported"]
    json.dumps(export)
    assert await store.erase(JO, "ann", NOW)
    assert not await store.erase(JO, "ann", NOW)
    assert await store.by_address(JO) is None
    left = await store.export(JO)
    assert left is not None
    assert (left["subscriber"], left["events"]) == (None, [])
    assert [(entry["email_md5"], entry["reason"]) for entry in left["suppressions"]] == [(JO.md5, "unsubscribed")]
    assert await store.export(EmailAddress.parse("no@gmail.com")) is None

"""The Normalizer on a folder and PostgreSQL: the seed's steps 1 to 4, bad input, and being killed anywhere."""

import csv
import gzip
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ignite_adapters.directory import DirectoryBucket
from ignite_adapters.memory.bucket import MemoryBucket
from ignite_adapters.postgres.imports import PostgresImportLog
from ignite_adapters.postgres.pool import Pool
from ignite_app.clock import Clock
from ignite_app.workers.normalize import Normalizer, import_file
from ignite_domain.errors import NotFound
from ignite_domain.imports import BadFile, FileFault
from ignite_domain.subscribers import hash_of

CLOCK = Clock.starting(datetime(2026, 11, 2, 9, tzinfo=UTC), 1.0)
PEOPLE = "email,first_name\n" + "".join(f"p{n}@x.example,N{n}\n" for n in range(8)) + "p0@x.example,\nbad,X\n"
DUPLICATES = "p3@x.example,\np3@x.example,New\n"


def normalizer(bucket: Any, log: Any, batch: int = 3) -> Normalizer:
    return Normalizer(bucket, log, CLOCK, poll_seconds=300, batch=batch)


async def log_rows(pool: Pool) -> list[dict[str, Any]]:
    names = "original_key processed_key classification status row_count inserted updated unchanged rejected error"
    async with pool.connection() as conn:
        query = f"select {', '.join(names.split())} from data_import_log order by id"
        rows = await (await conn.execute(query)).fetchall()
    return [dict(zip(names.split(), row, strict=True)) for row in rows]


async def one(pool: Pool, query: str) -> Any:
    async with pool.connection() as conn:
        row = await (await conn.execute(query)).fetchone()
    return row[0] if row else None


async def test_files_are_found_classified_renamed_and_imported(pool: Pool, tmp_path: Path) -> None:
    drop = tmp_path / "jvc-email-data"
    (drop / "in").mkdir(parents=True)
    (drop / "in" / "a list.csv").write_text(PEOPLE + DUPLICATES)
    (drop / "unsubscribed.csv").write_text(f"md5\n{hash_of('p1@x.example').upper()}\nrubbish\n")
    (drop / "warmup.csv.gz").write_bytes(gzip.compress(b"email\np2@x.example\nw@x.example\n"))
    (drop / "notes.md").write_text("not ours")
    worker = normalizer(DirectoryBucket(drop), PostgresImportLog(pool))
    assert await worker.step() == 3
    assert await worker.step() == 0
    rows = {row["original_key"]: row for row in await log_rows(pool)}
    people, listed, warm = rows["in/a list.csv"], rows["unsubscribed.csv"], rows["warmup.csv.gz"]
    assert people["processed_key"] == "processed/001-JVC-Mailable.csv"
    assert listed["processed_key"] == "processed/002-JVC-Suppression.csv"
    assert warm["processed_key"] == "processed/003-JVC-Warmup.csv.gz"
    words = ("row_count", "inserted", "updated", "unchanged", "rejected")
    assert [people[word] for word in words] == [12, 8, 1, 2, 1]
    assert [listed[word] for word in words] == [2, 1, 0, 0, 1]
    assert [warm[word] for word in words] == [2, 1, 1, 0, 0]
    found = sorted(str(path.relative_to(drop)) for path in drop.rglob("*") if path.is_file())
    assert found == [
        "notes.md",
        "processed/001-JVC-Mailable.csv",
        "processed/001-JVC-Mailable.rejects.csv",
        "processed/002-JVC-Suppression.csv",
        "processed/002-JVC-Suppression.rejects.csv",
        "processed/003-JVC-Warmup.csv.gz",
    ]
    rejects = (drop / "processed/001-JVC-Mailable.rejects.csv").read_text()
    assert list(csv.reader(io.StringIO(rejects))) == [["line", "reason", "raw"], ["11", "syntax", "bad,X"]]
    assert await one(pool, "select count(*) from mailing_subscribers where status = 'suppressed'") == 1
    assert await one(pool, "select count(*) from subscriber_events where event_type = 'imported'") == 9


class Killed(BaseException):
    """The process is gone: no handler runs that a real kill would not run."""


class Mortal:
    """Passes calls on to a port; dies before or after the n-th one."""

    def __init__(self, inner: Any, life: list[int]) -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if name == "read":
            return call

        async def mortal(*args: Any, **kwargs: Any) -> Any:
            self._tick()
            result = await call(*args, **kwargs)
            self._tick()
            return result

        return mortal

    def _tick(self) -> None:
        self._life[0] -= 1
        if self._life[0] < 0:
            raise Killed


async def test_killed_before_or_after_every_call_it_goes_on_and_counts_each_row_once(pool: Pool) -> None:
    upload = {
        "list.csv": (PEOPLE + DUPLICATES).encode(),
        "junk.csv": b"PK\x03\x04 not a table",
        "doubt.csv": b"email,unsubscribed\na@x.example,0\nb@x.example,1\n",
    }
    for life in range(200):
        async with pool.connection() as conn:
            await conn.execute(
                "truncate data_import_log, mailing_subscribers, mailing_global_suppressions, subscriber_events "
                "restart identity cascade"
            )
            await conn.execute("alter sequence import_number restart")
        bucket = MemoryBucket(dict(upload))
        lives = [life]
        died = False
        try:
            await normalizer(Mortal(bucket, lives), Mortal(PostgresImportLog(pool), lives)).step()
        except Killed:
            died = True
        await normalizer(bucket, PostgresImportLog(pool)).step()
        rows = {row["original_key"]: row for row in await log_rows(pool)}
        assert len(rows) == 3
        assert [rows["list.csv"][w] for w in ("row_count", "inserted", "updated", "unchanged", "rejected")] == [
            12, 8, 1, 2, 1,
        ]  # fmt: skip
        assert sorted(row["status"] for row in rows.values()) == ["done", "failed", "held"]
        assert bucket.contents == {
            "processed/001-JVC-Mailable.csv": upload["list.csv"],
            "processed/001-JVC-Mailable.rejects.csv": b'line,reason,raw\n11,syntax,"bad,X"\n',
            "failed/junk.csv": upload["junk.csv"],
            "held/doubt.csv": upload["doubt.csv"],
        }
        assert await one(pool, "select count(*) from mailing_subscribers") == 8
        assert await one(pool, "select count(*) from subscriber_events") == 8
        if not died:
            break
    assert not died
    assert life > 20


BAD = [
    (b"id,colour\n1,red\n", "failed", "no_address_column"),
    (b"PK\x03\x04\x00\x00junk", "failed", "binary"),
    (bytes(range(256)) * 10, "failed", "binary"),
    (b"", "failed", "empty"),
    (b"email\n", "failed", "no_rows"),
    (
        gzip.compress(b"email\n" + b"".join(b"p%d@x.example\n" % n for n in range(99_999)))[:-9],
        "failed",
        "corrupt_gzip",
    ),
    (b"email,unsubscribed\na@x.example,1\nb@x.example,0\n", "held", None),
]


@pytest.mark.parametrize(("data", "status", "error"), BAD)
async def test_a_bad_file_is_parked_whole_with_its_reason_and_stores_nobody(
    pool: Pool, data: bytes, status: str, error: str | None
) -> None:
    bucket = MemoryBucket({"d/file.csv": data, f"{status}/d/file.csv": b"an older one"})
    await normalizer(bucket, PostgresImportLog(pool)).step()
    (row,) = await log_rows(pool)
    assert (row["status"], row["error"]) == (status, error)
    assert bucket.contents == {f"{status}/d/file.csv": b"an older one", f"{status}/d/file.csv.1": data}
    assert row["processed_key"] == f"{status}/d/file.csv.1"
    assert await one(pool, "select count(*) from mailing_subscribers") == 0


class Meddler(MemoryBucket):
    """Changes the object behind the reader's back, a given number of times."""

    def __init__(self, contents: dict[str, bytes], times: int) -> None:
        super().__init__(contents)
        self.times = times

    async def read(self, key: str, version: str | None = None) -> Any:
        async for chunk in super().read(key, version):
            yield chunk
            if self.times and key == "list.csv":
                self.times -= 1
                self.contents[key] += b"late%d@x.example,Late\n" % self.times


async def test_an_object_that_changed_while_read_is_read_again_once_and_else_waits(pool: Pool) -> None:
    log = PostgresImportLog(pool)
    bucket = Meddler({"list.csv": b"email,first_name\na@x.example,A\n"}, times=1)
    await normalizer(bucket, log).step()
    assert "processed/001-JVC-Mailable.csv" in bucket.contents
    assert await one(pool, "select count(*) from mailing_subscribers") == 2
    bucket.contents["list.csv"] = b"email,first_name\nb@x.example,B\n"
    bucket.times = 2
    await normalizer(bucket, log).step()
    assert "list.csv" in bucket.contents
    await normalizer(bucket, log).step()
    assert "list.csv" not in bucket.contents
    assert await one(pool, "select count(*) from mailing_subscribers") == 4


async def test_the_same_file_again_is_imported_again_and_changes_nothing(pool: Pool) -> None:
    log = PostgresImportLog(pool)
    bucket = MemoryBucket({"list.csv": PEOPLE.encode()})
    await normalizer(bucket, log).step()
    bucket.contents["list.csv"] = PEOPLE.encode()
    await normalizer(bucket, log).step()
    again = (await log_rows(pool))[1]
    assert again["processed_key"] == "processed/002-JVC-Mailable.csv"
    assert (again["inserted"], again["updated"], again["unchanged"], again["rejected"]) == (0, 0, 9, 1)


async def test_a_local_file_is_imported_and_stays_where_it_is(pool: Pool, tmp_path: Path) -> None:
    file = tmp_path / "my list.csv"
    file.write_text(PEOPLE)
    log = PostgresImportLog(pool)
    assert await import_file(file, log, CLOCK) == {
        "class": "mailable",
        "reasons": ["name: no hint"],
        "rows": 10,
        "inserted": 8,
        "updated": 0,
        "unchanged": 1,
        "rejected": 1,
        "rejected_by_reason": {"syntax": 1},
    }
    assert file.read_text() == PEOPLE
    assert (await import_file(file, log, CLOCK))["unchanged"] == 9
    await normalizer(MemoryBucket(), log).step()
    assert [row["status"] for row in await log_rows(pool)] == ["done", "done"]


async def test_a_dry_run_shows_how_the_file_is_read_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes("Vorname;E-Mail\nJörg;joerg@x.example\nEd;\n".encode("cp1252"))
    assert await import_file(file, None, CLOCK, dry=True) == {
        "encoding": "cp1252",
        "delimiter": ";",
        "header": True,
        "mapping": {"Vorname": "first_name", "E-Mail": "email"},
        "address_column": "E-Mail",
        "class": "mailable",
        "reasons": ["name: no hint"],
        "rows": 2,
        "rejected": 1,
        "rejected_by_reason": {"no_address": 1},
        "sample": [{"email": "joerg@x.example", "first_name": "Jörg", "last_name": "", "attributes": {}}],
    }


async def test_a_local_file_that_cannot_be_imported_says_why(pool: Pool, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("id\n1\n")
    log = PostgresImportLog(pool)
    for dry in (True, False):
        with pytest.raises(BadFile) as caught:
            await import_file(file, log, CLOCK, dry=dry)
        assert caught.value.fault is FileFault.NO_ADDRESS_COLUMN
    with pytest.raises(NotFound):
        await import_file(tmp_path / "nothing.csv", log, CLOCK)
    file.write_text("email,opt_out\na@x.example,1\nb@x.example,\n")
    held = await import_file(file, log, CLOCK)
    assert (held["class"], held["rows"]) == ("held", 0)

"""`ImportLog` on PostgreSQL: rows, their events, the counts and the position commit together.

A batch: lock the people it names in ascending id, let the domain decide what changes (`merge`), COPY the
changes into a staging table, and merge that in two set-based statements. Unchanged people are not written.
"""

# ruff: noqa: S608 -- statements are put together from constants of this module only

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.errors import DeadlockDetected
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from ignite_adapters.postgres import events
from ignite_adapters.postgres.pool import Pool, transaction, translate
from ignite_adapters.postgres.suppressions import suppress_within
from ignite_domain.errors import Conflict, PortFailure
from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.imports import (
    Classification,
    FileType,
    ImportEntry,
    ImportStatus,
    PersonRow,
    Tally,
)
from ignite_domain.imports.merge import Known, fold_people, tally_suppressions
from ignite_domain.imports.naming import processed_key, rejects_key
from ignite_domain.isps import Isp, isp_of, limiter_group
from ignite_domain.subscribers import SuppressionReason, hash_of

_TRIES: Final = 5

_COLUMNS: Final = """
id, original_key, fingerprint, status, processed_key, rejects_key, classification, reasons, error, lines_done,
row_count, inserted, updated, unchanged, rejected_by_reason
"""
_FIND: Final = f"""
select {_COLUMNS} from data_import_log
 where original_key = %(key)s and fingerprint = %(fingerprint)s and status in ('listed', 'importing', 'merged')
"""
_OPEN: Final = f"""
insert into data_import_log (original_key, fingerprint, status, started_at)
values (%(key)s, %(fingerprint)s, 'listed', %(now)s)
on conflict (original_key, fingerprint) where status in ('listed', 'importing', 'merged') do nothing
returning {_COLUMNS}
"""
_UNFINISHED: Final = f"""
select {_COLUMNS} from data_import_log where status in ('listed', 'importing', 'merged') order by id
"""
_NUMBER: Final = "select nextval('import_number'), original_key from data_import_log where id = %(id)s"
_BEGIN: Final = f"""
update data_import_log
   set status = 'importing', number = %(number)s, processed_key = %(processed)s, rejects_key = %(rejects)s,
       classification = %(kind)s, reasons = %(reasons)s
 where id = %(id)s and status = 'listed'
returning {_COLUMNS}
"""
_PARK: Final = f"""
update data_import_log
   set processed_key = %(target)s, classification = %(kind)s, reasons = %(reasons)s, error = %(error)s
 where id = %(id)s and status = 'listed'
returning {_COLUMNS}
"""
_CLOSE: Final = f"""
update data_import_log
   set status = %(status)s, error = coalesce(%(error)s, error),
       rejects_key = case when %(status)s = 'done' and rejected = 0 then null else rejects_key end,
       finished_at = case when %(status)s = 'merged' then null else %(now)s::timestamptz end
 where id = %(id)s
returning {_COLUMNS}
"""
_ADVANCE: Final = f"""
update data_import_log l
   set lines_done = %(lines_done)s,
       row_count = row_count + %(rows)s,
       inserted = inserted + %(inserted)s,
       updated = updated + %(updated)s,
       unchanged = unchanged + %(unchanged)s,
       rejected = rejected + %(rejected)s,
       rejected_by_reason = (
           select coalesce(jsonb_object_agg(reason, n), '{{}}') from (
               select key as reason, sum(value::bigint) as n
                 from (select * from jsonb_each_text(l.rejected_by_reason)
                       union all select * from jsonb_each_text(%(reasons)s::jsonb)) as both_sides
                group by key) as summed)
 where id = %(id)s and status = 'importing' and lines_done < %(lines_done)s
returning {_COLUMNS}
"""

_KNOWN: Final = """
select email, id, first_name, last_name, attributes, from_warmup_file from mailing_subscribers
 where email = any(%(emails)s) order by id for update
"""
_STAGE: Final = """
create temporary table if not exists import_stage (
    id bigint, email text, email_md5 text, domain text, isp text, limiter_group text,
    first_name text, last_name text, attributes jsonb, from_warmup_file boolean
) on commit delete rows
"""
_COPY: Final = """
copy import_stage (id, email, email_md5, domain, isp, limiter_group, first_name, last_name, attributes,
                   from_warmup_file) from stdin
"""
_INSERT: Final = """
insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, first_name, last_name, attributes,
                                 from_warmup_file, status, status_reason, imported_at, updated_at)
select n.email, n.email_md5, n.domain, n.isp, n.limiter_group, n.first_name, n.last_name, n.attributes,
       n.from_warmup_file, case when g.email_md5 is null then 'active' else 'suppressed' end, g.reason,
       %(now)s, %(now)s
  from import_stage n
  left join mailing_global_suppressions g
         on g.email_md5 = n.email_md5 and (g.expires is null or g.expires > %(now)s)
 where n.id is null
 order by n.email
on conflict (email) do nothing
returning id, isp, status_reason
"""
_UPDATE: Final = """
update mailing_subscribers s
   set first_name = n.first_name, last_name = n.last_name, attributes = n.attributes,
       from_warmup_file = n.from_warmup_file, updated_at = %(now)s
  from import_stage n where n.id = s.id
"""


class _Again(Exception):
    """Another writer got in between; the same batch will work from the start."""


def _entry(row: tuple[Any, ...]) -> ImportEntry:
    (
        number, key, fingerprint, status, processed, rejects, kind, reasons, error, lines,
        rows, inserted, updated, unchanged, rejected,
    ) = row  # fmt: skip
    return ImportEntry(
        id=number,
        original_key=key,
        fingerprint=fingerprint,
        status=ImportStatus(status),
        processed_key=processed,
        rejects_key=rejects,
        classification=FileType(kind) if kind else None,
        reasons=tuple(reasons),
        error=error,
        lines_done=lines,
        rows=rows,
        tally=Tally(inserted, updated, unchanged),
        rejected=rejected,
    )


class PostgresImportLog:
    """`data_import_log` and what moves with it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self, key: str, fingerprint: str, now: datetime) -> ImportEntry:
        values = {"key": key, "fingerprint": fingerprint, "now": now}
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_OPEN, values)).fetchone()
            row = row or await (await conn.execute(_FIND, values)).fetchone()
        if row is None:
            raise PortFailure("database", "the import log entry was closed while it was opened")
        return _entry(row)

    async def unfinished(self) -> Sequence[ImportEntry]:
        async with transaction(self._pool) as conn:
            return [_entry(row) for row in await (await conn.execute(_UNFINISHED)).fetchall()]

    async def begin(self, entry_id: int, classification: Classification, *, in_bucket: bool) -> ImportEntry:
        kind = classification.kind
        values: dict[str, Any] = {
            "id": entry_id, "kind": kind.value, "reasons": Jsonb(list(classification.reasons)),
            "number": None, "processed": None, "rejects": None,
        }  # fmt: skip
        async with transaction(self._pool) as conn:
            if in_bucket:
                row = await (await conn.execute(_NUMBER, {"id": entry_id})).fetchone()
                if row is None:
                    raise Conflict("no such import log entry")
                number, key = row
                values |= {
                    "number": number,
                    "processed": processed_key(number, kind, key),
                    "rejects": rejects_key(number, kind),
                }
            return await self._one(conn, _BEGIN, values)

    async def park(
        self, entry_id: int, target: str | None, classification: Classification | None, error: str | None
    ) -> ImportEntry:
        values = {
            "id": entry_id,
            "target": target,
            "kind": classification.kind.value if classification else None,
            "reasons": Jsonb(list(classification.reasons) if classification else []),
            "error": error,
        }
        async with transaction(self._pool) as conn:
            return await self._one(conn, _PARK, values)

    async def close(self, entry_id: int, status: ImportStatus, now: datetime, error: str | None = None) -> ImportEntry:
        values = {"id": entry_id, "status": status.value, "now": now, "error": error}
        async with transaction(self._pool) as conn:
            return await self._one(conn, _CLOSE, values)

    async def merge_people(
        self,
        entry_id: int,
        rows: Sequence[PersonRow],
        *,
        warmup: bool,
        rejected: Mapping[str, int],
        lines_done: int,
        now: datetime,
    ) -> ImportEntry:
        async def once(conn: AsyncConnection[TupleRow]) -> ImportEntry:
            emails = sorted({row.email for row in rows})
            stored = await (await conn.execute(_KNOWN, {"emails": emails})).fetchall()
            known = {row[0]: Known(*row[1:]) for row in stored}
            tally = fold_people(known, rows, warmup=warmup)
            happened = await self._write_people(conn, known, entry_id, now)
            entry = await self._advance(conn, entry_id, tally, rejected, lines_done)
            await events.append(conn, happened)
            return entry

        return await self._until_alone(once)

    async def merge_suppressions(
        self,
        entry_id: int,
        md5s: Sequence[str],
        *,
        rejected: Mapping[str, int],
        lines_done: int,
        now: datetime,
    ) -> ImportEntry:
        async def once(conn: AsyncConnection[TupleRow]) -> ImportEntry:
            entries, happened = await suppress_within(conn, md5s, SuppressionReason.LISTED, f"import:{entry_id}", now)
            tally = tally_suppressions(md5s, entries)
            entry = await self._advance(conn, entry_id, tally, rejected, lines_done)
            await events.append(conn, happened)
            return entry

        return await self._until_alone(once)

    async def _until_alone(self, once: Callable[[AsyncConnection[TupleRow]], Awaitable[ImportEntry]]) -> ImportEntry:
        with translate():
            for _ in range(_TRIES):
                try:
                    async with self._pool.connection() as conn:
                        return await once(conn)
                except (_Again, DeadlockDetected):
                    continue
        raise PortFailure("database", "other writers kept getting in the way of an import batch")

    async def _write_people(
        self, conn: AsyncConnection[TupleRow], known: Mapping[str, Known], entry_id: int, now: datetime
    ) -> list[SubscriberEvent]:
        touched = {email: person for email, person in known.items() if person.touched}
        if not touched:
            return []
        await conn.execute(_STAGE)
        async with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
            for email, person in touched.items():
                domain = email.rpartition("@")[2]
                isp = isp_of(domain)
                await copy.write_row(
                    (
                        person.id,
                        email,
                        hash_of(email),
                        domain,
                        isp.value if isp else None,
                        limiter_group((), domain),
                        person.first_name,
                        person.last_name,
                        Jsonb(person.attributes),
                        person.from_warmup_file,
                    )
                )
        await conn.execute(_UPDATE, {"now": now})
        inserted = await (await conn.execute(_INSERT, {"now": now})).fetchall()
        if len(inserted) != sum(person.id is None for person in touched.values()):
            raise _Again
        happened = []
        for person_id, isp_name, suppressed in inserted:
            brand = Isp(isp_name) if isp_name else None
            about = {"import_id": entry_id}
            happened.append(SubscriberEvent(EventType.IMPORTED, now, person_id, brand, metadata=about))
            if suppressed is not None:
                about = {**about, "reason": suppressed}
                happened.append(SubscriberEvent(EventType.SUPPRESSED, now, person_id, brand, metadata=about))
        return happened

    async def _advance(
        self,
        conn: AsyncConnection[TupleRow],
        entry_id: int,
        tally: Tally,
        rejected: Mapping[str, int],
        lines_done: int,
    ) -> ImportEntry:
        refused = sum(rejected.values())
        values = {
            "id": entry_id,
            "lines_done": lines_done,
            "rows": tally.rows + refused,
            "inserted": tally.inserted,
            "updated": tally.updated,
            "unchanged": tally.unchanged,
            "rejected": refused,
            "reasons": Jsonb(dict(rejected)),
        }
        return await self._one(conn, _ADVANCE, values)

    async def _one(self, conn: AsyncConnection[TupleRow], statement: str, values: dict[str, Any]) -> ImportEntry:
        row = await (await conn.execute(statement, values)).fetchone()
        if row is None:
            raise Conflict("the import log entry is not in a state that allows this")
        return _entry(row)

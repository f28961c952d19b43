"""Watches the bucket: finds uploads, decides what each is, renames it, imports it, writes its rejects.

Order of rename and import. The seed names the rename as step 3 and the import as step 4, and so it is here:
the log row says first what is going to happen (number and new name), then the object is moved, then its rows
are merged from the new name, batch by batch, then the rejects file is written. The row exists before the
move and is closed after the last effect, each step is idempotent, and the position commits with the rows; so
a process killed anywhere goes on from the row, no file is lost, and no row counts twice. Renaming first also
means that an uploader who reuses the name cannot change the file under the import.

Files that cannot be imported go to failed/, doubtful ones to held/. A gzipped file is unpacked to its end
before it is accepted, so that a damaged one is never half imported.
"""

from hashlib import md5
from pathlib import Path
from typing import Any, Final

import structlog

from ignite_adapters.directory import DirectoryBucket
from ignite_app.clock import Clock
from ignite_domain.errors import NotFound
from ignite_domain.imports import (
    BadFile,
    Classification,
    FileType,
    ImportBucket,
    ImportEntry,
    Importer,
    ImportLog,
    ImportStatus,
    Looker,
    ObjectChanged,
    dry_run,
    rejects_file,
    summary,
)
from ignite_domain.imports.importer import BATCH
from ignite_domain.imports.naming import FAILED, HELD, is_upload, parked_key

log = structlog.get_logger("ignite.normalizer")
LOCAL: Final = "file:"
"""Begins the original_key of local files (`ignite import FILE`), which are nobody's business here."""
READINGS: Final = 2
"""An object that changed while it was read is read again, once; after that it waits for the next poll."""


class Normalizer:
    """One at a time per bucket: run it under a lease. `poll_seconds` is business time."""

    name = "normalizer"

    def __init__(
        self,
        bucket: ImportBucket,
        import_log: ImportLog,
        clock: Clock,
        *,
        poll_seconds: float,
        batch: int = BATCH,
    ) -> None:
        self.idle = poll_seconds
        self._bucket = bucket
        self._log = import_log
        self._clock = clock
        self._look = Looker()
        self._import = Importer(import_log, batch)

    async def step(self) -> int:
        """Finish what is open, then take every upload of one listing. Returns how many files came to an end."""
        ended = 0
        for entry in await self._log.unfinished():
            if not entry.original_key.startswith(LOCAL):
                ended += await self._to_its_end(entry)
        for item in await self._bucket.objects():
            if is_upload(item.key):
                ended += await self._take(item.key, item.version)
        return ended

    async def _take(self, key: str, version: str) -> bool:
        for _ in range(READINGS):
            if await self._to_its_end(await self._log.open(key, version, self._clock.now())):
                return True
            again = await self._bucket.stat(key)
            if again is None or again.version == version:
                break
            version = again.version
        return False

    async def _to_its_end(self, entry: ImportEntry) -> bool:
        """True if the file was imported or parked; False if it has to be looked at again (or is gone)."""
        try:
            await self._go_on(entry)
        except ObjectChanged:
            await self._give_up(entry, "the object changed while it was read")
        except NotFound:
            await self._give_up(entry, "the object is gone")
        except BadFile as bad:  # after it was accepted: its storage is damaged; it stays where it is
            await self._give_up(entry, bad.fault.value)
        else:
            return True
        return False

    async def _give_up(self, entry: ImportEntry, why: str) -> None:
        await self._log.close(entry.id, ImportStatus.FAILED, self._clock.now(), why)
        log.warning("import.given_up", import_id=entry.id, reason=why)

    async def _go_on(self, entry: ImportEntry) -> None:
        """One state after the other, each from what the log says; this is also how a restart goes on."""
        if entry.status is ImportStatus.LISTED and entry.processed_key is None:
            entry = await self._decide(entry)
        if entry.status is ImportStatus.LISTED:
            await self._park(entry)
            return
        if entry.status is ImportStatus.IMPORTING:
            entry = await self._move_and_import(entry)
        if entry.status is ImportStatus.MERGED:
            entry = await self._write_rejects(entry)
        log.info(
            "import.done",
            import_id=entry.id,
            object=entry.processed_key,
            rows=entry.rows,
            inserted=entry.tally.inserted,
            updated=entry.tally.updated,
            unchanged=entry.tally.unchanged,
            rejected=sum(entry.rejected.values()),
        )

    async def _decide(self, entry: ImportEntry) -> ImportEntry:
        key, version = entry.original_key, entry.fingerprint
        try:
            look = await self._look(key, self._bucket.read(key, version), self._bucket.read(key, version))
        except BadFile as bad:
            return await self._intend(entry, FAILED, None, bad.fault.value)
        if look.classification.kind is FileType.HELD:
            return await self._intend(entry, HELD, look.classification, None)
        return await self._log.begin(entry.id, look.classification, in_bucket=True)

    async def _intend(
        self, entry: ImportEntry, folder: str, classification: Classification | None, error: str | None
    ) -> ImportEntry:
        attempt = 0
        while await self._bucket.stat(parked_key(folder, entry.original_key, attempt)) is not None:
            attempt += 1
        target = parked_key(folder, entry.original_key, attempt)
        return await self._log.park(entry.id, target, classification, error)

    async def _park(self, entry: ImportEntry) -> None:
        target = entry.processed_key or ""
        await self._bucket.move(entry.original_key, target, entry.fingerprint)
        status = ImportStatus.FAILED if entry.error else ImportStatus.HELD
        await self._log.close(entry.id, status, self._clock.now())
        log.warning("import.parked", import_id=entry.id, status=status.value, reason=entry.error or entry.reasons)

    async def _move_and_import(self, entry: ImportEntry) -> ImportEntry:
        key = entry.processed_key or ""
        await self._bucket.move(entry.original_key, key, entry.fingerprint)
        layout = await self._look.layout(self._bucket.read(key))
        entry = await self._import(entry, layout, self._bucket.read(key), self._clock.now())
        return await self._log.close(entry.id, ImportStatus.MERGED, self._clock.now())

    async def _write_rejects(self, entry: ImportEntry) -> ImportEntry:
        if entry.rejected and entry.rejects_key and entry.processed_key and entry.classification:
            layout = await self._look.layout(self._bucket.read(entry.processed_key))
            again = self._bucket.read(entry.processed_key)
            await self._bucket.put(entry.rejects_key, rejects_file(layout, entry.classification, again))
        return await self._log.close(entry.id, ImportStatus.DONE, self._clock.now())


async def import_file(
    path: str | Path, import_log: ImportLog | None, clock: Clock, *, dry: bool = False
) -> dict[str, Any]:
    """Import one local file, or say what would be imported; the shapes of `ignite import FILE --json`.

    The file is only read. `import_log` may be None for a dry run. Raises `BadFile` for a file that cannot be
    imported, `NotFound` if there is none. A doubtful file is logged as held and not imported (`class` says
    so). Interrupted, the same call goes on where it stopped, as long as the file is the same.
    """
    where = Path(path)
    folder, key = DirectoryBucket(where.parent), where.name
    looker = Looker()
    if dry or import_log is None:
        look = await looker(key, folder.read(key), folder.read(key))
        return await dry_run(look, folder.read(key))
    digest = md5(usedforsecurity=False)
    async for chunk in folder.read(key):
        digest.update(chunk)
    entry = await import_log.open(LOCAL + key, digest.hexdigest(), clock.now())
    try:
        look = await looker(key, folder.read(key), folder.read(key))
    except BadFile as bad:
        await import_log.close(entry.id, ImportStatus.FAILED, clock.now(), bad.fault.value)
        raise
    if entry.status is ImportStatus.LISTED:
        if look.classification.kind is FileType.HELD:
            await import_log.park(entry.id, None, look.classification, None)
            return summary(await import_log.close(entry.id, ImportStatus.HELD, clock.now()))
        entry = await import_log.begin(entry.id, look.classification, in_bucket=False)
    if entry.status is ImportStatus.IMPORTING:
        entry = await Importer(import_log)(entry, look.layout, folder.read(key), clock.now())
    return summary(await import_log.close(entry.id, ImportStatus.DONE, clock.now()))

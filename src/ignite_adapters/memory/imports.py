"""`ImportLog` in memory: entries, people by address, and the global list by hash."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs

from ignite_domain.imports import (
    Classification,
    ImportEntry,
    ImportStatus,
    PersonRow,
    Tally,
)
from ignite_domain.imports.merge import Known, fold_people, tally_suppressions
from ignite_domain.imports.naming import processed_key, rejects_key
from ignite_domain.subscribers import hash_of

_OPEN = frozenset({ImportStatus.LISTED, ImportStatus.IMPORTING, ImportStatus.MERGED})


class MemoryImportLog:
    """`entries`, `people` and `suppressed` may be looked at directly."""

    def __init__(self) -> None:
        self.entries: dict[int, ImportEntry] = {}
        self.people: dict[str, Known] = {}
        self.suppressed: set[str] = set()
        self._numbers = 0

    async def open(self, key: str, fingerprint: str, now: datetime) -> ImportEntry:
        for entry in self.entries.values():
            if entry.status in _OPEN and (entry.original_key, entry.fingerprint) == (key, fingerprint):
                return entry
        return self._keep(ImportEntry(len(self.entries) + 1, key, fingerprint, ImportStatus.LISTED))

    async def unfinished(self) -> Sequence[ImportEntry]:
        return [entry for entry in self.entries.values() if entry.status in _OPEN]

    async def begin(self, entry_id: int, classification: Classification, *, in_bucket: bool) -> ImportEntry:
        entry, kind = self.entries[entry_id], classification.kind
        if in_bucket:
            self._numbers += 1
            entry = attrs.evolve(
                entry,
                processed_key=processed_key(self._numbers, kind, entry.original_key),
                rejects_key=rejects_key(self._numbers, kind),
            )
        return self._keep(
            attrs.evolve(
                entry,
                status=ImportStatus.IMPORTING,
                classification=kind,
                reasons=classification.reasons,
            )
        )

    async def park(
        self, entry_id: int, target: str | None, classification: Classification | None, error: str | None
    ) -> ImportEntry:
        return self._keep(
            attrs.evolve(
                self.entries[entry_id],
                processed_key=target,
                classification=classification.kind if classification else None,
                reasons=classification.reasons if classification else (),
                error=error,
            )
        )

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
        return self._count(entry_id, fold_people(self.people, rows, warmup=warmup), rejected, lines_done)

    async def merge_suppressions(
        self,
        entry_id: int,
        md5s: Sequence[str],
        *,
        rejected: Mapping[str, int],
        lines_done: int,
        now: datetime,
    ) -> ImportEntry:
        fresh = dict.fromkeys((md5 for md5 in md5s if md5 not in self.suppressed), True)
        self.suppressed.update(fresh)
        return self._count(entry_id, tally_suppressions(md5s, fresh), rejected, lines_done)

    async def close(self, entry_id: int, status: ImportStatus, now: datetime, error: str | None = None) -> ImportEntry:
        entry = self.entries[entry_id]
        none = status is ImportStatus.DONE and not sum(entry.rejected.values())
        return self._keep(
            attrs.evolve(
                entry, status=status, error=error or entry.error, rejects_key=None if none else entry.rejects_key
            )
        )

    def is_suppressed(self, email: str) -> bool:
        return hash_of(email) in self.suppressed

    def _count(self, entry_id: int, tally: Tally, rejected: Mapping[str, int], lines_done: int) -> ImportEntry:
        entry = self.entries[entry_id]
        total = Tally(
            entry.tally.inserted + tally.inserted,
            entry.tally.updated + tally.updated,
            entry.tally.unchanged + tally.unchanged,
        )
        reasons = Counter(entry.rejected) + Counter(rejected)
        return self._keep(
            attrs.evolve(
                entry,
                tally=total,
                rejected=dict(reasons),
                rows=total.rows + reasons.total(),
                lines_done=lines_done,
            )
        )

    def _keep(self, entry: ImportEntry) -> ImportEntry:
        self.entries[entry.id] = entry
        return entry

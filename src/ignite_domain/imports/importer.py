"""The use cases of an import: look at a file, import it, say what was rejected.

A file is read up to three times, always as a stream: its head (and, if a column could say that someone
left or the file is gzipped, all of it) to decide; all of it to import; all of it again for the rejects file
if there are any. Each pass is deterministic, which is what makes an import resumable by line number.
"""

import csv
import io
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

import attrs

from ignite_domain.imports.classify import Classification, Classifier, Survey
from ignite_domain.imports.layout import HEAD, Layout, RowReader, read_layout
from ignite_domain.imports.normalize import RowNormalizer
from ignite_domain.imports.ports import ImportEntry, ImportLog
from ignite_domain.imports.rows import FileType, PersonRow, Record, Rejection

BATCH: Final = 5_000
"""Good rows a commit; the bound for everyone is 10,000."""
SAMPLE_ROWS: Final = 5


@attrs.frozen
class Look:
    """What looking at a file found."""

    layout: Layout
    classification: Classification


async def _records(layout: Layout, chunks: AsyncIterator[bytes]) -> AsyncIterator[list[Record]]:
    reader = RowReader(layout)
    async for chunk in chunks:
        yield reader.feed(chunk)
    yield reader.finish()


async def _head(chunks: AsyncGenerator[bytes, None]) -> tuple[bytes, bool]:
    head = b""
    async with aclosing(chunks):
        async for chunk in chunks:
            head += chunk
            if len(head) > HEAD:
                return head, False
    return head, True


class Looker:
    """Finds out how a file is laid out and what it is for."""

    def __init__(self, classifier: Classifier | None = None) -> None:
        self._classifier = classifier or Classifier()

    async def layout(self, head: AsyncGenerator[bytes, None]) -> Layout:
        """Raises `BadFile`. Reads no more than it needs."""
        data, whole = await _head(head)
        return read_layout(data, whole=whole)

    async def __call__(self, key: str, head: AsyncGenerator[bytes, None], everything: AsyncIterator[bytes]) -> Look:
        """`head` and `everything` are two readings of the same version. Raises `BadFile`.

        A gzipped file is unpacked to its end here, so that a damaged one never gets half imported.
        """
        layout = await self.layout(head)
        survey = Survey(layout.columns)
        if survey.needed or layout.compressed:
            async for records in _records(layout, everything):
                for record in records:
                    if record.cells is not None:
                        survey.see(record.cells)
        else:
            for row in layout.sample:
                survey.see(row)
        return Look(layout, self._classifier.decide(key, survey))


@attrs.define
class _Batch:
    people: list[PersonRow] = attrs.field(factory=list)
    md5s: list[str] = attrs.field(factory=list)
    rejected: Counter[str] = attrs.field(factory=Counter)
    lines_done: int = 0

    def __len__(self) -> int:
        return len(self.people) + len(self.md5s) + self.rejected.total()

    def take(self, judged: PersonRow | str | Rejection) -> None:
        if isinstance(judged, Rejection):
            self.rejected[judged.reason] += 1
        elif isinstance(judged, PersonRow):
            self.people.append(judged)
        else:
            self.md5s.append(judged)


@attrs.frozen
class Importer:
    """Batch-upserts the rows of one file, going on where the log says that it stopped."""

    log: ImportLog
    batch: int = attrs.field(default=BATCH, validator=[attrs.validators.ge(1), attrs.validators.le(10_000)])

    async def __call__(
        self, entry: ImportEntry, layout: Layout, chunks: AsyncIterator[bytes], now: datetime
    ) -> ImportEntry:
        """Import `chunks` (the whole file) as `entry.classification` says; returns the entry afterwards.

        Every batch commits with its counts and position: killed anywhere, the next call counts each row once.
        """
        if entry.classification is None:
            raise ValueError("an entry without classification is not ready to be imported")
        kind = entry.classification
        normalizer = RowNormalizer(layout.columns)
        batch = _Batch()
        async for records in _records(layout, chunks):
            for record in records:
                if record.end <= entry.lines_done:
                    continue
                batch.take(normalizer.judge(record, kind))
                batch.lines_done = record.end
                if len(batch) >= self.batch:
                    entry = await self._commit(entry, batch, kind, now)
                    batch = _Batch()
        if len(batch):
            entry = await self._commit(entry, batch, kind, now)
        return entry

    async def _commit(self, entry: ImportEntry, batch: _Batch, kind: FileType, now: datetime) -> ImportEntry:
        rest: dict[str, Any] = {"rejected": dict(batch.rejected), "lines_done": batch.lines_done, "now": now}
        if kind is FileType.SUPPRESSION:
            return await self.log.merge_suppressions(entry.id, batch.md5s, **rest)
        return await self.log.merge_people(entry.id, batch.people, warmup=kind is FileType.WARMUP, **rest)


REJECTS_HEADER: Final = ("line", "reason", "raw")


async def rejects_file(layout: Layout, kind: FileType, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The rejects file of a file, as a stream of UTF-8 CSV (`line,reason,raw`, LF)."""
    normalizer = RowNormalizer(layout.columns)
    yield _csv([REJECTS_HEADER])
    async for records in _records(layout, chunks):
        judged = [normalizer.judge(record, kind) for record in records]
        if lines := [reject for reject in judged if isinstance(reject, Rejection)]:
            yield _csv(lines)


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


async def dry_run(look: Look, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
    """What an import would read, in the shape of `ignite import FILE --dry-run --json`. Writes nothing.

    A held file is read as mailable people for the counts.
    """
    layout, kind = look.layout, look.classification.kind
    columns = layout.columns
    as_kind = FileType.MAILABLE if kind is FileType.HELD and columns.address is not None else kind
    as_kind = FileType.SUPPRESSION if columns.address is None else as_kind
    normalizer = RowNormalizer(columns)
    rows = 0
    rejected: Counter[str] = Counter()
    sample: list[dict[str, Any]] = []
    async for records in _records(layout, chunks):
        for record in records:
            rows += 1
            judged = normalizer.judge(record, as_kind)
            if isinstance(judged, Rejection):
                rejected[judged.reason] += 1
            elif len(sample) < SAMPLE_ROWS:
                sample.append(judged._asdict() if isinstance(judged, PersonRow) else {"md5": judged})
    return {
        "encoding": layout.encoding,
        "delimiter": layout.delimiter,
        "header": bool(columns.header),
        "mapping": columns.mapping,
        "address_column": columns.key_column,
        "class": kind.value,
        "reasons": list(look.classification.reasons),
        "rows": rows,
        "rejected": rejected.total(),
        "rejected_by_reason": dict(sorted(rejected.items())),
        "sample": sample,
    }


def summary(entry: ImportEntry) -> dict[str, Any]:
    """What an import did, in the shape of `ignite import FILE --json`."""
    return {
        "class": entry.classification.value if entry.classification else FileType.HELD.value,
        "reasons": list(entry.reasons),
        "rows": entry.rows,
        "inserted": entry.tally.inserted,
        "updated": entry.tally.updated,
        "unchanged": entry.tally.unchanged,
        "rejected": sum(entry.rejected.values()),
        "rejected_by_reason": dict(sorted(entry.rejected.items())),
    }

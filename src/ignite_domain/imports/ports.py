"""What an import needs from outside: the bucket, and the log that commits rows and position together."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import attrs

from ignite_domain.errors import IgniteError
from ignite_domain.imports.classify import Classification
from ignite_domain.imports.rows import FileType, PersonRow, Tally


class ObjectChanged(IgniteError):
    """The object is no longer the version that was asked for."""


@attrs.frozen
class BucketObject:
    """`version` changes whenever the content does (an etag; or size, mtime and inode)."""

    key: str
    size: int
    version: str


class ImportBucket(Protocol):
    """A flat store of objects by key. Every method raises `PortFailure(retryable=True)` if it is away."""

    async def objects(self) -> Sequence[BucketObject]:
        """All objects, by key; uploads under way may be left out."""

    async def stat(self, key: str) -> BucketObject | None:
        """The object as it is now, None if there is none."""

    def read(self, key: str, version: str | None = None) -> AsyncGenerator[bytes, None]:
        """The content in chunks of at most 1 MiB, never a mixture of two versions.

        Raises `NotFound`, or `ObjectChanged` (at the latest instead of the end) if the object is not or does
        not stay `version`; None: whatever version is there first.
        """

    async def move(self, source: str, target: str, version: str) -> None:
        """Rename. Afterwards the content is at `target` only. Idempotent, and never loses the content.

        If `source` is gone or another version and `target` exists, an earlier call did it: returns.
        Raises `NotFound` if neither is there, `ObjectChanged` if `source` is another version and there is
        no `target`.
        """

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Write an object; it appears whole or not at all; an older one under the key is replaced."""


class ImportStatus(StrEnum):
    """Life of a log entry. `listed` with a processed_key: about to be parked there."""

    LISTED = "listed"
    IMPORTING = "importing"
    MERGED = "merged"
    DONE = "done"
    HELD = "held"
    FAILED = "failed"


@attrs.frozen
class ImportEntry:
    """One row of `data_import_log`. `lines_done`: source lines whose rows are committed."""

    id: int
    original_key: str
    fingerprint: str
    status: ImportStatus
    processed_key: str | None = None
    rejects_key: str | None = None
    classification: FileType | None = None
    reasons: tuple[str, ...] = ()
    error: str | None = None
    lines_done: int = 0
    rows: int = 0
    tally: Tally = attrs.field(factory=Tally)
    rejected: Mapping[str, int] = attrs.field(factory=dict)


class ImportLog(Protocol):
    """`data_import_log`, and the rows that move with it. Every method is one transaction."""

    async def open(self, key: str, fingerprint: str, now: datetime) -> ImportEntry:
        """The unfinished entry of this object version, or a new one with status `listed`."""

    async def unfinished(self) -> Sequence[ImportEntry]:
        """Entries that a crash or a failure left open, oldest first."""

    async def begin(self, entry_id: int, classification: Classification, *, in_bucket: bool) -> ImportEntry:
        """Decide for importing: status `importing`, and, in a bucket, the number and both processed names."""

    async def park(
        self, entry_id: int, target: str | None, classification: Classification | None, error: str | None
    ) -> ImportEntry:
        """Write down that the object is about to go to `target` (held/ or failed/), and why.

        None: it stays where it is (a local file).
        """

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
        """Commit one batch: people, their events, counts, and the position, together.

        At most 10,000 rows. New people that the global list names start as suppressed.
        """

    async def merge_suppressions(
        self,
        entry_id: int,
        md5s: Sequence[str],
        *,
        rejected: Mapping[str, int],
        lines_done: int,
        now: datetime,
    ) -> ImportEntry:
        """The same for a batch of a suppression file; people whose hash is listed become suppressed."""

    async def close(self, entry_id: int, status: ImportStatus, now: datetime, error: str | None = None) -> ImportEntry:
        """Set `merged`, or one of the ends `done`, `held`, `failed`. Done without a rejected row: no rejects file."""

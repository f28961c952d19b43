"""Takes in accounting files that are named by hand, through the same ingestor as the live log.

Ledger, events, scores, suppressions and signals follow from the records, by the records' time. Nothing is
decided on them: what they tell is over. A file is known by its identity, so it is taken in once, whether it was
named here or lay in the accounting folder.
"""

import asyncio
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import attrs

from ignite_adapters.pmta import files
from ignite_adapters.pmta.accounting import DirectoryFeed, stamp_of
from ignite_app.clock import Clock
from ignite_app.workers.ingest import BATCH
from ignite_domain.errors import PortFailure
from ignite_domain.governance.accounting import Entry, Rejected
from ignite_domain.governance.gatherer import Gatherer
from ignite_domain.governance.heard import OLDEST
from ignite_domain.governance.ingestor import Ingestor
from ignite_domain.governance.orchestrator import Orchestrator, Settled
from ignite_domain.governance.ports import FeedBatch, GovernanceStore, Position, Step
from ignite_domain.governance.signals import COMPLAINT_MEDIAN, SignalProcessor
from ignite_domain.governance.tallying import tally
from ignite_domain.governance.words import Mode

SHOWN: Final = 1000
"""Refused lines that are listed for a file; all are counted, and all are stored."""


@attrs.frozen
class Undeciding(Orchestrator):
    """Lets every wish pass by and touches no decision that stands: a backfill looks at what is over."""

    def settle(self, *_: Any, **__: Any) -> Settled:
        return Settled((), ())


@attrs.define
class Taken:
    """What came of one file. `known`: some or all of it had been taken in before, and is not
    counted here. `skipped`: records logged before `since`; `unfinished`: bytes behind the end of the last line."""

    file: str
    known: bool = False
    begun: bool = False
    types: Counter[str] = attrs.field(factory=Counter)
    rejects: list[Rejected] = attrs.field(factory=list)
    rejected: int = 0
    skipped: int = 0
    unfinished: int = 0

    def shown(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "records": self.types.total(),
            "by_type": dict(sorted(self.types.items())),
            "rejected": self.rejected,
            "rejects": [{"file": self.file, "line": one.line, "reason": one.reason} for one in self.rejects],
            "skipped": self.skipped,
            "unfinished": self.unfinished,
            "known": self.known,
        }


class _NamedFiles(DirectoryFeed):
    """Files that are named one by one, each as it lies there."""

    def __init__(self, paths: Sequence[Path], since: datetime | None, host: str) -> None:
        super().__init__(Path(), host)
        self._paths = list(paths)
        self._since = since
        self.taken = {path: Taken(path.name) for path in paths}

    async def _read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        for path in self._paths:
            self._directory = path.parent
            taken = self.taken[path]
            try:
                stamp = await asyncio.to_thread(stamp_of, path)
                source = await asyncio.to_thread(self.source, path)
                taken.known = taken.known or (not taken.begun and source in positions)
                taken.begun = True
                batch = await self._one(path.name, stamp, positions, limit, set(), final=files.packed(path.name))
            except (EOFError, OSError, zlib.error) as failure:
                raise PortFailure("accounting files", f"{path.name}: {type(failure).__name__}", False) from failure
            if batch is not None:
                return [self._part(batch, taken)]
            at = positions.get(source) if source else None
            if not files.packed(path.name):
                taken.unfinished = stamp[2] - (at.byte_offset if at else 0)
        return []

    def _part(self, batch: FeedBatch, taken: Taken) -> FeedBatch:
        """What is not passed over."""
        entries = [one for one in batch.entries if self._wanted(one, taken)]
        deliveries = batch.deliveries
        if self._since is not None:
            deliveries = deliveries.where([at >= self._since for at in deliveries.logged])
            taken.skipped += len(batch.deliveries) - len(deliveries)
        if deliveries:
            taken.types["d"] += len(deliveries)
        return attrs.evolve(batch, entries=entries, deliveries=deliveries)

    def _wanted(self, entry: Entry, taken: Taken) -> bool:
        if isinstance(entry, Rejected):
            taken.rejected += 1
            if len(taken.rejects) < SHOWN:
                taken.rejects.append(entry)
        elif self._since is not None and entry.logged < self._since:
            taken.skipped += 1
            return False
        else:
            taken.types[entry.type] += 1
        return True


class _Quiet:
    """The store of a backfill: how the agents stand is the live log's to say, what replies there were is not."""

    def __init__(self, store: GovernanceStore, host: str) -> None:
        self._store = store
        self._host = host
        self.batches: Sequence[FeedBatch] = ()

    async def save(self, step: Step) -> None:
        told = attrs.evolve(tally(self.batches, [self._host], {}, step.now), hosts=())
        await self._store.save(attrs.evolve(step, agents=(), tally=told))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def backfill(
    paths: Sequence[Path],
    store: GovernanceStore,
    cold: Mapping[str, str],
    clock: Clock,
    *,
    complaint_median: timedelta = COMPLAINT_MEDIAN,
    since: datetime | None = None,
    host: str = "",
    batch: int = BATCH,
    suppress_foreign: bool = False,
    oldest: timedelta = OLDEST,
) -> list[dict[str, Any]]:
    """Take in what is new in `paths`, one after another; returns one summary for each.

    For the one process that ingests: the caller holds the lease of the worker. Records logged before `since` are
    passed over for good: their file's position moves on. Those older than `oldest` are refused. Raises PortFailure;
    what was saved by then stays, and another run goes on behind it.
    """
    feed, quiet = _NamedFiles(paths, since, host), _Quiet(store, host)
    signals = SignalProcessor(await store.signals(), complaint_median)
    undeciding = Undeciding(lambda kind, isp: Mode.OBSERVE)
    asked = cast(GovernanceStore, quiet)
    gatherer = Gatherer(asked, frozenset(cold.values()), suppress_foreign, oldest)
    ingestor = Ingestor(gatherer, undeciding, signals, cold)
    while batches := await feed.read(await store.positions(), batch):
        quiet.batches = batches
        await ingestor(batches, clock.now(), caught_up=False)  # of what else was logged it says nothing
    while await store.settle():
        pass
    return [feed.taken[path].shown() for path in paths]

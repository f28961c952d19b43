"""Several accounting feeds as one: every host is read, and one that cannot be read does not hold up the others.

Decides nothing about files. Whether all that was logged has been read is the caller's to conclude: `failures`
names the hosts whose log is not known to be at its end.
"""

from collections.abc import Mapping

from ignite_domain.errors import PortFailure
from ignite_domain.governance.ports import AccountingFeed, FeedBatch, Position


class SeveralFeeds:
    """`feeds` maps host names to feeds. `hosts`: all of them; `failures` maps those that failed at
    the last reading to why."""

    def __init__(self, feeds: Mapping[str, AccountingFeed]) -> None:
        self._feeds = dict(feeds)
        self._first = 0
        self.hosts = tuple(feeds)
        self.failures: dict[str, str] = {}

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        """Read every host in turn, another one first each time. Never raises: see `failures`."""
        names = list(self._feeds)
        self._first = (self._first + 1) % max(1, len(names))
        failures = dict(self.failures)  # of a host whose turn does not come, what was known stays
        batches: list[FeedBatch] = []
        for name in names[self._first :] + names[: self._first]:
            if limit <= 0:
                break
            try:
                found = await self._feeds[name].read(positions, limit)
            except PortFailure as failure:
                failures[name] = failure.detail
                continue
            failures.pop(name, None)
            batches += found
            limit -= sum(len(batch.entries) for batch in found)
        self.failures = failures
        return batches

    async def close(self) -> None:
        for feed in self._feeds.values():
            close = getattr(feed, "close", None)
            if close is not None:
                await close()

"""Several accounting feeds as one: every host is read, and one that cannot be read does not hold up the others.

Decides nothing about files. Whether all that was logged has been read is the caller's to conclude: `failures`
names the hosts whose log is not known to be at its end.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ignite_domain.errors import PortFailure
from ignite_domain.governance.ports import AccountingFeed, FeedBatch, Position

LONGEST_PAUSE: Final = 16
"""Readings after which a host that failed is asked again at the latest."""


class SeveralFeeds:
    """`feeds` maps host names to feeds. `hosts`: all of them; `failures` maps those that failed at
    the last reading to why."""

    def __init__(self, feeds: Mapping[str, AccountingFeed]) -> None:
        self._feeds = dict(feeds)
        self._first = 0
        self.hosts: Sequence[str] = tuple(feeds)
        self.failures: Mapping[str, str] = {}
        self._pauses: dict[str, tuple[int, int]] = {}  # host that failed -> readings to pass over, and how many next

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        """Read every host in turn, another one first each time. Never raises: see `failures`."""
        names = list(self._feeds)
        self._first = (self._first + 1) % max(1, len(names))
        failures = dict(self.failures)  # of a host whose turn does not come, what was known stays
        batches: list[FeedBatch] = []
        for name in names[self._first :] + names[: self._first]:
            if limit <= 0:
                break
            left, pause = self._pauses.get(name, (0, 1))
            if left:  # a host that does not answer costs a time-out: it is not asked every time
                self._pauses[name] = (left - 1, pause)
                continue
            try:
                found = await self._feeds[name].read(positions, limit)
            except PortFailure as failure:
                failures[name] = failure.detail
                if len(names) > 1:
                    self._pauses[name] = (pause, min(2 * pause, LONGEST_PAUSE))
                continue
            failures.pop(name, None)
            self._pauses.pop(name, None)
            batches += found
            limit -= sum(map(len, found))
        self.failures = failures
        return batches

    async def forget(self, positions: Mapping[str, Position]) -> None:
        for feed in self._feeds.values():
            await feed.forget(positions)

    async def close(self) -> None:
        for feed in self._feeds.values():
            await feed.close()

"""Reading ahead: what is read while the last lines are being saved, and when it counts for nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from ignite_adapters.memory.accounting import MemoryFeed
from ignite_adapters.memory.governance import MemoryGovernanceStore
from ignite_app.workers.read_ahead import ReadAhead, Reading
from ignite_domain.errors import PortFailure
from ignite_domain.governance.accounting import AccountingRecord
from ignite_domain.governance.gatherer import Gatherer
from ignite_domain.governance.ports import FeedBatch, Position

NAME = "acct-all-2026-11-02-0001.csv"
LINES = [f"d,2026-11-02 09:00:0{number}+0000,ig{number}\r\n" for number in range(1, 6)]


@attrs.define
class HandClock:
    at: datetime = datetime(2026, 11, 2, 10, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class CountingFeed(MemoryFeed):
    """Counts readings; fails at those that are named."""

    def __init__(self, *fails: int) -> None:
        super().__init__()
        self.files[NAME] = b"type,timeLogged,envId\r\n" + "".join(LINES).encode()
        self.readings = 0
        self.forgotten: list[int] = []
        self._fails = fails

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        self.readings += 1
        if self.readings in self._fails:
            raise PortFailure("accounting files", "gone")
        return await super().read(positions, limit)

    async def forget(self, positions: Mapping[str, Position]) -> None:
        self.forgotten += [one.line for one in positions.values()]


def ahead_of(feed: CountingFeed, clock: HandClock | None = None) -> ReadAhead:
    gatherer = Gatherer(MemoryGovernanceStore(), frozenset())
    return ReadAhead(feed, gatherer, clock or HandClock(), 2)  # type: ignore[arg-type]  # the part of a Clock that it uses


def envids(reading: Reading) -> list[str]:
    return [one.envid for batch in reading.batches for one in batch.entries if isinstance(one, AccountingRecord)]


def after(positions: Mapping[str, Position], reading: Reading) -> dict[str, Position]:
    return {**positions, **{one.position.source: one.position for one in reading.batches}}


async def test_a_backlog_is_read_once_and_in_order() -> None:
    feed, at, found = CountingFeed(), dict[str, Position](), list[str]()
    ahead = ahead_of(feed)
    while (reading := await ahead.read(at)).lines:
        found += envids(reading)
        at = after(at, reading)
    assert found == ["ig1", "ig2", "ig3", "ig4", "ig5"]
    assert feed.readings == 4  # two full ones, the rest, and nothing


async def test_what_was_read_ahead_of_a_step_that_was_not_saved_is_read_again() -> None:
    feed = CountingFeed()
    ahead = ahead_of(feed)
    assert envids(await ahead.read({})) == ["ig1", "ig2"]
    assert envids(await ahead.read({})) == ["ig1", "ig2"]
    await ahead.close()


async def test_a_reading_tells_the_time_before_it_was_begun() -> None:
    clock = HandClock()
    ahead = ahead_of(CountingFeed(), clock)
    first = await ahead.read({})
    second = await ahead.read(after({}, first))
    assert first.at < second.at < clock.now()
    await ahead.close()


async def test_a_failure_ahead_is_told_only_if_it_lasts() -> None:
    feed = CountingFeed(2)
    ahead = ahead_of(feed)
    first = await ahead.read({})
    assert envids(await ahead.read(after({}, first))) == ["ig3", "ig4"]
    await ahead.close()
    lasting = ahead_of(CountingFeed(1))
    with pytest.raises(PortFailure):
        await lasting.read({})


async def test_nothing_is_forgotten_that_is_not_saved() -> None:
    feed = CountingFeed()
    ahead = ahead_of(feed)
    first = await ahead.read({})
    await ahead.read({})  # the first was not saved
    assert feed.forgotten == []
    saved = after({}, first)
    await ahead.close()
    await ahead.read(saved)
    assert feed.forgotten == [one.line for one in saved.values()]
    await ahead.close()

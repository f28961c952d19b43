"""Waiting requests share a transaction, and none is answered before it is stored."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import attrs
import pytest

from ignite_app.http.group_commit import GroupCommit
from ignite_domain.errors import PortFailure
from ignite_domain.tracking import Answer, Hit, RecordHits

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@attrs.define
class Slow:
    """Stores a batch when the test opens the gate."""

    gate: asyncio.Event = attrs.field(factory=asyncio.Event)
    batches: list[int] = attrs.field(factory=list)
    poison: str = ""
    failure: Exception | None = None

    async def __call__(self, hits: Sequence[Hit]) -> list[Answer]:
        await self.gate.wait()
        if self.failure:
            raise self.failure
        if self.poison and any(hit.sid == self.poison for hit in hits):
            raise ValueError("refused")
        self.batches.append(len(hits))
        return [Answer(True, hit.sid) for hit in hits]


def commit(record: Slow, batch: int = 500) -> GroupCommit:
    return GroupCommit(cast(RecordHits, record), batch)


def ask(group: GroupCommit, count: int) -> list["asyncio.Task[Any]"]:
    return [asyncio.ensure_future(group(Hit(NOW, None, sid=str(n)))) for n in range(count)]


async def test_what_waits_is_stored_together_in_the_order_of_arrival() -> None:
    record = Slow()
    asked = ask(commit(record, batch=8), 20)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(task.done() for task in asked)
    record.gate.set()
    assert [answer.location for answer in await asyncio.gather(*asked)] == [str(n) for n in range(20)]
    assert record.batches == [8, 8, 4]


async def test_a_database_that_is_down_is_told_to_everyone_and_the_next_hit_tries_again() -> None:
    record = Slow(failure=PortFailure("database", "down"))
    record.gate.set()
    group = commit(record)
    results = await asyncio.gather(*ask(group, 3), return_exceptions=True)
    assert [type(result) for result in results] == [PortFailure] * 3
    record.failure = None
    assert (await group(Hit(NOW, None, sid="x"))).location == "x"


async def test_one_hit_that_cannot_be_stored_does_not_take_the_others_with_it() -> None:
    record = Slow(poison="2")
    record.gate.set()
    results = await asyncio.gather(*ask(commit(record), 4), return_exceptions=True)
    assert [isinstance(result, ValueError) for result in results] == [False, False, True, False]


async def test_a_visitor_who_hangs_up_does_not_stop_the_others() -> None:
    record = Slow()
    asked = ask(commit(record), 3)
    await asyncio.sleep(0)
    asked[1].cancel()
    record.gate.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [Answer, asyncio.CancelledError, Answer]
    with pytest.raises(asyncio.CancelledError):
        asked[1].result()

"""`AccountingFeed` over texts in memory, for tests and for files that are handed over one by one."""

from collections.abc import Mapping, Sequence

from ignite_adapters.pmta import files as rules
from ignite_adapters.pmta.files import BLOCK, HEAD, Cursor, head_identity
from ignite_domain.governance.ports import FeedBatch, Position


class MemoryFeed:
    """`files` maps names to contents and may be filled and changed directly."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.hosts: Sequence[str] = ("",)
        self.failures: Mapping[str, str] = {}

    async def forget(self, positions: Mapping[str, Position]) -> None:
        """The files are their owner's."""

    async def close(self) -> None:
        """Nothing is held open."""

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        batches: list[FeedBatch] = []
        taken: set[str] = set()
        closed = rules.closed_names(self.files)
        for name in rules.in_order(self.files):
            content = self.files[name]
            source = head_identity(content[:HEAD])
            if source is None or source in taken or limit <= 0 or not rules.wanted(name):
                continue
            taken.add(source)
            cursor = Cursor(rules.position_of(source, name, name, content[:HEAD], positions), limit)
            going = True
            while going:
                data = content[cursor.start : cursor.start + BLOCK]
                going = cursor.take(data, at_end=cursor.start + len(data) >= len(content), final=name in closed)
            batch = cursor.batch()
            if batch is not None:
                batches.append(batch)
                limit -= len(batch)
        return batches

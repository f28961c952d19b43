"""`AccountingFeed` over texts in memory, for tests."""

from collections.abc import Mapping

from ignite_adapters.pmta.accounting import closed_names, head_identity
from ignite_domain.governance.accounting import AccountingRecord, LineReader, Rejected
from ignite_domain.governance.ports import FeedBatch, Position


class MemoryFeed:
    """`files` maps names to contents and may be filled and changed directly."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        batches: list[FeedBatch] = []
        taken: set[str] = set()
        closed = closed_names(list(self.files))
        for name in sorted(self.files):
            content = self.files[name]
            source = head_identity(content)
            if source is None or source in taken or limit <= 0:
                continue
            taken.add(source)
            old = positions.get(source) or Position(source, name)
            reader = LineReader(old.header, old.line)
            entries: list[AccountingRecord | Rejected] = []
            offset = old.byte_offset
            for raw in content[offset:].splitlines(keepends=True):
                if len(entries) >= limit or not (raw.endswith(b"\n") or name in closed):
                    break
                offset += len(raw)
                found = reader.read(raw.decode("utf-8", errors="replace"))
                if found is not None:
                    entries.append(found)
            if offset > old.byte_offset:
                batches.append(FeedBatch(Position(source, name, offset, reader.line, reader.header), entries))
                limit -= len(entries)
        return batches

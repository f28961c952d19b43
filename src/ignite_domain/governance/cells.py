"""`Cells`: for each provider, address, job and queue that a record names, the streams where it is counted.

Decides nothing: which streams these are is said by `signals`. All are forgotten when there are too many.
"""

from collections.abc import Callable
from typing import Final

import attrs

from ignite_domain.governance.observed import Where
from ignite_domain.governance.streams import Stream
from ignite_domain.governance.told import Told

CELLS_KEPT: Final = 50_000
Scope = tuple[str, str, str]


@attrs.define(slots=True, eq=False)
class Cell:
    """The places where mail of one `Where` is counted, and where its replies are remembered."""

    streams: tuple[Stream, ...]
    walked: tuple[Stream, ...]
    replied: tuple[Scope, ...]
    told: dict[str, tuple[Told, ...]] = attrs.field(factory=dict)  # by reply rule


class Cells(dict[Where, Cell]):
    """Cells that have been met; another one is made."""

    def __init__(self, make: Callable[[Where], Cell]) -> None:
        super().__init__()
        self._make = make
        self.streams: dict[Where, tuple[Stream, ...]] = _Streams(self)

    def __missing__(self, where: Where) -> Cell:
        if len(self) >= CELLS_KEPT:
            self.clear()
            self.streams.clear()
        cell = self[where] = self._make(where)
        return cell


class _Streams(dict[Where, tuple[Stream, ...]]):
    def __init__(self, cells: Cells) -> None:
        super().__init__()
        self._cells = cells

    def __missing__(self, where: Where) -> tuple[Stream, ...]:
        streams = self._cells[where].streams
        self[where] = streams
        return streams

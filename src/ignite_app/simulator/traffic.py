"""Counts messages and kilobytes in and out, by minute, for `show status`. One message has one recipient here."""

from collections import deque
from typing import Final

import attrs

HOUR_MINUTES: Final = 60


@attrs.define
class Direction:
    """What went one way: since the start, by minute, and the busiest minute and hour."""

    count: int = 0
    kbytes: float = 0.0
    top_minute: int = 0
    top_hour: int = 0
    _minutes: deque[tuple[int, int, float]] = attrs.field(factory=lambda: deque(maxlen=HOUR_MINUTES + 1))

    def add(self, at: float, size: int) -> None:
        minute, kbytes = int(at // 60), size / 1024
        count, total = 0, 0.0
        if self._minutes and self._minutes[-1][0] == minute:
            _, count, total = self._minutes.pop()
        self._minutes.append((minute, count + 1, total + kbytes))
        self.count += 1
        self.kbytes += kbytes
        self.top_minute = max(self.top_minute, count + 1)

    def last(self, now: float, minutes: int) -> tuple[int, float]:
        """(count, kilobytes) of the current minute and those before it, `minutes` in all."""
        edge = now // 60 - minutes
        chosen = [entry for entry in self._minutes if entry[0] > edge]
        count = sum(entry[1] for entry in chosen)
        if minutes == HOUR_MINUTES:
            self.top_hour = max(self.top_hour, count)
        return count, sum(entry[2] for entry in chosen)


@attrs.define
class Traffic:
    incoming: Direction = attrs.field(factory=Direction)
    outgoing: Direction = attrs.field(factory=Direction)

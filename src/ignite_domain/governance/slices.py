"""`Slices`: what has been counted since the last save, by place and slice of record time, and how high S stood there.

Decides how long a slice is and what of it is stored. What is counted where is the business of `signals`. Only what came
on top is kept, so a late record, a long backlog or a restart costs nothing and doubles nothing: the store adds it to
the slice in the transaction that moves the log's position.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from ignite_domain.governance.ports import HistoryPoint
from ignite_domain.governance.streams import COMPLAINED, COUNTED, EVENT, WALKS, WIDTH, Stream, figures
from ignite_domain.governance.words import Signal

FINE_MINUTES: Final = 5
"""A slice of a provider, and of the host."""
COARSE_MINUTES: Final = 15
"""A slice of an address, a job or a queue: they are up to 500 each and provider."""
_FINE: Final = frozenset({"isp", "host"})
_ALARMED: Final = frozenset({*WALKS, Signal.COMPLAINT})


class Slices:
    """Counts and peaks since the last `take`."""

    def __init__(self) -> None:
        self._counts: dict[tuple[tuple[Stream, ...], int], list[int]] = {}  # by streams and fine slice
        self._tops: dict[tuple[Stream, int], dict[Signal, int]] = {}  # the highest S after an event, by fine slice

    def count(self, streams: tuple[Stream, ...], minute: int, code: int, many: int = 1) -> None:
        """`many` records of one code at each of `streams`."""
        key = (streams, minute // FINE_MINUTES)
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = [0] * WIDTH
        found[code] += many

    def walked(self, stream: Stream, second: int, code: int) -> None:
        """S of the alarm that `code` moves has just gone up: between two events it only falls."""
        signal = Signal.COMPLAINT if code == COMPLAINED else EVENT[code]
        s = stream.complaints.s if code == COMPLAINED else stream.walks[signal].s
        top = self._tops.setdefault((stream, second // (60 * FINE_MINUTES)), {})
        if s > top.get(signal, 0):
            top[signal] = s

    def take(self) -> list[HistoryPoint]:
        """What came on top, in order of place, slice and signal."""
        sums: dict[tuple[Stream, int], list[int]] = {}
        for (streams, number), counts in self._counts.items():
            for stream in streams:
                key = (stream, _start(stream, number))
                known = sums.get(key)
                if known is None:
                    sums[key] = list(counts)
                else:
                    for code, many in enumerate(counts):
                        known[code] += many
        tops: dict[tuple[Stream, int], dict[Signal, int]] = {}
        for (stream, number), top in self._tops.items():
            highest = tops.setdefault((stream, _start(stream, number)), {})
            for signal, s in top.items():
                highest[signal] = max(s, highest.get(signal, 0))
        points = []
        for (stream, start), counts in sorted(sums.items(), key=lambda one: (one[0][0].scope, one[0][1])):
            points += _points(stream, start, counts, tops.get((stream, start), {}))
        self.clear()
        return points

    def clear(self) -> None:
        self._counts.clear()
        self._tops.clear()


def _start(stream: Stream, number: int) -> int:
    """The first minute of the slice of `stream` that fine slice `number` lies in."""
    minute = number * FINE_MINUTES
    return minute if stream.scope[1] in _FINE else minute - minute % COARSE_MINUTES


def _points(stream: Stream, start: int, counts: Sequence[int], tops: Mapping[Signal, int]) -> list[HistoryPoint]:
    length = FINE_MINUTES if stream.scope[1] in _FINE else COARSE_MINUTES
    at = datetime.fromtimestamp(start * 60, UTC)
    current = start <= stream.minute < start + length
    points = []
    for signal in COUNTED:
        seen = figures(counts, signal)
        if not seen.n and not seen.x:
            continue
        s = h = None
        if stream.walked and signal in _ALARMED and (current or signal in tops):
            s = max(tops.get(signal, 0), _standing(stream, signal) if current else 0)
            h = stream.alarm(signal).alarm
        points.append(HistoryPoint(at, *stream.scope, signal.value, seen.n, seen.x, s, h))
    return points


def _standing(stream: Stream, signal: Signal) -> int:
    """S now; its peak since the last look may be one of an earlier slice, and stands among the tops of that."""
    if signal is Signal.COMPLAINT:
        return stream.complaints.s
    walk = stream.walks[signal]
    return walk.at(stream.firsts - walk.events)

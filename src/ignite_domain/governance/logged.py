"""What a log that is long written says, as `replay` takes it: `Line` for what went wrong, columns for deliveries.

Decides in which order records of one second are taken. What a record means is said before it gets here.
"""

from bisect import bisect_left
from collections.abc import Callable
from itertools import compress
from operator import itemgetter
from typing import Any, Final, NamedTuple

from ignite_domain.governance.observed import OutcomeKind, Where

ORDER: Final = (
    OutcomeKind.DEFERRED,
    OutcomeKind.CONNECTION,
    OutcomeKind.DELIVERED,
    OutcomeKind.BOUNCED,
    OutcomeKind.COMPLAINED,
)
"""The order of records within one second: a message is deferred before it is delivered."""
DEFERRED, CONNECTION, DELIVERED, BOUNCED, COMPLAINED = range(len(ORDER))


class Said(NamedTuple):
    """What a reply says, as far as signals and people ask: see `Outcome`. `hard`: the address is dead for good."""

    rule: str = ""
    kind: str = ""
    address_fault: bool = False
    about_us: bool = False
    hard: bool = False
    names: str = ""
    asks_s: int = 0


Line = tuple[int, int, Where, str, int, str, Said, bool]
"""One outcome: (second, index in ORDER, where, message, second it was queued or −1, recipient's hash or "", said,
an attempt of ours: False for remote bounces). Tuples sort by time, then by content."""

NOTHING_SAID: Final = Said()


class Stretch:
    """A part of a log. Deliveries stand in columns of one length: when, where, which message, second it was queued or
    −1. `lines` is everything else, and any delivery that has to be looked at by itself."""

    __slots__ = ("lines", "messages", "queued", "seconds", "wheres")

    def __init__(
        self,
        seconds: list[int] | None = None,
        wheres: list[Where] | None = None,
        messages: list[str] | None = None,
        queued: list[int] | None = None,
        lines: list[Line] | None = None,
    ) -> None:
        self.seconds = [] if seconds is None else seconds
        self.wheres = [] if wheres is None else wheres
        self.messages = [] if messages is None else messages
        self.queued = [] if queued is None else queued
        self.lines = [] if lines is None else lines

    def __len__(self) -> int:
        return len(self.seconds) + len(self.lines)

    @property
    def columns(self) -> tuple[list[Any], ...]:
        return self.seconds, self.wheres, self.messages, self.queued

    @property
    def first(self) -> int:
        """The first second, of a sorted stretch that is not empty."""
        return min(one for one in (*self.seconds[:1], *(line[0] for line in self.lines[:1])))

    @property
    def last(self) -> int:
        """The last second, of a sorted stretch that is not empty."""
        return max(one for one in (*self.seconds[-1:], *(line[0] for line in self.lines[-1:])))

    def nth(self, number: int) -> int:
        """The second of the record with this index, in order of time."""
        if not self.lines:
            return sorted(self.seconds)[number]
        return sorted([*self.seconds, *(line[0] for line in self.lines)])[number]

    def add(self, other: "Stretch") -> None:
        """Put another stretch behind this one."""
        self.seconds += other.seconds
        self.wheres += other.wheres
        self.messages += other.messages
        self.queued += other.queued
        self.lines += other.lines

    def sort(self) -> None:
        """Put everything in order of time. Of deliveries of one second none is before another."""
        if self.seconds != sorted(self.seconds):
            order = sorted(range(len(self.seconds)), key=self.seconds.__getitem__)
            self._set([list(map(column.__getitem__, order)) for column in self.columns])
        self.lines.sort()

    def cut(self, second: int) -> "Stretch":
        """Take out of a sorted stretch what lies before `second`."""
        stop = bisect_left(self.seconds, second)
        upto = bisect_left(self.lines, (second,))
        taken = Stretch(
            self.seconds[:stop], self.wheres[:stop], self.messages[:stop], self.queued[:stop], self.lines[:upto]
        )
        for column in self.columns:
            del column[:stop]
        del self.lines[:upto]
        return taken

    def part(self, start: int, stop: int, begin: int, end: int) -> "Stretch":
        """Deliveries from `start` up to `stop` and lines from `begin` up to `end`."""
        return Stretch(
            self.seconds[start:stop],
            self.wheres[start:stop],
            self.messages[start:stop],
            self.queued[start:stop],
            self.lines[begin:end],
        )

    def keep(self, wanted: Callable[[int], bool]) -> None:
        """Drop everything whose second is not wanted."""
        self._set([list(compress(column, map(wanted, self.seconds))) for column in self.columns])
        self.lines = [line for line in self.lines if wanted(line[0])]

    def single_out(self, indices: list[int]) -> None:
        """Make lines of these deliveries, and sort."""
        if not indices:
            return
        seconds, wheres, messages, queued = self.columns
        self.lines += [
            (seconds[at], DELIVERED, wheres[at], messages[at], queued[at], "", NOTHING_SAID, True) for at in indices
        ]
        self.lines.sort()
        self.drop(indices)

    def drop(self, indices: list[int]) -> None:
        """Drop these deliveries; indices rise."""
        if 8 * len(indices) < len(self.seconds):
            for column in self.columns:
                for at in reversed(indices):
                    del column[at]
            return
        stay = [True] * len(self.seconds)
        for at in indices:
            stay[at] = False
        self._set([list(compress(column, stay)) for column in self.columns])

    def _set(self, columns: list[list[Any]]) -> None:
        self.seconds, self.wheres, self.messages, self.queued = columns


BRAND: Final = itemgetter(0)
"""The provider of a `Where`."""

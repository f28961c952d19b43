"""Alarm levels: which integer lattice CUSUM watches a stream of a given volume.

Decides the level that belongs to a signal and a volume, and how S moves to another level. How S walks is
`signals`' business, what an alarm means is the agents'. Source: governance page, "Alarms" (normative table).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Final

import attrs

from ignite_domain.governance.words import Signal
from ignite_domain.inference import block_cusum_arl, lattice_cusum_arl, lattice_cusum_limit

FALSE_ALARMS: Final = 0.02
"""Budget of one agent in 30 days, for a stream that stays at the rate it tolerates."""
ROWS: Final = (36_000, 360_000, 3_600_000)
"""Messages in 30 days up to which a row of the table serves: 50, 500 and 5,000 an hour."""
BUSY: Final = 2_000 * 720
"""A stream above 2,000 messages an hour (in 30 days) varies more from hour to hour and is granted a higher p0."""
COMPLAINT_UNIT: Final = 100
"""Complaints are so rare that the walk goes by units of 100 ripe messages."""


@attrs.frozen
class Tuning:
    """A line of the table: tolerated rate, rate to detect, step on an event, H for each of `ROWS`."""

    p0: float
    p1: float
    up: int
    limits: tuple[int, int, int]
    unit: int = 1

    def arl(self, limit: int) -> float:
        """Mean number of messages to a false alarm at p0."""
        if self.unit == 1:
            return lattice_cusum_arl(self.up, limit, self.p0)
        return self.unit * block_cusum_arl(self.up, limit, self.p0, self.unit)

    def limit(self, volume: float) -> int:
        """The smallest H whose mean time to a false alarm is `volume` / `FALSE_ALARMS` messages or more."""
        for row, shipped in zip(ROWS, self.limits, strict=True):
            if volume <= row:
                return shipped
        if self.unit == 1:
            return lattice_cusum_limit(self.up, self.p0, volume / FALSE_ALARMS)
        high = self.limits[-1]
        while self.arl(high) < volume / FALSE_ALARMS:
            high += 1
        return high


DEFERRAL: Final = Tuning(0.10, 0.30, 4, (40, 48, 56))
BOUNCE: Final = Tuning(0.03, 0.08, 19, (206, 252, 299))
BUSY_BOUNCE: Final = Tuning(0.04, 0.10, 14, (157, 191, 225))
REVERSIBLE: Final = Tuning(0.02, 0.08, 22, (169, 205, 242))
COMPLAINT: Final = Tuning(0.0005, 0.003, 7, (28, 37, 46), COMPLAINT_UNIT)

Tunings = Mapping[Signal, tuple[Tuning, Tuning]]

TUNINGS: Final[Tunings] = {
    Signal.DEFERRAL: (DEFERRAL, DEFERRAL),
    Signal.BOUNCE: (BOUNCE, BUSY_BOUNCE),
    Signal.REFUSAL: (REVERSIBLE, REVERSIBLE),
    Signal.COMPLAINT: (COMPLAINT, COMPLAINT),
}
"""For each signal with an alarm: the tuning of an ordinary stream, and of one above `BUSY`."""

_IN_FORCE: Final[ContextVar[Tunings]] = ContextVar("alarm tunings", default=TUNINGS)


@contextmanager
def tuned(tunings: Tunings) -> Iterator[None]:
    """Levels by another table, inside a `with` and of this thread or task only: for finding out what a constant does.
    `tunings` must have all signals of `TUNINGS`. Streams that exist keep their level until their hour is over."""
    token = _IN_FORCE.set(tunings)
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


@attrs.frozen
class Cusum:
    """The level in force: S + `up` on an event, − 1 otherwise, never below 0; alarm at S ≥ `alarm`.

    `volume`: messages in 30 days that it serves. `arl0`: mean number of messages to a false alarm at p0,
    rounded to 10,000.
    """

    up: int
    alarm: int
    p0: float
    p1: float
    arl0: int
    volume: int

    @property
    def ceiling(self) -> int:
        """S stops here: an incident that lasted long must not take as long again to be forgotten."""
        return 2 * self.alarm

    def rescale(self, s: int, before: "Cusum") -> int:
        """S on this level, for an S that was walked to on another one: the same share of the way to an alarm."""
        return round(s * self.alarm / before.alarm)


def level_of(signal: Signal, volume: float) -> Cusum:
    """The level for a stream of `volume` messages in 30 days (trailing or planned, whichever is more).

    A row of the table serves all volumes up to its own; above the last one each doubling has a row.
    """
    row = next((one for one in ROWS if volume <= one), ROWS[-1])
    while row < volume:
        row *= 2
    busy = volume > BUSY
    return _level(_IN_FORCE.get()[signal][busy], row, busy)


@lru_cache
def _level(tuning: Tuning, row: int, busy: bool) -> Cusum:
    limit = tuning.limit(row)
    # what it serves is what it is found by again after a restart: a row that reaches beyond `BUSY` has two levels
    serves = row if busy else min(row, BUSY)
    return Cusum(tuning.up, limit, tuning.p0, tuning.p1, 10_000 * round(tuning.arl(limit) / 10_000), serves)

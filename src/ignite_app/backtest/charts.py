"""What the report draws: outcomes per provider over time, and how near each alarm came. Decides the width of a bar.

At most `POINTS` points a chart: when the log grows longer, neighbours are added up and a point covers twice the time.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import attrs

from ignite_domain.governance.judging import Governance, Judge
from ignite_domain.governance.logged import BRAND, COMPLAINED, CONNECTION, DEFERRED, DELIVERED, Stretch
from ignite_domain.governance.signals import Signal

POINTS: Final = 240
SHORTEST_S: Final = 60
ATTEMPTS, DEFERRALS, DEAD, REFUSED, COMPLAINTS, ACCEPTED = range(6)
DRAWN: Final[Mapping[Signal, tuple[int, int]]] = {
    Signal.BOUNCE: (DEAD, ATTEMPTS),
    Signal.DEFERRAL: (DEFERRALS, ATTEMPTS),
    Signal.REFUSAL: (REFUSED, ATTEMPTS),
    Signal.COMPLAINT: (COMPLAINTS, ACCEPTED),
}
"""For each signal that is drawn: events, and what they are a share of. Retries included: these are for people."""


@attrs.frozen
class Band:
    """The shares a signal tolerates and fears at a provider, as its alarm stood at the end."""

    p0: float
    p1: float
    alarm: int


class Charts:
    def __init__(self, judge: Judge) -> None:
        self.width = SHORTEST_S
        self.counts: dict[str, dict[int, list[int]]] = {}  # provider -> point -> counts
        self.levels: dict[tuple[str, Signal], dict[int, float]] = {}  # -> point -> highest S / H
        self._signals = judge.signals if isinstance(judge, Governance) else None
        self._minute = -1

    def add(self, second: int, log: Stretch) -> None:
        """Count whole seconds of one minute, before they are replayed."""
        if second // 60 != self._minute:
            self._sample()
            self._minute = second // 60
        minutes = [one // SHORTEST_S for one in log.seconds]
        for (label, minute), many in Counter(zip(map(BRAND, log.wheres), minutes, strict=True)).items():
            counts = self._counts(label, minute * SHORTEST_S)
            counts[ATTEMPTS] += many
            counts[ACCEPTED] += many
        for at, order, place, _, _, _, said, ours in log.lines:
            counts = self._counts(place[0], at)
            if order == COMPLAINED:
                counts[COMPLAINTS] += 1
                continue
            if order == CONNECTION or not ours:
                continue
            counts[ATTEMPTS] += 1
            if order == DELIVERED:
                counts[ACCEPTED] += 1
            elif order == DEFERRED:
                counts[DEFERRALS] += 1
            elif said.address_fault:
                counts[DEAD] += 1
            elif said.about_us:
                counts[REFUSED] += 1

    def _counts(self, isp: str, second: int) -> list[int]:
        points = self.counts.setdefault(isp, {})
        counts = points.get(second // self.width)
        if counts is None:
            if len(points) >= POINTS and max(points) - min(points) >= POINTS:
                self._widen()
                return self._counts(isp, second)
            counts = points[second // self.width] = [0] * 6
        return counts

    def _widen(self) -> None:
        self.width *= 2
        for isp, points in self.counts.items():
            wider: dict[int, list[int]] = {}
            for at, counts in points.items():
                old = wider.get(at // 2, [0] * 6)
                wider[at // 2] = [a + b for a, b in zip(old, counts, strict=True)]
            self.counts[isp] = wider
        for key, levels in self.levels.items():
            raised: dict[int, float] = {}
            for at, level in levels.items():
                raised[at // 2] = max(level, raised.get(at // 2, 0.0))
            self.levels[key] = raised

    def _sample(self) -> None:
        """How far each alarm stands from its level when a minute is over."""
        if self._signals is None or self._minute < 0:
            return
        for isp in self.counts:
            if not isp:
                continue
            for signal in DRAWN:
                level = self._signals.level(isp, "isp", isp, signal).alarm
                share = self._signals.statistic(isp, "isp", isp, signal) / level
                points = self.levels.setdefault((isp, signal), {})
                at = self._minute * 60 // self.width
                points[at] = max(share, points.get(at, 0.0))

    def band(self, isp: str, signal: Signal) -> Band | None:
        """None under a policy without alarms."""
        if self._signals is None:
            return None
        level = self._signals.level(isp, "isp", isp, signal)
        return Band(level.p0, level.p1, level.alarm)

    def start_of(self, point: int) -> datetime:
        return datetime.fromtimestamp(point * self.width, UTC)

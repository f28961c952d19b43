"""`Walk` and `ComplaintWalk`: how the S of an alarm moves, event by event. Decides nothing about levels (`alarms`) or
about what is an event (`streams`)."""

import attrs

from ignite_domain.governance.alarms import COMPLAINT_UNIT, Cusum


@attrs.define(slots=True)
class Walk:
    """A lattice CUSUM. Non-events are not walked one by one: `quiet` counts how many had passed at the last event.

    `peak`: the highest S at or above the alarm since the last look, else 0; a walk must not cross and fall unseen.
    `events`: how many have been counted so far, walked or not, for who asks how many of all records were none.
    """

    level: Cusum
    s: int = 0
    quiet: int = 0
    peak: int = 0
    events: int = 0

    def at(self, quiet: int) -> int:
        """S after `quiet` non-events in all."""
        return max(0, self.s - (quiet - self.quiet))

    def up(self, quiet: int) -> bool:
        """One event, when `quiet` non-events have passed in all; True if S stands at or above the alarm."""
        self.s = min(self.level.ceiling, self.at(quiet) + self.level.up)
        self.quiet = quiet
        if self.s >= self.level.alarm:
            self.peak = max(self.peak, self.s)
            return True
        return False

    def move(self, level: Cusum) -> None:
        if level != self.level:
            self.s = level.rescale(self.s, self.level)
            self.level = level

    def reset(self, quiet: int) -> None:
        self.s = self.peak = 0
        self.quiet = quiet


@attrs.define(slots=True)
class ComplaintWalk:
    """The CUSUM of complaints: by units of 100 ripe messages, S = max(0, S + 7c − 1).

    A complaint comes long after its mail. Delivered mail therefore becomes exposure as complaints about it become
    due, half of a cohort at the median delay. `taken` is the
    ripe exposure walked so far, `gone` what was delivered in cohorts that are no longer kept. A unit is charged its
    −1 at its first complaint, or at its end if there was none; `charged` says that the unit under way has been.
    """

    level: Cusum
    s: int = 0
    taken: float = 0.0
    gone: int = 0
    rest: float = 0.0
    charged: bool = False
    peak: int = 0

    def up(self, ripe: float) -> bool:
        """One complaint when `ripe` messages are ripe in all; True if S stands at or above the alarm."""
        self.ripen(ripe)
        self.s = min(self.level.ceiling, max(0, self.s + self.level.up - (not self.charged)))
        self.charged = True
        if self.s >= self.level.alarm:
            self.peak = max(self.peak, self.s)
            return True
        return False

    def ripen(self, ripe: float) -> None:
        """Walk the units that have become ripe."""
        self.rest += max(0.0, ripe - self.taken)
        self.taken = max(self.taken, ripe)
        units, self.rest = int(self.rest // COMPLAINT_UNIT), self.rest % COMPLAINT_UNIT
        if units:
            self.s = max(0, self.s - units + self.charged)
            self.charged = False

    def move(self, level: Cusum) -> None:
        if level != self.level:
            self.s = level.rescale(self.s, self.level)
            self.level = level

    def reset(self) -> None:
        self.s = self.peak = 0

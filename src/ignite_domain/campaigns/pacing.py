"""How much of a campaign may go now, and by which virtual MTA.

Decides amounts and routes from what it is given. It does not know who may be mailed, and it does not
restrict on its own: closed routes come from governance.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

BURST_SECONDS: Final = 60.0
"""How much unused pace may be saved up: one minute's worth, so no two minutes carry more than three."""


@attrs.frozen
class Pace:
    """A token bucket in business time. `tokens` are messages that may go at `at`."""

    tokens: float
    at: datetime

    @classmethod
    def starting(cls, at: datetime) -> "Pace":
        """Empty: a worker that restarts often must not gain a burst each time."""
        return cls(0.0, at)

    def refilled(self, now: datetime, per_minute: int) -> "Pace":
        """The bucket at `now`, filled at `per_minute`, holding at most `BURST_SECONDS` of it (1 at least)."""
        seconds = max(0.0, (now - self.at).total_seconds())
        room = max(1.0, per_minute * BURST_SECONDS / 60)
        return Pace(min(room, self.tokens + seconds * per_minute / 60), max(now, self.at))

    def taken(self, messages: int) -> "Pace":
        return Pace(self.tokens - messages, self.at)

    def allows(self, most: int) -> int:
        """Messages that may go now, `most` at most."""
        return max(0, min(most, int(self.tokens)))


ClosedRoute = tuple[str | None, str]
"""(isp, vmta) that must not be chosen; isp None means mail outside the eight brands, '*' every ISP."""

PROBED_A_BATCH: Final = 30
"""People of routes on probe in one batch: as many as a whole probe asks for (governance page, 20 to 50)."""
PROBED_EVERY: Final = timedelta(minutes=1)
"""A campaign has no other such batch before: the MTA lets out thirty in a quarter of an hour, and to find the best
looks at everybody who waits."""


@attrs.frozen
class Routes:
    """The virtual MTAs of the installation, and which of them are closed for whom.

    `warm` and `cold` are names in configured order. Round-robin is by hash of the person, so that the same
    person meets the same address while nothing is closed, and a retry builds the same message. `probed`: routes that
    a few messages try out now; they go to the best people first, `few` at most in a batch.
    """

    warm: tuple[str, ...]
    cold: tuple[str, ...] = ()
    closed: frozenset[ClosedRoute] = frozenset()
    probed: frozenset[ClosedRoute] = frozenset()
    few: int = PROBED_A_BATCH

    def is_open(self, isp: str | None, vmta: str) -> bool:
        return (isp, vmta) not in self.closed and ("*", vmta) not in self.closed

    def open_for(self, isp: str | None) -> tuple[str, ...]:
        """Warm VMTAs that may take mail for `isp` now."""
        return tuple(vmta for vmta in self.warm if self.is_open(isp, vmta))

    def first(self, subscriber_id: int) -> str | None:
        """The VMTA of a person when nothing is closed; None if the installation has no warm one."""
        return spread(subscriber_id, self.warm)

    def reroute(self, isp: str | None, vmta: str | None, subscriber_id: int) -> str | None:
        """The VMTA to use now instead of the one planned: itself while open, else an open warm one, else None."""
        if vmta is not None and vmta in (*self.warm, *self.cold) and self.is_open(isp, vmta):
            return vmta
        return spread(subscriber_id, self.open_for(isp))

    def stuck(self, isps: Collection[str | None]) -> frozenset[str | None]:
        """Those of `isps` that no warm VMTA may reach now: their people wait."""
        return frozenset(isp for isp in isps if not self.open_for(isp))


def spread(subscriber_id: int, vmtas: Sequence[str]) -> str | None:
    """Pick one of `vmtas` by a hash of the person."""
    if not vmtas:
        return None
    digest = hashlib.sha256(b"vmta\x1f%d" % subscriber_id).digest()
    return vmtas[int.from_bytes(digest[:8], "big") % len(vmtas)]

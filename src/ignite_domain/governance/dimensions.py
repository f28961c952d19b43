"""What the signals say by provider, limiter, address, VMTA, pool, domain, queue or job, in the windows people know.

Decides how counts add up. Alarms walk by provider, address and job; queues are counted too, and a queue is a domain
and a VMTA: what is wanted by one of these, or by pool or limiter, is the sum over its queues. Of mail beyond the eight
brands, whose queues have no bound, the first `signals.SCOPES_KEPT` are counted; what finds no room is told by provider,
address and job only.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import attrs

from ignite_domain.governance.signals import ELSEWHERE, WINDOWS_S, SignalProcessor
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import Signal
from ignite_domain.isps import Isp


class By(StrEnum):
    """What to add up by. `limiter`: a queue's domain whatever the brand, since that is what the MTA limits."""

    PROVIDER = "provider"
    LIMITER = "limiter"
    IP = "ip"
    VMTA = "vmta"
    POOL = "pool"
    DOMAIN = "domain"
    QUEUE = "queue"
    JOB = "job"


Part = tuple[str | None, str]
"""(provider, or None for a limiter; name)."""
COUNTED: Final = tuple(Signal)


@attrs.frozen
class Windowed:
    """One place. `seen`: by signal and window in seconds; a window without exposure and events is left out."""

    isp: str | None
    name: str
    seen: Mapping[Signal, Mapping[int, Seen]]

    @property
    def attempts(self) -> int:
        """Of the longest window."""
        return self.seen.get(Signal.ATTEMPT, {}).get(WINDOWS_S[-1], Seen()).n


def windows(
    signals: SignalProcessor, by: By, now: datetime, isp: str | None = None, pools: Mapping[str, str] | None = None
) -> list[Windowed]:
    """Every place that was counted in the last day, most attempts first; `isp` leaves out all other providers.

    `pools`: VMTA -> pool; a VMTA of none is no part of any.
    """
    scopes: defaultdict[Part, list[tuple[str, str, str]]] = defaultdict(list)
    for label in [isp] if isp else [*(one.value for one in Isp), ELSEWHERE]:
        for part, scope in _parts(signals, by, label, pools or {}):
            scopes[part].append(scope)
    found = [Windowed(*part, _sum(signals, places, now)) for part, places in scopes.items()]
    return sorted((one for one in found if one.seen), key=lambda one: (-one.attempts, one.isp or "", one.name))


def _parts(
    signals: SignalProcessor, by: By, label: str, pools: Mapping[str, str]
) -> Iterator[tuple[Part, tuple[str, str, str]]]:
    if by is By.PROVIDER:
        yield (label, label), (label, "isp", label)
        return
    if by in (By.IP, By.JOB):
        for name in signals.scopes(label, by.value):
            yield (label, name), (label, by.value, name)
        return
    for queue in signals.scopes(label, "queue"):
        domain, _, vmta = queue.partition("/")
        part: Part | None = {
            By.QUEUE: (label, queue),
            By.DOMAIN: (label, domain),
            By.LIMITER: (None, domain),
            By.VMTA: (label, vmta),
            By.POOL: (label, pools[vmta]) if vmta in pools else None,
        }[by]
        if part is not None:
            yield part, (label, "queue", queue)


def _sum(
    signals: SignalProcessor, places: list[tuple[str, str, str]], now: datetime
) -> Mapping[Signal, Mapping[int, Seen]]:
    found: dict[Signal, dict[int, Seen]] = {}
    for signal in COUNTED:
        for window in WINDOWS_S:
            parts = [signals.seen(*place, signal, window, now) for place in places]
            seen = Seen(sum(one.n for one in parts), sum(one.x for one in parts))
            if seen.n or seen.x:
                found.setdefault(signal, {})[window] = seen
    return found

"""A provider's rate over its queues: by their share of the attempts where that is known, else equally.

Decides shares and floors. What the rate is, is decided in `steering`; which queues there are, in `desired`.
"""

from collections.abc import Collection, Mapping
from typing import Final

from ignite_domain.governance.include_file import rung

KEPT: Final = 20
"""Shares are kept for so many queues, the busiest; the others get the floor."""
FLOOR: Final = 0.1
"""What a queue gets at least: this part of an equal share. All floors together exceed the rate by a tenth at most."""
LEAST_PER_HOUR: Final = 1.0
"""PMTA has no rate below one an hour."""


def shares_of(attempts: Mapping[str, int]) -> dict[str, float]:
    """Each of the busiest queues' share of all attempts, to three digits; empty if there were none."""
    busiest = sorted((queue for queue in attempts if attempts[queue] > 0), key=lambda queue: (-attempts[queue], queue))
    total = sum(attempts[queue] for queue in busiest[:KEPT])
    return {queue: round(attempts[queue] / total, 3) for queue in sorted(busiest[:KEPT])}


def split(rate_per_min: float, shares: Mapping[str, float], queues: Collection[str]) -> dict[str, float]:
    """Messages per hour for each queue ("domain/vmta"), out of messages a minute for the provider as a whole.

    Shares of queues that are not among `queues` go to the others.
    """
    whole = rate_per_min * 60
    total = sum(shares.get(queue, 0.0) for queue in queues)
    if total <= 0:
        return {queue: max(LEAST_PER_HOUR, whole / len(queues)) for queue in queues}
    floor = max(LEAST_PER_HOUR, FLOOR * whole / len(queues))
    return {queue: max(floor, whole * shares.get(queue, 0.0) / total) for queue in queues}


def parts_of(
    rate_per_min: float, shares: Mapping[str, float], base_rate: int, queues: Collection[str]
) -> dict[str, int]:
    """The rungs of the include file, per hour, that a provider's rate comes to. `base_rate`: an unrestricted queue's.

    What one queue loses by rounding down the next one gets, the smallest last: rounded down one by one, many small
    queues would let out half of the rate, and it would seem to bind no more.
    """
    parts = split(rate_per_min, shares, queues)
    found: dict[str, int] = {}
    rest = 0.0
    for queue in sorted(parts, key=lambda name: (-parts[name], name)):
        due = parts[queue] + rest
        found[queue] = rung(due, base_rate)
        rest = max(0.0, due - found[queue])
    return found

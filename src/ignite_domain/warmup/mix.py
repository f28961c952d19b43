"""Which people a warm-up day is filled with: quality tiers in order, under two risk budgets.

Decides how many of each tier; `WarmupScheduler` orders the people within one. Source: the design page on
warm-up, "People".
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from math import floor
from typing import Final

TIERS: Final = (1.00, 0.75, 0.50, 0.25, 0.00)

BOUNCE_BUDGET: Final = 0.025
COMPLAINT_BUDGET: Final = 0.0008

BOUNCE_BOUNDS: Final = (0.003, 0.006, 0.02, 0.05, 0.12)
COMPLAINT_BOUNDS: Final = (0.0002, 0.0004, 0.0010, 0.0018, 0.0030)
"""What is assumed of each tier before its own mail is known: 80 % upper bounds."""

EXPLORE: Final = 0.02
"""Share of the volume that goes to the next lower tier, so that its bound can shrink."""

WAIVED_UNTIL: Final = 500
"""A list with nobody delivered yet has its complaint budget waived until so many are delivered."""

TARGET: Final = 25_000
"""Messages a day at which an IP counts as warm for one ISP."""

_EPSILON: Final = 1e-9  # 0.025 · 50 / 0.02 must be 62, not 62.4999…


def tier_mix(
    available: Sequence[int],
    volume: int,
    *,
    delivered: int,
    target: int = TARGET,
    bounce: Sequence[float] = BOUNCE_BOUNDS,
    complaint: Sequence[float] = COMPLAINT_BOUNDS,
) -> tuple[int, ...]:
    """How many of each tier (in the order of `TIERS`) make up a day of `volume` planned messages.

    `available` are people who may be mailed now; `delivered` counts mail ever delivered to this ISP's
    people. What the budgets forbid stays unsent, so the sum may be below `volume`.
    """
    if volume <= 0:
        return (0,) * len(TIERS)
    fresh = delivered < WAIVED_UNTIL and not any(available[k] for k, tier in enumerate(TIERS) if tier >= 0.75)
    best = next((k for k, people in enumerate(available) if people), None)
    takes = [0] * len(TIERS)
    bounces, complaints = BOUNCE_BUDGET * volume, COMPLAINT_BUDGET * volume
    left = volume
    spare = 0 if fresh else floor(EXPLORE * volume + _EPSILON)

    def fits(k: int, wanted: int) -> int:
        most = min(available[k] - takes[k], wanted, floor(bounces / bounce[k] + _EPSILON))
        if not fresh:
            most = min(most, floor(complaints / complaint[k] + _EPSILON))
        return max(0, most)

    def take(k: int, count: int) -> None:
        nonlocal bounces, complaints, left
        takes[k] += count
        left -= count
        bounces -= count * bounce[k]
        complaints -= count * complaint[k]

    def opened(k: int) -> bool:
        if TIERS[k] == 0.00 and volume < target / 2:
            return False
        return not fresh or k == best

    ordered = [k for k in range(len(TIERS)) if opened(k) and available[k]]
    for position, k in enumerate(ordered):
        # The last messages of the day are kept for the next tier, if this one would take them all.
        keep = min(spare, available[ordered[position + 1]]) if position + 1 < len(ordered) else 0
        take(k, fits(k, left - (keep if available[k] >= left else 0)))
        if left <= spare and position + 1 < len(ordered):
            lower = ordered[position + 1]
            take(lower, fits(lower, left))
            for again in ordered[: position + 1]:  # whatever the lower tier's budget forbade
                take(again, fits(again, left))
            break
    return tuple(takes)


def order_key(day: date, vmta: str, subscriber_id: int) -> str:
    """The place of a person within a tier on one day: a hash, so that ids (age of the address) play no part.

    Hex SHA-256 of purpose, day, VMTA and person; the SQL of the warm-up store computes the same.
    """
    return hashlib.sha256(f"warmup\x1f{day.isoformat()}\x1f{vmta}\x1f{subscriber_id}".encode()).hexdigest()

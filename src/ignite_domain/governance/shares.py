"""A provider's rate over its queues: by their share of the attempts where that is known, else equally.

Attempts under a limit say what the limit let through, not what there is. Once parts are in force, a queue that leaves
room is taken at its word, and one that is refused at what is accepted of it; those that fill their parts share the
rest equally. A provider that thinks less of one of our addresses must not hold the others down to what that one gets.

Decides shares and floors. What the rate is, is decided in `steering`; which queues there are, in `desired`.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from ignite_domain.governance.include_file import rung

KEPT: Final = 20
"""Shares are kept for so many queues, the busiest; the others get the floor."""
FLOOR: Final = 0.1
"""What a queue gets at least: this part of an equal share. All floors together exceed the rate by a tenth at most."""
FULL: Final = 0.9
"""A queue that has used this share of its part fills it."""
ROOM: Final = 1.25
"""What a queue that leaves room gets of what it used."""
GROWTH: Final = 2.0
"""A full queue's part grows by no more than this at a time: what it can take is not known."""
CAUTIOUS: Final = 1.2
"""One that was refused lately grows by this: a rung, as the rate itself does. What a rung too much of one of three
queues has refused, a fifteenth of all, its part gives back before the provider's rate has to."""
REFUSED: Final = 0.05
"""A queue is refused if more than this share of its attempts is: what the rate's own alarm bears, rounded up …"""
REFUSALS: Final = 2
"""… and at least so many are: one of seven says nothing."""
LEAST_PER_HOUR: Final = 1.0
"""PMTA has no rate below one an hour."""


def shares_of(attempts: Mapping[str, int]) -> dict[str, float]:
    """Each of the busiest queues' share of all attempts, to three digits; empty if there were none."""
    busiest = sorted((queue for queue in attempts if attempts[queue] > 0), key=lambda queue: (-attempts[queue], queue))
    total = sum(attempts[queue] for queue in busiest[:KEPT])
    return {queue: round(attempts[queue] / total, 3) for queue in sorted(busiest[:KEPT])}


def is_full(used: float, part: float) -> bool:
    """Whether a queue fills its part, both per hour: it may hold mail back."""
    return used >= FULL * part


def is_refused(attempts: int, refused: int) -> bool:
    """Whether a provider takes less from a queue than it is offered."""
    return refused >= REFUSALS and refused > REFUSED * attempts


def fair_shares(
    parts: Mapping[str, float],
    used: Mapping[str, float],
    accepted: Mapping[str, float] = MappingProxyType({}),
    lately: Collection[str] = (),
) -> dict[str, float]:
    """Shares after `parts` were in force and so much of them was `used`, both per hour; empty if nothing was used.

    `accepted`: of the queues that are refused, what was taken of them; they get that, and no more. `lately`: queues
    that were refused not long ago; they grow by `CAUTIOUS`. An address that comes back from quarantine starts with
    next to nothing: by attempts alone it would stay there.
    """
    full = [queue for queue, part in parts.items() if queue not in accepted and is_full(used[queue], part)]
    left = {queue: min(parts[queue], took) for queue, took in accepted.items()}
    kept = {queue: min(part, ROOM * used[queue]) for queue, part in parts.items() if queue not in {*full, *left}}
    rest = max(0.0, sum(parts.values()) - sum(left.values()) - sum(kept.values()))
    growing = {queue: min(rest / len(full), (CAUTIOUS if queue in lately else GROWTH) * parts[queue]) for queue in full}
    wanted = _spread(kept | growing, sum(parts.values()) - sum(left.values())) | left
    total = sum(wanted.values())
    return {queue: round(wanted[queue] / total, 3) for queue in sorted(wanted) if wanted[queue] > 0} if total else {}


def _spread(wanted: Mapping[str, float], whole: float) -> dict[str, float]:
    """These, in proportion, so that they come to `whole`; as they are where there is nothing to go by."""
    total = sum(wanted.values())
    return {queue: part * whole / total for queue, part in wanted.items()} if total else dict(wanted)


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

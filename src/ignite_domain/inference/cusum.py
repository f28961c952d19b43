"""The integer lattice CUSUM: its walk, and its exact mean time to a false alarm."""

from collections.abc import Sequence


def lattice_cusum(event_positions: Sequence[int], length: int, up: int, limit: int) -> dict[str, int | None]:
    """Walk `length` messages: S = max(0, S + up) on an event, max(0, S - 1) otherwise; no reset after an alarm."""
    s = highest = 0
    first: int | None = None
    last = 0
    for position in event_positions:
        if position > length:
            break
        s = max(0, s - (position - last - 1)) + up
        last = position
        highest = max(highest, s)
        if first is None and s >= limit:
            first = position
    return {"final": max(0, s - (length - last)), "max": highest, "first_alarm": first}


def lattice_cusum_arl(up: int, limit: int, p: float) -> float:
    """Mean number of messages to an alarm (S >= limit) from S = 0, events independent with probability p.

    Exact: expected times m(s) satisfy m(s) = 1 + p m(s + up) + (1 - p) m(max(0, s - 1)). Eliminating from the
    top, m(s) = a(s) + b(s) m(s - 1); the way back up is a product of at most `up` such steps. O(limit * up).
    """
    a = [0.0] * limit
    b = [0.0] * limit
    for s in range(limit - 1, -1, -1):
        alpha, beta = 0.0, 0.0
        if s + up < limit:
            beta = 1.0
            for step in range(s + up, s, -1):
                alpha += beta * a[step]
                beta *= b[step]
        if s == 0:
            return (1 + p * alpha) / (1 - p * beta - (1 - p))
        scale = 1 - p * beta
        a[s] = (1 + p * alpha) / scale
        b[s] = (1 - p) / scale
    return 1.0

"""The integer lattice CUSUM: its walk, and its exact mean time to a false alarm."""

import math
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
    1 - b is carried beside b, so that nothing is ever subtracted: full precision however rare the alarm
    (Grassmann, Taksar, Heyman 1985). Infinite for p = 0, and beyond what a float holds.
    """
    if p <= 0:
        return math.inf
    a = [0.0] * limit
    b = [0.0] * limit
    alarmed = [0.0] * limit  # 1 - b: the alarm comes before S is ever below s
    for s in range(limit - 1, -1, -1):
        alpha, back, gone = 0.0, 0.0, 1.0
        if s + up < limit:
            back, gone = 1.0, 0.0
            for step in range(s + up, s, -1):
                alpha += back * a[step]
                gone += back * alarmed[step]
                back *= b[step]
        if s == 0:
            return (1 / p + alpha) / gone if gone > 0 else math.inf
        scale = 1 - p + p * gone
        a[s] = (1 + p * alpha) / scale
        b[s] = (1 - p) / scale
        alarmed[s] = p * gone / scale
    return 1.0


def lattice_cusum_limit(up: int, p0: float, arl0: float) -> int:
    """The smallest limit H whose mean time to a false alarm at `p0` is at least `arl0` messages.

    The levels of the governance page come from here: arl0 = messages in 30 days / 0.02. Raises ValueError unless
    up p0 < 1 - p0: a walk that rises by itself alarms in a time that grows no faster than H.
    """
    if not 0 < p0 < 1 or up * p0 >= 1 - p0:
        raise ValueError(f"no limit for steps of {up} at a rate of {p0}: the walk rises by itself")
    high = up
    while lattice_cusum_arl(up, high, p0) < arl0:
        high *= 2
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if lattice_cusum_arl(up, middle, p0) >= arl0 else (middle, high)
    return high


def block_cusum_arl(up: int, limit: int, p: float, block: int) -> float:
    """Mean number of blocks to an alarm (S >= limit) from S = 0, for S = max(0, S + up c - 1) a block.

    c, the events among the `block` messages of a block, is binomial with probability p. Exact: the expected times
    solve a linear system over the states 0 … limit - 1, by elimination without pivoting (its matrix is an M-matrix:
    all pivots stay positive). O(limit³): meant for the short walks of rare events. Infinite for p = 0.
    """
    if p <= 0:
        return math.inf
    shares = [math.comb(block, c) * p**c * (1 - p) ** (block - c) for c in range(min(block, limit // up + 2) + 1)]
    rows = [[0.0] * limit for _ in range(limit)]
    for s, row in enumerate(rows):
        row[s] += 1.0
        for c, share in enumerate(shares):
            after = max(0, s + up * c - 1)
            if after < limit:
                row[after] -= share
    times = [1.0] * limit
    for pivot in range(limit - 1, 0, -1):
        held = rows[pivot]
        for s in range(pivot):
            if factor := rows[s][pivot] / held[pivot]:
                times[s] -= factor * times[pivot]
                rows[s] = [x - factor * y for x, y in zip(rows[s], held, strict=True)]
    return times[0] / rows[0][0]

"""Confidence intervals of a share, for people and for a single planned look. Not for continuous looking."""

import math
from statistics import NormalDist
from typing import Final

from ignite_domain.inference.special import beta_cdf, solve

_NORMAL: Final = NormalDist()


def _check(x: int, n: int) -> None:
    if not 0 <= x <= n:
        raise ValueError(f"{x} events among {n}")


def wilson_interval(x: int, n: int, confidence: float = 0.95, sides: int = 2) -> list[float]:
    """Wilson's score interval for 0 <= x <= n events in n; `sides` 1 gives one-sided bounds on both ends.

    n = 0 says nothing: [0, 1]. Raises ValueError for x outside 0..n.
    """
    _check(x, n)
    if n == 0:
        return [0.0, 1.0]
    z = _NORMAL.inv_cdf(1 - (1 - confidence) / sides)
    share, square = x / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = z * ((share * (1 - share) + square / (4 * n)) / n) ** 0.5 / (1 + square / n)
    return [max(0.0, middle - half), min(1.0, middle + half)]


def wilson_lower(x: int, n: int, z: float) -> float:
    """The lower end alone, by quantile; 0 for n = 0."""
    if n == 0:
        return 0.0
    share, square = x / n, z * z
    spread = z * math.sqrt((share * (1 - share) + square / (4 * n)) / n)
    return max(0.0, (share + square / (2 * n) - spread) / (1 + square / n))


def clopper_pearson(x: int, n: int, confidence: float = 0.95, sides: int = 2) -> list[float]:
    """The exact interval for 0 <= x <= n events in n; `sides` 1 gives one-sided bounds on both ends.

    n = 0 says nothing: [0, 1]. Raises ValueError for x outside 0..n.
    """
    _check(x, n)
    tail = (1 - confidence) / sides
    low = 0.0 if x == 0 else solve(lambda p: beta_cdf(p, x, n - x + 1), tail)
    high = 1.0 if x == n else solve(lambda p: beta_cdf(p, x + 1, n - x), 1 - tail)
    return [low, high]


def is_surely_below(x: int, n: int, bound: float, confidence: float = 0.95) -> bool:
    """Whether the one-sided upper end of `clopper_pearson` lies below `bound`, without searching for it."""
    _check(x, n)
    return x < bound * n and beta_cdf(bound, x + 1, n - x) > confidence

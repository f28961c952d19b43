"""Confidence intervals of a share, for people and for a single planned look. Not for continuous looking."""

import math
from statistics import NormalDist
from typing import Final

from ignite_domain.inference.special import beta_cdf, solve

_NORMAL: Final = NormalDist()


def wilson_interval(x: int, n: int, confidence: float = 0.95, sides: int = 2) -> list[float]:
    """Wilson's score interval for x events in n >= 1; `sides` 1 gives one-sided bounds on both ends."""
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
    """The exact interval for x events in n >= 1; `sides` 1 gives one-sided bounds on both ends."""
    tail = (1 - confidence) / sides
    low = 0.0 if x == 0 else solve(lambda p: beta_cdf(p, x, n - x + 1), tail)
    high = 1.0 if x == n else solve(lambda p: beta_cdf(p, x + 1, n - x), 1 - tail)
    return [low, high]

"""Reference functions that the product itself does not use: for comparisons, checks and other services."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

from ignite_domain.inference.special import log_beta

_NORMAL: Final = NormalDist()


def beta_binomial_log_bf10(x_a: int, n_a: int, x_b: int, n_b: int, prior_a: float = 1, prior_b: float = 1) -> float:
    """ln of the Bayes factor of two independent rates against a common one."""
    each = sum(log_beta(prior_a + x, prior_b + n - x) for x, n in ((x_a, n_a), (x_b, n_b)))
    both = log_beta(prior_a + x_a + x_b, prior_b + n_a + n_b - x_a - x_b)
    return each - both - log_beta(prior_a, prior_b)


def two_proportion_z(x_a: int, n_a: int, x_b: int, n_b: int) -> dict[str, float]:
    """The pooled z test of B against A, two-sided; for one planned look. n >= 1; where nothing varies: z 0, p 1."""
    pooled = (x_a + x_b) / (n_a + n_b)
    if pooled in (0.0, 1.0):
        return {"z": 0.0, "p_value": 1.0}
    z = (x_b / n_b - x_a / n_a) / math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    return {"z": z, "p_value": 2 * _NORMAL.cdf(-abs(z))}


def shiryaev_roberts_mixture(
    event_positions: Sequence[int], length: int, p0: float, grid: Sequence[float]
) -> dict[str, float]:
    """Shiryaev-Roberts R = (1 + R) LR, averaged over alternatives; ln of its last and largest value."""
    logs = [-math.inf] * len(grid)
    events = set(event_positions)
    highest = last = -math.inf
    for position in range(1, length + 1):
        for index, p in enumerate(grid):
            ratio = math.log(p / p0) if position in events else math.log((1 - p) / (1 - p0))
            old = logs[index]
            logs[index] = (max(0.0, old) + math.log1p(math.exp(-abs(old))) if old > -math.inf else 0.0) + ratio
        top = max(logs)
        last = top + math.log(sum(math.exp(one - top) for one in logs) / len(logs))
        highest = max(highest, last)
    return {"final_log_stat": last, "max_log_stat": highest}


def random_effects_shrinkage(effects: Sequence[float], variances: Sequence[float]) -> dict[str, float | list[float]]:
    """DerSimonian-Laird: variance between studies, mean with standard error, and each effect drawn to the mean.

    At least one effect, variances > 0. One effect alone shows no variance between studies: tau2 is 0.
    """
    weights = [1 / v for v in variances]
    fixed = sum(w * y for w, y in zip(weights, effects, strict=True)) / sum(weights)
    q = sum(w * (y - fixed) ** 2 for w, y in zip(weights, effects, strict=True))
    c = sum(weights) - sum(w * w for w in weights) / sum(weights)
    tau2 = max(0.0, (q - (len(effects) - 1)) / c) if len(effects) > 1 else 0.0
    both = [1 / (v + tau2) for v in variances]
    mean = sum(w * y for w, y in zip(both, effects, strict=True)) / sum(both)
    shrunk = [mean + tau2 / (tau2 + v) * (y - mean) for y, v in zip(effects, variances, strict=True)]
    return {"tau2": tau2, "mean": mean, "se": 1 / math.sqrt(sum(both)), "shrunk": shrunk}


def bh_adjust(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg adjusted p values, in the order given."""
    count = len(p_values)
    order = sorted(range(count), key=lambda index: p_values[index], reverse=True)
    adjusted = [0.0] * count
    lowest = 1.0
    for place, index in enumerate(order):
        lowest = min(lowest, p_values[index] * count / (count - place))
        adjusted[index] = lowest
    return adjusted


def holm_adjust(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given."""
    count = len(p_values)
    order = sorted(range(count), key=lambda index: p_values[index])
    adjusted = [0.0] * count
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (count - place)))
        adjusted[index] = highest
    return adjusted


def maturity_n_eff(waves: Sequence[Sequence[float]], median_h: float, sigma: float, now_h: float) -> dict[str, float]:
    """How many of the messages of `waves` (count, sent at hour) have had their click by now (log-normal delay)."""
    total = 0.0
    for count, sent in waves:
        age = now_h - sent
        if age > 0:
            total += count * _NORMAL.cdf(math.log(age / median_h) / sigma)
    return {"n_eff": total}

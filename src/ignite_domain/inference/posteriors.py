"""Beta and Gamma posteriors: which arm is better, by how much one would lose, how likely a rate is too high."""

import math
from collections.abc import Sequence

from ignite_domain.inference.special import beta_cdf, beta_pdf, beta_sf, gamma_sf, integrate

_REACH = 14.0
"""Standard deviations around a mean beyond which a Beta density counts as nothing."""


def _span(*posteriors: Sequence[float]) -> tuple[float, float]:
    low, high = 1.0, 0.0
    for a, b in posteriors:
        mean = a / (a + b)
        spread = _REACH * math.sqrt(mean * (1 - mean) / (a + b + 1))
        low, high = min(low, mean - spread), max(high, mean + spread)
    return max(0.0, low), min(1.0, high)


def prob_b_beats_a(alpha_a: float, beta_a: float, alpha_b: float, beta_b: float) -> float:
    """P(B > A) for independent Beta posteriors."""
    low, high = _span((alpha_b, beta_b))
    return integrate(lambda x: beta_pdf(x, alpha_b, beta_b) * beta_cdf(x, alpha_a, beta_a), low, high)


def expected_loss_choose_b(alpha_a: float, beta_a: float, alpha_b: float, beta_b: float) -> float:
    """E[max(A - B, 0)]: what choosing B costs where A is better."""
    low, high = _span((alpha_a, beta_a), (alpha_b, beta_b))
    return integrate(lambda x: beta_cdf(x, alpha_b, beta_b) * beta_sf(x, alpha_a, beta_a), low, high)


def prob_best(posteriors: Sequence[Sequence[float]]) -> list[float]:
    """For each (alpha, beta): the probability that its rate is the highest."""

    def wins(index: int) -> float:
        a, b = posteriors[index]
        others = [pair for place, pair in enumerate(posteriors) if place != index]
        low, high = _span((a, b))
        return integrate(
            lambda x: beta_pdf(x, a, b) * math.prod(beta_cdf(x, other, more) for other, more in others), low, high
        )

    return [wins(index) for index in range(len(posteriors))]


def posterior_tail(prior_a: float, prior_b: float, x: int, n: int, threshold: float) -> float:
    """P(rate > threshold) after x events in n, from a Beta prior."""
    return beta_sf(threshold, prior_a + x, prior_b + n - x)


def gamma_poisson_tail(x: int, exposure: float, prior_shape: float, prior_rate: float, threshold: float) -> float:
    """P(rate > threshold) after x events in `exposure`, from a Gamma(shape, rate) prior."""
    return gamma_sf(threshold * (prior_rate + exposure), prior_shape + x)

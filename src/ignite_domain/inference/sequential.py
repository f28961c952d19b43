"""Evidence that may be looked at all the time: e-values and confidence sequences."""

import math
from collections.abc import Sequence

from ignite_domain.inference.special import log_beta


def sequential_two_sample(
    clicks_a: int, n_a: int, clicks_b: int, n_b: int, alpha: float = 0.05, tuning: float = 5000
) -> dict[str, float]:
    """Asymptotic confidence sequence of the difference of two rates (Waudby-Smith et al.).

    `tuning` is the sample size at which it is narrowest. `p_value` and `half_width` hold at any time; n >= 1.
    Where neither arm varies (all clicked or none) nothing can be said yet: p 1, an infinite half-width.
    """
    rate_a, rate_b = clicks_a / n_a, clicks_b / n_b
    n = n_a + n_b
    se = math.sqrt(rate_a * (1 - rate_a) / n_a + rate_b * (1 - rate_b) / n_b)
    peak = -2 * math.log(alpha)
    rho = math.sqrt((peak + math.log(peak + 1)) / tuning)
    spread = n * rho * rho
    diff = rate_b - rate_a
    if se == 0:
        log_e = -0.5 * math.log1p(spread)
        return {"diff": diff, "se": 0.0, "rho": rho, "log_e": log_e, "p_value": 1.0, "half_width": math.inf}
    log_e = 0.5 * (diff / se) ** 2 * spread / (1 + spread) - 0.5 * math.log1p(spread)
    half = se * math.sqrt(n) * math.sqrt(2 * (spread + 1) / (n * spread) * math.log(math.sqrt(spread + 1) / alpha))
    return {
        "diff": diff,
        "se": se,
        "rho": rho,
        "log_e": log_e,
        "p_value": math.exp(-max(0.0, log_e)),
        "half_width": half,
    }


def beta_binomial_log_e(x: int, n: int, p0: float, prior_a: float, prior_b: float) -> float:
    """ln of Robbins' mixture e-value against a rate of p0, after x events in n."""
    mixture = log_beta(prior_a + x, prior_b + n - x) - log_beta(prior_a, prior_b)
    return mixture - x * math.log(p0) - (n - x) * math.log1p(-p0)


def beta_binomial_stop_index(
    event_positions: Sequence[int], length: int, p0: float, prior_a: float, prior_b: float, alpha: float, rule: str = ""
) -> int | None:
    """The first position i with an event where x/i > p0 and the log e-value reaches ln(1/alpha); None if never."""
    for x, position in enumerate(event_positions, start=1):
        if position > length:
            return None
        above = x / position > p0
        if above and beta_binomial_log_e(x, position, p0, prior_a, prior_b) >= -math.log(alpha):
            return position
    return None


def srm_sequential_log_e(observed: Sequence[int], weights: Sequence[float], concentration: float) -> float:
    """ln of the Dirichlet-multinomial e-value against an assignment in proportion to `weights`."""
    total = sum(observed)
    result = math.lgamma(concentration) - math.lgamma(concentration + total)
    whole = sum(weights)
    for count, weight in zip(observed, weights, strict=True):
        share = weight / whole
        result += math.lgamma(concentration * share + count) - math.lgamma(concentration * share)
        result -= count * math.log(share)
    return result

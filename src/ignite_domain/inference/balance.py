"""Did the assignment come out as it should: the sample ratio check."""

from collections.abc import Sequence

from ignite_domain.inference.special import gamma_sf


def srm_chi_square(observed: Sequence[int], weights: Sequence[float]) -> dict[str, float]:
    """Pearson's test of counts against shares (weights > 0); `p_value` is for one planned look. No counts: p 1."""
    total, whole = sum(observed), sum(weights)
    if total == 0:
        return {"chi2": 0.0, "p_value": 1.0}
    chi2 = sum(
        (count - total * weight / whole) ** 2 / (total * weight / whole)
        for count, weight in zip(observed, weights, strict=True)
    )
    return {"chi2": chi2, "p_value": gamma_sf(chi2 / 2, (len(observed) - 1) / 2)}

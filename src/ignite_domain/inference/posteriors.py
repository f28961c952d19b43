"""Beta and Gamma posteriors: which arm is better, by how much one would lose, how likely a rate is too high."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from ignite_domain.inference.special import beta_sf, gamma_sf, incomplete_beta, integrate, log_beta

_REACH: Final = 9.0
_DECAY: Final = 38.0
"""Where a density counts as nothing: that many standard deviations out, and e^-38 down its exponential tail."""


def _edges(posteriors: Sequence[Sequence[float]], about: Sequence[Sequence[float]]) -> list[float]:
    """Panels on the scale of t = ln(x / (1 - x)) that cover `about`, none wider than its standard deviations.

    On that scale Beta(a, b) is smooth whatever its shapes: no pole at 0 or 1 where a or b < 1, an exponential
    tail e^(a t) on the left and e^(-b t) on the right.
    """

    def span(a: float, b: float) -> tuple[float, float, float]:
        middle, spread = math.log(a / b), math.sqrt(1 / a + 1 / b)
        return middle - max(_REACH * spread, _DECAY / a), middle + max(_REACH * spread, _DECAY / b), spread

    low = min(span(a, b)[0] for a, b in about)
    high = max(span(a, b)[1] for a, b in about)
    marks: list[float] = []
    for a, b in posteriors:
        start, end, spread = span(a, b)
        count = math.ceil((end - start) / spread)
        width = (end - start) / count
        marks.extend(edge for index in range(count + 1) if low < (edge := start + index * width) < high)
    close = min(span(a, b)[2] for a, b in posteriors) / 2
    # x (1 - x) itself changes within a unit, also where no posterior is; beyond +-40 it is a pure exponential
    marks.extend(float(unit) for unit in range(-40, 41) if low < unit < high)
    edges = [low]
    for edge in sorted(marks):  # posteriors that lie together share their panels
        if edge - edges[-1] >= close:
            edges.append(edge)
    return [*edges, high]


def _shares(t: float) -> tuple[float, float]:
    """x and 1 - x, each to full relative precision."""
    small = math.exp(-abs(t))
    near, far = small / (1 + small), 1 / (1 + small)
    return (far, near) if t > 0 else (near, far)


def _density(a: float, b: float) -> Callable[[float], float]:
    """The density of t for x ~ Beta(a, b)."""
    norm = log_beta(a, b)

    def at(t: float) -> float:
        log_far = -math.log1p(math.exp(-abs(t)))
        log_x, log_y = (log_far, log_far - t) if t > 0 else (log_far + t, log_far)
        return math.exp(a * log_x + b * log_y - norm)

    return at


def prob_b_beats_a(alpha_a: float, beta_a: float, alpha_b: float, beta_b: float) -> float:
    """P(B > A) for independent Beta posteriors; every shape > 0."""
    return prob_best([(alpha_a, beta_a), (alpha_b, beta_b)], only=1)[0]


def expected_loss_choose_b(alpha_a: float, beta_a: float, alpha_b: float, beta_b: float) -> float:
    """E[max(A - B, 0)]: what choosing B costs where A is better. Every shape > 0."""
    both = ((alpha_a, beta_a), (alpha_b, beta_b))

    def lost(t: float) -> float:
        x, y = _shares(t)
        return incomplete_beta(x, y, alpha_b, beta_b) * incomplete_beta(y, x, beta_a, alpha_a) * x * y

    return integrate(lost, _edges(both, both))


def prob_best(posteriors: Sequence[Sequence[float]], *, only: int | None = None) -> list[float]:
    """For each (alpha, beta), shapes > 0: the probability that its rate is the highest. `only`: of that one alone."""

    def wins(index: int) -> float:
        density = _density(*posteriors[index])
        others = [pair for place, pair in enumerate(posteriors) if place != index]

        def won(t: float) -> float:
            x, y = _shares(t)
            return density(t) * math.prod(incomplete_beta(x, y, a, b) for a, b in others)

        return min(1.0, integrate(won, _edges(posteriors, [posteriors[index]])))

    return [wins(index) for index in (range(len(posteriors)) if only is None else (only,))]


def posterior_tail(prior_a: float, prior_b: float, x: int, n: int, threshold: float) -> float:
    """P(rate > threshold) after x events in n, from a Beta prior."""
    return beta_sf(threshold, prior_a + x, prior_b + n - x)


def gamma_poisson_tail(x: int, exposure: float, prior_shape: float, prior_rate: float, threshold: float) -> float:
    """P(rate > threshold) after x events in `exposure`, from a Gamma(shape, rate) prior."""
    return gamma_sf(threshold * (prior_rate + exposure), prior_shape + x)

"""Incomplete beta and gamma functions and their inverses, from the standard library alone.

Continued fractions by Lentz's method (Numerical Recipes 6.2, 6.4); about 1e-12 relative for the arguments
that occur here (parameters up to some 1e6).
"""

import math
from collections.abc import Callable
from typing import Final

_TINY: Final = 1e-300
_EPS: Final = 1e-15


def log_beta(a: float, b: float) -> float:
    """ln B(a, b) for a, b > 0."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    h = d
    for m in range(1, 20_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + numerator / c
            c = c if abs(c) > _TINY else _TINY
            h *= d * c
        if abs(d * c - 1.0) < _EPS:
            break
    return h


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(X <= x) for X ~ Beta(a, b)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1.0 - front * _beta_fraction(b, a, 1 - x) / b


def beta_sf(x: float, a: float, b: float) -> float:
    """P(X > x) for X ~ Beta(a, b)."""
    return beta_cdf(1 - x, b, a)


def beta_pdf(x: float, a: float, b: float) -> float:
    """The density of Beta(a, b); 0 outside (0, 1)."""
    if not 0 < x < 1:
        return 0.0
    return math.exp((a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - log_beta(a, b))


def gamma_sf(x: float, shape: float) -> float:
    """P(X > x) for X ~ Gamma(shape, 1)."""
    if x <= 0:
        return 1.0
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1.0 / shape
        n = shape
        while abs(term) > abs(total) * _EPS:
            n += 1
            term *= x / n
            total += term
        return 1.0 - front * total
    b = x + 1 - shape
    c, d = 1 / _TINY, 1 / b
    h = d
    for i in range(1, 20_000):
        an = -i * (i - shape)
        b += 2
        d = an * d + b
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = b + an / c
        c = c if abs(c) > _TINY else _TINY
        h *= d * c
        if abs(d * c - 1.0) < _EPS:
            break
    return front * h


def solve(rising: Callable[[float], float], target: float, low: float = 0.0, high: float = 1.0) -> float:
    """The x in [low, high] where a rising function meets `target`, by bisection to machine precision."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if rising(middle) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


_NODES: Final = (
    # abscissae and weights of 10-point Gauss-Legendre on [-1, 1] (Abramowitz & Stegun 25.4)
    (0.1488743389816312, 0.2955242247147529),
    (0.4333953941292472, 0.2692667193099963),
    (0.6794095682990244, 0.2190863625159820),
    (0.8650633666889845, 0.1494513491505806),
    (0.9739065285171717, 0.0666713443086881),
)


def integrate(f: Callable[[float], float], low: float, high: float, panels: int = 200) -> float:
    """The integral of a smooth function, by composite Gauss-Legendre."""
    width = (high - low) / panels
    total = 0.0
    for index in range(panels):
        middle = low + (index + 0.5) * width
        for node, weight in _NODES:
            step = node * width / 2
            total += weight * (f(middle - step) + f(middle + step))
    return total * width / 2

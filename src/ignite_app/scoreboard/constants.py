"""The constants of deciding, as one thing, and what is tried in their place: each × 0.5 and × 1.5.

Decides which constants are varied and what else has to follow: where a tolerated or a harmful rate changes, the alarm's
step and level are derived anew for the same budget of false alarms. Nothing is patched: all are handed to the product's
own code. What comes of it is measured in `ablations`; the rate controller's own are varied in `rate_control`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import attrs

from ignite_domain.governance.alarms import FALSE_ALARMS, ROWS, TUNINGS, Tuning, Tunings
from ignite_domain.governance.orchestrator import DWELL
from ignite_domain.governance.rules import BLAME, BY_AGENT, PROBE_TEST, Blame, ProbeTest, Rule, Test
from ignite_domain.governance.signals import WINDOWS_S
from ignite_domain.governance.words import AgentKind, Signal

FACTORS: Final = (0.5, 1.5)


@attrs.frozen
class Constants:
    """What the product decides by; as shipped unless something else is said."""

    rules: Mapping[AgentKind, Sequence[Rule]] = BY_AGENT
    blame: Blame = BLAME
    probe: ProbeTest = PROBE_TEST
    dwell: timedelta = DWELL
    tunings: Tunings = TUNINGS


@attrs.frozen
class Variant:
    """`name` × `factor`. `test`, `signal`: whose rules or alarm it is about; None: of none in particular."""

    name: str
    factor: float
    constants: Constants
    test: Test | None = None
    signal: Signal | None = None

    @property
    def label(self) -> str:
        return f"{self.name} × {self.factor:g}" if self.factor != 1 else self.name

    @property
    def changed(self) -> Mapping[AgentKind, Sequence[Rule]]:
        """The rules that can find something that the shipped ones do not: those that differ, or walk another alarm."""
        return {kind: [rule for rule in rules if self._differs(rule)] for kind, rules in self.constants.rules.items()}

    def _differs(self, rule: Rule) -> bool:
        if self.signal is not None:
            return (rule.test, rule.signal) == (Test.CUSUM, self.signal)
        return rule not in BY_AGENT[rule.agent]


SHIPPED: Final = Variant("as shipped", 1.0, Constants())

OF_TESTS: Final[Mapping[str, Sequence[Test]]] = {
    "limit": (Test.SHARE, Test.REPLY, Test.TOGETHER),
    "at_least": (Test.CUSUM, Test.SHARE, Test.REPLY, Test.SILENCE, Test.TOGETHER),
    "window_s": (Test.SHARE, Test.REPLY, Test.SILENCE, Test.TOGETHER),
    "z": (Test.SHARE, Test.REPLY, Test.TOGETHER),
}
"""For each column of the rule table the tests that look at it; no window is longer than signals are kept. `REPORTED`
and the rules about cold addresses are not met in any world: nothing here speaks for them."""


def rule_variants() -> Iterator[Variant]:
    """Each column of the rule table, for all rules of a test."""
    for field, tests in OF_TESTS.items():
        for test in tests:
            for factor in FACTORS:
                rules = _rules(test, field, factor)
                yield Variant(f"{field} of {test} rules", factor, Constants(rules=rules), test=test)


def _rules(test: Test, field: str, factor: float) -> dict[AgentKind, tuple[Rule, ...]]:
    def change(rule: Rule) -> Rule:
        if rule.test is not test or not getattr(rule, field):
            return rule
        other = scaled(getattr(rule, field), factor)
        return attrs.evolve(rule, **{field: min(other, WINDOWS_S[-1]) if field == "window_s" else other})

    return {kind: tuple(change(rule) for rule in rules) for kind, rules in BY_AGENT.items()}


def scaled(value: Any, factor: float) -> Any:
    """Whole numbers stay whole, at least 1."""
    return max(1, math.floor(value * factor + 0.5)) if isinstance(value, int) else value * factor


def blame_variants() -> Iterator[Variant]:
    yield from _fields(BLAME, lambda blame: Constants(blame=blame))


def recovery_variants() -> Iterator[Variant]:
    """The probe's test, and the dwell."""
    yield from _fields(PROBE_TEST, lambda probe: Constants(probe=probe))
    for factor in FACTORS:
        yield Variant("dwell", factor, Constants(dwell=DWELL * factor))


def _fields(shipped: Any, of: Callable[[Any], Constants]) -> Iterator[Variant]:
    for field in attrs.fields(type(shipped)):
        for factor in FACTORS:
            other = attrs.evolve(shipped, **{field.name: scaled(getattr(shipped, field.name), factor)})
            yield Variant(field.name, factor, of(other))


@lru_cache
def alarm_variants() -> tuple[Variant, ...]:
    """Each alarm's level H alone; and p0 and p1, with step and level derived from them."""
    changes: Mapping[str, Callable[[Tuning, float], Tuning]] = {
        "H": _level,
        "p0": lambda tuning, factor: derived(tuning.p0 * factor, tuning.p1, tuning.unit),
        "p1": lambda tuning, factor: derived(tuning.p0, tuning.p1 * factor, tuning.unit),
    }
    found = []
    for signal, pair in TUNINGS.items():
        for name, change in changes.items():
            for factor in FACTORS:
                one, busy = (change(tuning, factor) for tuning in pair)
                tunings = {**TUNINGS, signal: (one, busy)}
                found.append(
                    Variant(f"{name} of the {signal} alarm", factor, Constants(tunings=tunings), signal=signal)
                )
    return tuple(found)


def _level(tuning: Tuning, factor: float) -> Tuning:
    low, middle, high = tuning.limits
    return attrs.evolve(tuning, limits=(scaled(low, factor), scaled(middle, factor), scaled(high, factor)))


def derived(p0: float, p1: float, unit: int) -> Tuning:
    """Step and levels for these rates, as the shipped ones were derived (governance page, "Alarms")."""
    up = max(1, round(math.log(p1 / p0) / math.log((1 - p0) / (1 - p1)) / unit))
    tuning = Tuning(p0, p1, up, (1, 1, 1), unit)
    small, middle, large = (row / FALSE_ALARMS for row in ROWS)
    first = _smallest(tuning, small, 1)
    second = _smallest(tuning, middle, first)
    return attrs.evolve(tuning, limits=(first, second, _smallest(tuning, large, second)))


def _smallest(tuning: Tuning, enough: float, low: int) -> int:
    """The smallest level whose mean time to a false alarm is `enough`: it grows with the level."""
    high = max(2 * low, 8)
    while tuning.arl(high) < enough:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if tuning.arl(middle) >= enough else (middle + 1, high)
    return low

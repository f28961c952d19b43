"""A/B tests: who gets which variant, when a test is decided, what is learned."""

from ignite_domain.experiments.selection import VariantSelector, shares
from ignite_domain.experiments.verdict import (
    AbStatus,
    AbVerdict,
    ArmResult,
    DecideTests,
    ExperimentStore,
    Learning,
    RunningTest,
    Why,
    decide,
)

__all__ = [
    "AbStatus",
    "AbVerdict",
    "ArmResult",
    "DecideTests",
    "ExperimentStore",
    "Learning",
    "RunningTest",
    "VariantSelector",
    "Why",
    "decide",
    "shares",
]

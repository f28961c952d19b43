"""When a test is decided, and what is learned from it.

Decides from unique human clicks among delivered people, arm by arm. Allocation is fixed by weights; the
wave-wise allocation of the design page builds on the same numbers. Opens decide nothing: proxies fetch
pixels. Source: the design page on experiments, §1 (fixed-fraction fall-back), §1.6 (sample ratio).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import attrs

from ignite_domain.inference import prob_best, srm_chi_square

RIPE: Final = timedelta(hours=4)
"""Clicks come late (median 1.5 h): no verdict sooner after the last message went out."""
EXPIRES: Final = timedelta(hours=48)
"""After so long the test ends without a winner."""
MIN_DELIVERED: Final = 100
MIN_CLICKS: Final = 25
"""Per arm, on average: below, the difference is noise whatever its size."""
SURE: Final = 0.95
SRM_ALARM: Final = 0.001


class AbStatus(StrEnum):
    RUNNING = "running"
    DECIDED = "decided"
    UNDECIDED = "undecided"


class Why(StrEnum):
    """The reason of a verdict."""

    NOT_RIPE = "not_ripe"
    TOO_SMALL = "too_small"
    NOT_SURE = "not_sure"
    SAMPLE_RATIO = "sample_ratio"
    ONE_ARM = "one_arm"
    BETTER = "better"


@attrs.frozen
class ArmResult:
    """`delivered`: people; `clicks`: those of them with a human click."""

    variant_id: int
    name: str
    weight: int
    delivered: int
    clicks: int

    @property
    def rate(self) -> float:
        return self.clicks / self.delivered if self.delivered else 0.0


@attrs.frozen
class Learning:
    """A row of `content_learnings`: two arms compared. `lift`: relative difference of smoothed click rates."""

    winner: str
    loser: str
    n: int
    clicks: int
    lift: float
    probability: float


@attrs.frozen
class AbVerdict:
    """`winner_id` only when decided. `learning` also for a tie: a test without a winner teaches too."""

    status: AbStatus
    why: Why
    winner_id: int | None = None
    learning: Learning | None = None


def posterior(arm: ArmResult) -> tuple[float, float]:
    """Beta parameters of an arm's click rate, uniform prior."""
    return 1.0 + arm.clicks, 1.0 + arm.delivered - arm.clicks


def probability_best(arms: Sequence[ArmResult]) -> dict[int, float]:
    """P(arm has the highest click rate), by variant id."""
    chances = prob_best(posteriors=[posterior(arm) for arm in arms])
    return {arm.variant_id: chance for arm, chance in zip(arms, chances, strict=True)}


def compare(arms: Sequence[ArmResult], best: ArmResult, probability: float) -> Learning:
    """The best arm against the best of the others."""
    other = max((arm for arm in arms if arm is not best), key=lambda arm: (arm.rate, -arm.variant_id))
    ours, theirs = ((arm.clicks + 0.5) / (arm.delivered + 1.0) for arm in (best, other))
    return Learning(
        best.name,
        other.name,
        best.delivered + other.delivered,
        best.clicks + other.clicks,
        ours / theirs - 1,
        probability,
    )


def decide(arms: Sequence[ArmResult], *, since_last_sent: timedelta) -> AbVerdict:
    """Judge a test. `arms` in the order of their creation; `since_last_sent` is age of the last message.

    A sample ratio far from the weights (p < 0.001) means that something other than chance assigned people:
    no winner and nothing learned. Between two equally likely arms the earlier one leads.
    """
    if len(arms) < 2:
        return AbVerdict(AbStatus.UNDECIDED, Why.ONE_ARM)
    if since_last_sent < RIPE:
        return AbVerdict(AbStatus.RUNNING, Why.NOT_RIPE)
    expired = since_last_sent >= EXPIRES
    if min(arm.delivered for arm in arms) < MIN_DELIVERED or sum(a.clicks for a in arms) < MIN_CLICKS * len(arms):
        return AbVerdict(AbStatus.UNDECIDED if expired else AbStatus.RUNNING, Why.TOO_SMALL)
    ratio = srm_chi_square(observed=[a.delivered for a in arms], weights=[a.weight for a in arms])
    if ratio["p_value"] < SRM_ALARM:
        return AbVerdict(AbStatus.UNDECIDED, Why.SAMPLE_RATIO)
    chances = probability_best(arms)
    best = max(arms, key=lambda arm: chances[arm.variant_id])
    chance = chances[best.variant_id]
    if chance >= SURE:
        return AbVerdict(AbStatus.DECIDED, Why.BETTER, best.variant_id, compare(arms, best, chance))
    if not expired:
        return AbVerdict(AbStatus.RUNNING, Why.NOT_SURE)
    return AbVerdict(AbStatus.UNDECIDED, Why.NOT_SURE, None, compare(arms, best, chance))


@attrs.frozen
class RunningTest:
    """A test that waits for its verdict. `last_sent`: when its campaign's last message went out."""

    test_id: int
    campaign_id: int
    element: str
    last_sent: datetime
    arms: tuple[ArmResult, ...]


class ExperimentStore(Protocol):
    """Tests and what was learned from them."""

    async def running(self) -> list[RunningTest]:
        """Tests whose campaign has finished (cancelled ones too), with unique human clicks per arm."""

    async def save(self, test: RunningTest, verdict: AbVerdict, now: datetime) -> bool:
        """Write status, winner and learning in one transaction; False if somebody had decided it already."""


@attrs.frozen
class DecideTests:
    """Load, decide, save. Returns how many tests ended."""

    store: ExperimentStore

    async def __call__(self, now: datetime) -> int:
        ended = 0
        for test in await self.store.running():
            verdict = decide(test.arms, since_last_sent=now - test.last_sent)
            if verdict.status is not AbStatus.RUNNING:
                ended += await self.store.save(test, verdict, now)
        return ended

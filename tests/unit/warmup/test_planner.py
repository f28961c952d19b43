"""The planner of warm-up days: what an alert about the log does to it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime

import attrs
import pytest

from ignite_app.clock import Clock
from ignite_app.workers.warmup import WarmupPlanner
from ignite_domain.governance.health import DEAD_MAN, FREEZES
from ignite_domain.governance.words import Action
from ignite_domain.warmup import Candidates, ColdPair, Plan, WarmupDay, WarmupScheduler

PAIR = ColdPair("mta4", "192.0.2.14", "gmail")
NOW = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
YESTERDAY = WarmupDay(date(2026, 11, 9), budget=100, on_hand=100, selected=100, accepted=100)


@attrs.define
class Days:
    """The store of one pair with one good day behind it."""

    saved: list[Plan] = attrs.field(factory=list)

    async def history(self, since: date) -> Mapping[tuple[str, str], Sequence[WarmupDay]]:
        return {(PAIR.vmta, PAIR.isp): [YESTERDAY]}

    async def standing(self, now: datetime) -> Mapping[tuple[str | None, str], frozenset[Action]]:
        return {}

    async def save(self, pair: ColdPair, day: date, planned: Plan) -> bool:
        self.saved.append(planned)
        return True

    async def select(
        self, campaign_id: int, pair: ColdPair, day: date, scheduler: WarmupScheduler, now: datetime
    ) -> int:
        raise AssertionError(f"nobody is selected while a day is planned: {Candidates}")


@attrs.frozen
class Alerts:
    open: frozenset[str]

    async def standing(self, kinds: Collection[str]) -> set[tuple[str, str]]:
        return {(kind, "main") for kind in self.open if kind in kinds}


@pytest.mark.parametrize(
    ("alerts", "budget"),
    [
        (frozenset(), 150),  # 100 x 1.5, the slow start of the design page
        (frozenset({DEAD_MAN}), 100),
        (FREEZES, 100),
        (frozenset({"clock_skew"}), 150),  # of another kind
    ],
)
async def test_no_volume_grows_while_the_log_is_not_to_be_trusted(alerts: frozenset[str], budget: int) -> None:
    days = Days()
    await WarmupPlanner(WarmupScheduler(days), Alerts(alerts), Clock.starting(NOW, 1.0), [PAIR]).step()
    assert [planned.budget for planned in days.saved] == [budget]

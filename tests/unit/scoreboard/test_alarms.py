"""The product's alarm in the fixed world: both its forms agree, and a part of the full resolution holds the targets."""

from pathlib import Path

import pytest

from ignite_app.scoreboard import alarms, worlds
from ignite_app.scoreboard.alarms import BounceAlarm
from ignite_domain.errors import BadInput

WORLDS = Path(__file__).parents[2] / "fixtures" / "generators"


@pytest.mark.parametrize(("per_hour", "rate"), [(45, 0.02), (450, 0.05), (4_500, 0.08)])
def test_skipping_from_event_to_event_finds_what_a_walk_message_by_message_finds(per_hour: int, rate: float) -> None:
    world = worlds.load(WORLDS, "alarms")
    drawn = world.sample(1, per_hour=per_hour, hours=24, shift_to=rate, shift_at=3.5)

    class OneByOne:
        """Hides `positions`, so that the world feeds it every message."""

        def __init__(self) -> None:
            self.inner = BounceAlarm(per_hour)

        def update(self, time_h: float, is_event: bool) -> bool:
            return self.inner.update(time_h, is_event)

        def reset(self) -> None:
            self.inner.reset()

    assert world.alarms(BounceAlarm(per_hour), drawn) == world.alarms(OneByOne(), drawn)


Cells = dict[tuple[int, str, str], dict[str, float]]


@pytest.fixture(scope="module")
def measured() -> Cells:
    cells = alarms.cells(WORLDS, scale=0.04)
    return {(cell["per_hour"], cell["policy"], cell["weather"]): cell for cell in cells}


@pytest.mark.parametrize(("per_hour", "mean_to_8", "mean_to_25"), [(45, 350, 90), (450, 450, 100), (4_500, 1_100, 120)])
def test_shifts_are_found_within_the_published_delays_and_never_missed(
    measured: Cells, per_hour: int, mean_to_8: int, mean_to_25: int
) -> None:
    """With 16 shifts a cell the mean is known to about ± 20 %: the target must lie above its lower end."""
    for weather, target in (("to 8 %", mean_to_8), ("to 25 %", mean_to_25)):
        cell = measured[(per_hour, alarms.OURS, weather)]
        assert cell["missed"] == 0
        assert cell["delay_mean"] - cell["delay_pm"] <= target


def test_steady_mail_is_hardly_ever_halted(measured: Cells) -> None:
    assert measured[(45, alarms.OURS, "steady 2 %")]["false_per_month"] == 0  # in 32 agent-months
    assert measured[(450, alarms.OURS, "steady 2 %")]["false_per_month"] == 0
    assert measured[(4_500, alarms.OURS, "steady 2 %")]["false_per_month"] == 0


def test_the_rules_in_use_elsewhere_halt_steady_mail_all_the_time(measured: Cells) -> None:
    assert measured[(45, "raw > 5 %, min 0", "steady 2 %")]["false_per_month"] > 100
    assert measured[(450, "≥ 5 events in 1 h", "steady 2 %")]["false_per_month"] > 1000


def test_a_folder_without_worlds_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no alarms\.py there"):
        worlds.load(tmp_path, "alarms")

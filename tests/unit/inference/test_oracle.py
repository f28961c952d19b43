"""Every function agrees with the oracle (scipy, statsmodels, mpmath) within its stated tolerance."""

import json
from pathlib import Path
from typing import Any

import pytest

from ignite_domain import inference
from ignite_domain.governance.alarms import ROWS, TUNINGS, level_of
from ignite_domain.governance.words import Signal

CASES = json.loads((Path(__file__).parents[2] / "fixtures" / "ab_oracle_public.json").read_text(encoding="utf-8"))[
    "cases"
]


def close(got: Any, want: Any, tolerance: dict[str, float]) -> bool:
    if isinstance(want, dict):
        return set(got) == set(want) and all(close(got[key], want[key], tolerance) for key in want)
    if isinstance(want, list):
        return len(got) == len(want) and all(close(a, b, tolerance) for a, b in zip(got, want, strict=True))
    if want is None or isinstance(want, int):
        return bool(got == want)
    return bool(abs(got - want) <= tolerance.get("abs", 0.0) + tolerance.get("rel", 0.0) * abs(want))


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_agrees_with_the_oracle(case: dict[str, Any]) -> None:
    got = getattr(inference, case["function"])(**case["inputs"])
    assert close(got, case["expected"], case["tolerance"]), (got, case["expected"])


def test_the_oracle_speaks_of_22_functions() -> None:
    assert len({case["function"] for case in CASES}) == 22


ALARMS = (
    # signal of the governance page, p0, up, H at 36k / 360k / 3.6M messages in 30 days
    (0.03, 19, (206, 252, 299)),
    (0.04, 14, (157, 191, 225)),
    (0.02, 22, (169, 205, 242)),
    (0.10, 4, (40, 48, 56)),
)


@pytest.mark.parametrize(("p0", "up", "levels"), ALARMS)
def test_alarm_levels_are_the_smallest_with_one_false_alarm_in_fifty_months(
    p0: float, up: int, levels: tuple[int, int, int]
) -> None:
    for messages, level in zip((36e3, 360e3, 3.6e6), levels, strict=True):
        assert inference.lattice_cusum_arl(up, level, p0) >= messages / 0.02
        assert inference.lattice_cusum_arl(up, level - 1, p0) < messages / 0.02


LEVELS = {
    # the governance page's normative table: signal, busy stream or not -> up, p0, H for each row
    (Signal.BOUNCE, False): (19, 0.03, (206, 252, 299)),
    (Signal.BOUNCE, True): (14, 0.04, (157, 191, 225)),
    (Signal.REFUSAL, False): (22, 0.02, (169, 205, 242)),
    (Signal.COMPLAINT, False): (7, 0.0005, (28, 37, 46)),
    (Signal.DEFERRAL, False): (4, 0.10, (40, 48, 56)),
}


@pytest.mark.parametrize(("signal", "busy"), LEVELS)
def test_the_shipped_levels_are_those_of_the_table(signal: Signal, busy: bool) -> None:
    tuning = TUNINGS[signal][busy]
    assert (tuning.up, tuning.p0, tuning.limits) == LEVELS[(signal, busy)]
    for row, limit in zip(ROWS, tuning.limits, strict=True):
        assert tuning.arl(limit) >= row / 0.02 > tuning.arl(limit - 1)


def test_a_streams_volume_picks_its_row_and_more_than_the_last_row_is_computed() -> None:
    picked = [level_of(Signal.BOUNCE, volume) for volume in (0, 36_000, 36_001, 1_440_000, 1_440_001, 3_600_000)]
    assert [level.alarm for level in picked] == [206, 206, 252, 299, 225, 225]
    beyond = level_of(Signal.DEFERRAL, 7_200_000)
    assert beyond.volume == 7_200_000
    assert inference.lattice_cusum_arl(4, beyond.alarm, 0.1) >= 7.2e6 / 0.02
    assert inference.lattice_cusum_arl(4, beyond.alarm - 1, 0.1) < 7.2e6 / 0.02

"""The measurements run, say what they compare with, and refuse to compare different answers. No time is asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def test_json_is_one_array_whose_entries_name_what_they_are_compared_with() -> None:
    done = bench("--json", "CUSUM")
    assert done.returncode == 0, done.stderr
    walk, run = json.loads(done.stdout)
    assert (walk["name"], run["name"]) == ("CUSUM, walk", "CUSUM, mean run")
    for one in (walk, run):
        assert one["per_second"] > 0
        assert one["times_twin"] > 0
        assert one["twin_is"]


def test_a_word_that_names_nothing_is_a_usage_error() -> None:
    done = bench("--json", "nothing-like-this")
    assert done.returncode == 2
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("Case('x', '', 1, lambda: 1, lambda: 2)", "Disagreement"),
        ("Case('x', '', 1, lambda: 1)", "ValueError"),
    ],
)
def test_different_answers_and_nothing_to_compare_with_are_refused(case: str, error: str) -> None:
    code = f"from bench.measure import Case, measure; measure({case})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert error in done.stderr.splitlines()[-1]

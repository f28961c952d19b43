"""When a test ends. P(best) of the two-arm rows is the design page's published Beta(11,91) against Beta(16,86)."""

from datetime import timedelta

import pytest

from ignite_domain.experiments import AbStatus, ArmResult, Why, decide
from ignite_domain.experiments.verdict import probability_best

RUNNING, DECIDED, UNDECIDED = AbStatus.RUNNING, AbStatus.DECIDED, AbStatus.UNDECIDED
HOUR = timedelta(hours=1)


def arms(*pairs: tuple[int, int], weights: tuple[int, ...] = (1, 1, 1, 1)) -> list[ArmResult]:
    """(delivered, clicks) of A, B, …"""
    return [ArmResult(i + 1, "ABCD"[i], weights[i], *pair) for i, pair in enumerate(pairs)]


CLEAR = arms((5000, 100), (5000, 200))  # 2 % against 4 %: z > 5
CLOSE = arms((5000, 150), (5000, 152))

TABLE = [
    # name, arms, hours since the last message, status, why, winner
    ("one arm", arms((5000, 100)), 5, UNDECIDED, Why.ONE_ARM, None),
    ("clicks are still coming", CLEAR, 3.9, RUNNING, Why.NOT_RIPE, None),
    ("clear", CLEAR, 4, DECIDED, Why.BETTER, 2),
    ("clear the other way", arms((5000, 200), (5000, 100)), 4, DECIDED, Why.BETTER, 1),
    ("close, there is time", CLOSE, 47, RUNNING, Why.NOT_SURE, None),
    ("close, at the end", CLOSE, 48, UNDECIDED, Why.NOT_SURE, None),
    ("24 clicks an arm are noise", arms((5000, 8), (5000, 40)), 4, RUNNING, Why.TOO_SMALL, None),
    ("still noise at the end", arms((5000, 8), (5000, 40)), 48, UNDECIDED, Why.TOO_SMALL, None),
    ("99 people are too few", arms((99, 30), (5000, 200)), 48, UNDECIDED, Why.TOO_SMALL, None),
    # chi-square of 5000 against 5500 at 1:1 is 23.8, p = 1e-6
    (
        "something other than chance assigned people",
        arms((5000, 100), (5500, 250)),
        4,
        UNDECIDED,
        Why.SAMPLE_RATIO,
        None,
    ),
    ("an uneven split that was planned", arms((2500, 50), (7500, 300), weights=(1, 3)), 4, DECIDED, Why.BETTER, 2),
    ("the best of three", arms((5000, 100), (5000, 105), (5000, 200)), 4, DECIDED, Why.BETTER, 3),
]


@pytest.mark.parametrize(("name", "found", "hours", "status", "why", "winner"), TABLE, ids=[row[0] for row in TABLE])
def test_verdicts(
    name: str, found: list[ArmResult], hours: float, status: AbStatus, why: Why, winner: int | None
) -> None:
    verdict = decide(found, since_last_sent=hours * HOUR)
    assert (verdict.status, verdict.why, verdict.winner_id) == (status, why, winner)


def test_a_winner_and_a_tie_both_teach_and_a_fault_does_not() -> None:
    learned = decide(CLEAR, since_last_sent=4 * HOUR).learning
    assert learned is not None
    assert (learned.winner, learned.loser, learned.n, learned.clicks) == ("B", "A", 10_000, 300)
    assert learned.lift == pytest.approx(200.5 / 100.5 - 1)
    assert learned.probability > 0.99999
    tie = decide(CLOSE, since_last_sent=48 * HOUR).learning
    assert tie is not None
    assert 0.5 < tie.probability < 0.6
    assert decide(arms((5000, 100), (5500, 250)), since_last_sent=4 * HOUR).learning is None


def test_the_probability_is_the_beta_posteriors() -> None:
    # uniform prior and 10 of 100 against 15 of 100: Beta(11, 91) and Beta(16, 86)
    chances = probability_best(arms((100, 10), (100, 15)))
    assert chances[2] == pytest.approx(0.85328379, abs=1e-5)
    assert sum(chances.values()) == pytest.approx(1, abs=1e-6)

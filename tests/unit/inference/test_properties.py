"""What must hold for any data: bounds, symmetry, order, agreement of two ways to the same number."""

import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ignite_domain import inference

PUBLISHED = (
    # Newcombe, Statistics in Medicine 17 (1998), 857: x, n, Wilson's score interval, Clopper-Pearson
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
)


@pytest.mark.parametrize(("x", "n", "wilson", "exact"), PUBLISHED)
def test_intervals_are_those_that_newcombe_printed(
    x: int, n: int, wilson: tuple[float, float], exact: tuple[float, float]
) -> None:
    assert inference.wilson_interval(x, n) == pytest.approx(wilson, abs=5e-5)
    assert inference.clopper_pearson(x, n) == pytest.approx(exact, abs=5e-5)


counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
shape = st.floats(0.1, 5000)
posterior = st.tuples(shape, shape)


@given(counts, st.sampled_from([0.8, 0.95, 0.999]), st.sampled_from([1, 2]))
def test_an_interval_lies_in_0_to_1_holds_the_share_and_grows_with_confidence(
    count: tuple[int, int], confidence: float, sides: int
) -> None:
    x, n = count
    for interval in (inference.wilson_interval, inference.clopper_pearson):
        low, high = interval(x, n, confidence, sides)
        wider = interval(x, n, 0.9999, sides)
        assert 0 <= wider[0] <= low + 1e-12
        assert low - 1e-12 <= x / n <= high + 1e-12
        assert high - 1e-12 <= wider[1] <= 1


@given(counts, st.floats(0.001, 0.999))
def test_a_share_is_surely_below_a_bound_where_the_exact_interval_ends_below_it(
    count: tuple[int, int], bound: float
) -> None:
    x, n = count
    upper = inference.clopper_pearson(x, n, sides=1)[1]
    assume(abs(upper - bound) > 1e-9)
    assert inference.is_surely_below(x, n, bound) is (upper < bound)


@given(counts)
def test_the_exact_interval_mirrors_when_events_and_non_events_change_places(count: tuple[int, int]) -> None:
    x, n = count
    low, high = inference.clopper_pearson(x, n)
    assert inference.clopper_pearson(n - x, n) == pytest.approx([1 - high, 1 - low], abs=1e-9)


def test_no_trials_say_nothing_and_impossible_counts_are_refused() -> None:
    for interval in (inference.wilson_interval, inference.clopper_pearson):
        assert interval(0, 0) == [0.0, 1.0]
        for x, n in ((3, 2), (-1, 5)):
            with pytest.raises(ValueError, match="events among"):
                interval(x, n)


@settings(max_examples=40, deadline=None)
@given(posterior, posterior)
@example((9.0, 1950.0), (1831.0, 20.0))  # far apart: nothing but x (1 - x) between them
def test_either_arm_is_better_and_losses_differ_by_the_means(a: tuple[float, float], b: tuple[float, float]) -> None:
    better = inference.prob_b_beats_a(*a, *b)
    assert 0 <= better <= 1
    assert better + inference.prob_b_beats_a(*b, *a) == pytest.approx(1, abs=1e-8)
    # E[max(A - B, 0)] - E[max(B - A, 0)] = E[A] - E[B]
    lost = inference.expected_loss_choose_b(*a, *b) - inference.expected_loss_choose_b(*b, *a)
    assert lost == pytest.approx(a[0] / sum(a) - b[0] / sum(b), abs=1e-8)


@pytest.mark.parametrize("arm", [(0.1, 10.0), (0.5, 0.5), (1.0, 1.0), (7.0, 0.2), (40.0, 60_000.0)])
def test_twins_are_equally_good_whatever_their_shape(arm: tuple[float, float]) -> None:
    assert inference.prob_b_beats_a(*arm, *arm) == pytest.approx(0.5, abs=1e-8)
    assert inference.prob_best([arm, arm, arm]) == pytest.approx([1 / 3] * 3, abs=1e-8)


@pytest.mark.parametrize("a", [0.2, 0.5, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("b", [0.2, 0.5, 1.0, 3.0, 30.0])
def test_against_a_uniform_arm_the_answers_are_moments(a: float, b: float) -> None:
    """A uniform: P(B > A) = E[B] and E[max(A - B, 0)] = E[(1 - B)^2] / 2."""
    total = a + b
    assert inference.prob_b_beats_a(1, 1, a, b) == pytest.approx(a / total, abs=1e-9)
    expected = b * (b + 1) / (total * (total + 1)) / 2
    assert inference.expected_loss_choose_b(1, 1, a, b) == pytest.approx(expected, abs=1e-9)


def test_a_narrow_arm_is_not_lost_in_the_range_of_a_wide_one() -> None:
    """B = 0.4 exactly, all but: P(B > A) = P(A < 0.4) and the loss are polynomials for A = Beta(2, 1)."""
    assert inference.prob_b_beats_a(2, 1, 4e7, 6e7) == pytest.approx(0.4**2, abs=1e-6)
    assert inference.expected_loss_choose_b(2, 1, 4e7, 6e7) == pytest.approx(2 / 3 - 0.4 + 0.4**3 / 3, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(posterior, min_size=2, max_size=4))
def test_exactly_one_arm_is_best(arms: list[tuple[float, float]]) -> None:
    shares = inference.prob_best(arms)
    assert all(0 <= share <= 1 for share in shares)
    assert sum(shares) == pytest.approx(1, abs=1e-7)


@given(counts, st.floats(0.001, 0.5), st.floats(1.01, 1.9))
def test_a_higher_threshold_is_exceeded_less_often(count: tuple[int, int], threshold: float, factor: float) -> None:
    x, n = count
    assert inference.posterior_tail(1, 1, x, n, threshold * factor) <= inference.posterior_tail(1, 1, x, n, threshold)
    rates = [inference.gamma_poisson_tail(x, n, 0.5, 100, t) for t in (threshold, threshold * factor)]
    assert 0 <= rates[1] <= rates[0] + 1e-12 <= 1 + 1e-9


@given(st.lists(st.integers(1, 300), unique=True).map(sorted), st.integers(1, 25), st.integers(1, 120))
def test_the_fast_walk_is_the_walk_message_by_message(positions: list[int], up: int, limit: int) -> None:
    s = highest = 0
    first = None
    for message in range(1, 251):
        s = max(0, s + (up if message in positions else -1))
        highest = max(highest, s)
        if first is None and s >= limit:
            first = message
    found = inference.lattice_cusum(positions, 250, up, limit)
    assert found == {"final": s, "max": highest, "first_alarm": first}


def solved(up: int, limit: int, p: Fraction) -> float:
    """m(s) = 1 + p m(s + up) + (1 - p) m(max(0, s - 1)) by elimination over the whole matrix, in exact fractions."""
    rows = [[Fraction(0)] * limit + [Fraction(1)] for _ in range(limit)]
    for s, row in enumerate(rows):
        row[s] += 1
        row[max(0, s - 1)] -= 1 - p
        if s + up < limit:
            row[s + up] -= p
    for pivot in range(limit - 1, 0, -1):
        for s in range(pivot):
            factor = rows[s][pivot] / rows[pivot][pivot]
            rows[s] = [x - factor * y for x, y in zip(rows[s], rows[pivot], strict=True)]
    return float(rows[0][limit] / rows[0][0])


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 9), st.integers(1, 24), st.integers(1, 99))
def test_the_banded_solve_is_the_exact_solve(up: int, limit: int, percent: int) -> None:
    p = Fraction(percent, 100)
    assert inference.lattice_cusum_arl(up, limit, float(p)) == pytest.approx(solved(up, limit, p), rel=1e-11)


def test_alarms_rarer_than_a_float_can_subtract_are_still_counted() -> None:
    """Up or down by one, p = 1/10: m(0) = 90 (9^H - 1) / 64 - 10 H / 8, the gambler's ruin with a wall at 0."""
    for limit in (1, 2, 20, 40):
        exact = 90 * (9**limit - 1) / 64 - 10 * limit / 8
        assert inference.lattice_cusum_arl(1, limit, 0.1) == pytest.approx(exact, rel=1e-11)
    assert inference.lattice_cusum_arl(1, 40, 0.1) > 1e38


@given(st.integers(1, 30), st.integers(1, 150), st.floats(0.01, 0.5))
def test_false_alarms_are_rarer_at_a_higher_limit_and_at_a_lower_rate(up: int, limit: int, p: float) -> None:
    arl = inference.lattice_cusum_arl(up, limit, p)
    assert arl * (1 + 1e-9) >= 1 / p  # one event is the least it takes
    assert inference.lattice_cusum_arl(up, limit + 1, p) >= arl * (1 - 1e-9)
    assert inference.lattice_cusum_arl(up, limit, p / 2) >= arl * (1 - 1e-9)


LEVELS = (
    # governance page, "Alarms": p0, up, H at 36k / 360k / 3.6M messages in 30 days
    (0.03, 19, (206, 252, 299)),
    (0.04, 14, (157, 191, 225)),
    (0.02, 22, (169, 205, 242)),
    (0.10, 4, (40, 48, 56)),
)


@pytest.mark.parametrize(("p0", "up", "levels"), LEVELS)
def test_the_search_for_a_limit_finds_the_table(p0: float, up: int, levels: Sequence[int]) -> None:
    assert tuple(inference.lattice_cusum_limit(up, p0, n / 0.02) for n in (36e3, 360e3, 3.6e6)) == levels
    assert inference.lattice_cusum_limit(up, p0, 36e6 / 0.02) > levels[-1]


def test_the_complaint_row_is_the_smallest_level_for_units_of_100_messages() -> None:
    """S = max(0, S + 7c - 1) for c complaints in 100 ripe messages, c binomial at 0.05 %."""

    def mean_messages(limit: int) -> float:
        rows = [[0.0] * limit + [1.0] for _ in range(limit)]
        for s, row in enumerate(rows):
            row[s] += 1
            for c in range(12):
                after = max(0, s + 7 * c - 1)
                if after < limit:
                    row[after] -= math.comb(100, c) * 0.0005**c * 0.9995 ** (100 - c)
        for pivot in range(limit - 1, 0, -1):
            for s in range(pivot):
                factor = rows[s][pivot] / rows[pivot][pivot]
                rows[s] = [x - factor * y for x, y in zip(rows[s], rows[pivot], strict=True)]
        return 100 * rows[0][limit] / rows[0][0]

    for limit, messages in ((28, 36e3), (37, 360e3), (46, 3.6e6)):
        assert mean_messages(limit) >= messages / 0.02 > mean_messages(limit - 1)


def test_a_walk_that_rises_by_itself_has_no_limit() -> None:
    with pytest.raises(ValueError, match="rises by itself"):
        inference.lattice_cusum_limit(22, 0.08, 1e6)
    assert inference.lattice_cusum_arl(22, 171, 0.0) == math.inf


@pytest.mark.parametrize(("clicks_a", "clicks_b"), [(0, 0), (10, 10), (0, 10)])
def test_nothing_is_claimed_while_no_arm_varies(clicks_a: int, clicks_b: int) -> None:
    found = inference.sequential_two_sample(clicks_a, 10, clicks_b, 10)
    assert found["p_value"] == 1.0
    assert found["half_width"] == math.inf


def test_a_z_test_without_any_event_a_single_study_and_an_empty_split_find_nothing() -> None:
    assert inference.two_proportion_z(0, 10, 0, 10) == {"z": 0.0, "p_value": 1.0}
    assert inference.srm_chi_square([0, 0], [1, 1]) == {"chi2": 0.0, "p_value": 1.0}
    alone = inference.random_effects_shrinkage([0.1], [0.01])
    assert alone["tau2"] == 0.0
    assert alone["mean"] == pytest.approx(0.1)
    assert alone["shrunk"] == pytest.approx([0.1])


@given(st.integers(1, 12), st.floats(0.05, 0.95))
def test_the_rate_e_value_averages_to_one_under_its_null(n: int, p0: float) -> None:
    total = sum(
        math.comb(n, x) * p0**x * (1 - p0) ** (n - x) * math.exp(inference.beta_binomial_log_e(x, n, p0, 1, 3))
        for x in range(n + 1)
    )
    assert total == pytest.approx(1, abs=1e-9)


@given(st.integers(0, 12), st.floats(0.1, 0.9))
def test_the_split_e_value_averages_to_one_under_its_null(n: int, share: float) -> None:
    total = sum(
        math.comb(n, x)
        * share**x
        * (1 - share) ** (n - x)
        * math.exp(inference.srm_sequential_log_e([x, n - x], [share, 1 - share], 50))
        for x in range(n + 1)
    )
    assert total == pytest.approx(1, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_only_rise_keep_their_order_and_holm_is_the_stricter(p_values: list[float]) -> None:
    bh, holm = inference.bh_adjust(p_values), inference.holm_adjust(p_values)
    for p, mild, strict in zip(p_values, bh, holm, strict=True):
        assert p - 1e-12 <= mild <= strict + 1e-12 <= 1 + 1e-12
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for adjusted in (bh, holm):
        in_order = [adjusted[index] for index in order]
        assert in_order == sorted(in_order)


@given(st.text(max_size=20), st.text(max_size=20), st.integers(1, 1_000_000))
def test_a_bucket_is_in_range_and_stays(salt: str, subject: str, buckets: int) -> None:
    found = inference.assignment_bucket("arm", salt, subject, buckets)
    assert 0 <= found["bucket"] < buckets
    assert found == inference.assignment_bucket("arm", salt, subject, buckets)


def test_arms_fill_evenly_and_do_not_depend_on_waves() -> None:
    """100,000 sequential ids: each purpose against a uniform split, and the two together against independence."""
    table = [0] * 16
    for number in range(100_000):
        arm = inference.assignment_bucket("arm", "camp-1", str(number), 4)["bucket"]
        wave = inference.assignment_bucket("wave", "camp-1", str(number), 4)["bucket"]
        table[4 * arm + wave] += 1
    assert 1e-4 < inference.srm_chi_square(table, [1] * 16)["p_value"] < 1 - 1e-4


@given(st.floats(0, 200), st.floats(0, 200))
def test_exposure_ripens_with_time_and_never_exceeds_what_was_sent(earlier: float, more: float) -> None:
    waves = [(1000.0, 0.0), (500.0, 3.0)]
    now, later = (inference.maturity_n_eff(waves, 1.5, 1.6, t)["n_eff"] for t in (earlier, earlier + more))
    assert 0 <= now <= later <= 1500

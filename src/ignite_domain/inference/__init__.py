"""Statistics in pure Python, held to an oracle: intervals, posteriors, sequential tests, CUSUM, assignment.

Decides nothing about mail. What the product itself does not call lives in `reference`.
"""

from ignite_domain.inference.assignment import assignment_bucket
from ignite_domain.inference.balance import srm_chi_square
from ignite_domain.inference.cusum import block_cusum_arl, lattice_cusum, lattice_cusum_arl, lattice_cusum_limit
from ignite_domain.inference.intervals import (
    clopper_pearson,
    is_surely_below,
    wilson_interval,
    wilson_lower,
)
from ignite_domain.inference.posteriors import (
    expected_loss_choose_b,
    gamma_poisson_tail,
    posterior_tail,
    prob_b_beats_a,
    prob_best,
)
from ignite_domain.inference.reference import (
    beta_binomial_log_bf10,
    bh_adjust,
    holm_adjust,
    maturity_n_eff,
    random_effects_shrinkage,
    shiryaev_roberts_mixture,
    two_proportion_z,
)
from ignite_domain.inference.sequential import (
    beta_binomial_log_e,
    beta_binomial_stop_index,
    sequential_two_sample,
    srm_sequential_log_e,
)

__all__ = [
    "assignment_bucket",
    "beta_binomial_log_bf10",
    "beta_binomial_log_e",
    "beta_binomial_stop_index",
    "bh_adjust",
    "block_cusum_arl",
    "clopper_pearson",
    "expected_loss_choose_b",
    "gamma_poisson_tail",
    "holm_adjust",
    "is_surely_below",
    "lattice_cusum",
    "lattice_cusum_arl",
    "lattice_cusum_limit",
    "maturity_n_eff",
    "posterior_tail",
    "prob_b_beats_a",
    "prob_best",
    "random_effects_shrinkage",
    "sequential_two_sample",
    "shiryaev_roberts_mixture",
    "srm_chi_square",
    "srm_sequential_log_e",
    "two_proportion_z",
    "wilson_interval",
    "wilson_lower",
]

"""Whose preferences does a model learn? Social-choice analysis of preference alignment.

Direct alignment methods learn from comparisons made by many different people. This package
computes, exactly, how they rank alternatives (`nbc`), how that depends on the way comparisons
are sampled (`pair_flip`, `ranking_flip`, `winner_flip`), and how fragile the rankings of real
survey questions are.
"""

from .bradley_terry import fit_bradley_terry
from .comparisons.table import Comparisons
from .errors import (
    CertificateError,
    ConvergenceError,
    DataError,
    InputError,
    OutputError,
    SocialPrefError,
)
from .flips.certificate import Certificate, Interval, LeastOf
from .flips.closed_form import (
    flip_distances,
    pair_flip,
    pair_flip_distances,
    ranking_flip,
    top_k_flip,
    winner_flip,
)
from .flips.divergences import ChiSquare, KullbackLeibler, TotalVariation, Wasserstein
from .flips.flip import Flip
from .flips.programs import (
    nearest_average_reward_order,
    nearest_order,
    nearest_sampling,
    nearest_top_set,
)
from .limits.agreement import agreement_limit, agreement_rate
from .limits.corrected import corrected_dpo_limit
from .limits.dpo import dpo_limit
from .limits.limit import Limit, total_variation
from .limits.optimal import optimal_policy
from .limits.typed import reward_averaging_limit
from .links import Link, Logistic, Probit
from .methods import METHODS, Method
from .population import Population
from .rules import (
    average_reward,
    borda,
    compare_rules,
    copeland,
    egalitarian,
    maximal_lottery,
    maximin,
    nash_welfare,
    nbc,
    plurality,
    ranking,
)

__version__ = "0.1.0"

__all__ = [
    "METHODS",
    "Certificate",
    "CertificateError",
    "ChiSquare",
    "Comparisons",
    "ConvergenceError",
    "DataError",
    "Flip",
    "InputError",
    "Interval",
    "KullbackLeibler",
    "LeastOf",
    "Limit",
    "Link",
    "Logistic",
    "Method",
    "OutputError",
    "Population",
    "Probit",
    "SocialPrefError",
    "TotalVariation",
    "Wasserstein",
    "agreement_limit",
    "agreement_rate",
    "average_reward",
    "borda",
    "compare_rules",
    "copeland",
    "corrected_dpo_limit",
    "dpo_limit",
    "egalitarian",
    "fit_bradley_terry",
    "flip_distances",
    "maximal_lottery",
    "maximin",
    "nash_welfare",
    "nbc",
    "nearest_average_reward_order",
    "nearest_order",
    "nearest_sampling",
    "nearest_top_set",
    "optimal_policy",
    "pair_flip",
    "pair_flip_distances",
    "plurality",
    "ranking",
    "ranking_flip",
    "reward_averaging_limit",
    "top_k_flip",
    "total_variation",
    "winner_flip",
]

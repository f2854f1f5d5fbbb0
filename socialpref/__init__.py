"""Whose preferences does a model learn? Social-choice analysis of preference alignment.

Direct alignment methods learn from comparisons made by many different people. This package
computes, exactly, how they rank alternatives (`nbc`), how that depends on the way comparisons
are sampled (`pair_flip`, `ranking_flip`, `winner_flip`), and how fragile the rankings of real
survey questions are.
"""

from .bradley_terry import BradleyTerryFit, fit_bradley_terry
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
from .limits import (
    Limit,
    agreement_limit,
    corrected_dpo_limit,
    dpo_limit,
    optimal_policy,
    reward_averaging_limit,
    total_variation,
)
from .links import Link, Logistic, Probit
from .population import Population
from .rules import (
    RULES,
    Ranking,
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
    "RULES",
    "BradleyTerryFit",
    "Certificate",
    "CertificateError",
    "ChiSquare",
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
    "OutputError",
    "Population",
    "Probit",
    "Ranking",
    "SocialPrefError",
    "TotalVariation",
    "Wasserstein",
    "agreement_limit",
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

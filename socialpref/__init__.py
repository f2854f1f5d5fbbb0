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
from .limits.agreement import AgreementOnly
from .limits.corrected import CorrectedDPO
from .limits.dpo import DPO
from .limits.limit import total_variation
from .limits.optimal import optimal_policy
from .limits.typed import LatentClasses, RewardAveraging
from .links import Link, Logistic, Probit
from .methods import METHODS
from .population import Population
from .rules import (
    RULES,
    MaximalLottery,
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
from .theory.anonymous import RewardBounds, Twin, anonymous_twin, average_reward_bounds
from .theory.misfit import Misfit, bradley_terry_misfit
from .theory.orders import ErrorOrders, error_orders
from .theory.outcomes import UsableOutcomes, usable_outcomes
from .theory.temperature import Crossings, at_temperature, crossing_temperatures, nbc_by_temperature

__version__ = "0.1.0"

__all__ = [
    "DPO",
    "METHODS",
    "RULES",
    "AgreementOnly",
    "BradleyTerryFit",
    "Certificate",
    "CertificateError",
    "ChiSquare",
    "ConvergenceError",
    "CorrectedDPO",
    "Crossings",
    "DataError",
    "ErrorOrders",
    "Flip",
    "InputError",
    "Interval",
    "KullbackLeibler",
    "LatentClasses",
    "LeastOf",
    "Link",
    "Logistic",
    "MaximalLottery",
    "Misfit",
    "OutputError",
    "Population",
    "Probit",
    "Ranking",
    "RewardAveraging",
    "RewardBounds",
    "SocialPrefError",
    "TotalVariation",
    "Twin",
    "UsableOutcomes",
    "Wasserstein",
    "anonymous_twin",
    "at_temperature",
    "average_reward",
    "average_reward_bounds",
    "borda",
    "bradley_terry_misfit",
    "compare_rules",
    "copeland",
    "crossing_temperatures",
    "egalitarian",
    "error_orders",
    "fit_bradley_terry",
    "flip_distances",
    "maximal_lottery",
    "maximin",
    "nash_welfare",
    "nbc",
    "nbc_by_temperature",
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
    "top_k_flip",
    "total_variation",
    "usable_outcomes",
    "winner_flip",
]

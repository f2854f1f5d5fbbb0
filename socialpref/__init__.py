"""Whose preferences does a model learn? Social-choice analysis of preference alignment.

Direct alignment methods learn from comparisons made by many different people. This package
computes, exactly, how they rank alternatives (`nbc`), how that depends on the way comparisons
are sampled and on who counts (`flip`), and how fragile the rankings of real survey questions are.
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
from .flips import (
    AverageRewardOrder,
    Order,
    Pair,
    TopK,
    Winner,
    flip_distances,
)
from .flips.flip import flip
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
    "METHODS",
    "RULES",
    "AverageRewardOrder",
    "BradleyTerryFit",
    "CertificateError",
    "ConvergenceError",
    "Crossings",
    "DataError",
    "ErrorOrders",
    "InputError",
    "Limit",
    "Link",
    "Logistic",
    "MaximalLottery",
    "Method",
    "Misfit",
    "Order",
    "OutputError",
    "Pair",
    "Population",
    "Probit",
    "Ranking",
    "RewardBounds",
    "SocialPrefError",
    "TopK",
    "Twin",
    "UsableOutcomes",
    "Winner",
    "agreement_limit",
    "agreement_rate",
    "anonymous_twin",
    "at_temperature",
    "average_reward",
    "average_reward_bounds",
    "borda",
    "bradley_terry_misfit",
    "compare_rules",
    "copeland",
    "corrected_dpo_limit",
    "crossing_temperatures",
    "dpo_limit",
    "egalitarian",
    "error_orders",
    "fit_bradley_terry",
    "flip",
    "flip_distances",
    "maximal_lottery",
    "maximin",
    "nash_welfare",
    "nbc",
    "nbc_by_temperature",
    "optimal_policy",
    "plurality",
    "ranking",
    "reward_averaging_limit",
    "total_variation",
    "usable_outcomes",
]

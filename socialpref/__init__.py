"""Whose preferences does a model learn? Social-choice analysis of preference alignment.

Direct alignment methods learn from comparisons made by many different people. This package
computes, exactly, how they rank alternatives (`nbc`), how that depends on the way comparisons
are sampled and on who counts (`flip`), and how fragile the rankings of real survey questions are.
"""

from .bradley_terry import fit_bradley_terry
from .comparisons.table import Comparisons
from .draws import Draws
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
from .inference import Interval
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
    "AverageRewardOrder",
    "CertificateError",
    "Comparisons",
    "ConvergenceError",
    "DataError",
    "Draws",
    "InputError",
    "Interval",
    "Limit",
    "Link",
    "Logistic",
    "Method",
    "Order",
    "OutputError",
    "Pair",
    "Population",
    "Probit",
    "SocialPrefError",
    "TopK",
    "Winner",
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
    "flip",
    "flip_distances",
    "maximal_lottery",
    "maximin",
    "nash_welfare",
    "nbc",
    "optimal_policy",
    "plurality",
    "ranking",
    "reward_averaging_limit",
    "total_variation",
]

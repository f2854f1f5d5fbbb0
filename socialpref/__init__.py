"""Whose preferences does a model learn? Social-choice analysis of preference alignment.

Direct alignment methods learn from comparisons made by many different people. This package
computes, exactly, how they rank options (`nbc`), how that depends on the way comparisons
are sampled and on who counts (`flip`), and how fragile the rankings of real survey questions are.
"""

from .bradley_terry import fit_bradley_terry
from .comparisons.table import Comparisons
from .divergences import total_variation
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
)
from .flips.batched import flip_distances
from .flips.flip import flip
from .inference import Interval
from .limits.agreement import AgreementOnly
from .limits.corrected import CorrectedDPO
from .limits.dpo import DPO
from .limits.optimal import optimal_policy
from .limits.typed import LatentClasses, RewardAveraging
from .links import Link, Logistic, Probit
from .methods import METHODS
from .population import Population
from .rules import (
    average_reward,
    compare_rules,
    nbc,
    ranking,
)

__version__ = "0.1.0"

__all__ = [
    "DPO",
    "METHODS",
    "AgreementOnly",
    "AverageRewardOrder",
    "CertificateError",
    "Comparisons",
    "ConvergenceError",
    "CorrectedDPO",
    "DataError",
    "Draws",
    "InputError",
    "Interval",
    "LatentClasses",
    "Link",
    "Logistic",
    "Order",
    "OutputError",
    "Pair",
    "Population",
    "Probit",
    "RewardAveraging",
    "SocialPrefError",
    "TopK",
    "Winner",
    "average_reward",
    "compare_rules",
    "fit_bradley_terry",
    "flip",
    "flip_distances",
    "nbc",
    "optimal_policy",
    "ranking",
    "total_variation",
]

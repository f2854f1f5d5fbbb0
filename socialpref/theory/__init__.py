"""What can be known at all, and what it costs: identification, consistency, temperature."""

from .anonymous import RewardBounds, Twin, anonymous_twin, average_reward_bounds
from .distortion import DistortionBound, distortion_bound, least_distorted_policy
from .identified import Information, information
from .links import ConsistentLoss, consistent_loss_exists
from .misfit import Misfit, bradley_terry_misfit
from .moments import moment_half_width
from .orders import ErrorOrders, error_orders
from .outcomes import UsableOutcomes, usable_outcomes
from .pairs import OpenPair, dpo_bias_bound, identified_up_to, most_biased_pair, open_pairs
from .planning import STRUCTURES, Offer, Plan, plan
from .structures import (
    Groups,
    Linked,
    Pairs,
    Panel,
    Ranking,
    Repeated,
    Structure,
    Typed,
    VoteCounts,
)
from .temperature import Crossings, at_temperature, crossing_temperatures, nbc_by_temperature

__all__ = [
    "STRUCTURES",
    "ConsistentLoss",
    "Crossings",
    "DistortionBound",
    "ErrorOrders",
    "Groups",
    "Information",
    "Linked",
    "Misfit",
    "Offer",
    "OpenPair",
    "Pairs",
    "Panel",
    "Plan",
    "Ranking",
    "Repeated",
    "RewardBounds",
    "Structure",
    "Twin",
    "Typed",
    "UsableOutcomes",
    "VoteCounts",
    "anonymous_twin",
    "at_temperature",
    "average_reward_bounds",
    "bradley_terry_misfit",
    "consistent_loss_exists",
    "crossing_temperatures",
    "distortion_bound",
    "dpo_bias_bound",
    "error_orders",
    "identified_up_to",
    "information",
    "least_distorted_policy",
    "moment_half_width",
    "most_biased_pair",
    "nbc_by_temperature",
    "open_pairs",
    "plan",
    "usable_outcomes",
]

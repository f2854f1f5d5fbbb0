"""What can be known at all, and what it costs: identification, consistency, temperature."""

from .anonymous import RewardBounds, Twin, anonymous_twin, average_reward_bounds
from .identified import Information, information
from .distortion import DistortionBound, distortion_bound, least_distorted_policy
from .distortion import DistortionBound, distortion_bound, least_distorted_policy
from .identified import Information, information
from .misfit import Misfit, bradley_terry_misfit
from .moments import moment_half_width
from .orders import ErrorOrders, error_orders
from .outcomes import UsableOutcomes, usable_outcomes
from .pairs import OpenPair, identified_up_to, largest_pair_bias, open_pairs
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
    "STRUCTURES",
    "Structure",
    "Twin",
    "Typed",
    "UsableOutcomes",
    "VoteCounts",
    "anonymous_twin",
    "at_temperature",
    "average_reward_bounds",
    "bradley_terry_misfit",
    "crossing_temperatures",
    "distortion_bound",
    "error_orders",
    "identified_up_to",
    "information",
    "largest_pair_bias",
    "least_distorted_policy",
    "moment_half_width",
    "nbc_by_temperature",
    "open_pairs",
    "plan",
    "usable_outcomes",
]

"""What can be known at all, and what it costs: identification, consistency, temperature."""

from .anonymous import RewardBounds, Twin, anonymous_twin, average_reward_bounds
from .distortion import DistortionBound, distortion_bound, least_distorted_policy
from .misfit import Misfit, bradley_terry_misfit
from .orders import ErrorOrders, error_orders
from .outcomes import UsableOutcomes, usable_outcomes
from .pairs import OpenPair, identified_up_to, largest_pair_bias, open_pairs
from .temperature import Crossings, at_temperature, crossing_temperatures, nbc_by_temperature

__all__ = [
    "Crossings",
    "DistortionBound",
    "ErrorOrders",
    "Misfit",
    "OpenPair",
    "RewardBounds",
    "Twin",
    "UsableOutcomes",
    "anonymous_twin",
    "at_temperature",
    "average_reward_bounds",
    "bradley_terry_misfit",
    "crossing_temperatures",
    "distortion_bound",
    "error_orders",
    "identified_up_to",
    "largest_pair_bias",
    "least_distorted_policy",
    "nbc_by_temperature",
    "open_pairs",
    "usable_outcomes",
]

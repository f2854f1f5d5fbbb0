"""From draws to statements: designs, what is computed on each draw, and intervals of it."""

from .designs import LONELY, REPLICATE_METHODS, Design, ReplicateWeights
from .intervals import Interval
from .over_draws import DrawnFlips, drawn_flips, drawn_policies, interval_of

__all__ = [
    "LONELY",
    "REPLICATE_METHODS",
    "Design",
    "DrawnFlips",
    "Interval",
    "ReplicateWeights",
    "drawn_flips",
    "drawn_policies",
    "interval_of",
]

"""From draws to statements: designs, what is computed on each draw, and intervals of it."""

from .designs import LONELY, REPLICATE_METHODS, Design, ReplicateWeights
from .intervals import Interval
from .over_draws import interval_of, intervals_of

__all__ = [
    "LONELY",
    "REPLICATE_METHODS",
    "Design",
    "Interval",
    "ReplicateWeights",
    "interval_of",
    "intervals_of",
]

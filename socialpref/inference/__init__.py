"""What is computed on each draw of a population, and intervals of it."""

from .intervals import Interval
from .over_draws import interval_of, intervals_of

__all__ = ["Interval", "interval_of", "intervals_of"]

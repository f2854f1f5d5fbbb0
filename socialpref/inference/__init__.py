"""What is computed on each draw of a population, and intervals of it."""

from .intervals import Interval
from .over_draws import DrawnFlips, drawn_flips, drawn_policies, interval_of

__all__ = ["DrawnFlips", "Interval", "drawn_flips", "drawn_policies", "interval_of"]

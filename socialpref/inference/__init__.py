"""From draws to statements: what is computed on each draw, and intervals of it."""

from .intervals import Interval
from .over_draws import DrawnFlips, drawn_flips, drawn_policies, interval_of

__all__ = ["DrawnFlips", "Interval", "drawn_flips", "drawn_policies", "interval_of"]

"""From draws to statements: what is computed on each draw, and intervals of it."""

from .intervals import Interval
from .over_draws import drawn_policies, interval_of

__all__ = ["Interval", "drawn_policies", "interval_of"]

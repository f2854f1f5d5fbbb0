"""From draws to statements: intervals of what is computed on each draw."""

from .intervals import Interval

__all__ = ["Interval"]

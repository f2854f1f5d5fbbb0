"""Figures: they only show results, and compute nothing but where to draw.

Every function returns a `matplotlib.figure.Figure` that is not tied to a window. Differences
are carried by lightness and hatching, so that they survive grey printing and colour blindness.
"""

from .style import DARK, LIGHT, MIDDLE, save
from .survey import flip_cdf, question_bars, sensitivity_dots

__all__ = ["DARK", "LIGHT", "MIDDLE", "flip_cdf", "question_bars", "save", "sensitivity_dots"]

"""Average rewards estimated from labels of known types: their fits and standard errors."""

from .asymptotics import asymptotic_variance
from .fits import estimate
from .orthogonal import PseudoLabels, pseudo_labels
from .panels import Panels, draw_panels
from .result import Estimate

__all__ = [
    "Estimate",
    "Panels",
    "PseudoLabels",
    "asymptotic_variance",
    "draw_panels",
    "estimate",
    "pseudo_labels",
]

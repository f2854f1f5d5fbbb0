"""Choices of annotators: comparisons, their counts, simulation and latent classes."""

from .choice import ClassChoice, choose_classes
from .classes import ClassMixture, Evidence, fit_latent_classes
from .counts import Cells
from .simulation import expected_cells, simulate
from .table import Comparisons

__all__ = [
    "Cells",
    "ClassChoice",
    "ClassMixture",
    "Comparisons",
    "Evidence",
    "choose_classes",
    "expected_cells",
    "fit_latent_classes",
    "simulate",
]

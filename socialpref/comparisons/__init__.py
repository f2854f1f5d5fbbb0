"""Choices of annotators: comparisons, their counts, simulation and latent classes."""

from .classes import ClassChoice, ClassMixture, choose_classes, fit_latent_classes
from .counts import Cells
from .dropped import Dropped
from .readers.columns import Guess, form_of, guess_columns
from .simulation import expected_cells, simulate
from .table import Comparisons, Repeats

__all__ = [
    "Cells",
    "ClassChoice",
    "ClassMixture",
    "Comparisons",
    "Dropped",
    "Guess",
    "Repeats",
    "choose_classes",
    "expected_cells",
    "fit_latent_classes",
    "form_of",
    "guess_columns",
    "simulate",
]

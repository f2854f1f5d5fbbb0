"""Choices of annotators: comparisons, their counts, simulation and latent classes."""

from .choice import ClassChoice, choose_classes, class_evidence
from .classes import ClassMixture, Evidence, fit_latent_classes
from .counts import Cells
from .groups import CrossTable, cross_table
from .populations import population_of, populations_by_prompt
from .reliability import Agreement, agreement
from .simulation import expected_cells, simulate
from .table import Comparisons
from .tastes import Heterogeneity, heterogeneity

__all__ = [
    "Agreement",
    "Cells",
    "ClassChoice",
    "ClassMixture",
    "Comparisons",
    "CrossTable",
    "Evidence",
    "Heterogeneity",
    "agreement",
    "choose_classes",
    "class_evidence",
    "cross_table",
    "expected_cells",
    "fit_latent_classes",
    "heterogeneity",
    "population_of",
    "populations_by_prompt",
    "simulate",
]

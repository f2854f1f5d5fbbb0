"""Choices of annotators: comparisons, their counts, tastes, classes and populations."""

from .choice import ClassChoice, choose_classes, class_evidence
from .classes import ClassMixture, Evidence, fit_latent_classes
from .counted import Counted, count_comparisons
from .counts import Cells
from .dropped import Dropped
from .examples import example
from .groups import CrossTable, cross_table, types_of_classes
from .populations import population_of, populations_by_prompt
from .readers.columns import Guess, form_of, guess_columns
from .reliability import Agreement, agreement
from .simulation import expected_cells, simulate
from .table import Comparisons, Repeats
from .tastes import Heterogeneity, heterogeneity

__all__ = [
    "Agreement",
    "Cells",
    "ClassChoice",
    "ClassMixture",
    "Comparisons",
    "Counted",
    "CrossTable",
    "Dropped",
    "Evidence",
    "Guess",
    "Heterogeneity",
    "Repeats",
    "agreement",
    "choose_classes",
    "class_evidence",
    "count_comparisons",
    "cross_table",
    "example",
    "expected_cells",
    "fit_latent_classes",
    "form_of",
    "guess_columns",
    "heterogeneity",
    "population_of",
    "populations_by_prompt",
    "simulate",
    "types_of_classes",
]

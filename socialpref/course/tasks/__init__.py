"""The tasks of the course, a file for each notebook."""

from ..answers import TASKS
from . import (
    annotator_information,
    fragile_rankings,
    length,
    mediocre_winner,
    ten_ways,
    theory_meets_training,
    what_to_ask,
    who_chooses_the_comparisons,
    who_counts,
)

__all__ = [
    "TASKS",
    "annotator_information",
    "fragile_rankings",
    "length",
    "mediocre_winner",
    "ten_ways",
    "theory_meets_training",
    "what_to_ask",
    "who_chooses_the_comparisons",
    "who_counts",
]

"""Surveys: files of counts become questions, questions become populations, and a study."""

from .atp import read_atp
from .files import read_globalopinionqa, read_ratings, read_respondents
from .question import Dropped, Question
from .respondents import Respondents
from .rows import survey_from_rows
from .sensitivity import (
    base_variants,
    grouping_variants,
    read_base,
    sensitivity,
    smoothing_variants,
    temperature_variants,
)
from .sources import OPINIONQA_GROUPS, read_opinionqa, read_starter, read_table
from .study import Finding, Protocol, QuestionResult, Study, study
from .survey import Survey
from .uncertainty import Bootstrap, Replicates, Uncertainty, replicate

__all__ = [
    "OPINIONQA_GROUPS",
    "Bootstrap",
    "Dropped",
    "Finding",
    "Protocol",
    "Question",
    "QuestionResult",
    "Replicates",
    "Respondents",
    "Study",
    "Survey",
    "Uncertainty",
    "base_variants",
    "grouping_variants",
    "read_atp",
    "read_base",
    "read_globalopinionqa",
    "read_opinionqa",
    "read_ratings",
    "read_respondents",
    "read_starter",
    "read_table",
    "replicate",
    "sensitivity",
    "smoothing_variants",
    "study",
    "survey_from_rows",
    "temperature_variants",
]

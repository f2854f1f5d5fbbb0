"""Surveys: files of counts become questions, questions become populations, and a study."""

from .question import Dropped, Question
from .respondents import Respondents
from .sources import read_opinionqa, read_starter, read_table
from .study import Finding, Protocol, QuestionResult, Study, study
from .survey import Survey
from .uncertainty import Bootstrap, Replicates, Uncertainty, replicate

__all__ = [
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
    "read_opinionqa",
    "read_starter",
    "read_table",
    "replicate",
    "study",
]

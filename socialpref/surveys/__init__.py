"""Surveys: files of counts become questions, questions become populations, and a study."""

from .question import Dropped, Question, Survey
from .sources import read_opinionqa, read_starter, read_table
from .study import Finding, Protocol, QuestionResult, Study, study

__all__ = [
    "Dropped",
    "Finding",
    "Protocol",
    "Question",
    "QuestionResult",
    "Study",
    "Survey",
    "read_opinionqa",
    "read_starter",
    "read_table",
    "study",
]

"""Surveys: files of counts become questions, questions become populations, and a study."""

from .findings import Finding, QuestionResult
from .missing import MissingAnswers
from .protocol import Protocol
from .question import Dropped, Question
from .readers.atp import read_atp
from .readers.codebook import Codebook, read_codebook
from .readers.designs import DesignColumns
from .readers.globalopinionqa import read_globalopinionqa
from .readers.kinds import kind_of
from .readers.opinionqa import OPINIONQA_GROUPS, read_opinionqa
from .readers.ratings import read_ratings
from .readers.respondents import read_respondents
from .readers.rows import survey_from_rows
from .readers.starter import read_pew, read_starter
from .readers.table import read_table
from .respondents import Respondents
from .sensitivity_analysis import (
    base_variants,
    grouping_variants,
    read_base,
    sensitivity,
    share_variants,
    smoothing_variants,
    temperature_variants,
)
from .shares import ShareFlips, read_shares, share_flips
from .studies import Study, study
from .survey import Survey
from .uncertainty import Bootstrap, Replicates, Uncertainty, population_with_draws, replicate

__all__ = [
    "OPINIONQA_GROUPS",
    "Bootstrap",
    "Codebook",
    "DesignColumns",
    "Dropped",
    "Finding",
    "MissingAnswers",
    "Protocol",
    "Question",
    "QuestionResult",
    "Replicates",
    "Respondents",
    "ShareFlips",
    "Study",
    "Survey",
    "Uncertainty",
    "base_variants",
    "grouping_variants",
    "kind_of",
    "population_with_draws",
    "read_atp",
    "read_base",
    "read_codebook",
    "read_globalopinionqa",
    "read_opinionqa",
    "read_pew",
    "read_ratings",
    "read_respondents",
    "read_shares",
    "read_starter",
    "read_table",
    "replicate",
    "sensitivity",
    "share_flips",
    "share_variants",
    "smoothing_variants",
    "study",
    "survey_from_rows",
    "temperature_variants",
]

"""What the report shows of a study, as plain values for JSON.

JSON has no infinity and no NaN: a flip has a ``status``, and a number that does not exist is
null.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..flips.flip import Flip
from ..flips.regions import ranking_cells
from ..inference import Interval
from ..population import Population
from ..rules import nbc, ranking
from ..surveys.findings import Finding, QuestionResult
from ..surveys.question import Question
from ..surveys.studies import Study
from .words import error_words, flip_words

Floats = NDArray[np.float64]
DIGITS = 9
"""Distances are proven to 1e-9; numbers of options are kept to as many digits."""
TABLE_DIGITS = 6
"""Of matrices, which are most of the file."""


def report_content(study: Study) -> dict[str, Any]:
    """Return everything that the page's script draws.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict
        ``summary`` is `Study.summary`, ``level`` that of the intervals or None, ``distances``
        are `Study.distances`, and ``questions`` holds one dict for each question. Only values
        that JSON knows: no infinity, no NaN.
    """
    _validate.instance("study", study, Study, "a Study")
    return {
        "summary": plain(study.summary()),
        "level": None if study.bootstrap is None else study.bootstrap.level,
        "distances": plain(study.distances),
        "questions": [_question(result) for result in study.results],
    }


def plain(value: Any, digits: int | None = None) -> Any:
    """Return a value that JSON can hold: arrays as lists, numbers that are not finite as None.

    Parameters
    ----------
    value : object
        Numbers, texts, arrays and None, in any nesting of mappings and sequences.
    digits : int, optional
        Round numbers to so many decimals.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item, digits) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value) if digits is None else round(float(value), digits)
        return number if math.isfinite(number) else None
    return value if value is None else str(value)


def _question(result: QuestionResult) -> dict[str, Any]:
    question = result.question
    return {
        "key": question.key,
        "text": question.text,
        "grouping": question.grouping,
        "source": question.source,
        "options": list(question.options),
        "groups": list(question.groups),
        "group_shares": plain(question.group_shares, TABLE_DIGITS),
        "group_sizes": plain(question.sizes),
        "answers": plain(question.choice_shares, TABLE_DIGITS),
        "respondents": plain(question.n_respondents),
        "effective": plain(question.n_effective, 1),
        "dropped": list(map(str, question.dropped)),
        "reason": result.reason,
        "finding": None if result.finding is None else _finding(result.finding, question),
    }


def _finding(finding: Finding, question: Question) -> dict[str, Any]:
    population, base = finding.population, finding.flip.base
    matrix = population.pairwise()
    return {
        "order": plain(finding.nbc_order.groups),
        "reward_order": plain(finding.reward_order.groups),
        "rewards": plain(population.mean_rewards(), DIGITS),
        "base": plain(base, DIGITS),
        "nbc": plain(nbc(population, base), DIGITS),
        "pairwise": plain(matrix, TABLE_DIGITS),
        "empty_cells": int((question.choice_shares == 0).sum()),
        "flip": _flip(finding.flip, population, "ranking"),
        "winner_flip": _flip(finding.winner_flip, population, "winner"),
        "error": _error(finding),
        "cells": _cells(matrix) if question.n_options == 3 else None,
    }


def _flip(flip: Flip, population: Population, subject: str) -> dict[str, Any]:
    content: dict[str, Any] = {
        "status": "flips" if flip.exists else "tied" if math.isnan(flip.distance) else "never",
        "distance": plain(flip.distance),
        "words": flip_words(flip, subject),
    }
    if flip.exists:
        scores = nbc(population, flip.mix)
        content |= {
            "pair": plain(flip.pair),
            "sampling": plain(flip.mix, DIGITS),
            "nbc": plain(scores, DIGITS),
            "order": plain(ranking(scores).groups),
        }
    return content


def _error(finding: Finding) -> dict[str, Any] | None:
    error = finding.uncertainty
    if error is None:
        return None
    return {
        "flip_share": plain(error.flip_share),
        "flip_interval": _ends(error.flip_interval),
        "winner_flip_share": plain(error.winner_flip_share),
        "winner_flip_interval": _ends(error.winner_flip_interval),
        "nbc_intervals": [plain(_ends(one), DIGITS) for one in error.nbc_intervals],
        "words": error_words(error),
    }


def _ends(interval: Interval) -> list[float | None]:
    """Return the ends of an interval; None for one that is infinite or does not exist."""
    return [plain(interval.low), plain(interval.high)]


def _cells(matrix: Floats) -> list[dict[str, Any]]:
    return [
        {
            "order": plain(cell.ranking.groups),
            "corners": plain(cell.corners, TABLE_DIGITS),
            "share": plain(cell.share, TABLE_DIGITS),
        }
        for cell in ranking_cells(matrix)
    ]

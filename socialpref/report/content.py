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
from ..surveys.shares import describe_shares
from ..surveys.studies import Study
from .words import curve_words, finding_words

Floats = NDArray[np.float64]
DIGITS = 9
"""Distances are proven to 1e-9; numbers of options are kept to as many digits."""
TABLE_DIGITS = 6
"""Of matrices, which are most of the file."""
SMALL = 30
"""Groups of fewer people are flagged."""
GRID = np.linspace(0.0, 1.0, 101)
"""Distances at which the curves have an interval."""


def report_content(study: Study) -> dict[str, Any]:
    """Return everything that the page's script draws.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict
        ``summary`` is `Study.summary`, ``level`` that of the intervals or None, ``small`` the
        size below which groups are flagged, ``distances`` are `Study.distances`. ``curves`` holds
        the distribution of the distances of each part (of the whole, if there are no parts), and
        ``questions`` one dict for each question. Only values that JSON knows: no infinity, no NaN.
    """
    _validate.instance("study", study, Study, "a Study")
    return {
        "summary": plain(study.summary()),
        "level": None if study.bootstrap is None else study.bootstrap.level,
        "small": SMALL,
        "distances": plain(study.distances),
        "curves": [_curves(name, part) for name, part in (study.parts or {"": study}).items()],
        "questions": [_question(result) for result in study.results],
    }


def _curves(name: str, study: Study) -> dict[str, Any]:
    """Return the two distributions of a part: flips by what is compared, and by who counts."""
    both = ((False, study.distances), (True, study.share_distances))
    examined = sum(result.finding is not None for result in study.results)
    return {
        "name": name,
        "examined": examined,
        "distances": [plain(distances, TABLE_DIGITS) for _, distances in both],
        "bands": [
            plain(study.band(GRID, by_shares=by_shares), TABLE_DIGITS) for by_shares, _ in both
        ],
        "words": curve_words(study),
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
        "part": question.part,
        "scale": bool(question.scale),
        "options": list(question.options),
        "groups": list(question.groups),
        "group_shares": plain(question.group_shares, TABLE_DIGITS),
        "group_sizes": plain(question.sizes),
        "small": small_groups(question),
        "shares_are": describe_shares(question),
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
        "flip": _flip(finding.flip, population, question),
        "winner_flip": _flip(finding.winner_flip, population, question),
        "share_flip": _share_flip(finding.by_shares.ranking),
        "words": finding_words(finding),
        "error": _error(finding),
        "cells": _cells(matrix) if question.n_options == 3 else None,
    }


def _status(flip: Flip) -> dict[str, Any]:
    return {
        "status": "flips" if flip.exists else "tied" if math.isnan(flip.distance) else "never",
        "distance": plain(flip.distance),
    }


def _flip(flip: Flip, population: Population, question: Question) -> dict[str, Any]:
    content = _status(flip)
    if flip.exists:
        scores = nbc(population, flip.mix)
        content |= {
            "pair": plain(flip.pair),
            "neighbours": question.are_neighbours(flip.pair),
            "sampling": plain(flip.mix, DIGITS),
            "nbc": plain(scores, DIGITS),
            "order": plain(ranking(scores).groups),
        }
    return content


def _share_flip(flip: Flip) -> dict[str, Any]:
    shares = {"pair": plain(flip.pair), "shares": plain(flip.mix, TABLE_DIGITS)}
    return _status(flip) | (shares if flip.exists else {})


def small_groups(question: Question) -> list[str]:
    """Return the groups of fewer than `SMALL` people."""
    if question.sizes is None:
        return []
    pairs = zip(question.groups, question.sizes, strict=True)
    return [name for name, size in pairs if size < SMALL]


def _error(finding: Finding) -> dict[str, Any] | None:
    error = finding.uncertainty
    if error is None:
        return None
    return {
        "flip_share": plain(error.flip_share),
        "flip_interval": _ends(error.flip_interval),
        "winner_flip_share": plain(error.winner_flip_share),
        "winner_flip_interval": _ends(error.winner_flip_interval),
        "share_flip_share": plain(error.share_flip_share),
        "share_flip_interval": _ends(error.share_flip_interval),
        "nbc_intervals": [plain(_ends(one), DIGITS) for one in error.nbc_intervals],
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

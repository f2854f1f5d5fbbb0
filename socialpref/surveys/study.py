"""The survey study: the fragility of each question's ranking.

After section 7.1 of arXiv 2502.16320: answer shares by group become rewards by the Luce-Shepard
rule, and each question is asked for the smallest change of the uniform sampling distribution
that changes its NBC ranking. The protocol's constants are options.
"""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validate
from ..errors import CertificateError
from ..flips.certificate import WIDTH, Interval
from ..flips.closed_form import ranking_flip, winner_flip
from ..flips.flip import Flip
from ..links import Link, Logistic
from ..population import Population
from ..rules import Ranking, nbc, ranking
from .question import Question
from .survey import Survey

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Protocol:
    """The constants of the study; the defaults are the published protocol's.

    Attributes
    ----------
    smoothing : float
        Added to every answer share before the logarithm; see `Population.from_choice_shares`.
    margin, floor : float
        Of the flip program; see `pair_flip`.
    min_options : int
        Questions with fewer options do not count.
    min_respondents_per_option : float
        Questions with fewer respondents, on average, count but are not examined.
    link : Link
        How reward gaps become preference probabilities.
    """

    smoothing: float = 1e-15
    margin: float = 1e-5
    floor: float = 1e-5
    min_options: int = 3
    min_respondents_per_option: float = 100.0
    link: Link = Logistic()  # noqa: RUF009 - immutable

    def __post_init__(self) -> None:
        _validate.number("smoothing", self.smoothing, 0.0)
        _validate.number("margin", self.margin, 0.0, 1.0)
        _validate.number("floor", self.floor, 0.0, 1.0)
        _validate.number("min_options", self.min_options, 2.0)
        _validate.number("min_respondents_per_option", self.min_respondents_per_option, 0.0)


@dataclass(frozen=True, eq=False)
class Finding:
    """What the study found for a question that it examined.

    Attributes
    ----------
    population : Population
    nbc_order, reward_order : Ranking
        By NBC at the uniform distribution and by average reward.
    flip, winner_flip : Flip
        The smallest changes that reverse some pair and that overtake the winner.
    interval : Interval
        What the certificate of `flip` proves.
    """

    population: Population
    nbc_order: Ranking
    reward_order: Ranking
    flip: Flip
    winner_flip: Flip
    interval: Interval


@dataclass(frozen=True, eq=False)
class QuestionResult:
    """A question and, if it was examined, what was found.

    Attributes
    ----------
    question : Question
    finding : Finding or None
    reason : str
        Why the question was not examined; empty if it was.
    """

    question: Question
    finding: Finding | None
    reason: str = ""

    def row(self) -> dict[str, Any]:
        """Return the result as one row of ``questions.csv``."""
        question = self.question
        row: dict[str, Any] = {
            "question": question.key,
            "text": question.text,
            "grouping": question.grouping,
            "n_options": question.n_options,
            "n_types": len(question.groups),
            "n_respondents": question.n_respondents,
            "examined": self.finding is not None,
            "reason": self.reason,
        }
        if self.finding is not None:
            found, options = self.finding, question.options
            row |= {
                "flip_distance": found.flip.distance,
                **_named(found.flip, options, "flip"),
                "winner_flip_distance": found.winner_flip.distance,
                **_named(found.winner_flip, options, "winner_flip"),
                "order_matches_average_reward": found.nbc_order == found.reward_order,
                "nbc_order": found.nbc_order.describe(options),
                "average_reward_order": found.reward_order.describe(options),
                "n_empty_cells": int((question.choice_shares == 0).sum()),
                "certified_gap": found.interval.width,
            }
        return row | {
            "dropped": "; ".join(map(str, question.dropped)),
            "source": question.source,
        }


@dataclass(frozen=True, eq=False)
class Study:
    """The results of a survey study.

    Attributes
    ----------
    survey : Survey
    protocol : Protocol
    results : tuple of QuestionResult
        One for each question of the survey, in its order.
    """

    survey: Survey
    protocol: Protocol
    results: tuple[QuestionResult, ...]

    def __getitem__(self, key: str) -> QuestionResult:
        question = self.survey[key]
        return next(result for result in self.results if result.question is question)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per question: the content of ``questions.csv``.

        ``flip_distance`` is inf where no distribution flips the question, and missing where
        it was not examined or all its options are tied.
        """
        import pandas as pd

        return pd.DataFrame([result.row() for result in self.results])

    @property
    def distances(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """The flip distances of the flippable questions, in increasing order."""
        flips = [result.finding.flip.distance for result in self.results if result.finding]
        return np.sort([distance for distance in flips if math.isfinite(distance)])

    def summary(self) -> dict[str, Any]:
        """Return the headline figures and the settings: the content of ``summary.json``.

        ``n_questions`` counts questions with enough options, ``n_examined`` those of them with
        enough respondents; ``share_flippable`` is of ``n_questions``, ``median_distance`` among
        the flippable, None if there are none.
        """
        found = [result.finding for result in self.results if result.finding]
        counted = sum(r.question.n_options >= self.protocol.min_options for r in self.results)
        distances = self.distances
        return {
            "survey": self.survey.name,
            "citation": self.survey.citation,
            "n_questions": counted,
            "n_examined": len(found),
            "n_flippable": len(distances),
            "share_flippable": len(distances) / counted if counted else None,
            "median_distance": float(np.median(distances)) if len(distances) else None,
            "n_winner_flippable": sum(f.winner_flip.exists for f in found),
            "n_order_mismatch": sum(f.nbc_order != f.reward_order for f in found),
            "n_with_ties": sum(bool(f.nbc_order.ties) for f in found),
            "largest_certified_gap": max((f.interval.width for f in found), default=None),
            "settings": asdict(self.protocol) | {"link": repr(self.protocol.link)},
        }


def study(survey: Survey, protocol: Protocol = Protocol()) -> Study:
    """Ask of every question of a survey how fragile its ranking is.

    Parameters
    ----------
    survey : Survey
    protocol : Protocol
        The study's constants.

    Returns
    -------
    Study
        Every distance has been certified to 1e-9.

    Raises
    ------
    InputError
        If the protocol does not fit a question: a floor above 1/K, no smoothing where a cell
        is empty.
    CertificateError
        If a distance cannot be proven.

    References
    ----------
    arXiv 2502.16320, section 7.1 and Figure 1.

    Examples
    --------
    >>> from socialpref.surveys import read_starter, study
    >>> result = study(read_starter("country"))
    >>> result.summary()["n_questions"]
    8
    """
    return Study(survey, protocol, tuple(_examine(question, protocol) for question in survey))


def _examine(question: Question, protocol: Protocol) -> QuestionResult:
    if question.n_options < protocol.min_options:
        return QuestionResult(question, None, f"fewer than {protocol.min_options} options")
    # Where only shares are known there is no number of respondents to hold against a question.
    per_option = question.n_respondents / question.n_options
    if per_option < protocol.min_respondents_per_option:
        least = protocol.min_respondents_per_option
        return QuestionResult(question, None, f"fewer than {least:g} respondents per option")
    population = question.population(smoothing=protocol.smoothing, link=protocol.link)
    flip = ranking_flip(population, margin=protocol.margin, floor=protocol.floor)
    winner = winner_flip(population, margin=protocol.margin, floor=protocol.floor)
    _proven(winner)
    finding = Finding(
        population=population,
        nbc_order=ranking(nbc(population)),
        reward_order=ranking(population.mean_rewards()),
        flip=flip,
        winner_flip=winner,
        interval=_proven(flip),
    )
    return QuestionResult(question, finding)


def _proven(flip: Flip) -> Interval:
    """Return what the certificate proves, if that is the flip's distance."""
    if flip.certificate is None:  # nothing but ties
        return Interval(math.nan, math.nan, math.nan)
    interval = flip.certificate.check()
    if not interval.lower - WIDTH <= flip.distance <= interval.upper + WIDTH:
        raise CertificateError(f"the certificate proves {interval}, not {flip.distance}")
    return interval


def _named(flip: Flip, options: tuple[str, ...], prefix: str) -> dict[str, str | None]:
    above, below = (None, None) if flip.pair is None else (options[y] for y in flip.pair)
    return {f"{prefix}_above": above, f"{prefix}_below": below}

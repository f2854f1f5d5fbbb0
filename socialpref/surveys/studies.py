"""The survey study: the fragility of each question's ranking.

After section 7.1 of arXiv 2502.16320: answer shares by group become rewards by the Luce-Shepard
rule, and each question is asked for the smallest change of the uniform sampling distribution
that changes its NBC ranking. The protocol's constants are options.
"""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..flips.certificate import ProvenInterval
from ..flips.flip import Flip, flip
from ..flips.targets import Winner
from ..inference import Interval
from ..population import Population
from ..rules import Ranking, nbc, ranking
from .protocol import Protocol
from .question import Question
from .survey import Survey
from .uncertainty import Bootstrap, Replicates, Uncertainty, kept_replicates, summarise

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


ABOUT = (
    "question", "text", "grouping", "n_options", "n_types", "n_respondents", "n_effective",
    "examined", "reason",
)  # fmt: skip


FOUND = (
    "flip_distance", "flip_above", "flip_below", "winner_flip_distance", "winner_flip_above",
    "winner_flip_below", "order_matches_average_reward", "nbc_order", "average_reward_order",
    "n_empty_cells", "certified_gap",
)  # fmt: skip


RESAMPLED = (
    "flip_share", "flip_low", "flip_high", "winner_flip_share", "winner_flip_low",
    "winner_flip_high", "same_order", "same_winner", "resampled",
)  # fmt: skip


ORIGIN = ("dropped", "source")
"""The columns of ``questions.csv``, whatever was found."""


MAX_JOBS = 1000
"""The largest number of processes."""
PUBLISHED = Protocol()
"""The published protocol."""


@dataclass(frozen=True, eq=False)
class Finding:
    """What the study found for a question that it examined.

    Attributes
    ----------
    population : Population
    nbc_order, reward_order : Ranking
        By NBC at the base distribution and by average reward.
    flip, winner_flip : Flip
        The smallest changes that reverse some pair and that overtake the winner.
    interval : flips.ProvenInterval
        What the certificate of `flip` proves.
    replicates : Replicates or None
        The question drawn again, if the study was asked to.
    uncertainty : Uncertainty or None
        The intervals that they give.
    """

    population: Population
    nbc_order: Ranking
    reward_order: Ranking
    flip: Flip
    winner_flip: Flip
    interval: ProvenInterval
    replicates: Replicates | None = None
    uncertainty: Uncertainty | None = None


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
            "n_effective": question.n_effective,
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
            if (error := found.uncertainty) is not None:
                row |= {
                    "flip_share": error.flip_share,
                    "flip_low": error.flip_interval.low,
                    "flip_high": error.flip_interval.high,
                    "winner_flip_share": error.winner_flip_share,
                    "winner_flip_low": error.winner_flip_interval.low,
                    "winner_flip_high": error.winner_flip_interval.high,
                    "same_order": error.same_order,
                    "same_winner": error.same_winner,
                    "resampled": error.method,
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
    bootstrap : Bootstrap or None
        How the questions were drawn again, if they were.
    """

    survey: Survey
    protocol: Protocol
    results: tuple[QuestionResult, ...]
    bootstrap: Bootstrap | None = None

    def __getitem__(self, key: str) -> QuestionResult:
        self.survey[key]  # complains about an unknown key
        return next(result for result in self.results if result.question.key == key)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per question: the content of ``questions.csv``.

        ``flip_distance`` is inf where no distribution flips the question, and missing where
        it was not examined or all its options are tied.
        """
        import pandas as pd

        columns = [*ABOUT, *FOUND, *(RESAMPLED if self.bootstrap else ()), *ORIGIN]
        return pd.DataFrame([result.row() for result in self.results], columns=columns)

    @property
    def distances(self) -> Floats:
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
            "largest_certified_gap": max(
                (f.interval.width for f in found if f.flip.certificate is not None), default=None
            ),
            **self._headline_intervals(counted),
            "settings": asdict(self.protocol)
            | {"link": repr(self.protocol.link)}
            | ({} if self.bootstrap is None else {"bootstrap": asdict(self.bootstrap)}),
        }

    def _headline_intervals(self, counted: int) -> dict[str, Any]:
        drawn = [r.finding.replicates for r in self.results if r.finding and r.finding.replicates]
        alike = len({len(replicates.flip) for replicates in drawn}) == 1
        if self.bootstrap is None or not alike or not all(one.are_samples for one in drawn):
            return {}
        distances = np.array([replicates.flip for replicates in drawn])
        flips = np.isfinite(distances)
        some = flips.any(axis=0)
        medians = [
            float(np.median(column[here]))
            for column, here in zip(distances[:, some].T, flips[:, some].T, strict=True)
        ]
        level = self.bootstrap.level
        share = Interval.of(flips.sum(axis=0) / counted, level)
        median = Interval.of(medians, level)
        return {
            "share_flippable_interval": [share.low, share.high],
            "median_distance_interval": [median.low, median.high] if medians else None,
        }


def study(
    survey: Survey,
    protocol: Protocol = PUBLISHED,
    bootstrap: Bootstrap | None = None,
    *,
    n_jobs: int | None = None,
    keep: str | Path | None = None,
    progress: bool = False,
) -> Study:
    """Return how fragile the ranking of every question of a survey is.

    Parameters
    ----------
    survey : Survey
    protocol : Protocol
        The study's constants.
    bootstrap : Bootstrap, optional
        Draw every examined question again, to give what is found an interval.
    n_jobs : int, optional
        Number of processes, -1 for all cores. If omitted, what ``joblib.parallel_config``
        says: with ``parallel_config(backend="dask")`` the study runs on a cluster, with the
        same numbers.
    keep : str or Path, optional
        Folder in which the replicates of each finished question are kept, so that a study that
        was interrupted does not draw them again.
    progress : bool
        Whether to show a progress bar on standard error.

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
    from joblib import Parallel, delayed
    from tqdm import tqdm

    _validate.instance("survey", survey, Survey, "a Survey")
    _validate.instance("protocol", protocol, Protocol, "a Protocol")
    _validate.instance("bootstrap", bootstrap, (Bootstrap, type(None)), "a Bootstrap or None")
    check_jobs(n_jobs)
    folder = None if keep is None else _validate.path("keep", keep)
    tasks = [delayed(_examine)(question, protocol, bootstrap, folder) for question in survey]
    pool = Parallel(n_jobs=n_jobs, return_as="generator")
    finished = tqdm(pool(tasks), total=len(tasks), unit="question", disable=not progress)
    return Study(survey, protocol, tuple(finished), bootstrap)


def check_jobs(n_jobs: object) -> None:
    """Refuse a number of processes that is not positive or -1."""
    if n_jobs is not None and _validate.integer("n_jobs", n_jobs, -1, MAX_JOBS) == 0:
        raise _validate.complaint("n_jobs", "positive, or -1 for all cores", 0)


def _examine(
    question: Question, protocol: Protocol, bootstrap: Bootstrap | None, folder: Path | None
) -> QuestionResult:
    if question.n_options < protocol.min_options:
        return QuestionResult(question, None, f"fewer than {protocol.min_options} options")
    # Where only shares are known there is no number of respondents to hold against a question.
    per_option = question.n_respondents / question.n_options
    if per_option < protocol.min_respondents_per_option:
        least = protocol.min_respondents_per_option
        return QuestionResult(question, None, f"fewer than {least:g} respondents per option")
    population = question.population(smoothing=protocol.smoothing, link=protocol.link)
    base = protocol.base_of(question, question.choice_shares, question.group_shares)
    limits: dict[str, Any] = {"sampling": base, "margin": protocol.margin, "floor": protocol.floor}
    nearest, winner = flip(population, **limits), flip(population, Winner(), **limits)
    winner.prove()
    scores = nbc(population, base)
    finding = Finding(
        population=population,
        nbc_order=ranking(scores),
        reward_order=ranking(population.mean_rewards()),
        flip=nearest,
        winner_flip=winner,
        interval=nearest.prove(),
    )
    if bootstrap is not None:
        replicates = kept_replicates(question, protocol, bootstrap, folder)
        uncertainty = summarise(
            replicates,
            bootstrap,
            distance=nearest.distance,
            winner_distance=winner.distance,
            scores=scores,
            order=finding.nbc_order,
        )
        finding = replace(finding, replicates=replicates, uncertainty=uncertainty)
    return QuestionResult(question, finding)


def _named(flip: Flip, options: tuple[str, ...], prefix: str) -> dict[str, str | None]:
    above, below = (None, None) if flip.pair is None else (options[y] for y in flip.pair)
    return {f"{prefix}_above": above, f"{prefix}_below": below}

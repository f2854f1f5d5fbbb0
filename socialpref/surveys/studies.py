"""The survey study: the fragility of each question's ranking.

After section 7.1 of arXiv 2502.16320: answer shares by group become rewards by the Luce-Shepard
rule, and each question is asked for the smallest change of the uniform sampling distribution
that changes its NBC ranking. Beside it stands the smallest change of the groups' shares that does.
The protocol's constants are options.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__, _validate
from ..flips.flip import flip
from ..flips.targets import Winner
from ..rules import nbc, ranking
from .findings import ABOUT, FOUND, ORIGIN, RESAMPLED, Finding, QuestionResult
from .headline import band, figures, finite, intervals
from .protocol import Protocol
from .question import Question
from .shares import describe_shares, share_flips
from .survey import Survey
from .uncertainty import Bootstrap, kept_replicates, summarise

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


MAX_JOBS = 1000
"""The largest number of processes."""
PUBLISHED = Protocol()
"""The published protocol."""


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
        return finite(result.finding.flip for result in self.results if result.finding)

    @property
    def share_distances(self) -> Floats:
        """The share-flip distances (NBC) of the questions that have one, in increasing order."""
        return finite(result.finding.by_shares.ranking for result in self.results if result.finding)

    @property
    def parts(self) -> dict[str, "Study"]:
        """The study of each part of the survey, by its name; empty if it has no parts."""
        names = dict.fromkeys(r.question.part for r in self.results if r.question.part)
        results = {
            name: tuple(r for r in self.results if r.question.part == name) for name in names
        }
        return {name: replace(self, results=some) for name, some in results.items()}

    def band(self, grid: Floats, *, by_shares: bool = False) -> tuple[Floats, Floats] | None:
        """Return an interval of how many rankings flip within each of some distances.

        Parameters
        ----------
        grid : ndarray, shape (N,)
            The distances.
        by_shares : bool
            Whether of flips by the groups' shares; otherwise by the sampling distribution.

        Returns
        -------
        tuple of two ndarrays, shape (N,), or None
            The ends, at the bootstrap's level; None without replicates of every examined
            question.
        """
        if self.bootstrap is None:
            return None
        drawn = [r.finding.replicates for r in self.results if r.finding]
        rows = [one.share_flip if by_shares else one.flip for one in drawn if one is not None]
        return band(rows, grid, self.bootstrap.level)

    def headline(self) -> dict[str, Any]:
        """Return the headline figures, with intervals if the questions were drawn again."""
        least = self.protocol.min_options
        found = figures(self.results, least)
        if self.bootstrap is None:
            return found
        return found | intervals(self.results, found["n_questions"], self.bootstrap.level)

    def summary(self) -> dict[str, Any]:
        """Return the headline figures and the settings: the content of ``summary.json``.

        ``n_questions`` counts questions with enough options, ``n_examined`` those of them with
        enough respondents; ``share_flippable`` is of ``n_questions``, ``median_distance`` among
        the flippable, None if there are none. ``share_within`` is the share of ``n_questions``
        that flips within 0.05, 0.1 and 0.23. The names with ``share_flip`` or ``by_shares`` are
        of flips by the groups' shares. ``path``, ``group_variables``, ``weight`` and ``design``
        say where the answers come from. ``parts`` holds the figures of each part of the survey.
        """
        shares = [describe_shares(r.question) for r in self.results]
        return {
            "survey": self.survey.name,
            "version": __version__,
            "citation": self.survey.citation,
            "path": self.survey.path,
            "group_variables": sorted({r.question.grouping for r in self.results} - {""}),
            "weight": self.survey.weight,
            "design": self.survey.design,
            **self.headline(),
            "group_shares": {kind: shares.count(kind) for kind in dict.fromkeys(shares)},
            "parts": {name: part.headline() for name, part in self.parts.items()},
            "settings": asdict(self.protocol)
            | {"link": repr(self.protocol.link)}
            | ({} if self.bootstrap is None else {"bootstrap": asdict(self.bootstrap)}),
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
    question = protocol.counted(question)
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
        by_shares=share_flips(population, base, protocol),
    )
    if bootstrap is not None:
        replicates = kept_replicates(question, protocol, bootstrap, folder)
        uncertainty = summarise(
            replicates,
            bootstrap,
            distance=nearest.distance,
            winner_distance=winner.distance,
            by_shares=finding.by_shares,
            scores=scores,
            order=finding.nbc_order,
        )
        finding = replace(finding, replicates=replicates, uncertainty=uncertainty)
    return QuestionResult(question, finding)

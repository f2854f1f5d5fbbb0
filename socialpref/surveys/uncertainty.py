"""Sampling error of a question's rankings and flip distances.

A question is drawn again many times, as arrays: respondents with their weights, the survey's own
replicate weights, or counts given each group's (effective) size. The draws become a population
with draws, and what the study reports is computed of all of them at once. A flip distance can be
infinite, and so can the end of its interval.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .._files import results_folder
from ..errors import InputError
from ..flips import Winner
from ..flips.batched import flip_distances
from ..inference import Interval
from ..population import Population, luce_shepard_rewards
from ..rules import TIE_TOLERANCE, Ranking, nbc
from .protocol import Protocol
from .question import Question, smoothed
from .respondents import Respondents

Floats = NDArray[np.float64]
Method = Literal["auto", "respondents", "replicate-weights", "multinomial", "dirichlet"]
METHODS = ("auto", "respondents", "replicate-weights", "multinomial", "dirichlet")
MAX_REPLICATES = 100_000
"""More of them would not fit into memory."""


@dataclass(frozen=True)
class Bootstrap:
    """How replicates of a question are drawn.

    Attributes
    ----------
    n_replicates : int
        How many, at least 2. Ignored for replicate weights: the survey has as many as it has.
    seed : int
        Same seed, same result, in whatever order or process the questions are computed.
    method : str
        ``"respondents"`` draws respondents with replacement, weights carried along, all
        questions of one sample together. ``"replicate-weights"`` uses the survey's own.
        ``"multinomial"`` draws each group's answers given its effective size, ``"dirichlet"``
        draws each group's shares from their posterior under Jeffreys' prior. ``"auto"`` takes
        the first of replicate weights, respondents and multinomial that the question allows.
    level : float
        Of the intervals, in (0, 1).
    replicate_scale : float, optional
        The factor of ``sum (theta_r - theta)^2`` in the variance by replicate weights: 1/R
        for balanced repeated replication (the default), (R - 1)/R for a jackknife.

    Raises
    ------
    InputError
        If a setting is out of its range.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap; Wolter (2007), Introduction
    to Variance Estimation, for replicate weights.
    """

    n_replicates: int = 1000
    seed: int = 0
    method: Method = "auto"
    level: float = 0.95
    replicate_scale: float | None = None

    def __post_init__(self) -> None:
        _validate.integer("n_replicates", self.n_replicates, 2, MAX_REPLICATES)
        _validate.integer("seed", self.seed)
        _validate.number("level", self.level, 0.0, 1.0, above=True, below=True)
        _validate.choice("method", self.method, METHODS)
        if self.replicate_scale is not None:
            _validate.number("replicate_scale", self.replicate_scale, 0.0, above=True)

    def resolve(self, question: Question) -> Method:
        """Return the method that is used for a question.

        Raises
        ------
        InputError
            If the question does not hold what the method needs.
        """
        answers = question.respondents
        available: list[Method] = []
        if answers is not None and answers.replicate_weights is not None:
            available.append("replicate-weights")
        if answers is not None:
            available.append("respondents")
        if question.counts is not None:
            available += ["multinomial", "dirichlet"]
        if not available:
            raise InputError(
                f"{question.key} has shares only: without counts there is no sampling error"
            )
        method = available[0] if self.method == "auto" else self.method
        if method not in available:
            raise InputError(
                f"'method' must be {' or '.join(available)} for {question.key}; got {method!r}."
            )
        return method


@dataclass(frozen=True, eq=False)
class Replicates:
    """The results of R replicates of a question.

    Attributes
    ----------
    method : str
        How they were drawn.
    flip, winner_flip : ndarray, shape (R,)
        Distances of the nearest ranking flip and winner flip; inf where there is none, NaN
        where there is nothing but ties.
    nbc : ndarray, shape (R, K)
        Normalized Borda counts at the base distribution.
    """

    method: Method
    flip: Floats
    winner_flip: Floats
    nbc: Floats

    @property
    def are_samples(self) -> bool:
        """Whether their spread is that of samples; that of replicate weights is not."""
        return _are_samples(self.method)


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Intervals of what the study reports of a question.

    Attributes
    ----------
    n_replicates : int
    method : str
        How the replicates were drawn.
    level : float
        Of the intervals.
    flip_share, winner_flip_share : float
        Share of the replicates in which some sampling distribution flips the ranking, or
        overtakes the winner.
    flip_interval, winner_flip_interval : Interval
        Of the distance, among all replicates; an end is inf where enough replicates cannot be
        flipped.
    nbc_intervals : tuple of Interval
        One for each option.
    same_order, same_winner : float
        Share of the replicates with the same ranking, and the same winner, at the base
        distribution; NaN for replicate weights, whose spread is not that of samples.
    """

    n_replicates: int
    method: str
    level: float
    flip_share: float
    flip_interval: Interval
    winner_flip_share: float
    winner_flip_interval: Interval
    nbc_intervals: tuple[Interval, ...]
    same_order: float
    same_winner: float


def replicate(question: Question, protocol: Protocol, bootstrap: Bootstrap) -> Replicates:
    """Draw replicates of a question, and return the study's results for each, as arrays.

    Parameters
    ----------
    question : Question
    protocol : Protocol
        Smoothing, margin, floor, link and base distribution are used.
    bootstrap : Bootstrap

    Returns
    -------
    Replicates

    Raises
    ------
    InputError
        If the question does not hold what the method needs.

    Examples
    --------
    >>> from socialpref.surveys import Bootstrap, Protocol, read_starter, replicate
    >>> question = read_starter("country")["ENTRY_2005"]
    >>> replicates = replicate(question, Protocol(), Bootstrap(200, seed=1))
    >>> replicates.nbc.shape
    (200, 4)
    """
    population, base = population_with_draws(question, protocol, bootstrap)
    assert population.draws is not None
    limits: dict[str, Any] = {"margin": protocol.margin, "floor": protocol.floor}
    return Replicates(
        bootstrap.resolve(question),
        flip_distances(population, sampling=base, **limits),
        flip_distances(population, Winner(), sampling=base, **limits),
        nbc(population.draws, base),
    )


def population_with_draws(
    question: Question, protocol: Protocol, bootstrap: Bootstrap
) -> tuple[Population, Floats]:
    """Return the population of a question with draws of it, and the base distribution.

    Parameters
    ----------
    question : Question
    protocol : Protocol
        Smoothing, link and base distribution are used.
    bootstrap : Bootstrap

    Returns
    -------
    Population
        Its `draws` are the replicates.
    ndarray, shape (K,) or (R, K)
        The base of all replicates, or of each where it depends on the answers.

    Raises
    ------
    InputError
        If the question does not hold what the method needs.

    Examples
    --------
    >>> from socialpref import nbc
    >>> from socialpref.inference import interval_of
    >>> from socialpref.surveys import Bootstrap, Protocol, population_with_draws, read_starter
    >>> question = read_starter("country")["ENTRY_2005"]
    >>> population, base = population_with_draws(question, Protocol(), Bootstrap(200, seed=1))
    >>> interval_of(population.draws, nbc(population.draws, base)[:, 0]).describe("{:.2f}")
    '0.34 to 0.36'
    """
    _validate.instance("question", question, Question, "a Question")
    _validate.instance("protocol", protocol, Protocol, "a Protocol")
    _validate.instance("bootstrap", bootstrap, Bootstrap, "a Bootstrap")
    method = bootstrap.resolve(question)
    choices, groups = draw_shares(question, method, bootstrap)
    shares = smoothed(choices, question.effective_sizes, protocol.smoothing)
    population = question.population(smoothing=protocol.smoothing, link=protocol.link)
    drawn = population.with_draws(
        luce_shepard_rewards(shares), groups, samples=_are_samples(method)
    )
    return drawn, protocol.base_of(question, choices, groups)


def _are_samples(method: Method) -> bool:
    return method != "replicate-weights"


def kept_replicates(
    question: Question, protocol: Protocol, bootstrap: Bootstrap, folder: Path | None
) -> Replicates:
    """Return `replicate`'s result, read from `folder` if it was kept there before.

    The file's name is a digest of everything that the result depends on, so that a changed
    setting or question is never mistaken for an old one.
    """
    if folder is None:
        return replicate(question, protocol, bootstrap)
    import pandas as pd

    method = bootstrap.resolve(question)
    file = folder / f"{_digest(question, protocol, bootstrap)}.parquet"
    if file.exists():
        table = pd.read_parquet(file)
        flip, winner = table["flip"].to_numpy(), table["winner_flip"].to_numpy()
        return Replicates(method, flip, winner, table.iloc[:, 2:].to_numpy())
    result = replicate(question, protocol, bootstrap)
    columns = {"flip": result.flip, "winner_flip": result.winner_flip}
    columns |= {f"nbc_{y}": column for y, column in enumerate(result.nbc.T)}
    with results_folder(folder) as scratch:
        pd.DataFrame(columns).to_parquet(scratch / file.name)
    return result


def _digest(question: Question, protocol: Protocol, bootstrap: Bootstrap) -> str:
    digest = sha256(repr((question.key, question.options, protocol, bootstrap)).encode())
    answers = question.respondents
    arrays: list[NDArray[Any] | None] = [
        question.choice_shares,
        question.group_shares,
        question.effective_sizes,
    ]
    if answers is not None:
        arrays += [answers.groups, answers.options, answers.weights, answers.replicate_weights]
        digest.update(answers.sample.encode())
    for array in arrays:
        digest.update(b"none" if array is None else array.tobytes())
    return digest.hexdigest()


def draw_shares(question: Question, method: Method, bootstrap: Bootstrap) -> tuple[Floats, Floats]:
    """Return choice shares (R, G, K) and group shares (R, G) of the replicates."""
    if method in ("respondents", "replicate-weights"):
        tables = _resampled_tables(question, method, bootstrap)
        sizes = tables.sum(axis=2)
        with np.errstate(invalid="ignore"):
            choices = tables / sizes[:, :, None]
        # A group that is not drawn at all has no weight: its choices do not matter.
        choices[sizes == 0.0] = 1.0 / question.n_options
        return choices, sizes / sizes.sum(axis=1, keepdims=True)
    assert question.effective_sizes is not None  # resolve() has seen to it
    rng = np.random.default_rng(_seed(bootstrap.seed, question.key))
    shape = (bootstrap.n_replicates, *question.choice_shares.shape)
    choices = np.empty(shape)
    for g, (shares, size) in enumerate(
        zip(question.choice_shares, question.effective_sizes, strict=True)
    ):
        if method == "multinomial":
            whole = max(1, round(size))
            choices[:, g] = rng.multinomial(whole, shares, size=shape[0]) / whole
        else:
            choices[:, g] = rng.dirichlet(shares * size + 0.5, size=shape[0])
    return choices, np.broadcast_to(question.group_shares, shape[:2])


def _resampled_tables(question: Question, method: Method, bootstrap: Bootstrap) -> Floats:
    """Return weighted counts (R, G, K) of the replicates of a question with respondents."""
    from scipy.sparse import csr_array

    answers = question.respondents
    assert answers is not None  # resolve() has seen to it
    n_groups, n_options = question.choice_shares.shape
    counted = np.flatnonzero((answers.groups >= 0) & (answers.options >= 0))
    cell = answers.groups[counted].astype(np.intp) * n_options + answers.options[counted]
    if method == "replicate-weights":
        assert answers.replicate_weights is not None
        mass, times = np.ones(len(counted)), answers.replicate_weights
    else:
        mass, times = answers.weights[counted], _times_drawn(answers, bootstrap)
    shape = (n_groups * n_options, len(answers.weights))
    cells = csr_array((mass, (cell, counted)), shape=shape)
    return np.asarray((cells @ times).T).reshape(-1, n_groups, n_options)


def _times_drawn(answers: Respondents, bootstrap: Bootstrap) -> Floats:
    return _resample(
        len(answers.weights), bootstrap.n_replicates, _seed(bootstrap.seed, answers.sample)
    )


@lru_cache(maxsize=1)
def _resample(size: int, n_replicates: int, seed: tuple[int, ...]) -> Floats:
    """Return how often each row is drawn in each replicate, shape (size, n_replicates)."""
    rng = np.random.default_rng(seed)
    times = np.empty((size, n_replicates))
    for r in range(n_replicates):
        times[:, r] = np.bincount(rng.integers(size, size=size), minlength=size)
    return times


def _seed(seed: int, name: str) -> tuple[int, ...]:
    """Return a seed of its own for each name, the same in every process."""
    return (seed, *name.encode())


def summarise(
    replicates: Replicates,
    bootstrap: Bootstrap,
    *,
    distance: float,
    winner_distance: float,
    scores: Floats,
    order: Ranking,
) -> Uncertainty:
    """Return the intervals that the replicates of a question give around what was found.

    Parameters
    ----------
    replicates : Replicates
    bootstrap : Bootstrap
    distance, winner_distance : float
        Of the nearest ranking flip and winner flip.
    scores : ndarray, shape (K,)
        NBC at the base distribution, by which the options are in `order`.
    order : Ranking
    """

    def interval(values: Floats, estimate: float) -> Interval:
        if replicates.are_samples:
            return Interval.of(values, bootstrap.level)
        scale = bootstrap.replicate_scale or 1.0 / len(values)
        return _normal_interval(values, estimate, bootstrap.level, scale)

    return Uncertainty(
        n_replicates=len(replicates.flip),
        method=replicates.method,
        level=bootstrap.level,
        flip_share=float(np.isfinite(replicates.flip).mean()),
        flip_interval=interval(replicates.flip, distance),
        winner_flip_share=float(np.isfinite(replicates.winner_flip).mean()),
        winner_flip_interval=interval(replicates.winner_flip, winner_distance),
        nbc_intervals=tuple(map(interval, replicates.nbc.T, scores.tolist())),
        same_order=_share_in_order(replicates, order.groups),
        same_winner=_share_in_order(replicates, _first_and_rest(order)),
    )


def _normal_interval(values: Floats, estimate: float, level: float, scale: float) -> Interval:
    """Return the normal interval by replicate weights of a distance or a win probability.

    Replicates without a value (nothing but ties) are left out. Next to an infinite one the
    variance is infinite, too.
    """
    values = values[~np.isnan(values)]
    if math.isnan(estimate) or not len(values):
        return Interval(math.nan, math.nan, level, 0)
    if math.isinf(estimate) or np.isinf(values).any():
        low = math.inf if math.isinf(estimate) and np.isinf(values).all() else 0.0
        return Interval(low, math.inf, level, 0)
    error = math.sqrt(scale * float(((values - estimate) ** 2).sum()))
    found = Interval.around(estimate, error, level)
    # Everything that is reported, a distance or a win probability, lies between 0 and 1.
    return Interval(max(found.low, 0.0), min(found.high, 1.0), level, 0)


def _first_and_rest(order: Ranking) -> tuple[tuple[int, ...], ...]:
    rest = tuple(y for group in order.groups[1:] for y in group)
    return (order.winners, rest) if rest else (order.winners,)


def _share_in_order(replicates: Replicates, groups: tuple[tuple[int, ...], ...]) -> float:
    """Return the share of samples in which every group is above the next; NaN of no samples."""
    if not replicates.are_samples:
        return math.nan
    scores = replicates.nbc
    above = np.ones(len(scores), dtype=bool)
    for upper, lower in pairwise(groups):
        worst, best = scores[:, list(upper)].min(axis=1), scores[:, list(lower)].max(axis=1)
        above &= worst - best > TIE_TOLERANCE
    return float(above.mean())

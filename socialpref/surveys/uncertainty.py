"""Sampling error of a question's rankings and flip distances.

A question is drawn again many times, as arrays: respondents with their weights, the survey's own
replicate weights, or counts given each group's (effective) size. A flip distance can be infinite,
so what is reported is the share of replicates that flip and the interval among them.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .._files import results_folder
from ..errors import InputError
from ..flips.greedy import pair_flip_distances
from ..population import luce_shepard_rewards, preferences
from ..rules import TIE_TOLERANCE, Ranking, nbc
from .question import Question, smoothed
from .respondents import Respondents

if TYPE_CHECKING:
    from .protocol import Protocol
    from .studies import Finding

Floats = NDArray[np.float64]
Method = Literal["auto", "respondents", "replicate-weights", "multinomial", "dirichlet"]
METHODS = ("auto", "respondents", "replicate-weights", "multinomial", "dirichlet")
BLOCK = 1 << 22
"""Preference probabilities held at once; bounds memory."""


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
        _validate.integer("n_replicates", self.n_replicates, 2)
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
    """What each of R replicates of a question says.

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

    method: str
    flip: Floats
    winner_flip: Floats
    nbc: Floats


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
    flip_interval, winner_flip_interval : tuple of float
        Interval of the distance among those replicates; NaN if there are none.
    nbc_intervals : ndarray, shape (K, 2)
    same_order, same_winner : float
        Share of the replicates with the same ranking, and the same winner, at the base
        distribution; NaN for replicate weights, whose spread is not that of samples.
    """

    n_replicates: int
    method: str
    level: float
    flip_share: float
    flip_interval: tuple[float, float]
    winner_flip_share: float
    winner_flip_interval: tuple[float, float]
    nbc_intervals: Floats
    same_order: float
    same_winner: float


def replicate(question: Question, protocol: "Protocol", bootstrap: Bootstrap) -> Replicates:
    """Draw a question again and compute what the study reports of it, as arrays.

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
    from .protocol import Protocol

    _validate.instance("question", question, Question, "a Question")
    _validate.instance("protocol", protocol, Protocol, "a Protocol")
    _validate.instance("bootstrap", bootstrap, Bootstrap, "a Bootstrap")
    method = bootstrap.resolve(question)
    choices, groups = draw_shares(question, method, bootstrap)
    size = question.n_options
    per_block = max(1, BLOCK // (size * size * max(size, len(question.groups))))
    parts = [
        _analyse(choices[rows], groups[rows], question, protocol)
        for start in range(0, len(choices), per_block)
        for rows in [slice(start, start + per_block)]
    ]
    flip, winner, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Replicates(method, flip, winner, scores)


def kept_replicates(
    question: Question, protocol: "Protocol", bootstrap: Bootstrap, folder: Path | None
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


def _digest(question: Question, protocol: "Protocol", bootstrap: Bootstrap) -> str:
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


def _analyse(
    choices: Floats, groups: Floats, question: Question, protocol: "Protocol"
) -> tuple[Floats, Floats, Floats]:
    """Return flip distances, winner flip distances and NBC of a block of replicates."""
    shares = smoothed(choices, question.effective_sizes, protocol.smoothing)
    matrices = preferences(luce_shepard_rewards(shares), groups, protocol.link)
    base = protocol.base_of(question, choices, groups)
    scores = np.einsum("ryz,...z->ry" if base.ndim == 1 else "ryz,rz->ry", matrices, base)
    distances = pair_flip_distances(matrices, base, margin=protocol.margin, floor=protocol.floor)
    flip = np.fmin.reduce(distances, axis=(1, 2))
    best = scores.argmax(axis=1)
    winner = np.fmin.reduce(distances[np.arange(len(best)), best], axis=1)
    return flip, winner, scores


def summarise(replicates: Replicates, bootstrap: Bootstrap, finding: "Finding") -> Uncertainty:
    """Return the intervals that the replicates of a question give around what was found."""
    scale = None
    if replicates.method == "replicate-weights":
        scale = bootstrap.replicate_scale or 1.0 / len(replicates.flip)
    scores = nbc(finding.population, finding.flip.base)
    order = finding.nbc_order
    intervals = [
        _interval(column, estimate, bootstrap.level, scale)
        for column, estimate in zip(replicates.nbc.T, scores, strict=True)
    ]
    return Uncertainty(
        n_replicates=len(replicates.flip),
        method=replicates.method,
        level=bootstrap.level,
        flip_share=float(np.isfinite(replicates.flip).mean()),
        flip_interval=_interval(replicates.flip, finding.flip.distance, bootstrap.level, scale),
        winner_flip_share=float(np.isfinite(replicates.winner_flip).mean()),
        winner_flip_interval=_interval(
            replicates.winner_flip, finding.winner_flip.distance, bootstrap.level, scale
        ),
        nbc_intervals=np.array(intervals),
        same_order=_same(replicates.nbc, order.groups) if scale is None else float("nan"),
        same_winner=_same(replicates.nbc, _first_and_rest(order))
        if scale is None
        else float("nan"),
    )


def percentile_interval(values: Floats, level: float) -> tuple[float, float]:
    """Return the central percentile interval of the finite values; NaN if there are none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _interval(
    values: Floats, estimate: float, level: float, scale: float | None
) -> tuple[float, float]:
    """Return a percentile interval, or a normal one if there is a variance scale."""
    if scale is None:
        return percentile_interval(values, level)
    from scipy.special import ndtri

    finite = values[np.isfinite(values)]
    reach = ndtri((1 + level) / 2) * np.sqrt(scale * ((finite - estimate) ** 2).sum())
    # Everything that is reported, a distance or a win probability, lies between 0 and 1.
    return max(float(estimate - reach), 0.0), min(float(estimate + reach), 1.0)


def _first_and_rest(order: Ranking) -> tuple[tuple[int, ...], ...]:
    rest = tuple(y for group in order.groups[1:] for y in group)
    return (order.winners, rest) if rest else (order.winners,)


def _same(scores: Floats, groups: tuple[tuple[int, ...], ...]) -> float:
    """Return the share of score vectors in which every group is above the next."""
    above = np.ones(len(scores), dtype=bool)
    for upper, lower in pairwise(groups):
        worst, best = scores[:, list(upper)].min(axis=1), scores[:, list(lower)].max(axis=1)
        above &= worst - best > TIE_TOLERANCE
    return float(above.mean())

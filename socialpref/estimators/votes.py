"""The likelihood of the number of votes in panels with one of each type."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..population import Population
from ..theory.answers import Model, Numbers
from ..theory.structures import PairWeights, VoteCounts

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
DECREMENT = 1e-10
"""Twice the gain in log-likelihood that a step still promises, where a fit stops."""
MOST_STEPS = 500
HALVINGS = 40
DAMPING = 1e-9
"""Added to the information, beside its largest entry, where types that coincide leave it flat."""
FARTHEST = 40.0
"""Rewards so large that there is no finite maximum."""
AGREE = 0.01
"""Starts agree if their log-likelihoods are this near."""
NOISE = 1e-12
"""Eigenvalues of the information below this, relative to the largest, are taken for 0."""


class Votes(NamedTuple):
    """How often each pair of options got each number of votes for the first, (pairs, T + 1)."""

    pairs: PairWeights
    counts: Floats
    size: int


class VoteFit(NamedTuple):
    """The types behind the votes, (T, K), and the covariance, (K, K), of their average."""

    types: Floats
    covariance: Floats
    n_agreeing: int
    spread: float


def votes_of(labels: Floats, pairs: Integers, counts: Floats, size: int) -> Votes:
    """Count votes.

    Raises
    ------
    InputError
        If a label is soft.
    """
    if ((labels > 0.0) & (labels < 1.0)).any():
        raise _validate.complaint("labels", "0 or 1 for the number of votes", "others")
    n_types = labels.shape[1]
    swapped = pairs[:, 0] > pairs[:, 1]
    votes = labels.sum(axis=1).astype(np.int64)
    votes = np.where(swapped, n_types - votes, votes)
    key, place = np.unique(pairs.min(axis=1) * size + pairs.max(axis=1), return_inverse=True)
    table = np.zeros((len(key), n_types + 1))
    np.add.at(table, (place, votes), counts)
    asked = table.sum(axis=1)
    first, second = np.divmod(key, size)
    return Votes(PairWeights(first, second, asked / asked.sum()), table, size)


def fit_votes(
    votes: Votes,
    n_types: int,
    pooled: Floats,
    prior: float,
    n_starts: int,
    rng: np.random.Generator,
) -> VoteFit:
    """Return the best maximum from random starts around the pooled rewards.

    Raises
    ------
    ConvergenceError
        If it is not reached.
    """
    likelihood = _Likelihood(votes, n_types, prior)
    ends = []
    for _ in range(n_starts):
        types = pooled + rng.normal(0.0, 1.5, (n_types, votes.size))
        ends.append(_climb(likelihood, types))
    best = max(ends, key=lambda end: end.value)
    if not best.converged:
        reason = "; some rewards have no finite maximum, and a prior gives one"
        far = reason if np.abs(best.types).max() > FARTHEST else ""
        raise ConvergenceError(f"vote counts: no maximum in {MOST_STEPS} steps{far}")
    agreeing = [end for end in ends if end.value > best.value - AGREE]
    means = np.array([end.types.mean(axis=0) for end in agreeing])
    apart = means - best.types.mean(axis=0)
    spread = float(np.ptp(apart, axis=1).max())
    return VoteFit(best.types, likelihood.covariance(best.types), len(agreeing), spread)


class _End(NamedTuple):
    types: Floats
    value: float
    converged: bool


class _Likelihood:
    """The log-likelihood of votes; parameters are the types' rewards less the first option's."""

    def __init__(self, votes: Votes, n_types: int, prior: float) -> None:
        self.votes, self.n_types, self.prior = votes, n_types, prior
        size = votes.size
        self.free = n_types * (size - 1)
        centre = (np.eye(size) - 1.0 / size)[1:, 1:]
        self.precision = prior * np.kron(np.eye(n_types), centre)
        self._seen = votes.counts.T.ravel()  # as `VoteCounts` lists them: by votes, then pairs
        self._asked = np.tile(votes.counts.sum(axis=1), n_types + 1)

    def _answers(self, types: Floats) -> Numbers:
        model = Model.at(Population(types), np.zeros(0))
        return VoteCounts().answers(model, self.votes.pairs, np.random.default_rng(0)).chances

    def value(self, types: Floats) -> float:
        """Return the penalised log-likelihood."""
        wins = Model.of_types(types).wins(self.votes.pairs.first, self.votes.pairs.second).value
        chances = np.zeros((self.n_types + 1, wins.shape[1]))
        chances[0] = 1.0
        for win in wins:
            chances[1:] = chances[1:] * (1.0 - win) + chances[:-1] * win
            chances[0] *= 1.0 - win
        with np.errstate(divide="ignore"):
            logs = np.log(chances.ravel())
        centred = types - types.mean(axis=1, keepdims=True)
        seen = self._seen > 0.0
        fit = float(self._seen[seen] @ logs[seen])
        return fit - 0.5 * self.prior * float((centred**2).sum())

    def at(self, types: Floats) -> tuple[Floats, Floats]:
        """Return the score and the information."""
        found = self._answers(types)
        slopes = found.slope[:, : self.free]
        chances = np.maximum(found.value, np.finfo(float).tiny)
        score = slopes.T @ (self._seen / chances)
        information = (slopes * (self._asked / chances)[:, None]).T @ slopes
        parameters = (types[:, 1:] - types[:, :1]).ravel()
        return score - self.precision @ parameters, information + self.precision

    def covariance(self, types: Floats) -> Floats:
        """Return the covariance of the types' average rewards, centred."""
        _, information = self.at(types)
        size = self.votes.size
        ways = np.zeros((size, self.free))
        for u in range(self.n_types):
            ways[1:, u * (size - 1) : (u + 1) * (size - 1)] = np.eye(size - 1) / self.n_types
        ways -= ways.mean(axis=0)
        values, vectors = np.linalg.eigh(information)
        kept = values > NOISE * values.max()
        moved = ways @ vectors[:, kept]
        return np.asarray((moved / values[kept]) @ moved.T)


def _climb(likelihood: _Likelihood, types: Floats) -> _End:
    """Go up by Fisher's scoring, with steps that are halved until the value rises."""
    value = likelihood.value(types)
    for _ in range(MOST_STEPS):
        score, information = likelihood.at(types)
        damped = information + DAMPING * np.diag(information).max() * np.eye(len(score))
        step = np.linalg.solve(damped, score)
        if score @ step <= DECREMENT:
            return _End(types, value, converged=True)
        move = np.zeros_like(types)
        move[:, 1:] = step.reshape(likelihood.n_types, -1)
        for halvings in range(HALVINGS):
            new = types + 0.5**halvings * move
            if np.abs(new).max() <= 2.0 * FARTHEST and (reached := likelihood.value(new)) > value:
                break
        else:
            # Rounding decides where no step is up.
            return _End(types, value, converged=bool(score @ step <= 1e-6))
        types, value = new, reached
        if np.ptp(types, axis=1).max() > FARTHEST:
            break
    return _End(types, value, converged=False)

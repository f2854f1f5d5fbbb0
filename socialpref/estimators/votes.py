"""The likelihood of the number of votes in panels with one of each type."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..links import log_logistic
from ..population import Population
from ..theory.answers import Model
from ..theory.structures import PairWeights, VoteCounts
from .sandwich import pulls

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
GOAL = 1e-7, 1e-3
"""Derivatives of the log-likelihood, per panel and in all, at which a start stops."""
TOLERANCE = 1e-6
"""The largest derivative that is accepted."""
MOST_STEPS = 2000
MEMORY = 30
"""Past steps that the search remembers."""
FARTHEST = 40.0
"""Rewards are searched up to here, where probabilities are still floats."""
BEYOND = 5.0
"""A maximum is not finite if a gap is more than this above the logarithm of how many panels there
are: such panels would not show it."""
SPREAD = 1.5
"""Standard deviation of the types' rewards at the start."""
AGREE = 0.01
"""Starts agree if their log-likelihoods are this near."""
NOISE = 1e-12
"""Eigenvalues of the information below this, relative to the largest, are taken for 0."""
TINY = float(np.finfo(float).tiny)


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
    begins = pooled + rng.normal(0.0, SPREAD, (n_starts, n_types, votes.size))
    ends = [_climb(likelihood, begin) for begin in begins]
    best = max(ends, key=lambda end: end.value)
    gaps = best.types[:, likelihood.pairs[:, 0]] - best.types[:, likelihood.pairs[:, 1]]
    if not prior and np.abs(gaps).max() > np.log(likelihood.n) + BEYOND:
        raise ConvergenceError(
            "vote counts: the rewards run away, for the votes have no finite maximum without a "
            "prior"
        )
    if best.residual > TOLERANCE:
        raise ConvergenceError(
            f"vote counts: residual {best.residual:.2e}, tolerance {TOLERANCE:.2e}"
        )
    agreeing = [end for end in ends if end.value > best.value - AGREE / likelihood.n]
    apart = np.array([end.types - best.types for end in agreeing]).mean(axis=1)
    spread = float(np.ptp(apart, axis=1).max())
    return VoteFit(best.types, likelihood.covariance(best.types), len(agreeing), spread)


class _End(NamedTuple):
    """Where a start ended."""

    types: Floats
    value: float
    residual: float


class _Likelihood:
    """The log-likelihood of votes, per panel; parameters are the types' rewards."""

    def __init__(self, votes: Votes, n_types: int, prior: float) -> None:
        self.votes, self.n_types, self.prior = votes, n_types, prior
        self.n = float(votes.counts.sum())
        self.pairs = np.stack([votes.pairs.first, votes.pairs.second], axis=1)

    def at(self, types: Floats) -> tuple[float, Floats]:
        """Return the value with the prior, and its derivatives, (T, K), per panel."""
        gaps = types[:, self.pairs[:, 0]] - types[:, self.pairs[:, 1]]
        logs = log_logistic(gaps), log_logistic(-gaps)
        wins, losses = np.exp(logs[0]), np.exp(logs[1])
        chances = np.maximum(_counts(wins, losses), TINY)
        centred = types - types.mean(axis=1, keepdims=True)
        value = float((self.votes.counts.T * np.log(chances)).sum())
        value -= 0.5 * self.prior * float((centred**2).sum())
        rates = self.votes.counts.T / chances
        slope = -self.prior * centred
        for u in range(self.n_types):
            others = _counts(np.delete(wins, u, axis=0), np.delete(losses, u, axis=0))
            one_more = (rates[1:] * others).sum(axis=0) - (rates[:-1] * others).sum(axis=0)
            slope[u] += pulls(self.pairs, wins[u] * losses[u] * one_more, self.votes.size)
        return value / self.n, slope / self.n

    def covariance(self, types: Floats) -> Floats:
        """Return the covariance of the types' average rewards, from the information."""
        size = self.votes.size
        model = Model.at((Population(types),), np.zeros(0))
        answers = VoteCounts().answers(model, self.votes.pairs, np.random.default_rng(0))
        free = self.n_types * (size - 1)
        slopes = answers.chances.slope[:, :free]
        weights = self.n * answers.weights / np.maximum(answers.chances.value, TINY)
        centre = (np.eye(size) - 1.0 / size)[1:, 1:]
        information = (slopes * weights[:, None]).T @ slopes
        information += self.prior * np.kron(np.eye(self.n_types), centre)
        ways = np.tile(np.eye(size)[:, 1:] - 1.0 / size, self.n_types) / self.n_types
        values, vectors = np.linalg.eigh(information)
        kept = values > NOISE * values.max()
        moved = ways @ vectors[:, kept]
        return np.asarray((moved / values[kept]) @ moved.T)


def _counts(wins: Floats, losses: Floats) -> Floats:
    """Return how likely each number of types prefers the first, (T + 1, pairs)."""
    chances = np.zeros((len(wins) + 1, wins.shape[1]))
    chances[0] = 1.0
    for win, loss in zip(wins, losses, strict=True):
        chances[1:] = chances[1:] * loss + chances[:-1] * win
        chances[0] *= loss
    return chances


def _climb(likelihood: _Likelihood, types: Floats) -> _End:
    """Go up by a quasi-Newton method."""
    from scipy.optimize import minimize

    def down(parameters: Floats) -> tuple[float, Floats]:
        value, slope = likelihood.at(parameters.reshape(types.shape))
        return -value, -slope.ravel()

    options = {
        "gtol": min(GOAL[0], GOAL[1] / likelihood.n),
        "ftol": 0.0,
        "maxiter": MOST_STEPS,
        "maxfun": 2 * MOST_STEPS,
        "maxcor": MEMORY,
    }
    found = minimize(
        down,
        types.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-FARTHEST, FARTHEST)] * types.size,
        options=options,
    )
    end = found.x.reshape(types.shape)
    return _End(
        end - end.mean(axis=1, keepdims=True), -float(found.fun), float(np.abs(found.jac).max())
    )

"""What DPO converges to: the Bradley-Terry fit to the population's preferences."""

import numpy as np
from numpy.typing import ArrayLike

from ..bradley_terry.pairs import LogPairs
from ..bradley_terry.solver import Maximum, maximise
from ..errors import ConvergenceError
from ..links import Link, Logistic, Probit
from ..population import Population
from .design import pair_design
from .limit import ROUNDING, TOLERANCE, Floats, Limit, limit_of, per_prompt

GOAL = 1e-13
"""Newton steps go on until they are as small as this, where rounding allows it."""


SMALLEST = 1e-290
"""Preferences smaller than this are computed by their logarithms."""


@per_prompt
def dpo_limit(
    population: Population,
    *,
    sampling: ArrayLike | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
) -> Limit:
    """Return what DPO converges to on anonymous comparisons.

    Its implicit rewards are the Bradley-Terry fit to the population's preferences:
    ``sum_z d(z) sigma(h(y) - h(z)) = NBC(y)`` for every y. They are ordered as NBC is, whatever
    the sampling distribution; with a pair design they need not be.

    Parameters
    ----------
    population : Population
    sampling : array_like, shape (K,) or (K, K), optional
        The sampling distribution, positive everywhere, or a symmetric matrix of weights of
        pairs; uniform if omitted.
    beta, reference
        As for `optimal_policy`.

    Returns
    -------
    Limit
        Its rewards are right to ``1e-8 * max(1, |h|)``. Of a single type with the logistic link
        they are the type's own, divided by the temperature.

    Raises
    ------
    InputError
        If an argument is out of its range, or the design leaves alternatives that cannot be
        compared.
    ConvergenceError
        If the rewards cannot be found as exactly as that, or beta is so small that their
        rounding decides between options.

    References
    ----------
    arXiv 2502.16320, section 4; Siththaranjan et al. (2024), arXiv 2312.08358.

    Examples
    --------
    DPO prefers the mediocre winner:

    >>> from socialpref import Population, dpo_limit
    >>> dpo_limit(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])).policy.round(5)
    array([0.31879, 0.36242, 0.31879])
    """
    return limit_of("DPO", dpo_rewards(population, sampling), population, beta, reference)


def log_link(link: Link, gaps: Floats) -> Floats:
    """Return the logarithms of preferences; of the package's own links they do not underflow."""
    with np.errstate(divide="ignore", over="ignore"):
        if type(link) is Logistic:
            return -np.logaddexp(0.0, -gaps / link.temperature)
        if type(link) is Probit:
            from scipy.special import log_ndtr

            return np.asarray(log_ndtr(gaps / link.temperature))
        return np.log(link(gaps))


def log_preferences(population: Population) -> Floats:
    """Return the logarithms, (K, K), of the population's preferences."""
    preferences = population.pairwise()
    if preferences.min() >= SMALLEST:
        return np.log(preferences)
    total = np.full(preferences.shape, -np.inf)
    for share, reward in zip(population.shares, population.rewards, strict=True):
        if share:
            gaps = reward[:, None] - reward[None, :]
            total = np.logaddexp(total, np.log(share) + log_link(population.link, gaps))
    return total


def exact_rewards(population: Population, means: Floats, temperature: float = 1.0) -> Maximum:
    """Return means of the types' rewards, in units of the temperature."""
    with np.errstate(over="ignore"):
        rewards = (means - means.mean()) / temperature
        error = ROUNDING * float(np.abs(population.rewards).max()) / temperature
    if not np.isfinite(rewards).all():
        raise ConvergenceError(f"rewards divided by the temperature {temperature:g} overflow")
    return Maximum(rewards, error, 0)


def dpo_rewards(population: Population, sampling: ArrayLike | None) -> Maximum:
    """Return the implicit rewards of DPO's limit."""
    weights = pair_design(population, sampling)
    if population.n_types == 1 and type(population.link) is Logistic:
        return exact_rewards(population, population.rewards[0], population.link.temperature)
    return fit_log_odds(log_preferences(population), weights)


def fit_log_odds(log_wins: Floats, weights: Floats) -> Maximum:
    """Return the Bradley-Terry fit to how often, (K, K), each option wins against each other."""
    compared = (weights > 0.0) & ~np.eye(len(weights), dtype=bool)
    if not np.isfinite(log_wins[compared]).all():
        raise ConvergenceError(
            "Bradley-Terry fit: the link gives preferences of 0 or 1, and no finite rewards fit"
        )
    logs = np.full(weights.shape, -np.inf)
    logs[compared] = log_wins[compared] + np.log(weights[compared])
    pairs = LogPairs.of_matrix(logs - logs.max())
    return maximise(pairs, len(logs), tolerance=TOLERANCE, goal=GOAL)

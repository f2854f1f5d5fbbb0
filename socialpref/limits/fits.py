"""Exact rewards, and Bradley-Terry fits to preferences, which several limits use."""

import numpy as np
from numpy.typing import ArrayLike

from ..bradley_terry.elimination import eliminate
from ..bradley_terry.pairs import LogPairs
from ..bradley_terry.solver import maximise, maximise_ahead
from ..errors import ConvergenceError
from ..links import Link, Logistic, Scaled
from ..population import Population
from .design import pair_design
from .limit import ROUNDING, TOLERANCE, Floats, ImplicitRewards

GOAL = 1e-13
"""Newton steps go on until they are as small as this, where rounding allows it."""


SMALLEST = 1e-290
"""Preferences smaller than this are computed by their logarithms."""


def log_link(link: Link, gaps: Floats) -> Floats:
    """Return the logarithms of preferences; for the package's own links they do not underflow."""
    if isinstance(link, Scaled):
        return link.log(gaps)
    with np.errstate(divide="ignore"):
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


def exact_rewards(
    population: Population, means: Floats, temperature: float = 1.0
) -> ImplicitRewards:
    """Return means of the types' rewards, in units of the temperature."""
    with np.errstate(over="ignore"):
        rewards = (means - means.mean()) / temperature
        error = ROUNDING * float(np.abs(population.rewards).max()) / temperature
    if not np.isfinite(rewards).all():
        raise ConvergenceError(f"rewards divided by the temperature {temperature:g} overflow")
    return ImplicitRewards(rewards, error)


def bradley_terry_rewards(population: Population, sampling: ArrayLike | None) -> ImplicitRewards:
    """Return the Bradley-Terry fit to the population's preferences."""
    weights = pair_design(population, sampling)
    if population.n_types == 1 and type(population.link) is Logistic:
        return exact_rewards(population, population.rewards[0], population.link.temperature)
    return fit_log_odds(log_preferences(population), weights)


def fit_log_odds(log_wins: Floats, weights: Floats, ahead: float = 0.0) -> ImplicitRewards:
    """Return the Bradley-Terry fit to how often, (K, K), each option wins against each other.

    Of a winner counts by how much it is more than `ahead` above the loser.
    """
    compared = (weights > 0.0) & ~np.eye(len(weights), dtype=bool)
    if not np.isfinite(log_wins[compared]).all():
        raise ConvergenceError(
            "Bradley-Terry fit: the link gives preferences of 0 or 1, and no finite rewards fit"
        )
    logs = np.full(weights.shape, -np.inf)
    logs[compared] = log_wins[compared] + np.log(weights[compared])
    pairs = LogPairs.of_matrix(logs - logs.max())
    if ahead:
        found = maximise_ahead(pairs, len(logs), ahead=ahead, tolerance=TOLERANCE, goal=GOAL)
    else:
        found = maximise(pairs, len(logs), tolerance=TOLERANCE, goal=GOAL)
    return ImplicitRewards(*found)


def least_squares(gaps: Floats, weights: Floats, error: float) -> ImplicitRewards:
    """Return the rewards whose gaps are nearest to given ones, (K, K), which are off by an error.

    The weights, (K, K) and symmetric, can be as far apart as floats are.
    """
    errors = np.full(gaps.shape, error)
    with np.errstate(divide="ignore"):
        rewards, bound = eliminate(np.log(weights), np.array([gaps, errors]))
    return ImplicitRewards(rewards - rewards.mean(), float(bound.max() + bound.mean()))

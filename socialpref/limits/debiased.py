"""Bradley-Terry fits to preferences that a correction for noise can move out of [0, 1]."""

import numpy as np

from ..errors import ConvergenceError, InputError
from .limit import ROUNDING, Floats, ImplicitRewards, is_right

EDGE = 1e-9
"""How far inside the preferences that rewards can give the corrected ones must be."""

GOAL = 1e-14
"""Newton steps go on until they are as small as this, where rounding allows it."""

MAX_STEPS = 200
HALVINGS = 60


def fit_debiased(wins: Floats, weights: Floats, option: str, value: float) -> ImplicitRewards:
    """Return the Bradley-Terry fit to corrected preferences: the minimum of DPO's loss at them.

    A minimum exists if and only if some preferences strictly between 0 and 1 give every option
    the same share of wins.

    Parameters
    ----------
    wins : ndarray, shape (K, K)
        How often each option wins, ``P(y, z) + P(z, y) = 1``; need not lie in [0, 1].
    weights : ndarray, shape (K, K)
        Of the pairs, symmetric.
    option, value : str, float
        The option of the method that corrects, and its value, which errors name.

    Raises
    ------
    InputError
        If the loss has no minimum.
    ConvergenceError
        If the rewards cannot be found to ``1e-8 * max(1, |h|)``.
    """
    room = _room(wins, weights)
    if room < -EDGE:
        raise InputError(
            f"'{option}' must leave the loss a minimum; got {value:g}, at which some options win "
            "more often than any rewards allow."
        )
    if room <= EDGE:
        raise ConvergenceError(
            f"at {option} {value:g} rounding decides whether the loss has a minimum"
        )
    found = _minimum(wins, weights)
    if not is_right(found.rewards, found.error):
        raise ConvergenceError(f"at {option} {value:g} rewards are known to {found.error:.2e} only")
    return found


def _minimum(wins: Floats, weights: Floats) -> ImplicitRewards:
    """Return the rewards at the minimum, by Newton's method with halved steps."""
    size = len(weights)
    apart = weights * (1.0 - np.eye(size))
    apart /= apart.max()  # all pairs can be rare beside an option with itself
    level = np.full((size, size), 1.0 / size)

    def total(h: Floats) -> float:
        return float((apart * wins * np.logaddexp(0.0, h[None, :] - h[:, None])).sum())

    h = np.zeros(size)
    value = total(h)
    iteration, error = 0, np.inf
    while iteration < MAX_STEPS:
        iteration += 1
        margins = h[:, None] - h[None, :]
        lost = np.exp(-np.logaddexp(0.0, margins))
        pulls = -apart * wins * lost
        bends = apart * wins * lost * lost.T
        gradient = (pulls - pulls.T).sum(axis=1)
        try:
            inverse = np.linalg.inv(_laplacian(bends + bends.T) + level) - level
        except np.linalg.LinAlgError:
            break  # the loss is too straight
        step = -inverse @ gradient
        noise = ROUNDING * np.abs(inverse) @ (np.abs(pulls) + np.abs(pulls).T).sum(axis=1)
        error = float(np.abs(step).max() + noise.max())
        if np.abs(step).max() <= GOAL * max(1.0, float(np.abs(h).max())):
            break
        for _ in range(HALVINGS):
            if (new := total(h + step)) <= value:
                break
            step /= 2.0
        else:
            break  # no step lowers the loss: rounding decides
        h, value = h + step, new
    return ImplicitRewards(h, error, iteration)


def _room(wins: Floats, weights: Floats) -> float:
    """Return how far inside (0, 1) preferences can stay that give the same shares of wins.

    Negative if they cannot.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    size = len(weights)
    high, low = np.tril_indices(size, -1)
    pairs = np.flatnonzero(weights[low, high])
    low, high = low[pairs], high[pairs]
    n, w = len(low), weights[low, high]
    total = np.bincount(low, w, size) + np.bincount(high, w, size)  # rows in parts of it
    # The low option of pair i wins it q_i of the time, t <= q_i <= 1 - t; t is to be large.
    number = np.arange(n)
    columns = np.concatenate([number, number])
    equal = coo_array(
        (
            np.concatenate([w / total[low], -w / total[high]]),
            (np.concatenate([low, high]), columns),
        ),
        (size, n + 1),
    )
    gained = w * wins[low, high]
    won = (np.bincount(low, gained, size) - np.bincount(high, gained, size)) / total
    inside = coo_array(
        (
            np.concatenate([-np.ones(n), np.ones(n), np.ones(2 * n)]),
            (
                np.concatenate([number, n + number, number, n + number]),
                np.concatenate([columns, np.full(2 * n, n)]),
            ),
        ),
        (2 * n, n + 1),
    )
    found = linprog(
        np.append(np.zeros(n), -1.0),
        A_ub=inside.tocsr(),
        b_ub=np.append(np.zeros(n), np.ones(n)),
        A_eq=equal.tocsr(),
        b_eq=won,
        bounds=[(None, None)] * (n + 1),
        method="highs",
    )
    if found.status != 0:
        raise ConvergenceError(f"existence of a minimum: {found.message}")
    return float(-found.fun)


def _laplacian(links: Floats) -> Floats:
    return np.diag(links.sum(axis=1)) - links

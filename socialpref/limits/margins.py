"""Minima of losses of a margin: the sum over pairs of ``W(y, z) P(y, z) l(h(y) - h(z))``."""

from typing import Protocol

import numpy as np

from ..errors import ConvergenceError
from .limit import ROUNDING, Floats, ImplicitRewards, is_right

GOAL = 1e-14
"""Newton steps go on until they are as small as this, where rounding allows it."""

MAX_STEPS = 200
HALVINGS = 60


class MarginLoss(Protocol):
    """A smooth loss of the margin by which a winner's reward is above the loser's."""

    def value(self, margin: Floats) -> Floats:
        """Return l."""
        ...

    def slope(self, margin: Floats) -> Floats:
        """Return its derivative."""
        ...

    def curvature(self, margin: Floats) -> Floats:
        """Return its second derivative."""
        ...


def minimise(loss: MarginLoss, wins: Floats, weights: Floats, method: str) -> ImplicitRewards:
    """Return the rewards at the minimum of a loss whose sum over pairs is strictly convex.

    Newton's method with halved steps.

    Parameters
    ----------
    loss : MarginLoss
    wins : ndarray, shape (K, K)
        How often each option wins, ``P(y, z) + P(z, y) = 1``; need not lie in [0, 1].
    weights : ndarray, shape (K, K)
        Of the pairs, symmetric.
    method : str
        What an error names.

    Raises
    ------
    ConvergenceError
        If the rewards cannot be found to ``1e-8 * max(1, |h|)``.
    """
    size = len(weights)
    apart = weights * (1.0 - np.eye(size))
    level = np.full((size, size), 1.0 / size)

    def total(h: Floats) -> float:
        return float((apart * wins * loss.value(np.subtract.outer(h, h))).sum())

    h = np.zeros(size)
    value = total(h)
    iteration, error = 0, np.inf
    while iteration < MAX_STEPS:
        iteration += 1
        margins = np.subtract.outer(h, h)
        pulls = apart * wins * loss.slope(margins)
        bends = apart * wins * loss.curvature(margins)
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
    if not is_right(h, error):
        raise ConvergenceError(f"{method}: rewards are known to {error:.2e} only")
    return ImplicitRewards(h, error, iteration)


def _laplacian(links: Floats) -> Floats:
    return np.diag(links.sum(axis=1)) - links

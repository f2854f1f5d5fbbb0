"""The worked examples of the theory, as populations."""

import numpy as np

from . import _validate
from .population import Population


def mediocre_winner() -> Population:
    """Return three types and three options: M is first by NBC and last by average reward.

    Each option is the favourite of one type, and the type that prefers M gains little from it.
    No sampling distribution makes A or B overtake M.

    References
    ----------
    arXiv 2502.16320, section 4.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> mediocre_winner().mean_rewards().round(4)
    array([1.3333, 1.1667, 1.3333])
    """
    return Population([[4.0, 1.0, 0.0], [0.0, 1.5, 0.0], [0.0, 1.0, 4.0]], options=["A", "M", "B"])


def two_camps() -> Population:
    """Return two types whose top two options swap at total variation 0.106697 from uniform.

    Examples
    --------
    >>> from socialpref import flip
    >>> from socialpref.examples import two_camps
    >>> round(flip(two_camps()).distance, 6)
    0.106697
    """
    return Population([[0.0, -1.0, -2.0], [0.0, -2.0, 4.0]], options=["A", "B", "C"])


def ring(size: int = 40) -> tuple[Population, ...]:
    """Return the ring environment: one population for each of `size` states.

    Action a in state x has the offset ``delta = a - x``, on a circle. Three equal types like the
    offsets around -size/4, 0 and size/4; the outer two care more, and about a wider stretch.

    Parameters
    ----------
    size : int
        Number of states and of actions; a multiple of 4, the paper's is 40.

    Returns
    -------
    tuple of Population

    Raises
    ------
    InputError
        If `size` is not a positive multiple of 4.

    References
    ----------
    arXiv 2502.16320, section 7.2.

    Examples
    --------
    >>> from socialpref.examples import ring
    >>> ring()[0].mean_rewards()[[0, 10, 30]].round(5)
    array([1.16667, 1.33333, 1.33333])
    """
    if _validate.integer("size", size, 4) % 4:
        raise _validate.complaint("size", "a positive multiple of 4", repr(size))
    options = np.arange(size)
    peaks, heights, slopes = (-size // 4, 0, size // 4), (4.0, 1.5, 4.0), (0.075, 0.1, 0.075)
    populations = []
    for state in range(size):
        rewards = np.empty((3, size))
        for u, (peak, height, slope) in enumerate(zip(peaks, heights, slopes, strict=True)):
            apart = (options - state - peak) % size
            distance = np.minimum(apart, size - apart) * 40 / size
            rewards[u] = height * np.maximum(0.0, 1.0 - slope * distance)
        populations.append(Population(rewards, types=("left", "middle", "right")))
    return tuple(populations)

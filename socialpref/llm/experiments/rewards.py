"""Three types of annotators who judge a text by nothing but its length in tokens."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import _validate
from ..data import LIMIT, check_pairs

Floats = NDArray[np.float64]

TYPES = ("likes long", "likes short", "likes the middle")
TIE = 1e-9
"""Mean rewards closer than this are equal: lengths x and 512 - x are, up to rounding."""


def length_rewards(lengths: ArrayLike) -> Floats:
    """Return what texts of given lengths are worth to each type.

    Parameters
    ----------
    lengths : array_like, any shape
        Tokens of the whole text, prompt and response; positive, cut at `LIMIT`.

    Returns
    -------
    ndarray, shape (3, ...)
        Rewards of `TYPES`: ``min(4, exp(x / 80) / 100)``, the same of ``512 - x``, and
        ``exp(1 / (((x - 256) / 64)^2 + 1)) - 1``.

    Raises
    ------
    InputError
        If a length is not positive and finite.

    References
    ----------
    arXiv 2502.16320, section 7.3.

    Examples
    --------
    >>> from socialpref.llm.experiments import length_rewards
    >>> length_rewards([64, 256, 512]).mean(axis=0).round(3)
    array([0.944, 0.736, 1.357])
    """
    given = _validate.any_array("lengths", lengths, "an array of numbers")
    wrong = given[~((given > 0.0) & np.isfinite(given))]
    if wrong.size:
        raise _validate.complaint("lengths", "positive and finite", f"{wrong[0]:g} among them")
    x = np.minimum(given, LIMIT)
    return np.stack(
        [
            np.minimum(4.0, np.exp(x / 80.0) / 100.0),
            np.minimum(4.0, np.exp((LIMIT - x) / 80.0) / 100.0),
            np.exp(1.0 / (((x - 256.0) / 64.0) ** 2 + 1.0)) - 1.0,
        ]
    )


def reward_gaps(lengths: NDArray[np.int64]) -> Floats:
    """Return how much more the first text of each pair is worth to each type.

    Parameters
    ----------
    lengths : ndarray, shape (n, 2)

    Returns
    -------
    ndarray, shape (3, n)
    """
    rewards = length_rewards(check_pairs(lengths))
    return rewards[..., 0] - rewards[..., 1]


def mean_signs(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which text of each pair is worth more on average: 1, the first; -1; 0, a tie."""
    mean = reward_gaps(lengths).mean(axis=0)
    return np.where(np.abs(mean) < TIE, 0, np.sign(mean)).astype(np.int64)

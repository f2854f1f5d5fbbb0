"""The scores that a flip changes: a table whose product with a distribution is the scores."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import InputError
from ..links import Link, check_values
from .claim import Over, Score

Floats = NDArray[np.float64]


def check_score(over: Over, score: Score, sampling: Any) -> None:
    """Refuse a score that does not depend on what is changed, or on the sampling given with it."""
    _validate.choice("over", over, ("sampling", "shares"))
    _validate.choice("score", score, ("nbc", "average reward"))
    if score == "average reward":
        if over == "sampling":
            raise InputError(
                "'score' must be 'nbc' with over='sampling': the average reward does not depend "
                "on the sampling distribution."
            )
        if sampling is not None:
            raise InputError(
                "'sampling' must be left out with score='average reward', which does not depend "
                "on the sampling distribution."
            )


def nbc_tables(
    rewards: Floats, shares: Floats, link: Link, sampling: Floats
) -> tuple[Floats, Floats]:
    """Return the two tables of NBC: their products with the sampling, and with the shares, are it.

    Parameters
    ----------
    rewards : ndarray, shape (..., T, K)
    shares : ndarray, shape (..., T)
    link : Link
    sampling : ndarray, shape (K,) or (..., K)

    Returns
    -------
    ndarray, shape (..., K, K)
        Preferences of all annotators.
    ndarray, shape (..., K, T)
        NBC of every option among the annotators of each type.
    """
    together, columns = np.zeros(()), []
    for u, reward in enumerate(np.moveaxis(rewards, -2, 0)):
        gaps = reward[..., :, None] - reward[..., None, :]
        preferences = check_values(link(gaps), gaps.shape)
        together = together + shares[..., u, None, None] * preferences
        columns.append((preferences @ sampling[..., None])[..., 0])
    return together, np.stack(columns, axis=-1)

"""Intervals of what was computed of every draw of a population."""

from typing import Any

from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..draws import Draws
from ..errors import InputError
from .intervals import Interval


def interval_of(draws: Draws, values: ArrayLike, level: float = 0.95) -> Interval:
    """Return the percentile interval of a number that was computed of each draw.

    Parameters
    ----------
    draws : Draws
        Draws that are samples: percentiles of others mean nothing.
    values : array_like, shape (R,)
        One for each draw, infinities included.
    level : float
        The nominal coverage, in (0, 1).

    Raises
    ------
    InputError
        If the draws are not samples, there is not one value for each, or as for `Interval.of`.

    Examples
    --------
    >>> from socialpref import Draws, flip_distances
    >>> from socialpref.inference import interval_of
    >>> replicates = Draws([[[1, 0]], [[0, 0]]], samples=False)
    >>> interval_of(replicates, flip_distances(replicates))
    Traceback (most recent call last):
        ...
    socialpref.errors.InputError: 'draws' must be samples, for percentiles to mean something; ...
    """
    return Interval.of(_of_samples(draws, values, 1, "one number for each draw"), level)


def intervals_of(draws: Draws, values: ArrayLike, level: float = 0.95) -> tuple[Interval, ...]:
    """Return the percentile intervals of numbers, one of each option, of each draw.

    Parameters
    ----------
    draws : Draws
        Draws that are samples.
    values : array_like, shape (R, K)
        A row for each draw, such as its scores, or the policy that a method learns of it.
    level : float
        The nominal coverage, in (0, 1).

    Returns
    -------
    tuple of Interval
        One for each column.

    Raises
    ------
    InputError
        As for `interval_of`.

    Examples
    --------
    >>> import numpy as np
    >>> from socialpref import DPO, Draws
    >>> from socialpref.inference import intervals_of
    >>> rng = np.random.default_rng(0)
    >>> draws = Draws(np.array([[0, -1, -2], [0, -2, 4]]) + rng.normal(0, 0.1, (100, 2, 3)))
    >>> policies = [limit.policy for limit in DPO().limit(draws)]
    >>> [interval.describe("{:.2f}") for interval in intervals_of(draws, policies)]
    ['0.42 to 0.46', '0.15 to 0.18', '0.38 to 0.41']
    """
    table = _of_samples(draws, values, 2, "a row of numbers for each draw")
    return tuple(Interval.of(column, level) for column in table.T)


def _of_samples(draws: Draws, values: ArrayLike, ndim: int, must: str) -> NDArray[Any]:
    """Return the values, if there are some for each draw, and the draws are samples."""
    _validate.instance("draws", draws, Draws, "Draws")
    if not draws.samples:
        raise InputError(
            "'draws' must be samples, for percentiles to mean something; these are replicates of "
            "another kind, from which standard errors are computed."
        )
    array = _validate.any_array("values", values, must)
    if array.ndim != ndim or len(array) != len(draws):
        raise _validate.complaint("values", must, f"shape {array.shape}")
    return array

"""Policies and flip distances of all draws of a population at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..draws import Draws
from ..errors import ConvergenceError, InputError
from ..flips.greedy import pair_flip_distances
from ..limits.limit import POLICY_TOLERANCE, ROUNDING
from .intervals import Interval

Floats = NDArray[np.float64]

BLOCK = 1 << 22
"""Preference probabilities held at once; bounds memory."""


@dataclass(frozen=True, eq=False)
class DrawnFlips:
    """How far each of R draws is from another ranking and from another winner.

    Attributes
    ----------
    ranking, winner : ndarray, shape (R,)
        Distances in total variation; inf where no sampling distribution does it, NaN where all
        options, or all for first place, are tied.
    nbc : ndarray, shape (R, K)
        Normalized Borda counts at the base.
    """

    ranking: Floats
    winner: Floats
    nbc: Floats


def drawn_flips(
    draws: Draws, sampling: ArrayLike | None = None, *, margin: float = 0.0, floor: float = 0.0
) -> DrawnFlips:
    """Return the distances of the nearest ranking flip and winner flip of every draw.

    Parameters
    ----------
    draws : Draws
    sampling : array_like, shape (K,) or (R, K), optional
        The base of all or of each draw; uniform if omitted.
    margin, floor : float
        As for `flip_distances`.

    Returns
    -------
    DrawnFlips

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> from socialpref import Draws
    >>> from socialpref.inference import drawn_flips
    >>> draws = Draws([[[0, -1, -2], [0, -2, 4]], [[4, 1, 0], [4, 1, 0]]])
    >>> drawn_flips(draws).ranking.round(4)
    array([0.1067,    inf])
    """
    _validate.instance("draws", draws, Draws, "Draws")
    base = draws.sampling(sampling)
    size = draws.n_options
    per_block = max(1, BLOCK // (size * size * max(size, draws.rewards.shape[1])))
    parts = []
    for start in range(0, len(draws), per_block):
        rows = slice(start, start + per_block)
        d = base if base.ndim == 1 else base[rows]
        matrices = draws.pairwise(rows)
        scores = (matrices @ d[..., None])[..., 0]
        distances = pair_flip_distances(matrices, d, margin=margin, floor=floor)
        winner = distances[np.arange(len(scores)), scores.argmax(axis=1)]
        parts.append(
            (np.fmin.reduce(distances, axis=(1, 2)), np.fmin.reduce(winner, axis=1), scores)
        )
    return DrawnFlips(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def drawn_policies(
    draws: Draws, *, beta: float = 1.0, reference: ArrayLike | None = None
) -> Floats:
    """Return the best single policy of every draw, shape (R, K).

    With the logistic link at temperature 1 they are also the limits of reward averaging and,
    where labels are in proportion to the shares, of the agreement-only loss. The limits of other
    methods take ``population.drawn()``, one population for each draw.

    Parameters
    ----------
    draws : Draws
    beta, reference
        As for `optimal_policy`.

    Raises
    ------
    InputError
        If an argument is out of its range.
    ConvergenceError
        If beta is so small that rounding of the rewards decides between options.

    Examples
    --------
    >>> from socialpref import Draws
    >>> from socialpref.inference import drawn_policies
    >>> drawn_policies(Draws([[[1, 0]], [[0, 0]]])).round(4)
    array([[0.7311, 0.2689],
           [0.5   , 0.5   ]])
    """
    _validate.instance("draws", draws, Draws, "Draws")
    beta = _validate.number("beta", beta, 0.0, above=True)
    base = _validate.distribution("reference", reference, draws.n_options, draws.options)
    if base.min() <= 0.0:
        raise _validate.complaint("reference", "positive everywhere", f"{base.min():g}")
    rewards = draws.mean_rewards()
    below = rewards - rewards.max(axis=1, keepdims=True)
    error = 2.0 * ROUNDING * np.abs(draws.rewards).max(axis=(1, 2))[:, None]
    with np.errstate(over="ignore"):  # as beta falls to 0, only the best options are left
        near = (below < 0.0) & ((below + error) / beta > np.log(POLICY_TOLERANCE))
        logits = np.log(base) + below / beta
    if (near & (error > POLICY_TOLERANCE * beta)).any():
        raise ConvergenceError(
            f"at beta {beta:g} the policy of a draw depends on the last digits of its rewards"
        )
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


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
    >>> from socialpref import Draws, nbc
    >>> from socialpref.inference import interval_of
    >>> replicates = Draws([[[1, 0]], [[0, 0]]], samples=False)
    >>> interval_of(replicates, nbc(replicates)[:, 0])
    Traceback (most recent call last):
        ...
    socialpref.errors.InputError: 'draws' must be samples, for percentiles to mean something; ...
    """
    _validate.instance("draws", draws, Draws, "Draws")
    if not draws.samples:
        raise InputError(
            "'draws' must be samples, for percentiles to mean something; these are replicates of "
            "another kind, from which standard errors are computed."
        )
    column = _validate.any_array("values", values, "one number for each draw")
    if column.shape != (len(draws),):
        raise _validate.complaint("values", "one number for each draw", f"shape {column.shape}")
    return Interval.of(column, level)

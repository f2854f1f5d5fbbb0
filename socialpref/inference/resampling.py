"""Draws of a sample: units with replacement, and samples from the variance of replicates."""

import numpy as np
from numpy.typing import NDArray

from .designs import Design, ReplicateWeights

Floats = NDArray[np.float64]


def people_factors(size: int, n_replicates: int, rng: np.random.Generator) -> Floats:
    """Return how often each of some people is drawn, with replacement; shape (size, R)."""
    times = np.empty((size, n_replicates))
    for r in range(n_replicates):
        times[:, r] = np.bincount(rng.integers(size, size=size), minlength=size)
    return times


def unit_factors(design: Design, n_replicates: int, rng: np.random.Generator) -> Floats:
    """Return what the weights of each unit are multiplied by in each replicate, shape (U, R).

    The rescaled bootstrap: in a stratum of n units, n - 1 are drawn with replacement, and each
    counts ``n / (n - 1)`` times as often as it is drawn.

    Parameters
    ----------
    design : Design
    n_replicates : int
    rng : Generator

    Returns
    -------
    ndarray, shape (U, R)
        Of mean 1. With lonely units that are averaged, factors just below 0 are possible.

    References
    ----------
    Rao, Wu and Yue (1992), Some recent work on resampling methods for complex surveys. Survey
    Methodology 18.
    """
    order = np.argsort(design.strata, kind="stable")
    starts = np.cumsum(design.sizes) - design.sizes
    layer = np.repeat(np.arange(len(design.sizes)), np.maximum(design.sizes - 1, 0))
    with np.errstate(divide="ignore"):
        each = (design.sizes / (design.sizes - 1))[design.strata]
    factors = np.empty((len(order), n_replicates))
    for r in range(n_replicates):
        drawn = order[starts[layer] + rng.integers(design.sizes[layer])]
        factors[:, r] = np.bincount(drawn, minlength=len(order))
    alone = design.sizes[design.strata] == 1
    factors[~alone] *= each[~alone, None]
    factors[alone] = 1.0
    if design.lonely == "adjust":
        factors[alone] = 2.0 * rng.integers(2, size=(int(alone.sum()), n_replicates))
    elif design.lonely == "average":
        used = design.sizes > 0
        inflation = np.sqrt(used.sum() / (design.sizes > 1).sum())
        factors[~alone] = 1.0 + inflation * (factors[~alone] - 1.0)
    return factors


def drawn_tables(
    tables: Floats, whole: Floats, replicates: ReplicateWeights, mixtures: Floats
) -> Floats:
    """Return samples of a table of group by option with the covariance of its replicates.

    The logarithms of the choice shares, and of the group shares, are moved by
    ``sum_r sqrt(c_r) z_r (theta_r - theta) / theta``. To first order this gives the shares the
    covariance ``sum_r c_r (theta_r - theta)(theta_r - theta)'``, and they stay shares. Cells
    that are empty stay empty: nobody in the sample is there, in any replicate.

    Parameters
    ----------
    tables : ndarray, shape (R, G, K)
        Sums of the replicate weights.
    whole : ndarray, shape (G, K)
        Sums of the full weights.
    replicates : ReplicateWeights
    mixtures : ndarray, shape (D, R)
        Standard normal numbers, the same for all questions of a sample.

    Returns
    -------
    ndarray, shape (D, G, K)
        Of sum 1 in each draw.
    """
    size = whole.sum(axis=1)
    choices, groups = whole / size[:, None], size / whole.sum()
    weights = mixtures * np.sqrt(replicates.factors)
    by_option = _log_moves(tables, choices, weights)
    by_group = _log_moves(tables.sum(axis=2), groups, weights)
    return _shares(groups, by_group)[:, :, None] * _shares(choices, by_option)


def _log_moves(tables: Floats, shares: Floats, weights: Floats) -> Floats:
    """Return how far the logarithms of shares (last axis) are moved in each draw."""
    totals = tables.sum(axis=-1, keepdims=True)
    # Where a replicate holds nobody of a group there is no share: it does not move.
    moved = tables / np.where(totals > 0.0, totals, 1.0) - shares
    moved = np.where(totals > 0.0, moved, 0.0)
    relative = np.divide(moved, shares, out=np.zeros_like(moved), where=shares > 0.0)
    return np.asarray(np.tensordot(weights, relative, axes=1))


def _shares(shares: Floats, moves: Floats) -> Floats:
    """Return shares (last axis) whose logarithms are moved."""
    moves = np.where(shares > 0.0, moves, -np.inf)
    moved = shares * np.exp(moves - moves.max(axis=-1, keepdims=True))
    return np.asarray(moved / moved.sum(axis=-1, keepdims=True))

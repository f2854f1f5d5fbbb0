"""Weighted least squares of reward gaps, without cancellation, whatever the weights."""

from typing import Any

import numpy as np

from .pairs import Floats, Integers


def eliminate(log_weights: Floats, gaps: Floats, last: int | None = None) -> Floats:
    """Return the s that minimise ``sum weight[y, z] (s_y - s_z - gap[y, z])^2``.

    Options are eliminated one by one. Minimising over s_p leaves a problem of the same form: each
    pair (i, j) of p's neighbours gets the additional weight ``w_pi w_pj / sum_k w_pk``, with the
    gap ``gap_ip + gap_pj``. Weights are only added, multiplied and divided, and gaps are averaged
    with positive weights, so no relative accuracy is lost, however far apart the weights are.

    Parameters
    ----------
    log_weights : ndarray, shape (K, K)
        Symmetric, -inf for pairs without a weight; may be overwritten.
    gaps : ndarray, shape (m, K, K)
        Several problems with the same weights; overwritten. With antisymmetric gaps s is the
        solution. With symmetric ones, bounds of the errors of gaps, s bounds its error.
    last : int, optional
        The option whose s is 0; any if omitted.

    Returns
    -------
    ndarray, shape (m, K)
    """
    system = _System(log_weights, gaps)
    options = list(range(len(log_weights)))
    steps = []
    while len(options) > 1:
        pivot = min((y for y in options if y != last), key=system.degree.__getitem__)
        if system.degree[pivot] == len(options) - 1:
            break
        options.remove(pivot)  # few neighbours: little work
        near = np.flatnonzero(system.weights[pivot] > system.nothing)
        steps.append((pivot, near, *system.remove(pivot, near)))
    # All that are left are neighbours of each other, and removed from the end, in slices.
    options.sort(key=lambda y: y != last)
    kept = np.array(options)
    system.keep(kept)
    for pivot in range(len(kept) - 1, 0, -1):
        parts, gap = system.remove(pivot, slice(0, pivot))
        steps.append((options[pivot], kept[:pivot], parts, gap))
    found = np.zeros(gaps.shape[:2])
    for option, near, parts, gap in reversed(steps):
        found[:, option] = (parts * (found[:, near] + gap)).sum(axis=1)
    return found


FLOAT_RANGE = 300.0
"""Logarithms of weights that are as near as this are turned into floats, which is faster."""

TINY = float(np.finfo(float).tiny)
"""Weights that have underflowed are nothing beside a longer way round."""


class _System:
    """What is left of the problem: weights, or their logarithms if floats cannot hold them."""

    def __init__(self, log_weights: Floats, gaps: Floats) -> None:
        np.fill_diagonal(log_weights, -np.inf)
        finite = log_weights[log_weights > -np.inf]
        self.in_floats = bool(np.ptp(finite) <= FLOAT_RANGE)
        self.nothing = 0.0 if self.in_floats else -np.inf
        self.weights = np.exp(log_weights - finite.max()) if self.in_floats else log_weights
        self.gaps = gaps
        self.degree = (self.weights > self.nothing).sum(axis=1)

    def keep(self, options: Integers) -> None:
        """Leave out all other options."""
        square = options[:, None], options
        self.weights, self.gaps = self.weights[square], self.gaps[:, *square]

    def remove(self, pivot: int, near: Integers | slice) -> tuple[Floats, Floats]:
        """Remove an option, given its neighbours; return their parts and their gaps to it."""
        parts, through = self._star(self.weights[pivot, near])
        gap = self.gaps[:, pivot, near].copy()
        square = (near, near) if isinstance(near, slice) else (near[:, None], near)
        old, new = self._merge(square, through)
        detour = self.gaps[:, near, pivot][:, :, None] + gap[:, None, :]
        detour *= new
        detour += old * self.gaps[:, *square]
        self.gaps[:, *square] = detour
        if not isinstance(near, slice):
            self.weights[near, near] = self.weights[near, pivot] = self.nothing
            self.degree[near] = (self.weights[near] > self.nothing).sum(axis=1)
        return parts, gap

    def _star(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the parts of weights in their sum, and the weights of pairs of neighbours."""
        if self.in_floats:
            parts = weights / weights.sum()
            return parts, weights[:, None] * parts
        top = weights.max()
        total = top + np.log(np.exp(weights - top).sum())
        return np.exp(weights - total), weights[:, None] + (weights - total)

    def _merge(self, square: Any, new: Floats) -> tuple[Floats, Floats]:
        """Add new weights to the old, and return the parts of the two in the sum."""
        old = self.weights[square]
        if self.in_floats:
            both = old + new
            safe = np.maximum(both, TINY)
            parts = old / safe, new / safe
        else:
            both = np.logaddexp(old, new)
            parts = np.exp(old - both), np.exp(new - both)
        self.weights[square] = both
        return parts

"""Weighted fits of gaps between options, and the covariances of what they find."""

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
EMPTY = 1e-13
"""Eigenvalues of a design below this, relative to the largest, leave options apart."""


def laplacian(pairs: Integers, weights: Floats, size: int) -> Floats:
    """Return ``sum weights a a'``, a the contrast of each pair, shape (K, K)."""
    links = np.bincount(pairs[:, 0] * size + pairs[:, 1], weights, size * size)
    square = links.reshape(size, size)
    both = square + square.T
    return np.asarray(np.diag(both.sum(axis=1)) - both)


def pulls(pairs: Integers, values: Floats, size: int) -> Floats:
    """Return ``sum values a``, shape (K,)."""
    first, second = pairs.T
    return np.asarray(np.bincount(first, values, size) - np.bincount(second, values, size))


def inverse(matrix: Floats, prior: float = 0.0) -> Floats:
    """Return the inverse on vectors that sum to 0, if the pairs link all options.

    Raises
    ------
    InputError
        If they do not.
    """
    size = len(matrix)
    level = np.full((size, size), 1.0 / size)
    values, vectors = np.linalg.eigh(matrix + prior * (np.eye(size) - level))
    if values[1] <= EMPTY * values[-1]:
        raise InputError("'pairs' must link all options, or a 'prior' be given; got some apart.")
    return np.asarray((vectors[:, 1:] / values[1:]) @ vectors[:, 1:].T)


def by_cluster(who: Integers, pairs: Integers, scores: Floats, size: int) -> Floats:
    """Return ``G / (G - 1) sum s s'``, s the summed scores of each of G clusters.

    Parameters
    ----------
    who : ndarray of int, shape (m,)
        The cluster of each score.
    pairs : ndarray of int, shape (m, 2)
    scores : ndarray, shape (m,)
    size : int
    """
    from scipy.sparse import csr_array

    _, number = np.unique(who, return_inverse=True)
    rows, columns = np.tile(number, 2), np.concatenate([pairs[:, 0], pairs[:, 1]])
    count = int(number.max()) + 1
    total = csr_array((np.append(scores, -scores), (rows, columns)), (count, size))
    return np.asarray((total.T @ total).toarray() * count / max(count - 1, 1))

"""Sums of scores by cluster, from which standard errors follow that allow for its answers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import InputError
from .pairs import Floats, Integers

DENSE_SHARE = 0.05
"""From this many scores in a cluster on, as a share of the options, products are dense."""

BLOCK_ENTRIES = 1 << 23
"""Entries of a dense block of clusters."""

FOREIGN = 1e-5
"""How far scores may be from their sum at the maximum, relative to their sizes."""

ROUNDING = 1e-9
"""How far relative to the weight of all answers, where scores are next to nothing."""


def codes(cluster: ArrayLike, rows: int) -> tuple[Integers, int]:
    """Return the number of each row's cluster, and how many clusters there are."""
    import pandas as pd

    array = np.asarray(cluster)
    if array.shape != (rows,):
        raise _validate.complaint("cluster", f"of length {rows}", f"shape {array.shape}")
    try:
        found, kept = pd.factorize(array)
    except TypeError as error:
        raise _validate.complaint("cluster", "one name or number a row", str(error)) from None
    if (found < 0).any():
        row = int(np.argmax(found < 0))
        raise _validate.complaint("cluster", "known for every row", f"none in row {row}")
    if len(kept) < 2:
        raise _validate.complaint("cluster", "at least two clusters", len(kept))
    return found.astype(np.intp, copy=False), len(kept)


def scores_of(rows: Integers, columns: Integers, values: Floats, shape: tuple[int, int]) -> Any:
    """Return the sparse matrix in which values of the same row and column are added up."""
    from scipy.sparse import coo_array

    index = np.int32 if max(*shape, len(values)) < 2**31 else np.int64
    places = rows.astype(index, copy=False), columns.astype(index, copy=False)
    return coo_array((values, places), shape=shape).tocsr()


def check_scores(scores: Any, pull: Floats, weight: float) -> None:
    """Refuse scores that do not sum to what holds them at the maximum: they are of another fit.

    `weight` is that of all answers together.
    """
    total = np.asarray(scores.sum(axis=0)).ravel()
    size = np.asarray(abs(scores).sum(axis=0)).ravel()
    allowed = FOREIGN * (size.max() + np.abs(pull).max()) + ROUNDING * weight
    if (np.abs(total - pull) > allowed).any():
        raise InputError(
            "'wins' and 'losses' must add up, over the clusters, to the comparisons of the fit."
        )


def meat(scores: Any) -> Floats:
    """Return the sum of the products of the clusters' scores, with the factor G / (G - 1).

    G is the number of clusters with comparisons.
    """
    count = int((np.diff(scores.indptr) > 0).sum())
    if count < 2:
        raise _validate.complaint("cluster", "at least two clusters with comparisons", count)
    size = scores.shape[1]
    if scores.nnz < DENSE_SHARE * count * size:
        total = (scores.T @ scores).toarray()
    else:
        total = np.zeros((size, size))
        step = max(1, BLOCK_ENTRIES // size)
        for start in range(0, scores.shape[0], step):
            part = scores[start : start + step].toarray()
            total += part.T @ part
    return np.asarray(total * (count / (count - 1.0)))

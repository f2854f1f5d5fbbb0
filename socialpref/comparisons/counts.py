"""Comparisons added up by prompt and pair."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _validate

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


class Cells(NamedTuple):
    """Comparisons over finite sets, added up by prompt and pair; weights need not be integers.

    Attributes
    ----------
    prompt, first, second : ndarray of int, shape (n,)
        Every pair once, in one orientation, if merged; pairs of an option with itself, which
        say nothing, are left out.
    wins, losses : ndarray, shape (n,)
        How often the first was preferred, and the second; of panels, with one voice.
    total : ndarray, shape (n,)
        Comparisons of the pair: ``wins + losses``, or the panels, those that disagree included.
    n_labels : int
        Labels in each comparison: 1, or a panel's.
    available : ndarray of bool, shape (n_prompts, n_options), or None
        Which options exist at each prompt; None if all of them do.
    """

    prompt: Integers
    first: Integers
    second: Integers
    wins: Floats
    losses: Floats
    total: Floats
    n_labels: int
    available: NDArray[np.bool_] | None = None


def add_up(
    columns: tuple[Integers, Integers, Integers],
    sizes: tuple[int, int],
    wins: Floats,
    losses: Floats,
    weight: Floats | None,
    n_labels: int,
    *,
    merged: bool,
) -> Cells:
    """Return comparisons added up by prompt and pair, or one by one.

    Parameters
    ----------
    columns : tuple of ndarray of int, shape (n,)
        The prompt, the first and the second option of each comparison.
    sizes : tuple of int
        The numbers of prompts and of options.
    wins, losses : ndarray, shape (n,)
        The probability that the first is preferred, and the second; in a panel, by everybody.
    weight : ndarray, shape (n,), or None
        How many comparisons each one counts for; 1 if None.
    n_labels : int
        Labels in each comparison.
    merged : bool
        Whether each pair comes once.
    """
    _, first, second = columns
    n_prompts, size = sizes
    apart = first != second
    if not apart.any():
        raise _validate.complaint("second", "another option than 'first'", "the same always")
    rows = slice(None) if apart.all() else apart
    x, y, z = (c[rows].astype(np.int64) for c in columns)
    total = np.ones(len(x)) if weight is None else weight[rows]
    w, v = wins[rows] * total, losses[rows] * total
    if not merged:
        return Cells(x, y, z, w, v, total, n_labels)
    swapped = y > z
    keys = (x * size + np.minimum(y, z)) * size + np.maximum(y, z)
    span = n_prompts * size * size
    if span > 10 * len(keys):  # few of the possible cells can be there
        kept, keys = np.unique(keys, return_inverse=True)
        count = len(kept)
    else:
        kept, count = np.arange(span), span
    ahead, behind = np.where(swapped, v, w), np.where(swapped, w, v)
    total, won, lost = (
        np.bincount(keys, values, count).astype(np.float64) for values in (total, ahead, behind)
    )
    there = total > 0.0
    x, pair = np.divmod(kept[there], size * size)
    y, z = np.divmod(pair, size)
    return Cells(x, y, z, won[there], lost[there], total[there], n_labels)

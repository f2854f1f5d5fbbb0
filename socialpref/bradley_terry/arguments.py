"""Checks of what fits are given."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from .pairs import Floats, Integers

SMALLEST_WEIGHT = 1e-280
"""Smaller weights, times labels, would lose digits."""

LARGEST_PRIOR = 1e300
"""Larger ones, times rewards, would overflow."""

MOST_OPTIONS = 10_000_000
"""Numbers of options beyond this are taken for mistakes."""


def checked_prior(prior: float | None) -> float:
    """Return the precision of a prior; 0 for none."""
    return 0.0 if prior is None else _validate.number("prior", prior, 0.0, LARGEST_PRIOR)


def checked_weights(weights: ArrayLike | None, rows: int) -> Floats:
    """Return how often each row counts: one number for each, or one for all."""
    counts = per_row("weights", 1.0 if weights is None else weights, rows, np.inf)
    if counts.min(initial=np.inf, where=counts > 0.0) < SMALLEST_WEIGHT:
        raise _validate.complaint("weights", f"0 or at least {SMALLEST_WEIGHT:g}", "less")
    with np.errstate(over="ignore"):
        if not np.isfinite(np.broadcast_to(counts, rows).sum()):
            raise _validate.complaint("weights", "with a finite sum", "infinity")
    if not counts.any():
        raise _validate.complaint("weights", "positive for some row", "only zeros")
    return counts


def checked_pairs(
    first: ArrayLike,
    second: ArrayLike,
    n_options: int | None,
    options: Sequence[str] | None = None,
) -> tuple[int, tuple[str, ...], tuple[Integers, Integers]]:
    """Return the number of options, their labels, and the two options of each comparison."""
    if options is not None and n_options is None:
        n_options = len(_validate.labels("options", options))
    must = "a one-dimensional array of at least one integer"
    rows = []
    for name, values in (("first", first), ("second", second)):
        if type(values) is not np.ndarray:
            _validate.any_array(name, values, must)
        array = np.asarray(values)
        if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
            raise _validate.complaint(name, must, f"shape {array.shape} of {array.dtype}")
        rows.append(array)
    if len(rows[0]) != len(rows[1]):
        raise _validate.complaint(
            "second", f"of the length of 'first', {len(rows[0])}", f"length {len(rows[1])}"
        )
    most = max(int(array.max()) for array in rows)
    given = most + 1 if n_options is None else n_options
    size = _validate.integer("n_options", given, 2, MOST_OPTIONS)
    for name, array in zip(("first", "second"), rows, strict=True):
        if array.min() < 0 or array.max() >= size:
            wrong = array[(array < 0) | (array >= size)][0]
            raise _validate.complaint(name, f"options in 0..{size - 1}", f"{wrong} among them")
    same = rows[0] == rows[1]
    if same.any():
        row = int(np.argmax(same))
        raise _validate.complaint(
            "second", "another option than 'first'", f"{rows[1][row]} twice in row {row}"
        )
    first, second = (array.astype(np.intp, copy=False) for array in rows)
    return size, _validate.labels("options", options, size, "option"), (first, second)


def per_row(name: str, values: ArrayLike, rows: int, high: float) -> Floats:
    """Return numbers in [0, high]: one for each row, or one for all."""
    must = f"numbers in [0, {high:g}]" if np.isfinite(high) else "finite non-negative numbers"
    array = _validate.any_array(name, values, must)
    if array.ndim and array.shape != (rows,):
        raise _validate.complaint(name, f"one number or of length {rows}", f"shape {array.shape}")
    right = (array >= 0.0) & (array <= high) & np.isfinite(array)
    if not right.all():
        raise _validate.complaint(name, must, f"{array[~right].flat[0]} among them")
    return array

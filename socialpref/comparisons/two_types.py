"""The check that no annotator has two types."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Torn(NamedTuple):
    """An annotator of two types, and a row of each."""

    row: int
    other: int


def of_two_types(annotator: NDArray[np.integer], types: NDArray[np.integer]) -> Torn | None:
    """Return the first annotator of two types; negative numbers are unknown."""
    known = (annotator >= 0) & (types >= 0)
    if not known.any():
        return None
    who, kinds = (annotator, types) if known.all() else (annotator[known], types[known])
    numbers = who if who.max() <= 4 * len(who) else np.unique(who, return_inverse=True)[1]
    kind_of = np.empty(int(numbers.max()) + 1, dtype=kinds.dtype)
    kind_of[numbers] = kinds
    torn = kinds != kind_of[numbers]
    if not torn.any():
        return None
    same = np.flatnonzero(known & (annotator == who[torn.argmax()]))
    other = same[types[same] != types[same[0]]][0]
    return Torn(int(same[0]), int(other))

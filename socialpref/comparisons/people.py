"""What must hold of annotators and their types."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Torn(NamedTuple):
    """An annotator of two types, and a row of each."""

    row: int
    other: int


def of_two_types(annotator: NDArray[np.integer], types: NDArray[np.integer]) -> Torn | None:
    """Return the first annotator of two types; negative numbers are unknown."""
    known = np.flatnonzero((annotator >= 0) & (types >= 0))
    if not len(known):
        return None
    who, kinds = annotator[known], types[known]
    if who.max() > 4 * len(annotator):
        who = np.unique(who, return_inverse=True)[1]
    any_row = np.zeros(int(who.max()) + 1, dtype=np.intp)
    any_row[who] = np.arange(len(who))
    torn = np.flatnonzero(kinds != kinds[any_row[who]])
    if not len(torn):
        return None
    same = np.flatnonzero(who == who[torn[0]])
    other = same[kinds[same] != kinds[same[0]]][0]
    return Torn(int(known[same[0]]), int(known[other]))

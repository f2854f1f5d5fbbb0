"""Which pairs of options are compared, and how often."""

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import InputError
from ..population import Population
from .limit import Floats

SYMMETRY = 1e-6
"""How far the two weights of a pair in a design may be apart, relative to them."""


def pair_design(population: Population, sampling: ArrayLike | None) -> Floats:
    """Return the weights of the pairs, (K, K), of which every option can be compared."""
    _validate.instance("population", population, Population, "a Population")
    size = population.n_options
    must = f"a distribution over {size} options or a symmetric ({size}, {size}) matrix"
    array = None
    if sampling is not None:
        names = population.options
        array = _validate.any_array(
            "sampling", _validate.aligned("sampling", sampling, names, names), must
        )
    if array is None or array.ndim == 1:
        d = _validate.distribution("sampling", array, size)
        weights = np.outer(d, d)
    else:
        weights = _validate.real_array("sampling", array, 2)
        if weights.shape != (size, size):
            raise _validate.complaint("sampling", must, f"shape {weights.shape}")
        if (weights < 0).any() or not weights.any():
            raise _validate.complaint("sampling", "non-negative and not all zero", "other weights")
        weights /= weights.max()
        if not np.allclose(weights, weights.T, rtol=SYMMETRY, atol=0.0):
            raise _validate.complaint("sampling", must, "one that is not symmetric")
        weights = weights + weights.T
        weights /= weights.sum()
    reached = np.zeros(size, dtype=bool)
    reached[0] = True
    linked = weights > 0.0
    while (grown := reached | linked[reached].any(axis=0)).sum() > reached.sum():
        reached = grown
    if not reached.all():
        sides = [", ".join(repr(population.options[y]) for y in np.flatnonzero(side)[:5])
                 for side in (reached, ~reached)]  # fmt: skip
        raise InputError(
            f"'sampling' must let all options be compared, if through others; {sides[0]} "
            f"are never compared with {sides[1]}."
        )
    return weights

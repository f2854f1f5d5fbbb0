"""The sign estimator's limit: the order that disagrees least with the majorities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..population import Population
from .design import pair_design

MOST = 16
"""Most options: the search is over all their sets."""
TIE = 1e-12


@dataclass(frozen=True)
class SignOrder:
    """The order that a sign estimator converges to.

    Attributes
    ----------
    order : tuple of int
        Options, best first.
    agreement : float
        The sum of ``W(y, z) (P(y, z) - 1/2)`` over pairs that the order puts y first in.
    unique : bool
        Whether every other order has less agreement.
    options : tuple of str
    """

    order: tuple[int, ...]
    agreement: float
    unique: bool
    options: tuple[str, ...]

    def describe(self) -> str:
        """Return the order in words."""
        words = " > ".join(self.options[y] for y in self.order)
        return words if self.unique else f"{words} (one of several)"


def sign_estimator(population: Population, *, sampling: ArrayLike | None = None) -> SignOrder:
    """Return the order that agrees most with the population's comparisons.

    It minimises how often a comparison contradicts the order: a weighted Kemeny order, with
    weights ``W(y, z) (P(y, z) - 1/2)``. It has no policy.

    Parameters
    ----------
    population : Population
        Of at most 16 options.
    sampling : array_like, shape (K,) or (K, K), optional
        As for `Method.limit`.

    Returns
    -------
    SignOrder
        Found by dynamic programming over sets of options.

    Raises
    ------
    InputError
        If an argument is out of its range.

    References
    ----------
    Kemeny (1959), "Mathematics without numbers".

    Examples
    --------
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import sign_estimator
    >>> sign_estimator(two_camps()).order
    (2, 0, 1)
    """
    weights = pair_design(population, sampling)
    size = _validate.integer("number of options", population.n_options, 2, MOST)
    leads = weights * (population.pairwise() - 0.5)
    best = np.full(1 << size, -np.inf)
    ways = np.zeros(1 << size, dtype=np.int64)
    last = np.zeros(1 << size, dtype=np.int64)
    best[0], ways[0] = 0.0, 1
    members = [[y for y in range(size) if group >> y & 1] for group in range(1 << size)]
    for group in range(1, 1 << size):  # the options placed so far
        for y in members[group]:
            before = group ^ (1 << y)
            value = best[before] + leads[members[before], y].sum()
            if value > best[group] + TIE:
                best[group], last[group], ways[group] = value, y, ways[before]
            elif value >= best[group] - TIE:
                ways[group] += ways[before]
    order = []
    group = (1 << size) - 1
    while group:
        order.append(int(last[group]))
        group ^= 1 << order[-1]
    return SignOrder(
        tuple(reversed(order)), float(best[-1]), bool(ways[-1] == 1), population.options
    )

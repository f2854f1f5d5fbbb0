"""What a flip claims: of which programs its distance is the least value."""

from dataclasses import dataclass
from itertools import pairwise as neighbours
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..population import Population
from ..rules import TIE_TOLERANCE, Ranking, ranking
from .divergences import Divergence, TotalVariation

Floats = NDArray[np.float64]
Pair = tuple[int, int]


def arguments(
    population: Population, sampling: ArrayLike | None, margin: float, floor: float
) -> tuple[Floats, float, float]:
    """Return the checked base, margin and floor of a flip of a population."""
    _validate.instance("population", population, Population, "a Population")
    size = population.n_options
    margin, floor = _validate.limits(margin, floor, size)
    return _validate.distribution("sampling", sampling, size, population.options), margin, floor


@dataclass(frozen=True, eq=False)
class Program:
    """The program ``min D(d, base)`` s.t. ``sum d = 1``, ``d >= floor``, ``rows @ d >= bounds``.

    Attributes
    ----------
    rows : ndarray, shape (m, K)
    bounds : ndarray, shape (m,)
    base : ndarray, shape (K,)
    floor : float
    divergence : Divergence
    pair : tuple of int, or None
        The pair that is reversed where the base is no solution.
    """

    rows: Floats
    bounds: Floats
    base: Floats
    floor: float
    divergence: Divergence
    pair: Pair | None = None

    def is_of(self, other: Any) -> bool:
        """Whether another object, such as a certificate, has the same program."""
        return (
            type(other.divergence) is type(self.divergence)
            and other.divergence == self.divergence
            and other.floor == self.floor
            and all(
                np.array_equal(getattr(other, name), getattr(self, name))
                for name in ("rows", "bounds", "base")
            )
        )


@dataclass(frozen=True, eq=False)
class PairFlips:
    """The flips of one pair, of all pairs of a ranking, or of a top set and the others.

    Attributes
    ----------
    preferences : ndarray, shape (K, K)
        P of the population.
    base : ndarray, shape (K,)
    margin, floor : float
    pair : tuple of int, or None
        The only pair (above, below), if it is the flip of one.
    top : int or None
        The size of the top set; without it, and without a pair, the whole ranking is meant.
    """

    preferences: Floats
    base: Floats
    margin: float
    floor: float
    pair: Pair | None = None
    top: int | None = None

    def order(self) -> Ranking:
        """Return the ranking at the base."""
        return ranking(self.preferences @ self.base)

    def pairs(self) -> NDArray[np.int64]:
        """Return the pairs (above, below) whose flips have to be looked at, shape (n, 2).

        Of a ranking with margin 0 they are the neighbours, and with a margin all pairs.
        """
        if self.pair is not None:
            scores = self.preferences @ self.base
            above, below = self.pair
            strict = scores[above] - scores[below] > TIE_TOLERANCE
            return np.array([self.pair] if strict else [], dtype=np.int64).reshape(-1, 2)
        order = self.order()
        if self.top is not None:
            steps = [(order.order[: self.top], order.order[self.top :])]
        elif self.margin == 0.0:
            steps = list(neighbours(order.groups))
        else:
            place = np.repeat(np.arange(len(order.groups)), [len(g) for g in order.groups])
            return np.array(order.order)[np.argwhere(place[:, None] < place[None, :])]
        grids = [np.stack(np.meshgrid(*step), axis=-1).reshape(-1, 2) for step in steps]
        return np.concatenate([*grids, np.empty((0, 2))]).astype(np.int64)

    def program(self, above: int, below: int) -> Program:
        """Return the program of one pair."""
        row = self.preferences[below] - self.preferences[above]
        bound = np.array([self.margin])
        return Program(row[None, :], bound, self.base, self.floor, TotalVariation())

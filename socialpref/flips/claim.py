"""What a flip claims: of which programs its distance is the least value."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise as neighbours
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rules import TIE_TOLERANCE, Ranking, ranking
from .divergences import Divergence, TotalVariation

Floats = NDArray[np.float64]
Positions = tuple[int, int]


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
    pair: Positions | None = None

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
    table : ndarray, shape (K, n)
        The score of option y at a distribution d is ``table[y] @ d``. For NBC over sampling
        distributions it is P; over shares, a column for each type.
    base : ndarray, shape (n,)
    margin, floor : float
    pair : tuple of int, or None
        The only pair (above, below), if it is the flip of one.
    top : int or None
        The size of the top set; without it, and without a pair, the whole ranking is meant.
    programs : dict, or None
        The program of each pair, if they differ from ``min TV`` without further constraints.
    """

    table: Floats
    base: Floats
    margin: float
    floor: float
    pair: Positions | None = None
    top: int | None = None
    programs: dict[Positions, Program] | None = None

    @cached_property
    def scores(self) -> Floats:
        """The scores at the base."""
        return self.table @ self.base

    @cached_property
    def order(self) -> Ranking:
        """The ranking at the base."""
        return ranking(self.scores)

    def lead(self, above: int, below: int) -> float:
        """Return by how much one option leads another at the base; 0 if they are tied."""
        lead = float(self.scores[above] - self.scores[below])
        tied = TIE_TOLERANCE * max(1.0, float(np.abs(self.scores).max()))
        return lead if abs(lead) > tied else 0.0

    @cached_property
    def pairs(self) -> NDArray[np.int64]:
        """The pairs (above, below) whose flips have to be looked at, shape (n, 2).

        Of a ranking with margin 0 they are the neighbours, and with a margin all pairs.
        """
        if self.pair is not None:
            strict = self.lead(*self.pair) > 0.0
            return np.array([self.pair] if strict else [], dtype=np.int64).reshape(-1, 2)
        order = self.order
        if self.top is not None:
            steps = [(order.order[: self.top], order.order[self.top :])]
        elif self.margin == 0.0:
            steps = list(neighbours(order.groups))
        else:
            place = np.repeat(np.arange(len(order.groups)), [len(g) for g in order.groups])
            return np.array(order.order)[np.argwhere(place[:, None] < place[None, :])]
        pairs = [pair for above, below in steps for pair in product(above, below)]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)

    @property
    def ties(self) -> tuple[tuple[int, ...], ...]:
        """The groups of options tied at the base, among those considered."""
        if self.pair is not None:
            above, below = self.pair
            tied = self.lead(above, below) == 0.0
            return ((min(above, below), max(above, below)),) if tied else ()
        if self.top is not None:
            members = set(self.order.order[: self.top])
            return tuple(group for group in self.order.ties if members.issuperset(group))
        return self.order.ties

    def gains(self, above: int, below: int) -> Floats:
        """Return what ``below`` gains on ``above`` at each corner of the simplex."""
        return self.table[below] - self.table[above]

    def program(self, above: int, below: int) -> Program:
        """Return the program of one pair."""
        if self.programs is not None:
            return self.programs[above, below]
        row = self.gains(above, below)[None, :]
        return Program(row, np.array([self.margin]), self.base, self.floor, TotalVariation())

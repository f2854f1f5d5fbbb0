"""What a flip is to reach: each target knows the pairs of options that it concerns.

A target is either *some change*, the nearest of several flips of a pair, or *an arrangement*, in
which every one of several pairs is ordered as asked.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise as neighbours
from itertools import product
from typing import Any

import numpy as np

from .. import _validate
from ..errors import InputError
from ..population import Population
from ..rules import Ranking, ranking
from .claim import PairFlips, Positions

Option = int | str
Goal = PairFlips | list[Positions]
"""Some change, or the pairs (upper, lower) of an arrangement."""


class Target(ABC):
    """What a flip is to reach."""

    @abstractmethod
    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return the pairs that the target concerns.

        Parameters
        ----------
        population : Population
        ranked : PairFlips
            The flips of any pair of the ranking at the base.
        """


@dataclass(frozen=True)
class AnyChange(Target):
    """Some pair of the ranking is reversed."""

    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return all pairs of the ranking."""
        return ranked


@dataclass(frozen=True)
class Pair(Target):
    """One option gets level with or above another, which is above it at the base.

    Attributes
    ----------
    option : int or str
        Position or label of the option that is to rise.
    over : int or str
        The option that it is to reach.

    Examples
    --------
    >>> from socialpref import Pair, Population, flip
    >>> found = flip(Population([[0, -1, -2], [0, -2, 4]]), Pair(2, over=0))
    >>> round(found.distance, 6), found.mix.round(4)
    (0.106697, array([0.3333, 0.2266, 0.44  ]))
    """

    option: Option
    over: Option

    def positions(self, population: Population) -> Positions:
        """Return the positions (option, over)."""
        option, over = population.index(self.option), population.index(self.over)
        if option == over:
            raise _validate.complaint("over", "another option than the first", repr(self.over))
        return option, over

    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return the pair; raise if the base already orders it as asked."""
        below, above = self.positions(population)
        if (lead := ranked.lead(below, above)) > 0.0:
            names = population.options
            raise InputError(
                f"'to' must be a pair that the base orders the other way; {names[below]!r} is "
                f"above {names[above]!r} by {lead:.6g} already."
            )
        return replace(ranked, pair=(above, below))


@dataclass(frozen=True)
class Winner(Target):
    """Another option gets level with the winner.

    If several options are tied for winner, it is enough to reach one of them.

    Examples
    --------
    No sampling distribution dethrones the mediocre winner:

    >>> from socialpref import Population, Winner, flip
    >>> flip(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]]), Winner()).distance
    inf
    """

    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return the pairs of winner and other option."""
        return replace(ranked, top=len(ranked.order.winners))


@dataclass(frozen=True)
class TopK(Target):
    """The set of the best k options changes, or becomes a given set.

    Attributes
    ----------
    k : int, optional
        The size of the set, from 1 to K - 1: some option outside gets level with one inside.
    members : sequence of int or str, optional
        Instead of `k`: every one of these is to score at least as high as every other option.

    Examples
    --------
    >>> from socialpref import Population, TopK, flip
    >>> population = Population([[0, -1, -2], [0, -2, 4]])
    >>> flip(population, TopK(2)).distance
    inf
    >>> round(flip(population, TopK(members=[2])).distance, 6)
    0.106697
    """

    k: int | None = None
    members: Sequence[Option] | None = None

    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return the pairs of a member and another option."""
        if (self.k is None) == (self.members is None):
            got = "neither" if self.k is None else "both"
            raise _validate.complaint("k", "given, or 'members' instead of it", got)
        if self.members is not None:
            return self._arrangement(population)
        k = _validate.integer("k", self.k, 1, population.n_options - 1)
        sizes = np.cumsum([len(group) for group in ranked.order.groups])
        if k not in sizes:
            tied = ranked.order.groups[int(np.searchsorted(sizes, k))]
            names = " = ".join(repr(population.options[y]) for y in tied)
            raise _validate.complaint("k", "such that no tie straddles the set's boundary", names)
        return replace(ranked, top=k)

    def _arrangement(self, population: Population) -> list[Positions]:
        must = "some options, each once, not all"
        inside = [population.index(y) for y in _items("members", self.members, must)]
        if len(set(inside)) != len(inside) or not 1 <= len(inside) < population.n_options:
            raise _validate.complaint("members", must, _validate.shown(self.members))
        outside = np.setdiff1d(np.arange(population.n_options), inside).tolist()
        return list(product(inside, outside))


@dataclass(frozen=True)
class Order(Target):
    """The ranking becomes a given one.

    Attributes
    ----------
    options : Ranking or sequence of int or str
        All options, best first. In a `Ranking` with ties, tied options may come in any order
        among themselves.

    Examples
    --------
    >>> from socialpref import Order, Population, flip
    >>> flip(Population([[0, -1, -2], [0, -2, 4]]), Order([2, 0, 1])).mix.round(4)
    array([0.44  , 0.2266, 0.3333])
    """

    options: Ranking | Sequence[Option]

    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return the pairs of neighbours."""
        must, order = "all options, each once", self.options
        tiers = _items("order", order.groups if isinstance(order, Ranking) else order, must)
        if isinstance(order, Ranking):
            groups = [[population.index(y) for y in _items("order", tier, must)] for tier in tiers]
        else:
            groups = [[population.index(option)] for option in tiers]
        if sorted(y for group in groups for y in group) != list(range(population.n_options)):
            raise _validate.complaint("order", must, _validate.shown(order))
        return [pair for group in neighbours(groups) for pair in product(*group)]


@dataclass(frozen=True)
class AverageRewardOrder(Target):
    """The ranking becomes the one by average reward at the population's shares.

    Examples
    --------
    However the comparisons are drawn, DPO prefers the mediocre winner:

    >>> from socialpref import AverageRewardOrder, Population, flip
    >>> crowd = Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])
    >>> found = flip(crowd, AverageRewardOrder())
    >>> found.distance, found.certificate.check().lower
    (inf, inf)
    """

    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return the pairs of neighbours by average reward."""
        return Order(ranking(population.mean_rewards())).goal(population, ranked)


@dataclass(frozen=True)
class _Pairs(Target):
    """Several pairs are ordered as asked, all at once."""

    pairs: tuple[Pair, ...]

    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return the pairs."""
        return [pair.positions(population) for pair in self.pairs]


def as_target(to: Target | Iterable[Pair] | None) -> Target:
    """Return the target that an argument stands for."""
    if to is None:
        return AnyChange()
    if isinstance(to, Target):
        return to
    must = "a target such as Winner(), or a sequence of Pair(...)"
    pairs = tuple(_items("to", to, must))
    if not all(isinstance(pair, Pair) for pair in pairs):
        raise _validate.complaint("to", must, _validate.shown(to))
    return _Pairs(pairs)


def _items(name: str, values: Any, must: str) -> list[Any]:
    """Return the items of an iterable; a string is one item."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise _validate.complaint(name, must, _validate.shown(values))
    return list(values)

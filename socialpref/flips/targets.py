"""What a flip is to reach: each target knows the pairs of options that it concerns.

A target is either *some change*, the nearest of several flips of a pair, or *an arrangement*, in
which every one of several pairs is ordered as asked.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise as neighbours
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import InputError
from ..population import Population, position
from ..rules import TIE_TOLERANCE, Ranking, ranking
from .claim import PairFlips, Positions

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Option = int | str
Goal = PairFlips | list[Positions]
"""Some change, or the pairs (upper, lower) of an arrangement."""


@dataclass(frozen=True, eq=False)
class Rankings:
    """The rankings of many, as `ranking` makes them of one.

    Attributes
    ----------
    scores : ndarray, shape (R, K)
    margin : float
        Of the flips: with one, options that are not neighbours in a ranking count, too.
    """

    scores: Floats
    margin: float

    @cached_property
    def least(self) -> Floats:
        """The largest difference of scores that is a tie, shape (R, 1)."""
        return TIE_TOLERANCE * np.maximum(1.0, np.abs(self.scores).max(axis=1, keepdims=True))

    @cached_property
    def group(self) -> Integers:
        """The number of each option's group of tied options, the best is 0, shape (R, K)."""
        order = np.argsort(-self.scores, axis=1, kind="stable")
        falls = -np.diff(np.take_along_axis(self.scores, order, axis=1)) > self.least
        group = np.zeros_like(order)
        np.put_along_axis(group, order[:, 1:], falls.cumsum(axis=1), axis=1)
        return group


class Target(ABC):
    """What a flip is to reach."""

    def placed(self, options: tuple[str, ...]) -> "Target":
        """Return the target with positions of options in place of labels, for `reversals`.

        Raises
        ------
        InputError
            If it is an arrangement, whose flips have no closed form.
        """
        must = "a target with a closed form: Pair(...), Winner(), TopK(k) or None"
        raise _validate.complaint("to", must, _validate.shown(self))

    def reversals(self, ranked: Rankings) -> NDArray[np.bool_]:
        """Return which pairs [above, below] of each ranking reach it, any of them, (R, K, K)."""
        raise NotImplementedError

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

    def placed(self, options: tuple[str, ...]) -> "AnyChange":
        """Return the target itself, which has no labels."""
        return self

    def reversals(self, ranked: Rankings) -> NDArray[np.bool_]:
        """Return the pairs in the order of the ranking; with no margin, of neighbours only."""
        apart = ranked.group[:, None, :] - ranked.group[:, :, None]
        return apart == 1 if ranked.margin == 0.0 else apart > 0


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

    def positions(self, options: tuple[str, ...]) -> Positions:
        """Return the positions (option, over) among some options."""
        option, over = position(self.option, options), position(self.over, options)
        if option == over:
            raise _validate.complaint("over", "another option than the first", repr(self.over))
        return option, over

    def placed(self, options: tuple[str, ...]) -> "Pair":
        """Return the pair with positions in place of labels."""
        return Pair(*self.positions(options))

    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return the pair; raise if the base already orders it as asked."""
        below, above = self.positions(population.options)
        if (lead := ranked.lead(below, above)) > 0.0:
            names = population.options
            raise InputError(
                f"'to' must be a pair that the base orders the other way; {names[below]!r} is "
                f"above {names[above]!r} by {lead:.6g} already."
            )
        return replace(ranked, pair=(above, below))

    def reversals(self, ranked: Rankings) -> NDArray[np.bool_]:
        """Return the pair, unless it is tied; it may be in the order asked for already."""
        assert isinstance(self.option, int)
        assert isinstance(self.over, int)
        lead = ranked.scores[:, self.over] - ranked.scores[:, self.option]
        pairs = np.zeros((*ranked.scores.shape, ranked.scores.shape[1]), dtype=bool)
        pairs[:, self.over, self.option] = np.abs(lead) > ranked.least[:, 0]
        return pairs


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

    def placed(self, options: tuple[str, ...]) -> "Winner":
        """Return the target itself, which has no labels."""
        return self

    def reversals(self, ranked: Rankings) -> NDArray[np.bool_]:
        """Return the pairs of winner and other option."""
        return _across(ranked.group == 0)


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

    def __post_init__(self) -> None:
        if (self.k is None) == (self.members is None):
            got = "neither" if self.k is None else "both"
            raise _validate.complaint("k", "given, or 'members' instead of it", got)

    def goal(self, population: Population, ranked: PairFlips) -> Goal:
        """Return the pairs of a member and another option."""
        if self.members is not None:
            return self._arrangement(population)
        k = self._size(population.n_options)
        sizes = np.cumsum([len(group) for group in ranked.order.groups])
        if k not in sizes:
            tied = ranked.order.groups[int(np.searchsorted(sizes, k))]
            names = " = ".join(repr(population.options[y]) for y in tied)
            raise _validate.complaint("k", "such that no tie straddles the set's boundary", names)
        return replace(ranked, top=k)

    def placed(self, options: tuple[str, ...]) -> Target:
        """Return the target itself, if it is no given set."""
        return TopK(self._size(len(options))) if self.members is None else super().placed(options)

    def reversals(self, ranked: Rankings) -> NDArray[np.bool_]:
        """Return the pairs of a member and another option; none where a tie is on the boundary."""
        not_above = (ranked.group[:, None, :] <= ranked.group[:, :, None]).sum(axis=2)
        members = not_above <= self.k
        return _across(members & (members.sum(axis=1, keepdims=True) == self.k))

    def _size(self, n_options: int) -> int:
        return _validate.integer("k", self.k, 1, n_options - 1)

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
        return [pair.positions(population.options) for pair in self.pairs]


def _across(members: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pairs of a member and an option that is none, of each row of members."""
    return members[:, :, None] & ~members[:, None, :]


def as_target(to: Target | Iterable[Pair] | None) -> Target:
    """Return the target that an argument stands for."""
    if to is None:
        return AnyChange()
    if isinstance(to, Target):
        return to
    must = "a target such as Winner(), or a sequence of one or more Pair(...)"
    pairs = tuple(_items("to", to, must))
    if not pairs or not all(isinstance(pair, Pair) for pair in pairs):
        raise _validate.complaint("to", must, _validate.shown(to))
    return _Pairs(pairs)


def _items(name: str, values: Any, must: str) -> list[Any]:
    """Return the items of an iterable; a string is one item."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise _validate.complaint(name, must, _validate.shown(values))
    return list(values)

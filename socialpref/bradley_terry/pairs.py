"""Comparisons merged by pair, and the graph that the pairs make of the options."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Mask = NDArray[np.bool_]

DENSE_STEP = 150
"""Up to this many options dense matrices are at least as fast as sparse ones."""

FEW_STEPS = 6
"""Steps from option to option that are tried before the graph's components are computed."""

SHOWN = 5
"""Options that an error message lists before it cuts them short."""

FLOAT_RANGE = 600.0
"""How far logarithms of weights may be from 0 for the weights to be floats."""


class Pairs(NamedTuple):
    """Pairs of options, low < high, sorted; the weight with which `low` won and lost.

    Wins and losses are both kept, so that neither is what is left of a difference.
    """

    low: Integers
    high: Integers
    wins: Floats
    losses: Floats

    def logs(self) -> "LogPairs":
        """Return the same pairs with the logarithms of their weights."""
        with np.errstate(divide="ignore"):
            return LogPairs(self.low, self.high, np.log(self.wins), np.log(self.losses))


class LogPairs(NamedTuple):
    """Pairs whose weights are given by their logarithms, for weights beyond the floats."""

    low: Integers
    high: Integers
    wins: Floats
    losses: Floats

    @classmethod
    def of_matrix(cls, log_wins: Floats) -> Self:
        """Take pairs from a matrix, log_wins[y, z]: the log-weight with which y beat z."""
        met = np.logaddexp(log_wins, log_wins.T) > -np.inf
        low, high = np.nonzero(np.triu(met, 1))
        return cls(low, high, log_wins[low, high], log_wins[high, low])

    def floats(self) -> Pairs | None:
        """Return the weights themselves; None if floats cannot hold them."""
        logs = np.concatenate([self.wins, self.losses])
        if np.abs(logs[logs > -np.inf]).max() > FLOAT_RANGE:
            return None
        return Pairs(self.low, self.high, np.exp(self.wins), np.exp(self.losses))


class Graph:
    """The compared pairs as an upper triangular matrix, whose values change."""

    def __init__(self, low: Integers, high: Integers, size: int) -> None:
        self.size, self.low, self.high = size, low, high
        index = np.int32 if max(size, len(low)) < 2**31 else np.int64
        self._indices = high.astype(index)
        self._starts = np.zeros(size + 1, dtype=index)
        np.cumsum(np.bincount(low, minlength=size), out=self._starts[1:])
        self._lows = np.flatnonzero(np.diff(self._starts))
        self._first: Integers = self._starts[self._lows].astype(np.intp)

    @property
    def is_small(self) -> bool:
        """Whether dense matrices are at least as fast as sparse ones."""
        return self.size <= DENSE_STEP

    def upper(self, values: Floats) -> Any:
        """Return the matrix with ``values[k]`` at ``(low[k], high[k])``; dense if small."""
        from scipy.sparse import csr_array

        if self.is_small:
            return self.dense(values)
        return csr_array((values, self._indices, self._starts), shape=(self.size, self.size))

    def dense(self, values: Floats) -> Floats:
        """Return the same matrix, dense."""
        matrix = np.zeros((self.size, self.size))
        matrix[self.low, self.high] = values
        return matrix

    def sums(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the sum of the values of each option's pairs: where it is low, and high."""
        low = np.zeros(self.size)
        low[self._lows] = np.add.reduceat(values, self._first)
        return low, sums_of(self.high, values, self.size)

    def all_reach(self, roots: Mask, from_low: Floats, from_high: Floats, steps: int) -> bool:
        """Whether pairs lead from every option to a root, in at most so many steps.

        A pair leads from its low option where `from_low` is positive, and from its high one where
        `from_high` is.
        """
        up, down = self.upper(from_low), self.upper(from_high).T
        reached = roots.astype(float)
        count = int(roots.sum())
        for _ in range(steps):
            if count == self.size:
                break
            reached = np.sign(reached + up @ reached + down @ reached)
            before, count = count, int(reached.sum())
            if count == before:
                break
        return count == self.size


def sums_of(place: Integers, values: Floats, size: int) -> Floats:
    """Return the sum of the values at each place."""
    return np.asarray(np.bincount(place, values, size), dtype=np.float64)


def merge(first: Integers, second: Integers, labels: Floats, counts: Floats, size: int) -> Pairs:
    """Add up wins and losses of each unordered pair; rows without weight are left out."""
    if not counts.all():
        kept = counts > 0.0
        first, second, counts = first[kept], second[kept], counts[kept]
        labels = labels[kept] if labels.ndim else labels
    swapped = first > second
    low, high, order = sort_pairs(np.minimum(first, second), np.maximum(first, second), size)
    swapped = swapped.take(order)
    labels = labels.take(order) if labels.ndim else labels
    counts = counts.take(order) if counts.ndim else counts
    won, lost = counts * labels, counts * (1.0 - labels)  # by the first of the row
    wins, losses = np.where(swapped, lost, won), np.where(swapped, won, lost)
    new = np.append(True, (low[1:] != low[:-1]) | (high[1:] != high[:-1]))
    if not new.all():
        starts = np.flatnonzero(new)
        low, high = low[starts], high[starts]
        wins, losses = np.add.reduceat(wins, starts), np.add.reduceat(losses, starts)
    return Pairs(low, high, wins, losses)


def sort_pairs(low: Integers, high: Integers, size: int) -> tuple[Integers, Integers, Integers]:
    """Sort pairs by (low, high), and return also the rows from which they come."""
    option, row = (size - 1).bit_length(), len(low).bit_length()
    if 2 * option + row > 63:
        order = np.lexsort((high, low))
        return low[order], high[order], order
    keys = low  # pair and row as one number, which sorts fastest; in place, to spare memory
    keys <<= option
    keys |= high
    keys <<= row
    keys |= np.arange(len(keys))
    keys.sort()
    order = keys & ((1 << row) - 1)
    keys >>= row
    np.bitwise_and(keys, (1 << option) - 1, out=high)
    keys >>= option
    return keys, high, order


def components(low: Integers, high: Integers, size: int, *, strong: bool) -> tuple[int, Any]:
    """Return the number of components of a graph of options, and each option's component.

    Strong ones are of the directed graph in which `low` leads to `high`.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(low)), (low, high)), shape=(size, size)).tocsr()
    return connected_components(links, connection="strong" if strong else "weak", directed=strong)


def wins_of(pairs: Pairs) -> tuple[Integers, Integers]:
    """Return winner and loser of everything that happened, once."""
    won, lost = pairs.wins > 0.0, pairs.losses > 0.0
    winner = np.concatenate([pairs.low[won], pairs.high[lost]])
    loser = np.concatenate([pairs.high[won], pairs.low[lost]])
    return winner, loser


def largest_component(pairs: Pairs, size: int, *, strong: bool) -> Integers:
    """Return the options of the largest component: of those with most options, the most compared.

    In a strong component every group of options both wins and loses against the others.
    """
    count, group = components(*wins_of(pairs), size, strong=strong)
    members = np.bincount(group, minlength=count)
    inside = group[pairs.low] == group[pairs.high]
    games = (pairs.wins + pairs.losses)[inside]
    weight = np.bincount(group[pairs.low][inside], games, minlength=count)
    largest = np.lexsort((-weight, -members))[0]
    if members[largest] < 2:
        raise InputError(
            "'component' must be 'all', with a prior, for no two options both win and lose against "
            "each other, directly or through others."
        )
    return np.flatnonzero(group == largest)


def restrict(pairs: Pairs, kept: Integers, size: int) -> Pairs:
    """Return the pairs of some options, which are numbered anew."""
    place = positions_in(kept, size)
    inside = (place[pairs.low] >= 0) & (place[pairs.high] >= 0)
    return Pairs(
        place[pairs.low[inside]],
        place[pairs.high[inside]],
        pairs.wins[inside],
        pairs.losses[inside],
    )


def positions_in(kept: Integers, size: int) -> Integers:
    """Return the place of each option among those kept; -1 if it is not."""
    place = np.full(size, -1, dtype=np.intp)
    place[kept] = np.arange(len(kept))
    return place


WAYS_OUT = "; component='largest' fits the largest part, and a prior all of them."
"""What to do where options are not linked, or never win or lose."""


def check_maximum(pairs: Pairs, graph: Graph) -> None:
    """Refuse comparisons whose likelihood has no finite or no unique maximum."""
    size = graph.size
    first = np.arange(size) == 0
    down = graph.all_reach(first, pairs.wins, pairs.losses, FEW_STEPS)
    if down and graph.all_reach(first, pairs.losses, pairs.wins, FEW_STEPS):
        return
    winner, loser = wins_of(pairs)
    count, group = components(winner, loser, size, strong=True)
    if count == 1:
        return
    parts, part = components(winner, loser, size, strong=False)
    if parts > 1:
        raise InputError(
            "'first' and 'second' must link all options by comparisons; got none between "
            f"options {_listed(part == part[0])} and {_listed(part == part[part != part[0]][0])}"
            + WAYS_OUT
        )
    apart = group[winner] != group[loser]
    always = []
    for verb, other in (("lose", loser), ("win", winner)):
        closed = np.setdiff1d(np.arange(count), group[other[apart]])[0]
        always.append(f"options {_listed(group == closed)} that never {verb}")
    raise InputError(
        "'outcomes' must let every group of options both win and lose against the others, or no "
        f"finite maximum exists; got {' and '.join(always)} against the others" + WAYS_OUT
    )


def _listed(members: Mask) -> str:
    options = np.flatnonzero(members)
    names = ", ".join(str(y) for y in options[:SHOWN])
    return names + (f", ... ({len(options)} in all)" if len(options) > SHOWN else "")

"""The distances of many flips at once, each in closed form: of draws, or of many populations."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..draws import Draws
from ..links import Link
from ..population import Population
from .claim import Over, Score
from .greedy import blocks, greedy
from .scores import check_score, nbc_tables
from .targets import Rankings, Target, as_target

Floats = NDArray[np.float64]

CROWD = "Draws, a Population with draws, or a sequence of Populations"


def flip_distances(
    population: Population | Draws | Sequence[Population],
    to: Target | None = None,
    *,
    over: Over = "sampling",
    score: Score = "nbc",
    sampling: Any = None,
    margin: float = 0.0,
    floor: float = 0.0,
) -> Floats:
    """Return the distance of the nearest flip of each draw, or of each of many populations.

    It is the batched form of `flip`, for what has a closed form: total variation, without further
    constraints.

    Parameters
    ----------
    population : Draws, Population with draws, or sequence of Population
        Of a population with draws, its draws. The populations of a sequence count themselves,
        and may have any sizes.
    to : Target, optional
        ``Pair(a, over=b)``, ``Winner()`` or ``TopK(k)``; omitted, some pair of the ranking is
        reversed. Unlike `flip`, this also answers for draws that have `a` above `b` already: the
        distance is 0 if it is by the margin, and the base is above the floor.
    over, score, margin, floor
        As for `flip`.
    sampling : array_like, optional
        Uniform if omitted. One for all draws or populations, or a sequence with one for each.

    Returns
    -------
    ndarray, shape (R,)
        Distances in [0, 1]; inf where no distribution does it. NaN where what is to change is
        tied at the base: every option, the pair, or options inside and outside of the best k.
        Float arithmetic: where almost equal scores make a distance sensitive to rounding it can
        be off; `flip` settles those cases exactly.

    Raises
    ------
    InputError
        If an argument is out of its range, or the target has no closed form.

    Examples
    --------
    >>> from socialpref import Draws, Population, Winner, flip_distances
    >>> draws = Draws([[[0, -1, -2], [0, -2, 4]], [[4, 1, 0], [4, 1, 0]]])
    >>> flip_distances(draws).round(4)
    array([0.1067,    inf])
    >>> crowds = [Population([[0, -1, -2], [0, -2, 4]]), Population([[1, 0], [0, 2], [0, 1]])]
    >>> flip_distances(crowds, Winner(), over="shares").round(4)
    array([0.031 , 0.2075])
    """
    target = as_target(to)
    check_score(over, score, sampling)
    if isinstance(population, Population):
        if population.draws is None:
            raise _validate.complaint("population", CROWD, "a Population without draws")
        population = population.draws
    if isinstance(population, Draws):
        drawn = population.sampling(sampling)
        asked = Asked(target.placed(population.options), over, score, margin, floor)
        return distances_of_draws(population, drawn, asked)[0]
    _validate.instance("population", population, Sequence, CROWD)
    for one in population:
        _validate.instance("population", one, Population, CROWD)
    alike: dict[object, list[int]] = {}
    goals = [target.placed(one.options) for one in population]
    for i, (one, goal) in enumerate(zip(population, goals, strict=True)):
        alike.setdefault((one.rewards.shape, id(one.link), goal), []).append(i)
    each = _one_each(sampling, population)
    found = np.empty(len(population))
    for places in alike.values():
        first = population[places[0]]
        draws = Draws(
            [population[i].rewards for i in places],
            [population[i].shares for i in places],
            link=first.link,
        )
        drawn = np.array([each[i] for i in places])
        asked = Asked(goals[places[0]], over, score, margin, floor)
        found[places] = distances_of_draws(draws, drawn, asked)[0]
    return found


def _one_each(sampling: Any, population: Sequence[Population]) -> list[Floats]:
    """Return the sampling distribution of each population."""
    must = f"a distribution, or a sequence of {len(population)}"
    try:
        items = [] if sampling is None else list(sampling)
    except TypeError:
        raise _validate.complaint("sampling", must, _validate.shown(sampling)) from None
    if all(isinstance(item, Real) for item in items):
        items = [sampling] * len(population)
    if len(items) != len(population):
        raise _validate.complaint("sampling", must, f"{len(items)} of them")
    return [
        _validate.distribution("sampling", one, crowd.n_options, crowd.options)
        for one, crowd in zip(items, population, strict=True)
    ]


@dataclass(frozen=True)
class Asked:
    """Flips of which the distances are wanted, with the arguments of `flip_distances`."""

    target: Target
    over: Over = "sampling"
    score: Score = "nbc"
    margin: float = 0.0
    floor: float = 0.0


def distances_of_draws(draws: Draws, sampling: Floats, *asked: Asked) -> list[Floats]:
    """Return the distances of several flips of each draw: what they share is computed once.

    Parameters
    ----------
    draws : Draws
    sampling : ndarray, shape (K,) or (R, K)
        Of all draws or of each, checked.
    *asked : Asked
        Their targets are placed.

    Returns
    -------
    list of ndarray, shape (R,)
    """
    n_types, n_options = draws.rewards.shape[1:]
    alike: dict[tuple[Over, Score, float, float], list[int]] = {}
    for i, one in enumerate(asked):
        size = n_options if one.over == "sampling" else n_types
        limits = _validate.limits(one.margin, one.floor, size)
        alike.setdefault((one.over, one.score, *limits), []).append(i)
    found = np.full((len(asked), len(draws)), np.nan)
    for rows in blocks(len(draws), n_options * n_options * max(n_types, n_options)):
        drawn = sampling if sampling.ndim == 1 else sampling[rows]
        part = _Block(draws.rewards[rows], draws.shares[rows], draws.link, drawn)
        for (over, score, margin, floor), places in alike.items():
            table, base = part.scored(over, score)
            targets = [asked[i].target for i in places]
            found[places, rows] = _nearest(table, base, targets, margin, floor)
    return list(found)


@dataclass(frozen=True, eq=False)
class _Block:
    """Some of the draws, and the tables of their scores."""

    rewards: Floats
    shares: Floats
    link: Link
    sampling: Floats

    @cached_property
    def nbc(self) -> tuple[Floats, Floats]:
        """The tables of NBC, for all and by type."""
        return nbc_tables(self.rewards, self.shares, self.link, self.sampling)

    def scored(self, over: Over, score: Score) -> tuple[Floats, Floats]:
        """Return a table whose product with the base is the scores, and the base."""
        if score == "average reward":
            return np.swapaxes(self.rewards, 1, 2), self.shares
        together, by_type = self.nbc
        return (together, self.sampling) if over == "sampling" else (by_type, self.shares)


def _nearest(
    table: Floats, base: Floats, targets: Sequence[Target], margin: float, floor: float
) -> Floats:
    """Return the distance of each target (row) and each draw; NaN where all is tied."""
    distances = np.full((len(targets), len(table)), np.nan)
    ranked = Rankings((table @ base[..., None])[..., 0], margin)
    wanted = np.array([target.reversals(ranked) for target in targets])
    # One row for each pair of each draw, in the order of the draws.
    item, above, below = np.nonzero(wanted.any(axis=0))
    each = np.empty(len(item))
    for part in blocks(len(item), table.shape[2]):
        one = item[part]
        gains = table[one, below[part]] - table[one, above[part]]
        each[part] = greedy(gains, base if base.ndim == 1 else base[one], margin, floor)
    for row, pairs in zip(distances, wanted, strict=True):
        counts = pairs[item, above, below]
        own = item[counts]
        starts = np.flatnonzero(np.diff(own, prepend=-1))
        if len(starts):
            row[own[starts]] = np.minimum.reduceat(each[counts], starts)
    return distances

"""The distances of many flips at once, each in closed form: of draws, or of many populations."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..draws import Draws
from ..population import Population
from .claim import Over, Score
from .greedy import blocks, greedy
from .scores import check_score, nbc_by_type
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
        goal = target.placed(population.options)
        return _of_draws(population, goal, over, score, drawn, margin, floor)
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
        found[places] = _of_draws(draws, goals[places[0]], over, score, drawn, margin, floor)
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


def _of_draws(
    draws: Draws,
    target: Target,
    over: Over,
    score: Score,
    sampling: Floats,
    margin: float,
    floor: float,
) -> Floats:
    """Return the distance of each draw, with the sampling of all, (K,), or of each, (R, K)."""
    n_types, n_options = draws.rewards.shape[1:]
    size = n_options if over == "sampling" else n_types
    margin, floor = _validate.limits(margin, floor, size)
    distances = np.full(len(draws), np.nan)
    for rows in blocks(len(draws), n_options * n_options * max(n_types, n_options)):
        drawn = sampling if sampling.ndim == 1 else sampling[rows]
        if over == "sampling":
            table, base = draws.pairwise(rows), drawn
        elif score == "nbc":
            table = nbc_by_type(draws.rewards[rows], draws.link, drawn)
            base = draws.shares[rows]
        else:
            table, base = np.swapaxes(draws.rewards[rows], 1, 2), draws.shares[rows]
        ranked = Rankings((table @ base[..., None])[..., 0], margin)
        # One row for each pair of each draw, in the order of the draws.
        item, above, below = np.nonzero(target.reversals(ranked))
        if not len(item):
            continue
        each = np.empty(len(item))
        for part in blocks(len(item), size):
            one = item[part]
            gains = table[one, below[part]] - table[one, above[part]]
            each[part] = greedy(gains, base if base.ndim == 1 else base[one], margin, floor)
        starts = np.flatnonzero(np.diff(item, prepend=-1))
        distances[rows][item[starts]] = np.minimum.reduceat(each, starts)
    return distances

"""The regions of sampling distributions over three options with the same NBC ranking."""

from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from ..rules import TIE_TOLERANCE, Ranking

Floats = NDArray[np.float64]
SLIVER = 1e-9
"""Cells with a smaller share of the simplex are rounding."""


@dataclass(frozen=True, eq=False)
class Cell:
    """The sampling distributions at which one ranking by NBC holds.

    Attributes
    ----------
    ranking : Ranking
    corners : ndarray, shape (M, 3)
        Corners of the convex polygon, in order around it; each is a sampling distribution.
    share : float
        Of the area of the simplex.
    """

    ranking: Ranking
    corners: Floats
    share: float


def ranking_cells(preferences: Floats) -> tuple[Cell, ...]:
    """Divide the simplex by the NBC ranking of three options.

    Options a and b are level where ``(P[a] - P[b]) d = 0``, which is a line, so every ranking
    holds on a polygon.

    Parameters
    ----------
    preferences : ndarray, shape (3, 3)
        ``preferences[y, z]`` is the probability that y beats z; see `Population.pairwise`.

    Returns
    -------
    tuple of Cell
        Largest first; their shares sum to 1. Options that are tied everywhere are tied in
        every ranking.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.flips.regions import ranking_cells
    >>> population = Population([[0, -1, -2], [0, -2, 4]], options=["A", "B", "C"])
    >>> for cell in ranking_cells(population.pairwise()):
    ...     print(cell.ranking.describe(population.options), round(cell.share, 3))
    A > C > B 0.598
    C > A > B 0.402
    """
    cells = []
    for order in permutations(range(3)):
        steps = [(a, b, preferences[a] - preferences[b]) for a, b in pairwise(order)]
        level = [bool(np.abs(gains).max() <= TIE_TOLERANCE) for _, _, gains in steps]
        if any(same and a > b for same, (a, b, _) in zip(level, steps, strict=True)):
            continue  # the same cell in another order
        corners = np.eye(3)
        for same, (_, _, gains) in zip(level, steps, strict=True):
            corners = corners if same else _clip(corners, gains)
        if (share := _share(corners)) > SLIVER:
            cells.append(Cell(_ranking(order, level), corners, share))
    return tuple(sorted(cells, key=lambda cell: -cell.share))


def _ranking(order: tuple[int, ...], level: list[bool]) -> Ranking:
    """Return the ranking in which neighbours of the order are tied where they are level."""
    groups = [[order[0]]]
    for y, same in zip(order[1:], level, strict=True):
        if same:
            groups[-1].append(y)
        else:
            groups.append([y])
    return Ranking(tuple(map(tuple, groups)))


def _clip(corners: Floats, gains: Floats) -> Floats:
    """Return the part of a convex polygon where ``gains @ d >= 0`` (Sutherland and Hodgman)."""
    values = corners @ gains
    kept = []
    for i in range(len(corners)):
        before, here = values[i - 1], values[i]
        if before * here < 0:
            step = before / (before - here)
            kept.append(corners[i - 1] + step * (corners[i] - corners[i - 1]))
        if here >= 0:
            kept.append(corners[i])
    return np.array(kept).reshape(-1, 3)


def _share(corners: Floats) -> float:
    """Return the polygon's area as a share of the simplex, by the shoelace formula."""
    x, y = corners[:, 0], corners[:, 1]
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)))

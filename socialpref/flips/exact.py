"""The greedy solution of one pair's flip in rational arithmetic.

Floats are rational numbers, so the program of a pair has an exact answer. It is computed in
integers: masses are counted in units of ``1 / total``, gains in units of ``1 / scale``.
"""

from collections.abc import Sequence
from fractions import Fraction
from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .certificate import Certificate
from .claim import PairFlips


class Solution(NamedTuple):
    """The nearest point that meets ``gains @ d >= margin``, and what proves it.

    Attributes
    ----------
    point, base : list of int
        Masses in units of ``1 / total``.
    total : int
    worth : int
        What a unit of mass gains where the last was taken, in units of ``1 / scale``; 0 if the
        base meets the constraint, except for what the floor forces.
    gains : list of int
        In units of ``1 / scale``.
    scale : int
    lacking : list of bool
        Which masses of the base are below the floor.
    """

    point: list[int]
    base: list[int]
    total: int
    worth: int
    gains: list[int]
    scale: int
    lacking: list[bool]

    @property
    def distance(self) -> float:
        """The distance in total variation, rounded once."""
        return sum(max(x - y, 0) for x, y in zip(self.point, self.base, strict=True)) / self.total

    @property
    def masses(self) -> NDArray[np.float64]:
        """The point, each mass rounded once."""
        return np.array([x / self.total for x in self.point])

    def dual(self) -> tuple[Fraction, list[Fraction]]:
        """Return the price of the gains and the potential that prove the distance."""
        best = max(self.gains)
        if self.worth:
            potential = [
                Fraction(max(self.worth - best + gain, 0), self.worth) for gain in self.gains
            ]
        else:
            potential = [Fraction()] * len(self.gains)
        for y, lacks in enumerate(self.lacking):
            if lacks:
                potential[y] = Fraction(1)
        price = Fraction(self.scale, self.worth) if self.worth else Fraction()
        return price, potential


def solve(
    gains: NDArray[np.float64], base: NDArray[np.float64], margin: float, floor: float
) -> Solution | None:
    """Move mass from where it gains least to where it gains most, until the margin is reached.

    Parameters
    ----------
    gains, base : ndarray, shape (n,)
        The base is taken as divided by its exact sum.
    margin, floor : float

    Returns
    -------
    Solution or None
        None if no distribution above the floor reaches the margin.

    Examples
    --------
    >>> solve(np.array([-0.5, 0.25, 0.25]), np.array([0.5, 0.25, 0.25]), 0.0, 0.0).distance
    0.16666666666666666
    """
    (*gain, target), scale = _integers([*gains.tolist(), margin])
    weights, _ = _integers(base.tolist())
    numerator, denominator = floor.as_integer_ratio()
    total = sum(weights) * denominator
    start, low = [x * denominator for x in weights], sum(weights) * numerator
    best = max(gain)
    if low * sum(gain) + (total - len(gain) * low) * best < target * total:
        return None
    lacking = [mass < low for mass in start]
    point = [max(mass, low) for mass in start]
    receiver = gain.index(best)
    owed = sum(point) - total  # what the floor forces in, to be taken from where it is worth least
    point[receiver] -= owed
    missing = target * total - sum(map(mul, gain, point))
    price_worth = 0
    for y in sorted(range(len(gain)), key=gain.__getitem__):
        worth = best - gain[y]
        for_gain = worth > 0 and missing > owed * worth
        if not for_gain and not owed:
            break
        spare = max(start[y] - low, 0)
        price_worth = worth if for_gain else 0
        if for_gain and missing <= spare * worth:  # the last step: a fraction of a unit
            point, start = [x * worth for x in point], [x * worth for x in start]
            total *= worth
            point[y] -= missing
            point[receiver] += missing
            break
        amount = spare if for_gain else min(owed, spare)
        point[y] -= amount
        point[receiver] += amount
        missing -= amount * worth
        owed = max(owed - amount, 0)
    return Solution(point, start, total, price_worth, gain, scale, lacking)


def certify(claim: PairFlips, above: int, below: int) -> Certificate:
    """Return the certificate of the flip of one pair."""
    program = claim.program(above, below)
    found = solve(program.rows[0], claim.base, claim.margin, claim.floor)
    if found is None:
        primal, price, potential = None, Fraction(1), None
    else:
        primal = tuple(Fraction(x, found.total) for x in found.point)
        price, dual = found.dual()
        potential = tuple(dual)
    return Certificate(
        rows=program.rows,
        bounds=program.bounds,
        base=claim.base,
        floor=claim.floor,
        primal=primal,
        prices=(price,),
        potential=potential,
    )


def _integers(values: Sequence[float]) -> tuple[list[int], int]:
    """Return floats as integers in units of one over a power of two, and that power."""
    ratios = [x.as_integer_ratio() for x in values]
    scale = max(denominator for _, denominator in ratios)
    return [numerator * (scale // denominator) for numerator, denominator in ratios], scale

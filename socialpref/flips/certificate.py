"""Proofs of flip distances, checked in exact rational arithmetic.

The flip program is

    minimise D(d, d0)  subject to  sum d = 1,  d >= floor,  rows @ d >= bounds.

A primal point d bounds its value from above. A dual point, prices mu >= 0 of the rows and a
potential g, bounds it from below: for every feasible d,

    D(d, d0) >= g.d - g.d0 - D*(g)    and    g.d >= mu.bounds + nu + floor * sum(rho),

with a = mu @ rows, nu = min(g - a) and rho = g - a - nu >= 0. Nothing else of the solver is
trusted. The program has no solution if, for some mu >= 0, no distribution reaches
a.d >= mu.bounds: the largest a.d is floor * sum(a) + (1 - K floor) * max(a).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from operator import mul

import numpy as np
from numpy.typing import NDArray

from ..errors import CertificateError
from .divergences import Divergence, Rationals, TotalVariation

WIDTH = 1e-9
"""The widest interval that `check` accepts as a proof."""


@dataclass(frozen=True)
class Interval:
    """Proven bounds of a flip distance; both are inf if no flip exists.

    Attributes
    ----------
    lower, upper : float
        The exact bounds, each rounded to the nearest float.
    width : float
        The exact difference of the bounds, rounded; 0 if no flip exists.
    """

    lower: float
    upper: float
    width: float


def dot(left: Rationals, right: Rationals) -> Fraction:
    """Return the exact inner product."""
    return sum(map(mul, left, right), Fraction())


def exact(values: NDArray[np.float64]) -> tuple[Fraction, ...]:
    """Return floats as the rational numbers that they are."""
    return tuple(map(Fraction, values.tolist()))


def exact_distribution(values: NDArray[np.float64]) -> tuple[Fraction, ...]:
    """Return non-negative floats divided by their exact sum."""
    numbers = exact(values)
    total = sum(numbers, Fraction())
    return tuple(x / total for x in numbers)


@dataclass(frozen=True, eq=False)
class Certificate:
    """A primal and a dual point of one flip program, or a proof that it has no solution.

    Attributes
    ----------
    rows : ndarray, shape (m, K)
    bounds : ndarray, shape (m,)
        The linear constraints ``rows @ d >= bounds``; for the flip of one pair a single row,
        ``P[below] - P[above]``, and the margin.
    base : ndarray, shape (K,)
        The distribution d0, taken as divided by its exact sum.
    floor : float
        The least mass of every alternative.
    divergence : Divergence
        What is minimised; total variation unless stated otherwise.
    primal : tuple of Fraction, or None
        A feasible distribution; None if the program has no solution.
    prices : tuple of Fraction
        The dual's price of each row.
    potential : tuple of Fraction, or None
        The dual's potential, one number per alternative; None if there is no solution.
    """

    rows: NDArray[np.float64]
    bounds: NDArray[np.float64]
    base: NDArray[np.float64]
    floor: float
    primal: tuple[Fraction, ...] | None
    prices: tuple[Fraction, ...]
    potential: tuple[Fraction, ...] | None
    divergence: Divergence = field(default_factory=TotalVariation)

    def check(self, *, width: float = WIDTH) -> Interval:
        """Recompute both bounds from the given floats, exactly, and return what is proven.

        Parameters
        ----------
        width : float
            The widest interval to accept, relative to the upper bound if that exceeds 1.

        Returns
        -------
        Interval
            Bounds of the flip distance; ``inf`` to ``inf`` if there is provably no flip.

        Raises
        ------
        CertificateError
            If a point is infeasible or the bounds are too far apart.

        Examples
        --------
        >>> from socialpref import Population, pair_flip
        >>> flip = pair_flip(Population([[0, -1, -2], [0, -2, 4]]), 0, 2)
        >>> round(flip.certificate.check().lower, 6)
        0.106697
        """
        rows = [exact(row) for row in self.rows]
        bounds = exact(self.bounds)
        floor = Fraction(self.floor)
        lengths = {len(x) for x in (self.primal, self.potential) if x is not None}
        if lengths - {len(self.base)} or len(self.prices) != len(rows):
            raise CertificateError("the points do not have the program's lengths")
        if any(price < 0 for price in self.prices):
            raise CertificateError("the dual point is infeasible: a price is negative")
        priced = [dot(self.prices, [row[y] for row in rows]) for y in range(len(self.base))]
        worth = dot(self.prices, bounds)
        if self.primal is None or self.potential is None:
            best = floor * sum(priced) + (1 - len(priced) * floor) * max(priced)
            if best >= worth:
                raise CertificateError("the proof of infeasibility does not hold")
            return Interval(math.inf, math.inf, 0.0)

        base = exact_distribution(self.base)
        if sum(self.primal) != 1 or min(self.primal) < floor:
            raise CertificateError("the primal point is not a distribution above the floor")
        if any(dot(row, self.primal) < bound for row, bound in zip(rows, bounds, strict=True)):
            raise CertificateError("the primal point does not meet the constraints")
        upper = self.divergence.value(self.primal, base)

        excess = [g - a for g, a in zip(self.potential, priced, strict=True)]
        level = min(excess)
        linear = worth + level + floor * (sum(excess) - len(excess) * level)
        slack = self.divergence.conjugate(self.potential, base)
        lower = max(linear - dot(self.potential, base) - slack, Fraction())
        if upper - lower > Fraction(width) * max(upper, Fraction(1)):
            raise CertificateError(
                f"the bounds {float(lower):.12g} and {float(upper):.12g} are more than "
                f"{width:g} apart"
            )
        return Interval(float(lower), float(upper), float(upper - lower))


@dataclass(frozen=True, eq=False)
class LeastOf:
    """The certificate of a minimum over pairs: one certificate for each pair.

    Attributes
    ----------
    pairs : sequence of (int, int)
        The pairs (above, below) over which the minimum is taken.
    certify : callable
        Returns the certificate of a pair; the parts are made when first asked for.
    """

    pairs: tuple[tuple[int, int], ...]
    certify: Callable[[int, int], Certificate]

    @cached_property
    def parts(self) -> tuple[Certificate, ...]:
        """The certificates, one for each of `pairs`."""
        return tuple(self.certify(above, below) for above, below in self.pairs)

    def check(self, *, width: float = WIDTH) -> Interval:
        """Check every part and return the proven interval of their minimum.

        Raises
        ------
        CertificateError
            If a part proves nothing, or the bounds are more than `width` apart.
        """
        intervals = [part.check(width=width) for part in self.parts]
        lower = min((part.lower for part in intervals), default=math.inf)
        upper = min((part.upper for part in intervals), default=math.inf)
        return Interval(lower, upper, upper - lower if math.isfinite(upper) else 0.0)

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..divergences import Divergence, Rationals, TotalVariation, Wasserstein
from ..errors import CertificateError, InputError
from .claim import PairFlips, Positions, check_pair

WIDTH = 1e-9
"""The widest interval that `check` accepts as a proof."""


@dataclass(frozen=True)
class ProvenInterval:
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
    """Return floats as exact rational numbers."""
    return tuple(map(Fraction, values.tolist()))


def exact_distribution(values: NDArray[np.float64]) -> tuple[Fraction, ...]:
    """Return non-negative floats divided by their exact sum."""
    numbers = exact(np.asarray(values, dtype=np.float64))
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
        The least mass of every option.
    divergence : Divergence
        What is minimised; total variation unless stated otherwise.
    primal : tuple of Fraction, or None
        A feasible distribution; None if the program has no solution.
    prices : tuple of Fraction
        The dual's price of each row.
    potential : tuple of Fraction, or None
        The dual's potential, one number per option; None if there is no solution.
    """

    rows: NDArray[np.float64]
    bounds: NDArray[np.float64]
    base: NDArray[np.float64]
    floor: float
    primal: tuple[Fraction, ...] | None
    prices: tuple[Fraction, ...]
    potential: tuple[Fraction, ...] | None
    divergence: Divergence = field(default_factory=TotalVariation)

    def check(self, *, width: float = WIDTH) -> ProvenInterval:
        """Recompute both bounds from the given floats, exactly, and return what is proven.

        Parameters
        ----------
        width : float
            The widest interval to accept, relative to the upper bound if that exceeds 1.

        Returns
        -------
        ProvenInterval
            Bounds of the flip distance; ``inf`` to ``inf`` if there is provably no flip.

        Raises
        ------
        CertificateError
            If a point is infeasible, the bounds are too far apart, the points are not of
            integers and fractions, or there is no program.
        InputError
            If `width` is not a number of at least 0.

        Examples
        --------
        >>> from socialpref import Pair, Population, flip
        >>> found = flip(Population([[0, -1, -2], [0, -2, 4]]), Pair(2, over=0))
        >>> round(found.certificate.check().lower, 6)
        0.106697
        """
        widest = Fraction(_validate.number("width", width, 0.0))
        rows, bounds, floor = self._program()
        size = len(self.base)
        prices = _rationals("prices", self.prices, len(rows))
        if min(prices, default=0) < 0:
            raise CertificateError("the dual point is infeasible: a price is negative")
        priced = [dot(prices, [row[y] for row in rows]) for y in range(size)]
        worth = dot(prices, bounds)
        if self.primal is None and self.potential is None:
            best = floor * sum(priced) + (1 - size * floor) * max(priced)
            if best >= worth:
                raise CertificateError("the proof of infeasibility does not hold")
            return ProvenInterval(math.inf, math.inf, 0.0)

        base = exact_distribution(self.base)
        primal = _rationals("primal", self.primal, size)
        potential = _rationals("potential", self.potential, size)
        if sum(primal) != 1 or min(primal) < floor:
            raise CertificateError("the primal point is not a distribution above the floor")
        if any(dot(row, primal) < bound for row, bound in zip(rows, bounds, strict=True)):
            raise CertificateError("the primal point does not meet the constraints")
        upper = self.divergence.value(primal, base)

        excess = [g - a for g, a in zip(potential, priced, strict=True)]
        level = min(excess)
        linear = worth + level + floor * (sum(excess) - size * level)
        slack = self.divergence.conjugate(potential, base)
        lower = max(linear - dot(potential, base) - slack, Fraction())
        return _interval(lower, upper, widest)

    def distance(self) -> float:
        """Return the primal point's distance from the base, rounded once; inf if there is none."""
        if self.primal is None:
            return math.inf
        return float(self.divergence.value(self.primal, exact_distribution(self.base)))

    def _program(self) -> tuple[list[tuple[Fraction, ...]], tuple[Fraction, ...], Fraction]:
        """Return the exact rows, bounds and floor; raise if the program is not valid."""
        try:
            base = _validate.real_array("base", self.base, 1)
            rows = _validate.real_array("rows", self.rows, 2)
            bounds = _validate.real_array("bounds", self.bounds, 1)
            floor = Fraction(_validate.number("floor", self.floor, 0.0))
            if not isinstance(self.divergence, TotalVariation):  # which is asked for most
                _validate.instance("divergence", self.divergence, Divergence, "a divergence")
        except InputError as error:
            raise CertificateError(f"the program is not valid: {error}") from None
        size, measure = base.size, self.divergence
        if rows.shape != (bounds.size, size) or not size or floor * size > 1:
            raise CertificateError("the program is not valid: its parts do not fit each other")
        if base.min() < 0.0 or base.max() == 0.0:
            raise CertificateError("the program is not valid: 'base' is not a distribution")
        if measure.needs_full_support and base.min() == 0.0:
            raise CertificateError("the program is not valid: the divergence needs a positive base")
        if isinstance(measure, Wasserstein) and len(measure.positions) != size:
            raise CertificateError("the program is not valid: the positions do not fit the base")
        return [*map(exact, rows)], exact(bounds), floor


def _rationals(name: str, values: object, length: int) -> tuple[Fraction, ...]:
    """Return a point of fractions or integers; floats, which can be NaN or rounded, are refused."""
    if not isinstance(values, tuple | list) or len(values) != length:
        raise CertificateError(f"'{name}' must be {length} fractions")
    if any(type(value) not in (int, Fraction) for value in values):
        raise CertificateError(f"'{name}' must be of fractions and integers only")
    return tuple(values)


def _interval(lower: Fraction, upper: Fraction, widest: Fraction) -> ProvenInterval:
    try:
        bounds = ProvenInterval(float(lower), float(upper), float(upper - lower))
    except OverflowError:
        raise CertificateError("the bounds are too large for floats") from None
    if upper - lower > widest * max(upper, Fraction(1)):
        raise CertificateError(
            f"the bounds {bounds.lower:.12g} and {bounds.upper:.12g} are more than "
            f"{float(widest):g} apart"
        )
    return bounds


@dataclass(frozen=True, eq=False)
class LeastOf:
    """The certificate of a minimum over pairs: one certificate for each pair.

    Attributes
    ----------
    pairs : sequence of (int, int)
        The pairs (above, below) over which the minimum is taken.
    certify : callable
        Returns the certificate of a pair; the parts are made when first asked for.
    claim : PairFlips, optional
        What is to be proven. `check` then also refuses pairs that are not all those that the
        claim needs, and certificates that are not of the pairs' programs.
    """

    pairs: tuple[Positions, ...]
    certify: Callable[[int, int], Certificate]
    claim: PairFlips | None = None

    @cached_property
    def parts(self) -> tuple[Certificate, ...]:
        """The certificates, one for each of `pairs`."""
        return tuple(self.certify(above, below) for above, below in self.pairs)

    def check(self, *, width: float = WIDTH) -> ProvenInterval:
        """Check every part and return the proven interval of their minimum.

        Raises
        ------
        CertificateError
            If there are no pairs, a part proves nothing, the bounds are more than `width`
            apart, or it is not the claim that is proven.
        """
        if self.claim is None:
            return minimum(self.certificates(), width)
        if type(self.claim) is not PairFlips:
            raise CertificateError("only the flips of pairs can be proven in this way")
        claim = replace(self.claim)  # without anything that the given one remembers
        claim.check()
        return minimum(self.cover(claim), width)

    def certificates(self) -> dict[Positions, Certificate]:
        """Return the certificate of every pair.

        Raises
        ------
        CertificateError
            If there are no pairs, or one has no certificate.
        """
        if type(self.pairs) is not tuple or not self.pairs:
            raise CertificateError("a minimum over no pairs proves nothing")
        for pair in self.pairs:
            check_pair(pair)
        try:
            parts = self.parts
        except Exception as error:  # of whatever was given to make them
            raise CertificateError(f"the certificates cannot be made: {error!r}") from error
        if type(parts) is not tuple or len(parts) != len(self.pairs):
            raise CertificateError("there must be a certificate for each pair")
        if any(type(part) is not Certificate for part in parts):
            raise CertificateError("a part is not a certificate")
        return dict(zip(self.pairs, parts, strict=True))

    def cover(self, claim: PairFlips) -> dict[Positions, Certificate]:
        """Return the certificate of the program of every pair that a claim needs.

        Raises
        ------
        CertificateError
            If a pair is missing or not needed, or a part is the certificate of another program.
        """
        found = self.certificates()
        if found.keys() != claim.needed:
            raise CertificateError("the pairs are not those that the claim needs")
        for pair, part in found.items():
            if not claim.program(*pair).is_of(part):
                raise CertificateError("a part is not the certificate of its pair's program")
        return found


def minimum(parts: Mapping[Any, Certificate], width: float) -> ProvenInterval:
    """Check every part and return the proven interval of their minimum."""
    intervals = [part.check(width=width) for part in parts.values()]
    lower = min(part.lower for part in intervals)
    upper = min(part.upper for part in intervals)
    return ProvenInterval(lower, upper, upper - lower if math.isfinite(upper) else 0.0)

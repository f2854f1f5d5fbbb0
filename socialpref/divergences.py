"""Distances between distributions: `total_variation`, and others, each with its convex conjugate.

Every divergence is written as ``D(d, d0) = sup_g  g.(d - d0) - D*(g)`` over distributions d. A
vector g (a *potential*) therefore bounds D from below: that is how a flip distance is proven,
and adding a constant to g changes nothing. Values are
computed in exact rational arithmetic (`fractions.Fraction`); the cvxpy expressions are the same
formulas for a solver.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate, pairwise
from math import log
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .errors import CertificateError

if TYPE_CHECKING:
    import cvxpy as cp

Rationals = Sequence[Fraction]

FURTHEST = 1e100
"""The furthest position from 0 that `Wasserstein` takes; squares are still finite floats."""


def total_variation(first: ArrayLike, second: ArrayLike) -> float:
    """Return half the L1 distance of two distributions.

    Raises
    ------
    InputError
        If they are not distributions over the same options.

    Examples
    --------
    >>> from socialpref import total_variation
    >>> total_variation([0.5, 0.5], [0.25, 0.75])
    0.25
    """
    one = _validate.real_array("first", first, 1)
    other = _validate.real_array("second", second, 1)
    one = _validate.distribution("first", one, len(one))
    other = _validate.distribution("second", other, len(one))
    return float(np.abs(one - other).sum() / 2)


@runtime_checkable
class Divergence(Hashable, Protocol):
    """What the flip programs and their certificates need to know of a divergence."""

    @property
    def needs_full_support(self) -> bool:
        """Whether D is infinite unless every option has mass in the base."""
        ...

    def value(self, point: Rationals, base: Rationals) -> Fraction:
        """Return D(point, base), or an upper bound tight to 1e-40 where it is irrational."""
        ...

    def conjugate(self, potential: Rationals, base: Rationals) -> Fraction:
        """Return D*(potential), or such an upper bound; raise if it is infinite."""
        ...

    def repair(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the nearest simple potential whose conjugate is finite."""
        ...

    def parameter(self, base: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the vector through which the base enters `expression`."""
        ...

    def expression(self, point: "cp.Variable", parameter: "cp.Parameter") -> "cp.Expression":
        """Return D(point, base), up to a constant, as a convex cvxpy expression."""
        ...


class Model(NamedTuple):
    """A convex function near a point: quadratic, and piecewise linear where it has kinks.

    Up to a constant its value is ``curvature @ d**2 / 2 + slope @ d`` plus, for each kink (w, k)
    with w >= 0, ``w * max(0, k @ (d - base))``.
    """

    curvature: Rationals
    slope: Rationals
    kinks: Sequence[tuple[Fraction, Rationals]] = ()


@runtime_checkable
class Modelled(Divergence, Protocol):
    """A divergence whose programs can be solved in rational arithmetic."""

    def model(self, point: Rationals, base: Rationals) -> Model:
        """Return the divergence itself, if it has that form, or its model at a positive point."""
        ...


@dataclass(frozen=True)
class TotalVariation:
    """Half the L1 distance: the share of draws that must be changed. The default.

    D* is 0 for potentials whose range is at most 1, and infinite otherwise.
    """

    needs_full_support = False

    def value(self, point: Rationals, base: Rationals) -> Fraction:
        """Return half the sum of absolute differences."""
        return sum((abs(x - y) for x, y in zip(point, base, strict=True)), Fraction()) / 2

    def conjugate(self, potential: Rationals, base: Rationals) -> Fraction:
        """Return 0 if the potential's range is at most 1; raise otherwise."""
        if max(potential) - min(potential) > 1:
            raise CertificateError("the dual point is infeasible: its range exceeds 1")
        return Fraction()

    def repair(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """Clip the potential to [0, 1] after shifting its minimum to 0."""
        return np.clip(potential - potential.min(), 0.0, 1.0)

    def parameter(self, base: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the base itself."""
        return base

    def expression(self, point: "cp.Variable", parameter: "cp.Parameter") -> "cp.Expression":
        """Return half the L1 norm of the difference."""
        import cvxpy as cp

        return cp.norm1(point - parameter) / 2

    def model(self, point: Rationals, base: Rationals) -> Model:
        """Return the sum of what rises, which is half of what changes."""
        none = [Fraction()] * len(base)
        rises = [[*none[:y], Fraction(1), *none[y + 1 :]] for y in range(len(base))]
        return Model(none, none, [(Fraction(1), rise) for rise in rises])


@dataclass(frozen=True)
class Wasserstein:
    """Earth mover's distance between options placed on a line (an ordinal scale).

    D* is 0 for potentials with slope at most 1 along the line, and infinite otherwise.

    Parameters
    ----------
    positions : sequence of float
        Where each option lies; distances are in these units.
    """

    positions: tuple[float, ...]
    needs_full_support = False

    def __init__(self, positions: ArrayLike) -> None:
        values = _validate.real_array("positions", positions, 1)
        if np.abs(values).max(initial=0.0) > FURTHEST:
            raise _validate.complaint("positions", f"at most {FURTHEST:g} from 0", values)
        object.__setattr__(self, "positions", tuple(values.tolist()))

    @property
    def _order(self) -> list[int]:
        return sorted(range(len(self.positions)), key=self.positions.__getitem__)

    @property
    def _gaps(self) -> list[Fraction]:
        line = [Fraction(self.positions[y]) for y in self._order]
        return [right - left for left, right in pairwise(line)]

    def value(self, point: Rationals, base: Rationals) -> Fraction:
        """Return the area between the two distribution functions."""
        moved = accumulate(point[y] - base[y] for y in self._order)
        return sum((abs(m) * gap for m, gap in zip(moved, self._gaps, strict=False)), Fraction())

    def conjugate(self, potential: Rationals, base: Rationals) -> Fraction:
        """Return 0 if neighbours differ by at most their distance; raise otherwise."""
        line = [potential[y] for y in self._order]
        for (left, right), gap in zip(pairwise(line), self._gaps, strict=True):
            if abs(right - left) > gap:
                raise CertificateError("the dual point is infeasible: its slope exceeds 1")
        return Fraction()

    def repair(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """Clip the step between neighbours to their distance, rounded inwards."""
        order = self._order
        result = np.array(potential, dtype=np.float64)
        for left, right in pairwise(order):
            gap = self.positions[right] - self.positions[left]
            step = np.clip(potential[right] - potential[left], -gap, gap)
            result[right] = result[left] + step
            while abs(Fraction(result[right]) - Fraction(result[left])) > Fraction(
                self.positions[right]
            ) - Fraction(self.positions[left]):
                result[right] = np.nextafter(result[right], result[left])
        return result

    def parameter(self, base: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the base itself."""
        return base

    def expression(self, point: "cp.Variable", parameter: "cp.Parameter") -> "cp.Expression":
        """Return the gap-weighted L1 norm of the difference of distribution functions."""
        import cvxpy as cp

        order = self._order
        moved = cp.cumsum((point - parameter)[order])[:-1]
        return cp.sum(cp.multiply(np.array(self._gaps, dtype=np.float64), cp.abs(moved)))

    def model(self, point: Rationals, base: Rationals) -> Model:
        """Return the same area: |F| is 2 max(0, F) - F, for the difference F at each place."""
        none = [Fraction()] * len(base)
        slope, kinks = list(none), []
        for place, gap in enumerate(self._gaps, start=1):
            moved = list(none)
            for y in self._order[:place]:
                moved[y] = Fraction(1)
                slope[y] -= gap
            kinks.append((2 * gap, moved))
        return Model(none, slope, kinks)


@dataclass(frozen=True)
class ChiSquare:
    """Pearson's divergence ``sum (d - d0)^2 / d0``; D*(g) is a quarter of g's variance."""

    needs_full_support = True

    def value(self, point: Rationals, base: Rationals) -> Fraction:
        """Return the sum of squared differences relative to the base."""
        return sum(((x - y) ** 2 / y for x, y in zip(point, base, strict=True)), Fraction())

    def conjugate(self, potential: Rationals, base: Rationals) -> Fraction:
        """Return a quarter of the potential's variance under the base."""
        mean = sum((y * g for g, y in zip(potential, base, strict=True)), Fraction())
        squares = (y * (g - mean) ** 2 for g, y in zip(potential, base, strict=True))
        return sum(squares, Fraction()) / 4

    def repair(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the potential as it is: every one is feasible."""
        return potential

    def parameter(self, base: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the inverse roots of the base."""
        return np.asarray(base**-0.5)

    def expression(self, point: "cp.Variable", parameter: "cp.Parameter") -> "cp.Expression":
        """Return ``sum d^2 / d0``, which is the divergence plus 1."""
        import cvxpy as cp

        return cp.sum_squares(cp.multiply(parameter, point))

    def model(self, point: Rationals, base: Rationals) -> Model:
        """Return ``sum d^2 / d0 - 2 sum d``."""
        return Model([2 / y for y in base], [Fraction(-2)] * len(base))


@dataclass(frozen=True)
class KullbackLeibler:
    """Relative entropy ``sum d log(d / d0)`` in nats; D*(g) = log sum d0 exp(g) - g.d0."""

    needs_full_support = True

    def value(self, point: Rationals, base: Rationals) -> Fraction:
        """Return an upper bound, above the true value by less than 1e-40."""
        if list(point) == list(base):
            return Fraction()
        terms = (x * _logarithm(x / y) for x, y in zip(point, base, strict=True) if x)
        return sum(terms, Fraction()) + _ROUNDING

    def conjugate(self, potential: Rationals, base: Rationals) -> Fraction:
        """Return an upper bound, above the true value by less than 1e-40."""
        mean = sum((g * y for g, y in zip(potential, base, strict=True)), Fraction())
        top = max(potential)
        shifted = (y * _exponential(g - top) for g, y in zip(potential, base, strict=True))
        return _logarithm(sum(shifted, Fraction())) + top - mean + _ROUNDING

    def repair(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the potential as it is: every one is feasible."""
        return potential

    def parameter(self, base: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithms of the base."""
        return np.log(base)

    def expression(self, point: "cp.Variable", parameter: "cp.Parameter") -> "cp.Expression":
        """Return ``sum d log d - d log d0``."""
        import cvxpy as cp

        return -cp.sum(cp.entr(point)) - parameter @ point

    def model(self, point: Rationals, base: Rationals) -> Model:
        """Return the Taylor polynomial of second degree at the point, rounded to a float."""
        near = [Fraction(max(float(x), _SMALLEST)) for x in point]
        ratios = [x / y for x, y in zip(near, base, strict=True)]  # can be too large for floats
        slope = [Fraction(log(ratio.numerator) - log(ratio.denominator)) for ratio in ratios]
        return Model([1 / x for x in near], slope)


_DIGITS = 60
_ROUNDING = Fraction(1, 10**40)
"""Covers the rounding of the correctly rounded 60-digit logarithms and exponentials."""
_SMALLEST = 2.0**-1000
"""The least mass at which relative entropy is modelled."""
_NOTHING = Fraction(-3000)
"""What has an exponential of less than 1e-1300."""


def _decimal(x: Fraction) -> Decimal:
    return Decimal(x.numerator) / Decimal(x.denominator)


def _logarithm(x: Fraction) -> Fraction:
    with localcontext(prec=_DIGITS):
        return Fraction(_decimal(x).ln())


def _exponential(x: Fraction) -> Fraction:
    """Return exp(x), or an upper bound of less than 1e-1300 if it is smaller."""
    with localcontext(prec=_DIGITS):
        return Fraction(_decimal(max(x, _NOTHING)).exp())

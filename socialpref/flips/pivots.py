"""Small flip programs solved in exact rational arithmetic.

The convex program ``min x'Qx / 2 + c'x  subject to  A x >= b, x >= 0`` with a diagonal Q >= 0 has
optimality conditions (Karush, Kuhn, Tucker) that are a linear complementarity problem. Lemke's
method solves it by pivoting, without a tolerance, an interior point or a starting point, and
proves infeasibility if there is no solution. Its tableau is kept in integers.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..divergences import Model, Modelled, Rationals
from ..errors import CertificateError
from .certificate import Certificate, dot, exact, exact_distribution

NARROW = 1e-13
"""The width of a certificate's interval at which Newton's method stops."""

STEPS = 50
"""The most steps of Newton's method; relative entropy takes about 5 to 15."""

ZERO = Fraction()


class Optimum(NamedTuple):
    """A point, None if there is none, and the prices that prove the one or the other."""

    point: tuple[Fraction, ...] | None
    prices: tuple[Fraction, ...]


def minimise(
    curvature: Rationals, slope: Rationals, rows: Sequence[Rationals], bounds: Rationals
) -> Optimum:
    """Minimise ``curvature @ x**2 / 2 + slope @ x`` subject to ``rows @ x >= bounds`` and x >= 0.

    If there is no such x, the prices are such that ``prices @ rows <= 0 < prices @ bounds``. The
    objective must be bounded from below.

    Examples
    --------
    >>> from fractions import Fraction
    >>> one = Fraction(1)
    >>> minimise([one, one], [one, 2 * one], [[one, one]], [3 * one])
    Optimum(point=(Fraction(2, 1), Fraction(1, 1)), prices=(Fraction(3, 1),))
    """
    width = len(slope)
    system: list[list[Any]] = [
        [*(q if j == i else 0 for j in range(width)), *(-row[i] for row in rows), slope[i]]
        for i, q in enumerate(curvature)
    ]
    system += [[*row, *[0] * len(rows), -b] for row, b in zip(rows, bounds, strict=True)]
    values, solved = _complementary(system)
    return Optimum(values[:width] if solved else None, values[width:])


def _complementary(system: list[list[Any]]) -> tuple[tuple[Fraction, ...], bool]:
    """Find z >= 0 with w = M z + q >= 0 and w.z = 0 from the rows [M, q], by Lemke's method.

    M must be positive semidefinite. Returns z and True, or the direction in which the method
    leaves for infinity and False. Variables are numbered: w from 0, z from n, and last the
    artificial one, which is added to every row until it has become 0.
    """
    n, artificial = len(system), 2 * len(system)
    table: NDArray[np.object_] = np.zeros((n, 2 * n + 2), dtype=object)
    table[range(n), range(n)] = 1
    table[:, artificial] = -1
    for i, line in enumerate(system):
        scale = math.lcm(*(Fraction(x).denominator for x in line))
        *matrix, table[i, -1] = (int(x * scale) for x in line)
        table[i, n:artificial] = [-x for x in matrix]
    if min(table[:, -1]) >= 0:
        return (ZERO,) * n, True
    basis = list(range(n))
    row = min(range(n), key=lambda i: (table[i, -1], *table[i, :n]))
    rest = np.arange(n) != row
    table[row] *= -1
    table[rest] += table[row]
    entering, basis[row] = n + basis[row], artificial
    common = 1  # the denominator of the whole table
    while artificial in basis:
        column = table[:, entering]
        if not (column > 0).any():
            ray = {entering: common, **dict(zip(basis, -column, strict=True))}
            return tuple(Fraction(ray.get(n + i, 0)) for i in range(n)), False
        row = _first_at_zero(table, column, basis)
        pivot, rest = column[row], np.flatnonzero(np.arange(n) != row)
        # The columns of the basis are those of the identity, times the denominator.
        free = np.setdiff1d(np.arange(2 * n + 2), [*basis, entering])
        lead = np.outer(column[rest], table[row, free])
        block = np.ix_(rest, free)
        table[block] = (table[block] * pivot - lead) // common  # without a remainder
        leaving, basis[row] = basis[row], entering
        table[rest, leaving] = -column[rest]
        table[rest, entering] = 0
        table[range(n), basis] = common = pivot
        entering = leaving + n if leaving < n else leaving - n  # what must be 0 with it no more
    values = {b: Fraction(x, common) for b, x in zip(basis, table[:, -1], strict=True)}
    return tuple(values.get(n + i, ZERO) for i in range(n)), True


def _first_at_zero(
    table: NDArray[np.object_], column: NDArray[np.object_], basis: list[int]
) -> int:
    """Return the row whose variable first falls to 0 as the column's variable rises.

    Of several it is the artificial one, or the lexicographically first, so that no basis recurs.
    """
    n = len(basis)
    rows = np.flatnonzero(column > 0).tolist()
    for j in (-1, *range(n)):
        ratios = [Fraction(table[i, j], column[i]) for i in rows]
        least = min(ratios)
        rows = [i for i, ratio in zip(rows, ratios, strict=True) if ratio == least]
        if j == -1 and (ending := [i for i in rows if basis[i] == 2 * n]):
            return ending[0]
        if len(rows) == 1:
            break
    return rows[0]


def solve(certificate: Certificate, start: NDArray[np.float64] | None = None) -> Certificate:
    """Solve a certificate's program and return the certificate with the points of the answer.

    Newton's method: the divergence's model at a point is minimised over the exact feasible set,
    and there it is modelled next. A model that is the divergence itself takes one step.

    Parameters
    ----------
    certificate : Certificate
        Of a divergence that is `Modelled`.
    start : ndarray, optional
        A positive point to begin at; the base if omitted.
    """
    measure = certificate.divergence
    assert isinstance(measure, Modelled)
    base = exact_distribution(certificate.base)
    low = Fraction(certificate.floor)
    rows, bounds = _above_the_floor(certificate)
    point = base if start is None else exact(start)
    for _ in range(STEPS):
        model = measure.model(point, base)
        none = [ZERO] * len(model.kinks)
        # A variable for each kink: at least 0, and at least the kink's row @ (d - base).
        shape = [
            [*(-g for g in kink), *none[:j], Fraction(1), *none[j + 1 :]]
            for j, (_, kink) in enumerate(model.kinks)
        ]
        found = minimise(
            [*model.curvature, *none],
            [*_gradient(model, [low] * len(base)), *(weight for weight, _ in model.kinks)],
            [*([*row, *none] for row in rows), *shape],
            [*bounds, *(dot(kink, [low - y for y in base]) for _, kink in model.kinks)],
        )
        prices = found.prices[: len(certificate.rows)]
        if found.point is None:
            return replace(certificate, primal=None, prices=prices, potential=None)
        primal = tuple(low + x for x in found.point[: len(base)])
        potential = _gradient(model, primal)
        for price, (_, kink) in zip(found.prices[len(rows) :], model.kinks, strict=True):
            potential = [g + price * k for g, k in zip(potential, kink, strict=True)]
        certificate = replace(certificate, primal=primal, prices=prices, potential=tuple(potential))
        with suppress(CertificateError):
            certificate.check(width=NARROW)
            break
        # Where a step ends at 0 the next model is made a little above it.
        point = tuple(max(x, y / 100) for x, y in zip(primal, point, strict=True))
    return certificate


def most_to_spare(
    certificate: Certificate, scale: NDArray[np.float64]
) -> tuple[Fraction, tuple[Fraction, ...]] | None:
    """Return the largest t for which ``rows @ d >= bounds + t * scale`` can be met, and prices.

    It is negative if the constraints contradict each other. Rows of scale 0 are to be met as they
    are; None is returned if they cannot. The prices times the scales sum to 1.
    """
    rows, bounds = _above_the_floor(certificate)
    takes = [*exact(scale), ZERO, ZERO]
    slope = [*[ZERO] * len(certificate.base), Fraction(-1), Fraction(1)]  # t is a difference
    wider = [[*row, -take, take] for row, take in zip(rows, takes, strict=True)]
    point, prices = minimise([ZERO] * len(slope), slope, wider, bounds)
    return None if point is None else (point[-2] - point[-1], prices[:-2])


def _gradient(model: Model, point: Rationals) -> list[Fraction]:
    """Return the gradient of a model without its kinks."""
    return [q * x + c for q, x, c in zip(model.curvature, point, model.slope, strict=True)]


def _above_the_floor(certificate: Certificate) -> tuple[list[Rationals], list[Fraction]]:
    """Return the constraints, and last the sum in both directions, on what exceeds the floor."""
    size = len(certificate.base)
    one = (Fraction(1),) * size
    rows: list[Rationals] = [*map(exact, certificate.rows), one, tuple(-x for x in one)]
    bounds = [*exact(certificate.bounds), Fraction(1), Fraction(-1)]
    low = Fraction(certificate.floor)
    return rows, [bound - low * sum(row) for row, bound in zip(rows, bounds, strict=True)]

"""Flips without a closed form, as convex programs with certificates.

The nearest distribution at which given pairs of options are ordered as asked: a whole order, a
set at the top, further linear constraints, divergences other than total variation. The programs
are written in cvxpy, with everything that varies as a parameter, and compiled once per shape.
Linear programs go to HiGHS and cones to Clarabel; ``benchmarks/solvers.py`` shows why. What their
floats cannot prove is solved in rational arithmetic.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..divergences import (
    ChiSquare,
    Divergence,
    KullbackLeibler,
    Modelled,
    TotalVariation,
    Wasserstein,
)
from ..errors import CertificateError, ConvergenceError, InputError
from ..rules import TIE_TOLERANCE
from .certificate import Certificate, dot, exact, exact_distribution
from .claim import Arrangement, Claim, PairFlips, Positions, Program
from .pivots import most_to_spare, solve

Floats = NDArray[np.float64]

DIVERGENCES: dict[str, type[TotalVariation] | type[ChiSquare] | type[KullbackLeibler]] = {
    "tv": TotalVariation,
    "chi2": ChiSquare,
    "kl": KullbackLeibler,
}
"""The divergences known by name; `Wasserstein` needs positions and is passed as an object."""

ROUNDING = 1e-12
"""Constraints that contradict each other by no more are taken to do so by rounding alone."""

NOTICED = 1e-3
"""The least weight in the proof that inequalities are tight with which one is taken to be."""

DOUBTFUL = 1e-8
"""Violations up to which a solver's verdict that there is no solution is settled exactly."""


def nearest(claim: Claim, pairs: Sequence[Positions]) -> Certificate:
    """Return the proof of the nearest distribution at which pairs (upper, lower) are ordered so.

    Constraints that are tight, say the same twice or contradict each other up to 1e-12 are taken
    to do so by rounding; a single pair is taken exactly. The certificate states the program.

    Raises
    ------
    InputError
        If the claim's `constraints` do not fit.
    ConvergenceError
        If the solver's answer cannot be certified to 1e-9.
    """
    limits = _Limits.of(claim, pairs)
    for certificate in _attempts(limits, claim.base, claim.floor, claim.divergence):
        try:
            certificate.check()
        except CertificateError as error:
            problem = error
        else:
            return certificate
    raise ConvergenceError(f"no solver's answer can be certified: {problem}")


def check_programs(claim: PairFlips | Arrangement) -> None:
    """Refuse programs that `nearest` does not make of the scores and constraints of a claim.

    Raises
    ------
    CertificateError
        If there is one, or the divergence or the constraints are none.
    """
    if isinstance(claim, Arrangement):
        programs = [(claim.pairs, claim.program)]
    else:
        named = claim.programs or {}
        programs = [(((below, above),), named[above, below]) for above, below in named]
    try:
        if as_divergence(claim.divergence, claim.base, "base") is not claim.divergence:
            raise CertificateError("the claim's divergence is not valid")
        for pairs, program in programs:
            limits = _Limits.of(claim, pairs)
            stated = limits.blank(claim.base, claim.floor, claim.divergence)
            if type(program) is not Program or not (
                program.is_of(stated) or any(map(program.is_of, _settled(limits, stated)))
            ):
                raise CertificateError("a program is not that of the claim's scores")
    except InputError as error:
        raise CertificateError(f"the claim is not valid: {error}") from None


def as_divergence(divergence: str | Divergence, base: Floats, over: str) -> Divergence:
    """Return the divergence that an argument stands for; refuse one that does not fit the base."""
    must = f"one of {', '.join(map(repr, DIVERGENCES))} or an object such as Wasserstein(...)"
    if isinstance(divergence, str) and divergence in DIVERGENCES:
        divergence = DIVERGENCES[divergence]()
    if isinstance(divergence, type) or not isinstance(divergence, Divergence):
        raise _validate.complaint("divergence", must, _validate.shown(divergence))
    if isinstance(divergence, Wasserstein) and len(divergence.positions) != len(base):
        got = f"{len(divergence.positions)} positions"
        raise _validate.complaint("divergence", f"placed on {len(base)} positions", got)
    if divergence.needs_full_support and base.min() <= 0.0:
        must = "positive everywhere for this divergence"
        raise _validate.complaint(over, must, f"{base.min():g} among its values")
    return divergence


@dataclass(frozen=True)
class _Limits:
    """The constraints ``rows @ d >= bounds`` and ``equal @ d == targets``; pairs come first."""

    rows: Floats
    bounds: Floats
    equal: Floats
    targets: Floats
    n_pairs: int

    @classmethod
    def of(cls, claim: Claim, pairs: Sequence[Positions]) -> "_Limits":
        size, margin, extra = len(claim.base), claim.margin, claim.constraints
        rows = np.array([claim.gains(lower, upper) for upper, lower in pairs]).reshape(-1, size)
        # Gains of rewards are brought to at most 1, by a power of two and so without rounding.
        if (highest := np.abs(rows).max(initial=0.0)) > 1.0:
            exponent = int(np.frexp(highest)[1])
            rows, margin = np.ldexp(rows, -exponent), math.ldexp(margin, -exponent)
        # A pair that is tied at every distribution, up to rounding, asks for nothing but the
        # margin.
        largest = np.abs(rows).max(axis=1, initial=0.0, keepdims=True)
        rows = np.where(largest <= TIE_TOLERANCE, 0.0, rows)
        bounds, n_pairs = np.full(len(rows), margin), len(rows)
        equal, targets = np.empty((0, size)), np.empty(0)
        if extra is not None:
            from scipy.optimize import LinearConstraint

            must = "a scipy.optimize.LinearConstraint"
            _validate.instance("constraints", extra, LinearConstraint, must)
            dense = extra.A.toarray() if hasattr(extra.A, "toarray") else extra.A
            must = f"of a finite matrix with {size} columns"
            matrix = np.atleast_2d(_validate.any_array("constraints", dense, must))
            if matrix.ndim != 2 or matrix.shape[1] != size or not np.isfinite(matrix).all():
                raise _validate.complaint("constraints", must, f"shape {matrix.shape}")
            must = f"of {len(matrix)} lower and upper bounds"
            sides = [_validate.any_array("constraints", x, must) for x in (extra.lb, extra.ub)]
            if any(side.shape not in {(), (1,), (len(matrix),)} for side in sides):
                raise _validate.complaint("constraints", must, f"{sides[0].size}, {sides[1].size}")
            low, high = (np.broadcast_to(side, len(matrix)) for side in sides)
            # A NaN fails every comparison.
            if not ((low <= high) & (low < np.inf) & (high > -np.inf)).all():
                raise InputError("'constraints' must have lower bounds up to their upper bounds.")
            same = low == high
            equal, targets = _independent(matrix[same], low[same])
            above, below = ~same & np.isfinite(low), ~same & np.isfinite(high)
            rows = np.concatenate([rows, matrix[above], -matrix[below]])
            bounds = np.concatenate([bounds, low[above], -high[below]])
        return cls(rows, bounds, equal, targets, n_pairs)

    @property
    def all_rows(self) -> Floats:
        """Every constraint as ``all_rows @ d >= all_bounds``."""
        return np.concatenate([self.rows, self.equal, -self.equal])

    @property
    def all_bounds(self) -> Floats:
        return np.concatenate([self.bounds, self.targets, -self.targets])

    @property
    def scale(self) -> Floats:
        """What rounding errors are compared with: 1 for pairs, the largest number of other rows."""
        scale = np.abs(self.all_rows).max(axis=1, initial=0.0)
        scale[scale == 0.0] = scale[: self.n_pairs] = 1.0
        return scale

    def with_equal(self, tight: NDArray[np.bool_]) -> "_Limits":
        """Turn some inequalities into equalities; leave out what then follows from others."""
        equal, targets = _independent(
            np.concatenate([self.equal, self.rows[tight]]),
            np.append(self.targets, self.bounds[tight]),
        )
        n_pairs = self.n_pairs - int(tight[: self.n_pairs].sum())
        return _Limits(self.rows[~tight], self.bounds[~tight], equal, targets, n_pairs)

    def blank(self, base: Floats, floor: float, divergence: Divergence) -> Certificate:
        """Return a certificate of the program that proves nothing yet."""
        return Certificate(
            rows=self.all_rows,
            bounds=self.all_bounds,
            base=base,
            floor=floor,
            primal=None,
            prices=(Fraction(),) * len(self.all_rows),
            potential=None,
            divergence=divergence,
        )


def _independent(equal: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Leave out equalities that follow from the others, up to rounding, and from sum d = 1.

    Exact arithmetic would take two of them that differ by rounding for a contradiction.
    """
    size = equal.shape[1]
    # Powers of two bring the rows to one scale without rounding.
    exponents = np.frexp(np.abs(equal).max(axis=1, initial=0.0))[1]
    equal, targets = np.ldexp(equal, -exponents[:, None]), np.ldexp(targets, -exponents)
    system = np.append(np.ones(size), 1.0)[None, :]
    kept = []
    for i, row in enumerate(np.column_stack([equal, targets])):
        mix = np.linalg.lstsq(system[:, :size].T, row[:size], rcond=None)[0]
        if np.abs(row - mix @ system).max() > 1e-12:
            kept.append(i)
            system = np.vstack([system, row])
    return equal[kept], targets[kept]


@dataclass(frozen=True)
class CompiledProgram:
    """A compiled cvxpy problem of one shape, with its variable, parameters and constraints."""

    problem: Any
    point: Any
    parameters: dict[str, Any]
    constraints: dict[str, Any]


@lru_cache(maxsize=64)
def compiled_program(
    size: int, n_rows: int, n_equal: int, divergence: Divergence
) -> CompiledProgram:
    """Return the cvxpy problem of a shape, compiled once."""
    import cvxpy as cp

    point = cp.Variable(size)
    parameters = {"base": cp.Parameter(size), "floor": cp.Parameter()}
    constraints = {"sum": cp.sum(point) == 1, "floor": point >= parameters["floor"]}
    if n_rows:
        parameters |= {"rows": cp.Parameter((n_rows, size)), "bounds": cp.Parameter(n_rows)}
        constraints["rows"] = parameters["rows"] @ point >= parameters["bounds"]
    if n_equal:
        parameters |= {"equal": cp.Parameter((n_equal, size)), "targets": cp.Parameter(n_equal)}
        constraints["equal"] = parameters["equal"] @ point == parameters["targets"]
    objective = cp.Minimize(divergence.expression(point, parameters["base"]))
    problem = cp.Problem(objective, list(constraints.values()))
    return CompiledProgram(problem, point, parameters, constraints)


_TIGHT: dict[str, dict[str, float]] = {
    "HIGHS": {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    "CLARABEL": {"tol_feas": 1e-12, "tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13},
}


def _attempts(
    limits: _Limits, base: Floats, floor: float, divergence: Divergence
) -> Iterator[Certificate]:
    """Yield answers to the program, each to be checked, and the next made only if it fails."""
    certificate = limits.blank(base, floor, divergence)
    zero = (Fraction(),) * len(base)
    yield replace(certificate, primal=exact_distribution(base), potential=zero)
    answer = _run(limits, base, floor, divergence)
    primal = None if answer is None else _feasible(answer.point, limits, floor)
    if answer is not None and primal is not None:
        potential = answer.prices @ limits.all_rows + answer.floor_prices
        yield replace(
            certificate,
            primal=primal,
            prices=exact(answer.prices),
            potential=exact(divergence.repair(potential)),
        )
    else:
        prices, violation = _infeasibility(limits, floor)
        if violation > DOUBTFUL:
            yield replace(certificate, prices=exact(prices))
    if isinstance(divergence, Modelled):
        start = None if answer is None else np.maximum(answer.point, base / 1e15)
        yield _exactly(limits, certificate, start)


def _exactly(limits: _Limits, certificate: Certificate, start: Floats | None) -> Certificate:
    """Solve the program in rational arithmetic; contradictions by rounding alone are removed.

    Equalities that contradict each other or the floor by at most `ROUNDING` have their bounds
    lowered by the least amount with which they do not. A pair that no distribution orders as
    asked is a contradiction by itself, however small: there the closed form is exact too.
    """
    for program in _settled(limits, certificate):
        found = solve(program, start)
        if found.primal is not None:
            break
    return found


def _settled(limits: _Limits, stated: Certificate) -> Iterator[Certificate]:
    """Yield the program without artefacts of rounding and, if necessary, a wider one.

    The first has equalities for what is tight. The second has lower bounds, if the first has no
    solution by nothing but rounding.
    """
    if _is_hopeless(limits, stated.floor):
        yield stated
        return
    limits = _tightened(limits, stated)
    tight = limits.blank(stated.base, stated.floor, stated.divergence)
    yield tight
    violated = most_to_spare(tight, limits.scale)
    if violated is None or not -ROUNDING <= violated[0] < 0:
        return
    lowered = []
    for bound, scale in zip(limits.all_bounds.tolist(), limits.scale.tolist(), strict=True):
        least = Fraction(bound) + violated[0] * Fraction(scale)
        rounded = float(least)
        lowered.append(rounded if rounded <= least else math.nextafter(rounded, -math.inf))
    yield replace(tight, bounds=np.array(lowered))


def _tightened(limits: _Limits, certificate: Certificate) -> _Limits:
    """Turn inequalities that can be met only with equality, up to rounding, into equalities.

    Taken exactly, inequalities such as those of a cycle of pairs leave what rounding leaves: a
    part of the distributions that are meant, or none.
    """
    while len(limits.rows):
        blank = limits.blank(certificate.base, certificate.floor, certificate.divergence)
        scale = limits.scale
        scale[len(limits.rows) :] = 0.0
        found = most_to_spare(blank, scale)
        if found is None or abs(found[0]) > ROUNDING:
            break
        weights = (
            np.array(found[1], dtype=np.float64)[: len(limits.rows)] * scale[: len(limits.rows)]
        )
        limits = limits.with_equal(weights >= min(weights.max(), NOTICED))
    return limits


def _is_hopeless(limits: _Limits, floor: float) -> bool:
    """Whether no distribution above the floor orders some pair as asked."""
    low = Fraction(floor)
    for row, bound in zip(limits.rows[: limits.n_pairs], limits.bounds.tolist(), strict=False):
        gains = exact(row)
        if low * sum(gains) + (1 - len(gains) * low) * max(gains) < Fraction(bound):
            return True
    return False


def by_solver(program: Program) -> Floats | None:
    """Return the point that cvxpy's solver finds, as it is; None if it finds none."""
    none = np.empty((0, len(program.base))), np.empty(0)
    limits = _Limits(program.rows, program.bounds, *none, n_pairs=len(program.rows))
    answer = _run(limits, program.base, program.floor, program.divergence)
    return None if answer is None else answer.point


class _Answer(NamedTuple):
    """What a solver says: a point, and the prices of all rows and of the floor."""

    point: Floats
    prices: Floats
    floor_prices: Floats


def _run(limits: _Limits, base: Floats, floor: float, divergence: Divergence) -> _Answer | None:
    """Run the solver; None if it found nothing, for whatever reason."""
    import cvxpy as cp

    program = compiled_program(len(base), len(limits.rows), len(limits.equal), divergence)
    scale = np.abs(limits.rows).max(axis=1, initial=0.0)
    scale[scale == 0.0] = 1.0
    values = {
        "base": divergence.parameter(base),
        "floor": floor,
        "rows": limits.rows / scale[:, None],
        "bounds": limits.bounds / scale,
        "equal": limits.equal,
        "targets": limits.targets,
    }
    for name, parameter in program.parameters.items():
        parameter.value = values[name]
    linear = isinstance(divergence, TotalVariation | Wasserstein)
    solver = "HIGHS" if linear else "CLARABEL"
    with warnings.catch_warnings():
        # Whether the answer is accurate is for the certificate to say.
        warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
        try:
            # A warm start would let an answer depend on the programs solved before.
            program.problem.solve(solver=solver, warm_start=False, **_TIGHT[solver])
        except (cp.SolverError, ValueError):  # cvxpy's words for a solver that gave up
            return None
    if program.point.value is None:
        return None
    duals = {name: constraint.dual_value for name, constraint in program.constraints.items()}
    rows, equal = duals.get("rows", np.empty(0)) / scale, duals.get("equal", np.empty(0))
    # cvxpy's multiplier of an equality is the negative of its price.
    prices = np.maximum(np.concatenate([rows, -equal, equal]), 0.0)
    return _Answer(program.point.value, prices, duals["floor"])


def _infeasibility(limits: _Limits, floor: float) -> tuple[Floats, float]:
    """Return the least possible violation, and the prices that prove it."""
    size, scale = limits.rows.shape[1], limits.scale
    found = _linear_program(
        np.append(np.zeros(size), 1.0),
        np.column_stack([limits.all_rows / scale[:, None], np.ones(len(scale))]),
        limits.all_bounds / scale,
        np.append(np.ones(size), 0.0)[None, :],
        np.ones(1),
        [(floor, None)] * size + [(None, None)],
    )
    return np.maximum(-found.ineqlin.marginals, 0.0) / scale, float(found.fun)


def _interior(limits: _Limits, floor: float) -> Floats:
    """Return the distribution that meets the inequalities with the most to spare."""
    size = limits.rows.shape[1]
    every = np.concatenate([limits.rows, np.eye(size)])
    found = _linear_program(
        np.append(np.zeros(size), -1.0),
        np.column_stack([every, -np.ones(len(every))]),
        np.append(limits.bounds, np.full(size, floor)),
        np.column_stack(
            [np.vstack([np.ones(size), limits.equal]), np.zeros(len(limits.equal) + 1)]
        ),
        np.append(1.0, limits.targets),
        [(None, None)] * (size + 1),
    )
    return np.asarray(found.x[:size], dtype=np.float64)


def _linear_program(
    cost: Floats, rows: Floats, bounds: Floats, equal: Floats, targets: Floats, box: list[Any]
) -> Any:
    from scipy.optimize import linprog

    tight = _TIGHT["HIGHS"]
    found = linprog(cost, -rows, -bounds, equal, targets, box, method="highs", options=tight)
    if found.x is None:
        raise ConvergenceError(f"HiGHS stopped: {found.message}")
    return found


def _feasible(point: Floats, limits: _Limits, floor: float) -> tuple[Fraction, ...] | None:
    """Return an exactly feasible point next to the solver's, or None if there is none inside.

    The equalities are solved exactly; what is then still violated, by rounding, is mended by
    moving ever so little towards a point inside.
    """
    low = Fraction(floor)
    equal = [[Fraction(1)] * len(point), *map(list, map(exact, limits.equal))]
    targets = [Fraction(1), *exact(limits.targets)]
    rows = [*map(exact, limits.rows)]
    bounds = exact(limits.bounds)

    def spare(x: list[Fraction]) -> list[Fraction]:
        slack = (dot(row, x) - bound for row, bound in zip(rows, bounds, strict=True))
        return [*slack, *(mass - low for mass in x)]

    near = _onto(equal, targets, [max(x, low) for x in exact(point)])
    if min(before := spare(near)) >= 0:
        return tuple(near)
    inside = _onto(equal, targets, list(exact(_interior(limits, floor))))
    after = spare(inside)
    short = [(s, t) for s, t in zip(before, after, strict=True) if s < 0]
    if any(t < 0 for _, t in short):
        return None
    step = max(-s / (t - s) for s, t in short)
    return tuple(x + step * (y - x) for x, y in zip(near, inside, strict=True))


def _onto(
    equal: list[list[Fraction]], targets: list[Fraction], point: list[Fraction]
) -> list[Fraction]:
    """Return the point moved onto the equalities, through the coordinates with most room."""
    width = len(point)
    system = [[*row, target - dot(row, point)] for row, target in zip(equal, targets, strict=True)]
    pivots: dict[int, int] = {}
    for i, row in enumerate(system):
        column = max(range(width), key=lambda y: abs(row[y]) * point[y])
        if row[column] == 0:
            column = max(range(width), key=lambda y: abs(row[y]))
        if row[column] == 0:  # follows from the others or, as the check will find, contradicts
            continue
        pivots[i] = column
        system[i] = row = [x / row[column] for x in row]
        for j, other in enumerate(system):
            if j != i and other[column]:
                system[j] = [x - other[column] * y for x, y in zip(other, row, strict=True)]
    moved = list(point)
    for i, column in pivots.items():
        moved[column] += system[i][width]
    return moved

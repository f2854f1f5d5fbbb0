"""What the tests share: strategies, seeded flip programs and an independent solver."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import block_diag

from socialpref import InputError, Link, Logistic, Population, Probit, nbc, ranking
from socialpref.rules import TIE_TOLERANCE

Floats = NDArray[np.float64]

AGREEMENT = 1e-9
"""Certificates prove a distance to 1e-9, and HiGHS is asked for 1e-10."""

GRAINS = 64
"""Drawn shares are multiples of 1/64, drawn rewards of 1/8: their sums are exact in floats."""

LINKS: tuple[Link, ...] = (Logistic(), Logistic(0.5), Probit(), Probit(2.0))


def printed(value: object, digits: int) -> Any:
    """Return what equals `value`, a number or array printed to `digits` decimals."""
    # Half a unit of the last digit, and a little for the decimal that is not a binary number.
    return pytest.approx(value, abs=0.5 * 10**-digits + 1e-12, rel=0)


def refuses(argument: str) -> Any:
    """Return the context in which an `InputError` must name `argument`."""
    return pytest.raises(InputError, match=rf"^'{argument}'")


@st.composite
def distributions(draw: st.DrawFn, size: int, *, positive: bool = False) -> Floats:
    """Draw distributions over `size` options, in 64ths."""
    room = GRAINS - size * positive
    cuts = draw(st.lists(st.integers(0, room), min_size=size - 1, max_size=size - 1))
    return (np.diff([0, *sorted(cuts), room]) + positive) / GRAINS


@st.composite
def populations(
    draw: st.DrawFn, *, types: int = 4, options: int = 6, links: tuple[Link, ...] = LINKS
) -> Population:
    """Draw populations of up to `types` types over 2 to `options` options; ties are common."""
    shape = draw(st.integers(1, types)), draw(st.integers(2, options))
    eighths = draw(arrays(np.int64, shape, elements=st.integers(-16, 16)))
    shares = draw(distributions(shape[0]))
    return Population(eighths / 8, shares, link=draw(st.sampled_from(links)))


@st.composite
def sampled(draw: st.DrawFn, *, options: int = 6) -> tuple[Population, Floats]:
    """Draw a population and a sampling distribution over its options."""
    population = draw(populations(options=options))
    return population, draw(distributions(population.n_options))


def strict_pairs(population: Population, base: Floats | None = None) -> list[tuple[int, int]]:
    """Return all pairs (above, below) that are not tied at the base."""
    groups = ranking(nbc(population, base)).groups
    return [
        (a, b)
        for i, upper in enumerate(groups)
        for lower in groups[i + 1 :]
        for a in upper
        for b in lower
    ]


def permuted(population: Population, places: list[int]) -> Population:
    """Return the population with its options listed in the order `places`."""
    return Population(population.rewards[:, places], population.shares, link=population.link)


def exact_gap(population: Population, sampling: tuple[Fraction, ...], a: int, b: int) -> Fraction:
    """Return NBC of b less NBC of a, without rounding beyond that of P[b] - P[a]."""
    gains = population.pairwise()[b] - population.pairwise()[a]
    return sum((Fraction(c) * d for c, d in zip(gains.tolist(), sampling, strict=True)), Fraction())


KINDS = ("plain", "near tie", "dominated", "survey")
LIMITS = (
    (0.0, 0.0),
    (1e-5, 1e-5),
    (0.0, 1e-5),
    (1e-5, 0.0),
    (0.01, 0.005),
    (0.0, 0.01),
    (0.0, 0.02),
)


class PairProgram(Protocol):
    """The flip of one pair, over sampling distributions or over shares."""

    @property
    def gains(self) -> Floats: ...
    @property
    def base(self) -> Floats: ...
    @property
    def margin(self) -> float: ...
    @property
    def floor(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Problem:
    """One seeded flip program: `below` is to overtake `above`."""

    population: Population
    above: int
    below: int
    base: Floats
    margin: float
    floor: float

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that flip functions take."""
        return {"sampling": self.base, "margin": self.margin, "floor": self.floor}

    @cached_property
    def gains(self) -> Floats:
        """P[below] - P[above]."""
        matrix = self.population.pairwise()
        return np.asarray(matrix[self.below] - matrix[self.above])

    @cached_property
    def on_the_edge(self) -> bool:
        """Whether feasibility hangs on less than what a floating-point solver can tell.

        With margin 0 and empty survey cells the best gain can be 1e-16 away from 0. A solver
        then finds a flip within its tolerances where exact arithmetic on the same floats proves
        that there is none.
        """
        free = 1.0 - len(self.gains) * self.floor
        best = self.floor * self.gains.sum() + free * self.gains.max()
        return bool(abs(best - self.margin) < 1e-8)


def random_population(rng: np.random.Generator, kind: str) -> Population:
    """Return a population of 1-12 types over 2-30 options."""
    types, options = int(rng.integers(1, 13)), int(rng.integers(2, 31))
    shares = rng.dirichlet(np.ones(types))
    if kind == "survey":  # rewards log(share + 1e-15), with three cells in ten empty
        choices = rng.dirichlet(np.ones(options), size=types)
        choices[rng.random(choices.shape) < 0.3] = 0.0
        choices[np.arange(types), rng.integers(0, options, types)] += 0.05
        return Population.from_choice_shares(choices / choices.sum(1, keepdims=True), shares)
    rewards = rng.normal(size=(types, options)) * rng.choice([0.3, 1.0, 3.0])
    y, z = rng.choice(options, 2, replace=False)
    if kind == "near tie":
        rewards[:, z] = rewards[:, y] + 1e-6 * rng.choice([-1, 1], types)
    elif kind == "dominated":
        rewards[:, z] = rewards.min(axis=1) - rng.random(types)
    return Population(rewards, shares)


def problems(seed: int, count: int, kinds: tuple[str, ...] = KINDS) -> Iterator[Problem]:
    """Yield `count` flip programs: every kind, uniform and random bases, all `LIMITS`.

    Two pairs in three are neighbours in the order at the base, where most flips exist.
    """
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        population = random_population(rng, kinds[made % len(kinds)])
        size = population.n_options
        base = np.full(size, 1.0 / size)
        if rng.random() < 0.5:  # some options of such a base lie below the floor
            base = rng.dirichlet(np.full(size, rng.choice([0.3, 1.0])))
        scores = nbc(population, base)
        order = np.argsort(-scores, kind="stable")
        first, second = np.sort(rng.choice(size, 2, replace=False))
        if rng.random() < 2 / 3:
            first = second - 1
        above, below = int(order[first]), int(order[second])
        margin, floor = LIMITS[rng.integers(len(LIMITS))]
        if scores[above] - scores[below] > TIE_TOLERANCE:
            made += 1
            yield Problem(population, above, below, base, margin, floor)


TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
"""Settings of HiGHS."""


class Linear(NamedTuple):
    """min cost @ x  subject to  rows @ x <= limits,  equal @ x = 1,  x >= lower."""

    cost: Floats
    rows: Floats
    limits: Floats
    equal: Floats
    lower: Floats


def nearest_program(rows: Floats, bounds: Floats, base: Floats, floor: float) -> Linear:
    """Return min TV(d, base) s.t. sum d = 1, d >= floor, rows @ d >= bounds.

    The textbook program in (d, t) with t >= |d - base|; rows are scaled to 1, because HiGHS's
    tolerances are absolute.
    """
    size = len(base)
    scale = np.abs(rows).max(axis=1)
    one, none = np.eye(size), np.zeros((len(rows), size))
    return Linear(
        cost=np.repeat([0.0, 0.5], size),
        rows=np.block([[one, -one], [-one, -one], [-rows / scale[:, None], none]]),
        limits=np.concatenate([base, -base, -bounds / scale]),
        equal=np.repeat([1.0, 0.0], size)[None, :],
        lower=np.repeat([floor, 0.0], size),
    )


def solve_blocks(blocks: Sequence[Linear]) -> Floats:
    """Return the values of feasible programs, solved as the separate blocks of a single one."""
    lower = np.concatenate([block.lower for block in blocks])
    found = linprog(
        np.concatenate([block.cost for block in blocks]),
        A_ub=block_diag([block.rows for block in blocks]),
        b_ub=np.concatenate([block.limits for block in blocks]),
        A_eq=block_diag([block.equal for block in blocks]),
        b_eq=np.ones(len(blocks)),
        bounds=np.column_stack([lower, np.full(lower.size, np.inf)]),
        options=TIGHT,
    )
    assert found.status == 0, found.message
    points = np.split(found.x, np.cumsum([block.cost.size for block in blocks])[:-1])
    return np.array([block.cost @ x for block, x in zip(blocks, points, strict=True)])


def distances_by_linprog(batch: Sequence[PairProgram]) -> Floats:
    """Solve the flips of single pairs by two linear programs.

    The first finds the most that each pair's gain can reach: if that is less than the margin,
    there is no flip. The second finds the distances of the others.
    """
    most = -solve_blocks(
        [
            Linear(
                -p.gains,
                np.empty((0, size)),
                np.empty(0),
                np.ones((1, size)),
                np.full(size, p.floor),
            )
            for p in batch
            for size in [len(p.gains)]
        ]
    )
    reached = most >= [p.margin for p in batch]
    distances = np.full(len(batch), np.inf)
    distances[reached] = solve_blocks(
        [
            nearest_program(p.gains[None, :], np.array([p.margin]), p.base, p.floor)
            for p, feasible in zip(batch, reached, strict=True)
            if feasible
        ]
    )
    return distances


@dataclass(frozen=True)
class Bounds:
    """What a linear-programming solver says: the primal and the dual value, or inf twice."""

    upper: float
    lower: float


def nearest_by_linprog(rows: Floats, bounds: Floats, base: Floats, floor: float) -> Bounds:
    """Solve one `nearest_program`, which may be infeasible."""
    cost, A, limits, equal, lower = nearest_program(rows, bounds, base, floor)
    found = linprog(
        cost,
        A_ub=A,
        b_ub=limits,
        A_eq=equal,
        b_eq=[1.0],
        bounds=[(low, None) for low in lower],
        options=TIGHT,
    )
    if found.status == 2:
        return Bounds(math.inf, math.inf)
    assert found.status == 0, found.message
    dual = found.ineqlin.marginals @ limits + found.eqlin.marginals[0]
    return Bounds(float(found.fun), float(dual + found.lower.marginals @ lower))


def agree(first: float, second: float) -> bool:
    """Whether two distances are equal to `AGREEMENT`, or both inf."""
    return first == second or abs(first - second) <= AGREEMENT


def total_variation(first: Floats, second: Floats) -> float:
    """Return half the L1 distance."""
    return float(np.abs(first - second).sum() / 2)


def exact_bradley_terry(
    wins: Mapping[tuple[int, int], Any], near: Floats, *, digits: int = 40, prior: float = 0.0
) -> Floats:
    """Return the rewards of a Bradley-Terry fit, by Newton's method with so many digits.

    ``wins[y, z]`` is the weight with which y beat z; `near` are rewards to start from.
    """
    with mpmath.workdps(digits):
        size = len(near)
        rewards = [mpmath.mpf(float(value)) for value in near]
        for _ in range(50):
            force = mpmath.matrix([-prior * reward for reward in rewards])
            information = mpmath.eye(size) * prior
            for (y, z), weight in wins.items():
                chance = 1 / (1 + mpmath.exp(rewards[z] - rewards[y]))
                risk = 1 / (1 + mpmath.exp(rewards[y] - rewards[z]))
                force[y], force[z] = force[y] + weight * risk, force[z] - weight * risk
                for one, other, sign in ((y, y, 1), (z, z, 1), (y, z, -1), (z, y, -1)):
                    information[one, other] += sign * weight * chance * risk
            held = [y for y in range(size) if prior or y]  # without a prior, 0 is
            system = mpmath.matrix([[information[y, z] for z in held] for y in held])
            step = mpmath.lu_solve(system, mpmath.matrix([force[y] for y in held]))
            longest = max(abs(value) for value in step)
            for y, value in zip(held, step, strict=True):
                rewards[y] += value / max(1, longest)
            if longest < mpmath.mpf(10) ** (-20):
                mean = sum(rewards) / size
                return np.array([float(reward - mean) for reward in rewards])
    raise AssertionError("no convergence")

"""Convex programs: targets, constraints and divergences, against independent solutions."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, brentq, linprog, minimize_scalar
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance

import socialpref as sp
from socialpref import (
    AverageRewardOrder,
    CertificateError,
    ConvergenceError,
    InputError,
    Logistic,
    Order,
    Pair,
    Population,
    TopK,
    Winner,
    average_reward,
    nbc,
    ranking,
)
from socialpref.divergences import Divergence
from socialpref.flips import (
    Certificate,
    ChiSquare,
    Flip,
    KullbackLeibler,
    TotalVariation,
    Wasserstein,
    programs,
)
from socialpref.flips.certificate import exact, exact_distribution
from socialpref.flips.pivots import minimise
from socialpref.rules import Ranking
from tests.helpers import (
    TIGHT,
    Bounds,
    Floats,
    Problem,
    agree,
    distributions,
    nearest_by_linprog,
    printed,
    problems,
    refuses,
    strict_pairs,
    total_variation,
)

CERTIFIED = 1e-9
"""What the certificate of every answer proves."""

ALMOST = 1e-12
"""Rounding of a recomputed NBC."""


def certificate_of(flip: Flip) -> Certificate:
    assert isinstance(flip.certificate, Certificate)
    return flip.certificate


def small_populations(seed: int, count: int, size: int | None = None) -> Iterator[Any]:
    """Yield seeded populations over 3-5 options, each with a full-support base.

    A type that cares far more than another is what makes flips exist.
    """
    rng = np.random.default_rng(seed)
    for _ in range(count):
        options = size or int(rng.integers(3, 6))
        rewards = rng.normal(size=(3, options)) * [[0.5], [2.0], [8.0]]
        population = Population(rewards, rng.dirichlet(np.full(3, 4.0)))
        yield population, 0.9 * rng.dirichlet(np.ones(options)) + 0.1 / options


def assert_ordered(
    flip: Flip, population: Population, pairs: list[tuple[int, int]], margin: float, floor: float
) -> None:
    """Assert that a flip's sampling distribution orders every pair as asked."""
    scores = nbc(population, flip.mix)
    assert all(scores[y] - scores[z] >= margin - ALMOST for y, z in pairs)
    assert flip.mix.min() >= floor
    assert flip.mix.sum() == pytest.approx(1, abs=1e-14)


# Targets

LIMITS = [(0.0, 0.0), (1e-5, 1e-5), (0.01, 0.02)]


def by_linprog(
    population: Population, pairs: list[tuple[int, int]], base: Floats, margin: float, floor: float
) -> Bounds:
    P = population.pairwise()
    rows = np.array([P[y] - P[z] for y, z in pairs])
    return nearest_by_linprog(rows, np.full(len(pairs), margin), base, floor)


@pytest.mark.parametrize(("margin", "floor"), LIMITS)
def test_nearest_orders_agree_with_linprog(margin: float, floor: float) -> None:
    found = 0
    rng = np.random.default_rng(31)
    for population, base in small_populations(32, 40):
        order = rng.permutation(population.n_options).tolist()
        if found < 20:  # one that exists: the order at another distribution
            order = ranking(nbc(population, rng.dirichlet(np.ones(population.n_options)))).order
        flip = sp.flip(population, Order(order), sampling=base, margin=margin, floor=floor)
        pairs = list(pairwise(order))
        expected = by_linprog(population, pairs, base, margin, floor)
        assert agree(flip.distance, expected.upper)
        assert agree(flip.distance, expected.lower)
        assert certificate_of(flip).check().upper == flip.distance
        if flip.exists:
            found += 1
            assert_ordered(flip, population, pairs, margin, floor)
            assert total_variation(flip.mix, base) == pytest.approx(flip.distance, abs=1e-14)
    assert 20 <= found < 40


@pytest.mark.parametrize(("margin", "floor"), LIMITS)
def test_nearest_top_sets_agree_with_linprog(margin: float, floor: float) -> None:
    found = 0
    rng = np.random.default_rng(33)
    for population, base in small_populations(34, 40):
        size = population.n_options
        members = rng.permutation(size)[: rng.integers(1, size)].tolist()
        flip = sp.flip(population, TopK(members=members), sampling=base, margin=margin, floor=floor)
        pairs = list(product(members, sorted(set(range(size)) - set(members))))
        expected = by_linprog(population, pairs, base, margin, floor)
        assert agree(flip.distance, expected.upper)
        assert certificate_of(flip).check().upper == flip.distance
        if flip.exists:
            found += 1
            assert_ordered(flip, population, pairs, margin, floor)
    assert 10 <= found < 40


def test_the_average_reward_order_agrees_with_linprog() -> None:
    found = 0
    for population, base in small_populations(35, 40):
        flip = sp.flip(population, AverageRewardOrder(), sampling=base)
        pairs = list(pairwise(ranking(average_reward(population)).order))
        assert agree(flip.distance, by_linprog(population, pairs, base, 0.0, 0.0).upper)
        if flip.exists:
            found += 1
            assert_ordered(flip, population, pairs, 0.0, 0.0)
    assert 10 <= found < 40


def test_no_sampling_gives_the_crowd_its_average_reward_order(crowd: Population) -> None:
    flip = sp.flip(crowd, AverageRewardOrder())
    assert flip.distance == math.inf
    assert np.isnan(flip.mix).all()
    assert certificate_of(flip).check().lower == math.inf
    for top in ("A", "B"):
        assert sp.flip(crowd, TopK(members=[top])).distance == math.inf
    assert sp.flip(crowd, [Pair("A", over="M")]).distance == math.inf


def test_the_sampling_example_reaches_its_average_reward_order(two_camps: Population) -> None:
    for flip in (
        sp.flip(two_camps, AverageRewardOrder()),
        sp.flip(two_camps, Order(["c", "a", "b"])),
        sp.flip(two_camps, TopK(members=["c"])),
        sp.flip(two_camps, [Pair("c", over="a")]),
    ):
        assert flip.distance == printed(0.106697, 6)
    assert sp.flip(two_camps, Order(["c", "b", "a"])).distance == math.inf
    assert sp.flip(two_camps, TopK(members=["b"])).distance == math.inf


def test_a_ranking_in_two_groups_is_a_top_set() -> None:
    found = 0
    rng = np.random.default_rng(52)
    for population, base in small_populations(40, 50, size=4):
        order = ranking(nbc(population, rng.dirichlet(np.ones(4)))).order
        top, rest = order[:2], order[2:]
        grouped = sp.flip(population, Order(Ranking((top, rest))), sampling=base)
        expected = by_linprog(population, list(product(top, rest)), base, 0.0, 0.0)
        assert agree(grouped.distance, expected.upper)
        assert agree(
            grouped.distance, sp.flip(population, TopK(members=top), sampling=base).distance
        )
        found += grouped.distance > CERTIFIED
    assert found >= 5


def test_tied_options_may_come_in_any_order(two_camps: Population) -> None:
    top = Ranking(((0, 2), (1,)))  # a and c above b, which holds at the base
    assert sp.flip(two_camps, Order(top)).distance == 0.0
    assert sp.flip(two_camps, Order(["a", "c", "b"])).distance == 0.0
    assert sp.flip(two_camps, Order(["c", "a", "b"])).distance == printed(0.106697, 6)


def test_the_average_rewards_of_a_hot_crowd_are_in_order_everywhere(crowd: Population) -> None:
    hot = Population(crowd.rewards, link=Logistic(2.0))  # above the threshold: A = B > M
    assert sp.flip(hot, AverageRewardOrder(), sampling=[0.5, 0.3, 0.2]).distance == 0.0


@pytest.mark.parametrize("base", [None, [0.5, 0.3, 0.2]])
def test_what_is_tied_everywhere_takes_nothing_to_order(
    crowd: Population, base: list[float] | None
) -> None:
    # A and B beat M and each other alike, so that their NBC is equal at every distribution:
    # P[B] - P[A] is 0 or an error of rounding.
    hot = Population(crowd.rewards, link=Logistic(2.0))
    P = hot.pairwise()
    assert np.abs(P[2] - P[0]).max() < 2e-16
    for order in ([0, 2, 1], [2, 0, 1]):
        assert sp.flip(hot, Order(order), sampling=base).distance == 0.0


def test_all_pairs_of_an_order_ask_no_more_than_its_neighbours() -> None:
    for population, base in small_populations(36, 10):
        order = ranking(average_reward(population)).order
        pairs = [(y, z) for i, y in enumerate(order) for z in order[i + 1 :]]
        every = sp.flip(population, [Pair(y, over=z) for y, z in pairs], sampling=base)
        assert agree(every.distance, sp.flip(population, Order(order), sampling=base).distance)


@pytest.mark.parametrize("divergence", ["tv", "chi2", "kl", Wasserstein([0, 1, 2])])
def test_nothing_moves_where_the_base_does_it(two_camps: Population, divergence: Any) -> None:
    for flip in (
        sp.flip(two_camps, [Pair("a", over="c")], divergence=divergence),
        sp.flip(two_camps, Order(["a", "c", "b"]), divergence=divergence),
        sp.flip(two_camps, TopK(members=["a", "c"]), divergence=divergence),
    ):
        assert flip.distance == 0.0
        assert flip.pair is None
        assert certificate_of(flip).check(width=0).upper == 0.0
        np.testing.assert_array_equal(flip.mix, flip.base)


def test_an_order_that_asks_for_nothing_takes_nothing(level: Population) -> None:
    assert sp.flip(level, AverageRewardOrder()).distance == 0.0
    with refuses("to"):
        sp.flip(level, [])


def test_one_pair_that_must_be_overturned_is_named(two_camps: Population) -> None:
    assert sp.flip(two_camps, [Pair("c", over="a")]).pair == (0, 2)
    assert sp.flip(two_camps, [Pair("b", over="a")]).pair == (0, 1)
    assert sp.flip(two_camps, [Pair("c", over="a"), Pair("a", over="b")]).pair is None


# Further constraints


def constrained(
    population: Population, constraint: LinearConstraint, pair: tuple[int, int] = (2, 0)
) -> Flip:
    return sp.flip(population, [Pair(pair[0], over=pair[1])], constraints=constraint)


def test_an_equality_that_leaves_an_option_alone(two_camps: Population) -> None:
    flip = constrained(two_camps, LinearConstraint([[0, 0, 1]], 1 / 3, 1 / 3))
    assert flip.mix[2] == pytest.approx(1 / 3, abs=1e-15)
    P = two_camps.pairwise()
    c = P[2] - P[0]
    # What leaves b must go to a: each unit gains c_a - c_b.
    expected = -c.mean() / (c[0] - c[1])
    assert flip.distance == pytest.approx(expected, abs=CERTIFIED)


def test_an_inequality_that_binds_and_one_that_does_not(two_camps: Population) -> None:
    free = sp.flip(two_camps, Pair(2, over=0)).distance
    loose = constrained(two_camps, LinearConstraint([[0, 0, 1]], -np.inf, 0.9))
    assert loose.distance == pytest.approx(free, abs=CERTIFIED)
    tight = constrained(two_camps, LinearConstraint([[0, 0, 1]], -np.inf, 0.4))
    assert tight.mix[2] <= 0.4
    P = two_camps.pairwise()
    c = P[2] - P[0]
    # b gives 1/15 to c, which is then full, and the rest to a.
    rest = (-c.mean() - (c[2] - c[1]) / 15) / (c[0] - c[1])
    assert tight.distance == pytest.approx(1 / 15 + rest, abs=CERTIFIED)
    # At least half for a: 1/6 moves, from b first of all.
    most = constrained(two_camps, LinearConstraint([[1, 0, 0]], 0.5, np.inf))
    assert most.distance == pytest.approx(1 / 6, abs=CERTIFIED)


def test_bounds_on_both_sides_and_no_bounds_at_all(two_camps: Population) -> None:
    free = sp.flip(two_camps, Pair(2, over=0)).distance
    box = LinearConstraint(np.eye(3), [0.3, 0.2, 0.3], [0.4, 0.3, 0.5])
    assert constrained(two_camps, box).distance == pytest.approx(free, abs=CERTIFIED)
    nothing = LinearConstraint(np.eye(3), -np.inf, np.inf)
    assert constrained(two_camps, nothing).distance == pytest.approx(free, abs=CERTIFIED)
    one = LinearConstraint([1, 0, 0], 0.4, 0.4)  # a vector is one constraint
    assert constrained(two_camps, one).mix[0] == pytest.approx(0.4, abs=1e-15)


def test_equalities_and_inequalities_agree_with_linprog() -> None:
    rng = np.random.default_rng(37)
    found = 0
    for population, base in small_populations(38, 40, size=5):
        above, below = strict_pairs(population, base)[rng.integers(3)]
        free = sp.flip(population, Pair(below, over=above), sampling=base, margin=0.01)
        inside = 0.8 * (free.mix if free.exists else base) + 0.2 * rng.dirichlet(np.ones(5))
        A = rng.normal(size=(4, 5))
        # An equality, a lower, an upper bound and a narrow band about a point.
        low = A @ inside - [0.0, 0.01, np.inf, 0.005]
        high = A @ inside + [0.0, np.inf, 0.01, 0.005]
        pair = (below, above)
        constraint = LinearConstraint(A, low, high)
        flip = sp.flip(
            population, [Pair(pair[0], over=pair[1])], sampling=base, constraints=constraint
        )
        P = population.pairwise()
        bounded, limited = np.isfinite(low), np.isfinite(high)
        rows = np.vstack([P[below] - P[above], A[bounded], -A[limited]])
        bounds = np.concatenate([[0.0], low[bounded], -high[limited]])
        assert agree(flip.distance, nearest_by_linprog(rows, bounds, base, 0.0).upper)
        if flip.exists:
            found += 1
            assert (A @ flip.mix >= low - ALMOST).all()
            assert (A @ flip.mix <= high + ALMOST).all()
    assert 10 <= found < 40


def test_constraints_that_say_the_same_twice(two_camps: Population) -> None:
    free = sp.flip(two_camps, Pair(2, over=0)).distance
    for constraint in (
        LinearConstraint([[1, 1, 1]], 1, 1),
        LinearConstraint([[1, 1, 1], [2, 2, 2]], [1, 2], [1, 2]),
        LinearConstraint([[1, 1, 1]], 0.9, 1.1),
        LinearConstraint([[0, 0, 0]], 0, 0),
        LinearConstraint([[0, 0, 0]], -1, 1),
        LinearConstraint([[1, 0, 0]] * 3, 0.25, 0.5),
    ):
        assert constrained(two_camps, constraint).distance == pytest.approx(free, abs=CERTIFIED)
    quarter = LinearConstraint([[1, 0, 0], [0, 1, 1]], [0.25, 0.75], [0.25, 0.75])
    assert constrained(two_camps, quarter).mix[0] == 0.25


@pytest.mark.parametrize(
    ("A", "value"),
    [([[1, 1, 0], [0, 0, 1]], [0.7, 0.3]), ([[3, 0, 0], [1, 0, 0]], [1, 1 / 3])],
)
def test_equalities_may_agree_up_to_rounding(
    two_camps: Population, A: list[list[float]], value: list[float]
) -> None:
    assert constrained(two_camps, LinearConstraint(A, value, value)).exists


@pytest.mark.parametrize("high", [0.5, 1.0], ids=["equality", "inequality"])
@pytest.mark.parametrize("scale", [1e6, 1.0, 1e-6, 1e-10, 1e-13])
def test_the_scale_of_a_constraint_does_not_matter(
    two_camps: Population, scale: float, high: float
) -> None:
    half = constrained(two_camps, LinearConstraint([[scale, 0, 0]], 0.5 * scale, high * scale))
    assert half.mix[0] == pytest.approx(0.5, abs=1e-15)


@pytest.mark.parametrize("divergence", ["tv", "chi2", "kl", Wasserstein([0, 1, 2])])
@pytest.mark.parametrize(
    "constraint",
    [
        LinearConstraint([[1, 0, 0]], 1.5, 2),
        LinearConstraint([[1, 0, 0]], -np.inf, -0.5),
        LinearConstraint([[1, 0, 0], [1, 0, 0]], [0.3, 0.5], [0.3, 0.5]),
        LinearConstraint([[1, 0, 0], [1, 0, 0]], [0.5, -np.inf], [np.inf, 0.25]),
        LinearConstraint([[1, 1, 1]], 0.9, 0.9),
        LinearConstraint([[0, 0, 0]], 1, 1),
        LinearConstraint([[0, 1, 0]], 1, 1),  # nothing but b: level is not enough
    ],
)
def test_constraints_that_cannot_be_met(
    two_camps: Population, constraint: LinearConstraint, divergence: Any
) -> None:
    flip = sp.flip(
        two_camps, [Pair(2, over=0)], constraints=constraint, divergence=divergence, margin=0.01
    )
    assert flip.distance == math.inf
    assert certificate_of(flip).check().lower == math.inf


@pytest.mark.parametrize("divergence", ["tv", "chi2", "kl"])
def test_an_answer_does_not_depend_on_those_before(two_camps: Population, divergence: str) -> None:
    # Both have two equalities, so that they are one compiled program.
    possible = LinearConstraint([[1, 0, 0], [0, 1, 0]], [0.25, 0.125], [0.25, 0.125])
    contradiction = LinearConstraint([[1, 0, 0], [1, 0, 0]], [0.3, 0.5], [0.3, 0.5])
    answers = []
    for constraint in (possible, contradiction, possible, possible):
        flip = sp.flip(two_camps, [Pair(2, over=0)], constraints=constraint, divergence=divergence)
        answers.append((flip.distance, flip.mix.tolist()))
    assert answers[1][0] == math.inf
    assert math.isfinite(answers[0][0])
    assert answers[0] == answers[2] == answers[3]


def test_answers_are_the_same_in_any_order() -> None:
    # Near ties are where HiGHS, started from the last answer, ends elsewhere or nowhere.
    asked = [p for p in problems(60, 600, ("near tie",)) if p.population.n_options == 6]

    def answer(problem: Problem) -> list[float]:
        pair = (problem.below, problem.above)
        flip = sp.flip(problem.population, [Pair(pair[0], over=pair[1])], **problem.options)
        return [flip.distance, *flip.mix]

    forwards = [answer(problem) for problem in asked]
    backwards = [answer(problem) for problem in reversed(asked)]
    np.testing.assert_array_equal(forwards, backwards[::-1])


# Divergences

POSITIONS = (0.0, 1.0, 3.0)


def tv(d: Floats, base: Floats) -> float:
    return total_variation(d, base)


def chi2(d: Floats, base: Floats) -> float:
    return float(((d - base) ** 2 / base).sum())


def kl(d: Floats, base: Floats) -> float:
    return float(rel_entr(d, base).sum())


def wasserstein(d: Floats, base: Floats) -> float:
    return float(wasserstein_distance(POSITIONS, POSITIONS, d, base))


MEASURES: dict[str, tuple[Any, Callable[[Floats, Floats], float]]] = {
    "tv": ("tv", tv),
    "chi2": ("chi2", chi2),
    "kl": ("kl", kl),
    "wasserstein": (Wasserstein(POSITIONS), wasserstein),
}

every_measure = pytest.mark.parametrize(
    ("divergence", "measure"), MEASURES.values(), ids=MEASURES.keys()
)


def nearest_on_segment(
    c: Floats, margin: float, base: Floats, floor: float, measure: Callable[[Floats, Floats], float]
) -> float:
    """Minimise over the segment {sum d = 1, c.d = margin, d >= floor} of three options.

    It is where the optimum lies whenever the base falls short of the margin: the divergence is
    convex, so that a point beyond it could be brought closer to the base. Tried are the ends,
    where one option is as in the base (corners of TV and Wasserstein), and a search.
    """
    point = np.linalg.lstsq(np.array([np.ones(3), c]), np.array([1.0, margin]), rcond=None)[0]
    along = np.cross(np.ones(3), c)
    along /= np.abs(along).max()
    moving = np.abs(along) > 1e-12
    if (point[~moving] < floor).any():
        return math.inf
    x, a = point[moving], along[moving]
    ends = (floor - x) / a
    low, high = ends[a > 0].max(), ends[a < 0].min()  # both occur: the steps sum to 0
    if low > high:
        return math.inf

    def at(t: float) -> float:
        return measure(np.maximum(point + t * along, floor), base)

    search = minimize_scalar(at, bounds=(low, high), method="bounded", options={"xatol": 1e-12})
    corners = (base[moving] - x) / a
    return min(map(at, np.clip([low, high, search.x, *corners], low, high)))


@every_measure
@pytest.mark.parametrize(("margin", "floor"), LIMITS)
def test_three_options_agree_with_a_search(
    divergence: Any, measure: Callable[[Floats, Floats], float], margin: float, floor: float
) -> None:
    found = 0
    for population, base in small_populations(41, 20, size=3):
        P = population.pairwise()
        for above, below in strict_pairs(population, base):
            flip = sp.flip(
                population,
                [Pair(below, over=above)],
                sampling=base,
                margin=margin,
                floor=floor,
                divergence=divergence,
            )
            c = P[below] - P[above]
            expected = nearest_on_segment(c, margin, base, floor, measure)
            assert agree(flip.distance, expected)
            interval = certificate_of(flip).check()
            # The search is exact, or good to 1e-12 where the divergence is flat.
            assert interval.lower - ALMOST <= expected <= interval.upper + ALMOST
            if flip.exists:
                found += 1
                assert_ordered(flip, population, [(below, above)], margin, floor)
                assert measure(flip.mix, base) == pytest.approx(flip.distance, abs=1e-12)
    assert 8 <= found < 60


def tilted(base: Floats, c: Floats, margin: float) -> Floats:
    """Return the distribution base * exp(mu c), normalised, whose mean of c is the margin."""

    def tilt(mu: float) -> Floats:
        weights = base * np.exp(mu * (c - c.max()))
        return np.asarray(weights / weights.sum())

    mu = brentq(lambda mu: tilt(mu) @ c - margin, 0.0, 1e4, xtol=1e-13, rtol=1e-15)
    return tilt(mu)


def test_relative_entropy_of_one_pair_is_an_exponential_tilt() -> None:
    found = 0
    for population, base in small_populations(42, 40):
        above, below = strict_pairs(population, base)[0]
        c = population.pairwise()[below] - population.pairwise()[above]
        flip = sp.flip(population, [Pair(below, over=above)], sampling=base, divergence="kl")
        assert flip.exists == sp.flip(population, Pair(below, over=above), sampling=base).exists
        if flip.exists:
            found += 1
            expected = tilted(base, c, 0.0)
            assert flip.distance == pytest.approx(kl(expected, base), abs=CERTIFIED)
            # Pinsker's inequality, with the two within 1e-9 of the same optimum.
            assert total_variation(flip.mix, expected) <= math.sqrt(CERTIFIED / 2)
    assert found >= 10


def test_chi_square_of_one_pair_in_closed_form() -> None:
    found = 0
    for population, base in small_populations(43, 60):
        above, below = strict_pairs(population, base)[0]
        c = population.pairwise()[below] - population.pairwise()[above]
        variance = base @ (c - base @ c) ** 2
        expected = base * (1 + (0.0 - base @ c) / variance * (c - base @ c))
        if expected.min() < 0:  # a bound is active
            continue
        found += 1
        flip = sp.flip(population, [Pair(below, over=above)], sampling=base, divergence="chi2")
        assert flip.distance == pytest.approx((base @ c) ** 2 / variance, abs=CERTIFIED)
        # chi2(d) = chi2(optimum) + chi2 of d about the optimum, which bounds |d - optimum|.
        np.testing.assert_allclose(flip.mix, expected, atol=math.sqrt(CERTIFIED), rtol=0)
    assert found >= 10


def transport(base: Floats, positions: Floats, gains: Floats, margin: float, floor: float) -> float:
    """Solve the Wasserstein flip as a transport problem: how much goes from where to where."""
    size = len(base)
    costs = np.abs(positions[:, None] - positions[None, :]).ravel()
    leaving = np.kron(np.eye(size), np.ones(size))
    arriving = np.kron(np.ones(size), np.eye(size))
    found = linprog(
        costs,
        A_ub=np.vstack([-arriving, -gains @ arriving]),
        b_ub=np.append(np.full(size, -floor), -margin),
        A_eq=leaving,
        b_eq=base,
        options=TIGHT,
    )
    assert found.status in (0, 2), found.message
    return float(found.fun) if found.status == 0 else math.inf


@pytest.mark.parametrize(("margin", "floor"), LIMITS)
@pytest.mark.parametrize("spread", [False, True])
def test_wasserstein_agrees_with_optimal_transport(
    margin: float, floor: float, spread: bool
) -> None:
    rng = np.random.default_rng(44)
    positions = rng.normal(scale=10, size=5) if spread else np.arange(5.0)
    found = 0
    for population, base in small_populations(45, 25, size=5):
        pairs = strict_pairs(population, base)
        above, below = pairs[rng.integers(len(pairs))]
        flip = sp.flip(
            population,
            [Pair(below, over=above)],
            sampling=base,
            margin=margin,
            floor=floor,
            divergence=Wasserstein(positions),
        )
        gains = population.pairwise()[below] - population.pairwise()[above]
        assert agree(flip.distance, transport(base, positions, gains, margin, floor))
        if flip.exists:
            found += 1
            moved = wasserstein_distance(positions, positions, flip.mix, base)
            assert moved == pytest.approx(flip.distance, abs=1e-12)
    assert 5 <= found < 25


def test_wasserstein_of_options_at_one_place_is_free(two_camps: Population) -> None:
    # b and c are at one place: mass moves between them at no cost.
    flip = sp.flip(two_camps, [Pair("c", over="a")], divergence=Wasserstein([0, 1, 1]))
    assert flip.distance == pytest.approx(0, abs=CERTIFIED)
    assert_ordered(flip, two_camps, [(2, 0)], 0.0, 0.0)


def test_a_divergence_may_be_an_object(two_camps: Population) -> None:
    for name, thing in (("tv", TotalVariation()), ("chi2", ChiSquare()), ("kl", KullbackLeibler())):
        named = sp.flip(two_camps, [Pair(2, over=0)], divergence=name)
        passed = sp.flip(two_camps, [Pair(2, over=0)], divergence=thing)
        assert passed.distance == named.distance
        assert certificate_of(passed).divergence == thing


DIVERGENCES: list[Divergence] = [
    TotalVariation(),
    ChiSquare(),
    KullbackLeibler(),
    Wasserstein(POSITIONS),
]


@pytest.mark.parametrize("divergence", DIVERGENCES, ids=["tv", "chi2", "kl", "wasserstein"])
@given(data=st.data())
def test_every_potential_bounds_every_divergence_from_below(
    divergence: Divergence, data: Any
) -> None:
    base = data.draw(distributions(3, positive=True))
    point = data.draw(distributions(3))
    eighths = data.draw(st.lists(st.integers(-40, 40), min_size=3, max_size=3))
    potential = exact(divergence.repair(np.array(eighths) / 8))
    d, d0 = exact_distribution(point), exact_distribution(base)
    linear = sum(g * (x - y) for g, x, y in zip(potential, d, d0, strict=True))
    value = divergence.value(d, d0)
    assert value >= linear - divergence.conjugate(potential, d0)  # Fenchel and Young
    measure = {
        TotalVariation: tv,
        ChiSquare: chi2,
        KullbackLeibler: kl,
        Wasserstein: wasserstein,
    }[type(divergence)]
    assert float(value) == pytest.approx(measure(point, base), abs=1e-13)


def test_bounds_from_below_are_tight() -> None:
    d, d0 = exact_distribution(np.array([1.0, 2.0, 5.0])), exact_distribution(np.ones(3))

    def gap(divergence: Divergence, potential: list[Any]) -> float:
        g = tuple(map(Fraction, potential))
        linear = sum(p * (x - y) for p, x, y in zip(g, d, d0, strict=True))
        return float(divergence.value(d, d0) - linear + divergence.conjugate(g, d0))

    assert gap(TotalVariation(), [0, 0, 1]) == 0
    assert gap(Wasserstein(POSITIONS), [0, 1, 3]) == 0
    assert gap(ChiSquare(), [2 * (x / y) for x, y in zip(d, d0, strict=True)]) == 0
    # Second order in the rounding of the logarithms.
    entropy = gap(KullbackLeibler(), [math.log(x / y) for x, y in zip(d, d0, strict=True)])
    assert 0 < entropy < 1e-30


def test_relative_entropy_is_bounded_to_forty_digits() -> None:
    value = KullbackLeibler().value(
        (Fraction(1, 2), Fraction(1, 2)), (Fraction(1, 4), Fraction(3, 4))
    )
    with localcontext(prec=80):
        true = Fraction((Decimal(4) / 3).ln() / 2)  # (log 2 + log 2/3) / 2
    assert 0 < value - true < Fraction(11, 10**41)


@pytest.mark.parametrize(
    ("divergence", "potential", "message"),
    [
        (TotalVariation(), [0, 0, "1.0001"], "range exceeds 1"),
        (Wasserstein([0, 1, 3]), [0, 1, "3.0001"], "slope exceeds 1"),
        (Wasserstein([0, 1, 3]), ["1.0001", 0, 0], "slope exceeds 1"),
        (Wasserstein([3, 0, 1]), ["3.0001", 0, 1], "slope exceeds 1"),
        (Wasserstein([0, 1, 1]), [0, 0, "0.0001"], "slope exceeds 1"),
    ],
)
def test_potentials_with_an_infinite_conjugate_are_refused(
    divergence: Divergence, potential: list[Any], message: str
) -> None:
    base = exact_distribution(np.ones(3))
    with pytest.raises(CertificateError, match=message):
        divergence.conjugate(tuple(map(Fraction, potential)), base)


@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4), st.permutations([0.1, 0.3, 7, 7]))
def test_a_repaired_potential_is_never_refused(potential: list[float], places: Any) -> None:
    base = exact_distribution(np.ones(4))
    for divergence in (TotalVariation(), Wasserstein(places)):
        repaired = divergence.repair(np.array(potential))
        assert divergence.conjugate(exact(repaired), base) == 0


# The solver


def test_a_shape_is_compiled_once(two_camps: Population, crowd: Population) -> None:
    programs.compiled_program.cache_clear()
    for population, margin in ((two_camps, 0.0), (crowd, 1e-5), (two_camps, 0.01)):
        for pair in ((2, 0), (1, 0)):  # of which the base already orders some, without solving
            sp.flip(
                population, [Pair(pair[0], over=pair[1])], margin=margin, sampling=[0.4, 0.4, 0.2]
            )
    assert programs.compiled_program.cache_info().misses == 1
    assert programs.compiled_program.cache_info().hits >= 3
    compiled = programs.compiled_program(3, 1, 0, TotalVariation())
    assert compiled is programs.compiled_program(3, 1, 0, TotalVariation())
    assert compiled is not programs.compiled_program(3, 1, 0, ChiSquare())
    assert compiled.problem.is_dcp(dpp=True)  # parameters change without compiling anew
    sp.flip(two_camps, [Pair(2, over=0), Pair(0, over=1)])
    sp.flip(two_camps, [Pair(2, over=0)], constraints=LinearConstraint([[1, 0, 0]], 0.4, 0.4))
    sp.flip(two_camps, [Pair(2, over=0)], divergence=Wasserstein([0, 1, 2]))
    assert programs.compiled_program.cache_info().currsize == 5


def test_a_solver_that_gives_up_is_no_answer() -> None:
    # HiGHS 1.x presolves this near tie to "unknown"; exact arithmetic proves that there is none.
    population = Population(
        [
            [-0.3, -0.30000099999999996, -0.9, 2.5, 1.0, -2.5],
            [1.1, 1.100001, 0.6, -1.3, -1.6, -0.2],
        ]
    )
    flip = sp.flip(population, Order([5, 4, 2, 3, 1, 0]))
    assert flip.distance == math.inf
    assert certificate_of(flip).check().lower == math.inf


def test_an_answer_that_cannot_be_certified_is_not_returned(
    monkeypatch: pytest.MonkeyPatch, two_camps: Population
) -> None:
    honest = certificate_of(sp.flip(two_camps, [Pair(2, over=0)]))
    lie = replace(honest, prices=tuple(0 * price for price in honest.prices))
    monkeypatch.setattr(programs, "_attempts", lambda *args: iter([lie]))
    with pytest.raises(ConvergenceError, match="can be certified"):
        sp.flip(two_camps, [Pair(2, over=0)])
    denial = replace(honest, primal=None)
    monkeypatch.setattr(programs, "_attempts", lambda *args: iter([denial]))
    with pytest.raises(ConvergenceError, match="can be certified"):
        sp.flip(two_camps, [Pair(2, over=0)])


# Refusals


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda p: sp.flip(p, [Pair(1, over=1)]), "over"),
        (lambda p: sp.flip(p, ["ab"]), "to"),  # type: ignore[list-item]
        (lambda p: sp.flip(p, "ab"), "to"),  # type: ignore[arg-type]
        (lambda p: sp.flip(p, 1), "to"),  # type: ignore[arg-type]
        (lambda p: sp.flip(p, [Pair(1.0, over=0)]), "option"),  # type: ignore[arg-type]
        (lambda p: sp.flip(p.pairwise(), [Pair(1, over=0)]), "population"),
        (lambda p: sp.flip(p.pairwise(), Order([0, 1, 2])), "population"),
        (lambda p: sp.flip(np.eye(3), AverageRewardOrder()), "population"),  # type: ignore[arg-type]
        (lambda p: sp.flip(None, TopK(members=[0])), "population"),  # type: ignore[arg-type]
        (lambda p: sp.flip(p, Order(None)), "order"),  # type: ignore[arg-type]
        (lambda p: sp.flip(p, Order("abc")), "order"),
        (lambda p: sp.flip(p, Order(Ranking(((0,), 1)))), "order"),  # type: ignore[arg-type]
        (lambda p: sp.flip(p, TopK(members="ab")), "members"),
        (lambda p: sp.flip(p, TopK(members=1)), "members"),  # type: ignore[arg-type]
        (lambda p: sp.flip(p, [Pair(0, over="a")]), "over"),
        (lambda p: sp.flip(p, [Pair(0, over=3)]), "option"),
        (lambda p: sp.flip(p, [Pair("a", over="z")]), "option"),
        (lambda p: sp.flip(p, Order([])), "order"),
        (lambda p: sp.flip(p, Order([0, 1])), "order"),
        (lambda p: sp.flip(p, Order([0, 1, 1])), "order"),
        (lambda p: sp.flip(p, Order(Ranking(((0, 1),)))), "order"),
        (lambda p: sp.flip(p, Order(["a", "b", "z"])), "option"),
        (lambda p: sp.flip(p, Order([0, 1, 2]), margin=2), "margin"),
        (lambda p: sp.flip(p, AverageRewardOrder(), floor=0.5), "floor"),
        (lambda p: sp.flip(p, AverageRewardOrder(), sampling=[1.0]), "sampling"),
        (lambda p: sp.flip(p, TopK(members=[])), "members"),
        (lambda p: sp.flip(p, TopK(members=[0, 1, 2])), "members"),
        (lambda p: sp.flip(p, TopK(members=[0, "a"])), "members"),
        (lambda p: sp.flip(p, TopK(members=[-1])), "option"),
    ],
)
def test_targets_must_make_sense(
    two_camps: Population, call: Callable[[Population], Flip], argument: str
) -> None:
    with refuses(argument):
        call(two_camps)


@pytest.mark.parametrize("pairs", [[(0, 1)], [0, 1], [Winner()], {Pair(0, over=1): "x"}.values()])
def test_pairs_must_be_pairs(two_camps: Population, pairs: Any) -> None:
    with refuses("to"):
        sp.flip(two_camps, pairs)


@pytest.mark.parametrize(
    "divergence",
    [
        "hellinger",
        "",
        Wasserstein([0, 1]),
        Wasserstein([0, 1, 2, 3]),
        None,
        3,
        TotalVariation,
    ],
)
def test_divergences_must_be_known(two_camps: Population, divergence: Any) -> None:
    with refuses("divergence"):
        sp.flip(two_camps, [Pair(2, over=0)], divergence=divergence)


@pytest.mark.parametrize("divergence", ["chi2", "kl"])
def test_relative_divergences_need_a_full_base(two_camps: Population, divergence: str) -> None:
    with refuses("sampling"):
        sp.flip(two_camps, [Pair(2, over=0)], sampling=[0.5, 0.0, 0.5], divergence=divergence)
    assert sp.flip(two_camps, [Pair(0, over=2)], sampling=[0.5, 0.0, 0.5]).exists


@pytest.mark.parametrize("positions", [[0, math.nan, 1], [[0, 1, 2]], 1.0, "here", [0, 1e101]])
def test_positions_must_be_numbers(positions: Any) -> None:
    with refuses("positions"):
        Wasserstein(positions)


@pytest.mark.parametrize(
    "constraint",
    [
        LinearConstraint([[1, 0]], 0, 1),
        LinearConstraint([1, 0, 0, 0], 0, 1),
        LinearConstraint([[math.nan, 0, 0]], 0, 1),
        LinearConstraint([[math.inf, 0, 0]], 0, 1),
        LinearConstraint([[1, 0, 0]], 1, 0),
        LinearConstraint([[1, 0, 0]], math.nan, 1),
        LinearConstraint([[1, 0, 0]], 0, math.nan),
        LinearConstraint([[1, 0, 0]], math.inf, math.inf),
        LinearConstraint([[1, 0, 0]], -math.inf, -math.inf),
        [[1, 0, 0]],
    ],
)
def test_constraints_must_be_linear_and_finite(two_camps: Population, constraint: Any) -> None:
    with pytest.raises(InputError, match=r"^'constraints' must"):
        sp.flip(two_camps, [Pair(2, over=0)], constraints=constraint)


def test_constraints_may_be_sparse(two_camps: Population) -> None:
    from scipy.sparse import csr_array

    constraint = LinearConstraint(csr_array([[0.0, 0.0, 1.0]]), 1 / 3, 1 / 3)
    assert constrained(two_camps, constraint).exists


# Feasible sets without an interior


@every_measure
def test_a_level_pair_is_solved_on_its_line(
    two_camps: Population, divergence: Any, measure: Callable[[Floats, Floats], float]
) -> None:
    # Level from where the pair is not: the nearest point is that of the flip of the pair.
    level = sp.flip(two_camps, [Pair(2, over=0), Pair(0, over=2)], divergence=divergence)
    flip = sp.flip(two_camps, [Pair(2, over=0)], divergence=divergence)
    assert level.distance == pytest.approx(flip.distance, abs=CERTIFIED)
    P = two_camps.pairwise()
    expected = nearest_on_segment(P[2] - P[0], 0.0, np.full(3, 1 / 3), 0.0, measure)
    assert level.distance == pytest.approx(expected, abs=CERTIFIED)
    assert level.prove().width <= CERTIFIED
    primal = certificate_of(level).primal
    assert primal is not None
    gains = exact(P[2] - P[0])
    assert sum(g * x for g, x in zip(gains, primal, strict=True)) == 0


@pytest.mark.parametrize(
    "divergence",
    [
        "tv",
        "chi2",
        *(pytest.param(d, marks=pytest.mark.slow) for d in ("kl", Wasserstein([0, 1, 3, 4]))),
    ],
)
def test_level_chains_are_level_however_they_are_said(divergence: Any) -> None:
    # Everyone's order is a turn of the same circle, so that no option of it is best everywhere.
    # A fourth option leaves a segment of distributions at which the three are level.
    rng = np.random.default_rng(70)
    found = 0
    for _ in range(8):
        turns = np.array([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 0.0, 2.0]])
        rewards = np.column_stack([turns * rng.uniform(0.5, 3.0), rng.normal(size=3)])
        population = Population(rewards, rng.dirichlet(np.full(3, 20.0)))
        base = rng.dirichlet(np.ones(4)) * 0.9 + 0.025
        # The rows of a cycle add up to 0, but for rounding.
        cycle, both, thrice = (
            sp.flip(
                population,
                [Pair(y, over=z) for y, z in pairs],
                sampling=base,
                divergence=divergence,
            )
            for pairs in (
                [(0, 1), (1, 2), (2, 0)],
                [(0, 1), (1, 0), (1, 2), (2, 1)],
                [(y, z) for y in range(3) for z in range(3) if y != z],
            )
        )
        assert agree(cycle.distance, both.distance)
        assert agree(thrice.distance, both.distance)
        if both.exists:
            found += 1
            for flip in (cycle, both, thrice):
                assert np.ptp(nbc(population, flip.mix)[:3]) <= ALMOST
                assert flip.prove().upper == flip.distance
    assert found >= 4


def pinned(kind: str, point: Floats, rng: np.random.Generator) -> LinearConstraint:
    """Return constraints that leave a point alone, or a line or plane through it."""
    size = len(point)
    one, none = np.eye(size), np.full(size, np.inf)
    A = rng.normal(size=(size - 2, size))
    A = np.vstack([A, A.sum(axis=0), 0.1 * A[0]])  # two follow from the others, up to rounding
    b = A @ point
    return {
        "equalities": LinearConstraint(one, point, point),
        "lower bounds": LinearConstraint(one, point, np.inf),
        "upper bounds": LinearConstraint(one, -np.inf, point),
        "two inequalities": LinearConstraint(
            np.vstack([one, one]), np.append(point, -none), np.append(none, point)
        ),
        "redundant equalities": LinearConstraint(A, b, b),
        "redundant inequalities": LinearConstraint(
            np.vstack([A, A]),
            np.append(b, np.full(size, -np.inf)),
            np.append(np.full(size, np.inf), b),
        ),
    }[kind]


KINDS = [
    "equalities", "lower bounds", "upper bounds", "two inequalities", "redundant equalities",
    "redundant inequalities",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@every_measure
def test_constraints_may_pin_the_answer(
    kind: str, divergence: Any, measure: Callable[[Floats, Floats], float]
) -> None:
    rng = np.random.default_rng(71)
    for population, base in small_populations(72, 8, size=3):
        point = np.array([[0.7, 0.3, 0.0], rng.dirichlet(np.ones(3))][int(rng.integers(2))])
        upper, lower = np.argsort(-nbc(population, point))[:2]
        flip = sp.flip(
            population,
            [Pair(int(upper), over=int(lower))],
            sampling=base,
            divergence=divergence,
            constraints=pinned(kind, point, rng),
        )
        assert flip.prove().upper == flip.distance
        # In three dimensions one equality besides the sum leaves a segment through the point.
        if "redundant" not in kind:
            np.testing.assert_allclose(flip.mix, point, atol=ALMOST, rtol=0)
            assert flip.distance == pytest.approx(measure(point, base), abs=CERTIFIED)
        else:
            assert flip.distance <= measure(point, base) + CERTIFIED


def test_a_contradiction_by_more_than_rounding_is_one(two_camps: Population) -> None:
    for off, exists in ((1e-16, True), (1e-13, True), (1e-10, False), (1e-6, False)):
        low = LinearConstraint([[1, 0, 0], [0, 1, 1]], [0.6 + off, 0.4 + off], [1, 1])
        flip = sp.flip(two_camps, [Pair(0, over=1)], constraints=low)
        assert flip.exists == exists
        assert flip.prove().upper == flip.distance


def test_a_pair_that_is_out_of_reach_by_a_hair_is_out_of_reach(two_camps: Population) -> None:
    gains = two_camps.pairwise()[2] - two_camps.pairwise()[0]
    most = float(gains.max())
    for margin, exists in ((most, True), (np.nextafter(most, 1.0), False)):
        closed = sp.flip(two_camps, Pair(2, over=0), margin=margin)
        assert closed.exists == exists
        for divergence in ("tv", "chi2", "kl", Wasserstein([0, 1, 2])):
            flip = sp.flip(two_camps, [Pair(2, over=0)], margin=margin, divergence=divergence)
            assert flip.exists == exists
            assert flip.prove().upper == flip.distance
            if exists:
                np.testing.assert_array_equal(flip.mix, closed.mix)


# Near infeasibility


def attainable(rows: Floats, floor: float) -> float:
    """Return the largest margin that some distribution gives to every row at once."""
    size = rows.shape[1]
    found = linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=np.column_stack([-rows, np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        A_eq=np.append(np.ones(size), 0.0)[None, :],
        b_eq=[1.0],
        bounds=[(floor, None)] * size + [(None, None)],
        options=TIGHT,
    )
    return float(-found.fun)


@pytest.mark.slow
@pytest.mark.parametrize("divergence", ["chi2", "kl", "wasserstein"])
def test_margins_just_below_the_largest_are_reached(divergence: str) -> None:
    rng = np.random.default_rng(73)
    solved = 0
    while solved < 30:
        size = int(rng.integers(3, 11))
        population = Population(rng.normal(size=(3, size)) * [[0.5], [1.0], [4.0]])
        chain = rng.permutation(size)[: rng.integers(2, min(size, 4) + 1)].tolist()
        pairs, floor = list(pairwise(chain)), float(rng.choice([0.0, 1e-5, 0.01]))
        P = population.pairwise()
        rows = np.array([P[y] - P[z] for y, z in pairs])
        margin = attainable(rows, floor) - 10.0 ** rng.uniform(-9, -4)
        if margin <= 0:
            continue
        solved += 1
        measure = Wasserstein(np.arange(size)) if divergence == "wasserstein" else divergence
        flip = sp.flip(
            population,
            [Pair(y, over=z) for y, z in pairs],
            sampling=rng.dirichlet(np.ones(size)) * 0.9 + 0.1 / size,
            margin=margin,
            floor=floor,
            divergence=measure,
        )
        assert flip.exists
        assert flip.prove().width <= CERTIFIED * max(1.0, flip.distance)
        assert_ordered(flip, population, pairs, margin, floor)


@given(st.data())
def test_the_exact_solver_agrees_with_linprog(data: Any) -> None:
    size, count = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    whole = st.integers(-4, 4)
    rows = np.array(data.draw(st.lists(st.lists(whole, min_size=size, max_size=size),
                                       min_size=count, max_size=count)))  # fmt: skip
    bounds = np.array(data.draw(st.lists(whole, min_size=count, max_size=count)))
    slope = np.array(data.draw(st.lists(st.integers(0, 4), min_size=size, max_size=size)))
    found = minimise([Fraction()] * size, exact(1.0 * slope), [*map(exact, 1.0 * rows)],
                     exact(1.0 * bounds))  # fmt: skip
    solver = linprog(slope, -rows, -bounds)
    assert (found.point is None) == (solver.status == 2)
    prices = np.array(found.prices)
    assert min(prices) >= 0
    if found.point is None:
        assert max(prices @ rows) <= 0 < prices @ bounds  # Farkas
    else:
        assert min(found.point) >= 0
        assert min(rows @ found.point - bounds) >= 0
        assert max(prices @ rows - slope) <= 0
        assert prices @ bounds == slope @ found.point  # strong duality, exactly
        assert float(slope @ found.point) == pytest.approx(solver.fun, abs=1e-9)

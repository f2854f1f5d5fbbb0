"""Ranking flips: by hand, against two independent solvers, and what every flip must satisfy."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import socialpref as sp
from socialpref import (
    InputError,
    Logistic,
    Pair,
    Population,
    TopK,
    Winner,
    nbc,
    ranking,
)
from socialpref.flips import (
    Certificate,
    Flip,
    LeastOf,
    greedy,
    greedy_distances,
    pair_flip_distances,
)
from socialpref.flips.agreement import agreement
from socialpref.flips.targets import Target
from tests.helpers import (
    AGREEMENT,
    KINDS,
    Floats,
    Problem,
    agree,
    distances_by_linprog,
    distributions,
    exact_gap,
    nearest_by_linprog,
    permuted,
    populations,
    printed,
    problems,
    random_population,
    refuses,
    sampled,
    strict_pairs,
    total_variation,
)

ALMOST = 1e-12
"""An advantage that `flip` does not look for, and the rounding of a recomputed NBC."""


def solve(problem: Problem) -> Flip:
    return sp.flip(problem.population, Pair(problem.below, over=problem.above), **problem.options)


def batched(every: Iterator[Problem], size: int) -> Iterator[list[Problem]]:
    while batch := list(islice(every, size)):
        yield batch


def proof(flip: Flip) -> Certificate:
    """Return the certificate of the flip of one pair."""
    assert isinstance(flip.certificate, Certificate)
    return flip.certificate


def proofs(flip: Flip) -> LeastOf:
    """Return the certificate of a minimum over pairs."""
    assert isinstance(flip.certificate, LeastOf)
    return flip.certificate


# Worked numbers and examples by hand


def test_sampling_example(two_camps: Population) -> None:
    flip = sp.flip(two_camps, Pair("c", over="a"))
    assert flip.distance == printed(0.106697, 6)
    assert flip.pair == (0, 2)
    # The mass goes from b, the worst for c's lead over a, to c, the best.
    moved = 0.106697 * np.array([0, -1, 1])
    assert flip.mix == printed(1 / 3 + moved, 6)
    assert sp.flip(two_camps).distance == sp.flip(two_camps, Winner()).distance == flip.distance


def test_no_other_pair_of_the_sampling_example_can_be_swapped(two_camps: Population) -> None:
    for above, below in [("a", "b"), ("c", "b")]:
        flip = sp.flip(two_camps, Pair(below, over=above))
        assert flip.distance == math.inf
        assert not flip.exists
        assert np.isnan(flip.mix).all()
        assert proof(flip).check().lower == math.inf


def test_nothing_dethrones_the_mediocre_winner(crowd: Population) -> None:
    for flip in (
        sp.flip(crowd, Winner()),
        sp.flip(crowd, Pair("A", over="M")),
        sp.flip(crowd, Pair("B", over="M")),
    ):
        assert flip.distance == math.inf


# Gains (-1/2, 1/4, 1/4) at base d0: moving mass t from the first to another gains 3t/4.
BY_HAND: list[tuple[list[float], list[float], float, float, float]] = [
    ([-0.5, 0.25, 0.25], [0.5, 0.25, 0.25], 0.0, 0.0, 1 / 6),  # lacks 1/8
    ([-0.5, 0.25, 0.25], [0.5, 0.25, 0.25], 0.0625, 0.0, 1 / 4),  # lacks 3/16
    ([-0.5, 0.25, 0.25], [0.5, 0.25, 0.25], 0.25, 0.0, 1 / 2),  # all that there is
    ([-0.5, 0.25, 0.25], [0.5, 0.25, 0.25], 0.25, 0.25, math.inf),  # only 1/4 may move
    ([-0.5, 0.25, 0.25], [0.5, 0.25, 0.25], 0.0, 0.25, 1 / 6),
    ([-0.5, 0.25, 0.25], [0.5, 0.25, 0.25], 0.5, 0.0, math.inf),  # above every gain
    # Two steps: 1/4 from the first gains 1/4, and 1/8 more from the second, at 1/2 each, 1/16.
    ([-0.5, 0.0, 0.5], [0.25, 0.75, 0.0], 0.1875, 0.0, 3 / 8),
    # The base already has it: nothing to do but what the floor forces.
    ([-0.5, 0.25, 0.25], [0.25, 0.25, 0.5], 0.0, 0.0, 0.0),
    ([-0.5, 0.0, 0.5], [0.0, 0.25, 0.75], 0.0, 0.125, 1 / 8),
    # The floor forces 1/8 to the first, which gains -1/8 taken from the third; at d0 nothing is
    # lacking and now 1/8 is, less the 1/8 of slack that there was.
    ([-0.5, 0.0, 0.5], [0.0, 0.75, 0.25], 0.0, 0.125, 1 / 8),
    # A floor of 1/K leaves one distribution, which has it or does not.
    ([-0.5, 0.0, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0], 0.0, 0.25, 1 / 2),
    ([-0.75, 0.0, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0], 0.0, 0.25, math.inf),
]


@pytest.mark.parametrize(("gains", "base", "margin", "floor", "distance"), BY_HAND)
def test_greedy_distances_by_hand(
    gains: list[float], base: list[float], margin: float, floor: float, distance: float
) -> None:
    found = greedy_distances(gains, base, margin=margin, floor=floor)
    assert found == pytest.approx(distance, abs=1e-15)
    independent = nearest_by_linprog(np.array([gains]), np.array([margin]), np.array(base), floor)
    assert agree(independent.upper, distance)


def test_two_options_never_flip() -> None:
    # Both of their comparisons lead the same way.
    assert sp.flip(Population([[1, 0], [0, 3]])).distance == math.inf


# Three computations of the same distance


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 300), pytest.param(2, 30_000, marks=pytest.mark.slow)]
)
def test_closed_form_agrees_with_linprog(seed: int, count: int) -> None:
    edges = flips = 0
    for batch in batched(problems(seed, count), 100):
        for problem, independent in zip(batch, distances_by_linprog(batch), strict=True):
            flip = solve(problem)
            interval = proof(flip).check()
            assert interval.lower == flip.distance == interval.upper
            assert interval.width == 0.0  # exact arithmetic on both sides
            if problem.on_the_edge:
                edges += 1
                continue
            limits = {"margin": problem.margin, "floor": problem.floor}
            rounded = float(greedy_distances(problem.gains, problem.base, **limits))
            assert agree(flip.distance, rounded), problem
            assert agree(flip.distance, independent), problem
            if flip.exists:
                flips += 1
                assert_attained(flip, problem)
    assert edges <= 0.01 * count
    assert flips >= 0.4 * count  # it is not all infinities


def assert_attained(flip: Flip, problem: Problem) -> None:
    """Assert that the flip's sampling distribution does what it says, recomputed in floats."""
    scores = nbc(problem.population, flip.mix)
    assert scores[problem.below] - scores[problem.above] >= problem.margin - ALMOST
    assert flip.mix.min() >= problem.floor
    assert flip.mix.sum() == pytest.approx(1.0, abs=1e-14)
    assert total_variation(flip.mix, problem.base) == pytest.approx(flip.distance, abs=1e-14)
    np.testing.assert_array_equal(flip.base, problem.base / problem.base.sum())
    assert flip.pair == (problem.above, problem.below)


@pytest.mark.parametrize(
    ("seed", "count"), [(3, 64), pytest.param(4, 1500, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_closed_form_agrees_with_the_convex_program(kind: str, seed: int, count: int) -> None:
    edges = 0
    for problem in problems(seed, count, (kind,)):
        pair = (problem.below, problem.above)
        program = sp.flip(problem.population, [Pair(pair[0], over=pair[1])], **problem.options)
        interval = proof(program).check()
        assert interval.upper == program.distance
        if problem.on_the_edge:
            edges += 1
            continue
        assert agree(solve(problem).distance, program.distance), problem
        assert program.pair == (problem.above, problem.below)
    assert edges <= 0.04 * count  # one in a hundred over all kinds


@pytest.mark.parametrize(
    ("seed", "count"), [(5, 100), pytest.param(6, 3000, marks=pytest.mark.slow)]
)
def test_batches_of_pairs_agree_with_single_pairs(seed: int, count: int) -> None:
    compared = 0
    for problem in problems(seed, count):
        population, size = problem.population, problem.population.n_options
        distances = pair_flip_distances(population.pairwise(), **problem.options)
        pairs = strict_pairs(population, problem.base)
        known = np.zeros((size, size), dtype=bool)
        known[tuple(np.transpose(pairs))] = True
        np.testing.assert_array_equal(np.isnan(distances), ~known)
        for above, below in pairs[:: max(1, len(pairs) // 10)]:
            pair = Problem(population, above, below, problem.base, problem.margin, problem.floor)
            if not pair.on_the_edge:
                assert agree(distances[above, below], solve(pair).distance), pair
                compared += 1
    assert compared >= 5 * count


@given(sampled(options=5), st.sampled_from([1e-3, 0.05]), st.sampled_from([0.0, 1e-3]))
def test_rounded_distances_lie_between_those_of_close_margins(
    drawn: tuple[Population, Floats], margin: float, floor: float
) -> None:
    population, base = drawn
    for above, below in strict_pairs(population, base):
        gains = population.pairwise()[below] - population.pairwise()[above]
        rounded = float(greedy_distances(gains, base, margin=margin, floor=floor))
        # Rounding in a scalar product of 5 numbers is worth a change of the margin of < 1e-14.
        near, far = (
            sp.flip(
                population,
                Pair(below, over=above),
                sampling=base,
                margin=margin + change,
                floor=floor,
            ).distance
            for change in (-1e-14, 1e-14)
        )
        assert near - 1e-14 <= rounded <= far + 1e-14


def test_batches_are_split_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    matrices = np.array([Population(rng.normal(size=(3, 5))).pairwise() for _ in range(12)])
    bases = rng.dirichlet(np.ones(5), size=12)
    gains = rng.normal(size=(40, 5))
    population = Population(rng.normal(size=(3, 8)))

    def everything() -> list[Any]:
        return [
            pair_flip_distances(matrices, bases),
            pair_flip_distances(matrices.reshape(3, 4, 5, 5), bases.reshape(3, 4, 5)),
            greedy_distances(gains),
            greedy_distances(gains.reshape(2, 20, 5), bases[0]),
            sp.flip(population, margin=1e-3).distance,
        ]

    whole = everything()
    monkeypatch.setattr(greedy, "BLOCK", 60)
    for before, after in zip(whole, everything(), strict=True):
        np.testing.assert_array_equal(before, after)
    for matrix, base, distances in zip(matrices, bases, whole[0], strict=True):
        np.testing.assert_array_equal(pair_flip_distances(matrix, base), distances)
    np.testing.assert_array_equal(whole[0], whole[1].reshape(12, 5, 5))


@pytest.mark.parametrize("margin", [0.0, 1e-3])
def test_a_search_in_blocks_finds_the_least(monkeypatch: pytest.MonkeyPatch, margin: float) -> None:
    # One pair at a time: whether the others need looking at hangs on their bounds alone.
    monkeypatch.setattr(greedy, "BLOCK", 8)
    rng = np.random.default_rng(12)
    for _ in range(60):
        population = Population(rng.normal(size=(3, 8)) * [[0.5], [2.0], [8.0]])
        base = rng.dirichlet(np.ones(8))
        every = pair_flip_distances(population.pairwise(), base, margin=margin)
        pairs = strict_pairs(population, base)
        flip = sp.flip(population, sampling=base, margin=margin)
        assert flip.distance == pytest.approx(min(every[pair] for pair in pairs), abs=ALMOST)


def test_batches_may_be_empty() -> None:
    assert greedy_distances(np.empty((0, 3))).shape == (0,)
    assert greedy_distances(np.empty((2, 0, 3))).shape == (2, 0)
    assert pair_flip_distances(np.empty((0, 3, 3))).shape == (0, 3, 3)


# Minima over pairs


def least(distances: dict[tuple[int, int], float], pairs: list[tuple[int, int]]) -> float:
    return min(distances[pair] for pair in pairs)


@pytest.mark.parametrize(
    ("seed", "count"), [(8, 20), pytest.param(9, 1500, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("margin", "floor"), [(0.0, 0.0), (0.0, 0.02), (1e-5, 1e-5), (0.01, 0.0)])
def test_minima_agree_with_brute_force(seed: int, count: int, margin: float, floor: float) -> None:
    rng = np.random.default_rng(seed)
    for i in range(count):
        population = random_population(rng, KINDS[i % len(KINDS)])
        if population.n_options > 8:
            population = Population(population.rewards[:, :8], population.shares)
        size = population.n_options
        base = rng.dirichlet(np.full(size, 0.5)) if i % 2 else np.full(size, 1 / size)
        options: dict[str, Any] = {"sampling": base, "margin": margin, "floor": floor}
        pairs = strict_pairs(population, base)
        every = {(a, b): sp.flip(population, Pair(b, over=a), **options).distance for a, b in pairs}
        groups = ranking(nbc(population, base)).groups
        k = len(groups[0]) if i % 3 else sum(map(len, groups[:-1]))
        top = [y for group in groups for y in group][:k]
        asked = [
            (sp.flip(population, **options), pairs),
            (sp.flip(population, Winner(), **options), [p for p in pairs if p[0] in groups[0]]),
        ]
        if 1 <= k < size:
            crossing = [p for p in pairs if p[0] in top and p[1] not in top]
            asked.append((sp.flip(population, TopK(k), **options), crossing))
        for flip, considered in asked:
            if not considered:
                assert math.isnan(flip.distance)
                continue
            best = least(every, considered)
            # With margin 0 only neighbours are looked at: the others can only be further.
            assert set(proofs(flip).pairs) <= set(considered)
            assert flip.distance == best or abs(flip.distance - best) <= ALMOST
            interval = proofs(flip).check()
            assert agree(interval.lower, best)
            assert agree(interval.upper, best)
            if flip.exists:
                assert flip.pair in considered
                assert_attained(flip, Problem(population, *flip.pair, base, margin, floor))
            else:
                assert flip.pair is None


def test_a_ranking_flip_of_sixty_options_is_the_least_of_all_pairs() -> None:
    population = Population(np.random.default_rng(10).normal(size=(4, 60)))
    flip = sp.flip(population)
    assert len(proofs(flip).pairs) == 59
    batch = pair_flip_distances(population.pairwise())
    assert flip.distance == pytest.approx(float(np.nanmin(batch)), abs=ALMOST)
    assert np.isfinite(flip.distance)


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.0, 1e-5])
def test_a_ranking_flip_of_two_thousand_options(margin: float) -> None:
    population = Population(np.random.default_rng(11).normal(size=(3, 2000)))
    flip = sp.flip(population, margin=margin, floor=margin)
    assert flip.pair is not None
    single = sp.flip(population, Pair(flip.pair[1], over=flip.pair[0]), margin=margin, floor=margin)
    assert single.distance == flip.distance == proof(single).check().lower
    # No float says that another pair is closer.
    scores = nbc(population)
    order = np.argsort(-scores)
    for step in (1, 2, 3):
        gains = population.pairwise()[order[step:]] - population.pairwise()[order[:-step]]
        distances = greedy_distances(gains, margin=margin, floor=margin)
        assert distances.min() >= flip.distance - AGREEMENT


@given(sampled(), st.sampled_from([0.0, 0.01]))
def test_a_ranking_flip_is_never_further_than_a_pair(
    drawn: tuple[Population, Floats], margin: float
) -> None:
    population, base = drawn
    flip = sp.flip(population, sampling=base, margin=margin)
    winner = sp.flip(population, Winner(), sampling=base, margin=margin)
    pairs = strict_pairs(population, base)
    assert math.isnan(flip.distance) == (not pairs)
    if pairs:
        assert flip.distance > 0
        assert flip.distance <= winner.distance + ALMOST
    for above, below in pairs:
        single = sp.flip(population, Pair(below, over=above), sampling=base, margin=margin)
        assert flip.distance <= single.distance + ALMOST


@given(sampled())
def test_the_top_one_flips_when_the_winner_does(drawn: tuple[Population, Floats]) -> None:
    population, base = drawn
    if len(ranking(nbc(population, base)).winners) == 1:
        one, winner = (
            sp.flip(population, TopK(1), sampling=base),
            sp.flip(population, Winner(), sampling=base),
        )
        assert one.distance == winner.distance
        assert one.pair == winner.pair


# Properties


@given(populations(), st.data())
def test_permuting_options_permutes_flips(population: Population, data: Any) -> None:
    base = data.draw(distributions(population.n_options))
    places = data.draw(st.permutations(range(population.n_options)))
    moved = permuted(population, places)
    for above, below in strict_pairs(population, base):
        flip = sp.flip(population, Pair(below, over=above), sampling=base, floor=1 / 128)
        other = sp.flip(
            moved,
            Pair(places.index(below), over=places.index(above)),
            sampling=base[places],
            floor=1 / 128,
        )
        # Sixty-fourths add up exactly in any order, so that both programs are the same.
        assert other.distance == flip.distance
        assert proof(other).check() == proof(flip).check()


@given(sampled(), st.data())
def test_a_constant_per_type_changes_no_flip(drawn: tuple[Population, Floats], data: Any) -> None:
    population, base = drawn
    count = population.n_types
    eighths = data.draw(st.lists(st.integers(-80, 80), min_size=count, max_size=count))
    rewards = population.rewards + np.array(eighths)[:, None] / 8
    moved = Population(rewards, population.shares, link=population.link)
    flip, same = sp.flip(population, sampling=base), sp.flip(moved, sampling=base)
    np.testing.assert_equal(same.distance, flip.distance)
    np.testing.assert_array_equal(same.mix, flip.mix)
    assert same.pair == flip.pair


@given(sampled(options=5), st.data())
def test_types_with_equal_rewards_are_one_type(drawn: tuple[Population, Floats], data: Any) -> None:
    population, base = drawn
    last = population.shares[-1] * data.draw(distributions(2))
    cloned = Population(
        np.vstack([population.rewards, population.rewards[-1:]]),
        [*population.shares[:-1], *last],
        link=population.link,
    )
    margin, rounding = 1e-3, 1e-14
    for above, below in strict_pairs(population, base):
        near, far = (
            sp.flip(
                population, Pair(below, over=above), sampling=base, margin=margin + change
            ).distance
            for change in (-rounding, rounding)
        )
        # Preferences differ by rounding, which is worth less than the change of the margin.
        assert (
            near
            <= sp.flip(cloned, Pair(below, over=above), sampling=base, margin=margin).distance
            <= far
        )


@given(sampled(options=5))
def test_asking_for_more_takes_more(drawn: tuple[Population, Floats]) -> None:
    population, base = drawn
    for above, below in strict_pairs(population, base):
        by_margin = [
            sp.flip(population, Pair(below, over=above), sampling=base, margin=m).distance
            for m in (0.0, 1e-5, 0.01, 0.1, 1.0)
        ]
        by_floor = [
            sp.flip(population, Pair(below, over=above), sampling=base, floor=f).distance
            for f in (0.0, 1e-5, 0.01, 0.1, 1 / population.n_options)
        ]
        assert by_margin == sorted(by_margin)
        assert by_floor == sorted(by_floor)
        assert by_margin[-1] == math.inf


@given(st.data(), st.integers(2, 6))
def test_a_homogeneous_population_never_flips(data: Any, size: int) -> None:
    rewards = data.draw(st.lists(st.integers(-8, 8), min_size=size, max_size=size))
    population = Population([np.array(rewards) / 4])
    flip = sp.flip(population, sampling=data.draw(distributions(size)))
    assert flip.distance == math.inf if len(set(rewards)) > 1 else math.isnan(flip.distance)


@given(populations(), st.data())
def test_what_everyone_prefers_is_never_overtaken(population: Population, data: Any) -> None:
    base = data.draw(distributions(population.n_options))
    present = population.shares > 0
    for above, below in strict_pairs(population, base):
        rewards = population.rewards[present]
        if (rewards[:, above] > rewards[:, below]).all():
            flip = sp.flip(population, Pair(below, over=above), sampling=base)
            assert flip.distance == math.inf


@given(sampled())
def test_at_the_infimum_the_two_are_level(drawn: tuple[Population, Floats]) -> None:
    population, base = drawn
    for above, below in strict_pairs(population, base):
        certificate = proof(sp.flip(population, Pair(below, over=above), sampling=base))
        if certificate.primal is not None:
            assert exact_gap(population, certificate.primal, above, below) == 0


@pytest.mark.parametrize("size", [5, 10, 13])
def test_a_floor_of_one_in_k_leaves_the_uniform_distribution(size: int) -> None:
    assert size * Fraction(1 / size) > 1  # unlike 4 * 0.25
    rng = np.random.default_rng(13)
    flips = 0
    for _ in range(20):
        population = Population(rng.normal(size=(3, size)) * [[0.5], [2.0], [8.0]])
        base = rng.dirichlet(np.ones(size))
        scores = nbc(population)
        reversed_there = [p for p in strict_pairs(population, base) if scores[p[0]] < scores[p[1]]]
        above, below = (reversed_there or strict_pairs(population, base))[0]
        options: dict[str, Any] = {"sampling": base, "floor": 1 / size}
        flip = sp.flip(population, Pair(below, over=above), **options)
        program = sp.flip(population, [Pair(below, over=above)], **options)
        assert proof(flip).check().upper == flip.distance
        assert agree(program.distance, flip.distance)
        assert flip.exists == bool(reversed_there)
        if flip.exists:
            flips += 1
            expected = total_variation(base, np.full(size, 1 / size))
            assert flip.distance == pytest.approx(expected, abs=1e-14)
    assert 1 <= flips < 20


# Ties


def test_a_tied_pair_has_no_distance(crowd: Population) -> None:
    for above, below in [("A", "B"), ("B", "A")]:
        flip = sp.flip(crowd, Pair(below, over=above))
        assert math.isnan(flip.distance)
        assert not flip.exists
        assert np.isnan(flip.mix).all()
        assert flip.ties == ((0, 2),)
        assert flip.pair is None
        assert flip.certificate is None
    assert np.isnan(pair_flip_distances(crowd.pairwise())[0, 2])
    assert np.isnan(pair_flip_distances(crowd.pairwise())[2, 0])


def test_a_tie_is_one_up_to_rounding() -> None:
    # NBC of the first two differs by about 2e-14.
    population = Population([[0, 1e-13, -1]])
    scores = nbc(population)
    assert 0 < scores[1] - scores[0] < ALMOST
    for above, below in [(0, 1), (1, 0)]:
        assert math.isnan(sp.flip(population, Pair(below, over=above)).distance)
        assert np.isnan(pair_flip_distances(population.pairwise())[above, below])
    assert sp.flip(population).ties == sp.flip(population, Winner()).ties == ((0, 1),)
    with refuses("k"):
        sp.flip(population, TopK(1))


@pytest.mark.parametrize("to", [None, Winner()])
@pytest.mark.parametrize("margin", [0.0, 1e-5])
def test_where_all_are_tied_there_is_nothing_to_flip(
    level: Population, to: Target | None, margin: float
) -> None:
    flip = sp.flip(level, to, margin=margin)
    assert math.isnan(flip.distance)
    assert flip.ties == ((0, 1, 2),)
    assert flip.certificate is None


@pytest.mark.parametrize("margin", [0.0, 1e-5])
def test_ties_are_stated_and_never_counted(margin: float) -> None:
    # The sampling example with its last option twice: c = d at any base.
    population = Population([[0, -1, -2, -2], [0, -2, 4, 4]], options=["a", "b", "c", "d"])
    base = [1 / 3, 1 / 3, 1 / 6, 1 / 6]
    flip = sp.flip(population, sampling=base, margin=margin)
    assert flip.ties == ((2, 3),)
    assert {(2, 3), (3, 2)}.isdisjoint(proofs(flip).pairs)
    assert {(0, 2), (0, 3)} <= set(proofs(flip).pairs)
    # Rounding of 1e-16 in the base, and for the margin at most 1e-5 over a gain of 0.05.
    assert flip.distance == pytest.approx(0.106697, abs=5e-7 + margin / 0.05)


def test_ties_for_the_winner_are_stated() -> None:
    # The sampling example with its first option twice.
    population = Population([[0, 0, -1, -2], [0, 0, -2, 4]], options=["a", "a'", "b", "c"])
    flip = sp.flip(population, Winner(), sampling=[1 / 6, 1 / 6, 1 / 3, 1 / 3])
    assert flip.ties == ((0, 1),)
    assert set(proofs(flip).pairs) == {(0, 2), (1, 2), (0, 3), (1, 3)}
    assert flip.pair in {(0, 3), (1, 3)}
    assert flip.distance == printed(0.106697, 6)


def test_a_tie_must_not_straddle_the_top_set(crowd: Population) -> None:
    with pytest.raises(InputError, match=r"^'k' .*'A' = 'B'"):
        sp.flip(crowd, TopK(2))
    tied_top = Population(crowd.rewards, link=Logistic(2.0))  # above the threshold: A = B > M
    assert sp.flip(tied_top, TopK(2)).ties == ((0, 2),)
    with refuses("k"):
        sp.flip(tied_top, TopK(1))


# In words


def test_a_flip_in_words(two_camps: Population, crowd: Population, level: Population) -> None:
    words = sp.flip(two_camps, Pair("c", over="a")).describe()
    assert words == (
        "'c' catches up with 'a' once draws of 'b' fall from 33.3% to 22.7%, "
        "draws of 'c' rise from 33.3% to 44.0%."
    )
    coarse = sp.flip(two_camps, Pair("c", over="a")).describe(threshold=0.2)
    assert coarse == "'c' catches up with 'a' once the draws change ever so slightly."
    never = sp.flip(two_camps, Pair("b", over="a")).describe()
    assert never == "No way of sampling the comparisons puts 'b' level with 'a'."
    way = "No way of sampling the comparisons"
    assert sp.flip(crowd, Winner()).describe() == f"{way} changes the winner."
    assert sp.flip(two_camps, TopK(2)).describe() == f"{way} changes the best 2."
    assert (
        sp.flip(two_camps, TopK(members=["b"])).describe() == f"{way} orders the options as asked."
    )
    assert sp.flip(crowd).describe() == f"{way} changes the ranking."
    top = sp.flip(two_camps, TopK(members=["c"])).describe()
    assert top.startswith("The options are ordered as asked once draws of 'b' fall from 33.3%")
    already = sp.flip(two_camps, TopK(members=["a"])).describe()
    assert already == "Nothing has to change: the options are ordered as asked at the base."
    tied = sp.flip(level).describe()
    assert tied == "Tied at the base distribution, so there is no order to change: 'x' = 'y' = 'z'."


# Refusals

FLIPS: dict[str, Callable[..., object]] = {
    "pair": lambda population, **options: sp.flip(population, Pair(2, over=0), **options),
    "ranking": sp.flip,
    "winner": lambda population, **options: sp.flip(population, Winner(), **options),
    "top k": lambda population, **options: sp.flip(population, TopK(1), **options),
    "greedy_distances": lambda population, **options: greedy_distances(
        population.pairwise()[2] - population.pairwise()[0], **options
    ),
    "pair_flip_distances": lambda population, **options: pair_flip_distances(
        population.pairwise(), **options
    ),
    "pairs": lambda population, **options: sp.flip(population, [Pair(2, over=0)], **options),
}

every_flip = pytest.mark.parametrize("flip_of", FLIPS.values(), ids=FLIPS.keys())


@every_flip
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sampling", [0.5, 0.5]),
        ("sampling", [0.5, 0.5, 0.5]),
        ("sampling", [1.5, -0.5, 0.0]),
        ("sampling", [math.nan, 0.5, 0.5]),
        ("sampling", "uniform"),
        ("sampling", [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]),
        ("margin", -1e-9),
        ("margin", 1.1),
        ("margin", math.nan),
        ("margin", None),
        ("floor", -1e-9),
        ("floor", 0.34),
        ("floor", math.nan),
        ("floor", "low"),
    ],
)
def test_limits_and_bases_must_be_in_range(
    two_camps: Population, flip_of: Callable[..., object], name: str, value: object
) -> None:
    with refuses(name):
        flip_of(two_camps, **{name: value})


@pytest.mark.parametrize("to", [None, Winner(), Pair(2, over=0), TopK(1)])
def test_a_flip_is_of_a_population(two_camps: Population, to: Target | None) -> None:
    others: list[Any] = [two_camps.pairwise(), Population, None, "crowd"]
    for other in others:
        with refuses("population"):
            sp.flip(other, to)


def test_a_labelled_base_is_put_into_the_order_of_the_options(two_camps: Population) -> None:
    labelled = pd.Series({"c": 0.2, "a": 0.5, "b": 0.3})
    by_either: list[Callable[[Any], Flip]] = [
        lambda base: sp.flip(two_camps, Pair("c", over="a"), sampling=base),
        lambda base: sp.flip(two_camps, [Pair("c", over="a")], sampling=base),
    ]
    for flip_of in by_either:
        flip = flip_of(labelled)
        np.testing.assert_allclose(flip.base, [0.5, 0.3, 0.2], atol=1e-15)
        assert flip.distance == flip_of([0.5, 0.3, 0.2]).distance
        with refuses("sampling"):
            flip_of(labelled.rename({"a": "z"}))


def test_a_pair_is_two_options_in_their_order(two_camps: Population) -> None:
    with refuses("over"):
        sp.flip(two_camps, Pair(0, over="a"))
    with refuses("to"):
        sp.flip(two_camps, Pair("a", over="c"))
    with refuses("option"):
        sp.flip(two_camps, Pair("d", over="a"))
    with refuses("option"):
        sp.flip(two_camps, Pair("a", over=3))


@pytest.mark.parametrize("k", [0, 3, -1, math.nan])
def test_k_must_leave_some_out(two_camps: Population, k: Any) -> None:
    with refuses("k"):
        sp.flip(two_camps, TopK(k))


@pytest.mark.parametrize("k", [1.5, "one", True, 1.0, None])
def test_k_must_be_a_whole_number(two_camps: Population, k: Any) -> None:
    with pytest.raises(InputError, match=r"^'k' must be (?!such that no tie)"):
        sp.flip(two_camps, TopK(k))


@pytest.mark.parametrize(
    "gains",
    [
        0.5,
        [0.5],
        np.empty((3, 0)),
        [0.5, math.nan],
        [0.5, -math.inf],
        [1e101, -1e101],
        [[0.5, 0.5], [0.5]],
        "some",
    ],
)
def test_gains_must_be_finite_numbers(gains: Any) -> None:
    with refuses("gains"):
        greedy_distances(gains)


@pytest.mark.parametrize(
    "matrix",
    [
        0.5,
        [0.5, 0.5],
        [[0.5]],
        [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]],
        [[0.5, math.nan], [0.5, 0.5]],
        [[0.5, 2.0], [-1.0, 0.5]],
        [[0.5, 0.5], [0.5]],
        "some",
    ],
)
def test_preferences_must_be_square(matrix: Any) -> None:
    with refuses("pairwise"):
        pair_flip_distances(matrix)


def test_bases_of_a_batch_must_fit_it() -> None:
    with refuses("sampling"):
        greedy_distances(np.zeros((4, 3)), np.full((5, 3), 1 / 3))
    with refuses("sampling"):
        greedy_distances(np.zeros((4, 3)), np.full((4, 3), 1 / 4))
    with refuses("sampling"):
        pair_flip_distances(np.full((4, 3, 3), 0.5), np.full((5, 3), 1 / 3))
    with refuses("sampling"):
        pair_flip_distances(np.full((4, 3, 3), 0.5), np.full((4, 4, 3), 1 / 3))


def test_bases_of_a_batch_must_be_of_one_length() -> None:
    with refuses("sampling"):
        greedy_distances(np.zeros((2, 2)), [[0.5, 0.5], [1.0]])


def test_neighbours_are_the_pairs_of_a_ranking(two_camps: Population) -> None:
    flip = sp.flip(two_camps)
    order = ranking(nbc(two_camps)).order
    assert set(proofs(flip).pairs) == set(pairwise(order))
    everything = sp.flip(two_camps, margin=1e-6)
    assert set(proofs(everything).pairs) == set(strict_pairs(two_camps))


# Three computations, side by side


def test_three_computations_agree_on_the_worked_examples(
    two_camps: Population, crowd: Population, level: Population
) -> None:
    found = agreement([two_camps, crowd, level])
    assert (found.populations, found.programs) == (2, 4)  # everything is tied in the last
    assert found.difference <= 1e-12
    assert found.passed
    assert found.describe().endswith(": pass")
    every = agreement([two_camps], margin=1e-3, floor=1e-3)
    assert (every.programs, every.passed) == (3, True)


@pytest.mark.parametrize(
    ("point", "difference"),
    [(np.array([0.2, -0.1, -0.1]) + 1 / 3, 0.2 - 0.106697), (None, math.inf)],
)
def test_a_disagreement_fails(
    two_camps: Population,
    monkeypatch: pytest.MonkeyPatch,
    point: Any,
    difference: float,
) -> None:
    monkeypatch.setattr("socialpref.flips.agreement.by_solver", lambda program: point)
    found = agreement([two_camps])
    assert found.difference == pytest.approx(difference, abs=5e-7)
    assert not found.passed
    assert found.describe().endswith(": FAIL")

"""Flips over shares: by hand, three computations of the same distance, and OpinionQA."""

import math
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import LinearConstraint

import socialpref as sp
from socialpref import AverageRewardOrder, Order, Pair, Population, TopK, Winner, nbc, ranking
from socialpref.flips import Certificate, Flip, LeastOf, Wasserstein
from socialpref.plots.theory import sampling_simplex
from tests.helpers import (
    AGREEMENT,
    Floats,
    agree,
    distances_by_linprog,
    nearest_by_linprog,
    printed,
    refuses,
    total_variation,
)
from tests.survey_files import DATA, real

SCORES = ["nbc", "average reward"]


def scores_by_type(population: Population, score: str, sampling: Any = None) -> Any:
    """Return every type's own scores, as the scores of a population of that type alone."""
    if score == "average reward":
        return population.rewards
    return np.array([nbc(Population([row]), sampling) for row in population.rewards])


def limits_of(score: str, sampling: Any) -> dict[str, Any]:
    return {"over": "shares", "score": score} | ({"sampling": sampling} if score == "nbc" else {})


# By hand


def test_average_reward_by_hand(two_camps: Population) -> None:
    # Average rewards 0, -3/2 and 1. c leads a by 4 w - 2 (1 - w) with w the second type's share,
    # which is 0 at w = 1/3; a leads b by 1 + w, always.
    found = sp.flip(two_camps, over="shares", score="average reward")
    assert found.distance == pytest.approx(1 / 6, abs=1e-16)
    assert found.pair == (2, 0)
    np.testing.assert_allclose(found.mix, [2 / 3, 1 / 3], atol=1e-16)
    np.testing.assert_array_equal(found.base, [0.5, 0.5])
    assert found.prove().width == 0.0
    never = sp.flip(two_camps, Pair("b", over="a"), over="shares", score="average reward")
    assert never.distance == math.inf
    # With margin 1/2, a must lead c by 1/2: w = 1/4.
    options: dict[str, Any] = {"over": "shares", "score": "average reward"}
    assert sp.flip(two_camps, margin=0.5, **options).distance == pytest.approx(0.25, abs=1e-16)
    assert sp.flip(two_camps, margin=0.5, floor=0.3, **options).distance == math.inf


def test_nbc_by_hand() -> None:
    # The first type always prefers the first option (up to 1e-17), the second with 1/6. Half of
    # the comparisons are of an option with itself: NBC is (3/4, 1/4) and (1/3, 2/3).
    population = Population([[40.0, 0.0], [0.0, math.log(5.0)]])
    found = sp.flip(population, over="shares")
    # Gains of the second: -1/2 and 1/3. At half each they lack 1/12, and 5/6 of what moves is won.
    assert found.distance == pytest.approx(1 / 10, abs=1e-15)
    assert sp.flip(population).distance == math.inf
    assert found.describe() == (
        "'option 2' catches up with 'option 1' once the share of 'type 1' falls from 50.0% to "
        "40.0%, the share of 'type 2' rises from 50.0% to 60.0%."
    )
    table = found.to_frame()
    assert table["label"].tolist() == ["type 1", "type 2"]
    np.testing.assert_allclose(table["change"], [-0.1, 0.1], atol=1e-15)
    # If comparisons are with the first option only, its own NBC is 1/2: the gains are the same.
    skewed = sp.flip(population, over="shares", sampling=[1.0, 0.0])
    assert skewed.distance == pytest.approx(1 / 10, abs=1e-15)


def test_shares_in_words(two_camps: Population, level: Population) -> None:
    never = sp.flip(two_camps, Pair("b", over="a"), over="shares")
    assert never.describe() == "No change of the types' shares puts 'b' level with 'a'."
    assert "Tied" in sp.flip(level, over="shares").describe()
    order = sp.flip(two_camps, Order(["c", "a", "b"]), over="shares").describe()
    assert order.startswith("The options are ordered as asked once the share of 'type 1' falls")


def test_one_type_alone_never_flips() -> None:
    assert sp.flip(Population([[2, 1, 0]]), over="shares").distance == math.inf
    assert sp.flip(Population([[2, 1, 0]]), Order([1, 0, 2]), over="shares").distance == math.inf


def test_the_average_reward_does_not_depend_on_the_sampling(two_camps: Population) -> None:
    with refuses("score"):
        sp.flip(two_camps, score="average reward")
    with refuses("sampling"):
        sp.flip(two_camps, over="shares", score="average reward", sampling=[0.5, 0.25, 0.25])
    with refuses("shares"):
        missing = Population(two_camps.rewards, [1.0, 0.0])
        sp.flip(missing, over="shares", divergence="kl")
    with refuses("divergence"):
        sp.flip(two_camps, over="shares", divergence=Wasserstein([1, 2, 3]))


def test_rewards_of_any_size() -> None:
    for scale in (1e-200, 1.0, 1e299):
        population = Population(np.array([[0, -1, -2], [0, -2, 4]]) * scale)
        if scale < 1e-12:  # tied up to rounding
            assert math.isnan(sp.flip(population, over="shares", score="average reward").distance)
            continue
        found = sp.flip(population, over="shares", score="average reward")
        assert found.distance == pytest.approx(1 / 6, abs=1e-15)
        assert found.prove().width == 0.0


# Three computations


class Gains(NamedTuple):
    """The program of one pair."""

    gains: Floats
    base: Floats
    margin: float
    floor: float


@pytest.mark.parametrize("score", SCORES)
def test_closed_form_linprog_and_certificate_agree(score: str) -> None:
    rng = np.random.default_rng(71)
    flips: list[tuple[Flip, list[tuple[int, int]]]] = []
    programs: list[Gains] = []
    for i in range(200):
        types, size = int(rng.integers(2, 7)), int(rng.integers(2, 7))
        rewards = rng.normal(size=(types, size)) * rng.choice([0.5, 2.0, 8.0], size=(types, 1))
        population = Population(rewards, rng.dirichlet(np.ones(types)))
        drawn = rng.dirichlet(np.ones(size)) if i % 2 else None
        margin, floor = [(0.0, 0.0), (1e-5, 1e-5), (0.02, 0.03)][i % 3]
        found = sp.flip(population, margin=margin, floor=floor, **limits_of(score, drawn))
        proven = found.prove()
        assert proven.lower == found.distance == proven.upper
        each = scores_by_type(population, score, drawn)
        scores = population.shares @ each
        pairs = [(a, b) for a in range(size) for b in range(size) if scores[a] > scores[b]]
        flips.append((found, pairs))
        programs += [
            Gains(each[:, b] - each[:, a], population.shares, margin, floor) for a, b in pairs
        ]
        if found.pair is not None:
            above, below = found.pair
            reached = found.mix @ each
            assert reached[below] - reached[above] >= margin - 1e-12
            moved = total_variation(found.mix, population.shares)
            assert moved == pytest.approx(found.distance, abs=1e-14)
    solved = iter(
        distance
        for start in range(0, len(programs), 100)
        for distance in distances_by_linprog(programs[start : start + 100])
    )
    for found, pairs in flips:
        distances = {pair: next(solved) for pair in pairs}
        assert agree(found.distance, min(distances.values()))
        assert found.pair is None or agree(found.distance, distances[found.pair])
    assert 100 <= sum(found.exists for found, _ in flips) < 200


@pytest.mark.parametrize("score", SCORES)
def test_convex_programs_agree(score: str) -> None:
    rng = np.random.default_rng(72)
    for _ in range(4):
        population = Population(rng.normal(size=(4, 4)) * 2, rng.dirichlet(np.full(4, 4.0)))
        options = limits_of(score, None)
        free = LinearConstraint(np.eye(4), 0, 1)  # which every distribution meets
        for to in (None, Winner(), TopK(2)):
            closed = sp.flip(population, to, **options)
            program = sp.flip(population, to, constraints=free, **options)
            assert agree(closed.distance, program.distance)
            assert closed.pair == program.pair
            assert isinstance(program.certificate, LeastOf)
            assert program.prove().upper == program.distance
        order = ranking(rng.dirichlet(np.ones(4)) @ scores_by_type(population, score)).order
        arranged = sp.flip(population, Order(order), **options)
        assert isinstance(arranged.certificate, Certificate)
        each = scores_by_type(population, score)
        rows = np.array([each[:, y] - each[:, z] for y, z in pairwise(order)])
        assert agree(
            arranged.distance,
            nearest_by_linprog(rows, np.zeros(3), population.shares, 0.0).upper,
        )


def test_the_average_reward_order_is_that_at_the_base(two_camps: Population) -> None:
    given = sp.flip(two_camps, AverageRewardOrder(), over="shares", score="average reward")
    assert given.distance == 0.0
    reached = sp.flip(two_camps, AverageRewardOrder(), over="shares")
    assert reached.distance == pytest.approx(sp.flip(two_camps, over="shares").distance, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 1e6, 1e20])
def test_programs_in_any_unit_of_reward(two_camps: Population, scale: float) -> None:
    population = Population(two_camps.rewards * scale, options=two_camps.options)
    options: dict[str, Any] = {"over": "shares", "score": "average reward"}
    for to in (Order(["a", "c", "b"]), [Pair("a", over="c")]):
        assert sp.flip(population, to, **options).distance == pytest.approx(1 / 6, abs=AGREEMENT)
    # The one and the other at once leaves the level shares only.
    both = sp.flip(population, [Pair("a", over="c"), Pair("c", over="a")], **options)
    np.testing.assert_allclose(both.mix, [2 / 3, 1 / 3], atol=AGREEMENT)


@pytest.mark.parametrize("divergence", ["tv", "chi2"])
def test_a_flip_can_be_sent_to_another_process(two_camps: Population, divergence: str) -> None:
    found = sp.flip(two_camps, over="shares", divergence=divergence)
    proven = found.prove()
    again = pickle.loads(pickle.dumps(found))
    assert again.prove() == proven
    assert again.describe() == found.describe()


def test_the_simplex_of_mixes_shows_no_shares(two_camps: Population) -> None:
    with refuses("flip"):
        sampling_simplex(two_camps, sp.flip(two_camps, over="shares"))


# Other distances of rankings, which have no closed form


@pytest.mark.parametrize("divergence", ["chi2", "kl", Wasserstein([1, 2, 4])])
def test_minima_over_pairs_in_other_distances(two_camps: Population, divergence: Any) -> None:
    single = sp.flip(two_camps, [Pair("c", over="a")], divergence=divergence)
    for to in (None, Winner(), TopK(1), Pair("c", over="a")):
        found = sp.flip(two_camps, to, divergence=divergence)
        assert found.distance == single.distance
        assert found.pair == (0, 2)
        assert found.prove().upper == found.distance
    never = sp.flip(two_camps, TopK(2), divergence=divergence)
    assert never.distance == never.prove().lower == math.inf
    assert np.isnan(never.mix).all()


def test_a_minimum_of_ties_is_one_in_every_distance(level: Population) -> None:
    found = sp.flip(level, divergence="kl")
    assert math.isnan(found.distance)
    assert found.ties == ((0, 1, 2),)
    assert found.certificate is None


# OpinionQA, by party


@pytest.mark.slow
@real
def test_opinionqa_by_party() -> None:
    from socialpref.surveys import Protocol, read_opinionqa, study

    assert DATA is not None
    result = study(read_opinionqa(Path(DATA) / "opinionqa", groups="party"), Protocol())
    found = [each.finding for each in result.results if each.finding is not None]
    assert len(found) == 479
    mix = np.array([finding.flip.distance for finding in found])
    expected = {"nbc": (0.1255, 94, 160), "average reward": (0.1326, 86, 157)}
    for score, (middle, near, nearer) in expected.items():
        shares = np.array(
            [
                sp.flip(finding.population, over="shares", score=score).distance  # type: ignore[arg-type]
                for finding in found
            ]
        )
        finite = shares[np.isfinite(shares)]
        assert (len(shares), len(finite)) == (479, 375)
        assert float(np.median(finite)) == printed(middle, 4)
        assert ((finite <= 0.05).sum(), (finite <= 0.1).sum()) == (near, nearer)
        if score == "nbc":
            both = np.isfinite(mix)
            assert both.sum() == 92
            assert (shares[both] < mix[both]).all()

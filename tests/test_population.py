"""Links and populations: the worked numbers of the theory, properties, refusals."""

import dataclasses
import math
import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialpref import Link, Logistic, Population, Probit, nbc
from socialpref.links import preferences
from tests.helpers import LINKS, Floats, distributions, populations, printed, refuses, sampled

ROUNDING = 1e-14
"""Sums of a dozen products of numbers up to 1: a few dozen units of 1.1e-16."""


def logit(p: float) -> float:
    return math.log(p / (1 - p))


# Links


@pytest.mark.parametrize(
    ("link", "gap", "probability"),
    [
        (Logistic(), 1.0, 0.7310585786300049),  # 1 / (1 + 1/e)
        (Logistic(), math.log(3), 0.75),
        (Logistic(2.0), 2 * math.log(3), 0.75),
        (Probit(), 1.0, 0.8413447460685429),  # tables of the normal distribution
        (Probit(), 1.959963984540054, 0.975),
        (Probit(0.5), 0.5, 0.8413447460685429),
    ],
)
def test_links_have_their_known_values(link: Link, gap: float, probability: float) -> None:
    assert float(link(gap)) == pytest.approx(probability, rel=1e-14)
    assert float(link(-gap)) == pytest.approx(1 - probability, rel=1e-13)


@given(st.sampled_from(LINKS), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_links_are_antisymmetric_and_increasing(link: Link, x: float, y: float) -> None:
    assert link(x) + link(-x) == pytest.approx(1.0, abs=4e-16)
    assert link(0.0) == 0.5
    assert link(min(x, y)) <= link(max(x, y))


@pytest.mark.parametrize("link", LINKS)
def test_links_saturate_without_a_warning(link: Link) -> None:
    np.testing.assert_array_equal(link([-1e6, 1e6]), [0.0, 1.0])


def test_a_link_keeps_the_shape_of_its_gaps() -> None:
    for link in LINKS:
        assert link(np.zeros((2, 3, 4))).shape == (2, 3, 4)


@pytest.mark.parametrize("kind", [Logistic, Probit])
@pytest.mark.parametrize("temperature", [0, -1.0, math.nan, math.inf, "warm", None])
def test_a_temperature_must_be_a_positive_number(kind: Any, temperature: Any) -> None:
    with refuses("temperature"):
        kind(temperature)


# Worked numbers: sections 1, 2 and 4 of the theory


@pytest.mark.parametrize("kind", [Logistic, Probit])
def test_a_temperature_is_kept_as_a_float(kind: Any) -> None:
    for temperature in (Fraction(1, 2), np.float32(0.5)):
        assert type(kind(temperature).temperature) is float
        assert kind(temperature) == kind(0.5)
        np.testing.assert_array_equal(kind(temperature)([0.0, 1.0]), kind(0.5)([0.0, 1.0]))


def test_a_mixture_of_bradley_terry_models_is_not_one() -> None:
    P = Population([[0, 1, 3], [0, -2, 1]]).pairwise()
    assert P[1, 0] == printed(0.42513, 5)
    assert P[2, 1] == printed(0.91669, 5)
    assert P[2, 0] == printed(0.84182, 5)
    assert logit(P[1, 0]) + logit(P[2, 1]) - logit(P[2, 0]) == printed(0.42459, 5)


def test_one_type_is_a_bradley_terry_model() -> None:
    P = Population([[0, 1, 3]]).pairwise()
    # Three logits of about 1 to 3, each amplifying rounding by at most 1 / (p (1 - p)) < 23.
    assert logit(P[1, 0]) + logit(P[2, 1]) - logit(P[2, 0]) == pytest.approx(0, abs=1e-14)


def test_mediocre_winner(crowd: Population) -> None:
    assert crowd.mean_rewards() == printed([1.3333, 1.1667, 1.3333], 4)
    assert crowd.pairwise()[1, 0] == printed(0.53202, 5)
    assert crowd.pairwise()[1, 2] == printed(0.53202, 5)
    assert crowd.pairwise()[0, 2] == pytest.approx(0.5, abs=ROUNDING)


def test_anonymous_data_cannot_tell_two_populations_with_opposite_optima_apart() -> None:
    mixed = Population([[1, 0], [-3, 0]], [0.7, 0.3])
    assert mixed.pairwise()[0, 1] == printed(0.525969, 6)
    assert mixed.mean_rewards() == pytest.approx([-0.2, 0.0], abs=ROUNDING)
    gap = logit(mixed.pairwise()[0, 1])
    assert gap == printed(0.103969, 6)
    alike = Population([[gap, 0]])
    np.testing.assert_allclose(alike.pairwise(), mixed.pairwise(), atol=ROUNDING, rtol=0)
    assert alike.mean_rewards()[0] > alike.mean_rewards()[1]


# Properties


@given(populations(types=6, options=8))
def test_two_options_share_each_comparison(population: Population) -> None:
    P = population.pairwise()
    np.testing.assert_allclose(P + P.T, 1.0, atol=ROUNDING, rtol=0)
    np.testing.assert_allclose(np.diag(P), 0.5, atol=ROUNDING, rtol=0)
    assert ((P >= 0) & (P <= 1 + ROUNDING)).all()


@given(populations(), st.data())
def test_a_constant_per_type_changes_no_preference(population: Population, data: Any) -> None:
    eighths = st.lists(
        st.integers(-80, 80), min_size=population.n_types, max_size=population.n_types
    )
    constants = np.array(data.draw(eighths)) / 8
    moved = Population(
        population.rewards + constants[:, None], population.shares, link=population.link
    )
    # Gaps of eighths are exact, so that not even a bit may differ.
    np.testing.assert_array_equal(moved.pairwise(), population.pairwise())


@given(populations(), st.data())
def test_types_with_equal_rewards_are_one_type(population: Population, data: Any) -> None:
    split = data.draw(distributions(2))
    last = population.shares[-1] * split
    cloned = Population(
        np.vstack([population.rewards, population.rewards[-1:]]),
        [*population.shares[:-1], *last],
        link=population.link,
    )
    np.testing.assert_allclose(cloned.pairwise(), population.pairwise(), atol=ROUNDING, rtol=0)
    np.testing.assert_allclose(
        cloned.mean_rewards(), population.mean_rewards(), atol=ROUNDING, rtol=0
    )


@given(populations(), st.data())
def test_the_order_of_the_types_does_not_matter(population: Population, data: Any) -> None:
    places = data.draw(st.permutations(range(population.n_types)))
    shuffled = Population(
        population.rewards[places], population.shares[places], link=population.link
    )
    np.testing.assert_allclose(shuffled.pairwise(), population.pairwise(), atol=ROUNDING, rtol=0)


@given(st.data(), st.integers(2, 6))
def test_one_type_chooses_by_luces_rule(data: Any, size: int) -> None:
    choices = data.draw(distributions(size, positive=True))
    P = Population.from_choice_shares([choices], smoothing=0.0).pairwise()
    expected = choices[:, None] / (choices[:, None] + choices[None, :])
    np.testing.assert_allclose(P, expected, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("link", LINKS)
def test_preferences_of_many_populations_at_once(link: Link) -> None:
    rng = np.random.default_rng(51)
    rewards, shares = rng.normal(size=(2, 3, 4, 5)), rng.dirichlet(np.ones(4), size=(2, 3))
    batch = preferences(rewards, shares, link)
    assert batch.shape == (2, 3, 5, 5)
    for i, j in np.ndindex(2, 3):
        single = Population(rewards[i, j], shares[i, j], link=link).pairwise()
        np.testing.assert_allclose(batch[i, j], single, atol=ROUNDING, rtol=0)


# The object


def test_rewards_from_choice_shares() -> None:
    population = Population.from_choice_shares(
        [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], [0.75, 0.25], options=["a", "b", "c"]
    )
    third = math.log(2) / 3
    tiny = math.log(1e-15)  # about -34.5; centring takes off two thirds of it
    expected = [[2 * third, -third, -third], [-2 * tiny / 3, tiny / 3, tiny / 3]]
    np.testing.assert_allclose(population.rewards, expected, atol=1e-13, rtol=0)
    assert population.shares.tolist() == [0.75, 0.25]
    assert population.options == ("a", "b", "c")


def test_smoothing_moves_only_what_is_small() -> None:
    rewards = Population.from_choice_shares([[0.9, 0.1, 0.0]], smoothing=0.1).rewards[0]
    expected = np.log([1.0, 0.2, 0.1]) - np.log([1.0, 0.2, 0.1]).mean()
    np.testing.assert_allclose(rewards, expected, atol=ROUNDING, rtol=0)


def test_any_link_can_be_used() -> None:
    def cauchy(gap: Any) -> Floats:
        return np.asarray(0.5 + np.arctan(gap) / np.pi)

    assert Population([[1, 0]], link=cauchy).pairwise()[0, 1] == pytest.approx(0.75, abs=1e-15)


def test_defaults_and_labels() -> None:
    population = Population([[1, 2, 3], [3, 2, 1]], types=["old", "young"])
    assert population.shares.tolist() == [0.5, 0.5]
    assert population.types == ("old", "young")
    assert population.options == ("option 1", "option 2", "option 3")
    assert Population([[1, 2]]).types == ("type 1",)
    assert (population.n_types, population.n_options) == (2, 3)
    last: list[Any] = ["option 3", 2, np.int64(2)]
    assert [population.index(option) for option in last] == [2, 2, 2]


def test_a_population_does_not_change() -> None:
    rewards = np.array([[1.0, 2.0]])
    population = Population(rewards)
    rewards[0, 0] = 99.0
    assert population.rewards.tolist() == [[1.0, 2.0]]
    for array in (population.rewards, population.shares, population.pairwise()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        population.shares = np.ones(1)  # type: ignore[misc]


def test_shares_off_by_rounding_are_rescaled() -> None:
    population = Population([[1, 2], [2, 1]], [0.3333333, 0.6666666])
    assert population.shares.sum() == pytest.approx(1.0, abs=1e-15)
    assert population.shares[1] == pytest.approx(2 * population.shares[0], rel=1e-15)


@given(sampled())
def test_nbc_at_one_option_is_the_duel_with_it(pair: tuple[Population, Floats]) -> None:
    population, _ = pair
    for z, corner in enumerate(np.eye(population.n_options)):
        np.testing.assert_array_equal(nbc(population, corner), population.pairwise()[:, z])


# Refusals


@pytest.mark.parametrize(
    "rewards",
    [
        [1.0, 2.0],
        [[[1.0, 2.0]]],
        [[1.0]],
        np.empty((0, 3)),
        np.empty((2, 0)),
        [[1.0, math.nan]],
        [[1.0, math.inf]],
        [[1.0, 2.0], [1.0]],
        [["much", "little"]],
        None,
    ],
)
def test_rewards_must_be_a_finite_matrix(rewards: Any) -> None:
    with refuses("rewards"):
        Population(rewards)


@pytest.mark.parametrize(
    "shares",
    [
        [0.5, 0.6],
        [0.5, 0.4],
        [1.5, -0.5],
        [math.nan, 1.0],
        [1.0],
        [0.5, 0.25, 0.25],
        [[0.5, 0.5]],
        "half",
    ],
)
def test_shares_must_be_a_distribution_over_the_types(shares: Any) -> None:
    with refuses("shares"):
        Population([[1, 2], [2, 1]], shares)


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"], ["a", "a"]])
def test_labels_must_be_distinct_and_enough(labels: list[str]) -> None:
    with refuses("options"):
        Population([[1, 2], [2, 1]], options=labels)
    with refuses("types"):
        Population([[1, 2], [2, 1]], types=labels)


@pytest.mark.parametrize("option", [-1, 3, "d", "", math.nan])
def test_an_option_must_exist(two_camps: Population, option: Any) -> None:
    with refuses("option"):
        two_camps.index(option)


@pytest.mark.parametrize("option", [1.5, None])
def test_an_option_is_a_position_or_a_label(two_camps: Population, option: Any) -> None:
    with refuses("option"):
        two_camps.index(option)


def test_a_link_must_be_callable() -> None:
    with refuses("link"):
        Population([[1, 2]], link="logistic")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "choices", [[0.5, 0.5], [[0.5, 0.4]], [[1.5, -0.5]], [[math.nan, 1.0]], "many"]
)
def test_choice_shares_must_be_distributions(choices: Any) -> None:
    with refuses("choice_shares"):
        Population.from_choice_shares(choices)


@pytest.mark.parametrize("smoothing", [0.0, -1e-15, math.nan, math.inf, "a bit"])
def test_smoothing_must_be_positive_for_empty_cells(smoothing: Any) -> None:
    with refuses("smoothing"):
        Population.from_choice_shares([[1.0, 0.0]], smoothing=smoothing)


def test_shares_that_sum_to_a_little_more_than_one_are_fine() -> None:
    rng = np.random.default_rng(0)
    for size in range(2, 60):
        shares = rng.dirichlet(np.ones(size))
        decisive = Population(np.tile([1000.0, 0.0], (size, 1)), shares)
        assert decisive.pairwise()[0, 1] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    "rewards",
    [
        np.array([[np.longdouble("1e4000"), 0]]),
        [[np.longdouble("1e4000"), 0]],
        np.array([[np.longdouble("1e4000"), 0]], dtype=object),
        [[10**400, 0]],
        [[1.0, 2.0], [3.0, np.ma.masked]],
        [([1.0, 2.0], [3.0, np.ma.masked])],
    ],
    ids=["long", "a list", "objects", "an integer", "masked", "masked deeper"],
)
def test_what_no_float_holds_is_refused_without_a_warning(rewards: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with refuses("rewards"):
            Population(rewards)

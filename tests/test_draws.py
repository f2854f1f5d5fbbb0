"""Draws of a population: the same numbers as one population at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialpref import (
    DPO,
    ConvergenceError,
    Draws,
    InputError,
    Link,
    Logistic,
    Population,
    Probit,
    RewardAveraging,
    average_reward,
    nbc,
    optimal_policy,
)
from socialpref.inference import interval_of, intervals_of

CROWD = Population([[0, -1, -2], [0, -2, 4]], [0.5, 0.5], options=["A", "B", "C"])
LINKS: list[Link] = [Logistic(), Logistic(0.5), Probit()]


@st.composite
def drawn(draw: st.DrawFn) -> Population:
    """Draw a population with up to four draws."""
    n_draws, n_types, n_options = (draw(st.integers(low, 4)) for low in (1, 1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    crowd = Population(
        rng.normal(0, 2, (n_types, n_options)),
        rng.dirichlet(np.ones(n_types)),
        link=draw(st.sampled_from(LINKS)),
    )
    return crowd.with_draws(
        crowd.rewards + rng.normal(0, 1, (n_draws, n_types, n_options)),
        rng.dirichlet(np.ones(n_types), n_draws),
    )


@given(drawn(), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_draws_at_once_are_populations_one_by_one(crowd: Population, seed: int) -> None:
    draws, each = crowd.draws, crowd.drawn()
    assert draws is not None
    rng = np.random.default_rng(seed)
    bases = rng.dirichlet(np.ones(crowd.n_options), len(draws))
    one_base = [nbc(one, bases[0]) for one in each]
    np.testing.assert_allclose(nbc(draws, bases[0]), one_base, atol=1e-14)
    own_base = [nbc(one, base) for one, base in zip(each, bases, strict=True)]
    np.testing.assert_allclose(nbc(draws, bases), own_base, atol=1e-14)
    means = [average_reward(one) for one in each]
    np.testing.assert_allclose(average_reward(draws), means, atol=1e-13)
    for limit in (DPO().limit, RewardAveraging().limit):
        alone = [limit(one, sampling=bases[0], beta=0.5).policy for one in each]
        found = [one.policy for one in limit(draws, sampling=bases[0], beta=0.5)]
        np.testing.assert_allclose(found, alone, atol=1e-12)


def test_draws_keep_labels_and_shares() -> None:
    crowd = CROWD.with_draws(np.zeros((5, 2, 3)))
    assert crowd.draws is not None
    assert crowd.draws.options == ("A", "B", "C")
    np.testing.assert_array_equal(crowd.draws.shares, np.full((5, 2), 0.5))
    np.testing.assert_array_equal(crowd.rewards, CROWD.rewards)
    assert len(crowd.draws) == len(crowd.drawn()) == 5


@pytest.mark.parametrize(
    ("draws", "what"),
    [
        (Draws(np.zeros((4, 3, 3)), options=["A", "B", "C"]), "types"),
        (Draws(np.zeros((4, 2, 3)), options=["A", "C", "B"]), "options"),
        (Draws(np.zeros((4, 2, 3)), options=["A", "B", "C"], link=Probit()), "link"),
        (np.zeros((4, 2, 3)), "Draws or None"),
    ],
)
def test_draws_of_another_population_are_refused(draws: Draws, what: str) -> None:
    with pytest.raises(InputError, match=f"'draws' must be .*{what}"):
        Population(CROWD.rewards, options=["A", "B", "C"], draws=draws)


def test_bad_draws_are_refused() -> None:
    with pytest.raises(InputError, match=r"'rewards' must be of shape \(draws, 2, 3\)"):
        CROWD.with_draws(np.zeros((5, 2, 4)))
    with pytest.raises(InputError, match="'shares' must be shares that sum to 1"):
        Draws(np.zeros((1, 2, 3)), [[0.5, 0.6]])
    with pytest.raises(InputError, match=r"'shares' must be of shape \(1, 2\)"):
        Draws(np.zeros((1, 2, 3)), [[1.0]])
    with pytest.raises(InputError, match="'rewards' must be of shape"):
        Draws(np.zeros((0, 2, 3)))
    with pytest.raises(InputError, match=r"'rewards' must be .* finite"):
        Draws([[[0.0, math.nan]]])
    with pytest.raises(InputError, match="'samples' must be True or False"):
        Draws(np.zeros((1, 2, 3)), samples=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="must have draws"):
        CROWD.drawn()


@pytest.mark.parametrize("sampling", ["uniform", [[0.5, 0.5]], [[1.0], [0.5, 0.5]], [0.5, 0.6, 0]])
def test_bad_sampling_of_draws_is_refused(sampling: object) -> None:
    draws = Draws(np.zeros((2, 1, 3)))
    with pytest.raises(InputError, match="'sampling' must be"):
        nbc(draws, sampling)  # type: ignore[arg-type]


def test_percentiles_are_for_samples() -> None:
    values = [0.1, 0.2, math.inf]
    samples, jackknife = (Draws(np.zeros((3, 1, 2)), samples=s) for s in (True, False))
    assert interval_of(samples, values, 0.9).high == math.inf
    with pytest.raises(InputError, match="'draws' must be samples"):
        interval_of(jackknife, values)
    with pytest.raises(InputError, match="'values' must be one number for each draw"):
        interval_of(samples, values[:2])


def test_the_interval_of_a_limit() -> None:
    # The odds of the first option are exp(gap): with gaps 0, 1, ..., 10 the policy is s(gap).
    draws = Draws([[[gap, 0.0]] for gap in range(11)], options=["A", "B"])
    for limits in (DPO().limit(draws), optimal_policy(draws)):
        assert {limit.options for limit in limits} == {("A", "B")}
        first, second = intervals_of(draws, [limit.policy for limit in limits], 0.8)
        assert (first.low, first.high) == pytest.approx(Logistic()([1.0, 9.0]))
        assert (second.low, second.high) == pytest.approx(Logistic()([-9.0, -1.0]))
    with pytest.raises(InputError, match="'values' must be a row of numbers for each draw"):
        intervals_of(draws, [0.5] * 11)


def test_policies_that_rounding_decides_are_refused() -> None:
    nearly = Draws([[[1.0, 0.0]], [[1.0, 1.0 + 4e-16]]])
    with pytest.raises(ConvergenceError, match="at beta 1e-16"):
        optimal_policy(nearly, beta=1e-16)

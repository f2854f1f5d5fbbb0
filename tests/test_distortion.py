"""Metrics of policies, and certified distortion."""

from collections.abc import Callable
from itertools import product

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from socialpref import DPO, InputError, Population
from socialpref.examples import mediocre_winner, two_camps
from socialpref.limits import NoisyLottery, metrics, optimal_policy
from socialpref.theory import distortion_bound, least_distorted_policy

CROWD = mediocre_winner()


def test_metrics_of_dpo_on_the_mediocre_winner() -> None:
    found = metrics(CROWD, DPO().limit(CROWD).policy)
    values = found.to_frame()["value"].tolist()
    right = [1.272931, 0.009751, 2.362416, 0.283471, 1.047452, 0.065038]
    assert values == pytest.approx(right, abs=6e-7)


def test_metrics_by_hand() -> None:
    # Gains over the worst option: (2, 1, 0) and (0, 2, 1); the largest range is 2.
    population = Population([[1, 0, -1], [-1, 1, 0]], [0.25, 0.75])
    found = metrics(population, [0.5, 0.5, 0.0])
    assert found.average_reward == pytest.approx(0.125)
    assert found.worst_regret == pytest.approx(1.0)
    assert found.nash_welfare == pytest.approx((1.5 / 2) ** 0.25 * (1.0 / 2) ** 0.75)
    assert found.distortion == pytest.approx(1.75 / 1.125)
    best = optimal_policy(population, beta=0.5, reference=[0.2, 0.3, 0.5])
    at_best = metrics(population, best.policy, beta=0.5, reference=[0.2, 0.3, 0.5])
    assert at_best.regularised_gap == pytest.approx(0.0, abs=1e-15)
    assert at_best.distance_to_optimum == 0.0


def test_policies_that_give_somebody_nothing() -> None:
    population = Population([[1, 0], [0, 1]])
    found = metrics(population, [1.0, 0.0])
    assert (found.nash_welfare, found.distortion) == (0.0, 1.0)
    alone = metrics(Population([[1.0, 0.0]]), [0.0, 1.0])
    assert alone.distortion == np.inf


@pytest.mark.parametrize(
    ("policy", "right"),
    [
        ([1 / 3, 1 / 3, 1 / 3], 3.0),
        (DPO().limit(CROWD).policy, 2.7593),
        (NoisyLottery().limit(CROWD).policy, 1.5488),
    ],
)
def test_distortion_on_the_mediocre_winner(policy: list[float], right: float) -> None:
    found = distortion_bound(CROWD, policy, bound=4, step=0.25)
    assert found.distortion == pytest.approx(right, abs=6e-5)
    assert found.upper == pytest.approx(found.distortion, abs=1e-9)
    # The population is one with these preferences and this distortion.
    assert found.population.pairwise() == pytest.approx(CROWD.pairwise(), abs=1e-9)
    assert metrics(found.population, policy).distortion == pytest.approx(found.distortion)


def test_the_instance_optimal_policy() -> None:
    found = least_distorted_policy(CROWD, bound=4, step=0.25)
    assert found.policy == pytest.approx([0.159, 0.682, 0.159], abs=6e-4)
    assert found.distortion == pytest.approx(1.4658, abs=6e-5)


def test_distortion_by_cvxpy_on_another_grid() -> None:
    camps, pi = two_camps(), np.array([0.5, 0.2, 0.3])
    types = np.array([u for u in product([0.0, 2.0, 4.0, 6.0], repeat=3) if min(u) == 0])
    types = np.vstack([types, camps.rewards - camps.rewards.min(axis=1, keepdims=True)])
    P = camps.pairwise()
    values = []
    for y in range(3):
        v = cp.Variable(len(types), nonneg=True)
        rules = [(types @ pi) @ v == 1]
        for i, j in ((0, 1), (0, 2), (1, 2)):
            rules.append((expit(types[:, i] - types[:, j]) - P[i, j]) @ v == 0)
        values.append(cp.Problem(cp.Maximize(types[:, y] @ v), rules).solve(solver="CLARABEL"))
    found = distortion_bound(camps, pi, bound=6, step=2)
    assert found.distortion == pytest.approx(max(values), rel=1e-6)
    assert found.option == int(np.argmax(values))


@given(st.integers(0, 10**6), st.integers(2, 3))
@settings(max_examples=20, deadline=None)
def test_no_policy_does_better_than_the_least_distorted(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    population = Population(rng.uniform(0, 3, (2, size)), rng.dirichlet([2, 2]))
    best = least_distorted_policy(population, bound=3, step=0.5)
    for policy in (rng.dirichlet(np.ones(size)), optimal_policy(population).policy):
        other = distortion_bound(population, policy, bound=3, step=0.5)
        assert other.distortion >= best.distortion - 1e-6
        assert other.distortion >= metrics(population, policy).distortion - 1e-9


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: distortion_bound(CROWD, [0.5, 0.5], bound=4), "policy"),
        (lambda: distortion_bound(CROWD, [1, 0, 0], bound=3), "bound"),
        (lambda: distortion_bound(CROWD, [1, 0, 0], bound=4, step=0.5), "policy"),  # no bound
        (lambda: distortion_bound(CROWD, [1, 0, 0], bound=4, step=0.0), "step"),
        (lambda: distortion_bound(CROWD, [1, 0, 0], bound=4, step=0.001), "step"),
        (lambda: distortion_bound(np.eye(3), [1, 0, 0], bound=4), "preferences"),
        (lambda: distortion_bound(np.full((2, 3), 0.5), [1, 0, 0], bound=4), "preferences"),
        (
            lambda: distortion_bound([[0.5, 0.999], [0.001, 0.5]], [1, 0], bound=1),
            "preferences",
        ),
        (lambda: metrics(CROWD, [0.5, 0.6, 0.1]), "policy"),
        (lambda: metrics(CROWD, [1, 0, 0], beta=0.0), "beta"),
    ],
)
def test_bad_input(make: Callable[[], object], argument: str) -> None:
    with pytest.raises(InputError, match=f"'{argument}'"):
        make()

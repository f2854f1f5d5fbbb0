"""Exact limits: worked numbers, independent solvers, and what theory says of them."""

import itertools
import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from socialpref import (
    DPO,
    METHODS,
    AgreementOnly,
    ConvergenceError,
    CorrectedDPO,
    InputError,
    Logistic,
    Population,
    Probit,
    RewardAveraging,
    limits,
    nbc,
    optimal_policy,
    ranking,
    total_variation,
)
from socialpref.limits import Limit, agreement, corrected, fits

from .helpers import Floats, exact_bradley_terry, populations, printed, refuses

OF_THE_PAPER = {"dpo", "corrected-dpo", "agreement", "reward-averaging", "latent-classes"}
EVERY: tuple[Callable[..., Any], ...] = (
    optimal_policy,
    *(method.limit for method in METHODS if method.name in OF_THE_PAPER),
)
"""The rivals have a suite of their own."""


@pytest.fixture(scope="module")
def ring() -> Population:
    """Return the ring environment at one state: 40 actions, by their distance from it."""
    delta = (np.arange(40) + 20) % 40 - 20
    around = np.abs(delta[None, :] - np.array([[-10], [0], [10]]))
    around = np.minimum(around, 40 - around)
    height, slope = np.array([[4.0], [1.5], [4.0]]), np.array([[0.075], [0.1], [0.075]])
    return Population(height * np.maximum(0.0, 1.0 - slope * around))


def close(limit: Limit, at_0: float, at_10: float, distance: float, best: Floats) -> None:
    assert limit.policy[0] == pytest.approx(at_0, abs=1.01e-6)
    for place in (10, 30):
        assert limit.policy[place] == pytest.approx(at_10, abs=1.01e-6)
    assert total_variation(limit.policy, best) == pytest.approx(distance, abs=1.01e-6)
    assert limit.residual <= 1e-12


def test_the_mediocre_winner(crowd: Population) -> None:
    assert optimal_policy(crowd).policy == printed([0.35131, 0.29738, 0.35131], 5)
    assert DPO().limit(crowd).policy == printed([0.31879, 0.36242, 0.31879], 5)


def test_the_exact_limits_of_the_ring(ring: Population) -> None:
    """The recomputed table of the paper's section 7.2."""
    best = optimal_policy(ring).policy
    assert total_variation(best, np.full(40, 1 / 40)) == pytest.approx(0.082615, abs=1e-6)
    close(DPO().limit(ring), 0.030425, 0.027341, 0.043741, best)
    table = {
        0.5: (0.031253, 0.028242, 0.037804),
        1.0: (0.032175, 0.029798, 0.029526),
        2.0: (0.032717, 0.033401, 0.013816),
        3.0: (0.029505, 0.030410, 0.030543),
    }
    for alpha, row in table.items():
        close(CorrectedDPO(alpha=alpha, n_starts=0).limit(ring), *row, best)
    close(AgreementOnly().limit(ring), 0.028472, 0.033636, 0.0, best)
    close(RewardAveraging().limit(ring), 0.028472, 0.033636, 0.0, best)


@given(populations(types=3, options=5), st.data())
def test_dpo_orders_as_nbc_does(population: Population, data: st.DataObject) -> None:
    d = np.array(data.draw(st.lists(st.integers(1, 20), min_size=population.n_options,
                                    max_size=population.n_options)), dtype=float)  # fmt: skip
    d /= d.sum()
    limit = DPO().limit(population, sampling=d)
    scores = nbc(population, d)
    model = 1 / (1 + np.exp(-(limit.rewards[:, None] - limit.rewards[None, :])))
    np.testing.assert_allclose(model @ d, scores, atol=2e-12)
    assert ranking(limit.rewards, tolerance=1e-9) == ranking(scores, tolerance=1e-10)


@pytest.mark.parametrize("link", [Logistic(), Probit()])
def test_newton_agrees_with_a_generic_optimiser(link: Any) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        size = int(rng.integers(2, 8))
        population = Population(rng.normal(size=(3, size)), rng.dirichlet(np.ones(3)), link=link)
        d = rng.dirichlet(np.ones(size)) * 0.9 + 0.1 / size
        P = population.pairwise()

        def loss(h: Floats, d: Floats = d, P: Floats = P) -> float:
            gaps = h[:, None] - h[None, :]
            return float((np.outer(d, d) * P * np.logaddexp(0, -gaps)).sum()) * 100

        found = minimize(loss, np.zeros(size), method="BFGS", options={"gtol": 1e-9})
        expected = found.x - found.x.mean()
        np.testing.assert_allclose(DPO().limit(population, sampling=d).rewards, expected, atol=1e-5)


def test_a_sequence_of_populations_has_a_limit_for_each(
    crowd: Population, two_camps: Population
) -> None:
    for method in EVERY:
        both = method([crowd, two_camps], beta=0.5)
        assert isinstance(both, tuple)
        for population, limit in zip((crowd, two_camps), both, strict=True):
            np.testing.assert_array_equal(limit.policy, method(population, beta=0.5).policy)


def test_a_single_type_makes_everything_coincide() -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        size = int(rng.integers(2, 7))
        one = Population(rng.normal(size=(1, size)))
        d = rng.dirichlet(np.ones(size)) * 0.9 + 0.1 / size
        best = optimal_policy(one, beta=0.5).policy
        for method in EVERY[1:]:
            limit = method(one, sampling=d, beta=0.5)
            np.testing.assert_allclose(limit.policy, best, atol=1e-9)


def test_beta_and_reference_enter_as_the_definition_says(two_camps: Population) -> None:
    reference = np.array([0.5, 0.3, 0.2])
    for method in EVERY:
        limit = method(two_camps, beta=0.3, reference=reference)
        implied = 0.3 * np.log(limit.policy / reference)
        np.testing.assert_allclose(implied - implied.mean(), limit.rewards, atol=1e-12)


def test_another_link_makes_reward_averaging_miss_the_optimum() -> None:
    population = Population([[0, 1, 3], [2, 0, -1]], link=Probit())
    averaged = RewardAveraging().limit(population)
    assert total_variation(averaged.policy, optimal_policy(population).policy) > 0.01
    for reward in population.rewards:
        fit = DPO().limit(Population([reward], link=Probit()))
        assert fit.residual <= 1e-12


def test_agreement_learns_the_mean_of_the_labels() -> None:
    rewards = [[0, 1, 3], [2, 0, -1], [1, 1, 0]]
    unequal = Population(rewards, [0.5, 0.25, 0.25])
    with pytest.raises(InputError, match="'replicas' must be given"):
        AgreementOnly().limit(unequal)
    best = optimal_policy(unequal)
    np.testing.assert_allclose(
        AgreementOnly(replicas=[2, 1, 1]).limit(unequal).rewards, best.rewards, atol=1e-9
    )
    unweighted = AgreementOnly(replicas=[1, 1, 1]).limit(unequal).rewards
    np.testing.assert_allclose(unweighted, optimal_policy(Population(rewards)).rewards, atol=1e-9)


def test_alpha_0_is_dpo(two_camps: Population) -> None:
    for form in ("F1", "F2", "F3"):
        limit = CorrectedDPO(alpha=0.0, form=form).limit(two_camps)
        np.testing.assert_allclose(limit.rewards, DPO().limit(two_camps).rewards, atol=1e-10)


@pytest.mark.parametrize("form", ["F1", "F2"])
@pytest.mark.parametrize("clamp", [0.1, np.inf])
def test_derivatives_of_the_corrected_loss(form: str, clamp: float) -> None:
    """Against central differences, away from the kinks."""
    rng = np.random.default_rng(3)
    population = Population(rng.normal(size=(3, 5)))
    P = population.pairwise()
    gaps = population.rewards[:, :, None] - population.rewards[:, None, :]
    squares = (1 / (1 + np.exp(-gaps)) ** 2).mean(axis=0)
    weights = np.full((5, 5), 1 / 25)
    loss = corrected.CorrectedLoss(weights, P, squares, corrected.CORRECTIONS[form], clamp)
    h = rng.normal(0, 0.4, 5)
    gradient, hessian = loss.derivatives(0.7, h)
    for y in range(5):
        e = np.zeros(5)
        e[y] = 1e-5
        slope = (loss.value(0.7, h + e) - loss.value(0.7, h - e)) / 2e-5
        assert gradient[y] == pytest.approx(slope, abs=1e-9)
        change = (loss.derivatives(0.7, h + e)[0] - loss.derivatives(0.7, h - e)[0]) / 2e-5
        np.testing.assert_allclose(hessian[y], change, atol=1e-8)


def test_the_correction_is_antisymmetric(two_camps: Population) -> None:
    P = two_camps.pairwise()
    weights, form = np.full((3, 3), 1 / 9), corrected.CORRECTIONS["F2"]
    loss = corrected.CorrectedLoss(weights, P, P**2 + 0.01, form, 0.1)
    q = loss.likelihood(1.0, np.array([0.3, -0.1, 0.9]))[0]
    np.testing.assert_allclose(q + q.T, 1.0, atol=1e-12)


def test_the_corrected_limit_is_a_minimum_near_which_no_other_is_lower(ring: Population) -> None:
    limit = CorrectedDPO(alpha=1.0, n_starts=0).limit(ring)
    P = ring.pairwise()
    squares = sum(
        share * ring.link(r[:, None] - r[None, :]) ** 2
        for share, r in zip(ring.shares, ring.rewards, strict=True)
    )
    weights = np.full((40, 40), 1 / 1600)
    loss = corrected.CorrectedLoss(
        weights, P, np.asarray(squares), corrected.CORRECTIONS["F1"], 0.1
    )
    here = loss.value(1.0, limit.rewards)
    rng = np.random.default_rng(4)
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(50):
            assert loss.value(1.0, limit.rewards + rng.normal(0, size, 40)) > here


def test_other_minima_are_reported_where_they_are_found(ring: Population) -> None:
    limit = CorrectedDPO(alpha=1.0, form="F2", n_starts=2).limit(ring)
    assert limit.others
    for other in limit.others:
        assert np.abs(other - limit.rewards).max() > 1e-6


def test_a_pair_design_can_break_the_order_of_nbc() -> None:
    """The stationarity condition holds, but the order need not be NBC's."""
    rng = np.random.default_rng(5)
    broken = 0
    for _ in range(50):
        population = Population(rng.normal(0, 2, size=(3, 4)))
        W = rng.dirichlet(np.full(6, 0.3))
        design = np.zeros((4, 4))
        design[np.triu_indices(4, 1)] = W + 0.01
        design += design.T
        limit = DPO().limit(population, sampling=design)
        model = 1 / (1 + np.exp(-(limit.rewards[:, None] - limit.rewards[None, :])))
        pull = (design * (population.pairwise() - model)).sum(axis=1) / design.sum(axis=1)
        np.testing.assert_allclose(pull, 0.0, atol=2e-12)
        broken += ranking(limit.rewards).order != ranking(nbc(population)).order
    assert broken >= 5


def test_what_is_never_compared_is_named(two_camps: Population) -> None:
    design = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
    with pytest.raises(InputError, match="'a', 'b' are never compared with 'c'"):
        DPO().limit(two_camps, sampling=design)
    with pytest.raises(InputError, match="'a' are never compared with 'b', 'c'"):
        DPO().limit(two_camps, sampling=[1.0, 0.0, 0.0])


def test_dominated_options(two_camps: Population) -> None:
    low = Population(np.column_stack([two_camps.rewards, [-40.0, -40.0]]))
    limit = DPO().limit(low)
    assert limit.policy[3] < 1e-9
    assert ranking(limit.rewards).order[-1] == 3


# Rewards that are far apart


def crowd_of(seed: int, types: int, reach: float, options: int) -> Floats:
    """Draw rewards of types that agree more or less, with gaps of at most `reach`."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=options), rng.normal(size=(types, options))
    rewards = common + own * rng.choice([0.1, 1.0, 10.0])
    return np.asarray(rewards * (reach / np.ptp(rewards, axis=1).max()))


@given(
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 7, 40]),
    st.sampled_from([1.0, 30.0, 120.0]),
    st.sampled_from([0.5, 1.0, 3.0]),
    st.integers(0, 6),
)
def test_closed_forms_are_what_the_solver_finds(
    seed: int, types: int, reach: float, temperature: float, decades: int
) -> None:
    """The average of the labels' rewards, for panels of up to a million labels a type."""
    rewards = crowd_of(seed, types, reach, 4)
    labels = np.random.default_rng(seed).integers(1, 10**decades + 1, types)
    population = Population(rewards, labels / labels.sum(), link=Logistic(temperature))
    limit = AgreementOnly(replicas=labels.tolist()).limit(population)
    expected = (population.mean_rewards() - population.mean_rewards().mean()) / temperature
    largest = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(limit.rewards, expected, atol=1e-12 * max(reach, largest))
    np.testing.assert_allclose(
        RewardAveraging().limit(population).rewards, expected, atol=1e-12 * max(reach, largest)
    )
    panels = agreement.log_unanimous(population, labels.astype(float))
    found = fits.fit_log_odds(panels, limits.pair_design(population, None)).rewards / labels.sum()
    np.testing.assert_allclose(found, expected, atol=1e-8 * largest)


@pytest.mark.parametrize("types", [20, 1000])
def test_panels_of_many_types(types: int) -> None:
    alike = AgreementOnly().limit(Population(np.tile([2.0, 0.0], (types, 1))))
    assert alike.policy[0] == pytest.approx(1 / (1 + math.exp(-2.0)), abs=1e-12)
    population = Population(crowd_of(1, types, 120.0, 6))
    best = optimal_policy(population)
    np.testing.assert_allclose(AgreementOnly().limit(population).rewards, best.rewards, atol=1e-12)


LINKS: tuple[Any, ...] = (Logistic(), Logistic(0.5), Probit(), Probit(4.0))


def exact_preference(link: Any, gap: Any) -> Any:
    if isinstance(link, Logistic):
        return 1 / (1 + mpmath.exp(-gap / link.temperature))
    return mpmath.erfc(-gap / link.temperature / mpmath.sqrt(2)) / 2


@given(
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 5, 30]),
    st.sampled_from([3.0, 40.0, 120.0]),
    st.sampled_from(LINKS),
    st.sampled_from(["uniform", "product", "pairs"]),
)
@settings(max_examples=40)
def test_dpo_is_right_to_1e_8(seed: int, types: int, reach: float, link: Any, design: str) -> None:
    """Against Newton's method with so many digits that nothing cancels."""
    if isinstance(link, Probit):  # whose log-odds grow as the square, and with them the digits
        reach = min(reach, 30.0 * link.temperature)
    digits = 250 if isinstance(link, Logistic) else 500
    rng = np.random.default_rng(seed)
    population = Population(
        crowd_of(seed, types, reach, 3), rng.dirichlet(np.ones(types)), link=link
    )
    weights = 10.0 ** rng.uniform(-12.0, 0.0, (3, 3))
    sampling: Any = {"uniform": None, "product": weights[0] / weights[0].sum()}.get(design, 0)
    if design == "product":
        weights = np.outer(sampling, sampling)
    elif design == "uniform":
        weights = np.ones((3, 3))
    else:
        weights = np.triu(weights, 1) + np.triu(weights, 1).T
        weights[0, 2] = weights[2, 0] = weights[0, 2] * rng.integers(2)
        sampling = weights
    limit = DPO().limit(population, sampling=sampling)
    wins: dict[tuple[int, int], Any] = {}
    with mpmath.workdps(digits):
        rewards = [[mpmath.mpf(float(value)) for value in row] for row in population.rewards]
        for y, z in itertools.permutations(range(3), 2):
            if weights[y, z]:
                wins[y, z] = float(weights[y, z]) * sum(
                    float(share) * exact_preference(link, row[y] - row[z])
                    for share, row in zip(population.shares, rewards, strict=True)
                )
    exact = exact_bradley_terry(wins, limit.rewards, digits=digits)
    largest = max(1.0, np.abs(exact).max())
    assert np.abs(limit.rewards - exact).max() <= 1e-10 * largest
    assert limit.residual <= 1e-8 * largest


@pytest.mark.parametrize("labels", [1, 1000, 10**6])
def test_panels_with_another_link_do_not_underflow(labels: int) -> None:
    """Two options by hand: the mean log-odds of the labels. Three: more labels change little."""
    pair = Population([[6.0, 0.0], [0.0, 90.0]], link=Probit())
    odds = [mpmath.log(mpmath.ncdf(gap)) - mpmath.log(mpmath.ncdf(-gap)) for gap in (6, -90)]
    found = AgreementOnly(replicas=[labels, 3 * labels]).limit(pair).rewards
    assert found[0] - found[1] == pytest.approx(float((odds[0] + 3 * odds[1]) / 4), rel=1e-12)
    three = Population([[0, 1, 3], [2, 0, -1]], link=Probit())
    found = AgreementOnly(replicas=[labels, 2 * labels]).limit(three).rewards
    many = AgreementOnly(replicas=[10**9, 2 * 10**9]).limit(three).rewards
    np.testing.assert_allclose(found, many, atol=3.0 / labels)


@pytest.mark.parametrize("gap", [25.0, 34.5, 120.0, 300.0, 700.0, 2000.0, 1e6])
def test_one_type_is_right_at_any_gap(gap: float) -> None:
    one = Population([[gap, 0.0, gap / 3]], link=Logistic(2.0))
    for method in (DPO(), AgreementOnly(), RewardAveraging()):
        np.testing.assert_allclose(method.limit(one).rewards, (one.rewards[0] - gap * 4 / 9) / 2)
    assert optimal_policy(one).policy[0] == pytest.approx(1.0)


@pytest.mark.parametrize("gap", [25.0, 120.0, 300.0, 700.0, 2000.0])
@pytest.mark.parametrize("link", [Logistic(), Probit()])
def test_two_options_are_their_log_odds_at_any_gap(gap: float, link: Any) -> None:
    """Two types, of which one is surer than the other."""
    population = Population([[gap, 0.0], [gap - 5.0, 0.0]], [0.25, 0.75], link=link)
    with mpmath.workdps(40):
        chance, risk = (
            sum(s * exact_preference(link, sign * g) for s, g in ((0.25, gap), (0.75, gap - 5.0)))
            for sign in (mpmath.mpf(1), mpmath.mpf(-1))
        )
        odds = float(mpmath.log(chance) - mpmath.log(risk))
    found = DPO().limit(population).rewards
    assert found[0] - found[1] == pytest.approx(odds, rel=1e-12)


@pytest.mark.parametrize("reach", [25.0, 60.0, 300.0, 2000.0])
def test_the_corrected_limit_is_right_or_refused_at_wide_gaps(reach: float) -> None:
    for seed in range(5):
        population = Population(crowd_of(seed, 3, reach, 4))
        right_or_refused(CorrectedDPO(alpha=0.5, n_starts=0), population)


@settings(max_examples=30)
@given(
    st.lists(st.floats(-60, 60), min_size=2, max_size=5),
    st.integers(1, 3),
    st.sampled_from(["F1", "F2", "F3"]),
    st.sampled_from([0.5, 1.0, 3.0]),
)
def test_the_corrected_limit_of_types_that_agree_is_their_rewards(
    rewards: list[float], types: int, form: Any, alpha: float
) -> None:
    one = Population([rewards] * types)
    limit = CorrectedDPO(alpha=alpha, form=form).limit(one)
    size = max(1.0, np.abs(limit.rewards).max())
    np.testing.assert_allclose(
        limit.rewards, np.array(rewards) - np.mean(rewards), atol=1e-9 * size
    )
    assert limit.residual <= 1e-9 * size


def test_without_variance_the_corrected_limit_is_that_of_dpo() -> None:
    alike, camps = [[3.0, 0.0, -40.0], [13.0, 10.0, -30.0]], [[30.0, 0.0], [0.0, 20.0]]
    for method, population in (
        (CorrectedDPO(), Population(alike, link=Probit(4.0))),
        (CorrectedDPO(), Population([*alike, [0.0, 9.0, 0.0]], [0.5, 0.5, 0.0])),
        (CorrectedDPO(alpha=0.0), Population(camps)),
    ):
        limit = method.limit(population)
        np.testing.assert_array_equal(limit.rewards, DPO().limit(population).rewards)
        assert limit.residual <= 1e-8


@pytest.mark.parametrize("far", [5.0, 12.0, 17.0, 22.0])
def test_the_corrected_limit_of_one_pair_far_apart(far: float) -> None:
    """Where the corrected likelihood of the rare loss is the true one, solved in 50 digits."""
    shift = 0.2
    with mpmath.workdps(50):
        p = [1 / (1 + mpmath.exp(mpmath.mpf(far) + side)) for side in (-shift, shift)]
        mean, variance = sum(p) / 2, (p[0] - p[1]) ** 2 / 4

        def excess(gap: Any) -> Any:
            s = 1 / (1 + mpmath.exp(gap))
            return (s + (1 - 2 * s) * variance / (2 * s * (1 - s))) / mean - 1

        gap = float(mpmath.findroot(excess, far))
    limit = CorrectedDPO(n_starts=0).limit(Population([[far - shift, 0.0], [far + shift, 0.0]]))
    assert limit.rewards[0] - limit.rewards[1] == pytest.approx(gap, abs=1e-10)
    assert limit.residual <= 1e-11


def right_or_refused(method: CorrectedDPO, population: Population) -> Limit | None:
    """Return the limit if there is one; a warning, or another exception, fails the test."""
    try:
        limit = method.limit(population)
    except ConvergenceError:
        return None
    assert np.isfinite(limit.policy).all()
    assert limit.residual <= 1e-8 * max(1.0, np.abs(limit.rewards).max())
    return limit


def test_starts_without_curvature_are_left() -> None:
    """Of one pair q(gap) is the true preference, wherever the search for others began."""
    population = Population([[0.8, -1.7], [5.2, -10.0]])
    limit = right_or_refused(CorrectedDPO(alpha=0.5), population)
    assert limit is not None
    p = 1 / (1 + np.exp(-(population.rewards[:, 0] - population.rewards[:, 1])))
    s = 1 / (1 + np.exp(limit.rewards[1] - limit.rewards[0]))
    bent = np.clip((1 - 2 * s) * p.var() / (2 * s * (1 - s)), -0.1, 0.1)
    assert s + 0.5 * bent == pytest.approx(p.mean(), abs=1e-12)


@pytest.mark.parametrize(
    "alpha", [1.0, *(pytest.param(a, marks=pytest.mark.slow) for a in (1e6, 1e300))]
)
def test_no_curvature_and_strong_corrections(alpha: float) -> None:
    """At 1e300 squares overflow; what is found is 0, by symmetry."""
    method = CorrectedDPO(alpha=alpha, n_starts=1)
    for rewards in ([[40.0, 0.0], [0.0, 40.0]], [[2.0, 0.0], [0.0, 2.0]]):
        limit = right_or_refused(method, Population(rewards))
        assert limit is None or limit.rewards == pytest.approx(0.0, abs=1e-8)


@settings(max_examples=8)
@given(
    st.lists(st.lists(st.floats(-20, 20), min_size=2, max_size=2), min_size=2, max_size=3),
    st.sampled_from([0.5, 1.0, 1e100]),
    st.sampled_from([0.1, 0.5, math.inf]),
)
def test_pairs_are_right_or_refused(rewards: Any, alpha: float, clamp: float) -> None:
    right_or_refused(CorrectedDPO(alpha=alpha, clamp=clamp), Population(rewards))


def test_preferences_of_0_and_1_have_no_limit() -> None:
    def certain(gap: Any) -> Floats:
        return np.clip(0.5 + np.asarray(gap, dtype=float), 0.0, 1.0)

    population = Population([[1.0, 0.2, 0.0], [1.0, 0.0, 0.2]], link=certain)
    for method in (DPO(), AgreementOnly(), RewardAveraging()):
        with pytest.raises(ConvergenceError, match="preferences of 0 or 1"):
            method.limit(population)


# The policy


def test_beta_that_is_next_to_0_leaves_the_best_options() -> None:
    tied = Population([[2.0, 2.0, 1.0]])
    for beta in (1e-300, 1e-320):
        limit = optimal_policy(tied, beta=beta, reference=[0.2, 0.3, 0.5])
        np.testing.assert_allclose(limit.policy, [0.4, 0.6, 0.0], atol=1e-15)
        for method in EVERY:
            np.testing.assert_array_equal(
                method(Population([[0.0, 1.0, 3.0]]), beta=beta).policy, [0.0, 0.0, 1.0]
            )


def test_rounding_does_not_choose_between_options() -> None:
    """0.1 + 0.2 is not 0.3 in floats."""
    close = Population([[0.1 + 0.2, 0.3, 0.0]])
    assert optimal_policy(close, beta=1e-3).policy[0] == pytest.approx(0.5)
    with pytest.raises(ConvergenceError, match="depends on the last digits"):
        optimal_policy(close, beta=1e-16)


def test_total_variation_is_of_distributions() -> None:
    assert total_variation([0.25, 0.75], np.array([0.5, 0.5])) == 0.25
    wrong: tuple[tuple[Any, Any, str], ...] = (
        ([7, 7], [0, 1], "first"),
        ([0, 1], [7, 7], "second"),
        ([0, 1], [0.5, 0.25, 0.25], "second"),
        ([1.5, -0.5], [0, 1], "first"),
        ("ab", [0, 1], "first"),
        ([0, math.nan], [0, 1], "first"),
    )
    for first, second, argument in wrong:
        with refuses(argument):
            total_variation(first, second)


# Arguments


def test_tables_with_labels_are_put_in_order(two_camps: Population) -> None:
    names = list(two_camps.options)
    d = [0.5, 0.3, 0.2]
    design = np.array([[0, 3, 1], [3, 0, 2], [1, 2, 0]])
    series = pd.Series(d, index=names)[::-1]
    frame = pd.DataFrame(design, index=names, columns=names).iloc[::-1, [1, 2, 0]]
    for method in EVERY[1:]:
        for labelled, plain in ((series, d), (frame, design)):
            np.testing.assert_array_equal(
                method(two_camps, sampling=labelled).policy,
                method(two_camps, sampling=plain).policy,
            )
        np.testing.assert_array_equal(
            method(two_camps, reference=series).policy, method(two_camps, reference=d).policy
        )
    for wrong in (
        pd.Series(d, index=["x", "y", "z"]),
        pd.DataFrame(design, names, ["x", "y", "z"]),
    ):
        with refuses("sampling"):
            DPO().limit(two_camps, sampling=wrong)


def test_weights_over_12_orders_are_told_from_0(two_camps: Population) -> None:
    design = np.array([[0, 1, 1e-12], [1, 0, 0], [1e-12, 0, 0]])
    limit = DPO().limit(two_camps, sampling=design)
    P = two_camps.pairwise()
    odds = np.log(P[1:, 0] / P[0, 1:])
    np.testing.assert_allclose(limit.rewards[1:] - limit.rewards[0], odds, atol=1e-12)
    design[0, 2] = 3e-12
    with refuses("sampling"):
        DPO().limit(two_camps, sampling=design)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"beta": 0.0}, "beta"),
        ({"beta": -1.0}, "beta"),
        ({"beta": "one"}, "beta"),
        ({"reference": [0.5, 0.5]}, "reference"),
        ({"reference": [1.0, 0.0, 0.0]}, "reference"),
        ({"sampling": [0.5, 0.5]}, "sampling"),
        ({"sampling": [[0, 1, 1], [0, 0, 1], [1, 1, 0]]}, "sampling"),
        ({"sampling": [[0, -1, 1], [-1, 0, 1], [1, 1, 0]]}, "sampling"),
        ({"sampling": np.zeros((3, 3))}, "sampling"),
        ({"sampling": [[0, math.nan, 1], [math.nan, 0, 1], [1, 1, 0]]}, "sampling"),
        ({"sampling": np.ma.masked_equal([0.5, 0.5, 0.0], 0.0)}, "sampling"),
        ({"sampling": [True, False, "c"]}, "sampling"),
        ({"beta": True}, "beta"),
        ({"beta": math.nan}, "beta"),
        ({"alpha": -0.5}, "alpha"),
        ({"alpha": math.inf}, "alpha"),
        ({"alpha": "1"}, "alpha"),
        ({"form": "F4"}, "form"),
        ({"form": None}, "form"),
        ({"clamp": 0.0}, "clamp"),
        ({"clamp": None}, "clamp"),
        ({"clamp": "0.1"}, "clamp"),
        ({"n_starts": -1}, "n_starts"),
        ({"n_starts": 2.0}, "n_starts"),
        ({"n_starts": True}, "n_starts"),
    ],
)
def test_bad_input(two_camps: Population, options: dict[str, Any], argument: str) -> None:
    own = {field.name for field in fields(CorrectedDPO)}
    with refuses(argument):
        method = CorrectedDPO(**{name: options[name] for name in options if name in own})
        method.limit(two_camps, **{name: options[name] for name in options if name not in own})


def test_what_is_no_population_is_refused() -> None:
    for wrong in (np.eye(3), None, "crowd", [np.eye(3)]):
        for method in EVERY:
            with refuses("population"):
                method(wrong)


def test_the_rate_of_agreement_checks_its_arguments(two_camps: Population) -> None:
    with refuses("population"):
        limits.agreement_rate(np.eye(3))  # type: ignore[arg-type]
    with refuses("replicas"):
        limits.agreement_rate(two_camps, replicas=[0.5, 1.0])  # type: ignore[list-item]


def test_bad_replicas(two_camps: Population) -> None:
    for replicas in ([1], [-1, 2], [0, 0], "two", [1.0, 2.0], [True, 2], [[1, 2]], 3, [1, 10**16]):
        with refuses("replicas"):
            AgreementOnly(replicas=replicas).limit(two_camps)  # type: ignore[arg-type]


def test_a_minimum_where_the_clamp_begins_is_found() -> None:
    """On a corner: the rounded loss is stationary there, and the loss itself lowest nearby."""
    rng = np.random.default_rng(30)
    types, options = rng.integers(2, 5), rng.integers(2, 8)
    population = Population(rng.normal(size=(types, options)) * rng.choice([0.5, 1, 2]))
    limit = CorrectedDPO(alpha=0.5, n_starts=0).limit(population)
    assert 0.0 < limit.rounding <= 1e-5
    assert limit.residual <= 1e-12
    P, squares = population.pairwise(), population.pairwise_twice()
    weights = np.full(P.shape, 1.0 / P.size)
    loss = corrected.CorrectedLoss(weights, P, squares, corrected.CORRECTIONS["F1"], 0.1)
    here = loss.value(0.5, limit.rewards)
    for scale in (1e-1, 1e-2, 1e-3):  # rounding by r moves the loss by less than r
        steps = rng.normal(size=(200, population.n_options)) * scale
        lowest = min(loss.value(0.5, limit.rewards + step) for step in steps)
        assert lowest > here - limit.rounding / 100


def test_most_minima_are_not_on_a_corner(crowd: Population) -> None:
    assert CorrectedDPO(alpha=0.5).limit(crowd).rounding == 0.0


def test_derivatives_where_the_corner_is_rounded() -> None:
    """Against central differences, with pairs inside the rounded stretch."""
    population = Population([[0.0, 1.2, 0.4], [2.0, 0.0, -0.5]])
    P, squares = population.pairwise(), population.pairwise_twice()
    correction = corrected.CORRECTIONS["F1"]
    loss = corrected.CorrectedLoss(np.full((3, 3), 1 / 9), P, squares, correction, 0.1, 0.05)
    h = np.array([0.9, 0.2, -0.7])
    s = 1 / (1 + np.exp(h[None, :] - h[:, None]))
    c = np.abs(correction(s, P, squares)[0])
    assert ((c > 0.05) & (c < 0.15)).any()
    gradient, hessian = loss.derivatives(1.0, h)
    step = 1e-6
    for y, unit in enumerate(np.eye(3)):
        up, down = loss.value(1.0, h + step * unit), loss.value(1.0, h - step * unit)
        assert gradient[y] == pytest.approx((up - down) / (2 * step), abs=1e-8)
        up_, down_ = (loss.derivatives(1.0, h + sign * step * unit)[0] for sign in (1, -1))
        assert hessian[y] == pytest.approx((up_ - down_) / (2 * step), abs=1e-6)

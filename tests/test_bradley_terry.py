"""Bradley–Terry fits: by hand, against generic optimisers, and what they refuse."""

import math
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from socialpref import ConvergenceError, InputError, Population, nbc
from socialpref.bradley_terry import BradleyTerryFit, fit_bradley_terry
from socialpref.bradley_terry.elimination import eliminate
from socialpref.bradley_terry.pairs import DENSE_STEP, sort_pairs
from socialpref.bradley_terry.solver import BLOCK
from tests.helpers import Floats, exact_bradley_terry, populations, printed, refuses

CLOSE = 1e-9
"""How far rewards of two solvers may differ; the residual is asked to be below 1e-11."""

TIGHT = 1e-11

Comparisons = tuple[Any, Any, Floats, Floats]


def simulated(
    seed: int, size: int, rows: int, *, soft: bool = False, spread: float = 1.0
) -> Comparisons:
    """Draw first, second, outcomes and weights; a weak tie round all options connects them."""
    rng = np.random.default_rng(seed)
    rewards = spread * rng.normal(size=size)
    first = rng.integers(0, size, rows)
    second = (first + rng.integers(1, size, rows)) % size
    chances = expit(rewards[first] - rewards[second])
    outcomes = chances if soft else (rng.random(rows) < chances).astype(np.float64)
    ring = np.arange(size)
    return (
        np.append(first, ring),
        np.append(second, (ring + 1) % size),
        np.append(outcomes, np.full(size, 0.5)),
        np.append(rng.random(rows) + 0.1, np.full(size, 0.2)),
    )


def log_likelihood(rewards: Floats, comparisons: Comparisons) -> float:
    first, second, outcomes, weights = comparisons
    gap = rewards[first] - rewards[second]
    return float(weights @ (outcomes * log_expit(gap) + (1.0 - outcomes) * log_expit(-gap)))


def gradient(rewards: Floats, comparisons: Comparisons) -> Floats:
    first, second, outcomes, weights = comparisons
    force = weights * (outcomes - expit(rewards[first] - rewards[second]))
    size = len(rewards)
    return np.asarray(np.bincount(first, force, size) - np.bincount(second, force, size))


def information(rewards: Floats, comparisons: Comparisons) -> Floats:
    first, second, _, weights = comparisons
    incidence = np.zeros((len(first), len(rewards)))
    rows = np.arange(len(first))
    incidence[rows, first], incidence[rows, second] = 1.0, -1.0
    chance = expit(rewards[first] - rewards[second])
    return np.asarray(incidence.T @ (incidence * (weights * chance * (1.0 - chance))[:, None]))


def fit(comparisons: Comparisons, **options: Any) -> BradleyTerryFit:
    first, second, outcomes, weights = comparisons
    return fit_bradley_terry(first, second, outcomes, weights=weights, tolerance=TIGHT, **options)


# By hand


@pytest.mark.parametrize(("won", "lost"), [(3, 1), (1, 1), (1, 1000), (1e-6, 2e-6)])
def test_two_options_differ_by_the_log_odds(won: float, lost: float) -> None:
    found = fit_bradley_terry([0, 1], [1, 0], weights=[won, lost])
    half = math.log(won / lost) / 2
    np.testing.assert_allclose(found.rewards, [half, -half], atol=CLOSE)
    expected = won * math.log(won / (won + lost)) + lost * math.log(lost / (won + lost))
    assert found.log_likelihood == pytest.approx(expected, rel=1e-9)
    assert found.n_comparisons == 2


def test_three_options_that_the_model_describes_exactly() -> None:
    strengths = np.array([1.0, 2.0, 4.0])  # 1 of 3, 1 of 5 and 2 of 6 comparisons are lost
    found = fit_bradley_terry(
        [1, 0, 2, 0, 2, 1], [0, 1, 0, 2, 1, 2], weights=[2, 1, 4, 1, 4, 2], tolerance=TIGHT
    )
    np.testing.assert_allclose(found.rewards, np.log(strengths / 2), atol=CLOSE)


def test_three_options_in_a_cycle_are_equal() -> None:
    found = fit_bradley_terry([0, 1, 2], [1, 2, 0])
    np.testing.assert_allclose(found.rewards, 0.0, atol=1e-12)
    assert found.log_likelihood == pytest.approx(-3 * math.log(2.0))


def test_the_fit_is_the_limit_of_dpo(crowd: Population) -> None:
    """Section 2 of the theory: the mediocre winner's policy, with beta = 1."""
    first, second = np.indices((3, 3)).reshape(2, -1)
    apart = first != second
    found = fit_bradley_terry(
        first[apart], second[apart], crowd.pairwise()[first[apart], second[apart]]
    )
    policy = np.exp(found.rewards) / np.exp(found.rewards).sum()
    np.testing.assert_allclose(policy, [0.31879, 0.36242, 0.31879], atol=5e-6)


@given(populations(), st.data())
def test_wins_expected_under_the_fit_are_the_borda_count(
    population: Population, data: st.DataObject
) -> None:
    size = population.n_options
    masses = data.draw(st.lists(st.integers(1, 9), min_size=size, max_size=size))
    sampling = np.array(masses) / sum(masses)
    first, second = np.indices((size, size)).reshape(2, -1)
    apart = first != second
    first, second = first[apart], second[apart]
    found = fit_bradley_terry(
        first,
        second,
        population.pairwise()[first, second],
        weights=sampling[first] * sampling[second],
    )
    wins = expit(found.rewards[:, None] - found.rewards[None, :]) @ sampling
    np.testing.assert_allclose(wins, nbc(population, sampling), atol=1e-8)


# Published numbers


def test_citations_between_four_journals() -> None:
    """Agresti, Categorical Data Analysis (2002), p. 448: cited in rows, citing in columns."""
    cited = np.array(
        [[714, 730, 498, 221], [33, 425, 68, 17], [320, 813, 1072, 142], [284, 276, 325, 188]]
    )
    first, second = np.nonzero(~np.eye(4, dtype=bool))
    rewards = fit_bradley_terry(first, second, weights=cited[first, second]).rewards
    assert rewards[1:] - rewards[0] == printed([-2.9491, -0.4796, 0.2690], 4)


def test_the_example_of_wikipedia() -> None:
    """Twenty-two games between A, B, C and D; strengths with a geometric mean of 1."""
    won = np.array([[0, 2, 0, 1], [3, 0, 5, 0], [0, 3, 0, 1], [4, 0, 3, 0]])
    first, second = np.nonzero(won)
    rewards = fit_bradley_terry(first, second, weights=won[first, second]).rewards
    assert np.exp(rewards) == printed([0.640, 1.043, 0.660, 2.270], 3)


# Against independent computations


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("size", "rows"), [(2, 5), (5, 30), (40, 400), (DENSE_STEP + 50, 3000)])
def test_generic_optimiser_finds_the_same(size: int, rows: int, soft: bool) -> None:
    comparisons = simulated(size, size, rows, soft=soft)
    found = fit(comparisons)
    generic = minimize(
        lambda h: -log_likelihood(h, comparisons),
        np.zeros(size),
        jac=lambda h: -gradient(h, comparisons),
        hess=lambda h: information(h, comparisons) + 1.0 / size,
        method="trust-exact",
        options={"gtol": 1e-10},
    ).x
    # A last step, because the optimiser cannot see improvements below the value's rounding.
    lifted = information(generic, comparisons) + 1.0 / size
    generic += np.linalg.solve(lifted, gradient(generic, comparisons))
    np.testing.assert_allclose(found.rewards, generic - generic.mean(), atol=CLOSE)
    assert found.log_likelihood == pytest.approx(log_likelihood(generic, comparisons), rel=1e-12)


@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0])
@pytest.mark.parametrize(("size", "rows"), [(3, 10), (50, 500), (1000, 2 * BLOCK)])
def test_wins_equal_expected_wins(size: int, rows: int, spread: float) -> None:
    comparisons = simulated(7, size, rows, spread=spread)
    found = fit(comparisons)
    steepest = np.abs(gradient(found.rewards, comparisons)).max() / comparisons[3].sum()
    assert found.residual <= TIGHT
    assert steepest <= TIGHT
    assert abs(found.rewards.mean()) < 1e-12
    assert found.log_likelihood == pytest.approx(log_likelihood(found.rewards, comparisons))


def test_long_chain() -> None:
    """As badly conditioned as graphs get; each gap is that of two options alone."""
    size = 400
    link = np.arange(size - 1)
    found = fit_bradley_terry(link, link + 1, np.full(size - 1, 0.75), tolerance=1e-9)
    np.testing.assert_allclose(-np.diff(found.rewards), math.log(3.0), atol=1e-8)


def test_almost_certain_labels() -> None:
    found = fit_bradley_terry([0, 1], [1, 2], [1 - 1e-6, 1e-4])
    gaps = -np.diff(found.rewards)
    np.testing.assert_allclose(gaps, [math.log(1e6 - 1), -math.log(1e4 - 1)], rtol=1e-8)


# Labels and weights that are far apart


@st.composite
def far_apart(draw: st.DrawFn) -> Comparisons:
    """Draw comparisons of linked options, with labels and weights over 12 orders of magnitude."""
    size = draw(st.integers(2, 5))
    pairs = [(y, z) for y in range(size) for z in range(y + 1, size)]
    kept = [(y, z) for y, z in pairs if z == y + 1 or draw(st.booleans())]
    powers = st.floats(-12.0, 0.0)
    labels = st.one_of(
        st.sampled_from([1e-12, 0.5, 1 - 1e-12]), st.floats(1e-12, 1 - 1e-12), powers.map(exp10)
    )
    rows = [(z, y) if draw(st.booleans()) else (y, z) for y, z in kept]
    first, second = np.array(rows).T
    outcomes = np.array([draw(labels) for _ in rows]).clip(1e-12, 1 - 1e-12)
    return first, second, outcomes, np.array([exp10(draw(powers)) for _ in rows])


def exp10(power: float) -> float:
    return float(10.0**power)


@given(far_apart())
def test_rewards_are_right_however_far_apart_labels_and_weights_are(
    comparisons: Comparisons,
) -> None:
    """Against Newton's method with 40 digits."""
    first, second, outcomes, weights = comparisons
    found = fit_bradley_terry(first, second, outcomes, weights=weights)
    wins: dict[tuple[int, int], Any] = {}
    for y, z, label, weight in zip(*comparisons, strict=True):
        with mpmath.workdps(40):
            won = mpmath.mpf(float(label))
            wins[int(y), int(z)] = won * float(weight)
            wins[int(z), int(y)] = (1 - won) * float(weight)
    exact = exact_bradley_terry(wins, found.rewards)
    assert np.abs(found.rewards - exact).max() <= found.residual + 1e-14 * np.abs(exact).max()
    assert found.residual <= 1e-8 * max(1.0, np.abs(exact).max())


@pytest.mark.parametrize("label", [1e-12, 1e-11, 1e-6, 0.3, 1 - 1e-9, 1 - 1e-12])
def test_a_label_is_its_log_odds(label: float) -> None:
    gap = math.log(label) - math.log1p(-label)
    for first, second, outcome in ((0, 1, label), (1, 0, label)):
        found = fit_bradley_terry([first], [second], outcome)
        assert found.rewards[first] - found.rewards[second] == pytest.approx(gap, rel=1e-13)


@pytest.mark.parametrize("weight", [1e-280, 1e-60, 1e60, 1e300])
def test_two_options_with_weights_at_the_ends_of_the_floats(weight: float) -> None:
    found = fit_bradley_terry([0, 1], [1, 0], weights=[1.0, weight])
    assert found.rewards[1] - found.rewards[0] == pytest.approx(math.log(weight), rel=1e-13)


def test_two_groups_that_hardly_met() -> None:
    """Large groups, each of options that are equal, with one pair between them."""
    size = 2 * DENSE_STEP
    half = np.arange(size // 2)
    first = np.concatenate([half, half + size // 2, [0]])
    second = np.concatenate([np.roll(half, 1), np.roll(half, 1) + size // 2, [size // 2]])
    outcomes = np.append(np.full(size, 0.5), 0.75)
    weights = np.append(np.ones(size), 1e-20)
    found = fit_bradley_terry(first, second, outcomes, weights=weights)
    expected = np.where(np.arange(size) < size // 2, 1, -1) * math.log(3.0) / 2
    np.testing.assert_allclose(found.rewards, expected, rtol=1e-12)
    with pytest.raises(ConvergenceError, match="next to no information"):
        found.standard_errors()


def test_too_many_options_that_hardly_met_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socialpref.bradley_terry.solver.CAREFUL_OPTIONS", 3)
    first, second, weights = [0, 1, 2], [1, 2, 3], [1, 1e-20, 1]
    with pytest.raises(ConvergenceError, match="rewards are known only to inf"):
        fit_bradley_terry(first, second, 0.4, weights=weights)


@given(st.integers(0, 10**6), st.booleans())
def test_least_squares_of_gaps(seed: int, in_floats: bool) -> None:
    """Against numpy; weights are beyond floats for the logarithms, by a common factor."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 7))
    logs = rng.uniform(-2.0, 2.0, (size, size))
    logs = np.where(rng.random((size, size)) < 0.3, -np.inf, logs)
    logs[np.arange(size - 1), np.arange(1, size)] = 0.0
    logs = np.triu(logs, 1) + np.tril(np.full((size, size), -np.inf))
    logs = np.maximum(logs, logs.T)
    gaps = rng.normal(size=(size, size))
    gaps = np.triu(gaps, 1) - np.triu(gaps, 1).T
    low, high = np.nonzero(np.triu(logs > -np.inf))
    roots = np.exp(logs[low, high] / 2)
    rows = np.zeros((len(low), size))
    rows[np.arange(len(low)), low], rows[np.arange(len(low)), high] = roots, -roots
    expected = np.linalg.lstsq(rows, roots * gaps[low, high], rcond=None)[0]
    if not in_floats:  # a last option, linked by next to nothing
        logs = np.pad(logs - 1e4, (0, 1), constant_values=-np.inf)
        logs[0, size] = logs[size, 0] = -1e5
        gaps = np.pad(gaps, (0, 1))
        gaps[0, size], gaps[size, 0] = 7.0, -7.0
    found = eliminate(logs.copy(), gaps[None].copy(), last=0)[0]
    np.testing.assert_allclose(found[:size], expected - expected[0], atol=1e-12)
    if not in_floats:
        assert found[size] == -7.0


# A prior


def test_a_prior_makes_up_for_losses() -> None:
    found = fit_bradley_terry([0], [1], prior=0.25)
    half = found.rewards[0]  # 0.25 h = sigma(-2 h)
    assert half == pytest.approx(4 * expit(-2 * half), rel=1e-12)
    alone = fit_bradley_terry([0], [1], prior=0.25, n_options=3)
    np.testing.assert_allclose(alone.rewards, [half, -half, 0.0], atol=1e-12)
    information = expit(2 * half) * expit(-2 * half)
    expected = 1 / math.sqrt(0.25 / 2 + information)
    assert found.standard_error_of_difference(0, 1) == pytest.approx(expected)
    np.testing.assert_allclose(found.standard_errors(), expected / 2)


@pytest.mark.parametrize("prior", [1e-12, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("size", [5, DENSE_STEP + 50])
def test_a_prior_is_a_penalty(prior: float, size: int) -> None:
    first, second, outcomes, weights = comparisons = simulated(8, size, 4 * size)
    rewards = fit_bradley_terry(first, second, outcomes, weights=weights, prior=prior).rewards
    np.testing.assert_allclose(gradient(rewards, comparisons), prior * rewards, atol=1e-7 * size)


@pytest.mark.parametrize("prior", [1e-30, 1e-12, 1e-3])
def test_a_weak_prior_on_one_sided_comparisons(prior: float) -> None:
    found = fit_bradley_terry([0, 1], [1, 2], prior=prior)
    exact = exact_bradley_terry({(0, 1): 1, (1, 2): 1}, found.rewards, prior=prior)
    assert np.abs(found.rewards - exact).max() <= 1e-8 * np.abs(exact).max()


def test_no_prior_is_none() -> None:
    for prior in (None, 0, 0.0):
        assert fit_bradley_terry([0, 0], [1, 1], [1, 0.5], prior=prior).prior == 0.0


def test_sparse_votes_with_a_weak_prior() -> None:
    """Few options that everybody judges, and many that hardly anybody does."""
    rng = np.random.default_rng(0)
    seen = np.hstack([np.ones((200, 8), bool), rng.random((200, 22)) < 0.02])
    seen[:, -1] = False
    seen[0, -1] = True
    votes = rng.choice([-1, 0, 1], (200, 30))
    y, z = np.triu_indices(30, 1)
    judged = seen[:, y] & seen[:, z] & (votes[:, y] != votes[:, z])
    voter, pair = np.nonzero(judged)
    first, second = y[pair], z[pair]
    won = (votes[voter, first] > votes[voter, second]).astype(float)
    rows = first, second, won, np.ones(len(won))
    with pytest.raises(InputError, match="component='largest' fits the largest part, and a prior"):
        fit_bradley_terry(*rows[:3], n_options=30)
    for prior in (1e-8, 1e-4, 1.0):
        found = fit_bradley_terry(*rows[:3], n_options=30, prior=prior, cluster=voter)
        force = gradient(found.rewards, rows)
        np.testing.assert_allclose(force, prior * found.rewards, atol=1e-6)
        assert found.residual <= 1e-8 * max(1.0, np.abs(found.rewards).max())
        assert np.isfinite(found.to_frame()["se_clustered"]).all()


# The largest component


def test_the_largest_component_by_hand() -> None:
    # 0 and 1 beat each other; 2, 3 and 4 go in a circle; 5 wins once against 2; 6 is not there.
    first, second = [0, 1, 2, 3, 4, 5, 0], [1, 0, 3, 4, 2, 2, 5]
    found = fit_bradley_terry(
        first, second, weights=[1, 1, 1, 1, 1, 2, 3], n_options=7, component="largest"
    )
    assert found.positions.tolist() == [2, 3, 4]
    assert found.options == ("option 3", "option 4", "option 5")
    assert found.left_out == ("option 1", "option 2", "option 6", "option 7")
    assert found.weight_left_out == 7.0
    assert found.n_comparisons == 7
    np.testing.assert_allclose(found.rewards, 0.0, atol=1e-9)
    assert "Left out, as they are not in the largest component: 4 options" in found.describe()
    # With a prior comparisons need only link the options.
    held = fit_bradley_terry(first, second, n_options=7, component="largest", prior=1.0)
    assert held.left_out == ("option 7",)
    whole = fit_bradley_terry(first, second, n_options=7, prior=1.0)
    np.testing.assert_allclose(held.rewards, whole.rewards[:6], atol=1e-9)


def test_of_two_components_the_one_with_more_comparisons_is_fitted() -> None:
    found = fit_bradley_terry([0, 1, 2, 3], [1, 0, 3, 2], weights=[1, 1, 1, 2], component="largest")
    assert found.positions.tolist() == [2, 3]


def test_nothing_is_left_out_of_what_is_linked() -> None:
    first, second, outcomes, weights = simulated(9, 20, 100)
    whole, largest = (
        fit_bradley_terry(first, second, outcomes, weights=weights, component=component)
        for component in ("all", "largest")
    )
    np.testing.assert_array_equal(whole.rewards, largest.rewards)
    assert largest.left_out == ()
    assert largest.weight_left_out == 0.0


def test_no_component_of_two_options() -> None:
    with refuses("component"):
        fit_bradley_terry([0, 1], [1, 2], component="largest")
    with refuses("component"):
        fit_bradley_terry([0, 1], [1, 0], component="some")  # type: ignore[arg-type]


# What must not matter


def test_repeats_are_weights() -> None:
    first, second, outcomes, _ = simulated(1, 10, 50)
    counts = np.random.default_rng(1).integers(0, 4, len(first))
    counts[-10:] = 1
    repeated = fit_bradley_terry(
        *(np.repeat(array, counts) for array in (first, second, outcomes)), tolerance=TIGHT
    )
    weighted = fit_bradley_terry(first, second, outcomes, weights=counts, tolerance=TIGHT)
    np.testing.assert_allclose(repeated.rewards, weighted.rewards, atol=CLOSE)
    assert repeated.log_likelihood == pytest.approx(weighted.log_likelihood, rel=1e-12)
    assert repeated.n_comparisons == counts.sum()
    for name in ("low", "high", "wins", "losses"):
        np.testing.assert_allclose(getattr(repeated, name), getattr(weighted, name))


def test_pairs_are_merged() -> None:
    found = fit_bradley_terry([0, 2, 1, 0], [1, 0, 0, 2], [1, 1, 0.25, 0.5], weights=[1, 1, 2, 4])
    assert found.low.tolist() == [0, 0]
    assert found.high.tolist() == [1, 2]
    assert found.wins.tolist() == [1 + 1.5, 2.0]
    assert found.losses.tolist() == [0.5, 1 + 2.0]


def test_tie_is_two_half_wins() -> None:
    tied = fit_bradley_terry([0, 0, 1], [1, 1, 0], [1, 0.5, 1])
    halves = fit_bradley_terry([0, 0, 1, 1], [1, 1, 0, 0], weights=[1, 0.5, 0.5, 1])
    np.testing.assert_allclose(tied.rewards, halves.rewards, atol=CLOSE)


def test_soft_label_is_a_weighted_win_and_loss() -> None:
    first, second, outcomes, weights = simulated(2, 8, 40, soft=True)
    split = fit_bradley_terry(
        np.append(first, second),
        np.append(second, first),
        weights=np.append(weights * outcomes, weights * (1 - outcomes)),
        tolerance=TIGHT,
    )
    soft = fit((first, second, outcomes, weights))
    np.testing.assert_allclose(split.rewards, soft.rewards, atol=CLOSE)


@pytest.mark.parametrize("size", [6, DENSE_STEP + 1])
def test_sides_scale_and_order_do_not_matter(size: int) -> None:
    first, second, outcomes, weights = simulated(3, size, 20 * size)
    found = fit((first, second, outcomes, weights))
    swapped = fit((second, first, 1 - outcomes, weights))
    scaled = fit((first, second, outcomes, 1e-6 * weights))
    backwards = fit((first[::-1], second[::-1], outcomes[::-1], weights[::-1]))
    for other in (swapped, scaled, backwards):
        np.testing.assert_allclose(other.rewards, found.rewards, atol=CLOSE)


def test_inputs_stay_as_they_are() -> None:
    comparisons = simulated(3, 6, 20)
    copies = [array.copy() for array in comparisons]
    fit(comparisons)
    for array, copy in zip(comparisons, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_sorting_as_one_number_or_three() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.integers(0, 9, (2, 100))
    packed, plain = sort_pairs(low.copy(), high.copy(), 9), sort_pairs(low, high, 1 << 30)
    for one, other in zip(packed[:2], plain[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(low[packed[2]], packed[0])


# Standard errors


@pytest.mark.parametrize("limit", [3000, 10])
def test_standard_errors_invert_the_information(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socialpref.bradley_terry.estimates.DENSE_ERRORS", limit)
    monkeypatch.setattr("socialpref.bradley_terry.pairs.DENSE_STEP", limit)
    comparisons = simulated(4, 30, 300)
    found = fit(comparisons)
    covariance = np.linalg.pinv(information(found.rewards, comparisons), hermitian=True)
    np.testing.assert_allclose(found.standard_errors(), np.sqrt(np.diag(covariance)), rtol=1e-9)
    contrast = np.eye(30)[3] - np.eye(30)[7]
    expected = math.sqrt(contrast @ covariance @ contrast)
    assert found.standard_error_of_difference(3, 7) == pytest.approx(expected, rel=1e-9)
    assert found.standard_error_of_difference(3, 3) == 0.0


def test_standard_errors_of_two_options_by_hand() -> None:
    found = fit_bradley_terry([0, 1], [1, 0], weights=[3, 1])  # variance of the log odds
    assert found.standard_error_of_difference(0, 1) == pytest.approx(math.sqrt(1 / 3 + 1))
    np.testing.assert_allclose(found.standard_errors(), math.sqrt(1 / 3 + 1) / 2)


def test_standard_errors_where_the_prior_is_next_to_nothing() -> None:
    # Beside its only pair the prior is below rounding. On vectors that sum to 0 the information
    # is 2 w s (1 - s), and the prior, for the direction (1, -1) / sqrt(2).
    weights = [408301.9038909935, 0.00011151877405538688]
    outcomes = [0.37024916726063867, 0.9999999999900555]
    found = fit_bradley_terry([1, 0], [0, 1], outcomes, weights=weights, prior=4.157e-12)
    chance = 1 / (1 + math.exp(found.rewards[1] - found.rewards[0]))
    expected = math.sqrt(1 / (2 * 2 * sum(weights) * chance * (1 - chance)))
    np.testing.assert_allclose(found.standard_errors(), expected, rtol=1e-12)
    assert found.standard_error_of_difference(0, 1) == pytest.approx(2 * expected, rel=1e-12)


@pytest.mark.parametrize("prior", [1e-14, 1e-6, 1.0, 1e6])
def test_standard_errors_of_an_option_that_only_the_prior_holds(prior: float) -> None:
    # Eigenvectors (1, -1, 0) / sqrt 2 and (1, 1, -2) / sqrt 6, of 2 / 4 + prior and of the prior.
    found = fit_bradley_terry([0, 1], [1, 0], weights=0.5, n_options=3, prior=prior)
    first = 1 / (2 * (0.5 + prior)) + 1 / (6 * prior)
    expected = np.sqrt([first, first, 4 / (6 * prior)])
    np.testing.assert_allclose(found.standard_errors(), expected, rtol=1e-12)


def test_options_beyond_any_integer_are_shown_as_they_are() -> None:
    options = np.array([0, 2**63], dtype=np.uint64)
    for n_options in (None, 3):
        with pytest.raises(InputError, match="92233720368547758"):
            fit_bradley_terry(options, [1, 0], n_options=n_options)


def test_standard_errors_are_the_spread_of_repeated_fits() -> None:
    rng = np.random.default_rng(5)
    rewards = np.array([-0.8, -0.2, 0.0, 0.3, 0.7])
    first, second = np.triu_indices(5, 1)
    chances = expit(rewards[first] - rewards[second])
    games = 200
    fits = [
        fit_bradley_terry(first, second, rng.binomial(games, chances) / games, weights=games)
        for _ in range(400)
    ]
    spread = np.std([found.rewards for found in fits], axis=0)
    # The standard deviation of 400 values is known to 1 / sqrt(800) = 3.5 per cent.
    np.testing.assert_allclose(fits[0].standard_errors(), spread, rtol=0.15)
    difference = np.std([found.rewards[4] - found.rewards[0] for found in fits])
    assert fits[0].standard_error_of_difference(4, 0) == pytest.approx(difference, rel=0.15)


# What is refused


@pytest.mark.parametrize(
    ("argument", "changed"),
    [
        ("first", {"first": []}),
        ("first", {"first": [[0, 1], [1, 0]]}),
        ("first", {"first": [0.0, 1.0]}),
        ("first", {"first": ["a", "b"]}),
        ("first", {"first": [0, -1]}),
        ("first", {"first": [0, 2], "n_options": 2}),
        ("second", {"second": [1]}),
        ("second", {"second": [1, 1]}),
        ("outcomes", {"outcomes": [1, 1.1]}),
        ("outcomes", {"outcomes": -0.1}),
        ("outcomes", {"outcomes": [1, math.nan]}),
        ("outcomes", {"outcomes": [1, 1, 1]}),
        ("outcomes", {"outcomes": "win"}),
        ("weights", {"weights": [1, -1]}),
        ("weights", {"weights": [1, math.nan]}),
        ("weights", {"weights": [1, math.inf]}),
        ("weights", {"weights": 0}),
        ("n_options", {"n_options": 1}),
        ("n_options", {"n_options": 2.5}),
        ("first", {"first": [True, False]}),
        ("first", {"first": np.ma.masked_equal([0, 1], 1)}),
        ("first", {"first": pd.Series([0, 1], index=[1, 0])}),
        ("outcomes", {"outcomes": pd.Series([0, 1], index=[1, 0])}),
        ("outcomes", {"outcomes": np.ma.masked_equal([0.0, 1.0], 1.0)}),
        ("weights", {"weights": [1, 1j]}),
        ("n_options", {"n_options": True}),
        ("n_options", {"n_options": 10**12}),
        ("n_options", {"first": [10**12, 0]}),
        ("weights", {"weights": [1, 1e-310]}),
        ("weights", {"weights": 1e308}),
        ("prior", {"prior": -1.0}),
        ("prior", {"prior": 1e308}),
        ("prior", {"prior": "1"}),
        ("prior", {"prior": math.inf}),
        ("tolerance", {"tolerance": -1}),
        ("max_iterations", {"max_iterations": 0}),
        ("max_iterations", {"max_iterations": 5.0}),
    ],
)
def test_bad_input(argument: str, changed: dict[str, Any]) -> None:
    with refuses(argument):
        fit_bradley_terry(**{"first": [0, 1], "second": [1, 0], **changed})


def test_options_that_cannot_be_compared() -> None:
    with pytest.raises(
        InputError, match=r"between options 0, 1 and 2, 3; component=.largest. fits"
    ):
        fit_bradley_terry([0, 1, 2, 3], [1, 0, 3, 2])
    with pytest.raises(InputError, match=r"between options 0, 1 and 2; component"):
        fit_bradley_terry([0, 1], [1, 0], n_options=4)
    with pytest.raises(InputError, match=r"options 0, 1 and 2; component"):
        fit_bradley_terry([0, 1, 2], [1, 0, 0], weights=[1, 1, 0])
    ring = np.arange(20)
    with pytest.raises(InputError, match=r"0, 1, 2, 3, 4, \.\.\. \(20 in all\) and 20"):
        fit_bradley_terry(ring, (ring + 1) % 20, 0.5, n_options=21)


def test_options_that_always_win() -> None:
    with pytest.raises(InputError, match="options 0 that never lose and options 1 that never win"):
        fit_bradley_terry([0], [1])
    # 1 and 2 beat each other and 0; 3 beats them all once.
    with pytest.raises(InputError, match="options 3 that never lose and options 0 that never win"):
        fit_bradley_terry([1, 2, 1, 3], [2, 1, 0, 2])
    assert fit_bradley_terry([0], [1], 1 - 1e-9).rewards[0] > 10  # soft labels lose a little


def test_long_way_round_is_still_connected() -> None:
    ring = np.arange(50)
    found = fit_bradley_terry(ring, (ring + 1) % 50)
    np.testing.assert_allclose(found.rewards, 0.0, atol=1e-8)


def test_too_few_iterations() -> None:
    comparisons = simulated(6, 30, 300)
    first, second, outcomes, weights = comparisons
    with pytest.raises(ConvergenceError, match="after 1 Newton steps"):
        fit_bradley_terry(first, second, outcomes, weights=weights, max_iterations=1)
    with pytest.raises(ConvergenceError):
        fit_bradley_terry(first, second, outcomes, weights=weights, tolerance=0.0)


@pytest.mark.parametrize(
    ("i", "j", "wrong"), [(2, 0, "i"), (0, -1, "j"), (0.5, 1, "i"), (0, True, "j")]
)
def test_errors_of_differences_want_options(i: Any, j: Any, wrong: str) -> None:
    found = fit_bradley_terry([0, 1], [1, 0])
    with refuses(wrong):
        found.standard_error_of_difference(i, j)

"""Deviance, residuals, cycles and pair designs: by hand, by brute force, and by simulation."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import chi2, kstest

from socialpref import Population, fit_bradley_terry, nbc
from socialpref.bradley_terry import (
    BradleyTerryFit,
    find_cycles,
    goodness_of_fit,
    observed_design,
)
from tests.helpers import Floats, refuses

ROUND = [0, 1, 2], [1, 2, 0]


def complete(
    rng: np.random.Generator, rewards: Floats, games: int, *, options: int | None = None
) -> BradleyTerryFit:
    """Fit comparisons of all pairs that are drawn from the model."""
    first, second = np.triu_indices(len(rewards), 1)
    chance = expit(rewards[first] - rewards[second])
    wins = rng.binomial(games, chance)
    return fit_bradley_terry(first, second, wins / games, weights=games, n_options=options)


# Deviance


def test_a_circle() -> None:
    """Rewards are all equal, so each pair has residual (30 - 20) / sqrt(10)."""
    fit = fit_bradley_terry(*ROUND, 0.75, weights=40)
    found = goodness_of_fit(fit)
    expected = 2 * 3 * 40 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert found.deviance == pytest.approx(expected)
    assert found.degrees == 1
    assert found.p_value == pytest.approx(chi2.sf(expected, 1))
    assert found.method == "chi-squared"
    np.testing.assert_allclose(np.abs(found.residual), math.sqrt(10))
    assert list(found.to_frame().columns) == [
        "first", "second", "n", "share", "fitted", "residual"
    ]  # fmt: skip


def test_residuals_come_worst_first() -> None:
    fit = complete(np.random.default_rng(0), np.linspace(1, -1, 6), 50)
    found = goodness_of_fit(fit)
    assert (np.diff(np.abs(found.residual)) <= 0).all()
    chance = expit(fit.rewards[found.first] - fit.rewards[found.second])
    np.testing.assert_allclose(found.fitted, chance)
    np.testing.assert_allclose(
        found.residual, (found.share - chance) / np.sqrt(chance * (1 - chance) / 50)
    )


def test_nothing_to_test_and_no_counts() -> None:
    tree = goodness_of_fit(fit_bradley_terry([0, 1], [1, 2], 0.75, weights=4))
    assert (tree.degrees, tree.p_value) == (0, None)
    assert tree.deviance == pytest.approx(0.0, abs=1e-9)
    assert "explain any comparisons" in tree.method
    assert "no p-value" in tree.describe()
    assert "No three options were all compared" in tree.describe()
    soft = goodness_of_fit(fit_bradley_terry(*ROUND, 0.6, weights=4))
    assert soft.p_value is None
    assert "no whole numbers" in soft.method
    with refuses("fit"):
        goodness_of_fit([1, 2])  # type: ignore[arg-type]
    with refuses("simulations"):
        goodness_of_fit(fit_bradley_terry(*ROUND, 0.75, weights=4), simulations=0)


def test_few_comparisons_are_simulated() -> None:
    """One comparison of each pair in a circle, or not: exact p-values are 1 and 1/4."""
    circle = goodness_of_fit(fit_bradley_terry(*ROUND), simulations=199)
    assert circle.method == "199 simulated data sets"
    # Of 8 equally likely tables 2 are circles, with deviance 6 log 2; the others fit perfectly.
    assert circle.deviance == pytest.approx(6 * math.log(2))
    assert circle.p_value is not None
    assert circle.p_value == pytest.approx(0.25, abs=0.12)  # 4 standard errors
    again = goodness_of_fit(fit_bradley_terry(*ROUND), simulations=199)
    assert again.p_value == circle.p_value


def test_a_prior_is_part_of_the_simulation() -> None:
    fit = fit_bradley_terry([0, 0, 0, 1], [1, 1, 2, 2], prior=5.0)
    found = goodness_of_fit(fit, simulations=99)
    assert found.p_value is not None
    assert found.p_value > 0.05  # whereas shrinking alone would look like a bad fit


@pytest.mark.slow
@pytest.mark.parametrize("games", [2, 60])
def test_p_values_are_uniform_if_the_model_is_right(games: int) -> None:
    rng = np.random.default_rng(games)
    rewards = np.linspace(1, -1, 7)
    first, second = np.triu_indices(7, 1)
    p_values = []
    for _ in range(150):
        wins = rng.binomial(games, expit(rewards[first] - rewards[second]))
        fit = fit_bradley_terry(first, second, wins / games, weights=games, component="largest")
        found = goodness_of_fit(fit, simulations=None if games > 2 else 59, seed=rng)
        if len(fit.rewards) == 7:
            assert found.p_value is not None
            p_values.append(found.p_value)
    assert len(p_values) > 120
    low = np.mean(np.array(p_values) <= 0.05)
    assert low <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / len(p_values))
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)
    if games > 2:
        assert kstest(p_values, "uniform").pvalue > 0.001


def test_shares_that_were_divided_are_still_counts() -> None:
    wins = np.array([7, 11, 13])
    found = goodness_of_fit(fit_bradley_terry(*ROUND, wins / 49, weights=49))
    assert found.method == "chi-squared"


# Cycles


@pytest.mark.parametrize(("size", "share"), [(3, 1.0), (8, 1.0), (20, 0.4)])
def test_cycles_by_brute_force(size: int, share: float) -> None:
    rng = np.random.default_rng(size)
    low, high = np.triu_indices(size, 1)
    kept = (rng.random(len(low)) < share) | (high == low + 1)
    low, high = low[kept], high[kept]
    wins = rng.integers(0, 9, len(low))
    fit = fit_bradley_terry(low, high, wins / 8, weights=8, prior=0.1)
    odds, variance = {}, {}
    for y, z, won in zip(low.tolist(), high.tolist(), wins.tolist(), strict=True):
        odds[y, z] = math.log((won + 0.5) / (8 - won + 0.5))
        odds[z, y] = -odds[y, z]
        variance[y, z] = variance[z, y] = 1 / (won + 0.5) + 1 / (8 - won + 0.5)
    expected = {}
    for a, b, c in combinations(range(size), 3):
        edges = (a, b), (b, c), (c, a)
        if all(edge in odds for edge in edges):
            total = sum(odds[edge] for edge in edges)
            expected[a, b, c] = abs(total) / math.sqrt(sum(variance[edge] for edge in edges))
    found = find_cycles(fit)
    assert found.n_triangles == len(expected)
    assert found.complete
    worst = sorted(expected.values(), reverse=True)[: len(found.members)]
    np.testing.assert_allclose(found.log_odds / found.standard_error, worst)
    for (a, b, c), total, ratio in zip(found.members, found.log_odds, worst, strict=True):
        assert odds[a, b] + odds[b, c] + odds[c, a] == pytest.approx(total)
        assert expected[tuple(sorted((a, b, c)))] == pytest.approx(ratio)


def test_a_sample_of_triangles(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = complete(np.random.default_rng(1), np.zeros(30), 20)
    whole = find_cycles(fit)
    monkeypatch.setattr("socialpref.bradley_terry.cycles.MOST_WEDGES", 500)
    sample = find_cycles(fit, seed=3)
    assert not sample.complete
    assert 400 < sample.n_triangles <= 500 < whole.n_triangles == math.comb(30, 3)
    assert "that were sampled" in sample.describe()
    ratios = (cycles.log_odds / cycles.standard_error for cycles in (sample, whole))
    assert next(ratios)[0] <= next(ratios)[0]
    again = find_cycles(fit, seed=3)
    assert again.members.tolist() == sample.members.tolist()


def test_a_mixture_shows_as_a_cycle() -> None:
    """Two equal types, (0, 1, 3) and (0, -2, 1): log-odds 0.42459 around the triangle."""
    table = Population([[0, 1, 3], [0, -2, 1]]).pairwise()
    first, second = np.triu_indices(3, 1)
    games = 10**7
    wins = np.rint(games * table[first, second])
    found = find_cycles(fit_bradley_terry(first, second, wins / games, weights=games))
    assert found.log_odds[0] == pytest.approx(0.42459, abs=1e-5)
    assert found.p_value[0] < 1e-10


# Designs


def test_a_product_design_gives_the_order_of_nbc() -> None:
    rng = np.random.default_rng(2)
    population = Population(rng.normal(size=(3, 5)) * 2)
    d = rng.dirichlet(np.ones(5))
    first, second = np.triu_indices(5, 1)
    fit = fit_bradley_terry(
        first, second, population.pairwise()[first, second], weights=d[first] * d[second]
    )
    found = observed_design(fit)
    # Places in comparisons of two options that differ are not d itself.
    drawn = d * (1 - d) / (d * (1 - d)).sum()
    np.testing.assert_allclose(found.appearances, drawn)
    assert found.product is not None
    np.testing.assert_allclose(found.product, nbc(population, drawn), atol=1e-12)
    uniform = fit_bradley_terry(first, second, population.pairwise()[first, second])
    assert found.uniform is not None
    np.testing.assert_allclose(found.uniform, uniform.rewards, atol=1e-8)


def test_a_uniform_design() -> None:
    found = observed_design(complete(np.random.default_rng(3), np.linspace(0.5, -0.5, 6), 30))
    assert found.from_uniform == pytest.approx(0.0, abs=1e-12)
    assert found.from_product == pytest.approx(0.0, abs=1e-12)
    assert found.discordant_uniform == 0
    assert found.uniform is not None
    np.testing.assert_allclose(found.uniform, found.observed, atol=1e-7)


def test_a_design_that_changes_the_order() -> None:
    """A circle in which one pair is hardly shown: its winner looks worse than it is."""
    fit = fit_bradley_terry([0, 1, 2], [1, 2, 0], 0.75, weights=[100, 100, 1])
    found = observed_design(fit)
    assert np.argsort(-found.observed).tolist() == [0, 1, 2]
    assert found.uniform is not None
    np.testing.assert_allclose(found.uniform, 0.0, atol=1e-9)
    assert found.from_uniform == pytest.approx(1 / 3 - 1 / 201)
    frame = found.to_frame()
    assert list(frame.columns) == ["option", "appearances", "observed", "uniform", "nbc"]


def test_pairs_that_were_never_shown() -> None:
    found = observed_design(fit_bradley_terry([0, 1], [1, 2], 0.75))
    assert found.uniform is None
    assert found.product is None
    assert found.discordant_product is None
    assert found.reason == "1 of 3 pairs were never compared"
    assert found.from_uniform == pytest.approx(1 / 3)
    assert "is not known: 1 of 3 pairs" in found.describe()
    # Independent draws from (1/4, 1/2, 1/4) that differ: pair (0, 2) has 1/5 of them.
    assert found.from_product == pytest.approx(0.2)
    assert list(found.to_frame().columns) == ["option", "appearances", "observed"]


def test_shares_of_wins_without_a_maximum() -> None:
    found = observed_design(fit_bradley_terry([0, 0, 1], [1, 2, 2], prior=1.0))
    assert found.uniform is None
    assert found.product is not None
    assert "no finite rewards" in found.describe()
    assert found.discordant_product == 0
    with refuses("fit"):
        observed_design(None)  # type: ignore[arg-type]

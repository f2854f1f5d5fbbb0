"""Errors by cluster, design effects and intervals of ranks, against dense algebra and by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm, t

from socialpref import InputError, fit_bradley_terry
from socialpref.bradley_terry import BradleyTerryFit
from socialpref.bradley_terry.ranks import rank_intervals
from tests.helpers import Floats, refuses


def answers(seed: int, size: int, people: int, each: int, *, taste: float = 0.0) -> dict[str, Any]:
    """Draw comparisons by annotators whose own rewards spread by `taste` around the common ones."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    first = rng.integers(0, size, people * each)
    second = (first + rng.integers(1, size, len(first))) % size
    rewards = np.linspace(0.5, -0.5, size) + taste * rng.normal(size=(people, size))
    gap = rewards[person, first] - rewards[person, second]
    outcomes = (rng.random(len(first)) < expit(gap)).astype(float)
    return {"first": first, "second": second, "outcomes": outcomes, "cluster": person}


def dense_errors(fit: BradleyTerryFit, data: dict[str, Any], weights: Floats) -> Floats:
    """Return the sandwich's errors, row by row and by numpy's pseudo-inverse."""
    size = len(fit.rewards)
    information = np.zeros((size, size))
    scores: dict[int, Floats] = {}
    for y, z, won, who, weight in zip(
        data["first"], data["second"], data["outcomes"], data["cluster"], weights, strict=True
    ):
        e = np.zeros(size)
        e[y], e[z] = 1.0, -1.0
        chance = expit(fit.rewards[y] - fit.rewards[z])
        information += weight * chance * (1 - chance) * np.outer(e, e)
        scores[who] = scores.get(who, np.zeros(size)) + weight * (won - chance) * e
    centring = np.eye(size) - 1.0 / size
    bread = np.linalg.pinv(information + fit.prior * centring)
    table = np.array(list(scores.values()))
    covariance = len(table) / (len(table) - 1) * bread @ table.T @ table @ bread
    return np.asarray(np.sqrt(np.diag(covariance)))


# Errors by cluster


def test_annotators_who_repeat_themselves() -> None:
    # Scores of +2 q, +2 q and -2 p at p = 2/3, q = 1/3, information p q times 6.
    found = fit_bradley_terry(
        [0, 0, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0], cluster=["a", "a", "b", "b", "c", "c"]
    )
    meat = (2 * (2 / 3) ** 2 + (4 / 3) ** 2) * 3 / 2
    expected = math.sqrt(meat) / (6 * 2 / 9)  # of the difference
    assert found.standard_error_of_difference(0, 1, clustered=True) == pytest.approx(expected)
    np.testing.assert_allclose(found.standard_errors(clustered=True), expected / 2)
    assert found.design_effect() == pytest.approx(2 * 3 / 2)
    assert found.n_clusters == 3


@pytest.mark.parametrize("prior", [None, 0.7])
@pytest.mark.parametrize("size", [3, 12])
def test_sandwich_against_dense_algebra(size: int, prior: float | None) -> None:
    data = answers(size, size, 40, 15, taste=1.0)
    weights = np.random.default_rng(1).uniform(0.2, 2.0, len(data["first"]))
    found = fit_bradley_terry(**data, weights=weights, prior=prior, tolerance=1e-12)
    expected = dense_errors(found, data, weights)
    np.testing.assert_allclose(found.standard_errors(clustered=True), expected, rtol=1e-9)
    trace = (expected**2).sum() / (found.standard_errors() ** 2).sum()
    assert found.design_effect() == pytest.approx(trace)


def test_many_options_without_a_dense_inverse(monkeypatch: pytest.MonkeyPatch) -> None:
    data = answers(2, 200, 100, 40)
    found = fit_bradley_terry(**data)
    naive, clustered = found.standard_errors(), found.standard_errors(clustered=True)
    expected = found.standard_error_of_difference(3, 150, clustered=True)
    covariance = found.covariance(clustered=True)
    contrast = (np.arange(200) == 3) * 1.0 - (np.arange(200) == 150)
    assert contrast @ covariance @ contrast == pytest.approx(expected**2, rel=1e-6)
    monkeypatch.setattr("socialpref.bradley_terry.estimates.DENSE_ERRORS", 10)
    fresh = replace(found)
    np.testing.assert_allclose(fresh.standard_errors(), naive, rtol=1e-8)
    np.testing.assert_allclose(fresh.standard_errors(clustered=True), clustered, rtol=1e-8)
    with pytest.raises(InputError, match="at most 10 options; got 200"):
        fresh.covariance()


@pytest.mark.parametrize("share", [0.0, 2.0])
def test_sparse_and_dense_products_agree(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    data = answers(3, 30, 50, 10)
    expected = fit_bradley_terry(**data).standard_errors(clustered=True)
    monkeypatch.setattr("socialpref.bradley_terry.clusters.DENSE_SHARE", share)
    monkeypatch.setattr("socialpref.bradley_terry.clusters.BLOCK_ENTRIES", 100)
    found = fit_bradley_terry(**data).standard_errors(clustered=True)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(st.integers(0, 10**6))
def test_counts_of_clusters_are_as_good_as_rows(seed: int) -> None:
    data = answers(seed, 4, 12, 20)
    by_row = fit_bradley_terry(**data)
    keys = np.column_stack([data["cluster"], data["first"], data["second"]])
    kept, place = np.unique(keys, axis=0, return_inverse=True)
    wins = np.bincount(place.ravel(), data["outcomes"])
    losses = np.bincount(place.ravel(), 1 - data["outcomes"])
    games = wins + losses
    who, first, second = kept.T
    plain = fit_bradley_terry(first, second, wins / games, weights=games)
    assert plain.scores is None
    assert plain.n_clusters is None
    counted = plain.with_clusters(who, first, second, wins, losses)
    np.testing.assert_allclose(
        counted.standard_errors(clustered=True), by_row.standard_errors(clustered=True), rtol=1e-7
    )


def test_clusters_of_single_comparisons_are_robust_errors() -> None:
    """Where the model is right they are near the naive ones."""
    data = answers(4, 5, 1, 4000) | {"cluster": np.arange(4000)}
    assert fit_bradley_terry(**data).design_effect() == pytest.approx(1.0, abs=0.05)


def test_the_scale_of_weights_does_not_matter_for_clusters() -> None:
    data = answers(5, 5, 30, 20)
    one, other = (fit_bradley_terry(**data, weights=w) for w in (1.0, 1e-3))
    np.testing.assert_allclose(
        one.standard_errors(clustered=True), other.standard_errors(clustered=True), rtol=1e-6
    )


def test_clusters_that_are_left_out() -> None:
    """Rows of no weight, and of options outside the largest component, are in no cluster."""
    first, second = [0, 1, 0, 1, 2, 0], [1, 0, 1, 0, 0, 1]
    found = fit_bradley_terry(
        first,
        second,
        weights=[1, 1, 1, 1, 1, 0],
        cluster=["a", "a", "b", "b", "c", "d"],
        component="largest",
    )
    assert found.n_clusters == 2
    assert found.left_out == ("option 3",)


@pytest.mark.parametrize(
    ("argument", "cluster"),
    [
        ("cluster", [1, 1]),
        ("cluster", [1, 1, 1]),
        ("cluster", ["a", None, "b"]),
        ("cluster", [1.0, math.nan, 2.0]),
        ("cluster", [[1], [2], [3]]),
        ("cluster", "abc"),
    ],
)
def test_bad_clusters(argument: str, cluster: Any) -> None:
    with refuses(argument):
        fit_bradley_terry([0, 1, 0], [1, 0, 1], cluster=cluster)


def test_counts_of_another_fit_are_refused() -> None:
    found = fit_bradley_terry([0, 1, 0], [1, 0, 1])
    with pytest.raises(InputError, match="must add up, over the clusters"):
        found.with_clusters([1, 2, 3], [0, 1, 0], [1, 0, 1], [1, 1, 1], [0, 0, 1])
    with refuses("wins"):
        found.with_clusters([1, 2], [0, 1], [1, 0], [2, -1], [0, 0])
    with refuses("first"):
        found.with_clusters([1, 2], [0, 2], [1, 0], [2, 1], [0, 0])


def test_without_clusters_there_are_no_errors_by_cluster() -> None:
    found = fit_bradley_terry([0, 1], [1, 0])
    for refused in (
        lambda: found.standard_errors(clustered=True),
        lambda: found.covariance(clustered=True),
        lambda: found.standard_error_of_difference(0, 1, clustered=True),
        found.design_effect,
        lambda: found.rank_intervals(clustered=True),
    ):
        with refuses("clustered"):
            refused()


# Intervals of ranks


def test_ranks_by_hand() -> None:
    # Differences have standard error 1; Bonferroni's value for two tests is 2.2414.
    covariance = 0.5 * (np.eye(3) - 1 / 3)
    rewards = np.array([0.0, 2.25, 2.0])
    found = rank_intervals(rewards, covariance, options=("a", "b", "c"))
    assert found.critical == pytest.approx(norm.isf(0.0125))
    assert found.low.tolist() == [2, 1, 1]
    assert found.high.tolist() == [3, 2, 3]
    assert found.describe() == "Ranks at 95%, each on its own: 'b' 1 to 2, 'c' 1 to 3, 'a' 2 to 3."
    few = rank_intervals(rewards, covariance, options=("a", "b", "c"), degrees=5)
    assert few.critical == pytest.approx(t.isf(0.0125, 5))
    assert few.low.tolist() == [1, 1, 1]


def test_two_options_have_one_difference() -> None:
    covariance = np.array([[0.25, -0.25], [-0.25, 0.25]])
    found = rank_intervals(
        np.zeros(2), covariance, options=("a", "b"), simultaneous=True, level=0.9
    )
    # The quantile of 2,000 draws of |z| is known to about .04.
    assert found.critical == pytest.approx(norm.isf(0.05), abs=0.12)


def test_simultaneous_ranks_are_wider_and_repeat() -> None:
    found = fit_bradley_terry(**answers(6, 10, 60, 30))
    own = found.rank_intervals()
    together, again = (found.rank_intervals(simultaneous=True, seed=3) for _ in range(2))
    assert own.critical < together.critical == again.critical < norm.isf(0.025 / 45) + 0.2
    assert (together.low <= own.low).all()
    assert (together.high >= own.high).all()
    naive = found.rank_intervals(clustered=False)
    assert naive.critical < own.critical  # 59 degrees of freedom


def test_simultaneous_ranks_of_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socialpref.bradley_terry.ranks.MOST_TOGETHER", 3)
    found = fit_bradley_terry(**answers(7, 4, 20, 20))
    with refuses("simultaneous"):
        found.rank_intervals(simultaneous=True)
    with refuses("level"):
        found.rank_intervals(level=1.0)


# Tables and words


def test_tables_and_words() -> None:
    data = answers(8, 6, 30, 20)
    found = fit_bradley_terry(**data, options=list("abcdef"))
    frame = found.to_frame()
    assert list(frame.columns) == [
        "option", "n", "wins", "reward", "se_naive", "se_clustered", "rank_low", "rank_high"
    ]  # fmt: skip
    assert frame["n"].sum() == 2 * 600
    assert frame["wins"].sum() == 600
    assert frame["option"].tolist() == list("abcdef")
    said = found.describe()
    assert said.startswith("Rewards of 6 options (standard errors, by 30 clusters): '")
    assert f"The design effect is {found.design_effect():.2f}." in said


def test_labels() -> None:
    found = fit_bradley_terry([0, 1], [1, 0], options=["x", "y"])
    assert found.options == ("x", "y")
    assert fit_bradley_terry([0, 1], [1, 0]).options == ("option 1", "option 2")
    with refuses("options"):
        fit_bradley_terry([0, 1], [1, 0], options=["x", "x"])
    with refuses("options"):
        fit_bradley_terry([0, 1], [1, 0], n_options=2, options=["x"])
    with refuses("first"):
        fit_bradley_terry([0, 2], [1, 0], options=["x", "y"])


# Against the spread over data sets


def camps(rng: np.random.Generator, people: int) -> BradleyTerryFit:
    """Draw two camps of opposite rewards, each of whom compares all 15 pairs of six options."""
    first, second = np.triu_indices(6, 1)
    rewards = np.array([[2.0, 1.0, 0.0, 0.0, -1.0, -2.0], [-2.0, -1.0, 0.0, 0.0, 1.0, 2.0]])
    gap = (rewards[:, first] - rewards[:, second])[rng.integers(2, size=people)]
    won = (rng.random(gap.shape) < expit(gap)).ravel().astype(float)
    rows = np.tile(first, people), np.tile(second, people)
    return fit_bradley_terry(*rows, won, cluster=np.repeat(np.arange(people), 15))


def test_errors_by_cluster_are_the_spread_over_data_sets() -> None:
    rng = np.random.default_rng(0)
    fits = [camps(rng, 200) for _ in range(100)]
    spread = np.std([found.rewards for found in fits], axis=0)
    mean = np.mean([found.standard_errors(clustered=True) for found in fits], axis=0)
    # The standard deviation of 100 values is known to 7 per cent.
    np.testing.assert_allclose(mean, spread, rtol=0.25)
    naive = np.mean([found.standard_errors() for found in fits], axis=0)
    assert spread[0] / naive[0] > 1.5  # the extremes, on which the camps disagree
    assert spread[2] / naive[2] < 0.9


@pytest.mark.slow
def test_clustered_intervals_cover() -> None:
    """Two camps: the rewards are 0 by symmetry, and 95 % intervals cover in 93 to 97 %."""
    rng = np.random.default_rng(1)
    covered, naive = [], []
    for _ in range(1000):
        found = camps(rng, 100)
        width = t.isf(0.025, 99) * found.standard_errors(clustered=True)
        covered.append(np.abs(found.rewards) <= width)
        naive.append(np.abs(found.rewards) <= 1.96 * found.standard_errors())
    share = np.mean(covered, axis=0)
    assert ((share > 0.93) & (share < 0.97)).all(), share
    # As docs/howto/preference-data.md has it: naive intervals are right for nobody.
    assert [round(100 * of) for of in (share.min(), share.max())] == [94, 96]
    without = np.mean(naive, axis=0)
    assert [round(100 * of) for of in (without.min(), without.max())] == [68, 98]


@pytest.mark.slow
def test_rank_intervals_cover() -> None:
    """Eight options close together, and annotators with tastes of their own."""
    rng = np.random.default_rng(2)
    truth = np.linspace(0.35, -0.35, 8)
    own: list[Any] = []
    together: list[Any] = []
    for run in range(600):
        people, each = 80, 25
        person = np.repeat(np.arange(people), each)
        first = rng.integers(0, 8, people * each)
        second = (first + rng.integers(1, 8, len(first))) % 8
        taste = rng.normal(size=(people, 8))
        gap = (truth + taste)[person, first] - (truth + taste)[person, second]
        won = (rng.random(len(first)) < expit(gap)).astype(float)
        found = fit_bradley_terry(first, second, won, cluster=person)
        for kept, simultaneous in ((own, False), (together, True)):
            ranks = found.rank_intervals(simultaneous=simultaneous, seed=run)
            kept.append((ranks.low <= np.arange(1, 9)) & (ranks.high >= np.arange(1, 9)))
    assert np.mean(own, axis=0).min() > 0.95
    assert np.all(together, axis=1).mean() > 0.95
    # and they are not so wide that they say nothing
    assert found.rank_intervals().high[0] < 8

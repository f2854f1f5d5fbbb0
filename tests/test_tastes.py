"""Do annotators differ? Heterogeneity, agreement, known groups, and populations that come of it."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from socialpref import Population, average_reward, fit_bradley_terry, flip_distances, nbc
from socialpref.comparisons import (
    Comparisons,
    agreement,
    choose_classes,
    cross_table,
    fit_latent_classes,
    heterogeneity,
    population_of,
    populations_by_prompt,
    simulate,
)
from socialpref.comparisons.groups import adjusted_rand_index
from socialpref.comparisons.shuffles import NoTastes
from socialpref.errors import InputError

Floats = NDArray[np.float64]
CAMPS = Population([[1.5, 0.0, -1.5], [-1.5, 0.0, 1.5]])


def rows_of(
    who: object, first: object, second: object, label: object, **more: object
) -> Comparisons:
    """Return comparisons at one prompt."""
    sizes = {"n_prompts": 1, "n_options": 1 + int(np.max([first, second]))} | more
    prompt = np.zeros(len(np.asarray(who)), int)
    return Comparisons(prompt, first, second, label, annotator=who, **sizes)  # type: ignore[arg-type]


def without_tastes(seed: int, kind: str) -> Comparisons:
    """Return comparisons by annotators who all have the same rewards.

    Some see the same pair twice, some see few pairs, some compare once; a tenth are ties.
    """
    rng = np.random.default_rng(seed)
    n, K = 60, 60 if kind == "rare" else 4
    if kind == "ballots":
        utilities = np.linspace(-1, 1, 5) + rng.gumbel(size=(n, 5))
        first, second = (np.tile(ends, n) for ends in np.triu_indices(5, 1))
        who = np.repeat(np.arange(n), 10)
        label = utilities[who, first] > utilities[who, second]
        return rows_of(who, first, second, label.astype(float), ballot=who)
    who = np.repeat(np.arange(n), rng.integers(1, 9, n))
    if kind == "rare":
        first = (who + rng.integers(0, 25, len(who))) % K
        second = (first + rng.integers(1, 25, len(who))) % K
    else:
        seen = np.where(who % 3 == 0, 2, K)
        first = rng.integers(0, seen)
        second = (first + rng.integers(1, seen)) % seen
    rewards = np.linspace(1, -1, K)
    chance = 1 / (1 + np.exp(rewards[second] - rewards[first]))
    label = (rng.random(len(who)) < chance).astype(float)
    label[rng.random(len(who)) < 0.1] = 0.5
    return rows_of(who, first, second, label, n_options=K)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "how"),
    [("recurring", "permutation"), ("rare", "simulation"), ("ballots", "simulation")],
)
def test_p_values_are_uniform_where_nobody_has_tastes(kind: str, how: str) -> None:
    """The largest gap to the uniform distribution is that of 1 in 1,000 samples of 200, or less.

    P-values of one ballot each are too large; small ones are no more frequent than they should be.
    """
    found = [
        heterogeneity(without_tastes(seed, kind), replicates=99, seed=10**6 + seed)
        for seed in range(200)
    ]
    assert {one.how for one in found} == {how}
    values = np.sort([one.p_value for one in found])
    levels = np.arange(1, 100) / 100
    gaps = np.searchsorted(values, levels, side="right") / len(values) - levels
    gap = gaps[:25].max() if kind == "ballots" else np.abs(gaps).max()
    assert gap < 1.95 / np.sqrt(len(values))
    assert np.mean([one.relative for one in found]) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("how", ["permutation", "simulation"])
def test_two_camps_differ(how: str) -> None:
    rows = simulate(CAMPS, 600, "linked", comparisons=10, seed=1)
    if how == "simulation":  # of 80 options pairs hardly recur
        many = Population(np.array([[2.0], [-2.0]]) * np.linspace(-1, 1, 80))
        rows = simulate(many, 1000, "linked", comparisons=20, seed=2)
    found = heterogeneity(rows, replicates=99)
    assert found.how == how
    assert found.p_value == pytest.approx(0.01)
    assert found.relative is not None
    assert found.relative > 1.05
    n = 60 if how == "permutation" else 50
    assert (found.n_annotators, found.n_sampled) == (n, n)


def test_the_design_effect_is_that_of_the_fit() -> None:
    rows = simulate(CAMPS, 600, "linked", comparisons=10, seed=1)
    apart = rows.take(rows.first != rows.second)
    fit = fit_bradley_terry(apart.first, apart.second, apart.label, cluster=apart.annotator)
    assert heterogeneity(rows, replicates=1).deff == pytest.approx(fit.design_effect())


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (simulate(CAMPS, 20), "not known who made"),
        (rows_of([0, 1, 2], [0, 1, 2], [1, 2, 0], [1, 1, 0]), "met an option twice"),
        (rows_of([0, 0, 0], [0, 1, 2], [1, 2, 0], [1, 1, 0]), "one annotator"),
        (rows_of([0, 0, 1, 1], [0, 1, 0, 1], [1, 2, 1, 2], [0.5] * 4), "all comparisons are ties"),
    ],
)
def test_where_nothing_can_tell(rows: Comparisons, reason: str) -> None:
    found = heterogeneity(rows)
    assert (found.deff, found.p_value, found.how) == (None, None, None)
    assert found.reason is not None
    assert reason in found.reason
    assert reason in found.describe()


def test_a_sample_of_annotators_is_stated() -> None:
    rows = simulate(CAMPS, 300, "linked", comparisons=3)
    found = heterogeneity(rows, most=20, replicates=9)
    assert (found.n_annotators, found.n_sampled) == (100, 20)
    for name in ("most", "replicates"):
        with pytest.raises(InputError, match=name):
            heterogeneity(rows, **{name: 0})


def test_labels_stay_with_their_pair() -> None:
    """Each pair's labels are the same ones; a ballot moves as a whole."""
    rows = without_tastes(3, "recurring")
    null = NoTastes.of(rows)
    drawn = null.labels(np.random.default_rng(0))
    before, after = null.turned(null.rows.label), null.turned(drawn)
    low = np.minimum(null.rows.first, null.rows.second)
    pair = 10 * low + np.maximum(null.rows.first, null.rows.second)
    assert not np.array_equal(before, after)
    for one in np.unique(pair):
        assert sorted(before[pair == one]) == sorted(after[pair == one])
    who = np.repeat([0, 0, 1, 1], 3)
    ballot = np.repeat([0, 1, 2, 3], 3)
    codes = np.array([[1, 1, 1], [0, 0, 0], [1, 0.5, 0], [0, 1, 0.5]])
    ballots = rows_of(
        who, np.tile([0, 0, 1], 4), np.tile([1, 2, 2], 4), codes.ravel(), ballot=ballot
    )
    null = NoTastes.of(ballots)
    assert null.how == "permutation"
    moved = null.labels(np.random.default_rng(1)).reshape(4, 3)
    assert not np.array_equal(moved, codes)
    assert sorted(moved.tolist()) == sorted(codes.tolist())


# --- agreement --------------------------------------------------------------------------


def votes(seed: int = 0) -> Comparisons:
    """Return labels of 3 to 12 annotators of 20 pairs, ties among them, some given twice."""
    rng = np.random.default_rng(seed)
    who, unit = rng.integers(0, 12, 150), rng.integers(0, 20, 150)
    label = rng.choice([0.0, 0.5, 1.0], 150, p=[0.2, 0.2, 0.6])
    low, high = np.triu_indices(7, 1)
    return rows_of(who, low[unit], high[unit], label, n_options=7)


def test_agreement_by_hand() -> None:
    """Three annotators of one pair, 1 1 0; two of another, who agree; one who agrees with herself.

    Krippendorff weighs labels: 3 of them agree in 1/3 of pairs, 2 in 1, so 3/5 in all. In both
    orders 0 and 1 come 5 times each: by chance 5/9 of different labels disagree.
    """
    who = [0, 1, 2, 0, 1, 1, 3]
    first, second = [0, 0, 1, 1, 1, 2, 0], [1, 1, 0, 2, 2, 1, 2]
    found = agreement(rows_of(who, first, second, [1, 1, 1, 1, 1, 0, 1]))
    assert found.rate == pytest.approx(3 / 5)
    assert found.alpha == pytest.approx(1 - (2 / 5) / (5 / 9))
    assert found.retest == 1.0
    assert (found.n_pairs, found.n_shared, found.n_labels) == (3, 2, 6)
    assert (found.n_shared_labels, found.n_repeated) == (5, 1)
    assert found.shared == pytest.approx(5 / 6)
    assert found.repeated == pytest.approx(1 / 6)


def test_the_order_in_a_pair_does_not_matter() -> None:
    rows = votes()
    turned = np.arange(len(rows)) % 2 == 0
    other = replace(
        rows,
        first=np.where(turned, rows.second, rows.first),
        second=np.where(turned, rows.first, rows.second),
        label=np.where(turned, 1 - rows.label, rows.label),
    )
    assert agreement(other) == agreement(rows)
    backwards = replace(rows, first=6 - rows.first, second=6 - rows.second)
    assert agreement(backwards).alpha == pytest.approx(agreement(rows).alpha)


@pytest.mark.parametrize("symmetric", [True, False])
def test_alpha_is_that_of_the_package(symmetric: bool) -> None:
    krippendorff = pytest.importorskip("krippendorff")
    rows = votes(1)
    table = np.full((12, 49), np.nan)
    for coder, unit in {(a, 7 * b + c) for a, b, c in zip(*columns(rows), strict=True)}:
        own = rows.label[(rows.annotator == coder) & (7 * rows.first + rows.second == unit)]
        table[coder, unit] = np.sign(own.mean() - 0.5)
    if symmetric:
        table = np.hstack([table, -table])
    expected = krippendorff.alpha(table, level_of_measurement="nominal")
    assert agreement(rows, symmetric=symmetric).alpha == pytest.approx(expected)


def columns(rows: Comparisons) -> tuple[list[int], list[int], list[int]]:
    """Return annotators and options as lists."""
    assert rows.annotator is not None
    return rows.annotator.tolist(), rows.first.tolist(), rows.second.tolist()


def test_agreement_that_nothing_tells() -> None:
    found = agreement(rows_of([0, 1], [0, 1], [1, 2], [1, 1]))
    assert (found.rate, found.alpha, found.retest, found.n_shared) == (None, None, None, 0)
    assert (
        found.describe() == "No pair was compared by two annotators. Nobody compared a pair again."
    )
    same = agreement(rows_of([0, 1], [0, 0], [1, 1], [1, 1]), symmetric=False)
    assert (same.rate, same.alpha) == (1.0, None)
    with pytest.raises(InputError, match="annotator"):
        agreement(simulate(CAMPS, 10))
    with pytest.raises(InputError, match="symmetric"):
        agreement(votes(), symmetric=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="another option"):
        agreement(rows_of([0, 1], [1, 1], [1, 1], [1, 1]))


# --- known groups -----------------------------------------------------------------------


def test_rand_index_by_hand() -> None:
    """Hubert and Arabie: (2 - 4 * 2 / 10) / ((4 + 2) / 2 - .8) for these five things."""
    one, other = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 2, 2])
    assert adjusted_rand_index(one, other) == pytest.approx((2 - 0.8) / (3 - 0.8))
    assert adjusted_rand_index(one, np.zeros(5, int)) == 0.0


def test_the_rand_index_is_0_by_chance_on_average() -> None:
    """Over all permutations of one partition its mean is 0: that is what it is adjusted to."""
    one, other = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2])
    values = [adjusted_rand_index(np.array(order), other) for order in permutations(one)]
    assert np.mean(values) == pytest.approx(0.0, abs=1e-12)


def test_classes_and_groups() -> None:
    rows = simulate(CAMPS, 1600, "linked", comparisons=8, seed=4)
    fit = fit_latent_classes(rows, 2)
    assert rows.annotator is not None
    likely = fit.memberships(rows).argmax(axis=1)
    known = np.where(rows.annotator < 20, -1, likely[rows.annotator])
    found = cross_table(
        fit, replace(rows, annotator_type=known, types=("left", "right")), replicates=99
    )
    assert (found.rand_index, found.p_value) == (1.0, 0.01)
    assert (found.groups, found.n_annotators, found.n_left_out) == (("left", "right"), 180, 20)
    members = fit.memberships(rows)[20:]
    np.testing.assert_allclose(found.counts[1, 0], members[likely[20:] == 0, 1].sum())
    np.testing.assert_allclose(found.shares().sum(axis=0), 1.0)
    chance = np.random.default_rng(0).integers(0, 2, 200)[rows.annotator]
    nothing = cross_table(fit, replace(rows, annotator_type=chance), replicates=99)
    assert nothing.p_value > 0.05
    assert abs(nothing.rand_index) < 0.05
    with pytest.raises(InputError, match="annotator_type"):
        cross_table(fit, rows)


# --- populations ------------------------------------------------------------------------


def people_of_two_types() -> Comparisons:
    """Return 2 annotators of one type with 100 labels each, 8 of another with 5."""
    rng = np.random.default_rng(0)
    who = np.concatenate([[a] * (100 if a < 2 else 5) for a in range(10)])
    kind = (who >= 2).astype(int)
    label = rng.random(len(who)) < 1 / (1 + np.exp(np.where(kind == 0, -2.0, 2.0)))
    return rows_of(
        who, 0 * who, 0 * who + 1, label.astype(float), annotator_type=kind, types=("old", "new")
    )


def test_types_are_weighted_by_people() -> None:
    rows = people_of_two_types()
    people = population_of(rows, bootstrap=5)
    assert people.draws is not None
    assert flip_distances(people.draws).shape == (5,)
    assert nbc(people.draws).shape == (5, 2)
    counts = people.draws.shares * 10
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)  # of ten people
    np.testing.assert_allclose(people.shares, [0.2, 0.8])
    assert people.types == ("old", "new")
    wins = [rows.label[rows.annotator_type == u].mean() for u in (0, 1)]
    np.testing.assert_allclose(people.rewards[:, 0], np.log(wins / (1 - np.array(wins))) / 2)
    heavy = replace(rows, weight=np.where(rows.annotator == 0, 4.0, 1.0))
    np.testing.assert_allclose(population_of(heavy).shares, [5 / 13, 8 / 13])
    given = population_of(rows, shares=[0.5, 0.5], bootstrap=3)
    assert given.draws is not None
    np.testing.assert_allclose(given.draws.shares, 0.5)


@pytest.mark.slow
def test_draws_are_of_annotators() -> None:
    """The spread of the average reward is that over data sets drawn anew."""
    population = Population([[1.0, 0.0, -1.0], [-1.0, 0.0, 1.0]], [0.3, 0.7])

    def sample(seed: int) -> Comparisons:
        rng = np.random.default_rng(seed)
        kind = rng.choice(2, 60, p=population.shares)
        who = np.repeat(np.arange(60), 12)
        first, second = np.tile([[0, 1, 2, 0], [1, 2, 0, 1]], 180)
        gap = population.rewards[kind[who], first] - population.rewards[kind[who], second]
        label = (rng.random(len(who)) < 1 / (1 + np.exp(-gap))).astype(float)
        return rows_of(who, first, second, label, annotator_type=kind[who])

    truth = np.std([average_reward(population_of(sample(seed)))[0] for seed in range(150)])
    drawn = [population_of(sample(500 + i), bootstrap=60, seed=i).draws for i in range(4)]
    spread = np.mean([np.std(average_reward(one)[:, 0]) for one in drawn])  # type: ignore[arg-type]
    assert spread == pytest.approx(truth, rel=0.2)


def test_everybody_is_what_dpo_learns() -> None:
    rows = simulate(CAMPS, 500, seed=3)
    apart = rows.take(rows.first != rows.second)
    fit = fit_bradley_terry(apart.first, apart.second, apart.label)
    people = population_of(rows, "everybody", bootstrap=2)
    np.testing.assert_allclose(people.rewards, [fit.rewards], atol=1e-7)
    assert people.draws is not None


def test_a_type_that_always_prefers_one_option_has_a_prior() -> None:
    rows = rows_of(
        [0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0], annotator_type=[0, 0, 1, 1]
    )
    people = population_of(rows)
    np.testing.assert_allclose(people.rewards[1], 0.0, atol=1e-8)
    h = people.rewards[0, 0]
    assert 2 / (1 + np.exp(2 * h)) == pytest.approx(0.1 * h)  # the derivative is 0
    assert population_of(rows, prior=10.0).rewards[0, 0] < h


def test_classes_keep_their_names_in_draws() -> None:
    population = Population([[1.5, 0.0, -1.5], [-1.5, 0.0, 1.5]], [0.4, 0.6])
    rows = simulate(population, 1600, "linked", comparisons=8, seed=4)
    fit = fit_latent_classes(rows, 2)
    people = population_of(rows, fit, bootstrap=30)
    np.testing.assert_allclose(people.rewards, fit.rewards[0])
    np.testing.assert_allclose(people.shares, fit.shares)
    draws = people.draws
    assert draws is not None
    assert (np.sign(draws.rewards[:, :, 0]) == np.sign(people.rewards[:, 0])).all()
    np.testing.assert_allclose(draws.rewards.mean(axis=0), people.rewards, atol=0.1)
    assert 0.01 < draws.shares[:, 0].std() < 0.1


def test_one_population_for_each_prompt() -> None:
    """Options that a prompt does not have are not in its population; draws go together."""
    columns = np.array(
        [[0, 0, 0, 1, 1, 1, 1, 1], [0, 1, 0, 2, 0, 1, 0, 2], [1, 0, 1, 0, 1, 2, 2, 1]]
    )
    rows = Comparisons(
        prompt=columns[0],
        first=columns[1],
        second=columns[2],
        label=np.array([1.0, 1, 0, 1, 1, 1, 0, 1]),
        n_prompts=2,
        n_options=3,
        annotator=np.array([0, 1, 2, 0, 1, 2, 2, 0]),
        available=np.array([[True, True, False], [True] * 3]),
        options=("a", "b", "c"),
    )
    first, second = populations_by_prompt(rows, "everybody", bootstrap=4)
    assert (first.options, second.options) == (("a", "b"), ("a", "b", "c"))
    alone = population_of(rows, "everybody", prompt=1, bootstrap=4)
    np.testing.assert_array_equal(alone.rewards, second.rewards)
    assert alone.draws is not None
    assert second.draws is not None
    np.testing.assert_array_equal(alone.draws.rewards, second.draws.rewards)
    fit = fit_latent_classes(rows, 1)
    assert [one.n_options for one in populations_by_prompt(rows, fit)] == [2, 3]


def test_populations_refuse() -> None:
    rows = people_of_two_types()
    with pytest.raises(InputError, match="'prompt' must be the number of one of 2 prompts"):
        population_of(replace(rows, n_prompts=2))
    with pytest.raises(InputError, match="annotator_type"):
        population_of(replace(rows, annotator_type=None))
    with pytest.raises(InputError, match="'types' must be one of 'given', 'everybody'"):
        population_of(rows, "classes")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'bootstrap'"):
        population_of(rows, bootstrap=-1)
    with pytest.raises(InputError, match="'prior' must be omitted"):
        population_of(rows, fit_latent_classes(rows, 1), prior=1.0)
    with pytest.raises(InputError, match="'shares'"):
        population_of(rows, shares=[0.5, 0.6])


@pytest.mark.slow
def test_camps_that_cancel_are_found_in_a_population() -> None:
    """From comparisons to a choice of classes to intervals that hold the truth."""
    population = Population([[1.5, 0.0, -1.5], [-1.5, 0.0, 1.5]], [0.4, 0.6])
    rows = simulate(population, 4000, "linked", comparisons=10, seed=5)
    people = population_of(rows, choose_classes(rows).fit, bootstrap=200)
    assert people.draws is not None
    low, high = np.quantile(average_reward(people.draws), [0.005, 0.995], axis=0)
    truth = population.mean_rewards()
    assert ((low < truth) & (truth < high)).all()

"""The joint likelihood: what a mixture learned from linked comparisons must and must not say."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from socialpref import Population, fit_bradley_terry
from socialpref.comparisons import (
    ClassMixture,
    Comparisons,
    choose_classes,
    em,
    fit_latent_classes,
    simulate,
)
from socialpref.comparisons.em import Ascent, Likelihood, Linked
from socialpref.comparisons.shuffles import NoTastes
from socialpref.errors import ConvergenceError, InputError
from socialpref.examples import mediocre_winner, ring, two_camps

Floats = NDArray[np.float64]

PAIRS = [(0, 1), (0, 2), (1, 2)]


def classes(rewards: object, shares: list[float]) -> ClassMixture:
    """Return a mixture that was written down."""
    return ClassMixture(np.array(shares), np.array(rewards, dtype=float), 0.0, 0.0, 0, 2, 0.1)


def comparisons(
    prompt: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    label: ArrayLike,
    *,
    annotator: ArrayLike,
    n_prompts: int = 1,
    n_options: int = 2,
) -> Comparisons:
    """Return linked comparisons."""
    x, y, z, won, who = map(np.asarray, (prompt, first, second, label, annotator))
    return Comparisons(x, y, z, won, n_prompts, n_options, annotator=who)


def as_expected(population: Population, n: int) -> Comparisons:
    """Return about n annotators of two comparisons each, as frequent as they are expected."""
    rows, counts = [], []
    for one, other in product(PAIRS, repeat=2):
        for labels in product((1, 0), repeat=2):
            chance = np.ones(population.n_types)
            for (y, z), label in zip((one, other), labels, strict=True):
                gap = population.rewards[:, y] - population.rewards[:, z]
                chance = chance / (1 + np.exp(-gap if label else gap))
            rows.append([(*one, labels[0]), (*other, labels[1])])
            counts.append(round(float(n * population.shares @ chance) / len(PAIRS) ** 2))
    table = np.repeat(np.array(rows), counts, axis=0)
    columns = table.reshape(-1, 3).T
    who = np.repeat(np.arange(len(table)), 2)
    return comparisons(np.zeros_like(who), *columns, n_options=3, annotator=who)


def ragged(seed: int = 0, n_prompts: int = 2) -> Comparisons:
    """Return annotators with 2 to 6 comparisons, each at several prompts, in mixed-up rows."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(150), rng.integers(2, 7, 150))
    rng.shuffle(who)
    first, second = rng.integers(0, 3, (2, len(who)))
    camp = np.array([[2.0, 0.0, -1.0], [-1.0, 0.5, 1.5]])[who % 2]
    gap = camp[np.arange(len(who)), first] - camp[np.arange(len(who)), second]
    label = (rng.random(len(who)) < 1 / (1 + np.exp(-gap))).astype(int)
    prompt = rng.integers(0, n_prompts, len(who))
    return Comparisons(prompt, first, second, label, n_prompts, 3, annotator=who)


def all_joint(fit: ClassMixture) -> Floats:
    """Return J of every prompt and every two pairs."""
    n_prompts, _, options = fit.rewards.shape
    return fit.joint(*np.indices((n_prompts, options, options, options, options)))


def test_written_down_numbers() -> None:
    fit = classes([[[np.log(3.0), 0.0], [0.0, np.log(4.0)]]], [0.5, 0.5])  # p = 0.75 and 0.2
    assert fit.joint(0, 0, 1, 0, 1) == pytest.approx((0.75**2 + 0.2**2) / 2)
    assert fit.joint(0, 0, 1, 1, 0) == pytest.approx((0.75 * 0.25 + 0.2 * 0.8) / 2)
    assert fit.variance(0, 0, 1) == pytest.approx(0.275**2)
    assert fit.variance(0, 0, 1, 0.25) == pytest.approx((0.275 / 0.1875) ** 2)
    np.testing.assert_allclose(fit.mean_rewards(), [[np.log(3) / 2, np.log(4) / 2]])
    rows = comparisons([0] * 4, [0, 0, 1, 0], [1, 1, 0, 1], [1, 1, 1, 0], annotator=[8, 8, 3, 3])
    expected = np.log([(0.25**2 + 0.8**2) / 2, (0.75**2 + 0.2**2) / 2])
    np.testing.assert_allclose(fit.log_likelihood_of(rows), expected)


@given(
    st.lists(st.lists(st.floats(-5, 5), min_size=4, max_size=4), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_joint_is_a_joint_probability(rewards: list[list[float]], seed: int) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.ones(len(rewards)))
    fit = classes([rewards], list(shares))
    J = all_joint(fit)[0]
    np.testing.assert_allclose(J, np.transpose(J, (2, 3, 0, 1)), atol=1e-12)
    outcomes = J + np.transpose(J, (1, 0, 2, 3))
    np.testing.assert_allclose(outcomes + np.transpose(outcomes, (0, 1, 3, 2)), 1.0)
    population = Population(rewards, shares)
    y, z = np.indices((4, 4))
    a, b, c = fit.moments(0, y, z)
    np.testing.assert_allclose(a + 2 * b + c, 1.0)
    np.testing.assert_allclose(a, population.pairwise_twice(), atol=1e-12)
    np.testing.assert_allclose(a + b, population.pairwise(), atol=1e-12)
    np.testing.assert_allclose(fit.variance(0, y, z), a - (a + b) ** 2, atol=1e-12)
    s = population.pairwise()
    np.testing.assert_allclose(fit.variance(0, y, z, s), fit.variance(0, y, z) / (s * (1 - s)) ** 2)


@pytest.mark.parametrize("crowd", [mediocre_winner(), two_camps()])
def test_expected_data_give_the_true_joint_likelihood(crowd: Population) -> None:
    fit = fit_latent_classes(as_expected(crowd, 200_000), 3, ridge=1e-3, n_starts=5, tolerance=1e-8)
    truth = classes([crowd.rewards], list(crowd.shares))
    np.testing.assert_allclose(all_joint(fit), all_joint(truth), atol=2e-4)
    y, z = np.indices((3, 3))
    np.testing.assert_allclose(
        fit.variance(0, y, z), crowd.pairwise_twice() - crowd.pairwise() ** 2, atol=2e-4
    )


def test_joint_is_what_was_observed() -> None:
    crowd = mediocre_winner()
    rows = simulate(crowd, 200_000, "linked", seed=3)
    fit = fit_latent_classes(rows, 3)
    y, z, won = (c.reshape(-1, 2) for c in (rows.first, rows.second, rows.label))
    for one, other in product(PAIRS, repeat=2):
        seen = (y == [one[0], other[0]]).all(1) & (z == [one[1], other[1]]).all(1)
        observed = won[seen].all(1).mean()
        error = np.sqrt(observed * (1 - observed) / seen.sum())
        assert abs(fit.joint(0, *one, *other) - observed) < 4 * error


def test_the_likelihood_never_falls_and_its_gradient_is_right() -> None:
    likelihood = Likelihood(Linked.of(ragged()), 0.3)
    run = Ascent(likelihood, likelihood.start(3, np.random.default_rng(1)))
    begin = run.point
    assert run.run(1e-9, 500).residual <= 1e-9
    assert (np.diff(run.values) > -1e-10).all()
    assert run.values[-1] > run.values[0] + 1
    for i in range(len(begin.parameters)):
        nudge = 1e-5 * (np.arange(len(begin.parameters)) == i)
        slope = [likelihood.at(begin.parameters + k * nudge).value for k in (1, -1)]
        assert (slope[0] - slope[1]) / 2e-5 == pytest.approx(begin.gradient[i], abs=1e-5)


def test_one_class_is_a_bradley_terry_fit() -> None:
    rows = ragged(1, n_prompts=1)
    fit = fit_latent_classes(rows, 1, ridge=1e-9, tolerance=1e-10)
    apart = rows.first != rows.second
    direct = fit_bradley_terry(rows.first[apart], rows.second[apart], rows.label[apart])
    np.testing.assert_allclose(fit.rewards[0, 0], direct.rewards, atol=1e-7)
    assert fit.log_likelihood * fit.n_annotators == pytest.approx(direct.log_likelihood)
    assert fit.variance(0, 0, 1) == pytest.approx(0.0)


def test_the_same_maximum_as_a_general_optimiser() -> None:
    rows, ridge, n_classes = ragged(), 0.4, 2
    fit = fit_latent_classes(rows, n_classes, ridge=ridge, n_starts=8, tolerance=1e-9)

    def loss(parameters: Floats) -> float:
        """The penalised log-likelihood from its definition, row by row."""
        tables = parameters[:-n_classes].reshape(2, n_classes, 3)
        shares = np.exp(parameters[-n_classes:])
        total = 0.5 * ridge * (tables**2).sum()
        sign = 2 * rows.label[:, None] - 1
        gap = tables[rows.prompt, :, rows.first] - tables[rows.prompt, :, rows.second]
        by_class = np.ones((150, n_classes))
        apart = rows.first != rows.second
        assert rows.annotator is not None
        np.multiply.at(by_class, rows.annotator[apart], (1 / (1 + np.exp(-sign * gap)))[apart])
        shares = shares / shares.sum()
        return float(total - np.log(by_class @ shares).sum() - np.log(shares).sum())

    starts = np.random.default_rng(5).normal(size=(8, 2 * n_classes * 3 + n_classes))
    best = min((minimize(loss, start, tol=1e-10) for start in starts), key=lambda found: found.fun)
    ours = np.append(fit.rewards.ravel(), np.log(fit.shares))
    assert loss(ours) == pytest.approx(best.fun, abs=1e-7)
    tables = best.x[:-n_classes].reshape(2, n_classes, 3)
    shares = np.exp(best.x[-n_classes:])
    direct = classes(tables, list(shares / shares.sum()))
    np.testing.assert_allclose(all_joint(fit), all_joint(direct), atol=1e-4)
    np.testing.assert_allclose(fit.log_likelihood_of(rows).mean(), fit.log_likelihood)


def test_names_do_not_matter() -> None:
    rows = simulate(two_camps(), 8000, "linked", comparisons=8, seed=2)
    fit = fit_latent_classes(rows, 2, tolerance=1e-9)
    assert rows.annotator is not None
    order = np.random.default_rng(0).permutation(len(rows))
    places = np.array([2, 0, 1])  # option 0 is called 2, ...
    other = Comparisons(
        rows.prompt, places[rows.first], places[rows.second], rows.label, 1, 3,
        annotator=10**6 - 3 * rows.annotator,
    ).take(order)  # fmt: skip
    renamed = fit_latent_classes(other, 2, tolerance=1e-9, seed=9)
    np.testing.assert_allclose(
        all_joint(renamed)[0][np.ix_(places, places, places, places)], all_joint(fit)[0], atol=1e-5
    )
    np.testing.assert_allclose(renamed.mean_rewards()[0, places], fit.mean_rewards()[0], atol=1e-4)
    assert fit.shares.max() == pytest.approx(renamed.shares.max(), abs=1e-5)


def test_two_classes_recover_types_from_many_comparisons() -> None:
    crowd = two_camps()
    fit = fit_latent_classes(simulate(crowd, 80_000, "linked", comparisons=16), 2, ridge=0.01)
    order = np.argsort(fit.rewards[0, :, 2])
    centred = crowd.rewards - crowd.rewards.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(fit.rewards[0, order], centred, atol=0.1)
    np.testing.assert_allclose(fit.shares, 0.5, atol=0.03)


def test_ring_variance_is_close_to_the_truth() -> None:
    populations = ring(8)
    fit = fit_latent_classes(simulate(populations, 100_000, "linked", seed=1), 3, ridge=0.1)
    y, z = np.indices((8, 8))
    true = np.array([p.pairwise_twice() - p.pairwise() ** 2 for p in populations])
    learned = np.array([fit.variance(x, y, z) for x in range(8)])
    assert np.corrcoef(true.ravel(), learned.ravel())[0, 1] > 0.9
    assert learned.mean() == pytest.approx(true.mean(), rel=0.15)


def dense_em(rows: Comparisons, n_classes: int, ridge: float, seed: int) -> tuple[float, Floats]:
    """Fit latent classes by plain EM, row by row; each M-step is taken to its end.

    Return the penalised log-likelihood and each annotator's chances of the classes.
    """
    rng = np.random.default_rng(seed)
    assert rows.annotator is not None
    n, K = int(rows.annotator.max()) + 1, rows.n_options
    rewards = rng.normal(size=(n_classes, rows.n_prompts, K))
    shares = np.full(n_classes, 1.0 / n_classes)
    apart = np.flatnonzero(rows.first != rows.second)

    def logs(rewards: Floats) -> Floats:
        """The log-probability of each label of two options, by class."""
        gap = (
            rewards[:, rows.prompt[apart], rows.first[apart]]
            - rewards[:, rows.prompt[apart], rows.second[apart]]
        )
        won = rows.label[apart]
        return -(won * np.logaddexp(0, -gap) + (1 - won) * np.logaddexp(0, gap))

    value = -np.inf
    for _ in range(2000):
        chances = np.zeros((n_classes, n))
        for c, log in enumerate(logs(rewards)):
            np.add.at(chances[c], rows.annotator[apart], log)
        chances += np.log(shares)[:, None]
        total = np.logaddexp.reduce(chances, axis=0)
        before, value = value, total.sum() + np.log(shares).sum() - ridge / 2 * (rewards**2).sum()
        if value - before < 1e-9:
            break
        members = np.exp(chances - total)
        shares = (members.sum(axis=1) + 1) / (n + n_classes)
        for c in range(n_classes):
            weights = members[c, rows.annotator[apart]]

            def loss(table: Floats, weights: Floats = weights) -> float:
                one = table.reshape(1, rows.n_prompts, K)
                return float(ridge / 2 * (table**2).sum() - weights @ logs(one)[0])

            rewards[c] = minimize(loss, rewards[c].ravel(), tol=1e-12).x.reshape(-1, K)
    return float(value), np.exp(chances - total).T


@pytest.mark.slow
def test_the_same_classes_as_a_second_em() -> None:
    """Ties, soft labels and annotators of one comparison among them."""
    rows = ragged(4, n_prompts=1)
    label = rows.label.copy()
    label[::7], label[3::11] = 0.5, 0.8
    assert rows.annotator is not None
    who = np.where(np.arange(len(rows)) % 9 == 0, 150 + np.arange(len(rows)), rows.annotator)
    who = np.unique(who, return_inverse=True)[1]
    rows = replace(rows, label=label, annotator=who)
    fit = fit_latent_classes(rows, 2, ridge=0.4, tolerance=1e-9)
    best, members = max((dense_em(rows, 2, 0.4, seed) for seed in range(2)), key=lambda run: run[0])
    ours = fit.log_likelihood * fit.n_annotators + np.log(fit.shares).sum()
    assert ours - 0.2 * (fit.rewards**2).sum() == pytest.approx(best, abs=1e-5)
    found = fit.memberships(rows)
    order = (
        [0, 1] if np.abs(found - members).sum() < np.abs(found[:, ::-1] - members).sum() else [1, 0]
    )
    np.testing.assert_allclose(found[:, order], members, atol=1e-3)


def test_memberships_by_hand() -> None:
    """p is 3/4 in one class and 1/5 in the other, of equal shares; a tie is half of each."""
    fit = classes([[[np.log(3.0), 0.0], [0.0, np.log(4.0)]]], [0.5, 0.5])
    rows = comparisons([0] * 4, [0, 0, 1, 0], [1, 1, 0, 1], [1, 1, 1, 0.5], annotator=[8, 8, 3, 5])
    tie = np.sqrt([0.75 * 0.25, 0.2 * 0.8])
    expected = np.array([[0.25, 0.8], tie, [0.75**2, 0.2**2]])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fit.memberships(rows), expected)


def test_weights_are_people() -> None:
    """An annotator of weight 2 is two annotators; scaling all weights changes nothing."""
    rows = ragged(2)
    assert rows.annotator is not None
    twice = rows.annotator < 40
    copies = rows.take(np.append(np.arange(len(rows)), np.flatnonzero(twice)))
    assert copies.annotator is not None
    copy = np.arange(len(copies)) >= len(rows)
    copies = replace(copies, annotator=copies.annotator + 1000 * copy)
    weighted = replace(rows, weight=np.where(twice, 6.0, 3.0))
    plain = fit_latent_classes(copies, 1, ridge=0.5, tolerance=1e-10)
    found = fit_latent_classes(weighted, 1, ridge=0.5 * 150 / 190, tolerance=1e-10)
    np.testing.assert_allclose(found.rewards, plain.rewards, atol=1e-8)
    assert found.log_likelihood == pytest.approx(plain.log_likelihood)
    other = replace(rows, weight=np.where(twice, 2.0, 1.0))
    two, same = (fit_latent_classes(one, 2, tolerance=1e-10) for one in (weighted, other))
    np.testing.assert_allclose(two.rewards, same.rewards, atol=1e-8)


def test_what_a_prompt_does_not_have_stays_out() -> None:
    """Options that do not exist change nothing, and have reward 0."""
    rows = ragged(3, n_prompts=2)
    wide = replace(rows, n_options=5, available=np.array([[True] * 3 + [False] * 2] * 2))
    for n_classes in (1, 2):
        narrow = fit_latent_classes(rows, n_classes, tolerance=1e-10)
        found = fit_latent_classes(wide, n_classes, tolerance=1e-10)
        assert not found.rewards[:, :, 3:].any()
        np.testing.assert_allclose(found.mean_rewards()[:, :3], narrow.mean_rewards(), atol=1e-6)


def test_many_options_take_the_diagonal(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ragged(1)
    whole = fit_latent_classes(rows, 2, tolerance=1e-9)
    monkeypatch.setattr(em, "LARGEST_BLOCK", 2)
    found = fit_latent_classes(rows, 2, tolerance=1e-9)
    np.testing.assert_allclose(all_joint(found), all_joint(whole), atol=1e-6)


def test_guessing_is_an_infinite_precision() -> None:
    fit = fit_latent_classes(ragged(), 2, ridge=np.inf)
    rows = ragged()
    assert not fit.rewards.any()
    labels = (rows.first != rows.second).sum()
    assert fit.log_likelihood == pytest.approx(-np.log(2) * labels / fit.n_annotators)


def test_starts_that_agree() -> None:
    fit = fit_latent_classes(simulate(two_camps(), 8000, "linked", comparisons=8), 2, n_starts=6)
    assert (fit.n_starts, fit.n_agreeing) == (6, 6)
    assert fit.spread < 1e-3


def test_starts_that_agree_on_the_likelihood_and_not_on_the_average() -> None:
    """Two links do not identify three types over three options; hardly a prior chooses."""
    rows = simulate(mediocre_winner(), 2000, "linked")
    fit = fit_latent_classes(rows, 3, ridge=1e-5, n_starts=6)
    assert fit.n_agreeing > 1
    assert fit.spread > 0.01


def coin_flips(seed: int, n_prompts: int, n_annotators: int) -> Comparisons:
    """Return labels of annotators without any tastes, six each."""
    rng = np.random.default_rng(seed)
    n = 6 * n_annotators
    first = rng.integers(0, 3, n)
    second = (first + rng.integers(1, 3, n)) % 3
    return comparisons(
        rng.integers(0, n_prompts, n), first, second, rng.integers(0, 2, n),
        annotator=np.repeat(np.arange(n_annotators), 6), n_prompts=n_prompts, n_options=3,
    )  # fmt: skip


def test_coin_flips_are_one_class_that_is_no_worse_than_guessing() -> None:
    choice = choose_classes(coin_flips(0, 50, 60), (1, 2))
    assert choice.chosen == choice.fit.n_classes == 1
    assert choice.guessing == pytest.approx(-6 * np.log(2))
    assert choice.log_likelihood[0] >= choice.guessing - 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(("n_prompts", "n_annotators"), [(1, 200), (800, 400)])
def test_coin_flips_choose_one_class(n_prompts: int, n_annotators: int) -> None:
    """In 95 of 100 at least; fewer data sets where there are many prompts."""
    tries = 100 if n_prompts == 1 else 20
    choices = [
        choose_classes(coin_flips(i, n_prompts, n_annotators), (1, 2, 3)) for i in range(tries)
    ]
    assert sum(choice.chosen == 1 for choice in choices) >= 0.95 * tries
    assert all(choice.log_likelihood[0] >= choice.guessing - 1e-12 for choice in choices)


@pytest.mark.slow
def test_shuffled_annotators_choose_one_class() -> None:
    """In 95 of 100 at least, although two camps made the labels."""
    camps = Population([[2.5, 0.5, -0.5, -1.5], [-1.5, -0.5, 0.5, 1.5]])
    chosen = []
    for seed in range(100):
        rows = simulate(camps, 1200, "linked", comparisons=6, seed=seed)
        null = NoTastes.of(rows)
        labels = null.labels(np.random.default_rng(10_000 + seed))
        chosen.append(choose_classes(replace(null.rows, label=labels), (1, 2, 3)).chosen)
    assert chosen.count(1) >= 95


def test_two_camps_are_two_classes() -> None:
    camps = Population([[1.5, 0.0, -1.5], [-1.5, 0.0, 1.5]])
    rows = simulate(camps, 1200, "linked", comparisons=8)
    choice = choose_classes(rows, (3, 1, 2), n_starts=2)
    assert choice.chosen == choice.fit.n_classes == 2
    assert choice.candidates[:2] == (1, 2)
    assert choice.fit.evidence is choice.evidence
    assert choice.evidence is not None
    assert choice.evidence.is_there
    assert choice.evidence.gain > max(choice.evidence.shuffled_gains)
    assert choice.shortfall.min() == 0.0
    assert (choice.n_annotators, choice.n_sampled) == (150, 150)
    assert choice.shuffles == "permutation"
    assert choose_classes(rows, (1, 2), most=60, n_starts=1).n_sampled == 60


def test_one_comparison_each_is_one_class() -> None:
    """Nothing is linked, so classes cannot be told apart."""
    anonymous = replace(simulate(two_camps(), 300), annotator=np.arange(300))
    choice = choose_classes(anonymous, (1, 2))
    assert (choice.chosen, choice.candidates) == (1, (1,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_classes": 0}, "'n_classes' must be an integer of at least 1; got 0"),
        ({"n_classes": 2.5}, "'n_classes' must be an integer of at least 1; got 2.5"),
        ({"n_classes": 10**4}, "the number of annotators; got 10000"),
        ({"ridge": 0.0}, "'ridge' must be a number in (0, inf]; got 0.0"),
        ({"n_starts": 0}, "'n_starts' must be an integer of at least 1; got 0"),
        ({"tolerance": -1.0}, "'tolerance' must be a number in (0, inf); got -1.0"),
        ({"max_iterations": 0}, "'max_iterations' must be an integer of at least 1; got 0"),
    ],
)
def test_fit_refuses(change: dict[str, float], message: str) -> None:
    arguments = {"n_classes": 2} | change
    with pytest.raises(InputError) as error:
        fit_latent_classes(ragged(), **arguments)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_annotators_must_be_known() -> None:
    rows = ragged()
    anonymous = simulate(two_camps(), 10)
    with pytest.raises(InputError, match=r"'annotator' must be known"):
        fit_latent_classes(anonymous, 2)
    with pytest.raises(InputError, match="another option"):
        fit_latent_classes(rows.take(rows.first == rows.second).take([0, 0]), 2)
    with pytest.raises(InputError, match="prompts and options of the fit"):
        fit_latent_classes(rows, 1).log_likelihood_of(ragged(n_prompts=3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": ()}, "'candidates' must be distinct numbers"),
        ({"candidates": (1, 1)}, "'candidates' must be distinct numbers"),
        ({"candidates": (0, 1)}, "'candidates' must be an integer of at least 1"),
        ({"rule": "worst"}, "'rule' must be one of 'best', 'one standard error'"),
        ({"folds": 1}, "'folds' must be an integer of at least 2"),
        ({"shuffles": 0}, "'shuffles' must be an integer of at least 1"),
        ({"most": 1}, "'most' must be an integer of at least 2"),
        ({"ridge": -1.0}, "'ridge' must be a number in (0, inf)"),
    ],
)
def test_choice_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        choose_classes(ragged(), **change)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_places_that_are_not_there() -> None:
    fit = classes([[[0.0, 1.0]]], [1.0])
    for place, name in ((1, 0, 0), "prompt"), ((0, 2, 0), "first"), ((0, 0, -1), "second"):
        with pytest.raises(InputError, match=f"'{name}' must be integers in 0"):
            fit.moments(*place)
    with pytest.raises(InputError, match="'first' must be integers"):
        fit.moments(0, 0.5, 1)


def test_too_few_iterations_are_an_error() -> None:
    with pytest.raises(ConvergenceError, match=r"residual .* after 3 iterations"):
        fit_latent_classes(ragged(), 3, max_iterations=3)

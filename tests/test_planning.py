"""What to collect for a budget, and whether the recommended design keeps its promise."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from analyses import plan_check
from socialpref import InputError, Population
from socialpref.examples import mediocre_winner, two_camps
from socialpref.theory import (
    Linked,
    Pairs,
    Panel,
    Ranking,
    Repeated,
    Structure,
    Typed,
    VoteCounts,
    information,
    plan,
)

from .helpers import Floats

CROWD = mediocre_winner()


def test_errors_and_costs_by_hand() -> None:
    found = plan(CROWD, 1000, structures=[Panel(), Repeated(3)], cost_annotator=2, cost_label=0.5)
    panel, repeated = found.offers
    # A panel of three costs 3 * 2 + 3 * 0.5, three repeats cost 2 + 1.5.
    assert panel.n_labels == pytest.approx(1000 / 7.5 * 3)
    assert panel.n_annotators == pytest.approx(1000 / 7.5 * 3)
    assert repeated.n_labels == pytest.approx(1000 / 3.5 * 3)
    assert repeated.n_annotators == pytest.approx(1000 / 3.5)
    assert panel.error == pytest.approx(np.sqrt(30.0765 / 400), rel=1e-5)
    assert panel.labels_needed == pytest.approx(30.0765 / 0.05**2, rel=1e-5)
    assert found.best is not None
    assert found.best.information.structure == Panel()


def test_the_labels_that_are_needed_reach_the_error() -> None:
    for goal in ("sign", "winner"):
        found = plan(two_camps(), 500, structures=[Typed()], goal=goal, error=0.02)
        needed = found.offers[0].labels_needed
        again = plan(two_camps(), needed, structures=[Typed()], goal=goal)
        assert again.offers[0].error == pytest.approx(0.02, rel=1e-3)


def test_what_is_only_locally_identified_is_never_recommended() -> None:
    rng = np.random.default_rng(0)
    population = Population(rng.normal(size=(2, 5)))
    found = plan(population, 1000, structures=[Pairs(), Linked(2)])
    pairs, linked = found.offers
    assert pairs.information.identified
    assert not pairs.recommendable
    assert found.best is linked
    alone = plan(population, 1000, structures=[Pairs()])
    assert alone.best is None
    assert alone.mixture is None
    assert "ask for more" in alone.describe()
    unequal = Population(population.rewards, [0.7, 0.3])
    assert plan(unequal, 1000, structures=[VoteCounts()]).best is None
    assert plan(population, 1000, structures=[VoteCounts()]).best is not None


def test_shares_that_must_be_known_are_said() -> None:
    said = "takes the shares of the types as known"
    assert said in plan(CROWD, 1000, structures=[Panel()]).describe()
    assert said not in plan(CROWD, 1000, structures=[Panel()], know_shares=True).describe()
    assert said not in plan(CROWD, 1000, structures=[Typed()]).describe()


def test_a_rare_type_has_a_best_mixture() -> None:
    population = Population([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]], [1 - 1e-7, 1e-7])
    found = plan(population, 1000, structures=[Repeated(3), Typed(0.8), Ranking(3)])
    assert found.mixture is not None
    assert found.mixture_gap < 1e-3
    assert found.mixture.error <= min(offer.error for offer in found.offers) * (1 + 1e-6)


def test_tiny_errors_need_more_labels_than_there_are() -> None:
    found = plan(CROWD, 1000, structures=[Panel()], error=1e-200)
    assert found.offers[0].labels_needed == np.inf


def test_the_best_mixture_is_no_worse_than_any_structure_or_random_mixture() -> None:
    population = Population(np.random.default_rng(1).normal(size=(2, 4)), [0.3, 0.7])
    structures: list[Structure] = [Linked(2), Repeated(3), Typed(0.8), Typed()]
    price: dict[str, Any] = {"cost_annotator": 1.0, "cost_label": 0.2}
    found = plan(population, 1000, structures=structures, **price)
    assert found.mixture is not None
    assert found.mixture_gap < 1e-3
    rng = np.random.default_rng(2)
    for parts in (*np.eye(4), *rng.dirichlet(np.ones(4), 30)):
        labels = {s: p for s, p in zip(structures, parts, strict=True) if p > 0}
        cost = sum(p * (1.0 / s.labels(2) + 0.2) for s, p in labels.items())
        error = information(population, labels).error(1000 / cost)
        assert found.mixture.error <= error * (1 + 1e-3)


def test_draws_say_how_sure_the_recommendation_is() -> None:
    rng = np.random.default_rng(3)
    population = two_camps()
    drawn = population.with_draws(population.rewards + rng.normal(0, 0.3, (6, 2, 3)))
    found = plan(drawn, 1000, structures=[Linked(3), Repeated(3), Typed()])
    assert sum(found.best_in_draws.values()) == pytest.approx(1.0)
    assert "of the population's 6 draws" in found.describe()
    assert found.best is not None
    linked = found.offers[0]
    once = plan(drawn.drawn()[2], 1000, structures=[Linked(3)])
    assert linked.in_draws[2] == pytest.approx(once.offers[0].error)
    between = found.best.interval()
    assert between is not None
    assert min(found.best.in_draws) <= between.low <= between.high <= max(found.best.in_draws)
    errors = np.array([offer.in_draws for offer in found.offers])
    best = found.best_in_draws[found.best.information.structure]  # type: ignore[index]
    place = [offer is found.best for offer in found.offers].index(True)
    assert best == pytest.approx((errors.argmin(axis=0) == place).mean())
    assert {"error_low", "error_high", "best_in_draws"} <= set(found.to_frame())


def test_a_plan_for_several_prompts() -> None:
    """Links between two prompts identify three types over three options, and draws go together."""
    rng = np.random.default_rng(5)
    prompts = [CROWD, Population(rng.normal(size=(3, 3)))]
    drawn = [one.with_draws(one.rewards + rng.normal(0, 0.1, (3, 3, 3))) for one in prompts]
    found = plan(drawn, 1000, structures=[Linked(2), Typed()])
    assert [offer.recommendable for offer in found.offers] == [True, True]
    assert found.mixture is not None
    assert found.mixture.error <= min(offer.error for offer in found.offers) * (1 + 1e-3)
    second = [one.drawn()[1] for one in drawn]
    assert found.offers[0].in_draws[1] == pytest.approx(information(second, Linked(2)).error(1000))


def test_structures_too_large_for_the_population_are_left_out() -> None:
    found = plan(Population([[1, 0], [0, 1]]), 1000, structures=[Linked(2), Repeated(3)])
    assert [offer.information.structure for offer in found.offers] == [Repeated(3)]
    one_pair = plan(CROWD, 1000, structures=[Linked(2), Repeated(5)], sampling=[0.5, 0.5, 0.0])
    assert [offer.information.structure for offer in one_pair.offers] == [Repeated(5)]
    assert one_pair.best is None


def test_the_table_has_all_offers_and_the_mixture() -> None:
    table = plan(CROWD, 1000, structures=[Panel(), Typed()]).to_frame()
    assert len(table) == 3
    assert table["structure"].iloc[-1] == "100% comparisons with types, shares unknown"


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: plan(CROWD, 0), "budget"),
        (lambda: plan(CROWD, 10, goal="winner", error=1.0), "error"),
        (lambda: plan(CROWD, 10, cost_label=0), "cost_label"),
        (lambda: plan(CROWD, 10, cost_label=-1), "cost_label"),
        (lambda: plan(CROWD, 10, goal="order"), "goal"),  # type: ignore[arg-type]
        (lambda: plan(CROWD, 10, error=0), "error"),
        (lambda: plan(CROWD, 10, structures=[]), "structures"),
        (lambda: plan(CROWD, 10, structures=["pairs"]), "structure"),  # type: ignore[list-item]
        (lambda: plan(CROWD, 10, know_shares=1), "know_shares"),  # type: ignore[arg-type]
        (lambda: plan([[1, 0]], 10), "population"),  # type: ignore[list-item]
    ],
)
def test_bad_input(make: Callable[[], object], argument: str) -> None:
    with pytest.raises(InputError, match=f"'{argument}"):
        make()


# --- does the recommended design keep its promise? -----------------------------------------


def repeated_counts(
    population: Population, m: int, n: int, rng: np.random.Generator
) -> tuple[Floats, list[tuple[int, int]]]:
    """Return how many of n annotators gave k wins in m answers, by pair."""
    pairs = [(y, z) for z in range(population.n_options) for y in range(z)]
    which = rng.multinomial(n, np.full(len(pairs), 1 / len(pairs)))
    table = np.zeros((len(pairs), m + 1))
    for i, (y, z) in enumerate(pairs):
        types = rng.multinomial(which[i], population.shares)
        for u, count in enumerate(types):
            p = expit(population.rewards[u, y] - population.rewards[u, z])
            table[i] += np.bincount(rng.binomial(m, p, count), minlength=m + 1)
    return table, pairs


def fit(table: Floats, pairs: list[tuple[int, int]], m: int, start: Floats, shape: Any) -> Floats:
    """Return the average rewards at the maximum of the likelihood, from a start."""
    from scipy.stats import binom

    T, K = shape
    y, z = np.array(pairs).T
    k = np.arange(m + 1)

    def unpack(theta: Floats) -> tuple[Floats, Floats]:
        rewards = np.hstack([np.zeros((T, 1)), theta[: T * (K - 1)].reshape(T, K - 1)])
        logits = np.append(theta[T * (K - 1) :], 0.0)
        shares = np.exp(logits - logits.max())
        return rewards, shares / shares.sum()

    def loss(theta: Floats) -> float:
        rewards, shares = unpack(theta)
        p = expit(rewards[:, y] - rewards[:, z])
        chance = np.einsum("t,tpk->pk", shares, binom.pmf(k, m, p[:, :, None]))
        return -float((table * np.log(chance)).sum()) / table.sum()

    theta = minimize(loss, start, method="BFGS", options={"gtol": 1e-7}).x
    rewards, shares = unpack(theta)
    means = shares @ rewards
    return np.asarray(means - means.mean())


@pytest.mark.slow
def test_the_promised_error_of_repeats_is_reached() -> None:
    """The likelihood's maximum over 400 simulated studies, against the promised error."""
    population, m = Population([[1.5, 0.0, -0.5], [-1.0, 0.5, 0.5]], [0.4, 0.6]), 3
    budget = 30_000
    found = plan(population, budget, structures=[Repeated(m)])
    offer = found.offers[0]
    rng = np.random.default_rng(0)
    T, K = 2, 3
    rewards = (population.rewards - population.rewards[:, :1])[:, 1:].ravel()
    start = np.append(rewards, np.log(population.shares[0] / population.shares[1]))
    truth = population.mean_rewards() - population.mean_rewards().mean()
    y, z = np.triu_indices(K, 1)
    squares = []
    for _ in range(400):
        table, pairs = repeated_counts(population, m, int(offer.n_annotators), rng)
        means = fit(table, pairs, m, start, (T, K))
        squares.append(np.mean(((means - truth)[y] - (means - truth)[z]) ** 2))
    assert np.sqrt(np.mean(squares)) == pytest.approx(offer.error, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(plan_check.PROBLEMS))
def test_the_recommended_designs_reach_the_promised_error(name: str) -> None:
    promised, reached = plan_check.check_gaps(plan_check.recommended(name)["mixture"])
    assert reached == pytest.approx(promised, rel=0.1)


@pytest.mark.slow
def test_the_recommended_design_is_as_often_wrong_as_promised() -> None:
    offer = plan_check.recommended("mediocre winner")["mixture"]
    found = plan_check.check_orders(offer, 1000)
    for what in ("sign", "winner"):
        reached, error = found[f"{what} reached"], found[f"{what} error"]
        assert 0.7 * found[f"{what} promised"] - 2 * error < reached
        assert reached < found[f"{what} promised"] + 2 * error
    assert found["not settled"] == 0


def test_the_estimator_of_the_simulation() -> None:
    """At the expected counts the estimate is the truth, and the gradient is one by differences."""
    ways = {"structures": [Repeated(3), Panel()], "know_shares": True}
    offer = plan(CROWD, 1000, cost_annotator=2, cost_label=0.1, **ways).mixture  # type: ignore[arg-type]
    assert offer is not None
    study = plan_check.Study.of(offer, 5000)
    assert len(study.truth) == 6
    counts = [
        n * one.weights * one.chances.value
        for one, n in zip(study.there, study.n_annotators.values(), strict=True)
    ]
    theta, _ = study.fit(counts, study.truth + 0.1)
    means = study.means(theta) - study.means(theta)[0]
    truth = CROWD.mean_rewards() - CROWD.mean_rewards()[0]
    np.testing.assert_allclose(means, truth, atol=5e-3)
    start = study.truth + np.linspace(-0.2, 0.3, len(study.truth))
    slope = study.likelihood(counts, start)[1]
    for i, step in enumerate(1e-5 * np.eye(len(start))):
        up, down = (study.likelihood(counts, start + sign * step)[0] for sign in (1, -1))
        assert slope[i] == pytest.approx((up - down) / 2e-5, abs=1e-6)

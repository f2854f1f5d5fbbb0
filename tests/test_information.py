"""What structures of data identify, and what a label is worth."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, linprog

from socialpref import InputError, Logistic, Population, Probit
from socialpref.examples import mediocre_winner, ring, two_camps
from socialpref.theory import (
    Groups,
    Linked,
    Pairs,
    Panel,
    Ranking,
    Repeated,
    Structure,
    Typed,
    VoteCounts,
    average_reward_bounds,
    information,
    moment_half_width,
)
from socialpref.theory.answers import Model
from socialpref.theory.structures import Mixed, PairWeights

from .helpers import Floats, refuses

CROWD = mediocre_winner()
RNG = np.random.default_rng(0)


def crowd(n_types: int, n_options: int, seed: int = 0) -> Population:
    rng = np.random.default_rng(seed)
    return Population(rng.normal(size=(n_types, n_options)), rng.dirichlet(np.full(n_types, 5.0)))


@pytest.mark.parametrize(
    ("structure", "n_types", "n_options", "rank", "parameters"),
    [
        (Pairs(), 2, 4, 6, 7),
        (Pairs(), 2, 5, 9, 9),
        (Pairs(), 3, 6, 15, 17),
        (Pairs(), 3, 7, 20, 20),
        (Pairs(), 4, 8, 28, 31),
        (Pairs(), 4, 9, 35, 35),
        (Linked(2), 2, 3, 5, 5),
        (Linked(2), 3, 3, 6, 8),
        (Linked(2), 3, 4, 11, 11),
        (Linked(2), 4, 4, 15, 15),
        (Repeated(2), 2, 2, 2, 3),
        (Repeated(3), 2, 2, 3, 3),
        (Repeated(4), 3, 2, 4, 5),
        (Repeated(5), 3, 2, 5, 5),
        (Repeated(3), 3, 3, 8, 8),
        (Ranking(3), 3, 3, 5, 8),
        (Typed(0.8), 2, 3, 5, 5),
        (Typed(0.8), 3, 4, 11, 11),
        (Typed("unknown"), 2, 2, 3, 5),
        (Typed("unknown"), 2, 3, 7, 7),
        (Typed("unknown"), 3, 4, 17, 17),
        (Groups(), 2, 3, 6, 6),
        (Groups(), 3, 4, 15, 15),
        (VoteCounts(), 2, 2, 2, 2),
        (VoteCounts(), 4, 3, 8, 8),
        (Panel(), 3, 3, 6, 6),
    ],
    ids=repr,
)
def test_published_ranks(
    structure: Structure, n_types: int, n_options: int, rank: int, parameters: int
) -> None:
    found = information(crowd(n_types, n_options), structure)
    assert (found.rank, found.n_parameters) == (rank, parameters)
    assert found.identified == (rank == parameters)
    assert found.rank_here == rank
    assert bool(found.unidentified) == (rank < parameters)


@pytest.mark.parametrize(
    ("structure", "right"),
    [
        (Panel(), 30.0765),
        (Typed(shares="known"), 30.0765),
        (Typed(), 36.3357),
        (Typed(0.9), 75.64),
        (Typed(0.7), 239.8),
        (Typed(0.7, m=2), 135.55),
        (VoteCounts(), 42.9303),
        (Repeated(3), 186.83),
        (Repeated(5), 90.60),
        (Linked(5, repeats=True), 86.55),
    ],
    ids=repr,
)
def test_published_values_of_a_label(structure: Structure, right: float) -> None:
    found = information(CROWD, structure)
    assert found.variance_per_label == pytest.approx(
        right, abs=0.5 * 10.0 ** -(len(str(right).split(".")[1])) * 1.2
    )
    assert found.variance_per_annotator * found.labels == pytest.approx(found.variance_per_label)


@pytest.mark.parametrize("structure", [Pairs(), Linked(2), Linked(3), Ranking(3)], ids=repr)
def test_what_does_not_identify_three_types_over_three_options(structure: Structure) -> None:
    found = information(CROWD, structure)
    assert not found.identified
    assert found.variance_per_label == np.inf
    assert "the rewards of type 1, type 2 and type 3" in found.describe()
    assert found.gap > 1e3


# --- a second computation: the Fisher information of listed answers by finite differences --


def likelihoods(structure: Structure, rewards: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Return all answers' probabilities, and how often each question is asked, by plain loops."""
    n_types, n_options = rewards.shape
    p = 1 / (1 + np.exp(-(rewards[:, :, None] - rewards[:, None, :])))
    pairs = [(y, z) for z in range(n_options) for y in range(z)]
    chances, weights = [], []
    if isinstance(structure, Linked):
        sets = [(a, b) for i, a in enumerate(pairs) for b in pairs[:i]]
        for (y, z), (a, b) in sets:
            for i, j in product((0, 1), repeat=2):
                first = p[:, y, z] if i else p[:, z, y]
                second = p[:, a, b] if j else p[:, b, a]
                chances.append(shares @ (first * second))
                weights.append(1 / len(sets))
    elif isinstance(structure, Typed):
        for y, z in pairs:
            for u in range(n_types):
                chances += [shares[u] * p[u, y, z], shares[u] * p[u, z, y]]
                weights += [1 / len(pairs)] * 2
    elif isinstance(structure, VoteCounts):
        for y, z in pairs:
            counts = np.zeros(n_types + 1)
            for votes in product((0, 1), repeat=n_types):
                each = [p[u, y, z] if v else p[u, z, y] for u, v in enumerate(votes)]
                counts[sum(votes)] += np.prod(each)
            chances += list(counts)
            weights += [1 / len(pairs)] * len(counts)
    return np.array(chances), np.array(weights)


@pytest.mark.parametrize(
    ("structure", "free_shares"), [(Linked(2), True), (Typed(), True), (VoteCounts(), False)]
)
def test_bounds_by_finite_differences(structure: Structure, free_shares: bool) -> None:
    population = crowd(2, 4, seed=3)
    T, K = 2, 4
    start = (population.rewards - population.rewards[:, :1])[:, 1:].ravel()
    if free_shares:
        start = np.append(start, population.shares[0])

    def unpack(theta: Floats) -> tuple[Floats, Floats]:
        rewards = np.hstack([np.zeros((T, 1)), theta[: T * (K - 1)].reshape(T, K - 1)])
        first = theta[-1] if free_shares else population.shares[0]
        return rewards, np.array([first, 1 - first])

    def slopes(of: Callable[[Floats], Floats]) -> Floats:
        step = 1e-6
        return np.array(
            [(of(start + step * e) - of(start - step * e)) / (2 * step) for e in np.eye(len(start))]
        )

    p, weights = likelihoods(structure, *unpack(start))
    J = slopes(lambda theta: likelihoods(structure, *unpack(theta))[0])
    fisher = (J * (weights / p)) @ J.T / structure.labels(T)
    G = slopes(lambda theta: unpack(theta)[1] @ unpack(theta)[0])
    covariance = G.T @ np.linalg.inv(fisher) @ G
    variances = np.diag(covariance)[:, None] + np.diag(covariance)[None, :] - 2 * covariance
    found = information(population, structure)
    np.testing.assert_allclose(found.gap_variances, variances, rtol=1e-5, atol=1e-6)


def linked_across_prompts(rewards: list[Floats], shares: Floats) -> tuple[Floats, Floats]:
    """Return the answers of two linked comparisons, of any prompts, and how often each is asked.

    Prompts are equally frequent, and a pair is not asked again.
    """
    pairs = [(x, y, z) for x, own in enumerate(rewards) for z in range(own.shape[1])
             for y in range(z)]  # fmt: skip
    often = np.array(
        [1 / (len(rewards) * sum(other[0] == pair[0] for other in pairs)) for pair in pairs]
    )
    wins = [1 / (1 + np.exp(rewards[x][:, z] - rewards[x][:, y])) for x, y, z in pairs]
    chances, weights = [], []
    for i, j in product(range(len(pairs)), repeat=2):
        if i != j:
            for a, b in product((0, 1), repeat=2):
                first, second = (w if side else 1 - w for side, w in ((a, wins[i]), (b, wins[j])))
                chances.append(shares @ (first * second))
                weights.append(often[i] * often[j] / (1 - often[i]))
    return np.array(chances), np.array(weights)


def test_bounds_of_several_prompts_by_finite_differences() -> None:
    """Two prompts of two and three options: the shares are the same at both."""
    rng = np.random.default_rng(4)
    rewards, shares = [rng.normal(size=(2, 2)), rng.normal(size=(2, 3))], np.array([0.3, 0.7])
    start = np.concatenate([(own - own[:, :1])[:, 1:].ravel() for own in rewards] + [shares[:1]])

    def unpack(theta: Floats) -> tuple[list[Floats], Floats]:
        parts = theta[:2].reshape(2, 1), theta[2:6].reshape(2, 2)
        own = [np.hstack([np.zeros((2, 1)), part]) for part in parts]
        return own, np.array([theta[6], 1 - theta[6]])

    def slopes(of: Callable[[Floats], Floats]) -> Floats:
        steps = 1e-6 * np.eye(7)
        return np.array([(of(start + step) - of(start - step)) / 2e-6 for step in steps])

    p, weights = linked_across_prompts(*unpack(start))
    J = slopes(lambda theta: linked_across_prompts(*unpack(theta))[0])
    inverse = np.linalg.inv((J * (weights / p)) @ J.T / 2)
    prompts = [Population(own, shares) for own in rewards]
    found = information(prompts, Linked(2))
    assert (found.rank, found.rank_here, found.n_parameters, found.identified) == (7, 7, 7, True)
    for x, (first, size) in enumerate([(0, 2), (2, 3)]):

        def gaps(theta: Floats, x: int = x) -> Floats:
            rewards, shares = unpack(theta)
            means = shares @ rewards[x]
            return np.asarray(means[:, None] - means)

        G = slopes(gaps)
        right = np.einsum("pyz,pq,qyz->yz", G, inverse, G)
        here = slice(first, first + size)
        np.testing.assert_allclose(found.gap_variances[here, here], right, rtol=1e-5, atol=1e-6)
    assert np.isinf(found.gap_variances[:2, 2:]).all()
    y, z = found.pairs
    assert (y.tolist(), z.tolist()) == ([0, 2, 2, 3], [1, 3, 4, 4])
    assert found.variance_per_label == pytest.approx(found.gap_variances[y, z].mean())


def test_prompts_share_annotators_with_known_types() -> None:
    """Known types: each of two prompts gets half the labels, and nothing else is shared."""
    one, other = (
        CROWD,
        Population([[0.5, 0.0, -1.0], [0.0, 1.0, 0.0], [2.0, 0.0, 0.5]], options=list("xyz")),
    )
    both = information([one, other], Typed(shares="known"))
    alone = [information(people, Typed(shares="known")) for people in (one, other)]
    for x, single in enumerate(alone):
        here = slice(3 * x, 3 * x + 3)
        np.testing.assert_allclose(both.gap_variances[here, here], 2 * single.gap_variances)
    assert both.sign_error("x", "z", 900, prompt=1) == pytest.approx(
        alone[1].sign_error("x", "z", 450)
    )
    each = [single.winner_error(450) for single in alone]
    assert both.winner_error(900) == pytest.approx(np.mean(each), abs=1e-6)
    table = both.to_frame()
    assert table["prompt"].tolist() == [0] * 3 + [1] * 3
    assert table["option"].tolist() == ["A", "A", "M", "x", "x", "y"]
    assert not information([one, other], Pairs()).identified
    assert information([one, other], Linked(2)).identified


def test_what_is_open_at_one_prompt_only() -> None:
    """The third option of the second prompt is never drawn."""
    prompts = [Population(crowd(2, 3, seed).rewards) for seed in (0, 1)]
    found = information(prompts, Typed(), sampling=[[0.2, 0.3, 0.5], [0.5, 0.5, 0.0]])
    assert found.unidentified == ("the rewards of type 1 and type 2 at prompt 2",)
    assert found.rank == found.rank_here == found.n_parameters - 2


def test_other_populations_of_the_same_size() -> None:
    found = information(
        crowd(2, 4, 0), {Linked(2): 0.5, Typed(0.8): 0.5}, sampling=[0.4, 0.3, 0.2, 0.1]
    )
    again, new = (
        found.at(crowd(2, 4, 1)),
        information(
            crowd(2, 4, 1), {Linked(2): 0.5, Typed(0.8): 0.5}, sampling=[0.4, 0.3, 0.2, 0.1]
        ),
    )
    np.testing.assert_array_equal(again.gap_variances, new.gap_variances)
    with refuses("population"):
        found.at(crowd(2, 5))


def test_tied_best_options_both_count_as_best() -> None:
    """A wrong winner beats both: normal draws of the estimates, with the bound's covariance."""
    found = information(CROWD, Typed(shares="known"))
    V, n = found.gap_variances, 400
    spread = (V[0, 1:, None] + V[0, None, 1:] - V[1:, 1:]) / 2 / n
    gaps = np.random.default_rng(0).multivariate_normal([-1 / 6, 0.0], spread, 200_000)
    wrong = (gaps[:, 0] > 0) & (gaps[:, 0] > gaps[:, 1])  # M above A, and above B
    assert found.winner_error(n) == pytest.approx(wrong.mean(), abs=4 * wrong.std() / 200_000**0.5)


def test_options_that_are_never_drawn_are_not_asked_about() -> None:
    population = crowd(2, 4, 2)
    found = information(population, Linked(2, repeats=True), sampling=[0.5, 0.3, 0.2, 0.0])
    three = Population(population.rewards[:, :3], population.shares)
    right = information(three, Linked(2, repeats=True), sampling=[0.5, 0.3, 0.2])
    np.testing.assert_allclose(found.gap_variances[:3, :3], right.gap_variances, rtol=1e-6)
    assert np.isinf(found.gap_variances[3, :3]).all()


def test_one_type_is_bradley_terry() -> None:
    """The bound of anonymous comparisons of one type: the inverse of a weighted Laplacian."""
    alone = Population([[1.0, 0.3, -0.2]])
    p = alone.pairwise()
    links = p * p.T * (1 - np.eye(3)) / 3
    laplacian = np.diag(links.sum(axis=1)) - links
    inverse = np.linalg.pinv(laplacian)
    d = np.diag(inverse)
    right = d[:, None] + d[None, :] - 2 * inverse
    for structure in (Pairs(), Panel(), Typed()):
        np.testing.assert_allclose(information(alone, structure).gap_variances, right, atol=1e-9)


# --- properties ----------------------------------------------------------------------------


@given(st.integers(0, 10**6))
@settings(max_examples=15)
def test_telling_more_never_hurts(seed: int) -> None:
    population = crowd(2, 4, seed)
    typed = information(population, Typed(shares="known")).variance_per_label
    for less in (Typed(), Typed(0.8, shares="known"), Typed(0.8), Linked(2)):
        assert information(population, less).variance_per_label >= typed - 1e-9
    panels, counts = (
        information(population, s).variance_per_label for s in (Panel(), VoteCounts())
    )
    assert counts >= panels - 1e-9


def test_mixtures_add_information() -> None:
    both = information(CROWD, {Panel(): 1.0, Typed(): 1.0})
    assert both.labels == pytest.approx(1 / (0.5 / 3 + 0.5))
    assert both.variance_per_label == pytest.approx(30.0765, abs=5e-4)
    mixed = information(CROWD, {Pairs(): 0.5, Panel(): 0.5})
    assert 30.0765 < mixed.variance_per_label < 2 * 30.0765
    rescued = information(CROWD, {Linked(2): 0.9, Repeated(3): 0.1})
    assert rescued.identified


def test_temperature_scales_rewards() -> None:
    population = crowd(2, 4, 1)
    hot = Population(2 * population.rewards, population.shares, link=Logistic(2.0))
    for structure in (Linked(2), Typed()):
        cold, warm = (information(p, structure).gap_variances for p in (population, hot))
        np.testing.assert_allclose(warm, 4 * cold, rtol=1e-9)


def test_names_and_sampling_change_nothing_but_what_they_should() -> None:
    population = crowd(2, 4, 2)
    turn = [2, 0, 3, 1]
    turned = Population(population.rewards[:, turn], population.shares)
    one, other = (information(p, Linked(2)).gap_variances for p in (population, turned))
    np.testing.assert_allclose(other, one[np.ix_(turn, turn)], rtol=1e-6)
    d = [0.4, 0.3, 0.2, 0.1]
    skewed = information(population, Typed(), sampling=d)
    assert skewed.gap_variances[0, 1] < information(population, Typed()).gap_variances[0, 1]


def test_errors_of_signs_and_winners() -> None:
    found = information(two_camps(), Typed(shares="known"))
    assert found.error(4 * found.variance_per_label) == pytest.approx(0.5)
    means = two_camps().mean_rewards()
    z = abs(means[0] - means[2]) * np.sqrt(1000 / found.gap_variances[0, 2])
    from scipy.stats import norm

    assert found.sign_error("A", "C", 1000) == pytest.approx(norm.cdf(-z))
    winner, sign = found.winner_error(1000), found.sign_error("C", "A", 1000)
    assert sign - 1e-12 <= winner <= sign + found.sign_error("C", "B", 1000) + 1e-12
    assert information(CROWD, Pairs()).sign_error("A", "M", 1e9) == 0.5


def test_many_questions_are_sampled_and_the_error_is_told() -> None:
    found = information(crowd(2, 8), Linked(4))
    assert 0.0 < found.sampling_error < 0.1
    assert information(crowd(2, 4), Linked(2)).sampling_error == 0.0


def test_anonymous_pairs_identify_locally_at_best() -> None:
    found = information(crowd(2, 5), Pairs())
    assert found.identified
    assert found.local_only
    assert "next to the truth only" in found.describe()
    assert not information(crowd(2, 5), {Pairs(): 0.5, Linked(2): 0.5}).local_only
    assert not information(crowd(1, 3), Pairs()).local_only  # a Bradley-Terry model


def test_votes_do_not_tell_who_has_which_share() -> None:
    people = Population([[2.0, 0.0, 1.0], [0.0, 1.0, -1.0]], [0.8, 0.2])
    other = Population(people.rewards[::-1], people.shares)
    pairs, rng = PairWeights.of([3]), np.random.default_rng(0)
    votes = [VoteCounts().answers(Model.at([one], np.zeros(0)), pairs, rng).chances.value
             for one in (people, other)]  # fmt: skip
    assert votes[0] == pytest.approx(votes[1], abs=1e-15)
    assert np.abs(people.mean_rewards() - other.mean_rewards()).max() > 1.0
    assert information(people, VoteCounts()).local_only
    assert not information(people, {VoteCounts(): 0.5, Typed(): 0.5}).local_only
    assert not information(Population(people.rewards), VoteCounts()).local_only


@pytest.mark.parametrize(
    "structure", [Linked(3, repeats=True), Repeated(3), Ranking(3), Typed(0.8), Typed(), Panel()]
)
def test_bounds_of_rare_types_have_a_limit(structure: Structure) -> None:
    """Shares of 1e-4, of 1e-9 and of 0 have nearly the same bounds."""
    rewards = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]])
    near, rare = (
        information(Population(rewards, [1 - share, share]), structure) for share in (1e-4, 1e-9)
    )
    assert rare.identified
    assert rare.variance_per_label == pytest.approx(near.variance_per_label, rel=5e-3)
    nobody = rare.at(Population(rewards, [1.0, 0.0]))
    assert nobody.variance_per_label == pytest.approx(rare.variance_per_label, rel=1e-6)


def test_the_bound_of_a_rare_type_by_hand() -> None:
    """Rankings of a rare second type: an inversion in exact fractions of the information."""
    from fractions import Fraction

    found = information(Population([[1, 0, 2], [0, 3, 1]], [1 - 1e-6, 1e-6]), Ranking(3))
    y, z = found.pairs
    rows = [[Fraction(float(x)) for x in row] for row in found.matrix]
    ways = [[Fraction(float(x)) for x in way] for way in found.slopes[y] - found.slopes[z]]
    size = len(rows)
    table = [row + [way[i] for way in ways] for i, row in enumerate(rows)]
    for i in range(size):  # elimination; the matrix is positive definite
        table[i] = [x / table[i][i] for x in table[i]]
        for j in range(size):
            if j != i:
                table[j] = [a - table[j][i] * b for a, b in zip(table[j], table[i], strict=True)]
    total = sum(
        ways[k][i] * table[i][size + k] for k in range(len(ways)) for i in range(size)
    )  # fmt: skip
    assert found.variance_per_label == pytest.approx(float(total) / len(ways), rel=1e-6)


def test_large_gaps_are_bounded_or_refused() -> None:
    steep = Population([[300.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert np.isinf(information(steep, Panel()).variance_per_label)
    assert information(crowd(1, 3), Typed("unknown")).rank == 2
    with refuses("population"):
        information(Population([[301.0, 0.0], [0.0, 1.0]]), Panel())
    with refuses("population"):
        information(Population([[3.01, 0.0]], link=Logistic(0.01)), Panel())


# --- set identification --------------------------------------------------------------------

GRID = np.array([u for u in product(np.arange(0, 6.01, 0.25), repeat=3) if min(u) == 0])
PAIR = np.stack([np.linspace(-4, 4, 1601), np.zeros(1601)], axis=1)


@pytest.mark.parametrize(
    ("structure", "low", "high"),
    [
        (Pairs(), -1.760, 1.177),
        (Ranking(3), -1.345, 0.765),
        (Linked(2), -1.268, 0.728),
        (Linked(2, repeats=True), -0.707, 1 / 6),
        (Linked(3, repeats=True), 1 / 6, 1 / 6),
    ],
    ids=repr,
)
def test_intervals_of_the_mediocre_winner_on_a_grid(
    structure: Mixed, low: float, high: float
) -> None:
    found = average_reward_bounds(CROWD, "A", "M", structure=structure, dictionary=GRID)
    assert (found.lower, found.upper) == pytest.approx((low, high), abs=6e-4)
    for other in (found.at_lower, found.at_upper):
        ours, theirs = (
            np.asarray(structure.answers(model, PairWeights.of([3]), RNG).chances.value)
            for model in (Model.at([people], np.zeros(0)) for people in (CROWD, other))
        )
        np.testing.assert_allclose(theirs, ours, atol=1e-9)


@pytest.mark.parametrize(
    ("m", "low", "high"),
    [(1, -0.506, 0.863), (2, -0.421, 0.741), (3, -0.372, -0.200), (4, -0.2, -0.2)],
)
def test_published_intervals_of_one_pair(m: int, low: float, high: float) -> None:
    split = Population([[1, 0], [-3, 0]], [0.7, 0.3])
    found = average_reward_bounds(split, 0, 1, structure=Repeated(m), dictionary=PAIR)
    assert (found.lower, found.upper) == pytest.approx((low, high), abs=6e-4)


def test_published_half_widths_and_that_even_labels_do_not_help() -> None:
    right = {1: 0.68476, 2: 0.68476, 3: 0.25073, 4: 0.25073, 5: 0.10774, 6: 0.10774, 7: 0.04987}
    for m, width in right.items():
        assert moment_half_width(m, 4) == pytest.approx(width, abs=6e-6)


def test_half_widths_fall_as_the_published_rate_says() -> None:
    """Like tanh(B/4)^m / m: the logit is singular at 0 and 1 as a logarithm is."""
    rates = [
        moment_half_width(m + 2, 4) / moment_half_width(m, 4) * (m + 2) / m for m in (5, 9, 13)
    ]
    away = np.abs(np.array(rates) - np.tanh(1.0) ** 2)
    assert (np.diff(away) < 0).all()
    assert away[-1] < 0.02


def test_a_half_width_is_attained() -> None:
    """A linear program over populations of one pair, for the widest interval with equal moments."""
    gaps = np.linspace(-3, 3, 601)
    p = 1 / (1 + np.exp(-gaps))
    moments = np.array([p**k for k in range(4)])
    found = linprog(
        np.concatenate([-gaps, gaps]),
        A_eq=np.block([[moments, -moments], [np.ones((1, 601)), np.zeros((1, 601))]]),
        b_eq=np.append(np.zeros(4), 1.0),
        method="highs",
    )
    assert -found.fun / 2 == pytest.approx(moment_half_width(3, 3), abs=1e-4)


@pytest.mark.parametrize(
    ("structure", "low", "high"),
    [
        (Pairs(), -1.760, 1.177),
        pytest.param(Ranking(3), -1.345, 0.765, marks=pytest.mark.slow),
        pytest.param(Linked(2), -1.268, 0.728, marks=pytest.mark.slow),
        (Linked(2, repeats=True), -1.2353, 0.6824),
        pytest.param(Linked(3, repeats=True), 0.1238, 0.5020, marks=pytest.mark.slow),
        (Linked(4, repeats=True), 1 / 6, 1 / 6),
    ],
    ids=repr,
)
def test_all_types_reach_what_fine_dictionaries_reach(
    structure: Mixed, low: float, high: float
) -> None:
    """Of the repeats, the dictionary lies on the curve that types must lie on (see below)."""
    found = average_reward_bounds(CROWD, "A", "M", structure=structure, bound=6.0)
    assert found.sharp
    assert (found.lower, found.upper) == pytest.approx((low, high), abs=4e-3)
    assert found.lower <= low + 1e-3
    assert found.upper >= high - 1e-3
    assert found.outer[0] <= found.lower <= found.gap <= found.upper <= found.outer[1]
    assert max(found.residuals) <= 1e-9


def on_the_curve() -> Floats:
    """Return types with the same linear relation between probabilities as the mediocre winner's.

    Its three types and the constant span three dimensions of four. With two labels of each pair
    the mean of the relation's square, which is 0, is known: nobody is off the curve.
    """

    def chances(first: Any, second: Any) -> Any:
        gaps = np.array(np.broadcast_arrays(first, second, first + second))
        return 1.0 / (1.0 + np.exp(-gaps))

    own = CROWD.rewards @ np.array([[1, 0], [-1, 1], [0, -1]])
    relation = np.linalg.svd(np.column_stack([np.ones(3), chances(*own.T).T]))[2][-1]
    fine, coarse = np.linspace(-6, 6, 1201), np.linspace(-6, 6, 121)

    def away(second: Any, first: float) -> Any:
        return relation[0] + np.tensordot(relation[1:], chances(first, second), axes=1)

    types = []
    for first in fine:
        values = away(coarse, first)
        for i in np.flatnonzero(values[:-1] * values[1:] <= 0.0):
            second = brentq(away, coarse[i], coarse[i + 1], args=(first,), xtol=1e-14)
            if abs(first + second) <= 6.0:
                types.append([first + second, second, 0.0])
    return np.array(types)


def test_where_a_relation_holds_types_lie_on_a_curve() -> None:
    """A grid misses the curve: it finds shorter intervals, and even a point that is none."""
    types = on_the_curve()
    for m, ends in ((2, (-1.2353, 0.6824)), (3, (0.1238, 0.5020))):
        structure = Linked(m, repeats=True)
        found = average_reward_bounds(CROWD, "A", "M", structure=structure, dictionary=types)
        assert (found.lower, found.upper) == pytest.approx(ends, abs=5e-3)
        missed = average_reward_bounds(CROWD, "A", "M", structure=structure, dictionary=GRID)
        assert found.lower < missed.lower
        assert found.upper > missed.upper + 0.3


@pytest.mark.parametrize("m", [1, 3])
def test_one_pair_against_a_fine_grid_of_moments(m: int) -> None:
    split = Population([[1, 0], [-3, 0]], [0.7, 0.3])
    gaps = np.append(np.linspace(-4, 4, 8001), [1.0, -3.0])
    moments = np.array([(1 / (1 + np.exp(-gaps))) ** k for k in range(m + 1)])
    found = average_reward_bounds(split, 0, 1, structure=Repeated(m), bound=4.0)
    for sign, end in ((1, found.lower), (-1, found.upper)):
        right = linprog(sign * gaps, A_eq=moments, b_eq=moments[:, -2:] @ [0.7, 0.3])
        assert end == pytest.approx(sign * right.fun, abs=1e-5)
    assert found.sharp
    assert found.outer[1] - found.outer[0] <= 2 * moment_half_width(m, 4) + 1e-6


def test_a_widest_interval_has_the_half_width_of_the_theorem() -> None:
    """The best approximation of the logit errs most, in turns, where the two populations are."""
    t = np.linspace(-np.tanh(1.5), np.tanh(1.5), 2001)
    logit = 2 * np.arctanh(t)
    best = linprog(
        [0, 0, 1],
        A_ub=np.column_stack([np.r_[t, -t], np.r_[t**3, -(t**3)], -np.ones(4002)]),
        b_ub=np.r_[logit, -logit],
        bounds=[(None, None)] * 3,
    )
    error = logit - best.x[0] * t - best.x[1] * t**3
    upper = np.flatnonzero(error >= best.fun - 1e-6)
    lower = np.flatnonzero(error <= -best.fun + 1e-6)
    powers = np.array([t**k for k in range(4)])
    # Shares of both that have the same moments.
    both = linprog(
        np.zeros(len(upper) + len(lower)),
        A_eq=np.vstack(
            [
                np.hstack([powers[:, upper], -powers[:, lower]]),
                np.r_[np.ones(len(upper)), np.zeros(len(lower))],
            ]
        ),
        b_eq=[0, 0, 0, 0, 1],
    )
    shares = both.x[: len(upper)]
    people = Population(np.column_stack([logit[upper], 0 * upper]), shares / shares.sum())
    found = average_reward_bounds(people, 0, 1, structure=Repeated(3), bound=3.0)
    assert found.upper - found.lower == pytest.approx(2 * moment_half_width(3, 3), abs=1e-3)


def test_structures_that_settle_gaps_say_why() -> None:
    gap = float(CROWD.mean_rewards() @ [1, -1, 0])
    for structure, why in (
        (Panel(), "each type's answers are seen"),
        (VoteCounts(), "count equally"),
        (Typed(0.7), "wrong at a known rate"),
        (Linked(4, repeats=True), "4 labels with repeats tell 3 kinds"),
        (Repeated(6), "6 labels with repeats tell 3 kinds"),
        ({Pairs(): 0.5, Panel(): 0.5}, "each type's answers are seen"),
    ):
        found = average_reward_bounds(CROWD, "A", "M", structure=structure)
        assert found.outer == (found.lower, found.upper) == (gap, gap)
        assert found.identified
        assert found.sharp
        assert why in found.reason


def test_reports_that_tell_nothing_leave_what_comparisons_leave() -> None:
    plain = average_reward_bounds(CROWD, "A", "M", structure=Linked(2), dictionary=GRID)
    useless = average_reward_bounds(CROWD, "A", "M", structure=Typed(1 / 3, m=2), dictionary=GRID)
    assert (useless.lower, useless.upper) == (plain.lower, plain.upper)


@pytest.mark.parametrize("structure", [Typed("unknown"), Groups()])
def test_groups_are_populations_of_their_own(structure: Structure) -> None:
    """The interval is the mean of the groups' own, by another solver."""
    people = Population([[1, 0, 2], [-1, 1, 0]], [0.7, 0.3])
    grid = np.array([u for u in product(np.arange(0, 3.1, 0.25), repeat=3) if min(u) == 0])
    found = average_reward_bounds(people, 0, 1, structure=structure, dictionary=grid)
    mixes = structure.groups(people.shares)
    types = np.vstack([people.rewards, grid])
    rows = [people.link(types[:, y] - types[:, z]) for y, z in ((0, 1), (0, 2), (1, 2))]
    system = np.vstack([*rows, np.ones(len(types))])
    for sign, end in ((1, found.lower), (-1, found.upper)):
        total = 0.0
        for mix in mixes:
            right = system[:, :2] @ (mix / mix.sum())
            answer = linprog(sign * (types[:, 0] - types[:, 1]), A_eq=system, b_eq=right)
            total += mix.sum() * sign * answer.fun
        assert end == pytest.approx(total, abs=1e-7)
    assert found.reason.startswith("2 groups, each by ")
    assert found.gap == pytest.approx(mixes.sum(axis=0) @ people.rewards @ [1, -1, 0])
    wider = average_reward_bounds(
        Population(people.rewards, mixes.sum(axis=0)), 0, 1, dictionary=grid
    )
    assert wider.lower <= found.lower + 1e-7
    assert wider.upper >= found.upper - 1e-7


def test_what_bounds_cannot_be_given_for_is_refused() -> None:
    unequal = Population(CROWD.rewards, [0.5, 0.25, 0.25])
    for structure, argument in (
        ("pairs", "structure"),
        ({Typed("unknown"): 0.5, Pairs(): 0.5}, "structure"),
        (Typed("unknown", shares="known"), "structure"),
        (VoteCounts(), "population"),
        (Linked(4), "m"),
    ):
        with refuses(argument):
            average_reward_bounds(unequal, 0, 1, structure=structure)  # type: ignore[arg-type]
    with refuses("structure"):
        average_reward_bounds(crowd(2, 6), 0, 1, structure=Linked(3))
    with refuses("population"):
        average_reward_bounds(Population([[1, 0]], link=Probit()), 0, 1, structure=Repeated(2))


@pytest.mark.slow
@settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(st.integers(0, 10_000))
def test_more_is_told_by_richer_structures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = Population(rng.normal(0, 1.5, (3, 3)), rng.dirichlet(np.ones(3)))
    inside = None
    both: dict[Structure, float] = {Linked(2): 0.5, Ranking(3): 0.5}
    for structure in (both, Linked(2), Pairs()):
        found = average_reward_bounds(people, 0, 1, structure=structure)
        assert found.outer[0] <= found.lower <= found.gap <= found.upper <= found.outer[1]
        assert found.sharp
        assert max(found.residuals) <= 1e-9
        if inside is not None:
            assert inside.lower >= found.outer[0] - 1e-9
            assert inside.upper <= found.outer[1] + 1e-9
        inside = found


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: moment_half_width(0, 4), "m"),
        (lambda: moment_half_width(3, 0), "bound"),
        (lambda: Linked(0), "m"),
        (lambda: Repeated(0), "m"),
        (lambda: Ranking(1), "k"),
        (lambda: Typed(0.0), "confusion"),
        (lambda: Typed("half"), "confusion"),
        (lambda: Typed(shares="some"), "shares"),
        (lambda: information(CROWD, Ranking(4)), "k"),
        (lambda: information(CROWD, Linked(4)), "m"),
        (lambda: information(CROWD, {}), "structure"),
        (lambda: information(CROWD, {Pairs(): 0.0}), "structure"),
        (lambda: information(CROWD, "pairs"), "structure"),  # type: ignore[arg-type]
        (lambda: information(CROWD, Pairs(), sampling=[0.5, 0.6, 0.1]), "sampling"),
        (lambda: information(CROWD, Pairs(), sampling=1.5), "sampling"),
        (lambda: information(CROWD, Pairs(), sampling=[]), "sampling"),
        (lambda: information(CROWD, Pairs(), know_shares="yes"), "know_shares"),  # type: ignore[arg-type]
        (lambda: information(Population([[1, 0], [0, 1]], [1, 0]), Repeated(3)), "population"),
        (lambda: Linked(2, repeats="no"), "repeats"),  # type: ignore[arg-type]
        (lambda: Groups(0), "n"),
        (lambda: Groups(10**9), "n"),
        (lambda: information(Population([[1, 0]], link=Probit()), Pairs()), "population"),
        (lambda: information(CROWD, Panel()).error(0), "n_labels"),
        (lambda: information([], Panel()), "population"),
        (lambda: information([CROWD, two_camps()], Panel()), "population"),
        (lambda: information([CROWD, CROWD.rewards], Panel()), "population"),  # type: ignore[list-item]
        (lambda: information([CROWD, CROWD], Pairs(), sampling=[1 / 3] * 3), "sampling"),
        (lambda: information(CROWD, Pairs(), sampling=[1, 0, 0]), "sampling"),
        (lambda: information(ring(), Linked(2)), "population"),
        (lambda: information([CROWD] * 2, Panel()).sign_error(0, 1, 9, prompt=2), "prompt"),
    ],
)
def test_bad_input(make: Callable[[], object], argument: str) -> None:
    with pytest.raises(InputError, match=f"'{argument}'"):
        make()

"""Davidson's model and the Plackett–Luce model: published numbers, and generic optimisers."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp

from socialpref import ConvergenceError, InputError, fit_bradley_terry
from socialpref.bradley_terry import DavidsonFit, fit_davidson, fit_plackett_luce
from tests.helpers import Floats, printed, refuses

# Davidson (1970), example 2, six brands of chocolate pudding: i, j, wins of i, of j, ties
PUDDING = np.array(
    [
        [1, 2, 19, 22, 16], [1, 3, 16, 19, 12], [2, 3, 19, 19, 10], [1, 4, 18, 23, 13],
        [2, 4, 23, 19, 9], [3, 4, 19, 20, 15], [1, 5, 13, 19, 18], [2, 5, 16, 20, 12],
        [3, 5, 16, 15, 17], [4, 5, 17, 14, 16], [1, 6, 18, 21, 12], [2, 6, 22, 20, 12],
        [3, 6, 13, 18, 10], [4, 6, 14, 19, 18], [5, 6, 11, 21, 12],
    ]
)  # fmt: skip


def pudding(**options: Any) -> DavidsonFit:
    first, second, *counts = PUDDING.T
    rows = len(PUDDING)
    return fit_davidson(
        np.tile(first - 1, 3),
        np.tile(second - 1, 3),
        np.repeat([1.0, 0.0, 0.5], rows),
        weights=np.concatenate(counts),
        **options,
    )


# Davidson


def test_puddings() -> None:
    found = pudding()
    shares = np.exp(found.rewards) / np.exp(found.rewards).sum()
    assert shares == printed([0.1388, 0.1730, 0.1617, 0.1654, 0.1587, 0.2024], 4)
    assert found.tie == printed(0.7468, 4)
    assert found.deviance == printed(1619.4, 1)


def davidson_value(at: Floats, rows: Any, prior: float = 0.0) -> float:
    first, second, outcomes, weights = rows
    half = (at[first] - at[second]) / 2
    logs = np.stack([half, -half, np.full_like(half, at[-1])])
    chosen = np.where(outcomes == 1, half, np.where(outcomes == 0, -half, at[-1]))
    return float(weights @ (chosen - logsumexp(logs, axis=0)) - prior / 2 * at[:-1] @ at[:-1])


def numerical_hessian(value: Any, at: Floats, step: float = 1e-3) -> Floats:
    """Return second differences, with the error's leading term removed."""
    size = len(at)
    found = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            both = []
            for h in (step, step / 2):
                e, f = h * np.eye(size)[i], h * np.eye(size)[j]
                corners = value(at + e + f) - value(at + e - f) - value(at - e + f)
                both.append((corners + value(at - e - f)) / (4 * h * h))
            found[i, j] = (4 * both[1] - both[0]) / 3
    return found


@pytest.mark.parametrize("prior", [None, 0.5])
def test_davidson_against_a_generic_optimiser(prior: float | None) -> None:
    rng = np.random.default_rng(3)
    first = rng.integers(0, 5, 400)
    second = (first + rng.integers(1, 5, 400)) % 5
    outcomes = rng.choice([0.0, 0.5, 1.0], 400)
    weights, cluster = rng.uniform(0.5, 2.0, 400), rng.integers(0, 40, 400)
    found = fit_davidson(
        first, second, outcomes, weights=weights, cluster=cluster, prior=prior, tolerance=1e-11
    )
    rows = first, second, outcomes, weights
    strength = prior or 0.0

    def value(at: Floats) -> float:
        return davidson_value(at, rows, strength) - 0.5 * at[:-1].sum() ** 2

    generic = minimize(lambda at: -value(at), np.zeros(6), method="BFGS", options={"gtol": 1e-8}).x
    np.testing.assert_allclose(found.rewards, generic[:-1], atol=1e-5)
    assert found.tie == pytest.approx(math.exp(generic[-1]), rel=1e-5)
    at = np.append(found.rewards, math.log(found.tie))
    assert found.log_likelihood == pytest.approx(davidson_value(at, rows), rel=1e-12)

    # Errors, by second differences and by first differences of each cluster's likelihood.
    inverse = np.linalg.inv(-numerical_hessian(value, at))
    centring = np.block([[np.eye(5) - 0.2, np.zeros((5, 1))], [np.zeros((1, 5)), np.ones((1, 1))]])
    inverse = centring @ inverse @ centring
    errors = np.sqrt(np.diag(inverse))
    np.testing.assert_allclose(found.standard_errors(), errors[:5], rtol=1e-5)
    assert found.standard_error_of_tie() == pytest.approx(errors[5], rel=1e-5)
    scores = []
    for who in range(40):
        mine = tuple(column[cluster == who] for column in rows)
        ahead = [davidson_value(at + 1e-5 * e, mine) for e in np.eye(6)]
        behind = [davidson_value(at - 1e-5 * e, mine) for e in np.eye(6)]
        scores.append((np.array(ahead) - behind) / 2e-5)
    sandwich = 40 / 39 * inverse @ np.array(scores).T @ np.array(scores) @ inverse
    clustered = found.standard_errors(clustered=True)
    np.testing.assert_allclose(clustered, np.sqrt(np.diag(sandwich))[:5], rtol=1e-4)
    difference = found.standard_error_of_difference(0, 3, clustered=True)
    contrast = np.array([1.0, 0, 0, -1, 0, 0])
    assert difference == pytest.approx(math.sqrt(contrast @ sandwich @ contrast), rel=1e-4)


def test_davidson_of_many_options_against_its_equations() -> None:
    """Wins plus half the ties, and the ties, are as often as expected."""
    rng = np.random.default_rng(4)
    size = 200
    first = rng.integers(0, size, 8000)
    second = (first + rng.integers(1, size, 8000)) % size
    outcomes = rng.choice([0.0, 0.5, 1.0], 8000, p=[0.3, 0.2, 0.5])
    found = fit_davidson(first, second, outcomes, tolerance=1e-10)
    half = (found.rewards[first] - found.rewards[second]) / 2
    total = np.exp(half) + np.exp(-half) + found.tie
    assert (outcomes == 0.5).sum() == pytest.approx((found.tie / total).sum(), abs=1e-6)
    expected = (np.exp(half) + found.tie / 2) / total
    force = np.bincount(first, outcomes - expected, size)
    force -= np.bincount(second, outcomes - expected, size)
    np.testing.assert_allclose(force, 0.0, atol=1e-6)


def test_counts_of_clusters_with_ties() -> None:
    by_row = pudding(cluster=np.tile(np.arange(15) % 5, 3))
    first, second, wins, losses, ties = PUDDING.T
    counted = pudding().with_clusters(np.arange(15) % 5, second - 1, first - 1, losses, wins, ties)
    np.testing.assert_allclose(
        counted.standard_errors(clustered=True), by_row.standard_errors(clustered=True), rtol=1e-8
    )
    with pytest.raises(InputError, match="must add up"):
        counted.with_clusters(np.arange(15), first - 1, second - 1, wins, losses, wins)


@pytest.mark.parametrize(
    ("first", "second", "outcomes", "words"),
    [
        ([0, 1], [1, 0], [1, 1], "got no tie"),
        ([0, 1], [1, 0], [0.5, 0.5], "got only ties"),
        ([0, 1], [1, 0], [0.3, 1], "1, 1/2 or 0"),
        ([0, 0], [1, 1], [1, 0.5], "fewer ties on the way"),
        ([0, 2], [1, 3], [1, 0.5], "link all options"),
    ],
)
def test_davidson_without_a_maximum(
    first: list[int], second: list[int], outcomes: list[float], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        fit_davidson(first, second, outcomes)


@given(st.data())
def test_davidson_is_refused_if_and_only_if_it_has_no_maximum(data: st.DataObject) -> None:
    """By linear programming: a direction in which no outcome becomes less likely."""
    from scipy.optimize import linprog

    size = data.draw(st.integers(2, 4))
    pairs = st.tuples(st.integers(0, size - 1), st.integers(1, size - 1))
    drawn = data.draw(
        st.lists(st.tuples(pairs, st.sampled_from([1.0, 0.5])), min_size=2, max_size=7)
    )
    first = np.array([y for (y, _), _ in drawn])
    second = np.array([(y + apart) % size for (y, apart), _ in drawn])
    outcomes = np.array([outcome for _, outcome in drawn])
    rows = []  # linear statistics of what happened, less those of what did not: at least 0
    for y, z, outcome in zip(first, second, outcomes, strict=True):
        kinds = np.zeros((3, size + 1))
        kinds[0, [y, z]], kinds[1, [y, z]], kinds[2, size] = [0.5, -0.5], [-0.5, 0.5], 1.0
        happened = kinds[0] if outcome == 1.0 else kinds[2]
        rows += [happened - other for other in kinds]
    table = np.array(rows)
    ties = np.append(np.ones(size), 0.0)  # rewards are fixed up to a constant
    best = linprog(
        -table.sum(axis=0), A_ub=-table, b_ub=np.zeros(len(table)), A_eq=ties[None], b_eq=[0.0],
        bounds=(-1, 1),
    )  # fmt: skip
    # A flat direction is one of options that no comparison links.
    rank = np.linalg.matrix_rank(table)
    exists = best.fun > -1e-9 and rank == size
    try:
        found = fit_davidson(first, second, outcomes, n_options=size)
    except InputError:
        assert not exists
    else:
        assert exists
        assert found.residual <= 1e-8 * max(1.0, np.abs(found.rewards).max())


def test_davidson_says_when_it_does_not_converge() -> None:
    with pytest.raises(ConvergenceError, match="Davidson fit: rewards are known only to"):
        pudding(max_iterations=1)
    with refuses("tolerance"):
        pudding(tolerance=0.0)


# Plackett–Luce


def ballots_value(rewards: Floats, ballots: Sequence[Sequence[int]], below: bool) -> float:
    """Return the log-likelihood, choice by choice."""
    total = 0.0
    for ballot in ballots:
        left = list(range(len(rewards))) if below else list(ballot)
        for chosen in ballot:
            total += float(rewards[chosen] - np.log(np.exp(rewards[left]).sum()))
            left.remove(chosen)
    return total


def test_the_toy_of_the_package_plackettluce() -> None:
    found = fit_plackett_luce([[0, 1], [2, 0], [1, 0], [1, 2]])
    relative = found.rewards - found.rewards[0]
    assert relative[1:] == printed([0.8392, 0.4196], 4)
    errors = [found.standard_error_of_difference(y, 0) for y in (1, 2)]
    assert errors == printed([1.3596, 1.5973], 4)
    assert found.deviance == printed(5.1356, 4)


def drawn_ballots(seed: int, size: int, count: int, longest: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=size)
    ballots = []
    for _ in range(count):
        order = np.argsort(-(rewards + rng.gumbel(size=size)))
        some = order[np.isin(order, rng.choice(size, rng.integers(1, longest + 1), False))]
        ballots.append(some.tolist())
    return ballots


@pytest.mark.parametrize("unlisted", ["unranked", "below"])
@pytest.mark.parametrize("prior", [None, 0.3])
def test_plackett_luce_against_a_generic_optimiser(unlisted: Any, prior: float | None) -> None:
    ballots = drawn_ballots(5, 5, 40, 4)
    below, strength = unlisted == "below", prior or 0.0
    found = fit_plackett_luce(
        ballots, unlisted=unlisted, prior=prior, cluster=np.arange(40) // 2, tolerance=1e-11
    )

    def value(h: Floats) -> float:
        penalty = strength / 2 * (h**2).sum() + 0.5 * h.sum() ** 2
        return ballots_value(h, ballots, below) - float(penalty)

    generic = minimize(lambda h: -value(h), np.zeros(5), method="BFGS", options={"gtol": 1e-8}).x
    np.testing.assert_allclose(found.rewards, generic, atol=1e-5)
    likelihood = ballots_value(found.rewards, ballots, below)
    assert found.log_likelihood == pytest.approx(likelihood, rel=1e-12)
    centring = np.eye(5) - 0.2
    inverse = centring @ np.linalg.inv(-numerical_hessian(value, found.rewards)) @ centring
    np.testing.assert_allclose(found.covariance(), inverse, rtol=1e-4, atol=1e-7)
    scores = []
    for start in range(0, 40, 2):
        mine = ballots[start : start + 2]
        ahead = [ballots_value(found.rewards + 1e-5 * e, mine, below) for e in np.eye(5)]
        behind = [ballots_value(found.rewards - 1e-5 * e, mine, below) for e in np.eye(5)]
        scores.append((np.array(ahead) - behind) / 2e-5)
    count = sum(np.abs(score).max() > 1e-6 for score in scores)  # some make no choice
    assert found.n_clusters == count
    sandwich = count / (count - 1) * inverse @ np.array(scores).T @ np.array(scores) @ inverse
    np.testing.assert_allclose(
        found.standard_errors(clustered=True), np.sqrt(np.diag(sandwich)), rtol=1e-4
    )


def test_ballots_of_two_are_comparisons() -> None:
    rng = np.random.default_rng(6)
    first = rng.integers(0, 200, 5000)
    second = (first + rng.integers(1, 200, 5000)) % 200
    pairs = np.column_stack([first, second])
    for prior in (None, 2.0):
        ballots = fit_plackett_luce(pairs, prior=prior, cluster=np.arange(5000) // 10)
        rows = fit_bradley_terry(first, second, prior=prior, cluster=np.arange(5000) // 10)
        np.testing.assert_allclose(ballots.rewards, rows.rewards, atol=1e-8)
        assert ballots.log_likelihood == pytest.approx(rows.log_likelihood)
        for clustered in (False, True):
            one, other = (fit.standard_errors(clustered=clustered) for fit in (ballots, rows))
            np.testing.assert_allclose(one, other, rtol=1e-6)


# PrefLib's ballots on four films (data set 4, Netflix): how many, best first
FILMS = [
    (228, "4321"), (220, "3421"), (169, "4213"), (98, "4231"), (78, "4123"), (64, "4312"),
    (63, "2413"), (62, "3412"), (47, "2143"), (41, "1243"), (28, "3241"), (26, "1423"),
    (23, "2134"), (20, "3214"), (16, "4132"), (15, "1234"), (14, "2431"), (14, "3124"),
    (10, "3142"), (9, "2314"), (4, "2341"), (4, "1432"), (2, "1324"), (1, "1342"),
]  # fmt: skip


def test_rankings_broken_into_pairs_are_not_plackett_luce() -> None:
    table = np.array([[int(film) - 1 for film in order] for _, order in FILMS])
    counts = np.array([count for count, _ in FILMS])
    ranked = fit_plackett_luce(table, weights=counts)
    one = fit_plackett_luce(np.repeat(table, counts, axis=0), cluster=np.arange(1256))
    np.testing.assert_allclose(ranked.rewards, one.rewards, atol=1e-9)
    assert one.n_ballots == 1256
    assert len(one.ballots.counts) == 24
    first, second = np.triu_indices(4, 1)
    broken = fit_bradley_terry(
        table[:, first].ravel(), table[:, second].ravel(), weights=np.repeat(counts, 6)
    )
    assert np.abs(broken.rewards - ranked.rewards).max() > 0.05
    assert np.argsort(broken.rewards).tolist() != np.argsort(ranked.rewards).tolist()
    # One choice a place: information about as much as three comparisons a ballot, not six.
    assert 1.1 < (ranked.standard_errors() / broken.standard_errors()).mean() < 1.5


def test_choices_of_one_among_all() -> None:
    """The shares of choices are the strengths."""
    found = fit_plackett_luce([[0], [1], [2]], weights=[5, 3, 2], unlisted="below", prior=1e-12)
    strengths = np.exp(found.rewards) / np.exp(found.rewards).sum()
    np.testing.assert_allclose(strengths, [0.5, 0.3, 0.2], atol=1e-9)
    closed = fit_plackett_luce([[0], [1], [2]], weights=[5, 3, 2], unlisted="below")
    np.testing.assert_allclose(closed.rewards, found.rewards, atol=1e-9)


def test_ballots_that_rank_some_of_their_options() -> None:
    # A choice among all is a ballot of one that lists the others, in whatever order.
    listed = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 1, 0]]
    choices = fit_plackett_luce(listed, weights=[4, 1, 3, 2], n_ranked=[1, 1, 1, 1])
    strengths = np.exp(choices.rewards) / np.exp(choices.rewards).sum()
    np.testing.assert_allclose(strengths, [0.5, 0.3, 0.2], atol=1e-9)
    # Two ranked of four are what is left of a ballot of two with the rest below.
    short = [[0, 1], [1, 2], [2, 3], [3, 0], [1, 0]]
    full = [ballot + [y for y in (3, 2, 1, 0) if y not in ballot] for ballot in short]
    below = fit_plackett_luce(short, unlisted="below", n_options=4)
    ranked = fit_plackett_luce(full, n_ranked=np.full(5, 2))
    np.testing.assert_allclose(ranked.rewards, below.rewards, atol=1e-9)
    np.testing.assert_allclose(ranked.standard_errors(), below.standard_errors())
    whole = fit_plackett_luce(full, n_ranked=[9] * 5)
    np.testing.assert_allclose(whole.rewards, fit_plackett_luce(full).rewards, atol=1e-9)
    with pytest.raises(InputError, match="options 0 that never lose"):  # 1 and 2 are not compared
        fit_plackett_luce([[0, 1, 2]], n_ranked=[1])
    for wrong in ([1, 1, 1], [0, 1, 1, 1], [1.0, 1.0, 1.0, 1.0]):
        with pytest.raises(InputError, match="n_ranked"):
            fit_plackett_luce(listed, n_ranked=wrong)
    with pytest.raises(InputError, match="unlisted"):
        fit_plackett_luce(listed, n_ranked=[1] * 4, unlisted="below")


def test_options_that_no_ballot_links() -> None:
    ballots = [[0, 1, 3], [1, 0], [1, 0, 3], []]
    with pytest.raises(InputError, match="between options 0, 1, 3 and 2"):
        fit_plackett_luce(ballots)
    with pytest.raises(InputError, match="options 0, 1 that never lose"):
        fit_plackett_luce([[0, 1, 2], [1, 0, 2]])
    found = fit_plackett_luce(ballots, component="largest")
    assert found.left_out == ("option 3", "option 4")
    assert found.positions.tolist() == [0, 1]
    np.testing.assert_allclose(np.diff(found.rewards), math.log(2.0))
    held = fit_plackett_luce(ballots, prior=1.0)
    assert held.rewards[2] == pytest.approx(0.0, abs=1e-12)
    both = fit_plackett_luce(ballots, prior=1.0, component="largest")
    assert both.left_out == ("option 3",)
    np.testing.assert_allclose(both.rewards, held.rewards[[0, 1, 3]], atol=1e-12)


@pytest.mark.parametrize(
    ("argument", "ballots", "options"),
    [
        ("ballots", [], {}),
        ("ballots", [[]], {}),
        ("ballots", [[0], [1]], {}),
        ("ballots", [[0, 0]], {}),
        ("ballots", [[0, -2]], {}),
        ("ballots", [[0, -1, 1]], {}),
        ("ballots", [[0.0, 1.0]], {}),
        ("ballots", [["a", "b"]], {}),
        ("ballots", 3, {}),
        ("ballots", np.zeros(3, int), {}),
        ("ballots", [[0, 3]], {"n_options": 3}),
        ("weights", [[0, 1], [1, 0]], {"weights": [1]}),
        ("cluster", [[0, 1], [1, 0]], {"cluster": [1]}),
        ("unlisted", [[0, 1], [1, 0]], {"unlisted": "last"}),
        ("component", [[0, 1], [1, 0]], {"component": "some"}),
        ("options", [[0, 1], [1, 0]], {"options": "ab"}),
    ],
)
def test_bad_ballots(argument: str, ballots: Any, options: dict[str, Any]) -> None:
    with refuses(argument):
        fit_plackett_luce(ballots, **options)


def test_too_many_ballots_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socialpref.bradley_terry.plackett_luce.MOST_ENTRIES", 5)
    with pytest.raises(InputError, match="fit_bradley_terry takes them as pairs"):
        fit_plackett_luce([[0, 1, 2], [2, 1, 0], [1, 0, 2]])


@pytest.mark.slow
def test_plackett_luce_intervals_cover() -> None:
    rng = np.random.default_rng(7)
    rewards = np.array([1.0, 0.5, 0.0, -0.5, -1.0])
    covered = []
    for _ in range(1000):
        table = np.argsort(-(rewards + rng.gumbel(size=(60, 5))), axis=1)
        found = fit_plackett_luce(table[:, :3], unlisted="below")
        covered.append(np.abs(found.rewards - rewards) <= 1.96 * found.standard_errors())
    share = np.mean(covered, axis=0)
    assert ((share > 0.93) & (share < 0.97)).all(), share

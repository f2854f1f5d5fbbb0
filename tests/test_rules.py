"""Scores and rankings: by hand, at their limits, and unchanged where they must be."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import brentq, linprog

from socialpref import (
    ConvergenceError,
    Logistic,
    Population,
    average_reward,
    compare_rules,
    nbc,
    ranking,
)
from socialpref.rules import (
    RULES,
    Ranking,
    borda,
    copeland,
    egalitarian,
    maximal_lottery,
    maximin,
    nash_welfare,
    plurality,
)
from tests.helpers import (
    LINKS,
    Floats,
    distributions,
    permuted,
    populations,
    printed,
    refuses,
    sampled,
)

ROUNDING = 1e-14
"""Sums of a dozen products of numbers up to 1: a few dozen units of 1.1e-16."""

Rule = Callable[[Population], Floats]

every_rule = pytest.mark.parametrize(
    "rule",
    [
        pytest.param(rule, id=name, marks=[pytest.mark.slow] if "lottery" in name else [])
        for name, rule in RULES.items()
    ],
)

EXACT = {name: rule for name, rule in RULES.items() if "lottery" not in name}
"""The rules whose scores are sums, products and minima; lotteries are right to 1e-9."""


# Worked numbers: section 2 of the theory


def heated(population: Population, temperature: float) -> Population:
    return Population(population.rewards, population.shares, link=Logistic(temperature))


def test_mediocre_winner(crowd: Population) -> None:
    assert nbc(crowd) == printed([0.48933, 0.52135, 0.48933], 5)
    assert ranking(nbc(crowd)).describe(crowd.options) == "M > A = B"
    assert ranking(average_reward(crowd)).describe(crowd.options) == "A = B > M"


def test_temperature_threshold_of_the_mediocre_winner(crowd: Population) -> None:
    assert ranking(nbc(heated(crowd, 1.64241 - 1e-5))).winners == (1,)
    assert ranking(nbc(heated(crowd, 1.64241 + 1e-5))).winners == (0, 2)

    def lead(temperature: float) -> float:
        scores = nbc(heated(crowd, temperature))
        return float(scores[0] - scores[1])

    assert brentq(lead, 1.0, 3.0, xtol=1e-12) == printed(1.64241, 5)


def test_sampling_example(two_camps: Population) -> None:
    assert nbc(two_camps) == printed([0.58511, 0.35361, 0.56128], 5)
    assert average_reward(two_camps) == pytest.approx([0, -1.5, 1], abs=ROUNDING)


@given(sampled(), st.sampled_from([20.0, 100.0, 1000.0]))
def test_hot_annotators_give_the_order_of_average_rewards(
    drawn: tuple[Population, Floats], temperature: float
) -> None:
    population = heated(drawn[0], temperature)
    means = population.mean_rewards()
    limit = 0.5 + (means - drawn[1] @ means) / (4 * temperature)
    # |F(x) - 1/2 - x/4| <= |x|^3 / 48 for the logistic F, and no gap exceeds the range.
    widest = np.ptp(population.rewards, axis=1).max() / temperature
    error = np.abs(nbc(population, drawn[1]) - limit).max()
    assert error <= widest**3 / 48 + ROUNDING


@given(sampled())
def test_cold_annotators_give_the_ordinal_borda_count(drawn: tuple[Population, Floats]) -> None:
    # The smallest gap is 1/8, so that |F - step| <= exp(-1/8 / temperature) = exp(-50) < 2e-22.
    cold = heated(drawn[0], 1 / 400)
    np.testing.assert_allclose(nbc(cold, drawn[1]), borda(cold, drawn[1]), atol=ROUNDING, rtol=0)


# By hand


@pytest.fixture
def middle() -> Population:
    """Return two equal types who agree on the middle and on nothing else."""
    return Population([[2, 2, 0], [0, 2, 2]], options=["left", "middle", "right"])


P = 1 / (1 + math.exp(-2))  # a gap of 2

END = (0.5 + (0.5 + 1 - P) / 2 + 0.5) / 3  # NBC: itself, the middle, the other end

BY_HAND: dict[str, list[float]] = {
    "NBC": [END, (0.5 + 0.5 + P) / 3, END],
    "average reward": [1, 2, 1],
    "Borda": [5 / 12, 2 / 3, 5 / 12],  # (2/3 + 1/6) / 2 at the ends
    "plurality": [0.25, 0.5, 0.25],
    "Copeland, ballots": [0.5, 2, 0.5],
    "Copeland, noisy votes": [0.5, 2, 0.5],
    "maximin, ballots": [0.25, 0.75, 0.25],
    "maximin, noisy votes": [(0.5 + 1 - P) / 2, (0.5 + P) / 2, (0.5 + 1 - P) / 2],
    "maximal lottery, ballots": [0, 1, 0],
    "maximal lottery, noisy votes": [0, 1, 0],
    "Nash welfare": [-math.inf, math.log(2), -math.inf],
    "egalitarian": [0, 2, 0],
}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_by_hand(middle: Population, name: str) -> None:
    assert np.asarray(RULES[name](middle)) == pytest.approx(BY_HAND[name], abs=ROUNDING)


def test_the_table_of_rules_holds_every_score(middle: Population) -> None:
    table = compare_rules(middle)
    assert list(table.columns) == list(RULES) == list(BY_HAND)
    assert list(table.index) == ["left", "middle", "right"]
    for name in RULES:
        np.testing.assert_array_equal(table[name], RULES[name](middle))


@pytest.fixture
def cycle() -> Population:
    """Return Condorcet's cycle: 1 beats 2, 2 beats 3 and 3 beats 1, alike."""
    return Population([[2, 1, 0], [0, 2, 1], [1, 0, 2]])


def test_condorcets_cycle_is_a_tie_for_every_rule(cycle: Population) -> None:
    third = [1 / 3] * 3
    assert maximal_lottery(cycle).probabilities == pytest.approx(third, abs=1e-9)
    assert plurality(cycle) == pytest.approx(third, abs=ROUNDING)
    assert borda(cycle) == pytest.approx([0.5] * 3, abs=ROUNDING)
    assert copeland(cycle).tolist() == [1, 1, 1]
    assert nash_welfare(cycle).tolist() == [-math.inf] * 3
    for name, rule in EXACT.items():
        assert ranking(rule(cycle)).groups == ((0, 1, 2),), name


def test_maximal_lottery_of_an_uneven_cycle() -> None:
    population = Population([[3, 1, 0], [0, 3, 1], [1, 0, 3]], [0.36, 0.33, 0.31])
    lead = population.pairwise() - 0.5
    assert lead[0, 1] > 0
    assert lead[1, 2] > 0
    assert lead[2, 0] > 0
    # Each is played as often as the other two lead each other by.
    weights = np.array([lead[1, 2], lead[2, 0], lead[0, 1]])
    found = maximal_lottery(population, votes="noisy")
    assert found.unique
    assert found.probabilities == pytest.approx(weights / weights.sum(), abs=1e-9)


def test_margins_of_one_three_and_one_around_a_triangle() -> None:
    # Of 5 voters, A beats B by 1, B beats C by 3 and C beats A by 1.
    ballots = ["ABC", "ABC", "BCA", "BCA", "CAB"]
    population = Population([[-row.index(o) for o in "ABC"] for row in ballots])
    found = maximal_lottery(population)
    assert found.probabilities == pytest.approx([0.6, 0.2, 0.2], abs=1e-12)
    assert found.unique
    assert np.asarray(found).tolist() == found.probabilities.tolist()


def test_tennessee() -> None:
    # Memphis, Nashville, Chattanooga, Knoxville; votes in a hundred.
    rewards = [[4, 3, 2, 1], [1, 4, 3, 2], [1, 2, 4, 3], [1, 2, 3, 4]]
    population = Population(rewards, [0.42, 0.26, 0.15, 0.17])
    points = 100 * (4 * borda(population) - 0.5)
    assert points == pytest.approx([126, 194, 173, 107], abs=1e-11)
    assert copeland(population).tolist() == [0, 3, 2, 1]
    assert maximal_lottery(population).probabilities == pytest.approx([0, 1, 0, 0], abs=1e-12)
    assert maximin(population) == pytest.approx([0.42, 0.58, 0.32, 0.17], abs=1e-12)


def test_ballots_do_not_count_strengths() -> None:
    ballots = ["ABCD"] * 3 + ["BCDA"] * 2  # A beats B by 3 to 2, though B's friends care as much
    population = Population([[-row.index(o) for o in "ABCD"] for row in ballots])
    assert copeland(population).tolist() == [3, 2, 1, 0]
    assert copeland(population, votes="noisy").tolist() == [2, 3, 1, 0]
    assert maximin(population) == pytest.approx([0.6, 0.4, 0, 0], abs=ROUNDING)
    assert maximal_lottery(population).probabilities == pytest.approx([1, 0, 0, 0], abs=1e-12)
    noisy = maximal_lottery(population, votes="noisy")
    assert noisy.probabilities == pytest.approx([0, 1, 0, 0], abs=1e-12)


# Lotteries that are not unique


@pytest.mark.parametrize("votes", ["ordinal", "noisy"])
def test_options_alike_share_the_lottery(votes: Any) -> None:
    found = maximal_lottery(Population([[0.1, 0.1, 0.1]]), votes=votes)
    assert found.probabilities == pytest.approx([1 / 3] * 3, abs=1e-12)
    assert found.low == pytest.approx([0] * 3, abs=1e-12)
    assert found.high == pytest.approx([1] * 3)
    assert not found.unique


def test_a_bound_that_the_lottery_of_largest_entropy_reaches() -> None:
    # A and B are tied, A beats C and C beats B. C has no chance, and a lottery (p, 1 - p, 0) does
    # not lose to C if p times A's lead is at least (1 - p) times C's.
    def lottery(shares: list[float]) -> Any:
        rows = ["ABC", "BAC", "CAB", "CBA", "ACB", "BCA"]
        return maximal_lottery(Population([[-r.index(o) for o in "ABC"] for r in rows], shares))

    # Leads: A over B s0 + s2 + s4 - 1/2, A over C s0 + s1 + s4 - 1/2, B over C s0 + s1 + s5 - 1/2.
    even = lottery([0.0, 0.25, 0.0, 0.25, 0.5, 0.0])  # 0, 1/4, -1/4
    assert even.probabilities == pytest.approx([0.5, 0.5, 0], abs=1e-12)
    assert even.low == pytest.approx([0.5, 0, 0], abs=1e-9)
    assert even.high == pytest.approx([1, 0.5, 0], abs=1e-9)
    bound = lottery([0.0, 0.125, 0.0, 0.375, 0.5, 0.0])  # 0, 1/8, -3/8: p / 8 >= 3 (1 - p) / 8
    assert bound.probabilities == pytest.approx([0.75, 0.25, 0], abs=1e-12)
    assert bound.low == pytest.approx([0.75, 0, 0], abs=1e-9)
    assert bound.high == pytest.approx([1, 0.25, 0], abs=1e-9)
    assert bound.residual < 1e-12


def even_electorate(seed: int) -> Population:
    """Return an even number of voters with strict ballots over 3 to 6 options."""
    rng = np.random.default_rng(seed)
    voters, size = rng.choice([2, 4, 6, 8]), rng.integers(3, 7)
    return Population([rng.permutation(size) for _ in range(voters)])


def test_renaming_the_options_changes_no_lottery() -> None:
    several = 0
    for seed in range(50):
        population = even_electorate(seed)
        places = np.random.default_rng(seed).permutation(population.n_options).tolist()
        found, moved = maximal_lottery(population), maximal_lottery(permuted(population, places))
        several += not found.unique
        assert found.unique == moved.unique
        for name in ("probabilities", "low", "high"):
            here, there = getattr(found, name), getattr(moved, name)
            assert here[places] == pytest.approx(there, abs=1e-9), (seed, name)
    assert several > 15


@pytest.mark.parametrize("seed", range(12))
def test_the_lottery_of_largest_entropy_by_another_solver(seed: int) -> None:
    import cvxpy as cp

    population = even_electorate(seed + 1000)
    size = population.n_options
    ballots = np.sign(population.rewards[:, :, None] - population.rewards[:, None, :])
    lead = np.round(ballots.sum(axis=0))  # in voters: whole numbers
    lottery = cp.Variable(size, nonneg=True)
    rules = [cp.sum(lottery) == 1, lottery @ lead >= 0]
    cp.Problem(cp.Maximize(cp.sum(cp.entr(lottery))), rules).solve(solver="CLARABEL")
    found = maximal_lottery(population)
    assert found.probabilities == pytest.approx(lottery.value, abs=1e-4)
    assert (found.probabilities @ lead).min() >= -1e-9
    for y in range(size):
        for sign, end in ((1.0, found.low), (-1.0, found.high)):
            cost = np.zeros(size)
            cost[y] = sign
            best = linprog(
                cost, A_ub=-lead.T, b_ub=np.zeros(size), A_eq=np.ones((1, size)), b_eq=[1.0]
            )
            assert sign * best.fun == pytest.approx(end[y], abs=1e-7)


def test_borda_counts_ties_half_and_weighs_opponents(middle: Population) -> None:
    # left: 1/4 + 1/8 + 1/4 to the first type, 1/4 to the second.
    expected = [(5 / 8 + 1 / 4) / 2, (5 / 8 + 3 / 4) / 2, (1 / 8 + 3 / 4) / 2]
    assert borda(middle, [0.5, 0.25, 0.25]) == pytest.approx(expected, abs=ROUNDING)


def test_plurality_splits_a_tie_three_ways() -> None:
    population = Population([[1, 1, 1, 0], [0, 0, 0, 1]], [0.75, 0.25])
    assert plurality(population) == pytest.approx([0.25] * 4, abs=ROUNDING)


def test_copeland_and_maximin_of_a_condorcet_winner(crowd: Population) -> None:
    assert copeland(crowd).tolist() == [0.5, 2, 0.5]
    assert maximin(crowd, votes="noisy") == printed([0.46798, 0.53202, 0.46798], 5)


def test_nash_welfare_weighs_types_and_sets_their_zeros() -> None:
    # Gains over the worst are (1, 4, 0) and (2, 1, 0).
    population = Population([[-6, -3, -7], [12, 11, 10]], [0.25, 0.75])
    expected = [0.75 * math.log(2), 0.25 * math.log(4), -math.inf]
    assert nash_welfare(population) == pytest.approx(expected, abs=ROUNDING)
    assert egalitarian(population).tolist() == [1, 1, 0]
    assert ranking(nash_welfare(population)).groups == ((0,), (1,), (2,))


@every_rule
def test_a_type_without_a_share_does_not_count(rule: Rule) -> None:
    present = Population([[4, 1, 0], [0, 1, 2]], [0.5, 0.5])
    absent = Population([[4, 1, 0], [0, 1, 2], [0, 0, 9]], [0.5, 0.5, 0.0])
    np.testing.assert_array_equal(rule(absent), rule(present))


# Properties


@given(sampled())
def test_the_mean_of_nbc_is_a_half(drawn: tuple[Population, Floats]) -> None:
    population, sampling = drawn
    assert sampling @ nbc(population, sampling) == pytest.approx(0.5, abs=ROUNDING)
    assert sampling @ borda(population, sampling) == pytest.approx(0.5, abs=ROUNDING)


@every_rule
@given(data=st.data())
def test_a_constant_per_type_changes_no_ranking(rule: Rule, data: Any) -> None:
    population = data.draw(populations())
    count = population.n_types
    eighths = data.draw(st.lists(st.integers(-80, 80), min_size=count, max_size=count))
    rewards = population.rewards + np.array(eighths)[:, None] / 8
    moved = Population(rewards, population.shares, link=population.link)
    assert ranking(rule(moved)) == ranking(rule(population))


@pytest.mark.parametrize("rule", EXACT.values(), ids=EXACT.keys())
@given(data=st.data())
def test_permuting_options_permutes_the_ranking(rule: Rule, data: Any) -> None:
    population = data.draw(populations())
    places = data.draw(st.permutations(range(population.n_options)))
    moved = ranking(rule(permuted(population, places))).groups
    back = tuple(tuple(sorted(places[y] for y in group)) for group in moved)
    assert back == ranking(rule(population)).groups


@pytest.mark.parametrize("rule", EXACT.values(), ids=EXACT.keys())
@given(data=st.data())
def test_types_with_equal_rewards_are_one_type(rule: Rule, data: Any) -> None:
    population = data.draw(populations())
    last = population.shares[-1] * data.draw(distributions(2))
    cloned = Population(
        np.vstack([population.rewards, population.rewards[-1:]]),
        [*population.shares[:-1], *last],
        link=population.link,
    )
    assert ranking(rule(cloned)) == ranking(rule(population))


@given(st.data(), st.sampled_from(LINKS))
def test_a_homogeneous_population_has_one_order(data: Any, link: Any) -> None:
    size = data.draw(st.integers(2, 6))
    rewards = data.draw(st.lists(st.integers(-8, 8), min_size=size, max_size=size))
    shares = data.draw(distributions(2))
    population = Population(np.array([rewards, rewards]) / 4, shares, link=link)
    order = ranking(average_reward(population))
    # Gaps reach 4: the flattest link still gains 1e-5 on a quarter there, far above rounding.
    assert ranking(nbc(population, data.draw(distributions(size)))) == order
    assert ranking(borda(population)) == order
    assert ranking(copeland(population)) == order


DECIMALS = [0.1, 0.2, 0.3, 0.7, -0.4, 1.1, 12.6, -1000.1]


@every_rule
@given(data=st.data())
def test_a_decimal_constant_per_type_changes_no_ranking(rule: Rule, data: Any) -> None:
    shape = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 5))
    tenths = data.draw(arrays(np.int64, shape, elements=st.integers(-10, 10)))
    added = data.draw(st.lists(st.sampled_from(DECIMALS), min_size=shape[0], max_size=shape[0]))
    population = Population(tenths / 10)
    moved = Population(tenths / 10 + np.array(added)[:, None])
    slack = 1e-12 if rule in EXACT.values() else 1e-9
    assert ranking(rule(moved), tolerance=slack) == ranking(rule(population), tolerance=slack)


def test_ties_in_decimals() -> None:
    rewards = np.array([[0.1 + 0.2, 0.3, 0.0]])  # 0.30000000000000004 and 0.3
    assert plurality(Population(rewards)).tolist() == [0.5, 0.5, 0]
    assert borda(Population(-rewards)) == pytest.approx([1 / 3, 1 / 3, 5 / 6], abs=ROUNDING)
    assert copeland(Population(rewards)).tolist() == [1.5, 1.5, 0]
    assert nash_welfare(Population(-rewards)).tolist()[:2] == [-math.inf, -math.inf]


@given(populations(), st.sampled_from(["ordinal", "noisy"]))
def test_no_option_beats_the_maximal_lottery(population: Population, votes: Any) -> None:
    found = maximal_lottery(population, votes=votes)
    lottery = found.probabilities
    assert lottery.min() >= 0
    assert lottery.sum() == pytest.approx(1, abs=ROUNDING)
    assert (found.low <= lottery + 1e-9).all()
    assert (lottery <= found.high + 1e-9).all()
    assert found.residual <= 1e-9
    if votes == "noisy":
        assert (population.pairwise() @ lottery).max() <= 0.5 + 1e-9  # what it promises


@given(populations())
def test_a_condorcet_winner_wins_copeland_and_the_lottery(population: Population) -> None:
    duels = population.pairwise() - 0.5
    np.fill_diagonal(duels, 1.0)
    for y in np.flatnonzero((duels > 1e-6).all(axis=1)).tolist():
        assert ranking(copeland(population, votes="noisy")).winners == (y,)
        found = maximal_lottery(population, votes="noisy")
        assert found.probabilities[y] == pytest.approx(1.0, abs=1e-12)
        assert found.unique


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (SimpleNamespace(success=False, message="time ran out"), "time ran out"),
        (SimpleNamespace(success=True, x=np.array([0.0, 0.0, 1.0, 0.0])), "rounding leaves open"),
        (SimpleNamespace(success=True, x=np.array([0.4, 0.3, 0.3, 0.0])), "rounding leaves open"),
    ],
)
def test_a_wrong_lottery_is_not_returned(
    monkeypatch: pytest.MonkeyPatch, middle: Population, answer: object, message: str
) -> None:
    monkeypatch.setattr("scipy.optimize.linprog", lambda *args, **kwargs: answer)
    with pytest.raises(ConvergenceError, match=message):
        maximal_lottery(middle)


def test_a_lead_too_small_to_judge_is_an_error() -> None:
    cold = Population([[1e-9, 0.0, -1.0], [0.0, 1.0, -1e-9]], link=Logistic(1e3))
    assert maximal_lottery(cold, votes="noisy").residual <= 1e-9
    with refuses("votes"):
        maximal_lottery(cold, votes="loud")  # type: ignore[arg-type]


# Rankings


@pytest.mark.parametrize(
    ("scores", "groups"),
    [
        ([0.1, 0.5, 0.3], ((1,), (2,), (0,))),
        ([0.1, 0.5, 0.1], ((1,), (0, 2))),
        ([1.0, 1.0], ((0, 1),)),
        ([3.0], ((0,),)),
        ([-math.inf, 0.0, -math.inf], ((1,), (0, 2))),
        ([-math.inf, -math.inf], ((0, 1),)),
        ([math.inf, 0.0, -math.inf], ((0,), (1,), (2,))),
        ([0.0, 1e-12], ((0, 1),)),  # the tolerance itself is a tie
        ([0.0, 2e-12], ((1,), (0,))),
        ([0.0, 0.9e-12, 1.8e-12], ((0, 1, 2),)),  # a chain of ties is one tie
        ([1e6, 1e6 + 5e-7], ((0, 1),)),  # relative to the largest score
        ([1e6, 1e6 + 2e-6], ((1,), (0,))),
        ([-1e6, -1e6 - 5e-7, -math.inf], ((0, 1), (2,))),
    ],
)
def test_ranking(scores: list[float], groups: tuple[tuple[int, ...], ...]) -> None:
    assert ranking(scores).groups == groups


def test_tolerance_of_a_ranking() -> None:
    assert ranking([0.0, 0.1, 0.3], tolerance=0.15).groups == ((2,), (0, 1))
    assert ranking([0.0, 1e-300], tolerance=0).groups == ((1,), (0,))
    assert ranking([0.0, 0.0], tolerance=0).groups == ((0, 1),)


def test_a_ranking_states_its_order_ties_and_winners() -> None:
    found = ranking([2.0, 5.0, 2.0, 5.0, 0.0])
    assert found == Ranking(((1, 3), (0, 2), (4,)))
    assert found.order == (1, 3, 0, 2, 4)
    assert found.ties == ((1, 3), (0, 2))
    assert found.winners == (1, 3)
    assert found.describe(("a", "b", "c", "d", "e")) == "b = d > a = c > e"


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
def test_a_ranking_sorts_every_option_once(scores: list[int]) -> None:
    found = ranking(scores)
    assert sorted(found.order) == list(range(len(scores)))
    levels = [{scores[y] for y in group} for group in found.groups]
    assert all(len(level) == 1 for level in levels)
    heights = [level.pop() for level in levels]
    assert heights == sorted(set(scores), reverse=True)


# Refusals


@pytest.mark.parametrize(
    "scores",
    [
        [],
        [[1.0, 2.0]],
        [1.0, math.nan],
        1.0,
        pytest.param(["good", "bad"]),
    ],
)
def test_scores_must_be_numbers(scores: Any) -> None:
    with refuses("scores"):
        ranking(scores)


@pytest.mark.parametrize("tolerance", [-1e-12, math.nan, math.inf, "little"])
def test_a_tolerance_must_not_be_negative(tolerance: Any) -> None:
    with refuses("tolerance"):
        ranking([1.0, 2.0], tolerance=tolerance)


@pytest.mark.parametrize("rule", [nbc, borda])
@pytest.mark.parametrize(
    "sampling",
    [
        [0.5, 0.5],
        [0.5, 0.5, 0.1],
        [1.5, -0.5, 0.0],
        [math.nan, 0.5, 0.5],
        [[1.0, 0.0, 0.0]],
        "even",
    ],
)
def test_sampling_must_be_a_distribution_over_the_alternatives(
    middle: Population, rule: Any, sampling: Any
) -> None:
    with refuses("sampling"):
        rule(middle, sampling)

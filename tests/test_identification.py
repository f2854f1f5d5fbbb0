"""What anonymous data leave open: against closed forms, another solver, and recomputed claims."""

import tracemalloc
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import OptimizeResult, brentq, linprog, minimize

from socialpref import ConvergenceError, InputError, Logistic, Population, Probit, optimal_policy
from socialpref.examples import mediocre_winner, two_camps
from socialpref.theory import (
    anonymous_twin,
    average_reward_bounds,
    bradley_terry_misfit,
    dpo_bias_bound,
    identified_up_to,
    open_pairs,
)
from socialpref.theory.alike import SharesProgram

from .helpers import TIGHT, Floats, populations, refuses

PHASES = (Phase.explicit, Phase.generate)
"""Of hypothesis, without shrinking: many linear programs would take minutes."""

SPLIT = Population([[1, 0], [-3, 0]], [0.7, 0.3])


def sigma(x: float) -> float:
    return float(1.0 / (1.0 + np.exp(-x)))


def largest_mean_gap(p: float, bound: float) -> float:
    """Return max E[D] subject to E[sigma(D)] = p and |D| <= bound.

    As a function of s = sigma(D), D is concave for s < 1/2 and convex above. Its concave envelope
    follows it up to a tangent point, and then goes straight to the end at `bound`.
    """

    def slack(gap: float) -> float:
        s = sigma(gap)
        return (bound - gap) * s * (1.0 - s) - (sigma(bound) - s)

    tangent = brentq(slack, -bound, 0.0, xtol=1e-14)
    start = sigma(tangent)
    if p <= start:
        return float(np.log(p / (1.0 - p)))
    part = (p - start) / (sigma(bound) - start)
    return float(part * bound + (1.0 - part) * tangent)


def test_the_worked_example() -> None:
    """Seven in ten at +1 and three at -3 give the data of one type at 0.103969."""
    assert SPLIT.pairwise()[0, 1] == pytest.approx(0.525969, abs=5e-7)
    assert SPLIT.mean_rewards() @ [1, -1] == pytest.approx(-0.2)
    alike = np.log(SPLIT.pairwise()[0, 1] / SPLIT.pairwise()[1, 0])
    assert alike == pytest.approx(0.103969, abs=5e-7)
    found = average_reward_bounds(SPLIT, 0, 1, dictionary=[[alike, 0]])
    assert (found.lower, found.upper) == pytest.approx((-0.2, alike))
    assert found.at_upper.n_types == 1
    np.testing.assert_allclose(found.at_upper.pairwise(), SPLIT.pairwise(), atol=1e-12)
    assert not found.sign_identified
    assert optimal_policy(SPLIT).policy.argmax() != optimal_policy(found.at_upper).policy.argmax()


def test_the_concave_envelope_is_what_two_point_distributions_reach() -> None:
    """The closed form used below, against a search over all pairs of gaps."""
    p, bound = SPLIT.pairwise()[0, 1], 4.0
    gaps = np.linspace(-bound, bound, 2001)
    s = 1 / (1 + np.exp(-gaps))
    low, high = np.meshgrid(gaps[s < p], gaps[s > p])
    s_low, s_high = 1 / (1 + np.exp(-low)), 1 / (1 + np.exp(-high))
    means = low + (p - s_low) / (s_high - s_low) * (high - low)
    assert largest_mean_gap(p, bound) == pytest.approx(means.max(), abs=1e-6)
    assert -largest_mean_gap(1 - p, bound) == pytest.approx(means.min(), abs=1e-6)


@settings(max_examples=5, phases=PHASES)
@given(populations(types=3, options=2, links=(Logistic(),)), st.floats(1.0, 3.0))
def test_two_options_have_a_known_interval(population: Population, wider: float) -> None:
    own = float(np.abs(population.rewards @ [1, -1])[population.shares > 0].max())
    assume(own > 0)
    bound = own * wider
    found = average_reward_bounds(population, 0, 1, bound=bound)
    p = population.pairwise()[0, 1]
    assert found.upper == pytest.approx(largest_mean_gap(p, bound), abs=1e-6)
    assert found.lower == pytest.approx(-largest_mean_gap(1 - p, bound), abs=1e-6)


@settings(max_examples=25, phases=PHASES)
@given(populations(types=3, options=5), st.data())
def test_every_claim_recomputed(population: Population, data: st.DataObject) -> None:
    a, b = data.draw(st.permutations(range(population.n_options)))[:2]
    types = np.random.default_rng(data.draw(st.integers(0, 99))).uniform(
        -3, 3, (60, population.n_options)
    )
    found = average_reward_bounds(population, a, b, dictionary=types)
    assert found.lower <= found.gap <= found.upper
    for extreme, end in ((found.at_lower, found.lower), (found.at_upper, found.upper)):
        np.testing.assert_allclose(extreme.pairwise(), population.pairwise(), rtol=0, atol=1e-9)
        means = extreme.mean_rewards()
        assert means[a] - means[b] == end
        assert extreme.link == population.link
        if extreme is not population:
            assert extreme.shares.min() > 0
            assert extreme.n_types <= population.n_options * (population.n_options - 1) / 2 + 1
    # The answer, by another way to the solver.
    every = np.vstack([population.rewards[population.shares > 0], types])
    pairs = list(combinations(range(population.n_options), 2))
    rows = np.array([population.link(every[:, y] - every[:, z]) for y, z in pairs])
    for sign, end in ((1, found.lower), (-1, found.upper)):
        other = linprog(
            sign * (every[:, a] - every[:, b]),
            A_eq=np.vstack([rows, np.ones(len(every))]),
            b_eq=[*(population.pairwise()[y, z] for y, z in pairs), 1.0],
            options=TIGHT,
        )
        assert other.status == 0
        assert end == pytest.approx(sign * other.fun, abs=1e-7)
    assert max(found.lower - found.outer[0], found.outer[1] - found.upper) <= 1e-7
    assert max(found.residuals) <= 1e-9


def test_a_wider_dictionary_only_widens() -> None:
    types = np.random.default_rng(0).uniform(-3, 3, (400, 3))
    population, before = two_camps(), (np.inf, -np.inf)
    for size in (0, 50, 100, 200, 400):
        found = average_reward_bounds(population, "A", "C", dictionary=types[:size].reshape(-1, 3))
        assert found.lower <= before[0] + 1e-9
        assert found.upper >= before[1] - 1e-9
        assert found.dictionary_size == size + 2
        before = found.lower, found.upper
    # The default is richer than any of these, with the same bound on types.
    richer = average_reward_bounds(population, "A", "C", bound=6.0)
    assert richer.lower <= before[0]
    assert richer.upper >= before[1]


@pytest.mark.parametrize(
    ("size", "link"),
    [
        (3, Logistic(0.5)),
        pytest.param(4, Probit(), marks=pytest.mark.slow),
        pytest.param(6, Logistic(), marks=pytest.mark.slow),
    ],
)
def test_the_default_dictionary(size: int, link: Any) -> None:
    population = Population(np.random.default_rng(size).normal(size=(3, size)), link=link)
    found = average_reward_bounds(population, 0, 1)
    assert found.lower < found.gap < found.upper
    assert max(found.residuals) <= 1e-12
    assert found.bound == 2 * np.ptp(population.rewards, axis=1).max()
    for extreme in (found.at_lower, found.at_upper):
        assert np.ptp(extreme.rewards, axis=1).max() <= found.bound * (1 + 1e-12)
    again = average_reward_bounds(population, 0, 1)
    assert (again.lower, again.upper) == (found.lower, found.upper)
    assert found.sharp
    # Another seed finds the same ends: the rounds forget where they began.
    other = average_reward_bounds(population, 0, 1, seed=1)
    assert (other.lower, other.upper) == pytest.approx((found.lower, found.upper), abs=1e-4)


def test_the_bounds_of_a_pair_mirror_those_of_the_pair_reversed() -> None:
    types = np.random.default_rng(3).uniform(-4, 4, (200, 3))
    there = average_reward_bounds(mediocre_winner(), "A", "M", dictionary=types)
    back = average_reward_bounds(mediocre_winner(), "M", "A", dictionary=types)
    assert (there.lower, there.upper) == pytest.approx((-back.upper, -back.lower), abs=1e-9)


def test_many_options() -> None:
    population = Population(np.random.default_rng(5).normal(size=(3, 12)))
    around = np.random.default_rng(6).normal(size=(100, 3, 12)) / 2 + population.rewards
    found = average_reward_bounds(population, 0, 1, dictionary=around.reshape(-1, 12))
    assert max(found.residuals) <= 1e-9
    assert found.lower < found.gap < found.upper


def test_the_sign_is_identified_if_nobody_may_care_enough() -> None:
    agreed = Population([[3, 0], [2, 0]])
    assert average_reward_bounds(agreed, 0, 1, bound=3.0).sign_identified
    assert average_reward_bounds(agreed, 1, 0, bound=3.0).sign_identified
    assert not average_reward_bounds(agreed, 0, 1, bound=100.0).sign_identified


def test_a_population_that_is_alone() -> None:
    """One type at the bound: nobody else gives these data."""
    found = average_reward_bounds(Population([[2.5, 0]]), 0, 1, bound=2.5)
    assert (found.lower, found.upper) == pytest.approx((2.5, 2.5), abs=1e-9)
    indifferent = average_reward_bounds(Population([[1, 1, 1]]), 0, 1)
    assert indifferent.bound == 1
    assert indifferent.lower < 0 < indifferent.upper


def test_types_without_a_share_do_not_count() -> None:
    absent = Population([[1, 0], [-3, 0], [50, 0]], [0.7, 0.3, 0.0])
    found, plain = average_reward_bounds(absent, 0, 1), average_reward_bounds(SPLIT, 0, 1)
    assert (found.lower, found.upper, found.bound) == (plain.lower, plain.upper, 6.0)


@pytest.mark.slow
@settings(max_examples=4, phases=PHASES)
@given(populations(types=3, options=4))
def test_anonymous_data_do_not_settle_the_optimum(population: Population) -> None:
    """Every population has a twin with the same data and another optimal policy."""
    assume(np.ptp(population.rewards[population.shares > 0], axis=1).max() > 0)
    found = anonymous_twin(population, bound=12.0)
    np.testing.assert_allclose(found.twin.pairwise(), population.pairwise(), rtol=0, atol=1e-9)
    best, other = optimal_policy(population).policy, optimal_policy(found.twin).policy
    assert found.distance == pytest.approx(np.abs(best - other).sum() / 2)
    assert found.distance > 0.01
    assert found.order_differs == (found.orders[0] != found.orders[1])


def test_twins_of_the_worked_populations_rank_differently() -> None:
    for population in (SPLIT, mediocre_winner(), two_camps()):
        found = anonymous_twin(population)
        assert found.order_differs
        assert found.residual <= 1e-9
    for population in (SPLIT, two_camps()):  # of the mediocre winner's, two are first
        best, other = optimal_policy(population), optimal_policy(anonymous_twin(population).twin)
        assert best.policy.argmax() != other.policy.argmax()


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        ((0, 0), {}, "b"),
        (("A", "A"), {}, "b"),
        ((0, 7), {}, "option"),
        (("Z", 0), {}, "option"),
        ((0, 1), {"bound": 3.9}, "bound"),
        ((0, 1), {"bound": np.nan}, "bound"),
        ((0, 1), {"bound": np.inf}, "bound"),
        ((0, 1), {"dictionary": [[1, 2]]}, "dictionary"),
        ((0, 1), {"dictionary": [1, 2, 3]}, "dictionary"),
        ((0, 1), {"dictionary": [[1, 2, np.inf]]}, "dictionary"),
        ((0, 1), {"dictionary": [[1, 2, 3]], "bound": 9.0}, "bound"),
    ],
)
def test_bad_input(arguments: Any, options: Any, named: str) -> None:
    with refuses(named):
        average_reward_bounds(mediocre_winner(), *arguments, **options)


def test_a_solver_that_stops_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = OptimizeResult(status=4, message="gave up")
    monkeypatch.setattr("scipy.optimize.linprog", lambda *_, **__: stopped)
    with pytest.raises(ConvergenceError, match="average-reward bounds: gave up"):
        average_reward_bounds(SPLIT, 0, 1)


def test_shares_that_miss_the_preferences_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def off(self: Any, rows: Floats, solution: Floats) -> Floats:
        return np.full_like(solution, 1 / len(solution))

    monkeypatch.setattr(SharesProgram, "repaired", off)
    with pytest.raises(ConvergenceError, match="answers are missed by"):
        average_reward_bounds(SPLIT, 0, 1, dictionary=[[0, 3]])


# --- mixtures are not Bradley-Terry models --------------------------------------------


def test_the_cycle_of_the_worked_example() -> None:
    mixture = Population([[0, 1, 3], [0, -2, 1]])
    P = mixture.pairwise()
    assert (P[1, 0], P[2, 1], P[2, 0]) == pytest.approx((0.42513, 0.91669, 0.84182), abs=5e-6)
    misfit = bradley_terry_misfit(mixture)
    assert misfit.cycle == (0, 1, 2)
    assert misfit.cycle_defect == pytest.approx(0.42459, abs=5e-6)
    assert misfit.divergence > 1e-4


@given(populations(types=3, options=5, links=(Logistic(), Logistic(0.5))))
def test_a_mixture_is_one_model_only_if_every_cycle_closes(population: Population) -> None:
    misfit = bradley_terry_misfit(population)
    P = population.pairwise()
    logits = np.log(P) - np.log(P.T)
    defects = {
        (x, y, z): abs(logits[y, x] + logits[z, y] - logits[z, x])
        for x, y, z in combinations(range(population.n_options), 3)
    }
    assert misfit.cycle_defect == pytest.approx(max(defects.values(), default=0.0), abs=1e-12)
    if misfit.cycle is not None:
        assert defects[misfit.cycle] == pytest.approx(misfit.cycle_defect, abs=1e-12)
    # Gaps of a model add up to 0 around a cycle, so some log-odds is off by a third of the defect.
    h = misfit.fit.rewards
    off = np.abs(logits - (h[:, None] - h[None, :])).max()
    assert off >= misfit.cycle_defect / 3 - 1e-12
    if misfit.cycle_defect <= 1e-9:
        assert off <= 1e-6
        assert misfit.largest_error <= 1e-7
    assert misfit.divergence >= -1e-12
    assert misfit.largest_error == pytest.approx(np.abs(P - misfit.preferences).max())


@given(populations(types=1, options=6, links=(Logistic(), Logistic(2.0))))
def test_one_type_is_one_model(population: Population) -> None:
    misfit = bradley_terry_misfit(population)
    assert misfit.cycle_defect <= 1e-9
    assert misfit.largest_error <= 1e-9
    assert abs(misfit.divergence) <= 1e-12


def test_no_single_model_is_nearer() -> None:
    """The divergence against a generic optimiser's."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        size = int(rng.integers(3, 6))
        population = Population(rng.normal(0, 2, (3, size)))
        d = rng.dirichlet(np.ones(size)) * 0.8 + 0.2 / size
        P, W = population.pairwise(), np.outer(d, d)

        def excess(h: Floats, P: Floats = P, W: Floats = W) -> float:
            return float((W * P * (np.log(P) + np.logaddexp(0, h[None, :] - h[:, None]))).sum())

        best = minimize(excess, np.zeros(size), method="BFGS", options={"gtol": 1e-8})
        misfit = bradley_terry_misfit(population, sampling=d)
        assert misfit.divergence == pytest.approx(best.fun, abs=1e-10)
        design = bradley_terry_misfit(population, sampling=2 * W)
        assert design.divergence == pytest.approx(misfit.divergence, abs=1e-12)


def test_two_options_have_no_cycle() -> None:
    misfit = bradley_terry_misfit(SPLIT)
    assert misfit.cycle is None
    assert misfit.cycle_defect == 0
    assert misfit.largest_error <= 1e-12


def test_certain_preferences_are_refused() -> None:
    with refuses("population"):
        bradley_terry_misfit(Population([[0, 2000.0, 1]]))
    with refuses("sampling"):
        bradley_terry_misfit(two_camps(), sampling=[1, 0, 0])


def test_a_misfit_of_many_options_needs_no_cube_of_memory() -> None:
    size = 200  # a cube of floats would take 64 MB
    population = Population(np.random.default_rng(0).normal(size=(3, size)))
    population.pairwise()
    tracemalloc.start()
    misfit = bradley_terry_misfit(population)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 8 * size**2
    P = population.pairwise()
    L = np.log(P) - np.log(P.T)
    assert misfit.cycle is not None
    x, y, z = misfit.cycle
    assert misfit.cycle_defect == pytest.approx(abs(L[y, x] + L[z, y] - L[z, x]), abs=1e-12)
    cube = L.T[:, :, None] + L.T[None, :, :] - L.T[:, None, :]
    assert misfit.cycle_defect == pytest.approx(np.abs(cube).max(), abs=1e-12)


# --- what anonymous comparisons of a pair leave open ---------------------------------------


@pytest.mark.parametrize(
    ("bound", "bias"), [(1, 0.03923), (2, 0.26770), (4, 1.36952), (6, 2.93827)]
)
def test_largest_bias_of_dpo_on_a_pair(bound: float, bias: float) -> None:
    """No two points of a fine grid do worse, and the best of them come near."""
    assert dpo_bias_bound(bound) == pytest.approx(bias, abs=5e-6)
    low = -float(bound)
    x, w = np.meshgrid(np.linspace(0, bound, 300), np.linspace(0.001, 0.999, 400))
    p = w / (1 + np.exp(-low)) + (1 - w) / (1 + np.exp(-x))
    bias_of = np.log(p / (1 - p)) - (w * low + (1 - w) * x)
    assert bias_of.max() <= dpo_bias_bound(bound) + 1e-12
    assert bias_of.max() == pytest.approx(bias, rel=1e-3)


@pytest.mark.parametrize("p", [0.55, 0.7, 0.01])
def test_up_to_which_gap_a_sign_is_known(p: float) -> None:
    """Just beyond it the linear program finds the other sign; up to it, it does not."""
    gap = np.log(p / (1 - p))
    edge = identified_up_to(p)
    grid = np.linspace(-edge, edge, 2001)
    pair = Population([[gap, 0.0]])
    within = average_reward_bounds(
        pair, 0, 1, dictionary=np.column_stack([grid, np.zeros_like(grid)])
    )
    assert min(np.sign(gap) * np.array([within.lower, within.upper])) > -1e-9
    wider = 1.05 * grid
    beyond = average_reward_bounds(
        pair, 0, 1, dictionary=np.column_stack([wider, np.zeros_like(wider)])
    )
    assert not beyond.sign_identified


def test_extreme_pairs() -> None:
    """A share w at -B and the rest at x with mean 0: w is about 1 - p, and x about log(B)."""
    assert 1e7 < identified_up_to(1.0 - 1e-6) < 1e8
    assert identified_up_to(0.5 + 1e-9) < 0.01
    assert 0.0 <= dpo_bias_bound(1e-6) < 1e-15
    assert dpo_bias_bound(1e308) == pytest.approx(1e308)


def test_open_pairs_are_of_the_best_options() -> None:
    crowd = Population([[0.0, 2.0, 1.0, -3.0]], options=["a", "b", "c", "d"])
    found = open_pairs(crowd)
    assert [(one.first, one.second) for one in found] == [("b", "c"), ("c", "a")]
    one = found[0]
    assert one.dpo_gap == pytest.approx(1.0)
    assert one.probability == pytest.approx(1 / (1 + np.exp(-1)))
    assert one.bound == 4.0
    assert one.largest_bias == pytest.approx(1.36952, abs=1e-5)
    assert abs(one.bounds.upper - one.dpo_gap) <= one.largest_bias
    assert one.identified_up_to == pytest.approx(identified_up_to(one.probability))
    assert "The sign of b - c is not identified unless no reward gap exceeds 9.44" in one.describe()
    tied = open_pairs(Population([[0.0, 0.0]], options=["a", "b"]), bound=1.0)
    assert "not identified: the two win as often" in tied[0].describe()


def test_open_pairs_refuse() -> None:
    with pytest.raises(InputError, match="logistic"):
        open_pairs(Population([[1.0, 0.0]], link=Probit()))
    with pytest.raises(InputError, match="'top'"):
        open_pairs(Population([[1.0, 0.0]]), top=1)
    for wrong in (0.0, 1.0, 1e-320):
        with pytest.raises(InputError, match="'probability'"):
            identified_up_to(wrong)
    for wrong in (0.0, -1.0, np.inf):
        with pytest.raises(InputError, match="'bound'"):
            dpo_bias_bound(wrong)

"""Limits of the rival methods, against published numbers and second computations."""

from collections.abc import Callable
from itertools import combinations, permutations

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from socialpref import ConvergenceError, InputError, Link, Logistic, Population, Probit, nbc
from socialpref.examples import mediocre_winner, two_camps
from socialpref.limits import (
    DPO,
    IPO,
    ChiPO,
    ConservativeDPO,
    Hinge,
    MaxMin,
    Method,
    MinMaxRegret,
    NashLearning,
    NoisyLottery,
    OnPolicyDPO,
    RobustDPO,
    SimPO,
    optimal_policy,
    sign_estimator,
)

Floats = NDArray[np.float64]
MEDIOCRE, CAMPS = mediocre_winner(), two_camps()
LINKS: tuple[Link, ...] = (Logistic(), Logistic(0.5), Probit())


@st.composite
def populations(draw: st.DrawFn, reach: float = 3.0) -> Population:
    n_types, n_options = draw(st.integers(1, 3)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return Population(
        rng.uniform(-reach, reach, (n_types, n_options)),
        rng.dirichlet(np.ones(n_types)),
        link=draw(st.sampled_from(LINKS)),
    )


def sampling_of(population: Population, seed: int) -> Floats:
    return np.random.default_rng(seed).dirichlet(np.full(population.n_options, 3.0)) * 0.9 + (
        0.1 / population.n_options
    )


# --- published numbers ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "mediocre", "camps"),
    [
        (ConservativeDPO(0.1), (0.321751, 0.356498, 0.321751), (0.419338, 0.193389, 0.387273)),
        (RobustDPO(0.1), (0.315057, 0.369886, 0.315057), (0.465549, 0.126716, 0.407735)),
        (IPO(1.0), (0.329757, 0.340486, 0.329757), (0.361036, 0.286427, 0.352536)),
        (ChiPO(), (0.326171, 0.347658, 0.326171), (0.392258, 0.233651, 0.374091)),
        (SimPO(0.5), (0.313973, 0.372054, 0.313973), (0.460283, 0.129920, 0.409797)),
        (NashLearning(1.0), (0.329757, 0.340486, 0.329757), (0.359214, 0.286329, 0.354457)),
        (NashLearning(0.1), (0.296086, 0.407828, 0.296086), (0.383754, 0.062067, 0.554179)),
        (NoisyLottery(), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        (MaxMin("zero"), (0.154281, 0.691438, 0.154281), (0.665241, 0.244728, 0.090031)),
        (MaxMin("reference"), (1 / 3, 1 / 3, 1 / 3), (0.539609, 0.156526, 0.303865)),
        (MinMaxRegret(), (0.422319, 0.155362, 0.422319), (0.263947, 0.059474, 0.676579)),
    ],
    ids=repr,
)
def test_worked_populations(
    method: Method, mediocre: tuple[float, ...], camps: tuple[float, ...]
) -> None:
    for population, right in ((MEDIOCRE, mediocre), (CAMPS, camps)):
        assert method.limit(population).policy == pytest.approx(right, abs=6e-7)


def test_the_hinge_keeps_whole_steps() -> None:
    for population, right in ((MEDIOCRE, [0, 1, 0]), (CAMPS, [0, -1, 0])):
        found = Hinge().limit(population)
        assert found.rewards - found.rewards[0] == pytest.approx(right, abs=1e-12)
        assert found.ranges is None


def test_more_published_numbers() -> None:
    robust = RobustDPO(0.2).limit(MEDIOCRE).policy
    assert robust == pytest.approx([0.308740, 0.382520, 0.308740], abs=6e-7)
    assert IPO(0.1).limit(MEDIOCRE).policy == pytest.approx(
        NashLearning(0.1).limit(MEDIOCRE).policy, abs=1e-12
    )
    crossed = Population([[3, 1, -4], [-2, -4, -2]])
    assert nbc(crossed) == pytest.approx([0.71011, 0.39182, 0.39807], abs=6e-6)
    assert SimPO(1.0).limit(crossed).policy == pytest.approx(
        [0.829482, 0.086000, 0.084518], abs=6e-7
    )


@pytest.mark.parametrize(
    ("beta", "right"),
    [
        (1.0, (0.4057, 0.1648, 0.4295)),
        (0.5, (0.3992, 0.0788, 0.5219)),
        (0.1, (0.1169, 0.0012, 0.8819)),
    ],
)
def test_on_policy_of_two_camps(beta: float, right: tuple[float, ...]) -> None:
    found = OnPolicyDPO().limit(CAMPS, beta=beta)
    assert found.policy == pytest.approx(right, abs=6e-5)
    assert found.others == ()


def test_on_policy_leaves_the_mediocre_winner_where_it_is() -> None:
    for beta in (1.0, 0.1):
        on, off = (m.limit(MEDIOCRE, beta=beta).policy for m in (OnPolicyDPO(), DPO()))
        assert on == pytest.approx(off, abs=1e-12)


# --- second computations -------------------------------------------------------------------


def by_hand(
    loss: Callable[[Floats], Floats], wins: Floats, weights: Floats
) -> Callable[[Floats], float]:
    apart = weights * (1 - np.eye(len(weights)))
    return lambda h: float((apart * wins * loss(np.subtract.outer(h, h))).sum())


def least(expected: Callable[[Floats], float], size: int) -> Floats:
    h = minimize(expected, np.zeros(size), method="BFGS", options={"gtol": 1e-10}).x
    return np.asarray(h - h.mean())


def softplus(x: Floats) -> Floats:
    return np.logaddexp(0.0, x)


@given(populations(), st.integers(0, 99), st.sampled_from([0.05, 0.2, 0.4]))
@settings(max_examples=25)
def test_margin_losses_by_bfgs(population: Population, seed: int, option: float) -> None:
    d = sampling_of(population, seed)
    P, W = population.pairwise(), np.outer(d, d)
    for method, loss in (
        (
            ConservativeDPO(option),
            lambda h: (1 - option) * softplus(-h) + option * softplus(h),
        ),
        (IPO(option), lambda h: (h - 1 / (2 * option)) ** 2),
        (SimPO(option), lambda h: softplus(option - h)),
        (SimPO(-option), lambda h: softplus(-option - h)),
    ):
        found = method.limit(population, sampling=d).rewards
        assert found == pytest.approx(least(by_hand(loss, P, W), len(d)), abs=2e-5)


@given(populations(), st.integers(0, 99))
@settings(max_examples=25)
def test_ipo_is_nbc(population: Population, seed: int) -> None:
    d = sampling_of(population, seed)
    scores = nbc(population, d)
    found = IPO(0.5).limit(population, sampling=d).rewards
    assert found == pytest.approx((scores - scores.mean()) / 0.5, abs=1e-12)


def test_ipo_of_options_that_are_hardly_ever_drawn() -> None:
    d = np.array([1.0, 1e-30, 1e-90, 1e-140])
    crowd = Population([[3.0, 1, 0, -1], [0, 2, -2, 1.5]], [0.4, 0.6])
    scores = (crowd.pairwise() @ d) / d.sum()
    found = IPO(0.1).limit(crowd, sampling=d / d.sum())
    assert found.rewards == pytest.approx((scores - scores.mean()) / 0.1, abs=1e-12)


@given(populations(reach=5.0), st.integers(0, 99), st.floats(0.01, 0.49))
@settings(max_examples=60)
def test_robust_dpo_exists_where_no_set_of_options_wins_too_often(
    population: Population, seed: int, epsilon: float
) -> None:
    d = sampling_of(population, seed)
    P = (population.pairwise() - epsilon) / (1 - 2 * epsilon)
    P[np.diag_indices(len(d))] = 0.5
    won = d * (P @ d)
    rooms = [
        d[list(s)].sum() * (1 - d[list(s)].sum() / 2) - won[list(s)].sum()
        for n in range(1, len(d))
        for s in combinations(range(len(d)), n)
    ]
    try:
        found = RobustDPO(epsilon).limit(population, sampling=d)
    except InputError:
        assert min(rooms) < 0.0
        return
    except ConvergenceError:
        assert abs(min(rooms)) < 1e-7
        return
    assert min(rooms) > 0.0
    fitted = expit(np.subtract.outer(found.rewards, found.rewards))
    assert d * (fitted @ d) == pytest.approx(won, abs=found.residual + 1e-14)


@given(populations(), st.integers(0, 99), st.sampled_from([0.2, 1.0]))
@settings(max_examples=25)
def test_chi_po_solves_its_equation(population: Population, seed: int, beta: float) -> None:
    ref = sampling_of(population, seed)
    ratio = ChiPO().limit(population, beta=beta, reference=ref).policy / ref
    excess = beta * (ratio + np.log(ratio)) - DPO().limit(population).rewards
    assert np.ptp(excess) < 1e-9


@given(populations(), st.integers(0, 99), st.sampled_from([0.05, 0.3, 2.0]))
@settings(max_examples=25)
def test_nash_learning_is_its_own_answer(population: Population, seed: int, tau: float) -> None:
    ref = sampling_of(population, seed)
    pi = NashLearning(tau).limit(population, reference=ref).policy
    answer = np.log(ref) + population.pairwise() @ pi / tau
    assert pi == pytest.approx(np.exp(answer) / np.exp(answer).sum(), abs=1e-10)


@given(populations(), st.integers(0, 99), st.sampled_from([0.1, 1.0]), st.data())
@settings(max_examples=15)
def test_max_min_by_cvxpy(
    population: Population, seed: int, beta: float, data: st.DataObject
) -> None:
    ref = sampling_of(population, seed)
    c = np.array(data.draw(st.lists(st.floats(-2, 2), min_size=3, max_size=3)))
    c = c[: population.n_types]
    pi = cp.Variable(len(ref))
    gains = population.rewards @ pi - c
    problem = cp.Problem(
        cp.Maximize(cp.min(gains) - beta * cp.sum(cp.kl_div(pi, ref))), [cp.sum(pi) == 1]
    )
    problem.solve(solver="CLARABEL")
    found = MaxMin(tuple(c)).limit(population, beta=beta, reference=ref)
    assert found.policy == pytest.approx(pi.value, abs=2e-4)
    value = (population.rewards @ found.policy - c).min() - beta * (
        found.policy @ np.log(found.policy / ref)
    )
    assert value > problem.value - 1e-7
    assert "do not identify" in found.note


@pytest.mark.parametrize("c", ["zero", "reference", "best"])
def test_max_min_does_not_depend_on_the_unit_of_rewards(c: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        rewards = rng.uniform(-1, 1, (10, 4))
        small = MaxMin(c).limit(Population(1e-4 * rewards)).policy
        assert small == pytest.approx(
            MaxMin(c).limit(Population(rewards), beta=1e4).policy, abs=1e-12
        )


@given(populations(), st.integers(0, 99))
@settings(max_examples=30)
def test_hinge_by_linear_programs(population: Population, seed: int) -> None:
    d = sampling_of(population, seed)
    P, W = population.pairwise(), np.outer(d, d)
    loss = by_hand(lambda h: np.maximum(0.0, 1.0 - h), P, W)
    found = Hinge().limit(population, sampling=d)
    h = cp.Variable(len(d))
    apart = W * P * (1 - np.eye(len(d)))
    total = sum(
        apart[y, z] * cp.pos(1 - h[y] + h[z])
        for y in range(len(d))
        for z in range(len(d))
        if y != z
    )
    best = cp.Problem(cp.Minimize(total), [cp.sum(h) == 0]).solve(solver="HIGHS")
    assert loss(found.rewards) == pytest.approx(best, abs=1e-9)
    if found.ranges is not None:
        low, high = found.ranges
        assert (low <= found.policy + 1e-12).all()
        assert (found.policy <= high + 1e-12).all()
        assert (high > low + 1e-9).any()


def test_a_hinge_with_many_minima_says_so() -> None:
    level = Population([[1.0, 0.0], [0.0, 1.0]])  # P = 1/2: any margin in [-1, 1]
    found = Hinge().limit(level)
    assert found.policy == pytest.approx([0.5, 0.5])
    assert found.ranges is not None
    assert found.ranges[0] == pytest.approx([expit(-1), expit(-1)])
    assert found.ranges[1] == pytest.approx([expit(1), expit(1)])


@given(populations(), st.integers(0, 99), st.sampled_from([0.2, 1.0]))
@settings(max_examples=20)
def test_on_policy_dpo_is_dpo_at_its_own_policy(
    population: Population, seed: int, beta: float
) -> None:
    ref = sampling_of(population, seed)
    found = OnPolicyDPO(n_starts=2).limit(population, beta=beta, reference=ref)
    assert found.policy.min() > 1e-12
    again = DPO().limit(population, sampling=found.policy, beta=beta, reference=ref)
    assert again.policy == pytest.approx(found.policy, abs=1e-8)


def test_rounds_of_dpo_lead_to_the_fixed_point() -> None:
    after = OnPolicyDPO(rounds=40).limit(CAMPS).policy
    assert after == pytest.approx(OnPolicyDPO().limit(CAMPS).policy, abs=1e-6)
    first = OnPolicyDPO(rounds=1).limit(CAMPS, sampling=[0.2, 0.3, 0.5]).policy
    assert first == pytest.approx(DPO().limit(CAMPS, sampling=[0.2, 0.3, 0.5]).policy, abs=1e-12)
    second = OnPolicyDPO(rounds=2).limit(CAMPS, sampling=[0.2, 0.3, 0.5]).policy
    assert second == pytest.approx(DPO().limit(CAMPS, sampling=first).policy, abs=1e-12)


@given(populations(), st.integers(0, 99))
@settings(max_examples=25)
def test_the_sign_estimator_by_all_orders(population: Population, seed: int) -> None:
    d = sampling_of(population, seed)
    lead = np.outer(d, d) * (population.pairwise() - 0.5)
    values = {
        order: sum(lead[y, z] for y, z in combinations(order, 2))
        for order in permutations(range(len(d)))
    }
    found = sign_estimator(population, sampling=d)
    assert found.agreement == pytest.approx(max(values.values()), abs=1e-12)
    assert values[found.order] == pytest.approx(found.agreement, abs=1e-12)


def test_a_tied_sign_order_says_so() -> None:
    found = sign_estimator(MEDIOCRE)
    assert found.order[0] == 1
    assert not found.unique
    assert "one of several" in found.describe()
    assert sign_estimator(CAMPS).describe() == "C > A > B"


# --- what they have in common --------------------------------------------------------------

EVERY: tuple[Method, ...] = (
    *(ConservativeDPO(), RobustDPO(0.02), IPO(), ChiPO(), SimPO(), Hinge(), NashLearning()),
    *(NoisyLottery(), MaxMin("best"), MinMaxRegret(), OnPolicyDPO(n_starts=1)),
)


@pytest.mark.parametrize("method", EVERY, ids=lambda m: m.name)
def test_new_names_change_nothing(method: Method) -> None:
    rng = np.random.default_rng(3)
    rewards, shares = rng.normal(0, 1.5, (3, 4)), rng.dirichlet(np.ones(3))
    turn = np.array([2, 0, 3, 1])
    found = method.limit(Population(rewards, shares)).policy
    turned = method.limit(Population(rewards[:, turn], shares)).policy
    assert turned == pytest.approx(found[turn], abs=1e-9)
    assert found.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("method", EVERY, ids=lambda m: m.name)
def test_policies_follow_from_rewards_and_the_other_way(method: Method) -> None:
    population = Population(np.random.default_rng(5).normal(0, 1, (2, 4)), [0.3, 0.7])
    found = method.limit(population, beta=0.7)
    there = found.policy > 0
    spread = 0.7 * np.log(found.policy[there]) - found.rewards[there]
    assert np.ptp(spread) < 1e-9
    assert (found.rewards[~there] == -np.inf).all()
    assert found.method == method.name


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: ConservativeDPO(0.5), "epsilon"),
        (lambda: ConservativeDPO(-0.1), "epsilon"),
        (lambda: RobustDPO(float("nan")), "epsilon"),
        (lambda: IPO(0.0), "tau"),
        (lambda: SimPO(float("inf")), "gamma"),
        (lambda: NashLearning(-1.0), "tau"),
        (lambda: MaxMin("worst"), "c"),
        (lambda: MaxMin((1.0, 2.0)).limit(MEDIOCRE), "c"),
        (lambda: OnPolicyDPO(rounds=0), "rounds"),
        (lambda: OnPolicyDPO(n_starts=-1), "n_starts"),
        (lambda: OnPolicyDPO().limit(CAMPS, sampling=np.ones((3, 3))), "sampling"),
        (lambda: SimPO().limit(CAMPS, reference=[0.2, 0.3, 0.5]), "reference"),
        (lambda: NashLearning().limit(CAMPS, reference=[0.0, 0.5, 0.5]), "reference"),
        (lambda: sign_estimator(Population(np.zeros((1, 17)))), "number of options"),
        (lambda: RobustDPO(0.47).limit(CAMPS), "epsilon"),
    ],
)
def test_bad_input(make: Callable[[], object], argument: str) -> None:
    with pytest.raises(InputError, match=f"'{argument}'"):
        make()


def test_max_min_has_no_default_constant() -> None:
    with pytest.raises(TypeError):
        MaxMin()  # type: ignore[call-arg]


def test_a_single_type_leaves_max_min_nothing_to_weigh() -> None:
    one = Population([[2.0, 0.0, -1.0]])
    for c in ("zero", "best", "reference"):
        assert MaxMin(c).limit(one).policy == pytest.approx(optimal_policy(one).policy, abs=1e-12)


# --- extreme populations --------------------------------------------------------------------

SURVEY = Population.from_choice_shares([[0.6, 0.4, 0, 0], [0, 0.2, 0.8, 0], [0.3, 0.3, 0.4, 0]])
"""Nobody chooses the last option: it wins against some option once in 1e15 times."""


def test_the_hinge_tells_preferences_near_0_apart() -> None:
    found = Hinge().limit(SURVEY)
    assert found.rewards - found.rewards.min() == pytest.approx([1, 2, 1, 0], abs=1e-12)
    assert found.ranges is None


@pytest.mark.parametrize("ties", [True, False])
def test_the_hinge_with_many_options_is_a_minimum(ties: bool) -> None:
    rewards = np.random.default_rng(0).normal(0, 1, (2, 30))
    population = Population(np.round(rewards) if ties else rewards)
    h = Hinge().limit(population).rewards
    P = population.pairwise()
    apart = np.subtract.outer(h, h)
    # No option alone, and no set above or below a level, is better a little higher or lower.
    loss = by_hand(lambda x: np.maximum(0.0, 1.0 - x), P, np.ones_like(P))
    sets = [*np.eye(30), *(np.unique(h)[:, None] <= h).astype(float)]
    assert all(loss(h + e * s) >= loss(h) - 1e-12 for s in sets for e in (0.01, -0.01))
    assert np.abs(apart - apart.round()).max() < 1e-9 or ties


@pytest.mark.parametrize("beta", [1.0, 1e-2, 1e-3])
@pytest.mark.parametrize("c", ["zero", "reference", "best"])
def test_max_min_equalises_gains_however_small_beta_is(beta: float, c: str) -> None:
    rng = np.random.default_rng(7)
    for n_types in (2, 8):
        population = Population(rng.normal(0, 2, (n_types, 5)))
        method = MaxMin(c)
        found = method.limit(population, beta=beta)
        gains = population.rewards @ found.policy - method.constants(population, np.full(5, 0.2))
        # The rewards are a mixture of the types', of those only that gain least.
        least_off = gains <= gains.min() + 1e-7
        types = population.rewards - population.rewards.mean(axis=1, keepdims=True)
        mixture = np.linalg.lstsq(types[least_off].T, found.rewards, rcond=None)[0]
        assert mixture @ types[least_off] == pytest.approx(found.rewards, abs=1e-6)
        assert mixture.min() > -1e-6
        assert mixture.sum() == pytest.approx(1.0, abs=1e-6)


def test_robust_dpo_where_nearly_all_draws_are_of_one_option() -> None:
    # Two options leave one margin: the log-odds of the corrected preference.
    crowd = Population([[1.0, 0.0], [0.0, 0.5]])
    p = (crowd.pairwise()[0, 1] - 0.1) / 0.8
    found = RobustDPO(0.1).limit(crowd, sampling=[1.0 - 1e-12, 1e-12]).rewards
    assert found[0] - found[1] == pytest.approx(np.log(p / (1.0 - p)), abs=1e-9)
    with pytest.raises(InputError, match="'epsilon' must leave the loss a minimum"):
        RobustDPO(0.1).limit(Population([[4.0, 0.0]]), sampling=[1.0 - 1e-12, 1e-12])


@pytest.mark.parametrize(
    ("c", "who"),
    [(1e300, 0), (-1e308, 0), ((1e300, 0.0), 0), ((0.0, 1e300), 1), ((1e308, -1e308), 0)],
)
def test_constants_of_any_size(c: float | tuple[float, float], who: int) -> None:
    # From equal constants type 0 gains least whatever the policy; so does a type whose constant
    # is far higher.
    crowd = Population([[1, 0, -1], [4, 6, 5]], [0.2, 0.8])
    found = MaxMin(c).limit(crowd)
    right = optimal_policy(Population([crowd.rewards[who]])).policy
    assert found.policy == pytest.approx(right, abs=1e-12)
    assert "inf" not in found.note


def test_max_min_of_types_that_are_alike_is_that_of_one() -> None:
    one = [1.0, 0.0, -0.5]
    for c in ("zero", "best"):
        found = MaxMin(c).limit(Population([one, one, one, one], [0.1, 0.2, 0.3, 0.4]), beta=0.01)
        right = optimal_policy(Population([one]), beta=0.01).policy
        assert found.policy == pytest.approx(right, abs=1e-12)


@pytest.mark.parametrize(
    "population", [CAMPS, SURVEY, Population([[2, 1, 0], [1, 0, 2], [0, 2, 1]])]
)
def test_nash_learning_tends_to_the_maximal_lottery(population: Population) -> None:
    lottery = NoisyLottery().limit(population).policy
    found = NashLearning(1e-3).limit(population, beta=1e-3).policy
    assert found == pytest.approx(lottery, abs=1e-4)


@pytest.mark.parametrize("tau", [1e-12, 1e-100, 1e-300])
def test_nash_learning_with_next_to_no_regularisation(tau: float) -> None:
    assert NashLearning(tau).limit(CAMPS).policy == pytest.approx([0.0, 0.0, 1.0], abs=1e-12)


@pytest.mark.parametrize(
    ("method", "beta"),
    [(IPO(5e-324), 1.0), (NashLearning(5e-324), 1.0), (ChiPO(), 5e-324), (MaxMin("best"), 5e-324)],
)
def test_numbers_beyond_floats_are_refused(method: Method, beta: float) -> None:
    with pytest.raises(ConvergenceError, match=f"^{method.name}: cannot be computed in floating"):
        method.limit(MEDIOCRE, beta=beta)


@pytest.mark.parametrize("beta", [1.0, 0.01, 0.001])
def test_on_policy_dpo_where_an_option_hardly_ever_wins(beta: float) -> None:
    found = OnPolicyDPO(n_starts=0).limit(SURVEY, beta=beta)
    P, pi = SURVEY.pairwise(), found.policy
    fitted = expit(np.subtract.outer(found.rewards, found.rewards))
    won = fitted @ pi
    assert won == pytest.approx(P @ pi, rel=1e-6)


def test_extreme_preferences_are_right_or_refused() -> None:
    huge = Population([[0, 500, 1000], [0, -800, 300]])
    for method in (ConservativeDPO(), IPO(), ChiPO(), NashLearning(), MaxMin("best"), Hinge()):
        assert method.limit(huge).policy.sum() == pytest.approx(1.0)
    with pytest.raises(InputError, match="'epsilon'"):
        RobustDPO(0.05).limit(huge)
    with pytest.raises(ConvergenceError, match="rewards are known only to"):
        SimPO(20.0).limit(huge)


@pytest.mark.parametrize("gamma", [-1.0, 0.5, 3.0])
def test_simpo_of_nearly_certain_preferences(gamma: float) -> None:
    """Two strong pairs, linked by weak ones: each pair's forces balance over the weak ones.

    Both have the same rewards inside, so all that they differ by is the gap x between them, at
    which ``p s(gamma - x) = (1 - p) s(gamma + x)`` holds.
    """
    p = 1e-20
    gap = float(np.log(p))
    found = SimPO(gamma).limit(Population([[gap, gap, 0.0, 0.0]])).rewards
    x = found[0] - found[2]
    assert found[[0, 2]] == pytest.approx(found[[1, 3]], abs=1e-12)
    assert gap - np.logaddexp(0.0, x - gamma) == pytest.approx(
        -np.logaddexp(0.0, -gamma - x), abs=1e-9
    )


def test_simpo_where_a_slope_is_lost_in_rounding() -> None:
    """Options 0, 1, 3 and 4 never win against 2: alone they have the same limit."""
    rewards = np.array([[17, -70, 50, -35, -63], [-54, -23, 98, -71, 10], [-128, 0, 54, -14, -38]])
    crowd = Population(rewards, [0.274, 0.648, 0.078])
    alone = [0, 1, 3, 4]
    whole, part = (
        SimPO().limit(p).rewards for p in (crowd, Population(rewards[:, alone], crowd.shares))
    )
    assert whole[alone] - whole[0] == pytest.approx(part - part[0], abs=1e-6)

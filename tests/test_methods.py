"""The conformance suite: every method of the table, under the same statements."""

from dataclasses import MISSING, FrozenInstanceError, dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from socialpref import (
    DPO,
    METHODS,
    AgreementOnly,
    CorrectedDPO,
    LatentClasses,
    Population,
    RewardAveraging,
    optimal_policy,
    ranking,
    total_variation,
)
from socialpref.comparisons import Comparisons, fit_latent_classes, simulate
from socialpref.errors import ConvergenceError, InputError
from socialpref.examples import mediocre_winner, ring, two_camps
from socialpref.limits import MaxMin, Method, MinMaxRegret, OnPolicyDPO, Optimal
from socialpref.links import Probit
from socialpref.methods import method_named
from socialpref.rules import nbc
from socialpref.training import Fit, Fitting, TrueJoint, learn, train, verify
from socialpref.training.learning import has_training, needs_joint
from socialpref.training.verification import VERIFIED

from .helpers import Floats, refuses

every = pytest.mark.parametrize("method", METHODS, ids=repr)
trained = pytest.mark.parametrize(
    "method", [method for method in METHODS if has_training(method)], ids=lambda m: m.name
)
trained_exactly = pytest.mark.parametrize("method", VERIFIED, ids=lambda m: m.name)
faithful = pytest.mark.parametrize(
    "method",
    [
        *(DPO(), CorrectedDPO(), AgreementOnly(), RewardAveraging(), LatentClasses()),
        *(OnPolicyDPO(n_starts=1), MaxMin("zero"), MinMaxRegret(), Optimal()),
    ],
    ids=lambda m: m.name,
)
"""Methods that learn the rewards where all types agree."""


@st.composite
def small(draw: st.DrawFn) -> Population:
    """Draw 2 or 3 equal types over 2 to 4 options, whose gaps are moderate."""
    shape = draw(st.integers(2, 3)), draw(st.integers(2, 4))
    numbers = st.integers(-8, 8).map(lambda n: n / 8)
    rows = [draw(st.lists(numbers, min_size=shape[1], max_size=shape[1])) for _ in range(shape[0])]
    return Population(rows)


def learned(method: Method, population: Population, **setting: Any) -> Floats:
    return learn(method, population, **{"tolerance": 1e-10, **setting}).policy[0]


@every
def test_a_method_is_a_frozen_dataclass_that_its_name_finds(method: Method) -> None:
    assert is_dataclass(method)
    assert method == replace(method)
    if all(field.default is not MISSING for field in fields(method)):
        assert method_named(method.name) == method
    assert hash(method) == hash(replace(method))
    for field in fields(method):
        with pytest.raises(FrozenInstanceError):
            setattr(method, field.name, getattr(method, field.name))
    assert method.guarantee


@every
def test_without_a_search_the_limit_is_the_same(method: Method) -> None:
    found, same = (m.limit(mediocre_winner()).policy for m in (method, method.without_search()))
    np.testing.assert_allclose(found, same, atol=1e-9)


@trained_exactly
@settings(max_examples=15)
@given(population=small())
def test_training_on_the_expectation_ends_at_the_exact_limit(
    method: Method, population: Population
) -> None:
    distance = total_variation(learned(method, population), method.limit(population).policy)
    assert distance <= 1e-8


@trained_exactly
def test_so_it_does_with_another_sampling_reference_and_beta(method: Method) -> None:
    setting: dict[str, Any] = {
        "sampling": [0.5, 0.2, 0.3], "beta": 0.4, "reference": [0.2, 0.7, 0.1]
    }  # fmt: skip
    if not method.has_reference:
        del setting["reference"]
    found = learned(method, two_camps(), **setting)
    assert total_variation(found, method.limit(two_camps(), **setting).policy) <= 1e-8


@trained_exactly
def test_every_prompt_has_its_own_limit(method: Method) -> None:
    prompts = (mediocre_winner(), Population([[0.0, -1.0, 2.0], [1.0, 0.5, 0.0], [0.3, 0.0, 0.9]]))
    fit = learn(method, prompts, tolerance=1e-10)
    for policy, limit in zip(fit.policy, method.limit(prompts), strict=True):
        assert total_variation(policy, limit.policy) <= 1e-8


@every
@settings(max_examples=15)
@given(population=small())
def test_the_limit_has_the_promised_order(method: Method, population: Population) -> None:
    if method.order is None:
        pytest.skip(f"theory promises no order for {method.name}")
    promised = nbc(population) if method.order == "NBC" else population.mean_rewards()
    try:
        policy = method.limit(population).policy
    except (InputError, ConvergenceError):
        assume(False)
    for group in ranking(promised, tolerance=1e-9).groups:
        assert np.ptp(np.log(policy[list(group)])) <= 1e-7
    order = [group[0] for group in ranking(promised, tolerance=1e-9).groups]
    assert (np.diff(policy[order]) < 0).all()


@faithful
@settings(max_examples=10)
@given(population=small())
def test_types_that_agree_leave_nothing_to_choose_between_methods(
    method: Method, population: Population
) -> None:
    agreed = Population(np.repeat(population.rewards[:1], 2, axis=0))
    best = optimal_policy(agreed).policy
    assert total_variation(method.limit(agreed).policy, best) <= 1e-9


@every
def test_a_limit_knows_its_method_and_its_options(method: Method) -> None:
    options = ("bus", "tram", "bike")
    limit = method.limit(Population([[2, 1, 0], [0, 1, 1]], options=options))
    assert (limit.method, limit.options) == (method.name, options)
    table = limit.to_frame()
    assert list(table.columns) == ["option", "probability", "reward"]
    assert tuple(table["option"]) == options
    np.testing.assert_array_equal(table["probability"], limit.policy)
    np.testing.assert_array_equal(table["reward"], limit.rewards)


@pytest.mark.slow
@trained_exactly
def test_samples_come_near(method: Method) -> None:
    """A hundred times as many labels leave about a tenth of the error."""
    population = Population([[0.0, -1.0, -2.0], [0.0, -2.0, 1.0]])
    limit = method.limit(population).policy
    joint = LatentClasses(2) if needs_joint(method) else None
    means = []
    for n in (2_000, 200_000):
        rows = [simulate(population, n, method.information, seed=seed) for seed in range(4)]
        fits = [learn(method, row, joint=joint) for row in rows]
        means.append(np.mean([total_variation(fit.policy[0], limit) for fit in fits]))
    assert means[1] < means[0] / 3
    assert means[1] < 0.02


@trained
def test_comparisons_that_do_not_tell_enough_are_refused(method: Method) -> None:
    if method.information == "anonymous":
        pytest.skip("anonymous comparisons tell enough")
    column = {"linked": "annotator", "typed": "annotator_type", "panel": "panel"}
    with refuses(column[method.information]):
        learn(method, simulate(two_camps(), 100))


ROWS = simulate(two_camps(), 2000, "linked", seed=0)


@dataclass(frozen=True)
class Scaled(DPO):
    """Rewards that are multiples of DPO's."""

    name: ClassVar[str] = "scaled"

    factor: float = 2.0

    def implicit_rewards(self, population: Population, sampling: Any) -> Any:
        found = super().implicit_rewards(population, sampling)
        return replace(found, rewards=self.factor * found.rewards)


@train.register
def _scaled(method: Scaled, fitting: Fitting) -> Fit:
    fit = fitting.of(fitting.cells(method.information))
    return fitting.policy(method.factor * fit.rewards, fit)


def test_a_registered_training_is_the_one_that_runs() -> None:
    plain = learn(DPO(), two_camps()).rewards
    np.testing.assert_allclose(learn(Scaled(), two_camps()).rewards, 2 * plain, atol=1e-12)
    np.testing.assert_allclose(learn(Scaled(3.0), two_camps()).rewards, 3 * plain, atol=1e-12)


def test_verify_takes_a_method_that_is_not_in_the_table() -> None:
    report = verify([Scaled(0.5)], {"camps": two_camps()}, sizes=[1_000, 30_000])
    assert report.passed
    assert report.results[0].method == "scaled(factor=0.5)"


def test_a_method_without_a_training_says_so() -> None:
    @dataclass(frozen=True)
    class Untrained(Method):
        name: ClassVar[str] = "untrained"
        information: ClassVar[Any] = "anonymous"
        guarantee: ClassVar[str] = "none"

        def implicit_rewards(self, population: Population, sampling: Any) -> Any:
            return DPO().implicit_rewards(population, sampling)

    limit = Untrained().limit(two_camps())
    np.testing.assert_array_equal(limit.policy, DPO().limit(two_camps()).policy)
    with pytest.raises(InputError, match=r"'method' must have a registered training .*Untrained"):
        learn(Untrained(), two_camps())


def test_an_unknown_name_is_refused() -> None:
    with refuses("method"):
        method_named("ppo")


@trained
def test_a_joint_likelihood_is_for_those_that_need_it(method: Method) -> None:
    joint = TrueJoint((two_camps(),))
    if needs_joint(method):
        assert learn(method, ROWS, joint=joint).residual <= 1e-9
    else:
        with refuses("joint"):
            learn(method, ROWS, joint=joint)


@pytest.mark.slow
def test_the_joint_likelihood_is_learned_by_latent_classes() -> None:
    method = CorrectedDPO(alpha=0.5)
    found = learn(method, ROWS, joint=LatentClasses(2)).rewards
    with pytest.warns(UserWarning, match="were not tried on annotators who were left out"):
        same = learn(method, ROWS, joint=fit_latent_classes(ROWS, 2)).rewards
    np.testing.assert_array_equal(found, same)
    three = learn(method, ROWS, joint=LatentClasses(3)).rewards
    np.testing.assert_array_equal(learn(method, ROWS).rewards, three)


def test_a_variance_that_is_noise_is_warned_of() -> None:
    alike = simulate(Population([[0.0, 1.0, 2.0]]), 600, "linked", comparisons=4)
    with pytest.warns(UserWarning, match="no better than one class does"):
        learn(CorrectedDPO(alpha=0.25), alike, joint=LatentClasses(2))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (CorrectedDPO, {"alpha": -1.0}),
        (CorrectedDPO, {"alpha": "1"}),
        (CorrectedDPO, {"form": "F4"}),
        (CorrectedDPO, {"clamp": 0.0}),
        (CorrectedDPO, {"n_starts": -1}),
        (AgreementOnly, {"replicas": [0, 0]}),
        (AgreementOnly, {"replicas": [1.0, 2.0]}),
        (RewardAveraging, {"shares": [0.5, 0.6]}),
        (RewardAveraging, {"shares": "half"}),
        (LatentClasses, {"n_classes": 1.0}),
        (LatentClasses, {"n_classes": 0}),
    ],
)
def test_options_are_checked_when_a_method_is_made(
    kind: type[Method], options: dict[str, Any]
) -> None:
    with refuses(*options):
        kind(**options)


@pytest.mark.parametrize(
    ("kind", "option"),
    [(DPO, "alpha"), (AgreementOnly, "n_classes"), (RewardAveraging, "clamp"), (DPO, "joint")],
)
def test_options_of_other_methods_cannot_be_given(kind: type[Method], option: str) -> None:
    with pytest.raises(TypeError, match=option):
        kind(**{option: 1.0})


@pytest.mark.parametrize(
    ("method", "data", "options", "argument"),
    [
        (DPO(), ROWS, {"sampling": [0.3, 0.3, 0.4]}, "sampling"),
        (CorrectedDPO(), two_camps(), {"joint": LatentClasses(2)}, "data"),
        (CorrectedDPO(), two_camps(), {"joint": "true"}, "joint"),
        (LatentClasses(), ROWS, {"ridge": 1.0}, "ridge"),
        (LatentClasses(), ROWS, {"tolerance": 1e-3}, "tolerance"),
        (DPO(), "rows", {}, "data"),
        (DPO(), None, {}, "data"),
        (DPO(), [], {}, "data"),
        (DPO(), [two_camps(), ROWS], {}, "data"),
        (7, two_camps(), {}, "method"),
        ("dpo", two_camps(), {}, "method"),
        (DPO, two_camps(), {}, "method"),
        (DPO(), two_camps(), {"beta": "1"}, "beta"),
        (DPO(), two_camps(), {"ridge": True}, "ridge"),
        (DPO(), two_camps(), {"device": "abacus"}, "device"),
    ],
)
def test_bad_trainings(method: Any, data: Any, options: dict[str, Any], argument: str) -> None:
    with refuses(argument):
        learn(method, data, **options)


def test_latent_classes_have_a_limit_for_the_logistic_link_only() -> None:
    with refuses("population"):
        LatentClasses().limit(Population([[1.0, 0.0], [0.0, 2.0]], link=Probit()))


def test_shares_of_reward_averaging_by_hand() -> None:
    crowd = Population([[1.0, -1.0], [-3.0, 3.0]])
    rewards = RewardAveraging(shares=[0.75, 0.25]).limit(crowd).rewards
    np.testing.assert_allclose(rewards, [0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(RewardAveraging().limit(crowd).rewards, [-1.0, 1.0], atol=1e-12)
    with refuses("shares"):
        RewardAveraging(shares=[0.5, 0.2, 0.3]).limit(crowd)


def test_panels_of_unequal_numbers_of_labels_are_trained_to_their_limit() -> None:
    method = AgreementOnly(replicas=[3, 1])
    crowd = Population([[1.0, 0.0, 0.3], [0.0, 1.0, 0.5]], [0.75, 0.25])
    limit = method.limit(crowd)
    assert total_variation(learned(method, crowd), limit.policy) <= 1e-8
    np.testing.assert_allclose(limit.policy, optimal_policy(crowd).policy, atol=1e-12)


def test_people_are_weighted_and_not_labels() -> None:
    """Two annotators of type 0 give 100 labels each, eight of type 1 give 5: shares 0.2 and 0.8.

    70 % of either type's labels are for the option that it likes, so the gap is log(7 / 3) by
    type, and (0.2 - 0.8) log(7 / 3) on average.
    """
    who = np.repeat(np.arange(10), [100, 100, *[5] * 8])
    types = (who >= 2).astype(int)
    label = np.empty(len(who), dtype=int)
    for u in range(2):
        rows = np.flatnonzero(types == u)
        label[rows] = np.arange(len(rows)) < 0.7 * len(rows)
    label[types == 1] = 1 - label[types == 1]
    none = np.zeros_like(who)
    columns = none, none, none + 1, label, 1, 2
    people = Comparisons(*columns, annotator=who, annotator_type=types)
    gap = np.log(7 / 3) * (0.2 - 0.8)
    rewards = learn(RewardAveraging(), people).rewards[0]
    np.testing.assert_allclose(rewards, [gap / 2, -gap / 2], atol=1e-9)
    labels = Comparisons(*columns, annotator_type=types)  # every label may be of another annotator
    gap = np.log(7 / 3) * (200 - 40) / 240
    rewards = learn(RewardAveraging(), labels).rewards[0]
    np.testing.assert_allclose(rewards, [gap / 2, -gap / 2], atol=1e-9)


def test_shares_of_latent_classes_are_of_people() -> None:
    """A fifth of the annotators, who are of the other mind, give most of the labels."""
    rng = np.random.default_rng(0)
    each = np.where(np.arange(300) < 60, 200, 20)
    who = np.repeat(np.arange(300), each)
    likes = np.where(who < 60, 2.0, -2.0)
    label = (rng.random(len(who)) < 1 / (1 + np.exp(-likes))).astype(int)
    none = np.zeros_like(who)
    rows = Comparisons(none, none, none + 1, label, 1, 2, annotator=who)
    rewards = learn(LatentClasses(n_classes=2), rows).rewards[0]
    assert rewards[0] - rewards[1] == pytest.approx(2.0 * (0.2 - 0.8), abs=0.1)


def test_the_mixture_needs_comparisons() -> None:
    with refuses("data"):
        learn(LatentClasses(), two_camps())


def test_unequal_shares_are_refused_by_panels_only() -> None:
    unequal = Population([[0.0, 1.0], [1.0, 0.0]], [0.3, 0.7])
    with refuses("replicas"):
        learn(AgreementOnly(), unequal)
    assert learn(RewardAveraging(), unequal).residual <= 1e-9


def test_types_without_comparisons_are_refused() -> None:
    two, none = np.array([0, 2]), np.zeros(2, dtype=int)
    rows = Comparisons(none, none, none + 1, np.array([1, 0]), 1, 2, annotator_type=two)
    with refuses("annotator_type"):
        learn(RewardAveraging(), rows)


def test_given_shares_replace_those_seen() -> None:
    population = Population([[0.0, 1.0, 0.5], [1.0, 0.0, 0.2]], [0.5, 0.5])
    rows = simulate(population, 20_000, "typed", seed=3)
    only_first = learn(RewardAveraging(shares=[1.0, 0.0]), rows)
    assert only_first.rewards[0].argmax() == 1
    with pytest.raises(InputError, match="shares"):
        learn(RewardAveraging(shares=[0.5, 0.2, 0.3]), rows)


def test_the_exact_ring_by_training() -> None:
    """Whole policies of the paper's environment, all 40 states at once."""
    prompts = ring()
    for method, distance in ((DPO(), 0.043741), (AgreementOnly(), 0.0)):
        policies = learn(method, prompts, tolerance=1e-11).policy
        for policy, population in zip(policies[::13], prompts[::13], strict=True):
            apart = total_variation(policy, optimal_policy(population).policy)
            assert apart == pytest.approx(distance, abs=1e-6)

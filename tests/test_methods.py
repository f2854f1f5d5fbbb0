"""The conformance suite: every method of the table, under the same statements."""

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialpref import Population, ranking, total_variation
from socialpref.comparisons import Comparisons, simulate
from socialpref.errors import InputError
from socialpref.examples import mediocre_winner, ring, two_camps
from socialpref.methods import METHODS, Method
from socialpref.rules import nbc
from socialpref.training import Fit, Fitting, TrueJoint, learn, losses, trains
from socialpref.training.learning import options_of

from .helpers import Floats, refuses

EXACT = [method for method in METHODS.values() if method.limit is not None]
every = pytest.mark.parametrize("method", METHODS.values(), ids=lambda m: m.name)
with_limit = pytest.mark.parametrize("method", EXACT, ids=lambda m: m.name)


@st.composite
def small(draw: st.DrawFn) -> Population:
    """Draw 2 or 3 equal types over 2 to 4 options, whose gaps are moderate."""
    shape = draw(st.integers(2, 3)), draw(st.integers(2, 4))
    numbers = st.integers(-8, 8).map(lambda n: n / 8)
    rows = [draw(st.lists(numbers, min_size=shape[1], max_size=shape[1])) for _ in range(shape[0])]
    return Population(rows)


def limit_of(method: Method, population: Population, **setting: Any) -> Floats:
    assert method.limit is not None
    return method.limit(population, **setting, **method.verified_at).policy


def learned(method: Method, population: Population, **setting: Any) -> Floats:
    setting = {"tolerance": 1e-10, **setting, **method.verified_at}
    return learn(method.name, population, **setting).policy[0]


@every
def test_the_loss_is_a_function_of_the_torch_layer(method: Method) -> None:
    assert "margin" in inspect.signature(getattr(losses, method.loss)).parameters


@with_limit
@settings(max_examples=15)
@given(population=small())
def test_training_on_the_expectation_ends_at_the_exact_limit(
    method: Method, population: Population
) -> None:
    distance = total_variation(learned(method, population), limit_of(method, population))
    assert distance <= 1e-8


@with_limit
def test_so_it_does_with_another_sampling_reference_and_beta(method: Method) -> None:
    setting = {"sampling": [0.5, 0.2, 0.3], "beta": 0.4, "reference": [0.2, 0.7, 0.1]}
    found = learned(method, two_camps(), **setting)
    assert total_variation(found, limit_of(method, two_camps(), **setting)) <= 1e-8


@with_limit
def test_every_prompt_has_its_own_limit(method: Method) -> None:
    prompts = (mediocre_winner(), Population([[0.0, -1.0, 2.0], [1.0, 0.5, 0.0], [0.3, 0.0, 0.9]]))
    fit = learn(method.name, prompts, tolerance=1e-10, **method.verified_at)
    for policy, population in zip(fit.policy, prompts, strict=True):
        assert total_variation(policy, limit_of(method, population)) <= 1e-8


@with_limit
@settings(max_examples=15)
@given(population=small())
def test_the_limit_has_the_promised_order(method: Method, population: Population) -> None:
    if method.order is None:
        pytest.skip(f"theory promises no order for {method.name}")
    promised = nbc(population) if method.order == "NBC" else population.mean_rewards()
    policy = limit_of(method, population)
    for group in ranking(promised, tolerance=1e-9).groups:
        assert np.ptp(np.log(policy[list(group)])) <= 1e-7
    order = [group[0] for group in ranking(promised, tolerance=1e-9).groups]
    assert (np.diff(policy[order]) < 0).all()


@with_limit
@settings(max_examples=10)
@given(population=small())
def test_types_that_agree_leave_nothing_to_choose_between_methods(
    method: Method, population: Population
) -> None:
    agreed = Population(np.repeat(population.rewards[:1], 2, axis=0))
    best = METHODS["reward-averaging"]
    assert total_variation(limit_of(method, agreed), limit_of(best, agreed)) <= 1e-9


@every
def test_samples_come_near(method: Method) -> None:
    """A hundred times as many annotations leave about a tenth of the error."""
    if method.limit is None:
        pytest.skip("what linked comparisons do not identify has no limit to come near")
    population = Population([[0.0, -1.0, -2.0], [0.0, -2.0, 1.0]])
    limit = limit_of(method, population)
    setting = dict(method.verified_at)
    if "n_classes" in options_of(method):
        setting["n_classes"] = 2
    means = []
    for n in (2_000, 200_000):
        rows = [simulate(population, n, method.information, seed=seed) for seed in range(4)]
        fits = [learn(method.name, row, **setting) for row in rows]
        means.append(np.mean([total_variation(fit.policy[0], limit) for fit in fits]))
    assert means[1] < means[0] / 3
    assert means[1] < 0.02


@every
def test_annotations_that_do_not_tell_enough_are_refused(method: Method) -> None:
    if method.information == "anonymous":
        pytest.skip("anonymous annotations tell enough")
    column = {"linked": "annotator", "typed": "annotator_type", "panel": "panel"}
    with refuses(column[method.information]):
        learn(method.name, simulate(two_camps(), 100))


def test_an_unknown_method_is_refused() -> None:
    with refuses("method"):
        learn("ppo", two_camps())


ROWS = simulate(two_camps(), 2000, "linked", seed=0)


def test_a_row_without_a_training_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(METHODS["dpo"], name="new")
    monkeypatch.setitem(METHODS, "new", row)
    with pytest.raises(InputError, match=r"'new' has none"):
        learn("new", two_camps())


def test_a_registered_training_is_the_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewards twice DPO's, and with an option of its own."""
    row = replace(METHODS["dpo"], name="twice")
    monkeypatch.setitem(METHODS, "twice", row)

    @trains(row)
    def _twice(fitting: Fitting, *, factor: float = 2.0) -> Fit:
        fit = fitting.of(fitting.cells("anonymous"))
        return fitting.policy(factor * fit.rewards, fit)

    plain = learn("dpo", two_camps()).rewards
    np.testing.assert_allclose(learn("twice", two_camps()).rewards, 2 * plain, atol=1e-12)
    np.testing.assert_allclose(learn("twice", two_camps(), factor=3).rewards, 3 * plain, atol=1e-12)
    with refuses("alpha"):
        learn("twice", two_camps(), alpha=1.0)


OPTIONS: dict[str, Any] = {
    "alpha": 0.5, "form": "F1", "clamp": 0.1, "joint": TrueJoint((two_camps(),)), "n_classes": 2,
    "shares": [0.5, 0.5], "alhpa": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
@every
def test_options_of_other_methods_are_refused(method: Method, option: str) -> None:
    own = {
        "corrected-dpo": {"alpha", "form", "clamp", "joint", "n_classes"},
        "reward-averaging": {"shares"},
        "latent-classes": {"n_classes"},
    }
    assert set(options_of(method)) == own.get(method.name, set())
    if option not in options_of(method):
        with refuses(option):
            learn(method.name, ROWS, **{option: OPTIONS[option]})


@pytest.mark.parametrize(
    ("method", "data", "options", "argument"),
    [
        ("dpo", ROWS, {"sampling": [0.3, 0.3, 0.4]}, "sampling"),
        ("corrected-dpo", ROWS, {"joint": OPTIONS["joint"], "n_classes": 2}, "n_classes"),
        ("corrected-dpo", two_camps(), {"n_classes": 2}, "n_classes"),
        ("corrected-dpo", two_camps(), {"alpha": -1.0}, "alpha"),
        ("corrected-dpo", two_camps(), {"alpha": "1"}, "alpha"),
        ("corrected-dpo", two_camps(), {"form": "F4"}, "form"),
        ("corrected-dpo", two_camps(), {"clamp": 0.0}, "clamp"),
        ("corrected-dpo", two_camps(), {"joint": "true"}, "joint"),
        ("latent-classes", ROWS, {"n_classes": 1.0}, "n_classes"),
        ("latent-classes", ROWS, {"ridge": 1.0}, "ridge"),
        ("latent-classes", ROWS, {"tolerance": 1e-3}, "tolerance"),
        ("dpo", "rows", {}, "data"),
        ("dpo", None, {}, "data"),
        ("dpo", [], {}, "data"),
        ("dpo", [two_camps(), ROWS], {}, "data"),
        (7, two_camps(), {}, "method"),
        ("dpo", two_camps(), {"beta": "1"}, "beta"),
        ("dpo", two_camps(), {"ridge": True}, "ridge"),
        ("dpo", two_camps(), {"device": "abacus"}, "device"),
    ],
)
def test_bad_trainings(method: Any, data: Any, options: dict[str, Any], argument: str) -> None:
    with refuses(argument):
        learn(method, data, **options)


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
    rewards = learn("reward-averaging", people).rewards[0]
    np.testing.assert_allclose(rewards, [gap / 2, -gap / 2], atol=1e-9)
    labels = Comparisons(*columns, annotator_type=types)  # every label may be of another annotator
    gap = np.log(7 / 3) * (200 - 40) / 240
    rewards = learn("reward-averaging", labels).rewards[0]
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
    rewards = learn("latent-classes", rows, n_classes=2).rewards[0]
    assert rewards[0] - rewards[1] == pytest.approx(2.0 * (0.2 - 0.8), abs=0.1)


def test_the_mixture_needs_annotations() -> None:
    with refuses("data"):
        learn("latent-classes", two_camps())


def test_unequal_shares_are_refused_by_panels_only() -> None:
    unequal = Population([[0.0, 1.0], [1.0, 0.0]], [0.3, 0.7])
    with refuses("replicas"):
        learn("agreement", unequal)
    assert learn("reward-averaging", unequal).residual <= 1e-9


def test_types_without_comparisons_are_refused() -> None:
    two, none = np.array([0, 2]), np.zeros(2, dtype=int)
    rows = Comparisons(none, none, none + 1, np.array([1, 0]), 1, 2, annotator_type=two)
    with refuses("annotator_type"):
        learn("reward-averaging", rows)


def test_given_shares_replace_those_seen() -> None:
    population = Population([[0.0, 1.0, 0.5], [1.0, 0.0, 0.2]], [0.5, 0.5])
    rows = simulate(population, 20_000, "typed", seed=3)
    only_first = learn("reward-averaging", rows, shares=[1.0, 0.0])
    assert only_first.rewards[0].argmax() == 1
    with pytest.raises(InputError, match="shares"):
        learn("reward-averaging", rows, shares=[0.5, 0.2, 0.3])


def test_the_exact_ring_by_training() -> None:
    """Whole policies of the paper's environment, all 40 states at once."""
    prompts = ring()
    best = METHODS["reward-averaging"]
    for name, distance in {"dpo": 0.043741, "agreement": 0.0}.items():
        policies = learn(name, prompts, tolerance=1e-11).policy
        for policy, population in zip(policies[::13], prompts[::13], strict=True):
            apart = total_variation(policy, limit_of(best, population))
            assert apart == pytest.approx(distance, abs=1e-6)

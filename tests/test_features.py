"""Options that hardly recur, described by features: fits, classes, flips, and how they are read."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from socialpref import Comparisons, InputError
from socialpref.comparisons import population_of
from socialpref.comparisons.em import Ascent, Likelihood, Linked
from socialpref.comparisons.features import (
    audit_features,
    choose_feature_classes,
    fit_feature_classes,
    fit_features,
    recurrence,
)
from socialpref.comparisons.people import people_by_type

Floats = NDArray[np.float64]


make: Any = Comparisons


def sigma(x: Any) -> Floats:
    """Return the logistic function."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(x, dtype=float))))


def texts(
    tastes: Any,
    n_annotators: int = 200,
    each: int = 15,
    seed: int = 0,
    *,
    exact: bool = False,
    shares: tuple[float, ...] | None = None,
    **columns: Any,
) -> tuple[Comparisons, NDArray[np.intp]]:
    """Return comparisons of texts that occur once, by annotators of known classes."""
    rng = np.random.default_rng(seed)
    rewards = np.asarray(tastes, dtype=float)
    kind = rng.choice(len(rewards), n_annotators, p=shares)
    who = np.repeat(np.arange(n_annotators), each)
    n = len(who)
    differences = rng.normal(size=(n, rewards.shape[1])) * [2.0, 50.0, 1.0][: rewards.shape[1]]
    chance = sigma((differences * rewards[kind[who]]).sum(axis=1))
    label = chance if exact else (rng.random(n) < chance).astype(float)
    names = ["length", "score", "tone"][: rewards.shape[1]]
    rows = make(
        np.arange(n), np.zeros(n, int), np.ones(n, int), label, n, 2,
        annotator=who, differences=differences, features=names, **columns,
    )  # fmt: skip
    return rows, kind


CAMPS = [[0.8, 0.01], [-0.8, 0.03]]


# --- one model ---------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [None, 2.0])
def test_the_fit_is_newtons_dense_one(prior: float | None) -> None:
    rows, _ = texts([[0.3, 0.01, -0.4]], 40)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(rows))
    label = np.where(np.arange(len(rows)) % 7 == 0, 0.5, rows.label)  # some ties
    rows = make(
        rows.prompt, rows.first, rows.second, label, rows.n_prompts, 2, weight=weight,
        annotator=rows.annotator, differences=rows.differences, features=rows.features,
    )  # fmt: skip
    fit = fit_features(rows, prior=prior)
    assert rows.differences is not None
    x = rows.differences / np.sqrt((rows.differences**2).mean(axis=0))
    penalty = (prior or 0.0) * np.eye(3)
    b = np.zeros(3)
    for _ in range(50):
        p = sigma(x @ b)
        bread = np.linalg.inv(x.T @ np.diag(weight * p * (1 - p)) @ x + penalty)
        b = b + bread @ (x.T @ (weight * (label - p)) - penalty @ b)
    np.testing.assert_allclose(fit.coefficients, b, atol=1e-9)
    np.testing.assert_allclose(fit.standard_errors(), np.sqrt(np.diag(bread)), rtol=1e-8)
    meat = np.zeros((3, 3))
    for u in range(40):
        score = sum(
            weight[i] * (label[i] - p[i]) * x[i] for i in np.flatnonzero(rows.annotator == u)
        )
        meat += np.outer(score, score)
    sandwich = bread @ meat @ bread * 40 / 39
    np.testing.assert_allclose(
        fit.standard_errors(clustered=True), np.sqrt(np.diag(sandwich)), rtol=1e-7
    )
    assert fit.design_effect() == pytest.approx(np.trace(sandwich) / np.trace(bread))
    assert list(fit.to_frame()["feature"]) == ["length", "score", "tone"]
    assert "by 40 annotators" in fit.describe()


def test_the_scale_of_a_feature_does_not_matter() -> None:
    rows, _ = texts([[0.3, 0.01]], 60)
    assert rows.differences is not None
    other = make(
        rows.prompt, rows.first, rows.second, rows.label, rows.n_prompts, 2,
        differences=rows.differences * [1e-200, 1e200], features=rows.features,
    )  # fmt: skip
    one, two = fit_features(rows), fit_features(other)
    np.testing.assert_allclose(one.coefficients, two.coefficients, rtol=1e-9)
    np.testing.assert_allclose(two.scales / one.scales, [1e-200, 1e200], rtol=1e-9)
    with pytest.raises(InputError, match="annotators are not known"):
        two.standard_errors(clustered=True)


def simple(label: Any, differences: Any, **columns: Any) -> Comparisons:
    """Return comparisons of two options each, at prompts of their own."""
    n = len(label)
    return make(
        np.arange(n), np.zeros(n, int), np.ones(n, int), label, n, 2,
        differences=differences, **columns,
    )  # fmt: skip


def test_no_single_finite_maximum_is_refused_and_mended_by_a_prior() -> None:
    told = simple([1, 0, 1, 0.5], [[1.0], [-2.0], [0.5], [0.0]])
    with pytest.raises(InputError, match="must not tell each choice"):
        fit_features(told)
    assert fit_features(told, prior=0.1).coefficients[0] > 0
    twice = simple([1, 0, 1, 0], [[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0], [1.0, 2.0]])
    with pytest.raises(InputError, match="must not depend on each other"):
        fit_features(twice)
    one, two = fit_features(twice, prior=0.1).coefficients
    assert one == pytest.approx(two)
    audit = audit_features(twice, "none", bootstrap=5)
    assert audit.fit.prior == 0.1
    assert np.isfinite(audit.drawn_coefficients).all()


def test_bad_features() -> None:
    plain = make([0], [0], [1], [1], 1, 2)
    for function in (fit_features, audit_features, choose_feature_classes):
        with pytest.raises(InputError, match="with features"):
            function(plain)
    with pytest.raises(InputError, match="'feature 2' never"):
        fit_features(simple([1, 0], [[1.0, 0.0], [1.0, 0.0]]))
    for wrong in ([[1.0]], [1.0, 2.0], [[np.nan], [1.0]], np.zeros((2, 0))):
        with pytest.raises(InputError, match="'differences'"):
            simple([1, 0], wrong)
    with pytest.raises(InputError, match="'features'"):
        simple([1, 0], [[1.0], [2.0]], features=["a", "b"])
    with pytest.raises(InputError, match="'features'"):
        make([0], [0], [1], [1], 1, 2, features=["length"])
    rows, _ = texts(CAMPS, 20)
    for arguments in ({"types": "all"}, {"types": 0}, {"bootstrap": -1}, {"level": 1.0}):
        with pytest.raises(InputError):
            audit_features(rows, **arguments)
    fit = fit_feature_classes(rows, 2)
    with pytest.raises(InputError, match="of the features length, score"):
        fit.memberships(texts([[1.0]], 5)[0])
    with pytest.raises(InputError, match="annotator_type"):
        audit_features(rows, "given")


# --- classes -----------------------------------------------------------------------------


def test_the_gradient_of_classes_is_right() -> None:
    rows, _ = texts(CAMPS, 30, 4)
    assert rows.differences is not None
    likelihood = Likelihood(Linked.of(rows, np.array([2.0, 50.0])), 0.3)
    run = Ascent(likelihood, likelihood.start(3, np.random.default_rng(1)))
    begin = run.point
    assert run.run(1e-9, 500).residual <= 1e-9
    assert (np.diff(run.values) > -1e-10).all()
    for i in range(len(begin.parameters)):
        nudge = 1e-5 * (np.arange(len(begin.parameters)) == i)
        slope = [likelihood.at(begin.parameters + k * nudge).value for k in (1, -1)]
        assert (slope[0] - slope[1]) / 2e-5 == pytest.approx(begin.gradient[i], abs=1e-5)


def test_a_second_em_finds_the_same_classes() -> None:
    """Plain EM, annotator by annotator, with a whole Newton fit in each M-step."""
    rows, _ = texts(CAMPS, 60, 8)
    fit = fit_feature_classes(rows, 2, ridge=0.5, tolerance=1e-9)
    assert rows.annotator is not None
    assert rows.differences is not None
    x, y, who = rows.differences / fit.scales, rows.label, rows.annotator
    b, q = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.5, 0.5])
    for _ in range(200):
        each = np.where(y[:, None] == 1, sigma(x @ b.T), sigma(-x @ b.T))
        chance = q * np.array([each[who == u].prod(axis=0) for u in range(60)])
        member = chance / chance.sum(axis=1, keepdims=True)
        q = (member.sum(axis=0) + 1) / 62
        for c in range(2):
            w = member[who, c]
            for _ in range(3):
                p = sigma(x @ b[c])
                information = (x.T * (w * p * (1 - p))) @ x + 0.5 * np.eye(2)
                b[c] += np.linalg.solve(information, x.T @ (w * (y - p)) - 0.5 * b[c])
    order = np.argsort(-fit.coefficients[:, 0])
    np.testing.assert_allclose(fit.coefficients[order], b, atol=1e-5)
    np.testing.assert_allclose(fit.shares[order], q, atol=1e-5)
    np.testing.assert_allclose(fit.memberships(rows)[:, order], member, atol=1e-5)
    assert fit.log_likelihood == pytest.approx(np.log(chance.sum(axis=1)).mean(), abs=1e-6)


def test_known_classes_are_found_and_what_is_not_there_is_not() -> None:
    rows, kind = texts(CAMPS, 150, shares=(0.6, 0.4))
    audit = audit_features(rows, bootstrap=20)
    assert (audit.kind, len(audit.types)) == ("classes", 2)
    assert audit.choice is not None
    assert audit.choice.shuffles == "ids"
    assert audit.choice.evidence is not None
    assert audit.choice.evidence.gain > 0.5
    found = audit.choice.fit.memberships(rows).argmax(axis=1)
    right = (found == kind).mean()
    assert max(right, 1 - right) > 0.95
    truth = np.array(CAMPS) * audit.fit.scales
    assert (np.abs(audit.coefficients - truth) < 0.45).all()
    length, score = audit.findings
    assert (length.agree, score.agree) == (False, True)
    assert length.agree_share == 0.0
    assert np.isinf(score.share_flip)
    assert "Types disagree on its sign" in audit.describe()
    assert list(audit.to_frame()["feature"]) == ["length", "score"]
    assert audit.types_frame().shape == (2, 4)
    assert audit.summary()["n_types"] == 2


@pytest.mark.parametrize("seed", range(1))
def test_one_class_where_nobody_has_tastes_of_their_own(seed: int) -> None:
    rows, _ = texts([[0.5, 0.01]], 100, 8, seed)
    audit = audit_features(rows, bootstrap=0)
    assert (audit.kind, audit.types) == ("everybody", ("everybody",))
    assert audit.reason is not None
    np.testing.assert_allclose(audit.coefficients[0], audit.fit.coefficients, atol=1e-8)
    assert all(np.isinf(one.share_flip) for one in audit.findings)
    assert "One type for all" in audit.describe()


@pytest.mark.slow
def test_one_class_on_coin_flips_and_on_shuffled_ids() -> None:
    chosen = []
    for seed in range(40):
        coins, _ = texts([[0.0, 0.0]], 100, 8, seed)
        camps, _ = texts(CAMPS, 100, 8, seed)
        assert camps.annotator is not None
        mixed = np.random.default_rng(seed).permutation(camps.annotator)
        dealt = make(
            camps.prompt, camps.first, camps.second, camps.label, camps.n_prompts, 2,
            annotator=mixed, differences=camps.differences, features=camps.features,
        )  # fmt: skip
        chosen += [choose_feature_classes(rows).chosen for rows in (coins, dealt)]
    assert np.mean(np.array(chosen) == 1) >= 0.95


# --- flips -------------------------------------------------------------------------------


def typed(people: tuple[int, int] = (3, 1)) -> Comparisons:
    """Return exact labels of types with coefficients 1 and -2, and of score 1 and 1."""
    n, who = 400, np.arange(400) % 4
    kind = (who >= people[0]).astype(int)
    differences = np.random.default_rng(0).normal(size=(n, 2))
    differences /= np.sqrt((differences**2).mean(axis=0))
    rewards = np.array([[1.0, 1.0], [-2.0, 1.0]])
    return simple(
        sigma((differences * rewards[kind]).sum(axis=1)), differences, annotator=who,
        annotator_type=kind, types=["long", "short"], features=["length", "score"],
    )  # fmt: skip


def test_shares_at_which_the_average_changes_its_sign() -> None:
    """0.75 * 1 - 0.25 * 2 = 0.25, and 0 at the shares 2/3 and 1/3, 1/12 away."""
    audit = audit_features(typed(), bootstrap=0)
    np.testing.assert_allclose(audit.coefficients, [[1, 1], [-2, 1]], atol=1e-7)
    np.testing.assert_allclose(audit.shares, [0.75, 0.25])
    length, score = audit.findings
    assert length.average == pytest.approx(0.25)
    assert length.share_flip == pytest.approx(1 / 12)
    assert length.flip_shares == pytest.approx((2 / 3, 1 / 3))
    assert not length.agree
    assert score.agree
    assert np.isinf(score.share_flip)
    assert score.flip_shares is None
    assert length.average_interval is None
    other = audit_features(typed((1, 3)), bootstrap=0).findings[0]  # 0.25 - 1.5 = -1.25
    assert other.average == pytest.approx(-1.25)
    assert other.share_flip == pytest.approx(2 / 3 - 1 / 4)


def test_the_flip_over_the_mix_is_that_of_a_linear_program() -> None:
    rows = typed()
    audit = audit_features(rows, bootstrap=0)
    assert rows.differences is not None
    x, n = rows.differences, len(rows)
    chance = 0.75 * sigma(x @ [1, 1]) + 0.25 * sigma(x @ [-2, 1])
    for f, one in enumerate(audit.findings):
        gains = (chance - 0.5) * x[:, f]
        gains *= -np.sign(gains.sum())
        # the mix v = 1/n + up - down: least sum of up such that the gains' mean is at least 0
        program = linprog(
            np.append(np.ones(n), np.zeros(n)),
            A_ub=[np.append(-gains, gains)],
            b_ub=[gains.mean()],
            A_eq=[np.append(np.ones(n), -np.ones(n))],
            b_eq=[0.0],
            bounds=[(0, None)] * n + [(0, 1 / n)] * n,
        )
        assert one.mix_flip == pytest.approx(program.fun, abs=1e-9)


def test_draws_are_of_people() -> None:
    rows, _ = texts(CAMPS, 80, 10)
    audit = audit_features(rows, 2, bootstrap=60)
    errors = audit.fit.standard_errors(clustered=True)
    one = audit_features(rows, "none", bootstrap=60)
    spread = one.drawn_coefficients[:, 0].std(axis=0)
    np.testing.assert_allclose(spread, errors, rtol=0.4)
    assert audit.drawn_shares.shape == (60, 2)
    interval = audit.findings[0].average_interval
    assert interval is not None
    assert audit.findings[0].average in interval


# --- reading -----------------------------------------------------------------------------


TABLE = pd.DataFrame(
    {
        "a": ["yes, sure", "no", "well"],
        "b": ["no", "yes", "never"],
        "choice": ["a", "b", "a"],
        "score_a": [1.0, 2.0, None],
        "score_b": [0.5, 4.0, 1.0],
        "left x": [1, 2, 3],
        "right x": [3, 2, 1],
    }
)


def read(features: Any) -> Comparisons:
    """Read the table with features."""
    return Comparisons.from_frame(TABLE, first="a", second="b", choice="choice", features=features)


def test_features_are_columns_lengths_or_a_table_of_options() -> None:
    rows = read(["length", "score"])
    assert rows.features == ("length", "score")
    assert rows.differences is not None
    assert rows.differences.tolist() == [[9 - 2, 0.5], [2 - 3, -2.0]]
    assert [str(part) for part in rows.dropped] == ["1 without a feature"]
    rows = read({"x": ("left x", "right x")})
    assert rows.differences is not None
    assert rows.differences.tolist() == [[-2], [0], [2]]
    embedding = pd.DataFrame({"text": ["no", "yes, sure", "yes"], "e1": [0, 1, 5], "e2": [3, 2, 1]})
    rows = read(embedding)
    assert rows.features == ("e1", "e2")
    assert rows.differences is not None
    assert rows.differences.tolist() == [[1, -1], [-5, 2]]
    length = read("length").differences
    assert length is not None
    assert length.tolist() == [[7], [-1], [-1]]


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (["tone"], "has none for 'tone'"),
        ([], "at least one feature"),
        ({}, "at least one feature"),
        ({"x": "left x"}, "columns of the first and of the second"),
        ({"x": ("left x", "none")}, "one of the columns"),
        ({"x": ("a", "b")}, "must be a finite number"),
        (["length", "length"], "more than once"),
        (pd.DataFrame({"text": ["no", "no"], "e": [0, 1]}), "'no' twice"),
        (pd.DataFrame({"text": ["no"]}), "'text' alone"),
        (7, "a data frame"),
    ],
)
def test_features_that_are_not_there(features: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(features)


def test_features_stay_with_their_rows(tmp_path: Path) -> None:
    rows = read(["length", "score"])
    rows.save(tmp_path / "rows.parquet")
    again = Comparisons.load(tmp_path / "rows.parquet")
    assert again.features == rows.features
    np.testing.assert_array_equal(again.differences, rows.differences)
    taken = rows.take([1]).differences
    assert taken is not None
    assert taken.tolist() == [[-1, -2]]


def test_texts_are_noticed() -> None:
    rows, _ = texts(CAMPS, 20)
    found = recurrence(rows)
    assert (found.is_textlike, found.n_options, found.median) == (True, 600, 1.0)
    assert "describe the options by features" in found.describe()
    pair = make([0], [0], [1], [1], 1, 2)
    assert not recurrence(pair).is_textlike  # two options are always comparable
    often = make([0] * 6, [0, 1, 2] * 2, [1, 2, 0] * 2, [1, 0] * 3, 1, 3)
    assert recurrence(often).describe() == (
        "Options recur: half of the 3 occur in at least 4 of 6 comparisons."
    )


# --- people ------------------------------------------------------------------------------


def test_one_rule_for_the_weight_of_people() -> None:
    """The mean weight of their comparisons: 1 and 4 of type A, 2 of type B."""
    rows = make(
        [0] * 6, [0] * 6, [1] * 6, [1, 0, 1, 0, 1, 0], 1, 2, annotator=[0, 0, 1, 1, 2, 2],
        annotator_type=[0, 0, 0, 0, 1, 1], types=["A", "B"], weight=[0.5, 1.5, 4, 4, 3, 1],
    )  # fmt: skip
    counts = people_by_type(rows)
    np.testing.assert_allclose(counts / counts.sum(), [5 / 7, 2 / 7])
    np.testing.assert_allclose(population_of(rows).shares, [5 / 7, 2 / 7])

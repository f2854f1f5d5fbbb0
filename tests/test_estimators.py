"""Estimators of average rewards from labels of known types."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialpref import (
    DPO,
    AgreementOnly,
    LatentClasses,
    Logistic,
    Population,
    Probit,
    RewardAveraging,
    total_variation,
)
from socialpref.comparisons import Comparisons, simulate
from socialpref.errors import ConvergenceError, InputError
from socialpref.estimators import (
    Panels,
    PseudoLabels,
    asymptotic_variance,
    draw_panels,
    estimate,
    pseudo_labels,
)
from socialpref.examples import mediocre_winner, ring, two_camps
from socialpref.limits import IPO, Method, Orthogonal, VoteCountLikelihood
from socialpref.theory import Panel, Typed, information
from socialpref.training import learn

from .helpers import Floats, refuses

NAN = float("nan")
ESTIMATORS: tuple[Method, ...] = (
    RewardAveraging(),
    Orthogonal(),
    VoteCountLikelihood(),
    AgreementOnly(),
    DPO(),
)
every = pytest.mark.parametrize("method", ESTIMATORS, ids=lambda m: m.name)


def rows_of(*columns: Any, **more: Any) -> Comparisons:
    """Return comparisons from lists."""
    return Comparisons(*columns, **more)


def panels_of(labels: Any, pairs: Any, n_options: int | None = None, **more: Any) -> Panels:
    """Return panels from lists."""
    return Panels(labels, pairs, n_options, **more)


def sigma(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


# --- pseudo-labels ------------------------------------------------------------------------


def test_pseudo_labels_by_hand() -> None:
    """s(0) = 1/2, s' = 1/4; s(log 3) = 3/4, s' = 3/16."""
    heads = [[0.0, np.log(3.0)]]
    found = pseudo_labels([[1.0, 0.0]], heads)
    assert found.values[0] == pytest.approx((0 + 2 + np.log(3) - 4) / 2)
    assert found.weights[0] == pytest.approx(4 / (4 + 16 / 3))
    found = pseudo_labels([[NAN, 1.0]], heads, shares=[0.25, 0.75], answer_probability=[0.4, 0.8])
    assert found.values[0] == pytest.approx(0.75 * (np.log(3) + (1 / 4) / (3 / 16) / 0.8))
    assert found.weights[0] == pytest.approx(1 / (4 / 16 / 0.4 + 9 / 16 * 16 / 3 / 0.8))


def outcomes(design: str, p: Floats, e: Floats) -> tuple[Floats, Floats]:
    """Return all rows of labels that a design can give, and their probabilities."""
    rows, chances = [], []
    for row in product((0.0, 1.0, NAN), repeat=len(p)):
        x = np.array(row)
        seen = ~np.isnan(x)
        said = np.where(x == 1, p, 1 - p)[seen].prod()
        asked = np.where(seen, e, 1 - e).prod() if design == "partial" else e[seen].sum()
        if design == "partial" or seen.sum() == 1:
            rows.append(x)
            chances.append(said * asked)
    return np.array(rows), np.array(chances)


@pytest.mark.parametrize("design", ["partial", "single"])
@given(
    gaps=st.lists(st.floats(-4, 4), min_size=3, max_size=3),
    wrong=st.lists(st.floats(-1, 1), min_size=3, max_size=3),
)
def test_moments_of_pseudo_labels(design: str, gaps: list[float], wrong: list[float]) -> None:
    """Over all outcomes: with right heads the mean and the variance are those that are promised,
    and the bias of wrong heads falls with the square of their error."""
    shares, e = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.7, 0.1])
    D = np.array(gaps)
    x, chances = outcomes(design, sigma(D), e)
    assert chances.sum() == pytest.approx(1)

    def of(heads: Floats) -> PseudoLabels:
        return pseudo_labels(
            x, np.broadcast_to(heads, x.shape), shares=shares, answer_probability=e
        )

    values, weights = of(D)
    assert chances @ values == pytest.approx(shares @ D)
    assert chances @ (values - shares @ D) ** 2 == pytest.approx(1 / weights[0])
    biases = [chances @ of(D + step * np.array(wrong)).values - shares @ D for step in (1e-2, 1e-3)]
    assert abs(biases[1]) <= abs(biases[0]) / 50 + 1e-10


def test_probabilities_of_answers_are_those_seen() -> None:
    x = np.array([[1, NAN], [0, NAN], [NAN, 1], [1, NAN]])
    heads = np.array([[0.3, -1.0]] * 4)
    for given_, seen in ((None, [0.75, 0.25]), (np.full((4, 2), 0.5), [0.5, 0.5])):
        one = pseudo_labels(x, heads, answer_probability=given_)
        other = pseudo_labels(x, heads, answer_probability=seen)
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_types_without_a_share_do_not_matter() -> None:
    one = pseudo_labels([[1, NAN], [0, NAN]], [[0.5, 2.0]] * 2, shares=[1.0, 0.0])
    other = pseudo_labels([[1], [0]], [[0.5]] * 2)
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_heads_that_are_sure_leave_floats() -> None:
    found = pseudo_labels([[1.0, 0.0]], [[300.0, -300.0]])
    assert found.values[0] == pytest.approx(0.0)
    assert found.weights[0] > 0


@pytest.mark.parametrize(
    ("arguments", "options", "name"),
    [
        (([1, 0], [[0, 0]]), {}, "labels"),
        (([[1, 2]], [[0, 0]]), {}, "labels"),
        ((np.zeros((0, 2)), np.zeros((0, 2))), {}, "labels"),
        (([[1, NAN]], [[0, 0]]), {}, "labels"),
        (([[1, 0]], [[0]]), {}, "heads"),
        (([[1, 0]], [[0, NAN]]), {}, "heads"),
        (([[1, 0]], [[0, 301]]), {}, "heads"),
        (([[1, 0]], [[0, 0]]), {"shares": [0.5, 0.6]}, "shares"),
        (([[1, 0]], [[0, 0]]), {"answer_probability": 1.0}, "answer_probability"),
        (([[1, 0]], [[0, 0]]), {"answer_probability": [1.0, 0.0]}, "answer_probability"),
        (([[1, 0]], [[0, 0]]), {"answer_probability": [1.0, NAN]}, "answer_probability"),
        (
            ([[1, 0]], [[0, 0]]),
            {"shares": [1.0, 0.0], "answer_probability": [1.0, 0.0]},
            "answer_probability",
        ),
    ],
)
def test_bad_pseudo_labels(arguments: tuple[Any, ...], options: dict[str, Any], name: str) -> None:
    with refuses(name):
        pseudo_labels(*arguments, **options)


# --- panels -------------------------------------------------------------------------------


def test_panels_of_comparisons() -> None:
    """Rows in any order; the second panel lacks type 0, the third compares an option with itself"""
    rows = rows_of(
        [0] * 6, [0, 2, 0, 1, 1, 2], [1, 1, 1, 1, 1, 1], [1, 0, 0, 1, 0, 1], 1, 3,
        annotator=[7, 9, 8, 5, 6, 3], annotator_type=[1, 1, 0, 0, 1, -1],
        panel=[4, 5, 4, 6, 6, 5], options=["a", "b", "c"],
    )  # fmt: skip
    panels = Panels.of(rows)
    np.testing.assert_array_equal(panels.labels, [[0, 1], [NAN, 0]])
    np.testing.assert_array_equal(panels.pairs, [[0, 1], [2, 1]])
    assert panels.annotators is not None
    np.testing.assert_array_equal(panels.annotators[panels.answered], [8, 7, 9])
    np.testing.assert_array_equal(panels.shares, [0.5, 0.5])
    assert (panels.names, panels.n_labels) == (("a", "b", "c"), 3)
    np.testing.assert_array_equal(panels.complete, [True, False])
    np.testing.assert_array_equal(Panels.of(rows, shares=[0.2, 0.8]).shares, [0.2, 0.8])


def test_shares_of_typed_labels_are_of_annotators() -> None:
    """Of four annotators three are of type 0, who give half of the labels."""
    rows = rows_of(
        [0] * 6, [0] * 6, [1] * 6, [1] * 6, 1, 2, annotator=[0, 1, 2, 3, 3, 3],
        annotator_type=[0, 0, 0, 1, 1, 1],
    )  # fmt: skip
    panels = Panels.of(rows)
    np.testing.assert_array_equal(panels.shares, [0.75, 0.25])
    np.testing.assert_array_equal(panels.people, [3, 1])


def test_drawn_panels_are_those_of_the_population() -> None:
    crowd = mediocre_winner()
    panels = draw_panels(crowd, 300_000, sampling=[0.5, 0.25, 0.25], seed=3)
    again = draw_panels(crowd, 300_000, sampling=[0.5, 0.25, 0.25], seed=3)
    np.testing.assert_array_equal(panels.counts, again.counts)
    assert panels.counts.sum() == 300_000
    for (y, z), weight in {(0, 1): 0.4, (0, 2): 0.4, (1, 2): 0.2}.items():
        rows = (panels.pairs == [y, z]).all(axis=1)
        counts = panels.counts[rows]
        assert counts.sum() / 300_000 == pytest.approx(weight, abs=0.004)
        wins = counts @ panels.labels[rows] / counts.sum()
        np.testing.assert_allclose(
            wins, sigma(crowd.rewards[:, y] - crowd.rewards[:, z]), atol=0.01
        )


PAIRS = [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"labels": [[1, 2], [0, 0]]}, "labels"),
        ({"pairs": [[0, 1]]}, "pairs"),
        ({"pairs": [[0.0, 1.0], [0.0, 1.0]]}, "pairs"),
        ({"pairs": [[0, 0], [0, 1]]}, "second"),
        ({"n_options": 1}, "n_options"),
        ({"weights": [-1, 1]}, "weights"),
        ({"annotators": [1, 2]}, "annotators"),
        ({"shares": [0.5]}, "shares"),
        ({"people": [0, 0]}, "people"),
        ({"people": [1, 2], "shares": [0.5, 0.5]}, "people"),
        ({"options": ["a", "a"]}, "options"),
    ],
)
def test_bad_panels(options: dict[str, Any], name: str) -> None:
    with refuses(name):
        panels_of(**{"labels": [[1, 0], [0, 1]], "pairs": PAIRS, **options})


def test_bad_comparisons() -> None:
    two: dict[str, Any] = {
        "prompt": [0, 0],
        "first": [0, 0],
        "second": [1, 1],
        "label": [1, 0],
        "n_options": 2,
    }
    kinds: dict[str, Any] = {"annotator_type": [0, 1], "panel": [3, 3]}
    for columns, name in (
        ({"n_prompts": 2, "annotator_type": [0, 1]}, "comparisons"),
        ({"n_prompts": 1}, "annotator_type"),
        ({"n_prompts": 1, **kinds, "annotator_type": [1, 1]}, "panel"),
        ({"n_prompts": 1, **kinds, "second": [1, 0]}, "panel"),
        ({"n_prompts": 1, **kinds, "second": [0, 0]}, "comparisons"),
    ):
        with refuses(name):
            Panels.of(rows_of(**{**two, **columns}))


# --- estimates by hand --------------------------------------------------------------------

COUNTS = {(0, 0): 50, (0, 1): 30, (1, 0): 80, (1, 1): 40}
BY_HAND = panels_of(list(COUNTS), [[0, 1]] * 4, weights=list(COUNTS.values()))


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def gap_of(method: Method, panels: Panels = BY_HAND, **options: Any) -> tuple[float, float]:
    found = estimate(method, panels, **options)
    return float(found.gaps[0, 1]), float(found.gap_errors[0, 1])


def test_two_options_by_hand() -> None:
    """200 panels: type 1 says yes in 120, type 2 in 70; all say yes in 40, and no in 50.

    Half the log-odds of unanimous panels is also the likelihood of votes, as the roots of
    x^2 - 0.95 x + 0.2 are real: it fits the counts of votes exactly.
    """
    gap, error = gap_of(RewardAveraging())
    assert gap == pytest.approx((logit(0.6) + logit(0.35)) / 2)
    assert error == pytest.approx(np.sqrt(1 / (200 * 0.24) + 1 / (200 * 0.2275)) / 2)
    gap, error = gap_of(AgreementOnly())
    assert gap == pytest.approx(np.log(40 / 50) / 2)
    assert error == pytest.approx(np.sqrt(1 / 40 + 1 / 50) / 2)
    gap, error = gap_of(DPO())
    assert gap == pytest.approx(logit(190 / 400))
    p = 190 / 400
    meat = 50 * (2 * p) ** 2 + 110 * (1 - 2 * p) ** 2 + 40 * (2 - 2 * p) ** 2
    assert error == pytest.approx(np.sqrt(meat * 200 / 199) / (400 * p * (1 - p)))


def test_votes_by_hand() -> None:
    """90 no, 60 one yes, 50 two: p1 + p2 = 0.8, p1 p2 = 0.25 has no real roots; 100, 84, 16 has."""
    panels = panels_of([[0, 0], [0, 1], [1, 1]], [[0, 1]] * 3, weights=[100, 84, 16])
    found = estimate(VoteCountLikelihood(), panels)
    roots = np.sort(np.roots([1, -(84 + 32) / 200, 16 / 200]))
    assert found.type_rewards is not None
    wins = np.sort(sigma(found.type_rewards[:, 0] - found.type_rewards[:, 1]))
    np.testing.assert_allclose(wins, roots, atol=1e-4)
    assert found.gaps[0, 1] == pytest.approx(np.log(16 / 100) / 2, abs=1e-5)
    assert found.gap_errors[0, 1] == pytest.approx(np.sqrt(1 / 16 + 1 / 100) / 2, rel=1e-3)
    assert (found.n_starts, found.n_agreeing) == (10, 10)
    assert found.spread < 1e-4


def test_who_voted_how_does_not_matter_to_votes() -> None:
    panels = draw_panels(mediocre_winner(), 5_000, seed=2)
    rng = np.random.default_rng(0)
    turned = panels_of(
        rng.permuted(panels.labels, axis=1), panels.pairs[:, ::-1], 3, weights=panels.counts
    )
    found, other = (estimate(VoteCountLikelihood(), p, prior=0.1) for p in (panels, turned))
    np.testing.assert_allclose(other.gaps, -found.gaps, atol=1e-4)


def test_orthogonal_and_type_models_nearly_agree() -> None:
    """The one differs from the other by less than either from the truth, as theory says."""
    panels = draw_panels(mediocre_winner(), 1_000_000, seed=5)
    models, one = (estimate(method, panels) for method in (RewardAveraging(), Orthogonal()))
    assert np.abs(models.gaps - one.gaps).max() < 1.5 * models.gap_errors.max()
    errors = np.sqrt(asymptotic_variance(Orthogonal(), mediocre_winner()) / 3e6)
    np.testing.assert_allclose(one.gap_errors, errors, rtol=0.05)


@pytest.mark.parametrize("method", [RewardAveraging(), Orthogonal()], ids=lambda m: m.name)
def test_typed_labels_of_unequal_shares(method: Method) -> None:
    """Errors are those of the theory, the estimated shares included."""
    crowd = Population([[1.5, 0.0, 0.3], [0.0, 1.0, 0.5]], [0.7, 0.3])
    panels = Panels.of(simulate(crowd, 60_000, "typed", seed=4))
    found = estimate(method, panels)
    means = crowd.mean_rewards()
    error = np.abs(found.gaps - np.subtract.outer(means, means))
    assert (error <= 4 * found.gap_errors).all()
    bound = information(crowd, Typed()).gap_variances
    y, z = np.triu_indices(3, 1)
    ratio = found.gap_errors[y, z] ** 2 * panels.n_labels / bound[y, z]
    assert (ratio > 0.93).all()
    assert (ratio < (1.07 if method == RewardAveraging() else 1.4)).all()


@pytest.mark.parametrize("method", [RewardAveraging(), Orthogonal()], ids=lambda m: m.name)
def test_partial_panels(method: Method) -> None:
    crowd, rng = mediocre_winner(), np.random.default_rng(8)
    panels = Panels.of(simulate(crowd, 90_000, "panel", seed=1))
    seen = rng.random(panels.labels.shape) < [0.9, 0.5, 0.3]
    seen |= ~seen.any(axis=1, keepdims=True) & (np.arange(3) == 0)
    partial = panels_of(np.where(seen, panels.labels, NAN), panels.pairs, 3)
    found = estimate(method, partial)
    means = crowd.mean_rewards()
    assert (np.abs(found.gaps - np.subtract.outer(means, means)) <= 4 * found.gap_errors).all()
    V = asymptotic_variance(method, crowd, answer_probability=seen.mean(axis=0))
    y, z = np.triu_indices(3, 1)
    np.testing.assert_allclose(
        found.gap_errors[y, z], np.sqrt(V / partial.n_labels)[y, z], rtol=0.12
    )


@pytest.mark.parametrize("method", [RewardAveraging(), Orthogonal()], ids=lambda m: m.name)
def test_errors_by_annotator(method: Method) -> None:
    """Who says everything twice has said it once."""
    panels = Panels.of(simulate(mediocre_winner(), 12_000, "panel", seed=3))
    who = np.arange(panels.labels.size).reshape(panels.labels.shape)
    twice = [np.concatenate([part, part]) for part in (panels.labels, panels.pairs, who)]
    alone, naive, clustered = (
        estimate(method, one).gap_errors[0, 1]
        for one in (
            panels_of(panels.labels, panels.pairs, 3, annotators=who),
            panels_of(twice[0], twice[1], 3),
            panels_of(twice[0], twice[1], 3, annotators=twice[2]),
        )
    )
    assert naive == pytest.approx(alone / np.sqrt(2), rel=0.05)
    assert clustered == pytest.approx(alone, rel=0.05)


@every
def test_what_is_estimated_and_how_it_is_shown(method: Method) -> None:
    panels = draw_panels(mediocre_winner(), 2_000, seed=1)
    found = estimate(method, panels, prior=0.1, seed=3)
    np.testing.assert_array_equal(
        found.rewards, estimate(method, panels, prior=0.1, seed=3).rewards
    )
    assert found.rewards.sum() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found.covariance.sum(axis=1), 0, atol=1e-9)
    assert (found.method, found.options, found.n_labels) == (method.name, ("A", "M", "B"), 6000)
    frame = found.to_frame(level=0.5)
    half = 0.6744898 * frame["se"]
    np.testing.assert_allclose(frame["high"] - frame["gap"], half, rtol=1e-6)
    np.testing.assert_allclose(frame["gap"] - frame["low"], half, rtol=1e-6)
    assert frame[["option", "other"]].to_numpy().tolist() == [["A", "M"], ["A", "B"], ["M", "B"]]
    with refuses("level"):
        found.gap_intervals(1.0)


@every
def test_small_samples_need_a_prior(method: Method) -> None:
    panels = panels_of([[1, 1], [1, 1], [1, 1]], [[0, 1], [1, 2], [0, 2]])
    with pytest.raises((InputError, ConvergenceError), match="prior"):
        estimate(method, panels)
    assert np.isfinite(estimate(method, panels, prior=1.0).covariance).all()


@pytest.mark.parametrize("method", [RewardAveraging(), Orthogonal()])
def test_labels_of_unknown_annotators_count_alone(method: Method) -> None:
    rng = np.random.default_rng(0)
    labels, pairs = rng.integers(0, 2, (60, 2)).astype(float), np.array([[0, 1], [1, 2]] * 30)
    who = np.arange(120).reshape(60, 2)
    who[:10] = 0  # one annotator, of whom all labels are known
    unknown = np.where(who < 20, who, -1)
    alone, merged = (
        estimate(method, Panels(labels, pairs, annotators=one)).covariance for one in (who, unknown)
    )
    assert merged == pytest.approx(alone, abs=1e-14)


def test_what_cannot_be_estimated_is_refused() -> None:
    whole = draw_panels(two_camps(), 1_000)
    unequal = panels_of(whole.labels, whole.pairs, weights=whole.counts, shares=[0.3, 0.7])
    soft = panels_of([[0.5, 1.0], [0.0, 1.0]], PAIRS)
    single = panels_of([[1, NAN], [NAN, 0]], PAIRS)
    silent = panels_of([[1, NAN], [0, NAN]], PAIRS)
    refused: list[tuple[Any, Any, str]] = [
        (IPO(), whole, "method"),
        (LatentClasses(2), whole, "method"),
        ("dpo", whole, "method"),
        (DPO(), "panels", "panels"),
        (AgreementOnly(), unequal, "shares"),
        (VoteCountLikelihood(), unequal, "shares"),
        (AgreementOnly(replicas=(2, 1)), whole, "method"),
        (AgreementOnly(lapse=0.1), whole, "method"),
        (VoteCountLikelihood(), soft, "labels"),
        (VoteCountLikelihood(), single, "labels"),
        (AgreementOnly(), single, "labels"),
        (RewardAveraging(), silent, "labels"),
        (Orthogonal(), silent, "labels"),
    ]
    for method, panels, name in refused:
        with refuses(name):
            estimate(method, panels, prior=0.1)
    with refuses("prior"):
        estimate(DPO(), whole, prior=-1.0)
    with refuses("shares"):
        estimate(RewardAveraging(shares=[1.0]), whole)


def test_given_shares_replace_those_of_panels() -> None:
    panels = draw_panels(two_camps(), 4_000, seed=1)
    one = estimate(RewardAveraging(shares=[1.0, 0.0]), panels)
    other = estimate(Orthogonal(shares=[1.0, 0.0]), panels)
    first = estimate(RewardAveraging(), panels_of(panels.labels[:, :1], panels.pairs, 3,
                                               weights=panels.counts))  # fmt: skip
    np.testing.assert_allclose(one.gaps, first.gaps, atol=1e-9)
    assert np.abs(other.gaps - first.gaps).max() < 3 * first.gap_errors.max()


# --- asymptotic variances -----------------------------------------------------------------


def worth(method: Method, population: Population, **options: Any) -> float:
    V = asymptotic_variance(method, population, **options)
    return float(V[np.triu_indices(len(V), 1)].mean())


@pytest.mark.parametrize(
    ("method", "V"),
    [
        (RewardAveraging(), 30.0765),
        (Orthogonal(), 32.7976),
        (Orthogonal(weighted=False), 41.1301),
        (VoteCountLikelihood(), 42.9303),
        (AgreementOnly(), 56.6623),
    ],
    ids=repr,
)
def test_the_worth_of_a_label_of_the_mediocre_winner(method: Method, V: float) -> None:
    assert worth(method, mediocre_winner()) == pytest.approx(V, abs=6e-5)


@st.composite
def crowds(draw: st.DrawFn, equal: bool = False) -> Population:
    shape = draw(st.integers(1, 3)), draw(st.integers(2, 4))
    numbers = st.floats(-2, 2)
    rows = [draw(st.lists(numbers, min_size=shape[1], max_size=shape[1])) for _ in range(shape[0])]
    weights = np.array(
        [1.0] * shape[0] if equal else [draw(st.floats(0.2, 1)) for _ in range(shape[0])]
    )
    return Population(rows, weights / weights.sum())


@settings(max_examples=25)
@given(crowd=crowds())
def test_type_models_reach_the_bound_and_nothing_is_below(crowd: Population) -> None:
    """By another route: the information of the structure."""
    bound = information(crowd, Panel()).gap_variances
    np.testing.assert_allclose(asymptotic_variance(RewardAveraging(), crowd), bound, rtol=1e-6)
    typed = {"answer_probability": crowd.shares}
    single = information(crowd, Typed(shares="known")).gap_variances
    np.testing.assert_allclose(
        asymptotic_variance(RewardAveraging(), crowd, **typed), single, rtol=1e-6
    )
    for found, least in (
        (asymptotic_variance(Orthogonal(), crowd), bound),
        (asymptotic_variance(Orthogonal(), crowd, **typed), single),
        (asymptotic_variance(Orthogonal(weighted=False), crowd), bound),
    ):
        assert (found >= least * (1 - 1e-9) - 1e-12).all()


@settings(max_examples=10)
@given(crowd=crowds(equal=True))
def test_agreement_is_never_better_and_one_type_leaves_no_difference(crowd: Population) -> None:
    bound = asymptotic_variance(RewardAveraging(), crowd)
    agreed = asymptotic_variance(AgreementOnly(), crowd)
    assert (agreed >= bound * (1 - 1e-9) - 1e-12).all()
    alone = Population(crowd.rewards[:1])
    bound = asymptotic_variance(RewardAveraging(), alone)
    for method in (Orthogonal(), AgreementOnly(), VoteCountLikelihood(), DPO()):
        np.testing.assert_allclose(asymptotic_variance(method, alone), bound, rtol=1e-6)


def test_replicas_temperature_and_sampling() -> None:
    """Two options; types D = (1, -2), three labels of the first and one of the second."""
    crowd = Population([[1.0, 0.0], [0.0, 2.0]], [0.75, 0.25])
    p, q = sigma(np.array([1.0, -2.0]))
    both, none = p**3 * q, (1 - p) ** 3 * (1 - q)
    assert worth(AgreementOnly(replicas=(3, 1)), crowd) == pytest.approx(
        4 * (1 / both + 1 / none) / 16
    )
    warm = Population(3 * mediocre_winner().rewards, link=Logistic(3.0))
    assert worth(Orthogonal(), warm) == pytest.approx(9 * worth(Orthogonal(), mediocre_winner()))
    d = np.array([0.5, 0.2, 0.3])
    for method in (RewardAveraging(), Orthogonal(), AgreementOnly(), DPO()):
        one = worth(method, mediocre_winner(), sampling=d)
        assert one == pytest.approx(worth(method, mediocre_winner(), sampling=np.outer(d, d)))


def test_latent_classes_of_two_links() -> None:
    assert worth(LatentClasses(3), mediocre_winner()) == np.inf
    assert worth(LatentClasses(3), ring(8)[0]) == pytest.approx(165.8812, abs=1e-4)


@pytest.mark.parametrize(
    ("method", "population", "options", "name"),
    [
        (IPO(), two_camps(), {}, "method"),
        (AgreementOnly(lapse=0.1), two_camps(), {}, "method"),
        (DPO, two_camps(), {}, "method"),
        (DPO(), Population([[0, 1]], link=Probit()), {}, "population"),
        (DPO(), "camps", {}, "population"),
        (DPO(), two_camps(), {"answer_probability": [0.5, 0.5]}, "method"),
        (Orthogonal(), two_camps(), {"answer_probability": [0.5, 0.0]}, "answer_probability"),
        (Orthogonal(), two_camps(), {"answer_probability": [0.5]}, "answer_probability"),
        (LatentClasses(3), two_camps(), {}, "n_classes"),
        (LatentClasses(1), Population([[0, 1]]), {}, "population"),
        (VoteCountLikelihood(), two_camps(), {"sampling": np.ones((3, 3))}, "sampling"),
        (AgreementOnly(), Population([[0, 1], [1, 0]], [0.4, 0.6]), {}, "replicas"),
        (VoteCountLikelihood(), Population([[0, 1], [1, 0]], [0.4, 0.6]), {}, "population"),
    ],
)
def test_bad_asymptotics(method: Any, population: Any, options: dict[str, Any], name: str) -> None:
    with refuses(name):
        asymptotic_variance(method, population, **options)


# --- methods ------------------------------------------------------------------------------


def test_heads_of_another_link() -> None:
    """Trained on the expectation, heads and pseudo-labels end where the limit says."""
    crowd = Population([[2.0, 0.0, 0.5], [0.0, 1.0, 1.5]], [0.6, 0.4], link=Probit())
    limit = Orthogonal().limit(crowd)
    found = learn(Orthogonal(), crowd, tolerance=1e-10)
    assert total_variation(found.policy[0], limit.policy) < 1e-8
    assert np.abs(limit.rewards - RewardAveraging().limit(crowd).rewards).max() > 1e-3


def test_orthogonal_training_on_panels_and_its_shares() -> None:
    rows = simulate(two_camps(), 20_000, "panel", seed=6)
    trained = learn(Orthogonal(), rows).rewards[0]
    found = estimate(Orthogonal(), Panels.of(rows))
    assert np.abs(np.subtract.outer(trained, trained) - found.gaps).max() < found.gap_errors.max()
    first = learn(Orthogonal(shares=[1.0, 0.0]), rows).rewards[0]
    assert first.argmax() == 0
    none = np.zeros(2, dtype=int)
    lonely = rows_of(none, none, none + 1, [1, 0], 1, 2, annotator_type=[0, 2])
    with refuses("annotator_type"):
        learn(Orthogonal(), lonely)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Orthogonal, {"shares": [0.5, 0.6]}),
        (Orthogonal, {"n_folds": 1}),
        (Orthogonal, {"weighted": 1}),
        (VoteCountLikelihood, {"n_starts": 0}),
    ],
)
def test_bad_options(kind: type[Method], options: dict[str, Any]) -> None:
    with refuses(*options):
        kind(**options)


def test_votes_have_a_limit_for_the_logistic_link_and_equal_shares_only() -> None:
    for crowd in (
        Population([[1.0, 0.0], [0.0, 2.0]], link=Probit()),
        Population([[1.0, 0.0], [0.0, 2.0]], [0.3, 0.7]),
    ):
        with refuses("population"):
            VoteCountLikelihood().limit(crowd)


# --- coverage -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "n_sets"),
    [
        *((RewardAveraging(), 400), (Orthogonal(), 400), (AgreementOnly(), 400)),
        (VoteCountLikelihood(), 100),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_intervals_cover_and_errors_are_as_promised(method: Method, n_sets: int) -> None:
    """10,000 panels of the mediocre winner; the errors of three gaps hang together."""
    crowd, n = mediocre_winner(), 10_000
    means = crowd.mean_rewards()
    truth, (y, z) = np.subtract.outer(means, means), np.triu_indices(3, 1)
    errors, held = [], []
    for seed in range(n_sets):
        found = estimate(method, draw_panels(crowd, n, seed=seed), prior=0.01)
        low, high = found.gap_intervals()
        errors.append((found.gaps - truth)[y, z])
        held.append(((low <= truth) & (truth <= high))[y, z])
    promised = np.sqrt(worth(method, crowd) / (3 * n))
    noise = 1 / np.sqrt(n_sets)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(promised, rel=2.5 * noise)
    assert np.mean(held) == pytest.approx(0.95, abs=4 * 0.218 * noise)

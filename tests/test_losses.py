"""Losses: worked numbers, formulas written a second time, derivatives, and far-out margins."""

from math import exp, inf, log
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from torch import Tensor

from socialpref import Population, limits
from socialpref.limits import VarianceForm, corrected
from socialpref.training.losses import (
    FORMS,
    Family,
    JointMoments,
    agreement,
    bradley_terry,
    corrected_dpo,
    margins,
    unanimous,
)

from .helpers import Floats, printed, refuses

FAMILIES: tuple[Family, ...] = ("logit", "potential")
FAR = [-1e4, -800.0, -100.0, -31.0, -1.0, 0.0, 1.0, 31.0, 100.0, 800.0, 1e4]


def moments(p: Floats, shares: Floats | None = None) -> JointMoments:
    """Return the joint likelihood of pairs that types (rows) prefer with probabilities p."""
    w = np.full(len(p), 1 / len(p)) if shares is None else shares
    both, split, none = w @ p**2, w @ (p * (1 - p)), w @ (1 - p) ** 2
    return JointMoments(*(torch.as_tensor(values) for values in (both, split, none)))


def sigmoid(h: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-h)))


def corrected_by_hand(
    h: Floats, label: Floats, joint: JointMoments, alpha: float, form: str, clamp: float
) -> Floats:
    """Return the loss of each comparison, in terms of sigma'' and of V as the theory has them."""
    a, b, c = (np.asarray(moment) for moment in joint)
    s = sigmoid(h)
    if form == "F1":
        V = np.maximum(a - (a + b) ** 2, 0) / (s * (1 - s)) ** 2
    elif form == "F3":
        V = np.maximum(a - (1 + a - c) ** 2 / 4, 0) / (s * (1 - s)) ** 2
    else:
        low = (a - s**2) / (s**2 * (1 - s) * (2 - 3 * s))
        t = 1 - s
        V = np.where(s > 0.5, (c - t**2) / (t**2 * (1 - t) * (2 - 3 * t)), low)
    q = s + alpha * np.clip(s * (1 - s) * (1 - 2 * s) * V / 2, -clamp, clamp)
    return np.asarray(-label * np.log(q) - (1 - label) * np.log(1 - q))


def test_bradley_terry_by_hand() -> None:
    h = torch.tensor([0.0, log(3.0)], dtype=torch.float64)
    label = torch.tensor([1.0, 0.25], dtype=torch.float64)
    # log 2, and -(1/4) log(3/4) - (3/4) log(1/4) = 1.1116
    mixed = -0.25 * log(0.75) - 0.75 * log(0.25)
    assert bradley_terry(h, label).item() == pytest.approx((log(2.0) + mixed) / 2, abs=1e-15)
    weighted = bradley_terry(h, label, torch.tensor([3.0, 1.0], dtype=torch.float64))
    assert weighted.item() == pytest.approx((3 * log(2.0) + mixed) / 4, abs=1e-15)


def test_the_corrected_loss_by_hand() -> None:
    """p = 0.9 and 0.2: a = 0.425, b = 0.125, V p = 0.1225; s = 0.75 at h = log 3."""
    joint = moments(np.array([[0.9], [0.2]]))
    h, one = torch.tensor([log(3.0)], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    bend = (0.75 * 0.25 * -0.5) * 0.1225 / (0.75 * 0.25) ** 2 / 2
    assert bend == printed(-0.16333, 5)
    assert corrected_dpo(h, one, joint).item() == pytest.approx(-log(0.75 - 0.1), abs=1e-14)
    free = corrected_dpo(h, one, joint, clamp=inf, alpha=2.0).item()
    assert free == pytest.approx(-log(0.75 + 2 * bend), abs=1e-14)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("clamp", [0.1, 0.02, inf])
def test_the_corrected_loss_and_the_formula(form: VarianceForm, clamp: float) -> None:
    rng = np.random.default_rng(1)
    p = sigmoid(rng.normal(size=(3, 200)))
    joint = moments(p, rng.dirichlet(np.ones(3)))
    h, label, weight = rng.normal(size=200), rng.random(200), rng.random(200)
    by_hand = corrected_by_hand(h, label, joint, 0.4, form, clamp)
    inside = np.isfinite(by_hand)
    assert inside.sum() > 150
    h, label, weight, by_hand = h[inside], label[inside], weight[inside], by_hand[inside]
    joint = JointMoments(*(moment[torch.as_tensor(inside)] for moment in joint))
    margin, share, w = (torch.as_tensor(values) for values in (h, label, weight))
    loss = corrected_dpo(margin, share, joint, w, alpha=0.4, form=form, clamp=clamp)
    assert loss.item() == pytest.approx((weight @ by_hand) / weight.sum(), rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.5])
def test_losses_are_those_that_the_limits_minimise(form: VarianceForm, alpha: float) -> None:
    """Value and gradient in the rewards, against the analytic layer."""
    rng = np.random.default_rng(2)
    population = Population(rng.normal(size=(3, 5)), [0.5, 0.3, 0.2])
    weights, wins = limits.pair_design(population, None), population.pairwise().copy()
    square = population.pairwise_twice()
    exact = corrected.CorrectedLoss(weights, wins, square, corrected.CORRECTIONS[form], 0.1)
    rewards = rng.normal(0, 0.5, 5)
    h = torch.tensor(rewards, requires_grad=True)
    joint = JointMoments(*(torch.as_tensor(m) for m in (square, wins - square, square.T)))
    args = h[:, None] - h[None, :], torch.as_tensor(wins), joint, torch.as_tensor(weights)
    loss = corrected_dpo(*args, alpha=alpha, form=form)
    # Both orientations of a pair are there, and each of them counts both of its outcomes.
    assert loss.item() == pytest.approx(2 * exact.value(alpha, rewards), rel=1e-12)
    loss.backward()
    gradient, _ = exact.derivatives(alpha, rewards)
    np.testing.assert_allclose(np.asarray(h.grad), 2 * gradient, atol=1e-13)


def everything(joint: JointMoments) -> list[tuple[str, Any]]:
    """Return every loss as a function of margins, label shares and settings."""
    losses: list[tuple[str, Any]] = [("DPO", bradley_terry)]
    losses += [
        (
            f"{form} {alpha} {clamp}",
            lambda h, y, form=form, alpha=alpha, clamp=clamp: corrected_dpo(
                h, y, joint, alpha=alpha, form=form, clamp=clamp
            ),
        )
        for form in FORMS
        for alpha in (0.0, 0.5, 1.0, 2.0, 5.0)
        for clamp in (0.1, 1.0, inf)
    ]
    losses += [
        (
            f"{family} {n}",
            lambda h, y, family=family, n=n: agreement(h, 0.6 * y, 0.6 * (1 - y), n, family=family),
        )
        for family in FAMILIES
        for n in range(1, 7)
    ]
    return losses


KINDS = {
    "types that disagree": (0.4, 0.1, 0.4),
    "no variance": (0.25, 0.25, 0.25),
    "certain": (1.0, 0.0, 0.0),
    "certain of the other": (0.0, 0.0, 1.0),
    "two camps": (0.5, 0.0, 0.5),
    "rounded below": (0.25 - 1e-17, 0.25, 0.25 - 1e-9),
    "rounded above": (0.25 + 1e-9, 0.25, 0.25),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_and_gradients_are_finite_at_any_margin(kind: str, dtype: torch.dtype) -> None:
    h = torch.tensor(FAR, dtype=dtype)
    joint = JointMoments(*(torch.full_like(h, moment) for moment in KINDS[kind]))
    for name, loss in everything(joint):
        for y in (0.0, 1.0, 0.3):
            margin = h.clone().requires_grad_()
            value = loss(margin, torch.full_like(h, y))
            value.backward()
            assert value.dtype == dtype
            assert value.isfinite(), (name, y)
            assert cast("Tensor", margin.grad).isfinite().all(), (name, y)


def test_derivatives_in_double_precision() -> None:
    """Away from kinks: where F2 is mirrored, and where a clamp begins."""
    rng = np.random.default_rng(3)
    h = np.concatenate([rng.uniform(0.2, 2.0, 3), rng.uniform(-2.0, -0.2, 3)])
    joint = moments(sigmoid(h + rng.normal(0, 0.3, size=(3, 6))))
    margin = torch.tensor(h, requires_grad=True)
    label = torch.tensor(rng.random(6))
    for name, loss in everything(joint):
        assert torch.autograd.gradcheck(lambda m, loss=loss: loss(m, label), (margin,)), name


@given(st.floats(-6, 6), st.floats(0, 1), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_which_option_is_named_first_does_not_matter(
    h: float, label: float, p: list[float]
) -> None:
    joint = moments(np.array(p)[:, None])
    turned = JointMoments(joint.losses, joint.splits, joint.wins)
    margin, share = torch.tensor([h], dtype=torch.float64), torch.tensor([label]).double()
    for (name, loss), (_, other) in zip(everything(joint), everything(turned), strict=True):
        if "inf" in name or " 5.0" in name:
            continue  # likelihoods at the edge magnify rounding without bound
        expected = loss(margin, share).item()
        assert other(-margin, 1 - share).item() == pytest.approx(expected, rel=1e-6), name


def test_without_strength_or_variance_the_corrected_loss_is_dpo() -> None:
    h = torch.tensor(FAR, dtype=torch.float64)
    label = torch.linspace(0, 1, len(FAR), dtype=torch.float64)
    plain = bradley_terry(h, label)
    disagree = JointMoments(*(torch.full_like(h, moment) for moment in (0.4, 0.1, 0.4)))
    same = JointMoments(*(torch.full_like(h, 0.25) for _ in range(3)))
    for form in FORMS:
        torch.testing.assert_close(corrected_dpo(h, label, disagree, alpha=0.0, form=form), plain)
    torch.testing.assert_close(corrected_dpo(h, label, same, alpha=3.0), plain)


def test_the_corrected_gradient_of_equals() -> None:
    """For p = 0.8 and 0.4 at h = 0: Var p = 0.04, q = 1/2 and q' = 1/4 - alpha Var p."""
    joint = moments(np.array([[0.8], [0.4]]))
    h = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    corrected_dpo(h, torch.ones(1).double(), joint, alpha=1.5).backward()
    assert cast("Tensor", h.grad).item() == pytest.approx(-(0.25 - 1.5 * 0.04) / 0.5, abs=1e-14)


@pytest.mark.parametrize("family", FAMILIES)
def test_agreement_of_one_label_is_dpo(family: Family) -> None:
    h = torch.linspace(-5, 5, 21, dtype=torch.float64, requires_grad=True)
    label = torch.linspace(0, 1, 21, dtype=torch.float64)
    gradients = [
        torch.autograd.grad(loss, h)[0]
        for loss in (agreement(h, label, 1 - label, 1, family=family), bradley_terry(h, label))
    ]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("n", range(1, 8))
def test_the_potential(n: int) -> None:
    """Its derivative is s (1 - s) (1 + exp(-n h)), and it is the integral of G'."""
    h = torch.linspace(-4, 6, 41, dtype=torch.float64, requires_grad=True)
    none = torch.zeros_like(h)
    loss = 41 * agreement(h, torch.ones_like(h), none, n, family="potential")
    slopes = torch.autograd.grad(loss, h)[0]
    s = torch.sigmoid(h)
    torch.testing.assert_close(slopes, -s * (1 - s) * (1 + torch.exp(-n * h)), rtol=1e-9, atol=0)
    ends = torch.tensor([0.8, -0.7], dtype=torch.float64)
    values = [
        agreement(end.view(1), torch.ones(1).double(), torch.zeros(1).double(), n,
                  family="potential").item()
        for end in ends
    ]  # fmt: skip
    area, _ = quad(lambda s: 1 + ((1 - s) / s) ** n, *(1 / (1 + exp(-e)) for e in (-0.7, 0.8)))
    assert values[1] - values[0] == pytest.approx(area, rel=1e-9)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=5))
def test_agreement_finds_the_mean_gap(gaps: list[float]) -> None:
    """Whatever the types' gaps, both families' expected loss is stationary at their mean."""
    p = sigmoid(np.array(gaps))
    wins, losses = (torch.tensor([x.prod()], dtype=torch.float64) for x in (p, 1 - p))

    for family in FAMILIES:

        def slope(h: float, family: Family = family) -> float:
            margin = torch.tensor([h], dtype=torch.float64, requires_grad=True)
            loss = agreement(margin, wins, losses, len(gaps), family=family)
            return float(torch.autograd.grad(loss, margin)[0])

        assert brentq(slope, -6, 6, xtol=1e-13) == pytest.approx(np.mean(gaps), abs=1e-7)


def test_one_minus_the_margin_misses_the_mean_gap() -> None:
    """A slip to know: `1 - h` for `-h` in the second term."""
    p = sigmoid(np.array([2.0, -1.0, 0.5]))
    wins, losses = p.prod(), (1 - p).prod()
    found = minimize_scalar(
        lambda h: wins * np.logaddexp(0, -3 * h) + losses * np.logaddexp(0, -3 * (1 - h)),
        bracket=(0, 1),
        tol=1e-10,
    )
    assert found.x == printed(0.811, 3)
    assert np.mean([2.0, -1.0, 0.5]) == 0.5


def test_several_models_have_strengths_of_their_own() -> None:
    rng = np.random.default_rng(4)
    h, label, weight = (torch.tensor(rng.random((3, 20))) for _ in range(3))
    weight /= weight.sum(1, keepdim=True)  # so that the mean over all is that of the means
    joint = moments(rng.random((2, 60)))
    joint = JointMoments(*(moment.view(3, 20) for moment in joint))
    alpha = torch.tensor([[0.0], [0.5], [2.0]]).double()
    together = corrected_dpo(h, label, joint, weight, alpha=alpha).item()
    alone = [
        corrected_dpo(h[m], label[m], JointMoments(*(x[m] for x in joint)), weight[m],
                      alpha=float(alpha[m])).item()
        for m in range(3)
    ]  # fmt: skip
    assert together == pytest.approx(np.mean(alone), rel=1e-12)


def test_weights_are_repetitions() -> None:
    h, label = torch.tensor([0.3, -1.0]).double(), torch.tensor([1.0, 0.0]).double()
    weight, often = torch.tensor([2.0, 3.0]).double(), [0, 0, 1, 1, 1]
    repeated = bradley_terry(h[often], label[often]).item()
    assert bradley_terry(h, label, weight).item() == pytest.approx(repeated, rel=1e-12)
    for family in FAMILIES:
        weighted = agreement(h, label, 1 - label, 3, weight, family=family).item()
        repeated = agreement(h[often], label[often], 1 - label[often], 3, family=family).item()
        assert weighted == pytest.approx(repeated, rel=1e-12)


def test_margins_of_policies() -> None:
    first, second = torch.tensor([-1.0, -2.0]), torch.tensor([-3.0, -2.5])
    assert margins((first, second), beta=0.5).tolist() == [1.0, 0.25]
    against = margins((first, second), (first, torch.tensor([-1.5, -2.5])), beta=2.0)
    assert against.tolist() == [3.0, 0.0]


def test_rounded_corners_of_the_clamp() -> None:
    """Continuous with its slope, within rounding / 4 of the sharp one, and the same inside."""
    joint = moments(np.array([[0.9], [0.2]]).repeat(4001, 1))
    h = torch.linspace(-2, 2, 4001, dtype=torch.float64, requires_grad=True)
    one = torch.ones_like(h)

    def likelihood(rounding: float) -> Tensor:
        losses = [
            corrected_dpo(h[i : i + 1], one[:1], JointMoments(*(m[:1] for m in joint)),
                          rounding=rounding) for i in range(0, 4001, 20)
        ]  # fmt: skip
        return torch.exp(-torch.stack(losses))

    sharp, soft = likelihood(0.0), likelihood(0.02)
    assert 0 < float((sharp - soft).detach().abs().max()) <= 0.02 / 4 + 1e-12
    far = (h[::20].abs() > 1.8) | (h[::20].abs() < 0.3)
    torch.testing.assert_close(sharp[far], soft[far])


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"alpha": -0.1}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": torch.tensor([[0.5], [-0.5]])}, "alpha"),
        ({"alpha": torch.tensor([[0.5], [float("nan")]])}, "alpha"),
        ({"form": "F4"}, "form"),
        ({"clamp": 0.0}, "clamp"),
        ({"clamp": -1.0}, "clamp"),
        ({"clamp": float("nan")}, "clamp"),
        ({"rounding": -1.0}, "rounding"),
    ],
)
def test_bad_corrections(options: dict[str, Any], argument: str) -> None:
    one = torch.ones(1)
    with refuses(argument):
        corrected_dpo(one, one, JointMoments(one, one, one), **options)


def test_bad_input() -> None:
    one = torch.ones(2)
    for n in (0, -1, 1.5, None):
        with refuses("n_labels"):
            agreement(one, one, one, n)  # type: ignore[arg-type]
    with refuses("family"):
        agreement(one, one, one, 2, family="hinge")  # type: ignore[arg-type]
    for labels in ([1.0, float("nan")], [1.0, 2.0], [0.5, 0.5], [-1.0, 1.0]):
        with refuses("labels"):
            unanimous(torch.tensor([labels]))
    for beta in (0.0, -1.0, float("nan"), float("inf")):
        with refuses("beta"):
            margins((one, one), beta=beta)

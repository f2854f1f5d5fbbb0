"""Verdicts on losses that users bring, against other optimisers and what is known of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import logsigmoid, relu

from socialpref import DPO, InputError, Logistic, Population, nbc, total_variation
from socialpref.examples import mediocre_winner, two_camps
from socialpref.limits import IPO, Hinge, SimPO
from socialpref.training import Certification, certify
from socialpref.training.losses import unanimous

from .helpers import Floats, refuses


def dpo(h: Tensor, label: Tensor) -> Tensor:
    return -label * logsigmoid(h) - (1 - label) * logsigmoid(-h)


def agreement(h: Tensor, labels: Tensor) -> Tensor:
    n = labels.shape[1]
    return -(labels.all(1) * logsigmoid(n * h) + ~labels.any(1) * logsigmoid(-n * h))


def one_minus(h: Tensor, labels: Tensor) -> Tensor:
    """The agreement loss with the slip `1 - h` in place of `-h`."""
    n = labels.shape[1]
    return -(labels.all(1) * logsigmoid(n * h) + ~labels.any(1) * logsigmoid(n * (1 - h)))


def sign(label: Tensor) -> Tensor:
    return 2 * label - 1


def ipo(h: Tensor, label: Tensor) -> Tensor:
    return (sign(label) * h - 0.5) ** 2


def brier(h: Tensor, label: Tensor) -> Tensor:
    return (torch.sigmoid(h) - label) ** 2


def hinge(h: Tensor, label: Tensor) -> Tensor:
    return relu(1 - sign(label) * h)


def look(loss: Any, population: Population | None = None, *args: Any, **more: Any) -> Certification:
    """Look at few populations: enough for what is asked of one."""
    return certify(loss, population, *args, **{"n_populations": 3, "n_search": 0, **more})


def counts(found: Certification, order: str) -> tuple[int, int, int]:
    verdict = next(v for v in found.orders_on_all if v.order == order)
    return verdict.held, verdict.reversed, verdict.looked


# --- verdicts over many populations --------------------------------------------------------


def test_dpo_is_named_and_no_search_finds_a_counterexample_to_its_order() -> None:
    found = certify(dpo, n_search=300)
    assert found.converges_to == ("dpo",)
    assert found.order == "NBC"
    assert not found.consistent
    assert counts(found, "NBC") == (352, 0, 352)
    held, _, looked = counts(found, "average reward")
    assert held < looked == 52
    assert "Order NBC: held on 352 of 352." in found.describe()


def test_ipo_passes_for_nbc_and_is_named() -> None:
    found = certify(ipo, two_camps(), n_search=100)
    assert found.converges_to == ("ipo",)
    assert found.order == "NBC"
    assert found.rewards == pytest.approx(IPO().limit(two_camps()).rewards, abs=1e-12)
    other = look(lambda h, label: (sign(label) * h - 5.0) ** 2)
    assert other.converges_to == ("ipo(tau=0.1)",)
    scaled = look(lambda h, label: dpo(0.1 * h, label))
    assert scaled.converges_to == ()
    assert scaled.proportional_to["dpo"] == pytest.approx(10.0)


def test_a_mixture_of_dpo_and_ipo_passes_for_nbc_though_it_is_in_no_table() -> None:
    found = certify(lambda h, label: dpo(h, label) + 0.3 * ipo(h, label), n_search=200)
    assert found.converges_to == ()
    assert not found.proportional_to
    assert found.order == "NBC"


@pytest.mark.parametrize(
    "loss",
    [
        lambda h, label: dpo(-h, label),
        lambda h, label: ipo(-h, label),
        lambda h, label: brier(-h, label),
    ],
    ids=["DPO", "IPO", "squared error"],
)
def test_a_wrong_sign_cannot_get_through(loss: Any) -> None:
    found = certify(loss, two_camps(), n_populations=10)
    held, turned, looked = counts(found, "NBC")
    assert held == 0
    assert turned >= looked - 2  # squared errors are not of NBC's order everywhere
    assert found.order is None
    assert found.converges_to == ()
    assert "NBC" in found.reverses
    if turned == looked:
        assert "is its sign right?" in found.describe()


@pytest.mark.parametrize(
    "loss",
    [
        brier,
        pytest.param(lambda h, label: torch.exp(-sign(label) * h), marks=pytest.mark.slow),
        pytest.param(lambda h, label: -logsigmoid(sign(label) * h - 1.0), marks=pytest.mark.slow),
    ],
    ids=["squared error", "exponential", "SimPO"],
)
def test_losses_that_are_nearly_of_nbcs_order_are_found_out(loss: Any) -> None:
    found = certify(loss)
    held, _, looked = counts(found, "NBC")
    assert 0.5 * looked < held < looked
    assert found.order is None
    verdict = found.orders_on_all[0]
    example = verdict.counterexample
    assert example is not None
    # What is printed can be pasted, and is a counterexample.
    pasted = eval(
        f"dict(population={verdict.example})"
        if "sampling" in verdict.example
        else f"dict(population={verdict.example}, sampling=None)",
        {"Population": Population, "Logistic": Logistic, "dict": dict},
    )
    population, d = pasted["population"], pasted["sampling"]
    np.testing.assert_array_equal(population.rewards, example.population.rewards)
    P = np.array(population.pairwise())
    W = np.outer(example.sampling, example.sampling)

    def total(h: Floats) -> float:
        margin = torch.as_tensor(h[:, None] - h[None, :])
        won = loss(margin, torch.ones(()))
        lost = loss(margin, torch.zeros(()))
        return float(
            (torch.as_tensor(W) * (torch.as_tensor(P) * won + torch.as_tensor(P.T) * lost)).sum()
        )

    h = minimize(total, np.zeros(len(P)), options={"gtol": 1e-9}).x
    scores = nbc(population, d)
    assert (np.sign(np.subtract.outer(h, h)) != np.sign(np.subtract.outer(scores, scores))).any()


@pytest.mark.parametrize(
    "loss",
    [
        lambda h, label: 1 - torch.sigmoid(sign(label) * h),
        pytest.param(lambda h, label: -sign(label) * h, marks=pytest.mark.slow),
        pytest.param(
            lambda h, label: (sign(label) * h) ** 3 / 3 - sign(label) * h, marks=pytest.mark.slow
        ),
        # level in floats from about 19 on
        pytest.param(lambda h, label: -torch.tanh(sign(label) * h), marks=pytest.mark.slow),
    ],
    ids=["sigmoid", "linear", "cubic", "tanh"],
)
def test_losses_without_a_minimum_say_so(loss: Any) -> None:
    found = look(loss, two_camps(), n_populations=1)
    assert found.without_minimum == found.n_populations
    assert not found.has_minimum
    assert found.order is None
    assert "no minimum" in found.describe()
    with refuses("population"):
        _ = found.policy


@pytest.mark.parametrize(
    "loss",
    [
        lambda h, label: (h * sign(label) - 0.5) ** 2 - 1e-3 * h**4,
        lambda h, label: dpo(h, label) - 1e-3 * h**2,
    ],
    ids=["quartic", "logistic less a square"],
)
def test_a_local_minimum_of_a_loss_that_has_none(loss: Any) -> None:
    found = look(loss, Population([[1.0, 0.0, -1.0]]))
    assert found.own is None
    assert found.without_minimum


def test_a_loss_that_mostly_has_no_minimum_is_not_searched() -> None:
    """The agreement-only loss that corrects for lapses, where nobody lapses."""

    def corrected(h: Tensor, labels: Tensor) -> Tensor:
        first, second = unanimous(labels, lapse=0.05)
        return -first * logsigmoid(3 * h) - second * logsigmoid(-3 * h)

    found = certify(corrected, information="panel", n_populations=3)
    assert found.without_minimum > found.n_populations / 2
    assert found.n_searched == 0
    assert found.order is None


@pytest.mark.slow
def test_the_hinge_ends_on_its_kinks() -> None:
    found = look(hinge, mediocre_winner())
    assert found.rewards - found.rewards[0] == pytest.approx([0.0, 1.0, 0.0], abs=1e-5)
    assert found.kinked
    assert found.converges_to == ("hinge",)
    crowd = Population([[3.0, 1.0, 0.0, -0.3], [-2.0, 0.4, 0.1, 1.0]], [0.7, 0.3])
    limit = Hinge().limit(crowd)
    if limit.ranges is None:
        assert look(hinge, crowd).rewards == pytest.approx(limit.rewards, abs=1e-4)


def test_several_minima_are_told_of_and_never_a_saddle() -> None:
    """Two wells for the margin of each pair, so that 0 is a maximum between them."""
    found = look(lambda h, label: (h**2 - 1.0) ** 2, Population([[1.0, 0.0]]))
    assert found.several_minima == found.n_populations
    assert found.own is not None
    assert abs(found.rewards[0] - found.rewards[1]) == pytest.approx(1.0, abs=1e-6)
    assert len(found.own.others) >= 1
    assert "several minima" in found.describe()


# --- one population, against another optimiser ---------------------------------------------

CROWDS = {
    "two types": Population([[-2.35, -0.77, 0.02], [-0.83, 3.88, 3.02]]),
    "unequal": Population([[-0.8, -1.3, -0.2, 0.4], [1.1, 0.1, -0.5, -0.8], [0.7, 1.6, 0.3, -1.2]],
                          [0.5, 0.3, 0.2]),
    "wide": Population([[-1.9, 3.2, 0.4, -3.5, -0.2], [-1.3, -1.0, -1.4, 1.1, -0.1]], [0.7, 0.3]),
    "one type": Population([[9.0, 0.0, 2.0]]),
}  # fmt: skip
on_crowds = pytest.mark.parametrize("crowd", CROWDS.values(), ids=CROWDS)


def minimiser(loss: Callable[[Floats, int], Floats], population: Population) -> Floats:
    """Return the centred minimiser of an expected loss, by another optimiser in numpy."""
    P = population.pairwise()

    def total(h: Floats) -> float:
        gap = h[:, None] - h[None, :]
        return float((P * loss(gap, 1) + P.T * loss(gap, 0)).sum())

    starts = np.zeros(len(P)), nbc(population), population.mean_rewards()
    found = [minimize(total, start, options={"gtol": 1e-9}) for start in starts]
    best = min(found, key=lambda one: float(one.fun)).x
    return np.asarray(best - best.mean())


def logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


@on_crowds
@pytest.mark.parametrize(
    ("loss", "by_hand"),
    [
        (brier, lambda h, y: (logistic(h) - y) ** 2),
        (lambda h, y: torch.exp(-sign(y) * h / 2), lambda h, y: np.exp(-(2 * y - 1) * h / 2)),
        (ipo, lambda h, y: ((2 * y - 1) * h - 0.5) ** 2),
    ],
    ids=["squared error", "exponential", "IPO"],
)
def test_minima_on_asymmetric_populations(loss: Any, by_hand: Any, crowd: Population) -> None:
    found = look(loss, crowd, n_populations=1)
    np.testing.assert_allclose(found.rewards, minimiser(by_hand, crowd), atol=2e-3)


def test_an_order_of_one_population_is_its_own() -> None:
    assert look(brier, two_camps()).orders == ("NBC",)
    assert look(brier, CROWDS["two types"]).orders == ("average reward",)


def test_dpo_of_a_large_beta_has_no_counterexample() -> None:
    found = certify(lambda h, label: dpo(1000.0 * h, label), n_populations=10, n_search=100)
    assert found.order == "NBC"
    assert found.proportional_to["dpo"] == pytest.approx(0.001)


def test_a_loss_may_change_its_arguments_in_place() -> None:
    def in_place(h: Tensor, label: Tensor) -> Tensor:
        label *= 2
        label -= 1
        h *= label
        return -logsigmoid(h)

    assert look(in_place).converges_to == ("dpo",)


def test_a_loss_that_ignores_labels() -> None:
    found = look(lambda h, label: -logsigmoid(h), two_camps())
    np.testing.assert_allclose(found.rewards, 0.0, atol=1e-9)
    assert found.orders == found.reverses == ()
    assert counts(found, "NBC")[0] == 0
    assert found.converges_to == ()
    assert not found.proportional_to  # its rewards are no method's times 0
    assert "All rewards are equal everywhere: does it use the labels?" in found.describe()


def test_a_kink_at_which_the_slope_is_told_as_a_third_value() -> None:
    """``|h - sign|``: torch says that the slope on the kink is 0, between -1 and 1.

    Of two options it pays to have a margin of 1 for the one that wins more often.
    """
    found = look(lambda h, label: (h - sign(label)).abs(), Population([[0.5, 0.0]]))
    assert found.rewards == pytest.approx([0.5, -0.5], abs=1e-6)
    assert found.has_minimum
    assert found.kinked == found.n_populations


def test_one_type_far_away() -> None:
    found = look(dpo, Population([[25.0, 0.0]]), n_populations=1)
    assert found.rewards[0] - found.rewards[1] == pytest.approx(25.0, abs=1e-6)


# --- labels that tell more, and losses that see more ---------------------------------------


def test_the_agreement_loss_is_consistent_on_panels() -> None:
    found = certify(agreement, mediocre_winner(), "panel", n_search=50)
    assert found.consistent
    assert "agreement" in found.converges_to
    assert found.order == "average reward"
    assert found.orders == ("average reward",)
    assert found.reverses == ("NBC",)  # as the average reward does here; its sign is right
    assert "sign" not in found.describe()


def test_the_slip_on_panels_fails_visibly() -> None:
    found = look(one_minus, mediocre_winner(), "panel")
    assert not found.consistent
    assert found.converges_to == ()
    assert min(found.distances.values()) > 1e-3


def test_the_slip_on_one_orientation_of_one_pair() -> None:
    """With reward gaps 2, -1 and 0.5 its minimiser is 0.811 if one option always comes first.

    Over both orientations the fault turns into shrinkage, 0.458 in place of 0.5.
    """
    gaps = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
    p = torch.sigmoid(gaps.sum())
    grid = torch.linspace(0, 2, 200_001, dtype=torch.float64)
    loss = -p * logsigmoid(3 * grid) - (1 - p) * logsigmoid(3 * (1 - grid))
    assert float(grid[loss.argmin()]) == pytest.approx(0.811, abs=5e-4)
    pair = Population([[2.0, 0.0], [-1.0, 0.0], [0.5, 0.0]])
    both = look(one_minus, pair, "panel", n_populations=1)
    assert both.rewards[0] - both.rewards[1] == pytest.approx(0.458, abs=5e-4)
    right = look(agreement, pair, "panel", n_populations=1)
    assert right.rewards[0] - right.rewards[1] == pytest.approx(0.5, abs=1e-7)


def test_votes_of_panels_are_dpo() -> None:
    found = look(lambda h, labels: dpo(h, labels.mean(1)), mediocre_winner(), "panel")
    assert found.converges_to[0] == "dpo"
    limit = DPO().limit(mediocre_winner())
    assert total_variation(found.policy, limit.policy) <= 1e-9


def test_typed_labels_of_one_type_teach_its_rewards() -> None:
    """A loss that listens to the first type only learns its rewards."""
    found = look(
        lambda h, label, annotator_type: (annotator_type == 0) * dpo(h, label),
        two_camps(),
        "typed",
        n_populations=1,
    )
    assert found.rewards == pytest.approx([1.0, 0.0, -1.0], abs=1e-9)


def test_linked_labels_by_another_optimiser() -> None:
    """A loss of two comparisons that agree: both won or both lost by their firsts."""

    def linked(h: Tensor, labels: Tensor) -> Tensor:
        return dpo(h.sum(1), labels.mean(1))

    crowd = two_camps()
    found = look(linked, crowd, "linked", n_populations=1)
    pairs = [(y, z) for y in range(3) for z in range(3) if y != z]

    def total(h: Floats) -> float:
        value = 0.0
        for y, z in pairs:
            for a, b in pairs:
                margin = h[y] - h[z] + h[a] - h[b]
                p, q = (
                    logistic(crowd.rewards[:, i] - crowd.rewards[:, j]) for i, j in ((y, z), (a, b))
                )
                share = crowd.shares @ ((p + q) / 2)
                value += share * np.logaddexp(0, -margin) + (1 - share) * np.logaddexp(0, margin)
        return value

    h = minimize(total, np.zeros(3), options={"gtol": 1e-9}).x
    assert found.rewards == pytest.approx(h - h.mean(), abs=1e-5)


def test_ballots_teach_plackett_luce() -> None:
    """One type's rewards are recovered; the likelihood of whole rankings."""

    def plackett_luce(ranked: Tensor) -> Tensor:
        rest = torch.logcumsumexp(ranked.flip(1), 1).flip(1)
        return (rest - ranked).sum(1)

    found = look(plackett_luce, Population([[1.0, 0.0, -0.5]]), "ballots", n_populations=1)
    assert found.rewards - found.rewards[1] == pytest.approx([1.0, 0.0, -0.5], abs=1e-7)


def test_losses_that_see_log_probabilities_and_the_reference() -> None:
    def from_logp(h: Tensor, label: Tensor, logp: Tensor, reference: Tensor) -> Tensor:
        ratio = logp - reference
        return dpo(ratio[:, 0] - ratio[:, 1], label)

    found = look(from_logp, two_camps(), sees=("logp", "reference"))
    assert found.converges_to == ("dpo",)
    assert found.rewards == pytest.approx(DPO().limit(two_camps()).rewards, abs=1e-8)


def test_losses_that_see_lengths() -> None:
    """Rewards by token are not DPO's rewards; by margins that are scaled back they are."""

    def by_token(h: Tensor, label: Tensor, logp: Tensor, length: Tensor) -> Tensor:
        mean = logp / length
        return -logsigmoid(sign(label) * 20 * (mean[:, 0] - mean[:, 1]))

    found = look(by_token, sees=("logp", "length"))
    assert found.converges_to == ()
    assert counts(found, "NBC")[0] < found.n_populations


# --- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda h, label: dpo(h, label).mean(), r"shape \(\)"),
        (lambda h, label: 0.0, "got 0.0"),
        (lambda h, label: (h > 0).long(), "of the margins"),
        (lambda h, label: torch.ones_like(h), "of the margins"),
        (lambda h, label: h * 1j, "complex numbers"),
        (lambda h, label: h / (1 // 0), "ZeroDivisionError"),
        (lambda h: h, "TypeError"),
        (lambda h, label: h @ label[:2], "RuntimeError"),
        (lambda h, label: h.nothing, "AttributeError"),
        (lambda h, label: h * torch.nan, "finite"),
        (lambda h, label: dpo(h * h.abs().mean(), label), "by itself"),
        (lambda h, label: dpo(h, label).float(), "float64"),
        (lambda h, label: dpo(h.float(), label.float()).double(), "float64"),
        (lambda h, label: dpo(h - h.mean(), label), "by itself"),  # the mean of all pairs is 0
        (None, "None"),
    ],
)
def test_a_loss_must_return_one_value_for_each_margin(loss: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^'loss' must be .*{message}"):
        look(loss, two_camps())


def test_what_certify_refuses() -> None:
    with refuses("population"):
        certify(dpo, [two_camps()])  # type: ignore[arg-type]
    with refuses("information"):
        certify(dpo, two_camps(), "votes")  # type: ignore[arg-type]
    with refuses("sees"):
        certify(dpo, sees=("prompt",))  # type: ignore[arg-type]
    with refuses("n_populations"):
        certify(dpo, n_populations=0)
    with refuses("population"):
        look(agreement, Population(np.zeros((13, 2))), "panel")
    with refuses("population"):
        look(agreement, Population([[0, 1], [1, 0]], [0.3, 0.7]), "panel")


def test_the_verdict_as_a_table() -> None:
    table = look(SimPOLike()).to_frame()
    assert list(table["order"]) == ["NBC", "average reward"]
    assert (table["held"] <= table["populations"]).all()


class SimPOLike:
    """A loss that is an object: SimPO's, whose limit is the method's."""

    def __call__(self, h: Tensor, label: Tensor) -> Tensor:
        return -logsigmoid(sign(label) * h - 0.5)


def test_a_rival_with_its_own_options_is_named() -> None:
    assert look(SimPOLike(), two_camps()).converges_to == ("simpo",)
    found = look(SimPOLike(), two_camps())
    assert found.rewards == pytest.approx(SimPO().limit(two_camps()).rewards, abs=1e-9)

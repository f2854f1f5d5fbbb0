"""Training against theory, on the command line too; losses that users bring."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import logsigmoid, relu

from socialpref import (
    DPO,
    ConvergenceError,
    InputError,
    LatentClasses,
    Population,
    nbc,
    total_variation,
)
from socialpref.cli import main
from socialpref.comparisons import Comparisons
from socialpref.examples import mediocre_winner, two_camps
from socialpref.training import Fit, Verification, certify, learn, populations, verify

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


def majority(h: Tensor, labels: Tensor) -> Tensor:
    """A loss that uses every panel, by the share of votes: DPO on panels."""
    return dpo(h, labels.mean(1))


def test_the_agreement_loss_is_certified() -> None:
    found = certify(agreement, mediocre_winner(), "panel")
    assert found.consistent
    assert found.converges_to == ("optimal policy", "agreement", "reward-averaging")
    assert found.orders == ("average reward",)
    assert found.residual <= 1e-9


@pytest.mark.parametrize("population", populations().values(), ids=populations())
def test_the_slip_fails_visibly(population: Population) -> None:
    found = certify(one_minus, population, "panel")
    assert found.converges_to == ()
    assert not found.consistent
    assert "equals none of the known limits, nearest " in found.describe()
    assert min(found.distances.values()) > 1e-3  # a thousand times what passes


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
    both = certify(one_minus, pair, "panel")
    assert both.rewards[0] - both.rewards[1] == pytest.approx(0.458, abs=5e-4)
    right = certify(agreement, pair, "panel")
    assert right.rewards[0] - right.rewards[1] == pytest.approx(0.5, abs=1e-7)


def test_dpo_is_named_and_so_is_its_order() -> None:
    for loss, information in ((dpo, "anonymous"), (majority, "panel")):
        found = certify(loss, mediocre_winner(), information)  # type: ignore[arg-type]
        assert found.converges_to == ("dpo",)
        assert not found.consistent
        assert found.orders == ("NBC",)
        assert found.describe() == "On this population: equals dpo; orders as NBC."
        limit = DPO().limit(mediocre_winner())
        assert total_variation(found.policy, limit.policy) <= 1e-9
        assert found.rewards == pytest.approx(limit.rewards, abs=1e-8)


def test_a_disagreement_used_is_consistency_lost() -> None:
    """The agreement loss with a little weight on a disagreeing outcome."""

    def uses(h: Tensor, labels: Tensor) -> Tensor:
        split = ~(labels.all(1) | ~labels.any(1))
        return agreement(h, labels) + 0.1 * split * dpo(h, labels[:, 0])

    assert certify(uses, mediocre_winner(), "panel").converges_to == ()


CROWDS = {
    "two types": Population([[-2.35, -0.77, 0.02], [-0.83, 3.88, 3.02]]),
    "unequal": Population([[-0.8, -1.3, -0.2, 0.4], [1.1, 0.1, -0.5, -0.8], [0.7, 1.6, 0.3, -1.2]],
                          [0.5, 0.3, 0.2]),
    "wide": Population([[-1.9, 3.2, 0.4, -3.5, -0.2], [-1.3, -1.0, -1.4, 1.1, -0.1]], [0.7, 0.3]),
    "one type": Population([[9.0, 0.0, 2.0]]),
}  # fmt: skip
on_crowds = pytest.mark.parametrize("crowd", CROWDS.values(), ids=CROWDS)


def sign(label: Tensor) -> Tensor:
    return 2 * label - 1


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
        (lambda h, y: (torch.sigmoid(h) - y) ** 2, lambda h, y: (logistic(h) - y) ** 2),
        (lambda h, y: torch.exp(-sign(y) * h / 2), lambda h, y: np.exp(-(2 * y - 1) * h / 2)),
        (lambda h, y: (sign(y) * h - 0.5) ** 2, lambda h, y: ((2 * y - 1) * h - 0.5) ** 2),
    ],
    ids=["squared error", "exponential", "IPO"],
)
def test_minima_on_asymmetric_populations(loss: Any, by_hand: Any, crowd: Population) -> None:
    """With one type the first two have DPO's limit; IPO's is 2 NBC - 1, times 1 / 2, centred."""
    found = certify(loss, crowd)
    np.testing.assert_allclose(found.rewards, minimiser(by_hand, crowd), atol=2e-3)
    if by_hand(2.0, 1) == 2.25:  # IPO
        score = nbc(crowd)
        np.testing.assert_allclose(found.rewards, score - score.mean(), atol=1e-9)
    elif crowd.n_types == 1:
        assert "dpo" in found.converges_to
    else:
        assert found.converges_to == ()
    assert not found.against_all


def test_an_order_is_that_of_one_population() -> None:
    """Squared errors order one population as NBC does, and another as the average reward."""

    def squared(h: Tensor, label: Tensor) -> Tensor:
        return (torch.sigmoid(h) - label) ** 2

    assert certify(squared, two_camps()).orders == ("NBC",)
    assert certify(squared, CROWDS["two types"]).orders == ("average reward",)


@on_crowds
def test_a_sign_error_is_not_praised(crowd: Population) -> None:
    found = certify(lambda h, label: dpo(-h, label), crowd)
    assert "NBC" in found.reverses
    assert found.against_all
    limit = DPO().limit(crowd)
    np.testing.assert_allclose(found.rewards, -limit.rewards, atol=1e-7)
    assert "reverses NBC" in found.describe()
    assert "against all types where they agree (is its sign right?)" in found.describe()
    assert "orders as" not in found.describe()


def test_panels_with_a_sign_error() -> None:
    turned = certify(lambda h, labels: agreement(-h, labels), mediocre_winner(), "panel")
    assert turned.against_all
    right = certify(agreement, mediocre_winner(), "panel")
    assert not right.against_all  # though the average reward turns NBC's order round here
    assert right.reverses == ("NBC",)


@on_crowds
def test_losses_without_a_minimum_say_so(crowd: Population) -> None:
    with pytest.raises(ConvergenceError, match="no minimum was found; the rewards run away"):
        certify(lambda h, label: 1 - torch.sigmoid(sign(label) * h), crowd)
    with pytest.raises(ConvergenceError, match="no minimum was found"):
        certify(lambda h, label: -h * label, crowd)
    with pytest.raises(ConvergenceError, match="flat"):
        certify(lambda h, label: 0.0 * h, crowd)
    with pytest.raises(ConvergenceError, match="kink"):
        certify(lambda h, label: relu(1 - sign(label) * h), crowd)
    with pytest.raises(ConvergenceError, match="loss is nan"):
        certify(lambda h, label: h * torch.nan, crowd)
    with refuses("loss"):
        certify(lambda h, label: torch.ones_like(h), crowd)


@pytest.mark.parametrize(
    "loss",
    [
        lambda h, label: (h * sign(label) - 0.5) ** 2 - 1e-3 * h**4,
        lambda h, label: (sign(label) * h) ** 3 / 3 - sign(label) * h,
        lambda h, label: dpo(h, label) - 1e-4 * h**2,
        lambda h, label: dpo(h, label) - 1e-6 * h.abs() ** 1.5,
    ],
    ids=["quartic", "cubic", "logistic less a square", "slowly"],
)
def test_a_local_minimum_of_a_loss_that_has_none(loss: Any) -> None:
    for rewards in ([[1.0, 0.0, -1.0]], [[0.3, 0.0], [-0.2, 0.1]]):
        with pytest.raises(ConvergenceError, match="no minimum"):
            certify(loss, Population(rewards))


@on_crowds
def test_a_loss_that_ignores_labels(crowd: Population) -> None:
    found = certify(lambda h, label: -logsigmoid(h), crowd)
    np.testing.assert_allclose(found.rewards, 0.0, atol=1e-9)
    assert found.orders == found.reverses == ()
    assert "gives all options the same reward" in found.describe()


def test_one_type_far_away_is_certified() -> None:
    found = certify(dpo, Population([[25.0, 0.0]]))
    assert found.rewards[0] - found.rewards[1] == pytest.approx(25.0, abs=1e-7)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda h, label: dpo(h, label).mean(), r"shape \(\)"),
        (lambda h, label: 0.0, "got 0.0"),
        (lambda h, label: (h > 0).long(), "of the margins"),
        (lambda h, label: h * 1j, "complex numbers"),
        (lambda h, label: h / (1 // 0), "ZeroDivisionError"),
        (lambda h: h, "TypeError"),
        (lambda h, label: h @ label[:2], "RuntimeError"),
        (lambda h, label: h.nothing, "AttributeError"),
        (torch.nn.Linear(1, 1), "TypeError"),
        (torch.nn.MSELoss, "RuntimeError"),
        (None, "None"),
    ],
)
def test_a_loss_must_return_one_value_for_each_margin(loss: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^'loss' must be .*{message}"):
        certify(loss, two_camps())


def test_what_certify_refuses() -> None:
    with refuses("loss"):
        certify("dpo", two_camps())  # type: ignore[arg-type]
    with refuses("population"):
        certify(dpo, [two_camps()])  # type: ignore[arg-type]
    with refuses("tolerance"):
        certify(dpo, two_camps(), tolerance=0.0)
    with refuses("information"):
        certify(dpo, two_camps(), "typed")  # type: ignore[arg-type]
    with refuses("replicas"):
        certify(agreement, Population([[0, 1], [1, 0]], [0.3, 0.7]), "panel")
    with refuses("population"):
        certify(agreement, Population(np.zeros((13, 2))), "panel")


def verification(errors: tuple[tuple[float, ...], ...], **changes: object) -> Verification:
    facts: dict[str, object] = {
        "method": "dpo", "population": "p", "exact": 1e-9, "residual": 1e-10,
        "sizes": (100, 10_000), "errors": errors, "order": "NBC", "ordered": True,
    }  # fmt: skip
    return Verification(**{**facts, **changes})  # type: ignore[arg-type]


def test_a_slope_by_hand_and_its_verdict() -> None:
    """From 0.1 to 0.01 over two decades: -1/2. Flat errors fail, and so does each other fault."""
    good = verification(((0.1, 0.1), (0.01, 0.01)))
    assert good.slope == pytest.approx(-0.5)
    assert good.slope_error == 0.0
    assert good.passed
    assert not verification(((0.1, 0.1), (0.1, 0.1))).passed
    assert not verification(((0.1, 0.1), (0.01, 0.01)), exact=2e-6).passed
    assert not verification(((0.1, 0.1), (0.01, 0.01)), ordered=False).passed


def test_the_slopes_error_is_that_of_repeated_samples() -> None:
    """Against the spread of the slope over many simulated tables of errors."""
    rng = np.random.default_rng(0)
    slopes, stated = [], []
    for _ in range(300):
        errors = tuple(tuple(c * rng.gamma(9, 1 / 9, 8)) for c in (0.1, 0.03, 0.01))
        one = verification(errors, sizes=(100, 1000, 10_000))
        slopes.append(one.slope)
        stated.append(one.slope_error)
    assert np.mean(stated) == pytest.approx(np.std(slopes), rel=0.15)


def test_verify_refuses_what_it_cannot_do() -> None:
    with refuses("methods"):
        verify(["latent-classes"])
    with refuses("methods"):
        verify([LatentClasses(2)])
    for sizes in ([1000], [1000, 1000], [1000, 50], [1000.0, 2000], "1000", 1000, ["1000", 2000]):
        with refuses("sizes"):
            verify(sizes=sizes)  # type: ignore[arg-type]
    for n_seeds in (1, 2.0, True, "2"):
        with refuses("n_seeds"):
            verify(n_seeds=n_seeds)  # type: ignore[arg-type]
    for methods in ("dpo", 3, [None], ["ppo"]):
        with refuses("methods"):
            verify(methods)  # type: ignore[arg-type]
    for on in ([two_camps()], {"x": [[1, 0]]}):
        with refuses("on"):
            verify(on=on)  # type: ignore[arg-type]


def test_samples_too_small_are_found_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    sure = Population([[12.0, 0.0, 6.0]])

    def small_only(method: Any, data: Any, **options: Any) -> Fit:
        assert isinstance(data, Comparisons)
        assert len(data) == 100
        return learn(method, data, **options)

    monkeypatch.setattr("socialpref.training.verification.learn", small_only)
    with pytest.raises(ConvergenceError, match=r"^verify: dpo on 'sure' with 100 labels, "):
        verify(["dpo"], {"sure": sure}, sizes=[1_000_000, 100], n_seeds=2)


def test_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "verify"
    few = dict(list(populations().items())[1:3])
    monkeypatch.setattr("socialpref.training.verification.populations", lambda: few)
    arguments = ["verify", "--methods", "dpo", "agreement", "--out", str(out)]
    status = main([*arguments, "--sizes", "3000", "30000", "--seeds", "3"])
    shown = capsys.readouterr().out
    assert status == 0
    assert "4 of 4 pass" in shown
    assert "closed form = convex program = certificate. Rankings: 70" in shown
    table = pd.read_csv(out / "verify.csv")
    assert list(table["method"].unique()) == ["dpo", "agreement"]
    assert (table["tv_exact"] <= 1e-6).all()
    assert {file.name for file in out.iterdir()} == {"verify.csv", "verify.png", "verify.pdf"}


def test_a_failed_check_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socialpref.training.verification.EXACT", 1e-30)
    arguments = ["verify", "--methods", "dpo", "--sizes", "1000", "2000", "--seeds", "2"]
    assert main([*arguments, "--out", str(tmp_path / "v")]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_wrong_name_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--methods", "ppo"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("socialpref: error: 'methods' must be one of 'dpo'")
    assert error.count("\n") == 1


def test_the_folder_is_tried_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socialpref.training.verify", None)
    (tmp_path / "file").touch()
    assert main(["verify", "--out", str(tmp_path / "file")]) == 2
    error = capsys.readouterr().err
    assert "cannot write results here" in error
    assert error.count("\n") == 1


def test_numbers_without_sense_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    huge, out = "9" * 20, tmp_path / "out"
    for option, values in (("--sizes", ["100", huge]), ("--seeds", [huge])):
        assert main(["verify", "--out", str(out), option, *values]) == 2
        error = capsys.readouterr().err
        assert option[2:] in error
        assert huge in error
        assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.slow
def test_everything_passes_at_the_default_settings() -> None:
    assert verify().passed

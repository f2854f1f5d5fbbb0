"""Training against theory, on the command line too; losses that users bring."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from socialpref import ConvergenceError, Population, dpo_limit, total_variation
from socialpref.cli import main
from socialpref.examples import mediocre_winner, two_camps
from socialpref.training import Verification, certify, populations, verify

from .helpers import refuses


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
    assert found.describe().startswith("FAILS: converges to no known limit")
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
        assert "converges to: dpo; its order is that of NBC" in found.describe()
        limit = dpo_limit(mediocre_winner())
        assert total_variation(found.policy, limit.policy) <= 1e-9
        assert found.rewards == pytest.approx(limit.rewards, abs=1e-8)


def test_a_disagreement_used_is_consistency_lost() -> None:
    """The agreement loss with a little weight on a disagreeing outcome."""

    def uses(h: Tensor, labels: Tensor) -> Tensor:
        split = ~(labels.all(1) | ~labels.any(1))
        return agreement(h, labels) + 0.1 * split * dpo(h, labels[:, 0])

    assert certify(uses, mediocre_winner(), "panel").converges_to == ()


def test_a_loss_without_a_minimum_is_no_result() -> None:
    with pytest.raises(ConvergenceError):
        certify(lambda h, label: -h * label, two_camps())
    with pytest.raises(ConvergenceError, match="loss is nan"):
        certify(lambda h, label: h * torch.nan, two_camps())


def test_a_loss_must_return_one_value_for_each_margin() -> None:
    with refuses("loss"):
        certify(lambda h, label: dpo(h, label).mean(), two_camps())
    with refuses("loss"):
        certify(lambda h, label: 0.0, two_camps())  # type: ignore[arg-type, return-value]
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
    with refuses("sizes"):
        verify(sizes=[1000])
    with refuses("n_seeds"):
        verify(n_seeds=1)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "verify"
    arguments = ["verify", "--methods", "dpo", "agreement", "--out", str(out)]
    status = main([*arguments, "--sizes", "3000", "30000", "--seeds", "4"])
    shown = capsys.readouterr().out
    assert status == 0
    assert "8 of 8 pass" in shown
    assert "closed form = convex program = certificate: 70 rankings" in shown
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


@pytest.mark.slow
def test_everything_passes_at_the_default_settings() -> None:
    assert verify().passed

"""Training against theory, on the command line too; losses that users bring."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import Tensor
from torch.nn.functional import logsigmoid

from socialpref import (
    ConvergenceError,
    CorrectedDPO,
    LatentClasses,
    Population,
)
from socialpref.cli import main
from socialpref.comparisons import Comparisons
from socialpref.examples import two_camps
from socialpref.training import Fit, Verification, learn, populations, verify

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
    arguments = ["verify", "--methods", "dpo, IPO(tau=0.5)", "--out", str(out)]
    status = main([*arguments, "--sizes", "3000", "30000", "--seeds", "3"])
    shown = capsys.readouterr().out
    assert status == 0
    assert "4 of 4 pass" in shown
    assert "closed form = convex program = certificate. Rankings: 70" in shown
    table = pd.read_csv(out / "verify.csv")
    assert list(table["method"].unique()) == ["dpo", "ipo(tau=0.5)"]
    assert (table["tv_exact"] <= 1e-6).all()
    assert {file.name for file in out.iterdir()} == {"verify.csv", "verify.png", "verify.pdf"}


def test_learned_classes_are_not_doubted_where_the_types_are_known() -> None:
    # `learn` would warn of samples that speak against several classes, and warnings are errors.
    sizes = [300, 3000]
    report = verify([CorrectedDPO()], {"two camps": two_camps()}, sizes=sizes, n_seeds=2)
    assert report.results[0].exact <= 1e-6


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
    assert error.startswith("socialpref: error: 'methods' must be one of 'agreement'")
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


LOSSES = """
import torch
from torch.nn.functional import logsigmoid
def dpo(margin, label):
    return -label * logsigmoid(margin) - (1 - label) * logsigmoid(-margin)
def turned(margin, label):
    return dpo(-margin, label)
def away(margin, label):
    return 1 - torch.sigmoid((2 * label - 1) * margin)
def from_logp(margin, label, logp, reference):
    ratio = logp - reference
    return dpo(ratio[:, 0] - ratio[:, 1], label)
def broken(margin, label):
    return margin.mean()
"""


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["dpo"], 0, "It converges to dpo on all"),
        (["dpo", "--expect", "nbc"], 0, "Expected nbc: it is."),
        (["dpo", "--expect", "DPO"], 0, "Expected DPO: it is."),
        (["from_logp", "--sees", "logp,reference", "--expect", "dpo"], 0, "it is."),
        (["dpo", "--expect", "average-reward"], 1, "Counterexample: Population([["),
        (["dpo", "--expect", "ipo(tau=0.5)"], 1, "Counterexample: Population([["),
        (["turned", "--expect", "nbc"], 1, "Reverses NBC on 8 of 8."),
        (["turned", "--expect", "dpo"], 1, "it is not. Counterexample: Population([["),
        (["away"], 1, "no minimum on 8 of 8"),
    ],
)
def test_a_loss_is_judged_from_the_command_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    words: str,
) -> None:
    from socialpref.training import certify

    few = partial(certify, n_populations=6, n_search=20)
    monkeypatch.setattr("socialpref.training.certify", few)
    in_a_folder_with_losses(tmp_path, monkeypatch)
    name, *others = arguments
    assert main(["verify", f"losses_of_mine:{name}", *others]) == status
    assert words in capsys.readouterr().out


def in_a_folder_with_losses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "losses_of_mine.py").write_text(LOSSES)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.delitem(sys.modules, "losses_of_mine", raising=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing:dpo"], "'nothing:dpo' cannot be loaded: ModuleNotFoundError"),
        (["losses_of_mine:none"], "cannot be loaded: AttributeError"),
        (["losses_of_mine"], "must be MODULE:FUNCTION"),
        (["losses_of_mine:broken"], "'loss' must be a function"),
        (["losses_of_mine:dpo", "--expect", "ppo"], "'expect' must be one of 'nbc'"),
        (["losses_of_mine:dpo", "--sees", "prompt"], "'sees' must be one of 'logp'"),
        (["losses_of_mine:dpo", "--methods", "dpo"], "'--methods' must be given without a loss"),
        (["--expect", "nbc"], "'--expect' must be given with a loss"),
    ],
)
def test_a_loss_that_cannot_be_judged_is_one_line_and_exit_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    in_a_folder_with_losses(tmp_path, monkeypatch)
    assert main(["verify", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_everything_passes_at_the_default_settings() -> None:
    assert verify().passed

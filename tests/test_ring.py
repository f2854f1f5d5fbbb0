"""The ring environment: the analysis as it is run, interrupted and taken up again."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import Tensor

from socialpref import DPO, optimal_policy, total_variation
from socialpref.comparisons import simulate
from socialpref.examples import ring
from socialpref.training import MLP, Batch, agreement_only, fit_minibatch

SCRIPT = Path(__file__).parents[1] / "analyses" / "ring.py"
SMALL = ["--seeds", "2", "--comparisons", "600", "--steps", "8", "--jobs", "1"]
WRITTEN = sorted(
    [f"ring_{name}.csv" for name in ("limits", "runs", "summary", "variance")]
    + [f"ring_{f}.{kind}" for f in ("distances", "policies", "variance") for kind in ("pdf", "png")]
)


@pytest.fixture
def analysis() -> ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("ring_analysis", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ring_analysis"] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def test_the_exact_limits_have_the_recomputed_digits(analysis: ModuleType) -> None:
    table = analysis.limit_table(analysis.limits()).set_index("limit")
    expected = {
        "uniform": (0.025000, 0.025000, 0.082615),
        "DPO": (0.030425, 0.027341, 0.043741),
        "corrected, alpha 0.5": (0.031253, 0.028242, 0.037804),
        "corrected, alpha 1": (0.032175, 0.029798, 0.029526),
        "corrected, alpha 2": (0.032717, 0.033401, 0.013816),
        "corrected, alpha 3": (0.029505, 0.030410, 0.030543),
        "agreement-only": (0.028472, 0.033636, 0.0),
        "type models, averaged": (0.028472, 0.033636, 0.0),
    }
    for name, row in expected.items():
        assert table.loc[name].to_numpy() == pytest.approx(row, abs=1.01e-6)


def test_policies_are_turned_so_that_every_state_is_at_0(analysis: ModuleType) -> None:
    policies = np.zeros((2, 40, 40))
    for state in range(40):
        policies[0, state, (state + 3) % 40] = 1.0
        policies[1, state, (state - 1) % 40] = 1.0
    turned = analysis.by_offset(policies)
    assert (turned[0, :, 3] == 1.0).all()
    assert (turned[1, :, 39] == 1.0).all()
    best = np.array([optimal_policy(one).policy for one in ring()])
    np.testing.assert_allclose(analysis.by_offset(best), np.tile(best[0], (40, 1)), atol=1e-15)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_result(
    analysis: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--out", str(tmp_path), *SMALL]
    work, calls = tmp_path / "ring-work", []

    def often(*positional: Any, **named: Any) -> Any:
        return fit_minibatch(*positional, **named, save_every=3)

    def interrupted(margin: Tensor, batch: Batch) -> Tensor:
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt  # once
        return agreement_only(margin, batch)

    monkeypatch.setattr(analysis, "fit_minibatch", often)
    monkeypatch.setattr(analysis, "agreement_only", interrupted)
    with pytest.raises(KeyboardInterrupt):
        analysis.main(arguments)
    kept = sorted(os.listdir(work))
    assert kept == [
        "agreeing-600-8steps-2seeds.pt",
        "direct-600-8steps-2seeds.npz",
        "tables-600-seed0.npz",
        "tables-600-seed1.npz",
    ]
    assert os.listdir(tmp_path) == ["ring-work"]
    times = {name: (work / name).stat().st_mtime_ns for name in kept[1:]}

    analysis.main(arguments)
    assert len(calls) == 6 + 5  # from the checkpoint at step 3 on
    assert times == {name: (work / name).stat().st_mtime_ns for name in times}
    assert sorted(set(os.listdir(tmp_path)) - {"ring-work"}) == WRITTEN

    fresh = analysis.agreeing(analysis.Settings(2, 600, 8, tmp_path / "fresh", False))
    with np.load(work / "agreeing-600-8steps-2seeds.npz") as resumed:
        for method, policies in fresh.items():
            np.testing.assert_array_equal(resumed[method], policies)

    runs = pd.read_csv(tmp_path / "ring_runs.csv")
    assert len(runs) == 2 * (8 + 7)  # latent classes have no network
    assert runs.groupby("method")["labels"].first()["agreement-only"] == 1800
    distances = runs[["tv_mean_policy", "tv_states"]]
    assert ((distances >= 0.0) & (distances <= 1.0)).all(axis=None)
    # A policy's distance is at most the mean of the distances that it averages.
    assert (runs["tv_mean_policy"] <= runs["tv_states"] + 1e-12).all()
    assert (runs.loc[runs["learner"] == "table", "residual"] <= 1e-3).all()
    ratios = pd.read_csv(tmp_path / "ring_variance.csv")["F1_to_true_median"]
    assert ratios.to_numpy() == pytest.approx(0.71, abs=0.005)


def test_bad_arguments_are_one_line(
    analysis: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["ring.py"])
    with pytest.raises(SystemExit) as stopped:
        analysis.main(["--out", str(tmp_path / "out"), "--seeds", "0"])
    assert stopped.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "ring.py: error: --seeds must be positive; got 0"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_network_trained_by_dpo_nears_its_limit() -> None:
    states = ring()
    cells = simulate(states, 200_000, seed=1).cells(merged=False)
    (fit,) = fit_minibatch([MLP(40, 40)], cells, n_prompts=40, n_options=40, steps=5000)
    mean = np.mean([np.roll(row, -state) for state, row in enumerate(fit.policy)], axis=0)
    limit, best = DPO().limit(states[0]).policy, optimal_policy(states[0]).policy
    # Less than a quarter is left of the way from the uniform policy.
    assert total_variation(mean, limit) < 0.25 * total_variation(np.full(40, 1 / 40), limit)
    # Like its limit it is far from the optimum, and favours the middle.
    assert total_variation(mean, best) > 0.03
    assert mean[0] > mean[[10, 30]].max()

"""The analysis of what estimators cost: its exact numbers, and the estimators that only it has."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from socialpref import RewardAveraging
from socialpref.estimators import draw_panels, estimate
from socialpref.examples import mediocre_winner
from socialpref.links import log_logistic

SCRIPT = Path(__file__).parents[1] / "analyses" / "estimators.py"


@pytest.fixture(scope="module")
def analysis() -> ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("estimators_analysis", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["estimators_analysis"] = module
    spec.loader.exec_module(module)
    return module


def test_variances_and_biases_of_the_mediocre_winner(analysis: ModuleType) -> None:
    assert analysis.control_variance(mediocre_winner()) == pytest.approx(39.6288, abs=6e-5)
    for m, bias in ((1, 0.2408), (2, 0.2738), (3, 0.0)):
        assert analysis.bias_of_agreeing(mediocre_winner(), m) == pytest.approx(bias, abs=6e-5)


def test_who_disagrees_tells_how_types_differ(analysis: ModuleType) -> None:
    """And one step from there and from agreement-only is as good as the type models."""
    crowd = mediocre_winner()
    panels = draw_panels(crowd, 1_000_000, seed=1)
    delta = crowd.rewards - crowd.rewards.mean(axis=0)
    found = analysis.disagreements(panels)
    np.testing.assert_allclose(found, delta - delta.mean(axis=1, keepdims=True), atol=0.03)
    models, step = estimate(RewardAveraging(), panels), analysis.one_step(panels)
    gaps = np.subtract.outer(step.rewards, step.rewards)
    assert np.abs(gaps - models.gaps).max() < 0.1 * models.gap_errors.max()
    np.testing.assert_allclose(step.covariance, models.covariance, rtol=0.02)


def test_the_likelihood_of_disagreements_by_hand(analysis: ModuleType) -> None:
    """Two options, two types: of 30 that disagree type 1 is for the first in 20."""
    panels = analysis.Panels(
        np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        np.array([[0, 1]] * 3),
        weights=np.array([20.0, 10.0, 70.0]),
    )
    found = analysis.disagreements(panels)
    gap = (found[0, 0] - found[0, 1]) - (found[1, 0] - found[1, 1])
    chance = np.exp(log_logistic(gap))  # log 2 but for the prior
    assert 20 - 30 * chance == pytest.approx(analysis.PRIOR * gap / 4, abs=1e-3)


def test_the_control_variate_is_as_exact_as_promised(analysis: ModuleType) -> None:
    crowd, n = mediocre_winner(), 1_000_000
    panels = draw_panels(crowd, n, seed=2)
    dpo = analysis.DPO().limit(crowd).rewards
    found = analysis.control_variate(panels, dpo)
    spread = analysis.mean_over_pairs(analysis.gap_variances(found.covariance))
    assert 3 * n * spread == pytest.approx(39.6288, rel=0.02)
    means = crowd.mean_rewards()
    assert np.sqrt(analysis.mean_over_pairs(analysis.apart(found.rewards, means) ** 2)) < 0.01


def test_shrinkage_stays_between_its_ends(analysis: ModuleType) -> None:
    for n in (200, 100_000):
        panels = draw_panels(mediocre_winner(), n, seed=3)
        both = analysis.agreement_and_dpo(panels)
        moved = analysis.shrunk(panels).rewards - both.agreement
        part = moved @ (both.dpo - both.agreement) / ((both.dpo - both.agreement) ** 2).sum()
        assert 0.0 <= part <= 1.0
        np.testing.assert_allclose(moved, part * (both.dpo - both.agreement), atol=1e-12)
    assert part < 0.1


def test_the_tables_and_the_figure(analysis: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "SIZES", (100, 400))
    table = analysis.errors(2, 1, ("two camps",))
    assert len(table) == 2 * 8
    assert (table["rmse"] >= table["bias"] - 1e-12).all()
    figure = analysis.draw(table)
    assert [axes.get_title() for axes in figure.axes] == ["two camps"]
    ratios = analysis.ratios(10)
    assert (ratios[["agreement", "orthogonal"]] > 1 - 1e-9).all(axis=None)


@pytest.mark.slow
def test_latent_classes_come_near_agreement(
    analysis: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The theory of the small ring: V is 1.75 times as large, so errors are 1.32 times."""
    table = analysis.classes(4, 1, ("ring of 8",)).groupby("estimator")["rmse"]
    errors = np.sqrt(table.agg(lambda rmse: (rmse**2).mean()))
    assert 1.0 < errors["latent classes"] / errors["agreement-only"] < 1.8

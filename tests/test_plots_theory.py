"""Figures of the theory show the numbers that were found."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text

import socialpref as sp
from socialpref import DPO, Population, Winner, nbc, optimal_policy
from socialpref.examples import mediocre_winner, two_camps
from socialpref.plots import theory
from socialpref.plots.style import WIDTH
from socialpref.theory import (
    average_reward_bounds,
    bradley_terry_misfit,
    crossing_temperatures,
    error_orders,
    usable_outcomes,
)

from .helpers import refuses


def drawn(figure: Figure) -> list[str]:
    """Draw a figure, which warns of all that does not fit, and return its texts.

    On a page 740 pixels wide they are at least 11 pixels high.
    """
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    assert figure.get_figwidth() <= WIDTH
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    assert min(float(text.get_fontsize()) for text in texts) >= 8
    return [text.get_text() for text in texts]


def test_method_bars() -> None:
    crowd = mediocre_winner()
    figure = theory.method_bars(crowd)
    assert "Average reward orders A = B > M; NBC, which DPO learns, orders M > A = B" in drawn(
        figure
    )
    expected = (
        crowd.mean_rewards(),
        nbc(crowd),
        DPO().limit(crowd).policy,
        optimal_policy(crowd).policy,
    )
    for axes, values in zip(figure.axes, expected, strict=True):
        bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        ends = {round(b.get_x() + b.get_width() / 2): b.get_y() + b.get_height() for b in bars}
        np.testing.assert_allclose([ends[y] for y in range(3)], values, rtol=1e-15)


def test_temperature_curves_go_from_borda_to_the_average_reward() -> None:
    crowd = mediocre_winner()
    figure = theory.temperature_curves(crowd, crossing_temperatures(crowd, "A", "M"))
    texts = drawn(figure)
    assert texts.count("τ = 1.642") == 2
    assert "NBC orders M > A = B at low temperature and A = B > M at high temperature" in texts
    assert "A, B" in texts
    left, right = figure.axes
    curve, limit = (np.asarray(line.get_ydata()) for line in left.lines[:2])
    assert curve[0] == pytest.approx(limit[0], abs=1e-9)
    curve, limit = (np.asarray(line.get_ydata()) for line in right.lines[:2])
    assert curve[-1] == pytest.approx(limit[0], abs=1e-4)


def test_the_simplex() -> None:
    camps = two_camps()
    figure = theory.sampling_simplex(camps, sp.flip(camps, Winner()))
    texts = drawn(figure)
    assert {"A > C > B\n59.8%", "C > A > B\n40.2%", "only A", "nearest flip, TV 0.1067"} <= set(
        texts
    )
    assert "C is level with A once 10.7% of the draws move" in texts
    assert sum(isinstance(patch, Polygon) for patch in figure.axes[0].patches) >= 2
    # No name covers a mark.
    (axes,) = figure.axes
    figure.draw_without_rendering()
    marks = [line.get_window_extent() for line in axes.lines]
    names = [text.get_window_extent() for text in axes.texts if "%" in text.get_text()]
    assert len(names) == len(marks) == 2
    assert not any(name.overlaps(mark) for name in names for mark in marks)
    crowd = mediocre_winner()  # without a flip, and with a tie
    assert "uniform" in drawn(theory.sampling_simplex(crowd, sp.flip(crowd, Winner())))
    tied = Population([[-1, 3, 0], [-3, -4, 0], [2, -1, -2]], options=["A", "B", "C"])
    figure = theory.sampling_simplex(tied, sp.flip(tied))
    assert "A, B and C are tied at the base" in drawn(figure)
    for cell, name in zip(figure.axes[0].patches, figure.axes[0].texts, strict=False):
        assert cell.get_path().contains_point(name.get_position())
    with refuses("population"):
        theory.sampling_simplex(Population([[1, 0]]), sp.flip(camps, Winner()))


def test_reward_intervals() -> None:
    split = Population([[1, 0], [-3, 0]], [0.7, 0.3])
    types = [[x, 0] for x in np.linspace(-4, 4, 17)]
    results = [
        average_reward_bounds(split, 0, 1, dictionary=[t for t in types if abs(t[0]) <= bound])
        for bound in (3, 4)
    ]
    figure = theory.reward_intervals({"split": results})
    assert "split\n(own gap -0.200)" in drawn(figure)
    lower, upper = figure.axes[0].lines[:2]
    np.testing.assert_array_equal(np.asarray(lower.get_ydata()), [r.lower for r in results])
    np.testing.assert_array_equal(np.asarray(upper.get_ydata()), [r.upper for r in results])
    with refuses("found"):
        theory.reward_intervals({})
    with refuses("found"):
        theory.reward_intervals({"split": []})


def test_misfit_scatter() -> None:
    mixture = Population([[0, 1, 3], [0, -2, 1]])
    figure = theory.misfit_scatter(mixture, bradley_terry_misfit(mixture))
    assert any("cycle defect 0.425" in text for text in drawn(figure))
    points = np.asarray(figure.axes[0].collections[0].get_offsets())
    assert len(points) == 3
    assert (points[:, 0] > 0).all()


def test_outcome_spectra_and_error_lines() -> None:
    spectra = [usable_outcomes(n_types) for n_types in (2, 3)]
    assert {"T = 2: rank 3 of 4", "T = 3: rank 7 of 8"} <= set(
        drawn(theory.outcome_spectra(spectra))
    )
    orders = error_orders([0, 1, 2], [[2, 0, -1], [0, 0, 1], [-2, 0, 1]], (0.1, 0.05))
    figure = theory.error_lines(orders)
    drawn(figure)
    dpo, corrected = (np.asarray(line.get_ydata()) for line in figure.axes[0].lines)
    np.testing.assert_array_equal(dpo, orders.dpo)
    np.testing.assert_array_equal(corrected, orders.corrected)


@pytest.mark.slow
def test_the_script_as_it_is_run(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "analyses" / "theory.py"
    run = subprocess.run(
        [sys.executable, str(script), "--out", str(tmp_path / "figures")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "A overtakes M at temperature 1.64241" in run.stdout
    names = [
        "intervals",
        "mediocre_winner",
        "misfit",
        "orders",
        "outcomes",
        "simplex",
        "temperature",
    ]
    expected = sorted(f"theory_{name}.{kind}" for name in names for kind in ("pdf", "png"))
    assert sorted(os.listdir(tmp_path / "figures")) == expected

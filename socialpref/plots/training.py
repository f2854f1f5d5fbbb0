"""Figures of what methods learn from finite data."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .style import DARK, MIDDLE, check_table, checked_arrays

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

STYLES = (
    (DARK, "-", "o"),
    (MIDDLE, "-", "s"),
    ("#6f7680", "-.", "D"),
    ("black", ":", "^"),
    ("#8fb3d9", "-", "v"),
    ("#e9c46a", "-.", "P"),
)
"""Colour, line and marker of the first, second, ... method."""
HEIGHT = 3.4


def offset_curves(policies: Mapping[str, Floats], best: Floats, scores: Floats) -> "Figure":
    """Draw policies by the offset of the action from the state, beside NBC.

    Parameters
    ----------
    policies : mapping of str to ndarray, shape (seeds, states, offsets)
        Of each method, at offsets 0, 1, ... on a circle.
    best : ndarray, shape (offsets,)
        The optimal policy, dashed in both panels of policies.
    scores : ndarray, shape (offsets,)
        NBC.

    Returns
    -------
    Figure
        Means over states; bands are standard errors over states, of each state's mean over
        seeds. DPO and its corrections are in the first panel, the other methods in the second.
    """
    from matplotlib.figure import Figure

    best = _validate.real_array("best", best, 1)
    size = len(best)
    scores = _validate.real_array("scores", scores, 1)
    if not size or len(scores) != size:
        raise _validate.complaint("scores", f"of length {size}, at least 1", len(scores))
    policies = checked_arrays("policies", policies, (None, None, size))
    if any(values.shape[1] < 2 for values in policies.values()):
        raise _validate.complaint("policies", "of at least two states", "one")
    offsets = np.arange(size) - size // 2
    figure = Figure(figsize=(11.0, 3.9), layout="constrained")
    left, right, last = figure.subplots(1, 3)
    groups = {
        "DPO and its correction": [n for n in policies if n.startswith(("DPO", "corrected"))],
        "other methods": [n for n in policies if not n.startswith(("DPO", "corrected"))],
    }
    right.sharey(left)
    for axes, (title, names) in zip((left, right), groups.items(), strict=True):
        for i, (name, (colour, line, marker)) in enumerate(zip(names, STYLES, strict=False)):
            states = policies[name].mean(axis=0)
            mean = _centred(states.mean(axis=0))
            error = _centred(states.std(axis=0, ddof=1) / np.sqrt(len(states)))
            axes.fill_between(offsets, mean - error, mean + error, color=colour, alpha=0.25, lw=0)
            axes.plot(
                offsets, mean, color=colour, ls=line, lw=1.4, label=name,
                marker=marker, ms=4, mec="black", mew=0.5, markevery=(i, 5),
            )  # fmt: skip
        axes.plot(offsets, _centred(best), color="black", ls="--", lw=1.6, label="optimal")
        axes.set_title(title, fontsize=10)
        axes.legend(frameon=False, fontsize=8, loc="lower center")
    left.set_ylabel("probability of the action")
    left.set_ylim(0.0)
    last.plot(offsets, _centred(scores), color=DARK, lw=1.6)
    last.set_title("normalized Borda count", fontsize=10)
    for axes in (left, right, last):
        axes.set_xlabel("offset of the action from the state")
        axes.set_xticks(np.arange(-size // 2, size // 2 + 1, max(1, size // 4)))
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def distance_dots(summary: "pd.DataFrame") -> "Figure":
    """Draw each method's total variation to the optimal policy beside its exact limit's.

    Parameters
    ----------
    summary : DataFrame
        Columns ``method``, ``learner`` ("network" or "table"), ``tv_limit``, and the mean and
        standard deviation over seeds of ``tv_mean_policy`` and ``tv_states``.

    Returns
    -------
    Figure
        Left for the policy averaged over states, right for each state's own; bars are standard
        deviations over seeds.
    """
    from matplotlib.figure import Figure

    distances = ("tv_mean_policy", "tv_states")
    numbers = ("tv_limit", *distances, *(f"{name}_sd" for name in distances))
    check_table(
        summary, ["method", "learner"], numbers, {"learner": ("network", "table")}, "summary"
    )
    figure = Figure(figsize=(9.5, HEIGHT), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = {
        "tv_mean_policy": "of the policy averaged over states",
        "tv_states": "of each state's policy, mean over states",
    }
    methods = list(dict.fromkeys(summary["method"]))
    looks = {"network": (DARK, "o", -0.15), "table": (MIDDLE, "s", 0.15)}
    for axes, (column, title) in zip(panels, titles.items(), strict=True):
        for learner, (colour, marker, shift) in looks.items():
            rows = summary[summary["learner"] == learner]
            places = [methods.index(name) + shift for name in rows["method"]]
            axes.errorbar(
                rows[column], places, xerr=rows[f"{column}_sd"], color=colour, fmt=marker,
                mec="black", ms=6, capsize=2, label=learner,
            )  # fmt: skip
        exact = summary.drop_duplicates("method")["tv_limit"]
        axes.plot(exact, range(len(methods)), "k|", ms=16, mew=2, label="exact limit", zorder=1)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("total variation to the optimal policy")
        axes.set_xlim(-0.002)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(methods)), methods)
    panels[0].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, ncols=3, loc="outside lower center", fontsize=9)
    return figure


def variance_scatter(true: Floats, estimates: Mapping[str, Floats]) -> "Figure":
    """Draw estimates of the types' variance against the true one, pair by pair.

    Parameters
    ----------
    true : ndarray, shape (pairs,)
    estimates : mapping of str to ndarray, shape (pairs,)
        A panel each, with the diagonal and the median ratio as lines.

    Returns
    -------
    Figure
    """
    from matplotlib.figure import Figure

    true = _validate.real_array("true", true, 1)
    if not (true > 1e-9).any():
        raise _validate.complaint("true", "positive somewhere", _validate.shown(true))
    estimates = checked_arrays("estimates", estimates, (len(true),))
    figure = Figure(figsize=(4.0 * len(estimates), HEIGHT), layout="constrained")
    panels = figure.subplots(1, len(estimates), sharex=True, sharey=True, squeeze=False)[0]
    reach = np.array([0.0, true.max()])
    there = true > 1e-9
    for axes, (name, values) in zip(panels, estimates.items(), strict=True):
        ratio = np.median(values[there] / true[there])
        axes.plot(true, values, ".", color=DARK, ms=2, alpha=0.1, mec="none", rasterized=True)
        axes.plot(reach, reach, color="black", ls="--", lw=1.2, label="equal")
        axes.plot(reach, ratio * reach, color=MIDDLE, lw=2, label=f"median ratio {ratio:.2f}")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("true variance of reward gaps")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("variance by form F1")
    return figure


def _centred(values: Floats) -> Floats:
    """Return values at offsets 0, 1, ... in the order -size/2, ..., size/2 - 1."""
    return np.roll(values, len(values) // 2)

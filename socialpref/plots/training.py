"""Figures of what methods learn from finite data."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .style import DARK, GREY, MIDDLE, WIDTH, check_table, checked_arrays, headline

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

STYLES = (
    (DARK, "-", "o", DARK),
    (MIDDLE, "--", "s", "white"),
    (GREY, "-.", "D", GREY),
    ("#7ba3cc", "-", "v", "white"),
)
"""Colour, line, marker and what fills the marker, of the first, second, ... method."""
HEIGHT = 3.6


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
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    panels: dict[str, Axes] = figure.subplot_mosaic(
        [["DPO and its correction", "other methods"], ["NBC", "NBC"]], height_ratios=(1.7, 1.0)
    )
    is_dpo = {name: name.startswith(("DPO", "corrected")) for name in policies}
    left, right, last = panels.values()
    right.sharey(left)
    places = offsets[_centred(best) > best.max() - 1e-9]
    words = f"The optimal policy prefers offset {' and '.join(map(str, places))}"
    if "DPO" in policies:
        peak = offsets[_centred(policies["DPO"].mean(axis=(0, 1))).argmax()]
        words += f"; DPO's mean policy prefers offset {peak}"
    headline(figure, words)
    for axes, here in ((left, True), (right, False)):
        names = [name for name in policies if is_dpo[name] == here]
        for i, (name, (colour, line, marker, fill)) in enumerate(zip(names, STYLES, strict=False)):
            states = policies[name].mean(axis=0)
            mean = _centred(states.mean(axis=0))
            error = _centred(states.std(axis=0, ddof=1) / np.sqrt(len(states)))
            axes.fill_between(offsets, mean - error, mean + error, color=colour, alpha=0.25, lw=0)
            axes.plot(
                offsets, mean, color=colour, ls=line, lw=1.4, label=name,
                marker=marker, ms=5, mec="black", mfc=fill, mew=0.7, markevery=(i, 5),
            )  # fmt: skip
        axes.plot(offsets, _centred(best), color="black", ls="--", lw=2, label="optimal")
        axes.legend(frameon=False, fontsize=8, loc="lower center")
    left.set_ylabel("probability of the action")
    left.set_ylim(0.0)
    last.plot(offsets, _centred(scores), color=DARK, lw=1.6)
    last.axhline(0.5, color="black", lw=0.8)
    last.set_ylabel("share of comparisons won")
    reach = 1.1 * max(np.abs(scores - 0.5).max(), 1e-3)
    last.set_ylim(0.5 - reach, 0.5 + reach)
    for title, axes in panels.items():
        axes.set_title(title, fontsize=9, loc="left")
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
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    first = summary.sort_values("tv_states").iloc[0]
    headline(
        figure,
        f"Nearest to the optimal policy, state by state: {first['method']} ({first['learner']}), "
        f"{first['tv_states']:.3f} away",
    )
    titles = {
        "tv_mean_policy": "policy averaged over states",
        "tv_states": "each state's policy, mean over states",
    }
    methods = list(dict.fromkeys(summary["method"]))
    looks = {"network": (DARK, "o", -0.15), "table": (MIDDLE, "s", 0.15)}
    for axes, (column, title) in zip(panels, titles.items(), strict=True):
        for learner, (colour, marker, shift) in looks.items():
            rows = summary[summary["learner"] == learner]
            places = [methods.index(name) + shift for name in rows["method"]]
            axes.errorbar(
                rows[column], places, xerr=rows[f"{column}_sd"], color=colour, fmt=marker,
                mec="black", ms=6, capsize=2, label=f"{learner} (bars: SD over seeds)",
            )  # fmt: skip
        exact = summary.drop_duplicates("method")["tv_limit"]
        axes.plot(exact, range(len(methods)), "k|", ms=16, mew=2, label="exact limit", zorder=1,
                  clip_on=False)  # fmt: skip
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlabel("TV to the optimal policy")
        axes.set_xlim(0.0)
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
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    panels = figure.subplots(1, len(estimates), sharex=True, sharey=True, squeeze=False)[0]
    reach = np.array([0.0, true.max()])
    there = true > 1e-9
    ratios = {name: np.median(values[there] / true[there]) for name, values in estimates.items()}
    headline(
        figure,
        "Form F1 over the true variance between types: median "
        + ", ".join(f"{ratio:.2f} with {name}" for name, ratio in ratios.items()),
    )
    for axes, (name, values) in zip(panels, estimates.items(), strict=True):
        ratio = ratios[name]
        axes.plot(true, values, ".", color=DARK, ms=3, alpha=0.15, mec="none", rasterized=True)
        axes.plot(reach, reach, color="black", ls="--", lw=1.2, label="equal")
        axes.plot(reach, ratio * reach, color=MIDDLE, lw=2, label=f"median ratio {ratio:.2f}")
        axes.set_title(name, fontsize=9, loc="left")
        axes.set(xlabel="true variance of reward gaps", xlim=(0, None), ylim=(0, None))
        axes.legend(frameon=False, fontsize=8, loc="upper left")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("variance by form F1")
    return figure


def _centred(values: Floats) -> Floats:
    """Return values at offsets 0, 1, ... in the order -size/2, ..., size/2 - 1."""
    return np.roll(values, len(values) // 2)

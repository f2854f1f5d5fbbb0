"""Figures of the checks of the methods: agreement, noise, sample size, misspecification.

All take tables with one row for each method and setting; `analyses/checks.py` makes them.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validate
from .style import DARK, LIGHT, MIDDLE, check_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#6f7680"
STYLES: dict[str, tuple[str, str, str]] = {
    "DPO": ("black", "-", "o"),
    "corrected 0.5": (MIDDLE, ":", "<"),
    "corrected 1": (MIDDLE, "--", "s"),
    "corrected 2": (MIDDLE, "-.", ">"),
    "agreement-only": (GREY, "-", "D"),
    "reward averaging": (DARK, "-", "^"),
    "latent classes": (DARK, "--", "v"),
    "latent classes, 8 each": (DARK, ":", "P"),
}
"""Colour, line and marker of each method."""
WORDS = ("population", "method")
RESULTS = ("limit", "mean", "interval")
"""Columns of most tables."""


def agreement_audit(table: "pd.DataFrame") -> "Figure":
    """Draw how often panels agree, and what a usable comparison costs, against their size.

    Parameters
    ----------
    table : DataFrame
        With columns ``name, kind, n_types, rate, cost``; rows whose kind is "example" are named
        in the figure, the others are survey questions.

    Returns
    -------
    Figure
        The dotted curve is a population that is indifferent to everything.
    """
    from matplotlib.figure import Figure

    check_table(table, ["name", "kind"], ["n_types", "rate", "cost"])
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    panels = figure.subplots(1, 2)
    surveys, examples = (table[(table["kind"] == "example") == is_one] for is_one in (False, True))
    below = (surveys["rate"] < 0.5).sum()
    figure.suptitle(
        f"Fewer than half of the panels agree on {below} of {len(surveys)} questions", fontsize=11
    )
    nudge = np.random.default_rng(0).uniform(-0.13, 0.13, len(surveys))
    types = np.arange(2, table["n_types"].max() + 1)
    floors = 2.0 ** (1 - types)
    for axes, column, curve in ((panels[0], "rate", floors), (panels[1], "cost", types / floors)):
        axes.plot(types, curve, color="black", ls=":", lw=1, label="all indifferent")
        axes.plot(surveys["n_types"] + nudge, surveys[column], "o", mfc="none", mec=DARK, ms=5,
                  label="survey questions")  # fmt: skip
        for (_, row), marker in zip(examples.iterrows(), "s^D", strict=False):
            axes.plot(row["n_types"] + 0.3, row[column], marker, color=MIDDLE, mec="black", ms=7,
                      ls="none", label=row["name"])  # fmt: skip
        axes.set_xlabel("types, one label of each in a panel")
        axes.set_xticks(types)
        _clean(axes)
    panels[0].axhline(0.5, color="black", lw=1, ls="--")
    panels[0].set(ylabel="share of panels that agree", ylim=(0, 1))
    panels[1].set(ylabel="labels for a usable comparison", yscale="log")
    panels[0].legend(frameon=False, fontsize=8, loc="upper right")
    return figure


def noise_curves(table: "pd.DataFrame", n: int) -> "Figure":
    """Draw each method's distance from the optimum against the temperature of the annotators.

    Parameters
    ----------
    table : DataFrame
        With columns ``population, method, temperature``, ``limit``, ``mean`` and ``interval``:
        total variation with unlimited labels, and its mean and half its interval with few.
    n : int
        How many the few are.

    Returns
    -------
    Figure
        A column for each population; limits above, finite samples below.
    """
    from matplotlib.figure import Figure

    check_table(table, WORDS, ["temperature", *RESULTS], {"method": STYLES})
    n = _validate.integer("n", n)
    names = list(dict.fromkeys(table["population"]))
    figure = Figure(figsize=(4.0 * len(names) + 1.6, 6.0), layout="constrained")
    panels = figure.subplots(2, len(names), sharex=True, sharey="col", squeeze=False)
    for column, name in zip(panels.T, names, strict=True):
        rows = table[table["population"] == name]
        _lines(column[0], rows, "temperature", "limit")
        _lines(column[1], rows, "temperature", "mean")
        column[0].set_title(f"{name}: limits", fontsize=10, loc="left")
        column[1].set_title(f"{name}: {n:,} labels", fontsize=10, loc="left")
        column[1].set_xlabel("temperature")
        for axes in column:
            ticks = sorted(set(rows["temperature"]))
            axes.set(xscale="log", ylim=(0, None))
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("TV to the optimum")
    _legend(figure, panels[1, 0])
    return figure


def sample_curves(table: "pd.DataFrame") -> "Figure":
    """Draw each method's distance and its order against the number of labels.

    Parameters
    ----------
    table : DataFrame
        With columns ``population, method, n, limit, mean, interval, order`` and ``uniform``, the
        distance of the uniform policy.

    Returns
    -------
    Figure
        A column for each population: total variation above, where hollow marks are limits
        that are not 0 and the horizontal line is the uniform policy; and the share of pairs in
        the order of the average reward below.
    """
    from matplotlib.figure import Figure

    check_table(table, WORDS, ["n", *RESULTS, "order", "uniform"], {"method": STYLES})
    names = list(dict.fromkeys(table["population"]))
    figure = Figure(figsize=(3.6 * len(names) + 1.8, 6.2), layout="constrained")
    panels = figure.subplots(2, len(names), sharex=True, sharey="row", squeeze=False)
    for column, name in zip(panels.T, names, strict=True):
        rows = table[table["population"] == name]
        _lines(column[0], rows, "n", "mean")
        _lines(column[1], rows, "n", "order")
        most = rows["n"].max()
        for method, part in rows.groupby("method"):
            limit = part["limit"].iloc[0]
            if limit > 1e-6:
                colour, _, marker = STYLES[method]
                column[0].plot(most * 2.5, limit, marker, ms=6, mec=colour, mfc="white")
        column[0].axhline(rows["uniform"].iloc[0], color=GREY, lw=4, alpha=0.4, zorder=0)
        column[0].set(xscale="log", yscale="log")
        column[0].set_title(name, fontsize=10, loc="left")
        column[1].set_xlabel("labels")
    panels[0, 0].set_ylabel("TV to the optimum")
    panels[1, 0].set_ylabel("pairs in the right order")
    _legend(figure, panels[0, 0])
    return figure


def class_curves(table: "pd.DataFrame", true_classes: int) -> "Figure":
    """Draw the distance of the methods that need latent classes against their number.

    Parameters
    ----------
    table : DataFrame
        With columns ``population, method, n_classes, limit, mean, interval``.
    true_classes : int
        Marked by a vertical line.

    Returns
    -------
    Figure
        A panel for each population. Thin horizontal lines: limits with the true joint likelihood.
    """
    from matplotlib.figure import Figure

    check_table(table, WORDS, ["n_classes", *RESULTS], {"method": STYLES})
    true_classes = _validate.integer("true_classes", true_classes, 1)
    names = list(dict.fromkeys(table["population"]))
    figure = Figure(figsize=(4.0 * len(names) + 1.6, 3.6), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(names)))
    for axes, name in zip(panels, names, strict=True):
        rows = table[table["population"] == name]
        axes.axvline(true_classes, color=LIGHT, lw=6)
        _lines(axes, rows, "n_classes", "mean")
        for method, part in rows.groupby("method"):
            limit = part["limit"].iloc[0]
            if limit > 1e-6:
                axes.axhline(limit, color=STYLES[method][0], ls=STYLES[method][1], lw=0.9)
        axes.set_title(name, fontsize=10, loc="left")
        axes.set(xlabel="latent classes that are fitted", ylim=(0, None))
        axes.set_xticks(sorted(set(rows["n_classes"])))
    panels[0].set_ylabel("TV to the optimum")
    _legend(figure, panels[0])
    return figure


def link_dots(table: "pd.DataFrame") -> "Figure":
    """Draw each method's distance for annotators who do not follow a Bradley-Terry model.

    Parameters
    ----------
    table : DataFrame
        With columns ``population, method, model, limit, mean, interval``.

    Returns
    -------
    Figure
        A panel for each population and a row for each model; filled marks are finite samples,
        ticks the limits where they are known.
    """
    from matplotlib.figure import Figure

    check_table(table, [*WORDS, "model"], RESULTS, {"method": STYLES})
    names, models = (list(dict.fromkeys(table[c])) for c in ("population", "model"))
    figure = Figure(figsize=(4.0 * len(names) + 2.6, 1.2 + 0.6 * len(models)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
    methods = [name for name in STYLES if name in set(table["method"])]
    for axes, name in zip(panels, names, strict=True):
        for i, model in enumerate(models):
            axes.axhline(i - 0.5, color="#e6e6e6", lw=0.8)
            for j, method in enumerate(methods):
                row = table[
                    (table["population"] == name)
                    & (table["model"] == model)
                    & (table["method"] == method)
                ].iloc[0]
                height = i + 0.76 * ((j + 0.5) / len(methods) - 0.5)
                colour, _, marker = STYLES[method]
                axes.errorbar(row["mean"], height, xerr=row["interval"], color=colour,
                              marker=marker, ms=5, mec="black", mew=0.5, ls="none", lw=1,
                              label=method if i == 0 else None)  # fmt: skip
                axes.plot(row["limit"], height, marker="|", ms=8, mew=2, color=colour)
        axes.set_title(name, fontsize=10, loc="left")
        axes.set(xlabel="TV to the optimum", xlim=(0, None), ylim=(len(models) - 0.5, -0.5))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(models)), models)
    _legend(figure, panels[0])
    return figure


def bias_left(table: "pd.DataFrame") -> "Figure":
    """Draw what part of DPO's bias the correction leaves, over random populations.

    Parameters
    ----------
    table : DataFrame
        With columns ``options, part, value, method`` and ``of_dpo_low``, ``of_dpo_median`` and
        ``of_dpo_high``, quartiles; of rows whose part is "limit" the value is the temperature.

    Returns
    -------
    Figure
        A panel for each number of options: medians, with bars between the quartiles.
    """
    from matplotlib.figure import Figure

    quartiles = ("of_dpo_low", "of_dpo_median", "of_dpo_high")
    check_table(table, ["part", "method", "value"], ["options", *quartiles])
    rows = table[(table["part"] == "limit") & (table["method"] != "DPO")]
    check_table(rows, [], ["value"], {"method": [name for name in STYLES if name != "DPO"]})
    sizes = list(dict.fromkeys(rows["options"]))
    figure = Figure(figsize=(3.6 * len(sizes) + 1.4, 3.6), layout="constrained")
    left = rows.loc[rows["method"] == "corrected 1", "of_dpo_median"]
    figure.suptitle(
        f"At alpha 1 the median population keeps {left.min():.0%} to {left.max():.0%} of the bias",
        fontsize=11,
    )
    panels = np.atleast_1d(figure.subplots(1, len(sizes), sharey=True))
    for axes, size in zip(panels, sizes, strict=True):
        axes.axhline(1.0, color="black", lw=1)
        for i, (method, part) in enumerate(rows[rows["options"] == size].groupby("method")):
            colour, line, marker = STYLES[str(method)]
            x = part["value"].to_numpy(dtype=float) * 1.06 ** (i - 1)
            low, middle, high = (part[f"of_dpo_{at}"] for at in ("low", "median", "high"))
            axes.errorbar(x, middle, [middle - low, high - middle], color=colour, ls=line,
                          marker=marker, ms=5, mec="black", mew=0.5, lw=1.4, elinewidth=1,
                          label=method)  # fmt: skip
        ticks = sorted(set(rows["value"]))
        axes.set_title(f"three types, {size} options", fontsize=10, loc="left")
        axes.set(xscale="log", xlabel="temperature", ylim=(0, None))
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        _clean(axes)
    panels[0].set_ylabel("distance of the limit / DPO's")
    _legend(figure, panels[0])
    return figure


def _lines(axes: "Axes", rows: "pd.DataFrame", x: str, y: str) -> None:
    """Draw a line for each method, with its interval where `y` is a mean."""
    for method, (colour, line, marker) in STYLES.items():
        part = rows[rows["method"] == method].sort_values(x)
        if len(part):
            errors: dict[str, Any] = {"yerr": part["interval"]} if y == "mean" else {}
            axes.errorbar(part[x], part[y], **errors, color=colour, ls=line, marker=marker, ms=5,
                          mec="black", mew=0.5, lw=1.4, elinewidth=1, label=method)  # fmt: skip
    _clean(axes)


def _legend(figure: "Figure", axes: "Axes") -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside right center", fontsize=9)


def _clean(axes: "Axes") -> None:
    axes.grid(color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)

"""Figures of the checks of the methods: agreement, noise, sample size, misspecification.

All take tables with one row for each method and setting; `analyses/checks.py` makes them.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validate
from .style import DARK, GREY, LIGHT, MIDDLE, WIDTH, check_table, clean, headline, legend_below

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES: dict[str, tuple[str, str, str, str]] = {
    "DPO": ("black", "-", "o", "black"),
    "corrected 0.5": (MIDDLE, ":", "<", MIDDLE),
    "corrected 1": (MIDDLE, "--", "s", MIDDLE),
    "corrected 2": (MIDDLE, "-.", ">", "white"),
    "agreement-only": (GREY, "-.", "D", "white"),
    "reward averaging": (DARK, "-", "^", DARK),
    "latent classes": ("#7ba3cc", "--", "v", "white"),
    "latent classes, 8 each": (DARK, ":", "P", DARK),
}
"""Colour, line, marker and what fills the marker, of each method."""
WORDS = ("population", "method")
RESULTS = ("limit", "mean", "interval")
"""Columns of most tables."""
EXACT = 1e-6
"""A limit nearer to the optimum is the optimum."""


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
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    panels = figure.subplots(1, 2)
    surveys, examples = (table[(table["kind"] == "example") == is_one] for is_one in (False, True))
    below = (surveys["rate"] < 0.5).sum()
    headline(figure, f"Fewer than half of the panels agree on {below} of {len(surveys)} questions")
    nudge = np.random.default_rng(0).uniform(-0.25, 0.25, len(surveys))
    types = np.arange(2, table["n_types"].max() + 1)
    floors = 2.0 ** (1 - types)
    for axes, column, curve in ((panels[0], "rate", floors), (panels[1], "cost", types / floors)):
        axes.plot(types, curve, color="black", ls=":", lw=1, label="all indifferent")
        axes.plot(surveys["n_types"] + nudge, surveys[column], "o", mfc="none", mec=DARK, ms=4,
                  label="survey questions")  # fmt: skip
        for (_, row), marker in zip(examples.iterrows(), "s^D", strict=False):
            axes.plot(row["n_types"], row[column], marker, color=MIDDLE, mec="black", ms=8,
                      ls="none", label=row["name"])  # fmt: skip
        axes.set_xlabel("types, one label of each in a panel", fontsize=9)
        axes.set_xticks(types)
        clean(axes)
    panels[0].axhline(0.5, color="black", lw=1, ls="--")
    panels[0].set(ylim=(0, 1))
    panels[0].set_title("share of panels that agree", fontsize=9, loc="left")
    panels[1].set(yscale="log")
    panels[1].set_title("labels for a usable comparison (log scale)", fontsize=9, loc="left")
    legend_below(figure, panels[0], ncols=5)
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
        A column for each population; limits above, finite samples with 95 % intervals below.
    """
    from matplotlib.figure import Figure

    check_table(table, WORDS, ["temperature", *RESULTS], {"method": STYLES})
    n = _validate.integer("n", n)
    names = list(dict.fromkeys(table["population"]))
    figure = Figure(figsize=(WIDTH, 6.2), layout="constrained")
    panels = figure.subplots(2, len(names), sharex=True, sharey="col", squeeze=False)
    headline(figure, _noise_finding(table, n))
    for column, name in zip(panels.T, names, strict=True):
        rows = table[table["population"] == name]
        biased = rows.groupby("method")["limit"].transform("max") > EXACT
        exact = rows[~biased & rows["limit"].notna()]["method"].unique()
        _lines(column[0], rows[biased], "temperature", "limit")
        if len(exact):
            column[0].text(0.98, 0.96, "0 everywhere:\n" + "\n".join(exact), fontsize=8, va="top",
                           ha="right", transform=column[0].transAxes)  # fmt: skip
        _lines(column[1], rows, "temperature", "mean", nudge=1.03)
        column[0].set_title(f"{name}: limits", fontsize=9, loc="left")
        column[1].set_title(f"{name}: {n:,} labels", fontsize=9, loc="left")
        column[1].set_xlabel("temperature")
        for axes in column:
            ticks = sorted(set(rows["temperature"]))
            axes.set(xscale="log", ylim=(0, None))
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("TV to the optimum")
    legend_below(figure, panels[1, 0])
    return figure


def _noise_finding(table: "pd.DataFrame", n: int) -> str:
    """Say from which temperature on no method's interval lies below DPO's."""
    by = ["population", "temperature"]
    dpo = table[table["method"] == "DPO"].set_index(by)
    beside = table.join(dpo[["mean", "interval"]].add_suffix("_dpo"), on=by)
    nearer = beside["mean"] + beside["interval"] < beside["mean_dpo"] - beside["interval_dpo"]
    last = table.loc[nearer, "temperature"].max()
    above = table.loc[table["temperature"] > last, "temperature"] if nearer.any() else []
    if not len(above):
        return f"With {n:,} labels some method is clearly nearer than DPO at every temperature"
    return (
        f"With {n:,} labels no method is clearly nearer than DPO from temperature {min(above):g} on"
    )


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
        A column for each population. Above total variation, with 95 % intervals; short lines at
        the right are limits that are not 0. Below the share of pairs in the order of the average
        reward, with intervals if there is a column ``order_interval``.
    """
    from matplotlib.figure import Figure

    check_table(table, WORDS, ["n", *RESULTS, "order", "uniform"], {"method": STYLES})
    names = list(dict.fromkeys(table["population"]))
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    panels = figure.subplots(2, len(names), sharex=True, sharey="row", squeeze=False)
    headline(figure, _sample_finding(table))
    for column, name in zip(panels.T, names, strict=True):
        rows = table[table["population"] == name]
        column[0].axhline(rows["uniform"].iloc[0], color=LIGHT, lw=5, zorder=0,
                          label="the uniform policy")  # fmt: skip
        _lines(column[0], rows, "n", "mean")
        _lines(column[1], rows, "n", "order")
        most = rows["n"].max()
        for method, part in rows.groupby("method"):
            limit = part["limit"].iloc[0]
            if limit > EXACT:
                colour, line, _, _ = STYLES[str(method)]
                column[0].plot([1.2 * most, 6 * most], [limit] * 2, color=colour, ls=line, lw=2)
        column[0].set(xscale="log", yscale="log")
        column[0].set_title(name, fontsize=9, loc="left")
        column[1].set(ylim=(0, 1.03))
        column[1].set_xlabel("labels")
    panels[0, 0].set_ylabel("TV to the optimum (log scale)")
    panels[1, 0].set_ylabel("share of pairs in the right order")
    legend_below(figure, panels[0, 0])
    return figure


def _sample_finding(table: "pd.DataFrame") -> str:
    """Say which method is nearest most often, and where DPO ends."""
    settings = table.loc[table["mean"].notna()].groupby(["population", "n"])
    nearest = table.loc[settings["mean"].idxmin(), "method"]
    best, times = nearest.mode()[0], nearest.value_counts().max()
    words = f"{_first(best)} has the least mean distance at {times} of {len(nearest)} sizes"
    most = table["n"].max()
    ends = table.loc[(table["n"] == most) & (table["method"] == "DPO"), "mean"]
    if not len(ends):
        return words
    return f"{words};\nDPO is still {_range(ends)} away with {most:,} labels"


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
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(names)))
    headline(figure, _class_finding(table, true_classes))
    for axes, name in zip(panels, names, strict=True):
        rows = table[table["population"] == name]
        axes.axvline(true_classes, color=LIGHT, lw=6, zorder=0, label="the true number")
        _lines(axes, rows, "n_classes", "mean", shift=0.07)
        for method, part in rows.groupby("method"):
            limit = part["limit"].iloc[0]
            if limit > EXACT:
                axes.axhline(limit, color=STYLES[str(method)][0], ls=STYLES[str(method)][1], lw=0.9)
        axes.set_title(name, fontsize=9, loc="left")
        axes.set(xlabel="latent classes that are fitted", ylim=(0, None))
        axes.set_xticks(sorted(set(rows["n_classes"])))
    panels[0].set_ylabel("TV to the optimum")
    legend_below(figure, panels[0])
    return figure


def _class_finding(table: "pd.DataFrame", true_classes: int) -> str:
    """Say with how many classes the first method that needs no correction is nearest."""
    rows = table[table["limit"].isna() & table["mean"].notna()]
    if not len(rows):
        return f"There are {true_classes} types"
    method = rows["method"].iloc[0]
    least = rows[rows["method"] == method].groupby("population")["mean"].idxmin()
    best = sorted(set(table.loc[least, "n_classes"]))
    number = " or ".join(map(str, best))
    true = "the true number" if best == [true_classes] else f"there are {true_classes} types"
    return f"{_first(method)} have the least mean distance with {number} of them: {true}"


def link_dots(table: "pd.DataFrame") -> "Figure":
    """Draw each method's distance for annotators who do not follow a Bradley-Terry model.

    Parameters
    ----------
    table : DataFrame
        With columns ``population, method, model, limit, mean, interval``.

    Returns
    -------
    Figure
        A panel for each population and a row for each model; marks are finite samples with
        95 % intervals, black ticks the limits where they are known.
    """
    from matplotlib.figure import Figure

    check_table(table, [*WORDS, "model"], RESULTS, {"method": STYLES})
    names, models = (list(dict.fromkeys(table[c])) for c in ("population", "model"))
    height = 2.2 + 0.85 * len(models)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
    headline(figure, _link_finding(table))
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
                place = i + 0.84 * ((j + 0.5) / len(methods) - 0.5)
                colour, _, marker, fill = STYLES[method]
                axes.plot(row["limit"], place, marker="|", ms=11, mew=2.5, ls="none", color="black",
                          label="limit, where known" if i == j == 0 else None)  # fmt: skip
                axes.errorbar(row["mean"], place, xerr=row["interval"], color=colour,
                              marker=marker, mfc=fill, ms=6, mec="black", mew=0.7, ls="none",
                              elinewidth=1.4, label=method if i == 0 else None)  # fmt: skip
        axes.set_title(name, fontsize=9, loc="left")
        axes.set(xlabel="TV to the optimum", xlim=(0, None), ylim=(len(models) - 0.5, -0.5))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(models)), models)
    legend_below(figure, panels[0])
    return figure


def _link_finding(table: "pd.DataFrame") -> str:
    """Say under which models some method's limit is the optimum, and how far it is elsewhere."""
    reached = table.groupby(["method", "model"], sort=False)["limit"].max() <= EXACT
    methods = [m for m in STYLES if m in reached.index and reached[m].any()]
    if not methods:
        return "No method's limit is the optimum under any of these models"
    models = [model for model, yes in reached.groupby("model", sort=False).all().items() if yes]
    models = models or [model for model, yes in reached[methods[0]].items() if yes]
    rest = table[table["method"].isin(methods) & ~table["model"].isin(models)]["limit"]
    named = (
        f"{_first(' and '.join(methods))}: the limit is the optimum under {' and '.join(models)}"
    )
    return f"{named};\nelsewhere it is {_range(rest)} away" if len(rest) else named


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
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    left = rows.loc[rows["method"] == "corrected 1", "of_dpo_median"]
    headline(
        figure,
        f"At alpha 1 the median population keeps {left.min():.0%} to {left.max():.0%} of DPO's "
        "bias, by temperature and number of options",
    )
    panels = np.atleast_1d(figure.subplots(1, len(sizes), sharey=True))
    for axes, size in zip(panels, sizes, strict=True):
        axes.axhline(1.0, color="black", lw=1)
        for i, (method, part) in enumerate(rows[rows["options"] == size].groupby("method")):
            colour, line, marker, fill = STYLES[str(method)]
            x = part["value"].to_numpy(dtype=float) * 1.06 ** (i - 1)
            low, middle, high = (part[f"of_dpo_{at}"] for at in ("low", "median", "high"))
            axes.errorbar(x, middle, [middle - low, high - middle], color=colour, ls=line,
                          marker=marker, mfc=fill, ms=6, mec="black", mew=0.7, lw=1.4,
                          elinewidth=1, label=method)  # fmt: skip
        ticks = sorted(set(rows["value"]))
        axes.set_title(f"three types, {size} options", fontsize=9, loc="left")
        axes.set(xscale="log", xlabel="temperature", ylim=(0, None))
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        clean(axes)
    panels[0].set_ylabel("distance of the limit / DPO's")
    legend_below(figure, panels[0])
    return figure


def _first(words: str) -> str:
    return words[0].upper() + words[1:]


def _range(values: "pd.Series[float]") -> str:
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low} to {high}"


def _lines(
    axes: "Axes", rows: "pd.DataFrame", x: str, y: str, *, nudge: float = 1.0, shift: float = 0.0
) -> None:
    """Draw a line for each method, with its interval where there is one.

    Methods beside each other are `nudge` times or `shift` further to the right.
    """
    intervals = {"mean": "interval"}.get(y, f"{y}_interval")
    drawn = [method for method in STYLES if method in set(rows["method"])]
    for i, method in enumerate(drawn):
        colour, line, marker, fill = STYLES[method]
        part = rows[rows["method"] == method].sort_values(x)
        errors: dict[str, Any] = {"yerr": part[intervals]} if intervals in part else {}
        place = i - (len(drawn) - 1) / 2
        axes.errorbar(part[x] * nudge**place + shift * place, part[y], **errors, color=colour,
                      ls=line, marker=marker, mfc=fill, ms=6, mec="black", mew=0.7, lw=1.5,
                      elinewidth=1.2, label=method)  # fmt: skip
    clean(axes)

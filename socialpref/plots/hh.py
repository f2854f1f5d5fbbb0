"""Figures of the length experiment on HH-RLHF."""

from typing import TYPE_CHECKING

from .style import DARK, GREY, LIGHT, MIDDLE, WIDTH, check_table, clean, headline

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = {
    "anonymous": (DARK, "o", "-", DARK),
    "average": (GREY, "s", "--", LIGHT),
    "agreement-law": (MIDDLE, "D", ":", MIDDLE),
    "agreement": (MIDDLE, "^", "-", "white"),
    "linked": ("#7ba3cc", "v", "--", "white"),
    "typed": ("black", "P", ":", "black"),
    "orthogonal": ("black", "X", "--", "white"),
}
"""Colour, marker, line and what fills the marker, of each arm."""
TITLES = {"labels": "equal numbers of labels", "pairs": "equal numbers of pairs"}


def accuracy_curves(table: "pd.DataFrame") -> "Figure":
    """Draw accuracy against the budget, one line for each arm, one panel for each unit.

    Parameters
    ----------
    table : DataFrame
        From `socialpref.llm.experiments.summary`; budgets of exact probabilities become a tick at
        the right.
    """
    figure, panels = _panels(table, height=4.2)
    for axes, unit in panels:
        rows = table[(table["unit"] == unit) & (table["budget"] > 0)]
        for arm, group in rows.groupby("arm", sort=False):
            colour, marker, line, fill = STYLES[str(arm)]
            group = group.sort_values("budget")
            x, y = group["budget"].to_numpy(), 100.0 * group["accuracy"].to_numpy()
            low, high = (100.0 * group[f"accuracy_{end}"].to_numpy() for end in ("low", "high"))
            axes.errorbar(
                x, y, [y - low, high - y], color=colour, marker=marker, ls=line, mec="black",
                mfc=fill, ms=6, capsize=2, elinewidth=0.8, label=str(arm),
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlabel(f"budget, {unit} (log scale)")
        clean(axes)
    most = table["budget"].max()
    ends = table[table["budget"] == most]
    best = ends.loc[ends["accuracy"].idxmax()]
    headline(
        figure,
        f"{best['arm'].capitalize()} is the most accurate arm with {most:,} {best['unit']}: "
        f"{best['accuracy']:.1%} ({best['accuracy_low']:.1%} to {best['accuracy_high']:.1%})",
    )
    panels[0][0].set_ylabel("held-out pairs ordered as\nthe mean reward does, %")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=7, fontsize=8)
    return figure


def accuracy_dots(table: "pd.DataFrame") -> "Figure":
    """Draw the accuracy of each arm with its interval, for one budget.

    Parameters
    ----------
    table : DataFrame
        From `socialpref.llm.experiments.summary`.
    """
    figure, panels = _panels(table, height=3.2)
    for axes, unit in panels:
        rows = table[table["unit"] == unit]
        places = list(range(len(rows)))
        axes.axvline(50.0, color=LIGHT, lw=1, zorder=0)
        for place, row in zip(places, rows.itertuples(), strict=True):
            colour, marker, _, fill = STYLES[row.arm]
            mean = 100.0 * row.accuracy
            if row.accuracy_low == row.accuracy_low:  # one seed has no interval
                axes.plot([100 * row.accuracy_low, 100 * row.accuracy_high], [place] * 2, "k", lw=1)
            axes.plot(mean, place, marker, color=colour, mfc=fill, mec="black", ms=8)
        axes.set_yticks(places, rows["arm"])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, 0.0), min(high, 100.0))
        axes.set_xlabel("held-out pairs ordered as\nthe mean reward does, %")
    return figure


def _panels(table: "pd.DataFrame", height: float) -> tuple["Figure", "list[tuple[Axes, str]]"]:
    from matplotlib.figure import Figure

    numbers = ("budget", "accuracy", "accuracy_low", "accuracy_high")
    check_table(table, ["unit", "arm"], numbers, {"unit": TITLES, "arm": STYLES})
    units = list(dict.fromkeys(table["unit"]))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    all_axes = figure.subplots(1, len(units), sharey=True, squeeze=False)[0]
    for axes, unit in zip(all_axes, units, strict=True):
        axes.set_title(TITLES[unit], fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, list(zip(all_axes, units, strict=True))

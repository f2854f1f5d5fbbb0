"""Figures of the survey study."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from ..errors import InputError
from ..rules import nbc
from ..surveys.findings import QuestionResult
from ..surveys.studies import Study
from .style import DARK, LIGHT, MIDDLE, check_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def flip_cdf(study: Study) -> "Figure":
    """Draw the distribution function of the flip distance among flippable questions.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Figure
        The paper's Figure 1 (left), with the median marked and the share of questions that
        no sampling distribution flips stated.
    """
    from matplotlib.figure import Figure

    _validate.instance("study", study, Study, "a Study")
    facts, distances = study.summary(), study.distances
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    if len(distances):
        share = np.arange(1, len(distances) + 1) / len(distances)
        axes.step([0.0, *distances, 1.0], [0.0, *share, 1.0], where="post", color=DARK, lw=2)
        median = facts["median_distance"]
        axes.plot([median, median, 0.0], [0.0, 0.5, 0.5], ls="--", lw=1.2, color=MIDDLE)
        axes.annotate(
            f"median {median:.3f}", (median, 0.0), (6, 8), textcoords="offset points", color="black"
        )
    else:
        axes.text(0.5, 0.5, "no question can be flipped", ha="center", transform=axes.transAxes)
    start = _origin(study.protocol.base == "uniform")
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1.02),
        xlabel=f"total variation from {start} at which the ranking changes",
        ylabel="share of flippable questions",
    )
    share_text = "" if not facts["n_questions"] else f" ({facts['share_flippable']:.1%})"
    axes.set_title(
        f"{_plain(study.survey.name)}: {facts['n_flippable']} of {facts['n_questions']} questions "
        f"can be flipped{share_text}",
        fontsize=10,
        loc="left",
    )
    axes.grid(color="#e6e6e6", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def question_bars(result: QuestionResult) -> "Figure":
    """Draw a question's average reward, its NBC before and after the flip, and the two mixes.

    Parameters
    ----------
    result : QuestionResult
        Of a question that was examined.

    Returns
    -------
    Figure
        Options from top to bottom in the NBC order at the base sampling. The option that is
        overtaken is dark, the one that overtakes it hatched.

    Raises
    ------
    InputError
        If the question was not examined.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    _validate.instance("result", result, QuestionResult, "a QuestionResult")
    if result.finding is None:
        raise InputError(f"{result.question.key} was not examined: {result.reason}.")
    found, question = result.finding, result.question
    order, flip = list(found.nbc_order.order), found.flip
    figure = Figure(figsize=(11.0, 1.9 + 0.4 * len(order)), layout="constrained")
    panels = figure.subplots(1, 4, sharey=True)
    rewards = found.population.mean_rewards()
    _bars(panels[0], rewards[order], order, flip.pair, "average reward", 0.0)
    scores, start = nbc(found.population, flip.base), _origin(np.ptp(flip.base) == 0.0)
    _bars(panels[1], scores[order], order, flip.pair, f"NBC, {start}", 0.5)
    if flip.exists:
        scores = nbc(found.population, flip.mix)
        _bars(panels[2], scores[order], order, flip.pair, "NBC, flipping sampling", 0.5)
        _bars(panels[3], flip.mix[order], order, flip.pair, "share of draws", 0.0)
        panels[3].plot(flip.base[order], range(len(order)), "|", color="black", ms=22, mew=1.5)
        panels[3].set_title(f"flipping sampling\n(lines: {start})", fontsize=9, loc="left")
    else:
        for panel in panels[2:]:
            panel.set_axis_off()
        tied = flip.certificate is None
        reason = "all options are tied" if tied else "no sampling distribution\nchanges the ranking"
        panels[2].text(0.0, 0.5, reason, transform=panels[2].transAxes, va="center", fontsize=9)
    panels[0].set_yticks(
        range(len(order)), [_plain(fill(question.options[y], 28)) for y in order], fontsize=8
    )
    panels[0].invert_yaxis()
    if flip.exists:
        figure.legend(
            handles=[
                Patch(facecolor=DARK, edgecolor="black", label="is overtaken"),
                Patch(facecolor=MIDDLE, edgecolor="black", hatch="///", label="overtakes it"),
            ],
            loc="outside lower left",
            ncols=2,
            fontsize=8,
            frameon=False,
        )
    figure.suptitle(
        _plain(fill(f"{question.key}: {question.text}", 120)), fontsize=10, x=0.01, ha="left"
    )
    return figure


def sensitivity_dots(table: "pd.DataFrame", aspect: str) -> "Figure":
    """Draw how the share of flippable questions and the median distance depend on a setting.

    Parameters
    ----------
    table : DataFrame
        From `sensitivity`.
    aspect : str
        What was varied.

    Returns
    -------
    Figure
        One row per setting; the dotted lines mark the reference.
    """
    from matplotlib.figure import Figure

    check_table(table, ["setting", "is_reference"], ["share_flippable", "median_distance"])
    if table["is_reference"].dtype != bool or not table["is_reference"].any():
        raise _validate.complaint("table", "one with a row whose 'is_reference' is True", "none")
    _validate.instance("aspect", aspect, str, "a text")
    figure = Figure(figsize=(7.5, 1.6 + 0.32 * len(table)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(table))
    columns = {
        "share_flippable": ("share of questions that can be flipped", "o", DARK),
        "median_distance": ("median distance among them", "D", MIDDLE),
    }
    for axes, (column, (label, marker, colour)) in zip(panels, columns.items(), strict=True):
        values = table[column].astype(float)
        axes.plot(values, rows, marker, color=colour, mec="black", ms=7)
        axes.axvline(values[table["is_reference"]].iloc[0], color="black", ls=":", lw=1)
        for row, value in zip(rows, values, strict=True):
            if np.isfinite(value):
                axes.annotate(
                    f"{value:.3f}", (value, row), (8, -3), textcoords="offset points", fontsize=8
                )
        axes.set_xlim(0, 1.25 * max(np.nanmax(values), 1e-3) if values.notna().any() else 1)
        axes.set_xlabel(label, fontsize=9)
        axes.grid(axis="x", color="#e6e6e6", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(rows, table["setting"])
    panels[0].invert_yaxis()
    panels[0].set_ylabel(aspect)
    return figure


def _bars(
    axes: "Axes",
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    order: list[int],
    pair: tuple[int, int] | None,
    title: str,
    start: float,
) -> None:
    above, below = pair or (None, None)
    colours = [DARK if y == above else MIDDLE if y == below else LIGHT for y in order]
    bars = axes.barh(
        range(len(order)), values - start, left=start, color=colours, edgecolor="black", lw=0.6
    )
    for bar, y in zip(bars, order, strict=True):
        if y == below:
            bar.set_hatch("///")
    axes.bar_label(bars, [f"{value:.3f}" for value in values], padding=2, fontsize=7)
    axes.margins(x=0.28)
    axes.axvline(start, color="black", lw=0.8)
    axes.set_title(title, fontsize=9, loc="left")
    axes.tick_params(labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _origin(uniform: bool) -> str:
    return "uniform sampling" if uniform else "the base sampling"


def _plain(text: str) -> str:
    """Return text whose dollar signs are escaped, so that none begins a formula."""
    return text.replace("$", r"\$")

"""Figures of the survey study."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from ..errors import InputError
from ..rules import nbc
from ..surveys.findings import QuestionResult
from ..surveys.question import Question
from ..surveys.studies import Study
from .style import DARK, LIGHT, MIDDLE, WIDTH, check_table, headline

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


KINDS = ("what is compared", "who counts")
GRID = np.linspace(0.0, 1.0, 201)


def flip_cdf(study: Study) -> "Figure":
    """Draw how many examined questions flip within a distance, of either kind.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Figure
        The paper's Figure 1 (left), of all examined questions instead of the flippable, and
        beside it flips by the groups' shares. Shaded are intervals, where the questions were
        drawn again. A panel for each part of the survey.
    """
    from matplotlib.figure import Figure

    _validate.instance("study", study, Study, "a Study")
    parts = study.parts or {"": study}
    figure = Figure(figsize=(WIDTH, 0.5 + 3.5 * len(parts)), layout="constrained")
    panels = figure.subplots(len(parts), squeeze=False)[:, 0]
    for axes, (name, part) in zip(panels, parts.items(), strict=True):
        _draw_cdf(axes, part, name)
    start = _origin(study.protocol.base == "uniform")
    panels[-1].set_xlabel(
        f"distance in total variation: of draws from {start}, or of the groups' shares"
    )
    figure.suptitle(_plain(study.survey.name), fontsize=10, x=0.01, ha="left")
    return figure


def _draw_cdf(axes: "Axes", study: Study, name: str) -> None:
    examined = sum(result.finding is not None for result in study.results)
    both = (study.distances, study.share_distances)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share of all examined questions")
    axes.grid(color="#e6e6e6", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    numbers = [len(distances) for distances in both]
    title = (
        f"{numbers[0]} of {examined} rankings can be flipped by {KINDS[0]}, "
        f"{numbers[1]} by {KINDS[1]}"
    )
    axes.set_title("\n".join(filter(None, [_plain(name), title])), fontsize=10, loc="left")
    if not any(map(len, both)):
        axes.text(0.5, 0.5, "no question can be flipped", ha="center", transform=axes.transAxes)
        return
    styles = ((DARK, "-"), (MIDDLE, "--"))
    for kind, distances, (colour, style) in zip(KINDS, both, styles, strict=True):
        band = study.band(GRID, by_shares=kind == KINDS[1])
        if band is not None:
            axes.fill_between(
                GRID, band[0] / examined, band[1] / examined, color=colour, alpha=0.15, lw=0
            )
        share = np.arange(1, len(distances) + 1) / examined
        last = len(distances) / examined
        axes.step(
            [0.0, *distances, 1.0], [0.0, *share, last], where="post", color=colour, ls=style,
            lw=2, label=_with_median(kind, distances),
        )  # fmt: skip
    # In the emptier corner: below the curves where many flip, above where few do.
    axes.legend(frameon=False, fontsize=9, loc="best")


def _with_median(kind: str, distances: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    return f"{kind}: median {np.median(distances):.3f}" if len(distances) else f"{kind}: none"


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
        overtaken is dark, the one that overtakes it hatched. Lines across the NBC bars are
        intervals, where the question was drawn again.

    Raises
    ------
    InputError
        If the question was not examined.
    """
    from matplotlib.figure import Figure

    _validate.instance("result", result, QuestionResult, "a QuestionResult")
    if result.finding is None:
        raise InputError(f"{result.question.key} was not examined: {result.reason}.")
    found, question = result.finding, result.question
    order, flip = list(found.nbc_order.order), found.flip
    labels = [_plain(fill(question.options[y], 26)) for y in order]
    lines = sum(1 + label.count("\n") for label in labels)
    title = "\n".join(fill(text, 84) for text in (_finding(result), _asked(question)))
    rows = 2 if flip.exists else 1
    head = 0.18 * (1 + title.count("\n"))
    height = head + 0.4 * (rows == 2) + rows * (0.65 + max(0.3 * len(order), 0.16 * lines))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(rows, 2, sharey=True).ravel()
    rewards, scores = found.population.mean_rewards(), nbc(found.population, flip.base)
    start = _origin(np.ptp(flip.base) == 0.0)
    _bars(panels[0], rewards[order], order, flip.pair, "average reward", 0.0)
    _bars(panels[1], scores[order], order, flip.pair, f"NBC, {start}", 0.5)
    if (error := found.uncertainty) is not None:
        intervals = [error.nbc_intervals[y] for y in order]
        panels[1].hlines(
            np.arange(len(order)) + 0.3, [one.low for one in intervals],
            [one.high for one in intervals], color="black", lw=1.5,
        )  # fmt: skip
        panels[1].set_title(
            f"NBC, {start}\n(lines: {error.level:.0%} intervals)", fontsize=9, loc="left"
        )
    if flip.exists:
        _bars(panels[2], flip.mix[order], order, flip.pair, "share of draws", 0.0)
        panels[2].plot(flip.base[order], range(len(order)), "|", color="black", ms=14, mew=1.5)
        panels[2].set_title(f"draws at the flip (strokes: {start})", fontsize=9, loc="left")
        scores = nbc(found.population, flip.mix)
        _bars(panels[3], scores[order], order, flip.pair, "NBC at the flip", 0.5)
        _legend(figure)
    panels[0].set_yticks(range(len(order)), labels, fontsize=8)
    panels[0].invert_yaxis()
    figure.suptitle(_plain(title), fontsize=10, x=0.01, ha="left")
    return figure


def _legend(figure: "Figure") -> None:
    from matplotlib.patches import Patch

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


def _finding(result: QuestionResult) -> str:
    """Return the title: what flips at which distance, as estimated."""
    assert result.finding is not None
    flip, error = result.finding.flip, result.finding.uncertainty
    if flip.pair is None:
        tied = flip.certificate is None
        text = "all options are tied" if tied else "no sampling distribution changes the ranking"
        words = f"As estimated, {text}"
        return words if error is None else f"{words}; {error.flip_share:.0%} of replicates flip"
    above, below = (result.question.options[y] for y in flip.pair)
    level = f"\u201c{below}\u201d is level with \u201c{above}\u201d"
    words = f"{level} once {flip.distance:.1%} of draws move"
    if error is None:
        return words
    interval = error.flip_interval
    ends = interval.describe("{:.1%}", infinite="never")
    return f"{words} ({interval.level:.0%} interval {ends})"


def _asked(question: Question) -> str:
    return f"{question.key}: {question.text}" if question.text else question.key


def sensitivity_dots(table: "pd.DataFrame", aspect: str) -> "Figure":
    """Draw how the shares of questions that flip and the median distances depend on a setting.

    Parameters
    ----------
    table : DataFrame
        From `sensitivity`.
    aspect : str
        What was varied.

    Returns
    -------
    Figure
        One row per setting, flips by what is compared filled and by who counts hollow; the
        dotted lines mark the reference.
    """
    from matplotlib.figure import Figure

    check_table(
        table,
        ["setting", "is_reference"],
        ["n_questions", "n_flippable", "n_share_flippable", "share_flippable", "median_distance",
         "median_share_distance"],
    )  # fmt: skip
    if table["is_reference"].dtype != bool or not table["is_reference"].any():
        raise _validate.complaint("table", "one with a row whose 'is_reference' is True", "none")
    _validate.instance("aspect", aspect, str, "a text")
    figure = Figure(figsize=(WIDTH, 1.8 + 0.32 * len(table)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    compared = table["share_flippable"].astype(float)
    counting = table["n_share_flippable"].astype(float) / table["n_questions"].astype(float)
    medians = [table[f"median_{name}distance"].astype(float) for name in ("", "share_")]
    _draw_dots(panels[0], compared, counting, "share of all questions")
    _draw_dots(panels[1], medians[0], medians[1], "median distance of those that flip")
    reference = table["is_reference"].to_numpy().argmax()
    for axes, values in zip(panels, (compared, medians[0]), strict=True):
        if np.isfinite(values.iloc[reference]):
            axes.axvline(values.iloc[reference], color="black", ls=":", lw=1, zorder=0)
    panels[0].set_yticks(range(len(table)), table["setting"])
    panels[0].set_ylim(len(table) - 0.5, -0.5)
    panels[0].set_ylabel(aspect)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    ranges = [_range(table[column]) for column in ("n_flippable", "n_share_flippable")]
    most = int(table["n_questions"].max())
    start = "Depending on" if any(" to " in numbers for numbers in ranges) else "Whatever the"
    title = (
        f"{start} {aspect}, {ranges[0]} of {most} rankings can be flipped by {KINDS[0]}, "
        f"{ranges[1]} by {KINDS[1]}"
    )
    headline(figure, title)
    return figure


def _range(numbers: "pd.Series[int]") -> str:
    low, high = numbers.min(), numbers.max()
    return f"{low}" if low == high else f"{low} to {high}"


def _draw_dots(
    axes: "Axes", filled: "pd.Series[float]", hollow: "pd.Series[float]", label: str
) -> None:
    """Draw two values a row, each with its number beside it."""
    rows = range(len(filled))
    axes.plot(filled, rows, "o", color=DARK, mec="black", ms=7, clip_on=False,
              label=f"by {KINDS[0]}")  # fmt: skip
    axes.plot(hollow, rows, "D", color="white", mec=MIDDLE, mew=1.8, ms=6, clip_on=False,
              label=f"by {KINDS[1]}")  # fmt: skip
    values = np.array([filled, hollow])
    most = max(float(np.nanmax(values)) if np.isfinite(values).any() else 0.0, 1e-3)
    for row, pair in enumerate(values.T):
        # The smaller number stands on the right of its mark, too, where there is room for it.
        crowded = 0.0 < abs(pair[0] - pair[1]) < 0.3 * most
        left = int(pair[0] > pair[1]) if crowded or pair[0] == pair[1] else None
        for i, value in enumerate(pair):
            if np.isfinite(value):
                side = ("right", -7) if i == left else ("left", 7)
                axes.annotate(
                    f"{value:.3f}", (value, row), (side[1], 0), textcoords="offset points",
                    fontsize=8, ha=side[0], va="center",
                    bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none"},
                )  # fmt: skip
    axes.set_xlim(0.0, 1.3 * most)
    axes.set_xlabel(label, fontsize=9)
    axes.grid(axis="x", color="#e6e6e6", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)


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
    axes.bar_label(bars, [f"{value:.3f}" for value in values], padding=2, fontsize=8)
    axes.margins(x=0.28)
    axes.locator_params(axis="x", nbins=6)
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

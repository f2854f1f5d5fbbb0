"""Figures of comparisons: rewards, pairs, profiles of types, and flips."""

from textwrap import fill, shorten
from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from ..audit import Audit, PromptAudit
from ..inference import Interval
from .style import DARK, LIGHT, MIDDLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 40
"""Options that a figure shows: the best by reward."""
MOST_TYPES = 12
"""Types that a figure shows: those with the largest shares."""
NOTABLE = 2.0
"""Residuals of at least this size are written into the heat map."""


def audit_figures(audit: Audit) -> "dict[str, Figure]":
    """Draw the prompt with the most comparisons: what DPO learns, its pairs, types and flips.

    Parameters
    ----------
    audit : Audit

    Returns
    -------
    dict of str to Figure
        ``"rewards"`` and ``"pairs"``; with several types also ``"types"`` and ``"flip"``. None if
        options hardly recur.
    """
    _validate.instance("audit", audit, Audit, "an Audit")
    if not audit.prompts:
        return {}
    prompt = max(audit.prompts, key=lambda one: one.pairs.n_comparisons)
    figures = {"rewards": reward_intervals(prompt), "pairs": pair_residuals(prompt)}
    if prompt.population.n_types > 1:
        figures |= {"types": type_profiles(prompt), "flip": flip_bars(prompt)}
    return figures


def reward_intervals(prompt: PromptAudit) -> "Figure":
    """Draw the rewards that DPO learns, with naive and clustered 95 % intervals.

    Parameters
    ----------
    prompt : PromptAudit

    Returns
    -------
    Figure
        The best options, the best at the top.
    """
    from matplotlib.figure import Figure

    _check(prompt)
    fit = prompt.fit
    order = np.argsort(-fit.rewards, kind="stable")[:MOST_ROWS]
    figure = Figure(figsize=(7.0, 1.4 + 0.3 * len(order)), layout="constrained")
    axes = figure.add_subplot()
    clustered = fit.n_clusters is not None
    naive = fit.standard_errors()[order]
    errors = fit.standard_errors(clustered=True)[order] if clustered else naive
    reach = Interval.around(0.0, 1.0).high
    count = fit.n_clusters
    wide = reach if count is None else Interval.around(0.0, 1.0, degrees=count - 1).high
    rows = np.arange(len(order))
    label = f"clustered by {count:,} annotators" if count is not None else "naive"
    axes.hlines(
        rows,
        fit.rewards[order] - wide * errors,
        fit.rewards[order] + wide * errors,
        color=DARK,
        lw=1.6,
        label=f"95 % interval, {label}",
    )
    if clustered:
        axes.hlines(
            rows,
            fit.rewards[order] - reach * naive,
            fit.rewards[order] + reach * naive,
            color=MIDDLE,
            lw=5,
            alpha=0.55,
            label="naive: comparisons taken for independent",
        )
    axes.plot(fit.rewards[order], rows, "o", color=DARK, ms=5)
    axes.axvline(0.0, color=LIGHT, lw=1, zorder=0)
    axes.set_yticks(rows, [_short(fit.options[y]) for y in order], fontsize=8)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlabel("reward (log-odds; the mean option is 0)")
    firsts = int((fit.rank_intervals().low == 1).sum()) - 1
    others = "1 other" if firsts == 1 else f"{firsts} others"
    sure = f"within sampling error {others} could be" if firsts > 0 else "beyond sampling error"
    said = f"DPO puts {_short(fit.options[order[0]])} first; {sure}"
    _title(figure, said, len(order), len(fit.options))
    figure.legend(loc="outside lower left", ncols=2, fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def pair_residuals(prompt: PromptAudit) -> "Figure":
    """Draw how often each option beat each other one, and where the fit is off.

    Parameters
    ----------
    prompt : PromptAudit

    Returns
    -------
    Figure
        Options in the order of their rewards. Pairs that were not compared are blank; residuals
        of size 2 or more are written into their cells.
    """
    from matplotlib.figure import Figure

    _check(prompt)
    fit = prompt.pairs
    order = np.argsort(-fit.rewards, kind="stable")[:MOST_ROWS]
    place = np.full(len(fit.rewards), -1)
    place[order] = np.arange(len(order))
    shares = np.full((len(order), len(order)), np.nan)
    residuals = np.full_like(shares, np.nan)
    table = prompt.pairs_frame()
    number = {name: i for i, name in enumerate(fit.options)}
    for row in table.itertuples():
        a, b = place[number[row.first]], place[number[row.second]]
        if a >= 0 and b >= 0:
            shares[a, b], shares[b, a] = row.share, 1.0 - row.share
            residuals[a, b], residuals[b, a] = row.residual, -row.residual
    side = 2.6 + 0.34 * len(order)
    figure = Figure(figsize=(side + 1.4, side), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    names = [_short(fit.options[y], 22) for y in order]
    axes.set_xticks(range(len(order)), names, fontsize=8, rotation=60, ha="right")
    axes.set_yticks(range(len(order)), names, fontsize=8)
    for a, b in np.argwhere(np.abs(residuals) >= NOTABLE):
        dark = shares[a, b] > 0.6
        axes.text(
            b,
            a,
            f"{residuals[a, b]:+.1f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark else "black",
        )
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("share of comparisons that the row won", fontsize=8)
    off = int((np.abs(table["residual"]) >= NOTABLE).sum())
    said = (
        f"One reward for each option is off in {off} of {len(table)} pairs, by 2 standard errors "
        "or more"
        if off
        else "One reward for each option fits all pairs within 2 standard errors"
    )
    _title(figure, said, len(order), len(fit.options))
    return figure


def type_profiles(prompt: PromptAudit) -> "Figure":
    """Draw the rewards of each type, or class, with intervals if there are draws.

    Parameters
    ----------
    prompt : PromptAudit

    Returns
    -------
    Figure
        A panel for each type; options in the order of average reward.
    """
    from matplotlib.figure import Figure

    _check(prompt)
    crowd = prompt.population
    types = np.argsort(-crowd.shares, kind="stable")[:MOST_TYPES]
    order = np.argsort(-crowd.mean_rewards(), kind="stable")[:MOST_ROWS]
    table = prompt.types_frame()
    size = (1.8 + 1.9 * len(types), 1.5 + 0.3 * len(order))
    figure = Figure(figsize=(max(4.5, size[0]), size[1]), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(types), sharex=True, sharey=True))
    rows = np.arange(len(order))
    shape = crowd.rewards.shape
    for panel, u in zip(panels, types, strict=True):
        rewards = crowd.rewards[u, order]
        panel.barh(rows, rewards, color=np.where(rewards >= 0, DARK, MIDDLE), height=0.65)
        if "reward_low" in table:
            low, high = (
                table[f"reward_{end}"].to_numpy().reshape(shape)[u, order]
                for end in ("low", "high")
            )
            panel.hlines(rows, low, high, color="black", lw=1.2)
        panel.axvline(0.0, color="black", lw=0.8)
        panel.set_title(f"{_short(crowd.types[u], 20)}\n{crowd.shares[u]:.0%}", fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(rows, [_short(crowd.options[y]) for y in order], fontsize=8)
    panels[0].invert_yaxis()
    figure.supxlabel("reward", fontsize=9)
    firsts = crowd.rewards.argmax(axis=1)
    loved = _short(crowd.options[firsts[types[0]]], 20)
    said = (
        f"All types like {loved} best"
        if len(set(firsts.tolist())) == 1
        else f"Types differ: {_short(crowd.types[types[0]], 20)} likes {loved} best, others do not"
    )
    _title(figure, said, len(types), crowd.n_types, "types")
    return figure


def flip_bars(prompt: PromptAudit) -> "Figure":
    """Draw the nearest changes of the sampling, and of the types' shares, that flip the order.

    Parameters
    ----------
    prompt : PromptAudit

    Returns
    -------
    Figure
        A panel for each: the base (grey) and what is reached (coloured).
    """
    from matplotlib.figure import Figure

    _check(prompt)
    flips = [(prompt.flip, "draws of options"), (prompt.share_flip, "shares of types")]
    longest = max(min(len(flip.labels), MOST_ROWS) for flip, _ in flips)
    figure = Figure(figsize=(8.0, 2.2 + 0.34 * longest), layout="constrained")
    for panel, (flip, what) in zip(figure.subplots(1, 2), flips, strict=True):
        change = np.abs(flip.mix - flip.base) if flip.exists else -flip.base
        shown = np.sort(np.argsort(-change, kind="stable")[:MOST_ROWS])
        rows = np.arange(len(shown))
        panel.barh(rows + 0.2, flip.base[shown], height=0.38, color=LIGHT, label="now")
        if flip.exists:
            panel.barh(rows - 0.2, flip.mix[shown], height=0.38, color=DARK, label="at the flip")
            said = f"{flip.distance:.3f} away"
            if flip.pair is not None:
                above, below = (_short(flip.options[y], 20) for y in flip.pair)
                said += f": {below} catches up with {above}"
        else:
            tied = np.isnan(flip.distance)
            said = "all options are tied" if tied else "nothing flips the order"
        panel.set_title(f"{what}\n{said}", fontsize=9, loc="left")
        panel.set_yticks(rows, [_short(flip.labels[y]) for y in shown], fontsize=8)
        panel.set_ylim(len(shown) - 0.4, -0.6)
        panel.set_xlim(left=0.0)
        panel.xaxis.set_major_formatter("{x:.0%}")
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = max(
        (panel.get_legend_handles_labels() for panel in figure.axes), key=lambda pair: len(pair[1])
    )
    figure.legend(handles, labels, loc="outside lower left", ncols=2, fontsize=8, frameon=False)
    distances = [f"if {what} change by {flip.distance:.3f}" for flip, what in flips if flip.exists]
    said = (
        f"The order changes {', or '.join(distances)}" if distances else "Nothing flips the order"
    )
    figure.suptitle(said, x=0.02, ha="left", fontsize=11)
    return figure


def _check(prompt: object) -> None:
    _validate.instance("prompt", prompt, PromptAudit, "a PromptAudit")


def _title(figure: "Figure", said: str, shown: int, size: int, what: str = "options") -> None:
    some = "" if shown == size else f" ({shown} of {size:,} {what})"
    width = int(10 * figure.get_size_inches()[0])
    figure.suptitle(fill(said + some, width), x=0.02, ha="left", fontsize=11)


def _short(name: str, width: int = 34) -> str:
    """Return a name that is not too long, and that matplotlib does not take for mathematics."""
    return shorten(name, width, placeholder="...").replace("$", r"\$") or name[:width]

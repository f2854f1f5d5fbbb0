"""What ways to ask annotators reach for a budget."""

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validate
from ..theory import Plan
from ..theory.planning import GOALS
from ..theory.structures import described
from .style import DARK, LIGHT, MIDDLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALLEST = 1e-6
"""Errors are drawn no smaller than this."""


def plan_errors(plan: Plan) -> "Figure":
    """Draw the error that each structure reaches for the budget, and that of the best mixture.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    Figure
        A point for each structure that identifies the gaps, smallest error on top, on a log scale;
        the others are named below. The best one is a diamond; those that do not identify types,
        or next to the truth only, are hollow. With draws of the population, lines are 95 %
        intervals over them. The title says which structure is best.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    _validate.instance("plan", plan, Plan, "a Plan")
    known = [np.isfinite(o.information.variance_per_label) for o in plan.offers]
    pairs = list(zip(plan.offers, known, strict=True))
    shown = sorted((offer for offer, told in pairs if told), key=lambda o: o.error)
    hidden = [described(offer.information.structure) for offer, told in pairs if not told]
    figure = Figure(figsize=(7.0, 1.9 + 0.36 * max(1, len(shown))), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    rows = np.arange(len(shown))
    errors = np.array([max(offer.error, SMALLEST) for offer in shown])
    between = [offer.interval() for offer in shown]
    if any(between):
        ends = np.array([(one.low, one.high) for one in between if one is not None])
        widest = np.append(ends[np.isfinite(ends)], errors).max()  # some draws do not identify it
        axes.hlines(rows, *np.clip(ends.T, SMALLEST, widest), color=LIGHT, lw=5, zorder=1)
    for row, (offer, error) in enumerate(zip(shown, errors, strict=True)):
        best = offer is plan.best
        axes.plot(
            error,
            row,
            "D" if best else "o",
            ms=9 if best else 7,
            color=MIDDLE if best else DARK,
            mfc=None if offer.recommendable else "white",
            zorder=2,
        )
        said = f"<{SMALLEST:g}" if offer.error < SMALLEST else f"{error:.3g}"
        where: Any = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
        axes.annotate(said, (error, row), (0, 6), **where)
    names = [fill(described(offer.information.structure), 38) for offer in shown]
    axes.set_yticks(rows, names, fontsize=9)
    axes.set_ylim(len(shown) - 0.4, -0.8)
    label = f"{GOALS[plan.goal]}, at best, for a budget of {plan.budget:g}"
    if any(between):
        label += "; grey: 95 % of the draws of the population"
    axes.set_xlabel(fill(label, 60), fontsize=9)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color="#eceef0", zorder=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    title = (
        "No structure identifies the types"
        if plan.best is None
        else f"Smallest error: {described(plan.best.information.structure)}"
    )
    figure.suptitle(fill(title, 70), x=0.02, ha="left", fontsize=11)
    notes = [f"Not identified: {'; '.join(hidden)}."] if hidden else []
    if not all(offer.recommendable for offer in shown):
        notes.append("Hollow: types are not identified, or next to the truth only.")
    if notes:
        figure.supxlabel(fill(" ".join(notes), 100), fontsize=8, x=0.02, ha="left")
    return figure

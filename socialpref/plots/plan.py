"""What ways to ask annotators reach for a budget."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from ..theory import Plan
from ..theory.identified import described
from ..theory.planning import GOALS
from .style import DARK, LIGHT, MIDDLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plan_errors(plan: Plan) -> "Figure":
    """Draw the error that each structure reaches for the budget, and that of the best mixture.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    Figure
        A bar for each structure that identifies the gaps, smallest error on top; the others are
        named below. Light bars are identified next to the truth only. The title says which
        structure is best.
    """
    from matplotlib.figure import Figure

    _validate.instance("plan", plan, Plan, "a Plan")
    worst = np.inf if plan.goal == "gap" else 0.5
    shown = sorted((o for o in plan.offers if o.error < worst), key=lambda o: o.error)
    hidden = [described(o.information.structure) for o in plan.offers if not o.error < worst]
    figure = Figure(figsize=(7.0, 1.6 + 0.34 * max(1, len(shown))), layout="constrained")
    axes = figure.add_subplot()
    for place, offer in enumerate(shown):
        best = offer is plan.best
        colour = MIDDLE if best else DARK if offer.recommendable else LIGHT
        hatch = "//" if best else None
        axes.barh(place, offer.error, color=colour, hatch=hatch, edgecolor="white", height=0.7)
        axes.text(offer.error, place, f" {offer.error:.3g}", va="center", fontsize=9)
    names = [fill(described(o.information.structure), 38) for o in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=9)
    axes.invert_yaxis()
    label = f"{GOALS[plan.goal]}, at best, for a budget of {plan.budget:g}"
    axes.set_xlabel(fill(label, 48), fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    best_offer = plan.best
    title = (
        "No structure identifies the types"
        if best_offer is None
        else f"Smallest error: {described(best_offer.information.structure)}"
    )
    axes.set_title(fill(title, 70), loc="left", fontsize=11)
    if hidden:
        text = fill(f"Not identified: {'; '.join(hidden)}.", 100)
        figure.supxlabel(text, fontsize=8, x=0.02, ha="left")
    return figure

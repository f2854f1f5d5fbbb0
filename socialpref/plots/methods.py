"""The policies of alignment methods, side by side."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from ..errors import InputError
from ..methods import MethodComparison
from ..report.words import joined
from ..rules import ranking

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12
"""Most options that are shown: those with the largest probabilities."""
DARKEST = 0.85
"""The grey of probability 1, as a part of black."""


def method_policies(comparison: MethodComparison) -> "Figure":
    """Draw how probable each option is under each method.

    Parameters
    ----------
    comparison : MethodComparison

    Returns
    -------
    Figure
        A row for each method with a limit, a column for each option; the darker a cell, the more
        probable the option. The most probable ones of each method are in bold, and options with
        the largest average reward are marked. The title says how many methods put one of these
        first.

    Raises
    ------
    InputError
        If no method has a limit.
    """
    from matplotlib.figure import Figure

    _validate.instance("comparison", comparison, MethodComparison, "a MethodComparison")
    found = [r for r in comparison.results if r.limit is not None and r.order is not None]
    if not found:
        raise InputError("'comparison' must have a method with a limit; none has one.")
    policies = np.array([r.limit.policy for r in found if r.limit is not None])
    population = comparison.population
    best = ranking(population.mean_rewards()).winners
    shown = np.sort(np.argsort(-policies.max(axis=0), kind="stable")[:MOST])
    size = len(shown)
    figure = Figure(figsize=(2.6 + 0.85 * size, 1.3 + 0.3 * len(found)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(policies[:, shown], cmap="Greys", vmin=0.0, vmax=1.0 / DARKEST, aspect="auto")
    for i, result in enumerate(found):
        assert result.order is not None
        for j, y in enumerate(shown):
            p = policies[i, y]
            axes.text(
                *(j, i, f"{p:.3f}"),
                ha="center",
                va="center",
                fontsize=9,
                color="white" if p > 0.6 else "black",
                weight="bold" if y in result.order.winners else "normal",
            )
    names = [population.options[y].replace("$", r"\$") for y in shown]
    marked = [
        f"{fill(name, 12)}{' *' if y in best else ''}" for name, y in zip(names, shown, strict=True)
    ]
    axes.set_xticks(range(size), marked, fontsize=9)
    axes.set_yticks(range(len(found)), [r.written for r in found], fontsize=9)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    right = sum(bool(set(r.order.winners) & set(best)) for r in found if r.order is not None)
    options = joined([f"“{population.options[y]}”" for y in best], "or").replace("$", r"\$")
    title = (
        f"{right} of {len(found)} methods make {options} most probable, the best by average "
        "reward (*)"
    )
    figure.suptitle(fill(title, 24 + 10 * size), fontsize=10, x=0.01, ha="left")
    return figure

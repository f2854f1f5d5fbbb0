"""Figures of the theory's statements, drawn for given populations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..flips.flip import Flip
from ..flips.regions import ranking_cells
from ..limits.dpo import DPO
from ..limits.optimal import optimal_policy
from ..population import Population, check_population
from ..rules import borda, nbc
from ..theory.anonymous import RewardBounds
from ..theory.misfit import Misfit
from ..theory.orders import ErrorOrders
from ..theory.outcomes import UsableOutcomes
from ..theory.temperature import Crossings, nbc_by_temperature
from .style import DARK, LIGHT, MIDDLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

STYLES = [(DARK, "-", "o"), (MIDDLE, "--", "s"), ("#6f7680", ":", "D"), ("black", "-.", "^")]
"""Colour, line and marker of the first, second, ... series."""


def method_bars(population: Population) -> "Figure":
    """Draw each option's average reward and NBC, and the two policies.

    Parameters
    ----------
    population : Population

    Returns
    -------
    Figure
        Four panels: average reward, NBC under uniform sampling, the limit of DPO and the optimal
        policy. In each the first option, or those tied for it, is dark.
    """
    from matplotlib.figure import Figure

    check_population(population)
    figure = Figure(figsize=(9.0, 2.6), layout="constrained")
    panels = figure.subplots(1, 4)
    scores = {
        "average reward": population.mean_rewards(),
        "NBC": nbc(population),
        "DPO's policy": DPO().limit(population).policy,
        "optimal policy": optimal_policy(population).policy,
    }
    for axes, (title, values) in zip(panels, scores.items(), strict=True):
        first = values >= values.max() - 1e-9
        for chosen, colour, hatch in ((first, DARK, ""), (~first, LIGHT, "///")):
            places = np.flatnonzero(chosen)
            bars = axes.bar(places, values[places], color=colour, edgecolor="black", hatch=hatch)
            axes.bar_label(bars, [f"{value:.3f}" for value in values[places]], padding=2, size=8)
        axes.set_xticks(range(population.n_options), population.options)
        axes.set_title(title, fontsize=10)
        axes.axhline(0.0, color="black", lw=0.8)
        axes.margins(y=0.15)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def temperature_curves(population: Population, crossings: Crossings) -> "Figure":
    """Draw NBC against temperature: between ordinal Borda and the average reward.

    Parameters
    ----------
    population : Population
        With the logistic link.
    crossings : Crossings
        Their temperatures are marked, and their range is drawn.

    Returns
    -------
    Figure
        Left NBC itself, with ordinal Borda's scores as triangles at the edge. Right
        ``4 tau (NBC - 1/2)``, with the centred average rewards as triangles at the edge.
    """
    from matplotlib.figure import Figure

    check_population(population)
    _validate.instance("crossings", crossings, Crossings, "Crossings")
    low, high = crossings.searched
    temperatures = np.geomspace(low, high, 200)
    curves = nbc_by_temperature(population, temperatures)
    stretched = 4.0 * temperatures[:, None] * (curves - 0.5)
    means = population.mean_rewards()
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    panels = (
        (left, curves, borda(population), low, "<", "NBC", "triangles: ordinal Borda"),
        (
            right,
            stretched,
            means - means.mean(),
            high,
            ">",
            "4 τ (NBC - ½)",
            "triangles: average reward, centred",
        ),
    )
    groups = _coinciding(curves)
    for axes, values, limits, edge, marker, name, title in panels:
        for (colour, line, _), group in zip(STYLES, groups, strict=False):
            label = ", ".join(population.options[y] for y in group)
            axes.plot(temperatures, values[:, group[0]], color=colour, ls=line, lw=2, label=label)
            axes.plot(edge, limits[group[0]], marker, color=colour, mec="black", clip_on=False)
        for tau in crossings.temperatures:
            axes.axvline(tau, color="black", lw=0.8)
            axes.annotate(
                f"τ = {tau:.3f}",
                (tau, 1.0),
                (4, -11),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize=9,
            )
        axes.set(xscale="log", xlim=(low, high), xlabel="temperature τ", ylabel=name)
        axes.set_title(title, fontsize=9, loc="left")
        _clean(axes)
    left.legend(frameon=False, loc="upper right", bbox_to_anchor=(1.0, 0.9))
    return figure


def _coinciding(curves: Floats) -> list[list[int]]:
    """Return the options, those with one and the same curve together."""
    groups: list[list[int]] = []
    for y in range(curves.shape[1]):
        for group in groups:
            if np.allclose(curves[:, y], curves[:, group[0]], rtol=0.0, atol=1e-9):
                group.append(y)
                break
        else:
            groups.append([y])
    return groups


def sampling_simplex(population: Population, flip: Flip) -> "Figure":
    """Draw the regions of sampling distributions over three options with the same NBC ranking.

    Parameters
    ----------
    population : Population
        Over three options.
    flip : Flip
        Its base and, if it exists, its nearest flip are marked.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there are not three options.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Polygon

    check_population(population)
    _validate.instance("flip", flip, Flip, "a Flip")
    if population.n_options != 3:
        raise _validate.complaint("population", "over three options", population.n_options)
    if flip.over != "sampling" or flip.options != population.options:
        must = "over sampling distributions of the population's options"
        raise _validate.complaint("flip", must, f"over {flip.over} of {flip.options}")
    figure = Figure(figsize=(5.6, 4.6), layout="constrained")
    axes = figure.add_subplot()
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    looks = [
        ("white", ""),
        (LIGHT, ""),
        ("white", "//"),
        (LIGHT, ".."),
        ("white", "xx"),
        (LIGHT, "\\\\"),
    ]
    for cell, (colour, hatch) in zip(ranking_cells(population.pairwise()), looks, strict=False):
        axes.add_patch(
            Polygon(cell.corners @ corners, facecolor=colour, hatch=hatch, edgecolor="black")
        )
        x, y = cell.corners.mean(axis=0) @ corners
        axes.text(
            x,
            y,
            f"{cell.ranking.describe(population.options)}\n{cell.share:.1%}",
            ha="center",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )
    start, end = flip.base @ corners, flip.mix @ corners
    if flip.exists:
        axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "lw": 1.6, "color": DARK})
        axes.plot(
            *end,
            "s",
            ms=8,
            color=MIDDLE,
            mec="black",
            label=f"nearest flip, TV {flip.distance:.4f}",
        )
    axes.plot(
        *start,
        "o",
        ms=8,
        color=DARK,
        mec="black",
        label="uniform" if np.ptp(flip.base) == 0 else "base",
    )
    for corner, name, shift in zip(
        corners, population.options, ((-8, -12), (8, -12), (0, 8)), strict=True
    ):
        axes.annotate(f"only {name}", corner, shift, textcoords="offset points", ha="center")
    axes.legend(frameon=False, loc="upper left", title="sampling", alignment="left")
    axes.set(xlim=(-0.1, 1.1), ylim=(-0.08, 0.95), aspect="equal")
    axes.set_axis_off()
    return figure


def reward_intervals(found: Mapping[str, Sequence[RewardBounds]]) -> "Figure":
    """Draw the average-reward gaps that anonymous data leave open, against the bound on types.

    Parameters
    ----------
    found : mapping from str to sequence of RewardBounds
        For each named problem, results with growing bounds.

    Returns
    -------
    Figure
        One panel for each problem; a line marks the population's own gap.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """
    from matplotlib.figure import Figure

    must = "a mapping of names to results"
    _validate.instance("found", found, Mapping, must)
    for results in found.values():
        _check_results("found", results, RewardBounds)
    if not found:
        raise _validate.complaint("found", must, "none")
    figure = Figure(figsize=(3.2 * len(found), 3.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(found)))
    for axes, (name, results) in zip(panels, found.items(), strict=True):
        bounds = [result.bound for result in results]
        lower = [result.lower for result in results]
        upper = [result.upper for result in results]
        axes.fill_between(bounds, lower, upper, facecolor=LIGHT, edgecolor="black", hatch="//")
        axes.plot(bounds, lower, color="black", marker="v", ms=5, clip_on=False)
        axes.plot(bounds, upper, color="black", marker="^", ms=5, clip_on=False)
        axes.axhline(results[0].gap, color=DARK, lw=2)
        axes.axhline(0.0, color="black", lw=1.2, ls=":")
        axes.set(xlabel="largest reward gap of a type", xlim=(min(bounds), max(bounds)))
        axes.set_title(f"{name} (own gap {results[0].gap:.3f})", fontsize=9, loc="left")
        _clean(axes)
    panels[0].set_ylabel("average-reward gap")
    return figure


def misfit_scatter(population: Population, misfit: Misfit) -> "Figure":
    """Draw the log-odds of every pair against those of the best single Bradley-Terry model.

    Parameters
    ----------
    population : Population
    misfit : Misfit
        Of that population.

    Returns
    -------
    Figure
        On the diagonal the single model would be right.
    """
    from matplotlib.figure import Figure

    check_population(population)
    _validate.instance("misfit", misfit, Misfit, "a Misfit")
    P, fit = population.pairwise(), misfit.fit.rewards
    if len(fit) != len(P):
        must = f"of the population's {len(P)} options"
        raise _validate.complaint("misfit", must, f"one of {len(fit)}")
    winners, losers = np.nonzero(fit[:, None] > fit[None, :])
    predicted = fit[winners] - fit[losers]
    true = np.log(P[winners, losers]) - np.log(P[losers, winners])
    figure = Figure(figsize=(5.0, 4.2), layout="constrained")
    axes = figure.add_subplot()
    edge = max(predicted.max(), true.max(), 0.0) if len(true) else 1.0
    axes.plot([0.0, edge], [0.0, edge], color="black", lw=1, ls="--", label="one model")
    size = 26 if len(true) < 50 else 9
    axes.scatter(predicted, true, s=size, color=MIDDLE, edgecolor="black", lw=0.4, label="pairs")
    axes.set(xlabel="log-odds in the best Bradley-Terry model", ylabel="log-odds in the population")
    axes.set_title(
        f"largest error {misfit.largest_error:.3f}, divergence {misfit.divergence:.2g} nats, "
        f"cycle defect {misfit.cycle_defect:.3f}",
        fontsize=9,
        loc="left",
    )
    axes.legend(frameon=False, loc="upper left")
    _clean(axes)
    return figure


def outcome_spectra(results: Sequence[UsableOutcomes]) -> "Figure":
    """Draw the singular values of the outcome probabilities, exactly one of which is zero.

    Parameters
    ----------
    results : sequence of UsableOutcomes

    Returns
    -------
    Figure
        One line for each; the last value is the loss on unanimous panels.
    """
    from matplotlib.figure import Figure

    _check_results("results", results, UsableOutcomes)
    figure = Figure(figsize=(6.0, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for i, result in enumerate(results):
        values = np.maximum(result.singular_values / result.singular_values[0], 1e-18)
        shade = str(0.75 * i / max(1, len(results) - 1))
        axes.semilogy(
            np.arange(1, len(values) + 1),
            values,
            color=shade,
            marker="os^Dv<>"[i % 7],
            ms=4,
            lw=1,
            mec="black",
            mew=0.4,
            label=f"T = {result.n_types}: rank {result.rank} of {len(values)}",
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(2 ** np.arange(7), 2 ** np.arange(7))
    axes.set(xlabel="singular value", ylabel="relative to the largest")
    figure.legend(frameon=False, loc="outside right center", fontsize=9)
    _clean(axes)
    return figure


def error_lines(found: ErrorOrders) -> "Figure":
    """Draw the errors of DPO and of its correction against how far types are apart.

    Parameters
    ----------
    found : ErrorOrders

    Returns
    -------
    Figure
        With logarithmic axes; the slopes at the smallest scales are in the legend.
    """
    from matplotlib.figure import Figure

    _validate.instance("found", found, ErrorOrders, "ErrorOrders")
    figure = Figure(figsize=(5.0, 3.8), layout="constrained")
    axes = figure.add_subplot()
    series = (("DPO", found.dpo), ("corrected DPO", found.corrected))
    for (name, errors), slope, (colour, line, marker) in zip(
        series, found.slopes, STYLES, strict=False
    ):
        label = f"{name}: slope {slope:.2f}"
        axes.loglog(
            found.scales, errors, color=colour, ls=line, marker=marker, mec="black", label=label
        )
    axes.set(xlabel="scale of the types' deviations", ylabel="largest error of a reward")
    axes.legend(frameon=False)
    _clean(axes)
    return figure


def _check_results(name: str, results: object, kind: type) -> None:
    """Refuse a value that is not a sequence of one or more results of a class."""
    must = f"a sequence of {kind.__name__}, at least one"
    _validate.instance(name, results, (list, tuple), must)
    assert isinstance(results, list | tuple)
    if not results:
        raise _validate.complaint(name, must, "none")
    for one in results:
        _validate.instance(name, one, kind, must)


def _clean(axes: "Axes") -> None:
    axes.grid(color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)

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
from ..report.words import joined
from ..rules import borda, nbc, ranking
from ..theory.anonymous import RewardBounds
from ..theory.misfit import Misfit
from ..theory.orders import ErrorOrders
from ..theory.outcomes import UsableOutcomes
from ..theory.temperature import Crossings, nbc_by_temperature
from .style import DARK, GREY, LIGHT, MIDDLE, WIDTH, clean, headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

STYLES = [(DARK, "-", "o"), (MIDDLE, "--", "s"), (GREY, ":", "D"), ("black", "-.", "^")]
"""Colour, line and marker of the first, second, ... series."""


def method_bars(population: Population) -> "Figure":
    """Draw each option's average reward and NBC, and the two policies.

    Parameters
    ----------
    population : Population

    Returns
    -------
    Figure
        Four panels: average reward, NBC under uniform sampling, whose bars begin at 1/2, the limit
        of DPO and the optimal policy. In each the first option, or those tied for it, is dark.
    """
    from matplotlib.figure import Figure

    check_population(population)
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    panels = figure.subplots(1, 4)
    scores = {
        "average reward": (population.mean_rewards(), 0.0),
        "NBC": (nbc(population), 0.5),
        "DPO's policy": (DPO().limit(population).policy, 0.0),
        "optimal policy": (optimal_policy(population).policy, 0.0),
    }
    best, learned = (
        ranking(scores[name][0]).describe(population.options) for name in ("average reward", "NBC")
    )
    same = best == learned
    headline(
        figure,
        f"Average reward and NBC both order {best}"
        if same
        else f"Average reward orders {best}; NBC, which DPO learns, orders {learned}",
    )
    for axes, (title, (values, start)) in zip(panels, scores.items(), strict=True):
        first = values >= values.max() - 1e-9
        for chosen, colour, hatch in ((first, DARK, ""), (~first, LIGHT, "///")):
            places = np.flatnonzero(chosen)
            bars = axes.bar(
                places, values[places] - start, bottom=start, color=colour, edgecolor="black",
                hatch=hatch,
            )  # fmt: skip
            axes.bar_label(bars, [f"{value:.3f}" for value in values[places]], padding=2, size=8)
        axes.set_xticks(range(population.n_options), population.options)
        axes.set_title(title, fontsize=9, loc="left")
        axes.axhline(start, color="black", lw=0.8)
        axes.margins(y=0.15)
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="y", nbins=4)
        clean(axes)
        axes.grid(visible=False, axis="x")
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
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    ends = [ranking(scores).describe(population.options) for scores in (curves[0], curves[-1])]
    headline(
        figure,
        f"NBC orders {ends[0]} at low temperature and {ends[1]} at high temperature"
        if ends[0] != ends[1]
        else f"NBC orders {ends[0]} at low and at high temperature",
    )
    panels = (
        (left, curves, borda(population), low, "<", "NBC (triangles: ordinal Borda)", 0.5),
        (
            right,
            stretched,
            means - means.mean(),
            high,
            ">",
            "4 τ (NBC - ½) (triangles: average reward)",
            0.0,
        ),
    )
    groups = _coinciding(curves)
    for axes, values, limits, edge, marker, name, level in panels:
        for (colour, line, _), group in zip(STYLES, groups, strict=False):
            label = ", ".join(population.options[y] for y in group)
            axes.plot(temperatures, values[:, group[0]], color=colour, ls=line, lw=2, label=label)
            axes.plot(edge, limits[group[0]], marker, color=colour, mec="black", clip_on=False)
        axes.axhline(level, color="black", lw=0.8)
        for tau in crossings.temperatures:
            axes.axvline(tau, color="black", lw=0.8)
            axes.annotate(
                f"τ = {tau:.3f}",
                (tau, 0.0),
                (4, 5),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize=9,
                bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none"},
            )
        axes.set(xscale="log", xlim=(low, high), xlabel="temperature τ")
        axes.set_title(name, fontsize=9, loc="left")
        clean(axes)
    left.legend(frameon=False, loc="upper right")
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
    figure = Figure(figsize=(5.6, 4.9), layout="constrained")
    axes = figure.add_subplot()
    headline(figure, _nearest(flip))
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    looks = [
        ("white", ""),
        (LIGHT, ""),
        ("white", "//"),
        (LIGHT, ".."),
        ("white", "xx"),
        (LIGHT, "\\\\"),
    ]
    start, end = flip.base @ corners, flip.mix @ corners
    marks = np.array([start, end] if flip.exists else [start])
    for cell, (colour, hatch) in zip(ranking_cells(population.pairwise()), looks, strict=False):
        axes.add_patch(
            Polygon(cell.corners @ corners, facecolor=colour, hatch=hatch, edgecolor="black")
        )
        (x, y), room = _place(cell.corners @ corners, marks)
        small = room < 0.07  # then its name stands beside it
        beside = (x + 0.3, y) if y > 0.4 else (x, y + 0.2)
        axes.annotate(
            f"{cell.ranking.describe(population.options)}\n{cell.share:.1%}",
            (x, y),
            beside if small else (x, y),
            ha="center",
            va="center",
            zorder=1.5,  # below the marks
            arrowprops={"arrowstyle": "-", "lw": 0.8} if small else None,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )
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


def _nearest(flip: Flip) -> str:
    """Return the title: what changes the order, if anything does."""
    if flip.certificate is None:
        return f"{joined(list(flip.options), 'and')} are tied at the base"
    if not flip.exists or flip.pair is None:
        return "No sampling distribution changes the order"
    above, below = (flip.options[y] for y in flip.pair)
    return f"{below} is level with {above} once {flip.distance:.1%} of the draws move"


def _place(cell: Floats, marks: Floats) -> tuple[Floats, float]:
    """Return where in a cell its name stands, and the least distance to its edges.

    It is away from the edges and from the marks.
    """
    weights = np.array([[i, j, 12 - i - j] for i in range(1, 11) for j in range(1, 12 - i)]) / 12.0
    inner = np.concatenate(
        [weights @ cell[[0, i, i + 1]] for i in range(1, len(cell) - 1)]
    )  # of the triangles that make up the cell
    sides = np.roll(cell, -1, axis=0) - cell
    offsets = inner[:, None] - cell
    across = offsets[..., 0] * sides[:, 1] - offsets[..., 1] * sides[:, 0]
    to_edge = (np.abs(across) / np.hypot(*sides.T)).min(axis=1)
    to_mark = np.linalg.norm(inner[:, None] - marks, axis=2).min(axis=1)
    best = np.minimum(to_edge, 0.5 * to_mark).argmax()
    return inner[best], float(to_edge[best])


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
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(found)))
    open_ = sum(results[-1].lower < 0.0 < results[-1].upper for results in found.values())
    headline(
        figure,
        f"Anonymous data leave the sign of the average-reward gap open in {open_} of {len(found)} "
        "populations",
    )
    for axes, (name, results) in zip(panels, found.items(), strict=True):
        bounds = [result.bound for result in results]
        lower = [result.lower for result in results]
        upper = [result.upper for result in results]
        axes.fill_between(bounds, lower, upper, facecolor=LIGHT, edgecolor="black", hatch="//")
        axes.plot(bounds, lower, color="black", marker="v", ms=5, clip_on=False)
        axes.plot(bounds, upper, color="black", marker="^", ms=5, clip_on=False)
        axes.axhline(results[0].gap, color=MIDDLE, lw=2.5, label="the population's own gap")
        axes.axhline(0.0, color="black", lw=1.2, ls=":")
        axes.set_xlim(min(bounds), max(bounds))
        axes.set_title(f"{name}\n(own gap {results[0].gap:.3f})", fontsize=9, loc="left")
        clean(axes)
    figure.supxlabel("bound: the largest reward gap of a type", fontsize=9)
    panels[0].set_ylabel("average-reward gap")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower left")
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
    figure = Figure(figsize=(5.6, 4.8), layout="constrained")
    axes = figure.add_subplot()
    headline(
        figure,
        f"The best single Bradley-Terry model is off by up to {misfit.largest_error:.3f} in a "
        f"probability\n(divergence {misfit.divergence:.2g} nats, cycle defect "
        f"{misfit.cycle_defect:.3f})",
    )
    edge = max(predicted.max(), true.max(), 0.0) if len(true) else 1.0
    axes.plot([0.0, edge], [0.0, edge], color="black", lw=1, ls="--", label="one model")
    size = 26 if len(true) < 50 else 9
    axes.scatter(predicted, true, s=size, color=MIDDLE, edgecolor="black", lw=0.4, label="pairs",
                 clip_on=False)  # fmt: skip
    axes.set(xlabel="log-odds in the best Bradley-Terry model", ylabel="log-odds in the population")
    axes.axhline(0.0, color="black", lw=0.8)
    axes.set_xlim(left=0.0)
    axes.legend(frameon=False, loc="upper left")
    clean(axes)
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
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    axes = figure.add_subplot()
    one_left = all(result.rank == len(result.singular_values) - 1 for result in results)
    unanimous = max(result.disagreement for result in results) < 1e-9
    words = "One singular value is zero" if one_left else "The rank is not 1 less than full"
    if one_left and unanimous:
        words += ": one consistent loss, which uses no panel that disagrees"
    headline(figure, words)
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
    axes.set(
        xlabel="place of the singular value, the largest first (log scale)",
        ylabel="size relative to the largest (log scale)",
    )
    figure.legend(frameon=False, loc="outside right center", fontsize=9)
    clean(axes)
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
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    headline(
        figure,
        "As types come together, DPO's error falls with the power {:.2f} of their distance, that "
        "of its correction with {:.2f}".format(*found.slopes),
    )
    series = (("DPO", found.dpo), ("corrected DPO", found.corrected))
    for (name, errors), slope, (colour, line, marker) in zip(
        series, found.slopes, STYLES, strict=False
    ):
        label = f"{name}: slope {slope:.2f}"
        axes.loglog(
            found.scales, errors, color=colour, ls=line, marker=marker, mec="black", label=label
        )
    axes.set(xlabel="scale of the types' deviations (log scale)",
             ylabel="largest error of a reward (log scale)")  # fmt: skip
    axes.legend(frameon=False)
    clean(axes)
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

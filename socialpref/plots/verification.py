"""The figure of `socialpref verify`."""

from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from ..inference import Interval
from .style import DARK, GREY, LIGHT, MIDDLE, WIDTH, clean, headline, legend_below

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..training.verification import Report

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")


def verification(report: "Report") -> "Figure":
    """Draw how each method's error falls with the number of labels.

    Parameters
    ----------
    report : Report
        From `socialpref.training.verify`.

    Returns
    -------
    Figure
        A panel for each method, a line for each population, with 95 % intervals over seeds;
        dotted, the square-root law.
    """
    from matplotlib.figure import Figure

    from ..training.verification import Report

    _validate.instance("report", report, Report, "a Report with results")
    if not report.results:
        raise _validate.complaint("report", "a Report with results", "none")
    methods = list(dict.fromkeys(result.method for result in report.results))
    names = list(dict.fromkeys(result.population for result in report.results))
    columns = min(3, len(methods))
    rows = -(-len(methods) // columns)
    figure = Figure(figsize=(WIDTH, 1.4 + 2.3 * rows), layout="constrained")
    every = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels = every.ravel()[: len(methods)]
    for axes in every.ravel()[len(methods) :]:
        axes.set_axis_off()
    for axes, method in zip(panels, methods, strict=True):
        results = [result for result in report.results if result.method == method]
        for result in results:
            place = names.index(result.population)
            errors = np.array(result.errors)
            size = errors.shape[1]
            reach = Interval.around(0.0, 1.0, degrees=size - 1).high * errors.std(axis=1, ddof=1)
            colour, fill = ((DARK, DARK), (MIDDLE, "white"), (GREY, LIGHT), ("black", "white"))[
                place % 4
            ]
            axes.errorbar(
                np.array(result.sizes) * 1.06 ** (place - (len(names) - 1) / 2),
                result.means,
                yerr=reach / np.sqrt(size),
                marker=MARKERS[place % len(MARKERS)],
                color=colour,
                mfc=fill,
                ls=("-", "--")[place % 2],
                mec="black",
                ms=5,
                lw=1.2,
                elinewidth=1,
                label=result.population,
            )
        sizes = np.array(results[0].sizes, dtype=float)
        law = results[0].means[0] * np.sqrt(sizes[0] / sizes)
        axes.loglog(sizes, 0.45 * law, ":", color="black", lw=1.2, label="slope -1/2")
        worst = max(result.exact for result in results)
        verdict = "pass" if all(result.passed for result in results) else "FAIL"
        axes.set_title(f"{method}: {verdict}\nexact to {worst:.0e}", fontsize=9, loc="left")
        clean(axes)
    for axes in every[-1]:
        axes.set_xlabel("labels", fontsize=9)
    for axes in every[:, 0]:
        axes.set_ylabel("TV to the limit", fontsize=9)
    passed = sum(result.passed for result in report.results)
    headline(
        figure,
        f"{passed} of {len(report.results)} trainings reach their exact limit; errors fall with "
        "the square root of the labels",
    )
    legend_below(figure, panels[0], ncols=len(names) + 1)
    return figure

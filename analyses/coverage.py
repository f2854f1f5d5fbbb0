"""Whether the 95 % intervals of flip distances hold the true distance 95 % of the time.

    python analyses/coverage.py --out figures

Data: surveys simulated from nine known populations, three of them made up and six with the answer
shares and group sizes of questions of the starter set. Each survey gets its 95 % intervals, and
those that hold the true distance, or the true NBC of an option, are counted. Theory promises 95 %
where the distance is a smooth function of the answer shares: the order is clear, one pair stays
the nearest to flip, and no cell is nearly empty. The real questions show what happens otherwise.
Writes a table and a figure (docs/survey-study.md shows them).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from tqdm import tqdm

from socialpref import flip, nbc
from socialpref.inference import Interval
from socialpref.plots import DARK, MIDDLE, save
from socialpref.surveys import Bootstrap, Protocol, Question, read_starter, replicate

PROTOCOL = Protocol()
MADE = {
    "four options, four groups": [
        [1328, 189, 1926, 367], [710, 428, 1435, 1355], [1953, 559, 185, 1037],
        [1155, 336, 1224, 905],
    ],
    "four options, three groups": [
        [1249, 569, 75, 325], [72, 1258, 355, 506], [1418, 123, 773, 782],
    ],
    "three options, two groups": [[2416, 101, 530], [319, 1494, 435]],
}  # fmt: skip
"""Counts at which the order is clear and the flip exists for certain."""
REAL = {
    "HAGUE_2001": "small cells",
    "ENTRY_2005": "near tie",
    "PLEBISCITE_1988": "near tie",
    "EUROPE_GB_2001": "near ties, 11 options",
    "ABORTJUST_US_2011": "near ties, 10 options",
    "BRIBE_1999": "empty cells",
}


def truths() -> dict[str, tuple[Question, str]]:
    """Return the known populations as questions, and what theory promises for them."""
    starter = read_starter()
    made = {
        name: (
            Question.from_counts(name, counts, _names("g", counts), _names("o", counts[0])),
            "regular",
        )
        for name, counts in MADE.items()
    }
    return made | {key: (starter[key], kind) for key, kind in REAL.items()}


def _names(letter: str, items: Sequence[object]) -> list[str]:
    return [f"{letter}{i + 1}" for i in range(len(items))]


def one_survey(truth: Question, seed: int, n_replicates: int) -> tuple[float, ...]:
    """Draw one survey and return whether its intervals hold the truth, and how often it flips."""
    rng = np.random.default_rng(seed)
    assert truth.sizes is not None
    sizes = truth.sizes.astype(int)
    counts = [rng.multinomial(n, p) for n, p in zip(sizes, truth.choice_shares, strict=True)]
    drawn = Question.from_counts(truth.key, counts, truth.groups, truth.options)
    replicates = replicate(drawn, PROTOCOL, Bootstrap(n_replicates, seed=seed))
    population = truth.population()
    limits: dict[str, Any] = {"margin": PROTOCOL.margin, "floor": PROTOCOL.floor}
    true_scores = nbc(population)
    inside = [
        float(score) in Interval.of(column)
        for score, column in zip(true_scores, replicates.nbc.T, strict=True)
    ]
    true_distance = flip(population, **limits).distance
    flips = float(np.isfinite(replicates.flip).mean())
    return (
        float(true_distance in Interval.of(replicates.flip)),
        float(np.mean(inside)),
        flips,
        true_distance,
    )


def main() -> None:
    """Simulate, and write the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--surveys", type=int, default=1000, help="simulated surveys per question")
    parser.add_argument("--replicates", type=int, default=500, help="replicates per survey")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()

    rows = []
    for key, (truth, kind) in tqdm(truths().items(), unit="question"):
        outcomes = np.array(
            Parallel(n_jobs=options.jobs)(
                delayed(one_survey)(truth, seed, options.replicates)
                for seed in range(options.surveys)
            )
        )
        covered, nbc_covered, flips, distance = outcomes.mean(axis=0)
        rows.append(
            {
                "question": key,
                "kind": kind,
                "respondents": int(truth.n_respondents),
                "distance": distance,
                "flip_share": flips,
                "coverage_distance": covered,
                "coverage_nbc": nbc_covered,
                "simulation_error": np.sqrt(0.95 * 0.05 / options.surveys),
            }
        )
    table = pd.DataFrame(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "coverage.csv", index=False)
    save(draw(table), options.out / "coverage")
    print(table.round(3).to_string(index=False))


def draw(table: pd.DataFrame) -> Figure:
    """Draw coverage by question, with the band from 93 to 97 per cent."""
    figure = Figure(figsize=(7.5, 3.8), layout="constrained")
    axes = figure.add_subplot()
    rows = np.arange(len(table))
    axes.axvspan(0.93, 0.97, color="#e6e6e6")
    axes.axvline(0.95, color="black", lw=1, ls=":")
    axes.plot(table["coverage_nbc"], rows, "D", color=MIDDLE, mec="black", label="NBC of an option")
    axes.plot(table["coverage_distance"], rows, "o", color=DARK, mec="black", label="flip distance")
    names = [f"{q} ({kind})" for q, kind in zip(table["question"], table["kind"], strict=True)]
    axes.set_yticks(rows, names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("share of 95 % intervals that hold the truth (band: 93 to 97 %)")
    figure.legend(frameon=False, fontsize=8, loc="outside upper right", ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()

"""Whether the 95 % intervals of flip distances hold the true distance 95 % of the time.

    python analyses/coverage.py --out figures

Data: surveys simulated from known populations, three of them made up and six with the answer
shares and group sizes of questions of the starter set. Each survey gets its 95 % intervals, and
those that hold the true distance, or the true NBC of an option, are counted. Theory promises 95 %
where the distance is a smooth function of the answer shares: the order is clear, one pair stays
the nearest to flip, and no cell is nearly empty. The real questions show what happens otherwise.

Clustered surveys are drawn, too: in each stratum two primary units, whose members have an effect
on their answers in common. They are analysed with the strata and units, with jackknife weights
(each stratum's second unit in place of the first), and as if all people had been drawn one by one.
Writes a table and a figure (docs/survey-study.md shows them).
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from tqdm import tqdm

from socialpref import Population, flip, nbc
from socialpref.inference import Design, Interval, ReplicateWeights
from socialpref.plots import DARK, save
from socialpref.plots.style import WIDTH, headline, legend_below
from socialpref.surveys import Bootstrap, Question, Respondents, Survey, read_starter, study
from socialpref.surveys import Protocol as StudyProtocol

PROTOCOL = StudyProtocol(min_respondents_per_option=0)
LIMITS: dict[str, Any] = {"margin": PROTOCOL.margin, "floor": PROTOCOL.floor}
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


class Truth(Protocol):
    """A population of which surveys are drawn."""

    @property
    def kind(self) -> str:
        """What is to be expected."""
        ...

    @property
    def n(self) -> int:
        """Number of respondents."""
        ...

    def population(self) -> Population:
        """Return what an endless survey would find."""
        ...

    def draw(self, rng: np.random.Generator) -> Question:
        """Return the question of one survey."""
        ...


@dataclass(frozen=True)
class Simple:
    """A question's own shares; people are drawn one by one."""

    question: Question
    kind: str

    @property
    def n(self) -> int:
        """Number of respondents."""
        return int(self.question.n_respondents)

    def population(self) -> Population:
        """Return the question's population."""
        return self.question.population()

    def draw(self, rng: np.random.Generator) -> Question:
        """Return a survey of the same size."""
        truth = self.question
        cells = truth.group_shares[:, None] * truth.choice_shares
        counts = rng.multinomial(self.n, cells.ravel()).reshape(cells.shape)
        return Question.from_counts(truth.key, counts, truth.groups, truth.options)


@dataclass(frozen=True)
class Clustered:
    """Two units in each stratum; groups by fair lots; logits ``log p_g + e`` with e of a unit."""

    shares: tuple[tuple[float, ...], ...]
    kind: str
    strata: int = 40
    people: int = 25
    spread: float = 0.6
    analysed: str = "design"

    @property
    def n(self) -> int:
        """Number of respondents."""
        return 2 * self.strata * self.people

    def population(self) -> Population:
        """Return the population of the shares averaged over units, by quadrature."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(15)
        size = len(self.shares[0])
        effects = self.spread * np.array(list(product(nodes, repeat=size)))
        mass = np.array(list(product(weights / weights.sum(), repeat=size))).prod(axis=1)
        odds = np.array(self.shares)[:, None] * np.exp(effects)
        choices = np.einsum("e,gek->gk", mass, odds / odds.sum(axis=2, keepdims=True))
        return Population.from_choice_shares(choices)

    def draw(self, rng: np.random.Generator) -> Question:
        """Return a survey, with or without its design."""
        shares = np.array(self.shares)
        n_groups, size = shares.shape
        effects = rng.normal(0.0, self.spread, (2 * self.strata, size))
        unit = np.repeat(np.arange(2 * self.strata), self.people)
        group = rng.integers(n_groups, size=self.n)
        utility = np.log(shares)[group] + effects[unit] + rng.gumbel(size=(self.n, size))
        design = Design.of(unit // 2, unit) if self.analysed == "design" else None
        replicates = jackknife(unit, self.strata) if self.analysed == "jackknife" else None
        answers = Respondents(
            groups=group.astype(np.int16),
            options=utility.argmax(axis=1).astype(np.int16),
            weights=np.ones(self.n),
            design=design,
            replicates=replicates,
        )
        names = _names("g", shares), _names("o", shares[0])
        return Question.from_respondents("Q", answers, *names)


def jackknife(unit: np.ndarray, strata: int) -> ReplicateWeights:
    """Return weights in which each stratum's second unit stands for the first, once."""
    weights = np.ones((len(unit), strata))
    for h in range(strata):
        weights[unit == 2 * h, h] = 0.0
        weights[unit == 2 * h + 1, h] = 2.0
    return ReplicateWeights.of(weights, "JK2")


TWO_GROUPS = ((0.5, 0.3, 0.2), (0.25, 0.35, 0.4))
CLEAR = tuple(
    tuple((np.array(row) / sum(row)).tolist()) for row in MADE["four options, four groups"]
)


def truths() -> dict[str, Truth]:
    """Return what plays the truth, by name."""
    starter = read_starter()
    made = {
        name: Question.from_counts(name, counts, _names("g", counts), _names("o", counts[0]))
        for name, counts in MADE.items()
    }
    return {
        **{name: Simple(question, "clear order") for name, question in made.items()},
        **{key: Simple(starter[key].with_shares("observed"), kind) for key, kind in REAL.items()},
        "clustered": Clustered(TWO_GROUPS, "with its design"),
        "clustered, jackknife": Clustered(TWO_GROUPS, "with JK2 weights", analysed="jackknife"),
        "clustered, ignored": Clustered(TWO_GROUPS, "without its design", analysed="people"),
        "clustered, four groups": Clustered(CLEAR, "clear order", strata=400, people=20),
    }


def _names(letter: str, items: Sequence[object] | np.ndarray) -> list[str]:
    return [f"{letter}{i + 1}" for i in range(len(items))]


def one_survey(truth: Truth, seed: int, n_replicates: int) -> tuple[float, ...]:
    """Draw one survey and return whether its intervals hold the truth, and how often it flips."""
    drawn, population = truth.draw(np.random.default_rng(seed)), truth.population()
    survey = Survey(drawn.key, (drawn,))
    finding = study(survey, PROTOCOL, Bootstrap(n_replicates, seed=seed))[drawn.key].finding
    assert finding is not None
    found, replicates = finding.uncertainty, finding.replicates
    assert found is not None
    assert replicates is not None
    distance = flip(population, **LIMITS).distance
    inside = [
        float(score) in interval
        for score, interval in zip(nbc(population), found.nbc_intervals, strict=True)
    ]
    return (
        float(distance in found.flip_interval),
        float(distance in Interval.of(replicates.flip)),
        float(np.mean(inside)),
        found.flip_share,
        found.deff,
        distance,
    )


def main() -> None:
    """Simulate, and write the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--surveys", type=int, default=1000, help="simulated surveys per question")
    parser.add_argument("--replicates", type=int, default=500, help="replicates per survey")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--only", default="", help="the populations whose name begins so")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()

    rows = []
    chosen = {key: truth for key, truth in truths().items() if key.startswith(options.only)}
    for key, truth in tqdm(chosen.items(), unit="question"):
        outcomes = np.array(
            Parallel(n_jobs=options.jobs)(
                delayed(one_survey)(truth, seed, options.replicates)
                for seed in range(options.surveys)
            )
        )
        covered, percentile, nbc_covered, flips, deff, distance = outcomes.mean(axis=0)
        rows.append(
            {
                "question": key,
                "kind": truth.kind,
                "respondents": truth.n,
                "distance": distance,
                "flip_share": flips,
                "deff": deff,
                "coverage_distance": covered,
                "coverage_percentiles": percentile,
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
    figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
    axes = figure.add_subplot()
    looks = (
        ("nbc", "NBC of an option", "D", "white", -0.13),
        ("distance", "flip distance", "o", DARK, 0.13),
    )
    enough = [(table[f"coverage_{column}"] >= 0.93).sum() for column, *_ in looks]
    headline(
        figure,
        f"95 % intervals hold the truth in at least 93 % of the surveys: for NBC in {enough[0]} "
        f"of {len(table)} populations, for the flip distance in {enough[1]}",
    )
    rows = np.arange(len(table))
    axes.axvspan(0.93, 0.97, color="#e6e6e6")
    axes.axvline(0.95, color="black", lw=1, ls=":")
    for column, label, marker, fill, shift in looks:
        covered = table[f"coverage_{column}"]
        # The table has the error at 95 %.
        error = np.sqrt(covered * (1.0 - covered) / (0.95 * 0.05)) * table["simulation_error"]
        axes.errorbar(
            covered, rows + shift, xerr=1.96 * error, fmt=marker, color=DARK, mfc=fill, mec="black",
            ms=6, capsize=2, label=label,
        )  # fmt: skip
    names = [f"{q} ({kind})" for q, kind in zip(table["question"], table["kind"], strict=True)]
    axes.set_yticks(rows, names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("share of 95 % intervals that hold the truth\n(band: 93 to 97 %)")
    legend_below(figure, axes)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()

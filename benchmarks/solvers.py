"""Which solver the convex flip programs need: verdicts, errors and times of cvxpy's solvers.

The programs are flips of one pair in random populations of 3 to 30 options: half of them with
normal rewards, half with rewards from choice shares as surveys give them, with options that some
types never chose; at uniform and at random bases. A third has no margin and floor, a third the
published protocol's, 1e-5. The last third is as hard as can be: its margin is the largest that
any distribution reaches, plus or minus 1e-9 to 1e-5.

The truth is known: in total variation from the closed form, in other divergences as an interval
at most 1e-9 wide that a certificate proves. Every solver gets the package's own compiled
programs, at its default settings, and the package's choice also at the package's settings.

Printed for every divergence and solver: the share of programs about whose feasibility it is
right (a failure is not); the median and the largest error of the distance, over the programs with
a known distance for which it returns one; the median time of a solution, without compilation and
on one thread. ``--json FILE`` keeps the results.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from socialpref import ConvergenceError, Pair, Population, flip, nbc
from socialpref.flips import (
    ChiSquare,
    Divergence,
    KullbackLeibler,
    TotalVariation,
    Wasserstein,
    programs,
)

Floats = NDArray[np.float64]
Settings = dict[str, float]

SEED = 0
LIMIT = 1e-5
"""The published protocol's margin and floor."""

HIGHS, CLARABEL = programs._TIGHT["HIGHS"], programs._TIGHT["CLARABEL"]
LINEAR: list[tuple[str, Settings]] = [
    ("HIGHS", HIGHS),
    ("HIGHS", {}),
    ("SCIPY", {}),
    ("CLARABEL", {}),
    ("OSQP", {}),
    ("SCS", {}),
]
QUADRATIC: list[tuple[str, Settings]] = [
    ("CLARABEL", CLARABEL),
    ("CLARABEL", {}),
    ("OSQP", {}),
    ("SCS", {}),
]
EXPONENTIAL: list[tuple[str, Settings]] = [("CLARABEL", CLARABEL), ("CLARABEL", {}), ("SCS", {})]

DIVERGENCES: dict[str, tuple[Callable[[int], Divergence], list[tuple[str, Settings]]]] = {
    "total variation": (lambda size: TotalVariation(), LINEAR),
    "Wasserstein": (lambda size: Wasserstein(np.arange(size)), LINEAR),
    "chi-square": (lambda size: ChiSquare(), QUADRATIC),
    "KL": (lambda size: KullbackLeibler(), EXPONENTIAL),
}
"""How each divergence is made for K options, and the solvers of its program's class."""


@dataclass(frozen=True)
class Task:
    """One pair to be flipped: `below` is to overtake `above`."""

    population: Population
    above: int
    below: int
    base: Floats
    margin: float
    floor: float

    def distance(self) -> float:
        """Return the exact distance in total variation."""
        return flip(
            self.population,
            Pair(self.below, over=self.above),
            sampling=self.base,
            margin=self.margin,
            floor=self.floor,
        ).distance

    def certified(self, divergence: Divergence) -> float:
        """Return the distance that a certificate proves to 1e-9; nan if there is none."""
        try:
            return flip(
                self.population,
                [Pair(self.below, over=self.above)],
                sampling=self.base,
                margin=self.margin,
                floor=self.floor,
                divergence=divergence,
            ).distance
        except ConvergenceError:
            return np.nan


@dataclass(frozen=True)
class Row:
    """How one solver does on one kind of program.

    Attributes
    ----------
    divergence, solver, settings : str
    programs, flips, known : int
        How many were tried, how many of them have a solution, and how many of these a distance
        that is proven.
    right : float
        Share of programs with the right verdict on feasibility.
    median_error, largest_error : float
        Of the distance, where it is proven and the solver returned one.
    seconds : float
        Median time of a solution.
    """

    divergence: str
    solver: str
    settings: str
    programs: int
    flips: int
    known: int
    right: float
    median_error: float
    largest_error: float
    seconds: float


def tasks(count: int) -> Iterator[Task]:
    """Draw the pairs to be flipped."""
    generator = np.random.default_rng(SEED)
    for k in range(count):
        size = int(generator.integers(3, 31))
        population = surveyed(size, generator) if k % 2 else normal(size, generator)
        base = generator.dirichlet(np.full(size, 2.0)) if k // 2 % 2 else np.ones(size)
        base = np.maximum(base / base.sum(), 10 * LIMIT)
        base /= base.sum()
        pair = generator.choice(size, 2, replace=False)
        above, below = pair[np.argsort(-nbc(population, base)[pair])].tolist()
        P = population.pairwise()
        off = generator.choice([-1.0, 1.0]) * 10.0 ** generator.uniform(-9.0, -5.0)
        hard = max(float((P[below] - P[above]).max()) + off, 0.0)
        margin, floor = [(0.0, 0.0), (LIMIT, LIMIT), (hard, 0.0)][k % 3]
        yield Task(population, above, below, base, margin, floor)


def normal(size: int, generator: np.random.Generator) -> Population:
    """Return three types with normal rewards."""
    return Population(generator.normal(0.0, 2.0, (3, size)))


def surveyed(size: int, generator: np.random.Generator) -> Population:
    """Return four types with rewards from 300 answers of each."""
    shares = generator.dirichlet(np.full(size, 0.5), 4)
    counts = [generator.multinomial(300, row) for row in shares]
    return Population.from_choice_shares(np.array(counts) / 300)


def solve(
    task: Task, divergence: Divergence, solver: str, settings: Settings
) -> tuple[float, float]:
    """Return a solver's distance (inf: no flip; nan: no answer) and its time."""
    program = programs.compiled_program(len(task.base), 1, 0, divergence)
    P = task.population.pairwise()
    gains = P[task.below] - P[task.above]
    scale = np.abs(gains).max()
    values = {
        "base": divergence.parameter(task.base),
        "floor": task.floor,
        "rows": gains[None, :] / scale,
        "bounds": np.array([task.margin]) / scale,
    }
    for name, value in values.items():
        program.parameters[name].value = value
    program.point.value = task.base
    offset = float(program.problem.objective.value)  # the expressions leave out a constant
    try:
        for _ in range(2):  # the first compiles
            start = time.perf_counter()
            value = program.problem.solve(solver=solver, warm_start=False, **settings)
            took = time.perf_counter() - start
    except cp.SolverError:
        return np.nan, np.nan
    return float(np.nan if value is None else value) - offset, took


def measure(
    name: str,
    solver: str,
    settings: Settings,
    items: Sequence[Task],
    flips: NDArray[np.bool_],
    truth: Floats,
) -> Row:
    """Run one solver on the programs of one divergence."""
    make = DIVERGENCES[name][0]
    runs = [solve(task, make(len(task.base)), solver, settings) for task in items]
    found, took = np.array(runs).T
    answered = np.isfinite(found)
    compared = answered & np.isfinite(truth)
    errors = np.abs(found[compared] - truth[compared])
    right = np.where(flips, answered, found == np.inf)
    return Row(
        divergence=name,
        solver=solver,
        settings="package's" if settings else "default",
        programs=len(items),
        flips=int(flips.sum()),
        known=int(np.isfinite(truth).sum()),
        right=float(right.mean()),
        median_error=float(np.median(errors)),
        largest_error=float(errors.max()),
        seconds=float(np.nanmedian(took)),
    )


def compare(name: str, items: Sequence[Task]) -> Iterator[Row]:
    """Run all solvers of one divergence."""
    make, solvers = DIVERGENCES[name]
    exact = np.array([task.distance() for task in items])
    flips = np.isfinite(exact)
    truth = exact
    if name != "total variation":
        pairs = zip(items, flips, strict=True)
        truth = np.array([t.certified(make(len(t.base))) if flip else np.inf for t, flip in pairs])
    for solver, settings in solvers:
        yield measure(name, solver, settings, items, flips, truth)


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description="Compare solvers on the convex flip programs.")
    parser.add_argument("--count", type=int, default=240, help="how many random programs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the results")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)

    items = list(tasks(options.count))
    rows = []
    head = f"{'solver':10}{'settings':11}{'right':>7}{'median error':>14}{'largest':>10}{'ms':>8}"
    for name in DIVERGENCES:
        found = list(compare(name, items))
        rows += found
        first = found[0]
        print(
            f"{name}: {first.programs} programs; {first.flips} flips, {first.known} proven\n{head}"
        )
        for row in found:
            print(
                f"{row.solver:10}{row.settings:11}{row.right:7.1%}{row.median_error:14.1e}"
                f"{row.largest_error:10.1e}{row.seconds * 1e3:8.2f}"
            )
        print()
    if options.json:
        options.json.write_text(json.dumps([*map(asdict, rows)], indent=2) + "\n")


if __name__ == "__main__":
    main()

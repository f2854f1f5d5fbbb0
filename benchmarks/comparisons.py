"""Time the whole way from a file of comparisons to errors, ranks, agreement and flips.

    python benchmarks/comparisons.py [--rows 10_000_000] [--annotators 1_000_000]
        [--options 5_000] [--folder DIR] [--json FILE]

A Parquet file of comparisons by annotators of two types, who differ, is made first (and kept in
DIR, if one is named). Then a process of its own reads and counts it, fits, and computes naive and
clustered errors, each option's own interval of ranks, the design effect, agreement, the population
of the given types and its flips. Processor time and the time by the clock are shown for each step,
with the largest memory so far. Targets at the default size: 60 s by the clock and 4 GiB, on 2
cores that do nothing else.

Beside it the counts alone, of each pair and choice: by a group-by of pandas and of polars on the
names, by `count_comparisons` in DuckDB, and by `Comparisons.from_frame(...).cells()`; as ratios
of the last one. polars and DuckDB are optional.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

import argparse
import importlib.util
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

COLUMNS: dict[str, Any] = {"first": "a", "second": "b", "choice": "choice"}
PEOPLE: dict[str, Any] = {**COLUMNS, "annotator": "annotator", "types": "age"}
TEXTS = ["a", "b", "choice", "annotator", "age"]
Result = TypeVar("Result")


def make(file: Path, rows: int, annotators: int, options: int, seed: int = 0) -> None:
    """Write a file of comparisons; two of three annotators are old."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=options) + 0.5 * np.outer([1, -1], rng.normal(size=options))
    first = rng.integers(0, options, rows)
    second = (first + rng.integers(1, options, rows)) % options
    who = rng.integers(0, annotators, rows)
    age = (who % 3 == 0).astype(np.int64)
    lost = rng.random(rows) > 1 / (1 + np.exp(rewards[age, second] - rewards[age, first]))
    named = [f"option {k:05d}" for k in range(options)]
    people = [f"annotator {g:08d}" for g in range(annotators)]
    columns = {
        "a": (first, named),
        "b": (second, named),
        "choice": (lost.astype(np.int64), ["first", "second"]),
        "annotator": (who, people),
        "age": (age, ["old", "young"]),
    }
    table = {
        name: pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), names).cast("string")
        for name, (codes, names) in columns.items()
    }
    pq.write_table(pa.table(table), file)


class Clock:
    """Times steps and prints them."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[float, float, float]] = {}

    def __call__(self, name: str, run: Callable[[], Result]) -> Result:
        """Run a step; keep its seconds by the clock and of processors, and the memory so far."""
        clock, processors = time.perf_counter(), time.process_time()
        found = run()
        taken = time.perf_counter() - clock, time.process_time() - processors
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        self.steps[name] = (*taken, memory)
        print(f"{name:34s} {taken[0]:7.2f} s  {taken[1]:7.2f} s cpu  {memory:5.2f} GiB", flush=True)
        return found


def read(file: Path) -> Any:
    """Return the table in a file, its texts as the dictionaries that they are in the file."""
    import pyarrow.parquet as pq

    return pq.read_table(file, read_dictionary=TEXTS)


def chain(file: Path) -> dict[str, tuple[float, float, float]]:
    """Go the whole way."""
    import scipy.sparse
    import scipy.stats  # noqa: F401

    from socialpref import Winner, fit_bradley_terry, flip_distances
    from socialpref.comparisons import Comparisons, agreement, population_of

    step, start, used = Clock(), time.perf_counter(), time.process_time()
    rows = step("read and count", lambda: Comparisons.from_frame(read(file), **PEOPLE))
    people = step("population of given types", lambda: population_of(rows))
    step("flip of sampling", lambda: flip_distances([people], Winner()))
    step("flip of shares", lambda: flip_distances([people], Winner(), over="shares"))
    step("agreement", lambda: agreement(rows))
    fit = step(
        "fit, with scores by annotator",
        lambda: fit_bradley_terry(
            *(rows.first, rows.second, rows.label), options=rows.options, cluster=rows.annotator
        ),
    )
    step("naive errors", fit.standard_errors)
    step("clustered errors", lambda: fit.standard_errors(clustered=True))
    step("ranks, and their intervals", fit.rank_intervals)
    step("design effect", fit.design_effect)
    memory = step.steps["design effect"][2]
    total = (time.perf_counter() - start, time.process_time() - used, memory)
    print(f"{'in all':34s} {total[0]:7.2f} s  {total[1]:7.2f} s cpu  {memory:5.2f} GiB")
    met = total[0] <= 60.0 and memory <= 4.0
    print(f"target 60 s and 4 GiB: {'met' if met else 'MISSED'}; load {os.getloadavg()[0]:.1f}\n")
    return step.steps | {"in all": total}


def counts(file: Path) -> dict[str, tuple[float, float, float]]:
    """Count in several ways, each from the file."""
    from socialpref.comparisons import Comparisons, count_comparisons

    step = Clock()
    keys = list(COLUMNS.values())

    def by_pandas() -> int:
        import pandas as pd

        return len(pd.read_parquet(file, columns=keys).groupby(keys).size())

    def by_polars() -> int:
        import polars as pl

        return len(pl.scan_parquet(file).group_by(keys).len().collect())

    def by_duckdb() -> int:
        import duckdb

        relation = duckdb.connect().sql(f"FROM '{file}'")
        return len(count_comparisons(relation, **COLUMNS).comparisons)

    ours = "Comparisons.from_frame(...).cells()"
    step(ours, lambda: len(Comparisons.from_frame(read(file).select(keys), **COLUMNS).cells()[0]))
    ways = {
        "pandas": ("pandas", by_pandas),
        "polars": ("polars", by_polars),
        "count_comparisons in DuckDB": ("duckdb", by_duckdb),
    }
    for name, (needs, run) in ways.items():
        if importlib.util.find_spec(needs) is None:
            print(f"{name:34s} not installed")
            continue
        step(name, run)
        print(f"{'':34s} {step.steps[name][0] / step.steps[ours][0]:7.2f} of ours")
    return step.steps


def main() -> None:
    """Make the file, and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--annotators", type=int, default=1_000_000)
    parser.add_argument("--options", type=int, default=5_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    kept = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        file = folder / f"{chosen.rows}-{chosen.annotators}-{chosen.options}.parquet"
        if not file.exists():
            make(file, chosen.rows, chosen.annotators, chosen.options)
        context = multiprocessing.get_context("spawn")
        for run in (chain, counts):  # each with a memory of its own
            with context.Pool(1) as pool:
                kept[run.__name__] = pool.apply(run, (file,))
    if chosen.json:
        chosen.json.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Time sampling and one DPO run of the ring experiment, with the paper's settings.

    python benchmarks/ring.py

500,000 comparisons, a network with two hidden layers of 15, 10,000 steps of Adam on batches of
1,024. The target for both together is 24 seconds on two cores.
The table of scores that minimises the loss on the same comparisons is timed beside it.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from socialpref import DPO
from socialpref.comparisons import Comparisons, simulate
from socialpref.examples import ring
from socialpref.training import MLP, Fit, fit_minibatch, learn

TARGET = 24.0
Result = TypeVar("Result")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=500_000)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    states = ring()
    rows = []
    for seed in tqdm(range(options.repeats), unit="repeat"):
        pairs, sampling = _timed(partial(simulate, states, options.comparisons, seed=seed))
        _, training = _timed(partial(_network, pairs, options.steps, seed))
        _, exact = _timed(partial(learn, DPO(), pairs, ridge=0.5))
        rows.append((sampling, training, exact))
    sampling, training, exact = np.median(rows, axis=0)
    both = float(np.median([s + t for s, t, _ in rows]))
    print(f"medians of {options.repeats}; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"sampling               {sampling:8.2f} s")
    print(f"DPO, network           {training:8.2f} s")
    print(f"sampling and DPO       {both:8.2f} s  of a target of {TARGET:.0f} s")
    print(f"DPO, table, to the end {exact:8.2f} s")


def _network(pairs: Comparisons, steps: int, seed: int) -> tuple[Fit, ...]:
    cells = pairs.cells(merged=False)
    policy = MLP(pairs.n_prompts, pairs.n_options, seed=seed)
    return fit_minibatch(
        [policy], cells, n_prompts=pairs.n_prompts, n_options=pairs.n_options, steps=steps
    )


def _timed(action: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = action()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    main()

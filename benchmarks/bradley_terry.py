"""Time `fit_bradley_terry` against choix, evalica, arena-rank and scipy's generic optimisers.

    python benchmarks/bradley_terry.py [--errors] [--json FILE]

Random pairs of 100, 1,000 and 10,000 options, 100 comparisons for each option, wins drawn from
the Bradley–Terry model with standard normal rewards. Everyone gets the comparisons in its own
format, made before the clock starts, and runs at the loosest of its settings at which its
log-likelihood per comparison is within 1e-8 of the maximum. Times are medians of 3 runs (30 if
they take less than 0.1 s) after a first one, on one thread; a run that takes longer than a minute
is stopped. Ours starts from the raw rows: checking, merging and the proof that a maximum exists
are in its time. It is also timed at its default tolerance, which is much tighter.

scipy's optimisers get the log-likelihood of the rows as carefully written numpy. For information
two of them get the package's own instead (merged pairs, in cache, from the same starting point):
what is left is Newton's method against theirs. Targets: fastest at every size, and at least 10
times the best peer at 10,000 options.

With ``--errors`` it also times what follows a fit if it is asked for: scores by annotator (25
comparisons each), naive and clustered standard errors, each option's interval of ranks, and up
to 1,000 options intervals that hold together.

The peers are optional: ``pip install choix evalica arena-rank``. The last one pins numpy and jax,
so an environment of its own is best.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import importlib.util
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from socialpref.bradley_terry import fit_bradley_terry
from socialpref.bradley_terry.pairs import merge
from socialpref.bradley_terry.ranks import MOST_TOGETHER
from socialpref.bradley_terry.solver import Laplacian, Likelihood

Floats = NDArray[np.float64]
Fit = Callable[[float], Floats]
"""Returns the rewards found at one setting."""

AGREEMENT = 1e-8
"""How far a log-likelihood per comparison may be below the maximum."""

OURS, DEFAULT = "socialpref", "socialpref, by default"


@dataclass(frozen=True)
class Comparisons:
    """`first` was compared with `second`; `won` says where it won."""

    n_options: int
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    won: NDArray[np.bool_]

    @property
    def winners(self) -> NDArray[np.intp]:
        """The winner of each row."""
        return np.where(self.won, self.first, self.second)

    @property
    def losers(self) -> NDArray[np.intp]:
        """The loser of each row."""
        return np.where(self.won, self.second, self.first)

    def log_likelihood(self, rewards: Floats) -> float:
        """Return the log-likelihood per comparison."""
        return float(log_expit(rewards[self.winners] - rewards[self.losers]).mean())


def simulate(size: int, seed: int = 0) -> Comparisons:
    """Draw 100 comparisons for each option: 50 rows for each, as every row has two options."""
    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=size)
    first = rng.integers(0, size, 50 * size)
    second = (first + rng.integers(1, size, first.size)) % size
    won = rng.random(first.size) < expit(rewards[first] - rewards[second])
    return Comparisons(size, first, second, won)


# The peers: each prepares its data and returns what is timed


def ours(data: Comparisons) -> Fit:
    """Fit by this package; the setting is the tolerance, the largest error of a reward."""
    outcomes = data.won.astype(np.float64)
    return lambda tolerance: (
        fit_bradley_terry(data.first, data.second, outcomes, tolerance=tolerance).rewards
    )


def choix_peer(name: str, **options: float) -> Callable[[Comparisons], Fit]:
    """Fit by a function of choix; the setting is `tol`."""

    def prepare(data: Comparisons) -> Fit:
        import choix

        rows = list(zip(data.winners.tolist(), data.losers.tolist(), strict=True))
        function = getattr(choix, name)
        return lambda tol: np.asarray(function(data.n_options, rows, tol=tol, **options))

    return prepare


def evalica_peer(data: Comparisons) -> Fit:
    """Fit by evalica's compiled solver; the setting is `tolerance`."""
    import evalica

    first, second = data.first.tolist(), data.second.tolist()
    winners = [evalica.Winner.X if won else evalica.Winner.Y for won in data.won]

    def fit(tolerance: float) -> Floats:
        found = evalica.bradley_terry(first, second, winners, tolerance=tolerance, limit=10_000)
        return np.log(found.scores.sort_index().to_numpy())

    return fit


def arena_peer(data: Comparisons) -> Fit:
    """Fit by arena-rank's L-BFGS in jax; the setting is `gtol`, and `ftol`."""
    import jax.numpy as jnp
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    ones = jnp.ones(len(data.first))
    rows = PairDataset(
        competitors=[str(y) for y in range(data.n_options)],
        pairs=jnp.column_stack([data.first, data.second]),
        outcomes=jnp.asarray(data.won, dtype=float),
        counts=ones,
        weights=ones,
        opt_weights=ones,
    )

    def fit(tolerance: float) -> Floats:
        model = BradleyTerry(data.n_options, gtol=tolerance, ftol=tolerance, max_iter=10_000)
        return np.asarray(model.fit(rows).params["ratings"], dtype=np.float64)

    return fit


class Rows:
    """Minus the log-likelihood of the rows per option: value, gradient, Hessian products."""

    def __init__(self, data: Comparisons) -> None:
        self.size, self.winners, self.losers = data.n_options, data.winners, data.losers
        self.start = np.zeros(self.size)

    def __call__(self, rewards: Floats) -> tuple[float, Floats]:
        """Return the value and the gradient; keep the curvature for `product`."""
        gap = rewards.take(self.winners) - rewards.take(self.losers)
        self.at = rewards.copy()
        odds = np.exp(-np.abs(gap))
        upset = np.where(gap >= 0.0, odds, 1.0) / (1.0 + odds)
        self.curvature = upset * (1.0 - upset)
        value = (np.log1p(odds) - np.minimum(gap, 0.0)).sum() / self.size
        return float(value), self._nodes(-upset)

    def product(self, rewards: Floats, vector: Floats) -> Floats:
        """Return the Hessian times a vector; mostly at the rewards last evaluated."""
        if not np.array_equal(rewards, self.at):
            self(rewards)
        return self._nodes(self.curvature * (vector.take(self.winners) - vector.take(self.losers)))

    def _nodes(self, force: Floats) -> Floats:
        up = np.bincount(self.winners, force, self.size)
        return np.asarray(up - np.bincount(self.losers, force, self.size)) / self.size


class Merged:
    """The same function of the package's own merged pairs."""

    def __init__(self, data: Comparisons) -> None:
        one, won = np.ones(()), data.won.astype(np.float64)
        pairs = merge(data.first, data.second, won, one, data.n_options)
        self.likelihood = Likelihood(pairs, data.n_options)
        self.start, self.size = self.likelihood.start(), data.n_options

    def __call__(self, rewards: Floats) -> tuple[float, Floats]:
        """Return the value and the gradient; keep the curvature for `product`."""
        point, graph = self.likelihood.at(rewards), self.likelihood.graph
        self.at = rewards.copy()
        self.upper = graph.upper(point.curvature)
        self.degree = Laplacian(graph, point.curvature).diagonal
        return -self.likelihood.value(rewards) / self.size, -point.force / self.size

    def product(self, rewards: Floats, vector: Floats) -> Floats:
        """Return the Hessian times a vector; mostly at the rewards last evaluated."""
        if not np.array_equal(rewards, self.at):
            self(rewards)
        product = self.degree * vector - self.upper @ vector - self.upper.T @ vector
        return np.asarray(product / self.size)


def scipy_peer(method: str, kind: type[Rows] | type[Merged] = Rows) -> Callable[[Comparisons], Fit]:
    """Fit by `scipy.optimize.minimize`; the setting is the method's own tolerance."""

    def prepare(data: Comparisons) -> Fit:
        def fit(tolerance: float) -> Floats:
            function = kind(data)
            options: dict[str, float] = {"maxiter": 10_000}
            if method == "L-BFGS-B":
                options |= {"ftol": tolerance, "gtol": 0.0}
            elif method == "Newton-CG":
                options |= {"xtol": tolerance}
            else:
                options |= {"gtol": tolerance}
            product = None if method == "L-BFGS-B" else function.product
            found = minimize(
                function, function.start, jac=True, hessp=product, method=method, options=options
            )
            return np.asarray(found.x)

        return fit

    return prepare


@dataclass(frozen=True)
class Peer:
    """How to prepare a peer, its settings from loose to tight, and what it needs installed."""

    prepare: Callable[[Comparisons], Fit]
    settings: Sequence[float]
    needs: str = "socialpref"
    counts: bool = True


LADDER = tuple(10.0**-k for k in range(1, 15))

PEERS = {
    OURS: Peer(ours, LADDER[:9]),
    DEFAULT: Peer(ours, (1e-8,), counts=False),
    "choix.ilsr_pairwise": Peer(choix_peer("ilsr_pairwise"), LADDER[1:], "choix"),
    "choix.mm_pairwise": Peer(choix_peer("mm_pairwise"), LADDER[1:], "choix"),
    "choix.opt_pairwise": Peer(choix_peer("opt_pairwise", alpha=0.0), LADDER, "choix"),
    "evalica.bradley_terry": Peer(evalica_peer, LADDER, "evalica"),
    "arena_rank.BradleyTerry": Peer(arena_peer, LADDER, "arena_rank"),
    "scipy L-BFGS-B": Peer(scipy_peer("L-BFGS-B"), LADDER[3:]),
    "scipy Newton-CG": Peer(scipy_peer("Newton-CG"), LADDER),
    "scipy trust-ncg": Peer(scipy_peer("trust-ncg"), LADDER[2:]),
    "scipy L-BFGS-B, our pairs": Peer(scipy_peer("L-BFGS-B", Merged), LADDER[3:], counts=False),
    "scipy Newton-CG, our pairs": Peer(scipy_peer("Newton-CG", Merged), LADDER, counts=False),
}
"""Those that do not count are for information: they run the package's own code."""


@dataclass(frozen=True)
class Result:
    """What one peer did at one size; the time is NaN if it did not reach the maximum."""

    peer: str
    n_options: int
    seconds: float
    setting: float
    shortfall: float
    note: str = ""


def measure(name: str, data: Comparisons, best: float, repeats: int, limit: float) -> Result:
    """Run a peer in a process of its own, tightening its settings until it is right."""
    peer = PEERS[name]
    missed = Result(name, data.n_options, float("nan"), float("nan"), float("nan"))
    if importlib.util.find_spec(peer.needs) is None:
        return Result(**asdict(missed) | {"note": f"not installed: {peer.needs}"})
    context = multiprocessing.get_context("spawn")
    ear, mouth = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(mouth, name, data, best, repeats))
    process.start()
    mouth.close()
    times: list[float] = []
    setting = shortfall = float("nan")
    note = ""
    try:
        while True:
            if not ear.poll(limit + 10.0):  # 10 s more for preparing the data
                note = f"stopped after {limit:g} s; shortfall of the last run that ended"
                break
            setting, seconds, shortfall = ear.recv()
            if shortfall <= AGREEMENT:
                times.append(seconds)
                if seconds > limit / 6:
                    note = f"{len(times)} run"
                    break
    except EOFError:
        if not times:
            note = "failed, or did not reach the maximum at any setting"
    finally:
        process.kill()
        process.join()
    # The first run warms up, unless it was so slow that it is the only one.
    middle = float(np.median(times[1:] or times)) if times else float("nan")
    return Result(name, data.n_options, middle, setting, shortfall, note)


def _run(mouth: Connection, name: str, data: Comparisons, best: float, repeats: int) -> None:
    """Send (setting, seconds, shortfall) of each run."""
    peer = PEERS[name]
    fit = peer.prepare(data)
    for setting in peer.settings:
        runs = done = 0
        while done <= runs:
            start = time.perf_counter()
            rewards = fit(setting)
            seconds = time.perf_counter() - start
            shortfall = best - data.log_likelihood(rewards)
            mouth.send((setting, seconds, shortfall))
            if not shortfall <= AGREEMENT:
                break
            runs, done = (repeats if seconds > 0.1 else 10 * repeats), done + 1
        else:
            return


def report(size: int, results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of one size's table."""
    base = results[0].seconds
    yield f"{size:,} options, {50 * size:,} comparisons"
    for r in results:
        mark = " " if PEERS[r.peer].counts else "*"
        said = (
            f"{r.peer:28s}{mark} {1e3 * r.seconds:10.1f} ms {r.seconds / base:9.1f} x "
            f" setting {r.setting:.0e}  short by {r.shortfall:8.1e}  {r.note}"
        )
        yield said.rstrip()
    rivals = [r for r in results[1:] if PEERS[r.peer].counts and not np.isnan(r.seconds)]
    if rivals:
        first = min(rivals, key=lambda r: r.seconds)
        target = 10.0 if size >= 10_000 else 1.0
        for r in results[:2]:
            ratio = first.seconds / r.seconds
            verdict = "met" if ratio >= target else "MISSED"
            yield f"best peer {first.peer}: {ratio:.1f} x {r.peer}; target {target:g} x {verdict}"
    yield ""


def time_errors(data: Comparisons) -> Iterator[str]:
    """Yield how long the fit, and what follows it, take once."""
    annotator = np.arange(len(data.first)) // 25
    outcomes = data.won.astype(np.float64)
    start = time.perf_counter()
    fit = fit_bradley_terry(data.first, data.second, outcomes, cluster=annotator)
    yield _line(f"fit with scores of {annotator[-1] + 1:,} annotators", start)
    parts: dict[str, Callable[[], object]] = {
        "naive errors": fit.standard_errors,
        "clustered errors": lambda: fit.standard_errors(clustered=True),
        "intervals of ranks": fit.rank_intervals,
    }
    if data.n_options <= MOST_TOGETHER:
        parts["simultaneous intervals"] = lambda: fit.rank_intervals(simultaneous=True)
    for what, run in parts.items():
        start = time.perf_counter()
        run()
        yield _line(what, start)
    yield ""


def _line(what: str, start: float) -> str:
    return f"{what:40s} {1e3 * (time.perf_counter() - start):10.1f} ms"


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one run")
    parser.add_argument("--errors", action="store_true", help="time standard errors as well")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    kept: list[dict[str, Any]] = []
    for size in chosen.sizes:
        data = simulate(size)
        # A reference from another likelihood and optimiser than ours; the higher one counts.
        references = [ours(data)(1e-10), scipy_peer("L-BFGS-B")(data)(1e-14)]
        best = max(data.log_likelihood(rewards) for rewards in references)
        results = [measure(name, data, best, chosen.repeats, chosen.limit) for name in PEERS]
        print("\n".join(report(size, results)), flush=True)
        if chosen.errors:
            print("\n".join(time_errors(data)), flush=True)
        kept += [asdict(result) for result in results]
    print("* for information: the default tolerance, and peers that run the package's own code")
    if chosen.json:
        chosen.json.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()

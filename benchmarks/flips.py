"""How fast ranking flips are found, against other solvers and against the project's targets.

Six measurements:

1. *Peers*: every ordered pair of options of every party question of OpinionQA, solved by the
   batched closed form and by three ways of solving the same linear programs one by one: scipy's
   `linprog` (as the published protocol does), cvxpy with the problem rebuilt for every pair, and
   cvxpy with one problem per number of options whose gains are a parameter. All start from the
   preferences P; only the closed form has to find the pairs itself. The cvxpy peers solve a
   random sample, and their total is scaled up. All answers must agree to 1e-9. Target: 1,000
   times faster than `linprog`.
2. *One at a time*: `flip` of the ranking of a population with 6 options and 4 types, called for
   200 populations one by one, against `linprog` over all pairs of each, of which one is above
   the other. Both start from a population whose preferences are known. The answers must agree to
   1e-9. Target: 100 times faster.
3. *Million*: a million pairs with 5 options by `greedy_distances`. Target: 3 s.
4. *Large*: `flip` of one population with 2,000 options and 3 types, in an interpreter of
   its own; the time and the peak memory include building the population and its preferences.
   Targets: 2 s and 1 GiB. For information also with margin and floor of the published protocol.
5. *Import*: ``import socialpref`` in a fresh interpreter, whose own start is included. Target:
   0.3 s.
6. *Survey*: ``python -m socialpref survey`` on the embedded starter set, from start to end.
   Target: 5 s.

The first needs the folder of OpinionQA's files, ``$SOCIALPREF_DATA/opinionqa``, and is skipped
without it. Times are medians over repeats on one thread: processor time, which other work on the
machine hardly changes, and by the clock where another interpreter does the work. ``--json FILE``
keeps the results.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from socialpref import Population, flip
from socialpref.flips import greedy_distances, pair_flip_distances
from socialpref.rules import TIE_TOLERANCE

Floats = NDArray[np.float64]
Solver = Callable[[Floats], float]
"""Returns the flip distance of one pair from its gains, ``P[below] - P[above]``."""

MARGIN = FLOOR = 1e-5
"""The published protocol's margin and floor."""

TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
"""Settings of HiGHS, for all peers."""

AGREEMENT = 1e-9
"""How far a peer's distance may be from ours."""

SPEEDUP = 1000.0
ONE_SPEEDUP = 100.0
SEED = 0


class Pair(NamedTuple):
    """An ordered pair of options of one question."""

    question: int
    above: int
    below: int


@dataclass(frozen=True)
class Peer:
    """One way of solving all pairs, and what it took.

    Attributes
    ----------
    name : str
    pairs : int
        How many pairs were solved; the total is scaled from them.
    per_pair : float
        Seconds per pair, the mean over the pairs, preparation included.
    total : float
        Seconds for all pairs.
    ratio : float
        `total` in units of the closed form's.
    difference : float
        Largest difference from the closed form's distances.
    """

    name: str
    pairs: int
    per_pair: float
    total: float
    ratio: float
    difference: float


@dataclass(frozen=True)
class Check:
    """One measurement against its target; without a target it is for information."""

    name: str
    value: float | None
    target: float | None
    unit: str = "s"

    @property
    def verdict(self) -> str:
        """Whether the target is met, in a word or two."""
        if self.value is None:
            return "not run"
        if self.target is None:
            return ""
        return "met" if self.value <= self.target else "MISSED"


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return how long one call takes, in processor time unless another clock is given."""
    start = clock()
    work()
    return clock() - start


def median(
    work: Callable[[], object], repeats: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Return the median time of several calls."""
    return float(np.median([seconds(work, clock) for _ in range(repeats)]))


# Peers


def party_preferences(folder: Path) -> list[Floats]:
    """Return P of every question with more than 2 options, types by party."""
    from socialpref.surveys import read_opinionqa

    survey = read_opinionqa(folder, groups="party")
    return [q.population().pairwise() for q in survey if q.n_options > 2]


def ordered_pairs(preferences: Sequence[Floats]) -> list[Pair]:
    """Return every pair of options of which one is strictly above the other at uniform."""
    pairs = []
    for question, P in enumerate(preferences):
        scores = P.mean(axis=1)
        above, below = np.nonzero(scores[:, None] - scores[None, :] > TIE_TOLERANCE)
        pairs += [Pair(question, int(a), int(b)) for a, b in zip(above, below, strict=True)]
    return pairs


def closed_form(preferences: Sequence[Floats]) -> list[Floats]:
    """Return the distances of all pairs of all questions, in one batch per number of options."""
    places = defaultdict(list)
    for place, P in enumerate(preferences):
        places[len(P)].append(place)
    result: list[Floats] = [np.empty(0)] * len(preferences)
    for where in places.values():
        batch = np.stack([preferences[place] for place in where])
        solved = pair_flip_distances(batch, margin=MARGIN, floor=FLOOR)
        for place, distances in zip(where, solved, strict=True):
            result[place] = distances
    return result


def scipy_linprog(gains: Floats, limit: float = MARGIN) -> float:
    """Solve one pair with scipy, in the variables d and t >= abs(d - d0).

    `limit` is the margin and the floor.
    """
    from scipy.optimize import linprog

    size = len(gains)
    base, eye = np.full(size, 1.0 / size), np.eye(size)
    found = linprog(
        np.repeat([0.0, 0.5], size),
        A_ub=np.block([[eye, -eye], [-eye, -eye], [-gains, np.zeros(size)]]),
        b_ub=np.concatenate([base, -base, [-limit]]),
        A_eq=np.repeat([1.0, 0.0], size)[None, :],
        b_eq=[1.0],
        bounds=[(limit, None)] * size + [(0.0, None)] * size,
        method="highs",
        options=TIGHT,
    )
    return float(found.fun) if found.success else np.inf


def cvxpy_problem(gains: Any) -> Any:
    """Write the program of one pair, for gains that are given or a parameter."""
    import cvxpy as cp

    size = gains.shape[0]
    point = cp.Variable(size)
    limits = [cp.sum(point) == 1, point >= FLOOR, gains @ point >= MARGIN]
    return cp.Problem(cp.Minimize(cp.norm1(point - 1.0 / size) / 2), limits)


def cvxpy_rebuilt(gains: Floats) -> float:
    """Solve one pair with a problem of its own."""
    return float(cvxpy_problem(gains).solve(solver="HIGHS", **TIGHT))


def cvxpy_compiled(sizes: Iterable[int]) -> Solver:
    """Compile one parametrised problem per number of options; return what solves a pair."""
    import cvxpy as cp

    parameters = {size: cp.Parameter(size) for size in sizes}
    problems = {size: cvxpy_problem(parameter) for size, parameter in parameters.items()}

    def solve(gains: Floats) -> float:
        parameters[len(gains)].value = gains
        return float(problems[len(gains)].solve(solver="HIGHS", **TIGHT))

    for size in problems:
        solve(np.linspace(-1.0, 1.0, size))
    return solve


def run_peer(
    solve: Solver, preferences: Sequence[Floats], pairs: Sequence[Pair]
) -> tuple[Floats, Floats]:
    """Return every pair's time and distance."""
    times, distances = [], []
    for question, above, below in pairs:
        P = preferences[question]
        start = time.process_time()
        distance = solve(P[below] - P[above])
        times.append(time.process_time() - start)
        distances.append(distance)
    return np.array(times), np.array(distances)


def measure_peer(
    name: str,
    solve: Solver,
    preparation: float,
    preferences: Sequence[Floats],
    pairs: Sequence[Pair],
    sample: int,
    repeats: int,
    ours_took: float,
) -> Peer:
    """Time one peer on a random sample of the pairs and compare its answers with ours."""
    drawn = np.random.default_rng(SEED).permutation(len(pairs))[:sample]
    chosen = [pairs[k] for k in np.sort(drawn)]
    runs = [run_peer(solve, preferences, chosen) for _ in range(repeats)]
    times = np.median([run[0] for run in runs], axis=0)
    solved = closed_form(preferences)
    ours = np.array([solved[question][above, below] for question, above, below in chosen])
    difference = largest_difference(ours, runs[0][1])
    if not difference <= AGREEMENT:
        raise SystemExit(f"{name} differs from the closed form by {difference:.3g}")
    total = preparation + float(times.mean()) * len(pairs)
    return Peer(name, len(chosen), total / len(pairs), total, total / ours_took, difference)


def largest_difference(left: Floats, right: Floats) -> float:
    """Return the largest absolute difference; two infinities are equal."""
    same = left == right
    return float(np.abs(np.subtract(left, right, where=~same, out=np.zeros_like(left))).max())


def compare_peers(preferences: Sequence[Floats], sample: int, repeats: int) -> list[Peer]:
    """Return the closed form and its peers; those with cvxpy solve a sample of the pairs."""
    pairs = ordered_pairs(preferences)
    took = median(lambda: closed_form(preferences), 200)
    ours = Peer("closed form, batched", len(pairs), took / len(pairs), took, 1.0, 0.0)

    for solve in (scipy_linprog, cvxpy_rebuilt):
        solve(np.array([-1.0, 1.0]))  # imports what it needs
    start = time.process_time()
    compiled = cvxpy_compiled({len(P) for P in preferences})
    compiling = time.process_time() - start
    peers: list[tuple[str, Solver, float, int]] = [
        ("scipy linprog (HiGHS)", scipy_linprog, 0.0, len(pairs)),
        ("cvxpy, rebuilt (HiGHS)", cvxpy_rebuilt, 0.0, sample),
        ("cvxpy, compiled (HiGHS)", compiled, compiling, sample),
    ]
    return [
        ours,
        *(measure_peer(*peer[:3], preferences, pairs, peer[3], repeats, took) for peer in peers),
    ]


# Targets


def million(repeats: int) -> Check:
    """Time a million pairs with 5 options."""
    gains = np.random.default_rng(SEED).uniform(-1.0, 1.0, (1_000_000, 5))
    return Check("a million pairs, K = 5", median(lambda: greedy_distances(gains), repeats), 3.0)


def one_at_a_time(limit: float, repeats: int, count: int = 200) -> list[Check]:
    """Flip the rankings of some populations one by one, and solve all their pairs by scipy."""
    rng = np.random.default_rng(SEED)
    rewards = rng.normal(size=(count, 4, 6)) * [[0.5], [1.0], [2.0], [8.0]]
    populations = [Population(each) for each in rewards]
    matrices = [population.pairwise() for population in populations]

    def by_linprog(P: Floats) -> float:
        scores = P.mean(axis=1)
        above, below = np.nonzero(scores[:, None] > scores[None, :])
        return min(scipy_linprog(gains, limit) for gains in P[below] - P[above])

    def ours() -> list[float]:
        return [flip(each, margin=limit, floor=limit).distance for each in populations]

    def theirs() -> list[float]:
        return [by_linprog(P) for P in matrices]

    difference = largest_difference(np.array(ours()), np.array(theirs()))
    if not difference <= AGREEMENT:
        raise SystemExit(f"linprog differs from single flips by {difference:.3g}")
    took = median(ours, 10 * repeats) / count
    ratio = median(theirs, repeats) / count / took
    name = "one ranking flip, K = 6, T = 4"
    name += f", margin = floor = {limit:g}" if limit else ""
    return [
        Check(f"{name}: linprog takes {ratio:.0f} times", 1e6 * took, None, "us"),
        Check("  its share of linprog's time", 100.0 / ratio, 100.0 / ONE_SPEEDUP, "%"),
    ]


def large_here(limit: float) -> dict[str, float]:
    """Flip one large ranking in this interpreter; return the seconds and the peak in GiB."""
    rewards = np.random.default_rng(SEED).standard_normal((3, 2000))
    took = seconds(lambda: flip(Population(rewards), margin=limit, floor=limit))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    return {"seconds": took, "gibibytes": peak * unit / 2**30}


def large(repeats: int) -> list[Check]:
    """Flip one large ranking in interpreters of its own.

    A child's peak starts at its parent's, so this comes before anything that needs memory.
    """
    checks = []
    for limit, name in [(0.0, ""), (MARGIN, ", margin = floor = 1e-5")]:
        runs = []
        for _ in range(repeats):
            command = [sys.executable, __file__, "--large-here", str(limit)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout))
        for key, unit, target in [("seconds", "s", 2.0), ("gibibytes", "GiB", 1.0)]:
            value = float(np.median([run[key] for run in runs]))
            goal = None if limit else target
            checks.append(Check(f"ranking flip, K = 2,000, T = 3{name}", value, goal, unit))
    return checks


def importing(repeats: int) -> Check:
    """Time the import in fresh interpreters."""
    command = [sys.executable, "-c", "import socialpref"]
    took = median(lambda: subprocess.run(command, check=True), repeats, time.perf_counter)
    return Check("import socialpref", took, 0.3)


def survey(repeats: int) -> Check:
    """Time the command that analyses the starter set."""
    name = "socialpref survey, starter set"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "socialpref", "survey", "--out", f"{folder}/out"]
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            if subprocess.run(command, capture_output=True).returncode:
                return Check(name, None, 5.0)
            times.append(time.perf_counter() - start)
    return Check(name, float(np.median(times)), 5.0)


# Report


def print_peers(peers: Sequence[Peer]) -> None:
    """Print the peers as a table."""
    print(f"{'':25}{'pairs':>7}{'us/pair':>10}{'total s':>11}{'ratio':>10}{'difference':>12}")
    for peer in peers:
        print(
            f"{peer.name:25}{peer.pairs:7,}{peer.per_pair * 1e6:10,.2f}{peer.total:11.4g}"
            f"{peer.ratio:10,.0f}{peer.difference:12.1e}"
        )


def print_checks(checks: Sequence[Check]) -> None:
    """Print measurements and targets as a table."""
    for check in checks:
        value = "" if check.value is None else f"{check.value:.3g} {check.unit}"
        target = "" if check.target is None else f"target {check.target:g} {check.unit}"
        print(f"{check.name:76}{value:>12}  {target:14}  {check.verdict}")


def main() -> None:
    """Run the measurements and print them."""
    parser = argparse.ArgumentParser(description="Measure how fast ranking flips are found.")
    parser.add_argument("--sample", type=int, default=400, help="pairs for cvxpy")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of the slow measurements")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the results")
    parser.add_argument("--large-here", type=float, metavar="LIMIT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.large_here is not None:
        print(json.dumps(large_here(options.large_here)))
        return

    checks = [*large(options.repeats), importing(10), survey(options.repeats)]
    checks += one_at_a_time(0.0, options.repeats) + one_at_a_time(MARGIN, options.repeats)
    checks.append(million(options.repeats))
    peers: list[Peer] = []
    if data := os.environ.get("SOCIALPREF_DATA"):
        preferences = party_preferences(Path(data) / "opinionqa")
        peers = compare_peers(preferences, options.sample, options.repeats)
        speedup = "met" if peers[1].ratio >= SPEEDUP else "MISSED"
        print(f"All pairs of {len(preferences)} party questions of OpinionQA\n")
        print_peers(peers)
        print(f"\n{SPEEDUP:,.0f} times faster than scipy's linprog: {speedup}\n")
    else:
        print("The comparison with peers is skipped: SOCIALPREF_DATA is not set.\n")
    print_checks(checks)
    if options.json:
        results = {"peers": [*map(asdict, peers)], "checks": [*map(asdict, checks)]}
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Whose order each method has, how often it finds the best option, and what it costs.

    python analyses/rivals.py --opinionqa DIR

Data: OpinionQA's questions by party (DIR, or where `socialpref data get opinionqa` put them; left
out if there are none), and random populations from fixed seeds: 300 of 2 to 5 types with random
shares, 3 to 6 options and normal rewards with a standard deviation of 1.5; and for on-policy DPO
300 of three equal types, five options and a standard deviation of 2. Prints the tables of
docs/what-methods-converge-to.md: orders with proofs or counterexamples, how often the most probable
option has the largest average reward, regret and distortion with 95% intervals, and on-policy
against offline DPO. Less than two minutes on one core.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from socialpref import ConvergenceError, DataError, InputError, Population, nbc, optimal_policy
from socialpref.divergences import total_variation
from socialpref.inference import Interval
from socialpref.limits import DPO, Limit, Method, OnPolicyDPO, metrics
from socialpref.methods import Entry, entries
from socialpref.rules import ranking
from socialpref.surveys import read_opinionqa

Floats = NDArray[np.float64]

SEARCHED = 2000
"""Random populations that are searched for a counterexample."""
CLEAR = 1e-3
"""How far apart scores, and probabilities, are that a counterexample orders in opposite ways."""
BETAS = (1.0, 0.1)
SLOW = ("corrected-dpo", "latent-classes")
"""Left out of the costs: a second each; docs/theory.md counts where the correction helps."""
PROOFS = {
    ("dpo", "NBC"): "stationarity: sum_z d_z s(h_y - h_z) = NBC_y, increasing in h_y",
    ("conservative-dpo", "NBC"): "DPO at e + (1-2e) P, whose NBC is increasing in NBC",
    ("robust-dpo", "NBC"): "DPO at (P-e) / (1-2e), where a minimum exists",
    ("ipo", "NBC"): "h = NBC / tau",
    ("chi-po", "NBC"): "pi / ref is increasing in DPO's rewards",
    ("agreement", "average reward"): "h is the mean of the types' rewards (equal shares)",
    ("reward-averaging", "average reward"): "h is the average reward (logistic link)",
    ("latent-classes", "average reward"): "h is the average reward (where classes are identified)",
    ("orthogonal", "average reward"): "h is the average reward (logistic link)",
    ("vote-counts", "average reward"): "h is the average reward (equal shares, logistic link)",
    ("optimal", "average reward"): "by definition",
}
"""Why the order of a method's policy is that of a score, under a uniform reference."""


def random_population(rng: np.random.Generator, deviation: float = 1.5) -> Population:
    """Return a population of 2 to 5 types with random shares and 3 to 6 options."""
    shape = int(rng.integers(2, 6)), int(rng.integers(3, 7))
    return Population(rng.normal(0.0, deviation, shape), rng.dirichlet(np.ones(shape[0])))


def limit_or_none(method: Method, population: Population, beta: float = 1.0) -> Limit | None:
    """Return a method's limit, if it has one."""
    try:
        return method.without_search().limit(population, beta=beta)
    except (InputError, ConvergenceError):
        return None


def counterexample(method: Method, score: Callable[[Population], Floats]) -> tuple[str, int]:
    """Return a small population that a method orders otherwise, and how many were searched."""
    rng = np.random.default_rng(0)
    for n in range(1, SEARCHED + 1):
        shape = int(rng.integers(2, 4)), 3 if 2 * n < SEARCHED else 5
        population = Population(rng.integers(-4, 5, shape))
        limit = limit_or_none(method, population)
        if limit is None:
            continue
        apart = np.subtract.outer(score(population), score(population))
        policy = np.subtract.outer(limit.policy, limit.policy)
        if ((apart > CLEAR) & (policy < -CLEAR)).any():
            return str(population.rewards.astype(int).tolist()), n
    return "none found", SEARCHED


def print_orders(methods: Sequence[Entry]) -> None:
    """Print whose order each method has: a proof, or a counterexample."""
    scores: dict[str, Callable[[Population], Floats]] = {
        "NBC": nbc,
        "average reward": Population.mean_rewards,
    }
    print("| method | NBC's order | the average reward's order |")
    print("|---|---|---|")
    for written, method in methods:
        cells = []
        for name, score in scores.items():
            if (method.name, name) in PROOFS:
                cells.append(f"yes: {PROOFS[method.name, name]}")
            else:
                example, n = counterexample(method, score)
                cells.append(f"no: `{example}`" if n < SEARCHED else f"not refuted by {n}")
        print(f"| `{written}` | {' | '.join(cells)} |")


def mean_with_interval(values: Sequence[float], form: str, seed: int = 0) -> str:
    """Return a mean with its 95% bootstrap interval."""
    numbers = np.asarray(values, dtype=np.float64)
    chosen = np.random.default_rng(seed).integers(0, len(numbers), (1000, len(numbers)))
    interval = Interval.of(numbers[chosen].mean(axis=1))
    return f"{numbers.mean():{form}} ({interval.low:{form}} to {interval.high:{form}})"


def print_costs(name: str, populations: Sequence[Population], methods: Sequence[Entry]) -> None:
    """Print how often methods find the best option, and what their policies cost, on average."""
    print(f"\n{name}: {len(populations)} populations, beta 1")
    print("| method | with a limit | picks the best | worst type's regret | distortion |")
    print("|---|---|---|---|---|")
    for written, method in methods:
        picks, regrets, distortions = [], [], []
        for population in populations:
            limit = limit_or_none(method, population)
            if limit is None:
                continue
            best = ranking(population.mean_rewards()).winners
            mine = ranking(limit.policy).winners
            picks.append(len(set(mine) & set(best)) / len(mine))  # one of several at random
            found = metrics(population, limit.policy)
            regrets.append(found.worst_regret)
            distortions.append(found.distortion)
        if not picks:
            print(f"| `{written}` | 0 | | | |")
            continue
        cells = (
            mean_with_interval(picks, ".1%"),
            mean_with_interval(regrets, ".3f"),
            mean_with_interval(distortions, ".3f"),
        )
        print(f"| `{written}` | {len(picks)} | {' | '.join(cells)} |")


def print_on_policy(name: str, populations: Sequence[Population]) -> None:
    """Print whether on-policy DPO is nearer to the optimum than DPO, and how unique it is."""
    for beta in BETAS:
        nearer, change, several, unsettled = [], [], 0, 0
        for population in populations:
            try:
                on = OnPolicyDPO(n_starts=1).limit(population, beta=beta)
                off = DPO().limit(population, beta=beta).policy
            except ConvergenceError:
                continue
            several += bool(on.others)
            unsettled += "do not settle" in on.note
            best = optimal_policy(population, beta=beta).policy
            gain = total_variation(off, best) - total_variation(on.policy, best)
            nearer.append(float(gain > 0.0))
            change.append(-gain)
        print(
            f"{name}, beta {beta:g}: of {len(nearer)} on-policy DPO is nearer to the optimum in "
            f"{mean_with_interval(nearer, '.1%')}; the distance changes by "
            f"{mean_with_interval(change, '+.4f')}; several fixed points in {several}, slow rounds "
            f"that do not settle in {unsettled}"
        )


def opinionqa(folder: Path | None) -> list[Population]:
    """Return the populations of OpinionQA's questions by party; none if there are no data."""
    from socialpref.surveys.registry import cached

    try:
        survey = read_opinionqa(cached("opinionqa") if folder is None else folder, "party")
    except DataError as error:
        print(f"OpinionQA is left out: {error}")
        return []
    return [question.population() for question in survey if question.n_options > 2]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opinionqa", type=Path, metavar="DIR")
    options = parser.parse_args()
    methods = [entry for entry in entries() if entry.method.name not in SLOW]
    print_orders(entries())
    rng = np.random.default_rng(0)
    sets = {
        "Random": [random_population(rng) for _ in range(300)],
        "OpinionQA": opinionqa(options.opinionqa),
    }
    for name, populations in sets.items():
        if populations:
            print_costs(name, populations, methods)
    rng = np.random.default_rng(0)
    sets["Random, equal shares"] = [Population(rng.normal(0, 2, (3, 5))) for _ in range(300)]
    for name, populations in sets.items():
        if populations:
            print_on_policy(name, populations)


if __name__ == "__main__":
    main()

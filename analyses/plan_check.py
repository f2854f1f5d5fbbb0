"""Whether the designs that `plan` recommends reach what it promises.

    python analyses/plan_check.py --out figures

Data: answers simulated under the best single structure and the best mixture for three populations:
the mediocre winner, a ring of four options, and a random population with unequal shares. All
parameters are estimated by maximum likelihood; the answers to a question are drawn as counts.
Writes `plan_check.csv` and prints the numbers of docs/howto/what-to-collect.md: the root mean
square error of average-reward gaps over 400 data sets; how often signs and winners are wrong over
4,000, under the mixture; each beside its promise; and how often random starts find the estimate.
About ten minutes on one core.
"""

import argparse
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from socialpref import ConvergenceError, Population
from socialpref._files import results_folder
from socialpref.examples import mediocre_winner, ring
from socialpref.theory import STRUCTURES, Information, Linked, Offer, Structure, plan
from socialpref.theory.answers import Model
from socialpref.theory.structures import Answers, PairWeights, described

Floats = NDArray[np.float64]
QUICK = tuple(one for one in STRUCTURES if one != Linked(5, repeats=True))
"""Structures whose answers are few where there are four options."""
PROBLEMS: dict[str, tuple[Population, float, tuple[Structure, ...]]] = {
    "mediocre winner": (mediocre_winner(), 10_000.0, STRUCTURES),
    "ring of 4": (ring(4)[0], 20_000.0, QUICK),
    "random, shares .5 .3 .2": (
        Population(np.random.default_rng(12).normal(0.0, 1.5, (3, 4)), [0.5, 0.3, 0.2]),
        100_000.0,
        QUICK,
    ),
}
"""Populations, budgets for gaps, and what can be asked."""
COSTS: dict[str, Any] = {"cost_annotator": 1.0, "cost_label": 0.1}
N_GAPS, N_ORDERS = 400, 4000
"""Data sets for errors of gaps, and of signs and winners."""
N_STARTED, STARTS = 20, 5
"""Data sets that are fitted from so many random starts, too."""
WRONG = 0.02
"""The probability of a wrong winner for which signs and winners are simulated."""
SETTLED = 1e-3
"""Where a step would gain less log-likelihood than half of this, scoring stops."""
SAME = 0.01
"""Log-likelihoods that are no farther apart are of one maximum."""
LONGEST, FARTHEST = 2.0, 30.0
"""Of a step in any parameter, and of any parameter."""
ROUNDS, SHORTEST, RIDGE, TIED = 300, 1e-9, 1e-10, 1e-9


@dataclass(frozen=True, eq=False)
class Study:
    """A design that simulated annotators answer, and its maximum-likelihood estimator.

    Attributes
    ----------
    known : Information
        Its structures must not depend on unknown numbers of their own.
    n_annotators : mapping of Structure to int
        Of each structure; of panels how many there are.
    """

    known: Information
    n_annotators: Mapping[Structure, int]

    @classmethod
    def of(cls, offer: Offer, n_labels: float) -> "Study":
        """Return the study that asks for so many labels as an offer describes."""
        known, n_types = offer.information, offer.information.n_types
        parts = known.structure
        parts = parts if isinstance(parts, Mapping) else {parts: 1.0}
        numbers = {one: round(part * n_labels / one.labels(n_types))
                   for one, part in parts.items()}  # fmt: skip
        return cls(known, numbers)

    @property
    def population(self) -> Population:
        """The truth."""
        return self.known.prompts[0]

    @cached_property
    def truth(self) -> Floats:
        """The parameters: rewards less the first option's, and logits of shares if unknown."""
        rewards = self.population.rewards - self.population.rewards[:, :1]
        shares = self.population.shares
        own = np.append(rewards[:, 1:].ravel(), np.log(shares[:-1] / shares[-1]))
        return own[: self.known.n_parameters]

    def at(self, theta: Floats) -> Population | None:
        """Return the population with some parameters; None if they are too large."""
        T, K = self.population.n_types, self.population.n_options
        rewards, shares = theta[: T * (K - 1)].reshape(T, K - 1), self.population.shares
        if np.abs(theta).max() > FARTHEST:
            return None
        if len(theta) > T * (K - 1):
            odds = np.exp(np.append(theta[T * (K - 1) :], 0.0))
            shares = odds / odds.sum()
        return Population(np.insert(rewards, 0, 0.0, axis=1), shares)

    def answers(self, population: Population) -> list[Answers]:
        """Return the probabilities of all answers to each structure."""
        model = Model.at([population], np.zeros(0))
        pairs = PairWeights.of([population.n_options])
        rng = np.random.default_rng(0)  # the same questions each time, where they are a sample
        return [one.answers(model, pairs, rng) for one in self.n_annotators]

    @cached_property
    def there(self) -> list[Answers]:
        """The probabilities of all answers in truth."""
        return self.answers(self.population)

    def simulate(self, rng: np.random.Generator) -> list[Floats]:
        """Return how many annotators gave each answer."""
        counts = []
        for found, n in zip(self.there, self.n_annotators.values(), strict=True):
            chances = found.weights * found.chances.value
            # Members of a panel answer independently: a draw for each, of as many pairs.
            members = round(float(chances.sum()))
            each = [rng.multinomial(n, p / p.sum()) for p in np.split(chances, members)]
            counts.append(np.concatenate(each).astype(float))
        return counts

    def likelihood(self, counts: list[Floats], theta: Floats) -> tuple[float, Floats, Floats]:
        """Return the log-likelihood per annotator, its gradient, and the Fisher information."""
        population = self.at(theta)
        size, total = len(theta), sum(self.n_annotators.values())
        value, slope, fisher = 0.0, np.zeros(size), np.zeros((size, size))
        if population is None:
            return -np.inf, slope, fisher
        asked = self.there if theta is self.truth else self.answers(population)
        n_rewards, w = population.n_types * (population.n_options - 1), population.shares[:-1]
        by_logits = np.diag(w) - np.outer(w, w)
        for found, seen, n in zip(asked, counts, self.n_annotators.values(), strict=True):
            p = np.maximum(found.chances.value, 1e-300)
            ways = found.chances.slope[:, :size].copy()
            if size > n_rewards:
                ways[:, n_rewards:] = ways[:, n_rewards:] @ by_logits
            value += float(seen @ np.log(p)) / total
            slope += (seen / p) @ ways / total
            fisher += n / total * (ways * (found.weights / p)[:, None]).T @ ways
        return value, slope, fisher

    def fit(self, counts: list[Floats], start: Floats) -> tuple[Floats, float]:
        """Return the parameters at a maximum of the likelihood, and its logarithm, by scoring.

        Raises
        ------
        ConvergenceError
            If the steps do not settle.
        """
        theta, total = start, sum(self.n_annotators.values())
        value, slope, fisher = self.likelihood(counts, start)
        for _ in range(ROUNDS):
            step = np.linalg.solve(fisher + RIDGE * np.trace(fisher) * np.eye(len(theta)), slope)
            step /= max(1.0, np.abs(step).max() / LONGEST)
            if float(step @ slope) * total < SETTLED:
                return theta, value * total
            tried, length = self.likelihood(counts, theta + step), 1.0
            while not tried[0] >= value:
                length /= 2.0
                if length < SHORTEST:
                    raise ConvergenceError("maximum likelihood: the steps lead nowhere")
                tried = self.likelihood(counts, theta + length * step)
            theta = theta + length * step
            value, slope, fisher = tried
        raise ConvergenceError("maximum likelihood: the steps do not settle")

    def means(self, theta: Floats) -> Floats:
        """Return the average rewards with some parameters."""
        population = self.at(theta)
        assert population is not None
        return population.mean_rewards()

    def random_start(self, rng: np.random.Generator) -> Floats:
        """Return parameters that know nothing of the truth."""
        T, K = self.population.n_types, self.population.n_options
        theta = np.append(rng.normal(0.0, 1.5, T * (K - 1)), np.zeros(T - 1))
        return theta[: len(self.truth)]

    def estimates(self, n_sets: int, rng: np.random.Generator) -> Floats:
        """Return the estimated average rewards of simulated data sets, (n_sets, K).

        Those whose fit does not settle are left out.
        """
        means = []
        for _ in tqdm(range(n_sets), described(self.known.structure)[:40], leave=False):
            with suppress(ConvergenceError):
                means.append(self.means(self.fit(self.simulate(rng), self.truth)[0]))
        return np.array(means)

    def random_starts(self, n_sets: int, rng: np.random.Generator) -> tuple[float, float]:
        """Return how often a random start finds the estimate, and one of `STARTS` a better one.

        The estimate is the maximum next to the truth, which only a simulation knows.
        """
        found, better = 0, 0
        for _ in range(n_sets):
            counts = self.simulate(rng)
            near = self.fit(counts, self.truth)[1]
            reached = []
            for _ in range(STARTS):
                with suppress(ConvergenceError):
                    reached.append(self.fit(counts, self.random_start(rng))[1])
            found += sum(abs(value - near) < SAME for value in reached)
            better += any(value > near + SAME for value in reached)
        return found / (n_sets * STARTS), better / n_sets


def gap_error(estimates: Floats, truth: Floats) -> float:
    """Return the root mean square error of gaps, over pairs and data sets."""
    wrong = estimates - truth
    y, z = np.triu_indices(len(truth), 1)
    return float(np.sqrt(((wrong[:, y] - wrong[:, z]) ** 2).mean()))


def sign_errors(estimates: Floats, truth: Floats) -> Floats:
    """Return the share of wrong signs in each data set, of pairs whose average rewards differ."""
    y, z = np.triu_indices(len(truth), 1)
    gaps = truth[y] - truth[z]
    apart = np.abs(gaps) > TIED
    return ((estimates[:, y] - estimates[:, z]) * gaps <= 0.0)[:, apart].mean(axis=1)


def winner_errors(estimates: Floats, truth: Floats) -> Floats:
    """Return for each data set whether an option looks best that is not."""
    return (truth[estimates.argmax(axis=1)] < truth.max() - TIED).astype(float)


def recommended(name: str) -> dict[str, Offer]:
    """Return the best single structure, and the best mixture if it is another, for a problem."""
    population, budget, structures = PROBLEMS[name]
    found = plan(population, budget, structures=structures, goal="winner", error=WRONG, **COSTS)
    assert found.best is not None
    assert found.mixture is not None
    if len(found.mixture.information.asked.parts) == 1:
        return {"mixture": found.mixture}
    return {"single": found.best, "mixture": found.mixture}


def check_gaps(offer: Offer, n_sets: int = N_GAPS, seed: int = 0) -> tuple[float, float]:
    """Return the error of gaps that a design promises, and what it reaches."""
    study = Study.of(offer, offer.n_labels)
    estimates = study.estimates(n_sets, np.random.default_rng(seed))
    promised = offer.information.error(offer.n_labels)
    return promised, gap_error(estimates, study.population.mean_rewards())


def check_orders(offer: Offer, n_sets: int = N_ORDERS, seed: int = 1) -> dict[str, Any]:
    """Return how often signs and winners are wrong, as promised and as reached."""
    known, fewer = offer.information, offer.labels_needed
    study = Study.of(offer, fewer)
    estimates = study.estimates(n_sets, np.random.default_rng(seed))
    truth = study.population.mean_rewards()
    signs, winners = sign_errors(estimates, truth), winner_errors(estimates, truth)
    return {
        "labels for orders": round(fewer),
        "sign promised": known.mean_sign_error(fewer),
        "sign reached": signs.mean(),
        "sign error": signs.std() / np.sqrt(n_sets),
        "winner promised": known.winner_error(fewer),
        "winner reached": winners.mean(),
        "winner error": winners.std() / np.sqrt(n_sets),
        "not settled": n_sets - len(estimates),
    }


def check(name: str) -> list[dict[str, Any]]:
    """Return what the recommended designs for a population promise, and what they reach."""
    rows: list[dict[str, Any]] = []
    for what, offer in recommended(name).items():
        promised, reached = check_gaps(offer)
        study = Study.of(offer, offer.n_labels)
        found, better = study.random_starts(N_STARTED, np.random.default_rng(2))
        rows.append(
            {
                "population": name,
                "design": what,
                "structure": described(offer.information.structure),
                "labels": round(offer.n_labels),
                "gap promised": promised,
                "gap reached": reached,
                "ratio": reached / promised,
                "random starts that find it": found,
                "better than next to the truth": better,
            }
        )
    rows[-1] |= check_orders(offer)  # of the mixture
    return rows


def main() -> None:
    """Simulate the designs, and print what they promise and reach."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()
    with results_folder(options.out) as folder:
        table = pd.DataFrame([row for name in PROBLEMS for row in check(name)])
        table.to_csv(folder / "plan_check.csv", index=False)
    for row in table.round(4).to_dict("records"):
        print("\n".join(f"{key}: {value}" for key, value in row.items()), end="\n\n")


if __name__ == "__main__":
    main()

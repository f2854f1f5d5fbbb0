"""Whether the theory's statements hold on worked populations, and how often on random ones.

    python analyses/theory.py --out figures

Data: the worked populations for the figures, and for counts random populations with normal rewards
from fixed seeds. Writes the figures of docs/theory.md, and prints the numbers in them and the
counts that the page states. About two minutes on one core.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from socialpref import (
    DPO,
    CorrectedDPO,
    Population,
    Winner,
    flip,
    optimal_policy,
    total_variation,
)
from socialpref._files import results_folder
from socialpref.examples import mediocre_winner, ring, two_camps
from socialpref.plots import save, theory
from socialpref.theory import (
    RewardBounds,
    UsableOutcomes,
    average_reward_bounds,
    bradley_terry_misfit,
    crossing_temperatures,
    error_orders,
    usable_outcomes,
)

PROBLEMS: dict[str, tuple[Population, int | str, int | str]] = {
    "0.7 at +1, 0.3 at -3": (Population([[1, 0], [-3, 0]], [0.7, 0.3]), 0, 1),
    "mediocre winner, A - M": (mediocre_winner(), "A", "M"),
    "two camps, A - C": (two_camps(), "A", "C"),
}
SMALL = (0.2, 0.1)
"""Factors by which all rewards are multiplied to see how errors shrink with them."""


def print_shrinking_rewards(n_populations: int = 50) -> None:
    """Print the powers that errors go with where all rewards shrink together."""
    rng = np.random.default_rng(0)
    for n_types in (2, 3, 4, 5):
        for equal in (True, False):
            powers = []
            for _ in range(n_populations):
                rewards = rng.normal(0.0, 1.5, (n_types, int(rng.integers(2, 8))))
                shares = None if equal else rng.dirichlet(np.full(n_types, 2.0))
                errors = [_errors(Population(factor * rewards, shares)) for factor in SMALL]
                powers.append(np.log(errors[0] / errors[1]) / np.log(SMALL[0] / SMALL[1]))
            middle = np.median(powers, axis=0)
            print(
                f"all rewards shrink, {n_types} {'equal' if equal else 'unequal'} types, "
                f"{n_populations} populations: median powers {middle[0]:.2f} (DPO), "
                f"{middle[1]:.2f} (corrected)"
            )


def _errors(population: Population) -> NDArray[np.float64]:
    """Return the largest error in rewards of DPO and of its correction without a clamp."""
    target = population.mean_rewards() - population.mean_rewards().mean()
    limits = DPO().limit(population), CorrectedDPO(clamp=np.inf, n_starts=0).limit(population)
    return np.array([np.abs(limit.rewards - target).max() for limit in limits])


def print_corrections(n_populations: int = 100) -> None:
    """Print how often the correction's limit is farther from the optimum than DPO's."""
    strengths = (0.5, 1.0, 2.0)
    for deviation in (0.5, 1.0, 2.0):
        rng = np.random.default_rng(0)
        ratios = []
        for _ in range(n_populations):
            shape = int(rng.integers(2, 6)), int(rng.integers(3, 8))
            population = Population(rng.normal(0.0, deviation, shape))
            best = optimal_policy(population).policy
            bias = total_variation(DPO().limit(population).policy, best)
            limits = [CorrectedDPO(alpha=a, n_starts=0).limit(population) for a in strengths]
            ratios.append([total_variation(limit.policy, best) / bias for limit in limits])
        worse, left = (np.array(ratios) > 1.0).sum(axis=0), np.median(ratios, axis=0)
        found = (
            f"alpha {a:g}: {n} worse than DPO, median {share:.0%} of its distance left"
            for a, n, share in zip(strengths, worse, left, strict=True)
        )
        print(
            f"correction, {n_populations} populations, rewards with standard deviation "
            f"{deviation:g}: " + "; ".join(found)
        )


def print_intervals(intervals: Mapping[str, Sequence[RewardBounds]]) -> None:
    """Print the intervals of average-reward gaps, and how they grow with the bound."""
    for name, results in intervals.items():
        for found in results:
            print(
                f"{name}: {found.gap:.3f} in [{found.lower:.3f}, {found.upper:.3f}] at bound "
                f"{found.bound:.2f}"
            )
        growth = np.diff([r.upper - r.lower for r in results]) / np.diff([r.bound for r in results])
        print(f"{name}: {growth.min():.2f} to {growth.max():.2f} wider per unit of the bound")


def print_outcomes(spectra: Sequence[UsableOutcomes]) -> None:
    """Print the ranks of the outcome probabilities, and how clear the gap below the rank is."""
    for at in spectra:
        print(f"T = {at.n_types}: rank {at.rank}, disagreement {at.disagreement:.1e}")
    everywhere = [usable_outcomes(n, h) for n in range(2, 7) for h in range(-5, 6)]
    least = min(o.singular_values[o.rank - 1] / o.singular_values[0] for o in everywhere)
    largest = max(o.singular_values[o.rank] / o.singular_values[0] for o in everywhere)
    print(f"T to 6, h from -5 to 5: singular values at least {least:.2f} or at most {largest:.0e}")


def main() -> None:
    """Draw the figures, and print the numbers in them and the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"))
    options = parser.parse_args()
    crowd, camps, state = mediocre_winner(), two_camps(), ring()[0]
    crossings = crossing_temperatures(crowd, "A", "M")
    intervals = {
        name: [
            average_reward_bounds(population, a, b, bound=bound)
            for bound in np.linspace(np.ptp(population.rewards, axis=1).max(), 12.0, 10)
        ]
        for name, (population, a, b) in PROBLEMS.items()
    }
    misfit = bradley_terry_misfit(state)
    spectra = [usable_outcomes(n_types, 0.5) for n_types in range(2, 7)]
    deviations = crowd.rewards - crowd.mean_rewards()
    orders = error_orders(crowd.mean_rewards(), deviations, np.geomspace(1.0, 0.01, 8))
    figures = {
        "mediocre_winner": theory.method_bars(crowd),
        "temperature": theory.temperature_curves(crowd, crossings),
        "simplex": theory.sampling_simplex(camps, flip(camps, Winner())),
        "intervals": theory.reward_intervals(intervals),
        "misfit": theory.misfit_scatter(state, misfit),
        "outcomes": theory.outcome_spectra(spectra),
        "orders": theory.error_lines(orders),
    }
    with results_folder(options.out) as folder:
        for name, figure in figures.items():
            save(figure, folder / f"theory_{name}")
    print(f"A overtakes M at temperature {crossings.temperatures[0]:.5f}")
    print_intervals(intervals)
    print(f"the ring's best single model: divergence {misfit.divergence:.6f} nats")
    print(
        "errors of DPO and of its correction go with the powers {:.2f}, {:.2f}; at scale 1 they "
        "are {:.3f}, {:.3f}".format(*orders.slopes, orders.dpo[0], orders.corrected[0])
    )
    print_outcomes(spectra)
    print_shrinking_rewards()
    print_corrections()


if __name__ == "__main__":
    main()

"""The figures of docs/theory.md: what theory says, on the worked populations.

python analyses/theory.py --out figures
"""

import argparse
from pathlib import Path

import numpy as np

from socialpref import Population, winner_flip
from socialpref._files import results_folder
from socialpref.consistency import error_orders, usable_outcomes
from socialpref.examples import mediocre_winner, ring, two_camps
from socialpref.identification import average_reward_bounds, bradley_terry_misfit
from socialpref.plots import save, theory
from socialpref.temperature import crossing_temperatures

PROBLEMS: dict[str, tuple[Population, int | str, int | str]] = {
    "0.7 at +1, 0.3 at -3": (Population([[1, 0], [-3, 0]], [0.7, 0.3]), 0, 1),
    "mediocre winner, A - M": (mediocre_winner(), "A", "M"),
    "two camps, A - C": (two_camps(), "A", "C"),
}


def main() -> None:
    """Draw the figures, and print the numbers in them."""
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
        "simplex": theory.sampling_simplex(camps, winner_flip(camps)),
        "intervals": theory.reward_intervals(intervals),
        "misfit": theory.misfit_scatter(state, misfit),
        "outcomes": theory.outcome_spectra(spectra),
        "orders": theory.error_lines(orders),
    }
    with results_folder(options.out) as folder:
        for name, figure in figures.items():
            save(figure, folder / f"theory_{name}")
    print(f"A overtakes M at temperature {crossings.temperatures[0]:.5f}")
    for name, results in intervals.items():
        widest = results[-1]
        print(f"{name}: {widest.gap:.3f} in [{widest.lower:.3f}, {widest.upper:.3f}] at bound 12")
    print(
        "errors of DPO and of its correction go with the powers {:.2f}, {:.2f}".format(
            *orders.slopes
        )
    )
    for found in spectra:
        print(f"T = {found.n_types}: rank {found.rank}, disagreement {found.disagreement:.1e}")


if __name__ == "__main__":
    main()

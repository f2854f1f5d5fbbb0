"""Tasks of the notebook "Theory meets training"."""

from typing import Any

import numpy as np

from ...examples import mediocre_winner, two_camps
from ...limits import DPO
from ...population import Population
from ..answers import Wrong, array, called, same_function, task

SEARCHED = np.linspace(-6, 6, 1201)
"""Where the minimum of the reader's loss is looked for."""


@task
def dpo_by_hand(function: Any) -> None:
    """DPO's implicit rewards with unlimited data, from win rates."""
    rng = np.random.default_rng(7)
    random = Population(2 * rng.normal(size=(3, 4)))
    cases = {}
    for people in (Population([[2, 1, 0]]), mediocre_winner(), two_camps(), random):
        h = DPO().limit(people).rewards
        case = f"for the win rates {people.pairwise().round(2).tolist()}"
        cases[case] = (people.pairwise(),), h - h[-1]
    same_function(function, cases, tolerance=2e-3)


@task
def panel_loss(function: Any) -> None:
    """A loss of a panel's labels whose expectation is least at the mean reward gap."""
    rng = np.random.default_rng(8)
    gaps = [np.array(g) for g in ([1.0, 1.0], [2.0, -1.0], [3.0, -1.5, -1.0])]
    for gap in (*gaps, rng.normal(size=3)):
        labels = _patterns(len(gap))
        p = 1 / (1 + np.exp(-gap))
        weights = np.where(labels, p, 1 - p).prod(axis=1)
        case = f"for types with the gaps {gap.round(2).tolist()}"
        values = [
            array(called(function, (h, labels), case), (len(labels),), f"what your loss returns {case}")
            for h in SEARCHED
        ]
        expected = np.array(values) @ weights
        if np.ptp(expected) < 1e-9:
            raise Wrong(f"{case[0].upper()}{case[1:]} your expected loss is the same at every h.")
        least = SEARCHED[expected.argmin()]
        if abs(least - gap.mean()) > 0.02:
            raise Wrong(
                f"{case[0].upper()}{case[1:]} your expected loss is least at h = {least:.2f}, "
                f"and the mean gap is {gap.mean():.2f}."
            )


def _patterns(n: int) -> np.ndarray:
    """Return all labels that a panel of n can give, a row for each."""
    return (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1

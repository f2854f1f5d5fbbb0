"""Tasks of the notebook "Theory meets training"."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...examples import mediocre_winner, two_camps
from ...limits import DPO
from ...population import Population
from ..answers import Case, Wrong, array, called, capital, same_function, task

SEARCHED = np.linspace(-6, 6, 1201)
"""Where the minimum of the reader's loss is looked for."""


@task
def dpo_by_hand(function: Any) -> None:
    """Check DPO's implicit rewards with unlimited data, from win rates."""
    same_function(function, _win_rates(), tolerance=6e-3)  # two decimals suffice


def _win_rates() -> Iterator[Case]:
    random = Population(2 * np.random.default_rng(7).normal(size=(3, 4)))
    for people in (Population([[2, 1, 0]]), mediocre_winner(), two_camps(), random):
        h = DPO().limit(people).rewards
        words = f"for the win rates {people.pairwise().round(2).tolist()}"
        yield words, (people.pairwise(),), h - h[-1]


@task
def panel_loss(function: Any) -> None:
    """Check a loss of a panel's labels whose expectation is least at the mean reward gap."""
    rng = np.random.default_rng(8)
    gaps = [np.array(g) for g in ([1.0, 1.0], [2.0, -1.0], [3.0, -1.5, -1.0])]
    for gap in (*gaps, rng.normal(size=3)):
        labels = _patterns(len(gap))
        p = 1 / (1 + np.exp(-gap))
        weights = np.where(labels, p, 1 - p).prod(axis=1)
        words = f"for types with the gaps {gap.round(2).tolist()}"
        what = f"what your loss returns {words}"
        losses = [called(function, (h, labels), words) for h in SEARCHED]
        expected = np.array([array(loss, (len(labels),), what) for loss in losses]) @ weights
        if np.ptp(expected) < 1e-9:
            raise Wrong(f"{capital(words)} your expected loss is the same at every h.")
        least = SEARCHED[expected.argmin()]
        if abs(least - gap.mean()) > 0.02:
            raise Wrong(
                f"{capital(words)} your expected loss is least at h = {least:.2f}, "
                f"and the mean gap is {gap.mean():.2f}."
            )


def _patterns(n: int) -> np.ndarray:
    """Return all labels that a panel of n can give, a row for each."""
    return (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1

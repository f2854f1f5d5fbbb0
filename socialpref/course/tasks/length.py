"""Tasks of the notebook "Length in HH-RLHF"."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...limits import DPO, agreement_rate
from ...population import Population
from ..answers import Case, same, same_function, task

LENGTHS = np.arange(16, 513, 16)


@task
def even_lengths(answer: Any) -> None:
    """Check how many pairs DPO orders rightly, if all lengths are equally frequent."""
    from ...llm.experiments import length_rewards  # needs torch, as the notebook does

    people = Population(length_rewards(LENGTHS))
    h, means = DPO().limit(people).rewards, people.mean_rewards()
    agree = np.sign(h[:, None] - h) == np.sign(means[:, None] - means)
    differ = _differ(means)
    same(
        answer,
        float(agree[differ].mean()),
        "Find DPO's limit with the new frequencies, and weigh the pairs by them, too.",
        mistakes={
            "Leave out the pairs that have the same mean reward.": float((agree & differ).mean()),
            "Give the share that is ordered rightly, not the share of the others.": float(
                1 - agree[differ].mean()
            ),
        },
        tolerance=2e-3,
    )


@task
def labels_for_a_panel(function: Any) -> None:
    """Check labels that are paid for a unanimous panel about two different mean rewards."""
    same_function(function, _designs())


def _designs() -> Iterator[Case]:
    rng = np.random.default_rng(9)
    two = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.5]])
    even, tied = np.full(3, 1 / 3), np.array([[1.0, 1.0, 0.0]])
    for name, rewards, d in (
        ("two types over three options", two, even),
        ("two types over three options that are drawn unequally", two, np.array([0.2, 0.3, 0.5])),
        ("three types over five options", rng.normal(size=(3, 5)), rng.dirichlet(np.ones(5))),
        ("one type, for which two options are equally good", tied, even),
    ):
        people = Population(rewards)
        pairs = np.outer(d, d) * _differ(people.mean_rewards())
        usable = pairs.sum() * agreement_rate(people, sampling=pairs / pairs.sum())
        yield f"for {name}", (rewards, d), people.n_types / usable


def _differ(means: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which pairs of options have different mean rewards."""
    return np.abs(means[:, None] - means) > 1e-9

"""Tasks of the notebook "Length in HH-RLHF"."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...limits import DPO, agreement_rate
from ...population import Population
from ..answers import same, same_function, task

LENGTHS = np.arange(16, 513, 16)


@task
def even_lengths(answer: Any) -> None:
    """How many pairs DPO orders as the average reward does, if all lengths are equally frequent."""
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
    """Labels that are paid for a unanimous panel about two different mean rewards."""
    rng = np.random.default_rng(9)
    two = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.5]])
    cases = {}
    for name, rewards, d in (
        ("two types over three options", two, np.full(3, 1 / 3)),
        ("two types over three options that are drawn unequally", two, np.array([0.2, 0.3, 0.5])),
        ("three types over five options", rng.normal(size=(3, 5)), rng.dirichlet(np.ones(5))),
        ("one type, for which two options are equally good", np.array([[1.0, 1.0, 0.0]]), np.full(3, 1 / 3)),
    ):
        people = Population(rewards)
        pairs = np.outer(d, d) * _differ(people.mean_rewards())
        usable = pairs.sum() * agreement_rate(people, sampling=pairs / pairs.sum())
        cases[f"for {name}"] = (rewards, d), people.n_types / usable
    same_function(function, cases)


def _differ(means: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which pairs of options have different mean rewards."""
    return np.abs(means[:, None] - means) > 1e-9

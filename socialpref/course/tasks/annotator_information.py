"""Tasks of the notebook "What annotator information buys"."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...examples import mediocre_winner
from ...population import Population
from ..answers import Case, Wrong, population, same_function, task

WINS = 0.6
ENOUGH = 200_000


@task
def two_worlds(answer: Any) -> None:
    """Check two populations with the same win rate and another best option."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Wrong("Give two populations.")
    for given, name in zip(answer, ("the first world", "the second world"), strict=True):
        wins = float(population(given, None, 2, name).pairwise()[0, 1])
        if abs(wins - WINS) > 1e-6:
            raise Wrong(f"In {name} A wins {wins:.6f} of the comparisons, not {WINS}.")
    first, second = (float(given.mean_rewards() @ [1, -1]) for given in answer)
    if first <= 0:
        raise Wrong(f"In the first world A should be better on average; it leads by {first:.3f}.")
    if second >= 0:
        raise Wrong(f"In the second world B should be better on average; A leads by {second:.3f}.")


@task
def variance_between(function: Any) -> None:
    """Check the variance of people's probabilities, from two answers of each annotator."""
    same_function(function, _answers(), tolerance=4e-3)


def _answers() -> Iterator[Case]:
    rng = np.random.default_rng(5)
    worlds = {
        "half of the people prefer A by 2 and half prefer B by 2": ([2.0, -2.0], [0.5, 0.5]),
        "seven of ten prefer A by 1 and three prefer B by 3": ([1.0, -3.0], [0.7, 0.3]),
        "all prefer A by 1": ([1.0], [1.0]),
    }
    for name, (gaps, shares) in worlds.items():
        world = Population([[gap, 0.0] for gap in gaps], shares)
        p = world.link(world.rewards[:, 0] - world.rewards[:, 1])
        people = rng.choice(len(p), size=ENOUGH, p=world.shares)
        answers = rng.random((ENOUGH, 2)) < p[people, None]
        right = world.shares @ p**2 - (world.shares @ p) ** 2
        yield f"if {name}", (answers.astype(float),), right


@task
def gap_of_panels(function: Any) -> None:
    """Check the mean reward gap, from how often panels agree on either option."""
    same_function(function, _panels())


def _panels() -> Iterator[Case]:
    rng = np.random.default_rng(6)
    random = [Population(rng.normal(size=(t, 2))) for t in (2, 4)]
    for people in (Population([[1, 0], [-3, 0]]), mediocre_winner(), *random):
        p = people.link(people.rewards[:, 0] - people.rewards[:, 1])
        agreed = float(p.prod()), float((1 - p).prod())
        words = f"for {people.n_types} types who all prefer the first with {agreed[0]:.4f}"
        means = people.mean_rewards()
        yield words, (*agreed, people.n_types), means[0] - means[1]

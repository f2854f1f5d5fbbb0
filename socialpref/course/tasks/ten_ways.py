"""Tasks of the notebook "Ten ways to align three people"."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...examples import mediocre_winner, two_camps
from ...limits import MaxMin, NashLearning
from ...population import Population
from ..answers import Case, Wrong, answered, array, same_function, task

BETA = 0.2
LITTLE, MUCH = 0.05, 0.9
LARGEST = 100


@task
def constants(answer: Any) -> None:
    """Check constants of MaxMin that give M almost nothing, and others that give it almost all."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Wrong("Give two things: the constants of each of the two cases.")
    probabilities = []
    for part, name in zip(answer, ("your first constants", "your second constants"), strict=True):
        answered(part)
        c = array(part, (3,), name)
        if np.abs(c).max() > LARGEST:
            raise Wrong(f"Constants between -{LARGEST} and {LARGEST} suffice.")
        method = MaxMin(tuple(c.tolist()))
        probabilities.append(float(method.limit(mediocre_winner(), beta=BETA).policy[1]))
    little, much = probabilities
    if little >= LITTLE:
        raise Wrong(f"With your first constants M has {little:.3f}, not less than {LITTLE}.")
    if much <= MUCH:
        raise Wrong(f"With your second constants M has {much:.3f}, not more than {MUCH}.")


@task
def nash(function: Any) -> None:
    """Check the regularised equilibrium, from win rates."""
    same_function(function, _games(), tolerance=1e-5)


def _games() -> Iterator[Case]:
    random = Population(3 * np.random.default_rng(3).normal(size=(3, 5)))
    for people, tau in ((mediocre_winner(), 1.0), (two_camps(), 0.5), (random, 0.5)):
        words = f"for {people.n_options} options and τ = {tau:g}"
        yield words, (people.pairwise(), tau), NashLearning(tau).limit(people).policy


@task
def condorcet(function: Any) -> None:
    """Check the option that beats all others, or -1."""
    same_function(function, _votes())


def _votes() -> Iterator[Case]:
    rng = np.random.default_rng(4)
    cycle = Population([[-1, 3, 0], [-3, -4, 0], [2, -1, -2]])
    level = Population([[1, 1, 0]])  # two options win against the third, and not in more than half
    random = [Population(rng.normal(size=(3, 4))) for _ in range(5)]
    for people in (mediocre_winner(), cycle, level, *random):
        P = people.pairwise()
        beats = (P > 0.5).sum(axis=1) == people.n_options - 1
        right = int(beats.argmax()) if beats.any() else -1
        yield f"for the win rates {P.round(3).tolist()}", (P,), right

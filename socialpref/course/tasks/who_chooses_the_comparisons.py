"""Tasks of the notebook "Who chooses the comparisons chooses the ranking"."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...divergences import total_variation
from ...examples import mediocre_winner, two_camps
from ...flips import Pair
from ...flips.flip import flip
from ...population import Population
from ...rules import nbc, ranking
from ..answers import Case, Wrong, distribution, same_function, task

NEAR = 0.12
"""How far the reader's sampling distribution may be from uniform."""


@task
def nbc_by_hand(function: Any) -> None:
    """Check NBC from win rates and a sampling distribution."""
    same_function(function, _mixes())


def _mixes() -> Iterator[Case]:
    rng = np.random.default_rng(1)
    many = Population(rng.normal(size=(3, 5)))
    for people, mixes in (
        (two_camps(), ([1 / 3, 1 / 3, 1 / 3], [0.1, 0.8, 0.1])),
        (many, rng.dirichlet(np.ones(5), 2)),
    ):
        for d in map(np.asarray, mixes):
            words = f"for {people.n_options} options and d = {d.round(2).tolist()}"
            yield words, (people.pairwise(), d), nbc(people, d)


@task
def near_mix(answer: Any) -> None:
    """Check a sampling distribution near to uniform under which C is first among the two camps."""
    d = distribution(answer, 3)
    scores = nbc(two_camps(), d / d.sum())
    away = total_variation(d / d.sum(), np.full(3, 1 / 3))
    if ranking(scores).winners != (2,):
        raise Wrong(f"Under your mix the scores of A, B, C are {scores.round(4).tolist()}.")
    if away > NEAR:
        raise Wrong(f"C is first, but your mix is {away:.3f} from uniform, more than {NEAR}.")


@task
def flip_distance(function: Any) -> None:
    """Check the distance of the nearest flip of a pair, from uniform sampling."""
    same_function(function, _pairs())


def _pairs() -> Iterator[Case]:
    rng = np.random.default_rng(3)  # in two of the three, two options have to give
    random = [Population(2 * rng.normal(size=(2, k))) for k in (4, 5, 6)]
    for people in (two_camps(), mediocre_winner(), *random):
        scores = nbc(people)
        leader, second, *_, last = ranking(scores).order
        for behind in {second, last}:
            if ranking(scores[[leader, behind]]).ties:
                continue
            words = f"for {people.n_options} options, of which {behind} is to overtake {leader},"
            right = flip(people, to=Pair(behind, over=leader)).distance
            yield words, (people.pairwise(), behind, leader), right

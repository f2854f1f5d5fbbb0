"""Tasks of the notebook "Who counts?"."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...divergences import total_variation
from ...examples import two_camps
from ...flips import Pair
from ...flips.flip import flip
from ...population import Population
from ...rules import nbc, ranking
from ...surveys import read_pew
from ..answers import Case, Wrong, distribution, same_function, task

GUNS = "SOCIETY_GUNS_W92"
NEAR = 0.05
"""How far the reader's shares may be from the observed ones."""


@task
def near_shares(answer: Any) -> None:
    """Check shares of the parties near to the observed ones under which another answer wins."""
    guns = read_pew()[GUNS].population()
    shares = distribution(answer, guns.n_types)
    shares = shares / shares.sum()
    scores = nbc(Population(guns.rewards, shares))
    before, winners = ranking(nbc(guns)).winners, ranking(scores).winners
    if set(winners) & set(before):
        raise Wrong(f"With your shares the winner is still {guns.options[before[0]]!r}.")
    if (away := total_variation(shares, guns.shares)) > NEAR:
        raise Wrong(f"Another answer wins, but your shares are {away:.3f} away, more than {NEAR}.")


@task
def nbc_of_shares(function: Any) -> None:
    """Check NBC as a function of the shares, from each type's own scores."""
    same_function(function, _scores())


def _scores() -> Iterator[Case]:
    rng = np.random.default_rng(10)
    guns = read_pew()[GUNS].population()
    for name, people in (("the two camps", two_camps()), ("the question on guns", guns)):
        scores = _own(people)
        for shares in (people.shares, rng.dirichlet(np.ones(people.n_types))):
            words = f"for {name} and the shares {shares.round(2).tolist()}"
            yield words, (scores, shares), nbc(Population(people.rewards, shares))


@task
def share_flip(function: Any) -> None:
    """Check the distance of the nearest flip of a pair by the shares."""
    same_function(function, _leads())


def _leads() -> Iterator[Case]:
    rng = np.random.default_rng(11)
    sizes = (2, 3, 4, 5)
    random = [Population(2 * rng.normal(size=(t, 3)), rng.dirichlet(np.ones(t))) for t in sizes]
    for people in (read_pew()[GUNS].population(), *random):
        leader, *others = ranking(nbc(people)).order
        for behind in (others[0], others[-1]):
            right = flip(people, to=Pair(behind, over=leader), over="shares").distance
            scores = _own(people)
            leads = scores[:, behind] - scores[:, leader]
            words = f"for the leads {leads.round(3).tolist()} and the shares"
            yield f"{words} {people.shares.round(3).tolist()}", (leads, people.shares), right


def _own(people: Population) -> NDArray[np.float64]:
    """Return NBC by the votes of each type alone, a row for each type."""
    return np.array([nbc(Population([rewards])) for rewards in people.rewards])

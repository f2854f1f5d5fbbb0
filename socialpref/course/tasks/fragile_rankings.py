"""Tasks of the notebook "How fragile are public-opinion rankings?"."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from ...surveys import Bootstrap, Question, Survey, read_starter, study
from ..answers import Case, same, same_function, task

BOOTSTRAPPED = "BLAIR_2001"


@task
def luce_shepard(function: Any) -> None:
    """Check rewards from counts, relative to the last option."""
    same_function(function, _tables())


def _tables() -> Iterator[Case]:
    camps, parties = [[60, 30, 10], [5, 15, 80]], [[400, 100], [7, 13], [250, 0]]
    for counts, smoothing in ((camps, 1e-15), (camps, 0.01), (parties, 0.1)):
        table = np.array(counts, dtype=float)
        groups = [f"group {i}" for i in range(len(table))]
        question = Question.from_counts("Q", table, groups, ["A", "B", "C"][: table.shape[1]])
        rewards = question.population(smoothing=smoothing).rewards
        words = f"for the counts {counts} and the smoothing {smoothing:g}"
        yield words, (table, smoothing), rewards - rewards[:, -1:]


@task
def same_order(answer: Any) -> None:
    """Check the share of bootstrap replicates in which one question has its order."""
    share, winner = _replicates()
    mistakes = {
        "Give the share of the replicates with the same order, not of those with another one.": 1
        - share,
        "That is how many have the same winner. The whole order should be the same.": winner,
    }
    otherwise = (
        "Draw the counts of each group anew, compute the order by NBC, and compare it with that of "
        "the survey as it is."
    )
    same(answer, share, otherwise, mistakes=mistakes, tolerance=0.05)


@cache
def _replicates() -> tuple[float, float]:
    """Return in which shares of the replicates the order and the winner are the same."""
    one = Survey("one question", (read_starter()[BOOTSTRAPPED],))
    found = study(one, bootstrap=Bootstrap(1000, seed=0)).to_frame().iloc[0]
    return float(found["same_order"]), float(found["same_winner"])

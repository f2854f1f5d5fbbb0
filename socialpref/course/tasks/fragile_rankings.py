"""Tasks of the notebook "How fragile are public-opinion rankings?"."""

from typing import Any

import numpy as np

from ...surveys import Bootstrap, Protocol, Survey, read_starter, study
from ..answers import same, same_function, task

BOOTSTRAPPED = "PLEBISCITE_1988"


@task
def luce_shepard(function: Any) -> None:
    """Rewards from counts, relative to the last option."""
    cases = {}
    for key, smoothing in ((BOOTSTRAPPED, 1e-15), ("ILLEGALWORK_2012", 0.01), ("HAGUE_2001", 0.1)):
        question = read_starter()[key]
        rewards = question.population(smoothing=smoothing).rewards
        case = f"for the counts of {key} and the smoothing {smoothing:g}"
        cases[case] = (question.counts, smoothing), rewards - rewards[:, -1:]
    same_function(function, cases)


@task
def same_order(answer: Any) -> None:
    """The share of bootstrap replicates in which one question has its order."""
    survey = read_starter()
    one = Survey([survey[BOOTSTRAPPED]])
    found = study(one, Protocol(), bootstrap=Bootstrap(2000, seed=0))
    row = found.to_frame().iloc[0]
    same(
        answer,
        float(row["same_order"]),
        "Draw the counts of each group anew, compute the order by NBC, and compare it with that of "
        "the survey as it is.",
        mistakes={
            "Give the share of the replicates with the same order, not of those with another one.": 1
            - float(row["same_order"]),
            "That is how many have the same winner. The whole order should be the same.": float(
                row["same_winner"]
            ),
        },
        tolerance=0.05,
    )

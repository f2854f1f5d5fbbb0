"""Hand-made surveys with known answers, and the published protocol written out a second time."""

import math
import os
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from socialpref.surveys import Question, Survey

DATA = os.environ.get("SOCIALPREF_DATA")
"""The folder with the real survey files, which are not part of the project."""

real = pytest.mark.skipif(
    DATA is None, reason="SOCIALPREF_DATA does not name the folder with the real survey files"
)

SWAP_REWARDS = [[0, -1, -2], [0, -2, 4]]
"""Two types whose top two options swap at distance 0.106697; no other pair can be swapped."""
SWAP_DISTANCE = 0.106697
SWAP_NBC = [0.58511, 0.35361, 0.56128]


def softmax(rewards: Any) -> Any:
    """Return the choice shares that the Luce-Shepard rule turns back into these rewards."""
    powers = np.exp(np.asarray(rewards, dtype=np.float64))
    return powers / powers.sum(axis=-1, keepdims=True)


def swap(key: str = "SWAP", people: float = 2000.0, **more: Any) -> Question:
    """Return the question whose ranking flips at `SWAP_DISTANCE`, in counts."""
    counts = softmax(SWAP_REWARDS) * people / 2
    return Question.from_counts(key, counts, ["left", "right"], ["a", "b", "c"], **more)


def stable(key: str = "STABLE") -> Question:
    """Return a question that nothing flips: its two groups agree."""
    counts = [[600, 300, 100], [120, 60, 20]]
    return Question.from_counts(key, counts, ["left", "right"], ["a", "b", "c"])


def tied(key: str = "TIED") -> Question:
    """Return a question whose options are all tied."""
    return Question.from_counts(key, [[500] * 3, [200] * 3], ["left", "right"], ["a", "b", "c"])


def pair(key: str = "PAIR") -> Question:
    """Return a question with two options, too few for the published protocol."""
    return Question.from_counts(key, [[600, 300], [100, 300]], ["left", "right"], ["yes", "no"])


def few(key: str = "FEW") -> Question:
    """Return a question with 299 respondents for three options, too few for the protocol."""
    return Question.from_counts(key, [[100, 50, 20], [29, 40, 60]], ["left", "right"], list("abc"))


def survey_of(*questions: Question) -> Survey:
    """Return a survey of these questions."""
    return Survey("mine", questions, "nobody")


def published_distance(
    counts: Any, *, smoothing: float = 1e-15, margin: float = 1e-5, floor: float = 1e-5
) -> float:
    """Return a question's flip distance as the published protocol words it, or inf.

    Plain loops from counts to preferences, then one linear program for each ordered pair.
    """
    groups = [row for row in np.asarray(counts, dtype=np.float64).tolist() if sum(row)]
    n_options = len(groups[0])
    people = sum(map(sum, groups))
    beats = [[0.0] * n_options for _ in range(n_options)]
    for row in groups:
        rewards = [math.log(count / sum(row) + smoothing) for count in row]
        mean = sum(rewards) / n_options
        rewards = [reward - mean for reward in rewards]
        for y in range(n_options):
            for z in range(n_options):
                chance = 1 / (1 + math.exp(rewards[z] - rewards[y]))
                beats[y][z] += sum(row) / people * chance
    scores = [sum(row) / n_options for row in beats]
    least = math.inf
    for above, below in permutations(range(n_options), 2):
        if scores[above] - scores[below] > 1e-12:
            gains = [b - a for a, b in zip(beats[above], beats[below], strict=True)]
            least = min(least, _least_change(gains, margin, floor))
    return least


def _least_change(gains: list[float], margin: float, floor: float) -> float:
    """Solve min TV(d, uniform) s.t. sum d = 1, d >= floor, gains @ d >= margin."""
    size = len(gains)
    # With d = uniform + up - down the distance is the sum of up, and that of down.
    found = linprog(
        [0.5] * (2 * size),
        A_ub=[[-c for c in gains] + gains],
        b_ub=[sum(gains) / size - margin],
        A_eq=[[1.0] * size + [-1.0] * size],
        b_eq=[0.0],
        bounds=[(0.0, None)] * size + [(0.0, 1 / size - floor)] * size,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert found.status in (0, 2), found.message
    return float(found.fun) if found.status == 0 else math.inf

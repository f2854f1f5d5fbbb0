"""Tasks of the notebook "The mediocre winner"."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...limits import DPO
from ...limits.optimal import optimal_policy
from ...population import Population
from ...rules import borda, nbc
from ..answers import TOLERANCE, Case, Wrong, population, same, same_function, task

LED = 0.1
"""By how much the favourite of DPO is last."""


@task
def preference(answer: Any) -> None:
    """Check how often somebody with rewards 2, 1, 0 prefers A to B."""
    P = Population([[2, 1, 0]]).pairwise()
    mistakes = {
        "Rewards are not weights: look at their difference.": 2 / 3,
        "That is how often they prefer B to A.": P[1, 0],
        "That is how often they prefer A to C.": P[0, 2],
    }
    same(answer, P[0, 1], "Put the difference of the two rewards into σ.", mistakes=mistakes)


@task
def implied_rewards(function: Any) -> None:
    """Check the rewards that a policy implies, the last option's being 0."""
    same_function(function, _policies())


def _policies() -> Iterator[Case]:
    rng = np.random.default_rng(0)
    settings = [([1.0, 0.0], 1.0, [0.5, 0.5]), ([1.0, 0.0], 0.5, [0.5, 0.5])]
    settings += [([*rng.normal(size=3), 0.0], 1.0, [0.25] * 4)]
    settings += [([*rng.normal(size=2), 0.0], beta, [0.2, 0.3, 0.5]) for beta in (1.0, 2.0)]
    for rewards, beta, reference in settings:
        policy = optimal_policy(Population([rewards]), beta=beta, reference=reference).policy
        arguments = policy, np.array(reference), beta
        words = f"for the policy {policy.round(3)}, the reference {reference} and β = {beta:g}"
        yield words, arguments, rewards


@task
def borda_and_average(answer: Any) -> None:
    """Check Borda counts and average utilities of 60 % A > B > C and 40 % C > B > A."""
    voters = _voters(2.0)
    scores, utilities = borda(voters), voters.mean_rewards()
    mistakes: dict[str, ArrayLike] = {
        "That counts no option against itself. The normalized Borda count does, as one half.": [
            1.5 * scores - 0.25,
            utilities,
        ],
        "Those are Borda's points. Divide by the number of options, and count each option "
        "against itself as one half.": [utilities, utilities],
        "Without noise the preferred option always wins: do not use σ.": [nbc(voters), utilities],
        "The average utilities come second.": [utilities, scores],
    }
    otherwise = "Weigh what each of the two camps says by its share, for each option."
    same(answer, [scores, utilities], otherwise, mistakes=mistakes)


@task
def strong_minority(answer: Any) -> None:
    """Check the minority's utility for C at which C is level with A on average."""
    leads = [voters.mean_rewards() @ [-1, 0, 1] for voters in (_voters(0.0), _voters(1.0))]
    same(
        answer,
        -leads[0] / (leads[1] - leads[0]),
        "Write C's average utility with u, and set it equal to A's.",
        mistakes={
            "That is where C is level with B.": 2.5,
            "With it C is level with A among the minority only.": 0.0,
        },
    )


@task
def last_is_first(answer: Any) -> None:
    """Check two types and three options: DPO's favourite has the least average reward."""
    people = population(answer, 2, 3, "your answer")
    favourite = int(DPO().limit(people).policy.argmax())
    scores, means = nbc(people), people.mean_rewards()
    if np.sort(scores)[-2] > scores.max() - TOLERANCE:
        raise Wrong("DPO puts two options first; let one of them win by more.")
    behind = np.delete(means, favourite).min() - means[favourite]
    if behind <= -1e-9:
        raise Wrong(f"DPO's favourite is option {favourite + 1}, and it is not last on average.")
    if behind < LED - 1e-9:
        raise Wrong(f"DPO's favourite should be last on average by {LED} or more.")


def _voters(utility: float) -> Population:
    """Return the two camps, the minority with some utility for C."""
    return Population([[2.0, 1.0, 0.0], [0.0, 1.0, utility]], [0.6, 0.4])

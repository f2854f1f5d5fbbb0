"""What the hinge loss converges to: rewards on kinks, perhaps not unique."""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise, permutations
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ConvergenceError
from ..population import Population
from .design import pair_design
from .limit import Floats, ImplicitRewards, Limit, limit_of, setting
from .method import Information, Method

Integers = NDArray[np.int64]

EDGE = 1e-12
"""A force that is this close to its end, beside the forces that make it up, is at the end."""


@dataclass(frozen=True)
class Hinge(Method):
    """The hinge loss of a winner's margin, ``max(0, 1 - h)``, as in SLiC.

    Its minima solve a linear program; some have whole numbers for rewards. If there are
    several, `Limit.ranges` has the range of every probability, and the policy is one that favours
    no name.

    References
    ----------
    Zhao et al. (2023), "SLiC-HF", arXiv 2305.10425.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.limits import Hinge
    >>> found = Hinge().limit(mediocre_winner())
    >>> (found.rewards - found.rewards[0]).round(9), found.ranges is None
    (array([0., 1., 0.]), True)
    """

    name: ClassVar[str] = "hinge"
    information: ClassVar[Information] = "anonymous"
    guarantee: ClassVar[str] = "none: keeps whole steps of preference, of several minima any"

    def limit_of_one(
        self,
        population: Population,
        sampling: ArrayLike | None,
        beta: float,
        reference: ArrayLike | None,
    ) -> Limit:
        """Return a minimum, with the range of all of them."""
        weights = pair_design(population, sampling)
        beta, base = setting(population, beta, reference)
        reach = _reach(population.pairwise(), weights)
        # Every option as far ahead of each other one as it can be, and as far behind.
        highest, lowest = (_policy(base, table, beta) for table in (-reach.T, reach))
        rewards = (reach.mean(axis=0) - reach.mean(axis=1)) / 2.0
        ranges = None
        if (reach + reach.T > 0.0).any():
            ranges = np.diagonal(lowest).copy(), np.diagonal(highest).copy()
        found = limit_of(self.name, ImplicitRewards(rewards, 0.0), population, beta, base)
        return replace(found, ranges=ranges)


def _policy(base: Floats, rewards: Floats, beta: float) -> Floats:
    """Return the policy of each row of rewards."""
    logits = np.log(base) + (rewards - rewards.max(axis=1, keepdims=True)) / beta
    policy = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(policy / policy.sum(axis=1, keepdims=True))


def _reach(wins: Floats, weights: Floats) -> Floats:
    """Return how far z can be above y, (K, K) by y and z, among all minima.

    The margin of y and z costs ``costs[y, z] max(0, 1 - h(y) + h(z))``. At a minimum the slopes
    balance: each pair pulls with a force between 0 and its cost, with all of it where the margin
    is below 1 and with none where it is above. A minimum has margin at most 1 where the force can
    be more than 0, and at least 1 where it can be less than the cost. Row y of the shortest paths
    through these bounds is itself a minimum.
    """
    from scipy.sparse.csgraph import shortest_path

    size = len(weights)
    costs = weights * wins * (1.0 - np.eye(size))
    costs /= costs.max()
    h, forces = _balanced(costs)
    margins = np.subtract.outer(h, h)
    fixed = np.where(margins < 1, costs, 0.0)
    noise = EDGE * (fixed.sum(axis=0) + fixed.sum(axis=1))
    noise = np.minimum.outer(noise, noise)
    free = (margins == 1) & (costs > 0.0)
    behind = (margins < 1) & (costs > 0.0) | free & (forces > noise)
    ahead = (margins > 1) & (costs > 0.0) | free & (forces < costs - noise)
    bound = np.where(np.eye(size), 0.0, np.inf)  # h(z) - h(y) is at most bound[y, z]
    bound[ahead] = -1.0
    bound = np.minimum(bound, np.where(behind, 1.0, np.inf).T)
    reach = np.asarray(shortest_path(bound, method="FW"))
    if not np.isfinite(reach).all():
        raise ConvergenceError("hinge: some preferences are 0 or 1, or too close to be told apart")
    losses = [(costs * np.maximum(0.0, 1.0 - np.subtract.outer(r, r))).sum() for r in reach]
    if not np.allclose(losses, min(losses), rtol=1e-9, atol=0.0):
        raise ConvergenceError("hinge: rounding leaves open which rewards are minima")
    return reach


def _balanced(costs: Floats) -> tuple[Integers, Floats]:
    """Return whole rewards at a minimum, and forces of the pairs that balance there.

    If forces cannot balance, a minimum cut is a set of options that are better one step higher.
    The sums are exact, as costs can differ by any power of 10.
    """
    size = len(costs)
    exact = [[Fraction(cost) for cost in row] for row in costs.tolist()]
    h = np.zeros(size, dtype=np.int64)
    while True:
        pull = [Fraction(0)] * size  # upwards, of pairs with margins below 1
        room: dict[tuple[int, int], Fraction] = {}  # a force on (y, z) moves its pull from z to y
        for y, z in permutations(range(size), 2):
            if h[y] - h[z] < 1:
                pull[y] += exact[y][z]
                pull[z] -= exact[y][z]
            elif h[y] - h[z] == 1:
                room[z, y], room[y, z] = exact[y][z], Fraction(0)
        raised = _let_flow(pull, room)
        if not raised:
            forces = np.zeros((size, size))
            for y, z in np.argwhere(np.subtract.outer(h, h) == 1).tolist():
                forces[y, z] = float(exact[y][z] - room[z, y])
            return h, forces
        h[list(raised)] += 1


def _let_flow(pull: list[Fraction], room: dict[tuple[int, int], Fraction]) -> set[int]:
    """Let pulls flow off, from those above 0 to those below, through pairs with room for it.

    Both are changed. Returns what can be reached from pulls that are left, by shortest paths.
    """
    size = len(pull)
    while True:
        before: dict[int, int | None] = {y: None for y in range(size) if pull[y] > 0}
        queue = list(before)
        for y in queue:
            if pull[y] < 0:
                break
            for z in range(size):
                if z not in before and room.get((y, z), 0) > 0:
                    before[z] = y
                    queue.append(z)
        else:
            return set(before)
        path = [y]
        while (earlier := before[path[-1]]) is not None:
            path.append(earlier)
        steps = [(b, a) for a, b in pairwise(path)]
        amount = min(pull[path[-1]], -pull[y], *(room[step] for step in steps))
        pull[path[-1]] -= amount
        pull[y] += amount
        for a, b in steps:
            room[a, b] -= amount
            room[b, a] += amount

"""What the hinge loss converges to: rewards on kinks, perhaps not unique."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ConvergenceError
from ..population import Population
from .design import pair_design
from .limit import Floats, Limit, limit_at, setting
from .method import Information, Method

EDGE = 1e-9
"""A multiplier this close to its end, relative to it, is at the end."""


@dataclass(frozen=True)
class Hinge(Method):
    """The hinge loss of a winner's margin, ``max(0, 1 - h)``, as in SLiC.

    Its minima solve a linear program and lie where margins are whole numbers. If there are
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
        chosen = _policy(base, rewards[None], beta)[0]
        ranges = None
        if (reach + reach.T > 0.0).any():
            ranges = np.diagonal(lowest).copy(), np.diagonal(highest).copy()
        return limit_at(self.name, chosen, 0.0, population, beta, base, ranges=ranges)


def _policy(base: Floats, rewards: Floats, beta: float) -> Floats:
    """Return the policy of each row of rewards."""
    logits = np.log(base) + (rewards - rewards.max(axis=1, keepdims=True)) / beta
    policy = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(policy / policy.sum(axis=1, keepdims=True))


def _reach(wins: Floats, weights: Floats) -> Floats:
    """Return how far z can be above y, (K, K) by y and z, among all minima.

    By complementary slackness the minima are the rewards with ``h(y) - h(z) >= 1`` where the
    multiplier of the pair is 0, ``<= 1`` where it is as large as can be, and ``= 1`` between.
    Row y of the shortest paths through these bounds is itself a minimum.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import shortest_path

    size = len(weights)
    costs = weights * wins * (1.0 - np.eye(size))
    y, z = np.nonzero(costs)
    n, number = len(y), np.arange(len(y))
    # minimise sum costs * short, short >= 1 - (h(y) - h(z))
    rows = coo_array(
        (
            np.concatenate([-np.ones(2 * n), np.ones(n)]),
            (np.tile(number, 3), np.concatenate([size + number, y, z])),
        ),
        (n, size + n),
    )
    cost = costs[y, z] / costs[y, z].max()
    found = linprog(
        np.concatenate([np.zeros(size), cost]),
        A_ub=rows.tocsr(),
        b_ub=-np.ones(n),
        bounds=[(None, None)] * size + [(0, None)] * n,
        method="highs",
    )
    if found.status != 0:
        raise ConvergenceError(f"hinge: {found.message}")
    multiplier = -found.ineqlin.marginals
    bound = np.where(np.eye(size), 0.0, np.inf)  # h(z) - h(y) is at most bound[y, z]
    ahead = multiplier < cost * (1.0 - EDGE)
    behind = multiplier > cost * EDGE
    bound[y[ahead], z[ahead]] = -1.0
    np.minimum.at(bound, (z[behind], y[behind]), 1.0)
    reach = np.asarray(shortest_path(bound, method="FW"))
    if not np.isfinite(reach).all():
        raise ConvergenceError("hinge: rounding leaves open whether rewards have bounds")
    losses = [(costs * np.maximum(0.0, 1.0 - np.subtract.outer(h, h))).sum() for h in reach]
    best = found.fun * costs.max()
    if not np.allclose(losses, best, rtol=EDGE, atol=0.0):
        raise ConvergenceError("hinge: rounding leaves open which rewards are minima")
    return reach

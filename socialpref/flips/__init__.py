"""Ranking flips: how little changes a ranking, of what is compared or of who counts.

`flip` holds the verb `socialpref.flip` and its result, and `targets` what it may aim at. `greedy`
solves total-variation flips of pairs in floats, many at once, and `exact` in rational numbers.
`programs` solves what has no closed form as convex programs, and `pivots` what their solvers
cannot prove. Every distance has a `certificate` that is checked in rational arithmetic against
what the flip is a `claim` of. `regions` divides the simplex of sampling distributions.
"""

from ..divergences import ChiSquare, Divergence, KullbackLeibler, TotalVariation, Wasserstein
from .certificate import Certificate, LeastOf, ProvenInterval
from .flip import Flip
from .greedy import greedy_distances, pair_flip_distances
from .targets import AverageRewardOrder, Order, Pair, Target, TopK, Winner

__all__ = [
    "AverageRewardOrder",
    "Certificate",
    "ChiSquare",
    "Divergence",
    "Flip",
    "KullbackLeibler",
    "LeastOf",
    "Order",
    "Pair",
    "ProvenInterval",
    "Target",
    "TopK",
    "TotalVariation",
    "Wasserstein",
    "Winner",
    "greedy_distances",
    "pair_flip_distances",
]

"""What anonymous comparisons of a pair leave open, and how wrong DPO can be about it."""

from dataclasses import dataclass
from math import exp, log

from .. import _validate
from ..errors import InputError
from ..limits.dpo import DPO
from ..links import Logistic
from ..population import Population, check_population
from ..rules import ranking
from .anonymous import RewardBounds, average_reward_bounds

SMALL = 1e-3
"""Below this bound the tangent is that of a cubic, to the last digits."""
FARTHEST = 740.0
"""The tangent touches below this, whatever the bound: its slope is still a float there."""


@dataclass(frozen=True, eq=False)
class OpenPair:
    """What anonymous comparisons tell about the average rewards of two options.

    Attributes
    ----------
    first, second : str
        The options; the first is preferred more often, or as often.
    probability : float
        How often it is.
    dpo_gap : float
        The first's reward less the second's, as DPO learns them.
    identified_up_to : float
        The sign of the gap of average rewards is that of `dpo_gap` if no annotator's rewards of
        the two options differ by more. If they may, it can be the other.
    bound : float
        The largest reward gap between two options that is allowed in what follows.
    largest_bias : float
        How far DPO's gap can be from the gap of average rewards.
    bounds : RewardBounds
        The gaps of average rewards found among populations with the same preferences over all
        options that were looked at.
    """

    first: str
    second: str
    probability: float
    dpo_gap: float
    identified_up_to: float
    bound: float
    largest_bias: float
    bounds: RewardBounds

    def describe(self) -> str:
        """Return a sentence or two."""
        gap = f"{self.first} - {self.second}"
        if self.identified_up_to == 0.0:
            sign = f"The sign of {gap} is not identified: the two win as often."
        else:
            sign = (
                f"The sign of {gap} is not identified unless no reward gap exceeds "
                f"{self.identified_up_to:.2f}."
            )
        return (
            f"{sign} With gaps up to {self.bound:.2f}, populations with the same comparisons have "
            f"average rewards that differ by {self.bounds.lower:.2f} to {self.bounds.upper:.2f}; "
            f"DPO learns {self.dpo_gap:.2f}, and can be wrong by {self.largest_bias:.2f}."
        )


def open_pairs(
    population: Population, *, top: int = 3, bound: float | None = None, seed: int = 0
) -> tuple[OpenPair, ...]:
    """Return what anonymous comparisons leave open about the best options.

    Parameters
    ----------
    population : Population
        With the logistic link. From comparisons without annotators it is the population of one
        type that was fitted to everybody.
    top : int
        Neighbours among so many options, by average reward, are looked at; other options are
        left out. At least 2.
    bound : float, optional
        The largest reward gap between two options that an annotator may have; twice the largest
        of the population, among these options, if omitted.
    seed : int
        As for `average_reward_bounds`.

    Returns
    -------
    tuple of OpenPair

    Raises
    ------
    InputError
        If an argument is out of its range, or the link is another.
    ConvergenceError
        As for `average_reward_bounds`.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.theory import open_pairs
    >>> (pair,) = open_pairs(Population([[1, 0]], options=["A", "B"]))
    >>> print(pair.describe())
    The sign of A - B is not identified unless no reward gap exceeds 9.44. With gaps up to 2.00,
    populations with the same comparisons have average rewards that differ by 1.00 to 1.27; DPO
    learns 1.00, and can be wrong by 0.27.
    """
    check_population(population)
    if not isinstance(population.link, Logistic):
        raise InputError("the population must have the logistic link, as DPO has.")
    top = _validate.integer("top", top, 2)
    order = ranking(population.mean_rewards()).order[:top]
    some = Population(
        population.rewards[:, list(order)],
        population.shares,
        options=[population.options[y] for y in order],
    )
    dpo = DPO().limit(some).rewards
    found = []
    for a in range(len(order) - 1):
        first, second = (a, a + 1) if some.pairwise()[a, a + 1] >= 0.5 else (a + 1, a)
        bounds = average_reward_bounds(some, first, second, bound=bound, seed=seed)
        probability = float(some.pairwise()[first, second])
        found.append(
            OpenPair(
                first=some.options[first],
                second=some.options[second],
                probability=probability,
                dpo_gap=float(dpo[first] - dpo[second]),
                identified_up_to=identified_up_to(probability),
                bound=bounds.bound,
                largest_bias=dpo_bias_bound(bounds.bound),
                bounds=bounds,
            )
        )
    return tuple(found)


def dpo_bias_bound(bound: float) -> float:
    """Return how far DPO's gap of a pair can be from that of average rewards.

    Parameters
    ----------
    bound : float
        The largest difference between an annotator's rewards of the two options.

    Returns
    -------
    float
        The most over all populations with the logistic link; `most_biased_pair` attains it.

    Raises
    ------
    InputError
        If the bound is not positive and finite.

    Notes
    -----
    DPO's gap is the log-odds of the mean probability, the truth the mean of the log-odds x. The
    mean lies between the convex and the concave envelope of the log-odds over [-bound, bound],
    which are farthest from them between -bound and the point t whose tangent goes through it: at
    -t.

    Examples
    --------
    >>> from socialpref.theory import dpo_bias_bound
    >>> [round(dpo_bias_bound(b), 5) for b in (1, 2, 4, 6)]
    [0.03923, 0.2677, 1.36952, 2.93827]
    """
    bound = _validate.number("bound", bound, 0.0, above=True)
    x = _touching(bound)
    slope = 1.0 / (_share(x) * _share(-x))
    return float(bound - x - slope * (_share(-x) - _share(-bound)))


def most_biased_pair(bound: float) -> Population:
    """Return the population of two options about whose gap DPO is most wrong.

    Parameters
    ----------
    bound : float
        As for `dpo_bias_bound`.

    Returns
    -------
    Population
        Of two types. One has the gap -bound.

    Raises
    ------
    InputError
        If the bound is not positive and finite.

    Examples
    --------
    >>> from socialpref import DPO
    >>> from socialpref.theory import most_biased_pair
    >>> pair = most_biased_pair(4)
    >>> pair.rewards[:, 0].round(3), pair.shares.round(3)
    (array([-4.  ,  1.54]), array([0.803, 0.197]))
    >>> learned = DPO().limit(pair).rewards
    >>> round(float(learned[0] - learned[1] - pair.mean_rewards()[0]), 5)
    1.36952
    """
    bound = _validate.number("bound", bound, 0.0, above=True)
    x = _touching(bound)
    at_bound = (_share(x) - _share(-x)) / (_share(x) - _share(-bound))
    return Population([[-bound, 0.0], [x, 0.0]], [at_bound, 1.0 - at_bound])


def identified_up_to(probability: float) -> float:
    """Return the largest reward gap with which the sign of the average gap of a pair is known.

    Parameters
    ----------
    probability : float
        How often the first option is preferred, by anonymous annotators.

    Returns
    -------
    float
        If no annotator's rewards differ by more, the average reward of the option that wins more
        often is higher. If they may, populations of both signs have this probability.

    Raises
    ------
    InputError
        If the probability is not in (0, 1), or too near to 0 or 1 for floats.

    Examples
    --------
    >>> from socialpref.theory import identified_up_to
    >>> round(identified_up_to(0.6), 3), identified_up_to(0.5)
    (4.012, 0.0)
    """
    from scipy.optimize import brentq

    p = _validate.number("probability", probability, 0.0, 1.0, above=True, below=True)
    p = max(p, 1.0 - p)
    if p == 0.5:
        return 0.0
    if p == 1.0:
        raise _validate.complaint("probability", "farther from 0 and 1", probability)
    low = high = log(p / (1.0 - p))
    while _least_mean(p, high) > 0.0:
        high *= 2.0
    return float(brentq(lambda bound: _least_mean(p, bound), low, high, xtol=1e-12))


def _share(x: float) -> float:
    return 1.0 / (1.0 + exp(-x)) if x > 0 else exp(x) / (1.0 + exp(x))


def _touching(bound: float) -> float:
    """Return the log-odds of the point whose tangent goes through the one at -bound."""
    from scipy.optimize import brentq

    def miss(x: float) -> float:
        return (x + bound) * _share(x) * _share(-x) - _share(x) + _share(-bound)

    highest = min(bound, FARTHEST)
    return bound / 2.0 if bound < SMALL else float(brentq(miss, 0.0, highest, xtol=1e-14))


def _least_mean(p: float, bound: float) -> float:
    """Return the least mean of log-odds in [-bound, bound] whose mean probability is p > 1/2."""
    x = _touching(bound)
    if p >= _share(x):
        return log(p / (1.0 - p))
    return -bound + (p - _share(-bound)) / (_share(x) * _share(-x))

"""A limit, the policy of given rewards, and limits of several prompts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..draws import Draws
from ..errors import ConvergenceError
from ..population import Population, populations_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


TOLERANCE = 1e-8
"""The largest error of a reward of a limit that is returned, beside the largest reward or 1."""


ROUNDING = 8 * float(np.finfo(float).eps)
"""Relative rounding error of a sum of rewards, with some room."""


POLICY_TOLERANCE = 1e-6
"""The largest relative error of a policy that is returned."""


@dataclass(frozen=True, eq=False)
class Limit:
    """A policy that a method converges to, with the evidence.

    Attributes
    ----------
    policy : ndarray, shape (K,)
    rewards : ndarray, shape (K,)
        The implicit rewards ``beta log(policy / reference)``, centred; -inf for options without
        probability, which the mean leaves out.
    residual : float
        How far a reward can be from the exact limit: the largest entry of Newton's step there,
        plus what rounding can add; rounding alone where the limit is a formula.
    iterations : int
        Newton steps; 0 where the limit is a formula.
    method : str
        The name of the method, or "optimal policy".
    options : tuple of str
        Labels of the options.
    others : tuple of ndarray
        Implicit rewards of other local minima that were found, for losses that are not convex, or
        of other fixed points.
    rounding : float
        How far from the clamp its corner is rounded; 0 if the minimum is not on a corner.
    ranges : tuple of ndarray or None
        Where several policies are optimal, the least and the greatest probability of each option
        among them. `policy` is then one that favours no name.
    note : str
        What the limit rests on, in words; empty if there is nothing to say.
    """

    policy: Floats
    rewards: Floats
    residual: float
    iterations: int
    method: str
    options: tuple[str, ...]
    others: tuple[Floats, ...] = ()
    rounding: float = 0.0
    ranges: tuple[Floats, Floats] | None = None
    note: str = ""

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with the columns option, probability and reward.

        Examples
        --------
        >>> from socialpref import DPO, Population
        >>> crowd = Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]], options=["a", "b", "c"])
        >>> print(DPO().limit(crowd).to_frame().round(3).to_string(index=False))
        option  probability  reward
             a        0.319  -0.043
             b        0.362   0.086
             c        0.319  -0.043
        """
        import pandas as pd

        return pd.DataFrame(
            {"option": self.options, "probability": self.policy, "reward": self.rewards}
        )


@dataclass(frozen=True, eq=False)
class ImplicitRewards:
    """The implicit rewards that a method ends at, with the evidence.

    Attributes
    ----------
    rewards : ndarray, shape (K,)
    error : float
        How far a reward can be from the exact one.
    iterations : int
        Newton steps; 0 where the rewards are a formula.
    others : sequence of ndarray
        Other local minima that were found.
    rounding : float
        How far from the clamp its corner is rounded.
    """

    rewards: Floats
    error: float
    iterations: int = 0
    others: Sequence[Floats] = ()
    rounding: float = 0.0


def of_each(
    limit: Callable[[Population], Limit], population: Population | Draws | Sequence[Population]
) -> Limit | tuple[Limit, ...]:
    """Return the limit of one population, or of each: of draws, or of a sequence of prompts."""
    if isinstance(population, Population):
        return limit(population)
    each = populations_of(population) if isinstance(population, Draws) else population
    must = "a Population, Draws, or a sequence of Populations"
    _validate.instance("population", each, Sequence, must)
    for one in each:
        _validate.instance("population", one, Population, must)
    return tuple(limit(one) for one in each)


def is_right(rewards: Floats, error: float) -> bool:
    """Return whether an error of the rewards is small enough for them to be returned."""
    return error <= TOLERANCE * max(1.0, float(np.abs(rewards).max()))


def limit_of(
    method: str,
    found: ImplicitRewards,
    population: Population,
    beta: float,
    reference: ArrayLike | None,
) -> Limit:
    """Return the limit whose implicit rewards were found."""
    rewards = found.rewards - found.rewards.mean()
    return Limit(
        policy=_policy(method, rewards, found.error, population, beta, reference),
        rewards=rewards,
        residual=float(found.error),
        iterations=found.iterations,
        method=method,
        options=population.options,
        others=tuple(found.others),
        rounding=found.rounding,
    )


def limit_at(
    method: str,
    policy: Floats,
    residual: float,
    population: Population,
    beta: float,
    reference: Floats,
    *,
    iterations: int = 0,
    others: Sequence[Floats] = (),
    ranges: tuple[Floats, Floats] | None = None,
    note: str = "",
) -> Limit:
    """Return the limit whose policy was found; `beta` and `reference` as from `setting`."""
    there = policy > 0.0
    rewards = np.full(len(policy), -np.inf)
    rewards[there] = beta * np.log(policy[there] / reference[there])
    return Limit(
        policy=policy,
        rewards=rewards - rewards[there].mean(),
        residual=residual,
        iterations=iterations,
        method=method,
        options=population.options,
        others=tuple(others),
        ranges=ranges,
        note=note,
    )


def setting(
    population: Population, beta: float, reference: ArrayLike | None
) -> tuple[float, Floats]:
    """Return checked values of beta and of the reference policy."""
    beta = _validate.number("beta", beta, 0.0, above=True)
    size, names = population.n_options, population.options
    base = _validate.distribution("reference", reference, size, names)
    if base.min() <= 0.0:
        raise _validate.complaint("reference", "positive everywhere", f"{base.min():g}")
    return beta, base


def _policy(
    method: str,
    rewards: Floats,
    error: float,
    population: Population,
    beta: float,
    reference: ArrayLike | None,
) -> Floats:
    """Return the policy of rewards, if their error does not matter."""
    beta, base = setting(population, beta, reference)
    below = rewards - rewards.max()
    with np.errstate(over="ignore"):  # as beta falls to 0, only the best options are left
        logits = np.log(base) + below / beta
        logits -= logits.max()
        # Options that are equal to the last digit are taken for equal.
        near = (below < 0.0) & ((below + 2.0 * error) / beta > np.log(POLICY_TOLERANCE))
    if near.any() and 2.0 * error > POLICY_TOLERANCE * beta:
        raise ConvergenceError(
            f"{method}: at beta {beta:g} the policy depends on the last digits of the rewards, "
            f"which are known to {error:.2e}"
        )
    policy = np.exp(logits)
    return np.asarray(policy / policy.sum())

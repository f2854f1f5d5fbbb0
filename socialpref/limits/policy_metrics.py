"""How good a policy is for a population."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..divergences import total_variation
from ..population import Population, check_population
from .limit import Floats, setting
from .optimal import optimal_policy

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Metrics:
    """How good a policy is for a population; rewards in natural-log units.

    Attributes
    ----------
    average_reward : float
        ``pi . r``, the types' rewards averaged by their shares.
    regularised_gap : float
        How much less ``pi . r - beta KL(pi, reference)`` is than the optimal policy's.
    worst_regret : float
        The largest over types of what the type loses against its best option.
    nash_welfare : float
        The geometric mean over types, by shares, of their gains over their worst option, in
        parts of the largest range of rewards that a type has; NaN if all rewards are equal.
    distortion : float
        How many times the best option's average gain is the policy's, gains as for
        `nash_welfare`; 1 at best.
    distance_to_optimum : float
        Total variation to the optimal policy.
    """

    average_reward: float
    regularised_gap: float
    worst_regret: float
    nash_welfare: float
    distortion: float
    distance_to_optimum: float

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with the columns metric and value."""
        import pandas as pd

        values = asdict(self)
        return pd.DataFrame({"metric": list(values), "value": list(values.values())})


def metrics(
    population: Population,
    policy: ArrayLike,
    *,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
) -> Metrics:
    """Return how good a policy is for a population.

    Parameters
    ----------
    population : Population
    policy : array_like, shape (K,)
        Probabilities of the options.
    beta, reference
        As for `optimal_policy`.

    Returns
    -------
    Metrics

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.limits import DPO, metrics
    >>> crowd = mediocre_winner()
    >>> found = metrics(crowd, DPO().limit(crowd).policy)
    >>> round(found.worst_regret, 6), round(found.distortion, 6)
    (2.362416, 1.047452)
    """
    check_population(population)
    pi = _validate.distribution("policy", policy, population.n_options, population.options)
    beta, base = setting(population, beta, reference)
    best = optimal_policy(population, beta=beta, reference=base).policy
    means = population.mean_rewards()
    there = population.shares > 0.0
    rewards, shares = population.rewards[there], population.shares[there]
    gains = rewards - rewards.min(axis=1, keepdims=True)
    total, mine, largest = shares @ gains, gains @ pi, float(gains.max())
    level = not largest
    with np.errstate(divide="ignore"):
        welfare = np.nan if level else float(np.exp(shares @ np.log(mine / largest)))

    def worth(p: Floats) -> float:
        some = p > 0.0
        return float(p @ means - beta * p[some] @ np.log(p[some] / base[some]))

    return Metrics(
        average_reward=float(pi @ means),
        regularised_gap=max(0.0, worth(best) - worth(pi)),
        worst_regret=float((rewards.max(axis=1) - rewards @ pi).max()),
        nash_welfare=welfare,
        distortion=1.0 if level else _ratio(float(total.max()), float(total @ pi)),
        distance_to_optimum=total_variation(pi, best),
    )


def _ratio(best: float, mine: float) -> float:
    return best / mine if mine > 0.0 else np.inf

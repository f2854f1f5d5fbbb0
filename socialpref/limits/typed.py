"""What reward models of known types, averaged, converge to."""

import numpy as np
from numpy.typing import ArrayLike

from ..bradley_terry.solver import Maximum
from ..links import Logistic
from ..population import Population
from .design import pair_design
from .dpo import dpo_rewards, exact_rewards
from .limit import Limit, limit_of, per_prompt


@per_prompt
def reward_averaging_limit(
    population: Population,
    *,
    sampling: ArrayLike | None = None,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
) -> Limit:
    """Return what one Bradley-Terry reward model per type, averaged, converges to.

    With the logistic link every model recovers its type's rewards, and the limit is the optimal
    policy. With another link each model is the best Bradley-Terry fit to its type.

    Parameters
    ----------
    population, sampling, beta, reference
        As for `dpo_limit`.

    Returns
    -------
    Limit
        Its residual is the largest of the models'.

    Raises
    ------
    InputError, ConvergenceError
        As for `dpo_limit`.

    Examples
    --------
    >>> from socialpref import Population, reward_averaging_limit
    >>> reward_averaging_limit(Population([[0, -1, -2], [0, -2, 4]])).rewards.round(6)
    array([ 0.166667, -1.333333,  1.166667])
    """
    if type(population.link) is Logistic:
        pair_design(population, sampling)  # a design that compares too little is refused
        found = exact_rewards(population, population.mean_rewards(), population.link.temperature)
    else:
        types = [Population(reward[None, :], link=population.link) for reward in population.rewards]
        fits = [dpo_rewards(one, sampling) for one in types]
        found = Maximum(
            population.shares @ np.array([fit.rewards for fit in fits]),
            max(fit.error for fit in fits),
            sum(fit.iterations for fit in fits),
        )
    return limit_of("reward averaging", found, population, beta, reference)

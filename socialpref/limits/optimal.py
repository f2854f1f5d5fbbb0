"""The best single policy."""

from numpy.typing import ArrayLike

from ..population import Population
from .dpo import exact_rewards
from .limit import Limit, limit_of, per_prompt


@per_prompt
def optimal_policy(
    population: Population, *, beta: float = 1.0, reference: ArrayLike | None = None
) -> Limit:
    """Return the best single policy: the KL-regularised optimum for the average reward.

    Parameters
    ----------
    population : Population
    beta : float
        Strength of the regularisation towards the reference; positive.
    reference : array_like, shape (K,), optional
        The reference policy, positive everywhere; uniform if omitted.

    Returns
    -------
    Limit
        ``policy ∝ reference exp(mean_rewards / beta)``, which also minimises the share-weighted
        divergence from the types' own optimal policies.

    Raises
    ------
    InputError
        If an argument is out of its range.
    ConvergenceError
        If beta is so small that rounding of the rewards decides between options.

    References
    ----------
    arXiv 2502.16320, section 3.

    Examples
    --------
    >>> from socialpref import Population, optimal_policy
    >>> optimal_policy(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])).policy.round(5)
    array([0.35131, 0.29738, 0.35131])
    """
    found = exact_rewards(population, population.mean_rewards())
    return limit_of("optimal policy", found, population, beta, reference)

"""The best single policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, overload

from numpy.typing import ArrayLike

from ..draws import Draws
from ..population import Population
from .design import pair_design
from .fits import exact_rewards
from .limit import ImplicitRewards, Limit, limit_of, of_each
from .method import Information, Method, Order


@overload
def optimal_policy(
    population: Population, *, beta: float = ..., reference: ArrayLike | None = ...
) -> Limit: ...
@overload
def optimal_policy(
    population: Draws | Sequence[Population],
    *,
    beta: float = ...,
    reference: ArrayLike | None = ...,
) -> tuple[Limit, ...]: ...


def optimal_policy(
    population: Population | Draws | Sequence[Population],
    *,
    beta: float = 1.0,
    reference: ArrayLike | None = None,
) -> Limit | tuple[Limit, ...]:
    """Return the best single policy: the KL-regularised optimum for the average reward.

    Parameters
    ----------
    population : Population, Draws or sequence of Population
        A sequence has one population for each prompt; ``Draws`` have a limit each.
    beta : float
        Strength of the regularisation towards the reference; positive.
    reference : array_like, shape (K,), optional
        The reference policy, positive everywhere; uniform if omitted.

    Returns
    -------
    Limit or tuple of Limit
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

    def one(each: Population) -> Limit:
        found = exact_rewards(each, each.mean_rewards())
        return limit_of("optimal policy", found, each, beta, reference)

    return of_each(one, population)


@dataclass(frozen=True)
class Optimal(Method):
    """The optimal policy as a row of the table of methods: what full knowledge would give.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.limits import Optimal
    >>> Optimal().limit(mediocre_winner()).policy.round(5)
    array([0.35131, 0.29738, 0.35131])
    """

    name: ClassVar[str] = "optimal"
    information: ClassVar[Information] = "typed"
    order: ClassVar[Order | None] = "average reward"
    guarantee: ClassVar[str] = "the best single policy, by definition"

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the average reward."""
        pair_design(population, sampling)  # a design that compares too little is refused
        return exact_rewards(population, population.mean_rewards())

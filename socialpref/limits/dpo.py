"""What DPO converges to: the Bradley-Terry fit to the population's preferences."""

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from ..population import Population
from .fits import bradley_terry_rewards
from .limit import ImplicitRewards
from .method import Information, Method, Order


@dataclass(frozen=True)
class DPO(Method):
    """Direct preference optimisation on anonymous comparisons.

    The implicit rewards of its limit are the Bradley-Terry fit to the population's preferences:
    ``sum_z d(z) sigma(h(y) - h(z)) = NBC(y)`` for every y. They are ordered as NBC is, whatever
    the sampling distribution; with a pair design they need not be. Of a single type with the
    logistic link they are the type's own, divided by the temperature.

    References
    ----------
    arXiv 2502.16320, section 4; Siththaranjan et al. (2024), arXiv 2312.08358.

    Examples
    --------
    DPO prefers the mediocre winner:

    >>> from socialpref import DPO, Population
    >>> DPO().limit(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])).policy.round(5)
    array([0.31879, 0.36242, 0.31879])
    """

    name: ClassVar[str] = "dpo"
    information: ClassVar[Information] = "anonymous"
    order: ClassVar[Order | None] = "NBC"
    guarantee: ClassVar[str] = "orders as normalized Borda count, which depends on the sampling"

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the Bradley-Terry fit to the population's preferences."""
        return bradley_terry_rewards(population, sampling)

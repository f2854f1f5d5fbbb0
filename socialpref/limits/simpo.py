"""What SimPO converges to: a fit whose winners must be ahead by a margin."""

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from .. import _validate
from ..population import Population
from .design import pair_design
from .fits import bradley_terry_rewards, fit_log_odds, log_preferences
from .limit import ImplicitRewards, Limit, limit_of
from .method import Information, Method


@dataclass(frozen=True)
class SimPO(Method):
    """SimPO on options of equal length: ``-log sigma(h - gamma)`` of a winner's margin.

    There is no reference policy: ``pi ∝ exp(h / beta)``. With gamma 0 it is DPO with a uniform
    reference; otherwise its order is not that of NBC for every population.

    Parameters
    ----------
    gamma : float
        The target margin, in units of the rewards h.

    Raises
    ------
    InputError
        If `gamma` is not a finite number; from `limit`, if a reference is given.

    References
    ----------
    Meng, Xia and Chen (2024), "SimPO", arXiv 2405.14734.

    Examples
    --------
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import SimPO
    >>> SimPO(gamma=0.5).limit(two_camps()).policy.round(6)
    array([0.460283, 0.12992 , 0.409797])
    """

    name: ClassVar[str] = "simpo"
    information: ClassVar[Information] = "anonymous"
    guarantee: ClassVar[str] = "none: its order can differ from NBC's and from the average reward's"
    has_reference: ClassVar[bool] = False

    gamma: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", _validate.number("gamma", self.gamma))

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the rewards at the minimum of the expected loss."""
        if self.gamma == 0.0:
            return bradley_terry_rewards(population, sampling)
        weights = pair_design(population, sampling)
        return fit_log_odds(log_preferences(population), weights, ahead=self.gamma)

    def limit_of_one(
        self,
        population: Population,
        sampling: ArrayLike | None,
        beta: float,
        reference: ArrayLike | None,
    ) -> Limit:
        """Return the limit of one population; there is no reference."""
        if reference is not None:
            raise _validate.complaint("reference", "omitted for SimPO, which has none", "one")
        found = self.implicit_rewards(population, sampling)
        return limit_of(self.name, found, population, beta, None)

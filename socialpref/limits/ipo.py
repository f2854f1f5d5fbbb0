"""What IPO converges to: normalized Borda counts themselves."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..population import Population
from .design import pair_design
from .fits import least_squares
from .limit import ROUNDING, ImplicitRewards
from .method import Information, Method, Order


@dataclass(frozen=True)
class IPO(Method):
    """Identity preference optimisation: ``(h - 1 / (2 tau))^2`` of a winner's margin.

    Under a sampling distribution the rewards of its limit are ``NBC / tau`` exactly. With a pair
    design they solve the least-squares problem ``h(y) - h(z) ~ (P(y, z) - 1/2) / tau``.

    Parameters
    ----------
    tau : float
        Positive.

    Raises
    ------
    InputError
        If `tau` is out of its range.

    References
    ----------
    Azar et al. (2024), "A general theoretical paradigm to understand learning from human
    preferences", arXiv 2310.12036.

    Examples
    --------
    >>> from socialpref import nbc
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import IPO
    >>> IPO(tau=0.1).limit(two_camps()).rewards.round(6)
    array([ 0.851065, -1.463874,  0.612809])
    >>> ((nbc(two_camps()) - 0.5) / 0.1).round(6)
    array([ 0.851065, -1.463874,  0.612809])
    """

    name: ClassVar[str] = "ipo"
    information: ClassVar[Information] = "anonymous"
    order: ClassVar[Order | None] = "NBC"
    guarantee: ClassVar[str] = "rewards are NBC / tau"

    tau: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", _validate.number("tau", self.tau, 0.0, above=True))

    def divided(self, by: float) -> "IPO | None":
        """Return IPO with ``tau`` times the number; None if that is not positive."""
        return IPO(self.tau * by) if by > 0.0 else None

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the least-squares rewards."""
        weights = pair_design(population, sampling)
        leads = population.pairwise() - 0.5
        noise = ROUNDING * float(np.abs(leads).max()) / self.tau
        return least_squares(leads / self.tau, weights, noise)

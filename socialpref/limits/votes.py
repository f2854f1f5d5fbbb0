"""What the likelihood of the number of votes converges to."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..links import Logistic
from ..population import Population
from .design import pair_design
from .fits import exact_rewards
from .limit import ImplicitRewards
from .method import Information, Method, Order


@dataclass(frozen=True)
class VoteCountLikelihood(Method):
    """The likelihood of how many of a panel prefer an option, with one of each type in it.

    Who voted how need not be known. The types come in no order, which does not matter for their
    average. With the logistic link the limit is the optimal policy: a panel's votes are all for
    one option with odds whose logarithm is the sum of the types' reward gaps.

    Parameters
    ----------
    n_starts : int
        Random starts of a fit to data; the best is kept.

    Raises
    ------
    InputError
        If `n_starts` is not a positive integer; from `limit`, if shares are unequal or the link
        is not logistic.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.limits import VoteCountLikelihood
    >>> VoteCountLikelihood().limit(mediocre_winner()).policy.round(5)
    array([0.35131, 0.29738, 0.35131])
    """

    name: ClassVar[str] = "vote-counts"
    information: ClassVar[Information] = "panel"
    order: ClassVar[Order | None] = "average reward"
    guarantee: ClassVar[str] = "the optimal policy, for equal shares; needs no types' names"

    n_starts: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_starts", _validate.integer("n_starts", self.n_starts, 1))

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the average reward."""
        pair_design(population, sampling)  # a design that compares too little is refused
        if np.ptp(population.shares) > _validate.SUM_TOLERANCE:
            must = "of equal shares for the votes of panels with one of each type"
            raise _validate.complaint("population", must, "unequal ones")
        if type(population.link) is not Logistic:
            must = "of the logistic link for the likelihood of votes"
            raise _validate.complaint("population", must, _validate.shown(population.link))
        return exact_rewards(population, population.mean_rewards(), population.link.temperature)

"""What the orthogonal loss converges to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import ConvergenceError
from ..links import Logistic
from ..population import Population
from .design import pair_design
from .fits import bradley_terry_rewards, exact_rewards, least_squares
from .limit import ROUNDING, Floats, ImplicitRewards, is_right
from .method import Information, Method, Order
from .typed import RewardAveraging


@dataclass(frozen=True)
class Orthogonal(Method):
    """The orthogonal loss: one policy, from every label of known types.

    A reward model for each type, its head, is fitted to other labels (cross-fitting). The policy's
    reward gaps are then fitted, by weighted least squares, to the pseudo-labels that
    `socialpref.estimators.pseudo_labels` makes of the labels and the heads. Errors of the heads
    enter squared. With the logistic link the limit is the optimal policy.

    Parameters
    ----------
    shares : sequence of float, optional
        What the types are weighted with, as in `RewardAveraging`.
    n_folds : int
        Parts of the data for cross-fitting; heads are fitted to all parts but one.
    weighted : bool
        Whether pairs are weighted by the inverse variance of their pseudo-labels.

    Raises
    ------
    InputError
        If an option is out of its range.

    Notes
    -----
    The square of the heads' errors is small beside the policy's errors only if the labels are
    many. With few of them intervals by `socialpref.estimators.estimate` are too short; it warns
    where it can tell.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.limits import Orthogonal
    >>> Orthogonal().limit(mediocre_winner()).policy.round(5)
    array([0.35131, 0.29738, 0.35131])
    """

    name: ClassVar[str] = "orthogonal"
    information: ClassVar[Information] = "typed"
    order: ClassVar[Order | None] = "average reward"
    guarantee: ClassVar[str] = "the optimal policy; one policy from every label of known types"

    shares: Sequence[float] | None = None
    n_folds: int = 5
    weighted: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", RewardAveraging(self.shares).shares)
        object.__setattr__(self, "n_folds", _validate.integer("n_folds", self.n_folds, 2))
        _validate.instance("weighted", self.weighted, bool, "True or False")

    def weights(self, shares: Floats) -> Floats:
        """Return the types' weights: the method's own shares, or else the given ones."""
        return RewardAveraging(self.shares).weights(shares)

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the average reward, or what pseudo-labels of misspecified heads average to."""
        design = pair_design(population, sampling)
        shares = self.weights(population.shares)
        if type(population.link) is Logistic:
            return exact_rewards(
                population, shares @ population.rewards, population.link.temperature
            )
        types = [Population(reward[None, :], link=population.link) for reward in population.rewards]
        fits = [bradley_terry_rewards(one, sampling) for one in types]
        heads = np.array([np.subtract.outer(fit.rewards, fit.rewards) for fit in fits])
        wins = np.array([one.pairwise() for one in types])
        surprise = wins * (1.0 + np.exp(-heads)) - (1.0 - wins) * (1.0 + np.exp(heads))
        means = np.tensordot(shares, heads + surprise, 1)
        variances = np.tensordot(shares**2, 2.0 + 2.0 * np.cosh(heads), 1)
        weights = design / variances if self.weighted else design
        # Of wrong heads the means and the weights move by no more than this for each unit.
        rate = 2.0 + float(np.abs(surprise).max())
        error = rate * max(fit.error for fit in fits) + ROUNDING * float(np.abs(means).max())
        found = least_squares(means, weights, error)
        if not is_right(found.rewards, found.error):
            raise ConvergenceError(f"{self.name}: rewards are known to {found.error:.2e} only")
        return replace(found, iterations=sum(fit.iterations for fit in fits))

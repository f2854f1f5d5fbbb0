"""Methods that average the rewards of types, known or found: reward models and latent classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import InputError
from ..links import Logistic, logistic_temperature
from ..population import Population
from .design import pair_design
from .dpo import DPO
from .fits import bradley_terry_rewards, exact_rewards
from .limit import Floats, ImplicitRewards
from .method import Information, Method, Order


@dataclass(frozen=True)
class RewardAveraging(Method):
    """One Bradley-Terry reward model for each known type, averaged over people.

    With the logistic link every model recovers its type's rewards, and the limit is the optimal
    policy. With another link each model is the best Bradley-Terry fit to its type; the limit's
    residual is the largest of the models'.

    Parameters
    ----------
    shares : sequence of float, optional
        What the types' models are weighted with, in the order of the types. If omitted, the
        population's shares; in training, the types' shares among the annotators, each counted
        once however many labels they gave. Where annotators are not known, every label counts as
        an annotator.
    lapse : float
        The rate g of lapses that the models' likelihood has, in [0, 1/2): see
        `LogisticWithLapses`. The limit is then known for annotators with this rate only.

    Raises
    ------
    InputError
        If the shares are not a distribution or the lapse is out of its range; from `limit`, with
        a lapse, if the annotators have another link.

    Examples
    --------
    >>> from socialpref import Population, RewardAveraging
    >>> RewardAveraging().limit(Population([[0, -1, -2], [0, -2, 4]])).rewards.round(6)
    array([ 0.166667, -1.333333,  1.166667])
    """

    name: ClassVar[str] = "reward-averaging"
    information: ClassVar[Information] = "typed"
    order: ClassVar[Order | None] = "average reward"
    guarantee: ClassVar[str] = "the optimal policy, from one reward model per type"

    shares: Sequence[float] | None = None
    lapse: float = 0.0

    def __post_init__(self) -> None:
        lapse = _validate.number("lapse", self.lapse, 0.0, 0.5, below=True)
        object.__setattr__(self, "lapse", lapse)
        if self.shares is not None:
            must = "numbers, one for each type"
            _validate.instance("shares", self.shares, (Sequence, np.ndarray), must)
            given = _validate.real_array("shares", self.shares, 1)
            shares = _validate.distribution("shares", given, len(given))
            object.__setattr__(self, "shares", tuple(shares.tolist()))

    def weights(self, shares: Floats) -> Floats:
        """Return the types' weights: the method's own shares, or else the given ones."""
        if self.shares is None:
            return shares
        return _validate.distribution("shares", self.shares, len(shares))

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the models' rewards, averaged."""
        pair_design(population, sampling)  # a design that compares too little is refused
        weights = self.weights(population.shares)
        temperature = logistic_temperature(population.link, self.lapse)
        if temperature is not None:
            return exact_rewards(population, weights @ population.rewards, temperature)
        if self.lapse:
            must = f"of the link LogisticWithLapses({self.lapse:g}), for a limit with this lapse"
            raise _validate.complaint("population", must, _validate.shown(population.link))
        types = [Population(reward[None, :], link=population.link) for reward in population.rewards]
        fits = [bradley_terry_rewards(one, sampling) for one in types]
        return ImplicitRewards(
            weights @ np.array([fit.rewards for fit in fits]),
            max(fit.error for fit in fits),
            sum(fit.iterations for fit in fits),
        )


@dataclass(frozen=True)
class LatentClasses(Method):
    """Latent classes found in linked comparisons, and their rewards averaged over people.

    Its limit is the average reward, divided by the temperature, wherever linked comparisons
    identify the classes. Fewer classes than types cannot: then there is no limit, unless one class
    is asked for, whose limit is DPO's.

    Parameters
    ----------
    n_classes : int
        How many classes to fit.

    Raises
    ------
    InputError
        If `n_classes` is not a positive integer; from `limit`, if the population has more types
        that differ.

    Examples
    --------
    >>> from socialpref import LatentClasses, Population
    >>> LatentClasses(n_classes=2).limit(Population([[0, -1, -2], [0, -2, 4]])).rewards.round(6)
    array([ 0.166667, -1.333333,  1.166667])
    """

    name: ClassVar[str] = "latent-classes"
    information: ClassVar[Information] = "linked"
    order: ClassVar[Order | None] = "average reward"
    guarantee: ClassVar[str] = (
        "the optimal policy as far as linked comparisons identify the classes"
    )
    identified: ClassVar[bool] = False

    n_classes: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_classes", _validate.integer("n_classes", self.n_classes, 1))

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the average reward; of one class, what DPO learns."""
        if self.n_classes == 1:
            return DPO().implicit_rewards(population, sampling)
        pair_design(population, sampling)  # a design that compares too little is refused
        centred = population.rewards - population.rewards.mean(axis=1, keepdims=True)
        n_types = len(np.unique(centred[population.shares > 0.0], axis=0))
        if self.n_classes < n_types:
            must = f"at least the number of types, {n_types}, for a limit"
            raise _validate.complaint("n_classes", must, self.n_classes)
        if type(population.link) is not Logistic:
            raise InputError(
                "'population' must have the logistic link for a limit of latent classes; got "
                f"{_validate.shown(population.link)}."
            )
        return exact_rewards(population, population.mean_rewards(), population.link.temperature)

"""DPO under noisy labels: conservative DPO, and robust DPO, which undoes the noise."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..population import Population
from .debiased import fit_debiased
from .design import pair_design
from .fits import fit_log_odds, log_preferences
from .limit import ImplicitRewards
from .method import Information, Method, Order


def _epsilon(value: float) -> float:
    """Return a checked rate of flipped labels."""
    return _validate.number("epsilon", value, 0.0, 0.5, below=True)


@dataclass(frozen=True)
class ConservativeDPO(Method):
    """DPO with smoothed labels: each counts as the opposite one with weight epsilon.

    Its limit is DPO's at the preferences ``epsilon + (1 - 2 epsilon) P``.

    Parameters
    ----------
    epsilon : float
        In [0, 1/2).

    Raises
    ------
    InputError
        If `epsilon` is out of its range.

    References
    ----------
    E. Mitchell (2023), "A note on DPO with noisy preferences and relationship to IPO".

    Examples
    --------
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import ConservativeDPO
    >>> ConservativeDPO(epsilon=0.1).limit(two_camps()).policy.round(6)
    array([0.419338, 0.193389, 0.387273])
    """

    name: ClassVar[str] = "conservative-dpo"
    information: ClassVar[Information] = "anonymous"
    order: ClassVar[Order | None] = "NBC"
    guarantee: ClassVar[str] = "orders as NBC, with rewards closer together than DPO's"

    epsilon: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", _epsilon(self.epsilon))

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the Bradley-Terry fit to the smoothed preferences."""
        weights = pair_design(population, sampling)
        wins = log_preferences(population)
        if self.epsilon:
            smoothed = np.log1p(-2.0 * self.epsilon) + wins
            wins = np.logaddexp(np.log(self.epsilon), smoothed)
        return fit_log_odds(wins, weights)


@dataclass(frozen=True)
class RobustDPO(Method):
    """DPO whose loss is unbiased where labels are flipped at a known rate.

    Labels of a population are not flipped, they differ because people do. The loss then corrects
    for noise that is not there: its limit is DPO's at ``(P - epsilon) / (1 - 2 epsilon)``, which
    may lie outside [0, 1], and need not exist.

    Parameters
    ----------
    epsilon : float
        The assumed rate, in [0, 1/2).

    Raises
    ------
    InputError
        If `epsilon` is out of its range; from `limit`, if the loss has no minimum.

    Notes
    -----
    A minimum exists if and only if some preferences strictly between 0 and 1 give every option
    the same share of wins. Under a sampling distribution d, with NBC of the corrected
    preferences, that is ``sum_S d NBC < d(S) (1 - d(S) / 2)`` for every set S of options but
    none and all.

    References
    ----------
    Chowdhury, Kini and Natarajan (2024), "Provably robust DPO", arXiv 2403.00409.

    Examples
    --------
    >>> from socialpref.examples import two_camps
    >>> from socialpref.limits import RobustDPO
    >>> RobustDPO(epsilon=0.1).limit(two_camps()).policy.round(6)
    array([0.465549, 0.126716, 0.407735])
    """

    name: ClassVar[str] = "robust-dpo"
    information: ClassVar[Information] = "anonymous"
    order: ClassVar[Order | None] = "NBC"
    guarantee: ClassVar[str] = "orders as NBC where a minimum exists, with wider gaps than DPO's"

    epsilon: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", _epsilon(self.epsilon))

    def implicit_rewards(
        self, population: Population, sampling: ArrayLike | None
    ) -> ImplicitRewards:
        """Return the Bradley-Terry fit to the corrected preferences."""
        weights = pair_design(population, sampling)
        if not self.epsilon:
            return fit_log_odds(log_preferences(population), weights)
        wins = (population.pairwise() - self.epsilon) / (1.0 - 2.0 * self.epsilon)
        return fit_debiased(wins, weights, "epsilon", self.epsilon)

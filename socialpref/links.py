"""Preference links: the probability that the better of two alternatives is chosen.

A link is an increasing function F with F(x) + F(-x) = 1. One annotator with rewards r prefers
y to z with probability F((r(y) - r(z)) / temperature).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate


class Link(Protocol):
    """What a preference link offers: a call that turns reward gaps into probabilities."""

    def __call__(self, gap: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of preferring the first alternative at each reward gap."""
        ...


@dataclass(frozen=True)
class Logistic:
    """The Bradley-Terry link, F(x) = 1 / (1 + exp(-x)).

    Parameters
    ----------
    temperature : float
        Divides every reward gap; positive. Small values make annotators decisive.

    Raises
    ------
    InputError
        If `temperature` is not a positive number.

    References
    ----------
    Bradley and Terry (1952), "Rank analysis of incomplete block designs", Biometrika 39.

    Examples
    --------
    >>> from socialpref import Logistic
    >>> Logistic()([0.0, 1.0]).round(4)
    array([0.5   , 0.7311])
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        _validate.number("temperature", self.temperature, 0.0, above=True)

    def __call__(self, gap: ArrayLike) -> NDArray[np.float64]:
        """Return F(gap / temperature), elementwise."""
        with np.errstate(over="ignore"):  # exp(-x) = inf gives the right limit, 0
            return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(gap) / self.temperature)))


@dataclass(frozen=True)
class Probit:
    """The Thurstone (case V) link, F(x) = standard normal distribution function.

    Parameters
    ----------
    temperature : float
        Divides every reward gap; positive.

    Raises
    ------
    InputError
        If `temperature` is not a positive number.

    References
    ----------
    Thurstone (1927), "A law of comparative judgment", Psychological Review 34.

    Examples
    --------
    >>> from socialpref import Probit
    >>> Probit()([0.0, 1.0]).round(4)
    array([0.5   , 0.8413])
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        _validate.number("temperature", self.temperature, 0.0, above=True)

    def __call__(self, gap: ArrayLike) -> NDArray[np.float64]:
        """Return F(gap / temperature), elementwise."""
        from scipy.special import ndtr

        return np.asarray(ndtr(np.asarray(gap) / self.temperature), dtype=np.float64)

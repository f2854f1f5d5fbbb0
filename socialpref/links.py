"""Preference links: the probability that the better of two options is chosen.

A link is an increasing function F with F(x) + F(-x) = 1. One annotator with rewards r prefers
y to z with probability F((r(y) - r(z)) / temperature).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate

SLACK = 1e-9
"""How far the values of a link may be from F(x) + F(-x) = 1, decrease, and be above 1."""


class Link(Protocol):
    """A preference link: called with reward gaps, it returns probabilities."""

    def __call__(self, gap: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of preferring the first option at each reward gap."""
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
        temperature = _validate.number("temperature", self.temperature, 0.0, above=True)
        object.__setattr__(self, "temperature", temperature)

    def __call__(self, gap: ArrayLike) -> NDArray[np.float64]:
        """Return F(gap / temperature), elementwise."""
        with np.errstate(over="ignore"):  # exp(-x) = inf gives the right limit, 0
            return np.asarray(1.0 / (1.0 + np.exp(-_gaps(gap) / self.temperature)))


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
        temperature = _validate.number("temperature", self.temperature, 0.0, above=True)
        object.__setattr__(self, "temperature", temperature)

    def __call__(self, gap: ArrayLike) -> NDArray[np.float64]:
        """Return F(gap / temperature), elementwise."""
        from scipy.special import ndtr

        with np.errstate(over="ignore"):
            return np.asarray(ndtr(_gaps(gap) / self.temperature), dtype=np.float64)


def log_logistic(gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of ``1 / (1 + exp(-gap))`` of each gap, which does not underflow."""
    return np.asarray(np.minimum(gaps, 0.0) - np.log1p(np.exp(-np.abs(gaps))))


def _gaps(gap: ArrayLike) -> NDArray[np.float64]:
    must = "an array of reward gaps"
    gaps = _validate.any_array("gap", gap, must)
    if np.isnan(gaps).any():
        raise _validate.complaint("gap", must, "NaN among its values")
    return gaps


def check_link(link: object, reach: float) -> None:
    """Refuse a value that is not a link for reward gaps up to `reach`.

    It is tried on a grid of gaps. There its values must be probabilities that do not decrease,
    with F(x) + F(-x) = 1, and more than 1/2 at the largest gap.

    Parameters
    ----------
    link : object
    reach : float

    Raises
    ------
    InputError
        If the link fails one of these, or raises an error of its own.
    """
    if type(link) in (Logistic, Probit):
        return
    if not callable(link) or isinstance(link, type):
        raise _validate.complaint("link", "a Link such as Logistic()", _validate.shown(link))
    up = max(reach, 1.0) * np.geomspace(1e-3, 1.0, 32)
    grid = np.concatenate([-up[::-1], [0.0], up])[:, None]
    try:
        values = link(grid)
    except Exception as error:
        raise _validate.complaint("link", "a function of reward gaps", repr(error)) from error
    column = check_values(values, grid.shape)[:, 0]
    if np.abs(column + column[::-1] - 1.0).max() > SLACK:
        raise _validate.complaint("link", "a function F with F(x) + F(-x) = 1", "another")
    if (np.diff(column) < -SLACK).any() or column[-1] <= 0.5:
        raise _validate.complaint("link", "an increasing function", "one that is not")


def check_values(values: object, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a link's values for gaps of some shape; refuse what are not probabilities."""
    must = "a function that returns a probability for each reward gap"
    if not isinstance(values, np.ndarray) or values.shape != shape or values.dtype.kind != "f":
        raise _validate.complaint("link", must, _validate.shown(values))
    outside = ~((values >= 0.0) & (values <= 1.0 + SLACK))
    if outside.any():
        raise _validate.complaint("link", must, f"{values[outside].flat[0]} among its values")
    return values


def preferences(
    rewards: NDArray[np.float64], shares: NDArray[np.float64], link: Link
) -> NDArray[np.float64]:
    """Return the pairwise preferences of one population, or of many at once.

    Parameters
    ----------
    rewards : ndarray, shape (..., T, K)
    shares : ndarray, shape (..., T)
    link : Link

    Returns
    -------
    ndarray, shape (..., K, K)
    """
    total = np.zeros((*rewards.shape[:-2], rewards.shape[-1], rewards.shape[-1]))
    for u in range(rewards.shape[-2]):
        reward = rewards[..., u, :]
        total += shares[..., u, None, None] * link(reward[..., :, None] - reward[..., None, :])
    return total

"""Preference links: the probability that the better of two options is chosen.

A link is an increasing function F with F(x) + F(-x) = 1. One annotator with rewards r prefers
y to z with probability F((r(y) - r(z)) / temperature).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate

SLACK = 1e-9
"""How far the values of a link may be from F(x) + F(-x) = 1, decrease, and be above 1; and how
far a gap may be beyond the last one of a link, relative to it."""


class Link(Protocol):
    """A preference link: called with reward gaps, it returns probabilities."""

    def __call__(self, gap: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of preferring the first option at each reward gap."""
        ...


class Scaled(ABC):
    """A link of this package: a fixed curve of the reward gap divided by a temperature.

    Attributes
    ----------
    temperature : float
    """

    temperature: float

    def __post_init__(self) -> None:
        temperature = _validate.number("temperature", self.temperature, 0.0, above=True)
        object.__setattr__(self, "temperature", temperature)

    def __call__(self, gap: ArrayLike) -> NDArray[np.float64]:
        """Return F(gap / temperature), elementwise."""
        gaps = _gaps(gap)
        if gaps.size and (largest := float(np.abs(gaps).max())) > self.reach * (1.0 + SLACK):
            must = f"at most {self.reach:.4g} in size, where {self!r} ends"
            raise _validate.complaint("gap", must, f"{largest:.4g}")
        with np.errstate(over="ignore"):  # infinite gaps have the right probabilities, 0 and 1
            return np.asarray(self._curve(gaps / self.temperature), dtype=np.float64)

    def log(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithms of the probabilities, without underflow where that is possible."""
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(self._log_curve(gaps / self.temperature), dtype=np.float64)

    @property
    def slope(self) -> float:
        """The derivative at gap 0: the scale by which links of different shapes are compared."""
        return self._slope() / self.temperature

    @property
    def reach(self) -> float:
        """The largest reward gap that the link has a probability for."""
        return np.inf

    def with_slope(self, slope: float = 0.25) -> Self:
        """Return the link of the same shape with another slope at gap 0; 1/4 is Logistic's.

        Examples
        --------
        >>> from socialpref.links import StudentT
        >>> round(StudentT(2).with_slope(0.25).temperature, 4)
        1.4142
        """
        slope = _validate.number("slope", slope, 0.0, above=True)
        return self.at_temperature(self.temperature * self.slope / slope)

    def at_temperature(self, temperature: float) -> Self:
        """Return the link of the same shape at another temperature."""
        return type(self)(**vars(self) | {"temperature": temperature})

    @abstractmethod
    def _curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities at temperature 1."""

    @abstractmethod
    def _slope(self) -> float:
        """Return the derivative of the curve at 0."""

    def _log_curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithms of the probabilities at temperature 1."""
        return np.log(self._curve(gaps))


@dataclass(frozen=True)
class Logistic(Scaled):
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

    def _curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.0 / (1.0 + np.exp(-gaps))  # exp(-x) = inf gives the right limit, 0

    def _log_curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(-np.logaddexp(0.0, -gaps))

    def _slope(self) -> float:
        return 0.25


@dataclass(frozen=True)
class Probit(Scaled):
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

    def _curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import ndtr

        return np.asarray(ndtr(gaps))

    def _log_curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import log_ndtr

        return np.asarray(log_ndtr(gaps))

    def _slope(self) -> float:
        return 1.0 / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True)
class LogisticWithLapses(Scaled):
    """The logistic link of annotators who sometimes answer by the toss of a coin.

    ``F(x) = g + (1 - 2 g) / (1 + exp(-x))``: an answer is a coin toss with probability 2 g, so no
    option is preferred more often than 1 - g.

    Parameters
    ----------
    lapse : float
        The rate g of wrong answers where the better option is clear, in [0, 1/2).
    temperature : float
        Divides every reward gap; positive.

    Raises
    ------
    InputError
        If an argument is out of its range.

    References
    ----------
    Wichmann and Hill (2001), "The psychometric function: I", Perception & Psychophysics 63.

    Examples
    --------
    >>> from socialpref.links import LogisticWithLapses
    >>> LogisticWithLapses(0.05)([0.0, 1.0, 100.0]).round(4)
    array([0.5  , 0.708, 0.95 ])
    """

    lapse: float
    temperature: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        lapse = _validate.number("lapse", self.lapse, 0.0, 0.5, below=True)
        object.__setattr__(self, "lapse", lapse)

    def _curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.lapse + (1.0 - 2.0 * self.lapse) / (1.0 + np.exp(-gaps)))

    def _log_curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        attentive = np.log1p(-2.0 * self.lapse) - np.logaddexp(0.0, -gaps)
        return np.asarray(np.logaddexp(np.log(self.lapse), attentive))

    def _slope(self) -> float:
        return (1.0 - 2.0 * self.lapse) / 4.0


@dataclass(frozen=True)
class StudentT(Scaled):
    """The distribution function of Student's t as a link: heavy tails, so large gaps say little.

    Parameters
    ----------
    degrees : float
        Degrees of freedom; positive. With few of them the tails are heavy.
    temperature : float
        Divides every reward gap; positive. Rewards mean the same as with another link only if
        both have the same `slope`; `with_slope` sees to that.

    Raises
    ------
    InputError
        If an argument is not a positive number.

    Examples
    --------
    >>> from socialpref.links import StudentT
    >>> StudentT(2).with_slope(0.25)([0.0, 1.0, 10.0]).round(4)
    array([0.5   , 0.7236, 0.9903])
    """

    degrees: float = 2.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        degrees = _validate.number("degrees", self.degrees, 0.0, above=True)
        object.__setattr__(self, "degrees", degrees)

    def _curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import stdtr

        return np.asarray(stdtr(self.degrees, gaps))

    def _slope(self) -> float:
        from scipy.special import gammaln

        half = self.degrees / 2.0
        bell = math.exp(gammaln(half + 0.5) - gammaln(half))
        return bell / math.sqrt(math.pi * self.degrees)


@dataclass(frozen=True)
class Linear(Scaled):
    """The linear link, F(x) = 1/2 + x/4, for reward gaps up to 2.

    Parameters
    ----------
    temperature : float
        Divides every reward gap; positive. The largest gap is twice the temperature.

    Raises
    ------
    InputError
        If `temperature` is not a positive number; from a call, if a gap is too large.

    Examples
    --------
    >>> from socialpref.links import Linear
    >>> Linear()([0.0, 1.0, 2.0])
    array([0.5 , 0.75, 1.  ])
    """

    temperature: float = 1.0

    @property
    def reach(self) -> float:
        """The largest reward gap that the link has a probability for."""
        return 2.0 * self.temperature

    def _curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.clip(0.5 + gaps / 4.0, 0.0, 1.0))

    def _slope(self) -> float:
        return 0.25


@dataclass(frozen=True)
class Tan(Scaled):
    """The tangent link, F(x) = 1/2 + tan(x)/4, for reward gaps up to arctan 2 = 1.107.

    Parameters
    ----------
    temperature : float
        Divides every reward gap; positive. The largest gap is 1.107 times the temperature.

    Raises
    ------
    InputError
        If `temperature` is not a positive number; from a call, if a gap is too large.

    Examples
    --------
    >>> from socialpref.links import Tan
    >>> Tan()([0.0, 1.0]).round(4)
    array([0.5   , 0.8894])
    """

    temperature: float = 1.0

    @property
    def reach(self) -> float:
        """The largest reward gap that the link has a probability for."""
        return math.atan(2.0) * self.temperature

    def _curve(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.clip(0.5 + np.tan(gaps) / 4.0, 0.0, 1.0))

    def _slope(self) -> float:
        return 0.25


def logistic_temperature(link: Link, lapse: float = 0.0) -> float | None:
    """Return the temperature of a logistic link with this rate of lapses; None for another."""
    if isinstance(link, Logistic):
        return link.temperature if lapse == 0.0 else None
    if isinstance(link, LogisticWithLapses):
        return link.temperature if lapse == link.lapse else None
    return None


def log_logistic(gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of ``1 / (1 + exp(-gap))`` of each gap, which does not underflow."""
    return np.asarray(np.minimum(gaps, 0.0) - np.log1p(np.exp(-np.abs(gaps))))


def _gaps(gap: ArrayLike) -> NDArray[np.float64]:
    must = "an array of reward gaps"
    gaps = _validate.any_array("gap", gap, must)
    if np.isnan(gaps).any():
        raise _validate.complaint("gap", must, "NaN among its values")
    return gaps


def reach_of(link: Link) -> float:
    """Return the largest reward gap that a link has a probability for."""
    return link.reach if isinstance(link, Scaled) else np.inf


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
    if isinstance(link, Scaled):
        if reach > link.reach * (1.0 + SLACK):
            must = f"one with probabilities for gaps up to {reach:.4g}; {link!r} ends"
            raise _validate.complaint("link", must, f"at {link.reach:.4g}")
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

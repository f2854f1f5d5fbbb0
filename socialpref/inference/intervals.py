"""Intervals of what was computed on each of many draws, infinities included."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An interval of one number, whose ends may be infinite.

    Attributes
    ----------
    low, high : float
        The ends. An end is inf where enough draws are: a flip distance from 0.03 to inf means
        that many draws cannot be flipped at all. NaN if no draw has a value.
    level : float
        The nominal coverage, in (0, 1).
    n_draws : int
        How many draws have a value; 0 if the interval does not come from samples.

    Examples
    --------
    >>> from socialpref.inference import Interval
    >>> Interval.of([0.1, 0.2, 0.3, float("inf")], level=0.5)
    Interval(low=0.17..., high=inf, level=0.5, n_draws=4)
    """

    low: float
    high: float
    level: float
    n_draws: int

    @classmethod
    def of(cls, draws: ArrayLike, level: float = 0.95) -> Self:
        """Return the central interval of draws that are samples: their percentiles.

        Percentiles lie between neighbouring draws by linear interpolation. Next to an infinite
        draw there is nothing to interpolate: the end is then the neighbour farther out.

        Parameters
        ----------
        draws : array_like, shape (R,)
            Values of any size, inf and -inf among them; NaN (no value) is left out.
        level : float
            The nominal coverage, in (0, 1).

        Raises
        ------
        InputError
            If the draws are not a list of numbers, or the level is out of its range.
        """
        level = _validate.number("level", level, 0.0, 1.0, above=True, below=True)
        must = "a one-dimensional array of numbers"
        values = _validate.any_array("draws", draws, must)
        if values.ndim != 1:
            raise _validate.complaint("draws", must, f"shape {values.shape}")
        values = np.sort(values[~np.isnan(values)])
        if not len(values):
            return cls(math.nan, math.nan, level, 0)
        tail = (1.0 - level) / 2.0 * (len(values) - 1)
        low = _between(values, tail, outwards=math.floor)
        high = _between(values, len(values) - 1 - tail, outwards=math.ceil)
        return cls(low, high, level, len(values))

    @classmethod
    def around(
        cls, estimate: float, error: float, level: float = 0.95, *, degrees: float = math.inf
    ) -> Self:
        """Return the symmetric interval of an estimate with a known standard error.

        Parameters
        ----------
        estimate, error : float
            The estimate and its standard error.
        level : float
            The nominal coverage, in (0, 1).
        degrees : float
            Degrees of freedom of Student's t; inf, the default, is the normal distribution.

        Raises
        ------
        InputError
            If an argument is out of its range.

        Examples
        --------
        >>> from socialpref.inference import Interval
        >>> interval = Interval.around(0.5, 0.1)
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.304, 0.696)
        """
        from scipy.special import ndtri, stdtrit

        centre = _validate.number("estimate", estimate)
        spread = _validate.number("error", error, 0.0)
        level = _validate.number("level", level, 0.0, 1.0, above=True, below=True)
        _validate.number("degrees", degrees, 0.0, above=True, infinite=True)
        upper = (1.0 + level) / 2.0
        quantile = ndtri(upper) if math.isinf(degrees) else stdtrit(degrees, upper)
        reach = float(quantile) * spread
        return cls(centre - reach, centre + reach, level, 0)

    def holding(self, estimate: float) -> Self:
        """Return the interval, stretched to the estimate where that lies outside.

        Near ties the draws are nearer to a flip than what they are drawn from, or farther.

        Examples
        --------
        >>> from socialpref import Interval
        >>> Interval.of([0.1, 0.2], level=0.5).holding(0.05).low
        0.05
        """
        if math.isnan(estimate) or not self.n_draws:
            return self
        return replace(self, low=min(self.low, estimate), high=max(self.high, estimate))

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def describe(self, form: str = "{:.3f}", *, infinite: str = "infinity") -> str:
        """Return the interval in words, such as ``'0.030 to 0.214'``.

        Parameters
        ----------
        form : str
            How a finite end is written.
        infinite : str
            How an end at inf is written: "never" of the distance of a flip, say.

        Examples
        --------
        >>> from socialpref import Interval
        >>> Interval.of([0.03, float("inf")]).describe(infinite="never")
        '0.030 to never'
        """
        signs = {math.inf: infinite, -math.inf: f"-{infinite}"}
        return " to ".join(signs.get(end, form.format(end)) for end in (self.low, self.high))


def _between(values: Floats, place: float, outwards: Callable[[float], int]) -> float:
    """Return the value at a fractional place among sorted values."""
    below, above = float(values[math.floor(place)]), float(values[math.ceil(place)])
    if math.isfinite(below) and math.isfinite(above):
        return below + (place - math.floor(place)) * (above - below)
    return float(values[outwards(place)])

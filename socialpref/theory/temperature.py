"""How temperature changes the ranking by NBC.

At temperature tau a type prefers y to z with probability F((r(y) - r(z)) / tau). As tau goes to 0
NBC becomes the ordinal Borda count, which sees no strengths; as it grows, NBC orders as the
average reward does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..links import Scaled
from ..population import Population, check_population
from ..rules import TIE_TOLERANCE, nbc

Floats = NDArray[np.float64]
GRID = 400
"""Temperatures at which a change of sign is looked for, evenly on a logarithmic scale."""


def at_temperature(population: Population, temperature: float) -> Population:
    """Return the population with another temperature of its link.

    Parameters
    ----------
    population : Population
        Whose link has a temperature, such as Logistic().
    temperature : float
        Positive.

    Returns
    -------
    Population

    Raises
    ------
    InputError
        If the temperature is not positive, or the link has none.

    Examples
    --------
    >>> from socialpref import nbc, ranking
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.theory import at_temperature
    >>> decisive, noisy = (at_temperature(mediocre_winner(), tau) for tau in (0.5, 2.0))
    >>> ranking(nbc(decisive)).describe(decisive.options)
    'M > A = B'
    >>> ranking(nbc(noisy)).describe(noisy.options)
    'A = B > M'
    """
    check_population(population)
    if not isinstance(population.link, Scaled):
        must = "of a population whose link has one, such as Logistic()"
        raise _validate.complaint("temperature", must, repr(population.link))
    return Population(
        population.rewards,
        population.shares,
        link=population.link.at_temperature(temperature),
        types=population.types,
        options=population.options,
    )


def nbc_by_temperature(
    population: Population, temperatures: ArrayLike, sampling: ArrayLike | None = None
) -> Floats:
    """Return NBC at each temperature, shape (number of temperatures, K).

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.theory import nbc_by_temperature
    >>> nbc_by_temperature(mediocre_winner(), [1, 2]).round(4)
    array([[0.4893, 0.5213, 0.4893],
           [0.5018, 0.4965, 0.5018]])
    """
    values = _validate.real_array("temperatures", temperatures, 1)
    if (values <= 0.0).any():
        raise _validate.complaint("temperatures", "positive", f"{values.min():g} among them")
    check_population(population)
    return np.array([nbc(at_temperature(population, tau), sampling) for tau in values])


@dataclass(frozen=True)
class Crossings:
    """The temperatures at which two options are level by NBC.

    Attributes
    ----------
    pair : tuple of int
    temperatures : tuple of float
        In increasing order.
    residuals : tuple of float
        The NBC gap that is left at each.
    searched : tuple of float
        The range of temperatures that was looked at.
    """

    pair: tuple[int, int]
    temperatures: tuple[float, ...]
    residuals: tuple[float, ...]
    searched: tuple[float, float]


def crossing_temperatures(
    population: Population,
    a: int | str,
    b: int | str,
    *,
    sampling: ArrayLike | None = None,
    low: float = 0.05,
    high: float = 100.0,
) -> Crossings:
    """Return the temperatures at which two options swap their order by NBC.

    The sign of the NBC gap is looked at on a grid of 400 temperatures, and each change solved to
    rounding. Two swaps closer than the grid, 2 % apart by default, cancel and are missed.

    Parameters
    ----------
    population : Population
        Whose link has a temperature, such as Logistic(); its own does not matter.
    a, b : int or str
    sampling : array_like, shape (K,), optional
        As for `nbc`.
    low, high : float
        The range of temperatures.

    Returns
    -------
    Crossings

    Raises
    ------
    InputError
        If an option does not exist, both are the same, or the range is not valid.
    ConvergenceError
        If a gap of more than 1e-12 is left.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.theory import crossing_temperatures
    >>> found = crossing_temperatures(mediocre_winner(), "A", "M")
    >>> [round(tau, 5) for tau in found.temperatures]
    [1.64241]
    """
    from scipy.optimize import brentq

    check_population(population)
    first, second = population.index(a), population.index(b)
    if first == second:
        raise _validate.complaint("b", "another option than 'a'", repr(b))
    start = _validate.number("low", low, 0.0, above=True)
    stop = _validate.number("high", high, start, above=True)

    def gap(tau: float) -> float:
        scores = nbc(at_temperature(population, tau), sampling)
        return float(scores[first] - scores[second])

    grid = np.geomspace(start, stop, GRID)
    gaps = np.array([gap(float(tau)) for tau in grid])
    clear = np.abs(gaps) > TIE_TOLERANCE  # elsewhere the sign is rounding
    grid, signs = grid[clear], np.sign(gaps[clear])
    swaps = np.flatnonzero(signs[1:] != signs[:-1])
    roots = [float(brentq(gap, grid[i], grid[i + 1], xtol=1e-14, rtol=1e-14)) for i in swaps]
    residuals = [abs(gap(root)) for root in roots]
    if max(residuals, default=0.0) > TIE_TOLERANCE:
        raise ConvergenceError(f"crossing temperature: a gap of {max(residuals):.2e} is left")
    return Crossings((first, second), tuple(roots), tuple(residuals), (start, stop))

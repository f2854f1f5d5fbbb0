"""Intervals of ranks, from rewards and the covariance of their errors."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from ..errors import InputError
from .pairs import Floats, Integers

if TYPE_CHECKING:
    import pandas as pd

MOST_TOGETHER = 1000
"""Up to this many options intervals hold together."""

DRAWS = 2000
"""Draws for the critical value of intervals that hold together."""

NAMED = 5
"""Options that a description names."""


@dataclass(frozen=True, eq=False)
class RankIntervals:
    """An interval of each option's rank; rank 1 is the largest reward.

    Attributes
    ----------
    low, high : ndarray of int, shape (n,)
        The best and the worst rank of each option.
    rewards : ndarray, shape (n,)
    options : tuple of str
    level : float
        The probability that an interval covers the true rank, or that all do.
    simultaneous : bool
        Whether all intervals hold at once with that probability, or each on its own.
    critical : float
        Two rewards differ significantly if they are more than this many standard errors apart.
    """

    low: Integers
    high: Integers
    rewards: Floats
    options: tuple[str, ...]
    level: float
    simultaneous: bool
    critical: float

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with the columns option, reward, rank, rank_low and rank_high."""
        import pandas as pd
        from scipy.stats import rankdata

        return pd.DataFrame(
            {
                "option": self.options,
                "reward": self.rewards,
                "rank": rankdata(-self.rewards, method="min"),
                "rank_low": self.low,
                "rank_high": self.high,
            }
        )

    def describe(self) -> str:
        """Return the ranks of the first options, and how far they are known, in a sentence."""
        order = np.argsort(-self.rewards, kind="stable")[:NAMED]
        named = ", ".join(f"{self.options[y]!r} {_span(self.low[y], self.high[y])}" for y in order)
        more = ", ..." if len(self.options) > NAMED else ""
        how = "all together" if self.simultaneous else "each on its own"
        return f"Ranks at {self.level:.0%}, {how}: {named}{more}."


def rank_intervals(
    rewards: Floats,
    covariance: Floats,
    *,
    options: tuple[str, ...],
    level: float = 0.95,
    simultaneous: bool = False,
    degrees: int | None = None,
    seed: int | np.random.Generator = 0,
) -> RankIntervals:
    """Return intervals of ranks; `degrees` are those of t distributions, if the errors have some.

    See `RewardFit.rank_intervals` for the method.
    """
    level = _validate.number("level", level, 0.0, 1.0, above=True, below=True)
    generator = _validate.seed("seed", seed)
    if simultaneous and len(rewards) > MOST_TOGETHER:
        raise InputError(
            f"'simultaneous' must be False for more than {MOST_TOGETHER:,} options; got "
            f"{len(rewards):,}."
        )
    if simultaneous:
        critical = _largest_difference(covariance, level, degrees, generator)
    else:
        critical = _bonferroni(len(rewards) - 1, level, degrees)
    low, high = np.empty(len(rewards), np.intp), np.empty(len(rewards), np.intp)
    for y in range(len(rewards)):
        ahead = rewards - rewards[y]
        wide = critical * _errors(covariance, y)
        low[y] = 1 + (ahead > wide).sum()
        high[y] = len(rewards) - (ahead < -wide).sum()
    return RankIntervals(low, high, rewards, options, level, simultaneous, critical)


def _errors(covariance: Floats, y: int, start: int = 0) -> Floats:
    """Return the standard error of each difference from option y, from option `start` on."""
    diagonal = np.diagonal(covariance)
    squares = diagonal[start:] + diagonal[y] - 2.0 * covariance[y, start:]
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def _bonferroni(tests: int, level: float, degrees: int | None) -> float:
    from scipy.stats import norm, t

    tail = (1.0 - level) / (2.0 * tests)
    return float(norm.isf(tail) if degrees is None else t.isf(tail, degrees))


def _largest_difference(
    covariance: Floats, level: float, degrees: int | None, generator: np.random.Generator
) -> float:
    """Return the quantile of the largest difference of two errors over its standard error."""
    values, vectors = np.linalg.eigh(covariance)
    factor = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = factor @ generator.standard_normal((len(values), DRAWS))
    largest = np.zeros(DRAWS)
    for y in range(len(values) - 1):
        errors = _errors(covariance, y, y + 1)
        there = errors > 0.0
        apart = draws[y + 1 :][there] - draws[y]
        np.abs(apart, out=apart)
        apart /= errors[there, None]
        np.maximum(largest, apart.max(axis=0, initial=0.0), out=largest)
    if degrees is not None:
        largest /= np.sqrt(generator.chisquare(degrees, DRAWS) / degrees)
    return float(np.quantile(largest, level, method="higher"))


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"

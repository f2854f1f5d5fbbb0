"""Triangles of options whose log-odds do not add up to nothing, as rewards would make them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import _validate
from .fit import BradleyTerryFit
from .pairs import Floats, Integers

if TYPE_CHECKING:
    import pandas as pd

MOST_WEDGES = 2_000_000
"""Two pairs that share their first option, of which so many at most are tried for a triangle."""

KEPT = 20
"""Triangles that are kept."""

HALF = 0.5
"""Added to wins and losses, so that log-odds and their variances are finite."""


@dataclass(frozen=True, eq=False)
class Cycles:
    """Triangles that one reward for each option explains the least, worst first.

    Attributes
    ----------
    members : ndarray of int, shape (m, 3)
        The options, each preferred to the next on balance, and the last to the first: the log-odds
        around the triangle have a positive sum, though not each of them need be positive.
    log_odds : ndarray, shape (m,)
        Their sum, which is 0 in a Bradley–Terry model.
    standard_error : ndarray, shape (m,)
        Of the sum, taking all comparisons for independent.
    p_value : ndarray, shape (m,)
        Two-sided, times the number of triangles (Bonferroni), at most 1.
    n_triangles : int
        How many triangles of compared pairs were looked at.
    complete : bool
        Whether these are all; otherwise they are a random sample.
    options : tuple of str
    """

    members: Integers
    log_odds: Floats
    standard_error: Floats
    p_value: Floats
    n_triangles: int
    complete: bool
    options: tuple[str, ...]

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with the columns first, second, third, log_odds, standard_error, p_value.

        Examples
        --------
        >>> from socialpref.bradley_terry import find_cycles, fit_bradley_terry
        >>> fit = fit_bradley_terry([0, 1, 2], [1, 2, 0], 0.75, weights=40, options=["a", "b", "c"])
        >>> find_cycles(fit).to_frame().round(3)
          first second third  log_odds  standard_error  p_value
        0     a      b     c     3.199            0.62      0.0
        """
        import pandas as pd

        names = np.array(self.options, dtype=object)
        columns = dict(zip(("first", "second", "third"), names[self.members].T, strict=True))
        return pd.DataFrame(
            {
                **columns,
                "log_odds": self.log_odds,
                "standard_error": self.standard_error,
                "p_value": self.p_value,
            }
        )

    def describe(self) -> str:
        """Return the worst triangle, in a sentence."""
        if not len(self.members):
            return "No three options were all compared with each other."
        a, b, c = (repr(self.options[y]) for y in self.members[0])
        sample = "" if self.complete else " that were sampled"
        return (
            f"The worst of {self.n_triangles:,} triangles{sample}: {a} beats {b} beats {c} beats "
            f"{a}, log-odds {self.log_odds[0]:.2f} in all (standard error "
            f"{self.standard_error[0]:.2f}; p = {self.p_value[0]:.3g}, all triangles allowed for)."
        )


def find_cycles(fit: BradleyTerryFit, *, seed: int | np.random.Generator = 0) -> Cycles:
    """Return the triangles of compared pairs that one Bradley–Terry model explains the least.

    Parameters
    ----------
    fit : BradleyTerryFit
        Only its pairs count, not its rewards.
    seed : int or numpy.random.Generator
        Where there are more than two million pairs of pairs that share an option, a sample of
        them is tried.

    Returns
    -------
    Cycles
        The 20 triangles with the largest sums over their standard errors.

    Notes
    -----
    A pair's log-odds are ``log((wins + 1/2) / (losses + 1/2))``, with variance
    ``1 / (wins + 1/2) + 1 / (losses + 1/2)``.
    """
    from scipy.stats import norm

    _validate.instance("fit", fit, BradleyTerryFit, "a BradleyTerryFit")
    generator = _validate.seed("seed", seed)
    triangles, complete = _triangles(fit, generator)
    won, lost = fit.wins + HALF, fit.losses + HALF
    odds, variance = np.log(won / lost), 1.0 / won + 1.0 / lost
    total = odds[triangles.one] + odds[triangles.other] - odds[triangles.long]
    error = np.sqrt(sum(variance[edge] for edge in triangles))
    order = np.argsort(-np.abs(total) / error, kind="stable")[:KEPT]
    total, error = total[order], error[order]
    forth = np.column_stack(
        [
            fit.low[triangles.one[order]],
            fit.high[triangles.one[order]],
            fit.high[triangles.other[order]],
        ]
    )
    members = np.where((total > 0.0)[:, None], forth, forth[:, [0, 2, 1]])
    count = len(triangles.one)
    return Cycles(
        members=members,
        log_odds=np.abs(total),
        standard_error=error,
        p_value=np.minimum(1.0, 2.0 * count * norm.sf(np.abs(total) / error)),
        n_triangles=count,
        complete=complete,
        options=fit.options,
    )


class _Triangles(NamedTuple):
    """The pairs (a, b), (b, c) and (a, c) of triangles a < b < c, by their places."""

    one: Integers
    other: Integers
    long: Integers


def _triangles(fit: BradleyTerryFit, generator: np.random.Generator) -> tuple[_Triangles, bool]:
    """Return triangles of compared pairs, and whether they are all there are."""
    size = len(fit.rewards)
    keys = fit.low * size + fit.high  # sorted, as the pairs are
    starts = np.searchsorted(fit.low, np.arange(size + 1))
    later = starts[fit.low + 1] - np.arange(len(keys)) - 1  # pairs of the same option after it
    count = int(later.sum())
    complete = count <= MOST_WEDGES
    if complete:
        one = np.repeat(np.arange(len(keys)), later)
        place = np.arange(count) - np.repeat(np.cumsum(later) - later, later)
    else:
        drawn = np.unique(generator.integers(0, count, MOST_WEDGES))
        ends = np.cumsum(later)
        one = np.searchsorted(ends, drawn, side="right")
        place = drawn - (ends - later)[one]
    long = one + 1 + place
    wanted = fit.high[one] * size + fit.high[long]
    other = np.searchsorted(keys, wanted)
    there = other < len(keys)
    there[there] = keys[other[there]] == wanted[there]
    return _Triangles(one[there], other[there], long[there]), complete

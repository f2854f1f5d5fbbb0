"""Does one Bradley–Terry model explain the comparisons? Deviance, residuals of pairs, cycles."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import _validate
from .cycles import Cycles, find_cycles
from .fit import BradleyTerryFit
from .pairs import Floats, Graph, Integers, Pairs
from .solver import Likelihood, maximise

if TYPE_CHECKING:
    import pandas as pd

SMALL_CELL = 5.0
"""Where fewer wins or losses of some pair are expected, the p-value is simulated."""

SIMULATIONS = 199
"""Data sets that are simulated, unless told otherwise."""

HOLD = 1e-4
"""The prior at least of fits to simulated comparisons, which need not have a finite maximum."""

ROUNDING = 1e-9
"""How far from a whole number a count may be, relative to it."""

NAMED = 3
"""Pairs that a description names."""


@dataclass(frozen=True, eq=False)
class GoodnessOfFit:
    """How well one reward for each option explains the comparisons of the pairs.

    Attributes
    ----------
    deviance : float
        Twice the log-likelihood that is lost against a probability of its own for each pair.
    degrees : int
        Pairs that were compared, less the free rewards.
    p_value : float or None
        The probability of a deviance as large, if the model is right and all comparisons are
        independent; None with the reason in `method`.
    method : str
        How the p-value was found, or why there is none.
    first, second : ndarray of int, shape (pairs,)
        The pairs, worst explained first.
    games, share, fitted : ndarray, shape (pairs,)
        How often they were compared, how often `first` won, and how often by the model.
    residual : ndarray, shape (pairs,)
        Pearson's residuals, about standard normal if the model is right: share less fitted, over
        the standard error of the share.
    cycles : Cycles
        Triangles of options that contradict one order of rewards the most.
    options : tuple of str
    """

    deviance: float
    degrees: int
    p_value: float | None
    method: str
    first: Integers
    second: Integers
    games: Floats
    share: Floats
    fitted: Floats
    residual: Floats
    cycles: Cycles
    options: tuple[str, ...]

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of the pairs, worst explained first.

        The columns are first, second, n, share, fitted and residual.
        """
        import pandas as pd

        names = np.array(self.options, dtype=object)
        return pd.DataFrame(
            {
                "first": names[self.first],
                "second": names[self.second],
                "n": self.games,
                "share": self.share,
                "fitted": self.fitted,
                "residual": self.residual,
            }
        )

    def describe(self) -> str:
        """Return the deviance, its p-value, the worst pairs and the largest cycle, in sentences."""
        p = "no p-value" if self.p_value is None else f"p = {self.p_value:.3g}"
        worst = ", ".join(
            f"{self.options[self.first[k]]!r} over {self.options[self.second[k]]!r} "
            f"{self.share[k]:.3f} (model {self.fitted[k]:.3f}, residual {self.residual[k]:.1f})"
            for k in range(min(NAMED, len(self.first)))
        )
        return (
            f"Deviance {self.deviance:.4g} on {self.degrees:,} degrees of freedom ({p}; "
            f"{self.method}). Worst pairs: {worst}. {self.cycles.describe()}"
        )


def goodness_of_fit(
    fit: BradleyTerryFit,
    *,
    simulations: int | None = None,
    seed: int | np.random.Generator = 0,
) -> GoodnessOfFit:
    """Return how well a Bradley–Terry fit explains the comparisons of each pair.

    Parameters
    ----------
    fit : BradleyTerryFit
    simulations : int, optional
        Data sets to draw from the model, and to fit, for the p-value. If omitted, 199 if
        the fit has a prior or less than 5 wins or losses of some pair are expected, and none
        otherwise: the deviance is then compared with a chi-squared distribution.
    seed : int or numpy.random.Generator
        For the data sets, and for the sample of triangles where there are too many.

    Returns
    -------
    GoodnessOfFit

    Raises
    ------
    ConvergenceError
        If a fit to simulated comparisons fails.

    Notes
    -----
    The p-value takes all comparisons for independent. A small one can come from a cycle of
    preferences that no rewards explain, or from annotators who repeat themselves. Where wins or
    losses are no whole numbers (ties, soft labels, weights) there is none. Ties that add up to
    whole numbers go unnoticed, and make the p-value too large: fit without them. Data sets are
    simulated from rewards that are shrunk by as much as errors spread the fitted ones.

    Examples
    --------
    Three options in a circle, each beating the next in 30 of 40 comparisons:

    >>> from socialpref.bradley_terry import fit_bradley_terry, goodness_of_fit
    >>> fit = fit_bradley_terry([0, 1, 2], [1, 2, 0], 0.75, weights=40, options=["a", "b", "c"])
    >>> print(goodness_of_fit(fit).describe())
    Deviance 31.39 on 1 degrees of freedom (p = 2.11e-08; chi-squared). Worst pairs: 'a' over 'b'
    0.750 (model 0.500, residual 3.2), 'a' over 'c' 0.250 (model 0.500, residual -3.2), 'b' over
    'c' 0.750 (model 0.500, residual 3.2). The worst of 1 triangles: 'a' beats 'b' beats 'c' beats
    'a', log-odds 3.20 in all (standard error 0.62; p = 2.44e-07, all triangles allowed for).
    """
    from scipy.special import expit
    from scipy.stats import chi2

    _validate.instance("fit", fit, BradleyTerryFit, "a BradleyTerryFit")
    if simulations is not None:
        _validate.integer("simulations", simulations, 1)
    generator = _validate.seed("seed", seed)
    gap = fit.rewards[fit.low] - fit.rewards[fit.high]
    chance, games = expit(gap), fit.wins + fit.losses
    share = fit.wins / games
    spread = np.sqrt(chance * expit(-gap) / games)
    residual = (share - chance) / spread
    deviance = 2.0 * (_saturated(fit.wins, fit.losses) - fit.log_likelihood)
    degrees = len(games) - (len(fit.rewards) - 1)
    small = bool((games * np.minimum(chance, expit(-gap))).min() < SMALL_CELL)
    p_value, method = None, "chi-squared"
    if not (_whole(fit.wins) and _whole(fit.losses)):
        method = "wins are no whole numbers"
    elif degrees <= 0 and not fit.prior:
        method = "rewards explain any comparisons of these pairs"
    elif simulations or small or fit.prior:
        count = simulations or SIMULATIONS
        likely = _likely(fit)
        drawn = [_simulated(fit, likely, generator) for _ in range(count)]
        p_value = (1 + sum(value >= deviance for value in drawn)) / (count + 1)
        method = f"{count} simulated data sets"
    else:
        p_value = float(chi2.sf(deviance, degrees))
    order = np.argsort(-np.abs(residual), kind="stable")
    return GoodnessOfFit(
        deviance=max(deviance, 0.0),
        degrees=degrees,
        p_value=p_value,
        method=method,
        first=fit.low[order],
        second=fit.high[order],
        games=games[order],
        share=share[order],
        fitted=chance[order],
        residual=residual[order],
        cycles=find_cycles(fit, seed=generator),
        options=fit.options,
    )


def _whole(counts: Floats) -> bool:
    """Return whether counts are whole numbers, up to rounding."""
    return bool((np.abs(counts - np.rint(counts)) <= ROUNDING * counts).all())


def _saturated(wins: Floats, losses: Floats) -> float:
    """Return the log-likelihood if each pair has a probability of its own."""
    from scipy.special import xlogy

    games = wins + losses
    return float((xlogy(wins, wins / games) + xlogy(losses, losses / games)).sum())


def _likely(fit: BradleyTerryFit) -> Floats:
    """Return the probability that each pair's `low` wins, from which to simulate.

    Fitted rewards spread more than the true ones, by their errors, and comparisons drawn from
    them would be explained too well. So they are shrunk to the spread of the true ones. The errors
    are those of an option whose opponents' rewards are known, which is quick and nearly enough.
    """
    from scipy.special import expit

    scale = 1.0
    if not fit.prior and fit.rewards.any():
        games, gap = fit.wins + fit.losses, fit.rewards[fit.low] - fit.rewards[fit.high]
        graph = Graph(fit.low, fit.high, len(fit.rewards))
        errors = 1.0 / np.add(*graph.sums(games * expit(gap) * expit(-gap)))
        scale = np.sqrt(max(0.0, 1.0 - errors.sum() / (fit.rewards**2).sum()))
    return np.asarray(expit(scale * (fit.rewards[fit.low] - fit.rewards[fit.high])))


def _simulated(fit: BradleyTerryFit, chance: Floats, generator: np.random.Generator) -> float:
    """Return the deviance of comparisons that are drawn from the model."""
    games = fit.wins + fit.losses
    wins = generator.binomial(np.rint(games).astype(np.int64), chance).astype(np.float64)
    pairs, size = Pairs(fit.low, fit.high, wins, games - wins), len(fit.rewards)
    found = maximise(pairs, size, tolerance=1e-5, prior=max(fit.prior, HOLD))
    said = Likelihood(pairs, size).value(found.rewards)
    return 2.0 * (_saturated(wins, games - wins) - said)

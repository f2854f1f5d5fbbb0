"""How far a mixture's preferences are from any one Bradley-Terry model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from ..limits.design import pair_design
from ..limits.dpo import DPO
from ..limits.limit import Limit
from ..links import log_logistic
from ..population import Population, check_population
from .anonymous import Floats


@dataclass(frozen=True, eq=False)
class Misfit:
    """How far a population's preferences are from those of any single Bradley-Terry model.

    Attributes
    ----------
    fit : Limit
        The best single model, DPO's limit: `fit.rewards` are its rewards.
    preferences : ndarray, shape (K, K)
        What it predicts.
    divergence : float
        Expected cross-entropy of a comparison beyond its entropy, in nats.
    largest_error : float
        Largest absolute difference between predicted and true preferences.
    cycle : tuple of int, or None
        Options x, y, z whose log-odds add up worst; None if there are only two.
    cycle_defect : float
        ``logit P[y, x] + logit P[z, y] - logit P[z, x]`` there, in absolute value. It is 0 on
        every cycle if and only if the preferences are those of one Bradley-Terry model.
    """

    fit: Limit
    preferences: Floats
    divergence: float
    largest_error: float
    cycle: tuple[int, int, int] | None
    cycle_defect: float


def bradley_terry_misfit(population: Population, *, sampling: ArrayLike | None = None) -> Misfit:
    """Return the best single Bradley-Terry model of a population, and what it misses.

    Parameters
    ----------
    population : Population
    sampling : array_like, shape (K,) or (K, K), optional
        As for `DPO.limit`.

    Returns
    -------
    Misfit

    Raises
    ------
    InputError
        If some preference is certain to rounding, or as for `DPO.limit`.
    ConvergenceError
        As for `DPO.limit`.

    References
    ----------
    arXiv 2502.16320, section 4.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.theory import bradley_terry_misfit
    >>> misfit = bradley_terry_misfit(Population([[0, 1, 3], [0, -2, 1]]))
    >>> round(misfit.cycle_defect, 5)
    0.42459
    >>> misfit.fit.rewards.round(4)
    array([-0.4789, -0.8535,  1.3324])
    """
    check_population(population)
    P = population.pairwise()
    if (P <= 0.0).any():
        y, z = np.argwhere(P <= 0.0)[0]
        raise InputError(
            f"'population' must have no certain preference; {population.options[z]!r} always "
            f"beats {population.options[y]!r}."
        )
    fit = DPO().limit(population, sampling=sampling)
    gaps = fit.rewards[:, None] - fit.rewards[None, :]
    log_model = log_logistic(gaps)
    weights = pair_design(population, sampling)
    cycle, defect = _worst_cycle(np.log(P) - np.log(P.T))
    return Misfit(
        fit=fit,
        preferences=np.exp(log_model),
        divergence=float((weights * P * (np.log(P) - log_model)).sum()),
        largest_error=float(np.abs(P - np.exp(log_model)).max()),
        cycle=cycle,
        cycle_defect=defect,
    )


def _worst_cycle(logits: Floats) -> tuple[tuple[int, int, int] | None, float]:
    """Return the options x < y < z with the largest sum of log-odds around them, and the sum."""
    cycle, worst = None, 0.0
    for x in range(len(logits) - 2):
        later = logits[x + 1 :, x]
        defects = np.abs(later[:, None] - later[None, :] + logits[x + 1 :, x + 1 :].T)
        np.fill_diagonal(defects, -1.0)  # no cycle
        y, z = divmod(int(defects.argmax()), len(later))
        if cycle is None or defects[y, z] > worst:
            first, second = sorted((x + 1 + y, x + 1 + z))
            cycle, worst = (x, first, second), float(defects[y, z])
    return cycle, worst

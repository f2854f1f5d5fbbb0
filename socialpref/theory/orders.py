"""How fast the errors of DPO and of its first-order correction vanish with disagreement."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..limits.corrected import CorrectedDPO
from ..limits.dpo import DPO
from ..population import Population
from .outcomes import Floats


@dataclass(frozen=True, eq=False)
class ErrorOrders:
    """How fast the errors of two methods vanish as types come to agree.

    Attributes
    ----------
    scales : ndarray, shape (N,)
        How far the types are apart, largest first.
    dpo, corrected : ndarray, shape (N,)
        The largest absolute difference of DPO's and corrected DPO's implicit rewards from the
        average reward.
    """

    scales: Floats
    dpo: Floats
    corrected: Floats

    @property
    def slopes(self) -> tuple[float, float]:
        """The powers of the scale that the errors go with, at the two smallest scales."""
        step = np.log(self.scales[-2] / self.scales[-1])
        dpo, corrected = (np.log(e[-2] / e[-1]) / step for e in (self.dpo, self.corrected))
        return float(dpo), float(corrected)


def error_orders(
    mean_rewards: ArrayLike,
    deviations: ArrayLike,
    scales: ArrayLike = (0.2, 0.1, 0.05, 0.025),
    *,
    shares: ArrayLike | None = None,
    sampling: ArrayLike | None = None,
) -> ErrorOrders:
    """Return the errors of DPO and of its correction as types deviate less and less.

    The rewards of type u are ``mean_rewards + scale * deviations[u]``. DPO's error goes with the
    square of the scale. The correction, with alpha 1, form F1 and no clamp, removes that term and
    leaves the cube, or less. That is for an average reward that stays. If all rewards shrink
    together, DPO's error goes with the cube, and so does the correction's in general; with two
    equal types it goes with a higher power.

    Parameters
    ----------
    mean_rewards : array_like, shape (K,)
        The average reward.
    deviations : array_like, shape (T, K)
        What types add to it; their share-weighted mean is subtracted.
    scales : array_like, shape (N,)
        At least two, positive and decreasing.
    shares : array_like, shape (T,), optional
        Equal if omitted.
    sampling : array_like, optional
        As for `DPO.limit`.

    Returns
    -------
    ErrorOrders

    Raises
    ------
    InputError
        If an argument has the wrong shape or is out of its range.
    ConvergenceError
        As for `CorrectedDPO.limit`.

    References
    ----------
    arXiv 2502.16320, section 5.

    Examples
    --------
    >>> from socialpref.theory import error_orders
    >>> found = error_orders([0, 1, 2], [[2, 0, -1], [0, 0, 1], [-2, 0, 1]])
    >>> [round(slope) for slope in found.slopes]
    [2, 3]
    """
    means = _validate.real_array("mean_rewards", mean_rewards, 1)
    around = _validate.real_array("deviations", deviations, 2)
    if not len(around) or around.shape[1] != means.size:
        must = f"of shape (types, {means.size}), of one type or more"
        raise _validate.complaint("deviations", must, f"shape {around.shape}")
    sizes = _validate.real_array("scales", scales, 1)
    if sizes.size < 2 or sizes[-1] <= 0.0 or (np.diff(sizes) >= 0.0).any():
        raise _validate.complaint("scales", "at least two positive, decreasing numbers", scales)
    weights = _validate.distribution("shares", shares, len(around))
    around -= weights @ around
    target = means - means.mean()
    errors = []
    for size in sizes:
        population = Population(means + size * around, weights)
        limits = (
            DPO().limit(population, sampling=sampling),
            CorrectedDPO(clamp=np.inf, n_starts=0).limit(population, sampling=sampling),
        )
        errors.append([np.abs(limit.rewards - target).max() for limit in limits])
    dpo, corrected = np.array(errors).T
    return ErrorOrders(sizes, dpo, corrected)

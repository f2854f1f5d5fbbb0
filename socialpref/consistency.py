"""Which direct losses are consistent, and to what order the others miss.

A panel is a comparison labelled once by each of T equal types. A direct loss adds a term
``l_o(h)`` for the outcome ``o`` in {0, 1}^T, where h is the implicit reward gap of the policy. It
is consistent if h = mean D minimises its expectation whatever the gaps D of the types:

    sum_o Pr(o | D) l_o'(h) = 0    whenever    D_1 + ... + D_T = T h.

So the derivatives at h are in the null space of the matrix of Pr(o | D), one row for each D.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .errors import ConvergenceError
from .limits import corrected_dpo_limit, dpo_limit
from .population import Population

Floats = NDArray[np.float64]

N_TYPES = 10
"""The most types that are looked at: the matrix has 2^T columns."""
SPREADS = (0.5, 2.0, 6.0)
"""Standard deviations of the reward gaps around their mean: near it, and apart."""


@dataclass(frozen=True, eq=False)
class UsableOutcomes:
    """The null space of the outcome probabilities at one mean reward gap.

    Rows and columns are scaled before anything is computed, or outcomes that are rare would not
    count. Pr(o | D) is the product of exp(D_u) over the types with o_u = 1, times a factor of the
    row. With D = h + E the column of an outcome with m ones has the factor exp(m h); without it,
    the matrix is that of the mean gap 0. Its columns then get length 1.

    Attributes
    ----------
    n_types : int
    mean_gap : float
    outcomes : ndarray, shape (2^T, T)
        The outcomes: 1 where a type prefers the first option.
    singular_values : ndarray, shape (2^T,)
        Largest first, of the scaled matrix: the same at every mean gap.
    rank : int
        How many of them are more than 1e-10 of the largest.
    derivatives : ndarray, shape (2^T, N)
        A basis of the null space: what ``l_o'(h)`` may be, as orthonormal columns of
        ``l_o'(h)`` times the factors of the outcome's column.
    disagreement : float
        The largest absolute entry of `derivatives` in the row of a disagreeing outcome; 0 if
        there is none.
    ratio : float
        ``l_1'(h) / l_0'(h)`` for the two unanimous outcomes: -exp(-T h) for every consistent
        loss.
    """

    n_types: int
    mean_gap: float
    outcomes: NDArray[np.int64]
    singular_values: Floats
    rank: int
    derivatives: Floats
    disagreement: float
    ratio: float

    @property
    def null_dimension(self) -> int:
        """Dimension of the null space; 1 says that the loss is settled up to a factor."""
        return len(self.singular_values) - self.rank

    @property
    def drop(self) -> float:
        """The largest singular value that counts as zero, relative to the least that does not."""
        return float(self.singular_values[self.rank] / self.singular_values[self.rank - 1])


def usable_outcomes(
    n_types: int, mean_gap: float = 0.0, *, n_points: int | None = None, seed: int = 0
) -> UsableOutcomes:
    """Return which outcomes of a panel a consistent direct loss can use: the unanimous ones.

    Reward gaps D of the types are drawn on the surface where their mean is `mean_gap`. With one
    type there is no disagreement, and the surface is a point.

    Parameters
    ----------
    n_types : int
        Number of types, each of which labels the comparison once: 1 to 10.
    mean_gap : float
        The mean h of the reward gaps; T h from -300 to 300, so that `ratio` is finite.
    n_points : int, optional
        How many D are drawn; ``8 * 2^T`` if omitted, and at least 2^T.
    seed : int

    Returns
    -------
    UsableOutcomes
        With two types or more, `null_dimension` is 1 and `disagreement` is 0 up to rounding.

    Raises
    ------
    InputError
        If an argument is out of its range.
    ConvergenceError
        If rounding leaves the rank open: no singular value is zero, or the least that counts is
        less than 1e3 times the largest that does not.

    References
    ----------
    arXiv 2502.16320, section 6.

    Examples
    --------
    >>> from socialpref.consistency import usable_outcomes
    >>> found = usable_outcomes(3, mean_gap=0.5)
    >>> found.rank, found.null_dimension, found.disagreement < 1e-12
    (7, 1, True)
    >>> round(found.ratio, 6)  # -exp(-1.5)
    -0.22313
    """
    size = 2 ** _validate.integer("n_types", n_types, 1, N_TYPES)
    h = _validate.number("mean_gap", mean_gap, -300.0 / n_types, 300.0 / n_types)
    count = 8 * size if n_points is None else _validate.integer("n_points", n_points, size)
    rng = _validate.seed("seed", seed)
    spread = np.resize(SPREADS, count)[:, None]
    gaps = rng.normal(size=(count, n_types)) * spread
    gaps -= gaps.mean(axis=1, keepdims=True)
    outcomes = np.array(list(product((0, 1), repeat=n_types)))
    # log Pr(o | E) = sum_u log sigma(+-E_u)
    logs = -np.logaddexp(0.0, -gaps) @ outcomes.T - np.logaddexp(0.0, gaps) @ (1 - outcomes).T
    matrix = np.exp(logs)
    lengths = np.linalg.norm(matrix, axis=0)
    _, values, vectors = np.linalg.svd(matrix / lengths, full_matrices=False)
    rank = int((values > 1e-10 * values[0]).sum())
    if rank == size or values[rank] > 1e-3 * values[rank - 1]:
        raise ConvergenceError(
            f"outcome probabilities of {n_types} types: rounding leaves the rank open; singular "
            f"values go down to {values[rank - 1]:.1e} and {values[-1]:.1e}"
        )
    null = vectors[rank:].T
    disagreeing = ~np.isin(outcomes.sum(axis=1), (0, n_types))
    scale = np.exp(-n_types * h) * lengths[0] / lengths[-1]
    return UsableOutcomes(
        n_types=n_types,
        mean_gap=h,
        outcomes=outcomes,
        singular_values=values,
        rank=rank,
        derivatives=null,
        disagreement=float(np.abs(null[disagreeing]).max(initial=0.0)),
        ratio=float(null[-1, 0] / null[0, 0] * scale),
    )


@dataclass(frozen=True, eq=False)
class ErrorOrders:
    """How fast two methods come right as types come to agree.

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
    """Return the errors of DPO and of its correction where types deviate less and less.

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
        As for `dpo_limit`.

    Returns
    -------
    ErrorOrders

    Raises
    ------
    InputError
        If an argument has the wrong shape or is out of its range.
    ConvergenceError
        As for `corrected_dpo_limit`.

    References
    ----------
    arXiv 2502.16320, section 5.

    Examples
    --------
    >>> from socialpref.consistency import error_orders
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
            dpo_limit(population, sampling=sampling),
            corrected_dpo_limit(population, clamp=np.inf, sampling=sampling, n_starts=0),
        )
        errors.append([np.abs(limit.rewards - target).max() for limit in limits])
    dpo, corrected = np.array(errors).T
    return ErrorOrders(sizes, dpo, corrected)

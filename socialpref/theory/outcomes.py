"""Which direct losses are consistent, and the order of the others' errors.

A panel is a comparison labelled once by each of T equal types. A direct loss adds a term
``l_o(h)`` for the outcome ``o`` in {0, 1}^T, where h is the implicit reward gap of the policy. It
is consistent if h = mean D minimises its expectation whatever the gaps D of the types:

    sum_o Pr(o | D) l_o'(h) = 0    whenever    D_1 + ... + D_T = T h.

So the derivatives at h are in the null space of the matrix of Pr(o | D), one row for each D.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..links import log_logistic

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
        """Dimension of the null space; 1 says that the loss is determined up to a factor."""
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
    >>> from socialpref.theory import usable_outcomes
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
    outcomes = all_outcomes(n_types)
    # log Pr(o | E) = sum_u log sigma(+-E_u)
    logs = log_logistic(gaps) @ outcomes.T + log_logistic(-gaps) @ (1 - outcomes).T
    values, vectors, lengths = scaled_spectrum(np.exp(logs))
    rank = int((values > 1e-10 * values[0]).sum())
    if rank == size or values[rank] > 1e-3 * values[rank - 1]:
        raise ConvergenceError(
            f"outcome probabilities of {n_types} types: rounding leaves the rank open; singular "
            f"values go down to {values[rank - 1]:.1e} and {values[-1]:.1e}"
        )
    null = vectors[rank:].T
    scale = np.exp(-n_types * h) * lengths[0] / lengths[-1]
    return UsableOutcomes(
        n_types=n_types,
        mean_gap=h,
        outcomes=outcomes,
        singular_values=values,
        rank=rank,
        derivatives=null,
        disagreement=float(np.abs(null[is_disagreement(outcomes)]).max(initial=0.0)),
        ratio=float(null[-1, 0] / null[0, 0] * scale),
    )


def all_outcomes(n_types: int) -> NDArray[np.int64]:
    """Return the outcomes of a panel, shape (2^T, T): the first is all 0, the last all 1."""
    return np.array(list(product((0, 1), repeat=n_types)))


def is_disagreement(outcomes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return in which outcomes types disagree."""
    return np.ptp(outcomes, axis=1) > 0


def scaled_spectrum(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return singular values, right vectors, and the lengths of the columns, which are made 1.

    Otherwise outcomes that are rare would not count.
    """
    lengths = np.linalg.norm(matrix, axis=0)
    _, values, vectors = np.linalg.svd(matrix / lengths, full_matrices=False)
    return values, vectors, lengths

"""Under which links a consistent loss of panels exists.

A panel is a comparison labelled once by each of T types. A loss that adds a term ``l_o(h)`` for
the outcome ``o`` in {0, 1}^T is consistent only if

    sum_o Pr(o | D) l_o'(h) = 0    whenever    D_1 + ... + D_T = T h,

so that the matrix of Pr(o | D), one row for each D, has a null vector.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import ConvergenceError
from ..links import Link, Scaled, check_link
from .outcomes import all_outcomes, is_disagreement, scaled_spectrum

Floats = NDArray[np.float64]
MOST_TYPES = 8
"""The most types that are looked at: the matrix has 2^T columns."""
PLACES = (0.1, 0.25, 0.4)
"""The mean gaps that are looked at, as parts of the largest gap. At 0 every link with two types
has a null vector."""
RAREST = 1e-100
"""Outcomes that are rarer than this everywhere are lost to rounding."""
ZERO, CLEAR = 1e-12, 1e-6
"""Ratios of singular values up to which the smallest is 0, and from which it is not."""


@dataclass(frozen=True, eq=False)
class ConsistentLoss:
    """Whether a link has a consistent loss of panels, and what the decision rests on.

    Attributes
    ----------
    link : Link
    n_types : int
    exists : bool
    ratio : float
        The smallest singular value of the outcome probabilities over the largest, at the mean gap
        where it is largest. It is 0 up to rounding if a loss exists.
    uses_disagreements : bool
        Whether the loss has terms for outcomes on which types disagree; False if there is none.
    mean_gaps : tuple of float
        The mean reward gaps h that were looked at.
    reach : float
        The largest reward gap of a type that was looked at: the decision is about gaps up to it.
    """

    link: Link
    n_types: int
    exists: bool
    ratio: float
    uses_disagreements: bool
    mean_gaps: tuple[float, ...]
    reach: float

    def describe(self) -> str:
        """Return the decision in a sentence or two."""
        if not self.exists:
            found = "no loss of panels is consistent"
        elif self.uses_disagreements:
            found = "a consistent loss of panels exists, and it uses disagreements"
        else:
            found = "a consistent loss of panels exists, of unanimous ones only"
        return (
            f"{self.link!r}, {self.n_types} types: {found}. The smallest singular value of the "
            f"outcomes' probabilities is {self.ratio:.1e} of the largest, for gaps up to "
            f"{self.reach:.3g}."
        )


def consistent_loss_exists(
    link: Link, n_types: int, *, reach: float | None = None, seed: int = 0
) -> ConsistentLoss:
    """Return whether some loss of panels, one label of each type, is consistent under a link.

    It exists if and only if the link is, up to its scale, logistic with or without lapses,
    linear, or a tangent. This function does not know that: it looks at the ranks of the outcomes'
    probabilities, at three mean gaps.

    Parameters
    ----------
    link : Link
    n_types : int
        From 2 to 8. With one type the likelihood is consistent whatever the link.
    reach : float, optional
        The largest reward gap of a type that is looked at. If omitted, 1 over the link's slope at
        0 (4 for the logistic link), or as far as the link goes: so links of different shapes are
        compared at equal slope. It must be given for a link of your own.
    seed : int
        Of the reward gaps that are drawn.

    Returns
    -------
    ConsistentLoss

    Raises
    ------
    InputError
        If an argument is out of its range.
    ConvergenceError
        If the smallest singular value is neither 0 up to rounding, at most 1e-12 of the largest,
        nor clearly not, at least 1e-6 of it: as with links that are nearly logistic, or too many
        types.

    Notes
    -----
    A null vector at each mean gap is what a consistent loss needs. That the loss then has its
    only minimum there is known for the links above.

    Examples
    --------
    >>> from socialpref import Logistic, Probit
    >>> from socialpref.links import LogisticWithLapses
    >>> from socialpref.theory import consistent_loss_exists
    >>> for link in (Logistic(), LogisticWithLapses(0.05), Probit()):
    ...     found = consistent_loss_exists(link, 3)
    ...     print(found.exists, found.uses_disagreements, found.ratio > 1e-3)
    True False False
    True True False
    False False True
    """
    n_types = _validate.integer("n_types", n_types, 2, MOST_TYPES)
    rng = _validate.seed("seed", seed)
    largest = _reach(link, reach)
    outcomes = all_outcomes(n_types)
    ratios, uses = [], False
    for place in PLACES:
        gaps = _gaps_around(place * largest, largest, n_types, rng)
        wins, losses = link(gaps), link(-gaps)
        matrix = np.where(outcomes, wins[:, None, :], losses[:, None, :]).prod(axis=2)
        if matrix.max(axis=0).min() < RAREST:
            must = f"so small that every outcome has a probability of {RAREST:g} somewhere"
            raise _validate.complaint("reach", must, f"{largest:g}")
        values, vectors, _ = scaled_spectrum(matrix)
        ratios.append(float(values[-1] / values[0]))
        uses |= bool(np.abs(vectors[-1][is_disagreement(outcomes)]).max() > np.sqrt(ZERO))
    ratio = max(ratios)
    if ZERO < ratio < CLEAR:
        raise ConvergenceError(
            f"{link!r}, {n_types} types: whether a consistent loss exists is open; the smallest "
            f"singular value is {ratio:.1e} of the largest, neither 0 up to rounding nor clearly "
            "not"
        )
    return ConsistentLoss(
        link=link,
        n_types=n_types,
        exists=ratio <= ZERO,
        ratio=ratio,
        uses_disagreements=ratio <= ZERO and uses,
        mean_gaps=tuple(place * largest for place in PLACES),
        reach=largest,
    )


def _reach(link: Link, reach: float | None) -> float:
    """Return the largest gap that is looked at, and refuse what is no link up to there."""
    if reach is not None:
        largest = _validate.number("reach", reach, 0.0, 1e100, above=True)
    elif isinstance(link, Scaled):
        largest = min(1.0 / link.slope, link.reach)
    else:
        raise _validate.complaint("reach", "given for a link of your own", "None")
    check_link(link, largest)
    return largest


def _gaps_around(mean: float, largest: float, n_types: int, rng: np.random.Generator) -> Floats:
    """Return gaps of the types, shape (N, T), with one mean and none larger than `largest`."""
    count = max(64, 2 * 2**n_types)
    away = rng.uniform(-1.0, 1.0, (count, n_types))
    away -= away.mean(axis=1, keepdims=True)
    room = np.where(away > 0.0, largest - mean, largest + mean) / np.abs(away)
    return mean + away * (room.min(axis=1) * rng.uniform(0.2, 1.0, count))[:, None]

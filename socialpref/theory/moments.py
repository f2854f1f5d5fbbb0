"""How much repeated labels of one pair by one annotator leave open."""

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import ConvergenceError

Floats = NDArray[np.float64]
NODES = 4001
"""Points at which the polynomial is compared with the logit."""


def moment_half_width(m: int, bound: float) -> float:
    """Return half the width of the widest interval that m labels of a pair leave open.

    m labels of one pair by one annotator tell the first m moments of the probability ``p =
    sigma(D)`` of a win, D being the annotator's reward gap, and nothing else. Over all
    populations with ``|D| <= bound``, the widest interval of the mean of D with the same moments
    has as its half-width the error of the best polynomial of degree m for the logit on
    ``[sigma(-bound), sigma(bound)]``.

    Parameters
    ----------
    m : int
        Labels of the pair by each annotator, from 1 to 30.
    bound : float
        The largest reward gap, up to 30.

    Raises
    ------
    InputError
        If an argument is out of its range.
    ConvergenceError
        If the solver stops.

    Notes
    -----
    By duality: a polynomial q within e of the logit bounds the mean of D by its moments to e; and
    the points where the best one errs most carry two populations that differ by 2 e. The logit is
    odd about 1/2, so an even degree is no better than the odd one below it: **the second label
    never helps in the worst case, the third does**. The error falls like ``tanh(bound / 4)^m``.

    References
    ----------
    Chebyshev's theorem on best approximation; Karlin and Studden (1966), *Tchebycheff Systems*.

    Examples
    --------
    >>> from socialpref.theory import moment_half_width
    >>> [round(moment_half_width(m, 4), 5) for m in (1, 2, 3, 5)]
    [0.68476, 0.68476, 0.25073, 0.10774]
    """
    from scipy.optimize import linprog

    m = _validate.integer("m", m, 1, 30)
    bound = _validate.number("bound", bound, 0.0, 30.0, above=True)
    # The odd half, in t = p - 1/2 over its largest value: where the logit is 2 artanh(2 t).
    angles = np.linspace(0.0, np.pi / 2.0, NODES)
    reach = np.tanh(bound / 2.0)
    t = np.sin(angles)
    logit = 2.0 * np.arctanh(reach * t)
    logit[-1] = bound
    degrees = np.arange(1, m + 1, 2)
    # Chebyshev polynomials of the first kind: cos(n arccos t), well conditioned.
    basis = np.cos(degrees * np.arccos(np.clip(t, -1.0, 1.0))[:, None])
    ones = np.ones((NODES, 1))
    found = linprog(
        np.append(np.zeros(len(degrees)), 1.0),
        A_ub=np.block([[basis, -ones], [-basis, -ones]]),
        b_ub=np.concatenate([logit, -logit]),
        bounds=[(None, None)] * len(degrees) + [(0.0, None)],
        method="highs",
    )
    if found.status != 0:
        raise ConvergenceError(f"best polynomial: {found.message}")
    return float(found.fun)

"""Whether three computations of the same flip distances agree."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..population import Population
from .claim import PairFlips, Program
from .flip import flip
from .programs import by_solver

CLOSE = 1e-9
"""The largest difference that counts as agreement."""


@dataclass(frozen=True)
class Agreement:
    """Closed form, convex program and certificate of the ranking flips of some populations.

    Attributes
    ----------
    populations : int
        How many rankings were flipped.
    programs : int
        How many convex programs that took.
    difference : float
        The largest difference between any two of the three distances of a ranking; inf if they
        disagree about whether there is a flip.
    """

    populations: int
    programs: int
    difference: float

    @property
    def passed(self) -> bool:
        """Whether all distances agree to 1e-9."""
        return self.difference <= CLOSE

    def describe(self) -> str:
        """Return the result in one line."""
        return (
            f"closed form = convex program = certificate. Rankings: {self.populations}, "
            f"programs: {self.programs}, largest difference {self.difference:.1e}: "
            f"{'pass' if self.passed else 'FAIL'}"
        )


def agreement(
    populations: Iterable[Population], *, margin: float = 0.0, floor: float = 0.0
) -> Agreement:
    """Flip the ranking of every population by the closed form, a solver and the certificate.

    The solver is run by cvxpy on every pair that can be the first to flip. Its own point is
    measured, without the repair and the proof of `flip`. Rankings with nothing but
    ties have no distance and are left out.

    Parameters
    ----------
    populations : iterable of Population
    margin, floor : float
        As for `flip`. With margin 0 only neighbours in the ranking are looked at.

    Returns
    -------
    Agreement

    Raises
    ------
    InputError
        If an argument is out of its range.
    CertificateError
        If a certificate does not prove its flip.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner, two_camps
    >>> from socialpref.flips.agreement import agreement
    >>> agreement([mediocre_winner(), two_camps()]).passed
    True
    """
    count = programs = 0
    difference = 0.0
    for population in populations:
        found = flip(population, margin=margin, floor=floor)
        if math.isnan(found.distance):
            continue
        assert isinstance(found.claim, PairFlips)
        pairs = found.claim.pairs.tolist()
        solved = min(_moved(found.claim.program(above, below)) for above, below in pairs)
        proven = found.prove()
        distances = np.array([found.distance, solved, proven.lower, proven.upper])
        count, programs = count + 1, programs + len(pairs)
        difference = max(difference, _spread(distances))
    return Agreement(count, programs, difference)


def _moved(program: Program) -> float:
    """Return how much a solver's point moves; inf if the solver finds none."""
    point = by_solver(program)
    return math.inf if point is None else float(np.abs(point - program.base).sum() / 2.0)


def _spread(distances: NDArray[np.float64]) -> float:
    """Return the largest difference; infinite distances are equal."""
    return 0.0 if np.isinf(distances).all() else float(distances.max() - distances.min())

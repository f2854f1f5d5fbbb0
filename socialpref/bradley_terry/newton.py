"""Newton's method for likelihoods that are concave, with halved steps where a step goes too far."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..errors import ConvergenceError
from .pairs import Floats
from .solver import Laplacian

ENOUGH = 1e-4
"""A step must gain this much of what its slope promises."""

HALVINGS = 60
"""How often a step is halved."""

ROUNDING = 1e-13
"""Differences of values that are as small as this, relative to them, are rounding."""


class Step(NamedTuple):
    """Newton's step, and the slope of the likelihood along it."""

    change: Floats
    slope: float


class Found(NamedTuple):
    """The maximum, the last of Newton's steps, and how many there were."""

    at: Floats
    error: float
    iterations: int


def climb(
    value: Callable[[Floats], float],
    step: Callable[[Floats], Step],
    start: Floats,
    *,
    tolerance: float,
    max_iterations: int,
    name: str,
) -> Found:
    """Return the maximum of a concave function, once Newton's step is below the tolerance.

    Raises
    ------
    ConvergenceError
        If that is not reached.
    """
    at, moved = start, np.inf
    for iteration in range(max_iterations + 1):
        change, slope = step(at)
        moved = float(np.abs(change).max())
        if moved <= tolerance * max(1.0, float(np.abs(at).max())):
            return Found(at + change, moved, iteration)
        before, length = value(at), 1.0
        least = before - ROUNDING * abs(before)
        while value(at + length * change) < least + ENOUGH * length * slope:
            length /= 2.0
            if length < 0.5**HALVINGS:
                break
        at = at + length * change
    raise ConvergenceError(
        f"{name} fit: rewards are known only to {moved:.2e} after {max_iterations} Newton steps, "
        f"tolerance {tolerance:.2e}"
    )


def check_information(information: Laplacian, name: str) -> None:
    """Refuse a maximum where floats lose what links some options with the others."""
    if not information.mixes():
        raise ConvergenceError(
            f"{name} fit: some options are linked to the others by next to no information"
        )

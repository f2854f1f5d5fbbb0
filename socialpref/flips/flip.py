"""The result of a flip computation."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .certificate import Certificate, LeastOf


@dataclass(frozen=True, eq=False)
class Flip:
    """The nearest sampling distribution at which a ranking changes, with its proof.

    Attributes
    ----------
    distance : float
        How far that distribution is from the base: total variation in [0, 1] unless another
        divergence was asked for. inf if no distribution does it; nan if the alternatives are
        tied at the base, so that there is no order to change.
    sampling : ndarray, shape (K,)
        The distribution itself; NaN where `distance` is not finite.
    base : ndarray, shape (K,)
        The sampling distribution d0 that it is nearest to.
    pair : tuple of int, or None
        The pair (above, below) in the base order that is reversed; None if there is none, or
        if the aim was not the flip of a pair.
    certificate : Certificate, LeastOf or None
        The proof; ``certificate.check()`` returns a proven interval of the distance. None
        only if `distance` is nan.
    ties : tuple of tuple of int
        The groups of alternatives tied at the base, among those considered.
    """

    distance: float
    sampling: NDArray[np.float64]
    base: NDArray[np.float64]
    pair: tuple[int, int] | None
    certificate: Certificate | LeastOf | None
    ties: tuple[tuple[int, ...], ...] = ()

    @property
    def exists(self) -> bool:
        """Whether some sampling distribution does it."""
        return math.isfinite(self.distance)

    def describe(self, options: tuple[str, ...], *, threshold: float = 0.0005) -> str:
        """Say in words how the comparison mix changes and what that does.

        Parameters
        ----------
        options : tuple of str
            Labels of the alternatives.
        threshold : float
            Changes of an alternative's share of the draws below this are left out.
        """
        if math.isnan(self.distance):
            tied = "; ".join(" = ".join(repr(options[y]) for y in group) for group in self.ties)
            return f"Tied at the base distribution, so there is no order to change: {tied}."
        names = self.pair and tuple(repr(options[y]) for y in self.pair)
        if not self.exists:
            aim = f"puts {names[1]} level with {names[0]}" if names else "does it"
            return f"No way of sampling the comparisons {aim}."
        change = self.sampling - self.base
        moves = [
            f"draws of {options[y]!r} {'rise' if change[y] > 0 else 'fall'} "
            f"from {self.base[y]:.1%} to {self.sampling[y]:.1%}"
            for y in np.argsort(change, kind="stable")
            if abs(change[y]) >= threshold
        ]
        aim = f"{names[1]} catches up with {names[0]}" if names else "The order is reached"
        return f"{aim} once {', '.join(moves) or 'the draws change ever so slightly'}."

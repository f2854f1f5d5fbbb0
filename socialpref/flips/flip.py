"""The result of a flip computation."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import CertificateError
from .certificate import WIDTH, Certificate, Interval, LeastOf
from .claim import PairFlips, Program

WORTHWHILE = 1e-12
"""A flip that is nearer by less is not worth an exact solution."""


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
    claim : PairFlips, Program or None
        The programs of which the distance is the least value; `prove` holds the certificate
        against them.
    """

    distance: float
    sampling: NDArray[np.float64]
    base: NDArray[np.float64]
    pair: tuple[int, int] | None
    certificate: Certificate | LeastOf | None
    ties: tuple[tuple[int, ...], ...] = ()
    claim: PairFlips | Program | None = None

    @property
    def exists(self) -> bool:
        """Whether some sampling distribution does it."""
        return math.isfinite(self.distance)

    def prove(self, *, width: float = WIDTH) -> Interval:
        """Check that the certificate proves this flip, and return the proven interval.

        Where ``certificate.check()`` proves some distance, this proves that it is the distance
        of this flip: from its base, of its claim's programs, reached at `sampling`.

        Parameters
        ----------
        width : float
            As for `Certificate.check`.

        Returns
        -------
        Interval
            It contains `distance`; of NaN if everything is tied.

        Raises
        ------
        CertificateError
            If the certificate proves nothing, or something else.

        Examples
        --------
        >>> from dataclasses import replace
        >>> from socialpref import CertificateError, Population, ranking_flip
        >>> flip = ranking_flip(Population([[0, -1, -2], [0, -2, 4]]))
        >>> flip.prove().upper == flip.distance
        True
        >>> try:
        ...     replace(flip, distance=0.2).prove()
        ... except CertificateError as error:
        ...     print(error)
        the flip's distance is 0.2, and proven is one between 0.10669673936923274 and ...
        """
        if self.claim is None or not np.array_equal(self.base, self.claim.base):
            raise CertificateError("the flip does not claim anything of its base")
        if self.certificate is None:
            if self._is_tied():
                return Interval(math.nan, math.nan, math.nan)
            raise CertificateError("the flip has no certificate, and it is no tie")
        parts = self._parts()
        interval = self.certificate.check(width=width)
        # An advantage of up to `WORTHWHILE` over the flip's own pair is not looked for.
        if not interval.lower <= self.distance <= interval.upper + WORTHWHILE:
            raise CertificateError(
                f"the flip's distance is {self.distance}, and proven is one between "
                f"{interval.lower} and {interval.upper}"
            )
        point = np.full(len(self.base), math.nan)
        if self.exists:
            part = parts.get(self.pair)
            if part is None or part.distance() != self.distance:
                raise CertificateError("the flip's distance is not that of its pair")
            point = np.array(part.primal, dtype=np.float64)
        found = np.asarray(self.sampling)
        if found.shape != point.shape or not np.allclose(found, point, 0.0, 1e-15, equal_nan=True):
            raise CertificateError("the flip's sampling distribution is not the certificate's")
        return interval

    def _is_tied(self) -> bool:
        """Whether the claim is about ties only, as is then the flip."""
        ties = isinstance(self.claim, PairFlips) and not len(self.claim.pairs())
        return ties and math.isnan(self.distance)

    def _parts(self) -> dict[tuple[int, int] | None, Certificate]:
        """Return the certificate of every pair; raise if they are not of the claim's programs."""
        claim, proof = self.claim, self.certificate
        if type(proof) is LeastOf and isinstance(claim, PairFlips) and claim.pair is None:
            if proof.claim is not claim:  # its check will see to it otherwise
                proof.cover(claim)
            return dict(zip(proof.pairs, proof.parts, strict=True))
        if type(proof) is Certificate and claim is not None:
            pair = claim.pair
            program = claim.program(*pair) if isinstance(claim, PairFlips) and pair else claim
            if isinstance(program, Program) and program.is_of(proof):
                return {pair: proof}
        raise CertificateError("the certificate is not of the programs that the flip claims")

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

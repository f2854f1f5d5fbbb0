"""The verb `flip` and its result."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..divergences import Divergence, TotalVariation
from ..errors import CertificateError, InputError
from ..population import Population, check_population
from .certificate import WIDTH, Certificate, LeastOf, ProvenInterval, minimum
from .claim import Arrangement, Over, PairFlips, Positions, Program, Score, are_floats, check_pair
from .exact import certify
from .greedy import WORTHWHILE, least
from .programs import as_divergence, check_programs, nearest
from .scores import check_score, nbc_tables
from .targets import Pair, Target, as_target

if TYPE_CHECKING:
    import pandas as pd
    from scipy.optimize import LinearConstraint

Floats = NDArray[np.float64]
Proof = Certificate | LeastOf


@dataclass(frozen=True, eq=False)
class Flip:
    """The nearest distribution at which a ranking changes, with its proof.

    Attributes
    ----------
    distance : float
        How far that distribution is from the base: total variation in [0, 1] unless another
        divergence was asked for. inf if no distribution does it; nan if the options are tied at
        the base, so that there is no order to change.
    mix : ndarray, shape (n,)
        The distribution itself, over options or over types; NaN where `distance` is not finite.
    base : ndarray, shape (n,)
        The sampling distribution or the shares that it is nearest to.
    pair : tuple of int, or None
        The pair (above, below) in the base order that is reversed; None if there is none, or
        if the aim was not the flip of a pair.
    over : {"sampling", "shares"}
        What is changed: how often each option is compared with, or how much each type counts.
    options : tuple of str
        Labels of the options.
    labels : tuple of str
        Labels of what `mix` and `base` are over: the options, or the types.
    ties : tuple of tuple of int
        The groups of options tied at the base, among those considered.
    claim : PairFlips, Arrangement or None
        The programs of which the distance is the least value; `prove` holds the certificate
        against them.
    proof : Certificate, LeastOf or None
        The certificate, if it was needed to find the answer. Otherwise it is made when
        `certificate` is first asked for.
    """

    distance: float
    mix: Floats
    base: Floats
    pair: Positions | None
    over: Over
    options: tuple[str, ...]
    labels: tuple[str, ...]
    ties: tuple[tuple[int, ...], ...] = ()
    claim: PairFlips | Arrangement | None = None
    proof: Proof | None = None

    @property
    def exists(self) -> bool:
        """Whether some distribution does it."""
        return math.isfinite(self.distance)

    @cached_property
    def certificate(self) -> Proof | None:
        """The proof in rational numbers; None only if `distance` is nan.

        ``certificate.check()`` returns a proven interval of the distance.
        """
        claim = self.claim
        if self.proof is not None or not isinstance(claim, PairFlips) or math.isnan(self.distance):
            return self.proof
        if claim.pair is not None:
            return certify(claim, *claim.pair)
        pairs = tuple(map(tuple, claim.pairs.tolist()))
        return LeastOf(pairs, partial(certify, claim), claim)

    def prove(self, *, width: float = WIDTH) -> ProvenInterval:
        """Check that the certificate proves this flip, and return the proven interval.

        Where ``certificate.check()`` proves some distance, this proves that it is the distance
        of this flip: from its base, of its claim's programs, reached at `mix`. Nothing is taken
        on trust but the scores, the base and what was asked for: all fields are checked, and the
        programs, the pair and the ties are computed again. A divergence of your own is trusted.

        Parameters
        ----------
        width : float
            As for `Certificate.check`.

        Returns
        -------
        ProvenInterval
            It contains `distance`; of NaN if everything is tied.

        Raises
        ------
        CertificateError
            If the certificate proves nothing, or something else.

        Examples
        --------
        >>> from dataclasses import replace
        >>> from socialpref import CertificateError, Population, flip
        >>> found = flip(Population([[0, -1, -2], [0, -2, 4]]))
        >>> found.prove().upper == found.distance
        True
        >>> try:
        ...     replace(found, distance=0.2).prove()
        ... except CertificateError as error:
        ...     print(error)
        the flip's distance is 0.2, and proven is one between 0.10669673936923274 and ...
        """
        _validate.number("width", width, 0.0)
        claim = self._checked()
        if isinstance(claim, PairFlips) and not len(claim.pairs):
            if self.proof is not None or not math.isnan(self.distance) or self.pair is not None:
                raise CertificateError("the options are tied, but the flip does not say so")
            interval, point = ProvenInterval(math.nan, math.nan, math.nan), None
        else:
            parts = self._parts(claim)
            interval = minimum(parts, width)
            # An advantage of up to `WORTHWHILE` over the flip's own pair is not looked for.
            if not interval.lower <= self.distance <= interval.upper + WORTHWHILE:
                raise CertificateError(
                    f"the flip's distance is {self.distance}, and proven is one between "
                    f"{interval.lower} and {interval.upper}"
                )
            part = parts.get(self.pair)
            if self.exists and (part is None or part.distance() != self.distance):
                raise CertificateError("the flip's distance is not that of its pair")
            if not self.exists and self.pair != claim.reversed(self.distance):
                raise CertificateError("the flip's pair is not that of its claim")
            point = part.primal if self.exists and part is not None else None
        reached = np.array([math.nan] * len(self.base) if point is None else point, np.float64)
        if not np.allclose(self.mix, reached, 0.0, 1e-15, equal_nan=True):
            raise CertificateError("the flip's distribution is not the certificate's")
        return interval

    def _checked(self) -> PairFlips | Arrangement:
        """Return the claim without its cached values; raise if a field is wrong.

        The flip may be anybody's: nothing of it is used before this.
        """
        claim = self.claim
        if claim is None or type(claim) not in (PairFlips, Arrangement):
            raise CertificateError("the flip has no claim")
        claim = replace(claim)
        claim.check()
        if not (isinstance(claim, PairFlips) and claim.programs is None):
            check_programs(claim)
        if not (are_floats(self.base) and np.array_equal(self.base, claim.base)):
            raise CertificateError("the flip's claim is not about its base")
        if type(self.distance) is not float:
            raise CertificateError("the flip's distance must be a float")
        if not are_floats(self.mix) or self.mix.shape != claim.base.shape:
            raise CertificateError("the flip's distribution must be floats, as its base")
        if self.pair is not None:
            check_pair(self.pair, len(claim.table))
        if not _are_groups(self.ties) or self.ties != claim.ties:
            raise CertificateError("the flip's ties are not those of its claim")
        try:
            _validate.labels("options", self.options, len(claim.table))
            _validate.labels("labels", self.labels, len(claim.base))
        except InputError as error:
            raise CertificateError(f"the flip is not valid: {error}") from None
        if type(self.options) is not tuple or type(self.labels) is not tuple:
            raise CertificateError("the flip's options and labels must be tuples")
        if self.over != claim.over or (claim.over == "sampling" and self.labels != self.options):
            raise CertificateError("the flip is not over what its claim is over")
        return claim

    def _parts(self, claim: PairFlips | Arrangement) -> Mapping[Any, Certificate]:
        """Return the certificate of every pair; raise if they are not of the claim's programs."""
        proof, program = self.certificate, None
        if isinstance(claim, Arrangement):
            program = claim.program
        elif claim.pair is not None:
            program = claim.program(*claim.pair)
        elif type(proof) is LeastOf and type(proof.claim) in (PairFlips, type(None)):
            return proof.cover(claim)
        if program is None or type(proof) is not Certificate or not program.is_of(proof):
            raise CertificateError("the certificate is not of the programs that the flip claims")
        return {claim.reversed(self.distance): proof}

    def describe(self, *, threshold: float = 0.0005) -> str:
        """Say in words what has to change and what that does.

        Parameters
        ----------
        threshold : float
            Changes of a share below this are left out.
        """
        _validate.number("threshold", threshold, 0.0)
        if math.isnan(self.distance):
            tied = "; ".join(
                " = ".join(repr(self.options[y]) for y in group) for group in self.ties
            )
            return f"Tied at the base distribution, so there is no order to change: {tied}."
        sampling = self.over == "sampling"
        names = self.pair and tuple(repr(self.options[y]) for y in self.pair)
        if not self.exists:
            aim = f"puts {names[1]} level with {names[0]}" if names else self._aim()
            way = "way of sampling the comparisons" if sampling else "change of the types' shares"
            return f"No {way} {aim}."
        if self.distance == 0.0:
            return "Nothing has to change: the options are ordered as asked at the base."
        what = "draws of {} {}" if sampling else "the share of {} {}"
        rise, fall = ("rise", "fall") if sampling else ("rises", "falls")
        change = self.mix - self.base
        moves = [
            f"{what.format(repr(self.labels[y]), rise if change[y] > 0 else fall)} "
            f"from {self.base[y]:.1%} to {self.mix[y]:.1%}"
            for y in np.argsort(change, kind="stable")
            if abs(change[y]) >= threshold
        ]
        aim = (
            f"{names[1]} catches up with {names[0]}"
            if names
            else "The options are ordered as asked"
        )
        least = f"the {'draws' if sampling else 'shares'} change ever so slightly"
        return f"{aim} once {', '.join(moves) or least}."

    def _aim(self) -> str:
        """Say what is asked for, where no pair of options stands for it."""
        if isinstance(self.claim, Arrangement):
            return "orders the options as asked"
        if self.claim is None or self.claim.top is None:
            return "changes the ranking"
        return "changes the winner" if self.claim.top == 1 else f"changes the best {self.claim.top}"

    def to_frame(self) -> "pd.DataFrame":
        """Return a row for each option or type: its share at the base and at the flip.

        Examples
        --------
        >>> from socialpref import Population, flip
        >>> camps = Population([[0, -1, -2], [0, -2, 4]], options=["A", "B", "C"])
        >>> flip(camps).to_frame().round(4)
          label    base  reached  change
        0     A  0.3333   0.3333  0.0000
        1     B  0.3333   0.2266 -0.1067
        2     C  0.3333   0.4400  0.1067
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "label": self.labels,
                "base": self.base,
                "reached": self.mix,
                "change": self.mix - self.base,
            }
        )


def flip(
    population: Population,
    to: Target | Iterable[Pair] | None = None,
    *,
    over: Over = "sampling",
    score: Score = "nbc",
    divergence: str | Divergence = "tv",
    constraints: "LinearConstraint | None" = None,
    sampling: ArrayLike | None = None,
    margin: float = 0.0,
    floor: float = 0.0,
) -> Flip:
    """Return the smallest change of what is compared, or of who counts, that changes a ranking.

    Parameters
    ----------
    population : Population
    to : Target or sequence of Pair, optional
        What is to be reached. Omitted, some pair of the ranking is reversed. ``Pair(a, over=b)``,
        ``Winner()`` and ``TopK(k)`` ask for the nearest of several reversals. ``Order([...])``,
        ``AverageRewardOrder()``, ``TopK(members=[...])`` and a sequence of pairs ask for all their
        pairs at once; their distance is 0 if the base already has them.
    over : {"sampling", "shares"}
        What changes: the sampling distribution over options, or the shares of the types.
    score : {"nbc", "average reward"}
        What ranks the options; the average reward with ``over="shares"`` only.
    divergence : {"tv", "chi2", "kl"} or Divergence
        The distance from the base: total variation, Pearson's chi-square, relative entropy in
        nats, or ``Wasserstein(positions)`` for what is on an ordinal scale.
    constraints : scipy.optimize.LinearConstraint, optional
        Further linear constraints on the distribution.
    sampling : array_like, shape (K,), optional
        The sampling distribution; uniform if omitted. It is the base, or with ``over="shares"``
        it is held fixed while the population's shares are the base.
    margin : float
        By how much the score of the one below must come to exceed that of the one above. At 0,
        the default, the distance is the infimum: at the flip the two are level.
    floor : float
        The least mass of every option or type. The published protocol uses 1e-5 for both.

    Returns
    -------
    Flip
        In total variation and without constraints, the flip of a pair has a closed form, and the
        distance is exact, rounded once. Other distances are proven to 1e-9.

    Raises
    ------
    InputError
        If an argument is out of its range or does not fit the others.
    ConvergenceError
        If a solver's answer cannot be certified to 1e-9.

    Notes
    -----
    Ties at the base never count as reversals. With margin 0 only options next to each other in
    the order need looking at: if b reaches a, then some neighbours between them are reversed at
    the same distribution. With a positive margin every pair is looked at.

    References
    ----------
    arXiv 2502.16320, section 7.1, states the linear program.

    Examples
    --------
    Another mix of comparisons, or a little more weight of the second type, reverses A and C:

    >>> from socialpref import Population, flip
    >>> camps = Population([[0, -1, -2], [0, -2, 4]], options=["A", "B", "C"])
    >>> print(flip(camps).describe())
    'C' catches up with 'A' once draws of 'B' fall from 33.3% to 22.7%, draws of 'C' rise from
    33.3% to 44.0%.
    >>> print(flip(camps, over="shares").describe())
    'C' catches up with 'A' once ...
    """
    check_population(population)
    table, base = _scores(population, over, score, sampling)
    margin, floor = _validate.limits(margin, floor, len(base))
    ranked = PairFlips(table, base, margin, floor, over=over, score=score)
    goal = as_target(to).goal(population, ranked)
    if isinstance(goal, PairFlips) and constraints is None and _is_total_variation(divergence):
        answer = _closed_form(goal)
    else:
        asked: dict[str, Any] = {
            "divergence": as_divergence(divergence, base, over),
            "constraints": constraints,
        }
        if isinstance(goal, PairFlips):
            answer = _reversal(replace(goal, **asked))
        else:
            answer = _arranged(replace(ranked, **asked), tuple(goal))
    claim = answer.claim
    labels = population.options if over == "sampling" else population.types
    return Flip(
        distance=answer.distance,
        mix=np.full(len(base), math.nan) if answer.mix is None else answer.mix,
        base=base,
        pair=answer.pair,
        over=over,
        options=population.options,
        labels=labels,
        ties=claim.ties if isinstance(claim, PairFlips) else (),
        claim=claim,
        proof=answer.proof,
    )


class _Answer(NamedTuple):
    """The parts of a flip that depend on how it is solved; `mix` is None if there is none."""

    distance: float
    mix: Floats | None
    pair: Positions | None
    claim: PairFlips | Arrangement
    proof: Proof | None = None


def _scores(
    population: Population, over: Over, score: Score, sampling: ArrayLike | None
) -> tuple[Floats, Floats]:
    """Return the table whose product with the base is the scores, and the base."""
    check_score(over, score, sampling)
    if score == "average reward":
        return population.rewards.T, population.shares
    drawn = _validate.distribution("sampling", sampling, population.n_options, population.options)
    if over == "sampling":
        return population.pairwise(), drawn
    rewards, shares = population.rewards, population.shares
    return nbc_tables(rewards, shares, population.link, drawn)[1], shares


def _is_total_variation(divergence: object) -> bool:
    return isinstance(divergence, TotalVariation) or (
        isinstance(divergence, str) and divergence == "tv"
    )


def _closed_form(claim: PairFlips) -> _Answer:
    """Return the nearest of several reversals in total variation."""
    if not len(claim.pairs):
        return _Answer(math.nan, None, None, claim)
    found = least(claim)
    if found is None:
        return _Answer(math.inf, None, claim.pair, claim)
    pair, solution = found
    return _Answer(solution.distance, solution.masses, pair, claim)


def _reversal(claim: PairFlips) -> _Answer:
    """Return the nearest of several reversals, each by a convex program."""
    proofs = {
        (above, below): nearest(claim, [(below, above)]) for above, below in claim.pairs.tolist()
    }
    claim = replace(claim, programs={pair: _program(proof) for pair, proof in proofs.items()})
    if not proofs:
        return _Answer(math.nan, None, None, claim)
    pair = min(proofs, key=lambda each: proofs[each].distance())
    nearest_proof = proofs[pair]
    several = LeastOf(tuple(proofs), partial(_looked_up, proofs), claim)
    proof = several if claim.pair is None else nearest_proof
    if nearest_proof.primal is None:
        return _Answer(math.inf, None, claim.pair, claim, proof)
    mix = np.array(nearest_proof.primal, dtype=np.float64)
    return _Answer(nearest_proof.distance(), mix, pair, claim, proof)


def _looked_up(proofs: dict[Positions, Certificate], above: int, below: int) -> Certificate:
    return proofs[above, below]


def _arranged(ranked: PairFlips, pairs: tuple[Positions, ...]) -> _Answer:
    """Return the nearest distribution at which every pair (upper, lower) is ordered as asked."""
    proof = nearest(ranked, pairs)
    distance = proof.distance()
    claim = Arrangement(
        ranked.table,
        ranked.base,
        ranked.margin,
        ranked.floor,
        pairs,
        _program(proof),
        over=ranked.over,
        score=ranked.score,
        divergence=ranked.divergence,
        constraints=ranked.constraints,
    )
    pair = claim.reversed(distance)
    if proof.primal is None:
        return _Answer(distance, None, pair, claim, proof)
    mix = np.array(proof.primal, dtype=np.float64) if distance else proof.base
    return _Answer(distance, mix, pair, claim, proof)


def _program(proof: Certificate) -> Program:
    """Return the program that a certificate is of."""
    return Program(proof.rows, proof.bounds, proof.base, proof.floor, proof.divergence)


def _are_groups(values: object) -> bool:
    """Whether a value is a tuple of tuples of integers."""
    return type(values) is tuple and all(
        type(group) is tuple and all(type(y) is int for y in group) for group in values
    )

"""What a flip claims: the programs whose least value is its distance."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, product
from itertools import pairwise as neighbours
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..divergences import Divergence, TotalVariation
from ..draws import LARGEST
from ..errors import CertificateError, InputError
from ..links import SLACK
from ..rules import TIE_TOLERANCE, Ranking, ranking

if TYPE_CHECKING:
    from scipy.optimize import LinearConstraint

Floats = NDArray[np.float64]
Positions = tuple[int, int]
Over = Literal["sampling", "shares"]
Score = Literal["nbc", "average reward"]


@dataclass(frozen=True, eq=False)
class Program:
    """The program ``min D(d, base)`` s.t. ``sum d = 1``, ``d >= floor``, ``rows @ d >= bounds``.

    Attributes
    ----------
    rows : ndarray, shape (m, K)
    bounds : ndarray, shape (m,)
    base : ndarray, shape (K,)
    floor : float
    divergence : Divergence
    """

    rows: Floats
    bounds: Floats
    base: Floats
    floor: float
    divergence: Divergence

    def is_of(self, other: Any) -> bool:
        """Whether another object, such as a certificate, has the same program."""
        return (
            type(other.divergence) is type(self.divergence)
            and other.divergence == self.divergence
            and type(other.floor) is type(self.floor) is float
            and other.floor == self.floor
            and all(
                are_floats(one := getattr(self, name))
                and are_floats(two := getattr(other, name))
                and np.array_equal(one, two)
                for name in ("rows", "bounds", "base")
            )
        )


@dataclass(frozen=True, eq=False)
class Claim:
    """What all claims have: the scores, and the measure of a change of the base.

    Attributes
    ----------
    table : ndarray, shape (K, n)
        The score of option y at a distribution d is ``table[y] @ d``. For NBC over sampling
        distributions it is P; over shares, a column for each type.
    base : ndarray, shape (n,)
    margin, floor : float
    over : {"sampling", "shares"}
        What the base is a distribution over.
    score : {"nbc", "average reward"}
    divergence : Divergence
    constraints : scipy.optimize.LinearConstraint, or None
        Further constraints on the distribution.
    """

    table: Floats
    base: Floats
    margin: float
    floor: float
    over: Over = field(default="sampling", kw_only=True)
    score: Score = field(default="nbc", kw_only=True)
    divergence: Divergence = field(default_factory=TotalVariation, kw_only=True)
    constraints: "LinearConstraint | None" = field(default=None, kw_only=True)

    @cached_property
    def scores(self) -> Floats:
        """The scores at the base."""
        return self.table @ self.base

    @cached_property
    def order(self) -> Ranking:
        """The ranking at the base."""
        return ranking(self.scores)

    def lead(self, above: int, below: int) -> float:
        """Return by how much one option leads another at the base; 0 if they are tied."""
        lead = float(self.scores[above] - self.scores[below])
        tied = TIE_TOLERANCE * max(1.0, float(np.abs(self.scores).max()))
        return lead if abs(lead) > tied else 0.0

    def gains(self, above: int, below: int) -> Floats:
        """Return what ``below`` gains on ``above`` at each corner of the simplex."""
        return self.table[below] - self.table[above]

    def check(self) -> None:
        """Raise an error if the claim is not valid, whoever made it.

        Raises
        ------
        CertificateError
            If a field is not of its type or out of its range, or the fields do not fit.
        """
        if not all(map(are_floats, (self.table, self.base))):
            raise CertificateError("the claim's scores and base must be arrays of floats")
        try:
            table = _validate.real_array("table", self.table, 2)
            base = _validate.real_array("base", self.base, 1)
            _validate.check_shares("base", base)
            limits = _validate.limits(self.margin, self.floor, max(base.size, 1))
            _validate.choice("over", self.over, ("sampling", "shares"))
            _validate.choice("score", self.score, ("nbc", "average reward"))
        except InputError as error:
            raise CertificateError(f"the claim is not valid: {error}") from None
        if table.shape[1] != base.size or len(table) < 2 or np.abs(table).max() > 2.0 * LARGEST:
            raise CertificateError("the claim's scores do not fit its base, or are too large")
        if not {type(self.margin), type(self.floor)} == {float} or limits[1] != self.floor:
            raise CertificateError("the claim's margin and floor must be floats in their range")
        if self.score == "nbc" and not ((table >= 0.0) & (table <= 1.0 + SLACK)).all():
            raise CertificateError("the claim's scores are not probabilities")
        if self.over == "sampling" and not (
            self.score == "nbc"
            and len(table) == base.size
            and (np.abs(table + table.T - 1.0) <= SLACK).all()
        ):
            raise CertificateError("the claim's scores are not preferences")


@dataclass(frozen=True, eq=False)
class PairFlips(Claim):
    """The flips of one pair, of all pairs of a ranking, or of a top set and the others.

    Attributes
    ----------
    pair : tuple of int, or None
        The only pair (above, below), if it is the flip of one.
    top : int or None
        The size of the top set; without it, and without a pair, the whole ranking is meant.
    programs : dict, or None
        The program of each pair, if they differ from ``min TV`` without further constraints.
    """

    pair: Positions | None = None
    top: int | None = None
    programs: dict[Positions, Program] | None = None

    @cached_property
    def pairs(self) -> NDArray[np.int64]:
        """The pairs (above, below) whose flips have to be looked at, shape (n, 2).

        Of a ranking with margin 0 they are the neighbours, and with a margin all pairs.
        """
        if self.pair is not None:
            strict = self.lead(*self.pair) > 0.0
            return np.array([self.pair] if strict else [], dtype=np.int64).reshape(-1, 2)
        order = self.order
        if self.top is not None:
            steps = [(order.order[: self.top], order.order[self.top :])]
        elif self.margin == 0.0:
            steps = list(neighbours(order.groups))
        else:
            place = np.repeat(np.arange(len(order.groups)), [len(g) for g in order.groups])
            return np.array(order.order)[np.argwhere(place[:, None] < place[None, :])]
        pairs = [pair for above, below in steps for pair in product(above, below)]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)

    @property
    def needed(self) -> set[Positions]:
        """The same pairs as a set."""
        return set(map(tuple, self.pairs.tolist()))

    @property
    def ties(self) -> tuple[tuple[int, ...], ...]:
        """The groups of options tied at the base, among those considered."""
        if self.pair is not None:
            above, below = self.pair
            tied = self.lead(above, below) == 0.0
            return ((min(above, below), max(above, below)),) if tied else ()
        if self.top is not None:
            members = set(self.order.order[: self.top])
            return tuple(group for group in self.order.ties if members.issuperset(group))
        return self.order.ties

    def program(self, above: int, below: int) -> Program:
        """Return the program of one pair."""
        if self.programs is not None:
            return self.programs[above, below]
        row = self.gains(above, below)[None, :]
        return Program(row, np.array([self.margin]), self.base, self.floor, TotalVariation())

    def reversed(self, distance: float) -> Positions | None:
        """Return the pair that a flip of this claim reverses, at any distance."""
        return self.pair

    def check(self) -> None:
        """Raise an error if the claim is not valid; see `Claim.check`."""
        super().check()
        if self.pair is not None:
            check_pair(self.pair, len(self.table))
            if self.top is not None or self.lead(*self.pair) < 0.0:
                raise CertificateError("the claim's pair is not in the order of the base")
        elif self.top is not None:
            sizes = list(accumulate(map(len, self.order.groups)))
            # Only where everything is tied are all options winners.
            if type(self.top) is not int or self.top not in (sizes[:-1] or sizes):
                raise CertificateError("the claim's top set is not valid")
        if self.programs is None:
            if type(self.divergence) is not TotalVariation or self.constraints is not None:
                raise CertificateError("the claim does not state its programs")
        elif type(self.programs) is not dict or set(self.programs) != self.needed:
            raise CertificateError("the claim's programs are not those of its pairs")


@dataclass(frozen=True, eq=False)
class Arrangement(Claim):
    """That several pairs are ordered as asked, all at once.

    Attributes
    ----------
    pairs : tuple of tuple of int
        The pairs (upper, lower).
    program : Program
    """

    pairs: tuple[Positions, ...]
    program: Program

    @property
    def ties(self) -> tuple[tuple[int, ...], ...]:
        """None: an arrangement does not depend on the order at the base."""
        return ()

    def reversed(self, distance: float) -> Positions | None:
        """Return the pair (above, below) that is reversed, if it is the only pair."""
        return self.pairs[0][::-1] if len(self.pairs) == 1 and distance > 0.0 else None

    def check(self) -> None:
        """Raise an error if the claim is not valid; see `Claim.check`."""
        super().check()
        if type(self.pairs) is not tuple:
            raise CertificateError("the claim's pairs must be a tuple")
        for pair in self.pairs:
            check_pair(pair, len(self.table))


def check_pair(pair: object, size: int | None = None) -> None:
    """Refuse a value that is not a pair of positions, in 0..size - 1 if the size is known."""
    if (
        type(pair) is not tuple
        or len(pair) != 2
        or any(type(y) is not int or y < 0 or (size is not None and y >= size) for y in pair)
        or pair[0] == pair[1]
    ):
        raise CertificateError(f"{_validate.shown(pair)} is not a pair of options")


def are_floats(values: object) -> bool:
    """Whether a value is an array of floats, of numpy's own class and not of a subclass."""
    return type(values) is np.ndarray and values.dtype == np.float64

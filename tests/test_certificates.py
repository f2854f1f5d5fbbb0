"""Certificates: what they prove, checked by hand and by a solver, and what they refuse."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
from scipy.optimize import LinearConstraint

import socialpref as sp
from socialpref import CertificateError, Pair, Population, TopK, Winner, nbc, ranking
from socialpref.divergences import Divergence
from socialpref.flips import (
    Certificate,
    ChiSquare,
    Flip,
    KullbackLeibler,
    LeastOf,
    TotalVariation,
    Wasserstein,
)
from socialpref.flips.certificate import ProvenInterval
from socialpref.flips.claim import Arrangement, PairFlips
from tests.helpers import Floats, agree, nearest_by_linprog, problems, refuses, strict_pairs


def certificate_of(flip: Flip) -> Certificate:
    assert isinstance(flip.certificate, Certificate)
    return flip.certificate


def fractions(*values: Any) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, values))


# By hand: gains (-1/2, 1/4, 1/4) at the base (1/2, 1/4, 1/4) lack 1/8.


@pytest.fixture
def by_hand() -> Certificate:
    """Return the proof that 1/6 of the draws must be moved from the first to another.

    At price 4/3 the row is worth a = (-2/3, 1/3, 1/3). With the potential g = (0, 1, 1), g - a is
    2/3 everywhere, so that every d with gain 0 has g.d = 2/3, while g.d0 = 1/2.
    """
    return Certificate(
        rows=np.array([[-0.5, 0.25, 0.25]]),
        bounds=np.array([0.0]),
        base=np.array([0.5, 0.25, 0.25]),
        floor=0.0,
        primal=fractions("1/3", "5/12", "1/4"),
        prices=fractions("4/3"),
        potential=fractions(0, 1, 1),
    )


def test_the_bounds_by_hand(by_hand: Certificate) -> None:
    assert by_hand.check(width=0) == ProvenInterval(1 / 6, 1 / 6, 0.0)


def test_another_optimal_point_proves_the_same(by_hand: Certificate) -> None:
    other = replace(by_hand, primal=fractions("1/3", "1/4", "5/12"))
    assert other.check(width=0) == by_hand.check()


def test_an_interval_is_as_wide_as_its_points_are_apart(by_hand: Certificate) -> None:
    # A potential of (0, 1/2, 1/2) at half the price proves half.
    weak = replace(by_hand, prices=fractions("2/3"), potential=fractions(0, "1/2", "1/2"))
    assert weak.check(width=0.1) == ProvenInterval(1 / 12, 1 / 6, 1 / 12)
    with pytest.raises(CertificateError, match=r"more than 0\.08 apart"):
        weak.check(width=0.08)
    # At worst a lower bound is 0.
    nothing = replace(by_hand, prices=fractions(0), potential=fractions(0, 0, 0))
    assert nothing.check(width=0.2) == ProvenInterval(0.0, 1 / 6, 1 / 6)


def test_the_floor_enters_the_lower_bound(by_hand: Certificate) -> None:
    # Gains (-1/2, 0, 1/4) lack 3/16 + 7/64. The first gives 3/8 and is at the floor, which gains
    # 9/32; the second gives 1/16, which gains the last 1/64.
    stopped = replace(
        by_hand,
        rows=np.array([[-0.5, 0.0, 0.25]]),
        bounds=np.array([7 / 64]),
        floor=0.125,
        primal=fractions("1/8", "3/16", "11/16"),
        # a = (-2, 0, 1): nu = 0, rho = (2, 0, 0), and 4 * 7/64 + 2/8 - g.d0 = 7/16.
        prices=fractions(4),
        potential=fractions(0, 0, 1),
    )
    assert stopped.check(width=0) == ProvenInterval(7 / 16, 7 / 16, 0.0)
    # The base would do, but for the floor.
    forced = replace(
        by_hand,
        base=np.array([0.0, 0.5, 0.5]),
        floor=0.125,
        primal=fractions("1/8", "3/8", "1/2"),
        # a = 0: nu = 0, rho = g, and the floor's price is 1.
        prices=fractions(0),
        potential=fractions(1, 0, 0),
    )
    assert forced.check(width=0) == ProvenInterval(1 / 8, 1 / 8, 0.0)


def test_the_base_is_divided_by_its_exact_sum(by_hand: Certificate) -> None:
    assert replace(by_hand, base=np.array([2.0, 1.0, 1.0])).check() == by_hand.check()


def test_a_proof_that_there_is_no_flip(by_hand: Certificate) -> None:
    infeasible = replace(
        by_hand, bounds=np.array([0.5]), primal=None, potential=None, prices=fractions(1)
    )
    assert infeasible.check() == ProvenInterval(math.inf, math.inf, 0.0)
    # The gain never exceeds 1/4: that margin can be reached, and any larger one cannot.
    with pytest.raises(CertificateError, match="infeasibility does not hold"):
        replace(infeasible, bounds=np.array([0.25])).check()
    assert replace(infeasible, bounds=np.array([np.nextafter(0.25, 1)])).check().width == 0.0
    # With floor 1/4 it never exceeds 1/16.
    with pytest.raises(CertificateError, match="infeasibility does not hold"):
        replace(infeasible, bounds=np.array([0.0625]), floor=0.25).check()
    assert replace(infeasible, bounds=np.array([0.0626]), floor=0.25).check().lower == math.inf


def test_two_rows_that_contradict_each_other(by_hand: Certificate) -> None:
    # d1 >= 3/4 and d2 >= 1/2: neither is impossible, their sum is.
    both = replace(
        by_hand,
        rows=np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        bounds=np.array([0.75, 0.5]),
        primal=None,
        potential=None,
        prices=fractions(1, 1),
    )
    assert both.check().lower == math.inf
    for prices in (fractions(1, 0), fractions(0, 1), fractions(0, 0)):
        with pytest.raises(CertificateError, match="infeasibility does not hold"):
            replace(both, prices=prices).check()


# The second of two options must rise from 1/2 to 3/4.
DIVERGENT: list[tuple[Divergence, tuple[Fraction, ...], tuple[Fraction, ...], float]] = [
    (TotalVariation(), fractions(1), fractions(0, 1), 1 / 4),
    (Wasserstein([0, 3]), fractions(3), fractions(0, 3), 3 / 4),
    # g = 2 (d - d0) / d0, whose variance is 1: 2 * 3/4 - 1 - 0 - 1/4.
    (ChiSquare(), fractions(2), fractions(-1, 1), 1 / 4),
    # g = log d / d0: the bounds meet up to the rounding of the logarithms.
    (
        KullbackLeibler(),
        fractions(math.log(3)),
        fractions(math.log(0.5), math.log(1.5)),
        (math.log(1 / 2) + 3 * math.log(3 / 2)) / 4,
    ),
]


@pytest.mark.parametrize(
    ("divergence", "prices", "potential", "distance"),
    DIVERGENT,
    ids=["tv", "wasserstein", "chi2", "kl"],
)
def test_every_divergence_by_hand(
    divergence: Divergence,
    prices: tuple[Fraction, ...],
    potential: tuple[Fraction, ...],
    distance: float,
) -> None:
    certificate = Certificate(
        rows=np.array([[0.0, 1.0]]),
        bounds=np.array([0.75]),
        base=np.array([0.5, 0.5]),
        floor=0.0,
        primal=fractions("1/4", "3/4"),
        prices=prices,
        potential=potential,
        divergence=divergence,
    )
    interval = certificate.check(width=1e-15)
    assert interval.lower == pytest.approx(distance, abs=1e-15)
    assert interval.upper == pytest.approx(distance, abs=1e-15)
    assert interval.lower <= interval.upper
    with pytest.raises(CertificateError, match="apart"):
        replace(certificate, primal=fractions("1/5", "4/5")).check()
    with pytest.raises(CertificateError, match="apart"):
        replace(certificate, prices=fractions(0)).check()


# Tampering

Tamper = Callable[[Certificate], dict[str, Any]]


def shifted(*steps: Any) -> Tamper:
    """Move the primal point by `steps`."""
    return lambda c: {
        "primal": tuple(x + Fraction(s) for x, s in zip(c.primal or (), steps, strict=True))
    }


TAMPERED: dict[str, tuple[Tamper, str]] = {
    "off the simplex": (shifted("1/1000000000000000000", 0, 0), "not a distribution"),
    "negative mass": (shifted("-1/2", "1/2", 0), "not a distribution above the floor"),
    "below the floor": (lambda c: {"floor": 0.26}, "above the floor"),
    "the base itself": (shifted("1/6", "-1/6", 0), "does not meet the constraints"),
    "short of the row": (
        shifted("1/1000000000000000000", "-1/1000000000000000000", 0),
        "does not meet the constraints",
    ),
    "a larger margin": (lambda c: {"bounds": np.array([1e-300])}, "does not meet the constraints"),
    "further than needed": (shifted("-1/12", "1/12", 0), "apart"),
    "further by more than is proven": (shifted("-1e-8", "1e-8", 0), "apart"),
    "a negative price": (lambda c: {"prices": fractions("-4/3")}, "a price is negative"),
    "no price": (lambda c: {"prices": fractions(0)}, "apart"),
    "too high a price": (lambda c: {"prices": fractions(2)}, "apart"),
    "too wide a potential": (
        lambda c: {"potential": fractions(0, 1, "1000000000001/1000000000000")},
        "range exceeds 1",
    ),
    "twice the potential": (
        lambda c: {"prices": fractions("8/3"), "potential": fractions(0, 2, 2)},
        "range exceeds 1",
    ),
    "a flat potential": (lambda c: {"potential": fractions(1, 1, 1)}, "apart"),
    "another base": (lambda c: {"base": np.array([0.25, 0.5, 0.25])}, "apart"),
    "a denial": (lambda c: {"primal": None, "potential": None}, "infeasibility does not hold"),
    "half a proof": (lambda c: {"potential": None}, "'potential' must be 3 fractions"),
}


@pytest.mark.parametrize(("tamper", "message"), TAMPERED.values(), ids=TAMPERED.keys())
def test_tampering_is_caught(by_hand: Certificate, tamper: Tamper, message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        replace(by_hand, **tamper(by_hand)).check()


def test_tampering_within_the_accepted_width_widens_the_interval(by_hand: Certificate) -> None:
    loose = replace(by_hand, **shifted("-1e-10", "1e-10", 0)(by_hand)).check()
    assert loose.lower == 1 / 6
    assert loose.upper == pytest.approx(1 / 6 + 1e-10, abs=1e-16)
    assert loose.width == 1e-10


def test_tampering_with_a_flip_is_caught(two_camps: Population) -> None:
    honest = certificate_of(sp.flip(two_camps, Pair("c", over="a"), floor=0.01))
    assert honest.primal is not None
    for changes in (
        {"primal": tuple(reversed(honest.primal))},
        {"rows": -honest.rows},
        {"prices": tuple(2 * price for price in honest.prices)},
        {"floor": 0.25},
        {"primal": None, "potential": None},
    ):
        with pytest.raises(CertificateError):
            replace(honest, **changes).check()
    never = certificate_of(sp.flip(two_camps, Pair("b", over="a")))
    with pytest.raises(CertificateError):
        replace(never, rows=honest.rows).check()


# Against a solver


@pytest.mark.slow
def test_both_bounds_are_those_of_a_solver() -> None:
    flips = 0
    for problem in problems(21, 300):
        flip = sp.flip(
            problem.population, Pair(problem.below, over=problem.above), **problem.options
        )
        certificate = certificate_of(flip)
        interval = certificate.check(width=0)
        if problem.on_the_edge:
            continue
        solver = nearest_by_linprog(
            certificate.rows, certificate.bounds, certificate.base, certificate.floor
        )
        assert agree(solver.upper, interval.upper), problem
        assert agree(solver.lower, interval.lower), problem
        if certificate.primal is not None:
            flips += 1
            primal = np.array(certificate.primal, dtype=np.float64)
            moved = np.abs(primal - problem.base).sum() / 2
            assert moved == pytest.approx(interval.upper, abs=1e-14)
            assert lower_bound(certificate) == pytest.approx(interval.lower, abs=1e-9)
    assert flips >= 100


def lower_bound(certificate: Certificate) -> float:
    """Minimise g.d over the feasible d by a solver, for the certificate's potential g."""
    from scipy.optimize import linprog

    assert certificate.potential is not None
    potential = np.array(certificate.potential, dtype=np.float64)
    assert np.ptp(potential) <= 1
    scale = np.abs(certificate.rows).max()
    found = linprog(
        potential,
        A_ub=-certificate.rows / scale,
        b_ub=-certificate.bounds / scale,
        A_eq=np.ones((1, potential.size)),
        b_eq=[1.0],
        bounds=(certificate.floor, None),
    )
    assert found.status == 0, found.message
    return float(found.fun - potential @ certificate.base)


def test_a_proof_is_about_the_pair_it_is_asked_for(two_camps: Population) -> None:
    P = two_camps.pairwise()
    base = np.array([0.25, 0.125, 0.625])
    flip = sp.flip(two_camps, Pair("a", over="c"), sampling=base, margin=0.01, floor=0.125)
    certificate = certificate_of(flip)
    np.testing.assert_array_equal(certificate.rows, (P[0] - P[2])[None, :])
    np.testing.assert_array_equal(certificate.bounds, [0.01])
    np.testing.assert_array_equal(certificate.base, base)
    assert certificate.floor == 0.125


# Minima over pairs


def pairs_and_rows(flip: Flip) -> tuple[LeastOf, dict[tuple[int, int], Certificate]]:
    assert isinstance(flip.certificate, LeastOf)
    proof = flip.certificate
    return proof, dict(zip(proof.pairs, proof.parts, strict=True))


@pytest.mark.parametrize("margin", [0.0, 1e-4])
@pytest.mark.parametrize("what", ["ranking", "winner", "top three"])
def test_a_minimum_is_proven_for_every_pair(what: str, margin: float) -> None:
    population = Population(np.random.default_rng(22).normal(size=(4, 7)))
    P = population.pairwise()
    pairs = strict_pairs(population)
    order = ranking(nbc(population)).order
    if what == "ranking":
        flip = sp.flip(population, margin=margin)
        expected = set(pairs if margin else pairwise(order))
    elif what == "winner":
        flip = sp.flip(population, Winner(), margin=margin)
        expected = {pair for pair in pairs if pair[0] == order[0]}
    else:
        flip = sp.flip(population, TopK(3), margin=margin)
        expected = {(a, b) for a, b in pairs if a in order[:3] and b not in order[:3]}
    proof, parts = pairs_and_rows(flip)
    assert set(parts) == expected
    assert len(proof.pairs) == len(expected)
    for (above, below), part in parts.items():
        np.testing.assert_array_equal(part.rows, (P[below] - P[above])[None, :])
        np.testing.assert_array_equal(part.bounds, [margin])
    interval = proof.check()
    assert interval.lower == min(part.check().lower for part in parts.values())
    assert interval.upper == min(part.check().upper for part in parts.values())
    # The flip may miss an advantage of up to 1e-12 over its own pair.
    assert interval.upper <= flip.distance <= interval.upper + 1e-12


def test_one_false_part_spoils_the_proof_of_a_minimum(by_hand: Certificate) -> None:
    def certify(above: int, below: int) -> Certificate:
        return by_hand if below == 1 else replace(by_hand, potential=fractions(1, 1, 1))

    assert LeastOf(((0, 1),), certify).check() == by_hand.check()
    with pytest.raises(CertificateError):
        LeastOf(((0, 1), (0, 2)), certify).check()


def test_a_minimum_is_over_flips_that_exist(by_hand: Certificate) -> None:
    never = replace(by_hand, bounds=np.array([0.5]), primal=None, potential=None)
    further = replace(
        by_hand,  # margin 1/16 lacks 3/16: a quarter moves
        bounds=np.array([0.0625]),
        primal=fractions("1/4", "1/2", "1/4"),
    )
    parts = {(0, 1): never, (0, 2): further, (1, 2): by_hand}

    def minimum(*pairs: tuple[int, int]) -> ProvenInterval:
        return LeastOf(pairs, lambda above, below: parts[above, below]).check()

    assert minimum((0, 1)) == ProvenInterval(math.inf, math.inf, 0.0)
    assert minimum((0, 1), (0, 2)) == ProvenInterval(0.25, 0.25, 0.0)
    assert minimum((0, 1), (0, 2), (1, 2)) == ProvenInterval(1 / 6, 1 / 6, 0.0)


def test_no_flip_anywhere_is_proven_for_every_pair(crowd: Population) -> None:
    flip = sp.flip(crowd)
    assert flip.distance == math.inf
    proof, parts = pairs_and_rows(flip)
    assert set(parts) == {(1, 0), (1, 2)}
    assert all(part.primal is None for part in parts.values())
    assert proof.check() == ProvenInterval(math.inf, math.inf, 0.0)


def test_bases_below_the_floor_are_proven(two_camps: Population) -> None:
    base: Floats = np.array([0.7, 0.0, 0.3])
    for floor in (0.001, 0.05, 0.2):
        flip = sp.flip(two_camps, sampling=base, floor=floor)
        assert flip.distance >= floor  # what b lacks
        assert isinstance(flip.certificate, LeastOf)
        assert flip.certificate.check(width=1e-15).upper == flip.distance


# Forgeries

NAN, INF = math.nan, math.inf

Forgery = Callable[[Flip], Flip]


def with_certificate(**changes: Any) -> Forgery:
    """Change the certificate of a flip of one program."""
    return lambda flip: replace(flip, proof=replace(certificate_of(flip), **changes))


def with_certificate_from(make: Callable[[Certificate], dict[str, Any]]) -> Forgery:
    """Change the certificate by what is made of the honest one."""
    return lambda flip: with_certificate(**make(certificate_of(flip)))(flip)


def with_fields(**changes: Any) -> Forgery:
    """Change a flip."""
    return lambda flip: replace(flip, **changes)


def with_claim(**changes: Any) -> Forgery:
    """Change what a flip claims."""
    return lambda flip: replace(flip, claim=replace(flip.claim, **changes))  # type: ignore[type-var]


def with_table(make: Callable[[Floats], Any]) -> Forgery:
    """Change the scores of a claim by what is made of the honest ones."""
    return lambda flip: with_claim(table=make(flip.claim.table))(flip)  # type: ignore[union-attr]


def fields_of(claim: Any) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in ("table", "base", "margin", "floor")}


class Overclaim(PairFlips):
    """It accepts itself."""

    def check(self) -> None:
        pass


class Matrix(np.ndarray[Any, Any]):
    """An array of a class of its own."""


class Liar(Certificate):
    """It says whatever it is asked to."""

    def check(self, *, width: float = 1e-9) -> ProvenInterval:
        return ProvenInterval(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Free(TotalVariation):
    """A divergence at which everything is for free."""

    def value(self, point: Any, base: Any) -> Fraction:
        return Fraction()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class Large(Fraction):
    """A number that is never less than another."""

    def __lt__(self, other: object) -> bool:
        return False


TWO_CAMPS = Population([[0, -1, -2], [0, -2, 4]])
OTHER = Population([[0, -1, -2], [0, -2, 3]])
THREE_CAMPS = Population([[0, -1, -2], [0, -2, 4], [0, 1, -2]])

PAIR_FORGERIES: dict[str, Forgery] = {
    "NaN among the prices": with_certificate(prices=(NAN,)),
    "an infinite price": with_certificate(prices=(INF,)),
    "NaN prices, as a denial": with_certificate(primal=None, potential=None, prices=(NAN,)),
    "infinite prices, as a denial": with_certificate(primal=None, potential=None, prices=(INF,)),
    "no prices": with_certificate(prices=()),
    "None for the prices": with_certificate(prices=None),
    "two prices for one row": with_certificate(prices=fractions(1, 1)),
    "a price that is a float": with_certificate_from(lambda c: {"prices": (float(c.prices[0]),)}),
    "a price that is True": with_certificate(prices=(True,)),
    "a price that is a string": with_certificate(prices=("1",)),
    "prices in a set": with_certificate_from(lambda c: {"prices": set(c.prices)}),
    "a primal point of floats": with_certificate_from(
        lambda c: {"primal": tuple(map(float, c.primal or ()))}
    ),
    "a primal point of NaN": with_certificate(primal=(NAN, NAN, NAN)),
    "an empty primal point": with_certificate(primal=()),
    "a primal point that is too long": with_certificate_from(
        lambda c: {"primal": (*(c.primal or ()), Fraction())}
    ),
    "a primal point with a None": with_certificate(primal=(None, None, None)),
    "a primal point of liars": with_certificate(primal=(Large(0), Large(0), Large(1))),
    "a potential of floats": with_certificate_from(
        lambda c: {"potential": tuple(map(float, c.potential or ()))}
    ),
    "a potential of NaN": with_certificate(potential=(NAN, NAN, NAN)),
    "an empty potential": with_certificate(potential=()),
    "half a proof": with_certificate(potential=None),
    "the other half": with_certificate(primal=None),
    "no rows": with_certificate(rows=np.empty((0, 3)), bounds=np.empty(0), prices=()),
    "NaN rows": with_certificate(rows=np.full((1, 3), NAN)),
    "infinite rows": with_certificate(rows=np.full((1, 3), INF)),
    "rows as text": with_certificate(rows=[["1", "0", "0"]]),
    "a NaN bound": with_certificate(bounds=np.array([NAN])),
    "a bound of minus infinity": with_certificate(bounds=np.array([-INF])),
    "a base of NaN": with_certificate(base=np.full(3, NAN)),
    "a negative base": with_certificate(base=np.array([1.5, -0.25, -0.25])),
    "a base of nothing": with_certificate(base=np.zeros(3)),
    "a NaN floor": with_certificate(floor=NAN),
    "a floor above 1/K": with_certificate(floor=0.5),
    "another floor": with_certificate(floor=1e-9),
    "an easier margin": with_certificate(bounds=np.array([-1.0])),
    "a divergence that is none": with_certificate(divergence=None),
    "a divergence's class": with_certificate(divergence=TotalVariation),
    "a divergence that is free": with_certificate(divergence=Free()),
    "a certificate that lies": lambda f: replace(f, proof=Liar(**vars(f.certificate))),
    "no certificate, as a tie": lambda f: replace(f, proof=None, distance=NAN),
    "a certificate that is none": lambda f: replace(f, proof=f.distance),  # type: ignore[arg-type]
    "another pair's": lambda f: replace(f, proof=sp.flip(TWO_CAMPS, Pair(1, over=2)).certificate),
    "another population's": lambda f: replace(f, proof=sp.flip(OTHER, Pair(2, over=0)).certificate),
    "another base's": lambda f: replace(
        f, proof=sp.flip(TWO_CAMPS, Pair(2, over=0), sampling=[0.34, 0.33, 0.33]).certificate
    ),
    "another margin's": lambda f: replace(
        f, proof=sp.flip(TWO_CAMPS, Pair(2, over=0), margin=1e-3).certificate
    ),
    "another divergence's": lambda f: replace(
        f, proof=sp.flip(TWO_CAMPS, [Pair(2, over=0)], divergence="kl").certificate
    ),
    "a nearer distance": lambda f: replace(f, distance=0.05),
    "a further distance": lambda f: replace(f, distance=f.distance + 1e-8),
    "a distance of 0": lambda f: replace(f, distance=0.0),
    "a distance of NaN": lambda f: replace(f, distance=NAN),
    "a distance of inf": lambda f: replace(f, distance=INF),
    "another pair": lambda f: replace(f, pair=(0, 1)),
    "another sampling": lambda f: replace(f, mix=f.base),
    "a short sampling": lambda f: replace(f, mix=f.mix[:2]),
    "another base": lambda f: replace(f, base=np.array([0.5, 0.25, 0.25])),
    "no claim": lambda f: replace(f, claim=None),
    "a claim that is none": with_fields(claim="x"),
    "no distance": with_fields(distance=None),
    "a distance as text": with_fields(distance="0.1"),
    "a complex distance": with_fields(distance=1j),
    "an array for the distance": with_fields(distance=np.zeros(3)),
    "a distribution of text": with_fields(mix=np.array(["a"] * 3)),
    "a distribution of None": with_fields(mix=[None] * 3),
    "a list for the distribution": lambda f: with_fields(mix=f.mix.tolist())(f),
    "a list for the pair": with_fields(pair=[0, 2]),
    "a pair of three": with_fields(pair=(0, 1, 2)),
    "a pair of text": with_fields(pair="02"),
    "a pair that there is not": with_fields(pair=(0, 99)),
    "the pair turned round": with_fields(pair=(2, 0)),
    "no pair": with_fields(pair=None),
    "ties that are none": with_fields(ties=((0, 1, 2),)),
    "None for the ties": with_fields(ties=None),
    "ties in an array": with_fields(ties=(np.arange(2),)),
    "labels in an array": with_fields(
        options=np.array(["a", "b", "c"]), labels=np.array(["a", "b", "c"])
    ),
    "too few options": with_fields(options=("a", "b")),
    "options that are none": with_fields(options=None),
    "labels that are none": with_fields(labels=(1, 2, 3)),
    "over something else": lambda f: replace(
        f, over="shares" if f.over == "sampling" else "sampling"
    ),
    "over nothing": with_fields(over=None),
    "no scores": with_claim(table=None),
    "scores of NaN": with_table(lambda table: np.full_like(table, NAN)),
    "scores of text": with_claim(table="x"),
    "scores that are too large": with_claim(table=np.full((3, 3), 1e308)),
    "scores of another shape": with_table(lambda table: table[:, :2]),
    "scores that are no preferences": with_table(lambda table: table**2),
    "other scores": with_table(lambda table: table[::-1, ::-1].copy()),
    "scores of a class that lies": with_table(lambda table: table.view(Matrix)),
    "scores of something else": with_claim(score="votes"),
    "a claim over something else": with_claim(over="votes"),
    "a claim of no base": with_claim(base=None),
    "a base that is no distribution": lambda f: replace(
        with_claim(base=2 * f.base)(f), base=2 * f.base
    ),
    "a negative margin": with_claim(margin=-1.0),
    "a margin of NaN": with_claim(margin=NAN),
    "a margin as text": with_claim(margin="0"),
    "a margin that is a fraction": with_claim(margin=Large(0)),
    "another margin in the claim": with_claim(margin=0.1),
    "a negative floor": with_claim(floor=-1.0),
    "a floor as text": with_claim(floor="x"),
    "a floor that is too high": with_claim(floor=0.5),
    "no divergence": with_claim(divergence=None),
    "the name of a divergence": with_claim(divergence="tv"),
    "a free divergence in the claim": with_claim(divergence=Free()),
    "another divergence in the claim": with_claim(divergence=ChiSquare()),
    "another constraint": with_claim(constraints=LinearConstraint([[1, 0, 0]], 0.0, 0.9)),
    "constraints that are none": with_claim(constraints="x"),
    "a claim's subclass": lambda f: replace(f, claim=Overclaim(**fields_of(f.claim))),
    "a tie, by the claim": lambda f: replace(
        f, distance=NAN, mix=np.full(3, NAN), pair=None, proof=None
    ),
}
"""What can be done to the flip of a pair or to the same flip as a convex program."""


PAIR_FLIPS = {
    "closed form": sp.flip(TWO_CAMPS, Pair(2, over=0)),
    "program": sp.flip(TWO_CAMPS, [Pair(2, over=0)]),
    "shares": sp.flip(THREE_CAMPS, Pair(2, over=0), over="shares"),
    "program over shares": sp.flip(THREE_CAMPS, [Pair(2, over=0)], over="shares"),
}


@pytest.mark.parametrize("forge", PAIR_FORGERIES.values(), ids=PAIR_FORGERIES.keys())
@pytest.mark.parametrize("flip", PAIR_FLIPS.values(), ids=PAIR_FLIPS.keys())
def test_a_forged_flip_of_a_pair_is_caught(forge: Forgery, flip: Flip) -> None:
    assert flip.prove().upper == flip.distance
    with pytest.raises(CertificateError):
        forge(flip).prove()


def with_minimum(**changes: Any) -> Forgery:
    """Change the certificate of a minimum."""
    return lambda flip: replace(flip, proof=replace(pairs_and_rows(flip)[0], **changes))


LARGER = Population(np.random.default_rng(22).normal(size=(4, 7)) * [[0.5], [1], [4], [8]])
OTHER_LARGER = Population(LARGER.rewards * 1.01)

LEAST_FORGERIES: dict[str, Forgery] = {
    "no pairs": with_minimum(pairs=()),
    "no pairs and no claim": with_minimum(pairs=(), claim=None),
    "the winning pair alone": lambda f: with_minimum(pairs=(f.pair,), claim=None)(f),
    "all but the winning pair": lambda f: with_minimum(
        pairs=tuple(pair for pair in pairs_and_rows(f)[0].pairs if pair != f.pair), claim=None
    )(f),
    "pairs that are none": with_minimum(pairs=(0, 1), claim=None),
    "pairs turned round": lambda f: with_minimum(
        pairs=tuple((b, a) for a, b in pairs_and_rows(f)[0].pairs), claim=None
    )(f),
    "the same certificate for every pair": lambda f: with_minimum(
        certify=lambda above, below: pairs_and_rows(f)[1][f.pair]  # type: ignore[index]
    )(f),
    "parts that are none": with_minimum(certify=lambda above, below: None),
    "another population's": lambda f: replace(f, proof=sp.flip(OTHER_LARGER).certificate),
    "another margin's": lambda f: replace(f, proof=sp.flip(LARGER, margin=1e-4).certificate),
    "the winner's": lambda f: replace(f, proof=sp.flip(LARGER, Winner()).certificate),
    "a single pair's": lambda f: replace(f, proof=pairs_and_rows(f)[1][f.pair]),  # type: ignore[index]
    "the winner's claim": lambda f: replace(f, claim=sp.flip(LARGER, Winner()).claim),
    "a pair that is further": lambda f: replace(f, pair=further_pair(f)),
    "no pair": lambda f: replace(f, pair=None),
    "none at all": lambda f: replace(f, distance=INF, mix=np.full(7, NAN), pair=None),
    "a minimum of a claim of 1": with_minimum(claim=1),
    "pairs that are numbers": with_minimum(pairs=(1, 2)),
    "a pair of three": with_minimum(pairs=((1, 2, 3),)),
    "a pair that there is not": with_minimum(pairs=((0, 99),)),
    "nothing that makes certificates": with_minimum(certify=None),
    "a tie, by a top set of none": lambda f: as_tie(with_claim(top=0)(f)),
    "a tie, by a top set of all": lambda f: as_tie(with_claim(top=7)(f)),
    "a top set that is text": with_claim(top="x"),
    "a top set that is True": with_claim(top=True),
    "a tie, by a pair turned round": lambda f: as_tie(with_claim(pair=turned(f))(f)),
    "a tie, by a pair of one": lambda f: as_tie(with_claim(pair=(0, 0))(f)),
    "a pair of text": with_claim(pair="x"),
    "a pair that is not there": with_claim(pair=(0, 99)),
    "programs that are none": with_claim(programs={}),
    "programs of text": with_claim(programs="x"),
    "nothing to move, by a negative margin": lambda f: replace(
        with_claim(margin=-1.0)(f), distance=0.0, mix=f.base, proof=None
    ),
}


def as_tie(flip: Flip) -> Flip:
    return replace(flip, distance=NAN, mix=np.full(7, NAN), pair=None, proof=None)


def turned(flip: Flip) -> tuple[int, int]:
    above, below = flip.pair or (0, 0)
    return below, above


def further_pair(flip: Flip) -> tuple[int, int]:
    return next(pair for pair in pairs_and_rows(flip)[0].pairs if pair != flip.pair)


@pytest.mark.parametrize("forge", LEAST_FORGERIES.values(), ids=LEAST_FORGERIES.keys())
def test_a_forged_flip_of_a_ranking_is_caught(forge: Forgery) -> None:
    flip = sp.flip(LARGER)
    assert flip.exists
    assert flip.prove().lower <= flip.distance
    with pytest.raises(CertificateError):
        forge(flip).prove()


def test_a_minimum_is_of_certificates(by_hand: Certificate) -> None:
    def check(pairs: Any, certify: Any, claim: Any = None) -> ProvenInterval:
        return LeastOf(pairs, certify, claim).check()

    liar = Liar(**vars(by_hand))
    for pairs in ((1, 2), ((1, 2, 3),), ((0, -1),), ((0, 0),), [(0, 1)], None):
        with pytest.raises(CertificateError):
            check(pairs, lambda above, below: by_hand)
    for certify in (None, lambda above, below: None, lambda above, below: liar, lambda above: 0):
        with pytest.raises(CertificateError):
            check(((0, 1),), certify)
    claim = sp.flip(LARGER).claim
    assert isinstance(claim, PairFlips)
    proof, _ = pairs_and_rows(sp.flip(LARGER))
    no_table: Any = NAN
    for wrong in (1, "x", replace(claim, margin=-1.0), replace(claim, table=no_table)):
        with pytest.raises(CertificateError):
            check(proof.pairs, proof.certify, wrong)


def test_what_a_claim_remembers_counts_for_nothing() -> None:
    flip = sp.flip(LARGER)
    vars(flip.claim)["pairs"] = np.empty((0, 2), dtype=np.int64)
    with pytest.raises(CertificateError):
        as_tie(flip).prove()


PROGRAMS = {
    "all of an order": sp.flip(TWO_CAMPS, sp.Order([2, 0, 1])),
    "a constraint": sp.flip(
        TWO_CAMPS, Pair(2, over=0), constraints=LinearConstraint([[1, 0, 0]], 0.3, 0.4)
    ),
    "one that is tight": sp.flip(TWO_CAMPS, [Pair(2, over=0), Pair(0, over=2)]),
    "another divergence": sp.flip(TWO_CAMPS, divergence="kl"),
    "no way": sp.flip(TWO_CAMPS, [Pair(1, over=0)]),
    "there already": sp.flip(TWO_CAMPS, [Pair(0, over=1)]),
}


@pytest.mark.parametrize("flip", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_programs_are_those_of_the_scores(flip: Flip) -> None:
    assert flip.prove().upper == flip.distance
    claim, nothing = flip.claim, cast(Any, None)
    other = np.array([[0.5, 0.4, 0.7], [0.6, 0.5, 0.2], [0.3, 0.8, 0.5]])
    forgeries: list[Any] = [
        with_claim(table=other),
        with_claim(margin=0.125),
        with_claim(constraints=LinearConstraint([[1, 1, 0]], 0.0, 0.875)),
        with_claim(divergence=Wasserstein([0, 1, 3])),
        with_fields(pair=(1, 2)),
        with_fields(pair=(0, 99)),
    ]
    if isinstance(claim, Arrangement):
        forgeries += [
            with_claim(pairs=((1, 2),)),
            with_claim(pairs=(*claim.pairs[::-1], (2, 1))),
            with_claim(pairs=((0, 99),)),
            with_claim(pairs="x"),
            with_claim(program=None),
            with_claim(program=replace(claim.program, rows=nothing)),
        ]
    else:
        assert isinstance(claim, PairFlips)
        assert claim.programs is not None
        forgeries += [
            with_claim(programs=None),
            with_claim(programs=dict.fromkeys(claim.programs)),
            with_claim(programs=dict.fromkeys(claim.programs, "x")),
        ]
    for forge in forgeries:
        with pytest.raises(CertificateError):
            forge(flip).prove()


def test_the_pair_of_a_program_is_that_of_its_row() -> None:
    flip = PAIR_FLIPS["program"]
    assert isinstance(flip.claim, Arrangement)
    forged = replace(flip, pair=(0, 1), claim=replace(flip.claim, pairs=((1, 0),)))
    with pytest.raises(CertificateError):
        forged.prove()


def test_an_equality_that_is_not_tight_is_no_program() -> None:
    # Row and margin with the row turned round: the pairs level, where they need not be.
    flip = sp.flip(TWO_CAMPS, [Pair(2, over=0), Pair(0, over=1)])
    assert isinstance(flip.claim, Arrangement)
    rows = np.concatenate([certificate_of(flip).rows, -certificate_of(flip).rows[1:]])
    program = replace(flip.claim.program, rows=rows, bounds=np.zeros(3))
    proof = replace(certificate_of(flip), rows=rows, bounds=np.zeros(3), prices=fractions(0, 0, 0))
    with pytest.raises(CertificateError, match="not that of the claim's scores"):
        replace(flip, claim=replace(flip.claim, program=program), proof=proof).prove()


def test_a_minimum_without_all_its_pairs_fails_its_own_check() -> None:
    proof, _ = pairs_and_rows(sp.flip(LARGER))
    for pairs in ((), proof.pairs[:1], proof.pairs[1:]):
        with pytest.raises(CertificateError):
            replace(proof, pairs=pairs).check()


def test_an_infinite_distance_needs_the_proof_that_there_is_none(crowd: Population) -> None:
    never, flip = sp.flip(crowd, Pair(0, over=1)), sp.flip(TWO_CAMPS, Pair(2, over=0))
    assert never.prove() == ProvenInterval(INF, INF, 0.0)
    assert sp.flip(crowd).prove() == ProvenInterval(INF, INF, 0.0)
    denial = replace(certificate_of(flip), primal=None, potential=None, prices=fractions(1))
    for forged in (
        replace(never, distance=1.0),
        replace(never, distance=0.5, mix=never.base),
        replace(never, mix=never.base),
        replace(flip, distance=INF, mix=np.full(3, NAN), proof=denial),
        replace(flip, distance=INF, mix=np.full(3, NAN), proof=never.certificate),
        replace(flip, distance=INF, mix=np.full(3, NAN)),
        replace(never, pair=(0, 2)),
        replace(never, pair=(0, 99)),
        with_fields(pair="x")(never),
        replace(never, pair=None),
        replace(sp.flip(crowd), pair=(1, 0)),
    ):
        with pytest.raises(CertificateError):
            forged.prove()


def test_ties_are_proven_by_having_no_pair(level: Population, crowd: Population) -> None:
    for tied in (sp.flip(level), sp.flip(level, Winner()), sp.flip(crowd, Pair(2, over=0))):
        interval = tied.prove()
        assert math.isnan(interval.lower)
        for forged in (
            replace(tied, distance=0.1),
            replace(tied, claim=sp.flip(crowd).claim),
            replace(tied, mix=tied.base),
            with_fields(mix="x")(tied),
            replace(tied, pair=(0, 1)),
            replace(tied, ties=()),
            replace(tied, proof=sp.flip(crowd).certificate),
            with_claim(margin=NAN)(tied),
            with_claim(floor="x")(tied),
        ):
            with pytest.raises(CertificateError):
                forged.prove()


def test_integers_are_fractions_too(by_hand: Certificate) -> None:
    whole: Any = (0, 1, 1)
    assert replace(by_hand, potential=whole).check() == by_hand.check()


@pytest.mark.parametrize("width", [NAN, INF, -1.0, None, "0.1"])
def test_a_width_is_a_number(by_hand: Certificate, width: Any) -> None:
    with refuses("width"):
        by_hand.check(width=width)


@pytest.mark.parametrize(
    ("divergence", "base"),
    [(Wasserstein([0, 1]), [0.5, 0.25, 0.25]), (ChiSquare(), [0.5, 0.5, 0.0])],
)
def test_a_divergence_must_fit_the_base(
    by_hand: Certificate, divergence: Divergence, base: list[float]
) -> None:
    with pytest.raises(CertificateError, match="the program is not valid"):
        replace(by_hand, divergence=divergence, base=np.array(base)).check()


def test_an_absurd_potential_is_answered_in_time(by_hand: Certificate) -> None:
    absurd = replace(by_hand, divergence=KullbackLeibler(), potential=fractions(0, "1e30", "-1e30"))
    with pytest.raises(CertificateError, match="apart"):
        absurd.check()
    tiny = replace(by_hand, divergence=ChiSquare(), base=np.array([1.0, 5e-324, 5e-324]))
    with pytest.raises(CertificateError, match="too large"):
        tiny.check()

"""Ranking flips in closed form: the flip of a pair is a fractional knapsack.

Alternative b overtakes a when c.d >= margin with c = P[b] - P[a]. Of all ways to move mass t,
taking it from the alternatives with the smallest c and giving it to the one with the largest
raises c.d the most, so the smallest sufficient t is the distance in total variation. Floats
find and bound it for many pairs at once; rational arithmetic then settles the answer exactly.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import InputError
from ..population import Population
from ..rules import TIE_TOLERANCE, ranking
from .certificate import Certificate, LeastOf, dot, exact, exact_distribution
from .claim import PairFlips, arguments
from .flip import WORTHWHILE, Flip

BLOCK = 1 << 18
"""Numbers handled at once by the batched functions: bounds memory and stays in cache."""

LARGEST = 1e100
"""The largest gain: products and sums of gains are still finite."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def flip_distances(
    gains: ArrayLike,
    sampling: ArrayLike | None = None,
    *,
    margin: float = 0.0,
    floor: float = 0.0,
) -> Floats:
    """Solve many flip programs at once.

    Each program is ``min TV(d, d0)`` subject to ``sum d = 1``, ``d >= floor`` and
    ``gains @ d >= margin``.

    Parameters
    ----------
    gains : array_like, shape (..., K)
        ``P[below] - P[above]`` of each pair.
    sampling : array_like, shape (K,) or (..., K), optional
        The base d0 of all or of each program; uniform if omitted.
    margin : float
        By how much the score of `below` must come to exceed that of `above`; at least 0.
    floor : float
        The least mass of every alternative; in [0, 1/K].

    Returns
    -------
    ndarray, shape (...)
        Distances in [0, 1], inf where no distribution does it. Float arithmetic: where almost
        equal gains make the distance sensitive to rounding it can be off; `pair_flip` and
        `ranking_flip` settle those cases exactly.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Notes
    -----
    The greedy solution of section 3's linear program, O(K log K) for each.

    Examples
    --------
    >>> from socialpref import flip_distances
    >>> flip_distances([[-0.3, 0.1, 0.1], [-0.3, -0.2, -0.1]]).round(4)
    array([0.0833,    inf])
    """
    must = f"an array of numbers up to {LARGEST:g} with a last axis of at least 2 alternatives"
    array = _validate.any_array("gains", gains, must)
    if array.ndim < 1 or array.shape[-1] < 2 or not (np.abs(array) <= LARGEST).all():
        raise _validate.complaint("gains", must, f"shape {array.shape}")
    size = array.shape[-1]
    margin, floor = _validate.limits(margin, floor, size)
    base = _bases(sampling, array.shape)
    flat = array.reshape(-1, size)
    bases = base if base.ndim == 1 else base.reshape(-1, size)
    blocks = (
        _greedy(flat[rows], bases if bases.ndim == 1 else bases[rows], margin, floor)
        for rows in _blocks(len(flat), size)
    )
    return np.concatenate([*blocks, np.empty(0)]).reshape(array.shape[:-1])


def pair_flip_distances(
    pairwise: ArrayLike,
    sampling: ArrayLike | None = None,
    *,
    margin: float = 0.0,
    floor: float = 0.0,
) -> Floats:
    """Return the flip distance of every pair of every problem in a batch.

    Parameters
    ----------
    pairwise : array_like, shape (..., K, K)
        Preference probabilities P of each problem.
    sampling : array_like, shape (K,) or (..., K), optional
        The base of all or of each problem; uniform if omitted.
    margin, floor : float
        As for `flip_distances`.

    Returns
    -------
    ndarray, shape (..., K, K)
        Entry [a, b] is the distance at which b overtakes a; NaN unless a is strictly above b
        at the base.

    Raises
    ------
    InputError
        If an argument has the wrong shape or is out of its range.

    Examples
    --------
    >>> from socialpref import Population, pair_flip_distances
    >>> P = Population([[0, -1, -2], [0, -2, 4]]).pairwise()
    >>> pair_flip_distances(P).round(4)
    array([[   nan,    inf, 0.1067],
           [   nan,    nan,    nan],
           [   nan,    inf,    nan]])
    """
    must = "an array of probabilities, of shape (..., K, K) with K at least 2"
    array = _validate.any_array("pairwise", pairwise, must)
    shape = array.shape
    square = len(shape) >= 2 and shape[-1] == shape[-2] >= 2
    if not square or not (np.abs(array - 0.5) <= 0.5 + TIE_TOLERANCE).all():
        raise _validate.complaint("pairwise", must, f"shape {shape}")
    size = shape[-1]
    margin, floor = _validate.limits(margin, floor, size)
    problems = array.reshape(-1, size, size)
    bases = np.broadcast_to(_bases(sampling, shape[:-1]), shape[:-1]).reshape(-1, size)
    first, second = np.triu_indices(size, 1)
    result = np.full(problems.shape, np.nan)
    for rows in _blocks(len(problems), first.size * size):
        block, base = problems[rows], bases[rows]
        scores = np.einsum("nyz,nz->ny", block, base)
        order = np.argsort(-scores, axis=1, kind="stable")
        above, below = order[:, first], order[:, second]
        item = np.arange(len(block))[:, None]
        gains = (block[item, below] - block[item, above]).reshape(-1, size)
        distances = _greedy(gains, np.repeat(base, first.size, axis=0), margin, floor)
        distances = distances.reshape(above.shape)
        distances[scores[item, above] - scores[item, below] <= TIE_TOLERANCE] = np.nan
        result[rows][item, above, below] = distances
    return result.reshape(shape)


def pair_flip(
    population: Population,
    above: int | str,
    below: int | str,
    *,
    sampling: ArrayLike | None = None,
    margin: float = 0.0,
    floor: float = 0.0,
) -> Flip:
    """Return the nearest sampling distribution at which `below` overtakes `above` in NBC.

    Parameters
    ----------
    population : Population
    above, below : int or str
        Position or label of the alternative that has the larger NBC at the base, and of the
        one that is to overtake it.
    sampling : array_like, shape (K,), optional
        The base distribution d0; uniform if omitted.
    margin : float
        By how much NBC of `below` must come to exceed that of `above`. At 0, the default, the
        distance is the infimum: at the returned distribution the two are level.
    floor : float
        The least mass of every alternative. The published protocol uses 1e-5 for both.

    Returns
    -------
    Flip
        Its distance is exact (rounded once); nan if the two are tied at the base.

    Raises
    ------
    InputError
        If `below` is above `above` at the base, or an argument is out of its range.

    References
    ----------
    arXiv 2502.16320, section 7.1, states the linear program.

    Examples
    --------
    >>> from socialpref import Population, pair_flip
    >>> flip = pair_flip(Population([[0, -1, -2], [0, -2, 4]]), above=0, below=2)
    >>> round(flip.distance, 6), flip.sampling.round(4)
    (0.106697, array([0.3333, 0.2266, 0.44  ]))
    """
    base, margin, floor = arguments(population, sampling, margin, floor)
    a, b = population.index(above), population.index(below)
    if a == b:
        raise _validate.complaint("below", "another alternative than 'above'", repr(below))
    claim = PairFlips(population.pairwise(), base, margin, floor, pair=(a, b))
    if len(claim.pairs()):
        certificate = _certify(claim, a, b)
        return _flip(claim, (a, b), certificate, certificate, ())
    scores = claim.preferences @ base
    if scores[b] - scores[a] > TIE_TOLERANCE:
        raise InputError(
            f"'above' must rank above 'below' at the base distribution; NBC of "
            f"{population.options[a]!r} is {scores[a]:.6g}, of {population.options[b]!r} "
            f"{scores[b]:.6g}."
        )
    return _tied(claim, ((min(a, b), max(a, b)),))


def ranking_flip(
    population: Population,
    *,
    sampling: ArrayLike | None = None,
    margin: float = 0.0,
    floor: float = 0.0,
) -> Flip:
    """Return the smallest change of the sampling distribution that reverses some pair.

    With margin 0 only alternatives next to each other in the order at the base need looking
    at: if b overtakes a, then some neighbours between them are reversed at the same
    distribution. With a positive margin every pair is looked at.

    Parameters
    ----------
    population, sampling, margin, floor
        As for `pair_flip`.

    Returns
    -------
    Flip
        `pair` is the pair that is reversed first; `ties` are the ties at the base, which
        never count as flips. Its certificate covers every pair.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> from socialpref import Population, ranking_flip
    >>> flip = ranking_flip(Population([[0, -1, -2], [0, -2, 4]]))
    >>> flip.pair, round(flip.distance, 6)
    ((0, 2), 0.106697)
    """
    base, margin, floor = arguments(population, sampling, margin, floor)
    claim = PairFlips(population.pairwise(), base, margin, floor)
    return _least(claim, claim.order().ties)


def winner_flip(
    population: Population,
    *,
    sampling: ArrayLike | None = None,
    margin: float = 0.0,
    floor: float = 0.0,
) -> Flip:
    """Return the smallest change of the sampling distribution that overtakes the winner.

    Parameters
    ----------
    population, sampling, margin, floor
        As for `pair_flip`.

    Returns
    -------
    Flip
        As for `ranking_flip`, over the pairs (winner, other). If several alternatives are tied
        for winner, `ties` says so and the distance is that of overtaking one of them.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    No sampling distribution dethrones the mediocre winner:

    >>> from socialpref import Population, winner_flip
    >>> winner_flip(Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])).distance
    inf
    """
    base, margin, floor = arguments(population, sampling, margin, floor)
    matrix = population.pairwise()
    size = len(ranking(matrix @ base).winners)
    return _top_flip(PairFlips(matrix, base, margin, floor, top=size))


def top_k_flip(
    population: Population,
    k: int,
    *,
    sampling: ArrayLike | None = None,
    margin: float = 0.0,
    floor: float = 0.0,
) -> Flip:
    """Return the smallest change of the sampling distribution that changes the top-k set.

    Parameters
    ----------
    population, sampling, margin, floor
        As for `pair_flip`.
    k : int
        The size of the set, from 1 to K - 1; 1 is `winner_flip`.

    Returns
    -------
    Flip
        As for `ranking_flip`, over the pairs (member, other).

    Raises
    ------
    InputError
        If the set is not defined because a tie straddles its boundary, or an argument is out
        of its range.

    Examples
    --------
    >>> from socialpref import Population, top_k_flip
    >>> top_k_flip(Population([[0, -1, -2], [0, -2, 4]]), 2).distance
    inf
    """
    base, margin, floor = arguments(population, sampling, margin, floor)
    k = _validate.integer("k", k, 1, population.n_options - 1)
    claim = PairFlips(population.pairwise(), base, margin, floor, top=k)
    groups = claim.order().groups
    sizes = np.cumsum([len(group) for group in groups])
    if k not in sizes:
        tied = groups[int(np.searchsorted(sizes, k))]
        names = " = ".join(repr(population.options[y]) for y in tied)
        raise _validate.complaint("k", "such that no tie straddles the set's boundary", names)
    return _top_flip(claim)


def _top_flip(claim: PairFlips) -> Flip:
    order = claim.order()
    members = set(order.order[: claim.top])
    return _least(claim, tuple(group for group in order.ties if members.issuperset(group)))


def _least(claim: PairFlips, ties: tuple[tuple[int, ...], ...]) -> Flip:
    """Return the least flip of a claim, by branch and bound from floats to exact arithmetic."""
    pairs = claim.pairs()
    if not len(pairs):
        return _tied(claim, ties)
    matrix, base, margin, floor = claim.preferences, claim.base, claim.margin, claim.floor
    size = len(base)
    scores, spread = matrix @ base, np.ptp(matrix, axis=1)
    # Moving mass t changes the score gap by at most t times the range of the gains.
    gap = scores[pairs[:, 0]] - scores[pairs[:, 1]] + margin
    bound = gap / np.maximum(spread[pairs[:, 0]] + spread[pairs[:, 1]], gap)
    pairs = pairs[np.argsort(bound, kind="stable")]
    bound.sort()
    # Rounding changes the gains' value by less than this, hence the floats' bound is rigorous.
    rounding = 8 * size * np.finfo(np.float64).eps
    best: Certificate | None = None
    winner, distance = None, np.inf
    for rows in _blocks(len(pairs), size):
        if bound[rows][0] - rounding >= distance:
            break
        gains = matrix[pairs[rows, 1]] - matrix[pairs[rows, 0]]
        # Most pairs cannot be flipped at all, which takes no sorting to see.
        reachable = np.flatnonzero(_most(gains, floor) >= margin - rounding)
        lower = _greedy(gains[reachable], base, margin - rounding, floor) - rounding
        for k in np.argsort(lower, kind="stable"):
            if lower[k] >= distance - WORTHWHILE:
                break
            a, b = (int(y) for y in pairs[rows][reachable[k]])
            certificate = _certify(claim, a, b)
            if (found := certificate.distance()) < distance:
                best, winner, distance = certificate, (a, b), found
    keys = tuple((int(a), int(b)) for a, b in pairs)
    proof = LeastOf(keys, partial(_certify, claim), claim)
    return _flip(claim, winner, best, proof, ties)


def _greedy(gains: Floats, base: Floats, margin: float, floor: float) -> Floats:
    """Solve n programs: gains (n, K), base (K,) or (n, K)."""
    best = gains.max(axis=1)
    order = np.argsort(gains, axis=1)
    worth = best[:, None] - np.take_along_axis(gains, order, axis=1)
    spare = np.maximum(base - floor, 0.0)
    spare = spare[order] if base.ndim == 1 else np.take_along_axis(spare, order, axis=1)
    need = margin - np.einsum("...k,...k->...", gains, base)
    lack = np.maximum(floor - base, 0.0)
    forced = np.zeros(len(gains))
    if lack.any():  # what must be moved anyway goes where the floor wants it, not to the best
        need += np.einsum("...k,...k->...", lack, best[:, None] - gains)
        forced += lack.sum(axis=-1)
    value = np.cumsum(spare * worth, axis=1)
    row = np.arange(len(gains))
    last = np.maximum((worth > 0.0).sum(axis=1) - 1, 0)
    at = np.minimum((value < need[:, None]).sum(axis=1), last)
    moved = np.cumsum(spare, axis=1)[row, at]
    with np.errstate(divide="ignore", invalid="ignore"):
        unneeded = np.maximum(value[row, at] - need, 0.0) / worth[row, at]
    distance = np.where(worth[row, at] > 0.0, moved - unneeded, moved)
    distance = np.maximum(np.where(need > 0.0, distance, 0.0), forced)
    return np.where(_most(gains, floor) >= margin, distance, np.inf)


def _most(gains: Floats, floor: float) -> Floats:
    """Return the most that any distribution above the floor makes of each program's gains."""
    size = gains.shape[1]
    return floor * gains.sum(axis=1) + (1.0 - size * floor) * gains.max(axis=1)


def _certify(claim: PairFlips, above: int, below: int) -> Certificate:
    """Solve one program exactly: the same greedy solution in rational arithmetic."""
    program = claim.program(above, below)
    row = program.rows[0]
    gains, low = exact(row), Fraction(claim.floor)
    best = max(gains)
    receiver = gains.index(best)
    target = Fraction(claim.margin)

    def certificate(
        primal: list[Fraction] | None, price: Fraction, potential: list[Fraction] | None
    ) -> Certificate:
        return Certificate(
            rows=program.rows,
            bounds=program.bounds,
            base=claim.base,
            floor=claim.floor,
            primal=None if primal is None else tuple(primal),
            prices=(price,),
            potential=None if potential is None else tuple(potential),
        )

    if low * sum(gains) + (1 - len(gains) * low) * best < target:
        return certificate(None, Fraction(1), None)

    d0 = exact_distribution(claim.base)
    point = [max(mass, low) for mass in d0]
    owed = sum(point) - 1  # what the floor forces in, to be taken from those who have least worth
    point[receiver] -= owed
    missing = target - dot(gains, point)
    price = Fraction()
    for y in np.argsort(row, kind="stable").tolist():
        worth = best - gains[y]
        enough = missing / worth if worth else Fraction()
        if max(owed, enough) <= 0:
            break
        amount = min(max(owed, enough), max(d0[y] - low, Fraction()))
        point[y] -= amount
        point[receiver] += amount
        missing -= amount * worth
        price = 1 / worth if enough > owed else Fraction()
        owed -= amount
    potential = [
        Fraction(mass < low or (price and max(1 - price * (best - gain), Fraction())))
        for mass, gain in zip(d0, gains, strict=True)
    ]
    return certificate(point, price, potential)


def _flip(
    claim: PairFlips,
    pair: tuple[int, int] | None,
    certificate: Certificate | None,
    proof: Certificate | LeastOf,
    ties: tuple[tuple[int, ...], ...],
) -> Flip:
    base = claim.base
    if certificate is None or certificate.primal is None:
        return Flip(np.inf, np.full(len(base), np.nan), base, pair, proof, ties, claim)
    sampling = np.array(certificate.primal, dtype=np.float64)
    return Flip(certificate.distance(), sampling, base, pair, proof, ties, claim)


def _tied(claim: PairFlips, ties: tuple[tuple[int, ...], ...]) -> Flip:
    base = claim.base
    return Flip(np.nan, np.full(len(base), np.nan), base, None, None, ties, claim)


def _bases(sampling: ArrayLike | None, shape: tuple[int, ...]) -> Floats:
    """Return one base, (K,), or one of each program, (..., K)."""
    if sampling is None:
        return _validate.distribution("sampling", sampling, shape[-1])
    bases = _validate.any_array("sampling", sampling, f"of shape {shape}")
    if bases.ndim < 2:
        return _validate.distribution("sampling", bases, shape[-1])
    bases = _validate.real_array("sampling", bases, len(shape))
    if bases.shape != shape:
        raise _validate.complaint("sampling", f"of shape {shape}", f"shape {bases.shape}")
    _validate.check_shares("sampling", bases)
    return np.asarray(bases / bases.sum(axis=-1, keepdims=True))


def _blocks(count: int, width: int) -> Iterator[slice]:
    """Cut `count` rows of `width` numbers into slices of about `BLOCK` numbers."""
    step = max(1, BLOCK // width)
    return (slice(start, start + step) for start in range(0, count, step))

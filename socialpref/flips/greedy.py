"""Ranking flips in closed form: the flip of a pair is a fractional knapsack.

Option b overtakes a when c.d >= margin with c = P[b] - P[a]. Of all ways to move mass t,
taking it from the options with the smallest c and giving it to the one with the largest
raises c.d the most, so the smallest sufficient t is the distance in total variation. Floats
find and bound it for many pairs at once; rational arithmetic then settles the answer exactly.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..rules import TIE_TOLERANCE
from .claim import PairFlips, Positions
from .exact import Solution, solve

WORTHWHILE = 1e-12
"""A pair whose flip is nearer by less is not looked for."""

BLOCK = 1 << 18
"""Numbers handled at once by the batched functions: bounds memory and stays in cache."""

LARGEST = 1e100
"""The largest gain: products and sums of gains are still finite."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def greedy_distances(
    gains: ArrayLike,
    sampling: ArrayLike | None = None,
    *,
    margin: float = 0.0,
    floor: float = 0.0,
) -> Floats:
    """Solve many flip programs at once: the kernel of `flip_distances`, on arrays.

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
        The least mass of every option; in [0, 1/K].

    Returns
    -------
    ndarray, shape (...)
        Distances in [0, 1], inf where no distribution does it. Float arithmetic: where almost
        equal gains make the distance sensitive to rounding it can be off; `flip` settles those
        cases exactly.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Notes
    -----
    The greedy solution of section 3's linear program, O(K log K) for each.

    Examples
    --------
    >>> from socialpref.flips import greedy_distances
    >>> greedy_distances([[-0.3, 0.1, 0.1], [-0.3, -0.2, -0.1]]).round(4)
    array([0.0833,    inf])
    """
    must = f"an array of numbers up to {LARGEST:g} with a last axis of at least 2 options"
    array = _validate.any_array("gains", gains, must)
    if array.ndim < 1 or array.shape[-1] < 2 or not (np.abs(array) <= LARGEST).all():
        raise _validate.complaint("gains", must, f"shape {array.shape}")
    size = array.shape[-1]
    margin, floor = _validate.limits(margin, floor, size)
    base = _bases(sampling, array.shape)
    flat = array.reshape(-1, size)
    bases = base if base.ndim == 1 else base.reshape(-1, size)
    parts = (
        greedy(flat[rows], bases if bases.ndim == 1 else bases[rows], margin, floor)
        for rows in blocks(len(flat), size)
    )
    return np.concatenate([*parts, np.empty(0)]).reshape(array.shape[:-1])


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
        As for `greedy_distances`.

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
    >>> from socialpref import Population
    >>> from socialpref.flips import pair_flip_distances
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
    for rows in blocks(len(problems), first.size * size):
        block, base = problems[rows], bases[rows]
        scores = np.einsum("nyz,nz->ny", block, base)
        order = np.argsort(-scores, axis=1, kind="stable")
        above, below = order[:, first], order[:, second]
        item = np.arange(len(block))[:, None]
        gains = (block[item, below] - block[item, above]).reshape(-1, size)
        distances = greedy(gains, np.repeat(base, first.size, axis=0), margin, floor)
        distances = distances.reshape(above.shape)
        distances[scores[item, above] - scores[item, below] <= TIE_TOLERANCE] = np.nan
        result[rows][item, above, below] = distances
    return result.reshape(shape)


def least(claim: PairFlips) -> tuple[Positions, Solution] | None:
    """Return the pair whose flip is nearest and its exact solution; None if no pair can flip.

    Branch and bound: floats bound every distance from below, with the error of their rounding,
    and the pairs that may be nearest are solved exactly. An advantage of less than `WORTHWHILE`
    is not looked for.
    """
    pairs, table, base, margin = claim.pairs, claim.table, claim.base, claim.margin
    size = len(base)
    # A sum of so many products, each of a mass and a number of at most 1, is off by less.
    rounding = 8 * size * np.finfo(np.float64).eps
    if len(pairs) * size > BLOCK:
        pairs, bound = _by_promise(claim, rounding)
    else:
        bound = np.zeros(len(pairs))
    best: tuple[Positions, Solution] | None = None
    distance = np.inf
    for rows in blocks(len(pairs), size):
        if bound[rows][0] - rounding >= distance:
            break
        block = pairs[rows]
        gains = table[block[:, 1]] - table[block[:, 0]]
        easier = margin - rounding * (np.abs(gains).max(axis=1) + margin)
        # Most pairs cannot be flipped at all, which takes no sorting to see.
        reachable = np.flatnonzero(_most(gains.T, claim.floor) >= easier)
        if not len(reachable):
            continue
        lower = greedy(gains[reachable], base, easier[reachable], claim.floor) - rounding
        for k in np.argsort(lower, kind="stable").tolist():
            if lower[k] >= distance - WORTHWHILE:
                break
            above, below = block[reachable[k]].tolist()
            solution = solve(gains[reachable[k]], base, margin, claim.floor)
            if solution is not None and (found := solution.distance) < distance:
                best, distance = ((above, below), solution), found
    return best


def _by_promise(claim: PairFlips, rounding: float) -> tuple[Integers, Floats]:
    """Return the pairs by a lower bound of their distances that takes no sorting of gains.

    Moving mass t changes the difference of two scores by at most t times the range of the gains.
    """
    pairs, spread = claim.pairs, np.ptp(claim.table, axis=1)
    gap = claim.scores[pairs[:, 0]] - claim.scores[pairs[:, 1]] + claim.margin
    gap = np.maximum(gap - rounding * np.abs(claim.table).max(), 0.0)
    reach = spread[pairs[:, 0]] + spread[pairs[:, 1]]
    bound = np.divide(gap, np.maximum(reach, gap), out=np.zeros_like(gap), where=gap > 0.0)
    order = np.argsort(bound, kind="stable")
    return pairs[order], bound[order]


def greedy(gains: Floats, base: Floats, margin: float | Floats, floor: float) -> Floats:
    """Solve n programs: gains (n, K), base (K,) or (n, K), margin of all or (n,)."""
    # Options first: sums over few options are then fast.
    gains = np.ascontiguousarray(gains.T)
    distances = np.full(gains.shape[1], np.inf)
    reachable = np.flatnonzero(_most(gains, floor) >= margin)
    if len(reachable):
        base = base[:, None] if base.ndim == 1 else base[reachable].T
        margin = margin[reachable] if isinstance(margin, np.ndarray) else margin
        distances[reachable] = _knapsacks(gains[:, reachable], base, margin, floor)
    return distances


def _knapsacks(gains: Floats, base: Floats, margin: float | Floats, floor: float) -> Floats:
    """Return the distances of programs that have solutions: gains (K, n), base (K, 1 or n)."""
    column = np.arange(gains.shape[1])
    order = gains.argsort(axis=0)
    best = gains.max(axis=0)
    worth = best - np.take_along_axis(gains, order, axis=0)
    spare = np.take_along_axis(np.maximum(base - floor, 0.0), order, axis=0)
    need = margin - (gains * base).sum(axis=0)
    forced: Floats | float = 0.0
    if floor > 0.0 and (lack := np.maximum(floor - base, 0.0)).any():
        # What must be moved anyway goes where the floor wants it, not to the best.
        need += (lack * (best - gains)).sum(axis=0)
        forced = lack.sum(axis=0)
    value = (spare * worth).cumsum(axis=0)
    last = np.maximum((worth > 0.0).sum(axis=0) - 1, 0)
    at = np.minimum((value < need).sum(axis=0), last)
    moved, rate = spare.cumsum(axis=0)[at, column], worth[at, column]
    beyond = np.maximum(value[at, column] - need, 0.0)
    unneeded = np.divide(beyond, rate, out=np.zeros_like(beyond), where=rate > 0.0)
    return np.maximum(np.where(need > 0.0, moved - unneeded, 0.0), forced)


def _most(gains: Floats, floor: float) -> Floats:
    """Return the largest mean of gains, (K, n), over distributions above the floor."""
    return floor * gains.sum(axis=0) + (1.0 - len(gains) * floor) * gains.max(axis=0)


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


def blocks(count: int, width: int) -> Iterator[slice]:
    """Cut `count` rows of `width` numbers into slices of about `BLOCK` numbers."""
    step = max(1, BLOCK // width)
    return (slice(start, start + step) for start in range(0, count, step))

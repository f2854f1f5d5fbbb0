"""Bradley–Terry fits: the rewards that standard DPO learns from a set of comparisons.

With one free reward for each option, the empirical DPO loss is the Bradley–Terry negative
log-likelihood of the comparisons. Its maximum is found by Newton's method: the Hessian is the
Laplacian of the comparison graph, so each step is one sparse system of linear equations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .errors import ConvergenceError, InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

BLOCK = 1 << 15
"""Pairs handled at once: what they need stays in cache."""

DENSE_STEP = 300
"""Up to this many options a Newton step by dense elimination is at least as fast."""

DENSE_ERRORS = 3000
"""Up to this many options standard errors come from one dense inverse."""

SHOWN = 5
"""Options that an error message lists before it cuts them short."""


@dataclass(frozen=True, eq=False)
class BradleyTerryFit:
    """The maximum of a Bradley–Terry likelihood, and the comparisons it explains.

    Attributes
    ----------
    rewards : ndarray, shape (n,)
        The rewards h, with mean 0: option y beats z with probability ``sigma(h_y - h_z)``.
    log_likelihood : float
        The weighted sum of the comparisons' log-probabilities, at its maximum.
    residual : float
        How far from stationary: the largest ``|sum_z n_yz (w_yz - sigma(h_y - h_z))|`` of any
        option, per unit of total weight.
    iterations : int
        Newton steps.
    n_comparisons : int
        Rows that were given, those of weight 0 included.
    low, high : ndarray, shape (pairs,)
        Each pair of options that were compared, once, with ``low < high``.
    wins, losses : ndarray, shape (pairs,)
        The weight with which `low` won and lost.
    """

    rewards: Floats
    log_likelihood: float
    residual: float
    iterations: int
    n_comparisons: int
    low: Integers
    high: Integers
    wins: Floats
    losses: Floats

    def standard_errors(self) -> Floats:
        """Return the standard error of each reward under the constraint that they sum to 0.

        The square roots of the diagonal of the pseudo-inverse of the observed information.
        Weights count as repetitions: weights that do not count comparisons give errors on
        another scale. Up to 3,000 options by one dense inverse; above, by conjugate gradients
        option by option, which takes minutes for 10,000.

        Returns
        -------
        ndarray, shape (n,)

        Raises
        ------
        ConvergenceError
            If conjugate gradients do not converge.
        """
        size = len(self.rewards)
        information = self._information()
        if size <= DENSE_ERRORS:
            variances = np.diag(np.linalg.inv(information.lifted())) - 1.0 / information.lift
        else:
            units = (np.arange(size) == y for y in range(size))
            variances = np.array([unit @ information.solve(unit - 1.0 / size) for unit in units])
        return np.sqrt(variances)

    def standard_error_of_difference(self, i: int, j: int) -> float:
        """Return the standard error of ``rewards[i] - rewards[j]``.

        Raises
        ------
        InputError
            If `i` or `j` is not an option.
        ConvergenceError
            If conjugate gradients do not converge.
        """
        size = len(self.rewards)
        contrast = np.zeros(size)
        for name, option, sign in (("i", i, 1.0), ("j", j, -1.0)):
            if not isinstance(option, int | np.integer) or not 0 <= option < size:
                raise _validate.complaint(name, f"an option in 0..{size - 1}", repr(option))
            contrast[option] += sign
        return float(np.sqrt(contrast @ self._information().solve(contrast)))

    def _information(self) -> "_Laplacian":
        likelihood = _Likelihood(_Pairs(self.low, self.high, self.wins, self.losses), self.rewards)
        return _Laplacian(likelihood.graph, likelihood.at(self.rewards).curvature)


def fit_bradley_terry(
    first: ArrayLike,
    second: ArrayLike,
    outcomes: ArrayLike = 1.0,
    *,
    weights: ArrayLike | None = None,
    n_options: int | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
) -> BradleyTerryFit:
    """Fit rewards to comparisons by maximum likelihood.

    The fit is the limit of standard DPO on these comparisons: the maximum over h of
    ``sum w [y log sigma(h_first - h_second) + (1 - y) log sigma(h_second - h_first)]``.

    Parameters
    ----------
    first, second : array_like of int, shape (m,)
        The two options of each comparison, numbered from 0.
    outcomes : array_like, shape (m,) or a number
        The probability y that `first` wins: 1 a win, 0 a loss, 1/2 a tie, in between a soft
        label.
    weights : array_like, shape (m,) or a number, optional
        How often each comparison counts, at least 0; once if omitted.
    n_options : int, optional
        The number of options; one more than the largest in the comparisons if omitted.
    tolerance : float
        The largest residual to accept.
    max_iterations : int
        The largest number of Newton steps.

    Returns
    -------
    BradleyTerryFit

    Raises
    ------
    InputError
        If an argument is out of its range, or no finite maximum exists: some options cannot be
        compared with the others, or win (or lose) all comparisons with them.
    ConvergenceError
        If the residual is still above the tolerance after `max_iterations` steps.

    Notes
    -----
    Repeats of a pair are merged into win counts. Steps of Newton's method are solved by
    conjugate gradients with Jacobi's preconditioner (densely for few options) and halved until
    the log-likelihood, which is concave, rises. A finite maximum exists, and is unique up to a
    constant, if and only if the directed graph "sometimes beats" is strongly connected.

    References
    ----------
    Bradley and Terry (1952), "Rank analysis of incomplete block designs", Biometrika 39;
    Ford (1957), "Solution of a ranking problem from binary comparisons".

    Examples
    --------
    Three wins to one: the rewards differ by log 3.

    >>> from socialpref import fit_bradley_terry
    >>> fit_bradley_terry([0, 0, 0, 1], [1, 1, 1, 0]).rewards.round(4)
    array([ 0.5493, -0.5493])
    """
    _validate.number("tolerance", tolerance, 0.0)
    if not isinstance(max_iterations, int | np.integer) or max_iterations < 1:
        raise _validate.complaint("max_iterations", "an integer of at least 1", max_iterations)
    size, rows = _options(first, second, n_options)
    labels = _per_row("outcomes", outcomes, len(rows[0]), 1.0)
    counts = _per_row("weights", 1.0 if weights is None else weights, len(rows[0]), np.inf)
    pairs = _merge(*rows, labels, counts, size)
    _check_maximum(pairs, size)

    likelihood = _Likelihood(pairs, np.zeros(size))
    total = float(pairs.wins.sum() + pairs.losses.sum())
    point = likelihood.at_zero()
    for iterations in range(max_iterations + 1):
        residual = float(np.abs(point.gradient).max()) / total
        if residual <= tolerance:
            rewards = point.rewards - point.rewards.mean()
            return BradleyTerryFit(
                rewards, point.value, residual, iterations, len(rows[0]), *pairs
            )
        if iterations < max_iterations:
            laplacian = _Laplacian(likelihood.graph, point.curvature)
            # Far from the maximum the model is rough, and so may its solution be.
            step = laplacian.solve(
                point.gradient, min(0.1, residual * size), 0.1 * tolerance * total
            )
            point = _ascend(likelihood, point, step)
    raise ConvergenceError(
        f"Bradley-Terry fit: residual {residual:.2e} after {max_iterations} Newton steps, "
        f"tolerance {tolerance:.2e}"
    )


class _Pairs(NamedTuple):
    """Comparisons merged by pair, sorted by (low, high)."""

    low: Integers
    high: Integers
    wins: Floats
    losses: Floats


class _Point(NamedTuple):
    """The log-likelihood at some rewards, its gradient and each pair's second derivative."""

    rewards: Floats
    value: float
    gradient: Floats
    curvature: Floats


class _Graph:
    """The compared pairs as an upper triangular matrix, whose values change."""

    def __init__(self, low: Integers, high: Integers, size: int) -> None:
        self.size = size
        self.low, self.high = low, high
        index = np.int32 if max(size, len(low)) < 2**31 else np.int64
        self._indices = high.astype(index)
        self._starts = np.zeros(size + 1, dtype=index)
        np.cumsum(np.bincount(low, minlength=size), out=self._starts[1:])

    def upper(self, values: Floats) -> Any:
        """Return the matrix with ``values[k]`` at ``(low[k], high[k])``."""
        from scipy.sparse import csr_array

        return csr_array((values, self._indices, self._starts), shape=(self.size, self.size))


class _Likelihood:
    """sum over pairs of wins * log sigma(x) + losses * log sigma(-x), x = h_low - h_high."""

    def __init__(self, pairs: _Pairs, like: Floats) -> None:
        self.pairs = pairs
        self.graph = _Graph(pairs.low, pairs.high, len(like))
        self.games = pairs.wins + pairs.losses

    def at_zero(self) -> _Point:
        """Evaluate where all rewards are 0, which takes no exponentials."""
        force = 0.5 * (self.pairs.wins - self.pairs.losses)
        value = -float(np.log(2.0) * self.games.sum())
        return _Point(np.zeros(self.graph.size), value, self._nodes(force), 0.25 * self.games)

    def at(self, rewards: Floats) -> _Point:
        """Evaluate at any rewards; no gap is too large for floats."""
        force, curvature = np.empty_like(self.games), np.empty_like(self.games)
        value = 0.0
        for part in _blocks(len(self.games)):
            low, high, wins, losses = (array[part] for array in self.pairs)
            gap = rewards.take(low) - rewards.take(high)
            odds = np.exp(-np.abs(gap))
            likelier = 1.0 / (1.0 + odds)  # sigma(|gap|); sigma(-|gap|) is odds * likelier
            ahead = gap >= 0.0
            games = self.games[part]
            curvature[part] = games * odds * likelier * likelier
            force[part] = wins - games * np.where(ahead, likelier, odds * likelier)
            value += games @ np.log(likelier) + np.where(ahead, -losses, wins) @ gap
        return _Point(rewards, float(value), self._nodes(force), curvature)

    def _nodes(self, force: Floats) -> Floats:
        """Return the sum of the forces on each option: low is pushed up, high down."""
        upper, one = self.graph.upper(force), np.ones(self.graph.size)
        return np.asarray(upper @ one - upper.T @ one)


class _Laplacian:
    """Minus the Hessian: the Laplacian of the graph whose edges weigh `curvature`."""

    def __init__(self, graph: _Graph, curvature: Floats) -> None:
        self._upper = graph.upper(curvature)
        self._lower = self._upper.T
        one = np.ones(graph.size)
        self._degree = self._upper @ one + self._lower @ one
        self.lift = float(self._degree.sum())
        """What `lifted` adds to the eigenvalue of the constant vector, times the size."""

    def lifted(self) -> Floats:
        """Return the dense Laplacian with a constant added, which makes it definite."""
        size = len(self._degree)
        upper = self._upper.toarray()
        dense = self.lift / size**2 - upper - upper.T
        dense[np.diag_indices(size)] += self._degree
        return np.asarray(dense)

    def solve(self, force: Floats, relative: float = 1e-12, absolute: float = 0.0) -> Floats:
        """Return the vector of mean 0 that the Laplacian maps to `force`, whose sum is 0."""
        from scipy.sparse.linalg import LinearOperator, cg

        size = len(force)
        if size <= DENSE_STEP:
            found = np.linalg.solve(self.lifted(), force)
        else:
            shape = (size, size)
            inverse = 1.0 / self._degree
            found, failed = cg(
                LinearOperator(shape, matvec=self._times, dtype=np.float64),
                force,
                rtol=relative,
                atol=absolute,
                M=LinearOperator(shape, matvec=lambda v: inverse * v, dtype=np.float64),
            )
            if failed:
                raise ConvergenceError("Bradley-Terry fit: conjugate gradients did not converge")
        return np.asarray(found - found.mean())

    def _times(self, vector: Floats) -> Floats:
        return np.asarray(
            self._degree * vector - self._upper @ vector - self._lower @ vector
        )


def _ascend(likelihood: _Likelihood, point: _Point, step: Floats) -> _Point:
    """Take the longest of the steps 1, 1/2, 1/4, ... that raises the log-likelihood enough."""
    slope = float(point.gradient @ step)
    rounding = 1e-13 * abs(point.value)
    for halvings in range(60):
        length = 0.5**halvings
        new = likelihood.at(point.rewards + length * step)
        if new.value >= point.value + 1e-4 * length * slope - rounding:
            return new
    raise ConvergenceError("Bradley-Terry fit: no step raises the log-likelihood")


def _merge(
    first: Integers, second: Integers, labels: Floats, counts: Floats, size: int
) -> _Pairs:
    """Add up wins and losses of each unordered pair; rows without weight are left out."""
    swapped = first > second
    low, high = np.minimum(first, second), np.maximum(first, second)
    wins, losses = counts * labels, counts * (1.0 - labels)
    wins, losses = np.where(swapped, losses, wins), np.where(swapped, wins, losses)
    if not counts.all():
        low, high, wins, losses = (array[counts > 0.0] for array in (low, high, wins, losses))
    order = _order(low, high, size)
    low, high = low[order], high[order]
    new = np.ones(len(low), dtype=bool)
    new[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    starts = np.flatnonzero(new)
    return _Pairs(
        low[starts],
        high[starts],
        np.add.reduceat(wins[order], starts),
        np.add.reduceat(losses[order], starts),
    )


def _order(low: Integers, high: Integers, size: int) -> Integers:
    """Return the rows sorted by (low, high); sorting all three as one number is fastest."""
    option, row = int(size - 1).bit_length(), len(low).bit_length()
    if 2 * option + row > 63:
        return np.lexsort((high, low))
    keys = np.sort((low << (option + row)) | (high << row) | np.arange(len(low)))
    return np.asarray(keys & ((1 << row) - 1), dtype=np.intp)


def _check_maximum(pairs: _Pairs, size: int) -> None:
    """Refuse comparisons whose likelihood has no finite or no unique maximum."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    won, lost = pairs.wins > 0.0, pairs.losses > 0.0
    winner = np.concatenate([pairs.low[won], pairs.high[lost]])
    loser = np.concatenate([pairs.high[won], pairs.low[lost]])
    beats = coo_array((np.ones(len(winner)), (winner, loser)), shape=(size, size))
    beats.has_canonical_format = True  # no entry is there twice
    beats = beats.tocsr()
    count, group = connected_components(beats, connection="strong")
    if count == 1:
        return
    parts, part = connected_components(beats, directed=False)
    if parts > 1:
        raise InputError(
            "'first' and 'second' must link all options by comparisons; got none between "
            f"options {_listed(part == part[0])} and {_listed(part == part[part != part[0]][0])}."
        )
    apart = group[winner] != group[loser]
    always = []
    for verb, other in (("wins", loser), ("loses", winner)):
        closed = np.setdiff1d(np.arange(count), group[other[apart]])[0]
        always.append(f"options {_listed(group == closed)}, of which none ever {verb}")
    raise InputError(
        "'outcomes' must let every group of options win and lose against the others, or there "
        f"is no finite maximum; got {' and '.join(always)}."
    )


def _listed(members: NDArray[np.bool_]) -> str:
    options = np.flatnonzero(members)
    names = ", ".join(str(y) for y in options[:SHOWN])
    return names + (f", ... ({len(options)} in all)" if len(options) > SHOWN else "")


def _options(
    first: ArrayLike, second: ArrayLike, n_options: int | None
) -> tuple[int, tuple[Integers, Integers]]:
    """Return the number of options and the two options of each comparison."""
    must = "a one-dimensional array of at least one integer"
    rows = []
    for name, values in (("first", first), ("second", second)):
        array = np.asarray(values)
        if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
            raise _validate.complaint(name, must, f"shape {array.shape} of {array.dtype}")
        rows.append(array.astype(np.intp, copy=False))
    if len(rows[0]) != len(rows[1]):
        raise _validate.complaint(
            "second", f"of the length of 'first', {len(rows[0])}", f"length {len(rows[1])}"
        )
    most = max(int(array.max()) for array in rows)
    size = most + 1 if n_options is None else n_options
    if not isinstance(size, int | np.integer) or size < 2:
        raise _validate.complaint("n_options", "an integer of at least 2", repr(size))
    for name, array in zip(("first", "second"), rows, strict=True):
        if array.min() < 0 or array.max() >= size:
            wrong = array[(array < 0) | (array >= size)][0]
            raise _validate.complaint(name, f"options in 0..{size - 1}", f"{wrong} among them")
    same = rows[0] == rows[1]
    if same.any():
        row = int(np.argmax(same))
        raise _validate.complaint(
            "second", "another option than 'first'", f"{rows[1][row]} twice in row {row}"
        )
    return int(size), (rows[0], rows[1])


def _per_row(name: str, values: ArrayLike, rows: int, high: float) -> Floats:
    """Return one number in [0, high] for each row."""
    must = f"numbers in [0, {high:g}]" if np.isfinite(high) else "finite non-negative numbers"
    array = _validate.any_array(name, values, must)
    if array.ndim and array.shape != (rows,):
        raise _validate.complaint(name, f"one number or of length {rows}", f"shape {array.shape}")
    right = (array >= 0.0) & (array <= high) & np.isfinite(array)
    if not right.all():
        raise _validate.complaint(name, must, f"{array[~right].flat[0]} among them")
    return np.broadcast_to(array, (rows,))


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))

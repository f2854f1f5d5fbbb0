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

BLOCK = 1 << 13
"""Pairs handled at once: what they need stays in cache."""

FORCING = 1e-2
"""How exactly conjugate gradients solve for a Newton step, relative to the gradient."""

DENSE_STEP = 150
"""Up to this many options a Newton step by dense elimination is at least as fast."""

FEW_STEPS = 6
"""Steps from option to option that are tried before the graph's components are computed."""

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
        likelihood = _Likelihood(
            _Pairs(self.low, self.high, self.wins, self.losses), len(self.rewards)
        )
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
    if not counts.any():
        raise _validate.complaint("weights", "positive for some comparison", "only zeros")
    pairs = _merge(*rows, labels, counts, size)
    likelihood = _Likelihood(pairs, size)
    _check_maximum(pairs, likelihood.graph)
    total = float(pairs.wins.sum() + pairs.losses.sum())
    point = likelihood.at(likelihood.start())
    for iterations in range(max_iterations + 1):
        residual = float(np.abs(point.gradient).max()) / total
        if residual <= tolerance:
            rewards = point.rewards - point.rewards.mean()
            return BradleyTerryFit(rewards, point.value, residual, iterations, len(rows[0]), *pairs)
        if iterations < max_iterations:
            laplacian = _Laplacian(likelihood.graph, point.curvature)
            step = laplacian.solve(point.gradient, FORCING, 0.1 * tolerance * total)
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
        self.size, self.low, self.high = size, low, high
        index = np.int32 if max(size, len(low)) < 2**31 else np.int64
        self._indices = high.astype(index)
        self._starts = np.zeros(size + 1, dtype=index)
        np.cumsum(np.bincount(low, minlength=size), out=self._starts[1:])

    @property
    def is_small(self) -> bool:
        """Whether dense matrices are at least as fast as sparse ones."""
        return self.size <= DENSE_STEP

    def upper(self, values: Floats) -> Any:
        """Return the matrix with ``values[k]`` at ``(low[k], high[k])``; dense if small."""
        from scipy.sparse import csr_array

        if self.is_small:
            return self.dense(values)
        return csr_array((values, self._indices, self._starts), shape=(self.size, self.size))

    def dense(self, values: Floats) -> Floats:
        """Return the same matrix, dense."""
        matrix = np.zeros((self.size, self.size))
        matrix[self.low, self.high] = values
        return matrix

    def sums(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the sum of the values of each option's pairs: where it is low, and high."""
        return (
            np.asarray(np.bincount(self.low, values, self.size), dtype=np.float64),
            np.asarray(np.bincount(self.high, values, self.size), dtype=np.float64),
        )


class _Likelihood:
    """sum over pairs of wins * log sigma(x) + losses * log sigma(-x), x = h_low - h_high."""

    def __init__(self, pairs: _Pairs, size: int) -> None:
        self.pairs = pairs
        self.graph = _Graph(pairs.low, pairs.high, size)
        self.games = pairs.wins + pairs.losses
        self.lead = 0.5 * (pairs.wins - pairs.losses)
        self.pull = self._nodes(self.lead)

    def start(self) -> Floats:
        """Guess the rewards from each option's share of wins.

        Opponents whose rewards vary flatten the log-odds of winning: by sqrt(1 + 0.346 variance)
        if they are normal.
        """
        ahead = self.pull / (
            0.51 * sum(self.graph.sums(self.games))
        )  # shares of 0 and 1 are drawn in by 1 per cent
        odds = np.log((1.0 + ahead) / (1.0 - ahead))
        odds -= odds.mean()
        return np.asarray(odds * np.sqrt(1.0 + 0.346 * odds.var()))

    def at(self, rewards: Floats) -> _Point:
        """Evaluate at any rewards; no gap is too large for floats.

        With ``lead = (wins - losses) / 2``, a pair adds ``lead * x`` and
        ``games * (log sigma(|x|) - |x| / 2)`` to the value.
        """
        excess, curvature = np.empty_like(self.games), np.empty_like(self.games)
        value = float(self.pull @ rewards)
        for part in _blocks(len(self.games)):
            gap = rewards.take(self.pairs.low[part]) - rewards.take(self.pairs.high[part])
            games, distance = self.games[part], np.abs(gap)
            odds = np.exp(-distance)
            likelier = 1.0 / (1.0 + odds)  # sigma(|x|); sigma(-|x|) is odds * likelier
            less = odds * likelier
            curvature[part] = games * less * likelier
            excess[part] = games * np.copysign(likelier - 0.5, gap)
            value += float(games @ (np.log(likelier) - 0.5 * distance))
        return _Point(rewards, value, self.pull - self._nodes(excess), curvature)

    def _nodes(self, force: Floats) -> Floats:
        """Return the sum of the forces on each option: low is pushed up, high down."""
        up, down = self.graph.sums(force)
        return np.asarray(up - down)


class _Laplacian:
    """Minus the Hessian: the Laplacian of the graph whose edges weigh `curvature`."""

    def __init__(self, graph: _Graph, curvature: Floats) -> None:
        self._graph, self._curvature = graph, curvature
        self._degree: Floats = np.add(*graph.sums(curvature))
        self.lift = float(self._degree.sum())
        """What `lifted` adds to the eigenvalue of the constant vector, times the size."""

    def lifted(self) -> Floats:
        """Return the dense Laplacian with a constant added, which makes it definite."""
        size = self._graph.size
        upper = self._graph.dense(self._curvature)
        dense = self.lift / size**2 - upper - upper.T
        dense.flat[:: size + 1] += self._degree
        return np.asarray(dense)

    def solve(self, force: Floats, relative: float = 1e-12, absolute: float = 0.0) -> Floats:
        """Return the vector of mean 0 that the Laplacian maps to `force`, whose sum is 0."""
        from scipy.linalg.lapack import dposv
        from scipy.sparse.linalg import LinearOperator, cg

        if self._graph.is_small:
            # Cholesky's factorisation; the transpose, which is equal, lies as Fortran wants it.
            _, found, failed = dposv(self.lifted().T, force, overwrite_a=True)
        else:
            shape = (len(force), len(force))
            upper, inverse = self._graph.upper(self._curvature), 1.0 / self._degree
            lower = upper.T
            found, failed = cg(
                LinearOperator(
                    shape,
                    matvec=lambda v: self._degree * v - upper @ v - lower @ v,
                    dtype=np.float64,
                ),
                force,
                rtol=relative,
                atol=absolute,
                M=LinearOperator(shape, matvec=lambda v: inverse * v, dtype=np.float64),
            )
        if failed:
            raise ConvergenceError("Bradley-Terry fit: the system of a Newton step is not solved")
        return np.asarray(found - found.mean())


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


def _merge(first: Integers, second: Integers, labels: Floats, counts: Floats, size: int) -> _Pairs:
    """Add up wins and losses of each unordered pair; rows without weight are left out."""
    if not counts.all():
        kept = counts > 0.0
        first, second, counts = first[kept], second[kept], counts[kept]
        labels = labels[kept] if labels.ndim else labels
    labels = np.abs(labels - (first > second))  # that the lower one wins
    low, high, order = _sorted(np.minimum(first, second), np.maximum(first, second), size)
    labels = labels.take(order)
    counts = counts.take(order) if counts.ndim else counts
    wins, losses = counts * labels, counts * (1.0 - labels)
    new = np.append(True, (low[1:] != low[:-1]) | (high[1:] != high[:-1]))
    if not new.all():
        starts = np.flatnonzero(new)
        low, high = low[starts], high[starts]
        wins, losses = np.add.reduceat(wins, starts), np.add.reduceat(losses, starts)
    return _Pairs(low, high, wins, losses)


def _sorted(low: Integers, high: Integers, size: int) -> tuple[Integers, Integers, Integers]:
    """Sort pairs by (low, high), and return also the rows from which they come."""
    option, row = (size - 1).bit_length(), len(low).bit_length()
    if 2 * option + row > 63:
        order = np.lexsort((high, low))
        return low[order], high[order], order
    keys = low  # pair and row as one number, which sorts fastest; in place, to spare memory
    keys <<= option
    keys |= high
    keys <<= row
    keys |= np.arange(len(keys))
    keys.sort()
    order = keys & ((1 << row) - 1)
    keys >>= row
    np.bitwise_and(keys, (1 << option) - 1, out=high)
    keys >>= option
    return keys, high, order


def _check_maximum(pairs: _Pairs, graph: _Graph) -> None:
    """Refuse comparisons whose likelihood has no finite or no unique maximum."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if _plainly_connected(pairs, graph):
        return
    won, lost = pairs.wins > 0.0, pairs.losses > 0.0
    size = graph.size
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
    for verb, other in (("lose", loser), ("win", winner)):
        closed = np.setdiff1d(np.arange(count), group[other[apart]])[0]
        always.append(f"options {_listed(group == closed)} that never {verb}")
    raise InputError(
        "'outcomes' must let every group of options both win and lose against the others, or no "
        f"finite maximum exists; got {' and '.join(always)} against the others."
    )


def _plainly_connected(pairs: _Pairs, graph: _Graph) -> bool:
    """Whether few steps along wins, and few along losses, lead from option 0 to all others."""
    wins, losses = graph.upper(pairs.wins), graph.upper(pairs.losses)
    for down, up in ((wins, losses), (losses, wins)):
        reached = np.zeros(graph.size)
        reached[0] = 1.0
        for _ in range(FEW_STEPS):
            if reached.all():
                break
            reached = np.sign(reached + down.T @ reached + up @ reached)
        if not reached.all():
            return False
    return True


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
    """Return numbers in [0, high]: one for each row, or one for all."""
    must = f"numbers in [0, {high:g}]" if np.isfinite(high) else "finite non-negative numbers"
    array = _validate.any_array(name, values, must)
    if array.ndim and array.shape != (rows,):
        raise _validate.complaint(name, f"one number or of length {rows}", f"shape {array.shape}")
    right = (array >= 0.0) & (array <= high) & np.isfinite(array)
    if not right.all():
        raise _validate.complaint(name, must, f"{array[~right].flat[0]} among them")
    return array


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))

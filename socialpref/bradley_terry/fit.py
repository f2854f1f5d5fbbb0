"""Fits to comparisons: with one free reward for each option, the limit of standard DPO on them.

The empirical DPO loss is then the Bradley–Terry negative log-likelihood of the comparisons.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import ConvergenceError
from .pairs import Floats, Graph, Integers, Pairs, check_maximum, merge
from .solver import LARGEST_GAP, Laplacian, Likelihood, maximise

DENSE_ERRORS = 3000
"""Up to this many options standard errors come from one dense inverse."""

SMALLEST_WEIGHT = 1e-280
"""Smaller weights, times labels, would lose digits."""

LARGEST_PRIOR = 1e300
"""Larger ones, times rewards, would overflow."""

MOST_OPTIONS = 10_000_000
"""Numbers of options beyond this are taken for mistakes."""


@dataclass(frozen=True, eq=False)
class BradleyTerryFit:
    """The maximum of a Bradley–Terry likelihood, and the comparisons it explains.

    Attributes
    ----------
    rewards : ndarray, shape (n,)
        The rewards h, with mean 0: option y beats z with probability ``sigma(h_y - h_z)``.
    log_likelihood : float
        The weighted sum of the comparisons' log-probabilities under these rewards.
    residual : float
        How far a reward can be from its value at the maximum: the largest entry of Newton's step
        there, plus what rounding can add.
    iterations : int
        Newton steps.
    n_comparisons : int
        Rows that were given, those of weight 0 included.
    low, high : ndarray, shape (pairs,)
        Each pair of options that were compared, once, with ``low < high``.
    wins, losses : ndarray, shape (pairs,)
        The weight with which `low` won and lost.
    prior : float
        The precision of the prior of each reward; 0 for none.
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
    prior: float = 0.0

    def standard_errors(self) -> Floats:
        """Return the standard error of each reward under the constraint that they sum to 0.

        The square roots of the diagonal of the pseudo-inverse of the observed information, to
        which a prior adds its precision. Weights count as repetitions: weights that do not count
        comparisons give errors on another scale. Up to 3,000 options by one dense inverse; above,
        by conjugate gradients option by option, which takes minutes for 10,000.

        Returns
        -------
        ndarray, shape (n,)

        Raises
        ------
        ConvergenceError
            If the information cannot be inverted in floats.
        """
        size = len(self.rewards)
        information = self._information()
        if size <= DENSE_ERRORS:
            variances = information.centred_variances()
        else:
            centred = (np.arange(size) == y for y in range(size))
            variances = np.array([_variance(information, unit - 1.0 / size) for unit in centred])
        return np.sqrt(variances)

    def standard_error_of_difference(self, i: int, j: int) -> float:
        """Return the standard error of ``rewards[i] - rewards[j]``.

        Raises
        ------
        InputError
            If `i` or `j` is not an option.
        ConvergenceError
            If the information cannot be inverted in floats.
        """
        contrast = np.zeros(len(self.rewards))
        for name, option, sign in (("i", i, 1.0), ("j", j, -1.0)):
            contrast[_validate.integer(name, option, 0, len(contrast) - 1)] += sign
        return float(np.sqrt(_variance(self._information(), contrast)))

    def _information(self) -> Laplacian:
        pairs = Pairs(self.low, self.high, self.wins, self.losses)
        likelihood = Likelihood(pairs, len(self.rewards), self.prior)
        if np.ptp(self.rewards) <= LARGEST_GAP:
            curvature = likelihood.at(self.rewards).curvature
            information = Laplacian(likelihood.graph, curvature, self.prior)
            if information.mixes():
                return information
        raise ConvergenceError(
            "Bradley-Terry fit: standard errors are not known, because some options are linked to "
            "the others by next to no information"
        )


def fit_bradley_terry(
    first: ArrayLike,
    second: ArrayLike,
    outcomes: ArrayLike = 1.0,
    *,
    weights: ArrayLike | None = None,
    n_options: int | None = None,
    prior: float | None = None,
    tolerance: float = 1e-8,
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
    prior : float, optional
        The precision of a normal prior of each reward, with mean 0: ``prior / 2 * sum h^2`` is
        taken off the log-likelihood. A maximum then exists whatever the comparisons. None or 0
        for none.
    tolerance : float
        The largest error of a reward to accept: the residual is at most
        ``tolerance * max(1, h)``, where h is the largest reward in size.
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
        If the residual is still above the tolerance after `max_iterations` steps, or rounding
        allows no less.

    Notes
    -----
    Repeats of a pair are merged into win counts. The Hessian is the Laplacian of the graph of
    comparisons. Newton's steps are solved by conjugate gradients with Jacobi's preconditioner, or
    densely for few options. Where labels or weights are so far apart that floats are not enough,
    up to 1,000 options are solved with logarithms. Without a prior a finite maximum exists, and
    is unique up to a constant, if and only if the directed graph "sometimes beats" is strongly
    connected.

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
    _validate.integer("max_iterations", max_iterations, 1)
    precision = 0.0 if prior is None else _validate.number("prior", prior, 0.0, LARGEST_PRIOR)
    size, rows = _options(first, second, n_options)
    labels = _per_row("outcomes", outcomes, len(rows[0]), 1.0)
    counts = _per_row("weights", 1.0 if weights is None else weights, len(rows[0]), np.inf)
    if counts.min(initial=np.inf, where=counts > 0.0) < SMALLEST_WEIGHT:
        raise _validate.complaint("weights", f"0 or at least {SMALLEST_WEIGHT:g}", "less")
    with np.errstate(over="ignore"):
        if not np.isfinite(np.broadcast_to(counts, len(rows[0])).sum()):
            raise _validate.complaint("weights", "with a finite sum", "infinity")
    if not counts.any():
        raise _validate.complaint("weights", "positive for some comparison", "only zeros")
    pairs = merge(*rows, labels, counts, size)
    if not precision:
        check_maximum(pairs, Graph(pairs.low, pairs.high, size))
    found = maximise(
        pairs, size, tolerance=tolerance, max_iterations=max_iterations, prior=precision
    )
    return BradleyTerryFit(
        rewards=found.rewards,
        log_likelihood=Likelihood(pairs, size).value(found.rewards),
        residual=float(found.error),
        iterations=found.iterations,
        n_comparisons=len(rows[0]),
        low=pairs.low,
        high=pairs.high,
        wins=pairs.wins,
        losses=pairs.losses,
        prior=precision,
    )


def _variance(information: Laplacian, contrast: Floats) -> float:
    """Return the variance of a contrast, whose entries sum to 0."""
    found = information.solve(contrast)
    if found is None:
        raise ConvergenceError("Bradley-Terry fit: the system of a standard error is not solved")
    return float(contrast @ found)


def _options(
    first: ArrayLike, second: ArrayLike, n_options: int | None
) -> tuple[int, tuple[Integers, Integers]]:
    """Return the number of options and the two options of each comparison."""
    must = "a one-dimensional array of at least one integer"
    rows = []
    for name, values in (("first", first), ("second", second)):
        if type(values) is not np.ndarray:
            _validate.any_array(name, values, must)
        array = np.asarray(values)
        if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
            raise _validate.complaint(name, must, f"shape {array.shape} of {array.dtype}")
        rows.append(array)
    if len(rows[0]) != len(rows[1]):
        raise _validate.complaint(
            "second", f"of the length of 'first', {len(rows[0])}", f"length {len(rows[1])}"
        )
    most = max(int(array.max()) for array in rows)
    given = most + 1 if n_options is None else n_options
    size = _validate.integer("n_options", given, 2, MOST_OPTIONS)
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
    first, second = (array.astype(np.intp, copy=False) for array in rows)
    return size, (first, second)


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

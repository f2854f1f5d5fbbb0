"""Certified distortion: how bad a policy can be for populations with the same preferences.

Preferences identify no utilities. Among all populations that give the same preferences P, with
utilities between 0 and a bound, the distortion of a policy is the largest ratio of an option's
average utility to the policy's. Over a grid of types this is a linear program.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import ConvergenceError, InputError
from ..links import Link, Logistic
from ..population import Population

Floats = NDArray[np.float64]

MOST_TYPES = 200_000
"""Most types on a grid."""
GAP = 1e-6
"""The largest relative gap between the two ends of a certificate."""
EMPTY = 1e-12


@dataclass(frozen=True, eq=False)
class DistortionBound:
    """How large the distortion of a policy can be, on a grid of types.

    Attributes
    ----------
    distortion : float
        The largest distortion among populations of types on the grid. It is a lower bound of
        the largest among all populations with utilities in [0, bound].
    upper : float
        An upper bound of `distortion`, from the dual solution, evaluated without trusting the
        solver.
    option : int
        The option that is so much better than the policy.
    population : Population
        One with this distortion; its rewards are the utilities.
    residual : float
        The largest difference between its preferences and the given ones.
    policy : ndarray, shape (K,)
    bound, step : float
        Of the grid: utilities are multiples of `step` up to `bound`, the least being 0.
    """

    distortion: float
    upper: float
    option: int
    population: Population
    residual: float
    policy: Floats
    bound: float
    step: float


def distortion_bound(
    preferences: Population | ArrayLike,
    policy: ArrayLike,
    *,
    bound: float,
    step: float | None = None,
) -> DistortionBound:
    """Return the largest distortion of a policy among populations with the same preferences.

    Parameters
    ----------
    preferences : Population or array_like, shape (K, K)
        Whose preferences; a population's own types join the grid. A matrix is taken for
        preferences under the logistic link.
    policy : array_like, shape (K,)
    bound : float
        The largest utility; each type's least utility is 0.
    step : float, optional
        Of the grid; a sixteenth of the bound for up to three options, else a fourth.

    Returns
    -------
    DistortionBound

    Raises
    ------
    InputError
        If an argument is out of its range, a type of the population has rewards further apart
        than the bound, no population on the grid has these preferences, or one of them gains
        nothing from the policy.
    ConvergenceError
        If the two ends of the certificate are apart.

    References
    ----------
    Gölz, Haghtalab and Yang (2025), "Distortion of AI alignment", arXiv 2505.23749.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.limits import DPO
    >>> from socialpref.theory import distortion_bound
    >>> crowd = mediocre_winner()
    >>> found = distortion_bound(crowd, DPO().limit(crowd).policy, bound=4)
    >>> round(found.distortion, 4)
    2.7593
    """
    grid = _Grid.of(preferences, bound, step)
    pi = _validate.distribution("policy", policy, grid.size)
    worst: tuple[float, int, Floats] | None = None
    upper = 0.0
    for y in range(grid.size):
        shares, multipliers = grid.solve(
            -grid.utilities[:, y],
            np.vstack([grid.misses.T, grid.utilities @ pi]),
            np.append(np.zeros(grid.misses.shape[1]), 1.0),
        )
        value = float(shares @ grid.utilities[:, y])
        upper = max(upper, grid.level(y, -multipliers[:-1], pi))
        if worst is None or value > worst[0]:
            worst = value, y, shares
    assert worst is not None
    value, option, shares = worst
    if not upper - value <= GAP * max(1.0, value):
        raise ConvergenceError(f"distortion: proven to lie between {value:.6g} and {upper:.6g}")
    some = shares > EMPTY * shares.max()
    population = Population(grid.utilities[some], shares[some] / shares[some].sum(), link=grid.link)
    residual = float(np.abs(population.pairwise() - grid.preferences).max())
    return DistortionBound(value, upper, option, population, residual, pi, float(bound), grid.step)


def least_distorted_policy(
    preferences: Population | ArrayLike, *, bound: float, step: float | None = None
) -> DistortionBound:
    """Return the policy whose largest distortion is smallest, with that distortion.

    Parameters
    ----------
    preferences, bound, step
        As for `distortion_bound`.

    Returns
    -------
    DistortionBound
        Of the policy. One linear program finds it: with ``q = distortion * policy`` the dual
        conditions of all options are linear.

    Raises
    ------
    InputError, ConvergenceError
        As for `distortion_bound`.

    Examples
    --------
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.theory import least_distorted_policy
    >>> found = least_distorted_policy(mediocre_winner(), bound=4)
    >>> found.policy.round(3), round(found.distortion, 4)
    (array([0.159, 0.682, 0.159]), 1.4658)
    """
    from scipy.optimize import linprog
    from scipy.sparse import block_diag, csr_array, hstack

    grid = _Grid.of(preferences, bound, step)
    n_pairs = grid.misses.shape[1]
    # minimise sum q, q . U + mu_y . misses(U) >= U_y for all types U and options y
    gains = csr_array(np.tile(grid.utilities, (grid.size, 1)))
    rows = hstack([gains, block_diag([csr_array(grid.misses)] * grid.size)]).tocsr()
    found = linprog(
        np.append(np.ones(grid.size), np.zeros(grid.size * n_pairs)),
        A_ub=-rows,
        b_ub=-grid.utilities.T.ravel(),
        bounds=[(0, None)] * grid.size + [(None, None)] * (grid.size * n_pairs),
        method="highs",
    )
    if found.status != 0:
        raise ConvergenceError(f"least distorted policy: {found.message}")
    q = found.x[: grid.size]
    result = distortion_bound(preferences, q / q.sum(), bound=bound, step=step)
    if abs(result.distortion - found.fun) > GAP * max(1.0, found.fun):
        raise ConvergenceError(
            f"least distorted policy: proven to lie between {found.fun:.6g} and {result.upper:.6g}"
        )
    return result


@dataclass(frozen=True, eq=False)
class _Grid:
    """Types on a grid, and how far each is from the preferences of every pair."""

    utilities: Floats
    misses: Floats
    preferences: Floats
    link: Link
    step: float

    @property
    def size(self) -> int:
        return self.utilities.shape[1]

    @classmethod
    def of(cls, preferences: Population | ArrayLike, bound: float, step: float | None) -> "_Grid":
        """Return the grid of checked arguments."""
        bound = _validate.number("bound", bound, 0.0, above=True)
        own: Floats | None = None
        link: Link = Logistic()
        if isinstance(preferences, Population):
            own = preferences.rewards - preferences.rewards.min(axis=1, keepdims=True)
            if own.max() > bound:
                must = f"at least the population's largest range, {own.max():g}"
                raise _validate.complaint("bound", must, bound)
            link, wins = preferences.link, preferences.pairwise()
        else:
            wins = _validate.real_array("preferences", preferences, 2)
            if wins.shape[0] != wins.shape[1] or len(wins) < 2:
                must = "a square matrix of at least 2 options"
                raise _validate.complaint("preferences", must, f"shape {wins.shape}")
            if not np.allclose(wins + wins.T, 1.0, rtol=0.0, atol=1e-9) or (wins <= 0.0).any():
                must = "preferences in (0, 1) with P + P' = 1"
                raise _validate.complaint("preferences", must, "others")
        size = len(wins)
        step = bound / (16 if size <= 3 else 4) if step is None else step
        step = _validate.number("step", step, 0.0, bound, above=True)
        n_levels = int(np.floor(bound / step + 1e-9)) + 1
        n_types = n_levels**size - (n_levels - 1) ** size
        if n_types > MOST_TYPES:
            raise InputError(
                f"'step' must leave at most {MOST_TYPES} types on the grid; got {n_types}."
            )
        levels = step * np.arange(n_levels)
        types = np.array([u for u in product(levels, repeat=size) if min(u) == 0.0])
        if own is not None:
            types = np.vstack([types, own])
        first, second = np.triu_indices(size, 1)
        misses = link(types[:, first] - types[:, second]) - wins[first, second]
        return cls(types, misses, wins, link, float(step))

    def solve(self, costs: Floats, rows: Floats, right: Floats) -> tuple[Floats, Floats]:
        """Return shares of the types at the least cost, and the multipliers of the rows."""
        from scipy.optimize import linprog

        for method, options in (
            ("highs", {}),
            ("highs", {"presolve": False}),
            ("highs-ipm", {}),
        ):
            found = linprog(costs, A_eq=rows, b_eq=right, method=method, options=options)
            if found.status == 0:
                return found.x, found.eqlin.marginals
        if found.status == 2:
            raise InputError(
                "'preferences' must be those of a population of types on the grid; a finer step or "
                "a larger bound gives more types."
            )
        if found.status == 3:
            raise InputError(
                "'policy' must be one that every population on the grid gains from; got one that "
                "some gain nothing from, so that its distortion has no bound."
            )
        raise ConvergenceError(f"distortion: {found.message}")

    def level(self, option: int, prices: Floats, policy: Floats) -> float:
        """Return the least l with ``l policy . U + prices . misses(U) >= U(option)`` for all U."""
        needed = self.utilities[:, option] - self.misses @ prices
        mine = self.utilities @ policy
        if (needed[mine <= 0.0] > GAP).any():
            return np.inf
        return float((needed[mine > 0.0] / mine[mine > 0.0]).max())

"""Scores and rankings: normalized Borda count, average reward and the classic rules.

Every rule maps a `Population` to one score per alternative, higher is better, and no rule
changes its ranking when a constant is added to the rewards of one type.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .errors import ConvergenceError
from .population import Population

if TYPE_CHECKING:
    import pandas as pd

TIE_TOLERANCE = 1e-12
"""Scores this close, relative to the largest (or to 1), are equal up to rounding: a tie."""


@dataclass(frozen=True)
class Ranking:
    """An order of alternatives with its ties stated.

    Attributes
    ----------
    groups : tuple of tuple of int
        Alternatives from best to worst; those in one group are tied.
    """

    groups: tuple[tuple[int, ...], ...]

    @property
    def order(self) -> tuple[int, ...]:
        """All alternatives, best first; tied ones in the order of their positions."""
        return tuple(y for group in self.groups for y in group)

    @property
    def ties(self) -> tuple[tuple[int, ...], ...]:
        """The groups of more than one alternative."""
        return tuple(group for group in self.groups if len(group) > 1)

    @property
    def winners(self) -> tuple[int, ...]:
        """The best alternative, or all that are tied for best."""
        return self.groups[0]

    def describe(self, options: tuple[str, ...]) -> str:
        """Return the order in words, such as ``'M > A = B'``."""
        return " > ".join(" = ".join(options[y] for y in group) for group in self.groups)


def ranking(scores: ArrayLike, *, tolerance: float = TIE_TOLERANCE) -> Ranking:
    """Rank alternatives by their scores, highest first, and state the ties.

    Parameters
    ----------
    scores : array_like, shape (K,)
        One score per alternative.
    tolerance : float
        Neighbours in the order whose scores differ by at most
        ``tolerance * max(1, max |score|)`` are tied.

    Returns
    -------
    Ranking

    Raises
    ------
    InputError
        If a score is NaN, there are none, or the tolerance is negative.

    Examples
    --------
    >>> from socialpref import ranking
    >>> ranking([0.1, 0.5, 0.1]).groups
    ((1,), (0, 2))
    """
    slack = _validate.number("tolerance", tolerance, 0.0)
    must = "a one-dimensional array of at least one number"
    values = _validate.any_array("scores", scores, must)
    if values.ndim != 1 or not values.size or np.isnan(values).any():
        raise _validate.complaint("scores", must, f"{values!r}")
    order = np.argsort(-values, kind="stable")
    scale = np.abs(values, where=np.isfinite(values), out=np.ones_like(values)).max()
    with np.errstate(invalid="ignore"):  # two scores of -inf are tied
        drops = -np.diff(values[order]) > slack * max(1.0, scale)
    groups = np.split(order, np.flatnonzero(drops) + 1)
    return Ranking(tuple(tuple(sorted(int(y) for y in group)) for group in groups))


def nbc(population: Population, sampling: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return the normalized Borda count: how often each alternative wins its comparisons.

    ``NBC(y) = sum_z d(z) P[y, z]``, the self-comparison included (it counts 1/2). Standard DPO
    orders alternatives by NBC, not by average reward.

    Parameters
    ----------
    population : Population
    sampling : array_like, shape (K,), optional
        Distribution d from which both candidates of a comparison are drawn; uniform if omitted.

    Returns
    -------
    ndarray, shape (K,)
        Values in [0, 1] whose d-weighted mean is 1/2.

    Raises
    ------
    InputError
        If `sampling` is not a distribution over the K alternatives.

    References
    ----------
    arXiv 2502.16320, sections 3-4; Siththaranjan et al. (2024), arXiv 2312.08358.

    Examples
    --------
    >>> from socialpref import Population, nbc
    >>> crowd = Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])
    >>> nbc(crowd).round(5)
    array([0.48933, 0.52135, 0.48933])
    """
    return population.pairwise() @ _validate.distribution(
        "sampling", sampling, population.n_options
    )


def average_reward(population: Population) -> NDArray[np.float64]:
    """Return the share-weighted mean reward of each alternative, shape (K,)."""
    return population.mean_rewards()


def borda(population: Population, sampling: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return the ordinal Borda score: the share of alternatives that each one ranks above.

    The limit of NBC as temperature goes to 0: every comparison is won outright, ties (and the
    self-comparison) count 1/2. Shape (K,), values in [0, 1].

    References
    ----------
    Borda (1781), Mémoire sur les élections au scrutin.
    """
    weights = _validate.distribution("sampling", sampling, population.n_options)
    gaps = population.rewards[:, :, None] - population.rewards[:, None, :]
    wins = (1.0 + np.sign(gaps)) / 2.0
    return np.einsum("u,uyz,z->y", population.shares, wins, weights)


def plurality(population: Population) -> NDArray[np.float64]:
    """Return the share of the population whose favourite each alternative is, shape (K,).

    A type with several favourites splits its share equally among them.
    """
    tops = population.rewards == population.rewards.max(axis=1, keepdims=True)
    return population.shares @ (tops / tops.sum(axis=1, keepdims=True))


def copeland(population: Population) -> NDArray[np.float64]:
    """Return the number of majority duels each alternative wins, a tie counting 1/2.

    References
    ----------
    Copeland (1951), A reasonable social welfare function.
    """
    lead = population.pairwise() - 0.5
    lead = np.where(np.abs(lead) <= TIE_TOLERANCE, 0.0, lead)
    duels = (1.0 + np.sign(lead)) / 2.0
    return np.asarray(duels.sum(axis=1) - 0.5)  # less the duel with itself


def maximin(population: Population) -> NDArray[np.float64]:
    """Return each alternative's win probability against its strongest opponent, shape (K,).

    References
    ----------
    Simpson (1969); Kramer (1977).
    """
    duels = population.pairwise().copy()
    np.fill_diagonal(duels, np.inf)
    return np.asarray(duels.min(axis=1))


def maximal_lottery(population: Population) -> NDArray[np.float64]:
    """Return a lottery over alternatives that no alternative beats more than half the time.

    An optimal strategy of the symmetric zero-sum game with payoff ``P - 1/2``: what Nash
    learning from human feedback aims at. Shape (K,), a distribution.

    Raises
    ------
    ConvergenceError
        If the lottery found loses to some alternative by more than 1e-9.

    References
    ----------
    Fishburn (1984), "Probabilistic social choice based on simple voting comparisons".

    Examples
    --------
    >>> from socialpref import Population, maximal_lottery
    >>> maximal_lottery(Population([[2, 1, 0]])).round(3)
    array([1., 0., 0.])
    """
    from scipy.optimize import linprog

    payoff = population.pairwise() - 0.5
    size = population.n_options
    # Maximise v subject to (payoff.T @ lottery)[z] >= v for every z.
    found = linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=np.hstack([-payoff.T, np.ones((size, 1))]),
        b_ub=np.zeros(size),
        A_eq=np.append(np.ones(size), 0.0)[None, :],
        b_eq=[1.0],
        bounds=[(0.0, None)] * size + [(None, None)],
        method="highs",
    )
    if not found.success:
        raise ConvergenceError(f"maximal lottery: {found.message}")
    lottery = np.clip(found.x[:size], 0.0, None)
    lottery /= lottery.sum()
    loss = -float((payoff.T @ lottery).min())
    if loss > 1e-9:
        raise ConvergenceError(f"maximal lottery: the lottery loses by {loss:.2e}")
    return np.asarray(lottery, dtype=np.float64)


def nash_welfare(population: Population) -> NDArray[np.float64]:
    """Return the share-weighted mean logarithm of each type's gain over its worst alternative.

    Rewards have no natural zero, so each type's is put at its worst alternative; an alternative
    that is some type's worst scores -inf. Shape (K,).

    References
    ----------
    Kaneko and Nakamura (1979), "The Nash social welfare function", Econometrica 47.
    """
    present = population.shares > 0.0
    with np.errstate(divide="ignore"):
        return population.shares[present] @ np.log(_gains_over_worst(population)[present])


def egalitarian(population: Population) -> NDArray[np.float64]:
    """Return the smallest gain of any type over its worst alternative, shape (K,).

    As for `nash_welfare`, each type's zero is its worst alternative. Types without a share of
    the population do not count.

    References
    ----------
    Rawls (1971), A Theory of Justice; Chakraborty et al. (2024), MaxMin-RLHF.
    """
    return np.asarray(_gains_over_worst(population)[population.shares > 0.0].min(axis=0))


def _gains_over_worst(population: Population) -> NDArray[np.float64]:
    return np.asarray(population.rewards - population.rewards.min(axis=1, keepdims=True))


RULES: dict[str, Callable[[Population], NDArray[np.float64]]] = {
    "NBC": nbc,
    "average reward": average_reward,
    "Borda": borda,
    "plurality": plurality,
    "Copeland": copeland,
    "maximin": maximin,
    "maximal lottery": maximal_lottery,
    "Nash welfare": nash_welfare,
    "egalitarian": egalitarian,
}
"""Every rule by its usual name."""


def compare_rules(population: Population) -> "pd.DataFrame":
    """Return the scores of all rules, one row per alternative and one column per rule.

    Examples
    --------
    >>> from socialpref import Population, compare_rules
    >>> crowd = Population([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]], options=["A", "M", "B"])
    >>> compare_rules(crowd)[["NBC", "average reward", "plurality"]].round(3)
         NBC  average reward  plurality
    A  0.489           1.333      0.333
    M  0.521           1.167      0.333
    B  0.489           1.333      0.333
    """
    import pandas as pd

    scores = {name: rule(population) for name, rule in RULES.items()}
    return pd.DataFrame(scores, index=list(population.options))

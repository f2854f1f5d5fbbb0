"""Scores and rankings: normalized Borda count, average reward and the classic rules.

Every rule maps a `Population` to one score per option, higher is better. No rule changes its
ranking when a constant is added to the rewards of one type. Rules differ in what they see:

- *Noisy votes*: the probabilities P with which options win comparisons, by the link. `nbc`, and
  with ``votes="noisy"`` `copeland`, `maximin` and `maximal_lottery`.
- *Ballots*: each type ranks the options by its rewards, and strengths do not count. `borda`,
  `plurality` and, by default, `copeland`, `maximin` and `maximal_lottery`. Two options whose
  rewards are tied by `ranking` are tied on the type's ballot.
- *Rewards*: `average_reward`, `nash_welfare` and `egalitarian`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _validate
from .draws import Draws
from .errors import ConvergenceError
from .population import Population, check_population

if TYPE_CHECKING:
    import pandas as pd

TIE_TOLERANCE = 1e-12
"""Scores this close, relative to the largest (or to 1), are equal up to rounding: a tie."""
WORTH = 1e-9
"""How much more than half the time a maximal lottery may lose, and what its ranges are good to."""

Votes = Literal["ordinal", "noisy"]


@dataclass(frozen=True)
class Ranking:
    """An order of options with its ties stated.

    Attributes
    ----------
    groups : tuple of tuple of int
        Options from best to worst; those in one group are tied.
    """

    groups: tuple[tuple[int, ...], ...]

    @property
    def order(self) -> tuple[int, ...]:
        """All options, best first; tied ones in the order of their positions."""
        return tuple(y for group in self.groups for y in group)

    @property
    def ties(self) -> tuple[tuple[int, ...], ...]:
        """The groups of more than one option."""
        return tuple(group for group in self.groups if len(group) > 1)

    @property
    def winners(self) -> tuple[int, ...]:
        """The best option, or all that are tied for best."""
        return self.groups[0]

    def describe(self, options: tuple[str, ...]) -> str:
        """Return the order in words, such as ``'M > A = B'``."""
        options = _validate.labels("options", options, len(self.order))
        return " > ".join(" = ".join(options[y] for y in group) for group in self.groups)


def ranking(scores: ArrayLike, *, tolerance: float = TIE_TOLERANCE) -> Ranking:
    """Rank options by their scores, highest first, and state the ties.

    Parameters
    ----------
    scores : array_like, shape (K,)
        One score per option.
    tolerance : float
        Neighbours in the order whose scores differ by at most
        ``tolerance * max(1, max |score|)`` are tied.

    Returns
    -------
    Ranking

    Raises
    ------
    InputError
        If there are no scores, a score is NaN, or the tolerance is negative.

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
        raise _validate.complaint("scores", must, _validate.shown(values))
    order = (-values).argsort(kind="stable")
    sizes = np.abs(values)
    scale = sizes.max() if np.isfinite(sizes).all() else sizes[np.isfinite(sizes)].max(initial=1.0)
    least = slack * max(1.0, float(scale))
    ordered = values[order].tolist()
    first, *others = order.tolist()
    groups = [[first]]
    for y, before, here in zip(others, ordered[:-1], ordered[1:], strict=True):
        # Two scores of -inf are tied, as are two of inf: their difference is NaN.
        if before - here > least:
            groups.append([y])
        else:
            groups[-1].append(y)
    return Ranking(tuple(tuple(sorted(group)) for group in groups))


def nbc(population: Population | Draws, sampling: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return the normalized Borda count: how often each option wins its comparisons.

    ``NBC(y) = sum_z d(z) P[y, z]``, the self-comparison included (it counts 1/2). Standard DPO
    orders options by NBC, not by average reward.

    Parameters
    ----------
    population : Population or Draws
    sampling : array_like, shape (K,), optional
        Distribution d from which both candidates of a comparison are drawn; uniform if omitted.
        Of draws it may be one for each, shape (R, K).

    Returns
    -------
    ndarray, shape (K,), or (R, K) of draws
        Values in [0, 1] whose d-weighted mean is 1/2.

    Raises
    ------
    InputError
        If `sampling` is not a distribution over the K options.

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
    _check_scored(population)
    if isinstance(population, Draws):
        base = population.sampling(sampling)
        return np.asarray((population.pairwise() @ base[..., None])[..., 0])
    return population.pairwise() @ _sampling(population, sampling)


def average_reward(population: Population | Draws) -> NDArray[np.float64]:
    """Return the share-weighted mean reward of each option, shape (K,); of draws (R, K)."""
    _check_scored(population)
    return population.mean_rewards()


def _check_scored(population: object) -> None:
    """Refuse a value that is neither a population nor draws of one."""
    must = "a Population or Draws"
    _validate.instance("population", population, (Population, Draws), must)


def borda(population: Population, sampling: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return the ordinal Borda score: the share of options that each one ranks above.

    A rule of ballots. The limit of NBC as temperature goes to 0: every comparison is won
    outright, ties (and the self-comparison) count 1/2. Shape (K,), values in [0, 1]. The usual
    points, 0 to K - 1 from each voter, are ``K * borda - 1/2`` times the number of voters.

    References
    ----------
    Borda (1781), Mémoire sur les élections au scrutin.
    """
    check_population(population)
    return _duels(population, "ordinal") @ _sampling(population, sampling)


def plurality(population: Population) -> NDArray[np.float64]:
    """Return the share of the population whose favourite each option is, shape (K,).

    A rule of ballots. A type with several favourites splits its share equally among them.
    """
    check_population(population)
    tops = _ballots(population) == 0
    return population.shares @ (tops / tops.sum(axis=1, keepdims=True))


def copeland(population: Population, *, votes: Votes = "ordinal") -> NDArray[np.float64]:
    """Return the number of majority duels each option wins, a tie counting 1/2.

    Parameters
    ----------
    population : Population
    votes : "ordinal" or "noisy"
        Whether a duel is won on the larger share of the ballots, or with a probability of more
        than 1/2 by the link.

    Returns
    -------
    ndarray, shape (K,)

    Raises
    ------
    InputError
        If `votes` is neither.

    References
    ----------
    Copeland (1951), A reasonable social welfare function.

    Examples
    --------
    Two voters in three prefer A to B, the third prefers B by much:

    >>> from socialpref import Population
    >>> from socialpref.rules import copeland
    >>> camps = Population([[1, 0], [0, 9]], [2 / 3, 1 / 3], options=["A", "B"])
    >>> copeland(camps), copeland(camps, votes="noisy")
    (array([1., 0.]), array([0., 1.]))
    """
    lead = _lead(population, votes)
    return np.asarray((np.sign(lead).sum(axis=1) + len(lead) - 1) / 2.0)


def maximin(population: Population, *, votes: Votes = "ordinal") -> NDArray[np.float64]:
    """Return how often each option beats its strongest opponent, shape (K,).

    Parameters
    ----------
    population : Population
    votes : "ordinal" or "noisy"
        Whether that is a share of the ballots, a tie counting 1/2, or a probability by the link.

    Raises
    ------
    InputError
        If `votes` is neither.

    References
    ----------
    Simpson (1969); Kramer (1977).
    """
    duels = _duels(population, votes).copy()
    np.fill_diagonal(duels, np.inf)
    return np.asarray(duels.min(axis=1))


@dataclass(frozen=True, eq=False)
class MaximalLottery:
    """A maximal lottery, and the ranges of all maximal lotteries.

    NumPy takes it for the array of its probabilities.

    Attributes
    ----------
    probabilities : ndarray, shape (K,)
        The maximal lottery; the one of largest entropy if there are several.
    low, high : ndarray, shape (K,)
        The least and the largest probability of each option in any maximal lottery.
    residual : float
        By how much more than half the time some option beats the lottery; 0 up to rounding.
    """

    probabilities: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    residual: float

    @property
    def unique(self) -> bool:
        """Whether there is no other maximal lottery."""
        return bool((self.low == self.high).all())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the probabilities."""
        return np.array(self.probabilities, dtype=dtype)


def maximal_lottery(population: Population, *, votes: Votes = "ordinal") -> MaximalLottery:
    """Return the lottery over options that no option beats more than half the time.

    An optimal strategy of the symmetric zero-sum game whose payoff is the lead of an option
    over another. With noisy votes that is ``P - 1/2``, and the lottery is what Nash learning
    from human feedback aims at. If there are several maximal lotteries, the answer is the one of
    largest entropy, which favours no name, with the range of each option.

    Parameters
    ----------
    population : Population
    votes : "ordinal" or "noisy"
        Whether an option leads on ballots or by the link.

    Returns
    -------
    MaximalLottery

    Raises
    ------
    InputError
        If `votes` is neither.
    ConvergenceError
        If it cannot be proven that the lottery is maximal and which options have a chance.

    References
    ----------
    Fishburn (1984), "Probabilistic social choice based on simple voting comparisons"; Brandl,
    Brandt and Seedig (2016), "Consistent probabilistic social choice".

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.rules import maximal_lottery
    >>> cycle = Population([[2, 1, 0], [0, 2, 1], [1, 0, 2]])
    >>> maximal_lottery(cycle).probabilities.round(3)
    array([0.333, 0.333, 0.333])

    Two voters who agree on the last place only leave every lottery over the first two:

    >>> found = maximal_lottery(Population([[2, 1, 0], [1, 2, 0]]))
    >>> found.probabilities.round(3), found.low.round(3), found.high.round(3)
    (array([0.5, 0.5, 0. ]), array([0., 0., 0.]), array([1., 1., 0.]))
    """
    lead = _lead(population, votes)
    inside = _interior(lead)
    chosen = inside > inside @ lead  # what they do not choose, some maximal lottery beats
    inner, outer = lead[np.ix_(chosen, chosen)], lead[np.ix_(chosen, ~chosen)]
    # All maximal lotteries: level with the chosen, and not behind any other.
    _, sizes, rows = np.linalg.svd(inner)
    level = rows[sizes <= TIE_TOLERANCE].T
    middle = level @ (level.T @ inside[chosen])
    middle /= middle.sum() or 1.0
    proven = (middle > 0.0).all() and (middle @ outer > TIE_TOLERANCE).all()
    if not proven or middle.sum() == 0.0:
        raise ConvergenceError(
            "maximal lottery: some lead is so small that rounding leaves open which options have "
            "a chance"
        )
    moves = level - np.outer(middle, level.sum(axis=0))
    lottery, low, high = np.zeros((3, len(lead)))
    lottery[chosen], low[chosen], high[chosen] = middle, middle, middle
    if level.shape[1] > 1:
        lottery[chosen] = _largest_entropy(middle, moves, outer)
        low[chosen], high[chosen] = _ranges(middle, moves, outer)
    residual = max(0.0, -float((lottery @ lead).min()))
    if residual > WORTH:
        raise ConvergenceError(f"maximal lottery: the lottery loses by {residual:.2e}")
    return MaximalLottery(lottery, low, high, residual)


def _ballots(population: Population) -> NDArray[np.int64]:
    """Return each option's place on each type's ballot, shape (T, K): 0 is best, ties share one."""
    places = np.empty(population.rewards.shape, dtype=np.int64)
    for ballot, rewards in zip(places, population.rewards, strict=True):
        for place, group in enumerate(ranking(rewards).groups):
            ballot[list(group)] = place
    return places


def _duels(population: Population, votes: Votes) -> NDArray[np.float64]:
    """Return how often y beats z, shape (K, K): by the link, or on the ballots, ties half."""
    check_population(population)
    if _validate.choice("votes", votes, ("ordinal", "noisy")) == "noisy":
        return population.pairwise()
    total = np.zeros((population.n_options, population.n_options))
    for share, places in zip(population.shares, _ballots(population), strict=True):
        total += share * (1.0 + np.sign(places[None, :] - places[:, None])) / 2.0
    return total


def _lead(population: Population, votes: Votes) -> NDArray[np.float64]:
    """Return by how much y beats z, less the reverse, halved; exactly 0 where they are tied."""
    duels = _duels(population, votes)
    lead = (duels - duels.T) / 2.0
    return np.where(np.abs(lead) <= TIE_TOLERANCE, 0.0, lead)


def _sampling(population: Population, sampling: ArrayLike | None) -> NDArray[np.float64]:
    return _validate.distribution("sampling", sampling, population.n_options, population.options)


# --- maximal lotteries: lottery @ lead >= 0 ---------------------------------------------

REACHED = 1e-4
"""Leads up to this size may be 0 at the lottery of largest entropy."""
TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def _interior(lead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a maximal lottery in which each option is drawn or beaten; one always exists.

    Maximise t such that ``lottery + lottery @ lead >= t`` (Tucker's theorem: t > 0).
    """
    from scipy.optimize import linprog

    size, one = len(lead), np.ones((len(lead), 1))
    gains = lead.T / (np.abs(lead).max() or 1.0)
    found = linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=np.block([[-gains, 0.0 * one], [-gains - np.eye(size), one]]),
        b_ub=np.zeros(2 * size),
        A_eq=np.append(np.ones(size), 0.0)[None, :],
        b_eq=[1.0],
        method="highs",
        options=TIGHT,
    )
    if not found.success:
        raise ConvergenceError(f"maximal lottery: {found.message}")
    return np.asarray(found.x[:size], dtype=np.float64)


def _ranges(
    middle: NDArray[np.float64], moves: NDArray[np.float64], outer: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the largest of each entry of the lotteries ``middle + moves @ x``."""
    from scipy.optimize import linprog

    rows, room = np.vstack([moves, outer.T @ moves]), np.append(middle, middle @ outer)
    ends = []
    for direction in (*moves, *-moves):
        found = linprog(
            direction, A_ub=-rows, b_ub=room, bounds=(None, None), method="highs", options=TIGHT
        )
        if not found.success:
            raise ConvergenceError(f"maximal lottery: {found.message}")
        ends.append(found.fun)
    low, high = np.split(np.array(ends), 2)
    ranges = np.clip([middle + low, middle - high], 0.0, 1.0)
    ranges[ranges <= TIE_TOLERANCE] = 0.0
    return ranges[0], ranges[1]


def _largest_entropy(
    middle: NDArray[np.float64], moves: NDArray[np.float64], outer: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the lottery of largest entropy among ``middle + moves @ x`` with ``@ outer >= 0``.

    By an interior-point method. Bounds that are reached are then put to 0, and the answer is
    taken if Lagrange's multipliers prove it.
    """
    from scipy.optimize import nnls

    near = middle
    for weight in 100.0 ** -np.arange(7.0):
        near = _newton(near, moves, outer, weight)
    reached = near @ outer < REACHED
    if not reached.any():
        return _newton(near, moves, outer[:, :0], 0.0)
    bounds = outer[:, reached].T @ moves
    start = near + moves @ np.linalg.lstsq(bounds, -(near @ outer)[reached], rcond=None)[0]
    _, sizes, rows = np.linalg.svd(bounds)
    free = rows[np.append(sizes, np.zeros(len(rows) - len(sizes))) <= TIE_TOLERANCE].T
    if start.min() <= 0.0:
        return near
    lottery = _newton(start, moves @ free, outer[:, :0], 0.0)
    proven = nnls(bounds.T, moves.T @ np.log(lottery))[1] < WORTH
    return lottery if proven and (lottery @ outer).min(initial=0.0) > -WORTH else near


def _newton(
    lottery: NDArray[np.float64],
    moves: NDArray[np.float64],
    outer: NDArray[np.float64],
    weight: float,
) -> NDArray[np.float64]:
    """Minimise ``sum p log p - weight sum log(p @ outer)`` over ``p = lottery + moves @ x``."""

    def height(p: NDArray[np.float64]) -> float:
        if p.min() <= 0.0 or (p @ outer).min(initial=1.0) <= 0.0:
            return np.inf
        return float(p @ np.log(p) - weight * np.log(p @ outer).sum())

    gains = outer.T @ moves
    for _ in range(100):
        spare = lottery @ outer
        slope = moves.T @ np.log(lottery) - gains.T @ (weight / spare)
        curve = (moves.T / lottery) @ moves + (gains.T * (weight / spare**2)) @ gains
        x = np.linalg.lstsq(curve, -slope, rcond=None)[0]
        step, fall = moves @ x, float(-slope @ x)
        if fall < 1e-26:
            break
        top, fraction = height(lottery), 1.0
        while height(lottery + fraction * step) > top - 0.1 * fraction * fall + 1e-15:
            fraction /= 2.0
        lottery = lottery + fraction * step
    return lottery


def nash_welfare(population: Population) -> NDArray[np.float64]:
    """Return the share-weighted mean logarithm of each type's gain over its worst option.

    Rewards have no natural zero, so each type's is put at its worst option; an option
    that is some type's worst scores -inf. Shape (K,).

    References
    ----------
    Kaneko and Nakamura (1979), "The Nash social welfare function", Econometrica 47.
    """
    check_population(population)
    present = population.shares > 0.0
    with np.errstate(divide="ignore"):
        return population.shares[present] @ np.log(_gains_over_worst(population)[present])


def egalitarian(population: Population) -> NDArray[np.float64]:
    """Return the smallest gain of any type over its worst option, shape (K,).

    As for `nash_welfare`, each type's zero is its worst option. Types without a share of
    the population do not count.

    References
    ----------
    Rawls (1971), A Theory of Justice; Chakraborty et al. (2024), MaxMin-RLHF.
    """
    check_population(population)
    return np.asarray(_gains_over_worst(population)[population.shares > 0.0].min(axis=0))


def _gains_over_worst(population: Population) -> NDArray[np.float64]:
    places = _ballots(population)
    gains = population.rewards - population.rewards.min(axis=1, keepdims=True)
    return np.where(places == places.max(axis=1, keepdims=True), 0.0, gains)


RULES: dict[str, Callable[[Population], ArrayLike]] = {
    "NBC": nbc,
    "average reward": average_reward,
    "Borda": borda,
    "plurality": plurality,
    "Copeland, ballots": copeland,
    "Copeland, noisy votes": partial(copeland, votes="noisy"),
    "maximin, ballots": maximin,
    "maximin, noisy votes": partial(maximin, votes="noisy"),
    "maximal lottery, ballots": maximal_lottery,
    "maximal lottery, noisy votes": partial(maximal_lottery, votes="noisy"),
    "Nash welfare": nash_welfare,
    "egalitarian": egalitarian,
}
"""Every rule by its usual name; rules for both ballots and noisy votes are listed twice."""


def compare_rules(population: Population) -> "pd.DataFrame":
    """Return the scores of all rules, one row per option and one column per rule.

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

    scores = {name: np.asarray(rule(population)) for name, rule in RULES.items()}
    return pd.DataFrame(scores, index=list(population.options))

"""What anonymous comparisons leave open.

Anonymous comparisons identify the pairwise preferences P and nothing else. A population with the
same P and another average reward gives the same data in any amount, and no method can tell the
two apart. Such populations are found by a linear program over the shares of many types.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..divergences import total_variation
from ..errors import ConvergenceError, InputError
from ..limits.optimal import optimal_policy
from ..links import Logistic, reach_of
from ..population import Population, check_population
from ..rules import TIE_TOLERANCE, Ranking, ranking
from .answers import Model
from .structures import Mixed, Pairs, PairWeights

Floats = NDArray[np.float64]


SAME = 1e-9
"""Preferences of two populations that differ by no more than this are the same."""


EMPTY = 1e-12
"""Smaller shares are a solver's zeros."""


N_RANDOM = 2000


N_ROUNDS = 8


N_NEIGHBOURS = 40


@dataclass(frozen=True, eq=False)
class RewardBounds:
    """Average-reward gaps between two options that the same anonymous data allow.

    Attributes
    ----------
    pair : tuple of int
        The options a and b.
    gap : float
        Average reward of a less that of b, in the population that was asked about.
    lower, upper : float
        The least and the largest gap found among populations with the same preferences.
    at_lower, at_upper : Population
        Populations with these gaps, of at most K(K-1)/2 + 1 types.
    residuals : tuple of float
        Largest absolute difference between their preferences and the population's.
    dual_gaps : tuple of float
        How much further, at most, other shares of the last round's types could push each end:
        from the dual solution, evaluated without trusting the solver.
    bound : float
        The largest reward gap between two options that any type of the dictionary has.
    dictionary_size : int
        The number of types that shares were chosen over, all rounds together.
    """

    pair: tuple[int, int]
    gap: float
    lower: float
    upper: float
    at_lower: Population
    at_upper: Population
    residuals: tuple[float, float]
    dual_gaps: tuple[float, float]
    bound: float
    dictionary_size: int

    @property
    def sign_identified(self) -> bool:
        """Whether all gaps found have one sign.

        False is proven, by the two populations. True holds for the dictionary: a richer one may
        have a counterexample.
        """
        return self.lower > TIE_TOLERANCE or self.upper < -TIE_TOLERANCE


def average_reward_bounds(
    population: Population,
    a: int | str,
    b: int | str,
    *,
    structure: Mixed = Pairs(),  # noqa: B008 - immutable
    dictionary: ArrayLike | None = None,
    bound: float | None = None,
    seed: int = 0,
) -> RewardBounds:
    """Return the interval of average-reward gaps that data without types leave open.

    Shares are chosen over a dictionary of types, so that all answers are as likely as in the
    population and the gap is as small, then as large, as it gets. The types of the population
    are always in the dictionary, so its own gap is in the interval. The interval is an inner
    approximation: more types can only widen it.

    Parameters
    ----------
    population : Population
    a, b : int or str
        The gap is the average reward of `a` less that of `b`.
    structure : Pairs, Linked, Repeated or Ranking
        What annotators are asked; anonymous comparisons if omitted. Other structures than `Pairs`
        need the logistic link.
    dictionary : array_like, shape (N, K), optional
        Rewards of the types that there may be. If omitted, types with reward gaps up to `bound`:
        those with two reward levels (1024 of them if there are more than ten options), 2000
        random ones, and eight rounds of random neighbours of the types in use, ever closer.
    bound : float, optional
        The largest reward gap between two options that a type may have; twice the population's
        own largest if omitted. Not with a dictionary.
    seed : int
        Of the random types.

    Returns
    -------
    RewardBounds

    Raises
    ------
    InputError
        If an option does not exist, both are the same, the dictionary is not finite or of
        another width, or the bound is smaller than a gap in the population itself.
    ConvergenceError
        If the solver stops, or its shares miss the preferences by more than 1e-9.

    References
    ----------
    arXiv 2502.16320, section 4.

    Examples
    --------
    Seven in ten prefer the first option a little, the others the second by much. The mean gap is
    -0.2, but the same data may come from people who prefer the first on average:

    >>> from socialpref import Population
    >>> from socialpref.theory import average_reward_bounds
    >>> split = Population([[1, 0], [-3, 0]], [0.7, 0.3])
    >>> found = average_reward_bounds(split, 0, 1)
    >>> round(found.lower, 2), round(found.gap, 2), round(found.upper, 2)
    (-1.23, -0.2, 1.71)
    >>> found.sign_identified
    False
    """
    check_population(population)
    pair = population.index(a), population.index(b)
    if pair[0] == pair[1]:
        raise _validate.complaint("b", "another option than 'a'", repr(b))
    _validate.instance("structure", structure, Mixed, "Pairs(), Linked(2), Repeated(3) or the like")
    if structure != Pairs() and type(population.link) is not Logistic:
        raise InputError(f"'population' must have the logistic link for {structure.describe()}.")
    own = population.rewards[population.shares > 0.0]
    rng = _validate.seed("seed", seed)
    if dictionary is None:
        span = float(np.ptp(own, axis=1).max())
        furthest = reach_of(population.link)
        reach = min(2.0 * span or 1.0, furthest)
        if bound is not None:
            reach = _validate.number("bound", bound, span, furthest)
        types, rounds = np.vstack([own, _types(population.n_options, reach, rng)]), N_ROUNDS
    else:
        if bound is not None:
            raise _validate.complaint("bound", "omitted where a dictionary is given", bound)
        given = _validate.real_array("dictionary", dictionary, 2)
        if given.shape[1] != population.n_options:
            must = f"of shape (types, {population.n_options})"
            raise _validate.complaint("dictionary", must, f"shape {given.shape}")
        types, rounds = np.vstack([own, given]), 0
        reach = float(np.ptp(types, axis=1).max())
    ends = []
    for direction in (-1.0, 1.0):
        program, pool = SharesProgram(population, pair, direction, structure), types
        answer, size = program.solve(pool), len(pool)
        for step in range(rounds):
            used = pool[answer.shares > 0.0]  # they keep the end from moving back
            near = _neighbours(used, reach, reach / 4.0 * 3.0**-step, rng)
            wider = np.vstack([own, used, near])
            try:
                answer = program.solve(wider)
            except ConvergenceError:
                break  # on types too much alike: what was found before stands
            pool, size = wider, size + len(near)
        ends.append(_End(program.population(pool, answer.shares), answer.dual_gap, size))
    low, high = ends
    return RewardBounds(
        pair=pair,
        gap=_gap(population, pair),
        lower=_gap(low.population, pair),
        upper=_gap(high.population, pair),
        at_lower=low.population,
        at_upper=high.population,
        residuals=(_apart(population, low.population), _apart(population, high.population)),
        dual_gaps=(low.dual_gap, high.dual_gap),
        bound=reach,
        dictionary_size=max(low.size, high.size),
    )


class _End(NamedTuple):
    population: Population
    dual_gap: float
    size: int


def _gap(population: Population, pair: tuple[int, int]) -> float:
    means = population.mean_rewards()
    return float(means[pair[0]] - means[pair[1]])


def _apart(first: Population, second: Population) -> float:
    return float(np.abs(first.pairwise() - second.pairwise()).max())


def _types(n_options: int, bound: float, rng: np.random.Generator) -> Floats:
    """Return rewards in a box of side `bound`: corners, and uniform draws.

    Up to a constant, that is every type whose rewards differ by no more than the bound.
    """
    if n_options <= 10:
        corners = np.arange(2**n_options)[:, None] >> np.arange(n_options) & 1
    else:
        corners = rng.integers(0, 2, (1024, n_options))
    inside = rng.random((N_RANDOM, n_options))
    return bound * (np.vstack([corners, inside]) - 0.5)


def _neighbours(types: Floats, bound: float, scale: float, rng: np.random.Generator) -> Floats:
    """Return types in the box near the given ones."""
    middle = (types.max(axis=1, keepdims=True) + types.min(axis=1, keepdims=True)) / 2.0
    copies = np.repeat(types - middle, N_NEIGHBOURS, axis=0)
    return np.clip(copies + rng.normal(0.0, scale, copies.shape), -bound / 2.0, bound / 2.0)


class _Shares(NamedTuple):
    """Shares of the types of a dictionary, and how far they may be from the best."""

    shares: Floats
    dual_gap: float


class SharesProgram:
    """Shares over types that reproduce a population's preferences and push a gap to one side.

    Parameters
    ----------
    source : Population
    pair : tuple of int
    direction : float
        1 pushes the average-reward gap of the pair up, -1 down.
    structure : Mixed
        Whose answers are reproduced.
    """

    def __init__(
        self,
        source: Population,
        pair: tuple[int, int],
        direction: float,
        structure: Mixed = Pairs(),  # noqa: B008 - immutable
    ) -> None:
        self.source, self.pair, self.direction = source, pair, direction
        self.structure = structure
        self.target = self.answers(source.rewards) @ source.shares

    def answers(self, types: Floats) -> Floats:
        """Return how likely each type (columns) gives each answer (rows); one of each is left out.

        The answers to one question sum to 1.
        """
        if self.structure == Pairs():
            upper, lower = np.triu_indices(self.source.n_options, 1)
            return self.source.link(types[:, upper] - types[:, lower]).T
        link = self.source.link
        assert isinstance(link, Logistic)
        pairs = PairWeights.of([types.shape[1]])
        model = Model.of_types(types / link.temperature)
        found = self.structure.by_type(model, pairs, np.random.default_rng(0))
        return np.concatenate([part.value.T for part in found.parts[1:]])

    def solve(self, types: Floats) -> _Shares:
        """Return the best shares of the given types."""
        import cvxpy as cp

        gains = self.direction * (types[:, self.pair[0]] - types[:, self.pair[1]])
        rows = self.answers(types)
        shares = cp.Variable(len(types), nonneg=True)
        same = rows @ shares == self.target
        problem = cp.Problem(cp.Maximize(gains @ shares), [same, cp.sum(shares) == 1])
        tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
        try:
            problem.solve(solver="HIGHS", **tight)
        except (cp.SolverError, ValueError) as error:  # cvxpy's words for giving up
            raise ConvergenceError(f"average-reward bounds: {error}") from None
        if shares.value is None:
            raise ConvergenceError(f"average-reward bounds: HiGHS stopped: {problem.status}")
        found = self.repaired(rows, shares.value)
        # Whatever the prices, no shares reach more than their value and the best surplus.
        prices = same.dual_value
        most = float(prices @ self.target + (gains - prices @ rows).max())
        return _Shares(found, max(0.0, most - float(gains @ found)))

    def repaired(self, rows: Floats, solution: Floats) -> Floats:
        """Return the shares less a solver's zeros and, where possible, its tolerance."""
        used = np.flatnonzero(solution > EMPTY)
        system = np.vstack([rows[:, used], np.ones(len(used))])
        missing = np.append(self.target, 1.0) - system @ solution[used]
        mended = solution[used] + np.linalg.lstsq(system, missing, rcond=None)[0]
        result = np.zeros_like(solution)
        result[used] = mended if (mended > 0.0).all() else solution[used]
        return result / result.sum()

    def population(self, types: Floats, shares: Floats) -> Population:
        """Return the types in use as a population, of whose preferences there is proof."""
        used, source = shares > 0.0, self.source
        found = Population(types[used], shares[used], link=source.link, options=source.options)
        missed = self.answers(found.rewards) @ found.shares - self.target
        if (residual := float(np.abs(missed).max())) > SAME:
            raise ConvergenceError(
                f"average-reward bounds: answers are missed by {residual:.2e}, more than {SAME:g}"
            )
        # By a solver's tolerance the end can lie inside of where it began.
        inside = self.direction * (_gap(found, self.pair) - _gap(source, self.pair)) < 0.0
        return source if inside else found


@dataclass(frozen=True, eq=False)
class Twin:
    """A population with the same anonymous preferences and another optimal policy.

    Attributes
    ----------
    population, twin : Population
    residual : float
        Largest absolute difference between their pairwise preferences.
    distance : float
        Total variation between their optimal policies, with beta 1 and a uniform reference.
    orders : tuple of Ranking
        Their average-reward rankings.
    """

    population: Population
    twin: Population
    residual: float
    distance: float
    orders: tuple[Ranking, Ranking]

    @property
    def order_differs(self) -> bool:
        """Whether the two rank the options differently by average reward."""
        return self.orders[0] != self.orders[1]


def anonymous_twin(population: Population, *, bound: float | None = None, seed: int = 0) -> Twin:
    """Return a population that anonymous comparisons cannot tell from this one.

    Of the ends of `average_reward_bounds` for all pairs of neighbours in the average-reward
    order, the one whose optimal policy is farthest from the population's; one with another order
    if there is any. Neighbours are enough: were two others reversed in some population with the
    same preferences, then on the way there, mixing it in, two neighbours would be reversed first.

    Parameters
    ----------
    population : Population
    bound, seed
        As for `average_reward_bounds`.

    Returns
    -------
    Twin
        Everything it says is computed from the two populations, not taken from the solver.

    Raises
    ------
    InputError, ConvergenceError
        As for `average_reward_bounds`.

    References
    ----------
    arXiv 2502.16320, section 4.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.theory import anonymous_twin
    >>> found = anonymous_twin(Population([[1, 0], [-3, 0]], [0.7, 0.3], options=["A", "B"]))
    >>> [order.describe(("A", "B")) for order in found.orders]
    ['B > A', 'A > B']
    >>> found.residual < 1e-9
    True
    """
    check_population(population)
    order = ranking(population.mean_rewards(), tolerance=SAME)
    best = optimal_policy(population).policy
    twins = []
    for upper, lower in zip(order.order, order.order[1:], strict=False):
        bounds = average_reward_bounds(population, upper, lower, bound=bound, seed=seed)
        for other in (bounds.at_lower, bounds.at_upper):
            distance = total_variation(best, optimal_policy(other).policy)
            orders = order, ranking(other.mean_rewards(), tolerance=SAME)
            twins.append(Twin(population, other, _apart(population, other), distance, orders))
    return max(twins, key=lambda twin: (twin.order_differs, twin.distance))

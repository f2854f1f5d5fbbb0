"""What data without types leave open.

Anonymous comparisons identify the pairwise preferences P and nothing else. A population with the
same P and another average reward gives the same data in any amount, and no method can tell the
two apart. Such populations are found by a linear program over the shares of many types.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..divergences import total_variation
from ..errors import InputError
from ..limits.optimal import optimal_policy
from ..links import Logistic, reach_of
from ..population import Population, check_population
from ..rules import TIE_TOLERANCE, Ranking, ranking
from .alike import MOST_ANSWERS, MOST_SEARCHED, SAME, AnswersByType, End, SharesProgram
from .structures import Mixed, Pairs, Structure, parts_of

Floats = NDArray[np.float64]
SHARP = 1e-2
"""Ends of an interval are known if they can move by no more than this."""
BY_SEARCH = "the prices of a linear program, as far as a search found the best type at them"
BY_DICTIONARY = "the prices of a linear program over the types of the dictionary"


@dataclass(frozen=True, eq=False)
class RewardBounds:
    """Average-reward gaps between two options that the same data allow.

    Attributes
    ----------
    pair : tuple of int
        The options a and b.
    gap : float
        Average reward of a less that of b, in the population that was asked about.
    lower, upper : float
        The least and the largest gap found among populations that give the same answers: an inner
        approximation.
    at_lower, at_upper : Population
        Populations with these gaps.
    residuals : tuple of float
        Largest absolute difference between the probabilities of their answers and those of the
        population's.
    outer : tuple of float
        Gaps outside of these are ruled out, by `reason`: an outer approximation.
    reason : str
        In words. A search is no proof; an argument that names no search is.
    bound : float
        The largest reward gap between two options that a type may have.
    dictionary_size : int
        The number of types that shares were chosen over.
    """

    pair: tuple[int, int]
    gap: float
    lower: float
    upper: float
    at_lower: Population
    at_upper: Population
    residuals: tuple[float, float]
    outer: tuple[float, float]
    reason: str
    bound: float
    dictionary_size: int

    @property
    def sharp(self) -> bool:
        """Whether the ends found and those beyond which gaps are ruled out agree to 0.01."""
        return max(self.lower - self.outer[0], self.outer[1] - self.upper) <= SHARP

    @property
    def identified(self) -> bool:
        """Whether all other gaps are ruled out, but for 0.01: where `sharp` is False, too."""
        return self.outer[1] - self.outer[0] <= SHARP

    @property
    def sign_identified(self) -> bool:
        """Whether all gaps that are not ruled out have one sign.

        If `lower` and `upper` have different signs, False is proven, by the two populations.
        """
        return self.outer[0] > TIE_TOLERANCE or self.outer[1] < -TIE_TOLERANCE


def average_reward_bounds(
    population: Population,
    a: int | str,
    b: int | str,
    *,
    structure: Structure | Mapping[Structure, float] = Pairs(),  # noqa: B008 - immutable
    dictionary: ArrayLike | None = None,
    bound: float | None = None,
    seed: int = 0,
) -> RewardBounds:
    """Return the interval of average-reward gaps that data leave open.

    The populations that give the same answers may have any number of types. Shares of types are
    chosen so that all answers are as likely as in the population, and the gap is as small, then
    as large, as it gets. At the linear program's prices, types that would move an end are looked
    for, until there are none. So each end comes twice: as a population (the inner end), and as the
    gap beyond which the prices say that there is none (the outer end).

    Parameters
    ----------
    population : Population
    a, b : int or str
        The gap is the average reward of `a` less that of `b`.
    structure : Structure, or mapping of Structure to float
        What annotators are asked, every question often; anonymous comparisons if omitted. Others
        need the logistic link. Of a mapping every structure counts, whatever its part.
    dictionary : array_like, shape (N, K), optional
        Rewards of the types that there may be, besides the population's own. If omitted, all
        types with reward gaps up to `bound`.
    bound : float, optional
        The largest reward gap between two options that a type may have; twice the population's
        own largest if omitted. Not with a dictionary.
    seed : int
        Of the search's random starts.

    Returns
    -------
    RewardBounds

    Raises
    ------
    InputError
        If an option does not exist, both are the same, the dictionary is not finite or of
        another width, the bound is smaller than a gap in the population itself, nothing can be
        said about a structure, or it has too many answers (100; 5,000 with a dictionary).
    ConvergenceError
        If the solver stops, or its shares miss the answers by more than 1e-9.

    Notes
    -----
    Some structures settle the gap by an argument of their own, and are not searched: panels and
    vote counts, which have one annotator of each type; reported types, unless the confusion is
    unknown; and repeated pairs, where they tell the types apart from all others. Under an unknown
    confusion, and for groups, each report or group is a population of which nothing else is
    known. How they mix the types is no part of the population: 80 % of reports are right, and
    groups' mixtures are random, as in `information`.

    Where all types that fit must lie on a surface, the outer ends are where the prices of answers
    are limited; if the inner ones do not reach them, `sharp` is False.

    References
    ----------
    arXiv 2502.16320, section 4. Curto and Fialkow (1996), "Solution of the truncated complex
    moment problem for flat data", for repeated pairs.

    Examples
    --------
    Seven in ten prefer the first option a little, the others the second by much. The mean gap is
    -0.2, but the same data may come from people who prefer the first on average:

    >>> from socialpref import Population
    >>> from socialpref.theory import Repeated, average_reward_bounds
    >>> split = Population([[1, 0], [-3, 0]], [0.7, 0.3])
    >>> found = average_reward_bounds(split, 0, 1)
    >>> round(found.lower, 2), round(found.gap, 2), round(found.upper, 2)
    (-1.23, -0.2, 1.71)
    >>> found.sign_identified
    False

    Four labels of the pair by each annotator settle it:

    >>> average_reward_bounds(split, 0, 1, structure=Repeated(4)).reason
    '4 labels with repeats tell 2 kinds of annotators apart from all others'
    """
    check_population(population)
    pair = population.index(a), population.index(b)
    if pair[0] == pair[1]:
        raise _validate.complaint("b", "another option than 'a'", repr(b))
    parts = tuple(parts_of(structure))
    if parts != (Pairs(),) and type(population.link) is not Logistic:
        raise InputError(f"'population' must have the logistic link for {parts[0].describe()}.")
    rng = _validate.seed("seed", seed)
    types, reach = _types(population, dictionary, bound)
    search = _Search(pair, types, reach, rng, dictionary is not None)
    if reason := next(filter(None, (one.settles(population, pair) for one in parts)), ""):
        return search.settled(population, reason)
    groups = [one.groups(population.shares) for one in parts]
    asked = tuple(one.asked for one in parts if one.asked is not None)
    if len(parts) > 1 and max(map(len, groups)) > 1:
        must = "no mixture where a part's reports or groups mix the types in an unknown way"
        raise _validate.complaint("structure", must, ", ".join(p.describe() for p in parts))
    (mixes, *_), found = groups, []
    for mix in mixes:
        own = Population(population.rewards, mix / mix.sum(), link=population.link,
                         options=population.options)  # fmt: skip
        found.append(search.interval(own, asked))
    return found[0] if len(found) == 1 else _together(found, mixes.sum(axis=1))


@dataclass(frozen=True, eq=False)
class _Search:
    """What a pair's average-reward gap is looked for among."""

    pair: tuple[int, int]
    types: Floats
    reach: float
    rng: np.random.Generator
    only_these: bool

    def settled(self, population: Population, reason: str) -> RewardBounds:
        """Return the interval of one point."""
        gap = _gap(population, self.pair)
        return RewardBounds(
            pair=self.pair,
            gap=gap,
            lower=gap,
            upper=gap,
            at_lower=population,
            at_upper=population,
            residuals=(0.0, 0.0),
            outer=(gap, gap),
            reason=reason,
            bound=self.reach,
            dictionary_size=population.n_types,
        )

    def interval(self, population: Population, asked: Sequence[Mixed]) -> RewardBounds:
        """Return the interval of populations that answer all questions as the given one."""
        most = MOST_ANSWERS if self.only_these else MOST_SEARCHED
        answers = AnswersByType(asked, population, self.reach, self.rng, most)
        low, high = (self._end(population, answers, direction) for direction in (-1.0, 1.0))
        lower, upper = (_gap(end.population, self.pair) for end in (low, high))
        return RewardBounds(
            pair=self.pair,
            gap=_gap(population, self.pair),
            lower=lower,
            upper=upper,
            at_lower=low.population,
            at_upper=high.population,
            residuals=(
                answers.apart(population, low.population),
                answers.apart(population, high.population),
            ),
            outer=(min(lower, -low.most), max(upper, high.most)),
            reason=BY_DICTIONARY if self.only_these else BY_SEARCH,
            bound=self.reach,
            dictionary_size=max(low.n_types, high.n_types),
        )

    def _end(self, population: Population, answers: AnswersByType, direction: float) -> End:
        program = SharesProgram(population, self.pair, direction, answers, self.reach)
        types = np.vstack([population.rewards[population.shares > 0.0], self.types])
        return program.over(types) if self.only_these else program.over_all(types, self.rng)


def _together(found: Sequence[RewardBounds], sizes: Floats) -> RewardBounds:
    """Return the interval of several groups, of which nobody knows how they are related."""

    def mean(values: Sequence[float]) -> float:
        return float(sizes @ np.array(values))

    def joined(each: Sequence[Population]) -> Population:
        return Population(
            np.vstack([one.rewards for one in each]),
            np.concatenate([n * one.shares for n, one in zip(sizes, each, strict=True)]),
            link=each[0].link,
            options=each[0].options,
        )

    at_lower, at_upper = joined([f.at_lower for f in found]), joined([f.at_upper for f in found])
    return RewardBounds(
        pair=found[0].pair,
        gap=mean([one.gap for one in found]),
        lower=_gap(at_lower, found[0].pair),
        upper=_gap(at_upper, found[0].pair),
        at_lower=at_lower,
        at_upper=at_upper,
        residuals=(
            max(one.residuals[0] for one in found),
            max(one.residuals[1] for one in found),
        ),
        outer=(mean([one.outer[0] for one in found]), mean([one.outer[1] for one in found])),
        reason=f"{len(found)} groups, each by {found[0].reason}",
        bound=found[0].bound,
        dictionary_size=sum(one.dictionary_size for one in found),
    )


def _gap(population: Population, pair: tuple[int, int]) -> float:
    means = population.mean_rewards()
    return float(means[pair[0]] - means[pair[1]])


def _types(
    population: Population, dictionary: ArrayLike | None, bound: float | None
) -> tuple[Floats, float]:
    """Return types besides the population's own, and the largest reward gap of a type.

    Without a dictionary they are those with two reward levels, of up to ten options.
    """
    own = population.rewards[population.shares > 0.0]
    span = float(np.ptp(own, axis=1).max())
    n_options = population.n_options
    if dictionary is None:
        furthest = reach_of(population.link)
        reach = min(2.0 * span or 1.0, furthest)
        if bound is not None:
            reach = _validate.number("bound", bound, span, furthest)
        levels = np.arange(2 ** min(n_options, 10))[:, None] >> np.arange(n_options) & 1
        return np.asarray(reach * (levels - 0.5)), reach
    if bound is not None:
        raise _validate.complaint("bound", "omitted where a dictionary is given", bound)
    given = _validate.real_array("dictionary", dictionary, 2)
    if given.shape[1] != n_options:
        raise _validate.complaint(
            "dictionary", f"of shape (types, {n_options})", f"shape {given.shape}"
        )
    return given, max(span, float(np.ptp(given, axis=1).max(initial=0.0)))


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
            twins.append(
                Twin(
                    population,
                    other,
                    float(np.abs(population.pairwise() - other.pairwise()).max()),
                    distance,
                    orders,
                )
            )
    return max(twins, key=lambda twin: (twin.order_differs, twin.distance))

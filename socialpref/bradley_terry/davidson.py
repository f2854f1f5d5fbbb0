"""Davidson's model of comparisons with ties: one more parameter says how common ties are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from ..errors import ConvergenceError, InputError
from .arguments import checked_pairs, checked_prior, checked_weights, per_row
from .clusters import check_scores, codes, scores_of
from .estimates import RewardFit
from .newton import Step, check_information, climb
from .pairs import Floats, Graph, Integers, Pairs, check_maximum, components, sums_of, wins_of
from .solver import Laplacian


class TiedPairs(NamedTuple):
    """Pairs of options, low < high, sorted: how often `low` won, lost and tied."""

    low: Integers
    high: Integers
    wins: Floats
    losses: Floats
    ties: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class DavidsonFit(RewardFit):
    """The maximum of the likelihood of Davidson's model, in which options may tie.

    Of two options with rewards g and h the first wins with probability ``exp(g) / D``, loses with
    ``exp(h) / D`` and ties with ``tie exp((g + h) / 2) / D``, where D is the sum of the three.

    Attributes
    ----------
    tie : float
        The tie parameter: 2 if equal options tie half of the time, ``tie / (2 + tie)`` in general.
    pairs : TiedPairs
        How often each pair of options met, and how.
    """

    tie: float
    pairs: TiedPairs

    @property
    def deviance(self) -> float:
        """Minus twice the log-likelihood."""
        return -2.0 * self.log_likelihood

    def standard_error_of_tie(self) -> float:
        """Return the naive standard error of the logarithm of the tie parameter."""
        return float(1.0 / np.sqrt(self._parts[1]))

    def with_clusters(
        self,
        cluster: ArrayLike,
        first: ArrayLike,
        second: ArrayLike,
        wins: ArrayLike,
        losses: ArrayLike,
        ties: ArrayLike,
    ) -> Self:
        """Return the same fit with clusters, from how often each of them preferred what.

        As `BradleyTerryFit.with_clusters`, with the weight of the ties besides.

        Examples
        --------
        >>> from socialpref.bradley_terry import fit_davidson
        >>> fit = fit_davidson([0, 0, 0], [1, 1, 1], [1, 0.5, 0], weights=[4, 2, 2])
        >>> people = fit.with_clusters(["ann", "ben"], [0, 1], [1, 0], [2, 1], [1, 2], [1, 1])
        >>> people.n_clusters
        2
        """
        _, _, rows = checked_pairs(first, second, len(self.rewards))
        named = (("wins", wins), ("losses", losses), ("ties", ties))
        counts = [
            np.broadcast_to(per_row(name, values, len(rows[0]), np.inf), len(rows[0]))
            for name, values in named
        ]
        return self._clustered_by(*codes(cluster, len(rows[0])), rows, counts)

    def _clustered_by(
        self,
        cluster: Integers,
        n_clusters: int,
        rows: tuple[Integers, Integers],
        counts: Sequence[Floats],
    ) -> Self:
        first, second = rows
        wins, losses, ties = counts
        games = wins + losses + ties
        won, lost, tied = _chances(self.rewards[first] - self.rewards[second], np.log(self.tie))
        push = 0.5 * (wins - losses) - 0.5 * games * (won - lost)
        size = len(self.rewards)
        scores = scores_of(
            np.concatenate([cluster, cluster, cluster]),
            np.concatenate([first, second, np.full_like(first, size)]),
            np.concatenate([push, -push, ties - games * tied]),
            (n_clusters, size + 1),
        )
        check_scores(scores, np.append(self.prior * self.rewards, 0.0), float(games.sum()))
        return replace(self, scores=scores)

    def _laplacian(self) -> Laplacian:
        return _curved(self.pairs, self.rewards, np.log(self.tie), self.prior)[0]

    @cached_property
    def _parts(self) -> tuple[Floats, float]:
        """How rewards answer a force on the tie parameter, and the information about it alone."""
        _, cross, own = _curved(self.pairs, self.rewards, np.log(self.tie), self.prior)
        answer = self._information().solve(cross)
        if answer is None:
            raise ConvergenceError("Davidson fit: the system of a standard error is not solved")
        answer = answer - answer.mean()
        return answer, own - float(cross @ answer)

    @cached_property
    def _naive(self) -> Floats:
        answer, own = self._parts
        return np.asarray(self._information().centred_inverse() + np.outer(answer, answer) / own)

    @cached_property
    def _bread(self) -> Floats:
        answer, own = self._parts
        return np.column_stack([self._naive, -answer / own])

    def _variance(self, information: Laplacian, contrast: Floats, clustered: bool) -> float:
        covariance = self.covariance(clustered=clustered)
        return float(contrast @ covariance @ contrast)


def fit_davidson(
    first: ArrayLike,
    second: ArrayLike,
    outcomes: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    n_options: int | None = None,
    options: Sequence[str] | None = None,
    cluster: ArrayLike | None = None,
    prior: float | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 100,
) -> DavidsonFit:
    """Fit rewards, and how common ties are, to comparisons with ties by maximum likelihood.

    Parameters
    ----------
    first, second : array_like of int, shape (m,)
        The two options of each comparison, numbered from 0.
    outcomes : array_like, shape (m,)
        1 if `first` wins, 0 if `second` does, 1/2 for a tie; nothing in between.
    weights, n_options, options, cluster, prior
        As in `fit_bradley_terry`. A prior is one of the rewards only.
    tolerance : float
        The largest of Newton's steps at which to stop, relative to the largest reward or 1.
    max_iterations : int
        The largest number of Newton steps.

    Returns
    -------
    DavidsonFit

    Raises
    ------
    InputError
        If an argument is out of its range, or no finite maximum exists: without ties, with ties
        only, where options are not linked, or where the ties can all be explained by rewards that
        grow without bound.
    ConvergenceError
        If the tolerance is not reached.

    Notes
    -----
    The log-likelihood is concave in the rewards and the logarithm of the tie parameter.

    References
    ----------
    Davidson (1970), "On extending the Bradley-Terry model to accommodate ties in paired
    comparison experiments", Journal of the American Statistical Association 65.

    Examples
    --------
    Of eight comparisons four are won, two lost, and two tied, which is the square root of 4 times
    2, over the square root of 2:

    >>> from socialpref.bradley_terry import fit_davidson
    >>> fit = fit_davidson([0, 0, 0], [1, 1, 1], [1, 0.5, 0], weights=[4, 2, 2])
    >>> fit.rewards.round(4), round(fit.tie, 4)
    (array([ 0.3466, -0.3466]), 0.7071)
    """
    _validate.number("tolerance", tolerance, 0.0, above=True)
    _validate.integer("max_iterations", max_iterations, 1)
    precision = checked_prior(prior)
    size, names, rows = checked_pairs(first, second, n_options, options)
    length = len(rows[0])
    labels = np.broadcast_to(per_row("outcomes", outcomes, length, 1.0), length)
    wrong = (labels != 0.0) & (labels != 0.5) & (labels != 1.0)
    if wrong.any():
        raise _validate.complaint("outcomes", "1, 1/2 or 0", f"{labels[wrong][0]} among them")
    counts = np.broadcast_to(checked_weights(weights, length), length)
    kinds = [counts * (labels == kind) for kind in (1.0, 0.0, 0.5)]
    pairs = _merged(*rows, kinds, size)
    _check_ties(pairs, size, precision)
    found = climb(
        lambda at: _value(pairs, at, precision),
        lambda at: _step(pairs, at, precision),
        _start(pairs, size),
        tolerance=tolerance,
        max_iterations=max_iterations,
        name="Davidson",
    )
    rewards = found.at[:-1] - found.at[:-1].mean()
    at = np.append(rewards, found.at[-1])
    check_information(_curved(pairs, rewards, at[-1], precision)[0], "Davidson")
    fit = DavidsonFit(
        rewards=rewards,
        options=names,
        log_likelihood=_value(pairs, at, 0.0),
        residual=found.error,
        iterations=found.iterations,
        prior=precision,
        tie=float(np.exp(found.at[-1])),
        pairs=pairs,
    )
    if cluster is None:
        return fit
    return fit._clustered_by(*codes(cluster, length), rows, kinds)


def _merged(first: Integers, second: Integers, kinds: Sequence[Floats], size: int) -> TiedPairs:
    """Add up what happened to each pair."""
    wins, losses, ties = kinds
    there = wins + losses + ties > 0.0
    swapped = first > second
    keys = np.minimum(first, second) * size + np.maximum(first, second)
    kept, place = np.unique(keys[there], return_inverse=True)
    low, high = np.divmod(kept, size)
    won, lost = np.where(swapped, losses, wins), np.where(swapped, wins, losses)
    sums = [sums_of(place, values[there], len(kept)) for values in (won, lost, ties)]
    return TiedPairs(low, high, *sums)


def _check_ties(pairs: TiedPairs, size: int, prior: float) -> None:
    """Refuse comparisons whose likelihood has no finite maximum."""
    tied, decided = pairs.ties.any(), pairs.wins.any() or pairs.losses.any()
    if not tied or not decided:
        got = "no tie" if decided else "only ties"
        raise _validate.complaint("outcomes", "some ties and some others", got)
    if prior:
        return
    half = 0.5 * pairs.ties
    either = Pairs(pairs.low, pairs.high, pairs.wins + half, pairs.losses + half)
    check_maximum(either, Graph(pairs.low, pairs.high, size))
    if not _held(pairs, size):
        raise InputError(
            "'outcomes' must not be such that rewards can grow, and ties with them, without "
            "bound: some option must win against one that beats it, directly or through others, "
            "with fewer ties on the way than wins. A prior is a way out."
        )


def _held(pairs: TiedPairs, size: int) -> bool:
    """Return whether some circle of comparisons has more wins than ties.

    If none has, there are rewards in which each winner is at least 2 ahead and no tie is of
    options more than 2 apart; these times any number explain the comparisons ever better. They
    are shortest ways in a graph, which exist unless a circle has a negative length.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import NegativeCycleError, bellman_ford

    winner, loser = wins_of(Pairs(pairs.low, pairs.high, pairs.wins, pairs.losses))
    if components(winner, loser, size, strong=True)[0] < size:
        return True  # a circle of wins
    tied = pairs.ties > 0.0
    down, up = tied & ~(pairs.wins > 0.0), tied & ~(pairs.losses > 0.0)
    options = np.arange(size)
    ways: tuple[
        tuple[Integers, Integers, float], ...
    ] = (  # from, to, and how much larger the reward there may be
        (winner, loser, -2.0),
        (pairs.low[down], pairs.high[down], 2.0),
        (pairs.high[up], pairs.low[up], 2.0),
        (np.full_like(options, size), options, 2.0),
    )
    start, end, lengths = zip(*ways, strict=True)
    values = [np.full(len(one), length) for one, length in zip(start, lengths, strict=True)]
    places = np.concatenate(start), np.concatenate(end)
    graph = coo_array((np.concatenate(values), places), shape=(size + 1, size + 1))
    try:
        bellman_ford(graph.tocsr(), indices=size)
    except NegativeCycleError:
        return True
    return False


def _chances(gap: Floats, log_tie: float) -> tuple[Floats, Floats, Floats]:
    """Return the probabilities of a win, a loss and a tie."""
    logs = np.stack([0.5 * gap, -0.5 * gap, np.full_like(gap, log_tie)])
    parts = np.exp(logs - logs.max(axis=0))
    won, lost, tied = parts / parts.sum(axis=0)
    return won, lost, tied


def _start(pairs: TiedPairs, size: int) -> Floats:
    ties, games = pairs.ties.sum(), (pairs.wins + pairs.losses + pairs.ties).sum()
    return np.append(np.zeros(size), np.log(2.0 * ties / (games - ties)))


def _value(pairs: TiedPairs, at: Floats, prior: float) -> float:
    """Return the log-likelihood, less the prior's penalty."""
    gap = at[pairs.low] - at[pairs.high]
    tie = np.full_like(gap, at[-1])
    total = np.logaddexp(np.logaddexp(0.5 * gap, -0.5 * gap), tie)
    said = pairs.wins @ (0.5 * gap - total) + pairs.losses @ (-0.5 * gap - total)
    said += pairs.ties @ (tie - total)
    return float(said - 0.5 * prior * (at[:-1] @ at[:-1]))


def _curved(
    pairs: TiedPairs, rewards: Floats, log_tie: float, prior: float
) -> tuple[Laplacian, Floats, float]:
    """Return minus the second derivatives: by the rewards, across, and by the tie parameter."""
    games = pairs.wins + pairs.losses + pairs.ties
    won, lost, tied = _chances(rewards[pairs.low] - rewards[pairs.high], log_tie)
    curvature = games * (0.25 * (won + lost) - 0.25 * (won - lost) ** 2)
    cross = -0.5 * games * (won - lost) * tied
    graph = Graph(pairs.low, pairs.high, len(rewards))
    across = np.subtract(*graph.sums(cross))
    own = float((games * tied * (1.0 - tied)).sum())
    return Laplacian(graph, curvature, prior), across, own


def _step(pairs: TiedPairs, at: Floats, prior: float) -> Step:
    rewards, log_tie = at[:-1], float(at[-1])
    laplacian, cross, own = _curved(pairs, rewards, log_tie, prior)
    games = pairs.wins + pairs.losses + pairs.ties
    won, lost, tied = _chances(rewards[pairs.low] - rewards[pairs.high], log_tie)
    push = 0.5 * (pairs.wins - pairs.losses) - 0.5 * games * (won - lost)
    force = np.subtract(*Graph(pairs.low, pairs.high, len(rewards)).sums(push)) - prior * rewards
    tie_force = float((pairs.ties - games * tied).sum())
    free, answer = laplacian.solve(force), laplacian.solve(cross)
    if free is None or answer is None:
        raise ConvergenceError("Davidson fit: the system of a Newton step is not solved")
    tie_change = (tie_force - cross @ free) / (own - cross @ answer)
    change = free - answer * tie_change
    change -= change.mean()
    return Step(np.append(change, tie_change), float(force @ change + tie_force * tie_change))

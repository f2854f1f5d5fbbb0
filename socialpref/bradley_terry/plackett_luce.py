"""The Plackett–Luce model of ballots: each choice is made among the options that are left."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import ConvergenceError
from .arguments import MOST_OPTIONS, checked_prior, checked_weights
from .clusters import check_scores, codes, scores_of
from .estimates import RewardFit
from .newton import Step, check_information, climb
from .pairs import (
    Floats,
    Graph,
    Integers,
    check_maximum,
    largest_component,
    merge,
    positions_in,
    sums_of,
)
from .solver import Laplacian

NOTHING = -1
"""What fills up the rows of short ballots."""

MOST_ENTRIES = 200_000_000
"""Pairs of options of one ballot, over all different ballots, beyond which memory runs out."""


class Ballots(NamedTuple):
    """Different ballots, best option first, and how often each was cast.

    `chosen` says at which places one option was chosen among those from there on.
    """

    ranked: Integers
    chosen: NDArray[np.bool_]
    counts: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class PlackettLuceFit(RewardFit):
    """The maximum of the Plackett–Luce likelihood of ballots.

    Each place of a ballot goes to an option with a probability proportional to ``exp(h)`` among
    those that are left.

    Attributes
    ----------
    ballots : Ballots
        The different ballots; their options are numbered as in the fit.
    n_ballots : int
        Ballots that were given.
    positions : ndarray of int, shape (n,)
        The number that each option of the fit had in the ballots.
    left_out : tuple of str
        The options outside the largest component, if the fit is of that.
    """

    ballots: Ballots
    n_ballots: int
    positions: Integers
    left_out: tuple[str, ...] = ()

    @property
    def deviance(self) -> float:
        """Minus twice the log-likelihood."""
        return -2.0 * self.log_likelihood

    def _laplacian(self) -> Laplacian:
        likelihood = _Likelihood(self.ballots, len(self.rewards), self.prior)
        return likelihood.information(likelihood.at(self.rewards))


def fit_plackett_luce(
    ballots: ArrayLike | Sequence[Sequence[int]],
    *,
    weights: ArrayLike | None = None,
    n_options: int | None = None,
    options: Sequence[str] | None = None,
    unlisted: Literal["unranked", "below"] = "unranked",
    n_ranked: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    prior: float | None = None,
    component: Literal["all", "largest"] = "all",
    tolerance: float = 1e-8,
    max_iterations: int = 100,
) -> PlackettLuceFit:
    """Fit rewards to ballots without ties by maximum likelihood.

    Parameters
    ----------
    ballots : array_like of int, shape (m, k), or sequence of sequences
        The options of each ballot, best first, numbered from 0. Shorter rows of an array are
        filled up with -1.
    weights : array_like, shape (m,) or a number, optional
        How often each ballot counts; once if omitted.
    n_options, options, prior
        As in `fit_bradley_terry`.
    unlisted : {"unranked", "below"}
        What is known of the options that a ballot leaves out: nothing, or that they come after
        those it lists.
    n_ranked : array_like of int, shape (m,), optional
        How many of the options that a ballot lists are ranked; the others come after these, in no
        order. One, for the best of several. All are ranked if omitted.
    cluster : array_like, shape (m,), optional
        Who cast each ballot, for errors that allow for several ballots of one annotator.
    component : {"all", "largest"}
        Whether to fit all options, or only the largest set that can be fitted, and to strike the
        others off the ballots.
    tolerance : float
        The largest of Newton's steps at which to stop, relative to the largest reward or 1.
    max_iterations : int
        The largest number of Newton steps.

    Returns
    -------
    PlackettLuceFit

    Raises
    ------
    InputError
        If an argument is out of its range, or no finite maximum exists.
    ConvergenceError
        If the tolerance is not reached.

    Notes
    -----
    Ballots of the same model broken into pairs and fitted by `fit_bradley_terry` give other
    rewards, which estimate the same thing less exactly. Time and memory grow with the different
    ballots times the square of their lengths.

    References
    ----------
    Plackett (1975), "The analysis of permutations", Applied Statistics 24; Luce (1959),
    Individual Choice Behavior.

    Examples
    --------
    >>> from socialpref.bradley_terry import fit_plackett_luce
    >>> fit = fit_plackett_luce([[0, 1, 2], [1, 0, 2], [2, 0, 1]], options=["a", "b", "c"])
    >>> fit.rewards.round(3)
    array([ 0.591,  0.073, -0.664])
    """
    _validate.number("tolerance", tolerance, 0.0, above=True)
    _validate.integer("max_iterations", max_iterations, 1)
    _validate.choice("unlisted", unlisted, ("unranked", "below"))
    _validate.choice("component", component, ("all", "largest"))
    precision = checked_prior(prior)
    table = _table(ballots)
    most = int(table.max()) + 1
    if options is not None and n_options is None:
        n_options = len(_validate.labels("options", options))
    size = _validate.integer("n_options", most if n_options is None else n_options, 2, MOST_OPTIONS)
    if most > size:
        raise _validate.complaint("ballots", f"of options in 0..{size - 1}", f"{most - 1}")
    names = _validate.labels("options", options, size, "option")
    length = len(table)
    counts = np.broadcast_to(checked_weights(weights, length), length)
    places = np.maximum((table != NOTHING).sum(axis=1) - 1, 0)
    if n_ranked is not None:
        places = np.minimum(_checked_ranked(n_ranked, length, unlisted), places)
    wins = _chain(table, counts, places, size if unlisted == "below" else None)
    if unlisted == "below":
        table, places = _filled(table, size)
    pairs = merge(*wins, size)
    kept = np.arange(size)
    if component == "largest":
        kept = largest_component(pairs, size, strong=not precision)
        table, places = _struck(table, places, kept, size)
    elif not precision:
        check_maximum(pairs, Graph(pairs.low, pairs.high, size))
    different, kind = _different(table, places, counts)
    likelihood = _Likelihood(different, len(kept), precision)
    found = climb(
        likelihood.value,
        likelihood.step,
        np.zeros(len(kept)),
        tolerance=tolerance,
        max_iterations=max_iterations,
        name="Plackett-Luce",
    )
    rewards = found.at - found.at.mean()
    point = likelihood.at(rewards)
    check_information(likelihood.information(point), "Plackett-Luce")
    scores = None
    if cluster is not None:
        number, n_clusters = codes(cluster, length)
        scores = likelihood.scores(point, number, n_clusters, kind, counts)
        check_scores(scores, precision * rewards, float(counts.sum()))
    return PlackettLuceFit(
        rewards=rewards,
        options=tuple(names[y] for y in kept),
        log_likelihood=likelihood.value(rewards) + 0.5 * precision * float(rewards @ rewards),
        residual=found.error,
        iterations=found.iterations,
        prior=precision,
        scores=scores,
        ballots=different,
        n_ballots=length,
        positions=kept,
        left_out=tuple(names[y] for y in np.setdiff1d(np.arange(size), kept)),
    )


class _Point(NamedTuple):
    """Rewards, and for each place of each ballot three logarithms.

    Of the reward there (-inf if there is none), of the sum of ``1 / D`` over the choices so far,
    D the sum of ``exp(h)`` over what was left, and of D itself.
    """

    rewards: Floats
    logs: Floats
    risks: Floats
    left: Floats


class _Likelihood:
    """The Plackett–Luce likelihood of different ballots, less a prior's penalty."""

    def __init__(self, ballots: Ballots, size: int, prior: float) -> None:
        self.ballots, self.size, self.prior = ballots, size, prior
        self.there = ballots.ranked != NOTHING
        n, m = ballots.ranked.shape
        if n * m * (m - 1) // 2 > MOST_ENTRIES:
            raise _validate.complaint(
                "ballots",
                f"such that different ballots have at most {MOST_ENTRIES:,} pairs of options",
                f"{n * m * (m - 1) // 2:,}; fit_bradley_terry takes them as pairs",
            )
        first, second = np.triu_indices(m, 1)
        one, other = ballots.ranked[:, first], ballots.ranked[:, second]
        self.first = first
        self.both = (one != NOTHING) & (other != NOTHING)
        keys = (np.minimum(one, other) * size + np.maximum(one, other))[self.both]
        kept, self.pair = np.unique(keys, return_inverse=True)
        low, high = np.divmod(kept, size)
        self.second = second
        self.graph = Graph(low, high, size)

    def at(self, rewards: Floats) -> _Point:
        """Evaluate at some rewards."""
        logs = np.where(self.there, rewards[self.ballots.ranked], -np.inf)
        left = np.logaddexp.accumulate(logs[:, ::-1], axis=1)[:, ::-1]
        risks = np.where(self.ballots.chosen, -left, -np.inf)
        return _Point(rewards, logs, np.logaddexp.accumulate(risks, axis=1), left)

    def value(self, rewards: Floats) -> float:
        """Return the log-likelihood, less the penalty."""
        point = self.at(rewards)
        chosen = self.ballots.chosen
        said = np.where(chosen, np.where(chosen, point.logs, 0.0) - point.left, 0.0).sum(axis=1)
        return float(self.ballots.counts @ said - 0.5 * self.prior * (rewards @ rewards))

    def forces(self, point: _Point) -> Floats:
        """Return the derivative of each ballot's log-likelihood by the reward of each place."""
        return np.asarray(self.ballots.chosen - np.exp(point.logs + point.risks))

    def information(self, point: _Point) -> Laplacian:
        """Return minus the second derivatives: those of choices among what was left."""
        twice = np.where(self.ballots.chosen, -2.0 * point.left, -np.inf)
        twice = np.logaddexp.accumulate(twice, axis=1)
        logs = point.logs[:, self.first] + point.logs[:, self.second] + twice[:, self.first]
        weights = np.exp(logs) * self.ballots.counts[:, None]
        curvature = sums_of(self.pair, weights[self.both], len(self.graph.low))
        return Laplacian(self.graph, curvature, self.prior)

    def step(self, rewards: Floats) -> Step:
        """Return Newton's step."""
        point = self.at(rewards)
        push = (self.forces(point) * self.ballots.counts[:, None])[self.there]
        force = sums_of(self.ballots.ranked[self.there], push, self.size)
        force -= self.prior * rewards
        change = self.information(point).solve(force - force.mean())
        if change is None:
            raise ConvergenceError("Plackett-Luce fit: the system of a Newton step is not solved")
        change = change - change.mean()
        return Step(change, float(force @ change))

    def scores(
        self, point: _Point, cluster: Integers, n_clusters: int, kind: Integers, counts: Floats
    ) -> object:
        """Return the sums of the ballots' derivatives by cluster, as a sparse matrix."""
        ballot, place = np.nonzero(self.there)
        n_kinds = len(self.ballots.counts)
        each = scores_of(
            ballot,
            self.ballots.ranked[ballot, place],
            self.forces(point)[ballot, place],
            (n_kinds, self.size),
        )
        cast = kind >= 0
        return scores_of(cluster[cast], kind[cast], counts[cast], (n_clusters, n_kinds)) @ each


def _table(ballots: ArrayLike | Sequence[Sequence[int]]) -> Integers:
    """Return ballots as an array, one a row, filled up with -1."""
    must = "rows of integers, each the options of a ballot, best first"
    if not isinstance(ballots, np.ndarray):
        try:
            rows = [np.asarray(row) for row in ballots]  # type: ignore[union-attr]
        except TypeError:
            raise _validate.complaint("ballots", must, _validate.shown(ballots)) from None
        if any(row.ndim != 1 or (row.size and row.dtype.kind not in "iu") for row in rows):
            raise _validate.complaint("ballots", must, _validate.shown(ballots))
        width = max((len(row) for row in rows), default=0)
        table = np.full((len(rows), width), NOTHING, dtype=np.intp)
        for place, listed in enumerate(rows):
            table[place, : len(listed)] = listed
    else:
        if ballots.ndim != 2 or ballots.dtype.kind not in "iu":
            raise _validate.complaint("ballots", must, f"shape {ballots.shape} of {ballots.dtype}")
        table = ballots.astype(np.intp)
    if not table.size or table.max() < 0:
        raise _validate.complaint("ballots", "at least one ballot that lists options", "none")
    if table.min() < NOTHING:
        raise _validate.complaint("ballots", f"options from 0 on, or {NOTHING}", f"{table.min()}")
    after = (table[:, :-1] == NOTHING) & (table[:, 1:] != NOTHING)
    if after.any():
        row = int(np.argmax(after.any(axis=1)))
        raise _validate.complaint("ballots", f"filled up with {NOTHING} at the end", f"row {row}")
    ordered = np.sort(table, axis=1)
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NOTHING)).any(axis=1)
    if twice.any():
        row = int(np.argmax(twice))
        raise _validate.complaint("ballots", "without ties or repeats", f"an option twice in {row}")
    return table


def _checked_ranked(n_ranked: ArrayLike, length: int, unlisted: str) -> Integers:
    """Return how many options each ballot ranks."""
    must = f"{length} integers from 1, one for each ballot"
    numbers = _validate.any_array("n_ranked", n_ranked, must)
    if np.asarray(n_ranked).dtype.kind not in "iu" or numbers.shape != (length,):
        raise _validate.complaint("n_ranked", must, _validate.shown(n_ranked))
    if numbers.min() < 1:
        raise _validate.complaint("n_ranked", must, f"{numbers.min():g}")
    if unlisted == "below":
        raise _validate.complaint("n_ranked", "omitted where 'unlisted' is 'below'", "both")
    return numbers.astype(np.intp)


def _chain(
    table: Integers, counts: Floats, places: Integers, below: int | None
) -> tuple[Integers, Integers, Floats, Floats]:
    """Return enough of the wins within ballots to see what is linked: each over the next.

    The last of the options that are ranked, at `places` - 1, wins over all that come after it.
    With `below`, the number of options, the last of a ballot wins over those it does not list.
    """
    ballot, place = np.nonzero(table[:, 1:] != NOTHING)
    winner = table[ballot, np.minimum(place, places[ballot] - 1)]
    loser = table[ballot, place + 1]
    weight = counts[ballot]
    if below is not None:
        listed = _listed(table, below)
        row, left = np.nonzero(~listed & listed.any(axis=1, keepdims=True))
        last = table[np.arange(len(table)), (table != NOTHING).sum(axis=1) - 1]
        winner, loser = np.concatenate([winner, last[row]]), np.concatenate([loser, left])
        weight = np.concatenate([weight, counts[row]])
    if not len(winner):
        raise _validate.complaint("ballots", "at least one ballot of two options", "none")
    return winner, loser, np.ones(()), weight


def _listed(table: Integers, size: int) -> NDArray[np.bool_]:
    """Return which options each ballot lists."""
    listed = np.zeros((len(table), size), dtype=bool)
    row, column = np.nonzero(table != NOTHING)
    listed[row, table[row, column]] = True
    return listed


def _filled(table: Integers, size: int) -> tuple[Integers, Integers]:
    """Add the options that a ballot leaves out, and return how many choices each ballot makes."""
    listed = _listed(table, size)
    lengths = listed.sum(axis=1)
    row, column = np.nonzero(table != NOTHING)
    full = np.tile(np.arange(size), (len(table), 1))
    rank = np.where(listed, 0, size + full)
    rank[row, table[row, column]] = column
    full = np.argsort(rank, axis=1)
    full[lengths == 0] = NOTHING
    return full, np.minimum(lengths, size - 1)


def _struck(
    table: Integers, places: Integers, kept: Integers, size: int
) -> tuple[Integers, Integers]:
    """Strike all but some options off the ballots, and number these anew."""
    place = np.append(positions_in(kept, size), NOTHING)  # of NOTHING, the last, too
    table = place[table]
    there = table != NOTHING
    made = (there & (np.arange(table.shape[1]) < places[:, None])).sum(axis=1)
    order = np.argsort(~there, axis=1, kind="stable")
    table = np.take_along_axis(table, order, axis=1)
    return table, np.minimum(made, np.maximum(there.sum(axis=1) - 1, 0))


def _different(table: Integers, places: Integers, counts: Floats) -> tuple[Ballots, Integers]:
    """Return the different ballots that say something, and which of them each ballot is (or -1)."""
    says = (places > 0) & (counts > 0.0)
    rows = np.column_stack([table, places])[says]
    found, kind = np.unique(rows, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    ranked, made = found[:, :-1], found[:, -1]
    width = int((ranked != NOTHING).sum(axis=1).max())
    ranked = ranked[:, :width]
    which = np.full(len(table), NOTHING, dtype=np.intp)
    which[says] = kind
    chosen = np.arange(width) < made[:, None]
    return Ballots(ranked, chosen, sums_of(kind, counts[says], len(found))), which

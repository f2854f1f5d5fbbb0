"""Fits to comparisons: with one free reward for each option, the limit of standard DPO on them.

The empirical DPO loss is then the Bradley–Terry negative log-likelihood of the comparisons.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import _validate
from .arguments import checked_pairs, checked_prior, checked_weights, per_row
from .clusters import check_scores, codes, scores_of
from .estimates import RewardFit
from .pairs import (
    Floats,
    Graph,
    Integers,
    Pairs,
    check_maximum,
    largest_component,
    merge,
    positions_in,
    restrict,
    sums_of,
)
from .solver import Laplacian, Likelihood, maximise

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, kw_only=True)
class BradleyTerryFit(RewardFit):
    """The maximum of a Bradley–Terry likelihood, and the comparisons it explains.

    Option y beats z with probability ``sigma(h_y - h_z)``, h the rewards. Its further attributes,
    and how to get errors and intervals of ranks, are those of `RewardFit`.

    Attributes
    ----------
    n_comparisons : int
        Rows that were given, those of weight 0 or left out included.
    low, high : ndarray, shape (pairs,)
        Each pair of options that were compared, once, with ``low < high``.
    wins, losses : ndarray, shape (pairs,)
        The weight with which `low` won and lost.
    positions : ndarray of int, shape (n,)
        The number that each option of the fit had in the comparisons.
    left_out : tuple of str
        The options outside the largest component, if the fit is of that.
    weight_left_out : float
        The weight of the comparisons with these.
    """

    n_comparisons: int
    low: Integers
    high: Integers
    wins: Floats
    losses: Floats
    positions: Integers
    left_out: tuple[str, ...] = ()
    weight_left_out: float = 0.0

    def with_clusters(
        self,
        cluster: ArrayLike,
        first: ArrayLike,
        second: ArrayLike,
        wins: ArrayLike,
        losses: ArrayLike,
    ) -> Self:
        """Return the same fit with clusters, from how often each of them preferred what.

        This is the way to errors by cluster where comparisons are counted elsewhere: by a data
        base, or in parts. Rows may repeat, and count together.

        Parameters
        ----------
        cluster : array_like, shape (m,)
            The cluster of each row, by any name or number: the annotator, or the ballot.
        first, second : array_like of int, shape (m,)
            Two options, numbered as in the comparisons.
        wins, losses : array_like, shape (m,)
            The weight with which the cluster preferred `first`, and `second`. Over all clusters
            they must add up to the comparisons of the fit.

        Returns
        -------
        BradleyTerryFit

        Raises
        ------
        InputError
            If an argument is out of its range, or the counts are not those of the fit.

        Examples
        --------
        >>> from socialpref import fit_bradley_terry
        >>> fit = fit_bradley_terry([0, 0], [1, 1], [1, 0], weights=[4, 2])
        >>> people = fit.with_clusters(["ann", "ben", "cem"], [0, 0, 1], [1, 1, 0], [2, 2, 2],
        ...                            [0, 0, 0])
        >>> people.standard_errors(clustered=True).round(3)
        array([0.75, 0.75])
        """
        size = len(self.options) + len(self.left_out)
        _, _, rows = checked_pairs(first, second, size)
        length = len(rows[0])
        won = np.broadcast_to(per_row("wins", wins, length, np.inf), length)
        lost = np.broadcast_to(per_row("losses", losses, length, np.inf), length)
        return self._clustered_by(*codes(cluster, length), rows, size, won, lost)

    def _clustered_by(
        self,
        cluster: Integers,
        n_clusters: int,
        rows: tuple[Integers, Integers],
        size: int,
        wins: Floats,
        losses: Floats,
    ) -> Self:
        """Add scores by cluster; options are numbered as they were given."""
        from scipy.special import expit

        place = positions_in(self.positions, size)
        first, second = place[rows[0]], place[rows[1]]
        kept = (first >= 0) & (second >= 0) & (wins + losses > 0.0)
        if not kept.all():
            cluster, first, second = cluster[kept], first[kept], second[kept]
            wins, losses = wins[kept], losses[kept]
        gap = self.rewards[first] - self.rewards[second]
        push = wins * expit(-gap) - losses * expit(gap)
        scores = scores_of(
            np.concatenate([cluster, cluster]),
            np.concatenate([first, second]),
            np.concatenate([push, -push]),
            (n_clusters, len(self.rewards)),
        )
        check_scores(scores, self.prior * self.rewards, float((wins + losses).sum()))
        return replace(self, scores=scores)

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of the options.

        The columns are option, n (the weight of its comparisons), wins, reward, se_naive,
        se_clustered (if there are clusters), rank_low and rank_high (each option's own, at 95 %).

        Examples
        --------
        >>> from socialpref import fit_bradley_terry
        >>> fit_bradley_terry([0, 1, 1], [1, 0, 0], options=["a", "b"]).to_frame().round(3)
          option    n  wins  reward  se_naive  rank_low  rank_high
        0      a  3.0   1.0  -0.347     0.612         1          2
        1      b  3.0   2.0   0.347     0.612         1          2
        """
        frame = super().to_frame()
        size = len(self.rewards)
        won = sums_of(self.low, self.wins, size) + sums_of(self.high, self.losses, size)
        lost = sums_of(self.low, self.losses, size) + sums_of(self.high, self.wins, size)
        frame.insert(1, "n", won + lost)
        frame.insert(2, "wins", won)
        return frame

    def describe(self) -> str:
        """Return the first options with their rewards and errors, and what was left out."""
        said = super().describe()
        if self.left_out:
            said += (
                f" Left out, as they are not in the largest component: {len(self.left_out):,} "
                f"options and comparisons of weight {self.weight_left_out:g}."
            )
        return said

    def _laplacian(self) -> Laplacian:
        pairs = Pairs(self.low, self.high, self.wins, self.losses)
        likelihood = Likelihood(pairs, len(self.rewards), self.prior)
        curvature = likelihood.at(self.rewards).curvature
        return Laplacian(likelihood.graph, curvature, self.prior)


def fit_bradley_terry(
    first: ArrayLike,
    second: ArrayLike,
    outcomes: ArrayLike = 1.0,
    *,
    weights: ArrayLike | None = None,
    n_options: int | None = None,
    options: Sequence[str] | None = None,
    cluster: ArrayLike | None = None,
    prior: float | None = None,
    component: Literal["all", "largest"] = "all",
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
        The number of options; that of their labels, or one more than the largest in the
        comparisons, if omitted.
    options : sequence of str, optional
        The options' labels; they are numbered if omitted.
    cluster : array_like, shape (m,), optional
        Who made each comparison, by any name or number, for errors that allow for the tastes of
        annotators (``standard_errors(clustered=True)``).
    prior : float, optional
        The precision of a normal prior of each reward, with mean 0: ``prior / 2 * sum h^2`` is
        taken off the log-likelihood. A maximum then exists whatever the comparisons. None or 0
        for none.
    component : {"all", "largest"}
        Whether to fit all options, or only the largest component if not all of them can be
        fitted. Without a prior that is the largest set of options in which every group both wins
        and loses against the others; with one, the largest that comparisons link. What is left
        out is in `left_out`.
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
        compared with the others, or win (or lose) all comparisons with them. There are two ways
        out, a prior and ``component="largest"``.
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

    The third option has never lost, which no finite reward explains:

    >>> winners, losers = [0, 0, 0, 1, 2], [1, 1, 1, 0, 0]
    >>> largest = fit_bradley_terry(winners, losers, component="largest")
    >>> largest.rewards.round(4), largest.left_out
    (array([ 0.5493, -0.5493]), ('option 3',))
    >>> fit_bradley_terry(winners, losers, prior=1.0).rewards.round(4)
    array([ 0.0621, -0.4752,  0.4131])
    """
    _validate.number("tolerance", tolerance, 0.0)
    _validate.integer("max_iterations", max_iterations, 1)
    precision = checked_prior(prior)
    _validate.choice("component", component, ("all", "largest"))
    size, names, rows = checked_pairs(first, second, n_options, options)
    labels = per_row("outcomes", outcomes, len(rows[0]), 1.0)
    counts = checked_weights(weights, len(rows[0]))
    pairs = merge(*rows, labels, counts, size)
    kept, weight = np.arange(size), 0.0
    if component == "largest":
        kept = largest_component(pairs, size, strong=not precision)
        whole, pairs = pairs, restrict(pairs, kept, size)
        weight = float(sum(part.sum() for part in (whole.wins, whole.losses)))
        weight -= float(sum(part.sum() for part in (pairs.wins, pairs.losses)))
    elif not precision:
        check_maximum(pairs, Graph(pairs.low, pairs.high, size))
    found = maximise(
        pairs, len(kept), tolerance=tolerance, max_iterations=max_iterations, prior=precision
    )
    fit = BradleyTerryFit(
        rewards=found.rewards,
        options=names if len(kept) == size else tuple(names[y] for y in kept),
        log_likelihood=Likelihood(pairs, len(kept)).value(found.rewards),
        residual=float(found.error),
        iterations=found.iterations,
        n_comparisons=len(rows[0]),
        low=pairs.low,
        high=pairs.high,
        wins=pairs.wins,
        losses=pairs.losses,
        prior=precision,
        positions=kept,
        left_out=tuple(names[y] for y in np.setdiff1d(np.arange(size), kept)),
        weight_left_out=weight,
    )
    if cluster is None:
        return fit
    number, n_clusters = codes(cluster, len(rows[0]))
    wins = np.broadcast_to(counts * labels, len(rows[0]))
    losses = np.broadcast_to(counts * (1.0 - labels), len(rows[0]))
    return fit._clustered_by(number, n_clusters, rows, size, wins, losses)

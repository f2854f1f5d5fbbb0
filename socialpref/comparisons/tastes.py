"""Do annotators have tastes of their own? The design effect of annotators, and its p-value."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..bradley_terry import fit_bradley_terry
from ..errors import InputError
from ..links import log_logistic
from .people import MOST_ANNOTATORS, People, sample_annotators
from .shuffles import How, NoTastes, one_model
from .table import Comparisons

Floats = NDArray[np.float64]

SHRINKING = 1.0
"""Precision of the prior of the model that labels are simulated from."""

ROUNDING = 1e-9
"""Statistics that differ by less, relatively, are equal."""


@dataclass(frozen=True)
class Heterogeneity:
    """Whether annotators have tastes of their own.

    Attributes
    ----------
    deff : float or None
        The design effect: the sum of the rewards' variances where each annotator is drawn with
        all their comparisons, over that where each comparison is drawn alone. It is about 1 if
        nobody has tastes of their own.
    relative : float or None
        How much annotators agree with themselves beside labels without tastes of their own: the
        statistic of the p-value over its mean for these. It is 1 if nobody has such tastes, also
        where ties, counted as half a win for each, bring the design effect below 1.
    p_value : float or None
        How often labels without tastes of annotators' own agree with themselves as much.
    how : {"permutation", "simulation"} or None
        Where such labels came from: the observed ones, permuted among the annotators of the same
        pair, or one Bradley-Terry model for all.
    reason : str or None
        Why there is no p-value.
    recurring : float
        The share of comparisons of pairs that another annotator compared, too. Labels are
        simulated where it is below one half.
    replicates : int
        How many permutations or simulations.
    n_annotators, n_sampled : int
        How many annotators there are, and how many were looked at.
    """

    deff: float | None
    relative: float | None
    p_value: float | None
    how: How | None
    reason: str | None
    recurring: float
    replicates: int
    n_annotators: int
    n_sampled: int

    def describe(self) -> str:
        """Return a sentence.

        Examples
        --------
        >>> from socialpref.comparisons import Comparisons, heterogeneity
        >>> heterogeneity(Comparisons([0, 0], [0, 1], [1, 2], [1, 1], 1, 3)).describe()
        'Whether annotators differ is not known: it is not known who made which comparison.'
        """
        if self.p_value is None:
            return f"Whether annotators differ is not known: {self.reason}."
        labels = {
            "permutation": "labels permuted among the annotators of the same pair",
            "simulation": "labels simulated from one model for all",
        }
        assert self.how is not None
        deff = "not defined" if self.deff is None else f"{self.deff:.2f}"
        return (
            f"Design effect of annotators {deff} (p = {self.p_value:.3g}, "
            f"{self.replicates} times {labels[self.how]})."
        )


def heterogeneity(
    comparisons: Comparisons,
    *,
    replicates: int = 499,
    most: int = MOST_ANNOTATORS,
    seed: int | np.random.Generator = 0,
) -> Heterogeneity:
    """Return the design effect of annotators, and whether it is more than chance.

    Parameters
    ----------
    comparisons : Comparisons
    replicates : int
        How many permutations, or simulations; the smallest p-value is 1 / (replicates + 1).
    most : int
        At most so many annotators, drawn at random, are looked at.
    seed : int or Generator
        Of the sample and the replicates.

    Returns
    -------
    Heterogeneity
        Without a p-value where annotators are unknown or none of them met an option twice.

    Raises
    ------
    InputError
        If an argument is out of its range, or no two different options were compared.
    ConvergenceError
        As for `fit_bradley_terry`.

    Notes
    -----
    Annotator ids are permuted among the comparisons of the same prompt and pair, so that everybody
    keeps the pairs that they saw. The statistic is a design effect: the sum, over annotators and
    options, of the squared sum of an annotator's residuals, over the sum of their squares, each
    divided by the option's information. Comparing a pair
    twice counts: who agrees with themselves more than with others has tastes of their own. Where
    comparisons come from ballots, whole ballots are permuted, because the comparisons of one
    ranking agree by its nature; where everybody has one ballot only, ballots are simulated from
    the random utilities behind the Bradley-Terry model. That model has a prior of precision 1 then,
    for few comparisons are otherwise explained too well, and is fitted again to each simulation.
    Of one full ranking each the design effect can tell little, because all rankings have the same
    sum of squares: p-values are then too large, and latent classes tell more.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.comparisons import heterogeneity, simulate
    >>> camps = simulate(Population([[2, 0, -2], [-2, 0, 2]]), 1200, "linked", comparisons=12)
    >>> found = heterogeneity(camps, replicates=99)
    >>> found.deff > 2, found.p_value, found.how
    (True, 0.01, 'permutation')
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    replicates = _validate.integer("replicates", replicates, 1)
    most = _validate.integer("most", most, 2)
    rng = _validate.seed("seed", seed)
    nothing = Heterogeneity(None, None, None, None, None, 0.0, 0, 0, 0)
    if comparisons.annotator is None or comparisons.annotator.max() < 0:
        return _because(nothing, "it is not known who made which comparison")
    n_annotators = People.of(comparisons).size
    table = NoTastes.of(sample_annotators(comparisons, most, rng))
    found = replace(
        nothing,
        how=table.how,
        recurring=table.recurring,
        replicates=replicates,
        n_annotators=n_annotators,
        n_sampled=table.people.size,
    )
    if table.people.size < 2:
        return _because(found, "there is one annotator")
    scores = _Scores(table)
    if not scores.meet_again:
        return _because(found, "no annotator met an option twice at one prompt")
    if (table.rows.label == 0.5).all():
        return _because(found, "all comparisons are ties")
    prior = None if table.how == "permutation" else SHRINKING
    rewards = one_model(table, prior=prior)
    residuals = scores.residuals(rewards, table.rows.label)
    deff = _design_effect(table)
    observed = scores.statistic(residuals)
    drawn = np.empty(replicates)
    for i in range(replicates):
        if table.how == "permutation":
            drawn[i] = scores.statistic(table.permuted(residuals, rng))
        else:
            labels = table.simulated(rewards, rng)
            drawn[i] = scores.statistic(scores.residuals(one_model(table, labels, prior), labels))
    as_much = int((drawn >= observed * (1.0 - ROUNDING)).sum())
    return replace(
        found,
        deff=deff,
        relative=observed / float(drawn.mean()),
        p_value=(1 + as_much) / (1 + replicates),
    )


def _because(found: Heterogeneity, reason: str) -> Heterogeneity:
    return replace(found, reason=reason, how=None, replicates=0)


class _Scores:
    """Sums of each annotator's residuals, option by option."""

    def __init__(self, table: NoTastes) -> None:
        self.table = table
        first, second = table.coordinates
        self.low, self.high = np.minimum(first, second), np.maximum(first, second)
        self.size = table.rows.n_prompts * table.rows.n_options
        who = table.people.who
        self.weights = table.people.weight[who] * table.people.multiple
        keys = np.append(who * self.size + self.low, who * self.size + self.high)
        cells, cell = np.unique(keys, return_inverse=True)
        self.who, self.option = np.divmod(cells, self.size)
        self.at_low, self.at_high = np.split(cell, 2)
        self.meet_again = bool((np.bincount(cell) > 1).any())
        self.curvature = np.zeros(len(who))

    def residuals(self, rewards: Floats, labels: Floats) -> Floats:
        """Return labels less their probabilities, for the option with the lower number."""
        chances = np.exp(log_logistic(rewards[self.low] - rewards[self.high]))
        self.curvature = self.weights * chances * (1.0 - chances)
        return np.asarray(self.table.turned(labels) - chances)

    def sums(self, residuals: Floats) -> Floats:
        """Return the weighted sums, one for each option that an annotator met."""
        weighted = self.weights * residuals
        size = len(self.who)
        low, high = (np.bincount(at, weighted, size) for at in (self.at_low, self.at_high))
        return np.asarray(low - high, dtype=np.float64)

    def statistic(self, residuals: Floats) -> float:
        """Return the squared sums over the sum of squares, each by its option's information."""
        low, high = (np.bincount(c, self.curvature, self.size) for c in (self.low, self.high))
        scale = 1.0 / np.maximum(low + high, np.finfo(float).tiny)
        together = self.sums(residuals) ** 2 @ scale[self.option]
        apart = (self.weights * residuals) ** 2 @ (scale[self.low] + scale[self.high])
        return float(together / apart)


def _design_effect(table: NoTastes) -> float | None:
    """Return the trace of the rewards' covariance by annotator over that of the naive one.

    Of several prompts both are added up; those at which nobody met an option again say nothing.
    Of options that cannot be compared with all others, the largest component is taken.
    """
    rows, who = table.rows, table.people.who
    weights = np.ones(len(rows)) if rows.weight is None else rows.weight
    order = np.argsort(rows.prompt, kind="stable")
    traces = np.zeros(2)
    for at in np.split(order, np.flatnonzero(np.diff(rows.prompt[order])) + 1):
        first, second = rows.first[at], rows.second[at]
        met = np.append(who[at] * rows.n_options + first, who[at] * rows.n_options + second)
        if len(np.unique(met)) == len(met):
            continue
        try:
            fit = fit_bradley_terry(
                first,
                second,
                rows.label[at],
                weights=weights[at],
                n_options=rows.n_options,
                cluster=who[at],
                component="largest",
            )
            traces += [(fit.standard_errors(clustered=by) ** 2).sum() for by in (True, False)]
        except InputError:  # one annotator, or no two options that both won and lost
            continue
    return float(traces[0] / traces[1]) if traces[1] else None

"""Labels as they would be if nobody had tastes of their own.

What annotators seem to have in common with themselves is compared with such labels: the observed
ones, shuffled among annotators, or new ones from one Bradley-Terry model for everybody.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..bradley_terry import fit_bradley_terry
from ..errors import InputError
from .people import People
from .table import Comparisons

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
How = Literal["permutation", "simulation"]

RECURRING = 0.5
"""Labels are shuffled if so many of the comparisons can change places, and simulated if fewer."""

WEAK_PRIOR = 0.1
"""Precision of the prior of one model's rewards where the comparisons have no finite maximum."""


@dataclass(frozen=True, eq=False)
class NoTastes:
    """Comparisons, and labels that they would have without tastes.

    What changes places is a comparison or, where comparisons come from ballots (rankings,
    ratings), a ballot as a whole: the comparisons of one ranking agree with each other by its
    nature. A ballot changes places with ballots of the same pairs.

    Attributes
    ----------
    rows : Comparisons
        The comparisons of two different options.
    several : bool
        Whether some annotator has more than one comparison (or ballot).
    recurring : float
        Of the comparisons by such annotators, the share that are of a pair (ballots: of the same
        pairs) that another annotator compared, too.
    how : {"permutation", "simulation"}
        Labels are permuted if `recurring` is at least one half. Otherwise they are simulated from
        one Bradley-Terry model for all; ballots, from the random utilities that lead to it. Ties
        then stay where they are.
    """

    rows: Comparisons
    people: People
    several: bool
    recurring: float
    how: How
    coordinates: tuple[Integers, Integers]
    """Each comparison's options, numbered over all prompts."""
    _swapped: NDArray[np.bool_]
    _order: Integers
    _unit: Integers
    """Each comparison's ballot, or the comparison itself."""
    _stratum: Integers
    """Of each unit in order; units of one may change places."""
    _starts: Integers
    _sizes: Integers

    @classmethod
    def of(cls, comparisons: Comparisons) -> Self:
        """Return the comparisons that tell, and how labels are drawn for them."""
        apart = comparisons.first != comparisons.second
        if not apart.any():
            raise _validate.complaint("second", "another option than 'first'", "the same always")
        rows = comparisons.take(apart)
        people, K = People.of(rows), rows.n_options
        x, y, z = (c.astype(np.int64) for c in (rows.prompt, rows.first, rows.second))
        keys = (x * K + np.minimum(y, z)) * K + np.maximum(y, z)
        pair = np.unique(keys, return_inverse=True)[1]
        unit: Integers = np.arange(len(rows))
        stratum: Integers = pair
        if rows.ballot is not None:
            ballots = people.who * (rows.ballot.max() + 1) + rows.ballot
            unit = np.unique(ballots, return_inverse=True)[1]
            stratum = _same_pairs(unit, pair)[unit]
        order = np.lexsort((pair, unit, stratum))
        starts = np.flatnonzero(np.diff(unit[order], prepend=-1))
        sizes = np.diff(np.append(starts, len(rows)))
        n_units = np.bincount(people.who[order[starts]], minlength=people.size)
        several = n_units[people.who] > 1
        movable = _several(stratum, people.who)[stratum]
        recurring = float(movable[several].mean()) if several.any() else 0.0
        return cls(
            rows=rows,
            people=people,
            several=bool(several.any()),
            recurring=recurring,
            how="permutation" if recurring >= RECURRING else "simulation",
            coordinates=(x * K + y, x * K + z),
            _swapped=y > z,
            _order=order,
            _unit=unit,
            _stratum=stratum[order[starts]],
            _starts=starts,
            _sizes=sizes,
        )

    def permuted(self, values: Floats, rng: np.random.Generator) -> Floats:
        """Return numbers of the comparisons, such as labels, with their annotators permuted.

        The numbers are of the pair in the order of the options' numbers.
        """
        units = np.argsort(self._stratum + rng.random(len(self._stratum)))
        source = np.repeat(self._starts[units] - self._starts, self._sizes) + np.arange(len(values))
        moved = np.empty_like(values)
        moved[self._order] = values[self._order][source]
        return moved

    def dealt(self, rng: np.random.Generator) -> Comparisons:
        """Return the comparisons with annotators dealt anew, whatever the pairs.

        Ballots stay whole, and everybody keeps the number of comparisons (or ballots).
        """
        at = self._order[self._starts]
        owners = np.empty(len(at), np.int64)
        owners[self._unit[at]] = self.people.who[at]
        annotator = rng.permutation(owners)[self._unit]
        rows = replace(self.rows, annotator_type=None, types=None, annotator_names=None)
        return replace(rows, annotator=annotator)

    def turned(self, labels: Floats) -> Floats:
        """Return labels as those of the option with the lower number, or back."""
        return np.where(self._swapped, 1.0 - labels, labels)

    def simulated(self, rewards: Floats, rng: np.random.Generator) -> Floats:
        """Return labels from one model's rewards of all options of all prompts, in one row."""
        first, second = self.coordinates
        noise = rng.logistic(size=len(first))
        if self.rows.ballot is not None:
            noise = self._noise_of_ballots(rng)
        labels = (rewards[first] - rewards[second] + noise > 0.0).astype(np.float64)
        return np.where(self.rows.label == 0.5, 0.5, labels)

    def _noise_of_ballots(self, rng: np.random.Generator) -> Floats:
        """Return differences of Gumbel noise, one of each option of a ballot."""
        span = self.rows.n_prompts * self.rows.n_options
        keys = np.concatenate([self._unit * span + places for places in self.coordinates])
        distinct, at = np.unique(keys, return_inverse=True)
        noise = rng.gumbel(size=len(distinct))[at]
        return np.asarray(noise[: len(self.rows)] - noise[len(self.rows) :])

    def labels(self, rng: np.random.Generator) -> Floats:
        """Return labels without tastes, by the permutation or the simulation."""
        if self.how == "permutation":
            label = self.rows.label
            return self.turned(self.permuted(self.turned(label), rng))
        return self.simulated(one_model(self), rng)


def _several(stratum: Integers, who: Integers) -> NDArray[np.bool_]:
    """Return for each stratum whether two annotators or more are in it."""
    least, most = np.full(stratum.max() + 1, len(who)), np.full(stratum.max() + 1, -1)
    np.minimum.at(least, stratum, who)
    np.maximum.at(most, stratum, who)
    return least < most


def _same_pairs(unit: Integers, pair: Integers) -> Integers:
    """Return for each unit a number that is the same if the pairs are."""
    marks = np.random.default_rng(0).integers(0, 2**63 - 1, pair.max() + 1)
    sums = np.zeros(unit.max() + 1, np.int64)
    np.add.at(sums, unit, marks[pair])  # two different ones agree with a chance of 5e-20
    return np.unique(sums, return_inverse=True)[1]


def one_model(table: NoTastes, labels: Floats | None = None, prior: float | None = None) -> Floats:
    """Return the rewards of one Bradley-Terry model, of all options of all prompts in one row.

    If no prior is given, there is none where the comparisons of all options have a finite maximum;
    otherwise a weak one, of precision 0.1.
    """
    outcomes = table.rows.label if labels is None else labels
    weights = table.people.weight[table.people.who] * table.people.multiple
    size = table.rows.n_prompts * table.rows.n_options
    return finite_rewards(*table.coordinates, outcomes, weights, size, prior)[0]


def finite_rewards(
    first: Integers,
    second: Integers,
    outcomes: Floats,
    weights: Floats,
    n_options: int,
    prior: float | None = None,
) -> tuple[Floats, bool]:
    """Return the rewards of a Bradley-Terry model, and whether they needed the weak prior."""
    try:
        fit = fit_bradley_terry(
            first, second, outcomes, weights=weights, n_options=n_options, prior=prior
        )
        return fit.rewards, False
    except InputError:  # there is no finite maximum
        fit = fit_bradley_terry(
            first, second, outcomes, weights=weights, n_options=n_options, prior=WEAK_PRIOR
        )
        return fit.rewards, True

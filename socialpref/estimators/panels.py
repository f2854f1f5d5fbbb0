"""Labels of types: who of a panel preferred what, with gaps where a type was not asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..bradley_terry.arguments import checked_pairs, checked_weights
from ..comparisons.people import people_by_type
from ..comparisons.table import Comparisons, integers
from ..errors import InputError
from ..limits.design import pair_design
from ..population import Population

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
MOST_OUTCOMES = 1 << 22
"""Pairs times outcomes up to which panels are drawn as counts."""


@dataclass(frozen=True, eq=False)
class Panels:
    """The labels of known types for pairs of options, one row for each pair asked.

    A full panel has a label of every type; a partial one has gaps; typed single labels are rows of
    one label.

    Parameters
    ----------
    labels : array_like, shape (n, T)
        1 where the type prefers the first option of the pair, 0 where the second, in between for
        ties or soft labels; NaN where it was not asked.
    pairs : array_like of int, shape (n, 2)
        The two options, numbered from 0.
    n_options : int, optional
        One more than the largest number in `pairs` if omitted.
    weights : array_like, shape (n,), optional
        How many panels each row stands for; 1 if omitted.
    annotators : array_like of int, shape (n, T), optional
        Who gave each label, for errors by annotator; negative where nobody knows, and then the
        label counts as one annotator's only. What stands at gaps does not matter.
    shares : array_like, shape (T,), optional
        The known shares of the types; equal if omitted.
    people : array_like, shape (T,), optional
        In place of `shares`: how many annotators of each type came when annotators were drawn at
        random. The shares are then estimated, and estimates allow for their error.
    options : sequence of str, optional
        Names of the options.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    Three panels of two types; nobody asked the second type in the last one:

    >>> from socialpref.estimators import Panels
    >>> panels = Panels([[1, 0], [1, 1], [0, float("nan")]], [[0, 1], [0, 2], [1, 2]])
    >>> panels.n_labels, panels.n_options, panels.complete.tolist()
    (5.0, 3, [True, True, False])
    """

    labels: Floats
    pairs: Integers
    n_options: int | None = None
    weights: Floats | None = None
    annotators: Integers | None = None
    shares: Floats | None = None
    people: Floats | None = None
    options: Sequence[str] | None = None

    def __post_init__(self) -> None:
        labels = answers("labels", self.labels)
        pairs = integers("pairs", self.pairs, "an array of integers of shape (n, 2)")
        if pairs.shape != (len(labels), 2):
            raise _validate.complaint("pairs", f"of shape ({len(labels)}, 2)", pairs.shape)
        size, names, rows = checked_pairs(pairs[:, 0], pairs[:, 1], self.n_options, self.options)
        weights = np.broadcast_to(checked_weights(self.weights, len(labels)), len(labels))
        n_types = labels.shape[1]
        if self.people is not None:
            if self.shares is not None:
                raise _validate.complaint("people", "omitted where 'shares' are given", "both")
            people = _validate.real_array("people", self.people, 1)
            if people.shape != (n_types,) or people.min() < 0.0 or not people.any():
                must = f"{n_types} numbers of annotators, not all 0"
                raise _validate.complaint("people", must, _validate.shown(self.people))
            self._set(people=people, shares=people / people.sum())
        else:
            self._set(shares=_validate.distribution("shares", self.shares, n_types))
        if self.annotators is not None:
            who = integers("annotators", self.annotators, f"integers of shape {labels.shape}")
            if who.shape != labels.shape:
                raise _validate.complaint("annotators", f"of shape {labels.shape}", who.shape)
            unknown = (who < 0) & ~np.isnan(labels)
            if unknown.any():
                who = np.unique(who, return_inverse=True)[1].reshape(who.shape)
                who[unknown] = who.max() + 1 + np.arange(unknown.sum())
            self._set(annotators=who)
        self._set(labels=labels, pairs=np.stack(rows, axis=1), n_options=size, options=names)
        self._set(weights=weights)

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, comparisons: Comparisons, *, shares: ArrayLike | None = None) -> Self:
        """Return the panels, or the single labels, of comparisons at one prompt with known types.

        Comparisons of an option with itself are left out.

        Parameters
        ----------
        comparisons : Comparisons
            With a column of types. Panels have at most one label of each type.
        shares : array_like, shape (T,), optional
            The known shares of the types. If omitted, equal in panels; without panels annotators
            count as drawn at random, and their types tell the shares.

        Raises
        ------
        InputError
            If types are unknown, or there are several prompts.

        Examples
        --------
        >>> from socialpref.comparisons import simulate
        >>> from socialpref.estimators import Panels
        >>> from socialpref.examples import two_camps
        >>> panels = Panels.of(simulate(two_camps(), 600, "panel"))
        >>> panels.labels.shape[1], panels.complete.all()
        (2, np.True_)
        """
        _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
        if comparisons.n_prompts > 1:
            must = "of one prompt; `take` the rows of each"
            raise _validate.complaint("comparisons", must, f"{comparisons.n_prompts} prompts")
        rows, places = comparisons.by_type()
        apart = rows.first != rows.second
        if not apart.any():
            raise _validate.complaint("comparisons", "of different options", "none")
        places, given = places[apart], places[apart] >= 0
        people = None
        if comparisons.panel is None and shares is None:
            people = people_by_type(comparisons)
        who = comparisons.annotator
        return cls(
            labels=np.where(given, comparisons.label[places], np.nan),
            pairs=np.stack([rows.first[apart], rows.second[apart]], axis=1),
            n_options=comparisons.n_options,
            weights=None if rows.weight is None else rows.weight[apart],
            annotators=None if who is None or who.max() < 0 else who[places],
            shares=shares,  # type: ignore[arg-type]
            people=people,
            options=None if comparisons.own_options is not None else comparisons.options,
        )

    @property
    def n_types(self) -> int:
        """T."""
        return int(self.labels.shape[1])

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Where there is a label, shape (n, T)."""
        return ~np.isnan(self.labels)

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Which rows have a label of every type."""
        return np.asarray(self.answered.all(axis=1))

    @property
    def n_labels(self) -> float:
        """How many labels there are."""
        return float(self.counts @ self.answered.sum(axis=1))

    @property
    def counts(self) -> Floats:
        """How many panels each row stands for."""
        assert self.weights is not None
        return self.weights

    @property
    def size(self) -> int:
        """The number of options, K."""
        assert self.n_options is not None
        return self.n_options

    @property
    def names(self) -> tuple[str, ...]:
        """The options' names."""
        assert self.options is not None
        return tuple(self.options)

    def share_covariance(self, shares: Floats) -> Floats:
        """Return the covariance of estimated shares, (T, T); 0 if they are known."""
        if self.people is None:
            return np.zeros((self.n_types, self.n_types))
        return np.asarray((np.diag(shares) - np.outer(shares, shares)) / self.people.sum())

    def with_votes(self) -> tuple[Floats, Integers, Floats]:
        """Return the labels, pairs and counts of the complete rows.

        Raises
        ------
        InputError
            If there are none.
        """
        full = self.complete
        if not full.any():
            raise _validate.complaint("labels", "of every type in some panel", "none")
        return self.labels[full], self.pairs[full], self.counts[full]


def draw_panels(
    population: Population,
    n: int,
    *,
    sampling: ArrayLike | None = None,
    seed: int | np.random.Generator = 0,
) -> Panels:
    """Draw full panels, one of each type, as counts of every outcome of every pair.

    A million panels are drawn as fast as a hundred. Pairs of an option with itself are left out of
    the design.

    Parameters
    ----------
    population : Population
    n : int
        Number of panels.
    sampling
        As for `DPO.limit`.
    seed : int or Generator

    Returns
    -------
    Panels
        With the population's shares.

    Raises
    ------
    InputError
        If an argument is out of its range, or there are too many outcomes to count.

    Examples
    --------
    >>> from socialpref.estimators import draw_panels
    >>> from socialpref.examples import mediocre_winner
    >>> panels = draw_panels(mediocre_winner(), 1_000_000)
    >>> panels.n_labels, len(panels.labels) <= 3 * 8
    (3000000.0, True)
    """
    n = _validate.integer("n", n, 1)
    rng = _validate.seed("seed", seed)
    pairs, weights = pairs_of(population, sampling)
    if len(pairs) << population.n_types > MOST_OUTCOMES:
        raise InputError(
            f"'population' must have fewer outcomes of panels to count than {MOST_OUTCOMES:,}; got "
            f"{len(pairs)} pairs and {population.n_types} types."
        )
    patterns = np.array(list(product((0.0, 1.0), repeat=population.n_types)))
    chances = outcome_chances(population, pairs, patterns) * weights[:, None]
    counts = rng.multinomial(n, chances.ravel() / chances.sum())
    seen = np.flatnonzero(counts)
    pair, pattern = np.divmod(seen, len(patterns))
    return Panels(
        patterns[pattern],
        pairs[pair],
        population.n_options,
        weights=counts[seen].astype(np.float64),
        shares=population.shares,
        options=population.options,
    )


def pairs_of(population: Population, sampling: ArrayLike | None) -> tuple[Integers, Floats]:
    """Return the pairs of different options that are asked, (P, 2), and how often each is."""
    design = np.triu(pair_design(population, sampling), 1)
    pairs = np.argwhere(design > 0.0)
    weights = design[pairs[:, 0], pairs[:, 1]]
    return pairs, weights / weights.sum()


def outcome_chances(population: Population, pairs: Integers, patterns: Floats) -> Floats:
    """Return how likely a panel gives each pattern of labels, shape (pairs, patterns)."""
    gaps = population.rewards[:, pairs[:, 0]] - population.rewards[:, pairs[:, 1]]
    chances = np.ones((len(pairs), len(patterns)))
    for wins, losses, said in zip(
        population.link(gaps), population.link(-gaps), patterns.T, strict=True
    ):
        chances *= np.where(said > 0.0, wins[:, None], losses[:, None])
    return chances


def answers(name: str, labels: ArrayLike) -> Floats:
    """Return checked labels of types, (n, T): NaN where a type gave none."""
    must = "a two-dimensional array of labels in [0, 1], NaN where a type gave none"
    x = _validate.any_array(name, labels, must)
    if x.ndim != 2 or not x.size:
        raise _validate.complaint(name, must, f"shape {x.shape}")
    wrong = (x < 0.0) | (x > 1.0)
    if wrong.any():
        raise _validate.complaint(name, must, f"{x[wrong][0]:g} among its values")
    return x

"""The annotators of a table of comparisons: who they are, how much each counts, samples of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .table import Comparisons

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

MOST_ANNOTATORS = 50_000
"""What takes many fits looks at a sample of so many annotators, if there are more."""


class People(NamedTuple):
    """The annotators that are known, numbered from 0 in the order of their numbers in the table.

    Attributes
    ----------
    rows : ndarray of int
        The comparisons by known annotators.
    who : ndarray of int
        The annotator of each of these rows.
    ids : ndarray of int, shape (annotators,)
        What the table calls each annotator.
    weight : ndarray, shape (annotators,)
        How much each annotator counts: the mean weight of their comparisons, scaled to mean 1.
    multiple : ndarray
        How often each of the rows counts, beside the weight of its annotator.
    """

    rows: Integers
    who: Integers
    ids: Integers
    weight: Floats
    multiple: Floats

    @property
    def size(self) -> int:
        """How many annotators there are."""
        return len(self.ids)

    @classmethod
    def of(cls, comparisons: Comparisons) -> "People":
        """Return the annotators of comparisons.

        Raises
        ------
        InputError
            If no annotator is known.
        """
        column = comparisons.annotator
        if column is None or not (column >= 0).any():
            raise _validate.complaint("annotator", "known for linked comparisons", "None")
        rows = np.flatnonzero(column >= 0)
        ids, who = np.unique(column[rows], return_inverse=True)
        given = getattr(comparisons, "weight", None)
        if given is None:
            return cls(rows, who, ids, np.ones(len(ids)), np.ones(len(rows)))
        means = np.bincount(who, given[rows]) / np.bincount(who)
        multiple = np.divide(given[rows], means[who], out=np.ones(len(rows)), where=means[who] > 0)
        return cls(rows, who, ids, means / means.mean(), multiple)


def sample_annotators(
    comparisons: Comparisons, most: int, rng: np.random.Generator
) -> Comparisons:
    """Return the comparisons of at most so many annotators, drawn without replacement."""
    people = People.of(comparisons)
    if people.size <= most:
        return comparisons
    kept = np.zeros(people.size, bool)
    kept[rng.choice(people.size, most, replace=False)] = True
    return comparisons.take(people.rows[kept[people.who]])


def available_options(comparisons: Comparisons) -> NDArray[np.bool_]:
    """Return which options each prompt has, shape (prompts, options)."""
    given = getattr(comparisons, "available", None)
    shape = comparisons.n_prompts, comparisons.n_options
    return np.ones(shape, bool) if given is None else given

"""The annotators of a table of comparisons: who they are, how much each counts, samples of them.

One rule for all: an annotator counts by the mean weight of their comparisons, whatever their
number; without weights, everybody counts the same. Where annotators are unknown, each comparison
is an annotator of its own.
"""

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
    """The annotators of a table, numbered as `Comparisons.annotators` numbers them.

    Attributes
    ----------
    who : ndarray of int
        The annotator of each comparison.
    weight : ndarray, shape (annotators,)
        How much each annotator counts: the mean weight of their comparisons, scaled to mean 1.
    multiple : ndarray
        How often each comparison counts, beside the weight of its annotator.
    """

    who: Integers
    weight: Floats
    multiple: Floats

    @property
    def size(self) -> int:
        """How many annotators there are."""
        return len(self.weight)

    @classmethod
    def of(cls, comparisons: Comparisons) -> "People":
        """Return the annotators of comparisons.

        Raises
        ------
        InputError
            If no annotator is known.
        """
        who, size = comparisons.annotators()
        given = comparisons.weight
        if given is None:
            return cls(who, np.ones(size), np.ones(len(who)))
        means = np.bincount(who, given) / np.bincount(who)
        return cls(who, means / means.mean(), given / means[who])

    @classmethod
    def known_or_rows(cls, comparisons: Comparisons) -> "People":
        """Return the annotators, or people of one comparison each if no annotator is known."""
        known = comparisons.annotator is not None and comparisons.annotator.max() >= 0
        return cls.of(comparisons) if known else cls.of_rows(comparisons)

    @classmethod
    def of_rows(cls, comparisons: Comparisons) -> "People":
        """Return people of one comparison each, for comparisons whose annotators are unknown."""
        size = len(comparisons)
        given = np.ones(size) if comparisons.weight is None else comparisons.weight
        return cls(np.arange(size), given / given.mean(), np.ones(size))


def types_of_annotators(comparisons: Comparisons, people: People) -> Integers:
    """Return the type of each annotator; -1 where it is not known.

    Raises
    ------
    InputError
        If no type is known.
    """
    given = comparisons.annotator_type
    if given is None or given.max() < 0:
        raise _validate.complaint("annotator_type", "known for given types", "None")
    types = np.full(people.size, -1)
    np.maximum.at(types, people.who, given)
    return types


def people_by_type(comparisons: Comparisons) -> Floats:
    """Return how many people each type has, in the order of the types; unknown types do not count.

    Raises
    ------
    InputError
        If types are unknown, or have no names and are not numbered from 0 without gaps.
    """
    people = People.known_or_rows(comparisons)
    types = types_of_annotators(comparisons, people)
    known = types >= 0
    n_types = 0 if comparisons.types is None else len(comparisons.types)
    counts = np.bincount(types[known], people.weight[known], n_types).astype(np.float64)
    if comparisons.types is None and not counts.all():
        must = "numbered from 0 without gaps"
        raise _validate.complaint("annotator_type", must, f"none of {counts.argmin()}")
    return counts


def sample_annotators(comparisons: Comparisons, most: int, rng: np.random.Generator) -> Comparisons:
    """Return the comparisons of at most so many annotators, drawn without replacement."""
    people = People.of(comparisons)
    if people.size <= most:
        return comparisons
    kept = np.zeros(people.size, bool)
    kept[rng.choice(people.size, most, replace=False)] = True
    return comparisons.take(kept[people.who])


def available_options(comparisons: Comparisons) -> NDArray[np.bool_]:
    """Return which options each prompt has, shape (prompts, options)."""
    existing = comparisons.existing()
    shape = comparisons.n_prompts, comparisons.n_options
    return np.ones(shape, bool) if existing is None else existing

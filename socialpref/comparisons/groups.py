"""Latent classes and groups: a cross-table of both, and classes as the types of annotators."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .classes import ClassMixture
from .people import People, types_of_annotators
from .table import UNKNOWN, Comparisons

if TYPE_CHECKING:
    from .features.classes import FeatureClasses

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

ROUNDING = 1e-9
"""Statistics that differ by less, relatively, are equal."""


@dataclass(frozen=True, eq=False)
class CrossTable:
    """Latent classes against known groups of annotators.

    Attributes
    ----------
    groups : tuple of str
    counts : ndarray, shape (classes, groups)
        Annotators of each class and group; each annotator counts for every class by the
        probability to be of it.
    rand_index : float
        The adjusted Rand index of the groups and of each annotator's likeliest class: 1 if they
        are the same up to names, about 0 by chance.
    p_value : float
        How often groups that are permuted among annotators depend on the classes as much, by
        the chi-square of the counts.
    n_annotators, n_left_out : int
        Annotators of known groups, and of unknown ones.
    """

    groups: tuple[str, ...]
    counts: Floats
    rand_index: float
    p_value: float
    n_annotators: int
    n_left_out: int

    def shares(self) -> Floats:
        """Return the share of each class in each group, shape (classes, groups)."""
        return np.asarray(self.counts / self.counts.sum(axis=0))


def cross_table(
    fit: ClassMixture,
    comparisons: Comparisons,
    *,
    replicates: int = 999,
    seed: int | np.random.Generator = 0,
) -> CrossTable:
    """Return how latent classes go together with the types of annotators that are known.

    Parameters
    ----------
    fit : ClassMixture
        Fitted without the types.
    comparisons : Comparisons
        With annotators, at least some of known types.
    replicates : int
        Permutations behind the p-value.
    seed : int or Generator

    Returns
    -------
    CrossTable

    Raises
    ------
    InputError
        If annotators or their types are unknown, or the fit is of other prompts or options.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from socialpref import Population
    >>> from socialpref.comparisons import cross_table, fit_latent_classes, simulate
    >>> crowd = Population([[2, -2], [-2, 2]])
    >>> rows = simulate(crowd, 800, "linked", comparisons=8)
    >>> fit = fit_latent_classes(rows, 2)
    >>> group = fit.memberships(rows).argmax(axis=1)[rows.annotator]  # perfectly known
    >>> table = cross_table(fit, replace(rows, annotator_type=group), replicates=99)
    >>> table.rand_index, table.p_value
    (1.0, 0.01)
    """
    _validate.instance("fit", fit, ClassMixture, "a ClassMixture")
    replicates = _validate.integer("replicates", replicates, 1)
    rng = _validate.seed("seed", seed)
    members = fit.memberships(comparisons)
    types = types_of_annotators(comparisons, People.of(comparisons))
    known = types >= 0
    kinds, group = np.unique(types[known], return_inverse=True)
    members = members[known]
    names = comparisons.types
    counts = _counts(members, group)
    observed = _dependence(counts)
    drawn = [_dependence(_counts(members, rng.permutation(group))) for _ in range(replicates)]
    as_much = int((np.array(drawn) >= observed * (1.0 - ROUNDING)).sum())
    return CrossTable(
        groups=tuple(f"type {u + 1}" if names is None else names[u] for u in kinds),
        counts=counts,
        rand_index=adjusted_rand_index(members.argmax(axis=1), group),
        p_value=(1 + as_much) / (1 + replicates),
        n_annotators=len(group),
        n_left_out=int((~known).sum()),
    )


def _counts(members: Floats, group: Integers) -> Floats:
    """Return the sums of the memberships of each group, shape (classes, groups)."""
    return np.array([np.bincount(group, column) for column in members.T])


def _dependence(counts: Floats) -> float:
    """Return the mean square contingency: 0 if classes and groups are independent."""
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    there = expected > 0.0
    return float(((counts - expected)[there] ** 2 / expected[there]).sum())


def adjusted_rand_index(one: Integers, other: Integers) -> float:
    """Return how far two partitions of the same things agree, beyond chance.

    References
    ----------
    Hubert and Arabie (1985), "Comparing partitions".

    Examples
    --------
    >>> import numpy as np
    >>> from socialpref.comparisons.groups import adjusted_rand_index
    >>> adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([5, 5, 2, 2]))
    1.0
    """
    rows, columns = (np.unique(part, return_inverse=True)[1] for part in (one, other))
    table = np.bincount(rows * (columns.max() + 1) + columns)
    both, first, second = (
        float((part * (part - 1) / 2).sum())
        for part in (table, np.bincount(rows), np.bincount(columns))
    )
    chance = first * second / (len(rows) * (len(rows) - 1) / 2) if len(rows) > 1 else 0.0
    largest = (first + second) / 2
    return 1.0 if largest == chance else (both - chance) / (largest - chance)


def types_of_classes(
    comparisons: Comparisons, classes: "ClassMixture | FeatureClasses"
) -> Comparisons:
    """Return comparisons whose annotators have their likeliest latent class as their type.

    Parameters
    ----------
    comparisons : Comparisons
        With annotators; rows of unknown annotators stay without a type.
    classes : ClassMixture or FeatureClasses
        Fitted to comparisons of the same options or features. Annotators of whom little is known
        are put in the wrong class now and then: see its `memberships`.

    Raises
    ------
    InputError
        If annotators are unknown, or the fit is of other prompts, options or features.

    Examples
    --------
    >>> from socialpref import Population
    >>> from socialpref.comparisons import fit_latent_classes, simulate, types_of_classes
    >>> rows = simulate(Population([[2, -2], [-2, 2]]), 800, "linked", comparisons=8)
    >>> typed = types_of_classes(rows, fit_latent_classes(rows, 2))
    >>> typed.types, (typed.annotator_type == typed.annotator_type[0]).mean().round(1)
    (('class 1', 'class 2'), np.float64(0.5))
    """
    who, _ = comparisons.annotators()
    assert comparisons.annotator is not None
    likeliest = classes.memberships(comparisons).argmax(axis=1)[who]
    return replace(
        comparisons,
        annotator_type=np.where(comparisons.annotator >= 0, likeliest, UNKNOWN),
        types=tuple(f"class {k + 1}" for k in range(classes.n_classes)),
    )

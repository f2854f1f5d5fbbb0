"""How far annotators agree with each other, and with themselves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .table import Comparisons

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class Agreement:
    """How far annotators agree with each other, and with themselves.

    A label prefers one option or the other, or is a tie; ties agree with ties.

    Attributes
    ----------
    rate : float or None
        How often two annotators who compared the same pair agree; each label counts once.
    alpha : float or None
        Krippendorff's alpha: 1 if all agree, 0 if no more than by chance. None if no pair was
        compared by two annotators, or if all labels are the same whatever the pair.
    retest : float or None
        How often a person who compared a pair again gave the same label; None if nobody did.
    n_pairs, n_shared : int
        Pairs of a prompt that were compared; by two annotators or more.
    n_labels, n_shared_labels, n_repeated : int
        Labels, counting one for each annotator and pair; those of pairs that somebody else
        compared, too; those that were given twice or more.
    """

    rate: float | None
    alpha: float | None
    retest: float | None
    n_pairs: int
    n_shared: int
    n_labels: int
    n_shared_labels: int
    n_repeated: int

    @property
    def shared(self) -> float:
        """The share of labels that can say whether annotators agree."""
        return self.n_shared_labels / self.n_labels

    @property
    def repeated(self) -> float:
        """The share of labels that can say whether annotators agree with themselves."""
        return self.n_repeated / self.n_labels

    def describe(self) -> str:
        """Return a sentence on both.

        Examples
        --------
        >>> from socialpref.comparisons import Comparisons, agreement
        >>> rows = Comparisons([0] * 4, [0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0], 1, 2,
        ...                    annotator=[0, 1, 2, 2])
        >>> print(agreement(rows).describe())
        Two annotators of the same pair agree 33.3 % of the time (Krippendorff's alpha -0.11; from
        100.0 % of the labels). Annotators who compared a pair again agree with themselves 100.0 %
        of the time (from 33.3 % of the labels).
        """
        if self.rate is None:
            others = "No pair was compared by two annotators."
        else:
            alpha = "not defined" if self.alpha is None else f"{self.alpha:.2f}"
            others = (
                f"Two annotators of the same pair agree {100 * self.rate:.1f} % of the time "
                f"(Krippendorff's alpha {alpha}; from\n{100 * self.shared:.1f} % of the labels)."
            )
        if self.retest is None:
            return f"{others} Nobody compared a pair again."
        return (
            f"{others} Annotators who compared a pair again agree with themselves "
            f"{100 * self.retest:.1f} %\nof the time (from {100 * self.repeated:.1f} % of the "
            "labels)."
        )


def agreement(comparisons: Comparisons, *, symmetric: bool = True) -> Agreement:
    """Return how far annotators agree with each other, and with themselves.

    Parameters
    ----------
    comparisons : Comparisons
        With annotators. Comparisons of an option with itself are left out. Weights do not count.
    symmetric : bool
        What chance is. If True, which of the two options comes first in a pair does not matter:
        each pair is counted in both orders, and by chance either is preferred as often. False
        where options mean the same in all pairs, such as yes and no: by chance the option with
        the lower number is then preferred as often as it is over all pairs.

    Returns
    -------
    Agreement

    Raises
    ------
    InputError
        If annotators are unknown, or no two different options were compared.

    Notes
    -----
    Krippendorff's alpha for nominal labels, where a pair of options at a prompt is a unit and an
    annotator a coder. An annotator who compared a pair several times counts once in it, with the
    mean of these labels.

    References
    ----------
    Krippendorff (2011), "Computing Krippendorff's alpha-reliability".

    Examples
    --------
    Two pairs with two annotators each, who agree on one of them:

    >>> from socialpref.comparisons import Comparisons, agreement
    >>> rows = Comparisons([0] * 4, [0, 0, 1, 1], [1, 1, 2, 2], [1, 1, 1, 0], 1, 3,
    ...                    annotator=[0, 1, 0, 1])
    >>> found = agreement(rows)
    >>> found.rate, round(found.alpha, 3), found.retest
    (0.5, 0.125, None)
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    _validate.instance("symmetric", symmetric, bool, "True or False")
    who, n_annotators = comparisons.annotators()
    apart = comparisons.first != comparisons.second
    if not apart.any():
        raise _validate.complaint("second", "another option than 'first'", "the same always")
    columns = (comparisons.prompt, comparisons.first, comparisons.second)
    x, y, z = (column[apart].astype(np.int64) for column in columns)
    K = comparisons.n_options
    keys = (x * K + np.minimum(y, z)) * K + np.maximum(y, z)
    pairs, pair = np.unique(keys, return_inverse=True)
    label = np.where(y < z, comparisons.label[apart], 1.0 - comparisons.label[apart])
    by_one, one = np.unique(pair * n_annotators + who[apart], return_inverse=True)
    times = np.bincount(one)
    means = np.bincount(one, label) / times
    unit = by_one // n_annotators
    between = _table(unit, means, len(pairs))
    within = _table(one, label, len(by_one))
    rate, retest = _agreeing(between), _agreeing(within)
    size = between.sum(axis=1)
    return Agreement(
        rate=rate,
        alpha=None if rate is None else _alpha(rate, between, symmetric),
        retest=retest,
        n_pairs=len(pairs),
        n_shared=int((size > 1).sum()),
        n_labels=len(by_one),
        n_shared_labels=int(size[size > 1].sum()),
        n_repeated=int((times > 1).sum()),
    )


def _table(unit: Integers, labels: Floats, size: int) -> Floats:
    """Return how many labels of each unit are below, at and above one half."""
    kind = 1 + np.sign(labels - 0.5).astype(np.int64)
    return np.bincount(3 * unit + kind, minlength=3 * size).reshape(-1, 3).astype(np.float64)


def _agreeing(table: Floats) -> float | None:
    """Return how often two labels of the same unit agree, weighed by the unit's labels."""
    table = table[table.sum(axis=1) > 1.0]
    if not len(table):
        return None
    size = table.sum(axis=1)
    same = (table * (table - 1.0)).sum(axis=1) / (size - 1.0)
    return float(same.sum() / size.sum())


def _alpha(rate: float, table: Floats, symmetric: bool) -> float | None:
    """Return 1 less observed over expected disagreement."""
    counts = table[table.sum(axis=1) > 1.0].sum(axis=0)
    if symmetric:
        counts = counts + counts[::-1]
    total = counts.sum()
    expected = 1.0 - float((counts * (counts - 1.0)).sum() / (total * (total - 1.0)))
    return 1.0 - (1.0 - rate) / expected if expected > 0.0 else None

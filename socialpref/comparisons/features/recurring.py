"""How often options recur: those that hardly do have no rewards of their own to learn."""

from dataclasses import dataclass

import numpy as np

from ... import _validate
from ..table import Comparisons

RARE = 2.0
"""Options that occur so often at most, at the median, hardly recur."""


@dataclass(frozen=True)
class Recurrence:
    """How often options occur in comparisons.

    Attributes
    ----------
    n_comparisons, n_options : int
        Comparisons, and options that occur in them, those of different prompts apart.
    median : float
        In how many comparisons an option occurs, at the median.
    """

    n_comparisons: int
    n_options: int
    median: float

    @property
    def is_textlike(self) -> bool:
        """Whether half of the options or more occur in at most two comparisons."""
        return self.n_options > 2 and self.median <= RARE

    def describe(self) -> str:
        """Return a sentence.

        Examples
        --------
        >>> from socialpref.comparisons import Comparisons
        >>> from socialpref.comparisons.features import recurrence
        >>> print(recurrence(Comparisons([0, 1], [0, 0], [1, 1], [1, 0], 2, 2)).describe())
        Options hardly recur: half of the 4 occur in at most 1 of 2 comparisons. Rewards of single
        options cannot be compared then; describe the options by features, such as their length.
        """
        if not self.is_textlike:
            return (
                f"Options recur: half of the {self.n_options:,} occur in at least "
                f"{self.median:g} of {self.n_comparisons:,} comparisons."
            )
        return (
            f"Options hardly recur: half of the {self.n_options:,} occur in at most "
            f"{self.median:g} of {self.n_comparisons:,} comparisons. Rewards of single options "
            "cannot be compared then; describe the options by features, such as their length."
        )


def recurrence(comparisons: Comparisons) -> Recurrence:
    """Return how often options occur, which tells whether they need features.

    Parameters
    ----------
    comparisons : Comparisons

    Examples
    --------
    >>> from socialpref.comparisons import simulate
    >>> from socialpref.comparisons.features import recurrence
    >>> from socialpref.examples import two_camps
    >>> recurrence(simulate(two_camps(), 300)).is_textlike
    False
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    base = comparisons.prompt.astype(np.int64) * comparisons.n_options
    places = np.append(base + comparisons.first, base + comparisons.second)
    _, counts = np.unique(places, return_counts=True)
    return Recurrence(len(comparisons), len(counts), float(np.median(counts)))

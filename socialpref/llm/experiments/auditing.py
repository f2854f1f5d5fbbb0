"""The audit of a corpus: how the types of annotators would label it."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ...errors import DataError
from ...links import Logistic
from ..data import LIMIT, Corpus
from .rewards import TYPES, mean_signs, reward_gaps


@dataclass(frozen=True)
class Audit:
    """How the types would label a corpus.

    Attributes
    ----------
    n_pairs, n_empty : int
        Pairs that are used, and that were left out for an empty response.
    tied : float
        Share of pairs whose mean rewards are equal; the rest is over the others.
    cut : float
        Share of pairs both of whose texts are at the limit, and which are tied for that.
    median_length : float
    unanimous : float
        How often a label of each type would be the same.
    right_anonymous, right_average, right_unanimous : float
        How often a label agrees with the sign of the mean gap: of one annotator of a random type;
        by the mean reward; of a panel, if its labels are the same.
    """

    n_pairs: int
    n_empty: int
    tied: float
    cut: float
    median_length: float
    unanimous: float
    right_anonymous: float
    right_average: float
    right_unanimous: float

    def describe(self) -> str:
        """Return the audit in words."""
        return (
            f"{self.n_pairs} pairs, median length {self.median_length:.0f} tokens; "
            f"{self.n_empty} left out for an empty response\n"
            f"  {self.tied:.1%} tie ({self.cut:.1%} of all because both texts are cut)\n"
            f"  {self.unanimous:.1%} of the others would get the same label from all {len(TYPES)} "
            "types\n"
            f"  labels that agree with the mean: {self.right_anonymous:.1%} of anonymous ones, "
            f"{self.right_average:.1%} by the mean reward, {self.right_unanimous:.1%} of "
            "unanimous ones"
        )

    def to_dict(self) -> dict[str, float]:
        """Return the numbers by name."""
        return asdict(self)


def audit(corpus: Corpus) -> Audit:
    """Return unanimity, ties and how often labels agree with the mean, as expectations.

    Raises
    ------
    DataError
        If all pairs tie.
    """
    _validate.instance("corpus", corpus, Corpus, "a Corpus")
    signs = mean_signs(corpus.lengths)
    open_ = signs != 0
    if not open_.any():
        raise DataError("all pairs tie: no text is worth more than the other on average")
    gaps = reward_gaps(corpus.lengths)[:, open_]
    link = Logistic()
    p = link(gaps)
    both = p.prod(axis=0), (1.0 - p).prod(axis=0)
    unanimous = both[0] + both[1]

    def right(first_wins: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(signs[open_] > 0, first_wins, 1.0 - first_wins)

    return Audit(
        n_pairs=len(corpus),
        n_empty=corpus.n_empty,
        tied=float(1.0 - open_.mean()),
        cut=float((corpus.lengths == LIMIT).all(axis=1).mean()),
        median_length=float(np.median(corpus.lengths)),
        unanimous=float(unanimous.mean()),
        right_anonymous=float(right(p.mean(axis=0)).mean()),
        right_average=float(right(link(gaps.mean(axis=0))).mean()),
        right_unanimous=float(right(link(gaps.sum(axis=0))).mean()),
    )

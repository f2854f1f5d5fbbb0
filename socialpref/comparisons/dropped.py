"""What a reader of comparisons left out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dropped:
    """What was left out, and why.

    Attributes
    ----------
    reason : str
        Such as ``"skipped"``.
    count : int
        How many rows of the table, or ballots, or ratings.
    """

    reason: str
    count: int

    def __str__(self) -> str:
        return f"{self.count:,} {self.reason}"

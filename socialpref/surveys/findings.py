"""What the study finds of a question."""

from dataclasses import dataclass
from typing import Any

from ..flips.certificate import ProvenInterval
from ..flips.flip import Flip
from ..population import Population
from ..rules import Ranking
from .question import Question
from .shares import ShareFlips, describe_shares
from .uncertainty import Replicates, Uncertainty

ABOUT = (
    "question", "text", "part", "grouping", "group_shares", "n_options", "on_scale", "n_types",
    "n_respondents", "n_effective", "deff_kish", "examined", "reason",
)  # fmt: skip


FOUND = (
    "flip_distance", "flip_above", "flip_below", "winner_flip_distance", "winner_flip_above",
    "winner_flip_below", "swaps_neighbours", "share_flip_distance", "share_flip_above",
    "share_flip_below", "share_winner_flip_distance", "reward_share_flip_distance",
    "share_certified_gap", "order_matches_average_reward", "nbc_order", "average_reward_order",
    "n_empty_cells", "certified_gap",
)  # fmt: skip


RESAMPLED = (
    "flip_share", "flip_low", "flip_high", "winner_flip_share", "winner_flip_low",
    "winner_flip_high", "share_flip_share", "share_flip_low", "share_flip_high",
    "share_winner_flip_low", "share_winner_flip_high", "reward_share_flip_low",
    "reward_share_flip_high", "same_order", "same_winner", "resampled", "deff",
)  # fmt: skip


ORIGIN = ("dropped", "source")
"""The columns of ``questions.csv``, whatever was found."""


@dataclass(frozen=True, eq=False)
class Finding:
    """What the study found for a question that it examined.

    Attributes
    ----------
    population : Population
    nbc_order, reward_order : Ranking
        By NBC at the base distribution and by average reward.
    flip, winner_flip : Flip
        The smallest changes that reverse some pair and that overtake the winner.
    interval : flips.ProvenInterval
        What the certificate of `flip` proves.
    by_shares : ShareFlips
        The smallest changes of the groups' shares.
    replicates : Replicates or None
        The question drawn again, if the study was asked to.
    uncertainty : Uncertainty or None
        The intervals that they give.
    """

    population: Population
    nbc_order: Ranking
    reward_order: Ranking
    flip: Flip
    winner_flip: Flip
    interval: ProvenInterval
    by_shares: ShareFlips
    replicates: Replicates | None = None
    uncertainty: Uncertainty | None = None


@dataclass(frozen=True, eq=False)
class QuestionResult:
    """A question and, if it was examined, what was found.

    Attributes
    ----------
    question : Question
    finding : Finding or None
    reason : str
        Why the question was not examined; empty if it was.
    """

    question: Question
    finding: Finding | None
    reason: str = ""

    def row(self) -> dict[str, Any]:
        """Return the result as one row of ``questions.csv``."""
        question = self.question
        row: dict[str, Any] = {
            "question": question.key,
            "text": question.text,
            "part": question.part,
            "grouping": question.grouping,
            "group_shares": describe_shares(question),
            "n_options": question.n_options,
            "on_scale": bool(question.scale),
            "n_types": len(question.groups),
            "n_respondents": question.n_respondents,
            "n_effective": question.n_effective,
            "deff_kish": question.n_respondents / question.n_effective,
            "examined": self.finding is not None,
            "reason": self.reason,
        }
        if self.finding is not None:
            found, options = self.finding, question.options
            row |= {
                "flip_distance": found.flip.distance,
                **_named(found.flip, options, "flip"),
                "winner_flip_distance": found.winner_flip.distance,
                **_named(found.winner_flip, options, "winner_flip"),
                "swaps_neighbours": question.are_neighbours(found.flip.pair),
                "share_flip_distance": found.by_shares.ranking.distance,
                **_named(found.by_shares.ranking, options, "share_flip"),
                "share_winner_flip_distance": found.by_shares.winner.distance,
                "reward_share_flip_distance": found.by_shares.reward.distance,
                "share_certified_gap": found.by_shares.certified_gap,
                "order_matches_average_reward": found.nbc_order == found.reward_order,
                "nbc_order": found.nbc_order.describe(options),
                "average_reward_order": found.reward_order.describe(options),
                "n_empty_cells": int((question.choice_shares == 0).sum()),
                "certified_gap": found.interval.width,
            }
            if (error := found.uncertainty) is not None:
                row |= {
                    "flip_share": error.flip_share,
                    "flip_low": error.flip_interval.low,
                    "flip_high": error.flip_interval.high,
                    "winner_flip_share": error.winner_flip_share,
                    "winner_flip_low": error.winner_flip_interval.low,
                    "winner_flip_high": error.winner_flip_interval.high,
                    "share_flip_share": error.share_flip_share,
                    "share_flip_low": error.share_flip_interval.low,
                    "share_flip_high": error.share_flip_interval.high,
                    "share_winner_flip_low": error.share_winner_flip_interval.low,
                    "share_winner_flip_high": error.share_winner_flip_interval.high,
                    "reward_share_flip_low": error.reward_share_flip_interval.low,
                    "reward_share_flip_high": error.reward_share_flip_interval.high,
                    "same_order": error.same_order,
                    "same_winner": error.same_winner,
                    "resampled": error.method,
                    "deff": error.deff,
                }
        return row | {
            "dropped": "; ".join(map(str, question.dropped)),
            "source": question.source,
        }


def _named(flip: Flip, options: tuple[str, ...], prefix: str) -> dict[str, str | None]:
    above, below = (None, None) if flip.pair is None else (options[y] for y in flip.pair)
    return {f"{prefix}_above": above, f"{prefix}_below": below}

"""What is said first of a study: its headline figures, and which questions are named."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..flips.flip import Flip
from ..inference import Interval
from .findings import Finding, QuestionResult

Floats = NDArray[np.float64]

WITHIN = (0.05, 0.1, 0.23)
"""Distances at which questions are counted; half of the paper's flips are within 0.23."""


def finite(flips: Iterable[Flip]) -> Floats:
    """Return the distances of the flips that exist, in increasing order."""
    return np.sort([one.distance for one in flips if one.exists])


def figures(results: Sequence[QuestionResult], min_options: int) -> dict[str, Any]:
    """Return the headline figures of some results.

    Parameters
    ----------
    results : sequence of QuestionResult
    min_options : int
        Questions with fewer options do not count.
    """
    examined = [(r.question, r.finding) for r in results if r.finding]
    found = [finding for _, finding in examined]
    counted = sum(r.question.n_options >= min_options for r in results)
    distances = finite(f.flip for f in found)
    by_shares = finite(f.by_shares.ranking for f in found)
    by_reward = finite(f.by_shares.reward for f in found)
    return {
        "n_questions": counted,
        "n_examined": len(found),
        "n_flippable": len(distances),
        "share_flippable": len(distances) / counted if counted else None,
        "median_distance": _median(distances),
        "share_within": _within(distances, counted),
        "n_winner_flippable": sum(f.winner_flip.exists for f in found),
        "n_on_scale": sum(bool(q.scale) for q, _ in examined),
        "n_flippable_nominal": sum(f.flip.exists and not q.scale for q, f in examined),
        "n_flippable_neighbours": sum(q.are_neighbours(f.flip.pair) for q, f in examined),
        "n_winner_flippable_nominal": sum(
            f.winner_flip.exists and not q.scale for q, f in examined
        ),
        "n_winner_flippable_neighbours": sum(
            q.are_neighbours(f.winner_flip.pair) for q, f in examined
        ),
        "n_share_flippable": len(by_shares),
        "median_share_distance": _median(by_shares),
        "share_within_by_shares": _within(by_shares, counted),
        "n_share_winner_flippable": sum(f.by_shares.winner.exists for f in found),
        "n_reward_share_flippable": len(by_reward),
        "median_reward_share_distance": _median(by_reward),
        "reward_share_within_by_shares": _within(by_reward, counted),
        "n_order_mismatch": sum(f.nbc_order != f.reward_order for f in found),
        "n_with_ties": sum(bool(f.nbc_order.ties) for f in found),
        "largest_certified_gap": _largest(f.interval.width for f in found),
        "largest_share_certified_gap": _largest(f.by_shares.certified_gap for f in found),
    }


def intervals(results: Sequence[QuestionResult], counted: int, level: float) -> dict[str, Any]:
    """Return intervals of the headline figures, if all questions were drawn equally often.

    Parameters
    ----------
    results : sequence of QuestionResult
    counted : int
        How many questions there are, examined or not.
    level : float
    """
    drawn = [r.finding.replicates for r in results if r.finding and r.finding.replicates]
    if len({len(replicates.flip) for replicates in drawn}) != 1:
        return {}
    share, median = _over_replicates([one.flip for one in drawn], level)
    number, share_median = _over_replicates([one.share_flip for one in drawn], level)
    return {
        "share_flippable_interval": [share.low / counted, share.high / counted],
        "median_distance_interval": median,
        "n_share_flippable_interval": [number.low, number.high],
        "median_share_distance_interval": share_median,
    }


def _over_replicates(rows: list[Floats], level: float) -> tuple[Interval, list[float] | None]:
    """Return intervals of the number of flippable questions and of their median distance."""
    distances = np.array(rows)
    flips = np.isfinite(distances)
    some = flips.any(axis=0)
    medians = [
        float(np.median(column[here]))
        for column, here in zip(distances[:, some].T, flips[:, some].T, strict=True)
    ]
    median = Interval.of(medians, level)
    number = Interval.of(flips.sum(axis=0), level)
    return number, [median.low, median.high] if medians else None


def band(rows: Sequence[Floats], grid: Floats, level: float) -> tuple[Floats, Floats] | None:
    """Return an interval of how many questions flip within each of some distances.

    Parameters
    ----------
    rows : sequence of ndarray, shape (R,)
        The distances of each question's replicates.
    grid : ndarray, shape (N,)
    level : float

    Returns
    -------
    tuple of two ndarrays, shape (N,), or None
        The ends; None if the questions were not drawn equally often.
    """
    if len({len(row) for row in rows}) != 1:
        return None
    draws = np.array(rows)
    within = np.array([(draws <= distance).sum(axis=0) for distance in grid])
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(within, [tail, 1.0 - tail], axis=1)
    return low, high


def named_first(results: Iterable[QuestionResult]) -> list[tuple[QuestionResult, Flip]]:
    """Return the flippable questions, each with the flip to name, in the order to name them.

    Changes of the winner come first. Among them, and among the rest, come questions without a
    scale, then those of a scale where the options are no neighbours, then swaps of neighbours;
    within each kind the nearest first.

    Parameters
    ----------
    results : iterable of QuestionResult
    """
    flips = [
        (result, _flip_to_name(result.finding))
        for result in results
        if result.finding and result.finding.flip.exists
    ]
    return sorted(flips, key=lambda pair: _rank(*pair))


def _flip_to_name(finding: Finding) -> Flip:
    return finding.winner_flip if finding.winner_flip.exists else finding.flip


def _rank(result: QuestionResult, found: Flip) -> tuple[bool, bool, bool, float]:
    assert result.finding is not None
    question = result.question
    return (
        not result.finding.winner_flip.exists,
        question.are_neighbours(found.pair),
        bool(question.scale),
        found.distance,
    )


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if len(values) else None


def _within(distances: Floats, counted: int) -> dict[str, float]:
    """Return the shares of all counted questions that flip within each of `WITHIN`."""
    below = np.searchsorted(distances, WITHIN, side="right").tolist()
    return {f"{x:g}": n / counted for x, n in zip(WITHIN, below, strict=True)} if counted else {}


def _largest(widths: Iterable[float]) -> float | None:
    return max((width for width in widths if not math.isnan(width)), default=None)

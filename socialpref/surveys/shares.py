"""Who counts: how little the shares of the groups must change to change a ranking.

Normalized Borda counts at a fixed sampling distribution, and average rewards, are linear in the
shares of the groups. So a ranking can be flipped by the shares as well as by the comparisons.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .._tables import read_table_file, reading
from ..errors import InputError
from ..flips.flip import Flip, flip
from ..flips.targets import Winner
from ..population import Population
from .protocol import Protocol
from .question import Question
from .survey import ROUNDING, WHOLE

Floats = NDArray[np.float64]

PEOPLE = 200
"""Numbers that add up to more than this count people, not shares or percentages."""


@dataclass(frozen=True, eq=False)
class ShareFlips:
    """The smallest changes of the groups' shares that change a question's rankings.

    Attributes
    ----------
    ranking, winner : Flip
        Some pair is reversed, or another option catches up with the winner, by normalized Borda
        count at the base distribution.
    reward : Flip
        Some pair is reversed by average reward.
    certified_gap : float
        The widest of the proven intervals of the three distances; NaN if all are ties.
    """

    ranking: Flip
    winner: Flip
    reward: Flip
    certified_gap: float


def share_flips(population: Population, base: Floats, protocol: Protocol) -> ShareFlips:
    """Return the smallest changes of the shares that change a ranking, each proven.

    Parameters
    ----------
    population : Population
    base : ndarray, shape (K,)
        The sampling distribution of the normalized Borda counts.
    protocol : Protocol
        `share_margin` and `share_floor` are used.

    Raises
    ------
    InputError
        If the floor is above what every group can have.
    CertificateError
        If a distance cannot be proven.
    """
    _validate.number("share_floor", protocol.share_floor, 0.0, 1.0 / population.n_types)
    by_shares = partial(
        flip,
        population,
        over="shares",
        margin=protocol.share_margin,
        floor=protocol.share_floor,
    )
    found = (
        by_shares(sampling=base),
        by_shares(Winner(), sampling=base),
        by_shares(score="average reward"),
    )
    widths = [width for one in found if not math.isnan(width := one.prove().width)]
    return ShareFlips(*found, certified_gap=max(widths, default=math.nan))


def describe_shares(question: Question) -> str:
    """Say which shares of groups a question has: equal, given, or observed and how.

    Parameters
    ----------
    question : Question
    """
    if question.shares_are != "observed" or question.counts is None:
        return question.shares_are
    return f"observed, {'weighted' if question.is_weighted else 'unweighted'}"


def with_points(question: Question, points: float) -> Question:
    """Return a question whose largest group has a share larger by `points`.

    The other groups give or take in proportion to their shares. A group cannot have less than
    nothing nor more than everything: the change stops half way to either.

    Parameters
    ----------
    question : Question
    points : float
        As a share: 0.03 is three percentage points.

    Examples
    --------
    >>> from socialpref.surveys import Question
    >>> from socialpref.surveys.shares import with_points
    >>> question = Question.from_counts("Q", [[50, 0], [30, 5], [10, 5]], [*"ABC"], [*"yn"])
    >>> with_points(question, 0.1).group_shares
    array([0.6 , 0.28, 0.12])
    """
    shares = question.group_shares
    if len(shares) == 1:
        return question
    largest = int(shares.argmax())
    before = float(shares[largest])
    after = min(max(before + points, before / 2.0), (1.0 + before) / 2.0)
    moved = shares * (1.0 - after) / (1.0 - before)
    moved[largest] = after
    return question.with_shares(dict(zip(question.groups, moved.tolist(), strict=True)))


def read_shares(path: str | Path) -> Mapping[str, Mapping[str, float]]:
    """Read shares of groups from a CSV file with columns ``group, share``, perhaps ``question``.

    Rows without a question hold for all questions that have no rows of their own. Shares are taken
    in proportion: percentages or numbers of people do as well. A warning names small numbers that
    add up to neither 1 nor 100.

    Returns
    -------
    mapping
        For each question (``""`` for the others) a mapping from groups to shares, as `Protocol`
        takes it.

    Raises
    ------
    DataError
        If the file is missing or not of that form.
    """
    import pandas as pd

    file = _validate.path("path", path)
    with reading(file):
        frame = read_table_file(file)
        if missing := [c for c in ("group", "share") if c not in frame.columns]:
            raise InputError(f"the table must have a column {missing[0]!r}")
        if "question" not in frame.columns:
            frame["question"] = ""
        frame["question"] = frame["question"].fillna("").astype(str)
        frame["group"] = frame["group"].astype(str)
        frame["share"] = pd.to_numeric(frame["share"])
        if (twice := frame.duplicated(["question", "group"])).any():
            raise InputError(f"group {frame['group'][twice].iloc[0]!r} has two shares")
        shares: dict[str, dict[str, float]] = {}
        for key, rows in frame.groupby("question", sort=False):
            total = float(rows["share"].sum())
            near = any(abs(total / whole - 1.0) <= ROUNDING + 1e-9 for whole in WHOLE.values())
            if not near and total <= PEOPLE:
                of = f" of {key}" if key else ""
                warnings.warn(
                    f"{file.name}: the shares{of} add up to {total:g}, neither 1 nor 100, and are "
                    "taken in proportion",
                    stacklevel=2,
                )
            shares[str(key)] = dict(zip(rows["group"], rows["share"].tolist(), strict=True))
        return shares

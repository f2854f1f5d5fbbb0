"""Findings in plain words."""

import math
from collections.abc import Sequence

import numpy as np

from .. import _validate
from ..flips.flip import Flip
from ..surveys.uncertainty import Uncertainty

LISTED = 3
"""So many options whose draws become rarer (or more common) are named; the rest are counted."""


def flip_words(flip: Flip, subject: str = "ranking") -> str:
    """Say which change of the comparisons changes the ranking.

    An option's NBC is the share of comparisons that it wins, and how often each opponent comes
    up is the sampling distribution: so its changes are changes of "comparisons against".

    Parameters
    ----------
    flip : Flip
        Over sampling distributions.
    subject : str
        What changes: ``"ranking"`` or ``"winner"``.

    Examples
    --------
    >>> from socialpref import Population, flip
    >>> from socialpref.report.words import flip_words
    >>> population = Population([[0, -1, -2], [0, -2, 4]], options=["A", "B", "C"])
    >>> print(flip_words(flip(population)))
    The ranking changes if comparisons against “C” are 10.7 points more common (44.0% instead
    of 33.3%) and those against “B” 10.7 points rarer (22.7% instead of 33.3%): “C” then
    catches up with “A”.
    """
    _validate.instance("flip", flip, Flip, "a Flip")
    _validate.choice("subject", subject, ("ranking", "winner"))
    if flip.over != "sampling":
        raise _validate.complaint("flip", "over sampling distributions", f"one over {flip.over}")
    if math.isnan(flip.distance):
        where = " for first place" if subject == "winner" else ""
        return f"All options are tied{where}, so there is no {subject} to change."
    if not flip.exists:
        return f"No mix of comparisons changes the {subject}."
    change = flip.mix - flip.base
    by_size = [int(y) for y in np.argsort(-np.abs(change), kind="stable")]
    more = [y for y in by_size if change[y] > 0]
    rarer = [y for y in by_size if change[y] < 0]
    moves = _moves(flip, more, "are", "more common")
    text = f"The {subject} changes if comparisons against {moves}"
    if rarer:
        text += f" and those against {_moves(flip, rarer, '', 'rarer')}"
    if flip.pair is not None:
        above, below = (_quoted(flip.options[y]) for y in flip.pair)
        text += f": {below} then catches up with {above}"
    return text + "."


def _moves(flip: Flip, moved: list[int], verb: str, how: str) -> str:
    """Say by how many points comparisons against some options become more common or rarer."""
    texts = []
    for i, y in enumerate(moved[:LISTED]):
        size = points(abs(flip.mix[y] - flip.base[y]))
        how_often = f"{flip.mix[y]:.1%} instead of {flip.base[y]:.1%}"
        by = f"{verb} {size} points {how}".strip() if i == 0 else f"{size} points"
        texts.append(f"{_quoted(flip.options[y])} {by} ({how_often})")
    if len(moved) > LISTED:
        rest = moved[LISTED:]
        size = points(float(np.abs(flip.mix[rest] - flip.base[rest]).sum()))
        other = "another option" if len(rest) == 1 else f"{len(rest)} other options"
        texts.append(f"{other} {size} points{' together' if len(rest) > 1 else ''}")
    return joined(texts)


def points(share: float) -> str:
    """Return a difference of shares in percentage points, without the unit."""
    return f"{100 * share:.1f}" if share >= 0.0005 else "less than 0.1"


def joined(texts: Sequence[str], word: str = "and") -> str:
    """Return the texts as an enumeration: 'a', 'a and b', 'a, b and c'."""
    return f" {word} ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: '1 question', '2 questions'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _share(share: float) -> str:
    return "all" if share == 1 else "none" if share == 0 else f"{share:.1%}"


def _quoted(label: str) -> str:
    return f"“{label}”"


def error_words(error: Uncertainty) -> str:
    """Say what the replicates of a question show of its sampling error.

    Parameters
    ----------
    error : Uncertainty
    """
    _validate.instance("error", error, Uncertainty, "an Uncertainty")
    text = f"Of {error.n_replicates} replicates, {_share(error.flip_share)} can be flipped"
    if math.isfinite(error.flip_interval.low):
        interval = error.flip_interval.describe(infinite="never")
        text += f"; {error.level:.0%} interval of the distance: {interval}"
    text += (
        f"; at the base, {_share(error.same_order)} have the same ranking "
        f"and {_share(error.same_winner)} the same winner"
    )
    return f"{text}. Method: {error.method}."

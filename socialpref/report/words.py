"""Findings in plain words."""

import math
from collections.abc import Sequence

import numpy as np

from .. import _validate
from ..flips.flip import Flip
from ..inference import Interval
from ..surveys.findings import Finding
from ..surveys.studies import Study
from ..surveys.uncertainty import Uncertainty

LISTED = 3
"""So many options whose draws become rarer (or more common) are named; the rest are counted."""
DOUBTFUL = 0.05
"""More replicates that flip cast doubt on an estimate that does not."""


def flip_words(flip: Flip, subject: str = "ranking") -> str:
    """Say which change of the comparisons, or of the groups' shares, changes the ranking.

    An option's NBC is the share of comparisons that it wins, and how often each opponent comes
    up is the sampling distribution: so its changes are changes of "comparisons against".

    Parameters
    ----------
    flip : Flip
        Over sampling distributions, or over the shares of groups.
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
    if math.isnan(flip.distance):
        where = " for first place" if subject == "winner" else ""
        return f"All options are tied{where}, so there is no {subject} to change."
    by_shares = flip.over == "shares"
    if not flip.exists:
        changed = "shares of the groups change" if by_shares else "mix of comparisons changes"
        return f"No {changed} the {subject}."
    change = flip.mix - flip.base
    by_size = [int(y) for y in np.argsort(-np.abs(change), kind="stable")]
    more = [y for y in by_size if change[y] > 0]
    less = [y for y in by_size if change[y] < 0]
    if by_shares:
        text = f"The {subject} changes if the share of {_moves(flip, more, 'is', 'larger')}"
        rest = f" and that of {_moves(flip, less, '', 'smaller')}"
    else:
        text = f"The {subject} changes if comparisons against "
        text += _moves(flip, more, "are", "more common")
        rest = f" and those against {_moves(flip, less, '', 'rarer')}"
    if less:
        text += rest
    if flip.pair is not None:
        above, below = (_quoted(flip.options[y]) for y in flip.pair)
        text += f": {below} then catches up with {above}"
    return text + "."


def _moves(flip: Flip, moved: list[int], verb: str, how: str) -> str:
    """Say by how many points some options' draws, or some groups' shares, change."""
    texts = []
    for i, y in enumerate(moved[:LISTED]):
        size = points(abs(flip.mix[y] - flip.base[y]))
        how_often = f"{flip.mix[y]:.1%} instead of {flip.base[y]:.1%}"
        by = f"{verb} {size} points {how}".strip() if i == 0 else f"{size} points"
        texts.append(f"{_quoted(flip.labels[y])} {by} ({how_often})")
    if len(moved) > LISTED:
        rest = moved[LISTED:]
        size = points(float(np.abs(flip.mix[rest] - flip.base[rest]).sum()))
        what = "group" if flip.over == "shares" else "option"
        other = f"another {what}" if len(rest) == 1 else f"{len(rest)} other {what}s"
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


def finding_words(finding: Finding) -> list[str]:
    """Return what was found of a question, one sentence each, with its intervals.

    Parameters
    ----------
    finding : Finding
    """
    _validate.instance("finding", finding, Finding, "a Finding")
    error, winner = finding.uncertainty, finding.winner_flip
    ranked = won = counted_so = None
    if error is not None:
        ranked = error.flip_interval, error.flip_share
        won = error.winner_flip_interval, error.winner_flip_share
        counted_so = error.share_flip_interval, error.share_flip_share
    texts = [estimate_words(finding.flip, "ranking", ranked)]
    if winner.exists and winner.distance == finding.flip.distance:
        texts.append("The winner changes with it.")
    elif not math.isnan(winner.distance):
        texts.append(estimate_words(winner, "winner", won))
    if not math.isnan(finding.by_shares.ranking.distance):
        words = estimate_words(finding.by_shares.ranking, "ranking", counted_so)
        texts.append(f"Who counts: {words}")
    if error is None:
        return [*texts, "The sampling error of these estimates is not computed here."]
    return [*texts, error_words(error), *stretched_words(finding)]


def estimate_words(flip: Flip, subject: str, seen: tuple[Interval, float] | None = None) -> str:
    """Say what a flip of estimated answers is, with its distance and what replicates show.

    Parameters
    ----------
    flip : Flip
    subject : str
        What changes: ``"ranking"`` or ``"winner"``.
    seen : (Interval, float), optional
        Of the replicates: the interval of the distance, and the share that can be flipped.
    """
    words = flip_words(flip, subject)
    text = f"As estimated, {words[0].lower()}{words[1:]}"
    interval = ""
    if seen is not None and math.isfinite(seen[0].low):
        interval = f"{seen[0].level:.0%} interval {seen[0].describe(infinite='never')}"
    if flip.exists:
        text += f" The distance is {flip.distance:.3f}{interval and f' ({interval})'}."
    elif interval:
        text += f" The distance has the {interval}."
    if seen is not None and seen[1] != float(flip.exists):
        does = f"{seen[1]:.1%} of the replicates can be flipped so."
        text += f" {does}" if flip.exists else f" But {does}"
    return text


def stretched_words(finding: Finding) -> list[str]:
    """Say of each estimate that lies outside its replicates that the interval was stretched.

    Parameters
    ----------
    finding : Finding
    """
    replicates, error, shares = finding.replicates, finding.uncertainty, finding.by_shares
    if replicates is None or error is None:
        return []
    named = {
        "ranking's distance": (replicates.flip, finding.flip),
        "winner's distance": (replicates.winner_flip, finding.winner_flip),
        "distance by who counts": (replicates.share_flip, shares.ranking),
    }
    texts = []
    for name, (draws, flip) in named.items():
        inner = Interval.of(draws, error.level)
        if inner.n_draws and not math.isnan(flip.distance) and flip.distance not in inner:
            estimate = f"{flip.distance:.3f}" if flip.exists else "never"
            texts.append(
                f"The {name} as estimated ({estimate}) lies outside the middle {error.level:.0%} "
                f"of the replicates ({inner.describe(infinite='never')}), as happens near ties "
                "and empty cells, where replicates flip more easily, or less, than the sample "
                "itself. Its interval is stretched to hold the estimate; do not rest much on "
                "either end."
            )
    return texts


def curve_words(study: Study) -> list[str]:
    """Return what the distribution of the distances of a study, or of a part of it, shows.

    Parameters
    ----------
    study : Study
    """
    _validate.instance("study", study, Study, "a Study")
    found = [result.finding for result in study.results if result.finding]
    errors = [one.uncertainty for one in found if one.uncertainty]
    kinds = (
        ("what is compared", study.distances, [f.flip.exists for f in found],
         [error.flip_share for error in errors]),
        ("who counts", study.share_distances, [f.by_shares.ranking.exists for f in found],
         [error.share_flip_share for error in errors]),
    )  # fmt: skip
    texts = []
    for name, distances, exist, replicates in kinds:
        text = f"As estimated, {name} can flip {len(distances)} of {counted(len(found), 'ranking')}"
        if len(distances):
            half = ", half of them within" if len(distances) > 1 else ", at"
            text += f"{half} {np.median(distances):.3f}"
        texts.append(f"{text}.")
        if len(errors) == len(found):
            others = [share for share, flips in zip(replicates, exist, strict=True) if not flips]
            if unsure := sum(share > DOUBTFUL for share in others):
                texts.append(
                    f"Of the other {len(others)}, {unsure} can be flipped in more than "
                    f"{DOUBTFUL:.0%} of the replicates."
                )
    return texts


def error_words(error: Uncertainty) -> str:
    """Say what the replicates of a question show of its sampling error.

    Parameters
    ----------
    error : Uncertainty
    """
    _validate.instance("error", error, Uncertainty, "an Uncertainty")
    return (
        f"Of {error.n_replicates} replicates, {_share(error.flip_share)} can be flipped by what is "
        f"compared and {_share(error.share_flip_share)} by who counts; at the base, "
        f"{_share(error.same_order)} have the same ranking and {_share(error.same_winner)} the "
        f"same winner. Method: {error.method}."
    )

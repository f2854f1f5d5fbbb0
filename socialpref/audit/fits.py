"""The fits of each prompt's comparisons, and the comparisons that they are of."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..bradley_terry import (
    BradleyTerryFit,
    RewardFit,
    fit_bradley_terry,
    fit_davidson,
    fit_plackett_luce,
)
from ..comparisons import Comparisons, Dropped
from ..comparisons.people import available_options
from ..comparisons.shuffles import WEAK_PRIOR
from ..errors import InputError

Integers = NDArray[np.integer]
Ties = Literal["half", "drop", "davidson"]
Likelihood = Literal["bradley-terry", "plackett-luce"]

SELDOM = 2
"""An option that is compared so seldom is a text that hardly recurs."""
FEW = 20
"""Fewer options than this are no texts, however seldom they are compared."""


class Fits(NamedTuple):
    """The fits of the prompts, and what they are of.

    Attributes
    ----------
    rows : Comparisons
        Those of the options that could be fitted, and of prompts that have any.
    pairs : tuple of BradleyTerryFit
        One for each prompt.
    reported : tuple of RewardFit
        The fit that is reported of each: another one for ties or ballots.
    weak : int
        How many prompts took the weak prior, because no two options have both won and lost.
    """

    rows: Comparisons
    pairs: tuple[BradleyTerryFit, ...]
    reported: tuple[RewardFit, ...]
    weak: int


def are_texts(comparisons: Comparisons) -> bool:
    """Return whether most options are compared once or twice, as responses to a prompt are."""
    K = comparisons.n_options
    places = np.append(
        comparisons.prompt.astype(np.int64) * K + comparisons.first,
        comparisons.prompt.astype(np.int64) * K + comparisons.second,
    )
    times = np.unique(places, return_counts=True)[1]
    return len(times) >= FEW and bool((times <= SELDOM).mean() > 0.5)


def without(comparisons: Comparisons, reason: str, rows: NDArray[np.bool_]) -> Comparisons:
    """Return comparisons without some rows, which are counted among those that were dropped."""
    if not rows.any():
        return comparisons
    if rows.all():
        raise InputError(f"'comparisons' must hold some that can be used; all are {reason}.")
    dropped = (*comparisons.dropped, Dropped(reason, int(rows.sum())))
    kept = comparisons.take(~rows)
    return replace(kept, dropped=dropped, n_read=comparisons.n_read)


def fit_prompts(
    comparisons: Comparisons, prior: float | None, ties: Ties, likelihood: Likelihood
) -> Fits:
    """Fit the comparisons of each prompt; without a prior, those of its largest component."""
    comparisons = _without_empty_prompts(comparisons)
    who = None
    if comparisons.annotator is not None and comparisons.annotator.max() >= 0:
        who = comparisons.annotators()[0]
    available = np.array(available_options(comparisons))
    kept = np.zeros(len(comparisons), dtype=bool)
    pairs: list[BradleyTerryFit] = []
    weak = 0
    for x, at in by_prompt(comparisons):
        there = np.flatnonzero(available[x])
        first = np.searchsorted(there, comparisons.first[at])
        second = np.searchsorted(there, comparisons.second[at])
        label = comparisons.label[at]
        weight = np.ones(len(at)) if comparisons.weight is None else comparisons.weight[at]
        fitted = partial(
            fit_bradley_terry,
            first,
            second,
            label,
            weights=weight,
            options=[comparisons.name(x, int(y)) for y in there],
        )
        try:
            fit = fitted(prior=prior, component="largest" if prior is None else "all")
        except InputError:  # no two options have both won and lost
            if prior is not None:
                raise
            fit = fitted(prior=WEAK_PRIOR, component="largest")
            weak += 1
        available[x] = False
        available[x, there[fit.positions]] = True
        inside = available[x, comparisons.first[at]] & available[x, comparisons.second[at]]
        kept[at[inside]] = True
        if who is not None and np.ptp(who[at[inside]]):  # two annotators at least
            rows = weight * label, weight * (1.0 - label)
            fit = fit.with_clusters(who[at], first, second, *rows)
        pairs.append(fit)
    used = replace(
        comparisons.take(kept),
        available=available,
        dropped=comparisons.dropped,
        n_read=comparisons.n_read,
    )
    reported: list[RewardFit] = list(pairs)
    if ties == "davidson" or likelihood == "plackett-luce":
        other = _davidson if ties == "davidson" else _plackett_luce
        people = None if who is None else who[kept]
        places = dict(by_prompt(used))
        reported = [
            other(used, x, places[x], fit, None if fit.n_clusters is None else people)
            for x, fit in enumerate(pairs)
        ]
    return Fits(used, tuple(pairs), tuple(reported), weak)


def _without_empty_prompts(comparisons: Comparisons) -> Comparisons:
    """Return the same comparisons, at prompts that all have some."""
    kept, prompt = np.unique(comparisons.prompt, return_inverse=True)
    if len(kept) == comparisons.n_prompts:
        return comparisons
    names, own, size = comparisons.prompts, None, comparisons.n_options
    if comparisons.own_options is not None:
        own = tuple(comparisons.own_options[x] for x in kept)
        size = len(comparisons.options or ()) + max(map(len, own))
    return replace(
        comparisons,
        prompt=prompt,
        n_prompts=len(kept),
        n_options=size,
        available=available_options(comparisons)[kept, :size],
        prompts=tuple(f"prompt {x + 1}" if names is None else names[x] for x in kept),
        own_options=own,
    )


def by_prompt(comparisons: Comparisons) -> Iterator[tuple[int, Integers]]:
    """Yield each prompt that has comparisons, and their places."""
    order = np.argsort(comparisons.prompt, kind="stable")
    sorted_prompts = comparisons.prompt[order]
    for at in np.split(order, np.flatnonzero(np.diff(sorted_prompts)) + 1):
        yield int(comparisons.prompt[at[0]]), at


def _numbered(rows: Comparisons, x: int, at: Integers) -> tuple[Integers, Integers, Integers]:
    """Return the options of a prompt, and the first and the second among them of each row."""
    there = np.flatnonzero(available_options(rows)[x])
    first = np.searchsorted(there, rows.first[at])
    return there, first, np.searchsorted(there, rows.second[at])


def _davidson(
    rows: Comparisons, x: int, at: Integers, fit: BradleyTerryFit, who: Integers | None
) -> RewardFit:
    _, first, second = _numbered(rows, x, at)
    return fit_davidson(
        first,
        second,
        rows.label[at],
        weights=None if rows.weight is None else rows.weight[at],
        options=fit.options,
        cluster=None if who is None else who[at],
        prior=fit.prior or None,
    )


def _plackett_luce(
    rows: Comparisons, x: int, at: Integers, fit: BradleyTerryFit, who: Integers | None
) -> RewardFit:
    """Put the pairs of each ballot back together: an option's place is how many it loses to.

    Options at the end that are not compared with each other are below the others, in no order.
    """
    if rows.ballot is None:
        raise InputError("'likelihood' must be 'bradley-terry' for comparisons without ballots.")
    if (rows.label[at] == 0.5).any():
        raise InputError("'likelihood' must be 'bradley-terry' for ballots with ties.")
    there, first, second = _numbered(rows, x, at)
    _, number = np.unique(rows.ballot[at], return_inverse=True)
    size, K = int(number.max()) + 1, len(there)
    won, lost = np.zeros((size, K)), np.zeros((size, K))
    for option, wins in ((first, rows.label[at]), (second, 1.0 - rows.label[at])):
        np.add.at(won, (number, option), wins)
        np.add.at(lost, (number, option), 1.0 - wins)
    seen = won + lost > 0.0
    order = np.argsort(np.where(seen, lost, np.inf), axis=1, kind="stable")
    listed = np.take_along_axis(seen, order, axis=1)
    won, lost = np.take_along_axis(won, order, axis=1), np.take_along_axis(lost, order, axis=1)
    n_ranked = lost.max(axis=1, keepdims=True)
    place = np.arange(K)
    below = np.where(place < n_ranked, listed.sum(axis=1)[:, None] - 1.0 - place, 0.0)
    wrong = listed & ((lost != np.minimum(place, n_ranked)) | (won != below))
    if wrong.any():
        raise InputError(
            "'likelihood' must be 'bradley-terry' where a ballot is neither a ranking nor a choice."
        )
    head = np.unique(number, return_index=True)[1]
    return fit_plackett_luce(
        np.where(listed, order, -1),
        n_ranked=n_ranked[:, 0].astype(int),
        weights=None if rows.weight is None else rows.weight[at][head],
        options=fit.options,
        cluster=None if who is None else who[at][head],
        prior=fit.prior or None,
    )

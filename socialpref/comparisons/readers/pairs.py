"""Pairs: two options in each row, and which of them was chosen."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ... import _validate
from ...errors import InputError
from ..dropped import Dropped
from .assemble import Columns, Left, People, assembled, places_of
from .features import Differences
from .frames import Codes, Column, Floats, Frame, Mask, in_row, pooled
from .words import MEANINGS, mapped, plain

MANY = 100_000
"""Different numbers up to which it is looked whether they are names."""


def pairs(
    frame: Frame,
    first: str,
    second: str,
    choice: str | None,
    people: People,
    mapping: Mapping[Any, Any] | None,
    features: Differences | None = None,
) -> tuple[Columns, Codes]:
    """Return the comparisons of a table with two options in each row, and their rows."""
    names, (one, other) = pooled(frame.names("first", first), frame.names("second", second))
    left = Left(len(frame), frame.times)
    left.drop("without a first option", one < 0)
    left.drop("without a second option", other < 0)
    people.drop(left)
    left.drop("with the same option on both sides", one == other)
    if features is not None:
        left.drop("without a feature", np.asarray(np.isnan(features.values).any(axis=1)))
    label = np.ones(len(frame))
    if choice is not None:
        said = frame.names("choice", choice)
        sides = one, other
        label, absent = labels(choice, said, names, sides, left.kept, mapping, frame.place)
        left.drop("without a choice", absent)
        left.drop("skipped", np.isnan(label))
    rows = np.flatnonzero(left.kept)
    if not len(rows):
        raise left.nothing("comparison")
    columns = assembled(names, one[rows], other[rows], label[rows], people, rows, left)
    if features is not None:
        columns |= {"features": features.names, "differences": features.values[rows]}
    return columns, rows


def votes_on_pairs(
    frame: Frame,
    first: str,
    second: str,
    columns: Sequence[str] | None,
    others: tuple[str | None, str | Sequence[str] | None, str | None],
    mapping: Mapping[Any, Any] | None,
) -> Columns:
    """Return the comparisons of a table whose columns are annotators with their choices."""
    import pandas as pd

    if columns is None:
        raise _validate.complaint("columns", "the columns of the annotators", "None")
    given = places_of("columns", columns)
    prompt, types, weight = others
    if types is not None:
        raise _validate.complaint("types", "omitted for votes on pairs", repr(types))
    roles = {"first": first, "second": second, "prompt": prompt, "weight": weight}
    base = pd.DataFrame(
        {role: frame.series(role, name) for role, name in roles.items() if name is not None}
    )
    parts = []
    for name in given:
        votes = frame.series("columns", name)
        parts.append(base.assign(vote=votes.astype(object), annotator=name)[votes.notna()])
    whole = pd.concat(parts)
    unseen = len(given) * len(base) - len(whole)
    rows, voters = whole.index, whole["annotator"].to_numpy()
    whole = whole.reset_index(drop=True)
    whole["vote"] = whole["vote"].infer_objects()
    table = Frame(whole, place=lambda row: f"in row {rows[row]} of column {voters[row]!r}")
    there = {role: role for role, name in roles.items() if name is not None}
    people = People.of(table, "annotator", there.get("prompt"), None, there.get("weight"))
    found, _ = pairs(table, "first", "second", "vote", people, mapping)
    if unseen:
        dropped = (Dropped("votes not given", unseen), *found["dropped"])
        found |= {"dropped": dropped, "n_read": found["n_read"] + unseen}
    return found


def labels(
    name: str,
    column: Column,
    names: list[str],
    sides: tuple[Codes, Codes],
    kept: Mask,
    mapping: Mapping[Any, Any] | None,
    place_of: Callable[[int], str],
) -> tuple[Floats, Mask]:
    """Return the probability that the first is preferred, NaN where skipped, and what is missing.

    Choices mean, in this order: what `mapping` says; the name of one of the row's options, if a
    choice in the table is no word or number, or all choices are names of their row's options;
    what the word says, or the number.
    """
    given = mapped(mapping)
    first, second = sides
    codes = np.where(kept, column.codes, -1)
    absent = kept & (column.codes < 0)
    label = np.full(len(codes), np.nan)
    if None in given and absent.any():
        label[absent] = np.nan if given[None] is None else given[None]
        absent = np.zeros_like(absent)
    numeric = column.values.dtype.kind in "iufb"
    if absent.any() and numeric:
        at = int(absent.argmax())
        raise in_row(name, "a label in [0, 1]", np.nan, place_of(at))
    meant, known = _words(column)
    by_user = np.zeros(len(known), dtype=bool)
    for i in range(len(column.names) if given else 0):
        for key in (column.values[i], column.names[i]):
            if key in given:
                by_user[i] = known[i] = True
                meant[i] = np.nan if given[key] is None else given[key]
                break
    place = {option: k for k, option in enumerate(names)}
    option = np.full(len(column.names) + 1, -1)
    if not numeric or len(column.names) <= MANY:
        option[:-1] = [place.get(one, -1) for one in column.names]
    option[by_user] = -1
    chosen = option[codes]
    asked = kept & (codes >= 0) & ~by_user[codes]
    fits = asked & (chosen >= 0) & ((chosen == first) | (chosen == second))
    partial = asked & ~_neutral(column)[codes]
    by_name = bool((partial & ~known[codes]).any()) or not bool((partial & ~fits).any())
    said = meant[codes]
    if by_name:
        wrong = asked & ~fits & ((chosen >= 0) | ~known[codes])
        said = np.where(fits, np.where(chosen == first, 1.0, 0.0), said)
    else:
        wrong = asked & ~known[codes]
    if wrong.any():
        at = int(wrong.argmax())
        got = f"{column.names[codes[at]]!r} {place_of(at)}"
        raise InputError(
            f"column {name!r} must name one of the row's options, or say first, second, tie, skip "
            f"or a probability, or be in 'mapping'; got {got}, whose options are "
            f"{names[first[at]]!r} and {names[second[at]]!r}."
        )
    there = kept & (codes >= 0)
    label[there] = said[there]
    return label, absent


def _words(column: Column) -> tuple[Floats, Mask]:
    """Return what choices say as words or numbers, NaN for skipped, and which are such."""
    known = np.zeros(len(column.names) + 1, dtype=bool)
    meant = np.full(len(known), np.nan)
    if column.values.dtype.kind in "iufb":
        meant[:-1] = column.values
        known[:-1] = (meant[:-1] >= 0.0) & (meant[:-1] <= 1.0)
        return meant, known
    for i, name in enumerate(column.names):
        word = plain(name)
        if word in MEANINGS:
            meaning = MEANINGS[word]
            meant[i], known[i] = np.nan if meaning is None else meaning, True
        elif word[:1].isdigit() or word[:1] == ".":
            try:
                number = float(word)
            except ValueError:
                continue
            if 0.0 <= number <= 1.0:
                meant[i], known[i] = number, True
    return meant, known


def _neutral(column: Column) -> Mask:
    """Return which choices are words for a tie or for no answer: they are for neither side."""
    neutral = np.zeros(len(column.names) + 1, dtype=bool)
    if column.values.dtype.kind not in "iufb":
        meant = [MEANINGS.get(plain(name), 1.0) for name in column.names]
        neutral[:-1] = [meaning in (None, 0.5) for meaning in meant]
    return neutral

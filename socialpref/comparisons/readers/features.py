"""Features of the two options of each row: from columns, from a table of options, or lengths."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import _validate
from ...errors import InputError
from .frames import Floats, Frame

Features = Sequence[str] | Mapping[str, Sequence[str]] | Any
ENDS = (("a", "b"), ("1", "2"), ("first", "second"), ("left", "right"), ("chosen", "rejected"))
"""How the columns of the first and of the second option end."""
LENGTH = "length"
"""The feature that options have by themselves."""


class Differences(NamedTuple):
    """Names of features, and how much more of each the first option has; NaN where unknown."""

    names: tuple[str, ...]
    values: Floats


def differences_of(frame: Frame, features: Features, first: str, second: str) -> Differences:
    """Return how much more of each feature the first option of each row has than the second."""
    columns: dict[str, tuple[str, str] | None]
    if isinstance(features, Mapping):
        names = _validate.labels("features", list(features))
        columns = {name: _two(name, features[name]) for name in names}
    elif isinstance(features, Sequence):
        names = _validate.labels("features", [features] if isinstance(features, str) else features)
        columns = {name: _sides(frame, name, first, second) for name in names}
    else:
        return _from_options(frame, Frame(features), first, second)
    if not columns:
        raise _validate.complaint("features", "at least one feature", "none")
    parts = []
    for sides in columns.values():
        if sides is None:
            one, other = (_lengths(frame, side) for side in (first, second))
        else:
            one, other = (frame.numbers("features", side) for side in sides)
        parts.append(one - other)
    values = np.stack(parts, axis=1)
    values[np.isinf(values)] = np.nan
    return Differences(tuple(columns), values)


def _two(name: str, sides: Any) -> tuple[str, str]:
    if isinstance(sides, str) or len(given := tuple(sides)) != 2:
        must = "the columns of the first and of the second option of each feature"
        raise _validate.complaint("features", must, f"{_validate.shown(sides)} for {name!r}")
    return given[0], given[1]


def _sides(frame: Frame, name: str, first: str, second: str) -> tuple[str, str] | None:
    """Return a feature's two columns; None for the length of the options themselves."""
    tried = [(f"{name}_{one}", f"{name}_{other}") for one, other in (*ENDS, (first, second))]
    tried += [(f"{one}_{name}", f"{other}_{name}") for one, other in (*ENDS, (first, second))]
    for sides in tried:
        if all(side in frame.columns for side in sides):
            return sides
    if name == LENGTH:
        return None
    raise InputError(
        f"'features' must be columns for both options, such as {name}_a and {name}_b; the table "
        f"has none for {name!r}."
    )


def _lengths(frame: Frame, side: str) -> Floats:
    """Return the number of characters of each option; NaN where there is none."""
    column = frame.names("features", side)
    lengths = np.array([*map(len, column.names), np.nan])
    return np.asarray(lengths[column.codes])


def _from_options(frame: Frame, options: Frame, first: str, second: str) -> Differences:
    """Return differences of the features that a table gives for each option."""
    key, *names = options.columns
    if not names:
        raise _validate.complaint("features", "of options and their features", f"{key!r} alone")
    described = options.names("features", key)
    known = described.codes[described.codes >= 0]
    if len(np.unique(known)) < len(known):
        twice = described.names[int(np.bincount(known).argmax())]
        raise _validate.complaint("features", "of one row for each option", f"{twice!r} twice")
    table = np.full((len(described.names) + 1, len(names)), np.nan)
    values = np.stack([options.numbers("features", name) for name in names], axis=1)
    table[described.codes] = values
    table[-1] = np.nan
    place = {name: i for i, name in enumerate(described.names)}
    sides = []
    for side in (first, second):
        column = frame.names("features", side)
        number = np.array([*(place.get(name, -1) for name in column.names), -1])
        sides.append(table[number[column.codes]])
    return Differences(tuple(map(str, names)), sides[0] - sides[1])

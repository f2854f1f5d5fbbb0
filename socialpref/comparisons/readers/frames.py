"""Columns of any data frame, as numbers and names."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ...errors import InputError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Column(NamedTuple):
    """A column as numbers: ``names[codes]``, with -1 where it is missing.

    `values` are what the names stand for.
    """

    codes: Codes
    names: list[str]
    values: Any

    def take(self, rows: Any) -> "Column":
        """Return some rows; names that none of them has are kept."""
        return self._replace(codes=self.codes[rows])

    def compact(self) -> "Column":
        """Return the same column without the names that no row has."""
        seen = np.zeros(len(self.names) + 1, dtype=bool)
        seen[self.codes] = True
        kept = np.flatnonzero(seen[:-1])
        if len(kept) == len(self.names):
            return self
        number = np.full(len(self.names) + 1, -1)
        number[kept] = np.arange(len(kept))
        names = [self.names[i] for i in kept]
        return Column(number[self.codes], names, self.values[kept])


class Frame:
    """A data frame of pandas, polars, pyarrow or another library that narwhals knows."""

    def __init__(self, frame: Any) -> None:
        import narwhals as nw

        try:
            self._frame = nw.from_native(frame, eager_only=True)
        except (TypeError, ValueError):
            must = "a data frame in memory, of pandas, polars or pyarrow, with different columns"
            raise _validate.complaint("frame", must, _validate.shown(frame)) from None
        self.columns = [name for name in self._frame.columns if isinstance(name, str)]
        if not len(self._frame):
            raise _validate.complaint("frame", "with at least one row", "none")

    def __len__(self) -> int:
        return len(self._frame)

    def series(self, argument: str, name: str) -> Any:
        """Return a column, given for an argument, as a pandas Series."""
        import pandas as pd

        _validate.instance(argument, name, str, "the name of a column")
        if name not in self.columns:
            listed = ", ".join(map(repr, self.columns))
            raise _validate.complaint(argument, f"one of the columns {_cut(listed)}", repr(name))
        return pd.Series(self._frame[name].to_pandas()).reset_index(drop=True)

    def names(self, argument: str, name: str) -> Column:
        """Return a column of names."""
        return factorised(self.series(argument, name))

    def numbers(self, argument: str, name: str) -> Floats:
        """Return a column of numbers; missing ones are NaN, and what is no number is refused."""
        return numbers_of(name, self.series(argument, name))

    def crossed(self, argument: str, names: str | Sequence[str] | None) -> Column | None:
        """Return the names of several columns together: ``"Rep + White"``."""
        if names is None:
            return None
        given = [names] if isinstance(names, str) else list(names)
        if not given:
            raise _validate.complaint(argument, "at least one column", "none")
        whole = self.names(argument, given[0])
        for name in given[1:]:
            whole = cross(whole, self.names(argument, name))
        return whole


def cross(one: Column, other: Column) -> Column:
    """Return the pairs of names that occur together; missing where either is."""
    width = len(other.names)
    there = (one.codes >= 0) & (other.codes >= 0)
    keys, codes = np.unique((one.codes * width + other.codes)[there], return_inverse=True)
    whole = np.full(len(one.codes), -1)
    whole[there] = codes
    names = [f"{one.names[k // width]} + {other.names[k % width]}" for k in keys.tolist()]
    return Column(whole, names, np.array(names, dtype=object))


def factorised(series: Any) -> Column:
    """Return a pandas Series as numbers and names: sorted numbers, or sorted texts."""
    import pandas as pd

    try:
        codes, uniques = pd.factorize(series)
    except TypeError:
        must = "with single values in each cell"
        raise _validate.complaint(
            f"column {series.name}", must, _validate.shown(series[0])
        ) from None
    values = np.asarray(uniques)
    codes = np.asarray(codes, dtype=np.int64)
    if values.dtype.kind in "iufb":
        order = np.argsort(values, kind="stable")
        names = [_name(value) for value in values[order].tolist()]
    else:
        names = [_name(value) for value in values.tolist()]
        kept, merged = np.unique(np.array(names, dtype=object), return_inverse=True)
        place = np.zeros(len(kept), dtype=np.int64)
        place[merged] = np.arange(len(names))
        names, values = kept.tolist(), values[place]
        codes = np.append(merged, -1)[codes]
        order = np.arange(len(names))
    number = np.empty(len(order) + 1, dtype=np.int64)
    number[order], number[-1] = np.arange(len(order)), -1
    column = Column(number[codes], names, values[order])
    if "" in names[:1]:  # an empty text names nothing
        codes = column.codes - 1
        return Column(np.maximum(codes, -1), names[1:], column.values[1:])
    return column


def _name(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def pooled(*columns: Column) -> tuple[list[str], list[Codes]]:
    """Return the names of several columns together, and each one's codes among them."""
    if all(column.names == columns[0].names for column in columns):
        return columns[0].names, [column.codes for column in columns]
    if all(column.values.dtype.kind in "iuf" for column in columns):
        values = np.unique(np.concatenate([column.values.astype(float) for column in columns]))
        names = [_name(value) for value in values.tolist()]
    else:
        names = sorted(set().union(*(column.names for column in columns)))
    place = {name: i for i, name in enumerate(names)}
    found = []
    for column in columns:
        number = np.array([*(place[name] for name in column.names), -1], dtype=np.int64)
        found.append(number[column.codes])
    return names, found


def numbers_of(name: str, series: Any) -> Floats:
    """Return a pandas Series as floats, NaN where it is missing."""
    import pandas as pd

    missing = series.isna().to_numpy()
    if series.dtype.kind in "iufb":
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.isnan(numbers) & ~missing
    if wrong.any():
        at = int(wrong.argmax())
        raise in_row(name, "a number", series[at], at)
    return np.asarray(numbers)


def in_row(name: str, must: str, value: object, row: int) -> InputError:
    """Return the error for a cell of a column."""
    value = value.item() if isinstance(value, np.generic) else value
    return InputError(f"column {name!r} must be {must}; got {_validate.shown(value)} in row {row}.")


def _cut(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."

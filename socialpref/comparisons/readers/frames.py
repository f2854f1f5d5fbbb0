"""Columns of any data frame, as numbers and names."""

from collections.abc import Callable, Sequence
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
    """A data frame of pandas, polars, pyarrow or another library that narwhals knows.

    Of rows that were counted, `times` is the column that says how often each of them occurred.
    Of rows that were made of others, `place` says where each of them is.
    """

    def __init__(
        self, frame: Any, times: str | None = None, place: Callable[[int], str] | None = None
    ) -> None:
        import narwhals as nw

        try:
            self._frame = nw.from_native(frame, eager_only=True)
        except (TypeError, ValueError):
            must = (
                "a data frame in memory, of pandas, polars or pyarrow, with different columns "
                "(lazily: count_comparisons)"
            )
            raise _validate.complaint("frame", must, _validate.shown(frame)) from None
        self.columns = text_names(self._frame.columns)
        if not len(self._frame):
            raise _validate.complaint("frame", "with at least one row", "none")
        self._place = place
        self.times: Codes | None = None
        if times is not None:
            self.times = np.asarray(self._frame[times].to_numpy(), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._frame)

    def series(self, argument: str, name: str) -> Any:
        """Return a column, given for an argument, as a pandas Series."""
        import pandas as pd

        check_column(argument, name, self.columns)
        return pd.Series(self._frame[name].to_pandas()).reset_index(drop=True)

    def names(self, argument: str, name: str) -> Column:
        """Return a column of names."""
        import narwhals as nw

        check_column(argument, name, self.columns)
        series = self._frame[name]
        kind = self._frame.implementation
        texts = isinstance(series.dtype, nw.String | nw.Categorical | nw.Enum)
        if texts and not kind.is_pandas_like():
            return _of_arrow(series.to_native() if kind.is_pyarrow() else series.to_arrow())
        return factorised(self.series(argument, name))

    def place(self, row: int) -> str:
        """Return where something is: ``"in row 3"``, or of counted rows ``"in 7 rows"``."""
        if self._place is not None:
            return self._place(row)
        if self.times is None:
            return f"in row {row}"
        return "in one row" if self.times[row] == 1 else f"in {self.times[row]} rows"

    def numbers(self, argument: str, name: str) -> Floats:
        """Return a column of finite numbers; missing ones are NaN, and others are refused."""
        import pandas as pd

        series = self.series(argument, name)
        read = series if series.dtype.kind in "iufb" else pd.to_numeric(series, errors="coerce")
        numbers = np.asarray(read.to_numpy(dtype=np.float64, na_value=np.nan))
        wrong = ~np.isfinite(numbers) & series.notna().to_numpy()
        if wrong.any():
            at = int(wrong.argmax())
            raise in_row(name, "a finite number", series[at], self.place(at))
        return numbers

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


def _of_arrow(texts: Any) -> Column:
    """Return texts as numbers and names; Arrow may hold them as a dictionary already."""
    import pyarrow as pa
    import pyarrow.compute as pc

    given = pa.types.is_dictionary(texts.type)
    if isinstance(texts, pa.ChunkedArray):
        texts = (texts if given else texts.dictionary_encode()).combine_chunks()
    elif not given:
        texts = texts.dictionary_encode()
    order = np.asarray(pc.sort_indices(texts.dictionary))
    names = texts.dictionary.take(order).to_pylist()
    if given and (None in names or len(set(names)) < len(names)):
        return factorised(texts.to_pandas().astype(object))
    number = np.empty(len(order) + 1, dtype=np.int64)
    number[order], number[-1] = np.arange(len(order)), -1
    codes = number[np.asarray(texts.indices.cast(pa.int64()).fill_null(-1))]
    column = _without_empty(Column(codes, names, np.array(names, dtype=object)))
    return column.compact() if given else column


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
    return _without_empty(Column(number[codes], names, values[order]))


def _without_empty(column: Column) -> Column:
    """Return the same column, in which an empty text names nothing."""
    if "" not in column.names[:1]:
        return column
    return Column(np.maximum(column.codes - 1, -1), column.names[1:], column.values[1:])


def text_names(columns: Sequence[Any]) -> list[str]:
    """Return the columns whose names are texts."""
    return [name for name in columns if isinstance(name, str)]


def check_column(argument: str, name: str, columns: Sequence[str]) -> None:
    """Refuse what is not the name of a column."""
    _validate.instance(argument, name, str, "the name of a column")
    if name not in columns:
        listed = ", ".join(map(repr, columns))
        raise _validate.complaint(argument, f"one of the columns {_cut(listed)}", repr(name))


def _name(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def pooled(*columns: Column) -> tuple[list[str], list[Codes]]:
    """Return the names of several columns together, and each one's codes among them."""
    if all(column.names == columns[0].names for column in columns):
        return columns[0].names, [column.codes for column in columns]
    if all(column.values.dtype.kind in "iuf" for column in columns):
        numbers = (
            (value, name)
            for column in columns
            for value, name in zip(column.values.tolist(), column.names, strict=True)
        )
        names = list(dict.fromkeys(name for _, name in sorted(numbers)))
    else:
        names = sorted(set().union(*(column.names for column in columns)))
    place = {name: i for i, name in enumerate(names)}
    found = []
    for column in columns:
        number = np.array([*(place[name] for name in column.names), -1], dtype=np.int64)
        found.append(number[column.codes])
    return names, found


def in_row(name: str, must: str, value: object, row: int | str) -> InputError:
    """Return the error for a cell of a column, in a row or where a text says."""
    place = f"in row {row}" if isinstance(row, int) else row
    value = value.item() if isinstance(value, np.generic) else value
    return InputError(f"column {name!r} must be {must}; got {_validate.shown(value)} {place}.")


def _cut(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."

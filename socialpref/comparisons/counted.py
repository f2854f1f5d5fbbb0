"""Comparisons counted where they lie: in a data base, on a cluster, or in any other lazy frame."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..bradley_terry import BradleyTerryFit, fit_bradley_terry
from ..errors import DataError, InputError
from .readers.assemble import People
from .readers.frames import Frame, check_column, text_names
from .readers.pairs import pairs
from .table import COLUMNS, Comparisons

Integers = NDArray[np.integer]

MISSING, ZERO, BAD, USUAL = 0, 1, 2, 3
"""Kinds of weights; rows of different kinds are not added up."""


class _Columns(NamedTuple):
    """What is what in the frame."""

    first: str
    second: str
    choice: str | None
    annotator: str | None
    prompt: str | None
    weight: str | None


@dataclass(frozen=True, eq=False)
class Counted:
    """Comparisons that were counted where they lie, and the way back to their annotators.

    Attributes
    ----------
    comparisons : Comparisons
        Each prompt, pair and choice once; the weights say how often. Annotators are not in it.
    times : ndarray of int, shape (n,)
        How many rows of the frame each of them stands for, whatever their weights.
    """

    comparisons: Comparisons
    times: Integers
    _frame: Any
    _columns: _Columns
    _mapping: Mapping[Any, Any] | None

    def by_annotator(self) -> Comparisons:
        """Count again, each annotator alone: the second pass.

        Returns
        -------
        Comparisons
            Each annotator, prompt, pair and choice once; the weights say how often. A comparison
            by an unknown annotator is a row of its own. This takes memory for as many rows as
            that, which are at most those of the frame.

        Raises
        ------
        InputError
            If the column of the annotators was not named, or the frame is not what it was.
        DataError
            If the frame cannot be counted.
        """
        if self._columns.annotator is None:
            raise _validate.complaint("annotator", "a column, to count by annotator", "None")
        rows, times = _counted(self._frame, self._columns, self._mapping)
        if rows.annotator is None:
            raise _validate.complaint("annotator", "known for some rows", "none")
        known = self.comparisons
        if (rows.options, rows.own_options, rows.prompts, rows.n_read) != (
            *(known.options, known.own_options, known.prompts, known.n_read),
        ):
            raise InputError("'frame' must hold what it held when it was counted.")
        assert rows.weight is not None
        alone = np.where(rows.annotator < 0, times, 1)
        weight = np.repeat(rows.weight / alone, alone)
        return replace(
            rows.take(np.repeat(np.arange(len(rows)), alone)),
            weight=weight,
            dropped=rows.dropped,
            n_read=rows.n_read,
        )

    def fit(
        self,
        *,
        prompt: int | None = None,
        clustered: bool = False,
        prior: float | None = None,
        component: Literal["all", "largest"] = "all",
    ) -> BradleyTerryFit:
        """Fit rewards to the counts: the same as from the rows.

        Parameters
        ----------
        prompt : int, optional
            Which prompt; needed if there are several.
        clustered : bool
            Whether to count by annotator, too, for errors by cluster.
        prior, component
            As for `fit_bradley_terry`.

        Raises
        ------
        InputError, ConvergenceError
            As for `fit_bradley_terry` and `by_annotator`.
        DataError
            If the frame cannot be counted by annotator.

        Examples
        --------
        >>> import pandas as pd
        >>> from socialpref.comparisons import count_comparisons
        >>> table = pd.DataFrame({"who": ["ann", "ann", "ben", "ben", "cem", "cem"],
        ...                       "a": "tea", "b": "milk", "choice": ["tea"] * 4 + ["milk"] * 2})
        >>> counted = count_comparisons(table, first="a", second="b", choice="choice",
        ...                             annotator="who")
        >>> fit = counted.fit(clustered=True)
        >>> fit.standard_errors().round(3), fit.standard_errors(clustered=True).round(3)
        (array([0.433, 0.433]), array([0.75, 0.75]))
        """
        rows = self.comparisons
        if prompt is None and rows.n_prompts > 1:
            must = f"the number of one of {rows.n_prompts} prompts"
            raise _validate.complaint("prompt", must, "None")
        x = _validate.integer("prompt", 0 if prompt is None else prompt, 0, rows.n_prompts - 1)
        existing = rows.existing()
        there = np.arange(rows.n_options) if existing is None else np.flatnonzero(existing[x])
        here = rows.prompt == x
        assert rows.weight is not None
        fit = fit_bradley_terry(
            np.searchsorted(there, rows.first[here]),
            np.searchsorted(there, rows.second[here]),
            rows.label[here],
            weights=rows.weight[here],
            options=[rows.name(x, int(y)) for y in there],
            prior=prior,
            component=component,
        )
        fit = replace(fit, n_comparisons=int(self.times[here].sum()))
        if not clustered:
            return fit
        rows = self.by_annotator()
        assert rows.weight is not None
        here = rows.prompt == x
        who, _ = rows.annotators()
        return fit.with_clusters(
            who[here],
            np.searchsorted(there, rows.first[here]),
            np.searchsorted(there, rows.second[here]),
            rows.weight[here] * rows.label[here],
            rows.weight[here] * (1.0 - rows.label[here]),
        )


def count_comparisons(
    frame: Any,
    *,
    first: str,
    second: str,
    choice: str | None,
    annotator: str | None = None,
    prompt: str | None = None,
    weight: str | None = None,
    mapping: Mapping[Any, Any] | None = None,
) -> Counted:
    """Count comparisons where they lie; only the counts come here.

    For tables that are larger than the memory, or lie elsewhere. Everything that does without
    annotators follows from the counts: fits, naive errors, goodness of fit, the observed design.
    Errors by cluster take a second pass, which counts by annotator.

    Parameters
    ----------
    frame : lazy frame or data frame
        What narwhals takes: a relation of DuckDB, a Dask data frame, a lazy frame of polars, or
        any data frame in memory.
    first, second, choice, annotator, prompt, weight, mapping
        As for `Comparisons.from_frame`. Choices mean the same here, and the same rows are left
        out.

    Returns
    -------
    Counted

    Raises
    ------
    InputError
        As for `Comparisons.from_frame`. The message says in how many rows something is wrong.
    DataError
        If the frame cannot be counted.

    Examples
    --------
    >>> import polars as pl
    >>> from socialpref.comparisons import count_comparisons
    >>> table = pl.LazyFrame({"a": ["tea"] * 4, "b": ["milk"] * 4,
    ...                       "choice": ["tea", "milk", "tea", None]})
    >>> rows = count_comparisons(table, first="a", second="b", choice="choice").comparisons
    >>> rows.label, rows.weight, [str(part) for part in rows.dropped]
    (array([0., 1.]), array([1., 2.]), ['1 without a choice'])
    """
    import narwhals as nw

    columns = _Columns(first, second, choice, annotator, prompt, weight)
    try:
        with _quiet():
            lazy = nw.from_native(frame).lazy()
            schema = lazy.collect_schema()
    except (TypeError, ValueError, AttributeError):
        must = "a lazy frame or a data frame that narwhals takes"
        raise _validate.complaint("frame", must, _validate.shown(frame)) from None
    for argument, name in columns._asdict().items():
        if name is not None:
            check_column(argument, name, text_names(schema.names()))
    if weight is not None and not schema[weight].is_numeric():
        raise _validate.complaint("weight", "a column of numbers", f"one of {schema[weight]}")
    found, times = _counted(lazy, columns._replace(annotator=None), mapping)
    return Counted(found, times, lazy, columns, mapping)


def _counted(
    lazy: Any, columns: _Columns, mapping: Mapping[Any, Any] | None
) -> tuple[Comparisons, Integers]:
    """Return each annotator, prompt, pair and choice once, and how many rows have them."""
    annotator, prompt = columns.annotator, columns.prompt
    try:
        with _quiet():
            times, total, *others = _free_names(4, lazy.collect_schema().names())
            table = _grouped(lazy, columns, times, total, *others).collect()
    except Exception as error:  # of whatever counts
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"'frame' cannot be counted: {reason}") from None
    whole = Frame(table, times)
    people = People.of(whole, annotator, prompt, None, total)
    found, rows = pairs(whole, columns.first, columns.second, columns.choice, people, mapping)
    assert whole.times is not None
    names = [name for name in COLUMNS if name in found]
    order = np.lexsort([found[name] for name in names])  # whatever counts gives any order
    found |= {name: found[name][order] for name in names}
    return Comparisons(**found), whole.times[rows[order]]


def _grouped(lazy: Any, columns: _Columns, times: str, total: str, kind: str, alone: str) -> Any:
    """Return each annotator, prompt, pair and choice once, with its rows and their weight."""
    import narwhals as nw

    annotator, weight = columns.annotator, columns.weight
    keys = list(dict.fromkeys(name for name in columns[:-1] if name is not None))
    if weight is None:
        counted = lazy.group_by(keys).agg(nw.len().alias(times))
        return counted.with_columns(nw.col(times).cast(nw.Float64).alias(total))
    value = nw.col(weight).cast(nw.Float64)
    lazy = lazy.with_columns(_kind_of(value, lazy, weight).alias(kind))
    keys.append(kind)
    if annotator is not None:  # rows of an unknown annotator are not added up
        unknown = _is_missing(lazy, annotator) & (nw.col(kind) == USUAL)
        lazy = lazy.with_columns(nw.when(unknown).then(value).otherwise(0.0).alias(alone))
        keys.append(alone)
    lazy = lazy.with_columns(value.alias(total))
    counted = lazy.group_by(keys).agg(nw.len().alias(times), nw.col(total).sum())
    known = nw.when(nw.col(kind) != MISSING).then(nw.col(total)).otherwise(float("nan"))
    return counted.with_columns(known.alias(total))


def _is_missing(lazy: Any, name: str) -> Any:
    """Return the expression for what `factorised` takes for missing."""
    import narwhals as nw

    column, kind = nw.col(name), lazy.collect_schema()[name]
    if kind.is_float():
        return column.is_null() | column.is_nan()
    if isinstance(kind, nw.String | nw.Categorical | nw.Enum):
        return column.is_null() | (column.cast(nw.String) == "")
    return column.is_null()


def _kind_of(value: Any, lazy: Any, weight: str) -> Any:
    """Return the expression for the kind of a weight."""
    import narwhals as nw

    bad = (value < 0.0) | (value == float("inf"))
    usual = nw.when(bad).then(nw.lit(BAD)).otherwise(nw.lit(USUAL))
    some = nw.when(value == 0.0).then(nw.lit(ZERO)).otherwise(usual)
    return nw.when(_is_missing(lazy, weight)).then(nw.lit(MISSING)).otherwise(some)


def _free_names(count: int, taken: list[str]) -> list[str]:
    """Return names that no column has."""
    longest = max(map(len, taken), default=0)
    return [f"{'_' * longest}{i}" for i in range(count)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide a warning that is for narwhals' users, which ours need not be."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Dask support is moving", FutureWarning)
        yield

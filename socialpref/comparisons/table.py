"""Comparisons: who preferred what to what; simulated from populations, or read from a table.

One row is one label that one annotator gave. Which further columns there are says what a method
can know: none (anonymous), the annotator (linked comparisons), the type, or the panel, a group of
annotators, one of each type, who all label the same pair.
"""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from .._files import results_folder
from ..errors import DataError, InputError
from ..limits.method import Information
from .counts import Cells, add_up

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
INFORMATION: tuple[Information, ...] = ("anonymous", "linked", "typed", "panel")
METADATA = b"socialpref"
"""Where the sizes are kept in a Parquet file."""


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Labels of pairs of options, one row each.

    Parameters
    ----------
    prompt, first, second : array_like of int, shape (n,)
        Which prompt, and which two options.
    label : array_like, shape (n,)
        1 if the first was preferred, 0 if the second.
    n_prompts, n_options : int
        How many prompts there are, and how many options each has.
    annotator, annotator_type, panel : array_like of int, shape (n,), optional
        Who gave the label, of which type the annotator is, and to which panel it belongs.

    Raises
    ------
    InputError
        If columns differ in length, a label is neither 0 nor 1, an index is out of range, or an
        annotator has two types.

    Examples
    --------
    >>> from socialpref.comparisons import Comparisons
    >>> rows = Comparisons([0, 0], [0, 1], [1, 2], [1, 0], 1, 3, annotator=[7, 7])
    >>> len(rows), rows.information
    (2, 'linked')
    """

    prompt: Integers
    first: Integers
    second: Integers
    label: NDArray[np.int8]
    n_prompts: int
    n_options: int
    annotator: Integers | None = None
    annotator_type: Integers | None = None
    panel: Integers | None = None

    def __post_init__(self) -> None:
        X = _validate.integer("n_prompts", self.n_prompts, 1)
        K = _validate.integer("n_options", self.n_options, 2)
        object.__setattr__(self, "n_prompts", X)
        object.__setattr__(self, "n_options", K)
        limits = {"prompt": X, "first": K, "second": K}
        labels = _validate.any_array("label", self.label, "a one-dimensional array of 0 and 1")
        if labels.ndim != 1 or not len(labels):
            must = "a one-dimensional array of at least one number"
            raise _validate.complaint("label", must, f"shape {labels.shape}")
        right = (labels == 0) | (labels == 1)
        if not right.all():
            raise _validate.complaint("label", "0 or 1", f"{labels[~right][0]:g} among them")
        object.__setattr__(self, "label", labels.astype(np.int8))
        for name in ("prompt", "first", "second", "annotator", "annotator_type", "panel"):
            values = getattr(self, name)
            if values is None and name not in limits:
                continue
            must = f"{len(labels)} integers, one for each label"
            array = integers(name, values, must)
            if array.shape != labels.shape:
                raise _validate.complaint(name, must, f"shape {array.shape}")
            high = limits.get(name, np.inf)
            if array.min() < 0 or array.max() >= high:
                wrong = array[(array < 0) | (array >= high)][0]
                must = f"in 0..{high - 1}" if name in limits else "non-negative"
                raise _validate.complaint(name, must, f"{wrong} among them")
            object.__setattr__(self, name, array)
        self._check_types()

    def _check_types(self) -> None:
        """Refuse an annotator of two types."""
        if self.annotator is None or self.annotator_type is None:
            return
        order = np.lexsort((self.annotator_type, self.annotator))
        who, types = self.annotator[order], self.annotator_type[order]
        torn = np.flatnonzero((who[1:] == who[:-1]) & (types[1:] != types[:-1]))
        if len(torn):
            at = torn[0]
            raise _validate.complaint(
                "annotator_type",
                "one for each annotator",
                f"types {types[at]} and {types[at + 1]} for annotator {who[at]}",
            )

    def __len__(self) -> int:
        return len(self.label)

    @property
    def information(self) -> Information:
        """What the columns tell: "panel", "linked", "typed" or "anonymous", the first that fits."""
        known: dict[Information, Integers | None]
        known = {"panel": self.panel, "linked": self.annotator, "typed": self.annotator_type}
        return next((name for name, column in known.items() if column is not None), "anonymous")

    def take(self, rows: ArrayLike) -> Self:
        """Return some of the rows, by number or by a mask."""
        chosen = np.asarray(rows)
        mask = chosen.dtype == bool
        if not mask:
            chosen = integers("rows", rows, "a mask, or numbers of rows")
        wrong = chosen.shape != (len(self),) if mask else (chosen < 0) | (chosen >= len(self))
        if chosen.ndim != 1 or np.any(wrong):
            must = f"a mask of {len(self)} rows, or their numbers in 0..{len(self) - 1}"
            raise _validate.complaint("rows", must, _validate.shown(rows))
        columns = {
            f.name: getattr(self, f.name)[chosen]
            for f in fields(self)
            if isinstance(getattr(self, f.name), np.ndarray)
        }
        return replace(self, **columns)

    def cells(self, *, merged: bool = True) -> Cells:
        """Return the labels added up by prompt and pair, or one by one.

        Parameters
        ----------
        merged : bool
            False for a row for each label, as minibatches need.

        Raises
        ------
        InputError
            If no two different options were compared.
        """
        return self._added(self.label == 1, self.label == 0, 1, merged=merged)

    def unanimous_cells(self, *, merged: bool = True) -> Cells:
        """Return the panels added up by prompt and pair, or one by one.

        Parameters
        ----------
        merged : bool
            False for a row for each panel.

        Raises
        ------
        InputError
            If there is no panel column, or as for `panels`.
        """
        rows, labels = self.panels()
        wins, losses = labels.min(1) == 1, labels.max(1) == 0
        return rows._added(wins, losses, labels.shape[1], merged=merged)

    def _added(
        self, wins: NDArray[np.bool_], losses: NDArray[np.bool_], n_labels: int, *, merged: bool
    ) -> Cells:
        columns = (self.prompt, self.first, self.second)
        sizes = (self.n_prompts, self.n_options)
        return add_up(columns, sizes, wins, losses, n_labels, merged=merged)

    def panels(self) -> tuple[Self, NDArray[np.bool_]]:
        """Return one row for each panel, and its labels, shape (panels, labels of each).

        Raises
        ------
        InputError
            If there is no panel column, a panel has not as many labels as the others, or its
            labels are not of the same pair.
        """
        if self.panel is None:
            raise _validate.complaint("panel", "known for the agreement-only loss", "None")
        order = np.argsort(self.panel, kind="stable")
        _, sizes = np.unique(self.panel, return_counts=True)
        if np.ptp(sizes):
            raise InputError(
                f"'panel' must have a label of every type; the largest has {sizes.max()}, and "
                f"{(sizes < sizes.max()).sum()} of {len(sizes)} panels have fewer."
            )
        table = order.reshape(-1, sizes[0])
        for name in ("prompt", "first", "second"):
            column = getattr(self, name)[table]
            if (column != column[:, :1]).any():
                raise InputError(
                    f"'panel' must be of one pair; the labels of one differ in {name}."
                )
        if (
            self.annotator_type is not None
            and (np.diff(np.sort(self.annotator_type[table]), axis=0) != 0).any()
        ):
            raise InputError("'panel' must have the same types of annotators in every panel.")
        return self.take(table[:, 0]), self.label[table].astype(bool)

    def annotators(self) -> tuple[Integers, int]:
        """Return each row's annotator, numbered from 0, and how many there are.

        Raises
        ------
        InputError
            If annotators are unknown, or one of them gave a single label.
        """
        if self.annotator is None:
            raise _validate.complaint("annotator", "known for linked comparisons", "None")
        _, who, counts = np.unique(self.annotator, return_inverse=True, return_counts=True)
        if (counts < 2).any():
            raise InputError(
                f"'annotator' must link at least 2 comparisons each; {(counts < 2).sum()} of "
                f"{len(counts)} annotators have one."
            )
        return who, len(counts)

    def annotators_by_type(self) -> NDArray[np.int64]:
        """Return how many annotators each type has; how many labels, if annotators are unknown.

        Raises
        ------
        InputError
            If types are unknown, or not numbered from 0 without gaps.
        """
        if self.annotator_type is None:
            raise _validate.complaint("annotator_type", "known for reward averaging", "None")
        types = self.annotator_type
        if self.annotator is not None:
            types = types[np.unique(self.annotator, return_index=True)[1]]
        counts = np.bincount(types)
        if not counts.all():
            must = "numbered from 0 without gaps"
            raise _validate.complaint("annotator_type", must, f"none of {counts.argmin()}")
        return counts

    def save(self, path: str | Path) -> None:
        """Write a Parquet file; it appears whole or not at all.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        target = Path(path)
        columns, sizes = {}, {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                columns[field.name] = value
            elif value is not None:
                sizes[field.name] = int(value)
        table = pa.table(columns).replace_schema_metadata({METADATA: json.dumps(sizes)})
        with results_folder(target.parent) as folder:
            pq.write_table(table, folder / target.name)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If there is no such file, or it does not hold comparisons.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
            sizes = json.loads((table.schema.metadata or {})[METADATA])
            columns: dict[str, Any] = {n: table[n].to_numpy() for n in table.column_names}
            return cls(**columns, **sizes)
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: not a file of comparisons: {reason}") from None


def integers(name: str, values: Any, must: str) -> Integers:
    """Return integers of any shape; 1.0 and True are refused."""
    _validate.any_array(name, values, must)
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise _validate.complaint(name, must, f"an array of {array.dtype}")
    return np.array(array)


def places(name: str, values: Any, size: int) -> Integers:
    """Return integers in 0..size - 1, of any shape."""
    must = f"integers in 0..{size - 1}"
    numbers = integers(name, values, must)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= size):
        raise _validate.complaint(name, must, _validate.shown(values))
    return numbers

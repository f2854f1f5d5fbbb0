"""What the losses read of a data set beside its texts, and the checks of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset, IterableDataset

from .. import _validate
from ..errors import InputError

REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")
"""The columns that TRL adds where it computes the reference's log-probabilities in advance."""

Check = Callable[[str, Any], object]


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) and not (isinstance(value, list) and value):
        raise _validate.complaint(name, "a text, or a list of messages", _validate.shown(value))


def _label(name: str, value: Any) -> None:
    _validate.number(name, value, 0.0, 1.0)


def _joint(name: str, moments: Any) -> None:
    """Refuse values that are not ``E p^2``, ``E p (1 - p)`` and ``E (1 - p)^2`` of one pair."""
    must = "three numbers a, b and c with a + 2 b + c = 1"
    if not isinstance(moments, list | tuple) or len(moments) != 3:
        raise _validate.complaint(name, must, _validate.shown(moments))
    a, b, c = (_validate.number(name, moment, 0.0, 1.0) for moment in moments)
    if abs(a + 2.0 * b + c - 1.0) > _validate.SUM_TOLERANCE:
        raise _validate.complaint(name, must, _validate.shown(moments))


def _weight(name: str, value: Any) -> None:
    _validate.number(name, value, 0.0, above=True)


def _known_or_not(name: str, value: Any) -> None:
    _validate.integer(name, value, -1)


def _size(name: str, value: Any) -> None:
    _validate.integer(name, value, 1)


COLUMNS: Mapping[str, Check] = {
    "label": _label,
    "joint": _joint,
    "weight": _weight,
    "n_labels": _size,
    "annotator": _known_or_not,
    "annotator_type": _known_or_not,
    "pseudo_label": _validate.number,
    "pseudo_weight": _weight,
}
"""Each column that is read beside the texts, with its check."""
TEXTS = ("prompt", "chosen", "rejected")
NUMBERS = ("annotator", "annotator_type")
"""Columns that name somebody; all others are quantities."""


@dataclass
class Collator:
    """A collator that also passes on the columns that the losses read."""

    texts: Callable[[list[dict[str, Any]]], dict[str, Any]]

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the batch of TRL's collator, with a tensor for each further column."""
        batch = self.texts(examples)
        for name in COLUMNS:
            if name in examples[0]:
                values = torch.tensor([example[name] for example in examples])
                batch[name] = values.long() if name in NUMBERS else values.float()
        return batch


def first_row(dataset: Any, name: str) -> dict[str, Any]:
    """Return the first row of a data set, which must have one."""
    for row in dataset:
        return dict(row)
    raise _validate.complaint(f"{name} data set", "one of at least one row", "none")


def panel_size(first: dict[str, Any], given: int | None) -> int | None:
    """Return how many labels each row stands for: what was given, or the train data's column."""
    if "n_labels" not in first or given is not None:
        return given
    return _validate.integer("n_labels in row 0 of the train data set", first["n_labels"], 1)


def checked(dataset: Any, name: str, n_labels: int | None) -> Any:
    """Return a data set whose columns are checked, a stream's as it is read.

    If its rows are panels, of `n_labels` labels, those whose labels differ are left out. Its rows
    are plain Python values: TRL joins lists of tokens, and would add arrays.
    """
    must = "a datasets.Dataset or IterableDataset"
    _validate.instance(f"{name} data set", dataset, (Dataset, IterableDataset), must)
    dataset = dataset.with_format(None)
    first = first_row(dataset, name)
    columns = [column for column in COLUMNS if column in first]
    texts = [column for column in TEXTS if column in first]
    if not {"chosen", "rejected"} <= set(texts):
        must = "one with the columns 'chosen' and 'rejected'"
        raise _validate.complaint(f"{name} data set", must, f"the columns {list(first)}")
    if any(column in first for column in REFERENCE):
        must = f"without the columns {' and '.join(REFERENCE)}, which the trainer adds"
        raise _validate.complaint(f"{name} data set", must, "one that has them")
    if "n_labels" in first and n_labels is None:
        must = "without a column 'n_labels', as the train data set is"
        raise _validate.complaint(f"{name} data set", must, "one that has it")
    if "weight" in first and isinstance(dataset, IterableDataset):
        must = "without a column 'weight', since the mean weight of a stream is not known"
        raise _validate.complaint(f"{name} data set", must, "one that has it")

    def check(row: dict[str, Any], number: int) -> bool:
        """Check a row; return whether it is used."""
        where = f"row {number} of the {name} data set"
        found = [column for column in COLUMNS if column in row]
        if found != columns:
            raise InputError(f"{where} has the columns {found}; the first row has {columns}")
        for column in texts:
            _text(f"{column} in {where}", row.get(column))
        for column in columns:
            COLUMNS[column](f"{column} in {where}", row[column])
        return n_labels is None or _agrees(row, n_labels, where)

    if not isinstance(dataset, Dataset):
        return dataset.filter(check, with_indices=True)
    rows = dataset.select_columns([*texts, *columns])
    used = [number for number, row in enumerate(rows) if check(row, number)]
    if not used:
        must = "one of at least one panel whose labels agree"
        raise _validate.complaint(f"{name} data set", must, "none")
    return dataset if len(used) == len(dataset) else dataset.select(used)


def _agrees(row: dict[str, Any], n_labels: int, where: str) -> bool:
    """Return whether a panel's labels are all alike."""
    size = row.get("n_labels", n_labels)
    if size != n_labels:
        raise _validate.complaint(f"n_labels in {where}", f"{n_labels}, as elsewhere", size)
    label = row.get("label", 1.0)
    if abs(label * n_labels - round(label * n_labels)) > _validate.SUM_TOLERANCE:
        must = f"the share of the {n_labels} labels of a panel, a multiple of 1/{n_labels}"
        raise _validate.complaint(f"label in {where}", must, _validate.shown(label))
    return round(label * n_labels) in (0, n_labels)


def weights_of_mean_one(dataset: Any) -> Any:
    """Return a data set whose column ``weight``, if it has one, is divided by its mean."""
    if not isinstance(dataset, Dataset) or "weight" not in dataset.column_names:
        return dataset
    weights = dataset.with_format("numpy")["weight"][:]
    mean = float(weights.mean())
    return dataset.map(lambda row: {"weight": row["weight"] / mean})

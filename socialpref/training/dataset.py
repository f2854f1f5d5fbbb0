"""Comparisons as a torch dataset."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import TensorDataset

from .. import _validate
from ..comparisons.table import Comparisons


def dataset_of(comparisons: Comparisons) -> TensorDataset:
    """Return a torch dataset with one item for each row, annotator or panel.

    Parameters
    ----------
    comparisons : Comparisons

    Returns
    -------
    TensorDataset
        Items are (prompt, first, second, label), and the weight if rows have weights. If all
        annotators made equally many linked comparisons, an item holds those of one annotator, in
        tensors of shape (comparisons,). An item of panels holds one panel, whose label is a vector
        with one entry for each annotator.

    Raises
    ------
    InputError
        If it is not `Comparisons`, or as for `Comparisons.panels`.

    Examples
    --------
    >>> from socialpref.comparisons import simulate
    >>> from socialpref.examples import mediocre_winner
    >>> from socialpref.training import dataset_of
    >>> data = dataset_of(simulate(mediocre_winner(), 10, "linked"))
    >>> len(data), data[0][3].shape
    (5, torch.Size([2]))
    """
    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    rows = comparisons
    label = rows.label
    if rows.panel is not None:
        rows, label = rows.panels()
    columns: list[NDArray[Any]] = [rows.prompt, rows.first, rows.second, label]
    if rows.weight is not None:
        columns.append(rows.weight)
    if rows.information == "linked":
        who, count = rows.annotators()
        if len(who) % count == 0 and (np.bincount(who) == len(who) // count).all():
            table = np.argsort(who, kind="stable").reshape(count, -1)
            columns = [column[table] for column in columns]
    tensors = [torch.as_tensor(np.ascontiguousarray(column)) for column in columns]
    places, answers = tensors[:3], tensors[3:]
    kind = torch.get_default_dtype()
    return TensorDataset(*(p.long() for p in places), *(a.to(kind) for a in answers))

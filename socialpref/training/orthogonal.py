"""The training of the orthogonal loss, with cross-fitted heads."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from .. import _validate
from ..comparisons.counts import Cells, add_up
from ..comparisons.people import people_by_type
from ..comparisons.table import Comparisons
from ..estimators.orthogonal import pseudo_labels
from ..limits.orthogonal import Orthogonal
from .exact import Fit
from .learning import Fitting, Floats, train
from .objectives import Batch, Objective


def to_pseudo_labels(values: Floats, weights: Floats) -> Objective:
    """Return the objective of squared distances to pseudo-labels, in the order of the cells."""
    targets, precision = torch.as_tensor(values), torch.as_tensor(weights / weights.mean())

    def objective(margin: Tensor, batch: Batch) -> Tensor:
        counted = batch.weight * precision.to(margin)
        return (counted * (margin - targets.to(margin)) ** 2).sum() / (2.0 * batch.weight.sum())

    return objective


@train.register
def _orthogonal(method: Orthogonal, fitting: Fitting) -> Fit:
    """Fit heads to the other folds' labels, then the policy to the pseudo-labels."""
    if isinstance(fitting.data, Comparisons):
        return _on_comparisons(method, fitting, fitting.data)
    parts, people = fitting.by_type()
    known = [part for part in parts if part is not None]
    heads = [fitting.of(part) for part in known]
    cells = fitting.cells(method.information)
    labels = np.array([part.wins / part.total for part in known]).T
    gaps = np.stack([_gaps(head, cells) for head in heads], axis=1)
    found = pseudo_labels(labels, gaps, shares=method.weights(people))
    weights = found.weights if method.weighted else np.ones(len(found.weights))
    return _policy(fitting, cells, found.values, weights, heads)


def _on_comparisons(method: Orthogonal, fitting: Fitting, data: Comparisons) -> Fit:
    rows, places = data.by_type()
    apart = rows.first != rows.second
    if not apart.any():
        raise _validate.complaint("second", "another option than 'first'", "the same always")
    rows, places = rows.take(apart), places[apart]
    given, labels = places >= 0, np.where(places >= 0, data.label[places], np.nan)
    people = np.ones(labels.shape[1]) if data.panel is not None else people_by_type(data)
    shares = method.weights(people / people.sum())
    silent = (shares > 0.0) & ~given.any(axis=0)
    if silent.any():
        must = "known for some annotator of each type that has a share"
        raise _validate.complaint("annotator_type", must, f"none of type {silent.argmax()}")
    counts = np.ones(len(rows)) if rows.weight is None else rows.weight
    fold = np.random.default_rng(0).permutation(np.arange(len(rows)) % method.n_folds)
    gaps, heads = np.zeros(labels.shape), []
    begin: dict[int, Floats] = {}  # folds have nearly the same heads
    for part in range(method.n_folds):
        for u in np.flatnonzero(shares).tolist():
            others = (fold != part) & given[:, u]
            columns = rows.prompt[others], rows.first[others], rows.second[others]
            said = labels[others, u]
            cells = add_up(columns, fitting.size, said, 1.0 - said, counts[others], 1, merged=True)
            cells = cells._replace(available=fitting.available)
            heads.append(fitting.of(cells, start=begin.get(u)))
            begin[u] = heads[-1].rewards
            gaps[fold == part, u] = _gaps(heads[-1], rows)[fold == part]
    found = pseudo_labels(labels, gaps, shares=shares)
    weights = found.weights if method.weighted else np.ones(len(found.weights))
    return _policy(fitting, *_merged(rows, counts, found.values, weights), heads)


def _gaps(head: Fit, rows: Comparisons | Cells) -> Floats:
    """Return a head's gap of each row's pair."""
    x = rows.prompt
    return np.asarray(head.rewards[x, rows.first] - head.rewards[x, rows.second])


def _merged(
    rows: Comparisons, counts: Floats, values: Floats, weights: Floats
) -> tuple[Cells, Floats, Floats]:
    """Return the cells of rows with their mean pseudo-labels and weights."""
    cells, size = rows.cells(), rows.n_options
    low, high = np.minimum(rows.first, rows.second), np.maximum(rows.first, rows.second)
    _, cell = np.unique((rows.prompt * size + low) * size + high, return_inverse=True)
    precision = counts * weights
    total = np.bincount(cell, precision)
    turned = np.where(rows.first == low, values, -values)
    return cells, np.bincount(cell, precision * turned) / total, total / np.bincount(cell, counts)


def _policy(
    fitting: Fitting, cells: Cells, values: Floats, weights: Floats, heads: list[Fit]
) -> Fit:
    fit = fitting.of(cells, to_pseudo_labels(values, weights))
    return replace(
        fit,
        residual=max(one.residual for one in (fit, *heads)),
        iterations=sum(one.iterations for one in (fit, *heads)),
    )

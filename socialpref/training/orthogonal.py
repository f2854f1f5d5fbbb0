"""The training of the orthogonal loss, with cross-fitted heads."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from .. import _validate
from ..comparisons.counts import Cells
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
    shares = method.weights(people)
    cells = fitting.cells(method.information)
    known = [part for part in parts if part is not None]
    heads = [fitting.of(part) for part in known]
    labels = np.array([part.wins / part.total for part in known]).T
    return _policy(method, fitting, cells, labels, _gaps(cells, heads), heads, shares)


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
    fold = np.random.default_rng(0).permutation(np.arange(len(rows)) % method.n_folds)
    cells = rows.cells(merged=False)
    gaps, heads = np.zeros(labels.shape), []
    for part in range(method.n_folds):
        for u in np.flatnonzero(shares):
            others = (fold != part) & given[:, u]
            head = fitting.of(replace(rows.take(others), label=labels[others, u]).cells())
            gaps[fold == part, u] = _gaps(cells, [head])[fold == part, 0]
            heads.append(head)
    return _policy(method, fitting, cells, labels, gaps, heads, shares)


def _gaps(cells: Cells, heads: list[Fit]) -> Floats:
    """Return the heads' gaps of the cells' pairs, (n, T)."""
    x, y, z = cells.prompt, cells.first, cells.second
    return np.stack([head.rewards[x, y] - head.rewards[x, z] for head in heads], axis=1)


def _policy(
    method: Orthogonal,
    fitting: Fitting,
    cells: Cells,
    labels: Floats,
    gaps: Floats,
    heads: list[Fit],
    shares: Floats,
) -> Fit:
    found = pseudo_labels(labels, gaps, shares=shares)
    weights = found.weights if method.weighted else np.ones(len(found.weights))
    fit = fitting.of(cells, to_pseudo_labels(found.values, weights))
    return replace(
        fit,
        residual=max(one.residual for one in (fit, *heads)),
        iterations=sum(one.iterations for one in (fit, *heads)),
    )

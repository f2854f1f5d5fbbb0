"""Comparisons of texts as data sets for TRL's trainers, with what each loss needs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from .._extras import require
from ..comparisons.choice import choose_classes
from ..comparisons.classes import ClassMixture, fit_latent_classes
from ..comparisons.features import (
    FeatureClasses,
    choose_feature_classes,
    fit_feature_classes,
    recurrence,
)
from ..comparisons.people import People, people_by_type
from ..comparisons.table import Comparisons
from ..errors import InputError
from ..estimators import pseudo_labels
from ..limits.method import Information
from ..links import log_logistic
from ..training.learning import warn_without_evidence

if TYPE_CHECKING:
    from datasets import Dataset

    from ..training import JointLikelihood

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]
FOLDS = 5
"""Parts of the annotators for the pseudo-labels: the types' rewards are learned from the others."""
RIDGE = 0.1
"""Precision of the prior of the types' rewards there. It is weak: pseudo-labels are biased by the
square of what a prior takes from large rewards."""


def to_dataset(
    comparisons: Comparisons,
    information: Information = "anonymous",
    *,
    joint: "JointLikelihood | FeatureClasses | None" = None,
    conversational: bool = False,
    seed: int = 0,
) -> "Dataset":
    """Return comparisons of texts as a data set that TRL's preference trainers take.

    Parameters
    ----------
    comparisons : Comparisons
        The names of its options are the texts, those of its prompts the prompts.
    information : {"anonymous", "linked", "typed", "panel"}
        What of the annotators is used, and so for which loss the data set is: "anonymous" for
        `dpo`; "linked" for `corrected`, which needs ``joint``; "typed" for a reward model of each
        type, and for `orthogonal_loss`; "panel" for `agreement_only`.
    joint : JointLikelihood or FeatureClasses, optional
        For "linked" only: of these prompts and options, such as a `ClassMixture`, or of these
        features. If omitted, it is learned from the comparisons, with as many latent classes as
        predict annotators who were left out.
    conversational : bool
        Whether prompts and texts are messages of a user and an assistant, to which the trainer
        applies the model's chat template. Otherwise they are plain texts, which are joined as
        they are.
    seed : int
        Of the choice of classes, and of the parts of annotators for the pseudo-labels.

    Returns
    -------
    datasets.Dataset
        Columns ``prompt``, ``chosen`` and ``rejected``; ``label``, the probability that the chosen
        text is preferred, at least 1/2; ``weight``, if rows have weights. Comparisons of a text
        with itself are left out. Further columns

        - of "linked": ``annotator``, and ``joint``, that one annotator prefers the chosen text
          twice, once and then not, and never. Rows of unknown annotators are left out.
        - of "typed": ``annotator_type``, and ``pseudo_label`` and ``pseudo_weight`` where the
          types' rewards can be learned, because options recur or have features. Rows of unknown
          types are left out.
        - of "panel": ``n_labels``. There is a row for each panel whose labels all agree; the
          others are left out.

    Raises
    ------
    InputError
        If options have no names, the comparisons do not tell what `information` says, `joint` is
        given for anything but "linked", or the extra ``llm`` is missing.

    Notes
    -----
    Pseudo-labels are those of `socialpref.estimators.pseudo_labels`, each label for itself: the
    type's chance to answer is its part of the labels, and shares are those of people. In full
    panels the loss of all labels is that of the panels, up to a constant. The types' rewards are
    fitted to the annotators of the other folds.

    Examples
    --------
    >>> import pandas as pd
    >>> from socialpref import Comparisons
    >>> from socialpref.llm import to_dataset
    >>> table = pd.DataFrame({"q": ["1 + 1?"], "a": [" 3"], "b": [" 2"], "choice": ["b"]})
    >>> rows = Comparisons.from_frame(table, first="a", second="b", choice="choice", prompt="q")
    >>> to_dataset(rows)[0]  # doctest: +SKIP
    {'prompt': '1 + 1?', 'chosen': ' 2', 'rejected': ' 3', 'label': 1.0}
    """
    require("llm", "to_dataset")
    from datasets import Dataset

    _validate.instance("comparisons", comparisons, Comparisons, "Comparisons")
    make = _LEVELS[_validate.choice("information", information, _LEVELS)]
    _validate.instance("conversational", conversational, bool, "True or False")
    seed = _validate.integer("seed", seed)
    if joint is not None and make is not _linked:
        must = "omitted unless 'information' is 'linked'"
        raise _validate.complaint("joint", must, _validate.shown(joint))
    if comparisons.options is None:
        raise _validate.complaint("comparisons", "with texts as the names of options", "no names")
    if conversational and comparisons.prompts is None:
        raise _validate.complaint("comparisons", "with prompts for conversations", "none")
    apart = comparisons.first != comparisons.second
    if not apart.any():
        raise _validate.complaint("second", "another option than 'first'", "the same always")
    rows, more = make(comparisons.take(apart), joint, seed)
    names = [""] * rows.n_prompts if rows.prompts is None else rows.prompts
    texts = {
        "prompt": [names[x] for x in rows.prompt],
        "chosen": _names(rows, rows.first),
        "rejected": _names(rows, rows.second),
    }
    columns: dict[str, Any] = dict(texts)
    if conversational:
        speakers = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
        for column, role in speakers.items():
            columns[column] = [[{"role": role, "content": text}] for text in texts[column]]
    columns["label"] = rows.label
    if rows.weight is not None:
        columns["weight"] = rows.weight
    return Dataset.from_dict(columns | more)


class _Level(NamedTuple):
    """Comparisons with the chosen text first, and further columns of the data set."""

    rows: Comparisons
    columns: dict[str, Any]


def _names(rows: Comparisons, options: Integers) -> list[str]:
    return [rows.name(int(x), int(y)) for x, y in zip(rows.prompt, options, strict=True)]


def _chosen_first(rows: Comparisons) -> Comparisons:
    swapped = rows.label < 0.5
    first, second = np.where(swapped, (rows.second, rows.first), (rows.first, rows.second))
    more = rows.differences
    return replace(
        rows,
        first=first,
        second=second,
        label=np.maximum(rows.label, 1.0 - rows.label),
        differences=more if more is None else np.where(swapped[:, None], -more, more),
    )


def _known(rows: Comparisons, name: str) -> Comparisons:
    """Return the rows of which a column is known."""
    column = getattr(rows, name)
    if column is None or column.max() < 0:
        raise _validate.complaint(name, "known for such a data set", "None")
    return rows.take(column >= 0)


def _anonymous(rows: Comparisons, joint: None, seed: int) -> _Level:
    return _Level(_chosen_first(rows), {})


def _linked(rows: Comparisons, joint: Any, seed: int) -> _Level:
    rows = _chosen_first(_known(rows, "annotator"))
    if joint is None:
        joint = _classes(rows, seed)
    if isinstance(joint, ClassMixture | FeatureClasses):
        if joint.n_classes > 1:
            warn_without_evidence(joint.evidence, stacklevel=4)
        p = np.exp(log_logistic(joint.gaps(rows)))
        moments = [part @ joint.shares for part in (p * p, p * (1.0 - p), (1.0 - p) ** 2)]
    else:
        if not hasattr(joint, "moments"):
            raise _validate.complaint("joint", "a joint likelihood", _validate.shown(joint))
        moments = joint.moments(rows.prompt, rows.first, rows.second)
    table = _validate.real_array("joint", moments, 2)
    if table.shape != (3, len(rows)):
        must = f"one with moments of shape (3, {len(rows)})"
        raise _validate.complaint("joint", must, f"shape {table.shape}")
    return _Level(rows, {"annotator": rows.annotator, "joint": table.T.tolist()})


def _classes(rows: Comparisons, seed: int) -> ClassMixture | FeatureClasses:
    """Return as many latent classes as predict annotators who were left out."""
    if not _has_rewards(rows):
        raise InputError(
            "'comparisons' must have features, since its texts hardly recur and have no rewards "
            "of their own (Comparisons.from_frame, features=...)."
        )
    choose = choose_classes if rows.features is None else choose_feature_classes
    return choose(rows, seed=seed).fit


def _has_rewards(rows: Comparisons) -> bool:
    """Return whether rewards can be learned: of features, or of options that recur."""
    return rows.features is not None or not recurrence(rows).is_textlike


def _typed(rows: Comparisons, joint: None, seed: int) -> _Level:
    rows = _chosen_first(_known(rows, "annotator_type"))
    assert rows.annotator_type is not None
    columns: dict[str, Any] = {"annotator_type": rows.annotator_type}
    if _has_rewards(rows):
        people = people_by_type(rows)
        alone = np.full((len(rows), len(people)), np.nan)
        alone[np.arange(len(rows)), rows.annotator_type] = rows.label
        labels = np.bincount(rows.annotator_type, rows.weight, len(people))
        found = pseudo_labels(
            alone,
            cross_fitted_heads(rows, len(people), seed),
            shares=people / people.sum(),
            answer_probability=labels / labels.sum(),
        )
        columns["pseudo_label"] = found.values
        columns["pseudo_weight"] = found.weights / found.weights.mean()
    return _Level(rows, columns)


def cross_fitted_heads(rows: Comparisons, n_types: int, seed: int) -> Floats:
    """Return each type's reward gap of each row, (n, T), learned from other annotators."""
    people, types = People.known_or_rows(rows), rows.annotator_type
    assert types is not None
    kind = np.full(people.size, -1)
    kind[people.who] = types
    order = np.random.default_rng(seed).permutation(people.size)
    fold = np.empty(people.size, dtype=np.int64)
    for u in range(n_types):
        of_type = order[kind[order] == u]
        fold[of_type] = np.arange(len(of_type)) % FOLDS
        if len(of_type) == 1:
            must = "of at least two annotators of each type, for pseudo-labels"
            raise _validate.complaint("annotator_type", must, f"one of type {u}")
    fold = fold[people.who]
    rows = replace(rows, annotator=people.who, annotator_names=None)
    fit = fit_latent_classes if rows.features is None else fit_feature_classes
    gaps = np.zeros((len(rows), n_types))
    for part in np.unique(fold):
        here = rows.take(fold == part)
        for u in np.unique(types):
            others = rows.take((fold != part) & (types == u))
            gaps[fold == part, u] = fit(others, 1, ridge=RIDGE, n_starts=1).gaps(here)[:, 0]
    return gaps


def _panel(rows: Comparisons, joint: None, seed: int) -> _Level:
    rows, labels = rows.panels()
    alike = ((labels == labels[:, :1]) & np.isin(labels, (0.0, 1.0))).all(axis=1)
    if not alike.any():
        raise _validate.complaint("panel", "of some panels whose labels all agree", "none")
    return _Level(_chosen_first(rows.take(alike)), {"n_labels": [labels.shape[1]] * alike.sum()})


_LEVELS: Mapping[str, Callable[[Comparisons, Any, int], _Level]] = MappingProxyType(
    {"anonymous": _anonymous, "linked": _linked, "typed": _typed, "panel": _panel}
)
"""What each level of information adds to the data set."""

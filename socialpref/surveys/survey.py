"""Surveys: questions from one source, and tidy tables of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validate
from ..errors import InputError
from .question import Dropped, Question

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Survey:
    """Questions from one source.

    Attributes
    ----------
    name : str
        What the survey is called.
    questions : tuple of Question
        With distinct keys.
    citation : str
        How to cite the source, with what must be said along with it.
    skipped : tuple of Dropped
        What of the source did not become a question, and why.

    Raises
    ------
    InputError
        If it has no questions, or two with the same key.
    """

    name: str
    questions: tuple[Question, ...]
    citation: str = ""
    skipped: tuple[Dropped, ...] = ()
    _index: dict[str, Question] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.questions:
            raise InputError(f"'questions' of {self.name} must not be empty.")
        keys = [question.key for question in self.questions]
        _validate.labels("keys of the questions", keys, len(keys))
        object.__setattr__(self, "_index", dict(zip(keys, self.questions, strict=True)))

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, key: str) -> Question:
        if key not in self._index:
            raise InputError(f"'question' must be a key of {self.name}; got {key!r}.")
        return self._index[key]

    def to_frame(self) -> "pd.DataFrame":
        """Return the survey as a tidy table, one row per question, group and option.

        Returns
        -------
        DataFrame
            Columns ``question, group, option, count``, or ``share`` and ``group_share`` in
            place of ``count`` where only shares are known, then ``ordinal, text, grouping,
            source``.
        """
        import pandas as pd

        return pd.concat([_frame(question) for question in self], ignore_index=True)

    @classmethod
    def from_frame(
        cls,
        frame: "pd.DataFrame",
        *,
        groups: str = "group",
        name: str = "table",
        citation: str = "",
    ) -> "Survey":
        """Build a survey from a tidy table.

        Parameters
        ----------
        frame : DataFrame
            One row per question, group and option, in columns ``question``, `groups`,
            ``option`` and ``count`` (or ``share``, with ``group_share`` if groups differ in
            size). Combinations that have no row count as 0. ``ordinal, text, grouping,
            source`` are used if present.
        groups : str
            Name of the column that holds the groups.
        name, citation : str
            As for `Survey`.

        Raises
        ------
        InputError
            If a column is missing, holds something else than it must, or a row is repeated.

        Examples
        --------
        >>> import pandas as pd
        >>> from socialpref.surveys import Survey
        >>> rows = [("Q1", "Dem", "yes", 70), ("Q1", "Dem", "no", 30), ("Q1", "Rep", "no", 50)]
        >>> frame = pd.DataFrame(rows, columns=["question", "group", "option", "count"])
        >>> Survey.from_frame(frame)["Q1"].counts
        array([[70., 30.],
               [ 0., 50.]])
        """
        value = "count" if "count" in frame.columns else "share"
        needed = ["question", groups, "option", value]
        if missing := [column for column in needed if column not in frame.columns]:
            columns = ", ".join(map(repr, frame.columns))
            raise InputError(f"the table must have a column {missing[0]!r}; it has {columns}.")
        if not len(frame):
            raise InputError("the table must have at least one row; it has none.")
        questions = (
            _question(str(key), rows, groups, value)
            for key, rows in frame.groupby("question", sort=False, dropna=False)
        )
        return cls(name, tuple(questions), citation)


def _frame(question: Question) -> "pd.DataFrame":
    import pandas as pd

    n_groups, n_options = question.choice_shares.shape
    columns: dict[str, Any] = {
        "question": question.key,
        "group": np.repeat(question.groups, n_options),
        "option": np.tile(question.options, n_groups),
    }
    if question.counts is not None:
        columns["count"] = question.counts.ravel()
    else:
        columns["share"] = question.choice_shares.ravel()
        columns["group_share"] = np.repeat(question.group_shares, n_options)
    columns["ordinal"] = np.tile(question.ordinals or [np.nan] * n_options, n_groups)
    for name in ("text", "grouping", "source"):
        columns[name] = getattr(question, name)
    return pd.DataFrame(columns)


def _question(key: str, rows: "pd.DataFrame", groups: str, value: str) -> Question:
    import pandas as pd

    for column in ("question", groups, "option"):
        if rows[column].isna().any():
            raise InputError(f"column {column!r} must not be empty; it is in a row of {key}.")
    numbers = pd.to_numeric(rows[value], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        got = rows[value].to_numpy()[~np.isfinite(numbers)][0]
        raise InputError(f"column {value!r} must hold numbers; got {got!r} in a row of {key}.")
    g, names = pd.factorize(rows[groups].astype(str))
    o, options = pd.factorize(rows["option"].astype(str))
    table = np.zeros((len(names), len(options)))
    if len(set(zip(g, o, strict=True))) < len(rows):
        raise InputError(f"rows of {key} must differ in group or option; one is repeated.")
    table[g, o] = numbers
    more: dict[str, Any] = {
        name: str(rows[name].iloc[0])
        for name in ("text", "grouping", "source")
        if name in rows and not pd.isna(rows[name].iloc[0])
    }
    more.setdefault("grouping", groups)
    if "ordinal" in rows and rows["ordinal"].notna().any():
        ordinals = np.full(len(options), np.nan)
        ordinals[o] = pd.to_numeric(rows["ordinal"], errors="coerce").to_numpy(dtype=np.float64)
        more["ordinals"] = ordinals
    if value == "count":
        return Question.from_counts(key, table, names, options, **more)
    weights = None
    if "group_share" in rows:
        weights = np.zeros(len(names))
        weights[g] = pd.to_numeric(rows["group_share"], errors="coerce").to_numpy(dtype=np.float64)
    return Question.from_shares(key, table, names, options, group_shares=weights, **more)

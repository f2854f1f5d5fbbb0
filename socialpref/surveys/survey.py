"""Surveys: questions from one source, and tidy tables of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import InputError
from .question import Dropped, Question

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


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
        _validate.instance("name", self.name, str, "a string")
        _validate.instance("questions", self.questions, (tuple, list), "a tuple of questions")
        for question in self.questions:
            _validate.instance("questions", question, Question, "a tuple of questions")
        object.__setattr__(self, "questions", tuple(self.questions))
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
        if not isinstance(key, str) or key not in self._index:
            raise _validate.complaint("question", f"a key of {self.name}", _validate.shown(key))
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
        check_frame(frame)
        _validate.instance("groups", groups, str, "the name of a column")
        value = "count" if "count" in frame.columns else "share"
        needed = ["question", groups, "option", value]
        if missing := [column for column in needed if column not in frame.columns]:
            columns = ", ".join(map(repr, frame.columns))
            raise InputError(f"the table must have a column {missing[0]!r}; it has {columns}.")
        if not len(frame):
            raise InputError("the table must have at least one row; it has none.")
        questions = (
            _question(str(key), rows, groups)
            for key, rows in frame.groupby("question", sort=False, dropna=False)
        )
        return cls(name, tuple(questions), citation)


def check_frame(frame: object, name: str = "frame") -> None:
    """Refuse a value that is not a DataFrame with distinct names of columns."""
    import pandas as pd

    _validate.instance(name, frame, pd.DataFrame, "a DataFrame")
    assert isinstance(frame, pd.DataFrame)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"columns must have distinct names; {twice!r} is there twice")


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


def _question(key: str, rows: "pd.DataFrame", groups: str) -> Question:
    import pandas as pd

    for column in ("question", groups, "option"):
        if rows[column].isna().any():
            raise InputError(f"column {column!r} must not be empty; it is in a row of {key}.")
    g, names = pd.factorize(rows[groups].astype(str))
    o, options = pd.factorize(rows["option"].astype(str))
    if len(set(zip(g, o, strict=True))) < len(rows):
        raise InputError(f"rows of {key} must differ in group or option; one is repeated.")
    # A table of several questions may know counts of some and shares of others.
    counted = "count" in rows and (rows["count"].notna().any() or "share" not in rows)
    value = "count" if counted else "share"
    numbers = _numbers(key, rows, value)
    if np.isnan(numbers).any():
        raise InputError(f"column {value!r} must hold numbers; it is empty in a row of {key}.")
    table = np.zeros((len(names), len(options)))
    table[g, o] = numbers
    more: dict[str, Any] = {
        name: str(rows[name].iloc[0])
        for name in ("text", "grouping", "source")
        if name in rows and not pd.isna(rows[name].iloc[0])
    }
    more.setdefault("grouping", groups)
    if "ordinal" in rows and rows["ordinal"].notna().any():
        more["ordinals"] = _one_for_each(key, rows, "ordinal", o, options)
    if counted:
        return Question.from_counts(key, table, names, options, **more)
    weights = None
    if "group_share" in rows and rows["group_share"].notna().any():
        weights = _one_for_each(key, rows, "group_share", g, names)
    return Question.from_shares(key, table, names, options, group_shares=weights, **more)


def _numbers(key: str, rows: "pd.DataFrame", column: str) -> Floats:
    """Return a column as floats, NaN where it is empty."""
    import pandas as pd

    filled = rows[column].notna().to_numpy()
    try:
        numbers = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=np.float64)
    except OverflowError:
        numbers = np.full(len(rows), np.inf)
    if (wrong := filled & ~np.isfinite(numbers)).any():
        got = repr(rows[column].to_numpy()[wrong][0])
        shown = got if len(got) <= 40 else f"{got[:40]}..."
        raise InputError(f"column {column!r} must hold numbers; got {shown} in a row of {key}.")
    return numbers


def _one_for_each(
    key: str, rows: "pd.DataFrame", column: str, codes: NDArray[np.intp], labels: Sequence[str]
) -> Floats:
    """Return the one number that a column has for each label, NaN where it has none."""
    numbers = _numbers(key, rows, column)
    result = np.full(len(labels), np.nan)
    for i, label in enumerate(labels):
        found = np.unique(numbers[(codes == i) & ~np.isnan(numbers)])
        if len(found) > 1:
            raise InputError(
                f"column {column!r} must say one thing of {label!r} in {key}; "
                f"it says {found[0]:g} and {found[1]:g}."
            )
        if len(found):
            result[i] = found[0]
    return result

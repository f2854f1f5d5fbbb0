"""CSV and Parquet files with one row per respondent."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ..._tables import read_table_file, reading
from ...errors import InputError
from ..survey import Survey
from .rows import Labels, listed, survey_from_rows

if TYPE_CHECKING:
    import pandas as pd


def read_respondents(
    path: str | Path,
    groups: Sequence[str],
    weight: str | None = None,
    questions: Sequence[str] | None = None,
    where: Mapping[str, str | float] | None = None,
    *,
    value_labels: Mapping[str, Labels] | None = None,
    texts: Mapping[str, str] | None = None,
    replicate_weights: Sequence[str] = (),
    drop_groups: Sequence[str] = (),
    citation: str = "",
) -> Survey:
    r"""Read a survey from a CSV or Parquet file with one row per respondent.

    Parameters
    ----------
    path : str or Path
        The file; CSV (also ``.csv.gz``) unless its name ends in ``.parquet``.
    groups, weight, questions
        As for `survey_from_rows`.
    where : mapping, optional
        Keep only the rows that have this value in this column, such as ``{"year": 2010}``.
    value_labels, texts, replicate_weights, drop_groups, citation
        As for `survey_from_rows`.

    Returns
    -------
    Survey

    Raises
    ------
    DataError
        If the file is missing, damaged or not of that form, `where` leaves no row, or
        `survey_from_rows` refuses it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from socialpref.surveys import read_respondents
    >>> text = "year,sex,Q1\n2010,1,1\n2010,1,2\n2010,2,2\n2012,2,1\n"
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "answers.csv")
    ...     _ = file.write_text(text)
    ...     survey = read_respondents(file, ["sex"], where={"year": 2010})
    >>> survey["Q1"].counts
    array([[1., 1.],
           [0., 1.]])
    """
    file = _validate.path("path", path)
    where = {} if where is None else where
    _validate.instance("where", where, Mapping, "a mapping from columns to values")
    named = [] if questions is None else listed(questions, "questions")
    used = {*listed(groups, "groups"), *named}
    with reading(file):
        frame, name = read_table_file(file), file.name
        for column, value in where.items():
            frame = frame[_equal(frame, column, value)]
            name += f", {column} = {value}"
            if not len(frame):
                raise InputError(f"'where' must leave some rows; none is left of {name}")
        return survey_from_rows(
            frame.drop(columns=list(set(where) - used)),
            groups=groups,
            weight=weight,
            questions=questions,
            value_labels=value_labels,
            texts=texts,
            replicate_weights=replicate_weights,
            drop_groups=drop_groups,
            name=name,
            citation=citation,
            source=name,
        )


def _equal(frame: "pd.DataFrame", column: str, value: str | float) -> NDArray[np.bool_]:
    """Return which rows have the value, which may be text for a column of numbers, too."""
    import pandas as pd

    check_column(frame, column)
    values = frame[column]
    if not pd.api.types.is_numeric_dtype(values):
        return (values.astype(str) == str(value)).to_numpy(bool)
    try:
        return (values == float(value)).to_numpy(bool)
    except ValueError:
        raise _validate.complaint(f"where {column}", "a number", repr(value)) from None


def check_column(frame: "pd.DataFrame", column: str) -> None:
    """Refuse a table without the column."""
    if column not in frame.columns:
        raise InputError(f"there must be a column {column!r}; there is none")

"""Files with one row per respondent: SPSS, Stata, and tables of any kind."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ..._tables import ending_of, read_table_file, reading
from ...errors import InputError
from ..missing import MissingAnswers
from ..survey import Survey
from .codebook import LABELLED_ENDINGS, Codebook, read_labelled
from .designs import DesignColumns
from .items import check_items
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
    design: DesignColumns | None = None,
    drop_groups: Sequence[str] = (),
    missing: MissingAnswers = MissingAnswers(),  # noqa: B008 - immutable
    codebook: Codebook | None = None,
    batteries: Mapping[str, Sequence[str]] | None = None,
    citation: str = "",
) -> Survey:
    r"""Read a survey from a file with one row per respondent.

    Parameters
    ----------
    path : str or Path
        An SPSS file (``.sav``, ``.zsav``) or a Stata file (``.dta``), with its labels and
        declared missing values; a CSV file of any usual separator and encoding (also
        ``.csv.gz``), a Parquet file, JSON lines, or the first sheet of an Excel file
        (``.xlsx``, which needs openpyxl).
    groups, weight, questions
        As for `survey_from_rows`.
    where : mapping, optional
        Keep only the rows that have this value in this column, such as ``{"year": 2010}``. With
        a design, what is kept must be a sample of its own: whole strata.
    value_labels, texts, design, drop_groups, missing, codebook, batteries, citation
        As for `survey_from_rows`. A codebook counts before what the file says itself.

    Returns
    -------
    Survey

    Raises
    ------
    DataError
        If the file is missing, damaged or not of that form, `where` leaves no row, columns
        hold rankings of items, or `survey_from_rows` refuses it.

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
    _validate.instance("design", design, (DesignColumns, type(None)), "DesignColumns or None")
    if design is not None:
        used |= {*design.strata, *design.units}
    with reading(file):
        (frame, book), name = _rows_of(file), file.name
        for column, value in where.items():
            kept = _equal(frame, column, value)
            if design is not None:
                design.check_whole(frame, kept, f"{column} = {value}")
            frame = frame[kept]
            name += f", {column} = {value}"
            if not len(frame):
                raise InputError(f"'where' must leave some rows; none is left of {name}")
        others = [*used, *where, *([] if weight is None else [weight])]
        apart = {*others, *(design.named(frame, others) if design is not None else ())}
        asked = [
            name
            for name in frame.columns
            if (name not in apart if questions is None else name in named)
        ]
        check_items(frame, asked, file.name)
        survey = survey_from_rows(
            frame.drop(columns=list(set(where) - used)),
            groups=groups,
            weight=weight,
            questions=questions,
            value_labels=value_labels,
            texts=texts,
            design=design,
            drop_groups=drop_groups,
            missing=missing,
            codebook=book if codebook is None else book.with_more(codebook),
            batteries=batteries,
            name=name,
            citation=citation,
            source=name,
        )
    return replace(survey, path=str(file))


def check_rankings(path: str | Path, groups: Sequence[str]) -> None:
    """Refuse a file of rows that rank items, whichever columns are its questions."""
    file = _validate.path("path", path)
    with reading(file), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame, _ = _rows_of(file)
        check_items(frame, [name for name in frame.columns if name not in groups], file.name)


def _rows_of(file: Path) -> tuple["pd.DataFrame", Codebook]:
    """Return the rows of a file, and what it says of them."""
    if ending_of(file) in LABELLED_ENDINGS:
        return read_labelled(file)
    return read_table_file(file), Codebook()


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

"""Ratings of items by annotators with known groups."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ... import _validate
from ..._tables import read_table_file, reading
from ...errors import InputError
from ..missing import MissingAnswers, printed
from ..survey import Survey
from .rows import listed, survey_from_rows

if TYPE_CHECKING:
    import pandas as pd
from .respondents import check_column


def read_ratings(
    path: str | Path,
    groups: Sequence[str],
    item: str,
    rating: str,
    annotator: str = "annotator",
    *,
    texts: Mapping[str, str] | None = None,
    drop_groups: Sequence[str] = (),
    missing: MissingAnswers = MissingAnswers(),  # noqa: B008 - immutable
    citation: str = "",
) -> Survey:
    r"""Read ratings in long form: each item becomes a question with the ratings as options.

    Annotators without a group are dropped, and each question says how many of its ratings went
    with them. Annotators take the place of respondents: all items are resampled together.

    Parameters
    ----------
    path : str or Path
        A CSV or Parquet file with one row per rating.
    groups : sequence of str
        Columns with the groups of annotators; several are crossed.
    item, rating, annotator : str
        Columns that say what was rated, how (a number), and by whom.
    texts, drop_groups, missing, citation
        As for `survey_from_rows`.

    Returns
    -------
    Survey
        Items that everybody rated the same are in `skipped`.

    Raises
    ------
    DataError
        If the file is missing, damaged or not of that form, an annotator is in several groups
        or has rated an item twice.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from socialpref.surveys import read_ratings
    >>> rows = ["book,annotator,party,stars", "B1,a,Dem,4", "B1,b,Rep,1", "B1,c,Rep,4"]
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "ratings.csv")
    ...     _ = file.write_text("\n".join(rows))
    ...     survey = read_ratings(file, ["party"], "book", "stars")
    >>> survey["B1"].options, survey["B1"].counts
    (('1', '4'), array([[0., 1.],
           [1., 1.]]))
    """
    file = _validate.path("path", path)
    by = listed(groups, "groups")
    for argument, column in (("item", item), ("rating", rating), ("annotator", annotator)):
        _validate.instance(argument, column, str, "the name of a column")
    with reading(file):
        frame = read_table_file(file)
        wide = _one_row_per_annotator(frame, by, item, rating, annotator)
        survey = survey_from_rows(
            wide,
            groups=by,
            texts=texts,
            drop_groups=drop_groups,
            missing=missing,
            name=file.name,
            citation=citation,
            source=file.name,
        )
    return replace(
        survey,
        path=str(file),
        questions=tuple(
            replace(question, ordinals=tuple(map(float, question.options))) for question in survey
        ),
    )


def _one_row_per_annotator(
    frame: "pd.DataFrame", groups: Sequence[str], item: str, rating: str, annotator: str
) -> "pd.DataFrame":
    """Return one column per group and per item."""
    import pandas as pd

    for column in (*groups, item, rating, annotator):
        check_column(frame, column)
    for column in (item, annotator):
        if frame[column].isna().any():
            raise InputError(f"column {column!r} must not be empty in any row; it is in some")
    if not pd.api.types.is_numeric_dtype(frame[rating]):
        raise InputError(f"column {rating!r} must hold numbers; it holds text")
    people = frame.groupby(annotator)[list(groups)]
    several = (people.nunique(dropna=False) > 1).any(axis=1)
    if several.any():
        raise InputError(f"{annotator} {several.idxmax()!r} must be in one group; it is in several")
    if (twice := frame.duplicated([annotator, item])).any():
        who, what = frame.loc[twice, [annotator, item]].iloc[0]
        raise InputError(f"{annotator} {who!r} must rate {item} {what!r} once; it does so twice")
    ratings = frame.pivot(index=annotator, columns=item, values=rating)
    return people.first().join(ratings.rename(columns=printed))

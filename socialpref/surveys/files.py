"""Respondents, ratings and shares from files of other projects' making."""

import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..errors import InputError
from .question import Dropped, Question
from .rows import Labels, is_no_answer, listed, printed, survey_from_rows, survey_of, told_apart
from .sources import _read_csv, _reading
from .survey import Survey

if TYPE_CHECKING:
    import pandas as pd

GLOBALOPINIONQA_CITATION = (
    "GlobalOpinionQA (Durmus et al. 2023, arXiv 2306.16388), Anthropic/llm_global_opinions, "
    "CC BY-NC-SA 4.0; data: Pew Global Attitudes Survey and World Values Survey."
)
ROUNDING = 0.01
"""How far a country's published shares may be from summing to 1."""


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
    _validate.instance("where", where or {}, Mapping, "a mapping from columns to values")
    used = {*listed(groups, "groups"), *listed(questions or (), "questions")}
    with _reading(file):
        frame, name = _read_frame(file), file.name
        for column, value in (where or {}).items():
            frame = frame[_equal(frame, column, value)]
            name += f", {column} = {value}"
            if not len(frame):
                raise InputError(f"'where' must leave some rows; none is left of {name}")
        return survey_from_rows(
            frame.drop(columns=list(set(where or {}) - used)),
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


def _read_frame(file: Path) -> "pd.DataFrame":
    if file.suffix.lower() != ".parquet":
        return _read_csv(file)
    import pandas as pd

    try:
        return pd.read_parquet(file)
    except ImportError:
        raise InputError("reading Parquet files needs pyarrow, which is not installed") from None


def _equal(frame: "pd.DataFrame", column: str, value: str | float) -> NDArray[np.bool_]:
    """Return which rows have the value, which may be text for a column of numbers, too."""
    import pandas as pd

    _check_column(frame, column)
    values = frame[column]
    if not pd.api.types.is_numeric_dtype(values):
        return (values.astype(str) == str(value)).to_numpy(bool)
    try:
        return (values == float(value)).to_numpy(bool)
    except ValueError:
        raise _validate.complaint(f"where {column}", "a number", repr(value)) from None


def _check_column(frame: "pd.DataFrame", column: str) -> None:
    if column not in frame.columns:
        raise InputError(f"there must be a column {column!r}; there is none")


def read_ratings(
    path: str | Path,
    groups: Sequence[str],
    item: str,
    rating: str,
    annotator: str = "annotator",
    *,
    texts: Mapping[str, str] | None = None,
    drop_groups: Sequence[str] = (),
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
    texts, drop_groups, citation
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
    with _reading(file):
        frame = _read_frame(file)
        wide = _one_row_per_annotator(frame, by, item, rating, annotator)
        survey = survey_from_rows(
            wide,
            groups=by,
            texts=texts,
            drop_groups=drop_groups,
            name=file.name,
            citation=citation,
            source=file.name,
        )
    return replace(
        survey,
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
        _check_column(frame, column)
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


def read_globalopinionqa(path: str | Path) -> Survey:
    r"""Read GlobalOpinionQA: shares of answers by country to questions of Pew and the WVS.

    Answers such as "DK/Refused", "No answer" or "Missing" are dropped and the rest is rescaled;
    each question says which share went, on average over the countries. Countries that have no
    shares are dropped. Every country counts the same.

    There are shares only, no numbers of respondents. So there is no sampling error, no
    effective sample size and no weighting of countries by size, and the study examines every
    question however few people it was put to. Shares are rounded upstream: a share of 0 need
    not mean that nobody chose the option.

    Parameters
    ----------
    path : str or Path
        A ``.jsonl`` or ``.jsonl.gz`` file. Each line has ``question``, ``options`` and
        ``selections``: for each country the share of each option.

    Returns
    -------
    Survey
        Keys are ``G`` and the number of the line: ``G0001``, …. Lines that cannot be questions
        are in `skipped`, with the reason.

    Raises
    ------
    DataError
        If the file is missing, damaged or not of that form.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from socialpref.surveys import read_globalopinionqa
    >>> line = '''{"question": "Good?", "options": ["Yes", "No", "DK/Refused"],
    ...     "selections": {"Mexico": [0.6, 0.2, 0.2], "India": [0.5, 0.5, 0.0]}}'''
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "global.jsonl")
    ...     _ = file.write_text(line.replace("\n", ""))
    ...     survey = read_globalopinionqa(file)
    >>> survey["G0001"].groups, survey["G0001"].choice_shares
    (('Mexico', 'India'), array([[0.75, 0.25],
           [0.5 , 0.5 ]]))
    """
    file = _validate.path("path", path)
    questions, skipped = [], []
    with _reading(file):
        for number, record in _records(file):
            key = f"G{number:04}"
            try:
                questions.append(_global_question(key, record))
            except InputError as error:
                skipped.append(Dropped("variable", key, str(error), 0.0))
        return survey_of("GlobalOpinionQA", questions, GLOBALOPINIONQA_CITATION, skipped)


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the objects of a file with one JSON object per line, and the line's number."""
    unpacked: Any = gzip.open if file.suffix == ".gz" else open
    with unpacked(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                raise InputError(f"line {number} is not JSON") from None
            if not isinstance(record, dict):
                raise InputError(f"line {number} is not a JSON object")
            if missing := {"question", "options", "selections"} - set(record):
                raise InputError(f"line {number} has no {min(missing)!r}")
            yield number, record


def _global_question(key: str, record: Mapping[str, Any]) -> Question:
    if not isinstance(record["options"], list) or not isinstance(record["selections"], dict):
        raise InputError("not a list of options and shares by country")
    options = [printed(option).strip() for option in record["options"]]
    kept = [i for i, option in enumerate(options) if not is_no_answer(option)]
    if len(kept) < 2:
        raise InputError("fewer than two options are answers")
    shares: dict[str, list[float]] = {}
    dropped = []
    for country, values in record["selections"].items():
        if fault := _fault(values, len(options), kept):
            dropped.append(Dropped("group", country, fault, 0.0))
        else:
            shares[country] = [value / math.fsum(values) for value in values]
    if not shares:
        raise InputError("no country has shares")
    table = np.array(list(shares.values()))
    dropped += [
        Dropped("option", option, "no answer", float(table[:, i].mean()))
        for i, option in enumerate(options)
        if i not in kept
    ]
    labels = told_apart(options, [str(i + 1) for i in range(len(options))])
    rest = table[:, kept]
    return Question.from_shares(
        key,
        rest / rest.sum(axis=1, keepdims=True),
        list(shares),
        [labels[i] for i in kept],
        text=str(record["question"]),
        grouping="country",
        source="Pew Global Attitudes Survey or World Values Survey",
        dropped=dropped,
    )


def _fault(values: Any, size: int, kept: Sequence[int]) -> str:
    """Return why a country's shares cannot be used, if they cannot."""
    if not isinstance(values, list) or len(values) != size:
        return "not one share for each option"
    if not all(
        isinstance(value, int | float) and 0.0 <= value <= 1.0 + ROUNDING for value in values
    ):
        return "not shares"
    if not sum(values[i] for i in kept) > 0.0:
        return "no shares"
    return "" if abs(sum(values) - 1.0) <= ROUNDING else "shares do not sum to 1"

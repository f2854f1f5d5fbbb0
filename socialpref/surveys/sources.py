"""Where surveys come from: the starter set, OpinionQA's files, a table of one's own."""

import ast
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validate
from ..errors import DataError, InputError
from .question import Question
from .rows import REFUSED
from .survey import Survey

if TYPE_CHECKING:
    import pandas as pd

PEW_CITATION = (
    "Pew Research Center's American Trends Panel. The opinions expressed herein, including any "
    "implications for policy, are those of the author and not of Pew Research Center."
)
OPINIONQA_CITATION = (
    "OpinionQA (Santurkar et al. 2023) as group counts by Meister et al. "
    "(github nicolemeister/benchmarking-distributional-alignment); data: " + PEW_CITATION
)
OPINIONQA_GROUPS = {"party": "POLPARTY", "race": "RACE", "sex": "SEX"}


def read_starter(groups: str | None = None) -> Survey:
    """Return the starter set: group by option counts of real public surveys.

    Parameters
    ----------
    groups : str, optional
        Keep only the questions with this grouping, such as ``"party"`` or ``"country"``.

    Returns
    -------
    Survey
        Each question's `source` names the survey to cite.

    Raises
    ------
    InputError
        If no question has that grouping.

    Examples
    --------
    >>> from socialpref.surveys import read_starter
    >>> question = read_starter("country")["POVERTY_COUNTRY_1995"]
    >>> question.options
    ('too little', 'about right', 'too much')
    """
    import pandas as pd

    folder = files("socialpref.pew")
    with (
        (folder / "starter.csv").open() as counts,
        (folder / "starter_questions.csv").open() as about,
    ):
        frame = pd.read_csv(counts).merge(pd.read_csv(about), on="question", validate="many_to_one")
    undated = [str(y) not in s for y, s in zip(frame["year"], frame["source"], strict=True)]
    frame.loc[undated, "source"] += ", " + frame.loc[undated, "year"].astype(str)
    known = frame["grouping"].unique()
    if groups is not None:
        _validate.choice("groups", groups, sorted(known))
        frame = frame[frame["grouping"] == groups]
    citation = "Each question's survey, named in its source; compiled in data/pew/README.md."
    return Survey.from_frame(frame, name="starter set", citation=citation)


def read_table(path: str | Path, groups: str = "group") -> Survey:
    """Read a survey from a CSV file of counts.

    Parameters
    ----------
    path : str or Path
        The file; its columns are those of `Survey.from_frame`.
    groups : str
        Name of the column that holds the groups.

    Returns
    -------
    Survey

    Raises
    ------
    DataError
        If the file is missing, is not a CSV file, or not one of that form.
    """
    file = _validate.path("path", path)
    _validate.instance("groups", groups, str, "the name of a column")
    with _reading(file):
        # Everything as text, so that "01", "None" and "1.50" stay the labels they are.
        frame = _read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
        return Survey.from_frame(frame, groups=groups, name=file.name)


def read_opinionqa(path: str | Path, groups: str = "party") -> Survey:
    """Read OpinionQA's respondent counts from its files as they are upstream.

    The options are those of ``option_mapping`` in ``info.csv``; the counts are unweighted.
    Refused answers (code 99) and the group "Refused" are dropped, and each question says so.

    Parameters
    ----------
    path : str or Path
        The folder that holds ``info.csv`` and ``POLPARTY_data.json`` (or ``RACE``, ``SEX``).
    groups : {"party", "race", "sex"}
        Which types of people to tell apart. The upstream names work as well.

    Returns
    -------
    Survey

    Raises
    ------
    InputError
        If `groups` is none of these.
    DataError
        If a file is missing, truncated or not of that form.
    """
    names = OPINIONQA_GROUPS | {name: name for name in OPINIONQA_GROUPS.values()}
    folder = _validate.path("path", path)
    if not isinstance(groups, str) or groups not in names:
        must = f"one of {', '.join(map(repr, OPINIONQA_GROUPS))} for OpinionQA"
        raise _validate.complaint("groups", must, _validate.shown(groups))
    about, counts = folder / "info.csv", folder / f"{names[groups]}_data.json"
    with _reading(about):
        info = _read_csv(about)
        if missing := {"key", "option_mapping", "option_ordinal"} - set(info.columns):
            raise InputError(f"the table must have a column {min(missing)!r}")
        described = {
            str(row.key): (
                ast.literal_eval(row.option_mapping),
                ast.literal_eval(row.option_ordinal),
            )
            for row in info.itertuples()
        }
    with _reading(counts):
        answers = json.loads(counts.read_text(encoding="utf-8"))
        if not isinstance(answers, dict):
            raise InputError(f"it must hold a JSON object; it holds {type(answers).__name__}")
        grouping = next(
            name for name, upstream in OPINIONQA_GROUPS.items() if upstream == names[groups]
        )
        questions = tuple(
            _opinionqa_question(key, table, described, grouping) for key, table in answers.items()
        )
        return Survey(f"OpinionQA by {grouping}", questions, OPINIONQA_CITATION)


def _opinionqa_question(
    key: str, table: dict[str, Any], described: dict[str, tuple[Any, Any]], grouping: str
) -> Question:
    if key not in described:
        raise InputError(f"question {key} is not described in info.csv")
    if not isinstance(table, dict):
        raise InputError(f"question {key} must hold a JSON object; it holds {type(table).__name__}")
    mapping, ordinals = described[key]
    options = list(mapping.values())
    groups = [name for name in table if name not in ("MC_options", "question_text")]
    if unknown := {option for name in groups for option in table[name]} - set(options):
        raise InputError(
            f"question {key} has an option {min(unknown)!r} that info.csv does not name"
        )
    # Only options on the scale have an ordinal; they come first.
    scale = [*ordinals, *[np.nan] * (len(options) - len(ordinals))]
    question = Question.from_counts(
        key,
        [[table[name].get(option, 0.0) for option in options] for name in groups],
        groups,
        options,
        text=str(table.get("question_text", "")),
        grouping=grouping,
        source="Pew Research Center, American Trends Panel, wave " + key.rpartition("_W")[2],
        ordinals=scale,
    )
    refused = [label for code, label in mapping.items() if code == REFUSED]
    return question.without(groups=["Refused"], options=refused, reason="refused")


def _read_csv(file: Path, **options: Any) -> "pd.DataFrame":
    import pandas as pd

    try:
        # With low_memory types would depend on the number of rows.
        frame = pd.read_csv(file, low_memory=False, **options)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"it is not a CSV file: {error}") from None
    if not isinstance(frame.index, pd.RangeIndex):
        raise InputError("its rows must be as long as its header; they are longer")
    return frame


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn whatever goes wrong with a file into one `DataError` that names it."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from None
    except (EOFError, zlib.error) as error:
        raise DataError(f"{file}: not a complete gzip file ({error})") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{file}: not a complete JSON file ({error})") from None
    except InputError as error:
        raise DataError(f"{file}: {error}") from None
    except (ValueError, SyntaxError, TypeError, AttributeError) as error:
        raise DataError(f"{file}: not of the form it should have ({error})") from None

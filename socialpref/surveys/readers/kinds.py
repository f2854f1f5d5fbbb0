"""What kind of survey file a path is, by its ending and its columns."""

import re
from collections.abc import Sequence
from pathlib import Path

from ... import _validate
from ..._tables import TABLE_ENDINGS, ending_of, read_table_file, reading
from ...errors import InputError
from ..survey import VALUES
from .codebook import LABELLED_ENDINGS, names_of
from .opinionqa import OPINIONQA_GROUPS

OPINIONQA_FILES = {f"{name}_data.json" for name in OPINIONQA_GROUPS.values()}
PEW_WEIGHT = re.compile(r"WEIGHT_W\d+.*")
RATING_COLUMNS = ("item", "rating", "annotator")


def kind_of(
    path: str | Path, *, groups: bool = False, ratings: Sequence[str] = RATING_COLUMNS
) -> str:
    r"""Return the kind of survey that a file or folder holds, or say what to pass.

    Parameters
    ----------
    path : str or Path
    groups : bool
        Whether columns of groups are named: a table of other columns then has one row per
        respondent.
    ratings : sequence of str
        Columns that make a table one of ratings.

    Returns
    -------
    str
        ``"atp"``, ``"opinionqa"``, ``"globalopinionqa"``, ``"table"``, ``"ratings"`` or
        ``"respondents"``: the reader of that name reads it.

    Raises
    ------
    InputError
        If it cannot be told.
    DataError
        If the file is missing or damaged.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from socialpref.surveys import kind_of
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "answers.csv")
    ...     _ = file.write_text("question,group,option,count\n")
    ...     kind_of(file)
    'table'
    """
    file = _validate.path("path", path)
    with reading(file):
        file.stat()  # says what is wrong with a path that cannot be read
    if file.is_dir():
        return _kind_of_folder(file)
    ending = ending_of(file)
    if ending in LABELLED_ENDINGS:
        return _kind_of_labelled(file, groups)
    if ending == ".jsonl":
        return "globalopinionqa"
    if ending == ".json" and file.name in OPINIONQA_FILES:
        return "opinionqa"
    if ending in TABLE_ENDINGS:
        return _kind_of_table(file, groups, ratings)
    raise InputError(f"{file}: its ending does not say what it holds; pass --source")


def _kind_of_labelled(file: Path, groups: bool) -> str:
    """Return whether an SPSS or Stata file is a wave of Pew's, or other rows of respondents."""
    with reading(file):
        columns = names_of(file)
    if {"QKEY", "F_PARTYSUM_FINAL"} & columns and any(map(PEW_WEIGHT.fullmatch, columns)):
        return "atp"
    if not groups:
        raise InputError(
            f"{file}: for rows of respondents pass --groups with the variables that hold the "
            "groups, and --columns with those that are questions"
        )
    return "respondents"


def _kind_of_folder(folder: Path) -> str:
    is_opinionqa = (folder / "info.csv").exists()
    is_atp = any(file.suffix.lower() == ".sav" for file in folder.rglob("*"))
    if is_opinionqa and is_atp:
        raise InputError(
            f"{folder}: it holds both SPSS files and an info.csv; "
            "pass --source atp or --source opinionqa"
        )
    if not is_opinionqa and not is_atp:
        raise InputError(
            f"{folder}: there is no .sav file (Pew's panel) and no info.csv (OpinionQA) in it; "
            "pass a file"
        )
    return "opinionqa" if is_opinionqa else "atp"


def _kind_of_table(file: Path, groups: bool, ratings: Sequence[str]) -> str:
    columns = _columns(file)
    counted = {"question", "option"} <= columns and bool(set(VALUES) & columns)
    rated = set(ratings) <= columns
    if counted and rated:
        raise InputError(
            f"{file}: its columns are those of counts and of ratings; "
            "pass --source table or --source ratings"
        )
    if counted:
        return "table"
    if rated:
        return "ratings"
    if not groups:
        raise InputError(
            f"{file}: it is not a table of counts (columns question, group, option, count); "
            "for rows of respondents pass --groups with the columns that hold the groups, and "
            "--columns with those that are questions"
        )
    return "respondents"


def _columns(file: Path) -> set[str]:
    """Return the names of a table's columns."""
    with reading(file):
        return set(read_table_file(file, rows=0).columns)

"""Tables of counts or percentages by question, group and option."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ... import _validate
from ..._tables import read_table_file, reading
from ..missing import MissingAnswers
from ..survey import ROUNDING, WHOLE, Survey

if TYPE_CHECKING:
    import pandas as pd

MANY = 1e6
"""Counts of a question that add up to more are no numbers of respondents."""


def read_table(
    path: str | Path,
    groups: str = "group",
    missing: MissingAnswers = MissingAnswers(),  # noqa: B008 - immutable
) -> Survey:
    r"""Read a survey from a table of counts, shares or percentages.

    Counts that make up 99 to 101 for each group of each question, or have ``*`` or ``%`` among
    them, are taken for percentages, and fractions that make up .99 to 1.01 for shares.
    Counts that are no whole numbers, or more than a million for a question, are taken for sums
    of weights: without the numbers of respondents (column ``n``) they have no sampling error.
    A warning says so.

    Parameters
    ----------
    path : str or Path
        A CSV file of any usual separator and encoding, JSON lines, a Parquet or an Excel file.
        Its columns are those of `Survey.from_frame`.
    groups : str
        Name of the column that holds the groups.
    missing : MissingAnswers
        Which answers do not count.

    Returns
    -------
    Survey

    Raises
    ------
    DataError
        If the file is missing, damaged or not one of that form.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from socialpref.surveys import read_table
    >>> rows = ["question,group,option,percent,n", "tax,young,up,60,500", "tax,young,down,40,500"]
    >>> rows += ["tax,old,up,*,250", "tax,old,down,100,250"]
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "topline.csv")
    ...     _ = file.write_text("\n".join(rows))
    ...     survey = read_table(file)
    >>> survey["tax"].choice_shares.round(4), survey["tax"].sizes
    (array([[0.6   , 0.4   ],
           [0.0025, 0.9975]]), array([500., 250.]))
    """
    file = _validate.path("path", path)
    _validate.instance("groups", groups, str, "the name of a column")
    with reading(file):
        # Everything as text, so that "01", "None" and "1.50" stay the labels they are.
        frame = read_table_file(file, text=True)
        frame = _as_meant(frame, groups, file.name)
        survey = Survey.from_frame(frame, groups=groups, name=file.name, missing=missing)
    return replace(survey, path=str(file))


def _renamed(frame: "pd.DataFrame", meant: str, what: str) -> "pd.DataFrame":
    """Return a table whose counts are shares or percentages, with a warning."""
    kind = {"percent": "percentages", "share": "shares"}[meant]
    warnings.warn(
        f"{what} are taken for {kind}; a column n can give the numbers of respondents",
        stacklevel=3,
    )
    return frame.rename(columns={"count": meant})


def _as_meant(frame: "pd.DataFrame", groups: str, name: str) -> "pd.DataFrame":
    """Return a table whose counts are what they seem to be, and warn if that is no counts."""
    import pandas as pd

    if not {"question", groups, "option", "count"} <= set(frame.columns):
        return frame
    if {"share", "percent"} & set(frame.columns):
        return frame
    texts = frame["count"].astype(str).str.strip()
    if (texts == "*").any() or texts.str.endswith("%").any():
        return _renamed(frame, "percent", f"{name}: counts with * or %")
    counts = pd.to_numeric(frame["count"], errors="coerce")
    with np.errstate(over="ignore"):
        plain = np.isfinite(counts.sum()) and counts.notna().all() and (counts >= 0).all()
    if not plain:
        return frame  # whatever is wrong with the counts is said later
    cells = counts.groupby([frame["question"], frame[groups]]).sum()
    broken = bool((counts % 1 != 0).any())
    for meant, whole in WHOLE.items():
        near = (cells / whole - 1.0).abs().le(ROUNDING + 1e-9).all()
        if near and len(cells) > 1 and (broken or meant == "percent"):
            sums = f"{0.99 * whole:g} to {1.01 * whole:g}"
            return _renamed(frame, meant, f"{name}: the counts of each group add up to {sums} and")
    if "n" in frame.columns or "n_question" in frame.columns:
        return frame
    totals = counts.groupby(frame["question"]).sum()
    if totals.max() > MANY or broken:
        what = f"add up to {totals.max():.9g}" if totals.max() > MANY else "are no whole numbers"
        warnings.warn(
            f"{name}: the counts {what} and are taken for sums of weights; without a column n "
            "(respondents of each group) or n_question there are no intervals",
            stacklevel=2,
        )
        sums = counts.groupby([frame["question"], frame[groups]]).transform("sum")
        whole = counts.groupby(frame["question"]).transform("sum")
        shares = frame.assign(share=counts / sums, group_share=sums / whole)
        return shares[sums > 0].drop(columns="count")
    return frame

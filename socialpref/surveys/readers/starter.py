"""The embedded questions: the Pew table and the starter set."""

from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING

from ... import _validate
from ..survey import Survey
from .opinionqa import OPINIONQA_CITATION

if TYPE_CHECKING:
    import pandas as pd


def read_pew() -> Survey:
    """Return the Pew table: counts by party of 24 questions of the American Trends Panel.

    Half of the questions were drawn at random from those whose options have no order; the other
    half was chosen because their winner can be flipped. `Question.part` says which is which, and
    ``data/pew/README.md`` by which rule. The counts are unweighted. Texts and options are worded
    by this project; Pew's own wordings are with Pew.

    Returns
    -------
    Survey

    Examples
    --------
    >>> from socialpref.surveys import read_pew
    >>> question = read_pew()["SOCIETY_GUNS_W92"]
    >>> question.text
    'More guns in the country: good or bad for society'
    >>> question.options
    ('very good', 'rather good', 'neither', 'rather bad', 'very bad')
    """
    return Survey.from_frame(
        _embedded("pew"), pew=True, name="Pew table", citation=OPINIONQA_CITATION
    )


def read_starter(groups: str | None = None) -> Survey:
    """Return the starter set: group by option counts of real public surveys.

    The shares of countries are equal: how many people were interviewed in a country says nothing
    about how much it should count. Other groups have their shares of the respondents.

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
    frame = _embedded("starter")
    undated = [str(y) not in s for y, s in zip(frame["year"], frame["source"], strict=True)]
    frame.loc[undated, "source"] += ", " + frame.loc[undated, "year"].astype(str)
    known = frame["grouping"].unique()
    if groups is not None:
        _validate.choice("groups", groups, sorted(known))
        frame = frame[frame["grouping"] == groups]
    citation = "Each question's survey, named in its source; compiled in data/pew/README.md."
    survey = Survey.from_frame(frame, pew=True, name="starter set", citation=citation)
    counted = [q.with_shares("equal") if q.grouping == "country" else q for q in survey]
    return replace(survey, questions=tuple(counted))


def _embedded(name: str) -> "pd.DataFrame":
    """Return the counts of the Pew table or the starter set, with what each question is about."""
    import pandas as pd

    folder = files("socialpref.pew")
    counts = "starter.csv" if name == "starter" else "pew_table.csv"
    with (
        (folder / counts).open(encoding="utf-8") as table,
        (folder / f"{name}_questions.csv").open(encoding="utf-8") as about,
    ):
        return pd.read_csv(table).merge(pd.read_csv(about), on="question", validate="many_to_one")

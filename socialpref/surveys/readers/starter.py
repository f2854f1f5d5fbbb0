"""The embedded starter set."""

from dataclasses import replace
from importlib.resources import files

from ... import _validate
from ..survey import Survey


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
    survey = Survey.from_frame(frame, name="starter set", citation=citation)
    counted = [q.with_shares("equal") if q.grouping == "country" else q for q in survey]
    return replace(survey, questions=tuple(counted))

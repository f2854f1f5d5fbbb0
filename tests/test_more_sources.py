"""Respondents, ratings and published shares from files."""

import gzip
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from socialpref import DataError, InputError
from socialpref.surveys import (
    Question,
    Survey,
    read_globalopinionqa,
    read_ratings,
    read_respondents,
    study,
    survey_from_rows,
)

Floats = NDArray[np.float64]

DATA = os.environ.get("SOCIALPREF_DATA")
real = pytest.mark.skipif(
    DATA is None, reason="SOCIALPREF_DATA does not name the folder with the real survey files"
)


def data(name: str) -> Path:
    assert DATA is not None
    return Path(DATA, name)


def answers(survey: Survey) -> list[Any]:
    """Return what a survey holds, as plain values that can be compared."""
    return [(q.key, q.groups, q.options, np.asarray(q.counts).tolist(), q.dropped) for q in survey]


# --- respondents ----------------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "year": [2010, 2010, 2010, 2010, 2012, 2012],
        "state": ["NY", "NY", "NY", "CA", "NY", "NY"],
        "sex": [1.0, 1.0, 2.0, 2.0, 1.0, 2.0],
        "w": [1.0, 2.0, 0.5, 1.0, 1.0, 1.0],
        "Q": [1.0, 2.0, 2.0, 1.0, 1.0, np.nan],
    }
)
SEX = {"sex": {1: "Male", 2: "Female"}}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    TABLE.to_csv(tmp_path / "people.csv", index=False)
    return tmp_path / "people.csv"


def test_respondents_of_a_csv_file(table: Path) -> None:
    survey = read_respondents(table, ["sex"], "w", ["Q"], value_labels=SEX, citation="me")
    question = survey["Q"]
    assert question.groups == ("Male", "Female")
    np.testing.assert_array_equal(question.counts, [[2, 2], [1, 0.5]])
    assert (survey.name, survey.citation, question.source) == ("people.csv", "me", "people.csv")


@pytest.mark.parametrize(
    ("where", "counts"),
    [
        ({"year": 2010}, [[1, 2], [1, 0.5]]),
        ({"year": "2010"}, [[1, 2], [1, 0.5]]),
        ({"year": 2010, "state": "NY"}, [[1, 2], [0, 0.5]]),
    ],
)
def test_rows_can_be_chosen(table: Path, where: dict[str, str | float], counts: Any) -> None:
    survey = read_respondents(table, "sex", "w", where=where)
    np.testing.assert_array_equal(survey["Q"].counts, counts)
    # Neither what the rows were chosen by nor text is a question.
    assert [question.key for question in survey] == ["Q"]
    assert [d.name for d in survey.skipped] == [name for name in ["state"] if name not in where]


def test_rows_chosen_differently_are_different_samples(table: Path) -> None:
    first = read_respondents(table, "sex", where={"year": 2010})["Q"]
    assert first.source == "people.csv, year = 2010"
    assert first.respondents is not None
    assert first.respondents.sample == first.source


def test_a_group_may_be_chosen_too(table: Path) -> None:
    assert read_respondents(table, "sex", where={"sex": 1})["Q"].groups == ("1",)


@pytest.mark.parametrize("name", ["people.csv.gz", "people.parquet"])
def test_other_files_with_the_same_table(table: Path, name: str) -> None:
    file = table.parent / name
    TABLE.to_parquet(file) if name.endswith("parquet") else TABLE.to_csv(file, index=False)
    settings: dict[str, Any] = {"weight": "w", "value_labels": SEX, "where": {"year": 2010}}
    expected = read_respondents(table, ["sex"], **settings)
    assert answers(read_respondents(file, ["sex"], **settings)) == answers(expected)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", None]),
            st.sampled_from([0.25, 1.0, np.nan]),
            st.sampled_from([1.0, 2.0, 3.5, 5.0, np.nan]),
        ),
        min_size=2,
        max_size=30,
    )
)
def test_a_parquet_file_holds_what_the_frame_held(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[Any, ...]]
) -> None:
    frame = pd.DataFrame(people, columns=["g", "w", "Q"])
    file = tmp_path_factory.mktemp("rows") / "rows.parquet"
    frame.to_parquet(file)
    with suppress(InputError):  # no question in it, which is not the point here
        survey = survey_from_rows(frame, groups=["g"], weight="w")
        assert answers(read_respondents(file, ["g"], "w")) == answers(survey)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": ["age"]}, "there must be a column 'age'"),
        ({"weight": "weight"}, "there must be a column 'weight'"),
        ({"questions": ["R"]}, "there must be a column 'R'"),
        ({"where": {"wave": 1}}, "there must be a column 'wave'"),
        ({"where": {"year": 1999}}, "none is left of people.csv, year = 1999"),
        ({"where": {"year": "then"}}, "'where year' must be a number; got 'then'."),
        ({"drop_groups": ["3"]}, "'drop_groups' must be among the groups '1', '2'"),
    ],
)
def test_errors_name_the_file(table: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as error:
        read_respondents(table, **{"groups": ["sex"]} | settings)
    assert str(error.value).startswith(f"{table}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_damaged_files(tmp_path: Path) -> None:
    whole = gzip.compress(TABLE.to_csv(index=False).encode())
    TABLE.to_parquet(tmp_path / "whole.parquet")
    contents = {
        "cut.csv.gz": whole[:-20],
        "plain.csv.gz": b"year,sex\n1,2\n",
        "empty.csv": b"",
        "cut.parquet": (tmp_path / "whole.parquet").read_bytes()[:-20],
        "cut.sav": b"$FL2@(#) SPSS DATA FILE",
        "text.dta": b"sex,Q\n1,2\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}: .") as error:
            read_respondents(tmp_path / name, ["sex"])
        assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="No such file"):
        read_respondents(tmp_path / "nothing.csv", ["sex"])


# --- ratings --------------------------------------------------------------------------

RATINGS = pd.DataFrame(
    [
        ("B1", "ann", "Dem", "F", 4),
        ("B1", "bob", "Rep", "M", 1),
        ("B1", "cem", "Rep", "M", 4),
        ("B1", "dee", None, "F", 2),
        ("B2", "ann", "Dem", "F", 3),
        ("B2", "bob", "Rep", "M", 2),
        ("B3", "ann", "Dem", "F", 3),
        ("B3", "bob", "Rep", "M", 3),
    ],
    columns=["book", "annotator", "party", "gender", "stars"],
)


def ratings(tmp_path: Path, frame: pd.DataFrame = RATINGS, **more: Any) -> Survey:
    frame.to_csv(tmp_path / "ratings.csv", index=False)
    settings = {"groups": ["party"], "item": "book", "rating": "stars"} | more
    return read_ratings(tmp_path / "ratings.csv", **settings)


def test_items_are_questions_and_stars_are_options(tmp_path: Path) -> None:
    survey = ratings(tmp_path, texts={"B1": "A book"})
    assert [question.key for question in survey] == ["B1", "B2"]
    question = survey["B1"]
    assert (question.groups, question.options) == (("Dem", "Rep"), ("1", "4"))
    assert (question.text, question.grouping, question.ordinals) == ("A book", "party", (1.0, 4.0))
    np.testing.assert_array_equal(question.counts, [[0, 1], [1, 1]])
    assert [(d.kind, d.name, d.reason, d.respondents) for d in question.dropped] == [
        ("group", "party", "missing", 1),
        ("option", "2", "nobody chose it", 0),
    ]
    assert [(d.name, d.reason, d.respondents) for d in survey.skipped] == [
        ("B3", "fewer than two options were chosen", 2)
    ]


def test_annotators_are_the_respondents(tmp_path: Path) -> None:
    first, second = ratings(tmp_path)
    assert first.respondents is not None
    assert second.respondents is not None
    assert len(first.respondents.weights) == 4  # ann, bob, cem, dee
    np.testing.assert_array_equal(first.respondents.groups, [0, 1, 1, -1])
    np.testing.assert_array_equal(second.respondents.options, [1, 0, -1, -1])


def test_groups_of_annotators_can_be_crossed(tmp_path: Path) -> None:
    question = ratings(tmp_path, groups=["party", "gender"])["B1"]
    assert question.groups == ("Dem + F", "Rep + M")


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"item": "film"}, "there must be a column 'film'"),
        ({}, {"annotator": "user"}, "there must be a column 'user'"),
        ({}, {"groups": ["age"]}, "there must be a column 'age'"),
        ({}, {"groups": []}, "'groups' must be at least one column"),
        ({"stars": ["good"] * 8}, {}, "column 'stars' must hold numbers; it holds text"),
        ({"book": [None] * 8}, {}, "column 'book' must not be empty"),
        ({"annotator": [None, *"bcdabab"]}, {}, "column 'annotator' must not be empty"),
        ({"party": ["Rep"] + ["Dem"] * 7}, {}, "annotator 'ann' must be in one group"),
        ({"book": ["B1"] * 8}, {}, "annotator 'ann' must rate book 'B1' once; it does so twice"),
    ],
)
def test_ratings_that_are_none(
    tmp_path: Path, change: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError) as error:
        ratings(tmp_path, RATINGS.assign(**change), **settings)
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path))


@real
def test_the_ratings_of_books() -> None:
    file = data("nyt_books/nyt_books_ratings.csv")
    survey = read_ratings(file, ["party"], "book_id", "rating")
    assert len(survey) == 235
    assert not survey.skipped
    assert sum(question.n_respondents for question in survey) == 9048 - 260
    assert sum(d.respondents for question in survey for d in question.dropped) == 260
    assert {question.groups for question in survey} == {("Democrat", "Republican")}
    counts = sum(
        np.array([question.counts[:, question.options.index(star)].sum() for star in "1234"])
        for question in survey
        if question.counts is not None and question.n_options == 4
    )
    frame = pd.read_csv(file).dropna(subset="party")
    full = frame.groupby("book_id").filter(lambda rows: rows["rating"].nunique() == 4)
    np.testing.assert_array_equal(counts, full["rating"].value_counts().sort_index())


# --- GlobalOpinionQA ------------------------------------------------------------------

TAXES: dict[str, Any] = {
    "question": "Are taxes too high?",
    "options": ["Yes", "No", "DK/Refused"],
    "selections": {"India": [0.6, 0.2, 0.2], "Mexico": [0.5, 0.5, 0.0]},
}


def world(tmp_path: Path, *changes: Mapping[str, Any], name: str = "world.jsonl") -> Survey:
    """Return a survey of `TAXES` changed in these ways; the first line is unchanged."""
    lines = "".join(json.dumps({**TAXES, **change}) + "\n" for change in ({}, *changes))
    (tmp_path / name).write_bytes(
        gzip.compress(lines.encode()) if name.endswith("gz") else lines.encode()
    )
    return read_globalopinionqa(tmp_path / name)


def second(tmp_path: Path, **change: Any) -> Question:
    return world(tmp_path, change)["G0002"]


@pytest.mark.parametrize("name", ["world.jsonl", "world.jsonl.gz"])
def test_shares_by_country(tmp_path: Path, name: str) -> None:
    survey = world(tmp_path, name=name)
    question = survey["G0001"]
    assert question.text == "Are taxes too high?"
    assert question.grouping == "country"
    assert (question.groups, question.options) == (("India", "Mexico"), ("Yes", "No"))
    np.testing.assert_allclose(question.choice_shares, [[0.75, 0.25], [0.5, 0.5]])
    np.testing.assert_array_equal(question.group_shares, [0.5, 0.5])
    assert question.counts is None
    assert question.respondents is None
    assert [str(d) for d in question.dropped] == ["option 'DK/Refused' (refused; 0.1 answers)"]
    assert "CC BY-NC-SA 4.0" in survey.citation


def test_countries_without_shares_are_dropped(tmp_path: Path) -> None:
    selections = {
        "India": [0.6, 0.4, 0.0],
        "none": [],
        "null": [None, None, None],
        "zero": [0.0, 0.0, 0.0],
        "unsure": [0.0, 0.0, 1.0],
        "percent": [60, 40, 0],
        "negative": [1.2, -0.2, 0.0],
        "half": [0.2, 0.2, 0.1],
        "nan": [float("nan"), 0.5, 0.5],
        "text": "no data",
    }
    question = second(tmp_path, selections=selections)
    assert question.groups == ("India",)
    assert [(d.name, d.reason) for d in question.dropped if d.kind == "group"] == [
        ("none", "not one share for each option"),
        ("null", "not shares"),
        ("zero", "no shares"),
        ("unsure", "no shares"),
        ("percent", "not shares"),
        ("negative", "not shares"),
        ("half", "shares do not sum to 1"),
        ("nan", "not shares"),
        ("text", "not one share for each option"),
    ]


def test_rounded_shares_are_rescaled(tmp_path: Path) -> None:
    question = second(tmp_path, selections={"India": [0.333, 0.666, 0.0]})
    np.testing.assert_allclose(question.choice_shares, [[1 / 3, 2 / 3]])


def test_options_that_are_numbers_or_repeated(tmp_path: Path) -> None:
    options = ["Bad", 2.0, 2, "2", 3.5, "No answer"]
    question = second(tmp_path, options=options, selections={"India": [0.2] * 5 + [0.0]})
    assert question.options == ("Bad", "2 (2)", "2 (3)", "2 (4)", "3.5")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"options": ["Yes", "DK", "No answer"]}, "fewer than two options are answers"),
        ({"options": []}, "fewer than two options are answers"),
        ({"selections": {}}, "no country has shares"),
        ({"selections": {"India": []}}, "no country has shares"),
        ({"selections": None}, "not a list of options and shares by country"),
        ({"options": "Yes, No"}, "not a list of options and shares by country"),
    ],
)
def test_lines_that_cannot_be_questions(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    survey = world(tmp_path, change, {})
    assert [question.key for question in survey] == ["G0001", "G0003"]
    assert [(d.kind, d.name, d.reason) for d in survey.skipped] == [("variable", "G0002", reason)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "Good?", "options"', "line 2 is not JSON"),
        ("[1, 2]", "line 2 is not a JSON object"),
        ('{"question": "Good?", "options": []}', "line 2 has no 'selections'"),
    ],
)
def test_files_that_hold_something_else(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "world.jsonl"
    file.write_text(json.dumps(TAXES) + "\n" + line)
    with pytest.raises(DataError, match=f"{file.name}: {message}"):
        read_globalopinionqa(file)
    with pytest.raises(DataError, match="No such file"):
        read_globalopinionqa(tmp_path / "nothing.jsonl.gz")


def test_a_file_without_questions(tmp_path: Path) -> None:
    (tmp_path / "world.jsonl").write_text("")
    with pytest.raises(DataError, match="nothing in GlobalOpinionQA can be a question"):
        read_globalopinionqa(tmp_path / "world.jsonl")


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=4).filter(
        lambda table: any(row[0] + row[1] for row in table)
    )
)
def test_the_rest_is_rescaled_and_what_went_is_told(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[int]]
) -> None:
    shares = {f"C{i}": [x / max(sum(row), 1) for x in row] for i, row in enumerate(table)}
    question = second(tmp_path_factory.mktemp("world"), selections=shares)
    used = [row for row in table if row[0] + row[1]]
    np.testing.assert_allclose(
        question.choice_shares, [[a / (a + b), b / (a + b)] for a, b, _ in used]
    )
    lost = [d.respondents for d in question.dropped if d.kind == "option"]
    assert lost == pytest.approx([np.mean([row[2] / sum(row) for row in used])])


@real
def test_global_opinions() -> None:
    survey = read_globalopinionqa(data("globalopinionqa/globalopinionqa_partial.jsonl.gz"))
    assert (len(survey), len(survey.skipped)) == (1773, 0)
    assert survey.questions[-1].key == "G1773"
    for question in survey:
        np.testing.assert_allclose(question.choice_shares.sum(axis=1), 1.0, atol=1e-12)
        np.testing.assert_allclose(question.group_shares, 1.0 / len(question.groups))
    refused = [d for question in survey for d in question.dropped if d.name == "DK/Refused"]
    assert len(refused) == 607
    assert sum(len(question.groups) == 1 for question in survey) == 472
    groups = [d for question in survey for d in question.dropped if d.kind == "group"]
    assert [d.reason for d in groups] == ["no shares"] * 2


@real
@pytest.mark.slow
def test_global_opinions_can_be_studied() -> None:
    survey = read_globalopinionqa(data("globalopinionqa/globalopinionqa_partial.jsonl.gz"))
    summary = study(survey).summary()
    assert summary["n_questions"] == summary["n_examined"] > 1000


# --- General Social Survey ------------------------------------------------------------

GSS_FILES = {
    "gun": ("natcrime", "gunlaw", "owngun"),
    "religion": ("god", "conclerg", "bible"),
}
YEARS = (2010, 2012, 2014, 2016, 2018, 2021, 2022, 2024)
GSS_LABELS: dict[str, dict[Any, str]] = {
    "SEX": {1: "Male", 2: "Female"},
    "RACE": {1: "White", 2: "Black", 3: "Other"},
    "RELIG": {1: "Protestant", 2: "Catholic", 3: "Jewish", 4: "None"},
    "POLVIEWS": dict(
        zip(
            range(1, 8),
            ["Liberal"] * 2
            + ["Slightly liberal", "Moderate", "Slightly conservative"]
            + ["Conservative"] * 2,
            strict=True,
        )
    ),
}
AGES = {"18-29": (18, 29), "30-44": (30, 44), "45-64": (45, 64), "65+": (65, 120)}


@cache
def gss_rows(name: str) -> pd.DataFrame:
    """Return a file's rows with the attributes of the published table as columns of labels."""
    frame = pd.read_csv(data(f"gss/gss_{name}_2010_2024.csv.gz"))
    for attribute, labels in GSS_LABELS.items():
        if attribute.lower() in frame:
            frame[attribute] = frame[attribute.lower()].map(labels)
    ages = np.select([frame["age"].between(*ends) for ends in AGES.values()], list(AGES), "")
    return frame.assign(AGE=ages, OVERALL="Overall")


def gss_published() -> pd.DataFrame:
    return pd.read_csv(data("gss/gss_weighted_shares.csv"), keep_default_na=False)


@real
@pytest.mark.parametrize("attribute", ["OVERALL", "SEX", "AGE", "RACE", "POLVIEWS", "RELIG"])
def test_general_social_survey(attribute: str) -> None:
    published = gss_published().query("attribute == @attribute")
    checked = 0
    for name, keys in GSS_FILES.items():
        if attribute not in gss_rows(name):
            continue
        for year in YEARS:
            frame = gss_rows(name).query("year == @year")
            asked = [key for key in keys if frame[key].notna().any()]
            # "Refused" has a code of its own here, and the published shares include it.
            survey = survey_from_rows(frame, groups=[attribute], weight="wtssall", questions=asked)
            for question in survey:
                rows = published[(published["year"] == year) & (published["qkey"] == question.key)]
                checked += len(rows)
                for row in rows.itertuples():
                    assert_published(question, row)
    assert checked == len(published) > 0


def assert_published(question: Question, row: Any) -> None:
    """Compare one cell; an option that nobody chose is not among the question's options."""
    group, code = question.groups.index(row.group), str(row.option_code)
    share = (
        question.choice_shares[group, question.options.index(code)]
        if code in question.options
        else 0.0
    )
    assert share == pytest.approx(row.weighted_share, abs=1e-4)
    assert question.sizes is not None
    assert question.sizes[group] == row.n_respondents


@real
def test_general_social_survey_from_its_file() -> None:
    survey = read_respondents(
        data("gss/gss_gun_2010_2024.csv.gz"),
        ["sex"],
        weight="wtssall",
        questions=["natcrime", "gunlaw"],
        where={"year": 2018},
        value_labels={"sex": GSS_LABELS["SEX"]},
        citation="NORC, General Social Survey",
    )
    rows = gss_published().query("attribute == 'SEX' and year == 2018")
    rows = rows[rows["qkey"].isin([question.key for question in survey])]
    assert len(rows) == 2 * (3 + 2)
    for row in rows.itertuples():
        assert_published(survey[str(row.qkey)], row)

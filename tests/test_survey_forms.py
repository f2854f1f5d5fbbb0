"""Toplines, sums of weights, batteries, and items that are no questions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from socialpref import DataError, InputError
from socialpref.surveys import (
    Bootstrap,
    DesignColumns,
    MissingAnswers,
    Question,
    Survey,
    kind_of,
    read_respondents,
    read_table,
    study,
    survey_from_rows,
)

from .sav_files import WAVE, write_sav


def table(tmp_path: Path, text: str, **more: Any) -> Survey:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    return read_table(tmp_path / "t.csv", **more)


# --- toplines ---------------------------------------------------------------------------

TOPLINE = """question,group,option,percent
q,Dem,a,44
q,Dem,b,31%
q,Dem,c,24
q,Rep,a,*
q,Rep,b,–
q,Rep,c,100
"""


def test_percentages_are_shares(tmp_path: Path) -> None:
    question = table(tmp_path, TOPLINE)["q"]
    np.testing.assert_allclose(
        question.choice_shares, [np.array([44, 31, 24]) / 99, np.array([0.25, 0, 100]) / 100.25]
    )
    np.testing.assert_array_equal(question.group_shares, [0.5, 0.5])
    assert question.counts is None
    # Nothing is known of the number of respondents: the rule about it does not apply.
    assert study(Survey("s", (question,))).summary()["n_examined"] == 1
    with pytest.raises(InputError, match="has no intervals"):
        study(Survey("s", (question,)), bootstrap=Bootstrap(2))


def test_numbers_of_respondents_give_percentages_a_sampling_error(tmp_path: Path) -> None:
    n = {"Dem": "600", "Rep": "200"}
    lines = [f"{line},{n.get(line[2:5], 'n')}" for line in TOPLINE.split()]
    question = table(tmp_path, "\n".join(lines))["q"]
    np.testing.assert_allclose(question.sizes, [600, 200])  # type: ignore[arg-type]
    np.testing.assert_allclose(question.group_shares, [0.75, 0.25])
    np.testing.assert_allclose(question.choice_shares[0], np.array([44, 31, 24]) / 99)
    assert study(Survey("s", (question,)), bootstrap=Bootstrap(2))["q"].finding is not None
    # The groups' shares of the population need not be those of the sample.
    lines = [
        line + (",0.5" if line[0] == "q" and line[1] == "," else ",group_share") for line in lines
    ]
    question = table(tmp_path, "\n".join(lines))["q"]
    np.testing.assert_allclose(question.sizes, [600, 200])  # type: ignore[arg-type]
    np.testing.assert_allclose(question.group_shares, [0.5, 0.5])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("44", "34", "'percent of q' must be numbers that add up to 99 to 101; got 89 for 'Dem'"),
        ("44", "some", "column 'percent' must hold numbers; got 'some'"),
        ("percent", "share", "column 'share' must hold numbers; got '31%'"),
        ("percent", "n", "must have a column 'share'"),
    ],
)
def test_toplines_that_are_none(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        table(tmp_path, TOPLINE.replace(old, new))
    assert message in str(error.value)


def test_missing_answers_of_a_topline_go_with_their_share_of_n(tmp_path: Path) -> None:
    text = "question,group,option,share,n\nq,a,x,.5,400\nq,a,y,.25,400\nq,a,8. Don't know,.25,400\n"
    question = table(tmp_path, text)["q"]
    np.testing.assert_allclose(question.choice_shares, [[2 / 3, 1 / 3]])
    np.testing.assert_allclose(question.sizes, [300])  # type: ignore[arg-type]
    (lost,) = question.dropped
    assert (lost.name, lost.reason, lost.respondents) == ("8. Don't know", "don't know", 100)
    keep = table(tmp_path, text, missing=MissingAnswers(dont_know="keep"))["q"]
    assert keep.n_options == 3


def test_a_question_of_missing_answers_is_skipped(tmp_path: Path) -> None:
    rows = ["p,a,x,10", "p,a,Refused,5", "q,a,x,10", "q,a,y,5", "r,Refused,x,3", "r,Refused,y,4"]
    survey = table(tmp_path, "\n".join(["question,group,option,count", *rows]))
    assert [question.key for question in survey] == ["q"]
    assert [(d.name, d.reason, d.respondents) for d in survey.skipped] == [
        ("p", "fewer than two options are answers", 15),
        ("r", "nobody answered it", 7),
    ]


def counts(scale: float, **more: Any) -> str:
    numbers = {"Dem": (300, 420, 280), "Rep": (390, 250, 360)}
    rows = [
        ("q", group, option, value * scale)
        for group, values in numbers.items()
        for option, value in zip("abc", values, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["question", "group", "option", "count"])
    return frame.assign(**more).to_csv(index=False)


@pytest.mark.parametrize("scale", [100_000, 0.1234])
def test_sums_of_weights_carry_no_sample_size(tmp_path: Path, scale: float) -> None:
    plain = table(tmp_path, counts(1))["q"]
    assert plain.n_respondents == 2000
    with pytest.warns(UserWarning, match=r"taken for sums of weights; without a column n"):
        weighted = table(tmp_path, counts(scale))["q"]
    assert weighted.counts is None
    np.testing.assert_allclose(weighted.choice_shares, plain.choice_shares)
    np.testing.assert_allclose(weighted.group_shares, plain.group_shares)
    for more in ({"n": 1000}, {"n_question": 2000}):
        known = table(tmp_path, counts(scale, **more))["q"]
        np.testing.assert_allclose(known.sizes, [1000, 1000])  # type: ignore[arg-type]
        np.testing.assert_allclose(known.effective_sizes, [1000, 1000])  # type: ignore[arg-type]
        np.testing.assert_allclose(known.choice_shares, plain.choice_shares)


def test_counts_that_are_percentages(tmp_path: Path) -> None:
    text = TOPLINE.replace("percent", "count").replace("31%", "31")
    text = text.replace("*", "30").replace("–", "30").replace("100", "41")
    with pytest.warns(UserWarning, match="add up to 99 to 101 and are taken for percentages"):
        question = table(tmp_path, text)["q"]
    assert question.counts is None
    for marked in (TOPLINE.replace("31%", "31"), TOPLINE.replace("*", "0.25")):
        with pytest.warns(UserWarning, match=r"counts with \* or % are taken for percentages"):
            found = table(tmp_path, marked.replace("percent", "count"))["q"]
        np.testing.assert_allclose(found.choice_shares, table(tmp_path, TOPLINE)["q"].choice_shares)


def test_counts_that_are_shares(tmp_path: Path) -> None:
    # Rounded shares of the first group add up to .99, which is no reason to count it less.
    text = "question,group,option,count\nq,x,a,.44\nq,x,b,.55\nq,y,a,.3\nq,y,b,.7\n"
    with pytest.warns(UserWarning, match=r"add up to 0.99 to 1.01 and are taken for shares"):
        question = table(tmp_path, text)["q"]
    np.testing.assert_allclose(question.choice_shares, [[4 / 9, 5 / 9], [0.3, 0.7]])
    np.testing.assert_array_equal(question.group_shares, [0.5, 0.5])
    # One respondent in each group is one respondent.
    people = "question,group,option,count\nq,x,a,1\nq,x,b,0\nq,y,a,0\nq,y,b,1\n"
    assert table(tmp_path, people)["q"].n_respondents == 2


def test_numbers_of_respondents_survive_a_frame() -> None:
    people = pd.DataFrame({"g": list("aabb"), "w": [0.5, 1.0, 0.3, 0.2], "Q": [1, 2, 1, 2]})
    question = survey_from_rows(people, groups=["g"], weight="w")["Q"]
    again = Survey.from_frame(Survey("s", (question,)).to_frame())["Q"]
    np.testing.assert_array_equal(again.sizes, [2, 2])
    np.testing.assert_array_equal(again.counts, question.counts)


# --- batteries --------------------------------------------------------------------------

MARKS = {
    "g": ["x"] * 4 + ["y"] * 4 + [None],
    "w": [1.0, 1, 2, 0, 1, 1, 1, 1, 1],
    "bus": [1, 1, 0, 1, 0, 0, 1, np.nan, 1],
    "car": [0, 1, 1, 1, 1, 1, 1, np.nan, 1],
    "foot": [0, 0, 0, 0, 0, 1, 0, np.nan, 1],
    "ship": [0, 0, 0, 0, 0, 0, 0, np.nan, 1],
}


def battery(frame: pd.DataFrame, columns: Any = ("bus", "car", "foot", "ship")) -> Question:
    more: Any = {"batteries": {"way": columns}, "questions": []}
    return survey_from_rows(frame, groups=["g"], weight="w", **more)["way"]


def test_items_stand_to_each_other_as_their_shares_of_those_asked() -> None:
    question = battery(pd.DataFrame(MARKS))
    assert question.options == ("bus", "car", "foot")
    # x: 2 of 4 weights took the bus and 3 of 4 the car; y: 1, 3 and 1 of 3.
    np.testing.assert_allclose(question.choice_shares, [[2 / 5, 3 / 5, 0], [1 / 5, 3 / 5, 1 / 5]])
    np.testing.assert_allclose(question.group_shares, [4 / 7, 3 / 7])
    np.testing.assert_array_equal(question.sizes, [3, 3])
    kish = np.array([16 / 6, 3])
    np.testing.assert_allclose(question.effective_sizes, kish * [5 / 4, 5 / 3])  # type: ignore[arg-type]
    assert [(d.kind, d.name, d.reason, d.respondents) for d in question.dropped] == [
        ("respondents", "w", "weight 0", 1),
        ("group", "g", "missing", 1),
        ("option", "ship", "nobody chose it", 0),
    ]


@pytest.mark.parametrize(
    ("marks", "size"),
    [
        (["a", "b", "c", "a"], 4),  # single answers
        (["abc"] * 4, 12),  # nothing varies: every mark an answer
        # c against a and b: variance 16 / n of 2 log c - log a - log b, 18 / n by single answers.
        (["ab", "ab", "c", "c"], 4 * 18 / 16),
    ],
)
def test_marks_are_worth_as_many_answers_as_vary_alike(marks: list[str], size: float) -> None:
    frame = pd.DataFrame({item: [item in mark for mark in marks] for item in "abc"}).astype(int)
    batteries = {"B": [*"abc"]}
    survey = survey_from_rows(frame.assign(g="x"), groups=["g"], questions=[], batteries=batteries)
    np.testing.assert_allclose(survey["B"].effective_sizes, [size])  # type: ignore[arg-type]


def test_other_marks(tmp_path: Path) -> None:
    expected = battery(pd.DataFrame(MARKS)).choice_shares
    marks = pd.DataFrame(MARKS)
    items = ["bus", "car", "foot", "ship"]
    for one, zero in (("Selected", "Not selected"), (1, 2), (1, np.nan), ("Bus!", np.nan)):
        other = marks.copy()
        for item in items:
            # Whoever marked nothing is known to have been asked where a mark is missing only.
            values = marks[item].map({1.0: one, 0.0: zero})
            other[item] = values.astype(object) if isinstance(one, str) else values
        np.testing.assert_allclose(battery(other).choice_shares, expected)
    cells = [";".join(n for n in items if row[n] == 1) for _, row in marks.iterrows()]
    text = marks[["g", "w"]].assign(all=cells)
    np.testing.assert_allclose(battery(text, "all").choice_shares, expected)


def test_a_refused_battery() -> None:
    frame = pd.DataFrame({"g": ["a"] * 4, "w": 1.0, "t": ["bus; car", "car", "Refused", None]})
    question = battery(frame, "t")
    np.testing.assert_allclose(question.choice_shares, [[1 / 3, 2 / 3]])
    assert [(d.reason, d.respondents) for d in question.dropped] == [("no item answered", 1)]


def test_batteries_that_are_none() -> None:
    frame = pd.DataFrame(MARKS).assign(bus=[1, 3, 4, 1, 1, 1, 1, 1, 1])
    with pytest.raises(InputError, match="'bus' of 'way' must hold one value for a marked item"):
        battery(frame)
    with pytest.raises(InputError, match="there must be a column 'rail'"):
        battery(frame, ["rail"])
    with pytest.raises(InputError, match="fewer than two items were marked"):
        battery(pd.DataFrame(MARKS), ["foot", "ship"])
    with pytest.raises(InputError, match="item 'bus' was not put to group 'y'"):
        battery(pd.DataFrame(MARKS).assign(bus=[1, 1, 0, 1, *[np.nan] * 5]))


@pytest.mark.parametrize(
    "columns",
    [
        {"strata": ["stratum"], "units": ["unit"]},
        {"replicate_weights": ["r1", "r2"], "method": "jk1"},
    ],
)
def test_batteries_do_not_ignore_the_design(columns: dict[str, Any]) -> None:
    frame = pd.DataFrame(MARKS).assign(stratum=1, unit=np.arange(9), r1=1.0, r2=2.0)
    more: Any = {"batteries": {"way": ["bus", "car"]}, "questions": []}
    design = DesignColumns(**columns)
    with pytest.raises(InputError, match="'way' is a battery of items, whose intervals cannot"):
        survey_from_rows(frame, groups=["g"], design=design, **more)


# --- items ------------------------------------------------------------------------------


def rows(tmp_path: Path, frame: pd.DataFrame, **more: Any) -> Survey:
    frame.to_csv(tmp_path / "r.csv", index=False)
    return read_respondents(tmp_path / "r.csv", ["g"], **more)


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("questions", [None, ["A", "B", "C", "D"]])
def test_rankings_are_refused(tmp_path: Path, complete: bool, questions: Any) -> None:
    rng = np.random.default_rng(0)
    places = np.array([rng.permutation(4) + 1.0 for _ in range(200)])
    if not complete:
        places[places > 2] = np.nan
    frame = pd.DataFrame(places, columns=list("ABCD")).assign(g=rng.choice(["x", "y"], 200))
    message = r"'A', 'B', 'C' and 1 more rank items.* r\.csv --form rankings"
    with pytest.raises(DataError, match=message):
        rows(tmp_path, frame, questions=questions)


def test_questions_are_no_rankings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    answers = {name: rng.integers(1, 5, 200) for name in "ABCD"}
    frame = pd.DataFrame(answers).assign(g=rng.choice(["x", "y"], 200), wave=1, E=range(200))
    assert len(rows(tmp_path, frame, questions=list("ABCD"))) == 4


def test_ratings_are_noticed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    answers = {f"like_{name}": rng.integers(1, 6, 200) for name in ("cat", "dog", "fox")}
    frame = pd.DataFrame(answers).assign(g=rng.choice(["x", "y"], 200))
    with pytest.warns(UserWarning, match=r"'like_cat', 'like_dog', .* r\.csv --form ratings"):
        assert len(rows(tmp_path, frame)) == 3


# --- kinds ------------------------------------------------------------------------------


def test_files_with_labels_are_known(tmp_path: Path) -> None:
    assert kind_of(write_sav(tmp_path / "pew.sav", WAVE)) == "atp"
    frame = pd.DataFrame({"g": [1.0, 2.0], "Q": [1.0, 2.0]})
    pyreadstat.write_sav(frame, tmp_path / "own.zsav", compress=True)
    pyreadstat.write_dta(frame, tmp_path / "own.dta")
    for name in ("own.zsav", "own.dta"):
        assert kind_of(tmp_path / name, groups=True) == "respondents"
        with pytest.raises(InputError, match="pass --groups"):
            kind_of(tmp_path / name)
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="not an Excel file"):
        kind_of(tmp_path / "t.xlsx")
    (tmp_path / "p.tsv").write_text("question\tgroup\toption\tpercent\n")
    assert kind_of(tmp_path / "p.tsv") == "table"

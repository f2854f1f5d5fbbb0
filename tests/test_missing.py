"""Missing answers: what labels say, what codes look like, and one policy for every form of file."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialpref import DataError, InputError
from socialpref.surveys import (
    MissingAnswers,
    Survey,
    read_codebook,
    read_respondents,
    read_table,
    survey_from_rows,
)
from socialpref.surveys.missing import kind_of_label, parse_codes, suspicious

# --- labels ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        (
            "refused",
            "Refused|REFUSED|(Refused)|Refused (VOL.)|[VOL] Refused|-9. Refused|9=Refused|9 Refusal"
            "|DK/Ref|DK/Refused|Don't know/Refused|Don't know or refused|Refused to answer"
            "|Refused/Web blank|Web blank|No answer|Missing; no answer|Prefer not to say"
            "|I'd rather not say|No response|Not answered|Skipped on Web",
        ),
        (
            "don't know",
            "Don't know|Don’t know|Don´t know|dont know|I don't know|DK|DK/NA|-8. Don't know"
            "|(DO NOT READ) Don't know|.d:  Do not Know/Cannot Choose|Can't choose",
        ),
        (
            "not asked",
            "IAP|Inap. (not 1 in Q3)|-1. Inapplicable|.i:  Inapplicable|Not applicable|N/A"
            "|Not asked in this country|Missing; Not available|Not ascertained"
            "|-7. No post-election data, deleted due to incomplete interview",
        ),
        ("user-missing", "Missing|Missing or unknown|System missing|Missing; Unknown"),
        (
            None,
            "Refused to fight|99. Haven't thought much about this|Refused to pay|Unrefused"
            "|Was refused a loan|No answer is right|Not sure|Non-missing|Don't know what that is"
            "|No, I do not know anyone|Missing teeth|Not applicable to me|Blank verse|Refugee|9||",
        ),
    ],
)
def test_what_labels_say(kind: str | None, labels: str) -> None:
    assert {label: kind_of_label(label) for label in labels.split("|")} == dict.fromkeys(
        labels.split("|"), kind
    )


def test_short_forms_may_be_countries() -> None:
    assert kind_of_label("DK") == "don't know"
    assert kind_of_label("DK", abbreviations=False) is None


# --- codes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        ("1 2 3 4 5 7 8 9", "7 8 9"),
        ("0 1 2 3 4 5 6 7 8 9 10 77 88 99", "77 88 99"),
        ("1 2 8 9", "8 9"),
        ("1 2 3 99", "99"),
        ("1 2 3 998 999", "998 999"),
        ("-9 -8 -1 1 2 3", "-9 -8 -1"),
        ("-1 0 1", "-1"),
        ("-2 -1 0 1 2", ""),
        ("1 2 3 4 5 6 7 8 9 10", ""),
        ("1 2 3 4 5 6 7", ""),
        ("18 19 20 21", ""),
        ("1 2 3 50", ""),
        ("1 99", ""),
        ("yes no 9", ""),
    ],
)
def test_codes_that_look_missing(codes: str, found: str) -> None:
    given_codes = codes.split()
    assert suspicious(given_codes, [False] * len(given_codes)) == found.split()
    assert suspicious(given_codes, [True] * len(given_codes)) == []


def one(values: list[Any], missing: MissingAnswers, **more: Any) -> Survey:
    frame = pd.DataFrame({"g": np.resize(["a", "b"], len(values)), "Q": values})
    return survey_from_rows(frame, groups=["g"], missing=missing, **more)


def test_a_warning_names_the_option() -> None:
    with pytest.warns(UserWarning, match=r"the codes 8, 9 of 'Q' .* --missing=Q=8,9 leaves"):
        survey = one([1, 2, 3, 8, 9], MissingAnswers())
    assert survey["Q"].options == ("1", "2", "3", "8", "9")
    frame = pd.DataFrame({"g": list("abab"), "Q": [1, 2, 3, 99], "R": [1, 99, 2, 2]})
    with pytest.warns(UserWarning, match=r"of 'Q', 'R' .* --missing=99 leaves") as told:
        survey_from_rows(frame, groups=["g"])
    assert len(told) == 1


def test_a_warning_names_the_option_for_groups() -> None:
    frame = pd.DataFrame({"sex": [1, 2, 1, 2, 9], "Q": [1, 2, 2, 1, 1]})
    with pytest.warns(UserWarning, match=r"the group 9 of 'sex' .* --drop-groups=9 leaves"):
        assert survey_from_rows(frame, groups=["sex"])["Q"].groups == ("1", "2", "9")
    assert survey_from_rows(frame, groups=["sex"], drop_groups=["9"])["Q"].groups == ("1", "2")


def test_said_to_be_missing() -> None:
    survey = one([1, 2, 3, 7, 8, 9], MissingAnswers([7, "8", 9.0, 77]))
    assert survey["Q"].options == ("1", "2", "3")
    assert [(d.name, d.reason) for d in survey["Q"].dropped] == [
        (code, "user-missing") for code in "789"
    ]


@pytest.mark.parametrize("top", [10, 77])
def test_what_lies_within_the_scale_stays(top: int) -> None:
    with pytest.warns(UserWarning, match=r"7, 8, 9 of 'Q' lie within .* --missing=Q=7,8,9"):
        survey = one([*range(10), top, 88, 99], MissingAnswers([7, 8, 9, 77, 88, 99]))
    expected = [*range(10), *([top] if top == 10 else [])]
    assert survey["Q"].options == tuple(map(str, expected))
    named = one([*range(11)], MissingAnswers({"Q": [7, 8, 9]}))
    assert named["Q"].options == (*"0123456", "10")


def test_options_can_be_left_out_by_their_label() -> None:
    labels = {"Q": {1: "yes", 2: "no", 3: "Not sure"}}
    survey = one([1, 2, 3, 3], MissingAnswers(options=["Not sure"]), value_labels=labels)
    assert str(survey["Q"].dropped[0]) == "option 'Not sure' (left out; 2 answers)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"codes": "9"}, "'missing' must be a list of codes"),
        ({"codes": 9}, "'missing' must be a list of codes"),
        ({"codes": [66]}, "'missing' must be codes of some answers; got '66'"),
        ({"codes": [3, "x"]}, "'missing' must be codes of some answers; got 'x'"),
        ({"codes": {"R": [1]}}, "'missing' must be of questions 'Q'; got 'R'"),
        ({"codes": {"Q": [4]}}, "'missing of Q' must be codes of its answers; got 4"),
        ({"options": ["May be"]}, "'drop_options' must be labels of options; got 'May be'"),
        ({"dont_know": "maybe"}, "'dont_know' must be one of 'drop', 'keep'"),
    ],
)
def test_policies_that_are_none(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        one([1, 2, 3, 3], MissingAnswers(**settings))
    assert message in str(error.value)


def test_codes_of_the_command_line() -> None:
    assert parse_codes(["7,8, 9", "Q=77", "Q=-1,88"]) == {
        "": ["7", "8", "9"],
        "Q": ["77", "-1", "88"],
    }
    with pytest.raises(InputError, match="--missing must be"):
        parse_codes(["Q="])


# --- one survey in every form -----------------------------------------------------------

LABELS: dict[str, dict[Any, str]] = {
    "party": {1: "Left", 2: "Right", 8: "Don't know", 9: "Refused"},
    "Q": {1: "more", 2: "same", 3: "less", 7: "IAP", 8: "-8. Don't know", 9: "[VOL] Refused"},
}
TAGS = {7: "i", 8: "d", 9: "r"}


def people() -> pd.DataFrame:
    """Return 400 people, a tenth of them of each missing kind."""
    rng = np.random.default_rng(2)
    party = rng.choice([1.0, 2.0, 8.0, 9.0], 400, p=[0.4, 0.4, 0.1, 0.1])
    answers = rng.choice([1.0, 2.0, 3.0, 7.0, 8.0, 9.0], 400, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
    return pd.DataFrame({"party": party, "Q": answers})


def write(folder: Path, form: str, frame: pd.DataFrame) -> Path:
    """Write the people in a form that holds the labels, or beside which the codebook lies."""
    labelled = frame.assign(**{name: frame[name].map(codes) for name, codes in LABELS.items()})
    file = folder / f"people.{form}"
    if form in ("sav", "zsav"):
        pyreadstat.write_sav(
            frame,
            file,
            compress=form == "zsav",
            variable_value_labels=LABELS,
            missing_ranges={"Q": [{"lo": 7, "hi": 9}]},
        )
    elif form == "dta":
        tagged = frame.assign(Q=[TAGS.get(code, code) for code in frame["Q"].astype(int)])
        labels = {k: v for k, v in LABELS["Q"].items() if k not in TAGS}
        labels |= {tag: LABELS["Q"][code] for code, tag in TAGS.items()}
        pyreadstat.write_dta(
            tagged,
            file,
            variable_value_labels=LABELS | {"Q": labels},
            missing_user_values={"Q": list(TAGS.values())},
        )
    elif form == "parquet":
        labelled.to_parquet(file)
    elif form == "xlsx":
        labelled.to_excel(file, index=False)
    elif form == "csv":
        frame.to_csv(file, index=False, sep=";", encoding="cp1252")
        book = [(name, *pair) for name, codes in LABELS.items() for pair in codes.items()]
        pd.DataFrame(book, columns=["variable", "code", "label"]).to_csv(
            folder / "codebook.csv", index=False
        )
    return file


def counted(file: Path, missing: MissingAnswers) -> Survey:
    """Read the people's answers as a table of counts."""
    frame = people()
    named = frame.assign(**{name: frame[name].map(codes) for name, codes in LABELS.items()})
    table = named.groupby(["party", "Q"]).size().rename("count").reset_index()
    table.assign(question="Q").rename(columns={"Q": "option"}).to_csv(file, index=False)
    return read_table(file, "party", missing)


def plain(survey: Survey) -> Any:
    """Return what a survey says, whatever the order of its labels."""
    question = survey["Q"]
    assert question.counts is not None
    cells = {
        (group, option): question.counts[g, o]
        for g, group in enumerate(question.groups)
        for o, option in enumerate(question.options)
    }
    lost = [d for d in question.dropped if d.respondents]
    return cells, {(d.kind, d.name, d.reason, d.respondents) for d in lost}


@pytest.mark.parametrize("dont_know", [None, "drop", "keep"])
def test_every_form_of_a_survey_gives_the_same(tmp_path: Path, dont_know: Any) -> None:
    missing = MissingAnswers(dont_know=dont_know)
    cells, dropped = plain(counted(tmp_path / "counts.csv", missing))
    for form in ("sav", "zsav", "dta", "parquet", "xlsx", "csv"):
        file = write(tmp_path, form, people())
        book = read_codebook(tmp_path / "codebook.csv") if form == "csv" else None
        survey = read_respondents(file, ["party"], None, ["Q"], missing=missing, codebook=book)
        assert plain(survey) == (cells, dropped), form
    kinds = [reason for _, _, reason, _ in dropped]
    assert kinds.count("don't know") == (0 if dont_know == "keep" else 2)
    assert kinds.count("refused") == 2
    assert kinds.count("not asked") == 1
    assert sum(cells.values()) + sum(number for *_, number in dropped) == 400
    assert {option for _, option in cells} >= {"more", "same", "less"}


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 8, 9]), st.sampled_from([1, 2, 3, 7, 8, 9])),
        min_size=2,
        max_size=30,
    )
)
def test_rows_and_counts_say_the_same(rows: list[tuple[int, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["party", "Q"])
    named = frame.assign(**{name: frame[name].map(codes) for name, codes in LABELS.items()})
    table = named.groupby(["party", "Q"]).size().rename("count").reset_index()
    table = table.assign(question="Q").rename(columns={"Q": "option"})
    try:
        survey = survey_from_rows(named, groups=["party"], questions=["Q"])
    except InputError:
        with pytest.raises(InputError):
            Survey.from_frame(table, groups="party")["Q"].without(reason="")
        return
    assert plain(Survey.from_frame(table, groups="party")) == plain(survey)


def test_declared_values_are_missing_whatever_they_are_called(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"g": [1.0, 2.0] * 4, "Q": [1.0, 2, 3, 3, 6, 6, 50, 51], "S": list("abczabaz")}
    )
    pyreadstat.write_sav(
        frame,
        tmp_path / "t.sav",
        variable_value_labels={"Q": {6.0: "Other"}, "S": {"a": "Apple", "b": "Bee"}},
        missing_ranges={"Q": [6, {"lo": 50, "hi": 99}], "S": ["z"]},
    )
    survey = read_respondents(tmp_path / "t.sav", ["g"], questions=["Q", "S"])
    assert survey["Q"].options == ("1", "2", "3")
    assert survey["S"].options == ("Apple", "Bee", "c")
    assert {(d.name, d.reason) for d in survey["Q"].dropped} == {
        (label, "user-missing") for label in ("Other", "50", "51")
    }


# --- codebooks --------------------------------------------------------------------------


def test_a_codebook_names_codes_texts_scales_and_missing_values(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("g\tQ\tR\na\t1\t1\nb\t2\t2\na\t3\t1\nb\t6\t2\n")
    (tmp_path / "book.csv").write_text(
        "variable;code;label;text;scale;missing\n"
        "Q;1;low;How much?;ordinal;\nQ;2;middle;;;\nQ;3;high;;;\nQ;6;other;;;1\nR;;;Which?;;\n"
    )
    survey = read_respondents(
        tmp_path / "rows.tsv", ["g"], codebook=read_codebook(tmp_path / "book.csv")
    )
    question = survey["Q"]
    assert (question.options, question.ordinals) == (("low", "middle", "high"), (1, 2, 3))
    assert (question.text, survey["R"].text, survey["R"].ordinals) == ("How much?", "Which?", ())
    assert [(d.name, d.reason) for d in question.dropped] == [("other", "user-missing")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("variable,code\nQ,1\n", "must have a column 'label'"),
        ("variable,code,label\nQ,1,a\nQ,1,b\n", "code '1' of 'Q' must have one row"),
        ("variable,code,label,scale\nQ,1,a,rising\n", "'scale of Q' must be one of 'ordinal'"),
    ],
)
def test_codebooks_that_are_none(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "book.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        read_codebook(tmp_path / "book.csv")


def test_nothing_is_said_of_a_file_in_order(tmp_path: Path) -> None:
    file = write(tmp_path, "sav", people())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_respondents(file, ["party"], questions=["Q"])

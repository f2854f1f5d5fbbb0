"""Questions, surveys and the files they come from."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialpref import DataError, InputError, Probit
from socialpref.surveys import (
    Dropped,
    Question,
    Survey,
    read_opinionqa,
    read_table,
)
from socialpref.surveys.missing import kind_of_label

from .survey_files import DATA, real

# --- Question -----------------------------------------------------------------------

# 100 Democrats and 300 Republicans, so every share below can be worked out on paper.
COUNTS = [[60, 30, 10], [60, 60, 180]]


def vote(**more: Any) -> Question:
    return Question.from_counts("VOTE", COUNTS, ["Dem", "Rep"], ["A", "B", "C"], **more)


def test_counts_become_shares() -> None:
    question = vote(text="Which?", grouping="party", source="here", ordinals=[1, 2, 3])
    np.testing.assert_allclose(question.choice_shares, [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    np.testing.assert_array_equal(question.group_shares, [0.25, 0.75])
    assert question.counts is not None
    np.testing.assert_array_equal(question.counts, COUNTS)
    assert (question.key, question.groups, question.options) == (
        "VOTE",
        ("Dem", "Rep"),
        ("A", "B", "C"),
    )
    assert (question.text, question.grouping, question.source) == ("Which?", "party", "here")
    assert question.ordinals == (1.0, 2.0, 3.0)
    assert question.dropped == ()
    assert question.n_options == 3
    assert question.n_respondents == 400


def test_population_follows_the_luce_rule() -> None:
    population = vote().population()
    # Under a logistic link the odds of y against z within a group are f(y) : f(z).
    a_b = 0.25 * 60 / 90 + 0.75 * 1 / 2
    a_c = 0.25 * 60 / 70 + 0.75 * 1 / 4
    b_c = 0.25 * 30 / 40 + 0.75 * 1 / 4
    expected = [[0.5, a_b, a_c], [1 - a_b, 0.5, b_c], [1 - a_c, 1 - b_c, 0.5]]
    np.testing.assert_allclose(population.pairwise(), expected, atol=1e-12)
    # The Republicans' shares 1 : 1 : 3 have the centred logarithms -log(3)/3 twice, 2 log(3)/3.
    np.testing.assert_allclose(
        population.rewards[1], np.array([-1, -1, 2]) * math.log(3) / 3, atol=1e-12
    )
    np.testing.assert_array_equal(population.shares, [0.25, 0.75])
    assert population.types == ("Dem", "Rep")
    assert population.options == ("A", "B", "C")


def test_smoothing_is_added_to_the_share_of_every_option() -> None:
    question = Question.from_counts("Q", [[3, 1, 0]], ["all"], ["A", "B", "C"])
    rewards = question.population(smoothing=0.25).rewards[0]
    # Shares 3/4, 1/4 and 0 become 1, 1/2 and 1/4: logarithms 0, -log 2 and -2 log 2.
    np.testing.assert_allclose(rewards, np.array([1, 0, -1]) * math.log(2), atol=1e-15)
    # At the protocol's constant an empty cell lies log(0.75) - log(1e-15) = 34.25 below the top.
    rewards = question.population().rewards[0]
    assert rewards[0] - rewards[2] == pytest.approx(math.log(0.75) + 15 * math.log(10))
    with pytest.raises(InputError, match="smoothing"):
        question.population(smoothing=0.0)


def test_population_takes_another_link() -> None:
    question = Question.from_counts("Q", [[3, 1]], ["all"], ["A", "B"])
    # The standard normal distribution function at log 3.
    expected = 0.5 * (1 + math.erf(math.log(3) / math.sqrt(2)))
    assert question.population(link=Probit()).pairwise()[0, 1] == pytest.approx(expected)


def test_counts_may_be_sums_of_weights() -> None:
    question = Question.from_counts("Q", [[0.5, 1.5], [0.75, 2.25]], ["a", "b"], ["x", "y"])
    np.testing.assert_allclose(question.choice_shares, [[0.25, 0.75], [0.25, 0.75]])
    np.testing.assert_allclose(question.group_shares, [0.4, 0.6])
    assert question.n_respondents == 5.0


def test_a_question_does_not_follow_later_changes_of_the_array_it_came_from() -> None:
    table = np.array([[1.0, 3.0]])
    question = Question.from_counts("Q", table, ["a"], ["x", "y"])
    table[:] = 7.0
    np.testing.assert_array_equal(question.counts, [[1, 3]])
    np.testing.assert_array_equal(question.choice_shares, [[0.25, 0.75]])


def test_groups_without_respondents_are_dropped_and_said() -> None:
    before = Dropped("option", "Refused", "refused", 7.0)
    question = Question.from_counts(
        "Q", [[0, 0], [1, 3], [0, 0]], ["a", "b", "c"], ["x", "y"], dropped=[before]
    )
    assert question.groups == ("b",)
    np.testing.assert_array_equal(question.choice_shares, [[0.25, 0.75]])
    np.testing.assert_array_equal(question.group_shares, [1.0])
    assert question.dropped == (
        before,
        Dropped("group", "a", "no respondents", 0.0),
        Dropped("group", "c", "no respondents", 0.0),
    )
    assert str(question.dropped[1]) == "group 'a' (no respondents; 0 answers)"


def test_options_that_nobody_chose_stay() -> None:
    question = Question.from_counts("Q", [[0, 3], [0, 5]], ["a", "b"], ["x", "y"])
    assert question.options == ("x", "y")
    np.testing.assert_array_equal(question.choice_shares, [[0, 1], [0, 1]])


@pytest.mark.parametrize(
    ("counts", "groups", "options", "complaint"),
    [
        ([[1, -2]], ["a"], ["x", "y"], "counts of Q.* non-negative; got -2"),
        ([[0, 0]], ["a"], ["x", "y"], "counts of Q.* only zeros"),
        ([[1, math.nan]], ["a"], ["x", "y"], "counts of Q.* finite numbers; got nan"),
        ([[1, math.inf]], ["a"], ["x", "y"], "counts of Q.* finite numbers; got inf"),
        ([["many", 1]], ["a"], ["x", "y"], "counts of Q.* finite numbers"),
        ([1, 2], ["a"], ["x", "y"], r"counts of Q.* two-dimensional .*shape \(2,\)"),
        ([[1, 2], [3]], ["a", "b"], ["x", "y"], "counts of Q.* two-dimensional"),
        ([[5], [6]], ["a", "b"], ["x"], "options of Q.* at least 2 labels; got 1"),
        ([[1, 2]], ["a", "b"], ["x", "y"], "groups of Q.* 1 labels; got 2"),
        ([[1, 2], [3, 4]], ["a", "a"], ["x", "y"], "groups of Q.* distinct .*'a' more than once"),
        ([[1, 2]], ["a"], ["x"], "options of Q.* 2 labels; got 1"),
        ([[1, 2, 3]], ["a"], ["x", "y", "x"], "options of Q.* distinct .*'x' more than once"),
    ],
)
def test_from_counts_names_what_is_wrong(
    counts: Any, groups: list[str], options: list[str], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        Question.from_counts("Q", counts, groups, options)


def test_ordinals_must_fit_the_options() -> None:
    with pytest.raises(InputError, match=r"ordinals of VOTE.* 3 numbers.* got shape \(2,\)"):
        vote(ordinals=[1, 2])


def test_shares_without_group_shares_count_groups_equally() -> None:
    question = Question.from_shares(
        "Q", [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], list("ab"), list("xyz")
    )
    np.testing.assert_allclose(question.choice_shares, [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    np.testing.assert_array_equal(question.group_shares, [0.5, 0.5])
    assert question.counts is None
    assert math.isnan(question.n_respondents)
    # (60/90 + 20/40) / 2
    assert question.population().pairwise()[0, 1] == pytest.approx(7 / 12)


def test_shares_with_group_shares() -> None:
    question = Question.from_shares(
        "Q", [[0.6, 0.4], [0.2, 0.8]], list("ab"), list("xy"), group_shares=[1, 0]
    )
    assert question.groups == ("a",)
    assert question.dropped == (Dropped("group", "b", "no respondents", 0.0),)
    question = Question.from_shares(
        "Q", [[0.6, 0.4], [0.2, 0.8]], list("ab"), list("xy"), group_shares=[0.25, 0.75]
    )
    np.testing.assert_array_equal(question.group_shares, [0.25, 0.75])
    # Within a pair the odds are the shares: 0.25 * 0.6 + 0.75 * 0.2
    assert question.population().pairwise()[0, 1] == pytest.approx(0.3)


def test_shares_that_miss_one_by_rounding_are_rescaled() -> None:
    question = Question.from_shares("Q", [[0.3333333, 0.3333333, 0.3333333]], ["a"], list("xyz"))
    np.testing.assert_allclose(question.choice_shares, [[1 / 3, 1 / 3, 1 / 3]], rtol=1e-15)


@pytest.mark.parametrize(
    ("shares", "group_shares", "complaint"),
    [
        ([[0.6, 0.3]], None, "choice_shares of Q.* sum to 1; got a sum of 0.9"),
        ([[0.6, 0.4], [0.5, 0.500002]], None, "choice_shares of Q.* got a sum of 1.000002"),
        ([[1.5, -0.5]], None, "choice_shares of Q.* non-negative; got -0.5"),
        ([[math.nan, 1.0]], None, "choice_shares of Q.* finite"),
        ([[0.6, 0.4], [0.5, 0.5]], [0.5, 0.6], "group_shares of Q.* got a sum of 1.1"),
        ([[0.6, 0.4], [0.5, 0.5]], [1.5, -0.5], "group_shares of Q.* non-negative"),
        ([[0.6, 0.4], [0.5, 0.5]], [1.0], "group_shares of Q.* length 2; got length 1"),
        ([[1.0]], None, "options of Q.* at least 2 labels; got 1"),
    ],
)
def test_from_shares_names_what_is_wrong(shares: Any, group_shares: Any, complaint: str) -> None:
    labels = list("abc")[: len(shares)], list("xyz")[: len(shares[0])]
    with pytest.raises(InputError, match=complaint):
        Question.from_shares("Q", shares, *labels, group_shares=group_shares)


def test_without_an_option() -> None:
    question = vote(text="Which?", grouping="party", source="here", ordinals=[1, 1.5, math.nan])
    rest = question.without(options=["B"], reason="unclear")
    # 60 : 10 and 60 : 180, hence 70 and 240 of 310 respondents remain.
    np.testing.assert_array_equal(rest.counts, [[60, 10], [60, 180]])
    np.testing.assert_allclose(rest.choice_shares, [[6 / 7, 1 / 7], [0.25, 0.75]])
    np.testing.assert_allclose(rest.group_shares, [7 / 31, 24 / 31])
    assert rest.options == ("A", "C")
    assert rest.ordinals[0] == 1.0
    assert math.isnan(rest.ordinals[1])
    assert rest.dropped == (Dropped("option", "B", "unclear", 90.0),)
    assert (rest.key, rest.text, rest.grouping, rest.source) == ("VOTE", "Which?", "party", "here")
    assert question.options == ("A", "B", "C")
    assert question.dropped == ()


def test_without_a_group_and_an_option() -> None:
    question = vote(dropped=[Dropped("group", "None", "no respondents", 0.0)])
    rest = question.without(groups=["Dem"], options=["C"], reason="test")
    np.testing.assert_array_equal(rest.counts, [[60, 60]])
    assert rest.groups == ("Rep",)
    assert rest.dropped == (
        Dropped("group", "None", "no respondents", 0.0),
        Dropped("group", "Dem", "test", 100.0),
        Dropped("option", "C", "test", 180.0),  # the 10 of Dem went with Dem
    )


def test_without_of_a_group_that_only_chose_the_option() -> None:
    question = Question.from_counts("Q", [[1, 3, 0], [0, 0, 4]], list("ab"), list("xyz"))
    rest = question.without(options=["z"], reason="refused")
    assert rest.groups == ("a",)
    assert rest.dropped == (
        Dropped("option", "z", "refused", 4.0),
        Dropped("group", "b", "no respondents", 0.0),
    )


def test_without_what_is_not_there_changes_nothing() -> None:
    question = vote()
    assert question.without(groups=["Refused"], options=["Refused"], reason="refused") is question


def test_without_where_only_shares_are_known() -> None:
    question = Question.from_shares(
        "Q", [[0.5, 0.3, 0.2], [0.1, 0.4, 0.5]], list("ab"), list("xyz"), group_shares=[0.25, 0.75]
    )
    rest = question.without(options=["z"], reason="off the scale")
    np.testing.assert_allclose(rest.choice_shares, [[5 / 8, 3 / 8], [1 / 5, 4 / 5]])
    # 0.25 * 0.8 = 0.2 of the people in a and 0.75 * 0.5 = 0.375 in b gave one of these answers.
    np.testing.assert_allclose(rest.group_shares, [0.2 / 0.575, 0.375 / 0.575])
    assert rest.counts is None
    assert math.isnan(rest.n_respondents)
    (dropped,) = rest.dropped
    assert (dropped.kind, dropped.name, dropped.reason) == ("option", "z", "off the scale")
    assert dropped.respondents == pytest.approx(0.25 * 0.2 + 0.75 * 0.5)


@pytest.mark.parametrize(
    "leave_out",
    [
        {"groups": ["Dem", "Rep"]},
        {"options": ["A", "B"]},
        {"options": ["A", "B", "C"]},
    ],
)
def test_without_must_leave_a_question(leave_out: dict[str, list[str]]) -> None:
    with pytest.raises(InputError, match="VOTE"):
        vote().without(**leave_out, reason="test")


# --- Survey -------------------------------------------------------------------------


def test_survey_is_a_sequence_of_questions_by_key() -> None:
    first, second = (
        Question.from_counts(key, COUNTS, list("ab"), list("xyz")) for key in ("Q1", "Q2")
    )
    survey = Survey("mine", (first, second), "cite me")
    assert list(survey) == [first, second]
    assert len(survey) == 2
    assert survey["Q2"] is second
    assert (survey.name, survey.citation) == ("mine", "cite me")
    with pytest.raises(InputError, match="key of mine; got 'Q3'"):
        survey["Q3"]


def test_survey_refuses_no_questions_and_repeated_keys() -> None:
    with pytest.raises(InputError, match="'questions' of mine must not be empty"):
        Survey("mine", ())
    with pytest.raises(InputError, match="'VOTE' more than once"):
        Survey("mine", (vote(), vote()))


def frame(rows: Sequence[tuple[Any, ...]], columns: str = "question group option count") -> Any:
    return pd.DataFrame(rows, columns=columns.split())


ROWS = [
    ("TAX", "Dem", "yes", 70),
    ("AGE", "Dem", "low", 4),
    ("TAX", "Dem", "no", 30),
    ("TAX", "Rep", "no", 50),
    ("AGE", "Ind", "high", 6),
]


def test_from_frame_counts_combinations_without_a_row_as_zero() -> None:
    survey = Survey.from_frame(frame(ROWS), name="mine", citation="cite me")
    assert [question.key for question in survey] == ["TAX", "AGE"]
    assert (survey.name, survey.citation) == ("mine", "cite me")
    assert survey["TAX"].groups == ("Dem", "Rep")
    assert survey["TAX"].options == ("yes", "no")
    np.testing.assert_array_equal(survey["TAX"].counts, [[70, 30], [0, 50]])
    assert survey["AGE"].groups == ("Dem", "Ind")
    np.testing.assert_array_equal(survey["AGE"].counts, [[4, 0], [0, 6]])
    assert survey["TAX"].grouping == "group"
    assert survey["TAX"].ordinals == ()


def test_from_frame_with_groups_in_another_column() -> None:
    table = frame(ROWS, "question party option count")
    survey = Survey.from_frame(table, groups="party")
    assert survey["TAX"].groups == ("Dem", "Rep")
    assert survey["TAX"].grouping == "party"
    with pytest.raises(InputError, match="column 'group'; it has 'question', 'party'"):
        Survey.from_frame(table)


def test_from_frame_reads_the_descriptions() -> None:
    rows = [
        ("Q1", "a", "lo", 1, 1.0, "Text", "sex", "src"),
        ("Q1", "a", "?", 2, math.nan, "Text", "sex", "src"),
        ("Q1", "b", "hi", 3, 2.5, "Text", "sex", "src"),
    ]
    columns = "question group option count ordinal text grouping source"
    question = Survey.from_frame(frame(rows, columns))["Q1"]
    assert (question.text, question.grouping, question.source) == ("Text", "sex", "src")
    assert question.options == ("lo", "?", "hi")
    np.testing.assert_array_equal(question.ordinals, [1.0, math.nan, 2.5])


def test_from_frame_takes_descriptions_that_are_missing_as_unknown() -> None:
    rows = [("Q1", "a", "x", 1, None, None), ("Q1", "a", "y", 1, None, None)]
    question = Survey.from_frame(frame(rows, "question group option count text ordinal"))["Q1"]
    assert question.text == ""
    assert question.ordinals == ()


def test_from_frame_finds_an_ordinal_in_any_row_of_the_option() -> None:
    rows = [("Q1", "a", "x", 1, 1.0), ("Q1", "a", "y", 2, 2.0)]
    rows += [("Q1", "b", "x", 3, math.nan), ("Q1", "b", "y", 4, math.nan)]
    question = Survey.from_frame(frame(rows, "question group option count ordinal"))["Q1"]
    assert question.ordinals == (1.0, 2.0)


@pytest.mark.parametrize("column", ["ordinal", "group_share"])
def test_from_frame_refuses_contradictions(column: str) -> None:
    table = frame(
        [("Q1", g, o, 0.5) for g in "ab" for o in "xy"],
        "question group option share",
    )
    # Group a has the share 0.9 and 0.25; option x the ordinal 0.9 and 0.75.
    table[column] = [0.9, 0.25, 0.75, 0.75]
    with pytest.raises(InputError, match=column):
        Survey.from_frame(table)


def test_from_frame_of_shares() -> None:
    rows = [("Q1", "a", "x", 0.5), ("Q1", "a", "y", 0.5), ("Q1", "b", "x", 1.0)]
    table = frame(rows, "question group option share")
    question = Survey.from_frame(table)["Q1"]
    np.testing.assert_array_equal(question.choice_shares, [[0.5, 0.5], [1, 0]])
    np.testing.assert_array_equal(question.group_shares, [0.5, 0.5])
    assert question.counts is None
    table["group_share"] = [0.25, 0.25, 0.75]
    np.testing.assert_array_equal(Survey.from_frame(table)["Q1"].group_shares, [0.25, 0.75])


@pytest.mark.parametrize(
    ("rows", "columns", "complaint"),
    [
        ([("a", "x", 1)], "group option count", "column 'question'; it has 'group'"),
        ([("Q", "a", 1)], "question group count", "column 'option'"),
        ([("Q", "a", "x")], "question group option", "column 'share'"),
        ([], "question group option count", "at least one row"),
        ([("Q", "a", "x", "many")], "question group option count", "'count'.*'many'.*row of Q"),
        ([("Q", "a", "x", math.inf)], "question group option count", "'count'.*inf.*row of Q"),
        ([("Q", "a", "x", None)], "question group option count", "'count'.* row of Q"),
        ([("Q", None, "x", 1)], "question group option count", "'group' .*empty.* row of Q"),
        ([("Q", "a", None, 1)], "question group option count", "'option' .*empty.* row of Q"),
        ([(None, "a", "x", 1)], "question group option count", "'question' .*empty"),
        ([("Q", "a", "x", 1), ("Q", "a", "x", 1)], "question group option count", "repeated"),
        (
            [("Q", "a", "x", 0.5)],
            "question group option share",
            "share of Q.* 0.99 to 1.01; got 0.5",
        ),
        ([("Q", "a", "x", 1.0)], "question group option share", "options of Q.* at least 2"),
    ],
)
def test_from_frame_names_what_is_wrong(
    rows: list[tuple[Any, ...]], columns: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        Survey.from_frame(frame(rows, columns))


def test_to_frame_has_a_row_for_every_group_and_option() -> None:
    question = vote(text="Which?", grouping="party", source="here", ordinals=[1, 2, math.nan])
    table = Survey("mine", (question,)).to_frame()
    assert list(table) == [
        "question",
        "group",
        "option",
        "count",
        "ordinal",
        "text",
        "grouping",
        "source",
    ]
    assert table["group"].tolist() == ["Dem"] * 3 + ["Rep"] * 3
    assert table["option"].tolist() == ["A", "B", "C"] * 2
    assert table["count"].tolist() == [60, 30, 10, 60, 60, 180]
    np.testing.assert_array_equal(table["ordinal"], [1, 2, math.nan] * 2)
    for column, value in [("question", "VOTE"), ("text", "Which?"), ("source", "here")]:
        assert set(table[column]) == {value}


def test_to_frame_of_shares() -> None:
    question = Question.from_shares("Q", [[0.6, 0.4], [0.5, 0.5]], list("ab"), list("xy"))
    table = Survey("mine", (question,)).to_frame()
    assert list(table)[:5] == ["question", "group", "option", "share", "group_share"]
    assert table["share"].tolist() == [0.6, 0.4, 0.5, 0.5]
    assert table["group_share"].tolist() == [0.5] * 4


# --- Round trips --------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def names(size: int) -> st.SearchStrategy[list[str]]:
    return st.lists(WORDS, min_size=size, max_size=size, unique=True)


def ordinals(size: int) -> st.SearchStrategy[list[float]]:
    """No ordinals at all, or some of them known."""
    place = st.floats(-1e6, 1e6) | st.just(math.nan)
    some = st.lists(place, min_size=size, max_size=size).filter(lambda v: not np.isnan(v).all())
    return st.just([]) | some


@st.composite
def questions(draw: st.DrawFn, cell: st.SearchStrategy[float]) -> dict[str, Any]:
    """Ingredients of a question whose table has positive entries in every row."""
    n_groups, n_options = draw(st.integers(1, 4)), draw(st.integers(2, 6))
    row = st.lists(cell, min_size=n_options, max_size=n_options).filter(any)
    return {
        "table": np.array(draw(st.lists(row, min_size=n_groups, max_size=n_groups))),
        "groups": draw(names(n_groups)),
        "options": draw(names(n_options).filter(lambda given: not any(map(kind_of_label, given)))),
        "text": draw(WORDS),
        "grouping": draw(WORDS),
        "source": draw(WORDS),
        "ordinals": draw(ordinals(n_options)),
    }


def same_labels(left: Question, right: Question) -> None:
    for name in ("key", "groups", "options", "text", "grouping", "source"):
        assert getattr(left, name) == getattr(right, name)
    np.testing.assert_array_equal(left.ordinals, right.ordinals)


@settings(max_examples=30)
@given(st.lists(questions(st.integers(0, 10**6) | st.floats(0, 1e6)), min_size=1, max_size=3))
def test_round_trip_of_counts(drawn: list[dict[str, Any]]) -> None:
    survey = Survey(
        "mine",
        tuple(
            Question.from_counts(f"Q{i}", q.pop("table"), q.pop("groups"), q.pop("options"), **q)
            for i, q in enumerate(drawn)
        ),
    )
    again = Survey.from_frame(survey.to_frame())
    assert len(again) == len(survey)
    for question in survey:
        same_labels(again[question.key], question)
        np.testing.assert_array_equal(again[question.key].counts, question.counts)
        np.testing.assert_array_equal(again[question.key].choice_shares, question.choice_shares)
        np.testing.assert_array_equal(again[question.key].group_shares, question.group_shares)


@settings(max_examples=30)
@given(questions(st.floats(1e-3, 1.0) | st.just(0.0)), st.data())
def test_round_trip_of_shares(drawn: dict[str, Any], data: st.DataObject) -> None:
    table = drawn.pop("table")
    weights = np.array([data.draw(st.floats(1e-3, 1.0)) for _ in table])
    question = Question.from_shares(
        "Q",
        table / table.sum(axis=1, keepdims=True),
        drawn.pop("groups"),
        drawn.pop("options"),
        group_shares=weights / weights.sum(),
        **drawn,
    )
    again = Survey.from_frame(Survey("mine", (question,)).to_frame())["Q"]
    same_labels(again, question)
    assert again.counts is None
    np.testing.assert_allclose(again.choice_shares, question.choice_shares, rtol=1e-14)
    np.testing.assert_allclose(again.group_shares, question.group_shares, rtol=1e-14)


def test_round_trip_of_a_survey_of_counts_and_shares() -> None:
    shares = Question.from_shares("SHARES", [[0.6, 0.4]], ["all"], ["x", "y"])
    again = Survey.from_frame(Survey("mine", (vote(), shares)).to_frame())
    np.testing.assert_array_equal(again["VOTE"].counts, COUNTS)
    np.testing.assert_array_equal(again["SHARES"].choice_shares, [[0.6, 0.4]])


# --- Files --------------------------------------------------------------------------


def through_a_file(path: Path, *asked: Question) -> Survey:
    Survey("mine", asked).to_frame().to_csv(path, index=False)
    return read_table(path)


def test_round_trip_through_a_file(tmp_path: Path) -> None:
    labels = ["Yes, I do", 'the "best"', "peut-être né", "two\nlines"]
    question = Question.from_counts(
        "Q, 1",
        [[1.25, 0, 3, 1 / 3], [2, 2, 2, 1e-7]],
        ["Rep/Lean", "Dem, Lean"],
        labels,
        text="So: what, if anything?",
        grouping="party",
        source="Survey, 2020",
        ordinals=[1, 1.5, math.nan, 4],
    )
    survey = through_a_file(tmp_path / "mine.csv", question, vote(grouping="party"))
    assert survey.name == "mine.csv"
    assert len(survey) == 2
    same_labels(survey["Q, 1"], question)
    np.testing.assert_array_equal(survey["Q, 1"].counts, question.counts)
    same_labels(survey["VOTE"], vote(grouping="party"))


def test_round_trip_of_shares_through_a_file(tmp_path: Path) -> None:
    question = Question.from_shares(
        "Q", [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], list("ab"), list("xyz"), group_shares=[0.9, 0.1]
    )
    again = through_a_file(tmp_path / "mine.csv", question)["Q"]
    assert again.counts is None
    np.testing.assert_allclose(again.choice_shares, question.choice_shares, rtol=1e-14)
    np.testing.assert_allclose(again.group_shares, question.group_shares, rtol=1e-14)


@pytest.mark.parametrize(
    "labels",
    [
        ["None", "Some", "All"],
        ["NA", "yes", "no"],
        ["01", "02", "03"],
        ["01", "1", "2"],
        ["1.50", "2.00", "2.50"],
    ],
)
def test_labels_survive_a_file(tmp_path: Path, labels: list[str]) -> None:
    counts = np.array(COUNTS)
    by_option = Question.from_counts("Q", counts, ["a", "b"], labels)
    assert through_a_file(tmp_path / "1.csv", by_option)["Q"].options == tuple(labels)
    by_group = Question.from_counts("Q", counts.T, labels, ["x", "y"])
    assert through_a_file(tmp_path / "2.csv", by_group)["Q"].groups == tuple(labels)


def test_a_file_with_groups_in_another_column(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("question,age,option,count\nQ,young,x,1\nQ,young,y,2\nQ,old,y,3\n")
    question = read_table(file, groups="age")["Q"]
    assert (question.groups, question.grouping) == (("young", "old"), "age")
    np.testing.assert_array_equal(question.counts, [[1, 2], [0, 3]])
    with pytest.raises(DataError, match="column 'group'"):
        read_table(str(file))


HEADER = "question,group,option,count\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a CSV file"),
        (b"\n\n", "not a CSV file"),
        (HEADER.encode(), "at least one row"),
        (b"a,b\n1,2\n", "column 'question'; it has 'a', 'b'"),
        ((HEADER + "Q,a,x,1\nQ,a,y,many\n").encode(), "column 'count' .*'many' in a row of Q"),
        ((HEADER + "Q,a,x,1\nQ,a,y,\n").encode(), "column 'count' .* row of Q"),
        ((HEADER + "Q,a,x,1\nQ,a,y,-3\n").encode(), "counts of Q.* non-negative; got -3"),
        ((HEADER + "Q,a,x,0\nQ,a,y,0\n").encode(), "counts of Q.* only zeros"),
        ((HEADER + "Q,a,x,1\nQ,a,x,1\n").encode(), "rows of Q.* repeated"),
        ((HEADER + "Q,a,x,1\nQ,b,x,1\n").encode(), "options of Q.* at least 2"),
        ((HEADER + 'Q,a,"x,1\nQ,b,x,1\n').encode(), "not a CSV file"),
        ((HEADER + "Q,a,x,1\nQ,a,y,1\n").encode("utf-16-le"), "not a text file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not a text file"),
    ],
)
def test_a_file_that_is_no_survey_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=complaint) as caught:
        read_table(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: No such file"):
        read_table(tmp_path / "gone.csv")
    with pytest.raises(DataError, match=f"{tmp_path.name}: Is a directory"):
        read_table(tmp_path)


def test_rows_longer_than_the_header_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(HEADER + "2020,Q,a,x,1\n2020,Q,a,y,2\n")
    with pytest.raises(DataError):
        read_table(file)


def test_ordinals_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("question,group,option,count,ordinal\nQ,a,x,1,low\nQ,a,y,2,2\n")
    with pytest.raises(DataError, match="ordinal"):
        read_table(file)


# --- OpinionQA: files of the same form ----------------------------------------------

INFO = [
    {
        "key": "GUN_W26",
        "option_mapping": {1.0: "Yes, I do", 2.0: "Sometimes, or so", 3.0: "No", 99.0: "Refused"},
        "option_ordinal": [1.0, 1.5, 2.0],
    },
    {
        "key": "TAX_W112",
        "option_mapping": {1.0: "Up", 2.0: "Down", 3.0: "Not sure", 99.0: "Refused"},
        "option_ordinal": [1.0, 2.0],  # "Not sure" is off the scale
    },
]
ANSWERS: dict[str, dict[str, Any]] = {
    "GUN_W26": {
        # As upstream: split at the commas.
        "MC_options": ["Yes", "I do", "Sometimes", "or so", "No", "Refused"],
        "question_text": "Do you, ever?",
        "Democrat": {"Yes, I do": 10.0, "Sometimes, or so": 20.0, "No": 30.0, "Refused": 2.0},
        "Independent": {},
        "Refused": {"No": 4.0, "Refused": 1.0},
        "Republican": {"No": 5.0, "Yes, I do": 15.0},
    },
    "TAX_W112": {
        "MC_options": ["Up", "Down", "Not sure", "Refused"],
        "question_text": "Taxes?",
        "Democrat": {"Up": 3.0, "Down": 1.0},
        "Refused": {},
        "Republican": {"Up": 1.0, "Not sure": 3.0},
    },
}


def write_opinionqa(
    folder: Path,
    *,
    info: str | Sequence[Mapping[str, Any]] = INFO,
    answers: Any = ANSWERS,
    name: str = "POLPARTY",
) -> Path:
    """Write files of upstream's form; strings are written as they are."""
    if isinstance(info, str):
        (folder / "info.csv").write_text(info)
    else:
        pd.DataFrame(info).to_csv(folder / "info.csv")
    text = answers if isinstance(answers, str) else json.dumps(answers)
    (folder / f"{name}_data.json").write_text(text)
    return folder


def test_opinionqa_labels_come_from_the_option_mapping(tmp_path: Path) -> None:
    survey = read_opinionqa(write_opinionqa(tmp_path))
    assert survey.name == "OpinionQA by party"
    assert [question.key for question in survey] == ["GUN_W26", "TAX_W112"]
    gun = survey["GUN_W26"]
    assert gun.options == ("Yes, I do", "Sometimes, or so", "No")
    assert gun.groups == ("Democrat", "Republican")
    np.testing.assert_array_equal(gun.counts, [[10, 20, 30], [15, 0, 5]])
    assert gun.ordinals == (1.0, 1.5, 2.0)
    assert (gun.text, gun.grouping) == ("Do you, ever?", "party")
    assert gun.source == "Pew Research Center, American Trends Panel, wave 26"
    assert "Pew Research Center's American Trends Panel" in survey.citation
    assert "not of Pew Research Center" in survey.citation


def test_opinionqa_says_what_was_dropped(tmp_path: Path) -> None:
    gun = read_opinionqa(write_opinionqa(tmp_path))["GUN_W26"]
    assert set(gun.dropped) == {
        Dropped("group", "Independent", "no respondents", 0.0),
        Dropped("group", "Refused", "refused", 5.0),
        Dropped("option", "Refused", "refused", 2.0),  # without the group's own
    }


def test_opinionqa_options_off_the_scale_have_no_ordinal(tmp_path: Path) -> None:
    tax = read_opinionqa(write_opinionqa(tmp_path))["TAX_W112"]
    assert tax.options == ("Up", "Down", "Not sure")
    np.testing.assert_array_equal(tax.ordinals, [1.0, 2.0, math.nan])
    assert Dropped("group", "Refused", "no respondents", 0.0) in tax.dropped


@pytest.mark.parametrize(
    ("groups", "name", "grouping"),
    [
        ("party", "POLPARTY", "party"),
        ("POLPARTY", "POLPARTY", "party"),
        ("race", "RACE", "race"),
        ("sex", "SEX", "sex"),
        ("SEX", "SEX", "sex"),
    ],
)
def test_opinionqa_groups_choose_the_file(
    tmp_path: Path, groups: str, name: str, grouping: str
) -> None:
    survey = read_opinionqa(write_opinionqa(tmp_path, name=name), groups)
    assert survey.name == f"OpinionQA by {grouping}"
    assert {question.grouping for question in survey} == {grouping}


def test_opinionqa_refuses_other_groups(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'party', 'race', 'sex' for OpinionQA; got 'age'"):
        read_opinionqa(write_opinionqa(tmp_path), "age")


def test_opinionqa_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"info\.csv: No such file"):
        read_opinionqa(tmp_path)
    write_opinionqa(tmp_path)
    with pytest.raises(DataError, match=r"RACE_data\.json: No such file"):
        read_opinionqa(tmp_path, "race")


def changed(key: str, group: str, value: Any) -> dict[str, Any]:
    """Return the answers with one group's counts replaced."""
    return ANSWERS | {key: ANSWERS[key] | {group: value}}


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        (json.dumps(ANSWERS)[:200], "not a complete JSON file"),
        ("", "not a complete JSON file"),
        (list(ANSWERS.values()), "JSON object; it holds list"),
        ('"text"', "JSON object; it holds str"),
        ({}, "must not be empty"),
        (ANSWERS | {"NEW_W1": ANSWERS["GUN_W26"]}, r"NEW_W1 is not described in info\.csv"),
        (changed("GUN_W26", "Democrat", {"Maybe": 3.0}), r"GUN_W26 has an option 'Maybe'"),
        # What the split at commas would give.
        (changed("GUN_W26", "Democrat", {"Yes": 3.0}), r"GUN_W26 has an option 'Yes'"),
        (changed("GUN_W26", "Democrat", {"No": -3.0}), "counts of GUN_W26.* non-negative"),
        (changed("GUN_W26", "Democrat", {"No": "many"}), "counts of GUN_W26.* finite numbers"),
        (changed("GUN_W26", "Democrat", {"No": None}), "counts of GUN_W26.* finite numbers"),
        (changed("GUN_W26", "Democrat", None), "not of the form"),
        (changed("GUN_W26", "Democrat", 5), "not of the form"),
        (ANSWERS | {"GUN_W26": 5}, "GUN_W26 must hold a JSON object; it holds int"),
        (ANSWERS | {"GUN_W26": {"question_text": "no groups"}}, "counts of GUN_W26"),
        (ANSWERS | {"GUN_W26": {"Refused": {"No": 3.0}}}, "counts of GUN_W26"),
    ],
)
def test_opinionqa_names_what_is_wrong_with_the_counts(
    tmp_path: Path, answers: Any, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        read_opinionqa(write_opinionqa(tmp_path, answers=answers))
    assert str(caught.value).startswith(f"{tmp_path / 'POLPARTY_data.json'}: ")


def test_opinionqa_refuses_a_list_for_a_question(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_opinionqa(write_opinionqa(tmp_path, answers=ANSWERS | {"GUN_W26": [1]}))


def info_with(column: str, value: Any) -> list[Mapping[str, Any]]:
    return [INFO[0] | {column: value}, INFO[1]]


@pytest.mark.parametrize(
    ("info", "file", "complaint"),
    [
        ("", "info.csv", "not a CSV file"),
        ("nonsense", "info.csv", "column 'key'"),
        ([{"key": "GUN_W26", "option_mapping": {}}], "info.csv", "column 'option_ordinal'"),
        ([{"key": "GUN_W26", "option_ordinal": []}], "info.csv", "column 'option_mapping'"),
        ([{"option_mapping": {}, "option_ordinal": []}], "info.csv", "column 'key'"),
        (info_with("option_mapping", "{1.0: 'Yes"), "info.csv", "not of the form"),
        (info_with("option_mapping", "__import__('os')"), "info.csv", "not of the form"),
        (info_with("option_mapping", ""), "info.csv", "not of the form"),
        (info_with("option_ordinal", "?"), "info.csv", "not of the form"),
        (INFO[1:], "POLPARTY_data.json", r"GUN_W26 is not described in info\.csv"),
        (info_with("option_mapping", ["Yes", "No"]), "POLPARTY_data.json", "not of the form"),
        (
            info_with("option_mapping", {1.0: "No", 2.0: "No"}),
            "POLPARTY_data.json",
            "GUN_W26",
        ),
        (info_with("option_ordinal", [1, 2, 3, 4, 5, 6]), "POLPARTY_data.json", "ordinals of GUN"),
    ],
)
def test_opinionqa_names_what_is_wrong_with_the_labels(
    tmp_path: Path, info: Any, file: str, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        read_opinionqa(write_opinionqa(tmp_path, info=info))
    assert str(caught.value).startswith(f"{tmp_path / file}: ")


# --- OpinionQA: the real files ------------------------------------------------------


@pytest.fixture(scope="module")
def opinionqa() -> Callable[[str], Survey]:
    folder = Path(DATA or "") / "opinionqa"
    surveys: dict[str, Survey] = {}

    def read(groups: str) -> Survey:
        if groups not in surveys:
            surveys[groups] = read_opinionqa(folder, groups)
        return surveys[groups]

    return read


@real
@pytest.mark.parametrize(
    ("groups", "labels"),
    [
        ("party", {"Democrat", "Independent", "Other", "Republican"}),
        ("race", {"Asian", "Black", "Hispanic", "Mixed Race", "Other", "White"}),
        ("sex", {"Female", "Male"}),
    ],
)
def test_real_opinionqa_groups(
    opinionqa: Callable[[str], Survey], groups: str, labels: set[str]
) -> None:
    survey = opinionqa(groups)
    assert len(survey) == 494
    assert sum(question.n_options > 2 for question in survey) == 479
    assert {name for question in survey for name in question.groups} == labels


@real
def test_real_opinionqa_drops_refusals_and_says_so(opinionqa: Callable[[str], Survey]) -> None:
    raw = json.loads((Path(str(DATA)) / "opinionqa" / "POLPARTY_data.json").read_text())
    for question in opinionqa("party"):
        assert "Refused" not in question.groups + question.options
        reasons = {(d.kind, d.name): d for d in question.dropped}
        answers = raw[question.key]
        assert reasons["option", "Refused"].reason == "refused"
        assert reasons["option", "Refused"].respondents == sum(
            answers[group].get("Refused", 0)
            for group in answers
            if isinstance(answers[group], dict) and group != "Refused"
        )
        refused = sum(answers["Refused"].values())
        assert reasons["group", "Refused"].respondents == refused
        assert reasons["group", "Refused"].reason == ("refused" if refused else "no respondents")


@real
def test_real_opinionqa_keeps_every_other_answer(opinionqa: Callable[[str], Survey]) -> None:
    raw = json.loads((Path(str(DATA)) / "opinionqa" / "POLPARTY_data.json").read_text())
    for question in opinionqa("party"):
        assert question.counts is not None
        for group, counts in zip(question.groups, question.counts, strict=True):
            answers = {option: n for option, n in raw[question.key][group].items() if n}
            answers.pop("Refused", None)
            kept = dict(zip(question.options, counts.tolist(), strict=True))
            assert {option: n for option, n in kept.items() if n} == answers


@real
def test_real_opinionqa_labels_with_commas(opinionqa: Callable[[str], Survey]) -> None:
    question = opinionqa("party")["GUNTYPEOWNC_W26"]
    assert question.options == (
        "Yes, I currently own",
        "Yes, I have owned in the past but do not currently own",
        "No, I have never owned",
    )
    assert question.ordinals == (1.0, 2.0, 3.0)
    fractional = [
        q.key for q in opinionqa("party") if any(x % 1 for x in q.ordinals if not math.isnan(x))
    ]
    assert fractional


@real
def test_real_opinionqa_drops_a_party_that_was_not_asked(
    opinionqa: Callable[[str], Survey],
) -> None:
    question = opinionqa("party")["GOPDIRCT_W29"]
    assert question.groups == ("Independent", "Other", "Republican")
    assert Dropped("group", "Democrat", "no respondents", 0.0) in question.dropped

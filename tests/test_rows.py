"""Rows of respondents as questions: who counts, what counts, and what is said of the rest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from socialpref import InputError
from socialpref.surveys import (
    DesignColumns,
    MissingAnswers,
    Question,
    Survey,
    study,
    survey_from_rows,
)

Floats = NDArray[np.float64]
NAN = float("nan")

# Weights are multiples of a quarter, so that every sum below is exact.
PEOPLE: dict[str, Sequence[Any]] = {
    "party": ["Dem", "Dem", "Dem", "Dem", "Rep", "Rep", "Rep", None, "Other", "Dem"],
    "sex": [1, 2, 1, 2, 1, 2, 99, 1, 1, NAN],
    "weight": [1.0, 2.0, 0.5, NAN, 1.0, 3.0, 0.25, 1.0, 1.0, 0.0],
    "Q": [1, 2, 1, 1, 2, 99, 3, 1, 1, 2],
}
LABELS = {
    "Q": {1: "yes", 2: "no", 3: "maybe", 4: "never", 99: "Refused"},
    "sex": {1: "M", 2: "F", 99: "No answer"},
}


def rows(**changes: Any) -> pd.DataFrame:
    return pd.DataFrame({**PEOPLE, **changes})


def by_party(frame: pd.DataFrame | None = None, **more: Any) -> Survey:
    settings: dict[str, Any] = {
        "groups": ["party"],
        "weight": "weight",
        "value_labels": LABELS,
        "questions": ["Q"],
    }
    return survey_from_rows(rows() if frame is None else frame, **settings | more)


def answer(values: Sequence[Any], **more: Any) -> Survey:
    """Return the survey of one column, asked of a group of its own for every other person."""
    groups = [("a", "b")[i % 2] for i in range(len(values))]
    return survey_from_rows(pd.DataFrame({"g": groups, "Q": values}), groups=["g"], **more)


def known(array: Floats | None) -> Floats:
    assert array is not None
    return array


def told(question: Question) -> list[tuple[str, str, str, float]]:
    return [(d.kind, d.name, d.reason, d.respondents) for d in question.dropped]


# --- counts ---------------------------------------------------------------------------


def test_counts_are_sums_of_weights() -> None:
    question = by_party()["Q"]
    assert question.groups == ("Dem", "Other", "Rep")
    assert question.options == ("yes", "no", "maybe")
    # Dem: 1 + 0.5 say yes and 2 say no; Other: 1 says yes; Rep: 1 says no, 0.25 maybe.
    np.testing.assert_array_equal(question.counts, [[1.5, 2, 0], [1, 0, 0], [0, 1, 0.25]])
    np.testing.assert_array_equal(question.sizes, [3, 1, 2])
    kish = [3.5**2 / (1 + 4 + 0.25), 1, 1.25**2 / (1 + 0.0625)]
    np.testing.assert_allclose(known(question.effective_sizes), kish, rtol=1e-15)
    np.testing.assert_allclose(question.group_shares, np.array([3.5, 1, 1.25]) / 5.75)
    assert question.n_respondents == 6


def test_each_answer_that_does_not_count_is_told_once() -> None:
    assert told(by_party()["Q"]) == [
        ("respondents", "weight", "weight missing", 1),
        ("respondents", "weight", "weight 0", 1),
        ("group", "party", "missing", 1),
        ("option", "Refused", "refused", 1),
    ]


def test_without_weights_everybody_counts_one() -> None:
    question = by_party(weight=None)["Q"]
    np.testing.assert_array_equal(question.counts, [[3, 2, 0], [1, 0, 0], [0, 1, 1]])
    np.testing.assert_array_equal(question.effective_sizes, question.sizes)
    assert told(question) == [
        ("group", "party", "missing", 1),
        ("option", "Refused", "refused", 1),
    ]


def test_several_groups_are_crossed() -> None:
    question = by_party(groups=["party", "sex"])["Q"]
    assert question.grouping == "party + sex"
    assert question.groups == ("Dem + M", "Dem + F", "Other + M", "Rep + M")
    np.testing.assert_array_equal(question.counts, [[1.5, 0], [0, 2], [1, 0], [0, 1]])
    assert told(question) == [
        ("respondents", "weight", "weight missing", 1),
        ("respondents", "weight", "weight 0", 1),
        ("group", "party", "missing", 1),
        ("group", "No answer", "refused", 1),  # a woman or man who did not say; she said maybe
        ("option", "Refused", "refused", 1),  # the only "Rep + F"
        ("group", "Rep + F", "no respondents", 0),
        ("option", "maybe", "nobody chose it", 0),
    ]


def test_groups_can_be_left_out() -> None:
    question = by_party(drop_groups=["Other"])["Q"]
    assert question.groups == ("Dem", "Rep")
    assert ("group", "Other", "left out", 1) in told(question)
    assert by_party(drop_groups="Other")["Q"].groups == ("Dem", "Rep")


def test_groups_can_be_left_out_by_a_part_or_by_the_whole_of_their_label() -> None:
    crossed = {"groups": ["party", "sex"], "weight": None}
    assert by_party(**crossed, drop_groups=["F"])["Q"].groups == ("Dem + M", "Other + M", "Rep + M")
    question = by_party(**crossed, drop_groups=["Other", "Dem + M"])["Q"]
    assert question.groups == ("Dem + F", "Rep + M")
    assert ("group", "Other", "left out", 1) in told(question)
    assert ("group", "Dem + M", "left out", 2) in told(question)


def test_groups_are_left_out_for_what_their_label_says() -> None:
    frame = pd.DataFrame({"party": [1, 2, 9, 9, 98, 99, NAN], "Q": [1, 2, 1, 2, 1, 1, 1]})
    labels = {"party": {1: "DK", 2: "Rep", 9: "Other", 98: "98. Don't know", 99: "(Refused)"}}
    question = survey_from_rows(frame, groups=["party"], value_labels=labels)["Q"]
    assert question.groups == ("DK", "Rep", "Other")  # DK may be Denmark
    assert told(question) == [
        ("group", "party", "missing", 1),
        ("group", "98. Don't know", "don't know", 1),
        ("group", "(Refused)", "refused", 1),
    ]
    keep = MissingAnswers(dont_know="keep")
    question = survey_from_rows(frame, groups=["party"], value_labels=labels, missing=keep)["Q"]
    assert question.groups == ("DK", "Rep", "Other", "98. Don't know")


def test_code_99_is_a_group_unless_its_label_says_otherwise() -> None:
    frame = pd.DataFrame({"age": [98, 99, 99, 98], "Q": [1, 2, 1, 2]})
    assert survey_from_rows(frame, groups=["age"])["Q"].groups == ("98", "99")


def test_questions_share_their_respondents() -> None:
    survey = by_party(rows(R=[2, 1, 1, 2, 1, 2, 1, 2, NAN, NAN]), questions=["Q", "R"], source="W1")
    first, second = (question.respondents for question in survey)
    assert first is not None
    assert second is not None
    assert first.weights is second.weights
    assert not first.weights.flags.writeable
    assert first.options.dtype == first.groups.dtype == np.int16
    assert first.sample == second.sample == "W1"
    assert len(first.weights) == 10
    # Whoever does not count weighs nothing, so that no sum over weights can go wrong.
    np.testing.assert_array_equal(first.weights, [1, 2, 0.5, 0, 1, 3, 0.25, 0, 1, 0])
    np.testing.assert_array_equal(first.groups, [0, 0, 0, -1, 2, 2, 2, -1, 1, -1])
    np.testing.assert_array_equal(first.options, [0, 1, 0, 0, 1, -1, 2, 0, 0, 1])
    assert by_party(name="N")["Q"].respondents.sample == "N"  # type: ignore[union-attr]


def test_replicate_weights_are_those_of_the_rows_that_count() -> None:
    replicates = {"r1": [2.0] * 3 + [NAN] + [1.0] * 6, "r2": [0.0] * 5 + [3.0] * 5}
    survey = by_party(
        rows(**replicates), design=DesignColumns(replicate_weights=["r1", "r2"], method="brr")
    )
    answers = survey["Q"].respondents
    assert answers is not None
    assert answers.replicates is not None
    np.testing.assert_array_equal(
        answers.replicates.weights.T,
        [[2, 2, 2, 0, 1, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 3, 3, 0, 3, 0]],
    )


def test_about_a_question() -> None:
    survey = by_party(texts={"Q": "Will you?"}, name="mine", citation="me", source="W1")
    assert (survey.name, survey.citation) == ("mine", "me")
    question = survey["Q"]
    assert (question.text, question.grouping, question.source) == ("Will you?", "party", "W1")


def test_the_index_of_the_frame_does_not_matter() -> None:
    shuffled = by_party(rows().set_index(np.arange(10)[::-1] % 4))
    np.testing.assert_array_equal(shuffled["Q"].counts, by_party()["Q"].counts)


def test_a_survey_from_rows_can_be_studied() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], 900), "Q": rng.integers(1, 4, 900)})
    assert study(survey_from_rows(frame, groups="g")).summary()["n_examined"] == 1


# --- options --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "labels", "options"),
    [
        ([2.0, 1.0, NAN, 1.0], {}, ("1", "2")),
        ([0.5, 1.0, 2.5, 1.0], {}, ("0.5", "1", "2.5")),
        ([10, 9, 100, 9], {}, ("9", "10", "100")),
        ([True, False, True, True], {}, ("False", "True")),
        ([2, 1, 3, 1], {1: "a", 3: "c"}, ("a", "2", "c")),
        ([2, 1, 3, 1], {1: "same", 2: "same", 3: "other"}, ("same (1)", "same (2)", "other")),
        ([2, 1, 3, 1], {1: "x", 2: "y", 3: "z", 4: "unused"}, ("x", "y", "z")),
        ([2, 1, 2, 1], {1: "  padded ", 2: " "}, ("padded", "2")),
        (["A", "B", "", "B"], {"A": "agree", "B": "disagree"}, ("agree", "disagree")),
        (pd.Categorical(["lo", "hi", "lo", "hi"], ["lo", "hi"]), {}, ("lo", "hi")),
        (pd.array([2, 1, None, 2], "Int64"), {}, ("1", "2")),
    ],
)
def test_options_are_the_answers_given_in_order_of_their_codes(
    values: Any, labels: dict[Any, str], options: tuple[str, ...]
) -> None:
    question = answer(values, value_labels={"Q": labels})["Q"]
    assert question.options == options
    assert question.dropped == ()


def test_two_codes_of_refusal_are_both_dropped() -> None:
    question = answer([1, 2, 98, 99], value_labels={"Q": {98: "Refused", 99: "Refused"}})["Q"]
    assert told(question) == [
        ("option", "Refused (98)", "refused", 1),
        ("option", "Refused (99)", "refused", 1),
    ]


def test_what_only_uncounted_people_chose_is_no_option() -> None:
    question = by_party(rows(Q=[1, 2, 1, 4, 2, 1, 1, 4, 1, 4]))["Q"]
    assert question.options == ("yes", "no")
    assert told(question)[-1] == ("option", "never", "nobody chose it", 0)


# --- columns --------------------------------------------------------------------------


def test_questions_are_the_columns_that_are_nothing_else() -> None:
    survey = survey_from_rows(
        rows(r1=1.0, r2=1.0),
        groups=["party"],
        weight="weight",
        design=DesignColumns(replicate_weights=["r*"], method="brr"),
        value_labels=LABELS,
    )
    assert [question.key for question in survey] == ["sex", "Q"]
    named = by_party(questions=["Q", "sex"])
    assert [question.key for question in named] == ["Q", "sex"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["a", "b", "a", "b"], "text without labels"),
        ([pd.Timestamp("2020-01-01")] * 4, "datetime64 values, not codes"),
        ([[1], [2], [1], [2]], "mixed values, not codes"),
        ([1, 1, 1, NAN], "fewer than two options were chosen"),
        (["Yes", "Yes", "Refused", "DK"], "text without labels"),
        ([NAN] * 4, "nobody answered it"),
        ([None] * 4, "nobody answered it"),
    ],
)
def test_columns_that_cannot_be_questions(values: Sequence[Any], reason: str) -> None:
    frame = pd.DataFrame({"g": ["a", "b"] * 2, "good": [1, 2, 1, 1], "Q": values})
    survey = survey_from_rows(frame, groups=["g"])
    assert [question.key for question in survey] == ["good"]
    lost = [(d.kind, d.name, d.reason, d.respondents) for d in survey.skipped]
    assert lost == [("variable", "Q", reason, pd.Series(values).notna().sum())]


def test_more_than_thirty_values_are_no_options() -> None:
    values = [*range(30), *range(30)]
    assert answer(values)["Q"].n_options == 30
    with pytest.raises(InputError, match="'Q': more than 30 distinct values"):
        answer([*values, 30])


def test_text_can_be_asked_for_by_name() -> None:
    question = answer(["no", "yes", "no", "Refused", " ", None], questions=["Q"])["Q"]
    assert question.options == ("no", "yes")
    assert told(question) == [("option", "Refused", "refused", 1)]


def test_columns_may_have_numbers_for_names() -> None:
    frame = pd.DataFrame({"g": ["a", "b"], 7: [1, 2]})
    assert survey_from_rows(frame, groups=["g"])["7"].n_respondents == 2


# --- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": []}, "'groups' must be at least one column; got none."),
        ({"groups": ["age"]}, "there must be a column 'age'; there is none"),
        ({"weight": "w"}, "there must be a column 'w'; there is none"),
        ({"questions": ["Q", "R"]}, "there must be a column 'R'; there is none"),
        ({"questions": []}, "nothing in rows can be a question (it is empty)"),
        ({"questions": ["Q", "Q"]}, "'questions' must be distinct labels"),
        ({"design": DesignColumns(units=["r"])}, "there must be a column 'r'; there is none"),
        (
            {"drop_groups": ["Green"]},
            "'drop_groups' must be among the groups 'Dem', 'Other', 'Rep'",
        ),
        ({"drop_groups": ["Dem", "Rep", "Other"]}, "some row must have a group and a weight"),
        ({"weight": "party"}, "'party' must be numbers; got 'Dem'."),
        ({"weight": "none"}, "there must be a column 'none'"),
        ({"questions": ["Q", "party"]}, "'party' cannot be a question: it holds groups"),
        ({"batteries": {"B": ["party"]}}, "'party' cannot be a question: it holds groups"),
    ],
)
def test_errors_name_what_is_wrong(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        by_party(**settings)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0], "'w' must be finite and non-negative weights; got -1 among them."),
        ([1.0, np.inf], "'w' must be finite and non-negative weights; got inf among them."),
        ([0.0, 0.0], "'w' must be weights that are positive somewhere; got none."),
        ([NAN, NAN], "'w' must be weights that are positive somewhere; got none."),
        ([1.0, "x"], "'w' must be numbers; got 'x'."),
    ],
)
def test_weights_must_be_weights(weights: list[Any], message: str) -> None:
    frame = pd.DataFrame({"g": ["a", "b"], "Q": [1, 2], "w": weights})
    with pytest.raises(InputError) as error:
        survey_from_rows(frame, groups=["g"], weight="w")
    assert str(error.value) == message


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1.0, 1e300])
def test_weights_of_any_size_have_a_kish_size(scale: float) -> None:
    frame = pd.DataFrame(
        {"g": list("aaab"), "Q": [1, 2, 1, 2], "w": np.array([2, 1, 1, 1]) * scale}
    )
    question = survey_from_rows(frame, groups=["g"], weight="w")["Q"]
    np.testing.assert_allclose(question.effective_sizes, [16 / 6, 1])  # type: ignore[arg-type]


def test_names_of_columns_must_differ() -> None:
    frame = pd.DataFrame([["a", 1, 2], ["b", 2, 1]], columns=["g", "Q", "Q"])
    with pytest.raises(InputError, match="distinct names; 'Q' is there twice"):
        survey_from_rows(frame, groups=["g"])


def test_an_identifier_is_no_group() -> None:
    frame = pd.DataFrame({"id": range(1001), "Q": [1, 2, 1] * 333 + [1, 2]})
    with pytest.raises(InputError, match="at most 1000 groups; got 1001 from id"):
        survey_from_rows(frame, groups=["id"])


def test_the_reasons_are_told_if_no_column_is_a_question() -> None:
    frame = pd.DataFrame({"g": ["a", "b"], "t": ["x", "y"], "u": 1, "v": 2, "w": 3})
    with pytest.raises(InputError, match=r"'t': text without labels; 'u': .*; and 1 more"):
        survey_from_rows(frame, groups=["g"])


# --- any table ------------------------------------------------------------------------

CODES = st.sampled_from([1.0, 2.0, 3.0, 99.0, NAN])
MISSING = {"Q": {99: "Refused"}, "party": {99: "No answer"}}
PERSON = st.tuples(
    st.sampled_from([1.0, 2.0, 3.0, 99.0, NAN]),
    st.sampled_from(["x", "y", None]),
    st.sampled_from([0.0, 0.5, 1.0, 2.0, NAN]),
    CODES,
)


def counted_one_by_one(people: list[tuple[Any, ...]]) -> dict[tuple[str, str], float]:
    """Return the sums of weights by group and option, by the rules and in plain Python."""
    table: dict[tuple[str, str], float] = {}
    for party, letter, weight, code in people:
        known = weight > 0 and party == party and party != 99 and letter is not None
        if known and code == code and code != 99:
            cell = f"{party:.0f} + {letter}", f"{code:.0f}"
            table[cell] = table.get(cell, 0.0) + weight
    return table


@given(st.lists(PERSON, min_size=1, max_size=40))
def test_every_answer_counts_or_is_told_to_be_dropped(people: list[tuple[Any, ...]]) -> None:
    frame = pd.DataFrame(people, columns=["party", "letter", "w", "Q"])
    expected = counted_one_by_one(people)
    try:
        question = survey_from_rows(
            frame, groups=["party", "letter"], weight="w", value_labels=MISSING
        )["Q"]
    except InputError:
        assert len({option for _, option in expected}) < 2
        return
    assert question.counts is not None
    assert question.sizes is not None
    found = {
        (group, option): question.counts[g, o]
        for g, group in enumerate(question.groups)
        for o, option in enumerate(question.options)
        if question.counts[g, o]
    }
    assert found == expected
    lost = sum(d.respondents for d in question.dropped)
    assert question.sizes.sum() + lost == frame["Q"].notna().sum()
    assert len({(d.kind, d.name, d.reason) for d in question.dropped}) == len(question.dropped)


@given(st.lists(PERSON, min_size=2, max_size=40), st.floats(0.01, 100.0))
def test_the_unit_of_the_weights_does_not_matter(
    people: list[tuple[Any, ...]], unit: float
) -> None:
    frame = pd.DataFrame(people, columns=["party", "letter", "w", "Q"])
    settings: dict[str, Any] = {"groups": ["party"], "questions": ["Q"], "value_labels": MISSING}
    try:
        question = survey_from_rows(frame, weight="w", **settings)["Q"]
    except InputError:
        return
    scaled = survey_from_rows(frame.assign(w=frame["w"] * unit), weight="w", **settings)["Q"]
    np.testing.assert_allclose(scaled.choice_shares, question.choice_shares, atol=1e-12)
    np.testing.assert_allclose(scaled.group_shares, question.group_shares, atol=1e-12)
    np.testing.assert_allclose(
        known(scaled.effective_sizes), known(question.effective_sizes), rtol=1e-12
    )
    np.testing.assert_array_equal(scaled.sizes, question.sizes)

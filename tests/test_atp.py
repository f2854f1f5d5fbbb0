"""Pew's American Trends Panel, from SPSS files of its shape with made-up respondents."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from socialpref import DataError, InputError
from socialpref.surveys import Protocol, Question, Survey, read_atp, read_respondents, study
from socialpref.surveys.readers.opinionqa import PEW_CITATION

from .sav_files import LABELS, NAN, PARTY, TEXTS, WAVE, random_wave, renamed, write_sav

Floats = NDArray[np.float64]

REP, DEM, NEITHER = "Rep/Lean Rep", "Dem/Lean Dem", "DK/Refused/No lean"
USER_MISSING = {"KNOW_W128": [{"lo": 98, "hi": 99}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the wave of twelve respondents."""
    write_sav(tmp_path / "W128_Jun23" / "ATP W128.sav", WAVE, user_missing=USER_MISSING)
    return tmp_path


SHORT = {name: values for name, values in WAVE.items() if name != "KNOW_W128"}
"""The wave without the question that has a code 98, which is missing where it has no label."""


def known(array: Floats | None) -> Floats:
    assert array is not None
    return array


def told(question: Question) -> list[tuple[str, str, str, float]]:
    return [(d.kind, d.name, d.reason, d.respondents) for d in question.dropped]


def without(name: str) -> dict[str, Sequence[Any]]:
    return {column: values for column, values in WAVE.items() if column != name}


# --- one wave, by hand ----------------------------------------------------------------


def test_questions_are_the_variables_that_are_neither_profile_nor_metadata(folder: Path) -> None:
    survey = read_atp(folder)
    assert [question.key for question in survey] == ["EVCAR_W128", "FORMQ_W128", "KNOW_W128"]
    assert [(d.kind, d.name, d.reason, d.respondents) for d in survey.skipped] == [
        ("variable", "OPEN_W128", "text without labels", 6),
        ("variable", "SAME_W128", "fewer than two options were chosen", 12),
        ("variable", "NOBODY_W128", "nobody answered it", 0),
    ]


def test_answers_are_counted_with_the_weights_of_the_wave(folder: Path) -> None:
    question = read_atp(folder)["EVCAR_W128"]
    assert question.groups == (REP, DEM, NEITHER)
    assert question.options == ("Very likely", "Somewhat likely", "Not likely")
    # Republicans: 1 is very, 2 and 0.5 are somewhat likely. Democrats: 1 and 1 are not; 3 has
    # no party.
    np.testing.assert_array_equal(question.counts, [[1, 2.5, 0], [0, 0, 2], [3, 0, 0]])
    np.testing.assert_array_equal(question.sizes, [3, 2, 1])
    np.testing.assert_allclose(question.choice_shares[0], [1 / 3.5, 2.5 / 3.5, 0])
    np.testing.assert_allclose(question.group_shares, np.array([3.5, 2, 3]) / 8.5)
    assert question.effective_sizes is not None
    np.testing.assert_allclose(question.effective_sizes, [3.5**2 / (1 + 4 + 0.25), 2, 1])


def test_the_question_tells_what_was_dropped(folder: Path) -> None:
    assert told(read_atp(folder)["EVCAR_W128"]) == [
        ("respondents", "WEIGHT_W128", "weight missing", 1),
        ("respondents", "WEIGHT_W128", "weight 0", 1),
        ("group", "F_PARTYSUM_FINAL", "missing", 1),
        ("group", "99", "refused", 1),
        ("option", "Refused", "refused", 1),
    ]


def test_half_of_the_sample_was_asked_the_other_form(folder: Path) -> None:
    question = read_atp(folder)["FORMQ_W128"]
    np.testing.assert_array_equal(question.counts, [[1, 0.5], [1, 0], [0, 3]])
    np.testing.assert_array_equal(question.sizes, [2, 1, 1])
    assert sum(d.respondents for d in question.dropped) == 2


def test_user_missing_values_are_missing(folder: Path) -> None:
    question = read_atp(folder)["KNOW_W128"]
    assert question.options == ("Yes", "No")
    np.testing.assert_array_equal(question.counts, [[1, 0.5], [2, 1], [0, 3]])
    assert [line for line in told(question) if line[0] == "option"] == [
        ("option", "Not sure", "user-missing", 2),
        ("option", "Refused", "refused", 1),
    ]


def test_labels_of_not_asked_keep_the_rule_of_the_protocol(tmp_path: Path) -> None:
    # Of the codes it knows, the published script leaves out 99 and what the file declares
    # missing: "not applicable" was on the list of answers, and somebody chose it.
    answers: dict[str, Any] = {
        "KIDS_W9": [1.0, 2.0, 3.0, 3.0, 99.0, NAN],
        "F_PARTYSUM_FINAL": [1.0, 2.0, 1.0, 2.0, 1.0, 2.0],
        "WEIGHT_W9": [1.0, 1.0, 2.0, 1.0, 1.0, 1.0],
    }
    labels = {"KIDS_W9": {1.0: "Yes", 2.0: "No", 3.0: "Not applicable", 99.0: "Refused"}}
    write_sav(tmp_path / "w.sav", answers, labels=labels)
    kept = read_atp(tmp_path)["KIDS_W9"]
    assert kept.options == ("Yes", "No", "Not applicable")
    np.testing.assert_array_equal(known(kept.counts), [[1, 0, 2], [0, 1, 1]])
    assert told(kept) == [("option", "Refused", "refused", 1)]
    # In any other file the same label says that the question was not asked.
    other = read_respondents(tmp_path / "w.sav", ["F_PARTYSUM_FINAL"], "WEIGHT_W9", ["KIDS_W9"])
    assert other["KIDS_W9"].options == ("Yes", "No")
    assert ("option", "Not applicable", "not asked", 2) in told(other["KIDS_W9"])
    # Declared missing, it is missing in Pew's files, too.
    write_sav(tmp_path / "w.sav", answers, labels=labels, user_missing={"KIDS_W9": [3.0]})
    declared = read_atp(tmp_path)["KIDS_W9"]
    assert declared.options == ("Yes", "No")
    assert ("option", "Not applicable", "not asked", 2) in told(declared)


def test_about_the_questions(folder: Path) -> None:
    survey = read_atp(folder)
    assert survey.name == "American Trends Panel by F_PARTYSUM_FINAL"
    assert survey.citation == PEW_CITATION
    question = survey["EVCAR_W128"]
    assert question.text == TEXTS["EVCAR_W128"]
    assert survey["FORMQ_W128"].text == ""
    assert question.grouping == "F_PARTYSUM_FINAL"
    assert question.source == "Pew Research Center, American Trends Panel, wave 128"
    assert question.respondents is not None
    assert question.respondents.sample == question.source


def test_groups_can_be_crossed(folder: Path) -> None:
    question = read_atp(folder, groups=["F_PARTYSUM_FINAL", "F_RACETHNMOD"])["EVCAR_W128"]
    assert question.grouping == "F_PARTYSUM_FINAL + F_RACETHNMOD"
    assert question.groups == (
        f"{REP} + White",
        f"{REP} + Black",
        f"{DEM} + White",
        f"{DEM} + Black",
        f"{NEITHER} + White",
    )
    np.testing.assert_array_equal(
        question.counts, [[1, 0.5, 0], [0, 2, 0], [0, 0, 1], [0, 0, 1], [3, 0, 0]]
    )


def test_a_group_that_refused_to_say_is_dropped(folder: Path) -> None:
    question = read_atp(folder, groups=["F_RACETHNMOD"])["SAME_W128"]
    assert question.groups == ("White", "Black")
    assert told(question) == [
        ("respondents", "WEIGHT_W128", "weight missing", 1),
        ("respondents", "WEIGHT_W128", "weight 0", 1),
        ("group", "Refused", "refused", 1),
        ("option", "99", "refused", 2),  # SAME has no value labels
        ("group", "Hispanic", "no respondents", 0),
    ]


def test_groups_can_be_left_out(folder: Path) -> None:
    survey = read_atp(folder, drop_groups=[NEITHER])
    assert survey["EVCAR_W128"].groups == (REP, DEM)
    assert ("group", NEITHER, "left out", 1) in told(survey["EVCAR_W128"])
    with pytest.raises(InputError, match=r"'drop_groups' must be among .*; got 'Greens'"):
        read_atp(folder, drop_groups=["Greens"])


def test_other_weights_and_none(folder: Path) -> None:
    other = read_atp(folder, weight="WEIGHT_W128_EV")["EVCAR_W128"]
    # The one without the wave's weight and the one of weight 0 count now.
    np.testing.assert_array_equal(other.counts, [[4, 4, 0], [0, 2, 4], [2, 0, 0]])
    plain = read_atp(folder, weight="none")["EVCAR_W128"]
    np.testing.assert_array_equal(plain.counts, [[2, 2, 0], [0, 1, 2], [1, 0, 0]])
    np.testing.assert_array_equal(plain.sizes, plain.effective_sizes)


def test_unweighted_files_need_no_weight(tmp_path: Path) -> None:
    write_sav(tmp_path / "w.sav", without("WEIGHT_W128"))
    assert read_atp(tmp_path, weight="none")["EVCAR_W128"].n_respondents == 8


def test_one_file_may_be_named(folder: Path) -> None:
    file = folder / "W128_Jun23" / "ATP W128.sav"
    assert len(read_atp(str(file), groups="F_PARTYSUM_FINAL")) == 3


def test_the_published_script_takes_the_shares_of_the_wave(folder: Path) -> None:
    # Republicans weigh 1 + 2 + 0.5 and 1.5 of one who was not asked about electric vehicles,
    # Democrats 1 + 1 + 2 with the one who refused to say, and the third group 3.
    question = read_atp(folder)["EVCAR_W128"]
    np.testing.assert_allclose(known(question.sample_shares), np.array([5, 4, 3]) / 12)
    np.testing.assert_allclose(question.group_shares, np.array([3.5, 2, 3]) / 8.5)
    # Half of them were not asked at all.
    form = read_atp(folder)["FORMQ_W128"]
    np.testing.assert_allclose(known(form.sample_shares), np.array([5, 4, 3]) / 12)
    np.testing.assert_allclose(form.group_shares, np.array([1.5, 1, 3]) / 5.5)


def test_who_counts_can_decide_whether_a_ranking_flips(tmp_path: Path) -> None:
    # Half of the 3,000 Republicans are asked, and all 3,000 Democrats.
    party = np.repeat([1.0, 2.0], 3000)
    answers = np.full(6000, NAN)
    answers[1500:3000] = np.repeat([1.0, 2.0, 3.0], [998, 367, 135])  # rewards 0, -1, -2
    answers[3000:] = np.repeat([1.0, 2.0, 3.0], [54, 7, 2939])  # 0, -2, 4
    columns: dict[str, Any] = {
        "Q_W9": answers,
        "F_PARTYSUM_FINAL": party,
        "WEIGHT_W9": np.ones(6000),
    }
    write_sav(tmp_path / "w.sav", columns, labels={})
    question = read_atp(tmp_path)["Q_W9"]
    np.testing.assert_allclose(question.group_shares, [1 / 3, 2 / 3])
    np.testing.assert_allclose(known(question.sample_shares), [1 / 2, 1 / 2])
    own, whole = (
        study(read_atp(tmp_path), Protocol(group_shares=shares)).results[0].finding
        for shares in ("observed", "wave")
    )
    assert own is not None
    assert whole is not None
    matrices = [
        preferences(question.choice_shares, np.array(shares))
        for shares in ([1 / 3, 2 / 3], [1 / 2, 1 / 2])
    ]
    expected = [smallest_flip(matrix) for matrix in matrices]
    np.testing.assert_allclose([own.flip.distance, whole.flip.distance], expected, atol=1e-9)
    assert expected[1] < 0.12 < 0.3 < expected[0]


# --- several waves --------------------------------------------------------------------


def test_waves_come_in_their_order_from_wherever_they_are(folder: Path) -> None:
    write_sav(folder / "a" / "b" / "ATP W35.SAV", renamed(SHORT, 35), labels={})
    write_sav(folder / "ATP W132.sav", renamed(SHORT, 132), labels={})
    (folder / "._ATP W35.sav").write_bytes(b"what a Mac puts into archives")
    (folder / "notes.txt").write_text("not SPSS")
    survey = read_atp(folder)
    waves = [question.key.rpartition("_W")[2] for question in survey]
    assert waves == ["35"] * 2 + ["128"] * 3 + ["132"] * 2
    assert len(survey.skipped) == 9
    samples = {q.respondents.sample for q in survey if q.respondents is not None}
    assert len(samples) == 3
    # Without value labels the codes are the labels.
    assert survey["EVCAR_W35"].groups == ("1", "2", "9")


def test_waves_without_the_group_are_skipped_and_listed(folder: Path) -> None:
    old = write_sav(folder / "ATP W35.sav", renamed(without("F_PARTYSUM_FINAL"), 35))
    survey = read_atp(folder)
    assert len(survey) == 3
    assert [(d.kind, d.name, d.reason, d.respondents) for d in survey.skipped][-1] == (
        *("file", str(old), "there must be a column 'F_PARTYSUM_FINAL'; there is none"),
        12,
    )


def test_a_label_to_drop_may_be_missing_from_some_waves(folder: Path) -> None:
    labels = {"F_PARTYSUM_FINAL": {1: REP, 2: DEM, 9: "No lean"}}
    write_sav(folder / "ATP W35.sav", renamed(SHORT, 35), labels=labels)
    survey = read_atp(folder, drop_groups=[NEITHER, "No lean"])
    assert {question.groups for question in survey} == {(REP, DEM)}


def test_a_variable_of_an_earlier_wave_is_read_once(folder: Path) -> None:
    repeated = renamed(SHORT, 130) | {
        "EVCAR_W128": WAVE["EVCAR_W128"],
        "OLD_W7": WAVE["EVCAR_W128"],
    }
    write_sav(folder / "ATP W130.sav", repeated)
    survey = read_atp(folder)
    assert survey["EVCAR_W128"].source.endswith("wave 128")
    assert survey["OLD_W7"].source.endswith("wave 130")
    reason = "read before: Pew Research Center, American Trends Panel, wave 128"
    assert ("EVCAR_W128", reason) in [(d.name, d.reason) for d in survey.skipped]


def test_two_files_of_one_wave_are_an_error(folder: Path) -> None:
    write_sav(folder / "again.sav", WAVE)
    with pytest.raises(DataError, match=r"again\.sav: wave 128 has been read from .* already"):
        read_atp(folder)


# --- files that are not as they should be ---------------------------------------------


@pytest.mark.parametrize(
    ("columns", "settings", "names"),
    [
        (without("F_PARTYSUM_FINAL"), {}, "'F_PARTYSUM_FINAL'"),
        (without("WEIGHT_W128"), {}, "'WEIGHT_W128'"),
        (WAVE, {"weight": "WEIGHT_W128_NO"}, "'WEIGHT_W128_NO'"),
        (WAVE, {"groups": ["F_PARTYSUM_FINAL", "F_IDEO"]}, "'F_IDEO'"),
        (WAVE | {"WEIGHT_W128": [NAN] * 12}, {}, "'WEIGHT_W128' must be weights that are positive"),
        (WAVE | {"WEIGHT_W128": [-1.0] * 12}, {}, "'WEIGHT_W128' must be finite and non-negative"),
        (WAVE | {"F_PARTYSUM_FINAL": [NAN] * 12}, {}, "F_PARTYSUM_FINAL"),
        ({"Q": [1, 2], "F_PARTYSUM_FINAL": [1, 2]}, {}, "_W128"),
    ],
)
def test_what_a_file_lacks_is_told_in_one_line(
    tmp_path: Path, columns: Mapping[str, Sequence[Any]], settings: dict[str, Any], names: str
) -> None:
    file = write_sav(tmp_path / "ATP W128.sav", columns)
    with pytest.raises(DataError) as error:
        read_atp(tmp_path, **settings)
    message = str(error.value)
    assert message.startswith(f"{file}: ")
    assert names in message
    assert "\n" not in message


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.9, 0.9999])
def test_truncated_files(folder: Path, share: float) -> None:
    file = folder / "W128_Jun23" / "ATP W128.sav"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"ATP W128\.sav: not a complete SPSS file \("):
        read_atp(folder)


def test_text_is_no_spss_file(tmp_path: Path) -> None:
    (tmp_path / "ATP W128.sav").write_text("QKEY,EVCAR_W128\n1,2\n" * 100)
    with pytest.raises(DataError, match="not a complete SPSS file"):
        read_atp(tmp_path)


def test_folders_without_files_and_paths_to_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no \.sav file in this folder or below it"):
        read_atp(tmp_path)
    with pytest.raises(DataError, match=r"W1\.sav: No such file or directory"):
        read_atp(tmp_path / "W1.sav")


def test_waves_without_questions(tmp_path: Path) -> None:
    columns = {"F_PARTYSUM_FINAL": PARTY, "WEIGHT_W5": [1.0] * 12, "Q_W5": [1.0] * 12}
    write_sav(tmp_path / "w.sav", columns)
    with pytest.raises(DataError, match="'Q_W5': fewer than two options were chosen"):
        read_atp(tmp_path)


def test_files_may_name_another_encoding_than_they_are_in(tmp_path: Path) -> None:
    labels = LABELS | {"EVCAR_W128": {1: "Don’t", 2: "Do", 3: "May"}}
    file = write_sav(tmp_path / "w.sav", WAVE, labels=labels)
    # The apostrophe of old Windows, padded to the length of that of UTF-8.
    file.write_bytes(file.read_bytes().replace("’".encode(), b"\x92  "))
    assert read_atp(tmp_path)["EVCAR_W128"].options == ("Don’  t", "Do", "May")


# --- the study of section 7.1, recomputed ---------------------------------------------


def weighted_frequencies(frame: pd.DataFrame, key: str, weight: str) -> tuple[Floats, Floats]:
    """Return answer frequencies and shares of the parties, with pandas alone."""
    party = "F_PARTYSUM_FINAL"
    asked = frame[frame[party].notna() & (frame[party] != 99) & frame[weight].notna()]
    asked = asked[asked[key].notna() & (asked[key] != 99)]
    table = asked.pivot_table(
        index=party, columns=key, values=weight, aggfunc="sum", fill_value=0.0
    ).to_numpy()
    return table / table.sum(axis=1, keepdims=True), table.sum(axis=1) / table.sum()


def preferences(frequencies: Floats, shares: Floats) -> Floats:
    """Return the share of the population that prefers y to z, entry by entry."""
    rewards = np.log(frequencies + 1e-15)
    gaps = rewards[:, :, None] - rewards[:, None, :]
    matrix: Floats = np.einsum("u,uyz->yz", shares, 1.0 / (1.0 + np.exp(-gaps)))
    return matrix


def smallest_flip(matrix: Floats, margin: float = 1e-5, floor: float = 1e-5) -> float:
    """Return the least total variation that reverses some pair, by one program for each."""
    size = len(matrix)
    base = np.full(size, 1.0 / size)
    scores = matrix @ base
    best = np.inf
    for above in range(size):
        for below in range(size):
            if scores[above] <= scores[below]:
                continue
            gain = matrix[below] - matrix[above]
            # The variables are the distribution and the size of each change.
            eye = np.eye(size)
            result = linprog(
                np.r_[np.zeros(size), np.full(size, 0.5)],
                A_ub=np.r_[np.c_[eye, -eye], np.c_[-eye, -eye], [np.r_[-gain, np.zeros(size)]]],
                b_ub=np.r_[base, -base, -margin],
                A_eq=[np.r_[np.ones(size), np.zeros(size)]],
                b_eq=[1.0],
                bounds=[(floor, None)] * size + [(0, None)] * size,
                options={
                    "primal_feasibility_tolerance": 1e-10,
                    "dual_feasibility_tolerance": 1e-10,
                },
            )
            if result.status == 0:
                best = min(best, result.fun)
    return best


def test_the_study_equals_an_independent_computation(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    columns = random_wave(83, 4000, [3, 4, 5, 4, 3, 6, 2, 4, 4, 5], rng)
    frame = pd.DataFrame(columns)
    write_sav(tmp_path / "ATP W83.sav", columns)
    result = study(read_atp(tmp_path))
    distances = []
    for one in result.results:
        key = one.question.key
        frequencies, shares = weighted_frequencies(frame, key, "WEIGHT_W83")
        np.testing.assert_allclose(one.question.choice_shares, frequencies, atol=1e-12)
        np.testing.assert_allclose(one.question.group_shares, shares, atol=1e-12)
        if one.finding is None:
            assert one.question.n_options == 2
            continue
        matrix = preferences(frequencies, shares)
        np.testing.assert_allclose(one.finding.population.pairwise(), matrix, atol=1e-9)
        distance = one.finding.flip.distance
        assert distance == pytest.approx(smallest_flip(matrix), abs=1e-9)
        distances.append(distance)
    flips = [d for d in distances if np.isfinite(d)]
    assert 0 < len(flips) < len(distances) == 9
    summary = result.summary()
    assert summary["n_questions"] == 9
    assert summary["share_flippable"] == len(flips) / 9
    assert summary["median_distance"] == pytest.approx(np.median(flips), abs=1e-9)


def test_questions_of_few_respondents_count_but_are_not_examined(tmp_path: Path) -> None:
    columns = random_wave(83, 500, [3, 4], np.random.default_rng(0))
    write_sav(tmp_path / "ATP W83.sav", columns)
    # The first was put to everybody, the second to half of them: 60 or so for each option.
    first, second = study(read_atp(tmp_path)).results
    assert first.finding is not None
    assert second.reason == "fewer than 100 respondents per option"


def test_reading_is_the_same_each_time(folder: Path) -> None:
    def numbers(survey: Survey) -> list[Any]:
        return [(q.key, q.counts.tolist(), q.dropped) for q in survey if q.counts is not None]

    assert numbers(read_atp(folder)) == numbers(read_atp(folder))

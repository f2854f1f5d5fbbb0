"""The command line, as a user meets it."""

import contextlib
import csv
import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import socialpref.plots
import socialpref.surveys
from socialpref import __version__
from socialpref.cli import main
from socialpref.surveys import Protocol, Study, read_pew, study

from .survey_files import few, pair, stable, survey_of, swap, tied


@dataclass(frozen=True)
class Ran:
    """What a run of the command line gave back."""

    status: int
    out: str
    err: str


def run(*arguments: str | Path) -> Ran:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    return Ran(status, out.getvalue(), err.getvalue())


def command(*arguments: str | Path, **environment: str) -> Ran:
    """Run the command line as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "socialpref", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder, hidden ones too."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def summary_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "summary.json").read_text()))


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "questions.csv").open(newline="") as file:
        return {row["question"]: row for row in csv.DictReader(file)}


RESULTS = {"questions.csv", "summary.json", "flip_cdf.png", "flip_cdf.pdf"}


def figures(*stems: str) -> set[str]:
    return {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "pdf")}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write a small survey to a CSV file, and return its path."""
    file = tmp_path / "mine.csv"
    survey_of(swap(text="Which one?"), stable(), pair()).to_frame().to_csv(file, index=False)
    return file


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a results folder that does not exist yet."""
    return tmp_path / "results"


# --- The default run ----------------------------------------------------------------


@dataclass(frozen=True)
class Default:
    """The run of the Pew table, with two questions shown."""

    folder: Path
    out: str
    err: str


ASKED = ("SOCIETY_GUNS_W92", "NEWSPREFV2_W45")


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Default:
    folder = tmp_path_factory.mktemp("default") / "made" / "here"
    questions = [f"--question={key}" for key in ASKED]
    ran = run("survey", "--out", folder, *questions)
    assert ran.status == 0
    return Default(folder, ran.out, ran.err)


def test_the_default_run_writes_tables_and_figures(default: Default) -> None:
    files = contents(default.folder)
    assert set(files) == RESULTS | figures(*(f"question_{key}" for key in ASKED))
    for name, content in files.items():
        if name.endswith(".png"):
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
        if name.endswith(".pdf"):
            assert content.startswith(b"%PDF-")
    assert default.err == ""


@pytest.fixture(scope="module")
def pew() -> Study:
    return study(read_pew())


def test_its_files_hold_the_study(default: Default, pew: Study) -> None:
    summary = json.loads((default.folder / "summary.json").read_text())
    assert summary == json.loads(json.dumps(pew.summary()))
    table = (default.folder / "questions.csv").read_text(encoding="utf-8")
    assert table == pew.to_frame().to_csv(index=False)
    rows = rows_of(default.folder)
    assert len(rows) == 24
    assert {row["flip_distance"] for row in rows.values()} >= {"inf"}
    guns = rows["SOCIETY_GUNS_W92"]
    finding = pew["SOCIETY_GUNS_W92"].finding
    assert finding is not None
    assert float(guns["flip_distance"]) == finding.flip.distance
    assert float(guns["share_flip_distance"]) == finding.by_shares.ranking.distance
    assert guns["group_shares"] == "observed, unweighted"


def test_its_report_says_what_was_found_in_each_half(default: Default, pew: Study) -> None:
    parts = pew.summary()["parts"]
    assert [facts["n_questions"] for facts in parts.values()] == [12, 12]
    halves = re.split("|".join(parts), default.out)
    assert "Shares of the groups: observed, unweighted" in halves[0]
    for half, facts in zip(halves[1:], parts.values(), strict=True):
        for words in (
            f"{facts['n_examined']} of them examined",
            f"{facts['share_flippable']:.1%}",
            f"{facts['median_distance']:.3f} in total variation",
            f"{facts['n_winner_flippable']} questions can be given another winner",
            f"{facts['n_share_flippable']} questions can be flipped by who counts",
            f"{facts['median_share_distance']:.3f} of the groups' shares",
            f"{facts['share_within']['0.23']:.1%} within 0.23",
        ):
            assert words in half
    assert f"Tables and figures are in {default.folder}{os.sep}" in default.out


def test_it_lists_the_most_fragile_questions(default: Default, pew: Study) -> None:
    line = r"^  (\d\.\d{4})  (\w+) +'(.+)' over '(.+)'( \(neighbours\))?$"
    listed = re.findall(line, default.out, re.MULTILINE)
    # The one change of the winner that is no swap of neighbours comes first, then the others.
    assert listed[0] == ("0.1135", "SOCIETY_GUNS_W92", "neither", "very bad", "")
    frame = (
        pew.to_frame().query("question != 'SOCIETY_GUNS_W92'").nsmallest(9, "winner_flip_distance")
    )
    assert listed[1:] == [
        (
            f"{row.winner_flip_distance:.4f}", row.question, row.winner_flip_below,
            row.winner_flip_above, " (neighbours)",
        )
        for row in frame.itertuples()
    ]  # fmt: skip


@pytest.mark.parametrize("key", ASKED)
def test_it_shows_the_questions_asked_for(default: Default, pew: Study, key: str) -> None:
    result = pew[key]
    found, options = result.finding, result.question.options
    assert found is not None
    shown = default.out[default.out.index(f"{key}: {result.question.text}\n") :]
    line = " ".join(shown.split())
    order, by_reward = (o.describe(options) for o in (found.nbc_order, found.reward_order))
    assert f"NBC order at the base sampling {order} " in line
    assert f"order by average reward {by_reward} " in line
    distance = f"{found.flip.distance:.6f}" if found.flip.exists else "never"
    assert re.search(f"distance of the nearest flip +{distance}\n", shown)
    assert found.flip.describe() in line
    assert found.by_shares.ranking.describe() in line


@pytest.mark.slow
def test_lines_fit_and_old_results_go(tmp_path: Path, out: Path) -> None:
    long = "An answer that goes on for quite a while, with a comma and a number"
    question = swap(key="A_KEY_THAT_IS_QUITE_LONG_" * 2, text="And a long question. " * 9)
    named = replace(question, options=tuple(f"{long} {i}" for i in range(3)))
    file = tmp_path / "long.csv"
    survey_of(named).to_frame().to_csv(file, index=False)
    arguments = ("survey", "--source", "table", file, "--bootstrap", "20", "--out", out)
    ran = run(*arguments, "--sensitivity", "shares", "--question", named.key)
    assert ran.status == 0
    lines = ran.out.replace(str(out), "").splitlines()
    assert max(map(len, lines)) <= 80
    assert long in " ".join(ran.out.split())
    assert "The design of the sample is not known." in ran.out
    (out / "notes.txt").write_text("mine")
    assert run("survey", "--source", "table", file, "--out", out).status == 0
    assert set(contents(out)) == RESULTS | {"notes.txt"}


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(default: Default, tmp_path: Path) -> None:
    questions = [f"--question={key}" for key in ASKED]
    ran = command("survey", "--out", tmp_path / "again", *questions, PYTHONHASHSEED="12345")
    assert ran.status == 0
    assert contents(tmp_path / "again") == contents(default.folder)
    again = ran.out.replace(str(tmp_path / "again"), str(default.folder))
    assert again == default.out


def test_results_go_to_a_folder_here_if_none_is_named(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("survey", "--source", "table", "--path", table.name)
    assert ran.status == 0
    assert set(contents(tmp_path / "socialpref-survey")) == RESULTS
    assert ran.out.endswith("Tables and figures are in socialpref-survey/\n")


# --- Other surveys and other settings -----------------------------------------------


def test_a_kind_of_groups_of_the_starter_set(out: Path) -> None:
    assert run("survey", "--source", "starter", "--groups", "country", "--out", out).status == 0
    assert summary_of(out)["n_questions"] == 8
    assert {row["grouping"] for row in rows_of(out).values()} == {"country"}


def test_who_counts_can_be_told(tmp_path: Path, table: Path, out: Path) -> None:
    file = tmp_path / "shares.csv"
    groups = sorted(pd.read_csv(table)["group"].unique())
    file.write_text("group,share\n" + "".join(f"{group},0.5\n" for group in groups))
    for shares, kind in (("equal", "equal"), (file, "given")):
        ran = run("survey", table, "--group-shares", shares, "--out", out)
        assert ran.status == 0
        assert f"Shares of the groups: {kind}\n" in ran.out
        assert kind in summary_of(out)["group_shares"]
    words = ["--group-shares", "observed", "--sensitivity", "shares"]
    ran = run("survey", table, *words, "--out", out)
    assert "Shares of the groups: observed, unweighted\n" in ran.out
    assert "largest group +3 points" in (out / "sensitivity_shares.csv").read_text()
    file.write_text("group,share\n" + "".join(f"{group},0.7\n" for group in groups))
    ran = run("survey", table, "--group-shares", file, "--out", out)
    assert ran.err.startswith("socialpref: warning: shares.csv: the shares add up to 1.4, neither")
    assert run("survey", "--group-shares", "census").status == 2
    assert run("survey", "--groups", "country").status == 2


def test_a_table_of_ones_own(table: Path, out: Path) -> None:
    ran = run("survey", "--source", "table", "--path", table, "--out", out, "--question=SWAP")
    assert ran.status == 0
    assert set(contents(out)) == RESULTS | figures("question_SWAP")
    facts = summary_of(out)
    assert facts["survey"] == "mine.csv"
    assert (facts["n_questions"], facts["n_examined"], facts["n_flippable"]) == (2, 2, 1)
    # The distance of theory.md, and a little for margin and floor.
    assert float(rows_of(out)["SWAP"]["flip_distance"]) == pytest.approx(0.1067, abs=1e-4)
    assert rows_of(out)["STABLE"]["flip_distance"] == "inf"
    assert rows_of(out)["PAIR"]["reason"] == "fewer than 3 options"
    assert "SWAP: Which one?\n" in ran.out
    assert "a > c > b\n" in ran.out
    assert "c > a > b\n" in ran.out
    assert "'c' catches up with 'a' once draws of 'b' fall from 33.3% to 22.7%" in ran.out


def test_a_table_with_groups_in_another_column(tmp_path: Path, table: Path, out: Path) -> None:
    frame = pd.read_csv(table).rename(columns={"group": "side"})
    frame.to_csv(tmp_path / "sides.csv", index=False)
    arguments = ("survey", "--source", "table", "--path", tmp_path / "sides.csv", "--out", out)
    assert run(*arguments, "--groups", "side").status == 0
    assert summary_of(out)["n_flippable"] == 1
    assert "column 'group'" in run(*arguments).err


def opinionqa_files(folder: Path) -> Path:
    """Write files of OpinionQA's form."""
    info = {
        "key": ["GUN_W26"],
        "option_mapping": ["{1.0: 'Yes, often', 2.0: 'At times', 3.0: 'No', 99.0: 'Refused'}"],
        "option_ordinal": ["[1.0, 1.5, 2.0]"],
    }
    pd.DataFrame(info).to_csv(folder / "info.csv")
    groups = {
        "Democrat": {"Yes, often": 30.0, "At times": 50.0, "No": 20.0, "Refused": 7.0},
        "Refused": {"No": 4.0},
        "Republican": {"Yes, often": 250.0, "At times": 40.0, "No": 110.0},
    }
    answers = {"GUN_W26": {"MC_options": [], "question_text": "Do you?", **groups}}
    (folder / "POLPARTY_data.json").write_text(json.dumps(answers))
    (folder / "SEX_data.json").write_text(json.dumps(answers))
    return folder


def test_opinionqa_files(tmp_path: Path, out: Path) -> None:
    opinionqa_files(tmp_path)
    arguments = ("survey", "--source", "opinionqa", "--path", tmp_path, "--out", out)
    ran = run(*arguments, "--question", "GUN_W26")
    assert ran.status == 0
    assert "OpinionQA by party" in ran.out
    assert "GUN_W26: Do you?" in ran.out
    assert "dropped: group 'Refused' (refused; 4 answers)" in ran.out
    assert "dropped: option 'Refused' (refused; 7 answers)" in ran.out
    row = rows_of(out)["GUN_W26"]
    assert (row["n_options"], row["n_types"], row["n_respondents"]) == ("3", "2", "500.0")
    assert "not of Pew Research Center" in summary_of(out)["citation"]
    assert run(*arguments, "--groups", "sex").status == 0
    assert summary_of(out)["survey"] == "OpinionQA by sex"


def test_options_reach_the_protocol(table: Path, out: Path) -> None:
    ran = run(
        *("survey", "--source", "table", "--path", table, "--out", out),
        *("--smoothing", "0.02", "--margin", "0.001", "--floor", "0.003"),
        *("--temperature", "0.5", "--min-respondents", "50"),
    )
    assert ran.status == 0
    settings = summary_of(out)["settings"]
    assert settings["smoothing"] == 0.02
    assert settings["margin"] == 0.001
    assert settings["floor"] == 0.003
    assert settings["min_respondents_per_option"] == 50
    assert settings["link"] == "Logistic(temperature=0.5)"
    assert settings["min_options"] == 3
    assert run("survey", "--source", "table", "--path", table, "--out", out).status == 0
    defaults = Protocol()
    settings = summary_of(out)["settings"]
    assert settings["smoothing"] == defaults.smoothing
    assert settings["margin"] == defaults.margin
    assert settings["link"] == repr(defaults.link)


@pytest.mark.parametrize(("top", "lines"), [("0", 0), ("2", 2), ("1000", 3)])
def test_top_limits_the_list(tmp_path: Path, out: Path, top: str, lines: int) -> None:
    survey = survey_of(swap("Q1"), stable(), swap("Q2"), swap("A long key"))
    survey.to_frame().to_csv(tmp_path / "mine.csv", index=False)
    arguments = ("survey", "--source", "table", "--path", tmp_path / "mine.csv", "--out", out)
    shown = run(*arguments, "--top", top).out
    assert shown.count("'c' over 'a'\n") == lines
    assert ("which option overtakes which" in shown) is bool(lines)


@pytest.mark.parametrize(
    ("question", "facts"),
    [
        (stable(), {"n_questions": 1, "n_examined": 1, "n_flippable": 0, "median_distance": None}),
        (few(), {"n_questions": 1, "n_examined": 0, "n_flippable": 0, "share_flippable": 0.0}),
        (pair(), {"n_questions": 0, "n_examined": 0, "share_flippable": None}),
    ],
)
def test_a_survey_with_nothing_to_flip(
    tmp_path: Path, out: Path, question: Any, facts: Mapping[str, Any]
) -> None:
    file = tmp_path / "mine.csv"
    survey_of(question).to_frame().to_csv(file, index=False)
    ran = run("survey", "--source", "table", "--path", file, "--out", out)
    assert (ran.status, ran.err) == (0, "")
    assert set(contents(out)) == RESULTS
    summary = summary_of(out)
    assert {name: summary[name] for name in facts} == facts
    assert "overtakes" not in ran.out


def test_a_survey_of_ties(tmp_path: Path, out: Path) -> None:
    file = tmp_path / "mine.csv"
    survey_of(tied()).to_frame().to_csv(file, index=False)
    ran = run("survey", "--source", "table", "--path", file, "--out", out, "--question", "TIED")
    assert (ran.status, ran.err) == (0, "")
    assert summary_of(out)["n_with_ties"] == 1
    assert "a = b = c" in ran.out
    assert "Tied at the base distribution" in ran.out


@pytest.mark.slow
def test_every_question_asked_for_has_its_own_figure(tmp_path: Path, out: Path) -> None:
    file = tmp_path / "mine.csv"
    survey_of(swap("A B"), stable("A/B")).to_frame().to_csv(file, index=False)
    arguments = ("survey", "--source", "table", "--path", file, "--out", out)
    ran = run(*arguments, "--question", "A B", "--question", "A/B")
    assert ran.status == 0
    assert len(contents(out)) == len(RESULTS) + 4


def test_version_and_help() -> None:
    assert command("--version") == Ran(0, f"socialpref {__version__}\n", "")
    ran = command("--help")
    assert (ran.status, ran.err) == (0, "")
    assert "survey" in ran.out
    ran = command("survey", "--help")
    assert (ran.status, ran.err) == (0, "")
    for option in (
        "--source",
        "--path",
        "--groups",
        "--question",
        "--smoothing",
        "--margin",
        "--floor",
        "--temperature",
        "--min-respondents",
        "--top",
        "--out",
    ):
        assert option in ran.out
    assert "1e-15" in ran.out


def test_the_installed_command_is_this_one() -> None:
    (point,) = importlib.metadata.entry_points(group="console_scripts", name="socialpref")
    assert point.load() is main


# --- What goes wrong ----------------------------------------------------------------


def complains(ran: Ran, *names: str) -> None:
    """Check for status 2 and one line on standard error that names what is wrong."""
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("socialpref: error: ")
    assert ran.err.endswith("\n")
    assert ran.err.count("\n") == 1, ran.err
    for name in names:
        assert name in ran.err


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["command"]),
        (["study"], ["'study'", "'survey'"]),
        (["survey", "--colour", "red"], ["--colour"]),
        (["survey", "surplus"], ["surplus"]),
        (["survey", "--source", "census"], ["--source", "'census'", "'starter'"]),
        (["survey", "--source", "table"], ["--source table needs a file"]),
        (["survey", "--path", "answers.csv"], ["answers.csv", "No such file"]),
        (["survey", "answers.csv", "--path", "other.csv"], ["FILE and --path are the same"]),
        (
            ["survey", "answers.csv", "--source", "starter"],
            ["starter is embedded", "without a file"],
        ),
        (["survey", "--path"], ["--path"]),
        (
            ["survey", "--source", "starter", "--groups", "planet"],
            ["'groups'", "'planet'", "'party'", "'country'"],
        ),
        (["survey", "--question", "ENTRY"], ["'question'", "'ENTRY'", "Pew table"]),
        (
            ["survey", "--source", "starter", "--question", "ENTRY_2005", "--question", "?"],
            ["'question'", "'?'"],
        ),
        (["survey", "--smoothing", "-0.1"], ["'smoothing'", "-0.1"]),
        (["survey", "--smoothing", "nan"], ["'smoothing'", "nan"]),
        (["survey", "--source", "starter", "--smoothing", "0"], ["'smoothing'"]),  # empty cells
        (["survey", "--smoothing", "little"], ["smoothing", "'little'"]),
        (["survey", "--margin", "1.5"], ["'margin'", "1.5"]),
        (["survey", "--margin", "-1"], ["'margin'", "-1"]),
        (
            ["survey", "--source", "starter", "--floor", "0.1"],
            ["'floor'", "0.1"],
        ),  # there are 11 options
        (["survey", "--floor", "2"], ["'floor'", "2"]),
        (["survey", "--temperature", "0"], ["'temperature'", "0"]),
        (["survey", "--temperature", "-1"], ["'temperature'", "-1"]),
        (["survey", "--temperature", "inf"], ["'temperature'", "inf"]),
        (["survey", "--min-respondents", "-5"], ["respondents", "-5"]),
        (["survey", "--top", "2.5"], ["--top", "'2.5'"]),
        (["survey", "--jobs", "9" * 20], ["'n_jobs'", "9" * 20]),
        (["survey", "--bootstrap", "9" * 20], ["'--bootstrap'", "9" * 20]),
    ],
)
def test_a_wrong_option_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    complains(run(*arguments), *names)
    assert not os.listdir(tmp_path)


HEADER = "question,group,option,count\n"
WRONG_FILES: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", ["not a CSV file"]),
    "blank": (b"\n\n\n", ["not a CSV file"]),
    "no rows": (HEADER.encode(), ["row"]),
    "no columns": (b"1,2\n3,4\n", ["'question'"]),
    "no counts": (b"question,group,option\nQ,a,x\nQ,a,y\n", ["'share'"]),
    "words for counts": ((HEADER + "Q,a,x,1\nQ,a,y,many\n").encode(), ["'count'", "'many'", "Q"]),
    "negative": ((HEADER + "Q,a,x,1\nQ,a,y,-3\n").encode(), ["Q", "-3"]),
    "zero": ((HEADER + "Q,a,x,0\nQ,a,y,0\n").encode(), ["Q", "zeros"]),
    "repeated": ((HEADER + "Q,a,x,1\nQ,a,y,1\nQ,a,y,1\n").encode(), ["Q", "repeated"]),
    "one option": ((HEADER + "Q,a,x,1\nQ,b,x,1\n").encode(), ["Q", "2 labels"]),
    "missing": ((HEADER + "Q,a,x,1\nQ,a,y,\n").encode(), ["'count'", "Q"]),
    "infinite": ((HEADER + "Q,a,x,1\nQ,a,y,inf\n").encode(), ["'count'", "inf", "Q"]),
    "no group": ((HEADER + "Q,,x,1\nQ,a,y,1\n").encode(), ["'group'", "Q"]),
    "no key": ((HEADER + ",a,x,1\nQ,a,y,1\n").encode(), ["'question'"]),
    "open quotes": ((HEADER + 'Q,a,"x,1\nQ,a,y,1\n').encode(), ["not a CSV file"]),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", ["not a text file"]),
    "UTF-16": ((HEADER + "Q,a,x,1\n").encode("utf-16-le"), ["not a text file"]),
    "zero bytes": (b"\x00" * 100, ["not a text file"]),
    "JSON": (b'{"Q": {"a": 1}}\n', ["column"]),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_wrong_file_is_named(tmp_path: Path, out: Path, kind: str) -> None:
    content, names = WRONG_FILES[kind]
    file = tmp_path / "mine.csv"
    file.write_bytes(content)
    ran = run("survey", "--source", "table", "--path", file, "--out", out)
    complains(ran, "mine.csv", *names)
    assert not out.exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bytes(range(256)) * 4, id="every byte"),
        pytest.param((HEADER + 'Q,a,x,1\n"Q",b,y,1,2,3\n').encode(), id="ragged"),
        pytest.param(
            (HEADER + '"two\nlines",a,x,-1\n"two\nlines",a,y,1\n').encode(), id="a key of two lines"
        ),
        pytest.param(
            (HEADER + f"Q,a,x,{'9' * 400}\nQ,a,y,1\n").encode(), id="an integer of 400 digits"
        ),
        pytest.param(
            (HEADER + "Q,a,x,1e308\nQ,a,y,1e308\nQ,a,z,1e308\n").encode(),
            id="counts whose sum is infinite",
        ),
    ],
)
def test_a_file_of_garbage_takes_one_line_too(tmp_path: Path, out: Path, content: bytes) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(content)
    ran = run("survey", "--source", "table", "--path", file, "--out", out)
    complains(ran, "mine.csv")
    assert not out.exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, out: Path) -> None:
    arguments = ("survey", "--out", out, "--source")
    complains(run(*arguments, "table", "--path", tmp_path / "gone.csv"), "gone.csv", "No such file")
    complains(run(*arguments, "table", "--path", tmp_path), tmp_path.name, "directory")
    complains(run(*arguments, "opinionqa", "--path", tmp_path), "info.csv", "No such file")
    complains(run(*arguments, "opinionqa", "--path", tmp_path / "gone"), "gone", "No such file")
    assert not out.exists()


def test_opinionqa_files_that_are_wrong_are_named(tmp_path: Path, out: Path) -> None:
    folder = opinionqa_files(tmp_path)
    arguments = ("survey", "--source", "opinionqa", "--path", folder, "--out", out)
    complains(run(*arguments, "--groups", "age"), "'groups'", "'age'", "'party'")
    complains(run(*arguments, "--groups", "race"), "RACE_data.json", "No such file")
    complains(run(*arguments, "--question", "GUN"), "'question'", "'GUN'", "OpinionQA")
    counts = folder / "POLPARTY_data.json"
    whole = counts.read_text()
    for broken, words in [
        (whole[:150], "JSON"),
        (f"[{whole}]", "list"),
        (whole.replace('"At times"', '"Now and then"'), "'Now and then'"),
        (whole.replace("GUN_W26", "GUN_W27"), "GUN_W27"),
        (whole.replace("20.0", "-20.0"), "-20"),
        ("", "JSON"),
    ]:
        counts.write_text(broken)
        complains(run(*arguments), "POLPARTY_data.json", words)
    (folder / "info.csv").write_text("key,option_mapping\nGUN_W26,{}\n")
    complains(run(*arguments), "info.csv", "'option_ordinal'")
    assert not out.exists()


def test_a_user_sees_one_line_and_no_traceback(tmp_path: Path, out: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(HEADER + "Q,a,x,1\nQ,a,y,-3\n")
    complains(command("survey", "--source", "table", "--path", file, "--out", out), "mine.csv", "Q")
    complains(run("survey", "--floor", "0.5", "--out", out), "'floor'", "0.5")
    assert os.listdir(tmp_path) == ["mine.csv"]


# --- Where results go ---------------------------------------------------------------


def test_results_cannot_go_where_a_file_is(tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("mine")
    complains(run("survey", "--out", file), "taken", "cannot write")
    complains(run("survey", "--out", file / "inside"), "inside", "cannot write")
    assert contents(tmp_path) == {"taken": b"mine"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_results_cannot_go_where_one_may_not_write(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    complains(run("survey", "--out", closed), "closed", "Permission denied")
    complains(run("survey", "--out", closed / "inside"), "inside", "Permission denied")
    assert not os.listdir(closed)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_results_cannot_go_where_nobody_can_write() -> None:
    complains(run("survey", "--out", "/proc/results"), "/proc/results", "cannot write")


def test_the_results_folder_may_be_there_with_files_of_ones_own(table: Path, out: Path) -> None:
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "summary.json").write_text("old")
    assert run("survey", "--source", "table", "--path", table, "--out", out).status == 0
    assert set(contents(out)) == RESULTS | {"notes.txt"}
    assert (out / "notes.txt").read_text() == "mine"
    assert summary_of(out)["survey"] == "mine.csv"


def raising(error: BaseException) -> Callable[..., Any]:
    """Return a function that raises."""

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("there", [False, True])
def test_an_interrupted_study_leaves_nothing(
    table: Path, out: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    if there:
        out.mkdir()
    monkeypatch.setattr(socialpref.surveys, "study", raising(KeyboardInterrupt()))
    ran = run("survey", "--source", "table", "--path", table, "--out", out)
    assert (ran.status, ran.out) == (130, "")
    assert ran.err == "Interrupted. Run the same command again to resume.\n"
    assert out.exists() == there
    assert not out.exists() or not os.listdir(out)


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left on device"), 2)]
)
def test_a_run_that_stops_while_it_writes_leaves_nothing(
    table: Path, out: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    # By now the tables are written.
    monkeypatch.setattr(socialpref.plots, "save", raising(error))
    ran = run("survey", "--source", "table", "--path", table, "--out", out)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.count("\n") == 1
    assert not out.exists()


def test_a_run_that_fails_leaves_earlier_results_alone(
    table: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("survey", "--source", "table", "--path", table, "--out", out)
    assert run(*arguments).status == 0
    before = contents(out)
    assert set(before) == RESULTS
    complains(run(*arguments, "--floor", "0.4"), "'floor'")
    complains(run(*arguments, "--question", "NONE"), "'NONE'")
    table.write_text(HEADER)
    complains(run(*arguments), "mine.csv")
    for step in ("study", "save"):
        with monkeypatch.context() as patch:
            module = socialpref.surveys if step == "study" else socialpref.plots
            patch.setattr(module, step, raising(KeyboardInterrupt()))
            assert run("survey", "--out", out).status == 130
    assert contents(out) == before
    assert set(os.listdir(out)) == RESULTS


def test_a_run_that_fails_leaves_no_folder_above_either(tmp_path: Path) -> None:
    complains(run("survey", "--floor", "0.5", "--out", tmp_path / "new" / "deep"), "'floor'")
    assert not os.listdir(tmp_path)


def test_all_files_arrive_or_none(table: Path, out: Path) -> None:
    (out / "summary.json").mkdir(parents=True)
    ran = run("survey", "--source", "table", "--path", table, "--out", out)
    complains(ran, "cannot write")
    assert os.listdir(out) == ["summary.json"]


def test_a_reader_that_has_gone_is_no_error(table: Path, out: Path) -> None:
    environment = dict(os.environ)
    environment.pop("PYTHONUNBUFFERED", None)
    arguments = ["survey", "--source", "table", "--path", str(table), "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "socialpref", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as stream:
        said = stream.read()
    assert process.wait() == 1
    assert said == b""


def test_a_terminal_without_unicode(tmp_path: Path, out: Path) -> None:
    survey_of(swap("caf\xe9")).to_frame().to_csv(tmp_path / "mine.csv", index=False)
    arguments = ("survey", "--source", "table", "--path", tmp_path / "mine.csv", "--out", out)
    ran = command(*arguments, PYTHONIOENCODING="ascii")
    assert "Traceback" not in ran.err
    assert ran.status == 0


# --- What kind of file it is ------------------------------------------------------------

ROWS = "party,Q\n" + "\n".join(f"{party},{answer}" for party in "ab" for answer in (1, 1, 2, 3))
JSON_LINE = {
    "question": "Good?",
    "options": ["Yes", "No", "Maybe"],
    "selections": {"Mexico": [0.6, 0.2, 0.2], "India": [0.5, 0.5, 0.0]},
}


def test_a_file_is_known_by_its_ending_and_columns(tmp_path: Path, out: Path) -> None:
    survey_of(swap()).to_frame().to_csv(tmp_path / "counts.csv", index=False)
    survey_of(swap()).to_frame().to_csv(tmp_path / "counts.csv.gz", index=False)
    (tmp_path / "rows.csv").write_text(ROWS)
    pd.read_csv(tmp_path / "rows.csv").to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "global.jsonl").write_text(json.dumps(JSON_LINE))
    ratings = [
        f"{item},{who},{'ab'[who % 2]},{(who + item) % 3}\n" for item in (1, 2) for who in range(6)
    ]
    (tmp_path / "ratings.csv").write_text("item,annotator,party,rating\n" + "".join(ratings))
    folder = opinionqa_files(tmp_path)
    for name, more, kind in (
        ("counts.csv", [], "table"),
        ("counts.csv.gz", [], "table"),
        ("rows.csv", ["--groups", "party", "--columns", "all"], "respondents"),
        ("rows.parquet", ["--groups", "party", "--columns", "all"], "respondents"),
        ("global.jsonl", [], "globalopinionqa"),
        ("ratings.csv", ["--groups", "party"], "ratings"),
        (folder, [], "opinionqa"),
        (folder / "POLPARTY_data.json", [], "opinionqa"),
    ):
        ran = run("survey", tmp_path / name, *more, "--out", out)
        assert (ran.status, ran.err) == (0, "")
        assert ran.out.splitlines()[0].endswith(f" is read as --source {kind}")
        assert ran.out.count("--source") == 1


def test_path_stays_beside_the_file_and_source_overrides(table: Path, out: Path) -> None:
    by_file = run("survey", table, "--out", out)
    assert by_file.out == run("survey", "--path", table, "--out", out).out
    named = run("survey", table, "--source", "table", "--out", out)
    assert named.out == by_file.out.partition("\n")[2]
    complains(run("survey", table, "--source", "ratings", "--groups", "group"), "column 'item'")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("answers.docx", b"", ["answers.docx", "pass --source"]),
        ("answers", b"", ["answers", "pass --source"]),
        ("other.json", b"{}", ["other.json", "not a table of counts"]),
        ("rows.csv", ROWS.encode(), ["rows.csv", "--groups", "question, group, option, count"]),
        ("empty.csv", b"", ["empty.csv", "not a CSV file"]),
        ("wrong.parquet", b"1234", ["wrong.parquet", "not a Parquet file"]),
        (
            "both.csv",
            b"question,group,option,count,item,rating,annotator\n",
            ["both.csv", "--source table or --source ratings"],
        ),
    ],
)
def test_a_file_that_cannot_be_told_takes_one_line(
    tmp_path: Path, out: Path, name: str, content: bytes, words: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    complains(run("survey", tmp_path / name, "--out", out), *words)
    assert not out.exists()


def test_a_folder_that_cannot_be_told_takes_one_line(tmp_path: Path, out: Path) -> None:
    complains(run("survey", tmp_path, "--out", out), tmp_path.name, ".sav", "info.csv")
    (tmp_path / "info.csv").write_text("")
    (tmp_path / "W1.sav").write_bytes(b"")
    complains(run("survey", tmp_path, "--out", out), "--source atp or --source opinionqa")


# --- Cost of an import --------------------------------------------------------------


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ["pandas", "scipy", "cvxpy", "matplotlib", "torch", "highspy"]
    code = f"import sys, socialpref; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- Options that belong together ---------------------------------------------------


def test_a_sensitivity_that_cannot_be_had_is_said_at_once(out: Path) -> None:
    ran = run("survey", "--bootstrap", "20", "--sensitivity", "groups", "--out", out)
    complains(ran, "--sensitivity groups goes with --source opinionqa")
    assert not out.exists()


def test_a_report_that_cannot_be_written_leaves_no_replicates(table: Path, out: Path) -> None:
    arguments = ("survey", "--source", "table", "--path", table, "--bootstrap", "20")
    ran = run(*arguments, "--report", table / "report.html", "--out", out)
    complains(ran, "cannot write")
    assert not out.exists()


def test_options_of_another_source_are_refused(tmp_path: Path, out: Path) -> None:
    file = tmp_path / "global.jsonl"
    arguments = ("survey", "--source", "globalopinionqa", "--path", file, "--out", out)
    complains(run(*arguments, "--groups", "party"), "--groups goes with --source")
    complains(run("survey", "--weight", "w", "--out", out), "--weight goes with --source")


@pytest.fixture
def respondents(tmp_path: Path) -> Path:
    """Write a file of respondents with units, strata and replicate weights."""
    rng = np.random.default_rng(0)
    rows: dict[str, Any] = {"party": rng.choice(["a", "b"], 900), "Q": rng.integers(1, 4, 900)}
    rows |= {name: rng.uniform(0.5, 1.5, 900) for name in ("w", "r1", "r2", "r3")}
    rows |= {"town": np.arange(900) // 30, "layer": np.arange(900) // 300}
    file = tmp_path / "rows.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    return file


def test_designs_on_the_command_line(respondents: Path, out: Path) -> None:
    arguments = (
        "survey", "--source", "respondents", "--path", respondents, "--groups", "party",
        "--weight", "w", "--columns", "Q", "--bootstrap", "20", "--question", "Q", "--out", out,
    )  # fmt: skip
    ran = run(*arguments, "--replicate-weights", "r?", "--replicate-method", "JK1")
    assert ran.status == 0
    assert "by replicate-weights" in " ".join(ran.out.split())
    assert "degrees of freedom              2" in ran.out
    ran = run(*arguments, "--strata", "layer", "--psu", "town")
    assert "by design" in " ".join(ran.out.split())
    assert "degrees of freedom              27" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--replicate-weights", "r*", "--replicate-method", "jk1"], "needs --bootstrap"),
        (["--psu", "town"], "--psu needs --bootstrap"),
        (["--replicate-weights", "r*", "--bootstrap", "9"], "need --replicate-method"),
        (["--replicate-method", "jk1", "--bootstrap", "9"], "needs --replicate-weights"),
        (
            ["--replicate-weights", "r*", "--replicate-method", "jack", "--bootstrap", "9"],
            "one of bootstrap, brr",
        ),
        (["--strata", "town", "--psu", "layer", "--bootstrap", "9"], "two primary units"),
        (["--psu", "town", "--where", "Q=1", "--bootstrap", "9"], "keeps a part of stratum"),
        (["--jobs", "0"], "'n_jobs'"),
        (["--top", "-1"], "'--top'"),
    ],
)
def test_what_a_design_needs(
    arguments: list[str], message: str, respondents: Path, out: Path
) -> None:
    ran = run(
        "survey", "--source", "respondents", "--path", respondents, "--groups", "party",
        "--columns", "Q", *arguments, "--out", out,
    )  # fmt: skip
    complains(ran, message)

"""``socialpref plan`` as a user runs it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from socialpref import Population
from socialpref.cli import main
from socialpref.comparisons import simulate
from socialpref.examples import mediocre_winner
from socialpref.theory import Linked, Panel, plan


def run(tmp_path: Path, *words: str) -> int:
    return main(["plan", *words, "--out", str(tmp_path / "out")])


def test_an_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--example", "mediocre-winner", "--budget", "10000", "--cost-annotator", "1"]
    assert run(tmp_path, *words, "--cost-label", "0.1") == 0
    out = capsys.readouterr().out
    assert "Best single structure: 5 linked comparisons, pairs drawn with repeats" in out
    *lines, last = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert last.startswith("A table and a figure are in ")
    table = pd.read_csv(tmp_path / "out" / "plan.csv")
    facts = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert facts["n_types"] == 3
    found = plan(mediocre_winner(), 10_000, cost_annotator=1, cost_label=0.1)
    assert found.best is not None
    assert facts["best"]["error"] == pytest.approx(found.best.error)
    assert facts["best_mixture"]["error"] <= facts["best"]["error"] * 1.001
    assert len(table) == len(found.offers) + 1
    assert (tmp_path / "out" / "plan.png").stat().st_size > 5000


def test_a_population_file_and_another_goal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    Population([[1.0, 0.0], [-2.0, 0.0]], [0.7, 0.3]).to_frame().to_csv(file, index=False)
    words = ["--population", str(file), "--budget", "500", "--goal", "winner", "--error", "0.1"]
    assert run(tmp_path, *words) == 0
    assert "a wrong winner with probability" in " ".join(capsys.readouterr().out.split())


def test_a_pilot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crowd = Population([[2.0, 0.0, -2.0], [-2.0, 0.0, 2.0]])
    rows = simulate(crowd, 800, "linked", comparisons=6, seed=0)
    frame = pd.DataFrame(
        {
            "annotator": rows.annotator,
            "option_a": [f"o{y}" for y in rows.first],
            "option_b": [f"o{y}" for y in rows.second],
            "choice": ["a" if label else "b" for label in rows.label],
        }
    )
    file = tmp_path / "pilot.csv"
    frame[frame["option_a"] != frame["option_b"]].to_csv(file, index=False)
    words = ["--comparisons", str(file), "--types", "2", "--bootstrap", "2", "--budget", "1000"]
    assert run(tmp_path, *words) == 0
    out = capsys.readouterr().out
    assert "2 latent classes" in out
    assert "of the population's 2 draws" in " ".join(out.split())
    facts = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    low, high = facts["best"]["error_interval"]
    assert 0.0 < low <= high
    assert sum(facts["best_in_draws"].values()) == pytest.approx(1.0)
    assert "anonymous comparisons" not in facts["best_in_draws"]
    nobody = tmp_path / "nobody.csv"
    frame.drop(columns="annotator").to_csv(nobody, index=False)
    assert run(tmp_path, "--comparisons", str(nobody), "--budget", "1000") == 2
    assert "who made each comparison" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "choose one of"),
        (["--options", "3"], "--types"),
        (["--options", "3", "--types", "2", "--example", "two-camps"], "choose one of"),
        (["--example", "two-camps", "--types", "2"], "--types goes with"),
        (["--options", "1", "--types", "2"], "--options"),
        (["--options", "3", "--types", "0"], "--types"),
        (["--example", "two-camps", "--budget", "0"], "budget"),
        (["--example", "two-camps", "--error", "-1"], "error"),
        (["--example", "two-camps", "--goal", "fun"], "goal"),
        (["--population", "nothing.csv"], "nothing.csv"),
    ],
)
def test_bad_words_take_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    given = words if "--budget" in words else [*words, "--budget", "100"]
    assert run(tmp_path, *given) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_panels_and_links_by_hand(tmp_path: Path) -> None:
    found = plan(mediocre_winner(), 300, structures=[Panel(), Linked(2)])
    assert found.offers[0].n_annotators == 300
    assert found.offers[1].error == float("inf")


def test_what_is_not_recommended_has_a_star(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    same = [[1.0, 0.0, 2.0]] * 2  # types that nothing but panels or reports tell apart
    Population(same, [0.7, 0.3]).to_frame().to_csv(file, index=False)
    assert run(tmp_path, "--population", str(file), "--budget", "500") == 0
    lines = capsys.readouterr().out.splitlines()
    stars = {line.split("  ")[0]: line.endswith("*") for line in lines}
    assert stars["anonymous comparisons"]
    assert stars["2 linked comparisons"]
    assert not stars["comparisons with types, shares unknown"]
    assert any(line.startswith("* not recommended") for line in lines)

"""``socialpref methods``, and the comparison behind it."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from socialpref import DPO, InputError, Population
from socialpref.cli import main
from socialpref.comparisons import simulate
from socialpref.examples import mediocre_winner, two_camps
from socialpref.limits import IPO, MaxMin, OnPolicyDPO, Orthogonal, RobustDPO, metrics
from socialpref.methods import METHODS, compare_methods, entries, methods_written
from socialpref.plots.methods import method_policies
from socialpref.surveys import read_starter

FAST = "dpo, ipo(tau=0.1), maxmin, optimal"


def run(*arguments: object) -> int:
    return main(["methods", *map(str, arguments)])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write the two camps with unequal shares."""
    population = Population(two_camps().rewards, [0.7, 0.3], options=["A", "B", "C"])
    population.to_frame().to_csv(tmp_path / "camps.csv", index=False)
    return tmp_path / "camps.csv"


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv")


def policy(folder: Path, method: str) -> Any:
    rows = table(folder, "policies")
    return rows[rows["method"] == method]["probability"].to_numpy()


def test_without_a_population_it_is_the_mediocre_winner(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--out", out) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("No population is named: this is the worked example of the mediocre")
    assert max(map(len, printed.splitlines()[:-1])) <= 80
    assert {one.name for one in out.iterdir()} == {
        *("policies.csv", "metrics.csv", "summary.json", "policies.png", "policies.pdf")
    }
    rows = table(out, "policies")
    assert list(rows.columns) == ["method", "option", "probability", "note"]
    assert list(dict.fromkeys(rows["method"])) == [entry.written for entry in entries()]
    assert len(rows) == 3 * len(METHODS)
    # Published numbers.
    assert policy(out, "robust-dpo") == pytest.approx([0.315057, 0.369886, 0.315057], abs=6e-7)
    assert policy(out, "maxmin(c=zero)") == pytest.approx([0.154281, 0.691438, 0.154281], abs=6e-7)
    found = table(out, "metrics")
    assert list(found.columns) == ["method", "metric", "value"]
    dpo = found[found["method"] == "dpo"].set_index("metric")["value"]
    right = {
        "average_reward": 1.272931, "regularised_gap": 0.009751, "worst_regret": 2.362416,
        "nash_welfare": 0.283471, "distortion": 1.047452, "distance_to_optimum": 0.065038,
    }  # fmt: skip
    assert dpo.to_dict() == pytest.approx(right, abs=6e-7)
    facts = json.loads((out / "summary.json").read_text())
    assert facts["nbc_order"] == "M > A = B"
    assert facts["average_reward_order"] == "A = B > M"
    assert facts["methods"]["optimal"]["winners"] == ["A", "B"]


def test_a_file_and_methods_as_they_were_asked_for(out: Path, file: Path) -> None:
    asked = "DPO, Robust-DPO(EPSILON=0.45), ipo( tau = 1 )"
    assert run(file, "--methods", asked, "--beta", 0.5, "--out", out) == 0
    population = Population.from_frame(pd.read_csv(file))
    assert policy(out, "DPO") == pytest.approx(DPO().limit(population, beta=0.5).policy)
    assert policy(out, "ipo( tau = 1 )") == pytest.approx(IPO().limit(population, beta=0.5).policy)
    rows = table(out, "policies")
    missing = rows[rows["method"] == "Robust-DPO(EPSILON=0.45)"]
    assert len(missing) == 1
    assert missing[["option", "probability"]].isna().all(axis=None)
    assert missing["note"].item().startswith("no limit: 'epsilon' must leave the loss a minimum")
    assert "Robust-DPO(EPSILON=0.45)" not in set(table(out, "metrics")["method"])


def test_a_question_has_intervals(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--question", "ENTRY_2005", "--groups", "country", "--methods", FAST)
    assert run(*arguments, "--bootstrap", 20, "--out", out) == 0
    assert "ENTRY_2005 (starter set): 10 types, 4 options" in capsys.readouterr().out
    rows = table(out, "policies")
    assert list(rows.columns) == ["method", "option", "probability", "low", "high", "note"]
    assert (rows["low"] < rows["high"]).all()
    right = DPO().limit(read_starter("country")["ENTRY_2005"].population()).policy
    assert policy(out, "dpo") == pytest.approx(right)
    facts = json.loads((out / "summary.json").read_text())
    assert facts["n_draws"] == 20
    assert 0.0 <= facts["methods"]["dpo"]["same_winner"] <= 1.0


def test_a_survey_of_ones_own(out: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        [("Q", g, o, n) for g, row in {"x": (60, 30, 10), "y": (10, 30, 60)}.items()
         for o, n in zip("abc", row, strict=True)],
        columns=["question", "group", "option", "count"],
    )  # fmt: skip
    frame.to_csv(tmp_path / "mine.csv", index=False)
    right = None
    for arguments in (
        (tmp_path / "mine.csv",),
        ("--source", tmp_path / "mine.csv"),
        ("--source", "table", "--path", tmp_path / "mine.csv"),
    ):
        assert run("--question", "Q", *arguments, "--methods", "dpo", "--out", out) == 0
        right = policy(out, "dpo") if right is None else right
        assert policy(out, "dpo") == pytest.approx(right, abs=0)
    assert right is not None
    assert right == pytest.approx(right[::-1])


def test_comparisons_with_types(out: Path, tmp_path: Path) -> None:
    rows = simulate(two_camps(), 400, "typed", seed=1)
    frame = pd.DataFrame(
        {
            "a": [f"option {y}" for y in rows.first],
            "b": [f"option {y}" for y in rows.second],
            "choice": np.where(rows.label == 1.0, "a", "b"),
            "annotator": range(400),
            "camp": [f"camp {u}" for u in np.asarray(rows.annotator_type)],
        }
    )
    frame.to_csv(tmp_path / "labels.csv", index=False)
    given = ("--comparisons", tmp_path / "labels.csv", "--methods", "dpo,reward-averaging")
    assert run(*given, "--types", "camp", "--bootstrap", 5, "--out", out) == 0
    facts = json.loads((out / "summary.json").read_text())
    assert (facts["n_types"], facts["n_options"], facts["n_draws"]) == (2, 3, 5)
    assert run(*given, "--out", out) == 0
    assert json.loads((out / "summary.json").read_text())["n_types"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no/such/file.csv"], "No such file"),
        (["{file}", "--example", "two-camps"], "one population"),
        (["--question", "NONE"], "NONE"),
        (["--question", "ENTRY_2005", "--source", "nowhere"], "--source"),
        (["--source", "pew"], "--question"),
        (["--types", "x"], "--comparisons"),
        (["{file}", "--bootstrap", "9"], "--bootstrap"),
        (["{file}", "--methods", "dpo, foo"], "'foo'"),
        (["{file}", "--methods", "ipo(tau=0)"], "'tau'"),
        (["{file}", "--methods", "ipo(gamma=1)"], "tau; got 'gamma'"),
        (["{file}", "--methods", "dpo,dpo"], "twice"),
        (["{file}", "--methods", "ipo(tau=1,TAU=2)"], "must be given once; got 'TAU' twice"),
        (["{file}", "--methods", "maxmin(c=worst)"], "'c'"),
        (["{file}", "--beta", "0"], "'beta'"),
        (["{file}", "--level", "1"], "'level'"),
        (["{file}", "--temperature", "-1"], "'temperature'"),
        (["{file}", "--bootstrap", "-1"], "'--bootstrap'"),
        (["--comparisons", "{file}"], "camps.csv"),
        (["--example", "nothing"], "'nothing'"),
    ],
)
def test_bad_input_takes_one_line(
    arguments: list[str], words: str, file: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*[a.format(file=file) for a in arguments], "--out", out) == 2
    error = capsys.readouterr().err
    assert error.startswith("socialpref: error: ")
    assert error.count("\n") == 1
    assert words in error
    assert not out.exists()


def test_a_table_that_is_no_population_names_the_column(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.csv").write_text("type,option,utility\na,x,1\n")
    assert run(tmp_path / "other.csv", "--out", out) == 2
    assert "other.csv: a population's table must have a column 'reward'" in capsys.readouterr().err


# --- the comparison -----------------------------------------------------------------------


def test_methods_in_writing() -> None:
    found = methods_written("maxmin, on-policy-dpo(rounds=2), IPO(TAU=1)")
    assert [entry.written for entry in found] == [
        *("maxmin(c=zero)", "maxmin(c=reference)", "maxmin(c=best)"),
        *("on-policy-dpo(rounds=2)", "IPO(TAU=1)"),
    ]
    assert found[3].method == OnPolicyDPO(rounds=2)
    assert found[4].method == IPO(1.0)
    assert methods_written("maxmin(c=Best)")[0].method == MaxMin("best")
    assert methods_written("maxmin(c=-1.5e0)")[0].method == MaxMin(-1.5)
    assert methods_written("orthogonal(weighted=False)")[0].method == Orthogonal(weighted=False)
    assert entries((Orthogonal(weighted=False),))[0].written == "orthogonal(weighted=false)"


def test_intervals_are_those_of_the_draws() -> None:
    crowd = mediocre_winner()
    noise = np.random.default_rng(0).normal(0, 0.3, (40, 3, 3))
    drawn = crowd.with_draws(crowd.rewards + noise)
    found = compare_methods(drawn, [DPO(), OnPolicyDPO()], level=0.9)["dpo"]
    policies = np.array([limit.policy for limit in DPO().limit(drawn.drawn())])
    assert found.intervals is not None
    assert [i.low for i in found.intervals] == pytest.approx(np.quantile(policies, 0.05, axis=0))
    worst = [metrics(one, p).worst_regret for one, p in zip(drawn.drawn(), policies, strict=True)]
    assert found.metric_intervals is not None
    assert found.metric_intervals[2].high == pytest.approx(np.quantile(worst, 0.95))


def test_draws_without_a_limit_are_counted() -> None:
    crowd = mediocre_winner()
    rewards = np.stack([crowd.rewards, np.tile([40.0, 0.0, -40.0], (3, 1))])
    found = compare_methods(crowd.with_draws(rewards), [RobustDPO()])["robust-dpo"]
    assert found.note == "no limit on 1 of 2 draws"
    jackknife = crowd.with_draws(rewards, samples=False)
    with pytest.raises(InputError, match="'population' must be one whose draws are samples"):
        compare_methods(jackknife, [DPO()])


@pytest.mark.parametrize("method", [OnPolicyDPO(), METHODS[1]], ids=lambda m: m.name)
def test_the_search_for_others_does_not_change_the_policy(method: Any) -> None:
    crowd = Population(np.random.default_rng(2).normal(0, 1, (3, 4)), [0.5, 0.3, 0.2])
    fast = method.without_search().limit(crowd).policy
    assert fast == pytest.approx(method.limit(crowd).policy, abs=1e-12)


def test_the_figure_has_a_row_for_each_method_with_a_limit() -> None:
    found = compare_methods(two_camps(), [DPO(), RobustDPO(0.4), MaxMin("best")])
    figure = method_policies(found)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["dpo", "maxmin(c=best)"]
    assert "1 of 2 methods" in figure._suptitle.get_text()  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="'comparison'"):
        method_policies(compare_methods(two_camps(), [RobustDPO(0.4)]))


@pytest.mark.slow
def test_the_table_of_orders_is_what_the_analysis_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = Path(__file__).parent.parent
    spec = importlib.util.spec_from_file_location("rivals", root / "analyses" / "rivals.py")
    assert spec is not None
    assert spec.loader is not None
    rivals = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rivals)
    rivals.print_orders(entries())
    page = (root / "docs" / "what-methods-converge-to.md").read_text()
    assert capsys.readouterr().out in page


def test_metrics_of_a_policy_with_zeros() -> None:
    crowd = two_camps()
    found = metrics(crowd, [0.0, 1.0, 0.0])
    assert found.average_reward == pytest.approx(-1.5)
    assert found.nash_welfare == 0.0  # B is the second camp's worst option
    assert found.distortion == pytest.approx(3.0 / 0.5)
    assert np.isfinite(found.regularised_gap)


def test_case_does_not_matter_in_columns_and_names(file: Path, out: Path) -> None:
    pd.read_csv(file).rename(columns=str.title).to_csv(file, index=False)
    assert run(file, "--methods", "DPO", "--out", out) == 0
    assert len(policy(out, "DPO")) == 3
    assert run("--example", "Two-Camps", "--methods", "dpo", "--out", out.with_name("more")) == 0

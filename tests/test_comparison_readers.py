"""Tables of comparisons: each shape by hand, what is dropped, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialpref import DPO, Comparisons, DataError, InputError, RewardAveraging
from socialpref.comparisons import form_of, guess_columns, simulate
from socialpref.comparisons.people import people_by_type
from socialpref.examples import two_camps
from socialpref.training import MLP, Tabular, dataset_of, fit_exact, fit_minibatch, learn

from .helpers import refuses

NAN = float("nan")
Row = tuple[str, str, str, float]


def said(rows: Comparisons) -> list[Row]:
    """Return each row as prompt, the two names in alphabetical order, and who is preferred."""
    found = []
    for x, y, z, label in zip(rows.prompt, rows.first, rows.second, rows.label, strict=True):
        one, other = rows.name(int(x), int(y)), rows.name(int(x), int(z))
        prompt = "" if rows.prompts is None else rows.prompts[x]
        low, high, value = (one, other, label) if one < other else (other, one, 1.0 - label)
        found.append((prompt, low, high, float(value)))
    return found


def dropped(rows: Comparisons) -> dict[str, int]:
    return {part.reason: part.count for part in rows.dropped}


def pairs(frame: Any, **more: Any) -> Comparisons:
    return Comparisons.from_frame(frame, **{"first": "a", "second": "b", "choice": "c", **more})


def abc(a: list[Any], b: list[Any], c: list[Any], **more: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"a": a, "b": b, "c": c, **more})


# --- pairs ------------------------------------------------------------------------------

WHOLE = {
    "a": ["tea", "milk", "tea", None, "tea", "tea", "milk", "water"],
    "b": ["milk", "tea", "tea", "tea", "water", "milk", "tea", "tea"],
    "c": ["tea", "tea", "tea", "tea", "skip", None, "TIE", "water"],
    "who": ["Ann", "Ann", "Bob", "Bob", "Bob", "Cy", None, "Cy"],
    "party": ["D", "D", None, "R", "R", "R", None, "R"],
    "age": ["old", "old", "old", "old", "old", "young", "old", "young"],
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_table_of_everything(make: Any) -> None:
    rows = pairs(make(WHOLE), annotator="who", types=["party", "age"])
    assert rows.options == ("milk", "tea", "water")
    assert said(rows) == [
        ("", "milk", "tea", 0.0),
        ("", "milk", "tea", 0.0),
        ("", "milk", "tea", 0.5),
        ("", "tea", "water", 0.0),
    ]
    assert rows.annotator_names == ("Ann", "Cy")
    assert rows.annotator is not None
    assert rows.annotator.tolist() == [0, 0, -1, 1]
    assert rows.types == ("D + old", "R + young")
    assert rows.annotator_type is not None
    assert rows.annotator_type.tolist() == [0, 0, -1, 1]
    assert dropped(rows) == {
        "without a first option": 1,
        "with the same option on both sides": 1,
        "without a choice": 1,
        "skipped": 1,
    }
    assert rows.n_read == 8 == len(rows) + sum(dropped(rows).values())
    assert rows.repeats() == (1, 0)
    cells = rows.cells()
    assert (cells.wins.tolist(), cells.losses.tolist()) == ([0.5, 0.0], [2.5, 1.0])


@pytest.mark.parametrize(
    ("choices", "labels"),
    [
        (["first", "second"], [1, 0]),
        (["A", "b"], [1, 0]),
        (["left", "RIGHT"], [1, 0]),
        (["model_a", "model_b"], [1, 0]),
        (["model_a", "tie (bothbad)"], [1, 0.5]),
        (["both", "Both_Bad"], [0.5, 0.5]),
        ([1, 0], [1, 0]),
        ([True, False], [1, 0]),
        (["1", "0"], [1, 0]),
        ([0.25, 0.5], [0.25, 0.5]),
        (["0.25", "tie"], [0.25, 0.5]),
        (["x", "y"], [1, 1]),
        (["x", "second"], [1, 0]),
        (["x", "tie"], [1, 0.5]),
    ],
)
def test_what_choices_mean(choices: list[Any], labels: list[float]) -> None:
    assert pairs(abc(["x", "y"], ["y", "z"], choices)).label.tolist() == labels


def test_words_that_are_names_of_options() -> None:
    """All choices are options of their rows: names. In one row one is not: words."""
    assert pairs(abc(["b", "a"], ["a", "b"], ["a", "a"])).label.tolist() == [0, 1]
    assert pairs(abc([1, 0], [0, 1], [0, 0])).label.tolist() == [0, 1]
    assert pairs(abc([0, 1, 2], [1, 0, 3], [1, 1, 1])).label.tolist() == [1, 1, 1]
    assert pairs(abc(["tie", "a"], ["a", "tie"], ["tie", "tie"])).label.tolist() == [1, 0]
    numbers = abc([1, 0], [0, 1], [0, 0])
    assert pairs(numbers, mapping={0: "second", 1: "first"}).label.tolist() == [0, 0]
    with pytest.raises(InputError, match=r"got 'a' in row 1, whose options are 'b' and 'c'"):
        pairs(abc(["a", "b", "c"], ["b", "c", "a"], ["a", "a", "c"]))


def test_a_mapping_of_choices() -> None:
    frame = abc(["x"] * 5, ["y"] * 5, ["one", "two", "meh", None, "x"])
    mapping = {"one": "first", "two": "second", "meh": 0.75, None: "skip"}
    rows = pairs(frame, mapping=mapping)
    assert rows.label.tolist() == [1, 0, 0.75, 1]
    assert dropped(rows) == {"skipped": 1}
    ones = pairs(abc(["x", "x"], ["y", "y"], [1, 2]), mapping={1: "first", 2: "second"})
    assert ones.label.tolist() == [1, 0]
    none = pairs(abc(["x", "x"], ["y", "y"], [1, NAN]), mapping={None: "tie"})
    assert none.label.tolist() == [1, 0.5]


def test_winners_and_losers_need_no_choice() -> None:
    rows = pairs(abc(["x", "z"], ["y", "x"], [0, 0]), choice=None)
    assert rows.label.tolist() == [1, 1]


def test_weights() -> None:
    frame = abc(["x"] * 4, ["y"] * 4, [1, 0, 0.5, 1], w=[2.0, 1.0, 4.0, 0.0])
    rows = pairs(frame, weight="w")
    assert dropped(rows) == {"of weight 0": 1}
    cells = rows.cells()
    assert [cells.wins[0], cells.losses[0], cells.total[0]] == [4, 3, 7]
    fit = learn(DPO(), rows)
    assert fit.rewards[0, 0] - fit.rewards[0, 1] == pytest.approx(np.log(4 / 3), abs=1e-8)
    assert dataset_of(rows).tensors[4].tolist() == [2, 1, 4]


def test_options_of_one_prompt_share_columns_with_others() -> None:
    frame = abc(
        ["yes", "red", "pass", "red", "yes"],
        ["no", "blue", "yes", "pass", "pass"],
        [1, 0, 1, 1, 0],
        p=["P1", "P2", "P1", "P2", None],
    )
    rows = pairs(frame, prompt="p")
    assert rows.options == ("pass",)
    assert rows.own_options == (("no", "yes"), ("blue", "red"))
    assert (rows.n_options, rows.prompts) == (3, ("P1", "P2"))
    assert said(rows) == [
        ("P1", "no", "yes", 0.0),
        ("P2", "blue", "red", 1.0),
        ("P1", "pass", "yes", 1.0),
        ("P2", "pass", "red", 0.0),
    ]
    assert dropped(rows) == {"without a prompt": 1}
    assert rows.existing() is None
    with refuses("option"):
        rows.name(0, 3)


def test_many_prompts_of_two_responses_need_two_columns() -> None:
    n = 10_000
    frame = abc(
        [f"answer {i}" for i in range(n)],
        [f"reply {i}" for i in range(n)],
        [1] * n,
        p=list(range(n)),
    )
    rows = pairs(frame, prompt="p")
    assert (rows.n_prompts, rows.n_options, rows.options) == (n, 2, ())
    assert {rows.name(17, 0), rows.name(17, 1)} == {
        f"{word} {(rows.prompts or ())[17]}" for word in ("answer", "reply")
    }


def test_ragged_prompts_give_no_probability_to_what_does_not_exist() -> None:
    frame = abc(
        ["x", "x", "u", "v", "w", "w"],
        ["y", "y", "v", "w", "u", "u"],
        [1, 0, 1, 1, 0, 1],
        p=[0, 0, 1, 1, 1, 1],
    )
    rows = pairs(frame, prompt="p")
    for options in ({}, {"ridge": 1.0}, {"reference": [0.2, 0.2, 0.6]}):
        fit = learn(DPO(), rows, **options)
        assert fit.policy[0].tolist() == pytest.approx([0.5, 0.5, 0.0], abs=1e-9)
        assert fit.rewards[0, 2] == -np.inf
        assert np.isfinite(fit.rewards[1]).all()
    three = pairs(frame.iloc[2:], prompt="p")
    np.testing.assert_allclose(learn(DPO(), rows).policy[1], learn(DPO(), three).policy[0])


def test_minibatches_give_no_probability_to_what_does_not_exist() -> None:
    prompt, first, second = np.array([[0, 0, 1, 1], [0, 1, 0, 2], [1, 0, 2, 1]])
    rows = Comparisons(prompt, first, second, np.array([1.0, 0.0, 1.0, 0.0]), 2, 3)
    (fit,) = fit_minibatch(
        [MLP(2, 3)], rows.cells(merged=False), n_prompts=2, n_options=3, steps=2, batch_size=4
    )
    assert fit.policy[0, 2] == 0.0
    assert (fit.policy[1] > 0.0).all()
    with pytest.raises(InputError, match="n_options"):
        fit_exact(rows.cells(), n_prompts=2, n_options=4)
    network = fit_exact(rows.cells(), policy=Tabular(2, 3), ridge=0.1)
    assert network.policy[0].tolist()[2] == 0.0
    assert network.policy.sum(axis=1).tolist() == pytest.approx([1.0, 1.0])


def test_contradictions_are_kept_and_counted() -> None:
    frame = abc(
        ["x", "y", "x", "x", "x"], ["y", "x", "y", "y", "y"], ["x", "y", "x", "x", "y"],
        who=["Ann", "Ann", "Ann", "Bob", None],
    )  # fmt: skip
    assert pairs(frame, annotator="who").repeats() == (1, 1)


def test_names_of_anything() -> None:
    frame = abc([3, 10.0, "x"], ["x", 3, ""], [3, 3, "x"])
    rows = pairs(frame)
    assert rows.options == ("10", "3", "x")
    assert rows.label.tolist() == [1, 0]
    assert dropped(rows) == {"without a second option": 1}
    numbers = pairs(abc([3, 10], [20, 3], [3, 3]))
    assert numbers.options == ("3", "10", "20")
    days = pairs(abc([pd.Timestamp("2026-01-01")], [pd.Timestamp("2026-01-02")], [1]))
    assert days.options == ("2026-01-01 00:00:00", "2026-01-02 00:00:00")
    kinds = pairs(abc(["x"], ["y"], [1]).astype({"a": "category", "b": "category"}))
    assert kinds.options == ("x", "y")


# --- ballots ----------------------------------------------------------------------------

ORDERS: list[Row] = [
    ("", "A", "B", 1.0),
    ("", "A", "C", 1.0),
    ("", "B", "C", 0.5),
    ("", "A", "C", 0.0),
]


def test_rankings_of_every_shape() -> None:
    ranks = pd.DataFrame({"A": [1, 2, 1], "B": [2, None, None], "C": [2, 1, None]})
    wide = Comparisons.from_rankings(ranks, columns=["A", "B", "C"])
    assert said(wide) == ORDERS
    assert dropped(wide) == {"that rank no two options": 1}
    assert wide.ballot is not None
    assert wide.ballot.tolist() == [0, 0, 0, 1]
    np.testing.assert_array_equal(wide.annotator, wide.ballot)
    long = ranks.assign(who=["Ann", "Bob", "Cy"]).melt("who", var_name="item", value_name="rank")
    rows = Comparisons.from_rankings(long, option="item", rank="rank", annotator="who")
    assert said(rows) == ORDERS
    assert rows.annotator_names == ("Ann", "Bob")
    assert dropped(rows) == {"without a rank": 3, "alone on their ballot": 1}
    assert rows.n_read == 9
    orders = pd.DataFrame({"1st": ["A", "C"], "2nd": ["B", "A"], "3rd": ["C", None]})
    rows = Comparisons.from_rankings(orders, columns=["1st", "2nd", "3rd"])
    assert said(rows) == [*ORDERS[:2], ("", "B", "C", 1.0), ORDERS[3]]


def test_options_left_out_of_a_ranking() -> None:
    ranks = pd.DataFrame({"A": [1, None], "B": [None, None], "C": [None, 1], "D": [2, None]})
    rows = Comparisons.from_rankings(ranks, columns=list("ABCD"), unranked="below")
    assert sorted(said(rows)[:5]) == [
        ("", "A", "B", 1.0),
        ("", "A", "C", 1.0),
        ("", "A", "D", 1.0),
        ("", "B", "D", 0.0),
        ("", "C", "D", 0.0),
    ]
    assert sorted(said(rows)[5:]) == [
        ("", "A", "C", 0.0),
        ("", "B", "C", 0.0),
        ("", "C", "D", 1.0),
    ]
    assert len(Comparisons.from_rankings(ranks, columns=list("ABCD"))) == 1


def test_ratings_within_annotators() -> None:
    frame = pd.DataFrame(
        {
            "who": ["Ann", "Bob", "Ann", "Ann", "Bob", "Cy", "Ann", None],
            "item": ["A", "A", "B", "C", "B", "A", "D", "A"],
            "stars": [5, 1, 3, 3, 4, 2, None, 1],
            "party": ["D", "R", "D", "D", "R", "R", "D", None],
        }
    )
    rows = Comparisons.from_ratings(
        frame, option="item", rating="stars", annotator="who", types="party"
    )
    expected = [("", "A", "B", 1.0), ("", "A", "C", 1.0), ("", "B", "C", 0.5), ("", "A", "B", 0.0)]
    assert said(rows) == expected
    lost = {"without an annotator": 1, "without a rating": 1, "alone on their ballot": 1}
    assert dropped(rows) == lost
    assert people_by_type(rows).tolist() == [1, 1]
    wide = pd.DataFrame({"A": [5, 1, 2], "B": [3, 4, None], "C": [3, None, None]})
    assert said(Comparisons.from_ratings(wide, columns=["A", "B", "C"])) == expected
    turns = frame.assign(turn=["1", "1", "1", "2", "1", "1", "2", "1"])
    rows = Comparisons.from_ratings(
        turns, option="item", rating="stars", annotator="who", prompt="turn"
    )
    assert [row[1:] for row in said(rows)] == [("A", "B", 1.0), ("A", "B", 0.0)]


def test_choices_of_every_shape() -> None:
    expected = [("", "A", "B", 1.0), ("", "A", "C", 1.0), ("", "B", "C", 0.0)]
    offered = pd.DataFrame({"x": ["A", "B"], "y": ["B", "C"], "z": ["C", None], "c": ["A", "C"]})
    columns: dict[str, Any] = {"choice": "c", "offered": ["x", "y", "z"]}
    assert said(Comparisons.from_choices(offered, **columns)) == expected
    by_column = offered.assign(c=["x", "y"])
    assert said(Comparisons.from_choices(by_column, **columns)) == expected
    long = pd.DataFrame(
        {"set": [1, 1, 1, 2, 2], "item": ["A", "B", "C", "B", "C"], "c": [1, 0, 0, 0, 1]}
    )
    rows = Comparisons.from_choices(long, choice="c", option="item", ballot="set")
    assert said(rows) == expected
    always = pd.DataFrame({"brand": ["A", None, "C"]})
    rows = Comparisons.from_choices(always, choice="brand", options=["A", "B", "C"])
    assert said(rows) == [*expected[:2], ("", "A", "C", 0.0), ("", "B", "C", 0.0)]
    assert dropped(rows) == {"without a choice": 1}


def test_votes_on_statements() -> None:
    """Ann agrees with A and B, disagrees with C; Bob passes B, and agrees with nothing."""
    wide = pd.DataFrame({"A": [1, -1], "B": [1, 0], "C": [-1, -1], "D": [0, None]})
    expected = [("", "A", "C", 1.0), ("", "B", "C", 1.0)]
    rows = Comparisons.from_votes(wide, columns=list("ABCD"))
    assert said(rows) == expected
    assert dropped(rows) == {"that do not both agree and disagree": 1}
    words = wide.replace({1: "agree", -1: "Disagree", 0: "pass"}).fillna("unseen")
    assert said(Comparisons.from_votes(words, columns=list("ABCD"))) == expected
    long = wide.assign(who=["Ann", "Bob"]).melt("who", var_name="item", value_name="vote")
    rows = Comparisons.from_votes(long, option="item", vote="vote", annotator="who")
    assert said(rows) == expected
    assert rows.annotator_names == ("Ann",)
    assert dropped(rows)["passed"] == 2
    assert dropped(rows)["unseen"] == 1


def test_votes_of_several_annotators_on_pairs() -> None:
    frame = pd.DataFrame(
        {"a": ["x", "y"], "b": ["y", "z"], "ann": ["x", "tie"], "bob": ["y", None], "w": [1.0, 2.0]}
    )
    rows = Comparisons.from_votes(frame, first="a", second="b", columns=["ann", "bob"], weight="w")
    assert said(rows) == [("", "x", "y", 1.0), ("", "y", "z", 0.5), ("", "x", "y", 0.0)]
    assert rows.annotator_names == ("ann", "bob")
    assert dropped(rows) == {"votes not given": 1}
    assert rows.n_read == 4


# --- PrefLib ----------------------------------------------------------------------------

HEADER = "# FILE NAME: votes\n" + "".join(
    f"# ALTERNATIVE NAME {i}: {name}\n" for i, name in enumerate("ABC", 1)
)


@pytest.mark.parametrize(
    ("ending", "lines", "unranked", "expected"),
    [
        ("soc", "2: 2,1,3", "below", [("A", "B", 0), ("A", "C", 1), ("B", "C", 1)] * 2),
        ("soi", "1: 2,1\n1: 3", "below",
         [("A", "B", 0), ("A", "C", 1), ("B", "C", 1), ("A", "C", 0), ("B", "C", 0)]),
        ("soi", "1: 2,1\n1: 3", "ignored", [("A", "B", 0)]),
        ("toc", "1: {1,2},3", "below", [("A", "B", 0.5), ("A", "C", 1), ("B", "C", 1)]),
        ("toi", "1: {2, 3}", "below", [("A", "B", 0), ("A", "C", 0), ("B", "C", 0.5)]),
        ("cat", "1: {2},{1,3},{}", "below", [("A", "B", 0), ("A", "C", 0.5), ("B", "C", 1)]),
    ],
)  # fmt: skip
def test_preflib(
    tmp_path: Path, ending: str, lines: str, unranked: Any, expected: list[Any]
) -> None:
    file = tmp_path / f"votes.{ending}"
    file.write_text(HEADER + lines)
    rows = Comparisons.from_preflib(file, unranked=unranked)
    assert sorted(row[1:] for row in said(rows)) == sorted(expected)
    assert rows.annotator is not None
    np.testing.assert_array_equal(rows.annotator, rows.ballot)
    assert form_of(file) == "preflib"
    ballots = rows.annotators()[1]
    assert rows.n_read == ballots + sum(dropped(rows).values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("votes.soc", ""),
        ("votes.soc", HEADER),
        ("votes.soc", HEADER + "1,2,3"),
        ("votes.soc", HEADER + "1: 1,2,1"),
        ("votes.soc", HEADER + "1: 1,4"),
        ("votes.soc", HEADER + "1: 1;2"),
        ("votes.toc", HEADER + "1: {1,2,3"),
        ("votes.toc", HEADER + "1: {1,x},3"),
        ("votes.soi", HEADER.replace("B", "A") + "1: 1,2"),
        ("votes.soi", HEADER + "0: 1,2"),
        ("votes.csv", HEADER + "1: 1,2"),
    ],
)
def test_files_that_are_not_of_preflib(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=rf"{name}: .+") as error:
        Comparisons.from_preflib(tmp_path / name)
    assert "\n" not in str(error.value)


# --- files and guesses ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "form", "guessed"),
    [
        (["model_a", "model_b", "winner", "judge"], "pairs",
         {"first": "model_a", "second": "model_b", "choice": "winner", "annotator": "judge"}),
        (["prompt", "chosen", "rejected"], "pairs",
         {"first": "chosen", "second": "rejected", "prompt": "prompt"}),
        (["First", "Second", "Choice", "Weight"], "pairs",
         {"first": "First", "second": "Second", "choice": "Choice", "weight": "Weight"}),
        (["user_id", "item", "rating"], "ratings",
         {"option": "item", "rating": "rating", "annotator": "user_id"}),
        (["voter", "item", "rank"], "rankings",
         {"option": "item", "rank": "rank", "annotator": "voter"}),
        (["statement", "vote", "uid"], "votes",
         {"option": "statement", "vote": "vote", "annotator": "uid"}),
        (["ballot", "option", "chosen"], "choices",
         {"option": "option", "chosen": "chosen", "ballot": "ballot"}),
        (["x", "y"], None, {}),
    ],
)  # fmt: skip
def test_guesses(columns: list[str], form: str | None, guessed: dict[str, str]) -> None:
    guess = guess_columns(columns)
    assert (guess.form, dict(guess.columns)) == (form, guessed)


@pytest.mark.parametrize(
    ("name", "separator", "encoding"),
    [
        ("t.csv", ",", "utf-8"),
        ("t.csv", ";", "utf-8-sig"),
        ("t.tsv", "\t", "latin-1"),
    ],
)
def test_text_files(tmp_path: Path, name: str, separator: str, encoding: str) -> None:
    lines = ["model_a,model_b,winner,user", "thé,lait,model_b,Ann", "lait,eau,tie,Zoë"]
    text = "\n".join(lines).replace(",", separator)
    (tmp_path / name).write_bytes(text.encode(encoding))
    rows = Comparisons.from_file(tmp_path / name)
    assert rows.options == ("eau", "lait", "thé")
    assert rows.label.tolist() == [0, 0.5]
    assert rows.annotator_names == ("Ann", "Zoë")


def test_other_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"item": ["A", "B"], "rating": [1, 2], "user_id": ["Ann", "Ann"]})
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    for name in ("t.parquet", "t.jsonl"):
        assert said(Comparisons.from_file(tmp_path / name)) == [("", "A", "B", 0.0)]
    wide = pd.DataFrame({"A": [1, 2], "B": [2, 1], "user": ["Ann", "Bob"]})
    wide.to_csv(tmp_path / "w.csv", index=False)
    rows = Comparisons.from_file(tmp_path / "w.csv", "rankings", columns=["A", "B"])
    assert rows.label.tolist() == [1, 0]
    assert rows.annotator_names == ("Ann", "Bob")
    wide.rename(columns={"A": "first", "B": "second"}).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(DataError, match=r"'choice' must be the name of a column"):
        Comparisons.from_file(tmp_path / "p.csv", "pairs")
    chosen = pd.DataFrame({"chosen": ["x"], "rejected": ["y"]})
    chosen.to_csv(tmp_path / "c.csv", index=False)
    assert said(Comparisons.from_file(tmp_path / "c.csv")) == [("", "x", "y", 1.0)]
    with pytest.raises(DataError, match="form"):
        Comparisons.from_file(tmp_path / "w.csv")
    with pytest.raises(DataError, match=r"none\.csv"):
        Comparisons.from_file(tmp_path / "none.csv")


def test_a_table_is_saved_with_all_that_it_knows(tmp_path: Path) -> None:
    frame = abc(
        ["x", "u", "u", "x"], ["y", "v", "w", "y"], [1, 0.25, 0.5, "skip"],
        p=["P", "Q", "Q", "P"], who=["Ann", None, "Ann", "Bob"], w=[1.0, 2.0, 3.0, 1.0],
        party=["D", None, "D", "R"],
    )  # fmt: skip
    read = pairs(frame, prompt="p", annotator="who", types="party", weight="w")
    for rows in (read, read.take([0, 1]), simulate(two_camps(), 8, "typed")):
        rows.save(tmp_path / "rows.parquet")
        back = Comparisons.load(tmp_path / "rows.parquet")
        for name in vars(rows):
            one, other = getattr(rows, name), getattr(back, name)
            if isinstance(one, np.ndarray):
                np.testing.assert_array_equal(one, other)
                assert other.dtype == one.dtype
            else:
                assert one == other, name


# --- properties -------------------------------------------------------------------------

NAMES = st.sampled_from(["x", "y", "z", None])
TABLES = st.lists(
    st.tuples(
        NAMES,
        NAMES,
        st.sampled_from(["first", "second", "tie", "skip", None]),
        st.sampled_from(["Ann", "Bob", "Cy", None]),
        st.sampled_from(["P", "Q", None]),
        st.sampled_from([0.0, 1.0, 2.5, NAN]),
    ),
    min_size=1,
    max_size=12,
)


def read(table: list[Any]) -> Comparisons | None:
    frame = pd.DataFrame(table, columns=["a", "b", "c", "who", "p", "w"]).astype({"w": float})
    there = frame[["a", "b", "p"]].notna().all(axis=1) & (frame.a != frame.b) & (frame.w > 0)
    if not (there & frame.c.isin(["first", "second", "tie"])).any():
        with pytest.raises(InputError, match="at least one comparison; got none"):
            pairs(frame, annotator="who", prompt="p", weight="w")
        return None
    return pairs(frame, annotator="who", prompt="p", weight="w")


def contents(rows: Comparisons) -> list[Any]:
    assert rows.weight is not None
    who = [None] * len(rows)
    if rows.annotator is not None and rows.annotator_names is not None:
        names = (*rows.annotator_names, None)
        who = [names[a] for a in rows.annotator]
    return list(zip(said(rows), who, rows.weight.tolist(), strict=True))


@settings(max_examples=25)
@given(TABLES, st.randoms())
def test_order_and_names_change_nothing_and_counts_add_up(table: list[Any], random: Any) -> None:
    rows = read(table)
    shuffled = random.sample(table, len(table))
    other = read(shuffled)
    new = {"x": "c", "y": "b", "z": "a", None: None}
    renamed = read([(new[a], new[b], *rest) for a, b, *rest in table])
    if rows is None:
        assert other is None
        assert renamed is None
        return
    assert other is not None
    assert renamed is not None
    assert sorted(map(repr, contents(other))) == sorted(map(repr, contents(rows)))
    assert (other.options, other.own_options) == (rows.options, rows.own_options)
    assert len(rows) + sum(dropped(rows).values()) == len(table) == rows.n_read
    assert rows.dropped == renamed.dropped
    for mine, theirs in zip(contents(rows), contents(renamed), strict=True):
        (prompt, low, high, label), *rest = mine
        assert theirs == ((prompt, new[high], new[low], 1.0 - label), *rest)


# --- refusals ---------------------------------------------------------------------------

X, Y = ["x", "x"], ["y", "y"]
BAD_PAIRS: list[tuple[Any, dict[str, Any], str]] = [
    (abc(X, Y, ["x", "z"]), {}, r"column 'c' .* got 'z' in row 1, whose options are 'x' and 'y'"),
    (abc(X, Y, ["x", "dunno"]), {}, "'dunno' in row 1"),
    (abc(X, Y, [1.0, NAN]), {}, "column 'c' must be a label .* nan in row 1"),
    (abc(X, Y, [1, 2]), {}, "'2' in row 1"),
    (abc(X, Y, [1.0, 1.5]), {}, "'1.5' in row 1"),
    (abc(X, Y, [-0.1, 1]), {}, "'-0.1' in row 0"),
    (abc(X, Y, [1, np.inf]), {}, "'inf' in row 1"),
    (abc(X, Y, ["x", "1.5"]), {}, "'1.5' in row 1"),
    (abc(X, Y, [["x"], ["y"]]), {}, "column c"),
    (abc([["x"], "x"], Y, [1, 0]), {}, "column a"),
    (abc(X, Y, ["skip", "skip"]), {}, r"got none \(2 skipped\)"),
    (abc(X, X, [1, 0]), {}, "2 with the same option"),
    (abc([None, None], Y, [1, 0]), {}, "2 without a first option"),
    (abc(X, Y, [1, 0]).head(0), {}, "'frame' must be with at least one row"),
    (abc(X, Y, [1, 0]), {"first": "q"}, "'first' must be one of the columns 'a', 'b', 'c'"),
    (abc(X, Y, [1, 0]), {"second": None}, "'second' must be the name"),
    (abc(X, Y, [1, 0]), {"choice": 3}, "'choice' must be the name"),
    (abc(X, Y, [1, 0]), {"annotator": "who"}, "'annotator' must be one of"),
    (abc(X, Y, [1, 0]), {"types": []}, "'types' must be at least one"),
    (abc(X, Y, [1, 0]), {"types": ["a", "who"]}, "'types' must be one of"),
    (abc(X, Y, [1, 0], w=[1.0, -1.0]), {"weight": "w"}, "column 'w' .* -1.0.* in row 1"),
    (abc(X, Y, [1, 0], w=[1.0, np.inf]), {"weight": "w"}, "column 'w' .* in row 1"),
    (abc(X, Y, [1, 0], w=[1, "heavy"]), {"weight": "w"}, "column 'w' .* 'heavy' in row 1"),
    (abc(X, Y, [1, 0], u=["A", "A"], t=["D", "R"]), {"annotator": "u", "types": "t"},
     "'types' must be one for each annotator; got 'D' in row 0 and 'R' in row 1 for annotator 'A'"),
    (abc(X, Y, [1, 0], p=[None, None]), {"prompt": "p"}, "2 without a prompt"),
    (abc(X, Y, [1, 0]), {"mapping": {"x": "winner"}}, "'mapping' must be one of"),
    (abc(X, Y, [1, 0]), {"mapping": {"x": 2}}, "'mapping' must be a number"),
    (abc(X, Y, [1, 0]), {"mapping": "x"}, "'mapping' must be a mapping"),
    (pd.DataFrame([[1, 2, 3]], columns=["a", "a", "c"]), {}, "'frame' must be .* columns"),
    (pl.LazyFrame({"a": ["x"], "b": ["y"], "c": [1]}), {}, "'frame' must be .* in memory"),
    ([1, 2], {}, "'frame' must be a data frame"),
    (None, {}, "'frame' must be a data frame"),
    ("table.csv", {}, "'frame' must be a data frame"),
    (abc(X, Y, [1, 0]).to_numpy(), {}, "'frame' must be a data frame"),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "options", "message"), BAD_PAIRS)
def test_bad_tables_of_pairs(frame: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        pairs(frame, **options)
    assert "\n" not in str(error.value)


LONG = pd.DataFrame({"u": ["A", "A"], "i": ["x", "y"], "v": [1, 2]})
WIDE = pd.DataFrame({"x": [1, 2], "y": [2, 1]})
BAD_BALLOTS: list[tuple[str, Any, dict[str, Any], str]] = [
    ("rankings", LONG, {}, "'option' must be the name"),
    ("rankings", LONG, {"option": "i"}, "'rank' must be the name"),
    ("rankings", LONG, {"option": "i", "rank": "v"}, "'ballot' must be given"),
    ("rankings", LONG, {"option": "i", "rank": "i", "annotator": "u"},
     "column 'i' .* 'x' in row 0"),
    ("rankings", LONG.assign(i="x"), {"option": "i", "rank": "v", "annotator": "u"},
     "column 'v' must be of different options .* in row 1"),
    ("rankings", LONG.assign(u=["A", "B"]), {"option": "i", "rank": "v", "annotator": "u"},
     r"got none \(2 alone on their ballot\)"),
    ("rankings", WIDE, {"columns": ["x"]}, "'columns' must be a list of two"),
    ("rankings", WIDE, {"columns": "xy"}, "'columns' must be a list of two"),
    ("rankings", WIDE, {"columns": ["x", "x"]}, "'columns' must be different"),
    ("rankings", WIDE, {"columns": ["x", "z"]}, "'columns' must be one of"),
    ("rankings", WIDE, {"columns": ["x", "y"], "values": "places"}, "'values' must be one of"),
    ("rankings", WIDE, {"columns": ["x", "y"], "unranked": "above"}, "'unranked' must be one of"),
    ("rankings", WIDE.astype(str), {"columns": ["x", "y"], "values": "ranks",
                                    "types": "t"}, "'types' must be one of"),
    ("rankings", pd.DataFrame({"x": ["A", "B"], "y": ["B", "B"]}), {"columns": ["x", "y"]},
     "column 'x, y' must be different options .* 'B' in row 1"),
    ("ratings", LONG, {"option": "i", "rating": "v"}, "'annotator' must be given"),
    ("ratings", LONG.assign(v=["good", "bad"]),
     {"option": "i", "rating": "v", "annotator": "u"}, "column 'v' .* 'good' in row 0"),
    ("ratings", LONG, {"rating": "v", "annotator": "u"}, "'option' must be the name"),
    ("ratings", WIDE.assign(y=NAN), {"columns": ["x", "y"]}, "2 that rate no two options"),
    ("choices", WIDE, {"choice": "x"}, "'offered' must be columns"),
    ("choices", WIDE, {"choice": "q", "options": ["1", "2"]}, "'choice' must be one of"),
    ("choices", WIDE, {"choice": "x", "options": ["1", "3"]}, "column 'x' .* '2' in row 1"),
    ("choices", WIDE, {"choice": "x", "options": [1, 2]}, "'options' must be labels"),
    ("choices", WIDE.assign(c=[1, 3]), {"choice": "c", "offered": ["x", "y"]},
     "column 'c' .* '3' in row 1"),
    ("choices", LONG, {"choice": "v", "option": "i", "ballot": "u"}, "column 'v' must be 1 where"),
    ("choices", LONG, {"choice": "v", "option": "q", "ballot": "u"}, "'option' must be one of"),
    ("votes", LONG, {"option": "i", "vote": "v"}, "'annotator' must be given"),
    ("votes", LONG, {"option": "i", "vote": "v", "annotator": "u"}, "column 'v' .* '2' in row 1"),
    ("votes", WIDE, {"columns": ["x", "y"]}, "column 'x' .* '2' in row 1"),
    ("votes", WIDE.assign(x=1, y=1), {"columns": ["x", "y"]}, "2 that do not both"),
    ("votes", LONG, {"first": "i", "columns": ["u", "v"]}, "'second' must be the name"),
    ("votes", LONG, {"first": "i", "second": "v"}, "'columns' must be the columns"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "frame", "options", "message"), BAD_BALLOTS)
def test_bad_ballots(form: str, frame: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        getattr(Comparisons, f"from_{form}")(frame, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": [1, NAN]}, "'label' must be in .* nan in row 1"),
        ({"weight": [1, 0]}, "'weight' must be above 0; got 0 in row 1"),
        ({"weight": [1]}, "'weight' must be 2 numbers"),
        ({"weight": [1, NAN]}, "'weight'"),
        ({"annotator": [0, 1], "annotator_names": ["Ann"]}, r"'annotator' must be .* 1 in row 1"),
        ({"options": ["x", "y"]}, "'options' must be 3 labels"),
        ({"options": ["x", "y", "x"]}, "'options' must be distinct"),
        ({"own_options": [["x"], ["y"]]}, "'own_options' must be 1 lists"),
        ({"own_options": [["x"]], "options": ["x", "y"]}, "'own_options' must be 1 lists"),
        ({"available": [True, True, True]}, "'available' must be an array of bool"),
        ({"available": [[True, True, False]]}, "'second' must be an option .* 2 in row 1"),
        ({"available": [[False] * 3]}, "'available' must be of some option"),
        ({"ballot": [0, -1]}, "'ballot' must be at least 0; got -1 in row 1"),
        ({"dropped": ["skipped"]}, "'dropped'"),
        ({"n_read": -1}, "'n_read'"),
    ],
)
def test_bad_columns(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {
        "prompt": [0, 0], "first": [0, 1], "second": [1, 2], "label": [0, 1],
        "n_prompts": 1, "n_options": 3,
    }  # fmt: skip
    with pytest.raises(InputError, match=message):
        Comparisons(**{**good, **change})


# --- what learners make of it -----------------------------------------------------------


def test_ties_and_unknown_types_reach_the_learners() -> None:
    """A tie is half a win each: 2.5 against 1.5. Labels of unknown type belong to no type."""
    frame = abc(
        ["x"] * 4, ["y"] * 4, ["x", "x", "y", "tie"],
        who=["Ann", "Bob", "Bob", None], party=["D", None, None, None],
    )  # fmt: skip
    rows = pairs(frame, annotator="who", types="party")
    fit = learn(DPO(), rows)
    assert fit.rewards[0, 0] - fit.rewards[0, 1] == pytest.approx(np.log(2.5 / 1.5), abs=1e-8)
    assert people_by_type(rows).tolist() == [1]
    ridged = learn(RewardAveraging(), rows, ridge=1.0)
    alone = learn(DPO(), rows.take([0]), ridge=1.0)
    np.testing.assert_allclose(ridged.rewards, alone.rewards, atol=1e-9)


def test_panels_of_soft_labels() -> None:
    """A tie agrees with the probability of a fair coin."""
    zeros = np.zeros(4, dtype=int)
    label = np.array([1, 0.5, 0.25, 0.5])
    types, panels = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    rows = Comparisons(zeros, zeros, zeros + 1, label, 1, 2, annotator_type=types, panel=panels)
    cells = rows.unanimous_cells()
    assert (cells.wins[0], cells.losses[0], cells.total[0]) == (0.625, 0.375, 2.0)


def test_numbers_that_floats_cannot_hold_are_names_of_their_own() -> None:
    big = 2**53
    table = abc([big, big + 1], [big + 1, big + 2], [1, 0])
    rows = Comparisons.from_frame(table, first="a", second="b", choice="c")
    assert rows.options == (str(big), str(big + 1), str(big + 2))
    assert (rows.first.tolist(), rows.second.tolist()) == ([0, 1], [1, 2])


def test_missing_categories_of_polars() -> None:
    names = pl.Series(["x", None, "y"], dtype=pl.Categorical)
    table = pl.DataFrame({"a": names, "b": ["y", "x", "x"], "c": [1, 0, 1]})
    rows = Comparisons.from_frame(table, first="a", second="b", choice="c")
    assert rows.options == ("x", "y")
    assert [str(part) for part in rows.dropped] == ["1 without a first option"]


def test_rows_that_lead_to_no_comparison_are_dropped() -> None:
    offered = pd.DataFrame({"u": [1, 1, 2, 2], "o": ["x", "y", "x", "y"], "c": [1, 0, 0, 0]})
    rows = Comparisons.from_choices(offered, choice="c", option="o", annotator="u")
    assert [str(part) for part in rows.dropped] == ["2 compared with nothing"]
    votes = pd.DataFrame({"u": [1, 1, 2, 2], "s": ["x", "y", "x", "y"], "v": [1, -1, 1, 1]})
    rows = Comparisons.from_votes(votes, option="s", vote="v", annotator="u")
    assert (len(rows), rows.n_read) == (1, 4)
    assert [str(part) for part in rows.dropped] == ["2 compared with nothing"]


@pytest.mark.parametrize("kind", ["rank", "rating"])
def test_a_ballot_has_one_weight_and_one_type(kind: str) -> None:
    table = pd.DataFrame({"o": ["x", "y", "x", "y"], "r": [1, 2, 2, 1], "n": [1, 1, 2, 2]})
    table = table.assign(w=[1, 1, 3.0, 2.0], t=["F", "F", "F", "M"])
    read = Comparisons.from_rankings if kind == "rank" else Comparisons.from_ratings
    given: dict[str, Any] = {"option": "o", kind: "r", "annotator": "n"}
    with pytest.raises(InputError, match="one for each ballot; got 2 in row 3 and 3 in row 2"):
        read(table, weight="w", **given)
    assert len(read(table.assign(w=[1, 1, 2, 2]), weight="w", **given)) == 2
    if kind == "rank":
        with pytest.raises(InputError, match="each ballot; got 'F' in row 2 and 'M' in row 3"):
            Comparisons.from_rankings(table, option="o", rank="r", ballot="n", types="t")


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_ranks_and_ratings_are_refused(value: float) -> None:
    table = pd.DataFrame({"x": [1.0, value], "y": [2.0, 1.0]})
    for read in (Comparisons.from_rankings, Comparisons.from_ratings):
        with pytest.raises(InputError, match=r"a finite number; got -?inf in row 1"):
            read(table, columns=["x", "y"])


def test_votes_on_pairs_whatever_the_columns_are_called() -> None:
    table = pd.DataFrame({"vote": ["x", "y"], "b": ["y", "z"], "j": ["a", "b"], "annotator": "tie"})
    rows = Comparisons.from_votes(table, first="vote", second="b", columns=["j", "annotator"])
    assert rows.options == ("x", "y", "z")
    assert rows.label.tolist() == [1.0, 0.0, 0.5, 0.5]
    assert rows.annotator_names == ("annotator", "j")
    wrong = table.assign(k=[None, "q"])
    with pytest.raises(InputError, match="got 'q' in row 1 of column 'k'"):
        Comparisons.from_votes(wrong, first="vote", second="b", columns=["j", "k"])


def test_types_that_are_missing_in_all_rows_are_refused() -> None:
    frame = pd.DataFrame(
        {"a": ["x", "y"], "b": ["y", "x"], "choice": ["a", "b"], "kind": [None, None]}
    )
    with pytest.raises(InputError, match="'types' must be known in some rows"):
        Comparisons.from_frame(frame, first="a", second="b", choice="choice", types="kind")

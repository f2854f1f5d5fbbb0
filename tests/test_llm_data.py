"""Lengths, pairs, arms of labels and the length-only scorer."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from socialpref import DPO, Logistic, Population
from socialpref.cli import main
from socialpref.errors import DataError, InputError

from .llm_texts import dialogues, write_dialogues, write_rows

pytest.importorskip("torch")
from socialpref.llm import Corpus, Pair, measure, read_pairs
from socialpref.llm.experiments import (
    ARMS,
    EXACT,
    Outcome,
    Settings,
    accuracy,
    annotate,
    audit,
    expect,
    fit_score,
    learn_joint,
    learn_pseudo_labels,
    length_rewards,
    mean_signs,
    population,
    reward_gaps,
    run,
    summary,
    true_joint,
)

ANY_LENGTH = st.integers(1, 512)


def words(texts: list[str]) -> dict[str, list[list[int]]]:
    """Tokenize as a toy: one token for each word."""
    return {"input_ids": [list(range(len(text.split()))) for text in texts]}


def corpus(n: int = 400, seed: int = 0) -> Corpus:
    """Return pairs of random lengths, all of them open."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(20, 513, size=(n, 2))
    return Corpus(tuple(Pair("p", f"a{i}", f"b{i}") for i in range(n)), lengths)


def knots() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return lengths at which the score is free, and all pairs of them, so often that the weak
    prior does not count."""
    options = np.array([64, 128, 256, 384, 512])
    first, second = np.triu_indices(len(options), 1)
    return options, np.tile(np.stack([options[first], options[second]], axis=1), (400, 1))


# --- lengths --------------------------------------------------------------------------


def test_mean_rewards_are_the_protocols() -> None:
    x = [64, 128, 192, 256, 320, 384, 448, 512]
    expected = [0.944, 0.495, 0.435, 0.736, 0.435, 0.495, 0.944, 1.357]
    assert_allclose(length_rewards(x).mean(axis=0), expected, atol=5e-4)


def test_rewards_of_one_length_by_hand() -> None:
    # exp(128/80)/100 = 0.04953; exp(384/80)/100 = 1.21510; 1/((-2)^2+1) = 0.2, exp(.2)-1 = 0.22140
    assert_allclose(length_rewards(128), [0.0495303, 1.2151042, 0.2214028], atol=1e-6)


@given(ANY_LENGTH.filter(lambda x: x < 512))
def test_the_mean_is_symmetric_and_its_signs_know(x: int) -> None:
    pair = np.array([[x, 512 - x]])
    assert mean_signs(pair).tolist() == [0]
    assert_allclose(reward_gaps(pair)[0], -reward_gaps(pair)[1])


@given(ANY_LENGTH, ANY_LENGTH)
def test_swapping_texts_swaps_signs(x: int, y: int) -> None:
    assert mean_signs(np.array([[x, y]])) == -mean_signs(np.array([[y, x]]))


def test_long_texts_are_cut() -> None:
    assert_allclose(length_rewards([513, 4000]), length_rewards([512, 512]))


def test_no_length_is_refused() -> None:
    with pytest.raises(InputError, match="'lengths' must be positive"):
        length_rewards([0, 5])


# --- reading --------------------------------------------------------------------------


def test_both_forms_give_the_same_pairs(tmp_path: Path) -> None:
    made = [Pair(*d) for d in dialogues(5)]
    whole = write_dialogues(tmp_path / "a.jsonl.gz", 5)
    rows: list[dict[str, object]] = [
        {
            "prompt": p.removeprefix("\n\n").removesuffix("\n\nAssistant:"),
            "responses": [a.strip(), b.strip()],
        }
        for p, a, b in made
    ]
    apart = write_rows(tmp_path / "b.jsonl", rows)
    assert read_pairs(whole) == read_pairs(apart) == made
    assert read_pairs(tmp_path) == made * 2


def test_dialogues_are_cut_at_the_turn_where_they_part(tmp_path: Path) -> None:
    begun = "\n\nHuman: hello\n\nAssistant:"
    more = " well.\n\nHuman: go on\n\nAssistant: yes"
    row: dict[str, object] = {"chosen": begun + " well enough", "rejected": begun + more}
    assert read_pairs(write_rows(tmp_path / "a.jsonl", [row])) == [
        Pair(begun, " well enough", more)
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "line 2: not JSON"),
        ('{"chosen": "x"}', "line 2: must have the texts 'chosen' and 'rejected'"),
        ('{"prompt": "x", "responses": ["a"]}', "line 2: must have"),
        ('{"chosen": "a", "rejected": "b"}', "line 2: the dialogues share no prompt"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    file = write_dialogues(tmp_path / "a.jsonl", 1)
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(DataError, match=message):
        read_pairs(file)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_pairs(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="in this folder"):
        read_pairs(tmp_path)
    (tmp_path / "a.jsonl.gz").write_bytes(b"plain")
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(tmp_path / "a.jsonl.gz")


def test_empty_responses_are_left_out_and_long_texts_cut() -> None:
    pairs = [Pair("p", " a b", " "), Pair("p", " a", " b" * 600)]
    measured = measure(pairs, words)
    assert (measured.n_empty, measured.lengths.tolist()) == (1, [[2, 512]])
    with pytest.raises(DataError, match="no pair has two responses"):
        measure(pairs[:1], words)


def test_splits_are_disjoint_and_reproducible() -> None:
    train, test = corpus().split(0.25, 3)
    assert (len(train), len(test)) == (300, 100)
    assert {p.first for p in train.pairs}.isdisjoint({p.first for p in test.pairs})
    assert corpus().split(0.25, 3)[1].pairs == test.pairs
    with pytest.raises(InputError, match="held_out"):
        corpus().split(1.0, 0)


# --- labels ---------------------------------------------------------------------------


def test_an_audit_by_hand() -> None:
    pairs = tuple(Pair("p", "a", "b") for _ in range(3))
    lengths = np.array([[512, 128], [100, 100], [512, 512]])
    found = audit(Corpus(pairs, lengths))
    p = 1 / (1 + np.exp(-(length_rewards(512) - length_rewards(128))))
    assert_allclose([found.tied, found.cut], [2 / 3, 1 / 3])
    assert_allclose(found.unanimous, p.prod() + (1 - p).prod())
    assert_allclose(found.right_anonymous, p.mean())
    assert "3 pairs" in found.describe()
    with pytest.raises(DataError, match="all pairs tie"):
        audit(Corpus(pairs[:1], lengths[1:2]))


@pytest.mark.parametrize("name", list(ARMS))
def test_samples_agree_with_expectations(name: str) -> None:
    lengths = np.array([[40, 500], [260, 120], [300, 310], [200, 480]])
    arm, n = ARMS[name], 120_000
    drawn, exact = annotate(arm, lengths, n, seed=1), expect(arm, lengths)
    assert drawn.n_asked <= n
    assert abs(drawn.discarded - exact.discarded) < 0.01
    for got, want in zip(drawn.by_model(arm), exact.by_model(arm), strict=True):
        for pair in range(4):
            seen, here = got.wins[got.pair == pair], want.pair == pair
            likely = want.wins[here].sum() / (want.wins + want.losses)[here].sum()
            error = (likely * (1.0 - likely) / len(seen)) ** 0.5
            assert abs(seen.mean() - likely) < 4.0 * error


def test_the_law_is_that_of_unanimous_panels() -> None:
    lengths = corpus(50).lengths
    law, panels = (expect(ARMS[name], lengths) for name in ("agreement-law", "agreement"))
    assert_allclose(law.wins, panels.wins / (panels.wins + panels.losses))


def test_what_a_budget_buys() -> None:
    lengths = corpus(500).lengths
    for unit, panels in (("labels", 300), ("pairs", 900)):
        labels = annotate(ARMS["agreement"], lengths, 900, 0, unit)  # type: ignore[arg-type]
        assert labels.n_asked == 3 * panels
        assert len(labels) == round(panels * (1 - labels.discarded))
    linked = annotate(ARMS["linked"], lengths, 900, 0)
    assert np.unique(linked.annotator, return_counts=True)[1].tolist() == [2] * 450
    assert annotate(ARMS["anonymous"], lengths, 901, 0).n_asked == 900


def test_labels_are_reproducible_and_arms_see_the_same_pairs() -> None:
    lengths = corpus(50).lengths
    one, again, other = (annotate(ARMS["anonymous"], lengths, 120, s) for s in (5, 5, 6))
    assert one.wins.tolist() == again.wins.tolist() != other.wins.tolist()
    assert one.pair.tolist() == annotate(ARMS["typed"], lengths, 120, 5).pair.tolist()
    assert sorted(one.pair[:50]) == list(range(50))


def test_bad_budgets_and_names_are_refused() -> None:
    lengths = corpus(10).lengths
    with pytest.raises(InputError, match="'budget' must be at least 6 for the arm agreement"):
        annotate(ARMS["agreement"], lengths, 5, 0)
    with pytest.raises(InputError, match="'unit' must be"):
        annotate(ARMS["linked"], lengths, 5, 0, "days")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'arm' must be one of"):
        Settings(arms=("anon",))
    with pytest.raises(InputError, match="'seeds' must be"):
        Settings(seeds=0)
    with pytest.raises(InputError, match="'knot' must be"):
        Settings(knot=0)


# --- the length-only scorer -----------------------------------------------------------


def test_the_scorer_goes_to_the_exact_limit_of_dpo() -> None:
    """On lengths that are knots the piecewise linear score is free: a small tabular problem."""
    options, lengths = knots()
    limit = DPO().limit(Population(length_rewards(options))).rewards
    score = fit_score(ARMS["anonymous"], expect(ARMS["anonymous"], lengths), lengths)
    got = score[options - 1]
    assert_allclose(got - got.mean(), limit - limit.mean(), atol=1e-3)  # the ridge's pull


@pytest.mark.parametrize("knot", [4, 100])
def test_the_score_is_linear_between_its_knots(knot: int) -> None:
    made = corpus(200)
    labels = expect(ARMS["anonymous"], made.lengths)
    bends = np.abs(np.diff(fit_score(ARMS["anonymous"], labels, made.lengths, knot=knot), 2))
    middle = np.arange(2, 512)
    assert bends[middle % knot != 0].max() < 1e-9 < bends[middle % knot == 0].max()


@pytest.mark.parametrize("name", ["average", "agreement-law", "agreement", "typed", "orthogonal"])
def test_consistent_arms_order_by_the_mean(name: str) -> None:
    options, lengths = knots()
    labels = expect(ARMS[name], lengths)
    pseudo = learn_pseudo_labels(labels, lengths, None) if ARMS[name].needs_heads else None
    score = fit_score(ARMS[name], labels, lengths, pseudo=pseudo)[options - 1]
    mean = length_rewards(options).mean(axis=0)
    assert_allclose(score - score.mean(), mean - mean.mean(), atol=1e-3)


def test_the_joint_likelihood_is_learned_from_linked_pairs() -> None:
    arm, made = ARMS["linked"], corpus(3000)
    learned = learn_joint(annotate(arm, made.lengths, 200_000, 0), made.lengths, 3)
    first, second = (made.lengths[:300] - 1).T
    at = np.zeros_like(first)
    got, true = (np.stack(j.moments(at, first, second)) for j in (learned, true_joint()))
    variance = [m[0] - (m[0] + m[1]) ** 2 for m in (got, true)]
    assert np.corrcoef(variance)[0, 1] > 0.9
    assert_allclose(got.sum(axis=0) + got[1], 1.0)


def test_learned_pseudo_labels_average_to_the_mean_reward() -> None:
    """Their regression on the gaps of the mean reward has slope 1, up to its standard error; and
    bins of lengths tell some of the differences between types."""
    made = corpus(1500)
    labels = annotate(ARMS["orthogonal"], made.lengths, 12_000, 0)
    found = learn_pseudo_labels(labels, made.lengths, 0)
    gap = reward_gaps(made.lengths[labels.pair]).mean(axis=0)
    slope = (gap @ found.values) / (gap @ gap)
    error = np.sqrt((gap**2 * (found.values - slope * gap) ** 2).sum()) / (gap @ gap)
    assert abs(slope - 1.0) < 4.0 * error < 0.5
    blind = np.where(labels.wins > 0.5, 6.0, -6.0)  # of heads that know nothing
    assert np.mean((found.values - gap) ** 2) < 0.9 * np.mean((blind - gap) ** 2)
    unknown = annotate(ARMS["anonymous"], made.lengths, 100, 0)
    with pytest.raises(InputError, match="'annotator_type' must be known"):
        learn_pseudo_labels(unknown, made.lengths, 0)
    with pytest.raises(InputError, match="'pseudo' must be of 100 labels; got 12000"):
        fit_score(ARMS["orthogonal"], unknown, made.lengths, pseudo=found)
    with pytest.raises(InputError, match="'pseudo_label' must be known"):
        fit_score(ARMS["orthogonal"], labels, made.lengths)


def test_the_corrected_arm_with_no_correction_is_dpo() -> None:
    made = corpus(200)
    labels = annotate(ARMS["linked"], made.lengths, 2000, 0)
    plain = fit_score(ARMS["anonymous"], labels, made.lengths)
    corrected = fit_score(ARMS["linked"], labels, made.lengths, joint=true_joint(), alpha=0.0)
    assert_allclose(corrected, plain, atol=1e-6)


def test_the_population_of_lengths() -> None:
    p = population().pairwise()[511, 127]
    assert_allclose(p, Logistic()(length_rewards(512) - length_rewards(128)).mean())


# --- the experiment -------------------------------------------------------------------


def test_ties_are_apart_and_equal_scores_count_half() -> None:
    lengths = np.array([[512, 150], [150, 512], [100, 412], [300, 300], [512, 150]])
    assert accuracy(np.array([1.0, 1.0, 5.0, 5.0, 0.0]), lengths) == 0.5
    with pytest.raises(DataError, match="all pairs tie"):
        accuracy(np.array([1.0]), lengths[3:4])


def test_every_arm_runs_and_panels_differ_by_unit() -> None:
    settings = Settings(budgets=(EXACT, 600), seeds=2)
    outcomes = run(corpus(), settings)
    assert len(outcomes) == 2 * 2 * 2 * len(ARMS)
    exact = [o for o in outcomes if o.budget == EXACT]
    assert min(o.accuracy for o in exact) > 0.9
    panels = {o.unit: o.n_asked for o in outcomes if o.arm == "agreement" and o.budget}
    assert panels == {"labels": 600, "pairs": 1800}


def test_a_summary_by_hand() -> None:
    rows = [
        Outcome(arm, "pairs", 10, seed, 10, 10, 0.0, 50, 0.1, right)
        for arm, rights in (("anonymous", (0.5, 0.6)), ("typed", (0.7, 0.9)))
        for seed, right in enumerate(rights)
    ]
    table = summary(rows).set_index("arm")
    assert_allclose(table["accuracy"], [0.55, 0.8])
    assert_allclose(table["gain"], [0.0, 0.25])
    # half width: t(.975, 1 df) = 12.7062, sd of (.2, .3) is .0707107, over sqrt 2
    assert_allclose(table.loc["typed", "gain_high"], 0.25 + 12.7062 * 0.05, atol=1e-4)
    assert np.isnan(summary(rows[:1])["gain_low"]).all()


def test_finished_runs_are_not_run_again(tmp_path: Path) -> None:
    settings = Settings(arms=("anonymous",), budgets=(100,), seeds=1, units=("pairs",))
    first = run(corpus(), settings, keep=tmp_path)
    (kept,) = tmp_path.glob("*/*.json")
    facts = json.loads(kept.read_text()) | {"accuracy": 0.123}
    kept.write_text(json.dumps(facts))
    assert run(corpus(), settings, keep=tmp_path)[0].accuracy == 0.123
    assert run(corpus(seed=1), settings, keep=tmp_path)[0].accuracy != 0.123
    assert run(corpus(), settings)[0] == first[0]


# --- the command line, and real files ----------------------------------------------------


def test_the_command_with_the_length_only_scorer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trl")
    data = write_dialogues(tmp_path / "pairs.jsonl", 300)
    out = tmp_path / "out"
    arguments = ["hh", "--data", str(data), "--model", "length", "--budget", "exact,300"]
    assert main([*arguments, "--seeds", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "would get the same label" in printed
    assert "agreement-law" in printed
    names = {file.name for file in out.iterdir()}
    assert names == {"accuracy.pdf", "accuracy.png", "audit.json", "runs.csv", "summary.csv"}
    assert len(pd.read_csv(out / "runs.csv")) == 2 * 2 * 2 * len(ARMS)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--budget", "many"], "--budget must be integers or 'exact'"),
        (["--arms", "nobody"], "'arm' must be one of"),
        (["--tokenizer", "x"], "--tokenizer goes with --model length"),
        (["--units", "days"], "'units' must be"),
        (["--data", "nowhere.jsonl"], "no such file"),
        (["--budget", "exact"], "for the length-only scorer"),
        (["--budget", "4", "--arms", "agreement", "--model", "length"], "at least 6"),
    ],
)
def test_the_command_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], message: str
) -> None:
    pytest.importorskip("trl")
    data = write_dialogues(tmp_path / "pairs.jsonl", 30)
    out = tmp_path / "out"
    assert main(["hh", "--data", str(data), "--out", str(out), *extra]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_the_hub_library_does_not_warn_beside_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    from huggingface_hub.utils import logging

    def fails(*_: object) -> None:
        warns.append(logging.get_logger("huggingface_hub.utils._http").isEnabledFor(30))
        raise DataError("the hub gives nothing")

    warns: list[bool] = []
    monkeypatch.setattr("socialpref.llm.read_pairs", fails)
    assert main(["hh", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "socialpref: error: the hub gives nothing\n"
    assert warns == [False]


def test_real_files_are_as_published() -> None:
    """Numbers of the protocol, with a tokenizer that is trained on the files themselves."""
    pytest.importorskip("tokenizers")
    folder = Path(os.environ.get("SOCIALPREF_DATA", "")) / "hh_rlhf"
    if "SOCIALPREF_DATA" not in os.environ or not folder.exists():
        pytest.skip("SOCIALPREF_DATA has no hh_rlhf")
    from socialpref.llm import open_models

    pairs = read_pairs(folder)
    assert len(pairs) == 2312 + 1987
    models = open_models("small", (p.prompt + p.first for p in pairs[::10]))
    measured = measure(pairs, models.tokenizer)
    assert measured.n_empty == 7
    found = audit(measured)
    assert abs(found.unanimous - 0.24) < 0.01
    assert abs(found.right_anonymous - 0.536) < 0.01
    assert abs(found.right_unanimous - 0.616) < 0.02

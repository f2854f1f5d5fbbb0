"""The survey study: section 7.1's protocol on hand-made surveys, the starter set, real files."""

import importlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from socialpref import CertificateError, InputError, Logistic, Population, Probit, nbc
from socialpref.flips import Flip
from socialpref.surveys import (
    Finding,
    Protocol,
    Question,
    Study,
    Survey,
    read_opinionqa,
    read_starter,
    study,
)

from .survey_files import (
    DATA,
    SWAP_DISTANCE,
    SWAP_NBC,
    SWAP_REWARDS,
    few,
    pair,
    published_distance,
    real,
    softmax,
    stable,
    survey_of,
    swap,
    tied,
)

EXACT = Protocol(smoothing=0.0, margin=0.0, floor=0.0)
"""The mathematical quantity, without the published protocol's constants."""

SUMMARY = {
    "n_questions",
    "n_examined",
    "n_flippable",
    "share_flippable",
    "median_distance",
    "n_winner_flippable",
    "n_order_mismatch",
    "settings",
}
COLUMNS = [
    "question",
    "n_options",
    "n_types",
    "n_respondents",
    "examined",
    "flip_distance",
    "flip_above",
    "flip_below",
    "winner_flip_distance",
    "order_matches_average_reward",
    "certified_gap",
]


def found_by(result: Study, key: str) -> Finding:
    finding = result[key].finding
    assert finding is not None
    return finding


def examine(question: Question, **constants: Any) -> Finding:
    return found_by(study(survey_of(question), Protocol(**constants)), question.key)


# --- One question -------------------------------------------------------------------


def test_the_worked_example_flips_at_its_distance() -> None:
    finding = found_by(study(survey_of(swap()), EXACT), "SWAP")
    assert finding.flip.distance == pytest.approx(SWAP_DISTANCE, abs=5e-7)
    assert finding.flip.pair == (0, 2)
    assert finding.winner_flip.distance == finding.flip.distance
    np.testing.assert_allclose(nbc(finding.population), SWAP_NBC, atol=5e-6)
    assert finding.nbc_order.groups == ((0,), (2,), (1,))
    # The means of the rewards are 0, -1.5 and 1.
    assert finding.reward_order.groups == ((2,), (0,), (1,))
    # At the flip the two are level.
    scores = nbc(finding.population, finding.flip.mix)
    assert scores[0] == pytest.approx(scores[2], abs=1e-12)
    moved = np.abs(finding.flip.mix - 1 / 3).sum() / 2
    assert moved == pytest.approx(finding.flip.distance, abs=1e-12)


def test_its_row_says_the_same() -> None:
    question = swap(text="Which?", grouping="side", source="theory")
    row = study(survey_of(question), EXACT)["SWAP"].row()
    assert row["flip_distance"] == pytest.approx(SWAP_DISTANCE, abs=5e-7)
    assert (row["flip_above"], row["flip_below"]) == ("a", "c")
    assert (row["winner_flip_above"], row["winner_flip_below"]) == ("a", "c")
    assert row["nbc_order"] == "a > c > b"
    assert row["average_reward_order"] == "c > a > b"
    assert row["order_matches_average_reward"] is False
    assert (row["question"], row["text"], row["grouping"]) == ("SWAP", "Which?", "side")
    assert (row["n_options"], row["n_types"], row["source"]) == (3, 2, "theory")
    assert row["n_respondents"] == pytest.approx(2000)
    assert row["examined"] is True
    assert row["reason"] == ""
    assert row["n_empty_cells"] == 0
    assert row["certified_gap"] <= 1e-9


def test_the_defaults_are_the_published_constants() -> None:
    assert Protocol() == Protocol(
        smoothing=1e-15,
        margin=1e-5,
        floor=1e-5,
        min_options=3,
        min_respondents_per_option=100,
        link=Logistic(1.0),
    )


def test_groups_that_agree_are_never_flipped() -> None:
    finding = examine(stable())
    assert finding.flip.distance == math.inf
    assert finding.winner_flip.distance == math.inf
    assert finding.flip.pair is None
    assert finding.nbc_order == finding.reward_order
    assert finding.nbc_order.groups == ((0,), (1,), (2,))
    row = study(survey_of(stable()))["STABLE"].row()
    assert row["flip_distance"] == math.inf
    assert (row["flip_above"], row["flip_below"]) == (None, None)
    assert row["order_matches_average_reward"] is True


def test_a_winner_may_stand_where_the_ranking_does_not() -> None:
    # The worked example below an option that everybody prefers.
    shares = softmax([[9, *SWAP_REWARDS[0]], [9, *SWAP_REWARDS[1]]])
    question = Question.from_shares("Q", shares, ["left", "right"], ["top", "a", "b", "c"])
    finding = found_by(study(survey_of(question), EXACT), "Q")
    assert finding.flip.pair == (1, 3)
    assert 0 < finding.flip.distance < 1
    assert finding.winner_flip.distance == math.inf


def test_a_question_of_ties_has_no_order_to_flip() -> None:
    result = study(survey_of(swap(), tied()))
    finding = found_by(result, "TIED")
    assert math.isnan(finding.flip.distance)
    assert finding.flip.pair is None
    assert finding.flip.ties == ((0, 1, 2),)
    assert finding.nbc_order.ties == ((0, 1, 2),)
    row = result["TIED"].row()
    assert row["examined"] is True
    assert math.isnan(row["flip_distance"])
    assert row["nbc_order"] == "a = b = c"
    assert row["order_matches_average_reward"] is True
    facts = result.summary()
    assert (facts["n_examined"], facts["n_flippable"], facts["n_with_ties"]) == (2, 1, 1)
    assert facts["n_winner_flippable"] == 1
    assert len(result.distances) == 1


@pytest.mark.parametrize(
    "questions",
    [
        (swap(), tied()),
        pytest.param((tied(), swap())),
        pytest.param((tied(),)),
    ],
)
def test_the_summary_is_json_with_tied_questions(questions: tuple[Question, ...]) -> None:
    summary = study(survey_of(*questions)).summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


# --- The protocol's constants -------------------------------------------------------


def test_smoothing_sets_the_reward_of_an_empty_cell() -> None:
    question = Question.from_counts("Q", [[900, 100, 0], [200, 300, 500]], list("ab"), list("xyz"))
    for smoothing in (1e-15, 0.01):
        finding = examine(question, smoothing=smoothing)
        rewards = finding.population.rewards[0]
        gap = math.log((0.9 + smoothing) / smoothing)
        assert rewards[0] - rewards[2] == pytest.approx(gap, rel=1e-12)
        assert finding.flip.distance == pytest.approx(
            published_distance(question.counts, smoothing=smoothing), abs=1e-9
        )
    assert study(survey_of(question))["Q"].row()["n_empty_cells"] == 1
    with pytest.raises(InputError, match="smoothing"):
        examine(question, smoothing=0.0)


def test_margin_is_the_lead_at_the_flip() -> None:
    distances = []
    for margin in (0.0, 1e-5, 0.01, 0.02):
        finding = examine(swap(), smoothing=0.0, floor=0.0, margin=margin)
        scores = nbc(finding.population, finding.flip.mix)
        assert scores[2] - scores[0] == pytest.approx(margin, abs=1e-12)
        distances.append(finding.flip.distance)
    # Only draws of b move, to c: each unit is worth the same.
    steps = np.diff(distances) / np.diff([0.0, 1e-5, 0.01, 0.02])
    assert steps[0] > 0
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    assert examine(swap(), margin=0.9).flip.distance == math.inf


def test_floor_is_the_least_share_of_draws() -> None:
    # P[c] - P[a] is 0.0506 at a and at c and -0.1727 at b. It becomes positive where b is drawn
    # in less than 22.66 % of the cases, and no floor below that stands in the way.
    free = examine(swap(), smoothing=0.0, margin=0.0, floor=0.0).flip
    assert free.mix.min() == pytest.approx(0.05060836 / (0.05060836 + 0.17269343))
    slack = examine(swap(), smoothing=0.0, margin=0.0, floor=0.22).flip
    assert slack.distance == pytest.approx(free.distance, abs=1e-12)
    assert examine(swap(), smoothing=0.0, margin=0.0, floor=0.23).flip.distance == math.inf
    # With more options a floor may lengthen the way.
    question = read_starter("country")["ENTRY_1995"].with_shares("observed")
    distances = []
    for floor in (0.0, 0.02, 0.05):
        flip = examine(question, margin=0.0, floor=floor).flip
        assert flip.mix.min() == pytest.approx(floor, abs=1e-12)
        expected = published_distance(question.counts, margin=0.0, floor=floor)
        assert flip.distance == pytest.approx(expected, abs=1e-9)
        distances.append(flip.distance)
    assert (np.diff(distances) > 0.02).all()
    with pytest.raises(InputError, match="floor"):
        examine(swap(), floor=0.34)


def test_min_options_decides_what_counts() -> None:
    questions = survey_of(pair(), swap(), stable())
    result = study(questions, Protocol(min_options=2))
    # Of two options the one with more wins, on average, wins however they are drawn:
    # P > 1/2 at all distributions. 600:300 and 100:300 with shares 900:400.
    finding = found_by(result, "PAIR")
    chance = 9 / 13 * 2 / 3 + 4 / 13 * 1 / 4
    assert finding.population.pairwise()[0, 1] == pytest.approx(chance)
    assert finding.flip.distance == math.inf
    assert result.summary()["n_questions"] == 3
    result = study(questions)
    assert result.summary()["n_questions"] == 2
    assert result["PAIR"].finding is None
    assert result["PAIR"].reason == "fewer than 3 options"
    result = study(questions, Protocol(min_options=4))
    assert result.summary()["n_questions"] == 0
    assert result["SWAP"].reason == "fewer than 4 options"


def test_min_respondents_decides_what_is_examined_but_not_what_counts() -> None:
    questions = survey_of(few(), stable())
    result = study(questions)
    assert result["FEW"].finding is None
    assert result["FEW"].reason == "fewer than 100 respondents per option"
    assert (result.summary()["n_questions"], result.summary()["n_examined"]) == (2, 1)
    # 299 respondents for three options.
    assert found_by(study(questions, Protocol(min_respondents_per_option=99.6)), "FEW")
    assert study(questions, Protocol(min_respondents_per_option=99.7))["FEW"].finding is None
    # Exactly as many as asked for are enough.
    enough = Question.from_counts("Q", [[100, 120, 80]], ["all"], list("abc"))
    assert study(survey_of(enough))["Q"].finding is not None


def test_the_link_turns_rewards_into_preferences() -> None:
    # At a low temperature the mediocre option wins, at a high one it does not: theory.md.
    crowd = softmax([[4, 1, 0], [0, 1.5, 0], [0, 1, 4]])
    question = Question.from_shares("Q", crowd, list("uvw"), list("AMB"))
    assert examine(question, link=Logistic(1.64)).nbc_order.groups == ((1,), (0, 2))
    assert examine(question, link=Logistic(1.65)).nbc_order.groups == ((0, 2), (1,))
    for link in (Logistic(0.5), Probit(2.0)):
        finding = examine(swap(), smoothing=0.0, link=link)
        expected = Population(SWAP_REWARDS, link=link).pairwise()
        np.testing.assert_allclose(finding.population.pairwise(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("constants", "complaint"),
    [
        ({"smoothing": -1e-9}, "'smoothing'.*-1e-09"),
        ({"smoothing": math.nan}, "'smoothing'.*nan"),
        ({"margin": -0.1}, "'margin'.*-0.1"),
        ({"margin": 1.5}, "'margin'.*1.5"),
        ({"floor": -0.1}, "'floor'.*-0.1"),
        ({"floor": 1.5}, "'floor'.*1.5"),
        ({"min_options": 1}, "'min_options'.*1"),
        ({"min_respondents_per_option": -1}, "'min_respondents_per_option'.*-1"),
        ({"min_respondents_per_option": math.nan}, "'min_respondents_per_option'.*nan"),
    ],
)
def test_constants_out_of_range_are_refused(constants: dict[str, float], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Protocol(**constants)  # type: ignore[arg-type]


# --- A whole survey -----------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed() -> Study:
    """Study one question of each kind."""
    constants = replace(EXACT, min_respondents_per_option=100)
    return study(survey_of(few(), stable(), pair(), swap(), swap("SMALL", 700)), constants)


def test_the_summary_of_a_hand_made_survey(mixed: Study) -> None:
    facts = mixed.summary()
    assert set(facts) >= SUMMARY
    assert (facts["survey"], facts["citation"]) == ("mine", "nobody")
    # PAIR does not count; FEW counts and is not examined.
    assert (facts["n_questions"], facts["n_examined"], facts["n_flippable"]) == (4, 3, 2)
    assert facts["share_flippable"] == 0.5
    assert facts["median_distance"] == pytest.approx(SWAP_DISTANCE, abs=5e-7)
    assert (facts["n_winner_flippable"], facts["n_order_mismatch"]) == (2, 2)
    assert facts["n_with_ties"] == 0
    assert facts["largest_certified_gap"] <= 1e-9


def test_the_settings_are_in_the_summary() -> None:
    protocol = Protocol(0.01, 1e-4, 1e-3, 4, 50, Logistic(0.5))
    settings = study(survey_of(stable()), protocol).summary()["settings"]
    for name, value in [
        ("smoothing", 0.01),
        ("margin", 1e-4),
        ("floor", 1e-3),
        ("min_options", 4),
        ("min_respondents_per_option", 50),
        ("link", "Logistic(temperature=0.5)"),
    ]:
        assert settings[name] == value


def test_the_results_keep_the_order_of_the_survey(mixed: Study) -> None:
    keys = ["FEW", "STABLE", "PAIR", "SWAP", "SMALL"]
    assert [result.question.key for result in mixed.results] == keys
    assert mixed.to_frame()["question"].tolist() == keys
    assert mixed["SWAP"] is mixed.results[3]
    with pytest.raises(InputError, match="key of mine; got 'SWOP'"):
        mixed["SWOP"]


def test_the_frame_has_the_columns_of_the_documentation(mixed: Study) -> None:
    frame = mixed.to_frame()
    assert set(COLUMNS) <= set(frame)
    assert frame["examined"].tolist() == [False, True, False, True, True]
    for row in frame.itertuples():
        assert (row.reason == "") is bool(row.examined)
        assert math.isnan(row.flip_distance) is (not row.examined)


def recomputed(result: Study) -> dict[str, Any]:
    """Return the summary's figures from the table alone."""
    frame = result.to_frame()
    rows = frame.to_dict("records")
    flips = sorted(
        r["flip_distance"] for r in rows if r["examined"] and r["flip_distance"] < math.inf
    )
    middle = [flips[(len(flips) - 1) // 2], flips[len(flips) // 2]] if flips else None
    n_questions = sum(r["n_options"] >= 3 for r in rows)
    return {
        "n_questions": n_questions,
        "n_examined": sum(r["examined"] for r in rows),
        "n_flippable": len(flips),
        "share_flippable": len(flips) / n_questions,
        "median_distance": sum(middle) / 2 if middle else None,
        "n_winner_flippable": sum(
            r["examined"] and r["winner_flip_distance"] < math.inf for r in rows
        ),
        "n_order_mismatch": sum(
            r["examined"] and not r["order_matches_average_reward"] for r in rows
        ),
    }


def test_the_summary_follows_from_the_table(mixed: Study, starter: Study) -> None:
    for result in (mixed, starter):
        facts = result.summary()
        assert {name: facts[name] for name in SUMMARY - {"settings"}} == recomputed(result)
        json.dumps(facts, allow_nan=False)


def test_a_survey_with_nothing_to_flip() -> None:
    facts = study(survey_of(stable())).summary()
    assert (facts["n_questions"], facts["n_examined"], facts["n_flippable"]) == (1, 1, 0)
    assert facts["share_flippable"] == 0
    assert facts["median_distance"] is None
    json.dumps(facts, allow_nan=False)


def test_a_survey_with_nothing_to_examine() -> None:
    result = study(survey_of(few()))
    facts = result.summary()
    assert (facts["n_questions"], facts["n_examined"], facts["n_flippable"]) == (1, 0, 0)
    assert facts["share_flippable"] == 0
    assert facts["median_distance"] is None
    assert facts["largest_certified_gap"] is None
    json.dumps(facts, allow_nan=False)
    assert len(result.distances) == 0
    assert result.to_frame()["reason"].tolist() == ["fewer than 100 respondents per option"]


def test_a_survey_with_nothing_that_counts() -> None:
    facts = study(survey_of(pair())).summary()
    assert (facts["n_questions"], facts["n_examined"]) == (0, 0)
    assert facts["share_flippable"] is None
    json.dumps(facts, allow_nan=False)


def test_the_table_has_the_same_columns_if_nothing_was_examined(mixed: Study) -> None:
    assert list(study(survey_of(few())).to_frame()) == list(mixed.to_frame())


def test_shares_alone_are_examined_without_a_number_of_respondents() -> None:
    question = Question.from_shares("Q", softmax(SWAP_REWARDS), ["left", "right"], list("abc"))
    result = study(survey_of(question), EXACT)
    finding = found_by(result, "Q")
    assert finding.flip.distance == pytest.approx(SWAP_DISTANCE, abs=5e-7)
    row = result["Q"].row()
    assert row["examined"] is True
    assert math.isnan(row["n_respondents"])
    assert result.summary()["n_examined"] == 1


def test_weights_count_as_respondents_do() -> None:
    halves = Question.from_counts("Q", np.array(few().counts) * 1.5, ["left", "right"], list("abc"))
    finding = found_by(study(survey_of(halves)), "Q")
    whole = found_by(study(survey_of(few()), Protocol(min_respondents_per_option=1)), "FEW")
    assert finding.flip.distance == pytest.approx(whole.flip.distance, abs=1e-12)


def test_a_dropped_group_is_named_in_the_table() -> None:
    counts = np.vstack([np.array(stable().counts), np.zeros(3)])
    question = Question.from_counts("Q", counts, ["left", "right", "nobody"], list("abc"))
    row = study(survey_of(question))["Q"].row()
    assert row["n_types"] == 2
    assert row["dropped"] == "group 'nobody' (no respondents; 0 answers)"


def test_a_distance_without_a_proof_stops_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("socialpref.surveys.studies")
    true_flip: Callable[..., Flip] = module.flip

    def wrong_flip(*arguments: Any, **options: Any) -> Flip:
        flip = true_flip(*arguments, **options)
        return replace(flip, distance=flip.distance + 1e-6)

    study(survey_of(swap()))
    monkeypatch.setattr(module, "flip", wrong_flip)
    with pytest.raises(CertificateError):
        study(survey_of(swap()))


# --- The starter set ----------------------------------------------------------------


@pytest.fixture(scope="module")
def starter() -> Study:
    return study(read_starter(), Protocol(group_shares="observed"))


def test_every_distance_is_proven(starter: Study) -> None:
    examined = starter.to_frame().query("examined")
    assert len(examined) == 69
    assert examined["certified_gap"].between(0, 1e-9).all()
    assert starter.summary()["largest_certified_gap"] <= 1e-9


def test_distances_are_sorted_and_possible(starter: Study) -> None:
    distances = starter.distances
    assert len(distances) == starter.summary()["n_flippable"] > 10
    assert (np.diff(distances) >= 0).all()
    assert distances[0] > 0
    assert distances[-1] < 1


def test_a_winner_is_no_easier_to_overtake_than_any_pair(starter: Study) -> None:
    for result in starter.results:
        if result.finding is not None:
            assert result.finding.winner_flip.distance >= result.finding.flip.distance


def agrees_with_the_published_protocol(result: Study, seed: int, size: int, **more: float) -> None:
    """Recompute a sample of the distances, half of it among the flippable questions."""
    rng = np.random.default_rng(seed)
    examined = [r for r in result.results if r.finding is not None]
    flippable = [r for r in examined if r.finding is not None and r.finding.flip.exists]
    others = [r for r in examined if r not in flippable]
    chosen = [
        *(flippable[i] for i in rng.choice(len(flippable), size - size // 2, replace=False)),
        *(others[i] for i in rng.choice(len(others), size // 2, replace=False)),
    ]
    for result_ in chosen:
        assert result_.finding is not None
        expected = published_distance(result_.question.counts, **more)
        assert result_.finding.flip.distance == pytest.approx(expected, abs=1e-9, rel=0), (
            result_.question.key
        )


def test_the_starter_set_by_linear_programming(starter: Study) -> None:
    agrees_with_the_published_protocol(starter, seed=1, size=15)


@pytest.mark.slow
def test_the_whole_starter_set_by_linear_programming(starter: Study) -> None:
    for result in starter.results:
        if result.finding is not None:
            expected = published_distance(result.question.counts)
            distance = result.finding.flip.distance
            assert distance == pytest.approx(expected, abs=1e-9, rel=0), result.question.key


# --- OpinionQA, the real files ------------------------------------------------------


@pytest.fixture(scope="module")
def opinionqa() -> Callable[..., Study]:
    surveys: dict[str, Survey] = {}

    def run(groups: str = "party", **constants: float) -> Study:
        if groups not in surveys:
            surveys[groups] = read_opinionqa(Path(str(DATA)) / "opinionqa", groups)
        return study(surveys[groups], Protocol(**constants))  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="module")
def by_party(opinionqa: Callable[..., Study]) -> Study:
    return opinionqa()


@real
def test_opinionqa_by_party(by_party: Study) -> None:
    facts = by_party.summary()
    assert len(by_party.results) == 494
    assert (facts["n_questions"], facts["n_examined"], facts["n_flippable"]) == (479, 479, 92)
    assert facts["share_flippable"] == pytest.approx(0.1921, abs=5e-5)
    assert facts["median_distance"] == pytest.approx(0.32305, abs=5e-6)
    assert facts["largest_certified_gap"] <= 1e-9
    assert {name: facts[name] for name in SUMMARY - {"settings"}} == recomputed(by_party)


@real
def test_opinionqa_by_party_by_linear_programming(by_party: Study) -> None:
    agrees_with_the_published_protocol(by_party, seed=2, size=16)


@real
def test_opinionqa_by_party_without_the_published_constants(
    opinionqa: Callable[..., Study],
) -> None:
    result = opinionqa(margin=0.0, floor=0.0)
    assert result.summary()["n_flippable"] == 93
    # One of these owes its flip to what 1e-15 makes of an empty cell.
    owing = found_by(result, "RACESURV40_W43")
    assert (np.asarray(result["RACESURV40_W43"].question.counts) == 0).any()
    others = sorted(set(result.distances) - {owing.flip.distance})
    assert len(others) == 92
    assert float(np.median(others)) == pytest.approx(0.32263, abs=5e-6)


@real
def test_opinionqa_by_party_with_more_smoothing(opinionqa: Callable[..., Study]) -> None:
    facts = opinionqa(smoothing=1e-2).summary()
    assert facts["n_flippable"] == 77
    assert facts["median_distance"] == pytest.approx(0.245, abs=5e-4)


def can_be_flipped(counts: Any, margin: float = 1e-5, floor: float = 1e-5) -> bool:
    """Say whether some pair can be reversed, from the best that a distribution can do for it."""
    shares = counts / counts.sum(axis=1, keepdims=True) + 1e-15
    weights = counts.sum(axis=1) / counts.sum()
    # Under the logistic link the odds of y against z are f(y) : f(z).
    beats = np.array(
        [
            [sum(w * f[y] / (f[y] + f[z]) for w, f in zip(weights, shares, strict=True)) for z in k]
            for k in [range(counts.shape[1])]
            for y in k
        ]
    )
    scores = beats.mean(axis=1)
    return any(
        floor * gains.sum() + (1 - len(gains) * floor) * gains.max() >= margin
        for a in range(len(scores))
        for b in range(len(scores))
        if scores[a] - scores[b] > 1e-12
        for gains in [beats[b] - beats[a]]
    )


@real
@pytest.mark.parametrize(
    ("groups", "flippable"),
    [
        ("party", 92),
        pytest.param("race", 30, marks=pytest.mark.slow),
        pytest.param("sex", 12, marks=pytest.mark.slow),
    ],
)
def test_which_of_opinionqa_can_be_flipped(
    opinionqa: Callable[..., Study], groups: str, flippable: int
) -> None:
    result = opinionqa(groups)
    assert result.summary()["n_flippable"] == flippable
    for result_ in result.results:
        if result_.finding is not None:
            assert result_.finding.flip.exists == can_be_flipped(result_.question.counts)

"""Who counts: shares of groups, flips by them, and what is counted apart."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from socialpref import DataError, InputError, flip, nbc, ranking
from socialpref.surveys import (
    Bootstrap,
    Protocol,
    Question,
    Respondents,
    Survey,
    population_with_draws,
    read_pew,
    read_shares,
    read_starter,
    share_flips,
    study,
)
from socialpref.surveys.headline import named_first
from socialpref.surveys.shares import describe_shares, with_points

from .survey_files import survey_of

COUNTS = [[240, 40, 20], [20, 20, 60]]


def question(key: str = "Q", **more: object) -> Question:
    return Question.from_counts(key, COUNTS, ["g", "h"], ["a", "b", "c"], **more)


# --- Shares of groups -----------------------------------------------------------------


def test_shares_can_be_observed_equal_or_given() -> None:
    observed = question()
    np.testing.assert_allclose(observed.group_shares, [0.75, 0.25])
    equal = observed.with_shares("equal")
    np.testing.assert_allclose(equal.group_shares, [0.5, 0.5])
    np.testing.assert_allclose(equal.with_shares("observed").group_shares, [0.75, 0.25])
    given = observed.with_shares({"h": 60, "g": 40, "elsewhere": 7})
    np.testing.assert_allclose(given.group_shares, [0.4, 0.6])
    kinds = [describe_shares(one) for one in (observed, equal, given)]
    assert kinds == ["observed, unweighted", "equal", "given"]
    assert not given.group_shares.flags.writeable


def test_weighted_shares_are_called_so() -> None:
    answers = Respondents(
        groups=np.array([0, 0, 1]), options=np.array([0, 1, 1]), weights=np.array([1.0, 1.0, 3.0])
    )
    weighted = Question.from_respondents("Q", answers, ["g", "h"], ["a", "b"])
    np.testing.assert_allclose(weighted.group_shares, [0.4, 0.6])
    assert describe_shares(weighted) == "observed, weighted"
    assert describe_shares(weighted.with_shares("equal")) == "equal"


def test_where_only_shares_are_known_they_are_equal_or_come_with_the_question() -> None:
    shares, names = [[0.5, 0.5], [0.1, 0.9]], (["g", "h"], ["a", "b"])
    assert describe_shares(Question.from_shares("Q", shares, *names)) == "equal"
    own = Question.from_shares("Q", shares, *names, group_shares=[0.2, 0.8])
    assert describe_shares(own) == "observed"
    np.testing.assert_allclose(own.with_shares("observed").group_shares, [0.2, 0.8])


def test_shares_stay_when_something_is_left_out() -> None:
    three = Question.from_counts(
        "Q", [[5, 5, 2], [1, 9, 4], [3, 3, 3]], ["g", "h", "i"], ["a", "b", "c"]
    )
    equal = three.with_shares("equal").without(groups=["i"], options=["c"], reason="off")
    np.testing.assert_allclose(equal.group_shares, [0.5, 0.5])
    given = three.with_shares({"g": 1, "h": 3, "i": 4}).without(groups=["i"], reason="off")
    np.testing.assert_allclose(given.group_shares, [0.25, 0.75])
    # Observed shares are those of the answers that are left.
    rest = three.without(options=["c"], reason="off")
    np.testing.assert_allclose(rest.group_shares, np.array([10, 10, 6]) / 26)


def test_given_shares_survive_a_table() -> None:
    survey = survey_of(question().with_shares({"g": 0.4, "h": 0.6}), question("R"))
    again = Survey.from_frame(survey.to_frame())
    np.testing.assert_allclose(again["Q"].group_shares, [0.4, 0.6])
    np.testing.assert_allclose(again["R"].group_shares, [0.75, 0.25])
    assert again["R"].shares_are == "observed"


@pytest.mark.parametrize(
    "shares", ["people", {"g": 1.0}, {"g": 1.0, "h": 0.0}, {"g": 1.0, "h": math.nan}, 3]
)
def test_bad_shares(shares: object) -> None:
    with pytest.raises(InputError):
        question().with_shares(shares)  # type: ignore[arg-type]


def test_a_protocol_says_who_counts(tmp_path: Path) -> None:
    file = tmp_path / "shares.csv"
    file.write_text("question,group,share\n,g,50\n,h,50\nQ,g,0.1\nQ,h,0.9\n")
    shares = read_shares(file)
    assert shares == {"": {"g": 50.0, "h": 50.0}, "Q": {"g": 0.1, "h": 0.9}}
    result = study(survey_of(question(), question("R")), Protocol(group_shares=shares))
    np.testing.assert_allclose(result["Q"].question.group_shares, [0.1, 0.9])
    np.testing.assert_allclose(result["R"].question.group_shares, [0.5, 0.5])
    assert result.summary()["group_shares"] == {"given": 2}
    file.write_text("group,share\ng,1000\nh,3000\n")
    assert read_shares(file) == {"": {"g": 1000.0, "h": 3000.0}}
    for text in ("group,n\ng,1\n", "group,share\ng,1\ng,2\n", "group,share\ng,x\n"):
        file.write_text(text)
        with pytest.raises(DataError):
            read_shares(file)
    for wrong in ("people", 1, {"Q": 3}):
        with pytest.raises(InputError, match="group_shares"):
            Protocol(group_shares=wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'g'"):
        study(survey_of(question()), Protocol(group_shares={"R": {"g": 1.0}}))


@pytest.mark.parametrize(("shares", "total"), [((0.9, 0.5), 1.4), ((90, 60), 150), ((50, 48), 98)])
def test_shares_that_add_up_to_something_else_are_questioned(
    tmp_path: Path, shares: tuple[float, float], total: float
) -> None:
    file = tmp_path / "shares.csv"
    file.write_text(f"question,group,share\nQ,g,{shares[0]}\nQ,h,{shares[1]}\n")
    with pytest.warns(UserWarning, match=rf"shares of Q add up to {total:g}, neither 1 nor 100"):
        assert read_shares(file) == {"Q": dict(zip("gh", shares, strict=True))}


def test_the_starter_sets_countries_count_the_same() -> None:
    kinds = {(q.grouping == "country", describe_shares(q)) for q in read_starter()}
    assert kinds == {(True, "equal"), (False, "observed, unweighted")}
    entry = read_starter()["ENTRY_2005"]
    assert not flip(entry.population()).exists
    observed = entry.with_shares("observed")
    assert flip(observed.population()).distance == pytest.approx(0.156108, abs=1e-6)


def test_points_are_moved_to_and_from_the_largest_group() -> None:
    three = Question.from_counts("Q", [[50, 0], [30, 5], [10, 5]], ["g", "h", "i"], ["a", "b"])
    for points, largest in ((0.03, 0.53), (-0.03, 0.47)):
        moved = with_points(three, points).group_shares
        assert moved[0] == pytest.approx(largest)
        assert 0.5 * np.abs(moved - three.group_shares).sum() == pytest.approx(0.03)
        assert moved[1] / moved[2] == pytest.approx(35 / 15)
    nearly_all = question().with_shares({"g": 0.99, "h": 0.01})
    np.testing.assert_allclose(with_points(nearly_all, 0.03).group_shares, [0.995, 0.005])
    alone = Question.from_counts("Q", [[1, 2]], ["g"], ["a", "b"])
    assert with_points(alone, 0.03) is alone


# --- Flips by the shares --------------------------------------------------------------


def test_a_flip_by_shares_by_hand() -> None:
    # With two groups the score of an option is a straight line in the share of the first, and
    # two options are level where their lines cross.
    population = question().population()
    found = share_flips(population, np.full(3, 1 / 3), Protocol())
    for one, scores in (
        (found.ranking, [nbc(question().with_shares({"g": x, "h": 1 - x}).population())
                         for x in (1e-12, 1 - 1e-12)]),
        (found.reward, population.rewards[::-1]),
    ):  # fmt: skip
        never, always = scores
        crossings = [
            gap / (gap - other)
            for y, z in ((0, 1), (0, 2), (1, 2))
            if (gap := never[y] - never[z]) * (other := always[y] - always[z]) < 0.0
        ]
        assert one.distance == pytest.approx(min(abs(0.75 - x) for x in crossings), abs=1e-9)
        assert one.prove().upper == one.distance
    assert found.winner.distance >= found.ranking.distance
    assert found.certified_gap == 0.0


def test_margin_and_floor_of_share_flips_are_asked_for() -> None:
    survey = survey_of(question())
    free, led, kept = (
        study(survey, protocol)["Q"].finding
        for protocol in (Protocol(), Protocol(share_margin=0.02), Protocol(share_floor=0.45))
    )
    assert free is not None
    assert led is not None
    assert kept is not None
    assert led.by_shares.ranking.distance > free.by_shares.ranking.distance
    assert kept.by_shares.ranking.mix.min() >= 0.45 - 1e-12
    assert led.flip.distance == kept.flip.distance == free.flip.distance
    for name in ("share_margin", "share_floor"):
        with pytest.raises(InputError, match=name):
            Protocol(**{name: -0.1})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"'share_floor' must be a number in \[0, 0.5\]; got 0.6"):
        study(survey, Protocol(share_floor=0.6))


def test_the_summary_counts_share_flips() -> None:
    result = study(read_starter())
    facts, frame = result.summary(), result.to_frame()
    shares = frame["share_flip_distance"].dropna()
    finite = shares[np.isfinite(shares)]
    # Computed once by other code: 51 questions at a median of .0556, 23 of them within .05.
    assert facts["n_share_flippable"] == len(finite) == 51
    assert facts["median_share_distance"] == pytest.approx(0.0556, abs=5e-5)
    assert facts["share_within_by_shares"]["0.05"] == pytest.approx(23 / 69)
    assert facts["n_flippable"] == 23
    assert facts["median_distance"] == pytest.approx(0.2249, abs=5e-5)
    within = (frame["flip_distance"] <= 0.23).sum() / 69
    assert facts["share_within"]["0.23"] == pytest.approx(within)
    assert (frame["share_certified_gap"].dropna() == 0.0).all()
    winner = frame["share_winner_flip_distance"].dropna()
    assert (winner >= shares).all()


def test_fixed_shares_are_not_drawn_again() -> None:
    bootstrap = Bootstrap(20, seed=1)
    for shares, fixed in (("equal", True), ("observed", False)):
        protocol = Protocol(group_shares=shares)
        population, _ = population_with_draws(question(), protocol, bootstrap)
        assert population.draws is not None
        assert (np.ptp(population.draws.shares, axis=0) == 0.0).all() == fixed
    result = study(survey_of(question()), bootstrap=bootstrap)
    row, finding = result["Q"].row(), result["Q"].finding
    assert finding is not None
    assert finding.replicates is not None
    assert row["share_flip_low"] <= row["share_flip_distance"] <= row["share_flip_high"]
    assert row["share_flip_share"] == np.isfinite(finding.replicates.share_flip).mean()
    low, high = result.summary()["n_share_flippable_interval"]
    assert 0 <= low <= high <= 1


# --- Scales and what is named first ---------------------------------------------------


@pytest.mark.parametrize(
    ("ordinals", "scale"),
    [
        ((1, 2, 3), (0, 1, 2)),
        ((1, 3, 2), (0, 2, 1)),
        ((1, 2, 1.5), (0, 2, 1)),
        ((), ()),
        ((1, 1, 1), ()),
        ((1, 2, math.nan), ()),
    ],
)
def test_scales(ordinals: tuple[float, ...], scale: tuple[int, ...]) -> None:
    one = question(ordinals=ordinals)
    assert one.scale == scale
    if scale:
        assert one.are_neighbours((scale[0], scale[1]))
        assert not one.are_neighbours((scale[0], scale[2]))
    assert not one.are_neighbours(None)


def test_an_option_off_the_scale_is_nobodys_neighbour() -> None:
    table = [[5, 4, 3, 2], [1, 2, 3, 4]]
    one = Question.from_counts(
        "Q", table, ["g", "h"], ["a", "b", "unsure", "c"], ordinals=(1, 2, math.nan, 3)
    )
    assert one.scale == (0, 1, 3)
    assert one.are_neighbours((3, 1))
    assert not one.are_neighbours((1, 2))


def test_changes_of_the_winner_without_a_scale_are_named_first() -> None:
    result = study(read_pew())
    named = named_first(result.results)
    keys = [r.question.key for r, _ in named]
    assert keys[0] == "SOCIETY_GUNS_W92"
    assert keys[-1] == "PWMAN2_W49"  # its winner cannot be overtaken
    distances = [found.distance for _, found in named[1:-1]]
    assert distances == sorted(distances)
    facts = result.summary()
    assert facts["n_winner_flippable"] == 12
    assert facts["n_winner_flippable_neighbours"] == 11
    assert facts["n_flippable_nominal"] == 1


# --- The Pew table --------------------------------------------------------------------


def test_the_pew_table_has_two_halves_of_twelve() -> None:
    survey = read_pew()
    parts = [q.part for q in survey]
    assert {parts.count(part) for part in parts} == {12}
    assert {q.grouping for q in survey} == {"party"}
    assert "those of the author and not of Pew" in survey.citation
    drawn = [q for q in survey if "random" in q.part]
    assert not any(q.scale for q in drawn)
    for q in survey:
        assert q.groups == ("Democrat", "Independent", "Other", "Republican")
        assert q.counts is not None
        assert (q.counts == q.counts.round()).all()
        assert f"wave {q.key.rpartition('_W')[2]}" in q.source


def test_the_parts_of_a_study_add_up() -> None:
    result = study(read_pew())
    parts = result.summary()["parts"]
    for name in ("n_questions", "n_flippable", "n_share_flippable"):
        assert sum(facts[name] for facts in parts.values()) == result.summary()[name]
    assert study(survey_of(question())).summary()["parts"] == {}
    json.dumps(result.summary(), allow_nan=False)


def test_the_flagship_survives() -> None:
    guns = read_pew()["SOCIETY_GUNS_W92"]
    for changed in (guns, guns.with_shares("equal")):
        population = changed.population()
        found = flip(population, margin=1e-5, floor=1e-5)
        assert ranking(nbc(population)).winners == (4,)
        assert found.pair == (4, 2)
        assert not changed.are_neighbours(found.pair)

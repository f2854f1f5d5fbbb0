"""Sensitivity: one aspect of the protocol varied at a time."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from socialpref import DataError, InputError, Logistic, Probit
from socialpref.plots import sensitivity_dots
from socialpref.surveys import (
    Protocol,
    Question,
    Survey,
    base_variants,
    grouping_variants,
    read_base,
    read_starter,
    sensitivity,
    share_variants,
    smoothing_variants,
    study,
    temperature_variants,
)


def test_each_row_is_the_study_under_that_setting() -> None:
    survey, protocol = Survey("three", tuple(read_starter("country"))[:3]), Protocol()
    table = sensitivity(smoothing_variants(survey, protocol), reference="1e-15")
    assert table["setting"].tolist()[0] == "1e-15"
    assert table["setting"].tolist()[-1] == "jeffreys"
    for row in table.itertuples():
        smoothing = row.setting if row.setting == "jeffreys" else float(row.setting)
        facts = study(survey, replace(protocol, smoothing=smoothing)).summary()
        assert row.n_flippable == facts["n_flippable"]
        assert row.n_order_mismatch == facts["n_order_mismatch"]
        median = np.nan if facts["median_distance"] is None else facts["median_distance"]
        np.testing.assert_equal(row.median_distance, median)


def test_gains_and_losses_are_against_the_reference() -> None:
    survey = read_starter("country")
    table = sensitivity(temperature_variants(survey, Protocol()), reference="1")
    own = table[table["is_reference"]].iloc[0]
    assert own["setting"] == "1"
    assert own["n_gained"] == own["n_lost"] == 0
    assert (table["n_flippable"] == own["n_flippable"] + table["n_gained"] - table["n_lost"]).all()
    assert table["n_flippable"].nunique() > 1


def test_the_protocols_own_setting_is_among_the_variants() -> None:
    survey = read_starter("country")
    assert "0.02" in smoothing_variants(survey, Protocol(smoothing=0.02))
    probit = Protocol(link=Probit(3.0))
    variants = temperature_variants(survey, probit)
    assert variants["3"][1] == probit
    assert all(isinstance(protocol.link, Probit) for _, protocol in variants.values())


def test_jeffreys_is_left_out_where_only_shares_are_known() -> None:
    shares = Question.from_shares("S", [[0.5, 0.3, 0.2]], ["a"], ["x", "y", "z"])
    assert "jeffreys" not in smoothing_variants(Survey("s", (shares,)), Protocol())


def test_groupings_and_bases(tmp_path: Path) -> None:
    counts = {"party": [[50, 30, 20], [10, 40, 50]], "sex": [[30, 35, 35], [30, 35, 35]]}
    surveys = {
        name: Survey(name, (Question.from_counts("Q", table, ["g", "h"], ["x", "y", "z"]),))
        for name, table in counts.items()
    }
    protocol = Protocol(min_respondents_per_option=1)
    table = sensitivity(grouping_variants(surveys, protocol))
    assert table["setting"].tolist() == ["party", "sex"]
    file = tmp_path / "base.csv"
    file.write_text("question,option,share\nQ,x,0.5\nQ,y,0.25\nQ,z,0.25\n")
    assert read_base(file) == {"Q": {"x": 0.5, "y": 0.25, "z": 0.25}}
    variants = base_variants(surveys["party"], protocol, file)
    assert [name for name in variants if "random" not in name] == [
        "uniform", "25 % answers", "50 % answers", "75 % answers", "answers", "unpopular", "file",
    ]  # fmt: skip
    assert sensitivity(variants)["n_examined"].tolist() == [1] * 12

    def base_of(name: str) -> Mapping[str, float]:
        base = variants[name][1].base
        assert not isinstance(base, str)
        return base["Q"]

    # The answers are .3, .35, .35.
    mixed, rare = base_of("50 % answers"), base_of("unpopular")
    assert list(mixed.values()) == pytest.approx([0.95 / 3, 1.025 / 3, 1.025 / 3])
    assert list(rare.values()) == pytest.approx([0.35, 0.325, 0.325])
    drawn = [base_of(f"random {i}") for i in range(1, 6)]
    assert len({tuple(one.values()) for one in drawn}) == 5
    assert [sum(one.values()) for one in drawn] == pytest.approx([1.0] * 5)


def test_shares_of_groups() -> None:
    # By NBC a leads in group g and c in group h; the order depends on who counts.
    counts = [[240, 40, 20], [20, 20, 60]]
    survey = Survey("one", (Question.from_counts("Q", counts, ["g", "h"], ["a", "b", "c"]),))
    variants = share_variants(survey, Protocol(group_shares="equal"))
    shares = {name: one["Q"].group_shares.tolist() for name, (one, _) in variants.items()}
    assert shares == {
        "as studied": [0.5, 0.5],
        "observed": [0.75, 0.25],
        "equal": [0.5, 0.5],
        "largest group +3 points": pytest.approx([0.53, 0.47]),
        "largest group -3 points": pytest.approx([0.47, 0.53]),
    }
    table = sensitivity(variants).set_index("setting")
    assert table["is_reference"].tolist() == [True, False, False, False, False]
    orders = {
        name: study(*variant)["Q"].finding.nbc_order  # type: ignore[union-attr]
        for name, variant in variants.items()
    }
    for name, order in orders.items():
        assert table["n_other_order"][name] == (order != orders["as studied"])
        assert table["n_other_winner"][name] == (order.winners != orders["as studied"].winners)


def test_bad_input(tmp_path: Path) -> None:
    survey = read_starter("country")
    with pytest.raises(InputError, match=r"'reference' must be one of '0\.25'"):
        sensitivity(temperature_variants(survey, Protocol()), reference="9")

    class Step:
        def __call__(self, gap: object) -> np.ndarray:
            return (np.sign(gap) + 1) / 2  # type: ignore[call-overload]

    with pytest.raises(InputError, match="'link' must be one with a temperature"):
        temperature_variants(survey, Protocol(link=Step()))
    with pytest.raises(DataError, match="No such file"):
        read_base(tmp_path / "none.csv")
    file = tmp_path / "base.csv"
    file.write_text("question,option\nQ,x\n")
    with pytest.raises(DataError, match="must have a column 'share'"):
        read_base(file)


def test_the_figure_shows_the_table() -> None:
    table = sensitivity(temperature_variants(read_starter("country"), Protocol(link=Logistic())))
    figure = sensitivity_dots(table, "temperature")
    (compared, counting), (medians, share_medians) = (
        [np.asarray(line.get_xdata(), dtype=float) for line in axes.get_lines()[:2]]
        for axes in figure.axes
    )
    np.testing.assert_allclose(compared, table["share_flippable"])
    np.testing.assert_allclose(counting, table["n_share_flippable"] / table["n_questions"])
    np.testing.assert_allclose(medians, table["median_distance"].astype(float))
    np.testing.assert_allclose(share_medians, table["median_share_distance"].astype(float))
    (title,) = (text.get_text() for text in figure.texts)
    numbers = table["n_flippable"]
    assert f"{numbers.min()} to {numbers.max()} of 8 rankings can be flipped" in title
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(
        table["setting"]
    )


def test_the_title_says_that_nothing_depends_on_it() -> None:
    table = sensitivity(base_variants(read_starter("country"), Protocol()))
    (title,) = (text.get_text() for text in sensitivity_dots(table, "base").texts)
    assert "Whatever the base, 5 of 8 rankings" in title

"""Designs: the rescaled bootstrap and replicate weights, against other libraries and by hand."""

import importlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from socialpref import InputError, Population, nbc
from socialpref.inference import Design, ReplicateWeights
from socialpref.inference.resampling import drawn_tables, unit_factors
from socialpref.surveys import (
    Bootstrap,
    DesignColumns,
    Protocol,
    Question,
    Respondents,
    Survey,
    replicate,
    study,
    survey_from_rows,
)
from socialpref.surveys.uncertainty import draw_shares

Floats = NDArray[np.float64]
Rows = Callable[..., pd.DataFrame]


def library(name: str) -> ModuleType:
    """Return another library, or skip the test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one of them says that it is archived
            return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"{name} is not installed")


def taylor(question: Question, columns: Floats | None = None) -> Floats:
    """Return standard errors of the choice shares by linearisation, from a design."""
    answers = question.respondents
    assert answers is not None
    assert answers.design is not None
    design = answers.design
    errors = np.empty_like(question.choice_shares)
    for (g, k), share in np.ndenumerate(question.choice_shares):
        inside = (answers.groups == g) & (answers.options >= 0)
        score = answers.weights * inside * ((answers.options == k) - share)
        score = score / (answers.weights * inside).sum()
        known = design.units >= 0
        totals = np.bincount(design.units[known], score[known], minlength=len(design.strata))
        variance = 0.0
        for h, n in enumerate(design.sizes):
            part = totals[design.strata == h]
            variance += n / (n - 1) * ((part - part.mean()) ** 2).sum()
        errors[g, k] = np.sqrt(variance)
    return errors


def drawn_errors(question: Question, n_replicates: int = 4000) -> Floats:
    bootstrap = Bootstrap(n_replicates, seed=1)
    choices, _ = draw_shares(question, bootstrap.resolve(question), bootstrap)
    return choices.std(axis=0, ddof=1)


def households() -> pd.DataFrame:
    """Return the 825 households of svy's bundled sample."""
    data = library("svy").datasets.load("hld_sample_wb_2023", source="bundled")
    frame = pd.DataFrame(data.to_dict(as_series=False))
    return frame[["geo1", "urbrur", "ea", "hhweight", "electricity"]].assign(every="all")


def electricity(groups: str, design: DesignColumns | None, frame: pd.DataFrame) -> Question:
    survey = survey_from_rows(
        frame, groups=[groups], weight="hhweight", questions=["electricity"], design=design
    )
    return survey["electricity"]


IN_UNITS = DesignColumns(strata=["geo1", "urbrur"], units=["ea"])


# --- strata and units -----------------------------------------------------------------


def test_the_rescaled_bootstrap_gives_svys_printed_errors() -> None:
    frame = households()
    question = electricity("every", IN_UNITS, frame)
    assert question.options == ("No", "Yes")
    assert question.choice_shares[0, 0] == pytest.approx(0.118125, abs=5e-7)
    answers = question.respondents
    assert answers is not None
    assert answers.design is not None
    assert answers.design.degrees == 26
    assert taylor(question)[0, 0] == pytest.approx(0.023617, abs=5e-7)
    # The error of an error from 4,000 draws is 1.1 %.
    assert drawn_errors(question)[0, 0] == pytest.approx(0.023617, rel=0.03)
    # Taken as independent.
    assert drawn_errors(electricity("every", None, frame))[0, 0] == pytest.approx(0.0104, rel=0.04)


def test_groups_are_parts_of_the_sample() -> None:
    question = electricity("urbrur", IN_UNITS, households())
    assert question.groups == ("Rural", "Urban")
    np.testing.assert_allclose(question.choice_shares[:, 0], [0.279868, 0.035633], atol=5e-7)
    np.testing.assert_allclose(taylor(question)[:, 0], [0.055087, 0.021965], atol=5e-7)
    np.testing.assert_allclose(drawn_errors(question)[:, 0], [0.055087, 0.021965], rtol=0.03)


def test_the_error_is_svys() -> None:
    svy = library("svy")
    data = svy.datasets.load("hld_sample_wb_2023", source="bundled")
    design = svy.Design(stratum=("geo1", "urbrur"), psu="ea", wgt="hhweight")
    found = svy.Sample(data=data, design=design).estimation.prop("electricity")
    ours = taylor(electricity("every", IN_UNITS, households()))[0]
    theirs = {str(one.y_level): one.se for one in found.estimates}
    np.testing.assert_allclose([theirs["No"], theirs["Yes"]], ours, rtol=1e-6)


def test_the_share_of_a_stratum_has_no_error() -> None:
    """In a stratified sample whose strata have fixed weights, each stratum's share is known."""
    frame = pd.DataFrame({"layer": np.repeat([1, 2, 3], [30, 60, 90]), "group": "all"})
    survey = survey_from_rows(
        frame.assign(copy=frame["layer"]), groups=["group"], questions=["copy"],
        design=DesignColumns(strata=["layer"]),
    )  # fmt: skip
    question = survey["copy"]
    np.testing.assert_allclose(question.choice_shares, [[1 / 6, 1 / 3, 1 / 2]])
    choices, _ = draw_shares(question, "design", Bootstrap(50))
    np.testing.assert_allclose(choices, np.broadcast_to(question.choice_shares, (50, 1, 3)))


@given(
    st.lists(st.integers(2, 6), min_size=1, max_size=5),
    st.integers(0, 2**31),
)
@settings(max_examples=8, deadline=None)
def test_factors_keep_the_strata_and_have_their_variance(sizes: list[int], seed: int) -> None:
    strata = np.repeat(np.arange(len(sizes)), sizes)
    design = Design.of(strata, np.arange(len(strata)))
    factors = unit_factors(design, 2000, np.random.default_rng(seed))
    for h, n in enumerate(sizes):
        part = factors[design.strata == h]
        # n - 1 units are drawn, and each counts n / (n - 1) times: the sum is n in each replicate.
        np.testing.assert_allclose(part.sum(axis=0), n)
        # The variance of a count out of n - 1 draws of n units, times (n / (n - 1))^2: 1.
        np.testing.assert_allclose(part.var(axis=1), 1.0, rtol=0.25)


LONELY = Design.of(list("aabbc"), range(5), lonely="remove")


def test_a_stratum_of_one_unit_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match="'c' has one"):
        Design.of(list("aabbc"), range(5))
    with pytest.raises(InputError, match="some stratum must have two"):
        Design.of(list("ab"), range(2), lonely="remove")


def variance_of_total(lonely: str, values: Floats) -> float:
    design = Design.of(list("aabbc"), range(5), lonely=lonely)
    factors = unit_factors(design, 10_000, np.random.default_rng(0))
    return float((values @ factors).var())


def test_lonely_units() -> None:
    """Two pairs that differ by 2 and by 4, and a unit of its own; the mean of all is 0.

    The variance of a total is (a1 - a2)^2 in a stratum of two units: 4 and 16.
    """
    values = np.array([1.0, -1.0, 0.5, -3.5, 3.0])
    assert values.mean() == 0.0
    assert variance_of_total("remove", values) == pytest.approx(20.0, rel=0.06)
    assert variance_of_total("adjust", values) == pytest.approx(20.0 + 3.0**2, rel=0.06)
    assert variance_of_total("average", values) == pytest.approx(20.0 * 3 / 2, rel=0.06)


def test_units_are_told_apart_within_strata() -> None:
    design = Design.of(["a", "a", "b", "b"], [1, 2, 1, 2])
    assert design.degrees == 2
    assert len(design.strata) == 4
    assert design == Design.of(["a", "a", "b", "b"], ["x", "y", "x", "y"])
    assert Design.of(units=[3, 3, 4]).degrees == 1


def test_questions_are_drawn_with_the_same_units() -> None:
    rng = np.random.default_rng(0)
    n = 400
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], n), "psu": rng.integers(0, 20, n)})
    frame["Q1"] = rng.integers(1, 4, n)
    frame["Q2"] = frame["Q1"]
    survey = survey_from_rows(frame, groups=["g"], design=DesignColumns(units=["psu"]))
    one, two = (draw_shares(question, "design", Bootstrap(20))[0] for question in survey)
    np.testing.assert_array_equal(one, two)


def test_answers_of_too_few_units_have_no_intervals() -> None:
    answers = Respondents(
        groups=np.zeros(40, dtype=np.int16),
        options=np.where(np.arange(40) < 10, np.arange(40) % 3, -1).astype(np.int16),
        weights=np.ones(40),
        design=Design.of(units=np.arange(40) // 10),
    )
    question = Question.from_respondents("Q", answers, ["a"], ["x", "y", "z"])
    with pytest.raises(InputError, match="Q has no intervals: a replicate holds none"):
        replicate(question, Protocol(), Bootstrap(100))


# --- replicate weights ----------------------------------------------------------------


def jackknifed(frame: pd.DataFrame) -> tuple[pd.DataFrame, Floats]:
    """Return households with JKn weights of their units, and the factors of the replicates."""
    strata = frame["geo1"] + frame["urbrur"]
    columns: dict[str, pd.Series[float]] = {}
    factors = []
    for stratum in sorted(strata.unique()):
        inside = strata == stratum
        units = sorted(frame.loc[inside, "ea"].unique())
        for unit in units:
            weights = frame["hhweight"].where(
                ~inside, frame["hhweight"] * len(units) / (len(units) - 1)
            )
            columns[f"rw{len(columns)}"] = weights.where(~(inside & (frame["ea"] == unit)), 0.0)
            factors.append((len(units) - 1) / len(units))
    return pd.concat([frame, pd.DataFrame(columns)], axis=1), np.array(factors)


def test_jkn_gives_the_printed_error(tmp_path: Path) -> None:
    frame, factors = jackknifed(households())
    assert sorted(set(factors.round(6))) == [0.75, 0.8]
    file = tmp_path / "factors.txt"
    file.write_text("\n".join(map(str, factors)))
    columns = DesignColumns(replicate_weights=["rw*"], method=f"JKn:{file}")
    question = electricity("every", columns, frame)
    answers = question.respondents
    assert answers is not None
    assert answers.replicates is not None
    # Units less strata, as with the design itself.
    assert answers.replicates.degrees == pytest.approx(26.0)
    tables = np.stack([answers.tabulate(1, 2, column) for column in answers.replicates.weights.T])
    shares = tables / tables.sum(axis=2, keepdims=True)
    error = np.sqrt(answers.replicates.variance(shares, question.choice_shares))
    assert error[0, 0] == pytest.approx(0.0236172, abs=5e-8)
    assert drawn_errors(question)[0, 0] == pytest.approx(0.0236172, rel=0.06)

    # The same with the factors in columns.
    more = pd.DataFrame({f"c{r}": factor for r, factor in enumerate(factors)}, index=frame.index)
    in_columns = DesignColumns(replicate_weights=["rw*"], method="jkn:c*")
    again = electricity("every", in_columns, pd.concat([frame, more], axis=1)).respondents
    assert again is not None
    assert again.replicates is not None
    np.testing.assert_array_equal(again.replicates.factors, factors)
    assert again.replicates.weights.shape == (825, len(factors))


def test_brr_gives_the_printed_errors() -> None:
    library("samplics")
    frame = importlib.import_module("samplics.datasets").load_nhanes2brr()["data"]
    height = np.digitize(frame["height"], [160, 170, 180], right=True)
    weights = frame[[name for name in frame.columns if name.startswith("brr_")]]
    rows = weights.assign(w=frame["finalwgt"], g="all", height=height)
    columns = DesignColumns(replicate_weights=["brr_*"], method="BRR")
    question = survey_from_rows(
        rows, groups=["g"], weight="w", questions=["height"], design=columns
    )["height"]
    answers = question.respondents
    assert answers is not None
    assert answers.replicates is not None
    tables = np.stack([answers.tabulate(1, 4, w) for w in answers.replicates.weights.T])
    shares = tables / tables.sum(axis=2, keepdims=True)
    error = np.sqrt(answers.replicates.variance(shares, question.choice_shares))
    printed = [0.22813669, 0.31663051, 0.31047297, 0.14475983]
    np.testing.assert_allclose(question.choice_shares[0], printed, atol=5e-9)
    np.testing.assert_allclose(
        error[0], [0.01885734, 0.01470262, 0.01377260, 0.01218331], atol=5e-9
    )
    assert answers.replicates.degrees == 31


@pytest.mark.parametrize(
    ("method", "factor"),
    [
        ("bootstrap", 1 / 8), ("BRR", 1 / 8), ("Fay:0.5", 1 / (8 * 0.25)), ("fay:0", 1 / 8),
        ("JK1", 7 / 8), ("jk2", 1.0), ("SDR", 4 / 8),
    ],
)  # fmt: skip
def test_factors_by_name(method: str, factor: float) -> None:
    found = ReplicateWeights.of(np.ones((3, 8)), method)
    np.testing.assert_allclose(found.factors, factor)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({}, "need their method"),
        ({"method": "jk1", "scale": 0.5}, "got both"),
        ({"method": "jackknife"}, "one of bootstrap, brr"),
        ({"method": "fay"}, "fay with its rho"),
        ({"method": "fay:1"}, "'rho'"),
        ({"method": "brr:0.5"}, "brr without"),
        ({"method": "jkn"}, "needs the factor of each"),
        ({"method": "jk1", "factors": [1.0, 1.0]}, "and no other method"),
        ({"method": "jkn", "factors": [0.5]}, "2 positive numbers"),
        ({"method": "jkn", "factors": [0.5, -0.5]}, "2 positive numbers"),
        ({"scale": 0.0}, "'scale'"),
    ],
)
def test_methods_are_checked(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ReplicateWeights.of(np.ones((3, 2)), **settings_)


def test_degrees_of_weights_that_vary_in_few_directions() -> None:
    """Forty bootstrap replicates of four units: three degrees, not thirty-nine."""
    rng = np.random.default_rng(0)
    factors = unit_factors(Design.of(units=range(4)), 40, rng)
    weights = np.repeat(factors, 5, axis=0)
    assert ReplicateWeights.of(weights, "bootstrap", np.ones(20)).degrees == 3
    assert ReplicateWeights.of(weights, "bootstrap").degrees == 39


@given(
    arrays(np.float64, (6, 2, 3), elements=st.floats(-0.5, 3.0)),
    arrays(np.float64, (2, 3), elements=st.sampled_from([0.0, 1.0, 5.0])),
    st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_draws_are_shares_whatever_the_replicates_are(
    tables: Floats, whole: Floats, seed: int
) -> None:
    """Negative weights, empty cells and groups that a replicate leaves out among them."""
    whole[:, 0] += 1.0
    replicates = ReplicateWeights.of(np.ones((4, 6)), "jk1")
    mixtures = np.random.default_rng(seed).standard_normal((20, 6))
    drawn = drawn_tables(tables, whole, replicates, mixtures)
    np.testing.assert_allclose(drawn.sum(axis=(1, 2)), 1.0)
    assert (drawn >= 0.0).all()
    assert (drawn[:, whole == 0.0] == 0.0).all()


def test_draws_have_the_covariance_of_the_replicates() -> None:
    rng = np.random.default_rng(3)
    whole = np.array([[400.0, 300.0, 300.0], [200.0, 500.0, 300.0]])
    tables = whole * (1.0 + 0.01 * rng.standard_normal((30, 2, 3)))
    replicates = ReplicateWeights.of(np.ones((5, 30)), "jk1")
    drawn = drawn_tables(tables, whole, replicates, rng.standard_normal((40_000, 30)))
    flat = (drawn / drawn.sum(axis=2, keepdims=True)).reshape(-1, 6)
    moved = tables / tables.sum(axis=2, keepdims=True) - whole / 1000.0
    moved = moved.reshape(30, 6)
    wanted = 29 / 30 * moved.T @ moved
    np.testing.assert_allclose(np.cov(flat.T), wanted, atol=0.05 * wanted.max())


def clustered(seed: int = 0, n: int = 2000) -> pd.DataFrame:
    """Return a jackknife's file: 40 units, 40 replicate weights."""
    rng = np.random.default_rng(seed)
    group, unit = rng.integers(0, 2, n), rng.integers(0, 40, n)
    never = np.array([[0.6, 0.3, 0.1], [0.5, 0.3, 0.2]])[group]
    answers = 1 + (rng.random((n, 1)) > never.cumsum(axis=1)).sum(axis=1).clip(max=2)
    weights = {f"rw{r}": np.where(unit == r, 0.0, 40 / 39) for r in range(40)}
    return pd.DataFrame({"g": group, "w": 1.0, "Q": answers} | weights)


def test_a_study_with_jackknife_weights() -> None:
    """Student's t around NBC by the formula; flips from draws; nothing is NaN."""
    columns = DesignColumns(replicate_weights=["rw*"], method="jk1")
    survey = survey_from_rows(clustered(), groups=["g"], weight="w", design=columns)
    assert [question.key for question in survey] == ["Q"]
    result = study(survey, bootstrap=Bootstrap(300))
    finding = result["Q"].finding
    assert finding is not None
    error = finding.uncertainty
    assert error is not None
    assert (error.method, error.degrees, error.n_replicates) == ("replicate-weights", 39, 300)
    assert 0.5 < error.deff < 2.0
    assert error.flip_share == 0.0
    assert error.flip_interval.describe(infinite="never") == "never to never"
    assert error.same_order == 1.0
    assert "share_flippable_interval" in result.summary()
    # By hand: each replicate's NBC, and the quantile of t with 39 degrees of freedom.
    question = survey["Q"]
    answers = question.respondents
    assert answers is not None
    assert answers.replicates is not None
    estimate = nbc(question.population())
    spread = np.zeros(3)
    for column in answers.replicates.weights.T:
        table = answers.tabulate(2, 3, column)
        again = Question.from_counts("Q", table, question.groups, question.options)
        spread += (nbc(again.population()) - estimate) ** 2
    highs = [interval.high for interval in error.nbc_intervals]
    reach = 2.0226909 * np.sqrt(39 / 40 * spread)
    np.testing.assert_allclose(highs - estimate, reach, rtol=1e-6)


def test_a_study_with_a_design() -> None:
    frame = clustered().assign(psu=lambda x: x.filter(like="rw").eq(0).to_numpy().argmax(axis=1))
    frame["layer"] = frame["psu"] // 4
    frame = frame[["g", "w", "Q", "psu", "layer"]]
    columns = DesignColumns(strata=["layer"], units=["psu"])
    survey = survey_from_rows(frame, groups=["g"], weight="w", design=columns)
    result = study(survey, bootstrap=Bootstrap(300))
    finding = result["Q"].finding
    assert finding is not None
    assert finding.uncertainty is not None
    assert finding.replicates is not None
    assert (finding.uncertainty.method, finding.uncertainty.degrees) == ("design", 30)
    high = finding.uncertainty.nbc_intervals[0].high
    reach = 2.0422725 * finding.replicates.nbc[:, 0].std(ddof=1)
    assert high - nbc(finding.population)[0] == pytest.approx(reach, rel=1e-6)
    row = result.to_frame().iloc[0]
    assert row["resampled"] == "design"
    assert 0.5 < row["deff"] < 2.0
    assert row["deff_kish"] == 1.0


def test_the_design_effect_of_units_that_agree() -> None:
    """All ten people of a unit give one answer: ten are as good as one."""
    unit = np.repeat(np.arange(200), 10)
    answer = np.random.default_rng(1).integers(0, 3, 200)[unit]
    answers = Respondents(
        groups=np.zeros(2000, dtype=np.int16),
        options=answer.astype(np.int16),
        weights=np.ones(2000),
        design=Design.of(units=unit),
    )  # fmt: skip
    question = Question.from_respondents("Q", answers, ["all"], ["x", "y", "z"])
    assert replicate(question, Protocol(), Bootstrap(2000)).deff == pytest.approx(10.0, rel=0.06)


# --- counts ---------------------------------------------------------------------------


def test_sizes_of_groups_are_drawn_from_counts() -> None:
    counts = np.array([[300, 420, 280], [39, 25, 36]])
    question = Question.from_counts("q", counts, ["Dem", "Rep"], ["a", "b", "c"])
    _, groups = draw_shares(question, "multinomial", Bootstrap(20_000))
    p = 1000 / 1100
    assert groups[:, 0].mean() == pytest.approx(p, abs=0.001)
    assert groups[:, 0].std() == pytest.approx(np.sqrt(p * (1 - p) / 1100), rel=0.03)


# --- the columns of a file ------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"replicate_weights": ["rw*"]}, "--replicate-method"),
        ({"method": "jk1"}, "needs --replicate-weights"),
        ({"replicate_weights": ["rw*"], "method": "jk1", "units": ["u"]}, "got both"),
        ({"lonely": "remove", "units": ["u"]}, "'lonely'"),
        ({"strata": ["s"], "units": ["u"], "lonely": "ignore"}, "'lonely' must be one of"),
        ({"strata": 3}, "'strata'"),
    ],
)
def test_columns_go_together(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DesignColumns(**settings_)


def rows(**more: object) -> pd.DataFrame:
    return pd.DataFrame({"g": ["a", "b"] * 4, "Q": [1, 2, 2, 1, 1, 2, 2, 2]} | more)


@pytest.mark.parametrize(
    ("frame", "columns", "message"),
    [
        (rows(u=[1, 2] * 4), DesignColumns(units=["v"]), "a column 'v'"),
        (rows(u=[1, np.nan] * 4), DesignColumns(units=["u"]), "'u' must be known.*4 missing"),
        (rows(u=["x", " "] * 4), DesignColumns(units=["u"]), "'u' must be known.*4 missing"),
        (rows(), DesignColumns(replicate_weights=["rw*"], method="jk1"), "'rw\\*'"),
        (
            rows(rw1=1.0, rw2=[1.0] * 7 + [np.nan]),
            DesignColumns(replicate_weights=["rw*"], method="jk1"),
            "'rw2' must be a finite weight",
        ),
        (
            rows(rw1=1.0, rw2=-1.0),
            DesignColumns(replicate_weights=["rw*"], method="jk1"),
            "'rw2' must be weights that add up to more than 0 .*; got a sum of -8",
        ),
        (
            rows(rw1=1.0, rw2=1.0, c1=0.5, c2=[0.5, 0.6] * 4),
            DesignColumns(replicate_weights=["rw*"], method="jkn:c*"),
            "'c2' must be the same factor",
        ),
    ],
)
def test_columns_are_checked(frame: pd.DataFrame, columns: DesignColumns, message: str) -> None:
    with pytest.raises(InputError, match=message):
        survey_from_rows(frame, groups=["g"], design=columns)


def test_columns_of_the_design_are_no_questions_and_negative_weights_are_legal() -> None:
    frame = rows(rw1=[-0.5] + [1.0] * 7, rw2=1.5, s=1, u=[1, 1, 2, 2] * 2)
    columns = DesignColumns(replicate_weights=["rw*"], method="sdr")
    survey = survey_from_rows(frame.drop(columns=["s", "u"]), groups=["g"], design=columns)
    assert [question.key for question in survey] == ["Q"]
    in_units = DesignColumns(strata=["s"], units=["u"])
    survey = survey_from_rows(frame.drop(columns=["rw1", "rw2"]), groups=["g"], design=in_units)
    assert [question.key for question in survey] == ["Q"]


def test_a_group_in_one_unit_is_questioned() -> None:
    frame = rows(g=list("aabbccba"), u=[1, 1, 2, 3, 4, 4, 2, 1])
    with pytest.warns(UserWarning, match="all people of 'a', 'c' are of one primary unit"):
        survey_from_rows(frame, groups=["g"], design=DesignColumns(units=["u"]))


def test_those_who_do_not_count_still_belong_to_their_unit() -> None:
    frame = rows(s=[1] * 4 + [2] * 4, u=[1, 2, 3, 4] * 2, w=[1.0] * 6 + [0.0, np.nan])
    columns = DesignColumns(strata=["s"], units=["u"])
    answers = survey_from_rows(frame, groups=["g"], weight="w", design=columns)["Q"].respondents
    assert answers is not None
    assert answers.design is not None
    assert answers.design.sizes.tolist() == [4, 4]
    assert answers.design.degrees_of(answers.counted) == 6 - 2


# --- coverage -------------------------------------------------------------------------

ODDS = np.array([[0.5, 0.3, 0.2], [0.25, 0.35, 0.4]])
SPREAD = 0.6


def one_sample(seed: int) -> tuple[Respondents, Respondents]:
    """Draw 40 strata of 2 units of 25 people; return it with and without its design."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(80), 25)
    group = rng.integers(2, size=2000).astype(np.int16)
    logits = np.log(ODDS)[group] + rng.normal(0, SPREAD, (80, 3))[unit]
    chosen = (logits + rng.gumbel(size=(2000, 3))).argmax(axis=1).astype(np.int16)
    plain = Respondents(groups=group, options=chosen, weights=np.ones(2000))
    return replace(plain, design=Design.of(unit // 2, unit)), plain


@pytest.mark.slow
def test_intervals_cover_with_the_design_and_not_without() -> None:
    """In 300 surveys the share of three intervals that cover has an error of about a point."""
    rng = np.random.default_rng(0)
    odds = ODDS[:, None] * np.exp(rng.normal(0, SPREAD, (400_000, 3)))
    truth = nbc(Population.from_choice_shares((odds / odds.sum(axis=2)[..., None]).mean(axis=1)))
    inside: list[list[bool]] = [[], []]
    for seed in range(300):
        for answers, found in zip(one_sample(seed), inside, strict=True):
            question = Question.from_respondents("Q", answers, ["a", "b"], ["x", "y", "z"])
            survey = Survey("one", (question,))
            finding = study(survey, bootstrap=Bootstrap(200, seed=seed))["Q"].finding
            assert finding is not None
            assert finding.uncertainty is not None
            intervals = finding.uncertainty.nbc_intervals
            found += [x in i for x, i in zip(truth.tolist(), intervals, strict=True)]
    assert 0.92 < np.mean(inside[0]) < 0.975
    assert np.mean(inside[1]) < 0.8

"""Sampling error: replicates, intervals, parallel runs and resumption."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import socialpref as sp
from socialpref import InputError, Logistic, Population, Winner, nbc
from socialpref.cli import main
from socialpref.inference import ReplicateWeights
from socialpref.surveys import (
    Bootstrap,
    Protocol,
    Question,
    Respondents,
    Survey,
    Uncertainty,
    population_with_draws,
    read_starter,
    replicate,
    study,
)
from socialpref.surveys.question import smoothed
from socialpref.surveys.uncertainty import draw_shares

COUNTS = np.array([[60, 30, 10], [20, 20, 60], [5, 45, 50]])
GROUPS, OPTIONS = ["Dem", "Ind", "Rep"], ["A", "B", "C"]
PROTOCOL = Protocol(min_respondents_per_option=10)


def question(key: str = "Q1", counts: np.ndarray = COUNTS) -> Question:
    return Question.from_counts(key, counts, GROUPS[: len(counts)], OPTIONS)


def weighted(
    n: int = 400, *, replicates: int = 0, scale: float = 0.25, sample: str = "W1", seed: int = 0
) -> Question:
    """A question with respondents whose weights differ."""
    rng = np.random.default_rng(seed)
    answers = Respondents(
        groups=rng.integers(-1, 3, n).astype(np.int16),
        options=rng.integers(-1, 3, n).astype(np.int16),
        weights=rng.uniform(0.2, 3.0, n),
        replicates=ReplicateWeights.of(rng.uniform(0.2, 3.0, (n, replicates)), scale=scale)
        if replicates
        else None,
        sample=sample,
    )
    return Question.from_respondents("Q1", answers, GROUPS, OPTIONS)


def uncertainty(result: object) -> Uncertainty:
    found = getattr(result, "finding", None)
    assert found is not None
    assert found.uncertainty is not None
    return found.uncertainty


@pytest.mark.parametrize("method", ["multinomial", "dirichlet"])
def test_draws_from_counts_have_the_right_mean_and_variance(method: str) -> None:
    bootstrap = Bootstrap(20_000, seed=1, method=method)  # type: ignore[arg-type]
    choices, groups = draw_shares(question(), bootstrap.resolve(question()), bootstrap)
    np.testing.assert_allclose(choices.sum(axis=2), 1.0, atol=1e-12)
    np.testing.assert_allclose(groups.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(groups.var(axis=0), 2 / 9 / 300, rtol=0.06)
    alpha = COUNTS + 0.5 if method == "dirichlet" else COUNTS.astype(float)
    mean = alpha / alpha.sum(axis=1, keepdims=True)
    size = alpha.sum(axis=1, keepdims=True) + (1 if method == "dirichlet" else 0)
    variance = mean * (1 - mean) / size
    # Five standard errors of a mean of 20,000 draws.
    assert (np.abs(choices.mean(axis=0) - mean) < 5 * np.sqrt(variance / 20_000)).all()
    np.testing.assert_allclose(choices.var(axis=0), variance, rtol=0.06)


def test_draws_use_effective_sizes_of_weighted_groups() -> None:
    asked = weighted()
    bootstrap = Bootstrap(20_000, method="multinomial")
    choices, _ = draw_shares(asked, "multinomial", bootstrap)
    assert asked.effective_sizes is not None
    assert asked.sizes is not None
    assert (asked.effective_sizes < asked.sizes).all()
    p = asked.choice_shares
    variance = p * (1 - p) / np.round(asked.effective_sizes)[:, None]
    np.testing.assert_allclose(choices.var(axis=0), variance, rtol=0.06)


@pytest.mark.parametrize("method", ["multinomial", "dirichlet"])
def test_arrays_equal_a_loop_over_replicates(method: str) -> None:
    """The array path against the exact flips of one population at a time."""
    bootstrap = Bootstrap(40, seed=3, method=method)  # type: ignore[arg-type]
    protocol = replace(PROTOCOL, smoothing=0.01, link=Logistic(0.7), base="answers")
    replicates = replicate(question(), protocol, bootstrap)
    choices, groups = draw_shares(question(), bootstrap.resolve(question()), bootstrap)
    limits: dict[str, Any] = {"margin": protocol.margin, "floor": protocol.floor}
    for r in range(40):
        population = Population.from_choice_shares(
            choices[r], groups[r], smoothing=0.01, link=Logistic(0.7)
        )
        base = groups[r] @ choices[r]
        np.testing.assert_allclose(replicates.nbc[r], nbc(population, base), atol=1e-14)
        flip = sp.flip(population, sampling=base, **limits)
        assert replicates.flip[r] == pytest.approx(flip.distance, abs=1e-9)
        winner = sp.flip(population, Winner(), sampling=base, **limits)
        assert replicates.winner_flip[r] == pytest.approx(winner.distance, abs=1e-9)


def test_respondents_are_resampled_with_their_weights() -> None:
    """One replicate recomputed by hand from the rows that were drawn."""
    asked, bootstrap = weighted(), Bootstrap(30, seed=5)
    choices, groups = draw_shares(asked, "respondents", bootstrap)
    answers = asked.respondents
    assert answers is not None
    rng = np.random.default_rng((5, *b"W1"))
    for r in range(30):
        drawn = rng.integers(400, size=400)
        table = np.zeros((3, 3))
        for i in drawn:
            if answers.groups[i] >= 0 and answers.options[i] >= 0:
                table[answers.groups[i], answers.options[i]] += answers.weights[i]
        np.testing.assert_allclose(groups[r], table.sum(axis=1) / table.sum(), atol=1e-12)
        np.testing.assert_allclose(choices[r], table / table.sum(axis=1)[:, None], atol=1e-12)


def test_questions_of_one_sample_are_resampled_together() -> None:
    first, bootstrap = weighted(), Bootstrap(20)
    second = replace(first, key="Q2")
    other = weighted(sample="W2")
    one, two, three = (draw_shares(q, "respondents", bootstrap)[0] for q in (first, second, other))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)


def test_a_group_that_is_not_drawn_has_no_weight() -> None:
    answers = Respondents(
        groups=np.array([0] * 50 + [1], dtype=np.int16),
        options=np.array([0, 1] * 25 + [1], dtype=np.int16),
        weights=np.ones(51),
    )
    asked = Question.from_respondents("Q1", answers, ["many", "one"], ["yes", "no"])
    choices, groups = draw_shares(asked, "respondents", Bootstrap(50))
    absent = groups[:, 1] == 0.0
    assert 0 < absent.sum() < 50
    assert np.isfinite(choices).all()
    assert np.isfinite(replicate(asked, PROTOCOL, Bootstrap(50)).nbc).all()


def test_replicate_weights_give_the_textbook_standard_error() -> None:
    asked = weighted(replicates=16)
    survey = Survey("weights", (asked,))
    result = study(survey, PROTOCOL, Bootstrap(40))
    found = uncertainty(result["Q1"])
    assert (found.method, found.n_replicates, found.degrees) == ("replicate-weights", 40, 15)
    answers = asked.respondents
    assert answers is not None
    assert answers.replicates is not None
    estimate = nbc(asked.population())
    spread = np.zeros(3)
    for column in answers.replicates.weights.T:
        table = np.zeros((3, 3))
        counted = (answers.groups >= 0) & (answers.options >= 0)
        np.add.at(table, (answers.groups[counted], answers.options[counted]), column[counted])
        shares = table / table.sum(axis=1, keepdims=True)
        population = Population.from_choice_shares(shares, table.sum(axis=1) / table.sum())
        spread += (nbc(population) - estimate) ** 2
    reach = 2.131449545559323 * np.sqrt(0.25 * spread)  # t with 15 degrees of freedom
    highs = [interval.high for interval in found.nbc_intervals]
    np.testing.assert_allclose(highs - estimate, reach, atol=1e-12)


def test_the_default_method_is_the_best_that_the_question_allows() -> None:
    auto = Bootstrap(2)
    assert auto.resolve(weighted(replicates=4)) == "replicate-weights"
    assert auto.resolve(weighted()) == "respondents"
    assert auto.resolve(question()) == "multinomial"
    shares = Question.from_shares("S", [[0.5, 0.5], [0.2, 0.8]], ["a", "b"], ["x", "y"])
    with pytest.raises(
        InputError, match="S has no intervals: nothing says how many people answered"
    ):
        auto.resolve(shares)
    with pytest.raises(InputError, match="'method' must be multinomial or dirichlet for Q1"):
        Bootstrap(2, method="respondents").resolve(question())


def test_infinite_distances_are_reported_as_a_share_not_a_mean() -> None:
    found = uncertainty(
        study(read_starter("education"), bootstrap=Bootstrap(300, seed=2))["PLEBISCITE_1988"]
    )
    assert 0.0 < found.flip_share < 1.0
    assert 0.0 < found.flip_interval.low < 1.0
    assert found.flip_interval.high == np.inf
    none = question(counts=np.array([[98, 1, 1], [97, 2, 1], [96, 3, 1]]) * 100)
    found = uncertainty(study(Survey("s", (none,)), PROTOCOL, Bootstrap(50))["Q1"])
    assert found.flip_share == 0.0
    assert found.flip_interval.low == found.flip_interval.high == np.inf
    assert found.same_order == found.same_winner == 1.0


def test_replicates_without_a_group_give_finite_draws() -> None:
    """A replicate without one of two groups cannot be flipped; the sample can."""
    cells = np.array([[665, 245, 90], [18, 2, 980]])
    groups, options = np.unravel_index(np.repeat(np.arange(6), cells.ravel()), cells.shape)
    weights = np.ones((len(groups), 2))
    weights[groups > 0, 1] = 0.0
    answers = Respondents(
        groups=groups.astype(np.int16),
        options=options.astype(np.int16),
        weights=np.ones(len(groups)),
        replicates=ReplicateWeights.of(weights, "jk1"),
    )
    asked = Question.from_respondents("Q1", answers, GROUPS[:2], OPTIONS)
    found = uncertainty(study(Survey("s", (asked,)), PROTOCOL, Bootstrap(100))["Q1"])
    assert 0.0 <= found.flip_interval.low <= found.flip_interval.high
    assert np.isfinite([interval.high for interval in found.nbc_intervals]).all()


def test_a_population_with_draws_is_what_the_study_computes_on() -> None:
    population, base = population_with_draws(question(), PROTOCOL, Bootstrap(30, seed=2))
    assert population.draws is not None
    assert population.draws.samples
    np.testing.assert_array_equal(population.rewards, question().population().rewards)
    found = replicate(question(), PROTOCOL, Bootstrap(30, seed=2))
    np.testing.assert_array_equal(nbc(population.draws, base), found.nbc)
    drawn, _ = population_with_draws(weighted(replicates=4), PROTOCOL, Bootstrap(30))
    assert drawn.draws is not None
    assert drawn.draws.samples


@given(st.integers(0, 2**31), st.sampled_from(["multinomial", "dirichlet"]), st.floats(0.5, 0.99))
@settings(max_examples=25, deadline=None)
def test_same_seed_same_result(seed: int, method: str, level: float) -> None:
    bootstrap = Bootstrap(20, seed=seed, method=method, level=level)  # type: ignore[arg-type]
    first, second = (replicate(question(), PROTOCOL, bootstrap) for _ in range(2))
    np.testing.assert_array_equal(first.flip, second.flip)
    np.testing.assert_array_equal(first.nbc, second.nbc)
    other = replicate(question("Q2"), PROTOCOL, bootstrap)
    assert not np.array_equal(first.nbc, other.nbc)


def test_jeffreys_smoothing_adds_half_a_respondent_to_each_cell() -> None:
    shares = smoothed(np.array([[0.0, 1.0], [0.25, 0.75]]), np.array([4.0, 8.0]), "jeffreys")
    np.testing.assert_allclose(shares, [[0.1, 0.9], [2.5 / 9, 6.5 / 9]])
    only = Question.from_shares("S", [[0.5, 0.5]], ["a"], ["x", "y"])
    with pytest.raises(InputError, match="'smoothing' must be a number"):
        only.population(smoothing="jeffreys")


def test_base_distributions() -> None:
    survey = Survey("s", (question(),))
    answers = study(survey, replace(PROTOCOL, base="answers"))["Q1"].finding
    assert answers is not None
    np.testing.assert_allclose(answers.flip.base, COUNTS.sum(axis=0) / 300)
    given_base = {"Q1": {"A": 0.5, "C": 0.3, "B": 0.2}}
    given_file = study(survey, replace(PROTOCOL, base=given_base))["Q1"].finding
    assert given_file is not None
    np.testing.assert_allclose(given_file.flip.base, [0.5, 0.2, 0.3])
    np.testing.assert_allclose(
        given_file.flip.distance,
        sp.flip(
            question().population(), sampling=[0.5, 0.2, 0.3], margin=1e-5, floor=1e-5
        ).distance,
    )
    with pytest.raises(InputError, match="'base' must be shares of 'A', 'B', 'C' for Q1"):
        study(survey, replace(PROTOCOL, base={"Q1": {"A": 1.0}}))
    with pytest.raises(InputError, match="'base' must be 'uniform'"):
        Protocol(base="popular")


@pytest.mark.parametrize(
    ("settings_", "name"),
    [
        ({"n_replicates": 1}, "n_replicates"),
        ({"seed": -1}, "seed"),
        ({"level": 1.0}, "level"),
        ({"level": 0.0}, "level"),
        ({"method": "jackknife"}, "method"),
    ],
)
def test_bad_settings(settings_: dict[str, object], name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' must be"):
        Bootstrap(**settings_)  # type: ignore[arg-type]


def test_headline_intervals_are_those_of_the_replicates() -> None:
    result = study(read_starter("country"), bootstrap=Bootstrap(100, seed=4))
    draws = np.array(
        [r.finding.replicates.flip for r in result.results if r.finding and r.finding.replicates]
    )
    shares = np.isfinite(draws).mean(axis=0)
    medians = [np.median(column[np.isfinite(column)]) for column in draws.T]
    facts = result.summary()
    np.testing.assert_allclose(
        facts["share_flippable_interval"], np.quantile(shares, [0.025, 0.975])
    )
    np.testing.assert_allclose(
        facts["median_distance_interval"], np.quantile(medians, [0.025, 0.975])
    )


def test_processes_do_not_change_the_numbers() -> None:
    survey, bootstrap = read_starter("country"), Bootstrap(50, seed=6)
    alone = study(survey, bootstrap=bootstrap).to_frame()
    assert alone.equals(study(survey, bootstrap=bootstrap, n_jobs=2).to_frame())


@pytest.mark.slow
# The cluster's own shutdown leaves sockets to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_dask_cluster_does_not_change_the_numbers() -> None:
    from dask.distributed import Client, LocalCluster
    from joblib import parallel_config

    survey, bootstrap = read_starter("country"), Bootstrap(50, seed=6)
    alone = study(survey, bootstrap=bootstrap).to_frame()
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        parallel_config(backend="dask"),
    ):
        assert alone.equals(study(survey, bootstrap=bootstrap).to_frame())


def test_kept_replicates_are_used_and_bound_to_their_settings(tmp_path: Path) -> None:
    survey, bootstrap = read_starter("country"), Bootstrap(50, seed=7)
    fresh = study(survey, bootstrap=bootstrap).to_frame()
    assert fresh.equals(study(survey, bootstrap=bootstrap, keep=tmp_path).to_frame())
    files = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(files) == 8
    assert fresh.equals(study(survey, bootstrap=bootstrap, keep=tmp_path).to_frame())
    assert files == {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    study(survey, Protocol(smoothing=0.01), bootstrap, keep=tmp_path)
    assert len(list(tmp_path.iterdir())) == 16


# A run that is killed while it writes what it found about its sixth question.
KILLED = """
import os, signal, sys
import numpy as np
from socialpref.cli import main
from socialpref.inference import ReplicateWeights

write, written = np.savez, []

def savez(file, **arrays):
    write(file, **arrays)
    written.append(file)
    if len(written) == 6:
        os.kill(os.getpid(), signal.SIGKILL)

np.savez = savez
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_run_is_taken_up_again(tmp_path: Path) -> None:
    """A process killed in the middle loses no finished question, and the outcome is the same."""
    command = [
        "survey", "--groups", "party", "--bootstrap", "50", "--seed", "8", "--top", "0", "--out",
    ]  # fmt: skip
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main([*command, str(whole)]) == 0
    run = subprocess.run([sys.executable, "-c", KILLED, *command, str(broken)])
    assert run.returncode == -signal.SIGKILL
    kept = broken / "replicates"
    assert len(list(kept.glob("*.npz"))) == 5
    assert not (broken / "questions.csv").exists()
    assert main([*command, str(broken)]) == 0
    for name in ("questions.csv", "summary.json"):
        assert (whole / name).read_bytes() == (broken / name).read_bytes()
    assert not kept.exists()
    assert not list(broken.rglob(".writing-*"))

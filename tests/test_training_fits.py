"""Fits: against the exact limits and other optimisers; resumed, at once or alone; refused."""

from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from torch import Tensor

from socialpref import (
    DPO,
    AgreementOnly,
    ConvergenceError,
    CorrectedDPO,
    DataError,
    InputError,
    OutputError,
    Population,
    fit_bradley_terry,
    total_variation,
)
from socialpref.comparisons import Cells, Comparisons, expected_cells, simulate
from socialpref.examples import mediocre_winner, ring
from socialpref.limits import Limit
from socialpref.training import (
    MLP,
    Batch,
    Fit,
    Tabular,
    TrueJoint,
    agreement_only,
    corrected,
    dpo,
    fit_exact,
    fit_minibatch,
    learn,
)
from socialpref.training.exact import newton_step

from .helpers import Floats, populations, refuses

NEAR = 1e-7
"""The total variation that exact fits may be from exact limits."""


def table(*columns: Any, **more: Any) -> Comparisons:
    return Comparisons(*columns, **more)


CROWD = mediocre_winner()
ROWS = simulate(CROWD, 4000, seed=1)
APART = ROWS.cells(merged=False)
SEPARATED = table([0] * 4, [0, 0, 1, 2], [1, 2, 2, 1], [1, 1, 1, 1], 1, 3).cells()
SMALL: dict[str, Any] = {"n_prompts": 1, "n_options": 3, "batch_size": 64, "learning_rate": 0.01}


def check(fit: Fit, *limits: Limit) -> None:
    assert len(fit.policy) == len(limits)
    for policy, rewards, limit in zip(fit.policy, fit.rewards, limits, strict=True):
        assert total_variation(policy, limit.policy) <= NEAR
        np.testing.assert_allclose(rewards, limit.rewards, atol=1e-5)


# --- exact fits -----------------------------------------------------------------------


@settings(max_examples=10)
@given(populations(types=3, options=5), st.sampled_from([0.05, 0.3, 1.0, 4.0]), st.data())
def test_exact_fits_and_exact_limits(
    population: Population, beta: float, data: st.DataObject
) -> None:
    """DPO and agreement, with a reference and a pair design."""
    K = population.n_options
    raw = data.draw(st.lists(st.integers(1, 9), min_size=K * K + K, max_size=K * K + K))
    design = np.reshape(raw[K:], (K, K)).astype(float)
    reference = np.array(raw[:K]) / sum(raw[:K])
    options: dict[str, Any] = {"beta": beta, "reference": reference}
    design += design.T
    limit = DPO().limit(population, sampling=design, **options)
    check(fit_exact(expected_cells(population, sampling=design), **options), limit)
    even = Population(population.rewards, link=population.link)
    limit = AgreementOnly().limit(even, sampling=design, **options)
    panels = expected_cells(even, "panel", sampling=design)
    check(fit_exact(panels, agreement_only, **options), limit)


@pytest.mark.parametrize("form", ["F1", "F3"])
@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_corrected_fits_and_their_limits(form: Any, alpha: float) -> None:
    """From DPO's rewards, with alpha growing, as the limit is defined."""
    joint, cells = TrueJoint((CROWD,)), expected_cells(CROWD)
    fit = fit_exact(cells)
    for strength in np.linspace(0.0, alpha, 5)[1:]:
        fit = fit_exact(cells, corrected(strength, form=form), joint=joint, start=fit.rewards)
    check(fit, CorrectedDPO(alpha=alpha, form=form).limit(CROWD))


def test_every_prompt_has_a_fit_of_its_own() -> None:
    rng = np.random.default_rng(1)
    prompts = [Population(rng.normal(size=(2, 4))) for _ in range(3)]
    reference = rng.dirichlet(np.ones(4), size=3)
    fit = fit_exact(expected_cells(prompts), reference=reference, beta=0.5)
    limits = [
        DPO().limit(one, reference=base, beta=0.5)
        for one, base in zip(prompts, reference, strict=True)
    ]
    check(fit, *limits)
    unequal = Population(rng.normal(size=(2, 4)), [0.75, 0.25])
    panels = expected_cells(unequal, "panel", replicas=[3, 1])
    check(fit_exact(panels, agreement_only), AgreementOnly(replicas=[3, 1]).limit(unequal))


@pytest.mark.parametrize("beta", [1e-6, 0.05, 1.0, 10.0, 1e6])
def test_many_prompts_and_any_beta(beta: float) -> None:
    """With weights of 1 / 64,000 and scores of hundreds, derivatives must be small indeed."""
    prompts = ring()[::4]
    check(fit_exact(expected_cells(prompts), beta=beta), *DPO().limit(prompts, beta=beta))


def test_fits_to_data_are_bradley_terry_fits() -> None:
    cells = ROWS.cells()
    wins = np.array([*cells.wins, *cells.losses])
    pairs = np.concatenate([cells.first, cells.second]), np.concatenate([cells.second, cells.first])
    expected = fit_bradley_terry(*pairs, weights=wins)
    fit = fit_exact(cells)
    np.testing.assert_allclose(fit.rewards[0], expected.rewards, atol=NEAR)
    assert fit.residual <= 1e-9
    single = fit_exact(APART)
    np.testing.assert_allclose(single.policy, fit.policy, atol=NEAR)


def test_ridge_and_correction_against_another_optimiser() -> None:
    """The objective written again in numpy, and minimised from the same start by scipy."""
    cells, ridge, alpha = ROWS.cells(), 30.0, 1.0
    n, square = cells.total.sum(), CROWD.pairwise_twice()
    P = CROWD.pairwise()
    variance = (square - P**2)[cells.first, cells.second]

    def loss(scores: Floats) -> float:
        s = 1 / (1 + np.exp(-(scores[cells.first] - scores[cells.second])))
        bend = (1 - 2 * s) * variance / (2 * s * (1 - s))
        q = s + alpha * np.clip(bend, -0.1, 0.1)
        fit = -(cells.wins * np.log(q) + cells.losses * np.log(1 - q)).sum()
        return float(fit + ridge / 2 * (scores**2).sum()) / n

    fit = fit_exact(cells, corrected(alpha), joint=TrueJoint((CROWD,)), ridge=ridge)
    found = minimize(loss, np.zeros(3), method="L-BFGS-B", tol=1e-15, options={"gtol": 1e-10})
    np.testing.assert_allclose(fit.rewards[0], found.x - found.x.mean(), atol=1e-5)
    assert fit.loss == pytest.approx(found.fun, abs=1e-12)


def test_a_network_can_be_fitted_exactly() -> None:
    prompts = [CROWD, Population(-CROWD.rewards)]
    network = MLP(2, 3, (4,), seed=1)
    fit = fit_exact(expected_cells(prompts), policy=network, tolerance=1e-8)
    for policy, limit in zip(fit.policy, DPO().limit(prompts), strict=True):
        assert total_variation(policy, limit.policy) < 1e-6
    with torch.no_grad():  # trained in place
        scores = network(torch.arange(2)).softmax(1).numpy()
    np.testing.assert_allclose(scores, fit.policy, atol=1e-12)


def test_separated_data_need_a_ridge() -> None:
    with pytest.raises(ConvergenceError, match="'ridge'"):
        fit_exact(SEPARATED)
    fit = fit_exact(SEPARATED, ridge=1.0)
    assert fit.policy[0].argmax() == 0

    def squared(margin: Tensor, batch: Batch) -> Tensor:
        return ((margin - 2.0 * (batch.wins - 0.5)) ** 2).mean()

    assert fit_exact(SEPARATED, squared).rewards[0] == pytest.approx([2 / 3, -1 / 3, -1 / 3])


def test_losses_that_are_not_finite() -> None:
    def broken(margin: Tensor, batch: Batch) -> Tensor:
        return (margin / 0.0).sum() if margin.abs().sum() > 0 else (margin**2 + margin).mean()

    with pytest.raises(ConvergenceError, match=r"the loss is (nan|-?inf) at evaluation 2"):
        fit_exact(expected_cells(CROWD), broken)

    def steep(margin: Tensor, batch: Batch) -> Tensor:
        return torch.sqrt(margin.abs()).mean()  # 0 with an infinite or undefined slope

    with pytest.raises(ConvergenceError):
        fit_exact(expected_cells(CROWD), steep)
    with pytest.raises(ConvergenceError, match="a weight is not finite at step 0"):
        fit_minibatch([Tabular(1, 3)], APART, steep, steps=1, **SMALL)


# --- the rewards are right, not only the derivatives ------------------------------------


@settings(max_examples=8)
@given(st.lists(st.floats(-60, 60), min_size=2, max_size=5))
def test_one_type_is_recovered_however_far_apart(rewards: list[float]) -> None:
    """Probabilities of 1 - 1e-52 and weights over as many orders of magnitude."""
    fit = fit_exact(expected_cells(Population([rewards])))
    centred = np.array(rewards) - np.mean(rewards)
    size = max(1.0, float(np.abs(centred).max()))
    np.testing.assert_allclose(fit.rewards[0], centred, rtol=0, atol=1e-8 * size)


@pytest.mark.parametrize("form", ["F1", "F2", "F3"])
@pytest.mark.parametrize("far", [17.0, 33.0, 120.0])
def test_types_that_agree_are_recovered_by_corrected_dpo(far: float, form: Any) -> None:
    one = Population([[far, 0.0, 1.0]] * 2)
    fit = learn(CorrectedDPO(form=form), one)
    centred = one.rewards[0] - one.rewards[0].mean()
    np.testing.assert_allclose(fit.rewards[0], centred, rtol=0, atol=1e-8 * far)


@pytest.mark.parametrize("side", [0, 1])
def test_the_joint_likelihood_is_exact_on_both_sides(side: int) -> None:
    """Of a gap of 30 in either order ``E p (1 - p)`` is the same, to the last digits."""
    pair = Population([[30.0, 0.0]]) if side else Population([[0.0, 30.0]])
    splits = TrueJoint((pair,)).moments([0], [0], [1])[1]
    rare = np.exp(-30.0) / (1.0 + np.exp(-30.0))
    assert splits[0] == pytest.approx(rare * (1.0 - rare), rel=1e-14)


@settings(max_examples=20)
@given(
    st.lists(
        st.lists(st.floats(-20, 20), min_size=3, max_size=3), min_size=2, max_size=3
    )
)  # fmt: skip
def test_panels_recover_the_average_however_far_apart(rewards: list[list[float]]) -> None:
    fit = fit_exact(expected_cells(Population(rewards), "panel"), agreement_only)
    mean = np.mean(rewards, axis=0)
    size = max(1.0, float(np.abs(mean - mean.mean()).max()))
    np.testing.assert_allclose(fit.rewards[0], mean - mean.mean(), rtol=0, atol=1e-8 * size)


@pytest.mark.parametrize("far", [2.0, 40.0, 100.0])
def test_two_types_far_away_by_hand(far: float) -> None:
    """Of one pair the gap is the log-odds of the mean preference, from the rare losses."""
    pair = Population([[far, 0.0], [far + 2.0, 0.0]])
    lose = np.logaddexp(-np.logaddexp(0, far), -np.logaddexp(0, far + 2.0)) - np.log(2.0)
    fit = fit_exact(expected_cells(pair))
    gap = np.log1p(-np.exp(lose)) - lose
    np.testing.assert_allclose(fit.rewards[0], [gap / 2, -gap / 2], rtol=1e-8)


def test_gaps_that_floats_do_not_hold_are_refused() -> None:
    with pytest.raises(ConvergenceError, match="no finite optimum"):
        fit_exact(expected_cells(Population([[2000.0, 0.0]])))


@pytest.mark.parametrize("ridge", [1e-6, 1e-4, 1e-2, 1.0])
def test_a_prior_lets_sparse_votes_converge(ridge: float) -> None:
    """Options that never lose, and some that nobody compared; the gradient written again."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 12, (2, 40))
    rows = table(np.zeros(40, int), first, second, (first < second).astype(int), 1, 14)
    cells = rows.cells()
    fit = fit_exact(cells, n_prompts=1, n_options=14, ridge=ridge, tolerance=1e-12)
    h = fit.rewards[0]
    wrong = cells.wins / (1 + np.exp(h[cells.first] - h[cells.second]))
    wrong -= cells.losses / (1 + np.exp(h[cells.second] - h[cells.first]))
    pull = np.bincount(cells.first, wrong, 14) - np.bincount(cells.second, wrong, 14)
    np.testing.assert_allclose(h, pull / ridge, rtol=1e-6, atol=1e-9)


def test_a_prior_lets_a_table_of_sparse_votes_converge() -> None:
    """Eight statements that all voted on, and others that few did; one is always below."""
    rng = np.random.default_rng(0)
    seen = np.hstack([np.ones((40, 8), bool), rng.random((40, 12)) < 0.02])
    seen[:, -1], seen[0, -1] = False, True
    votes = np.where(seen, rng.choice([-1.0, 0.0, 1.0], seen.shape), np.nan)
    votes[0, -1] = -1.0
    columns = [f"s{i}" for i in range(20)]
    rows = Comparisons.from_votes(pd.DataFrame(votes, columns=columns), columns=columns)
    fit = learn(DPO(), rows, ridge=1e-4)
    assert fit.residual < 1e-9
    h, y, z = fit.rewards[0], rows.first, rows.second
    pushes = rows.label - 1.0 / (1.0 + np.exp(h[z] - h[y]))
    pull = np.bincount(y, pushes, len(h)) - np.bincount(z, pushes, len(h))
    np.testing.assert_allclose(1e-4 * h, pull, atol=1e-7)


def test_newton_steps_against_a_dense_solver() -> None:
    rng = np.random.default_rng(1)
    cells = expected_cells([Population(rng.normal(size=(2, 5))) for _ in range(3)])
    force, curvature = rng.normal(size=(2, len(cells.prompt)))
    curvature = np.abs(curvature)
    for ridge in (0.0, 0.3):
        rewards = rng.normal(size=(3, 5))
        step, convex = newton_step(rewards, force, curvature, cells, ridge)
        assert convex.all()
        for x in range(3):
            hessian, gradient = ridge * np.eye(5), ridge * rewards[x]
            for e in np.flatnonzero(cells.prompt == x):
                contrast = np.eye(5)[cells.first[e]] - np.eye(5)[cells.second[e]]
                hessian += curvature[e] * np.outer(contrast, contrast)
                gradient = gradient + force[e] * contrast
            expected = -np.linalg.pinv(hessian) @ gradient
            found = step[x] if ridge else step[x] - step[x].mean()
            np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize(
    ("gaps", "alpha", "ridge", "edge", "away"),
    [
        ((1.7, -2.45), 2.0, 0.45, 0.101, 3e-6),
        ((-1.08, 3.61), 3.0, 0.11, 0.099, -3e-6),
        ((1.28, -1.71), 3.0, 0.05, 0.099, 3e-6),
        ((3.89, -3.33), 2.0, 0.09, 0.099, -3e-6),
        ((-1.33, 2.13), 3.0, 0.20, 0.099, -3e-6),
    ],
)
def test_minima_next_to_the_ends_of_a_rounded_corner(
    gaps: tuple[float, float], alpha: float, ridge: float, edge: float, away: float
) -> None:
    """Curvature jumps there. The share of wins puts the minimum at a margin chosen before."""
    pair = Population([[gap, 0.0] for gap in gaps])
    variance = float((pair.pairwise_twice() - pair.pairwise() ** 2)[0, 1])

    def bend(h: float) -> float:
        return variance * (2.0 / (1.0 + np.exp(-h)) - 1.0) * (1.0 + np.cosh(h))

    h = float(brentq(lambda m: bend(m) - edge, 0.0, 8.0)) + away
    s = 1.0 / (1.0 + np.exp(-h))
    u, b = s * (1.0 - s), bend(h)
    part = min(max((0.101 - b) / 0.002, 0.0), 1.0)  # of the correction's slope
    q = s - alpha * (b if part == 1.0 else 0.1 - 0.001 * part**2)
    slope = u - alpha * part * variance * (1.0 + (1.0 - 2.0 * s) ** 2 / (2.0 * u))
    share = q + ridge * h / 2.0 * q * (1.0 - q) / slope
    one = np.array([0]), np.array([0]), np.array([1])
    cells = Cells(*one, np.array([share]), np.array([1.0 - share]), np.array([1.0]), 1)
    options: dict[str, Any] = {"joint": TrueJoint((pair,)), "ridge": ridge}
    near = [[h / 2.0 + 0.01, -h / 2.0 - 0.01]]
    fit = fit_exact(cells, corrected(alpha, rounding=0.001), start=near, **options)
    assert fit.rewards[0] == pytest.approx([h / 2.0, -h / 2.0], abs=1e-9)


def test_a_saddle_is_left() -> None:
    """All derivatives vanish at the start; the minima are at margins of 1 and -1."""
    cells = expected_cells(Population([[1.0, 0.0]]))
    fit = fit_exact(cells, lambda m, b: ((m**2 - 1.0) ** 2).sum())
    assert abs(fit.rewards[0]) == pytest.approx([0.5, 0.5], abs=1e-9)


def test_minima_that_are_none() -> None:
    cells = expected_cells(CROWD)
    for objective, message in (
        (lambda m, b: (b.wins * torch.sigmoid(-m) + b.losses * torch.sigmoid(m)).sum(), "run away"),
        (lambda m, b: (b.wins * torch.relu(1 - m) + b.losses * torch.relu(1 + m)).sum(), "kink"),
        (lambda m, b: (0.0 * m).sum(), "flat"),
        (lambda m, b: -((m - 0.1) ** 2).sum(), "run away"),
    ):
        with pytest.raises(ConvergenceError, match=message):
            fit_exact(cells, objective)
    with refuses("objective"):
        fit_exact(cells, lambda m, b: torch.ones(()))


# --- minibatches ----------------------------------------------------------------------


def test_minibatches_come_near_the_exact_fit() -> None:
    exact = fit_exact(ROWS.cells())
    options = {**SMALL, "batch_size": 500}
    (fit,) = fit_minibatch([Tabular(1, 3)], APART, steps=500, **options)
    assert total_variation(fit.policy[0], exact.policy[0]) < 0.005
    assert fit.loss == pytest.approx(exact.loss, abs=1e-3)
    assert fit.iterations == 500


def test_several_at_once_and_alone() -> None:
    """The first of several goes through the shuffle that it goes through alone."""
    joint = TrueJoint((CROWD,))
    both = fit_minibatch(
        [MLP(1, 3, seed=0), MLP(1, 3, seed=1)], APART, corrected(torch.tensor([[0.5], [2.0]])),
        joint=joint, steps=100, **SMALL,
    )  # fmt: skip
    (alone,) = fit_minibatch(
        [MLP(1, 3, seed=0)], APART, corrected(0.5), joint=joint, steps=100, **SMALL
    )
    np.testing.assert_allclose(both[0].policy, alone.policy, atol=1e-4)
    assert np.abs(both[0].policy - both[1].policy).max() > 1e-3


def test_each_policy_can_have_data_of_its_own() -> None:
    other = simulate(Population(-CROWD.rewards), 1000, seed=2).cells(merged=False)
    fits = fit_minibatch([Tabular(1, 3), Tabular(1, 3)], [APART, other], steps=300, **SMALL)
    assert [int(fit.policy[0].argmax()) for fit in fits] == [1, int(fits[1].policy[0].argmax())]
    assert fits[1].policy[0].argmin() == 1


def interrupted(at: int) -> Any:
    calls = 0

    @wraps(dpo)  # the same objective, as far as its checkpoint knows
    def objective(margin: Tensor, batch: Batch) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > at:
            raise KeyboardInterrupt
        return dpo(margin, batch)

    return objective


def test_a_break_changes_nothing(tmp_path: Path) -> None:
    def train(objective: Any, path: Path | None) -> tuple[Fit, ...]:
        policies = [MLP(1, 3, seed=s) for s in range(2)]
        return fit_minibatch(
            policies, APART, objective, steps=130, checkpoint=path, save_every=20, **SMALL
        )

    whole, path = train(dpo, None), tmp_path / "new" / "state.pt"
    for broken_at in (47, 30):  # after the second checkpoint, then after the third
        with pytest.raises(KeyboardInterrupt):
            train(interrupted(broken_at), path)
    resumed = train(dpo, path)
    assert [p.name for p in path.parent.iterdir()] == ["state.pt"]
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one.policy, other.policy)
        assert one.loss == other.loss
    again = train(interrupted(0), path)  # finished: not a step is made
    np.testing.assert_array_equal(again[0].policy, whole[0].policy)


def test_checkpoints_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"

    def train(policy: Any = None, cells: Cells = APART, steps: int = 4, **more: Any) -> None:
        fit_minibatch([policy or MLP(1, 3)], cells, steps=steps, checkpoint=path,
                      **{**SMALL, **more})  # fmt: skip

    train()
    with refuses("steps"):
        train(steps=2)
    train(steps=6)
    other = simulate(CROWD, 4000, seed=9).cells(merged=False)
    for change in (
        {"policy": MLP(1, 3, seed=5)},
        {"policy": MLP(1, 3, (7,))},
        {"policy": Tabular(1, 3)},
        {"cells": other},
        {"seed": 1},
        {"beta": 2.0},
        {"learning_rate": 0.1},
        {"batch_size": 32},
    ):
        with pytest.raises(DataError, match="another training"):
            train(**change)
    saved = path.read_bytes()
    for garbage in (b"", b"no", saved[: len(saved) // 2], bytes(range(256)), b"\x80\x04."):
        path.write_bytes(garbage)
        with pytest.raises(DataError, match="not a checkpoint"):
            train()
    torch.save([1, 2], path)
    with pytest.raises(DataError, match="another training"):
        train()
    path.unlink()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        fit_minibatch([MLP(1, 3)], APART, steps=1, checkpoint=tmp_path / "file" / "x", **SMALL)


def test_the_last_good_checkpoint_is_kept(tmp_path: Path) -> None:
    path, calls = tmp_path / "state.pt", 0

    @wraps(dpo)  # the same objective, as far as its checkpoint knows
    def breaks(margin: Tensor, batch: Batch) -> Tensor:
        nonlocal calls
        calls += 1
        return dpo(margin, batch) * (float("nan") if calls == 26 else 1.0)

    policies = [MLP(1, 3)]
    with pytest.raises(ConvergenceError, match=r"nan at step 25; .*state.pt holds the last good"):
        fit_minibatch(policies, APART, breaks, steps=40, checkpoint=path, save_every=10, **SMALL)
    assert torch.load(path)["step"] == 20
    fits = [
        fit_minibatch([MLP(1, 3)], APART, steps=40, checkpoint=at, save_every=10, **SMALL)[0]
        for at in (path, None)
    ]
    np.testing.assert_array_equal(fits[0].policy, fits[1].policy)


def test_objectives_change_at_their_steps() -> None:
    seen: list[str] = []

    def noted(name: str) -> Any:
        def objective(margin: Tensor, batch: Batch) -> Tensor:
            seen.append(name)
            return dpo(margin, batch)

        return objective

    schedule = {0: noted("a"), 5: noted("c"), 3: noted("b")}
    fit_minibatch([Tabular(1, 3)], APART, schedule, steps=7, **SMALL)
    assert "".join(seen) == "aaabbcc"


def test_every_example_is_seen_once_in_every_shuffle() -> None:
    rows = table([0] * 5, [0, 0, 1, 1, 2], [1, 2, 2, 0, 0], [1] * 5, 1, 3).cells(merged=False)
    seen: list[list[float]] = []

    def objective(margin: Tensor, batch: Batch) -> Tensor:
        seen.append((margin.detach() * 1000).round().flatten().tolist())
        return 0.0 * margin.sum()

    policy = Tabular(1, 3)
    policy.scores.data = torch.tensor([[0.0, 1.0, 5.0]], dtype=torch.float64)
    fit_minibatch([policy], rows, objective, n_prompts=1, n_options=3, steps=10, batch_size=7)
    drawn = np.concatenate(seen).reshape(-1, 5)
    assert (np.sort(drawn) == np.sort(drawn[0])).all()
    assert len({tuple(shuffle) for shuffle in drawn.tolist()}) > 3


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"beta": 0.0}, "beta"),
        ({"beta": -1.0}, "beta"),
        ({"ridge": -1.0}, "ridge"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"reference": [0.5, 0.5]}, "reference"),
        ({"reference": [1.0, 0.0, 0.0]}, "reference"),
        ({"reference": [0.5, 0.4, 0.2]}, "reference"),
        ({"start": [[0.0, 0.0]]}, "start"),
        ({"start": [[0.0, 0.0, np.nan]]}, "start"),
        ({"start": [[0.0, 0.0, 0.0]], "policy": MLP(1, 3)}, "start"),
        ({"n_options": 2}, "n_options"),
        ({"policy": Tabular(1, 4)}, "policy"),
        ({"objective": corrected(1.0)}, "joint"),
        ({"cells": expected_cells(CROWD, "panel")}, "cells"),
        ({"cells": ROWS}, "cells"),
        ({"cells": None}, "cells"),
        ({"objective": "dpo"}, "objective"),
        ({"policy": "table"}, "policy"),
        ({"joint": "true", "objective": corrected(1.0)}, "joint"),
        ({"joint": TrueJoint((Population([[0, 1]]),)), "objective": corrected(1.0)}, "second"),
        ({"n_prompts": 1.0}, "n_prompts"),
        ({"n_prompts": True}, "n_prompts"),
        ({"n_options": "3"}, "n_options"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"beta": "1"}, "beta"),
        ({"ridge": None}, "ridge"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"device": "abacus"}, "device"),
    ],
)
def test_bad_exact_fits(options: dict[str, Any], argument: str) -> None:
    with refuses(argument):
        fit_exact(**{"cells": expected_cells(CROWD), **options})


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"policies": []}, "policies"),
        ({"policies": [Tabular(1, 3), MLP(1, 3)]}, "policies"),
        ({"policies": [MLP(1, 3, (2,)), MLP(1, 3)]}, "policies"),
        ({"policies": [MLP(1, 4)]}, "policy"),
        ({"cells": [APART, APART]}, "cells"),
        ({"joint": [TrueJoint((CROWD,))] * 2}, "joint"),
        ({"objective": {}}, "objective"),
        ({"objective": {1: dpo}}, "objective"),
        ({"objective": {-1: dpo, 0: dpo}}, "objective"),
        ({"n_options": 2}, "n_options"),
        ({"steps": 0}, "steps"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"save_every": -1}, "save_every"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"beta": 0.0}, "beta"),
        ({"reference": [1.0, 0.0, 0.0]}, "reference"),
        ({"policies": 3}, "policies"),
        ({"policies": ["table"]}, "policies"),
        ({"cells": 3}, "cells"),
        ({"steps": True}, "steps"),
        ({"n_prompts": 1.0}, "n_prompts"),
        ({"seed": -1}, "seed"),
        ({"device": "abacus"}, "device"),
    ],
)
def test_bad_minibatches(options: dict[str, Any], argument: str) -> None:
    with refuses(argument):
        fit_minibatch(**{"policies": [MLP(1, 3)], "cells": APART, "steps": 3, **SMALL, **options})


def test_bad_networks() -> None:
    for sizes in ((0, 3), (1, 0), (1.5, 3)):
        with pytest.raises(ValueError, match="an integer of at least 1"):
            Tabular(*sizes)
        with pytest.raises(ValueError, match="an integer of at least 1"):
            MLP(*sizes)
    with pytest.raises(ValueError, match="hidden"):
        MLP(1, 3, (4, 0))


def test_a_seed_gives_a_network_and_leaves_torch_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one, same, other = MLP(2, 3, seed=4), MLP(2, 3, seed=4), MLP(2, 3, seed=5)
    np.testing.assert_array_equal(torch.rand(2), expected)
    where = torch.arange(2)
    assert torch.equal(one(where), same(where))
    assert not torch.equal(one(where), other(where))


def test_options_that_are_never_compared_need_a_ridge() -> None:
    """Two pairs with no comparison between them, and a prompt without any."""
    rows = Comparisons(
        prompt=np.zeros(8, dtype=int),
        first=np.array([0, 0, 0, 0, 2, 2, 2, 2]),
        second=np.array([1, 1, 1, 1, 3, 3, 3, 3]),
        label=np.array([1, 1, 0, 1, 0, 0, 0, 1]),
        n_prompts=2,
        n_options=4,
    )
    with pytest.raises(InputError, match=r"'cells' must let .* 2 of 2 prompts"):
        fit_exact(rows.cells(), n_prompts=2, n_options=4)
    with_ridge = fit_exact(rows.cells(), n_prompts=2, n_options=4, ridge=0.1)
    assert with_ridge.rewards[1] == pytest.approx(np.zeros(4))


def test_a_checkpoint_tells_objectives_apart(tmp_path: Path) -> None:
    cells = simulate(mediocre_winner(), 3000, "linked").cells(merged=False)
    kept = tmp_path / "state.pt"

    def run(alpha: float) -> None:
        fit_minibatch(
            [MLP(1, 3)], cells, corrected(alpha), joint=TrueJoint((mediocre_winner(),)),
            n_prompts=1, n_options=3, steps=5, batch_size=64, checkpoint=kept,
        )  # fmt: skip

    run(1.0)
    run(1.0)
    with pytest.raises(DataError, match="another training"):
        run(2.0)


def test_strengths_below_zero_are_refused() -> None:
    with refuses("alpha"):
        corrected(-1.0)

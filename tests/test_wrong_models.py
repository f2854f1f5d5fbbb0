"""Wrong links, wrong types and random panels: the numbers of the page, and independent ones."""

import math
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from analyses import wrong_models as study
from socialpref import DPO, AgreementOnly, Logistic, Population, Probit, RewardAveraging
from socialpref.comparisons import Comparisons, expected_cells, simulate
from socialpref.comparisons.counts import Cells
from socialpref.errors import ConvergenceError
from socialpref.examples import mediocre_winner
from socialpref.limits import Method
from socialpref.links import LogisticWithLapses, Scaled
from socialpref.theory import dpo_bias_bound, most_biased_pair
from socialpref.training import agreement_only, fit_exact, learn
from socialpref.training.losses import agreement, unanimous

from .helpers import Floats, refuses

PAGE = (Path(__file__).parent.parent / "docs" / "when-the-model-is-wrong.md").read_text()
REWARDS = mediocre_winner().rewards
P = 1 / (1 + np.exp(-(REWARDS[:, :, None] - REWARDS[:, None, :])))
"""Each type's preferences, (T, K, K)."""
PAIRS = ((0, 1), (0, 2), (1, 2))


def rms_bias(log_odds: Floats) -> float:
    """Return the root mean square, over pairs, of gaps less those of the average reward."""
    means = REWARDS.mean(axis=0)
    bias = [log_odds[y, z] - (means[y] - means[z]) for y, z in PAIRS]
    return math.sqrt(np.mean(np.square(bias)))


def panels(labels: list[int], types: list[int] | None, size: int) -> Comparisons:
    """Return panels of one pair of options."""
    zeros = np.zeros(len(labels), dtype=int)
    return Comparisons(
        zeros,
        zeros,
        zeros + 1,
        np.array(labels, dtype=float),
        1,
        2,
        annotator_type=None if types is None else np.array(types),
        panel=np.arange(len(labels)) // size,
    )


# --- the page ---------------------------------------------------------------------------


def test_the_tables_of_links_and_of_types() -> None:
    for row in (*study.link_rows(), *study.type_rows()):
        assert row in PAGE, row


@pytest.mark.slow
def test_the_table_of_classes() -> None:
    for row in study.class_rows():
        assert row in PAGE, row


# --- wrong links ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "gaps"),
    [
        (Logistic(), (-0.1283, 1 / 6, 1 / 6)),
        (Probit(1.702), (-0.0954, 0.2655, 0.2971)),
        (LogisticWithLapses(0.05), (-0.1154, 0.0320, -0.0002)),
        (LogisticWithLapses(0.1), (-0.1026, -0.0213, -0.0479)),
    ],
    ids=repr,
)
def test_published_gaps_under_other_links(link: Scaled, gaps: tuple[float, float, float]) -> None:
    crowd = Population(REWARDS, link=link)
    methods: tuple[Method, ...] = (DPO(), AgreementOnly(), RewardAveraging())
    for method, right in zip(methods, gaps, strict=True):
        rewards = method.limit(crowd).rewards
        assert rewards[0] - rewards[1] == pytest.approx(right, abs=5.1e-5)
        assert rewards[2] - rewards[1] == pytest.approx(right, abs=5.1e-5)


def test_published_costs_of_lapses() -> None:
    corrected, models = study.lapse_costs(0.05)
    assert corrected == pytest.approx(163.5, abs=0.05)
    assert models == pytest.approx(68.6, abs=0.05)
    assert f"{corrected:.1f}" in PAGE
    assert f"{models:.1f}" in PAGE
    _, without = study.lapse_costs(0.0)
    assert without == pytest.approx(30.0765, abs=5e-5)
    agreeing, _ = study.lapse_costs(0.0)
    assert agreeing == pytest.approx(56.6623, abs=5e-5)


@pytest.mark.slow
def test_the_cost_of_the_corrected_loss_by_simulation() -> None:
    """The mean square error of 300 samples of 10,000 panels of different options."""
    crowd = Population(REWARDS, link=LogisticWithLapses(0.05))
    pairs = np.full((3, 3), 1 / 6) - np.eye(3) / 6
    squares = []
    for seed in range(300):
        rows = simulate(crowd, 30_000, "panel", sampling=pairs, seed=seed)
        h = learn(AgreementOnly(lapse=0.05), rows).rewards[0] - crowd.mean_rewards()
        squares.append(np.mean([(h[y] - h[z]) ** 2 for y, z in PAIRS]))
    expected = study.lapse_costs(0.05)[0] / 30_000
    error = np.std(squares) / math.sqrt(len(squares))
    assert np.mean(squares) == pytest.approx(expected, abs=4 * error)
    assert error < expected / 10


# --- the corrected loss, trained --------------------------------------------------------


def test_some_empirical_weights_are_negative() -> None:
    """Of labels 1, 1, 0 at g = 0.05: 0.95 * 0.95 * -0.05, and 0.05 * 0.05 * 0.95."""
    import torch

    labels = torch.tensor([[1, 1, 0], [1, 1, 1]], dtype=torch.float64)
    wins, losses = unanimous(labels, lapse=0.05)
    np.testing.assert_allclose(wins, [-0.045125, 0.857375], rtol=1e-12)
    np.testing.assert_allclose(losses, [0.002375, -0.000125], rtol=1e-12)
    margin = torch.tensor([0.2, -0.1], dtype=torch.float64)
    by_hand = [
        -w * math.log(1 / (1 + math.exp(-3 * m))) - v * math.log(1 / (1 + math.exp(3 * m)))
        for w, v, m in zip(wins.tolist(), losses.tolist(), margin.tolist(), strict=True)
    ]
    assert float(agreement(margin, wins, losses, 3)) == pytest.approx(np.mean(by_hand))
    rows = panels([1, 1, 0], [0, 1, 2], 3)
    cells = rows.unanimous_cells(lapse=0.05)
    np.testing.assert_allclose([cells.wins[0], cells.losses[0]], [-0.045125, 0.002375])
    with pytest.raises(ConvergenceError, match="1 of 1 pairs count negatively"):
        learn(AgreementOnly(lapse=0.05), rows)
    with refuses("lapse"):
        unanimous(labels, lapse=0.5)
    with refuses("lapse"):
        rows.unanimous_cells(lapse=-0.1)
    with refuses("lapse"):
        expected_cells(mediocre_winner(), "panel", lapse=1.0)


def test_training_ends_at_the_limit() -> None:
    crowd = Population(REWARDS, link=LogisticWithLapses(0.05))
    for lapse in (0.02, 0.05):
        method = AgreementOnly(lapse=lapse)
        right = method.limit(crowd).rewards
        np.testing.assert_allclose(learn(method, crowd).rewards[0], right, atol=1e-8)


# --- wrong types ------------------------------------------------------------------------


@pytest.mark.parametrize("m", [2, 3, 5, 9])
def test_panels_of_anybody_have_dpos_target(m: int) -> None:
    """All panels are listed: members of any type, and the labels they agree on."""
    members = np.array(list(product(range(3), repeat=m)))
    wins = P[members].prod(axis=1).mean(axis=0)
    log_odds = np.log(wins / wins.T) / m
    np.testing.assert_allclose(log_odds, np.log(P.mean(axis=0) / (1 - P.mean(axis=0))), atol=1e-12)
    assert rms_bias(log_odds) == pytest.approx(0.2408, abs=5e-5)
    y, z = (np.array(side) for side in zip(*PAIRS, strict=True))
    cells = Cells(0 * y, y, z, wins[y, z], wins[z, y], np.ones(3), m)
    fit = fit_exact(cells, agreement_only).rewards[0]
    np.testing.assert_allclose(fit, DPO().limit(mediocre_winner()).rewards, atol=1e-8)


@pytest.mark.parametrize(("m", "right"), [(1, 0.2408), (2, 0.2738), (3, 0.0)])
def test_published_biases_of_some_of_the_types(m: int, right: float) -> None:
    wins = np.mean([P[list(some)].prod(axis=0) for some in combinations(range(3), m)], axis=0)
    log_odds = np.log(wins / wins.T) / m
    assert rms_bias(log_odds) == pytest.approx(right, abs=5e-5)
    assert study.some_types_gap(m) == pytest.approx(log_odds[0, 1], abs=1e-9)  # by symmetry


def test_types_merged_by_hand() -> None:
    """Types 1 and 3 mirror each other: every fit has the same gap of A and C to M."""
    both = (P[0] + P[2]) / 2
    logit = math.log(both[0, 1] / both[1, 0])
    panels, models = study.merged_gaps((0, 2), 1)
    assert panels == pytest.approx((2 * logit - 1.5) / 3)
    assert models == pytest.approx((2 * logit - 1.5) / 3)


# --- panels that are read ---------------------------------------------------------------


@pytest.mark.parametrize("types", [None, [0, 1, 0, -1]])
def test_panels_without_types_are_warned_of(types: list[int] | None) -> None:
    with pytest.warns(UserWarning, match="one annotator of each type"):
        panels([1, 1, 1, 0], types, 2).unanimous_cells()
    known = panels([1, 1, 1, 0], [0, 1, 1, 0], 2)
    assert known.unanimous_cells().wins.tolist() == [1.0]


# --- DPO's largest bias -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "right"), [(1, 0.03923), (2, 0.26770), (4, 1.36952), (6, 2.93827)]
)
def test_two_types_attain_dpos_largest_bias(bound: float, right: float) -> None:
    pair = most_biased_pair(bound)
    (low, high), (w, v) = pair.rewards[:, 0] - pair.rewards[:, 1], pair.shares
    assert low == -bound
    assert abs(high) < bound
    p = w / (1 + math.exp(-low)) + v / (1 + math.exp(-high))
    bias = math.log(p / (1 - p)) - (w * low + v * high)
    assert bias == pytest.approx(right, abs=5e-6)
    assert bias == pytest.approx(dpo_bias_bound(bound), abs=1e-12)
    with refuses("bound"):
        most_biased_pair(0.0)

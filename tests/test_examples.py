"""The worked populations, against the theory's numbers and a second construction of the ring."""

import numpy as np
import pytest

from socialpref import DPO, nbc, optimal_policy
from socialpref.examples import mediocre_winner, ring, two_camps

from .helpers import printed, refuses


def test_the_mediocre_winner() -> None:
    crowd = mediocre_winner()
    assert crowd.options == ("A", "M", "B")
    assert crowd.pairwise()[1, 0] == printed(0.53202, 5)
    assert nbc(crowd) == printed([0.48933, 0.52135, 0.48933], 5)
    assert optimal_policy(crowd).policy == printed([0.35131, 0.29738, 0.35131], 5)


def test_two_camps() -> None:
    assert nbc(two_camps()) == printed([0.58511, 0.35361, 0.56128], 5)
    assert two_camps().mean_rewards() == pytest.approx([0, -1.5, 1], abs=1e-15)


def test_the_ring() -> None:
    states = ring()
    assert len(states) == 40
    for x, population in enumerate(states):
        assert population.rewards.shape == (3, 40)
        for u, (shift, c, k) in enumerate(((-10, 4.0, 0.075), (0, 1.5, 0.1), (10, 4.0, 0.075))):
            for action in range(40):
                delta = (action - x + 20) % 40 - 20
                apart = min(abs(delta - shift), 40 - abs(delta - shift))
                reward = c * max(0.0, 1.0 - k * apart)
                assert population.rewards[u, action] == pytest.approx(reward, abs=1e-14)
    mean = states[7].mean_rewards()
    assert mean[[7, 17, 37]] == pytest.approx([7 / 6, 4 / 3, 4 / 3])
    assert nbc(states[0])[[0, 10, 30, 20]] == printed([0.551157, 0.524733, 0.524733, 0.440878], 6)
    assert DPO().limit(states[3]).policy[3] == printed(0.030425, 6)


@pytest.mark.parametrize("size", [4, 8, 80])
def test_rings_of_other_sizes_turn_with_the_state(size: int) -> None:
    states = ring(size)
    assert len(states) == size
    for x, population in enumerate(states):
        rolled = np.roll(states[0].rewards, x, axis=1)
        np.testing.assert_allclose(population.rewards, rolled, atol=1e-14)
    peaks = states[0].rewards.argmax(axis=1)
    assert peaks.tolist() == [3 * size // 4, 0, size // 4]
    if size == 8:  # every fifth place of the paper's ring
        np.testing.assert_allclose(states[0].rewards, ring()[0].rewards[:, ::5])


def test_rings_that_cannot_be() -> None:
    for size in (0, -4, 2, 6, 40.0, "40", None):
        with refuses("size"):
            ring(size)  # type: ignore[arg-type]

"""Temperature: from ordinal Borda to the average reward, and where options swap."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialpref import Link, Logistic, Population, Probit, nbc, ranking
from socialpref.examples import mediocre_winner
from socialpref.rules import borda
from socialpref.theory import at_temperature, crossing_temperatures, nbc_by_temperature

from .helpers import populations, refuses


def test_the_mediocre_winner_is_overtaken() -> None:
    crowd = mediocre_winner()
    found = crossing_temperatures(crowd, "A", "M")
    assert found.residuals[0] <= 1e-12
    (tau,) = found.temperatures
    assert tau == pytest.approx(1.64241, abs=5e-6)
    # Below, M is first; above, A and B are. Rewards divided by tau say the same.
    for factor, first in ((0.999, (1,)), (1.001, (0, 2))):
        scores = nbc(Population(crowd.rewards / (tau * factor)))
        assert ranking(scores).winners == first
        np.testing.assert_allclose(nbc(at_temperature(crowd, tau * factor)), scores, atol=1e-15)
    # A and B are level at every temperature: that is no swap.
    assert crossing_temperatures(crowd, "A", "B").temperatures == ()


@given(populations(types=3, options=5, links=(Logistic(), Probit())), st.data())
def test_at_low_temperature_nbc_is_ordinal_borda(
    population: Population, data: st.DataObject
) -> None:
    size = population.n_options
    d = np.array(data.draw(st.lists(st.integers(1, 9), min_size=size, max_size=size)), dtype=float)
    d /= d.sum()
    # Drawn rewards differ by 1/8 at least.
    (scores,) = nbc_by_temperature(population, [1 / 8 / 40], d)
    np.testing.assert_allclose(scores, borda(population, d), atol=1e-15)


@given(populations(types=3, options=5, links=(Logistic(), Probit())), st.data())
def test_at_high_temperature_nbc_orders_as_the_average_reward(
    population: Population, data: st.DataObject
) -> None:
    size = population.n_options
    d = np.array(data.draw(st.lists(st.integers(1, 9), min_size=size, max_size=size)), dtype=float)
    d /= d.sum()
    tau = 1e4
    (scores,) = nbc_by_temperature(population, [tau], d)
    slope = 0.25 if isinstance(population.link, Logistic) else 1 / np.sqrt(2 * np.pi)
    means = population.mean_rewards()
    expected = slope * (means - d @ means)
    # The next term of the link is cubic: |x|^3 / 48 or less than |x|^3 / 15, and |x| <= 4 / tau.
    np.testing.assert_allclose(tau * (scores - 0.5), expected, atol=4**3 / 15 / tau**2 + 1e-11)
    assert ranking(scores, tolerance=1e-9) == ranking(means, tolerance=1e-6)


@settings(max_examples=20)
@given(populations(types=3, options=4, links=(Logistic(),)))
def test_swaps_are_all_that_happens_between_them(population: Population) -> None:
    found = crossing_temperatures(population, 0, 1, low=0.1, high=10)
    edges = [0.1, *found.temperatures, 10.0]
    signs: list[float] = []
    for low, high in pairwise(edges):
        inside = np.geomspace(low, high, 7)[1:-1]
        gaps = nbc_by_temperature(population, inside) @ np.eye(population.n_options, 2) @ [1, -1]
        seen = set(np.sign(gaps[np.abs(gaps) > 1e-9]))
        assert len(seen) <= 1
        signs.extend(seen)
    assert all(x != y for x, y in pairwise(signs))


def test_another_link_has_no_temperature() -> None:
    class Step:
        def __call__(self, gap: Any) -> Any:
            return (1 + np.sign(gap)) / 2

    link: Link = Step()
    with refuses("temperature"):
        at_temperature(Population([[1, 0]], link=link), 1.0)


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (("A", "A"), {}, "b"),
        (("A", 9), {}, "option"),
        (("A", "M"), {"low": 0.0}, "low"),
        (("A", "M"), {"low": 2.0, "high": 1.0}, "high"),
        (("A", "M"), {"sampling": [1.0]}, "sampling"),
    ],
)
def test_bad_input(arguments: Any, options: Any, named: str) -> None:
    with refuses(named):
        crossing_temperatures(mediocre_winner(), *arguments, **options)


def test_bad_temperatures() -> None:
    for value in (0.0, -1.0, np.nan):
        with refuses("temperature"):
            at_temperature(mediocre_winner(), value)
    with refuses("temperatures"):
        nbc_by_temperature(mediocre_winner(), [[1.0]])

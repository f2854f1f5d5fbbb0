"""Many flips at once: the same distances as one at a time, ties, infinities, and other sizes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialpref import (
    AverageRewardOrder,
    Draws,
    InputError,
    Order,
    Pair,
    Population,
    Probit,
    TopK,
    Winner,
    flip,
    flip_distances,
)
from socialpref.flips.targets import Target
from tests.helpers import refuses

INF, NAN = math.inf, math.nan
CAMPS = Population([[0, -1, -2], [0, -2, 4]], options=["A", "B", "C"])
WAYS: list[dict[str, Any]] = [
    {"over": "sampling"},
    {"over": "shares"},
    {"over": "shares", "score": "average reward"},
]
TARGETS = [None, Winner(), TopK(1), Pair(0, over=1), Pair(1, over=0)]


@st.composite
def crowds(draw: st.DrawFn, size: tuple[int, int] | None = None) -> Population:
    """Draw a population, of whole rewards half of the time: then it has ties."""
    n_types, n_options = size or (draw(st.integers(1, 4)), draw(st.integers(2, 5)))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    rewards = rng.normal(0, 2, (n_types, n_options))
    shares = rng.dirichlet(np.ones(n_types))
    if draw(st.booleans()):
        rewards, shares = np.round(rewards / 2), np.full(n_types, 1 / n_types)
    return Population(rewards, shares, link=Probit() if draw(st.booleans()) else CAMPS.link)


def one_at_a_time(crowd: Population, to: Target | None, limits: dict[str, Any]) -> float:
    """Return the distance by `flip`; of a pair in the order asked for, by a convex program."""
    try:
        return flip(crowd, to, **limits).distance
    except InputError as error:
        if isinstance(to, TopK):
            assert "no tie straddles" in str(error)  # noqa: PT017 - one of two that are meant
            return NAN
        assert isinstance(to, Pair)
        return flip(crowd, [to], **limits).distance


def agree(found: np.ndarray, crowds: Sequence[Population], to: Any, each: Any, **way: Any) -> None:
    """Check distances against those of every population alone, with its sampling."""
    limits = [way if one is None else way | {"sampling": one} for one in each]
    wanted = [one_at_a_time(one, to, own) for one, own in zip(crowds, limits, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("to", TARGETS)
@given(st.data())
@settings(max_examples=8, deadline=None)
def test_populations_at_once_are_each_alone(
    to: Target | None, way: dict[str, Any], data: st.DataObject
) -> None:
    many = data.draw(st.lists(crowds(), min_size=1, max_size=4))
    each: list[Any] = [None] * len(many)
    own: dict[str, Any] = {}
    if way.get("score") is None and data.draw(st.booleans()):
        rng = np.random.default_rng(0)
        each = [rng.dirichlet(np.ones(one.n_options)) for one in many]
        own = {"sampling": each}
    floor = data.draw(st.sampled_from([0.0, 1e-5, 0.02]))
    margin = data.draw(st.sampled_from([0.0, 0.01]))
    limits = way | {"margin": margin, "floor": floor}
    agree(flip_distances(many, to, **limits, **own), many, to, each, **limits)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("to", [*TARGETS, TopK(2)])
def test_draws_at_once_are_each_alone(to: Target | None, way: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    rewards = rng.normal(0, 1.5, (12, 3, 4))
    rewards[:3] = 0.0  # three draws with nothing but ties
    crowd = Population(rewards[3]).with_draws(rewards, rng.dirichlet(np.ones(3), 12))
    found = flip_distances(crowd, to, **way)
    assert np.isnan(found[:3]).all()
    agree(found, crowd.drawn(), to, [None] * 12, **way)
    assert crowd.draws is not None
    np.testing.assert_array_equal(flip_distances(crowd.draws, to, **way), found)
    if way.get("score") is None:
        bases = rng.dirichlet(np.ones(4), 12)
        found = flip_distances(crowd, to, sampling=bases, **way)
        agree(found, crowd.drawn(), to, bases, **way)


def test_by_hand() -> None:
    # Average rewards 0, -3/2 and 1. c leads a by 4 w - 2 (1 - w), w the second type's share.
    options: dict[str, Any] = {"over": "shares", "score": "average reward"}
    shares = [[0.5, 0.5], [0.6, 0.4], [2 / 3, 1 / 3], [1.0, 0.0]]
    draws = Draws([CAMPS.rewards] * 4, shares)
    np.testing.assert_allclose(
        flip_distances(draws, Pair(0, over=2), **options), [1 / 6, 1 / 15, NAN, 0.0], atol=1e-15
    )
    np.testing.assert_allclose(
        flip_distances(draws, Pair(1, over=0), **options), INF
    )  # a leads b by 1 + w, always
    # With margin 1/2, a must lead c by 1/2: w = 1/4.
    np.testing.assert_allclose(
        flip_distances(draws, Pair(0, over=2), margin=0.5, **options),
        [0.25, 0.15, NAN, 0.0],
        atol=1e-15,
    )


def test_a_tie_for_first_place_is_no_tie_of_all() -> None:
    tied = Draws([[[1, 1, 0]], [[1, 0, 0]], [[0, 0, 0]]])
    found = flip_distances(tied, over="shares")
    np.testing.assert_array_equal(found, [INF, INF, NAN])
    np.testing.assert_array_equal(flip_distances(tied, TopK(1)), [NAN, INF, NAN])
    np.testing.assert_array_equal(flip_distances(tied, TopK(2)), [INF, NAN, NAN])
    np.testing.assert_array_equal(flip_distances(tied, Winner()), [INF, INF, NAN])


def test_labels_are_those_of_each_population() -> None:
    other = Population(CAMPS.rewards[:, ::-1], options=["C", "B", "A"])
    first, second = flip_distances([CAMPS, other], Pair("C", over="A"))
    assert first == second == pytest.approx(flip(CAMPS).distance, abs=1e-15)
    drawn = CAMPS.with_draws([CAMPS.rewards])
    assert flip_distances(drawn, Pair("C", over="A"))[0] == first
    with refuses("option"):
        flip_distances([CAMPS, Population(CAMPS.rewards)], Pair("C", over="A"))


def test_one_sampling_for_all() -> None:
    d = np.array([0.2, 0.3, 0.5])
    crowd = CAMPS.with_draws([CAMPS.rewards, 2 * CAMPS.rewards])
    agree(flip_distances(crowd, sampling=d), crowd.drawn(), None, [d, d])
    agree(flip_distances(crowd.drawn(), sampling=d), crowd.drawn(), None, [d, d])


def test_many_draws_are_handled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = Draws(np.random.default_rng(0).normal(size=(7, 2, 3)))
    whole = flip_distances(draws)
    monkeypatch.setattr("socialpref.flips.greedy.BLOCK", 60)
    np.testing.assert_array_equal(flip_distances(draws), whole)


def test_nothing_gives_nothing() -> None:
    assert flip_distances([]).shape == (0,)


@pytest.mark.parametrize(
    "to", [Order([0, 1, 2]), AverageRewardOrder(), TopK(members=[0]), [Pair(0, over=1)]]
)
def test_arrangements_have_no_closed_form(to: Any) -> None:
    with refuses("to"):
        flip_distances([CAMPS], to)


def test_what_has_no_draws_is_refused() -> None:
    with refuses("population"):
        flip_distances(CAMPS)
    with refuses("score"):
        flip_distances([CAMPS], score="average reward")
    with refuses("sampling"):
        flip_distances([CAMPS], over="shares", score="average reward", sampling=[0.2, 0.3, 0.5])


@pytest.mark.parametrize("way", WAYS)
def test_rewards_of_any_size(way: dict[str, Any]) -> None:
    for scale in (1e-200, 1e20, 4e299):
        crowd = Population(CAMPS.rewards / 4 * scale)
        agree(flip_distances([crowd], **way), [crowd], None, [None], **way)
    with refuses("rewards"):
        Draws([[[1e301, 0.0]]])

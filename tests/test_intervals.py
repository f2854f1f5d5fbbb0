"""Intervals: percentiles, infinities, and Student's t."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from socialpref.errors import InputError
from socialpref.inference import Interval

INF = math.inf


def test_finite_draws_give_percentiles() -> None:
    interval = Interval.of(np.arange(101.0), level=0.9)
    assert (interval.low, interval.high) == pytest.approx((5.0, 95.0))
    assert interval.n_draws == 101


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6)), st.floats(0.1, 0.99))
def test_finite_draws_agree_with_numpy(values: np.ndarray, level: float) -> None:
    interval = Interval.of(values, level=level)
    wanted = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    assert [interval.low, interval.high] == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("draws", "low", "high"),
    [
        ([0.1, 0.2, 0.3, INF], 0.1, INF),
        ([INF, INF], INF, INF),
        ([-INF, 0.0, INF], -INF, INF),
        ([*[0.2] * 99, INF], 0.2, 0.2),  # one in a hundred is not in a 90 % interval
        ([0.5, math.nan, math.nan], 0.5, 0.5),
    ],
)
def test_infinite_draws_are_values(draws: list[float], low: float, high: float) -> None:
    interval = Interval.of(draws, level=0.9)
    assert interval.low == pytest.approx(low, abs=0.03)
    assert interval.high == high


def test_no_values_give_nan() -> None:
    interval = Interval.of([math.nan])
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert interval.n_draws == 0


def test_words() -> None:
    some = Interval.of([0.03] * 50 + [INF] * 50)
    assert some.describe(infinite="never") == "0.030 to never"
    assert some.describe("{:.1f}") == "0.0 to infinity"
    assert Interval(-INF, INF, 0.95, 9).describe() == "-infinity to infinity"
    assert Interval.of([]).describe() == "nan to nan"


def test_around_uses_students_t() -> None:
    # The 97.5 % point of t with 7 degrees of freedom is 2.3646.
    interval = Interval.around(1.0, 0.1, degrees=7)
    assert interval.high == pytest.approx(1.23646, abs=1e-5)
    assert 1.2 in interval
    assert 1.3 not in interval


@pytest.mark.parametrize("level", [0.0, 1.0, -1, 2, "0.9", True, None, math.nan])
def test_levels_are_checked(level: object) -> None:
    with pytest.raises(InputError, match="'level'"):
        Interval.of([1.0, 2.0], level=level)  # type: ignore[arg-type]


def test_draws_are_checked() -> None:
    with pytest.raises(InputError, match="'draws'"):
        Interval.of([[1.0, 2.0]])
    with pytest.raises(InputError, match="'error'"):
        Interval.around(0.0, -1.0)

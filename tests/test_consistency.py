"""Which outcomes consistent losses can use, and the order of DPO's errors."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialpref import ConvergenceError
from socialpref.theory import error_orders, usable_outcomes
from socialpref.theory import outcomes as consistency

from .helpers import Floats, refuses

PRIME = 2_147_483_647


def rank_modulo(rows: list[list[int]]) -> int:
    """Return the rank over the integers modulo PRIME: the rational rank is at least that."""
    rank = 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column] % PRIME), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        inverse = pow(rows[rank][column], -1, PRIME)
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] * inverse % PRIME
            if factor:
                rows[i] = [
                    (x - factor * y) % PRIME for x, y in zip(rows[i], rows[rank], strict=True)
                ]
        rank += 1
    return rank


@pytest.mark.parametrize("n_types", [2, 3, 4, 5, 6])
def test_the_rank_in_exact_arithmetic(n_types: int) -> None:
    """Monomials prod x_u^o_u where prod x_u = 1; another mean only rescales the columns."""
    rng = np.random.default_rng(n_types)
    rows = []
    for _ in range(2**n_types + 4):
        x = [int(value) for value in rng.integers(2, PRIME, n_types)]
        whole = 1
        for value in x[1:]:
            whole = whole * value % PRIME
        x[0] = pow(whole, -1, PRIME)
        rows.append(
            [
                int(
                    np.prod(
                        [pow(v, int(o), PRIME) for v, o in zip(x, chosen, strict=True)],
                        dtype=object,
                    )
                )
                % PRIME
                for chosen in product((0, 1), repeat=n_types)
            ]
        )
    assert rank_modulo(rows) == 2**n_types - 1
    assert usable_outcomes(n_types).rank == 2**n_types - 1


@settings(max_examples=30)
@given(st.integers(2, 6), st.floats(-20, 20), st.integers(0, 1000))
def test_no_consistent_loss_uses_a_disagreement(n_types: int, mean_gap: float, seed: int) -> None:
    found = usable_outcomes(n_types, mean_gap, seed=seed)
    assert found.null_dimension == 1
    assert found.disagreement <= 1e-10
    assert found.drop <= 1e-9
    assert found.ratio == pytest.approx(-np.exp(-n_types * mean_gap), rel=1e-9)


def test_one_type_never_disagrees() -> None:
    found = usable_outcomes(1, 0.7)
    assert (found.rank, found.null_dimension, found.disagreement) == (1, 1, 0.0)
    assert found.ratio == pytest.approx(-np.exp(-0.7))


@pytest.mark.parametrize("n_types", [1, 2, 3, 4])
def test_the_two_consistent_families_are_in_the_null_space(n_types: int) -> None:
    """Both losses of unanimous panels have the only ratio there is; the mirrored one has not."""
    h, T = 0.4, n_types
    s, t = 1 / (1 + np.exp(-h)), 1 / (1 + np.exp(-T * h))
    ratio = usable_outcomes(n_types, h).ratio
    assert -(1 - t) / t == pytest.approx(ratio)  # -log sigma(T h), -log sigma(-T h)

    def slope(x: float) -> float:  # of G
        return float(1 + ((1 - x) / x) ** T)

    assert -slope(s) / slope(1 - s) == pytest.approx(ratio)  # -G(s), -G(1 - s)
    assert -slope(1 - s) / slope(s) != pytest.approx(ratio)


def test_the_probabilities_are_those_of_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The null vector makes the expected derivative vanish at gaps it was not computed from."""
    T, h = 4, 0.3
    found = usable_outcomes(T, h)
    derivatives = np.zeros(2**T)
    derivatives[0], derivatives[-1] = 1.0, found.ratio
    rng = np.random.default_rng(9)
    for _ in range(20):
        D = rng.normal(0, 3, T)
        D += h - D.mean()
        p = 1 / (1 + np.exp(-D))
        chance = np.prod(np.where(found.outcomes, p, 1 - p), axis=1)
        assert chance.sum() == pytest.approx(1)
        assert abs(chance @ derivatives) <= 1e-12
    # Gaps that are all the same leave everything open, and so the rank.
    monkeypatch.setattr(consistency, "SPREADS", (1e-9,))
    assert usable_outcomes(T, h).null_dimension > 1


def test_a_rank_that_rounding_leaves_open_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "SPREADS", (0.003,))
    with pytest.raises(ConvergenceError, match="rounding leaves the rank open"):
        usable_outcomes(4)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"n_types": 0}, "n_types"),
        ({"n_types": 11}, "n_types"),
        ({"n_types": 2.0}, "n_types"),
        ({"n_types": 2, "mean_gap": np.nan}, "mean_gap"),
        ({"n_types": 2, "mean_gap": 151.0}, "mean_gap"),
        ({"n_types": 3, "n_points": 7}, "n_points"),
    ],
)
def test_bad_outcomes(options: Any, named: str) -> None:
    with refuses(named):
        usable_outcomes(**options)


# --- the first-order correction -------------------------------------------------------


def drawn(seed: int) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    options, types = rng.integers(2, 6), rng.integers(2, 5)
    shares = rng.dirichlet(np.ones(types)) * 0.7 + 0.3 / types
    return rng.normal(size=options), rng.normal(size=(types, options)), shares


@settings(max_examples=30)
@given(st.integers(0, 59))
def test_the_correction_removes_the_first_order_of_the_error(seed: int) -> None:
    means, deviations, shares = drawn(seed)
    found = error_orders(means, deviations, (0.02, 0.01), shares=shares)
    # The third order, or a higher one where it happens to cancel.
    assert found.slopes[1] >= 2.7
    assert found.corrected[-1] < found.dpo[-1] / 2
    # The second order of DPO's error can be small beside the third: look closer.
    close = error_orders(means, deviations, (0.002, 0.001), shares=shares)
    assert close.slopes[0] == pytest.approx(2.0, abs=0.05)


def test_if_all_rewards_shrink_together_both_errors_are_of_third_order() -> None:
    means, deviations, shares = drawn(1)
    errors = []
    for scale in (0.1, 0.05):
        found = error_orders(scale * means, deviations, (scale, scale / 2), shares=shares)
        errors.append([found.dpo[0], found.corrected[0]])
    slopes = np.log2(np.array(errors[0]) / errors[1])
    np.testing.assert_allclose(slopes, 3.0, atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (([0, 1], [[1, 2, 3]]), {}, "deviations"),
        (([[0, 1]], [[1, 2]]), {}, "mean_rewards"),
        (([0, 1], [[1, 2]], [0.1]), {}, "scales"),
        (([0, 1], [[1, 2]], [0.1, 0.2]), {}, "scales"),
        (([0, 1], [[1, 2]], [0.1, 0.0]), {}, "scales"),
        (([0, 1], [[1, 2]]), {"shares": [0.5, 0.5]}, "shares"),
    ],
)
def test_bad_orders(arguments: Any, options: Any, named: str) -> None:
    with refuses(named):
        error_orders(*arguments, **options)


@pytest.mark.parametrize("n_types", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("total", [-300.0, -40.0, 0.0, 90.0, 300.0])
def test_the_whole_range_of_mean_gaps(n_types: int, total: float) -> None:
    found = usable_outcomes(n_types, total / n_types)
    assert found.null_dimension == 1 if n_types > 1 else found.null_dimension > 0
    assert found.disagreement < 1e-9
    if n_types > 1:
        assert found.ratio == pytest.approx(-np.exp(-total), rel=1e-9)

"""Estimators of average rewards from labels of known types."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialpref.estimators import PseudoLabels, pseudo_labels

from .helpers import Floats, refuses

NAN = float("nan")


def sigma(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


# --- pseudo-labels ------------------------------------------------------------------------


def test_pseudo_labels_by_hand() -> None:
    """s(0) = 1/2, s' = 1/4; s(log 3) = 3/4, s' = 3/16."""
    heads = [[0.0, np.log(3.0)]]
    found = pseudo_labels([[1.0, 0.0]], heads)
    assert found.values[0] == pytest.approx((0 + 2 + np.log(3) - 4) / 2)
    assert found.weights[0] == pytest.approx(4 / (4 + 16 / 3))
    found = pseudo_labels([[NAN, 1.0]], heads, shares=[0.25, 0.75], answer_probability=[0.4, 0.8])
    assert found.values[0] == pytest.approx(0.75 * (np.log(3) + (1 / 4) / (3 / 16) / 0.8))
    assert found.weights[0] == pytest.approx(1 / (4 / 16 / 0.4 + 9 / 16 * 16 / 3 / 0.8))


def outcomes(design: str, p: Floats, e: Floats) -> tuple[Floats, Floats]:
    """Return all rows of labels that a design can give, and their probabilities."""
    rows, chances = [], []
    for row in product((0.0, 1.0, NAN), repeat=len(p)):
        x = np.array(row)
        seen = ~np.isnan(x)
        said = np.where(x == 1, p, 1 - p)[seen].prod()
        asked = np.where(seen, e, 1 - e).prod() if design == "partial" else e[seen].sum()
        if design == "partial" or seen.sum() == 1:
            rows.append(x)
            chances.append(said * asked)
    return np.array(rows), np.array(chances)


@pytest.mark.parametrize("design", ["partial", "single"])
@given(
    gaps=st.lists(st.floats(-4, 4), min_size=3, max_size=3),
    wrong=st.lists(st.floats(-1, 1), min_size=3, max_size=3),
)
def test_moments_of_pseudo_labels(design: str, gaps: list[float], wrong: list[float]) -> None:
    """Over all outcomes: with right heads the mean and the variance are those that are promised,
    and the bias of wrong heads falls with the square of their error."""
    shares, e = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.7, 0.1])
    D = np.array(gaps)
    x, chances = outcomes(design, sigma(D), e)
    assert chances.sum() == pytest.approx(1)

    def of(heads: Floats) -> PseudoLabels:
        return pseudo_labels(
            x, np.broadcast_to(heads, x.shape), shares=shares, answer_probability=e
        )

    values, weights = of(D)
    assert chances @ values == pytest.approx(shares @ D)
    assert chances @ (values - shares @ D) ** 2 == pytest.approx(1 / weights[0])
    biases = [chances @ of(D + step * np.array(wrong)).values - shares @ D for step in (1e-2, 1e-3)]
    assert abs(biases[1]) <= abs(biases[0]) / 50 + 1e-10


def test_probabilities_of_answers_are_those_seen() -> None:
    x = np.array([[1, NAN], [0, NAN], [NAN, 1], [1, NAN]])
    heads = np.array([[0.3, -1.0]] * 4)
    for given_, seen in ((None, [0.75, 0.25]), (np.full((4, 2), 0.5), [0.5, 0.5])):
        one = pseudo_labels(x, heads, answer_probability=given_)
        other = pseudo_labels(x, heads, answer_probability=seen)
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_types_without_a_share_do_not_matter() -> None:
    one = pseudo_labels([[1, NAN], [0, NAN]], [[0.5, 2.0]] * 2, shares=[1.0, 0.0])
    other = pseudo_labels([[1], [0]], [[0.5]] * 2)
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_heads_that_are_sure_leave_floats() -> None:
    found = pseudo_labels([[1.0, 0.0]], [[300.0, -300.0]])
    assert found.values[0] == pytest.approx(0.0)
    assert found.weights[0] > 0


@pytest.mark.parametrize(
    ("arguments", "options", "name"),
    [
        (([1, 0], [[0, 0]]), {}, "labels"),
        (([[1, 2]], [[0, 0]]), {}, "labels"),
        ((np.zeros((0, 2)), np.zeros((0, 2))), {}, "labels"),
        (([[1, NAN]], [[0, 0]]), {}, "labels"),
        (([[1, 0]], [[0]]), {}, "heads"),
        (([[1, 0]], [[0, NAN]]), {}, "heads"),
        (([[1, 0]], [[0, 301]]), {}, "heads"),
        (([[1, 0]], [[0, 0]]), {"shares": [0.5, 0.6]}, "shares"),
        (([[1, 0]], [[0, 0]]), {"answer_probability": 1.0}, "answer_probability"),
        (([[1, 0]], [[0, 0]]), {"answer_probability": [1.0, 0.0]}, "answer_probability"),
        (([[1, 0]], [[0, 0]]), {"answer_probability": [1.0, NAN]}, "answer_probability"),
        (
            ([[1, 0]], [[0, 0]]),
            {"shares": [1.0, 0.0], "answer_probability": [1.0, 0.0]},
            "answer_probability",
        ),
    ],
)
def test_bad_pseudo_labels(
    arguments: tuple[object, ...], options: dict[str, object], name: str
) -> None:
    with refuses(name):
        pseudo_labels(*arguments, **options)  # type: ignore[arg-type]

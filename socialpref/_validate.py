"""Checks of arguments, each with a message that names the argument, the rule and the value."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError

SUM_TOLERANCE = 1e-6
"""How far shares may be from summing to one before they are refused instead of rescaled."""


def complaint(name: str, must: str, got: object) -> InputError:
    """Return the error for argument `name`, which must be `must` and was `got`."""
    return InputError(f"'{name}' must be {must}; got {got}.")


def any_array(name: str, values: ArrayLike, must: str) -> NDArray[np.float64]:
    """Return `values` as a fresh float64 array of any shape."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise complaint(name, must, f"{type(values).__name__} that is not one") from None


def real_array(name: str, values: ArrayLike, ndim: int) -> NDArray[np.float64]:
    """Return `values` as a fresh finite float64 array with `ndim` axes."""
    kind = {1: "a one-dimensional", 2: "a two-dimensional"}.get(ndim, f"a {ndim}-dimensional")
    must = f"{kind} array of finite numbers"
    array = any_array(name, values, must)
    if array.ndim != ndim:
        raise complaint(name, must, f"shape {array.shape}")
    if not np.isfinite(array).all():
        raise complaint(name, must, f"{array[~np.isfinite(array)].flat[0]} among its values")
    return array


def number(
    name: str,
    value: float | str,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
) -> float:
    """Return `value` as a float in [low, high], or in (low, high] if `above`."""
    must = f"a number in {'(' if above else '['}{low:g}, {high:g}]"
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise complaint(name, must, repr(value)) from None
    if not math.isfinite(result) or not low <= result <= high or (above and result == low):
        raise complaint(name, must, repr(value))
    return result


def limits(margin: float, floor: float, size: int) -> tuple[float, float]:
    """Return the margin and the floor of a flip program over `size` alternatives.

    As a float 1 / size can be a little more than what every alternative can have.
    """
    least = number("floor", floor, 0.0, 1.0 / size)
    while Fraction(least) * size > 1:
        least = math.nextafter(least, 0.0)
    return number("margin", margin, 0.0, 1.0), least


def distribution(name: str, values: ArrayLike | None, size: int) -> NDArray[np.float64]:
    """Return `values` as a probability vector of length `size`; uniform if None."""
    if values is None:
        return np.full(size, 1.0 / size)
    array = real_array(name, values, 1)
    if array.size != size:
        raise complaint(name, f"of length {size}", f"length {array.size}")
    check_shares(name, array)
    return array / array.sum()


def check_shares(name: str, array: NDArray[np.float64]) -> None:
    """Refuse shares (last axis) that are negative or do not sum to one."""
    if (array < 0).any():
        raise complaint(name, "non-negative", f"{array.min():g} among its values")
    sums = array.sum(axis=-1)
    if (np.abs(sums - 1.0) > SUM_TOLERANCE).any():
        worst = np.atleast_1d(sums)[np.argmax(np.abs(np.atleast_1d(sums) - 1.0))]
        raise complaint(name, "shares that sum to 1", f"a sum of {worst:.9g}")


def labels(
    name: str, values: Sequence[str] | None, size: int, default: str | None = None
) -> tuple[str, ...]:
    """Return `size` distinct labels; numbered after `default` if `values` is None."""
    if values is None:
        return tuple(f"{default or name} {i + 1}" for i in range(size))
    result = tuple(str(value) for value in values)
    if len(result) != size:
        raise complaint(name, f"{size} labels", len(result))
    if len(set(result)) != size:
        repeated = next(label for label in result if result.count(label) > 1)
        raise complaint(name, "distinct labels", f"{repeated!r} more than once")
    return result

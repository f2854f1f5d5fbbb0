"""Checks of arguments, each with a message that names the argument, the rule and the value."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError

SUM_TOLERANCE = 1e-6
"""How far shares may be from summing to one before they are refused instead of rescaled."""

SHOWN = 60
"""Characters of a refused value that a message shows."""

Labels = Sequence[str]


def complaint(name: str, must: str, got: object) -> InputError:
    """Return the error for argument `name`, which must be `must` and was `got`."""
    return InputError(f"'{name}' must be {must}; got {got}.")


def shown(value: object) -> str:
    """Return a value as a message shows it: on one line, and cut short."""
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


# --- single values ----------------------------------------------------------------------


def number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
    infinite: bool = False,
) -> float:
    """Return a real number in [low, high] as a float.

    `above` and `below` leave out the ends; `infinite` lets inf through. Strings, booleans and
    arrays are not numbers.
    """
    opening = "(" if above or (math.isinf(low) and not infinite) else "["
    closing = ")" if below or (math.isinf(high) and not infinite) else "]"
    must = f"a number in {opening}{low:g}, {high:g}{closing}"
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        raise complaint(name, must, shown(value))
    try:
        result = float(value)
    except OverflowError:
        raise complaint(name, must, shown(value)) from None
    inside = low <= result <= high and not (above and result == low)
    if not inside or (below and result == high) or not (infinite or math.isfinite(result)):
        raise complaint(name, must, shown(value))
    return result


def integer(name: str, value: Any, low: int = 0, high: int | None = None) -> int:
    """Return an integer in [low, high]; True and 1.0 are refused."""
    must = f"an integer of at least {low}" if high is None else f"an integer in {low}..{high}"
    if not isinstance(value, Integral) or isinstance(value, bool | np.bool_):
        raise complaint(name, must, shown(value))
    result = int(value)
    if result < low or (high is not None and result > high):
        raise complaint(name, must, shown(value))
    return result


def choice(name: str, value: Any, options: Iterable[str]) -> str:
    """Return `value` if it is one of `names`."""
    names = tuple(options)
    if not isinstance(value, str) or value not in names:
        raise complaint(name, f"one of {', '.join(map(repr, names))}", shown(value))
    return value


def seed(name: str, value: Any) -> "np.random.Generator":
    """Return the generator that a seed or a generator stands for."""
    if isinstance(value, np.random.Generator):
        return value
    return np.random.default_rng(integer(name, value))


def instance(name: str, value: Any, kind: type | tuple[type, ...], must: str) -> None:
    """Refuse a value that is not an instance of a class."""
    if isinstance(value, type) or not isinstance(value, kind):
        raise complaint(name, must, shown(value))


def path(name: str, value: Any) -> Path:
    """Return the path that a string or a path object stands for."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise complaint(name, "a path", shown(value))
    return Path(value)


# --- arrays -----------------------------------------------------------------------------


def any_array(name: str, values: Any, must: str) -> NDArray[np.float64]:
    """Return `values`, real numbers of any shape, as a fresh float64 array.

    A pandas object must have no labels but positions: others are for callers that align them.
    """
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values.copy()
    for part in _nested(values):
        if np.ma.is_masked(part):
            raise complaint(name, must, "an array with masked values")
        if any(not _is_positions(index) for index in _axes(part)):
            raise complaint(
                name, f"{must}, without labels of its own", "a pandas object with labels"
            )
    try:
        with np.errstate(over="raise"):  # of long floats
            array = np.asarray(values)
            if array.dtype.kind == "O" and all(_is_real(value) for value in array.flat):
                array = array.astype(np.float64)
            if array.dtype.kind in "biuf":
                return np.array(array, dtype=np.float64)
    except (TypeError, ValueError, ArithmeticError, RuntimeError):
        pass
    raise complaint(name, must, f"{type(values).__name__} that is not one")


def real_array(name: str, values: Any, ndim: int) -> NDArray[np.float64]:
    """Return `values` as a fresh finite float64 array with `ndim` axes."""
    kind = {1: "a one-dimensional", 2: "a two-dimensional"}.get(ndim, f"a {ndim}-dimensional")
    must = f"{kind} array of finite numbers"
    array = any_array(name, values, must)
    if array.ndim != ndim:
        raise complaint(name, must, f"shape {array.shape}")
    if not np.isfinite(array).all():
        raise complaint(name, must, f"{array[~np.isfinite(array)].flat[0]} among its values")
    return array


def aligned(name: str, values: Any, *labels: Labels) -> Any:
    """Return a pandas object with its rows, and columns, in the order of `labels`.

    What is not of pandas, or is labelled by positions, is returned as it is: its order counts.
    """
    axes = _axes(values)
    for axis, (index, wanted) in enumerate(zip(axes, labels, strict=False)):
        if _is_positions(index):
            continue
        if len(index) != len(wanted) or set(index) != set(wanted):
            must = f"labelled by {shown(list(wanted))}"
            raise complaint(name, must, f"labels {shown(list(index))}")
        values = values.reindex(list(wanted), axis=axis)
    return values if not axes else values.to_numpy()


def distribution(
    name: str, values: ArrayLike | None, size: int, labels: Labels | None = None
) -> NDArray[np.float64]:
    """Return `values` as a probability vector of length `size`; uniform if None.

    A pandas Series is put into the order of `labels`.
    """
    if values is None:
        return np.full(size, 1.0 / size)
    if labels is not None:
        values = aligned(name, values, labels)
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


def limits(margin: float, floor: float, size: int) -> tuple[float, float]:
    """Return the margin and the floor of a flip program over `size` options.

    As a float 1 / size can be a little more than what every option can have.
    """
    least = number("floor", floor, 0.0, 1.0 / size)
    while least * size >= 1.0 and Fraction(least) * size > 1:
        least = math.nextafter(least, 0.0)
    return number("margin", margin, 0.0, 1.0), least


def labels(
    name: str, values: Sequence[str] | None, size: int | None = None, default: str | None = None
) -> tuple[str, ...]:
    """Return distinct labels: `size` of them, or however many there are.

    Labels are strings: an integer is the position of an option, and never its name. If there is a
    `default` and `values` is None, they are numbered after it.
    """
    if values is None and default is not None and size is not None:
        return tuple(f"{default} {i + 1}" for i in range(size))
    must = "labels" if size is None else f"{size} labels"
    unordered = isinstance(values, str | bytes | set | frozenset | dict) or len(_axes(values)) == 2
    if values is None or unordered:
        raise complaint(name, f"{must} in order", shown(values))
    try:
        items = list(values)
    except TypeError:
        raise complaint(name, must, shown(values)) from None
    if size is not None and len(items) != size:
        raise complaint(name, must, len(items))
    for item in items:
        if not isinstance(item, str):
            raise complaint(name, f"{must}, each a string", f"{shown(item)} among them")
    result = tuple(map(str, items))
    if len(set(result)) != len(result):
        repeated = next(label for label in result if result.count(label) > 1)
        raise complaint(name, "distinct labels", f"{repeated!r} more than once")
    return result


def index_labels(values: Any, axis: int) -> Labels | None:
    """Return the labels that a pandas object has on an axis; None if it has none there."""
    axes = _axes(values)
    return list(axes[axis]) if axis < len(axes) and not _is_positions(axes[axis]) else None


def _nested(values: Any) -> Iterator[Any]:
    """Yield a value and, for lists and tuples, all of their items except plain numbers."""
    yield values
    if isinstance(values, list | tuple):
        for part in values:
            if type(part) not in (float, int):
                yield from _nested(part)


def _axes(values: Any) -> list[Any]:
    """Return the indices of a pandas object, rows first; nothing for other values."""
    if type(values).__module__.split(".")[0] != "pandas" or not hasattr(values, "iloc"):
        return []
    return list(values.axes)


def _is_positions(index: Any) -> bool:
    """Whether a pandas index is the default one: 0, 1, 2, ..."""
    return type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)

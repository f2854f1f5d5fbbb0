"""What the tasks are made of: the refusals of answers that are not right."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from ..errors import InputError
from ..population import Population

TOLERANCE = 6e-4
"""How far a number may be from the right one: three decimals suffice."""


class Wrong(Exception):  # noqa: N818 - not a failure: a reader's answer is not right yet
    """The answer is not right; the message says what is wrong with it."""


class Unanswered(Exception):  # noqa: N818
    """The dots are still where the answer belongs; the message says what to do."""

    def __init__(self, message: str = "put your answer in place of the dots") -> None:
        super().__init__(message)


Task = Callable[[Any], None]
"""Returns if the answer is right, and raises `Wrong` if it is not."""
Case = tuple[str, tuple[Any, ...], ArrayLike]
"""What a function is asked, in words such as "for rewards 2, 1, 0"; arguments; the right result."""
TASKS: dict[str, Task] = {}
"""The tasks of all notebooks, by name."""


def task(function: Task) -> Task:
    """Register the check of a task under the function's name, with hyphens."""
    TASKS[function.__name__.replace("_", "-")] = function
    return function


def answered(answer: Any) -> None:
    """Refuse three dots, and nothing."""
    if answer is None or answer is ...:
        raise Unanswered


def array(answer: Any, shape: tuple[int, ...], what: str = "your answer") -> NDArray[np.float64]:
    """Return an answer as an array of a shape; a number has the shape ()."""
    if isinstance(answer, tuple | list) and any(part is ... for part in answer):
        raise Unanswered
    wanted = f"an array of shape {shape}" if shape else "a number"
    try:
        values = _validate.any_array("answer", answer, wanted)
    except InputError:
        raise Wrong(f"{capital(what)} should be {wanted}, not {shown(answer)}.") from None
    if values.shape != shape:
        got = f"has the shape {values.shape}" if values.shape else "is a number"
        raise Wrong(f"{capital(what)} should be {wanted}; it {got}.")
    if np.isnan(values).any():
        raise Wrong(f"There is NaN in {what}.")
    return values


def close(answer: ArrayLike, right: ArrayLike, tolerance: float = TOLERANCE) -> bool:
    """Return whether numbers are the right ones; infinities are equal to themselves."""
    return bool(np.allclose(answer, right, rtol=0.0, atol=tolerance))


def same(
    answer: Any,
    right: ArrayLike,
    otherwise: str,
    *,
    mistakes: Mapping[str, ArrayLike] | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    """Refuse an answer that is not the right number or array.

    `mistakes` holds answers that are often given, under what is said to them; `otherwise` is said
    to all others.
    """
    values = array(answer, np.shape(right))
    if close(values, right, tolerance):
        return
    for message, mistaken in (mistakes or {}).items():
        if close(values, mistaken, tolerance):
            raise Wrong(message)
    raise Wrong(slip(values, np.asarray(right), tolerance) or otherwise)


def slip(values: NDArray[np.float64], right: NDArray[Any], tolerance: float) -> str:
    """Return what is wrong with the form of an answer that is otherwise right, or nothing."""
    if right.dtype.kind == "i":  # a position
        return ""
    if close(values, -right, tolerance):
        return "The sign is wrong."
    if any(close(values, right.round(digits), 1e-9) for digits in range(2, 7)):
        return "That is rounded too much; give more decimals."
    percent = np.isclose(values, 100 * right, rtol=0.0, atol=100 * tolerance)
    if (percent | np.isclose(values, right, rtol=0.0, atol=tolerance)).all():
        return "That is 100 times too large: give shares, not percentages."
    return ""


def called(function: Any, arguments: Iterable[Any], words: str) -> Any:
    """Return what a reader's function returns on copies of some arguments."""
    if not callable(function):
        raise Wrong(f"Give a function, not {shown(function)}.")
    given = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        result = function(*given)
    except Exception as error:
        message = " ".join(str(error).split())
        raise Wrong(
            f"{capital(words)} your function stops: {type(error).__name__}: {message}"
        ) from error
    if result is None or result is ...:
        raise Unanswered(
            f"{words} your function returns nothing. Put your code in place of the dots, and "
            "return the result"
        )
    return result


def same_function(function: Any, cases: Iterable[Case], *, tolerance: float = 1e-6) -> None:
    """Refuse a function that does not return what is right in each of some cases."""
    for words, arguments, right in cases:
        result = called(function, arguments, words)
        values = array(result, np.shape(right), f"what your function returns {words}")
        if not close(values, right, tolerance):
            returned = f"{capital(words)} your function returns {shown(result)}."
            wrong = slip(values, np.asarray(right), tolerance)
            raise Wrong(f"{returned} {wrong}".rstrip())


def population(answer: Any, n_types: int | None, n_options: int, what: str) -> Population:
    """Return an answer as a population of a size; any number of types if None."""
    answered(answer)
    if not isinstance(answer, Population):
        raise Wrong(f"{capital(what)} should be a Population, not {shown(answer)}.")
    if answer.n_options != n_options:
        raise Wrong(f"{capital(what)} should have {n_options} options, not {answer.n_options}.")
    if n_types is not None and answer.n_types != n_types:
        raise Wrong(f"{capital(what)} should have {n_types} types, not {answer.n_types}.")
    return answer


def distribution(answer: Any, size: int, what: str = "your answer") -> NDArray[np.float64]:
    """Return an answer as probabilities."""
    values = array(answer, (size,), what)
    if (values < 0).any():
        raise Wrong(f"{capital(what)} should be probabilities, none of them negative.")
    if not close(values.sum(), 1.0, 1e-6):
        raise Wrong(f"{capital(what)} should be probabilities of sum 1, not {values.sum():.6g}.")
    return values


def capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def shown(value: Any) -> str:
    """Return a value as a message shows it."""
    if isinstance(value, np.ndarray | np.generic):
        value = np.round(value, 4).tolist() if value.dtype.kind == "f" else value.tolist()
    return _validate.shown(value)

"""Batteries of items of which all that apply are marked, as columns or in one column of text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .answers import Answers, Rule

if TYPE_CHECKING:
    import pandas as pd

Bools = NDArray[np.bool_]
MARKED = frozenset({"1", "yes", "true", "selected", "checked", "mentioned", "quoted", "x"})
UNMARKED = frozenset({"0", "no", "false", "unselected", "unchecked"})


@dataclass(frozen=True)
class Item:
    """An item of a battery.

    Attributes
    ----------
    label : str
        What the item is.
    given : ndarray of bool, shape (N,)
        Whose cell is not empty.
    asked : ndarray of bool, shape (N,)
        Who marked it or left it unmarked.
    marked : ndarray of bool, shape (N,)
        Who marked it.
    """

    label: str
    given: Bools
    asked: Bools
    marked: Bools


def items_of(key: str, columns: "Sequence[pd.Series[Any]]", rule: Rule) -> list[Item]:
    """Return the items of a battery, in the order of its columns or of their names.

    In columns, an item is marked by 1, "yes", "selected" or the like; 0, 2 beside 1, "no" and
    "not selected" mean that it is not. If the only value of a column is the mark, all who
    marked some item were asked. In one column of text, marked items stand between semicolons.
    """
    if len(columns) == 1:
        return _items_of_text(key, columns[0], rule)
    found = [_item(key, column, rule) for column in columns]
    if any((item.asked & ~item.marked).any() for item in found):
        return found
    everybody = np.any([item.marked for item in found], axis=0)
    return [Item(item.label, item.given, everybody, item.marked) for item in found]


def _item(key: str, column: "pd.Series[Any]", rule: Rule) -> Item:
    name = str(column.name)
    answers = Answers.of(column, name, rule.book, text=True)
    reasons = answers.reasons(key, rule)
    kept = [i for i, reason in enumerate(reasons) if reason is None]
    states = [_state(answers.labels[i], answers.printed[i]) for i in kept]
    if len(kept) == 1 and states == [None]:
        states = [True]  # the item's own name, or a tick
    if states.count(None) or states.count(True) > 1:
        shown = ", ".join(repr(answers.labels[i]) for i in kept[:5])
        raise InputError(
            f"{name!r} of {key!r} must hold one value for a marked item and others for one that "
            f"is not, such as 1 and 0; it holds {shown}"
        )
    is_marked = np.zeros(len(answers.values) + 1, dtype=bool)
    is_asked = is_marked.copy()
    for i, state in zip(kept, states, strict=True):
        is_asked[i], is_marked[i] = True, bool(state)
    return Item(
        rule.book.texts.get(name) or name,
        answers.codes >= 0,
        is_asked[answers.codes],
        is_marked[answers.codes],
    )


def _state(label: str, code: str) -> bool | None:
    """Return whether a value marks an item, None if it cannot be told."""
    for word in (label.lower(), code.lower()):
        if word in MARKED:
            return True
        if word in UNMARKED or word.startswith("not "):
            return False
    return False if code == "2" else None


def _items_of_text(key: str, column: "pd.Series[Any]", rule: Rule) -> list[Item]:
    cells = [
        [part.strip() for part in str(cell).split(";") if part.strip()]
        for cell in column.fillna("")
    ]
    names = sorted({part for parts in cells for part in parts})
    reasons = dict(zip(names, rule.missing.reasons(key, names, names), strict=True))
    given = np.array([bool(parts) for parts in cells], dtype=bool)
    asked = np.array([any(reasons[p] is None for p in parts) for parts in cells], dtype=bool)
    return [
        Item(name, given, asked, np.array([name in parts for parts in cells], dtype=bool))
        for name in names
        if reasons[name] is None
    ]

"""From columns of names to what `Comparisons` is made of."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ... import _validate
from ...errors import InputError
from ..dropped import Dropped
from ..two_types import of_two_types
from .frames import Codes, Column, Floats, Frame, Mask, in_row

Columns = dict[str, Any]
"""The arguments of `Comparisons`."""
MOST_SEEN = 50_000_000
"""Options times prompts up to which a table of both is made."""


class Left:
    """Which rows are left, and why the others are not; each row goes for the first reason.

    Rows that were counted count as often as `times` says.
    """

    def __init__(self, n_rows: int, times: Codes | None = None) -> None:
        self._times = times
        self.n_read = n_rows if times is None else int(times.sum())
        self.kept = np.ones(n_rows, dtype=bool)
        self.dropped: list[Dropped] = []

    def drop(self, reason: str, rows: Mask) -> None:
        """Leave out some rows that are still there."""
        gone = rows & self.kept
        count = int(gone.sum() if self._times is None else self._times[gone].sum())
        if count:
            self.dropped.append(Dropped(reason, count))
            self.kept &= ~gone

    def nothing(self, what: str) -> InputError:
        """Return the error for a table of which no comparison is left."""
        reasons = "; ".join(map(str, self.dropped)) or "nothing was dropped"
        return InputError(f"'frame' must hold at least one {what}; got none ({reasons}).")


class People(NamedTuple):
    """The columns that say who spoke, at which prompt and of what weight."""

    annotator: Column | None = None
    prompt: Column | None = None
    types: Column | None = None
    weight: Floats | None = None

    @classmethod
    def of(
        cls,
        frame: Frame,
        annotator: str | None,
        prompt: str | None,
        types: str | Sequence[str] | None,
        weight: str | None,
    ) -> Self:
        """Read the columns, and refuse an annotator of two types."""
        who = None if annotator is None else frame.names("annotator", annotator)
        where = None if prompt is None else frame.names("prompt", prompt)
        kinds = frame.crossed("types", types)
        if kinds is not None and len(kinds.codes) and (kinds.codes < 0).all():
            raise _validate.complaint("types", "known in some rows", f"none in {types!r}")
        weights = None if weight is None else _weights(frame, weight)
        found = cls(who, where, kinds, weights)
        if who is not None:
            found.check_types(who.codes, "annotator", who.names)
        return found

    def check_types(self, whose: Codes, what: str, names: Sequence[str] | None = None) -> None:
        """Refuse an annotator, or a ballot, of two types."""
        torn = None if self.types is None else of_two_types(whose, self.types.codes)
        if torn is not None:
            assert self.types is not None
            one, other = (self.types.names[self.types.codes[row]] for row in torn)
            of = "" if names is None else f" for {what} {names[whose[torn.row]]!r}"
            raise InputError(
                f"'types' must be one for each {what}; got {one!r} in row {torn.row} and "
                f"{other!r} in row {torn.other}{of}."
            )

    def drop(self, left: Left) -> None:
        """Leave out rows without a prompt or a weight."""
        if self.prompt is not None:
            left.drop("without a prompt", self.prompt.codes < 0)
        if self.weight is not None:
            left.drop("without a weight", np.isnan(self.weight))
            left.drop("of weight 0", self.weight == 0.0)


def _weights(frame: Frame, name: str) -> Floats:
    weight = frame.numbers("weight", name)
    wrong = weight < 0.0
    if wrong.any():
        at = int(wrong.argmax())
        raise in_row(name, "a weight of at least 0", weight[at], frame.place(at))
    return weight


def assembled(
    names: list[str],
    first: Codes,
    second: Codes,
    label: Floats,
    people: People,
    rows: Codes,
    left: Left,
    ballot: Codes | None = None,
) -> Columns:
    """Return the arguments of `Comparisons`.

    `first` and `second` are places in `names`; `rows` are the rows of the table from which the
    people of each comparison are taken.
    """
    columns: Columns = {"label": label, "dropped": tuple(left.dropped), "n_read": left.n_read}
    for name, column, listed in (
        ("annotator", people.annotator, "annotator_names"),
        ("annotator_type", people.types, "types"),
    ):
        if column is not None:
            part = column.take(rows).compact()
            if part.names:
                columns |= {name: part.codes, listed: tuple(part.names)}
    if people.weight is not None:
        columns["weight"] = people.weight[rows]
    if ballot is not None:
        columns["ballot"] = np.unique(ballot, return_inverse=True)[1]
        if people.annotator is None:  # whoever it was, one person filled in a ballot
            columns["annotator"] = columns["ballot"]
    if people.prompt is None:
        prompt = Column(np.zeros(len(first), dtype=np.int64), ["all"], None)
    else:
        prompt = people.prompt.take(rows).compact()
        columns["prompts"] = tuple(prompt.names)
    columns |= _numbered(names, first, second, prompt.codes, len(prompt.names))
    return columns | {"prompt": prompt.codes, "n_prompts": len(prompt.names)}


def _numbered(names: list[str], first: Codes, second: Codes, prompt: Codes, X: int) -> Columns:
    """Give options their numbers: those that prompts share first, then each prompt's own."""
    K = len(names)
    if X * K <= MOST_SEEN:
        seen = np.zeros(K * X, dtype=bool)
        seen[first * X + prompt] = seen[second * X + prompt] = True
        places = np.flatnonzero(seen)
    else:
        places = np.unique(np.concatenate([first * X + prompt, second * X + prompt]))
    option, at = np.divmod(places, X)
    prompts_of = np.bincount(option, minlength=K)
    shared = np.flatnonzero(prompts_of > (X > 1))
    number = np.zeros(K, dtype=np.int64)
    number[shared] = np.arange(len(shared))
    own = (prompts_of[option] == 1) & (X > 1)
    option, at = option[own], at[own]
    order = np.lexsort((option, at))
    option, at = option[order], at[order]
    sizes = np.bincount(at, minlength=X)
    starts = np.cumsum(sizes) - sizes
    number[option] = len(shared) + np.arange(len(option)) - starts[at]
    columns: Columns = {
        "first": number[first],
        "second": number[second],
        "n_options": len(shared) + int(sizes.max()),
        "options": tuple(names[k] for k in shared),
    }
    if len(option):
        kept = [names[k] for k in option]
        ends = starts + sizes
        columns["own_options"] = tuple(
            tuple(kept[a:b]) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
        )
    return columns


def places_of(argument: str, columns: Sequence[str]) -> list[str]:
    """Return a list of columns, two at least."""
    if isinstance(columns, str) or len(given := list(columns)) < 2:
        raise _validate.complaint(argument, "a list of two columns or more", repr(columns))
    if len(set(given)) < len(given):
        raise _validate.complaint(argument, "different columns", repr(columns))
    return given

"""A column of answers: its values, their labels, and which of them do not count."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..missing import MissingAnswers, printed, suspicious
from .codebook import Codebook, by_code

if TYPE_CHECKING:
    import pandas as pd

MAX_OPTIONS = 30
"""A column with more distinct answers is a measurement or an identifier, not a question."""
_CODES = frozenset(
    {"integer", "floating", "mixed-integer-float", "boolean", "categorical", "empty"}
)
"""Kinds of columns, in pandas' words, whose values are codes."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True)
class Rule:
    """By what is decided which answers count."""

    book: Codebook
    missing: MissingAnswers
    pew: bool = False


@dataclass(frozen=True)
class Answers:
    """A column as positions in its list of values.

    Attributes
    ----------
    codes : ndarray of int, shape (N,)
        Position of each row's value; -1 where it is missing.
    values : list
        The distinct values, in order.
    printed : list of str
        The values as labels.
    labels : tuple of str
        Their labels.
    labelled : list of bool
        Whether a value has a label of its own.
    declared : list of bool
        Whether a value is declared missing.
    fault : str
        Why the column cannot be a question; empty if it can.
    ordinal : bool
        Whether the file says that the codes are places on a scale.
    """

    codes: NDArray[np.intp]
    values: list[Any]
    printed: list[str]
    labels: tuple[str, ...]
    labelled: list[bool]
    declared: list[bool]
    fault: str = ""
    ordinal: bool = False

    @classmethod
    def of(cls, column: "pd.Series[Any]", name: str, book: Codebook, *, text: bool) -> "Answers":
        """Return the answers of a column; `text` says whether text may do without labels."""
        import pandas as pd

        labels = by_code(book.labels.get(name, {}))
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if kind not in _CODES:
            column = column.map(lambda value: value.strip() if isinstance(value, str) else value)
            column = column.mask(column.astype(str) == "")
            if not (text or labels or name in book.missing):
                fault = "text without labels" if kind == "string" else f"{kind} values, not codes"
                return cls(np.where(column.isna(), -1, 0), [], [], (), [], [], fault)
        codes, found = pd.factorize(column, sort=True)
        values = list(found)
        plain = [printed(value).strip() for value in values]
        named = [labels.get(code, "") for code in plain]
        full = [name or code for name, code in zip(named, plain, strict=True)]
        return cls(
            codes=codes,
            values=values,
            printed=plain,
            labels=told_apart(full, plain),
            labelled=[bool(name) for name in named],
            declared=[book.declares(name, value) for value in values],
            ordinal=book.scales.get(name) == "ordinal",
        )

    def places(self, kept: Sequence[int]) -> list[float]:
        """Return the places of some values on the scale that they make, if they make one."""
        codes = [self.printed[i] for i in kept]
        if not self.ordinal or not all(map(_NUMBER.fullmatch, codes)):
            return []
        return [float(code) for code in codes]

    def reasons(self, key: str, rule: Rule) -> list[str | None]:
        """Return why each value does not count, None for those that do."""
        return rule.missing.reasons(
            key, self.values, self.labels, declared=self.declared, pew=rule.pew
        )

    def suspicious(self, reasons: Sequence[str | None]) -> list[str]:
        """Return the codes without labels that count and look like missing answers."""
        counted = [reason is None for reason in reasons]
        kept = [code for code, counts in zip(self.printed, counted, strict=True) if counts]
        has = [has for has, counts in zip(self.labelled, counted, strict=True) if counts]
        return suspicious(kept, has)


def told_apart(labels: Sequence[str], codes: Sequence[str]) -> tuple[str, ...]:
    """Return labels that differ: equal ones are followed by their codes."""
    times = Counter(labels)
    return tuple(
        label if times[label] == 1 else f"{label} ({code})"
        for label, code in zip(labels, codes, strict=True)
    )

"""The columns of a file that say how its respondents were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ... import _validate
from ..._tables import read_table_file, reading
from ...errors import InputError
from ...inference import LONELY, Design, ReplicateWeights

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class DesignColumns:
    """The columns that hold a sample's design: strata and units, or replicate weights.

    Attributes
    ----------
    strata, units : sequence of str
        Columns of the strata and of the primary sampling units; several are crossed. Units are
        told apart within their stratum. Without units everybody is one.
    lonely : str
        What is done with strata of a single unit; see `Design`.
    replicate_weights : sequence of str
        Columns of the survey's own replicate weights, or patterns such as ``"rw*"``.
    method : str, optional
        Of the replicate weights: ``bootstrap``, ``brr``, ``fay:RHO``, ``jk1``, ``jk2``, ``sdr``,
        or ``jkn:WHERE``, where the factors of the replicates are in a file (one number a line)
        or in columns of the same table, one for each replicate.
    scale : float, optional
        In place of a method: the one factor of the sum of squares in the variance.

    Raises
    ------
    InputError
        If a setting is out of its range, or goes without what it belongs to.

    Examples
    --------
    >>> import pandas as pd
    >>> from socialpref.surveys import DesignColumns, survey_from_rows
    >>> rows = pd.DataFrame({
    ...     "sex": [1, 2, 1, 2, 1, 2], "Q": [1, 2, 2, 1, 2, 2],
    ...     "layer": [1, 1, 1, 2, 2, 2], "town": [1, 1, 2, 1, 2, 2],
    ... })
    >>> columns = DesignColumns(strata=["layer"], units=["town"])
    >>> survey_from_rows(rows, groups=["sex"], design=columns)["Q"].respondents.design.degrees
    2
    """

    strata: Sequence[str] = ()
    units: Sequence[str] = ()
    lonely: str = "error"
    replicate_weights: Sequence[str] = ()
    method: str | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        for name in ("strata", "units", "replicate_weights"):
            value = getattr(self, name)
            names = [value] if isinstance(value, str) else _validate.labels(name, value)
            object.__setattr__(self, name, tuple(names))
        _validate.choice("lonely", self.lonely, LONELY)
        if self.lonely != "error" and not self.strata:
            raise InputError("'lonely' is about units of strata (--lonely-psu, --strata).")
        if self.replicate_weights and (self.strata or self.units):
            raise InputError("a design has strata and units, or replicate weights; got both.")
        if self.replicate_weights and (self.method is None) == (self.scale is None):
            raise InputError(
                "replicate weights need --replicate-method (bootstrap, brr, fay:RHO, jk1, jk2, "
                "jkn:WHERE or sdr), or --replicate-scale in its place."
            )
        if not self.replicate_weights and (self.method is not None or self.scale is not None):
            raise InputError("a replicate method or scale needs --replicate-weights.")

    def named(self, frame: "pd.DataFrame", others: Sequence[str]) -> list[str]:
        """Return every column that belongs to the design; `others` have another use."""
        factors = self._factor_columns(frame, others)
        return [*self.strata, *self.units, *self._replicate_columns(frame, others), *factors]

    def _replicate_columns(self, frame: "pd.DataFrame", others: Sequence[str]) -> list[str]:
        factors = set(self._factor_columns(frame, others))
        free = [name for name in frame.columns if name not in factors and name not in others]
        return _matching("replicate_weights", self.replicate_weights, free)

    def _factor_columns(self, frame: "pd.DataFrame", others: Sequence[str]) -> list[str]:
        where = self._where()
        if not where or Path(where).is_file():
            return []
        free = [name for name in frame.columns if name not in others]
        return _matching("replicate_method", [x.strip() for x in where.split(",")], free)

    def _where(self) -> str:
        """Return where the factors of JKn are: a file or columns; nothing for other methods."""
        name, _, rest = (self.method or "").partition(":")
        return rest.strip() if name.strip().lower() == "jkn" else ""

    def design(self, frame: "pd.DataFrame", counts: Rows) -> Design | None:
        """Return the strata and units of a table's rows, of which some count."""
        if not (self.strata or self.units):
            return None
        known = np.ones(len(frame), dtype=bool)
        for column in (*self.strata, *self.units):
            blank = frame[column].astype(str).str.strip() == ""  # text of an SPSS file, say
            given = (frame[column].notna() & ~blank).to_numpy(bool)
            if (missing := ~given & counts).any():
                must = "known for every row that counts"
                raise _validate.complaint(column, must, f"{missing.sum()} missing")
            known &= given
        rows = frame[known]
        layers = _crossed(rows, self.strata) if self.strata else None
        inside = _crossed(rows, self.units) if self.units else None
        found = Design.of(layers, inside, lonely=self.lonely)
        units = np.full(len(frame), -1, dtype=np.intp)
        units[known] = found.units
        return Design(units, found.strata, found.names, self.lonely)

    def check_whole(self, frame: "pd.DataFrame", kept: Rows, condition: str) -> None:
        """Refuse a condition that keeps a part of a stratum.

        A part of a sample has the design of the whole: units without anybody of it count, too.
        """
        if not (self.strata or self.units):
            return
        layers = _crossed(frame, self.strata) if self.strata else ["the file"] * len(frame)
        split = {x for x, one in zip(layers, kept, strict=True) if one} & {
            x for x, one in zip(layers, kept, strict=True) if not one
        }
        if split:
            raise InputError(
                f"the condition {condition} keeps a part of stratum {min(split)!r}. A part of a "
                "sample has the design of the whole: make it a group, and leave the other groups "
                "out (--drop-groups)"
            )

    def replicates(
        self, frame: "pd.DataFrame", counts: Rows, weights: Floats, others: Sequence[str]
    ) -> ReplicateWeights | None:
        """Return the replicate weights of a table's rows, of which some count."""
        if not self.replicate_weights:
            return None
        columns = self._replicate_columns(frame, others)
        table = np.column_stack([numbers(frame, column) for column in columns])
        faulty = ~np.isfinite(table[counts]).all(axis=0)
        if faulty.any():
            must = "a finite weight for every row that counts"
            raise _validate.complaint(columns[int(faulty.argmax())], must, "another one")
        table = np.where(counts[:, None], table, 0.0)
        sums = table.sum(axis=0)
        if (faulty := sums <= 0.0).any():
            worst = int(faulty.argmax())
            must = "weights that add up to more than 0 (single ones may be negative)"
            raise _validate.complaint(columns[worst], must, f"a sum of {sums[worst]:g}")
        table.flags.writeable = False
        where, method = self._where(), self.method
        factors = None
        if where:
            method = "jkn"
            columns = self._factor_columns(frame, others)
            factors = _constants(frame[counts], columns) if columns else _read_factors(where)
        return ReplicateWeights.of(table, method, weights, factors=factors, scale=self.scale)


def numbers(frame: "pd.DataFrame", column: str) -> Floats:
    """Return a column of numbers, NaN where missing."""
    import pandas as pd

    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    strange = np.isnan(values) & frame[column].notna().to_numpy()
    if strange.any():
        raise _validate.complaint(column, "numbers", repr(frame[column].to_numpy()[strange][0]))
    return values


def _matching(argument: str, patterns: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return the columns that names or patterns stand for, each once."""
    found: dict[str, None] = {}
    for pattern in patterns:
        fitting = [name for name in columns if name == pattern or fnmatchcase(str(name), pattern)]
        if not fitting:
            raise _validate.complaint(argument, "columns of the table", repr(pattern))
        found |= dict.fromkeys(fitting)
    return list(found)


def _crossed(frame: "pd.DataFrame", columns: Sequence[str]) -> Sequence[str]:
    """Return each row's label: its values in some columns."""
    labels: Sequence[str] = frame[columns[0]].astype(str).tolist()
    for column in columns[1:]:
        more = frame[column].astype(str)
        labels = [f"{a} + {b}" for a, b in zip(labels, more, strict=True)]
    return labels


def _constants(frame: "pd.DataFrame", columns: Sequence[str]) -> Floats:
    """Return the one number that each column holds."""
    found = []
    for column in columns:
        values = np.unique(numbers(frame, column))
        if len(values) != 1:
            raise _validate.complaint(column, "the same factor in every row", f"{len(values)}")
        found.append(values[0])
    return np.array(found)


def _read_factors(where: str) -> Floats:
    """Return the factors of a file: one number a line, or the column ``factor`` of a table."""
    file = Path(where)
    with reading(file):
        text = file.read_text(encoding="utf-8-sig").split()
        try:
            return np.array([float(word) for word in text])
        except ValueError:
            table = read_table_file(file)
            if "factor" not in table.columns:
                raise InputError("there must be one number a line, or a column 'factor'") from None
            return numbers(table, "factor")

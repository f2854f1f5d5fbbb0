"""Rankings and ratings of items among rows of respondents, which are no survey questions."""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
LOOKED_AT = 2000
"""Rows that are looked at."""
MOST = 0.95
"""Share of the rows that must be rankings."""
FEWEST = 3
"""Fewer items are no ranking, and fewer columns no battery."""
LONGEST = 30
"""Places of the longest ranking."""
_LAST_PART = re.compile(r"([\W_]+\w+|\d+|(?<=\d)[A-Za-z])$")


def check_items(frame: "pd.DataFrame", columns: Iterable[str], file: str) -> None:
    """Refuse columns that rank items, and warn of columns that may rate items.

    Raises
    ------
    InputError
        If the rows of some columns are rankings: 1, 2, 3 in another order in each.
    """
    table = _whole_numbers(frame, columns)
    if names := rankings(table):
        raise InputError(
            f"{_named(names)} rank items, so their places are not options; "
            f"socialpref comparisons {file} --form rankings ranks the items"
        )
    for names in _batteries(table):
        warnings.warn(
            f"{_named(names)} have one scale; if they rate items, socialpref comparisons {file} "
            "--form ratings ranks the items; here the places of the scale are options",
            stacklevel=2,
        )


def rankings(table: dict[str, Floats]) -> list[str]:
    """Return the names of columns in which rows rank items, as many as there are; or none.

    Rankings may be incomplete: the given places are 1 to m.
    """
    names = list(table)
    for start, first in enumerate(names):
        together = [first]
        for name in names[start + 1 :]:
            if all(_never_equal(table[name], table[other]) for other in together):
                together.append(name)
        if len(together) >= FEWEST and _rank(np.column_stack([table[n] for n in together])):
            return together
    return []


def _never_equal(first: Floats, second: Floats) -> bool:
    both = ~np.isnan(first) & ~np.isnan(second)
    return bool(both.any() and (first[both] == second[both]).mean() <= 1 - MOST)


def _rank(rows: Floats) -> bool:
    """Return whether most rows hold the places 1 to m, each once."""
    given = (~np.isnan(rows)).sum(axis=1)
    ordered = np.sort(rows, axis=1)[given >= 2]  # NaN comes last
    places = np.arange(1.0, rows.shape[1] + 1)
    right = (np.isnan(ordered) | (ordered == places)).all(axis=1)
    differ = (rows[given >= 2] != ordered).any()  # else the columns only number themselves
    return bool(len(right) >= 2 and right.mean() >= MOST and differ)


def _batteries(table: dict[str, Floats]) -> list[list[str]]:
    """Return the names of columns with one stem and one scale of at least four places."""
    alike = defaultdict(list)
    for name, values in table.items():
        scale = tuple(np.unique(values[~np.isnan(values)]))
        stem = _LAST_PART.sub("", name)
        if len(scale) >= 4 and stem != name and stem:
            alike[stem, scale].append(name)
    return [names for names in alike.values() if len(names) >= FEWEST]


def _whole_numbers(frame: "pd.DataFrame", columns: Iterable[str]) -> dict[str, Floats]:
    """Return the columns that may hold places or ratings."""
    import pandas as pd

    table = {}
    for name in columns:
        column = frame[name].head(LOOKED_AT)
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            continue
        values = column.to_numpy(np.float64, na_value=np.nan)
        known = values[~np.isnan(values)]
        if len(known) and (known % 1 == 0).all() and known.min() >= 0 and known.max() <= LONGEST:
            table[str(name)] = values
    return table


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"the columns {', '.join(map(repr, names[:3]))}{more}"

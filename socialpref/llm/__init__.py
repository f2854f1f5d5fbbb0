"""Language models: pairs of texts, models, and trainers with this package's losses.

Needs torch, and for language models the rest of the extra ``llm``: transformers, trl, datasets,
peft and accelerate. The trainers are in `socialpref.llm.trainer`; the experiment on HH-RLHF is in
`socialpref.llm.experiments`.
"""
# ruff: noqa: E402 - without torch the imports below fail

from .._extras import require

require("llm", "socialpref.llm", ["torch"])

from .data import Corpus, Pair, measure, read_pairs
from .models import SMALL, Models, open_models
from .preferences import to_dataset

__all__ = [
    "SMALL",
    "Corpus",
    "Models",
    "Pair",
    "measure",
    "open_models",
    "read_pairs",
    "to_dataset",
]

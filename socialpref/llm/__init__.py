"""Language models: HH-RLHF with types that like lengths, on the ecosystem's own trainer.

Needs torch, and for language models the rest of the extra ``llm``: transformers, trl, datasets,
peft and accelerate.
"""
# ruff: noqa: E402 - without torch the imports below fail

from .._extras import require_llm

require_llm("socialpref.llm", ["torch"])

from .data import Audit, Corpus, Pair, audit, measure, read_pairs
from .experiments.arms import ARMS, Arm, Labels, annotate, expect, to_dataset
from .experiments.experiment import EXACT, PAPER, Outcome, Settings, accuracy, run, summary
from .experiments.lengths import length_rewards, mean_signs, reward_gaps
from .experiments.scorer import fit_score, learn_joint, population, true_joint
from .models import SMALL, Models, open_models

__all__ = [
    "ARMS",
    "EXACT",
    "PAPER",
    "SMALL",
    "Arm",
    "Audit",
    "Corpus",
    "Labels",
    "Models",
    "Outcome",
    "Pair",
    "Settings",
    "accuracy",
    "annotate",
    "audit",
    "expect",
    "fit_score",
    "learn_joint",
    "length_rewards",
    "mean_signs",
    "measure",
    "open_models",
    "population",
    "read_pairs",
    "reward_gaps",
    "run",
    "summary",
    "to_dataset",
    "true_joint",
]

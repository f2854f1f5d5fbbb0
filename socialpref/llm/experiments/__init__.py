"""The experiment on HH-RLHF: types of annotators who judge a text by its length.

`rewards` says what a length is worth to each type, `auditing` how the types would label a corpus,
and `arms` which labels are asked for. `length_score` fits a score for each length, and
`experiment` runs every arm, budget and seed.
"""

from .arms import ARMS, Arm, Labels, annotate, expect, labelled_pairs
from .auditing import Audit, audit
from .experiment import EXACT, PAPER, Outcome, Settings, accuracy, run, summary
from .length_score import fit_score, learn_joint, learn_pseudo_labels, population, true_joint
from .rewards import length_rewards, mean_signs, reward_gaps

__all__ = [
    "ARMS",
    "EXACT",
    "PAPER",
    "Arm",
    "Audit",
    "Labels",
    "Outcome",
    "Settings",
    "accuracy",
    "annotate",
    "audit",
    "expect",
    "fit_score",
    "labelled_pairs",
    "learn_joint",
    "learn_pseudo_labels",
    "length_rewards",
    "mean_signs",
    "population",
    "reward_gaps",
    "run",
    "summary",
    "true_joint",
]

"""The losses of TRL's DPO trainer for one pair, in the words of its code, at beta 1.

`test_trl_losses.py` compares them with the trainer's own code.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

SMOOTHING = 0.1
"""TRL's `label_smoothing`, where a loss uses it."""


def _chosen_first(values: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    won = label > 0.5
    return torch.where(won, values[:, 0], values[:, 1]), torch.where(
        won, values[:, 1], values[:, 0]
    )


def _winning(margin: Tensor, label: Tensor) -> Tensor:
    return (2 * label - 1) * margin


def sigmoid(margin: Tensor, label: Tensor) -> Tensor:
    return -logsigmoid(_winning(margin, label))


def hinge(margin: Tensor, label: Tensor) -> Tensor:
    return torch.relu(1 - _winning(margin, label))


def robust(margin: Tensor, label: Tensor) -> Tensor:
    delta = _winning(margin, label)
    clean, flipped = -(1 - SMOOTHING) * logsigmoid(delta), -SMOOTHING * logsigmoid(-delta)
    return (clean - flipped) / (1 - 2 * SMOOTHING)


def exo_pair(margin: Tensor, label: Tensor) -> Tensor:
    delta, epsilon = _winning(margin, label), torch.tensor(SMOOTHING)
    above = torch.sigmoid(delta) * (logsigmoid(delta) - torch.log1p(-epsilon))
    return above + torch.sigmoid(-delta) * (logsigmoid(-delta) - torch.log(epsilon))


def discopop(margin: Tensor, label: Tensor) -> Tensor:
    logits = _winning(margin, label)
    share = torch.sigmoid(logits / 0.05)
    return -logsigmoid(logits) * (1 - share) + torch.exp(-logits) * share


def _ratios(logp: Tensor, reference: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    return _chosen_first(logp - reference, label)


def _by_token(
    label: Tensor, logp: Tensor, reference: Tensor, length: Tensor
) -> tuple[Tensor, Tensor]:
    return _chosen_first((logp - reference) / length, label)


def ipo(margin: Tensor, label: Tensor, logp: Tensor, reference: Tensor, length: Tensor) -> Tensor:
    chosen, rejected = _by_token(label, logp, reference, length)
    return (chosen - rejected - 0.5) ** 2


def sigmoid_norm(
    margin: Tensor, label: Tensor, logp: Tensor, reference: Tensor, length: Tensor
) -> Tensor:
    chosen, rejected = _by_token(label, logp, reference, length)
    return -logsigmoid(chosen - rejected)


def nca_pair(margin: Tensor, label: Tensor, logp: Tensor, reference: Tensor) -> Tensor:
    chosen, rejected = _ratios(logp, reference, label)
    return -logsigmoid(chosen) - 0.5 * logsigmoid(-chosen) - 0.5 * logsigmoid(-rejected)


def bco_pair(margin: Tensor, label: Tensor, logp: Tensor, reference: Tensor) -> Tensor:
    chosen, rejected = _ratios(logp, reference, label)
    return -logsigmoid(chosen) - logsigmoid(-rejected)


def sppo_hard(margin: Tensor, label: Tensor, logp: Tensor, reference: Tensor) -> Tensor:
    chosen, rejected = _ratios(logp, reference, label)
    return (chosen - 0.5) ** 2 + (rejected + 0.5) ** 2


def apo_zero(margin: Tensor, label: Tensor, logp: Tensor, reference: Tensor) -> Tensor:
    chosen, rejected = _ratios(logp, reference, label)
    return 1 - torch.sigmoid(chosen) + torch.sigmoid(rejected)


def apo_down(margin: Tensor, label: Tensor, logp: Tensor, reference: Tensor) -> Tensor:
    chosen, rejected = _ratios(logp, reference, label)
    return torch.sigmoid(chosen) + 1 - torch.sigmoid(chosen - rejected)


def sft(margin: Tensor, label: Tensor, logp: Tensor) -> Tensor:
    """TRL divides by the tokens of the batch; of a large batch that is a constant."""
    return -_chosen_first(logp, label)[0]


LOSSES = {
    "sigmoid": (sigmoid, ()),
    "hinge": (hinge, ()),
    "ipo": (ipo, ("logp", "reference", "length")),
    "exo_pair": (exo_pair, ()),
    "nca_pair": (nca_pair, ("logp", "reference")),
    "robust": (robust, ()),
    "bco_pair": (bco_pair, ("logp", "reference")),
    "sppo_hard": (sppo_hard, ("logp", "reference")),
    "apo_zero": (apo_zero, ("logp", "reference")),
    "apo_down": (apo_down, ("logp", "reference")),
    "discopop": (discopop, ()),
    "sft": (sft, ("logp",)),
    "sigmoid_norm": (sigmoid_norm, ("logp", "reference", "length")),
}
"""Each loss by its `loss_type`, with what it sees beside margins and labels."""
BATCHES = ("aot", "aot_unpaired")
"""Losses that sort a batch, and so are no functions of one pair."""

"""TRL's trainers with the losses of `socialpref.training`.

`PreferenceTrainer` is a `trl.DPOTrainer` and `RewardModelTrainer` a `trl.RewardTrainer`: their
configurations, loggers, checkpoints, LoRA and ``accelerate launch`` work as TRL documents them.
Only the loss is another one: a function of margins and of what was said of each pair.
"""

from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
import trl
from accelerate.utils import is_peft_model
from torch import Tensor

from ..errors import ConvergenceError
from ..training.losses import JointMoments, margins
from ..training.objectives import Batch, Objective, dpo

COLUMNS = ("label", "joint")
"""What the losses read beside the texts: see `arms.to_dataset`."""


@dataclass
class _Collator:
    """Another collator, which also passes the columns of the losses on and cuts long texts."""

    texts: Callable[[list[dict[str, Any]]], dict[str, Any]]
    cut: int | None = None

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        if self.cut is not None:
            sides = ("chosen_ids", "rejected_ids")
            examples = [e | {side: e[side][: self.cut] for side in sides} for e in examples]
        batch = self.texts(examples)
        for name in COLUMNS:
            if name in examples[0]:
                batch[name] = torch.tensor([example[name] for example in examples]).float()
        return batch


class _WithObjective:
    """What both trainers share: the loss, its columns, and margins as predictions."""

    def _margin(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        raise NotImplementedError

    def compute_loss(
        self: Any,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the mean loss of a batch, and the margins if `return_outputs`."""
        said = {name: inputs[name] for name in COLUMNS if name in inputs}
        margin = self._margin(model, {k: v for k, v in inputs.items() if k not in COLUMNS})
        wins = said.get("label", torch.ones_like(margin))
        joint = JointMoments(*said["joint"].unbind(-1)) if "joint" in said else None
        batch = Batch(wins, 1.0 - wins, torch.ones_like(margin), self.n_labels, joint)
        loss = self.objective(margin, batch)
        if not torch.isfinite(loss):
            raise ConvergenceError(
                f"the loss is {loss.item()} at step {self.state.global_step}; the last checkpoint "
                "is the last good state"
            )
        facts = {"rewards/margins": margin, "rewards/accuracies": (margin > 0).float()}
        for name, values in facts.items():
            mean = self.accelerator.gather_for_metrics(values.detach()).mean().item()
            self._metrics["train" if self.model.training else "eval"][name].append(mean)
        return (loss, {"margin": margin}) if return_outputs else loss

    def prediction_step(
        self: Any,
        model: Any,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor, Tensor | None, None]:
        """Return loss and margins; ``predict`` gives the margins of a whole data set."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            loss, outputs = self.compute_loss(model, inputs, return_outputs=True)
        return loss, None if prediction_loss_only else outputs["margin"], None

    def _set_signature_columns_if_needed(self: Any) -> None:
        super()._set_signature_columns_if_needed()  # type: ignore[misc]
        self._signature_columns += [c for c in COLUMNS if c not in self._signature_columns]


class PreferenceTrainer(_WithObjective, trl.DPOTrainer):  # type: ignore[misc]
    """TRL's DPO trainer with a loss of margins.

    Parameters
    ----------
    *args, **kwargs
        As for `trl.DPOTrainer`; ``loss_type`` in its configuration is not used. The data set may
        have the columns ``label`` and ``joint`` of `arms.to_dataset`; without ``label`` the chosen
        text is preferred.
    objective : callable
        From `socialpref.training`: `dpo`, ``corrected(alpha)``, which needs ``joint``,
        `agreement_only`, or your own.
    n_labels : int
        For `agreement_only`: labels in each panel.
    reference : bool
        Whether implicit rewards are relative to the reference model. If not, none is loaded.
    shifted : bool
        Whether a token is scored by the logits before it, as it must be for scores to be
        log-probabilities. If not, by the logits at its own place, which have seen it: the form of
        the published script.

    References
    ----------
    arXiv 2502.16320, sections 5 to 7.
    """

    def __init__(
        self,
        *args: Any,
        objective: Objective = dpo,
        n_labels: int = 1,
        reference: bool = True,
        shifted: bool = True,
        **kwargs: Any,
    ) -> None:
        self.objective, self.n_labels = objective, n_labels
        self.reference, self.shifted = reference, shifted
        if not reference and kwargs.get("args") is not None:
            # The one way to keep TRL from loading a reference model: it believes that the
            # reference's log-probabilities are in the data set.
            kwargs["args"] = copy(kwargs["args"])
            kwargs["args"].precompute_ref_log_probs = True
        super().__init__(*args, **kwargs)
        self.data_collator: Any = _Collator(self.data_collator)

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        if not self.reference:
            return dataset
        return super()._precompute_ref_logps(dataset, name, batch_size)

    def compute_ref_log_probs(self, model: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Return the reference's log-probabilities of both texts of every pair."""
        initial: Any = nullcontext()
        if self.ref_model is None and is_peft_model(self.model):
            initial = self.accelerator.unwrap_model(self.model).disable_adapter()
        with torch.no_grad(), initial, self.accelerator.autocast():
            return self._log_probs(model, inputs)

    def _margin(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        policy, reference = self._log_probs(model, inputs), None
        if "ref_chosen_logps" in inputs:
            reference = inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]
        elif self.reference:
            reference = self.compute_ref_log_probs(self.ref_model or self.model, inputs)
        return margins(policy, reference, self.beta)

    def _log_probs(self, model: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        tokens = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
        scored = {"labels" if self.shifted else "shift_labels": tokens}
        texts = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        # TRL's head: it scores these tokens without keeping the logits of all words.
        outputs = model(**texts, **scored, use_cache=False, fused_lm_head=True)
        chosen, rejected = outputs.log_probs.sum(dim=1).chunk(2)
        return chosen, rejected


class RewardModelTrainer(_WithObjective, trl.RewardTrainer):  # type: ignore[misc]
    """TRL's reward trainer with a loss of margins.

    Parameters
    ----------
    *args, **kwargs
        As for `trl.RewardTrainer`, except that texts longer than ``max_length`` are cut, not left
        out; ``margin`` and ``center_rewards_coefficient`` are not used.
    objective, n_labels
        As for `PreferenceTrainer`.
    """

    def __init__(
        self, *args: Any, objective: Objective = dpo, n_labels: int = 1, **kwargs: Any
    ) -> None:
        self.objective, self.n_labels = objective, n_labels
        kwargs["args"] = copy(kwargs.get("args") or trl.RewardConfig())
        cut, kwargs["args"].max_length = kwargs["args"].max_length, None
        super().__init__(*args, **kwargs)
        self.data_collator: Any = _Collator(self.data_collator, cut)

    def _margin(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        chosen, rejected = model(**inputs, use_cache=False).logits.squeeze(-1).chunk(2)
        return chosen - rejected

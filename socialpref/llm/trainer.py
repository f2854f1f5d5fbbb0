"""TRL's trainers with the losses of `socialpref.training`.

`PreferenceTrainer` is a `trl.DPOTrainer` and `RewardModelTrainer` a `trl.RewardTrainer`: their
configurations, loggers, checkpoints, LoRA and ``accelerate launch`` work as TRL documents them.
Only the loss is another one: a function of margins and of what was said of each pair. Options of
TRL's own losses are refused, and so is what is not compared with TRL's trainers in the tests.
"""
# ruff: noqa: E402 - without TRL, or with another version of it, the imports below fail

from .._extras import require

require("llm", "socialpref.llm.trainer")

import inspect
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from copy import copy
from dataclasses import MISSING, fields
from typing import Any, ClassVar

import torch
import trl
from accelerate.utils import DistributedType
from datasets import Dataset, IterableDataset
from datasets.fingerprint import Hasher
from peft import PeftModel, PromptLearningConfig
from torch import Tensor
from transformers import PreTrainedModel, ProcessorMixin
from trl.models.utils import disable_gradient_checkpointing
from trl.trainer.utils import selective_log_softmax, use_adapter

from .. import _validate
from ..errors import ConvergenceError, InputError
from ..training.losses import JointMoments, margins
from ..training.objectives import Batch, Objective, dpo
from .columns import (
    COLUMNS,
    REFERENCE,
    Collator,
    checked,
    first_row,
    panel_size,
    weights_of_mean_one,
)

FUSED = hasattr(trl.trainer.utils, "add_fused_lm_head")
"""Whether this version of TRL scores tokens without keeping the logits of all words."""
LOSS = "since 'objective' is the loss"
PREDICTIONS = "since predictions are margins, without labels"
UNTRIED = "since it is not compared with TRL's trainer here"


def _because(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


REFUSED: Mapping[str, str] = {
    **_because(LOSS, "label_smoothing_factor"),
    **_because(PREDICTIONS, "label_names", "include_for_metrics", "batch_eval_metrics"),
    **_because(UNTRIED, "torch_compile", "torch_compile_backend", "torch_compile_mode"),
    **_because(UNTRIED, "use_liger_kernel", "liger_kernel_config"),
    **_because(UNTRIED, "deepspeed", "fsdp", "fsdp_config", "parallelism_config"),
}
"""The options of both trainers' configurations that must have their default, and why."""
PROCESSES = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
"""Ways to run in which every process holds the whole model."""
NOISE = {True: 0.5, False: 0.01}
"""How far a log-probability may be from the reference's when training begins, in units of the
square root of the number of tokens; in half precision or TF32, and else."""
OF_OTHER_LOSSES = ("joint", "pseudo_label")
"""Columns that `dpo` would ignore, so that it must be asked for where they are."""


class _WithObjective:
    """What both trainers share: the loss, its columns, and margins as predictions."""

    refused: ClassVar[Mapping[str, str]]
    """Options of the configuration that must have their default, and why."""
    logged: ClassVar[tuple[str, str]]
    """TRL's names for the mean margin and for the share of margins above 0."""
    scored: ClassVar[str]
    """The mask of the tokens that are scored."""
    _weighs = False
    """Whether the objective is known to use weights."""

    def _take(self, kind: Any, config: Any, given: Any, objective: Any, n_labels: Any) -> Any:
        """Check and keep the arguments; return those of TRL's trainer by name."""
        if objective is not None and not callable(objective):
            raise _validate.complaint("objective", "a function", _validate.shown(objective))
        self.objective: Objective = dpo if objective is None else objective
        if n_labels is not None:
            _validate.integer("n_labels", n_labels, 1)
        args, kwargs = given
        options = inspect.signature(kind.__init__).bind(self, *args, **kwargs).arguments
        del options["self"]
        for name in ("compute_metrics", "preprocess_logits_for_metrics"):
            if options.get(name) is not None:
                raise InputError(f"'{name}' is refused: predictions are margins, without labels")
        if options.get("args") is not None:
            _validate.instance("args", options["args"], config, f"a trl.{config.__name__}")
            _refuse_options(options["args"], self.refused)
        if options.get("quantization_config") is not None:
            raise _validate.complaint("quantization_config", f"None, {UNTRIED}", "another")
        _refuse_kinds(options.get("model"), options.get("processing_class"))
        _refuse_adapters(options.get("model"), options.get("peft_config"))
        return options

    def _take_data(self, options: Any, objective: Any, n_labels: Any) -> None:
        """Look at the first row of the train data set."""
        pairs, must = options.get("train_dataset"), "a datasets.Dataset or IterableDataset"
        _validate.instance("train_dataset", pairs, (Dataset, IterableDataset), must)
        first = first_row(pairs.with_format(None), "train")
        images = sorted({"image", "images"} & first.keys())
        if images:
            raise _validate.complaint("train_dataset", "of texts", f"a column {images[0]!r}")
        others = [name for name in OF_OTHER_LOSSES if name in first]
        if objective is None and others:
            must = f"given, since the train data set has a column {others[0]!r}"
            raise _validate.complaint("objective", must, "none")
        self.n_labels: int | None = panel_size(first, n_labels)

    def _refuse_loaded(self: Any) -> None:
        """Refuse what names and the environment, not the arguments, have brought in."""
        _refuse_kinds(self.model, self.processing_class)
        if not any(weights.requires_grad for weights in self.model.parameters()):
            must = "with weights that are trained (an adapter is loaded with is_trainable=True)"
            raise _validate.complaint("model", must, "one whose weights are all frozen")
        kind = self.accelerator.distributed_type
        if kind not in PROCESSES or self.accelerator.parallelism_config is not None:
            must = f"one process or several with the whole model each, {UNTRIED}"
            raise _validate.complaint("accelerate", f"set up for {must}", kind)

    def _margin(self, model: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
        """Return the margins of a batch, and what the model adds to the loss."""
        raise NotImplementedError

    def compute_loss(
        self: Any,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the mean loss of a batch, and the margins if `return_outputs`."""
        margin, auxiliary = self._margin(model, _without_columns(inputs))
        batch = self._said(margin, inputs)
        loss = self._loss(margin, batch, asks="weight" in inputs and not self._weighs)
        if not torch.isfinite(loss):
            raise ConvergenceError(
                f"the loss is {loss.item()} at step {self.state.global_step}; the last checkpoint "
                "is the last good state"
            )
        facts = dict(zip(self.logged, (margin, (margin > 0).float()), strict=True))
        facts = {name: batch.weight * values for name, values in facts.items()}
        if auxiliary is not None:
            loss = loss + self.router_aux_loss_coef * auxiliary
            facts["aux_loss"] = auxiliary
        for name, values in facts.items():
            mean = self.accelerator.gather(values.detach()).mean().item()
            self._metrics["train" if self.model.training else "eval"][name].append(mean)
        return (loss, {"margin": margin}) if return_outputs else loss

    def _said(self: Any, margin: Tensor, inputs: dict[str, Any]) -> Batch:
        """Return what is known of a batch beside its margins."""
        wins = inputs.get("label", torch.ones_like(margin))
        joint = JointMoments(*inputs["joint"].unbind(-1)) if "joint" in inputs else None
        first, second = inputs[self.scored].sum(dim=1).chunk(2)
        return Batch(
            wins,
            1.0 - wins,
            inputs.get("weight", torch.ones_like(margin)),
            self.n_labels,
            joint,
            inputs.get("annotator"),
            inputs.get("annotator_type"),
            (first, second),
            inputs.get("pseudo_label"),
            inputs.get("pseudo_weight"),
        )

    def _loss(self: Any, margin: Tensor, batch: Batch, *, asks: bool) -> Tensor:
        """Return the objective of a batch, in which each row counts by its weight.

        The objective divides by the weights of the batch. The weights of the data set have mean
        1, so that multiplying by the batch's mean lets a row count the same in any batch. If
        `asks`, an objective that does not use the weights is refused.
        """
        asks = asks and margin.requires_grad
        if asks:
            batch.weight.requires_grad_()
        loss = self.objective(margin, batch)
        if not isinstance(loss, Tensor) or loss.ndim:
            must = "a function that returns the mean loss, a tensor of no axes"
            raise _validate.complaint("objective", must, _validate.shown(loss))
        if asks:
            used = _depends(loss, batch.weight)
            batch.weight.requires_grad_(False)
            if not used:
                must = "a function that uses 'batch.weight', since the data set has weights"
                raise _validate.complaint("objective", must, "one that does not")
            self._weighs = True
        if margin.requires_grad and not loss.requires_grad:
            raise _validate.complaint("objective", "a function of the margins", "one that is not")
        return loss * batch.weight.detach().mean()

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

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: Any, dataset_name: str
    ) -> Any:
        dataset = checked(dataset, dataset_name, self.n_labels)
        dataset = super()._prepare_dataset(  # type: ignore[misc]
            dataset, processing_class, args, dataset_name
        )
        if isinstance(dataset, Dataset) and not len(dataset):
            must = f"larger than the prompts of the {dataset_name} data set"
            raise _validate.complaint("max_length", must, args.max_length)
        return weights_of_mean_one(dataset)

    def _set_signature_columns_if_needed(self: Any) -> None:
        super()._set_signature_columns_if_needed()  # type: ignore[misc]
        self._signature_columns += [c for c in COLUMNS if c not in self._signature_columns]


def _depends(loss: Tensor, weight: Tensor) -> bool:
    """Return whether a loss was computed from weights."""
    if not loss.requires_grad:
        return False
    (slope,) = torch.autograd.grad(loss, weight, retain_graph=True, allow_unused=True)
    return slope is not None


def _without_columns(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in inputs.items() if name not in COLUMNS}


def _refuse_options(config: Any, refused: Mapping[str, str]) -> None:
    """Refuse options that are not at their default."""
    for field in fields(config):
        if field.name not in refused:
            continue
        default = field.default if field.default_factory is MISSING else field.default_factory()
        value = getattr(config, field.name)
        if value != default:
            must = f"left at {default!r}, {refused[field.name]}"
            raise _validate.complaint(field.name, must, _validate.shown(value))


def _refuse_kinds(model: Any, tokenizer: Any) -> None:
    """Refuse kinds of models that are not compared with TRL's trainers."""
    if isinstance(tokenizer, ProcessorMixin):
        must = f"a tokenizer, of a model of texts alone, {UNTRIED}"
        raise _validate.complaint("processing_class", must, "a processor")
    if getattr(model, "is_quantized", False):
        raise _validate.complaint("model", f"one of full weights, {UNTRIED}", "a quantized one")


def _refuse_adapters(model: Any, new: Any) -> None:
    """Refuse several adapters, and those that are no change of weights."""
    adapters = {"peft_config": [new]}
    if isinstance(model, PeftModel):
        adapters["model"] = list(model.peft_config.values())
        if list(model.peft_config) != ["default"]:
            must = "a model with one adapter, of the name 'default'"
            raise _validate.complaint("model", must, f"adapters {list(model.peft_config)}")
    for name, those in adapters.items():
        if any(isinstance(one, PromptLearningConfig) for one in those):
            must = "with an adapter of weights, such as LoRA, which begins at the reference"
            raise _validate.complaint(name, must, "a learned prompt")


class PreferenceTrainer(_WithObjective, trl.DPOTrainer):  # type: ignore[misc]
    """TRL's DPO trainer with a loss of margins.

    Parameters
    ----------
    *args, **kwargs
        As for `trl.DPOTrainer`. The reference is TRL's: ``ref_model`` if given; the base model for
        a new adapter (``peft_config``); a copy of the adapter for a model that has one; else the
        model as it was loaded by name. Beside the texts the data set may have the columns
        ``label``, the share of labels that prefer the chosen text, 1 if there is none; ``joint``;
        ``weight``, how much a row counts; ``annotator`` and ``annotator_type``, integers, -1 where
        not known; ``n_labels``; and ``pseudo_label`` and ``pseudo_weight``, for
        `orthogonal_loss`. `socialpref.llm.to_dataset` makes them.
    objective : callable, optional
        From `socialpref.training`: `dpo`, ``corrected(alpha)``, which needs ``joint``,
        `agreement_only`, `orthogonal_loss`, or your own. If omitted it is `dpo`, and the data set
        must have none of the columns ``joint`` and ``pseudo_label``, which are for other losses.
    n_labels : int, optional
        If each row is a panel: how many labels it has, one of each type. Panels whose labels
        differ are left out. Read from the column ``n_labels`` if omitted. `agreement_only` needs
        it.
    reference : bool
        Whether implicit rewards are relative to the reference model. If not, none is loaded.
    shifted : bool
        Whether a token is scored by the logits before it, as it must be for scores to be
        log-probabilities. If not, by the logits at its own place, which have seen it: the form of
        the published script.

    Raises
    ------
    InputError
        If an option is set that the loss would ignore, or that is not compared with TRL's trainer
        in the tests: the keys of `refused`, `compute_metrics`, quantized models, learned prompts,
        several adapters, images; if a value of a column is not what it must be, in which case the
        row is named, counted from 0; and, when training begins, if the reference is not the model
        as it begins and no ``ref_model`` was given. A data set that is streamed is checked as it
        is read.

    References
    ----------
    arXiv 2502.16320, sections 5 to 7.
    """

    refused: ClassVar[Mapping[str, str]] = {
        **REFUSED,
        **_because(LOSS, "loss_type", "loss_weights", "label_smoothing", "ld_alpha"),
        **_because(LOSS, "f_divergence_type", "f_alpha_divergence_coef", "use_weighting"),
        **_because(LOSS, "discopop_tau"),
        "padding_free": "since TRL does not use it",
    }
    logged = ("rewards/margins", "rewards/accuracies")
    scored = "completion_mask"

    def __init__(
        self,
        *args: Any,
        objective: Objective | None = None,
        n_labels: int | None = None,
        reference: bool = True,
        shifted: bool = True,
        **kwargs: Any,
    ) -> None:
        options = self._take(trl.DPOTrainer, trl.DPOConfig, (args, kwargs), objective, n_labels)
        _validate.instance("reference", reference, bool, "True or False")
        _validate.instance("shifted", shifted, bool, "True or False")
        self.reference, self.shifted = reference, shifted
        config, model, given = (options.get(name) for name in ("args", "model", "ref_model"))
        if config is not None:
            _validate.number("beta", config.beta, 0.0, above=True)
        if not reference:
            if given is not None:
                raise InputError("'ref_model' is given, but 'reference' is False")
            if config is not None and config.sync_ref_model:
                raise InputError("'sync_ref_model' is set, but 'reference' is False")
            # The one way to keep TRL from loading a reference model: it believes that the
            # reference's log-probabilities are computed in advance.
            options["args"] = copy(config or trl.DPOConfig("trainer_output"))
            options["args"].precompute_ref_log_probs = True
        elif given is None:
            _refuse_nameless(model, options)
        else:
            must = "a model of whole weights, loaded; an adapter's are merged (merge_and_unload)"
            _validate.instance("ref_model", given, PreTrainedModel, must)
        self._take_data(options, objective, n_labels)
        super().__init__(**options)
        self._refuse_loaded()
        self.precompute_ref_logps: bool = self.precompute_ref_logps and reference
        self.data_collator: Any = Collator(self.data_collator)
        # Dropout and noise change log-probabilities from one time to the next.
        noisy = not self.args.disable_dropout or self.args.neftune_noise_alpha is not None
        self._begins = reference and given is None and not noisy

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        if not self.reference:
            return dataset
        if isinstance(dataset, Dataset):
            # TRL's cache is named after the data set and the weights alone.
            config = self.args
            also = (config.max_length, config.truncation_mode, config.bf16, config.fp16)
            dataset = copy(dataset)
            dataset._fingerprint = Hasher.hash((dataset._fingerprint, self.shifted, *also))
        return super()._precompute_ref_logps(dataset, name, batch_size)

    def compute_ref_log_probs(self, model: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Return the reference's log-probabilities of both texts of every pair."""
        adapter: Any = nullcontext()
        whole = self.accelerator.unwrap_model(self.model)
        if self.ref_model is None and isinstance(whole, PeftModel):
            adapter = use_adapter(whole, "ref" if "ref" in whole.peft_config else None)
        with warnings.catch_warnings():  # TRL asks transformers 5 by a former name
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            checkpoints = disable_gradient_checkpointing(
                self.model, self.args.gradient_checkpointing_kwargs
            )
            with torch.no_grad(), checkpoints, adapter, self.accelerator.autocast():
                return self._log_probs(model, _without_columns(inputs))[0]

    def _margin(self, model: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
        options = {"output_router_logits": True} if self.aux_loss_enabled else {}
        (chosen, rejected), outputs = self._log_probs(model, inputs, **options)
        if self.reference:
            reference = (
                (inputs[REFERENCE[0]], inputs[REFERENCE[1]])
                if self.precompute_ref_logps
                else self.compute_ref_log_probs(self.ref_model or self.model, inputs)
            )
            # Ratios first, as TRL does: they are small, and log-probabilities of texts are not.
            chosen, rejected = chosen - reference[0], rejected - reference[1]
            self._check_beginning(torch.cat([chosen, rejected]), inputs["completion_mask"])
        margin = margins((chosen, rejected), beta=self.beta)
        return margin, outputs.aux_loss if self.aux_loss_enabled else None

    def _log_probs(
        self, model: Any, inputs: dict[str, Any], **options: Any
    ) -> tuple[tuple[Tensor, Tensor], Any]:
        """Return log-probabilities of the chosen and the rejected texts, and the model's output."""
        mask = inputs["completion_mask"]
        texts = {k: v for k, v in inputs.items() if k not in ("completion_mask", *REFERENCE)}
        options |= texts | {"use_cache": False}
        tokens = inputs["input_ids"].masked_fill(mask == 0, -100)
        if FUSED:
            options["labels" if self.shifted else "shift_labels"] = tokens
            outputs = model(**options, fused_lm_head=True)
            each = outputs.log_probs
        else:
            outputs = model(**options)
            logits = outputs.logits
            if self.shifted:
                logits, tokens = logits[:, :-1], tokens[:, 1:]
            said = tokens != -100
            each = selective_log_softmax(logits, tokens.clamp(min=0), row_mask=said) * said
        return each.sum(dim=1).chunk(2), outputs

    def _check_beginning(self, ratios: Tensor, mask: Tensor) -> None:
        """Refuse a reference that is not the model as it begins, unless it was given."""
        if not self._begins or not self.is_in_train:
            return
        self._begins = False
        if self.state.global_step:
            return
        rough = self.accelerator.mixed_precision != "no" or self.model.dtype.itemsize < 4
        off = ratios.detach().abs() / mask.sum(dim=1).clamp(min=1).sqrt()
        if off.max() > NOISE[rough or bool(self.args.tf32)]:
            worst = ratios[off.argmax()].item()
            raise InputError(
                "the reference is not the model as it begins: the log-probability of a text "
                f"differs by {worst:.3g} before the first step. Give 'ref_model'. TRL's own "
                "reference is what is loaded from the model's name, or the base model without "
                "its new adapter, or a copy of an adapter of plain weights"
            )


def _refuse_nameless(model: Any, options: Mapping[str, Any]) -> None:
    """Refuse a model that TRL cannot load again as the reference, where it would."""
    config = options.get("args")
    kept = options.get("peft_config") is not None or isinstance(model, PeftModel)
    if kept or (config is not None and config.precompute_ref_log_probs):
        return
    if isinstance(model, PreTrainedModel) and not model.config._name_or_path:
        raise InputError(
            "'ref_model' must be given, or 'precompute_ref_log_probs' set: the model was not "
            "loaded by name, so that it cannot be loaded again as the reference"
        )


class RewardModelTrainer(_WithObjective, trl.RewardTrainer):  # type: ignore[misc]
    """TRL's reward trainer with a loss of margins.

    Parameters
    ----------
    *args, **kwargs
        As for `trl.RewardTrainer`, except that texts longer than ``max_length`` are cut, not left
        out.
    objective, n_labels
        As for `PreferenceTrainer`.

    Raises
    ------
    InputError
        If the configuration sets ``center_rewards_coefficient``, the data set has the column
        ``margin``, or as for `PreferenceTrainer`.
    """

    refused: ClassVar[Mapping[str, str]] = {**REFUSED, "center_rewards_coefficient": LOSS}
    logged = ("margin", "accuracy")
    scored = "attention_mask"

    def __init__(
        self,
        *args: Any,
        objective: Objective | None = None,
        n_labels: int | None = None,
        **kwargs: Any,
    ) -> None:
        kind, config = trl.RewardTrainer, trl.RewardConfig
        options = self._take(kind, config, (args, kwargs), objective, n_labels)
        self._take_data(options, objective, n_labels)
        super().__init__(**options)
        self._refuse_loaded()
        self.data_collator: Any = Collator(self.data_collator)

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: Any, dataset_name: str
    ) -> Any:
        if "margin" in first_row(dataset, dataset_name):
            must = "without a column 'margin', which only TRL's own loss knows"
            raise _validate.complaint(f"{dataset_name} data set", must, "one")
        whole, most = copy(args), args.max_length
        whole.max_length = None
        dataset = super()._prepare_dataset(dataset, processing_class, whole, dataset_name)
        if most is None:
            return dataset
        sides = ("chosen_ids", "rejected_ids")
        return dataset.map(lambda row: {side: row[side][:most] for side in sides})

    def _margin(self, model: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
        scores = model(**inputs, use_cache=False).logits
        if scores.shape[1:] != (1,):
            must = "a model with one score for each text (num_labels=1)"
            raise _validate.complaint("model", must, f"scores of shape {tuple(scores.shape)}")
        chosen, rejected = scores.squeeze(-1).chunk(2)
        return chosen - rejected, None

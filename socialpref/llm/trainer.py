"""TRL's trainers with the losses of `socialpref.training`.

`PreferenceTrainer` is a `trl.DPOTrainer` and `RewardModelTrainer` a `trl.RewardTrainer`: their
configurations, loggers, checkpoints, LoRA and ``accelerate launch`` work as TRL documents them.
Only the loss is another one: a function of margins and of what was said of each pair. Options of
TRL's own losses are refused.
"""
# ruff: noqa: E402 - without TRL, or with another version of it, the imports below fail

from .._extras import require

require("llm", "socialpref.llm.trainer")

import inspect
import warnings
from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

import torch
import trl
from datasets import Dataset, IterableDataset
from peft import PeftModel
from torch import Tensor

from .. import _validate
from ..errors import ConvergenceError, InputError
from ..training.losses import JointMoments, margins
from ..training.objectives import Batch, Objective, dpo

COLUMNS = ("label", "joint")
"""What the losses read beside the texts: see `arms.to_dataset`."""
REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")
"""The columns that TRL adds where it computes the reference's log-probabilities in advance."""


@dataclass
class _Collator:
    """A collator that also passes on the columns that the losses read."""

    texts: Callable[[list[dict[str, Any]]], dict[str, Any]]

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = self.texts(examples)
        for name in COLUMNS:
            if name in examples[0]:
                batch[name] = torch.tensor([example[name] for example in examples]).float()
        return batch


def _first_row(dataset: Any, name: str) -> dict[str, Any]:
    for row in dataset:
        return dict(row)
    raise _validate.complaint(f"{name} data set", "one of at least one row", "none")


def _checked(dataset: Any, name: str) -> Any:
    """Return a data set whose columns of the losses are checked: a stream's as it is read."""
    first = _first_row(dataset, name)
    columns = [column for column in COLUMNS if column in first]
    if any(column in first for column in REFERENCE):
        must = f"without the columns {' and '.join(REFERENCE)}, which the trainer adds"
        raise _validate.complaint(f"{name} data set", must, "one that has them")

    def check(row: dict[str, Any], number: int) -> dict[str, Any]:
        where = f"row {number} of the {name} data set"
        found = [column for column in COLUMNS if column in row]
        if found != columns:
            raise InputError(f"{where} has the columns {found}; the first row has {columns}")
        if "label" in row:
            _validate.number(f"label in {where}", row["label"], 0.0, 1.0)
        if "joint" in row:
            _check_joint(f"joint in {where}", row["joint"])
        return row

    if not isinstance(dataset, Dataset):
        return dataset.map(check, with_indices=True)
    if columns:
        for number, row in enumerate(dataset.select_columns(columns).with_format(None)):
            check(row, number)
    return dataset


def _check_joint(name: str, moments: Any) -> None:
    """Refuse values that are not ``E p^2``, ``E p (1 - p)`` and ``E (1 - p)^2`` of one pair."""
    must = "three numbers a, b and c with a + 2 b + c = 1"
    if not isinstance(moments, list | tuple) or len(moments) != 3:
        raise _validate.complaint(name, must, _validate.shown(moments))
    a, b, c = (_validate.number(name, moment, 0.0, 1.0) for moment in moments)
    if abs(a + 2.0 * b + c - 1.0) > _validate.SUM_TOLERANCE:
        raise _validate.complaint(name, must, _validate.shown(moments))


class _WithObjective:
    """What both trainers share: the loss, its columns, and margins as predictions."""

    refused: ClassVar[tuple[str, ...]]
    """Options of the configuration that only TRL's own losses know."""
    logged: ClassVar[tuple[str, str]]
    """TRL's names for the mean margin and for the share of margins above 0."""

    def _take(self, kind: Any, config: Any, given: Any, objective: Any, n_labels: Any) -> Any:
        """Check and keep the arguments; return those of TRL's trainer by name."""
        if not callable(objective):
            raise _validate.complaint("objective", "a function", _validate.shown(objective))
        self.objective: Objective = objective
        self.n_labels = _validate.integer("n_labels", n_labels, 1)
        args, kwargs = given
        options = inspect.signature(kind.__init__).bind(self, *args, **kwargs).arguments
        del options["self"]
        for name in ("compute_metrics", "preprocess_logits_for_metrics"):
            if options.get(name) is not None:
                raise InputError(f"'{name}' is refused: predictions are margins, without labels")
        if options.get("args") is not None:
            _validate.instance("args", options["args"], config, f"a trl.{config.__name__}")
            _refuse_options(options["args"], self.refused)
        return options

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
        said = {name: inputs[name] for name in COLUMNS if name in inputs}
        margin, auxiliary = self._margin(model, _without_columns(inputs))
        wins = said.get("label", torch.ones_like(margin))
        joint = JointMoments(*said["joint"].unbind(-1)) if "joint" in said else None
        batch = Batch(wins, 1.0 - wins, torch.ones_like(margin), self.n_labels, joint)
        loss = self.objective(margin, batch)
        if not isinstance(loss, Tensor) or loss.ndim:
            must = "a function that returns the mean loss, a tensor of no axes"
            raise _validate.complaint("objective", must, _validate.shown(loss))
        if not torch.isfinite(loss):
            raise ConvergenceError(
                f"the loss is {loss.item()} at step {self.state.global_step}; the last checkpoint "
                "is the last good state"
            )
        facts = dict(zip(self.logged, (margin, (margin > 0).float()), strict=True))
        if auxiliary is not None:
            loss = loss + self.router_aux_loss_coef * auxiliary
            facts["aux_loss"] = auxiliary
        for name, values in facts.items():
            mean = self.accelerator.gather(values.detach()).mean().item()
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

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: Any, dataset_name: str
    ) -> Any:
        dataset = _checked(dataset, dataset_name)
        return super()._prepare_dataset(  # type: ignore[misc]
            dataset, processing_class, args, dataset_name
        )

    def _set_signature_columns_if_needed(self: Any) -> None:
        super()._set_signature_columns_if_needed()  # type: ignore[misc]
        self._signature_columns += [c for c in COLUMNS if c not in self._signature_columns]


def _without_columns(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in inputs.items() if name not in COLUMNS}


def _refuse_options(config: Any, names: tuple[str, ...]) -> None:
    """Refuse options that are not at their default."""
    for field in fields(config):
        if field.name not in names:
            continue
        default = field.default if field.default_factory is MISSING else field.default_factory()
        value = getattr(config, field.name)
        if value != default:
            must = f"left at {default!r}, since 'objective' is the loss"
            raise _validate.complaint(field.name, must, _validate.shown(value))


class PreferenceTrainer(_WithObjective, trl.DPOTrainer):  # type: ignore[misc]
    """TRL's DPO trainer with a loss of margins.

    Parameters
    ----------
    *args, **kwargs
        As for `trl.DPOTrainer`. The data set may have the columns ``label`` and ``joint`` of
        `arms.to_dataset`; without ``label`` the chosen text is preferred. The reference is TRL's:
        ``ref_model`` if given; the base model for a new adapter (``peft_config``); a copy of the
        adapter for a model that has one; else the model as it begins.
    objective : callable
        From `socialpref.training`: `dpo`, ``corrected(alpha)``, which needs ``joint``,
        `agreement_only`, or your own.
    n_labels : int
        For `agreement_only`: labels in each panel, which must be one of each type.
    reference : bool
        Whether implicit rewards are relative to the reference model. If not, none is loaded.
    shifted : bool
        Whether a token is scored by the logits before it, as it must be for scores to be
        log-probabilities. If not, by the logits at its own place, which have seen it: the form of
        the published script.

    Raises
    ------
    InputError
        If the configuration sets an option of TRL's own losses (``loss_type``, ``loss_weights``,
        ``label_smoothing``, ``ld_alpha``, ``f_divergence_type``, ``f_alpha_divergence_coef``,
        ``use_weighting``, ``discopop_tau``) or `compute_metrics` is given; if ``label`` is not a
        number in [0, 1], or ``joint`` not three with ``a + 2 b + c = 1``, in which case the row
        is named, counted from 0; or if the data set has images. A data set that is streamed is
        checked as it is read.

    References
    ----------
    arXiv 2502.16320, sections 5 to 7.
    """

    refused = (
        "loss_type", "loss_weights", "label_smoothing", "ld_alpha", "f_divergence_type",
        "f_alpha_divergence_coef", "use_weighting", "discopop_tau", "label_smoothing_factor",
    )  # fmt: skip
    logged = ("rewards/margins", "rewards/accuracies")

    def __init__(
        self,
        *args: Any,
        objective: Objective = dpo,
        n_labels: int = 1,
        reference: bool = True,
        shifted: bool = True,
        **kwargs: Any,
    ) -> None:
        options = self._take(trl.DPOTrainer, trl.DPOConfig, (args, kwargs), objective, n_labels)
        _validate.instance("reference", reference, bool, "True or False")
        _validate.instance("shifted", shifted, bool, "True or False")
        self.reference, self.shifted = reference, shifted
        config, model = options.get("args"), options.get("model")
        if config is not None:
            _validate.number("beta", config.beta, 0.0, above=True)
        pairs = options.get("train_dataset")
        if isinstance(pairs, Dataset | IterableDataset):
            images = sorted({"image", "images"} & _first_row(pairs, "train").keys())
            if images:
                raise _validate.complaint("train_dataset", "of texts", f"a column {images[0]!r}")
        copied = isinstance(model, PeftModel) and options.get("ref_model") is None
        if copied and "default" not in model.peft_config:
            must = "a model whose adapter has the name 'default', for a copy as the reference"
            raise _validate.complaint("model", must, f"adapters {list(model.peft_config)}")
        if not reference:
            if options.get("ref_model") is not None:
                raise InputError("'ref_model' is given, but 'reference' is False")
            if config is not None and config.sync_ref_model:
                raise InputError("'sync_ref_model' is set, but 'reference' is False")
            # The one way to keep TRL from loading a reference model: it believes that the
            # reference's log-probabilities are computed in advance.
            options["args"] = copy(config or trl.DPOConfig("trainer_output"))
            options["args"].precompute_ref_log_probs = True
        super().__init__(**options)
        self.precompute_ref_logps: bool = self.precompute_ref_logps and reference
        self.data_collator: Any = _Collator(self.data_collator)

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        if not self.reference:
            return dataset
        if not self.shifted:  # TRL's cache is named after the data and the model alone
            model_hash = str(self._precompute_model_hash).removesuffix(" unshifted")
            self._precompute_model_hash: str = f"{model_hash} unshifted"
        return super()._precompute_ref_logps(dataset, name, batch_size)

    def compute_ref_log_probs(self, model: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Return the reference's log-probabilities of both texts of every pair."""
        with warnings.catch_warnings():  # TRL 1.16 asks transformers 5 by a former name
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            return super().compute_ref_log_probs(self._scored(model), _without_columns(inputs))

    def _margin(self, model: Any, inputs: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
        mask = inputs["completion_mask"]
        texts = {k: v for k, v in inputs.items() if k not in ("completion_mask", *REFERENCE)}
        if self.aux_loss_enabled:
            texts["output_router_logits"] = True
        tokens = inputs["input_ids"].masked_fill(mask == 0, -100)
        # TRL's head: it scores these tokens without keeping the logits of all words.
        outputs = self._scored(model)(**texts, labels=tokens, use_cache=False, fused_lm_head=True)
        # The last ones: learned prompts come before the tokens, and no logits before the first.
        chosen, rejected = outputs.log_probs[:, 1 - mask.shape[1] :].sum(dim=1).chunk(2)
        if self.reference:
            reference = (
                (inputs[REFERENCE[0]], inputs[REFERENCE[1]])
                if self.precompute_ref_logps
                else self.compute_ref_log_probs(self.ref_model or self.model, inputs)
            )
            # Ratios first, as TRL does: they are small, and log-probabilities of texts are not.
            chosen, rejected = chosen - reference[0], rejected - reference[1]
        margin = margins((chosen, rejected), beta=self.beta)
        return margin, outputs.aux_loss if self.aux_loss_enabled else None

    def _scored(self, model: Any) -> Any:
        """Return a model that scores ``labels`` by the logits before them, or at their place."""
        if self.shifted:
            return model
        return lambda labels, **texts: model(shift_labels=labels, **texts)


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

    refused = ("center_rewards_coefficient", "label_smoothing_factor")
    logged = ("margin", "accuracy")

    def __init__(
        self, *args: Any, objective: Objective = dpo, n_labels: int = 1, **kwargs: Any
    ) -> None:
        kind, config = trl.RewardTrainer, trl.RewardConfig
        super().__init__(**self._take(kind, config, (args, kwargs), objective, n_labels))
        self.data_collator: Any = _Collator(self.data_collator)

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: Any, dataset_name: str
    ) -> Any:
        if "margin" in _first_row(dataset, dataset_name):
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
        chosen, rejected = model(**inputs, use_cache=False).logits.squeeze(-1).chunk(2)
        return chosen - rejected, None

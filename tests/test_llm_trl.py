"""What the trainers refuse of TRL's options and of data sets, and what the objectives are given."""

import inspect
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from packaging.version import Version

from socialpref._extras import EXTRAS, require
from socialpref.errors import InputError

pytest.importorskip("trl", reason="the extra 'llm' is not installed")
import torch
import trl
from datasets import Dataset, IterableDataset
from peft import IA3Config, LoraConfig, PromptTuningConfig, get_peft_model
from torch import Tensor
from transformers import LlamaForCausalLM, ProcessorMixin

from socialpref.llm import Corpus, Models
from socialpref.llm.trainer import PreferenceTrainer, RewardModelTrainer
from socialpref.training import agreement_only, corrected, dpo
from socialpref.training.objectives import Batch

from .llm_small import QUIET, batch_of, data, margin_of, nudge, offline, small

__all__ = ["offline", "small"]  # fixtures

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:(?!socialpref)", "ignore::FutureWarning:(?!socialpref)"
)
Small = tuple[Models, Corpus]


def rows(**columns: Any) -> Dataset:
    """Return three pairs, with more columns."""
    texts = {
        "prompt": ["a", "b", "c"],
        "chosen": [" long tea", " cup", " river"],
        "rejected": [" x", " stone of", " y"],
    }
    return Dataset.from_dict(texts | columns)


def config(folder: Path, **options: Any) -> trl.DPOConfig:
    return trl.DPOConfig(str(folder), **QUIET | {"max_length": 64} | options)


def test_without_a_reference_none_is_loaded(small: Small, tmp_path: Path) -> None:
    """With the configuration by position, too; and new pairs are evaluated after training."""
    arguments = {"train_dataset": data(small), "processing_class": small[0].tokenizer}
    plain = trl.DPOConfig(str(tmp_path), max_steps=1, **QUIET)
    trainer = PreferenceTrainer(
        small[0].new("text", 0), None, plain, objective=lambda m, _: (m**2).mean(),
        reference=False, **arguments,
    )  # fmt: skip
    assert trainer.ref_model is None
    assert not plain.precompute_ref_log_probs
    trainer.train()
    assert trainer.evaluate(data(small))["eval_loss"] > 0.0


def test_references_in_advance_are_kept_apart(small: Small, tmp_path: Path) -> None:
    """TRL names its cache after the model and the data, which are the same for all these."""
    margins = []
    for shifted, length in ((True, 60), (False, 60), (True, 30)):
        options = {"max_length": length, "truncation_mode": "keep_end"}
        trainer = PreferenceTrainer(
            model=small[0].new("text", 0),
            args=config(tmp_path, precompute_ref_log_probs=True, **options),
            train_dataset=data(small),
            processing_class=small[0].tokenizer,
            shifted=shifted,
        )
        margins.append(margin_of(trainer).abs().max())
        assert trainer.evaluate(data(small))["eval_loss"] == pytest.approx(np.log(2), abs=1e-6)
    assert max(margins) < 1e-5


# --- refusals ----------------------------------------------------------------------------


HONOURED = {
    # TRL's own
    "activation_offloading", "beta", "chat_template_path", "dataset_num_proc", "disable_dropout",
    "eos_token", "max_length", "model_init_kwargs", "pad_to_multiple_of", "pad_token",
    "precompute_ref_batch_size", "precompute_ref_log_probs", "ref_model_mixup_alpha",
    "ref_model_sync_steps", "router_aux_loss_coef", "sync_ref_model", "truncation_mode",
    "trust_remote_code",
    # of transformers: how numbers are computed
    "activation_checkpointing", "activation_checkpointing_kwargs", "bf16", "bf16_full_eval",
    "fp16", "fp16_full_eval", "full_determinism", "gradient_checkpointing",
    "gradient_checkpointing_kwargs", "neftune_noise_alpha", "seed", "tf32", "use_cache", "use_cpu",
    # batches
    "accelerator_config", "auto_find_batch_size", "average_tokens_across_devices", "data_seed",
    "dataloader_drop_last", "dataloader_in_order", "dataloader_multiprocessing_context",
    "dataloader_num_workers", "dataloader_persistent_workers", "dataloader_pin_memory",
    "dataloader_prefetch_factor", "gradient_accumulation_steps", "ignore_data_skip",
    "length_column_name", "per_device_eval_batch_size", "per_device_train_batch_size",
    "remove_unused_columns", "train_sampling_strategy",
    # steps
    "adam_beta1", "adam_beta2", "adam_epsilon", "learning_rate", "lr_scheduler_kwargs",
    "lr_scheduler_type", "max_grad_norm", "max_steps", "num_train_epochs", "optim", "optim_args",
    "optim_target_modules", "torch_empty_cache_steps", "warmup_steps", "weight_decay",
    # evaluation
    "do_eval", "do_predict", "do_train", "eval_accumulation_steps", "eval_delay",
    "eval_do_concat_batches", "eval_on_start", "eval_steps", "eval_strategy",
    "eval_use_gather_object", "greater_is_better", "load_best_model_at_end",
    "metric_for_best_model", "prediction_loss_only",
    # processes
    "ddp_backend", "ddp_broadcast_buffers", "ddp_bucket_cap_mb", "ddp_find_unused_parameters",
    "ddp_static_graph", "ddp_timeout", "local_rank",
    # what is written and where
    "debug", "disable_tqdm", "enable_jit_checkpoint", "hub_always_push", "hub_model_id",
    "hub_private_repo", "hub_revision", "hub_strategy", "hub_token",
    "include_num_input_tokens_seen", "log_level", "log_level_replica", "log_on_each_node",
    "logging_first_step",
    "logging_nan_inf_filter", "logging_steps", "logging_strategy", "output_dir", "project",
    "push_to_hub", "report_to", "restore_callback_states_from_checkpoint",
    "resume_from_checkpoint", "run_name", "save_on_each_node", "save_only_model", "save_steps",
    "save_strategy", "save_total_limit", "skip_memory_metrics", "trackio_bucket_id",
    "trackio_space_id", "trackio_static_space_id",
}  # fmt: skip
"""Options that TRL or transformers read, and that mean the same with any loss."""
TAKEN = {
    "self", "model", "ref_model", "args", "data_collator", "train_dataset", "eval_dataset",
    "processing_class", "callbacks", "optimizers", "optimizer_cls_and_kwargs", "peft_config",
}  # fmt: skip
KINDS: list[tuple[Any, Any, Any]] = [
    (PreferenceTrainer, trl.DPOTrainer, trl.DPOConfig),
    (RewardModelTrainer, trl.RewardTrainer, trl.RewardConfig),
]


@pytest.mark.parametrize(("kind", "trls", "made"), KINDS)
def test_every_option_of_trl_is_known(kind: Any, trls: Any, made: Any) -> None:
    """An option of another version must be looked at: is it honoured, or to be refused?"""
    options = {field.name for field in fields(made)}
    assert options - HONOURED - kind.refused.keys() == set()
    assert HONOURED & kind.refused.keys() == set()
    assert kind.refused.keys() <= options
    arguments = set(inspect.signature(trls.__init__).parameters)
    refused = {"compute_metrics", "preprocess_logits_for_metrics", "quantization_config"}
    assert arguments - TAKEN - refused == set()


@pytest.mark.parametrize(("kind", "trls", "made"), KINDS)
def test_options_that_would_be_ignored_are_refused(
    kind: Any, trls: Any, made: Any, tmp_path: Path
) -> None:
    plain = made(str(tmp_path), **QUIET)
    for name in kind.refused:
        given = copy(plain)
        setattr(given, name, "another")
        with pytest.raises(InputError, match=f"'{name}' must be left at .*, since "):
            kind("unused", args=given)


@pytest.mark.parametrize("value", ["robust", ["sigmoid", "sft"]])
def test_another_loss_of_trl_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(InputError, match=r"'loss_type' must be left at \['sigmoid'\], since"):
        PreferenceTrainer("unused", None, config(tmp_path, loss_type=value))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ({"objective": "dpo"}, {}, "'objective' must be a function"),
        ({"n_labels": 2.0}, {}, "'n_labels' must be an integer of at least 1"),
        ({"reference": "no"}, {}, "'reference' must be True or False"),
        ({"shifted": 1}, {}, "'shifted' must be True or False"),
        ({"compute_metrics": print}, {}, "'compute_metrics' is refused"),
        ({"reference": False, "ref_model": 1}, {}, "'ref_model' is given"),
        ({"reference": False}, {"sync_ref_model": True}, "'sync_ref_model' is set"),
        ({}, {"beta": 0.0}, "'beta' must be a number in"),
        ({"args": {"beta": 0.1}}, {}, "'args' must be a trl.DPOConfig"),
    ],
)
def test_arguments_are_checked(
    tmp_path: Path, arguments: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        PreferenceTrainer("unused", **{"args": config(tmp_path, **options)} | arguments)


LORA = LoraConfig(task_type="CAUSAL_LM", r=2)
PROMPT = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)


def two_adapters(model: Any) -> Any:
    model = get_peft_model(model, LORA)
    model.add_adapter("other", LORA)
    return model


def quantized(model: Any) -> Any:
    model.is_quantized = True
    return model


class Processor(ProcessorMixin):  # type: ignore[misc]
    def __init__(self) -> None:
        pass


UNTRIED: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "another name": ("name 'default'", lambda m: {"model": get_peft_model(m, LORA, "mine")}),
    "two adapters": ("one adapter, of the name", lambda m: {"model": two_adapters(m)}),
    "a new prompt": (
        "'peft_config' must be with an adapter of weights",
        lambda m: {"model": m, "peft_config": PROMPT},
    ),
    "a prompt": (
        "'model' must be with an adapter of weights",
        lambda m: {"model": get_peft_model(m, PROMPT)},
    ),
    "quantized": ("'model' must be one of full weights", lambda m: {"model": quantized(m)}),
    "to be quantized": (
        "'quantization_config' must be",
        lambda m: {"model": "unused", "quantization_config": 1},
    ),
    "a processor": (
        "'processing_class' must be a tokenizer",
        lambda m: {"model": m, "processing_class": Processor()},
    ),
    "no name": ("'ref_model' must be given, or 'precompute", lambda m: {"model": m}),
    "a reference's name": ("'ref_model' must be a model", lambda m: {"model": m, "ref_model": "m"}),
    "a reference with an adapter": (
        "'ref_model' must be a model of whole weights",
        lambda m: {"model": m, "ref_model": get_peft_model(deepcopy(m), LORA)},
    ),
}


@pytest.mark.parametrize("case", UNTRIED)
def test_models_that_are_not_compared_with_trl_are_refused(
    case: str, small: Small, tmp_path: Path
) -> None:
    message, made = UNTRIED[case]
    with pytest.raises(InputError, match=message):
        PreferenceTrainer(args=config(tmp_path), **made(small[0].new("text", 0)))


def test_frozen_models_are_refused(small: Small, tmp_path: Path) -> None:
    """As adapters are when they are loaded to be used only."""
    frozen = LoraConfig(task_type="CAUSAL_LM", r=2, inference_mode=True)
    with pytest.raises(InputError, match=r"'model' must be with weights that are trained"):
        PreferenceTrainer(
            get_peft_model(small[0].new("text", 0), frozen), args=config(tmp_path),
            train_dataset=rows(), processing_class=small[0].tokenizer,
        )  # fmt: skip


def changed(small: Small, folder: Path) -> Any:
    """Return a model that was trained on after it was loaded; TRL's reference is what was saved."""
    small[0].new("text", 0).save_pretrained(folder / "model")
    model = LlamaForCausalLM.from_pretrained(folder / "model")
    nudge(model)
    return model


def not_copied(small: Small, folder: Path) -> Any:
    """Return a model with an adapter whose weights TRL does not copy."""
    adapter = IA3Config(task_type="CAUSAL_LM", target_modules=["v_proj"], feedforward_modules=[])
    model = get_peft_model(small[0].new("text", 0), adapter)
    for name, weights in model.named_parameters():
        if "ia3_l" in name:
            weights.data *= 30.0
    return model


BEGINNINGS: dict[str, Callable[[Small, Path], dict[str, Any]]] = {
    "changed": lambda s, f: {"model": changed(s, f)},
    "not copied": lambda s, f: {"model": not_copied(s, f)},
    "not at 0": lambda s, f: {
        "model": s[0].new("text", 0),
        "peft_config": LoraConfig(task_type="CAUSAL_LM", r=2, init_lora_weights=False),
    },
    "changes the base": lambda s, f: {
        "model": s[0].new("text", 0),
        "peft_config": LoraConfig(task_type="CAUSAL_LM", r=2, init_lora_weights="pissa"),
    },
}


@pytest.mark.parametrize("case", BEGINNINGS)
def test_a_reference_that_is_another_model_is_refused(
    case: str, small: Small, tmp_path: Path
) -> None:
    """TRL trains in all these cases, from margins that are not 0."""
    made = BEGINNINGS[case](small, tmp_path)
    shared = {"train_dataset": data(small), "processing_class": small[0].tokenizer}
    options = config(tmp_path, max_steps=1, max_grad_norm=0.0)
    with pytest.raises(InputError, match=r"differs by \S+ before the first step. Give 'ref_model'"):
        PreferenceTrainer(**made, args=options, **shared).train()
    if case == "changed":
        given = PreferenceTrainer(**made, ref_model=small[0].new("text", 0), args=options, **shared)
        given.train()
        assert abs(given.state.log_history[-1]["train_loss"] - np.log(2)) > 0.01


def test_reward_models_have_one_score(small: Small, tmp_path: Path) -> None:
    """TRL takes the logits of words for scores."""
    trainer = RewardModelTrainer(
        small[0].new("text", 0), trl.RewardConfig(str(tmp_path), **QUIET),
        train_dataset=rows(), processing_class=small[0].tokenizer,
    )  # fmt: skip
    with pytest.raises(InputError, match="'model' must be a model with one score for each text"):
        trainer.train()


def test_reward_models_refuse_what_changes_trls_loss(small: Small, tmp_path: Path) -> None:
    quiet: Any = {"output_dir": str(tmp_path)} | QUIET
    centred = trl.RewardConfig(center_rewards_coefficient=0.01, **quiet)
    with pytest.raises(InputError, match="'center_rewards_coefficient' must be left at None"):
        RewardModelTrainer("unused", centred)
    for name in ("compute_metrics", "preprocess_logits_for_metrics"):
        given: dict[str, Any] = {name: print}
        with pytest.raises(InputError, match=f"'{name}' is refused"):
            RewardModelTrainer("unused", trl.RewardConfig(**quiet), **given)
    with pytest.raises(InputError, match="without a column 'margin'"):
        RewardModelTrainer(
            small[0].new("score", 0),
            trl.RewardConfig(**quiet),
            train_dataset=rows(margin=[0.1, 0.2, 0.3]),
            processing_class=small[0].tokenizer,
        )


NAN, INF = float("nan"), float("inf")
BAD: dict[str, list[Any]] = {
    "label": [-1, -1e-9, 1.0000001, 5, NAN, INF, None],
    "joint": [
        None, [0.5, 0.5], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.5], [1.2, -0.2, 0.2],
        [0.5, NAN, 0.5], [0.25, None, 0.25],
    ],
    "weight": [0.0, -1.0, NAN, INF, None],
    "annotator": [-2, None],
    "annotator_type": [-2],
    "n_labels": [0, None],
}  # fmt: skip
OF_ANOTHER_TYPE: dict[str, list[Any]] = {
    "label": ["1", True, [1.0]],
    "joint": [0.5, ["0.25", "0.25", "0.25"], [True, False, False]],
    "annotator": ["ann", 0.5],
    "n_labels": ["3", 1.5],
}
"""A column has one type, so these are all of a column."""
GOOD: dict[str, Any] = {"label": 0.25, "joint": [0.25, 0.25, 0.25], "weight": 2.0}
GOOD |= {"annotator": 7, "annotator_type": -1, "n_labels": 3}


def trainer_of(small: Small, folder: Path, head: str, train: Any, **more: Any) -> Any:
    if head == "score":
        return RewardModelTrainer(
            small[0].new("score", 0),
            trl.RewardConfig(str(folder), max_steps=2, **QUIET),
            train_dataset=train,
            processing_class=small[0].tokenizer,
            **more,
        )
    return PreferenceTrainer(
        small[0].new("text", 0),
        args=config(folder, max_steps=2, per_device_train_batch_size=3),
        train_dataset=train,
        processing_class=small[0].tokenizer,
        reference=False,
        **more,
    )


@pytest.mark.parametrize(
    ("name", "value", "alone"),
    [(name, value, True) for name, values in OF_ANOTHER_TYPE.items() for value in values]
    + [(name, value, False) for name, values in BAD.items() for value in values],
)
def test_bad_columns_are_refused_with_their_row(
    small: Small, tmp_path: Path, name: str, value: Any, alone: bool
) -> None:
    row = 0 if alone else 2
    bad = rows(**{name: [value] * 3 if alone else [GOOD[name], GOOD[name], value]})
    more = {"objective": corrected()}
    for head in ("text", "score"):
        with pytest.raises(InputError, match=f"'{name} in row {row} of the train data set' must"):
            trainer_of(small, tmp_path, head, bad, **more)
    good = rows(**{name: [GOOD[name]] * 3})
    with pytest.raises(InputError, match=f"'{name} in row {row} of the eval data set' must"):
        trainer_of(small, tmp_path, "text", good, eval_dataset=bad, **more)


def test_zeros_and_ones_and_shares_are_labels(small: Small, tmp_path: Path) -> None:
    for labels in ([0, 1, 1], [0.0, 0.3, 1.0]):
        trainer = trainer_of(small, tmp_path, "text", rows(label=labels))
        assert sorted(batch_of(trainer)["label"].tolist()) == pytest.approx(labels)


def test_data_sets_that_cannot_be_used_are_refused(small: Small, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'train_dataset' must be of texts; got a column 'image'"):
        trainer_of(small, tmp_path, "text", rows(image=["x.png"] * 3))
    with pytest.raises(InputError, match="'train data set' must be without the columns ref_chosen"):
        trainer_of(small, tmp_path, "text", rows(ref_chosen_logps=[-1.0] * 3))
    for head in ("text", "score"):
        with pytest.raises(InputError, match="'train data set' must be one of at least one row"):
            trainer_of(small, tmp_path, head, rows().select([]))
        with pytest.raises(InputError, match="columns 'chosen' and 'rejected'; got the columns"):
            trainer_of(small, tmp_path, head, rows().remove_columns("rejected"))
        with pytest.raises(InputError, match=r"'chosen in row 1 of .* must be a text, or a list"):
            trainer_of(
                small, tmp_path, head, Dataset.from_list([rows()[0], rows()[0] | {"chosen": None}])
            )
        for wrong in (None, list(rows()), {"train": rows()}):
            with pytest.raises(InputError, match=r"'train_dataset' must be a datasets\.Dataset or"):
                trainer_of(small, tmp_path, head, wrong)
        with pytest.raises(InputError, match=r"'eval data set' must be a datasets\.Dataset or"):
            trainer_of(small, tmp_path, head, rows(), eval_dataset=list(rows()))
    short = config(tmp_path, max_length=1)
    with pytest.raises(InputError, match="'max_length' must be larger than the prompts of the tr"):
        PreferenceTrainer(
            small[0].new("text", 0), args=short, train_dataset=rows(), reference=False,
            processing_class=small[0].tokenizer,
        )  # fmt: skip


@pytest.mark.parametrize("kind", ["torch", "numpy"])
def test_a_format_of_a_data_set_changes_nothing(small: Small, tmp_path: Path, kind: str) -> None:
    """TRL joins a prompt and a text with +, which adds arrays."""
    columns = {"label": [1.0, 2 / 3, 0.0], "n_labels": [3] * 3, "weight": [1.0, 2.0, 3.0]}
    plain, other = (
        trainer_of(small, tmp_path, "text", table, objective=agreement_only)
        for table in (rows(**columns), rows(**columns).with_format(kind))
    )
    assert other.n_labels == 3
    for name, values in batch_of(plain).items():
        assert torch.equal(values, batch_of(other)[name])


def test_columns_of_another_loss_are_not_ignored(small: Small, tmp_path: Path) -> None:
    joint, labels = rows(joint=[[0.25] * 3] * 3), rows(pseudo_label=[1.0, 0.0, 2.0])
    for head in ("text", "score"):
        for table, name in ((joint, "joint"), (labels, "pseudo_label")):
            with pytest.raises(InputError, match=f"'objective' must be given, .* column '{name}'"):
                trainer_of(small, tmp_path, head, table)
            trainer_of(small, tmp_path, head, table, objective=dpo)


def test_a_stream_is_checked_as_it_is_read(small: Small, tmp_path: Path) -> None:
    stream = rows(label=[1.0, 0.5, 2.0]).to_iterable_dataset()
    trainer = trainer_of(small, tmp_path, "text", stream)
    with pytest.raises(InputError, match="'label in row 2 of the train data set' must be"):
        trainer.train()
    uneven = [
        {"prompt": "a", "chosen": " b", "rejected": " c"} | more for more in ({}, {"label": 0.5})
    ]
    trainer = trainer_of(
        small, tmp_path, "text", IterableDataset.from_generator(lambda: iter(uneven))
    )
    with pytest.raises(
        InputError, match=r"row 1 of the train data set has the columns \['label'\]"
    ):
        trainer.train()


def test_an_objective_returns_one_number(small: Small, tmp_path: Path) -> None:
    trainer = trainer_of(small, tmp_path, "text", rows(), objective=lambda margin, _: margin)
    with pytest.raises(InputError, match="'objective' must be a function that returns the mean"):
        trainer.train()
    detached = trainer_of(small, tmp_path, "text", rows(), objective=lambda m, _: m.detach().mean())
    with pytest.raises(InputError, match="'objective' must be a function of the margins"):
        detached.train()
    trainer = trainer_of(small, tmp_path, "text", rows(), objective=corrected())
    with pytest.raises(InputError, match="'joint' must be"):
        trainer.train()


# --- panels, weights, and what objectives are given ----------------------------------------


def loss_of(small: Small, folder: Path, head: str, train: Any, **more: Any) -> float:
    """Return the loss of one batch of all rows, of a model that is not at its reference."""
    torch.manual_seed(0)
    trainer = trainer_of(small, folder, head, train, **more)
    nudge(trainer.model)
    batch = trainer.data_collator(
        [trainer.train_dataset[i] for i in range(len(trainer.train_dataset))]
    )
    with torch.no_grad():
        return float(trainer.compute_loss(trainer.model, batch))


@pytest.mark.parametrize("head", ["text", "score"])
def test_a_weight_counts_as_repeated_rows(small: Small, tmp_path: Path, head: str) -> None:
    labels = [1.0, 0.2, 0.6]
    weighted = rows(label=labels, weight=[1.0, 3.0, 2.0])
    repeated = rows(label=labels).select([0, 1, 1, 1, 2, 2])
    for objective in (dpo, lambda m, b: (b.weight * m**2).sum() / b.weight.sum()):
        options: dict[str, Any] = {"objective": objective}
        one = loss_of(small, tmp_path, head, weighted, **options)
        other = loss_of(small, tmp_path, head, repeated, **options)
        assert one == pytest.approx(other, rel=1e-5)
        assert one != pytest.approx(loss_of(small, tmp_path, head, rows(label=labels), **options))


def test_a_weight_counts_in_batches_of_one_row(small: Small, tmp_path: Path) -> None:
    """A mean over the weights of each batch would let them all count the same there."""
    weights = [1.0, 3.0, 2.0]

    def step(table: Any, size: int) -> Tensor:
        args = config(
            tmp_path, optim="sgd", learning_rate=1.0, max_steps=1, max_grad_norm=0.0,
            per_device_train_batch_size=size, gradient_accumulation_steps=len(table) // size,
        )  # fmt: skip
        trainer = PreferenceTrainer(
            small[0].new("text", 0), args=args, train_dataset=table, reference=False,
            processing_class=small[0].tokenizer,
        )  # fmt: skip
        trainer.train()
        return torch.cat([w.detach().flatten() for w in trainer.model.parameters()])

    apart = step(rows(weight=weights), 1)
    assert_allclose(apart, step(rows().select([0, 1, 1, 1, 2, 2]), 6), atol=1e-5)
    assert (apart - step(rows(), 1)).abs().max() > 1e-3


def test_an_objective_must_use_weights(small: Small, tmp_path: Path) -> None:
    def blind(margin: Tensor, batch: Batch) -> Tensor:
        return (margin * batch.wins).mean()

    def constant(margin: Tensor, batch: Batch) -> Tensor:
        return torch.ones(())

    table = rows(weight=[1.0, 2.0, 3.0])
    for objective in (blind, constant):
        trainer = trainer_of(small, tmp_path, "text", table, objective=objective)
        with pytest.raises(InputError, match=r"must be a function that uses 'batch\.weight'"):
            trainer.train()
    stream = rows(weight=[1.0, 2.0, 3.0]).to_iterable_dataset()
    with pytest.raises(InputError, match="without a column 'weight', since the mean weight of a"):
        trainer_of(small, tmp_path, "text", stream)


PANELS: dict[str, Any] = {"label": [1.0, 2 / 3, 0.0]}


@pytest.mark.parametrize("head", ["text", "score"])
@pytest.mark.parametrize("column", [False, True])
def test_split_panels_drop_out(small: Small, tmp_path: Path, head: str, column: bool) -> None:
    """The size of the panels is given, or read from the data."""
    size = {"n_labels": [3, 3, 3]} if column else {}
    options: dict[str, Any] = {"objective": agreement_only} | ({} if column else {"n_labels": 3})
    trainer = trainer_of(small, tmp_path, head, rows(**PANELS, **size), **options)
    assert (trainer.n_labels, trainer.train_dataset["label"][:]) == (3, [1.0, 0.0])
    used = rows(**PANELS).select([0, 2])

    def by_hand(margin: Tensor, batch: Batch) -> Tensor:
        sign = 2.0 * batch.wins - 1.0
        return -torch.nn.functional.logsigmoid(3.0 * sign * margin).mean()

    assert loss_of(small, tmp_path, head, rows(**PANELS, **size), **options) == pytest.approx(
        loss_of(small, tmp_path, head, used, objective=by_hand), rel=1e-6
    )


@pytest.mark.parametrize(
    ("columns", "n_labels", "message"),
    [
        ({"label": [1.0, 0.0, 1.0]}, None, "'n_labels' must be the number of labels in each panel"),
        ({"label": [1.0, 0.7, 0.0]}, 3, "'label in row 1 of the train data set' must be the share"),
        ({"label": [1.0, 0.5, 0.0]}, 1, "'label in row 1 of the train data set' must be the share"),
        ({"n_labels": [3, 3, 2]}, None, "'n_labels in row 2 of .* must be 3, as elsewhere; got 2"),
        ({"n_labels": [3, 3, 3]}, 2, "'n_labels in row 0 of .* must be 2, as elsewhere; got 3"),
        ({"label": [1 / 3, 2 / 3, 1 / 3]}, 3, "of at least one panel whose labels agree; got none"),
    ],
)
def test_agreement_only_needs_panels(
    small: Small, tmp_path: Path, columns: dict[str, Any], n_labels: int | None, message: str
) -> None:
    options: dict[str, Any] = {"objective": agreement_only, "n_labels": n_labels}
    with pytest.raises(InputError, match=message):
        trainer_of(small, tmp_path, "text", rows(**columns), **options).train()


def test_other_losses_refuse_panels(small: Small, tmp_path: Path) -> None:
    panels = rows(n_labels=[3, 3, 3])
    for name, shown in (("eval", panels), ("train", {"train": panels})):
        with pytest.raises(InputError, match=f"'{name} data set' must be without .* 'n_labels'"):
            trainer_of(small, tmp_path, "text", rows(), eval_dataset=shown)
    with pytest.raises(InputError, match=r"of single labels .* got panels of 3"):
        trainer_of(small, tmp_path, "text", rows(n_labels=[3, 3, 3])).train()


@pytest.mark.parametrize("head", ["text", "score"])
def test_objectives_are_given_annotators_types_and_lengths(
    small: Small, tmp_path: Path, head: str
) -> None:
    seen: list[Batch] = []

    def objective(margin: Tensor, batch: Batch) -> Tensor:
        seen.append(batch)
        return margin.mean()

    table = rows(annotator=[4, 4, -1], annotator_type=[0, 1, 2])
    loss_of(small, tmp_path, head, table, objective=objective)
    (batch,) = seen
    assert batch.annotator is not None
    assert batch.annotator_type is not None
    assert batch.lengths is not None
    assert batch.annotator.tolist() == [4, 4, -1]
    assert batch.annotator_type.tolist() == [0, 1, 2]
    count = small[0].tokenizer
    for given, side in zip(batch.lengths, ("chosen", "rejected"), strict=True):
        texts = [row["prompt"] + row[side] for row in table]
        prompts = [row["prompt"] for row in table] if head == "text" else [""] * 3
        ends = 1  # TRL adds the end of the text
        assert given.tolist() == [
            len(count(text)["input_ids"]) - len(count(begun)["input_ids"]) + ends
            for text, begun in zip(texts, prompts, strict=True)
        ]


# --- versions ----------------------------------------------------------------------------


def test_this_version_of_trl_is_one_of_two() -> None:
    assert Version(trl.__version__).release[:2] in {(1, 14), (1, 16)}


@pytest.mark.parametrize("version", ["1.13.0", "1.15.0", "1.17.0", "0.9"])
def test_another_version_of_trl_is_said(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    require("llm", "this")
    monkeypatch.setattr("socialpref._extras.version", lambda name: {"trl": version}.get(name, "6"))
    with pytest.raises(InputError) as caught:
        require("llm", "this")
    assert f"trl {EXTRAS['llm']['trl']} (version {version} is installed)" in str(caught.value)
    assert "\n" not in str(caught.value)

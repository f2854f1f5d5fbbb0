"""The trainers beside TRL's own: equal where both compute a loss, and refused where they cannot."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from socialpref._extras import EXTRAS, require
from socialpref.errors import InputError

pytest.importorskip("trl", reason="the extra 'llm' is not installed")
import torch
import trl
from datasets import Dataset, IterableDataset
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM, MixtralConfig, MixtralForCausalLM

from socialpref.llm import Corpus, Models
from socialpref.llm.trainer import PreferenceTrainer, RewardModelTrainer
from socialpref.training import corrected

from .llm_small import QUIET, batch_of, data, margin_of, offline, small

__all__ = ["offline", "small"]  # fixtures

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:(?!socialpref)", "ignore::FutureWarning:(?!socialpref)"
)
Small = tuple[Models, Corpus]
Build = Callable[[Small, Path], dict[str, Any]]


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


# --- the same as TRL ---------------------------------------------------------------------


def saved(small: Small, folder: Path) -> LlamaForCausalLM:
    """Return a model that TRL can load again, as its reference."""
    small[0].new("text", 0).save_pretrained(folder / "model")
    return LlamaForCausalLM.from_pretrained(folder / "model")


def adapted(small: Small, folder: Path) -> Any:
    """Return a model with an adapter that is not at 0."""
    torch.manual_seed(5)
    lora = LoraConfig(task_type="CAUSAL_LM", r=2, init_lora_weights=False)
    return get_peft_model(small[0].new("text", 0), lora)


def experts(small: Small, folder: Path) -> Any:
    """Return a mixture of experts, whose auxiliary loss TRL adds."""
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    made = MixtralConfig(
        vocab_size=len(small[0].tokenizer), num_local_experts=2, num_experts_per_tok=1,
        router_aux_loss_coef=0.5, bos_token_id=None, eos_token_id=1, pad_token_id=0,
        **shape, **heads,
    )  # fmt: skip
    return MixtralForCausalLM(made)


SETUPS: dict[str, Build] = {
    "no adapter": lambda s, f: {"model": saved(s, f)},
    "new adapter": lambda s, f: {
        "model": s[0].new("text", 0),
        "peft_config": LoraConfig(task_type="CAUSAL_LM", r=2),
    },
    "existing adapter": lambda s, f: {"model": adapted(s, f)},
    "existing adapter, in advance": lambda s, f: {
        "model": adapted(s, f),
        "precompute_ref_log_probs": True,
    },
    "reference given": lambda s, f: {
        "model": s[0].new("text", 0),
        "ref_model": s[0].new("text", 1),
    },
    "in advance": lambda s, f: {
        "model": s[0].new("text", 0),
        "precompute_ref_log_probs": True,
        "precompute_ref_batch_size": 5,
    },
    "reference follows": lambda s, f: {
        "model": saved(s, f),
        "sync_ref_model": True,
        "ref_model_sync_steps": 1,
    },
    "experts": lambda s, f: {"model": experts(s, f), "ref_model": experts(s, f)},
    "cut, in steps": lambda s, f: {
        "model": saved(s, f),
        "max_length": 40,
        "gradient_accumulation_steps": 2,
        "per_device_train_batch_size": 3,
    },
}
ARGUMENTS = ("model", "ref_model", "peft_config")


def trained(kind: Any, made: dict[str, Any], folder: Path, small: Small, **more: Any) -> Any:
    """Train for two steps, by gradients alone, and evaluate."""
    given = deepcopy(made)
    arguments = {name: given.pop(name) for name in ARGUMENTS if name in given}
    options = {"optim": "sgd", "learning_rate": 1.0, "logging_steps": 1, "max_steps": 2}
    shown = data(small, n=18).remove_columns("label")
    trainer = kind(
        **arguments,
        args=config(folder, **options | {"per_device_train_batch_size": 6} | given),
        train_dataset=shown.select(range(12)),
        eval_dataset=shown.select(range(12, 18)),
        processing_class=small[0].tokenizer,
        **more,
    )
    trainer.train()
    trainer.evaluate()
    return trainer


@pytest.mark.parametrize("setup", list(SETUPS))
def test_losses_margins_and_weights_are_trls(setup: str, small: Small, tmp_path: Path) -> None:
    made = SETUPS[setup](small, tmp_path)
    ours, trls = (
        trained(kind, made, tmp_path, small) for kind in (PreferenceTrainer, trl.DPOTrainer)
    )
    mine, theirs = ours.state.log_history, trls.state.log_history
    names = {"loss", "rewards/margins", "rewards/accuracies", "eval_loss", "eval_rewards/margins"}
    names |= {"aux_loss"} if setup == "experts" else set()
    for one, other in zip(mine, theirs, strict=True):
        for name in names & other.keys():
            assert_allclose(one[name], other[name], atol=1e-6, rtol=1e-6, err_msg=name)
    if setup != "reference given":
        assert abs(mine[0]["rewards/margins"]) < 1e-6
    moved = mine[-1]["eval_rewards/margins"]
    assert abs(moved) > 1e-4 or setup == "reference follows"
    for a, b in zip(ours.model.parameters(), trls.model.parameters(), strict=True):
        assert_allclose(a.detach(), b.detach(), atol=1e-6)


def test_a_stream_is_trained_on_as_by_trl(small: Small, tmp_path: Path) -> None:
    streams = {"train_dataset": data(small).to_iterable_dataset()}
    streams["eval_dataset"] = streams["train_dataset"]
    histories = []
    for kind in (PreferenceTrainer, trl.DPOTrainer):
        trainer = kind(
            model=small[0].new("text", 0),
            ref_model=small[0].new("text", 1),
            args=config(tmp_path, max_steps=2, logging_steps=1),
            processing_class=small[0].tokenizer,
            **streams,
        )
        trainer.train()
        histories.append([*trainer.state.log_history, trainer.evaluate()])
    for one, other in zip(*histories, strict=True):
        for name in {"loss", "rewards/margins", "eval_loss", "eval_rewards/margins"} & one.keys():
            assert_allclose(one[name], other[name], atol=1e-6)


def test_our_reward_loss_is_trls(small: Small, tmp_path: Path) -> None:
    histories = []
    for kind in (RewardModelTrainer, trl.RewardTrainer):
        trainer = kind(
            model=small[0].new("score", 0),
            args=trl.RewardConfig(
                str(tmp_path), max_length=2000, max_steps=3, logging_steps=1, **QUIET
            ),
            train_dataset=data(small),
            eval_dataset=data(small),
            processing_class=small[0].tokenizer,
        )
        trainer.train()
        trainer.evaluate()
        histories.append(trainer.state.log_history)
    for one, other in zip(*histories, strict=True):
        for name in {"loss", "margin", "accuracy", "eval_loss", "eval_margin"} & one.keys():
            assert_allclose(one[name], other[name], atol=1e-6)


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


def test_references_in_advance_are_kept_apart_by_form(small: Small, tmp_path: Path) -> None:
    """TRL names its cache after the model and the data, which are the same for both forms."""
    margins = []
    for shifted in (True, False):
        trainer = PreferenceTrainer(
            model=small[0].new("text", 0),
            args=config(tmp_path, precompute_ref_log_probs=True),
            train_dataset=data(small),
            processing_class=small[0].tokenizer,
            shifted=shifted,
        )
        margins.append(margin_of(trainer).abs().max())
        assert trainer.evaluate(data(small))["eval_loss"] == pytest.approx(np.log(2), abs=1e-6)
    assert max(margins) < 1e-5


# --- refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss_type", "robust"),
        ("loss_type", ["sigmoid", "sft"]),
        ("loss_weights", [2.0]),
        ("label_smoothing", 0.3),
        ("ld_alpha", 0.5),
        ("f_divergence_type", "js_divergence"),
        ("f_alpha_divergence_coef", 0.3),
        ("use_weighting", True),
        ("discopop_tau", 0.1),
        ("label_smoothing_factor", 0.1),
    ],
)
def test_options_of_trls_losses_are_refused(
    small: Small, tmp_path: Path, name: str, value: Any
) -> None:
    with pytest.raises(InputError, match=f"'{name}' must be left at .*'objective' is the loss"):
        PreferenceTrainer(small[0].new("text", 0), args=config(tmp_path, **{name: value}))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ({"objective": "dpo"}, {}, "'objective' must be a function"),
        ({"n_labels": 1.0}, {}, "'n_labels' must be an integer of at least 1"),
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


def test_a_reference_adapter_needs_the_name_that_trl_copies(small: Small, tmp_path: Path) -> None:
    model = get_peft_model(small[0].new("text", 0), LoraConfig(task_type="CAUSAL_LM"), "mine")
    with pytest.raises(InputError, match="name 'default'"):
        PreferenceTrainer(model, args=config(tmp_path))


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
}  # fmt: skip
OF_ANOTHER_TYPE: dict[str, list[Any]] = {
    "label": ["1", True, [1.0]],
    "joint": [0.5, ["0.25", "0.25", "0.25"], [True, False, False]],
}
"""A column has one type, so these are all of a column."""
GOOD = {"label": 0.25, "joint": [0.25, 0.25, 0.25]}


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
    for head in ("text", "score"):
        with pytest.raises(InputError, match=f"'{name} in row {row} of the train data set' must"):
            trainer_of(small, tmp_path, head, bad)
    with pytest.raises(InputError, match=f"'{name} in row {row} of the eval data set' must"):
        trainer_of(small, tmp_path, "text", rows(), eval_dataset=bad)


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
    trainer = trainer_of(small, tmp_path, "text", rows(), objective=corrected())
    with pytest.raises(InputError, match="'joint' must be"):
        trainer.train()


# --- versions ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.15.0", "1.17.0", "0.9"])
def test_another_version_of_trl_is_said(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    require("llm", "this")
    monkeypatch.setattr("socialpref._extras.version", lambda name: {"trl": version}.get(name, "6"))
    with pytest.raises(InputError) as caught:
        require("llm", "this")
    assert f"trl {EXTRAS['llm']['trl']} (version {version} is installed)" in str(caught.value)
    assert "\n" not in str(caught.value)

"""With DPO's objective and no labels, the trainers are TRL's own: losses, gradients, weights."""

import os
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from numpy.testing import assert_allclose

pytest.importorskip("trl", reason="the extra 'llm' is not installed")
import torch
import trl
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM, MixtralConfig, MixtralForCausalLM, TrainerCallback

from socialpref.llm import Corpus, Models
from socialpref.llm.trainer import FUSED, PreferenceTrainer, RewardModelTrainer

from .llm_small import QUIET, data, offline, small

__all__ = ["offline", "small"]  # fixtures

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:(?!socialpref)", "ignore::FutureWarning:(?!socialpref)"
)
Small = tuple[Models, Corpus]
Build = Callable[[Small, Path], dict[str, Any]]
LORA = LoraConfig(task_type="CAUSAL_LM", r=2)

# --- set-ups -----------------------------------------------------------------------------


def saved(small: Small, folder: Path, **options: Any) -> Any:
    """Return a model that TRL can load again, as its reference."""
    model = small[0].new("text", 0)
    for name, value in options.items():
        setattr(model.config, name, value)
    model.save_pretrained(folder / "model")
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


ADAPTERS: dict[str, Build] = {
    "no adapter": lambda s, f: {"model": saved(s, f)},
    "new adapter": lambda s, f: {"model": s[0].new("text", 0), "peft_config": LORA},
    "existing adapter": lambda s, f: {"model": adapted(s, f)},
}
REFERENCES: dict[str, Build] = {
    "no reference": lambda s, f: {},
    "reference given": lambda s, f: {"ref_model": s[0].new("text", 1)},
    "in advance": lambda s, f: {"precompute_ref_log_probs": True, "precompute_ref_batch_size": 5},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "accumulation": {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 3},
    "half precision": {"bf16": True},
    "cut at the end": {"max_length": 40},
    "cut at the start": {"max_length": 40, "truncation_mode": "keep_end"},
    "uncut": {"max_length": None},
    "padded": {"pad_to_multiple_of": 16},
    "checkpoints": {"activation_checkpointing": True},
    "dropout": {"disable_dropout": False},
    "noise": {"neftune_noise_alpha": 5.0},
    "reference follows": {"sync_ref_model": True, "ref_model_sync_steps": 1},
    "evaluation": {"eval_strategy": "steps", "eval_steps": 1, "eval_on_start": True},
    "beta": {"beta": 0.7},
}


def crossed(adapter: Build, reference: Build) -> Build:
    return lambda s, f: adapter(s, f) | reference(s, f)


def with_options(options: dict[str, Any]) -> Build:
    dropout = 0.3 if options == OPTIONS["dropout"] else 0.0
    return lambda s, f: {"model": saved(s, f, attention_dropout=dropout)} | options


SETUPS: dict[str, Build] = {
    **{
        f"{adapter}, {reference}": crossed(ADAPTERS[adapter], REFERENCES[reference])
        for adapter in ADAPTERS
        for reference in REFERENCES
    },
    **{name: with_options(options) for name, options in OPTIONS.items()},
    "experts": lambda s, f: {"model": experts(s, f), "ref_model": experts(s, f)},
    "by name": lambda s, f: {"model": str(saved(s, f) and f / "model")},
    "half precision, in advance": lambda s, f: {
        "model": saved(s, f),
        "precompute_ref_log_probs": True,
        "bf16": True,
    },
}
FAST = ("no adapter, no reference", "existing adapter, no reference")
MOVES = ("reference given", "dropout", "noise")
"""The set-ups whose margins do not begin at 0."""
ONLY_FUSED = ("half precision, in advance",)
"""TRL 1.14 computes the reference in advance in full precision, and the model's in half."""
ARGUMENTS = ("model", "ref_model", "peft_config")
NAMES = {
    "loss", "grad_norm", "rewards/margins", "rewards/accuracies", "aux_loss", "margin", "accuracy",
}  # fmt: skip
NAMES |= {f"eval_{name}" for name in NAMES}


# --- training ----------------------------------------------------------------------------

PLAIN: dict[str, Any] = {
    "optim": "sgd",
    "learning_rate": 1.0,
    "logging_steps": 1,
    "max_steps": 4,
    "per_device_train_batch_size": 6,
}


class Gradients(TrainerCallback):  # type: ignore[misc]
    """Keeps the gradients of every step."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        weights = kwargs["model"].parameters()
        self.seen.append(torch.cat([w.grad.flatten() for w in weights if w.grad is not None]))


def config(folder: Path, **options: Any) -> trl.DPOConfig:
    return trl.DPOConfig(str(folder), **QUIET | PLAIN | {"max_length": 64} | options)


def trainer_of(kind: Any, made: dict[str, Any], folder: Path, small: Small, **more: Any) -> Any:
    torch.manual_seed(7)  # TRL 1.14 draws a new adapter before it sets its seed
    given = deepcopy(made)
    arguments = {name: given.pop(name) for name in ARGUMENTS if name in given}
    pairs = data(small, n=30).remove_columns(["label", "annotator", "annotator_type"])
    shown = {
        "train_dataset": pairs.select(range(24)),
        "eval_dataset": pairs.select(range(24, 30)),
        "processing_class": small[0].tokenizer,
    }
    gradients = Gradients()
    trainer = kind(**arguments, args=config(folder, **given), callbacks=[gradients], **shown | more)
    trainer.gradients = gradients.seen
    return trainer


def trained(trainer: Any) -> Any:
    """Train and evaluate; at once, since trainers set the one random seed when they are made."""
    trainer.train()
    trainer.evaluate()
    return trainer


def assert_same(ours: Any, trls: Any) -> None:
    """Check that two trainers that have trained logged, computed and learned the same."""
    history = list(zip(ours.state.log_history, trls.state.log_history, strict=True))
    assert sum("loss" in one for one, _ in history) == ours.state.global_step
    for one, other in history:
        for name in NAMES & other.keys():
            assert_allclose(one[name], other[name], atol=1e-6, rtol=1e-5, err_msg=name)
    assert len(ours.gradients) == ours.state.global_step
    for a, b in zip(ours.gradients, trls.gradients, strict=True):
        assert a.norm() > 1e-4
        assert_allclose(a, b, atol=1e-6 * a.norm().item())
    for a, b in zip(ours.model.parameters(), trls.model.parameters(), strict=True):
        assert_allclose(a.detach(), b.detach(), atol=1e-6)


@pytest.mark.parametrize(
    "setup",
    [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in SETUPS],
)
def test_losses_gradients_and_weights_are_trls(setup: str, small: Small, tmp_path: Path) -> None:
    if setup in ONLY_FUSED and not FUSED:
        pytest.skip("TRL's own reference is of another precision")
    made = SETUPS[setup](small, tmp_path)
    ours, trls = (
        trained(trainer_of(kind, made, tmp_path, small))
        for kind in (PreferenceTrainer, trl.DPOTrainer)
    )
    assert_same(ours, trls)
    first = next(row for row in ours.state.log_history if "loss" in row)["rewards/margins"]
    assert (abs(first) > 1e-3) == setup.endswith(MOVES)
    last = ours.state.log_history[-1]
    assert abs(last["eval_rewards/margins"]) > 1e-4 or setup == "reference follows"
    assert ("eval_aux_loss" in last) == (setup == "experts")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("adapter", "reference"), [("no adapter", "no reference"), ("existing adapter", "in advance")]
)
def test_training_that_is_resumed_is_trls(
    adapter: str, reference: str, small: Small, tmp_path: Path
) -> None:
    """Also the same as training without a break, to the bit."""
    made = crossed(ADAPTERS[adapter], REFERENCES[reference])(small, tmp_path)
    saves = {"save_strategy": "steps", "save_steps": 2}
    resumed = []
    for kind in (PreferenceTrainer, trl.DPOTrainer):
        whole = trained(trainer_of(kind, made | saves, tmp_path / kind.__name__, small))
        again = trainer_of(kind, made | saves, tmp_path / kind.__name__, small)
        again.train(resume_from_checkpoint=str(tmp_path / kind.__name__ / "checkpoint-2"))
        again.evaluate()
        assert len(again.gradients) == 2
        for a, b in zip(again.gradients, whole.gradients[2:], strict=True):
            assert torch.equal(a, b)
        again.gradients = whole.gradients
        resumed.append(again)
    assert_same(*resumed)


def spoken(rows: Any) -> Any:
    """Return a data set as conversations."""
    roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    return rows.map(
        lambda row: {k: [{"role": role, "content": row[k]}] for k, role in roles.items()}
    )


def joined(rows: Any) -> Any:
    """Return a data set whose prompts are the beginnings of both texts."""
    return rows.map(
        lambda row: {side: row["prompt"] + row[side] for side in ("chosen", "rejected")}
    ).remove_columns("prompt")


FORMS: dict[str, Callable[[Any], Any]] = {
    "a stream": lambda rows: rows.to_iterable_dataset(),
    "conversations": spoken,
    "implicit prompts": joined,
}
TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_data_sets_of_other_forms_are_read_as_by_trl(
    form: str, small: Small, tmp_path: Path
) -> None:
    pairs = FORMS[form](data(small, n=24).select_columns(["prompt", "chosen", "rejected"]))
    tokenizer = deepcopy(small[0].tokenizer)
    tokenizer.chat_template = TEMPLATE
    shown = {"train_dataset": pairs, "eval_dataset": {"a": pairs}, "processing_class": tokenizer}
    made = {"model": small[0].new("text", 0), "ref_model": small[0].new("text", 1)}
    assert_same(
        *(
            trained(trainer_of(kind, made, tmp_path, small, **shown))
            for kind in (PreferenceTrainer, trl.DPOTrainer)
        )
    )


@pytest.mark.slow
def test_two_processes_train_as_by_trl(tmp_path: Path) -> None:
    """Each has the whole model and half of each batch; gradients are averaged."""
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    ends = subprocess.run(
        [*run, "-m", "tests.llm_processes", str(tmp_path)],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
    )
    assert ends.returncode == 0, ends.stderr
    assert ends.stdout.count("the same in 2 processes") == 2


REWARDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulation": {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 3},
    "half precision": {"bf16": True},
}


@pytest.mark.parametrize(
    "setup",
    [name if name == "plain" else pytest.param(name, marks=pytest.mark.slow) for name in REWARDS],
)
def test_reward_models_are_trls(setup: str, small: Small, tmp_path: Path) -> None:
    trainers = []
    for kind in (RewardModelTrainer, trl.RewardTrainer):
        gradients = Gradients()
        trainer = kind(
            model=small[0].new("score", 0),
            args=trl.RewardConfig(
                str(tmp_path), **{**QUIET, **PLAIN, "max_length": 2000, **REWARDS[setup]}
            ),
            train_dataset=data(small, n=24).select_columns(["prompt", "chosen", "rejected"]),
            eval_dataset=data(small, n=6).select_columns(["prompt", "chosen", "rejected"]),
            processing_class=small[0].tokenizer,
            callbacks=[gradients],
        )
        trainer.gradients = gradients.seen
        trainers.append(trained(trainer))
    assert_same(*trainers)

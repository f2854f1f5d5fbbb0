"""TRL's trainers with our losses: what they score, learn and keep."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from socialpref import DPO, AgreementOnly, CorrectedDPO, Population
from socialpref.cli import main
from socialpref.errors import ConvergenceError, DataError
from socialpref.estimators.orthogonal import PseudoLabels
from socialpref.examples import mediocre_winner

pytest.importorskip("trl", reason="the extra 'llm' is not installed")
import torch
import trl
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from socialpref.llm import Corpus, Models, open_models
from socialpref.llm.experiments import (
    ARMS,
    Settings,
    annotate,
    expect,
    labelled_pairs,
    run,
    true_joint,
)
from socialpref.llm.experiments.experiment import last_checkpoint, train_model
from socialpref.llm.models import Head
from socialpref.llm.trainer import PreferenceTrainer, RewardModelTrainer
from socialpref.training import TrueJoint, agreement_only, corrected, dpo
from socialpref.training.objectives import Objective

from .llm_small import QUIET, batch_of, data, margin_of, nudge, offline, small
from .llm_texts import write_dialogues

__all__ = ["offline", "small"]  # fixtures

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:(?!socialpref)", "ignore::FutureWarning:(?!socialpref)"
)


def preference(small: tuple[Models, Corpus], tmp_path: Path, **options: Any) -> Any:
    config = trl.DPOConfig(
        str(tmp_path), precompute_ref_log_probs=True, max_length=512, seed=3, **QUIET
    )
    trainer = PreferenceTrainer(
        model=small[0].new("text", 0),
        args=config,
        train_dataset=data(small),
        processing_class=small[0].tokenizer,
        **options,
    )
    nudge(trainer.model)
    return trainer


# --- scores -----------------------------------------------------------------------------


@pytest.mark.parametrize("shifted", [True, False])
def test_margins_from_plain_logits(
    small: tuple[Models, Corpus], tmp_path: Path, shifted: bool
) -> None:
    """Every token's logits, written out: of the place before it, or of its own place."""
    trainer = preference(small, tmp_path, reference=False, shifted=shifted)
    batch, margin = batch_of(trainer), margin_of(trainer)
    with torch.no_grad():
        logits = (
            type(trainer.model)
            .forward(trainer.model, batch["input_ids"], attention_mask=batch["attention_mask"])
            .logits
        )
    ids, mask = batch["input_ids"], batch["completion_mask"]
    if shifted:
        logits, ids, mask = logits[:, :-1], ids[:, 1:], mask[:, 1:]
    each = logits.log_softmax(-1).gather(2, ids[..., None])[..., 0]
    chosen, rejected = (each * mask).sum(1).chunk(2)
    assert_allclose(margin, 0.1 * (chosen - rejected), rtol=1e-4, atol=1e-4)


def test_logits_that_have_seen_the_token_are_no_likelihood() -> None:
    """Shifted scores of all texts of two tokens sum to one; the published form's do not."""
    model = toy_model(4)
    texts = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    begun = torch.cat([torch.zeros(16, 1, dtype=torch.int64), texts], dim=1)
    with torch.no_grad():
        words = model(begun).logits.log_softmax(-1)
    right = words[:, :-1].gather(2, texts[..., None]).sum((1, 2)).exp().sum()
    published = words[:, 1:].gather(2, texts[..., None]).sum((1, 2)).exp().sum()
    assert_allclose(float(right), 1.0, atol=1e-5)
    assert abs(float(published) - 1.0) > 1e-3


# --- the limits of the theory, on a language of single words ------------------------------


def toy_model(vocabulary: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=1,
            bos_token_id=None,
            eos_token_id=1,
            pad_token_id=0,
        )
    )


def toy_tokenizer(words: list[str]) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(["<padding>", "<end>", "ask", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<padding>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("<end>", "isolated")  # words stand alone
    tokenizer.add_special_tokens(["<padding>", "<end>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", pad_token="<padding>"
    )


def learned_rewards(
    population: Population, objective: Objective, tmp_path: Path, n_labels: int | None = None
) -> NDArray[np.float64]:
    """Return the implicit rewards of a language model that has seen all labels of all pairs."""
    words = [f"w{i}" for i in range(population.n_options)]
    first, second = np.triu_indices(population.n_options, 1)
    label, weight = population.pairwise()[first, second], np.ones(len(first))
    if n_labels is not None:  # each pair's unanimous panels, weighted by how often they are so
        p = 1.0 / (1.0 + np.exp(population.rewards[:, second] - population.rewards[:, first]))
        label, weight = np.repeat([1.0, 0.0], len(first)), np.append(p.prod(0), (1 - p).prod(0))
        first, second = np.tile(first, 2), np.tile(second, 2)
    joint = np.stack(TrueJoint((population,)).moments(0 * first, first, second), axis=1)
    rows = Dataset.from_dict(
        {
            "prompt": ["ask"] * len(first),
            "chosen": [f" {words[i]} " for i in first],
            "rejected": [f" {words[i]} " for i in second],
            "label": label,
            "weight": weight,
            "joint": joint.tolist(),
        }
    )
    model = toy_model(3 + len(words))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    steps = 250
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(1 - step / steps, 1e-3))
    trainer = PreferenceTrainer(
        model=model,
        args=trl.DPOConfig(
            str(tmp_path),
            beta=1.0,
            max_steps=steps,
            per_device_train_batch_size=len(first),
            logging_steps=steps,
            max_grad_norm=0.0,
            precompute_ref_log_probs=True,
            **QUIET,
        ),
        train_dataset=rows,
        eval_dataset=rows,
        processing_class=toy_tokenizer(words),
        optimizers=(optimiser, decay),
        objective=objective,
        n_labels=n_labels,
    )
    trainer.train()
    margins = trainer.predict(trainer.eval_dataset).predictions
    of_first = np.zeros(population.n_options)
    of_first[second[first == 0]] = -margins[first == 0]
    assert_allclose(margins, of_first[first] - of_first[second], atol=1e-4)
    return of_first - of_first.mean()


@pytest.mark.parametrize(
    "method",
    [*(pytest.param(m, marks=pytest.mark.slow) for m in ("dpo", "corrected")), "agreement"],
)
def test_a_language_model_goes_to_the_exact_limits(method: str, tmp_path: Path) -> None:
    crowd = mediocre_winner()
    methods: dict[str, tuple[Objective, Any, int | None]] = {
        "dpo": (dpo, DPO().limit(crowd), None),
        "corrected": (corrected(0.5), CorrectedDPO(alpha=0.5).limit(crowd), None),
        "agreement": (agreement_only, AgreementOnly().limit(crowd), 3),
    }
    objective, limit, n_labels = methods[method]
    got = learned_rewards(crowd, objective, tmp_path, n_labels)
    assert_allclose(got, limit.rewards - limit.rewards.mean(), atol=2e-3)


# --- data sets, checkpoints, failures -------------------------------------------------------


def test_data_sets_say_what_was_chosen(small: tuple[Models, Corpus]) -> None:
    corpus = small[1]
    labels = annotate(ARMS["linked"], corpus.lengths, 40, seed=2)
    rows = labelled_pairs(corpus, labels, true_joint())
    for row, pair, won in zip(rows, labels.pair, labels.wins, strict=True):
        assert isinstance(row, dict)
        texts = corpus.pairs[pair]
        assert row["prompt"] == texts.prompt
        assert row["chosen"] == (texts.first if won else texts.second)
        lengths = corpus.lengths[pair] if won else corpus.lengths[pair][::-1]
        assert [row["chosen_length"], row["rejected_length"]] == lengths.tolist()
        assert_allclose(row["joint"][0] + 2 * row["joint"][1] + row["joint"][2], 1.0)
    assert rows["label"][:] == [1.0] * 40
    typed = annotate(ARMS["orthogonal"], corpus.lengths, 40, seed=2)
    pseudo = PseudoLabels(np.arange(40.0), np.ones(40))
    found = labelled_pairs(corpus, typed, pseudo=pseudo)["pseudo_label"][:]
    assert found == [i if won else -i for i, won in enumerate(typed.wins)]
    soft = labelled_pairs(corpus, expect(ARMS["average"], corpus.lengths))
    assert min(soft["label"]) >= 0.5


SHORT = Settings(batch_size=4, save_steps=2, epochs=1.0)


@pytest.mark.parametrize("head", ["text", "score"])
def test_training_goes_on_after_a_kill_to_the_same_result(
    small: tuple[Models, Corpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: Head
) -> None:
    arm, rows = ARMS["linked"], data(small, "linked", 24)
    settings = replace(SHORT, head=head)

    def go(name: str) -> NDArray[np.float64]:
        return train_model(
            small[0], rows, rows.select(range(5)), settings, arm, seed=0, folder=tmp_path / name
        )

    whole = go("whole")
    kind = PreferenceTrainer if head == "text" else RewardModelTrainer
    step, calls = kind.training_step, [0]

    def killed(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == 5:
            raise KeyboardInterrupt
        return step(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "training_step", killed)
        with pytest.raises(KeyboardInterrupt):
            go("cut")
    (tmp_path / "cut" / "checkpoint-9").mkdir()  # as a kill in the middle of writing leaves it
    assert last_checkpoint(tmp_path / "cut") == str(tmp_path / "cut" / "checkpoint-4")
    assert go("cut").tolist() == whole.tolist()


def test_long_texts_are_cut_for_reward_models(small: tuple[Models, Corpus], tmp_path: Path) -> None:
    trainer = RewardModelTrainer(
        model=small[0].new("score", 0),
        args=trl.RewardConfig(str(tmp_path), max_length=20, **QUIET),
        train_dataset=data(small),
        processing_class=small[0].tokenizer,
    )
    assert len(trainer.train_dataset) == 12
    assert batch_of(trainer)["input_ids"].shape[1] == 20


def test_a_loss_that_is_not_finite_stops(small: tuple[Models, Corpus], tmp_path: Path) -> None:
    trainer = preference(small, tmp_path, objective=lambda margin, _: margin.sum() * np.nan)
    with pytest.raises(ConvergenceError, match="the loss is nan at step 0"):
        trainer.compute_loss(trainer.model, batch_of(trainer))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA"), RuntimeError("can't allocate memory")]
)
def test_too_little_memory_is_said(
    small: tuple[Models, Corpus],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: RuntimeError,
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(PreferenceTrainer, "training_step", fails)
    rows = data(small)
    with pytest.raises(DataError, match="too little memory to train small in batches of 4"):
        train_model(small[0], rows, rows, SHORT, ARMS["anonymous"], seed=0, folder=tmp_path / "run")


def test_models_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be loaded as a language model"):
        open_models("nobody/nothing-at-all", [])
    (tmp_path / "a.gguf").touch()
    (tmp_path / "b.gguf").touch()
    with pytest.raises(DataError, match="must hold one GGUF file; got 2"):
        open_models(str(tmp_path), [])


def test_panels_and_types_train_small_models(small: tuple[Models, Corpus], tmp_path: Path) -> None:
    """Panels that are not all kept, and one model for each type."""
    arms = ("agreement", "typed")
    settings = replace(SHORT, arms=arms, budgets=(24,), seeds=1, units=("pairs",), test_pairs=6)
    outcomes = run(small[1], settings, small[0], keep=tmp_path)
    assert [(o.arm, o.n_tested) for o in outcomes] == [(arm, 6) for arm in arms]
    assert outcomes[0].n_pairs < 24 == outcomes[1].n_pairs


@pytest.mark.slow
def test_pseudo_labels_train_small_models(small: tuple[Models, Corpus], tmp_path: Path) -> None:
    """One model, from all labels; and linked comparisons, whose test pairs have no joint."""
    settings = replace(
        SHORT, arms=("orthogonal", "linked"), budgets=(24,), seeds=1, units=("labels",),
        n_classes=1, test_pairs=6,
    )  # fmt: skip
    outcomes = run(small[1], settings, small[0], keep=tmp_path)
    assert [(o.arm, o.n_pairs, o.n_tested) for o in outcomes] == [
        ("orthogonal", 24, 6), ("linked", 24, 6),
    ]  # fmt: skip
    assert len([*tmp_path.glob("*/orthogonal-24-labels-0/*/checkpoint-*")]) == 1


@pytest.mark.slow
def test_the_command_end_to_end_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_dialogues(tmp_path / "pairs.jsonl.gz", 200)
    out = tmp_path / "out"
    arguments = ["hh", "--data", str(data), "--arms", "anonymous,agreement-law", "--budget", "64"]
    arguments += ["--seeds", "2", "--units", "labels", "--test-pairs", "20"]
    assert main([*arguments, "--out", str(out)]) == 0
    table = pd.read_csv(out / "summary.csv")
    assert table["arm"].tolist() == ["anonymous", "agreement-law"]
    assert table["accuracy"].between(0.0, 1.0).all()
    assert "gain over DPO" in capsys.readouterr().out
    assert not (out / "unfinished").exists()

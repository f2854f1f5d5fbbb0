"""Small models and data sets to train them on, for the tests of TRL's trainers."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from datasets import Dataset, disable_progress_bars

from socialpref.llm import Corpus, Models, Pair, measure, open_models
from socialpref.llm.experiments import ARMS, annotate, labelled_pairs, true_joint

from .llm_texts import dialogues

QUIET: dict[str, Any] = {
    "bf16": False,
    "use_cpu": True,
    "report_to": "none",
    "disable_tqdm": True,
    "save_strategy": "no",
    "activation_checkpointing": False,
    "dataloader_pin_memory": False,
}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    # The environment variable is read once, when the hub's library is imported.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    disable_progress_bars()


def made_small() -> tuple[Models, Corpus]:
    """Return a small model's source, and the texts that its tokenizer was trained on."""
    pairs = [Pair(*d) for d in dialogues(60, longest=80)]
    models = open_models("small", (p.prompt + p.first for p in pairs), vocabulary=300)
    return models, measure(pairs, models.tokenizer)


@pytest.fixture(scope="module")
def small() -> Iterator[tuple[Models, Corpus]]:
    made = made_small()
    gc.freeze()  # trainers collect garbage, in all that was imported, too
    yield made
    gc.unfreeze()


def data(small: tuple[Models, Corpus], arm: str = "anonymous", n: int = 12) -> Dataset:
    labels = annotate(ARMS[arm], small[1].lengths, n, seed=0)
    return labelled_pairs(small[1], labels, true_joint() if arm == "linked" else None)


def batch_of(trainer: Any) -> dict[str, Any]:
    return next(iter(trainer.get_train_dataloader()))


def margin_of(trainer: Any) -> torch.Tensor:
    """Return the margins of a trainer's first batch."""
    batch = batch_of(trainer)
    return trainer.compute_loss(trainer.model, batch, return_outputs=True)[1]["margin"].detach()


def nudge(model: Any) -> None:
    """Move a model away from its reference."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weights in model.parameters():
            weights += 0.02 * torch.randn(weights.shape, generator=generator)

"""Language models: a small one with random weights, or a pretrained one by name or folder."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from .. import _validate
from .._extras import require
from ..errors import DataError
from .data import LIMIT

Head = Literal["text", "score"]
HEADS: tuple[Head, ...] = ("text", "score")
SMALL = "small"
LORA = {"r": 8, "lora_alpha": 32, "lora_dropout": 0.1}
"""The published script's adapter."""


@dataclass(frozen=True)
class Models:
    """A tokenizer, and where models come from.

    Attributes
    ----------
    name : str
        ``small``, a hub name, or a folder; a folder may hold one GGUF file.
    tokenizer : transformers tokenizer
    """

    name: str
    tokenizer: Any

    def new(self, head: Head, seed: int) -> Any:
        """Return a model that writes text, or one that gives a text a score.

        Raises
        ------
        DataError
            If a pretrained model cannot be loaded, also because memory is too small.
        """
        _validate.choice("head", head, HEADS)
        _validate.integer("seed", seed, 0, 2**32 - 1)
        require("llm", "a language model")
        import transformers

        transformers.set_seed(seed)
        if self.name == SMALL:
            return _small(self.tokenizer, head)
        auto = {
            "text": transformers.AutoModelForCausalLM,
            "score": transformers.AutoModelForSequenceClassification,
        }[head]
        options = {"num_labels": 1} if head == "score" else {}
        with _explained(self.name):
            model = auto.from_pretrained(self.name, dtype=_dtype(), **options, **_gguf(self.name))
        if _gguf(self.name):
            # The weights are full numbers by now, but trainers refuse what says it is quantized.
            model.is_quantized, model.hf_quantizer = False, None
            del model.config.quantization_config
        model.config.pad_token_id = self.tokenizer.pad_token_id
        return model

    def adapter(self, head: Head) -> Any:
        """Return the LoRA configuration to train with; None to train all weights."""
        _validate.choice("head", head, HEADS)
        if self.name == SMALL:
            return None
        from peft import LoraConfig, TaskType

        tasks = {"text": TaskType.CAUSAL_LM, "score": TaskType.SEQ_CLS}
        return LoraConfig(task_type=tasks[head], **LORA)


def open_models(name: str, texts: Iterable[str], vocabulary: int = 1024) -> Models:
    """Return the models of a name, with their tokenizer.

    Parameters
    ----------
    name : str
        ``small``: a tokenizer is trained on the texts. Else a hub name or a folder.
    texts : iterable of str
    vocabulary : int
        Size of the small model's; at least 258, for every byte, the end and padding.

    Raises
    ------
    InputError
        If an argument is not what it must be, or the extra ``llm`` is missing.
    DataError
        If there is no such model.
    """
    _validate.instance("name", name, str, "the name of a model or of a folder")
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise _validate.complaint("texts", "a collection of texts", _validate.shown(texts))
    _validate.integer("vocabulary", vocabulary, 258)
    require("llm", "a language model")
    if name == SMALL:
        return Models(name, train_tokenizer(texts, vocabulary))
    from transformers import AutoTokenizer

    with _explained(name):
        tokenizer = AutoTokenizer.from_pretrained(name, **_gguf(name))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Models(name, tokenizer)


def train_tokenizer(texts: Iterable[str], vocabulary: int = 1024) -> Any:
    """Train a byte-level BPE tokenizer on texts, in the form that transformers uses."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    end, padding = "<end>", "<padding>"
    tokenizer = Tokenizer(models.BPE())
    # Blank lines are their own words, so that a prompt's tokens do not depend on what follows.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[padding, end],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, pad_token=padding, padding_side="right"
    )


def _small(tokenizer: Any, head: Head) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=1,
        tie_word_embeddings=True,
        max_position_embeddings=2 * LIMIT,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
    )
    return LlamaForCausalLM(config) if head == "text" else LlamaForSequenceClassification(config)


def _dtype() -> torch.dtype:
    return torch.bfloat16 if on_gpu() and torch.cuda.is_bf16_supported() else torch.float32


def on_gpu() -> bool:
    """Return whether there is a GPU to train on."""
    return torch.cuda.is_available()


def _gguf(name: str) -> dict[str, str]:
    """Return how to load a folder that holds a GGUF file instead of transformers' own."""
    folder = Path(name)
    files = sorted(folder.glob("*.gguf")) if folder.is_dir() else []
    if len(files) > 1:
        raise DataError(f"{folder}: must hold one GGUF file; got {len(files)}")
    return {"gguf_file": files[0].name} if files else {}


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn the many errors of loading into one line."""
    from huggingface_hub import constants

    try:
        yield
    except (OSError, ValueError, ImportError, KeyError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if constants.HF_HUB_OFFLINE else ""
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{name}: cannot be loaded as a language model{offline}: {reason}"
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not of_memory(error):
            raise
        raise DataError(f"{name}: there is too little memory for this model") from error


def silence() -> None:
    """Switch off the progress bars of the libraries that load and train models."""
    import datasets
    import transformers

    os.environ["TQDM_DISABLE"] = "1"
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()


def of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory is too small, which torch does in several ways."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "memory" in str(error)

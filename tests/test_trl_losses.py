"""Every loss of TRL's DPO trainer: what it converges to, as the page says."""

import re
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from socialpref import InputError
from socialpref.training import Certification, certify

from .trl_losses import BATCHES, LOSSES, SMOOTHING

trl = pytest.importorskip("trl")
PAGE = Path(__file__).parents[1] / "docs" / "howto" / "loss-in-trl.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
N, TOKENS = 6, 8


def trainers_loss(name: str, logps: torch.Tensor, mask: torch.Tensor, refs: torch.Tensor) -> float:
    """Return the loss that the trainer's own code gives a batch of log-probabilities of tokens."""
    trainer = MagicMock()
    trainer.aux_loss_enabled, trainer.ld_alpha, trainer.use_weighting = False, None, False
    trainer.precompute_ref_logps, trainer.f_divergence_type = True, "reverse_kl"
    trainer.loss_types, trainer.loss_weights = [name], [1.0]
    trainer.beta, trainer.label_smoothing, trainer.args.discopop_tau = 1.0, SMOOTHING, 0.05
    trainer.accelerator.device = "cpu"
    trainer.accelerator.gather_for_metrics = trainer.accelerator.gather = lambda value: value
    trainer._metrics = defaultdict(lambda: defaultdict(list))
    trainer._total_train_tokens, trainer._tp_size = 0, 1
    some = torch.zeros_like(logps)
    trainer_model: Any = lambda **_: SimpleNamespace(  # noqa: E731
        log_probs=logps, entropy=some, mean_logits=some, is_top1=some.bool()
    )
    ones = torch.ones(2 * N, TOKENS + 1, dtype=torch.long)
    inputs = {
        "input_ids": ones,
        "attention_mask": ones,
        "completion_mask": torch.cat([torch.zeros(2 * N, 1, dtype=torch.long), mask], dim=1),
        "ref_chosen_logps": refs[:N],
        "ref_rejected_logps": refs[N:],
    }
    compute: Any = trl.DPOTrainer._compute_loss
    return float(compute(trainer, trainer_model, inputs, False))


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "sft"])
def test_losses_are_those_of_the_trainer(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, TOKENS + 1, (2 * N,), generator=generator)
    mask = (torch.arange(TOKENS) < lengths[:, None]).long()
    logps = -torch.rand(2 * N, TOKENS, generator=generator, dtype=torch.float64) * mask
    refs = -3.0 * torch.rand(2 * N, generator=generator, dtype=torch.float64)
    both = {
        "logp": torch.stack(logps.sum(dim=1).chunk(2), dim=1),
        "reference": torch.stack(refs.chunk(2), dim=1),
        "length": torch.stack(lengths.chunk(2), dim=1),
    }
    ratio = both["logp"] - both["reference"]
    loss: Any = LOSSES[name][0]
    sees = LOSSES[name][1]
    for label in (1.0, 0.0):  # the second first, where it is the chosen one
        seen = {one: both[one] if label else both[one].flip(1) for one in sees}
        margin = (2 * label - 1) * (ratio[:, 0] - ratio[:, 1])
        ours = loss(margin, torch.full((N,), label, dtype=torch.float64), **seen).mean()
        assert float(ours) == pytest.approx(trainers_loss(name, logps, mask, refs), rel=1e-6)


def test_the_page_has_every_loss_of_the_trainer() -> None:
    source = Path(trl.trainer.dpo_trainer.__file__).read_text(encoding="utf-8")
    known = set(re.findall(r'loss_type == "(\w+)"', source))
    assert known == {*LOSSES, *BATCHES}
    rows = {row[0] for row in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    assert rows - {"loss_type"} == known


def cells(found: Certification) -> tuple[str, str, str]:
    """Return what the table says of a loss."""
    if found.without_minimum == found.n_populations:
        return "no minimum", "-", "-"
    limits = [*found.converges_to, *found.proportional_to]
    nbc = found.orders_on_all[0]
    some = "" if found.has_minimum else "; often no minimum"
    order = "yes" if nbc.always else "no"
    return (limits[0] if limits else "no known limit") + some, order, several(found)


def several(found: Certification) -> str:
    return "yes" if found.several_minima else "no"


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_the_page_says_what_losses_converge_to(name: str) -> None:
    rows = {row[0]: row[1:] for row in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    loss, sees = LOSSES[name]
    found = certify(loss, sees=sees, n_populations=20, n_search=200)  # type: ignore[arg-type]
    assert rows[name] == cells(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "length", "converges_to", "proportional_to"),
    [
        ("ipo", 1.0, ("ipo",), {}),
        ("ipo", 4.0, ("ipo(tau=0.25)",), {}),
        ("sigmoid_norm", 1.0, ("dpo",), {}),
        ("sigmoid_norm", 4.0, (), {"dpo": 4.0}),
    ],
)
def test_losses_by_token_are_known_for_options_of_one_length(
    name: str, length: float, converges_to: tuple[str, ...], proportional_to: dict[str, float]
) -> None:
    def loss(margin: Any, label: Any) -> Any:
        logp = torch.stack([margin, torch.zeros_like(margin)], dim=1)
        by_token: Any = LOSSES[name][0]
        shown = {"logp": logp, "reference": torch.zeros_like(logp)}
        return by_token(margin, label, length=torch.full_like(logp, length), **shown)

    found = certify(loss, n_populations=4, n_search=0)
    assert (found.converges_to, found.proportional_to) == (converges_to, proportional_to)


@pytest.mark.slow
def test_exo_pair_mostly_has_the_order_of_nbc() -> None:
    loss: Any = LOSSES["exo_pair"][0]
    nbc = certify(loss, n_populations=20, n_search=0).orders_on_all[0]
    said = f"`exo_pair` has the order of NBC on {nbc.held} of the {nbc.looked} populations"
    assert said in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_sft_learns_how_often_each_option_is_chosen() -> None:
    loss: Any = LOSSES["sft"][0]
    found = certify(loss, sees=("logp",), n_populations=20, n_search=0)
    for looked in found.looked:
        setting = looked.setting
        assert looked.rewards is not None
        policy = setting.reference * np.exp(looked.rewards)
        drawn = setting.sampling[:, None] * setting.sampling * (1.0 - np.eye(len(policy)))
        chosen = (drawn * setting.population.pairwise()).sum(axis=1)
        assert_allclose(policy / policy.sum(), chosen / chosen.sum(), atol=1e-9)


def test_losses_that_sort_a_batch_are_refused() -> None:
    def aot_unpaired(margin: Any, label: Any, logp: Any, reference: Any) -> Any:
        won = label > 0.5
        ratio = logp - reference
        chosen = torch.where(won, ratio[:, 0], ratio[:, 1]).sort().values
        rejected = torch.where(won, ratio[:, 1], ratio[:, 0]).sort().values
        return -torch.nn.functional.logsigmoid(chosen - rejected)

    with pytest.raises(InputError, match=r"function of (the margins|each comparison)"):
        certify(aot_unpaired, sees=("logp", "reference"))
